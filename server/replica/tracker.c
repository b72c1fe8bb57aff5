/* tracker.c: who lives, and until when.
 *
 * Every replica knows which sessions are connected to it. A leader also keeps a clock for each: set by what it hears
 * itself, by its followers' reports, and afresh when it begins to lead, when a session's server is lost and when the
 * leader itself did not turn for a while; the last two once for the same silence, so that a session whose client is
 * gone always ends. Time in which the leader stood still never counts. Its verdict is a command: its place in the log
 * decides, and it does nothing to a session that has come to another connection meanwhile.
 *
 * Clocks stand in buckets a tick wide, checked when they are due: a touch only writes a number. A session ends in
 * (timeout, timeout + tick] after its server's report, as in Apache's ExpiryQueue; on a follower a report's wait later,
 * or one heard of in the last moment of its time-out would be given up while the report of that stands in the queue.
 */
#include "server/replica/core.h"

/* When thousands die at once, the log and the heartbeats still get their turn. */
#define EXPIRIES_PER_TURN_MAX 256

struct tracked *tracker_find(struct replica *r, uint64_t session)
{
    struct tracked *t;
    HASH_FIND(hh, r->sessions, &session, sizeof session, t);
    return t;
}

/* --- buckets --- */

static void unlink_bucket(struct replica *r, struct tracked *t)
{
    if (t->bucket == 0)
        return;
    if (t->bucket_prev != NULL)
        t->bucket_prev->bucket_next = t->bucket_next;
    else
        r->buckets[t->bucket % EXPIRY_BUCKETS] = t->bucket_next;
    if (t->bucket_next != NULL)
        t->bucket_next->bucket_prev = t->bucket_prev;
    t->bucket = 0;
}

static uint64_t bucket_of(const struct replica *r, uint64_t deadline_ms)
{
    return deadline_ms / r->config.zab.tick_ms + 1;
}

static void link_bucket(struct replica *r, struct tracked *t)
{
    unlink_bucket(r, t);
    t->bucket = zk_max_u64(bucket_of(r, t->deadline_ms), r->next_bucket);
    struct tracked **head = &r->buckets[t->bucket % EXPIRY_BUCKETS];
    t->bucket_prev = NULL;
    t->bucket_next = *head;
    if (*head != NULL)
        (*head)->bucket_prev = t;
    *head = t;
}

static uint64_t patience_ms(const struct replica *r, const struct tracked *t)
{
    bool is_ours = (uint64_t)t->server == r->config.zab.self;
    uint64_t early_ms = ZK_PLANTED(17) ? r->config.zab.tick_ms : 0;
    return (uint64_t)t->timeout_ms + (is_ours ? 0 : housekeeping_ms(r)) - early_ms;
}

static uint64_t deadline_from_now(const struct replica *r, const struct tracked *t)
{
    return r->now_ms + patience_ms(r, t);
}

static void start_clock(struct replica *r, struct tracked *t)
{
    t->deadline_ms = deadline_from_now(r, t);
    t->was_heard = false;
    if (zab_phase_leads(r->phase))
        link_bucket(r, t);
}

/* --- what the log says --- */

static struct tracked *track(struct replica *r, uint64_t session)
{
    struct tracked *t = tracker_find(r, session);
    if (t != NULL)
        return t;
    t = zk_calloc(1, sizeof *t);
    t->session = session;
    HASH_ADD(hh, r->sessions, session, sizeof t->session, t);
    return t;
}

static void forget(struct replica *r, struct tracked *t)
{
    unlink_bucket(r, t);
    HASH_DEL(r->sessions, t);
    free(t);
}

static void close_local(struct replica *r, const struct tracked *t)
{
    struct client *c = t->conn ? client_find(r, t->conn) : NULL;
    if (c != NULL)
        outbox_close(r, c);
}

/* To another server, or to a newer connection here. What was asked on the old one and is not in the log yet does not
 * happen, as in Apache's server; but for the session's end, which is not refused there either. Nobody comes back to what
 * he has asked to end, but an ATTACH of before may still have been on its way. */
static void moved_away(struct replica *r, struct tracked *t)
{
    struct client *c = t->conn ? client_find(r, t->conn) : NULL;
    if (c != NULL)
        t->is_unwanted |= client_is_leaving(c);
    close_local(r, t);
}

static void end_unwanted(struct replica *r, const struct tracked *t)
{
    outbox_news(r, REPLICA_INFO, "session 0x%llx ends: it was asked to before it came to server %d",
                (unsigned long long)t->session, t->server);
    forward_unawaited(
        r, &(struct command){.kind = COMMAND_EXPIRE, .session = t->session, .generation = t->generation});
}

static void attached(struct replica *r, const struct state_effects *fx, uint64_t conn)
{
    struct state_session s;
    if (!state_session_get(r->state, fx->session, &s))
        return;
    struct tracked *t = track(r, s.id);
    if (t->conn != conn)
        moved_away(r, t);
    t->conn = conn;
    t->timeout_ms = s.timeout_ms;
    t->server = s.server;
    t->generation = s.generation;
    t->expiring = false;
    t->restarted = false;
    start_clock(r, t);
    t->was_heard = true; /* by its connect request */
    if (t->is_unwanted)
        end_unwanted(r, t);
}

void tracker_applied(struct replica *r, const struct state_effects *fx, uint64_t conn)
{
    if (fx->session_change == STATE_SESSION_OPENED || fx->session_change == STATE_SESSION_ATTACHED) {
        attached(r, fx, conn);
        return;
    }
    struct tracked *t = tracker_find(r, fx->session);
    if (t == NULL)
        return;
    close_local(r, t);
    forget(r, t);
}

/* After the state came from the disk or from a leader's snapshot. */
void tracker_reload(struct replica *r)
{
    tracker_fini(r);
    struct state_session s;
    for (uint64_t after = 0; state_session_next(r->state, after, &s); after = s.id) {
        struct tracked *t = track(r, s.id);
        t->timeout_ms = s.timeout_ms;
        t->server = s.server;
        t->generation = s.generation;
        start_clock(r, t);
    }
}

void tracker_fini(struct replica *r)
{
    struct tracked *t, *next;
    HASH_ITER(hh, r->sessions, t, next)
        forget(r, t);
}

/* --- the leader's clocks --- */

void tracker_touch(struct replica *r, uint64_t session)
{
    struct tracked *t = tracker_find(r, session);
    if (t == NULL || t->expiring)
        return;
    t->deadline_ms = deadline_from_now(r, t); /* its bucket looks again when it is due */
    t->was_heard = true;
    t->restarted = false;
}

void tracker_begin_leading(struct replica *r)
{
    r->next_bucket = r->now_ms / r->config.zab.tick_ms + 1;
    struct tracked *t, *next;
    HASH_ITER(hh, r->sessions, t, next) {
        t->bucket = 0;
        t->expiring = false;
        t->restarted = false;
    }
    memset(r->buckets, 0, sizeof r->buckets);
    HASH_ITER(hh, r->sessions, t, next)
        start_clock(r, t);
}

static void restart_once(struct replica *r, struct tracked *t)
{
    if (t->restarted || t->expiring)
        return;
    t->restarted = true;
    start_clock(r, t);
}

void tracker_restart_of_server(struct replica *r, uint64_t server)
{
    struct tracked *t, *next;
    HASH_ITER(hh, r->sessions, t, next)
        if ((uint64_t)t->server == server)
            restart_once(r, t);
}

void tracker_stood_still(struct replica *r, uint64_t ms)
{
    struct tracked *t, *next;
    HASH_ITER(hh, r->sessions, t, next) {
        if (t->restarted)
            t->deadline_ms += ms; /* its bucket looks again when it is due */
        else
            restart_once(r, t);
    }
}

static void expire(struct replica *r, struct tracked *t)
{
    t->expiring = true;
    uint64_t silent_ms = r->now_ms - (t->deadline_ms - patience_ms(r, t));
    outbox_news(r, REPLICA_INFO, "session 0x%llx expires: %s %llu ms ago through server %d, its time-out is %d ms",
                (unsigned long long)t->session, t->was_heard ? "last heard of" : "not heard of since its clock was set",
                (unsigned long long)silent_ms, t->server, t->timeout_ms);
    forward_unawaited(
        r, &(struct command){.kind = COMMAND_EXPIRE, .session = t->session, .generation = t->generation});
}

/* False: enough for this turn, the bucket is not through. */
static bool sweep_bucket(struct replica *r, int *budget)
{
    struct tracked **head = &r->buckets[r->next_bucket % EXPIRY_BUCKETS];
    struct tracked *next;
    for (struct tracked *t = *head; t != NULL; t = next) {
        next = t->bucket_next;
        if (t->bucket != r->next_bucket)
            continue; /* of a later lap */
        if (*budget == 0)
            return false;
        unlink_bucket(r, t);
        if (t->expiring)
            continue;
        if (t->deadline_ms >= r->now_ms) {
            link_bucket(r, t);
            continue;
        }
        expire(r, t);
        (*budget)--;
    }
    return true;
}

void tracker_expire(struct replica *r)
{
    int budget = EXPIRIES_PER_TURN_MAX;
    if (r->next_bucket * r->config.zab.tick_ms <= r->now_ms)
        forward_touch_flush(r); /* what we have heard ourselves counts first */
    while (r->next_bucket * r->config.zab.tick_ms <= r->now_ms && sweep_bucket(r, &budget))
        r->next_bucket++;
}
