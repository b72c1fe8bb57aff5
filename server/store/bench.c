/* bench.c: how fast the store is on this machine; the numbers in README.md come from here. Not installed.
 *   store-bench DIR [SECONDS]   writes below DIR/zkd-bench, which it makes and leaves */
#include "common/zxid.h"
#include "server/store/store.h"
#include "server/zab/group.h"
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define BODY_BYTES 150
#define MANY_GROUPS 200000
#define ROWS 500000

struct bench {
    struct storage s;
    uint64_t zxid;
    uint64_t hash;
    uint64_t submitted;
    uint64_t durable;
    uint64_t checkpointed;
    struct zk_buf group;
};

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *why)
{
    fprintf(stderr, "store-bench: %s\n", why);
    exit(1);
}

static void drain(struct bench *b)
{
    struct storage_report report;
    while (b->s.ops->poll(b->s.self, &report)) {
        if (report.kind == STORAGE_DURABLE)
            b->durable = report.seq;
        else if (report.kind == STORAGE_CHECKPOINTED)
            b->checkpointed = report.zxid;
        else if (report.kind == STORAGE_FAILED)
            die(report.why);
    }
}

static void wait_report(struct bench *b)
{
    struct pollfd p = {.fd = store_notify_fd(&b->s), .events = POLLIN};
    poll(&p, 1, 1000);
    drain(b);
}

static double reopen(struct bench *b, const char *dir)
{
    char why[512];
    if (b->s.self != NULL)
        store_close(&b->s);
    double began = now_s();
    struct store_config config = {.data_dir = dir, .server_id = 1};
    if (!store_open(&config, &b->s, why, sizeof why))
        die(why);
    const struct storage_image *image = b->s.ops->image(b->s.self);
    b->zxid = image->last_zxid;
    b->hash = image->last_hash;
    b->submitted = b->durable = 0;
    return now_s() - began;
}

static void submit(struct bench *b, struct storage_op op)
{
    b->submitted = b->s.ops->submit(b->s.self, &op, 1);
}

static void append(struct bench *b, uint32_t entries)
{
    static const uint8_t BODY[BODY_BYTES] = "set /some/node to something";
    uint64_t first = b->zxid + 1;
    zk_buf_reset(&b->group);
    group_begin(&b->group, b->hash);
    for (uint32_t i = 0; i < entries; i++)
        b->hash = group_add(&b->group, b->hash, ++b->zxid, ENTRY_COMMAND, zk_slice(BODY, sizeof BODY));
    group_end(&b->group, entries);
    submit(b, (struct storage_op){.kind = STORAGE_APPEND,
                                  .first_zxid = first,
                                  .zxid = b->zxid,
                                  .hash = b->hash,
                                  .bytes = zk_buf_slice(&b->group)});
}

/* Groups of `entries`, with at most `outstanding` of them not yet durable. */
static void run_appends(struct bench *b, uint32_t entries, uint64_t outstanding, double seconds)
{
    struct store_stats before, after;
    store_get_stats(&b->s, &before);
    double began = now_s();
    uint64_t groups = 0;
    while (now_s() - began < seconds) {
        while (b->submitted - b->durable < outstanding) {
            append(b, entries);
            groups++;
        }
        wait_report(b);
    }
    while (b->durable < b->submitted)
        wait_report(b);
    double took = now_s() - began;
    store_get_stats(&b->s, &after);
    uint64_t batches = after.batches - before.batches;
    printf("%4" PRIu32 " entries a group, %3" PRIu64 " groups outstanding: %7.0f batches/s %7.0f groups/s %9.0f entries/s"
           " %6.1f MB/s, a synced write %5.0f us\n", entries, outstanding, (double)batches / took,
           (double)groups / took, (double)groups * entries / took, (double)(after.bytes - before.bytes) / 1e6 / took,
           (double)(after.sync_us - before.sync_us) / (double)batches);
}

static void run_fdatasync(const char *dir, double seconds)
{
    char path[512];
    uint8_t bytes[300] = {0};
    snprintf(path, sizeof path, "%.400s/appended", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    double began = now_s();
    int count = 0;
    for (; now_s() - began < seconds; count++)
        if (write(fd, bytes, sizeof bytes) < 0 || fdatasync(fd) != 0)
            die("cannot write");
    printf("a file appended to by 300 bytes and fdatasync, for comparison: %.0f/s\n", count / (now_s() - began));
    close(fd);
    unlink(path);
}

static void commit_all(struct bench *b)
{
    submit(b, (struct storage_op){.kind = STORAGE_COMMIT, .zxid = b->zxid});
    while (b->durable < b->submitted)
        wait_report(b);
}

static void run_checkpoint(struct bench *b)
{
    struct zk_buf rows = {0};
    uint8_t value[BODY_BYTES] = {0};
    commit_all(b);
    double began = now_s();
    submit(b, (struct storage_op){.kind = STORAGE_CHECKPOINT_BEGIN, .zxid = b->zxid, .hash = b->hash});
    for (int i = 0; i < ROWS; i++) {
        char key[32];
        int len = snprintf(key, sizeof key, "\x20/node/%010d", i);
        storage_rows_put(&rows, zk_slice(key, (size_t)len), zk_slice(value, sizeof value));
        if (rows.len < 64 << 10 && i + 1 < ROWS)
            continue;
        submit(b, (struct storage_op){.kind = STORAGE_CHECKPOINT_ROWS, .bytes = zk_buf_slice(&rows)});
        zk_buf_reset(&rows);
    }
    submit(b, (struct storage_op){.kind = STORAGE_CHECKPOINT_END});
    while (b->checkpointed != b->zxid)
        wait_report(b);
    double took = now_s() - began;
    printf("a checkpoint of %d rows of %d bytes: %.2f s, %.2f us a row\n", ROWS, BODY_BYTES, took, took * 1e6 / ROWS);
    zk_buf_fini(&rows);
}

static int count_row(void *arg, struct zk_slice key, struct zk_slice value)
{
    ++*(size_t *)arg;
    return 0;
}

static void run_load(struct bench *b)
{
    size_t count = 0;
    double began = now_s();
    if (b->s.ops->each_row(b->s.self, count_row, &count) != 0)
        die("each_row failed");
    double took = now_s() - began;
    printf("reading %zu rows back: %.2f s, %.2f us a row\n", count, took, took * 1e6 / (double)count);
}

static void run_open(struct bench *b, const char *dir)
{
    while (b->submitted < MANY_GROUPS) {
        append(b, 1);
        if (b->submitted - b->durable > 1000)
            wait_report(b);
    }
    commit_all(b);
    printf("opening with %d groups of one entry: %.0f ms\n", MANY_GROUPS, reopen(b, dir) * 1e3);
    printf("opening them again, all in sorted files: %.0f ms\n", reopen(b, dir) * 1e3);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        die("usage: store-bench DIR [SECONDS]");
    char dir[512];
    double seconds = argc > 2 ? atof(argv[2]) : 3;
    struct bench b = {0};
    snprintf(dir, sizeof dir, "%.400s/zkd-bench", argv[1]);
    printf("opening a new store: %.0f ms\n", reopen(&b, dir) * 1e3);
    printf("opening an empty one: %.0f ms\n", reopen(&b, dir) * 1e3);
    run_fdatasync(dir, 1);
    static const uint32_t SIZES[] = {1, 16, 256};
    for (size_t i = 0; i < ZK_COUNT_OF(SIZES); i++) {
        run_appends(&b, SIZES[i], 1, seconds);
        run_appends(&b, SIZES[i], 64, seconds);
    }
    run_checkpoint(&b);
    submit(&b, (struct storage_op){.kind = STORAGE_PURGE, .zxid = b.zxid});
    commit_all(&b);
    printf("opening after checkpoint and purge: %.0f ms\n", reopen(&b, dir) * 1e3);
    run_load(&b);
    run_open(&b, dir);
    store_close(&b.s);
    zk_buf_fini(&b.group);
    return 0;
}
