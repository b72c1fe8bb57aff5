/* test_keeper.c: proves what zkd has of ClickHouse Keeper's: every request byte by byte as ClickHouse writes it
 * (src/Common/ZooKeeper/ZooKeeperCommon.cpp, in which a bool and a list's type are a byte each), and what it reads. */
#include "tests/unit/replica_kit.h"

/* A frame of these bytes. */
static void send_bytes(const uint8_t *bytes, size_t len)
{
    zk_buf_reset(&frame);
    zk_buf_append(&frame, bytes, len);
    send_frame(1);
}

#define SEND(...)                                                                                                      \
    do {                                                                                                               \
        static const uint8_t bytes_[] = {__VA_ARGS__};                                                                 \
        send_bytes(bytes_, sizeof bytes_);                                                                             \
        pass(20);                                                                                                      \
    } while (0)

#define INT(n) 0, 0, (n) >> 8 & 255, (n) & 255
#define MINUS_1 0xff, 0xff, 0xff, 0xff
#define HEADER(xid, op) INT(xid), INT(op)
#define STEP(op) INT(op), 0, MINUS_1
#define STEPS_END MINUS_1, 1, MINUS_1
#define PATH_A INT(2), '/', 'a'
#define PATH_N INT(2), '/', 'n'
#define NO_DATA INT(0)
#define OPEN_ACL INT(1), INT(31), INT(5), 'w', 'o', 'r', 'l', 'd', INT(6), 'a', 'n', 'y', 'o', 'n', 'e'

static struct zk_jute expect_record(int32_t xid)
{
    struct zk_jute in = next_frame(1);
    struct zk_reply_header h = zk_reply_header_decode(&in);
    ck_assert(!in.bad);
    ck_assert_int_eq(h.xid, xid);
    ck_assert_int_eq(h.err, ZK_ERR_OK);
    return in;
}

static void expect_names(struct zk_jute *in, const char *names)
{
    char have[256] = "";
    for (int32_t count = zk_jute_count(in, 4); count > 0; count--) {
        struct zk_slice name = zk_jute_string(in);
        size_t len = strlen(have);
        snprintf(have + len, sizeof have - len, "%.*s ", (int)name.len, (const char *)name.ptr);
    }
    ck_assert_str_eq(have, names);
}

static void expect_end(const struct zk_jute *in)
{
    ck_assert(!in->bad);
    ck_assert_uint_eq(zk_jute_left(in), 0);
}

static void make(const char *path, int32_t flags)
{
    send_create(1, 1, path, flags);
    pass(20);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
}

/* /a with two children, of which one is ephemeral. */
static void plant(void)
{
    open_session(1);
    make("/a", 0);
    make("/a/e", ZK_FLAG_EPHEMERAL);
    make("/a/p", 0);
    make("/a/p/q", 0);
}

START_TEST(what_the_server_can_do_is_told_where_clickhouse_looks_for_it)
{
    open_session(1);
    send_path(1, 2, ZK_OP_GET_DATA, "/keeper/feature_flags", false);
    turn();
    struct zk_jute in = expect_record(2);
    /* filtered list, multi-read, check-not-exists, create-if-not-exists, remove-recursive, no multi-watches, check-stat,
     * persistent watches; create with stats, try-remove, list with stat and data */
    static const uint8_t flags[] = {0xfb, 0xe0};
    ck_assert(zk_slice_eq(zk_jute_buffer(&in), zk_slice(flags, sizeof flags)));
    ck_assert_int_eq(zk_stat_decode(&in).data_length, 2);
    expect_end(&in);
    send_path(1, 3, ZK_OP_GET_DATA, "/keeper/api_version", false);
    turn();
    in = expect_record(3);
    ck_assert(zk_slice_eq(zk_jute_buffer(&in), zk_slice_str("3")));
    send_path(1, 4, ZK_OP_GET_CHILDREN, "/", false);
    send_path(1, 5, ZK_OP_GET_DATA, "/keeper", false);
    turn();
    in = expect_record(4);
    expect_names(&in, "zookeeper ");
    ck_assert_int_eq(expect_reply(1, 5), ZK_ERR_NO_NODE);
}
END_TEST

START_TEST(a_filtered_list_shows_all_or_persistent_or_ephemeral_children_and_leaves_a_watch)
{
    plant();
    SEND(HEADER(2, 500), PATH_A, 0, 0);
    SEND(HEADER(3, 500), PATH_A, 0, 1);
    SEND(HEADER(4, 500), PATH_A, 1, 2);
    SEND(HEADER(5, 500), PATH_A, 0, 3);
    SEND(HEADER(6, 500), PATH_N, 1, 0);
    static const char *const names[] = {"e p ", "p ", "e "};
    for (int32_t xid = 2; xid <= 4; xid++) {
        struct zk_jute in = expect_record(xid);
        expect_names(&in, names[xid - 2]);
        ck_assert_int_eq(zk_stat_decode(&in).num_children, 2);
        expect_end(&in);
    }
    ck_assert_int_eq(expect_reply(1, 5), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(expect_reply(1, 6), ZK_ERR_NO_NODE);
    send_create(1, 7, "/a/x", 0);
    pass(20);
    expect_event(1, ZK_EVENT_CHILDREN_CHANGED, "/a");
    ck_assert_int_eq(expect_reply(1, 7), ZK_ERR_OK);
}
END_TEST

START_TEST(a_list_with_stats_and_data_has_them_in_the_order_of_the_names)
{
    plant();
    SEND(HEADER(2, 506), PATH_A, 0, 0, 1, 1);
    struct zk_jute in = expect_record(2);
    expect_names(&in, "e p ");
    ck_assert_int_eq(zk_stat_decode(&in).num_children, 2);
    ck_assert_int_eq(zk_jute_count(&in, ZK_STAT_BYTES), 2);
    ck_assert(zk_stat_decode(&in).ephemeral_owner != 0);
    ck_assert_int_eq(zk_stat_decode(&in).num_children, 1);
    ck_assert_int_eq(zk_jute_count(&in, 4), 2);
    struct zk_slice e = zk_jute_buffer(&in), p = zk_jute_buffer(&in);
    ck_assert(e.ptr != NULL && zk_slice_eq(e, p));
    expect_end(&in);
    SEND(HEADER(3, 506), PATH_A, 0, 2, 0, 1);
    in = expect_record(3);
    expect_names(&in, "e ");
    (void)zk_stat_decode(&in);
    ck_assert_int_eq(zk_jute_count(&in, ZK_STAT_BYTES), 0);
    ck_assert_int_eq(zk_jute_count(&in, 4), 1);
    (void)zk_jute_buffer(&in);
    expect_end(&in);
    SEND(HEADER(4, 506), PATH_A, 0, 0, 1); /* a byte short */
    ck_assert_int_eq(expect_reply(1, 4), ZK_ERR_MARSHALLING_ERROR);
}
END_TEST

START_TEST(a_recursive_list_is_whole_paths_level_by_level_up_to_its_limit)
{
    plant();
    make("/a/p/q/r", 0);
    SEND(HEADER(2, 507), PATH_A, INT(100));
    SEND(HEADER(3, 507), PATH_A, INT(2));
    SEND(HEADER(4, 507), PATH_A, INT(0));
    SEND(HEADER(5, 507), PATH_N, INT(1));
    static const char *const paths[] = {"/a/e /a/p /a/p/q /a/p/q/r ", "/a/e /a/p ", ""};
    for (int32_t xid = 2; xid <= 4; xid++) {
        struct zk_jute in = expect_record(xid);
        expect_names(&in, paths[xid - 2]);
        expect_end(&in);
    }
    ck_assert_int_eq(expect_reply(1, 5), ZK_ERR_NO_NODE);
}
END_TEST

START_TEST(create_if_not_exists_makes_a_node_once_and_gives_its_path_each_time)
{
    open_session(1);
    SEND(HEADER(2, 502), PATH_A, INT(1), 'x', OPEN_ACL, INT(0));
    SEND(HEADER(3, 502), PATH_A, INT(1), 'y', OPEN_ACL, INT(0));
    for (int32_t xid = 2; xid <= 3; xid++) {
        struct zk_jute in = expect_record(xid);
        ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("/a")));
        expect_end(&in);
    }
    send_path(1, 4, ZK_OP_GET_DATA, "/a", false);
    turn();
    struct zk_jute in = expect_record(4);
    ck_assert(zk_slice_eq(zk_jute_buffer(&in), zk_slice_str("x")));
    SEND(HEADER(5, 502), PATH_N, NO_DATA, OPEN_ACL, INT(2)); /* sequential */
    SEND(HEADER(6, 502), INT(4), '/', 'n', '/', 'x', NO_DATA, OPEN_ACL, INT(0));
    ck_assert_int_eq(expect_reply(1, 5), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(expect_reply(1, 6), ZK_ERR_NO_NODE);
}
END_TEST

START_TEST(try_remove_removes_what_can_be_removed_and_is_never_disappointed)
{
    plant();
    SEND(HEADER(2, 505), PATH_A, MINUS_1);                     /* has children */
    SEND(HEADER(3, 505), INT(4), '/', 'a', '/', 'e', INT(7)); /* another version */
    SEND(HEADER(4, 505), PATH_N, MINUS_1);
    SEND(HEADER(5, 505), INT(4), '/', 'n', '/', 'x', MINUS_1);
    for (int32_t xid = 2; xid <= 5; xid++) {
        struct zk_jute in = expect_record(xid);
        expect_end(&in);
    }
    ck_assert(exists("/a/e"));
    SEND(HEADER(6, 505), INT(4), '/', 'a', '/', 'e', INT(0));
    SEND(HEADER(7, 505), INT(1), '/', MINUS_1);
    ck_assert_int_eq(expect_reply(1, 6), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 7), ZK_ERR_BAD_ARGUMENTS);
    ck_assert(!exists("/a/e"));
}
END_TEST

START_TEST(remove_recursive_takes_all_or_nothing)
{
    plant();
    SEND(HEADER(2, 503), PATH_A, INT(3)); /* of four */
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_NOT_EMPTY);
    ck_assert(exists("/a/e"));
    SEND(HEADER(3, 503), PATH_A, INT(4));
    struct zk_jute in = expect_record(3);
    expect_end(&in);
    ck_assert(!exists("/a"));
    SEND(HEADER(4, 503), PATH_A, INT(4));
    SEND(HEADER(5, 503), INT(1), '/', 0xff, 0xff, 0xff, 0xff);
    ck_assert_int_eq(expect_reply(1, 4), ZK_ERR_OK); /* what is not there need not be removed */
    ck_assert_int_eq(expect_reply(1, 5), ZK_ERR_BAD_ARGUMENTS);
}
END_TEST

#define LONG_MINUS_1 MINUS_1, MINUS_1
/* A Stat of which only the version counts. */
#define STAT_OF_VERSION(v)                                                                                             \
    LONG_MINUS_1, LONG_MINUS_1, LONG_MINUS_1, LONG_MINUS_1, INT(v), MINUS_1, MINUS_1, LONG_MINUS_1, MINUS_1, MINUS_1,  \
        LONG_MINUS_1

START_TEST(a_check_of_the_stat_or_of_absence_stands_by_itself_too)
{
    plant();
    SEND(HEADER(2, 501), PATH_N, MINUS_1);
    SEND(HEADER(3, 501), PATH_A, MINUS_1);
    SEND(HEADER(4, 501), PATH_A, INT(5)); /* not that one */
    SEND(HEADER(5, 504), PATH_A, MINUS_1, STAT_OF_VERSION(0));
    SEND(HEADER(6, 504), PATH_A, MINUS_1, STAT_OF_VERSION(1));
    SEND(HEADER(7, 504), PATH_A, INT(1), STAT_OF_VERSION(0));
    SEND(HEADER(8, 504), PATH_N, MINUS_1, STAT_OF_VERSION(0));
    static const int32_t errs[] = {0, ZK_ERR_NODE_EXISTS, 0, 0, ZK_ERR_BAD_VERSION, ZK_ERR_BAD_VERSION, ZK_ERR_NO_NODE};
    for (size_t i = 0; i < ZK_COUNT_OF(errs); i++)
        ck_assert_int_eq(expect_reply(1, 2 + (int32_t)i), errs[i]);
    /* a plain check does not, as in Apache's server since ZOOKEEPER-2623 */
    SEND(HEADER(9, 13), PATH_A, MINUS_1);
    ck_assert_int_eq(expect_reply(1, 9), ZK_ERR_UNIMPLEMENTED);
}
END_TEST

static void expect_step(struct zk_jute *in, int32_t type, int32_t err)
{
    struct zk_multi_header h = zk_multi_header_decode(in);
    ck_assert_int_eq(h.type, type);
    ck_assert_int_eq(h.err, err);
    ck_assert(!h.done);
    if (type == ZK_OP_ERROR)
        ck_assert_int_eq(zk_jute_int(in), err);
}

START_TEST(a_multi_takes_all_of_them_and_undoes_them)
{
    plant();
    SEND(HEADER(2, 14), STEP(501), PATH_N, MINUS_1, STEP(502), PATH_N, NO_DATA, OPEN_ACL, INT(0), STEP(502), PATH_N,
         NO_DATA, OPEN_ACL, INT(0), STEP(504), PATH_N, INT(0), STAT_OF_VERSION(0), STEP(505), PATH_A, MINUS_1, STEP(503),
         PATH_A, INT(10), STEP(503), PATH_A, INT(10), STEPS_END);
    struct zk_jute in = expect_record(2);
    expect_step(&in, 501, 0);
    for (int i = 0; i < 2; i++) {
        expect_step(&in, 502, 0);
        ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("/n")));
    }
    expect_step(&in, 504, 0);
    expect_step(&in, 505, 0);
    expect_step(&in, 503, 0);
    expect_step(&in, 503, 0);
    ck_assert(zk_multi_header_decode(&in).done);
    expect_end(&in);
    ck_assert(!exists("/a") && exists("/n"));

    SEND(HEADER(3, 14), STEP(503), PATH_N, INT(1), STEP(502), PATH_A, NO_DATA, OPEN_ACL, INT(0), STEP(501), PATH_A, MINUS_1,
         STEP(505), PATH_A, MINUS_1, STEPS_END);
    in = expect_record(3);
    expect_step(&in, ZK_OP_ERROR, 0);
    expect_step(&in, ZK_OP_ERROR, 0);
    expect_step(&in, ZK_OP_ERROR, ZK_ERR_NODE_EXISTS);
    expect_step(&in, ZK_OP_ERROR, ZK_ERR_RUNTIME_INCONSISTENCY);
    ck_assert(!exists("/a") && exists("/n"));
}
END_TEST

START_TEST(a_multi_read_takes_exists_and_filtered_lists)
{
    plant();
    SEND(HEADER(2, 22), STEP(3), PATH_A, 0, STEP(500), PATH_A, 0, 2, STEP(506), PATH_A, 0, 1, 0, 1, STEP(3), PATH_N, 0,
         STEP(8), PATH_A, 0, STEP(500), PATH_N, 0, 0, STEPS_END);
    struct zk_jute in = expect_record(2);
    expect_step(&in, 3, 0);
    ck_assert_int_eq(zk_stat_decode(&in).num_children, 2);
    expect_step(&in, 500, 0);
    expect_names(&in, "e ");
    (void)zk_stat_decode(&in);
    expect_step(&in, 506, 0);
    expect_names(&in, "p ");
    (void)zk_stat_decode(&in);
    ck_assert_int_eq(zk_jute_count(&in, 4), 0);
    ck_assert_int_eq(zk_jute_count(&in, 4), 1);
    (void)zk_jute_buffer(&in);
    expect_step(&in, ZK_OP_ERROR, ZK_ERR_NO_NODE);
    expect_step(&in, 8, 0);
    expect_names(&in, "e p ");
    expect_step(&in, ZK_OP_ERROR, ZK_ERR_NO_NODE);
    ck_assert(zk_multi_header_decode(&in).done);
    expect_end(&in);
}
END_TEST

START_TEST(what_tells_more_than_names_needs_read_on_each_child)
{
    plant();
    struct zk_buf shut = {0};
    zk_acl_vector_world(&shut, ZK_PERM_ALL & ~ZK_PERM_READ);
    begin(2, ZK_OP_SET_ACL);
    zk_set_acl_request_encode(&frame, &(struct zk_set_acl_request){zk_slice_str("/a/p"), zk_buf_slice(&shut), -1});
    send_frame(1);
    pass(20);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    SEND(HEADER(3, 500), PATH_A, 0, 0);
    SEND(HEADER(4, 500), PATH_A, 0, 2);
    SEND(HEADER(5, 506), PATH_A, 0, 0, 1, 0);
    SEND(HEADER(6, 501), INT(4), '/', 'a', '/', 'p', MINUS_1);
    SEND(HEADER(7, 507), PATH_A, INT(10));
    ck_assert_int_eq(expect_reply(1, 3), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 4), ZK_ERR_NO_AUTH);
    ck_assert_int_eq(expect_reply(1, 5), ZK_ERR_NO_AUTH);
    ck_assert_int_eq(expect_reply(1, 6), ZK_ERR_NO_AUTH);
    struct zk_jute in = expect_record(7);
    expect_names(&in, "/a/e "); /* nor what is below it */
    zk_buf_fini(&shut);
}
END_TEST

START_TEST(records_cut_short_are_malformed_and_the_connection_stays)
{
    open_session(1);
    for (int32_t op = ZK_OP_FILTERED_LIST; op <= ZK_OP_LIST_RECURSIVE; op++) {
        begin(op, op);
        zk_jute_put_cstring(&frame, "/a");
        zk_jute_put_u8(&frame, 0);
        send_frame(1);
    }
    turn();
    for (int32_t op = ZK_OP_FILTERED_LIST; op <= ZK_OP_LIST_RECURSIVE; op++)
        ck_assert_int_eq(expect_reply(1, op), ZK_ERR_MARSHALLING_ERROR);
    expect_alive(1);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("keeper");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_the_server_can_do_is_told_where_clickhouse_looks_for_it);
    tcase_add_test(tc, a_filtered_list_shows_all_or_persistent_or_ephemeral_children_and_leaves_a_watch);
    tcase_add_test(tc, a_list_with_stats_and_data_has_them_in_the_order_of_the_names);
    tcase_add_test(tc, a_recursive_list_is_whole_paths_level_by_level_up_to_its_limit);
    tcase_add_test(tc, create_if_not_exists_makes_a_node_once_and_gives_its_path_each_time);
    tcase_add_test(tc, try_remove_removes_what_can_be_removed_and_is_never_disappointed);
    tcase_add_test(tc, remove_recursive_takes_all_or_nothing);
    tcase_add_test(tc, a_check_of_the_stat_or_of_absence_stands_by_itself_too);
    tcase_add_test(tc, a_multi_takes_all_of_them_and_undoes_them);
    tcase_add_test(tc, a_multi_read_takes_exists_and_filtered_lists);
    tcase_add_test(tc, what_tells_more_than_names_needs_read_on_each_child);
    tcase_add_test(tc, records_cut_short_are_malformed_and_the_connection_stays);
    return run_tests("keeper", tc);
}
