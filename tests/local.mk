# tests: the rules that a machine can keep, and the long way round.
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; SANITIZE='$(SANITIZE)'; \
	PYTHONDONTWRITEBYTECODE=1; export top_srcdir top_builddir SANITIZE PYTHONDONTWRITEBYTECODE;
EXTRA_DIST += tests/skips.txt
dist_check_SCRIPTS += \
	tests/run_long \
	tests/tidy/includes tests/tidy/lean tests/tidy/manpages tests/tidy/purity tests/tidy/style
TESTS += tests/tidy/includes tests/tidy/manpages tests/tidy/purity tests/tidy/style

# Folders add what takes longer than make check may.
LONG_TESTS = tests/tidy/lean

check-long: check
	$(AM_TESTS_ENVIRONMENT) $(SHELL) $(srcdir)/tests/run_long $(LONG_TESTS)
.PHONY: check-long demo cluster
