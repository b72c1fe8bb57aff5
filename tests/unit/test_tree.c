/* test_tree.c: proves server/state/tree.c and index.c: every node is found by its path and no other path finds it,
 * however many there are and in whatever order they come and go. */
#include "common/path.h"
#include "common/rng.h"
#include "server/state/children.h"
#include "server/state/order.h"
#include "tests/unit/alike.h"
#include "tests/unit/state_kit.h"

static uint32_t plant(struct tree *t, const char *path, uint32_t parent)
{
    struct zk_slice where = zk_slice_str(path);
    uint32_t handle = tree_make(t, where, zk_slice("", 0), 0);
    tree_at(t, handle)->kind = NODE_PERSISTENT;
    tree_at(t, handle)->parent = parent;
    tree_link(t, handle);
    return handle;
}

START_TEST(only_its_own_path_finds_a_node)
{
    struct tree t;
    tree_init(&t);
    ck_assert_uint_eq(plant(&t, "/", 0), NODE_ROOT);
    uint32_t a = plant(&t, "/a", NODE_ROOT);
    uint32_t ab = plant(&t, "/a/b", a);
    ck_assert_uint_eq(tree_find(&t, zk_slice_str("/")), NODE_ROOT);
    ck_assert_uint_eq(tree_find(&t, zk_slice_str("")), NODE_ROOT);
    ck_assert_uint_eq(tree_find(&t, zk_slice_str("/a")), a);
    ck_assert_uint_eq(tree_find(&t, zk_slice_str("/a/b")), ab);
    static const char *const others[] = {"a", "/b", "/a/", "//a", "/a/b/", "/a//b", "x/a/b", "/a/bb", "/aa/b", "b"};
    for (size_t i = 0; i < ZK_COUNT_OF(others); i++)
        ck_assert_uint_eq(tree_find(&t, zk_slice_str(others[i])), 0);
    tree_fini(&t);
}
END_TEST

START_TEST(thousands_come_and_go_and_each_is_found)
{
    enum { COUNT = 20000 };
    static uint32_t handles[COUNT];
    struct tree t;
    struct zk_rng rng;
    char path[32];
    tree_init(&t);
    zk_rng_seed(&rng, 1, 1);
    plant(&t, "/", 0);
    memset(handles, 0, sizeof handles);
    for (int n = 0; n < 4 * COUNT; n++) {
        uint32_t i = zk_rng_below(&rng, COUNT);
        snprintf(path, sizeof path, "/node-%u", i);
        ck_assert_uint_eq(tree_find(&t, zk_slice_str(path)), handles[i]);
        if (handles[i] != 0) {
            tree_unlink(&t, handles[i]);
            tree_drop(&t, handles[i]);
            handles[i] = 0;
        } else {
            handles[i] = plant(&t, path, NODE_ROOT);
        }
    }
    uint32_t there = 1;
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(path, sizeof path, "/node-%u", i);
        ck_assert_uint_eq(tree_find(&t, zk_slice_str(path)), handles[i]);
        there += handles[i] != 0;
    }
    ck_assert_uint_eq(t.index.count, there);
    ck_assert_uint_eq(tree_at(&t, NODE_ROOT)->child_count, there - 1);
    tree_fini(&t);
}
END_TEST

/* --- children --- */

/* As many names as this in one directory make three levels of blocks. */
enum { NAMES = 12000 };

struct directory {
    struct tree t;
    uint32_t handles[NAMES]; /* by number; 0: not there */
    uint32_t count;
};

static void plant_number(struct directory *d, uint32_t i)
{
    char path[32];
    snprintf(path, sizeof path, "/%06u", i);
    d->handles[i] = plant(&d->t, path, NODE_ROOT);
    d->count++;
}

static void pull_number(struct directory *d, uint32_t i)
{
    tree_unlink(&d->t, d->handles[i]);
    tree_drop(&d->t, d->handles[i]);
    d->handles[i] = 0;
    d->count--;
}

/* A walk from any name on meets exactly those that are there, in order. */
static void check_walk_from(const struct directory *d, uint32_t from)
{
    char name[32];
    snprintf(name, sizeof name, "%06u", from);
    struct children_cursor c = children_from(&d->t, tree_at(&d->t, NODE_ROOT), zk_slice_str(name));
    for (uint32_t i = from; i < NAMES; i++)
        if (d->handles[i] != 0 && children_next(&c) != d->handles[i])
            ck_abort_msg("%06u is not the next", i); /* an assertion for each of them would take seconds */
    ck_assert_uint_eq(children_next(&c), 0);
    ck_assert_uint_eq(children_next(&c), 0);
}

static void check_directory(const struct directory *d)
{
    const char *why = children_check(&d->t, NODE_ROOT);
    ck_assert_msg(why == NULL, "%s", why);
    ck_assert_uint_eq(tree_at(&d->t, NODE_ROOT)->child_count, d->count);
    check_walk_from(d, 0);
}

static struct directory *new_directory(void)
{
    struct directory *d = zk_calloc(1, sizeof *d);
    tree_init(&d->t);
    plant(&d->t, "/", 0);
    return d;
}

static void free_directory(struct directory *d)
{
    tree_fini(&d->t);
    free(d);
}

START_TEST(children_stand_in_the_order_of_their_names_however_they_come)
{
    /* forwards, backwards, from the middle out, by leaps */
    for (uint32_t way = 0; way < 4; way++) {
        struct directory *d = new_directory();
        for (uint32_t n = 0; n < NAMES; n++) {
            uint32_t half = n % 2 ? NAMES / 2 - 1 - n / 2 : NAMES / 2 + n / 2;
            uint32_t order[] = {n, NAMES - 1 - n, half, (uint32_t)((uint64_t)n * 7919 % NAMES)};
            plant_number(d, order[way]);
            if (n < 300 || n % 1000 == 0)
                check_directory(d);
        }
        check_directory(d);
        for (uint32_t n = 0; n < NAMES; n++) { /* and go from the front, as a queue's do, or by leaps */
            pull_number(d, way == 0 ? n : (uint32_t)((uint64_t)n * 6011 % NAMES));
            if (n > NAMES - 300 || n % 1000 == 0)
                check_directory(d);
        }
        ck_assert_uint_eq(tree_at(&d->t, NODE_ROOT)->children, 0);
        free_directory(d);
    }
}
END_TEST

START_TEST(children_that_come_and_go_stay_in_order)
{
    struct directory *d = new_directory();
    struct zk_rng rng;
    zk_rng_seed(&rng, 3, 1);
    uint32_t span = NAMES;
    for (int n = 0; n < 60000; n++) {
        if (n % 5000 == 0) /* few and many in turn, so that blocks merge too */
            span = n % 10000 ? 10 : NAMES;
        uint32_t i = zk_rng_below(&rng, NAMES);
        if (d->handles[i] != 0)
            pull_number(d, i);
        else if (zk_rng_below(&rng, NAMES) < span)
            plant_number(d, i);
        if (n % 997 == 0)
            check_directory(d);
        if (n % 97 == 0)
            check_walk_from(d, zk_rng_below(&rng, NAMES));
    }
    free_directory(d);
}
END_TEST

/* Short names and long ones, many the beginning of others. */
START_TEST(names_that_begin_alike_stand_in_order)
{
    enum { COUNT = 4096 };
    static uint32_t handles[COUNT];
    struct tree t;
    struct zk_rng rng;
    char path[64];
    tree_init(&t);
    plant(&t, "/", 0);
    zk_rng_seed(&rng, 5, 1);
    memset(handles, 0, sizeof handles);
    for (int n = 0; n < 30000; n++) {
        uint32_t i = 1 + zk_rng_below(&rng, COUNT - 1), at = 1;
        path[0] = '/';
        for (uint32_t bits = i; bits > 1; bits >>= 1)
            at += (uint32_t)snprintf(path + at, sizeof path - at, "%s", bits & 1 ? "mmm" : "z");
        at += (uint32_t)snprintf(path + at, sizeof path - at, "-");
        if (handles[i] != 0) {
            tree_unlink(&t, handles[i]);
            tree_drop(&t, handles[i]);
            handles[i] = 0;
        } else {
            handles[i] = plant(&t, path, NODE_ROOT);
            struct children_cursor c = children_from(&t, tree_at(&t, NODE_ROOT), zk_slice(path + 1, at - 1));
            ck_assert_uint_eq(children_next(&c), handles[i]);
        }
        if (n % 100 == 0)
            ck_assert_ptr_null(children_check(&t, NODE_ROOT));
    }
    tree_fini(&t);
}
END_TEST

START_TEST(the_next_sibling_is_the_next_name)
{
    struct tree t;
    tree_init(&t);
    plant(&t, "/", 0);
    uint32_t b = plant(&t, "/b", NODE_ROOT);
    ck_assert_uint_eq(children_after(&t, b), 0);
    uint32_t ab = plant(&t, "/ab", NODE_ROOT);
    uint32_t a = plant(&t, "/a", NODE_ROOT);
    ck_assert_uint_eq(children_after(&t, a), ab);
    ck_assert_uint_eq(children_after(&t, ab), b);
    ck_assert_uint_eq(children_after(&t, b), 0);
    struct children_cursor c = children_from(&t, tree_at(&t, NODE_ROOT), zk_slice_str("aa"));
    ck_assert_uint_eq(children_next(&c), ab);
    c = children_from(&t, tree_at(&t, NODE_ROOT), zk_slice_str("bb"));
    ck_assert_uint_eq(children_next(&c), 0);
    tree_fini(&t);
}
END_TEST

START_TEST(a_path_is_written_out_from_the_names)
{
    struct tree t;
    struct zk_buf path;
    zk_buf_init(&path);
    tree_init(&t);
    plant(&t, "/", 0);
    uint32_t a = plant(&t, "/alpha", NODE_ROOT);
    uint32_t b = plant(&t, "/alpha/b", a);
    tree_path(&t, NODE_ROOT, &path);
    tree_path(&t, b, &path);
    ck_assert_str_eq(zk_buf_text(&path), "//alpha/b");
    zk_buf_fini(&path);
    tree_fini(&t);
}
END_TEST

START_TEST(paths_of_one_hash_do_not_stand_in_one_chain)
{
    enum { ALIKE = 4096 };
    struct tree t;
    char path[ALIKE_LEN + 1];
    tree_init(&t);
    plant(&t, "/", 0);
    for (uint32_t i = 0; i < ALIKE; i++) {
        alike_path(path, i);
        ck_assert_uint_eq(tree_find(&t, zk_slice_str(path)), 0);
        uint32_t handle = plant(&t, path, NODE_ROOT);
        ck_assert_uint_eq(tree_at(&t, handle)->hash, tree_at(&t, NODE_ROOT + 1)->hash);
        ck_assert_uint_eq(tree_find(&t, zk_slice_str(path)), handle);
    }
    ck_assert_int_lt(alike_longest_chain(&t.index), 20);
    tree_fini(&t);
}
END_TEST

/* '-' and '.' stand before the slash, '0' behind it. */
START_TEST(leaves_are_put_in_the_order_of_their_paths)
{
    static const char *const paths[] = {"/a",    "/a-",   "/a-/z", "/a.b", "/a/-",  "/a/b", "/a/b-", "/a/b/c",
                                        "/a/b.c", "/a0",  "/a0/b", "/ab",  "/ab/c", "/b",   "/b/a",  "/b/a/a",
                                        "/b/a/a0", "/b0", "/b/a0"};
    uint32_t leaves[ZK_COUNT_OF(paths)];
    struct tree t;
    struct zk_buf path = {0}, last = {0};
    uint64_t work = 0;
    size_t count = 0;
    tree_init(&t);
    plant(&t, "/", 0);
    for (size_t i = 0; i < ZK_COUNT_OF(paths); i++)
        plant(&t, paths[i], tree_find(&t, zk_path_parent(zk_slice_str(paths[i]))));
    for (size_t i = ZK_COUNT_OF(paths); i-- > 0;) {
        uint32_t handle = tree_find(&t, zk_slice_str(paths[i]));
        if (tree_at(&t, handle)->child_count == 0)
            leaves[count++] = handle;
    }
    uint32_t *ordered = order_leaves(&t, leaves, count, &work);
    for (size_t i = 0; i < count; i++) {
        path.len = 0;
        tree_path(&t, ordered[i], &path);
        ck_assert_int_gt(zk_slice_cmp(zk_buf_slice(&path), zk_buf_slice(&last)), 0);
        last.len = 0;
        zk_buf_append_slice(&last, zk_buf_slice(&path));
    }
    ck_assert_uint_eq(work, ZK_COUNT_OF(paths)); /* each once */
    free(ordered);
    free(order_leaves(&t, leaves, 0, &work));
    zk_buf_fini(&path);
    zk_buf_fini(&last);
    tree_fini(&t);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("tree");
    tcase_add_test(tc, only_its_own_path_finds_a_node);
    tcase_add_test(tc, thousands_come_and_go_and_each_is_found);
    tcase_add_test(tc, children_stand_in_the_order_of_their_names_however_they_come);
    tcase_add_test(tc, children_that_come_and_go_stay_in_order);
    tcase_add_test(tc, names_that_begin_alike_stand_in_order);
    tcase_add_test(tc, the_next_sibling_is_the_next_name);
    tcase_add_test(tc, a_path_is_written_out_from_the_names);
    tcase_add_test(tc, paths_of_one_hash_do_not_stand_in_one_chain);
    tcase_add_test(tc, leaves_are_put_in_the_order_of_their_paths);
    return run_tests("tree", tc);
}
