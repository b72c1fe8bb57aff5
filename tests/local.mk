# tests: files of this folder; included by the top Makefile.am.
EXTRA_DIST += tests/skips.txt
