/* index.h: a hash index of handles by linear hashing: it grows by one bucket an insertion, so no insertion ever waits
 * for a rehash, however many entries there are.
 *
 * WHY HERE    One index finds every znode by its path in one probe. A table that doubles would stop the replica for
 *             tens of milliseconds at a million znodes.
 * HOW         Buckets 0 .. 2^L + split - 1; a hash belongs to bucket `place mod 2^(L+1)`, or `mod 2^L` if that one
 *             does not exist yet. The place is the hash mixed with where the index lies in memory, which no client
 *             knows: hashes that end alike do not share a chain. Equal ones do, so an owner whose keys clients choose
 *             hashes them with that secret (tree.c), or one chain could be made as long as the tree is large. What a
 *             place is reaches no result. Each insertion splits the next bucket. Chains run through the entries
 *             themselves: 4 bytes a bucket and 4 an entry.
 * OWNERSHIP   The owner keeps the entries and tells, by two functions, an entry's hash and where its chain link is.
 *             Handle 0 is no entry.
 */
#pragma once
#include "common/base.h"

struct index_ops {
    uint64_t (*hash)(const void *owner, uint32_t handle);
    uint32_t *(*chain)(void *owner, uint32_t handle);
};

struct index {
    void *owner;
    const struct index_ops *ops;
    uint32_t **segments; /* of INDEX_SEGMENT_BUCKETS each */
    size_t segment_cap;
    uint64_t bucket_count;
    uint64_t low_mask; /* 2^L - 1 */
    uint64_t count;
    uint64_t secret; /* where the index lies: the same as long as it lives, another in each process */
};
#define INDEX_SEGMENT_BUCKETS 4096

void index_init(struct index *ix, void *owner, const struct index_ops *ops);
void index_fini(struct index *ix);
static inline uint64_t index_place(const struct index *ix, uint64_t hash)
{
    hash ^= ix->secret;
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static inline uint32_t *index_at(const struct index *ix, uint64_t bucket)
{
    return &ix->segments[bucket / INDEX_SEGMENT_BUCKETS][bucket % INDEX_SEGMENT_BUCKETS];
}

/* The first entry of the chain that holds all entries of this hash; others too, so compare. */
static inline uint32_t *index_bucket(const struct index *ix, uint64_t hash)
{
    uint64_t place = index_place(ix, hash), b = place & (ix->low_mask * 2 + 1);
    return index_at(ix, b < ix->bucket_count ? b : place & ix->low_mask);
}

void index_insert(struct index *ix, uint32_t handle);
void index_remove(struct index *ix, uint32_t handle); /* ZK_ASSERTs that it is there */
