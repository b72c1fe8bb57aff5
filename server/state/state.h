/* state.h: the face of the replicated state machine: a tree of znodes, the sessions, and one way to change them.
 *
 * WHY HERE    Every replica applies the same committed commands in log order and must come to the same bytes. So this
 *             folder is pure: no I/O, no clock, no randomness, no threads, no globals; time is the command's stamp.
 * INVARIANTS  S1  apply is total: each command has a defined result in each state, an error too, and changes nothing
 *                 unless all its checks passed; a multi stands or falls whole, watch events and dirty marks included.
 *             S2  the digest is the sum (mod 2^64) of XXH3-64 over each znode's and session's canonical record, so it
 *                 depends on content only and never on the order of insertion.
 *             S3  every ephemeral's owner is a live session, and hangs on it.
 *             S4  time_ms and zxid never decrease from one apply to the next.
 * OWNERSHIP   The state copies what it keeps. Slices in effects and reads are borrowed until the next state_ call
 *             that changes something.
 */
#pragma once
#include "common/buf.h"
#include "common/err.h"
#include "common/proto.h"
#include "server/state/command.h"

struct state;

/* The level of the rules that this build implements; an entry is applied by the level in force at its zxid. */
#define STATE_LEVEL_MAX 1

/* The state of a new ensemble: /, /zookeeper, /zookeeper/quota, /zookeeper/config; zxid 0. */
struct state *state_new(void);
void state_free(struct state *s);

/* --- applying --- */

struct state_watch_event {
    int32_t type; /* enum zk_event_type: CREATED, DELETED, DATA_CHANGED; CHILDREN_CHANGED events for the parent are
                     listed too, in the order Apache fires them: node first, then parent */
    struct zk_slice path;
    struct zk_slice acl; /* encoded ACL vector in force for READ on it (node's own; parent's for child events) */
    size_t path_at, acl_at; /* in the arena */
};

/* Bytes of events that the end of a session collects before it hands them out. */
#define STATE_EVENTS_PORTION_BYTES 262144
/* Effects that became larger than this are given back when the next command comes. */
#define STATE_EFFECTS_KEPT_BYTES 1048576

struct state_effects;
/* Takes the events in `fx` and nothing else of it; may ask the state, must not change it. */
typedef void state_portion_fn(void *arg, const struct state_effects *fx);

enum state_session_change { STATE_SESSION_NONE, STATE_SESSION_OPENED, STATE_SESSION_ATTACHED, STATE_SESSION_ENDED };

/* What one command did. Owned by the caller, reused from call to call; state_apply empties it first. */
struct state_effects {
    uint64_t zxid;
    int64_t time_ms;
    bool duplicate; /* number already applied in this generation, or a second copy of an ATTACH: nothing happened;
                       `reply` is empty */
    bool stale;     /* older generation: the sender's connection lost the session (SESSION_MOVED) */
    bool gap;       /* a number was skipped: nothing happened; the sender sends again from where it stopped */
    int32_t err;    /* enum zk_err of the reply header (0 for a failed multi, as on the wire) */
    struct zk_buf reply; /* the reply record's jute bytes, without header */
    enum state_session_change session_change;
    uint64_t session; /* the session it concerns (for OPEN: the new one); 0 if none */
    uint32_t generation;
    uint64_t origin; /* of OPEN, ATTACH */
    size_t event_count;
    struct state_watch_event *events;
    size_t event_cap;
    struct zk_buf arena; /* bytes the events point into */
    state_portion_fn *portion; /* the caller's: gets events, in order, while the command is applied: all of a session's
                                  end, as long as it has its identities; of others when they are many. Only the rest is
                                  in `events`. NULL: all are */
    void *portion_arg;
    struct zk_buf warning; /* a soft quota was passed: whose, and by what. For the log of the server that was asked */
};
void state_effects_init(struct state_effects *fx);
void state_effects_fini(struct state_effects *fx);

/* Apply one committed command. `zxid` must be above every earlier one. Never fails. */
void state_apply(struct state *s, uint64_t zxid, const struct command *c, struct state_effects *fx);
/* An entry of zab's own (NEWLEADER, membership): only the position moves. */
void state_skip(struct state *s, uint64_t zxid);

uint64_t state_zxid(const struct state *s);
int64_t state_time_ms(const struct state *s); /* the last stamp */
uint64_t state_digest(const struct state *s);
int32_t state_level(const struct state *s);
/* Bytes that the tree, its ACLs (each distinct one once) and the sessions hold, counted by a fixed rule, the same on
 * every replica. */
uint64_t state_size_bytes(const struct state *s);
/* Steps taken so far in what a client could make long: quotas looked for and written, entries of ACLs looked at, nodes
 * put in order. For who paces reads, and for tests, which prove that a command takes no more of them than its size
 * allows, however large the tree is. */
uint64_t state_work(const struct state *s);
size_t state_node_count(const struct state *s);
size_t state_ephemeral_count(const struct state *s);
uint64_t state_data_bytes(const struct state *s);

/* Nodes that the removeRecursives of one command take away at most, and the bytes of their paths together, for all their
 * events are kept until the last part of a multi stands; more is NOT_EMPTY, as beyond the client's limit. */
#define STATE_REMOVE_RECURSIVE_MAX 10000
#define STATE_REMOVE_RECURSIVE_BYTES_MAX 8388608
/* Nodes that one listRecursive looks at. */
#define STATE_LIST_RECURSIVE_MAX 1000000

/* --- containers and TTL nodes, which the leader ends by a command --- */

/* As much as Apache's 40 bits hold. */
#define STATE_TTL_MAX_MS ((INT64_C(1) << 40) - 1)

size_t state_mortal_count(const struct state *s);
/* Has the i-th of them ended by `time_ms`? COMMAND_REAP says when that is. They are in no order and one that goes makes
 * the last change its place: who walks them goes from the last to the first. */
bool state_mortal_has_ended(const struct state *s, size_t i, int64_t time_ms, int64_t never_used_ms);
/* Its path is appended; the zxid at which it was created. */
uint64_t state_mortal_get(const struct state *s, size_t i, struct zk_buf *path);

/* Does /zookeeper/config show these server lines? */
bool state_config_is(const struct state *s, struct zk_slice lines);

/* Whoever reads in the name of a session that is not in the state has the identities that this tells: an encoded vector,
 * or the absent slice for nobody. It is asked by reads only, never by state_apply. */
typedef struct zk_slice state_guest_fn(void *arg, uint64_t session);
void state_set_guests(struct state *s, state_guest_fn *fn, void *arg);

/* Lists may look at many nodes and answer little: they add to `*looks` how many they have looked at. NULL: nobody counts. */
void state_count_looks(struct state *s, uint64_t *looks);

/* --- reading: never changes anything; err and, if 0, the reply record's jute bytes appended to `out` --- */

int state_exists(const struct state *s, uint64_t session, struct zk_slice path, struct zk_buf *out);
int state_get_data(const struct state *s, uint64_t session, struct zk_slice path, struct zk_buf *out);
/* All names, in their order; BAD_ARGUMENTS if they are more than `bytes_max`. */
int state_get_children(const struct state *s, uint64_t session, struct zk_slice path, bool with_stat,
                       size_t bytes_max, struct zk_buf *out);
/* READ on the directory for the names, on each child for its Stat. */
int state_get_children_page(const struct state *s, uint64_t session, const struct zk_page_request *r,
                            struct zk_buf *out);
/* ClickHouse Keeper's lists: READ on each child too if more is told than its name; BAD_ARGUMENTS for a list of no known
 * type, or of more than `bytes_max`. */
int state_filtered_list(const struct state *s, uint64_t session, int32_t op, const struct zk_filtered_list_request *r,
                        size_t bytes_max, struct zk_buf *out);
/* The paths below, level by level, so many at most; those that may not be read are left out with what is below them. */
int state_list_recursive(const struct state *s, uint64_t session, struct zk_path_limit r, size_t bytes_max,
                         struct zk_buf *out);
/* checkNotExists and checkStat by themselves: 0, or what does not hold. */
int state_compare(const struct state *s, uint64_t session, int32_t op, struct zk_jute *in);
int state_get_acl(const struct state *s, uint64_t session, struct zk_slice path, struct zk_buf *out);
/* How many nodes are below it, at any depth. */
int state_get_all_children_number(const struct state *s, uint64_t session, struct zk_slice path, struct zk_buf *out);
/* The session's ephemerals whose paths begin with these characters (which need not end a component), in no order; a
 * prefix that is absent, blank or "/" means all. */
int state_get_ephemerals(const struct state *s, uint64_t session, struct zk_slice prefix, size_t bytes_max,
                         struct zk_buf *out);
/* Its identities, each with its scheme and what of it may be told: no password hashes. */
void state_who_am_i(const struct state *s, uint64_t session, struct zk_buf *out);
/* For setWatches and the reads' watches: false if there is no such node. */
bool state_stat(const struct state *s, struct zk_slice path, struct zk_stat *ret_stat);
/* May `session` read what this encoded ACL protects? For events, which bring it along. */
bool state_may_read(const struct state *s, uint64_t session, struct zk_slice acl);
/* May it read the node at this path? So it may if there is none. */
bool state_may_read_at(const struct state *s, uint64_t session, struct zk_slice path);

/* --- sessions --- */

struct state_session {
    uint64_t id;
    uint32_t generation;
    uint64_t number; /* the last number applied in this generation */
    int32_t timeout_ms;
    int32_t memory; /* K; 0: none */
    int32_t server; /* where it was attached last */
    uint8_t password[ZK_PASSWORD_BYTES];
    size_t ephemeral_count;
};
bool state_session_get(const struct state *s, uint64_t id, struct state_session *ret_session);
/* Sessions in the order of their ids, from `after` (0: the first); false at the end. */
bool state_session_next(const struct state *s, uint64_t after, struct state_session *ret_session);
size_t state_session_count(const struct state *s);

#define STATE_MEMORY_K 128
/* A multi's record is not kept if it is larger, nor if the session would then remember more bytes in all: then there
 * are its zxid and its outcome only. */
#define STATE_MEMORY_RESULT_MAX 65536
#define STATE_MEMORY_SESSION_MAX 1048576
/* Ended sessions that are remembered, and their bytes; beyond it the one that ended first goes. */
#define STATE_ENDED_COUNT_MAX 32768
#define STATE_ENDED_BYTES_MAX 16777216

/* One of a session's last K results of writes. Borrowed, as all that is read. */
struct state_result {
    int32_t xid;
    uint64_t zxid;
    int32_t err;            /* of the reply header; if not whole, of the operation that failed */
    bool whole;             /* false: the record was too large, and `record` is empty */
    struct zk_slice record; /* the reply record's jute bytes */
};
/* What became of a write that was sent again: true if session `id`, live or ended, remembers `xid`. */
bool state_memory_get(const struct state *s, uint64_t id, int32_t xid, struct state_result *ret_result);
/* The i-th oldest of what session `id`, live or ended, remembers; false at the end. */
bool state_memory_at(const struct state *s, uint64_t id, uint32_t i, struct state_result *ret_result);
/* The newest of them; false if there is none. */
bool state_memory_newest(const struct state *s, uint64_t id, struct state_result *ret_result);
/* Has session `id` ended, is it still remembered, and is this its password? What it does not remember then of its
 * last K writes has not happened and never will: an ended session's memory is complete or gone. */
bool state_ended_get(const struct state *s, uint64_t id, struct zk_slice password,
                     struct state_session *ret_session);
/* Zxid at which the oldest remembered ended session ended; 0: none is remembered. The leader proposes FORGET. */
uint64_t state_memory_oldest(const struct state *s, int64_t *ret_time_ms);

/* --- checkpoints: the rows that changed since the last one, in key order --- */

/* One row of the store: `value` absent means that the row is to be deleted. Keys sort bytewise. */
struct state_row {
    struct zk_slice key;
    struct zk_slice value;
};

/* Start a checkpoint of the state as it is now; ZK_ASSERTs that none runs. While it runs, applies go on: whatever is
 * about to change first hands over its old record. */
void state_checkpoint_begin(struct state *s);
/* The next piece of sorting, some 0.1 ms; true: there is more to do. Once it says false rows come at their own price.
 * A caller that does not care leaves it to state_checkpoint_next, which then does all of it at once. */
bool state_checkpoint_prepare(struct state *s);
/* The next row, in key order; false at the end (the checkpoint is then over). Rows borrow until the next call. The
 * caller takes as many as fit into its slice of time. */
bool state_checkpoint_next(struct state *s, struct state_row *ret_row);
/* Give up: what was dirty is dirty again. */
void state_checkpoint_abort(struct state *s);
/* Bytes that the next checkpoint would write, about. */
uint64_t state_dirty_bytes(const struct state *s);

/* Load: into a state fresh from state_load_begin, each row of a checkpoint in key order, then end, which verifies the
 * tree (parents, owners) and the digest. False with a sentence in `why` (of `size` bytes) if it does not hold. */
struct state *state_load_begin(void);
ZK_MUST_CHECK bool state_load_row(struct state *s, struct zk_slice key, struct zk_slice value, char *why,
                                  size_t size);
ZK_MUST_CHECK bool state_load_end(struct state *s, uint64_t zxid, uint64_t digest, char *why, size_t size);

/* Every invariant of this folder, recomputed (tests and the simulator): NULL, or what does not hold. */
const char *state_check(const struct state *s);

/* Paths of all nodes and their records, in path order (tests, the simulator's comparison with its plain model). */
typedef void state_node_fn(void *arg, struct zk_slice path, struct zk_slice data, const struct zk_stat *stat);
void state_each_node(const struct state *s, state_node_fn *fn, void *arg);
