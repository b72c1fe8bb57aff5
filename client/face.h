/* face.h: what the files of libzk's face share: the handle, its loop, and how a call waits.
 *
 *   zk.c      the handle's life, its loop, callbacks
 *   calls.c   the operations, asynchronous and waiting
 *   result.c  what the core borrows made into what the caller owns
 *   link.c    the socket
 *
 * One lock guards a handle. The core is stepped and drained under it; callbacks run without it. Only the loop's
 * thread drains and feeds bytes, so what a drained effect borrows stays good while the lock is let go for a callback.
 */
#pragma once
#include "client/core.h"
#include "client/hostlist.h"
#include "client/link.h"
#include "client/zk.h"
#include <pthread.h>

struct event;

struct zk_call {
    zk_result_fn *fn; /* NULL: nobody wants to know */
    void *context;
    struct zk_watcher *watcher;
};

struct zk_watcher {
    zk_watch_fn *fn;
    void *context;
};

struct zk_listener {
    zk_state_fn *fn;
    void *context;
};

struct zk {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* state entered, or a listener's call has ended */
    struct zkc *core;
    struct zkc_hostlist hosts;
    char *servers; /* what hosts.chroot points into */

    struct event_base *base;
    bool own_thread;
    bool loop_known; /* loop_thread is set: own thread, or a callback has run on the caller's base */
    pthread_t loop_thread;
    pthread_t thread;
    int wake_fd;
    struct event *wake_event;
    struct event *timer;
    uint64_t timer_ms; /* when the timer will fire; UINT64_MAX: not set */
    struct zkc_link *link;
    uint32_t conn;
    uint32_t server; /* index of the one dialled last */

    bool draining; /* the loop is at it: no need to wake it */
    bool woken;
    bool closing;
    bool unowned; /* nobody waits for the end: the loop frees the handle */
    zk_closed_fn *on_closed;
    void *closed_context;

    struct zk_listener *listeners; /* a hole has fn NULL */
    size_t listener_count;
    struct zk_listener calling; /* being called right now */
    struct zk_buf path_text;    /* of the watch event being told; the loop's */
};

uint64_t zk_now_ms(void);
/* A condition that is waited for by zk_now_ms' clock; the latter returns false when it is `until_ms`. */
void zk_cond_init(pthread_cond_t *cond);
bool zk_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ms);
/* With the lock held: something was put into the core, let the loop look. */
void zk_poke(struct zk *zk);
/* May a call wait for an answer here? Not for a loop that is its own. */
bool zk_may_wait(struct zk *zk);

/* Never NULL: when memory is short, a constant that says so and that zk_result_free knows. */
struct zk_result *zk_result_build(struct zkc *core, const struct zkc_reply *reply);
