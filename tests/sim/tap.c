#include "tests/sim/tap.h"
#include "common/zxid.h"
#include <inttypes.h>

/* What the log's end is once operation `seq` is durable. */
struct milestone {
    uint64_t seq;
    uint64_t zxid;
};

struct tap {
    struct world *world;
    uint64_t server;
    struct storage disk;
    const struct storage_image *image;
    uint64_t base_zxid;
    uint64_t base_hash;
    size_t count;
    size_t cap;
    struct entry *entries;
    size_t staged_count;
    size_t staged_cap;
    struct entry *staged;
    uint64_t snap_zxid;
    uint64_t snap_hash;
    bool is_staging;
    bool is_checkpointing;
    uint64_t trunc_seq; /* the last TRUNC and the group behind it; 0: none since the start */
    bool trunc_is_open; /* no group is behind it yet */
    bool may_trunc_uncommitted; /* restarted with an uncommitted tail, which a TRUNC may take */
    uint64_t promised;
    uint64_t commit;
    uint64_t submitted;
    uint64_t durable;
    uint64_t durable_zxid;
    size_t milestone_count;
    size_t milestone_cap;
    struct milestone *milestones;
    size_t chunk_count;
    uint8_t **chunks; /* bytes that entries point into */
};

struct tap *tap_new(struct world *w, uint64_t server)
{
    struct tap *t = zk_calloc(1, sizeof(*t));
    t->world = w;
    t->server = server;
    return t;
}

void tap_free(struct tap *t)
{
    for (size_t i = 0; i < t->chunk_count; i++)
        free(t->chunks[i]);
    free(t->chunks);
    free(t->entries);
    free(t->staged);
    free(t->milestones);
    free(t);
}

/* --- the log as handed over --- */

size_t tap_count(const struct tap *t)
{
    return t->count;
}

const struct entry *tap_entry(const struct tap *t, size_t index)
{
    return &t->entries[index];
}

uint64_t tap_base(const struct tap *t)
{
    return t->base_zxid;
}

uint64_t tap_last(const struct tap *t)
{
    return t->count ? t->entries[t->count - 1].zxid : t->base_zxid;
}

static uint64_t last_hash(const struct tap *t)
{
    return t->count ? t->entries[t->count - 1].hash : t->base_hash;
}

size_t tap_after(const struct tap *t, uint64_t zxid)
{
    size_t lo = 0, hi = t->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (t->entries[mid].zxid <= zxid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct entry *tap_find(const struct tap *t, uint64_t zxid)
{
    size_t at = tap_after(t, zxid);
    return at > 0 && t->entries[at - 1].zxid == zxid ? &t->entries[at - 1] : NULL;
}

static struct zk_slice keep(struct tap *t, struct zk_slice bytes)
{
    t->chunks = zk_realloc(t->chunks, (t->chunk_count + 1) * sizeof(*t->chunks));
    t->chunks[t->chunk_count] = zk_memdup(bytes.ptr, bytes.len);
    return zk_slice(t->chunks[t->chunk_count++], bytes.len);
}

static void push(struct entry **entries, size_t *count, size_t *cap, const struct entry *e)
{
    if (*count == *cap) {
        *cap = *cap ? 2 * *cap : 256;
        *entries = zk_realloc(*entries, *cap * sizeof(**entries));
    }
    (*entries)[(*count)++] = *e;
}

/* Appends the entries of a group that are above `after`. Each must chain to the one before. */
static void take_group(struct tap *t, struct zk_slice bytes, bool staged, uint64_t after, uint64_t prev_zxid,
                       uint64_t prev_hash)
{
    struct group g;
    struct entry e;
    if (!group_open(keep(t, bytes), &g))
        world_fail(t->world, "I11", "server %" PRIu64 " hands its disk a malformed group", t->server);
    while (group_next(&g, &e)) {
        if (e.zxid <= after)
            continue;
        if (e.zxid <= prev_zxid || entry_hash(prev_hash, e.zxid, e.kind, e.body) != e.hash)
            world_fail(t->world, "I11", "server %" PRIu64 ": entry %" PRIx64 " does not chain to %" PRIx64, t->server,
                       e.zxid, prev_zxid);
        if (zxid_epoch(e.zxid) == zxid_epoch(prev_zxid) ? e.zxid != prev_zxid + 1 : zxid_counter(e.zxid) != 0)
            world_fail(t->world, "I11", "server %" PRIu64 ": hole between %" PRIx64 " and %" PRIx64, t->server,
                       prev_zxid, e.zxid);
        prev_zxid = e.zxid;
        prev_hash = e.hash;
        if (staged)
            push(&t->staged, &t->staged_count, &t->staged_cap, &e);
        else
            push(&t->entries, &t->count, &t->cap, &e);
    }
}

/* --- operations --- */

static void see_trunc(struct tap *t, const struct storage_op *op)
{
    if (op->zxid < t->commit)
        world_fail(t->world, "I12", "server %" PRIu64 " cuts its log at %" PRIx64 ", below its commit point %" PRIx64,
                   t->server, op->zxid, t->commit);
    const struct entry *e = tap_find(t, op->zxid);
    if (op->zxid != t->base_zxid && (!e || e->hash != op->hash))
        world_fail(t->world, "I11", "server %" PRIu64 " cuts its log at %" PRIx64 ", which it does not hold",
                   t->server, op->zxid);
    size_t keep_count = tap_after(t, op->zxid);
    if (keep_count < t->count) {
        world_count(t->world, MARK_TRUNC);
        if (t->may_trunc_uncommitted)
            world_count(t->world, MARK_TRUNC_AFTER_RESTART);
        for (size_t i = keep_count; i < t->count; i++)
            if (t->entries[i].kind > ENTRY_NEWLEADER && t->entries[i].kind < ENTRY_COMMAND)
                world_count(t->world, MARK_MEMBERSHIP_CUT);
    }
    t->may_trunc_uncommitted = false;
    t->count = keep_count;
    t->durable_zxid = zk_min_u64(t->durable_zxid, op->zxid); /* from now on a crash may have cut it, or not */
}

static void see_live(struct tap *t, const struct storage_op *op)
{
    if (op->commit < t->commit)
        world_fail(t->world, "I12",
                   "server %" PRIu64 ": a snapshot of commit %" PRIx64 " goes below its own %" PRIx64, t->server,
                   op->commit, t->commit);
    t->base_zxid = t->snap_zxid;
    t->base_hash = t->snap_hash;
    t->count = 0;
    for (size_t i = 0; i < t->staged_count; i++)
        push(&t->entries, &t->count, &t->cap, &t->staged[i]);
    t->commit = zk_max_u64(t->commit, op->commit);
    t->is_staging = false;
    t->staged_count = 0;
    if (tap_last(t) != op->zxid)
        world_fail(t->world, "I11", "server %" PRIu64 ": the snapshot's log ends at %" PRIx64 ", not at %" PRIx64,
                   t->server, tap_last(t), op->zxid);
    world_count(t->world, MARK_SNAP);
}

static void see_promise(struct tap *t, const struct storage_op *op)
{
    if (op->epoch < t->promised)
        world_fail(t->world, "I9", "server %" PRIu64 " promises %" PRIu64 " after %" PRIu64, t->server, op->epoch,
                   t->promised);
    if (op->epoch > t->promised && t->durable < t->submitted && tap_last(t) > t->durable_zxid)
        world_count(t->world, MARK_GRANT_BEHIND_ENTRIES);
    t->promised = op->epoch;
}

static void see_purge(struct tap *t, const struct storage_op *op)
{
    world_count(t->world, MARK_PURGE);
    const struct entry *e = tap_find(t, op->zxid);
    if (!e)
        return;
    size_t gone = tap_after(t, op->zxid);
    t->base_zxid = e->zxid;
    t->base_hash = e->hash;
    memmove(t->entries, t->entries + gone, (t->count - gone) * sizeof(*t->entries));
    t->count -= gone;
}

static void see_op(struct tap *t, const struct storage_op *op)
{
    switch (op->kind) {
    case STORAGE_APPEND:
        take_group(t, op->bytes, false, 0, tap_last(t), last_hash(t));
        if (tap_last(t) != op->zxid || last_hash(t) != op->hash)
            world_fail(t->world, "I11",
                       "server %" PRIu64 ": a group ends at %" PRIx64 ", its operation says %" PRIx64, t->server,
                       tap_last(t), op->zxid);
        break;
    case STORAGE_TRUNC:
        see_trunc(t, op);
        break;
    case STORAGE_PROMISE:
        see_promise(t, op);
        break;
    case STORAGE_COMMIT:
        t->commit = zk_max_u64(t->commit, op->zxid);
        break;
    case STORAGE_SNAP_BEGIN:
        t->is_staging = true;
        t->staged_count = 0;
        t->snap_zxid = op->zxid;
        t->snap_hash = op->hash;
        break;
    case STORAGE_SNAP_GROUP:
        take_group(t, op->bytes, true, t->snap_zxid,
                   t->staged_count ? t->staged[t->staged_count - 1].zxid : t->snap_zxid,
                   t->staged_count ? t->staged[t->staged_count - 1].hash : t->snap_hash);
        break;
    case STORAGE_SNAP_LIVE:
        see_live(t, op);
        break;
    case STORAGE_SNAP_DROP:
        t->is_staging = false;
        break;
    case STORAGE_CHECKPOINT_BEGIN:
        t->is_checkpointing = true;
        break;
    case STORAGE_CHECKPOINT_END:
        t->is_checkpointing = false;
        break;
    case STORAGE_PURGE:
        see_purge(t, op);
        break;
    case STORAGE_RENAME:
    case STORAGE_WITNESS:
    case STORAGE_SYNC_MARK:
    case STORAGE_KEEP:
    case STORAGE_SNAP_ROWS:
    case STORAGE_CHECKPOINT_ROWS:
        break;
    }
}

/* --- the interface --- */

static const struct storage_image *do_image(void *self)
{
    struct tap *t = self;
    return t->disk.ops->image(t->disk.self);
}

static int do_each_row(void *self, storage_row_fn *fn, void *arg)
{
    struct tap *t = self;
    return t->disk.ops->each_row(t->disk.self, fn, arg);
}

static int do_each_group(void *self, uint64_t after_zxid, storage_group_fn *fn, void *arg)
{
    struct tap *t = self;
    return t->disk.ops->each_group(t->disk.self, after_zxid, fn, arg);
}

static void add_milestone(struct tap *t)
{
    if (t->milestone_count == t->milestone_cap) {
        t->milestone_cap = t->milestone_cap ? 2 * t->milestone_cap : 64;
        t->milestones = zk_realloc(t->milestones, t->milestone_cap * sizeof(*t->milestones));
    }
    t->milestones[t->milestone_count++] = (struct milestone){t->submitted, tap_last(t)};
}

static uint64_t do_submit(void *self, const struct storage_op *ops, size_t count)
{
    struct tap *t = self;
    for (size_t i = 0; i < count; i++) {
        see_op(t, &ops[i]);
        if (ops[i].kind == STORAGE_TRUNC || (t->trunc_is_open && ops[i].kind == STORAGE_APPEND)) {
            t->trunc_seq = t->submitted + i + 1;
            t->trunc_is_open = ops[i].kind == STORAGE_TRUNC;
        }
    }
    uint64_t seq = t->disk.ops->submit(t->disk.self, ops, count);
    if (seq != t->submitted + count)
        world_fail(t->world, "storage", "server %" PRIu64 ": operation %" PRIu64 " is numbered %" PRIu64, t->server,
                   t->submitted + count, seq);
    t->submitted = seq;
    add_milestone(t);
    return seq;
}

static void do_read_log(void *self, uint64_t token, uint64_t after_zxid, size_t max_bytes)
{
    struct tap *t = self;
    t->disk.ops->read_log(t->disk.self, token, after_zxid, max_bytes);
}

static void do_snap_open(void *self, uint64_t token)
{
    struct tap *t = self;
    t->disk.ops->snap_open(t->disk.self, token);
}

static void do_snap_read(void *self, uint64_t token, size_t max_bytes)
{
    struct tap *t = self;
    t->disk.ops->snap_read(t->disk.self, token, max_bytes);
}

static void do_snap_close(void *self, uint64_t token)
{
    struct tap *t = self;
    t->disk.ops->snap_close(t->disk.self, token);
}

static void see_durable(struct tap *t, uint64_t seq)
{
    t->durable = seq;
    size_t done = 0;
    while (done < t->milestone_count && t->milestones[done].seq <= seq)
        t->durable_zxid = t->milestones[done++].zxid;
    memmove(t->milestones, t->milestones + done, (t->milestone_count - done) * sizeof(*t->milestones));
    t->milestone_count -= done;
}

static bool do_poll(void *self, struct storage_report *ret_report)
{
    struct tap *t = self;
    if (!t->disk.ops->poll(t->disk.self, ret_report))
        return false;
    if (ret_report->kind == STORAGE_DURABLE)
        see_durable(t, ret_report->seq);
    else if (ret_report->kind == STORAGE_CHECKPOINTED)
        world_count(t->world, MARK_CHECKPOINT);
    else if (ret_report->kind == STORAGE_FAILED)
        SAY(t->world, "s%" PRIu64 " disk failed: %s", t->server, ret_report->why);
    return true;
}

static const struct storage_ops OPS = {
    .image = do_image,
    .each_row = do_each_row,
    .each_group = do_each_group,
    .submit = do_submit,
    .read_log = do_read_log,
    .snap_open = do_snap_open,
    .snap_read = do_snap_read,
    .snap_close = do_snap_close,
    .poll = do_poll,
};

static int load_group(void *arg, struct zk_slice group)
{
    struct tap *t = arg;
    take_group(t, group, false, tap_last(t), tap_last(t), last_hash(t));
    return 0;
}

struct storage tap_open(struct tap *t, struct storage disk)
{
    t->disk = disk;
    t->image = disk.ops->image(disk.self);
    t->base_zxid = t->image->base_zxid;
    t->base_hash = t->image->base_hash;
    t->count = 0;
    t->staged_count = 0;
    t->milestone_count = 0;
    t->is_staging = false;
    t->is_checkpointing = false;
    t->promised = t->image->promised;
    t->commit = t->image->commit;
    t->submitted = 0;
    t->durable = 0;
    t->trunc_seq = 0;
    t->trunc_is_open = false;
    if (disk.ops->each_group(disk.self, t->base_zxid, load_group, t) != 0)
        world_fail(t->world, "storage", "server %" PRIu64 ": the log cannot be read", t->server);
    if (tap_last(t) != t->image->last_zxid || last_hash(t) != t->image->last_hash)
        world_fail(t->world, "storage", "server %" PRIu64 ": the log ends at %" PRIx64 ", its image says %" PRIx64,
                   t->server, tap_last(t), t->image->last_zxid);
    t->durable_zxid = tap_last(t);
    t->may_trunc_uncommitted = tap_last(t) > t->commit;
    return (struct storage){&OPS, t};
}

void tap_close(struct tap *t)
{
    t->image = NULL;
}

uint64_t tap_promised(const struct tap *t)
{
    return t->promised;
}

uint64_t tap_submitted(const struct tap *t)
{
    return t->submitted;
}

uint64_t tap_durable(const struct tap *t)
{
    return t->durable;
}

uint64_t tap_durable_zxid(const struct tap *t)
{
    return t->durable_zxid;
}

bool tap_is_staging(const struct tap *t)
{
    return t->is_staging;
}

bool tap_is_checkpointing(const struct tap *t)
{
    return t->is_checkpointing;
}

bool tap_is_truncating(const struct tap *t)
{
    return t->trunc_is_open || t->trunc_seq > t->durable;
}

const struct storage_image *tap_image(const struct tap *t)
{
    return t->image;
}
