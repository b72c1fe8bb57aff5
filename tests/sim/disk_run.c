/* The disk while it is open: batches, reads, time. */
#include "common/jute.h"
#include "tests/sim/disk_impl.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define REPORT_SPACE_MS 1000
#define ENDLESS_BYTES (UINT64_C(1) << 40)

static uint64_t latency(struct disk *d)
{
    return zk_rng_between(&d->rng, d->latency_min_ms, d->latency_max_ms);
}

bool disk_chance(struct disk *d)
{
    return zk_rng_below(&d->rng, 2) == 1;
}

/* --- reports --- */

static struct report *add_report(struct disk *d, enum storage_report_kind kind)
{
    struct process *p = &d->p;
    if (p->report_head + p->report_count == p->report_cap) {
        if (p->report_head > 0)
            memmove(p->reports, p->reports + p->report_head, p->report_count * sizeof *p->reports);
        p->report_head = 0;
        if (p->report_count * 2 >= p->report_cap) {
            p->report_cap = p->report_cap ? 2 * p->report_cap : 16;
            p->reports = zk_realloc(p->reports, p->report_cap * sizeof *p->reports);
        }
    }
    struct report *report = &p->reports[p->report_head + p->report_count++];
    memset(report, 0, sizeof *report);
    report->r.kind = kind;
    return report;
}

ZK_PRINTF(2, 3)
static void fail(struct disk *d, const char *format, ...)
{
    struct report *report = add_report(d, STORAGE_FAILED);
    va_list args;
    va_start(args, format);
    vsnprintf(report->r.why, sizeof report->r.why, format, args);
    va_end(args);
    d->p.failed = true;
}

void disk_report_space(struct disk *d)
{
    uint64_t used = disk_data_bytes(&d->data);
    struct report *report = add_report(d, STORAGE_FREE_SPACE);
    report->r.total_bytes = d->capacity ? d->capacity : ENDLESS_BYTES;
    report->r.free_bytes = report->r.total_bytes > used ? report->r.total_bytes - used : 0;
    d->p.space_ms = d->now_ms;
}

/* --- the mark --- */

void disk_write_mark(struct disk *d, bool sync)
{
    d->mark = (struct mark){
        .number = d->mark.number + 1,
        .incarnation = d->data.n.incarnation,
        .start_count = d->data.n.start_count,
        .promised = d->data.n.promised,
        .last_zxid = d->data.n.last_zxid,
        .last_hash = d->data.n.last_hash,
    };
    if (sync)
        d->synced_mark = d->mark;
    d->has_mark = true;
}

void disk_lower_mark(struct disk *d, uint64_t zxid, uint64_t hash)
{
    if (d->mark.last_zxid <= zxid && d->synced_mark.last_zxid <= zxid)
        return;
    d->mark.number++;
    d->mark.last_zxid = zxid;
    d->mark.last_hash = hash;
    d->synced_mark = d->mark;
}

/* --- applying a batch --- */

void disk_drop_stage(struct process *p)
{
    disk_tree_drop(p->staged_tree);
    p->staged_tree = NULL;
    disk_log_clear(&p->staged_log);
}

void disk_drop_checkpoint(struct process *p)
{
    disk_tree_drop(p->checkpoint);
    p->checkpoint = NULL;
    p->checkpoint_ended = false;
    p->checkpoint_due_ms = 0;
}

static bool apply_trunc(struct disk *d, const struct storage_op *op)
{
    if (op->zxid < d->data.n.commit) {
        fail(d, "asked to drop entries after 0x%" PRIx64 ", but 0x%" PRIx64 " is committed", op->zxid,
             d->data.n.commit);
        return false;
    }
    disk_lower_mark(d, op->zxid, op->hash);
    if (!disk_data_trunc(&d->data, op->zxid, op->hash)) {
        fail(d, "asked to drop entries after 0x%" PRIx64 ", which the log does not hold", op->zxid);
        return false;
    }
    d->undo_count = 0;
    return true;
}

static bool apply_live(struct disk *d, const struct storage_op *op)
{
    struct process *p = &d->p;
    if (op->zxid < d->data.n.commit) {
        fail(d, "a snapshot ends at 0x%" PRIx64 ", but 0x%" PRIx64 " is committed", op->zxid, d->data.n.commit);
        return false;
    }
    disk_lower_mark(d, 0, 0);
    disk_log_clear(&d->data.log);
    disk_tree_drop(d->data.tree);
    d->data.log = p->staged_log;
    p->staged_log = (struct disk_log){0};
    d->data.tree = p->staged_tree;
    p->staged_tree = NULL;
    d->data.n.base_zxid = d->data.tree->zxid;
    d->data.n.base_hash = d->data.tree->hash;
    d->data.n.last_zxid = op->zxid;
    d->data.n.last_hash = p->staged_last_hash;
    d->data.n.commit = zk_max_u64(d->data.n.commit, zk_max_u64(op->commit, d->data.tree->zxid));
    d->data.damage[0] = '\0';
    d->undo_count = 0;
    disk_drop_checkpoint(p);
    return true;
}

static void apply_append(struct disk *d, struct pending *pending)
{
    disk_log_push(&d->data.log, pending->group);
    d->data.n.last_zxid = pending->op.zxid;
    d->data.n.last_hash = pending->op.hash;
    d->data.damage[0] = '\0';
    pending->group = NULL;
}

static void begin_stage(struct process *p, const struct storage_op *op)
{
    disk_drop_stage(p);
    p->staged_tree = disk_tree_new(op->zxid, op->hash, op->digest, op->bytes);
    p->staged_last_hash = op->hash;
}

static void stage_group(struct process *p, struct pending *pending)
{
    disk_log_push(&p->staged_log, pending->group);
    p->staged_last_hash = pending->op.hash;
    pending->group = NULL;
}

static bool apply_op(struct disk *d, struct pending *pending)
{
    struct process *p = &d->p;
    const struct storage_op *op = &pending->op;
    switch (op->kind) {
    case STORAGE_APPEND:
        apply_append(d, pending);
        break;
    case STORAGE_TRUNC:
        return apply_trunc(d, op);
    case STORAGE_PROMISE:
        d->data.n.promised = zk_max_u64(d->data.n.promised, op->epoch);
        break;
    case STORAGE_COMMIT:
        d->data.n.commit = zk_max_u64(d->data.n.commit, op->zxid);
        break;
    case STORAGE_WITNESS:
        disk_data_witness(&d->data, &op->witness);
        break;
    case STORAGE_SYNC_MARK:
        break;
    case STORAGE_RENAME:
        d->data.n.incarnation = op->witness.incarnation;
        break;
    case STORAGE_SNAP_BEGIN:
        begin_stage(p, op);
        break;
    case STORAGE_SNAP_ROWS:
        disk_tree_add(p->staged_tree, op->bytes);
        break;
    case STORAGE_SNAP_GROUP:
        stage_group(p, pending);
        break;
    case STORAGE_SNAP_LIVE:
        return apply_live(d, op);
    case STORAGE_SNAP_DROP:
        disk_drop_stage(p);
        break;
    case STORAGE_KEEP:
        break;
    case STORAGE_CHECKPOINT_BEGIN:
        disk_drop_checkpoint(p);
        p->checkpoint = disk_tree_new(op->zxid, op->hash, op->digest, op->bytes);
        break;
    case STORAGE_CHECKPOINT_ROWS:
        if (p->checkpoint != NULL) /* a snapshot may have come between */
            disk_tree_add(p->checkpoint, op->bytes);
        break;
    case STORAGE_CHECKPOINT_END:
        p->checkpoint_ended = p->checkpoint != NULL;
        break;
    case STORAGE_PURGE:
        p->purge_zxid = zk_max_u64(p->purge_zxid, op->zxid);
        break;
    }
    return true;
}

/* What is not needed for a checkpoint or by an open snapshot. */
static void purge(struct disk *d)
{
    uint64_t zxid = d->data.tree ? zk_min_u64(d->p.purge_zxid, d->data.tree->zxid) : 0;
    for (size_t i = 0; i < d->p.snap_count; i++)
        zxid = zk_min_u64(zxid, d->p.snaps[i].tree->zxid);
    if (disk_data_purge(&d->data, zxid))
        d->undo_count = 0;
}

static void remember_undo(struct disk *d)
{
    if (d->undo_count == UNDO_MAX)
        memmove(d->undo, d->undo + 1, --d->undo_count * sizeof *d->undo);
    struct undo *u = &d->undo[d->undo_count++];
    u->n = d->data.n;
    u->log_count = d->data.log.count;
    memcpy(u->damage, d->data.damage, sizeof u->damage);
    u->witness_count = d->data.witness_count;
    memcpy(u->witnesses, d->data.witnesses, d->data.witness_count * sizeof *u->witnesses);
}

static bool syncs_mark(const struct storage_op *op)
{
    return op->kind == STORAGE_PROMISE || op->kind == STORAGE_SYNC_MARK || op->kind == STORAGE_RENAME ||
           op->kind == STORAGE_SNAP_LIVE;
}

bool disk_apply_batch(struct disk *d, size_t count, bool *ret_sync)
{
    bool ok = true;
    *ret_sync = false;
    remember_undo(d);
    for (size_t i = 0; ok && i < count; i++) {
        *ret_sync |= syncs_mark(&d->p.pending[i].op);
        ok = apply_op(d, &d->p.pending[i]);
    }
    if (ok)
        purge(d);
    d->counts.batches++;
    d->counts.ops += count;
    return ok;
}

void disk_drop_pending(struct process *p, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        disk_group_drop(p->pending[i].group);
        free(p->pending[i].bytes);
    }
    p->pending_count -= count;
    if (p->pending_count > 0)
        memmove(p->pending, p->pending + count, p->pending_count * sizeof *p->pending);
}

static uint64_t pending_bytes(const struct process *p, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += p->pending[i].op.bytes.len;
    return bytes;
}

/* The batch at work fails: nobody can know whether its data is there. */
static bool write_fails(struct disk *d, size_t count)
{
    bool full = d->capacity != 0 && disk_data_bytes(&d->data) + pending_bytes(&d->p, count) > d->capacity;
    if (!full && !d->fail_next)
        return false;
    bool kept = full ? disk_chance(d) : d->fail_keeps;
    d->counts.full += full;
    d->counts.failed_writes++;
    d->fail_next = false;
    bool sync;
    if (!kept || disk_apply_batch(d, count, &sync))
        fail(d, full ? "the disk is full (No space left on device)" : "writing the log failed (Input/output error)");
    return true;
}

bool disk_checkpoint_ready(const struct disk *d)
{
    const struct process *p = &d->p;
    return p->checkpoint_ended && p->checkpoint->zxid <= zk_min_u64(d->data.n.commit, d->data.n.last_zxid);
}

static void finish_batch(struct disk *d)
{
    struct process *p = &d->p;
    size_t count = p->working;
    bool sync;
    p->working = 0;
    p->done += count;
    if (write_fails(d, count) || !disk_apply_batch(d, count, &sync))
        return;
    disk_drop_pending(p, count);
    disk_write_mark(d, sync);
    add_report(d, STORAGE_DURABLE)->r.seq = p->done;
    if (disk_checkpoint_ready(d) && p->checkpoint_due_ms == 0)
        p->checkpoint_due_ms = d->now_ms + 1 + latency(d);
}

void disk_ingest_checkpoint(struct disk *d)
{
    struct process *p = &d->p;
    struct disk_tree *merged = disk_tree_merge(d->data.tree, p->checkpoint);
    disk_tree_drop(d->data.tree);
    d->data.tree = merged;
    d->undo_count = 0;
    disk_drop_checkpoint(p);
    struct report *report = add_report(d, STORAGE_CHECKPOINTED);
    report->r.zxid = merged->zxid;
    report->r.hash = merged->hash;
    report->r.digest = merged->digest;
}

/* --- reads --- */

static void answer_log(struct disk *d, const struct read *read)
{
    const struct disk_log *log = &d->data.log;
    struct report *report = add_report(d, STORAGE_LOG);
    report->r.token = read->token;
    uint64_t hash;
    if (read->after_zxid != d->data.n.base_zxid && !disk_log_hash(log, read->after_zxid, &hash)) {
        report->r.gone = true;
        return;
    }
    size_t i = disk_log_find(log, read->after_zxid);
    if (i == log->count)
        i = 0;
    else if (disk_log_at(log, i)->last_zxid == read->after_zxid)
        i++;
    for (; i < log->count && (report->r.group_count == 0 || report->bytes.len < read->max_bytes); i++) {
        const struct disk_group *g = disk_log_at(log, i);
        if (report->r.group_count++ == 0)
            report->r.zxid = g->first_zxid;
        zk_jute_put_buffer(&report->bytes, zk_slice(g->bytes, g->len));
    }
}

static struct snap *find_snap(struct process *p, uint64_t token)
{
    for (size_t i = 0; i < p->snap_count; i++)
        if (p->snaps[i].token == token)
            return &p->snaps[i];
    return NULL;
}

static void answer_snap_open(struct disk *d, const struct read *read)
{
    struct process *p = &d->p;
    struct report *report = add_report(d, STORAGE_SNAP_OPENED);
    report->r.token = read->token;
    report->r.gone = d->data.tree == NULL;
    if (d->data.tree == NULL)
        return;
    if (p->snap_count == p->snap_cap) {
        p->snap_cap = p->snap_cap ? 2 * p->snap_cap : 4;
        p->snaps = zk_realloc(p->snaps, p->snap_cap * sizeof *p->snaps);
    }
    d->data.tree->refs++;
    p->snaps[p->snap_count++] = (struct snap){read->token, d->data.tree, 0};
    report->r.zxid = d->data.tree->zxid;
    report->r.hash = d->data.tree->hash;
    report->r.digest = d->data.tree->digest;
    zk_buf_append_slice(&report->bytes, zk_buf_slice(&d->data.tree->members));
}

static void answer_snap_read(struct disk *d, const struct read *read)
{
    struct snap *snap = find_snap(&d->p, read->token);
    struct report *report = add_report(d, STORAGE_SNAP_CHUNK);
    report->r.token = read->token;
    report->r.gone = snap == NULL;
    if (snap == NULL)
        return;
    bool any = false;
    while (snap->next < snap->tree->count && (!any || report->bytes.len < read->max_bytes)) {
        const struct disk_row *row = snap->tree->rows[snap->next++];
        storage_rows_put(&report->bytes, zk_slice(row->bytes, row->key_len),
                         zk_slice(row->bytes + row->key_len, row->value_len));
        any = true;
    }
    report->r.last = snap->next == snap->tree->count;
}

static void close_snap(struct disk *d, uint64_t token)
{
    struct process *p = &d->p;
    struct snap *snap = find_snap(p, token);
    if (snap == NULL)
        return;
    disk_tree_drop(snap->tree);
    *snap = p->snaps[--p->snap_count];
    purge(d);
}

static void answer(struct disk *d, const struct read *read)
{
    switch (read->kind) {
    case READ_LOG:
        answer_log(d, read);
        break;
    case READ_SNAP_OPEN:
        answer_snap_open(d, read);
        break;
    case READ_SNAP:
        answer_snap_read(d, read);
        break;
    case READ_SNAP_CLOSE:
        close_snap(d, read->token);
        break;
    }
}

static void add_read(struct disk *d, struct read read)
{
    struct process *p = &d->p;
    if (p->read_count == p->read_cap) {
        p->read_cap = p->read_cap ? 2 * p->read_cap : 4;
        p->reads = zk_realloc(p->reads, p->read_cap * sizeof *p->reads);
    }
    uint64_t before = p->read_count ? p->reads[p->read_count - 1].due_ms : d->now_ms;
    read.due_ms = before + latency(d);
    p->reads[p->read_count++] = read;
}

/* --- time --- */

static bool has_urgent(const struct process *p)
{
    for (size_t i = 0; i < p->pending_count; i++)
        if (!storage_op_is_lazy(&p->pending[i].op))
            return true;
    return false;
}

/* When the next batch starts, given that none is at work; UINT64_MAX: nothing waits. */
static uint64_t start_ms(const struct disk *d)
{
    const struct process *p = &d->p;
    if (p->pending_count == 0)
        return UINT64_MAX;
    return has_urgent(p) ? d->now_ms : p->lazy_ms + STORAGE_LAZY_MS;
}

uint64_t disk_deadline_ms(const struct disk *d)
{
    const struct process *p = &d->p;
    if (!d->open || p->failed)
        return UINT64_MAX;
    uint64_t deadline = p->working ? p->done_ms : start_ms(d);
    if (p->checkpoint_due_ms != 0)
        deadline = zk_min_u64(deadline, p->checkpoint_due_ms);
    if (p->read_count > 0)
        deadline = zk_min_u64(deadline, p->reads[0].due_ms);
    return deadline;
}

static void do_one(struct disk *d)
{
    struct process *p = &d->p;
    if (p->working && p->done_ms <= d->now_ms) {
        finish_batch(d);
    } else if (p->checkpoint_due_ms != 0 && p->checkpoint_due_ms <= d->now_ms) {
        disk_ingest_checkpoint(d);
    } else if (p->read_count > 0 && p->reads[0].due_ms <= d->now_ms) {
        struct read read = p->reads[0];
        memmove(p->reads, p->reads + 1, --p->read_count * sizeof *p->reads);
        answer(d, &read);
    } else if (!p->working) {
        p->working = p->pending_count;
        p->done_ms = d->now_ms + latency(d);
    }
}

void disk_advance(struct disk *d, uint64_t now_ms)
{
    ZK_ASSERT(now_ms >= d->now_ms);
    while (d->open) {
        uint64_t deadline = disk_deadline_ms(d);
        if (deadline > now_ms)
            break;
        d->now_ms = zk_max_u64(d->now_ms, deadline);
        do_one(d);
    }
    d->now_ms = now_ms;
    if (d->open && !d->p.failed && now_ms - d->p.space_ms >= REPORT_SPACE_MS)
        disk_report_space(d);
}

/* --- the face --- */

static const struct storage_image *op_image(void *store)
{
    return &((struct disk *)store)->p.image;
}

static int op_each_row(void *store, storage_row_fn *fn, void *arg)
{
    const struct disk_tree *tree = ((struct disk *)store)->data.tree;
    for (size_t i = 0; tree != NULL && i < tree->count; i++) {
        const struct disk_row *row = tree->rows[i];
        int result = fn(arg, zk_slice(row->bytes, row->key_len), zk_slice(row->bytes + row->key_len, row->value_len));
        if (result != 0)
            return result;
    }
    return 0;
}

static int op_each_group(void *store, uint64_t after_zxid, storage_group_fn *fn, void *arg)
{
    const struct disk_log *log = &((struct disk *)store)->data.log;
    for (size_t i = 0; i < log->count; i++) {
        const struct disk_group *g = disk_log_at(log, i);
        int result = g->last_zxid > after_zxid ? fn(arg, zk_slice(g->bytes, g->len)) : 0;
        if (result != 0)
            return result;
    }
    return 0;
}

static void add_pending(struct disk *d, const struct storage_op *op, bool submit_end)
{
    struct process *p = &d->p;
    if (p->pending_count == p->pending_cap) {
        p->pending_cap = p->pending_cap ? 2 * p->pending_cap : 16;
        p->pending = zk_realloc(p->pending, p->pending_cap * sizeof *p->pending);
    }
    struct pending *pending = &p->pending[p->pending_count++];
    *pending = (struct pending){.op = *op, .submit_end = submit_end};
    if (op->kind == STORAGE_APPEND || op->kind == STORAGE_SNAP_GROUP) {
        pending->group = disk_group_new(op->bytes, op->first_zxid, op->zxid, op->hash);
        pending->op.bytes.ptr = pending->group->bytes;
    } else if (op->bytes.ptr != NULL) {
        pending->bytes = zk_memdup(op->bytes.ptr, op->bytes.len);
        pending->op.bytes.ptr = pending->bytes;
    }
}

static uint64_t op_submit(void *store, const struct storage_op *ops, size_t count)
{
    struct disk *d = store;
    if (d->p.pending_count == d->p.working)
        d->p.lazy_ms = d->now_ms;
    for (size_t i = 0; i < count; i++) {
        storage_order_check(&d->p.order, &ops[i]);
        add_pending(d, &ops[i], i + 1 == count);
    }
    d->p.submitted += count;
    return d->p.submitted;
}

static void op_read_log(void *store, uint64_t token, uint64_t after_zxid, size_t max_bytes)
{
    add_read(store, (struct read){.kind = READ_LOG, .token = token, .after_zxid = after_zxid, .max_bytes = max_bytes});
}

static void op_snap_open(void *store, uint64_t token)
{
    add_read(store, (struct read){.kind = READ_SNAP_OPEN, .token = token});
}

static void op_snap_read(void *store, uint64_t token, size_t max_bytes)
{
    add_read(store, (struct read){.kind = READ_SNAP, .token = token, .max_bytes = max_bytes});
}

static void op_snap_close(void *store, uint64_t token)
{
    add_read(store, (struct read){.kind = READ_SNAP_CLOSE, .token = token});
}

static bool op_poll(void *store, struct storage_report *ret_report)
{
    struct process *p = &((struct disk *)store)->p;
    zk_buf_fini(&p->polled);
    if (p->report_count == 0)
        return false;
    struct report *report = &p->reports[p->report_head++];
    p->report_count--;
    p->polled = report->bytes;
    *ret_report = report->r;
    ret_report->bytes = zk_buf_slice(&p->polled);
    if (report->r.kind == STORAGE_CHECKPOINTED)
        storage_order_checkpointed(&p->order);
    return true;
}

const struct storage_ops DISK_OPS = {
    .image = op_image,
    .each_row = op_each_row,
    .each_group = op_each_group,
    .submit = op_submit,
    .read_log = op_read_log,
    .snap_open = op_snap_open,
    .snap_read = op_snap_read,
    .snap_close = op_snap_close,
    .poll = op_poll,
};
