# tests: the rules that a machine can keep, and the long way round.
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; SANITIZE='$(SANITIZE)'; \
	PYTHONDONTWRITEBYTECODE=1; export top_srcdir top_builddir SANITIZE PYTHONDONTWRITEBYTECODE;
EXTRA_DIST += tests/skips.txt
dist_check_SCRIPTS += tests/tidy/includes tests/tidy/lean tests/tidy/manpages tests/tidy/purity
TESTS += tests/tidy/includes tests/tidy/manpages tests/tidy/purity

# Folders add what takes longer than make check may.
LONG_TESTS = tests/tidy/lean

check-long: check
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS="$(LONG_TESTS)" TEST_SUITE_LOG=test-suite-long.log
.PHONY: check-long demo cluster
CLEANFILES += test-suite-long.log
