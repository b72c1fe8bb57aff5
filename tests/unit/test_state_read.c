/* test_state_read.c: proves server/state/read.c and the small questions of state.c. */
#include "tests/unit/state_kit.h"

START_TEST(reads_of_what_is_not_there_say_so)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    struct zk_buf out;
    zk_buf_init(&out);
    static const char *const paths[] = {"/none", "/zookeeper/", "//", "none", "/zookeeper//quota"};
    for (size_t i = 0; i < ZK_COUNT_OF(paths); i++) {
        struct zk_slice path = zk_slice_str(paths[i]);
        ck_assert_int_eq(state_exists(k.s, a, path, &out), ZK_ERR_NO_NODE);
        ck_assert_int_eq(state_get_data(k.s, a, path, &out), ZK_ERR_NO_NODE);
        ck_assert_int_eq(state_get_children(k.s, a, path, true, SIZE_MAX, &out), ZK_ERR_NO_NODE);
        ck_assert_int_eq(state_get_acl(k.s, a, path, &out), ZK_ERR_NO_NODE);
        ck_assert(state_may_read_at(k.s, a, path));
        ck_assert(!kit_has(&k, paths[i]));
    }
    ck_assert_int_eq(state_exists(k.s, a, zk_slice("/a\0b", 4), &out), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(state_get_data(k.s, a, zk_slice(NULL, 0), &out), ZK_ERR_MARSHALLING_ERROR);
    ck_assert_uint_eq(out.len, 0);
    zk_buf_fini(&out);
    kit_free(&k);
}
END_TEST

START_TEST(get_data_gives_data_and_stat)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    struct zk_buf out;
    zk_buf_init(&out);
    kit_create(&k, a, "/a", "some data", 0);
    ck_assert_int_eq(state_get_data(k.s, a, zk_slice_str("/a"), &out), 0);
    struct zk_jute in = zk_jute(zk_buf_slice(&out));
    ck_assert(zk_slice_eq(zk_jute_buffer(&in), zk_slice_str("some data")));
    ck_assert_int_eq(zk_stat_decode(&in).data_length, 9);
    ck_assert_uint_eq(zk_jute_left(&in), 0);
    zk_buf_fini(&out);
    kit_free(&k);
}
END_TEST

START_TEST(get_children_gives_names_in_order_and_the_stat_if_asked)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    struct zk_buf out;
    zk_buf_init(&out);
    kit_create(&k, a, "/d", "", 0);
    kit_create(&k, a, "/d/x", "", 0);
    kit_create(&k, a, "/d/e", "", ZK_FLAG_EPHEMERAL);
    kit_create(&k, a, "/d/x/deeper", "", 0);
    ck_assert_int_eq(state_get_children(k.s, a, zk_slice_str("/d"), true, SIZE_MAX, &out), 0);
    struct zk_jute in = zk_jute(zk_buf_slice(&out));
    ck_assert_int_eq(zk_jute_count(&in, 4), 2);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("e")));
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("x")));
    ck_assert_int_eq(zk_stat_decode(&in).num_children, 2);
    ck_assert_uint_eq(zk_jute_left(&in), 0);
    zk_buf_reset(&out);
    ck_assert_int_eq(state_get_children(k.s, a, zk_slice_str("/d/e"), false, SIZE_MAX, &out), 0);
    ck_assert_uint_eq(out.len, 4);
    zk_buf_fini(&out);
    kit_free(&k);
}
END_TEST

START_TEST(one_without_a_session_may_what_the_world_may)
{
    struct kit k = kit_new();
    struct zk_buf out;
    zk_buf_init(&out);
    ck_assert_int_eq(state_exists(k.s, 0, zk_slice_str("/zookeeper/config"), &out), 0);
    ck_assert(state_may_read_at(k.s, 4711, zk_slice_str("/")));
    zk_buf_fini(&out);
    kit_free(&k);
}
END_TEST

START_TEST(what_is_counted_follows_what_is_there)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    uint64_t size = state_size_bytes(k.s);
    kit_create(&k, a, "/a", "12345", 0);
    kit_create(&k, a, "/e", "123", ZK_FLAG_EPHEMERAL);
    ck_assert_uint_eq(state_data_bytes(k.s), 8);
    ck_assert_uint_eq(state_node_count(k.s), 6);
    ck_assert_uint_eq(state_ephemeral_count(k.s), 1);
    ck_assert_uint_gt(state_size_bytes(k.s), size + 8);
    kit_set(&k, a, "/a", "1", -1);
    ck_assert_uint_eq(state_data_bytes(k.s), 4);
    kit_delete(&k, a, "/a", -1);
    kit_delete(&k, a, "/e", -1);
    ck_assert_uint_eq(state_size_bytes(k.s), size);
    ck_assert_uint_eq(state_data_bytes(k.s), 0);
    kit_free(&k);
}
END_TEST

START_TEST(a_skipped_entry_moves_the_position_alone)
{
    struct kit k = kit_new();
    kit_open(&k);
    uint64_t digest = state_digest(k.s);
    int64_t time_ms = state_time_ms(k.s);
    state_skip(k.s, k.zxid + 1);
    ck_assert_uint_eq(state_zxid(k.s), ++k.zxid);
    ck_assert_uint_eq(state_digest(k.s), digest);
    ck_assert_int_eq(state_time_ms(k.s), time_ms);
    kit_open(&k);
    kit_free(&k);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("read");
    tcase_add_test(tc, reads_of_what_is_not_there_say_so);
    tcase_add_test(tc, get_data_gives_data_and_stat);
    tcase_add_test(tc, get_children_gives_names_in_order_and_the_stat_if_asked);
    tcase_add_test(tc, one_without_a_session_may_what_the_world_may);
    tcase_add_test(tc, what_is_counted_follows_what_is_there);
    tcase_add_test(tc, a_skipped_entry_moves_the_position_alone);
    return run_tests("state_read", tc);
}
