/* zab_failover.h: how long the little world (zab_world.h) takes to elect when machines and disks are slow. */
#pragma once
#include "tests/unit/zab_world.h"

struct failover_load {
    size_t servers; /* an odd number: a minority of them is lost, one after another, the leader first */
    uint32_t tick_ms;
    uint32_t run_ms; /* so long on average a server runs between two hold-ups; 0: none is ever held up */
    uint32_t held_min_ms;
    uint32_t held_max_ms;
    uint32_t disk_min_ms;
    uint32_t disk_max_ms;
};

struct failover_sample {
    uint32_t ms;     /* from the leader's end until another one serves; FAILOVER_PATIENCE_MS: nobody did */
    uint32_t all_ms; /* from then until every other one that is left follows too: clients of one that does not wait as well */
    uint32_t epochs; /* so many were promised anew meanwhile: 1 is an election that nobody disturbed */
};

#define FAILOVER_PATIENCE_MS 120000
#define FAILOVER_SAMPLES_MAX (WORLD_SERVERS_MAX / 2)

/* One life from its seed: (servers - 1) / 2 samples. NULL, or the first thing that did not hold (valid until the next
 * call). */
const char *failover_life(const struct failover_load *load, uint64_t seed, bool trace,
                          struct failover_sample ret_samples[FAILOVER_SAMPLES_MAX]);
