#include "tests/sim/disk_data.h"
#include "common/zxid.h"
#include "server/zab/group.h"

struct disk_group *disk_group_new(struct zk_slice bytes, uint64_t first, uint64_t last, uint64_t hash)
{
    struct group g;
    ZK_ASSERT(group_open(bytes, &g));
    struct disk_group *made = zk_alloc(sizeof *made + bytes.len);
    made->refs = 1;
    made->first_zxid = first;
    made->last_zxid = last;
    made->last_hash = hash;
    made->prev_hash = g.prev_hash;
    made->len = bytes.len;
    memcpy(made->bytes, bytes.ptr, bytes.len);
    return made;
}

void disk_group_drop(struct disk_group *g)
{
    if (g != NULL && --g->refs == 0)
        free(g);
}

void disk_log_push(struct disk_log *log, struct disk_group *g)
{
    if (log->head + log->count == log->cap) {
        if (log->head > log->count) {
            memmove(log->groups, log->groups + log->head, log->count * sizeof *log->groups);
            log->head = 0;
        } else {
            log->cap = log->cap ? 2 * log->cap : 16;
            log->groups = zk_realloc(log->groups, log->cap * sizeof *log->groups);
        }
    }
    log->groups[log->head + log->count++] = g;
    log->bytes += g->len;
}

void disk_log_pop(struct disk_log *log)
{
    struct disk_group *g = disk_log_at(log, --log->count);
    log->bytes -= g->len;
    disk_group_drop(g);
}

void disk_log_shift(struct disk_log *log)
{
    struct disk_group *g = disk_log_at(log, 0);
    log->head++;
    log->count--;
    log->bytes -= g->len;
    disk_group_drop(g);
}

void disk_log_clear(struct disk_log *log)
{
    while (log->count > 0)
        disk_log_pop(log);
    free(log->groups);
    memset(log, 0, sizeof *log);
}

size_t disk_log_find(const struct disk_log *log, uint64_t zxid)
{
    size_t lo = 0, hi = log->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (disk_log_at(log, mid)->first_zxid <= zxid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 ? lo - 1 : log->count;
}

bool disk_log_hash(const struct disk_log *log, uint64_t zxid, uint64_t *ret_hash)
{
    size_t i = disk_log_find(log, zxid);
    if (i == log->count || disk_log_at(log, i)->last_zxid < zxid)
        return false;
    const struct disk_group *found = disk_log_at(log, i);
    struct group g;
    struct entry e;
    bool opened = group_open(zk_slice(found->bytes, found->len), &g);
    while (opened && group_next(&g, &e)) {
        if (e.zxid == zxid) {
            *ret_hash = e.hash;
            return true;
        }
    }
    return false;
}

struct disk_tree *disk_tree_new(uint64_t zxid, uint64_t hash, uint64_t digest, struct zk_slice members)
{
    struct disk_tree *tree = zk_calloc(1, sizeof *tree);
    tree->refs = 1;
    tree->zxid = zxid;
    tree->hash = hash;
    tree->digest = digest;
    zk_buf_append_slice(&tree->members, members);
    return tree;
}

static void add_row(struct disk_tree *tree, struct disk_row *row)
{
    if (tree->count == tree->cap) {
        tree->cap = tree->cap ? 2 * tree->cap : 16;
        tree->rows = zk_realloc(tree->rows, tree->cap * sizeof *tree->rows);
    }
    tree->rows[tree->count++] = row;
    tree->bytes += row->key_len + row->value_len;
}

static struct disk_row *share_row(struct disk_row *row)
{
    row->refs++;
    return row;
}

static struct zk_slice row_key(const struct disk_row *row)
{
    return zk_slice(row->bytes, row->key_len);
}

void disk_tree_add(struct disk_tree *tree, struct zk_slice packed)
{
    struct zk_slice key, value;
    bool bad;
    while (storage_rows_next(&packed, &key, &value, &bad)) {
        ZK_ASSERT(key.len > 0 && key.ptr[0] >= STORAGE_ROW_KEY_MIN);
        ZK_ASSERT(tree->count == 0 || zk_slice_cmp(row_key(tree->rows[tree->count - 1]), key) < 0);
        struct disk_row *row = zk_alloc(sizeof *row + key.len + value.len);
        *row = (struct disk_row){.refs = 1, .deleted = value.ptr == NULL, .key_len = key.len, .value_len = value.len};
        memcpy(row->bytes, key.ptr, key.len);
        if (value.len > 0)
            memcpy(row->bytes + key.len, value.ptr, value.len);
        add_row(tree, row);
    }
    ZK_ASSERT(!bad);
}

struct disk_tree *disk_tree_merge(const struct disk_tree *old, const struct disk_tree *change)
{
    struct disk_tree *tree = disk_tree_new(change->zxid, change->hash, change->digest, zk_buf_slice(&change->members));
    size_t old_count = old ? old->count : 0, i = 0, j = 0;
    while (i < old_count || j < change->count) {
        int order = i == old_count ? 1
                    : j == change->count ? -1 : zk_slice_cmp(row_key(old->rows[i]), row_key(change->rows[j]));
        if (order < 0) {
            add_row(tree, share_row(old->rows[i++]));
            continue;
        }
        if (!change->rows[j]->deleted)
            add_row(tree, share_row(change->rows[j]));
        j++;
        i += order == 0;
    }
    return tree;
}

void disk_tree_drop(struct disk_tree *tree)
{
    if (tree == NULL || --tree->refs > 0)
        return;
    for (size_t i = 0; i < tree->count; i++)
        if (--tree->rows[i]->refs == 0)
            free(tree->rows[i]);
    free(tree->rows);
    zk_buf_fini(&tree->members);
    free(tree);
}

void disk_data_copy(struct disk_data *to, const struct disk_data *from)
{
    *to = *from;
    to->log = (struct disk_log){0};
    for (size_t i = 0; i < from->log.count; i++) {
        struct disk_group *g = disk_log_at(&from->log, i);
        g->refs++;
        disk_log_push(&to->log, g);
    }
    if (to->tree != NULL)
        to->tree->refs++;
}

void disk_data_clear(struct disk_data *data)
{
    disk_log_clear(&data->log);
    disk_tree_drop(data->tree);
    memset(data, 0, sizeof *data);
}

uint64_t disk_data_bytes(const struct disk_data *data)
{
    return data->log.bytes + (data->tree ? data->tree->bytes : 0);
}

static void cut_last_group(struct disk_log *log, uint64_t zxid, uint64_t hash)
{
    struct disk_group *last = disk_log_at(log, log->count - 1);
    struct zk_buf head = {0};
    ZK_ASSERT(group_head(zk_slice(last->bytes, last->len), zxid, &head));
    struct disk_group *cut = disk_group_new(zk_buf_slice(&head), last->first_zxid, zxid, hash);
    zk_buf_fini(&head);
    disk_log_pop(log);
    disk_log_push(log, cut);
}

bool disk_data_trunc(struct disk_data *data, uint64_t zxid, uint64_t hash)
{
    struct disk_log *log = &data->log;
    uint64_t found = data->n.base_hash;
    if ((zxid != data->n.base_zxid && !disk_log_hash(log, zxid, &found)) || found != hash)
        return false;
    while (log->count > 0 && disk_log_at(log, log->count - 1)->first_zxid > zxid)
        disk_log_pop(log);
    if (log->count > 0 && disk_log_at(log, log->count - 1)->last_zxid > zxid)
        cut_last_group(log, zxid, hash);
    data->n.last_zxid = zxid;
    data->n.last_hash = hash;
    return true;
}

void disk_data_witness(struct disk_data *data, const struct storage_witness *w)
{
    struct storage_witness dropped;
    ZK_ASSERT(data->witness_count < DISK_WITNESSES_MAX);
    storage_witness_put(data->witnesses, &data->witness_count, w, &dropped);
}

bool disk_data_purge(struct disk_data *data, uint64_t zxid)
{
    bool purged = false;
    while (data->log.count > 0 && disk_log_at(&data->log, 0)->last_zxid <= zxid) {
        data->n.base_zxid = disk_log_at(&data->log, 0)->last_zxid;
        data->n.base_hash = disk_log_at(&data->log, 0)->last_hash;
        disk_log_shift(&data->log);
        purged = true;
    }
    return purged;
}

static void add_group(struct storage_image *image, const struct disk_group *found)
{
    if (zxid_epoch(found->first_zxid) == zxid_epoch(found->last_zxid)) {
        storage_image_add(image, found->last_zxid, found->last_hash);
        return;
    }
    struct group g;
    struct entry e;
    ZK_ASSERT(group_open(zk_slice(found->bytes, found->len), &g));
    while (group_next(&g, &e))
        storage_image_add(image, e.zxid, e.hash);
}

void disk_data_image(const struct disk_data *data, struct storage_image *ret_image)
{
    struct storage_image image = {
        .verdict = data->damage[0] != '\0' ? STORAGE_DAMAGED : STORAGE_SOUND,
        .incarnation = data->n.incarnation,
        .start_count = data->n.start_count,
        .promised = data->n.promised,
        .commit = data->n.commit,
        .base_zxid = data->n.base_zxid,
        .base_hash = data->n.base_hash,
        .witness_count = data->witness_count,
        .witnesses = zk_memdup(data->witnesses, data->witness_count * sizeof *data->witnesses),
    };
    memcpy(image.why, data->damage, sizeof image.why);
    if (image.base_zxid != 0)
        storage_image_add(&image, image.base_zxid, image.base_hash);
    for (size_t i = 0; i < data->log.count; i++)
        add_group(&image, disk_log_at(&data->log, i));
    if (data->tree != NULL) {
        const struct zk_buf *members = &data->tree->members;
        image.checkpoint_zxid = data->tree->zxid;
        image.checkpoint_hash = data->tree->hash;
        image.checkpoint_digest = data->tree->digest;
        image.checkpoint_members = zk_slice(zk_memdup(members->ptr, members->len), members->len);
    }
    *ret_image = image;
}
