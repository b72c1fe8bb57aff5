/* zab_life.h: a whole random life of the little world (zab_world.h) from a seed. */
#pragma once
#include "tests/unit/zab_world.h"

/* At the end faults heal and all must be level. NULL, or what went wrong (valid until the next call). */
const char *life_random(uint64_t seed, bool trace, struct world_marks *ret_marks);
/* One in which messages lie. It ends without a crash, or it does not end well. */
void life_garbled(uint64_t seed, bool trace);
