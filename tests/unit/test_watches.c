/* test_watches.c: proves server/replica/watches.h. */
#include "common/rng.h"
#include "server/replica/watches.h"
#include "tests/unit/alike.h"
#include "tests/unit/run.h"
#include <stdio.h>
#include <time.h>

#define NO_LIMIT ((struct watch_limit){SIZE_MAX, SIZE_MAX, SIZE_MAX})
#define TWO ((struct watch_limit){2, SIZE_MAX, SIZE_MAX})

static struct watches *w;
static char heard[256]; /* "1 2 ": the connections that were told, in order */

static void setup(void)
{
    w = watches_new();
}

static void teardown(void)
{
    ck_assert_ptr_null(watches_check(w));
    watches_free(w);
}

static void hear(void *arg, uint64_t conn)
{
    size_t len = strlen(heard);
    snprintf(heard + len, sizeof heard - len, "%llu ", (unsigned long long)conn);
}

static const char *fire(enum zk_event_type type, const char *path)
{
    heard[0] = '\0';
    watches_fire(w, type, zk_slice_str(path), hear, NULL);
    ck_assert_ptr_null(watches_check(w));
    return heard;
}

static void arm(uint64_t conn, const char *path, enum watch_kind kind)
{
    ck_assert(watches_add(w, conn, zk_slice_str(path), kind, NO_LIMIT));
}

START_TEST(a_data_watch_fires_once_and_not_for_children)
{
    arm(1, "/a", WATCH_DATA);
    ck_assert_str_eq(fire(ZK_EVENT_CHILDREN_CHANGED, "/a"), "");
    ck_assert_str_eq(fire(ZK_EVENT_DATA_CHANGED, "/b"), "");
    ck_assert_str_eq(fire(ZK_EVENT_DATA_CHANGED, "/a"), "1 ");
    ck_assert_str_eq(fire(ZK_EVENT_DATA_CHANGED, "/a"), "");
    ck_assert_uint_eq(watches_count(w) + watches_path_count(w) + watches_conn_count(w), 0);
}
END_TEST

START_TEST(a_child_watch_fires_for_children_and_for_the_end_of_the_node)
{
    arm(1, "/a", WATCH_CHILD);
    arm(2, "/a", WATCH_CHILD);
    ck_assert_str_eq(fire(ZK_EVENT_DATA_CHANGED, "/a"), "");
    ck_assert_str_eq(fire(ZK_EVENT_CHILDREN_CHANGED, "/a"), "1 2 ");
    arm(3, "/a", WATCH_CHILD);
    ck_assert_str_eq(fire(ZK_EVENT_DELETED, "/a"), "3 ");
}
END_TEST

START_TEST(who_watches_data_and_children_hears_of_the_end_once)
{
    arm(1, "/a", WATCH_DATA);
    arm(1, "/a", WATCH_CHILD);
    arm(2, "/a", WATCH_CHILD);
    ck_assert_str_eq(fire(ZK_EVENT_DELETED, "/a"), "1 2 ");
    ck_assert_uint_eq(watches_count(w), 0);
}
END_TEST

START_TEST(all_kinds_of_one_connection_make_one_event)
{
    arm(1, "/a", WATCH_DATA);
    arm(1, "/a", WATCH_PERSISTENT);
    arm(1, "/a", WATCH_RECURSIVE);
    arm(1, "/", WATCH_RECURSIVE);
    ck_assert_str_eq(fire(ZK_EVENT_CREATED, "/a"), "1 ");
    ck_assert_uint_eq(watches_count(w), 3);
}
END_TEST

START_TEST(a_persistent_watch_stays_and_hears_of_children_too)
{
    arm(1, "/a", WATCH_PERSISTENT);
    for (int i = 0; i < 2; i++) {
        ck_assert_str_eq(fire(ZK_EVENT_CREATED, "/a"), "1 ");
        ck_assert_str_eq(fire(ZK_EVENT_DATA_CHANGED, "/a"), "1 ");
        ck_assert_str_eq(fire(ZK_EVENT_CHILDREN_CHANGED, "/a"), "1 ");
        ck_assert_str_eq(fire(ZK_EVENT_DELETED, "/a"), "1 ");
        ck_assert_str_eq(fire(ZK_EVENT_CREATED, "/a/b"), "");
    }
}
END_TEST

START_TEST(a_recursive_watch_hears_of_all_below_but_never_of_children_changed)
{
    arm(1, "/a", WATCH_RECURSIVE);
    arm(2, "/", WATCH_RECURSIVE);
    ck_assert_str_eq(fire(ZK_EVENT_CREATED, "/a/b/c"), "1 2 ");
    ck_assert_str_eq(fire(ZK_EVENT_DELETED, "/a"), "1 2 ");
    ck_assert_str_eq(fire(ZK_EVENT_CHILDREN_CHANGED, "/a"), "");
    ck_assert_str_eq(fire(ZK_EVENT_CREATED, "/ab"), "2 ");
    ck_assert_str_eq(fire(ZK_EVENT_DATA_CHANGED, "/"), "2 ");
}
END_TEST

START_TEST(events_come_in_the_order_of_arming)
{
    for (uint64_t conn = 9; conn > 0; conn--)
        arm(conn, "/a", WATCH_DATA);
    arm(5, "/a", WATCH_DATA);
    ck_assert_str_eq(fire(ZK_EVENT_DATA_CHANGED, "/a"), "9 8 7 6 5 4 3 2 1 ");
}
END_TEST

START_TEST(the_bytes_of_a_connections_paths_are_limited_too_and_come_back_with_its_watches)
{
    const struct watch_limit ten = {SIZE_MAX, 10, SIZE_MAX};
    ck_assert(watches_add(w, 1, zk_slice_str("/four"), WATCH_DATA, ten));
    ck_assert(watches_add(w, 1, zk_slice_str("/four"), WATCH_CHILD, ten)); /* counts again: it may be the last here */
    ck_assert(!watches_add(w, 1, zk_slice_str("/"), WATCH_DATA, ten));
    ck_assert(watches_add(w, 2, zk_slice_str("/"), WATCH_DATA, ten));
    ck_assert_str_eq(fire(ZK_EVENT_DATA_CHANGED, "/four"), "1 ");
    ck_assert(!watches_add(w, 1, zk_slice_str("/fives"), WATCH_DATA, ten));
    ck_assert(watches_add(w, 1, zk_slice_str("/fivs"), WATCH_DATA, ten));
    ck_assert(watches_remove(w, 1, zk_slice_str("/four"), ZK_WATCHER_ANY));
    ck_assert(watches_add(w, 1, zk_slice_str("/five"), WATCH_DATA, ten));
}
END_TEST

START_TEST(the_memory_of_all_watches_is_limited_and_a_shared_path_counts_once)
{
    arm(1, "/shared", WATCH_DATA);
    size_t first = watches_bytes(w);
    arm(2, "/shared", WATCH_DATA);
    size_t second = watches_bytes(w) - first;
    ck_assert_uint_gt(first, second);
    struct watch_limit limit = {SIZE_MAX, SIZE_MAX, first + 2 * second};
    ck_assert(!watches_add(w, 3, zk_slice_str("/another"), WATCH_DATA, limit));
    ck_assert(watches_add(w, 3, zk_slice_str("/shared"), WATCH_DATA, limit));
    ck_assert(!watches_add(w, 3, zk_slice_str("/shared"), WATCH_CHILD, limit));
    ck_assert(watches_add(w, 3, zk_slice_str("/shared"), WATCH_DATA, limit)); /* there already */
    watches_drop_conn(w, 1);
    ck_assert(watches_add(w, 3, zk_slice_str("/shared"), WATCH_CHILD, limit));
    watches_drop_conn(w, 2);
    watches_drop_conn(w, 3);
    ck_assert_uint_eq(watches_bytes(w), 0);
}
END_TEST

START_TEST(a_connection_may_not_pass_its_limit)
{
    ck_assert(watches_add(w, 1, zk_slice_str("/a"), WATCH_DATA, TWO));
    ck_assert(watches_add(w, 1, zk_slice_str("/a"), WATCH_CHILD, TWO));
    ck_assert(!watches_add(w, 1, zk_slice_str("/b"), WATCH_DATA, TWO));
    ck_assert(watches_add(w, 1, zk_slice_str("/a"), WATCH_CHILD, TWO)); /* there already */
    ck_assert(watches_add(w, 2, zk_slice_str("/b"), WATCH_DATA, TWO));
    ck_assert_uint_eq(watches_count(w), 3);
    ck_assert_uint_eq(watches_path_count(w), 2);
    ck_assert_uint_eq(watches_conn_count(w), 2);
}
END_TEST

START_TEST(remove_takes_what_its_type_covers)
{
    const struct zk_slice a = zk_slice_str("/a");
    for (int kind = WATCH_DATA; kind <= WATCH_RECURSIVE; kind++)
        arm(1, "/a", kind);
    ck_assert(watches_remove(w, 1, a, ZK_WATCHER_CHILDREN));
    ck_assert(!watches_contains(w, 1, a, ZK_WATCHER_CHILDREN));
    ck_assert(!watches_remove(w, 1, a, ZK_WATCHER_CHILDREN));
    ck_assert(watches_contains(w, 1, a, ZK_WATCHER_DATA));
    ck_assert(watches_remove(w, 1, a, ZK_WATCHER_PERSISTENT));
    ck_assert(watches_contains(w, 1, a, ZK_WATCHER_PERSISTENT_RECURSIVE));
    ck_assert(watches_remove(w, 1, a, ZK_WATCHER_ANY));
    ck_assert(!watches_contains(w, 1, a, ZK_WATCHER_ANY));
    ck_assert(!watches_remove(w, 2, a, ZK_WATCHER_ANY));
    ck_assert_uint_eq(watches_path_count(w), 0);
}
END_TEST

START_TEST(dropping_a_connection_leaves_the_others)
{
    arm(1, "/a", WATCH_DATA);
    arm(2, "/a", WATCH_DATA);
    arm(1, "/b", WATCH_RECURSIVE);
    watches_drop_conn(w, 1);
    watches_drop_conn(w, 1);
    ck_assert_ptr_null(watches_check(w));
    ck_assert_str_eq(fire(ZK_EVENT_DELETED, "/b"), "");
    ck_assert_str_eq(fire(ZK_EVENT_DELETED, "/a"), "2 ");
}
END_TEST

/* A naive model: a table of what is armed. */
#define MODEL_CONNS 5
#define MODEL_PATHS 6
static const char *const model_paths[MODEL_PATHS] = {"/", "/a", "/a/b", "/a/b/c", "/ab", "/a/b/d"};
static bool model[MODEL_CONNS][MODEL_PATHS][4];

static bool model_fire(int conn, int path, enum zk_event_type type)
{
    bool hears = model[conn][path][WATCH_PERSISTENT];
    bool children = type == ZK_EVENT_CHILDREN_CHANGED;
    if (!children) {
        hears = hears || model[conn][path][WATCH_DATA];
        model[conn][path][WATCH_DATA] = false;
        for (int p = 0; p < MODEL_PATHS; p++) {
            size_t len = strlen(model_paths[p]);
            bool above = p == path || p == 0 ||
                         (strncmp(model_paths[p], model_paths[path], len) == 0 && model_paths[path][len] == '/');
            hears = hears || (above && model[conn][p][WATCH_RECURSIVE]);
        }
    }
    if (children || type == ZK_EVENT_DELETED) {
        hears = hears || model[conn][path][WATCH_CHILD];
        model[conn][path][WATCH_CHILD] = false;
    }
    return hears;
}

static unsigned told[MODEL_CONNS];

static void count(void *arg, uint64_t conn)
{
    told[conn - 1]++;
}

static void model_step(struct zk_rng *rng)
{
    int conn = (int)zk_rng_below(rng, MODEL_CONNS), path = (int)zk_rng_below(rng, MODEL_PATHS);
    int kind = (int)zk_rng_below(rng, 4);
    switch (zk_rng_below(rng, 10)) {
    case 0:
        watches_drop_conn(w, (uint64_t)conn + 1);
        memset(model[conn], 0, sizeof model[conn]);
        break;
    case 1:
    case 2:
    case 3:
        memset(told, 0, sizeof told);
        watches_fire(w, (enum zk_event_type)(kind + 1), zk_slice_str(model_paths[path]), count, NULL);
        for (int c = 0; c < MODEL_CONNS; c++)
            ck_assert_uint_eq(told[c], model_fire(c, path, (enum zk_event_type)(kind + 1)));
        break;
    case 4:
        ck_assert(watches_remove(w, (uint64_t)conn + 1, zk_slice_str(model_paths[path]), ZK_WATCHER_DATA) ==
                  model[conn][path][WATCH_DATA]);
        model[conn][path][WATCH_DATA] = false;
        break;
    default:
        arm((uint64_t)conn + 1, model_paths[path], kind);
        model[conn][path][kind] = true;
    }
}

START_TEST(any_sequence_agrees_with_a_naive_table)
{
    struct zk_rng rng;
    zk_rng_seed(&rng, 7, 1);
    memset(model, 0, sizeof model);
    for (int i = 0; i < 20000; i++) {
        model_step(&rng);
        ck_assert_ptr_null(watches_check(w));
    }
}
END_TEST

START_TEST(the_tables_grow_and_empty_again)
{
    char path[32];
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(path, sizeof path, "/p%u", i % 5000);
        arm(i % 7 + 1, path, i / 5000);
    }
    ck_assert_ptr_null(watches_check(w));
    ck_assert_uint_eq(watches_count(w), 20000);
    for (uint64_t conn = 1; conn <= 7; conn++)
        watches_drop_conn(w, conn);
    ck_assert_uint_eq(watches_count(w) + watches_path_count(w) + watches_conn_count(w), 0);
}
END_TEST

struct shown {
    char text[256];
};

static void note(void *arg, uint64_t conn, struct zk_slice path)
{
    struct shown *shown = arg;
    size_t len = strlen(shown->text);
    snprintf(shown->text + len, sizeof shown->text - len, "%llu%.*s ", (unsigned long long)conn, (int)path.len,
             (const char *)path.ptr);
}

START_TEST(all_but_child_watches_are_shown_each_connection_and_path_once)
{
    struct watches *all = watches_new();
    struct shown by_path = {""}, by_conn = {""};
    watches_add(all, 1, zk_slice_str("/a"), WATCH_DATA, NO_LIMIT);
    watches_add(all, 1, zk_slice_str("/a"), WATCH_RECURSIVE, NO_LIMIT);
    watches_add(all, 1, zk_slice_str("/a"), WATCH_CHILD, NO_LIMIT);
    watches_add(all, 2, zk_slice_str("/a"), WATCH_PERSISTENT, NO_LIMIT);
    watches_add(all, 1, zk_slice_str("/b"), WATCH_CHILD, NO_LIMIT);
    watches_add(all, 2, zk_slice_str("/b"), WATCH_DATA, NO_LIMIT);
    watches_each(all, true, note, &by_path);
    watches_each(all, false, note, &by_conn);
    ck_assert_str_eq(by_path.text, "1/a 2/a 2/b ");
    ck_assert_str_eq(by_conn.text, "1/a 2/a 2/b ");
    watches_free(all);
}
END_TEST

/* A chain of all of them takes 200 million looks at names of a kilobyte. */
START_TEST(paths_of_one_hash_take_no_longer_than_others)
{
    enum { ALIKE = 20000 };
    char path[ALIKE_LEN + 1];
    clock_t start = clock();
    for (uint32_t i = 0; i < ALIKE; i++) {
        alike_path(path, i);
        ck_assert(watches_add(w, 1, zk_slice_str(path), WATCH_DATA, NO_LIMIT));
    }
    ck_assert_int_lt((clock() - start) / CLOCKS_PER_SEC, 3);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("watches");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_data_watch_fires_once_and_not_for_children);
    tcase_add_test(tests, a_child_watch_fires_for_children_and_for_the_end_of_the_node);
    tcase_add_test(tests, who_watches_data_and_children_hears_of_the_end_once);
    tcase_add_test(tests, all_kinds_of_one_connection_make_one_event);
    tcase_add_test(tests, a_persistent_watch_stays_and_hears_of_children_too);
    tcase_add_test(tests, a_recursive_watch_hears_of_all_below_but_never_of_children_changed);
    tcase_add_test(tests, events_come_in_the_order_of_arming);
    tcase_add_test(tests, the_memory_of_all_watches_is_limited_and_a_shared_path_counts_once);
    tcase_add_test(tests, a_connection_may_not_pass_its_limit);
    tcase_add_test(tests, the_bytes_of_a_connections_paths_are_limited_too_and_come_back_with_its_watches);
    tcase_add_test(tests, remove_takes_what_its_type_covers);
    tcase_add_test(tests, dropping_a_connection_leaves_the_others);
    tcase_add_test(tests, any_sequence_agrees_with_a_naive_table);
    tcase_add_test(tests, the_tables_grow_and_empty_again);
    tcase_add_test(tests, paths_of_one_hash_take_no_longer_than_others);
    tcase_add_test(tests, all_but_child_watches_are_shown_each_connection_and_path_once);
    return run_tests("watches", tests);
}
