/* store.h: the daemon's store: server/replica/storage.h on RocksDB.
 *
 * WHY HERE    The only folder that knows RocksDB, files and threads below the core. README.md tells the layout, the
 *             order of durability and what opening verifies.
 * WHERE       <data_dir>/zkd/ (mode 0700), its write-ahead log in <wal_dir>/zkd/ where that is another directory.
 * THREADS     Two of its own, signals blocked: the writer (one synced batch after the other) and the reader (log reads,
 *             snapshots, checkpoints). All calls come from one thread, the core's.
 */
#pragma once
#include "server/replica/storage.h"

struct store_config {
    const char *data_dir; /* zoo.cfg's dataDir; made if its parent exists */
    const char *wal_dir;  /* zoo.cfg's dataLogDir; NULL: data_dir */
    uint64_t server_id;   /* myid; recorded when the store is made */
};

/* Opens or makes the store and starts its threads. False with one sentence in `why`: it cannot be used, and nothing
 * was changed (in use, made by a newer zkd, another server's, Apache's files beside a blank store, no access...). What
 * is damaged opens, as storage.h's STORAGE_DAMAGED says; what cannot be read at all is put aside first, as
 * zkd.damaged-<time>, and never deleted. */
ZK_MUST_CHECK bool store_open(const struct store_config *config, struct storage *ret_storage, char *why, size_t size);

/* A clean stop: everything submitted is written, the mark synced. Open snapshots are closed. After STORAGE_FAILED: the
 * threads are stopped, but the database is left as it is until the process ends (rocks_is_broken says why). */
void store_close(struct storage *storage);

/* The tree's rows do not load (storage.h's each_row failed, or the digest is another): close, put the store aside and
 * remember why. Open again: it is then a blank, damaged one. False: it could not be renamed; `why` says so. */
ZK_MUST_CHECK bool store_quarantine(struct storage *storage, const char *reason, char *why, size_t size);

/* Are there snapshots or logs of Apache ZooKeeper's below this directory? Where is then in `dir`. */
bool store_finds_apache(const char *parent, char *dir, size_t size);

/* Becomes readable when poll has something to say; an eventfd that belongs to the store. */
int store_notify_fd(const struct storage *storage);

/* For metrics; since opening. */
struct store_stats {
    uint64_t batches;
    uint64_t ops;
    uint64_t bytes;       /* handed to the database */
    uint64_t sync_us;     /* spent in synced writes, in all */
    uint64_t sync_max_us; /* the longest */
    uint64_t queued_ops; /* now */
};
void store_get_stats(const struct storage *storage, struct store_stats *ret_stats);
