/* clients.c: connections: joining a session, the queue of requests that keeps replies in order, leaving. */
#include "server/replica/core.h"

struct client *client_find(struct replica *r, uint64_t conn)
{
    struct client *c;
    HASH_FIND(hh, r->clients, &conn, sizeof conn, c);
    return c;
}

void replica_client_open(struct replica *r, uint64_t conn, const char *address)
{
    outbox_recycle(r);
    struct client *c = zk_calloc(1, sizeof *c);
    c->conn = conn;
    c->seen.opened_wall_ms = r->wall_ms;
    r->conn_limit = zk_max_u64(r->conn_limit, conn + 1);
    snprintf(c->address, sizeof c->address, "%s", address);
    c->is_authenticated = auth_satisfies(&r->config.auth, zk_slice_str("ip"));
    HASH_ADD(hh, r->clients, conn, sizeof c->conn, c);
}

static void request_free(struct replica *r, struct request *q)
{
    if (q->pending != NULL)
        forward_abandon(r, q->pending); /* it may still happen; nobody waits */
    r->outstanding--;
    pace_release_large(r, q->large_bytes);
    free(q->bytes);
    free(q);
}

static void pop(struct replica *r, struct client *c)
{
    struct request *q = c->first;
    c->first = q->next;
    if (c->first == NULL)
        c->last = NULL;
    c->request_count--;
    c->request_bytes -= q->len;
    r->put_off -= c->is_put_off;
    request_free(r, q);
}

bool client_is_leaving(const struct client *c)
{
    return (c->is_closing || stall_ends_in_close(c)) && !c->wants_memory;
}

void client_drop(struct replica *r, struct client *c)
{
    bool is_leaving = client_is_leaving(c);
    c->phase = CLIENT_GONE;
    outbox_forget(r, c);
    local_leave(r, c);
    while (c->first != NULL)
        pop(r, c);
    stall_drop(r, c);
    if (c->joining != NULL)
        forward_abandon(r, c->joining);
    watches_drop_conn(r->watches, c->conn);
    struct tracked *t = c->session ? tracker_find(r, c->session) : NULL;
    if (t != NULL && t->conn == c->conn) {
        t->conn = 0;
        t->is_unwanted |= is_leaving;
    }
    HASH_DEL(r->clients, c);
    free(c);
}

/* It did not wait for its answers, but it meant it. Not of one that is to be closed: its session may be another
 * connection's already. */
static void end_if_meant(struct replica *r, struct client *c)
{
    if (c->is_closing && c->last != NULL && c->last->kind == REQUEST_CLOSE)
        request_close(r, c, c->last);
    else if (stall_ends_in_close(c))
        request_end_session(r, c);
}

void replica_client_closed(struct replica *r, uint64_t conn)
{
    outbox_recycle(r);
    struct client *c = client_find(r, conn);
    if (c == NULL)
        return;
    if (!c->close_due)
        end_if_meant(r, c);
    client_drop(r, c);
}

void clients_close_all(struct replica *r, const char *why, bool also_read_only)
{
    size_t count = 0;
    struct client *c, *next;
    HASH_ITER(hh, r->clients, c, next) {
        if (c->close_due || (c->is_read_only && !also_read_only))
            continue;
        outbox_close(r, c);
        count++;
    }
    if (count > 0 && why != NULL)
        outbox_news(r, REPLICA_INFO, "closing %zu client connections: %s", count, why);
}

/* --- joining a session --- */

static int32_t clamp_timeout(const struct replica *r, int32_t wanted_ms)
{
    if (wanted_ms < r->config.min_session_timeout_ms)
        return r->config.min_session_timeout_ms;
    return wanted_ms > r->config.max_session_timeout_ms ? r->config.max_session_timeout_ms : wanted_ms;
}

static void put_identities(const struct replica *r, const struct client *c, struct zk_buf *out)
{
    zk_jute_put_int(out, r->config.auth.skip_acl ? 2 : 1);
    zk_jute_put_cstring(out, "ip");
    zk_jute_put_cstring(out, c->address);
    if (!r->config.auth.skip_acl)
        return;
    zk_jute_put_cstring(out, "skipacl");
    zk_jute_put_cstring(out, "");
}

static void submit_open(struct replica *r, struct client *c, const struct zk_connect_request *request)
{
    uint8_t password[ZK_PASSWORD_BYTES];
    r->config.random(r->config.random_arg, password, sizeof password);
    struct zk_buf *identities = outbox_buffer(r);
    put_identities(r, c, identities);
    struct command_open open = {
        .timeout_ms = clamp_timeout(r, request->timeout_ms),
        .memory = c->wants_memory ? r->config.memory : 0,
        .password = zk_slice(password, sizeof password),
        .identities = zk_buf_slice(identities),
        .server = (int32_t)r->config.zab.self,
    };
    struct zk_buf *payload = outbox_buffer(r);
    command_open_encode(payload, &open);
    c->joining = forward_submit(r, c->conn,
                                &(struct command){.kind = COMMAND_OPEN,
                                                  .origin = r->origin_base + c->conn,
                                                  .payload = zk_buf_slice(payload)});
}

static void submit_attach(struct replica *r, struct client *c, const struct zk_connect_request *request)
{
    struct zk_buf *identities = outbox_buffer(r);
    put_identities(r, c, identities);
    struct command_attach attach = {
        .timeout_ms = clamp_timeout(r, request->timeout_ms),
        .password = request->password,
        .identities = zk_buf_slice(identities),
        .server = (int32_t)r->config.zab.self,
        .keeps_memory = c->wants_memory,
    };
    struct zk_buf *payload = outbox_buffer(r);
    command_attach_encode(payload, &attach);
    c->joining = forward_submit(r, c->conn,
                                &(struct command){.kind = COMMAND_ATTACH,
                                                  .session = (uint64_t)request->session_id,
                                                  .origin = r->origin_base + c->conn,
                                                  .payload = zk_buf_slice(payload)});
}

static void put_connect_response(struct replica *r, struct client *c, struct zk_connect_response response)
{
    response.protocol_version = c->wants_memory && response.memory > 0 ? ZK_PROTOCOL_MEMORY : ZK_PROTOCOL_APACHE;
    response.has_read_only = c->has_read_only;
    response.read_only = r->is_read_only;
    struct zk_buf *out = outbox_client(r, c);
    size_t start = zk_jute_begin_frame(out);
    zk_connect_response_encode(out, &response);
    zk_jute_end_frame(out, start);
    c->seen.sent++;
    r->figures.packets_sent++;
}

static void refuse_as_expired(struct replica *r, struct client *c)
{
    static const uint8_t no_password[ZK_PASSWORD_BYTES];
    put_connect_response(r, c, (struct zk_connect_response){.password = zk_slice(no_password, sizeof no_password)});
    outbox_close(r, c);
}

static void be_told(struct replica *r, struct client *c, uint64_t session, int32_t timeout_ms, int32_t memory,
                    const uint8_t *password)
{
    c->phase = CLIENT_LIVE;
    c->session = c->seen.session = session;
    c->seen.timeout_ms = timeout_ms;
    put_connect_response(r, c,
                         (struct zk_connect_response){.timeout_ms = timeout_ms,
                                                      .session_id = (int64_t)session,
                                                      .password = zk_slice(password, ZK_PASSWORD_BYTES),
                                                      .memory = memory});
    outbox_ready(r, c);
}

/* What cons tells of a client that has asked for nothing but its session. */
static void note_opened(struct replica *r, struct client *c)
{
    struct replica_client_report *own = &c->seen;
    own->has_op = true;
    own->last_response_ms = r->now_ms;
    own->last_op = ZK_OP_CREATE_SESSION;
    own->last_xid = 0;
    own->last_zxid = state_zxid(r->state);
}

/* --- a session of this server's own --- */

static void join_local(struct replica *r, struct client *c, struct local *l, int32_t timeout_ms)
{
    struct zk_buf *identities = outbox_buffer(r);
    put_identities(r, c, identities);
    local_attach(r, l, c, timeout_ms, zk_buf_slice(identities));
    c->is_local = true;
    c->is_read_only = r->is_read_only;
    c->wants_memory = false;
    be_told(r, c, l->session, timeout_ms, 0, l->password);
}

static void open_local(struct replica *r, struct client *c, int32_t timeout_ms)
{
    struct local *l = local_new(r, timeout_ms, zk_slice(NULL, 0));
    if (l == NULL) {
        outbox_close(r, c);
        return;
    }
    join_local(r, c, l, timeout_ms);
    note_opened(r, c);
}

static void come_back_to_local(struct replica *r, struct client *c, struct local *l,
                               const struct zk_connect_request *request)
{
    if (local_is_password(l, request->password))
        join_local(r, c, l, clamp_timeout(r, request->timeout_ms));
    else
        refuse_as_expired(r, c);
}

/* A server that has been without a leader for so long shows nobody a state that may be old, unless asked to. */
static bool is_too_long_leaderless(const struct replica *r)
{
    return !replica_serves(r) && r->now_ms - r->leaderless_since_ms >= replica_patience_ms(r);
}

/* True: the session is nothing that the log must hear of. */
static bool joins_locally(struct replica *r, struct client *c, const struct zk_connect_request *request)
{
    struct local *l = local_find(r, (uint64_t)request->session_id);
    if (l != NULL && local_may_come_back(r, l)) {
        if (is_too_long_leaderless(r))
            outbox_close(r, c);
        else
            come_back_to_local(r, c, l, request);
        return true;
    }
    if (request->session_id != 0 || !r->config.local_sessions || c->wants_memory || !replica_serves(r))
        return false;
    open_local(r, c, clamp_timeout(r, request->timeout_ms));
    return true;
}

static void join_read_only(struct replica *r, struct client *c, const struct zk_connect_request *request)
{
    struct local *l = local_find(r, (uint64_t)request->session_id);
    if (!request->read_only)
        outbox_close(r, c); /* it wants more than there is here */
    else if (request->session_id == 0)
        open_local(r, c, clamp_timeout(r, request->timeout_ms));
    else if (l != NULL && local_may_come_back(r, l))
        come_back_to_local(r, c, l, request);
    else if (session_is_passing((uint64_t)request->session_id))
        refuse_as_expired(r, c);
    else
        outbox_close(r, c); /* whether its session lives is known where the quorum is */
}

/* --- the connect request --- */

static enum throttle_join kind_of_join(const struct replica *r, const struct zk_connect_request *request)
{
    if (request->session_id != 0)
        return THROTTLE_RENEWED;
    return r->config.local_sessions ? THROTTLE_LOCAL : THROTTLE_NEW;
}

static void connect_frame(struct replica *r, struct client *c, struct zk_slice frame)
{
    struct zk_jute in = zk_jute(frame);
    struct zk_connect_request request = zk_connect_request_decode(&in);
    if (in.bad || frame.len > REPLICA_CONNECT_BYTES_MAX || r->rebuilding || r->is_lagging) {
        outbox_close(r, c);
        return;
    }
    /* What this client has seen, this server has not yet: time would run backwards. It tries another server. */
    if (request.last_zxid_seen > 0 && (uint64_t)request.last_zxid_seen > state_zxid(r->state)) {
        outbox_news(r, REPLICA_INFO, "client %s has seen zxid 0x%llx, we are at 0x%llx: refused", c->address,
                    (unsigned long long)request.last_zxid_seen, (unsigned long long)state_zxid(r->state));
        outbox_close(r, c);
        return;
    }
    if (!throttle_admits(&r->throttle, &r->config.throttle, kind_of_join(r, &request), r->now_ms, &r->rng)) {
        r->figures.throttled++;
        outbox_close(r, c);
        return;
    }
    c->phase = CLIENT_JOINING;
    c->has_read_only = request.has_read_only;
    c->wants_memory = request.protocol_version == ZK_PROTOCOL_MEMORY;
    if (r->is_read_only)
        join_read_only(r, c, &request);
    else if (joins_locally(r, c, &request))
        return;
    else if (request.session_id == 0)
        submit_open(r, c, &request);
    else
        submit_attach(r, c, &request);
}

/* A second session for one connect request: the OPEN was forwarded again after a change of leader and both copies were
 * committed. Nobody knows it; it need not wait for its time-out. */
static void end_orphan(struct replica *r, const struct state_effects *fx)
{
    forward_unawaited(
        r, &(struct command){.kind = COMMAND_EXPIRE, .session = fx->session, .generation = fx->generation});
}

static void join_session(struct replica *r, struct client *c, const struct state_effects *fx)
{
    struct state_session s;
    bool is_there = state_session_get(r->state, fx->session, &s);
    ZK_ASSERT(is_there);
    c->generation = s.generation;
    c->next_number = 1;
    be_told(r, c, s.id, s.timeout_ms, s.memory, s.password);
    if (fx->session_change == STATE_SESSION_OPENED)
        note_opened(r, c);
}

static void put_past(const struct replica *r, uint64_t session, struct zk_buf *out)
{
    zk_jute_put_int(out, 0);
    struct state_result result;
    uint32_t count = 0;
    for (; state_memory_at(r->state, session, count, &result); count++)
        zk_past_write_encode(
            out, &(struct zk_past_write){result.xid, (int64_t)result.zxid, result.err, result.record});
    zk_jute_set_int(out, 0, (int32_t)count);
}

/* "Expired", as Apache says it; and who asks for a memory and shows the password of a session that ended not long ago
 * learns what became of its last writes: this ATTACH stands behind its end in the log, so all of them are known. */
static void refuse_session(struct replica *r, struct client *c, const struct command *cmd)
{
    static const uint8_t no_password[ZK_PASSWORD_BYTES];
    struct zk_connect_response response = {.password = zk_slice(no_password, sizeof no_password)};
    struct command_attach a;
    struct state_session ended;
    if (cmd->kind == COMMAND_ATTACH && c->wants_memory && command_attach_decode(cmd->payload, &a) &&
        state_ended_get(r->state, cmd->session, a.password, &ended)) {
        struct zk_buf *past = outbox_buffer(r);
        put_past(r, cmd->session, past);
        response.memory = ended.memory;
        response.past = zk_buf_slice(past);
    }
    put_connect_response(r, c, response);
    outbox_close(r, c);
}

void client_join_result(struct replica *r, struct client *c, const struct command *cmd, const struct state_effects *fx)
{
    bool waits = c != NULL && c->phase == CLIENT_JOINING;
    if (waits && c->joining != NULL) {
        struct pending *done = c->joining;
        c->joining = NULL;
        forward_done(r, done);
    }
    if (fx->session_change == STATE_SESSION_OPENED && !waits) {
        end_orphan(r, fx);
        return;
    }
    if (!waits)
        return;
    if (fx->err == ZK_ERR_OK) {
        join_session(r, c, fx);
        return;
    }
    c->phase = CLIENT_GONE; /* a copy of its ATTACH may follow: it is answered once */
    refuse_session(r, c, cmd);
}

/* --- the queue --- */

static void report(struct replica *r, struct client *c)
{
    if (c->touch_round == r->touch_round)
        return;
    c->touch_round = r->touch_round;
    if (r->touched_count == r->touched_cap) {
        r->touched_cap = r->touched_cap ? r->touched_cap * 2 : 64;
        r->touched = zk_realloc(r->touched, r->touched_cap * sizeof *r->touched);
    }
    r->touched[r->touched_count++] = c->session;
}

static void touch(struct replica *r, struct client *c)
{
    c->heard_ms = r->now_ms;
    struct local *l = session_began_local(c->session) ? local_find(r, c->session) : NULL;
    if (l != NULL)
        l->heard_ms = r->now_ms;
    if (!c->is_local)
        report(r, c);
}

void clients_report_again(struct replica *r)
{
    for (struct client *c = r->clients; c != NULL; c = c->hh.next) {
        const struct tracked *t = c->phase == CLIENT_LIVE ? tracker_find(r, c->session) : NULL;
        if (t != NULL && r->now_ms - c->heard_ms < (uint64_t)t->timeout_ms)
            report(r, c);
    }
}

void replica_client_frame(struct replica *r, uint64_t conn, struct zk_slice frame)
{
    outbox_recycle(r);
    struct client *c = client_find(r, conn);
    if (c == NULL || c->close_due)
        return;
    c->seen.received++;
    r->figures.packets_received++;
    if (c->phase == CLIENT_NEW) {
        connect_frame(r, c, frame);
    } else if (c->phase == CLIENT_LIVE) {
        touch(r, c);
        if (!c->is_closing)
            request_frame(r, c, frame);
    } else {
        outbox_close(r, c); /* the driver holds frames back until READY: this is not a client's doing */
    }
}

void client_push(struct replica *r, struct client *c, struct request *q)
{
    q->next = NULL;
    q->arrived_ms = r->now_ms;
    if (c->last != NULL)
        c->last->next = q;
    else
        c->first = q;
    c->last = q;
    c->request_count++;
    c->request_bytes += q->len;
    r->outstanding++;
    r->put_off += c->is_put_off;
    pace_pause_if_full(r, c);
}

static void note_latency(struct replica *r, struct client *c, const struct request *q, uint64_t zxid)
{
    uint64_t us = (r->now_ms - q->arrived_ms) * 1000;
    struct replica_report *all = &r->figures;
    if (all->latency_count++ == 0 || us < all->latency_min_us)
        all->latency_min_us = us;
    all->latency_max_us = zk_max_u64(all->latency_max_us, us);
    all->latency_sum_us += us;
    struct replica_client_report *own = &c->seen;
    if (own->latency_count++ == 0 || us < own->latency_min_us)
        own->latency_min_us = us;
    own->latency_max_us = zk_max_u64(own->latency_max_us, us);
    own->latency_sum_us += us;
    own->latency_last_us = us;
    own->has_op = true;
    own->last_response_ms = r->now_ms;
    own->last_op = q->op;
    own->last_xid = q->xid;
    own->last_zxid = zxid;
    own->sent++;
    all->packets_sent++;
}

/* Answers that in Apache's server never come near the state show no zxid of it. */
static bool is_from_the_door(const struct request *q)
{
    return q->op == ZK_OP_AUTH || q->turned_away;
}

/* What the header shows: the state's zxid at the moment of the reply, or else 0; an opcode that nobody knows gets -1. */
static int64_t shown_zxid(const struct replica *r, const struct request *q, int err)
{
    if (is_from_the_door(q))
        return err == ZK_ERR_UNIMPLEMENTED ? -1 : 0;
    return (int64_t)state_zxid(r->state);
}

static void put_reply(const struct replica *r, struct zk_buf *out, const struct request *q, int err,
                      struct zk_slice record)
{
    size_t start = zk_jute_begin_frame(out);
    zk_reply_header_encode(out, (struct zk_reply_header){q->xid, shown_zxid(r, q, err), err});
    if (err == ZK_ERR_OK)
        zk_buf_append_slice(out, record);
    zk_jute_end_frame(out, start);
}

void client_reply(struct replica *r, struct client *c, const struct request *q, int err, struct zk_slice record)
{
    struct zk_buf *out = outbox_client(r, c);
    size_t before = out->len;
    put_reply(r, out, q, err, record);
    r->turn_bytes += out->len - before;
    note_latency(r, c, q, state_zxid(r->state));
}

static void give_up_telling(struct replica *r, struct client *c)
{
    outbox_news(r, REPLICA_WARN, "client at %s closed: it watches more than it can be told of at once", c->address);
    r->turn_bytes -= c->out->len < r->turn_bytes ? c->out->len : r->turn_bytes;
    zk_buf_fini(c->out);
    outbox_close(r, c);
}

void client_tell(struct replica *r, struct client *c, int32_t type, struct zk_slice path, int64_t zxid)
{
    if (c->close_due)
        return;
    struct zk_buf *out = outbox_client(r, c);
    if (!pace_may_tell(r, c)) {
        give_up_telling(r, c);
        return;
    }
    size_t start = zk_jute_begin_frame(out);
    zk_reply_header_encode(out, (struct zk_reply_header){ZK_XID_NOTIFICATION, zxid, ZK_ERR_OK});
    zk_watcher_event_encode(out, &(struct zk_watcher_event){type, ZK_STATE_SYNC_CONNECTED, path});
    zk_jute_end_frame(out, start);
    r->turn_bytes += out->len - start;
    c->seen.sent++;
    r->figures.packets_sent++;
}

static void pop_answered(struct replica *r, struct client *c)
{
    bool closes = c->first->closes;
    pop(r, c);
    if (closes)
        outbox_close(r, c);
}

/* A reply that waited shows the zxid of the moment in which it leaves, as every other: those before it may have shown
 * a later one than its own. */
static void restamp(struct replica *r, struct request *q)
{
    if (is_from_the_door(q))
        return;
    uint64_t zxid = state_zxid(r->state);
    for (size_t i = 0; i < 8; i++)
        q->bytes[8 + i] = (uint8_t)(zxid >> (56 - 8 * i)); /* behind length and xid */
}

static void answer_first(struct replica *r, struct client *c)
{
    struct request *q = c->first;
    if (q->kind == REQUEST_READ) {
        read_serve(r, c, q, zk_slice(q->bytes, q->len));
    } else {
        restamp(r, q);
        zk_buf_append(outbox_client(r, c), q->bytes, q->len);
        r->turn_bytes += q->len;
        note_latency(r, c, q, state_zxid(r->state));
    }
    pop_answered(r, c);
}

/* False: what is first waits for something. */
static bool serve_first(struct replica *r, struct client *c)
{
    switch (c->first->kind) {
    case REQUEST_READ:
    case REQUEST_DONE:
        if (!pace_may_answer(r, c)) {
            pace_put_off(r, c);
            return false;
        }
        answer_first(r, c);
        return true;
    case REQUEST_CLOSE:
        request_close(r, c, c->first);
        return c->first->kind == REQUEST_DONE;
    default:
        return false;
    }
}

void client_serve_queue(struct replica *r, struct client *c)
{
    pace_take_up(r, c);
    while (c->first != NULL && !c->close_due && serve_first(r, c))
        ;
    pace_resume_if_room(r, c);
}

/* The result of `q` is known; it leaves when everything before it has. */
static void settle(const struct replica *r, struct client *c, struct request *q, int err, struct zk_slice record)
{
    struct zk_buf reply;
    zk_buf_init(&reply);
    put_reply(r, &reply, q, err, record);
    c->request_bytes += reply.len - q->len;
    free(q->bytes);
    q->bytes = reply.ptr;
    q->len = reply.len;
    q->kind = REQUEST_DONE;
}

void client_close_local(struct replica *r, struct client *c, struct request *q)
{
    local_end(r, c);
    settle(r, c, q, ZK_ERR_OK, zk_slice(NULL, 0));
}

static void answer(struct replica *r, struct client *c, struct request *q, int err, struct zk_slice record)
{
    if (q != c->first) {
        settle(r, c, q, err, record);
        return;
    }
    client_reply(r, c, q, err, record);
    pop_answered(r, c);
}

static struct request *find_write(struct client *c, uint64_t number)
{
    struct request *q = c->first;
    while (q != NULL && !(q->kind == REQUEST_WRITE && q->number == number))
        q = q->next;
    return q;
}

void client_write_result(struct replica *r, struct client *c, const struct command *cmd, const struct state_effects *fx)
{
    struct request *q = cmd->generation == c->generation ? find_write(c, cmd->number) : NULL;
    if (q == NULL || fx->gap)
        return; /* answered when its first copy was applied; or the copy that does not skip one is still to come */
    if (fx->stale) {
        outbox_close(r, c); /* the session is elsewhere now; Apache says nothing either */
        return;
    }
    struct pending *done = q->pending;
    q->pending = NULL;
    if (done != NULL)
        forward_done(r, done);
    if (fx->err == ZK_ERR_AUTH_FAILED)
        q->closes = true; /* a session full of identities: as behind any credentials that fail */
    answer(r, c, q, fx->err, zk_buf_slice(&fx->reply));
    client_serve_queue(r, c);
}

void client_push_answer(struct replica *r, struct client *c, struct request *q, int err, struct zk_slice record)
{
    settle(r, c, q, err, record);
    c->request_bytes -= q->len; /* client_push counts it */
    client_push(r, c, q);
    client_serve_queue(r, c);
}

void client_push_done(struct replica *r, struct client *c, int32_t xid, int32_t op, int err, bool closes)
{
    struct request *q = zk_calloc(1, sizeof *q);
    q->xid = xid;
    q->op = op;
    q->closes = q->turned_away = closes;
    client_push_answer(r, c, q, err, zk_slice(NULL, 0));
}

/* Planted bug 14: an answer before the write has been applied. Called by the simulator's builds only. */
void client_answer_early(struct replica *r, struct client *c)
{
    struct request *q = c->last;
    if (q == NULL || q != c->first || q->kind != REQUEST_WRITE)
        return;
    client_reply(r, c, q, ZK_ERR_OK, (struct zk_slice){NULL, 0});
    pop(r, c);
}

/* --- sync --- */

void clients_syncs_wait(struct replica *r, struct client *c)
{
    if (r->sync_count == r->sync_cap) {
        r->sync_cap = r->sync_cap ? r->sync_cap * 2 : 16;
        r->sync_conns = zk_realloc(r->sync_conns, r->sync_cap * sizeof *r->sync_conns);
    }
    r->sync_conns[r->sync_count++] = c->conn;
    r->round_due = true;
}

/* Its record is its path, which goes back as it came. True: another sync of this client waits for a later round. */
static bool settle_syncs(struct replica *r, struct client *c, uint64_t round)
{
    bool more = false;
    for (struct request *q = c->first; q != NULL; q = q->next) {
        if (q->kind != REQUEST_SYNC)
            continue;
        if (q->round > round) {
            more = true;
            continue;
        }
        struct zk_buf record;
        zk_buf_init(&record);
        zk_buf_append(&record, q->bytes, q->len);
        settle(r, c, q, ZK_ERR_OK, zk_buf_slice(&record));
        zk_buf_fini(&record);
    }
    return more;
}

void clients_syncs_done(struct replica *r, uint64_t round)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->sync_count; i++) {
        struct client *c = client_find(r, r->sync_conns[i]);
        if (c == NULL)
            continue;
        if (settle_syncs(r, c, round))
            r->sync_conns[kept++] = c->conn;
        client_serve_queue(r, c);
    }
    r->sync_count = kept;
}
