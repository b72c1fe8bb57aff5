/* mortal.h: the nodes that end by themselves: containers, which go when they have had children and have none left, and
 * TTL nodes, which go when they have no children and their data has not changed for so long.
 *
 * WHY HERE    The leader looks for those whose time has come without walking the tree, and a plain node pays nothing.
 * HOW         Their handles stand in one array. What is known of each, its TTL and its place in the array, lies behind
 *             its data in the node's own allocation (struct mortal_note), so such a node needs no more of its struct.
 * INVARIANTS  M1 the array holds exactly the mortal nodes, each at the place that its note says.
 *             M2 between change_begin and the end of the journal places only grow at the end: what is removed leaves at
 *             the commit, so that an old record that comes back still knows its place.
 */
#pragma once
#include "server/state/tree.h"

struct state;

struct mortal_note {
    int64_t ttl_ms; /* 0: a container */
    uint32_t place;
};

struct mortals {
    uint32_t *nodes; /* handles */
    size_t count;
    size_t cap;
};

static inline bool node_is_mortal(const struct node *n)
{
    return n->kind == NODE_CONTAINER || n->kind == NODE_TTL;
}

/* 0 for a node of any other kind. */
int64_t mortal_ttl_ms(const struct node *n);
/* Bytes that a node of this kind has behind its data. */
size_t mortal_note_bytes(uint8_t kind);
/* A new data's body, or a new node's, takes over what the note says; for a node of any other kind nothing. */
void mortal_note_copy(struct node *n, const uint8_t *old_body, size_t old_note_at);
/* The node is new, of its kind, with room for a note. */
void mortals_add(struct mortals *all, struct tree *t, uint32_t handle, int64_t ttl_ms);
void mortals_remove(struct mortals *all, struct tree *t, uint32_t handle);
/* NULL, or what does not hold. */
const char *mortals_check(const struct mortals *all, const struct tree *t);
