/* The writer: takes what was submitted, makes one batch of it, writes it, marks it, reports it. The only place that
 * writes to the database once it is open. */
#include "server/store/impl.h"
#include "server/zab/group.h"
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* A group that the batch being made puts into the log: a TRUNC behind it in the same batch must find it. */
struct put {
    const struct rocks_side *side;
    uint64_t first_zxid;
    struct zk_slice bytes;
    struct zk_buf owned; /* of a group that was cut */
};

struct writer {
    struct numbers n; /* as the disk has them */
    struct mark mark; /* as last written */
    bool damaged;     /* the row "damage" is there */
    uint64_t done;
    uint64_t side_number; /* the highest yet given to a side */
    uint64_t purge_zxid;
    bool checkpoint_ended;
    uint64_t checkpoint_zxid;
    struct rocks_side *staged; /* NULL: nothing; the writer's count */
    struct checkpoint staged_checkpoint;
    struct zk_buf staged_members;
    uint64_t staged_hash;
    size_t witness_count; /* as the batch being made leaves them */
    struct storage_witness *witnesses;

    /* The batch being made. */
    struct rocks_batch *batch;
    struct numbers next;
    struct rocks_side *side; /* whose log grows: live, or staged from its LIVE on; borrowed */
    bool went_live;
    bool heal; /* something was learnt: the row "damage" goes */
    bool sync_mark;
    bool lower_mark;
    uint64_t lower_zxid;
    uint64_t lower_hash;
    uint64_t purged_zxid; /* 0: nothing */
    size_t put_count, put_cap;
    struct put *puts;
    size_t retired_count, retired_cap;
    struct rocks_side **retired; /* to be dropped once the batch is written */
    size_t bytes;
};

void writer_init(struct store *st, const struct numbers *n, const struct mark *mark, bool damaged)
{
    struct writer *w = st->w = zk_calloc(1, sizeof *w);
    w->n = *n;
    w->mark = *mark;
    w->damaged = damaged;
    w->side_number = n->live;
    w->batch = rocks_batch_new();
    w->witness_count = st->image.witness_count;
    w->witnesses = zk_memdup(st->image.witnesses, w->witness_count * sizeof *w->witnesses);
}

static void clear_puts(struct writer *w)
{
    for (size_t i = 0; i < w->put_count; i++)
        zk_buf_fini(&w->puts[i].owned);
    w->put_count = 0;
}

void writer_fini(struct store *st)
{
    struct writer *w = st->w;
    if (w == NULL)
        return;
    clear_puts(w);
    free(w->puts);
    for (size_t i = 0; i < w->retired_count; i++)
        rocks_side_release(w->retired[i]);
    free(w->retired);
    rocks_side_release(w->staged);
    zk_buf_fini(&w->staged_members);
    free(w->witnesses);
    rocks_batch_free(w->batch);
    free(w);
    st->w = NULL;
}

/* --- the log --- */

static void put_group(struct writer *w, struct rocks_side *side, uint64_t first_zxid, struct zk_slice bytes)
{
    struct store_key key;
    store_key_set(&key, first_zxid);
    rocks_put(w->batch, side->log, store_key_slice(&key), bytes);
    w->bytes += bytes.len;
    if (w->put_count == w->put_cap) {
        w->put_cap = w->put_cap ? 2 * w->put_cap : 64;
        w->puts = zk_realloc(w->puts, w->put_cap * sizeof *w->puts);
    }
    w->puts[w->put_count++] = (struct put){.side = side, .first_zxid = first_zxid, .bytes = bytes};
}

/* The last group of the log, as the batch will leave it, that begins at or before zxid: its bytes into `out`. */
static bool find_group(struct store *st, uint64_t zxid, struct zk_buf *out, char *why)
{
    struct writer *w = st->w;
    for (size_t i = w->put_count; i > 0; i--) {
        const struct put *put = &w->puts[i - 1];
        if (put->side != w->side || put->first_zxid > zxid)
            continue;
        zk_buf_append_slice(out, put->bytes);
        return true;
    }
    struct store_key key;
    store_key_set(&key, zxid);
    struct rocks_iter *it = rocks_iter_new(st->db, w->side->log);
    bool found = rocks_seek_for_prev(it, store_key_slice(&key)) && store_key_get(rocks_key(it)) > w->next.base_zxid;
    if (found)
        zk_buf_append_slice(out, rocks_value(it));
    else if (rocks_iter_trouble(it, why) == ROCKS_FINE)
        snprintf(why, ROCKS_WHY_BYTES, "no such entry");
    rocks_iter_free(it);
    return found;
}

/* Is there an entry zxid with that hash in the group? *ret_first is the group's, *ret_inside: others follow it. */
static bool holds_entry(struct zk_slice bytes, uint64_t zxid, uint64_t hash, uint64_t *ret_first, bool *ret_inside)
{
    struct group g;
    struct entry e;
    bool holds = false, any = false;
    *ret_inside = false;
    if (!group_open(bytes, &g))
        return false;
    while (group_next(&g, &e)) {
        if (!any)
            *ret_first = e.zxid;
        any = true;
        holds |= e.zxid == zxid && e.hash == hash;
        *ret_inside |= e.zxid > zxid;
    }
    return holds && g.count == 0;
}

static void forget_puts_after(struct writer *w, uint64_t zxid)
{
    while (w->put_count > 0) {
        struct put *put = &w->puts[w->put_count - 1];
        if (put->side != w->side || put->first_zxid <= zxid)
            break;
        zk_buf_fini(&put->owned);
        w->put_count--;
    }
}

static void cut_group(struct writer *w, uint64_t first_zxid, struct zk_slice bytes, uint64_t zxid)
{
    struct zk_buf head = {0};
    ZK_ASSERT(group_head(bytes, zxid, &head));
    put_group(w, w->side, first_zxid, zk_buf_slice(&head));
    w->puts[w->put_count - 1].owned = head;
}

static void lower_mark(struct writer *w, uint64_t zxid, uint64_t hash)
{
    if (w->mark.last_zxid <= zxid || (w->lower_mark && w->lower_zxid <= zxid))
        return;
    w->lower_mark = true;
    w->lower_zxid = zxid;
    w->lower_hash = hash;
}

static bool apply_trunc(struct store *st, const struct storage_op *op)
{
    struct writer *w = st->w;
    if (op->zxid < w->next.commit) {
        store_fail(st, "asked to drop the entries after 0x%" PRIx64 ", but 0x%" PRIx64
                   " is committed: committed data is lost elsewhere", op->zxid, w->next.commit);
        return false;
    }
    struct zk_buf bytes = {0};
    char why[ROCKS_WHY_BYTES];
    uint64_t first = 0;
    bool inside = false;
    bool at_base = op->zxid == w->next.base_zxid;
    bool ok = at_base ? op->hash == w->next.base_hash
                      : find_group(st, op->zxid, &bytes, why) &&
                            holds_entry(zk_buf_slice(&bytes), op->zxid, op->hash, &first, &inside);
    if (ok && w->next.last_zxid > op->zxid) {
        struct store_key from, to;
        store_key_set(&from, op->zxid + 1);
        store_key_set(&to, w->next.last_zxid + 1);
        rocks_delete_range(w->batch, w->side->log, store_key_slice(&from), store_key_slice(&to));
        forget_puts_after(w, op->zxid);
        if (inside)
            cut_group(w, first, zk_buf_slice(&bytes), op->zxid);
        w->next.last_zxid = op->zxid;
        w->next.last_hash = op->hash;
        lower_mark(w, op->zxid, op->hash);
    }
    zk_buf_fini(&bytes);
    if (!ok)
        store_fail(st, "asked to drop the entries after 0x%" PRIx64 ", which the log does not hold", op->zxid);
    return ok;
}

static void apply_append(struct writer *w, const struct storage_op *op)
{
    put_group(w, w->side, op->first_zxid, op->bytes);
    w->next.last_zxid = op->zxid;
    w->next.last_hash = op->hash;
    w->heal = true;
}

static void put_witness(struct store *st, const struct storage_witness *witness)
{
    struct writer *w = st->w;
    struct storage_witness dropped;
    w->witnesses = zk_realloc(w->witnesses, (w->witness_count + 1) * sizeof *w->witnesses);
    if (storage_witness_put(w->witnesses, &w->witness_count, witness, &dropped)) {
        struct zk_buf key = {0};
        witness_key(&dropped, &key);
        rocks_delete(w->batch, rocks_meta(st->db), zk_buf_slice(&key));
        zk_buf_fini(&key);
    }
    witness_write(st->db, w->batch, witness);
}

/* --- a snapshot received --- */

static void retire(struct writer *w, struct rocks_side *side)
{
    if (side == NULL)
        return;
    if (w->retired_count == w->retired_cap) {
        w->retired_cap = w->retired_cap ? 2 * w->retired_cap : 4;
        w->retired = zk_realloc(w->retired, w->retired_cap * sizeof *w->retired);
    }
    w->retired[w->retired_count++] = side;
}

static bool begin_stage(struct store *st, const struct storage_op *op)
{
    struct writer *w = st->w;
    char why[ROCKS_WHY_BYTES];
    retire(w, w->staged);
    w->staged = NULL;
    if (!rocks_new_side(st->db, ++w->side_number, &w->staged, why)) {
        store_fail(st, "staging a snapshot failed: %s", why);
        return false;
    }
    zk_buf_reset(&w->staged_members);
    zk_buf_append_slice(&w->staged_members, op->bytes);
    w->staged_checkpoint = (struct checkpoint){.zxid = op->zxid, .hash = op->hash, .digest = op->digest};
    w->staged_hash = op->hash;
    return true;
}

static bool stage_rows(struct store *st, struct zk_slice rows)
{
    struct writer *w = st->w;
    struct zk_slice key, value;
    bool bad;
    while (storage_rows_next(&rows, &key, &value, &bad)) {
        if (key.len == 0 || key.ptr[0] < STORAGE_ROW_KEY_MIN || value.ptr == NULL) {
            bad = true;
            break;
        }
        rocks_put(w->batch, w->staged->tree, key, value);
        w->bytes += key.len + value.len;
    }
    if (bad)
        store_fail(st, "a snapshot's rows are malformed");
    return !bad;
}

static void stage_group(struct writer *w, const struct storage_op *op)
{
    put_group(w, w->staged, op->first_zxid, op->bytes);
    w->staged_hash = op->hash;
}

static bool apply_live(struct store *st, const struct storage_op *op)
{
    struct writer *w = st->w;
    if (op->zxid < w->next.commit) {
        store_fail(st, "a snapshot ends at 0x%" PRIx64 ", but 0x%" PRIx64
                   " is committed: committed data is lost elsewhere", op->zxid, w->next.commit);
        return false;
    }
    struct zk_buf row = {0};
    w->staged_checkpoint.members = zk_buf_slice(&w->staged_members);
    checkpoint_encode(&w->staged_checkpoint, &row);
    rocks_put(w->batch, w->staged->tree, zk_slice_str(STORE_ROW_CHECKPOINT), zk_buf_slice(&row));
    zk_buf_fini(&row);
    w->next.live = w->staged->number;
    w->next.base_zxid = w->staged_checkpoint.zxid;
    w->next.base_hash = w->staged_checkpoint.hash;
    w->next.last_zxid = op->zxid;
    w->next.last_hash = w->staged_hash;
    w->next.commit = zk_max_u64(w->next.commit, zk_max_u64(op->commit, w->staged_checkpoint.zxid));
    /* Two in one batch: the first never was live on disk. `side` is the store's own only before the first. */
    if (w->went_live)
        retire(w, w->side);
    w->side = w->staged;
    w->staged = NULL;
    w->went_live = w->heal = w->sync_mark = true;
    lower_mark(w, 0, 0);
    w->checkpoint_ended = false;
    w->purge_zxid = 0;
    store_job(st, store_job_new(JOB_CHECKPOINT_DROP));
    return true;
}

static void drop_stage(struct writer *w)
{
    retire(w, w->staged);
    w->staged = NULL;
}

/* --- checkpoints: the reader writes them, the writer says when they may be taken in --- */

static void hand_checkpoint(struct store *st, enum job_kind kind, const struct storage_op *op)
{
    struct job *job = store_job_new(kind);
    job->zxid = op->zxid;
    job->hash = op->hash;
    job->digest = op->digest;
    job->side = rocks_side_share(st->w->side);
    zk_buf_append_slice(&job->bytes, op->bytes);
    store_job(st, job);
}

/* The reader works through its jobs in order: a snapshot that goes live behind this drops the old side only later. */
static void hand_evidence(struct store *st, const struct storage_op *op)
{
    struct job *job = store_job_new(JOB_KEEP);
    zk_buf_append_slice(&job->bytes, op->bytes);
    store_job(st, job);
}

static bool apply_op(struct store *st, const struct storage_op *op)
{
    struct writer *w = st->w;
    switch (op->kind) {
    case STORAGE_APPEND:
        apply_append(w, op);
        return true;
    case STORAGE_TRUNC:
        return apply_trunc(st, op);
    case STORAGE_PROMISE:
        w->next.promised = zk_max_u64(w->next.promised, op->epoch);
        w->sync_mark = true;
        return true;
    case STORAGE_COMMIT:
        w->next.commit = zk_max_u64(w->next.commit, op->zxid);
        return true;
    case STORAGE_WITNESS:
        put_witness(st, &op->witness);
        return true;
    case STORAGE_SYNC_MARK:
        w->sync_mark = true;
        return true;
    case STORAGE_RENAME:
        w->next.incarnation = op->witness.incarnation;
        w->sync_mark = true;
        return true;
    case STORAGE_SNAP_BEGIN:
        return begin_stage(st, op);
    case STORAGE_SNAP_ROWS:
        return stage_rows(st, op->bytes);
    case STORAGE_SNAP_GROUP:
        stage_group(w, op);
        return true;
    case STORAGE_SNAP_LIVE:
        return apply_live(st, op);
    case STORAGE_SNAP_DROP:
        drop_stage(w);
        return true;
    case STORAGE_KEEP:
        hand_evidence(st, op);
        return true;
    case STORAGE_CHECKPOINT_BEGIN:
        w->checkpoint_zxid = op->zxid;
        hand_checkpoint(st, JOB_CHECKPOINT_BEGIN, op);
        return true;
    case STORAGE_CHECKPOINT_ROWS:
        hand_checkpoint(st, JOB_CHECKPOINT_ROWS, op);
        return true;
    case STORAGE_CHECKPOINT_END:
        w->checkpoint_ended = true;
        return true;
    case STORAGE_PURGE:
        w->purge_zxid = zk_max_u64(w->purge_zxid, op->zxid);
        return true;
    }
    return true;
}

/* --- purging --- */

/* Neither what no checkpoint covers nor what an open snapshot needs behind it. */
static uint64_t purge_limit(struct store *st)
{
    pthread_mutex_lock(&st->lock);
    uint64_t zxid = zk_min_u64(st->w->purge_zxid, st->checkpoint_zxid);
    for (size_t i = 0; i < STORE_SNAPS_MAX; i++)
        if (st->snaps[i].used)
            zxid = zk_min_u64(zxid, st->snaps[i].zxid);
    st->purge_poke = false;
    pthread_mutex_unlock(&st->lock);
    return zxid;
}

/* The end of the last whole group at or before zxid. False: none above the base, or trouble (then failed). */
static bool find_base(struct store *st, uint64_t zxid, uint64_t *ret_zxid, uint64_t *ret_hash)
{
    struct writer *w = st->w;
    char why[ROCKS_WHY_BYTES];
    uint64_t first = zxid + 1, last = 0, hash = 0;
    struct store_key key;
    bool found = false;
    struct rocks_iter *it = rocks_iter_new(st->db, w->side->log);
    do { /* twice at most: the group that holds zxid may go on behind it */
        store_key_set(&key, first - 1);
        if (!rocks_seek_for_prev(it, store_key_slice(&key)) || store_key_get(rocks_key(it)) <= w->n.base_zxid)
            break;
        if (!group_check(rocks_value(it), &first, &last, &hash)) {
            store_fail(st, "the log's group at 0x%" PRIx64 " is malformed", store_key_get(rocks_key(it)));
            break;
        }
        found = last <= zxid;
    } while (!found);
    if (rocks_iter_trouble(it, why) != ROCKS_FINE)
        store_fail(st, "reading the log failed: %s", why);
    rocks_iter_free(it);
    *ret_zxid = last;
    *ret_hash = hash;
    return found;
}

static void purge(struct store *st)
{
    struct writer *w = st->w;
    uint64_t limit = purge_limit(st), zxid, hash;
    w->purged_zxid = 0;
    if (w->went_live || limit <= w->n.base_zxid || !find_base(st, limit, &zxid, &hash))
        return;
    struct store_key from, to;
    store_key_set(&from, 0);
    store_key_set(&to, zxid + 1);
    rocks_delete_range(w->batch, w->side->log, store_key_slice(&from), store_key_slice(&to));
    w->next.base_zxid = w->purged_zxid = zxid;
    w->next.base_hash = hash;
}

/* --- one batch --- */

static bool write_mark(struct store *st, bool sync, const char *what)
{
    char why[ROCKS_WHY_BYTES];
    if (files_write_mark(&st->files, &st->w->mark, sync, why, sizeof why))
        return true;
    store_fail(st, "%s: %s", what, why);
    return false;
}

static bool write_lowered_mark(struct store *st)
{
    struct writer *w = st->w;
    if (!w->lower_mark)
        return true;
    w->mark.number++;
    w->mark.last_zxid = w->lower_zxid;
    w->mark.last_hash = w->lower_hash;
    return write_mark(st, true, "lowering the ack mark failed");
}

static bool write_raised_mark(struct store *st)
{
    struct writer *w = st->w;
    w->mark.number++;
    w->mark.incarnation = w->n.incarnation;
    w->mark.promised = w->n.promised;
    w->mark.last_zxid = w->n.last_zxid;
    w->mark.last_hash = w->n.last_hash;
    return write_mark(st, w->sync_mark, "writing the ack mark failed");
}

static void add_numbers(struct store *st)
{
    struct writer *w = st->w;
    struct zk_buf row = {0};
    numbers_encode(&w->next, &row);
    rocks_put(w->batch, rocks_meta(st->db), zk_slice_str(STORE_ROW_NUMBERS), zk_buf_slice(&row));
    zk_buf_fini(&row);
    if (w->heal && w->damaged)
        rocks_delete(w->batch, rocks_meta(st->db), zk_slice_str(STORE_ROW_DAMAGE));
}

static uint64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static bool write_batch(struct store *st, uint64_t *ret_took_us)
{
    struct writer *w = st->w;
    char why[ROCKS_WHY_BYTES];
    uint64_t began = now_us();
    bool ok = rocks_write(st->db, w->batch, why);
    *ret_took_us = now_us() - began;
    if (!ok)
        store_fail(st, "writing the log failed: %s", why);
    w->n = w->next;
    w->damaged = w->damaged && !w->heal;
    return ok;
}

/* What the others see, and the report: the batch is on the disk and marked. */
static void publish(struct store *st, size_t op_count, uint64_t took_us)
{
    struct writer *w = st->w;
    struct rocks_side *old = NULL;
    struct report_node *report = op_count > 0 ? store_report_new(STORAGE_DURABLE) : NULL;
    w->done += op_count;
    if (report != NULL)
        report->r.seq = w->done;
    pthread_mutex_lock(&st->lock);
    if (w->went_live) {
        old = st->live;
        st->live = w->side;
        st->checkpoint_zxid = w->n.base_zxid;
    }
    st->base_zxid = w->n.base_zxid;
    st->queued_ops -= op_count;
    st->stats.batches++;
    st->stats.ops += op_count;
    st->stats.bytes += w->bytes;
    st->stats.sync_us += took_us;
    st->stats.sync_max_us = zk_max_u64(st->stats.sync_max_us, took_us);
    pthread_mutex_unlock(&st->lock);
    retire(w, old);
    if (report != NULL)
        store_report(st, report);
}

/* What follows from the batch and is the reader's work. */
static void hand_on(struct store *st)
{
    struct writer *w = st->w;
    if (w->checkpoint_ended && w->checkpoint_zxid <= zk_min_u64(w->n.commit, w->n.last_zxid)) {
        w->checkpoint_ended = false;
        hand_checkpoint(st, JOB_CHECKPOINT_INGEST, &(struct storage_op){.zxid = w->checkpoint_zxid});
    }
    if (w->purged_zxid != 0) {
        struct job *job = store_job_new(JOB_DROP_FILES);
        job->zxid = w->purged_zxid;
        job->side = rocks_side_share(w->side);
        store_job(st, job);
    }
    for (size_t i = 0; i < w->retired_count; i++) {
        struct job *job = store_job_new(JOB_DROP_SIDE);
        job->side = w->retired[i];
        store_job(st, job);
    }
    w->retired_count = 0;
}

static void begin_batch(struct store *st)
{
    struct writer *w = st->w;
    rocks_batch_clear(w->batch);
    clear_puts(w);
    w->next = w->n;
    w->side = st->live; /* only the writer changes it */
    w->went_live = w->heal = w->sync_mark = w->lower_mark = false;
    w->bytes = 0;
}

static void do_batch(struct store *st, const struct submit *submits)
{
    struct writer *w = st->w;
    size_t op_count = 0;
    begin_batch(st);
    for (const struct submit *s = submits; s != NULL; s = s->next) {
        for (size_t i = 0; i < s->count; i++)
            if (!apply_op(st, &s->ops[i]))
                return;
        op_count += s->count;
    }
    purge(st);
    if (store_has_failed(st) || (op_count == 0 && w->purged_zxid == 0))
        return;
    add_numbers(st);
    uint64_t took_us;
    if (!write_lowered_mark(st) || !write_batch(st, &took_us) || !write_raised_mark(st))
        return;
    publish(st, op_count, took_us);
    hand_on(st);
}

/* --- the thread --- */

static void free_submits(struct submit *s)
{
    while (s != NULL) {
        struct submit *next = s->next;
        free(s);
        s = next;
    }
}

/* Under lock: the front of the queue, as much as fits one batch. */
static struct submit *take_submits(struct store *st)
{
    struct submit *taken = st->submits, **end = &taken;
    size_t bytes = 0;
    while (*end != NULL && (bytes == 0 || bytes + (*end)->bytes <= STORE_BATCH_BYTES_MAX)) {
        bytes += (*end)->bytes + sizeof **end;
        end = &(*end)->next;
    }
    st->submits = *end;
    *end = NULL;
    if (st->submits == NULL)
        st->submits_end = &st->submits;
    st->urgent = false;
    for (const struct submit *s = st->submits; s != NULL && !st->urgent; s = s->next)
        st->urgent = !s->lazy;
    return taken;
}

/* Under lock: until there is something urgent, or STORAGE_LAZY_MS have passed. */
static void doze(struct store *st)
{
    struct timespec deadline = store_after(STORAGE_LAZY_MS);
    st->dozes = true;
    while (!st->urgent && !st->purge_poke && !st->stop_writer)
        if (pthread_cond_timedwait(&st->writer_wake, &st->lock, &deadline) != 0)
            break;
    st->dozes = false;
}

static bool has_work(const struct store *st)
{
    return st->submits != NULL || st->purge_poke || st->stop_writer;
}

/* Under lock: until there is something to write; what is not urgent waits a little for company. Each write is followed
 * by a commit point, which is not: so the writer looks by itself once more after a batch and need not be woken for
 * that. */
static void wait_for_work(struct store *st)
{
    doze(st);
    if (has_work(st))
        return;
    while (!has_work(st))
        pthread_cond_wait(&st->writer_wake, &st->lock);
    doze(st);
}

void *writer_run(void *store)
{
    struct store *st = store;
    pthread_mutex_lock(&st->lock);
    while (!st->stop_writer || st->submits != NULL) {
        wait_for_work(st);
        struct submit *submits = take_submits(st);
        bool failed = st->failed;
        pthread_mutex_unlock(&st->lock);
        if (!failed)
            do_batch(st, submits);
        free_submits(submits);
        pthread_mutex_lock(&st->lock);
    }
    bool failed = st->failed;
    pthread_mutex_unlock(&st->lock);
    if (!failed) {
        st->w->mark.number++;
        write_mark(st, true, "syncing the ack mark failed");
    }
    return NULL;
}
