/* world.h: one simulated world: its time, its chance, its story and its end.
 *
 * One thread, one seed: everything that happens is an event of the queue, and chance is drawn from generators kept
 * apart by purpose, so that drawing more in one place does not shift all the others. The same seed and the same build
 * give the same run, byte for byte.
 *
 * STORY       SAY(w, ...) is a line of the story, with the time before it. Nothing is formatted while nobody listens:
 *             a seed runs silently, and one that failed is run again, talking.
 */
#pragma once
#include "common/rng.h"
#include "tests/sim/queue.h"
#include "tests/sim/swarm.h"
#include "tests/sim/tally.h"

#define WORLD_SERVERS_MAX 7
#define WORLD_CLIENTS_MAX 16

enum world_chance {
    WORLD_CHANCE_NET,
    WORLD_CHANCE_DISK,
    WORLD_CHANCE_PROCESS,
    WORLD_CHANCE_CLOCK,
    WORLD_CHANCE_CLIENT,
    WORLD_CHANCE_WORK,
    WORLD_CHANCE_SECRET,
    WORLD_CHANCE_TAKEOVER,
    WORLD_CHANCES,
};

struct net;
struct ledger;
struct host;
struct person;
struct life;

struct world {
    uint64_t seed;
    uint64_t now_us;
    struct queue queue;
    struct swarm swarm;
    struct zk_rng chance[WORLD_CHANCES];
    struct net *net;
    struct ledger *ledger;
    size_t host_count;
    struct host *hosts[WORLD_SERVERS_MAX];
    size_t person_count;
    struct person *persons[WORLD_CLIENTS_MAX];
    struct life *lives; /* of all clients, the newest first */
    uint64_t acked;     /* the last write that somebody was told of */
    struct tally tally;
    bool is_talking; /* the story is told */
    bool is_loud;    /* at once, on stdout; else only its tail, when the seed fails */
    bool is_over;    /* the faults have healed: only convergence counts */
};

struct world *world_new(uint64_t seed, bool is_talking, bool is_loud);
void world_free(struct world *w);

/* Schedule `fn` in `after_us`. */
void world_after(struct world *w, uint64_t after_us, queue_fn *fn, void *arg, uint64_t token);
/* Run until nothing is left to do before `until_us`; the time is then that. */
void world_run(struct world *w, uint64_t until_us);

/* One in a million times `millionths`. */
bool world_chance(struct world *w, enum world_chance kind, uint32_t millionths);
uint32_t world_below(struct world *w, enum world_chance kind, uint32_t bound);
uint64_t world_between(struct world *w, enum world_chance kind, uint64_t lo, uint64_t hi);
/* About `mean` on average, exponentially distributed, at most 16 times that; at least 1. */
uint64_t world_about(struct world *w, enum world_chance kind, uint64_t mean);

void world_say(struct world *w, const char *format, ...) ZK_PRINTF(2, 3);
#define SAY(w, ...) ((w)->is_talking ? world_say(w, __VA_ARGS__) : (void)0)
static inline void world_count(struct world *w, enum tally_kind kind)
{
    w->tally.counts[kind]++;
}

/* An invariant does not hold: `check` names it (I1...). Tells what, the tail of the story, and ends the process. */
#define WORLD_EXIT_VIOLATION 3
ZK_NORETURN void world_fail(struct world *w, const char *check, const char *format, ...) ZK_PRINTF(3, 4);
/* Where a failure's sentence is put for whoever started this process; NULL: only on stderr. */
extern char *world_failure;
#define WORLD_FAILURE_BYTES 512
