/* life.h: all that a person asked and was answered in one session, held against the history.
 *
 * What every life asked is kept to the end, for the ledger may still bring it about long after the client is dead.
 *
 * CHECKS      requests complete in the order of submission, each once (C1); what is in the history was asked, as it
 * is there, once, in order (I3, I6, I15); what was acknowledged is there with that result, what was refused is not
 * (I15); a write that began after another had been acknowledged comes after it (I16); with a memory, nothing is ever
 * unknown, even if the session expires, unless another has taken it over; reads never go back (I14); a one-shot watch
 * fires at most once, and one still armed at the end has missed nothing (I24, I25).
 */
#pragma once
#include "client/core.h"
#include "tests/sim/ledger.h"
#include "tests/sim/world.h"

struct person;

enum watch_life { WATCH_NONE, WATCH_ASKED, WATCH_ARMED, WATCH_OVER };

/* One request. */
struct op {
    int32_t code;
    char *path;
    bool is_write;
    bool is_sent;
    uint64_t at_us;
    uint64_t acked_before; /* a write at this zxid had been acknowledged to somebody when this one was submitted */
    int32_t xid;
    struct zk_buf record; /* as it left */
    uint32_t effects;     /* how often the history has it */
    uint64_t effect_zxid;
    int32_t effect_err;
    bool is_done;
    bool was_refused; /* answered with an error, and it is not in the history */
    int32_t err;
    int64_t zxid;
    enum watch_life watch;
    enum zkc_watch_kind watch_kind;
    int64_t watch_zxid;
};

struct life {
    struct life *next; /* of all, the newest first */
    struct person *person;
    uint32_t number;
    bool is_apache;
    bool is_thief; /* comes with a password that it made up */
    bool is_taker; /* goes on with another client's session, and knows its password */
    size_t held_count; /* of a taker: the generations of the session in which it was on its connection */
    size_t held_cap;
    uint32_t *held;
    bool is_over;
    int32_t memory;
    uint64_t session;
    size_t op_count;
    size_t op_cap;
    struct op *ops;
    size_t next_sent;
    size_t next_done;
    int32_t last_xid;
    int32_t last_effect_xid;
    int64_t shown;
    uint32_t proofs;   /* bits: who of work_users it said it was */
    uint64_t attached; /* zxid at which it came to a connection last */
};

/* --- what its person sends and is told --- */

void life_is_connected(struct life *life, uint64_t session, int32_t memory);
/* Whole frames leave; `frames_seen` on this connection. */
void life_sends(struct life *life, struct zk_slice bytes, uint32_t *frames_seen);

/* Its core completes the request with this tag: each once, in the order of submission. */
struct op *life_complete(struct life *life, uint64_t tag);
bool life_is_unknown(int32_t err); /* it leaves open whether the request happened */
void life_judge_unknown(struct life *life, struct op *op);
void life_judge_write(struct life *life, struct op *op);
void life_judge_read(struct life *life, struct op *op);
/* An event for one of its watches. */
void life_hear(struct life *life, const struct zkc_effect *effect);

/* --- what others tell and ask --- */

/* The ledger has a new entry: a request, or who a session is. */
void life_committed(struct world *w, const struct ledger_entry *e);
/* The session has come to a connection, or has ended: what was in flight then. */
void life_session_entry(struct world *w, const struct ledger_entry *e);
uint64_t life_attached(const struct world *w, uint64_t session);
/* The zxid at which this session's request, asked from this node, happened; 0: it has not. */
uint64_t life_effect(const struct world *w, uint32_t from_node, uint64_t session, int32_t xid);
/* Every life of the seed, at its end. */
void lives_check(struct world *w);
void lives_free(struct world *w);
