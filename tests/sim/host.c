#include "tests/sim/host.h"
#include "tests/sim/check.h"
#include "tests/sim/ledger.h"
#include "tests/sim/locals.h"
#include "tests/sim/nemesis.h"
#include "server/state/state.h"
#include <inttypes.h>

#define MILLISECOND 1000ull
/* Where wall clocks start: some day in 2026. */
#define WALL_START_MS 1790000000000ll

struct host *host_new(struct world *w, uint32_t node, bool is_observer)
{
    struct host *h = zk_calloc(1, sizeof(*h));
    h->world = w;
    h->node = node;
    h->id = node + 1;
    h->is_observer = is_observer;
    h->disk = disk_new(zk_rng_u64(&w->chance[WORLD_CHANCE_DISK]));
    disk_set_latency(h->disk, w->swarm.disk_min_ms, w->swarm.disk_max_ms);
    h->tap = tap_new(w, h->id);
    uint32_t ppm = w->swarm.drift_ppm;
    h->drift_ppm = ppm ? (int64_t)world_below(w, WORLD_CHANCE_CLOCK, 2 * ppm + 1) - (int64_t)ppm : 0;
    h->wall_offset_ms = ppm ? (int64_t)world_below(w, WORLD_CHANCE_CLOCK, 2000) - 1000 : 0;
    h->boot_ms = 1000 + world_below(w, WORLD_CHANCE_CLOCK, 1000000);
    return h;
}

void host_free(struct host *h)
{
    if (h->replica)
        host_kill(h, HOST_KILLED);
    disk_free(h->disk);
    tap_free(h->tap);
    free(h);
}

struct host *host_of(struct world *w, uint64_t id)
{
    ZK_ASSERT(id >= 1 && id <= w->host_count);
    return w->hosts[id - 1];
}

/* --- clock --- */

uint64_t host_now_ms(const struct host *h)
{
    uint64_t real_us = h->world->now_us - h->boot_us;
    return h->boot_ms + (uint64_t)((int64_t)real_us + (int64_t)real_us * h->drift_ppm / 1000000) / MILLISECOND;
}

int64_t host_wall_ms(const struct host *h)
{
    return WALL_START_MS + h->wall_offset_ms + (int64_t)(host_now_ms(h) - h->boot_ms);
}

void host_jump(struct host *h, int64_t by_ms)
{
    h->wall_offset_ms += by_ms;
}

/* How long until this host's clock shows `ms`. */
static uint64_t until(const struct host *h, uint64_t ms)
{
    uint64_t now_ms = host_now_ms(h);
    if (ms <= now_ms)
        return 0;
    uint64_t us = zk_min_u64(ms - now_ms, 1000000) * MILLISECOND;
    return us + us / 15 + MILLISECOND;
}

/* --- turns --- */

static void flush(struct host *h);

static void flush_event(struct world *w, void *arg, uint64_t token)
{
    struct host *h = arg;
    if (token != h->start || !h->replica)
        return;
    h->is_flush_due = false;
    if (h->state != HOST_PAUSED)
        flush(h);
}

void host_flush_soon(struct host *h)
{
    if (h->is_flush_due || !h->replica)
        return;
    h->is_flush_due = true;
    world_after(h->world, world_between(h->world, WORLD_CHANCE_PROCESS, 1, h->world->swarm.turn_us), flush_event, h,
                h->start);
}

void host_input(struct host *h)
{
    if (!h->is_in_turn)
        replica_time(h->replica, host_now_ms(h), host_wall_ms(h));
    h->is_in_turn = true;
    host_flush_soon(h);
}

static void timer_event(struct world *w, void *arg, uint64_t token)
{
    struct host *h = arg;
    if (token != h->timer_token || !h->replica)
        return;
    h->timer_at_us = 0;
    if (h->state != HOST_PAUSED)
        flush(h);
}

static void set_timer(struct host *h)
{
    uint64_t after = until(h, replica_deadline_ms(h->replica));
    if (h->state == HOST_STOPPING)
        after = zk_min_u64(after, 20 * MILLISECOND);
    uint64_t at = h->world->now_us + zk_max_u64(after, 1);
    if (h->timer_at_us && h->timer_at_us <= at)
        return;
    h->timer_at_us = at;
    world_after(h->world, at - h->world->now_us, timer_event, h, ++h->timer_token);
}

static uint64_t disk_now_ms(const struct host *h)
{
    return h->world->now_us / MILLISECOND;
}

static void set_disk_timer(struct host *h);

static void disk_event(struct world *w, void *arg, uint64_t token)
{
    struct host *h = arg;
    if (token != h->disk_token || !h->replica)
        return;
    h->disk_at_us = 0;
    if (h->state == HOST_PAUSED)
        return; /* its storage thread sleeps too */
    disk_advance(h->disk, disk_now_ms(h));
    host_input(h);
    replica_storage(h->replica);
    set_disk_timer(h);
}

static void set_disk_timer(struct host *h)
{
    /* Idle or not, it tells its free space now and then. */
    uint64_t ms = zk_min_u64(disk_deadline_ms(h->disk), disk_now_ms(h) + 1000);
    uint64_t at = zk_max_u64(ms * MILLISECOND, h->world->now_us + 1);
    if (h->disk_at_us && h->disk_at_us <= at)
        return;
    h->disk_at_us = at;
    world_after(h->world, at - h->world->now_us, disk_event, h, ++h->disk_token);
}

static void died(struct host *h, struct zk_slice why)
{
    SAY(h->world, "s%" PRIu64 " dies: %.*s", h->id, (int)why.len, (const char *)why.ptr);
    if (!h->may_die)
        world_fail(h->world, "fatal", "server %" PRIu64 " ends itself: %.*s", h->id, (int)why.len,
                   (const char *)why.ptr);
    h->deaths++;
    host_kill(h, HOST_KILLED);
    check_host_died(h);
}

static void perform(struct host *h, const struct replica_effect *effect)
{
    switch (effect->kind) {
    case REPLICA_PEER_SEND:
        peers_send(h, effect->peer, effect->inbound, effect->bytes);
        break;
    case REPLICA_PEER_CLOSE:
        SAY(h->world, "s%" PRIu64 " closes %s %" PRIu64, h->id, effect->inbound ? "from" : "to", effect->peer);
        peers_close(h, effect->peer, effect->inbound);
        break;
    case REPLICA_NEWS:
        SAY(h->world, "s%" PRIu64 " says: %.*s", h->id, (int)effect->bytes.len, (const char *)effect->bytes.ptr);
        check_news(h, effect->bytes);
        check_verdict(h, effect->bytes);
        locals_verdict(h->world, h->id, effect->bytes);
        break;
    case REPLICA_FATAL:
        break;
    case REPLICA_CLIENT_SEND:
    case REPLICA_CLIENT_CLOSE:
    case REPLICA_CLIENT_PAUSE:
    case REPLICA_CLIENT_RESUME:
    case REPLICA_CLIENT_READY:
        doors_effect(h, effect);
        break;
    }
}

static void stop_if_may(struct host *h)
{
    if (h->state != HOST_STOPPING || !replica_may_stop(h->replica))
        return;
    SAY(h->world, "s%" PRIu64 " stops", h->id);
    disk_close(h->disk);
    host_kill(h, HOST_KILLED);
}

static void flush(struct host *h)
{
    if (!h->is_in_turn)
        replica_time(h->replica, host_now_ms(h), host_wall_ms(h));
    h->is_in_turn = false;
    const struct replica_effect *effects;
    size_t count = replica_flush(h->replica, &effects);
    h->turns++;
    struct zk_slice fatal = {0};
    for (size_t i = 0; i < count; i++)
        if (effects[i].kind == REPLICA_FATAL)
            fatal = effects[i].bytes;
    if (fatal.ptr) { /* the process ends at once: nothing of this turn leaves */
        died(h, fatal);
        return;
    }
    check_commit(h);
    for (size_t i = 0; i < count; i++)
        perform(h, &effects[i]);
    check_turn(h);
    nemesis_turn(h);
    peers_pump(h);
    doors_pump(h);
    set_timer(h);
    set_disk_timer(h);
    stop_if_may(h);
}

/* --- life --- */

static void draw_secret(void *arg, void *ptr, size_t len)
{
    struct world *w = arg;
    zk_rng_fill(&w->chance[WORLD_CHANCE_SECRET], ptr, len);
}

static struct replica_config make_config(struct host *h)
{
    struct world *w = h->world;
    const struct swarm *s = &w->swarm;
    struct replica_config config = {
        .zab = {.self = h->id,
                .member_count = w->host_count,
                .tick_ms = s->tick_ms,
                .init_limit = s->init_limit,
                .sync_limit = s->sync_limit,
                .counter_roll = s->counter_roll,
                .seed = zk_rng_u64(&w->chance[WORLD_CHANCE_PROCESS])},
        .min_session_timeout_ms = (int32_t)s->session_min_ms,
        .max_session_timeout_ms = (int32_t)s->session_max_ms,
        .jute_max_buffer = 0xfffff,
        .memory = (int32_t)s->memory_k,
        .checkpoint_floor_bytes = s->checkpoint_bytes,
        .checkpoint_slice_rows = s->checkpoint_rows,
        .client_turn_bytes = s->client_turn_bytes,
        .local_sessions = s->local_servers >> h->id & 1,
        .local_upgrading = s->upgrading_servers >> h->id & 1,
        .read_only_mode = s->read_only_servers >> h->id & 1,
        .enforce_quota = s->quota_servers >> h->id & 1,
        .extended_types = s->ttl_servers >> h->id & 1,
        .throttle_max_requests = s->door_requests,
        .throttled_op_wait_ms = s->throttled_op_wait_ms,
        .throttle_drops_stale = s->drops_stale,
        .outstanding_limit = s->outstanding_limit,
        .container_check_ms = s->container_check_ms,
        .container_max_per_minute = s->container_max_per_minute,
        .container_never_used_ms = s->container_never_used_ms,
        .space_low_bytes = s->disk_full_every_us ? HOST_SPACE_LOW : 0,
        .random = draw_secret,
        .random_arg = w,
    };
    config.ensemble = zk_slice_str(s->has_odd_configs && h->id % 2 ? "server.1=one:1:2:participant\n"
                                                                   : "server.1=1.2.3.4:1:2:participant;0.0.0.0:3\n");
    for (size_t i = 0; i < w->host_count; i++)
        config.zab.members[i] = (struct zab_member){
            .id = i + 1, .role = w->hosts[i]->is_observer ? ZAB_OBSERVER : ZAB_PARTICIPANT, .weight = 1};
    return config;
}

void host_start(struct host *h)
{
    struct world *w = h->world;
    if (h->replica)
        return;
    h->start++;
    h->boot_us = w->now_us;
    h->boot_ms = 1000 + world_below(w, WORLD_CHANCE_CLOCK, 1000000);
    h->is_in_turn = h->is_flush_due = false;
    h->timer_at_us = h->disk_at_us = 0;
    struct storage storage = tap_open(h->tap, disk_open(h->disk, disk_now_ms(h)));
    const struct storage_image *image = tap_image(h->tap);
    SAY(w,
        "s%" PRIu64 " starts: %s, log %" PRIx64 "..%" PRIx64 ", commit %" PRIx64 ", promised %" PRIu64
        ", checkpoint %" PRIx64 " %s",
        h->id,
        image->verdict == STORAGE_SOUND   ? "sound"
        : image->verdict == STORAGE_BLANK ? "blank"
                                          : "damaged",
        image->base_zxid, image->last_zxid, image->commit, image->promised, image->checkpoint_zxid,
        image->verdict == STORAGE_DAMAGED ? image->why : "");
    check_host_starts(h, image);
    struct replica_config config = make_config(h);
    char why[256] = "";
    h->replica = replica_new(&config, storage, host_now_ms(h), host_wall_ms(h), why, sizeof(why));
    if (!h->replica) {
        SAY(w, "s%" PRIu64 " refuses to start: %s", h->id, why);
        if (!h->may_refuse)
            world_fail(w, "start", "server %" PRIu64 " refuses to start: %s", h->id, why);
        disk_crash(h->disk, DISK_PROCESS_CRASH);
        tap_close(h->tap);
        check_host_died(h);
        return;
    }
    h->state = HOST_UP;
    peers_start(h);
    doors_start(h);
    host_input(h);
}

void host_kill(struct host *h, enum host_death how)
{
    if (!h->replica)
        return;
    check_host_falls(h);
    SAY(h->world, "s%" PRIu64 " is %s", h->id, how == HOST_KILLED ? "gone" : "without power");
    net_node_off(h->world->net, h->node, how == HOST_KILLED ? NET_PROCESS_GONE : NET_MACHINE_GONE);
    doors_stop(h);
    peers_stop(h);
    replica_free(h->replica);
    h->replica = NULL;
    h->state = HOST_DOWN;
    h->start++;
    if (disk_is_open(h->disk))
        disk_crash(h->disk, how == HOST_KILLED ? DISK_PROCESS_CRASH : DISK_POWER_CUT);
    tap_close(h->tap);
}

void host_pause(struct host *h)
{
    if (h->state != HOST_UP)
        return;
    SAY(h->world, "s%" PRIu64 " is paused", h->id);
    h->state = HOST_PAUSED;
    net_node_pause(h->world->net, h->node, true);
}

void host_resume(struct host *h)
{
    if (h->state != HOST_PAUSED)
        return;
    SAY(h->world, "s%" PRIu64 " goes on", h->id);
    h->state = HOST_UP;
    h->woke_us = h->world->now_us;
    h->is_in_turn = false;
    h->timer_at_us = h->disk_at_us = 0;
    net_node_pause(h->world->net, h->node, false);
    host_flush_soon(h);
    set_disk_timer(h);
}

void host_stop(struct host *h)
{
    if (h->state != HOST_UP)
        return;
    SAY(h->world, "s%" PRIu64 " is told to stop", h->id);
    h->state = HOST_STOPPING;
    host_input(h);
    replica_stop(h->replica);
}
