# tests/fuzz: what comes from outside, spoiled. In `make check` a fixed few thousand inputs each (drive.c); with
# clang's -fsanitize=fuzzer in place of drive.c, as long as one likes.
check_PROGRAMS += tests/fuzz/fuzz_client
TESTS += tests/fuzz/fuzz_client
tests_fuzz_fuzz_client_SOURCES = tests/fuzz/fuzz_client.c tests/fuzz/drive.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_client_LDADD = libreplica.la libzab.la libstate.la libdisk.la

check_PROGRAMS += tests/fuzz/fuzz_log
TESTS += tests/fuzz/fuzz_log
tests_fuzz_fuzz_log_SOURCES = tests/fuzz/fuzz_log.c tests/fuzz/drive.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_log_LDADD = libmark.la libgroup.la
