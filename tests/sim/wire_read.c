#include "tests/sim/wire_impl.h"

/* --- replies to reads --- */

/* What follows is this node's stat; it is taken. */
static bool is_stat(struct zk_jute *in, const struct model_version *v)
{
    struct zk_buf bytes;
    zk_buf_init(&bytes);
    zk_stat_encode(&bytes, &v->stat);
    bool ok = zk_jute_left(in) >= bytes.len && memcmp(in->at, bytes.ptr, bytes.len) == 0;
    zk_buf_fini(&bytes);
    (void)zk_stat_decode(in);
    return ok;
}

static bool is_special(const struct model_version *v)
{
    return v->zxid == 0; /* never touched: its times and ACL are the state's own business */
}

static void judge_stat(struct wire *wire, const struct model_node *node, const struct model_version *v, uint64_t zxid,
                       struct zk_jute *in)
{
    if (!is_stat(in, v) && !is_special(v))
        FAIL(wire, "I16", "another stat of %.*s at %" PRIx64, (int)model_path(node).len,
             (const char *)model_path(node).ptr, zxid);
}

static void judge_children(struct wire *wire, const struct model_node *node, uint64_t zxid, struct zk_jute *in)
{
    int32_t count = zk_jute_count(in, 4);
    bool ok = count >= 0 && (size_t)count == model_child_count(node, zxid);
    for (int32_t i = 0; i < count && ok; i++) {
        const struct model_node *child = model_child(node, zk_jute_string(in));
        ok = child && model_at(child, zxid);
    }
    if (!ok || in->bad)
        FAIL(wire, "I16", "other children of %.*s at %" PRIx64 ": %" PRId32 ", should be %zu",
             (int)model_path(node).len, (const char *)model_path(node).ptr, zxid, count,
             model_child_count(node, zxid));
}

static void judge_found(struct wire *wire, int32_t op, const struct model_node *node, const struct model_version *v,
                        uint64_t zxid, struct zk_jute *in)
{
    struct zk_slice path = model_path(node);
    if (op == ZK_OP_GET_CHILDREN || op == ZK_OP_GET_CHILDREN2)
        judge_children(wire, node, zxid, in);
    if (op == ZK_OP_GET_DATA) {
        struct zk_slice data = zk_jute_buffer(in);
        if (in->bad || !zk_slice_eq(data, v->data))
            FAIL(wire, "I16", "other data of %.*s at %" PRIx64, (int)path.len, (const char *)path.ptr, zxid);
    }
    if (op != ZK_OP_GET_CHILDREN)
        judge_stat(wire, node, v, zxid, in);
}

/* The outcome of reading a path. */
static void judge_err(struct wire *wire, int32_t op, struct zk_slice path, uint64_t zxid, int32_t err)
{
    const struct model *model = ledger_model(wire->world->ledger);
    const struct model_node *node = model_find(model, path);
    const struct model_version *v = node ? model_at(node, zxid) : NULL;
    int32_t perms = op == ZK_OP_GET_ACL ? ZK_PERM_READ | ZK_PERM_ADMIN : ZK_PERM_READ;
    int32_t expected = !v                                                      ? ZK_ERR_NO_NODE
                       : !model_may(model, wire->session, v->acl, perms, zxid) ? ZK_ERR_NO_AUTH
                                                                               : ZK_ERR_OK;
    if (err != expected)
        FAIL(wire, "I16", "op %" PRId32 " of %.*s at %" PRIx64 " gives %s, should be %s", op, (int)path.len,
             (const char *)path.ptr, zxid, zk_err_text(err), zk_err_text(expected));
}

/* One read of a path, alone or in a multiRead: `in` is at its record. */
static void judge_one_read(struct wire *wire, int32_t op, struct zk_slice path, uint64_t zxid, int32_t err,
                           struct zk_jute *in)
{
    judge_err(wire, op, path, zxid, err);
    if (err != ZK_ERR_OK)
        return;
    const struct model_node *node = model_find(ledger_model(wire->world->ledger), path);
    judge_found(wire, op, node, model_at(node, zxid), zxid, in);
}

static void judge_end(struct wire *wire, const struct asked *a, const struct zk_jute *in)
{
    if (in->bad || zk_jute_left(in) > 0)
        FAIL(wire, "protocol", "the record of op %" PRId32 " is too short or too long", a->op);
}

void wire_judge_read(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct zk_path_watch r = zk_path_watch_decode(&request);
    uint64_t zxid = (uint64_t)h->zxid;
    judge_one_read(wire, a->op, r.path, zxid, h->err, in);
    judge_end(wire, a, in);
    bool is_child = a->op == ZK_OP_GET_CHILDREN || a->op == ZK_OP_GET_CHILDREN2;
    if (r.watch && (h->err == ZK_ERR_OK || (h->err == ZK_ERR_NO_NODE && a->op == ZK_OP_EXISTS)))
        wire_arm(wire, r.path, is_child ? WATCH_CHILD : WATCH_DATA, zxid);
}

/* --- who may what --- */

/* The entry as it is kept, or, for who may not change the list, without a digest's hash. */
static bool is_shown_entry(const struct zk_acl *shown, const struct zk_acl *kept, bool is_masked)
{
    struct zk_slice id = kept->id;
    if (shown->perms != kept->perms || !zk_slice_eq(shown->scheme, kept->scheme))
        return false;
    if (!is_masked || !zk_slice_eq(kept->scheme, zk_slice_str("digest")))
        return zk_slice_eq(shown->id, id);
    while (id.len > 0 && id.ptr[id.len - 1] != ':')
        id.len--;
    return shown->id.len == id.len + 1 && memcmp(shown->id.ptr, id.ptr, id.len) == 0 && shown->id.ptr[id.len] == 'x';
}

void wire_judge_acl(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    const struct model *model = ledger_model(wire->world->ledger);
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct zk_slice path = zk_jute_string(&request);
    uint64_t zxid = (uint64_t)h->zxid;
    judge_err(wire, a->op, path, zxid, h->err);
    if (h->err != ZK_ERR_OK)
        return;
    const struct model_node *node = model_find(model, path);
    const struct model_version *v = model_at(node, zxid);
    if (is_special(v))
        return;
    bool is_masked = !model_may(model, wire->session, v->acl, ZK_PERM_ADMIN, zxid);
    struct zk_jute kept = zk_jute(v->acl);
    int32_t count = v->acl.ptr ? zk_jute_count(&kept, ZK_ACL_MIN_BYTES) : 0;
    bool ok = !v->acl.ptr || zk_jute_count(in, ZK_ACL_MIN_BYTES) == count;
    for (int32_t i = 0; ok && i < count; i++) {
        struct zk_acl shown = zk_acl_decode(in), own = zk_acl_decode(&kept);
        ok = is_shown_entry(&shown, &own, is_masked);
    }
    if (!ok)
        FAIL(wire, "I16", "another ACL of %.*s at %" PRIx64, (int)path.len, (const char *)path.ptr, zxid);
    if (!v->acl.ptr)
        return;
    judge_stat(wire, node, v, zxid, in);
    judge_end(wire, a, in);
    if (is_masked)
        world_count(wire->world, MARK_ACL_MASKED);
}

/* --- replies to the smaller questions --- */

/* The children that a page may show, sorted. */
struct page {
    const struct model_node *parent;
    const struct zk_page_request *r;
    struct zk_buf nodes; /* of pointers */
};

static void gather_page(void *arg, const struct model_node *node, const struct model_version *version)
{
    struct page *p = arg;
    struct zk_slice name = zk_path_basename(model_path(node));
    int order = zk_slice_cmp(name, p->r->from);
    bool is_wanted = order > 0 || (order == 0 && !(p->r->flags & ZK_PAGE_AFTER));
    if (model_parent(node) == p->parent && is_wanted && name.len >= p->r->prefix.len &&
        memcmp(name.ptr, p->r->prefix.ptr, p->r->prefix.len) == 0)
        zk_buf_append(&p->nodes, &node, sizeof(node));
}

static int by_path(const void *a, const void *b)
{
    return zk_slice_cmp(model_path(*(const struct model_node *const *)a),
                        model_path(*(const struct model_node *const *)b));
}

/* One of a page: this child, with its Stat if that was asked and may be told. */
static bool is_entry(struct wire *wire, const struct zk_page_request *r, const struct model_node *child, uint64_t zxid,
                     struct zk_jute *in)
{
    const struct model_version *v = model_at(child, zxid);
    bool may = model_may(ledger_model(wire->world->ledger), wire->session, v->acl, ZK_PERM_READ, zxid);
    bool ok = zk_slice_eq(zk_jute_string(in), zk_path_basename(model_path(child)));
    bool has_stat = zk_jute_bool(in);
    ok = ok && has_stat == ((r->flags & ZK_PAGE_STATS) && may);
    return ok && (!has_stat || is_stat(in, v) || is_special(v));
}

void wire_judge_page(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    const struct model *model = ledger_model(wire->world->ledger);
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct zk_page_request r = zk_page_request_decode(&request);
    uint64_t zxid = (uint64_t)h->zxid;
    judge_err(wire, a->op, r.path, zxid, h->err);
    if (h->err != ZK_ERR_OK)
        return;
    struct page p = {.parent = model_find(model, r.path), .r = &r};
    zk_buf_init(&p.nodes);
    model_each(model, zxid, gather_page, &p);
    const struct model_node **nodes = (const struct model_node **)(void *)p.nodes.ptr;
    size_t all = p.nodes.len / sizeof(*nodes);
    if (all > 0)
        qsort(nodes, all, sizeof(*nodes), by_path);
    size_t want = r.count > 0 && (size_t)r.count < all ? (size_t)r.count : all;
    int32_t count = zk_jute_count(in, ZK_PAGE_ENTRY_MIN_BYTES);
    bool ok = count >= 0 && (size_t)count == want;
    for (size_t i = 0; ok && i < want; i++)
        ok = is_entry(wire, &r, nodes[i], zxid, in);
    if (!ok || zk_jute_bool(in) != (want < all))
        FAIL(wire, "I16", "another page of %.*s at %" PRIx64 ": %" PRId32 " names, should be %zu", (int)r.path.len,
             (const char *)r.path.ptr, zxid, count, want);
    judge_stat(wire, p.parent, model_at(p.parent, zxid), zxid, in);
    judge_end(wire, a, in);
    zk_buf_fini(&p.nodes);
    world_count(wire->world, MARK_PAGE);
}

/* --- replies to what ClickHouse asks --- */

struct listing {
    const struct model *model;
    uint64_t session;
    uint64_t zxid;
    const struct model_node *parent;
    const struct zk_filtered_list_request *r;
    bool may_all; /* read every child */
    struct zk_buf nodes; /* of pointers */
};

static void gather_listing(void *arg, const struct model_node *node, const struct model_version *version)
{
    struct listing *l = arg;
    if (model_parent(node) != l->parent)
        return;
    bool is_ephemeral = version->stat.ephemeral_owner != 0;
    l->may_all = l->may_all && model_may(l->model, l->session, version->acl, ZK_PERM_READ, l->zxid);
    if (l->r->type == ZK_LIST_ALL || is_ephemeral == (l->r->type == ZK_LIST_EPHEMERAL))
        zk_buf_append(&l->nodes, &node, sizeof(node));
}

/* The parts of the record, in their order: names, the node's Stat, and what else was asked. */
static bool is_listing(struct wire *wire, int32_t op, const struct listing *l, uint64_t zxid, struct zk_jute *in)
{
    const struct model_node **nodes = (const struct model_node **)(void *)l->nodes.ptr;
    size_t count = l->nodes.len / sizeof(*nodes);
    bool ok = zk_jute_count(in, 4) == (int32_t)count;
    for (size_t i = 0; i < count; i++)
        ok = ok && zk_slice_eq(zk_jute_string(in), zk_path_basename(model_path(nodes[i])));
    judge_stat(wire, l->parent, model_at(l->parent, zxid), zxid, in);
    if (op == ZK_OP_FILTERED_LIST)
        return ok;
    ok = ok && zk_jute_count(in, ZK_STAT_BYTES) == (int32_t)(l->r->with_stats ? count : 0);
    for (size_t i = 0; ok && l->r->with_stats && i < count; i++)
        judge_stat(wire, nodes[i], model_at(nodes[i], zxid), zxid, in);
    ok = ok && zk_jute_count(in, 4) == (int32_t)(l->r->with_data ? count : 0);
    for (size_t i = 0; ok && l->r->with_data && i < count; i++)
        ok = zk_slice_eq(zk_jute_buffer(in), model_at(nodes[i], zxid)->data);
    return ok;
}

static void judge_list(struct wire *wire, int32_t op, const struct zk_filtered_list_request *r, uint64_t zxid, int32_t err,
                       struct zk_jute *in)
{
    const struct model *model = ledger_model(wire->world->ledger);
    struct listing l = {model, wire->session, zxid, model_find(model, r->path), r, true, {0}};
    bool is_plain = r->type == ZK_LIST_ALL && !r->with_stats && !r->with_data;
    if (l.parent && model_at(l.parent, zxid))
        model_each(model, zxid, gather_listing, &l);
    bool may_be_refused = !is_plain && !l.may_all;
    if (!may_be_refused || err != ZK_ERR_NO_AUTH)
        judge_err(wire, op, r->path, zxid, err);
    size_t count = l.nodes.len / sizeof(void *);
    if (count > 0)
        qsort(l.nodes.ptr, count, sizeof(void *), by_path);
    if (err == ZK_ERR_OK && (may_be_refused || !is_listing(wire, op, &l, zxid, in)))
        FAIL(wire, "I16", "another list of %.*s at %" PRIx64, (int)r->path.len, (const char *)r->path.ptr, zxid);
    zk_buf_fini(&l.nodes);
}

void wire_judge_listing(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct zk_filtered_list_request r = zk_filtered_list_request_decode(&request, a->op);
    judge_list(wire, a->op, &r, (uint64_t)h->zxid, h->err, in);
    judge_end(wire, a, in);
    if (h->err == ZK_ERR_OK && r.watch)
        wire_arm(wire, r.path, WATCH_CHILD, (uint64_t)h->zxid);
}

static void judge_part(struct wire *wire, int32_t op, struct zk_jute *request, uint64_t zxid, int32_t err,
                       struct zk_jute *in)
{
    if (op == ZK_OP_FILTERED_LIST || op == ZK_OP_FILTERED_LIST_WITH_DATA) {
        struct zk_filtered_list_request r = zk_filtered_list_request_decode(request, op);
        judge_list(wire, op, &r, zxid, err, in);
        return;
    }
    judge_one_read(wire, op, zk_path_watch_decode(request).path, zxid, err, in);
}

void wire_judge_multi_read(struct wire *wire, const struct asked *a, const struct zk_reply_header *h,
                           struct zk_jute *in)
{
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    for (;;) {
        struct zk_multi_header asked = zk_multi_header_decode(&request);
        struct zk_multi_header given = zk_multi_header_decode(in);
        if (h->err != ZK_ERR_OK || in->bad || asked.done != given.done)
            FAIL(wire, "I16", "a multiRead gives %s, or other parts than it asks for", zk_err_text(h->err));
        if (asked.done)
            break;
        bool is_error = given.type == ZK_OP_ERROR;
        if ((!is_error && given.type != asked.type) || (is_error && zk_jute_int(in) != given.err))
            FAIL(wire, "I16", "a part of a multiRead that asks for %" PRId32 " gives %" PRId32, asked.type, given.type);
        judge_part(wire, asked.type, &request, (uint64_t)h->zxid, given.err, in);
    }
    judge_end(wire, a, in);
}

struct reachable {
    const struct model *model;
    uint64_t session;
    uint64_t zxid;
    const struct model_node *top;
    size_t count;
};

/* It and all between it and the top may be read. */
static void count_reachable(void *arg, const struct model_node *node, const struct model_version *version)
{
    struct reachable *r = arg;
    const struct model_node *n = node;
    while (n && n != r->top && model_may(r->model, r->session, model_at(n, r->zxid)->acl, ZK_PERM_READ, r->zxid))
        n = model_parent(n);
    r->count += node != r->top && n == r->top;
}

/* Every path is below, may be read, stands behind its parent's and comes once; and there are as many as there should be. */
void wire_judge_paths(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    const struct model *model = ledger_model(wire->world->ledger);
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct zk_path_limit r = zk_path_limit_decode(&request);
    uint64_t zxid = (uint64_t)h->zxid;
    judge_err(wire, a->op, r.path, zxid, h->err);
    if (h->err != ZK_ERR_OK)
        return;
    struct reachable all = {model, wire->session, zxid, model_find(model, r.path), 0};
    model_each(model, zxid, count_reachable, &all);
    struct zk_jute again = *in;
    int32_t count = zk_jute_count(in, 4);
    bool ok = count >= 0 && (size_t)count == (all.count < r.limit ? all.count : r.limit);
    for (int32_t i = 0; ok && i < count; i++) {
        struct zk_slice path = zk_jute_string(in);
        const struct model_node *node = model_find(model, path);
        const struct model_version *v = node ? model_at(node, zxid) : NULL;
        bool is_below = v && zk_slice_eq(zk_path_parent(path), r.path);
        struct zk_jute before = again;
        (void)zk_jute_count(&before, 4);
        for (int32_t k = 0; k < i; k++) {
            struct zk_slice earlier = zk_jute_string(&before);
            is_below = is_below || (v && zk_slice_eq(zk_path_parent(path), earlier));
            ok = ok && !zk_slice_eq(earlier, path);
        }
        ok = ok && is_below && model_may(model, wire->session, v->acl, ZK_PERM_READ, (uint64_t)h->zxid);
    }
    if (!ok)
        FAIL(wire, "I16", "other paths below %.*s at %" PRIx64, (int)r.path.len, (const char *)r.path.ptr, zxid);
    judge_end(wire, a, in);
}

void wire_judge_check(struct wire *wire, const struct asked *a, const struct zk_reply_header *h)
{
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    int32_t want = model_compare(ledger_model(wire->world->ledger), (uint64_t)h->zxid, wire->session, a->op, &request);
    if (h->err != want)
        FAIL(wire, "I16", "op %" PRId32 " at %" PRIx64 " gives %s, should be %s", a->op, (uint64_t)h->zxid,
             zk_err_text(h->err), zk_err_text(want));
}

struct count {
    struct zk_slice path;
    uint64_t owner;
    int32_t below;
    int32_t ephemerals;
};

static bool begins_with(struct zk_slice path, struct zk_slice prefix)
{
    return path.len >= prefix.len && memcmp(path.ptr, prefix.ptr, prefix.len) == 0;
}

static void count_node(void *arg, const struct model_node *node, const struct model_version *version)
{
    struct count *c = arg;
    struct zk_slice path = model_path(node);
    c->below += zk_path_within(path, c->path) && !zk_slice_eq(path, c->path);
    c->ephemerals += version->stat.ephemeral_owner == (int64_t)c->owner && begins_with(path, c->path);
}

void wire_judge_number(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    const struct model *model = ledger_model(wire->world->ledger);
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct count c = {.path = zk_jute_string(&request)};
    judge_err(wire, a->op, c.path, (uint64_t)h->zxid, h->err);
    if (h->err != ZK_ERR_OK)
        return;
    model_each(model, (uint64_t)h->zxid, count_node, &c);
    int32_t number = zk_jute_int(in);
    if (number != c.below)
        FAIL(wire, "I16", "%" PRId32 " nodes below %.*s, should be %" PRId32, number, (int)c.path.len,
             (const char *)c.path.ptr, c.below);
    judge_end(wire, a, in);
}

void wire_judge_ephemerals(struct wire *wire, const struct asked *a, const struct zk_reply_header *h,
                             struct zk_jute *in)
{
    const struct model *model = ledger_model(wire->world->ledger);
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct count c = {.path = zk_jute_string(&request), .owner = wire->session};
    model_each(model, (uint64_t)h->zxid, count_node, &c);
    int32_t count = zk_jute_count(in, 4);
    bool ok = h->err == ZK_ERR_OK && count == c.ephemerals;
    for (int32_t i = 0; i < count && ok; i++) {
        struct zk_slice path = zk_jute_string(in);
        const struct model_node *node = model_find(model, path);
        const struct model_version *v = node ? model_at(node, (uint64_t)h->zxid) : NULL;
        ok = v && v->stat.ephemeral_owner == (int64_t)wire->session && begins_with(path, c.path);
    }
    if (!ok)
        FAIL(wire, "I17", "%" PRId32 " ephemerals that begin with %.*s, or others, should be %" PRId32, count,
             (int)c.path.len, (const char *)c.path.ptr, c.ephemerals);
    judge_end(wire, a, in);
}

/* Scheme and user: of a digest what stands before the colon. */
static bool is_told(struct zk_jute *in, const struct model_identity *who)
{
    const uint8_t *colon = who->id.len ? memchr(who->id.ptr, ':', who->id.len) : NULL;
    struct zk_slice user = colon ? zk_slice(who->id.ptr, (size_t)(colon - who->id.ptr)) : who->id;
    return zk_slice_eq(zk_jute_string(in), who->scheme) && zk_slice_eq(zk_jute_string(in), user);
}

void wire_judge_who_am_i(struct wire *wire, const struct asked *a, const struct zk_reply_header *h,
                         struct zk_jute *in)
{
    const struct model *model = ledger_model(wire->world->ledger);
    const struct model_session *s = model_session(model, wire->session);
    const struct model_identity *who;
    uint64_t zxid = (uint64_t)h->zxid;
    if (!s || s->opened_zxid > zxid)
        s = model_guest_of(model, wire->session);
    if (!s)
        return;
    int32_t count = zk_jute_count(in, 8), told = 0;
    bool ok = h->err == ZK_ERR_OK;
    for (; ok && (who = model_identity(s, zxid, (size_t)told)); told++)
        ok = is_told(in, who);
    if (!ok || told != count)
        FAIL(wire, "I20", "is told that it is somebody else (%s)", zk_err_text(h->err));
    judge_end(wire, a, in);
}
