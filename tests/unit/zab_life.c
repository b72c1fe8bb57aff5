#include "tests/unit/zab_life.h"
#include "tests/unit/zab_world_impl.h"

#include <stdio.h>

enum act {
    ACT_PROPOSE,
    ACT_CONFIRM,
    ACT_CRASH,
    ACT_CRASH_ALL,
    ACT_START,
    ACT_WIPE,
    ACT_RECOVER,
    ACT_DAMAGE,
    ACT_SHORT,
    ACT_PAUSE,
    ACT_GO_ON,
    ACT_BREAK,
    ACT_CUT,
    ACT_HEAL_CUT,
    ACT_ISOLATE,
    ACT_SLOW,
    ACT_CHECKPOINT,
    ACT_HAND_OVER,
    ACT_REBUILD,
    ACT_COPY,
    ACT_RESTORE,
    ACT_END,
};

/* Is there a server other than i without a state that it could give? */
static bool other_wants_state(const struct world *w, size_t i)
{
    for (size_t j = 0; j < w->count; j++)
        if (j != i && w->servers[j].zab && w->servers[j].zab->wants_state)
            return true;
    return false;
}

/* A quorum of others agrees that this one's state is wrong. */
static bool may_be_wrong(const struct world *w, size_t i)
{
    size_t others = 0;
    for (size_t j = 0; j < w->options.participants; j++)
        others += j != i && is_running(w, j) && !zab_is_stranger(w->servers[j].zab);
    return others * 2 > w->options.participants && w->ledger_count > 0 && !other_wants_state(w, i);
}

/* May this server lose its store without the ensemble losing data for good? All others are up, none is a stranger,
 * all hold everything, and all have a seat. */
static bool may_lose_store(struct world *w, size_t i)
{
    if (i < w->options.participants && w->options.participants < 3)
        return false;
    if (other_wants_state(w, i))
        return false;
    if (i < w->options.participants)
        for (size_t j = 0; j < w->options.participants; j++)
            if (j != i &&
                (!is_running(w, j) || zab_is_stranger(w->servers[j].zab) || disk_commit(w->servers[j].disk) == 0 ||
                 w->servers[j].zab->quorum.voters != (1u << w->options.participants) - 1))
                return false;
    return w->ledger_count > 0;
}

/* The fault model: of a disk that is rolled back, somebody remembers more, and all are there when it comes back. */
static bool rollback_is_noticed(struct world *w, size_t i)
{
    struct server *s = &w->servers[i];
    bool noticed = !s->copy_is_older && !judge_above(&s->vouched, &s->copied);
    for (size_t j = 0; j < w->count; j++) {
        if (j == i)
            continue;
        if (!is_running(w, j) || w->cut[i][j] || w->cut[j][i])
            return false;
        struct witness *known = w->servers[j].zab->peers[i].witnesses;
        for (size_t k = 0; k < WITNESS_PER_SERVER_MAX; k++)
            if (known[k].seen.incarnation == s->copied.incarnation && judge_above(&known[k].seen, &s->copied))
                noticed = true;
    }
    return noticed;
}

static void act_restore(struct world *w, size_t i)
{
    struct server *s = &w->servers[i];
    if (s->zab || !s->copy || !may_lose_store(w, i) || !rollback_is_noticed(w, i))
        return;
    world_trace(w, "%zu's disk is rolled back", i + 1);
    w->marks.restores++;
    disk_restore(s->disk, s->copy, true);
    disk_copy_free(s->copy);
    s->copy = NULL;
    world_start(w, id_of(i));
    world_run(w, w->options.tick_ms / 4 + 20);
}

/* All lose power, and the one whose log reaches furthest becomes the seed: so nothing committed is lost. */
static void act_recover(struct world *w)
{
    size_t best = 0;
    uint64_t most = 0, hash;
    for (size_t k = 0; k < w->count; k++) {
        world_crash(w, id_of(k), DISK_POWER_CUT);
        uint64_t last = k < w->options.participants ? disk_last_zxid(w->servers[k].disk, &hash) : 0;
        if (last > most)
            best = k;
        most = zk_max_u64(most, last);
    }
    size_t before = w->ledger_count;
    if (most > 1 && before > 0)
        world_recover(w, id_of(best));
    if (w->ledger_count < before)
        judge_trouble(w, "no log holds what was committed");
}

static void damage(struct world *w, size_t i)
{
    struct disk *d = w->servers[i].disk;
    /* Power loss together with a lost durable tail is outside the fault model: nothing is left that could tell. */
    uint32_t how = w->servers[i].lost_power ? 1 + chance(w, 2) : chance(w, 3);
    bool done = how == 0 ? disk_lose_tail(d, 1 + chance(w, 3)) : how == 1 ? disk_flip_bit(d) : disk_lose_mark(d);
    world_trace(w, "%zu's disk is damaged (%u, %d)", i + 1, how, done);
    w->marks.damages += done;
}

static void act(struct world *w, enum act what, size_t i, size_t j)
{
    struct server *s = &w->servers[i];
    bool running = is_running(w, i);
    switch (what) {
    case ACT_PROPOSE:
        if (running)
            world_propose(w, id_of(i), 1 + chance(w, 4));
        break;
    case ACT_CONFIRM:
        if (running)
            world_confirm(w, id_of(i));
        break;
    case ACT_CRASH:
        world_crash(w, id_of(i), chance(w, 3) ? DISK_PROCESS_CRASH : DISK_POWER_CUT);
        break;
    case ACT_CRASH_ALL:
        for (size_t k = 0; k < w->count; k++)
            world_crash(w, id_of(k), DISK_POWER_CUT);
        break;
    case ACT_START:
        world_start(w, id_of(i));
        break;
    case ACT_WIPE:
        if (!s->zab && may_lose_store(w, i))
            world_wipe(w, id_of(i));
        break;
    case ACT_RECOVER:
        act_recover(w);
        break;
    case ACT_DAMAGE:
        if (!s->zab && may_lose_store(w, i))
            damage(w, i);
        break;
    case ACT_SHORT:
        if (running) {
            zab_set_short_of_space(s->zab, chance(w, 2));
            server_effects(w, i);
        }
        break;
    case ACT_PAUSE:
        if (running)
            world_pause(w, id_of(i), true);
        break;
    case ACT_GO_ON:
        if (s->zab && s->paused)
            world_pause(w, id_of(i), false);
        break;
    case ACT_BREAK:
        if (i != j)
            world_break(w, id_of(i), id_of(j));
        break;
    case ACT_CUT:
        if (i != j)
            world_cut(w, id_of(i), id_of(j), true);
        break;
    case ACT_HEAL_CUT:
        for (size_t a = 0; a < w->count; a++)
            for (size_t b = 0; b < w->count; b++)
                if (chance(w, 2))
                    world_cut(w, id_of(a), id_of(b), false);
        break;
    case ACT_ISOLATE:
        world_isolate(w, id_of(i), true);
        break;
    case ACT_SLOW:
        world_slow_disk(w, id_of(i), 0, chance(w, 2) ? 2 : 5 + chance(w, 200));
        break;
    case ACT_CHECKPOINT:
        if (running)
            world_checkpoint(w, id_of(i), chance(w, 3) != 0);
        break;
    case ACT_HAND_OVER:
        if (running && zab_phase(s->zab) == ZAB_LEADING)
            world_hand_over(w, id_of(i));
        break;
    case ACT_REBUILD:
        if (running && may_be_wrong(w, i))
            world_rebuild(w, id_of(i));
        break;
    case ACT_COPY:
        if (!s->copy && s->zab) {
            uint64_t hash;
            s->copy = disk_copy_new(s->disk);
            s->copy_is_older = false;
            s->copied = (struct storage_witness){.incarnation = s->zab->incarnation,
                                                 .promised = disk_promised(s->disk),
                                                 .zxid = disk_last_zxid(s->disk, &hash)};
        }
        break;
    case ACT_RESTORE:
        act_restore(w, i);
        break;
    case ACT_END:
        break;
    }
}

/* Weights differ from life to life: from calm ones, in which readmissions complete, to storms. */
static uint32_t draw_weights(struct world *w, uint32_t *weights)
{
    static const uint32_t levels[] = {0, 1, 3, 8, 20, 50};
    uint32_t sum = 0;
    for (int a = 0; a < ACT_END; a++)
        weights[a] = levels[chance(w, 6)];
    weights[ACT_PROPOSE] = 60 + chance(w, 300);
    weights[ACT_START] = 40 + chance(w, 60);
    weights[ACT_GO_ON] = 20 + chance(w, 40);
    weights[ACT_HEAL_CUT] = 20 + chance(w, 40);
    weights[ACT_WIPE] *= 3;
    weights[ACT_CRASH_ALL] /= 3;
    weights[ACT_RECOVER] = chance(w, 4) ? 0 : weights[ACT_RECOVER] / 3;
    for (int a = 0; a < ACT_END; a++)
        sum += weights[a];
    return sum;
}

static void live(struct world *w)
{
    uint32_t weights[ACT_END];
    uint32_t sum = draw_weights(w, weights);
    uint32_t acts = 100 + chance(w, 300);
    uint32_t pace = 2 + chance(w, 30);
    world_start_all(w);
    if (chance(w, 4))
        world_settle(w, 3000);
    while (acts-- > 0 && !w->trouble[0]) {
        uint32_t roll = chance(w, sum), a = 0;
        while (roll >= weights[a])
            roll -= weights[a++];
        act(w, (enum act)a, chance(w, (uint32_t)w->count), chance(w, (uint32_t)w->count));
        world_run(w, chance(w, pace));
    }
}

static void must_be_level(struct world *w)
{
    world_heal(w);
    for (size_t i = 0; i < w->count; i++)
        world_start(w, id_of(i));
    if (w->trouble[0])
        return;
    if (!world_settle(w, 60000)) {
        char text[400] = "";
        size_t at = 0;
        for (size_t i = 0; i < w->count && at < sizeof text - 60; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, " %zu:%d/%" PRIx64 "/%" PRIx64 "%s", i + 1,
                                   w->servers[i].zab ? (int)zab_phase(w->servers[i].zab) : -1,
                                   w->servers[i].zab ? zab_last_zxid(w->servers[i].zab) : 0, w->servers[i].applied,
                                   w->servers[i].zab && zab_is_stranger(w->servers[i].zab) ? "S" : "");
        judge_trouble(w, "healed, but not level after a minute:%s", text);
        return;
    }
    /* A hand-over of before may still come true: then what was proposed meanwhile may be lost, once. */
    for (int attempt = 0; attempt < 3 && !w->trouble[0]; attempt++) {
        size_t before = w->ledger_count;
        uint64_t leader = world_leader(w, 1000);
        if (leader && world_propose(w, leader, 3) && world_settle(w, 5000) && w->ledger_count >= before + 3)
            return;
    }
    judge_trouble(w, "healed and level, but nothing can be written");
}

void life_garbled(uint64_t seed, bool show)
{
    struct world_options options = {.seed = seed,
                                    .participants = 3,
                                    .observers = seed % 2,
                                    .tick_ms = 50,
                                    .trace = show,
                                    .garble = true,
                                    .delay_max_ms = 3};
    struct world *w = world_new(&options);
    w->expect_fatal = true;
    live(w);
    world_free(w);
}

const char *life_random(uint64_t seed, bool show, struct world_marks *ret_marks)
{
    static char why[700];
    struct zk_rng rng;
    zk_rng_seed(&rng, seed, 0x6c696665);
    struct world_options options = {
        .seed = seed,
        .participants = zk_rng_below(&rng, 3)   ? 3
                        : zk_rng_below(&rng, 2) ? 5
                                                : 1 + zk_rng_below(&rng, 4),
        .observers = zk_rng_below(&rng, 4) == 0,
        .tick_ms = zk_rng_below(&rng, 8) ? 40 + zk_rng_below(&rng, 160) : 2000,
        .counter_roll = zk_rng_below(&rng, 3) ? 0 : 20 + zk_rng_below(&rng, 50),
        .trace = show,
        .big_state = zk_rng_below(&rng, 30) == 0,
        .delay_max_ms = 1 + zk_rng_below(&rng, 6),
    };
    struct world *w = world_new(&options);
    live(w);
    if (!w->trouble[0])
        must_be_level(w);
    if (ret_marks)
        *ret_marks = w->marks;
    bool bad = w->trouble[0] != '\0';
    snprintf(why, sizeof why, "seed %" PRIu64 " (%zu+%zu servers): %s", seed, options.participants, options.observers,
             w->trouble);
    world_free(w);
    return bad ? why : NULL;
}
