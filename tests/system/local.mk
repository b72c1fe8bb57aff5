# tests/system: files of this folder; included by the top Makefile.am.
if WITH_LIBEVENT
TESTS += tests/system/client_exports.sh
dist_check_SCRIPTS += tests/system/client_exports.sh
endif
