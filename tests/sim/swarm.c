#include "tests/sim/swarm.h"
#include <inttypes.h>
#include <stdio.h>

#define SECOND      1000000ull
#define MILLISECOND 1000ull

static bool is_on(struct zk_rng *rng, uint32_t percent)
{
    return zk_rng_below(rng, 100) < percent;
}

/* Between lo and hi so that each order of magnitude is as likely. */
static uint64_t draw(struct zk_rng *rng, uint64_t lo, uint64_t hi)
{
    uint64_t value = lo;
    while (value < hi && is_on(rng, 75))
        value += value / 2 + 1;
    uint64_t spread = value / 2 + 1;
    value += zk_rng_below(rng, spread > UINT32_MAX ? UINT32_MAX : (uint32_t)spread);
    return value > hi ? hi : value;
}

static uint64_t draw_if(struct zk_rng *rng, uint32_t percent, uint64_t lo, uint64_t hi)
{
    uint64_t value = draw(rng, lo, hi);
    return is_on(rng, percent) ? value : 0;
}

static void draw_ensemble(struct swarm *s, struct zk_rng *rng)
{
    static const uint32_t SERVERS[] = {3, 3, 3, 3, 5, 5, 5, 3, 1, 2, 4, 3};
    static const uint32_t TICKS[] = {100, 200, 200, 400, 1000};
    s->servers = SERVERS[zk_rng_below(rng, ZK_COUNT_OF(SERVERS))];
    s->observers = s->servers > 1 && is_on(rng, 15) ? 1 : 0;
    s->tick_ms = TICKS[zk_rng_below(rng, ZK_COUNT_OF(TICKS))];
    s->init_limit = zk_rng_between(rng, 5, 12);
    s->sync_limit = zk_rng_between(rng, 2, 6);
    s->session_min_ms = 2 * s->tick_ms;
    s->session_max_ms = 20 * s->tick_ms;
    s->counter_roll = is_on(rng, 10) ? zk_rng_between(rng, 20, 200) : 0;
    s->has_secret = is_on(rng, 50);
    s->memory_k = is_on(rng, 50) ? 128 : zk_rng_between(rng, 1, 8);
    s->checkpoint_bytes = (uint32_t)draw(rng, is_on(rng, 30) ? 100 : 1000, 100000);
    s->checkpoint_rows = (uint32_t)draw(rng, 1, 256);
    s->client_turn_bytes = s->checkpoint_rows % 3 == 0 ? s->checkpoint_rows : 0; /* no draw: old seeds stay as they are */
    s->act_us = draw(rng, 15 * SECOND, 90 * SECOND);
}

static void draw_network(struct swarm *s, struct zk_rng *rng)
{
    s->delay_us = draw(rng, 50, 5 * MILLISECOND);
    s->jitter_us = draw(rng, 20, 10 * MILLISECOND);
    s->segment_chance = (uint32_t)draw_if(rng, 50, 1000, 300000);
    s->clog_every_us = draw_if(rng, 40, SECOND, 20 * SECOND);
    s->clog_us = draw(rng, 20 * MILLISECOND, 5 * SECOND);
    s->reset_every_us = draw_if(rng, 40, SECOND / 2, 20 * SECOND);
    s->half_open_every_us = draw_if(rng, 30, SECOND, 20 * SECOND);
    s->part_every_us = draw_if(rng, 45, 2 * SECOND, 30 * SECOND);
    s->part_us = draw(rng, 300 * MILLISECOND, 15 * SECOND);
    s->flip_every_us = draw_if(rng, 10, 2 * SECOND, 30 * SECOND);
}

static void draw_processes(struct swarm *s, struct zk_rng *rng)
{
    s->crash_every_us = draw_if(rng, 55, SECOND, 30 * SECOND);
    s->down_us = draw(rng, 50 * MILLISECOND, 8 * SECOND);
    s->pause_every_us = draw_if(rng, 25, 2 * SECOND, 30 * SECOND);
    s->pause_us = draw(rng, 50 * MILLISECOND, 2ull * s->session_max_ms * MILLISECOND);
    s->stop_every_us = draw_if(rng, 20, 3 * SECOND, 30 * SECOND);
    s->wipe_every_us = draw_if(rng, 15, 5 * SECOND, 40 * SECOND);
    s->damage_every_us = draw_if(rng, 12, 5 * SECOND, 40 * SECOND);
    s->power_chance = is_on(rng, 50) ? zk_rng_below(rng, 1000000) : 0;
    s->crash_all_chance = is_on(rng, 40) ? zk_rng_below(rng, 300000) : 0;
    s->turn_us = is_on(rng, 70) ? draw(rng, 5, 200) : draw(rng, 200, 5 * MILLISECOND);
}

static void draw_disks(struct swarm *s, struct zk_rng *rng)
{
    s->disk_min_ms = 0;
    s->disk_max_ms = (uint32_t)draw(rng, 1, is_on(rng, 30) ? 100 : 8);
    s->stall_every_us = draw_if(rng, 30, SECOND, 20 * SECOND);
    s->stall_ms = (uint32_t)draw(rng, 20, 4 * s->sync_limit * s->tick_ms);
    s->disk_fail_every_us = draw_if(rng, 12, 3 * SECOND, 30 * SECOND);
    s->disk_full_every_us = draw_if(rng, 8, 5 * SECOND, 30 * SECOND);
    s->drift_ppm = is_on(rng, 50) ? zk_rng_below(rng, 50000) : 0;
    s->jump_every_us = draw_if(rng, 25, SECOND, 20 * SECOND);
}

static void draw_containers(struct swarm *s, struct zk_rng *rng)
{
    s->ttl_servers = is_on(rng, 50) ? UINT32_MAX : (uint32_t)zk_rng_u64(rng);
    s->has_odd_configs = is_on(rng, 30);
    s->quota_servers = is_on(rng, 50) ? UINT32_MAX : (uint32_t)zk_rng_u64(rng);
    s->quota_percent = is_on(rng, 40) ? zk_rng_between(rng, 2, 15) : 0;
    s->container_check_ms = (uint32_t)draw(rng, 20, 5000);
    s->container_max_per_minute = (uint32_t)draw(rng, 600, 100000);
    s->container_never_used_ms = (uint32_t)draw_if(rng, 50, 10, 10000);
}

static void draw_clients(struct swarm *s, struct zk_rng *rng)
{
    s->persons = zk_rng_between(rng, 2, 8);
    s->operations = (uint32_t)draw(rng, 200, 1000);
    s->outstanding_max = (uint32_t)draw(rng, 1, 16);
    /* Mostly at a pace that lasts about as long as the faults do; else all at once. A burst is half the most at a
     * time. */
    uint64_t pace = s->act_us * s->persons / s->operations * (1 + s->outstanding_max) / 2;
    s->think_us = is_on(rng, 80) ? pace * zk_rng_between(rng, 20, 110) / 100 : draw(rng, 500, 100 * MILLISECOND);
    s->apache_percent = is_on(rng, 50) ? 50 : is_on(rng, 50) ? 0 : 100;
    s->kill_every_us = draw_if(rng, 40, SECOND, 20 * SECOND);
    s->freeze_every_us = draw_if(rng, 25, SECOND, 20 * SECOND);
    s->move_every_us = draw_if(rng, 50, SECOND / 2, 15 * SECOND);
    s->paths = (uint32_t)draw(rng, 2, 30);
    s->read_percent = zk_rng_between(rng, 10, 70);
    s->sync_percent = is_on(rng, 30) ? zk_rng_between(rng, 20, 90) : 12;
    s->watch_percent = is_on(rng, 70) ? zk_rng_between(rng, 5, 70) : 0;
    s->data_bytes_max = (uint32_t)draw(rng, 16, is_on(rng, 20) ? 20000 : 400);
}

static void draw_modes(struct swarm *s, struct zk_rng *rng)
{
    uint32_t some = (uint32_t)zk_rng_u64(rng);
    s->local_servers = s->servers > 1 && is_on(rng, 25) ? is_on(rng, 60) ? UINT32_MAX : some : 0;
    s->upgrading_servers = is_on(rng, 70) ? UINT32_MAX : (uint32_t)zk_rng_u64(rng);
    s->read_only_servers = s->servers > 1 && is_on(rng, 25) ? is_on(rng, 60) ? UINT32_MAX : ~some : 0;
    uint32_t percent = zk_rng_between(rng, 20, 80);
    s->read_only_percent = s->read_only_servers ? percent : 0;
    if (s->read_only_servers) { /* there must be times without a quorum, and clients that have no session yet */
        s->part_every_us = s->part_every_us ? s->part_every_us : draw(rng, 3 * SECOND, 10 * SECOND);
        s->part_us = s->part_us < 4 * SECOND ? 4 * SECOND + s->part_us : s->part_us;
        s->kill_every_us = s->kill_every_us ? s->kill_every_us : draw(rng, SECOND / 2, 5 * SECOND);
    }
    if ((s->local_servers || s->read_only_servers) && s->apache_percent == 0)
        s->apache_percent = 50; /* libzk asks for neither */
}

/* Who proves what it is, and how many requests a server takes at a time. */
static void draw_doors(struct swarm *s, struct zk_rng *rng)
{
    s->access_percent = is_on(rng, 40) ? zk_rng_between(rng, 3, 20) : 0;
    s->door_requests = (uint32_t)draw_if(rng, 25, 1, 30);
    s->throttled_op_wait_ms = s->door_requests ? (uint32_t)draw_if(rng, 40, 1, 2000) : 0;
    s->drops_stale = s->door_requests && is_on(rng, 40);
    s->outstanding_limit = (uint32_t)draw_if(rng, 25, 1, 100);
}

void swarm_draw(struct swarm *s, uint64_t seed)
{
    struct zk_rng rng;
    zk_rng_seed(&rng, seed, 0x5741524d);
    *s = (struct swarm){0};
    draw_ensemble(s, &rng);
    draw_network(s, &rng);
    draw_processes(s, &rng);
    draw_disks(s, &rng);
    draw_clients(s, &rng);
    s->astray_every_us = s->servers > 2 ? draw_if(&rng, 10, 3 * SECOND, 30 * SECOND) : 0;
    draw_containers(s, &rng);
    s->tree_percent = is_on(&rng, 50) ? zk_rng_between(&rng, 2, 12) : 0;
    draw_modes(s, &rng);
    s->keeper_percent = is_on(&rng, 40) ? zk_rng_between(&rng, 5, 30) : 0;
    draw_doors(s, &rng);
}

const char *swarm_text(const struct swarm *s, char *text, size_t size)
{
    int len =
        snprintf(text, size,
                 "%" PRIu32 "+%" PRIu32 " servers, %" PRIu32 " clients, %" PRIu32 " operations, %.0f s, tick %" PRIu32
                 " ms, init %" PRIu32 ", sync %" PRIu32 ", delay %.1f+%.1f ms, disk %" PRIu32 " ms; on:",
                 s->servers, s->observers, s->persons, s->operations, (double)s->act_us / 1e6, s->tick_ms,
                 s->init_limit, s->sync_limit, (double)s->delay_us / 1e3, (double)s->jitter_us / 1e3, s->disk_max_ms);
    const struct {
        const char *name;
        uint64_t rate;
    } FAULTS[] = {
        {"segments", s->segment_chance},
        {"clogs", s->clog_every_us},
        {"resets", s->reset_every_us},
        {"half-open", s->half_open_every_us},
        {"partitions", s->part_every_us},
        {"flips", s->flip_every_us},
        {"crashes", s->crash_every_us},
        {"pauses", s->pause_every_us},
        {"stops", s->stop_every_us},
        {"wipes", s->wipe_every_us},
        {"damage", s->damage_every_us},
        {"astray", s->astray_every_us},
        {"stalls", s->stall_every_us},
        {"failing-disks", s->disk_fail_every_us},
        {"full-disks", s->disk_full_every_us},
        {"drift", s->drift_ppm},
        {"jumps", s->jump_every_us},
        {"kills", s->kill_every_us},
        {"freezes", s->freeze_every_us},
        {"moves", s->move_every_us},
        {"roll", s->counter_roll},
        {"locals", s->local_servers},
        {"read-only", s->read_only_servers},
    };
    for (size_t i = 0; i < ZK_COUNT_OF(FAULTS) && len > 0 && (size_t)len < size; i++)
        if (FAULTS[i].rate)
            len += snprintf(text + len, size - (size_t)len, " %s", FAULTS[i].name);
    return text;
}
