#include "tests/sim/wire_impl.h"
#include "common/zxid.h"
#include "tests/sim/check.h"
#include "tests/sim/host.h"
#include "tests/sim/locals.h"
#include "tests/sim/life.h"

struct wire *wire_new(struct world *w, uint64_t server, uint64_t conn, uint32_t from_node)
{
    struct wire *wire = zk_calloc(1, sizeof(*wire));
    wire->world = w;
    wire->server = server;
    wire->conn = conn;
    wire->from_node = from_node;
    wire->last = &wire->first;
    return wire;
}

static void drop_loose(struct wire *wire)
{
    for (size_t i = 0; i < wire->loose_count; i++)
        free(wire->loose[i].path);
    wire->loose_count = 0;
}

void wire_free(struct wire *wire)
{
    while (wire->first) {
        struct asked *a = wire->first;
        wire->first = a->next;
        free(a);
    }
    for (size_t i = 0; i < wire->watch_count; i++)
        free(wire->watches[i].path);
    drop_loose(wire);
    free(wire->loose);
    free(wire->watches);
    free(wire);
}

uint64_t wire_session(const struct wire *wire)
{
    return wire->is_live ? wire->session : 0;
}

size_t wire_watch_count(const struct wire *wire)
{
    return wire->watch_count;
}

/* --- what is asked --- */

void wire_request(struct wire *wire, struct zk_slice frame)
{
    struct zk_jute in = zk_jute(frame);
    if (!wire->was_greeted) {
        wire->was_greeted = true;
        struct zk_connect_request r = zk_connect_request_decode(&in);
        wire->claimed = (uint64_t)r.session_id;
        if (r.password.len == sizeof(wire->password))
            memcpy(wire->password, r.password.ptr, sizeof(wire->password));
        wire->asked_memory = r.protocol_version == ZK_PROTOCOL_MEMORY;
        wire->asked_read_only = r.read_only;
        return;
    }
    struct zk_request_header h = zk_request_header_decode(&in);
    check_touched(wire->world, wire->session, wire->server);
    SAY(wire->world, "s%" PRIu64 " c%" PRIu64 " > xid %" PRId32 " op %" PRId32, wire->server, wire->conn, h.xid,
        h.op);
    if (h.xid == ZK_XID_PING) {
        wire->pings++;
        return;
    }
    if (h.xid == ZK_XID_AUTH) {
        wire->auths++;
        return;
    }
    struct zk_slice record = zk_jute_rest(&in);
    struct asked *a = zk_alloc(sizeof(*a) + record.len);
    *a = (struct asked){.xid = h.xid,
                        .op = h.op,
                        .len = record.len,
                        .shown = ledger_shown_last(wire->world->ledger),
                        .epoch = zxid_epoch(ledger_last(wire->world->ledger))};
    if (record.len)
        memcpy(a->record, record.ptr, record.len);
    *wire->last = a;
    wire->last = &a->next;
}

/* --- replies to writes --- */

/* The entry that brought this request about, as of `zxid`; NULL: there is none. */
static const struct ledger_entry *entry_of(const struct wire *wire, int32_t xid, uint64_t zxid)
{
    uint64_t at = life_effect(wire->world, wire->from_node, wire->session, xid);
    return at && at <= zxid ? ledger_find(wire->world->ledger, at) : NULL;
}

static void judge_write(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    const struct ledger_entry *e = entry_of(wire, a->xid, (uint64_t)h->zxid);
    if (wire->is_read_only) {
        if (h->err != ZK_ERR_NOT_READ_ONLY)
            FAIL(wire, "ro", "xid %" PRId32 " op %" PRId32 " gives %s without a quorum", a->xid, a->op,
                 zk_err_text(h->err));
        world_count(wire->world, MARK_READ_ONLY_REFUSED);
    }
    if (!e) {
        if (h->err == ZK_ERR_OK)
            FAIL(wire, "I15", "xid %" PRId32 " op %" PRId32 " is acknowledged at %" PRIx64 ", and has not happened",
                 a->xid, a->op, (uint64_t)h->zxid);
        return;
    }
    if (e->err != h->err)
        FAIL(wire, "I15", "xid %" PRId32 " op %" PRId32 " at %" PRIx64 " gives %s, should be %s", a->xid, a->op,
             (uint64_t)h->zxid, zk_err_text(h->err), zk_err_text(e->err));
    struct zk_slice body = zk_jute_rest(in);
    bool same = body.len == e->reply.len && (body.len == 0 || memcmp(body.ptr, e->reply.ptr, body.len) == 0);
    if (h->err == ZK_ERR_OK && !same)
        FAIL(wire, "I15", "xid %" PRId32 " op %" PRId32 " at %" PRIx64 " answers with another record", a->xid, a->op,
             (uint64_t)h->zxid);
    if (wire->event_zxid == e->entry.zxid)
        world_count(wire->world, MARK_WATCH_RACES_WRITE);
    if (e->entry.zxid <= wire->joined)
        world_count(wire->world, MARK_SENT_AGAIN);
}

static void judge_close(struct wire *wire, const struct zk_reply_header *h)
{
    const struct model_session *s = model_session(ledger_model(wire->world->ledger), wire->session);
    if (!s) {
        locals_closed(wire->world, wire->session);
        return;
    }
    if (h->err == ZK_ERR_OK && (!s->ended_zxid || s->ended_zxid > (uint64_t)h->zxid))
        FAIL(wire, "I15", "is told at %" PRIx64 " that it is closed, and lives", (uint64_t)h->zxid);
}

static void judge_sync(struct wire *wire, const struct asked *a, const struct zk_reply_header *h)
{
    if (h->err == ZK_ERR_OK && wire->is_read_only)
        FAIL(wire, "ro", "%s", "a sync is answered without a quorum");
    if (h->err != ZK_ERR_OK)
        return;
    if ((uint64_t)h->zxid < a->shown)
        FAIL(wire, "I16", "a sync is answered at %" PRIx64 ", %" PRIx64 " had been shown before it was asked",
             (uint64_t)h->zxid, a->shown);
    world_count(wire->world, MARK_SYNC_CONFIRMED);
    if (zxid_epoch(ledger_last(wire->world->ledger)) != a->epoch)
        world_count(wire->world, MARK_SYNC_ACROSS_ELECTION);
}

/* It waited for too long at the door of a busy server, and never happens. */
static void judge_turned_away(struct wire *wire, const struct asked *a, const struct zk_reply_header *h)
{
    bool is_setting = a->op == ZK_OP_SET_WATCHES || a->op == ZK_OP_SET_WATCHES2 || a->op == ZK_OP_CLOSE_SESSION;
    if (!wire->world->swarm.throttled_op_wait_ms || is_setting)
        FAIL(wire, "protocol", "op %" PRId32 " is turned away", a->op);
    if (zk_op_is_write(a->op) && entry_of(wire, a->xid, (uint64_t)h->zxid))
        FAIL(wire, "I15", "xid %" PRId32 " op %" PRId32 " is turned away, and has happened", a->xid, a->op);
    world_count(wire->world, MARK_TURNED_AWAY);
}

static void judge_answer(struct wire *wire, const struct asked *a, const struct zk_reply_header *h,
                         struct zk_jute *in)
{
    if (h->err == ZK_ERR_THROTTLED_OP) {
        judge_turned_away(wire, a, h);
        return;
    }
    switch (a->op) {
    case ZK_OP_EXISTS:
    case ZK_OP_GET_DATA:
    case ZK_OP_GET_CHILDREN:
    case ZK_OP_GET_CHILDREN2:
        wire_judge_read(wire, a, h, in);
        break;
    case ZK_OP_SYNC:
        judge_sync(wire, a, h);
        break;
    case ZK_OP_SET_WATCHES:
    case ZK_OP_SET_WATCHES2:
        wire_judge_set_watches(wire, a, (uint64_t)h->zxid);
        break;
    case ZK_OP_ADD_WATCH:
    case ZK_OP_CHECK_WATCHES:
    case ZK_OP_REMOVE_WATCHES:
        wire_judge_watch_op(wire, a, h);
        break;
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
        wire_judge_number(wire, a, h, in);
        break;
    case ZK_OP_FILTERED_LIST:
    case ZK_OP_FILTERED_LIST_WITH_DATA:
        wire_judge_listing(wire, a, h, in);
        break;
    case ZK_OP_LIST_RECURSIVE:
        wire_judge_paths(wire, a, h, in);
        break;
    case ZK_OP_CHECK_NOT_EXISTS:
    case ZK_OP_CHECK_STAT:
        wire_judge_check(wire, a, h);
        break;
    case ZK_OP_GET_CHILDREN_PAGE:
        wire_judge_page(wire, a, h, in);
        break;
    case ZK_OP_GET_EPHEMERALS:
        wire_judge_ephemerals(wire, a, h, in);
        break;
    case ZK_OP_WHO_AM_I:
        wire_judge_who_am_i(wire, a, h, in);
        break;
    case ZK_OP_MULTI_READ:
        wire_judge_multi_read(wire, a, h, in);
        break;
    case ZK_OP_GET_ACL:
        wire_judge_acl(wire, a, h, in);
        break;
    case ZK_OP_CLOSE_SESSION:
        judge_close(wire, h);
        break;
    default:
        judge_write(wire, a, h, in);
    }
}

/* --- frames --- */

static void judge_zxid(struct wire *wire, int32_t xid, uint64_t zxid)
{
    if (zxid > ledger_last(wire->world->ledger))
        FAIL(wire, "I15", "shows %" PRIx64 ", nobody has committed beyond %" PRIx64, zxid,
             ledger_last(wire->world->ledger));
    if (zxid < wire->shown)
        FAIL(wire, "I14", "xid %" PRId32 " shows %" PRIx64 " after %" PRIx64, xid, zxid, wire->shown);
    wire->shown = zxid;
    wire_catch_up(wire, zxid, "I23");
    ledger_shown(wire->world->ledger, zxid);
}

static void judge_reply(struct wire *wire, const struct zk_reply_header *h, struct zk_jute *in)
{
    struct asked *a = wire->first;
    if (!a || a->xid != h->xid)
        FAIL(wire, "I14", "answers xid %" PRId32 ", it is the turn of %" PRId32, h->xid, a ? a->xid : 0);
    SAY(wire->world, "s%" PRIu64 " c%" PRIu64 " < xid %" PRId32 " op %" PRId32 " at %" PRIx64 ": %s", wire->server,
        wire->conn, h->xid, a->op, (uint64_t)h->zxid, zk_err_text(h->err));
    judge_zxid(wire, h->xid, (uint64_t)h->zxid);
    judge_answer(wire, a, h, in);
    wire->first = a->next;
    if (!wire->first)
        wire->last = &wire->first;
    free(a);
}

static void judge_past_write(struct wire *wire, const struct zk_past_write *p)
{
    const struct ledger_entry *e = ledger_find(wire->world->ledger, (uint64_t)p->zxid);
    const struct command *c = e ? &e->command : NULL;
    if (!e || c->kind != COMMAND_REQUEST || !e->had_effect || c->session != wire->claimed || c->xid != p->xid)
        FAIL(wire, "memory", "is told of xid %" PRId32 " at %" PRIx64 ", which is another's", p->xid, (uint64_t)p->zxid);
    if (p->err != e->err || !zk_slice_eq(p->record, e->reply))
        FAIL(wire, "memory", "is told that xid %" PRId32 " gave %s, %zu bytes; it was %s, %zu bytes", p->xid,
             zk_err_text(p->err), p->record.len, zk_err_text(e->err), e->reply.len);
}

static bool password_is_right(const struct wire *wire, const struct model_session *s)
{
    return s && memcmp(wire->password, s->password, sizeof(wire->password)) == 0;
}

/* All that an ended session is remembered for, or nothing if it need not be remembered. */
static void judge_past(struct wire *wire, const struct model_session *s, const struct zk_connect_response *r)
{
    const struct ledger *l = wire->world->ledger;
    bool is_owner = wire->asked_memory && password_is_right(wire, s);
    if (r->protocol_version != ZK_PROTOCOL_MEMORY) {
        if (is_owner && s->memory > 0 && s->was_expired && s->ended_zxid > ledger_forgotten(l))
            FAIL(wire, "memory", "session %" PRIx64 " is not told what it did", s->id);
        return;
    }
    if (!is_owner || s->ended_zxid == 0)
        FAIL(wire, "I20", "session %" PRIx64 " is told what it did, not being its owner or not over", wire->claimed);
    struct zk_jute in = zk_jute(r->past);
    int32_t count = zk_jute_count(&in, ZK_PAST_WRITE_MIN_BYTES);
    size_t most = (size_t)s->memory;
    size_t want = s->result_count < most ? s->result_count : most;
    if (count < 0 || (size_t)count != want)
        FAIL(wire, "memory", "is told %" PRId32 " results, should be %zu", count, want);
    for (int32_t i = 0; i < count; i++) {
        struct zk_past_write p = zk_past_write_decode(&in);
        judge_past_write(wire, &p);
    }
    if (in.bad || zk_jute_left(&in) > 0)
        FAIL(wire, "protocol", "%s", "a malformed past");
    if (count > 0)
        world_count(wire->world, MARK_PAST_TOLD);
}

static void begin_session(struct wire *wire, uint64_t id, const struct zk_connect_response *r)
{
    wire->session = id;
    wire->is_live = true;
    SAY(wire->world, "s%" PRIu64 " c%" PRIu64 " < session %" PRIx64 ", %" PRId32 " ms, memory %" PRId32 "%s", wire->server,
        wire->conn, id, r->timeout_ms, r->memory, r->read_only ? ", read-only" : "");
}

static bool was_refused_before(const struct ledger *l, const struct model_session *s)
{
    for (size_t i = 0; i < ledger_count(l) && ledger_entry(l, i)->entry.zxid < s->opened_zxid; i++) {
        const struct ledger_entry *e = ledger_entry(l, i);
        if (e->is_command && e->command.kind == COMMAND_ATTACH && e->command.session == s->id)
            return true;
    }
    return false;
}

/* A server looks only into its own list, and an UPGRADE may be under way behind what the client asked for. */
static bool was_new_to_the_log(const struct wire *wire, const struct model_session *s)
{
    return session_began_local(s->id) &&
           (s->joined_zxid == s->opened_zxid || was_refused_before(wire->world->ledger, s));
}

static void judge_greeting(struct wire *wire, struct zk_jute *in)
{
    struct zk_connect_response r = zk_connect_response_decode(in);
    struct local_told told = {wire->server, wire->from_node, wire->claimed, wire->password, wire->asked_read_only};
    if (in->bad)
        FAIL(wire, "protocol", "%s", "a malformed connect response");
    uint64_t id = (uint64_t)r.session_id;
    if (id == 0) {
        const struct model_session *s = model_session(ledger_model(wire->world->ledger), wire->claimed);
        if (!s)
            locals_refused(wire->world, &told);
        if (s && password_is_right(wire, s) && s->ended_zxid == 0 && !was_new_to_the_log(wire, s))
            FAIL(wire, "I18", "session %" PRIx64 " is told that it has expired, and it lives", wire->claimed);
        judge_past(wire, s, &r);
        wire->is_over = true;
        return;
    }
    const struct model_session *s = model_session(ledger_model(wire->world->ledger), id);
    if (!s && session_began_local(id)) {
        locals_given(wire->world, &told, &r);
        wire->is_read_only = r.read_only;
        begin_session(wire, id, &r);
        return;
    }
    if (r.read_only)
        FAIL(wire, "ro", "session %" PRIx64 " of the ensemble's is served without a quorum", id);
    if (!s || (wire->claimed && id != wire->claimed))
        FAIL(wire, "I20", "is given session %" PRIx64 ", asked for %" PRIx64, id, wire->claimed);
    if (r.password.len != ZK_PASSWORD_BYTES || memcmp(r.password.ptr, s->password, ZK_PASSWORD_BYTES) != 0)
        FAIL(wire, "I20", "session %" PRIx64 " is given another password", id);
    if (wire->claimed && !password_is_right(wire, s))
        FAIL(wire, "I20", "session %" PRIx64 " is attached to who does not know its password", id);
    begin_session(wire, id, &r);
    wire->joined = life_attached(wire->world, id);
    check_told(wire->world, id);
}

/* Whoever asks here knows the password. The history has the proof. */
static void judge_auth(struct wire *wire, const struct zk_reply_header *h)
{
    const struct model_session *s = model_session(ledger_model(wire->world->ledger), wire->session);
    if (wire->auths-- == 0)
        FAIL(wire, "I14", "%s", "answers an auth that was not sent");
    if (h->err != ZK_ERR_OK)
        FAIL(wire, "I20", "is not believed (%s)", zk_err_text(h->err));
    wire->proofs++;
    if (s && s->proofs < wire->proofs)
        FAIL(wire, "I20", "is believed %" PRIu64 " times, the history has %" PRIu64, wire->proofs, s->proofs);
}

static void judge_frame(struct wire *wire, struct zk_slice frame)
{
    struct zk_jute in = zk_jute(frame);
    if (wire->is_over)
        FAIL(wire, "protocol", "%s", "sends after the session's end");
    if (!wire->is_live) {
        judge_greeting(wire, &in);
        return;
    }
    struct zk_reply_header h = zk_reply_header_decode(&in);
    if (in.bad)
        FAIL(wire, "protocol", "%s", "a malformed reply");
    if (h.xid == ZK_XID_NOTIFICATION) {
        wire_judge_event(wire, &h, &in);
    } else if (h.xid == ZK_XID_PING) {
        if (wire->pings-- == 0)
            FAIL(wire, "I14", "%s", "answers a ping that was not sent");
        judge_zxid(wire, h.xid, (uint64_t)h.zxid);
    } else if (h.xid == ZK_XID_AUTH) {
        judge_auth(wire, &h);
    } else {
        judge_reply(wire, &h, &in);
    }
}

void wire_sent(struct wire *wire, struct zk_slice frames)
{
    struct zk_jute in = zk_jute(frames);
    while (zk_jute_left(&in) > 0) {
        struct zk_slice frame = zk_jute_buffer(&in);
        if (in.bad || !frame.ptr)
            FAIL(wire, "protocol", "%s", "bytes that are no frame");
        judge_frame(wire, frame);
    }
}
