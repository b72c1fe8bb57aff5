/* fuzz.h: what a fuzz target offers. Linked with clang's -fsanitize=fuzzer the library drives it by coverage; linked
 * with drive.c it is fed its seeds, spoiled in a fixed number of ways from a fixed start, so that `make check` has it. */
#pragma once
#include "common/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* The n-th seed, a well-formed input, or false. For drive.c; appended to `out`. */
bool fuzz_seed(size_t n, struct zk_buf *out);
