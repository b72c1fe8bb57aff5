/* tail.h: the end of the log in memory: whole groups as they travel, and every epoch's last entry.
 *
 * WHY HERE    What is not committed yet must be there to be applied or cut off; what was just proposed must be there
 *             for followers; what is older is read from the storage.
 * INVARIANTS  T1  groups lie one behind the other: each one's hash before is the last hash of the one in front of it.
 *             T2  `base` is the entry in front of the first group (0, hash 0: the beginning of the log).
 *             T3  the epochs' last entries ascend, and the last of them is the log's last entry.
 * OWNERSHIP   Groups own their bytes. What is taken out goes to `garbage` and is freed by tail_sweep, so that effects
 *             may borrow from it until the next event.
 */
#pragma once
#include "server/replica/storage.h"
#include "server/zab/group.h"

struct tail_group {
    uint64_t first;
    uint64_t last;
    uint64_t last_hash;
    size_t len;
    uint8_t *bytes;
};

struct tail {
    uint64_t base_zxid;
    uint64_t base_hash;
    uint64_t last_zxid; /* of the log; base's if there is no group */
    uint64_t last_hash;
    struct tail_group *groups;
    size_t at; /* of the first group in the array */
    size_t count;
    size_t cap;
    size_t bytes;
    struct storage_epoch *epochs;
    size_t epoch_count;
    size_t epoch_cap;
    uint8_t **garbage;
    size_t garbage_count;
    size_t garbage_cap;
};

void tail_init(struct tail *t, uint64_t base_zxid, uint64_t base_hash);
void tail_fini(struct tail *t);
void tail_sweep(struct tail *t);
/* An epoch's last entry that lies before the groups (from the storage's image); ascending. */
void tail_add_epoch(struct tail *t, uint64_t last_zxid, uint64_t last_hash);
/* Behind the last entry; copies. The group is well-formed and chains, asserted. */
const struct tail_group *tail_append(struct tail *t, struct zk_slice group);
/* Drop everything after `zxid`, which is base or in a group. */
void tail_truncate(struct tail *t, uint64_t zxid, uint64_t hash);
/* Drop groups in front that end at or before `zxid` while more than `keep_bytes` are held. */
void tail_drop_front(struct tail *t, uint64_t zxid, size_t keep_bytes);
/* Everything: `garbage` moves to `into`, so that one sweep frees it. */
void tail_give_up(struct tail *t, struct tail *into);
/* Is `zxid` base or an entry of a group, and what is its hash? */
bool tail_hash_at(const struct tail *t, uint64_t zxid, uint64_t *ret_hash);
/* The group that holds the entry after `zxid` (base or later), or NULL at the end. */
const struct tail_group *tail_after(const struct tail *t, uint64_t zxid);
/* The last entry of `epoch`; false: the log has none that is known. */
bool tail_epoch(const struct tail *t, uint32_t epoch, struct storage_epoch *ret_last);
const char *tail_check(const struct tail *t);

static inline const struct tail_group *tail_group_at(const struct tail *t, size_t index)
{
    return &t->groups[t->at + index];
}

static inline struct zk_slice tail_bytes(const struct tail_group *g)
{
    return zk_slice(g->bytes, g->len);
}
