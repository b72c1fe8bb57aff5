#include "client/face.h"
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

uint64_t zk_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void zk_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

bool zk_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ms)
{
    const struct timespec until = {(time_t)(until_ms / 1000), (long)(until_ms % 1000 * 1000000)};
    return pthread_cond_timedwait(cond, lock, &until) == 0;
}

static bool in_loop(struct zk *zk)
{
    return zk->loop_known && pthread_equal(pthread_self(), zk->loop_thread);
}

bool zk_may_wait(struct zk *zk)
{
    return zk->own_thread && !in_loop(zk);
}

void zk_poke(struct zk *zk)
{
    if (zk->woken || (zk->draining && in_loop(zk)))
        return;
    zk->woken = true;
    uint64_t one = 1;
    ssize_t ignored = write(zk->wake_fd, &one, sizeof one); /* can only fail when it is already raised */
    (void)ignored;
}

static void step(struct zk *zk, enum zkc_event_type type, struct zk_slice bytes)
{
    zkc_step(zk->core, &(struct zkc_event){.type = type, .now_ms = zk_now_ms(), .conn = zk->conn, .bytes = bytes});
}

/* --- telling --- */

static void tell_done(struct zk *zk, const struct zkc_effect *e)
{
    struct zk_call *call = (struct zk_call *)(uintptr_t)e->tag;
    if (e->watch_tag == 0)
        free(call->watcher);
    struct zk_result *result = call->fn ? zk_result_build(zk->core, &e->reply) : NULL;
    if (call->fn != NULL) {
        pthread_mutex_unlock(&zk->lock);
        call->fn(zk, result, call->context);
        pthread_mutex_lock(&zk->lock);
    }
    free(call);
}

static void tell_watch(struct zk *zk, const struct zkc_effect *e)
{
    struct zk_watcher *watcher = (struct zk_watcher *)(uintptr_t)e->watch_tag;
    zk_buf_reset(&zk->path_text);
    zk_buf_append_slice(&zk->path_text, e->path);
    struct zk_watch_event event = {e->event, zk_buf_text(&zk->path_text), e->zxid, e->watch_ended};
    pthread_mutex_unlock(&zk->lock);
    watcher->fn(zk, &event, watcher->context);
    pthread_mutex_lock(&zk->lock);
    if (e->watch_ended)
        free(watcher);
}

static void tell_state(struct zk *zk, enum zkc_state state)
{
    _Static_assert((int)ZKC_STATE_CONNECTED == (int)ZK_SESSION_IS_CONNECTED, "the two are one list");
    _Static_assert((int)ZKC_STATE_CLOSED == (int)ZK_SESSION_IS_CLOSED, "the two are one list");
    pthread_cond_broadcast(&zk->changed);
    /* By index: callbacks may add and remove. */
    for (size_t i = 0; i < zk->listener_count; i++) {
        struct zk_listener listener = zk->listeners[i];
        if (listener.fn == NULL)
            continue;
        zk->calling = listener;
        pthread_mutex_unlock(&zk->lock);
        listener.fn(zk, (enum zk_session_state)state, listener.context);
        pthread_mutex_lock(&zk->lock);
        zk->calling = (struct zk_listener){NULL, NULL};
        pthread_cond_broadcast(&zk->changed);
    }
}

/* --- the loop --- */

static void turn(struct zk *zk);

static void enter(struct zk *zk)
{
    pthread_mutex_lock(&zk->lock);
    if (!zk->loop_known) {
        zk->loop_thread = pthread_self();
        zk->loop_known = true;
    }
}

static void on_connected(void *context)
{
    struct zk *zk = context;
    enter(zk);
    step(zk, ZKC_EVENT_CONNECTED, zk_slice(NULL, 0));
    turn(zk);
}

static void on_data(struct zk_slice bytes, void *context)
{
    struct zk *zk = context;
    enter(zk);
    step(zk, ZKC_EVENT_DATA, bytes);
    turn(zk);
}

static void on_broken(void *context)
{
    struct zk *zk = context;
    enter(zk);
    zkc_link_free(zk->link);
    zk->link = NULL;
    step(zk, ZKC_EVENT_DISCONNECTED, zk_slice(NULL, 0));
    turn(zk);
}

static const struct zkc_link_calls link_calls = {on_connected, on_data, on_broken};

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct zk *zk = arg;
    enter(zk);
    zk->timer_ms = UINT64_MAX;
    step(zk, ZKC_EVENT_TICK, zk_slice(NULL, 0));
    turn(zk);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct zk *zk = arg;
    uint64_t count;
    ssize_t ignored = read(fd, &count, sizeof count);
    (void)ignored;
    enter(zk);
    zk->woken = false;
    bool broken = zk->link != NULL && !zkc_link_wake(zk->link);
    if (broken) {
        zkc_link_free(zk->link);
        zk->link = NULL;
    }
    step(zk, broken ? ZKC_EVENT_DISCONNECTED : ZKC_EVENT_TICK, zk_slice(NULL, 0));
    turn(zk);
}

static void dial(struct zk *zk, const struct zkc_effect *e)
{
    const struct zkc_hostlist_entry *host = &zk->hosts.entries[e->server];
    zkc_link_free(zk->link);
    zk->conn = e->conn;
    zk->server = e->server;
    zk->link = zkc_link_dial(zk->base, zk->wake_fd, host->host, host->port, &link_calls, zk);
    if (zk->link == NULL)
        step(zk, ZKC_EVENT_DISCONNECTED, zk_slice(NULL, 0));
}

static void perform(struct zk *zk, const struct zkc_effect *e)
{
    switch (e->type) {
    case ZKC_EFFECT_DIAL:
        dial(zk, e);
        break;
    case ZKC_EFFECT_SEND:
        if (zk->link != NULL)
            zkc_link_write(zk->link, e->bytes);
        break;
    case ZKC_EFFECT_CLOSE:
        zkc_link_free(zk->link);
        zk->link = NULL;
        break;
    case ZKC_EFFECT_DONE:
        tell_done(zk, e);
        break;
    case ZKC_EFFECT_WATCH:
        tell_watch(zk, e);
        break;
    case ZKC_EFFECT_STATE:
        tell_state(zk, e->state);
        break;
    }
}

static void set_timer(struct zk *zk)
{
    uint64_t deadline = zkc_deadline_ms(zk->core);
    if (deadline >= zk->timer_ms) /* fires too early rather than being moved with every request */
        return;
    uint64_t now = zk_now_ms();
    uint64_t wait_ms = deadline > now ? deadline - now : 0;
    struct timeval wait = {(time_t)(wait_ms / 1000), (suseconds_t)(wait_ms % 1000 * 1000)};
    if (event_add(zk->timer, &wait) == 0)
        zk->timer_ms = deadline;
}

static bool is_over(const struct zk *zk)
{
    return zk->closing && zkc_deadline_ms(zk->core) == UINT64_MAX;
}

static void destroy(struct zk *zk);

/* Carry out what the core wants until it wants nothing. Called with the lock held, returns without it; the handle may
 * be gone then. */
static void turn(struct zk *zk)
{
    struct zkc_effect effect;
    zk->draining = true;
    while (zkc_next_effect(zk->core, &effect))
        perform(zk, &effect);
    zk->draining = false;
    set_timer(zk);
    bool over = is_over(zk);
    pthread_mutex_unlock(&zk->lock);
    if (over && zk->own_thread)
        event_base_loopbreak(zk->base);
    else if (over)
        destroy(zk);
}

static void *run(void *arg)
{
    struct zk *zk = arg;
    event_base_dispatch(zk->base);
    if (zk->unowned)
        destroy(zk);
    return NULL;
}

/* --- life --- */

static void destroy(struct zk *zk)
{
    zk_closed_fn *fn = zk->on_closed;
    void *context = zk->closed_context;
    zkc_link_free(zk->link);
    if (zk->wake_event != NULL)
        event_free(zk->wake_event);
    if (zk->timer != NULL)
        event_free(zk->timer);
    if (zk->own_thread && zk->base != NULL)
        event_base_free(zk->base);
    if (zk->wake_fd >= 0)
        close(zk->wake_fd);
    zkc_free(zk->core);
    zkc_hostlist_fini(&zk->hosts);
    free(zk->servers);
    free(zk->listeners);
    zk_buf_fini(&zk->path_text);
    pthread_cond_destroy(&zk->changed);
    pthread_mutex_destroy(&zk->lock);
    free(zk);
    if (fn != NULL)
        fn(context);
}

static struct zkc *make_core(const struct zk *zk, const struct zk_options *options)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = zk_now_ms() ^ (uint64_t)getpid() << 32;
    struct zkc_config config = {
        .server_count = zk->hosts.count,
        .chroot = zk->hosts.chroot,
        .session_timeout_ms =
            options->session_timeout_ms > INT32_MAX ? INT32_MAX : (int32_t)options->session_timeout_ms,
        .request_timeout_ms = options->request_timeout_ms,
        .outstanding_max = options->outstanding_max,
        .no_memory = options->no_memory,
        .read_only = options->read_only,
    };
    if (options->resume != NULL) {
        config.session_id = options->resume->id;
        memcpy(config.password, options->resume->password, sizeof config.password);
    }
    zk_rng_seed(&config.rng, seed, 1);
    return zkc_new(&config);
}

static bool make_loop(struct zk *zk, const struct zk_options *options)
{
    zk->own_thread = options->base == NULL;
    zk->base = options->base ? options->base : event_base_new();
    zk->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (zk->base == NULL || zk->wake_fd < 0)
        return false;
    zk->wake_event = event_new(zk->base, zk->wake_fd, EV_READ | EV_PERSIST, on_wake, zk);
    zk->timer = event_new(zk->base, -1, 0, on_timer, zk);
    return zk->wake_event != NULL && zk->timer != NULL && event_add(zk->wake_event, NULL) == 0;
}

/* With all signals blocked: they are the program's. */
static bool start_thread(struct zk *zk)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&zk->lock);
    bool started = pthread_create(&zk->thread, NULL, run, zk) == 0;
    zk->loop_thread = zk->thread;
    zk->loop_known = started;
    pthread_mutex_unlock(&zk->lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

int zk_open(const struct zk_options *options, struct zk **ret_zk)
{
    struct zk *zk = calloc(1, sizeof *zk);
    if (zk == NULL)
        return ZK_SYSTEM_ERROR;
    zk_cond_init(&zk->changed);
    pthread_mutex_init(&zk->lock, NULL);
    zk->wake_fd = -1;
    zk->timer_ms = UINT64_MAX;
    int err = ZK_SYSTEM_ERROR;
    zk->servers = options->servers ? strdup(options->servers) : NULL;
    if (!zkc_hostlist_parse(zk->servers, &zk->hosts))
        err = ZK_BAD_ARGUMENTS;
    else if ((zk->core = make_core(zk, options)) == NULL)
        err = ZK_BAD_ARGUMENTS; /* the chroot */
    else if (options->on_state == NULL || zk_state_listen(zk, options->on_state, options->state_context) == ZK_OK)
        err = make_loop(zk, options) ? ZK_OK : ZK_SYSTEM_ERROR;
    if (err == ZK_OK)
        zk_poke(zk); /* the first look starts the core */
    if (err == ZK_OK && zk->own_thread && !start_thread(zk))
        err = ZK_SYSTEM_ERROR;
    if (err != ZK_OK) {
        destroy(zk);
        return err;
    }
    *ret_zk = zk;
    return ZK_OK;
}

static void end(struct zk *zk, enum zkc_event_type how, bool wait, zk_closed_fn *fn, void *context)
{
    if (zk == NULL)
        return;
    pthread_mutex_lock(&zk->lock);
    bool join = wait && zk_may_wait(zk);
    pthread_t thread = zk->thread;
    zk->closing = true;
    zk->on_closed = fn;
    zk->closed_context = context;
    zk->unowned = !join;
    if (zk->own_thread && !join)
        pthread_detach(thread);
    step(zk, how, zk_slice(NULL, 0));
    zk_poke(zk);
    pthread_mutex_unlock(&zk->lock);
    if (!join)
        return;
    pthread_join(thread, NULL);
    destroy(zk);
}

void zk_close(struct zk *zk)
{
    end(zk, ZKC_EVENT_CLOSE, true, NULL, NULL);
}

void zk_close_async(struct zk *zk, zk_closed_fn *fn, void *context)
{
    end(zk, ZKC_EVENT_CLOSE, false, fn, context);
}

void zk_detach(struct zk *zk)
{
    end(zk, ZKC_EVENT_DETACH, true, NULL, NULL);
}

/* --- looks --- */

enum zk_session_state zk_session_state(struct zk *zk)
{
    pthread_mutex_lock(&zk->lock);
    enum zk_session_state state = (enum zk_session_state)zkc_state(zk->core);
    pthread_mutex_unlock(&zk->lock);
    return state;
}

static int state_code(enum zkc_state state)
{
    switch (state) {
    case ZKC_STATE_CONNECTED:
        return ZK_OK;
    case ZKC_STATE_EXPIRED:
        return ZK_SESSION_EXPIRED;
    case ZKC_STATE_AUTH_FAILED:
        return ZK_AUTH_FAILED;
    case ZKC_STATE_CLOSED:
        return ZK_CLOSING;
    default:
        return ZK_OPERATION_TIMEOUT;
    }
}

int zk_wait_connected(struct zk *zk, uint32_t timeout_ms)
{
    uint64_t until_ms = zk_now_ms() + timeout_ms;
    pthread_mutex_lock(&zk->lock);
    int code = zk_may_wait(zk) ? ZK_OPERATION_TIMEOUT : ZK_INVALID_STATE;
    bool in_time = true;
    while (code == ZK_OPERATION_TIMEOUT && in_time) {
        code = state_code(zkc_state(zk->core));
        if (code == ZK_OPERATION_TIMEOUT)
            in_time = zk_cond_wait(&zk->changed, &zk->lock, until_ms);
    }
    pthread_mutex_unlock(&zk->lock);
    return code;
}

bool zk_session_get(struct zk *zk, struct zk_session *ret_session)
{
    pthread_mutex_lock(&zk->lock);
    ret_session->id = zkc_session_id(zk->core);
    memcpy(ret_session->password, zkc_password(zk->core), sizeof ret_session->password);
    pthread_mutex_unlock(&zk->lock);
    return ret_session->id != 0;
}

uint32_t zk_session_timeout_ms(struct zk *zk)
{
    pthread_mutex_lock(&zk->lock);
    uint32_t timeout_ms = (uint32_t)zkc_session_timeout_ms(zk->core);
    pthread_mutex_unlock(&zk->lock);
    return timeout_ms;
}

bool zk_session_is_read_only(struct zk *zk)
{
    pthread_mutex_lock(&zk->lock);
    bool is_read_only = zkc_is_read_only(zk->core);
    pthread_mutex_unlock(&zk->lock);
    return is_read_only;
}

bool zk_session_has_memory(struct zk *zk)
{
    pthread_mutex_lock(&zk->lock);
    bool has = zkc_memory(zk->core) > 0;
    pthread_mutex_unlock(&zk->lock);
    return has;
}

void zk_server_name(struct zk *zk, char *text, size_t size)
{
    pthread_mutex_lock(&zk->lock);
    const struct zkc_hostlist_entry *host = &zk->hosts.entries[zk->server];
    if (zkc_state(zk->core) == ZKC_STATE_CONNECTED)
        snprintf(text, size, strchr(host->host, ':') ? "[%s]:%u" : "%s:%u", host->host, host->port);
    else if (size > 0)
        text[0] = '\0';
    pthread_mutex_unlock(&zk->lock);
}

int zk_state_listen(struct zk *zk, zk_state_fn *fn, void *context)
{
    pthread_mutex_lock(&zk->lock);
    size_t at = 0;
    while (at < zk->listener_count && zk->listeners[at].fn != NULL)
        at++;
    if (at == zk->listener_count) {
        struct zk_listener *more = realloc(zk->listeners, (at + 1) * sizeof *more);
        if (more == NULL) {
            pthread_mutex_unlock(&zk->lock);
            return ZK_SYSTEM_ERROR;
        }
        zk->listeners = more;
        zk->listener_count++;
    }
    zk->listeners[at] = (struct zk_listener){fn, context};
    pthread_mutex_unlock(&zk->lock);
    return ZK_OK;
}

void zk_state_unlisten(struct zk *zk, zk_state_fn *fn, void *context)
{
    pthread_mutex_lock(&zk->lock);
    for (size_t i = 0; i < zk->listener_count; i++)
        if (zk->listeners[i].fn == fn && zk->listeners[i].context == context)
            zk->listeners[i].fn = NULL;
    while (zk->calling.fn == fn && zk->calling.context == context && !in_loop(zk))
        pthread_cond_wait(&zk->changed, &zk->lock);
    pthread_mutex_unlock(&zk->lock);
}
