/* checkpoint.c: the state into the store, a slice a turn, while requests go on.
 *
 * The next one begins when the log since the last has grown large against the tree, with a floor, or long enough to
 * make a restart slow. So a znode that is set a thousand times is written once, and checkpoints never cost more than
 * the log. The first one comes as soon as a follower needs it. Behind it the log is kept back to the checkpoint before,
 * for followers that were away a while.
 */
#include "server/replica/core.h"

#define CHECKPOINT_FLOOR_BYTES (16u << 20)
#define CHECKPOINT_ENTRIES_MAX 200000 /* a restart replays at most about twice this */
#define SLICE_BYTES (256u << 10)
#define SLICE_ROWS 256 /* about half a millisecond */
#define SLICE_PIECES 4 /* of sorting, before the first row */

static bool is_due(const struct replica *r)
{
    if (r->log_entries == 0 || r->incoming != NULL || r->rebuilding)
        return false;
    if (r->last_checkpoint_zxid == 0 && zab_wants_checkpoint(r->zab))
        return true;
    uint64_t floor = r->config.checkpoint_floor_bytes ? r->config.checkpoint_floor_bytes : CHECKPOINT_FLOOR_BYTES;
    uint64_t large = zk_max_u64(floor, state_size_bytes(r->state) / 4);
    return r->log_bytes >= large || r->log_entries >= CHECKPOINT_ENTRIES_MAX;
}

static void submit(struct replica *r, const struct storage_op *op)
{
    r->storage.ops->submit(r->storage.self, op, 1);
}

static void begin(struct replica *r)
{
    struct zk_buf *members = outbox_buffer(r);
    zab_members_encode(r->zab, members);
    state_checkpoint_begin(r->state);
    r->checkpoint_running = true;
    r->checkpoint_zxid = state_zxid(r->state);
    r->log_bytes = r->log_entries = 0;
    submit(r, &(struct storage_op){.kind = STORAGE_CHECKPOINT_BEGIN,
                           .zxid = r->checkpoint_zxid,
                           .hash = r->applied_hash,
                           .digest = state_digest(r->state),
                           .bytes = zk_buf_slice(members)});
}

static void end(struct replica *r)
{
    r->checkpoint_running = false;
    r->checkpoint_ended = true;
    submit(r, &(struct storage_op){.kind = STORAGE_CHECKPOINT_END, .zxid = r->checkpoint_zxid});
}

static bool is_sorted(struct replica *r)
{
    for (int i = 0; i < SLICE_PIECES; i++)
        if (!state_checkpoint_prepare(r->state))
            return true;
    return false;
}

static void slice(struct replica *r)
{
    if (!is_sorted(r))
        return;
    struct zk_buf *rows = outbox_buffer(r);
    struct state_row row;
    uint32_t rows_max = r->config.checkpoint_slice_rows ? r->config.checkpoint_slice_rows : SLICE_ROWS;
    bool more = true;
    for (uint32_t i = 0; i < rows_max && rows->len < SLICE_BYTES && (more = state_checkpoint_next(r->state, &row)); i++)
        storage_rows_put(rows, row.key, row.value);
    if (rows->len > 0)
        submit(r, &(struct storage_op){.kind = STORAGE_CHECKPOINT_ROWS, .bytes = zk_buf_slice(rows)});
    if (!more)
        end(r);
}

void checkpoint_step(struct replica *r)
{
    if (r->checkpoint_running)
        slice(r);
    else if (!r->checkpoint_ended && is_due(r))
        begin(r);
}

bool checkpoint_wants_turn(const struct replica *r)
{
    return r->checkpoint_running;
}

void checkpoint_finished(struct replica *r, uint64_t zxid)
{
    if (!r->checkpoint_ended || zxid != r->checkpoint_zxid)
        return; /* of a state that was replaced meanwhile */
    r->checkpoint_ended = false;
    uint64_t purge = zk_min_u64(r->last_checkpoint_zxid, zab_purge_limit(r->zab));
    r->last_checkpoint_zxid = zxid;
    outbox_news(r, REPLICA_INFO, "checkpoint of 0x%llx is in place", (unsigned long long)zxid);
    if (purge > 0)
        submit(r, &(struct storage_op){.kind = STORAGE_PURGE, .zxid = purge});
}

/* The state is about to be replaced. */
void checkpoint_abandon(struct replica *r)
{
    if (r->checkpoint_running)
        state_checkpoint_abort(r->state);
    r->checkpoint_running = r->checkpoint_ended = false;
}
