/* quorum.h: the one rule that says how many are enough, asked by elections, commits, rounds and founding alike.
 *
 * A quorum is more than half of the weight of the participants that have a seat; observers and vacant seats have none.
 * Which seats are vacant the newest membership in the log says, committed or not (M1, M4), so the quorum follows the
 * log, back with a TRUNC too. Members are named by their index in the configuration, sets of them are bit masks.
 */
#pragma once
#include "server/zab/membership.h"

struct quorum {
    uint32_t voters; /* mask */
    uint64_t total;
    uint32_t weight[ZAB_MEMBERS_MAX];
};

/* `m`: the newest membership; NULL: none yet. */
struct quorum quorum_of(const struct zab_member *members, size_t count, const struct membership *m);
bool quorum_has(const struct quorum *q, uint32_t members);
/* The greatest value that a quorum has reached: of the members in `counted`, those with values[i] >= it are enough.
 * 0: none. */
uint64_t quorum_reached(const struct quorum *q, const uint64_t *values, uint32_t counted);
