/* Lists of children. */
#include "server/state/inside.h"

static void put_stat(struct zk_buf *out, const struct node *n)
{
    struct zk_stat stat = node_stat(n);
    zk_stat_encode(out, &stat);
}

int state_get_children(const struct state *s, uint64_t session, struct zk_slice path, bool with_stat,
                       size_t bytes_max, struct zk_buf *out)
{
    int err;
    const struct node *n = state_find_readable(s, session, path, ZK_PERM_READ, &err);
    if (n == NULL)
        return err;
    size_t start = out->len;
    zk_jute_put_int(out, (int32_t)node_child_count(n));
    struct children_cursor c = children_begin(&s->tree, n);
    for (uint32_t h; (h = children_next(&c)) != 0 && out->len - start <= bytes_max; state_look(s))
        zk_jute_put_string(out, node_name(state_node(s, h)));
    if (with_stat)
        put_stat(out, n);
    return out->len - start <= bytes_max ? 0 : ZK_ERR_BAD_ARGUMENTS;
}

/* --- pages --- */

/* One page in the making. */
struct page {
    const struct state *s;
    struct zk_slice identities;
    const struct zk_page_request *r;
    struct children_cursor cursor;
    struct zk_buf *out;
    size_t start;
};

static bool begins_with(struct zk_slice name, struct zk_slice prefix)
{
    return name.len >= prefix.len && (prefix.len == 0 || memcmp(name.ptr, prefix.ptr, prefix.len) == 0);
}

static struct zk_slice text(struct zk_slice given)
{
    return given.ptr ? given : zk_slice("", 0);
}

/* Names with the prefix stand together: the first is the first that is not less. */
static struct children_cursor page_begin(const struct state *s, const struct node *n, const struct zk_page_request *r)
{
    struct zk_slice from = text(r->from), prefix = text(r->prefix);
    return children_from(&s->tree, n, zk_slice_cmp(from, prefix) > 0 ? from : prefix);
}

/* The next child that belongs on a page; 0 if there is none. */
static uint32_t page_next(struct page *p)
{
    state_look(p->s);
    uint32_t h = children_next(&p->cursor);
    if (h != 0 && (p->r->flags & ZK_PAGE_AFTER) && zk_slice_eq(node_name(state_node(p->s, h)), text(p->r->from)))
        h = children_next(&p->cursor);
    return h != 0 && begins_with(node_name(state_node(p->s, h)), p->r->prefix) ? h : 0;
}

/* False, and nothing put, if the page is full. */
static bool page_put(struct page *p, uint32_t handle, int32_t count)
{
    const struct node *n = state_node(p->s, handle);
    struct zk_page_entry e = {.name = node_name(n)};
    e.has_stat = (p->r->flags & ZK_PAGE_STATS) && node_allows(p->s, n, ZK_PERM_READ, p->identities);
    size_t bytes = ZK_PAGE_ENTRY_MIN_BYTES + e.name.len + (e.has_stat ? ZK_STAT_BYTES : 0);
    bool is_full = p->r->count > 0 ? count == p->r->count : false;
    if (is_full || (count > 0 && p->out->len - p->start + bytes > ZK_PAGE_BYTES_MAX))
        return false;
    if (e.has_stat)
        e.stat = node_stat(n);
    zk_page_entry_encode(p->out, &e);
    return true;
}

int state_get_children_page(const struct state *s, uint64_t session, const struct zk_page_request *r,
                            struct zk_buf *out)
{
    int err;
    if (r->count < 0 || (r->flags & ~(ZK_PAGE_STATS | ZK_PAGE_AFTER)) != 0)
        return ZK_ERR_BAD_ARGUMENTS;
    const struct node *n = state_find_readable(s, session, r->path, ZK_PERM_READ, &err);
    if (n == NULL)
        return err;
    struct page p = {.s = s, .identities = state_identities(s, session), .r = r, .out = out, .start = out->len};
    p.cursor = page_begin(s, n, r);
    zk_jute_put_int(out, 0);
    int32_t count = 0;
    uint32_t h = page_next(&p);
    for (; h != 0 && page_put(&p, h, count); count++)
        h = page_next(&p);
    zk_jute_set_int(out, p.start, count);
    zk_jute_put_bool(out, h != 0);
    put_stat(out, n);
    return 0;
}

/* --- ClickHouse Keeper's --- */

struct filter {
    const struct state *s;
    const struct node *parent;
    uint8_t type;
};

static bool passes(const struct filter *f, const struct node *n)
{
    return f->type == ZK_LIST_ALL || (n->kind == NODE_EPHEMERAL) == (f->type == ZK_LIST_EPHEMERAL);
}

static const struct node *filter_next(const struct filter *f, struct children_cursor *c)
{
    for (uint32_t h; (h = children_next(c)) != 0;) {
        state_look(f->s);
        if (passes(f, state_node(f->s, h)))
            return state_node(f->s, h);
    }
    return NULL;
}

static bool may_read_all(const struct state *s, const struct node *parent, struct zk_slice identities)
{
    struct children_cursor c = children_begin(&s->tree, parent);
    for (uint32_t h; (h = children_next(&c)) != 0;) {
        state_look(s);
        if (!node_allows(s, state_node(s, h), ZK_PERM_READ, identities))
            return false;
    }
    return true;
}

typedef void put_child_fn(struct zk_buf *out, const struct node *n);

static void put_name(struct zk_buf *out, const struct node *n)
{
    zk_jute_put_string(out, node_name(n));
}

static void put_data(struct zk_buf *out, const struct node *n)
{
    zk_jute_put_buffer(out, node_data(n));
}

/* A vector of what `fn` puts for each child; false once `out` is longer than `end`. */
static bool put_vector(struct zk_buf *out, const struct filter *f, put_child_fn *fn, size_t end)
{
    size_t at = out->len;
    int32_t count = 0;
    struct children_cursor c = children_begin(&f->s->tree, f->parent);
    zk_jute_put_int(out, 0);
    for (const struct node *n; out->len <= end && (n = filter_next(f, &c)) != NULL; count++)
        fn(out, n);
    zk_jute_set_int(out, at, count);
    return out->len <= end;
}

static void put_no_vector(struct zk_buf *out)
{
    zk_jute_put_int(out, 0);
}

int state_filtered_list(const struct state *s, uint64_t session, int32_t op, const struct zk_filtered_list_request *r,
                        size_t bytes_max, struct zk_buf *out)
{
    int err;
    if (r->type > ZK_LIST_EPHEMERAL)
        return ZK_ERR_BAD_ARGUMENTS;
    const struct node *n = state_find_readable(s, session, r->path, ZK_PERM_READ, &err);
    if (n == NULL)
        return err;
    bool is_plain = r->type == ZK_LIST_ALL && !r->with_stats && !r->with_data;
    if (!is_plain && !may_read_all(s, n, state_identities(s, session)))
        return ZK_ERR_NO_AUTH;
    struct filter f = {s, n, r->type};
    size_t end = out->len + bytes_max;
    bool fit = put_vector(out, &f, put_name, end);
    put_stat(out, n);
    if (op == ZK_OP_FILTERED_LIST_WITH_DATA) {
        if (r->with_stats)
            fit = fit && put_vector(out, &f, put_stat, end);
        else
            put_no_vector(out);
        if (r->with_data)
            fit = fit && put_vector(out, &f, put_data, end);
        else
            put_no_vector(out);
    }
    return fit ? 0 : ZK_ERR_BAD_ARGUMENTS;
}

/* Level by level: the nodes that are listed are the queue of those whose children come next. */
struct levels {
    const struct state *s;
    struct zk_slice identities;
    uint32_t *nodes;
    size_t count, cap;
    size_t looked_at;
    struct zk_buf *out;
};

static void put_path(struct levels *l, uint32_t handle)
{
    size_t at = l->out->len;
    zk_jute_put_int(l->out, 0);
    tree_path(&l->s->tree, handle, l->out);
    zk_jute_set_int(l->out, at, (int32_t)(l->out->len - at - 4));
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->nodes = zk_realloc(l->nodes, l->cap * sizeof *l->nodes);
    }
    l->nodes[l->count++] = handle;
}

/* False at the end of what may be listed. */
static bool list_below(struct levels *l, const struct node *parent, size_t limit, size_t end)
{
    struct children_cursor c = children_begin(&l->s->tree, parent);
    for (uint32_t h; (h = children_next(&c)) != 0;) {
        state_look(l->s);
        if (++l->looked_at > STATE_LIST_RECURSIVE_MAX || l->out->len > end)
            return false;
        if (!node_allows(l->s, state_node(l->s, h), ZK_PERM_READ, l->identities))
            continue;
        if (l->count >= limit)
            return false;
        put_path(l, h);
    }
    return true;
}

int state_list_recursive(const struct state *s, uint64_t session, struct zk_path_limit r, size_t bytes_max,
                         struct zk_buf *out)
{
    int err;
    const struct node *n = state_find_readable(s, session, r.path, ZK_PERM_READ, &err);
    if (n == NULL)
        return err;
    struct levels l = {.s = s, .identities = state_identities(s, session), .out = out};
    size_t at = out->len;
    zk_jute_put_int(out, 0);
    bool more = list_below(&l, n, r.limit, at + bytes_max);
    for (size_t i = 0; more && i < l.count; i++)
        more = list_below(&l, state_node(s, l.nodes[i]), r.limit, at + bytes_max);
    zk_jute_set_int(out, at, (int32_t)l.count);
    free(l.nodes);
    bool fit = out->len - at <= bytes_max && l.looked_at <= STATE_LIST_RECURSIVE_MAX;
    return fit ? 0 : ZK_ERR_BAD_ARGUMENTS;
}
