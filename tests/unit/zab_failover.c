#include "tests/unit/zab_failover.h"
#include "tests/unit/zab_world_impl.h"

#include <stdio.h>

#define SETTLE_MS 60000

struct life {
    const struct failover_load *load;
    struct world *w;
    struct zk_rng rng;
    uint64_t turn_ms[WORLD_SERVERS_MAX]; /* a server's next hold-up, or the end of one */
};

static void hold_up(struct life *l)
{
    const struct failover_load *load = l->load;
    uint64_t now_ms = world_now_ms(l->w);
    for (size_t i = 0; i < l->w->count && load->run_ms; i++) {
        if (!l->w->servers[i].zab || now_ms < l->turn_ms[i])
            continue;
        bool hold = !l->w->servers[i].paused;
        world_pause(l->w, id_of(i), hold);
        l->turn_ms[i] = now_ms + (hold ? zk_rng_between(&l->rng, load->held_min_ms, load->held_max_ms)
                                       : zk_rng_between(&l->rng, 1, 2 * load->run_ms));
    }
}

static void pass(struct life *l, uint32_t ms)
{
    for (uint32_t k = 0; k < ms; k++) {
        hold_up(l);
        world_run(l->w, 1);
    }
}

/* The newest leader, of an epoch above this one (who is held up may not know that it leads no more). NULL: nobody. */
static const struct zab *leader_above(const struct life *l, uint64_t epoch)
{
    const struct zab *leader = NULL;
    for (size_t i = 0; i < l->w->count; i++) {
        const struct zab *z = l->w->servers[i].zab;
        if (z && zab_phase(z) == ZAB_LEADING && zab_epoch(z) > epoch) {
            leader = z;
            epoch = zab_epoch(z);
        }
    }
    return leader;
}

static const struct zab *await_leader(struct life *l, uint64_t epoch)
{
    const struct zab *leader;
    for (uint32_t waited = 0; !(leader = leader_above(l, epoch)) && waited < FAILOVER_PATIENCE_MS; waited++)
        pass(l, 1);
    return leader;
}

static bool all_serve(const struct life *l, uint64_t epoch)
{
    for (size_t i = 0; i < l->w->count; i++) {
        const struct zab *z = l->w->servers[i].zab;
        if (z && ((zab_phase(z) != ZAB_LEADING && zab_phase(z) != ZAB_FOLLOWING) || zab_epoch(z) <= epoch))
            return false;
    }
    return true;
}

static uint64_t highest_promise(const struct life *l)
{
    uint64_t epoch = 0;
    for (size_t i = 0; i < l->w->count; i++)
        if (l->w->servers[i].zab)
            epoch = zk_max_u64(epoch, zab_promised(l->w->servers[i].zab));
    return epoch;
}

static void lose_leader(struct life *l, struct failover_sample *ret_sample)
{
    pass(l, 500);
    const struct zab *leader = await_leader(l, 0);
    *ret_sample = (struct failover_sample){.ms = FAILOVER_PATIENCE_MS};
    if (!leader)
        return;
    world_propose(l->w, zab_leader(leader), 3);
    pass(l, 50);
    leader = await_leader(l, 0);
    if (!leader)
        return;
    uint64_t before = highest_promise(l), epoch = zab_epoch(leader), from_ms = world_now_ms(l->w);
    world_crash(l->w, zab_leader(leader), DISK_PROCESS_CRASH);
    await_leader(l, epoch);
    ret_sample->ms = (uint32_t)(world_now_ms(l->w) - from_ms);
    ret_sample->epochs = (uint32_t)(highest_promise(l) - before);
    while (!all_serve(l, epoch) && ret_sample->all_ms < FAILOVER_PATIENCE_MS) {
        pass(l, 1);
        ret_sample->all_ms++;
    }
}

const char *failover_life(const struct failover_load *load, uint64_t seed, bool trace,
                          struct failover_sample ret_samples[FAILOVER_SAMPLES_MAX])
{
    static char why[700];
    struct world_options options = {
        .seed = seed, .participants = load->servers, .tick_ms = load->tick_ms, .delay_max_ms = 1, .trace = trace};
    struct life l = {.load = load, .w = world_new(&options)};
    zk_rng_seed(&l.rng, seed, 0x6c6f6164);
    world_start_all(l.w);
    bool ok = world_settle(l.w, SETTLE_MS);
    for (size_t i = 0; i < l.w->count; i++)
        world_slow_disk(l.w, id_of(i), load->disk_min_ms, load->disk_max_ms);
    for (size_t lost = 0; ok && lost < (load->servers - 1) / 2; lost++)
        lose_leader(&l, &ret_samples[lost]);
    const char *trouble = world_trouble(l.w);
    snprintf(why, sizeof why, "%s", trouble ? trouble : "it never began");
    world_free(l.w);
    return ok && !trouble ? NULL : why;
}
