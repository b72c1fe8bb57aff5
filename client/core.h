/* core.h: the client as a pure core. An event goes in, effects come out: no socket, no clock, no thread, no global,
 * no chance but a zk_rng that it is handed. The faces (zk.h) put libevent and locks around it; the simulator runs
 * this very code against the real server core.
 *
 * One core is one session's life: it dials servers in random order, shakes hands, pings, reconnects with the same
 * session (id, password, last zxid seen), sends the identities again, sets the watches again, and numbers, sends,
 * orders and completes requests. When the session has expired the core is done: it never opens a second session by
 * itself.
 *
 * HOW TO DRIVE IT
 *     struct zkc *c = zkc_new(&config);
 *     zkc_step(c, &(struct zkc_event){.type = ZKC_EVENT_TICK, .now_ms = now});       the first tick starts it
 *     while (zkc_next_effect(c, &effect)) ...                                        after every step and submit
 *     deadline = zkc_deadline_ms(c);                                                 send a TICK no later than this
 * DIAL: connect to server `server` and answer with CONNECTED or DISCONNECTED, always quoting `conn`. SEND: write
 * these bytes on `conn`, in order. CLOSE: close `conn`; no DISCONNECTED need follow. Events of another `conn` than
 * the current one are ignored, so nothing has to be cancelled. DATA may come in any pieces. An effect may be answered
 * with a step or a submit at once, before the rest is drained.
 *
 * WITH A MEMORY   libzk asks for a session whose server remembers the results of its last K writes (proto.h,
 * ZK_PROTOCOL_MEMORY). If it is granted, at most K requests are unanswered at any time, and what is unanswered when a
 * connection breaks is sent again on the next one, in order, under the same xids, reads too. xids grow through the
 * whole session, across connections, and wrap to 1. Without it (Apache's servers) sent requests complete with
 * ZK_ERR_CONNECTION_LOSS as with Apache's clients. Requests that were never sent stay queued in both.
 *     The memory is the opener's: its xids are in it. A core that takes a session over (session_id) numbers afresh, so
 * it does not ask for the memory, and its coming ends it; the opener, if it comes back, is told at the handshake that it
 * has none any more, and goes on without.
 *     When such a session has expired (or its closing was not answered) the servers tell what it did: each write that
 * was sent completes with its result, or with ZK_ERR_SESSION_EXPIRED if it never happened. Servers forget the ended
 * after some minutes; then it completes with ZK_ERR_CONNECTION_LOSS, for nobody knows. Reads and what was not sent
 * complete with ZK_ERR_SESSION_EXPIRED.
 *
 * INVARIANTS
 *   C1 requests complete in the order of submission, each exactly once (identities: in an order of their own)
 *   C2 the xids in `sent` are consecutive but for wrapping; those waiting have none yet
 *   C3 a watch event is handed out before any completion that came after it on the wire
 *   C4 at most min(K, outstanding_max) requests are unanswered on the wire
 *   C5 everything queued stays within ZKC_QUEUE_COUNT_MAX requests and ZKC_QUEUE_BYTES_MAX bytes
 *   C6 the last zxid seen never decreases
 *
 * MEMORY      a failed allocation is an answer here (ZK_ERR_SYSTEM_ERROR from submit, a dropped connection from
 * step), never the end of the process. Effects borrow: their bytes are good until the next step with ZKC_EVENT_DATA;
 * those of a SEND until the next call.
 */
#pragma once
#include "common/err.h"
#include "common/proto.h"
#include "common/rng.h"

enum {
    ZKC_SERVERS_MAX = 128,
    ZKC_QUEUE_COUNT_MAX = 65536,             /* requests submitted and not completed */
    ZKC_QUEUE_BYTES_MAX = 256 * 1024 * 1024, /* their bytes */
    ZKC_OUTSTANDING_DEFAULT = 1000,          /* unanswered on the wire */
    ZKC_REQUEST_BYTES_DEFAULT = 0xfffff,     /* Apache's jute.maxbuffer; a server drops who sends more */
    ZKC_FRAME_BYTES_MAX = 64 * 1024 * 1024,  /* the largest frame taken from a server */
    ZKC_SET_WATCHES_BYTES_MAX = 128 * 1024,  /* one piece of setWatches */
    ZKC_MULTI_STEPS_MAX = 10000,
    ZKC_AUTHS_MAX = 64,
    ZKC_WATCHES_MAX = 1 << 20,
    ZKC_RESENDS_MAX = 16, /* connections lost in a row over one request: it is given up as what they drop us for */
    ZKC_BACKOFF_MIN_MS = 10,
    ZKC_BACKOFF_MAX_MS = 1000,
    /* What is lost sooner counts as another failed attempt: two processes on one session take it from each other. */
    ZKC_STEADY_MS = 1000,
};

/* What a watch listens to. The first three fire once; the others until removed. */
enum zkc_watch_kind {
    ZKC_WATCH_DATA,  /* of get, and of exists where there is a node */
    ZKC_WATCH_EXIST, /* of exists where there is none */
    ZKC_WATCH_CHILD,
    ZKC_WATCH_PERSISTENT,
    ZKC_WATCH_RECURSIVE,
    ZKC_WATCH_KINDS,
};

struct zkc_config {
    uint32_t server_count;      /* addresses are the edge's; the core knows indices 0..server_count-1. At least 1 */
    struct zk_slice chroot;     /* "/a/b": put before every path sent, taken from every path received; empty: none */
    int32_t session_timeout_ms; /* asked for; the server decides. 0: 10000 */
    uint32_t
        request_timeout_ms;   /* a request unanswered for so long completes with ZK_ERR_OPERATION_TIMEOUT; 0: never */
    uint32_t outstanding_max; /* 0: ZKC_OUTSTANDING_DEFAULT */
    uint32_t request_bytes_max; /* a larger frame is refused by zkc_submit; 0: ZKC_REQUEST_BYTES_DEFAULT */
    uint32_t close_grace_ms;    /* CLOSE waits so long for an answer, then leaves the session to expire; 0: 3000 */
    bool no_memory;             /* do not ask for a session with a memory */
    bool read_only;             /* a server without a quorum will do: it answers reads, by what it knows */
    int64_t session_id;         /* not 0: take this session over; it has no memory from then on */
    uint8_t password[ZK_PASSWORD_BYTES];
    struct zk_rng rng; /* seeded by the caller */
};

enum zkc_event_type {
    ZKC_EVENT_TICK,         /* time has passed */
    ZKC_EVENT_CONNECTED,    /* the transport of `conn` stands */
    ZKC_EVENT_DATA,         /* `bytes` came on `conn`; copied */
    ZKC_EVENT_DISCONNECTED, /* `conn` could not be dialled, or broke */
    ZKC_EVENT_CLOSE,        /* end the session; requests submitted before are finished first */
    ZKC_EVENT_DETACH,       /* leave the session on the servers, for another process to take over; CLOSED at once */
};

struct zkc_event {
    enum zkc_event_type type;
    uint64_t now_ms; /* any monotonic clock */
    uint32_t conn;
    struct zk_slice bytes;
};

/* What the owner of the session should know:
 *
 *   CONNECTING --handshake--> CONNECTED --connection lost--> CONNECTING --one session time-out without word--> LOST
 *   CONNECTING, LOST --the session lives--> CONNECTED, --it does not--> EXPIRED
 *   any --bad credentials--> AUTH_FAILED     any --CLOSE--> CLOSED
 *
 * LOST is the client's own careful guess: by now a server may have expired the session and given its locks away.
 * EXPIRED, AUTH_FAILED and CLOSED are final; every request and watch has ended before they are told. */
enum zkc_state {
    ZKC_STATE_CONNECTING,
    ZKC_STATE_CONNECTED,
    ZKC_STATE_LOST,
    ZKC_STATE_EXPIRED,
    ZKC_STATE_AUTH_FAILED,
    ZKC_STATE_CLOSED,
};

/* One request. Bytes are borrowed for the call. Which fields count:
 *   CREATE, CREATE2            path data acl flags (0..3); acl: an encoded vector, absent: world:anyone:cdrwa
 *   CREATE_CONTAINER           path data acl             CREATE_TTL  path data acl flags (0, 2) ttl_ms
 *   DELETE, CHECK              path version (-1: any); CHECK only as a step of a multi
 *   EXISTS, GET_DATA, GET_CHILDREN, GET_CHILDREN2    path watch_tag
 *   SET_DATA                   path data version         GET_ACL     path
 *   SET_ACL                    path acl version          SYNC        path
 *   MULTI                      steps step_count          ADD_WATCH   path kind (enum: ZK_ADD_WATCH_) watch_tag
 *   MULTI_READ                 steps (GET_DATA, GET_CHILDREN) step_count
 *   CHECK_WATCHES, REMOVE_WATCHES    path kind (ZK_WATCHER_)
 *   GET_ALL_CHILDREN_NUMBER    path                      GET_EPHEMERALS    path (a prefix: may end in a slash)
 *   GET_CHILDREN_PAGE          path from prefix flags (ZK_PAGE_) count
 *   DELETE_TREE                path count
 *   WHO_AM_I                   nothing                   AUTH        scheme, data: the credentials */
struct zkc_request {
    int32_t op; /* ZK_OP_ */
    struct zk_slice path;
    struct zk_slice data;
    struct zk_slice acl;
    struct zk_slice scheme;
    int32_t flags;
    int32_t version;
    int32_t kind;
    int64_t ttl_ms;
    struct zk_slice from;
    struct zk_slice prefix;
    int32_t count;
    bool no_chroot; /* of one path: it is the servers' own, /zookeeper/config */
    const struct zkc_request *steps;
    size_t step_count;
    uint64_t tag;       /* comes back in the completion */
    uint64_t watch_tag; /* not 0: set a watch that reports under this number */
};

/* A completed request; bytes are borrowed as the effect's. With err != ZK_ERR_OK the rest is empty, but for a multi.
 */
struct zkc_reply {
    int32_t op;
    int32_t err;
    int64_t zxid;         /* the server's last at reply time (the write's own if its session had ended); 0: no reply */
    struct zk_slice path; /* creates (the name it got), SYNC; without chroot */
    struct zk_slice data; /* GET_DATA; may be absent (null) */
    bool has_stat;
    struct zk_stat stat;
    struct zk_slice
        children;          /* GET_CHILDREN(2): the encoded vector of names: zk_jute_count(&in, 4), zk_jute_string;
                              GET_EPHEMERALS: of paths, still with chroot (zkc_strip_chroot) */
    struct zk_slice identities; /* WHO_AM_I: the encoded vector of pairs of strings, scheme and user */
    struct zk_slice page;  /* GET_CHILDREN_PAGE: the encoded vector of zk_page_entry */
    bool more;             /* GET_CHILDREN_PAGE: there are children behind it */
    int32_t count;         /* GET_ALL_CHILDREN_NUMBER; DELETE_TREE: nodes that are left */
    struct zk_slice acl;   /* GET_ACL: the encoded vector: zk_jute_count(&in, ZK_ACL_MIN_BYTES), zk_acl_decode */
    struct zk_slice steps; /* MULTI, MULTI_READ: what zkc_multi_next walks. A MULTI that failed has err of the failing
                              step; parts of a MULTI_READ fail by themselves */
};

enum zkc_effect_type {
    ZKC_EFFECT_DIAL,  /* conn, server */
    ZKC_EFFECT_SEND,  /* conn, bytes: at most one when a drain ends, all that has gathered */
    ZKC_EFFECT_CLOSE, /* conn */
    ZKC_EFFECT_DONE,  /* tag, reply; watch_tag: the request's if its watch is set now, else 0: it will never report */
    ZKC_EFFECT_WATCH, /* watch_tag, event, path, zxid, watch_ended */
    ZKC_EFFECT_STATE, /* state, resumed */
};

/* Events of watches that the wire does not have. */
enum {
    /* A persistent watch has been set again on a new connection: changes in between were not reported; read again. */
    ZKC_EVENT_WATCH_RESUMED = -2,
    /* The watch is gone with its session: the last word on this tag. */
    ZKC_EVENT_WATCH_ENDED = -3,
};

struct zkc_effect {
    enum zkc_effect_type type;
    uint32_t conn;
    uint32_t server;
    struct zk_slice bytes;
    uint64_t tag;
    struct zkc_reply reply;
    uint64_t watch_tag;
    int32_t event;        /* enum zk_event_type or one of the two above */
    struct zk_slice path; /* without chroot */
    int64_t zxid;         /* of the change where the server tells it (Apache from 3.9), else <= 0 */
    bool watch_ended;     /* nothing more will come under this watch_tag */
    enum zkc_state state;
    bool resumed; /* CONNECTED: the session was there before */
};

struct zkc;

/* NULL if memory is short or the configuration is impossible (no server, bad chroot). Copies the configuration. */
struct zkc *zkc_new(const struct zkc_config *config);
void zkc_free(struct zkc *c);

void zkc_step(struct zkc *c, const struct zkc_event *event);
/* Queue a request. 0: its DONE will come. Else nothing happened and the result is
 *   ZK_ERR_BAD_ARGUMENTS (path, size, flags), ZK_ERR_UNIMPLEMENTED (opcode), ZK_ERR_THROTTLED_OP (queue full),
 *   ZK_ERR_SESSION_EXPIRED, ZK_ERR_AUTH_FAILED, ZK_ERR_CLOSING (the session has ended or is ending),
 *   ZK_ERR_SYSTEM_ERROR (memory). */
ZK_MUST_CHECK int zkc_submit(struct zkc *c, uint64_t now_ms, const struct zkc_request *request);
/* The next effect; false when there is none for now. */
bool zkc_next_effect(struct zkc *c, struct zkc_effect *ret_effect);
/* When the next TICK is due; UINT64_MAX: not needed. */
uint64_t zkc_deadline_ms(const struct zkc *c);

enum zkc_state zkc_state(const struct zkc *c);
/* Connected to a server without a quorum: writes end with NOT_READ_ONLY. The session is another on the next connection;
 * the watches stay. */
bool zkc_is_read_only(const struct zkc *c);
int64_t zkc_session_id(const struct zkc *c); /* 0 before the first handshake */
const uint8_t *zkc_password(const struct zkc *c);
int32_t zkc_session_timeout_ms(const struct zkc *c); /* as negotiated */
int32_t zkc_memory(const struct zkc *c);             /* K; 0: this session has none */
size_t zkc_unfinished(const struct zkc *c);  /* requests submitted and not completed */
size_t zkc_outstanding(const struct zkc *c); /* of those: on the wire */
size_t zkc_watch_count(const struct zkc *c); /* set now */

/* The next step of a MULTI reply; `*in` starts as zk_jute(reply->steps). False at the end or when malformed
 * (in->bad). A step that did not happen has its err. Paths come without chroot. */
bool zkc_multi_next(const struct zkc *c, struct zk_jute *in, struct zkc_reply *ret_step);

/* A path without the chroot; one that is not below it comes back as it is. */
struct zk_slice zkc_strip_chroot(const struct zkc *c, struct zk_slice path);

/* Assert the invariants above; for tests. */
void zkc_check(const struct zkc *c);
