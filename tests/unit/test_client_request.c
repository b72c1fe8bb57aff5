/* test_client_request.c: proves client/core.h: what becomes of requests and their answers, and the chroot. */
#include "tests/unit/client_kit.h"

START_TEST(xids_count_from_one_and_wait_for_the_window)
{
    start((struct zkc_config){.outstanding_max = 2});
    ask(1, ZK_OP_EXISTS, "/a", 0);
    connect_with(0);
    ask(2, ZK_OP_EXISTS, "/a", 0);
    ask(3, ZK_OP_EXISTS, "/a", 0);
    expect_request(1, ZK_OP_EXISTS);
    expect_request(2, ZK_OP_EXISTS);
    expect_silence();
    answer_stat(1, 1);
    expect_request(3, ZK_OP_EXISTS);
}
END_TEST

START_TEST(never_more_than_k_unanswered_with_a_memory)
{
    start_connected();
    for (uint64_t tag = 1; tag <= K + 2; tag++)
        ask(tag, ZK_OP_EXISTS, "/a", 0);
    ck_assert_uint_eq(zkc_outstanding(c), K);
    answer_stat(1, 1);
    ck_assert_uint_eq(zkc_outstanding(c), K);
    ck_assert_uint_eq(zkc_unfinished(c), K + 1);
}
END_TEST

START_TEST(with_a_memory_everything_unanswered_is_sent_again_under_the_same_xids)
{
    start_connected();
    ask(1, ZK_OP_SET_DATA, "/a", 0);
    ask(2, ZK_OP_GET_DATA, "/a", 0);
    ask(3, ZK_OP_CREATE, "/b", 0);
    answer_stat(1, 10);
    break_connection();
    ask(4, ZK_OP_DELETE, "/c", 0);
    connect_with(K);
    expect_request(2, ZK_OP_GET_DATA);
    expect_request(3, ZK_OP_CREATE);
    expect_request(4, ZK_OP_DELETE);
    expect_silence();
    answer(2, 11, ZK_ERR_NO_NODE, zk_slice(NULL, 0));
    answer_path(3, 11, "/b");
    ck_assert_str_eq(heard(), "connected; done 1 0; connecting; connected again; done 2 -101; done 3 0 /b; ");
}
END_TEST

START_TEST(without_a_memory_what_was_sent_is_lost_and_what_was_not_is_kept)
{
    start((struct zkc_config){.outstanding_max = 1});
    connect_with(0);
    ask(1, ZK_OP_SET_DATA, "/a", 0);
    ask(2, ZK_OP_SET_DATA, "/b", 0);
    heard();
    break_connection();
    ck_assert_str_eq(heard(), "done 1 -4; connecting; ");
    connect_with(0);
    expect_request(2, ZK_OP_SET_DATA);
}
END_TEST

START_TEST(a_memory_that_a_server_does_not_have_any_more_is_a_connection_loss)
{
    start_connected();
    ask(1, ZK_OP_SET_DATA, "/a", 0);
    break_connection();
    heard();
    connect_with(0);
    ck_assert_str_eq(heard(), "done 1 -4; connected again; ");
    expect_silence();
}
END_TEST

START_TEST(an_answer_out_of_order_ends_the_connection)
{
    start_connected();
    ask(1, ZK_OP_EXISTS, "/a", 0);
    ask(2, ZK_OP_EXISTS, "/a", 0);
    heard();
    hung_up = false;
    answer_stat(2, 1);
    ck_assert(hung_up);
    ck_assert_str_eq(heard(), "connecting; ");
}
END_TEST

START_TEST(xids_wrap_to_one)
{
    start_connected();
    c->next_xid = INT32_MAX;
    ask(1, ZK_OP_EXISTS, "/a", 0);
    ask(2, ZK_OP_EXISTS, "/a", 0);
    expect_request(INT32_MAX, ZK_OP_EXISTS);
    expect_request(1, ZK_OP_EXISTS);
    heard();
    answer_stat(INT32_MAX, 1);
    answer_stat(1, 1);
    ck_assert_str_eq(heard(), "done 1 0; done 2 0; ");
}
END_TEST

START_TEST(a_request_they_always_drop_us_for_is_given_up)
{
    start_connected();
    ask(1, ZK_OP_SET_DATA, "/poison", 0);
    ask(2, ZK_OP_SET_DATA, "/a", 0);
    for (int i = 1; i < ZKC_RESENDS_MAX; i++) {
        break_connection();
        connect_with(K);
        heard();
    }
    break_connection();
    ck_assert_str_eq(heard(), "done 1 -4; connecting; ");
    connect_with(K);
    expect_request(2, ZK_OP_SET_DATA);
}
END_TEST

START_TEST(an_opcode_of_ours_that_the_server_does_not_know_costs_the_connection_and_nothing_else)
{
    start((struct zkc_config){0});
    connect_with(0);
    heard();
    ask(1, ZK_OP_GET_CHILDREN_PAGE, "/a", 0);
    expect_request(1, ZK_OP_GET_CHILDREN_PAGE);
    dialled = false;
    answer(1, 5, ZK_ERR_UNIMPLEMENTED, zk_slice("", 0));
    ck_assert_str_eq(heard(), "done 1 -6; connecting; ");
    ck_assert(hung_up || dialled);
    ask(2, ZK_OP_GET_CHILDREN, "/a", 0); /* waits for the next connection */
    wait_ms(1000);
    ck_assert(dialled);
    connect_with(0);
    expect_request(2, ZK_OP_GET_CHILDREN);
    ck_assert_str_eq(heard(), "connected again; ");
}
END_TEST

START_TEST(impossible_requests_are_refused_at_once)
{
    static const uint8_t big[2000];
    start((struct zkc_config){.request_bytes_max = 1000});
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_EXISTS, .path = zk_slice_str("a")}),
                     ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_CREATE, .path = zk_slice_str("/a"), .flags = 4}),
                     ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_RECONFIG, .path = zk_slice_str("/a")}),
                     ZK_ERR_UNIMPLEMENTED);
    ck_assert_int_eq(
        submit((struct zkc_request){.op = ZK_OP_SET_DATA, .path = zk_slice_str("/a"), .data = zk_slice(big, 980)}),
        ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(
        submit((struct zkc_request){.op = ZK_OP_SET_DATA, .path = zk_slice_str("/a"), .data = zk_slice(big, 900)}),
        0);
    ck_assert_uint_eq(zkc_unfinished(c), 1);
}
END_TEST

START_TEST(the_queue_has_an_end)
{
    start((struct zkc_config){0});
    struct zkc_request r = {.op = ZK_OP_EXISTS, .path = zk_slice_str("/a")};
    for (int i = 0; i < ZKC_QUEUE_COUNT_MAX; i++)
        ck_assert_int_eq(zkc_submit(c, now_ms, &r), 0);
    ck_assert_int_eq(zkc_submit(c, now_ms, &r), ZK_ERR_THROTTLED_OP);
}
END_TEST

START_TEST(a_request_timeout_completes_it_and_its_late_answer_is_dropped)
{
    start((struct zkc_config){.request_timeout_ms = 500});
    connect_with(K);
    ask(1, ZK_OP_SET_DATA, "/a", 0);
    heard();
    wait_ms(499);
    ck_assert_str_eq(heard(), "");
    wait_ms(1);
    ck_assert_str_eq(heard(), "done 1 -7; ");
    answer_stat(1, 1);
    ck_assert_str_eq(heard(), "");
    ask(2, ZK_OP_SET_DATA, "/a", 0);
    answer_stat(2, 2);
    ck_assert_str_eq(heard(), "done 2 0; ");
}
END_TEST

START_TEST(a_multi_tells_which_step_failed)
{
    start((struct zkc_config){.chroot = zk_slice_str("/app")});
    connect_with(K);
    struct zkc_request steps[] = {{.op = ZK_OP_CHECK, .path = zk_slice_str("/a"), .version = 3},
                                  {.op = ZK_OP_DELETE, .path = zk_slice_str("/b"), .version = -1}};
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_MULTI, .steps = steps, .step_count = 2, .tag = 8}), 0);
    struct zk_jute in = next_frame();
    ck_assert_int_eq(zk_request_header_decode(&in).op, ZK_OP_MULTI);
    ck_assert_int_eq(zk_multi_header_decode(&in).type, ZK_OP_CHECK);
    struct zk_path_version check = zk_path_version_decode(&in);
    ck_assert(zk_slice_eq(check.path, zk_slice_str("/app/a")));
    struct zk_buf body = {0};
    zk_multi_header_encode(&body, (struct zk_multi_header){-1, false, 0});
    zk_jute_put_int(&body, 0);
    zk_multi_header_encode(&body, (struct zk_multi_header){-1, false, ZK_ERR_NOT_EMPTY});
    zk_jute_put_int(&body, ZK_ERR_NOT_EMPTY);
    zk_multi_header_encode(&body, ZK_MULTI_END);
    heard();
    answer(1, 9, 0, zk_buf_slice(&body));
    ck_assert_str_eq(heard(), "done 8 -111; ");
    zk_buf_fini(&body);
}
END_TEST

START_TEST(a_multi_read_goes_well_as_a_whole_whatever_its_parts_say)
{
    start((struct zkc_config){.chroot = zk_slice_str("/top")});
    connect_with(0);
    struct zkc_request steps[] = {{.op = ZK_OP_GET_DATA, .path = zk_slice_str("/a")},
                                  {.op = ZK_OP_GET_CHILDREN, .path = zk_slice_str("/")}};
    ck_assert_int_eq(
        submit((struct zkc_request){.op = ZK_OP_MULTI_READ, .steps = steps, .step_count = 2, .tag = 8}), 0);
    struct zk_jute in = next_frame();
    ck_assert_int_eq(zk_request_header_decode(&in).op, ZK_OP_MULTI_READ);
    ck_assert_int_eq(zk_multi_header_decode(&in).type, ZK_OP_GET_DATA);
    ck_assert(zk_slice_eq(zk_path_watch_decode(&in).path, zk_slice_str("/top/a")));
    ck_assert_int_eq(zk_multi_header_decode(&in).type, ZK_OP_GET_CHILDREN);
    ck_assert(zk_slice_eq(zk_path_watch_decode(&in).path, zk_slice_str("/top")));
    ck_assert(zk_multi_header_decode(&in).done);
    heard();
    struct zk_buf body = {0};
    zk_multi_header_encode(&body, (struct zk_multi_header){ZK_OP_ERROR, false, ZK_ERR_NO_NODE});
    zk_jute_put_int(&body, ZK_ERR_NO_NODE);
    zk_multi_header_encode(&body, (struct zk_multi_header){ZK_OP_GET_CHILDREN, false, 0});
    zk_jute_put_int(&body, 1);
    zk_jute_put_cstring(&body, "b");
    zk_multi_header_encode(&body, ZK_MULTI_END);
    answer(1, 5, 0, zk_buf_slice(&body));
    ck_assert_str_eq(heard(), "done 8 0; ");
    zk_buf_fini(&body);
    steps[1].op = ZK_OP_DELETE;
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_MULTI_READ, .steps = steps, .step_count = 2}),
                     ZK_ERR_BAD_ARGUMENTS);
}
END_TEST

START_TEST(a_prefix_of_ephemerals_keeps_its_slash_below_the_chroot)
{
    start((struct zkc_config){.chroot = zk_slice_str("/top")});
    connect_with(0);
    static const char *const prefixes[][2] = {{"/", "/top/"}, {"/a/", "/top/a/"}, {"/a", "/top/a"}};
    for (size_t i = 0; i < ZK_COUNT_OF(prefixes); i++) {
        ask(1, ZK_OP_GET_EPHEMERALS, prefixes[i][0], 0);
        struct zk_jute in = next_frame();
        ck_assert_int_eq(zk_request_header_decode(&in).op, ZK_OP_GET_EPHEMERALS);
        ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str(prefixes[i][1])));
    }
    struct zkc_request config = {.op = ZK_OP_GET_DATA, .path = zk_slice_str("/zookeeper/config"), .no_chroot = true};
    ck_assert_int_eq(submit(config), 0);
    struct zk_jute in = next_frame();
    (void)zk_request_header_decode(&in);
    ck_assert(zk_slice_eq(zk_path_watch_decode(&in).path, config.path));
}
END_TEST

START_TEST(a_multi_too_large_to_be_remembered_tells_its_outcome_without_steps)
{
    struct zkc_request steps[] = {{.op = ZK_OP_DELETE, .path = zk_slice_str("/a")}};
    start_connected();
    for (uint64_t tag = 1; tag <= 2; tag++)
        submit((struct zkc_request){.op = ZK_OP_MULTI, .steps = steps, .step_count = 1, .tag = tag});
    heard();
    answer(1, 5, 0, zk_slice(NULL, 0));
    answer(2, 6, ZK_ERR_NOT_EMPTY, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "done 1 0; done 2 -111; ");
}
END_TEST

START_TEST(a_malformed_answer_is_an_error_of_its_request_only)
{
    start_connected();
    ask(1, ZK_OP_GET_DATA, "/a", 0);
    ask(2, ZK_OP_EXISTS, "/a", 0);
    heard();
    answer(1, 1, 0, zk_slice_str("xx"));
    answer_stat(2, 1);
    ck_assert_str_eq(heard(), "done 1 -5; done 2 0; ");
}
END_TEST

START_TEST(the_chroot_is_put_before_and_taken_away)
{
    start((struct zkc_config){.chroot = zk_slice_str("/app/x/")});
    connect_with(K);
    ask(1, ZK_OP_CREATE, "/a", 0);
    struct zk_jute in = next_frame();
    zk_request_header_decode(&in);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("/app/x/a")));
    ask(2, ZK_OP_EXISTS, "/", 70);
    in = next_frame();
    zk_request_header_decode(&in);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("/app/x")));
    heard();
    answer_path(1, 1, "/app/x/a");
    answer_stat(2, 1);
    notify(ZK_EVENT_DATA_CHANGED, "/app/x");
    ck_assert_str_eq(heard(), "done 1 0 /a; done 2 0 watching; watch 70 event 3 / last; ");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("requests");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, xids_count_from_one_and_wait_for_the_window);
    tcase_add_test(tests, never_more_than_k_unanswered_with_a_memory);
    tcase_add_test(tests, with_a_memory_everything_unanswered_is_sent_again_under_the_same_xids);
    tcase_add_test(tests, without_a_memory_what_was_sent_is_lost_and_what_was_not_is_kept);
    tcase_add_test(tests, a_memory_that_a_server_does_not_have_any_more_is_a_connection_loss);
    tcase_add_test(tests, an_answer_out_of_order_ends_the_connection);
    tcase_add_test(tests, xids_wrap_to_one);
    tcase_add_test(tests, a_request_they_always_drop_us_for_is_given_up);
    tcase_add_test(tests, an_opcode_of_ours_that_the_server_does_not_know_costs_the_connection_and_nothing_else);
    tcase_add_test(tests, impossible_requests_are_refused_at_once);
    tcase_add_test(tests, the_queue_has_an_end);
    tcase_add_test(tests, a_request_timeout_completes_it_and_its_late_answer_is_dropped);
    tcase_add_test(tests, a_multi_tells_which_step_failed);
    tcase_add_test(tests, a_multi_read_goes_well_as_a_whole_whatever_its_parts_say);
    tcase_add_test(tests, a_prefix_of_ephemerals_keeps_its_slash_below_the_chroot);
    tcase_add_test(tests, a_multi_too_large_to_be_remembered_tells_its_outcome_without_steps);
    tcase_add_test(tests, a_malformed_answer_is_an_error_of_its_request_only);
    tcase_add_test(tests, the_chroot_is_put_before_and_taken_away);
    return run_tests("client requests", tests);
}
