/* lag.c: a follower that has not come as far as its leader was the sync limit ago. What its clients read is older than
 * that, and what they write is committed but answered by nobody: its disk hangs, or has so little room that the leader
 * spares it while others are a quorum. So they are closed, to go where they are answered, and nobody is let in before
 * it is level. It follows, votes and catches up as ever. (Apache's leader drops a follower whose acknowledgement is late
 * by the sync limit. For clients that is the same; here it stays one more that a quorum can be made of.)
 *
 *   heartbeat: the leader's zxid -> a mark to reach -> not reached for the sync limit: is_lagging -> level: serves again
 */
#include "server/replica/core.h"

/* The next mark is set when the last one is reached: so no mark is younger than its time says. */
void lag_heard(struct replica *r, uint64_t leader_zxid)
{
    r->leader_zxid = leader_zxid;
    if (state_zxid(r->state) < r->lag_mark)
        return;
    r->lag_mark = leader_zxid;
    r->lag_since_ms = r->now_ms;
}

void lag_restart(struct replica *r)
{
    if (r->is_lagging)
        r->leaderless_since_ms = r->now_ms; /* it had one until now */
    r->is_lagging = false;
    r->lag_since_ms = r->now_ms;
}

void lag_stood_still(struct replica *r, uint64_t for_ms)
{
    r->lag_since_ms += for_ms;
}

const char *lag_sentence(const struct replica *r)
{
    if (r->is_lagging)
        return r->is_short_of_space ? "not level with the leader for the sync limit: short of disk space"
                                    : "not level with the leader for the sync limit";
    return r->phase == ZAB_SYNCING && r->is_short_of_space ? "short of disk space" : "";
}

static void begin(struct replica *r)
{
    r->is_lagging = r->told_leaderless = true;
    r->leaderless_since_ms = r->now_ms;
    outbox_news(r, REPLICA_WARN, "%s: serving nobody until it is", lag_sentence(r));
    clients_close_all(r, "they go where they are heard", false);
}

void lag_step(struct replica *r)
{
    uint64_t zxid = state_zxid(r->state);
    if (r->is_lagging && zxid >= r->leader_zxid) {
        outbox_news(r, REPLICA_INFO, "level with the leader again: serving");
        r->is_lagging = false;
        locals_restart(r);
    } else if (!r->is_lagging && r->phase == ZAB_FOLLOWING && zxid < r->lag_mark &&
               r->now_ms - r->lag_since_ms >= replica_patience_ms(r)) {
        begin(r);
    }
}
