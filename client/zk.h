/* zk.h: libzk, a client of ZooKeeper's protocol: zkd's own, and at home with Apache ZooKeeper's servers too.
 *
 * A handle (struct zk) is one session. It connects by itself, moves between servers, sends identities and watches
 * again and tells its state. Every operation comes twice: zk_get waits and returns; zk_get_async returns at once and
 * calls back. All calls are safe from any thread. (zk_close is the last call on a handle: nobody may be in another
 * then.)
 *
 * WHERE CALLBACKS RUN   On a thread that libzk starts for the handle; or, when the options name an event_base, in
 * that base's loop, and libzk starts no thread but for looking up host names. Callbacks must not block. Calls that
 * wait return ZK_INVALID_STATE in a callback, and always on a handle with the caller's event_base.
 *
 * WHO OWNS WHAT   What you pass in is copied before the call returns. Every result is one block, yours, freed by
 * zk_result_free, whatever is in it.
 *
 * WHEN A CONNECTION BREAKS   On a zkd the session has a memory: an unanswered request is sent again on the next
 * connection, and a write that had already happened is answered with its true result. You see nothing but a delay.
 * If the session has expired meanwhile, a write that had happened still ends with its true result, and one that ends
 * with ZK_SESSION_EXPIRED has not happened and never will. This is known for ten minutes after a session's end (less
 * if tens of thousands end); later, an unanswered write ends with ZK_CONNECTION_LOSS: it may or may not have happened.
 * On other servers all unanswered requests end with ZK_CONNECTION_LOSS as soon as the connection breaks; so they do,
 * on a zkd too, in a session that was taken over (zk_options.resume, or another client that knows its password): the
 * memory is its first handle's own, and ends when another comes. zk_session_has_memory says which it is.
 * Requests are otherwise finished by their answer, by the end of the session, or by request_timeout_ms: then, too,
 * a write may have happened.
 *
 * RETURN VALUES   Every int is 0 (ZK_OK) or a negative enum zk_code. Time is in milliseconds, and says so. Beside
 * what each call lists, all may return: ZK_BAD_ARGUMENTS (path or size), ZK_SYSTEM_ERROR (memory), ZK_THROTTLED
 * (65536 requests or 256 MiB are queued), ZK_SESSION_EXPIRED, ZK_AUTH_FAILED, ZK_CLOSING, ZK_CONNECTION_LOSS,
 * ZK_OPERATION_TIMEOUT and ZK_NO_AUTH.
 */
#ifndef ZK_H
#define ZK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;
struct zk;

/* ------------------------------------------------------------------ codes */

/* What a call or a server answers; the numbers are ZooKeeper's. */
enum zk_code {
    ZK_OK = 0,
    ZK_SYSTEM_ERROR = -1,
    ZK_RUNTIME_INCONSISTENCY = -2, /* a step of a multi after the one that failed */
    ZK_CONNECTION_LOSS = -4,
    ZK_MARSHALLING_ERROR = -5,
    ZK_UNIMPLEMENTED = -6,
    ZK_OPERATION_TIMEOUT = -7,
    ZK_BAD_ARGUMENTS = -8,
    ZK_INVALID_STATE = -9,
    ZK_NO_NODE = -101,
    ZK_NO_AUTH = -102,
    ZK_BAD_VERSION = -103,
    ZK_NO_CHILDREN_FOR_EPHEMERALS = -108,
    ZK_NODE_EXISTS = -110,
    ZK_NOT_EMPTY = -111,
    ZK_SESSION_EXPIRED = -112,
    ZK_INVALID_ACL = -114,
    ZK_AUTH_FAILED = -115,
    ZK_CLOSING = -116,
    ZK_SESSION_MOVED = -118,
    ZK_NOT_READ_ONLY = -119,
    ZK_NO_WATCHER = -121,
    ZK_QUOTA_EXCEEDED = -125,
    ZK_THROTTLED = -127,
};

/* A short English text: "no node". Never NULL; static. */
const char *zk_err_text(int code);

/* --------------------------------------------------------------- sessions */

enum zk_session_state {
    ZK_SESSION_IS_CONNECTING, /* no connection now; libzk is looking for a server */
    ZK_SESSION_IS_CONNECTED,
    ZK_SESSION_IS_LOST,    /* one session time-out without word: servers may have expired it. May still come back */
    ZK_SESSION_IS_EXPIRED, /* final: its ephemeral nodes are gone. Close the handle; open another to go on */
    ZK_SESSION_IS_AUTH_FAILED, /* final: a server refused an identity */
    ZK_SESSION_IS_CLOSED,      /* final: by zk_close */
};

/* `state` has been entered. Never called twice in a row with the same state. */
typedef void zk_state_fn(struct zk *zk, enum zk_session_state state, void *context);

/* What it takes to go on with a session in another process, or after a restart. Keep it secret. */
struct zk_session {
    int64_t id;
    uint8_t password[16];
};

/* All zero but `servers` is good. Start from zero: fields may be added at the end. */
struct zk_options {
    const char *servers;             /* "host:port,[2001:db8::1]:2181,other/chroot"; port 2181 when left out. The
                                        chroot is put before every path; it is not made for you */
    uint32_t session_timeout_ms;     /* asked for; servers have bounds of their own. 0: 10000 */
    uint32_t request_timeout_ms;     /* 0: a request waits as long as it takes */
    uint32_t outstanding_max;        /* unanswered requests on the wire; the rest queues. 0: 1000 */
    struct event_base *base;         /* callbacks run there; NULL: on a thread of libzk's own */
    const struct zk_session *resume; /* go on with this session instead of a new one; it has no memory then */
    zk_state_fn *on_state;           /* may be NULL */
    void *state_context;
    bool no_memory; /* do not ask for a session with a memory */
    bool read_only; /* a server without a quorum will do, where servers allow it: see zk_session_is_read_only */
};

/* Start a session; returns at once, before there is a connection. Requests may be made straight away: they wait.
 * ZK_BAD_ARGUMENTS: `servers` cannot be read. */
int zk_open(const struct zk_options *options, struct zk **ret_zk);

/* End the session (its ephemeral nodes go) and free the handle. Requests made before are finished first, as long as no
 * three seconds pass without an answer (what is not finished then ends with ZK_CONNECTION_LOSS or, if it was never
 * sent, with ZK_CLOSING, and the session expires by itself); all callbacks have been called when it returns.
 * In a callback, or on the caller's event_base, it returns at once instead and the rest happens in the loop: the base
 * must go on running until then; zk_close_async says when. NULL is ignored. */
void zk_close(struct zk *zk);

typedef void zk_closed_fn(void *context);
/* The same without waiting: `fn` is called last of all, when the handle is no more. */
void zk_close_async(struct zk *zk, zk_closed_fn *fn, void *context);

/* As zk_close, but the session stays on the servers until its time-out, for who resumes it. Unanswered requests end
 * with ZK_CONNECTION_LOSS (a write may have happened or not; when another has connected to the session, it is decided)
 * or, if they were never sent, with ZK_CLOSING. */
void zk_detach(struct zk *zk);

/* Wait until the session is connected. ZK_OPERATION_TIMEOUT: not within the time. */
int zk_wait_connected(struct zk *zk, uint32_t timeout_ms);

enum zk_session_state zk_session_state(struct zk *zk);
/* False while there is no session yet. */
bool zk_session_get(struct zk *zk, struct zk_session *ret_session);
uint32_t zk_session_timeout_ms(struct zk *zk); /* as the servers granted it */
bool zk_session_has_memory(struct zk *zk);
/* Connected to a server that has no quorum: reads are answered by what it knows, which may be old (but never older than
 * what this handle has seen), and all else ends with ZK_NOT_READ_ONLY. When there is a quorum again, the connection
 * ends and the next one is as any other; it has another session, the watches stay. */
bool zk_session_is_read_only(struct zk *zk);
/* "host:port" of the server connected to, "" if none. Copied into `text`. */
void zk_server_name(struct zk *zk, char *text, size_t size);

/* More who want to hear of the state. The same pair may not be added twice. When zk_state_unlisten returns, `fn` is
 * not running and never will (unless it is itself the caller). */
int zk_state_listen(struct zk *zk, zk_state_fn *fn, void *context);
void zk_state_unlisten(struct zk *zk, zk_state_fn *fn, void *context);

/* ---------------------------------------------------------------- results */

struct zk_node_stat {
    int64_t czxid;    /* of the change that created the node */
    int64_t mzxid;    /* of the last change of its data */
    int64_t ctime_ms; /* since 1970 */
    int64_t mtime_ms;
    int32_t version;         /* changes of its data */
    int32_t cversion;        /* changes of its children */
    int32_t aversion;        /* changes of its ACL */
    int64_t ephemeral_owner; /* session id; 0: not ephemeral */
    int32_t data_length;
    int32_t num_children;
    int64_t pzxid; /* of the last creation or deletion of a child */
};

enum { ZK_CAN_READ = 1, ZK_CAN_WRITE = 2, ZK_CAN_CREATE = 4, ZK_CAN_DELETE = 8, ZK_CAN_ADMIN = 16, ZK_CAN_ALL = 31 };

struct zk_acl_entry {
    int32_t perms;      /* ZK_CAN_ bits */
    const char *scheme; /* "world", "auth", "digest", "ip" */
    const char *id;
};

struct zk_acl_list {
    const struct zk_acl_entry *entries;
    size_t count;
};

/* Who a session is to the servers: its address ("ip") and what it has proven. */
struct zk_identity {
    const char *scheme;
    const char *user;
};

/* What came back; what an operation does not give is 0 or NULL. Read-only. */
struct zk_result {
    int err;
    int64_t zxid;     /* the server had applied all changes up to here */
    const char *path; /* create: the name it got, with the sequence number */
    const void *data; /* get; NULL: the node has none. A NUL follows it, which is not counted */
    size_t data_len;
    bool has_stat;
    struct zk_node_stat stat;
    const char *const *children; /* names, in no order (but of a page); get_ephemerals: paths */
    size_t child_count;
    struct zk_acl_list acl;
    const struct zk_result *steps; /* multi, read_many: one for each step */
    size_t step_count;
    int32_t count; /* count_below; delete_tree: nodes that are left */
    const struct zk_identity *identities; /* who_am_i */
    size_t identity_count;
    const struct zk_node_stat *const *child_stats; /* get_children_page: one for each child; NULL: not told */
    bool more;                                     /* get_children_page: there are children behind this page */
};

/* NULL is ignored. */
void zk_result_free(struct zk_result *result);

/* An operation has finished: `result->err` says how. The result is yours. */
typedef void zk_result_fn(struct zk *zk, struct zk_result *result, void *context);

/* ---------------------------------------------------------------- watches */

enum zk_watch_event_type {
    ZK_NODE_CREATED = 1,
    ZK_NODE_DELETED = 2,
    ZK_NODE_DATA_CHANGED = 3,
    ZK_NODE_CHILDREN_CHANGED = 4,
    ZK_WATCH_REMOVED_DATA = 5, /* by zk_remove_watches, the next two as well */
    ZK_WATCH_REMOVED_CHILDREN = 6,
    ZK_WATCH_REMOVED_PERSISTENT = 7,
    /* A persistent watch was set again after a reconnection: changes in between were not reported, so read again. */
    ZK_WATCH_RESUMED = -2,
    /* The session has ended, and the watch with it. */
    ZK_WATCH_ENDED = -3,
};

struct zk_watch_event {
    int type; /* enum zk_watch_event_type */
    const char *path;
    int64_t zxid; /* of the change, where the server tells it; else not above 0 */
    bool last;    /* this watch will not call again: its context may be freed */
};

/* A watch that get, exists or get_children has set calls once; one of zk_add_watch until removed. Every watch that
 * was set calls one last time with `last`, at the latest when the session ends. One whose request failed never calls.
 * A change is told before any answer that could show it. */
typedef void zk_watch_fn(struct zk *zk, const struct zk_watch_event *event, void *context);

/* ------------------------------------------------------------- operations */

enum { ZK_EPHEMERAL = 1, ZK_SEQUENTIAL = 2, ZK_CONTAINER = 4 };

enum { ZK_ANY_VERSION = -1 };

/* In all of these `ret_result` may be NULL; else it is set on success (to be freed) and NULL otherwise. */

/* Make a node. `data` NULL: none. `acl` NULL: everyone may do everything. `flags`: 0 or ZK_EPHEMERAL | ZK_SEQUENTIAL, or
 * ZK_CONTAINER alone: the servers delete it some time after its last child has gone (servers from 3.5).
 * Result: path (with ten digits behind it if sequential), stat.
 * ZK_NODE_EXISTS, ZK_NO_NODE (no parent), ZK_NO_CHILDREN_FOR_EPHEMERALS, ZK_INVALID_ACL, ZK_QUOTA_EXCEEDED. */
int zk_create(struct zk *zk, const char *path, const void *data, size_t data_len, const struct zk_acl_list *acl,
              int flags, struct zk_result **ret_result);
int zk_create_async(struct zk *zk, const char *path, const void *data, size_t data_len, const struct zk_acl_list *acl,
                    int flags, zk_result_fn *fn, void *context);

/* The same, with a time to live: the servers delete the node some time after it has had no children and its data has
 * not changed for so long. `flags`: 0 or ZK_SEQUENTIAL. ZK_UNIMPLEMENTED: the server's extendedTypesEnabled is off. */
int zk_create_ttl(struct zk *zk, const char *path, const void *data, size_t data_len, const struct zk_acl_list *acl,
                  int flags, int64_t ttl_ms, struct zk_result **ret_result);
int zk_create_ttl_async(struct zk *zk, const char *path, const void *data, size_t data_len,
                        const struct zk_acl_list *acl, int flags, int64_t ttl_ms, zk_result_fn *fn, void *context);

/* ZK_NO_NODE, ZK_BAD_VERSION, ZK_NOT_EMPTY. */
int zk_delete(struct zk *zk, const char *path, int32_t version);
int zk_delete_async(struct zk *zk, const char *path, int32_t version, zk_result_fn *fn, void *context);

/* Result: stat. ZK_NO_NODE. A watch is set even if there is no node, and calls when it is made. `watch` may be NULL
 * here and below. */
int zk_exists(struct zk *zk, const char *path, zk_watch_fn *watch, void *watch_context,
              struct zk_result **ret_result);
int zk_exists_async(struct zk *zk, const char *path, zk_watch_fn *watch, void *watch_context, zk_result_fn *fn,
                    void *context);

/* Result: data, stat. ZK_NO_NODE. The watch calls when the data changes or the node goes. */
int zk_get(struct zk *zk, const char *path, zk_watch_fn *watch, void *watch_context, struct zk_result **ret_result);
int zk_get_async(struct zk *zk, const char *path, zk_watch_fn *watch, void *watch_context, zk_result_fn *fn,
                 void *context);

/* The ensemble's server lines and their version, from /zookeeper/config whatever the chroot. Result: data, stat. The watch
 * calls when they change. */
int zk_get_config(struct zk *zk, zk_watch_fn *watch, void *watch_context, struct zk_result **ret_result);
int zk_get_config_async(struct zk *zk, zk_watch_fn *watch, void *watch_context, zk_result_fn *fn, void *context);

/* Result: stat. ZK_NO_NODE, ZK_BAD_VERSION, ZK_QUOTA_EXCEEDED. */
int zk_set(struct zk *zk, const char *path, const void *data, size_t data_len, int32_t version,
           struct zk_result **ret_result);
int zk_set_async(struct zk *zk, const char *path, const void *data, size_t data_len, int32_t version,
                 zk_result_fn *fn, void *context);

/* Result: children, stat. ZK_NO_NODE. The watch calls when a child comes or goes, or the node goes. */
int zk_get_children(struct zk *zk, const char *path, zk_watch_fn *watch, void *watch_context,
                    struct zk_result **ret_result);
int zk_get_children_async(struct zk *zk, const char *path, zk_watch_fn *watch, void *watch_context, zk_result_fn *fn,
                          void *context);

/* A page of a directory's children, in the order of their names' bytes: what it costs depends on what is on it, however
 * many children there are. All zero is the first page. */
struct zk_page {
    const char *from;   /* begin at this name, or the next if there is none such; NULL: at the first */
    bool after;         /* ...or behind it: for the page that follows, `from` is the last name of the one before */
    const char *prefix; /* only names that begin with this; NULL: all */
    int32_t count;      /* at most so many; 0: as many as fit into 256 KiB, which none exceeds */
    bool stats;         /* each with its Stat, where this session may read it */
};
/* Result: children, child_stats, more, stat (the directory's own). Pages are asked one by one: what changes in between
 * is seen or not. ZK_NO_NODE. Only zkd has it: of others ZK_UNIMPLEMENTED, and they close the
 * connection, so unanswered requests end as when one breaks. */
int zk_get_children_page(struct zk *zk, const char *path, const struct zk_page *page, struct zk_result **ret_result);
int zk_get_children_page_async(struct zk *zk, const char *path, const struct zk_page *page, zk_result_fn *fn,
                               void *context);

/* Delete a node and all below it, but no more than `count` nodes (0: 1000, which is also the most): children go before
 * their parents, in the order of their names, and watches hear of each as if it had been deleted by itself. All of what
 * one call deletes goes at once, or nothing does. Result: count, the nodes that are left; call again until it is 0.
 * ZK_NO_NODE; ZK_NO_AUTH: one of those that were to go may not be deleted. Only zkd has it, as the pages. */
int zk_delete_tree(struct zk *zk, const char *path, int32_t count, struct zk_result **ret_result);
int zk_delete_tree_async(struct zk *zk, const char *path, int32_t count, zk_result_fn *fn, void *context);

/* How many nodes there are below this one, at any depth. Result: count. ZK_NO_NODE. Servers from 3.6. */
int zk_count_below(struct zk *zk, const char *path, struct zk_result **ret_result);
int zk_count_below_async(struct zk *zk, const char *path, zk_result_fn *fn, void *context);

/* This session's ephemeral nodes whose paths begin with these characters; "/": all. Result: children, which are whole
 * paths here. Servers from 3.6. */
int zk_get_ephemerals(struct zk *zk, const char *prefix, struct zk_result **ret_result);
int zk_get_ephemerals_async(struct zk *zk, const char *prefix, zk_result_fn *fn, void *context);

/* Result: identities. Servers from 3.7. */
int zk_who_am_i(struct zk *zk, struct zk_result **ret_result);
int zk_who_am_i_async(struct zk *zk, zk_result_fn *fn, void *context);

/* Result: acl, stat. ZK_NO_NODE. */
int zk_get_acl(struct zk *zk, const char *path, struct zk_result **ret_result);
int zk_get_acl_async(struct zk *zk, const char *path, zk_result_fn *fn, void *context);

/* `version` is the ACL's (stat.aversion). Result: stat. ZK_NO_NODE, ZK_BAD_VERSION, ZK_INVALID_ACL. */
int zk_set_acl(struct zk *zk, const char *path, const struct zk_acl_list *acl, int32_t version,
               struct zk_result **ret_result);
int zk_set_acl_async(struct zk *zk, const char *path, const struct zk_acl_list *acl, int32_t version,
                     zk_result_fn *fn, void *context);

/* What this session reads after it is at least as new as all that anybody had finished before it. */
int zk_sync(struct zk *zk, const char *path);
int zk_sync_async(struct zk *zk, const char *path, zk_result_fn *fn, void *context);

/* Prove an identity, for the rest of the session; "digest" takes "user:password". If it is refused the session is
 * over: ZK_AUTH_FAILED. */
int zk_add_auth(struct zk *zk, const char *scheme, const void *auth, size_t auth_len);
int zk_add_auth_async(struct zk *zk, const char *scheme, const void *auth, size_t auth_len, zk_result_fn *fn,
                      void *context);

/* Watch a node, or with `recursive` it and everything below it, until removed; it need not exist. A recursive watch
 * is not told ZK_NODE_CHILDREN_CHANGED, for it sees the children themselves. Servers from 3.6. */
int zk_add_watch(struct zk *zk, const char *path, bool recursive, zk_watch_fn *watch, void *watch_context);
int zk_add_watch_async(struct zk *zk, const char *path, bool recursive, zk_watch_fn *watch, void *watch_context,
                       zk_result_fn *fn, void *context);

enum zk_watch_kind {
    ZK_WATCHES_CHILDREN = 1,
    ZK_WATCHES_DATA = 2,
    ZK_WATCHES_ANY = 3,        /* persistent ones as well */
    ZK_WATCHES_PERSISTENT = 4, /* these two: servers from 3.9 */
    ZK_WATCHES_PERSISTENT_RECURSIVE = 5,
};

/* Remove all this session's watches of a kind at a path; each calls a last time. ZK_NO_WATCHER. */
int zk_remove_watches(struct zk *zk, const char *path, enum zk_watch_kind kind);
int zk_remove_watches_async(struct zk *zk, const char *path, enum zk_watch_kind kind, zk_result_fn *fn,
                            void *context);

/* Many reads in one request, all of one moment. Result: a step for each, in order, with an err of its own (ZK_NO_NODE)
 * and data and stat, or children. The call as a whole goes well if the request did. Servers from 3.6. */
struct zk_read {
    const char *path;
    bool children; /* its children's names instead of its data */
};
int zk_read_many(struct zk *zk, const struct zk_read *reads, size_t count, struct zk_result **ret_result);
int zk_read_many_async(struct zk *zk, const struct zk_read *reads, size_t count, zk_result_fn *fn, void *context);

/* ------------------------------------------------------------------ multi */

/* Several writes as one: all happen, in order, or none does. Build once, commit as often as wanted, free. The
 * builders cannot fail; what went wrong is told by the commit. Not for two threads at once. */
struct zk_multi;

struct zk_multi *zk_multi_new(void); /* NULL: memory */
void zk_multi_create(struct zk_multi *multi, const char *path, const void *data, size_t data_len,
                     const struct zk_acl_list *acl, int flags);
void zk_multi_create_ttl(struct zk_multi *multi, const char *path, const void *data, size_t data_len,
                         const struct zk_acl_list *acl, int flags, int64_t ttl_ms);
void zk_multi_delete(struct zk_multi *multi, const char *path, int32_t version);
void zk_multi_set(struct zk_multi *multi, const char *path, const void *data, size_t data_len, int32_t version);
/* Goes on only if the node exists and has this version. */
void zk_multi_check(struct zk_multi *multi, const char *path, int32_t version);
void zk_multi_free(struct zk_multi *multi);

/* Result: steps, each with its err (and path and stat where a single operation has them). The code is that of the
 * step that failed; here `ret_result` is set then too, if the server has answered. There are no steps if the answer
 * was lost with a connection and its 64 KiB or more are not remembered by the servers: then the code is all. */
int zk_multi_commit(struct zk *zk, const struct zk_multi *multi, struct zk_result **ret_result);
int zk_multi_commit_async(struct zk *zk, const struct zk_multi *multi, zk_result_fn *fn, void *context);

/* ------------------------------------------------------------------- ACLs */

const struct zk_acl_list *zk_acl_open(void);    /* everyone everything */
const struct zk_acl_list *zk_acl_read(void);    /* everyone may read */
const struct zk_acl_list *zk_acl_creator(void); /* the identities of the session that creates: everything */

/* "user:password" as a digest id, "user:base64 of SHA-1"; at most `size` bytes with the NUL.
 * ZK_BAD_ARGUMENTS: no colon, or no room. */
int zk_acl_digest_id(const char *user_password, char *text, size_t size);

/* "world:anyone:cdrwa,digest:joe:hash=:r,auth::rw" as a list to be freed by zk_acl_free. ZK_BAD_ARGUMENTS. */
int zk_acl_parse(const char *text, struct zk_acl_list **ret_acl);
void zk_acl_free(struct zk_acl_list *acl);
/* The letters of permissions, "cdrwa"; `text` holds 6 bytes. */
void zk_acl_perms_format(int32_t perms, char *text);

/* ------------------------------------------------------- four-letter words */

/* Ask the server "host:port" a word ("ruok", "srvr", "mntr") on a connection of its own. Blocks. `ret_text` is to be
 * freed by free(). ZK_BAD_ARGUMENTS, ZK_CONNECTION_LOSS, ZK_OPERATION_TIMEOUT. */
int zk_four_letter_word(const char *server, const char *word, uint32_t timeout_ms, char **ret_text);

/* ---------------------------------------------------------------- recipes */

/* LOCK. A fair queue of ephemeral sequential nodes under `path`: each waits for the one before it only.
 *
 * It guarantees that among all who use it, at most one holder's node is the first, in the order in which they came;
 * that a holder who dies is followed when its session expires; and that a lost answer never leaves a second node
 * behind. It cannot guarantee that a holder knows in time that it is not one any more: a process that was stopped, or
 * a clock that ran wild, may act after its session has expired. For that there is the fence: a number that grows from
 * holder to holder. Hand it to whatever the lock protects, and have it refuse a smaller one than it has seen. It is
 * broken by anyone who deletes the nodes by hand. */
struct zk_lock;

/* The lock that was held may be held by others now: the session was lost or expired (ZK_SESSION_EXPIRED), or the
 * lock's node is gone (ZK_NO_NODE). Stop what it protects. Not called for zk_lock_release. */
typedef void zk_lock_lost_fn(struct zk_lock *lock, int reason, void *context);
/* `code` is ZK_OK when the lock is held, `fence` then its fencing token. Otherwise the wait has ended: ZK_CLOSING by
 * zk_lock_release, or an error of the session or the server. */
typedef void zk_lock_fn(struct zk_lock *lock, int code, uint64_t fence, void *context);

/* A lock on `path`, which is made, with its parents, when it is first taken. `note` is data for the queue's node, for
 * people who look (NULL: none). One lock object is one place in the queue. It may be freed before or after closing
 * `zk`, which ends its hold. */
int zk_lock_new(struct zk *zk, const char *path, const char *note, zk_lock_lost_fn *on_lost, void *lost_context,
                struct zk_lock **ret_lock);
/* Wait for the lock, at most `timeout_ms` (0: take it only if it is free; UINT32_MAX: for ever). `ret_fence` may be
 * NULL. ZK_OPERATION_TIMEOUT: somebody else has it. ZK_INVALID_STATE: this object holds or awaits it already. */
int zk_lock_acquire(struct zk_lock *lock, uint32_t timeout_ms, uint64_t *ret_fence);
int zk_lock_acquire_async(struct zk_lock *lock, zk_lock_fn *fn, void *context);
/* Give it back, or stop waiting for it. The _async form needs no answer: the node's deletion is on its way, and is
 * asked for again until it is known. */
int zk_lock_release(struct zk_lock *lock);
int zk_lock_release_async(struct zk_lock *lock);
bool zk_lock_is_held(struct zk_lock *lock);
/* Releases it too. No callback comes after. Not in a callback of this lock. */
void zk_lock_free(struct zk_lock *lock);

/* ELECTION. Candidates queue as for a lock; the first leads until it leaves, dies or loses its session. Same
 * guarantees, same limits; `fence` orders the leaders' terms. */
struct zk_election;

struct zk_election_calls {
    void (*on_won)(struct zk_election *election, uint64_t fence, void *context);
    /* Not leading any more, or not a candidate any more, and not by zk_election_leave: `reason` as for a lock. */
    void (*on_lost)(struct zk_election *election, int reason, void *context);
    void *context;
};

/* Become a candidate, with `data` for others to see (an address, say). Callbacks come from libzk's thread or loop. */
int zk_election_join(struct zk *zk, const char *path, const void *data, size_t data_len,
                     const struct zk_election_calls *calls, struct zk_election **ret_election);
bool zk_election_is_leader(struct zk_election *election);
/* Stand down and free. Not in a callback of this election. */
void zk_election_leave(struct zk_election *election);
/* Who leads now: result (`ret_result` may be NULL) has data and stat (czxid is the fence). ZK_NO_NODE: nobody. */
int zk_election_leader(struct zk *zk, const char *path, struct zk_result **ret_result);

/* GROUP. Members are ephemeral nodes under `path`; who watches is told the list when it changes.
 *
 * A member is listed from its join until it leaves or its session expires. A name is held by one session at a time:
 * who joins under a name that is still there (its own, from before a crash) waits until it has gone. Lists are as new
 * as the server asked; between two that a watcher sees there may have been others. */
struct zk_group;

/* Joined (ZK_OK), or not a member any more (ZK_SESSION_EXPIRED, ZK_NO_NODE: somebody deleted it), or never (others).
 */
typedef void zk_group_member_fn(struct zk_group *group, int code, void *context);
/* `names` has `count` members, sorted, for the time of the call; `code` other than ZK_OK: the watch has ended. */
typedef void zk_group_list_fn(struct zk_group *group, int code, const char *const *names, size_t count,
                              void *context);

/* Join as `member` (a node name; NULL: a random one), with data. `fn` may be NULL. */
int zk_group_join(struct zk *zk, const char *path, const char *member, const void *data, size_t data_len,
                  zk_group_member_fn *fn, void *context, struct zk_group **ret_group);
/* Hear of every change of the members, and of the list as it is now first. */
int zk_group_watch(struct zk *zk, const char *path, zk_group_list_fn *fn, void *context, struct zk_group **ret_group);
/* The members now: result has children. ZK_NO_NODE: nobody ever joined. */
int zk_group_list(struct zk *zk, const char *path, struct zk_result **ret_result);
/* Leave, or stop watching, and free. No callback comes after. Not in a callback of this group. */
void zk_group_leave(struct zk_group *group);

#ifdef __cplusplus
}
#endif
#endif
