/* rocks.h: the little of RocksDB that the store needs. rocks.c is the only file that includes its header.
 *
 * Every call that can fail returns false with the error's text in `why` (ROCKS_WHY_BYTES). No call is ever repeated
 * after a failed write: nobody knows what is on the disk.
 */
#pragma once
#include "common/buf.h"

#define ROCKS_WHY_BYTES 512

struct rocksdb_column_family_handle_t;
struct rocks;
struct rocks_batch;
struct rocks_iter;
struct rocks_sst;

/* A tree with its log, in two column families "tree.<number>" and "log.<number>". One is live; another is there while
 * a snapshot is staged. Counted: readers may still hold a side that was dropped. */
struct rocks_side {
    uint64_t number;
    struct rocksdb_column_family_handle_t *tree;
    struct rocksdb_column_family_handle_t *log;
    int refs; /* atomic */
};

enum rocks_trouble {
    ROCKS_FINE,
    ROCKS_CORRUPT, /* the database says that it is damaged, or files are missing */
    ROCKS_ERROR,   /* anything else: no access, no space, no file descriptors... */
};

/* Opens (makes, if `create`) the database in dir with its log in wal_dir. */
enum rocks_trouble rocks_open(const char *dir, const char *wal_dir, bool create, struct rocks **ret_db, char *why);
void rocks_close(struct rocks *db);
/* A write failed. Nothing of it may be closed or released then: the process is about to end, and a RocksDB that was
 * built with assertions, as Debian's is, aborts when it is taken apart in that state. */
bool rocks_is_broken(const struct rocks *db);

struct rocksdb_column_family_handle_t *rocks_meta(struct rocks *db);
/* The side that opening found under `number`; NULL if there is none. The caller holds a count. */
struct rocks_side *rocks_find_side(struct rocks *db, uint64_t number);
bool rocks_new_side(struct rocks *db, uint64_t number, struct rocks_side **ret_side, char *why);
struct rocks_side *rocks_side_share(struct rocks_side *side);
void rocks_side_release(struct rocks_side *side);
/* Takes it out of the database; who holds it may read on. Releases the caller's count. */
bool rocks_drop_side(struct rocks *db, struct rocks_side *side, char *why);
/* Drops all sides but `live` that opening found. */
bool rocks_drop_others(struct rocks *db, uint64_t live, char *why);

struct rocks_batch *rocks_batch_new(void);
void rocks_batch_free(struct rocks_batch *batch);
void rocks_batch_clear(struct rocks_batch *batch);
void rocks_put(struct rocks_batch *batch, struct rocksdb_column_family_handle_t *cf, struct zk_slice key,
               struct zk_slice value);
void rocks_delete(struct rocks_batch *batch, struct rocksdb_column_family_handle_t *cf, struct zk_slice key);
/* Keys from `from` up to but without `to`. */
void rocks_delete_range(struct rocks_batch *batch, struct rocksdb_column_family_handle_t *cf, struct zk_slice from,
                        struct zk_slice to);
/* The only write there is: all or nothing, and synced when it returns true. */
ZK_MUST_CHECK bool rocks_write(struct rocks *db, struct rocks_batch *batch, char *why);

/* A consistent picture of one column family as it is now; checksums are verified. */
struct rocks_iter *rocks_iter_new(struct rocks *db, struct rocksdb_column_family_handle_t *cf);
void rocks_iter_free(struct rocks_iter *it);
/* Each returns whether there is a row; false also on errors: look at rocks_iter_trouble. */
bool rocks_seek(struct rocks_iter *it, struct zk_slice key);          /* the first at or after key */
bool rocks_seek_for_prev(struct rocks_iter *it, struct zk_slice key); /* the last at or before key */
bool rocks_next(struct rocks_iter *it);
struct zk_slice rocks_key(const struct rocks_iter *it); /* valid until the iterator moves */
struct zk_slice rocks_value(const struct rocks_iter *it);
enum rocks_trouble rocks_iter_trouble(const struct rocks_iter *it, char *why);

/* A sorted file of rows, written beside the database and then taken into it as a whole. */
bool rocks_sst_new(struct rocks *db, const char *path, struct rocks_sst **ret_sst, char *why);
bool rocks_sst_put(struct rocks_sst *sst, struct zk_slice key, struct zk_slice value, char *why); /* absent: delete */
bool rocks_sst_finish(struct rocks_sst *sst, char *why);
void rocks_sst_free(struct rocks_sst *sst); /* leaves the file */
bool rocks_ingest(struct rocks *db, struct rocksdb_column_family_handle_t *cf, const char *path, char *why);

/* The whole database as it is now, as one of its own in directory `dir`, which must not be there. Files are shared
 * where the file system can. */
bool rocks_copy(struct rocks *db, const char *dir, char *why);

/* Drops files that hold nothing but keys up to `to`; what is left in others must be deleted too. */
bool rocks_drop_files(struct rocks *db, struct rocksdb_column_family_handle_t *cf, struct zk_slice to, char *why);
/* Errors that background work ran into; any is fatal. */
uint64_t rocks_background_errors(struct rocks *db);
