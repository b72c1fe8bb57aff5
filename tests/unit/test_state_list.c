/* test_state_list.c: proves server/state/list.c: pages of children, and how large a list may be. */
#include "tests/unit/state_kit.h"

/* Asks for a page; the names that came, with commas between, a '+' behind each that has a Stat, and "..." if there are
 * more. */
static const char *page(struct kit *k, uint64_t session, struct zk_page_request r)
{
    static char text[4096];
    struct zk_buf out;
    zk_buf_init(&out);
    ck_assert_int_eq(state_get_children_page(k->s, session, &r, &out), 0);
    struct zk_jute in = zk_jute(zk_buf_slice(&out));
    int32_t count = zk_jute_count(&in, ZK_PAGE_ENTRY_MIN_BYTES);
    int len = 0;
    for (int32_t i = 0; i < count; i++) {
        struct zk_page_entry e = zk_page_entry_decode(&in);
        len += snprintf(text + len, sizeof text - (size_t)len, "%s%.*s%s", i > 0 ? "," : "", (int)e.name.len,
                        (const char *)e.name.ptr, e.has_stat ? "+" : "");
    }
    snprintf(text + len, sizeof text - (size_t)len, "%s", zk_jute_bool(&in) ? "..." : "");
    struct zk_stat stat = zk_stat_decode(&in);
    ck_assert(!in.bad && zk_jute_left(&in) == 0);
    struct zk_stat own;
    ck_assert(state_stat(k->s, r.path, &own));
    ck_assert_int_eq(stat.num_children, own.num_children);
    zk_buf_fini(&out);
    return text;
}

static struct kit directory(uint64_t *ret_session, const char *const *names, size_t count)
{
    struct kit k = kit_new();
    *ret_session = kit_open(&k);
    kit_create(&k, *ret_session, "/d", "", 0);
    for (size_t i = 0; i < count; i++) {
        char path[64];
        snprintf(path, sizeof path, "/d/%s", names[i]);
        ck_assert_int_eq(kit_create(&k, *ret_session, path, "", 0), 0);
    }
    return k;
}

#define D .path = zk_slice_str("/d")
#define FROM(name) .from = zk_slice_str(name)
#define PREFIX(name) .prefix = zk_slice_str(name)

START_TEST(a_page_begins_at_a_name_or_behind_it_and_ends_with_its_count)
{
    static const char *const names[] = {"c", "ab", "a", "b", "aa"};
    uint64_t a;
    struct kit k = directory(&a, names, ZK_COUNT_OF(names));
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D}), "a,aa,ab,b,c");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, .count = 2}), "a,aa...");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, .count = 5}), "a,aa,ab,b,c");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, FROM("ab"), .count = 2}), "ab,b...");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, FROM("ab"), .flags = ZK_PAGE_AFTER, .count = 2}), "b,c");
    /* from a name that is not there: whoever was last on a page may be gone */
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, FROM("abc")}), "b,c");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, FROM("abc"), .flags = ZK_PAGE_AFTER}), "b,c");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, FROM("c"), .flags = ZK_PAGE_AFTER}), "");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, FROM("x")}), "");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){.path = zk_slice_str("/d/a")}), "");
    kit_free(&k);
}
END_TEST

START_TEST(a_prefix_shows_what_begins_with_it_and_whether_there_is_more_of_that)
{
    static const char *const names[] = {"a", "lock-1", "lock-2", "lock-3", "loc", "m"};
    uint64_t a;
    struct kit k = directory(&a, names, ZK_COUNT_OF(names));
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, PREFIX("lock-")}), "lock-1,lock-2,lock-3");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, PREFIX("lock-"), .count = 3}), "lock-1,lock-2,lock-3");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, PREFIX("lock-"), .count = 2}), "lock-1,lock-2...");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, PREFIX("lock-"), FROM("lock-2")}), "lock-2,lock-3");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, PREFIX("lock-"), FROM("a")}), "lock-1,lock-2,lock-3");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, PREFIX("lock-"), FROM("m")}), "");
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, PREFIX("x")}), "");
    kit_free(&k);
}
END_TEST

START_TEST(names_need_read_on_the_directory_and_stats_on_the_child)
{
    static const char *const names[] = {"open"};
    uint64_t a;
    struct kit k = directory(&a, names, 1);
    struct zk_buf closed, out;
    zk_buf_init(&closed);
    zk_buf_init(&out);
    kit_acl(&closed, ZK_PERM_ALL & ~ZK_PERM_READ, "world", "anyone");
    kit_create(&k, a, "/d/hidden", "", 0);
    kit_set_acl(&k, a, "/d/hidden", zk_buf_slice(&closed), -1);
    ck_assert_str_eq(page(&k, a, (struct zk_page_request){D, .flags = ZK_PAGE_STATS}), "hidden,open+");
    kit_set_acl(&k, a, "/d", zk_buf_slice(&closed), -1);
    ck_assert_int_eq(state_get_children_page(k.s, a, &(struct zk_page_request){D}, &out), ZK_ERR_NO_AUTH);
    ck_assert_int_eq(state_get_children_page(k.s, a, &(struct zk_page_request){.path = zk_slice_str("/x")}, &out),
                     ZK_ERR_NO_NODE);
    ck_assert_int_eq(state_get_children_page(k.s, a, &(struct zk_page_request){D, .count = -1}, &out),
                     ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(state_get_children_page(k.s, a, &(struct zk_page_request){D, .flags = 4}, &out),
                     ZK_ERR_BAD_ARGUMENTS);
    ck_assert_uint_eq(out.len, 0);
    zk_buf_fini(&closed);
    zk_buf_fini(&out);
    kit_free(&k);
}
END_TEST

/* A directory of `count` names of `len` bytes each. */
static struct kit large_directory(uint64_t *ret_session, int count, int len)
{
    struct kit k = kit_new();
    *ret_session = kit_open(&k);
    kit_create(&k, *ret_session, "/d", "", 0);
    for (int i = 0; i < count; i++) {
        char path[1024];
        snprintf(path, sizeof path, "/d/%0*d", len, i);
        kit_create_quickly(&k, *ret_session, path, "", 0);
    }
    kit_check(&k);
    return k;
}

START_TEST(pages_of_any_size_together_are_all_children_and_none_is_too_large)
{
    enum { COUNT = 3000, LEN = 500 };
    uint64_t a;
    struct kit k = large_directory(&a, COUNT, LEN);
    for (int32_t flags = 0; flags <= ZK_PAGE_STATS; flags++) {
        char last[LEN + 1] = "";
        int seen = 0, pages = 0;
        for (bool more = true; more; pages++) {
            struct zk_buf out;
            zk_buf_init(&out);
            struct zk_page_request r = {D, FROM(last), .flags = flags | ZK_PAGE_AFTER};
            ck_assert_int_eq(state_get_children_page(k.s, a, &r, &out), 0);
            ck_assert_uint_le(out.len, ZK_PAGE_BYTES_MAX + ZK_STAT_BYTES + 1);
            struct zk_jute in = zk_jute(zk_buf_slice(&out));
            for (int32_t count = zk_jute_count(&in, 5); count > 0; count--) {
                struct zk_slice name = zk_page_entry_decode(&in).name;
                snprintf(last, sizeof last, "%.*s", (int)name.len, (const char *)name.ptr);
                ck_assert_int_eq(atoi(last), seen++);
            }
            more = zk_jute_bool(&in);
            zk_buf_fini(&out);
        }
        ck_assert_int_eq(seen, COUNT);
        ck_assert_int_ge(pages, COUNT * LEN / ZK_PAGE_BYTES_MAX);
    }
    kit_free(&k);
}
END_TEST

START_TEST(a_list_at_its_limit_is_given_and_one_byte_more_is_refused)
{
    uint64_t a;
    struct kit k = large_directory(&a, 100, 10);
    struct zk_buf out;
    zk_buf_init(&out);
    ck_assert_int_eq(state_get_children(k.s, a, zk_slice_str("/d"), false, 4 + 100 * 14, &out), 0);
    ck_assert_uint_eq(out.len, 4 + 100 * 14);
    zk_buf_reset(&out);
    ck_assert_int_eq(state_get_children(k.s, a, zk_slice_str("/d"), false, 4 + 100 * 14 - 1, &out),
                     ZK_ERR_BAD_ARGUMENTS);
    zk_buf_fini(&out);
    kit_free(&k);
}
END_TEST

START_TEST(a_list_tells_how_many_nodes_it_has_looked_at_whatever_it_answers)
{
    enum { COUNT = 100 };
    uint64_t a, looks = 0;
    struct kit k = large_directory(&a, COUNT, 10);
    struct zk_buf out;
    zk_buf_init(&out);
    ck_assert_int_eq(kit_create(&k, a, "/e", "", ZK_FLAG_EPHEMERAL), 0);
    state_count_looks(k.s, &looks);
    ck_assert_int_eq(state_get_children(k.s, a, zk_slice_str("/d"), false, SIZE_MAX, &out), 0);
    ck_assert_uint_eq(looks, COUNT);
    looks = 0;
    struct zk_filtered_list_request none = {.path = zk_slice_str("/d"), .type = ZK_LIST_EPHEMERAL};
    ck_assert_int_eq(state_filtered_list(k.s, a, ZK_OP_FILTERED_LIST, &none, 10000, &out), 0);
    ck_assert_uint_eq(looks, 2 * COUNT); /* may they be read? are they ephemeral? */
    looks = 0;
    ck_assert_int_eq(state_list_recursive(k.s, a, (struct zk_path_limit){zk_slice_str("/d"), COUNT}, 100, &out),
                     ZK_ERR_BAD_ARGUMENTS);
    ck_assert_uint_gt(looks, 0);
    looks = 0;
    ck_assert_int_eq(state_get_ephemerals(k.s, a, zk_slice_str("/none"), 10000, &out), 0);
    ck_assert_uint_eq(looks, 1);
    zk_buf_fini(&out);
    kit_free(&k);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("list");
    tcase_add_test(tc, a_page_begins_at_a_name_or_behind_it_and_ends_with_its_count);
    tcase_add_test(tc, a_prefix_shows_what_begins_with_it_and_whether_there_is_more_of_that);
    tcase_add_test(tc, names_need_read_on_the_directory_and_stats_on_the_child);
    tcase_add_test(tc, pages_of_any_size_together_are_all_children_and_none_is_too_large);
    tcase_add_test(tc, a_list_at_its_limit_is_given_and_one_byte_more_is_refused);
    tcase_add_test(tc, a_list_tells_how_many_nodes_it_has_looked_at_whatever_it_answers);
    return run_tests("state_list", tc);
}
