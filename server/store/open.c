/* Opening: what is there, is it whole, is it behind its mark; and what follows from that. Nothing is written before
 * everything has been read, but for a store that is put aside. */
#include "common/log.h"
#include "common/zxid.h"
#include "server/store/impl.h"
#include "server/zab/group.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

enum outcome {
    LOADED,
    REFUSED, /* cannot be used as it is, and must not be touched: `why` */
    BROKEN,  /* to be put aside: `why` */
};

struct loader {
    struct store *st;
    uint64_t server_id;
    struct numbers n;
    enum mark_found found;
    struct mark mark;
    bool at_mark; /* the log holds the mark's entry, with this hash */
    uint64_t hash_at_mark;
    bool at_checkpoint;
    bool fresh; /* made by this opening */
    char damage[256]; /* "": none */
    bool damage_is_new;
    char why[ROCKS_WHY_BYTES];
};

#define SAY(l, ...) store_explain((l)->why, sizeof(l)->why, __VA_ARGS__)

static enum outcome broken(struct loader *l, const char *text)
{
    SAY(l, "%s", text);
    return BROKEN;
}

static enum outcome from_trouble(struct loader *l, enum rocks_trouble trouble, const char *text)
{
    if (trouble == ROCKS_FINE)
        return LOADED;
    SAY(l, "%s", text);
    return trouble == ROCKS_CORRUPT ? BROKEN : REFUSED;
}

static uint64_t new_incarnation(void)
{
    uint64_t incarnation = 0;
    while (incarnation == 0)
        if (getrandom(&incarnation, sizeof incarnation, 0) != (ssize_t)sizeof incarnation)
            incarnation = 0;
    return incarnation;
}

/* --- rows of numbers --- */

/* A row of meta into `out`; absent: *ret_found false. */
static enum outcome get_meta(struct loader *l, const char *key, struct zk_buf *out, bool *ret_found)
{
    char why[ROCKS_WHY_BYTES];
    int result = store_row_get(l->st->db, rocks_meta(l->st->db), zk_slice_str(key), out, why);
    *ret_found = result == 1;
    return result < 0 ? from_trouble(l, strstr(why, "Corruption") ? ROCKS_CORRUPT : ROCKS_ERROR, why) : LOADED;
}

static enum outcome judge_row(struct loader *l, enum row_read read, const char *name)
{
    if (read == ROW_GOOD)
        return LOADED;
    if (read == ROW_OLDER) {
        SAY(l, "the store in %s was written by a development build before format %d, by whose rules its log may have had "
                 "other results: put it aside and start this server empty", l->st->files.home, STORE_FORMAT);
        return REFUSED;
    }
    if (read == ROW_NEWER) {
        SAY(l, "the store in %s was made by a newer zkd; this one does not know its format",
                 l->st->files.home);
        return REFUSED;
    }
    SAY(l, "its row \"%s\" is malformed", name);
    return BROKEN;
}

static enum outcome read_format(struct loader *l)
{
    struct zk_buf row = {0};
    bool found;
    uint64_t server_id = 0;
    enum outcome outcome = get_meta(l, STORE_ROW_FORMAT, &row, &found);
    if (outcome == LOADED && !found)
        outcome = broken(l, "its row \"format\" is missing");
    if (outcome == LOADED)
        outcome = judge_row(l, format_decode(zk_buf_slice(&row), &server_id), STORE_ROW_FORMAT);
    zk_buf_fini(&row);
    if (outcome == LOADED && server_id != l->server_id) {
        SAY(l, "the store in %s belongs to server %" PRIu64 ", but this is server %" PRIu64
                 " (myid): give each server its own dataDir", l->st->files.home, server_id, l->server_id);
        return REFUSED;
    }
    return outcome;
}

static enum outcome read_numbers(struct loader *l)
{
    struct zk_buf row = {0};
    bool found;
    enum outcome outcome = get_meta(l, STORE_ROW_NUMBERS, &row, &found);
    if (outcome == LOADED && !found)
        outcome = broken(l, "its row \"numbers\" is missing");
    if (outcome == LOADED)
        outcome = judge_row(l, numbers_decode(zk_buf_slice(&row), &l->n), STORE_ROW_NUMBERS);
    zk_buf_reset(&row);
    if (outcome == LOADED)
        outcome = get_meta(l, STORE_ROW_DAMAGE, &row, &found);
    if (outcome == LOADED && found)
        store_explain(l->damage, sizeof l->damage, "%s", zk_buf_text(&row));
    zk_buf_fini(&row);
    return outcome;
}

static enum outcome read_witnesses(struct loader *l)
{
    struct storage_image *image = &l->st->image;
    struct zk_slice prefix = zk_slice_str(STORE_ROW_WITNESS);
    char why[ROCKS_WHY_BYTES];
    enum outcome outcome = LOADED;
    struct rocks_iter *it = rocks_iter_new(l->st->db, rocks_meta(l->st->db));
    for (bool row = rocks_seek(it, prefix); row && outcome == LOADED; row = rocks_next(it)) {
        struct zk_slice key = rocks_key(it);
        if (key.len < prefix.len || memcmp(key.ptr, prefix.ptr, prefix.len) != 0)
            break;
        struct storage_witness w, dropped;
        outcome = judge_row(l, witness_decode(rocks_value(it), &w), STORE_ROW_WITNESS);
        if (outcome != LOADED)
            break;
        image->witnesses = zk_realloc(image->witnesses, (image->witness_count + 1) * sizeof w);
        storage_witness_put(image->witnesses, &image->witness_count, &w, &dropped);
    }
    if (outcome == LOADED)
        outcome = from_trouble(l, rocks_iter_trouble(it, why), why);
    rocks_iter_free(it);
    return outcome;
}

/* --- the tree's position and the log --- */

static enum outcome read_checkpoint(struct loader *l)
{
    struct storage_image *image = &l->st->image;
    char why[ROCKS_WHY_BYTES];
    enum outcome outcome = LOADED;
    struct checkpoint c = {0};
    struct rocks_iter *it = rocks_iter_new(l->st->db, l->st->live->tree);
    bool row = rocks_seek(it, zk_slice_str(""));
    if (row && !zk_slice_eq(rocks_key(it), zk_slice_str(STORE_ROW_CHECKPOINT))) {
        outcome = broken(l, "its tree does not say of which moment it is");
    } else if (row) {
        outcome = judge_row(l, checkpoint_decode(rocks_value(it), &c), "checkpoint");
    } else {
        outcome = from_trouble(l, rocks_iter_trouble(it, why), why);
    }
    if (row && outcome == LOADED) {
        image->checkpoint_zxid = c.zxid;
        image->checkpoint_hash = c.hash;
        image->checkpoint_digest = c.digest;
        image->checkpoint_members = zk_slice(zk_memdup(c.members.ptr, c.members.len), c.members.len);
    }
    rocks_iter_free(it);
    return outcome;
}

static void see_entry(struct loader *l, uint64_t zxid, uint64_t hash)
{
    struct storage_image *image = &l->st->image;
    if (zxid == l->mark.last_zxid) {
        l->at_mark = true;
        l->hash_at_mark = hash;
    }
    l->at_checkpoint |= zxid == image->checkpoint_zxid && hash == image->checkpoint_hash;
    storage_image_add(image, zxid, hash);
}

/* One group of the log: in its place, and chained to the one before. */
static enum outcome see_group(struct loader *l, uint64_t key, struct zk_slice bytes)
{
    struct storage_image *image = &l->st->image;
    struct group g;
    struct entry e;
    bool good = group_open(bytes, &g) && g.prev_hash == image->last_hash;
    bool first = true;
    while (good && group_next(&g, &e)) {
        good = e.zxid > image->last_zxid && (!first || e.zxid == key);
        first = false;
        if (good)
            see_entry(l, e.zxid, e.hash);
    }
    if (good && g.count == 0)
        return LOADED;
    SAY(l, "its log is not whole after 0x%" PRIx64 ": the group at 0x%" PRIx64
             " is malformed or does not follow", image->last_zxid, key);
    return BROKEN;
}

static enum outcome read_log(struct loader *l)
{
    struct storage_image *image = &l->st->image;
    char why[ROCKS_WHY_BYTES];
    enum outcome outcome = LOADED;
    struct store_key key;
    image->base_zxid = l->n.base_zxid;
    image->base_hash = l->n.base_hash;
    if (image->base_zxid != 0)
        see_entry(l, image->base_zxid, image->base_hash);
    store_key_set(&key, l->n.base_zxid + 1);
    struct rocks_iter *it = rocks_iter_new(l->st->db, l->st->live->log);
    for (bool row = rocks_seek(it, store_key_slice(&key)); row && outcome == LOADED; row = rocks_next(it))
        outcome = see_group(l, store_key_get(rocks_key(it)), rocks_value(it));
    if (outcome == LOADED)
        outcome = from_trouble(l, rocks_iter_trouble(it, why), why);
    rocks_iter_free(it);
    return outcome;
}

/* What must hold between numbers, log and tree. */
static enum outcome check_whole(struct loader *l)
{
    const struct storage_image *image = &l->st->image;
    if (image->last_zxid != l->n.last_zxid || image->last_hash != l->n.last_hash) {
        SAY(l, "its log ends at 0x%" PRIx64 " but should end at 0x%" PRIx64, image->last_zxid,
                 l->n.last_zxid);
        return BROKEN;
    }
    if (l->n.commit > l->n.last_zxid)
        return broken(l, "its commit point is above its log");
    if (image->checkpoint_zxid < l->n.base_zxid)
        return broken(l, "its tree is older than its log");
    if (image->checkpoint_zxid > l->n.commit)
        return broken(l, "its tree is newer than its log");
    if (image->checkpoint_zxid != 0 && !l->at_checkpoint)
        return broken(l, "its tree is of an entry that its log does not hold");
    return LOADED;
}

static enum outcome find_live(struct loader *l)
{
    l->st->live = rocks_find_side(l->st->db, l->n.live);
    return l->st->live != NULL ? LOADED : broken(l, "its live tree or log is missing");
}

static enum outcome read_all(struct loader *l)
{
    static enum outcome (*const STEPS[])(struct loader *) = {
        read_format, read_numbers, read_witnesses, find_live, read_checkpoint, read_log, check_whole,
    };
    enum outcome outcome = LOADED;
    for (size_t i = 0; i < ZK_COUNT_OF(STEPS) && outcome == LOADED; i++)
        outcome = STEPS[i](l);
    return outcome;
}

/* --- making one --- */

/* First rows of a new database; those that an interrupted making has left are overwritten. */
static bool write_first_rows(struct loader *l)
{
    struct store *st = l->st;
    struct zk_buf format = {0}, numbers = {0};
    struct numbers n = {.incarnation = l->mark.incarnation, .live = 1};
    /* 0 is nobody: what an interrupted making has left may be half a side. */
    if (!rocks_drop_others(st->db, 0, l->why) || !rocks_new_side(st->db, n.live, &st->live, l->why))
        return false;
    l->n = n;
    format_encode(l->server_id, &format);
    numbers_encode(&n, &numbers);
    struct rocks_batch *batch = rocks_batch_new();
    rocks_put(batch, rocks_meta(st->db), zk_slice_str(STORE_ROW_FORMAT), zk_buf_slice(&format));
    rocks_put(batch, rocks_meta(st->db), zk_slice_str(STORE_ROW_NUMBERS), zk_buf_slice(&numbers));
    if (l->damage[0] != '\0')
        rocks_put(batch, rocks_meta(st->db), zk_slice_str(STORE_ROW_DAMAGE), zk_slice_str(l->damage));
    bool ok = rocks_write(st->db, batch, l->why);
    rocks_batch_free(batch);
    zk_buf_fini(&format);
    zk_buf_fini(&numbers);
    return ok;
}

/* The mark comes first, with no start counted: while it stays so, whatever else is there is an interrupted making. */
static bool make(struct loader *l)
{
    struct store *st = l->st;
    struct files *f = &st->files;
    l->fresh = true;
    if (!files_make(f, l->why, sizeof l->why) || !files_open_mark(f, l->why, sizeof l->why))
        return false;
    if (files_read_mark(f, &l->mark) != MARK_GOOD) {
        l->mark = (struct mark){.number = 1, .incarnation = new_incarnation()};
        if (!files_write_mark(f, &l->mark, true, l->why, sizeof l->why))
            return false;
    }
    l->found = MARK_GOOD;
    return rocks_open(f->db, f->wal, true, &st->db, l->why) == ROCKS_FINE && write_first_rows(l);
}

/* --- opening --- */

static enum outcome open_existing(struct loader *l)
{
    struct files *f = &l->st->files;
    l->found = files_read_mark(f, &l->mark);
    if (l->found == MARK_NEWER) {
        SAY(l, "the store in %s was made by a newer zkd; this one does not know its format",
                 f->home);
        return REFUSED;
    }
    char why[ROCKS_WHY_BYTES];
    enum outcome outcome = from_trouble(l, rocks_open(f->db, f->wal, false, &l->st->db, why), why);
    return outcome == LOADED ? read_all(l) : outcome;
}

static void forget(struct loader *l)
{
    struct store *st = l->st;
    rocks_side_release(st->live);
    st->live = NULL;
    if (st->db != NULL)
        rocks_close(st->db);
    st->db = NULL;
    storage_image_fini(&st->image);
    l->n = (struct numbers){0};
    l->mark = (struct mark){0};
}

static bool put_aside(struct loader *l)
{
    char name[64];
    struct files *f = &l->st->files;
    store_explain(l->damage, sizeof l->damage, "%s", l->why);
    forget(l);
    if (!files_put_aside(f, name, sizeof name, l->why, sizeof l->why))
        return false;
    zk_log_error("%s is damaged and was put aside as %s: %s", f->home, name, l->damage);
    return true;
}

/* A store that opens but is behind its mark, or without one: its data stays, it becomes somebody else. */
static void judge_mark(struct loader *l)
{
    struct storage_image *image = &l->st->image;
    char why[256];
    image->incarnation = l->n.incarnation;
    image->start_count = l->n.start_count;
    image->promised = l->n.promised;
    if (l->found == MARK_NONE)
        store_explain(why, sizeof why, "its ack mark is missing");
    else if (!mark_behind(&l->mark, image, l->at_mark, l->hash_at_mark, why, sizeof why))
        return;
    if (l->found == MARK_GOOD && l->mark.incarnation == l->n.incarnation)
        l->n.promised = zk_max_u64(l->n.promised, l->mark.promised);
    memcpy(l->damage, why, sizeof l->damage);
    l->damage_is_new = true;
    l->n.incarnation = new_incarnation();
    zk_log_error("%s is damaged: %s", l->st->files.home, why);
}

/* One more start, in the database and then in the mark. */
static bool count_start(struct loader *l)
{
    struct store *st = l->st;
    struct zk_buf row = {0};
    l->n.start_count++;
    numbers_encode(&l->n, &row);
    struct rocks_batch *batch = rocks_batch_new();
    rocks_put(batch, rocks_meta(st->db), zk_slice_str(STORE_ROW_NUMBERS), zk_buf_slice(&row));
    if (l->damage_is_new)
        rocks_put(batch, rocks_meta(st->db), zk_slice_str(STORE_ROW_DAMAGE), zk_slice_str(l->damage));
    bool ok = rocks_write(st->db, batch, l->why);
    rocks_batch_free(batch);
    zk_buf_fini(&row);
    l->mark = (struct mark){
        .number = l->mark.number + 1,
        .incarnation = l->n.incarnation,
        .start_count = l->n.start_count,
        .promised = l->n.promised,
        .last_zxid = l->n.last_zxid,
        .last_hash = l->n.last_hash,
    };
    return ok && files_open_mark(&st->files, l->why, sizeof l->why) &&
           files_write_mark(&st->files, &l->mark, true, l->why, sizeof l->why);
}

static void fill_image(struct loader *l)
{
    struct storage_image *image = &l->st->image;
    image->verdict = l->damage[0] != '\0' ? STORAGE_DAMAGED : l->fresh ? STORAGE_BLANK : STORAGE_SOUND;
    memcpy(image->why, l->damage, sizeof image->why);
    image->incarnation = l->n.incarnation;
    image->start_count = l->n.start_count;
    image->promised = l->n.promised;
    image->commit = l->n.commit;
    image->base_zxid = l->n.base_zxid;
    image->base_hash = l->n.base_hash;
}

static bool refuse_apache(struct loader *l)
{
    char dir[FILES_PATH_MAX];
    if (!files_apache(&l->st->files, dir, sizeof dir))
        return false;
    SAY(l, "%s holds the data of an Apache ZooKeeper and the store beside it is blank: import it, "
             "or move it away to begin with nothing", dir);
    return true;
}

static bool load(struct loader *l)
{
    struct store *st = l->st;
    enum files_state state = files_look(&st->files, l->why, sizeof l->why);
    if (state == FILES_ERROR)
        return false;
    if (state == FILES_STORE) {
        enum outcome outcome = open_existing(l);
        if (outcome == REFUSED || (outcome == BROKEN && !put_aside(l)))
            return false;
        if (outcome == LOADED)
            judge_mark(l);
        if (outcome == LOADED && l->n.last_zxid == 0 && l->damage[0] == '\0' && refuse_apache(l))
            return false;
    }
    if (state == FILES_MISSING) {
        struct mark mark;
        char name[64];
        store_explain(l->damage, sizeof l->damage, "%s", l->why);
        zk_log_error("%s: a store was lost here: %s", st->files.home, l->damage);
        if (files_read_mark(&st->files, &mark) != MARK_GOOD &&
            !files_put_aside(&st->files, name, sizeof name, l->why, sizeof l->why))
            return false;
    }
    if (state == FILES_BLANK && refuse_apache(l))
        return false;
    return st->db != NULL || make(l);
}

bool store_load(struct store *st, uint64_t server_id, char *why, size_t size)
{
    struct loader l = {.st = st, .server_id = server_id};
    bool ok = load(&l) && count_start(&l) && rocks_drop_others(st->db, l.n.live, l.why) &&
              files_empty_in(&st->files, l.why, sizeof l.why);
    if (!ok) {
        store_explain(why, size, "%s", l.why);
        return false;
    }
    fill_image(&l);
    st->base_zxid = l.n.base_zxid;
    st->checkpoint_zxid = st->image.checkpoint_zxid;
    writer_init(st, &l.n, &l.mark, l.damage[0] != '\0');
    return true;
}
