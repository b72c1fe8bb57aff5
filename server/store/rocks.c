#include "server/store/rocks.h"
#include <inttypes.h>
#include <rocksdb/c.h>
#include <stdio.h>

#define META "meta"
#define LOG_MEMTABLE_BYTES (16u << 20)
#define META_MEMTABLE_BYTES (4u << 20)
#define TREE_MEMTABLE_BYTES (16u << 20)
#define WAL_BYTES_MAX (64u << 20)
#define BLOCK_CACHE_BYTES (4u << 20)
#define READAHEAD_BYTES (256u << 10)

struct rocks {
    rocksdb_t *db;
    int broken; /* atomic: a write failed */
    rocksdb_options_t *db_options;
    rocksdb_options_t *meta_options;
    rocksdb_options_t *tree_options;
    rocksdb_options_t *log_options;
    rocksdb_block_based_table_options_t *table_options;
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *write_options;
    rocksdb_readoptions_t *read_options;
    rocksdb_envoptions_t *env_options;
    rocksdb_ingestexternalfileoptions_t *ingest_options;
    rocksdb_column_family_handle_t *fallback; /* RocksDB insists on a family "default"; it stays empty */
    rocksdb_column_family_handle_t *meta;
    size_t side_count; /* as found by opening */
    struct rocks_side **sides;
};

struct rocks_batch {
    rocksdb_writebatch_t *batch;
};

struct rocks_iter {
    rocksdb_iterator_t *it;
};

struct rocks_sst {
    struct rocks *db;
    rocksdb_sstfilewriter_t *writer;
};

/* Takes RocksDB's error text; true if there was none. */
static bool fine(char *error, char *why)
{
    if (error == NULL)
        return true;
    if (strstr(error, "No space left on device") != NULL)
        snprintf(why, ROCKS_WHY_BYTES, "the disk is full: %s", error);
    else
        snprintf(why, ROCKS_WHY_BYTES, "%s", error);
    rocksdb_free(error);
    return false;
}

static bool written(struct rocks *db, char *error, char *why)
{
    if (error != NULL)
        __atomic_store_n(&db->broken, 1, __ATOMIC_RELEASE);
    return fine(error, why);
}

bool rocks_is_broken(const struct rocks *db)
{
    return __atomic_load_n(&db->broken, __ATOMIC_ACQUIRE);
}

static enum rocks_trouble judge(const char *error)
{
    static const char *const CORRUPT[] = {"Corruption", "No such file or directory", "create_if_missing is false",
                                          "Column family not found", "NotFound"};
    for (size_t i = 0; i < ZK_COUNT_OF(CORRUPT); i++)
        if (strstr(error, CORRUPT[i]) != NULL)
            return ROCKS_CORRUPT;
    return ROCKS_ERROR;
}

/* --- options: what is set here and why is in README.md --- */

static rocksdb_options_t *with_text(rocksdb_options_t *base, const char *text)
{
    rocksdb_options_t *options = rocksdb_options_create();
    char *error = NULL;
    rocksdb_get_options_from_string(base, text, options, &error);
    if (error != NULL) { /* a build of RocksDB that lacks one of them: never run with less than was asked for */
        fprintf(stderr, "rocksdb: %s\n", error);
        abort();
    }
    rocksdb_options_destroy(base);
    return options;
}

/* After ENOSPC RocksDB resumes by itself: it flushes one column family after the other, and with that drops from some,
 * and not yet from others, what the failed batch has left in the write-ahead log. Whoever ends in the midst of that
 * leaves half a batch. No option of 7.8 switches it off, but it is never done for a database in more than one place
 * (DBImpl::Open); so ours is in two, which are the same, and the second is never needed. */
static void forbid_resuming(rocksdb_options_t *o, const char *dir)
{
    rocksdb_dbpath_t *path = rocksdb_dbpath_create(dir, UINT64_MAX);
    const rocksdb_dbpath_t *twice[] = {path, path};
    rocksdb_options_set_db_paths(o, twice, ZK_COUNT_OF(twice));
    rocksdb_dbpath_destroy(path);
}

static rocksdb_options_t *make_db_options(const char *dir, const char *wal_dir, bool create)
{
    rocksdb_options_t *o = rocksdb_options_create();
    forbid_resuming(o, dir);
    rocksdb_options_set_create_if_missing(o, create);
    rocksdb_options_set_paranoid_checks(o, 1);
    rocksdb_options_set_wal_recovery_mode(o, rocksdb_tolerate_corrupted_tail_records_recovery);
    rocksdb_options_set_wal_dir(o, wal_dir);
    rocksdb_options_set_max_open_files(o, -1);
    rocksdb_options_set_max_background_jobs(o, 2);
    rocksdb_options_set_use_fsync(o, 0);
    rocksdb_options_set_bytes_per_sync(o, 1 << 20);
    rocksdb_options_set_avoid_unnecessary_blocking_io(o, 1);
    rocksdb_options_set_enable_pipelined_write(o, 0);
    rocksdb_options_set_allow_concurrent_memtable_write(o, 0);
    rocksdb_options_set_enable_write_thread_adaptive_yield(o, 0);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    rocksdb_options_set_max_total_wal_size(o, WAL_BYTES_MAX);
    rocksdb_options_set_keep_log_file_num(o, 4);
    rocksdb_options_set_max_log_file_size(o, 1 << 20);
    rocksdb_options_set_info_log_level(o, 2); /* warnings */
    return with_text(o, "track_and_verify_wals_in_manifest=true;max_bgerror_resume_count=0;"
                        "fail_if_options_file_error=true;wal_compression=kNoCompression");
}

static rocksdb_options_t *make_family_options(const struct rocks *db, size_t memtable_bytes)
{
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_write_buffer_size(o, memtable_bytes);
    rocksdb_options_set_max_write_buffer_number(o, 4);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    rocksdb_options_set_block_based_table_factory(o, db->table_options);
    return with_text(o, "memtable_protection_bytes_per_key=8;paranoid_file_checks=true;"
                        "force_consistency_checks=true;check_flush_compaction_key_order=true");
}

static void make_options(struct rocks *db, const char *dir, const char *wal_dir, bool create)
{
    db->cache = rocksdb_cache_create_lru(BLOCK_CACHE_BYTES);
    db->table_options = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(db->table_options, db->cache);
    rocksdb_block_based_options_set_block_size(db->table_options, 16 << 10);
    rocksdb_block_based_options_set_format_version(db->table_options, 5);
    db->db_options = make_db_options(dir, wal_dir, create);
    db->meta_options = make_family_options(db, META_MEMTABLE_BYTES);
    db->tree_options = make_family_options(db, TREE_MEMTABLE_BYTES);
    db->log_options = make_family_options(db, LOG_MEMTABLE_BYTES);
    rocksdb_options_set_level0_file_num_compaction_trigger(db->log_options, 8);
    rocksdb_options_set_level0_slowdown_writes_trigger(db->log_options, 40);
    rocksdb_options_set_level0_stop_writes_trigger(db->log_options, 60);
    db->write_options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(db->write_options, 1);
    db->read_options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(db->read_options, 1);
    rocksdb_readoptions_set_fill_cache(db->read_options, 0);
    rocksdb_readoptions_set_readahead_size(db->read_options, READAHEAD_BYTES);
    db->env_options = rocksdb_envoptions_create();
    db->ingest_options = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(db->ingest_options, 1);
    rocksdb_ingestexternalfileoptions_set_snapshot_consistency(db->ingest_options, 1);
    rocksdb_ingestexternalfileoptions_set_allow_global_seqno(db->ingest_options, 1);
    rocksdb_ingestexternalfileoptions_set_allow_blocking_flush(db->ingest_options, 1);
}

static void free_options(struct rocks *db)
{
    rocksdb_ingestexternalfileoptions_destroy(db->ingest_options);
    rocksdb_envoptions_destroy(db->env_options);
    rocksdb_readoptions_destroy(db->read_options);
    rocksdb_writeoptions_destroy(db->write_options);
    rocksdb_options_destroy(db->log_options);
    rocksdb_options_destroy(db->tree_options);
    rocksdb_options_destroy(db->meta_options);
    rocksdb_options_destroy(db->db_options);
    rocksdb_block_based_options_destroy(db->table_options);
    rocksdb_cache_destroy(db->cache);
}

/* --- opening --- */

/* "tree.7": 7; 0 if it is not a name of that kind. */
static uint64_t side_number(const char *name, const char *kind)
{
    size_t len = strlen(kind);
    return strncmp(name, kind, len) == 0 && name[len] == '.' ? strtoull(name + len + 1, NULL, 10) : 0;
}

static struct rocks_side *side_of(struct rocks *db, uint64_t number)
{
    for (size_t i = 0; i < db->side_count; i++)
        if (db->sides[i]->number == number)
            return db->sides[i];
    struct rocks_side *side = zk_calloc(1, sizeof *side);
    side->number = number;
    side->refs = 1;
    db->sides = zk_realloc(db->sides, (db->side_count + 1) * sizeof *db->sides);
    db->sides[db->side_count++] = side;
    return side;
}

static void adopt_handle(struct rocks *db, const char *name, rocksdb_column_family_handle_t *handle)
{
    if (strcmp(name, META) == 0)
        db->meta = handle;
    else if (side_number(name, "tree") != 0)
        side_of(db, side_number(name, "tree"))->tree = handle;
    else if (side_number(name, "log") != 0)
        side_of(db, side_number(name, "log"))->log = handle;
    else
        db->fallback = handle;
}

static const rocksdb_options_t *options_of(const struct rocks *db, const char *name)
{
    if (side_number(name, "log") != 0)
        return db->log_options;
    return side_number(name, "tree") != 0 ? db->tree_options : db->meta_options;
}

static bool open_families(struct rocks *db, const char *dir, char **names, size_t count, char *why)
{
    const rocksdb_options_t **options = zk_calloc(count, sizeof *options);
    rocksdb_column_family_handle_t **handles = zk_calloc(count, sizeof *handles);
    char *error = NULL;
    for (size_t i = 0; i < count; i++)
        options[i] = options_of(db, names[i]);
    db->db = rocksdb_open_column_families(db->db_options, dir, (int)count, (const char *const *)names, options,
                                          handles, &error);
    bool ok = fine(error, why);
    for (size_t i = 0; ok && i < count; i++)
        adopt_handle(db, names[i], handles[i]);
    free(handles);
    free(options);
    return ok;
}

/* A new database has "default" alone; an interrupted making may have left it so. */
static bool add_meta(struct rocks *db, char *why)
{
    char *error = NULL;
    db->meta = rocksdb_create_column_family(db->db, db->meta_options, META, &error);
    return written(db, error, why);
}

static bool open_all(struct rocks *db, const char *dir, bool create, char *why)
{
    char *error = NULL;
    size_t count = 0;
    char **names = rocksdb_list_column_families(db->db_options, dir, &count, &error);
    bool listed = error == NULL;
    bool nothing = !listed && judge(error) == ROCKS_CORRUPT;
    bool ok = fine(error, why) && open_families(db, dir, names, count, why);
    rocksdb_list_column_families_destroy(names, listed ? count : 0);
    if (nothing && create) {
        error = NULL;
        db->db = rocksdb_open(db->db_options, dir, &error);
        ok = fine(error, why);
    }
    if (ok && db->meta == NULL && create)
        return add_meta(db, why);
    if (ok && db->meta == NULL)
        snprintf(why, ROCKS_WHY_BYTES, "Corruption: its family of numbers is missing");
    return ok && db->meta != NULL;
}

enum rocks_trouble rocks_open(const char *dir, const char *wal_dir, bool create, struct rocks **ret_db, char *why)
{
    struct rocks *db = zk_calloc(1, sizeof *db);
    make_options(db, dir, wal_dir, create);
    if (!open_all(db, dir, create, why)) {
        rocks_close(db);
        return judge(why);
    }
    *ret_db = db;
    return ROCKS_FINE;
}

void rocks_close(struct rocks *db)
{
    if (rocks_is_broken(db))
        return;
    for (size_t i = 0; i < db->side_count; i++)
        rocks_side_release(db->sides[i]);
    free(db->sides);
    if (db->meta != NULL)
        rocksdb_column_family_handle_destroy(db->meta);
    if (db->fallback != NULL)
        rocksdb_column_family_handle_destroy(db->fallback);
    if (db->db != NULL)
        rocksdb_close(db->db);
    free_options(db);
    free(db);
}

struct rocksdb_column_family_handle_t *rocks_meta(struct rocks *db)
{
    return db->meta;
}

/* --- sides --- */

struct rocks_side *rocks_find_side(struct rocks *db, uint64_t number)
{
    for (size_t i = 0; i < db->side_count; i++)
        if (db->sides[i]->number == number && db->sides[i]->tree != NULL && db->sides[i]->log != NULL)
            return rocks_side_share(db->sides[i]);
    return NULL;
}

static rocksdb_column_family_handle_t *new_family(struct rocks *db, const char *kind, uint64_t number, char *why)
{
    char name[32];
    char *error = NULL;
    snprintf(name, sizeof name, "%s.%" PRIu64, kind, number);
    rocksdb_column_family_handle_t *handle =
        rocksdb_create_column_family(db->db, options_of(db, name), name, &error);
    return written(db, error, why) ? handle : NULL;
}

bool rocks_new_side(struct rocks *db, uint64_t number, struct rocks_side **ret_side, char *why)
{
    struct rocks_side *side = zk_calloc(1, sizeof *side);
    side->number = number;
    side->refs = 1;
    side->tree = new_family(db, "tree", number, why);
    if (side->tree != NULL)
        side->log = new_family(db, "log", number, why);
    if (side->log == NULL) {
        rocks_side_release(side);
        return false;
    }
    *ret_side = side;
    return true;
}

struct rocks_side *rocks_side_share(struct rocks_side *side)
{
    __atomic_add_fetch(&side->refs, 1, __ATOMIC_RELAXED);
    return side;
}

void rocks_side_release(struct rocks_side *side)
{
    if (side == NULL || __atomic_sub_fetch(&side->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (side->tree != NULL)
        rocksdb_column_family_handle_destroy(side->tree);
    if (side->log != NULL)
        rocksdb_column_family_handle_destroy(side->log);
    free(side);
}

static bool drop_family(struct rocks *db, rocksdb_column_family_handle_t *handle, char *why)
{
    char *error = NULL;
    if (handle != NULL)
        rocksdb_drop_column_family(db->db, handle, &error);
    return written(db, error, why);
}

bool rocks_drop_side(struct rocks *db, struct rocks_side *side, char *why)
{
    bool ok = drop_family(db, side->tree, why) && drop_family(db, side->log, why);
    rocks_side_release(side);
    return ok;
}

bool rocks_drop_others(struct rocks *db, uint64_t live, char *why)
{
    bool ok = true;
    for (size_t i = 0; i < db->side_count; i++) {
        if (db->sides[i]->number == live)
            rocks_side_release(db->sides[i]);
        else
            ok = rocks_drop_side(db, db->sides[i], why) && ok;
    }
    db->side_count = 0;
    return ok;
}

/* --- writing --- */

struct rocks_batch *rocks_batch_new(void)
{
    struct rocks_batch *batch = zk_alloc(sizeof *batch);
    batch->batch = rocksdb_writebatch_create();
    return batch;
}

void rocks_batch_free(struct rocks_batch *batch)
{
    rocksdb_writebatch_destroy(batch->batch);
    free(batch);
}

void rocks_batch_clear(struct rocks_batch *batch)
{
    rocksdb_writebatch_clear(batch->batch);
}

void rocks_put(struct rocks_batch *batch, struct rocksdb_column_family_handle_t *cf, struct zk_slice key,
               struct zk_slice value)
{
    rocksdb_writebatch_put_cf(batch->batch, cf, (const char *)key.ptr, key.len, (const char *)value.ptr, value.len);
}

void rocks_delete(struct rocks_batch *batch, struct rocksdb_column_family_handle_t *cf, struct zk_slice key)
{
    rocksdb_writebatch_delete_cf(batch->batch, cf, (const char *)key.ptr, key.len);
}

void rocks_delete_range(struct rocks_batch *batch, struct rocksdb_column_family_handle_t *cf, struct zk_slice from,
                        struct zk_slice to)
{
    rocksdb_writebatch_delete_range_cf(batch->batch, cf, (const char *)from.ptr, from.len, (const char *)to.ptr,
                                       to.len);
}

bool rocks_write(struct rocks *db, struct rocks_batch *batch, char *why)
{
    char *error = NULL;
    rocksdb_write(db->db, db->write_options, batch->batch, &error);
    return written(db, error, why);
}

/* --- reading --- */

struct rocks_iter *rocks_iter_new(struct rocks *db, struct rocksdb_column_family_handle_t *cf)
{
    struct rocks_iter *it = zk_alloc(sizeof *it);
    it->it = rocksdb_create_iterator_cf(db->db, db->read_options, cf);
    return it;
}

void rocks_iter_free(struct rocks_iter *it)
{
    if (it == NULL)
        return;
    rocksdb_iter_destroy(it->it);
    free(it);
}

bool rocks_seek(struct rocks_iter *it, struct zk_slice key)
{
    rocksdb_iter_seek(it->it, (const char *)key.ptr, key.len);
    return rocksdb_iter_valid(it->it);
}

bool rocks_seek_for_prev(struct rocks_iter *it, struct zk_slice key)
{
    rocksdb_iter_seek_for_prev(it->it, (const char *)key.ptr, key.len);
    return rocksdb_iter_valid(it->it);
}

bool rocks_next(struct rocks_iter *it)
{
    rocksdb_iter_next(it->it);
    return rocksdb_iter_valid(it->it);
}

struct zk_slice rocks_key(const struct rocks_iter *it)
{
    size_t len;
    const char *ptr = rocksdb_iter_key(it->it, &len);
    return zk_slice(ptr, len);
}

struct zk_slice rocks_value(const struct rocks_iter *it)
{
    size_t len;
    const char *ptr = rocksdb_iter_value(it->it, &len);
    return zk_slice(ptr ? ptr : "", len); /* an empty row is not an absent one */
}

enum rocks_trouble rocks_iter_trouble(const struct rocks_iter *it, char *why)
{
    char *error = NULL;
    rocksdb_iter_get_error(it->it, &error);
    return fine(error, why) ? ROCKS_FINE : judge(why);
}

/* --- sorted files --- */

bool rocks_sst_new(struct rocks *db, const char *path, struct rocks_sst **ret_sst, char *why)
{
    struct rocks_sst *sst = zk_alloc(sizeof *sst);
    char *error = NULL;
    sst->db = db;
    sst->writer = rocksdb_sstfilewriter_create(db->env_options, db->tree_options);
    rocksdb_sstfilewriter_open(sst->writer, path, &error);
    if (!written(db, error, why)) {
        rocks_sst_free(sst);
        return false;
    }
    *ret_sst = sst;
    return true;
}

bool rocks_sst_put(struct rocks_sst *sst, struct zk_slice key, struct zk_slice value, char *why)
{
    char *error = NULL;
    if (value.ptr != NULL)
        rocksdb_sstfilewriter_put(sst->writer, (const char *)key.ptr, key.len, (const char *)value.ptr, value.len,
                                  &error);
    else
        rocksdb_sstfilewriter_delete(sst->writer, (const char *)key.ptr, key.len, &error);
    return written(sst->db, error, why);
}

bool rocks_sst_finish(struct rocks_sst *sst, char *why)
{
    char *error = NULL;
    rocksdb_sstfilewriter_finish(sst->writer, &error);
    return written(sst->db, error, why);
}

void rocks_sst_free(struct rocks_sst *sst)
{
    if (!rocks_is_broken(sst->db))
        rocksdb_sstfilewriter_destroy(sst->writer);
    free(sst);
}

bool rocks_ingest(struct rocks *db, struct rocksdb_column_family_handle_t *cf, const char *path, char *why)
{
    char *error = NULL;
    rocksdb_ingest_external_file_cf(db->db, cf, &path, 1, db->ingest_options, &error);
    return written(db, error, why);
}

bool rocks_copy(struct rocks *db, const char *dir, char *why)
{
    char *error = NULL;
    rocksdb_checkpoint_t *copy = rocksdb_checkpoint_object_create(db->db, &error);
    if (error == NULL)
        rocksdb_checkpoint_create(copy, dir, 0, &error);
    if (copy != NULL)
        rocksdb_checkpoint_object_destroy(copy);
    return fine(error, why);
}

bool rocks_drop_files(struct rocks *db, struct rocksdb_column_family_handle_t *cf, struct zk_slice to, char *why)
{
    char *error = NULL;
    rocksdb_delete_file_in_range_cf(db->db, cf, "", 0, (const char *)to.ptr, to.len, &error);
    return written(db, error, why);
}

uint64_t rocks_background_errors(struct rocks *db)
{
    uint64_t count = 0;
    if (rocksdb_property_int(db->db, "rocksdb.background-errors", &count) != 0 || count == 0)
        return 0;
    __atomic_store_n(&db->broken, 1, __ATOMIC_RELEASE);
    return count;
}
