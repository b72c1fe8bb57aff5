/* test_state_quota.c: proves server/state/quota.h. state_check recounts every quota behind each command. */
#include "tests/unit/state_fixture.h"

static void make(const char *path, const char *data)
{
    ck_assert_int_eq(kit_create(&k, a, path, data, 0), 0);
}

/* As zkCli's setquota does it. */
static void set_quota(const char *path, const char *limits)
{
    char text[512];
    snprintf(text, sizeof text, "/zookeeper/quota%s", path);
    make(text, "");
    snprintf(text, sizeof text, "/zookeeper/quota%s/zookeeper_limits", path);
    make(text, limits);
    snprintf(text, sizeof text, "/zookeeper/quota%s/zookeeper_stats", path);
    make(text, "count=0,bytes=0");
}

static void expect_data(const char *path, const char *expected)
{
    struct zk_buf out;
    zk_buf_init(&out);
    ck_assert_int_eq(state_get_data(k.s, 0, zk_slice_str(path), &out), 0);
    struct zk_jute in = zk_jute(zk_buf_slice(&out));
    struct zk_slice data = zk_jute_buffer(&in);
    ck_assert_msg(zk_slice_eq(data, zk_slice_str(expected)), "%.*s instead of %s", (int)data.len, data.ptr, expected);
    zk_buf_fini(&out);
}

#define STATS "/zookeeper/quota/a/zookeeper_stats"

/* One request on a server that enforces quotas. */
static int send_enforced(int32_t op)
{
    struct command c = kit_request(&k, a, op);
    c.options = COMMAND_ENFORCE_QUOTA;
    kit_apply(&k, c);
    return k.fx.err;
}

static int create_enforced(const char *path, const char *data)
{
    zk_buf_reset(&k.payload);
    kit_put_create(&k, path, data, 0);
    return send_enforced(ZK_OP_CREATE);
}

static int set_enforced(const char *path, const char *data, int32_t version)
{
    zk_buf_reset(&k.payload);
    kit_put_set(&k, path, data, version);
    return send_enforced(ZK_OP_SET_DATA);
}

START_TEST(stats_count_the_node_itself_and_all_below_it)
{
    make("/a", "12345");
    make("/a/b", "123");
    make("/ab", "not below /a");
    set_quota("/a", "count=10,bytes=100");
    expect_data(STATS, "count=2,bytes=8");
    make("/a/b/c", "x");
    expect_data(STATS, "count=3,bytes=9");
    kit_set(&k, a, "/a/b", "", -1);
    expect_data(STATS, "count=3,bytes=6");
    kit_delete(&k, a, "/a/b/c", -1);
    expect_data(STATS, "count=2,bytes=5");
    make("/ab/c", "elsewhere");
    expect_data(STATS, "count=2,bytes=5");
}
END_TEST

START_TEST(counting_is_no_change_that_anyone_is_told_of)
{
    make("/a", "");
    set_quota("/a", "count=10,bytes=-1");
    struct zk_stat before = kit_stat(&k, STATS);
    make("/a/b", "1234567890");
    ck_assert_uint_eq(k.fx.event_count, 2); /* /a/b and its parent */
    struct zk_stat after = kit_stat(&k, STATS);
    ck_assert_int_eq(after.version, before.version);
    ck_assert_int_eq(after.mzxid, before.mzxid);
    ck_assert_int_eq(after.mtime_ms, before.mtime_ms);
    ck_assert_int_eq(after.data_length, (int32_t)strlen("count=2,bytes=10"));
}
END_TEST

START_TEST(ephemerals_count_until_their_session_ends)
{
    uint64_t b = kit_open(&k);
    make("/a", "");
    set_quota("/a", "count=10,bytes=-1");
    kit_create(&k, b, "/a/e1", "12", ZK_FLAG_EPHEMERAL);
    kit_create(&k, b, "/a/e2", "12", ZK_FLAG_EPHEMERAL);
    expect_data(STATS, "count=3,bytes=4");
    kit_close(&k, b);
    expect_data(STATS, "count=1,bytes=0");
}
END_TEST

START_TEST(a_hard_limit_refuses_what_passes_it_and_not_what_reaches_it)
{
    make("/a", "");
    set_quota("/a", "count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3");
    ck_assert_int_eq(create_enforced("/a/b", "12345"), 0);
    ck_assert_int_eq(create_enforced("/a/c", "123456"), ZK_ERR_QUOTA_EXCEEDED);
    ck_assert_int_eq(create_enforced("/a/c", "12345"), 0);
    ck_assert_int_eq(create_enforced("/a/d", ""), ZK_ERR_QUOTA_EXCEEDED);
    expect_data(STATS, "count=3,bytes=10");
    ck_assert_int_eq(set_enforced("/a/c", "123456", -1), ZK_ERR_QUOTA_EXCEEDED);
    ck_assert_int_eq(set_enforced("/a/c", "54321", -1), 0); /* as much as before */
    ck_assert_int_eq(set_enforced("/a/c", "123456", 9), ZK_ERR_QUOTA_EXCEEDED); /* before the version */
    ck_assert_int_eq(kit_create(&k, a, "/a/d", "much more than ten", 0), 0);          /* where it is not enforced */
    ck_assert_int_eq(kit_delete(&k, a, "/a/d", -1), 0);
    expect_data(STATS, "count=3,bytes=10");
}
END_TEST

START_TEST(a_soft_limit_refuses_nothing_and_is_told_once_it_is_passed)
{
    make("/a", "");
    set_quota("/a", "count=2,bytes=4");
    ck_assert_int_eq(create_enforced("/a/b", "1234"), 0);
    ck_assert_uint_eq(k.fx.warning.len, 0);
    ck_assert_int_eq(create_enforced("/a/c", ""), 0);
    ck_assert_str_eq(zk_buf_text(&k.fx.warning), "/a [current count=3, softLimit=2]");
    ck_assert_int_eq(set_enforced("/a/c", "1", -1), 0);
    ck_assert_str_eq(zk_buf_text(&k.fx.warning), "/a [current bytes=5, softLimit=4]");
}
END_TEST

START_TEST(of_nested_quotas_each_counts_and_each_refuses)
{
    make("/a", "");
    make("/a/b", "");
    set_quota("/a", "count=-1,bytes=-1=;countHardLimit=3");
    set_quota("/a/b", "count=-1,bytes=-1=;countHardLimit=9");
    ck_assert_int_eq(create_enforced("/a/b/c", "x"), 0);
    expect_data(STATS, "count=3,bytes=1");
    expect_data("/zookeeper/quota/a/b/zookeeper_stats", "count=2,bytes=1");
    ck_assert_int_eq(create_enforced("/a/b/d", ""), ZK_ERR_QUOTA_EXCEEDED);
}
END_TEST

START_TEST(whatever_a_client_writes_into_a_quota_its_stats_are_right)
{
    static const char *const texts[] = {"",          "x",           "count",     "count=,bytes=", "=;,=",
                                        "count=1=2", "count=99999999999999999999", "countHardLimit=-5", "bytes= 7"};
    make("/a", "123");
    set_quota("/a", "nonsense");
    for (size_t i = 0; i < ZK_COUNT_OF(texts); i++) {
        kit_set(&k, a, STATS, texts[i], -1);
        kit_set(&k, a, "/zookeeper/quota/a/zookeeper_limits", texts[i], -1);
        expect_data(STATS, "count=1,bytes=3");
        ck_assert_int_eq(set_enforced("/a", "1234", -1), 0);
        ck_assert_int_eq(set_enforced("/a", "123", -1), 0);
    }
    /* limits that go and come back: what happened meanwhile is counted */
    kit_delete(&k, a, "/zookeeper/quota/a/zookeeper_limits", -1);
    make("/a/b", "1");
    make("/zookeeper/quota/a/zookeeper_limits", "count=1,bytes=1");
    expect_data(STATS, "count=2,bytes=4");
}
END_TEST

START_TEST(a_quota_of_what_is_not_there_waits_for_it)
{
    set_quota("/a", "count=1,bytes=1");
    expect_data(STATS, "count=0,bytes=0");
    make("/a", "1");
    expect_data(STATS, "count=1,bytes=1");
    kit_delete(&k, a, "/a", -1);
    expect_data(STATS, "count=0,bytes=0");
}
END_TEST

START_TEST(neither_the_root_nor_what_is_the_servers_own_has_a_quota)
{
    make("/zookeeper/quota/zookeeper_limits", "count=-1,bytes=-1=;countHardLimit=1");
    make("/zookeeper/quota/zookeeper_stats", "mine");
    expect_data("/zookeeper/quota/zookeeper_stats", "mine");
    set_quota("/zookeeper", "count=-1,bytes=-1=;countHardLimit=1");
    ck_assert_int_eq(create_enforced("/zookeeper/x", "x"), 0);
    ck_assert_int_eq(create_enforced("/x", "x"), 0);
}
END_TEST

/* The second part sees what the first has added; when the third fails all is as it was. */
START_TEST(a_multi_is_counted_part_by_part_and_taken_back_as_a_whole)
{
    make("/a", "");
    set_quota("/a", "count=-1,bytes=-1=;countHardLimit=3");
    for (int parts = 2; parts <= 3; parts++) {
        zk_buf_reset(&k.payload);
        for (int i = 0; i < parts; i++) {
            char path[32];
            snprintf(path, sizeof path, "/a/%d-%d", parts, i);
            kit_part(&k, ZK_OP_CREATE);
            kit_put_create(&k, path, "x", 0);
        }
        zk_multi_header_encode(&k.payload, ZK_MULTI_END);
        ck_assert_int_eq(send_enforced(ZK_OP_MULTI), 0);
        expect_data(STATS, "count=3,bytes=2");
        ck_assert(parts == 2 || !kit_has(&k, "/a/3-0"));
    }
}
END_TEST

/* --- what it costs --- */

#define LIMITS "/zookeeper/quota/a/zookeeper_limits"

static void make_many(const char *dir, int count)
{
    char path[1024];
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/n%d", dir, i);
        kit_create_quickly(&k, a, path, "x", 0);
    }
}

START_TEST(a_quota_that_comes_again_and_again_is_not_counted_again)
{
    enum { NODES = 5000, TIMES = 100 };
    make("/a", "12345");
    make_many("/a", NODES);
    set_quota("/a", "count=1");
    zk_buf_reset(&k.payload);
    for (int i = 0; i < TIMES; i++) {
        kit_part(&k, ZK_OP_SET_DATA);
        kit_put_set(&k, LIMITS, "", -1);
        kit_part(&k, ZK_OP_SET_DATA);
        kit_put_set(&k, STATS, "mine", -1);
        kit_part(&k, ZK_OP_DELETE);
        kit_put_version(&k, STATS, -1);
        kit_part(&k, ZK_OP_CREATE);
        kit_put_create(&k, STATS, "", 0);
    }
    uint64_t before = state_work(k.s);
    ck_assert_int_eq(kit_send_multi(&k, a), 0);
    ck_assert_uint_lt(state_work(k.s) - before, 10 * TIMES);
    expect_data(STATS, "count=5001,bytes=5005");
}
END_TEST

/* /d/d/d..., so deep, each with a quota; the path of the deepest. */
static const char *nest_quotas(int depth)
{
    static char path[256];
    path[0] = '\0';
    for (int i = 0; i < depth; i++) {
        strcat(path, "/d");
        make(path, "");
        set_quota(path, "count=-1,bytes=-1");
    }
    return path;
}

START_TEST(a_command_writes_the_stats_of_a_quota_once)
{
    enum { NODES = 1000, DEPTH = 50 };
    const char *deepest = nest_quotas(DEPTH);
    make_many(deepest, NODES);
    expect_data("/zookeeper/quota/d/d/zookeeper_stats", "count=1049,bytes=1000");
    zk_buf_reset(&k.payload);
    kit_part(&k, ZK_OP_REMOVE_RECURSIVE);
    zk_path_limit_encode(&k.payload, (struct zk_path_limit){zk_slice_str("/d/d/d"), UINT32_MAX});
    uint64_t before = state_work(k.s);
    ck_assert_int_eq(kit_send_multi(&k, a), 0);
    ck_assert_uint_lt(state_work(k.s) - before, NODES + 5 * DEPTH);
    expect_data("/zookeeper/quota/d/d/zookeeper_stats", "count=1,bytes=0");
    expect_data("/zookeeper/quota/d/d/d/d/zookeeper_stats", "count=0,bytes=0");
}
END_TEST

START_TEST(a_session_that_ends_is_taken_off_each_quota_once)
{
    enum { NODES = 1000, DEPTH = 50 };
    uint64_t b = kit_open(&k);
    char path[512];
    const char *deepest = nest_quotas(DEPTH);
    for (int i = 0; i < NODES; i++) {
        snprintf(path, sizeof path, "%s/e%d", deepest, i);
        kit_create_quickly(&k, b, path, "", ZK_FLAG_EPHEMERAL);
    }
    uint64_t before = state_work(k.s);
    ck_assert_int_eq(kit_close(&k, b), 0);
    ck_assert_uint_lt(state_work(k.s) - before, 3 * NODES + 5 * DEPTH);
    expect_data("/zookeeper/quota/d/zookeeper_stats", "count=50,bytes=0");
}
END_TEST

START_TEST(limits_are_read_up_to_a_length)
{
    char text[2 * 256];
    make("/a", "");
    snprintf(text, sizeof text, "countHardLimit=1%0*d", 256 - (int)strlen("countHardLimit=1"), 0);
    memset(text + strlen("countHardLimit=1"), ',', 256 - strlen("countHardLimit=1"));
    set_quota("/a", text);
    ck_assert_int_eq(create_enforced("/a/b", ""), ZK_ERR_QUOTA_EXCEEDED);
    strcat(text, ",");
    kit_set(&k, a, LIMITS, text, -1);
    ck_assert_int_eq(create_enforced("/a/b", ""), 0);
}
END_TEST

/* --- within one multi --- */

START_TEST(a_check_behind_a_write_sees_the_stats_of_then)
{
    make("/a", "");
    set_quota("/a", "count=-1,bytes=-1");
    struct zk_stat asked = {-1, -1, -1, -1, -1, -1, -1, -1, .data_length = (int32_t)strlen("count=2,bytes=10"), -1, -1};
    zk_buf_reset(&k.payload);
    kit_part(&k, ZK_OP_CREATE);
    kit_put_create(&k, "/a/b", "1234567890", 0);
    kit_part(&k, ZK_OP_CHECK_STAT);
    zk_check_stat_request_encode(&k.payload,
                                 &(struct zk_check_stat_request){zk_slice_str(STATS), .version = -1, .stat = asked});
    kit_part(&k, ZK_OP_DELETE);
    kit_put_version(&k, "/a/b", -1);
    ck_assert_int_eq(kit_send_multi(&k, a), 0);
    ck_assert(!kit_has(&k, "/a/b"));
    ck_assert_uint_gt(k.fx.event_count, 0);
    expect_data(STATS, "count=1,bytes=0");
}
END_TEST

START_TEST(stats_that_go_and_come_within_a_multi_are_right_and_taken_back_with_it)
{
    make("/a", "");
    set_quota("/a", "count=-1,bytes=-1");
    for (int fails = 1; fails >= 0; fails--) {
        zk_buf_reset(&k.payload);
        kit_part(&k, ZK_OP_CREATE);
        kit_put_create(&k, "/a/b", "12", 0);
        kit_part(&k, ZK_OP_DELETE);
        kit_put_version(&k, STATS, -1);
        kit_part(&k, ZK_OP_SET_DATA);
        kit_put_set(&k, "/a/b", "1", -1);
        kit_part(&k, ZK_OP_CREATE);
        kit_put_create(&k, STATS, "", 0);
        kit_part(&k, ZK_OP_SET_DATA);
        kit_put_set(&k, "/a/b", "123", -1);
        if (fails) {
            kit_part(&k, ZK_OP_DELETE);
            kit_put_version(&k, "/not/there", -1);
        }
        ck_assert_int_eq(kit_send_multi(&k, a), 0);
        expect_data(STATS, fails ? "count=1,bytes=0" : "count=2,bytes=3");
    }
    /* what counts no more stays as it was when its limits went */
    zk_buf_reset(&k.payload);
    kit_part(&k, ZK_OP_SET_DATA);
    kit_put_set(&k, "/a/b", "1234", -1);
    kit_part(&k, ZK_OP_DELETE);
    kit_put_version(&k, LIMITS, -1);
    kit_part(&k, ZK_OP_SET_DATA);
    kit_put_set(&k, "/a/b", "12345", -1);
    ck_assert_int_eq(kit_send_multi(&k, a), 0);
    expect_data(STATS, "count=2,bytes=4");
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("quota");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, stats_count_the_node_itself_and_all_below_it);
    tcase_add_test(tc, counting_is_no_change_that_anyone_is_told_of);
    tcase_add_test(tc, ephemerals_count_until_their_session_ends);
    tcase_add_test(tc, a_hard_limit_refuses_what_passes_it_and_not_what_reaches_it);
    tcase_add_test(tc, a_soft_limit_refuses_nothing_and_is_told_once_it_is_passed);
    tcase_add_test(tc, of_nested_quotas_each_counts_and_each_refuses);
    tcase_add_test(tc, whatever_a_client_writes_into_a_quota_its_stats_are_right);
    tcase_add_test(tc, a_quota_of_what_is_not_there_waits_for_it);
    tcase_add_test(tc, neither_the_root_nor_what_is_the_servers_own_has_a_quota);
    tcase_add_test(tc, a_multi_is_counted_part_by_part_and_taken_back_as_a_whole);
    tcase_add_test(tc, a_quota_that_comes_again_and_again_is_not_counted_again);
    tcase_add_test(tc, a_command_writes_the_stats_of_a_quota_once);
    tcase_add_test(tc, a_session_that_ends_is_taken_off_each_quota_once);
    tcase_add_test(tc, limits_are_read_up_to_a_length);
    tcase_add_test(tc, a_check_behind_a_write_sees_the_stats_of_then);
    tcase_add_test(tc, stats_that_go_and_come_within_a_multi_are_right_and_taken_back_with_it);
    return run_tests("quota", tc);
}
