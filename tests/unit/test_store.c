/* test_store.c: proves server/store/store.h: the conformance suite on real files, what opening finds, kill -9. */
#include "common/log.h"
#include "server/store/impl.h"
#include "tests/unit/store_dir.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What kill -9 leaves is what the files hold now: copy them under the running store, go on with the copy. */
static void dir_crash(void *medium)
{
    struct store_dir *m = medium;
    if (!m->open)
        return;
    shell("cd %s && for i in 1 2 3 4 5; do rm -rf ../$(basename %s).c; cp -a . ../$(basename %s).c 2>/dev/null && exit 0; "
          "done; exit 1", m->root, m->root, m->root);
    dir_close(m);
    shell("rm -rf %s && mv %s.c %s", m->root, m->root, m->root);
}

static const struct store_medium STORE = {
    .name = "the store",
    .make = dir_make,
    .free = dir_free,
    .open = dir_open,
    .close = dir_close,
    .crash = dir_crash,
    .wait = dir_wait,
};

/* --- what opening refuses --- */

static void rig_on(struct rig *r, struct store_dir *m)
{
    *r = (struct rig){.medium = &STORE, .m = m};
    rig_open(r);
}

/* A store that was made and closed. */
static struct store_dir *dir_made(bool split)
{
    struct store_dir *m = dir_new(split);
    dir_open(m);
    dir_close(m);
    return m;
}

/* The end of a test that left the store alone. */
static void end_sound(struct store_dir *m)
{
    dir_open(m);
    ck_assert_int_eq(m->s.ops->image(m->s.self)->verdict, STORAGE_SOUND);
    dir_close(m);
    dir_free(m);
}

static void expect_refusal(struct store_dir *m, uint64_t server_id, const char *text)
{
    ck_assert(!dir_try_open(m, server_id));
    ck_assert_msg(strstr(m->why, text) != NULL, "'%s' does not say '%s'", m->why, text);
}

START_TEST(a_store_in_use_is_refused)
{
    struct store_dir *m = dir_new(false);
    dir_open(m);
    struct store_dir second = *m;
    expect_refusal(&second, 1, "in use by another zkd, process ");
    dir_close(m);
    end_sound(m);
}
END_TEST

START_TEST(another_servers_store_is_refused)
{
    struct store_dir *m = dir_made(false);
    expect_refusal(m, 2, "belongs to server 1");
    end_sound(m);
}
END_TEST

START_TEST(a_store_from_the_future_is_refused_and_left_alone)
{
    struct store_dir *m = dir_made(false);
    struct files f;
    uint8_t slot[MARK_SLOT_BYTES];
    char why[256], path[160];
    ck_assert(files_open(&f, m->data, NULL, why, sizeof why));
    snprintf(path, sizeof path, "%s/zkd/mark", m->data);
    /* What a later format may look like: another number in byte 4, the checksum where it was. */
    mark_encode(&(struct mark){.number = 100}, slot);
    slot[4] = MARK_FORMAT + 1;
    mark_seal(slot);
    int fd = open(path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, slot, sizeof slot, 0), sizeof slot);
    close(fd);
    files_close(&f);
    expect_refusal(m, 1, "newer zkd");
    shell("test -d %s/zkd/db && ! ls %s | grep -q damaged", m->data, m->data);
    dir_free(m);
}
END_TEST

/* Opens what is there with RocksDB alone, and gives the row "format" another number. */
static void write_format(struct store_dir *m, uint8_t format)
{
    struct files f;
    struct rocks *db;
    struct zk_buf row = {0};
    char why[ROCKS_WHY_BYTES];
    ck_assert(files_open(&f, m->data, NULL, why, sizeof why));
    ck_assert_int_eq(rocks_open(f.db, f.wal, false, &db, why), ROCKS_FINE);
    format_encode(1, &row);
    row.ptr[0] = format;
    struct rocks_batch *batch = rocks_batch_new();
    rocks_put(batch, rocks_meta(db), zk_slice_str(STORE_ROW_FORMAT), zk_buf_slice(&row));
    ck_assert(rocks_write(db, batch, why));
    rocks_batch_free(batch);
    rocks_close(db);
    zk_buf_fini(&row);
    files_close(&f);
}

START_TEST(a_store_of_another_format_is_refused_and_left_alone)
{
    struct store_dir *m = dir_made(false);
    write_format(m, STORE_FORMAT - 1);
    expect_refusal(m, 1, "before format 2");
    write_format(m, STORE_FORMAT + 1);
    expect_refusal(m, 1, "newer zkd");
    shell("! ls %s | grep -q damaged", m->data);
    write_format(m, STORE_FORMAT);
    end_sound(m);
}
END_TEST

START_TEST(a_blank_store_beside_apaches_files_is_refused)
{
    struct store_dir *m = dir_new(_i == 1);
    shell("mkdir -p %s/version-2 %s/version-2", m->data, m->wal);
    if (_i == 0)
        shell("touch %s/version-2/snapshot.100000000", m->data);
    else
        shell("touch %s/version-2/log.100000001", m->wal);
    expect_refusal(m, 1, "import it");
    shell("test ! -e %s/zkd", m->data);
    shell("rm %s/version-2/snapshot.* %s/version-2/log.* 2>/dev/null; touch %s/version-2/currentEpoch", m->data, m->wal,
          m->data);
    dir_open(m);
    dir_close(m);
    dir_free(m);
}
END_TEST

START_TEST(a_changed_data_log_dir_is_refused)
{
    struct store_dir *m = dir_made(true);
    m->split = false;
    expect_refusal(m, 1, "put dataLogDir back");
    m->split = true;
    end_sound(m);
}
END_TEST

START_TEST(no_access_is_refused_and_not_called_damage)
{
    struct store_dir *m = dir_made(false);
    shell("mv %s/zkd %s/away && touch %s/zkd", m->data, m->data, m->data);
    expect_refusal(m, 1, "not a directory");
    shell("rm %s/zkd && mv %s/away %s/zkd", m->data, m->data, m->data);
    end_sound(m);
}
END_TEST

/* --- what opening finds --- */

/* Three groups, a checkpoint at the second; closed. Returns the incarnation. */
static uint64_t write_some(struct store_dir *m)
{
    struct rig r;
    rig_on(&r, m);
    rig_append(&r, 2);
    rig_append(&r, 2);
    rig_checkpoint(&r, "/a=1 /b=2");
    rig_append(&r, 2);
    rig_op(&r, (struct storage_op){.kind = STORAGE_PROMISE, .epoch = 3});
    rig_settle(&r);
    uint64_t incarnation = rig_image(&r)->incarnation;
    dir_close(m);
    zk_buf_fini(&r.bytes);
    return incarnation;
}

/* It says so at each opening, as somebody else, until it has learnt something. */
static void expect_damaged(struct store_dir *m, uint64_t incarnation, uint64_t last_zxid, const char *text)
{
    struct rig r;
    for (int i = 0; i < 2; i++) {
        rig_on(&r, m);
        const struct storage_image *image = rig_image(&r);
        ck_assert_int_eq(image->verdict, STORAGE_DAMAGED);
        ck_assert_msg(strstr(image->why, text) != NULL, "'%s' does not say '%s'", image->why, text);
        ck_assert_uint_ne(image->incarnation, incarnation);
        ck_assert_uint_eq(image->last_zxid, last_zxid);
        dir_close(m);
    }
    rig_on(&r, m);
    rig_epoch(&r, 9);
    rig_append(&r, 1);
    rig_settle(&r);
    dir_close(m);
    rig_on(&r, m);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
    dir_close(m);
}

START_TEST(a_missing_mark_is_damage_and_the_data_stays)
{
    struct store_dir *m = dir_new(false);
    uint64_t incarnation = write_some(m);
    shell("rm %s/zkd/mark", m->data);
    expect_damaged(m, incarnation, 6, "mark is missing");
    dir_free(m);
}
END_TEST

START_TEST(an_older_database_is_found_by_its_mark)
{
    struct store_dir *m = dir_new(false);
    uint64_t incarnation = write_some(m);
    shell("cp -a %s/zkd/db %s/old", m->data, m->data);
    struct rig r;
    rig_on(&r, m);
    rig_append(&r, 1);
    rig_settle(&r);
    dir_close(m);
    shell("rm -rf %s/zkd/db && mv %s/old %s/zkd/db", m->data, m->data, m->data);
    expect_damaged(m, incarnation, 6, "older copy");
    dir_free(m);
}
END_TEST

/* The tail of the write-ahead log is cut off: RocksDB opens happily, the mark knows better. */
START_TEST(a_log_cut_short_is_found_by_the_mark)
{
    struct store_dir *m = dir_new(false);
    struct rig r;
    rig_on(&r, m);
    uint64_t incarnation = rig_image(&r)->incarnation;
    rig_append(&r, 2);
    rig_settle(&r);
    rig_append(&r, 2);
    rig_settle(&r);
    dir_close(m);
    shell("cd %s/zkd/db && f=$(ls -S *.log | head -1) && truncate -s -1 $f", m->data);
    expect_damaged(m, incarnation, 2, "acknowledged 0x4");
    dir_free(m);
}
END_TEST

START_TEST(what_cannot_be_read_is_put_aside_whole)
{
    static const char *const HARM[] = {"rm -rf db", "rm db/CURRENT", "rm db/MANIFEST*", "rm db/*.sst",
                                       "for f in db/*.sst; do printf XXXX | dd of=$f bs=1 seek=20 conv=notrunc; done"};
    struct store_dir *m = dir_new(false);
    uint64_t incarnation = write_some(m);
    struct rig r;
    rig_on(&r, m); /* once more, so that all is in sorted files */
    dir_close(m);
    shell("cd %s/zkd && (%s) 2>/dev/null && find . | sort > ../before", m->data, HARM[_i]);
    expect_damaged(m, incarnation, 0, "");
    /* The evidence is all there, but for what RocksDB itself writes or removes when it opens. */
    shell("cd %s/zkd.damaged-* && find . | sort > ../after && grep -v 'LOG\\|\\.log\\|OPTIONS\\|MANIFEST' ../before | "
          "comm -23 - ../after > ../lost && test ! -s ../lost", m->data);
    dir_free(m);
}
END_TEST

START_TEST(a_wiped_store_is_blank_but_not_beside_one_put_aside)
{
    struct store_dir *m = dir_new(false);
    uint64_t incarnation = write_some(m);
    struct rig r;
    shell("rm -rf %s/zkd", m->data);
    rig_on(&r, m);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_BLANK);
    ck_assert_uint_ne(rig_image(&r)->incarnation, incarnation);
    dir_close(m);
    shell("rm -rf %s/zkd && mkdir %s/zkd.damaged-20260101T000000Z", m->data, m->data);
    expect_damaged(m, incarnation, 0, "put aside");
    dir_free(m);
}
END_TEST

START_TEST(a_database_lost_beside_its_log_is_damage)
{
    struct store_dir *m = dir_new(true);
    uint64_t incarnation = write_some(m);
    shell("rm -rf %s/zkd", m->data);
    expect_damaged(m, incarnation, 0, "write-ahead log is there");
    shell("ls -d %s/zkd.damaged-*/*.log > /dev/null", m->wal);
    dir_free(m);
}
END_TEST

/* Its disk is not mounted at one boot: the mount point is missing, or empty, or another disk is there. */
START_TEST(a_missing_data_log_dir_is_refused_and_nothing_changes)
{
    static const char *const INSTEAD[] = {"true", "mkdir wal", "mkdir -p wal/zkd && touch wal/zkd/LOG"};
    struct store_dir *m = dir_new(true);
    uint64_t incarnation = write_some(m);
    if (_i == 0) /* once more, so that all is in sorted files */
        dir_open(m);
    dir_close(m);
    shell("cd %s && mv wal away && %s && (cd data && find . -type f ! -name zkd.lock -exec cksum {} + | sort) > before "
          "&& (ls -R wal 2>&1; true) > wal-before", m->root, INSTEAD[_i]);
    for (int i = 0; i < 2; i++) {
        expect_refusal(m, 1, "may not be mounted");
        ck_assert_ptr_nonnull(strstr(m->why, m->wal));
    }
    shell("cd %s && (cd data && find . -type f ! -name zkd.lock -exec cksum {} + | sort) | cmp - before && "
          "(ls -R wal 2>&1; true) | cmp - wal-before && rm -rf wal && mv away wal", m->root);
    struct rig r;
    rig_on(&r, m);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(rig_image(&r)->incarnation, incarnation);
    ck_assert_uint_eq(rig_image(&r)->last_zxid, 6);
    dir_close(m);
    dir_free(m);
}
END_TEST

/* What the refusal tells the operator to do: the server is then one that has lost its store, not a blank one. */
START_TEST(a_log_lost_for_good_is_damage_once_the_store_is_renamed)
{
    struct store_dir *m = dir_new(true);
    uint64_t incarnation = write_some(m);
    shell("rm -rf %s && mv %s/zkd %s/zkd.damaged-lost", m->wal, m->data, m->data);
    expect_damaged(m, incarnation, 0, "put aside");
    dir_free(m);
}
END_TEST

START_TEST(rows_that_do_not_load_put_the_store_aside)
{
    struct store_dir *m = dir_new(false);
    char why[256];
    uint64_t incarnation = write_some(m);
    dir_open(m);
    ck_assert_msg(store_quarantine(&m->s, "the digest is another", why, sizeof why), "%s", why);
    m->open = false;
    expect_damaged(m, incarnation, 0, "put aside");
    dir_free(m);
}
END_TEST

/* What is kept is the store as it was, though it goes on changing: it opens where a mark is missing. */
START_TEST(evidence_is_a_whole_store_of_the_moment)
{
    struct store_dir *m = dir_new(_i);
    struct rig r;
    rig_on(&r, m);
    rig_append(&r, 3);
    rig_checkpoint(&r, "/a=wrong");
    for (int i = 0; i < FILES_EVIDENCE_MAX + 1; i++) {
        rig_op(&r, (struct storage_op){.kind = STORAGE_KEEP, .bytes = zk_slice_str("its digest was 7")});
        rig_append(&r, 1);
        rig_checkpoint(&r, "/a=right");
    }
    dir_close(m);
    shell("cd %s && test $(ls -d zkd.diverged-* | wc -l) = %d && grep -q 'digest was 7' zkd.diverged-*/why", m->data,
          FILES_EVIDENCE_MAX);
    shell("cd %s && first=$(ls -d zkd.diverged-* | head -1) && rm -rf zkd ../wal && mv $first zkd", m->data);
    m->split = false;
    rig_on(&r, m);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_DAMAGED);
    ck_assert_uint_ge(rig_image(&r)->last_zxid, 3); /* the log may have grown meanwhile */
    char *tree = rig_tree(&r);
    ck_assert_str_eq(tree, "/a=wrong");
    free(tree);
    dir_close(m);
    dir_free(m);
}
END_TEST

/* The making of a store can be interrupted anywhere: what is left is blank still, and becomes a store. */
START_TEST(an_interrupted_making_is_finished_by_the_next_opening)
{
    static const char *const LEFT[] = {"mkdir zkd", "mkdir -p zkd/in", "mkdir zkd && truncate -s 1024 zkd/mark"};
    struct store_dir *m = dir_new(false);
    shell("mkdir -p %s && cd %s && %s", m->data, m->data, LEFT[_i]);
    dir_open(m);
    ck_assert_int_eq(m->s.ops->image(m->s.self)->verdict, STORAGE_BLANK);
    dir_close(m);
    dir_free(m);
}
END_TEST

/* Every option that README.md argues for is in force, as RocksDB itself wrote down. */
START_TEST(the_database_runs_with_the_options_that_were_chosen)
{
    static const char *const CHOSEN[] = {
        "wal_recovery_mode=kTolerateCorruptedTailRecords", "track_and_verify_wals_in_manifest=true",
        "paranoid_checks=true", "paranoid_file_checks=true", "max_bgerror_resume_count=0", "atomic_flush=false",
        "manual_wal_flush=false", "enable_pipelined_write=false", "unordered_write=false", "two_write_queues=false",
        "memtable_protection_bytes_per_key=8", "check_flush_compaction_key_order=true", "force_consistency_checks=true",
        "wal_compression=kNoCompression", "recycle_log_file_num=0", "use_fsync=false",
    };
    struct store_dir *m = dir_new(false);
    write_some(m);
    for (size_t i = 0; i < ZK_COUNT_OF(CHOSEN); i++)
        shell("cd %s/zkd/db && for f in OPTIONS-*; do grep -q '^  %s$' $f || exit 1; done", m->data, CHOSEN[i]);
    dir_free(m);
}
END_TEST

/* --- spoilt bytes --- */

static int count_bytes(void *arg, struct zk_slice key, struct zk_slice value)
{
    zk_buf_append_slice(arg, key);
    return 0;
}

/* One byte of one file is another: the store is found damaged, or refused, or nothing of it was needed and everything
 * is there. It is never taken for sound with anything missing. */
static void open_spoilt(struct store_dir *m, const char *want_log, const char *want_tree, const char *what)
{
    struct rig r = {.medium = &STORE, .m = m};
    if (!dir_try_open(m, 1)) {
        ck_assert_msg(strstr(m->why, "dataLogDir") != NULL, "%s: %s", what, m->why);
        return;
    }
    r.s = m->s;
    const struct storage_image *image = rig_image(&r);
    ck_assert_msg(image->verdict != STORAGE_BLANK, "%s", what);
    struct zk_buf rows = {0};
    if (image->verdict == STORAGE_SOUND && r.s.ops->each_row(r.s.self, count_bytes, &rows) == 0) {
        char *log = rig_log(&r, 0), *tree = rig_tree(&r);
        ck_assert_msg(strcmp(log, want_log) == 0, "%s: the log is %s", what, log);
        /* Without its last checkpoint a store is whole all the same, if the log behind the one before is. */
        const char *want = image->checkpoint_zxid == 0 ? "" : want_tree;
        ck_assert_msg(strcmp(tree, want) == 0, "%s: the tree is %s", what, tree);
        ck_assert_msg(image->promised == 3, "%s", what);
        ck_assert_msg(image->commit == 4, "%s", what);
        free(log);
        free(tree);
    }
    zk_buf_fini(&rows);
    dir_close(m);
}

/* The files of the store, in a fixed order, as "path size" lines. */
static FILE *list_files(const struct store_dir *m)
{
    char command[256];
    snprintf(command, sizeof command,
             "cd %s/zkd && find . -type f ! -name 'LOG*' ! -name LOCK -size +0 -printf '%%p %%s\\n' | sort", m->data);
    return popen(command, "r");
}

static void spoil_byte(const struct store_dir *m, const char *file, long at)
{
    char path[512];
    uint8_t byte;
    snprintf(path, sizeof path, "%s/zkd/%s", m->data, file);
    int fd = open(path, O_RDWR);
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte ^= (uint8_t)(1u << at % 8);
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* STORE_SPOILS: how many bytes of each file are tried, each in a copy of its own. */
START_TEST(one_spoilt_byte_is_never_believed)
{
    struct store_dir *m = dir_new(false);
    write_some(m);
    if (_i == 1) { /* once more, so that what was in the write-ahead log is in sorted files */
        dir_open(m);
        dir_close(m);
    }
    shell("cp -a %s %s.good", m->data, m->data);
    const char *spoils = getenv("STORE_SPOILS");
    long tries = spoils ? atol(spoils) : 3;
    char file[256], what[320];
    long size;
    FILE *files = list_files(m);
    while (fscanf(files, "%255s %ld", file, &size) == 2) {
        for (long i = 0; i < tries; i++) {
            long at = (2 * i + 1) * size / (2 * tries);
            spoil_byte(m, file, at);
            snprintf(what, sizeof what, "byte %ld of %s", at, file);
            open_spoilt(m, "1-2 3-4 5-6", "/a=1 /b=2", what);
            shell("rm -rf %s && cp -a %s.good %s", m->data, m->data, m->data);
        }
    }
    pclose(files);
    dir_free(m);
}
END_TEST

/* The write-ahead log ends anywhere: what was acknowledged and is not there any more is noticed. */
START_TEST(a_log_cut_anywhere_is_never_believed)
{
    struct store_dir *m = dir_new(false);
    struct rig r;
    rig_on(&r, m);
    uint64_t zxids = 4;
    for (uint64_t i = 0; i < zxids; i++) {
        rig_append(&r, 1);
        rig_settle(&r);
    }
    dir_close(m);
    shell("cp -a %s %s.good", m->data, m->data);
    const char *spoils = getenv("STORE_SPOILS");
    long tries = spoils ? atol(spoils) : 6;
    for (long i = 0; i < tries; i++) {
        shell("cd %s/zkd/db && f=$(ls -S *.log | head -1) && s=$(stat -c %%s $f) && truncate -s $((s * %ld / %ld)) $f",
              m->data, i, tries);
        dir_open(m);
        ck_assert_int_eq(m->s.ops->image(m->s.self)->verdict, STORAGE_DAMAGED);
        dir_close(m);
        shell("rm -rf %s && cp -a %s.good %s", m->data, m->data, m->data);
    }
    dir_free(m);
}
END_TEST

/* --- kill -9 --- */

enum { KILL_OPS = 24 };

struct told {
    uint64_t zxid;
    uint64_t promised;
    uint64_t commit;
};

/* The child's life: something of everything; after each step that is durable it tells, then goes on. */
static void live(struct store_dir *m, int fd, int until)
{
    struct rig r;
    rig_on(&r, m);
    struct told told = {0};
    for (int i = 0; i < KILL_OPS; i++) {
        rig_append(&r, 1 + (uint32_t)i % 3);
        if (i == until) /* with a batch just submitted, somewhere in its writing */
            usleep((useconds_t)(until * 137 % 3000));
        if (i == until)
            kill(getpid(), SIGKILL);
        rig_op(&r, (struct storage_op){.kind = STORAGE_PROMISE, .epoch = (uint64_t)i});
        rig_settle(&r);
        told = (struct told){r.zxid, (uint64_t)i, told.commit};
        if (i % 5 == 4) {
            rig_checkpoint(&r, "/a=1 /b=2");
            told.commit = r.zxid;
            rig_op(&r, (struct storage_op){.kind = STORAGE_PURGE, .zxid = r.zxid - 2});
        }
        if (write(fd, &told, sizeof told) != (ssize_t)sizeof told)
            _exit(1);
    }
    kill(getpid(), SIGKILL);
}

START_TEST(kill_nine_at_any_time_loses_nothing_that_was_told)
{
    struct store_dir *m = dir_new(_i % 2 == 1);
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        live(m, fds[1], _i);
    }
    close(fds[1]);
    struct told told = {0}, next;
    while (read(fds[0], &next, sizeof next) == (ssize_t)sizeof next)
        told = next;
    close(fds[0]);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    struct rig r;
    rig_on(&r, m);
    const struct storage_image *image = rig_image(&r);
    ck_assert_msg(image->verdict != STORAGE_DAMAGED, "%s", image->why);
    ck_assert_uint_ge(image->last_zxid, told.zxid);
    ck_assert_uint_ge(image->promised, told.promised);
    ck_assert_uint_ge(image->commit, told.commit);
    ck_assert_uint_ge(image->checkpoint_zxid, told.commit);
    if (told.commit != 0) {
        char *tree = rig_tree(&r);
        ck_assert_str_eq(tree, "/a=1 /b=2");
        free(tree);
    }
    rig_append(&r, 1);
    rig_settle(&r);
    rig_reopen(&r);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
    rig_fini(&r);
}
END_TEST

/* --- reports --- */

START_TEST(free_space_is_told_without_being_asked)
{
    struct store_dir *m = dir_new(false);
    struct storage_report report;
    dir_open(m);
    int told = 0;
    for (int i = 0; i < 20 && told < 2; i++) {
        dir_wait(m);
        while (m->s.ops->poll(m->s.self, &report))
            told += report.kind == STORAGE_FREE_SPACE && report.total_bytes > 0;
    }
    ck_assert_int_eq(told, 2);
    dir_close(m);
    dir_free(m);
}
END_TEST

static Suite *store_suite(void)
{
    Suite *suite = suite_create("opening the store, and kill -9");
    TCase *tc = tcase_create("store");
    tcase_set_timeout(tc, getenv("STORE_SPOILS") ? 0 : 120);
    tcase_add_test(tc, a_store_in_use_is_refused);
    tcase_add_test(tc, another_servers_store_is_refused);
    tcase_add_test(tc, a_store_from_the_future_is_refused_and_left_alone);
    tcase_add_test(tc, a_store_of_another_format_is_refused_and_left_alone);
    tcase_add_loop_test(tc, a_blank_store_beside_apaches_files_is_refused, 0, 2);
    tcase_add_test(tc, a_changed_data_log_dir_is_refused);
    tcase_add_test(tc, no_access_is_refused_and_not_called_damage);
    tcase_add_test(tc, a_missing_mark_is_damage_and_the_data_stays);
    tcase_add_test(tc, an_older_database_is_found_by_its_mark);
    tcase_add_test(tc, a_log_cut_short_is_found_by_the_mark);
    tcase_add_loop_test(tc, what_cannot_be_read_is_put_aside_whole, 0, 5);
    tcase_add_test(tc, a_wiped_store_is_blank_but_not_beside_one_put_aside);
    tcase_add_test(tc, a_database_lost_beside_its_log_is_damage);
    tcase_add_loop_test(tc, a_missing_data_log_dir_is_refused_and_nothing_changes, 0, 3);
    tcase_add_test(tc, a_log_lost_for_good_is_damage_once_the_store_is_renamed);
    tcase_add_test(tc, rows_that_do_not_load_put_the_store_aside);
    tcase_add_loop_test(tc, evidence_is_a_whole_store_of_the_moment, 0, 2);
    tcase_add_loop_test(tc, an_interrupted_making_is_finished_by_the_next_opening, 0, 3);
    tcase_add_test(tc, the_database_runs_with_the_options_that_were_chosen);
    tcase_add_loop_test(tc, one_spoilt_byte_is_never_believed, 0, 2);
    tcase_add_test(tc, a_log_cut_anywhere_is_never_believed);
    tcase_add_loop_test(tc, kill_nine_at_any_time_loses_nothing_that_was_told, 0, KILL_OPS);
    tcase_add_test(tc, free_space_is_told_without_being_asked);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    zk_log_open(ZK_LOG_STDERR, ZK_LOG_ERROR, "test_store");
    SRunner *runner = srunner_create(store_conformance(&STORE));
    srunner_add_suite(runner, store_suite());
    return run_all(runner);
}
