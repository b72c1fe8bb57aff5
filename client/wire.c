#include "client/core_private.h"
#include "common/path.h"

/* --- chroot --- */

/* A path outside of the chroot is the server's to answer for; it is handed on as it came. */
struct zk_slice zkc_strip_chroot(const struct zkc *c, struct zk_slice path)
{
    struct zk_slice chroot = c->config.chroot;
    if (chroot.len == 0 || !zk_path_within(path, chroot))
        return path;
    if (path.len == chroot.len)
        return zk_slice_str("/");
    return zk_slice(path.ptr + chroot.len, path.len - chroot.len);
}

/* --- decoding --- */

/* Skims a multi's answer: is it well-formed, and which step's error is the cause? Steps before the one that failed
 * have 0, those after it RUNTIME_INCONSISTENCY. */
static int32_t multi_cause(const struct zkc *c, struct zk_slice body, bool *ret_bad)
{
    struct zk_jute in = zk_jute(body);
    struct zkc_reply step;
    int32_t cause = ZK_ERR_OK;
    while (zkc_multi_next(c, &in, &step))
        if (step.err != ZK_ERR_OK && (cause == ZK_ERR_OK || cause == ZK_ERR_RUNTIME_INCONSISTENCY))
            cause = step.err;
    *ret_bad = in.bad;
    return cause;
}

/* The bytes of a vector whose elements are `strings` strings each. */
static struct zk_slice decode_strings(struct zk_jute *in, int strings)
{
    const uint8_t *start = in->at;
    int32_t count = zk_jute_count(in, 4 * (size_t)strings);
    for (int32_t i = 0; i < count && !in->bad; i++)
        for (int k = 0; k < strings; k++)
            (void)zk_jute_string(in);
    return zk_slice(start, (size_t)(in->at - start));
}

/* The bytes of a vector of page entries. */
static struct zk_slice decode_page(struct zk_jute *in)
{
    const uint8_t *start = in->at;
    int32_t count = zk_jute_count(in, ZK_PAGE_ENTRY_MIN_BYTES);
    for (int32_t i = 0; i < count && !in->bad; i++)
        (void)zk_page_entry_decode(in);
    return zk_slice(start, (size_t)(in->at - start));
}

static void decode_body(const struct zkc *c, int32_t op, struct zk_jute *in, struct zkc_reply *ret)
{
    switch (op) {
    case ZK_OP_CREATE:
    case ZK_OP_SYNC:
        ret->path = zkc_strip_chroot(c, zk_jute_string(in));
        break;
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
        ret->path = zkc_strip_chroot(c, zk_jute_string(in));
        ret->has_stat = true;
        break;
    case ZK_OP_GET_DATA:
        ret->data = zk_jute_buffer(in);
        ret->has_stat = true;
        break;
    case ZK_OP_GET_ACL:
        ret->acl = zk_acl_vector_decode(in);
        ret->has_stat = true;
        break;
    case ZK_OP_GET_CHILDREN:
    case ZK_OP_GET_CHILDREN2:
    case ZK_OP_GET_EPHEMERALS:
        ret->children = decode_strings(in, 1);
        ret->has_stat = op == ZK_OP_GET_CHILDREN2;
        break;
    case ZK_OP_GET_CHILDREN_PAGE:
        ret->page = decode_page(in);
        ret->more = zk_jute_bool(in);
        ret->has_stat = true;
        break;
    case ZK_OP_DELETE_TREE:
        ret->count = zk_delete_tree_response_decode(in).left;
        break;
    case ZK_OP_WHO_AM_I:
        ret->identities = decode_strings(in, 2);
        break;
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
        ret->count = zk_jute_int(in);
        break;
    case ZK_OP_EXISTS:
    case ZK_OP_SET_DATA:
    case ZK_OP_SET_ACL:
        ret->has_stat = true;
        break;
    default:
        break;
    }
    if (ret->has_stat)
        ret->stat = zk_stat_decode(in);
}

bool zkc_reply_decode(const struct zkc *c, int32_t op, struct zk_slice body, struct zkc_reply *ret)
{
    struct zk_jute in = zk_jute(body);
    if (op == ZK_OP_MULTI && body.len == 0)
        return true; /* from a memory that has not kept so large a record: it happened, and that is all */
    if (op == ZK_OP_MULTI || op == ZK_OP_MULTI_READ) {
        bool bad;
        ret->steps = body;
        int32_t cause = multi_cause(c, body, &bad);
        ret->err = op == ZK_OP_MULTI ? cause : ZK_ERR_OK;
        return !bad;
    }
    decode_body(c, op, &in, ret);
    return !in.bad;
}

bool zkc_multi_next(const struct zkc *c, struct zk_jute *in, struct zkc_reply *ret_step)
{
    struct zk_multi_header h = zk_multi_header_decode(in);
    if (in->bad || h.done)
        return false;
    *ret_step = (struct zkc_reply){.op = h.type};
    if (h.type == ZK_OP_ERROR)
        ret_step->err = zk_jute_int(in);
    else
        decode_body(c, h.type, in, ret_step);
    return !in->bad;
}

/* --- watches --- */

static void push_watch(struct zkc *c, const struct zkc_watch *w, int32_t event, struct zk_slice path, int64_t zxid,
                       bool ended)
{
    struct zkc_fx *fx = zkc_fx_push(c, ZKC_EFFECT_WATCH);
    fx->op = event;
    fx->watch_tag = w->tag;
    fx->watch_ended = ended;
    fx->zxid = zxid;
    fx->bytes = path;
}

static void fire_once(struct zkc *c, struct zk_slice path, enum zkc_watch_kind kind, int32_t event, int64_t zxid)
{
    struct zkc_watch_path *at = zkc_watches_find(&c->watches, path);
    if (at == NULL)
        return;
    struct zkc_watch *w = zkc_watches_take(&c->watches, at, kind);
    while (w != NULL) {
        struct zkc_watch *next = w->next;
        push_watch(c, w, event, path, zxid, true);
        zkc_watch_drop(&c->watches, w);
        w = next;
    }
}

/* False if there is no memory to say it to all of them. */
static bool fire_lasting(struct zkc *c, struct zk_slice path, struct zk_slice at_path, enum zkc_watch_kind kind,
                         int32_t event, int64_t zxid)
{
    struct zkc_watch_path *at = zkc_watches_find(&c->watches, at_path);
    if (at == NULL)
        return true;
    if (!zkc_fx_room(c, c->watches.kind_counts[kind]))
        return false;
    for (const struct zkc_watch *w = at->kinds[kind].first; w != NULL; w = w->next)
        push_watch(c, w, event, path, zxid, false);
    return true;
}

static bool fire_recursive(struct zkc *c, struct zk_slice path, int32_t event, int64_t zxid)
{
    if (c->watches.kind_counts[ZKC_WATCH_RECURSIVE] == 0 || event == ZK_EVENT_CHILDREN_CHANGED)
        return true;
    for (struct zk_slice at = path; at.ptr != NULL; at = zk_path_parent(at))
        if (!fire_lasting(c, path, at, ZKC_WATCH_RECURSIVE, event, zxid))
            return false;
    return true;
}

/* The lasting ones first: if memory runs out there, the one-shot ones are still set and the next connection tells. */
static void take_notification(struct zkc *c, struct zk_jute *in, int64_t zxid)
{
    struct zk_watcher_event e = zk_watcher_event_decode(in);
    if (in->bad || e.path.ptr == NULL) {
        zkc_drop_connection(c);
        return;
    }
    if (e.type < ZK_EVENT_CREATED || e.type > ZK_EVENT_CHILDREN_CHANGED)
        return;
    if (!fire_lasting(c, e.path, e.path, ZKC_WATCH_PERSISTENT, e.type, zxid) ||
        !fire_recursive(c, e.path, e.type, zxid)) {
        zkc_drop_connection(c);
        return;
    }
    if (e.type != ZK_EVENT_CHILDREN_CHANGED) {
        fire_once(c, e.path, ZKC_WATCH_DATA, e.type, zxid);
        fire_once(c, e.path, ZKC_WATCH_EXIST, e.type, zxid);
    }
    if (e.type == ZK_EVENT_CHILDREN_CHANGED || e.type == ZK_EVENT_DELETED)
        fire_once(c, e.path, ZKC_WATCH_CHILD, e.type, zxid);
}

/* Which list the watch of a request goes to, by its answer; -1: the server has set none. */
static int watch_kind_set(int32_t op, int32_t kind, int32_t err)
{
    if (op == ZK_OP_EXISTS && err == ZK_ERR_NO_NODE)
        return ZKC_WATCH_EXIST;
    if (err != ZK_ERR_OK)
        return -1;
    switch (op) {
    case ZK_OP_EXISTS:
    case ZK_OP_GET_DATA:
        return ZKC_WATCH_DATA;
    case ZK_OP_GET_CHILDREN:
    case ZK_OP_GET_CHILDREN2:
        return ZKC_WATCH_CHILD;
    case ZK_OP_ADD_WATCH:
        return kind == ZK_ADD_WATCH_PERSISTENT ? ZKC_WATCH_PERSISTENT : ZKC_WATCH_RECURSIVE;
    default:
        return -1;
    }
}

static void remove_watches(struct zkc *c, const struct zkc_pending *p)
{
    static const struct {
        enum zkc_watch_kind kind;
        uint8_t types; /* bits: which ZK_WATCHER_ numbers name it */
        int32_t event;
    } removed[] = {
        {ZKC_WATCH_DATA, 1 << ZK_WATCHER_DATA | 1 << ZK_WATCHER_ANY, ZK_EVENT_DATA_WATCH_REMOVED},
        {ZKC_WATCH_EXIST, 1 << ZK_WATCHER_DATA | 1 << ZK_WATCHER_ANY, ZK_EVENT_DATA_WATCH_REMOVED},
        {ZKC_WATCH_CHILD, 1 << ZK_WATCHER_CHILDREN | 1 << ZK_WATCHER_ANY, ZK_EVENT_CHILD_WATCH_REMOVED},
        {ZKC_WATCH_PERSISTENT, 1 << ZK_WATCHER_PERSISTENT | 1 << ZK_WATCHER_ANY, ZK_EVENT_PERSISTENT_WATCH_REMOVED},
        {ZKC_WATCH_RECURSIVE, 1 << ZK_WATCHER_PERSISTENT_RECURSIVE | 1 << ZK_WATCHER_ANY,
         ZK_EVENT_PERSISTENT_WATCH_REMOVED},
    };
    struct zk_jute in = zk_jute(zk_slice(p->frame + 12, p->len - 12));
    struct zk_slice path = zk_jute_string(&in);
    struct zkc_watch_path *at = zkc_watches_find(&c->watches, path);
    for (size_t i = 0; at != NULL && i < ZK_COUNT_OF(removed); i++) {
        if ((removed[i].types & 1 << p->kind) == 0)
            continue;
        struct zkc_watch *w = zkc_watches_take(&c->watches, at, removed[i].kind);
        while (w != NULL) {
            struct zkc_watch *next = w->next;
            push_watch(c, w, removed[i].event, zk_slice(w->at->text, w->at->len), 0, true);
            w->next = c->ended;
            c->ended = w;
            w = next;
        }
    }
}

/* --- setting watches again --- */

struct piece {
    struct zkc *c;
    int32_t op;
    int kinds; /* vectors in a piece: 3 or 5 */
    int kind;  /* the vector being written */
    size_t start;
    size_t count_at;
    int32_t count;
};

static void piece_vector_begin(struct piece *p)
{
    p->count_at = p->c->out.len;
    p->count = 0;
    zk_jute_put_int(&p->c->out, 0);
}

static void piece_vector_end(struct piece *p)
{
    zk_jute_set_int(&p->c->out, p->count_at, p->count);
    p->kind++;
}

/* Opens a piece whose vectors before `kind` are empty. */
static void piece_begin(struct piece *p, int kind)
{
    struct zk_buf *out = &p->c->out;
    p->start = zk_jute_begin_frame(out);
    zk_request_header_encode(out, (struct zk_request_header){ZK_XID_SET_WATCHES, p->op});
    zk_jute_put_long(out, p->c->last_zxid);
    for (p->kind = 0; p->kind < kind;) {
        piece_vector_begin(p);
        piece_vector_end(p);
    }
    piece_vector_begin(p);
}

static void piece_end(struct piece *p)
{
    piece_vector_end(p);
    while (p->kind < p->kinds) {
        piece_vector_begin(p);
        piece_vector_end(p);
    }
    zk_jute_end_frame(&p->c->out, p->start);
    p->c->set_watches_left++;
}

/* In pieces, so that no number of watches makes a frame that a server refuses. The plain opcode where it will do, for
 * servers before 3.6. */
static void set_watches(struct zkc *c)
{
    const size_t *counts = c->watches.kind_counts;
    bool lasting = counts[ZKC_WATCH_PERSISTENT] + counts[ZKC_WATCH_RECURSIVE] > 0;
    c->set_watches_left = 0;
    if (!lasting && counts[ZKC_WATCH_DATA] + counts[ZKC_WATCH_EXIST] + counts[ZKC_WATCH_CHILD] == 0)
        return;
    struct piece p = {c, lasting ? ZK_OP_SET_WATCHES2 : ZK_OP_SET_WATCHES, lasting ? 5 : 3, 0, 0, 0, 0};
    piece_begin(&p, 0);
    for (int kind = 0; kind < p.kinds; kind++) {
        for (const struct zkc_watch_path *at = c->watches.first; at != NULL; at = at->next) {
            if (at->kinds[kind].first == NULL)
                continue;
            size_t tail_bytes = 4 * (size_t)p.kinds;
            if (c->out.len - p.start + 4 + at->len + tail_bytes > ZKC_SET_WATCHES_BYTES_MAX) {
                piece_end(&p);
                piece_begin(&p, kind);
            }
            zk_jute_put_string(&c->out, zk_slice(at->text, at->len));
            p.count++;
        }
        if (kind + 1 < p.kinds) {
            piece_vector_end(&p);
            piece_vector_begin(&p);
        }
    }
    piece_end(&p);
}

void zkc_wire_ready(struct zkc *c)
{
    c->auths_answered = 0;
    for (size_t i = 0; i < c->auth_count; i++)
        zk_buf_append_slice(&c->out, zk_buf_slice(&c->auths[i].bytes));
    set_watches(c);
}

/* The last piece is set: who listens for good learns that something may have passed unheard. */
static void take_set_watches_reply(struct zkc *c)
{
    if (c->set_watches_left == 0 || --c->set_watches_left > 0)
        return;
    if (!zkc_fx_room(c, c->watches.count)) {
        zkc_drop_connection(c);
        return;
    }
    for (const struct zkc_watch_path *at = c->watches.first; at != NULL; at = at->next) {
        for (int kind = ZKC_WATCH_PERSISTENT; kind <= ZKC_WATCH_RECURSIVE; kind++)
            for (const struct zkc_watch *w = at->kinds[kind].first; w != NULL; w = w->next)
                push_watch(c, w, ZKC_EVENT_WATCH_RESUMED, zk_slice(at->text, at->len), 0, false);
    }
}

/* --- frames --- */

static void take_auth_reply(struct zkc *c, int32_t err)
{
    if (c->auths_answered == c->auth_count) {
        zkc_drop_connection(c);
        return;
    }
    if (err != ZK_ERR_OK) {
        zkc_finish(c, ZKC_STATE_AUTH_FAILED, ZK_ERR_AUTH_FAILED);
        return;
    }
    struct zkc_auth *auth = &c->auths[c->auths_answered++];
    if (!auth->waiting)
        return;
    auth->waiting = false;
    struct zkc_fx *fx = zkc_fx_push(c, ZKC_EFFECT_DONE);
    fx->op = ZK_OP_AUTH;
    fx->tag = auth->tag;
}

static void take_reply(struct zkc *c, struct zk_reply_header h, struct zk_slice body)
{
    struct zkc_pending *p = c->sent.first;
    if (p == NULL || p->xid != h.xid) {
        zkc_drop_connection(c);
        return;
    }
    zkc_queue_pop(&c->sent);
    c->answered = true;
    c->close_deadline_ms = c->now_ms + c->config.close_grace_ms; /* of use while closing: we get on */
    c->heard_ms = zk_max_u64(c->heard_ms, p->sent_ms);
    if (p->op == ZK_OP_CLOSE_SESSION) {
        zkc_pending_free(c, p);
        zkc_finish(c, ZKC_STATE_CLOSED, ZK_ERR_CLOSING);
        return;
    }
    int kind = p->watch != NULL && !p->done ? watch_kind_set(p->op, p->kind, h.err) : -1;
    if (!p->done) {
        struct zkc_fx *fx = zkc_fx_push(c, ZKC_EFFECT_DONE);
        fx->op = p->op;
        fx->err = h.err;
        fx->zxid = h.zxid;
        fx->tag = p->tag;
        fx->bytes = body;
        fx->watch_tag = kind >= 0 ? p->watch->tag : 0;
    }
    if (kind >= 0) {
        zkc_watch_set(&c->watches, p->watch, (enum zkc_watch_kind)kind);
        p->watch = NULL;
    }
    if (p->op == ZK_OP_REMOVE_WATCHES && h.err == ZK_ERR_OK)
        remove_watches(c, p);
    bool is_foreign = zk_op_is_ours(p->op) && h.err == ZK_ERR_UNIMPLEMENTED;
    zkc_pending_free(c, p);
    if (is_foreign) /* who does not know an opcode closes: nothing more shall be lost with the connection */
        zkc_drop_connection(c);
}

/* --- the past of a session that has ended --- */

static bool past_is_sound(struct zk_slice past)
{
    struct zk_jute in = zk_jute(past);
    int32_t count = zk_jute_count(&in, ZK_PAST_WRITE_MIN_BYTES);
    for (int32_t i = 0; i < count && !in.bad; i++)
        (void)zk_past_write_decode(&in);
    return count >= 0 && !in.bad && zk_jute_left(&in) == 0;
}

static bool past_find(struct zk_slice past, int32_t xid, struct zk_past_write *ret_write)
{
    struct zk_jute in = zk_jute(past);
    int32_t count = zk_jute_count(&in, ZK_PAST_WRITE_MIN_BYTES);
    for (int32_t i = 0; i < count; i++) {
        *ret_write = zk_past_write_decode(&in);
        if (ret_write->xid == xid)
            return true;
    }
    return false;
}

static void complete_from_past(struct zkc *c, struct zkc_pending *p, const struct zk_past_write *w)
{
    if (!p->done) {
        struct zkc_fx *fx = zkc_fx_push(c, ZKC_EFFECT_DONE);
        fx->op = p->op;
        fx->err = w->err;
        fx->zxid = w->zxid;
        fx->tag = p->tag;
        fx->bytes = w->record;
    }
    zkc_pending_free(c, p);
}

/* Of a write only: "expired" is to mean that it did not happen. So without a past it must not be said of one that may
 * have. */
bool zkc_settle_sent(struct zkc *c, bool is_known, struct zk_slice past)
{
    if (is_known && !past_is_sound(past))
        return false;
    struct zkc_pending *p;
    struct zk_past_write w;
    while ((p = zkc_queue_pop(&c->sent)) != NULL) {
        if (!zk_op_is_write(p->op))
            zkc_pending_complete(c, p, ZK_ERR_SESSION_EXPIRED);
        else if (!is_known)
            zkc_pending_complete(c, p, ZK_ERR_CONNECTION_LOSS);
        else if (!ZK_PLANTED(16) && past_find(past, p->xid, &w))
            complete_from_past(c, p, &w);
        else
            zkc_pending_complete(c, p, ZK_ERR_SESSION_EXPIRED);
    }
    return true;
}

/* --- the entrance --- */

void zkc_wire_frame(struct zkc *c, struct zk_slice frame)
{
    struct zk_jute in = zk_jute(frame);
    struct zk_reply_header h = zk_reply_header_decode(&in);
    if (in.bad) {
        zkc_drop_connection(c);
        return;
    }
    /* A notification's zxid does not count as seen: more events of the same zxid may follow it, and be lost with the
     * connection; what is set again must then still be told of them. */
    if (h.xid != ZK_XID_NOTIFICATION && h.zxid > c->last_zxid)
        c->last_zxid = h.zxid;
    switch (h.xid) {
    case ZK_XID_NOTIFICATION:
        take_notification(c, &in, h.zxid);
        break;
    case ZK_XID_PING:
        if (c->pings_left > 0 && --c->pings_left == 0)
            c->heard_ms = zk_max_u64(c->heard_ms, c->ping_ms);
        break;
    case ZK_XID_AUTH:
        take_auth_reply(c, h.err);
        break;
    case ZK_XID_SET_WATCHES:
        take_set_watches_reply(c);
        break;
    default:
        take_reply(c, h, zk_jute_rest(&in));
        break;
    }
}
