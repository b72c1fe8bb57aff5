/* The disk as a thing: made, opened, ended, spoilt. What it does while it is open is disk_run.c. */
#include "tests/sim/disk_impl.h"
#include <stdio.h>

struct disk_copy {
    struct disk_data data;
    bool has_mark;
    struct mark mark;
};

struct disk *disk_new(uint64_t seed)
{
    struct disk *d = zk_calloc(1, sizeof *d);
    zk_rng_seed(&d->rng, seed, 0x6469736b);
    d->latency_max_ms = 2;
    return d;
}

static void end_process(struct disk *d)
{
    struct process *p = &d->p;
    d->counts.staging_dropped += p->staged_tree != NULL;
    d->counts.checkpoints_dropped += p->checkpoint != NULL;
    disk_drop_pending(p, p->pending_count);
    disk_drop_stage(p);
    disk_drop_checkpoint(p);
    for (size_t i = 0; i < p->snap_count; i++)
        disk_tree_drop(p->snaps[i].tree);
    for (size_t i = 0; i < p->report_count; i++)
        zk_buf_fini(&p->reports[p->report_head + i].bytes);
    zk_buf_fini(&p->polled);
    storage_image_fini(&p->image);
    free(p->pending);
    free(p->reads);
    free(p->snaps);
    free(p->reports);
    memset(p, 0, sizeof *p);
    d->open = false;
}

void disk_free(struct disk *d)
{
    if (d->open)
        end_process(d);
    disk_data_clear(&d->data);
    free(d);
}

bool disk_is_open(const struct disk *d)
{
    return d->open;
}

/* --- opening and ending --- */

static uint64_t new_incarnation(struct disk *d)
{
    return zk_rng_u64(&d->rng) | 1;
}

static void make_blank(struct disk *d)
{
    disk_data_clear(&d->data);
    d->data.made = true;
    d->data.n.incarnation = new_incarnation(d);
}

/* What the store's opening finds, and does about it. */
static void judge(struct disk *d)
{
    struct disk_data *data = &d->data;
    char why[256] = "";
    uint64_t tree_zxid = data->tree ? data->tree->zxid : 0;
    if (data->flipped || tree_zxid > data->n.last_zxid) {
        snprintf(why, sizeof why, "%s", data->flipped ? "a checksum does not hold" : "its log ends before its tree");
        make_blank(d);
    } else if (!d->has_mark) {
        snprintf(why, sizeof why, "its ack mark is missing");
    } else {
        struct storage_image image;
        uint64_t hash = 0;
        bool at_mark = disk_log_hash(&data->log, d->mark.last_zxid, &hash);
        disk_data_image(data, &image);
        if (mark_behind(&d->mark, &image, at_mark, hash, why, sizeof why))
            data->n.promised = zk_max_u64(data->n.promised, d->mark.promised);
        storage_image_fini(&image);
    }
    if (why[0] == '\0')
        return;
    data->n.incarnation = new_incarnation(d);
    memcpy(data->damage, why, sizeof data->damage);
}

struct storage disk_open(struct disk *d, uint64_t now_ms)
{
    ZK_ASSERT(!d->open);
    ZK_ASSERT(now_ms >= d->now_ms);
    bool blank = !d->data.made;
    if (blank)
        make_blank(d);
    else
        judge(d);
    d->data.n.start_count++;
    d->undo_count = 0;
    disk_write_mark(d, true);
    d->now_ms = now_ms;
    d->open = true;
    disk_data_image(&d->data, &d->p.image);
    if (blank)
        d->p.image.verdict = STORAGE_BLANK;
    d->counts.opened_damaged += d->p.image.verdict == STORAGE_DAMAGED;
    storage_order_init(&d->p.order, &d->p.image);
    disk_report_space(d);
    return (struct storage){&DISK_OPS, d};
}

void disk_close(struct disk *d)
{
    struct process *p = &d->p;
    ZK_ASSERT(d->open);
    bool sync;
    if (!p->failed && disk_apply_batch(d, p->pending_count, &sync)) {
        disk_write_mark(d, true);
        if (disk_checkpoint_ready(d))
            disk_ingest_checkpoint(d);
    }
    end_process(d);
}

/* How much of what waits is on the disk all the same: whole submits from the front, the batch at work as one. */
static size_t choose_survivors(struct disk *d)
{
    const struct process *p = &d->p;
    if (p->failed || (p->working && disk_chance(d)))
        return 0;
    size_t count = p->working;
    while (count < p->pending_count && disk_chance(d))
        while (!p->pending[count++].submit_end)
            continue;
    return count;
}

/* A crash may come after the mark was lowered for a TRUNC and before its batch. */
static void lower_for_next(struct disk *d, size_t from)
{
    for (size_t i = from; i < d->p.pending_count; i++) {
        const struct storage_op *op = &d->p.pending[i].op;
        if (op->kind == STORAGE_TRUNC && op->zxid >= d->data.n.commit && disk_chance(d)) {
            disk_lower_mark(d, op->zxid, op->hash);
            return;
        }
    }
}

static void settle_mark(struct disk *d, enum disk_crash kind)
{
    bool stale = kind == DISK_POWER_CUT && d->mark.number != d->synced_mark.number && disk_chance(d);
    d->counts.stale_marks += stale;
    if (stale)
        d->mark = d->synced_mark;
    else
        d->synced_mark = d->mark;
}

void disk_crash(struct disk *d, enum disk_crash kind)
{
    ZK_ASSERT(d->open);
    struct process *p = &d->p;
    size_t count = choose_survivors(d);
    bool sync = false;
    if (count > 0 && disk_apply_batch(d, count, &sync)) {
        if (disk_chance(d))
            disk_write_mark(d, sync);
        if (disk_checkpoint_ready(d) && disk_chance(d))
            disk_ingest_checkpoint(d);
    }
    lower_for_next(d, count);
    for (size_t i = count; i < p->pending_count; i++)
        d->counts.lost_submits += p->pending[i].submit_end;
    settle_mark(d, kind);
    d->counts.process_crashes += kind == DISK_PROCESS_CRASH;
    d->counts.power_cuts += kind == DISK_POWER_CUT;
    end_process(d);
}

/* --- faults --- */

void disk_set_latency(struct disk *d, uint32_t min_ms, uint32_t max_ms)
{
    ZK_ASSERT(min_ms <= max_ms);
    d->latency_min_ms = min_ms;
    d->latency_max_ms = max_ms;
}

void disk_set_capacity(struct disk *d, uint64_t bytes)
{
    d->capacity = bytes;
}

void disk_stall(struct disk *d, uint32_t stall_ms)
{
    if (!d->open)
        return;
    if (!d->p.working && d->p.pending_count > 0)
        d->p.working = d->p.pending_count;
    d->p.done_ms = zk_max_u64(d->p.done_ms, d->now_ms) + stall_ms;
    d->counts.stalls++;
}

void disk_end_stall(struct disk *d)
{
    d->p.done_ms = zk_min_u64(d->p.done_ms, d->now_ms + d->latency_max_ms);
}

void disk_fail_next(struct disk *d, bool data_kept)
{
    d->fail_next = true;
    d->fail_keeps = data_kept;
}

void disk_mend(struct disk *d)
{
    d->fail_next = false;
}

bool disk_lose_tail(struct disk *d, uint32_t batches)
{
    ZK_ASSERT(!d->open);
    if (batches == 0 || d->undo_count == 0)
        return false;
    d->undo_count -= zk_min_u64(batches, d->undo_count);
    const struct undo *u = &d->undo[d->undo_count];
    while (d->data.log.count > u->log_count)
        disk_log_pop(&d->data.log);
    d->data.n = u->n;
    memcpy(d->data.damage, u->damage, sizeof u->damage);
    d->data.witness_count = u->witness_count;
    memcpy(d->data.witnesses, u->witnesses, u->witness_count * sizeof *u->witnesses);
    d->counts.lost_tails++;
    return true;
}

bool disk_flip_bit(struct disk *d)
{
    ZK_ASSERT(!d->open);
    if (disk_data_bytes(&d->data) == 0)
        return false;
    d->data.flipped = true;
    d->counts.flipped_bits++;
    return true;
}

bool disk_lose_mark(struct disk *d)
{
    ZK_ASSERT(!d->open);
    if (!d->has_mark)
        return false;
    d->has_mark = false;
    d->counts.lost_marks++;
    return true;
}

bool disk_wipe(struct disk *d)
{
    ZK_ASSERT(!d->open);
    if (!d->data.made)
        return false;
    disk_data_clear(&d->data);
    d->has_mark = false;
    d->mark = d->synced_mark = (struct mark){0};
    d->undo_count = 0;
    d->counts.wipes++;
    return true;
}

struct disk_copy *disk_copy_new(const struct disk *d)
{
    struct disk_copy *copy = zk_alloc(sizeof *copy);
    disk_data_copy(&copy->data, &d->data);
    copy->has_mark = d->has_mark;
    copy->mark = d->mark;
    return copy;
}

void disk_copy_free(struct disk_copy *copy)
{
    disk_data_clear(&copy->data);
    free(copy);
}

void disk_restore(struct disk *d, const struct disk_copy *copy, bool mark_too)
{
    ZK_ASSERT(!d->open);
    disk_data_clear(&d->data);
    disk_data_copy(&d->data, &copy->data);
    if (mark_too) {
        d->has_mark = copy->has_mark;
        d->mark = d->synced_mark = copy->mark;
    }
    d->undo_count = 0;
    d->counts.restores++;
}

const struct disk_counts *disk_counts(const struct disk *d)
{
    return &d->counts;
}

uint64_t disk_used_bytes(const struct disk *d)
{
    return disk_data_bytes(&d->data);
}

uint64_t disk_last_zxid(const struct disk *d, uint64_t *ret_hash)
{
    *ret_hash = d->data.n.last_hash;
    return d->data.n.last_zxid;
}

uint64_t disk_commit(const struct disk *d)
{
    return d->data.n.commit;
}

uint64_t disk_promised(const struct disk *d)
{
    return d->data.n.promised;
}

bool disk_mark_is_stale(const struct disk *d)
{
    return d->has_mark && d->mark.last_zxid < d->data.n.last_zxid;
}

uint64_t disk_checkpoint(const struct disk *d, uint64_t *ret_digest)
{
    *ret_digest = d->data.tree ? d->data.tree->digest : 0;
    return d->data.tree ? d->data.tree->zxid : 0;
}
