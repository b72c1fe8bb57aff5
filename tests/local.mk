# tests: the rules that a machine can keep.
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; export top_srcdir top_builddir;
EXTRA_DIST += tests/skips.txt
dist_check_SCRIPTS += tests/tidy/includes tests/tidy/manpages tests/tidy/purity
TESTS += tests/tidy/includes tests/tidy/manpages tests/tidy/purity
