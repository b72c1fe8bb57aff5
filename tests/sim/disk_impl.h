/* disk_impl.h: inside the simulator's disk: what a process has open, and what disk.c asks of disk_run.c. */
#pragma once
#include "tests/sim/disk.h"
#include "tests/sim/disk_data.h"

#define UNDO_MAX 8 /* batches that disk_lose_tail can take back */

struct pending {
    struct storage_op op; /* its bytes are `bytes` or the group's */
    struct disk_group *group;
    uint8_t *bytes;
    bool submit_end;
};

struct undo {
    struct disk_numbers n;
    size_t log_count;
    char damage[256];
    size_t witness_count;
    struct storage_witness witnesses[DISK_WITNESSES_MAX];
};

enum read_kind { READ_LOG, READ_SNAP_OPEN, READ_SNAP, READ_SNAP_CLOSE };

struct read {
    enum read_kind kind;
    uint64_t token;
    uint64_t after_zxid;
    size_t max_bytes;
    uint64_t due_ms;
};

struct snap {
    uint64_t token;
    struct disk_tree *tree;
    size_t next;
};

struct report {
    struct storage_report r;
    struct zk_buf bytes;
};

/* Everything that a crash takes. */
struct process {
    struct storage_image image;
    struct storage_order order;
    uint64_t submitted; /* number of the last operation */
    uint64_t done;
    size_t pending_count, pending_cap;
    struct pending *pending;
    size_t working; /* how many of them the disk is at; 0: none */
    uint64_t done_ms;
    uint64_t lazy_ms; /* when the first of what waits was submitted */
    bool failed;
    struct disk_tree *staged_tree; /* NULL: nothing staged */
    struct disk_log staged_log;
    uint64_t staged_last_hash;
    struct disk_tree *checkpoint; /* rows of the one under way; NULL: none */
    bool checkpoint_ended;
    uint64_t checkpoint_due_ms; /* 0: not begun */
    uint64_t purge_zxid;
    size_t read_count, read_cap;
    struct read *reads;
    size_t snap_count, snap_cap;
    struct snap *snaps;
    size_t report_head, report_count, report_cap;
    struct report *reports;
    struct zk_buf polled; /* bytes of the report given last */
    uint64_t space_ms;
};

struct disk {
    struct zk_rng rng;
    uint64_t now_ms;
    bool open;
    struct process p;
    struct disk_data data;
    bool has_mark;
    struct mark mark;        /* as the page cache has it */
    struct mark synced_mark; /* as the disk has it */
    size_t undo_count;
    struct undo undo[UNDO_MAX]; /* the oldest first */
    uint32_t latency_min_ms, latency_max_ms;
    uint64_t capacity;
    bool fail_next, fail_keeps;
    struct disk_counts counts;
};

/* disk_run.c: a disk that is open */
extern const struct storage_ops DISK_OPS;
bool disk_chance(struct disk *d); /* one in two */
void disk_report_space(struct disk *d);
void disk_write_mark(struct disk *d, bool sync);
/* Before the log is shortened to `zxid`: a crash between this and the batch must not find a mark above the log. */
void disk_lower_mark(struct disk *d, uint64_t zxid, uint64_t hash);
/* The first `count` of what waits become true, all together. *ret_sync: the mark must be synced with them. */
bool disk_apply_batch(struct disk *d, size_t count, bool *ret_sync);
void disk_drop_pending(struct process *p, size_t count);
void disk_drop_stage(struct process *p);
void disk_drop_checkpoint(struct process *p);
bool disk_checkpoint_ready(const struct disk *d);
void disk_ingest_checkpoint(struct disk *d);
