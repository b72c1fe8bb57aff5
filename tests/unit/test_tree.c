/* test_tree.c: proves server/state/tree.c and index.c: every node is found by its path and no other path finds it,
 * however many there are and in whatever order they come and go. */
#include "common/path.h"
#include "common/rng.h"
#include "server/state/tree.h"
#include "tests/unit/state_kit.h"

static uint32_t plant(struct tree *t, const char *path, uint32_t parent)
{
    struct zk_slice where = zk_slice_str(path);
    size_t name_at = strlen(path);
    while (name_at > 0 && path[name_at - 1] != '/')
        name_at--;
    uint32_t handle = tree_make(t, tree_hash(where), zk_slice_str(path + name_at), zk_slice("", 0), 0);
    tree_at(t, handle)->kind = NODE_PERSISTENT;
    tree_at(t, handle)->parent = parent;
    tree_link(t, handle);
    return handle;
}

static void children(const struct tree *t, uint32_t parent, char *out)
{
    *out = '\0';
    for (uint32_t h = tree_at(t, parent)->first_child; h != 0; h = tree_at(t, h)->next)
        strncat(out, (const char *)tree_at(t, h)->body, tree_at(t, h)->name_len);
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
    /* the same hash is not the same path */
    tree_at(&t, ab)->hash = tree_hash(zk_slice_str("/a/c"));
    ck_assert_uint_eq(tree_find(&t, zk_slice_str("/a/c")), 0);
    tree_at(&t, ab)->hash = tree_hash(zk_slice_str("/a/b"));
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

START_TEST(relinking_in_reverse_restores_the_order_of_siblings)
{
    /* every order of unlinking the four */
    for (int n = 0; n < 256; n++) {
        int order[4] = {n & 3, n >> 2 & 3, n >> 4 & 3, n >> 6 & 3};
        bool used[4] = {false, false, false, false};
        bool all = true;
        for (int i = 0; i < 4; i++) {
            all = all && !used[order[i]];
            used[order[i]] = true;
        }
        if (!all)
            continue;
        struct tree t;
        uint32_t h[4];
        char text[16];
        tree_init(&t);
        plant(&t, "/", 0);
        h[0] = plant(&t, "/a", NODE_ROOT);
        h[1] = plant(&t, "/b", NODE_ROOT);
        h[2] = plant(&t, "/c", NODE_ROOT);
        h[3] = plant(&t, "/d", NODE_ROOT);
        for (int i = 0; i < 4; i++)
            tree_unlink(&t, h[order[i]]);
        children(&t, NODE_ROOT, text);
        ck_assert_str_eq(text, "");
        for (int i = 4; i-- > 0;)
            tree_relink(&t, h[order[i]]);
        children(&t, NODE_ROOT, text);
        ck_assert_str_eq(text, "abcd");
        plant(&t, "/e", NODE_ROOT);
        children(&t, NODE_ROOT, text);
        ck_assert_str_eq(text, "abcde");
        tree_fini(&t);
    }
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

START_TEST(paths_compare_as_their_bytes_without_being_made)
{
    static const char *const paths[] = {"/",      "/a",   "/a-",   "/a-/z", "/a/-",  "/a/b", "/a/b/c",
                                        "/a/b.c", "/a0",  "/a0/b", "/ab",   "/ab/c", "/b",   "/b/a",
                                        "/b/a/a"};
    uint32_t handles[ZK_COUNT_OF(paths)];
    struct tree t;
    tree_init(&t);
    for (size_t i = 0; i < ZK_COUNT_OF(paths); i++)
        handles[i] = plant(&t, paths[i], i == 0 ? 0 : tree_find(&t, zk_path_parent(zk_slice_str(paths[i]))));
    for (size_t i = 0; i < ZK_COUNT_OF(paths); i++) {
        for (size_t k = 0; k < ZK_COUNT_OF(paths); k++) {
            int want = zk_slice_cmp(zk_slice_str(paths[i]), zk_slice_str(paths[k]));
            int have = tree_path_cmp(&t, handles[i], handles[k]);
            ck_assert_msg((have > 0) - (have < 0) == (want > 0) - (want < 0), "%s and %s", paths[i], paths[k]);
        }
    }
    tree_fini(&t);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("tree");
    tcase_add_test(tc, only_its_own_path_finds_a_node);
    tcase_add_test(tc, thousands_come_and_go_and_each_is_found);
    tcase_add_test(tc, relinking_in_reverse_restores_the_order_of_siblings);
    tcase_add_test(tc, a_path_is_written_out_from_the_names);
    tcase_add_test(tc, paths_compare_as_their_bytes_without_being_made);
    return kit_run("tree", tc);
}
