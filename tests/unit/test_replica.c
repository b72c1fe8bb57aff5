/* test_replica.c: proves server/replica: sessions, requests, watches, sync, the memory. */
#include "server/replica/core.h"
#include "tests/unit/replica_kit.h"

/* --- sessions --- */

START_TEST(a_client_that_sends_no_read_only_byte_gets_none_back)
{
    join(1, NULL, ZK_PROTOCOL_APACHE, false);
    ck_assert(!join(2, NULL, ZK_PROTOCOL_APACHE, false).has_read_only);
    ck_assert(join(3, NULL, ZK_PROTOCOL_APACHE, true).has_read_only);
}
END_TEST

/* What is asked for, and what the kit's 200 to 2000 ms make of it. */
static const int32_t timeouts[][2] = {{0, 200},     {-1, 200},    {199, 200},   {200, 200},        {201, 201},
                                      {1999, 1999}, {2000, 2000}, {2001, 2000}, {INT32_MAX, 2000}, {INT32_MIN, 200}};

START_TEST(the_timeout_is_clamped_and_told)
{
    struct zk_connect_response response = join_for(1, timeouts[_i][0]);
    ck_assert_int_eq(response.timeout_ms, timeouts[_i][1]);
    struct state_session known;
    ck_assert(state_session_get(replica_state(r), (uint64_t)response.session_id, &known));
    ck_assert_int_eq(known.timeout_ms, timeouts[_i][1]);
    send_connect(2, &(struct zk_connect_request){.timeout_ms = timeouts[_i][0], .session_id = response.session_id,
                                                 .password = zk_slice(known.password, ZK_PASSWORD_BYTES)});
    pass(50);
    ck_assert_int_eq(expect_connected(2).timeout_ms, timeouts[_i][1]);
}
END_TEST

START_TEST(a_session_moves_to_a_new_connection_and_the_old_one_is_closed)
{
    struct session s = open_session(1);
    struct zk_connect_response again = join(2, &s, ZK_PROTOCOL_APACHE, true);
    ck_assert_int_eq(again.session_id, s.id);
    ck_assert(lines[1].closed && is_silent(1));
    ck_assert(!lines[2].closed);
}
END_TEST

START_TEST(a_wrong_password_is_told_that_the_session_has_expired)
{
    struct session s = open_session(1);
    s.password[3] ^= 1;
    struct zk_connect_response again = join(2, &s, ZK_PROTOCOL_APACHE, true);
    ck_assert_int_eq(again.session_id, 0);
    ck_assert_int_eq(again.timeout_ms, 0);
    ck_assert(lines[2].closed);
    ck_assert(!lines[1].closed);
}
END_TEST

START_TEST(a_client_that_has_seen_more_than_this_server_is_closed_without_a_word)
{
    replica_client_open(r, 1, "127.0.0.1");
    zk_buf_reset(&frame);
    zk_connect_request_encode(&frame, &(struct zk_connect_request){.last_zxid_seen = INT64_MAX, .timeout_ms = 400,
                                                                   .password = zk_slice("0123456789abcdef", 16)});
    send_frame(1);
    pass(50);
    ck_assert(lines[1].closed && is_silent(1));
}
END_TEST

START_TEST(a_silent_session_expires_with_its_ephemerals_and_one_that_pings_lives)
{
    struct session gone = open_session(1);
    open_session(2);
    send_create(1, 1, "/gone", ZK_FLAG_EPHEMERAL);
    send_create(2, 1, "/here", ZK_FLAG_EPHEMERAL);
    pass(20);
    for (int i = 0; i < 20; i++) {
        send_bare(2, ZK_XID_PING, ZK_OP_PING);
        pass(100);
        if (i < 3)
            ck_assert(exists("/gone"));
    }
    ck_assert(!exists("/gone") && lines[1].closed);
    ck_assert(exists("/here") && !lines[2].closed);
    unsigned long silent_ms =
        expect_expiry(gone.id, "last heard of", " ms ago through server 1, its time-out is 400 ms");
    ck_assert_uint_gt(silent_ms, 400);
    ck_assert_uint_le(silent_ms, 400 + TICK_MS);
    ck_assert_uint_eq(count_news(" expires: "), 1);
}
END_TEST

START_TEST(of_who_was_not_heard_of_since_the_server_began_to_lead_the_log_says_so)
{
    struct session s = open_session(1);
    stop();
    start();
    pass(1000);
    ck_assert_uint_le(expect_expiry(s.id, "not heard of since its clock was set",
                                    " ms ago through server 1, its time-out is 400 ms"),
                      400 + TICK_MS);
}
END_TEST

/* Its time-out is the last one that was asked for. */
START_TEST(what_the_log_says_of_an_end_is_of_the_connection_that_was_the_last)
{
    struct session s = open_session(1);
    send_connect(2, &(struct zk_connect_request){.timeout_ms = 700, .session_id = s.id,
                                                 .password = zk_slice(s.password, ZK_PASSWORD_BYTES)});
    pass(50);
    uint64_t joined_ms = now_ms;
    while (count_news(" expires: ") == 0)
        pass(5);
    unsigned long silent_ms =
        expect_expiry(s.id, "last heard of", " ms ago through server 1, its time-out is 700 ms");
    ck_assert_uint_ge(silent_ms, now_ms - 5 - joined_ms);
    ck_assert_uint_le(silent_ms, now_ms - joined_ms + 50);
}
END_TEST

START_TEST(who_is_heard_of_in_the_turn_of_its_verdict_lives)
{
    open_session(1);
    uint64_t silent_since = now_ms;
    while (!lines[1].closed)
        pass(5);
    uint64_t verdict = now_ms - now_ms % TICK_MS; /* buckets are looked at as a tick begins; the log takes a moment */
    pass(TICK_MS - now_ms % TICK_MS + silent_since % TICK_MS + TICK_MS - 50);
    open_session(2);
    ck_assert_uint_eq(now_ms % TICK_MS, silent_since % TICK_MS);
    pass(verdict - silent_since);
    send_bare(2, ZK_XID_PING, ZK_OP_PING);
    pass(3 * TICK_MS);
    ck_assert(!lines[2].closed);
}
END_TEST

START_TEST(close_session_answers_and_then_closes)
{
    open_session(1);
    send_create(1, 1, "/e", ZK_FLAG_EPHEMERAL);
    send_bare(1, 2, ZK_OP_CLOSE_SESSION);
    pass(50);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    ck_assert(lines[1].closed && !exists("/e"));
}
END_TEST

START_TEST(a_close_whose_connection_ends_in_the_same_breath_still_happens)
{
    open_session(1);
    send_create(1, 1, "/e", ZK_FLAG_EPHEMERAL);
    pass(50);
    send_bare(1, 2, ZK_OP_CLOSE_SESSION);
    replica_client_closed(r, 1);
    pass(50);
    ck_assert(!exists("/e"));
}
END_TEST

/* Another connection's ATTACH comes into the log before it; the first connection is there still, or gone. libzk comes back
 * and asks again, behind the writes that it sends again. */
START_TEST(an_end_that_was_asked_for_is_not_lost_when_the_session_moves)
{
    bool is_gone = _i % 2, is_ours = _i / 2;
    int32_t protocol = is_ours ? ZK_PROTOCOL_MEMORY : ZK_PROTOCOL_APACHE;
    struct zk_connect_response given = join(1, NULL, protocol, true);
    uint8_t password[ZK_PASSWORD_BYTES];
    memcpy(password, given.password.ptr, sizeof password);
    send_create(1, 1, "/e", ZK_FLAG_EPHEMERAL);
    pass(50);
    send_connect(2, &(struct zk_connect_request){.protocol_version = protocol, .timeout_ms = 2000,
                                                 .session_id = given.session_id, .has_read_only = true,
                                                 .password = zk_slice(password, sizeof password)});
    send_bare(1, 2, ZK_OP_CLOSE_SESSION);
    if (is_gone)
        replica_client_closed(r, 1);
    pass(100);
    ck_assert(lines[1].closed != is_gone);
    ck_assert_int_eq(expect_connected(2).session_id, given.session_id);
    ck_assert_uint_eq(count_news(" ends: it was asked to before it came to server 1"), !is_ours);
    ck_assert(exists("/e") == is_ours && lines[2].closed != is_ours);
}
END_TEST

/* --- requests --- */

START_TEST(replies_leave_in_the_order_of_requests_and_reads_see_the_writes_before_them)
{
    open_session(1);
    send_path(1, 1, ZK_OP_EXISTS, "/a", false);
    send_create(1, 2, "/a", 0);
    send_path(1, 3, ZK_OP_GET_DATA, "/a", false);
    send_delete(1, 4, "/a");
    send_path(1, 5, ZK_OP_GET_DATA, "/a", false);
    pass(50);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_NO_NODE);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 3), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 4), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 5), ZK_ERR_NO_NODE);
}
END_TEST

START_TEST(a_write_is_answered_only_when_it_is_on_the_disk)
{
    open_session(1);
    disk_stall(disk, 300);
    send_create(1, 1, "/a", 0);
    pass(200);
    ck_assert(is_silent(1) && !exists("/a"));
    pass(300);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
}
END_TEST

START_TEST(a_watch_event_comes_before_the_reply_to_the_write_that_caused_it)
{
    open_session(1);
    send_path(1, 1, ZK_OP_EXISTS, "/a", true);
    send_path(1, 2, ZK_OP_GET_CHILDREN, "/", true);
    send_create(1, 3, "/a", 0);
    pass(50);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_NO_NODE);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    expect_event(1, ZK_EVENT_CREATED, "/a");
    expect_event(1, ZK_EVENT_CHILDREN_CHANGED, "/");
    ck_assert_int_eq(expect_reply(1, 3), ZK_ERR_OK);
    send_delete(1, 4, "/a");
    pass(50);
    ck_assert_int_eq(expect_reply(1, 4), ZK_ERR_OK); /* both watches were one-shot */
}
END_TEST

START_TEST(an_unknown_opcode_is_answered_and_then_the_connection_closed)
{
    open_session(1);
    send_bare(1, 1, 4711);
    pass(20);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_UNIMPLEMENTED);
    ck_assert(lines[1].closed);
}
END_TEST

START_TEST(a_lone_check_is_as_unknown_as_an_opcode_can_be)
{
    open_session(1);
    begin(1, ZK_OP_CHECK);
    zk_path_version_encode(&frame, (struct zk_path_version){zk_slice_str("/"), -1});
    send_frame(1);
    pass(20);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_UNIMPLEMENTED);
    ck_assert(lines[1].closed);
}
END_TEST

START_TEST(a_malformed_record_is_an_answer_and_the_connection_stays)
{
    open_session(1);
    begin(1, ZK_OP_CREATE);
    zk_jute_put_int(&frame, 1000000);
    send_frame(1);
    begin(2, ZK_OP_GET_DATA);
    send_frame(1);
    send_path(1, 3, ZK_OP_EXISTS, "/", false);
    pass(50);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_MARSHALLING_ERROR);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_MARSHALLING_ERROR);
    ck_assert_int_eq(expect_reply(1, 3), ZK_ERR_OK);
    ck_assert(!lines[1].closed);
}
END_TEST

START_TEST(credentials_of_an_unknown_scheme_are_refused_and_the_connection_closed)
{
    open_session(1);
    begin(ZK_XID_AUTH, ZK_OP_AUTH);
    zk_auth_packet_encode(&frame, &(struct zk_auth_packet){0, zk_slice_str("magic"), zk_slice_str("x")});
    send_frame(1);
    pass(50);
    ck_assert_int_eq(expect_reply(1, ZK_XID_AUTH), ZK_ERR_AUTH_FAILED);
    ck_assert(lines[1].closed);
}
END_TEST

START_TEST(digest_credentials_open_what_only_their_owner_may_read)
{
    open_session(1);
    begin(ZK_XID_AUTH, ZK_OP_AUTH);
    zk_auth_packet_encode(&frame, &(struct zk_auth_packet){0, zk_slice_str("digest"), zk_slice_str("super:test")});
    send_frame(1);
    struct zk_buf acl;
    zk_buf_init(&acl);
    zk_jute_put_int(&acl, 1);
    zk_acl_encode(&acl, &(struct zk_acl){ZK_PERM_ALL, zk_slice_str("digest"),
                                         zk_slice_str("super:D/InIHSb7yEEbrWz8b9l71RjZJU=")});
    begin(1, ZK_OP_CREATE);
    zk_create_request_encode(&frame, &(struct zk_create_request){zk_slice_str("/s"), zk_slice_str("secret"),
                                                                 zk_buf_slice(&acl), 0});
    send_frame(1);
    zk_buf_fini(&acl);
    send_path(1, 2, ZK_OP_GET_DATA, "/s", false);
    open_session(2);
    send_path(2, 1, ZK_OP_GET_DATA, "/s", true);
    pass(50);
    ck_assert_int_eq(expect_reply(1, ZK_XID_AUTH), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(2, 1), ZK_ERR_NO_AUTH);
}
END_TEST

static void send_secret_ephemeral(uint64_t conn, int32_t xid, const char *path)
{
    struct zk_buf acl;
    zk_buf_init(&acl);
    zk_jute_put_int(&acl, 1);
    zk_acl_encode(&acl, &(struct zk_acl){ZK_PERM_ALL, zk_slice_str("auth"), zk_slice_str("")});
    begin(xid, ZK_OP_CREATE);
    zk_create_request_encode(&frame, &(struct zk_create_request){zk_slice_str(path), zk_slice_str("secret"),
                                                                 zk_buf_slice(&acl), ZK_FLAG_EPHEMERAL});
    send_frame(conn);
    zk_buf_fini(&acl);
}

static void send_add_watch(uint64_t conn, int32_t xid, const char *path)
{
    begin(xid, ZK_OP_ADD_WATCH);
    zk_path_kind_encode(&frame, (struct zk_path_kind){zk_slice_str(path), ZK_ADD_WATCH_PERSISTENT});
    send_frame(conn);
}

/* By its client's wish and by its silence. */
START_TEST(of_its_own_end_a_session_hears_as_who_it_was_and_a_stranger_as_a_stranger)
{
    open_session(1);
    join_for(2, 2000);
    begin(ZK_XID_AUTH, ZK_OP_AUTH);
    zk_auth_packet_encode(&frame, &(struct zk_auth_packet){0, zk_slice_str("digest"), zk_slice_str("ann:secret")});
    send_frame(1);
    send_secret_ephemeral(1, 1, "/mine");
    send_add_watch(1, 2, "/mine");
    send_add_watch(2, 1, "/mine");
    pass(50);
    ck_assert_int_eq(expect_reply(1, ZK_XID_AUTH), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(2, 1), ZK_ERR_OK);
    if (_i == 0)
        send_bare(1, 3, ZK_OP_CLOSE_SESSION);
    pass(1000);
    expect_event(1, ZK_EVENT_DELETED, "/mine");
    if (_i == 0)
        ck_assert_int_eq(expect_reply(1, 3), ZK_ERR_OK);
    ck_assert(is_silent(1) && lines[1].closed && !exists("/mine"));
    ck_assert(is_silent(2) && !lines[2].closed);
}
END_TEST

START_TEST(sync_is_answered_with_its_path_behind_the_writes_before_it)
{
    open_session(1);
    send_create(1, 1, "/a", 0);
    begin(2, ZK_OP_SYNC);
    zk_jute_put_cstring(&frame, "/nowhere");
    send_frame(1);
    pass(100);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
    struct zk_jute in = next_frame(1);
    ck_assert_int_eq(zk_reply_header_decode(&in).xid, 2);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("/nowhere")));
}
END_TEST

/* --- watches after a reconnect --- */

static void put_strings(const char *one)
{
    zk_jute_put_int(&frame, one ? 1 : 0);
    if (one)
        zk_jute_put_cstring(&frame, one);
}

START_TEST(set_watches_tells_what_was_missed_and_sets_the_rest_again)
{
    struct session s = open_session(1);
    send_create(1, 1, "/old", 0);
    send_create(1, 2, "/gone", 0);
    pass(50);
    int64_t seen = (int64_t)state_zxid(replica_state(r));
    send_delete(1, 3, "/gone");
    send_create(1, 4, "/new", 0);
    pass(50);
    join(2, &s, ZK_PROTOCOL_APACHE, true);
    begin(ZK_XID_SET_WATCHES, ZK_OP_SET_WATCHES);
    zk_jute_put_long(&frame, seen);
    zk_jute_put_int(&frame, 2);
    zk_jute_put_cstring(&frame, "/gone");
    zk_jute_put_cstring(&frame, "/old");
    put_strings("/new");
    put_strings("/");
    send_frame(2);
    pass(50);
    expect_event(2, ZK_EVENT_DELETED, "/gone");
    expect_event(2, ZK_EVENT_CREATED, "/new");
    expect_event(2, ZK_EVENT_CHILDREN_CHANGED, "/");
    ck_assert_int_eq(expect_reply(2, ZK_XID_SET_WATCHES), ZK_ERR_OK);
    send_delete(2, 1, "/old");
    pass(50);
    expect_event(2, ZK_EVENT_DELETED, "/old");
}
END_TEST

START_TEST(a_recursive_watch_hears_of_what_is_below_until_it_is_removed)
{
    open_session(1);
    begin(1, ZK_OP_ADD_WATCH);
    zk_path_kind_encode(&frame, (struct zk_path_kind){zk_slice_str("/"), ZK_ADD_WATCH_PERSISTENT_RECURSIVE});
    send_frame(1);
    send_create(1, 2, "/a", 0);
    begin(3, ZK_OP_REMOVE_WATCHES);
    zk_path_kind_encode(&frame, (struct zk_path_kind){zk_slice_str("/"), ZK_WATCHER_ANY});
    send_frame(1);
    send_create(1, 4, "/b", 0);
    pass(50);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
    expect_event(1, ZK_EVENT_CREATED, "/a");
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 3), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 4), ZK_ERR_OK);
    ck_assert(is_silent(1));
}
END_TEST

/* --- libzk's memory, restarts --- */

START_TEST(a_write_sent_again_is_answered_from_the_memory_and_happens_once)
{
    struct zk_connect_response first = join(1, NULL, ZK_PROTOCOL_MEMORY, true);
    ck_assert_int_eq(first.protocol_version, ZK_PROTOCOL_MEMORY);
    ck_assert_int_eq(first.memory, STATE_MEMORY_K);
    struct session s = {.id = first.session_id};
    memcpy(s.password, first.password.ptr, ZK_PASSWORD_BYTES);
    send_create(1, 1, "/q-", ZK_FLAG_SEQUENTIAL);
    pass(50);
    replica_client_closed(r, 1);
    ck_assert_int_eq(join(2, &s, ZK_PROTOCOL_MEMORY, true).session_id, s.id);
    send_create(2, 1, "/q-", ZK_FLAG_SEQUENTIAL);
    send_create(2, 2, "/q-", ZK_FLAG_SEQUENTIAL);
    pass(50);
    struct zk_jute in = next_frame(2);
    ck_assert_int_eq(zk_reply_header_decode(&in).err, ZK_ERR_OK);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("/q-0000000000")));
    in = next_frame(2);
    ck_assert_int_eq(zk_reply_header_decode(&in).err, ZK_ERR_OK);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("/q-0000000001")));
}
END_TEST

static struct session open_with_memory(uint64_t conn)
{
    struct zk_connect_response first = join(conn, NULL, ZK_PROTOCOL_MEMORY, true);
    struct session s = {.id = first.session_id};
    memcpy(s.password, first.password.ptr, ZK_PASSWORD_BYTES);
    return s;
}

START_TEST(a_write_that_was_refused_is_not_taken_when_it_is_sent_again_behind_later_ones)
{
    struct session s = open_with_memory(1);
    send_create(1, 2, "/later", 0); /* as if 1 had been refused for want of space and the answer were lost */
    pass(50);
    replica_client_closed(r, 1);
    ck_assert_int_eq(join(2, &s, ZK_PROTOCOL_MEMORY, true).session_id, s.id);
    send_create(2, 1, "/earlier", 0);
    send_create(2, 2, "/later", 0);
    send_create(2, 3, "/new", 0);
    pass(50);
    ck_assert_int_eq(expect_reply(2, 1), ZK_ERR_SYSTEM_ERROR);
    ck_assert_int_eq(expect_reply(2, 2), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(2, 3), ZK_ERR_OK);
    ck_assert(!exists("/earlier") && exists("/new"));
}
END_TEST

/* `conn` comes to the session, makes `path` under xid 1, and it is made. */
static void expect_first_write(uint64_t conn, const char *path)
{
    send_create(conn, 1, path, 0);
    pass(50);
    struct zk_jute in = next_frame(conn);
    struct zk_reply_header h = zk_reply_header_decode(&in);
    ck_assert_int_eq(h.xid, 1);
    ck_assert_int_eq(h.err, ZK_ERR_OK);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str(path)));
    ck_assert(exists(path));
}

START_TEST(who_takes_a_session_over_makes_its_own_writes)
{
    struct session s = open_with_memory(1);
    expect_first_write(1, "/by-a");
    replica_client_closed(r, 1);
    struct zk_connect_response told = join(2, &s, ZK_PROTOCOL_APACHE, true);
    ck_assert_int_eq(told.session_id, s.id);
    ck_assert_int_eq(told.protocol_version, ZK_PROTOCOL_APACHE);
    expect_first_write(2, "/by-b");
    replica_client_closed(r, 2);
    told = join(3, &s, ZK_PROTOCOL_MEMORY, true); /* the first one again */
    ck_assert_int_eq(told.session_id, s.id);
    ck_assert_int_eq(told.protocol_version, ZK_PROTOCOL_APACHE);
    ck_assert_int_eq(told.memory, 0);
    stop(); /* and the log says the same */
    start();
    ck_assert(exists("/by-a") && exists("/by-b"));
    ck_assert_int_eq(join(4, &s, ZK_PROTOCOL_MEMORY, true).memory, 0);
}
END_TEST

START_TEST(a_memory_outlives_many_connections_and_a_restart)
{
    struct session s = open_with_memory(1);
    send_create(1, 1, "/q-", ZK_FLAG_SEQUENTIAL);
    pass(50);
    replica_client_closed(r, 1);
    for (uint64_t conn = 2; conn < 5; conn++) {
        ck_assert_int_eq(join(conn, &s, ZK_PROTOCOL_MEMORY, true).memory, STATE_MEMORY_K);
        replica_client_closed(r, conn);
    }
    stop();
    start();
    ck_assert_int_eq(join(5, &s, ZK_PROTOCOL_MEMORY, true).memory, STATE_MEMORY_K);
    send_create(5, 1, "/q-", ZK_FLAG_SEQUENTIAL);
    pass(50);
    ck_assert_int_eq(expect_reply(5, 1), ZK_ERR_OK);
    ck_assert(exists("/q-0000000000") && !exists("/q-0000000001"));
}
END_TEST

START_TEST(who_comes_back_to_an_expired_session_is_told_what_became_of_its_writes)
{
    struct session s = open_with_memory(1);
    send_create(1, 1, "/q-", ZK_FLAG_SEQUENTIAL);
    send_create(1, 2, "/no/parent", 0);
    pass(50);
    replica_client_closed(r, 1);
    pass(3000);
    struct zk_connect_response told = join(2, &s, ZK_PROTOCOL_MEMORY, true);
    ck_assert_int_eq(told.session_id, 0);
    ck_assert_int_eq(told.timeout_ms, 0);
    ck_assert_int_eq(told.protocol_version, ZK_PROTOCOL_MEMORY);
    ck_assert(lines[2].closed);
    struct zk_jute in = zk_jute(told.past);
    ck_assert_int_eq(zk_jute_count(&in, ZK_PAST_WRITE_MIN_BYTES), 2);
    struct zk_past_write w = zk_past_write_decode(&in);
    ck_assert_int_eq(w.xid, 1);
    ck_assert_int_eq(w.err, ZK_ERR_OK);
    struct zk_jute record = zk_jute(w.record);
    ck_assert(zk_slice_eq(zk_jute_string(&record), zk_slice_str("/q-0000000000")));
    w = zk_past_write_decode(&in);
    ck_assert_int_eq(w.xid, 2);
    ck_assert_int_eq(w.err, ZK_ERR_NO_NODE);
    ck_assert(!in.bad && zk_jute_left(&in) == 0);
}
END_TEST

START_TEST(the_past_is_told_to_nobody_without_the_password_or_the_wish)
{
    struct session s = open_with_memory(1);
    send_create(1, 1, "/q-", ZK_FLAG_SEQUENTIAL);
    pass(50);
    replica_client_closed(r, 1);
    pass(3000);
    ck_assert_int_eq(join(2, &s, ZK_PROTOCOL_APACHE, true).protocol_version, ZK_PROTOCOL_APACHE);
    s.password[7] ^= 1;
    struct zk_connect_response told = join(3, &s, ZK_PROTOCOL_MEMORY, true);
    ck_assert_int_eq(told.protocol_version, ZK_PROTOCOL_APACHE);
    ck_assert_int_eq(told.session_id, 0);
    ck_assert_uint_eq(told.past.len, 0);
}
END_TEST

START_TEST(the_past_of_a_session_is_forgotten_after_ten_minutes)
{
    struct session s = open_with_memory(1);
    send_create(1, 1, "/q-", ZK_FLAG_SEQUENTIAL);
    pass(50);
    replica_client_closed(r, 1);
    pass(590000);
    ck_assert_int_eq(join(2, &s, ZK_PROTOCOL_MEMORY, true).protocol_version, ZK_PROTOCOL_MEMORY);
    pass(12000);
    ck_assert_int_eq(join(3, &s, ZK_PROTOCOL_MEMORY, true).protocol_version, ZK_PROTOCOL_APACHE);
}
END_TEST

/* --- a server that stands still, and one whose state is wrong --- */

static void stand_still(uint64_t ms)
{
    now_ms += ms;
    pass(5);
}

START_TEST(time_in_which_the_leader_stood_still_ends_no_session_however_often)
{
    open_session(1); /* time-out 400, tick 100 */
    for (int i = 0; i < 5; i++) {
        send_bare(1, ZK_XID_PING, ZK_OP_PING);
        pass(50);
    }
    stand_still(150);
    pass(20);
    stand_still(600); /* the client's next ping waits in the socket */
    ck_assert(!lines[1].closed);
    send_bare(1, ZK_XID_PING, ZK_OP_PING);
    pass(50);
    ck_assert(!lines[1].closed);
    for (int i = 0; i < 20 && !lines[1].closed; i++) {
        stand_still(150);
        pass(100);
    }
    ck_assert(lines[1].closed); /* but a client that is gone ends with the time in which it could have been heard */
}
END_TEST

START_TEST(nobody_is_let_in_while_the_state_is_wrong)
{
    r->rebuilding = true;
    r->rebuild_waits_since_ms = now_ms;
    replica_client_open(r, 1, "127.0.0.1");
    static const uint8_t zeros[ZK_PASSWORD_BYTES];
    zk_buf_reset(&frame);
    zk_connect_request_encode(&frame, &(struct zk_connect_request){.timeout_ms = 400,
                                                                   .password = zk_slice(zeros, ZK_PASSWORD_BYTES)});
    send_frame(1);
    pass(50);
    ck_assert(is_silent(1) && lines[1].closed);
}
END_TEST

START_TEST(a_restart_brings_everything_back_and_the_session_goes_on)
{
    struct session s = open_session(1);
    send_create(1, 1, "/kept", 0);
    send_create(1, 2, "/mine", ZK_FLAG_EPHEMERAL);
    pass(50);
    uint64_t zxid = state_zxid(replica_state(r));
    stop();
    start();
    ck_assert(exists("/kept") && exists("/mine"));
    ck_assert_uint_ge(state_zxid(replica_state(r)), zxid);
    ck_assert_int_eq(join(2, &s, ZK_PROTOCOL_APACHE, true).session_id, s.id);
}
END_TEST

START_TEST(what_a_checkpoint_brought_can_be_compared_before_anything_else_happens)
{
    open_session(1);
    r->log_bytes = UINT64_MAX / 2; /* so much that a checkpoint is due */
    send_create(1, 1, "/a", 0);
    pass(100);
    uint64_t digest, zxid = disk_checkpoint(disk, &digest);
    ck_assert_uint_ne(zxid, 0);
    stop();
    start();
    ck_assert_uint_eq(replica_digest_at(r, zxid), digest);
}
END_TEST

START_TEST(a_client_that_asks_too_much_is_paused_and_resumed)
{
    open_session(1);
    disk_stall(disk, 100);
    for (int32_t i = 0; i < REPLICA_CLIENT_REQUESTS_MAX; i++)
        send_path(1, i + 1, ZK_OP_EXISTS, "/", i == 0);
    ck_assert_uint_eq(replica_client_report_get(r, 1, &(struct replica_client_report){0}), true);
    send_create(1, 5000, "/a", 0);
    const struct replica_effect *effects;
    for (int32_t i = 0; i < REPLICA_CLIENT_REQUESTS_MAX - 1; i++)
        send_path(1, 5001 + i, ZK_OP_EXISTS, "/", false);
    size_t count = replica_flush(r, &effects), paused = 0;
    for (size_t i = 0; i < count; i++)
        paused += effects[i].kind == REPLICA_CLIENT_PAUSE;
    ck_assert_uint_eq(paused, 1);
    for (size_t i = 0; i < count; i++)
        perform(&effects[i]);
    pass(250);
    ck_assert(!lines[1].closed);
    struct replica_client_report report;
    ck_assert(replica_client_report_get(r, 1, &report));
    ck_assert_uint_eq(report.queued, 0);
}
END_TEST

START_TEST(a_client_that_has_asked_for_nothing_has_opened_its_session)
{
    struct replica_client_report report;
    struct session s = open_session(1);
    ck_assert(replica_client_report_get(r, 1, &report));
    ck_assert(report.has_op);
    ck_assert_int_eq(report.last_op, ZK_OP_CREATE_SESSION);
    ck_assert_int_eq(report.last_xid, 0);
    ck_assert_uint_eq(report.last_zxid, state_zxid(replica_state(r)));
    join(2, &s, ZK_PROTOCOL_APACHE, true);
    ck_assert(replica_client_report_get(r, 2, &report));
    ck_assert(!report.has_op); /* it has only come back */
}
END_TEST

/* --- what a newer server has written --- */

/* Turns until the process is told to end; why. */
static const char *turns_until_fatal(void)
{
    static char why[512];
    why[0] = '\0';
    for (int i = 0; i < 50 && why[0] == '\0'; i++, now_ms += 5) {
        const struct replica_effect *effects;
        replica_time(r, now_ms, (int64_t)now_ms);
        disk_advance(disk, now_ms);
        replica_storage(r);
        size_t count = replica_flush(r, &effects);
        for (size_t j = 0; j < count; j++)
            if (effects[j].kind == REPLICA_FATAL)
                snprintf(why, sizeof why, "%.*s", (int)effects[j].bytes.len, (const char *)effects[j].bytes.ptr);
            else
                perform(&effects[j]);
    }
    return why;
}

static struct zk_slice encoded(const struct command *c, struct zk_buf *buf)
{
    command_encode(buf, c);
    return zk_buf_slice(buf);
}

START_TEST(a_committed_command_that_it_does_not_know_ends_the_server_before_it_and_at_each_start)
{
    struct zk_buf bodies[2] = {{0}, {0}};
    uint64_t first;
    uint64_t session = (uint64_t)open_session(1).id;
    struct zk_slice both[2] = {encoded(&(struct command){.kind = COMMAND_UPGRADE + 1}, &bodies[0]),
                               encoded(&(struct command){.kind = COMMAND_EXPIRE, .session = session, .generation = 1},
                                       &bodies[1])};
    ck_assert(zab_propose(replica_zab(r), now_ms, both, 2, &first));
    char what[64], kind[32];
    snprintf(what, sizeof what, "0x%llx", (unsigned long long)first);
    snprintf(kind, sizeof kind, "kind %d)", COMMAND_UPGRADE + 1);
    const char *why = turns_until_fatal();
    ck_assert(strstr(why, what) != NULL && strstr(why, kind) != NULL && strstr(why, "newer zkd") != NULL);
    ck_assert_uint_lt(state_zxid(replica_state(r)), first);
    ck_assert_uint_eq(state_session_count(replica_state(r)), 1); /* nor what came behind it */
    stop();
    struct replica_config config = make_config();
    char said[256];
    bool damaged = true;
    config.damaged = &damaged;
    r = replica_new(&config, disk_open(disk, now_ms), now_ms, (int64_t)now_ms, said, sizeof said);
    ck_assert_ptr_null(r);
    ck_assert(strstr(said, what) != NULL && !damaged);
    zk_buf_fini(&bodies[0]);
    zk_buf_fini(&bodies[1]);
}
END_TEST

START_TEST(a_command_whose_payload_is_malformed_is_a_known_one_and_changes_nothing)
{
    struct zk_buf body = {0};
    uint64_t zxid, digest = state_digest(replica_state(r));
    struct zk_slice one = encoded(&(struct command){.kind = COMMAND_CONFIG, .payload = zk_slice_str("x")}, &body);
    ck_assert(zab_propose(replica_zab(r), now_ms, &one, 1, &zxid));
    pass(50);
    ck_assert_uint_ge(state_zxid(replica_state(r)), zxid);
    ck_assert_uint_eq(state_digest(replica_state(r)), digest);
    zk_buf_fini(&body);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("standalone");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_client_that_sends_no_read_only_byte_gets_none_back);
    tcase_add_loop_test(tc, the_timeout_is_clamped_and_told, 0, ZK_COUNT_OF(timeouts));
    tcase_add_test(tc, a_client_that_has_asked_for_nothing_has_opened_its_session);
    tcase_add_test(tc, a_session_moves_to_a_new_connection_and_the_old_one_is_closed);
    tcase_add_test(tc, a_wrong_password_is_told_that_the_session_has_expired);
    tcase_add_test(tc, a_client_that_has_seen_more_than_this_server_is_closed_without_a_word);
    tcase_add_test(tc, a_silent_session_expires_with_its_ephemerals_and_one_that_pings_lives);
    tcase_add_test(tc, of_who_was_not_heard_of_since_the_server_began_to_lead_the_log_says_so);
    tcase_add_test(tc, what_the_log_says_of_an_end_is_of_the_connection_that_was_the_last);
    tcase_add_test(tc, who_is_heard_of_in_the_turn_of_its_verdict_lives);
    tcase_add_test(tc, close_session_answers_and_then_closes);
    tcase_add_test(tc, a_close_whose_connection_ends_in_the_same_breath_still_happens);
    tcase_add_loop_test(tc, an_end_that_was_asked_for_is_not_lost_when_the_session_moves, 0, 4);
    tcase_add_test(tc, replies_leave_in_the_order_of_requests_and_reads_see_the_writes_before_them);
    tcase_add_test(tc, a_write_is_answered_only_when_it_is_on_the_disk);
    tcase_add_test(tc, a_watch_event_comes_before_the_reply_to_the_write_that_caused_it);
    tcase_add_test(tc, an_unknown_opcode_is_answered_and_then_the_connection_closed);
    tcase_add_test(tc, a_lone_check_is_as_unknown_as_an_opcode_can_be);
    tcase_add_test(tc, a_malformed_record_is_an_answer_and_the_connection_stays);
    tcase_add_test(tc, credentials_of_an_unknown_scheme_are_refused_and_the_connection_closed);
    tcase_add_test(tc, digest_credentials_open_what_only_their_owner_may_read);
    tcase_add_loop_test(tc, of_its_own_end_a_session_hears_as_who_it_was_and_a_stranger_as_a_stranger, 0, 2);
    tcase_add_test(tc, sync_is_answered_with_its_path_behind_the_writes_before_it);
    tcase_add_test(tc, set_watches_tells_what_was_missed_and_sets_the_rest_again);
    tcase_add_test(tc, a_recursive_watch_hears_of_what_is_below_until_it_is_removed);
    tcase_add_test(tc, a_write_sent_again_is_answered_from_the_memory_and_happens_once);
    tcase_add_test(tc, a_write_that_was_refused_is_not_taken_when_it_is_sent_again_behind_later_ones);
    tcase_add_test(tc, who_takes_a_session_over_makes_its_own_writes);
    tcase_add_test(tc, a_memory_outlives_many_connections_and_a_restart);
    tcase_add_test(tc, who_comes_back_to_an_expired_session_is_told_what_became_of_its_writes);
    tcase_add_test(tc, the_past_is_told_to_nobody_without_the_password_or_the_wish);
    tcase_add_test(tc, the_past_of_a_session_is_forgotten_after_ten_minutes);
    tcase_add_test(tc, time_in_which_the_leader_stood_still_ends_no_session_however_often);
    tcase_add_test(tc, nobody_is_let_in_while_the_state_is_wrong);
    tcase_add_test(tc, a_restart_brings_everything_back_and_the_session_goes_on);
    tcase_add_test(tc, what_a_checkpoint_brought_can_be_compared_before_anything_else_happens);
    tcase_add_test(tc, a_committed_command_that_it_does_not_know_ends_the_server_before_it_and_at_each_start);
    tcase_add_test(tc, a_command_whose_payload_is_malformed_is_a_known_one_and_changes_nothing);
    tcase_add_test(tc, a_client_that_asks_too_much_is_paused_and_resumed);
    return run_tests("replica", tc);
}
