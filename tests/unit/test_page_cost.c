/* test_page_cost.c: proves that a page of children costs what is on it, whatever the size of the directory: the lists and
 * the B+ tree are compiled here once more, with a count of the nodes that they look at. */
#include "server/state/inside.h"
#include "tests/unit/state_kit.h"

static size_t looks;

static struct node *look(const struct tree *t, uint32_t handle)
{
    looks++;
    return tree_at(t, handle);
}

static struct node *look_in_state(const struct state *s, uint32_t handle)
{
    looks++;
    return state_node(s, handle);
}

#define tree_at look
#define state_node look_in_state
#include "server/state/children.c" /* NOLINT(bugprone-suspicious-include) */

static uint32_t step(struct children_cursor *cursor)
{
    looks++;
    return children_next(cursor);
}

#define children_next step
#include "server/state/list.c" /* NOLINT(bugprone-suspicious-include) */

#define SMALL 1000
#define LARGE 300000 /* two levels of blocks more */
#define NAME "node-%07d"

static struct kit kit;
static uint64_t session;

static void make_directory(const char *path, int count)
{
    char child[64];
    kit_create_quickly(&kit, session, path, "", 0);
    for (int i = 0; i < count; i++) {
        snprintf(child, sizeof child, "%s/" NAME, path, i);
        kit_create_quickly(&kit, session, child, "", 0);
    }
}

static void setup(void)
{
    kit = kit_new();
    session = kit_open(&kit);
    make_directory("/small", SMALL);
    make_directory("/large", LARGE);
}

static void teardown(void)
{
    kit_free(&kit);
}

struct cost {
    size_t looks, bytes;
    int32_t first; /* of the names on the page */
};

static struct cost page_cost(const char *path, struct zk_page_request r)
{
    struct zk_buf out;
    zk_buf_init(&out);
    r.path = zk_slice_str(path);
    looks = 0;
    ck_assert_int_eq(state_get_children_page(kit.s, session, &r, &out), 0);
    struct cost cost = {.looks = looks, .bytes = out.len};
    struct zk_jute in = zk_jute(zk_buf_slice(&out));
    ck_assert_int_eq(zk_jute_count(&in, ZK_PAGE_ENTRY_MIN_BYTES), r.count);
    struct zk_slice name = zk_page_entry_decode(&in).name;
    ck_assert_int_eq(sscanf((const char *)name.ptr, NAME, &cost.first), 1);
    zk_buf_fini(&out);
    return cost;
}

static const char *name_of(int i)
{
    static char name[32];
    snprintf(name, sizeof name, NAME, i);
    return name;
}

/* A name on the page; finding one in a level of blocks: its binary search, and the first name that all are told from; and
 * what is once. */
static size_t looks_most(int32_t count, size_t levels)
{
    return 6 * (size_t)count + 8 * levels + 10;
}

START_TEST(a_page_costs_what_is_on_it_and_a_little_to_find_wherever_it_begins_and_however_many_there_are)
{
    static const int32_t counts[] = {1, 10, 100};
    for (size_t i = 0; i < ZK_COUNT_OF(counts); i++) {
        for (int percent = 0; percent <= 90; percent += 30) {
            struct zk_page_request r = {.count = counts[i], .from = zk_slice_str(name_of(SMALL / 100 * percent))};
            struct cost in_small = page_cost("/small", r);
            ck_assert_int_eq(in_small.first, SMALL / 100 * percent);
            r.from = zk_slice_str(name_of(LARGE / 100 * percent));
            struct cost in_large = page_cost("/large", r);
            ck_assert_int_eq(in_large.first, LARGE / 100 * percent);
            ck_assert_uint_eq(in_large.bytes, in_small.bytes);
            ck_assert_uint_le(in_small.looks, looks_most(counts[i], 2));
            ck_assert_uint_le(in_large.looks, looks_most(counts[i], 4));
        }
    }
}
END_TEST

START_TEST(a_page_behind_a_name_or_of_a_prefix_costs_no_more)
{
    struct zk_page_request behind = {.count = 100, .flags = ZK_PAGE_AFTER | ZK_PAGE_STATS};
    behind.from = zk_slice_str(name_of(LARGE / 2));
    struct cost cost = page_cost("/large", behind);
    ck_assert_int_eq(cost.first, LARGE / 2 + 1);
    ck_assert_uint_le(cost.looks, looks_most(100, 4));
    cost = page_cost("/large", (struct zk_page_request){.count = 100, .prefix = zk_slice_str("node-02")});
    ck_assert_int_eq(cost.first, 200000);
    ck_assert_uint_le(cost.looks, looks_most(100, 4));
}
END_TEST

/* The count counts: what is listed whole is looked at whole. */
START_TEST(a_list_of_all_costs_them_all)
{
    struct zk_buf out;
    zk_buf_init(&out);
    looks = 0;
    ck_assert_int_eq(state_get_children(kit.s, session, zk_slice_str("/large"), false, SIZE_MAX, &out), 0);
    ck_assert_uint_ge(looks, LARGE);
    zk_buf_fini(&out);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("what a page costs");
    tcase_add_unchecked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_page_costs_what_is_on_it_and_a_little_to_find_wherever_it_begins_and_however_many_there_are);
    tcase_add_test(tc, a_page_behind_a_name_or_of_a_prefix_costs_no_more);
    tcase_add_test(tc, a_list_of_all_costs_them_all);
    return run_tests("page_cost", tc);
}
