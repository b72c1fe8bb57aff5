#include "server/zab/tail.h"
#include "common/zxid.h"

void tail_init(struct tail *t, uint64_t base_zxid, uint64_t base_hash)
{
    memset(t, 0, sizeof *t);
    t->base_zxid = t->last_zxid = base_zxid;
    t->base_hash = t->last_hash = base_hash;
    if (base_zxid)
        tail_add_epoch(t, base_zxid, base_hash);
}

void tail_fini(struct tail *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->groups[t->at + i].bytes);
    tail_sweep(t);
    free(t->groups);
    free(t->epochs);
    free(t->garbage);
    memset(t, 0, sizeof *t);
}

void tail_sweep(struct tail *t)
{
    for (size_t i = 0; i < t->garbage_count; i++)
        free(t->garbage[i]);
    t->garbage_count = 0;
}

static void discard(struct tail *t, uint8_t *bytes)
{
    if (t->garbage_count == t->garbage_cap) {
        t->garbage_cap = t->garbage_cap ? 2 * t->garbage_cap : 16;
        t->garbage = zk_realloc(t->garbage, t->garbage_cap * sizeof *t->garbage);
    }
    t->garbage[t->garbage_count++] = bytes;
}

void tail_add_epoch(struct tail *t, uint64_t last_zxid, uint64_t last_hash)
{
    size_t n = t->epoch_count;
    if (n && zxid_epoch(t->epochs[n - 1].last_zxid) == zxid_epoch(last_zxid)) {
        t->epochs[n - 1] = (struct storage_epoch){last_zxid, last_hash};
        return;
    }
    if (n == t->epoch_cap) {
        t->epoch_cap = n ? 2 * n : 16;
        t->epochs = zk_realloc(t->epochs, t->epoch_cap * sizeof *t->epochs);
    }
    t->epochs[t->epoch_count++] = (struct storage_epoch){last_zxid, last_hash};
}

static struct tail_group *push_slot(struct tail *t)
{
    if (t->at + t->count == t->cap) {
        if (t->at > t->cap / 2) {
            memmove(t->groups, t->groups + t->at, t->count * sizeof *t->groups);
            t->at = 0;
        } else {
            t->cap = t->cap ? 2 * t->cap : 64;
            t->groups = zk_realloc(t->groups, t->cap * sizeof *t->groups);
        }
    }
    return &t->groups[t->at + t->count++];
}

const struct tail_group *tail_append(struct tail *t, struct zk_slice group)
{
    struct group g;
    struct entry e;
    ZK_ASSERT(group_open(group, &g));
    ZK_ASSERT(g.prev_hash == t->last_hash);
    uint64_t first = 0;
    while (group_next(&g, &e)) {
        first = first ? first : e.zxid;
        ZK_ASSERT(e.zxid > t->last_zxid);
        tail_add_epoch(t, e.zxid, e.hash);
        t->last_zxid = e.zxid;
        t->last_hash = e.hash;
    }
    ZK_ASSERT(g.count == 0);
    struct tail_group *slot = push_slot(t);
    *slot = (struct tail_group){.first = first,
                                .last = t->last_zxid,
                                .last_hash = t->last_hash,
                                .len = group.len,
                                .bytes = zk_memdup(group.ptr, group.len)};
    t->bytes += group.len;
    return slot;
}

static void drop_last(struct tail *t)
{
    struct tail_group *g = &t->groups[t->at + --t->count];
    t->bytes -= g->len;
    discard(t, g->bytes);
}

void tail_truncate(struct tail *t, uint64_t zxid, uint64_t hash)
{
    ZK_ASSERT(zxid >= t->base_zxid);
    ZK_ASSERT(zxid <= t->last_zxid);
    while (t->count && tail_group_at(t, t->count - 1)->first > zxid)
        drop_last(t);
    if (t->count && tail_group_at(t, t->count - 1)->last > zxid) {
        struct tail_group *g = &t->groups[t->at + t->count - 1];
        struct zk_buf head;
        zk_buf_init(&head);
        ZK_ASSERT(group_head(tail_bytes(g), zxid, &head));
        discard(t, g->bytes);
        t->bytes = t->bytes - g->len + head.len;
        g->bytes = head.ptr;
        g->len = head.len;
        g->last = zxid;
        g->last_hash = hash;
    }
    t->last_zxid = zxid;
    t->last_hash = hash;
    while (t->epoch_count && t->epochs[t->epoch_count - 1].last_zxid > zxid)
        t->epoch_count--;
    if (zxid)
        tail_add_epoch(t, zxid, hash);
}

void tail_drop_front(struct tail *t, uint64_t zxid, size_t keep_bytes)
{
    while (t->count && t->bytes > keep_bytes && t->groups[t->at].last <= zxid) {
        struct tail_group *g = &t->groups[t->at];
        t->base_zxid = g->last;
        t->base_hash = g->last_hash;
        t->bytes -= g->len;
        discard(t, g->bytes);
        t->at++;
        t->count--;
    }
    if (t->count == 0)
        t->at = 0;
}

void tail_give_up(struct tail *t, struct tail *into)
{
    while (t->count)
        drop_last(t);
    for (size_t i = 0; i < t->garbage_count; i++)
        discard(into, t->garbage[i]);
    t->garbage_count = 0;
    tail_fini(t);
}

/* The index of the first group that ends after `zxid`. */
static size_t find_after(const struct tail *t, uint64_t zxid)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tail_group_at(t, middle)->last > zxid)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

const struct tail_group *tail_after(const struct tail *t, uint64_t zxid)
{
    ZK_ASSERT(zxid >= t->base_zxid);
    size_t index = find_after(t, zxid);
    return index < t->count ? tail_group_at(t, index) : NULL;
}

bool tail_hash_at(const struct tail *t, uint64_t zxid, uint64_t *ret_hash)
{
    if (zxid == t->base_zxid) {
        *ret_hash = t->base_hash;
        return true;
    }
    if (zxid < t->base_zxid || zxid > t->last_zxid)
        return false;
    size_t index = find_after(t, zxid - 1);
    const struct tail_group *found = tail_group_at(t, index);
    if (found->last == zxid) {
        *ret_hash = found->last_hash;
        return true;
    }
    struct group g;
    struct entry e;
    ZK_ASSERT(group_open(tail_bytes(found), &g));
    while (group_next(&g, &e) && e.zxid <= zxid) {
        if (e.zxid != zxid)
            continue;
        *ret_hash = e.hash;
        return true;
    }
    return false;
}

bool tail_epoch(const struct tail *t, uint32_t epoch, struct storage_epoch *ret_last)
{
    for (size_t i = t->epoch_count; i-- > 0;) {
        if (zxid_epoch(t->epochs[i].last_zxid) != epoch)
            continue;
        *ret_last = t->epochs[i];
        return true;
    }
    return false;
}

const char *tail_check(const struct tail *t)
{
    uint64_t zxid = t->base_zxid, hash = t->base_hash;
    size_t bytes = 0;
    for (size_t i = 0; i < t->count; i++) {
        const struct tail_group *g = tail_group_at(t, i);
        struct group open;
        if (!group_open(tail_bytes(g), &open) || open.prev_hash != hash || g->first <= zxid || g->last < g->first)
            return "T1: a group in memory does not chain to the one before";
        zxid = g->last;
        hash = g->last_hash;
        bytes += g->len;
    }
    if (zxid != t->last_zxid || hash != t->last_hash || bytes != t->bytes)
        return "T1: the groups in memory do not end at the log's last entry";
    for (size_t i = 0; i + 1 < t->epoch_count; i++)
        if (zxid_epoch(t->epochs[i].last_zxid) >= zxid_epoch(t->epochs[i + 1].last_zxid))
            return "T3: the epochs' last entries do not ascend";
    if (t->last_zxid && (!t->epoch_count || t->epochs[t->epoch_count - 1].last_zxid != t->last_zxid ||
                         t->epochs[t->epoch_count - 1].last_hash != t->last_hash))
        return "T3: the last epoch does not end at the log's last entry";
    return NULL;
}
