#include "client/bench/histogram.h"

/* Values below HISTOGRAM_SUB have a bucket each; above, every doubling has HISTOGRAM_SUB. */
static uint32_t bucket_of(uint64_t value)
{
    if (value < HISTOGRAM_SUB)
        return (uint32_t)value;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(value) - 5;
    uint32_t bucket = (shift + 1) * HISTOGRAM_SUB + (uint32_t)(value >> shift) - HISTOGRAM_SUB;
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t top_of(uint32_t bucket)
{
    if (bucket < HISTOGRAM_SUB)
        return bucket;
    uint32_t shift = bucket / HISTOGRAM_SUB - 1;
    return ((uint64_t)(bucket % HISTOGRAM_SUB + HISTOGRAM_SUB + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value_us)
{
    h->count++;
    h->sum_us += value_us;
    h->max_us = zk_max_u64(h->max_us, value_us);
    h->buckets[bucket_of(value_us)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    into->count += from->count;
    into->sum_us += from->sum_us;
    into->max_us = zk_max_u64(into->max_us, from->max_us);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t histogram_percentile(const struct histogram *h, uint32_t per_mille)
{
    uint64_t below = 0;
    uint64_t wanted = (h->count * per_mille + 999) / 1000;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += h->buckets[i];
        if (h->count > 0 && below >= wanted)
            return zk_min_u64(top_of(i), h->max_us);
    }
    return h->max_us;
}
