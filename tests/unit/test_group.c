/* test_group.c: proves server/zab/group.h and the packed rows of server/replica/storage.h. */
#include "server/replica/storage.h"
#include "server/zab/group.h"
#include "tests/unit/run.h"
#include <stdio.h>

static const uint64_t ZXID = (uint64_t)3 << 32 | 7;

/* A group of `count` entries from `first` on, bodies "body 0", "body 1"...; returns the last hash. */
static uint64_t make_group(struct zk_buf *out, uint64_t prev_hash, uint64_t first, uint32_t count)
{
    zk_buf_init(out);
    group_begin(out, prev_hash);
    for (uint32_t i = 0; i < count; i++) {
        char body[24];
        snprintf(body, sizeof body, "body %u", i);
        prev_hash = group_add(out, prev_hash, first + i, ENTRY_COMMAND, zk_slice_str(body));
    }
    group_end(out, count);
    return prev_hash;
}

START_TEST(what_was_added_is_read_back_in_order)
{
    struct zk_buf buf;
    uint64_t hash = make_group(&buf, 99, ZXID, 3);
    struct group g;
    struct entry e;
    ck_assert(group_open(zk_buf_slice(&buf), &g));
    ck_assert_uint_eq(g.count, 3);
    ck_assert_uint_eq(g.prev_hash, 99);
    for (uint32_t i = 0; i < 3; i++) {
        char body[24];
        snprintf(body, sizeof body, "body %u", i);
        ck_assert(group_next(&g, &e));
        ck_assert_uint_eq(e.zxid, ZXID + i);
        ck_assert_uint_eq(e.kind, ENTRY_COMMAND);
        ck_assert(zk_slice_eq(e.body, zk_slice_str(body)));
    }
    ck_assert_uint_eq(e.hash, hash);
    ck_assert(!group_next(&g, &e));
    ck_assert_uint_eq(g.count, 0);
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(a_group_is_laid_out_as_the_header_says)
{
    struct zk_buf buf;
    zk_buf_init(&buf);
    group_begin(&buf, 0x1122334455667788u);
    uint64_t hash = group_add(&buf, 0x1122334455667788u, 0x100000002u, ENTRY_CLOSE, zk_slice_str("ab"));
    group_end(&buf, 1);
    uint8_t want[GROUP_HEADER_BYTES + GROUP_ENTRY_BYTES + 2] = {
        1, 0, 0, 0, 1, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, /* format, count, hash before */
        0, 0, 0, 1, 0, 0, 0, 2, 4,                                     /* zxid, kind */
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 'a', 'b',                  /* hash, length, body */
    };
    for (int i = 0; i < 8; i++)
        want[22 + i] = (uint8_t)(hash >> (56 - 8 * i));
    ck_assert(zk_slice_eq(zk_buf_slice(&buf), zk_slice(want, sizeof want)));
    zk_buf_fini(&buf);
}
END_TEST

/* Pinned: a hash that changed between releases or machines would make every store a stranger. */
START_TEST(the_chain_hash_never_changes)
{
    ck_assert_uint_eq(entry_hash(0, 1, ENTRY_FOUNDING, zk_slice_str("")), UINT64_C(0x873156fb11afae61));
    ck_assert_uint_eq(entry_hash(5, ZXID, ENTRY_COMMAND, zk_slice_str("hello")), UINT64_C(0x33197ba162039a52));
}
END_TEST

START_TEST(the_hash_depends_on_all_it_covers)
{
    struct zk_slice body = zk_slice_str("x");
    uint64_t hash = entry_hash(1, 2, 3, body);
    ck_assert_uint_ne(hash, entry_hash(2, 2, 3, body));
    ck_assert_uint_ne(hash, entry_hash(1, 3, 3, body));
    ck_assert_uint_ne(hash, entry_hash(1, 2, 4, body));
    ck_assert_uint_ne(hash, entry_hash(1, 2, 3, zk_slice_str("y")));
    ck_assert_uint_ne(hash, entry_hash(1, 2, 3, zk_slice_str("")));
}
END_TEST

START_TEST(a_large_body_hashes_as_if_in_one_piece)
{
    uint8_t bytes[4096];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    /* Around the size where hashing goes over to pieces, one byte more always changes the value. */
    for (size_t len = 1000; len < 1100; len++)
        ck_assert_uint_ne(entry_hash(0, 1, 16, zk_slice(bytes, len)), entry_hash(0, 1, 16, zk_slice(bytes, len + 1)));
    struct zk_buf buf;
    zk_buf_init(&buf);
    group_begin(&buf, 0);
    uint64_t hash = group_add(&buf, 0, 1, ENTRY_COMMAND, zk_slice(bytes, sizeof bytes));
    group_end(&buf, 1);
    uint64_t first, last, got;
    ck_assert(group_check(zk_buf_slice(&buf), &first, &last, &got));
    ck_assert_uint_eq(got, hash);
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(one_flipped_bit_anywhere_is_found)
{
    struct zk_buf buf;
    make_group(&buf, 99, ZXID, 3);
    uint64_t first, last, hash;
    ck_assert(group_check(zk_buf_slice(&buf), &first, &last, &hash));
    for (size_t bit = 0; bit < buf.len * 8; bit++) {
        buf.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_msg(!group_check(zk_buf_slice(&buf), &first, &last, &hash), "bit %zu", bit);
        buf.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(a_group_cut_short_or_with_bytes_behind_is_refused)
{
    struct zk_buf buf;
    make_group(&buf, 99, ZXID, 3);
    uint64_t first, last, hash;
    for (size_t len = 0; len < buf.len; len++) {
        uint8_t *exact = zk_memdup(buf.ptr, len); /* so that the sanitizer sees a read past the end */
        ck_assert_msg(!group_check(zk_slice(exact, len), &first, &last, &hash), "length %zu", len);
        free(exact);
    }
    zk_buf_append_byte(&buf, 0);
    ck_assert(!group_check(zk_buf_slice(&buf), &first, &last, &hash));
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(a_count_the_bytes_cannot_hold_is_refused_at_once)
{
    struct zk_buf buf;
    make_group(&buf, 99, ZXID, 1);
    struct group g;
    memset(buf.ptr + 1, 0xff, 4);
    ck_assert(!group_open(zk_buf_slice(&buf), &g));
    memset(buf.ptr + 1, 0, 4);
    ck_assert(!group_open(zk_buf_slice(&buf), &g));
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(zxids_must_ascend)
{
    struct zk_buf buf;
    zk_buf_init(&buf);
    group_begin(&buf, 0);
    uint64_t hash = group_add(&buf, 0, 5, ENTRY_COMMAND, zk_slice_str("a"));
    group_add(&buf, hash, 5, ENTRY_COMMAND, zk_slice_str("b"));
    group_end(&buf, 2);
    uint64_t first, last;
    ck_assert(!group_check(zk_buf_slice(&buf), &first, &last, &hash));
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(head_and_tail_are_groups_that_chain)
{
    struct zk_buf buf;
    uint64_t last_hash = make_group(&buf, 99, ZXID, 5);
    for (uint32_t cut = 0; cut < 4; cut++) {
        struct zk_buf head = {0}, tail = {0};
        uint64_t first, last, hash;
        ck_assert(group_head(zk_buf_slice(&buf), ZXID + cut, &head));
        ck_assert(group_check(zk_buf_slice(&head), &first, &last, &hash));
        ck_assert_uint_eq(first, ZXID);
        ck_assert_uint_eq(last, ZXID + cut);
        struct group g;
        ck_assert(group_tail(zk_buf_slice(&buf), ZXID + cut, &tail));
        ck_assert(group_open(zk_buf_slice(&tail), &g));
        ck_assert_uint_eq(g.prev_hash, hash);
        ck_assert(group_check(zk_buf_slice(&tail), &first, &last, &hash));
        ck_assert_uint_eq(first, ZXID + cut + 1);
        ck_assert_uint_eq(last, ZXID + 4);
        ck_assert_uint_eq(hash, last_hash);
        zk_buf_fini(&head);
        zk_buf_fini(&tail);
    }
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(an_empty_head_or_tail_is_refused_and_a_whole_one_is_the_group)
{
    struct zk_buf buf, out = {0};
    make_group(&buf, 99, ZXID, 2);
    ck_assert(!group_head(zk_buf_slice(&buf), ZXID - 1, &out));
    ck_assert(!group_tail(zk_buf_slice(&buf), ZXID + 1, &out));
    ck_assert_uint_eq(out.len, 0);
    ck_assert(group_head(zk_buf_slice(&buf), UINT64_MAX, &out));
    ck_assert(zk_slice_eq(zk_buf_slice(&out), zk_buf_slice(&buf)));
    zk_buf_reset(&out);
    ck_assert(group_tail(zk_buf_slice(&buf), 0, &out));
    ck_assert(zk_slice_eq(zk_buf_slice(&out), zk_buf_slice(&buf)));
    zk_buf_fini(&out);
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(rows_come_back_and_an_absent_value_is_not_an_empty_one)
{
    struct zk_buf buf = {0};
    storage_rows_put(&buf, zk_slice_str("\x10/a"), zk_slice_str("value"));
    storage_rows_put(&buf, zk_slice_str("\x10/b"), zk_slice_str(""));
    storage_rows_put(&buf, zk_slice_str("\x10/c"), (struct zk_slice){NULL, 0});
    struct zk_slice rows = zk_buf_slice(&buf), key, value;
    bool bad;
    ck_assert(storage_rows_next(&rows, &key, &value, &bad));
    ck_assert(zk_slice_eq(key, zk_slice_str("\x10/a")) && zk_slice_eq(value, zk_slice_str("value")));
    ck_assert(storage_rows_next(&rows, &key, &value, &bad));
    ck_assert(value.ptr != NULL && value.len == 0);
    ck_assert(storage_rows_next(&rows, &key, &value, &bad));
    ck_assert(value.ptr == NULL);
    ck_assert(!storage_rows_next(&rows, &key, &value, &bad));
    ck_assert(!bad);
    for (size_t len = 1; len < buf.len; len++) {
        rows = zk_slice(buf.ptr, len);
        while (storage_rows_next(&rows, &key, &value, &bad))
            continue;
        ck_assert(bad || rows.len == 0);
    }
    zk_buf_fini(&buf);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("group");
    tcase_add_test(tc, what_was_added_is_read_back_in_order);
    tcase_add_test(tc, a_group_is_laid_out_as_the_header_says);
    tcase_add_test(tc, the_chain_hash_never_changes);
    tcase_add_test(tc, the_hash_depends_on_all_it_covers);
    tcase_add_test(tc, a_large_body_hashes_as_if_in_one_piece);
    tcase_add_test(tc, one_flipped_bit_anywhere_is_found);
    tcase_add_test(tc, a_group_cut_short_or_with_bytes_behind_is_refused);
    tcase_add_test(tc, a_count_the_bytes_cannot_hold_is_refused_at_once);
    tcase_add_test(tc, zxids_must_ascend);
    tcase_add_test(tc, head_and_tail_are_groups_that_chain);
    tcase_add_test(tc, an_empty_head_or_tail_is_refused_and_a_whole_one_is_the_group);
    tcase_add_test(tc, rows_come_back_and_an_absent_value_is_not_an_empty_one);
    return run_tests("group", tc);
}
