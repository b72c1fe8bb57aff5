#include "server/state/order.h"
#include "common/path.h"
#include <stdlib.h>

struct place {
    const struct tree *tree;
    uint32_t parent;
    uint32_t handle;
    bool is_leaf;
};

struct places {
    struct place *at;
    size_t count;
    size_t cap;
};

static void add(struct places *p, const struct tree *t, uint32_t handle, bool is_leaf)
{
    if (p->count == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 16;
        p->at = zk_realloc(p->at, p->cap * sizeof *p->at);
    }
    p->at[p->count++] = (struct place){t, tree_at(t, handle)->parent, handle, is_leaf};
}

static void gather(struct places *p, struct tree *t, uint32_t leaf)
{
    add(p, t, leaf, true);
    for (uint32_t h = tree_at(t, leaf)->parent; h != NODE_ROOT && !tree_at(t, h)->gathered; h = tree_at(t, h)->parent) {
        tree_at(t, h)->gathered = 1;
        add(p, t, h, false);
    }
}

/* What stands in a leaf's path behind the name of `x`: nothing if that is the leaf, else the slash. */
static int behind(const struct place *x)
{
    return x->is_leaf ? -1 : '/';
}

/* Siblings stand together, in the order of the paths that go through them. */
static int by_parent(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->parent != y->parent)
        return x->parent < y->parent ? -1 : 1;
    struct zk_slice name_x = node_name(tree_at(x->tree, x->handle)), name_y = node_name(tree_at(y->tree, y->handle));
    size_t len = name_x.len < name_y.len ? name_x.len : name_y.len;
    int order = memcmp(name_x.ptr, name_y.ptr, len);
    if (order != 0 || name_x.len == name_y.len)
        return order;
    return name_x.len == len ? behind(x) - name_y.ptr[len] : name_x.ptr[len] - behind(y);
}

/* Where those below `parent` begin. */
static size_t first_of(const struct places *p, uint32_t parent)
{
    size_t low = 0, high = p->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->at[middle].parent < parent)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void walk(const struct places *p, uint32_t *out)
{
    size_t next[ZK_PATH_DEPTH_MAX + 1];
    uint32_t parents[ZK_PATH_DEPTH_MAX + 1] = {NODE_ROOT};
    size_t depth = 1;
    next[0] = first_of(p, NODE_ROOT);
    while (depth > 0) {
        size_t i = next[depth - 1]++;
        if (i == p->count || p->at[i].parent != parents[depth - 1]) {
            depth--;
        } else if (p->at[i].is_leaf) {
            *out++ = p->at[i].handle;
        } else {
            next[depth] = first_of(p, p->at[i].handle);
            parents[depth++] = p->at[i].handle;
        }
    }
}

uint32_t *order_leaves(struct tree *t, const uint32_t *leaves, size_t count, uint64_t *work)
{
    struct places p = {NULL, 0, 0};
    uint32_t *ordered = zk_alloc((count + 1) * sizeof *ordered);
    for (size_t i = 0; i < count; i++)
        gather(&p, t, leaves[i]);
    if (p.count > 1)
        qsort(p.at, p.count, sizeof *p.at, by_parent);
    walk(&p, ordered);
    for (size_t i = 0; i < p.count; i++)
        tree_at(t, p.at[i].handle)->gathered = 0;
    *work += p.count;
    free(p.at);
    return ordered;
}
