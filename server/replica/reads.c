/* reads.c: what is answered from the local state, in its place behind the client's own writes; and the watches that
 * reads leave. A watch is set together with the read, so nothing can happen in between. */
#include "common/log.h"
#include "common/path.h"
#include "server/replica/core.h"

bool read_is_local(int32_t op)
{
    switch (op) {
    case ZK_OP_EXISTS:
    case ZK_OP_GET_DATA:
    case ZK_OP_GET_ACL:
    case ZK_OP_GET_CHILDREN:
    case ZK_OP_GET_CHILDREN2:
    case ZK_OP_GET_CHILDREN_PAGE:
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
    case ZK_OP_GET_EPHEMERALS:
    case ZK_OP_WHO_AM_I:
    case ZK_OP_MULTI_READ:
    case ZK_OP_CHECK_WATCHES:
    case ZK_OP_REMOVE_WATCHES:
    case ZK_OP_SET_WATCHES:
    case ZK_OP_SET_WATCHES2:
    case ZK_OP_ADD_WATCH:
        return true;
    default:
        return keeper_knows(op);
    }
}

/* Nodes that lists have looked at, and entries of access lists, to find out whether they may be shown. */
static uint64_t looks_so_far(const struct replica *r)
{
    return r->looks + state_work(r->state);
}

#define WARN_EVERY_MS 1000

static size_t watches_bytes_max(const struct replica *r)
{
    uint64_t memory = r->config.memory_limit_bytes;
    return memory > 0 ? memory / REPLICA_WATCHES_SHARE_OF_LIMIT : REPLICA_WATCHES_BYTES_MAX;
}

static void warn_of_watches(struct replica *r, const struct client *c)
{
    if (r->watches_warned_ms != 0 && r->now_ms - r->watches_warned_ms < WARN_EVERY_MS)
        return;
    r->watches_warned_ms = r->now_ms;
    outbox_news(r, REPLICA_WARN,
                "a watch of a client at %s is refused: it may have no more, or all may not: theirs take %zu of %zu MiB",
                c->address, watches_bytes(r->watches) >> 20, watches_bytes_max(r) >> 20);
}

/* A path that no node can have is refused: nothing could ever happen there. */
int read_watch(struct replica *r, struct client *c, struct zk_slice path, enum watch_kind kind)
{
    const struct watch_limit limit = {.count = REPLICA_WATCHES_PER_CLIENT_MAX,
                                      .bytes = REPLICA_WATCHED_BYTES_PER_CLIENT_MAX,
                                      .all_bytes = watches_bytes_max(r)};
    if (path.len > ZK_PATH_BYTES_MAX)
        return ZK_ERR_BAD_ARGUMENTS;
    if (watches_add(r->watches, c->conn, path, kind, limit))
        return ZK_ERR_OK;
    warn_of_watches(r, c);
    return ZK_ERR_SYSTEM_ERROR;
}

/* Apache's server answers whatever it costs, and a Java client drops the connection, over and over, when the answer is
 * larger than its own jute.maxbuffer. What is sent is the same here; but it is said who is about to get into that. */
static void warn_of_long_list(struct replica *r, struct zk_slice path, int err, size_t bytes)
{
    char shown[256];
    bool is_long = err == ZK_ERR_BAD_ARGUMENTS || bytes > r->config.jute_max_buffer;
    if (!is_long || (r->list_warned_ms != 0 && r->now_ms - r->list_warned_ms < WARN_EVERY_MS))
        return;
    r->list_warned_ms = r->now_ms;
    outbox_news(r, REPLICA_WARN, "the list of the children of \"%s\" %s: zk-shell and libzk take it in pages",
                zk_log_quote(path, shown, sizeof shown),
                err == ZK_ERR_OK ? "is larger than jute.maxbuffer, as which many clients take none"
                                 : "is refused, being larger than any client takes");
}

static int get_data(struct replica *r, struct client *c, struct zk_slice path, struct zk_buf *out)
{
    int err = state_get_data(r->state, c->session, path, out);
    struct zk_slice shown = err == ZK_ERR_NO_NODE ? keeper_node(path) : zk_slice(NULL, 0);
    if (shown.ptr == NULL)
        return err;
    struct zk_stat stat = {.data_length = (int32_t)shown.len};
    zk_jute_put_buffer(out, shown);
    zk_stat_encode(out, &stat);
    return ZK_ERR_OK;
}

/* exists leaves a watch on a node that is not there, but none on one that may not be read; the others only on success. */
static int read_node(struct replica *r, struct client *c, int32_t op, struct zk_path_watch q, struct zk_buf *out)
{
    int err;
    enum watch_kind kind = WATCH_DATA;
    if (op == ZK_OP_EXISTS) {
        err = state_exists(r->state, c->session, q.path, out);
    } else if (op == ZK_OP_GET_DATA) {
        err = get_data(r, c, q.path, out);
    } else {
        err = state_get_children(r->state, c->session, q.path, op == ZK_OP_GET_CHILDREN2, REPLICA_GATHERED_BYTES_MAX,
                                 out);
        kind = WATCH_CHILD;
        warn_of_long_list(r, q.path, err, out->len);
    }
    bool leaves = err == ZK_ERR_OK || (op == ZK_OP_EXISTS && err == ZK_ERR_NO_NODE);
    int refused = q.watch && leaves ? read_watch(r, c, q.path, kind) : ZK_ERR_OK;
    return refused != ZK_ERR_OK ? refused : err;
}

static int read_acl(struct replica *r, struct client *c, struct zk_jute *in, struct zk_buf *out)
{
    struct zk_slice path = zk_jute_string(in);
    return in->bad ? ZK_ERR_MARSHALLING_ERROR : state_get_acl(r->state, c->session, path, out);
}

static int count_below(struct replica *r, struct client *c, struct zk_jute *in, struct zk_buf *out)
{
    struct zk_slice path = zk_jute_string(in);
    return in->bad ? ZK_ERR_MARSHALLING_ERROR : state_get_all_children_number(r->state, c->session, path, out);
}

static int list_ephemerals(struct replica *r, struct client *c, struct zk_jute *in, struct zk_buf *out)
{
    struct zk_slice prefix = zk_jute_string(in);
    if (in->bad)
        return ZK_ERR_MARSHALLING_ERROR;
    return state_get_ephemerals(r->state, c->session, prefix, REPLICA_GATHERED_BYTES_MAX, out);
}

static int read_page(struct replica *r, struct client *c, struct zk_jute *in, struct zk_buf *out)
{
    struct zk_page_request q = zk_page_request_decode(in);
    return in->bad ? ZK_ERR_MARSHALLING_ERROR : state_get_children_page(r->state, c->session, &q, out);
}

/* --- multiRead --- */

static bool is_multi_read_op(int32_t op)
{
    return op == ZK_OP_GET_DATA || op == ZK_OP_GET_CHILDREN || op == ZK_OP_EXISTS || op == ZK_OP_FILTERED_LIST ||
           op == ZK_OP_FILTERED_LIST_WITH_DATA;
}

static int read_part(struct replica *r, struct client *c, int32_t op, struct zk_jute *in, struct zk_buf *out)
{
    if (op == ZK_OP_FILTERED_LIST || op == ZK_OP_FILTERED_LIST_WITH_DATA) {
        struct zk_filtered_list_request q = zk_filtered_list_request_decode(in, op);
        return in->bad ? ZK_ERR_MARSHALLING_ERROR
                       : state_filtered_list(r->state, c->session, op, &q, REPLICA_GATHERED_BYTES_MAX, out);
    }
    struct zk_path_watch q = zk_path_watch_decode(in);
    if (in->bad)
        return ZK_ERR_MARSHALLING_ERROR;
    if (op == ZK_OP_EXISTS)
        return state_exists(r->state, c->session, q.path, out);
    return op == ZK_OP_GET_DATA
               ? get_data(r, c, q.path, out)
               : state_get_children(r->state, c->session, q.path, false, REPLICA_GATHERED_BYTES_MAX, out);
}

static int read_step(struct replica *r, struct client *c, int32_t op, struct zk_jute *in, struct zk_buf *out)
{
    size_t start = out->len;
    r->looks++; /* even if there is no node */
    zk_multi_header_encode(out, (struct zk_multi_header){op, false, ZK_ERR_OK});
    int err = read_part(r, c, op, in, out);
    if (err == ZK_ERR_OK)
        return ZK_ERR_OK;
    out->len = start;
    zk_multi_header_encode(out, (struct zk_multi_header){ZK_OP_ERROR, false, err});
    zk_jute_put_int(out, err);
    return err;
}

/* Each of its reads has a result of its own; none leaves a watch, whatever it asks for. Nothing is answered if the
 * record as a whole is malformed or holds anything but reads: getData and getChildren, as Apache's server takes them,
 * exists and Keeper's lists. */
static int multi_read(struct replica *r, struct client *c, struct zk_jute *in, struct zk_buf *out)
{
    uint64_t looks_end = looks_so_far(r) + REPLICA_MULTI_READ_LOOKS_MAX;
    for (;;) {
        struct zk_multi_header h = zk_multi_header_decode(in);
        if (in->bad)
            return ZK_ERR_MARSHALLING_ERROR;
        if (h.done)
            break;
        if (!is_multi_read_op(h.type) || read_step(r, c, h.type, in, out) == ZK_ERR_MARSHALLING_ERROR)
            return ZK_ERR_MARSHALLING_ERROR;
        if (out->len > REPLICA_GATHERED_BYTES_MAX || looks_so_far(r) > looks_end)
            return ZK_ERR_BAD_ARGUMENTS;
    }
    zk_multi_header_encode(out, ZK_MULTI_END);
    return ZK_ERR_OK;
}

/* --- watches by themselves --- */

static int add_watch(struct replica *r, struct client *c, struct zk_path_kind q, struct zk_buf *out)
{
    enum watch_kind kind;
    if (q.kind == ZK_ADD_WATCH_PERSISTENT)
        kind = WATCH_PERSISTENT;
    else if (q.kind == ZK_ADD_WATCH_PERSISTENT_RECURSIVE)
        kind = WATCH_RECURSIVE;
    else
        return ZK_ERR_MARSHALLING_ERROR;
    int refused = read_watch(r, c, q.path, kind);
    if (refused != ZK_ERR_OK)
        return refused;
    zk_jute_put_int(out, ZK_ERR_OK); /* an ErrorResponse that says 0 */
    return ZK_ERR_OK;
}

/* checkWatches, removeWatches */
static int find_watches(struct replica *r, struct client *c, struct zk_path_kind q, bool removes)
{
    if (q.kind < ZK_WATCHER_CHILDREN || q.kind > ZK_WATCHER_PERSISTENT_RECURSIVE)
        return ZK_ERR_MARSHALLING_ERROR;
    enum zk_watcher_type type = (enum zk_watcher_type)q.kind;
    bool is_there = removes ? watches_remove(r->watches, c->conn, q.path, type)
                            : watches_contains(r->watches, c->conn, q.path, type);
    return is_there ? ZK_ERR_OK : ZK_ERR_NO_WATCHER;
}

/* --- setWatches: a client that comes back says what it watched and what it has seen --- */

enum rearm_kind { REARM_DATA, REARM_EXIST, REARM_CHILD, REARM_PERSISTENT, REARM_RECURSIVE };

/* What a watch would have told since `seen`; ZK_EVENT_NONE: nothing, it is set again. A pure function of the node. */
static enum zk_event_type missed_event(const struct replica *r, enum rearm_kind kind, struct zk_slice path,
                                       int64_t seen)
{
    struct zk_stat stat;
    bool exists = state_stat(r->state, path, &stat);
    switch (kind) {
    case REARM_DATA:
        if (!exists)
            return ZK_EVENT_DELETED;
        return stat.mzxid > seen ? ZK_EVENT_DATA_CHANGED : ZK_EVENT_NONE;
    case REARM_EXIST:
        return exists ? ZK_EVENT_CREATED : ZK_EVENT_NONE;
    case REARM_CHILD:
        if (!exists)
            return ZK_EVENT_DELETED;
        return stat.pzxid > seen ? ZK_EVENT_CHILDREN_CHANGED : ZK_EVENT_NONE;
    default:
        return ZK_EVENT_NONE;
    }
}

static bool rearm(struct replica *r, struct client *c, enum rearm_kind kind, struct zk_slice path, int64_t seen)
{
    static const enum watch_kind kinds[] = {WATCH_DATA, WATCH_DATA, WATCH_CHILD, WATCH_PERSISTENT, WATCH_RECURSIVE};
    enum zk_event_type type = missed_event(r, kind, path, seen);
    r->looks++;
    if (type == ZK_EVENT_NONE)
        return read_watch(r, c, path, kinds[kind]) == ZK_ERR_OK;
    if (state_may_read_at(r->state, c->session, path))
        client_tell(r, c, type, path, -1);
    return true;
}

static int set_watches(struct replica *r, struct client *c, int32_t op, struct zk_jute *in)
{
    struct zk_jute check = *in;
    int vectors = op == ZK_OP_SET_WATCHES2 ? 5 : 3;
    (void)zk_jute_long(&check);
    for (int v = 0; v < vectors; v++) {
        int32_t count = zk_jute_count(&check, 4);
        if (count < 0)
            return ZK_ERR_MARSHALLING_ERROR;
        for (; count > 0 && !check.bad; count--)
            (void)zk_jute_string(&check);
    }
    if (check.bad)
        return ZK_ERR_MARSHALLING_ERROR;

    int64_t seen = zk_jute_long(in);
    bool fits = true;
    for (int v = 0; v < vectors; v++)
        for (int32_t count = zk_jute_count(in, 4); count > 0; count--)
            fits = rearm(r, c, (enum rearm_kind)v, zk_jute_string(in), seen) && fits;
    return fits ? ZK_ERR_OK : ZK_ERR_SYSTEM_ERROR;
}

static int serve_watch(struct replica *r, struct client *c, int32_t op, struct zk_jute *in, struct zk_buf *out)
{
    struct zk_path_kind q = zk_path_kind_decode(in);
    if (in->bad)
        return ZK_ERR_MARSHALLING_ERROR;
    return op == ZK_OP_ADD_WATCH ? add_watch(r, c, q, out) : find_watches(r, c, q, op == ZK_OP_REMOVE_WATCHES);
}

static int serve(struct replica *r, struct client *c, int32_t op, struct zk_jute *in, struct zk_buf *out)
{
    struct zk_path_watch q;
    switch (op) {
    case ZK_OP_GET_ACL:
        return read_acl(r, c, in, out);
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
        return count_below(r, c, in, out);
    case ZK_OP_GET_CHILDREN_PAGE:
        return read_page(r, c, in, out);
    case ZK_OP_GET_EPHEMERALS:
        return list_ephemerals(r, c, in, out);
    case ZK_OP_WHO_AM_I:
        state_who_am_i(r->state, c->session, out);
        return ZK_ERR_OK;
    case ZK_OP_MULTI_READ:
        return multi_read(r, c, in, out);
    case ZK_OP_SET_WATCHES:
    case ZK_OP_SET_WATCHES2:
        return set_watches(r, c, op, in);
    case ZK_OP_ADD_WATCH:
    case ZK_OP_CHECK_WATCHES:
    case ZK_OP_REMOVE_WATCHES:
        return serve_watch(r, c, op, in, out);
    default:
        if (keeper_knows(op))
            return keeper_read(r, c, op, in, out);
        q = zk_path_watch_decode(in);
        return in->bad ? ZK_ERR_MARSHALLING_ERROR : read_node(r, c, op, q, out);
    }
}

void read_serve(struct replica *r, struct client *c, const struct request *q, struct zk_slice record)
{
    struct zk_jute in = zk_jute(record);
    uint64_t looks = looks_so_far(r);
    zk_buf_reset(&r->record);
    int err = serve(r, c, q->op, &in, &r->record);
    client_reply(r, c, q, err, zk_buf_slice(&r->record));
    pace_note_looks(r, c, looks_so_far(r) - looks);
    if (r->record.cap > REPLICA_CLIENT_TURN_BYTES)
        zk_buf_fini(&r->record); /* once large is not for ever */
}
