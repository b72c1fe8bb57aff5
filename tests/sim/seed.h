/* seed.h: one seed from the first start to the last check. */
#pragma once
#include "tests/sim/world.h"

/* Runs it; a violation ends the process (world_fail). */
void seed_run(uint64_t seed, bool is_talking, bool is_loud, struct tally *ret_tally);
