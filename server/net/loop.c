#include "server/net/loop.h"
#include <stdio.h>
#include <time.h>
#include "common/log.h"
#include "server/net/conns.h"
#include "server/net/peers.h"

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t loop_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool loop_arm(struct event *timer, uint64_t wait_ms)
{
    const struct timeval wait = {(time_t)(wait_ms / 1000), (suseconds_t)(wait_ms % 1000 * 1000)};
    return event_add(timer, &wait) == 0;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;
    loop->timer_at_ms = UINT64_MAX;
}

bool loop_init(struct loop *loop)
{
    memset(loop, 0, sizeof *loop);
    loop->timer_at_ms = UINT64_MAX;
    loop->again = true; /* starting has left something to be said */
    struct event_config *config = event_config_new();
    if (config == NULL)
        return false;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK); /* one thread */
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    if (loop->base == NULL)
        return false;
    loop->timer = evtimer_new(loop->base, on_timer, loop);
    return loop->timer != NULL;
}

void loop_fini(struct loop *loop)
{
    if (loop->timer != NULL)
        event_free(loop->timer);
    if (loop->base != NULL)
        event_base_free(loop->base);
    memset(loop, 0, sizeof *loop);
}

void loop_touch(struct loop *loop)
{
    if (loop->touched)
        return;
    loop->touched = true;
    loop->now_ms = loop_clock_ms();
    replica_time(loop->replica, loop->now_ms, wall_ms());
}

void loop_end(struct loop *loop)
{
    loop->is_over = true;
}

void loop_hurry(struct loop *loop)
{
    loop->again = true;
}

static void log_news(const struct replica_effect *effect)
{
    static const enum zk_log_level levels[] = {
        [REPLICA_INFO] = ZK_LOG_INFO, [REPLICA_WARN] = ZK_LOG_WARN, [REPLICA_ERROR] = ZK_LOG_ERROR};
    zk_log(levels[effect->severity], "%.*s", (int)effect->bytes.len, (const char *)effect->bytes.ptr);
}

static bool is_for_client(const struct replica_effect *effect)
{
    return effect->kind <= REPLICA_CLIENT_READY;
}

static void perform(struct loop *loop, const struct replica_effect *effect)
{
    switch (effect->kind) {
    case REPLICA_CLIENT_SEND:
    case REPLICA_CLIENT_CLOSE:
    case REPLICA_CLIENT_PAUSE:
    case REPLICA_CLIENT_RESUME:
    case REPLICA_CLIENT_READY:
        conns_perform(loop->conns, effect);
        break;
    case REPLICA_PEER_SEND:
        if (loop->peers != NULL)
            peers_send(loop->peers, effect->peer, effect->inbound, effect->bytes);
        break;
    case REPLICA_PEER_CLOSE:
        if (loop->peers != NULL)
            peers_close(loop->peers, effect->peer, effect->inbound);
        break;
    case REPLICA_NEWS:
        log_news(effect);
        loop->has_news = true;
        break;
    case REPLICA_FATAL:
        snprintf(loop->fatal, sizeof loop->fatal, "%.*s", (int)effect->bytes.len, (const char *)effect->bytes.ptr);
        loop_end(loop);
        break;
    }
}

/* Servers first: a proposal is on its way while clients get their answers. */
static void perform_all(struct loop *loop, const struct replica_effect *effects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_for_client(&effects[i]))
            perform(loop, &effects[i]);
    if (loop->peers != NULL)
        peers_flush(loop->peers);
    for (size_t i = 0; i < count; i++)
        if (is_for_client(&effects[i]))
            perform(loop, &effects[i]);
}

/* What sockets had to tell while nothing could be told to the replica. */
static void settle(struct loop *loop)
{
    conns_settle(loop->conns);
    if (loop->peers != NULL)
        peers_settle(loop->peers);
}

static void arm_timer(struct loop *loop)
{
    uint64_t at_ms = replica_deadline_ms(loop->replica);
    uint64_t now_ms = loop->now_ms;
    if (at_ms <= now_ms) {
        loop_hurry(loop);
        return;
    }
    if (at_ms >= loop->timer_at_ms) /* it fires earlier than it has to, and is armed again then */
        return;
    if (loop_arm(loop->timer, at_ms - now_ms))
        loop->timer_at_ms = at_ms;
}

static void end_turn(struct loop *loop)
{
    const struct replica_effect *effects;
    loop_touch(loop);
    settle(loop);
    loop->again = false;
    size_t count = replica_flush(loop->replica, &effects);
    perform_all(loop, effects, count);
    arm_timer(loop);
    settle(loop);
    loop->touched = false;
    if (loop->after_turn != NULL)
        loop->after_turn(loop->after_turn_arg);
    loop->has_news = false;
}

void loop_turn(struct loop *loop)
{
    event_base_loop(loop->base, EVLOOP_ONCE | (loop->again ? EVLOOP_NONBLOCK : 0));
    end_turn(loop);
}

void loop_run(struct loop *loop)
{
    while (!loop->is_over)
        loop_turn(loop);
}
