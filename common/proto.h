/* proto.h: the records of ZooKeeper's client protocol (zookeeper.jute), each with its encode and decode.
 *
 * Decoded records borrow the frame. A decode sets `in->bad` on malformed bytes; the caller looks once, at the end.
 * Numbers and layouts are Apache ZooKeeper's; where a field is optional on the wire the comment says when it is there.
 */
#pragma once
#include "common/jute.h"

enum zk_op {
#define ZK_OP(name, value, letters) ZK_OP_##name = value,
#include "common/proto.def"
#undef ZK_OP
    ZK_OP_ERROR = -1,
};

/* create, create2, createContainer, createTTL */
static inline bool zk_op_is_create(int op)
{
    return op == ZK_OP_CREATE || op == ZK_OP_CREATE2 || op == ZK_OP_CREATE_CONTAINER || op == ZK_OP_CREATE_TTL;
}

/* What no other server serves. */
static inline bool zk_op_is_ours(int op)
{
    return op == ZK_OP_GET_CHILDREN_PAGE || op == ZK_OP_DELETE_TREE;
}

/* The requests that become commands and that a session's memory remembers. */
static inline bool zk_op_is_write(int op)
{
    return zk_op_is_create(op) || op == ZK_OP_DELETE || op == ZK_OP_DELETE_TREE || op == ZK_OP_SET_DATA ||
           op == ZK_OP_SET_ACL || op == ZK_OP_MULTI || op == ZK_OP_CREATE_IF_NOT_EXISTS || op == ZK_OP_REMOVE_RECURSIVE ||
           op == ZK_OP_TRY_REMOVE;
}

/* "CREA" for `cons` and logs; "NA" for an opcode that is not in the table. */
const char *zk_op_letters(int op);

/* xids that are not a request's own number */
enum { ZK_XID_NOTIFICATION = -1, ZK_XID_PING = -2, ZK_XID_AUTH = -4, ZK_XID_SET_WATCHES = -8 };

enum { ZK_PERM_READ = 1, ZK_PERM_WRITE = 2, ZK_PERM_CREATE = 4, ZK_PERM_DELETE = 8, ZK_PERM_ADMIN = 16, ZK_PERM_ALL = 31 };

enum { ZK_FLAG_EPHEMERAL = 1, ZK_FLAG_SEQUENTIAL = 2 };

enum zk_event_type {
    ZK_EVENT_NONE = -1,
    ZK_EVENT_CREATED = 1,
    ZK_EVENT_DELETED = 2,
    ZK_EVENT_DATA_CHANGED = 3,
    ZK_EVENT_CHILDREN_CHANGED = 4,
    ZK_EVENT_DATA_WATCH_REMOVED = 5,
    ZK_EVENT_CHILD_WATCH_REMOVED = 6,
    ZK_EVENT_PERSISTENT_WATCH_REMOVED = 7,
};

enum zk_keeper_state {
    ZK_STATE_DISCONNECTED = 0,
    ZK_STATE_SYNC_CONNECTED = 3,
    ZK_STATE_AUTH_FAILED = 4,
    ZK_STATE_CONNECTED_READ_ONLY = 5,
    ZK_STATE_CLOSED = 7,
    ZK_STATE_EXPIRED = -112,
};

enum zk_watcher_type {
    ZK_WATCHER_CHILDREN = 1,
    ZK_WATCHER_DATA = 2,
    ZK_WATCHER_ANY = 3,
    ZK_WATCHER_PERSISTENT = 4,
    ZK_WATCHER_PERSISTENT_RECURSIVE = 5,
};

enum { ZK_ADD_WATCH_PERSISTENT = 0, ZK_ADD_WATCH_PERSISTENT_RECURSIVE = 1 };

#define ZK_PASSWORD_BYTES 16

/* protocolVersion of a connect request. libzk asks for a session with a memory of its writes' results by sending
 * ZK_PROTOCOL_MEMORY: a zkd that grants it answers with the same number and one more int32 at the end of the
 * response, K, the most unanswered writes the client may have; any other server answers 0 and has no memory. To the
 * owner of a session that has ended and is still remembered it answers so too, with session 0, and behind K come the
 * results of the session's last K writes, the oldest first: a write that is not among them has not happened.
 *
 * A memory holds xids, which are one client's. So it belongs to the client that opened the session: that one asks for
 * it again each time it comes back, and nobody else ever asks, libzk neither when it takes a session over from another
 * handle or process. Whoever comes to the session without asking ends the memory, for good; the one whose it was, should
 * it come back, is answered 0. */
enum { ZK_PROTOCOL_APACHE = 0, ZK_PROTOCOL_MEMORY = 0x7a6b6401 };

struct zk_stat {
    int64_t czxid;
    int64_t mzxid;
    int64_t ctime_ms;
    int64_t mtime_ms;
    int32_t version;
    int32_t cversion;
    int32_t aversion;
    int64_t ephemeral_owner;
    int32_t data_length;
    int32_t num_children;
    int64_t pzxid;
};
#define ZK_STAT_BYTES 68

void zk_stat_encode(struct zk_buf *out, const struct zk_stat *stat);
struct zk_stat zk_stat_decode(struct zk_jute *in);

/* One entry of an access control list. A list travels as vector<{int perms, string scheme, string id}>. */
struct zk_acl {
    int32_t perms;
    struct zk_slice scheme;
    struct zk_slice id;
};
#define ZK_ACL_MIN_BYTES 12

void zk_acl_encode(struct zk_buf *out, const struct zk_acl *acl);
struct zk_acl zk_acl_decode(struct zk_jute *in);

struct zk_connect_request {
    int32_t protocol_version;
    int64_t last_zxid_seen;
    int32_t timeout_ms;
    int64_t session_id;
    struct zk_slice password;
    bool has_read_only; /* clients older than 3.4 do not send the byte */
    bool read_only;
};
void zk_connect_request_encode(struct zk_buf *out, const struct zk_connect_request *r);
struct zk_connect_request zk_connect_request_decode(struct zk_jute *in);

struct zk_connect_response {
    int32_t protocol_version;
    int32_t timeout_ms; /* 0 with session 0: the session has expired or never was */
    int64_t session_id;
    struct zk_slice password;
    bool has_read_only; /* only in answer to a request that carried it */
    bool read_only;
    int32_t memory; /* K; on the wire only with protocol_version ZK_PROTOCOL_MEMORY, after the read-only byte */
    struct zk_slice past; /* only with ZK_PROTOCOL_MEMORY and session 0: vector<zk_past_write>, as it is on the wire */
};
void zk_connect_response_encode(struct zk_buf *out, const struct zk_connect_response *r);
struct zk_connect_response zk_connect_response_decode(struct zk_jute *in);

/* What became of a write. */
struct zk_past_write {
    int32_t xid;
    int64_t zxid;
    int32_t err;            /* of the reply header */
    struct zk_slice record; /* of the reply; empty if it was too large to be kept */
};
#define ZK_PAST_WRITE_MIN_BYTES 20

void zk_past_write_encode(struct zk_buf *out, const struct zk_past_write *w);
struct zk_past_write zk_past_write_decode(struct zk_jute *in);

struct zk_request_header {
    int32_t xid;
    int32_t op;
};
void zk_request_header_encode(struct zk_buf *out, struct zk_request_header h);
struct zk_request_header zk_request_header_decode(struct zk_jute *in);

struct zk_reply_header {
    int32_t xid;
    int64_t zxid;
    int32_t err;
};
#define ZK_REPLY_HEADER_BYTES 16
void zk_reply_header_encode(struct zk_buf *out, struct zk_reply_header h);
struct zk_reply_header zk_reply_header_decode(struct zk_jute *in);

struct zk_watcher_event {
    int32_t type;
    int32_t state;
    struct zk_slice path;
};
void zk_watcher_event_encode(struct zk_buf *out, const struct zk_watcher_event *e);
struct zk_watcher_event zk_watcher_event_decode(struct zk_jute *in);

/* create, create2, createContainer and, with ttl_ms, createTTL */
struct zk_create_request {
    struct zk_slice path;
    struct zk_slice data;
    struct zk_slice acl; /* the encoded vector, count included; walk it with zk_jute_count and zk_acl_decode */
    int32_t flags;
};
void zk_create_request_encode(struct zk_buf *out, const struct zk_create_request *r);
struct zk_create_request zk_create_request_decode(struct zk_jute *in);

/* delete, check (path, version); exists, getData, getChildren (path, watch) */
struct zk_path_version {
    struct zk_slice path;
    int32_t version;
};
void zk_path_version_encode(struct zk_buf *out, struct zk_path_version r);
struct zk_path_version zk_path_version_decode(struct zk_jute *in);

struct zk_path_watch {
    struct zk_slice path;
    bool watch;
};
void zk_path_watch_encode(struct zk_buf *out, struct zk_path_watch r);
struct zk_path_watch zk_path_watch_decode(struct zk_jute *in);

struct zk_set_data_request {
    struct zk_slice path;
    struct zk_slice data;
    int32_t version;
};
void zk_set_data_request_encode(struct zk_buf *out, const struct zk_set_data_request *r);
struct zk_set_data_request zk_set_data_request_decode(struct zk_jute *in);

struct zk_set_acl_request {
    struct zk_slice path;
    struct zk_slice acl; /* the encoded vector */
    int32_t version;
};
void zk_set_acl_request_encode(struct zk_buf *out, const struct zk_set_acl_request *r);
struct zk_set_acl_request zk_set_acl_request_decode(struct zk_jute *in);

/* addWatch (mode), removeWatches and checkWatches (watcher type) */
struct zk_path_kind {
    struct zk_slice path;
    int32_t kind;
};
void zk_path_kind_encode(struct zk_buf *out, struct zk_path_kind r);
struct zk_path_kind zk_path_kind_decode(struct zk_jute *in);

struct zk_auth_packet {
    int32_t type;
    struct zk_slice scheme;
    struct zk_slice auth;
};
void zk_auth_packet_encode(struct zk_buf *out, const struct zk_auth_packet *r);
struct zk_auth_packet zk_auth_packet_decode(struct zk_jute *in);

/* --- ClickHouse Keeper's; checkNotExists and tryRemove (path, version) and createIfNotExists look as Apache's do --- */

/* filteredList and, with the last two, filteredListWithStatsAndData. The answers: names and the node's Stat; then a Stat
 * of each child, if asked, and the data of each, if asked (else empty vectors). */
struct zk_filtered_list_request {
    struct zk_slice path;
    bool watch;
    uint8_t type; /* ZK_LIST_ */
    bool with_stats;
    bool with_data;
};
enum { ZK_LIST_ALL = 0, ZK_LIST_PERSISTENT = 1, ZK_LIST_EPHEMERAL = 2 };
void zk_filtered_list_request_encode(struct zk_buf *out, int32_t op, const struct zk_filtered_list_request *r);
struct zk_filtered_list_request zk_filtered_list_request_decode(struct zk_jute *in, int32_t op);

/* checkStat: what is -1 may be anything. */
struct zk_check_stat_request {
    struct zk_slice path;
    int32_t version;
    struct zk_stat stat;
};
void zk_check_stat_request_encode(struct zk_buf *out, const struct zk_check_stat_request *r);
struct zk_check_stat_request zk_check_stat_request_decode(struct zk_jute *in);

/* removeRecursive, listRecursive */
struct zk_path_limit {
    struct zk_slice path;
    uint32_t limit; /* of nodes */
};
void zk_path_limit_encode(struct zk_buf *out, struct zk_path_limit r);
struct zk_path_limit zk_path_limit_decode(struct zk_jute *in);

/* --- zkd's own: a server that does not know them answers UNIMPLEMENTED and, as Apache's does, closes --- */

/* One page of a directory's children, in the order of their names' bytes. What it costs depends on what is on it. */
struct zk_page_request {
    struct zk_slice path;
    struct zk_slice from;   /* the first name that may be on it; null or "": the very first */
    struct zk_slice prefix; /* only names that begin so; null or "": all */
    int32_t flags;          /* ZK_PAGE_ */
    int32_t count;          /* at most so many; 0: as many as ZK_PAGE_BYTES_MAX holds, and never more */
};
enum {
    ZK_PAGE_STATS = 1, /* each with its Stat, where the session may read it */
    ZK_PAGE_AFTER = 2, /* begin behind `from`, the last name of the page before */
};
#define ZK_PAGE_BYTES_MAX 262144
void zk_page_request_encode(struct zk_buf *out, const struct zk_page_request *r);
struct zk_page_request zk_page_request_decode(struct zk_jute *in);

/* The answer: vector<zk_page_entry>, a bool that says whether there are more, and the directory's own Stat. */
struct zk_page_entry {
    struct zk_slice name;
    bool has_stat;
    struct zk_stat stat; /* on the wire only if it is there */
};
#define ZK_PAGE_ENTRY_MIN_BYTES 5
void zk_page_entry_encode(struct zk_buf *out, const struct zk_page_entry *e);
struct zk_page_entry zk_page_entry_decode(struct zk_jute *in);

/* Deletes a subtree, or of a large one as many nodes as `count` says, children before their parents. */
struct zk_delete_tree_request {
    struct zk_slice path;
    int32_t count; /* 0: as many as ZK_DELETE_TREE_MAX, and never more */
};
#define ZK_DELETE_TREE_MAX 1000
void zk_delete_tree_request_encode(struct zk_buf *out, struct zk_delete_tree_request r);
struct zk_delete_tree_request zk_delete_tree_request_decode(struct zk_jute *in);

struct zk_delete_tree_response {
    int32_t deleted;
    int32_t left; /* nodes of the subtree that are still there; 0: it is gone */
};
void zk_delete_tree_response_encode(struct zk_buf *out, struct zk_delete_tree_response r);
struct zk_delete_tree_response zk_delete_tree_response_decode(struct zk_jute *in);

/* One step of a multi, in request and response: {int type, bool done, int err} before each record; the end is
 * {-1, true, -1}. */
struct zk_multi_header {
    int32_t type;
    bool done;
    int32_t err;
};
#define ZK_MULTI_END ((struct zk_multi_header){-1, true, -1})
void zk_multi_header_encode(struct zk_buf *out, struct zk_multi_header h);
struct zk_multi_header zk_multi_header_decode(struct zk_jute *in);

/* The bytes of a whole ACL vector at the cursor, count included; sets `in->bad` if an element is malformed. A null
 * vector comes back as its four bytes. */
struct zk_slice zk_acl_vector_decode(struct zk_jute *in);
/* The vector {perms, "world", "anyone"}: what clients call OPEN_ACL_UNSAFE with ZK_PERM_ALL. */
void zk_acl_vector_world(struct zk_buf *out, int32_t perms);
