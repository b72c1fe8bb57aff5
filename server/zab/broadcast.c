/* broadcast.c: Zab phase 3, the leader's side: propose, count, commit; and the membership changes it proposes.
 *
 * B1  NEWLEADER(e) is the first entry of epoch e, and nothing is proposed before it is committed.
 * B2  only an entry of the leader's own epoch is committed by counting; what precedes it goes with it.
 * B3  the leader's own disk is one acknowledgement of the quorum, given when the storage says durable, mark included.
 * B4  an acknowledgement counts for a member only under the incarnation that the membership names; a readmitted one
 *     counts only once its readmission is committed by others: we know so, or it does, for it acknowledges
 *     nothing before (an acknowledgement of what lies behind its readmission is the proof).
 */
#include "server/zab/core.h"

#include <inttypes.h>

/* --- leading --- */

/* Encode one group, hand it to log and storage, and send it to whoever is level with us. */
static void propose_group(struct zab *z, struct zk_buf *group)
{
    uint64_t before = z->tail.last_zxid;
    ZK_ASSERT(log_append(z, zk_buf_slice(group)));
    pending_add(z, PENDING_OWN_ACK, z->tail.last_zxid, NOBODY, 0);
    stream_broadcast(z, before, tail_group_at(&z->tail, z->tail.count - 1));
}

/* One group of one entry. */
static void propose_one(struct zab *z, uint64_t zxid, uint8_t kind, struct zk_slice body)
{
    struct zk_buf group;
    zk_buf_init(&group);
    group_begin(&group, z->tail.last_hash);
    group_add(&group, z->tail.last_hash, zxid, kind, body);
    group_end(&group, 1);
    propose_group(z, &group);
    zk_buf_fini(&group);
}

void lead(struct zab *z)
{
    z->role = ROLE_LEADING;
    z->candidate = false;
    z->leader = z->self;
    z->attempts_failed = z->votes_failed = 0;
    z->granted_until_ms = z->way_until_ms = 0;
    z->leading_since_ms = z->now_ms;
    z->newleader_zxid = zxid_make(z->epoch, 0);
    z->elected_commit = z->commit;
    z->round = z->round_confirmed = 0;
    z->round_wanted = false;
    z->confirm_count = 0;
    for (size_t i = 0; i < z->config.member_count; i++) {
        stream_reset(z, i);
        z->peers[i].stream.heard_ms = z->now_ms;
        z->peers[i].stream.round = 0;
    }
    fx_news(z, "elected leader of epoch %" PRIu64, z->epoch);
    propose_one(z, z->newleader_zxid, ENTRY_NEWLEADER, zk_slice(NULL, 0));
    fx_op(z, &(struct storage_op){.kind = STORAGE_SYNC_MARK});
    /* The mark is part of what our own acknowledgement waits for. */
    z->pending[z->pending_count - 1].op = z->op_last;
    z->beat_at_ms = z->now_ms;
    beat_all(z);
}

/* --- counting --- */

/* How far a quorum holds the log, without the members whose readmission is not known to be committed. */
static uint64_t quorum_zxid(const struct zab *z)
{
    uint64_t acked[ZAB_MEMBERS_MAX] = {0};
    uint32_t counted = 0;
    for (size_t i = 0; i < z->config.member_count; i++) {
        const struct stream *s = &z->peers[i].stream;
        if (!member_speaks(z, i, s->acked_incarnation))
            continue;
        acked[i] = s->acked;
        counted |= 1u << i;
    }
    if (ZK_PLANTED(7)) {
        uint64_t most = 0;
        size_t have = 0;
        for (size_t i = 0; i < z->config.member_count; i++)
            have += acked[i] >= z->newleader_zxid;
        for (size_t i = 0; have >= z->config.member_count / 2 && i < z->config.member_count; i++)
            most = zk_max_u64(most, acked[i]);
        return most;
    }
    return quorum_reached(&z->quorum, acked, counted);
}

static void newleader_committed(struct zab *z)
{
    fx_news(z, "leading epoch %" PRIu64 ": the history up to 0x%" PRIx64 " is committed", z->epoch, z->commit);
}

void leader_commit(struct zab *z)
{
    for (;;) {
        uint64_t reached = quorum_zxid(z);
        if (reached <= z->commit || (reached < z->newleader_zxid && !ZK_PLANTED(8)))
            return;
        bool began = z->commit < z->newleader_zxid;
        commit_to(z, zk_min_u64(reached, z->tail.last_zxid));
        if (began && z->commit >= z->newleader_zxid)
            newleader_committed(z);
    }
}

void on_ack(struct zab *z, size_t peer, const struct zab_msg *m)
{
    struct peer *p = &z->peers[peer];
    if (z->role != ROLE_LEADING || m->epoch != z->epoch || p->in.followed_epoch != z->epoch || p->in.is_void)
        return;
    uint64_t hash;
    if (m->zxid > p->stream.cursor || (m->zxid > z->commit && !tail_hash_at(&z->tail, m->zxid, &hash)))
        return;
    witness_ack(z, peer, p->in.incarnation, m->epoch, m->zxid);
    if (p->stream.acked_incarnation != p->in.incarnation) {
        p->stream.acked_incarnation = p->in.incarnation;
        p->stream.acked = 0;
    }
    p->stream.acked = zk_max_u64(p->stream.acked, m->zxid);
    leader_commit(z);
    stream_got(z, peer, m->zxid, 0);
}

/* --- proposing --- */

static bool pipeline_has_room(const struct zab *z, const struct zk_slice *bodies, size_t count)
{
    uint64_t bytes = 0;
    size_t groups = 0;
    for (size_t i = z->tail.count; i-- > 0 && tail_group_at(&z->tail, i)->last > z->commit; groups++)
        bytes += tail_group_at(&z->tail, i)->len;
    for (size_t i = 0; i < count; i++) {
        ZK_ASSERT(bodies[i].len <= ZAB_BODY_MAX);
        bytes += bodies[i].len + GROUP_ENTRY_BYTES;
    }
    /* What is too large for the limit by itself still passes an empty pipeline. */
    return (bytes <= PIPELINE_BYTES_MAX || groups == 0) && groups < PIPELINE_GROUPS_MAX;
}

bool zab_propose(struct zab *z, uint64_t now_ms, const struct zk_slice *bodies, size_t count, uint64_t *ret_first)
{
    effects_begin(z);
    z->now_ms = zk_max_u64(z->now_ms, now_ms);
    if (zab_phase(z) != ZAB_LEADING || z->fatal[0] || count == 0 || !pipeline_has_room(z, bodies, count))
        return false;
    uint64_t zxid = z->tail.last_zxid;
    /* The roll comes long before: this is the end of the counter itself. */
    if (zxid_counter(zxid) + (uint64_t)count >= UINT32_MAX)
        return false;
    *ret_first = zxid + 1;
    struct zk_buf group;
    zk_buf_init(&group);
    for (size_t i = 0; i < count;) {
        uint32_t n = 0;
        uint64_t hash = z->tail.last_hash;
        zk_buf_reset(&group);
        group_begin(&group, hash);
        while (i < count && n < GROUP_ENTRIES_MAX && (n == 0 || group.len + bodies[i].len <= GROUP_AIM_BYTES)) {
            hash = group_add(&group, hash, ++zxid, ENTRY_COMMAND, bodies[i++]);
            n++;
        }
        group_end(&group, n);
        propose_group(z, &group);
    }
    zk_buf_fini(&group);
    return true;
}

/* A COMMIT travels with the next PROPOSE; who gets none in this turn is told at once. */
void broadcast_flush(struct zab *z)
{
    for (size_t i = 0; i < z->config.member_count; i++) {
        struct stream *s = &z->peers[i].stream;
        uint64_t commit = zk_min_u64(z->commit, s->cursor);
        if (i == z->self || s->state != STREAM_GROUPS || s->live_at || commit <= s->told_commit)
            continue;
        struct zab_msg m = {.type = TELL_COMMIT, .epoch = z->epoch, .zxid = commit};
        m.own = z->peers[z->self].stream.acked;
        fx_send(z, i, true, &m);
        s->told_commit = commit;
    }
}

/* --- membership --- */

static void propose_readmission(struct zab *z, size_t peer)
{
    struct zk_buf body;
    zk_buf_init(&body);
    membership_readmit_encode(&body, z->config.members[peer].id, z->peers[peer].in.incarnation);
    fx_news(z, "server %" PRIu64 " has a new store: readmitting it", z->config.members[peer].id);
    propose_one(z, z->tail.last_zxid + 1, ENTRY_READMIT, zk_buf_slice(&body));
    zk_buf_fini(&body);
}

static void propose_seat(struct zab *z, size_t peer)
{
    struct zk_buf body;
    zk_buf_init(&body);
    membership_seat_encode(&body, z->config.members[peer].id);
    fx_news(z, "server %" PRIu64 " holds everything: it counts in the quorum now", z->config.members[peer].id);
    propose_one(z, z->tail.last_zxid + 1, ENTRY_SEAT, zk_buf_slice(&body));
    zk_buf_fini(&body);
}

static void propose_close(struct zab *z, uint64_t change)
{
    struct zk_buf body;
    zk_buf_init(&body);
    membership_close_encode(&body, change);
    propose_one(z, z->tail.last_zxid + 1, ENTRY_CLOSE, zk_buf_slice(&body));
    zk_buf_fini(&body);
}

/* A follower that is level and shows a store other than the one the membership names. */
static bool wants_readmission(const struct zab *z, size_t i)
{
    const struct peer *p = &z->peers[i];
    const struct member_record *r = membership_find(membership_newest(&z->members), p->member.id);
    return i != z->self && is_participant(z, i) && p->in.hello && !p->in.is_void &&
           p->in.followed_epoch == z->epoch && p->stream.state == STREAM_GROUPS && !p->stream.live_at &&
           p->stream.got >= p->stream.level && r && r->incarnation != p->in.incarnation;
}

/* Readmitted to a vacant seat, level, and acknowledging: it knows durably that it was readmitted, and can grant. */
static bool wants_seat(const struct zab *z, size_t i)
{
    const struct peer *p = &z->peers[i];
    const struct stream *s = &p->stream;
    const struct member_record *r = membership_find(membership_newest(&z->members), p->member.id);
    return i != z->self && r && r->vacant && is_participant(z, i) && p->in.hello && !p->in.is_void &&
           p->in.followed_epoch == z->epoch && p->in.incarnation == r->incarnation && r->incarnation &&
           s->acked_incarnation == r->incarnation && s->acked > r->since && s->acked >= s->level;
}

/* One change at a time: the next only when the CLOSE of the one before is committed. */
void membership_tick(struct zab *z)
{
    const struct membership *m = membership_newest(&z->members);
    if (z->commit < z->newleader_zxid || z->handover_until_ms)
        return;
    if (m->change) {
        if (m->change <= z->commit)
            propose_close(z, m->change);
        return;
    }
    if (m->zxid > z->commit)
        return;
    for (size_t i = 0; i < z->config.member_count; i++) {
        if (wants_readmission(z, i))
            propose_readmission(z, i);
        else if (wants_seat(z, i))
            propose_seat(z, i);
        else
            continue;
        return;
    }
}
