/* person.h: one user of the ensemble: a client core (libzk's own, or one that behaves as Apache's) on the simulated
 * network, with a workload on top, and a memory of all that was asked and answered.
 *
 * A person leads one life (a session from its opening to its end) after another. Now and then it goes on with a session
 * that another person holds or has left behind, by libzk or as Apache's clients do, in a life of its own. What every
 * life asked is kept to the end, for the ledger may still bring it about long after the client is dead.
 *
 * CHECKS      requests complete in the order of submission, each once (C1); what is in the history was asked, as it
 * is there, once, in order (I3, I6, I15); what was acknowledged is there with that result, what was refused is not
 * (I15); a write that began after another had been acknowledged comes after it (I16); with a memory, nothing is ever
 * unknown, even if the session expires, unless another has taken it over; reads never go back (I14); a one-shot watch
 * fires at most once, and one still armed at the end has missed nothing (I24, I25).
 */
#pragma once
#include "client/core.h"
#include "tests/sim/apache.h"
#include "tests/sim/ledger.h"
#include "tests/sim/net.h"
#include "tests/sim/world.h"

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
    uint64_t attached; /* zxid at which it came to a connection last */
};

struct person {
    struct world *world;
    uint32_t number;
    uint32_t node;
    struct zkc *zkc;
    struct apache *apache;
    struct life *life;
    struct net_end *end;
    uint32_t conn;
    bool is_up; /* the connection stands */
    bool is_frozen;
    bool is_closing;
    bool has_quit;   /* no more work, no new life */
    uint64_t budget; /* operations still to be submitted */
    uint64_t timer_token;
    uint64_t timer_at_us;
    uint64_t work_token;
    uint64_t life_count;
    uint32_t frames_seen; /* on this connection, sent */
    struct zk_rng rng;
};

struct person *person_new(struct world *w, uint32_t number, uint64_t budget);
void person_free(struct person *p);
/* Begin a life. */
void person_begin(struct person *p);
/* The adversary's: it dies without a word or with its sockets closed; falls silent; loses its connection. */
void person_kill(struct person *p);
void person_freeze(struct person *p, uint64_t for_us);
void person_thaw(struct person *p);
bool person_move(struct person *p);
/* A stranger comes with the person's session id and a wrong password. */
void person_impersonate(struct person *p);
/* The person goes on with a session of somebody else's, who has died or soon will. */
void person_take_over(struct person *p);
/* Ends its session properly when its requests are answered. */
void person_close(struct person *p);
/* Every request answered and, after person_close, the session ended. */
bool person_is_idle(const struct person *p);
/* Submit one request now (the last word of a seed); its op. NULL: refused. */
struct op *person_submit(struct person *p, const struct zkc_request *request);

/* --- what others tell and ask --- */

/* The ledger has a new entry. */
void person_committed(struct world *w, const struct ledger_entry *e);
/* The session has come to a connection, or has ended: what was in flight then. */
void person_session_entry(struct world *w, const struct ledger_entry *e);
uint64_t person_attached(const struct world *w, uint64_t session);
/* The zxid at which this session's request, asked from this node, happened; 0: it has not. */
uint64_t person_effect(const struct world *w, uint32_t from_node, uint64_t session, int32_t xid);
/* Every life of the seed, at its end. */
void person_check_lives(struct world *w);
void persons_free_lives(struct world *w);
