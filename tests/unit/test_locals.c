/* test_locals.c: proves server/replica/locals.c: sessions that only their server knows, until they write. */
#include "server/replica/core.h"
#include "tests/unit/replica_kit.h"
#include "tests/unit/run.h"

static bool upgrading;

static void with_locals(struct replica_config *config)
{
    config->local_sessions = true;
    config->local_upgrading = upgrading;
}

static void setup_locals(void)
{
    alter_config = with_locals;
    setup();
}

static void setup_upgrading(void)
{
    upgrading = true;
    setup_locals();
}

/* One request under way, the others wait at the door. */
static void with_a_door(struct replica_config *config)
{
    with_locals(config);
    config->throttle_max_requests = 1;
}

static void setup_door(void)
{
    upgrading = true;
    alter_config = with_a_door;
    setup();
}

static bool is_in_the_state(struct session s)
{
    struct state_session known;
    return state_session_get(replica_state(r), (uint64_t)s.id, &known);
}

static struct session come_back(uint64_t conn, const struct session *s)
{
    struct zk_connect_response response = join(conn, s, ZK_PROTOCOL_APACHE, true);
    return (struct session){.id = response.session_id};
}

/* Without a turn. */
static void ask_back(uint64_t conn, const struct session *s)
{
    send_connect(conn, &(struct zk_connect_request){.timeout_ms = 400, .session_id = s->id,
                                                    .password = zk_slice(s->password, ZK_PASSWORD_BYTES)});
}

START_TEST(a_session_that_only_reads_never_enters_the_log)
{
    uint64_t before = state_zxid(replica_state(r));
    struct session s = open_session(1);
    ck_assert(session_began_local((uint64_t)s.id));
    send_path(1, 1, ZK_OP_EXISTS, "/zookeeper", true);
    pass(20);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
    send_bare(1, 2, ZK_OP_CLOSE_SESSION);
    pass(20);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    ck_assert(lines[1].closed);
    ck_assert_int_eq(come_back(2, &s).id, 0);
    ck_assert_uint_eq(state_session_count(replica_state(r)), 0);
    ck_assert_uint_le(state_zxid(replica_state(r)) - before, 1); /* the ATTACH of an unknown session */
}
END_TEST

START_TEST(its_time_out_is_clamped_as_the_ensembles_are)
{
    ck_assert_int_eq(join_for(1, 199).timeout_ms, 200);
    ck_assert_int_eq(join_for(2, 201).timeout_ms, 201);
    ck_assert_int_eq(join_for(3, 1999).timeout_ms, 1999);
    struct zk_connect_response response = join_for(4, 2001);
    ck_assert_int_eq(response.timeout_ms, 2000);
    struct session s = {.id = response.session_id};
    memcpy(s.password, response.password.ptr, ZK_PASSWORD_BYTES);
    send_connect(5, &(struct zk_connect_request){.timeout_ms = 199, .session_id = s.id,
                                                 .password = zk_slice(s.password, ZK_PASSWORD_BYTES)});
    pass(20);
    ck_assert_int_eq(expect_connected(5).timeout_ms, 200);
}
END_TEST

START_TEST(a_session_with_a_memory_is_the_ensembles_from_the_first)
{
    struct zk_connect_response response = join(1, NULL, ZK_PROTOCOL_MEMORY, true);
    ck_assert(!session_began_local((uint64_t)response.session_id));
    ck_assert_int_gt(response.memory, 0);
}
END_TEST

START_TEST(it_comes_back_to_its_server_by_its_password_and_its_old_connection_is_closed)
{
    struct session s = open_session(1);
    ck_assert_int_eq(come_back(2, &s).id, s.id);
    ck_assert(lines[1].closed && !lines[2].closed);
    struct session thief = s;
    thief.password[0] ^= 1;
    ck_assert_int_eq(come_back(3, &thief).id, 0);
    ck_assert(lines[3].closed && !lines[2].closed);
    replica_client_closed(r, 2);
    pass(100);
    ck_assert_int_eq(come_back(4, &s).id, s.id);
}
END_TEST

START_TEST(its_server_gives_it_up_when_it_is_not_heard_of_and_not_before)
{
    struct session silent = open_session(1);
    struct session alive = open_session(2);
    for (int i = 0; i < 5; i++) {
        send_bare(2, ZK_XID_PING, ZK_OP_PING);
        pass(50);
    }
    ck_assert(!lines[1].closed);
    for (int i = 0; i < 8; i++) {
        send_bare(2, ZK_XID_PING, ZK_OP_PING);
        pass(50);
    }
    ck_assert(lines[1].closed && !lines[2].closed);
    unsigned long silent_ms = expect_expiry(silent.id, "last heard of",
                                            " ms ago, its time-out is 400 ms; it was this server's own");
    ck_assert_uint_gt(silent_ms, 400);
    ck_assert_uint_le(silent_ms, 400 + 2 * TICK_MS);
    ck_assert_uint_eq(count_news(" expires: "), 1);
    ck_assert_int_eq(come_back(3, &silent).id, 0);
    ck_assert_int_eq(come_back(4, &alive).id, alive.id);
}
END_TEST

START_TEST(time_in_which_the_server_stood_still_does_not_count)
{
    struct session s = open_session(1);
    now_ms += 5000;
    pass(300);
    ck_assert(!lines[1].closed);
    ck_assert_int_eq(come_back(2, &s).id, s.id);
}
END_TEST

START_TEST(its_first_write_makes_it_the_ensembles_under_the_same_id)
{
    struct session s = open_session(1);
    send_create(1, 1, "/p", 0);
    send_create(1, 2, "/e", ZK_FLAG_EPHEMERAL);
    send_path(1, 3, ZK_OP_EXISTS, "/e", false);
    ck_assert(!is_in_the_state(s));
    pass(50);
    for (int32_t xid = 1; xid <= 3; xid++)
        ck_assert_int_eq(expect_reply(1, xid), ZK_ERR_OK);
    ck_assert(is_in_the_state(s) && exists("/p") && exists("/e"));
    struct replica_report report;
    replica_report_get(r, &report);
    ck_assert_uint_eq(report.local_sessions, 0);
    ck_assert_int_eq(come_back(2, &s).id, s.id);
    ck_assert(lines[1].closed && exists("/e"));
    pass(1500);
    ck_assert(!exists("/e") && exists("/p") && lines[2].closed);
}
END_TEST

START_TEST(where_upgrading_is_off_ephemerals_are_refused_and_other_writes_are_not)
{
    open_session(1);
    send_create(1, 1, "/e", ZK_FLAG_EPHEMERAL);
    send_create(1, 2, "/p", 0);
    pass(50);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_EPHEMERAL_ON_LOCAL_SESSION);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    ck_assert(!exists("/e") && exists("/p"));
}
END_TEST

START_TEST(an_upgrade_whose_connection_is_lost_happens_once_and_the_client_comes_back_behind_it)
{
    struct session s = open_session(1);
    send_create(1, 1, "/e", ZK_FLAG_EPHEMERAL);
    turn();
    disk_stall(disk, 200);
    replica_client_closed(r, 1);
    ask_back(2, &s);
    pass(100);
    ck_assert(is_silent(2) && !is_in_the_state(s));
    pass(300);
    ck_assert_int_eq(expect_connected(2).session_id, s.id);
    ck_assert(is_in_the_state(s) && exists("/e"));
    ck_assert_uint_eq(state_session_count(replica_state(r)), 1);
    send_bare(2, 1, ZK_OP_CLOSE_SESSION);
    pass(50);
    ck_assert(!exists("/e") && !is_in_the_state(s));
}
END_TEST

/* --- an UPGRADE that no leader has had --- */

START_TEST(an_upgrade_that_was_not_sent_is_given_up_with_its_connection)
{
    struct session s = open_session(1);
    send_create(1, 1, "/e", ZK_FLAG_EPHEMERAL);
    send_create(1, 2, "/p", 0);
    replica_client_closed(r, 1);
    ck_assert_ptr_null(replica_check(r));
    pass(50);
    ck_assert(!is_in_the_state(s) && !exists("/e") && !exists("/p"));
    ck_assert_int_eq(come_back(2, &s).id, s.id);
    send_create(2, 1, "/e", ZK_FLAG_EPHEMERAL);
    pass(50);
    ck_assert_int_eq(expect_reply(2, 1), ZK_ERR_OK);
    ck_assert(is_in_the_state(s) && exists("/e"));
}
END_TEST

START_TEST(nor_does_it_happen_if_the_session_is_taken_up_before_the_connections_end_is_seen)
{
    struct session s = open_session(1);
    struct session thief = s;
    thief.password[0] ^= 1;
    send_create(1, 1, "/e", ZK_FLAG_EPHEMERAL);
    ask_back(3, &thief);
    ask_back(2, &s);
    ck_assert_ptr_null(replica_check(r));
    send_create(2, 1, "/p", 0);
    pass(50);
    ck_assert(lines[1].closed && lines[3].closed);
    ck_assert_int_eq(expect_connected(2).session_id, s.id);
    ck_assert_int_eq(expect_reply(2, 1), ZK_ERR_OK);
    ck_assert(is_in_the_state(s) && !exists("/e") && exists("/p"));
}
END_TEST

START_TEST(what_was_asked_in_one_breath_with_a_close_happens_and_the_session_ends)
{
    struct session s = open_session(1);
    send_create(1, 1, "/e", ZK_FLAG_EPHEMERAL);
    send_create(1, 2, "/p", 0);
    send_bare(1, 3, ZK_OP_CLOSE_SESSION);
    replica_client_closed(r, 1);
    ask_back(2, &s);
    ck_assert_ptr_null(replica_check(r));
    pass(50);
    ck_assert(!is_in_the_state(s) && !exists("/e") && exists("/p"));
    ck_assert_int_eq(expect_connected(2).session_id, 0);
    ck_assert_ptr_null(r->locals);
}
END_TEST

START_TEST(what_a_leader_had_is_not_given_up_before_the_next_has_it)
{
    struct session s = open_session(1);
    send_create(1, 1, "/e", ZK_FLAG_EPHEMERAL);
    turn();
    disk_stall(disk, 50);
    forward_restart(r);
    replica_client_closed(r, 1);
    pass(100);
    ck_assert(is_in_the_state(s) && exists("/e"));
    ck_assert_ptr_null(r->locals);
}
END_TEST

START_TEST(a_close_behind_the_first_write_is_the_ensembles)
{
    struct session s = open_session(1);
    send_create(1, 1, "/e", ZK_FLAG_EPHEMERAL);
    send_bare(1, 2, ZK_OP_CLOSE_SESSION);
    pass(50);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    ck_assert(lines[1].closed && !exists("/e") && !is_in_the_state(s));
}
END_TEST

static void authenticate(uint64_t conn, int32_t xid, const char *credentials)
{
    begin(xid, ZK_OP_AUTH);
    zk_auth_packet_encode(&frame, &(struct zk_auth_packet){.scheme = zk_slice_str("digest"),
                                                           .auth = zk_slice_str(credentials)});
    send_frame(conn);
}

static void create_for_joe(uint64_t conn, int32_t xid, const char *path)
{
    struct zk_buf acl;
    zk_buf_init(&acl);
    zk_jute_put_int(&acl, 1);
    zk_jute_put_int(&acl, ZK_PERM_ALL);
    zk_jute_put_cstring(&acl, "auth");
    zk_jute_put_cstring(&acl, "");
    begin(xid, ZK_OP_CREATE);
    zk_create_request_encode(&frame, &(struct zk_create_request){zk_slice_str(path), zk_slice_str("x"),
                                                                 zk_buf_slice(&acl), 0});
    send_frame(conn);
    zk_buf_fini(&acl);
}

START_TEST(it_has_its_identities_before_and_after_it_is_the_ensembles)
{
    open_session(1);
    open_session(2);
    open_session(3);
    authenticate(1, ZK_XID_AUTH, "joe:secret");
    create_for_joe(1, 1, "/joes");
    authenticate(2, ZK_XID_AUTH, "joe:secret");
    pass(50);
    ck_assert_int_eq(expect_reply(1, ZK_XID_AUTH), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(2, ZK_XID_AUTH), ZK_ERR_OK);
    for (uint64_t conn = 1; conn <= 3; conn++)
        send_path(conn, 2, ZK_OP_GET_DATA, "/joes", true);
    pass(20);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(2, 2), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(3, 2), ZK_ERR_NO_AUTH);
    send_delete(1, 3, "/joes");
    pass(20);
    expect_event(2, ZK_EVENT_DELETED, "/joes");
    ck_assert(is_silent(3));
}
END_TEST

START_TEST(as_many_identities_as_it_may_have_do_not_hinder_its_first_write)
{
    static char credentials[STATE_IDENTITY_BYTES_MAX + 100];
    int32_t err = ZK_ERR_AUTH_FAILED;
    for (int len = STATE_IDENTITY_BYTES_MAX; err != ZK_ERR_OK; len--) {
        open_session(1);
        snprintf(credentials, sizeof credentials, "%0*d:secret", len, 0);
        authenticate(1, ZK_XID_AUTH, credentials);
        pass(5);
        err = expect_reply(1, ZK_XID_AUTH);
        ck_assert(err == ZK_ERR_OK || err == ZK_ERR_AUTH_FAILED);
        ck_assert_int_eq(lines[1].closed, err != ZK_ERR_OK);
        if (lines[1].closed)
            replica_client_closed(r, 1);
    }
    send_create(1, 1, "/p", 0);
    pass(50);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
    ck_assert(exists("/p"));
}
END_TEST

START_TEST(whose_upgrade_fails_is_closed_instead_of_never_being_answered)
{
    struct session s = open_session(1);
    zk_buf_append_byte(&local_find(r, (uint64_t)s.id)->identities, 0); /* not sound */
    send_create(1, 1, "/p", 0);
    pass(50);
    ck_assert(lines[1].closed && is_silent(1) && !exists("/p"));
    ck_assert_int_eq(come_back(2, &s).id, 0);
}
END_TEST

/* --- a connection that its successor has taken the session from, and that ends in the same turn --- */

/* Its close waits behind a sync, in the queue or at the door. */
static struct session close_behind_a_sync(uint64_t conn)
{
    struct session s = open_session(conn);
    send_path(conn, 1, ZK_OP_SYNC, "/", false);
    send_bare(conn, 2, ZK_OP_CLOSE_SESSION);
    return s;
}

static void expect_that_it_lives(uint64_t conn, const struct session *s)
{
    ck_assert_ptr_null(replica_check(r));
    authenticate(conn, ZK_XID_AUTH, "joe:secret");
    send_create(conn, 1, "/p", 0);
    pass(50);
    ck_assert_int_eq(expect_connected(conn).session_id, s->id);
    ck_assert_int_eq(expect_reply(conn, ZK_XID_AUTH), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(conn, 1), ZK_ERR_OK);
    ck_assert(is_in_the_state(*s) && exists("/p"));
}

START_TEST(a_close_that_waits_ends_nothing_once_the_session_is_another_connections)
{
    struct session s = close_behind_a_sync(1);
    ask_back(2, &s);
    replica_client_closed(r, 1);
    expect_that_it_lives(2, &s);
}
END_TEST

START_TEST(nor_if_the_connection_ends_a_turn_later)
{
    struct session s = close_behind_a_sync(1);
    ask_back(2, &s);
    turn();
    ck_assert(lines[1].closed);
    replica_client_closed(r, 1);
    expect_that_it_lives(2, &s);
}
END_TEST

START_TEST(a_close_that_waits_ends_the_session_if_its_connection_ends_before_another_comes)
{
    struct session s = close_behind_a_sync(1);
    replica_client_closed(r, 1);
    ask_back(2, &s);
    ck_assert_ptr_null(replica_check(r));
    pass(50);
    ck_assert_int_eq(expect_connected(2).session_id, 0);
    ck_assert_ptr_null(r->locals);
}
END_TEST

START_TEST(a_session_ends_by_none_but_its_own_connection)
{
    struct session s = open_session(1);
    struct client *before = client_find(r, 1);
    ask_back(2, &s);
    local_end(r, before);
    expect_that_it_lives(2, &s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("locals");
    TCase *off = tcase_create("without upgrading");
    tcase_add_checked_fixture(off, setup_locals, teardown);
    tcase_add_test(off, a_session_that_only_reads_never_enters_the_log);
    tcase_add_test(off, its_time_out_is_clamped_as_the_ensembles_are);
    tcase_add_test(off, a_session_with_a_memory_is_the_ensembles_from_the_first);
    tcase_add_test(off, it_comes_back_to_its_server_by_its_password_and_its_old_connection_is_closed);
    tcase_add_test(off, its_server_gives_it_up_when_it_is_not_heard_of_and_not_before);
    tcase_add_test(off, time_in_which_the_server_stood_still_does_not_count);
    tcase_add_test(off, where_upgrading_is_off_ephemerals_are_refused_and_other_writes_are_not);
    suite_add_tcase(suite, off);
    TCase *on = tcase_create("with upgrading");
    tcase_add_checked_fixture(on, setup_upgrading, teardown);
    tcase_add_test(on, its_first_write_makes_it_the_ensembles_under_the_same_id);
    tcase_add_test(on, an_upgrade_whose_connection_is_lost_happens_once_and_the_client_comes_back_behind_it);
    tcase_add_test(on, an_upgrade_that_was_not_sent_is_given_up_with_its_connection);
    tcase_add_test(on, nor_does_it_happen_if_the_session_is_taken_up_before_the_connections_end_is_seen);
    tcase_add_test(on, what_was_asked_in_one_breath_with_a_close_happens_and_the_session_ends);
    tcase_add_test(on, what_a_leader_had_is_not_given_up_before_the_next_has_it);
    tcase_add_test(on, a_close_behind_the_first_write_is_the_ensembles);
    tcase_add_test(on, it_has_its_identities_before_and_after_it_is_the_ensembles);
    tcase_add_test(on, as_many_identities_as_it_may_have_do_not_hinder_its_first_write);
    tcase_add_test(on, whose_upgrade_fails_is_closed_instead_of_never_being_answered);
    tcase_add_test(on, a_close_that_waits_ends_nothing_once_the_session_is_another_connections);
    tcase_add_test(on, nor_if_the_connection_ends_a_turn_later);
    tcase_add_test(on, a_close_that_waits_ends_the_session_if_its_connection_ends_before_another_comes);
    tcase_add_test(on, a_session_ends_by_none_but_its_own_connection);
    suite_add_tcase(suite, on);
    TCase *door = tcase_create("with a door");
    tcase_add_checked_fixture(door, setup_door, teardown);
    tcase_add_test(door, a_close_that_waits_ends_nothing_once_the_session_is_another_connections);
    tcase_add_test(door, nor_if_the_connection_ends_a_turn_later);
    tcase_add_test(door, a_close_that_waits_ends_the_session_if_its_connection_ends_before_another_comes);
    suite_add_tcase(suite, door);
    return run_all(srunner_create(suite));
}
