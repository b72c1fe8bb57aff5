/* inside.h: the state's own struct, for the files of this folder only. */
#pragma once
#include "common/path.h"
#include "server/state/acl.h"
#include "server/state/children.h"
#include "server/state/dirty.h"
#include "server/state/mortal.h"
#include "server/state/session.h"
#include "server/state/state.h"
#include "server/state/tree.h"

/* What is counted as things change, and what a failed multi puts back as it was. */
struct totals {
    uint64_t digest;
    uint64_t data_bytes;
    uint64_t size_bytes;
    size_t node_count;
    size_t ephemeral_count;
};

enum undo_kind { UNDO_CREATED = 1, UNDO_CHANGED, UNDO_REMOVED };

/* One change of one znode, with its old record whole. */
struct undo {
    enum undo_kind kind;
    uint32_t handle;
    bool body_replaced;
    bool acl_replaced;
    struct node old; /* of UNDO_CHANGED; its links are not used */
};

/* Changes for which a journal keeps room when it is empty. */
#define JOURNAL_KEPT 1024

struct journal {
    struct undo *undos;
    size_t count;
    size_t cap;
    struct totals totals; /* as they were at the beginning */
};

/* A directory below /zookeeper/quota, and how much of the path it stands for. */
struct quota_step {
    uint32_t dir;
    uint32_t end;
};

/* What quota.c knows while a command is applied; empty between two. */
struct quotas {
    struct zk_buf dir; /* the path of the last step, and the component that was looked for behind it */
    struct quota_step steps[ZK_PATH_DEPTH_MAX + 1]; /* the first is /zookeeper/quota */
    size_t step_count;
    size_t marked; /* the quotas of so many steps are stale */
    uint32_t *stale; /* stats; those that still say so are to be written */
    size_t stale_count;
    size_t stale_cap;
};

struct state {
    struct tree tree;
    struct acls acls;
    struct asker *asker; /* who asked last: no part of the state, so that reads may change it */
    struct sessions sessions;
    struct mortals mortals;
    struct totals totals;
    struct journal journal;
    struct dirty dirty;
    uint64_t zxid;
    int64_t time_ms;
    int32_t level;
    uint64_t round;  /* see effects.h */
    state_guest_fn *guest; /* of sessions that are not here; NULL: there are none */
    void *guest_arg;
    uint64_t *looks; /* the reader's, who wants to know how many nodes lists have looked at; NULL: nobody does */
    struct zk_buf path;  /* of the create at hand */
    struct zk_buf list;  /* the ACL at hand */
    struct quotas quotas;
    uint64_t work; /* see state_work */
    bool loading;
};

static inline struct node *state_node(const struct state *s, uint32_t handle)
{
    return tree_at(&s->tree, handle);
}

/* A list goes past one more node. */
static inline void state_look(const struct state *s)
{
    if (s->looks != NULL)
        ++*s->looks;
}

static inline struct zk_slice node_acl(const struct state *s, const struct node *n)
{
    return acl_bytes(acls_at(&s->acls, n->acl));
}

/* A state without any node. */
struct state *state_bare(void);
/* The node's Stat as clients see it. */
struct zk_stat node_stat(const struct node *n);
/* May one with these identities do one of `perms`? */
bool node_allows(const struct state *s, const struct node *n, int32_t perms, struct zk_slice identities);
/* What a session has proven; nothing if it has ended, or is unknown. */
struct zk_slice state_identities(const struct state *s, uint64_t session);
/* The node that the session may read by one of `perms`, or NULL and the error. */
const struct node *state_find_readable(const struct state *s, uint64_t session, struct zk_slice path, int32_t perms,
                                       int *ret_err);
/* check, checkNotExists, checkStat, for one with these identities. */
int node_compare(const struct state *s, struct zk_slice identities, int32_t op, struct zk_jute *in);
/* A mortal node whose time has come by `time_ms`: childless, and a TTL node left alone for its TTL, a container that has
 * had children or has stood unused for `never_used_ms` (0: that does not end it). */
bool node_has_ended(const struct node *n, int64_t time_ms, int64_t never_used_ms);
/* The four nodes that are always there: clients may not delete them. */
bool path_is_special(struct zk_slice path);

/* The fixed rule of state_size_bytes. */
uint64_t node_size_bytes(const struct node *n);

/* --- digest.c: the terms whose sum is the digest (S2) --- */

/* Everything of a node but its data. */
uint64_t digest_node(const struct state *s, const struct node *n);
uint64_t digest_data(const struct node *n);
uint64_t digest_session(const struct session *session);
uint64_t digest_result(const struct session *session, int32_t xid, const struct result *result);
uint64_t digest_session_whole(const struct session *session); /* with all it remembers */
