/* person.h: one user of the ensemble: a client core (libzk's own, or one that behaves as Apache's) on the simulated
 * network, with a workload on top, and a memory of all that was asked and answered.
 *
 * A person leads one life (a session from its opening to its end) after another. Now and then it goes on with a session
 * that another person holds or has left behind, by libzk or as Apache's clients do, in a life of its own. What every
 * life asked is kept to the end, for the ledger may still bring it about long after the client is dead.
 */
#pragma once
#include "tests/sim/apache.h"
#include "tests/sim/life.h"
#include "tests/sim/net.h"
#include "tests/sim/world.h"

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
