#include "server/replica/throttle.h"

static uint64_t scale(const struct throttle_rules *rules)
{
    return rules->is_weighted ? rules->new_weight : 1;
}

static uint64_t size(const struct throttle_rules *rules)
{
    return rules->tokens * scale(rules);
}

void throttle_init(struct throttle *t, const struct throttle_rules *rules, uint64_t now_ms)
{
    *t = (struct throttle){.tokens = (uint32_t)size(rules), .filled_ms = now_ms, .changed_ms = now_ms};
}

static void fill(struct throttle *t, const struct throttle_rules *rules, uint64_t now_ms)
{
    uint64_t elapsed = now_ms - t->filled_ms;
    if (elapsed <= rules->fill_ms)
        return;
    uint64_t full_after = size(rules) * rules->fill_ms; /* whatever comes at a time, then it is full */
    uint64_t refill = zk_min_u64(elapsed, full_after) * rules->fill_count * scale(rules) / rules->fill_ms;
    t->tokens = (uint32_t)zk_min_u64(t->tokens + refill, size(rules));
    t->filled_ms = now_ms;
}

static void change_chance(struct throttle *t, const struct throttle_rules *rules, uint64_t now_ms)
{
    if (now_ms - t->changed_ms <= (uint64_t)rules->freeze_ms)
        return;
    uint64_t taken = size(rules) - t->tokens;
    if (t->tokens == 0)
        t->drop = (uint32_t)zk_min_u64((uint64_t)t->drop + rules->drop_increase, THROTTLE_WHOLE);
    else if (taken * THROTTLE_WHOLE <= size(rules) * rules->decrease_ratio)
        t->drop -= (uint32_t)zk_min_u64(t->drop, rules->drop_decrease);
    t->changed_ms = now_ms;
}

bool throttle_admits(struct throttle *t, const struct throttle_rules *rules, enum throttle_join join,
                     uint64_t now_ms,
                     struct zk_rng *rng)
{
    if (rules->tokens == 0)
        return true;
    fill(t, rules, now_ms);
    if (rules->freeze_ms >= 0) {
        change_chance(t, rules, now_ms);
        if (zk_rng_below(rng, THROTTLE_WHOLE) < t->drop)
            return false;
    }
    const uint32_t weights[] = {rules->new_weight, rules->local_weight, rules->renew_weight};
    uint32_t need = rules->is_weighted ? weights[join] : 1;
    if (t->tokens < need)
        return false;
    t->tokens -= need;
    return true;
}
