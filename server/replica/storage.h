/* storage.h: what a replica asks of a disk. The store (RocksDB) and the simulator's disk both implement it and pass
 * the same conformance suite.
 *
 * WHY HERE    The one seam under the pure core. The replica hands over operations in order, each numbered; the store
 *             makes everything queued since its last write one atomic, synced batch (group commit) and says up to
 *             which number the disk is true. What may be said to others only then waits for that number.
 * ORDER       batch synced, ack mark written (synced where an operation asks for it), completion reported. Before a
 *             TRUNC the lowered mark is synced first. Batches become durable in order: a crash leaves a prefix of the
 *             operations, never a hole. Operations of one storage_submit are one batch or part of one: never torn.
 * FAILURE     Any failed write or sync is fatal to the replica (storage_report.failed): nobody can know what is on the
 *             disk. There is no retry.
 * DAMAGE      A store that opens DAMAGED says so at every opening, until something learnt from a leader (an APPEND or a
 *             SNAP_LIVE) is durable; from then on its new incarnation tells the story. So a damaged server that is
 *             restarted is never taken for a blank one.
 * THREADS     All calls come from the core's thread; completions come back through storage_ops.poll's reports, which
 *             the driver asks for when the store has signalled it.
 */
#pragma once
#include "common/buf.h"

/* --- what opening found --- */

/* One epoch of the log: its last entry. The summary that a follower shows its leader. */
struct storage_epoch {
    uint64_t last_zxid;
    uint64_t last_hash;
};

/* What this server has seen others acknowledge and promise: proof against a disk that comes back older (a stranger).
 * One for each incarnation of a server that is remembered. */
#define STORAGE_WITNESSES_PER_SERVER_MAX 4
struct storage_witness {
    uint64_t server;
    uint64_t incarnation;
    uint64_t zxid;
    uint64_t promised;
    uint64_t start_count;
};

enum storage_verdict {
    STORAGE_BLANK,   /* nothing there: a new store was made, with a new random incarnation */
    STORAGE_SOUND,   /* all checks hold */
    STORAGE_DAMAGED, /* opens, but behind its ack mark, or a part was quarantined: a stranger. The store has already
                        given itself a new incarnation; `why` says what was found */
};

struct storage_image {
    enum storage_verdict verdict;
    char why[256];
    uint64_t incarnation;
    uint64_t start_count; /* times this store was opened, this one included */
    uint64_t promised;
    uint64_t commit;      /* commit point durably known; never above `last_zxid` */
    uint64_t base_zxid;   /* the log holds the entries after this one; 0 with hash 0: from the beginning */
    uint64_t base_hash;
    uint64_t last_zxid;   /* 0: no entry */
    uint64_t last_hash;
    size_t epoch_count;   /* of the retained log, ascending; includes base_zxid's epoch by (base_zxid, base_hash) */
    struct storage_epoch *epochs;
    size_t witness_count; /* as storage_witness_put leaves them */
    struct storage_witness *witnesses;
    uint64_t checkpoint_zxid; /* the tree rows are the state exactly here; 0: no checkpoint yet */
    uint64_t checkpoint_hash;
    uint64_t checkpoint_digest;
    struct zk_slice checkpoint_members; /* opaque: zab's membership at the checkpoint */
};

/* --- operations --- */

enum storage_op_kind {
    STORAGE_APPEND = 1,  /* a group: bytes, first zxid, last zxid, last hash; must chain to the tail */
    STORAGE_TRUNC,       /* drop every entry after `zxid` (whose hash is `hash`), inside a group too. Below the commit
                            point known to the store: STORAGE_FAILED, for that is proof of lost data */
    STORAGE_PROMISE,     /* promised = `epoch`; the mark is synced */
    STORAGE_COMMIT,      /* entries up to `zxid` are known to be committed; rides with the next batch, alone it may wait */
    STORAGE_WITNESS,     /* remember `witness` in place of the one of the same server and incarnation
                            (storage_witness_put); alone it may wait like COMMIT */
    STORAGE_SYNC_MARK,   /* sync the mark with this batch (before NEWLEADER's acknowledgement) */
    STORAGE_RENAME,      /* this store is incarnation `witness.incarnation` from now on: others remember more of it than
                            it holds (a disk that was rolled back or copied). The mark is synced */
    STORAGE_SNAP_BEGIN,  /* a snapshot comes: stage it (what was staged before is dropped). zxid, hash, digest, bytes =
                            membership */
    STORAGE_SNAP_ROWS,   /* bytes = packed rows (storage_rows_*), in key order */
    STORAGE_SNAP_GROUP,  /* a group of the log after the snapshot, staged too; fields as APPEND's */
    STORAGE_SNAP_LIVE,   /* one batch: rows and staged groups replace tree and log; `zxid` = tail, commit = `commit`. The
                            snapshot is the new checkpoint and the new base. Below the commit point: STORAGE_FAILED.
                            A checkpoint under way is forgotten: no CHECKPOINTED comes for it */
    STORAGE_SNAP_DROP,   /* forget what is staged */
    STORAGE_KEEP,        /* evidence: copy tree and log as they are now to where nobody uses them; bytes = why, a
                            sentence. DURABLE does not wait for it, and a failure is only logged */
    STORAGE_CHECKPOINT_BEGIN, /* rows of the state as of zxid, hash, digest, bytes = membership. One at a time: not
                                 between an END and its CHECKPOINTED; a BEGIN without END before is forgotten */
    STORAGE_CHECKPOINT_ROWS,  /* bytes = packed rows, in key order */
    STORAGE_CHECKPOINT_END,   /* ingest atomically, once the log is durable up to its zxid and so is commit >= zxid.
                                 DURABLE does not wait for that: CHECKPOINTED says when it is in place */
    STORAGE_PURGE,       /* entries up to `zxid` are not needed any more (never above the last finished checkpoint).
                            Whole groups only, so what stays may begin a little below */
};

/* How long an operation that may wait for company waits at most: COMMIT, WITNESS, PURGE, CHECKPOINT_*. */
#define STORAGE_LAZY_MS 50

struct storage_op {
    enum storage_op_kind kind;
    uint64_t first_zxid; /* of a group */
    uint64_t zxid;
    uint64_t hash;
    uint64_t epoch;
    uint64_t commit;
    uint64_t digest;
    struct zk_slice bytes; /* borrowed for the call: the store copies what it keeps */
    struct storage_witness witness;
};

/* --- reports --- */

enum storage_report_kind {
    STORAGE_DURABLE,      /* everything up to and including operation number `seq` is on the disk */
    STORAGE_LOG,          /* answer to read_log */
    STORAGE_SNAP_OPENED,  /* answer to snap_open */
    STORAGE_SNAP_CHUNK,   /* answer to snap_read: bytes = packed rows; `last` with the final one */
    STORAGE_CHECKPOINTED, /* the checkpoint of `zxid` is in place */
    STORAGE_FREE_SPACE,   /* bytes free and in all where the store lives, now and then */
    STORAGE_FAILED,       /* fatal; `why` says what and where */
};

struct storage_report {
    enum storage_report_kind kind;
    uint64_t seq;
    uint64_t token;
    uint64_t zxid;   /* SNAP_OPENED, CHECKPOINTED; LOG: of the first group */
    uint64_t hash;
    uint64_t digest;
    bool gone;       /* LOG: the entry after which to read is no longer (or not) in the log; SNAP_OPENED: there is no
                        checkpoint; SNAP_CHUNK: no such snapshot is open */
    bool last;
    uint64_t free_bytes;
    uint64_t total_bytes;
    uint32_t group_count;  /* LOG (0: at the tail): groups packed one behind the other in bytes, each after an int32 length */
    struct zk_slice bytes; /* valid until the next poll; SNAP_OPENED: membership */
    char why[256];
};

/* --- the interface --- */

typedef int storage_row_fn(void *arg, struct zk_slice key, struct zk_slice value);
typedef int storage_group_fn(void *arg, struct zk_slice group);

struct storage_ops {
    /* While starting, before any submit: what opening found (valid until closed, not kept up to date); the tree's rows
     * in key order; the log's groups that hold entries after `after_zxid`, in order. A callback's non-zero result stops
     * and is returned; -1: read error. */
    const struct storage_image *(*image)(void *store);
    int (*each_row)(void *store, storage_row_fn *fn, void *arg);
    int (*each_group)(void *store, uint64_t after_zxid, storage_group_fn *fn, void *arg);

    /* Queue operations; returns the number of the last one (they count 1, 2, 3... from opening). Never blocks. */
    uint64_t (*submit)(void *store, const struct storage_op *ops, size_t count);

    /* Read groups from the one that holds the entry after `after_zxid` on (whole, so its first entries may be older), up
     * to about max_bytes, at least one, out of what is durable. The answer carries `token`. */
    void (*read_log)(void *store, uint64_t token, uint64_t after_zxid, size_t max_bytes);

    /* A consistent picture of the last finished checkpoint's rows, streamed in key order. While it is open the log
     * after it stays (PURGE waits). */
    void (*snap_open)(void *store, uint64_t token);
    void (*snap_read)(void *store, uint64_t token, size_t max_bytes);
    void (*snap_close)(void *store, uint64_t token);

    /* The next report, or false. Its slices are valid until the next poll. */
    bool (*poll)(void *store, struct storage_report *ret_report);
};

struct storage {
    const struct storage_ops *ops;
    void *self;
};

/* --- what both stores share --- */

/* Keys below this byte are the store's own; the tree's rows have keys from here on. */
#define STORAGE_ROW_KEY_MIN 0x10

/* Packed rows: (int32 key length, key, int32 value length or -1, value)*, as jute buffers. */
void storage_rows_put(struct zk_buf *out, struct zk_slice key, struct zk_slice value);
/* The next row of `rows`, which is shortened by it; false at the end. Malformed: false with *ret_bad. */
bool storage_rows_next(struct zk_slice *rows, struct zk_slice *ret_key, struct zk_slice *ret_value, bool *ret_bad);

/* May wait for company, STORAGE_LAZY_MS at most. */
bool storage_op_is_lazy(const struct storage_op *op);

/* What a driver may ask for next. Both stores assert it at submit, where the mistake is still on the stack: appended
 * groups chain to the tail of everything submitted, a staged snapshot is staged in order, checkpoints do not overlap. */
struct storage_order {
    uint64_t last_zxid;
    uint64_t last_hash;
    bool staging;
    uint64_t staged_zxid;
    uint64_t staged_hash;
    bool checkpointing;   /* between BEGIN and END */
    bool checkpoint_ended; /* between END and CHECKPOINTED */
    uint64_t checkpoint_zxid;
};
void storage_order_init(struct storage_order *order, const struct storage_image *image);
void storage_order_check(struct storage_order *order, const struct storage_op *op);
/* The driver has been told CHECKPOINTED. */
void storage_order_checkpointed(struct storage_order *order);

/* An entry (or the base, first of all) in log order: keeps image->epochs, last_zxid and last_hash. */
void storage_image_add(struct storage_image *image, uint64_t zxid, uint64_t hash);
/* Puts w in its place among *count: by server, then by how much they vouch for (promised, zxid, start count), the
 * least first. What was there of that server and incarnation goes. Has the server more than its share, then the one that
 * vouches for the least goes too, but not w: true, and it is in *ret_dropped. `all` has room for one more. */
bool storage_witness_put(struct storage_witness *all, size_t *count, const struct storage_witness *w,
                         struct storage_witness *ret_dropped);
/* Frees what the image owns (epochs, witnesses, members) and clears it. */
void storage_image_fini(struct storage_image *image);
