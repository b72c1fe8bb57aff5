/* test_store_fail.c: fails the first write, then the second, then the third... of a store's life and of its opening;
 * and cuts the power before the first sync, the second, the third...
 *
 * The calls that RocksDB and the store make are caught by defining them here: an executable's symbols come before
 * libc's. Whatever call fails, with EIO or ENOSPC, nothing is reported durable after it that is not there later, and a
 * store that lost nothing is not called damaged. Each life is a process of its own, for a failed store ends with it; it
 * may also end by an assertion of RocksDB's, which is as good. */
#include "tests/unit/shadow.h"
#include "tests/unit/store_dir.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- calls that fail --- */

static int calls;        /* since the count was set; atomic, the store has threads */
static int fail_at;      /* the call that fails, and all after it: a disk does not recover; 0: none */
static int fail_with;    /* errno */
static bool fail_once;   /* only that one call */
static int syncs;        /* atomic */
static int cut_at;       /* the power goes before this sync; 0: it does not */

static bool fails(void)
{
    int call = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    int at = __atomic_load_n(&fail_at, __ATOMIC_SEQ_CST);
    if (at == 0 || call < at || (fail_once && call > at))
        return false;
    errno = fail_with;
    return true;
}

static void arm(int at, int error, bool once)
{
    fail_with = error;
    fail_once = once;
    __atomic_store_n(&calls, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&fail_at, at, __ATOMIC_SEQ_CST);
}

static bool is_ours(int fd)
{
    struct stat st;
    return fd > 2 && syscall(SYS_fstat, fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    return is_ours(fd) && fails() ? -1 : syscall(SYS_write, fd, bytes, len);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return is_ours(fd) && fails() ? -1 : syscall(SYS_pwrite64, fd, bytes, len, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at); /* large-file name of the same */
ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t at)
{
    return is_ours(fd) && fails() ? -1 : syscall(SYS_pwrite64, fd, bytes, len, at);
}

/* Where a power cut is asked for, a sync also records what is on the disk. */
static int sync_fd(int fd, long number)
{
    if (is_ours(fd) && fails())
        return -1;
    int sync = __atomic_add_fetch(&syncs, 1, __ATOMIC_SEQ_CST);
    if (cut_at != 0 && sync >= cut_at)
        kill(getpid(), SIGKILL);
    shadow_synced(fd);
    return (int)syscall(number, fd);
}

int fsync(int fd)
{
    return sync_fd(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_fd(fd, SYS_fdatasync);
}

int rename(const char *from, const char *to)
{
    return fails() ? -1 : (int)syscall(SYS_rename, from, to);
}

int mkdir(const char *path, mode_t mode)
{
    return fails() ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

/* --- a store to fail --- */

static const struct store_medium FAILING = {
    .name = "a store whose disk fails",
    .make = dir_make,
    .free = dir_free,
    .open = dir_open,
    .close = dir_close,
    .crash = dir_close,
    .wait = dir_wait,
};

struct told {
    uint64_t zxid;
    uint64_t promised;
};

/* What a life tells the one who checks after it. */
struct report {
    struct told told;
    int calls;
    /* A checkpoint is being taken in. If the sync of RocksDB's MANIFEST fails then, it removes the file and may have
     * recorded it all the same: the store comes back damaged. Safe, and not to be had otherwise. */
    bool ingesting;
};

static struct report *shared; /* with the child */

static bool settled(struct rig *r, struct told *told, uint64_t promised)
{
    rig_settle(r);
    if (r->failed)
        return false;
    *told = (struct told){r->zxid, promised};
    return true;
}

static void begin_checkpoint(struct rig *r)
{
    struct zk_buf rows = rig_rows("/a=1 /b=2");
    rig_op(r, (struct storage_op){.kind = STORAGE_COMMIT, .zxid = r->zxid});
    rig_op(r, (struct storage_op){.kind = STORAGE_CHECKPOINT_BEGIN, .zxid = r->zxid, .hash = r->hash});
    rig_op(r, (struct storage_op){.kind = STORAGE_CHECKPOINT_ROWS, .bytes = zk_buf_slice(&rows)});
    rig_op(r, (struct storage_op){.kind = STORAGE_CHECKPOINT_END});
    zk_buf_fini(&rows);
}

/* Something of everything; stops where the store fails. */
static void live(struct rig *r, struct told *told)
{
    rig_append(r, 2);
    if (!settled(r, told, 0))
        return;
    rig_op(r, (struct storage_op){.kind = STORAGE_PROMISE, .epoch = 4});
    uint64_t hash = r->hash;
    rig_append(r, 2);
    if (!settled(r, told, 4))
        return;
    told->zxid = 2;
    rig_op(r, (struct storage_op){.kind = STORAGE_TRUNC, .zxid = 2, .hash = hash});
    rig_epoch(r, 4);
    rig_append(r, 3);
    if (!settled(r, told, 4))
        return;
    shared->ingesting = true;
    begin_checkpoint(r);
    while (!r->failed && r->checkpointed != r->zxid) {
        dir_wait(r->m);
        rig_settle(r);
    }
    if (!settled(r, told, 4))
        return;
    shared->ingesting = false;
    struct zk_buf rows = rig_rows("/c=3");
    rig_op(r, (struct storage_op){.kind = STORAGE_SNAP_BEGIN, .zxid = (uint64_t)9 << 32, .hash = 5});
    rig_op(r, (struct storage_op){.kind = STORAGE_SNAP_ROWS, .bytes = zk_buf_slice(&rows)});
    zk_buf_fini(&rows);
    rig_settle(r);
    if (r->failed)
        return;
    rig_op(r, (struct storage_op){.kind = STORAGE_SNAP_LIVE, .zxid = (uint64_t)9 << 32, .commit = (uint64_t)9 << 32});
    r->zxid = (uint64_t)9 << 32;
    r->hash = 5;
    if (!settled(r, told, 4))
        return;
    rig_append(r, 1);
    settled(r, told, 4);
}

static void expect(bool holds, int at, const char *what, const char *why)
{
    if (holds)
        return;
    fprintf(stderr, "call %d: %s %s\n", at, what, why);
    _exit(1);
}

/* The child that comes after: everything told is there, nothing is called damaged, and it works. */
static void check_after(struct store_dir *d, const struct told *told, int at)
{
    struct rig r = {.medium = &FAILING, .m = d};
    expect(dir_try_open(d, 1), at, "it does not open:", d->why);
    r.s = d->s;
    const struct storage_image *image = rig_image(&r);
    if (image->verdict == STORAGE_DAMAGED && shared->ingesting)
        _exit(0);
    expect(image->verdict != STORAGE_DAMAGED, at, "it is called damaged:", image->why);
    expect(image->last_zxid >= told->zxid, at, "an entry is lost", "");
    expect(image->promised >= told->promised, at, "a promise is lost", "");
    r.zxid = image->last_zxid;
    r.hash = image->last_hash;
    rig_append(&r, 1);
    rig_settle(&r);
    expect(!r.failed, at, "it fails:", r.why);
    dir_close(d);
    _exit(0);
}

/* The child: opens (its first `at` calls may be in that), lives, ends. */
static void child(struct store_dir *d, int at, int error, bool once, bool fail_opening)
{
    struct rig r = {.medium = &FAILING, .m = d};
    if (fail_opening)
        arm(at, error, once);
    if (!dir_try_open(d, 1)) {
        shared->calls = calls;
        _exit(d->why[0] == '\0');
    }
    r.s = d->s;
    if (!fail_opening) {
        arm(at, error, once);
        live(&r, &shared->told);
    }
    /* A disk that is full no more: if RocksDB went on by itself now, the end would come in the midst of that. */
    if (r.failed && error == ENOSPC && once)
        usleep((useconds_t)at % 8 * 1000);
    dir_close(d);
    shared->calls = calls;
    bool says = !r.failed || error != ENOSPC || strstr(r.why, "o space left") != NULL;
    if (!says)
        fprintf(stderr, "call %d: %s\n", at, r.why);
    _exit(!says);
}

/* Each in a process of its own, and none in this one: RocksDB's threads do not come along with a fork. */
static void one_life(struct store_dir *d, int at, int error, bool once, bool fail_opening, bool last)
{
    pid_t pid = fork();
    if (pid == 0)
        child(d, at, error, once, fail_opening);
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg((WIFEXITED(status) && WEXITSTATUS(status) == 0) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT),
                  "call %d: the child ended with %x", at, (unsigned)status);
    pid = fork();
    if (pid == 0)
        check_after(d, &shared->told, at);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == 0, "call %d: the next opening ended with %x", at, (unsigned)status);
    if (last)
        dir_free(d);
}

static void share(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
}

START_TEST(nothing_is_told_after_a_call_that_failed)
{
    share();
    one_life(dir_new(false), 0, 0, false, false, true);
    int total = shared->calls;
    ck_assert_int_gt(total, 20);
    for (int at = 1; at <= total; at++) {
        memset(shared, 0, sizeof *shared);
        one_life(dir_new(false), at, _i & 1 ? ENOSPC : EIO, _i & 2, false, true);
    }
}
END_TEST

/* The same for opening, and for the making of a store: it fails with a sentence; the next one finds everything. */
START_TEST(an_opening_that_failed_harms_nothing)
{
    int total = 1;
    share();
    for (int at = 0; at <= total; at++) {
        struct store_dir *d = dir_new(false);
        if (_i == 0) /* into something that is there already */
            one_life(d, 0, 0, false, false, false);
        memset(shared, 0, sizeof *shared);
        one_life(d, at, EIO, false, true, true);
        if (at == 0)
            total = shared->calls;
    }
    ck_assert_int_gt(total, 10);
}
END_TEST

/* --- the power goes --- */

/* The making of a store and all of its life, with the power gone before sync `at`. */
static int life_until_cut(struct store_dir *d, const char *shadow, int at)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct rig r = {.medium = &FAILING, .m = d};
        shadow_record(shadow);
        cut_at = at;
        if (!dir_try_open(d, 1))
            _exit(1);
        r.s = d->s;
        live(&r, &shared->told);
        dir_close(d);
        shared->calls = syncs;
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    /* How often it syncs differs a little from life to life: the last cuts may come too late. */
    ck_assert(status == 0 || (at != 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    return shared->calls;
}

/* _i 1: of what was not synced the kernel had written back the ack mark, and nothing else. */
START_TEST(a_power_cut_loses_nothing_that_was_told)
{
    share();
    int total = 1;
    for (int at = 0; at <= total; at++) {
        memset(shared, 0, sizeof *shared);
        struct store_dir *d = dir_new(false), *left = dir_new(false);
        char shadow[80];
        snprintf(shadow, sizeof shadow, "%s/shadow", left->root);
        shell("mkdir %s", shadow);
        int made = life_until_cut(d, shadow, at);
        total = at == 0 ? made : total;
        shadow_build(shadow, d->data, left->data);
        if (_i == 1)
            shell("cp %s/zkd/mark %s/zkd/mark 2>/dev/null || true", d->data, left->data);
        shared->ingesting = false;
        pid_t pid = fork();
        if (pid == 0)
            check_after(left, &shared->told, at);
        int status;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(status == 0, "sync %d: the next opening ended with %x", at, (unsigned)status);
        dir_free(d);
        dir_free(left);
    }
    ck_assert_int_gt(total, 30);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("fail");
    tcase_set_timeout(tc, 300);
    tcase_add_loop_test(tc, nothing_is_told_after_a_call_that_failed, 0, 4);
    tcase_add_loop_test(tc, an_opening_that_failed_harms_nothing, 0, 2);
    tcase_add_loop_test(tc, a_power_cut_loses_nothing_that_was_told, 0, 2);
    return run_tests("a store whose disk fails", tc);
}
