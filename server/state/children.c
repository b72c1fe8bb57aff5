#include "server/state/children.h"

#define BLOCK_FIRST_CAP 4

struct block {
    uint16_t count;
    uint16_t cap;
    uint16_t skip;  /* bytes that all names of the block begin with */
    uint16_t level; /* 0: its nodes are the children; above, the first child below each of its blocks */
    uint32_t nodes[]; /* `cap`; behind them their heads; then, above level 0, the pointers to the blocks below */
};

static uint16_t *heads(struct block *b)
{
    return (uint16_t *)(b->nodes + b->cap);
}

static struct block **below(struct block *b)
{
    return (struct block **)(void *)(heads(b) + CHILDREN_BLOCK_MAX);
}

static size_t leaf_bytes(uint32_t cap)
{
    return sizeof(struct block) + cap * (sizeof(uint32_t) + sizeof(uint16_t));
}

_Static_assert((sizeof(struct block) + CHILDREN_BLOCK_MAX * 6) % sizeof(void *) == 0, "the pointers are aligned");

static struct block *make_block(uint32_t level, uint32_t cap)
{
    size_t pointers = level > 0 ? CHILDREN_BLOCK_MAX * sizeof(struct block *) : 0;
    struct block *b = zk_alloc(leaf_bytes(cap) + pointers);
    b->count = b->skip = 0;
    b->cap = (uint16_t)cap;
    b->level = (uint16_t)level;
    return b;
}

/* --- names: as many as possible are told apart by their heads, for each node looked at is one to wait for --- */

static struct zk_slice name_at(const struct tree *t, const struct block *b, uint32_t at)
{
    return node_name(tree_at(t, b->nodes[at]));
}

static int compare(const struct tree *t, uint32_t handle, struct zk_slice name)
{
    return zk_slice_cmp(node_name(tree_at(t, handle)), name);
}

/* The two bytes behind what all names of the block begin with. No name has a NUL in it: a short one's head is less. */
static uint16_t head_of(struct zk_slice name, size_t skip)
{
    uint32_t high = skip < name.len ? name.ptr[skip] : 0;
    uint32_t low = skip + 1 < name.len ? name.ptr[skip + 1] : 0;
    return (uint16_t)(high << 8 | low);
}

static size_t common_bytes(struct zk_slice a, struct zk_slice b, size_t most)
{
    size_t n = 0;
    while (n < most && n < a.len && n < b.len && a.ptr[n] == b.ptr[n])
        n++;
    return n;
}

/* What the first and the last have in common, all have. */
static void make_heads(const struct tree *t, struct block *b)
{
    struct zk_slice last = name_at(t, b, b->count - 1u);
    b->skip = (uint16_t)common_bytes(name_at(t, b, 0), last, last.len);
    for (uint32_t i = 0; i < b->count; i++)
        heads(b)[i] = head_of(name_at(t, b, i), b->skip);
}

static void set_node(const struct tree *t, struct block *b, uint32_t at, uint32_t node)
{
    b->nodes[at] = node;
    struct zk_slice name = name_at(t, b, at);
    if (b->count > 1 && common_bytes(name, name_at(t, b, at == 0), b->skip) == b->skip)
        heads(b)[at] = head_of(name, b->skip);
    else
        make_heads(t, b);
}

/* --- entries --- */

static void put(const struct tree *t, struct block *b, uint32_t at, uint32_t node, struct block *child)
{
    size_t behind = b->count - at;
    memmove(b->nodes + at + 1, b->nodes + at, behind * sizeof *b->nodes);
    memmove(heads(b) + at + 1, heads(b) + at, behind * sizeof *heads(b));
    if (b->level > 0) {
        memmove(below(b) + at + 1, below(b) + at, behind * sizeof(struct block *));
        below(b)[at] = child;
    }
    b->count++;
    set_node(t, b, at, node);
}

static void take(struct block *b, uint32_t at)
{
    b->count--;
    size_t behind = b->count - at;
    memmove(b->nodes + at, b->nodes + at + 1, behind * sizeof *b->nodes);
    memmove(heads(b) + at, heads(b) + at + 1, behind * sizeof *heads(b));
    if (b->level > 0)
        memmove(below(b) + at, below(b) + at + 1, behind * sizeof(struct block *));
}

/* Entries from `at` on go to the end of `to`. */
static void move_entries(const struct tree *t, struct block *from, uint32_t at, struct block *to)
{
    uint32_t moved = from->count - at;
    memcpy(to->nodes + to->count, from->nodes + at, moved * sizeof *to->nodes);
    if (from->level > 0)
        memcpy(below(to) + to->count, below(from) + at, moved * sizeof(struct block *));
    to->count = (uint16_t)(to->count + moved);
    from->count = (uint16_t)at;
    make_heads(t, to);
}

/* --- the roots: a directory names its own by its place --- */

static uint32_t take_place(struct tree *t, struct block *root)
{
    struct roots *all = &t->roots;
    uint32_t place = all->free;
    if (place != 0) {
        all->free = all->at[place].next_free;
    } else {
        if (all->used >= all->cap) {
            all->cap = all->cap ? all->cap * 2 : 64;
            all->at = zk_realloc(all->at, all->cap * sizeof *all->at);
        }
        all->used += all->used == 0; /* 0 is no place */
        place = all->used++;
    }
    all->at[place].block = root;
    return place;
}

static void give_place_back(struct tree *t, uint32_t place)
{
    t->roots.at[place].block = NULL;
    t->roots.at[place].next_free = t->roots.free;
    t->roots.free = place;
}

static struct block *root_of(const struct tree *t, const struct node *parent)
{
    return t->roots.at[parent->children].block;
}

static void set_root(struct tree *t, const struct node *parent, struct block *root)
{
    t->roots.at[parent->children].block = root;
}

/* --- finding --- */

/* How many of the block's names are less than `name`, or equal to it. */
static uint32_t count_up_to(const struct tree *t, struct block *b, struct zk_slice name, bool or_equal)
{
    struct zk_slice first = name_at(t, b, 0);
    size_t common = common_bytes(name, first, b->skip);
    if (common < b->skip)
        return common == name.len || name.ptr[common] < first.ptr[common] ? 0 : b->count;
    uint16_t head = head_of(name, b->skip);
    uint32_t low = 0, high = b->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (heads(b)[mid] < head || (heads(b)[mid] == head && compare(t, b->nodes[mid], name) < or_equal))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void enter(struct children_cursor *c, struct block *b, uint32_t at)
{
    ZK_ASSERT(c->depth < CHILDREN_LEVELS_MAX);
    c->blocks[c->depth] = b;
    c->at[c->depth++] = at;
}

/* Before the first child that is not less than `name`. At the front of a leaf only if it is less than all. */
static void descend(struct children_cursor *c, struct block *root, struct zk_slice name)
{
    struct block *b = root;
    for (; b->level > 0; b = below(b)[c->at[c->depth - 1]]) {
        uint32_t count = count_up_to(c->tree, b, name, true);
        enter(c, b, count > 0 ? count - 1 : 0);
    }
    enter(c, b, count_up_to(c->tree, b, name, false));
}

static void descend_to_begin(struct children_cursor *c, struct block *root)
{
    struct block *b = root;
    for (; b->level > 0; b = below(b)[0])
        enter(c, b, 0);
    enter(c, b, 0);
}

/* Behind the last child. */
static void descend_to_end(struct children_cursor *c, struct block *root)
{
    struct block *b = root;
    for (; b->level > 0; b = below(b)[b->count - 1])
        enter(c, b, b->count - 1u);
    enter(c, b, b->count);
}

/* --- adding --- */

/* The upper half goes to a new block; nothing of it if what comes next stands at the very end. */
static struct block *split(const struct tree *t, struct block *b, uint32_t at)
{
    struct block *right = make_block(b->level, CHILDREN_BLOCK_MAX);
    if (at < b->count) {
        move_entries(t, b, b->count / 2u, right);
        make_heads(t, b);
    }
    return right;
}

static struct block *make_root(const struct tree *t, struct block *left, struct block *right)
{
    struct block *root = make_block(left->level + 1u, CHILDREN_BLOCK_MAX);
    put(t, root, 0, left->nodes[0], left);
    put(t, root, 1, right->nodes[0], right);
    return root;
}

/* More room, or less. */
static struct block *resize_leaf(struct block *b, uint32_t cap)
{
    uint16_t *old_heads = heads(b);
    bool grows = cap > b->cap;
    if (grows) {
        size_t at = (size_t)((uint8_t *)old_heads - (uint8_t *)b);
        b = zk_realloc(b, leaf_bytes(cap));
        old_heads = (uint16_t *)(void *)((uint8_t *)b + at);
    }
    b->cap = (uint16_t)cap;
    memmove(heads(b), old_heads, b->count * sizeof *heads(b));
    return grows ? b : zk_realloc(b, leaf_bytes(cap));
}

/* Puts `handle` at the cursor's place. A block that is full is split, and its new half put into the one above. */
static void insert(struct tree *t, const struct node *parent, struct children_cursor *c, uint32_t handle)
{
    uint32_t node = handle;
    struct block *child = NULL;
    for (uint32_t d = c->depth - 1;; d--) {
        struct block *b = c->blocks[d];
        uint32_t at = c->at[d] + (child != NULL); /* a new half stands behind the old one */
        if (b->count < b->cap) {
            put(t, b, at, node, child);
            return;
        }
        struct block *right = split(t, b, at);
        if (right->count > 0 && at <= b->count)
            put(t, b, at, node, child);
        else
            put(t, right, at - b->count, node, child);
        if (d == 0) {
            set_root(t, parent, make_root(t, b, right));
            return;
        }
        node = right->nodes[0];
        child = right;
    }
}

/* The first child of all is the first below each block on the way. */
static void become_first(struct children_cursor *c, uint32_t handle)
{
    for (uint32_t d = 0; d + 1 < c->depth; d++)
        set_node(c->tree, c->blocks[d], 0, handle);
}

static void add_to_many(struct tree *t, struct node *parent, uint32_t handle)
{
    struct zk_slice name = node_name(tree_at(t, handle));
    struct children_cursor c = {.tree = t};
    struct block *root = root_of(t, parent);
    if (root->level == 0 && root->count == root->cap && root->cap < CHILDREN_BLOCK_MAX) {
        root = resize_leaf(root, root->cap * 2u);
        set_root(t, parent, root);
    }
    descend_to_end(&c, root);
    const struct block *leaf = c.blocks[c.depth - 1];
    if (compare(t, leaf->nodes[leaf->count - 1], name) > 0) {
        c.depth = 0;
        descend(&c, root, name);
    }
    if (c.at[c.depth - 1] == 0)
        become_first(&c, handle);
    insert(t, parent, &c, handle);
}

void children_add(struct tree *t, uint32_t handle)
{
    struct node *parent = tree_at(t, tree_at(t, handle)->parent);
    if (parent->child_count == 0) {
        parent->children = handle;
    } else {
        if (parent->child_count == 1) {
            struct block *root = make_block(0, BLOCK_FIRST_CAP);
            put(t, root, 0, parent->children, NULL);
            parent->children = take_place(t, root);
        }
        add_to_many(t, parent, handle);
    }
    parent->child_count++;
}

/* --- removing --- */

/* Two neighbours that fit well into one block become one. */
static bool try_merge(const struct tree *t, struct block *up, uint32_t at)
{
    struct block *left = below(up)[at], *right = below(up)[at + 1];
    if (left->count + right->count > CHILDREN_BLOCK_MAX * 3 / 4)
        return false;
    move_entries(t, right, 0, left);
    take(up, at + 1);
    free(right);
    return true;
}

/* After something was taken out of the block that stands at `at` in `up`. */
static void settle(const struct tree *t, struct block *up, uint32_t at)
{
    struct block *b = below(up)[at];
    if (b->count == 0) {
        take(up, at);
        free(b);
        return;
    }
    if (up->nodes[at] != b->nodes[0])
        set_node(t, up, at, b->nodes[0]);
    if (b->count >= CHILDREN_BLOCK_MAX / 4)
        return;
    bool merged = at + 1 < up->count && try_merge(t, up, at);
    if (!merged && at > 0)
        (void)try_merge(t, up, at - 1);
}

static void settle_root(struct tree *t, struct node *parent)
{
    struct block *root = root_of(t, parent);
    while (root->level > 0 && root->count == 1) {
        struct block *only = below(root)[0];
        free(root);
        root = only;
    }
    if (root->level == 0 && root->cap > BLOCK_FIRST_CAP && root->count <= root->cap / 4)
        root = resize_leaf(root, root->cap / 2u);
    set_root(t, parent, root);
    if (root->level > 0 || root->count > 1)
        return;
    give_place_back(t, parent->children);
    parent->children = root->nodes[0];
    free(root);
}

void children_remove(struct tree *t, uint32_t handle)
{
    const struct node *n = tree_at(t, handle);
    struct node *parent = tree_at(t, n->parent);
    parent->child_count--;
    if (parent->child_count == 0) {
        parent->children = 0;
        return;
    }
    struct children_cursor c = {.tree = t};
    descend(&c, root_of(t, parent), node_name(n));
    uint32_t d = c.depth - 1;
    ZK_ASSERT(c.at[d] < c.blocks[d]->count && c.blocks[d]->nodes[c.at[d]] == handle);
    take(c.blocks[d], c.at[d]);
    for (; d > 0; d--)
        settle(t, c.blocks[d - 1], c.at[d - 1]);
    settle_root(t, parent);
}

/* --- walking --- */

struct children_cursor children_from(const struct tree *t, const struct node *parent, struct zk_slice name)
{
    struct children_cursor c = {.tree = t};
    uint32_t count = node_child_count(parent);
    if (count > 1)
        descend(&c, root_of(t, parent), name);
    else if (count == 1 && compare(t, parent->children, name) >= 0)
        c.only = parent->children;
    return c;
}

struct children_cursor children_begin(const struct tree *t, const struct node *parent)
{
    struct children_cursor c = {.tree = t};
    uint32_t count = node_child_count(parent);
    if (count > 1)
        descend_to_begin(&c, root_of(t, parent));
    else if (count == 1)
        c.only = parent->children;
    return c;
}

/* From behind a leaf to the front of the next; false at the end. */
static bool next_leaf(struct children_cursor *c)
{
    while (c->depth > 0 && c->at[c->depth - 1] + (c->blocks[c->depth - 1]->level > 0) >= c->blocks[c->depth - 1]->count)
        c->depth--;
    if (c->depth == 0)
        return false;
    uint32_t at = ++c->at[c->depth - 1];
    descend_to_begin(c, below(c->blocks[c->depth - 1])[at]);
    return true;
}

/* The nodes lie anywhere: asked for in time, none has to be waited for. */
static void look_ahead(const struct tree *t, const struct block *leaf, uint32_t at)
{
    if (at + 8 < leaf->count)
        __builtin_prefetch(&tree_at(t, leaf->nodes[at + 8])->body);
    if (at + 4 < leaf->count)
        __builtin_prefetch(tree_at(t, leaf->nodes[at + 4])->body);
}

uint32_t children_next(struct children_cursor *c)
{
    if (c->depth == 0) {
        uint32_t only = c->only;
        c->only = 0;
        return only;
    }
    struct block *leaf = c->blocks[c->depth - 1];
    if (c->at[c->depth - 1] >= leaf->count) {
        if (!next_leaf(c))
            return 0;
        leaf = c->blocks[c->depth - 1];
    }
    uint32_t at = c->at[c->depth - 1]++;
    look_ahead(c->tree, leaf, at);
    return leaf->nodes[at];
}

uint32_t children_first(const struct tree *t, const struct node *parent)
{
    struct children_cursor c = children_begin(t, parent);
    return children_next(&c);
}

uint32_t children_after(const struct tree *t, uint32_t handle)
{
    const struct node *n = tree_at(t, handle);
    struct children_cursor c = children_from(t, tree_at(t, n->parent), node_name(n));
    (void)children_next(&c);
    return children_next(&c);
}

/* --- the end, and the invariant --- */

static void free_block(struct block *b)
{
    for (uint32_t i = 0; b->level > 0 && i < b->count; i++)
        free_block(below(b)[i]);
    free(b);
}

void children_fini(struct tree *t)
{
    for (uint32_t h = NODE_ROOT; h < t->used; h++) {
        const struct node *n = tree_at(t, h);
        if (node_child_count(n) > 1)
            free_block(root_of(t, n));
    }
    free(t->roots.at);
}

static const char *check_block(const struct tree *t, struct block *b, uint32_t level)
{
    if (b->level != level || b->count == 0 || b->count > b->cap || b->cap > CHILDREN_BLOCK_MAX)
        return "K1: a block of children has a wrong level or count";
    struct zk_slice first = name_at(t, b, 0);
    for (uint32_t i = 0; i < b->count; i++) {
        struct zk_slice name = name_at(t, b, i);
        if (common_bytes(first, name, b->skip) != b->skip || heads(b)[i] != head_of(name, b->skip))
            return "K1: a block of children has a wrong head";
        const char *why = level > 0 ? check_block(t, below(b)[i], level - 1) : NULL;
        if (why == NULL && level > 0 && below(b)[i]->nodes[0] != b->nodes[i])
            why = "K1: a block of children does not know the first below it";
        if (why != NULL)
            return why;
    }
    return NULL;
}

const char *children_check(const struct tree *t, uint32_t parent)
{
    const struct node *n = tree_at(t, parent);
    uint32_t count = node_child_count(n), last = 0, met = 0;
    const char *why = count > 1 ? check_block(t, root_of(t, n), root_of(t, n)->level) : NULL;
    struct children_cursor c = children_begin(t, n);
    for (uint32_t h; why == NULL && (h = children_next(&c)) != 0; last = h, met++) {
        if (tree_at(t, h)->parent != parent)
            return "a child does not name its parent";
        if (last != 0 && compare(t, last, node_name(tree_at(t, h))) >= 0)
            return "K1: children are not in the order of their names";
    }
    if (why == NULL && met != count)
        why = "a znode does not have as many children as it counts";
    return why;
}
