/* readonly.c: a server that has been without a quorum for a while serves those who asked for no more than reading: what
 * it knows, which may be old. Nobody else is let in meanwhile, and when the quorum is back all that were are closed: they
 * come again, and find a server that writes. Their sessions are this server's own (locals.c).
 *
 * What such a client sees never goes back: who has seen more than this server is refused, here as ever. A session of the
 * ensemble's is not taken up: it may have ended where the quorum is.
 */
#include "server/replica/core.h"

/* As Apache's server: a tick of silence, but no less than this. */
#define GRACE_MS_MIN 2000

static uint64_t begins_at_ms(const struct replica *r)
{
    return r->leaderless_since_ms + zk_max_u64(GRACE_MS_MIN, r->config.zab.tick_ms);
}

static bool may_begin(const struct replica *r)
{
    return r->config.read_only_mode && !r->is_read_only && !replica_serves(r) && !r->rebuilding &&
           r->phase != ZAB_SYNCING && r->phase != ZAB_FOLLOWING && r->config.zab.member_count > 1;
}

uint64_t readonly_deadline_ms(const struct replica *r)
{
    return may_begin(r) ? begins_at_ms(r) : UINT64_MAX;
}

/* Who waits for a session of the ensemble's would wait for long: it asks elsewhere, or here for less. */
static void close_those_who_wait(struct replica *r)
{
    struct client *c, *next;
    HASH_ITER(hh, r->clients, c, next)
        if (c->phase == CLIENT_JOINING)
            outbox_close(r, c);
}

void readonly_step(struct replica *r)
{
    if (replica_serves(r) || r->rebuilding)
        readonly_end(r);
    if (!may_begin(r) || r->now_ms < begins_at_ms(r))
        return;
    r->is_read_only = true;
    outbox_news(r, REPLICA_WARN, "no quorum: serving read-only clients only");
    close_those_who_wait(r);
}

void readonly_end(struct replica *r)
{
    if (!r->is_read_only)
        return;
    r->is_read_only = false;
    outbox_news(r, REPLICA_INFO, "there is a quorum again: read-only clients are closed, to come back as others do");
    struct client *c, *next;
    HASH_ITER(hh, r->clients, c, next)
        if (c->is_read_only)
            outbox_close(r, c);
    locals_end_passing(r);
}
