/* The reader: everything that may take long and must not hold up the writer: reading the log, streaming a snapshot,
 * writing checkpoints and taking them in, dropping files, looking at free space. One job after the other. */
#include "common/jute.h"
#include "common/log.h"
#include "server/store/impl.h"
#include "server/zab/group.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static struct rocks_side *share_live(struct store *st)
{
    pthread_mutex_lock(&st->lock);
    struct rocks_side *side = rocks_side_share(st->live);
    pthread_mutex_unlock(&st->lock);
    return side;
}

/* --- the log --- */

/* Puts the iterator on the group that holds the entry after `after_zxid`. False: the log does not hold after_zxid.
 * *ret_row: there is such a group, and not just the tail. */
static bool find_after(struct rocks_iter *it, uint64_t base_zxid, uint64_t after_zxid, bool *ret_row)
{
    struct store_key key;
    if (after_zxid == base_zxid) {
        store_key_set(&key, base_zxid + 1);
        *ret_row = rocks_seek(it, store_key_slice(&key));
        return true;
    }
    store_key_set(&key, after_zxid);
    if (after_zxid < base_zxid || !rocks_seek_for_prev(it, store_key_slice(&key)) ||
        store_key_get(rocks_key(it)) <= base_zxid)
        return false;
    struct group g;
    struct entry e = {0};
    bool held = false;
    if (!group_open(rocks_value(it), &g))
        return false;
    while (group_next(&g, &e))
        held |= e.zxid == after_zxid;
    *ret_row = e.zxid > after_zxid || rocks_next(it);
    return held;
}

static void pack_groups(struct rocks_iter *it, size_t max_bytes, struct report_node *report)
{
    bool row = true;
    while (row && (report->r.group_count == 0 || report->bytes.len < max_bytes)) {
        if (report->r.group_count++ == 0)
            report->r.zxid = store_key_get(rocks_key(it));
        zk_jute_put_buffer(&report->bytes, rocks_value(it));
        row = rocks_next(it);
    }
}

static void read_log(struct store *st, const struct job *job)
{
    struct report_node *report = store_report_new(STORAGE_LOG);
    report->r.token = job->token;
    struct rocks_side *side = share_live(st);
    struct rocks_iter *it = rocks_iter_new(st->db, side->log);
    /* The base after the iterator: what is purged meanwhile may be missing from it, and is then below this. */
    pthread_mutex_lock(&st->lock);
    uint64_t base_zxid = st->base_zxid;
    bool stale = st->live != side;
    pthread_mutex_unlock(&st->lock);
    bool row = false;
    char why[ROCKS_WHY_BYTES];
    report->r.gone = stale || !find_after(it, base_zxid, job->zxid, &row);
    if (!report->r.gone && row)
        pack_groups(it, job->max_bytes, report);
    if (rocks_iter_trouble(it, why) != ROCKS_FINE)
        store_fail(st, "reading the log failed: %s", why);
    rocks_iter_free(it);
    rocks_side_release(side);
    store_report(st, report);
}

/* --- snapshots sent --- */

static struct snap *find_snap(struct store *st, uint64_t token)
{
    for (size_t i = 0; i < STORE_SNAPS_MAX; i++)
        if (st->snaps[i].used && st->snaps[i].token == token)
            return &st->snaps[i];
    return NULL;
}

static struct snap *free_snap(struct store *st)
{
    for (size_t i = 0; i < STORE_SNAPS_MAX; i++)
        if (!st->snaps[i].used)
            return &st->snaps[i];
    return NULL;
}

/* The iterator is the snapshot: it keeps showing what was there when it was made. */
static bool begin_snap(struct store *st, struct snap *snap, struct report_node *report)
{
    struct checkpoint c;
    char why[ROCKS_WHY_BYTES];
    const uint8_t first = STORAGE_ROW_KEY_MIN;
    snap->side = share_live(st);
    snap->it = rocks_iter_new(st->db, snap->side->tree);
    bool found = rocks_seek(snap->it, zk_slice_str(STORE_ROW_CHECKPOINT)) &&
                 zk_slice_eq(rocks_key(snap->it), zk_slice_str(STORE_ROW_CHECKPOINT)) &&
                 checkpoint_decode(rocks_value(snap->it), &c) == ROW_GOOD;
    if (found) {
        report->r.zxid = c.zxid;
        report->r.hash = c.hash;
        report->r.digest = c.digest;
        zk_buf_append_slice(&report->bytes, c.members);
        snap->at_row = rocks_seek(snap->it, zk_slice(&first, 1));
    }
    if (rocks_iter_trouble(snap->it, why) != ROCKS_FINE)
        store_fail(st, "reading the tree failed: %s", why);
    return found;
}

static void end_snap(struct store *st, struct snap *snap)
{
    rocks_iter_free(snap->it);
    rocks_side_release(snap->side);
    pthread_mutex_lock(&st->lock);
    *snap = (struct snap){0};
    pthread_mutex_unlock(&st->lock);
}

static void snap_open(struct store *st, const struct job *job)
{
    struct report_node *report = store_report_new(STORAGE_SNAP_OPENED);
    struct snap *snap = free_snap(st);
    report->r.token = job->token;
    report->r.gone = snap == NULL || !begin_snap(st, snap, report);
    if (!report->r.gone) {
        pthread_mutex_lock(&st->lock);
        snap->used = true;
        snap->token = job->token;
        snap->zxid = report->r.zxid;
        pthread_mutex_unlock(&st->lock);
    } else if (snap != NULL) {
        end_snap(st, snap);
    }
    store_report(st, report);
}

static void snap_read(struct store *st, const struct job *job)
{
    struct report_node *report = store_report_new(STORAGE_SNAP_CHUNK);
    struct snap *snap = find_snap(st, job->token);
    char why[ROCKS_WHY_BYTES];
    report->r.token = job->token;
    report->r.gone = snap == NULL;
    while (snap != NULL && snap->at_row && (report->bytes.len == 0 || report->bytes.len < job->max_bytes)) {
        storage_rows_put(&report->bytes, rocks_key(snap->it), rocks_value(snap->it));
        snap->at_row = rocks_next(snap->it);
    }
    report->r.last = snap != NULL && !snap->at_row;
    if (snap != NULL && rocks_iter_trouble(snap->it, why) != ROCKS_FINE)
        store_fail(st, "reading the tree failed: %s", why);
    store_report(st, report);
}

static void snap_close(struct store *st, const struct job *job)
{
    struct snap *snap = find_snap(st, job->token);
    if (snap == NULL)
        return;
    end_snap(st, snap);
    pthread_mutex_lock(&st->lock);
    st->purge_poke = true;
    pthread_cond_signal(&st->writer_wake);
    pthread_mutex_unlock(&st->lock);
}

/* --- checkpoints --- */

static void sst_path(const struct store *st, char path[FILES_PATH_MAX])
{
    snprintf(path, FILES_PATH_MAX, "%.*s/checkpoint.sst", FILES_PATH_MAX - 32, st->files.in);
}

static void checkpoint_drop(struct store *st)
{
    char path[FILES_PATH_MAX];
    if (st->sst == NULL)
        return;
    rocks_sst_free(st->sst);
    st->sst = NULL;
    rocks_side_release(st->sst_side);
    st->sst_side = NULL;
    sst_path(st, path);
    if (unlink(path) != 0 && errno != ENOENT)
        store_fail(st, "cannot remove %s: %s", path, strerror(errno));
}

static void checkpoint_begin(struct store *st, const struct job *job)
{
    char path[FILES_PATH_MAX], why[ROCKS_WHY_BYTES];
    struct zk_buf row = {0};
    checkpoint_drop(st);
    sst_path(st, path);
    st->sst_side = rocks_side_share(job->side);
    st->sst_checkpoint = (struct checkpoint){.zxid = job->zxid, .hash = job->hash, .digest = job->digest};
    struct checkpoint c = st->sst_checkpoint;
    c.members = zk_buf_slice(&job->bytes);
    checkpoint_encode(&c, &row);
    if (!rocks_sst_new(st->db, path, &st->sst, why)) {
        rocks_side_release(st->sst_side);
        st->sst_side = NULL;
        store_fail(st, "writing a checkpoint failed: %s", why);
    } else if (!rocks_sst_put(st->sst, zk_slice_str(STORE_ROW_CHECKPOINT), zk_buf_slice(&row), why)) {
        store_fail(st, "writing a checkpoint failed: %s", why);
    }
    zk_buf_fini(&row);
}

static void checkpoint_rows(struct store *st, const struct job *job)
{
    struct zk_slice rows = zk_buf_slice(&job->bytes), key, value;
    char why[ROCKS_WHY_BYTES] = "its rows are malformed";
    bool bad, ok = true;
    if (st->sst == NULL)
        return; /* a snapshot came between */
    while (ok && storage_rows_next(&rows, &key, &value, &bad))
        ok = key.len > 0 && key.ptr[0] >= STORAGE_ROW_KEY_MIN && rocks_sst_put(st->sst, key, value, why);
    if (!ok || bad)
        store_fail(st, "writing a checkpoint failed: %s", why);
}

static bool ingest(struct store *st, char *why)
{
    char path[FILES_PATH_MAX];
    sst_path(st, path);
    return rocks_sst_finish(st->sst, why) && rocks_ingest(st->db, st->sst_side->tree, path, why);
}

static void checkpoint_ingest(struct store *st, const struct job *job)
{
    char why[ROCKS_WHY_BYTES];
    if (st->sst == NULL || st->sst_checkpoint.zxid != job->zxid)
        return; /* a snapshot came between */
    if (!ingest(st, why)) {
        store_fail(st, "taking in a checkpoint failed: %s", why);
        return;
    }
    struct report_node *report = store_report_new(STORAGE_CHECKPOINTED);
    report->r.zxid = st->sst_checkpoint.zxid;
    report->r.hash = st->sst_checkpoint.hash;
    report->r.digest = st->sst_checkpoint.digest;
    pthread_mutex_lock(&st->lock);
    bool stale = st->live != st->sst_side;
    if (!stale)
        st->checkpoint_zxid = report->r.zxid;
    pthread_mutex_unlock(&st->lock);
    checkpoint_drop(st);
    if (stale)
        free(report);
    else
        store_report(st, report);
}

/* --- cleaning up, and what is looked at now and then --- */

/* What cannot be kept is no reason to stay broken. */
static void keep_evidence(struct store *st, const struct job *job)
{
    char name[FILES_NAME_MAX], path[FILES_PATH_MAX], why[ROCKS_WHY_BYTES];
    if (files_make_evidence(&st->files, zk_buf_slice(&job->bytes), name, path, why, sizeof why) &&
        rocks_copy(st->db, path, why))
        zk_log_warn("tree and log as they were are kept in %s/%s", st->files.data_dir, name);
    else
        zk_log_error("tree and log as they were are not kept: %s", why);
}

static void drop_side(struct store *st, struct job *job)
{
    char why[ROCKS_WHY_BYTES];
    if (!rocks_drop_side(st->db, job->side, why))
        store_fail(st, "dropping an old tree failed: %s", why);
    job->side = NULL;
}

static void drop_files(struct store *st, const struct job *job)
{
    char why[ROCKS_WHY_BYTES];
    struct store_key key;
    store_key_set(&key, job->zxid);
    if (!rocks_drop_files(st->db, job->side->log, store_key_slice(&key), why))
        store_fail(st, "dropping old files of the log failed: %s", why);
}

static void do_job(struct store *st, struct job *job)
{
    switch (job->kind) {
    case JOB_READ_LOG:
        read_log(st, job);
        break;
    case JOB_SNAP_OPEN:
        snap_open(st, job);
        break;
    case JOB_SNAP_READ:
        snap_read(st, job);
        break;
    case JOB_SNAP_CLOSE:
        snap_close(st, job);
        break;
    case JOB_CHECKPOINT_BEGIN:
        checkpoint_begin(st, job);
        break;
    case JOB_CHECKPOINT_ROWS:
        checkpoint_rows(st, job);
        break;
    case JOB_CHECKPOINT_INGEST:
        checkpoint_ingest(st, job);
        break;
    case JOB_CHECKPOINT_DROP:
        checkpoint_drop(st);
        break;
    case JOB_KEEP:
        keep_evidence(st, job);
        break;
    case JOB_DROP_SIDE:
        drop_side(st, job);
        break;
    case JOB_DROP_FILES:
        drop_files(st, job);
        break;
    }
}

static void look_around(struct store *st)
{
    struct report_node *report = store_report_new(STORAGE_FREE_SPACE);
    if (files_space(&st->files, &report->r.free_bytes, &report->r.total_bytes))
        store_report(st, report);
    else
        free(report);
    if (rocks_background_errors(st->db) != 0)
        store_fail(st, "the database failed in the background; its LOG in %s says why", st->files.db);
}

static bool is_past(struct timespec ts)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > ts.tv_sec || (now.tv_sec == ts.tv_sec && now.tv_nsec >= ts.tv_nsec);
}

/* Under lock: the next job, or NULL when it is time to look around or to stop. */
static struct job *next_job(struct store *st, struct timespec look)
{
    while (st->jobs == NULL && !st->stop_reader)
        if (pthread_cond_timedwait(&st->reader_wake, &st->lock, &look) != 0)
            break;
    struct job *job = st->jobs;
    if (job == NULL)
        return NULL;
    st->jobs = job->next;
    if (st->jobs == NULL)
        st->jobs_end = &st->jobs;
    return job;
}

void *reader_run(void *store)
{
    struct store *st = store;
    struct timespec look = store_after(0);
    pthread_mutex_lock(&st->lock);
    while (!st->stop_reader || st->jobs != NULL) {
        struct job *job = next_job(st, look);
        bool failed = st->failed;
        pthread_mutex_unlock(&st->lock);
        if (job != NULL && !failed)
            do_job(st, job);
        if (job != NULL)
            store_job_free(job);
        if (is_past(look)) {
            look_around(st);
            look = store_after(STORE_SPACE_MS);
        }
        pthread_mutex_lock(&st->lock);
    }
    pthread_mutex_unlock(&st->lock);
    return NULL;
}

void reader_fini(struct store *st)
{
    checkpoint_drop(st);
    for (size_t i = 0; i < STORE_SNAPS_MAX; i++) {
        if (!st->snaps[i].used)
            continue;
        rocks_iter_free(st->snaps[i].it);
        rocks_side_release(st->snaps[i].side);
    }
}
