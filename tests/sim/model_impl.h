/* model_impl.h: what the parts of the plain model share: model.c has the nodes with all their versions and says what
 * each command is, model_op.c single operations and multi, model_quota.c quotas, model_session.c sessions and who may
 * do what.
 */
#pragma once
#include "tests/sim/model.h"

#define BUCKETS 1024

struct model_node {
    struct model_node *next;      /* in its bucket */
    struct model_node *next_ever; /* in the order of first creation */
    struct model_node *parent;
    char *path;
    size_t path_len;
    size_t child_count; /* ever */
    struct model_node **children;
    size_t version_count;
    struct model_version *versions;
};

struct model_memory {
    int32_t xid;
    int32_t err;
    struct zk_buf reply;
};

struct model {
    struct model_node *buckets[BUCKETS];
    struct model_node *first;
    struct model_node **last;
    size_t session_count; /* ever */
    struct model_session *sessions;
    size_t guest_count; /* sessions that one server keeps for itself: who they are */
    struct model_session *guests;
    /* the nodes that the command at work gave a version: the undo of a multi */
    size_t touched_count;
    struct model_node **touched;
    size_t text_count; /* data and ACLs that no command holds */
    char **texts;
};

/* A command at work. */
struct request {
    struct model *model;
    uint64_t zxid;
    const struct command *command;
    struct model_result *result;
};

/* --- model.c --- */

/* NULL: no such path was ever created. */
struct model_node *model_node_at(const struct model *m, struct zk_slice path);
struct model_node *model_node_make(struct model *m, struct zk_slice path, struct model_node *parent);
/* NULL: it is not there, or `node` is NULL. */
const struct model_version *model_now(const struct model_node *node);
/* A new version of the node, a copy of the last; the caller changes it. */
struct model_version *model_touch(struct model *m, struct model_node *node, uint64_t zxid);
/* All versions that the command at work made are gone. */
void model_undo(struct model *m);
/* They live as long as the model. */
char *model_keep_text(struct model *m, const char *text);
struct zk_slice model_keep_bytes(struct model *m, struct zk_slice bytes);
void model_fire(struct model_result *r, enum zk_event_type type, const struct model_node *node, struct zk_slice acl);

/* --- model_op.c --- */

void model_remove(struct request *q, struct model_node *node);
/* A single operation, or a multi, whose record is next in `in`: its error. */
int32_t model_do_one(struct request *q, int32_t op, struct zk_jute *in);
int32_t model_do_multi(struct request *q, struct zk_jute *in);

/* --- model_quota.c --- */

bool model_passes_quota(const struct request *q, struct zk_slice path, int64_t count, int64_t bytes);
/* A write to `path` has happened: every quota above it counts, and one that was itself written. */
void model_refresh_quotas(struct request *q, struct zk_slice path, bool is_removed);

/* --- model_session.c --- */

/* NULL: there never was one. */
struct model_session *model_session_at(const struct model *m, uint64_t id);
void model_open(struct request *q, uint64_t id);
void model_upgrade(struct request *q);
void model_attach(struct request *q);
/* Requests, identities, closings. */
void model_numbered(struct request *q);
void model_end_session(struct request *q, struct model_session *s, bool was_expired);
