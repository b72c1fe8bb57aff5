#include "tests/sim/model_impl.h"
#include "common/path.h"
#include <stdio.h>

/* --- nodes and versions --- */

static uint32_t bucket_of(struct zk_slice path)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < path.len; i++)
        hash = (hash ^ path.ptr[i]) * 16777619u;
    return (hash ^ hash >> 15) % BUCKETS;
}

struct model_node *model_node_at(const struct model *m, struct zk_slice path)
{
    for (struct model_node *n = m->buckets[bucket_of(path)]; n; n = n->next)
        if (n->path_len == path.len && memcmp(n->path, path.ptr, path.len) == 0)
            return n;
    return NULL;
}

const struct model_node *model_find(const struct model *m, struct zk_slice path)
{
    return model_node_at(m, path);
}

struct zk_slice model_path(const struct model_node *node)
{
    return zk_slice(node->path, node->path_len);
}

const struct model_node *model_parent(const struct model_node *node)
{
    return node->parent;
}

struct model_node *model_node_make(struct model *m, struct zk_slice path, struct model_node *parent)
{
    struct model_node *n = model_node_at(m, path);
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

const struct model_version *model_now(const struct model_node *node)
{
    return node ? model_at(node, UINT64_MAX) : NULL;
}

struct model_version *model_touch(struct model *m, struct model_node *node, uint64_t zxid)
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

void model_undo(struct model *m)
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
    struct model_node *up = parent ? model_node_at(m, zk_slice_str(parent)) : NULL;
    struct model_version *v = model_touch(m, model_node_make(m, zk_slice_str(path), up), 0);
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
        free(m->sessions[i].identities);
        for (size_t k = 0; k < m->sessions[i].result_count; k++)
            zk_buf_fini(&m->sessions[i].results[k].reply);
        free(m->sessions[i].results);
    }
    for (size_t i = 0; i < m->guest_count; i++)
        free(m->guests[i].identities);
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

static void keep(struct model *m, char *text)
{
    m->texts = zk_realloc(m->texts, (m->text_count + 1) * sizeof(*m->texts));
    m->texts[m->text_count++] = text;
}

char *model_keep_text(struct model *m, const char *text)
{
    char *copy = zk_strdup(text);
    keep(m, copy);
    return copy;
}

struct zk_slice model_keep_bytes(struct model *m, struct zk_slice bytes)
{
    char *copy = zk_slice_dup(bytes);
    keep(m, copy);
    return zk_slice(copy, bytes.len);
}

void model_fire(struct model_result *r, enum zk_event_type type, const struct model_node *node, struct zk_slice acl)
{
    if (r->event_count == r->event_cap) {
        r->event_cap = r->event_cap ? 2 * r->event_cap : 4;
        r->events = zk_realloc(r->events, r->event_cap * sizeof(*r->events));
    }
    r->events[r->event_count++] = (struct model_event){type, node, acl};
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
    struct model_node *node = model_node_at(q->model, reap.path);
    const struct model_version *v = model_now(node);
    if (v && v->stat.czxid == (int64_t)reap.czxid && model_has_ended(v, q->command->time_ms, reap.never_used_ms))
        model_remove(q, node);
}

/* --- the ensemble's configuration --- */

static void do_config(struct request *q)
{
    struct zk_jute in = zk_jute(q->command->payload);
    struct zk_slice lines = zk_jute_string(&in);
    struct model_node *node = model_node_at(q->model, zk_slice_str("/zookeeper/config"));
    char text[1024];
    int len = (int)lines.len;
    if (model_now(node)->data.len > lines.len && memcmp(model_now(node)->data.ptr, lines.ptr, lines.len) == 0)
        return;
    snprintf(text, sizeof(text), "%.*sversion=%llx", len, (const char *)lines.ptr, (unsigned long long)q->zxid);
    struct model_version *v = model_touch(q->model, node, q->zxid);
    v->data = zk_slice_str(model_keep_text(q->model, text));
    v->stat.data_length = (int32_t)v->data.len;
    v->stat.version = -1;
    v->stat.mzxid = (int64_t)q->zxid;
    v->stat.mtime_ms = q->command->time_ms;
    model_fire(q->result, ZK_EVENT_DATA_CHANGED, node, v->acl);
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
        model_open(&q, zxid);
        break;
    case COMMAND_UPGRADE:
        model_upgrade(&q);
        break;
    case COMMAND_ATTACH:
        model_attach(&q);
        break;
    case COMMAND_EXPIRE:
        s = model_session_at(m, c->session);
        if (s && !s->ended_zxid && s->generation == c->generation)
            model_end_session(&q, s, true);
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
        model_numbered(&q);
        break;
    default:
        ret_result->is_judged = false;
    }
}
