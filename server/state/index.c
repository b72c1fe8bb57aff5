#include "server/state/index.h"

static void add_segment(struct index *ix)
{
    size_t at = ix->bucket_count / INDEX_SEGMENT_BUCKETS;
    if (at >= ix->segment_cap) {
        ix->segment_cap = ix->segment_cap ? ix->segment_cap * 2 : 16;
        ix->segments = zk_realloc(ix->segments, ix->segment_cap * sizeof *ix->segments);
    }
    ix->segments[at] = zk_calloc(INDEX_SEGMENT_BUCKETS, sizeof **ix->segments);
}

void index_init(struct index *ix, void *owner, const struct index_ops *ops)
{
    memset(ix, 0, sizeof *ix);
    ix->owner = owner;
    ix->ops = ops;
    add_segment(ix);
    ix->bucket_count = 64;
    ix->low_mask = 63;
    ix->secret = (uint64_t)(uintptr_t)ix * UINT64_C(0xd6e8feb86659fd93);
}

void index_fini(struct index *ix)
{
    size_t segments = (ix->bucket_count + INDEX_SEGMENT_BUCKETS - 1) / INDEX_SEGMENT_BUCKETS;
    for (size_t i = 0; i < segments; i++)
        free(ix->segments[i]);
    free(ix->segments);
    memset(ix, 0, sizeof *ix);
}

/* Adds the bucket behind the last and moves into it what belongs there from its lower half's partner. */
static void split(struct index *ix)
{
    if (ix->bucket_count % INDEX_SEGMENT_BUCKETS == 0)
        add_segment(ix);
    uint64_t fresh = ix->bucket_count;
    uint64_t mask = ix->low_mask * 2 + 1;
    uint32_t *from = index_at(ix, fresh & ix->low_mask);
    ix->bucket_count++;
    uint32_t *to = index_at(ix, fresh);
    while (*from != 0) {
        uint32_t handle = *from;
        uint32_t *link = ix->ops->chain(ix->owner, handle);
        if ((index_place(ix, ix->ops->hash(ix->owner, handle)) & mask) != fresh) {
            from = link;
            continue;
        }
        *from = *link;
        *link = *to;
        *to = handle;
    }
    if (ix->bucket_count == mask + 1)
        ix->low_mask = mask;
}

void index_insert(struct index *ix, uint32_t handle)
{
    uint32_t *bucket = index_bucket(ix, ix->ops->hash(ix->owner, handle));
    *ix->ops->chain(ix->owner, handle) = *bucket;
    *bucket = handle;
    if (++ix->count > ix->bucket_count)
        split(ix);
}

void index_remove(struct index *ix, uint32_t handle)
{
    uint32_t *at = index_bucket(ix, ix->ops->hash(ix->owner, handle));
    while (*at != handle) {
        ZK_ASSERT(*at != 0);
        at = ix->ops->chain(ix->owner, *at);
    }
    *at = *ix->ops->chain(ix->owner, handle);
    ix->count--;
}
