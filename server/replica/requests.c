/* requests.c: one frame of a client with a session: its form is checked here, at the door, and only here; what passes is
 * queued behind the client's earlier requests. Writes become commands, reads wait their turn.
 *
 * What is refused: opcodes not served (-6, then the connection ends, as Apache does it), a lone check (the same, since
 * ZOOKEEPER-2623), what is the servers' own (createSession, deleteContainer: Apache's takes them from any client), records
 * that do not decode (-5, the connection stays).
 */
#include "server/replica/core.h"

#define ENSEMBLE_WARN_MS 1000 /* of quiet before it is said again: outsiders must not fill the log */

/* --- form --- */

static bool skip_write_record(int32_t op, struct zk_jute *in)
{
    switch (op) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_IF_NOT_EXISTS:
        (void)zk_create_request_decode(in);
        break;
    case ZK_OP_CREATE_TTL:
        (void)zk_create_request_decode(in);
        (void)zk_jute_long(in);
        break;
    case ZK_OP_DELETE:
    case ZK_OP_CHECK:
    case ZK_OP_CHECK_NOT_EXISTS:
    case ZK_OP_TRY_REMOVE:
        (void)zk_path_version_decode(in);
        break;
    case ZK_OP_CHECK_STAT:
        (void)zk_check_stat_request_decode(in);
        break;
    case ZK_OP_REMOVE_RECURSIVE:
        (void)zk_path_limit_decode(in);
        break;
    case ZK_OP_DELETE_TREE:
        (void)zk_delete_tree_request_decode(in);
        break;
    case ZK_OP_SET_DATA:
        (void)zk_set_data_request_decode(in);
        break;
    case ZK_OP_SET_ACL:
        (void)zk_set_acl_request_decode(in);
        break;
    default:
        return false;
    }
    return !in->bad;
}

static bool is_multi_op(int32_t op)
{
    bool is_keepers = op >= ZK_OP_CHECK_NOT_EXISTS && op <= ZK_OP_TRY_REMOVE;
    return zk_op_is_create(op) || op == ZK_OP_DELETE || op == ZK_OP_SET_DATA || op == ZK_OP_CHECK || is_keepers;
}

static bool multi_is_well_formed(struct zk_jute *in)
{
    for (;;) {
        struct zk_multi_header h = zk_multi_header_decode(in);
        if (in->bad)
            return false;
        if (h.done)
            return true;
        if (!is_multi_op(h.type) || !skip_write_record(h.type, in))
            return false;
    }
}

static bool write_is_well_formed(int32_t op, struct zk_slice record)
{
    struct zk_jute in = zk_jute(record);
    return op == ZK_OP_MULTI ? multi_is_well_formed(&in) : skip_write_record(op, &in);
}

/* --- writes --- */

/* What this server's configuration allows travels with the command: every replica must decide alike. */
static uint8_t options_of(const struct replica *r, const struct client *c)
{
    bool no_ephemerals = session_began_local(c->session) && !r->config.local_upgrading;
    return (uint8_t)((r->config.extended_types ? COMMAND_EXTENDED_TYPES : 0) |
                     (r->config.enforce_quota ? COMMAND_ENFORCE_QUOTA : 0) |
                     (no_ephemerals ? COMMAND_NO_EPHEMERALS : 0));
}

static void submit(struct replica *r, struct client *c, struct request *q, uint8_t kind, struct zk_slice payload)
{
    if (c->is_local)
        local_upgrade(r, c);
    q->kind = REQUEST_WRITE;
    q->number = c->next_number++;
    q->pending = forward_submit(r, c->conn,
                                &(struct command){.kind = kind,
                                                  .options = options_of(r, c),
                                                  .session = c->session,
                                                  .generation = c->generation,
                                                  .number = q->number,
                                                  .xid = q->xid,
                                                  .op = q->op,
                                                  .payload = payload});
}

static void submit_numbered(struct replica *r, struct client *c, struct request *q, uint8_t kind,
                            struct zk_slice payload)
{
    submit(r, c, q, kind, payload);
    client_push(r, c, q);
}

static struct request *new_request(struct replica *r, struct zk_request_header h)
{
    struct request *q = zk_calloc(1, sizeof *q);
    q->large_bytes = r->frame_bytes;
    pace_hold_large(r, q->large_bytes);
    q->xid = h.xid;
    q->op = h.op;
    return q;
}

/* libzk has sent a write again whose answer was lost with its last connection. Everything the old connection sent has
 * been applied or never will be, for the ATTACH of this one has been applied: so the memory decides. */
static bool answer_from_memory(struct replica *r, struct client *c, struct zk_request_header h)
{
    struct state_result result;
    if (!c->wants_memory || !state_memory_get(r->state, c->session, h.xid, &result))
        return false;
    if (c->request_bytes >= REPLICA_CLIENT_BYTES_MAX) { /* more than a session's memory: it asks for the same again */
        outbox_close(r, c);
        return true;
    }
    client_push_answer(r, c, new_request(r, h), result.err, result.record);
    return true;
}

/* While the disks are full. What deletes gives room. */
static bool refuses_write(const struct replica *r, int32_t op)
{
    bool is_delete = op == ZK_OP_DELETE || op == ZK_OP_DELETE_TREE || op == ZK_OP_REMOVE_RECURSIVE || op == ZK_OP_TRY_REMOVE;
    return r->writes_refused && !is_delete;
}

/* Was it refused when it was first sent, on a connection that took the answer with it? Writes are taken in the order of
 * their xids, so one that came before what is remembered and is not remembered itself was not taken. It must not happen
 * now, behind what was asked later. Xids go from 1 to INT32_MAX and begin again.
 */
static bool was_passed_over(const struct replica *r, const struct client *c, int32_t xid)
{
    struct state_result newest;
    if (!c->wants_memory || xid <= 0 || !state_memory_newest(r->state, c->session, &newest) || newest.xid <= 0)
        return false;
    uint32_t ahead = ((uint32_t)newest.xid + INT32_MAX - (uint32_t)xid) % INT32_MAX;
    return ahead > 0 && ahead < INT32_MAX / 2;
}

static void write_request(struct replica *r, struct client *c, struct zk_request_header h, struct zk_slice record)
{
    if (answer_from_memory(r, c, h))
        return;
    if (!write_is_well_formed(h.op, record)) {
        client_push_done(r, c, h.xid, h.op, ZK_ERR_MARSHALLING_ERROR, false);
        return;
    }
    if (refuses_write(r, h.op) || was_passed_over(r, c, h.xid)) {
        client_push_done(r, c, h.xid, h.op, ZK_ERR_SYSTEM_ERROR, false);
        return;
    }
    submit_numbered(r, c, new_request(r, h), COMMAND_REQUEST, record);
    if (ZK_PLANTED(14) && h.op == ZK_OP_DELETE)
        client_answer_early(r, c);
}

/* With its session a client loses its rights and its connection: so answers come first that may have to wait for it. */
static bool awaits_answers_here(const struct client *c)
{
    for (const struct request *q = c->first; q != NULL; q = q->next)
        if (q->kind != REQUEST_WRITE)
            return true;
    return false;
}

static void close_request(struct replica *r, struct client *c, struct zk_request_header h)
{
    struct request *q = new_request(r, h);
    q->kind = REQUEST_CLOSE;
    q->closes = true;
    c->is_closing = true;
    if (!awaits_answers_here(c) && !c->is_local)
        request_close(r, c, q);
    client_push(r, c, q);
    if (c->is_local)
        client_serve_queue(r, c);
}

void request_close(struct replica *r, struct client *c, struct request *q)
{
    if (c->is_local)
        client_close_local(r, c, q);
    else
        submit(r, c, q, COMMAND_CLOSE, zk_slice("", 0));
}

void request_end_session(struct replica *r, struct client *c)
{
    if (c->is_local) {
        local_end(r, c);
        return;
    }
    r->frame_bytes = 0;
    struct request *q = new_request(r, (struct zk_request_header){0, ZK_OP_CLOSE_SESSION});
    request_close(r, c, q);
    client_push(r, c, q);
}

/* --- identities --- */

static void auth_request(struct replica *r, struct client *c, struct zk_request_header h, struct zk_slice record)
{
    struct zk_jute in = zk_jute(record);
    struct zk_auth_packet packet = zk_auth_packet_decode(&in);
    if (in.bad) {
        outbox_close(r, c); /* without a word, as Apache's server: no other malformed record ends a connection */
        return;
    }
    struct zk_buf *gained = outbox_buffer(r);
    enum auth_verdict verdict = auth_check(&r->config.auth, packet.scheme, packet.auth, gained);
    if (verdict == AUTH_ELSEWHERE) {
        if (r->ensemble_warned_ms == 0 || r->now_ms - r->ensemble_warned_ms >= ENSEMBLE_WARN_MS)
            outbox_news(r, REPLICA_WARN, "a client at %s asked for another ensemble", c->address);
        r->ensemble_warned_ms = r->now_ms;
        outbox_close(r, c);
    } else if (verdict == AUTH_REFUSED) {
        client_push_done(r, c, h.xid, h.op, ZK_ERR_AUTH_FAILED, true);
    } else if (gained->len == 0) {
        client_push_done(r, c, h.xid, h.op, ZK_ERR_OK, false);
    } else if (c->is_local) {
        bool has_room = local_authenticate(local_find(r, c->session), zk_buf_slice(gained));
        c->is_authenticated |= auth_satisfies(&r->config.auth, packet.scheme);
        client_push_done(r, c, h.xid, h.op, has_room ? ZK_ERR_OK : ZK_ERR_AUTH_FAILED, !has_room);
    } else {
        c->is_authenticated |= auth_satisfies(&r->config.auth, packet.scheme);
        submit_numbered(r, c, new_request(r, h), COMMAND_AUTH, zk_buf_slice(gained));
    }
}

/* --- reads, sync, ping --- */

static void queue_copy(struct replica *r, struct client *c, struct zk_request_header h, enum request_kind kind,
                       struct zk_slice record)
{
    struct request *q = new_request(r, h);
    q->kind = kind;
    q->bytes = zk_memdup(record.ptr, record.len);
    q->len = record.len;
    q->round = r->round + 1;
    client_push(r, c, q);
}

static void read_request(struct replica *r, struct client *c, struct zk_request_header h, struct zk_slice record)
{
    if (c->first != NULL || !pace_may_answer(r, c)) {
        bool is_first = c->first == NULL;
        queue_copy(r, c, h, REQUEST_READ, record);
        if (is_first)
            pace_put_off(r, c);
        return;
    }
    struct request now = {.xid = h.xid, .op = h.op, .arrived_ms = r->now_ms};
    read_serve(r, c, &now, record);
}

/* Changing the ensemble by request is switched off, as it is in Apache's server unless reconfigEnabled says otherwise. */
static void reconfig_request(struct replica *r, struct client *c, struct zk_request_header h, struct zk_slice record)
{
    struct zk_jute in = zk_jute(record);
    for (int i = 0; i < 3; i++)
        (void)zk_jute_string(&in); /* joining, leaving, the new members */
    (void)zk_jute_long(&in);       /* the present version */
    client_push_done(r, c, h.xid, h.op, in.bad ? ZK_ERR_MARSHALLING_ERROR : ZK_ERR_RECONFIG_DISABLED, false);
}

static void sync_request(struct replica *r, struct client *c, struct zk_request_header h, struct zk_slice record)
{
    struct zk_jute in = zk_jute(record);
    (void)zk_jute_string(&in);
    if (in.bad) {
        client_push_done(r, c, h.xid, h.op, ZK_ERR_MARSHALLING_ERROR, false);
        return;
    }
    queue_copy(r, c, h, REQUEST_SYNC, zk_slice(record.ptr, (size_t)(in.at - record.ptr)));
    clients_syncs_wait(r, c);
}

/* At once, past the queue: a ping asks whether this server lives, not whether the leader does. Whatever number it came
 * with, the answer has a ping's. */
static void ping_request(struct replica *r, struct client *c, struct zk_request_header h)
{
    struct request now = {.xid = ZK_XID_PING, .op = h.op, .arrived_ms = r->now_ms};
    client_reply(r, c, &now, ZK_ERR_OK, zk_slice("", 0));
}

static bool needs_quorum(int32_t op)
{
    return zk_op_is_write(op) || op == ZK_OP_SYNC || op == ZK_OP_CHECK || op == ZK_OP_RECONFIG;
}

static void dispatch(struct replica *r, struct client *c, struct zk_request_header h, struct zk_slice record)
{
    if (c->is_read_only && needs_quorum(h.op))
        client_push_done(r, c, h.xid, h.op, ZK_ERR_NOT_READ_ONLY, false);
    else if (read_is_local(h.op))
        read_request(r, c, h, record);
    else if (zk_op_is_write(h.op))
        write_request(r, c, h, record);
    else if (h.op == ZK_OP_SYNC)
        sync_request(r, c, h, record);
    else if (h.op == ZK_OP_RECONFIG)
        reconfig_request(r, c, h, record);
    else if (h.op == ZK_OP_CLOSE_SESSION)
        close_request(r, c, h);
    else
        client_push_done(r, c, h.xid, h.op, ZK_ERR_UNIMPLEMENTED, true);
}

void request_dispatch(struct replica *r, struct client *c, struct zk_slice frame)
{
    struct zk_jute in = zk_jute(frame);
    struct zk_request_header h = zk_request_header_decode(&in);
    if (c->is_closing)
        return;
    r->frame_bytes = frame.len;
    dispatch(r, c, h, zk_jute_rest(&in));
}

void request_turn_away(struct replica *r, struct client *c, struct zk_slice frame, int err)
{
    struct zk_jute in = zk_jute(frame);
    struct zk_request_header h = zk_request_header_decode(&in);
    client_push_done(r, c, h.xid, h.op, err, false);
}

/* What never waits at the door; true: that was it. */
static bool request_at_once(struct replica *r, struct client *c, struct zk_request_header h, struct zk_slice record)
{
    if (!c->is_authenticated && h.op != ZK_OP_AUTH)
        client_push_done(r, c, h.xid, h.op, ZK_ERR_SESSION_CLOSED_REQUIRE_SASL_AUTH, true);
    else if (h.op == ZK_OP_PING)
        ping_request(r, c, h);
    else if (h.op == ZK_OP_AUTH)
        auth_request(r, c, h, record);
    else
        return false;
    return true;
}

static void refuse_large(struct replica *r, struct client *c)
{
    outbox_news(r, REPLICA_WARN, "client %s closed: large requests may have %zu bytes together, and have %zu", c->address,
                r->config.large_request_max_bytes, r->large_bytes);
    r->figures.large_rejected++;
    outbox_close(r, c);
}

void request_frame(struct replica *r, struct client *c, struct zk_slice frame)
{
    struct zk_jute in = zk_jute(frame);
    struct zk_request_header h = zk_request_header_decode(&in);
    struct zk_slice record = zk_jute_rest(&in);
    if (in.bad) {
        outbox_close(r, c);
        return;
    }
    r->frame_bytes = frame.len;
    if (request_at_once(r, c, h, record))
        return;
    if (!pace_admits_frame(r, frame.len))
        refuse_large(r, c);
    else if (stall_must_wait(r, c))
        stall_frame(r, c, h.op, frame);
    else
        dispatch(r, c, h, record);
}
