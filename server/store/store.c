/* The store's face: what the core's thread does. */
#include "common/log.h"
#include "server/store/impl.h"
#include "server/zab/group.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --- between the threads --- */

struct report_node *store_report_new(enum storage_report_kind kind)
{
    struct report_node *report = zk_calloc(1, sizeof *report);
    report->r.kind = kind;
    return report;
}

/* Under lock. */
static void add_report(struct store *st, struct report_node *report)
{
    bool first = st->reports == NULL;
    *st->reports_end = report;
    st->reports_end = &report->next;
    if (first)
        eventfd_write(st->notify_fd, 1);
}

void store_report(struct store *st, struct report_node *report)
{
    pthread_mutex_lock(&st->lock);
    add_report(st, report);
    pthread_mutex_unlock(&st->lock);
}

void store_fail(struct store *st, const char *format, ...)
{
    struct report_node *report = store_report_new(STORAGE_FAILED);
    int len = snprintf(report->r.why, sizeof report->r.why, "%s: ", st->files.home);
    size_t used = zk_min_u64((uint64_t)len, sizeof report->r.why / 2);
    va_list args;
    va_start(args, format);
    vsnprintf(report->r.why + used, sizeof report->r.why - used, format, args);
    va_end(args);
    pthread_mutex_lock(&st->lock);
    bool again = st->failed; /* the first failure is the one that tells */
    st->failed = true;
    if (!again)
        add_report(st, report);
    pthread_mutex_unlock(&st->lock);
    if (again)
        free(report);
}

bool store_has_failed(struct store *st)
{
    pthread_mutex_lock(&st->lock);
    bool failed = st->failed;
    pthread_mutex_unlock(&st->lock);
    return failed;
}

struct job *store_job_new(enum job_kind kind)
{
    struct job *job = zk_calloc(1, sizeof *job);
    job->kind = kind;
    return job;
}

void store_job(struct store *st, struct job *job)
{
    pthread_mutex_lock(&st->lock);
    *st->jobs_end = job;
    st->jobs_end = &job->next;
    pthread_cond_signal(&st->reader_wake);
    pthread_mutex_unlock(&st->lock);
}

void store_job_free(struct job *job)
{
    rocks_side_release(job->side);
    zk_buf_fini(&job->bytes);
    free(job);
}

struct timespec store_after(uint32_t ms)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_nsec += (long)(ms % 1000) * 1000000;
    ts.tv_sec += ms / 1000 + ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    return ts;
}

/* --- storage_ops --- */

static const struct storage_image *op_image(void *store)
{
    return &((struct store *)store)->image;
}

static int op_each_row(void *store, storage_row_fn *fn, void *arg)
{
    struct store *st = store;
    const uint8_t first = STORAGE_ROW_KEY_MIN;
    char why[ROCKS_WHY_BYTES];
    int result = 0;
    struct rocks_iter *it = rocks_iter_new(st->db, st->live->tree);
    for (bool row = rocks_seek(it, zk_slice(&first, 1)); row && result == 0; row = rocks_next(it))
        result = fn(arg, rocks_key(it), rocks_value(it));
    if (result == 0 && rocks_iter_trouble(it, why) != ROCKS_FINE)
        result = -1;
    rocks_iter_free(it);
    return result;
}

static int op_each_group(void *store, uint64_t after_zxid, storage_group_fn *fn, void *arg)
{
    struct store *st = store;
    char why[ROCKS_WHY_BYTES];
    int result = 0;
    struct rocks_iter *it = rocks_iter_new(st->db, st->live->log);
    struct store_key key;
    /* The group that holds the entry after it begins at or before it, or is the next one. */
    store_key_set(&key, after_zxid);
    bool row = rocks_seek_for_prev(it, store_key_slice(&key));
    if (!row || store_key_get(rocks_key(it)) <= st->image.base_zxid) {
        store_key_set(&key, st->image.base_zxid + 1);
        row = rocks_seek(it, store_key_slice(&key));
    }
    for (; row && result == 0; row = rocks_next(it)) {
        uint64_t first, last, hash;
        if (!group_check(rocks_value(it), &first, &last, &hash))
            result = -1;
        else if (last > after_zxid)
            result = fn(arg, rocks_value(it));
    }
    if (result == 0 && rocks_iter_trouble(it, why) != ROCKS_FINE)
        result = -1;
    rocks_iter_free(it);
    return result;
}

static struct submit *copy_ops(const struct storage_op *ops, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += ops[i].bytes.len;
    struct submit *s = zk_alloc(sizeof *s + count * sizeof *ops + bytes);
    *s = (struct submit){.count = count, .bytes = bytes, .lazy = true};
    uint8_t *at = (uint8_t *)(s->ops + count);
    for (size_t i = 0; i < count; i++) {
        s->ops[i] = ops[i];
        s->lazy = s->lazy && storage_op_is_lazy(&ops[i]);
        if (ops[i].bytes.len == 0)
            continue;
        memcpy(at, ops[i].bytes.ptr, ops[i].bytes.len);
        s->ops[i].bytes.ptr = at;
        at += ops[i].bytes.len;
    }
    return s;
}

static uint64_t op_submit(void *store, const struct storage_op *ops, size_t count)
{
    struct store *st = store;
    if (count == 0)
        return st->submitted;
    for (size_t i = 0; i < count; i++)
        storage_order_check(&st->order, &ops[i]);
    struct submit *s = copy_ops(ops, count);
    pthread_mutex_lock(&st->lock);
    bool wake = s->lazy ? st->submits == NULL && !st->dozes : !st->urgent;
    *st->submits_end = s;
    st->submits_end = &s->next;
    st->queued_ops += count;
    st->urgent = st->urgent || !s->lazy;
    pthread_mutex_unlock(&st->lock);
    if (wake) /* without the lock, which is the first thing that the writer wants */
        pthread_cond_signal(&st->writer_wake);
    st->submitted += count;
    return st->submitted;
}

static void ask(struct store *st, enum job_kind kind, uint64_t token, uint64_t zxid, size_t max_bytes)
{
    struct job *job = store_job_new(kind);
    job->token = token;
    job->zxid = zxid;
    job->max_bytes = zk_min_u64(max_bytes, STORE_READ_BYTES_MAX);
    store_job(st, job);
}

static void op_read_log(void *store, uint64_t token, uint64_t after_zxid, size_t max_bytes)
{
    ask(store, JOB_READ_LOG, token, after_zxid, max_bytes);
}

static void op_snap_open(void *store, uint64_t token)
{
    ask(store, JOB_SNAP_OPEN, token, 0, 0);
}

static void op_snap_read(void *store, uint64_t token, size_t max_bytes)
{
    ask(store, JOB_SNAP_READ, token, 0, max_bytes);
}

static void op_snap_close(void *store, uint64_t token)
{
    ask(store, JOB_SNAP_CLOSE, token, 0, 0);
}

static void free_report(struct report_node *report)
{
    if (report == NULL)
        return;
    zk_buf_fini(&report->bytes);
    free(report);
}

static bool op_poll(void *store, struct storage_report *ret_report)
{
    struct store *st = store;
    free_report(st->polled);
    pthread_mutex_lock(&st->lock);
    struct report_node *report = st->polled = st->reports;
    if (report != NULL) {
        st->reports = report->next;
        if (st->reports == NULL)
            st->reports_end = &st->reports;
    } else {
        eventfd_t count;
        eventfd_read(st->notify_fd, &count);
    }
    pthread_mutex_unlock(&st->lock);
    if (report == NULL)
        return false;
    *ret_report = report->r;
    ret_report->bytes = zk_buf_slice(&report->bytes);
    if (report->r.kind == STORAGE_CHECKPOINTED)
        storage_order_checkpointed(&st->order);
    return true;
}

static const struct storage_ops OPS = {
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

int store_notify_fd(const struct storage *storage)
{
    return ((const struct store *)storage->self)->notify_fd;
}

void store_get_stats(const struct storage *storage, struct store_stats *ret_stats)
{
    struct store *st = storage->self;
    pthread_mutex_lock(&st->lock);
    *ret_stats = st->stats;
    ret_stats->queued_ops = st->queued_ops;
    pthread_mutex_unlock(&st->lock);
}

/* --- opening and closing --- */

static bool start_threads(struct store *st, char *why, size_t size)
{
    storage_order_init(&st->order, &st->image);
    int error = pthread_create(&st->writer, NULL, writer_run, st);
    if (error == 0) {
        error = pthread_create(&st->reader, NULL, reader_run, st);
        if (error != 0) {
            st->stop_writer = true;
            pthread_cond_signal(&st->writer_wake);
            pthread_join(st->writer, NULL);
        }
    }
    if (error != 0)
        snprintf(why, size, "cannot start the store's threads: %s", strerror(error));
    return error == 0;
}

static struct store *new_store(void)
{
    struct store *st = zk_calloc(1, sizeof *st);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&st->lock, NULL);
    pthread_cond_init(&st->writer_wake, &attr);
    pthread_cond_init(&st->reader_wake, &attr);
    pthread_condattr_destroy(&attr);
    st->submits_end = &st->submits;
    st->reports_end = &st->reports;
    st->jobs_end = &st->jobs;
    st->notify_fd = -1;
    return st;
}

static void free_store(struct store *st)
{
    if (st->db != NULL && rocks_is_broken(st->db))
        return;
    while (st->submits != NULL) {
        struct submit *s = st->submits;
        st->submits = s->next;
        free(s);
    }
    while (st->reports != NULL) {
        struct report_node *report = st->reports;
        st->reports = report->next;
        free_report(report);
    }
    free_report(st->polled);
    while (st->jobs != NULL) {
        struct job *job = st->jobs;
        st->jobs = job->next;
        store_job_free(job);
    }
    reader_fini(st);
    writer_fini(st);
    rocks_side_release(st->live);
    if (st->db != NULL)
        rocks_close(st->db);
    storage_image_fini(&st->image);
    if (st->notify_fd >= 0)
        close(st->notify_fd);
    pthread_cond_destroy(&st->reader_wake);
    pthread_cond_destroy(&st->writer_wake);
    pthread_mutex_destroy(&st->lock);
    free(st);
}

bool store_open(const struct store_config *config, struct storage *ret_storage, char *why, size_t size)
{
    struct store *st = new_store();
    if (!files_open(&st->files, config->data_dir, config->wal_dir, why, size)) {
        free_store(st);
        return false;
    }
    /* The store's threads, and RocksDB's, take no signals: those are the daemon's. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    st->notify_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool ok = st->notify_fd >= 0;
    if (!ok)
        snprintf(why, size, "cannot make an eventfd: %s", strerror(errno));
    ok = ok && store_load(st, config->server_id, why, size) && start_threads(st, why, size);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!ok) {
        struct files files = st->files;
        free_store(st);
        files_close(&files);
        return false;
    }
    *ret_storage = (struct storage){&OPS, st};
    return true;
}

/* The writer first: what it still writes may give the reader work. */
static void stop_threads(struct store *st)
{
    pthread_mutex_lock(&st->lock);
    st->stop_writer = true;
    pthread_cond_signal(&st->writer_wake);
    pthread_mutex_unlock(&st->lock);
    pthread_join(st->writer, NULL);
    pthread_mutex_lock(&st->lock);
    st->stop_reader = true;
    pthread_cond_signal(&st->reader_wake);
    pthread_mutex_unlock(&st->lock);
    pthread_join(st->reader, NULL);
}

void store_close(struct storage *storage)
{
    struct store *st = storage->self;
    stop_threads(st);
    struct files files = st->files;
    free_store(st);
    files_close(&files);
    *storage = (struct storage){NULL, NULL};
}

bool store_quarantine(struct storage *storage, const char *reason, char *why, size_t size)
{
    struct store *st = storage->self;
    stop_threads(st);
    struct files files = st->files;
    free_store(st);
    *storage = (struct storage){NULL, NULL};
    char name[64];
    bool ok = files_put_aside(&files, name, sizeof name, why, size);
    if (ok)
        zk_log_error("%s was put aside as %s: %s", files.home, name, reason);
    files_close(&files);
    return ok;
}
