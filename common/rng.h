/* rng.h: PCG-XSH-RR 64/32 (O'Neill 2014) from a seed. The cores' only source of chance, so every run can be replayed.
 * Not for secrets: those come from getrandom(2) at the edge. */
#pragma once
#include "common/base.h"

struct zk_rng {
    uint64_t state;
    uint64_t stream;
};

void zk_rng_seed(struct zk_rng *rng, uint64_t seed, uint64_t stream);
uint32_t zk_rng_u32(struct zk_rng *rng);
uint64_t zk_rng_u64(struct zk_rng *rng);
uint32_t zk_rng_below(struct zk_rng *rng, uint32_t bound);           /* 0 .. bound-1, unbiased; bound > 0 */
uint32_t zk_rng_between(struct zk_rng *rng, uint32_t lo, uint32_t hi); /* both ends included */
void zk_rng_fill(struct zk_rng *rng, void *ptr, size_t len);
