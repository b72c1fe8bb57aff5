/* test_client_watch.c: proves client/core.h: watches. */
#include "tests/unit/client_kit.h"

START_TEST(a_watch_is_set_by_the_answer_and_fires_once)
{
    start_connected();
    heard();
    ask(1, ZK_OP_GET_DATA, "/a", 50);
    answer(1, 1, ZK_ERR_NO_NODE, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "done 1 -101; ");
    ask(2, ZK_OP_EXISTS, "/a", 51);
    answer(2, 1, ZK_ERR_NO_NODE, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "done 2 -101 watching; ");
    notify(ZK_EVENT_CREATED, "/a");
    notify(ZK_EVENT_CREATED, "/a");
    ck_assert_str_eq(heard(), "watch 51 event 1 /a last; ");
    ck_assert_uint_eq(zkc_watch_count(c), 0);
}
END_TEST

static void arm_one_of_each(void)
{
    ask(1, ZK_OP_EXISTS, "/d", 11);
    ask(2, ZK_OP_EXISTS, "/e", 12);
    answer_stat(1, 40);
    answer(2, 40, ZK_ERR_NO_NODE, zk_slice(NULL, 0));
    for (int kind = 0; kind < 2; kind++) {
        struct zkc_request r = {.op = ZK_OP_ADD_WATCH,
                                .path = zk_slice_str(kind ? "/r" : "/p"),
                                .kind = kind,
                                .tag = 3 + (uint64_t)kind,
                                .watch_tag = 13 + (uint64_t)kind};
        ck_assert_int_eq(submit(r), 0);
        answer(3 + kind, 41, 0, zk_slice(NULL, 0));
    }
    zk_buf_reset(&wire);
}

START_TEST(lasting_watches_stay_and_recursive_ones_hear_of_everything_below)
{
    start_connected();
    arm_one_of_each();
    heard();
    notify(ZK_EVENT_CHILDREN_CHANGED, "/p");
    notify(ZK_EVENT_DATA_CHANGED, "/p");
    notify(ZK_EVENT_CREATED, "/r/a/b");
    notify(ZK_EVENT_CREATED, "/rr");
    notify(ZK_EVENT_DELETED, "/r");
    ck_assert_str_eq(heard(), "watch 13 event 4 /p; watch 13 event 3 /p; watch 14 event 1 /r/a/b; "
                              "watch 14 event 2 /r; ");
}
END_TEST

START_TEST(watches_are_set_again_after_reconnecting_and_lasting_ones_told)
{
    start_connected();
    arm_one_of_each();
    break_connection();
    heard();
    connect_with(K);
    struct zk_jute in = next_frame();
    struct zk_request_header h = zk_request_header_decode(&in);
    ck_assert_int_eq(h.xid, ZK_XID_SET_WATCHES);
    ck_assert_int_eq(h.op, ZK_OP_SET_WATCHES2);
    ck_assert_int_eq(zk_jute_long(&in), 41);
    static const char *const expected[] = {"/d", "/e", NULL, "/p", "/r"};
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(zk_jute_count(&in, 4), expected[i] != NULL);
        if (expected[i] != NULL)
            ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str(expected[i])));
    }
    ck_assert(!in.bad);
    notify(ZK_EVENT_DELETED, "/d");
    answer(ZK_XID_SET_WATCHES, 44, 0, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(),
                     "connected again; watch 11 event 2 /d last; watch 13 event -2 /p; watch 14 event -2 /r; ");
}
END_TEST

START_TEST(many_watches_are_set_again_in_pieces)
{
    enum { COUNT = 3000 };
    char path[128];
    start((struct zkc_config){0});
    connect_with(0);
    for (int i = 1; i <= COUNT; i++) {
        snprintf(path, sizeof path, "/%0100d", i);
        ask((uint64_t)i, i % 2 ? ZK_OP_GET_CHILDREN2 : ZK_OP_EXISTS, path, (uint64_t)i);
        struct zk_buf body = {0};
        if (i % 2)
            zk_jute_put_int(&body, 0);
        zk_stat_encode(&body, &(struct zk_stat){0});
        answer(i, 1, 0, zk_buf_slice(&body));
        zk_buf_fini(&body);
        heard();
    }
    break_connection();
    connect_with(0);
    int paths = 0, pieces = 0;
    for (struct zk_jute in = next_frame(); !in.bad; in = next_frame()) {
        ck_assert_uint_le(zk_jute_left(&in) + 4, ZKC_SET_WATCHES_BYTES_MAX);
        ck_assert_int_eq(zk_request_header_decode(&in).op, ZK_OP_SET_WATCHES);
        zk_jute_long(&in);
        for (int vector = 0; vector < 3; vector++) {
            int32_t count = zk_jute_count(&in, 4);
            for (int32_t i = 0; i < count; i++, paths++)
                ck_assert_uint_eq(zk_jute_string(&in).len, 101);
        }
        ck_assert(!in.bad);
        ck_assert_uint_eq(zk_jute_left(&in), 0);
        pieces++;
    }
    ck_assert_int_eq(paths, COUNT);
    ck_assert_int_eq(pieces, 3);
}
END_TEST

START_TEST(removing_watches_ends_those_its_kind_names)
{
    start_connected();
    arm_one_of_each();
    heard();
    ck_assert_int_eq(
        submit((struct zkc_request){
            .op = ZK_OP_REMOVE_WATCHES, .path = zk_slice_str("/d"), .kind = ZK_WATCHER_CHILDREN, .tag = 5}),
        0);
    answer(5, 50, ZK_ERR_NO_WATCHER, zk_slice(NULL, 0));
    ck_assert_int_eq(submit((struct zkc_request){
                         .op = ZK_OP_REMOVE_WATCHES, .path = zk_slice_str("/d"), .kind = ZK_WATCHER_DATA, .tag = 6}),
                     0);
    answer(6, 50, 0, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "done 5 -121; done 6 0; watch 11 event 5 /d last; ");
    ck_assert_uint_eq(zkc_watch_count(c), 3);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("watches");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_watch_is_set_by_the_answer_and_fires_once);
    tcase_add_test(tests, lasting_watches_stay_and_recursive_ones_hear_of_everything_below);
    tcase_add_test(tests, watches_are_set_again_after_reconnecting_and_lasting_ones_told);
    tcase_add_test(tests, many_watches_are_set_again_in_pieces);
    tcase_add_test(tests, removing_watches_ends_those_its_kind_names);
    return run_tests("client watches", tests);
}
