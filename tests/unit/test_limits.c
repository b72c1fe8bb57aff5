/* test_limits.c: proves the limits on requests that are not answered: all clients' together, those under way, large ones;
 * each at the limit and one past it. Nothing is answered while the disk stalls. */
#include "server/replica/core.h"
#include "tests/unit/replica_kit.h"
#include "tests/unit/run.h"

static struct {
    size_t outstanding, throttle, large, large_all, memory;
    uint32_t wait_ms;
    bool drops_stale;
} want;

static void with_limits(struct replica_config *config)
{
    config->outstanding_limit = want.outstanding;
    config->throttle_max_requests = want.throttle;
    config->throttled_op_wait_ms = want.wait_ms;
    config->memory_limit_bytes = want.memory;
    config->throttle_drops_stale = want.drops_stale;
    config->large_request_threshold = want.large;
    config->large_request_max_bytes = want.large_all;
}

static void begin_with(int sessions)
{
    alter_config = with_limits;
    setup();
    for (int i = 1; i <= sessions; i++)
        open_session((uint64_t)i);
}

/* From now on writes wait; one is on its way to the disk. */
static void stall_disk_with(uint64_t conn)
{
    send_create(conn, 1, "/first", 0);
    turn();
    disk_stall(disk, 1000000);
}

static void stall_disk(void)
{
    stall_disk_with(1);
}

static void let_disk_go(void)
{
    disk_end_stall(disk);
    pass(20);
}

static void create_some(uint64_t conn, int32_t from, int32_t to)
{
    for (int32_t xid = from; xid <= to; xid++) {
        char path[32];
        snprintf(path, sizeof path, "/c%d-%d", (int)conn, (int)xid);
        send_create(conn, xid, path, 0);
    }
}

static void expect_all(uint64_t conn, int32_t from, int32_t to)
{
    for (int32_t xid = from; xid <= to; xid++)
        ck_assert_int_eq(expect_reply(conn, xid), ZK_ERR_OK);
    ck_assert(is_silent(conn));
}

/* --- globalOutstandingLimit --- */

START_TEST(above_the_limit_of_all_requests_each_client_may_have_one)
{
    want.outstanding = 10;
    begin_with(2);
    stall_disk();
    create_some(1, 2, 10);
    turn();
    ck_assert_uint_eq(r->outstanding, 10);
    ck_assert(!lines[1].paused && !lines[2].paused);
    create_some(1, 11, 11);
    turn();
    ck_assert(lines[1].paused && !lines[2].paused);
    create_some(2, 1, 1);
    turn();
    ck_assert(lines[2].paused);
    let_disk_go();
    expect_all(1, 1, 11);
    expect_all(2, 1, 1);
    ck_assert(!lines[1].paused && !lines[2].paused);
    teardown();
}
END_TEST

static void read_some(uint64_t conn, int32_t from, int32_t to)
{
    for (int32_t xid = from; xid <= to; xid++)
        send_path(conn, xid, ZK_OP_EXISTS, "/", false);
}

START_TEST(what_waits_for_its_own_client_to_read_does_not_count_for_the_others)
{
    want.outstanding = 10;
    begin_with(2);
    replica_client_behind(r, 1, true);
    read_some(1, 2, 30);
    stall_disk_with(2);
    create_some(2, 2, 10);
    ck_assert_ptr_null(replica_check(r));
    turn();
    ck_assert(lines[1].paused && !lines[2].paused);
    create_some(2, 11, 11);
    turn();
    ck_assert(lines[2].paused); /* by its own */
    let_disk_go();
    expect_all(2, 1, 11);
    ck_assert(is_silent(1) && !lines[2].paused);
    replica_client_behind(r, 1, false);
    pass(20);
    expect_all(1, 2, 30);
    ck_assert(!lines[1].paused);
    teardown();
}
END_TEST

/* --- request_throttle_max_requests --- */

START_TEST(nor_does_it_keep_the_others_at_the_door)
{
    want.throttle = 3;
    begin_with(2);
    replica_client_behind(r, 1, true);
    read_some(1, 1, 9);
    read_some(2, 1, 1);
    turn();
    expect_all(2, 1, 1);
    ck_assert(is_silent(1));
    replica_client_closed(r, 1);
    pass(20);
    ck_assert_uint_eq(r->put_off, 0);
    teardown();
}
END_TEST

START_TEST(beyond_what_may_be_under_way_requests_wait_at_the_door_in_their_order)
{
    want.throttle = 3;
    begin_with(2);
    stall_disk();
    create_some(1, 2, 3);
    turn();
    ck_assert_uint_eq(r->outstanding, 3);
    ck_assert_uint_eq(r->stalled_count, 0);
    create_some(1, 4, 9);
    send_path(2, 1, ZK_OP_EXISTS, "/c1-9", false);
    send_bare(2, ZK_XID_PING, ZK_OP_PING);
    turn();
    ck_assert_uint_eq(r->outstanding, 3);
    ck_assert_uint_eq(r->stalled_count, 7);
    ck_assert_int_eq(expect_reply(2, ZK_XID_PING), ZK_ERR_OK); /* pings never wait */
    ck_assert(is_silent(2));
    let_disk_go();
    expect_all(1, 1, 9);
    ck_assert_int_eq(expect_reply(2, 1), ZK_ERR_OK); /* let in when those before it were done */
    ck_assert_uint_eq(r->stalled_count, 0);
    teardown();
}
END_TEST

START_TEST(what_a_client_that_has_gone_was_waiting_for_does_not_happen_but_for_its_end)
{
    want.throttle = 1;
    begin_with(3);
    stall_disk();
    create_some(2, 1, 2);
    send_bare(3, 1, ZK_OP_CLOSE_SESSION);
    replica_client_closed(r, 2);
    replica_client_closed(r, 3);
    let_disk_go();
    ck_assert(!exists("/c2-1") && !exists("/c2-2"));
    ck_assert_uint_eq(state_session_count(replica_state(r)), 2);
    ck_assert_uint_eq(r->stalled_count, 0);
    teardown();
}
END_TEST

struct waited {
    uint64_t ms;
    bool is_closed; /* without an answer */
    int32_t err;
};

/* The second client's request waits while the first's is on its way to the disk for 250 ms. */
static struct waited wait_at_the_door(uint32_t limit_ms, bool drops_stale, int32_t timeout_ms)
{
    want.throttle = 1;
    want.wait_ms = limit_ms;
    want.drops_stale = drops_stale;
    begin_with(1);
    join_for(2, timeout_ms);
    stall_disk();
    uint64_t since_ms = now_ms;
    send_path(2, 1, ZK_OP_EXISTS, "/", false);
    pass(250);
    disk_end_stall(disk);
    while (is_silent(2) && !lines[2].closed && now_ms - since_ms < 1000)
        pass(STEP_MS);
    struct waited waited = {.ms = now_ms - STEP_MS - since_ms, /* a step leaves the clock ahead */
                            .is_closed = lines[2].closed};
    waited.err = waited.is_closed ? 0 : expect_reply(2, 1);
    ck_assert(is_silent(2));
    struct replica_report report;
    replica_report_get(r, &report);
    ck_assert_uint_eq(report.stale_dropped, waited.is_closed);
    teardown();
    return waited;
}

START_TEST(who_has_waited_at_the_door_for_longer_than_allowed_is_told_so)
{
    uint64_t waits_ms = wait_at_the_door(0, false, 400).ms;
    ck_assert_int_eq(wait_at_the_door((uint32_t)waits_ms, false, 400).err, ZK_ERR_OK);
    ck_assert_int_eq(wait_at_the_door((uint32_t)waits_ms - 1, false, 400).err, ZK_ERR_THROTTLED_OP);
}
END_TEST

START_TEST(what_may_have_happened_already_and_what_sets_watches_again_is_never_refused_at_the_door)
{
    want.throttle = 1;
    want.wait_ms = 1;
    begin_with(2);
    join(3, NULL, ZK_PROTOCOL_MEMORY, true);
    stall_disk();
    begin(ZK_XID_SET_WATCHES, ZK_OP_SET_WATCHES);
    zk_jute_put_long(&frame, 0);
    for (int kind = 0; kind < 3; kind++)
        zk_jute_put_int(&frame, 0);
    send_frame(2);
    send_create(2, 1, "/apache", 0);
    send_create(3, 1, "/memory", 0);
    pass(250);
    disk_end_stall(disk);
    pass(500);
    ck_assert_int_eq(expect_reply(2, ZK_XID_SET_WATCHES), ZK_ERR_OK);
    ck_assert_int_eq(expect_reply(2, 1), ZK_ERR_THROTTLED_OP);
    ck_assert_int_eq(expect_reply(3, 1), ZK_ERR_OK); /* libzk may have sent it before, on another connection */
    ck_assert(exists("/memory") && !exists("/apache"));
    teardown();
}
END_TEST

START_TEST(who_has_waited_for_longer_than_its_time_out_is_closed_where_that_is_asked)
{
    uint64_t waits_ms = wait_at_the_door(0, false, 400).ms;
    ck_assert_uint_gt(waits_ms, 200); /* the kit's shortest time-out */
    struct waited in_time = wait_at_the_door(0, true, (int32_t)waits_ms);
    ck_assert(!in_time.is_closed);
    ck_assert_int_eq(in_time.err, ZK_ERR_OK);
    ck_assert(wait_at_the_door(0, true, (int32_t)waits_ms - 1).is_closed);
    ck_assert(!wait_at_the_door(0, false, (int32_t)waits_ms - 1).is_closed);
}
END_TEST

/* --- largeRequestThreshold, largeRequestMaxBytes --- */

/* A create whose frame has so many bytes. */
static void create_large(uint64_t conn, int32_t xid, const char *path, size_t frame_bytes)
{
    static const uint8_t zeros[8192];
    struct zk_buf acl;
    zk_buf_init(&acl);
    zk_acl_vector_world(&acl, ZK_PERM_ALL);
    struct zk_create_request request = {zk_slice_str(path), zk_slice(zeros, 0), zk_buf_slice(&acl), 0};
    begin(xid, ZK_OP_CREATE);
    zk_create_request_encode(&frame, &request);
    request.data.len = frame_bytes - frame.len;
    begin(xid, ZK_OP_CREATE);
    zk_create_request_encode(&frame, &request);
    ck_assert_uint_eq(frame.len, frame_bytes);
    zk_buf_fini(&acl);
    send_frame(conn);
}

START_TEST(large_requests_have_a_limit_together_and_who_passes_it_is_closed)
{
    want.large = 1000;
    want.large_all = 5000;
    begin_with(4);
    stall_disk();
    ck_assert_uint_eq(replica_frame_limit(r), 5000);
    create_large(1, 2, "/a", 2500);
    create_large(2, 1, "/b", 2500);
    turn();
    ck_assert_uint_eq(r->large_bytes, 5000);
    ck_assert_uint_eq(replica_frame_limit(r), 1000);
    create_large(3, 1, "/small", 1000); /* as large as may be without being large */
    create_large(4, 1, "/c", 1001);
    turn();
    ck_assert(!lines[1].closed && !lines[2].closed && !lines[3].closed);
    ck_assert(lines[4].closed);
    let_disk_go();
    expect_all(1, 1, 2);
    expect_all(2, 1, 1);
    expect_all(3, 1, 1);
    ck_assert(!exists("/c"));
    ck_assert_uint_eq(r->large_bytes, 0);
    create_large(3, 2, "/c", 5000);
    pass(20);
    expect_all(3, 2, 2);
    create_large(3, 3, "/d", 5001);
    turn();
    ck_assert(lines[3].closed);
    teardown();
}
END_TEST

START_TEST(large_requests_count_at_the_door_too_and_no_more_when_their_client_has_gone)
{
    want.throttle = 1;
    want.large = 1000;
    want.large_all = 5000;
    begin_with(3);
    stall_disk();
    create_large(2, 1, "/a", 5000);
    turn();
    ck_assert_uint_eq(r->stalled_count, 1);
    create_large(3, 1, "/b", 1001);
    turn();
    ck_assert(lines[3].closed);
    replica_client_closed(r, 2);
    turn();
    ck_assert_uint_eq(r->large_bytes, 0);
    let_disk_go();
    teardown();
}
END_TEST

/* --- watches --- */

/* Watches on so many nodes that are not there; how many were granted. */
static int watch_some(uint64_t conn, int count)
{
    int granted = 0;
    for (int i = 0; i < count; i++) {
        char path[32];
        snprintf(path, sizeof path, "/c%d-%d", (int)conn, i);
        send_path(conn, i, ZK_OP_EXISTS, path, true);
        turn();
        int32_t err = expect_reply(conn, i);
        ck_assert(err == ZK_ERR_NO_NODE || err == ZK_ERR_SYSTEM_ERROR);
        granted += err == ZK_ERR_NO_NODE;
    }
    return granted;
}

START_TEST(all_watches_together_take_no_more_memory_than_their_share)
{
    enum { BYTES = 10000, ENOUGH = 200 };
    want.memory = BYTES * REPLICA_WATCHES_SHARE_OF_LIMIT;
    begin_with(3);
    int first = watch_some(1, ENOUGH / 4), second = watch_some(2, ENOUGH);
    ck_assert_int_eq(first, ENOUGH / 4);
    ck_assert(second > 0 && second < ENOUGH);
    ck_assert_uint_le(watches_bytes(r->watches), BYTES);
    ck_assert_int_eq(watch_some(3, 1), 0);
    replica_client_closed(r, 1);
    ck_assert_int_gt(watch_some(3, ENOUGH), 0);
    ck_assert_uint_le(watches_bytes(r->watches), BYTES);
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, above_the_limit_of_all_requests_each_client_may_have_one);
    tcase_add_test(tc, what_waits_for_its_own_client_to_read_does_not_count_for_the_others);
    tcase_add_test(tc, nor_does_it_keep_the_others_at_the_door);
    tcase_add_test(tc, beyond_what_may_be_under_way_requests_wait_at_the_door_in_their_order);
    tcase_add_test(tc, what_a_client_that_has_gone_was_waiting_for_does_not_happen_but_for_its_end);
    tcase_add_test(tc, who_has_waited_at_the_door_for_longer_than_allowed_is_told_so);
    tcase_add_test(tc, what_may_have_happened_already_and_what_sets_watches_again_is_never_refused_at_the_door);
    tcase_add_test(tc, who_has_waited_for_longer_than_its_time_out_is_closed_where_that_is_asked);
    tcase_add_test(tc, large_requests_have_a_limit_together_and_who_passes_it_is_closed);
    tcase_add_test(tc, large_requests_count_at_the_door_too_and_no_more_when_their_client_has_gone);
    tcase_add_test(tc, all_watches_together_take_no_more_memory_than_their_share);
    return run_tests("limits", tc);
}
