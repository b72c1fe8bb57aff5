/* zab_world.c: the little world as a whole: what befalls it, its time, and what tests may ask. */
#include "tests/unit/zab_world_impl.h"

#include <stdarg.h>
#include <stdio.h>

ZK_PRINTF(2, 3)
void world_trace(struct world *w, const char *format, ...)
{
    if (!w->options.trace)
        return;
    va_list args;
    va_start(args, format);
    printf("[%6" PRIu64 "] ", w->now_ms);
    vprintf(format, args);
    printf("\n");
    fflush(stdout);
    va_end(args);
}

/* --- what befalls it --- */

void world_pause(struct world *w, uint64_t id, bool paused)
{
    world_trace(w, "%" PRIu64 " %s", id, paused ? "is paused" : "goes on");
    w->marks.pauses += paused;
    w->servers[id - 1].paused = paused;
}

void world_break(struct world *w, uint64_t a, uint64_t b)
{
    world_trace(w, "the connections of %" PRIu64 " and %" PRIu64 " break", a, b);
    w->marks.breaks++;
    wire_close(w, a - 1, b - 1, true, true);
    wire_close(w, b - 1, a - 1, true, true);
}

void world_cut(struct world *w, uint64_t from, uint64_t to, bool cut)
{
    if (w->cut[from - 1][to - 1] != cut)
        world_trace(w, "%" PRIu64 " to %" PRIu64 " is %s", from, to, cut ? "cut" : "whole");
    w->marks.cuts += cut;
    w->cut[from - 1][to - 1] = cut;
}

void world_isolate(struct world *w, uint64_t id, bool cut)
{
    for (size_t i = 0; i < w->count; i++) {
        if (id_of(i) == id)
            continue;
        world_cut(w, id, id_of(i), cut);
        world_cut(w, id_of(i), id, cut);
    }
}

void world_heal(struct world *w)
{
    for (size_t i = 0; i < w->count; i++) {
        for (size_t j = 0; j < w->count; j++)
            world_cut(w, id_of(i), id_of(j), false);
        if (w->servers[i].paused)
            world_pause(w, id_of(i), false);
        disk_set_latency(w->servers[i].disk, 0, 2);
        if (w->servers[i].zab) {
            zab_set_short_of_space(w->servers[i].zab, false);
            server_effects(w, i);
        }
    }
}

void world_slow_disk(struct world *w, uint64_t id, uint32_t min_ms, uint32_t max_ms)
{
    disk_set_latency(w->servers[id - 1].disk, min_ms, max_ms);
}

/* --- time --- */

static uint64_t next_event_ms(struct world *w)
{
    uint64_t at = UINT64_MAX;
    for (size_t i = 0; i < w->count; i++) {
        if (is_running(w, i)) {
            at = zk_min_u64(at, disk_deadline_ms(w->servers[i].disk));
            at = zk_min_u64(at, zab_deadline_ms(w->servers[i].zab));
        }
        for (size_t j = 0; j < w->count; j++)
            if (i != j)
                at = zk_min_u64(at, wire_deadline_ms(w, i, j));
    }
    return zk_max_u64(at, w->now_ms + 1);
}

static void step(struct world *w)
{
    for (size_t i = 0; i < w->count; i++) {
        if (!is_running(w, i))
            continue;
        server_poll(w, i);
        if (is_running(w, i) && zab_deadline_ms(w->servers[i].zab) <= w->now_ms + 1) {
            zab_tick(w->servers[i].zab, w->now_ms);
            server_effects(w, i);
        }
    }
    for (size_t i = 0; i < w->count; i++)
        for (size_t j = 0; j < w->count; j++)
            if (i != j)
                wire_events(w, i, j);
}

bool world_run(struct world *w, uint64_t ms)
{
    uint64_t until = w->now_ms + ms;
    while (!w->trouble[0]) {
        uint64_t next = next_event_ms(w);
        if (next > until) {
            w->now_ms = until;
            break;
        }
        w->now_ms = next;
        step(w);
    }
    return !w->trouble[0];
}

/* --- asking --- */

static bool all_level(struct world *w)
{
    size_t leader = SIZE_MAX;
    for (size_t i = 0; i < w->count; i++)
        if (w->servers[i].zab && zab_phase(w->servers[i].zab) == ZAB_LEADING)
            leader = i;
    if (leader == SIZE_MAX)
        return false;
    uint64_t last = zab_last_zxid(w->servers[leader].zab);
    for (size_t i = 0; i < w->count; i++) {
        const struct zab *z = w->servers[i].zab;
        if (!z)
            continue;
        if (i != leader && (zab_phase(z) != ZAB_FOLLOWING || zab_leader(z) != id_of(leader)))
            return false;
        if (zab_committed(z) != last || zab_last_zxid(z) != last || zab_is_stranger(z))
            return false;
    }
    return true;
}

bool world_settle(struct world *w, uint64_t ms)
{
    uint64_t until = w->now_ms + ms;
    while (w->now_ms < until) {
        if (!world_run(w, 5))
            return false;
        if (all_level(w))
            return true;
    }
    return false;
}

uint64_t world_leader(struct world *w, uint64_t ms)
{
    uint64_t until = w->now_ms + ms;
    do {
        for (size_t i = 0; i < w->count; i++)
            if (is_running(w, i) && zab_phase(w->servers[i].zab) == ZAB_LEADING)
                return id_of(i);
    } while (w->now_ms < until && world_run(w, 1));
    return 0;
}

bool world_propose(struct world *w, uint64_t id, size_t count)
{
    struct server *s = &w->servers[id - 1];
    struct zk_slice bodies[16];
    char text[16][16];
    uint64_t first;
    for (size_t k = 0; k < count && k < 16; k++)
        bodies[k] = zk_slice(text[k], (size_t)snprintf(text[k], sizeof text[k], "c%u", chance(w, 100000)));
    if (!s->zab || !zab_propose(s->zab, w->now_ms, bodies, count, &first))
        return false;
    server_effects(w, (size_t)id - 1);
    return true;
}

bool world_confirm(struct world *w, uint64_t id)
{
    struct server *s = &w->servers[id - 1];
    uint64_t token = ++w->tokens;
    if (!s->zab || !zab_confirm(s->zab, w->now_ms, token))
        return false;
    if (s->asked_count == s->asked_cap) {
        s->asked_cap = s->asked_cap ? 2 * s->asked_cap : 16;
        s->asked = zk_realloc(s->asked, s->asked_cap * sizeof *s->asked);
    }
    s->asked[s->asked_count++] = (struct asked){token, w->ledger_count};
    server_effects(w, (size_t)id - 1);
    return true;
}

void world_hand_over(struct world *w, uint64_t id)
{
    zab_hand_over(w->servers[id - 1].zab, w->now_ms);
    server_effects(w, (size_t)id - 1);
}

void world_rebuild(struct world *w, uint64_t id)
{
    world_trace(w, "%" PRIu64 "'s state is not the quorum's", id);
    w->marks.rebuilds++;
    zab_rebuild(w->servers[id - 1].zab, w->now_ms);
    server_effects(w, (size_t)id - 1);
}

const char *world_trouble(const struct world *w)
{
    return w->trouble[0] ? w->trouble : NULL;
}

uint64_t world_now_ms(const struct world *w)
{
    return w->now_ms;
}

struct disk *world_disk(struct world *w, uint64_t id)
{
    return w->servers[id - 1].disk;
}

struct zab *world_zab(struct world *w, uint64_t id)
{
    return w->servers[id - 1].zab;
}

bool world_is_up(const struct world *w, uint64_t id)
{
    return w->servers[id - 1].zab != NULL;
}

uint64_t world_applied(const struct world *w, uint64_t id)
{
    return w->servers[id - 1].applied;
}

const char *world_fatal(const struct world *w, uint64_t id)
{
    return w->servers[id - 1].fatal;
}

void world_expect_fatal(struct world *w)
{
    w->expect_fatal = true;
}

bool world_heard(struct world *w, uint64_t id, const char *part)
{
    struct server *s = &w->servers[id - 1];
    bool heard = false;
    for (size_t k = 0; k < s->news_count; k++) {
        heard = heard || strstr(s->news[k], part);
        free(s->news[k]);
    }
    s->news_count = 0;
    return heard;
}

uint64_t world_committed_count(const struct world *w)
{
    return w->ledger_count;
}

const struct world_marks *world_marks(const struct world *w)
{
    return &w->marks;
}

struct world *world_new(const struct world_options *options)
{
    struct world *w = zk_calloc(1, sizeof *w);
    w->options = *options;
    w->count = options->participants + options->observers;
    w->now_ms = 1000;
    zk_rng_seed(&w->rng, options->seed, 0x776f726c64);
    for (size_t i = 0; i < w->count; i++)
        w->servers[i].disk = disk_new(options->seed * 100 + i);
    return w;
}

void world_free(struct world *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct server *s = &w->servers[i];
        zab_free(s->zab);
        disk_free(s->disk);
        if (s->copy)
            disk_copy_free(s->copy);
        free(s->asked);
        for (size_t k = 0; k < s->news_count; k++)
            free(s->news[k]);
        for (size_t j = 0; j < w->count; j++)
            wire_fini(&w->conns[i][j]);
    }
    free(w->ledger);
    free(w);
}
