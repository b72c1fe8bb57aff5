/* test_state_write.c: proves create, delete, setData and setACL of server/state/write.c: errors in Apache's order,
 * Stat fields, sequence numbers, watch events. */
#include "tests/unit/state_kit.h"

START_TEST(a_new_state_has_the_four_nodes_that_apache_has)
{
    struct kit k = kit_new();
    ck_assert_uint_eq(state_node_count(k.s), 4);
    ck_assert_int_eq(kit_stat(&k, "/").cversion, -1);
    ck_assert_int_eq(kit_stat(&k, "/").num_children, 1);
    ck_assert_int_eq(kit_stat(&k, "/zookeeper").cversion, -2);
    ck_assert_int_eq(kit_stat(&k, "/zookeeper/config").aversion, -1);
    ck_assert_int_eq(kit_stat(&k, "/zookeeper/quota").num_children, 0);
    kit_free(&k);
}
END_TEST

START_TEST(create_fills_every_field_of_the_stat)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    ck_assert_int_eq(kit_create(&k, a, "/a", "hello", 0), 0);
    struct zk_stat st = kit_stat(&k, "/a");
    ck_assert_int_eq(st.czxid, (int64_t)k.zxid);
    ck_assert_int_eq(st.mzxid, (int64_t)k.zxid);
    ck_assert_int_eq(st.pzxid, (int64_t)k.zxid);
    ck_assert_int_eq(st.ctime_ms, k.time_ms);
    ck_assert_int_eq(st.mtime_ms, k.time_ms);
    ck_assert_int_eq(st.version, 0);
    ck_assert_int_eq(st.cversion, 0);
    ck_assert_int_eq(st.aversion, 0);
    ck_assert_int_eq(st.ephemeral_owner, 0);
    ck_assert_int_eq(st.data_length, 5);
    ck_assert_int_eq(st.num_children, 0);
    struct zk_stat root = kit_stat(&k, "/");
    ck_assert_int_eq(root.pzxid, (int64_t)k.zxid);
    ck_assert_int_eq(root.num_children, 2);
    ck_assert_int_eq(root.cversion, 0); /* one create, two children: 2 * 1 - 2 */
    ck_assert_int_eq(root.mzxid, 0);
    kit_free(&k);
}
END_TEST

START_TEST(set_data_changes_version_mzxid_mtime_and_length_only)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_create(&k, a, "/a", "hello", 0);
    struct zk_stat was = kit_stat(&k, "/a");
    struct zk_stat root = kit_stat(&k, "/");
    ck_assert_int_eq(kit_set(&k, a, "/a", "hi", 0), 0);
    struct zk_stat st = kit_stat(&k, "/a");
    ck_assert_int_eq(st.version, 1);
    ck_assert_int_eq(st.mzxid, (int64_t)k.zxid);
    ck_assert_int_eq(st.mtime_ms, k.time_ms);
    ck_assert_int_eq(st.data_length, 2);
    ck_assert_int_eq(st.czxid, was.czxid);
    ck_assert_int_eq(st.pzxid, was.pzxid);
    ck_assert_int_eq(st.ctime_ms, was.ctime_ms);
    ck_assert_int_eq(kit_stat(&k, "/").pzxid, root.pzxid);
    ck_assert_uint_eq(k.fx.reply.len, ZK_STAT_BYTES);
    ck_assert_uint_eq(k.fx.event_count, 1);
    kit_expect_event(&k, 0, ZK_EVENT_DATA_CHANGED, "/a");
    kit_free(&k);
}
END_TEST

START_TEST(cversion_counts_creates_and_deletes)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_create(&k, a, "/d", "", 0);
    for (int i = 0; i < 3; i++) {
        char path[16];
        snprintf(path, sizeof path, "/d/%d", i);
        kit_create(&k, a, path, "", 0);
    }
    ck_assert_int_eq(kit_stat(&k, "/d").cversion, 3);
    ck_assert_int_eq(kit_delete(&k, a, "/d/1", -1), 0);
    ck_assert_int_eq(kit_stat(&k, "/d").cversion, 4);
    ck_assert_int_eq(kit_stat(&k, "/d").num_children, 2);
    ck_assert_int_eq(kit_stat(&k, "/d").pzxid, (int64_t)k.zxid);
    kit_free(&k);
}
END_TEST

START_TEST(a_sequence_number_counts_creates_and_never_comes_back)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_create(&k, a, "/d", "", 0);
    kit_create(&k, a, "/d/x-", "", ZK_FLAG_SEQUENTIAL);
    kit_expect_created(&k, "/d/x-0000000000");
    kit_create(&k, a, "/d/plain", "", 0);
    kit_delete(&k, a, "/d/plain", -1);
    kit_create(&k, a, "/d/", "", ZK_FLAG_SEQUENTIAL | ZK_FLAG_EPHEMERAL);
    kit_expect_created(&k, "/d/0000000002");
    kit_delete(&k, a, "/d/0000000002", -1);
    kit_create(&k, a, "/d/x-", "", ZK_FLAG_SEQUENTIAL);
    kit_expect_created(&k, "/d/x-0000000003");
    kit_create(&k, a, "/", "", ZK_FLAG_SEQUENTIAL);
    kit_expect_created(&k, "/0000000001");
    kit_free(&k);
}
END_TEST

START_TEST(create_errors_come_in_apaches_order)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    struct zk_buf empty;
    zk_buf_init(&empty);
    zk_jute_put_int(&empty, 0);
    kit_create(&k, a, "/e", "", ZK_FLAG_EPHEMERAL);
    struct zk_buf open_acl = k.acl;
    /* flags before all, then the slash, then the ACL, then the parent, then the rights, then the path's form */
    k.acl = empty;
    ck_assert_int_eq(kit_create(&k, a, "no slash", "", 7), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(kit_create(&k, a, "no slash", "", 0), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(kit_create(&k, a, "/missing//x", "", 0), ZK_ERR_INVALID_ACL);
    k.acl = open_acl;
    ck_assert_int_eq(kit_create(&k, a, "/missing//x", "", 0), ZK_ERR_NO_NODE);
    ck_assert_int_eq(kit_create(&k, a, "/zookeeper/config/..", "", 0), ZK_ERR_NO_AUTH);
    ck_assert_int_eq(kit_create(&k, a, "/zookeeper/..", "", 0), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(kit_create(&k, a, "//x", "", 0), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(kit_create(&k, a, "/e/", "", 0), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(kit_create(&k, a, "/", "", 0), ZK_ERR_NODE_EXISTS);
    ck_assert_int_eq(kit_create(&k, a, "/e", "", 0), ZK_ERR_NODE_EXISTS);
    ck_assert_int_eq(kit_create(&k, a, "/e/x", "", 0), ZK_ERR_NO_CHILDREN_FOR_EPHEMERALS);
    ck_assert_int_eq(kit_create(&k, a, "/ttl", "", 5), ZK_ERR_UNIMPLEMENTED);
    ck_assert_int_eq(kit_create(&k, a, NULL, "", 0), ZK_ERR_MARSHALLING_ERROR);
    ck_assert_uint_eq(k.fx.event_count, 0);
    ck_assert_uint_eq(k.fx.reply.len, 0);
    zk_buf_fini(&empty);
    kit_free(&k);
}
END_TEST

START_TEST(the_container_flag_under_create_makes_a_plain_node)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    ck_assert_int_eq(kit_create(&k, a, "/c", "", 4), 0);
    kit_expect_created(&k, "/c");
    kit_close(&k, a);
    ck_assert(kit_has(&k, "/c"));
    kit_free(&k);
}
END_TEST

START_TEST(delete_errors_come_in_apaches_order)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_create(&k, a, "/d", "", 0);
    kit_create(&k, a, "/d/x", "", 0);
    ck_assert_int_eq(kit_delete(&k, a, "d", -1), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(kit_delete(&k, a, "/missing/x", -1), ZK_ERR_NO_NODE);
    ck_assert_int_eq(kit_delete(&k, a, "/zookeeper/config/x", -1), ZK_ERR_NO_AUTH);
    ck_assert_int_eq(kit_delete(&k, a, "/missing", -1), ZK_ERR_NO_NODE);
    ck_assert_int_eq(kit_delete(&k, a, "/d", 5), ZK_ERR_BAD_VERSION);
    ck_assert_int_eq(kit_delete(&k, a, "/d", 0), ZK_ERR_NOT_EMPTY);
    ck_assert_int_eq(kit_delete(&k, a, "/d/x", 0), 0);
    ck_assert_uint_eq(k.fx.reply.len, 0);
    ck_assert_int_eq(kit_delete(&k, a, "/d", 0), 0);
    ck_assert(!kit_has(&k, "/d"));
    kit_free(&k);
}
END_TEST

START_TEST(the_four_special_nodes_cannot_be_deleted)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    static const char *const special[] = {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"};
    for (size_t i = 0; i < ZK_COUNT_OF(special); i++)
        ck_assert_int_eq(kit_delete(&k, a, special[i], -1), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_uint_eq(state_node_count(k.s), 4);
    kit_free(&k);
}
END_TEST

START_TEST(set_data_errors_come_in_apaches_order)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_create(&k, a, "/a", "", 0);
    ck_assert_int_eq(kit_set(&k, a, "/a/", "x", -1), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(kit_set(&k, a, NULL, "x", -1), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(kit_set(&k, a, "", "x", -1), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(kit_set(&k, a, "/b", "x", -1), ZK_ERR_NO_NODE);
    ck_assert_int_eq(kit_set(&k, a, "/zookeeper/config", "x", 9), ZK_ERR_NO_AUTH);
    ck_assert_int_eq(kit_set(&k, a, "/a", "x", 9), ZK_ERR_BAD_VERSION);
    ck_assert_int_eq(kit_set(&k, a, "/", "x", -1), 0);
    kit_free(&k);
}
END_TEST

START_TEST(null_data_stays_null_and_has_length_zero)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    struct zk_buf out;
    zk_buf_init(&out);
    kit_create(&k, a, "/a", NULL, 0);
    ck_assert_int_eq(kit_stat(&k, "/a").data_length, 0);
    uint64_t digest = state_digest(k.s);
    ck_assert_int_eq(state_get_data(k.s, a, zk_slice_str("/a"), &out), 0);
    struct zk_jute in = zk_jute(zk_buf_slice(&out));
    ck_assert_ptr_null(zk_jute_buffer(&in).ptr);
    ck_assert_int_eq(kit_set(&k, a, "/a", "", -1), 0);
    ck_assert_uint_ne(state_digest(k.s), digest);
    zk_buf_fini(&out);
    kit_free(&k);
}
END_TEST

START_TEST(events_tell_the_node_first_and_then_its_parent)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_create(&k, a, "/a", "", 0);
    kit_create(&k, a, "/a/b", "", 0);
    ck_assert_uint_eq(k.fx.event_count, 2);
    kit_expect_event(&k, 0, ZK_EVENT_CREATED, "/a/b");
    ck_assert(zk_slice_eq(k.fx.events[0].acl, zk_buf_slice(&k.acl)));
    kit_expect_event(&k, 1, ZK_EVENT_CHILDREN_CHANGED, "/a");
    kit_delete(&k, a, "/a/b", -1);
    kit_delete(&k, a, "/a", -1);
    ck_assert_uint_eq(k.fx.event_count, 2);
    kit_expect_event(&k, 0, ZK_EVENT_DELETED, "/a");
    kit_expect_event(&k, 1, ZK_EVENT_CHILDREN_CHANGED, "/");
    kit_free(&k);
}
END_TEST

START_TEST(create2_answers_with_the_stat_and_create_without)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_put_create(&k, "/a", "xyz", ZK_FLAG_EPHEMERAL);
    ck_assert_int_eq(kit_send(&k, a, ZK_OP_CREATE2), 0);
    ck_assert_uint_eq(k.fx.reply.len, 4 + 2 + ZK_STAT_BYTES);
    struct zk_jute in = zk_jute(zk_buf_slice(&k.fx.reply));
    (void)zk_jute_string(&in);
    struct zk_stat st = zk_stat_decode(&in);
    ck_assert_int_eq(st.data_length, 3);
    ck_assert_int_eq(st.ephemeral_owner, (int64_t)a);
    kit_create(&k, a, "/b", "", 0);
    ck_assert_uint_eq(k.fx.reply.len, 4 + 2);
    kit_free(&k);
}
END_TEST

START_TEST(malformed_and_unknown_requests_change_nothing)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    static const int32_t ops[] = {ZK_OP_CREATE,   ZK_OP_CREATE2, ZK_OP_CREATE_CONTAINER, ZK_OP_CREATE_TTL, ZK_OP_DELETE,
                                  ZK_OP_SET_DATA, ZK_OP_SET_ACL, ZK_OP_MULTI};
    size_t nodes = state_node_count(k.s);
    for (size_t i = 0; i < ZK_COUNT_OF(ops); i++) {
        zk_buf_reset(&k.payload);
        ck_assert_int_eq(kit_send(&k, a, ops[i]), ZK_ERR_MARSHALLING_ERROR);
        zk_buf_append(&k.payload, "\x00\x00\x00\x02/a\xff\xff", 8);
        ck_assert_int_eq(kit_send(&k, a, ops[i]), ZK_ERR_MARSHALLING_ERROR);
    }
    zk_buf_reset(&k.payload);
    static const int32_t others[] = {ZK_OP_CHECK, ZK_OP_DELETE_CONTAINER, ZK_OP_GET_DATA, 500, -10};
    for (size_t i = 0; i < ZK_COUNT_OF(others); i++)
        ck_assert_int_eq(kit_send(&k, a, others[i]), ZK_ERR_UNIMPLEMENTED);
    ck_assert_uint_eq(state_node_count(k.s), nodes);
    kit_free(&k);
}
END_TEST

START_TEST(time_never_goes_back)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_create(&k, a, "/a", "", 0);
    int64_t last = state_time_ms(k.s);
    zk_buf_reset(&k.payload);
    kit_put_create(&k, "/b", "", 0);
    struct command c = kit_request(&k, a, ZK_OP_CREATE);
    c.time_ms = last - 500;
    kit_apply(&k, c);
    ck_assert_int_eq(k.fx.time_ms, last);
    ck_assert_int_eq(kit_stat(&k, "/b").ctime_ms, last);
    kit_free(&k);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("write");
    tcase_add_test(tc, a_new_state_has_the_four_nodes_that_apache_has);
    tcase_add_test(tc, create_fills_every_field_of_the_stat);
    tcase_add_test(tc, set_data_changes_version_mzxid_mtime_and_length_only);
    tcase_add_test(tc, cversion_counts_creates_and_deletes);
    tcase_add_test(tc, a_sequence_number_counts_creates_and_never_comes_back);
    tcase_add_test(tc, create_errors_come_in_apaches_order);
    tcase_add_test(tc, the_container_flag_under_create_makes_a_plain_node);
    tcase_add_test(tc, delete_errors_come_in_apaches_order);
    tcase_add_test(tc, the_four_special_nodes_cannot_be_deleted);
    tcase_add_test(tc, set_data_errors_come_in_apaches_order);
    tcase_add_test(tc, null_data_stays_null_and_has_length_zero);
    tcase_add_test(tc, events_tell_the_node_first_and_then_its_parent);
    tcase_add_test(tc, create2_answers_with_the_stat_and_create_without);
    tcase_add_test(tc, malformed_and_unknown_requests_change_nothing);
    tcase_add_test(tc, time_never_goes_back);
    return run_tests("state_write", tc);
}
