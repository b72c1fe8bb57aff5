/* machine.h: what a recipe is made of: a small machine moved by answers and watch events.
 *
 * Referred to by its owner, by the request on its way (one at most) and by every watch that is set; freed by the last.
 * Everything in it is under its lock, which is let go for the owner's callbacks.
 */
#pragma once
#include "client/zk.h"
#include <pthread.h>

/* The first member of a recipe's own struct. */
struct zkr_machine {
    pthread_mutex_t lock;
    pthread_cond_t called; /* a callback has returned */
    size_t refs;
    void (*free)(void *machine); /* of the last reference; calls zkr_machine_fini */
    struct zk *zk;
    zk_state_fn *on_state;
    bool calling;
    pthread_t calling_thread;
    bool busy;    /* a request that moves us on is on its way */
    bool again;   /* look once more when it has come back */
    bool leaving; /* the owner has left */
    bool over;    /* the session has ended: the handle may be gone, and is not touched any more */
};

/* With one reference, the owner's. */
void zkr_machine_init(struct zkr_machine *m, struct zk *zk, void (*free)(void *machine));
void zkr_machine_fini(struct zkr_machine *m);
/* With the lock held; returns without it, and perhaps without the machine. */
void zkr_machine_unref_unlock(void *machine);

/* `on_state` hears of the session, with the machine as its context. */
int zkr_machine_listen(struct zkr_machine *m, zk_state_fn *on_state);
void zkr_machine_unlisten(struct zkr_machine *m);

/* Around a callback of the owner's. False: it has left and is not to be called. */
bool zkr_machine_call_begin(struct zkr_machine *m);
void zkr_machine_call_end(struct zkr_machine *m);

/* At the start of an answer: takes the lock. */
void *zkr_machine_come_back(void *machine);

/* The owner leaves. Returns with the lock held, and when no callback of its is running any more, but for one from which
 * this is called. */
void zkr_machine_leave(struct zkr_machine *m);

/* Answers that leave open whether a request happened. */
static inline bool zkr_is_unknown(int code)
{
    return code == ZK_CONNECTION_LOSS || code == ZK_OPERATION_TIMEOUT;
}

/* The path of a child, malloc'd; NULL: no memory. */
char *zkr_child_path(const char *parent, const char *name);
