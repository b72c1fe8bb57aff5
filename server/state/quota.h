/* quota.h: how much may be below a node, and how much there is.
 *
 * The quota of /a is /zookeeper/quota/a with two children: zookeeper_limits, which a client writes, and zookeeper_stats,
 * which the servers keep: "count=N,bytes=N", the node itself and all below it, data only. Limits may be soft (count, bytes),
 * which are told in the log, or hard (countHardLimit, byteHardLimit), which refuse.
 *
 * DEVIATES    Apache's servers keep the stats each for itself, charge only the deepest of nested quotas, and check a write
 *             before those under way have counted. Here the stats are state like any other, exact, and every quota above
 *             a path counts. Nothing under /zookeeper has a quota.
 * HOW         What is below a node is counted by the tree itself (tree.h), so checks look there. A write marks the stats
 *             above it as stale; they are written once, at the end of the command, however many writes it has. The
 *             directories on the way to the last path are kept (struct quotas): ten thousand removals in one place look
 *             them up once.
 * COST        A write without a quota above it looks up one path; one with a quota, three for each component; nothing
 *             costs what the subtree holds.
 * INVARIANT   Q1 between two commands: where there are limits, the stats beside them are what a recount gives.
 */
#pragma once
#include "server/state/change.h"

/* Limits are at most so long; a longer text limits nothing. */
#define QUOTA_LIMITS_BYTES_MAX 256
/* Room for marks that is kept from one command to the next. */
#define QUOTA_STALE_KEPT 1024

/* What a write adds (or takes away). */
struct quota_change {
    int64_t count;
    int64_t bytes;
};

/* May the write happen? ZK_ERR_QUOTA_EXCEEDED, or 0; a soft limit that it passes is told in fx->warning. */
int quota_check(struct state *s, struct zk_slice path, struct quota_change change, struct state_effects *fx);
/* A client's write to this path has happened: the stats of every quota above are stale. If it is a quota's own node, its
 * stats, if they are there, are put right at once. */
void quota_charge(struct state *s, struct zk_slice path, struct quota_change change);
/* Writes what is stale, between change_begin and change_commit. */
void quota_settle(struct state *s);
/* After change_rollback: nothing is stale. */
void quota_forget(struct state *s);
/* Q1; NULL, or what does not hold. */
const char *quota_invariant(const struct state *s);
