#include "tests/sim/queue.h"

void queue_fini(struct queue *q)
{
    free(q->heap);
    *q = (struct queue){0};
}

static bool is_before(const struct queue_event *a, const struct queue_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void queue_put(struct queue *q, uint64_t at_us, queue_fn *fn, void *arg, uint64_t token)
{
    if (q->count == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 256;
        q->heap = zk_realloc(q->heap, q->cap * sizeof(*q->heap));
    }
    struct queue_event event = {at_us, q->order++, fn, arg, token};
    size_t at = q->count++;
    while (at > 0 && is_before(&event, &q->heap[(at - 1) / 2])) {
        q->heap[at] = q->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    q->heap[at] = event;
}

bool queue_take(struct queue *q, struct queue_event *ret_event)
{
    if (q->count == 0)
        return false;
    *ret_event = q->heap[0];
    struct queue_event last = q->heap[--q->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= q->count)
            break;
        if (child + 1 < q->count && is_before(&q->heap[child + 1], &q->heap[child]))
            child++;
        if (!is_before(&q->heap[child], &last))
            break;
        q->heap[at] = q->heap[child];
        at = child;
    }
    if (q->count > 0)
        q->heap[at] = last;
    return true;
}
