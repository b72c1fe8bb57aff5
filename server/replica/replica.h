/* replica.h: one server without sockets, disks or clocks: what the daemon drives and what the simulator runs.
 *
 * WHY HERE    Zab orders, the state computes; here they meet the clients: requests are checked for form, writes go to
 *             the leader, reads are answered from the local state behind that client's own writes, watches fire,
 *             sessions are kept alive and expire.
 * TURN        The driver feeds what has arrived (client frames, peer messages, a tick, storage reports), then calls
 *             replica_flush once: everything that came in this turn is proposed or forwarded as one, and the effects
 *             come out. So batches grow with the load and never wait on a timer.
 * INVARIANTS  R1  replies to a connection leave in the order of its requests (ping and auth apart).
 *             R2  a watch event is queued before any reply that shows the change.
 *             R3  a write is answered after this server has applied it, with the result of its own application.
 *             R4  of a session, only commands of its newest generation, in their order, each once, have an effect.
 *             R5  what waits for the leader is forwarded again to the next one; nothing is answered twice.
 * OWNERSHIP   The replica owns zab, state and watches; the storage stays the caller's. Effects are borrowed until the
 *             next call.
 */
#pragma once
#include "common/buf.h"
#include "server/replica/auth.h"
#include "server/replica/storage.h"
#include "server/replica/throttle.h"
#include "server/zab/zab.h"

/* A connection that has no session yet may send one frame of at most this. */
#define REPLICA_CONNECT_BYTES_MAX 1024
/* A connection's requests that were read and not answered: then reading pauses. */
#define REPLICA_CLIENT_REQUESTS_MAX 1000
#define REPLICA_CLIENT_BYTES_MAX (4u << 20)
/* Commands of all own clients that wait for the leader; above it all reading pauses. */
#define REPLICA_PENDING_BYTES_MAX (64u << 20)
/* Output that a slow reader has not taken (the driver tells): above it the connection is closed. */
#define REPLICA_OUTPUT_BYTES_MAX (64u << 20)
/* Answers to one client in a turn; above it its requests wait for the next, which may then bring one more. */
#define REPLICA_CLIENT_TURN_BYTES (1u << 20)
/* The same for all clients together. */
#define REPLICA_TURN_BYTES (64u << 20)
/* A list may cost much that its answer does not show: each node that it looks at counts as so many bytes more, and so
 * does each entry of an access list that is looked at for who asks. */
#define REPLICA_LOOK_BYTES 32
/* Nodes and entries that the parts of one multiRead look at; more is BAD_ARGUMENTS. */
#define REPLICA_MULTI_READ_LOOKS_MAX 4000000
/* Of one client: its watches, and the bytes of their paths. */
#define REPLICA_WATCHES_PER_CLIENT_MAX 1000000
#define REPLICA_WATCHED_BYTES_PER_CLIENT_MAX (64u << 20)
/* Memory for the watches of all clients: one part in so many of memory_limit_bytes or, where there is no limit, so much. */
#define REPLICA_WATCHES_SHARE_OF_LIMIT 6
#define REPLICA_WATCHES_BYTES_MAX ((size_t)1 << 30)
/* Sessions that only this server knows; who asks for one more is closed. */
#define REPLICA_LOCAL_SESSIONS_MAX 1000000
/* The answer to one getChildren, multiRead or getEphemerals; more is BAD_ARGUMENTS. libzk takes frames of 64 MiB. */
#define REPLICA_GATHERED_BYTES_MAX ((64u << 20) - 4096)

struct replica_config {
    struct zab_config zab;
    struct auth_rules auth;
    struct throttle_rules throttle;
    int32_t min_session_timeout_ms;
    int32_t max_session_timeout_ms;
    uint32_t jute_max_buffer; /* largest client frame */
    size_t outstanding_limit;       /* requests of all clients not answered: above it each may have one; 0: none */
    size_t throttle_max_requests;   /* of them under way; the others wait at the door; 0: none */
    uint32_t throttled_op_wait_ms;  /* who waited there for longer is answered THROTTLED_OP; 0: never */
    bool throttle_drops_stale;      /* who waited there for longer than its session's time-out is closed */
    size_t large_request_threshold; /* a frame of more bytes is a large request; 0: none is */
    size_t large_request_max_bytes; /* of all that are not answered; who brings more is closed */
    uint32_t stop_patience_ms;      /* a stopping server waits so long for its clients' answers; 0: the default */
    int32_t memory;           /* K given to libzk's sessions: STATE_MEMORY_K */
    uint64_t memory_limit_bytes; /* the leader refuses client writes above it (state_size_bytes); 0: none */
    uint64_t checkpoint_floor_bytes; /* of log between two checkpoints, at least; 0: the default */
    uint32_t checkpoint_slice_rows;  /* at most so many a turn; 0: the default */
    struct zk_slice ensemble;    /* the server lines as /zookeeper/config shows them; copied. Empty: it shows none */
    uint32_t client_turn_bytes;      /* 0: REPLICA_CLIENT_TURN_BYTES */
    bool read_only_mode;         /* without a quorum, who asked for no more is served read-only (Apache: readonlymode) */
    bool local_sessions;         /* new sessions (but libzk's) are this server's own until they write */
    bool local_upgrading;        /* those that began so may make ephemeral nodes */
    bool enforce_quota;          /* hard quotas refuse the writes of this server's clients */
    bool extended_types;         /* clients of this server may make TTL nodes */
    uint32_t container_check_ms; /* between the leader's walks over containers and TTL nodes; 0: the default */
    uint32_t container_max_per_minute; /* that it ends; 0: the default */
    int64_t container_never_used_ms;   /* a container that never had children ends after so long; 0: never */
    uint64_t space_low_bytes;    /* less free disk than this: short of space */
    /* Secrets (session passwords): getrandom(2) in the daemon, seeded in the simulator. */
    void (*random)(void *arg, void *ptr, size_t len);
    void *random_arg;
    /* NULL, or set by a replica_new that fails: true if what the storage holds cannot be read or is not what its digest
     * says (set it aside and start blank, as a stranger), false if starting with it is refused. */
    bool *damaged;
};

struct replica;
struct state;

/* Loads the state from the storage, replays the log up to the durable commit point and starts zab. NULL: one sentence
 * in `why`. */
struct replica *replica_new(const struct replica_config *config, struct storage storage, uint64_t now_ms,
                            int64_t wall_ms, char *why, size_t size);
void replica_free(struct replica *r);

/* --- events --- */

/* Tell the time before anything else of a turn: monotonic and wall clock. */
void replica_time(struct replica *r, uint64_t now_ms, int64_t wall_ms);
/* A client connected: `conn` is the driver's number for it, never used again; `address` its IP as text. */
void replica_client_open(struct replica *r, uint64_t conn, const char *address);
/* One whole frame, without its length. The first is the connect request; the driver then gives no other before
 * REPLICA_CLIENT_READY (what the client sends meanwhile stays unread). After a close effect frames are ignored. */
void replica_client_frame(struct replica *r, uint64_t conn, struct zk_slice frame);
void replica_client_closed(struct replica *r, uint64_t conn);
/* The largest frame that would be taken now: a client that announces more can be closed before it has sent it. */
uint32_t replica_frame_limit(const struct replica *r);
/* It has not taken all that it was sent; or now it has. In between its reads wait. */
void replica_client_behind(struct replica *r, uint64_t conn, bool is_behind);

void replica_peer_up(struct replica *r, uint64_t peer, bool inbound);
/* Also, for an outbound one without an up before it, when the dial was refused: say so at once, fail-over waits for it. */
void replica_peer_down(struct replica *r, uint64_t peer, bool inbound);
/* False: malformed; close the channel. */
ZK_MUST_CHECK bool replica_peer_message(struct replica *r, uint64_t peer, bool inbound, struct zk_slice message);
/* The storage has signalled reports: takes them all. */
void replica_storage(struct replica *r);
/* Stop cleanly: a leader hands over first. replica_may_stop says when. */
void replica_stop(struct replica *r);
bool replica_may_stop(const struct replica *r);

/* --- effects --- */

enum replica_effect_kind {
    REPLICA_CLIENT_SEND,   /* bytes: whole frames, with lengths */
    REPLICA_CLIENT_CLOSE,  /* after what was sent has left */
    REPLICA_CLIENT_PAUSE,  /* do not read from it until */
    REPLICA_CLIENT_RESUME,
    REPLICA_CLIENT_READY,  /* its session is established: frames up to jute_max_buffer from now on */
    REPLICA_PEER_SEND,     /* bytes: one message */
    REPLICA_PEER_CLOSE,    /* and, if we dialled it, dial again */
    REPLICA_NEWS,          /* bytes: a line for the log */
    REPLICA_FATAL,         /* bytes: why this process must end now */
};

struct replica_effect {
    enum replica_effect_kind kind;
    uint64_t conn;
    uint64_t peer;
    bool inbound;
    enum { REPLICA_INFO, REPLICA_WARN, REPLICA_ERROR } severity; /* of NEWS */
    struct zk_slice bytes;
};

/* End of the turn: propose or forward what came in, and collect. */
size_t replica_flush(struct replica *r, const struct replica_effect **ret_effects);
/* When replica_time and replica_flush want to be called again at the latest, monotonic ms. */
uint64_t replica_deadline_ms(const struct replica *r);

/* --- what there is to see: a picture for words, metrics, the simulator --- */

struct replica_report {
    enum zab_phase phase;
    uint64_t leader;
    uint64_t epoch;
    uint64_t last_zxid; /* applied */
    uint64_t digest;
    bool serving;       /* clients get answers here */
    bool is_read_only;  /* not serving, but for reads of those who asked for no more */
    bool is_observer;
    bool is_standalone;
    size_t connections; /* with a session or on their way to one */
    size_t sessions;    /* of the ensemble */
    size_t local_sessions; /* of this server alone */
    size_t nodes;
    size_t ephemerals;
    size_t watches;
    size_t outstanding; /* requests read and not answered */
    uint64_t data_bytes;
    uint64_t state_bytes;
    uint64_t packets_received;
    uint64_t packets_sent;
    uint64_t throttled; /* connections closed for want of tokens */
    uint64_t throttle_waits, throttled_ops, stale_dropped; /* requests that waited at the door, and what became of some */
    uint64_t large_rejected;
    uint64_t latency_min_us, latency_max_us, latency_sum_us, latency_count;
    int32_t proposal_last_bytes, proposal_min_bytes, proposal_max_bytes; /* -1: none yet */
    size_t followers, synced_followers, synced_observers, pending_syncs; /* leader */
    uint64_t leading_since_ms;                                           /* leader, monotonic */
    uint64_t free_bytes, total_bytes;
    const char *waiting_for; /* "" or a sentence: who is missing, what helps */
};
void replica_report_get(const struct replica *r, struct replica_report *ret_report);

struct replica_client_report {
    uint64_t session;
    int64_t opened_wall_ms;
    uint64_t last_response_ms; /* monotonic */
    bool has_op;               /* the three below tell of an answer */
    int32_t timeout_ms;
    size_t queued;
    uint64_t received, sent;
    int32_t last_op, last_xid;
    uint64_t last_zxid;
    uint64_t latency_last_us, latency_min_us, latency_max_us, latency_sum_us, latency_count;
};
/* False: no such connection. */
bool replica_client_report_get(const struct replica *r, uint64_t conn, struct replica_client_report *ret_report);

/* Every watch but those on children alone, each connection and path once: path by path or connection by connection. */
typedef void replica_watch_fn(void *arg, uint64_t conn, uint64_t session, struct zk_slice path);
void replica_each_watch(const struct replica *r, bool by_path, replica_watch_fn *fn, void *arg);
/* Sessions in the order of their ids, from `after` (0: the first); false at the end. */
struct replica_session {
    uint64_t id;
    int32_t timeout_ms;
    size_t ephemeral_count;
};
bool replica_session_next(const struct replica *r, uint64_t after, struct replica_session *ret_session);
/* Its ephemeral nodes, as a jute vector of strings; false: they are more bytes than that. */
bool replica_session_ephemerals(const struct replica *r, uint64_t session, size_t bytes_max, struct zk_buf *out);
/* What /zookeeper/config shows. */
void replica_config_text(const struct replica *r, struct zk_buf *out);
/* When a leader gives a session up, monotonic; false: this is no leader, or there is no such session. */
bool replica_session_deadline(const struct replica *r, uint64_t session, uint64_t *ret_ms);
/* The sessions that only this server knows, and when it gives each up, monotonic. */
typedef void replica_local_fn(void *arg, uint64_t session, uint64_t deadline_ms);
void replica_each_local_session(const struct replica *r, replica_local_fn *fn, void *arg);
/* Of the state at this zxid, if it is one of the last; 0: unknown. */
uint64_t replica_digest_at(const struct replica *r, uint64_t zxid);
/* Count afresh: packets, latencies, proposal sizes; the same of every connection. */
void replica_reset_figures(struct replica *r);
void replica_reset_client_figures(struct replica *r);

const struct state *replica_state(const struct replica *r);
struct zab *replica_zab(struct replica *r);
/* Every invariant (tests and the simulator): NULL, or what does not hold. */
const char *replica_check(const struct replica *r);
