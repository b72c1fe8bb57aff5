/* follow.c: Zab phases 2 and 3, the follower's side: show what I have, become a prefix of the leader's history, take
 * groups, acknowledge what is durable.
 *
 *   BEAT(e) from a leader -> promise e, FOLLOW(summary)       SYNC_WAITING: nothing but the answer is taken
 *     -> TRUNC: cut, the common part is acknowledged once durable                                 SYNC_STREAM
 *     -> SNAP: rows and groups are staged                                                         SYNC_ROWS
 *        -> LIVE: one operation makes them tree and log                                           SYNC_STREAM
 *
 * F1  following e raises `promised` to e before anything of e is stored; nothing of a lower epoch is taken.
 * F2  what does not chain to the tail, or is not known, closes the connection: the next one synchronises anew.
 * F3  nothing below the commit point is ever cut off or replaced: to be asked for it is proof of lost data, and
 *     fatal.
 * F4  an acknowledgement waits for the disk; a stranger's counts for nothing (GOT).
 */
#include "server/zab/core.h"

#include <inttypes.h>

/* Close the leader's connection: a new one begins with a new summary. Always true. */
static bool resync(struct zab *z, const char *why)
{
    size_t leader = z->leader;
    look(z, election_delay(z) + z->config.tick_ms / 20 + 1, why);
    fx_close(z, leader, false);
    return true;
}

static size_t summary(const struct zab *z, struct storage_epoch *points)
{
    size_t count = zk_min_u64(z->tail.epoch_count, MSG_POINTS_MAX);
    for (size_t i = 0; i < count; i++)
        points[i] = z->tail.epochs[z->tail.epoch_count - count + i];
    return count;
}

void follow(struct zab *z, size_t peer, uint64_t epoch)
{
    look(z, 0, z->role == ROLE_STANDING ? "another server was elected" : "there is a newer leader");
    z->role = ROLE_FOLLOWING;
    z->candidate = false;
    z->leader = peer;
    z->epoch = epoch;
    z->sync = SYNC_WAITING;
    z->heard_ms = z->sync_progress_ms = z->now_ms;
    z->attempts_failed = z->votes_failed = 0;
    z->granted_until_ms = z->way_until_ms = 0;
    z->level = NEVER;
    z->acked_durable = 0;
    if (epoch > z->promised)
        promise(z, epoch);
    z->peers[peer].out.followed_epoch = epoch;
    struct zab_msg m = {.type = TELL_FOLLOW, .epoch = epoch, .zxid = z->tail.last_zxid, .yes = z->wants_state};
    m.points = z->lists->points;
    m.point_count = summary(z, z->lists->points);
    fx_send(z, peer, false, &m);
    fx_news(z, "following server %" PRIu64 ", leader of epoch %" PRIu64, z->peers[peer].member.id, epoch);
}

static void drop_stage(struct zab *z)
{
    fx_op(z, &(struct storage_op){.kind = STORAGE_SNAP_DROP});
    fx_snap(z, &(struct zab_snap){.kind = ZAB_SNAP_ABANDONED, .zxid = z->stage_zxid});
    tail_give_up(&z->stage, &z->tail);
    membership_fini(&z->stage_members);
}

void leave_leader(struct zab *z)
{
    if (z->sync == SYNC_ROWS)
        drop_stage(z);
    z->sync = SYNC_WAITING;
    z->stage_rows = 0;
}

void follow_ack(struct zab *z)
{
    pending_add(z, PENDING_ACK, z->tail.last_zxid, z->leader, z->peers[z->leader].out.generation);
    if (ZK_PLANTED(1))
        z->pending[z->pending_count - 1].op = 0;
}

bool follow_commit(struct zab *z, uint64_t zxid)
{
    uint64_t hash;
    if (zxid > z->commit && !tail_hash_at(&z->tail, zxid, &hash)) {
        resync(z, "a commit of an entry that is not known here");
        return false;
    }
    commit_to(z, zxid);
    return true;
}

/* --- the answer to the summary --- */

static bool below_commit(struct zab *z, uint64_t zxid, const char *what)
{
    if (zxid >= z->commit)
        return false;
    fx_fatal(z,
             "the leader of epoch %" PRIu64 " asks to %s 0x%" PRIx64 ", but 0x%" PRIx64
             " is known to be committed: committed data was lost elsewhere, and this server stops so that it is kept",
             z->epoch, what, zxid, z->commit);
    return true;
}

static bool on_trunc(struct zab *z, const struct zab_msg *m)
{
    uint64_t hash = 0;
    if (z->sync != SYNC_WAITING || m->zxid > z->tail.last_zxid)
        return resync(z, "a TRUNC that answers nothing");
    if (below_commit(z, m->zxid, "cut off everything after"))
        return true;
    if (!tail_hash_at(&z->tail, m->zxid, &hash) || hash != m->hash)
        return resync(z, "a TRUNC to an entry that is not in this log");
    bool cut = m->zxid < z->tail.last_zxid;
    if ((ZK_PLANTED(5) || ZK_PLANTED(105)) && zxid_counter(z->tail.last_zxid) <= zxid_counter(m->level))
        cut = false;
    if (cut) {
        fx_news(z, "cutting off what no quorum had after 0x%" PRIx64, m->zxid);
        fx_op(z, &(struct storage_op){.kind = STORAGE_TRUNC, .zxid = m->zxid, .hash = m->hash});
        tail_truncate(&z->tail, m->zxid, m->hash);
        membership_truncate(&z->members, m->zxid);
        members_changed(z);
    }
    z->sync = SYNC_STREAM;
    z->sync_progress_ms = z->now_ms;
    z->level = m->level;
    if (!follow_commit(z, zk_min_u64(m->commit, m->zxid)))
        return true;
    follow_ack(z);
    if (ZK_PLANTED(2))
        z->pending[z->pending_count - 1].zxid = zxid_make(z->epoch, 0);
    return true;
}

/* --- a snapshot --- */

static bool on_snap(struct zab *z, const struct zab_msg *m)
{
    struct membership members;
    if (z->sync != SYNC_WAITING || !membership_decode(m->bytes, &members))
        return resync(z, "a snapshot that answers nothing");
    z->sync = SYNC_ROWS;
    z->sync_progress_ms = z->now_ms;
    z->level = m->level;
    z->stage_zxid = m->zxid;
    z->stage_digest = m->digest;
    z->stage_rows = 0;
    tail_init(&z->stage, m->zxid, m->hash);
    membership_reset(&z->stage_members, &members);
    fx_op(z, &(struct storage_op){.kind = STORAGE_SNAP_BEGIN,
                                  .zxid = m->zxid,
                                  .hash = m->hash,
                                  .digest = m->digest,
                                  .bytes = fx_keep(z, m->bytes)});
    fx_snap(z, &(struct zab_snap){.kind = ZAB_SNAP_BEGIN, .zxid = m->zxid, .digest = m->digest});
    fx_news(z, "%s: receiving its state at 0x%" PRIx64,
            z->wants_state ? "the leader's state takes the place of ours" : "too far behind for the leader's log", m->zxid);
    return true;
}

static bool on_rows(struct zab *z, const struct zab_msg *m)
{
    if (z->sync != SYNC_ROWS || m->number != z->stage_rows + 1)
        return resync(z, "rows of a snapshot out of order");
    z->stage_rows = m->number;
    z->sync_progress_ms = z->now_ms;
    struct zk_slice rows = fx_keep(z, m->bytes);
    fx_op(z, &(struct storage_op){.kind = STORAGE_SNAP_ROWS, .bytes = rows});
    fx_snap(z, &(struct zab_snap){.kind = ZAB_SNAP_ROWS, .zxid = z->stage_zxid, .rows = rows});
    pending_add(z, PENDING_GOT, m->number, z->leader, z->peers[z->leader].out.generation);
    return true;
}

static bool stage_group(struct zab *z, struct zk_slice group, uint64_t last)
{
    if (!note_group(&z->stage_members, group, z->stage.last_zxid))
        return false;
    const struct tail_group *t = tail_append(&z->stage, group);
    fx_op(z, &(struct storage_op){.kind = STORAGE_SNAP_GROUP,
                                  .first_zxid = t->first,
                                  .zxid = last,
                                  .hash = t->last_hash,
                                  .bytes = tail_bytes(t)});
    z->sync_progress_ms = z->now_ms;
    pending_add(z, PENDING_GOT_GROUP, last, z->leader, z->peers[z->leader].out.generation);
    return true;
}

/* State and log are replaced in one operation. What this server had once acknowledged lies within the new log: the
 * leader sends LIVE no sooner. */
static bool on_live(struct zab *z, const struct zab_msg *m)
{
    uint64_t hash, mine;
    if (z->sync != SYNC_ROWS || m->zxid != z->stage.last_zxid)
        return resync(z, "a snapshot that ends elsewhere");
    uint64_t known = zk_max_u64(m->commit, z->stage_zxid);
    if (known > z->stage.last_zxid || !tail_hash_at(&z->stage, known, &hash))
        return resync(z, "a snapshot whose commit point is not in it");
    if (below_commit(z, m->zxid, "replace the history by one that ends at"))
        return true;
    bool both = z->commit >= z->stage_zxid && tail_hash_at(&z->tail, z->commit, &mine);
    if (both && (!tail_hash_at(&z->stage, z->commit, &hash) || hash != mine)) {
        below_commit(z, z->commit - 1, "replace by another history everything after");
        return true;
    }
    uint64_t commit = zk_max_u64(z->commit, known);
    fx_op(z, &(struct storage_op){
                 .kind = STORAGE_SNAP_LIVE, .zxid = m->zxid, .hash = z->stage.last_hash, .commit = commit});
    fx_op(z, &(struct storage_op){.kind = STORAGE_SYNC_MARK});
    fx_snap(z, &(struct zab_snap){.kind = ZAB_SNAP_LIVE, .zxid = z->stage_zxid, .digest = z->stage_digest});
    tail_give_up(&z->tail, &z->stage);
    z->tail = z->stage;
    membership_fini(&z->members);
    z->members = z->stage_members;
    z->stage = (struct tail){0};
    z->stage_members = (struct membership_stack){0};
    members_changed(z);
    z->sync = SYNC_STREAM;
    z->wants_state = false;
    z->stage_rows = 0;
    z->commit = z->applied = z->stage_zxid;
    z->commit_handed = commit;
    if (commit > z->commit)
        commit_to(z, commit);
    z->level = zk_max_u64(z->level, m->zxid);
    follow_ack(z);
    if (ZK_PLANTED(3))
        z->pending[z->pending_count - 1].op = 0;
    pending_add(z, PENDING_HELLO, 0, NOBODY, 0);
    return true;
}

/* --- the stream --- */

static bool brings_newleader(const struct zab *z, uint64_t first, uint64_t last)
{
    uint64_t newleader = zxid_make(z->epoch, 0);
    return first <= newleader && newleader <= last;
}

static bool on_propose(struct zab *z, const struct zab_msg *m)
{
    const struct tail *t = z->sync == SYNC_ROWS ? &z->stage : &z->tail;
    struct group g;
    uint64_t first, last, hash;
    if (!group_check(m->bytes, &first, &last, &hash) || !group_open(m->bytes, &g))
        return resync(z, "a malformed group");
    bool chains = g.prev_hash == t->last_hash || ZK_PLANTED(105) || ZK_PLANTED(106) || ZK_PLANTED(109);
    if (!chains || first <= t->last_zxid || zxid_epoch(last) > z->epoch)
        return resync(z, "a group that does not chain to this log");
    if (z->sync == SYNC_ROWS)
        return stage_group(z, m->bytes, last) || resync(z, "a malformed membership entry");
    bool was_blank = z->tail.last_zxid == 0;
    if (!log_append(z, m->bytes))
        return resync(z, "a malformed membership entry");
    z->sync_progress_ms = z->now_ms;
    if (brings_newleader(z, first, last))
        fx_op(z, &(struct storage_op){.kind = STORAGE_SYNC_MARK});
    follow_ack(z);
    if (was_blank)
        pending_add(z, PENDING_HELLO, 0, NOBODY, 0);
    follow_commit(z, zk_min_u64(m->commit, z->tail.last_zxid));
    return true;
}

bool on_stream(struct zab *z, size_t peer, const struct zab_msg *m)
{
    /* What a leader we have left still says on this connection is nothing. */
    if (z->role != ROLE_FOLLOWING || z->leader != peer || m->epoch != z->epoch || z->promised != z->epoch)
        return true;
    z->heard_ms = z->now_ms;
    witness_ack(z, peer, z->peers[peer].out.incarnation, m->epoch, m->own);
    switch (m->type) {
    case TELL_TRUNC:
        return on_trunc(z, m);
    case TELL_SNAP:
        return on_snap(z, m);
    case TELL_ROWS:
        return on_rows(z, m);
    case TELL_LIVE:
        return on_live(z, m);
    case TELL_PROPOSE:
        return z->sync == SYNC_WAITING ? resync(z, "a group before the answer") : on_propose(z, m);
    default:
        if (z->sync != SYNC_STREAM)
            return resync(z, "a commit before the answer");
        follow_commit(z, m->zxid);
        return true;
    }
}

void on_take_over(struct zab *z, size_t peer, const struct zab_msg *m)
{
    if (z->role != ROLE_FOLLOWING || z->leader != peer || m->epoch != z->epoch || z->promised != z->epoch)
        return;
    if (!is_participant(z, z->self) || is_stranger(z) || on_hold(z))
        return;
    fx_news(z, "the leader of epoch %" PRIu64 " hands over to this server", z->epoch);
    stand(z);
}

/* The log is whole, so it goes on voting; only what was made of it is wrong. */
void zab_rebuild(struct zab *z, uint64_t now_ms)
{
    effects_begin(z);
    z->now_ms = zk_max_u64(z->now_ms, now_ms);
    if (!z->started || z->fatal[0] || z->wants_state)
        return;
    z->wants_state = true;
    if (z->role == ROLE_FOLLOWING && z->sync != SYNC_ROWS) /* those are of a leader's state already */
        resync(z, "its state must take the place of ours");
    else if (z->role == ROLE_LEADING)
        look(z, election_delay(z), "this server's state is not the quorum's");
}

bool zab_state_in_doubt(const struct zab *z)
{
    return z->state_in_doubt;
}

void zab_set_state_in_doubt(struct zab *z, bool in_doubt)
{
    z->state_in_doubt = in_doubt;
}

void follow_tick(struct zab *z)
{
    if (z->role != ROLE_FOLLOWING)
        return;
    uint64_t tick = z->config.tick_ms;
    if (z->now_ms - z->heard_ms > tick * z->config.sync_limit)
        resync(z, "the leader was not heard for the sync limit");
    else if (z->sync != SYNC_STREAM && z->now_ms - z->sync_progress_ms > tick * z->config.init_limit)
        resync(z, "the synchronisation stood still for the init limit");
}
