/* locals.c: sessions that only this server knows: they cost the ensemble nothing while they read.
 *
 * Two kinds. With localSessionsEnabled every new session is one (but libzk's, whose memory only the log can keep), until
 * its first write: then it becomes one of the ensemble's under the same id. Apache's server waits for the first ephemeral
 * node; but what a session asked the log for once and only once needs the log to know the session. And a read-only
 * server, which has no quorum to ask, gives no others; those end when it has one again.
 *
 *   LOCAL --first write: UPGRADE submitted--> upgrading --UPGRADE applied--> the state's
 *
 * From the UPGRADE's submission on the client's commands are numbered behind it, in generation 1. As long as no leader
 * has had it, it is given up with its connection, and they with it: nobody was told of them, and the client may be at
 * another server by then, to which the session is unknown. Made for it afterwards, a lock would be held by nobody for a
 * time-out. Once a leader has had it, it is the server's own command: it goes to each new leader until it has been
 * applied, whatever becomes of the connection, the state takes one copy, and whoever comes back to the session comes by
 * an ATTACH behind it. Who comes to another server before it has been applied is told there that its session has expired,
 * and what it wrote may still happen, and last for a time-out: so it is in Apache's ensembles, too.
 *
 * An end: closed; not heard of for its time-out, while this server had a leader and turned; the server itself. On any
 * other server such a session has expired.
 */
#include "server/replica/core.h"

struct local *local_find(const struct replica *r, uint64_t session)
{
    struct local *l;
    HASH_FIND(hh, r->locals, &session, sizeof session, l);
    return l;
}

static void forget(struct replica *r, struct local *l)
{
    if (r->local_cursor == l)
        r->local_cursor = l->hh.next;
    HASH_DEL(r->locals, l);
    zk_buf_fini(&l->identities);
    free(l);
}

struct zk_slice locals_identities(void *arg, uint64_t session)
{
    const struct local *l = local_find(arg, session);
    return l != NULL ? zk_buf_slice(&l->identities) : zk_slice(NULL, 0);
}

static uint64_t draw_id(struct replica *r)
{
    uint64_t id;
    do {
        r->config.random(r->config.random_arg, &id, sizeof id);
        id = SESSION_LOCAL_BIT | (r->config.zab.self & 0xff) << SESSION_LOCAL_SERVER_SHIFT |
             (r->is_read_only ? SESSION_PASSING_BIT : 0) | (id & (SESSION_PASSING_BIT - 1));
    } while (local_find(r, id) != NULL || tracker_find(r, id) != NULL);
    return id;
}

struct local *local_new(struct replica *r, int32_t timeout_ms, struct zk_slice identities)
{
    if (HASH_COUNT(r->locals) >= REPLICA_LOCAL_SESSIONS_MAX)
        return NULL;
    struct local *l = zk_calloc(1, sizeof *l);
    l->session = draw_id(r);
    l->timeout_ms = timeout_ms;
    l->heard_ms = r->now_ms;
    r->config.random(r->config.random_arg, l->password, sizeof l->password);
    zk_buf_append_slice(&l->identities, identities);
    HASH_ADD(hh, r->locals, session, sizeof l->session, l);
    return l;
}

bool local_is_password(const struct local *l, struct zk_slice password)
{
    uint8_t difference = 0;
    for (size_t i = 0; i < password.len && i < ZK_PASSWORD_BYTES; i++)
        difference |= l->password[i] ^ password.ptr[i];
    return password.len == ZK_PASSWORD_BYTES && difference == 0;
}

static bool ends_in_close(const struct client *c)
{
    return c->last != NULL && c->last->op == ZK_OP_CLOSE_SESSION && c->last->pending != NULL;
}

/* An UPGRADE that no leader has had, so that it and what stands behind it need not happen. A close behind them is what
 * the client's last word was: then they go, and the session ends. */
static bool is_unsent(struct replica *r, const struct local *l)
{
    const struct client *c = l->conn ? client_find(r, l->conn) : NULL;
    return l->is_upgrading && !l->upgrade->was_sent && c != NULL && !ends_in_close(c);
}

bool local_may_come_back(struct replica *r, const struct local *l)
{
    return !l->is_upgrading || is_unsent(r, l);
}

/* Its connection goes. */
static void take_back(struct replica *r, struct local *l, struct client *c)
{
    if (!is_unsent(r, l))
        return;
    for (struct request *q = c->first; q != NULL; q = q->next) {
        if (q->pending != NULL)
            forward_done(r, q->pending);
        q->pending = NULL;
    }
    forward_done(r, l->upgrade);
    l->upgrade = NULL;
    l->is_upgrading = false;
}

void local_leave(struct replica *r, struct client *c)
{
    struct local *l = local_find(r, c->session);
    if (l == NULL || l->conn != c->conn)
        return;
    take_back(r, l, c);
    l->conn = 0;
}

void local_attach(struct replica *r, struct local *l, const struct client *c, int32_t timeout_ms,
                  struct zk_slice identities)
{
    struct client *before = l->conn ? client_find(r, l->conn) : NULL;
    if (before != NULL) {
        take_back(r, l, before);
        outbox_close(r, before);
    }
    l->conn = c->conn;
    l->timeout_ms = timeout_ms;
    l->heard_ms = r->now_ms;
    zk_buf_reset(&l->identities);
    zk_buf_append_slice(&l->identities, identities);
}

bool local_authenticate(struct local *l, struct zk_slice gained)
{
    struct zk_jute in = zk_jute(gained);
    while (zk_jute_left(&in) > 0) {
        struct zk_slice scheme = zk_jute_string(&in);
        struct zk_slice id = zk_jute_string(&in);
        if (in.bad || !command_identities_add(&l->identities, scheme, id))
            return false;
    }
    return true;
}

void local_end(struct replica *r, const struct client *c)
{
    struct local *l = local_find(r, c->session);
    if (l != NULL && l->conn == c->conn)
        forget(r, l);
}

/* --- to the ensemble --- */

void local_upgrade(struct replica *r, struct client *c)
{
    struct local *l = local_find(r, c->session);
    ZK_ASSERT(l != NULL && c->is_local && !l->is_upgrading);
    l->is_upgrading = true;
    c->is_local = false;
    c->generation = 1;
    c->next_number = 1;
    struct command_open open = {
        .timeout_ms = l->timeout_ms,
        .password = zk_slice(l->password, sizeof l->password),
        .identities = zk_buf_slice(&l->identities),
        .server = (int32_t)r->config.zab.self,
    };
    struct zk_buf *payload = outbox_buffer(r);
    command_open_encode(payload, &open);
    l->upgrade = forward_submit(r, FORWARD_OWN,
                                &(struct command){.kind = COMMAND_UPGRADE,
                                                  .session = l->session,
                                                  .origin = r->origin_base,
                                                  .payload = zk_buf_slice(payload)});
}

uint64_t local_upgraded(struct replica *r, uint64_t session)
{
    struct local *l = local_find(r, session);
    if (l == NULL || !l->is_upgrading)
        return 0;
    uint64_t conn = l->conn;
    forward_done(r, l->upgrade);
    forget(r, l);
    return conn;
}

/* The state is the leader's now: the UPGRADE may be in it. */
void locals_reload(struct replica *r)
{
    struct local *l, *next;
    struct state_session s;
    HASH_ITER(hh, r->locals, l, next)
        if (l->is_upgrading && state_session_get(r->state, l->session, &s))
            (void)local_upgraded(r, l->session);
}

/* --- their clocks --- */

void locals_restart(struct replica *r)
{
    for (struct local *l = r->locals; l != NULL; l = l->hh.next)
        l->heard_ms = r->now_ms;
}

static void look_at(struct replica *r, struct local *l)
{
    uint64_t silent_ms = r->now_ms - l->heard_ms;
    bool is_served = session_is_passing(l->session) || replica_serves(r);
    if (!is_served || l->is_upgrading || silent_ms <= (uint64_t)l->timeout_ms)
        return;
    outbox_news(r, REPLICA_INFO,
                "session 0x%llx expires: last heard of %llu ms ago, its time-out is %d ms; it was this server's own",
                (unsigned long long)l->session, (unsigned long long)silent_ms, l->timeout_ms);
    struct client *c = l->conn ? client_find(r, l->conn) : NULL;
    if (c != NULL)
        outbox_close(r, c);
    forget(r, l);
}

/* A part of them every quarter of a tick: so each is looked at once a tick. */
void locals_sweep(struct replica *r)
{
    size_t budget = HASH_COUNT(r->locals) / 3 + 1;
    for (; budget > 0 && r->locals != NULL; budget--) {
        struct local *l = r->local_cursor != NULL ? r->local_cursor : r->locals;
        r->local_cursor = l->hh.next;
        look_at(r, l);
    }
}

/* The quorum is back: who was let in without it has to come again, as to any server that has forgotten a session. */
void locals_end_passing(struct replica *r)
{
    struct local *l, *next;
    HASH_ITER(hh, r->locals, l, next)
        if (session_is_passing(l->session) && !l->is_upgrading)
            forget(r, l);
}

void locals_fini(struct replica *r)
{
    struct local *l, *next;
    HASH_ITER(hh, r->locals, l, next)
        forget(r, l);
}
