/* test_path.c: proves common/path.h: which paths there can be. */
#include "common/path.h"
#include "tests/unit/run.h"

static bool is_good(struct zk_slice path)
{
    return zk_path_check(path, false) == NULL;
}

START_TEST(good_paths_are_good)
{
    static const char *const good[] = {"/", "/a", "/a/b", "/...", "/.a", "/a..", "/a b", "/\xc3\xa4", "/\xe2\x82\xac",
                                       "/\xef\xa4\x80" /* U+F900 */, "/\xef\xbf\xaf" /* U+FFEF */, "/~"};
    for (size_t i = 0; i < ZK_COUNT_OF(good); i++)
        ck_assert_msg(is_good(zk_slice_str(good[i])), "%s", good[i]);
}
END_TEST

START_TEST(bad_paths_are_bad)
{
    static const char *const bad[] = {
        "",        "a",          "a/b",      "//",        "/a/",      "/a//b",   "/.",      "/..",     "/./a",
        "/a/..",   "/a/../b",    "/a/.",     "/\x01",     "/\x1f",    "/\x7f",   "/\xc2\x80" /* U+0080 */,
        "/\xc2\x9f" /* U+009F */, "/\xee\x80\x80" /* U+E000 */, "/\xef\xa3\xbf" /* U+F8FF */,
        "/\xef\xbf\xb0" /* U+FFF0 */, "/\xef\xbf\xbd" /* U+FFFD, which Java makes of what is not UTF-8 */,
        "/\xf0\x9f\x98\x80" /* two surrogates to Java */, "/\xed\xa0\x80" /* a surrogate */};
    for (size_t i = 0; i < ZK_COUNT_OF(bad); i++)
        ck_assert_msg(!is_good(zk_slice_str(bad[i])), "%zu: %s", i, bad[i]);
    ck_assert(!is_good(zk_slice("/a\0b", 4)));
    ck_assert(!is_good(zk_slice(NULL, 0)));
}
END_TEST

START_TEST(bytes_that_are_not_utf8_are_refused)
{
    static const char *const bad[] = {"/\x80", "/\xc3", "/\xc3/", "/\xc0\xaf", "/\xe0\x80\xaf", "/\xe2\x82", "/\xff",
                                      "/\xf5\x80\x80\x80", "/\xf0\x80\x80\xaf"};
    for (size_t i = 0; i < ZK_COUNT_OF(bad); i++)
        ck_assert_msg(!is_good(zk_slice_str(bad[i])), "%zu", i);
}
END_TEST

START_TEST(a_sequential_path_may_end_in_a_slash)
{
    ck_assert_ptr_null(zk_path_check(zk_slice_str("/a/"), true));
    ck_assert_ptr_null(zk_path_check(zk_slice_str("/"), true));
    ck_assert_ptr_null(zk_path_check(zk_slice_str("/a/."), true)); /* becomes "/a/.0000000000" */
    ck_assert_ptr_nonnull(zk_path_check(zk_slice_str("/a//"), true));
    ck_assert_ptr_nonnull(zk_path_check(zk_slice_str("a"), true));
}
END_TEST

START_TEST(length_and_depth_have_limits)
{
    static char path[ZK_PATH_BYTES_MAX + 2];
    memset(path, 'a', sizeof path);
    path[0] = '/';
    ck_assert(is_good(zk_slice(path, ZK_PATH_BYTES_MAX)));
    ck_assert(!is_good(zk_slice(path, ZK_PATH_BYTES_MAX + 1)));
    for (size_t i = 0; i < sizeof path; i += 2)
        path[i] = '/';
    ck_assert(is_good(zk_slice(path, 2 * ZK_PATH_DEPTH_MAX)));
    ck_assert(!is_good(zk_slice(path, 2 * ZK_PATH_DEPTH_MAX + 2)));
}
END_TEST

START_TEST(parent_and_name_are_its_parts)
{
    ck_assert(zk_slice_eq(zk_path_parent(zk_slice_str("/a/b")), zk_slice_str("/a")));
    ck_assert(zk_slice_eq(zk_path_parent(zk_slice_str("/a")), zk_slice_str("/")));
    ck_assert_ptr_null(zk_path_parent(zk_slice_str("/")).ptr);
    ck_assert(zk_slice_eq(zk_path_basename(zk_slice_str("/a/bc")), zk_slice_str("bc")));
    ck_assert_uint_eq(zk_path_basename(zk_slice_str("/")).len, 0);
}
END_TEST

START_TEST(within_goes_by_whole_components)
{
    ck_assert(zk_path_within(zk_slice_str("/a/b"), zk_slice_str("/a")));
    ck_assert(zk_path_within(zk_slice_str("/a"), zk_slice_str("/a")));
    ck_assert(zk_path_within(zk_slice_str("/a"), zk_slice_str("/")));
    ck_assert(!zk_path_within(zk_slice_str("/ab"), zk_slice_str("/a")));
    ck_assert(!zk_path_within(zk_slice_str("/"), zk_slice_str("/a")));
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("path");
    tcase_add_test(tc, good_paths_are_good);
    tcase_add_test(tc, bad_paths_are_bad);
    tcase_add_test(tc, bytes_that_are_not_utf8_are_refused);
    tcase_add_test(tc, a_sequential_path_may_end_in_a_slash);
    tcase_add_test(tc, length_and_depth_have_limits);
    tcase_add_test(tc, parent_and_name_are_its_parts);
    tcase_add_test(tc, within_goes_by_whole_components);
    return run_tests("path", tc);
}
