#include "server/replica/storage.h"
#include "common/jute.h"
#include "common/zxid.h"
#include "server/zab/group.h"

void storage_rows_put(struct zk_buf *out, struct zk_slice key, struct zk_slice value)
{
    zk_jute_put_buffer(out, key);
    zk_jute_put_buffer(out, value);
}

bool storage_rows_next(struct zk_slice *rows, struct zk_slice *ret_key, struct zk_slice *ret_value, bool *ret_bad)
{
    *ret_bad = false;
    if (rows->len == 0)
        return false;
    struct zk_jute in = zk_jute(*rows);
    struct zk_slice key = zk_jute_buffer(&in);
    struct zk_slice value = zk_jute_buffer(&in);
    if (in.bad || key.ptr == NULL) {
        *ret_bad = true;
        return false;
    }
    *rows = zk_jute_rest(&in);
    *ret_key = key;
    *ret_value = value;
    return true;
}

bool storage_op_is_lazy(const struct storage_op *op)
{
    switch (op->kind) {
    case STORAGE_COMMIT:
    case STORAGE_WITNESS:
    case STORAGE_PURGE:
    case STORAGE_CHECKPOINT_BEGIN:
    case STORAGE_CHECKPOINT_ROWS:
    case STORAGE_CHECKPOINT_END:
        return true;
    default:
        return false;
    }
}

void storage_order_init(struct storage_order *order, const struct storage_image *image)
{
    *order = (struct storage_order){.last_zxid = image->last_zxid, .last_hash = image->last_hash};
}

/* A group that goes behind (*zxid, *hash), which becomes its end. */
static void check_group(uint64_t *zxid, uint64_t *hash, const struct storage_op *op)
{
    struct group g;
    ZK_ASSERT(group_open(op->bytes, &g));
    ZK_ASSERT(g.prev_hash == *hash);
    ZK_ASSERT(op->first_zxid > *zxid);
    ZK_ASSERT(op->zxid >= op->first_zxid);
    *zxid = op->zxid;
    *hash = op->hash;
}

static void check_snapshot_op(struct storage_order *order, const struct storage_op *op)
{
    if (op->kind == STORAGE_SNAP_BEGIN) {
        order->staging = true;
        order->staged_zxid = op->zxid;
        order->staged_hash = op->hash;
        return;
    }
    if (op->kind == STORAGE_SNAP_DROP) {
        order->staging = false;
        return;
    }
    ZK_ASSERT(order->staging);
    if (op->kind == STORAGE_SNAP_GROUP)
        check_group(&order->staged_zxid, &order->staged_hash, op);
    if (op->kind != STORAGE_SNAP_LIVE)
        return;
    ZK_ASSERT(op->zxid == order->staged_zxid);
    ZK_ASSERT(op->commit <= op->zxid);
    *order = (struct storage_order){.last_zxid = order->staged_zxid, .last_hash = order->staged_hash};
}

void storage_order_check(struct storage_order *order, const struct storage_op *op)
{
    switch (op->kind) {
    case STORAGE_APPEND:
        check_group(&order->last_zxid, &order->last_hash, op);
        break;
    case STORAGE_TRUNC:
        ZK_ASSERT(op->zxid <= order->last_zxid);
        order->last_zxid = op->zxid;
        order->last_hash = op->hash;
        break;
    case STORAGE_COMMIT:
        ZK_ASSERT(op->zxid <= order->last_zxid);
        break;
    case STORAGE_PROMISE:
    case STORAGE_WITNESS:
    case STORAGE_SYNC_MARK:
    case STORAGE_RENAME:
    case STORAGE_PURGE:
    case STORAGE_KEEP:
        break;
    case STORAGE_SNAP_BEGIN:
    case STORAGE_SNAP_ROWS:
    case STORAGE_SNAP_GROUP:
    case STORAGE_SNAP_LIVE:
    case STORAGE_SNAP_DROP:
        check_snapshot_op(order, op);
        break;
    case STORAGE_CHECKPOINT_BEGIN:
        ZK_ASSERT(!order->checkpoint_ended);
        order->checkpointing = true;
        order->checkpoint_zxid = op->zxid;
        break;
    case STORAGE_CHECKPOINT_ROWS:
        ZK_ASSERT(order->checkpointing);
        break;
    case STORAGE_CHECKPOINT_END:
        ZK_ASSERT(order->checkpointing);
        order->checkpointing = false;
        order->checkpoint_ended = true;
        break;
    }
}

void storage_order_checkpointed(struct storage_order *order)
{
    order->checkpoint_ended = false;
}

void storage_image_add(struct storage_image *image, uint64_t zxid, uint64_t hash)
{
    size_t count = image->epoch_count;
    if (count == 0 || zxid_epoch(image->epochs[count - 1].last_zxid) != zxid_epoch(zxid)) {
        /* Doubling, without keeping a capacity: the array is full exactly at the powers of two. */
        if ((count & (count - 1)) == 0)
            image->epochs = zk_realloc(image->epochs, (count ? 2 * count : 1) * sizeof *image->epochs);
        image->epoch_count = ++count;
    }
    image->epochs[count - 1] = (struct storage_epoch){zxid, hash};
    image->last_zxid = zxid;
    image->last_hash = hash;
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_witnesses(const struct storage_witness *a, const struct storage_witness *b)
{
    int order = compare(a->server, b->server);
    if (order == 0)
        order = compare(a->promised, b->promised);
    if (order == 0)
        order = compare(a->zxid, b->zxid);
    if (order == 0)
        order = compare(a->start_count, b->start_count);
    return order ? order : compare(a->incarnation, b->incarnation);
}

static void remove_witness(struct storage_witness *all, size_t *count, size_t at)
{
    memmove(all + at, all + at + 1, (--*count - at) * sizeof *all);
}

bool storage_witness_put(struct storage_witness *all, size_t *count, const struct storage_witness *w,
                         struct storage_witness *ret_dropped)
{
    size_t of_server = 0, first = 0, at = 0;
    for (size_t i = 0; i < *count; i++)
        if (all[i].server == w->server && all[i].incarnation == w->incarnation)
            remove_witness(all, count, i--);
    for (size_t i = 0; i < *count; i++)
        if (all[i].server == w->server && of_server++ == 0)
            first = i;
    bool full = of_server >= STORAGE_WITNESSES_PER_SERVER_MAX;
    if (full) {
        *ret_dropped = all[first];
        remove_witness(all, count, first);
    }
    while (at < *count && compare_witnesses(&all[at], w) < 0)
        at++;
    memmove(all + at + 1, all + at, (*count - at) * sizeof *all);
    all[at] = *w;
    ++*count;
    return full;
}

void storage_image_fini(struct storage_image *image)
{
    free(image->epochs);
    free(image->witnesses);
    if (image->checkpoint_members.ptr != NULL)
        free((void *)(uintptr_t)image->checkpoint_members.ptr);
    memset(image, 0, sizeof *image);
}
