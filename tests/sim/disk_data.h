/* disk_data.h: what is on the simulator's disk: a log of groups, a tree of rows, a few numbers.
 *
 * Groups, rows and trees are never changed once made and are shared by count, so a copy of a disk, a snapshot being
 * streamed and the live tree cost a pointer each.
 */
#pragma once
#include "server/replica/storage.h"
#include "server/store/mark.h"

#define DISK_WITNESSES_MAX (32 * STORAGE_WITNESSES_PER_SERVER_MAX + 1)

struct disk_group {
    uint32_t refs;
    uint64_t first_zxid;
    uint64_t last_zxid;
    uint64_t last_hash;
    uint64_t prev_hash;
    size_t len;
    uint8_t bytes[];
};

struct disk_row {
    uint32_t refs;
    bool deleted; /* in a checkpoint: takes the row away */
    size_t key_len;
    size_t value_len;
    uint8_t bytes[]; /* key, value */
};

/* Rows in key order. */
struct disk_tree {
    uint32_t refs;
    size_t count;
    size_t cap;
    struct disk_row **rows;
    uint64_t zxid;
    uint64_t hash;
    uint64_t digest;
    struct zk_buf members;
    uint64_t bytes;
};

struct disk_log {
    size_t head;
    size_t count;
    size_t cap;
    struct disk_group **groups;
    uint64_t bytes;
};

/* Numbers that every batch carries. */
struct disk_numbers {
    uint64_t incarnation;
    uint64_t start_count;
    uint64_t promised;
    uint64_t commit;
    uint64_t base_zxid;
    uint64_t base_hash;
    uint64_t last_zxid;
    uint64_t last_hash;
};

struct disk_data {
    bool made;
    bool flipped; /* a checksum somewhere does not hold any more */
    struct disk_numbers n;
    char damage[256];
    size_t witness_count;
    struct storage_witness witnesses[DISK_WITNESSES_MAX];
    struct disk_log log;
    struct disk_tree *tree; /* NULL: no checkpoint */
};

struct disk_group *disk_group_new(struct zk_slice bytes, uint64_t first, uint64_t last, uint64_t hash);
void disk_group_drop(struct disk_group *g);

void disk_log_push(struct disk_log *log, struct disk_group *g); /* adopts */
void disk_log_pop(struct disk_log *log);
void disk_log_shift(struct disk_log *log);
void disk_log_clear(struct disk_log *log);
static inline struct disk_group *disk_log_at(const struct disk_log *log, size_t i)
{
    return log->groups[log->head + i];
}
/* Index of the last group that begins at or before zxid; `count` if there is none. */
size_t disk_log_find(const struct disk_log *log, uint64_t zxid);
/* The hash of the entry `zxid`; false if the log does not hold it. */
bool disk_log_hash(const struct disk_log *log, uint64_t zxid, uint64_t *ret_hash);

struct disk_tree *disk_tree_new(uint64_t zxid, uint64_t hash, uint64_t digest, struct zk_slice members);
/* Packed rows at its end, in key order. */
void disk_tree_add(struct disk_tree *tree, struct zk_slice packed);
/* `old` (may be NULL) with the rows of `change` laid over it. */
struct disk_tree *disk_tree_merge(const struct disk_tree *old, const struct disk_tree *change);
void disk_tree_drop(struct disk_tree *tree);

void disk_data_copy(struct disk_data *to, const struct disk_data *from);
void disk_data_clear(struct disk_data *data);
uint64_t disk_data_bytes(const struct disk_data *data);
/* Drops all entries after zxid, cutting a group if need be; false: no such entry with that hash. */
bool disk_data_trunc(struct disk_data *data, uint64_t zxid, uint64_t hash);
void disk_data_witness(struct disk_data *data, const struct storage_witness *w);
/* Drops whole groups up to zxid; true if there were any. */
bool disk_data_purge(struct disk_data *data, uint64_t zxid);
void disk_data_image(const struct disk_data *data, struct storage_image *ret_image);
