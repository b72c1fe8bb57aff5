/* test_pace.c: proves server/replica/pace.c: answers that weigh much wait, in their order, for later turns, for who reads
 * slowly, and for the others. */
#include "server/replica/core.h"
#include "tests/unit/replica_kit.h"

#define BIG 100000
#define ASKED 60

static uint8_t big[900000];

/* A node with so much data, made by connection 1. */
static void make_big(const char *path, size_t size)
{
    send_create_of(1, 1, path, zk_slice(big, size), 0);
    pass(20);
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
}

static void setup_big(void)
{
    setup();
    open_session(1);
    make_big("/big", BIG);
}

static void ask(uint64_t conn, int32_t first, int32_t count)
{
    for (int32_t xid = first; xid < first + count; xid++)
        send_path(conn, xid, ZK_OP_GET_DATA, "/big", false);
}

static void expect_answers(uint64_t conn, int32_t first, int32_t count)
{
    for (int32_t xid = first; xid < first + count; xid++)
        ck_assert_int_eq(expect_reply(conn, xid), ZK_ERR_OK);
}

START_TEST(answers_beyond_a_turns_share_wait_for_the_next_turns_and_keep_their_order)
{
    ask(1, 10, ASKED);
    turn();
    ck_assert_uint_le(lines[1].in.len, REPLICA_CLIENT_TURN_BYTES + BIG + 200);
    ck_assert(lines[1].paused);
    ck_assert_uint_le(replica_deadline_ms(r), now_ms);
    send_path(1, 10 + ASKED, ZK_OP_EXISTS, "/none", false);
    for (int i = 0; i < ASKED / 10; i++) {
        size_t before = lines[1].in.len;
        turn();
        ck_assert_uint_le(lines[1].in.len - before, REPLICA_CLIENT_TURN_BYTES + BIG + 200);
    }
    expect_answers(1, 10, ASKED);
    ck_assert_int_eq(expect_reply(1, 10 + ASKED), ZK_ERR_NO_NODE);
    ck_assert(is_silent(1) && !lines[1].paused);
    ck_assert_uint_gt(replica_deadline_ms(r), now_ms);
}
END_TEST

START_TEST(small_answers_leave_in_their_turn_however_many_they_are)
{
    for (int32_t xid = 1; xid <= 4000; xid++)
        send_path(1, xid, ZK_OP_EXISTS, "/big", false);
    turn();
    for (int32_t xid = 1; xid <= 4000; xid++)
        ck_assert_int_eq(expect_reply(1, xid), ZK_ERR_OK);
    ck_assert(!lines[1].paused);
}
END_TEST

START_TEST(who_is_behind_gets_no_answer_until_it_has_taken_those_before)
{
    ask(1, 10, 1);
    turn();
    replica_client_behind(r, 1, true);
    ask(1, 11, 2);
    send_create(1, 13, "/written", 0);
    pass(20);
    expect_answers(1, 10, 1);
    ck_assert(is_silent(1) && lines[1].paused && exists("/written"));
    ck_assert_uint_gt(replica_deadline_ms(r), now_ms - 5); /* nobody spins for its sake */
    replica_client_behind(r, 1, false);
    turn();
    expect_answers(1, 11, 2);
    ck_assert_int_eq(expect_reply(1, 13), ZK_ERR_OK);
    ck_assert(!lines[1].paused);
}
END_TEST

START_TEST(a_session_ends_behind_the_answers_that_wait)
{
    ask(1, 10, ASKED);
    send_bare(1, 10 + ASKED, ZK_OP_CLOSE_SESSION);
    pass(100);
    expect_answers(1, 10, ASKED);
    ck_assert_int_eq(expect_reply(1, 10 + ASKED), ZK_ERR_OK);
    ck_assert(lines[1].closed);
}
END_TEST

START_TEST(a_client_that_closes_its_session_and_goes_has_closed_it)
{
    send_create(1, 2, "/mine", ZK_FLAG_EPHEMERAL);
    pass(20);
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
    ask(1, 10, ASKED);
    send_bare(1, 10 + ASKED, ZK_OP_CLOSE_SESSION);
    turn();
    replica_client_closed(r, 1);
    pass(20);
    ck_assert(!exists("/mine"));
}
END_TEST

/* --- all of them --- */

static void ask_many_at_once(uint64_t conn, int32_t xid, int32_t count)
{
    begin(xid, ZK_OP_MULTI_READ);
    for (int32_t i = 0; i < count; i++) {
        zk_multi_header_encode(&frame, (struct zk_multi_header){ZK_OP_GET_DATA, false, -1});
        zk_path_watch_encode(&frame, (struct zk_path_watch){zk_slice_str("/huge"), false});
    }
    zk_multi_header_encode(&frame, ZK_MULTI_END);
    send_frame(conn);
}

static size_t answered(void)
{
    size_t bytes = 0;
    for (int i = 0; i < CONNS; i++)
        bytes += lines[i].in.len;
    return bytes;
}

START_TEST(a_turns_answers_to_all_are_bounded_too_and_everybodys_turn_comes)
{
    const size_t one = 15 * sizeof big;
    make_big("/huge", sizeof big);
    for (uint64_t conn = 2; conn < CONNS; conn++)
        open_session(conn);
    for (uint64_t conn = 1; conn < CONNS; conn++)
        ask_many_at_once(conn, 5, 15);
    turn();
    ck_assert_uint_gt(answered(), REPLICA_TURN_BYTES);
    ck_assert_uint_le(answered(), REPLICA_TURN_BYTES + one + 5000);
    ask_many_at_once(1, 6, 15); /* who has got something stands behind who has not */
    turn();
    for (uint64_t conn = 1; conn < CONNS; conn++)
        ck_assert_uint_gt(lines[conn].in.len, one);
    ck_assert_uint_gt(lines[1].in.len, 2 * one);
}
END_TEST

/* --- what answers cost --- */

#define CHILDREN 2000
#define LOOKS (2 * CHILDREN) /* at each: may it be read, is it ephemeral? */

/* A directory of so many persistent nodes, made by connection 1. */
static void make_directory(void)
{
    char path[32];
    send_create(1, 1, "/d", 0);
    for (int i = 0; i < CHILDREN; i++) {
        snprintf(path, sizeof path, "/d/%06d", i);
        send_create(1, 1, path, 0);
        if (i % 200 == 199)
            pass(10);
    }
    pass(50);
    zk_buf_reset(&lines[1].in);
}

static void put_list_of_none(void)
{
    zk_filtered_list_request_encode(&frame, ZK_OP_FILTERED_LIST,
                                    &(struct zk_filtered_list_request){.path = zk_slice_str("/d"),
                                                                       .type = ZK_LIST_EPHEMERAL});
}

/* Connection 1 has its answers, in this turn and the next ones, so many in each. */
static void expect_in_turns(int32_t asked, size_t a_turn)
{
    ck_assert(lines[1].paused);
    ck_assert_uint_lt(a_turn, (size_t)asked / 4);
    for (int32_t xid = 1; xid <= asked; turn()) {
        size_t answers = 0;
        for (; !is_silent(1); answers++)
            ck_assert_int_eq(expect_reply(1, xid++), ZK_ERR_OK);
        ck_assert_uint_gt(answers, 0);
        ck_assert_uint_le(answers, a_turn);
    }
    ck_assert(!lines[1].paused);
    ck_assert_ptr_null(replica_check(r));
}

START_TEST(small_answers_that_cost_much_wait_for_later_turns_too)
{
    const size_t a_turn = REPLICA_CLIENT_TURN_BYTES / (LOOKS * REPLICA_LOOK_BYTES) + 1;
    const int32_t asked = 40;
    make_directory();
    open_session(2);
    for (int32_t xid = 1; xid <= asked; xid++) {
        begin(xid, ZK_OP_FILTERED_LIST);
        put_list_of_none();
        send_frame(1);
    }
    send_path(2, 1, ZK_OP_EXISTS, "/d", false);
    turn();
    ck_assert_int_eq(expect_reply(2, 1), ZK_ERR_OK);
    expect_in_turns(asked, a_turn);
}
END_TEST

static void put_paths(int count)
{
    char path[32];
    zk_jute_put_int(&frame, count);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/none/%06d", i);
        zk_jute_put_cstring(&frame, path);
    }
}

START_TEST(so_do_watches_that_are_set_again)
{
    enum { COUNT = 2000, ASKED_FOR = 80 };
    for (int32_t xid = 1; xid <= ASKED_FOR; xid++) {
        begin(xid, ZK_OP_SET_WATCHES);
        zk_jute_put_long(&frame, INT64_MAX);
        put_paths(0);
        put_paths(COUNT);
        put_paths(0);
        send_frame(1);
    }
    turn();
    expect_in_turns(ASKED_FOR, REPLICA_CLIENT_TURN_BYTES / (COUNT * REPLICA_LOOK_BYTES) + 1);
    ck_assert_uint_eq(watches_count(r->watches), COUNT);
}
END_TEST

static int32_t ask_for_lists_at_once(int32_t xid, int count)
{
    begin(xid, ZK_OP_MULTI_READ);
    for (int i = 0; i < count; i++) {
        zk_multi_header_encode(&frame, (struct zk_multi_header){ZK_OP_FILTERED_LIST, false, -1});
        put_list_of_none();
    }
    zk_multi_header_encode(&frame, ZK_MULTI_END);
    send_frame(1);
    turn();
    return expect_reply(1, xid);
}

START_TEST(what_the_parts_of_one_request_cost_together_is_bounded)
{
    const int most = REPLICA_MULTI_READ_LOOKS_MAX / (LOOKS + 1); /* one for the part itself */
    make_directory();
    ck_assert_int_eq(ask_for_lists_at_once(1, most), ZK_ERR_OK);
    turn();
    uint64_t looks = r->looks;
    ck_assert_int_eq(ask_for_lists_at_once(2, 10 * most), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_uint_le(r->looks - looks, REPLICA_MULTI_READ_LOOKS_MAX + LOOKS + 1);
}
END_TEST

/* --- events --- */

START_TEST(who_watches_more_than_it_can_be_told_of_at_once_is_closed_and_its_memory_given_back)
{
    enum { COUNT = 4400, LONG = 16300 }; /* some 68 MiB of paths */
    static char path[LONG + 10];
    memset(path, 'd', LONG);
    path[0] = '/';
    open_session(2);
    open_session(3);
    send_create(3, 1, path, 0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(path + LONG, 10, "/%04d", i);
        send_create(3, 2 + i, path, ZK_FLAG_EPHEMERAL);
        if (i % 100 != 0)
            continue;
        send_bare(1, ZK_XID_PING, ZK_OP_PING);
        send_bare(2, ZK_XID_PING, ZK_OP_PING);
        turn();
        now_ms += 5;
        disk_advance(disk, now_ms);
        replica_storage(r);
    }
    pass(20);
    zk_buf_reset(&lines[2].in);
    begin(2, ZK_OP_ADD_WATCH);
    zk_path_kind_encode(&frame, (struct zk_path_kind){zk_slice_str("/"), ZK_ADD_WATCH_PERSISTENT_RECURSIVE});
    send_frame(2);
    turn();
    ck_assert_int_eq(expect_reply(2, 2), ZK_ERR_OK);
    send_bare(3, 9999, ZK_OP_CLOSE_SESSION);
    send_create(2, 3, "/behind", 0); /* an answer would show what the events that are gone were about */
    pass(50);
    ck_assert(lines[2].closed && !lines[1].closed);
    ck_assert_uint_eq(state_ephemeral_count(replica_state(r)), 0);
    ck_assert(exists("/behind"));
    ck_assert(is_silent(2));
}
END_TEST

static void put_long_acl(struct zk_buf *out, int count)
{
    char id[20];
    zk_jute_put_int(out, count);
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "10.0.%d.%d", i / 200, i % 200);
        struct zk_acl entry = {i > 0 ? ZK_PERM_READ : ZK_PERM_CREATE | ZK_PERM_DELETE,
                               zk_slice_str(i > 0 ? "ip" : "world"), zk_slice_str(i > 0 ? id : "anyone")};
        zk_acl_encode(out, &entry);
    }
}

static void add_persistent_watch(uint64_t conn, const char *path)
{
    begin(1, ZK_OP_ADD_WATCH);
    zk_path_kind_encode(&frame, (struct zk_path_kind){zk_slice_str(path), ZK_ADD_WATCH_PERSISTENT});
    send_frame(conn);
    turn();
    ck_assert_int_eq(expect_reply(conn, 1), ZK_ERR_OK);
}

START_TEST(whether_a_watcher_may_hear_of_a_change_is_not_asked_for_each_of_its_events)
{
    enum { ENTRIES = 400, EVENTS = 200 };
    char path[32];
    struct zk_buf acl = {0};
    put_long_acl(&acl, ENTRIES);
    begin(1, ZK_OP_CREATE);
    struct zk_create_request dir = {zk_slice_str("/dir"), zk_slice_str(""), zk_buf_slice(&acl), 0};
    zk_create_request_encode(&frame, &dir);
    send_frame(1);
    zk_buf_fini(&acl);
    for (int i = 0; i < EVENTS; i++) {
        snprintf(path, sizeof path, "/dir/%03d", i);
        send_create(1, 2 + i, path, 0);
    }
    open_session(2);
    open_session(3);
    add_persistent_watch(2, "/dir");
    add_persistent_watch(3, "/dir");
    uint64_t work = state_work(replica_state(r));
    begin(1000, ZK_OP_MULTI);
    for (int i = 0; i < EVENTS; i++) {
        snprintf(path, sizeof path, "/dir/%03d", i);
        zk_multi_header_encode(&frame, (struct zk_multi_header){ZK_OP_DELETE, false, -1});
        zk_path_version_encode(&frame, (struct zk_path_version){zk_slice_str(path), -1});
    }
    zk_multi_header_encode(&frame, ZK_MULTI_END);
    send_frame(1);
    pass(50);
    ck_assert(exists("/dir") && !exists("/dir/000"));
    ck_assert(is_silent(2) && is_silent(3)); /* they may not read it */
    ck_assert_uint_lt(state_work(replica_state(r)) - work, 3 * ENTRIES);
}
END_TEST

/* "/list" with children of whom each has a list of its own, which gives its reader nothing but at its end. */
static void make_guarded_directory(int children, int entries)
{
    char path[32], id[20];
    struct zk_buf acl = {0};
    send_create(1, 1, "/list", 0);
    for (int i = 0; i < children; i++) {
        acl.len = 0;
        put_long_acl(&acl, entries);
        snprintf(id, sizeof id, "10.9.0.%d", i);
        zk_acl_encode(&acl, &(struct zk_acl){ZK_PERM_READ, zk_slice_str("ip"), zk_slice_str(id)});
        zk_acl_encode(&acl, &(struct zk_acl){ZK_PERM_READ, zk_slice_str("ip"), zk_slice_str("127.0.0.1")});
        zk_jute_set_int(&acl, 0, entries + 2);
        snprintf(path, sizeof path, "/list/%03d", i);
        begin(1, ZK_OP_CREATE);
        struct zk_create_request child = {zk_slice_str(path), zk_slice_str(""), zk_buf_slice(&acl), 0};
        zk_create_request_encode(&frame, &child);
        send_frame(1);
    }
    zk_buf_fini(&acl);
    pass(100);
    zk_buf_reset(&lines[1].in);
}

START_TEST(a_list_whose_nodes_are_well_guarded_counts_for_what_it_takes_to_find_out_who_may_see_it)
{
    make_guarded_directory(100, 400);
    for (int32_t xid = 1; xid <= 2; xid++) {
        begin(xid, ZK_OP_FILTERED_LIST);
        zk_filtered_list_request_encode(
            &frame, ZK_OP_FILTERED_LIST,
            &(struct zk_filtered_list_request){.path = zk_slice_str("/list"), .type = ZK_LIST_EPHEMERAL});
        send_frame(1);
    }
    turn();
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_OK);
    ck_assert(is_silent(1));
    turn();
    ck_assert_int_eq(expect_reply(1, 2), ZK_ERR_OK);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup_big, teardown);
    tcase_add_test(tc, answers_beyond_a_turns_share_wait_for_the_next_turns_and_keep_their_order);
    tcase_add_test(tc, small_answers_leave_in_their_turn_however_many_they_are);
    tcase_add_test(tc, who_is_behind_gets_no_answer_until_it_has_taken_those_before);
    tcase_add_test(tc, a_session_ends_behind_the_answers_that_wait);
    tcase_add_test(tc, a_client_that_closes_its_session_and_goes_has_closed_it);
    tcase_add_test(tc, a_turns_answers_to_all_are_bounded_too_and_everybodys_turn_comes);
    tcase_add_test(tc, small_answers_that_cost_much_wait_for_later_turns_too);
    tcase_add_test(tc, so_do_watches_that_are_set_again);
    tcase_add_test(tc, what_the_parts_of_one_request_cost_together_is_bounded);
    tcase_add_test(tc, a_list_whose_nodes_are_well_guarded_counts_for_what_it_takes_to_find_out_who_may_see_it);
    tcase_add_test(tc, who_watches_more_than_it_can_be_told_of_at_once_is_closed_and_its_memory_given_back);
    tcase_add_test(tc, whether_a_watcher_may_hear_of_a_change_is_not_asked_for_each_of_its_events);
    tcase_set_timeout(tc, 30);
    return run_tests("pace", tc);
}
