#include "client/bench/bench.h"
#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>

enum { CONNECT_MS = 15000, PATH_MAX_BYTES = 512 };

struct worker;

struct session {
    struct worker *worker;
    struct zk *zk;
    uint32_t index;
    uint64_t created;
    bool greeted;
    char path[PATH_MAX_BYTES];
};

/* One request on its way; taken up again when it is answered. */
struct slot {
    struct session *session;
    uint64_t start_us;
};

struct worker {
    const struct bench_config *config;
    enum bench_op op;
    struct event_base *base;
    struct session *sessions;
    uint32_t session_count;
    struct slot *slots;
    void *data;
    uint32_t connected, closed;
    uint32_t in_flight;
    uint64_t left; /* operations still to start, when counting */
    uint64_t turn; /* for mixing */
    uint64_t start_us, end_us;
    uint64_t first_us, last_us; /* of what was measured */
    struct bench_result result;
    bool stopping;
    bool failed;
    pthread_barrier_t *barrier;
};

static bool is_over(const struct worker *w, uint64_t now_us)
{
    return w->stopping || (w->config->count > 0 ? w->left == 0 : now_us >= w->end_us);
}

static void on_closed(void *context)
{
    struct worker *w = context;
    if (++w->closed == w->session_count)
        event_base_loopbreak(w->base);
}

static void close_all(struct worker *w)
{
    w->stopping = true;
    for (uint32_t i = 0; i < w->session_count; i++)
        zk_close_async(w->sessions[i].zk, on_closed, w);
}

static void issue(struct worker *w, struct slot *slot, uint64_t now_us);

static void on_done(struct zk *zk, struct zk_result *result, void *context)
{
    struct slot *slot = context;
    struct worker *w = slot->session->worker;
    uint64_t now_us = bench_now_us();
    int err = result->err;
    zk_result_free(result);
    w->in_flight--;
    if (err != ZK_OK) {
        w->result.errors++;
        w->result.first_error = w->result.first_error ? w->result.first_error : err;
    } else if (slot->start_us >= w->start_us && (w->config->count > 0 || now_us <= w->end_us)) {
        histogram_add(&w->result.latency, now_us - slot->start_us);
        w->last_us = now_us;
    }
    if (!is_over(w, now_us) && err != ZK_SESSION_EXPIRED)
        issue(w, slot, now_us);
    else if (w->in_flight == 0 && !w->stopping)
        close_all(w);
}

static int start_op(struct worker *w, struct slot *slot)
{
    struct session *s = slot->session;
    char path[PATH_MAX_BYTES + 32];
    bool read = w->op == BENCH_GET || (w->op == BENCH_MIXED && w->turn++ % 100 < w->config->read_percent);
    if (w->op == BENCH_CREATE) {
        snprintf(path, sizeof path, "%s/c%llu", s->path, (unsigned long long)s->created++);
        return zk_create_async(s->zk, path, w->data, w->config->bytes, NULL, 0, on_done, slot);
    }
    if (read)
        return zk_get_async(s->zk, s->path, NULL, NULL, on_done, slot);
    return zk_set_async(s->zk, s->path, w->data, w->config->bytes, ZK_ANY_VERSION, on_done, slot);
}

static void issue(struct worker *w, struct slot *slot, uint64_t now_us)
{
    slot->start_us = now_us;
    int err = start_op(w, slot);
    if (err != ZK_OK) {
        w->result.errors++;
        w->result.first_error = w->result.first_error ? w->result.first_error : err;
        return;
    }
    w->in_flight++;
    w->left -= w->left > 0;
}

/* Everybody is connected, here and in the other workers: go. */
static void start_all(struct worker *w)
{
    pthread_barrier_wait(w->barrier);
    uint64_t now_us = bench_now_us();
    w->start_us = now_us + (w->config->count > 0 ? 0 : w->config->warm_up_ms * UINT64_C(1000));
    w->end_us = w->start_us + w->config->duration_ms * UINT64_C(1000);
    w->first_us = w->start_us;
    for (uint32_t i = 0; i < w->session_count * w->config->outstanding && !is_over(w, now_us); i++)
        issue(w, &w->slots[i], now_us);
    if (w->in_flight == 0)
        close_all(w);
}

static void on_synced(struct zk *zk, struct zk_result *result, void *context)
{
    struct session *s = context;
    struct worker *w = s->worker;
    int err = result->err;
    zk_result_free(result);
    if (err == ZK_OK && !w->stopping && ++w->connected == w->session_count)
        start_all(w);
}

/* The nodes were made through some server; this one may not have them yet. */
static void on_state(struct zk *zk, enum zk_session_state state, void *context)
{
    struct session *s = context;
    if (state != ZK_SESSION_IS_CONNECTED || s->greeted || zk_sync_async(zk, s->path, on_synced, s) != ZK_OK)
        return;
    s->greeted = true;
    s->worker->result.memory_sessions += zk_session_has_memory(zk);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    if (w->connected == w->session_count)
        return;
    fprintf(stderr, "zk-bench: only %u of %u sessions connected within %d s\n", w->connected, w->session_count,
            CONNECT_MS / 1000);
    w->failed = true;
    pthread_barrier_wait(w->barrier);
    close_all(w);
}

/* Each session on one server, in turn, so that the load is even. */
static bool open_session(struct worker *w, struct session *s, const char *server)
{
    struct zk_options options = {
        .servers = server,
        .session_timeout_ms = w->config->session_timeout_ms,
        .outstanding_max = w->config->outstanding,
        .base = w->base,
        .on_state = on_state,
        .state_context = s,
        .no_memory = w->config->no_memory,
    };
    bench_path(w->config, s->index, s->path, sizeof s->path);
    return zk_open(&options, &s->zk) == ZK_OK;
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct timeval late = {CONNECT_MS / 1000, 0};
    struct event *timer = event_new(w->base, -1, 0, on_late, w);
    if (timer != NULL)
        event_add(timer, &late);
    event_base_dispatch(w->base);
    if (timer != NULL)
        event_free(timer);
    return NULL;
}

/* The list "a,b,c/chroot" as "a/chroot", "b/chroot", "c/chroot". */
static uint32_t split_servers(const char *servers, char (*ret)[PATH_MAX_BYTES])
{
    uint32_t count = 0;
    const char *chroot = strchr(servers, '/');
    const char *end = chroot ? chroot : servers + strlen(servers);
    for (const char *at = servers; at < end && count < BENCH_SERVERS_MAX; count++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        snprintf(ret[count], PATH_MAX_BYTES, "%.*s%s", (int)(stop - at), at, chroot ? chroot : "");
        at = stop + 1;
    }
    return count;
}

static bool prepare(struct worker *w, const struct bench_config *config, enum bench_op op, uint32_t number,
                    pthread_barrier_t *barrier)
{
    static char servers[BENCH_SERVERS_MAX][PATH_MAX_BYTES];
    uint32_t server_count = split_servers(config->servers, servers);
    uint32_t first = config->sessions * number / config->threads;
    w->config = config;
    w->op = op;
    w->barrier = barrier;
    w->session_count = config->sessions * (number + 1) / config->threads - first;
    w->left = config->count * (number + 1) / config->threads - config->count * number / config->threads;
    w->base = event_base_new();
    w->sessions = calloc(w->session_count, sizeof *w->sessions);
    w->slots = calloc((size_t)w->session_count * config->outstanding, sizeof *w->slots);
    w->data = malloc(config->bytes + 1);
    if (w->base == NULL || w->sessions == NULL || w->slots == NULL || w->data == NULL)
        return false;
    memset(w->data, 'x', config->bytes);
    for (uint32_t i = 0; i < w->session_count; i++) {
        w->sessions[i].worker = w;
        w->sessions[i].index = first + i;
        for (uint32_t k = 0; k < config->outstanding; k++)
            w->slots[k * w->session_count + i].session = &w->sessions[i];
        if (!open_session(w, &w->sessions[i], servers[(first + i) % server_count]))
            return false;
    }
    return true;
}

static void release(struct worker *w)
{
    if (w->base != NULL)
        event_base_free(w->base);
    free(w->sessions);
    free(w->slots);
    free(w->data);
}

static double cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void gather(struct bench_result *ret, const struct worker *w, uint64_t *first_us, uint64_t *last_us)
{
    histogram_merge(&ret->latency, &w->result.latency);
    ret->errors += w->result.errors;
    ret->first_error = ret->first_error ? ret->first_error : w->result.first_error;
    ret->memory_sessions += w->result.memory_sessions;
    *first_us = zk_min_u64(*first_us, w->first_us);
    *last_us = zk_max_u64(*last_us, w->last_us);
}

bool bench_load(const struct bench_config *config, enum bench_op op, struct bench_result *ret)
{
    struct worker *workers = calloc(config->threads, sizeof *workers);
    pthread_t *threads = calloc(config->threads, sizeof *threads);
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, config->threads);
    bool good = workers != NULL && threads != NULL;
    uint32_t started = 0;
    double cpu_before = cpu_seconds();
    for (uint32_t i = 0; good && i < config->threads; i++)
        good = prepare(&workers[i], config, op, i, &barrier);
    for (; good && started < config->threads; started++)
        good = pthread_create(&threads[started], NULL, run, &workers[started]) == 0;
    if (!good) {
        fprintf(stderr, "zk-bench: out of memory or threads\n");
        exit(EXIT_FAILURE);
    }
    uint64_t first_us = UINT64_MAX, last_us = 0;
    memset(ret, 0, sizeof *ret);
    for (uint32_t i = 0; i < config->threads; i++) {
        pthread_join(threads[i], NULL);
        good = good && !workers[i].failed;
        gather(ret, &workers[i], &first_us, &last_us);
        release(&workers[i]);
    }
    ret->client_cpu_s = cpu_seconds() - cpu_before;
    ret->measured_us =
        config->count > 0 ? (last_us > first_us ? last_us - first_us : 1) : config->duration_ms * UINT64_C(1000);
    pthread_barrier_destroy(&barrier);
    free(workers);
    free(threads);
    return good;
}
