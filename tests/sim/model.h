/* model.h: the plainest znode tree there can be, written a second time from ZooKeeper's documentation: what a command
 * must do, and what a read at any earlier zxid must show.
 *
 * WHY HERE    Replicas that agree may all be wrong. This one is slow, forgets nothing and shares no code with
 *             server/state, so what both say is likely to be so.
 * HISTORY     Each node keeps all its versions, so a reply that says "as of zxid z" can be judged at z.
 * OWNERSHIP   Data, paths of commands and ACLs are borrowed from the commands' bytes, which must stay.
 */
#pragma once
#include "common/proto.h"
#include "server/state/command.h"

struct model;
struct model_node;

/* A node as it was from `zxid` on. */
struct model_version {
    uint64_t zxid;
    bool is_there;
    struct zk_slice data;
    struct zk_slice acl;
    struct zk_stat stat; /* as clients see it: cversion, num_children and data_length filled in */
    int32_t creates;     /* children ever created under this incarnation: the next sequence number */
    bool is_container;   /* ends when it has had children and has none */
    int64_t ttl_ms;      /* not 0: ends when it has none and was left alone for so long */
};

struct model_event {
    enum zk_event_type type;
    const struct model_node *node;
    struct zk_slice acl; /* who may hear of it */
};

/* What a command did. Events in the order in which they fire; those of a session's end in any order. */
struct model_result {
    bool is_duplicate;
    bool is_stale;
    bool is_gap;
    bool is_recalled; /* a write sent again: answered from the session's memory, and nothing happened */
    bool is_judged;   /* the model knows err and reply; false for what it leaves to others */
    int32_t err;
    struct zk_buf reply;
    size_t event_count;
    size_t event_cap;
    struct model_event *events;
    size_t steps_done; /* of a multi that failed: parts before the failing one */
    size_t step_count;
    size_t forgot_count; /* results that a memory held which another's coming ended */
};

struct model *model_new(void);
void model_free(struct model *m);
void model_result_fini(struct model_result *r);

void model_apply(struct model *m, uint64_t zxid, const struct command *c, struct model_result *ret_result);

/* NULL: no such path was ever created. */
const struct model_node *model_find(const struct model *m, struct zk_slice path);
struct zk_slice model_path(const struct model_node *node);
const struct model_node *model_parent(const struct model_node *node);
/* As of `zxid`; NULL: it was not there. */
const struct model_version *model_at(const struct model_node *node, uint64_t zxid);
/* Was there, after `zxid`, a version that this session may not read? An event about it was withheld, its watch used up. */
bool model_was_hidden(const struct model *m, const struct model_node *node, uint64_t session, uint64_t zxid);
/* A container or TTL node that has nothing to stay for any more by this time. */
bool model_has_ended(const struct model_version *v, int64_t time_ms, int64_t never_used_ms);
/* What check, checkNotExists or checkStat of this session finds at `zxid`. */
int32_t model_compare(const struct model *m, uint64_t zxid, uint64_t session, int32_t op, struct zk_jute *in);
/* The children that were there at `zxid`: how many, and whether `name` is one. */
size_t model_child_count(const struct model_node *node, uint64_t zxid);
const struct model_node *model_child(const struct model_node *node, struct zk_slice name);
typedef void model_node_fn(void *arg, const struct model_node *node, const struct model_version *version);
void model_each(const struct model *m, uint64_t zxid, model_node_fn *fn, void *arg);

/* Who a session is, from one zxid to before another. */
struct model_identity {
    uint64_t since;
    uint64_t until;
    struct zk_slice scheme;
    struct zk_slice id;
};

/* Is the session alive now, and since which entry is it not? */
struct model_session {
    uint64_t id;
    uint64_t opened_zxid;
    uint64_t joined_zxid; /* its last OPEN or ATTACH */
    uint64_t ended_zxid;  /* 0: it lives */
    bool was_expired;    /* not closed by its client */
    uint32_t generation;
    uint64_t number;
    int32_t timeout_ms;
    int32_t memory;
    int32_t server;
    uint8_t password[ZK_PASSWORD_BYTES];
    size_t identity_count; /* all that it ever had */
    struct model_identity *identities;
    uint64_t proofs; /* credentials accepted */
    uint64_t origin;
    size_t result_count; /* of a session with a memory: every result it ever had */
    struct model_memory *results;
};
/* A session that is in no command reads as who comes from this address. */
void model_guest(struct model *m, uint64_t id, const char *address);
const struct model_session *model_guest_of(const struct model *m, uint64_t id); /* identities only; NULL: none such */
const struct model_session *model_session(const struct model *m, uint64_t id);
size_t model_session_count(const struct model *m);
typedef void model_session_fn(void *arg, const struct model_session *session);
void model_each_session(const struct model *m, model_session_fn *fn, void *arg);
/* Who it was at `zxid`: identity number `n` of those it had then, in the order in which it got them; NULL: no more. */
const struct model_identity *model_identity(const struct model_session *s, uint64_t zxid, size_t n);
bool model_may(const struct model *m, uint64_t session, struct zk_slice acl, int32_t perm, uint64_t zxid);
