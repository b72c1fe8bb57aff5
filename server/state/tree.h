/* tree.h: the znodes: where they are, how a path finds one, who is whose child.
 *
 * WHY HERE    A znode costs sizeof(struct node) = 112 bytes, about 9 in the index, 6 to 12 as a child (children.h) and
 *             one allocation for its name and data. Nodes lie in chunks and refer to each other by 32-bit handles, so
 *             links cost half a pointer, a growing tree never moves a node, and no address can reach a result.
 * HOW         Every node has XXH3 of its whole path, which the digest takes too; a hit is proven by comparing the names up
 *             the parents. It stands in the index under another hash of the path, with a secret in it: without one
 *             anybody can write down as many paths of one and the same XXH3 as he likes, and all would be in one chain.
 *             Each node counts all that is below it, nodes and bytes of data, so whatever links or grows walks up to the
 *             root: a handful of nodes that are in the cache anyway.
 * This file only moves links. What changes a node's content goes through change.h.
 */
#pragma once
#include "common/proto.h"
#include "server/state/index.h"

struct session;

enum node_kind {
    NODE_PERSISTENT = 1,
    NODE_EPHEMERAL = 2, /* its owner is a live session; it has no children */
    NODE_CONTAINER = 3, /* these two end by themselves: mortal.h */
    NODE_TTL = 4,
};

struct node {
    uint64_t hash; /* XXH3 of the path; first what it takes to find one and to compare names */
    uint8_t *body; /* name, then data, in one allocation; NULL if both are empty; a mortal node's note behind */
    uint32_t chain; /* in the index; of a free node, the next free one */
    uint32_t parent;
    uint16_t name_len;
    uint8_t kind;
    unsigned data_null : 1; /* the client gave null, which is not the empty buffer */
    unsigned dirty_set : 2;
    unsigned unstored : 1;
    unsigned stale : 1; /* a quota's stats, written at the end of the command: quota.c */
    unsigned gathered : 1; /* while order.c is at work */
    uint32_t data_len;
    uint64_t czxid;
    uint64_t mzxid;
    uint64_t pzxid;
    int64_t ctime_ms;
    int64_t mtime_ms;
    union {
        struct {
            uint32_t children; /* children.h; 0: none */
            uint32_t child_count;
        };
        struct session *owner; /* of NODE_EPHEMERAL */
    };
    union {
        uint32_t creates;     /* children ever created: the sequence number of the next sequential child */
        uint32_t owner_index; /* of NODE_EPHEMERAL: its place in owner->ephemerals */
    };
    int32_t version;
    int32_t aversion;
    uint32_t acl;
    uint32_t dirty_slot;  /* see dirty.h */
    uint32_t descendants; /* all below it; counted by linking, not stored */
    uint64_t bytes_below; /* of data, in all of them */
};

/* Nodes of a chunk; behind them stand their places in the index, four bytes each. */
#define NODE_CHUNK 4096
#define NODE_ROOT 1u

/* The blocks that directories of more than one child begin with. */
struct roots {
    union {
        struct block *block;
        uint32_t next_free;
    } *at; /* from 1 */
    uint32_t used;
    uint32_t cap;
    uint32_t free; /* 0: none */
};

struct tree {
    struct node **chunks;
    uint32_t chunk_cap;
    uint32_t used; /* handles below were given out */
    uint32_t free; /* the first free handle, chained by `chain` */
    struct index index;
    struct roots roots;
};

void tree_init(struct tree *t);
void tree_fini(struct tree *t); /* frees the bodies too */

static inline struct node *tree_at(const struct tree *t, uint32_t handle)
{
    return &t->chunks[handle / NODE_CHUNK][handle % NODE_CHUNK];
}

uint64_t tree_hash(struct zk_slice path); /* the one that the digest takes: the same on every replica */
/* The node of this path, 0 if there is none. "" is the root, as it is to Apache's server. Any bytes may be asked. */
uint32_t tree_find(const struct tree *t, struct zk_slice path);
/* The same, where its parent is known: however deep it is, this costs one hash. */
uint32_t tree_find_child(const struct tree *t, uint32_t parent, struct zk_slice path);
/* Appends the node's path. */
void tree_path(const struct tree *t, uint32_t handle, struct zk_buf *out);

/* A node with a copy of the path's last name and of data and so many bytes of room behind, all else zero but `hash`; not
 * linked. tree_drop gives it back. */
uint32_t tree_make(struct tree *t, struct zk_slice path, struct zk_slice data, size_t room);
void tree_drop(struct tree *t, uint32_t handle);
/* Enter the children of n->parent and the index (the root has no parent); leave both. */
void tree_link(struct tree *t, uint32_t handle);
void tree_unlink(struct tree *t, uint32_t handle);
/* The data of a linked child of `parent` has grown by so many bytes; shrunk, if they wrap. */
void tree_grown(struct tree *t, uint32_t parent, uint64_t bytes);

static inline struct zk_slice node_name(const struct node *n)
{
    return zk_slice(n->body, n->name_len);
}

static inline struct zk_slice node_data(const struct node *n)
{
    if (n->data_null)
        return zk_slice(NULL, 0);
    return n->data_len ? zk_slice(n->body + n->name_len, n->data_len) : zk_slice("", 0);
}

static inline uint32_t node_child_count(const struct node *n)
{
    return n->kind == NODE_EPHEMERAL ? 0 : n->child_count;
}

static inline uint32_t node_creates(const struct node *n)
{
    return n->kind == NODE_EPHEMERAL ? 0 : n->creates;
}

/* A body for this name and data with room behind; NULL if all are empty. */
uint8_t *node_body(struct zk_slice name, struct zk_slice data, size_t room);
