#include "tests/sim/model_impl.h"
#include "common/err.h"
#include "common/path.h"
#include <stdio.h>

/* --- single operations: check everything, then change --- */

static bool is_special(struct zk_slice path)
{
    static const char *const SPECIAL[] = {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"};
    for (size_t i = 0; i < ZK_COUNT_OF(SPECIAL); i++)
        if (zk_slice_eq(path, zk_slice_str(SPECIAL[i])))
            return true;
    return false;
}

/* One child more or less: what the parent shows. */
static void count_child(struct request *q, struct model_node *parent, int32_t change)
{
    struct model_version *v = model_touch(q->model, parent, q->zxid);
    v->creates += change > 0;
    v->stat.num_children += change;
    v->stat.cversion = 2 * v->creates - v->stat.num_children;
    v->stat.pzxid = (int64_t)q->zxid;
}

void model_remove(struct request *q, struct model_node *node)
{
    model_fire(q->result, ZK_EVENT_DELETED, node, model_now(node)->acl);
    model_fire(q->result, ZK_EVENT_CHILDREN_CHANGED, node->parent, model_now(node->parent)->acl);
    model_touch(q->model, node, q->zxid)->is_there = false;
    count_child(q, node->parent, -1);
    model_refresh_quotas(q, model_path(node), true);
}

/* What a create makes, by opcode and mode. */
struct creation {
    struct zk_create_request r;
    bool is_sequential;
    bool is_ephemeral;
    bool is_container;
    int64_t ttl_ms;
};

static struct creation creation_decode(int32_t op, struct zk_jute *in)
{
    struct creation c = {.r = zk_create_request_decode(in)};
    if (op == ZK_OP_CREATE_TTL)
        c.ttl_ms = zk_jute_long(in);
    c.is_container = op == ZK_OP_CREATE_CONTAINER;
    bool is_plain = op == ZK_OP_CREATE || op == ZK_OP_CREATE2 || op == ZK_OP_CREATE_IF_NOT_EXISTS;
    c.is_ephemeral = is_plain && (c.r.flags & ZK_FLAG_EPHEMERAL);
    c.is_sequential = c.r.flags & ZK_FLAG_SEQUENTIAL;
    return c;
}

static void add_node(struct request *q, struct model_node *node, const struct creation *c)
{
    const struct zk_create_request *r = &c->r;
    struct model_version *v = model_touch(q->model, node, q->zxid);
    *v = (struct model_version){.zxid = q->zxid,
                                .is_there = true,
                                .data = r->data,
                                .acl = r->acl,
                                .is_container = c->is_container,
                                .ttl_ms = c->ttl_ms};
    v->stat.czxid = v->stat.mzxid = v->stat.pzxid = (int64_t)q->zxid;
    v->stat.ctime_ms = v->stat.mtime_ms = q->command->time_ms;
    v->stat.data_length = (int32_t)r->data.len;
    v->stat.ephemeral_owner = c->is_ephemeral ? (int64_t)q->command->session : 0;
    count_child(q, node->parent, 1);
    model_fire(q->result, ZK_EVENT_CREATED, node, r->acl);
    model_fire(q->result, ZK_EVENT_CHILDREN_CHANGED, node->parent, model_now(node->parent)->acl);
}

/* --- ACLs: what a request asks for, made what a node keeps --- */

struct asked_acl {
    struct request *request;
    struct zk_buf kept; /* entries */
    int32_t count;
};

static void keep_entry(struct asked_acl *a, int32_t perms, struct zk_slice scheme, struct zk_slice id)
{
    zk_acl_encode(&a->kept, &(struct zk_acl){perms, scheme, id});
    a->count++;
}

/* "auth" stands for all that the asker has proved to be. */
static bool keep_proved(struct asked_acl *a, int32_t perms)
{
    struct request *q = a->request;
    const struct model_session *s = model_session_at(q->model, q->command->session);
    const struct model_identity *who;
    int32_t before = a->count;
    for (size_t i = 0; (who = model_identity(s, q->zxid, i)); i++)
        if (zk_slice_eq(who->scheme, zk_slice_str("digest")))
            keep_entry(a, perms, who->scheme, who->id);
    return a->count > before;
}

static bool keep_asked(struct asked_acl *a, const struct zk_acl *entry)
{
    static const char *const SCHEMES[] = {"world", "digest", "ip"};
    if (zk_slice_eq(entry->scheme, zk_slice_str("auth")))
        return keep_proved(a, entry->perms);
    for (size_t i = 0; i < ZK_COUNT_OF(SCHEMES); i++)
        if (zk_slice_eq(entry->scheme, zk_slice_str(SCHEMES[i]))) {
            keep_entry(a, entry->perms, entry->scheme, entry->id);
            return true;
        }
    return false;
}

static bool is_same_entry(const struct zk_acl *a, const struct zk_acl *b)
{
    return a->perms == b->perms && zk_slice_eq(a->scheme, b->scheme) && zk_slice_eq(a->id, b->id);
}

static bool stood_before(struct zk_slice asked, int32_t index, const struct zk_acl *entry)
{
    struct zk_jute in = zk_jute(asked);
    (void)zk_jute_count(&in, ZK_ACL_MIN_BYTES);
    for (int32_t i = 0; i < index; i++) {
        struct zk_acl earlier = zk_acl_decode(&in);
        if (is_same_entry(&earlier, entry))
            return true;
    }
    return false;
}

/* False: it may not be. */
static bool settle_acl(struct request *q, struct zk_slice asked, struct zk_slice *ret_acl)
{
    struct asked_acl a = {.request = q};
    struct zk_jute in = zk_jute(asked);
    int32_t count = zk_jute_count(&in, ZK_ACL_MIN_BYTES);
    bool ok = count > 0;
    for (int32_t i = 0; i < count && ok; i++) {
        struct zk_acl entry = zk_acl_decode(&in);
        ok = stood_before(asked, i, &entry) || keep_asked(&a, &entry);
    }
    struct zk_buf whole;
    zk_buf_init(&whole);
    zk_jute_put_int(&whole, a.count);
    zk_buf_append_slice(&whole, zk_buf_slice(&a.kept));
    *ret_acl = ok ? model_keep_bytes(q->model, zk_buf_slice(&whole)) : (struct zk_slice){0};
    zk_buf_fini(&whole);
    zk_buf_fini(&a.kept);
    return ok;
}

/* --- the operations themselves --- */

static int32_t do_create(struct request *q, int32_t op, struct zk_jute *in)
{
    struct creation c = creation_decode(op, in);
    bool is_sequential = c.is_sequential;
    if (op == ZK_OP_CREATE_TTL && !(q->command->options & COMMAND_EXTENDED_TYPES))
        return ZK_ERR_UNIMPLEMENTED;
    if (c.is_ephemeral && (q->command->options & COMMAND_NO_EPHEMERALS))
        return ZK_ERR_EPHEMERAL_ON_LOCAL_SESSION;
    if (zk_path_check(c.r.path, is_sequential) || c.r.path.len < 2)
        return ZK_ERR_BAD_ARGUMENTS;
    if (!settle_acl(q, c.r.acl, &c.r.acl))
        return ZK_ERR_INVALID_ACL;
    struct zk_slice path = c.r.path;
    struct zk_slice parent_path = zk_path_parent(path);
    if (path.ptr[path.len - 1] == '/')
        parent_path = path.len > 1 ? zk_slice(path.ptr, path.len - 1) : zk_slice(path.ptr, 1);
    struct model_node *parent = model_node_at(q->model, parent_path);
    if (!model_now(parent))
        return ZK_ERR_NO_NODE;
    if (!model_may(q->model, q->command->session, model_now(parent)->acl, ZK_PERM_CREATE, q->zxid))
        return ZK_ERR_NO_AUTH;
    char name[ZK_PATH_BYTES_MAX + 16];
    if (is_sequential) {
        int len =
            snprintf(name, sizeof(name), "%.*s%010d", (int)path.len, (const char *)path.ptr,
                     model_now(parent)->creates);
        path = zk_slice(name, (size_t)len);
    }
    struct model_node *node = model_node_at(q->model, path);
    if (model_now(node) && op == ZK_OP_CREATE_IF_NOT_EXISTS)
        zk_jute_put_string(&q->result->reply, path);
    if (model_now(node))
        return op == ZK_OP_CREATE_IF_NOT_EXISTS ? ZK_ERR_OK : ZK_ERR_NODE_EXISTS;
    if (model_now(parent)->stat.ephemeral_owner != 0)
        return ZK_ERR_NO_CHILDREN_FOR_EPHEMERALS;
    if (model_passes_quota(q, path, 1, (int64_t)c.r.data.len))
        return ZK_ERR_QUOTA_EXCEEDED;
    node = model_node_make(q->model, path, parent);
    add_node(q, node, &c);
    zk_jute_put_string(&q->result->reply, path);
    if (op != ZK_OP_CREATE && op != ZK_OP_CREATE_IF_NOT_EXISTS)
        zk_stat_encode(&q->result->reply, &model_now(node)->stat);
    model_refresh_quotas(q, model_path(node), false);
    return ZK_ERR_OK;
}

/* What is to be deleted, or why not. */
static struct model_node *find_doomed(struct request *q, struct zk_slice path, int32_t *ret_err)
{
    struct model_node *parent = model_node_at(q->model, zk_path_parent(path));
    struct model_node *node = model_node_at(q->model, path);
    if (zk_path_check(path, false) || is_special(path))
        *ret_err = ZK_ERR_BAD_ARGUMENTS;
    else if (!model_now(parent))
        *ret_err = ZK_ERR_NO_NODE;
    else if (!model_may(q->model, q->command->session, model_now(parent)->acl, ZK_PERM_DELETE, q->zxid))
        *ret_err = ZK_ERR_NO_AUTH;
    else
        *ret_err = model_now(node) ? ZK_ERR_OK : ZK_ERR_NO_NODE;
    return *ret_err == ZK_ERR_OK ? node : NULL;
}

static int32_t do_delete(struct request *q, struct zk_jute *in)
{
    struct zk_path_version r = zk_path_version_decode(in);
    int32_t err;
    struct model_node *node = find_doomed(q, r.path, &err);
    if (!node)
        return err;
    if (r.version != -1 && r.version != model_now(node)->stat.version)
        return ZK_ERR_BAD_VERSION;
    if (model_now(node)->stat.num_children > 0)
        return ZK_ERR_NOT_EMPTY;
    model_remove(q, node);
    return ZK_ERR_OK;
}

/* --- whole subtrees --- */

static int by_path(const void *a, const void *b)
{
    return zk_slice_cmp(model_path(*(struct model_node *const *)a), model_path(*(struct model_node *const *)b));
}

/* Those of a subtree in the order in which they go: children by their names, then their parent. */
struct subtree {
    struct model_node **nodes;
    size_t count;
};

static void gather(struct subtree *t, struct model_node *node)
{
    struct model_node **children = zk_alloc((node->child_count + 1) * sizeof(*children));
    size_t count = 0;
    for (size_t i = 0; i < node->child_count; i++)
        if (model_now(node->children[i]))
            children[count++] = node->children[i];
    qsort(children, count, sizeof(*children), by_path);
    for (size_t i = 0; i < count; i++)
        gather(t, children[i]);
    free(children);
    t->nodes = zk_realloc(t->nodes, (t->count + 1) * sizeof(*t->nodes));
    t->nodes[t->count++] = node;
}

static int32_t remove_subtree(struct request *q, const struct subtree *t, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!model_may(q->model, q->command->session, model_now(t->nodes[i]->parent)->acl, ZK_PERM_DELETE, q->zxid))
            return ZK_ERR_NO_AUTH;
    for (size_t i = 0; i < count; i++)
        model_remove(q, t->nodes[i]);
    return ZK_ERR_OK;
}

static int32_t do_delete_tree(struct request *q, struct zk_jute *in)
{
    struct zk_delete_tree_request r = zk_delete_tree_request_decode(in);
    int32_t err;
    struct model_node *top = find_doomed(q, r.path, &err);
    if (!top)
        return err;
    struct subtree t = {0};
    gather(&t, top);
    size_t count = r.count > 0 && (size_t)r.count < t.count ? (size_t)r.count : t.count;
    err = remove_subtree(q, &t, count);
    if (err == ZK_ERR_OK)
        zk_delete_tree_response_encode(&q->result->reply,
                                       (struct zk_delete_tree_response){(int32_t)count, (int32_t)(t.count - count)});
    free(t.nodes);
    return err;
}

static int32_t do_remove_recursive(struct request *q, struct zk_jute *in)
{
    struct zk_path_limit r = zk_path_limit_decode(in);
    int32_t err;
    struct model_node *top = find_doomed(q, r.path, &err);
    if (!top)
        return err == ZK_ERR_NO_NODE ? ZK_ERR_OK : err;
    struct subtree t = {0};
    gather(&t, top);
    err = t.count > r.limit ? ZK_ERR_NOT_EMPTY : remove_subtree(q, &t, t.count);
    free(t.nodes);
    return err;
}

static int32_t do_set_data(struct request *q, struct zk_jute *in)
{
    struct zk_set_data_request r = zk_set_data_request_decode(in);
    if (zk_path_check(r.path, false))
        return ZK_ERR_BAD_ARGUMENTS;
    struct model_node *node = model_node_at(q->model, r.path);
    if (!model_now(node))
        return ZK_ERR_NO_NODE;
    if (!model_may(q->model, q->command->session, model_now(node)->acl, ZK_PERM_WRITE, q->zxid))
        return ZK_ERR_NO_AUTH;
    if (model_passes_quota(q, r.path, 0, (int64_t)r.data.len - (int64_t)model_now(node)->data.len))
        return ZK_ERR_QUOTA_EXCEEDED;
    if (r.version != -1 && r.version != model_now(node)->stat.version)
        return ZK_ERR_BAD_VERSION;
    struct model_version *v = model_touch(q->model, node, q->zxid);
    v->data = r.data;
    v->stat.data_length = (int32_t)r.data.len;
    v->stat.version++;
    v->stat.mzxid = (int64_t)q->zxid;
    v->stat.mtime_ms = q->command->time_ms;
    model_fire(q->result, ZK_EVENT_DATA_CHANGED, node, v->acl);
    zk_stat_encode(&q->result->reply, &v->stat);
    model_refresh_quotas(q, model_path(node), false);
    return ZK_ERR_OK;
}

static int32_t do_set_acl(struct request *q, struct zk_jute *in)
{
    struct zk_set_acl_request r = zk_set_acl_request_decode(in);
    struct zk_slice acl;
    if (!settle_acl(q, r.acl, &acl))
        return ZK_ERR_INVALID_ACL;
    struct model_node *node = model_node_at(q->model, r.path);
    if (!model_now(node))
        return ZK_ERR_NO_NODE;
    if (!model_may(q->model, q->command->session, model_now(node)->acl, ZK_PERM_ADMIN, q->zxid))
        return ZK_ERR_NO_AUTH;
    if (r.version != -1 && r.version != model_now(node)->stat.aversion)
        return ZK_ERR_BAD_VERSION;
    struct model_version *v = model_touch(q->model, node, q->zxid);
    v->acl = acl;
    v->stat.aversion++;
    zk_stat_encode(&q->result->reply, &v->stat);
    return ZK_ERR_OK;
}

static bool agrees(int64_t wanted, int64_t have)
{
    return wanted == -1 || wanted == have;
}

static int32_t compare(const struct model_version *v, int32_t op, int32_t version, const struct zk_stat *stat)
{
    bool is_same = agrees(version, v->stat.version);
    if (op == ZK_OP_CHECK_NOT_EXISTS)
        return is_same ? ZK_ERR_NODE_EXISTS : ZK_ERR_OK;
    if (op == ZK_OP_CHECK_STAT) /* the rest of it is not asked for here */
        is_same = is_same && agrees(stat->version, v->stat.version);
    return is_same ? ZK_ERR_OK : ZK_ERR_BAD_VERSION;
}

int32_t model_compare(const struct model *m, uint64_t zxid, uint64_t session, int32_t op, struct zk_jute *in)
{
    struct zk_slice path = zk_jute_string(in);
    int32_t version = zk_jute_int(in);
    struct zk_stat stat = {0};
    if (op == ZK_OP_CHECK_STAT)
        stat = zk_stat_decode(in);
    const struct model_node *node = model_node_at(m, path);
    const struct model_version *v = node ? model_at(node, zxid) : NULL;
    if (!v)
        return op == ZK_OP_CHECK_NOT_EXISTS ? ZK_ERR_OK : ZK_ERR_NO_NODE;
    if (!model_may(m, session, v->acl, ZK_PERM_READ, zxid))
        return ZK_ERR_NO_AUTH;
    return compare(v, op, version, &stat);
}

static int32_t do_check(struct request *q, int32_t op, struct zk_jute *in)
{
    return model_compare(q->model, q->zxid, q->command->session, op, in);
}

static int32_t do_try_remove(struct request *q, struct zk_jute *in)
{
    int32_t err = do_delete(q, in);
    return err == ZK_ERR_NO_NODE || err == ZK_ERR_BAD_VERSION || err == ZK_ERR_NOT_EMPTY ? ZK_ERR_OK : err;
}

int32_t model_do_one(struct request *q, int32_t op, struct zk_jute *in)
{
    switch (op) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
    case ZK_OP_CREATE_IF_NOT_EXISTS:
        return do_create(q, op, in);
    case ZK_OP_TRY_REMOVE:
        return do_try_remove(q, in);
    case ZK_OP_REMOVE_RECURSIVE:
        return do_remove_recursive(q, in);
    case ZK_OP_DELETE:
        return do_delete(q, in);
    case ZK_OP_DELETE_TREE:
        return do_delete_tree(q, in);
    case ZK_OP_SET_DATA:
        return do_set_data(q, in);
    case ZK_OP_SET_ACL:
        return do_set_acl(q, in);
    case ZK_OP_CHECK:
    case ZK_OP_CHECK_NOT_EXISTS:
    case ZK_OP_CHECK_STAT:
        return do_check(q, op, in);
    default:
        q->result->is_judged = false;
        return ZK_ERR_UNIMPLEMENTED;
    }
}

/* --- multi: all or nothing --- */

static void put_failures(struct model_result *r, size_t count, size_t failed, int32_t err)
{
    zk_buf_reset(&r->reply);
    r->event_count = 0;
    for (size_t i = 0; i < count; i++) {
        int32_t code = i < failed ? ZK_ERR_OK : i == failed ? err : ZK_ERR_RUNTIME_INCONSISTENCY;
        zk_multi_header_encode(&r->reply, (struct zk_multi_header){ZK_OP_ERROR, false, code});
        zk_jute_put_int(&r->reply, code);
    }
    zk_multi_header_encode(&r->reply, ZK_MULTI_END);
}

/* Steps over one part's record. */
static void skip_step(int32_t op, struct zk_jute *in)
{
    if (zk_op_is_create(op) || op == ZK_OP_CREATE_IF_NOT_EXISTS)
        creation_decode(op, in);
    else if (op == ZK_OP_SET_DATA)
        zk_set_data_request_decode(in);
    else if (op == ZK_OP_CHECK_STAT)
        zk_check_stat_request_decode(in);
    else if (op == ZK_OP_REMOVE_RECURSIVE)
        zk_path_limit_decode(in);
    else
        zk_path_version_decode(in);
}

int32_t model_do_multi(struct request *q, struct zk_jute *in)
{
    struct model_result *r = q->result;
    int32_t err = ZK_ERR_OK;
    for (;;) {
        struct zk_multi_header h = zk_multi_header_decode(in);
        if (h.done || in->bad)
            break;
        r->step_count++;
        if (err) {
            skip_step(h.type, in);
            continue;
        }
        bool is_new_kind = h.type == ZK_OP_CREATE_CONTAINER || h.type == ZK_OP_CREATE_TTL;
        int32_t shown = is_new_kind ? ZK_OP_CREATE2 : h.type; /* Apache has no results of those types */
        zk_multi_header_encode(&r->reply, (struct zk_multi_header){shown, false, ZK_ERR_OK});
        err = model_do_one(q, h.type, in);
        r->steps_done += err == ZK_ERR_OK;
    }
    if (in->bad)
        r->is_judged = false;
    zk_multi_header_encode(&r->reply, ZK_MULTI_END);
    if (err) {
        model_undo(q->model);
        put_failures(r, r->step_count, r->steps_done, err);
    }
    return ZK_ERR_OK;
}
