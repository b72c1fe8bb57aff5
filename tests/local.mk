# tests: the rules that a machine can keep, and the long way round.
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; SANITIZE='$(SANITIZE)'; \
	PYTHONDONTWRITEBYTECODE=1; CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT:-30}; \
	export top_srcdir top_builddir SANITIZE PYTHONDONTWRITEBYTECODE CK_DEFAULT_TIMEOUT;
EXTRA_DIST += .clang-tidy tests/skips.txt tests/tidy/lint.txt tests/tidy/tsan.txt
dist_check_SCRIPTS += \
	tests/run_long \
	tests/tidy/asan tests/tidy/includes tests/tidy/lean tests/tidy/lint tests/tidy/long tests/tidy/manpages \
	tests/tidy/purity \
	tests/tidy/style tests/tidy/tsan
TESTS += tests/tidy/includes tests/tidy/long tests/tidy/manpages tests/tidy/purity tests/tidy/style

# Folders add what takes longer than make check may.
LONG_TESTS = tests/tidy/lean tests/tidy/lint
if WITH_DAEMON
LONG_TESTS += tests/tidy/asan tests/tidy/tsan
endif

check-long: check
	$(AM_TESTS_ENVIRONMENT) $(SHELL) $(srcdir)/tests/run_long $(LONG_TESTS)
lint: all
	$(AM_TESTS_ENVIRONMENT) $(srcdir)/tests/tidy/lint
.PHONY: check-long demo cluster lint
