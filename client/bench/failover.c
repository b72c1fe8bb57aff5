#include "client/bench/bench.h"
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>

enum { GAP_TOLD_US = 50000, RETRY_MS = 1 };

struct writer {
    const struct bench_config *config;
    struct event_base *base;
    struct zk *zk;
    struct event *end_timer, *retry_timer, *interrupt;
    char path[512];
    void *data;
    uint64_t start_us, last_us, gap_us, gap_at_us;
    uint64_t writes, errors, sessions;
    bool over;
};

static void write_once(struct writer *w);
static bool open_session(struct writer *w);

static void retry_later(struct writer *w)
{
    struct timeval soon = {0, RETRY_MS * 1000};
    event_add(w->retry_timer, &soon);
}

static void on_written(struct zk *zk, struct zk_result *result, void *context)
{
    struct writer *w = context;
    int err = result->err;
    zk_result_free(result);
    if (w->over)
        return;
    if (err != ZK_OK) {
        w->errors++;
        if (err != ZK_SESSION_EXPIRED) /* then the state's callback opens another */
            retry_later(w);
        return;
    }
    uint64_t now_us = bench_now_us();
    uint64_t gap_us = now_us - w->last_us;
    if (gap_us > w->gap_us) {
        w->gap_us = gap_us;
        w->gap_at_us = w->last_us - w->start_us;
    }
    if (gap_us > GAP_TOLD_US && !w->config->json) {
        char server[300];
        zk_server_name(zk, server, sizeof server);
        printf("at %.3f s: no write for %.1f ms, now on %s\n", (double)(w->last_us - w->start_us) / 1e6,
               (double)gap_us / 1e3, server);
        fflush(stdout);
    }
    w->last_us = now_us;
    w->writes++;
    write_once(w);
}

static void write_once(struct writer *w)
{
    int err = zk_set_async(w->zk, w->path, w->data, w->config->bytes, ZK_ANY_VERSION, on_written, w);
    if (err != ZK_OK && err != ZK_SESSION_EXPIRED)
        retry_later(w);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct writer *w = arg;
    if (!w->over)
        write_once(w);
}

static void on_state(struct zk *zk, enum zk_session_state state, void *context)
{
    struct writer *w = context;
    if (state != ZK_SESSION_IS_EXPIRED || w->over)
        return;
    zk_close_async(zk, NULL, NULL);
    if (open_session(w))
        write_once(w);
}

static bool open_session(struct writer *w)
{
    struct zk_options options = {
        .servers = w->config->servers,
        .session_timeout_ms = w->config->session_timeout_ms,
        .base = w->base,
        .on_state = on_state,
        .state_context = w,
        .no_memory = w->config->no_memory,
    };
    w->sessions++;
    if (zk_open(&options, &w->zk) == ZK_OK)
        return true;
    fprintf(stderr, "zk-bench: cannot open a session\n");
    return false;
}

/* A gap that has not ended yet counts as well: else the worst of all would not. */
static void on_end(evutil_socket_t fd, short what, void *arg)
{
    struct writer *w = arg;
    if (w->over)
        return;
    w->over = true;
    uint64_t gap_us = bench_now_us() - w->last_us;
    if (gap_us > w->gap_us) {
        w->gap_us = gap_us;
        w->gap_at_us = w->last_us - w->start_us;
    }
    event_free(w->end_timer);
    event_free(w->retry_timer);
    event_free(w->interrupt);
    zk_close_async(w->zk, NULL, NULL);
}

static void report(const struct writer *w)
{
    double run_s = (double)(w->config->duration_ms) / 1e3;
    printf(w->config->json ? "{\"mode\": \"failover\", \"writes\": %llu, \"errors\": %llu, \"sessions\": %llu, "
                             "\"longest_gap_ms\": %.1f, \"gap_at_s\": %.3f, \"seconds\": %.1f}\n"
                           : "failover: %llu writes, %llu errors, %llu session(s), longest gap %.1f ms (at %.3f s of "
                             "%.1f s)\n",
           (unsigned long long)w->writes, (unsigned long long)w->errors, (unsigned long long)w->sessions,
           (double)w->gap_us / 1e3, (double)w->gap_at_us / 1e6, run_s);
}

int bench_failover(const struct bench_config *config)
{
    struct writer w = {.config = config, .base = event_base_new(), .data = calloc(1, config->bytes + 1)};
    struct timeval end = {config->duration_ms / 1000, config->duration_ms % 1000 * 1000};
    if (w.base == NULL || w.data == NULL)
        return EXIT_FAILURE;
    bench_path(config, 0, w.path, sizeof w.path);
    w.end_timer = event_new(w.base, -1, 0, on_end, &w);
    w.retry_timer = event_new(w.base, -1, 0, on_retry, &w);
    w.interrupt = evsignal_new(w.base, SIGINT, on_end, &w);
    if (w.end_timer == NULL || w.retry_timer == NULL || w.interrupt == NULL || !open_session(&w))
        return EXIT_FAILURE;
    event_add(w.end_timer, &end);
    event_add(w.interrupt, NULL);
    w.start_us = w.last_us = bench_now_us();
    write_once(&w);
    event_base_dispatch(w.base);
    event_base_free(w.base);
    free(w.data);
    report(&w);
    return w.writes > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
