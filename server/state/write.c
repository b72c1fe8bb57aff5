#include "common/path.h"
#include "server/state/effects.h"
#include "server/state/quota.h"
#include "server/state/write.h"
#include <stdio.h>

/* --- what all of them check --- */

bool call_allows(const struct call *call, uint32_t handle, int32_t perm)
{
    return node_allows(call->s, state_node(call->s, handle), perm, session_identities(call->session));
}

static int check_quota(const struct call *call, struct zk_slice path, int64_t count, int64_t bytes)
{
    if ((call->options & COMMAND_ENFORCE_QUOTA) == 0)
        return 0;
    return quota_check(call->s, path, (struct quota_change){count, bytes}, call->fx);
}

/* -1 asks for no version. */
static bool version_fits(int32_t expected, int32_t actual)
{
    return expected == -1 || expected == actual;
}

/* What Apache looks at before it looks for the parent: there is a '/', and no NUL. */
static bool has_parent(struct zk_slice path)
{
    return path.len > 0 && memchr(path.ptr, '/', path.len) != NULL && memchr(path.ptr, '\0', path.len) == NULL;
}

/* Up to the last slash: "" for "/a", which tree_find takes for the root. The path has a slash. */
static struct zk_slice parent_of(struct zk_slice path)
{
    size_t len = path.len - zk_path_basename(path).len - 1;
    return zk_slice(path.ptr, len);
}

/* Of the parent's path as it is shown, the root's with its slash: the path begins with it. */
static size_t shown_parent_len(struct zk_slice path)
{
    size_t len = parent_of(path).len;
    return len == 0 ? 1 : len;
}

/* Behind the event of the child at `path`. */
static void tell_parent(struct state *s, struct state_effects *fx, struct zk_slice path, uint32_t parent)
{
    effects_parent_event(s, fx, ZK_EVENT_CHILDREN_CHANGED, shown_parent_len(path), state_node(s, parent)->acl);
}

static void put_stat(struct zk_buf *out, const struct node *n)
{
    struct zk_stat stat = node_stat(n);
    zk_stat_encode(out, &stat);
}

/* --- create, create2, createContainer, createTTL --- */

enum { MODE_CONTAINER = 4, MODE_TTL = 5, MODE_TTL_SEQUENTIAL = 6 };

/* A create as it is meant: the opcode decides the kind of a container or TTL node, the mode the rest. */
struct creation {
    struct zk_create_request r;
    int32_t op;
    int64_t ttl_ms; /* -1: none given */
};

static bool is_ttl_mode(int32_t flags)
{
    return flags == MODE_TTL || flags == MODE_TTL_SEQUENTIAL;
}

static bool is_sequential(int32_t flags)
{
    return flags == ZK_FLAG_SEQUENTIAL || flags == (ZK_FLAG_SEQUENTIAL | ZK_FLAG_EPHEMERAL) ||
           flags == MODE_TTL_SEQUENTIAL;
}

static enum node_kind kind_of(const struct creation *c)
{
    if (c->op == ZK_OP_CREATE_CONTAINER)
        return NODE_CONTAINER;
    if (c->op == ZK_OP_CREATE_TTL)
        return NODE_TTL;
    bool ephemeral = c->r.flags == ZK_FLAG_EPHEMERAL || c->r.flags == (ZK_FLAG_EPHEMERAL | ZK_FLAG_SEQUENTIAL);
    return ephemeral ? NODE_EPHEMERAL : NODE_PERSISTENT; /* mode 4 under create and create2 too */
}

/* In a multi, Apache's server looks at the mode first: a container's makes a container whatever the opcode, and
 * createTTL in any other mode than its own is a plain create, whose TTL is forgotten. */
static void read_mode_of_part(struct creation *c)
{
    if (c->r.flags == MODE_CONTAINER) {
        c->op = ZK_OP_CREATE_CONTAINER;
    } else if (c->op == ZK_OP_CREATE_TTL && !is_ttl_mode(c->r.flags)) {
        c->op = ZK_OP_CREATE;
    } else {
        return;
    }
    c->ttl_ms = -1;
}

static struct creation decode_creation(const struct call *call, int32_t op, struct zk_jute *in)
{
    struct creation c = {.r = zk_create_request_decode(in), .op = op, .ttl_ms = -1};
    if (op == ZK_OP_CREATE_TTL)
        c.ttl_ms = zk_jute_long(in);
    if (call->in_multi && op != ZK_OP_CREATE_IF_NOT_EXISTS)
        read_mode_of_part(&c);
    return c;
}

/* createTTL in a mode without TTL would be a node with a TTL of -1: Apache's server dies of it. */
static int check_mode(const struct call *call, const struct creation *c)
{
    int32_t most = c->op == ZK_OP_CREATE_IF_NOT_EXISTS ? ZK_FLAG_EPHEMERAL : MODE_TTL_SEQUENTIAL;
    if (c->r.flags < 0 || c->r.flags > most)
        return ZK_ERR_BAD_ARGUMENTS;
    bool ttl = is_ttl_mode(c->r.flags);
    if (ttl && (call->options & COMMAND_EXTENDED_TYPES) == 0)
        return ZK_ERR_UNIMPLEMENTED;
    if (kind_of(c) == NODE_EPHEMERAL && (call->options & COMMAND_NO_EPHEMERALS) != 0)
        return ZK_ERR_EPHEMERAL_ON_LOCAL_SESSION;
    if (ttl ? c->ttl_ms <= 0 || c->ttl_ms > STATE_TTL_MAX_MS : c->ttl_ms >= 0)
        return ZK_ERR_BAD_ARGUMENTS;
    return c->op == ZK_OP_CREATE_TTL && !ttl ? ZK_ERR_BAD_ARGUMENTS : 0;
}

/* The full path, with its number if sequential, into s->path. */
static struct zk_slice full_path(struct state *s, const struct zk_create_request *r, uint32_t parent)
{
    s->path.len = 0;
    zk_buf_append_slice(&s->path, r->path);
    if (is_sequential(r->flags))
        zk_buf_printf(&s->path, "%010d", (int32_t)node_creates(state_node(s, parent)));
    return zk_buf_slice(&s->path);
}

/* The ACL the node is to have, into s->list. */
static int fix_acl(struct call *call, struct zk_slice requested)
{
    struct zk_buf *list = &call->s->list;
    list->len = 0;
    int err = acl_fixup(requested, session_identities(call->session), list);
    call->expanded += list->len > requested.len ? list->len - requested.len : 0;
    return err == 0 && call->expanded > ACL_EXPANDED_MAX ? ZK_ERR_INVALID_ACL : err;
}

static int check_create(struct call *call, const struct creation *c, uint32_t *ret_parent,
                        struct zk_slice *ret_path)
{
    struct state *s = call->s;
    const struct zk_create_request *r = &c->r;
    int err = check_mode(call, c);
    if (err != 0)
        return err;
    if (r->path.ptr == NULL)
        return ZK_ERR_MARSHALLING_ERROR;
    if (!has_parent(r->path))
        return ZK_ERR_BAD_ARGUMENTS;
    err = fix_acl(call, r->acl);
    if (err != 0)
        return err;
    uint32_t parent = tree_find(&s->tree, parent_of(r->path));
    if (parent == 0)
        return ZK_ERR_NO_NODE;
    if (!call_allows(call, parent, ZK_PERM_CREATE))
        return ZK_ERR_NO_AUTH;
    struct zk_slice path = full_path(s, r, parent);
    if (zk_path_check(path, false) != NULL)
        return ZK_ERR_BAD_ARGUMENTS;
    if (tree_find(&s->tree, path) != 0)
        return ZK_ERR_NODE_EXISTS;
    if (state_node(s, parent)->kind == NODE_EPHEMERAL)
        return ZK_ERR_NO_CHILDREN_FOR_EPHEMERALS;
    *ret_parent = parent;
    *ret_path = path;
    return check_quota(call, path, 1, (int64_t)r->data.len);
}

static int op_create(struct call *call, int32_t op, struct zk_jute *in, struct zk_buf *out)
{
    struct state *s = call->s;
    struct creation asked = decode_creation(call, op, in);
    if (in->bad)
        return ZK_ERR_MARSHALLING_ERROR;
    struct change_create c = {.data = asked.r.data, .kind = kind_of(&asked), .ttl_ms = asked.ttl_ms};
    int err = check_create(call, &asked, &c.parent, &c.path);
    if (err == ZK_ERR_NODE_EXISTS && op == ZK_OP_CREATE_IF_NOT_EXISTS) {
        zk_jute_put_string(out, asked.r.path);
        return 0;
    }
    if (err != 0)
        return err;
    bool with_stat = asked.op != ZK_OP_CREATE && op != ZK_OP_CREATE_IF_NOT_EXISTS;
    call->result_op = with_stat ? ZK_OP_CREATE2 : asked.op;
    c.owner = call->session;
    c.acl = acls_intern(&s->acls, zk_buf_slice(&s->list));
    uint32_t handle = change_create(s, &c);
    effects_event(s, call->fx, ZK_EVENT_CREATED, c.path, c.acl);
    tell_parent(s, call->fx, c.path, c.parent);
    zk_jute_put_string(out, c.path);
    if (with_stat)
        put_stat(out, state_node(s, handle));
    quota_charge(s, c.path, (struct quota_change){1, (int64_t)asked.r.data.len});
    return 0;
}

/* --- delete --- */

void write_remove(struct state *s, uint32_t handle, struct zk_slice path, struct state_effects *fx)
{
    const struct node *n = state_node(s, handle);
    uint32_t parent = n->parent;
    struct quota_change change = {-1, -(int64_t)n->data_len};
    effects_event(s, fx, ZK_EVENT_DELETED, path, n->acl);
    change_remove(s, handle);
    quota_charge(s, path, change);
    tell_parent(s, fx, path, parent);
}

int write_find_doomed(struct call *call, struct zk_slice path, uint32_t *ret_handle)
{
    struct state *s = call->s;
    if (!has_parent(path) || path_is_special(path))
        return ZK_ERR_BAD_ARGUMENTS;
    uint32_t parent = tree_find(&s->tree, parent_of(path));
    if (parent == 0)
        return ZK_ERR_NO_NODE;
    if (!call_allows(call, parent, ZK_PERM_DELETE))
        return ZK_ERR_NO_AUTH;
    *ret_handle = tree_find(&s->tree, path);
    return *ret_handle == 0 ? ZK_ERR_NO_NODE : 0;
}

static int op_delete(struct call *call, struct zk_jute *in)
{
    struct state *s = call->s;
    struct zk_path_version r = zk_path_version_decode(in);
    if (in->bad || r.path.ptr == NULL)
        return ZK_ERR_MARSHALLING_ERROR;
    uint32_t handle;
    int err = write_find_doomed(call, r.path, &handle);
    if (err != 0)
        return err;
    if (!version_fits(r.version, state_node(s, handle)->version))
        return ZK_ERR_BAD_VERSION;
    if (node_child_count(state_node(s, handle)) > 0)
        return ZK_ERR_NOT_EMPTY;
    write_remove(s, handle, r.path, call->fx);
    return 0;
}

/* ClickHouse Keeper's: what cannot be removed stays, and nobody is to blame. */
static int op_try_remove(struct call *call, struct zk_jute *in)
{
    int err = op_delete(call, in);
    return err == ZK_ERR_NO_NODE || err == ZK_ERR_BAD_VERSION || err == ZK_ERR_NOT_EMPTY ? 0 : err;
}

/* --- setData, setACL --- */

/* The node of a valid path on which the session has `perm`: 0 and its handle, or the error. */
static int find_allowed(struct call *call, struct zk_slice path, int32_t perm, uint32_t *ret_handle)
{
    *ret_handle = tree_find(&call->s->tree, path);
    if (*ret_handle == 0)
        return ZK_ERR_NO_NODE;
    return call_allows(call, *ret_handle, perm) ? 0 : ZK_ERR_NO_AUTH;
}

static int op_set_data(struct call *call, struct zk_jute *in, struct zk_buf *out)
{
    struct zk_set_data_request r = zk_set_data_request_decode(in);
    if (in->bad)
        return ZK_ERR_MARSHALLING_ERROR;
    if (zk_path_check(r.path, false) != NULL)
        return ZK_ERR_BAD_ARGUMENTS;
    uint32_t handle;
    int err = find_allowed(call, r.path, ZK_PERM_WRITE, &handle);
    if (err != 0)
        return err;
    int64_t grown = (int64_t)r.data.len - (int64_t)state_node(call->s, handle)->data_len;
    err = check_quota(call, r.path, 0, grown);
    if (err != 0)
        return err;
    if (!version_fits(r.version, state_node(call->s, handle)->version))
        return ZK_ERR_BAD_VERSION;
    change_data(call->s, handle, r.data);
    effects_event(call->s, call->fx, ZK_EVENT_DATA_CHANGED, r.path, state_node(call->s, handle)->acl);
    put_stat(out, state_node(call->s, handle));
    quota_charge(call->s, r.path, (struct quota_change){0, grown});
    return 0;
}

static int op_set_acl(struct call *call, struct zk_jute *in, struct zk_buf *out)
{
    struct zk_set_acl_request r = zk_set_acl_request_decode(in);
    if (in->bad)
        return ZK_ERR_MARSHALLING_ERROR;
    if (zk_path_check(r.path, false) != NULL)
        return ZK_ERR_BAD_ARGUMENTS;
    int err = fix_acl(call, r.acl);
    if (err != 0)
        return err;
    uint32_t handle;
    err = find_allowed(call, r.path, ZK_PERM_ADMIN, &handle);
    if (err != 0)
        return err;
    if (!version_fits(r.version, state_node(call->s, handle)->aversion))
        return ZK_ERR_BAD_VERSION;
    change_acl(call->s, handle, acls_intern(&call->s->acls, zk_buf_slice(&call->s->list)));
    put_stat(out, state_node(call->s, handle));
    return 0;
}

/* --- by opcode --- */

bool write_is_check(int32_t op)
{
    return op == ZK_OP_CHECK || op == ZK_OP_CHECK_NOT_EXISTS || op == ZK_OP_CHECK_STAT;
}

bool write_knows(int32_t op)
{
    return (zk_op_is_write(op) && op != ZK_OP_MULTI) || write_is_check(op);
}

int write_op(struct call *call, int32_t op, struct zk_jute *in, struct zk_buf *out)
{
    call->result_op = op;
    switch (op) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
    case ZK_OP_CREATE_IF_NOT_EXISTS:
        return op_create(call, op, in, out);
    case ZK_OP_DELETE:
        return op_delete(call, in);
    case ZK_OP_TRY_REMOVE:
        return op_try_remove(call, in);
    case ZK_OP_REMOVE_RECURSIVE:
        return write_remove_recursive(call, in);
    case ZK_OP_DELETE_TREE:
        return write_delete_tree(call, in, out);
    case ZK_OP_SET_DATA:
        return op_set_data(call, in, out);
    case ZK_OP_SET_ACL:
        return op_set_acl(call, in, out);
    case ZK_OP_CHECK_STAT:
        quota_settle(call->s); /* it may be stats whose length is asked */
        /* fall through */
    case ZK_OP_CHECK:
    case ZK_OP_CHECK_NOT_EXISTS:
        return node_compare(call->s, session_identities(call->session), op, in);
    default:
        return ZK_ERR_UNIMPLEMENTED;
    }
}

/* Of a multi Apache's server reads the creates' modes and ACLs when it decodes it: these fail it as a whole. */
static struct zk_slice skip_create(struct zk_jute *in)
{
    struct zk_create_request r = zk_create_request_decode(in);
    struct zk_jute acl = zk_jute(r.acl);
    bool no_acl = in->bad || zk_jute_int(&acl) < 0;
    if (no_acl || r.flags < 0 || r.flags > MODE_CONTAINER)
        in->bad = true;
    return r.path;
}

void write_skip(int32_t op, struct zk_jute *in)
{
    struct zk_slice path = {NULL, 0};
    switch (op) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_IF_NOT_EXISTS:
        path = skip_create(in);
        break;
    case ZK_OP_CREATE_TTL:
        path = zk_create_request_decode(in).path;
        (void)zk_jute_long(in);
        break;
    case ZK_OP_DELETE:
    case ZK_OP_CHECK:
    case ZK_OP_CHECK_NOT_EXISTS:
    case ZK_OP_TRY_REMOVE:
        path = zk_path_version_decode(in).path;
        break;
    case ZK_OP_CHECK_STAT:
        path = zk_check_stat_request_decode(in).path;
        break;
    case ZK_OP_REMOVE_RECURSIVE:
        path = zk_path_limit_decode(in).path;
        break;
    case ZK_OP_SET_DATA:
        path = zk_set_data_request_decode(in).path;
        break;
    }
    if (path.ptr == NULL)
        in->bad = true;
}
