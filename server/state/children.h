/* children.h: the children of a znode, in the order of their names.
 *
 * WHY HERE    A page of a directory costs what is on the page, however large the directory: so the children lie in an
 *             order that can be entered at any name, and their list is the same on every replica.
 * HOW         Each directory has a B+ tree of handles; names are compared where they are, in the nodes' bodies. An only
 *             child needs no block, its handle stands in its parent; a first block grows with its directory. A name
 *             behind all others, as the next sequential node's or the next row's of a checkpoint, is placed by one
 *             comparison and leaves full blocks behind. A child takes 6 to 12 bytes.
 * INVARIANTS  K1 names grow strictly from the first child to the last, and each block knows the first child below each
 *                of its blocks.
 */
#pragma once
#include "server/state/tree.h"

/* A block holds at most so many; one that has been split has half. */
#define CHILDREN_BLOCK_MAX 64
/* Each level takes 32 times the insertions of the one below: never reached. */
#define CHILDREN_LEVELS_MAX 12

/* By node_name, among the children of n->parent, where there is none of that name. */
void children_add(struct tree *t, uint32_t handle);
void children_remove(struct tree *t, uint32_t handle);

/* A place between two children; any change to them makes it void. */
struct children_cursor {
    const struct tree *tree;
    uint32_t only; /* child of its parent */
    uint32_t depth;
    struct block *blocks[CHILDREN_LEVELS_MAX];
    uint32_t at[CHILDREN_LEVELS_MAX];
};

/* Before the first child of `parent` whose name is not less than `name`. */
struct children_cursor children_from(const struct tree *t, const struct node *parent, struct zk_slice name);
struct children_cursor children_begin(const struct tree *t, const struct node *parent);
/* The child behind the cursor, which steps over it; 0 at the end. */
uint32_t children_next(struct children_cursor *c);
/* 0: none. */
uint32_t children_first(const struct tree *t, const struct node *parent);
/* The next sibling of this node, 0 if it is the last. */
uint32_t children_after(const struct tree *t, uint32_t handle);

void children_fini(struct tree *t);
/* K1; NULL, or what does not hold. */
const char *children_check(const struct tree *t, uint32_t parent);
