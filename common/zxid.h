/* zxid.h: the position of an entry in the one history: epoch in the upper 32 bits, counter in the lower. */
#pragma once
#include "common/base.h"

static inline uint64_t zxid_make(uint64_t epoch, uint32_t counter)
{
    return epoch << 32 | counter;
}

static inline uint32_t zxid_epoch(uint64_t zxid)
{
    return (uint32_t)(zxid >> 32);
}

static inline uint32_t zxid_counter(uint64_t zxid)
{
    return (uint32_t)zxid;
}
