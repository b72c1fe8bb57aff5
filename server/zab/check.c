/* check.c: what must hold in one server between any two events. */
#include "server/zab/core.h"

static const char *check_log(const struct zab *z)
{
    const char *why = tail_check(&z->tail);
    if (why)
        return why;
    if (z->commit > z->tail.last_zxid)
        return "the commit point is beyond the log";
    if (z->applied != z->commit)
        return "what was handed out does not end at the commit point";
    if (z->tail.base_zxid > z->commit)
        return "entries that are not committed are not in memory";
    if (z->durable_commit > z->commit || z->commit_handed > z->commit)
        return "a commit point on the disk that is not known in memory";
    if (z->promised < zxid_epoch(z->tail.last_zxid))
        return "F1: the log has an entry of an epoch above `promised`";
    if (z->durable_promised > z->promised)
        return "a promise on the disk that is not known in memory";
    return NULL;
}

static const char *check_members(const struct zab *z)
{
    const struct membership_stack *s = &z->members;
    if (z->tail.last_zxid && s->count == 0)
        return "M1: a log without a membership";
    for (size_t i = 0; i < s->count; i++) {
        if (s->versions[i].zxid > z->tail.last_zxid)
            return "M1: a membership of an entry that is not in the log";
        if (i && s->versions[i].zxid <= s->versions[i - 1].zxid)
            return "M1: memberships out of order";
    }
    struct quorum q = quorum_of(z->config.members, z->config.member_count, membership_newest(s));
    if (q.voters != z->quorum.voters || q.total != z->quorum.total)
        return "M1: the quorum is not the newest membership's";
    return NULL;
}

/* What is proposed and not committed; one body may pass the limit, and what is zab's own is not asked. */
static const char *check_pipeline(const struct zab *z)
{
    uint64_t bytes = 0;
    size_t groups = 0;
    for (size_t i = z->tail.count; i-- > 0 && tail_group_at(&z->tail, i)->last > z->commit; groups++)
        bytes += tail_group_at(&z->tail, i)->len;
    bool is_full = bytes > PIPELINE_BYTES_MAX + (uint64_t)GROUP_BYTES_MAX || groups > PIPELINE_GROUPS_MAX + ZAB_MEMBERS_MAX;
    return is_full ? "I28: more is proposed and not committed than may be" : NULL;
}

static const char *check_leader(const struct zab *z)
{
    if (z->promised != z->epoch || z->leader != z->self)
        return "E3: a leader has promised another epoch";
    if (z->tail.last_zxid < z->newleader_zxid)
        return "B1: a leader without its NEWLEADER";
    if (z->commit != z->elected_commit && z->commit < z->newleader_zxid)
        return "B2: an older epoch's entry is committed by counting";
    const struct stream *own = &z->peers[z->self].stream;
    if (own->acked > z->durable_zxid)
        return "B3: the leader counts what is not on its disk";
    for (size_t i = 0; i < z->config.member_count; i++) {
        const struct stream *s = &z->peers[i].stream;
        if (i == z->self)
            continue;
        if (s->flight_bytes > WINDOW_BYTES_MAX + (uint64_t)GROUP_BYTES_MAX)
            return "I28: more is on the way to a follower than its window holds";
        if (s->flight_count > WINDOW_GROUPS_MAX || s->cursor > z->tail.last_zxid)
            return "S4: a stream beyond its window or the log";
        if (s->state == STREAM_GROUPS && s->told_commit > s->cursor)
            return "a follower was told to commit what it was not sent";
    }
    return check_pipeline(z);
}

const char *zab_check(const struct zab *z)
{
    if (z->fatal[0] || !z->started)
        return NULL;
    const char *why = check_log(z);
    if (!why)
        why = check_members(z);
    if (!why && z->role == ROLE_LEADING)
        why = check_leader(z);
    if (why)
        return why;
    if (z->role == ROLE_FOLLOWING && (z->promised != z->epoch || z->leader == z->self || z->leader == NOBODY))
        return "F1: a follower has promised another epoch than it follows";
    if (z->role == ROLE_STANDING && z->promised != z->epoch)
        return "E2: a candidate has promised another epoch";
    if (z->candidate && (z->role == ROLE_LEADING || z->role == ROLE_FOLLOWING))
        return "E2: grants still count for one that leads or follows";
    if (z->acked_durable > z->durable_zxid && z->role == ROLE_FOLLOWING && !ZK_PLANTED(1) && !ZK_PLANTED(2) &&
        !ZK_PLANTED(3))
        return "F4: acknowledged more than is on the disk";
    return NULL;
}
