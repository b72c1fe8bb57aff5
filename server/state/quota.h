/* quota.h: how much may be below a node, and how much there is.
 *
 * The quota of /a is /zookeeper/quota/a with two children: zookeeper_limits, which a client writes, and zookeeper_stats,
 * which the servers keep: "count=N,bytes=N", the node itself and all below it, data only. Limits may be soft (count, bytes),
 * which are told in the log, or hard (countHardLimit, byteHardLimit), which refuse.
 *
 * DEVIATES    Apache's servers keep the stats each for itself, charge only the deepest of nested quotas, and check a write
 *             before those under way have counted. Here the stats are state like any other, exact, and every quota above
 *             a path counts. Nothing under /zookeeper has a quota.
 * COST        A write without a quota above it looks up one path. A quota that is new is counted by walking its subtree.
 * INVARIANT   Q1 where there are limits, the stats beside them are what a recount gives.
 */
#pragma once
#include "server/state/change.h"

/* What a write adds (or takes away). */
struct quota_change {
    int64_t count;
    int64_t bytes;
};

/* May the write happen? ZK_ERR_QUOTA_EXCEEDED, or 0; a soft limit that it passes is told in fx->warning. */
int quota_check(struct state *s, struct zk_slice path, struct quota_change change, struct state_effects *fx);
/* It has happened: charge every quota above. */
void quota_charge(struct state *s, struct zk_slice path, struct quota_change change);
/* A client has created or set this path: if it is a quota's, count. */
void quota_written(struct state *s, struct zk_slice path);
/* Q1; NULL, or what does not hold. */
const char *quota_invariant(const struct state *s);
