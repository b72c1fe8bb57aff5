/* core_private.h: what the files of the client core share; nobody else includes it.
 *
 *   core.c     the life: steps, connections, handshake, time, states, the end
 *   request.c  requests in: checked, encoded, queued
 *   wire.c     frames in: replies in order, notifications
 *   watch.c    the watches set
 */
#pragma once
#include "client/core.h"
#include "client/watch.h"

/* A request on its way: first in `waiting`, without an xid, then in `sent`. Its frame is kept whole, to be sent
 * again. */
struct zkc_pending {
    struct zkc_pending *next;
    uint64_t tag;
    uint64_t deadline_ms;
    uint64_t sent_ms;
    struct zkc_watch *watch; /* prepared; set when the answer says so */
    int32_t xid;
    int32_t op;
    int32_t kind;
    bool done; /* timed out: its DONE is out, but its answer is still to come */
    size_t len;
    uint8_t frame[]; /* with its length, and room for the xid at 4 */
};

struct zkc_queue {
    struct zkc_pending *first;
    struct zkc_pending *last;
    size_t count;
};

/* An effect as queued: replies are decoded only when drained. */
struct zkc_fx {
    enum zkc_effect_type type;
    int32_t op;  /* DONE: opcode; WATCH: event; STATE: state; DIAL: server */
    int32_t err; /* DONE; STATE: resumed */
    uint32_t conn;
    bool watch_ended;
    int64_t zxid;
    uint64_t tag;
    uint64_t watch_tag;
    struct zk_slice bytes; /* DONE: body; WATCH: path, still with chroot */
};

struct zkc_auth {
    struct zk_buf bytes; /* the whole frame */
    uint64_t tag;
    bool waiting; /* its DONE is still to come */
};

enum zkc_phase {
    ZKC_PHASE_IDLE, /* no connection; dial at dial_at_ms */
    ZKC_PHASE_DIALING,
    ZKC_PHASE_HANDSHAKE, /* connect request sent */
    ZKC_PHASE_READY,
};

struct zkc {
    struct zkc_config config; /* chroot points into `chroot` */
    struct zk_buf chroot;
    uint64_t now_ms;
    enum zkc_state state;
    bool closing;
    uint64_t close_deadline_ms;

    /* the session */
    int64_t session_id;
    uint8_t password[ZK_PASSWORD_BYTES];
    int32_t timeout_ms; /* negotiated, or asked for before */
    int32_t memory;     /* K */
    int64_t last_zxid;
    int32_t next_xid;
    uint64_t heard_ms; /* when we sent what a server last answered: it knew then that we live */

    /* the connection */
    enum zkc_phase phase;
    uint32_t conn;
    uint32_t order[ZKC_SERVERS_MAX];
    uint32_t turn;       /* index into order of the next server to dial */
    uint32_t round_left; /* servers to dial before backing off */
    uint32_t backoff_ms;
    uint64_t dial_at_ms;
    uint64_t ready_since_ms;
    uint64_t attempt_deadline_ms; /* DIALING, HANDSHAKE */
    uint64_t received_ms, sent_ms;
    uint64_t ping_ms;    /* when the last ping was sent */
    uint32_t pings_left; /* not yet answered */
    bool resuming;       /* the connect request named a session */
    bool is_read_only; /* the server has no quorum, and the session ends with this connection */
    bool asked_memory;
    bool answered;   /* a request has been answered on this connection */
    uint32_t barren; /* connections lost in a row with requests sent and none answered */
    size_t set_watches_left;
    size_t auths_answered;
    struct zk_buf in;
    size_t in_used; /* bytes of `in` handled, dropped with the next DATA */
    struct zk_buf out;

    /* requests */
    struct zkc_queue waiting, sent;
    size_t queued_bytes;
    struct zkc_pending *close_request; /* allocated at the start, so that closing cannot fail */
    struct zkc_auth auths[ZKC_AUTHS_MAX];
    size_t auth_count;
    struct zk_buf scratch;

    struct zkc_watches watches;
    struct zkc_watch *ended; /* watches whose path an effect may still borrow; freed with the next DATA */

    /* effects: a ring, with room kept for what must not fail */
    struct zkc_fx *fx;
    size_t fx_cap, fx_head, fx_count;
    struct zkc_fx fx_lost; /* where an effect goes for which there is no memory */
};

/* core.c */
bool zkc_fx_room(struct zkc *c, size_t more);
struct zkc_fx *zkc_fx_push(struct zkc *c, enum zkc_effect_type type);
void zkc_drop_connection(struct zkc *c);
void zkc_finish(struct zkc *c, enum zkc_state state, int err);

/* request.c */
void zkc_queue_push(struct zkc_queue *q, struct zkc_pending *p);
struct zkc_pending *zkc_queue_pop(struct zkc_queue *q);
void zkc_pending_complete(struct zkc *c, struct zkc_pending *p, int err); /* without an answer; frees p */
void zkc_flush(struct zkc *c);                                            /* send what the window allows */
void zkc_resend(struct zkc *c);
void zkc_pending_free(struct zkc *c, struct zkc_pending *p);

/* wire.c */
void zkc_wire_frame(struct zkc *c, struct zk_slice frame);
void zkc_wire_ready(struct zkc *c); /* identities and watches, at the start of a connection */
/* The session has ended: completes what was sent. `is_known`: `past` says what happened (proto.h, ZK_PROTOCOL_MEMORY).
 * False, and nothing is done: it cannot be read. */
ZK_MUST_CHECK bool zkc_settle_sent(struct zkc *c, bool is_known, struct zk_slice past);
bool zkc_reply_decode(const struct zkc *c, int32_t op, struct zk_slice body, struct zkc_reply *ret);
