/* loop.h: the one thread that runs the core: turn after turn, everything that is ready is read and fed to the replica,
 * then the replica is flushed once and its effects are performed, one write a connection.
 *
 * TURN        Sockets, timers and the store's signal are libevent events; each feeds the replica by itself after
 *             loop_touch, which tells it the time once a turn. When all that were ready have run, loop_turn flushes. So a
 *             batch is what arrived while the last one was being worked on, and nothing waits for a timer.
 * RULE        Effects are borrowed from the replica until it is called again: while they are performed nothing calls it.
 *             What must be told to it (a connection that broke while being written to) waits for the settle calls.
 */
#pragma once
#include <event2/event.h>
#include "server/replica/replica.h"

struct conns;
struct peers;

struct loop {
    struct event_base *base;
    struct replica *replica; /* the owner's, set before loop_run */
    struct conns *conns;
    struct peers *peers; /* NULL: no other servers */
    struct event *timer;
    uint64_t timer_at_ms; /* UINT64_MAX: not armed */
    uint64_t now_ms;
    bool touched; /* this turn has told the replica the time */
    bool again;   /* something waits that no event will tell of: do not sleep before the next turn */
    bool has_news; /* the last turn changed something that is worth a look at replica_report */
    bool is_over;
    char fatal[512]; /* why the process must end; "": it need not */
    /* After each turn's effects; may end the loop. */
    void (*after_turn)(void *arg);
    void *after_turn_arg;
};

/* Monotonic. */
uint64_t loop_clock_ms(void);
/* Adds a timer: due in wait_ms, and, if it is a persistent one, every wait_ms. False: no memory. */
bool loop_arm(struct event *timer, uint64_t wait_ms);

/* False: libevent has nothing to wait with. */
ZK_MUST_CHECK bool loop_init(struct loop *loop);
void loop_fini(struct loop *loop);
/* Before anything is fed to the replica. */
void loop_touch(struct loop *loop);
/* Waits for something to happen, feeds it, flushes. */
void loop_turn(struct loop *loop);
/* Turns until loop_end or a fatal effect. */
void loop_run(struct loop *loop);
void loop_end(struct loop *loop);
/* Let the next turn begin at once. */
void loop_hurry(struct loop *loop);
