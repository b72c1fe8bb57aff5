/* change.h: the only ways to change the tree and a session's record: each keeps digest, totals, links and the dirty
 * set true, and what changes znodes can be undone.
 *
 * HOW         change_begin, changes of znodes, then change_commit or change_rollback. The journal keeps each old
 *             record whole; nothing is freed and nothing is marked dirty before the commit.
 * INVARIANTS  C1 after a rollback the state is what it was: content, digest, totals, dirty marks.
 */
#pragma once
#include "server/state/inside.h"

void change_begin(struct state *s);
void change_commit(struct state *s);
void change_rollback(struct state *s);

struct change_create {
    uint32_t parent;
    struct zk_slice path;
    struct zk_slice data;
    uint32_t acl;          /* adopts the reference */
    enum node_kind kind;
    struct session *owner; /* of NODE_EPHEMERAL */
    int64_t ttl_ms;        /* of NODE_TTL */
};
/* Stamped with the state's zxid and time; the parent's creates and pzxid follow. */
uint32_t change_create(struct state *s, const struct change_create *c);
void change_remove(struct state *s, uint32_t handle);
void change_data(struct state *s, uint32_t handle, struct zk_slice data);
void change_quietly(struct state *s, uint32_t handle, struct zk_slice data); /* no version, no time, no zxid */
void change_config(struct state *s, uint32_t handle, struct zk_slice data); /* its version is always -1, as Apache's */
void change_acl(struct state *s, uint32_t handle, uint32_t acl); /* adopts the reference */

/* A session's fixed fields and identities change between the two. */
void change_session_begin(struct state *s, struct session *session);
void change_session_end(struct state *s, struct session *session);
struct session *change_session_open(struct state *s, uint64_t id); /* and then change_session_end */
/* Remembers a result, the oldest makes room. Between begin and end. */
void change_session_remember(struct state *s, struct session *session, int32_t xid, const struct result *result);
/* Forgets all results, and remembers none from now on. Between begin and end. */
void change_session_end_memory(struct state *s, struct session *session);
/* Ends a live session, whose ephemerals are gone. One with a memory is kept, to tell its owner what became of writes
 * that were not answered; that there was none is an answer too, but for who closed it: everything asked before has
 * happened by then. So is one that began on one server only, lest a late copy of its UPGRADE bring it back. */
void change_session_end_life(struct state *s, struct session *session, bool was_expired);
void change_session_forget(struct state *s, struct session *session); /* the oldest ended one */
