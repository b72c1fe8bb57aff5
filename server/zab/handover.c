/* handover.c: a leader that is told to stop gives the lead away instead of leaving a gap.
 *
 * It takes no more proposals, waits until its best follower holds everything and knows it to be committed, and gives
 * that one leave to stand now, for this epoch. The grant is an ordinary one. Without a new leader within an election
 * time-out it goes on leading.
 */
#include "server/zab/core.h"

#include <inttypes.h>

static bool fit(const struct zab *z, size_t i)
{
    const struct peer *p = &z->peers[i];
    return i != z->self && p->in.hello && p->stream.state == STREAM_GROUPS && !p->stream.live_at &&
           !p->stream.is_short && p->stream.acked >= z->newleader_zxid && member_counts(z, i, p->in.incarnation, 0);
}

static size_t best_follower(const struct zab *z)
{
    size_t best = NOBODY;
    for (size_t i = 0; i < z->config.member_count; i++)
        if (fit(z, i) && (best == NOBODY || z->peers[i].stream.acked >= z->peers[best].stream.acked))
            best = i;
    return best;
}

static void handover_begin(struct zab *z)
{
    z->handover_until_ms = z->now_ms + zk_max_u64(z->config.tick_ms, 2);
    z->handover_again_ms = z->now_ms + (uint64_t)z->config.init_limit * z->config.tick_ms;
    z->handover_target = NOBODY;
    z->handover_sent = false;
}

void zab_hand_over(struct zab *z, uint64_t now_ms)
{
    effects_begin(z);
    z->now_ms = zk_max_u64(z->now_ms, now_ms);
    if (zab_phase(z) != ZAB_LEADING || z->fatal[0])
        return;
    handover_begin(z);
}

void handover_end(struct zab *z)
{
    z->handover_until_ms = 0;
    z->handover_target = NOBODY;
    z->handover_sent = false;
}

/* For want of space not again and again: each try stops the writes. */
static bool ought_to_go(const struct zab *z)
{
    return z->wants_state || (z->is_short && z->now_ms >= z->handover_again_ms);
}

void handover_step(struct zab *z)
{
    if (ought_to_go(z) && zab_phase(z) == ZAB_LEADING && best_follower(z) != NOBODY)
        handover_begin(z);
    if (z->role != ROLE_LEADING || !z->handover_until_ms)
        return;
    if (z->now_ms >= z->handover_until_ms) {
        fx_news(z, "nobody took over epoch %" PRIu64 ": leading on", z->epoch);
        handover_end(z);
        return;
    }
    if (z->handover_sent && fit(z, z->handover_target))
        return;
    z->handover_sent = false;
    z->handover_target = best_follower(z);
    if (z->handover_target == NOBODY || z->commit < z->tail.last_zxid)
        return;
    const struct stream *s = &z->peers[z->handover_target].stream;
    if (s->acked < z->tail.last_zxid)
        return;
    broadcast_flush(z);
    struct zab_msg m = {.type = TELL_TAKE_OVER, .epoch = z->epoch};
    fx_send(z, z->handover_target, true, &m);
    z->handover_sent = true;
    /* From its leave on it has an election time-out: to write again sooner is to lose what is written. */
    z->handover_until_ms = z->now_ms + zk_max_u64(z->config.tick_ms, 2);
    fx_news(z, "handing over to server %" PRIu64, z->peers[z->handover_target].member.id);
}

void zab_set_short_of_space(struct zab *z, bool is_short)
{
    z->is_short = is_short;
    z->handover_again_ms = 0;
}
