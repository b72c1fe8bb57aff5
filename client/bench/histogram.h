/* histogram.h: latencies in microseconds, in buckets 1/32 wide of their size: any percentile to 3 per cent. */
#pragma once
#include "common/base.h"

enum { HISTOGRAM_SUB = 32, HISTOGRAM_BUCKETS = 32 * HISTOGRAM_SUB };

struct histogram {
    uint64_t count;
    uint64_t sum_us;
    uint64_t max_us;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value_us);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The upper end of the bucket in which `per_mille` of all values lie at or below; 0 if there are none. */
uint64_t histogram_percentile(const struct histogram *h, uint32_t per_mille);
