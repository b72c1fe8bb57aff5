#include "tests/sim/seed.h"
#include "tests/sim/locals.h"
#include "tests/sim/check.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/operator.h"
#include "tests/sim/person.h"
#include <inttypes.h>
#include <time.h>

#define MILLISECOND 1000ull
#define SECOND      1000000ull
/* How long an ensemble may take to be well when nothing is wrong any more, besides its own limits. */
#define PATIENCE_US (30 * SECOND)

static void start_event(struct world *w, void *arg, uint64_t token)
{
    host_start(arg);
}

static void begin_event(struct world *w, void *arg, uint64_t token)
{
    struct person *p = arg;
    if (!p->life && !p->has_quit)
        person_begin(p);
}

static struct world *make(uint64_t seed, bool is_talking, bool is_loud)
{
    struct world *w = world_new(seed, is_talking, is_loud);
    const struct swarm *s = &w->swarm;
    w->ledger = ledger_new(w);
    checks_begin(w);
    w->host_count = s->servers + s->observers;
    for (uint32_t i = 0; i < w->host_count; i++) {
        w->hosts[i] = host_new(w, i, i >= s->servers);
        world_after(w, world_about(w, WORLD_CHANCE_PROCESS, 50 * MILLISECOND), start_event, w->hosts[i], 0);
    }
    w->person_count = s->persons;
    for (uint32_t i = 0; i < w->person_count; i++) {
        w->persons[i] = person_new(w, i, s->operations / s->persons + 1);
        world_after(w, world_about(w, WORLD_CHANCE_CLIENT, 500 * MILLISECOND), begin_event, w->persons[i], 0);
    }
    return w;
}

static void unmake(struct world *w)
{
    for (size_t i = 0; i < w->person_count; i++)
        person_free(w->persons[i]);
    for (size_t i = 0; i < w->host_count; i++)
        host_free(w->hosts[i]);
    lives_free(w);
    ledger_free(w->ledger);
    checks_end(w);
    locals_end_seed();
    world_free(w);
}

/* Runs on until `is_so`, or fails `check` when patience ends; after half of it the operator comes to look. */
static void wait_until(struct world *w, bool (*is_so)(struct world *, char *, size_t), const char *check)
{
    char why[256] = "";
    uint64_t patience = PATIENCE_US + (uint64_t)(6 * w->swarm.init_limit + 60) * w->swarm.tick_ms * MILLISECOND;
    uint64_t until = w->now_us + patience;
    while (!is_so(w, why, sizeof(why))) {
        if (w->now_us >= until)
            world_fail(w, check, "%.0f s after the last fault: %s", (double)patience / 1e6, why);
        if (w->now_us >= until - patience / 2)
            operator_look(w);
        world_run(w, w->now_us + 200 * MILLISECOND);
    }
}

/* I33: whoever asks is answered, also where a disk has been full for long and the others are a quorum. */
static void one_full_disk(struct world *w)
{
    if (!w->swarm.disk_full_every_us || w->swarm.servers < 3)
        return;
    struct host *h = nemesis_leave_one_full(w);
    world_run(w, w->now_us + 2 * SECOND + 4ull * w->swarm.tick_ms * MILLISECOND); /* the leader has heard of it */
    for (size_t i = 0; i < w->person_count; i++)
        person_submit(w->persons[i], &(struct zkc_request){.op = ZK_OP_CREATE, .path = zk_slice_str("/full")});
    wait_until(w, check_answered, "I33");
    disk_set_capacity(h->disk, 0);
    wait_until(w, check_converged, "I31");
}

/* I34: a new client connects, writes, and reads what it wrote. */
static void last_words(struct world *w)
{
    struct person *p = person_new(w, (uint32_t)w->person_count, 0);
    w->persons[w->person_count++] = p;
    SAY(w, "a new client comes%s", "");
    person_begin(p);
    person_submit(
        p, &(struct zkc_request){.op = ZK_OP_CREATE, .path = zk_slice_str("/last"), .data = zk_slice_str("words")});
    person_submit(p, &(struct zkc_request){.op = ZK_OP_SYNC, .path = zk_slice_str("/last")});
    person_submit(p, &(struct zkc_request){.op = ZK_OP_GET_DATA, .path = zk_slice_str("/last")});
    p->has_quit = true;
    wait_until(w, check_converged, "I34");
    if (!p->life)
        world_fail(w, "I34", "the new client lost its session%s", "");
    for (size_t i = 0; i < p->life->op_count; i++)
        if (p->life->ops[i].err != ZK_ERR_OK && p->life->ops[i].err != ZK_ERR_THROTTLED_OP)
            world_fail(w, "I34", "the new client's request %zu: %s", i + 1, zk_err_text(p->life->ops[i].err));
}

void seed_run(uint64_t seed, bool is_talking, bool is_loud, struct tally *ret_tally)
{
    struct timespec from, to;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    struct world *w = make(seed, is_talking, is_loud);
    char text[512];
    SAY(w, "%s", swarm_text(&w->swarm, text, sizeof(text)));
    nemesis_begin(w);
    world_run(w, w->swarm.act_us);
    SAY(w, "--- the faults are over%s", "");
    nemesis_end(w);
    wait_until(w, check_converged, "I31");
    one_full_disk(w);
    world_run(w, w->now_us + 2 * SECOND +
                     4ull * w->swarm.tick_ms * MILLISECOND); /* who refused writes hears that it need not */
    last_words(w);
    /* A client whose connection is dead for the other side finds out within its time-out, and hears of its watches.
     */
    world_run(w, w->now_us + w->swarm.session_max_ms * MILLISECOND * 5 / 4);
    wait_until(w, check_converged, "I31");
    check_states(w);
    lives_check(w);
    SAY(w, "--- everybody leaves%s", "");
    for (size_t i = 0; i < w->person_count; i++)
        person_close(w->persons[i]);
    wait_until(w, check_quiet, "I27");
    check_states(w);
    w->tally.simulated_us = w->now_us;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    w->tally.wall_us = (uint64_t)((to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000);
    *ret_tally = w->tally;
    unmake(w);
}
