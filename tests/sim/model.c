#include "tests/sim/model.h"
#include "common/err.h"
#include "common/path.h"
#include <stdio.h>

#define BUCKETS 1024

struct model_node {
    struct model_node *next;      /* in its bucket */
    struct model_node *next_ever; /* in the order of first creation */
    struct model_node *parent;
    char *path;
    size_t path_len;
    size_t child_count; /* ever */
    struct model_node **children;
    size_t version_count;
    struct model_version *versions;
};

struct model_memory {
    int32_t xid;
    int32_t err;
    struct zk_buf reply;
};

struct model {
    struct model_node *buckets[BUCKETS];
    struct model_node *first;
    struct model_node **last;
    size_t session_count; /* ever */
    struct model_session *sessions;
    size_t guest_count; /* sessions that one server keeps for itself: who they are */
    struct model_session *guests;
    /* the nodes that the command at work gave a version: the undo of a multi */
    size_t touched_count;
    struct model_node **touched;
    size_t text_count; /* data that no command holds */
    char **texts;
};

/* --- nodes and versions --- */

static uint32_t bucket_of(struct zk_slice path)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < path.len; i++)
        hash = (hash ^ path.ptr[i]) * 16777619u;
    return (hash ^ hash >> 15) % BUCKETS;
}

static struct model_node *find(const struct model *m, struct zk_slice path)
{
    for (struct model_node *n = m->buckets[bucket_of(path)]; n; n = n->next)
        if (n->path_len == path.len && memcmp(n->path, path.ptr, path.len) == 0)
            return n;
    return NULL;
}

const struct model_node *model_find(const struct model *m, struct zk_slice path)
{
    return find(m, path);
}

struct zk_slice model_path(const struct model_node *node)
{
    return zk_slice(node->path, node->path_len);
}

const struct model_node *model_parent(const struct model_node *node)
{
    return node->parent;
}

static struct model_node *node_make(struct model *m, struct zk_slice path, struct model_node *parent)
{
    struct model_node *n = find(m, path);
    if (n)
        return n;
    n = zk_calloc(1, sizeof(*n));
    n->path = zk_slice_dup(path);
    n->path_len = path.len;
    n->parent = parent;
    uint32_t bucket = bucket_of(path);
    n->next = m->buckets[bucket];
    m->buckets[bucket] = n;
    *m->last = n;
    m->last = &n->next_ever;
    if (parent) {
        parent->children = zk_realloc(parent->children, (parent->child_count + 1) * sizeof(n));
        parent->children[parent->child_count++] = n;
    }
    return n;
}

const struct model_version *model_at(const struct model_node *node, uint64_t zxid)
{
    for (size_t i = node->version_count; i > 0; i--)
        if (node->versions[i - 1].zxid <= zxid)
            return node->versions[i - 1].is_there ? &node->versions[i - 1] : NULL;
    return NULL;
}

static const struct model_version *now(const struct model_node *node)
{
    return node ? model_at(node, UINT64_MAX) : NULL;
}

/* A new version of the node, a copy of the last; the caller changes it. */
static struct model_version *touch(struct model *m, struct model_node *node, uint64_t zxid)
{
    node->versions = zk_realloc(node->versions, (node->version_count + 1) * sizeof(*node->versions));
    struct model_version *v = &node->versions[node->version_count];
    *v = node->version_count ? v[-1] : (struct model_version){0};
    v->zxid = zxid;
    node->version_count++;
    m->touched = zk_realloc(m->touched, (m->touched_count + 1) * sizeof(node));
    m->touched[m->touched_count++] = node;
    return v;
}

static void undo(struct model *m)
{
    while (m->touched_count > 0)
        m->touched[--m->touched_count]->version_count--;
}

size_t model_child_count(const struct model_node *node, uint64_t zxid)
{
    size_t count = 0;
    for (size_t i = 0; i < node->child_count; i++)
        count += model_at(node->children[i], zxid) != NULL;
    return count;
}

const struct model_node *model_child(const struct model_node *node, struct zk_slice name)
{
    for (size_t i = 0; i < node->child_count; i++)
        if (zk_slice_eq(zk_path_basename(model_path(node->children[i])), name))
            return node->children[i];
    return NULL;
}

void model_each(const struct model *m, uint64_t zxid, model_node_fn *fn, void *arg)
{
    for (const struct model_node *n = m->first; n; n = n->next_ever) {
        const struct model_version *v = model_at(n, zxid);
        if (v)
            fn(arg, n, v);
    }
}

static void plant(struct model *m, const char *path, const char *parent)
{
    bool is_config = strcmp(path, "/zookeeper/config") == 0;
    struct model_node *up = parent ? find(m, zk_slice_str(parent)) : NULL;
    struct model_version *v = touch(m, node_make(m, zk_slice_str(path), up), 0);
    v->is_there = true;
    v->data = zk_slice("", 0);
    v->stat.aversion = is_config ? -1 : 0;
    if (up) { /* present from the beginning, never created: Apache shows such parents with a negative cversion */
        up->versions[0].stat.num_children++;
        up->versions[0].stat.cversion--;
    }
}

struct model *model_new(void)
{
    struct model *m = zk_calloc(1, sizeof(*m));
    m->last = &m->first;
    plant(m, "/", NULL);
    plant(m, "/zookeeper", "/");
    plant(m, "/zookeeper/quota", "/zookeeper");
    plant(m, "/zookeeper/config", "/zookeeper");
    m->touched_count = 0;
    return m;
}

void model_free(struct model *m)
{
    for (struct model_node *n = m->first; n;) {
        struct model_node *next = n->next_ever;
        free(n->path);
        free(n->children);
        free(n->versions);
        free(n);
        n = next;
    }
    for (size_t i = 0; i < m->session_count; i++) {
        zk_buf_fini(&m->sessions[i].identities);
        for (size_t k = 0; k < m->sessions[i].result_count; k++)
            zk_buf_fini(&m->sessions[i].results[k].reply);
        free(m->sessions[i].results);
    }
    for (size_t i = 0; i < m->guest_count; i++)
        zk_buf_fini(&m->guests[i].identities);
    free(m->guests);
    for (size_t i = 0; i < m->text_count; i++)
        free(m->texts[i]);
    free(m->texts);
    free(m->sessions);
    free(m->touched);
    free(m);
}

void model_result_fini(struct model_result *r)
{
    zk_buf_fini(&r->reply);
    free(r->events);
}

static void fire(struct model_result *r, enum zk_event_type type, const struct model_node *node, struct zk_slice acl)
{
    if (r->event_count == r->event_cap) {
        r->event_cap = r->event_cap ? 2 * r->event_cap : 4;
        r->events = zk_realloc(r->events, r->event_cap * sizeof(*r->events));
    }
    r->events[r->event_count++] = (struct model_event){type, node, acl};
}

/* --- sessions and permissions --- */

static struct model_session *session_find(const struct model *m, uint64_t id)
{
    size_t lo = 0, hi = m->session_count; /* ids grow: they are the zxids of the opening entries */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (m->sessions[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < m->session_count && m->sessions[lo].id == id ? &m->sessions[lo] : NULL;
}

const struct model_session *model_guest_of(const struct model *m, uint64_t id)
{
    for (size_t i = m->guest_count; i > 0; i--)
        if (m->guests[i - 1].id == id)
            return &m->guests[i - 1];
    return NULL;
}

void model_guest(struct model *m, uint64_t id, const char *address)
{
    m->guests = zk_realloc(m->guests, (m->guest_count + 1) * sizeof(*m->guests));
    struct model_session *s = &m->guests[m->guest_count++];
    *s = (struct model_session){.id = id};
    zk_jute_put_cstring(&s->identities, "ip");
    zk_jute_put_cstring(&s->identities, address);
}

const struct model_session *model_session(const struct model *m, uint64_t id)
{
    return session_find(m, id);
}

size_t model_session_count(const struct model *m)
{
    size_t count = 0;
    for (size_t i = 0; i < m->session_count; i++)
        count += m->sessions[i].ended_zxid == 0;
    return count;
}

void model_each_session(const struct model *m, model_session_fn *fn, void *arg)
{
    for (size_t i = 0; i < m->session_count; i++)
        fn(arg, &m->sessions[i]);
}

static bool has_identity(const struct model_session *s, struct zk_slice scheme, struct zk_slice id)
{
    if (zk_slice_eq(scheme, zk_slice_str("world")) && zk_slice_eq(id, zk_slice_str("anyone")))
        return true;
    struct zk_jute in = zk_jute(s ? zk_buf_slice(&s->identities) : (struct zk_slice){0});
    while (zk_jute_left(&in) > 0 && !in.bad) {
        struct zk_slice own_scheme = zk_jute_string(&in);
        struct zk_slice own_id = zk_jute_string(&in);
        if (zk_slice_eq(own_scheme, scheme) && zk_slice_eq(own_id, id))
            return true;
    }
    return false;
}

bool model_may(const struct model *m, uint64_t session, struct zk_slice acl, int32_t perm)
{
    struct zk_jute in = zk_jute(acl);
    int32_t count = acl.ptr ? zk_jute_count(&in, ZK_ACL_MIN_BYTES) : 0;
    if (count <= 0)
        return true;
    const struct model_session *s = session_find(m, session);
    if (!s)
        s = model_guest_of(m, session);
    for (int32_t i = 0; i < count; i++) {
        struct zk_acl entry = zk_acl_decode(&in);
        if ((entry.perms & perm) && has_identity(s, entry.scheme, entry.id))
            return true;
    }
    return false;
}

bool model_was_hidden(const struct model *m, const struct model_node *node, uint64_t session, uint64_t zxid)
{
    for (size_t i = 0; i < node->version_count; i++)
        if (node->versions[i].zxid > zxid && !model_may(m, session, node->versions[i].acl, ZK_PERM_READ))
            return true;
    return false;
}

static void add_identities(struct model_session *s, struct zk_slice vector)
{
    struct zk_jute in = zk_jute(vector);
    int32_t count = zk_jute_count(&in, 8);
    for (int32_t i = 0; i < count; i++) {
        struct zk_slice scheme = zk_jute_string(&in);
        struct zk_slice id = zk_jute_string(&in);
        zk_jute_put_string(&s->identities, scheme);
        zk_jute_put_string(&s->identities, id);
    }
}

/* --- single operations: check everything, then change --- */

struct request {
    struct model *model;
    uint64_t zxid;
    const struct command *command;
    struct model_result *result;
};

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
    struct model_version *v = touch(q->model, parent, q->zxid);
    v->creates += change > 0;
    v->stat.num_children += change;
    v->stat.cversion = 2 * v->creates - v->stat.num_children;
    v->stat.pzxid = (int64_t)q->zxid;
}

static void refresh_quotas(struct request *q, struct zk_slice path, bool is_removed);

static void remove_node(struct request *q, struct model_node *node)
{
    fire(q->result, ZK_EVENT_DELETED, node, now(node)->acl);
    fire(q->result, ZK_EVENT_CHILDREN_CHANGED, node->parent, now(node->parent)->acl);
    touch(q->model, node, q->zxid)->is_there = false;
    count_child(q, node->parent, -1);
    refresh_quotas(q, model_path(node), true);
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
    struct model_version *v = touch(q->model, node, q->zxid);
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
    fire(q->result, ZK_EVENT_CREATED, node, r->acl);
    fire(q->result, ZK_EVENT_CHILDREN_CHANGED, node->parent, now(node->parent)->acl);
}

/* --- quotas: counted again from nothing whenever they are asked --- */

#define QUOTA "/zookeeper/quota"

static char *keep_text(struct model *m, const char *text)
{
    m->texts = zk_realloc(m->texts, (m->text_count + 1) * sizeof(*m->texts));
    return m->texts[m->text_count++] = zk_strdup(text);
}

static const struct model_version *at_path(const struct model *m, const char *dir, struct zk_slice path, const char *name)
{
    char text[512];
    snprintf(text, sizeof(text), "%s%.*s%s", dir, (int)path.len, (const char *)path.ptr, name);
    return now(find(m, zk_slice_str(text)));
}

static void count_usage(const struct model *m, struct zk_slice path, int64_t *ret_count, int64_t *ret_bytes)
{
    *ret_count = *ret_bytes = 0;
    for (const struct model_node *n = m->first; n; n = n->next_ever)
        if (now(n) && zk_path_within(model_path(n), path)) {
            ++*ret_count;
            *ret_bytes += (int64_t)now(n)->data.len;
        }
}

/* The number behind "key=", -1 if it is not there. */
static int64_t limit_of(const struct model_version *limits, const char *key)
{
    char text[256], *end;
    snprintf(text, sizeof(text), "%.*s", (int)limits->data.len, (const char *)limits->data.ptr);
    for (char *pair = strtok_r(text, ",;", &end); pair; pair = strtok_r(NULL, ",;", &end))
        if (strncmp(pair, key, strlen(key)) == 0 && pair[strlen(key)] == '=')
            return strtoll(pair + strlen(key) + 1, NULL, 10);
    return -1;
}

/* "/a/b": the next prefix of `path` behind one of `len` bytes; 0: there is none. */
static size_t next_prefix(struct zk_slice path, size_t len)
{
    if (len >= path.len)
        return 0;
    for (len++; len < path.len && path.ptr[len] != '/'; len++)
        ;
    return len;
}

static bool passes_quota(const struct request *q, struct zk_slice path, int64_t count, int64_t bytes)
{
    bool is_enforced = q->command->options & COMMAND_ENFORCE_QUOTA;
    if (!is_enforced || zk_path_within(path, zk_slice_str("/zookeeper")))
        return false;
    for (size_t len = next_prefix(path, 0); len > 0; len = next_prefix(path, len)) {
        struct zk_slice prefix = zk_slice(path.ptr, len);
        const struct model_version *limits = at_path(q->model, QUOTA, prefix, "/zookeeper_limits");
        int64_t have_count, have_bytes;
        if (!limits || !at_path(q->model, QUOTA, prefix, "/zookeeper_stats"))
            continue;
        count_usage(q->model, prefix, &have_count, &have_bytes);
        int64_t most = limit_of(limits, "countHardLimit"), most_bytes = limit_of(limits, "byteHardLimit");
        if ((count && most > -1 && have_count + count > most) ||
            (bytes && most_bytes > -1 && have_bytes + bytes > most_bytes))
            return true;
    }
    return false;
}

/* The stats of what `subject` holds, if they are there, are as they should be from now on. */
static void refresh_stats(struct request *q, struct zk_slice subject)
{
    char text[512];
    int64_t count, bytes;
    snprintf(text, sizeof(text), QUOTA "%.*s/zookeeper_stats", (int)subject.len, (const char *)subject.ptr);
    struct model_node *node = find(q->model, zk_slice_str(text));
    if (!now(node))
        return;
    count_usage(q->model, subject, &count, &bytes);
    snprintf(text, sizeof(text), "count=%lld,bytes=%lld", (long long)count, (long long)bytes);
    if (zk_slice_eq(now(node)->data, zk_slice_str(text)))
        return;
    struct model_version *v = touch(q->model, node, q->zxid);
    v->data = zk_slice_str(keep_text(q->model, text));
    v->stat.data_length = (int32_t)v->data.len;
}

/* A write to `path` has happened: every quota above it counts, and one that was itself written. */
static void refresh_quotas(struct request *q, struct zk_slice path, bool is_removed)
{
    struct zk_slice name = zk_path_basename(path);
    struct zk_slice subject = zk_slice(path.ptr + strlen(QUOTA), path.len - strlen(QUOTA) - name.len - 1);
    bool is_quota = zk_path_within(path, zk_slice_str(QUOTA)) && path.len > strlen(QUOTA) + name.len + 1 &&
                    (zk_slice_eq(name, zk_slice_str("zookeeper_limits")) ||
                     zk_slice_eq(name, zk_slice_str("zookeeper_stats")));
    if (is_quota && !is_removed)
        refresh_stats(q, subject);
    if (zk_path_within(path, zk_slice_str("/zookeeper")))
        return;
    for (size_t len = next_prefix(path, 0); len > 0; len = next_prefix(path, len))
        if (at_path(q->model, QUOTA, zk_slice(path.ptr, len), "/zookeeper_limits"))
            refresh_stats(q, zk_slice(path.ptr, len));
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
    struct zk_slice path = c.r.path;
    struct zk_slice parent_path = zk_path_parent(path);
    if (path.ptr[path.len - 1] == '/')
        parent_path = path.len > 1 ? zk_slice(path.ptr, path.len - 1) : zk_slice(path.ptr, 1);
    struct model_node *parent = find(q->model, parent_path);
    if (!now(parent))
        return ZK_ERR_NO_NODE;
    if (!model_may(q->model, q->command->session, now(parent)->acl, ZK_PERM_CREATE))
        return ZK_ERR_NO_AUTH;
    char name[ZK_PATH_BYTES_MAX + 16];
    if (is_sequential) {
        int len =
            snprintf(name, sizeof(name), "%.*s%010d", (int)path.len, (const char *)path.ptr, now(parent)->creates);
        path = zk_slice(name, (size_t)len);
    }
    struct model_node *node = find(q->model, path);
    if (now(node) && op == ZK_OP_CREATE_IF_NOT_EXISTS)
        zk_jute_put_string(&q->result->reply, path);
    if (now(node))
        return op == ZK_OP_CREATE_IF_NOT_EXISTS ? ZK_ERR_OK : ZK_ERR_NODE_EXISTS;
    if (now(parent)->stat.ephemeral_owner != 0)
        return ZK_ERR_NO_CHILDREN_FOR_EPHEMERALS;
    if (passes_quota(q, path, 1, (int64_t)c.r.data.len))
        return ZK_ERR_QUOTA_EXCEEDED;
    node = node_make(q->model, path, parent);
    add_node(q, node, &c);
    zk_jute_put_string(&q->result->reply, path);
    if (op != ZK_OP_CREATE && op != ZK_OP_CREATE_IF_NOT_EXISTS)
        zk_stat_encode(&q->result->reply, &now(node)->stat);
    refresh_quotas(q, model_path(node), false);
    return ZK_ERR_OK;
}

/* What is to be deleted, or why not. */
static struct model_node *find_doomed(struct request *q, struct zk_slice path, int32_t *ret_err)
{
    struct model_node *parent = find(q->model, zk_path_parent(path));
    struct model_node *node = find(q->model, path);
    if (zk_path_check(path, false) || is_special(path))
        *ret_err = ZK_ERR_BAD_ARGUMENTS;
    else if (!now(parent))
        *ret_err = ZK_ERR_NO_NODE;
    else if (!model_may(q->model, q->command->session, now(parent)->acl, ZK_PERM_DELETE))
        *ret_err = ZK_ERR_NO_AUTH;
    else
        *ret_err = now(node) ? ZK_ERR_OK : ZK_ERR_NO_NODE;
    return *ret_err == ZK_ERR_OK ? node : NULL;
}

static int32_t do_delete(struct request *q, struct zk_jute *in)
{
    struct zk_path_version r = zk_path_version_decode(in);
    int32_t err;
    struct model_node *node = find_doomed(q, r.path, &err);
    if (!node)
        return err;
    if (r.version != -1 && r.version != now(node)->stat.version)
        return ZK_ERR_BAD_VERSION;
    if (now(node)->stat.num_children > 0)
        return ZK_ERR_NOT_EMPTY;
    remove_node(q, node);
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
        if (now(node->children[i]))
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
        if (!model_may(q->model, q->command->session, now(t->nodes[i]->parent)->acl, ZK_PERM_DELETE))
            return ZK_ERR_NO_AUTH;
    for (size_t i = 0; i < count; i++)
        remove_node(q, t->nodes[i]);
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
    struct model_node *node = find(q->model, r.path);
    if (!now(node))
        return ZK_ERR_NO_NODE;
    if (!model_may(q->model, q->command->session, now(node)->acl, ZK_PERM_WRITE))
        return ZK_ERR_NO_AUTH;
    if (passes_quota(q, r.path, 0, (int64_t)r.data.len - (int64_t)now(node)->data.len))
        return ZK_ERR_QUOTA_EXCEEDED;
    if (r.version != -1 && r.version != now(node)->stat.version)
        return ZK_ERR_BAD_VERSION;
    struct model_version *v = touch(q->model, node, q->zxid);
    v->data = r.data;
    v->stat.data_length = (int32_t)r.data.len;
    v->stat.version++;
    v->stat.mzxid = (int64_t)q->zxid;
    v->stat.mtime_ms = q->command->time_ms;
    fire(q->result, ZK_EVENT_DATA_CHANGED, node, v->acl);
    zk_stat_encode(&q->result->reply, &v->stat);
    refresh_quotas(q, model_path(node), false);
    return ZK_ERR_OK;
}

static int32_t do_set_acl(struct request *q, struct zk_jute *in)
{
    struct zk_set_acl_request r = zk_set_acl_request_decode(in);
    struct model_node *node = find(q->model, r.path);
    if (!now(node))
        return ZK_ERR_NO_NODE;
    if (!model_may(q->model, q->command->session, now(node)->acl, ZK_PERM_ADMIN))
        return ZK_ERR_NO_AUTH;
    if (r.version != -1 && r.version != now(node)->stat.aversion)
        return ZK_ERR_BAD_VERSION;
    struct model_version *v = touch(q->model, node, q->zxid);
    v->acl = r.acl;
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
    const struct model_node *node = find(m, path);
    const struct model_version *v = node ? model_at(node, zxid) : NULL;
    if (!v)
        return op == ZK_OP_CHECK_NOT_EXISTS ? ZK_ERR_OK : ZK_ERR_NO_NODE;
    if (!model_may(m, session, v->acl, ZK_PERM_READ))
        return ZK_ERR_NO_AUTH;
    return compare(v, op, version, &stat);
}

static int32_t do_check(struct request *q, int32_t op, struct zk_jute *in)
{
    return model_compare(q->model, UINT64_MAX, q->command->session, op, in);
}

static int32_t do_try_remove(struct request *q, struct zk_jute *in)
{
    int32_t err = do_delete(q, in);
    return err == ZK_ERR_NO_NODE || err == ZK_ERR_BAD_VERSION || err == ZK_ERR_NOT_EMPTY ? ZK_ERR_OK : err;
}

static int32_t do_one(struct request *q, int32_t op, struct zk_jute *in)
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

static int32_t do_multi(struct request *q, struct zk_jute *in)
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
        err = do_one(q, h.type, in);
        r->steps_done += err == ZK_ERR_OK;
    }
    if (in->bad)
        r->is_judged = false;
    zk_multi_header_encode(&r->reply, ZK_MULTI_END);
    if (err) {
        undo(q->model);
        put_failures(r, r->step_count, r->steps_done, err);
    }
    return ZK_ERR_OK;
}

/* --- commands --- */

/* In its place by the id: those that began on one server have larger ones than all others. */
static struct model_session *make_room(struct model *m, uint64_t id)
{
    m->sessions = zk_realloc(m->sessions, (m->session_count + 1) * sizeof(*m->sessions));
    size_t at = m->session_count++;
    for (; at > 0 && m->sessions[at - 1].id > id; at--)
        m->sessions[at] = m->sessions[at - 1];
    return &m->sessions[at];
}

static void do_open(struct request *q, uint64_t id)
{
    struct command_open o;
    if (!command_open_decode(q->command->payload, &o)) {
        q->result->is_judged = false;
        return;
    }
    struct model_session *s = make_room(q->model, id);
    *s = (struct model_session){.id = id,
                                .opened_zxid = q->zxid,
                                .joined_zxid = q->zxid,
                                .generation = 1,
                                .timeout_ms = o.timeout_ms,
                                .memory = o.memory,
                                .server = o.server,
                                .origin = q->command->origin};
    if (o.password.len == sizeof(s->password))
        memcpy(s->password, o.password.ptr, sizeof(s->password));
    add_identities(s, o.identities);
}

static void do_upgrade(struct request *q)
{
    q->result->is_duplicate = session_find(q->model, q->command->session) != NULL;
    if (!q->result->is_duplicate)
        do_open(q, q->command->session);
}

/* What one client remembers is not another's. */
static void forget_results(struct model_session *s)
{
    for (size_t i = 0; i < s->result_count; i++)
        zk_buf_fini(&s->results[i].reply);
    s->result_count = 0;
    s->memory = 0;
}

static void do_attach(struct request *q)
{
    struct command_attach a;
    struct model_session *s = session_find(q->model, q->command->session);
    q->result->is_judged = false; /* what the client is told is the door's business */
    if (!s || s->ended_zxid || !command_attach_decode(q->command->payload, &a))
        return;
    if (!zk_slice_eq(a.password, zk_slice(s->password, sizeof(s->password))))
        return;
    q->result->is_duplicate = q->command->origin == s->origin;
    if (q->result->is_duplicate)
        return;
    s->origin = q->command->origin;
    s->joined_zxid = q->zxid;
    s->generation++;
    s->number = 0;
    s->server = a.server;
    s->timeout_ms = a.timeout_ms;
    zk_buf_reset(&s->identities);
    add_identities(s, a.identities);
    if (!a.keeps_memory) {
        q->result->forgot_count = s->memory > 0 ? s->result_count : 0;
        forget_results(s);
    }
}

static bool is_of_session(const struct model_node *node, uint64_t id)
{
    return now(node) && now(node)->stat.ephemeral_owner == (int64_t)id;
}

static void end_session(struct request *q, struct model_session *s, bool was_expired)
{
    for (struct model_node *n = q->model->first; n; n = n->next_ever)
        if (is_of_session(n, s->id))
            remove_node(q, n);
    s->ended_zxid = q->zxid;
    s->was_expired = was_expired;
}

/* Requests, identities and closings are numbered: each once, in order, in the newest generation only. */
static bool is_numbered_right(struct request *q, struct model_session *s)
{
    const struct command *c = q->command;
    q->result->is_stale = c->generation != s->generation;
    q->result->is_duplicate = !q->result->is_stale && c->number <= s->number;
    q->result->is_gap = !q->result->is_stale && c->number > s->number + 1;
    if (q->result->is_stale || q->result->is_duplicate || q->result->is_gap) {
        q->result->is_judged = false;
        return false;
    }
    s->number = c->number;
    return true;
}

static bool recall(struct request *q, const struct model_session *s)
{
    for (size_t i = s->result_count; i > 0 && s->memory > 0; i--) {
        const struct model_memory *memory = &s->results[i - 1];
        if (memory->xid != q->command->xid)
            continue;
        q->result->err = memory->err;
        q->result->is_recalled = true;
        zk_buf_append(&q->result->reply, memory->reply.ptr, memory->reply.len);
        return true;
    }
    return false;
}

static void remember(struct request *q, struct model_session *s)
{
    s->results = zk_realloc(s->results, (s->result_count + 1) * sizeof(*s->results));
    struct model_memory *memory = &s->results[s->result_count++];
    *memory = (struct model_memory){.xid = q->command->xid, .err = q->result->err};
    zk_buf_append(&memory->reply, q->result->reply.ptr, q->result->reply.len);
}

static void carry_out(struct request *q, struct model_session *s)
{
    struct zk_jute in = zk_jute(q->command->payload);
    int32_t op = q->command->op;
    if (recall(q, s))
        return;
    q->result->err = op == ZK_OP_MULTI ? do_multi(q, &in) : do_one(q, op, &in);
    if (in.bad)
        q->result->is_judged = false;
    remember(q, s);
}

static void do_numbered(struct request *q)
{
    const struct command *c = q->command;
    struct model_session *s = session_find(q->model, c->session);
    if (!s || s->ended_zxid) {
        q->result->err = ZK_ERR_SESSION_EXPIRED;
        return;
    }
    if (!is_numbered_right(q, s))
        return;
    struct zk_jute in = zk_jute(c->payload);
    if (c->kind == COMMAND_CLOSE) {
        end_session(q, s, false);
    } else if (c->kind == COMMAND_AUTH) {
        zk_buf_append_slice(&s->identities, zk_jute_rest(&in)); /* pairs of scheme and id, as it keeps them */
    } else {
        carry_out(q, s);
    }
}

/* --- containers and TTL nodes --- */

bool model_has_ended(const struct model_version *v, int64_t time_ms, int64_t never_used_ms)
{
    if (v->stat.num_children > 0)
        return false;
    int64_t idle_ms = time_ms - v->stat.mtime_ms;
    if (v->ttl_ms > 0)
        return idle_ms > v->ttl_ms;
    return v->is_container && (v->creates > 0 || (never_used_ms > 0 && idle_ms > never_used_ms));
}

/* The leader's opinion counts for nothing but the attempt. */
static void do_reap(struct request *q)
{
    struct command_reap reap;
    if (!command_reap_decode(q->command->payload, &reap)) {
        q->result->is_judged = false;
        return;
    }
    struct model_node *node = find(q->model, reap.path);
    const struct model_version *v = now(node);
    if (v && v->stat.czxid == (int64_t)reap.czxid && model_has_ended(v, q->command->time_ms, reap.never_used_ms))
        remove_node(q, node);
}

/* --- the ensemble's configuration --- */

static void do_config(struct request *q)
{
    struct zk_jute in = zk_jute(q->command->payload);
    struct zk_slice lines = zk_jute_string(&in);
    struct model_node *node = find(q->model, zk_slice_str("/zookeeper/config"));
    char text[1024];
    int len = (int)lines.len;
    if (now(node)->data.len > lines.len && memcmp(now(node)->data.ptr, lines.ptr, lines.len) == 0)
        return;
    snprintf(text, sizeof(text), "%.*sversion=%llx", len, (const char *)lines.ptr, (unsigned long long)q->zxid);
    struct model_version *v = touch(q->model, node, q->zxid);
    v->data = zk_slice_str(keep_text(q->model, text));
    v->stat.data_length = (int32_t)v->data.len;
    v->stat.version = -1;
    v->stat.mzxid = (int64_t)q->zxid;
    v->stat.mtime_ms = q->command->time_ms;
    fire(q->result, ZK_EVENT_DATA_CHANGED, node, v->acl);
}

void model_apply(struct model *m, uint64_t zxid, const struct command *c, struct model_result *ret_result)
{
    struct request q = {m, zxid, c, ret_result};
    zk_buf_reset(&ret_result->reply);
    struct zk_buf reply = ret_result->reply;
    struct model_event *events = ret_result->events;
    size_t cap = ret_result->event_cap;
    *ret_result = (struct model_result){.is_judged = true, .reply = reply, .events = events, .event_cap = cap};
    m->touched_count = 0;
    struct model_session *s;
    switch (c->kind) {
    case COMMAND_OPEN:
        do_open(&q, zxid);
        break;
    case COMMAND_UPGRADE:
        do_upgrade(&q);
        break;
    case COMMAND_ATTACH:
        do_attach(&q);
        break;
    case COMMAND_EXPIRE:
        s = session_find(m, c->session);
        if (s && !s->ended_zxid && s->generation == c->generation)
            end_session(&q, s, true);
        break;
    case COMMAND_REAP:
        do_reap(&q);
        break;
    case COMMAND_CONFIG:
        do_config(&q);
        break;
    case COMMAND_REQUEST:
    case COMMAND_AUTH:
    case COMMAND_CLOSE:
        do_numbered(&q);
        break;
    default:
        ret_result->is_judged = false;
    }
}
