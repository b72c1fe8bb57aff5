/* zab_kit.h: what the stories of server/zab share: ensembles of the little world (zab_world.h), and who is who in them. */
#pragma once
#include "tests/unit/zab_world.h"
#include "server/zab/core.h"
#include "tests/unit/run.h"
#include <stdio.h>

static inline struct world *ensemble(size_t participants, size_t observers)
{
    struct world_options options = {.seed = 42,
                                    .participants = participants,
                                    .observers = observers,
                                    .tick_ms = 2000,
                                    .delay_max_ms = 1,
                                    .trace = getenv("ZAB_TRACE") != NULL};
    return world_new(&options);
}

static inline struct world *founded_ensemble(size_t participants, size_t observers)
{
    struct world *w = ensemble(participants, observers);
    world_start_all(w);
    ck_assert_msg(world_settle(w, 5000), "%s", world_trouble(w) ? world_trouble(w) : "not level");
    return w;
}

static inline void end(struct world *w)
{
    ck_assert_msg(!world_trouble(w), "%s", world_trouble(w));
    world_free(w);
}

static inline void write_some(struct world *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t leader = world_leader(w, 3000);
        ck_assert(leader && world_propose(w, leader, 1));
        world_run(w, 5);
    }
}

static inline uint64_t other_than(uint64_t a, uint64_t b)
{
    uint64_t id = 1;
    while (id == a || id == b)
        id++;
    return id;
}

static inline uint64_t follower_of(uint64_t leader)
{
    return other_than(leader, leader);
}

static inline void expect_another_leader(struct world *w, uint64_t old, uint64_t within_ms)
{
    uint64_t leader = world_leader(w, within_ms);
    ck_assert_msg(leader && leader != old, "%s", world_trouble(w) ? world_trouble(w) : "nobody leads, or the same");
}

static inline void checkpoint_all(struct world *w, size_t count)
{
    for (uint64_t id = 1; id <= count; id++)
        world_checkpoint(w, id, true);
    world_run(w, 300);
}

/* Three that have a checkpoint, and the log before it neither on the disk nor in memory. */
static inline struct world *ensemble_with_a_past(void)
{
    struct world *w = founded_ensemble(3, 0);
    write_some(w, 20);
    checkpoint_all(w, 3);
    for (uint64_t id = 1; id <= 3; id++)
        world_crash(w, id, DISK_PROCESS_CRASH);
    world_start_all(w);
    ck_assert(world_settle(w, 3000));
    return w;
}
