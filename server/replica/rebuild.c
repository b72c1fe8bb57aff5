/* rebuild.c: a replica whose state differs from the quorum's at one zxid has applied the same log to another end: a
 * bit that fell over in memory, or a bug. Whatever it says from then on may be wrong, but its log is not.
 *
 *   beat.c finds out -> rebuild_due -> serves nobody, the store keeps a copy as evidence, zab asks for a leader's state
 *   -> ZAB_SNAP_LIVE -> rebuild_done: serves again
 *   -> nobody gives one for the init limit -> the process ends, and the next makes its state of the store
 *
 * Nothing of this is remembered over a restart: the state is then made of the disk anew, and compared anew.
 */
#include "server/replica/core.h"

static void keep_evidence(struct replica *r)
{
    struct zk_buf *why = outbox_buffer(r);
    zk_buf_printf(why, "server %llu at zxid 0x%llx: %s; its digest was 0x%016llx", (unsigned long long)r->config.zab.self,
                  (unsigned long long)state_zxid(r->state), r->rebuild_due, (unsigned long long)state_digest(r->state));
    struct storage_op op = {.kind = STORAGE_KEEP, .bytes = zk_buf_slice(why)};
    r->storage.ops->submit(r->storage.self, &op, 1);
}

/* No leader has a state to give, for each may wait for one itself: what the disk makes of the log is worth more. */
static void give_up_waiting(struct replica *r)
{
    if (r->incoming != NULL)
        r->rebuild_waits_since_ms = r->now_ms;
    else if (r->now_ms - r->rebuild_waits_since_ms > (uint64_t)r->config.zab.tick_ms * r->config.zab.init_limit)
        outbox_fatal(r, "no leader gave a state in place of the wrong one for the init limit: the next start makes it of the "
                        "store");
}

/* Between two drains of zab: its effects are not to be disturbed while they are read. */
void rebuild_step(struct replica *r)
{
    if (r->rebuilding)
        give_up_waiting(r);
    if (r->rebuild_due == NULL || r->rebuilding)
        return;
    outbox_news(r, REPLICA_ERROR, "%s: serving nobody until a leader's state has taken the place of this one",
                r->rebuild_due);
    keep_evidence(r);
    clients_close_all(r, "this server's state is not the quorum's", true);
    checkpoint_abandon(r);
    r->rebuilding = true;
    r->rebuild_due = NULL;
    r->leaderless_since_ms = r->rebuild_waits_since_ms = r->now_ms;
    zab_rebuild(r->zab, r->now_ms);
}

void rebuild_done(struct replica *r)
{
    free(r->digests); /* of the state that is gone */
    r->digests = zk_calloc(DIGEST_RING, sizeof *r->digests);
    r->peer_count = 0;
    r->rebuild_due = NULL;
    if (r->rebuilding)
        outbox_news(r, REPLICA_INFO, "the state was rebuilt from the leader's");
    r->rebuilding = false;
}
