/* test_jute.c: proves common/jute.h and buf.h: what is put is got back, and no length is believed. */
#include "common/jute.h"
#include "tests/unit/run.h"

START_TEST(what_is_put_is_got_back)
{
    struct zk_buf buf;
    zk_buf_init(&buf);
    zk_jute_put_u8(&buf, 200);
    zk_jute_put_bool(&buf, true);
    zk_jute_put_int(&buf, INT32_MIN);
    zk_jute_put_long(&buf, -2);
    zk_jute_put_cstring(&buf, "text");
    zk_jute_put_buffer(&buf, zk_slice(NULL, 0));
    zk_jute_put_buffer(&buf, zk_slice("", 0));
    struct zk_jute in = zk_jute(zk_buf_slice(&buf));
    ck_assert_uint_eq(zk_jute_u8(&in), 200);
    ck_assert(zk_jute_bool(&in));
    ck_assert_int_eq(zk_jute_int(&in), INT32_MIN);
    ck_assert_int_eq(zk_jute_long(&in), -2);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("text")));
    ck_assert_ptr_null(zk_jute_buffer(&in).ptr);
    struct zk_slice empty = zk_jute_buffer(&in);
    ck_assert_ptr_nonnull(empty.ptr);
    ck_assert_uint_eq(empty.len, 0);
    ck_assert_uint_eq(zk_jute_left(&in), 0);
    ck_assert(!in.bad);
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(numbers_are_big_endian)
{
    struct zk_buf buf;
    zk_buf_init(&buf);
    zk_jute_put_int(&buf, 0x01020304);
    zk_jute_put_long(&buf, 0x0102030405060708);
    static const uint8_t want[] = {1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8};
    ck_assert_uint_eq(buf.len, sizeof want);
    ck_assert_mem_eq(buf.ptr, want, sizeof want);
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(a_read_past_the_end_gives_zero_and_stays_bad)
{
    static const uint8_t three[] = {0xff, 0xff, 0xff, 7};
    struct zk_jute in = zk_jute(zk_slice(three, 3));
    ck_assert_int_eq(zk_jute_int(&in), 0);
    ck_assert(in.bad);
    ck_assert_uint_eq(zk_jute_u8(&in), 0); /* though there are bytes left */
    ck_assert_ptr_null(zk_jute_rest(&in).ptr);
    struct zk_jute none = zk_jute(zk_slice(NULL, 0));
    ck_assert_int_eq(zk_jute_long(&none), 0);
    ck_assert(none.bad);
}
END_TEST

START_TEST(a_length_beyond_the_frame_is_bad)
{
    static const uint8_t lengths[][8] = {
        {0, 0, 0, 5, 'a', 'b', 'c', 'd'}, {0x7f, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0xfe}, {0x80, 0, 0, 0}};
    for (size_t i = 0; i < 4; i++) {
        struct zk_jute in = zk_jute(zk_slice(lengths[i], 8));
        ck_assert_ptr_null(zk_jute_buffer(&in).ptr);
        ck_assert(in.bad);
    }
    struct zk_jute null = zk_jute(zk_slice("\xff\xff\xff\xff", 4));
    ck_assert_ptr_null(zk_jute_buffer(&null).ptr);
    ck_assert(!null.bad);
}
END_TEST

START_TEST(a_count_is_bounded_by_what_its_elements_take)
{
    struct {
        const char *bytes;
        int32_t count;
        bool bad;
    } cases[] = {{"\0\0\0\2abcdefgh", 2, false},
                 {"\0\0\0\3abcdefgh", 0, true},
                 {"\x7f\xff\xff\xff"
                  "abcdefgh",
                  0, true},
                 {"\xff\xff\xff\xff"
                  "abcdefgh",
                  -1, false},
                 {"\xff\xff\xff\xfe"
                  "abcdefgh",
                  0, false},
                 {"\0\0\0\0abcdefgh", 0, false}};
    for (size_t i = 0; i < ZK_COUNT_OF(cases); i++) {
        struct zk_jute in = zk_jute(zk_slice(cases[i].bytes, 12));
        ck_assert_int_eq(zk_jute_count(&in, 4), cases[i].count);
        ck_assert(in.bad == cases[i].bad);
    }
}
END_TEST

START_TEST(a_frame_gets_its_length_when_it_ends)
{
    struct zk_buf buf;
    zk_buf_init(&buf);
    zk_jute_put_u8(&buf, 9);
    size_t start = zk_jute_begin_frame(&buf);
    zk_jute_put_cstring(&buf, "xyz");
    zk_jute_end_frame(&buf, start);
    static const uint8_t want[] = {9, 0, 0, 0, 7, 0, 0, 0, 3, 'x', 'y', 'z'};
    ck_assert_uint_eq(buf.len, sizeof want);
    ck_assert_mem_eq(buf.ptr, want, sizeof want);
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(a_buf_at_its_limit_fails_once_and_for_all)
{
    struct zk_buf buf;
    zk_buf_init(&buf);
    buf.limit = 8;
    zk_jute_put_int(&buf, 1);
    ck_assert(!buf.failed);
    zk_jute_put_cstring(&buf, "long");
    ck_assert(buf.failed);
    size_t len = buf.len;
    zk_buf_append_byte(&buf, 1);
    ck_assert_uint_eq(buf.len, len);
    zk_buf_reset(&buf);
    zk_jute_put_long(&buf, 1);
    ck_assert(!buf.failed);
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(slices_are_ordered_bytewise_and_null_is_not_empty)
{
    ck_assert_int_lt(zk_slice_cmp(zk_slice_str("a"), zk_slice_str("ab")), 0);
    ck_assert_int_gt(zk_slice_cmp(zk_slice_str("\xff"), zk_slice_str("a")), 0);
    ck_assert_int_eq(zk_slice_cmp(zk_slice_str("a"), zk_slice_str("a")), 0);
    ck_assert(!zk_slice_eq(zk_slice(NULL, 0), zk_slice("", 0)));
    ck_assert(zk_slice_eq(zk_slice(NULL, 0), zk_slice(NULL, 0)));
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("jute");
    tcase_add_test(tc, what_is_put_is_got_back);
    tcase_add_test(tc, numbers_are_big_endian);
    tcase_add_test(tc, a_read_past_the_end_gives_zero_and_stays_bad);
    tcase_add_test(tc, a_length_beyond_the_frame_is_bad);
    tcase_add_test(tc, a_count_is_bounded_by_what_its_elements_take);
    tcase_add_test(tc, a_frame_gets_its_length_when_it_ends);
    tcase_add_test(tc, a_buf_at_its_limit_fails_once_and_for_all);
    tcase_add_test(tc, slices_are_ordered_bytewise_and_null_is_not_empty);
    return run_tests("jute", tc);
}
