/* queue.h: what will happen: a min-heap ordered by (time, order of scheduling). Ties are never random, so a run is a
 * function of its seed. An event cannot be taken back: who schedules one that may become moot lets it carry a number
 * (`token`) and looks whether that is still the current one. */
#pragma once
#include "common/base.h"

struct world;

typedef void queue_fn(struct world *w, void *arg, uint64_t token);

struct queue_event {
    uint64_t at_us;
    uint64_t order;
    queue_fn *fn;
    void *arg;
    uint64_t token;
};

struct queue {
    struct queue_event *heap;
    size_t count;
    size_t cap;
    uint64_t order;
};

void queue_fini(struct queue *q);
void queue_put(struct queue *q, uint64_t at_us, queue_fn *fn, void *arg, uint64_t token);
/* Takes the earliest; false when there is none. */
bool queue_take(struct queue *q, struct queue_event *ret_event);
