/* place.h: a place in a queue of ephemeral sequential nodes: what a lock and an election are made of.
 *
 *   enter --> create --(answer lost)--> sync, list, look for our name --> ...
 *                |                                  |
 *                v                                  v
 *             look: are we first? --no--> watch the one before us --it went--> look again
 *                |yes
 *                v
 *             first: watch our own node and the session, until one of them goes
 *
 * The node's name carries a random number, so a create whose answer was lost is found again and never made twice; the
 * list is asked for after a sync, since another server may be behind. Each watches the one before it only: one
 * leaves, one wakes. The fence is the node's czxid: it grows along the queue.
 *
 * The names are as Curator's protected ones ("_c_GUID-lock-0000000007"), and whatever ends in ten digits counts as
 * queueing, so different clients' locks on one path exclude each other.
 */
#pragma once
#include "client/recipes/machine.h"

struct zkr_place;

/* From the handle's loop, never after zkr_place_leave has returned. */
struct zkr_place_calls {
    void (*on_waiting)(void *context); /* somebody is before us; may be NULL, may come again */
    void (*on_first)(uint64_t fence, void *context);
    /* Out of the queue, and not by zkr_place_leave: ZK_SESSION_EXPIRED (also when it is only probable), ZK_NO_NODE
     * (somebody deleted our node), or another error. zkr_place_leave is still due. */
    void (*on_ended)(int code, void *context);
};

typedef void zkr_place_left_fn(int code, void *context);

/* Join the queue under `path`. `kind` is part of the name: "lock". Copies its arguments. */
int zkr_place_enter(struct zk *zk, const char *path, const char *kind, const void *data, size_t data_len,
                    const struct zkr_place_calls *calls, void *context, struct zkr_place **ret_place);
/* Leave and forget the place; its node is deleted, now or as soon as it can be. `fn`, if not NULL, is told when that
 * is known: ZK_OK, or the session's error (then the node goes with it). */
void zkr_place_leave(struct zkr_place *place, zkr_place_left_fn *fn, void *context);

/* Is `name` one of a queue? Then its number. */
bool zkr_place_sequence(const char *name, int32_t *ret_number);
/* The first in the queue among a result's children; NULL if there is none. */
const char *zkr_place_first_of(const struct zk_result *children);
