/* fuzz_log.c: what comes from a disk or a peer and is as good as anybody's: groups of the log, packed rows, the mark.
 *
 * The first byte of an input chooses. What is accepted must also hold together: a group cut anywhere gives two groups
 * that chain and make the same whole; rows packed again are the same bytes; a mark written again decodes to itself. */
#include "server/store/mark.h"
#include "server/zab/group.h"
#include "tests/fuzz/fuzz.h"

enum { TARGET_GROUP, TARGET_ROWS, TARGET_MARK, TARGETS };

static void cut_group(struct zk_slice bytes, uint64_t at, uint64_t first, uint64_t last, uint64_t hash)
{
    struct zk_buf head = {0}, tail = {0};
    uint64_t head_first, head_last, head_hash, tail_first, tail_last, tail_hash;
    bool has_head = group_head(bytes, at, &head), has_tail = group_tail(bytes, at, &tail);
    ZK_ASSERT(has_head == (first <= at));
    ZK_ASSERT(has_tail == (last > at));
    if (has_head && has_tail) {
        struct group g;
        ZK_ASSERT(group_check(zk_buf_slice(&head), &head_first, &head_last, &head_hash));
        ZK_ASSERT(group_check(zk_buf_slice(&tail), &tail_first, &tail_last, &tail_hash));
        ZK_ASSERT(group_open(zk_buf_slice(&tail), &g));
        ZK_ASSERT(g.prev_hash == head_hash);
        ZK_ASSERT(head_first == first && head_last <= at && tail_first > at && tail_last == last);
        ZK_ASSERT(tail_hash == hash);
        ZK_ASSERT(head.len + tail.len == bytes.len + GROUP_HEADER_BYTES);
    }
    zk_buf_fini(&head);
    zk_buf_fini(&tail);
}

static void try_group(struct zk_slice bytes)
{
    uint64_t first, last, hash;
    struct group g;
    struct entry e;
    if (!group_check(bytes, &first, &last, &hash))
        return;
    ZK_ASSERT(first <= last);
    bool opened = group_open(bytes, &g);
    ZK_ASSERT(opened);
    cut_group(bytes, first - 1, first, last, hash);
    while (group_next(&g, &e))
        cut_group(bytes, e.zxid, first, last, hash);
}

static void try_rows(struct zk_slice bytes)
{
    struct zk_slice rows = bytes, key, value;
    struct zk_buf again = {0};
    bool bad;
    while (storage_rows_next(&rows, &key, &value, &bad))
        storage_rows_put(&again, key, value);
    ZK_ASSERT(bad || again.len == bytes.len);
    ZK_ASSERT(again.len == 0 || memcmp(again.ptr, bytes.ptr, again.len) == 0);
    zk_buf_fini(&again);
}

static void try_mark(struct zk_slice bytes)
{
    struct mark mark, again;
    uint8_t file[MARK_FILE_BYTES] = {0};
    if (mark_decode(bytes, &mark) != MARK_GOOD)
        return;
    mark_encode(&mark, file);
    ZK_ASSERT(mark_decode(zk_slice(file, sizeof file), &again) == MARK_GOOD);
    ZK_ASSERT(memcmp(&mark, &again, sizeof mark) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct zk_slice bytes = zk_slice(data + 1, size - 1);
    switch (data[0] % TARGETS) {
    case TARGET_GROUP:
        try_group(bytes);
        break;
    case TARGET_ROWS:
        try_rows(bytes);
        break;
    default:
        try_mark(bytes);
    }
    return 0;
}

static void seed_group(struct zk_buf *out, uint32_t entries)
{
    struct zk_buf group = {0};
    uint64_t hash = 7;
    group_begin(&group, hash);
    for (uint32_t i = 0; i < entries; i++)
        hash = group_add(&group, hash, 5 + i * 3, ENTRY_COMMAND, zk_slice("0123456789", i % 11));
    group_end(&group, entries);
    zk_buf_append_slice(out, zk_buf_slice(&group));
    zk_buf_fini(&group);
}

static void seed_marks(struct zk_buf *out)
{
    uint8_t slot[MARK_SLOT_BYTES];
    for (uint64_t number = 4; number < 6; number++) {
        mark_encode(&(struct mark){number, 11, 2, 3, 40 + number, 99}, slot);
        zk_buf_append(out, slot, sizeof slot);
    }
}

bool fuzz_seed(size_t n, struct zk_buf *out)
{
    static const uint32_t entries[] = {1, 2, 12};
    if (n >= 5)
        return false;
    zk_buf_append_byte(out, n < 3 ? TARGET_GROUP : n == 3 ? TARGET_ROWS : TARGET_MARK);
    if (n < 3) {
        seed_group(out, entries[n]);
    } else if (n == 3) {
        storage_rows_put(out, zk_slice_str("\x20/a"), zk_slice_str("value"));
        storage_rows_put(out, zk_slice_str("\x20/b"), zk_slice_str(""));
        storage_rows_put(out, zk_slice_str("\x20/c"), (struct zk_slice){NULL, 0});
    } else {
        seed_marks(out);
    }
    return true;
}
