/* rebuild.c: a replica whose state differs from the quorum's at one zxid has applied the same log to another end: a
 * bit that fell over in memory, or a bug. Whatever it says from then on may be wrong, but its log is not.
 *
 *   beat.c finds out -> rebuild_due -> serves nobody, the store keeps a copy as evidence, zab asks for a leader's state
 *   -> ZAB_SNAP_LIVE -> rebuild_done: serves again
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

/* Between two drains of zab: its effects are not to be disturbed while they are read. */
void rebuild_step(struct replica *r)
{
    if (r->rebuild_due == NULL || r->rebuilding)
        return;
    outbox_news(r, REPLICA_ERROR, "%s: serving nobody until a leader's state has taken the place of this one",
                r->rebuild_due);
    keep_evidence(r);
    clients_close_all(r, "this server's state is not the quorum's");
    checkpoint_abandon(r);
    r->rebuilding = true;
    r->rebuild_due = NULL;
    r->leaderless_since_ms = r->now_ms;
    zab_rebuild(r->zab, r->now_ms);
}

void rebuild_done(struct replica *r)
{
    memset(r->digests, 0, sizeof r->digests); /* of the state that is gone */
    for (size_t i = 0; i < r->peer_count; i++)
        r->peers[i].verdict = DIGEST_UNKNOWN;
    r->rebuild_due = NULL;
    if (r->rebuilding)
        outbox_news(r, REPLICA_INFO, "the state was rebuilt from the leader's");
    r->rebuilding = false;
}
