#include "common/rng.h"

void zk_rng_seed(struct zk_rng *rng, uint64_t seed, uint64_t stream)
{
    rng->state = 0;
    rng->stream = stream << 1 | 1;
    zk_rng_u32(rng);
    rng->state += seed;
    zk_rng_u32(rng);
}

uint32_t zk_rng_u32(struct zk_rng *rng)
{
    uint64_t old = rng->state;
    rng->state = old * 6364136223846793005ull + rng->stream;
    uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27);
    uint32_t turn = (uint32_t)(old >> 59);
    return shifted >> turn | shifted << (-turn & 31);
}

uint64_t zk_rng_u64(struct zk_rng *rng)
{
    uint64_t high = zk_rng_u32(rng);
    return high << 32 | zk_rng_u32(rng);
}

uint32_t zk_rng_below(struct zk_rng *rng, uint32_t bound)
{
    ZK_ASSERT(bound > 0);
    uint32_t threshold = -bound % bound;
    for (;;) {
        uint32_t value = zk_rng_u32(rng);
        if (value >= threshold)
            return value % bound;
    }
}

uint32_t zk_rng_between(struct zk_rng *rng, uint32_t lo, uint32_t hi)
{
    ZK_ASSERT(lo <= hi);
    uint32_t span = hi - lo + 1;
    return span == 0 ? zk_rng_u32(rng) : lo + zk_rng_below(rng, span);
}

void zk_rng_fill(struct zk_rng *rng, void *ptr, size_t len)
{
    uint8_t *bytes = ptr;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)zk_rng_u32(rng);
}
