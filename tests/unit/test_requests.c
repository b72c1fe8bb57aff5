/* test_requests.c: proves server/replica's answers opcode by opcode: the smaller reads, and what is refused. */
#include "common/path.h"
#include "tests/unit/replica_kit.h"

/* The record of the reply to `xid`, which must have gone well. */
static struct zk_jute expect_record(uint64_t conn, int32_t xid)
{
    struct zk_jute in = next_frame(conn);
    struct zk_reply_header h = zk_reply_header_decode(&in);
    ck_assert(!in.bad);
    ck_assert_int_eq(h.xid, xid);
    ck_assert_int_eq(h.err, ZK_ERR_OK);
    return in;
}

static void expect_string(struct zk_jute *in, const char *text)
{
    struct zk_slice s = zk_jute_string(in);
    ck_assert_msg(zk_slice_eq(s, zk_slice_str(text)), "%.*s instead of %s", (int)s.len, (const char *)s.ptr, text);
}

static void make(uint64_t conn, const char *path, int32_t flags)
{
    send_create(conn, 1, path, flags);
    pass(20);
    ck_assert_int_eq(expect_reply(conn, 1), ZK_ERR_OK);
}

/* Asks `op` with one string as its record. */
static void ask(uint64_t conn, int32_t xid, int32_t op, struct zk_slice text)
{
    begin(xid, op);
    zk_jute_put_string(&frame, text);
    send_frame(conn);
    turn();
}

/* --- getAllChildrenNumber --- */

static int32_t number_below(const char *path)
{
    ask(1, 2, ZK_OP_GET_ALL_CHILDREN_NUMBER, zk_slice_str(path));
    struct zk_jute in = expect_record(1, 2);
    int32_t number = zk_jute_int(&in);
    ck_assert(!in.bad && zk_jute_left(&in) == 0);
    return number;
}

START_TEST(all_children_are_those_at_any_depth_and_only_below_the_node_itself)
{
    open_session(1);
    ck_assert_int_eq(number_below("/"), 3); /* /zookeeper with its quota and config */
    make(1, "/a", 0);
    make(1, "/a/b", 0);
    make(1, "/a/b/c", ZK_FLAG_EPHEMERAL);
    make(1, "/ab", 0);
    ck_assert_int_eq(number_below("/"), 7);
    ck_assert_int_eq(number_below("/a"), 2);
    ck_assert_int_eq(number_below("/a/b/c"), 0);
    send_delete(1, 3, "/a/b/c");
    pass(20);
    ck_assert_int_eq(expect_reply(1, 3), ZK_ERR_OK);
    ck_assert_int_eq(number_below("/a"), 1);
}
END_TEST

START_TEST(the_number_of_children_of_what_is_not_there_is_no_number)
{
    open_session(1);
    ask(1, 2, ZK_OP_GET_ALL_CHILDREN_NUMBER, zk_slice_str("/none"));
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_NO_NODE);
    ask(1, 3, ZK_OP_GET_ALL_CHILDREN_NUMBER, zk_slice(NULL, 0));
    ck_assert_int_eq(expect_reply(1, 3), ZK_ERR_MARSHALLING_ERROR);
}
END_TEST

/* --- getEphemerals --- */

static int32_t count_ephemerals(uint64_t conn, const char *prefix)
{
    ask(conn, 2, ZK_OP_GET_EPHEMERALS, prefix ? zk_slice_str(prefix) : zk_slice(NULL, 0));
    struct zk_jute in = expect_record(conn, 2);
    int32_t count = zk_jute_int(&in);
    for (int32_t i = 0; i < count; i++)
        ck_assert(zk_jute_string(&in).ptr != NULL);
    ck_assert(!in.bad && zk_jute_left(&in) == 0);
    return count;
}

START_TEST(ephemerals_are_the_sessions_own_by_the_first_characters_of_their_paths)
{
    open_session(1);
    open_session(2);
    make(1, "/dir", 0);
    make(1, "/dir/e1", ZK_FLAG_EPHEMERAL);
    make(1, "/director", ZK_FLAG_EPHEMERAL);
    make(1, "/other", ZK_FLAG_EPHEMERAL);
    make(2, "/dir/e2", ZK_FLAG_EPHEMERAL);
    ck_assert_int_eq(count_ephemerals(1, "/dir"), 2); /* no component: /director too */
    ck_assert_int_eq(count_ephemerals(1, "/dir/"), 1);
    ck_assert_int_eq(count_ephemerals(1, "/none"), 0);
    ck_assert_int_eq(count_ephemerals(2, "/"), 1);
    ask(2, 3, ZK_OP_GET_EPHEMERALS, zk_slice_str("/"));
    struct zk_jute in = expect_record(2, 3);
    (void)zk_jute_int(&in);
    expect_string(&in, "/dir/e2");
}
END_TEST

START_TEST(no_prefix_a_blank_one_and_the_root_mean_all_ephemerals)
{
    open_session(1);
    make(1, "/e1", ZK_FLAG_EPHEMERAL);
    make(1, "/e2", ZK_FLAG_EPHEMERAL);
    ck_assert_int_eq(count_ephemerals(1, NULL), 2);
    ck_assert_int_eq(count_ephemerals(1, ""), 2);
    ck_assert_int_eq(count_ephemerals(1, " \t"), 2);
    ck_assert_int_eq(count_ephemerals(1, " / "), 2);
    ck_assert_int_eq(count_ephemerals(1, " /e1"), 0); /* only what means all is trimmed */
}
END_TEST

/* --- whoAmI --- */

START_TEST(who_am_i_tells_address_and_users_but_no_hash)
{
    open_session(1);
    begin(ZK_XID_AUTH, ZK_OP_AUTH);
    zk_auth_packet_encode(&frame, &(struct zk_auth_packet){0, zk_slice_str("digest"), zk_slice_str("joe:secret")});
    send_frame(1);
    pass(20);
    ck_assert_int_eq(expect_reply(1, ZK_XID_AUTH), ZK_ERR_OK);
    send_bare(1, 2, ZK_OP_WHO_AM_I);
    turn();
    struct zk_jute in = expect_record(1, 2);
    ck_assert_int_eq(zk_jute_int(&in), 2);
    expect_string(&in, "ip");
    expect_string(&in, "127.0.0.1");
    expect_string(&in, "digest");
    expect_string(&in, "joe");
    ck_assert(!in.bad && zk_jute_left(&in) == 0);
}
END_TEST

/* --- multiRead --- */

static void put_read(int32_t op, struct zk_slice path, bool watch)
{
    zk_multi_header_encode(&frame, (struct zk_multi_header){op, false, -1});
    zk_path_watch_encode(&frame, (struct zk_path_watch){path, watch});
}

static void expect_step(struct zk_jute *in, int32_t type, int32_t err)
{
    struct zk_multi_header h = zk_multi_header_decode(in);
    ck_assert_int_eq(h.type, type);
    ck_assert_int_eq(h.err, err);
    ck_assert(!h.done);
}

START_TEST(a_multi_read_answers_each_part_by_itself_and_leaves_no_watch)
{
    open_session(1);
    make(1, "/a", 0);
    make(1, "/a/b", 0);
    begin(2, ZK_OP_MULTI_READ);
    put_read(ZK_OP_GET_DATA, zk_slice_str("/a"), true);
    put_read(ZK_OP_GET_DATA, zk_slice_str("/none"), true);
    put_read(ZK_OP_GET_CHILDREN, zk_slice_str("/a"), true);
    zk_multi_header_encode(&frame, ZK_MULTI_END);
    send_frame(1);
    turn();
    struct zk_jute in = expect_record(1, 2);
    expect_step(&in, ZK_OP_GET_DATA, 0);
    ck_assert(zk_slice_eq(zk_jute_buffer(&in), zk_slice_str("x")));
    ck_assert_int_eq(zk_stat_decode(&in).num_children, 1);
    expect_step(&in, ZK_OP_ERROR, ZK_ERR_NO_NODE);
    ck_assert_int_eq(zk_jute_int(&in), ZK_ERR_NO_NODE);
    expect_step(&in, ZK_OP_GET_CHILDREN, 0);
    ck_assert_int_eq(zk_jute_int(&in), 1);
    expect_string(&in, "b");
    ck_assert(zk_multi_header_decode(&in).done);
    ck_assert(!in.bad && zk_jute_left(&in) == 0);

    send_delete(1, 3, "/a/b");
    pass(20);
    ck_assert_int_eq(expect_reply(1, 3), ZK_ERR_OK); /* and no event before it */
}
END_TEST

START_TEST(a_multi_read_with_anything_else_in_it_is_malformed_as_a_whole)
{
    open_session(1);
    begin(2, ZK_OP_MULTI_READ);
    put_read(ZK_OP_GET_DATA, zk_slice_str("/"), false);
    put_read(ZK_OP_DELETE, zk_slice_str("/a"), false);
    zk_multi_header_encode(&frame, ZK_MULTI_END);
    send_frame(1);
    begin(3, ZK_OP_MULTI_READ);
    put_read(ZK_OP_GET_DATA, zk_slice(NULL, 0), false);
    zk_multi_header_encode(&frame, ZK_MULTI_END);
    send_frame(1);
    begin(4, ZK_OP_MULTI_READ);
    put_read(ZK_OP_GET_DATA, zk_slice_str("/"), false); /* and no end */
    send_frame(1);
    begin(5, ZK_OP_MULTI);
    put_read(ZK_OP_GET_DATA, zk_slice_str("/"), false);
    zk_multi_header_encode(&frame, ZK_MULTI_END);
    send_frame(1);
    begin(6, ZK_OP_MULTI_READ);
    zk_multi_header_encode(&frame, ZK_MULTI_END);
    send_frame(1);
    turn();
    for (int32_t xid = 2; xid <= 5; xid++)
        ck_assert_int_eq(expect_reply(1, xid), ZK_ERR_MARSHALLING_ERROR);
    struct zk_jute in = expect_record(1, 6);
    ck_assert(zk_multi_header_decode(&in).done);
}
END_TEST

/* --- checkWatches --- */

static int32_t ask_watches(int32_t op, const char *path, int32_t type)
{
    begin(9, op);
    zk_path_kind_encode(&frame, (struct zk_path_kind){zk_slice_str(path), type});
    send_frame(1);
    turn();
    return expect_reply(1, 9);
}

START_TEST(check_watches_tells_whether_one_is_set_and_takes_none_away)
{
    open_session(1);
    send_path(1, 2, ZK_OP_GET_DATA, "/zookeeper", true);
    turn();
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    ck_assert_int_eq(ask_watches(ZK_OP_CHECK_WATCHES, "/zookeeper", ZK_WATCHER_DATA), ZK_ERR_OK);
    ck_assert_int_eq(ask_watches(ZK_OP_CHECK_WATCHES, "/zookeeper", ZK_WATCHER_ANY), ZK_ERR_OK);
    ck_assert_int_eq(ask_watches(ZK_OP_CHECK_WATCHES, "/zookeeper", ZK_WATCHER_CHILDREN), ZK_ERR_NO_WATCHER);
    ck_assert_int_eq(ask_watches(ZK_OP_CHECK_WATCHES, "/zookeeper/quota", ZK_WATCHER_DATA), ZK_ERR_NO_WATCHER);
    ck_assert_int_eq(ask_watches(ZK_OP_CHECK_WATCHES, "/zookeeper", 6), ZK_ERR_MARSHALLING_ERROR);
    ck_assert_int_eq(ask_watches(ZK_OP_REMOVE_WATCHES, "/zookeeper", ZK_WATCHER_DATA), ZK_ERR_OK);
    ck_assert_int_eq(ask_watches(ZK_OP_CHECK_WATCHES, "/zookeeper", ZK_WATCHER_DATA), ZK_ERR_NO_WATCHER);
}
END_TEST

/* --- containers and TTL nodes --- */

static void make_as(uint64_t conn, int32_t op, const char *path, int64_t ttl_ms)
{
    struct zk_buf acl;
    zk_buf_init(&acl);
    zk_acl_vector_world(&acl, ZK_PERM_ALL);
    begin(7, op);
    zk_create_request_encode(&frame, &(struct zk_create_request){zk_slice_str(path), zk_slice_str("x"),
                                                                 zk_buf_slice(&acl), ttl_ms ? 5 : 4});
    if (ttl_ms)
        zk_jute_put_long(&frame, ttl_ms);
    send_frame(conn);
    pass(20);
    struct zk_jute in = expect_record(conn, 7);
    expect_string(&in, path);
    ck_assert_int_eq(zk_stat_decode(&in).data_length, 1);
    ck_assert(!in.bad && zk_jute_left(&in) == 0);
    zk_buf_fini(&acl);
}

/* The session must be heard of meanwhile. */
static void pass_pinging(uint64_t ms)
{
    for (uint64_t end = now_ms + ms; now_ms < end;) {
        send_bare(1, ZK_XID_PING, ZK_OP_PING);
        pass(100);
        while (!is_silent(1))
            (void)next_frame(1);
    }
}

START_TEST(the_leader_ends_containers_and_ttl_nodes_whose_time_has_come)
{
    open_session(1);
    make_as(1, ZK_OP_CREATE_CONTAINER, "/used", 0);
    make_as(1, ZK_OP_CREATE_CONTAINER, "/unused", 0);
    make_as(1, ZK_OP_CREATE_TTL, "/short", 200);
    make_as(1, ZK_OP_CREATE_TTL, "/long", 60000);
    make(1, "/used/x", 0);
    pass_pinging(700);
    ck_assert(exists("/used") && exists("/unused") && !exists("/short") && exists("/long"));
    send_delete(1, 3, "/used/x");
    pass_pinging(700);
    ck_assert(!exists("/used") && exists("/unused") && exists("/long"));
}
END_TEST

#define TTL_MS 2000

static void make_mortals(int from, int to)
{
    struct zk_buf acl;
    zk_buf_init(&acl);
    zk_acl_vector_world(&acl, ZK_PERM_ALL);
    for (int i = from; i < to; i++) {
        char path[16];
        snprintf(path, sizeof path, "/t%d", i);
        begin(i, ZK_OP_CREATE_TTL);
        zk_create_request_encode(&frame, &(struct zk_create_request){zk_slice_str(path), zk_slice_str("x"),
                                                                     zk_buf_slice(&acl), 5});
        zk_jute_put_long(&frame, TTL_MS);
        send_frame(1);
    }
    step();
    step();
    for (int i = from; i < to; i++)
        ck_assert_int_eq(expect_reply(1, i), ZK_ERR_OK);
    zk_buf_fini(&acl);
}

#define MINUTE_STEPS (60000 / STEP_MS)
#define ALLOWED 600 /* in a minute */

/* How many are left after each step. */
static void watch_them_end(size_t left[3 * MINUTE_STEPS])
{
    for (size_t i = 0; i < 3 * MINUTE_STEPS; i++) {
        if (i % 20 == 0)
            send_bare(1, ZK_XID_PING, ZK_OP_PING);
        step();
        while (!is_silent(1))
            (void)next_frame(1);
        left[i] = state_mortal_count(replica_state(r));
    }
}

START_TEST(no_more_nodes_are_ended_in_any_minute_than_allowed_and_hardly_fewer)
{
    static size_t left[3 * MINUTE_STEPS];
    size_t most = 0, fewest = SIZE_MAX;
    open_session(1);
    for (int i = 0; i < 2000; i += 500)
        make_mortals(i, i + 500);
    watch_them_end(left);
    ck_assert_uint_eq(left[0], 2000);
    ck_assert_uint_gt(left[ZK_COUNT_OF(left) - 1], 0);
    for (size_t i = 0; i + MINUTE_STEPS < ZK_COUNT_OF(left); i++) {
        size_t ended = left[i] - left[i + MINUTE_STEPS];
        most = ended > most ? ended : most;
        if (left[i] < 2000 && ended < fewest)
            fewest = ended;
    }
    ck_assert_uint_eq(most, ALLOWED);
    ck_assert_uint_ge(fewest, ALLOWED - ALLOWED / 60);
}
END_TEST

START_TEST(a_leader_shows_its_server_lines_and_they_are_nobodys_to_write)
{
    open_session(1);
    send_path(1, 2, ZK_OP_GET_DATA, "/zookeeper/config", false);
    turn();
    struct zk_jute in = expect_record(1, 2);
    struct zk_slice text = zk_jute_buffer(&in);
    ck_assert_uint_gt(text.len, 35);
    ck_assert_int_eq(memcmp(text.ptr, "server.1=a:1:2:participant\nversion=", 35), 0);
    begin(3, ZK_OP_SET_DATA);
    zk_set_data_request_encode(
        &frame, &(struct zk_set_data_request){zk_slice_str("/zookeeper/config"), zk_slice_str("mine"), -1});
    send_frame(1);
    pass(20);
    ck_assert_int_eq(expect_reply(1, 3), ZK_ERR_NO_AUTH);
}
END_TEST

/* A node /a, and these limits for it. */
static void make_quota(const char *limits)
{
    open_session(1);
    make(1, "/zookeeper/quota/a", 0);
    make(1, "/a", 0);
    send_create_of(1, 2, "/zookeeper/quota/a/zookeeper_limits", zk_slice_str(limits), 0);
    pass(20);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    make(1, "/zookeeper/quota/a/zookeeper_stats", 0);
}

START_TEST(a_hard_quota_refuses_on_a_server_that_enforces_quotas)
{
    make_quota("count=-1,bytes=-1=;countHardLimit=2");
    make(1, "/a/b", 0);
    send_create(1, 3, "/a/c", 0);
    pass(20);
    ck_assert_int_eq(expect_reply(1, 3), ZK_ERR_QUOTA_EXCEEDED);
    ck_assert_uint_eq(count_news("quota"), 0);
}
END_TEST

START_TEST(a_soft_quota_is_told_in_the_log_when_it_is_passed_and_no_more_than_once_a_second)
{
    make_quota("count=2,bytes=-1");
    make(1, "/a/b", 0);
    ck_assert_uint_eq(count_news("quota"), 0);
    make(1, "/a/c", 0);
    ck_assert_uint_eq(count_news("a soft quota is exceeded: /a [current count=3, softLimit=2]\n"), 1);
    make(1, "/a/d", 0);
    ck_assert_uint_eq(count_news("quota"), 1);
    pass_pinging(900);
    make(1, "/a/e", 0);
    ck_assert_uint_eq(count_news("quota"), 1);
    pass_pinging(100);
    make(1, "/a/f", 0);
    ck_assert_uint_eq(count_news("a soft quota is exceeded: /a [current count=6, softLimit=2]\n"), 1);
    ck_assert_uint_eq(count_news("quota"), 2);
}
END_TEST

/* --- refused --- */

START_TEST(what_is_the_servers_own_is_unknown_when_a_client_sends_it)
{
    static const int32_t ops[] = {ZK_OP_DELETE_CONTAINER, ZK_OP_CREATE_SESSION, ZK_OP_NOTIFICATION, ZK_OP_ERROR};
    for (uint64_t i = 0; i < ZK_COUNT_OF(ops); i++) {
        uint64_t conn = i + 1;
        open_session(conn);
        begin(1, ops[i]);
        zk_jute_put_cstring(&frame, "/zookeeper/quota");
        send_frame(conn);
        pass(20);
        ck_assert_int_eq(expect_reply(conn, 1), ZK_ERR_UNIMPLEMENTED);
        ck_assert(lines[conn].closed);
    }
    ck_assert(exists("/zookeeper/quota"));
}
END_TEST

START_TEST(a_reconfiguration_is_disabled_and_a_truncated_one_malformed)
{
    open_session(1);
    begin(1, ZK_OP_RECONFIG);
    zk_jute_put_string(&frame, zk_slice(NULL, 0));
    zk_jute_put_string(&frame, zk_slice(NULL, 0));
    zk_jute_put_cstring(&frame, "server.1=127.0.0.1:1:2;3");
    zk_jute_put_long(&frame, -1);
    send_frame(1);
    begin(2, ZK_OP_RECONFIG);
    zk_jute_put_cstring(&frame, "server.1");
    send_frame(1);
    turn();
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_RECONFIG_DISABLED);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_MARSHALLING_ERROR);
    ck_assert(!lines[1].closed);
}
END_TEST

/* --- headers --- */

static int64_t reply_zxid(uint64_t conn, int32_t xid)
{
    struct zk_jute in = next_frame(conn);
    struct zk_reply_header h = zk_reply_header_decode(&in);
    ck_assert(!in.bad);
    ck_assert_int_eq(h.xid, xid);
    return h.zxid;
}

static void send_credentials(uint64_t conn, const char *scheme, struct zk_slice credentials)
{
    begin(ZK_XID_AUTH, ZK_OP_AUTH);
    zk_auth_packet_encode(&frame, &(struct zk_auth_packet){0, zk_slice_str(scheme), credentials});
    send_frame(conn);
    pass(20);
}

START_TEST(answers_that_have_nothing_to_do_with_the_state_show_no_zxid_of_it)
{
    open_session(1);
    make(1, "/n", 0);
    send_credentials(1, "digest", zk_slice_str("joe:secret"));
    ck_assert_int_eq(reply_zxid(1, ZK_XID_AUTH), 0);
    send_path(1, 2, ZK_OP_EXISTS, "/n", false);
    turn();
    ck_assert_int_gt(reply_zxid(1, 2), 0);
    send_bare(1, 3, 999);
    turn();
    ck_assert_int_eq(reply_zxid(1, 3), -1);
    open_session(2);
    send_credentials(2, "magic", zk_slice_str("x"));
    ck_assert_int_eq(reply_zxid(2, ZK_XID_AUTH), 0);
    open_session(3);
    send_bare(3, 1, ZK_OP_CLOSE_SESSION);
    pass(20);
    ck_assert_int_gt(reply_zxid(3, 1), 0);
}
END_TEST

START_TEST(set_watches_without_a_list_of_paths_is_malformed)
{
    open_session(1);
    begin(ZK_XID_SET_WATCHES, ZK_OP_SET_WATCHES);
    zk_jute_put_long(&frame, 0);
    for (int i = 0; i < 3; i++)
        zk_jute_put_int(&frame, i < 2 ? 0 : -1);
    send_frame(1);
    turn();
    ck_assert_int_eq(expect_reply(1, ZK_XID_SET_WATCHES), ZK_ERR_MARSHALLING_ERROR);
}
END_TEST

static void make_private(uint64_t conn, const char *path)
{
    struct zk_buf acl;
    zk_buf_init(&acl);
    zk_jute_put_int(&acl, 1);
    zk_acl_encode(&acl, &(struct zk_acl){ZK_PERM_ALL, zk_slice_str("auth"), zk_slice_str("")});
    begin(1, ZK_OP_CREATE);
    zk_create_request_encode(
        &frame, &(struct zk_create_request){zk_slice_str(path), zk_slice_str("secret"), zk_buf_slice(&acl), 0});
    zk_buf_fini(&acl);
    send_frame(conn);
    pass(20);
    ck_assert_int_eq(expect_reply(conn, 1), ZK_ERR_OK);
}

static void send_set_watches(uint64_t conn, const char *path)
{
    begin(ZK_XID_SET_WATCHES, ZK_OP_SET_WATCHES);
    zk_jute_put_long(&frame, 0);
    for (int i = 0; i < 3; i++) { /* of data, of existence, of children */
        zk_jute_put_int(&frame, 1);
        zk_jute_put_cstring(&frame, path);
    }
    send_frame(conn);
    turn();
}

START_TEST(what_set_watches_finds_is_told_to_who_may_read_it_and_to_nobody_else)
{
    open_session(1);
    open_session(2);
    send_credentials(1, "digest", zk_slice_str("joe:secret"));
    ck_assert_int_eq(expect_reply(1, ZK_XID_AUTH), ZK_ERR_OK);
    make_private(1, "/private");
    send_set_watches(2, "/private");
    ck_assert_int_eq(expect_reply(2, ZK_XID_SET_WATCHES), ZK_ERR_OK);
    send_set_watches(1, "/private");
    expect_event(1, ZK_EVENT_DATA_CHANGED, "/private");
    expect_event(1, ZK_EVENT_CREATED, "/private");
    expect_event(1, ZK_EVENT_CHILDREN_CHANGED, "/private");
    ck_assert_int_eq(expect_reply(1, ZK_XID_SET_WATCHES), ZK_ERR_OK);
    ck_assert(is_silent(2));
}
END_TEST

START_TEST(a_session_full_of_identities_is_told_so_and_loses_its_connection)
{
    char user[32];
    open_session(1);
    for (int i = 1; i < STATE_IDENTITY_COUNT_MAX; i++) { /* the address is one */
        snprintf(user, sizeof user, "user%d:x", i);
        send_credentials(1, "digest", zk_slice_str(user));
        ck_assert_int_eq(expect_reply(1, ZK_XID_AUTH), ZK_ERR_OK);
    }
    ck_assert(!lines[1].closed);
    send_credentials(1, "digest", zk_slice_str("one:more"));
    ck_assert_int_eq(expect_reply(1, ZK_XID_AUTH), ZK_ERR_AUTH_FAILED);
    ck_assert(lines[1].closed);
}
END_TEST

START_TEST(a_pings_answer_has_a_pings_number_whatever_it_came_with)
{
    open_session(1);
    send_bare(1, 5, ZK_OP_PING);
    turn();
    ck_assert_int_eq(expect_reply(1, ZK_XID_PING), ZK_ERR_OK);
}
END_TEST

START_TEST(a_user_without_a_colon_has_his_name_for_a_password)
{
    open_session(1);
    send_credentials(1, "digest", zk_slice_str("joe"));
    ck_assert_int_eq(expect_reply(1, ZK_XID_AUTH), ZK_ERR_OK);
    ask(1, 2, ZK_OP_WHO_AM_I, zk_slice("", 0));
    struct zk_jute in = expect_record(1, 2);
    ck_assert_int_eq(zk_jute_int(&in), 2);
    expect_string(&in, "ip");
    (void)zk_jute_string(&in);
    expect_string(&in, "digest");
    expect_string(&in, "joe");
    open_session(2);
    send_credentials(2, "digest", zk_slice(NULL, 0));
    ck_assert_int_eq(expect_reply(2, ZK_XID_AUTH), ZK_ERR_AUTH_FAILED);
}
END_TEST

START_TEST(credentials_cut_short_end_the_connection_without_a_word)
{
    open_session(1);
    begin(ZK_XID_AUTH, ZK_OP_AUTH);
    zk_jute_put_int(&frame, 0);
    send_frame(1);
    turn();
    ck_assert(is_silent(1));
    ck_assert(lines[1].closed);
}
END_TEST

START_TEST(nothing_is_watched_at_a_path_that_no_node_can_have)
{
    static char path[ZK_PATH_BYTES_MAX + 2];
    open_session(1);
    memset(path, 'p', sizeof path - 1);
    path[0] = '/';
    send_path(1, 2, ZK_OP_EXISTS, path, true);
    begin(1 + 2, ZK_OP_ADD_WATCH);
    zk_path_kind_encode(&frame, (struct zk_path_kind){zk_slice_str(path), ZK_ADD_WATCH_PERSISTENT});
    send_frame(1);
    send_path(1, 4, ZK_OP_EXISTS, path, false);
    path[ZK_PATH_BYTES_MAX] = '\0';
    send_path(1, 5, ZK_OP_EXISTS, path, true);
    turn();
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(expect_reply(1, 3), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(expect_reply(1, 4), ZK_ERR_NO_NODE);
    ck_assert_int_eq(expect_reply(1, 5), ZK_ERR_NO_NODE);
    struct replica_report report;
    replica_report_get(r, &report);
    ck_assert_uint_eq(report.watches, 1);
}
END_TEST

START_TEST(a_client_can_be_told_that_its_watched_paths_are_too_many_bytes)
{
    static char path[ZK_PATH_BYTES_MAX + 1];
    const int32_t fit = REPLICA_WATCHED_BYTES_PER_CLIENT_MAX / ZK_PATH_BYTES_MAX;
    open_session(1);
    memset(path, 'p', ZK_PATH_BYTES_MAX);
    path[0] = '/';
    for (int32_t i = 1; i <= fit + 1; i++) {
        snprintf(path + 1, 9, "%08d", i);
        path[9] = 'p';
        send_path(1, i, ZK_OP_EXISTS, path, true);
        turn();
        ck_assert_int_eq(expect_reply(1, i), i <= fit ? ZK_ERR_NO_NODE : ZK_ERR_SYSTEM_ERROR);
    }
}
END_TEST

START_TEST(a_client_can_be_told_that_its_watches_are_too_many)
{
    const int32_t each = 50000;
    open_session(1);
    for (int32_t done = 0; done <= REPLICA_WATCHES_PER_CLIENT_MAX; done += each) {
        begin(ZK_XID_SET_WATCHES, ZK_OP_SET_WATCHES);
        zk_jute_put_long(&frame, INT64_MAX);
        zk_jute_put_int(&frame, 0);
        zk_jute_put_int(&frame, each);
        for (int32_t i = 1; i <= each; i++) {
            char path[16];
            snprintf(path, sizeof path, "/%x", done + i);
            zk_jute_put_cstring(&frame, path);
        }
        zk_jute_put_int(&frame, 0);
        send_frame(1);
        turn();
        bool fits = done + each <= REPLICA_WATCHES_PER_CLIENT_MAX;
        ck_assert_int_eq(expect_reply(1, ZK_XID_SET_WATCHES), fits ? ZK_ERR_OK : ZK_ERR_SYSTEM_ERROR);
    }
    send_path(1, 1, ZK_OP_EXISTS, "/1", true); /* which it watches already */
    send_path(1, 2, ZK_OP_EXISTS, "/another", true);
    turn();
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_NO_NODE);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_SYSTEM_ERROR);
}
END_TEST

/* --- pages, subtrees: zkd's own, so these bytes are for ever --- */

START_TEST(a_page_is_asked_and_answered_in_these_bytes)
{
    open_session(1);
    make(1, "/d", 0);
    make(1, "/d/ab", 0);
    make(1, "/d/b", 0);
    static const uint8_t asked[] = {0, 0, 0, 9, 0x7a, 0x6b, 0x65, 0x01, 0, 0, 0, 2, '/', 'd', 0, 0, 0, 1, 'a',
                                    0, 0, 0, 1, 'a',  0,    0,    0,    2, 0, 0, 0, 1};
    zk_buf_reset(&frame);
    zk_buf_append(&frame, asked, sizeof asked);
    send_frame(1);
    turn();
    struct zk_jute in = expect_record(1, 9);
    static const uint8_t entries[] = {0, 0, 0, 1, 0, 0, 0, 2, 'a', 'b', 0, /* and no more: */ 0};
    ck_assert_uint_eq(zk_jute_left(&in), sizeof entries + ZK_STAT_BYTES);
    ck_assert_int_eq(memcmp(in.at, entries, sizeof entries), 0);
}
END_TEST

START_TEST(a_subtree_is_deleted_by_these_bytes_and_its_watches_fire_first)
{
    open_session(1);
    make(1, "/d", 0);
    make(1, "/d/a", 0);
    make(1, "/d/b", 0);
    send_path(1, 5, ZK_OP_GET_DATA, "/d/b", true);
    send_path(1, 6, ZK_OP_GET_CHILDREN, "/d", true);
    turn();
    ck_assert_int_eq(expect_reply(1, 5), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(1, 6), ZK_ERR_OK);
    static const uint8_t asked[] = {0, 0, 0, 9, 0x7a, 0x6b, 0x65, 0x02, 0, 0, 0, 2, '/', 'd', 0, 0, 0, 2};
    zk_buf_reset(&frame);
    zk_buf_append(&frame, asked, sizeof asked);
    send_frame(1);
    pass(20);
    expect_event(1, ZK_EVENT_CHILDREN_CHANGED, "/d");
    expect_event(1, ZK_EVENT_DELETED, "/d/b");
    struct zk_jute in = expect_record(1, 9);
    static const uint8_t answer[] = {0, 0, 0, 2, 0, 0, 0, 1};
    ck_assert_uint_eq(zk_jute_left(&in), sizeof answer);
    ck_assert_int_eq(memcmp(in.at, answer, sizeof answer), 0);
}
END_TEST

START_TEST(a_page_that_does_not_decode_is_malformed_and_the_connection_stays)
{
    open_session(1);
    ask(1, 2, ZK_OP_GET_CHILDREN_PAGE, zk_slice_str("/"));
    ask(1, 3, ZK_OP_DELETE_TREE, zk_slice_str("/"));
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_MARSHALLING_ERROR);
    ck_assert_int_eq(expect_reply(1, 3), ZK_ERR_MARSHALLING_ERROR);
    expect_alive(1);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("requests");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, all_children_are_those_at_any_depth_and_only_below_the_node_itself);
    tcase_add_test(tc, the_number_of_children_of_what_is_not_there_is_no_number);
    tcase_add_test(tc, ephemerals_are_the_sessions_own_by_the_first_characters_of_their_paths);
    tcase_add_test(tc, no_prefix_a_blank_one_and_the_root_mean_all_ephemerals);
    tcase_add_test(tc, who_am_i_tells_address_and_users_but_no_hash);
    tcase_add_test(tc, a_multi_read_answers_each_part_by_itself_and_leaves_no_watch);
    tcase_add_test(tc, a_multi_read_with_anything_else_in_it_is_malformed_as_a_whole);
    tcase_add_test(tc, check_watches_tells_whether_one_is_set_and_takes_none_away);
    tcase_add_test(tc, the_leader_ends_containers_and_ttl_nodes_whose_time_has_come);
    tcase_add_test(tc, no_more_nodes_are_ended_in_any_minute_than_allowed_and_hardly_fewer);
    tcase_add_test(tc, a_leader_shows_its_server_lines_and_they_are_nobodys_to_write);
    tcase_add_test(tc, a_hard_quota_refuses_on_a_server_that_enforces_quotas);
    tcase_add_test(tc, a_soft_quota_is_told_in_the_log_when_it_is_passed_and_no_more_than_once_a_second);
    tcase_add_test(tc, what_is_the_servers_own_is_unknown_when_a_client_sends_it);
    tcase_add_test(tc, a_reconfiguration_is_disabled_and_a_truncated_one_malformed);
    tcase_add_test(tc, answers_that_have_nothing_to_do_with_the_state_show_no_zxid_of_it);
    tcase_add_test(tc, set_watches_without_a_list_of_paths_is_malformed);
    tcase_add_test(tc, what_set_watches_finds_is_told_to_who_may_read_it_and_to_nobody_else);
    tcase_add_test(tc, a_session_full_of_identities_is_told_so_and_loses_its_connection);
    tcase_add_test(tc, a_pings_answer_has_a_pings_number_whatever_it_came_with);
    tcase_add_test(tc, a_user_without_a_colon_has_his_name_for_a_password);
    tcase_add_test(tc, credentials_cut_short_end_the_connection_without_a_word);
    tcase_add_test(tc, nothing_is_watched_at_a_path_that_no_node_can_have);
    tcase_add_test(tc, a_client_can_be_told_that_its_watched_paths_are_too_many_bytes);
    tcase_add_test(tc, a_client_can_be_told_that_its_watches_are_too_many);
    tcase_add_test(tc, a_page_is_asked_and_answered_in_these_bytes);
    tcase_add_test(tc, a_subtree_is_deleted_by_these_bytes_and_its_watches_fire_first);
    tcase_add_test(tc, a_page_that_does_not_decode_is_malformed_and_the_connection_stays);
    return run_tests("requests", tc);
}
