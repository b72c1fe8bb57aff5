/* round.c: heartbeats, rounds that prove leadership, and stepping down.
 *
 * R1  a round is answered only by who has promised exactly the leader's epoch, follows it and is no stranger.
 * R2  a confirmation belongs to a round that began after it was asked for; none outlives its leader.
 * R3  a leader that hears no quorum for the sync limit, or whose disk is silent for half of it, stops leading.
 * R4  a follower that is not heard for the sync limit (the init limit, until it is level) is closed.
 */
#include "server/zab/core.h"

#include <inttypes.h>

/* --- beats --- */

void beat_one(struct zab *z, size_t peer)
{
    const struct stream *s = &z->peers[peer].stream;
    bool told = s->state == STREAM_GROUPS && !s->live_at;
    struct zab_msg m = {.type = TELL_BEAT,
                        .epoch = z->epoch,
                        .commit = told ? zk_min_u64(z->commit, s->cursor) : 0,
                        .number = z->round,
                        .table = z->lists->table,
                        .bytes = zk_buf_slice(&z->beat)};
    m.table_count = witness_table(z, z->lists->table);
    fx_send(z, peer, true, &m);
}

void beat_all(struct zab *z)
{
    z->round++;
    z->beat_at_ms = z->now_ms + zk_max_u64(z->config.tick_ms / 2, 1);
    for (size_t i = 0; i < z->config.member_count; i++)
        if (i != z->self && z->peers[i].in.hello)
            beat_one(z, i);
}

static void pong(struct zab *z, size_t peer, uint64_t epoch, uint64_t round)
{
    struct zab_msg m = {.type = TELL_PONG,
                        .epoch = epoch,
                        .number = round,
                        .promised = z->durable_promised,
                        .zxid = z->durable_zxid,
                        .is_short = z->is_short,
                        .bytes = epoch ? zk_buf_slice(&z->beat) : zk_slice(NULL, 0)};
    fx_send(z, peer, false, &m);
}

static bool answers_rounds(const struct zab *z, uint64_t epoch)
{
    return z->promised == epoch && is_participant(z, z->self) && !is_stranger(z);
}

/* May we follow the server behind this channel at all? */
static bool may_follow(const struct zab *z, const struct channel *c, uint64_t epoch)
{
    if (on_hold(z) || c->is_void || epoch < z->promised || epoch == 0)
        return false;
    if (cluster_id(z) != 0 && c->cluster_id != cluster_id(z))
        return false;
    return !(z->role == ROLE_LEADING && z->epoch >= epoch) && !(z->role == ROLE_FOLLOWING && z->epoch >= epoch);
}

static void beat_of_mine(struct zab *z, size_t peer, const struct zab_msg *m)
{
    z->heard_ms = z->now_ms;
    for (size_t i = 0; i < m->table_count; i++)
        witness_merge(z, &m->table[i]);
    fx_beat(z, peer, m->bytes);
    pong(z, peer, m->epoch, answers_rounds(z, m->epoch) ? m->number : 0);
    if (z->sync == SYNC_STREAM)
        follow_commit(z, m->commit);
}

void on_beat(struct zab *z, size_t peer, const struct zab_msg *m)
{
    struct channel *c = &z->peers[peer].out;
    /* Who leads an epoch has promised it, durably. */
    witness_word(z, peer, c, m->epoch);
    if (z->role == ROLE_FOLLOWING && z->leader == peer && z->epoch == m->epoch && z->promised == m->epoch) {
        beat_of_mine(z, peer, m);
        return;
    }
    if (!may_follow(z, c, m->epoch)) {
        pong(z, peer, 0, 0);
        return;
    }
    if (c->followed_epoch == m->epoch) {
        /* One synchronisation a connection: we left this leader, so begin anew on another. */
        fx_close(z, peer, false);
        return;
    }
    follow(z, peer, m->epoch);
}

/* Who looks for a leader and has nothing to ask (an observer, a stranger, a minority) would never find out that a
 * connection it dialled is dead for the other side, and no leader's beat comes down such a one. So it says something; and
 * one that even the other's HELLO does not come down is dialled anew. */
void knock(struct zab *z)
{
    if (z->role != ROLE_LOOKING || z->now_ms < z->knock_at_ms)
        return;
    z->knock_at_ms = z->now_ms + zk_max_u64(z->config.tick_ms, 1);
    for (size_t i = 0; i < z->config.member_count; i++) {
        const struct channel *c = &z->peers[i].out;
        if (i == z->self || !c->up || c->closing)
            continue;
        if (c->hello)
            pong(z, i, 0, 0);
        else if (z->now_ms - c->up_ms >= 2 * (uint64_t)z->config.tick_ms)
            fx_close(z, i, false);
    }
}

/* Not at once, for it may be about to be elected, or to grant somebody. */
void hear_promise(struct zab *z, uint64_t promised)
{
    uint64_t wait = zk_max_u64(z->config.tick_ms / 10, 2);
    if (promised > z->promised + PROMISE_JUMP_MAX)
        return;
    z->seen_promised = zk_max_u64(z->seen_promised, promised);
    if (z->role == ROLE_LEADING && promised > z->epoch && z->roll_at_ms == 0)
        z->roll_at_ms = z->now_ms + wait + zk_rng_below(&z->rng, (uint32_t)wait);
}

void on_pong(struct zab *z, size_t peer, const struct zab_msg *m)
{
    struct peer *p = &z->peers[peer];
    witness_word(z, peer, &p->in, m->promised);
    hear_promise(z, m->promised);
    if (z->role != ROLE_LEADING || m->epoch != z->epoch || p->in.followed_epoch != z->epoch)
        return;
    p->stream.is_short = m->is_short;
    p->stream.round = zk_max_u64(p->stream.round, zk_min_u64(m->number, z->round));
    fx_beat(z, peer, m->bytes);
}

/* --- rounds --- */

void on_round(struct zab *z, size_t peer, const struct zab_msg *m)
{
    if (z->role != ROLE_FOLLOWING || z->leader != peer || z->epoch != m->epoch || !answers_rounds(z, m->epoch))
        return;
    z->heard_ms = z->now_ms;
    struct zab_msg answer = {.type = TELL_ROUNDED, .epoch = m->epoch, .number = m->number};
    fx_send(z, peer, false, &answer);
}

void on_rounded(struct zab *z, size_t peer, const struct zab_msg *m)
{
    struct peer *p = &z->peers[peer];
    if (z->role != ROLE_LEADING || m->epoch != z->epoch || p->in.followed_epoch != z->epoch || m->number > z->round)
        return;
    p->stream.round = zk_max_u64(p->stream.round, m->number);
}

bool zab_confirm(struct zab *z, uint64_t now_ms, uint64_t token)
{
    effects_begin(z);
    z->now_ms = zk_max_u64(z->now_ms, now_ms);
    if (zab_phase(z) != ZAB_LEADING || z->fatal[0])
        return false;
    if (ZK_PLANTED(12)) {
        fx_confirmed(z, token, true);
        return true;
    }
    if (z->confirm_count == z->confirm_cap) {
        z->confirm_cap = z->confirm_cap ? 2 * z->confirm_cap : 16;
        z->confirms = zk_realloc(z->confirms, z->confirm_cap * sizeof *z->confirms);
    }
    uint64_t round = ZK_PLANTED(13) ? z->round_confirmed : z->round + 1;
    z->confirms[z->confirm_count++] = (struct confirm){.token = token, .round = round};
    z->round_wanted = true;
    return true;
}

void confirms_fail(struct zab *z)
{
    for (size_t i = 0; i < z->confirm_count; i++)
        fx_confirmed(z, z->confirms[i].token, false);
    z->confirm_count = 0;
    z->round_wanted = false;
}

static void send_round(struct zab *z)
{
    z->round_wanted = false;
    z->round++;
    struct zab_msg m = {.type = TELL_ROUND, .epoch = z->epoch, .number = z->round};
    struct zk_slice bytes = fx_encode(z, &m);
    for (size_t i = 0; i < z->config.member_count; i++)
        if (i != z->self && is_participant(z, i) && z->peers[i].in.followed_epoch == z->epoch)
            fx_send_bytes(z, i, true, bytes);
}

/* At the end of a turn: all that asked in it share one round. */
void round_flush(struct zab *z)
{
    if (z->round_wanted)
        send_round(z);
    if (!z->confirm_count)
        return;
    uint64_t answered[ZAB_MEMBERS_MAX] = {0};
    uint32_t counted = 0;
    for (size_t i = 0; i < z->config.member_count; i++) {
        const struct peer *p = &z->peers[i];
        if (i != z->self && (p->in.is_void || !member_counts(z, i, p->in.incarnation, 0)))
            continue;
        answered[i] = i == z->self ? z->round : p->stream.round;
        counted |= 1u << i;
    }
    z->round_confirmed = quorum_reached(&z->quorum, answered, counted);
    size_t kept = 0;
    for (size_t i = 0; i < z->confirm_count; i++) {
        if (z->confirms[i].round <= z->round_confirmed)
            fx_confirmed(z, z->confirms[i].token, true);
        else
            z->confirms[kept++] = z->confirms[i];
    }
    z->confirm_count = kept;
}

/* --- stepping down, opening a new epoch --- */

static uint32_t heard_within(const struct zab *z, uint64_t limit_ms)
{
    uint32_t mask = 1u << z->self;
    for (size_t i = 0; i < z->config.member_count; i++) {
        const struct peer *p = &z->peers[i];
        if (i != z->self && p->in.followed_epoch == z->epoch && z->now_ms - p->stream.heard_ms <= limit_ms &&
            !p->in.is_void && member_speaks(z, i, p->in.incarnation))
            mask |= 1u << i;
    }
    return mask;
}

static bool must_step_down(struct zab *z)
{
    uint64_t tick = z->config.tick_ms;
    uint64_t sync = tick * z->config.sync_limit;
    if (disk_silent(z, sync / 2)) {
        look(z, sync / 2, "this server's disk does not answer");
        return true;
    }
    bool quorum = quorum_has(&z->quorum, heard_within(z, sync));
    if (!quorum && z->now_ms - z->leading_since_ms > sync) {
        look(z, election_delay(z), "no quorum was heard for the sync limit");
        return true;
    }
    if (z->commit < z->newleader_zxid && z->now_ms - z->leading_since_ms > tick * z->config.init_limit) {
        look(z, election_delay(z), "no quorum took over the history within the init limit");
        return true;
    }
    return false;
}

/* Who hears us but is not heard, its way to us being stalled, would go on following while what its clients say reaches
 * nobody: their sessions would end. On a new connection it is heard, or it knows that it has lost its leader. */
static void drop_silent(struct zab *z)
{
    for (size_t i = 0; i < z->config.member_count; i++) {
        const struct peer *p = &z->peers[i];
        const struct stream *s = &p->stream;
        bool is_level = s->state == STREAM_GROUPS && !s->live_at && s->got >= s->level;
        uint64_t limit = (uint64_t)z->config.tick_ms * (is_level ? z->config.sync_limit : z->config.init_limit);
        if (i == z->self || p->in.followed_epoch != z->epoch || z->now_ms - s->heard_ms <= limit)
            continue;
        fx_news(z, "server %" PRIu64 " follows and was not heard for the %s limit: closing its connection", p->member.id,
                is_level ? "sync" : "init");
        fx_close(z, i, true);
    }
}

void leader_tick(struct zab *z)
{
    if (z->role != ROLE_LEADING || must_step_down(z))
        return;
    drop_silent(z);
    bool counter_ends = zxid_counter(z->tail.last_zxid) >= z->config.counter_roll && z->commit >= z->newleader_zxid;
    if (counter_ends || (z->roll_at_ms && z->now_ms >= z->roll_at_ms)) {
        fx_news(z, "opening a new epoch: %s",
                counter_ends ? "the counter of this one is used up" : "a server has promised a higher one");
        stand(z);
        return;
    }
    if (z->now_ms >= z->beat_at_ms)
        beat_all(z);
    stream_tick(z);
    handover_step(z);
}
