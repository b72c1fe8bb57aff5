#include "client/core_private.h"
#include "common/path.h"

enum { FRAME_HEADER_BYTES = 4, XID_AT = 4 };

/* --- queues --- */

void zkc_queue_push(struct zkc_queue *q, struct zkc_pending *p)
{
    p->next = NULL;
    *(q->last ? &q->last->next : &q->first) = p;
    q->last = p;
    q->count++;
}

struct zkc_pending *zkc_queue_pop(struct zkc_queue *q)
{
    struct zkc_pending *p = q->first;
    if (p == NULL)
        return NULL;
    q->first = p->next;
    if (q->first == NULL)
        q->last = NULL;
    q->count--;
    return p;
}

void zkc_pending_free(struct zkc *c, struct zkc_pending *p)
{
    if (p->watch != NULL)
        zkc_watch_drop(&c->watches, p->watch);
    if (p->op != ZK_OP_CLOSE_SESSION)
        c->queued_bytes -= p->len;
    free(p);
}

void zkc_pending_complete(struct zkc *c, struct zkc_pending *p, int err)
{
    if (!p->done && p->op != ZK_OP_CLOSE_SESSION) {
        struct zkc_fx *fx = zkc_fx_push(c, ZKC_EFFECT_DONE);
        fx->op = p->op;
        fx->err = err;
        fx->tag = p->tag;
    }
    zkc_pending_free(c, p);
}

/* --- sending --- */

static size_t window(const struct zkc *c)
{
    size_t most = c->config.outstanding_max;
    return c->memory > 0 && (size_t)c->memory < most ? (size_t)c->memory : most;
}

static void send_frame(struct zkc *c, struct zkc_pending *p)
{
    zk_buf_append(&c->out, p->frame, p->len);
    p->sent_ms = c->sent_ms = c->now_ms;
}

void zkc_flush(struct zkc *c)
{
    while (c->phase == ZKC_PHASE_READY && c->waiting.first != NULL && c->sent.count < window(c)) {
        struct zkc_pending *p = zkc_queue_pop(&c->waiting);
        p->xid = c->next_xid;
        c->next_xid = c->next_xid == INT32_MAX ? 1 : c->next_xid + 1;
        struct zk_buf frame = {.ptr = p->frame, .len = p->len, .cap = p->len};
        zk_jute_set_int(&frame, XID_AT, p->xid);
        zkc_queue_push(&c->sent, p);
        send_frame(c, p);
    }
    if (c->out.failed)
        zkc_drop_connection(c);
}

void zkc_resend(struct zkc *c)
{
    for (struct zkc_pending *p = c->sent.first; p != NULL; p = p->next)
        send_frame(c, p);
}

/* --- encoding --- */

/* The path as the server knows it, in c->scratch's record: chroot in front; "/" is the chroot itself, but a
 * sequential name below it keeps the slash. */
static void put_path(struct zkc *c, struct zk_slice path, bool sequential)
{
    struct zk_slice chroot = c->config.chroot;
    bool root = path.len == 1 && chroot.len > 0 && !sequential;
    size_t len = chroot.len + (root ? 0 : path.len);
    zk_jute_put_int(&c->scratch, (int32_t)len);
    zk_buf_append_slice(&c->scratch, chroot);
    if (!root)
        zk_buf_append_slice(&c->scratch, path);
}

static void put_acl(struct zkc *c, struct zk_slice acl)
{
    if (acl.ptr != NULL)
        zk_buf_append_slice(&c->scratch, acl);
    else
        zk_acl_vector_world(&c->scratch, ZK_PERM_ALL);
}

static bool is_sequential(const struct zkc_request *r)
{
    return zk_op_is_create(r->op) && (r->flags & ZK_FLAG_SEQUENTIAL) != 0;
}

/* The mode as it travels: with a number of its own for each kind of node. */
static bool create_mode(const struct zkc_request *r, int32_t *ret_mode)
{
    static const int32_t most = ZK_FLAG_EPHEMERAL | ZK_FLAG_SEQUENTIAL;
    switch (r->op) {
    case ZK_OP_CREATE_CONTAINER:
        *ret_mode = 4;
        return r->flags == 0;
    case ZK_OP_CREATE_TTL:
        *ret_mode = r->flags == 0 ? 5 : 6;
        return (r->flags == 0 || r->flags == ZK_FLAG_SEQUENTIAL) && r->ttl_ms > 0;
    default:
        *ret_mode = r->flags;
        return r->flags >= 0 && r->flags <= most;
    }
}

static int put_create(struct zkc *c, const struct zkc_request *r)
{
    int32_t mode;
    if (!create_mode(r, &mode))
        return ZK_ERR_BAD_ARGUMENTS;
    zk_jute_put_buffer(&c->scratch, r->data);
    put_acl(c, r->acl);
    zk_jute_put_int(&c->scratch, mode);
    if (r->op == ZK_OP_CREATE_TTL)
        zk_jute_put_long(&c->scratch, r->ttl_ms);
    return ZK_ERR_OK;
}

/* What may also be a step of a multi. */
static int put_write(struct zkc *c, const struct zkc_request *r)
{
    if (zk_path_check(r->path, is_sequential(r)) != NULL || r->data.len > c->config.request_bytes_max)
        return ZK_ERR_BAD_ARGUMENTS;
    put_path(c, r->path, is_sequential(r));
    if (zk_op_is_create(r->op))
        return put_create(c, r);
    switch (r->op) {
    case ZK_OP_SET_DATA:
        zk_jute_put_buffer(&c->scratch, r->data);
        zk_jute_put_int(&c->scratch, r->version);
        return ZK_ERR_OK;
    case ZK_OP_DELETE:
    case ZK_OP_CHECK:
        zk_jute_put_int(&c->scratch, r->version);
        return ZK_ERR_OK;
    default:
        return ZK_ERR_UNIMPLEMENTED;
    }
}

static int put_path_only(struct zkc *c, const struct zkc_request *r)
{
    if (zk_path_check(r->path, false) != NULL)
        return ZK_ERR_BAD_ARGUMENTS;
    if (r->no_chroot)
        zk_jute_put_string(&c->scratch, r->path);
    else
        put_path(c, r->path, false);
    switch (r->op) {
    case ZK_OP_EXISTS:
    case ZK_OP_GET_DATA:
    case ZK_OP_GET_CHILDREN:
    case ZK_OP_GET_CHILDREN2:
        zk_jute_put_bool(&c->scratch, r->watch_tag != 0);
        break;
    case ZK_OP_ADD_WATCH:
        if (r->watch_tag == 0 || r->kind < ZK_ADD_WATCH_PERSISTENT || r->kind > ZK_ADD_WATCH_PERSISTENT_RECURSIVE)
            return ZK_ERR_BAD_ARGUMENTS;
        zk_jute_put_int(&c->scratch, r->kind);
        break;
    case ZK_OP_CHECK_WATCHES:
    case ZK_OP_REMOVE_WATCHES:
        if (r->kind < ZK_WATCHER_CHILDREN || r->kind > ZK_WATCHER_PERSISTENT_RECURSIVE)
            return ZK_ERR_BAD_ARGUMENTS;
        zk_jute_put_int(&c->scratch, r->kind);
        break;
    case ZK_OP_SET_ACL:
        put_acl(c, r->acl);
        zk_jute_put_int(&c->scratch, r->version);
        break;
    default: /* GET_ACL, SYNC, GET_ALL_CHILDREN_NUMBER */
        break;
    }
    return ZK_ERR_OK;
}

/* What may be a step of a multiRead. */
static int put_read(struct zkc *c, const struct zkc_request *r)
{
    if ((r->op != ZK_OP_GET_DATA && r->op != ZK_OP_GET_CHILDREN) || r->watch_tag != 0)
        return ZK_ERR_BAD_ARGUMENTS;
    return put_path_only(c, r);
}

static int put_steps(struct zkc *c, const struct zkc_request *r,
                     int (*put_step)(struct zkc *c, const struct zkc_request *step))
{
    if (r->step_count > ZKC_MULTI_STEPS_MAX)
        return ZK_ERR_BAD_ARGUMENTS;
    for (size_t i = 0; i < r->step_count; i++) {
        zk_multi_header_encode(&c->scratch, (struct zk_multi_header){r->steps[i].op, false, -1});
        int err = put_step(c, &r->steps[i]);
        if (err != ZK_ERR_OK)
            return err;
        if (c->scratch.len > c->config.request_bytes_max)
            return ZK_ERR_BAD_ARGUMENTS;
    }
    zk_multi_header_encode(&c->scratch, ZK_MULTI_END);
    return ZK_ERR_OK;
}

/* What stands before the prefix is the chroot, so "/" is all that is below it. */
static int put_prefix(struct zkc *c, struct zk_slice prefix)
{
    if (zk_path_check(prefix, true) != NULL)
        return ZK_ERR_BAD_ARGUMENTS;
    put_path(c, prefix, true);
    return ZK_ERR_OK;
}

static int put_page(struct zkc *c, const struct zkc_request *r)
{
    if (zk_path_check(r->path, false) != NULL || r->count < 0)
        return ZK_ERR_BAD_ARGUMENTS;
    put_path(c, r->path, false);
    zk_jute_put_string(&c->scratch, r->from);
    zk_jute_put_string(&c->scratch, r->prefix);
    zk_jute_put_int(&c->scratch, r->flags);
    zk_jute_put_int(&c->scratch, r->count);
    return ZK_ERR_OK;
}

static int put_delete_tree(struct zkc *c, const struct zkc_request *r)
{
    if (zk_path_check(r->path, false) != NULL || r->count < 0)
        return ZK_ERR_BAD_ARGUMENTS;
    put_path(c, r->path, false);
    zk_jute_put_int(&c->scratch, r->count);
    return ZK_ERR_OK;
}

static int put_request(struct zkc *c, const struct zkc_request *r)
{
    switch (r->op) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
    case ZK_OP_SET_DATA:
    case ZK_OP_DELETE:
        return put_write(c, r);
    case ZK_OP_MULTI:
        return put_steps(c, r, put_write);
    case ZK_OP_EXISTS:
    case ZK_OP_GET_DATA:
    case ZK_OP_GET_CHILDREN:
    case ZK_OP_GET_CHILDREN2:
    case ZK_OP_GET_ACL:
    case ZK_OP_SET_ACL:
    case ZK_OP_SYNC:
    case ZK_OP_ADD_WATCH:
    case ZK_OP_CHECK_WATCHES:
    case ZK_OP_REMOVE_WATCHES:
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
        return put_path_only(c, r);
    case ZK_OP_MULTI_READ:
        return put_steps(c, r, put_read);
    case ZK_OP_GET_EPHEMERALS:
        return put_prefix(c, r->path);
    case ZK_OP_GET_CHILDREN_PAGE:
        return put_page(c, r);
    case ZK_OP_DELETE_TREE:
        return put_delete_tree(c, r);
    case ZK_OP_WHO_AM_I:
        return ZK_ERR_OK;
    default:
        return ZK_ERR_UNIMPLEMENTED;
    }
}

/* --- submitting --- */

static int may_submit(struct zkc *c)
{
    if (c->state == ZKC_STATE_EXPIRED)
        return ZK_ERR_SESSION_EXPIRED;
    if (c->state == ZKC_STATE_AUTH_FAILED)
        return ZK_ERR_AUTH_FAILED;
    if (c->closing || c->state == ZKC_STATE_CLOSED)
        return ZK_ERR_CLOSING;
    if (c->waiting.count + c->sent.count >= ZKC_QUEUE_COUNT_MAX)
        return ZK_ERR_THROTTLED_OP;
    return zkc_fx_room(c, 2) ? ZK_ERR_OK : ZK_ERR_SYSTEM_ERROR;
}

static bool is_same_auth(const struct zkc *c, size_t i)
{
    return zk_slice_eq(zk_buf_slice(&c->auths[i].bytes), zk_buf_slice(&c->scratch));
}

/* Identities have an xid and an order of their own and are sent at once, and again on every new connection. */
static int submit_auth(struct zkc *c, const struct zkc_request *r)
{
    if (r->scheme.len == 0 || r->data.len > c->config.request_bytes_max / 2 || r->scheme.len > 256)
        return ZK_ERR_BAD_ARGUMENTS;
    size_t start = zk_jute_begin_frame(&c->scratch);
    zk_request_header_encode(&c->scratch, (struct zk_request_header){ZK_XID_AUTH, ZK_OP_AUTH});
    zk_auth_packet_encode(&c->scratch, &(struct zk_auth_packet){0, r->scheme, r->data});
    zk_jute_end_frame(&c->scratch, start);
    if (c->scratch.failed)
        return ZK_ERR_SYSTEM_ERROR;
    for (size_t i = 0; i < c->auths_answered && c->phase == ZKC_PHASE_READY; i++) {
        if (is_same_auth(c, i)) {
            struct zkc_fx *fx = zkc_fx_push(c, ZKC_EFFECT_DONE);
            fx->op = ZK_OP_AUTH;
            fx->tag = r->tag;
            return ZK_ERR_OK;
        }
    }
    if (c->auth_count == ZKC_AUTHS_MAX)
        return ZK_ERR_THROTTLED_OP;
    struct zkc_auth *auth = &c->auths[c->auth_count];
    zk_buf_append_slice(&auth->bytes, zk_buf_slice(&c->scratch));
    if (auth->bytes.failed) {
        zk_buf_fini(&auth->bytes);
        return ZK_ERR_SYSTEM_ERROR;
    }
    auth->tag = r->tag;
    auth->waiting = true;
    c->auth_count++;
    if (c->phase == ZKC_PHASE_READY)
        zk_buf_append_slice(&c->out, zk_buf_slice(&auth->bytes));
    return ZK_ERR_OK;
}

/* The path of a request that is one path and something, as encoded. */
static struct zk_slice encoded_path(struct zk_slice frame)
{
    struct zk_jute in = zk_jute(zk_slice(frame.ptr + FRAME_HEADER_BYTES + 8, frame.len - FRAME_HEADER_BYTES - 8));
    return zk_jute_string(&in);
}

static struct zkc_pending *pending_new(struct zkc *c, const struct zkc_request *r)
{
    struct zk_slice frame = zk_buf_slice(&c->scratch);
    struct zkc_pending *p = calloc(1, sizeof *p + frame.len);
    if (p == NULL)
        return NULL;
    if (r->watch_tag != 0 && (p->watch = zkc_watch_prepare(&c->watches, encoded_path(frame), r->watch_tag)) == NULL) {
        free(p);
        return NULL;
    }
    p->tag = r->tag;
    p->op = r->op;
    p->kind = r->kind;
    p->len = frame.len;
    memcpy(p->frame, frame.ptr, frame.len);
    p->deadline_ms = c->config.request_timeout_ms > 0 ? c->now_ms + c->config.request_timeout_ms : UINT64_MAX;
    return p;
}

static bool can_watch(int32_t op)
{
    return op == ZK_OP_EXISTS || op == ZK_OP_GET_DATA || op == ZK_OP_GET_CHILDREN || op == ZK_OP_GET_CHILDREN2 ||
           op == ZK_OP_ADD_WATCH;
}

int zkc_submit(struct zkc *c, uint64_t now_ms, const struct zkc_request *r)
{
    c->now_ms = zk_max_u64(c->now_ms, now_ms);
    int err = may_submit(c);
    if (err != ZK_ERR_OK)
        return err;
    zk_buf_reset(&c->scratch);
    if (r->op == ZK_OP_AUTH)
        return submit_auth(c, r);
    if (r->watch_tag != 0 && !can_watch(r->op))
        return ZK_ERR_BAD_ARGUMENTS;
    size_t start = zk_jute_begin_frame(&c->scratch);
    zk_request_header_encode(&c->scratch, (struct zk_request_header){0, r->op});
    err = put_request(c, r);
    zk_jute_end_frame(&c->scratch, start);
    if (err != ZK_ERR_OK)
        return err;
    if (c->scratch.failed)
        return ZK_ERR_SYSTEM_ERROR;
    if (c->scratch.len - FRAME_HEADER_BYTES > c->config.request_bytes_max)
        return ZK_ERR_BAD_ARGUMENTS;
    if (c->queued_bytes + c->scratch.len > ZKC_QUEUE_BYTES_MAX ||
        (r->watch_tag != 0 && c->watches.count >= ZKC_WATCHES_MAX))
        return ZK_ERR_THROTTLED_OP;
    struct zkc_pending *p = pending_new(c, r);
    if (p == NULL)
        return ZK_ERR_SYSTEM_ERROR;
    c->queued_bytes += p->len;
    zkc_queue_push(&c->waiting, p);
    zkc_flush(c);
    return ZK_ERR_OK;
}
