/* test_state_multi.c: proves server/state/multi.c and the undo of change.c: all or nothing, without a trace. */
#include "tests/unit/state_fixture.h"

/* --- building and reading multis --- */

static void begin(void)
{
    zk_buf_reset(&k.payload);
}

static void add_create(int32_t op, const char *path, int32_t flags)
{
    kit_part(&k, op);
    kit_put_create(&k, path, "data", flags);
}

static void add_version_op(int32_t op, const char *path, int32_t version)
{
    kit_part(&k, op);
    kit_put_version(&k, path, version);
}

static void add_set(const char *path, const char *data, int32_t version)
{
    kit_part(&k, ZK_OP_SET_DATA);
    kit_put_set(&k, path, data, version);
}

/* The reply of a failed multi: `count` error results, the `failed`th with `err`. */
static void expect_failure(int count, int failed, int32_t err)
{
    struct zk_jute in = zk_jute(zk_buf_slice(&k.fx.reply));
    ck_assert_int_eq(k.fx.err, 0);
    ck_assert_uint_eq(k.fx.event_count, 0);
    for (int i = 0; i < count; i++) {
        int32_t want = i < failed ? 0 : i == failed ? err : ZK_ERR_RUNTIME_INCONSISTENCY;
        struct zk_multi_header h = zk_multi_header_decode(&in);
        ck_assert_int_eq(h.type, -1);
        ck_assert(!h.done);
        ck_assert_int_eq(h.err, want);
        ck_assert_int_eq(zk_jute_int(&in), want);
    }
    struct zk_multi_header end = zk_multi_header_decode(&in);
    ck_assert(end.done);
    ck_assert_int_eq(end.type, -1);
    ck_assert_int_eq(end.err, -1);
    ck_assert_uint_eq(zk_jute_left(&in), 0);
    ck_assert(!in.bad);
}

/* --- tests --- */

START_TEST(each_operation_sees_what_those_before_it_did)
{
    begin();
    add_create(ZK_OP_CREATE, "/a", 0);
    add_create(ZK_OP_CREATE2, "/a/s-", ZK_FLAG_SEQUENTIAL);
    add_create(ZK_OP_CREATE, "/a/s-", ZK_FLAG_SEQUENTIAL | ZK_FLAG_EPHEMERAL);
    add_set("/a/s-0000000001", "new", 0);
    add_version_op(ZK_OP_CHECK, "/a/s-0000000001", 1);
    add_version_op(ZK_OP_DELETE, "/a/s-0000000000", 0);
    ck_assert_int_eq(kit_send_multi(&k, a), 0);
    struct zk_stat st = kit_stat(&k, "/a/s-0000000001");
    ck_assert_int_eq(st.czxid, (int64_t)k.zxid);
    ck_assert_int_eq(st.mzxid, (int64_t)k.zxid);
    ck_assert_int_eq(st.version, 1);
    ck_assert(!kit_has(&k, "/a/s-0000000000"));
    ck_assert_int_eq(kit_stat(&k, "/a").cversion, 3);
    ck_assert_uint_eq(k.fx.event_count, 2 + 2 + 2 + 1 + 2);
}
END_TEST

START_TEST(results_carry_their_own_types_and_records)
{
    begin();
    add_create(ZK_OP_CREATE, "/a", 0);
    add_create(ZK_OP_CREATE2, "/b", 0);
    add_set("/b", "x", 0);
    add_version_op(ZK_OP_CHECK, "/b", 1);
    add_version_op(ZK_OP_DELETE, "/b", 1);
    kit_send_multi(&k, a);
    struct zk_jute in = zk_jute(zk_buf_slice(&k.fx.reply));
    ck_assert_int_eq(zk_multi_header_decode(&in).type, ZK_OP_CREATE);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("/a")));
    ck_assert_int_eq(zk_multi_header_decode(&in).type, ZK_OP_CREATE2);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("/b")));
    ck_assert_int_eq(zk_stat_decode(&in).version, 0);
    ck_assert_int_eq(zk_multi_header_decode(&in).type, ZK_OP_SET_DATA);
    ck_assert_int_eq(zk_stat_decode(&in).version, 1);
    ck_assert_int_eq(zk_multi_header_decode(&in).type, ZK_OP_CHECK);
    ck_assert_int_eq(zk_multi_header_decode(&in).type, ZK_OP_DELETE);
    ck_assert(zk_multi_header_decode(&in).done);
    ck_assert_uint_eq(zk_jute_left(&in), 0);
}
END_TEST

/* Something of everything. */
static void populate(struct kit *kit, uint64_t session)
{
    kit_create(kit, session, "/d", "one", 0);
    kit_create(kit, session, "/d/first", "", 0);
    kit_create(kit, session, "/d/e1", "", ZK_FLAG_EPHEMERAL);
    kit_create(kit, session, "/d/e2", "", ZK_FLAG_EPHEMERAL);
    kit_create(kit, session, "/d/e3", "", ZK_FLAG_EPHEMERAL);
    kit_create(kit, session, "/d/last", NULL, 0);
}

/* Seven operations of every kind; the one at `failing` is replaced by one that cannot succeed. */
static void put_ops(int failing)
{
    for (int i = 0; i < 7; i++) {
        if (i == failing) {
            add_version_op(ZK_OP_CHECK, "/d/none", -1);
            continue;
        }
        switch (i) {
        case 0:
            add_version_op(ZK_OP_DELETE, "/d/e1", -1);
            break;
        case 1:
            add_set("/d", "another", -1);
            break;
        case 2:
            add_create(ZK_OP_CREATE, "/d/e9", ZK_FLAG_EPHEMERAL);
            break;
        case 3:
            add_version_op(ZK_OP_DELETE, "/d/first", -1);
            break;
        case 4:
            add_create(ZK_OP_CREATE2, "/d/last/deep-", ZK_FLAG_SEQUENTIAL);
            break;
        case 5:
            add_set("/d", "a third", -1);
            break;
        case 6:
            add_version_op(ZK_OP_DELETE, "/d/e3", -1);
            break;
        }
    }
}

static void list(const struct kit *kit, const char *path, struct zk_buf *out)
{
    zk_buf_reset(out);
    ck_assert_int_eq(state_get_children(kit->s, 0, zk_slice_str(path), true, SIZE_MAX, out), 0);
}

START_TEST(a_failed_multi_leaves_no_trace_wherever_it_fails)
{
    struct kit twin = kit_new();
    uint64_t b = kit_open(&twin);
    struct zk_buf have, want;
    zk_buf_init(&have);
    zk_buf_init(&want);
    populate(&k, a);
    populate(&twin, b);
    begin();
    put_ops(_i);
    kit_send_multi(&k, a);
    expect_failure(7, _i, ZK_ERR_NO_NODE);
    kit_send(&twin, b, 500); /* only the number moves */
    ck_assert_uint_eq(state_digest(k.s), state_digest(twin.s));
    ck_assert_uint_eq(state_size_bytes(k.s), state_size_bytes(twin.s));
    ck_assert_uint_eq(state_dirty_bytes(k.s), state_dirty_bytes(twin.s));
    list(&k, "/d", &have);
    list(&twin, "/d", &want);
    ck_assert(zk_slice_eq(zk_buf_slice(&have), zk_buf_slice(&want))); /* in the same order, too */
    kit_create(&k, a, "/d/last/deep-", "", ZK_FLAG_SEQUENTIAL);
    kit_expect_created(&k, "/d/last/deep-0000000000");
    zk_buf_fini(&have);
    zk_buf_fini(&want);
    kit_free(&twin);
}
END_TEST

START_TEST(a_node_made_and_removed_in_one_multi_was_never_there)
{
    size_t nodes = state_node_count(k.s);
    begin();
    add_create(ZK_OP_CREATE, "/t", 0);
    add_create(ZK_OP_CREATE, "/t/e", ZK_FLAG_EPHEMERAL);
    add_version_op(ZK_OP_DELETE, "/t/e", 0);
    add_version_op(ZK_OP_DELETE, "/t", 0);
    ck_assert_int_eq(kit_send_multi(&k, a), 0);
    ck_assert_uint_eq(state_node_count(k.s), nodes);
    ck_assert_uint_eq(k.fx.event_count, 8);
}
END_TEST

START_TEST(a_malformed_multi_is_refused_as_a_whole)
{
    begin();
    add_create(ZK_OP_CREATE, "/a", 0); /* no end */
    ck_assert_int_eq(kit_send(&k, a, ZK_OP_MULTI), ZK_ERR_MARSHALLING_ERROR);
    static const int32_t foreign[] = {ZK_OP_GET_DATA, ZK_OP_SET_ACL, ZK_OP_MULTI, 99};
    for (size_t i = 0; i < ZK_COUNT_OF(foreign); i++) {
        begin();
        add_create(ZK_OP_CREATE, "/a", 0);
        add_version_op(foreign[i], "/a", 0);
        ck_assert_int_eq(kit_send_multi(&k, a), ZK_ERR_MARSHALLING_ERROR);
        ck_assert_uint_eq(k.fx.reply.len, 0);
    }
    begin();
    add_set(NULL, "x", 0); /* alone it is BAD_ARGUMENTS */
    ck_assert_int_eq(kit_send_multi(&k, a), ZK_ERR_MARSHALLING_ERROR);
    ck_assert(!kit_has(&k, "/a"));
}
END_TEST

START_TEST(an_acl_with_a_null_id_spoils_the_whole_multi)
{
    struct zk_buf acl;
    zk_buf_init(&acl);
    zk_jute_put_int(&acl, 1);
    zk_acl_encode(&acl, &(struct zk_acl){ZK_PERM_ALL, zk_slice_str("world"), zk_slice(NULL, 0)});
    begin();
    add_create(ZK_OP_CREATE, "/before", 0);
    kit_part(&k, ZK_OP_CREATE);
    zk_create_request_encode(&k.payload, &(struct zk_create_request){zk_slice_str("/n"), zk_slice_str(""),
                                                                     zk_buf_slice(&acl), 0});
    ck_assert_int_eq(kit_send_multi(&k, a), ZK_ERR_MARSHALLING_ERROR);
    ck_assert_uint_eq(k.fx.event_count, 0);
    ck_assert_uint_eq(k.fx.reply.len, 0);
    ck_assert_int_eq(kit_create(&k, a, "/before", "", 0), 0);
    zk_buf_fini(&acl);
}
END_TEST

START_TEST(an_empty_multi_succeeds)
{
    begin();
    ck_assert_int_eq(kit_send_multi(&k, a), 0);
    expect_failure(0, 0, 0);
}
END_TEST

START_TEST(a_ttl_create_that_is_not_allowed_fails_its_multi)
{
    begin();
    add_create(ZK_OP_CREATE_CONTAINER, "/c", 4);
    add_create(ZK_OP_CREATE_TTL, "/t", 5);
    zk_jute_put_long(&k.payload, 1000);
    add_create(ZK_OP_CREATE, "/a", 0);
    kit_send_multi(&k, a);
    expect_failure(3, 1, ZK_ERR_UNIMPLEMENTED);
}
END_TEST

START_TEST(check_finds_version_right_and_missing_node)
{
    kit_create(&k, a, "/a", "", 0);
    struct {
        const char *path;
        int32_t version;
        int32_t err;
    } cases[] = {{"/a", 0, 0},
                 {"/a", -1, 0},
                 {"/a", 1, ZK_ERR_BAD_VERSION},
                 {"/b", -1, ZK_ERR_NO_NODE},
                 {"/a/", -1, ZK_ERR_BAD_ARGUMENTS}};
    for (size_t i = 0; i < ZK_COUNT_OF(cases); i++) {
        begin();
        add_version_op(ZK_OP_CHECK, cases[i].path, cases[i].version);
        kit_send_multi(&k, a);
        struct zk_jute in = zk_jute(zk_buf_slice(&k.fx.reply));
        ck_assert_int_eq(zk_multi_header_decode(&in).err, cases[i].err);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("multi");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, each_operation_sees_what_those_before_it_did);
    tcase_add_test(tc, results_carry_their_own_types_and_records);
    tcase_add_loop_test(tc, a_failed_multi_leaves_no_trace_wherever_it_fails, 0, 7);
    tcase_add_test(tc, a_node_made_and_removed_in_one_multi_was_never_there);
    tcase_add_test(tc, a_malformed_multi_is_refused_as_a_whole);
    tcase_add_test(tc, an_acl_with_a_null_id_spoils_the_whole_multi);
    tcase_add_test(tc, an_empty_multi_succeeds);
    tcase_add_test(tc, a_ttl_create_that_is_not_allowed_fails_its_multi);
    tcase_add_test(tc, check_finds_version_right_and_missing_node);
    return run_tests("state_multi", tc);
}
