/* zab_world.h: a small deterministic world for zab alone: servers, connections that delay, stall and break, the
 * simulator's disks, and a judge that looks after every event.
 *
 * WHY HERE    tests/sim runs whole replicas with clients; here the broadcast is alone, so a seed takes a millisecond
 *             or two and a failing one is short. The state of a 'replica' is a running hash of what it applied.
 * JUDGE       One leader an epoch. What is applied anywhere is one sequence, and everyone applies a prefix of it.
 *             Whoever is elected holds what leaders of lower epochs had committed. No acknowledgement, grant or vote
 *             request leaves before its disk has it. A confirmed round sees all that was committed when it was asked
 *             for. Nothing committed is cut (the disk refuses, and that is fatal). zab_check holds.
 */
#pragma once
#include "common/rng.h"
#include "server/zab/zab.h"
#include "tests/sim/disk.h"

#define WORLD_SERVERS_MAX 7

struct world;

struct world_options {
    uint64_t seed;
    size_t participants;
    size_t observers;
    uint32_t tick_ms;
    uint32_t counter_roll;
    bool initialize;
    bool trace;
    bool garble;    /* messages are spoilt on their way; only that nobody crashes is judged then */
    bool big_state; /* of a few megabytes */
    uint32_t delay_min_ms; /* of a message */
    uint32_t delay_max_ms; /* and so much on top at most */
};

/* Servers 1..n with blank disks, all down. */
struct world *world_new(const struct world_options *options);
void world_free(struct world *w);
/* NULL, or the first thing that did not hold. */
const char *world_trouble(const struct world *w);
uint64_t world_now_ms(const struct world *w);

void world_start(struct world *w, uint64_t id);
void world_start_all(struct world *w);
void world_crash(struct world *w, uint64_t id, enum disk_crash kind);
void world_wipe(struct world *w, uint64_t id); /* must be down */
void world_pause(struct world *w, uint64_t id, bool paused);
void world_break(struct world *w, uint64_t a, uint64_t b); /* both connections between them close */
void world_cut(struct world *w, uint64_t from, uint64_t to, bool cut); /* one way: bytes stall */
void world_isolate(struct world *w, uint64_t id, bool cut);
void world_heal(struct world *w);
void world_slow_disk(struct world *w, uint64_t id, uint32_t min_ms, uint32_t max_ms);
struct disk *world_disk(struct world *w, uint64_t id);
struct zab *world_zab(struct world *w, uint64_t id); /* NULL: down */
/* `zkd recover` on this server's disk, while it is down: what the log holds beyond it is forgotten by the judge. The
 * others, down too, are wiped. */
void world_recover(struct world *w, uint64_t id);
bool world_is_up(const struct world *w, uint64_t id);
uint64_t world_applied(const struct world *w, uint64_t id);
const char *world_fatal(const struct world *w, uint64_t id);
/* A server that stops itself (fatal) is not trouble from now on. */
void world_expect_fatal(struct world *w);
/* Did a sentence with this in it come out of the server since it was last asked? */
bool world_heard(struct world *w, uint64_t id, const char *part);

/* Let time pass. False: trouble. */
bool world_run(struct world *w, uint64_t ms);
/* Until a leader serves and all that are up are level with it. False: not within ms, or trouble. */
bool world_settle(struct world *w, uint64_t ms);
/* Until somebody serves; its id, 0: nobody within ms. */
uint64_t world_leader(struct world *w, uint64_t ms);
bool world_propose(struct world *w, uint64_t id, size_t count);
bool world_confirm(struct world *w, uint64_t id);
void world_hand_over(struct world *w, uint64_t id);
/* Its replica's state differs from the quorum's. */
void world_rebuild(struct world *w, uint64_t id);
void world_checkpoint(struct world *w, uint64_t id, bool purge);
uint64_t world_committed_count(const struct world *w); /* entries that somebody applied */

struct world_marks {
    uint64_t elections, commits, truncs, snaps, snaps_done, readmissions, rolls, handovers, confirms, crashes,
        wipes, rebuilds, damages, recoveries, renames, restores, pauses, cuts, breaks;
};
const struct world_marks *world_marks(const struct world *w);
