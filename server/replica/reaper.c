/* reaper.c: the leader looks for containers and TTL nodes that have ended, and proposes their end.
 *
 * Its finding is a command that looks again when it is applied, so it may be late or repeated. Once an interval all of
 * them are walked, a slice a turn, so that no turn waits for their number; ends are handed out by the minute, so that a
 * million nodes that end at once do not shut out the clients: in any minute no more than are allowed in one. Only time
 * passes between turns of a sweep: what comes or goes meanwhile is met now or at the next one.
 */
#include "server/replica/core.h"

#define CHECK_INTERVAL_DEFAULT_MS 60000
#define PER_MINUTE_DEFAULT 10000
#define VISITS_PER_TURN 2048
/* A sweep's turns are at least so far apart when there is nothing else to do. */
#define SWEEP_TURN_MS 10
/* Of one end, in credit: a millisecond earns as much as ends come back a minute. */
#define REAP_PRICE UINT64_C(60000)

static uint64_t interval_ms(const struct replica *r)
{
    return r->config.container_check_ms ? r->config.container_check_ms : CHECK_INTERVAL_DEFAULT_MS;
}

static uint64_t per_minute(const struct replica *r)
{
    return r->config.container_max_per_minute ? r->config.container_max_per_minute : PER_MINUTE_DEFAULT;
}

/* Ends that are saved up at most: a second's share, and always one. */
static uint64_t saved_max(const struct replica *r)
{
    return zk_max_u64(1, per_minute(r) / 60);
}

/* Who has saved up all it can and goes on as they come back ends no more than allowed in that minute either. */
static uint64_t back_per_minute(const struct replica *r)
{
    return per_minute(r) - saved_max(r) + 1;
}

void reaper_begin_leading(struct replica *r)
{
    r->next_sweep_ms = r->now_ms + interval_ms(r);
    r->sweep_left = 0;
    r->reap_credit = 0;
    r->reap_credit_ms = r->now_ms;
}

static void earn(struct replica *r)
{
    uint64_t passed_ms = zk_min_u64(r->now_ms - r->reap_credit_ms, REAP_PRICE);
    r->reap_credit = zk_min_u64(r->reap_credit + passed_ms * back_per_minute(r), saved_max(r) * REAP_PRICE);
    r->reap_credit_ms = r->now_ms;
}

static void propose_end(struct replica *r, size_t i)
{
    struct zk_buf *path = outbox_buffer(r);
    struct command_reap reap = {.never_used_ms = r->config.container_never_used_ms};
    reap.czxid = state_mortal_get(r->state, i, path);
    reap.path = zk_buf_slice(path);
    struct zk_buf *payload = outbox_buffer(r);
    command_reap_encode(payload, &reap);
    forward_unawaited(r, &(struct command){.kind = COMMAND_REAP, .payload = zk_buf_slice(payload)});
}

static void sweep(struct replica *r)
{
    int64_t time_ms = forward_stamp_now(r);
    earn(r);
    size_t count = state_mortal_count(r->state);
    if (r->sweep_left > count)
        r->sweep_left = count;
    for (int visits = 0; r->sweep_left > 0 && visits < VISITS_PER_TURN; visits++) {
        size_t i = r->sweep_left - 1;
        if (state_mortal_has_ended(r->state, i, time_ms, r->config.container_never_used_ms)) {
            if (r->reap_credit < REAP_PRICE)
                return;
            r->reap_credit -= REAP_PRICE;
            propose_end(r, i);
        }
        r->sweep_left--;
    }
}

void reaper_step(struct replica *r)
{
    if (r->phase != ZAB_LEADING)
        return;
    if (r->sweep_left == 0 && r->now_ms >= r->next_sweep_ms) {
        r->next_sweep_ms = r->now_ms + interval_ms(r);
        r->sweep_left = state_mortal_count(r->state);
    }
    if (r->sweep_left > 0)
        sweep(r);
}

uint64_t reaper_deadline_ms(const struct replica *r)
{
    if (r->phase != ZAB_LEADING)
        return UINT64_MAX;
    if (r->sweep_left == 0)
        return r->next_sweep_ms;
    uint64_t missing = r->reap_credit < REAP_PRICE ? REAP_PRICE - r->reap_credit : 0;
    return r->now_ms + SWEEP_TURN_MS + missing / back_per_minute(r);
}
