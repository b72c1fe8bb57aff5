/* throttle.h: how many clients a server lets in at a time, so that a herd that comes back does not starve those who are
 * there: a bucket of tokens, and above it a chance of refusal that grows while the bucket is empty (BLUE: Feng et al.,
 * 'The BLUE active queue management algorithms', 2002). As Apache's connection_throttle_*; off without tokens.
 *
 * Pure: the time is told, chance comes from a seeded generator.
 */
#pragma once
#include "common/rng.h"

#define THROTTLE_WHOLE 1000000 /* chances and ratios are in millionths */

struct throttle_rules {
    uint32_t tokens;     /* the bucket's size; 0: everybody is let in */
    uint32_t fill_ms;    /* so often */
    uint32_t fill_count; /* so many tokens come back */
    int32_t freeze_ms;   /* between two changes of the chance of refusal; -1: there is none */
    uint32_t drop_increase;
    uint32_t drop_decrease;
    uint32_t decrease_ratio; /* the chance falls while no more than this part of the bucket is taken */
    bool is_weighted;        /* tokens and fill_count are counted in new sessions */
    uint32_t new_weight;     /* tokens that a new session takes */
    uint32_t local_weight;   /* one of this server's own */
    uint32_t renew_weight;   /* and one that comes back */
};

struct throttle {
    uint32_t tokens;
    uint32_t drop; /* millionths */
    uint64_t filled_ms;
    uint64_t changed_ms;
};

void throttle_init(struct throttle *t, const struct throttle_rules *rules, uint64_t now_ms);
enum throttle_join { THROTTLE_NEW, THROTTLE_LOCAL, THROTTLE_RENEWED };

/* May one more come in now? Takes its tokens if so. */
bool throttle_admits(struct throttle *t, const struct throttle_rules *rules, enum throttle_join join,
                     uint64_t now_ms,
                     struct zk_rng *rng);
