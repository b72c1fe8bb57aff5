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
    for (uint32_t h; (h = children_next(&c)) != 0 && out->len - start <= bytes_max;)
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
