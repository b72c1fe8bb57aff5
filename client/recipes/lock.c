#include "client/face.h"
#include "client/recipes/place.h"

/* One mutex guards the fields; it is never held while a place is left or anybody is called. */
struct zk_lock {
    struct zk *zk;
    char *path;
    char *note;
    zk_lock_lost_fn *on_lost;
    void *lost_context;
    pthread_mutex_t mutex;
    struct zkr_place *place; /* held, or awaited */
    bool held;
    zk_lock_fn *fn; /* of the one who awaits it */
    void *context;
    bool try; /* do not wait behind anybody */
};

int zk_lock_new(struct zk *zk, const char *path, const char *note, zk_lock_lost_fn *on_lost, void *lost_context,
                struct zk_lock **ret_lock)
{
    struct zk_lock *lock = calloc(1, sizeof *lock);
    if (lock == NULL)
        return ZK_SYSTEM_ERROR;
    pthread_mutex_init(&lock->mutex, NULL);
    lock->zk = zk;
    lock->path = strdup(path);
    lock->note = strdup(note ? note : "");
    lock->on_lost = on_lost;
    lock->lost_context = lost_context;
    if (lock->path == NULL || lock->note == NULL) {
        zk_lock_free(lock);
        return ZK_SYSTEM_ERROR;
    }
    *ret_lock = lock;
    return ZK_OK;
}

/* What a lock was before its place was taken out of it, for the taker to leave. */
struct taken {
    struct zkr_place *place; /* NULL: somebody else has taken it */
    bool held;
    zk_lock_fn *fn;
    void *context;
};

/* With a `waiter`, only while that one still waits. */
static struct taken take_place(struct zk_lock *lock, const void *waiter)
{
    struct taken taken = {NULL, false, NULL, NULL};
    pthread_mutex_lock(&lock->mutex);
    if (waiter == NULL || (!lock->held && lock->context == waiter)) {
        taken = (struct taken){lock->place, lock->held, lock->fn, lock->context};
        lock->place = NULL;
        lock->held = false;
        lock->fn = NULL;
    }
    pthread_mutex_unlock(&lock->mutex);
    return taken;
}

static void give_up(struct zk_lock *lock, int code)
{
    struct taken taken = take_place(lock, NULL);
    if (taken.place == NULL)
        return;
    zkr_place_leave(taken.place, NULL, NULL);
    if (taken.held && lock->on_lost != NULL)
        lock->on_lost(lock, code, lock->lost_context);
    else if (!taken.held && taken.fn != NULL)
        taken.fn(lock, code, 0, taken.context);
}

static void on_waiting(void *context)
{
    struct zk_lock *lock = context;
    pthread_mutex_lock(&lock->mutex);
    bool try = lock->try;
    pthread_mutex_unlock(&lock->mutex);
    if (try)
        give_up(lock, ZK_OPERATION_TIMEOUT);
}

static void on_first(uint64_t fence, void *context)
{
    struct zk_lock *lock = context;
    pthread_mutex_lock(&lock->mutex);
    zk_lock_fn *fn = lock->place ? lock->fn : NULL;
    void *fn_context = lock->context;
    lock->held = lock->place != NULL;
    lock->fn = NULL;
    pthread_mutex_unlock(&lock->mutex);
    if (fn != NULL)
        fn(lock, ZK_OK, fence, fn_context);
}

static void on_ended(int code, void *context)
{
    give_up(context, code);
}

static int enter(struct zk_lock *lock, bool try, zk_lock_fn *fn, void *context)
{
    static const struct zkr_place_calls calls = {on_waiting, on_first, on_ended};
    pthread_mutex_lock(&lock->mutex);
    int code = ZK_INVALID_STATE;
    if (lock->place == NULL) {
        lock->fn = fn;
        lock->context = context;
        lock->try = try;
        code =
            zkr_place_enter(lock->zk, lock->path, "lock", lock->note, strlen(lock->note), &calls, lock, &lock->place);
    }
    pthread_mutex_unlock(&lock->mutex);
    return code;
}

int zk_lock_acquire_async(struct zk_lock *lock, zk_lock_fn *fn, void *context)
{
    return enter(lock, false, fn, context);
}

/* --- waiting --- */

struct wait {
    pthread_mutex_t mutex;
    pthread_cond_t told;
    bool done;
    int code;
    uint64_t fence;
};

static void wait_init(struct wait *wait)
{
    memset(wait, 0, sizeof *wait);
    pthread_mutex_init(&wait->mutex, NULL);
    zk_cond_init(&wait->told);
}

static void wait_fini(struct wait *wait)
{
    pthread_cond_destroy(&wait->told);
    pthread_mutex_destroy(&wait->mutex);
}

static void tell(struct wait *wait, int code, uint64_t fence)
{
    pthread_mutex_lock(&wait->mutex);
    wait->done = true;
    wait->code = code;
    wait->fence = fence;
    pthread_cond_signal(&wait->told);
    pthread_mutex_unlock(&wait->mutex);
}

static bool wait_until(struct wait *wait, uint64_t until_ms)
{
    pthread_mutex_lock(&wait->mutex);
    while (!wait->done && zk_cond_wait(&wait->told, &wait->mutex, until_ms))
        ;
    bool done = wait->done;
    pthread_mutex_unlock(&wait->mutex);
    return done;
}

static void on_acquired(struct zk_lock *lock, int code, uint64_t fence, void *context)
{
    tell(context, code, fence);
}

static void on_left(int code, void *context)
{
    tell(context, code, 0);
}

static uint64_t deadline_ms(const struct zk_lock *lock, uint32_t timeout_ms)
{
    if (timeout_ms == UINT32_MAX)
        return INT32_MAX * UINT64_C(1000);
    /* Who does not want to queue still has to ask: for one session time-out at most. */
    return zk_now_ms() + (timeout_ms > 0 ? timeout_ms : zk_session_timeout_ms(lock->zk));
}

/* Too late; unless the lock was won, or lost, at the same moment: then the answer is there or on its way. */
static void stop_waiting(struct zk_lock *lock, struct wait *wait)
{
    struct taken taken = take_place(lock, wait);
    if (taken.place == NULL)
        return;
    zkr_place_leave(taken.place, NULL, NULL);
    tell(wait, ZK_OPERATION_TIMEOUT, 0);
}

int zk_lock_acquire(struct zk_lock *lock, uint32_t timeout_ms, uint64_t *ret_fence)
{
    if (!zk_may_wait(lock->zk))
        return ZK_INVALID_STATE;
    struct wait wait;
    wait_init(&wait);
    int code = enter(lock, timeout_ms == 0, on_acquired, &wait);
    if (code == ZK_OK) {
        if (!wait_until(&wait, deadline_ms(lock, timeout_ms)))
            stop_waiting(lock, &wait);
        wait_until(&wait, INT32_MAX * UINT64_C(1000));
        code = wait.code;
        if (code == ZK_OK && ret_fence != NULL)
            *ret_fence = wait.fence;
    }
    wait_fini(&wait);
    return code;
}

/* --- giving back --- */

static int release(struct zk_lock *lock, zkr_place_left_fn *left, void *left_context)
{
    struct taken taken = take_place(lock, NULL);
    if (taken.place == NULL)
        return ZK_INVALID_STATE;
    zkr_place_leave(taken.place, left, left_context);
    if (taken.fn != NULL)
        taken.fn(lock, ZK_CLOSING, 0, taken.context);
    return ZK_OK;
}

int zk_lock_release_async(struct zk_lock *lock)
{
    return release(lock, NULL, NULL);
}

int zk_lock_release(struct zk_lock *lock)
{
    if (!zk_may_wait(lock->zk))
        return ZK_INVALID_STATE;
    struct wait wait;
    wait_init(&wait);
    int code = release(lock, on_left, &wait);
    if (code == ZK_OK) {
        wait_until(&wait, INT32_MAX * UINT64_C(1000));
        code = wait.code;
    }
    wait_fini(&wait);
    return code;
}

bool zk_lock_is_held(struct zk_lock *lock)
{
    pthread_mutex_lock(&lock->mutex);
    bool held = lock->held;
    pthread_mutex_unlock(&lock->mutex);
    return held;
}

void zk_lock_free(struct zk_lock *lock)
{
    if (lock == NULL)
        return;
    release(lock, NULL, NULL);
    pthread_mutex_destroy(&lock->mutex);
    free(lock->path);
    free(lock->note);
    free(lock);
}
