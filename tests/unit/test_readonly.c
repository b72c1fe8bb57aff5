/* test_readonly.c: proves server/replica/readonly.c: one server of three, alone. */
#include "server/replica/core.h"
#include "tests/unit/replica_kit.h"
#include "tests/unit/run.h"

#define GRACE_MS 2000

static void alone_of_three(struct replica_config *config)
{
    config->read_only_mode = true;
    config->zab.sync_limit = 30; /* 3 s: longer than the time until the mode begins */
    config->zab.member_count = 3;
    for (uint64_t i = 0; i < 3; i++)
        config->zab.members[i] = (struct zab_member){.id = i + 1, .role = ZAB_PARTICIPANT, .weight = 1};
}

static void alone_and_not_read_only(struct replica_config *config)
{
    alone_of_three(config);
    config->read_only_mode = false;
}

static void setup_alone(void)
{
    alter_config = alone_of_three;
    setup();
}

static void setup_refusing(void)
{
    alter_config = alone_and_not_read_only;
    setup();
}

static bool is_read_only(void)
{
    struct replica_report report;
    replica_report_get(r, &report);
    ck_assert(!report.serving);
    return report.is_read_only;
}

static void ask_to_join(uint64_t conn, const struct session *s, bool has_byte, bool read_only)
{
    static const uint8_t zeros[ZK_PASSWORD_BYTES];
    send_connect(conn, &(struct zk_connect_request){.timeout_ms = 400, .session_id = s ? s->id : 0,
                                                    .password = zk_slice(s ? s->password : zeros, ZK_PASSWORD_BYTES),
                                                    .has_read_only = has_byte, .read_only = read_only});
    pass(10);
}

static struct session join_read_only(uint64_t conn)
{
    ask_to_join(conn, NULL, true, true);
    struct zk_connect_response response = expect_connected(conn);
    ck_assert(response.has_read_only && response.read_only);
    ck_assert_int_ne(response.session_id, 0);
    struct session s = {.id = response.session_id};
    memcpy(s.password, response.password.ptr, ZK_PASSWORD_BYTES);
    return s;
}

START_TEST(it_begins_after_some_time_without_a_quorum_and_who_waited_is_sent_away)
{
    ask_to_join(1, NULL, true, true);
    ask_to_join(2, NULL, true, false);
    pass(GRACE_MS - 300);
    ck_assert(!is_read_only());
    ck_assert(is_silent(1) && !lines[2].closed);
    pass(300);
    ck_assert(is_read_only());
    ck_assert(lines[1].closed && lines[2].closed && is_silent(1));
}
END_TEST

START_TEST(it_does_not_begin_while_a_leader_brings_this_server_level)
{
    for (r->phase = ZAB_SYNCING; r->now_ms - r->leaderless_since_ms < 2 * GRACE_MS; now_ms += STEP_MS) {
        replica_time(r, now_ms, (int64_t)now_ms);
        readonly_step(r);
        ck_assert(!r->is_read_only);
    }
    r->phase = ZAB_LOOKING;
    readonly_step(r);
    ck_assert(r->is_read_only);
}
END_TEST

START_TEST(nobody_is_served_where_it_is_not_switched_on)
{
    pass(2 * GRACE_MS);
    ck_assert(!is_read_only());
    ask_to_join(1, NULL, true, true);
    ck_assert(is_silent(1));
}
END_TEST

START_TEST(who_did_not_ask_for_it_is_closed_without_a_word)
{
    pass(GRACE_MS);
    ask_to_join(1, NULL, true, false);
    ask_to_join(2, NULL, false, false);
    ck_assert(lines[1].closed && is_silent(1));
    ck_assert(lines[2].closed && is_silent(2));
}
END_TEST

START_TEST(reads_are_answered_and_what_needs_a_quorum_is_refused_in_its_place)
{
    pass(GRACE_MS);
    join_read_only(1);
    send_path(1, 1, ZK_OP_EXISTS, "/zookeeper", true);
    send_create(1, 2, "/a", 0);
    send_delete(1, 3, "/a");
    send_path(1, 4, ZK_OP_SYNC, "/", false);
    send_bare(1, 5, ZK_OP_MULTI);
    send_bare(1, 6, ZK_OP_RECONFIG);
    send_bare(1, 7, ZK_OP_CHECK);
    send_bare(1, ZK_XID_PING, ZK_OP_PING);
    send_path(1, 8, ZK_OP_GET_CHILDREN, "/", true);
    pass(10);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
    for (int32_t xid = 2; xid <= 7; xid++)
        ck_assert_int_eq(expect_reply(1, xid), ZK_ERR_NOT_READ_ONLY);
    ck_assert_int_eq(expect_reply(1, ZK_XID_PING), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 8), ZK_ERR_OK);
    send_bare(1, 9, ZK_OP_CLOSE_SESSION);
    pass(10);
    ck_assert_int_eq(expect_reply(1, 9), ZK_ERR_OK);
    ck_assert(lines[1].closed);
    ck_assert_ptr_null(r->locals);
}
END_TEST

START_TEST(its_clients_are_not_those_whom_the_sync_limit_closes)
{
    pass(GRACE_MS);
    join_read_only(1);
    for (int i = 0; i < 40; i++) {
        send_bare(1, ZK_XID_PING, ZK_OP_PING);
        pass(100);
    }
    ck_assert(!lines[1].closed);
    pass(600);
    ck_assert(lines[1].closed); /* it fell silent */
    ck_assert_ptr_null(r->locals);
}
END_TEST

START_TEST(a_session_comes_back_to_the_server_that_gave_it_and_an_unknown_one_has_expired)
{
    pass(GRACE_MS);
    struct session s = join_read_only(1);
    ask_to_join(2, &s, true, true);
    ck_assert_int_eq(expect_connected(2).session_id, s.id);
    ck_assert(lines[1].closed && !lines[2].closed);
    s.password[5] ^= 1;
    ask_to_join(3, &s, true, true);
    ck_assert_int_eq(expect_connected(3).session_id, 0);
    ck_assert(lines[3].closed && !lines[2].closed);
    s.id++;
    ask_to_join(4, &s, true, true);
    struct zk_connect_response told = expect_connected(4);
    ck_assert(told.session_id == 0 && told.timeout_ms == 0 && told.read_only && lines[4].closed);
}
END_TEST

START_TEST(a_close_behind_a_read_put_off_ends_nothing_once_the_session_is_another_connections)
{
    pass(GRACE_MS);
    struct session s = join_read_only(1);
    replica_client_behind(r, 1, true);
    send_path(1, 1, ZK_OP_EXISTS, "/zookeeper", false);
    send_bare(1, 2, ZK_OP_CLOSE_SESSION);
    send_connect(2, &(struct zk_connect_request){.timeout_ms = 400, .session_id = s.id, .has_read_only = true,
                                                 .read_only = true,
                                                 .password = zk_slice(s.password, ZK_PASSWORD_BYTES)});
    replica_client_closed(r, 1);
    ck_assert_ptr_null(replica_check(r));
    pass(10);
    ck_assert_int_eq(expect_connected(2).session_id, s.id);
    begin(ZK_XID_AUTH, ZK_OP_AUTH);
    zk_auth_packet_encode(&frame, &(struct zk_auth_packet){.scheme = zk_slice_str("digest"),
                                                           .auth = zk_slice_str("joe:secret")});
    send_frame(2);
    pass(10);
    ck_assert_int_eq(expect_reply(2, ZK_XID_AUTH), ZK_ERR_OK);
}
END_TEST

START_TEST(of_a_session_that_may_live_where_the_quorum_is_nothing_is_said)
{
    pass(GRACE_MS);
    struct session of_the_log = {.id = INT64_C(0x500000028)}, of_another = {.id = (int64_t)(SESSION_LOCAL_BIT | 77)};
    ask_to_join(1, &of_the_log, true, true);
    ask_to_join(2, &of_another, true, true);
    ck_assert(lines[1].closed && is_silent(1));
    ck_assert(lines[2].closed && is_silent(2));
}
END_TEST

START_TEST(who_has_seen_more_than_this_server_is_refused_here_too)
{
    pass(GRACE_MS);
    send_connect(1, &(struct zk_connect_request){.timeout_ms = 400, .last_zxid_seen = 5, .has_read_only = true,
                                                 .read_only = true,
                                                 .password = zk_slice("0123456789abcdef", ZK_PASSWORD_BYTES)});
    pass(10);
    ck_assert(lines[1].closed && is_silent(1));
}
END_TEST

START_TEST(when_there_is_a_quorum_they_are_closed_and_their_sessions_gone)
{
    pass(GRACE_MS);
    join_read_only(1);
    readonly_end(r);
    turn();
    ck_assert(lines[1].closed);
    ck_assert_ptr_null(r->locals);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("readonly");
    TCase *tc = tcase_create("alone");
    tcase_add_checked_fixture(tc, setup_alone, teardown);
    tcase_add_test(tc, it_begins_after_some_time_without_a_quorum_and_who_waited_is_sent_away);
    tcase_add_test(tc, it_does_not_begin_while_a_leader_brings_this_server_level);
    tcase_add_test(tc, who_did_not_ask_for_it_is_closed_without_a_word);
    tcase_add_test(tc, reads_are_answered_and_what_needs_a_quorum_is_refused_in_its_place);
    tcase_add_test(tc, its_clients_are_not_those_whom_the_sync_limit_closes);
    tcase_add_test(tc, a_session_comes_back_to_the_server_that_gave_it_and_an_unknown_one_has_expired);
    tcase_add_test(tc, a_close_behind_a_read_put_off_ends_nothing_once_the_session_is_another_connections);
    tcase_add_test(tc, of_a_session_that_may_live_where_the_quorum_is_nothing_is_said);
    tcase_add_test(tc, who_has_seen_more_than_this_server_is_refused_here_too);
    tcase_add_test(tc, when_there_is_a_quorum_they_are_closed_and_their_sessions_gone);
    suite_add_tcase(suite, tc);
    TCase *off = tcase_create("not switched on");
    tcase_add_checked_fixture(off, setup_refusing, teardown);
    tcase_add_test(off, nobody_is_served_where_it_is_not_switched_on);
    suite_add_tcase(suite, off);
    return run_all(srunner_create(suite));
}
