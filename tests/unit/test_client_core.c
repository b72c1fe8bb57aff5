/* test_client_core.c: proves client/core.h: the session: handshakes, time, ends and identities. */
#include "tests/unit/client_kit.h"

/* Attempts fail meanwhile. */
static void wait_long_and_dial(uint64_t ms)
{
    dialled = false;
    wait_ms(ms);
    if (!dialled)
        wait_ms(zkc_deadline_ms(c) - now_ms);
    ck_assert(dialled);
}

/* --- handshake --- */

START_TEST(the_first_handshake_asks_for_a_new_session_with_a_memory)
{
    start((struct zkc_config){0});
    struct zk_connect_request r = next_connect();
    ck_assert_int_eq(r.protocol_version, ZK_PROTOCOL_MEMORY);
    ck_assert_int_eq(r.session_id, 0);
    ck_assert_int_eq(r.timeout_ms, TIMEOUT_MS);
    ck_assert_uint_eq(r.password.len, ZK_PASSWORD_BYTES);
    ck_assert(r.has_read_only);
    answer_connect(SESSION, K);
    ck_assert_str_eq(heard(), "connected; ");
    ck_assert_int_eq(zkc_memory(c), K);
    ck_assert_int_eq(zkc_session_id(c), SESSION);
}
END_TEST

START_TEST(an_apache_server_answers_without_memory)
{
    start((struct zkc_config){0});
    connect_with(0);
    ck_assert_int_eq(zkc_memory(c), 0);
    ck_assert_str_eq(heard(), "connected; ");
}
END_TEST

START_TEST(reconnecting_names_the_session_and_the_last_zxid_seen)
{
    start_connected();
    ask(1, ZK_OP_EXISTS, "/a", 0);
    answer_stat(1, 77);
    notify(ZK_EVENT_CREATED, "/nobody-listens");
    break_connection();
    struct zk_connect_request r = next_connect();
    ck_assert_int_eq(r.session_id, SESSION);
    ck_assert_int_eq(r.last_zxid_seen, 77);
    ck_assert_int_eq(r.protocol_version, ZK_PROTOCOL_MEMORY);
    ck_assert_int_eq(memcmp(r.password.ptr, "0123456789abcdef", ZK_PASSWORD_BYTES), 0);
    answer_connect(SESSION, K);
    ck_assert_str_eq(heard(), "connected; done 1 0; connecting; connected again; ");
}
END_TEST

START_TEST(a_session_from_another_process_goes_on_without_memory)
{
    start((struct zkc_config){.session_id = 99, .password = "fedcba9876543210"});
    struct zk_connect_request r = next_connect();
    ck_assert_int_eq(r.session_id, 99);
    ck_assert_int_eq(r.protocol_version, ZK_PROTOCOL_APACHE);
    answer_connect(99, 0);
    ck_assert_str_eq(heard(), "connected again; ");
    break_connection();
    ck_assert_int_eq(next_connect().protocol_version, ZK_PROTOCOL_APACHE);
}
END_TEST

START_TEST(a_session_that_another_took_meanwhile_goes_on_without_memory)
{
    start_connected();
    ask(1, ZK_OP_SET_DATA, "/a", 0);
    heard();
    break_connection();
    ck_assert_int_eq(next_connect().protocol_version, ZK_PROTOCOL_MEMORY);
    answer_connect(SESSION, 0); /* as a server does whose session has lost its memory to another */
    ck_assert_str_eq(heard(), "connecting; done 1 -4; connected again; ");
    ck_assert_int_eq(zkc_memory(c), 0);
    expect_silence();
    ask(2, ZK_OP_SET_DATA, "/a", 0);
    expect_request(2, ZK_OP_SET_DATA);
    break_connection();
    ck_assert_str_eq(heard(), "done 2 -4; connecting; ");
    ck_assert_int_eq(next_connect().protocol_version, ZK_PROTOCOL_APACHE);
}
END_TEST

static void answer_read_only(void)
{
    answer_handshake((struct zk_connect_response){.timeout_ms = TIMEOUT_MS, .session_id = 77, .read_only = true});
}

START_TEST(a_session_without_a_quorum_gives_way_to_another_and_its_watches_stay)
{
    start((struct zkc_config){.read_only = true});
    ck_assert(next_connect().read_only);
    answer_read_only();
    ck_assert(zkc_is_read_only(c));
    ask(1, ZK_OP_EXISTS, "/a", 9);
    expect_request(1, ZK_OP_EXISTS);
    answer_stat(1, 5);
    ask(2, ZK_OP_DELETE, "/a", 0);
    expect_request(2, ZK_OP_DELETE);
    answer(2, 5, ZK_ERR_NOT_READ_ONLY, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "connected; done 1 0 watching; done 2 -119; ");
    break_connection();
    ck_assert(!zkc_is_read_only(c));
    struct zk_connect_request r = next_connect();
    ck_assert_int_eq(r.session_id, 0);
    ck_assert_int_eq(r.last_zxid_seen, 5);
    ck_assert_int_eq(r.protocol_version, ZK_PROTOCOL_MEMORY);
    answer_connect(SESSION, K);
    expect_request(ZK_XID_SET_WATCHES, ZK_OP_SET_WATCHES);
    ck_assert_int_eq(zkc_session_id(c), SESSION);
    ck_assert_int_eq(zkc_memory(c), K);
}
END_TEST

START_TEST(a_session_that_goes_on_without_a_quorum_for_a_while_is_not_given_up)
{
    start((struct zkc_config){.read_only = true});
    next_connect();
    answer_connect(77, 0);
    break_connection();
    next_connect();
    answer_read_only();
    ck_assert(zkc_is_read_only(c));
    break_connection();
    ck_assert_int_eq(next_connect().session_id, 77);
}
END_TEST

START_TEST(closing_a_session_without_a_quorum_needs_no_other_connection)
{
    start((struct zkc_config){.read_only = true});
    next_connect();
    answer_read_only();
    step(ZKC_EVENT_CLOSE, zk_slice(NULL, 0));
    heard();
    step(ZKC_EVENT_DISCONNECTED, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "connecting; closed; ");
}
END_TEST

START_TEST(a_frame_may_come_byte_by_byte)
{
    start_connected();
    ask(1, ZK_OP_SYNC, "/a", 0);
    heard();
    struct zk_buf out = {0};
    size_t at = zk_jute_begin_frame(&out);
    zk_reply_header_encode(&out, (struct zk_reply_header){1, 5, 0});
    zk_jute_put_cstring(&out, "/a");
    zk_jute_end_frame(&out, at);
    for (size_t i = 0; i < out.len; i++) {
        ck_assert_str_eq(heard(), "");
        step(ZKC_EVENT_DATA, zk_slice(out.ptr + i, 1));
    }
    ck_assert_str_eq(heard(), "done 1 0 /a; ");
    zk_buf_fini(&out);
}
END_TEST

START_TEST(all_servers_are_dialled_before_it_waits_and_never_in_one_breath_again)
{
    start((struct zkc_config){.server_count = 3});
    ck_assert_uint_eq(conn, 1);
    uint64_t began = now_ms;
    break_connection();
    break_connection();
    ck_assert_uint_eq(now_ms, began);
    dialled = false;
    step(ZKC_EVENT_DISCONNECTED, zk_slice(NULL, 0));
    ck_assert(!dialled);
    uint64_t deadline = zkc_deadline_ms(c);
    ck_assert_uint_gt(deadline, now_ms);
    ck_assert_uint_le(deadline, now_ms + ZKC_BACKOFF_MIN_MS);
    wait_ms(deadline - now_ms);
    ck_assert(dialled);
}
END_TEST

START_TEST(who_is_thrown_out_again_and_again_comes_back_ever_more_slowly)
{
    start((struct zkc_config){.server_count = 1});
    uint64_t waited = 0;
    for (int i = 0; i < 12; i++) {
        connect_with(K);
        uint64_t lost = now_ms;
        break_connection();
        waited = now_ms - lost;
    }
    ck_assert_uint_ge(waited, ZKC_BACKOFF_MAX_MS / 2);
    connect_with(K);
    wait_ms(ZKC_STEADY_MS);
    uint64_t lost = now_ms;
    break_connection();
    ck_assert_uint_eq(now_ms, lost); /* that one held: an ordinary loss */
}
END_TEST

START_TEST(a_server_that_does_not_answer_the_handshake_is_left)
{
    start((struct zkc_config){.server_count = 3});
    next_connect();
    uint32_t first = conn;
    wait_ms(TIMEOUT_MS / 3);
    ck_assert_uint_eq(conn, first + 1);
}
END_TEST

START_TEST(news_of_an_old_connection_is_ignored)
{
    start((struct zkc_config){.server_count = 2});
    uint32_t old = conn;
    break_connection();
    zkc_step(c, &(struct zkc_event){.type = ZKC_EVENT_CONNECTED, .now_ms = now_ms, .conn = old});
    drain();
    expect_silence();
}
END_TEST

/* --- time --- */

START_TEST(an_idle_session_pings_at_a_third_and_leaves_at_two_thirds)
{
    start((struct zkc_config){.server_count = 2});
    connect_with(K);
    wait_ms(TIMEOUT_MS / 3 - 1);
    expect_silence();
    wait_ms(1);
    expect_request(ZK_XID_PING, ZK_OP_PING);
    answer(ZK_XID_PING, 0, 0, zk_slice(NULL, 0));
    wait_ms(TIMEOUT_MS / 3);
    expect_request(ZK_XID_PING, ZK_OP_PING);
    uint32_t before = conn;
    wait_ms(TIMEOUT_MS / 3);
    ck_assert_uint_eq(conn, before + 1);
}
END_TEST

START_TEST(a_session_timeout_without_word_means_lost_but_not_expired)
{
    start_connected();
    heard();
    uint64_t lost = now_ms;
    break_connection();
    wait_ms(lost + TIMEOUT_MS - 1 - now_ms);
    ck_assert_str_eq(heard(), "connecting; ");
    wait_ms(1);
    ck_assert_str_eq(heard(), "lost; ");
    wait_long_and_dial(60000);
    connect_with(K);
    ck_assert_str_eq(heard(), "connected again; ");
}
END_TEST

/* --- the end --- */

/* "Expired", and the results of two writes. */
static void answer_expired(int32_t xid, const char *path, int32_t other_xid, int32_t err)
{
    struct zk_buf past = {0}, record = {0};
    zk_jute_put_int(&past, 2);
    zk_jute_put_cstring(&record, path);
    zk_past_write_encode(&past, &(struct zk_past_write){.xid = xid, .zxid = 8, .record = zk_buf_slice(&record)});
    zk_past_write_encode(&past, &(struct zk_past_write){.xid = other_xid, .zxid = 9, .err = err});
    answer_handshake((struct zk_connect_response){
        .protocol_version = ZK_PROTOCOL_MEMORY, .memory = K, .past = zk_buf_slice(&past)});
    zk_buf_fini(&past);
    zk_buf_fini(&record);
}

START_TEST(expiry_ends_requests_and_watches_and_then_says_so)
{
    start_connected();
    ask(1, ZK_OP_GET_CHILDREN2, "/a", 50);
    ask(2, ZK_OP_EXISTS, "/b", 60);
    answer(1, 3, ZK_ERR_NO_NODE, zk_slice(NULL, 0));
    answer(2, 3, ZK_ERR_NO_NODE, zk_slice(NULL, 0));
    ask(3, ZK_OP_GET_DATA, "/a", 0);
    heard();
    break_connection();
    next_connect();
    answer_connect(0, 0);
    ck_assert_str_eq(heard(), "connecting; done 3 -112; watch 60 event -3 /b last; expired; ");
    ck_assert(hung_up);
    ck_assert_uint_eq(zkc_deadline_ms(c), UINT64_MAX);
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_SYNC, .path = zk_slice_str("/")}),
                     ZK_ERR_SESSION_EXPIRED);
}
END_TEST

START_TEST(a_write_of_an_expired_session_has_its_true_result_or_never_happened)
{
    start((struct zkc_config){.chroot = zk_slice_str("/app")});
    connect_with(K);
    ask(1, ZK_OP_CREATE, "/s-", 0);
    ask(2, ZK_OP_GET_DATA, "/a", 0);
    ask(3, ZK_OP_DELETE, "/a", 0);
    ask(4, ZK_OP_SET_DATA, "/b", 0);
    ask(5, ZK_OP_DELETE, "/c", 0); /* waits: K are unanswered */
    heard();
    break_connection();
    next_connect();
    answer_expired(1, "/app/s-0000000004", 3, ZK_ERR_NO_NODE);
    ck_assert_str_eq(heard(), "connecting; done 1 0 /s-0000000004; done 2 -112; done 3 -101; done 4 -112; "
                              "done 5 -112; expired; ");
    ck_assert_uint_eq(zkc_unfinished(c), 0);
}
END_TEST

START_TEST(when_nobody_remembers_the_session_its_writes_are_lost_and_not_expired)
{
    start_connected();
    ask(1, ZK_OP_CREATE, "/a", 0);
    ask(2, ZK_OP_GET_DATA, "/a", 0);
    heard();
    break_connection();
    ask(3, ZK_OP_CREATE, "/b", 0);
    next_connect();
    answer_connect(0, 0);
    ck_assert_str_eq(heard(), "connecting; done 1 -4; done 2 -112; done 3 -112; expired; ");
}
END_TEST

START_TEST(a_past_that_cannot_be_read_is_asked_for_again)
{
    start_connected();
    ask(1, ZK_OP_CREATE, "/a", 0);
    break_connection();
    next_connect();
    heard();
    dialled = false;
    answer_handshake(
        (struct zk_connect_response){.protocol_version = ZK_PROTOCOL_MEMORY, .past = zk_slice("\0\0\0\1xx", 6)});
    wait_ms(1000);
    ck_assert(dialled);
    next_connect();
    answer_expired(1, "/a", 2, 0);
    ck_assert_str_eq(heard(), "done 1 0 /a; expired; ");
}
END_TEST

START_TEST(closing_tells_the_results_of_writes_whose_answers_were_lost_with_its_own)
{
    start_connected();
    ask(1, ZK_OP_CREATE, "/a", 0);
    ask(2, ZK_OP_DELETE, "/b", 0);
    step(ZKC_EVENT_CLOSE, zk_slice(NULL, 0));
    heard();
    break_connection();
    next_connect();
    answer_expired(1, "/a", 2, ZK_ERR_NO_NODE);
    ck_assert_str_eq(heard(), "connecting; done 1 0 /a; done 2 -101; closed; ");
}
END_TEST

START_TEST(closing_lets_earlier_requests_finish)
{
    start_connected();
    ask(1, ZK_OP_EXISTS, "/a", 0);
    heard();
    step(ZKC_EVENT_CLOSE, zk_slice(NULL, 0));
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_SYNC, .path = zk_slice_str("/")}), ZK_ERR_CLOSING);
    expect_request(1, ZK_OP_EXISTS);
    expect_request(2, ZK_OP_CLOSE_SESSION);
    answer_stat(1, 1);
    answer(2, 2, 0, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "done 1 0; closed; ");
    ck_assert(hung_up);
}
END_TEST

START_TEST(closing_gives_up_after_its_grace)
{
    start((struct zkc_config){.close_grace_ms = 100});
    connect_with(0);
    heard();
    break_connection();
    ask(1, ZK_OP_EXISTS, "/a", 0);
    step(ZKC_EVENT_CLOSE, zk_slice(NULL, 0));
    wait_ms(100);
    ck_assert_str_eq(heard(), "connecting; done 1 -116; closed; ");
}
END_TEST

START_TEST(closing_takes_its_time_while_answers_come)
{
    start((struct zkc_config){.close_grace_ms = 100});
    connect_with(K);
    for (uint64_t tag = 1; tag <= 3; tag++)
        ask(tag, ZK_OP_EXISTS, "/a", 0);
    step(ZKC_EVENT_CLOSE, zk_slice(NULL, 0));
    heard();
    for (int32_t xid = 1; xid <= 3; xid++) {
        wait_ms(99);
        answer_stat(xid, 1);
    }
    ck_assert_str_eq(heard(), "done 1 0; done 2 0; done 3 0; ");
    wait_ms(100);
    ck_assert_str_eq(heard(), "closed; ");
}
END_TEST

START_TEST(closing_is_asked_for_again_on_a_new_connection)
{
    start((struct zkc_config){0});
    connect_with(0);
    heard();
    step(ZKC_EVENT_CLOSE, zk_slice(NULL, 0));
    break_connection();
    connect_with(0);
    expect_request(2, ZK_OP_CLOSE_SESSION);
    break_connection();
    next_connect();
    answer_connect(0, 0);
    ck_assert_str_eq(heard(), "connecting; connected again; connecting; closed; ");
}
END_TEST

/* --- identities --- */

static void add_auth(uint64_t tag, const char *who)
{
    ck_assert_int_eq(submit((struct zkc_request){
                         .op = ZK_OP_AUTH, .scheme = zk_slice_str("digest"), .data = zk_slice_str(who), .tag = tag}),
                     0);
}

START_TEST(identities_go_first_on_every_connection)
{
    start((struct zkc_config){0});
    add_auth(1, "a:b");
    ask(2, ZK_OP_EXISTS, "/a", 0);
    connect_with(K);
    expect_request(ZK_XID_AUTH, ZK_OP_AUTH);
    expect_request(1, ZK_OP_EXISTS);
    answer(ZK_XID_AUTH, 0, 0, zk_slice(NULL, 0));
    heard();
    add_auth(3, "a:b");
    ck_assert_str_eq(heard(), "done 3 0; ");
    break_connection();
    connect_with(K);
    expect_request(ZK_XID_AUTH, ZK_OP_AUTH);
    expect_request(1, ZK_OP_EXISTS);
    answer(ZK_XID_AUTH, 0, 0, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "connecting; connected again; ");
}
END_TEST

START_TEST(a_refused_identity_ends_the_session_for_us)
{
    start_connected();
    add_auth(1, "a:b");
    ask(2, ZK_OP_EXISTS, "/a", 0);
    heard();
    answer(ZK_XID_AUTH, 0, ZK_ERR_AUTH_FAILED, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "done 2 -115; done 1 -115; auth-failed; ");
}
END_TEST

/* Any bytes from a server: the core may hang up, it may not break. */
START_TEST(any_bytes_at_all_are_survived)
{
    struct zk_rng rng;
    zk_rng_seed(&rng, 11, 3);
    for (int round = 0; round < 2000; round++) {
        start((struct zkc_config){0});
        if (round % 4 != 0) {
            connect_with(round % 2 ? K : 0);
            ask(1, ZK_OP_GET_CHILDREN2, "/a", 5);
            ask(2, ZK_OP_GET_DATA, "/a", 6);
        }
        uint8_t bytes[200];
        zk_rng_fill(&rng, bytes, sizeof bytes);
        bytes[0] = bytes[1] = bytes[2] = 0;
        if (round % 3 == 0) {
            memset(bytes + 4, 0xff, 4);
            bytes[7] = (uint8_t)zk_rng_between(&rng, 0xf0, 0xff);
        }
        if (conn != 0 && round % 5 == 0)
            step(ZKC_EVENT_CONNECTED, zk_slice(NULL, 0));
        step(ZKC_EVENT_DATA, zk_slice(bytes, sizeof bytes));
        heard();
        zkc_free(c);
        c = NULL;
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("core");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_first_handshake_asks_for_a_new_session_with_a_memory);
    tcase_add_test(tests, an_apache_server_answers_without_memory);
    tcase_add_test(tests, reconnecting_names_the_session_and_the_last_zxid_seen);
    tcase_add_test(tests, a_session_from_another_process_goes_on_without_memory);
    tcase_add_test(tests, a_session_that_another_took_meanwhile_goes_on_without_memory);
    tcase_add_test(tests, a_session_without_a_quorum_gives_way_to_another_and_its_watches_stay);
    tcase_add_test(tests, a_session_that_goes_on_without_a_quorum_for_a_while_is_not_given_up);
    tcase_add_test(tests, closing_a_session_without_a_quorum_needs_no_other_connection);
    tcase_add_test(tests, a_frame_may_come_byte_by_byte);
    tcase_add_test(tests, all_servers_are_dialled_before_it_waits_and_never_in_one_breath_again);
    tcase_add_test(tests, who_is_thrown_out_again_and_again_comes_back_ever_more_slowly);
    tcase_add_test(tests, a_server_that_does_not_answer_the_handshake_is_left);
    tcase_add_test(tests, news_of_an_old_connection_is_ignored);
    tcase_add_test(tests, an_idle_session_pings_at_a_third_and_leaves_at_two_thirds);
    tcase_add_test(tests, a_session_timeout_without_word_means_lost_but_not_expired);
    tcase_add_test(tests, expiry_ends_requests_and_watches_and_then_says_so);
    tcase_add_test(tests, a_write_of_an_expired_session_has_its_true_result_or_never_happened);
    tcase_add_test(tests, when_nobody_remembers_the_session_its_writes_are_lost_and_not_expired);
    tcase_add_test(tests, a_past_that_cannot_be_read_is_asked_for_again);
    tcase_add_test(tests, closing_tells_the_results_of_writes_whose_answers_were_lost_with_its_own);
    tcase_add_test(tests, closing_lets_earlier_requests_finish);
    tcase_add_test(tests, closing_gives_up_after_its_grace);
    tcase_add_test(tests, closing_takes_its_time_while_answers_come);
    tcase_add_test(tests, closing_is_asked_for_again_on_a_new_connection);
    tcase_add_test(tests, identities_go_first_on_every_connection);
    tcase_add_test(tests, a_refused_identity_ends_the_session_for_us);
    tcase_add_test(tests, any_bytes_at_all_are_survived);
    return run_tests("client core", tests);
}
