/* test_client_parts.c: proves the small parts of client/: server lists, ACL texts, names in queues, percentiles. */
#include "client/bench/histogram.h"
#include "client/face.h"
#include "client/hostlist.h"
#include "client/recipes/place.h"
#include "client/zk.h"
#include "tests/unit/run.h"

/* "host:port host:port /chroot", or "bad". */
static const char *read_list(const char *text)
{
    static struct zk_buf out;
    struct zkc_hostlist list;
    zk_buf_reset(&out);
    if (!zkc_hostlist_parse(text, &list))
        return "bad";
    for (uint32_t i = 0; i < list.count; i++)
        zk_buf_printf(&out, "%s:%u ", list.entries[i].host, list.entries[i].port);
    zk_buf_append_slice(&out, list.chroot);
    zkc_hostlist_fini(&list);
    return zk_buf_text(&out);
}

START_TEST(server_lists_have_ports_brackets_and_a_chroot)
{
    ck_assert_str_eq(read_list("a:1,b:2"), "a:1 b:2 ");
    ck_assert_str_eq(read_list("a"), "a:2181 ");
    ck_assert_str_eq(read_list(" a:1 , b /app/x"), "a:1 b:2181 /app/x");
    ck_assert_str_eq(read_list("[::1]:9,[fe80::1]"), "::1:9 fe80::1:2181 ");
}
END_TEST

START_TEST(lists_that_mean_nothing_are_refused)
{
    static const char *const bad[] = {"",     ",",  "a,",  "a:",   "a:0",  "a:65536",
                                      "a:1x", ":1", "::1", "[::1", "[]:1", "/x"};
    for (size_t i = 0; i < ZK_COUNT_OF(bad); i++)
        ck_assert_msg(strcmp(read_list(bad[i]), "bad") == 0, "taken: %s", bad[i]);
    ck_assert_str_eq(read_list(NULL), "bad");
}
END_TEST

START_TEST(acl_texts_are_read_and_permissions_written)
{
    struct zk_acl_list *acl;
    char perms[6];
    ck_assert_int_eq(zk_acl_parse("world:anyone:r,digest:joe:a=b:cdrwa,ip:fe80::1:wa", &acl), ZK_OK);
    ck_assert_uint_eq(acl->count, 3);
    ck_assert_str_eq(acl->entries[1].scheme, "digest");
    ck_assert_str_eq(acl->entries[1].id, "joe:a=b");
    ck_assert_int_eq(acl->entries[1].perms, ZK_CAN_ALL);
    ck_assert_str_eq(acl->entries[2].id, "fe80::1");
    zk_acl_perms_format(acl->entries[2].perms, perms);
    ck_assert_str_eq(perms, "wa");
    zk_acl_free(acl);
    ck_assert_int_eq(zk_acl_parse("world:r", &acl), ZK_BAD_ARGUMENTS);
    ck_assert_int_eq(zk_acl_parse("world:anyone:x", &acl), ZK_BAD_ARGUMENTS);
    ck_assert_int_eq(zk_acl_parse("world:anyone:r,", &acl), ZK_BAD_ARGUMENTS);
}
END_TEST

/* The expected id is what Apache ZooKeeper 3.8.0 makes of these credentials. */
START_TEST(digest_ids_are_what_servers_make_of_credentials)
{
    char text[64];
    ck_assert_int_eq(zk_acl_digest_id("joe:x", text, sizeof text), ZK_OK);
    ck_assert_str_eq(text, "joe:FENxr4a6NjHyA6SdXvQsKD0b0CA=");
    ck_assert_int_eq(zk_acl_digest_id("joe:x", text, 32), ZK_BAD_ARGUMENTS);
    ck_assert_int_eq(zk_acl_digest_id("joe", text, sizeof text), ZK_BAD_ARGUMENTS);
}
END_TEST

START_TEST(the_first_of_a_queue_has_the_least_number_whatever_its_name)
{
    const char *const names[] = {"_c_z-lock-0000000012", "note", "kazoo__lock__0000000009", "_c_a-lock-0000000010"};
    struct zk_result children = {.children = names, .child_count = ZK_COUNT_OF(names)};
    int32_t number;
    ck_assert_str_eq(zkr_place_first_of(&children), "kazoo__lock__0000000009");
    ck_assert(!zkr_place_sequence("note", &number));
    ck_assert(zkr_place_sequence("x-0000000010", &number));
    ck_assert_int_eq(number, 10);
}
END_TEST

START_TEST(a_queue_goes_on_when_its_numbers_wrap)
{
    const char *const names[] = {"_c_b-lock--2147483648", "_c_a-lock-2147483647", "_c_c-lock--2147483647"};
    struct zk_result children = {.children = names, .child_count = ZK_COUNT_OF(names)};
    int32_t number;
    ck_assert_str_eq(zkr_place_first_of(&children), "_c_a-lock-2147483647");
    ck_assert(zkr_place_sequence(names[0], &number));
    ck_assert_int_eq(number, INT32_MIN);
}
END_TEST

/* Everything in one block: under a sanitizer a size that is a byte short would show. */
START_TEST(results_of_many_reads_hold_data_and_children_of_each)
{
    struct zkc *core = zkc_new(&(struct zkc_config){.server_count = 1, .chroot = zk_slice_str("/top")});
    struct zk_buf body = {0};
    struct zk_stat stat = {.version = 3};
    zk_multi_header_encode(&body, (struct zk_multi_header){ZK_OP_GET_DATA, false, 0});
    zk_jute_put_cstring(&body, "data");
    zk_stat_encode(&body, &stat);
    zk_multi_header_encode(&body, (struct zk_multi_header){ZK_OP_GET_CHILDREN, false, 0});
    zk_jute_put_int(&body, 2);
    zk_jute_put_cstring(&body, "a");
    zk_jute_put_cstring(&body, "b");
    zk_multi_header_encode(&body, ZK_MULTI_END);
    struct zkc_reply reply = {.op = ZK_OP_MULTI_READ, .steps = zk_buf_slice(&body)};
    struct zk_result *result = zk_result_build(core, &reply);
    ck_assert_uint_eq(result->step_count, 2);
    ck_assert_str_eq(result->steps[0].data, "data");
    ck_assert_int_eq(result->steps[0].stat.version, 3);
    ck_assert_uint_eq(result->steps[1].child_count, 2);
    ck_assert_str_eq(result->steps[1].children[1], "b");
    zk_result_free(result);

    zk_buf_reset(&body);
    zk_jute_put_int(&body, 1);
    zk_jute_put_cstring(&body, "/top/a");
    result = zk_result_build(core, &(struct zkc_reply){.op = ZK_OP_GET_EPHEMERALS, .children = zk_buf_slice(&body)});
    ck_assert_str_eq(result->children[0], "/a");
    zk_result_free(result);
    zk_buf_reset(&body);
    zk_jute_put_int(&body, 1);
    zk_jute_put_cstring(&body, "digest");
    zk_jute_put_cstring(&body, "joe");
    result = zk_result_build(core, &(struct zkc_reply){.op = ZK_OP_WHO_AM_I, .identities = zk_buf_slice(&body)});
    ck_assert_uint_eq(result->identity_count, 1);
    ck_assert_str_eq(result->identities[0].user, "joe");
    zk_result_free(result);
    zk_buf_fini(&body);
    zkc_free(core);
}
END_TEST

START_TEST(a_pages_result_has_stats_where_they_were_told)
{
    struct zkc *core = zkc_new(&(struct zkc_config){.server_count = 1});
    struct zk_buf body = {0};
    zk_jute_put_int(&body, 3);
    zk_page_entry_encode(&body, &(struct zk_page_entry){zk_slice_str("a"), true, {.version = 1, .pzxid = 7}});
    zk_page_entry_encode(&body, &(struct zk_page_entry){.name = zk_slice_str("hidden")});
    zk_page_entry_encode(&body, &(struct zk_page_entry){zk_slice_str("z"), true, {.version = 2}});
    struct zkc_reply reply = {.op = ZK_OP_GET_CHILDREN_PAGE, .page = zk_buf_slice(&body), .more = true};
    struct zk_result *result = zk_result_build(core, &reply);
    ck_assert_uint_eq(result->child_count, 3);
    ck_assert_str_eq(result->children[1], "hidden");
    ck_assert_ptr_null(result->child_stats[1]);
    ck_assert_int_eq(result->child_stats[0]->pzxid, 7);
    ck_assert_int_eq(result->child_stats[2]->version, 2);
    ck_assert(result->more);
    zk_result_free(result);
    zk_buf_fini(&body);
    zkc_free(core);
}
END_TEST

START_TEST(percentiles_are_right_to_three_per_cent)
{
    static struct histogram h;
    for (uint64_t value = 1; value <= 100000; value++)
        histogram_add(&h, value);
    static const uint32_t per_mille[] = {1, 10, 500, 900, 990, 999, 1000};
    for (size_t i = 0; i < ZK_COUNT_OF(per_mille); i++) {
        uint64_t exact = per_mille[i] * 100;
        uint64_t got = histogram_percentile(&h, per_mille[i]);
        ck_assert_uint_ge(got, exact);
        ck_assert_uint_le(got, exact + exact * 4 / 100 + 1);
    }
    histogram_add(&h, UINT64_MAX / 2);
    ck_assert_uint_eq(h.max_us, UINT64_MAX / 2);
    static const struct histogram empty;
    ck_assert_uint_eq(histogram_percentile(&empty, 500), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("parts");
    tcase_add_test(tests, server_lists_have_ports_brackets_and_a_chroot);
    tcase_add_test(tests, lists_that_mean_nothing_are_refused);
    tcase_add_test(tests, acl_texts_are_read_and_permissions_written);
    tcase_add_test(tests, digest_ids_are_what_servers_make_of_credentials);
    tcase_add_test(tests, the_first_of_a_queue_has_the_least_number_whatever_its_name);
    tcase_add_test(tests, a_queue_goes_on_when_its_numbers_wrap);
    tcase_add_test(tests, results_of_many_reads_hold_data_and_children_of_each);
    tcase_add_test(tests, a_pages_result_has_stats_where_they_were_told);
    tcase_add_test(tests, percentiles_are_right_to_three_per_cent);
    return run_tests("client parts", tests);
}
