/* impl.h: inside the store: who owns what of it, and what its parts do for each other.
 *
 * Three threads. The core's thread submits, asks and polls. The writer makes batches, the reader does everything that
 * may take long. What they share is under `lock` and small: three lists and the view. RocksDB is thread-safe.
 */
#pragma once
#include "server/store/files.h"
#include "server/store/rocks.h"
#include "server/store/store.h"
#include <pthread.h>
#include <time.h>

#define STORE_FORMAT 2 /* 1 was that of builds whose entries had other results */
#define STORE_BATCH_BYTES_MAX (8u << 20) /* where the writer stops adding submits to a batch */
#define STORE_READ_BYTES_MAX (8u << 20)  /* most bytes of one answer, but for a single group or row */
#define STORE_SNAPS_MAX 64               /* snapshots open at a time */
#define STORE_SPACE_MS 1000              /* how often free space is looked at */
#define STORE_KEY_BYTES 8

/* Rows of the family "meta", and the store's own row of a tree. */
#define STORE_ROW_FORMAT "format"
#define STORE_ROW_NUMBERS "numbers"
#define STORE_ROW_DAMAGE "damage"
#define STORE_ROW_WITNESS "witness" /* and u64 server id, u64 incarnation; formerly without the latter */
#define STORE_ROW_CHECKPOINT "\x01"

/* What every batch carries: one row. */
struct numbers {
    uint64_t incarnation;
    uint64_t start_count;
    uint64_t promised;
    uint64_t commit;
    uint64_t base_zxid;
    uint64_t base_hash;
    uint64_t last_zxid;
    uint64_t last_hash;
    uint64_t live; /* the side */
};

struct checkpoint {
    uint64_t zxid;
    uint64_t hash;
    uint64_t digest;
    struct zk_slice members;
};

/* --- lists between the threads: singly linked, first in, first out --- */

/* One storage_submit: its operations, followed by their bytes, in one piece. */
struct submit {
    struct submit *next;
    size_t count;
    size_t bytes;
    bool lazy;
    struct storage_op ops[];
};

struct report_node {
    struct report_node *next;
    struct storage_report r;
    struct zk_buf bytes;
};

enum job_kind {
    JOB_READ_LOG,
    JOB_SNAP_OPEN,
    JOB_SNAP_READ,
    JOB_SNAP_CLOSE,
    JOB_CHECKPOINT_BEGIN,
    JOB_CHECKPOINT_ROWS,
    JOB_CHECKPOINT_INGEST,
    JOB_CHECKPOINT_DROP,
    JOB_KEEP,
    JOB_DROP_SIDE,
    JOB_DROP_FILES,
};

struct job {
    struct job *next;
    enum job_kind kind;
    uint64_t token;
    uint64_t zxid; /* where to read after; how far to drop; a checkpoint's */
    uint64_t hash;
    uint64_t digest;
    size_t max_bytes;
    struct rocks_side *side; /* counted */
    struct zk_buf bytes;
};

struct snap {
    bool used;
    uint64_t token;
    uint64_t zxid;
    struct rocks_side *side;
    struct rocks_iter *it; /* at the next row to send */
    bool at_row;
};

struct store {
    /* Fixed while it is open. */
    struct files files;
    struct rocks *db;
    struct storage_image image;
    int notify_fd;
    pthread_t writer;
    pthread_t reader;

    /* The core's thread. */
    struct storage_order order;
    uint64_t submitted;
    struct report_node *polled;

    pthread_mutex_t lock;
    pthread_cond_t writer_wake;
    pthread_cond_t reader_wake;
    /* Under lock. */
    bool stop_writer;
    bool stop_reader;
    bool failed;
    struct submit *submits, **submits_end;
    uint64_t queued_ops;
    bool urgent;
    bool dozes;      /* the writer looks by itself within STORAGE_LAZY_MS */
    bool purge_poke; /* a snapshot was closed: what PURGE waited for may go on */
    struct report_node *reports, **reports_end;
    struct job *jobs, **jobs_end;
    struct rocks_side *live; /* counted */
    uint64_t base_zxid;      /* durable view, for readers */
    uint64_t checkpoint_zxid;
    struct snap snaps[STORE_SNAPS_MAX]; /* token, zxid and used; the rest is the reader's */
    struct store_stats stats;

    /* The writer's. */
    struct writer *w;
    /* The reader's. */
    struct rocks_sst *sst;
    struct checkpoint sst_checkpoint; /* members are not kept */
    struct rocks_side *sst_side;
};

/* store.c */
struct report_node *store_report_new(enum storage_report_kind kind);
void store_report(struct store *st, struct report_node *report); /* adopts */
ZK_PRINTF(2, 3) void store_fail(struct store *st, const char *format, ...);
bool store_has_failed(struct store *st);
struct job *store_job_new(enum job_kind kind);
void store_job(struct store *st, struct job *job); /* adopts */
void store_job_free(struct job *job);

struct timespec store_after(uint32_t ms); /* a moment for pthread_cond_timedwait */

/* rows.c: what the store's own rows look like */
struct store_key {
    uint8_t bytes[STORE_KEY_BYTES];
};
void store_key_set(struct store_key *key, uint64_t zxid);
static inline struct zk_slice store_key_slice(const struct store_key *key)
{
    return zk_slice(key->bytes, sizeof key->bytes);
}
uint64_t store_key_get(struct zk_slice key); /* 0: not a key of the log */
enum row_read { ROW_GOOD, ROW_BAD, ROW_OLDER, ROW_NEWER };
void format_encode(uint64_t server_id, struct zk_buf *out);
enum row_read format_decode(struct zk_slice row, uint64_t *ret_server_id);
void numbers_encode(const struct numbers *n, struct zk_buf *out);
enum row_read numbers_decode(struct zk_slice row, struct numbers *ret_n);
void checkpoint_encode(const struct checkpoint *c, struct zk_buf *out);
enum row_read checkpoint_decode(struct zk_slice row, struct checkpoint *ret_c); /* members borrow `row` */
void witness_key(const struct storage_witness *w, struct zk_buf *out);
void witness_write(struct rocks *db, struct rocks_batch *batch, const struct storage_witness *w);
enum row_read witness_decode(struct zk_slice row, struct storage_witness *ret_w);
/* The row `key` of a family, appended to `out`: 1 found, 0 absent, -1 trouble. */
int store_row_get(struct rocks *db, struct rocksdb_column_family_handle_t *cf, struct zk_slice key, struct zk_buf *out,
                  char *why);

/* writer.c */
void writer_init(struct store *st, const struct numbers *n, const struct mark *mark, bool damaged);
void writer_fini(struct store *st);
void *writer_run(void *store);

/* reader.c */
void *reader_run(void *store);
void reader_fini(struct store *st);

/* open.c: finds out what there is, makes or puts aside, verifies; fills files, db, image, live, view and writer. */
bool store_load(struct store *st, uint64_t server_id, char *why, size_t size);
