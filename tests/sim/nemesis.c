#include "tests/sim/nemesis.h"
#include "tests/sim/check.h"
#include "tests/sim/ledger.h"
#include "tests/sim/person.h"
#include "server/replica/core.h"
#include "server/state/change.h"
#include <inttypes.h>

#define MILLISECOND 1000ull
#define CLOG_MAX_US 20000000ull

/* --- starting again --- */

static void start_event(struct world *w, void *arg, uint64_t token)
{
    struct host *h = arg;
    if (h->start == token && !h->replica)
        host_start(h);
}

static void start_later(struct host *h)
{
    struct world *w = h->world;
    uint64_t after = w->is_over ? 10 * MILLISECOND : world_about(w, WORLD_CHANCE_PROCESS, w->swarm.down_us);
    world_after(w, after, start_event, h, h->start);
}

void nemesis_host_died(struct host *h)
{
    start_later(h);
}

void check_host_died(struct host *h)
{
    nemesis_host_died(h);
}

static struct host *pick(struct world *w)
{
    return w->hosts[world_below(w, WORLD_CHANCE_PROCESS, (uint32_t)w->host_count)];
}

/* The leader more often than its share: that is where it hurts. */
static struct host *pick_running(struct world *w)
{
    struct host *h = pick(w);
    if (world_chance(w, WORLD_CHANCE_PROCESS, 300000))
        for (size_t i = 0; i < w->host_count; i++)
            if (w->hosts[i]->replica && w->hosts[i]->seen_phase == ZAB_LEADING)
                h = w->hosts[i];
    return h->replica ? h : NULL;
}

/* --- processes --- */

static void crash_one(struct host *h)
{
    bool has_power = !world_chance(h->world, WORLD_CHANCE_PROCESS, h->world->swarm.power_chance);
    world_count(h->world, has_power ? FAULT_CRASHED : FAULT_POWER_CUT);
    host_kill(h, has_power ? HOST_KILLED : HOST_POWER_CUT);
    start_later(h);
}

static void crash_event(struct world *w, void *arg, uint64_t token)
{
    struct host *h = arg;
    if (h->start == token && h->replica)
        crash_one(h);
}

/* May this one lose what it promised, or come to a state of its own? Not if with it there were a majority of such, or
 * none left; nor while the ensemble is being founded: that takes them all, each with the store it began with, and beside
 * a damaged store, which may have held all there was, nobody founds. */
static bool may_impair(const struct host *h)
{
    const struct world *w = h->world;
    size_t impaired = 0;
    for (size_t i = 0; i < w->host_count; i++) {
        impaired += (w->hosts[i]->is_impaired || check_is_astray(w->hosts[i])) && !w->hosts[i]->is_observer;
        if (tap_last(w->hosts[i]->tap) == 0 && !w->hosts[i]->is_impaired)
            return false;
    }
    if (ledger_last(w->ledger) == 0)
        return false;
    return h->is_impaired || check_is_astray(h) || h->is_observer || impaired + 1 <= (w->swarm.servers - 1) / 2;
}

/* --- memory --- */

static bool anyone_astray(const struct world *w)
{
    for (size_t i = 0; i < w->host_count; i++)
        if (check_is_astray(w->hosts[i]))
            return true;
    return false;
}

/* A server applies something otherwise than all others, once, where no client of ours looks. One at a time: the others
 * must be a majority that agrees. */
static void go_astray(struct world *w)
{
    struct host *h = pick_running(w);
    if (!h || h->state != HOST_UP || !replica_serves(h->replica) || anyone_astray(w) || !may_impair(h))
        return;
    struct state *s = h->replica->state;
    SAY(w, "s%" PRIu64 "'s state goes astray", h->id);
    world_count(w, FAULT_ASTRAY);
    h->is_astray = h->has_strayed = h->may_die = true;
    change_begin(s);
    change_data(s, tree_find(&s->tree, zk_slice_str("/zookeeper/quota")), zk_slice_str("astray"));
    change_commit(s);
    h->replica->digests[s->zxid % DIGEST_RING].digest = state_digest(s); /* as if its last entry had done it */
    host_flush_soon(h);
}

/* A leader whose state is astray may send it in the moments before it knows: beyond help, and no proof. */
void nemesis_snapshot_sent(struct host *h)
{
    if (check_is_astray(h))
        world_after(h->world, 0, crash_event, h, h->start);
}

/* In millionths: how tempting is it to crash this server just now? */
static uint32_t temptation(const struct host *h)
{
    if (tap_is_staging(h->tap))
        return 150000;
    if (tap_is_checkpointing(h->tap))
        return 3000;
    return h->seen_phase == ZAB_LEADING && tap_last(h->tap) > h->seen_commit ? 500 : 0;
}

void nemesis_turn(struct host *h)
{
    struct world *w = h->world;
    if (w->is_over || !w->swarm.crash_every_us || !world_chance(w, WORLD_CHANCE_PROCESS, temptation(h)))
        return;
    world_after(w, world_below(w, WORLD_CHANCE_PROCESS, 2000), crash_event, h, h->start);
}

static void crash(struct world *w)
{
    if (world_chance(w, WORLD_CHANCE_PROCESS, w->swarm.crash_all_chance)) {
        world_count(w, FAULT_CRASHED_ALL);
        for (size_t i = 0; i < w->host_count; i++)
            if (w->hosts[i]->replica)
                crash_one(w->hosts[i]);
        return;
    }
    struct host *h = pick_running(w);
    if (h)
        crash_one(h);
}

static void resume_event(struct world *w, void *arg, uint64_t token)
{
    struct host *h = arg;
    if (h->start == token)
        host_resume(h);
}

static void pause_one(struct world *w)
{
    struct host *h = pick_running(w);
    if (!h || h->state != HOST_UP)
        return;
    world_count(w, FAULT_PAUSED);
    host_pause(h);
    world_after(w, world_between(w, WORLD_CHANCE_PROCESS, MILLISECOND, w->swarm.pause_us), resume_event, h, h->start);
}

static void stopped_event(struct world *w, void *arg, uint64_t token)
{
    struct host *h = arg;
    if (!h->replica)
        start_later(h);
    else if (h->state == HOST_STOPPING)
        world_after(w, 50 * MILLISECOND, stopped_event, arg, token);
}

static void stop_one(struct world *w)
{
    struct host *h = pick_running(w);
    if (!h || h->state != HOST_UP)
        return;
    world_count(w, FAULT_STOPPED);
    host_stop(h);
    world_after(w, 50 * MILLISECOND, stopped_event, h, 0);
}

/* --- disks --- */

/* Down, and what is done to it then is all there is to it: who has lost its power and with that the newest mark is spared,
 * for a tail that is lost besides is outside the fault model.
 */
static struct host *pick_victim(struct world *w)
{
    struct host *h = pick(w);
    if (!may_impair(h))
        return NULL;
    if (h->replica)
        host_kill(h, HOST_KILLED);
    else if (disk_mark_is_stale(h->disk))
        return NULL;
    start_later(h);
    return h;
}

static void wipe(struct world *w)
{
    struct host *h = pick_victim(w);
    if (!h || !disk_wipe(h->disk))
        return;
    SAY(w, "s%" PRIu64 " is wiped", h->id);
    world_count(w, FAULT_WIPED);
    h->is_impaired = true;
}

static void damage(struct world *w)
{
    struct host *h = pick_victim(w);
    if (!h)
        return;
    uint32_t how = world_below(w, WORLD_CHANCE_DISK, 3);
    enum tally_kind kind = how == 0 ? FAULT_TAIL_LOST : how == 1 ? FAULT_MARK_LOST : FAULT_BIT_FLIPPED;
    bool done = how == 0   ? disk_lose_tail(h->disk, 1 + world_below(w, WORLD_CHANCE_DISK, 3))
                : how == 1 ? disk_lose_mark(h->disk)
                           : disk_flip_bit(h->disk);
    if (!done)
        return;
    SAY(w, "s%" PRIu64 ": %s", h->id, tally_text(kind));
    world_count(w, kind);
    h->is_impaired = true;
    h->may_die = true;
}

static void stall(struct world *w)
{
    struct host *h = pick_running(w);
    if (!h)
        return;
    world_count(w, FAULT_DISK_STALLED);
    uint32_t ms = 1 + world_below(w, WORLD_CHANCE_DISK, w->swarm.stall_ms);
    SAY(w, "s%" PRIu64 "'s disk stalls for %" PRIu32 " ms", h->id, ms);
    disk_stall(h->disk, ms);
}

static void fail_disk(struct world *w)
{
    struct host *h = pick_running(w);
    if (!h)
        return;
    world_count(w, FAULT_DISK_FAILED);
    SAY(w, "s%" PRIu64 "'s next write fails", h->id);
    h->may_die = true;
    disk_fail_next(h->disk, world_chance(w, WORLD_CHANCE_DISK, 500000));
}

static void room_event(struct world *w, void *arg, uint64_t token)
{
    struct host *h = arg;
    disk_set_capacity(h->disk, 0);
}

static void leave_room(struct host *h, uint64_t room)
{
    struct world *w = h->world;
    world_count(w, FAULT_DISK_FULL);
    SAY(w, "s%" PRIu64 "'s disk has %" PRIu64 " bytes left", h->id, room);
    h->may_die = h->may_refuse = true;
    disk_set_capacity(h->disk, disk_used_bytes(h->disk) + room);
}

static void fill_disk(struct world *w)
{
    struct host *h = pick(w);
    leave_room(h, world_below(w, WORLD_CHANCE_DISK, 200000));
    world_after(w, world_about(w, WORLD_CHANCE_DISK, 5000 * MILLISECOND), room_event, h, 0);
}

/* --- clocks --- */

static void jump(struct world *w)
{
    struct host *h = pick(w);
    int64_t by_ms = (int64_t)world_below(w, WORLD_CHANCE_CLOCK, 7200000) - 3600000;
    if (world_chance(w, WORLD_CHANCE_CLOCK, 50000))
        by_ms *= 80000; /* years */
    SAY(w, "s%" PRIu64 "'s wall clock jumps by %" PRId64 " ms", h->id, by_ms);
    world_count(w, FAULT_CLOCK_JUMPED);
    host_jump(h, by_ms);
}

/* --- network --- */

static void heal_event(struct world *w, void *arg, uint64_t token)
{
    world_count(w, FAULT_HEALED);
    SAY(w, "net: healed%s", "");
    net_unblock_all(w->net);
}

static void cut(struct world *w, uint32_t a, uint32_t b)
{
    net_block(w->net, a, b, true);
    net_block(w->net, b, a, true);
}

/* Two sides; clients fall to one of them too, half of the time. */
static void part_in_two(struct world *w)
{
    uint32_t sides = world_below(w, WORLD_CHANCE_NET, 1u << w->host_count);
    bool clients_too = world_chance(w, WORLD_CHANCE_NET, 500000);
    uint32_t count = (uint32_t)(w->host_count + (clients_too ? w->person_count : 0));
    for (uint32_t i = (uint32_t)w->host_count; i < count; i++)
        sides |= world_below(w, WORLD_CHANCE_NET, 2) << i;
    for (uint32_t a = 0; a < count; a++)
        for (uint32_t b = 0; b < a; b++)
            if ((sides >> a & 1) != (sides >> b & 1))
                cut(w, a, b);
    SAY(w, "net: parted, sides %" PRIx32, sides);
    world_count(w, FAULT_PARTED);
}

static void isolate(struct world *w)
{
    uint32_t one = world_below(w, WORLD_CHANCE_NET, (uint32_t)w->host_count);
    for (uint32_t i = 0; i < w->host_count; i++)
        if (i != one)
            cut(w, i, one);
    SAY(w, "net: s%" PRIu32 " is isolated", one + 1);
    world_count(w, FAULT_ISOLATED);
}

/* Two halves that only one server sees both of. */
static void bridge(struct world *w)
{
    uint32_t one = world_below(w, WORLD_CHANCE_NET, (uint32_t)w->host_count);
    for (uint32_t a = 0; a < w->host_count; a++)
        for (uint32_t b = 0; b < a; b++)
            if (a != one && b != one && (a + b) % 2)
                cut(w, a, b);
    SAY(w, "net: s%" PRIu32 " is the bridge", one + 1);
    world_count(w, FAULT_BRIDGED);
}

/* Everybody sees a majority, no two the same one. */
static void ring(struct world *w)
{
    uint32_t n = (uint32_t)w->host_count;
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < a; b++)
            if (zk_min_u64(a - b, n - (a - b)) > n / 4 + (n < 4))
                cut(w, a, b);
    SAY(w, "net: a ring of majorities%s", "");
    world_count(w, FAULT_RINGED);
}

static void one_way(struct world *w)
{
    uint32_t n = (uint32_t)w->host_count;
    uint32_t from = world_below(w, WORLD_CHANCE_NET, n);
    uint32_t to = world_below(w, WORLD_CHANCE_NET, n);
    bool all = world_chance(w, WORLD_CHANCE_NET, 300000);
    for (uint32_t i = 0; i < n; i++)
        if (i != from && (all || i == to))
            net_block(w->net, from, i, true);
    SAY(w, "net: nothing gets from s%" PRIu32 " to %s%" PRIu32, from + 1, all ? "anybody, not s" : "s", to + 1);
    world_count(w, FAULT_ONE_WAY);
}

static struct host *leader(struct world *w)
{
    for (size_t i = 0; i < w->host_count; i++)
        if (w->hosts[i]->replica && w->hosts[i]->seen_phase == ZAB_LEADING)
            return w->hosts[i];
    return pick(w);
}

/* The leader is cut off, and everybody else is told at once: what it still believes is false for a while. */
static void desert(struct world *w)
{
    struct host *h = leader(w);
    for (uint32_t i = 0; i < w->host_count; i++)
        if (i != h->node)
            cut(w, i, h->node);
    SAY(w, "net: s%" PRIu64 " is deserted", h->id);
    world_count(w, FAULT_DESERTED);
    net_desert(w->net, h->node);
}

static void part(struct world *w)
{
    static void (*const WAYS[])(struct world *) = {part_in_two, part_in_two, isolate, isolate,
                                                   bridge,      ring,        one_way, desert};
    if (w->host_count < 2)
        return;
    WAYS[world_below(w, WORLD_CHANCE_NET, ZK_COUNT_OF(WAYS))](w);
    world_after(w, world_about(w, WORLD_CHANCE_NET, w->swarm.part_us), heal_event, NULL, 0);
}

static void clog_link(struct world *w)
{
    uint64_t for_us = zk_min_u64(world_about(w, WORLD_CHANCE_NET, w->swarm.clog_us), CLOG_MAX_US);
    net_clog(w->net, for_us);
}

static void reset(struct world *w)
{
    net_reset(w->net);
}

static void half_open(struct world *w)
{
    net_half_open(w->net);
}

static void flip(struct world *w)
{
    net_flip(w->net);
}

/* --- clients --- */

static struct person *pick_person(struct world *w)
{
    return w->persons[world_below(w, WORLD_CHANCE_CLIENT, (uint32_t)w->person_count)];
}

static void kill_person(struct world *w)
{
    person_kill(pick_person(w));
}

static void freeze_person(struct world *w)
{
    person_freeze(pick_person(w), world_between(w, WORLD_CHANCE_CLIENT, 10 * MILLISECOND,
                                                2ull * w->swarm.session_max_ms * MILLISECOND));
}

static void move_person(struct world *w)
{
    person_move(pick_person(w));
}

/* --- what strikes when --- */

static const struct strike {
    size_t every; /* offset in the swarm of how often, on average */
    void (*fn)(struct world *w);
} STRIKES[] = {
    {offsetof(struct swarm, crash_every_us), crash},         {offsetof(struct swarm, pause_every_us), pause_one},
    {offsetof(struct swarm, stop_every_us), stop_one},       {offsetof(struct swarm, wipe_every_us), wipe},
    {offsetof(struct swarm, damage_every_us), damage},       {offsetof(struct swarm, stall_every_us), stall},
    {offsetof(struct swarm, disk_fail_every_us), fail_disk}, {offsetof(struct swarm, disk_full_every_us), fill_disk},
    {offsetof(struct swarm, jump_every_us), jump},           {offsetof(struct swarm, part_every_us), part},
    {offsetof(struct swarm, clog_every_us), clog_link},      {offsetof(struct swarm, reset_every_us), reset},
    {offsetof(struct swarm, half_open_every_us), half_open}, {offsetof(struct swarm, flip_every_us), flip},
    {offsetof(struct swarm, kill_every_us), kill_person},    {offsetof(struct swarm, freeze_every_us), freeze_person},
    {offsetof(struct swarm, move_every_us), move_person},    {offsetof(struct swarm, astray_every_us), go_astray},
};

static uint64_t every_us(const struct world *w, const struct strike *strike)
{
    uint64_t value;
    memcpy(&value, (const char *)&w->swarm + strike->every, sizeof(value));
    return value;
}

static void strike_event(struct world *w, void *arg, uint64_t token)
{
    const struct strike *strike = &STRIKES[token];
    if (w->is_over)
        return;
    strike->fn(w);
    world_after(w, world_about(w, WORLD_CHANCE_PROCESS, every_us(w, strike)), strike_event, NULL, token);
}

void nemesis_begin(struct world *w)
{
    for (size_t i = 0; i < ZK_COUNT_OF(STRIKES); i++)
        if (every_us(w, &STRIKES[i]))
            world_after(w, world_about(w, WORLD_CHANCE_PROCESS, every_us(w, &STRIKES[i])), strike_event, NULL, i);
}

struct host *nemesis_leave_one_full(struct world *w)
{
    struct host *h = pick(w);
    leave_room(h, HOST_SPACE_LOW / 2);
    return h;
}

void nemesis_end(struct world *w)
{
    w->is_over = true;
    net_unblock_all(w->net);
    for (size_t i = 0; i < w->host_count; i++) {
        struct host *h = w->hosts[i];
        disk_set_capacity(h->disk, 0);
        disk_set_latency(h->disk, 0, 2);
        disk_end_stall(h->disk);
        disk_mend(h->disk);
        host_resume(h);
        if (!h->replica)
            start_later(h);
    }
    for (size_t i = 0; i < w->person_count; i++) {
        w->persons[i]->has_quit = true;
        person_thaw(w->persons[i]);
    }
}
