/* write.h: the operations of the client protocol that change znodes: what Apache's PrepRequestProcessor checks, in
 * its order, then the change. A request that fails has changed nothing. */
#pragma once
#include "server/state/change.h"

/* One request at work. */
struct call {
    struct state *s;
    struct session *session;
    struct state_effects *fx; /* gets the events */
    uint8_t options;          /* enum command_option */
    bool in_multi;
    uint32_t removed;  /* nodes of subtrees that this command has taken away */
    uint64_t removed_path_bytes; /* and what their paths take together */
    uint64_t expanded; /* bytes by which the lists that its parts ask for have grown as `auth` was expanded */
    int32_t result_op; /* of a multi's part: the opcode that its result comes back as */
};

/* One that changes nothing, and stands only in a multi. */
bool write_is_check(int32_t op);
/* Is this an operation that write_op knows? */
bool write_knows(int32_t op);
/* Decodes the record at the cursor, and carries it out: 0 and the reply record appended to `out`, or a negative
 * zk_err and nothing changed. Between change_begin and change_commit. */
int write_op(struct call *call, int32_t op, struct zk_jute *in, struct zk_buf *out);
/* Decodes the record and throws it away; sets `in->bad` if it is malformed, or if its path is null. */
void write_skip(int32_t op, struct zk_jute *in);
/* May the request's session do `perm` on this node? */
bool call_allows(const struct call *call, uint32_t handle, int32_t perm);
/* The node at a path that a delete names: 0, or the error if there is none, or this session may not delete it. */
int write_find_doomed(struct call *call, struct zk_slice path, uint32_t *ret_handle);
/* Takes the node away and tells the watchers. */
void write_remove(struct state *s, uint32_t handle, struct zk_slice path, struct state_effects *fx);

/* subtree.c */
int write_delete_tree(struct call *call, struct zk_jute *in, struct zk_buf *out);
int write_remove_recursive(struct call *call, struct zk_jute *in);

/* A whole multi: 0 and its reply, also if it fails as a whole, and then why in *ret_cause; ZK_ERR_MARSHALLING_ERROR if
 * malformed. Commits or rolls back by itself. */
int multi_apply(struct call *call, struct zk_slice payload, struct zk_buf *out, int *ret_cause);
