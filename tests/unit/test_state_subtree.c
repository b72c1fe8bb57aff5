/* test_state_subtree.c: proves server/state/subtree.c: a subtree goes as its nodes would one by one, at once or in parts,
 * or not at all. */
#include "tests/unit/state_kit.h"

/* Deletes; what is left of the subtree, or the error. */
static int delete_tree(struct kit *k, uint64_t session, const char *path, int32_t count)
{
    zk_buf_reset(&k->payload);
    zk_delete_tree_request_encode(&k->payload, (struct zk_delete_tree_request){zk_slice_str(path), count});
    if (kit_send(k, session, ZK_OP_DELETE_TREE) != 0)
        return k->fx.err;
    struct zk_jute in = zk_jute(zk_buf_slice(&k->fx.reply));
    struct zk_delete_tree_response r = zk_delete_tree_response_decode(&in);
    ck_assert(!in.bad && zk_jute_left(&in) == 0);
    return r.left;
}

static void make(struct kit *k, uint64_t session, const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(kit_create(k, session, paths[i], "data", 0), 0);
}

static const char *const family[] = {"/a", "/a/b", "/a/b/x", "/a/b/y", "/a/a", "/a/c", "/a/c/z", "/ab"};

struct told {
    int32_t type;
    const char *path;
};

static void expect_told(const struct kit *k, const struct told *told, size_t count)
{
    ck_assert_uint_eq(k->fx.event_count, count);
    for (size_t i = 0; i < count; i++) {
        const struct state_watch_event *e = &k->fx.events[i];
        ck_assert_int_eq(e->type, told[i].type);
        ck_assert_msg(zk_slice_eq(e->path, zk_slice_str(told[i].path)), "%zu: %.*s instead of %s", i,
                      (int)e->path.len, (const char *)e->path.ptr, told[i].path);
    }
}

START_TEST(a_subtree_goes_children_first_and_watches_hear_of_each)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    make(&k, a, family, ZK_COUNT_OF(family));
    uint64_t pzxid = (uint64_t)kit_stat(&k, "/").pzxid;
    ck_assert_int_eq(delete_tree(&k, a, "/a", 0), 0);
    static const struct told all[] = {
        {ZK_EVENT_DELETED, "/a/a"},   {ZK_EVENT_CHILDREN_CHANGED, "/a"},   {ZK_EVENT_DELETED, "/a/b/x"},
        {ZK_EVENT_CHILDREN_CHANGED, "/a/b"}, {ZK_EVENT_DELETED, "/a/b/y"}, {ZK_EVENT_CHILDREN_CHANGED, "/a/b"},
        {ZK_EVENT_DELETED, "/a/b"},   {ZK_EVENT_CHILDREN_CHANGED, "/a"},   {ZK_EVENT_DELETED, "/a/c/z"},
        {ZK_EVENT_CHILDREN_CHANGED, "/a/c"}, {ZK_EVENT_DELETED, "/a/c"},   {ZK_EVENT_CHILDREN_CHANGED, "/a"},
        {ZK_EVENT_DELETED, "/a"},     {ZK_EVENT_CHILDREN_CHANGED, "/"},
    };
    expect_told(&k, all, ZK_COUNT_OF(all));
    ck_assert(!kit_has(&k, "/a"));
    ck_assert(kit_has(&k, "/ab"));
    ck_assert_uint_eq(state_node_count(k.s), 5);
    ck_assert_uint_gt((uint64_t)kit_stat(&k, "/").pzxid, pzxid);
    kit_free(&k);
}
END_TEST

START_TEST(in_parts_it_leaves_the_state_that_single_deletes_leave)
{
    static const char *const order[] = {"/a/a", "/a/b/x", "/a/b/y", "/a/b", "/a/c/z", "/a/c", "/a"};
    for (size_t part = 1; part <= ZK_COUNT_OF(order); part++) {
        struct kit k = kit_new(), one = kit_new();
        uint64_t a = kit_open(&k), b = kit_open(&one);
        make(&k, a, family, ZK_COUNT_OF(family));
        make(&one, b, family, ZK_COUNT_OF(family));
        int left = delete_tree(&k, a, "/a", (int32_t)part);
        ck_assert_int_eq(left, (int)(ZK_COUNT_OF(order) - part));
        for (size_t i = 0; i < ZK_COUNT_OF(family); i++) {
            bool is_gone = false;
            for (size_t n = 0; n < part; n++)
                is_gone = is_gone || strcmp(order[n], family[i]) == 0;
            ck_assert_int_eq(kit_has(&k, family[i]), !is_gone);
        }
        for (size_t n = 0; n < part; n++)
            ck_assert_int_eq(kit_delete(&one, b, order[n], -1), 0);
        for (size_t i = 0; i < ZK_COUNT_OF(family); i++) {
            if (!kit_has(&k, family[i]))
                continue;
            struct zk_stat x = kit_stat(&k, family[i]), y = kit_stat(&one, family[i]);
            ck_assert_int_eq(x.cversion, y.cversion);
            ck_assert_int_eq(x.num_children, y.num_children);
            ck_assert_int_eq(x.version, y.version);
        }
        kit_free(&k);
        kit_free(&one);
    }
}
END_TEST

START_TEST(what_may_not_go_keeps_all_that_would_have_gone_with_it)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    struct zk_buf closed;
    zk_buf_init(&closed);
    make(&k, a, family, ZK_COUNT_OF(family));
    kit_acl(&closed, ZK_PERM_ALL & ~ZK_PERM_DELETE, "world", "anyone");
    kit_set_acl(&k, a, "/a/c", zk_buf_slice(&closed), -1);
    uint64_t digest = state_digest(k.s);
    ck_assert_int_eq(delete_tree(&k, a, "/a", 0), ZK_ERR_NO_AUTH);
    ck_assert_int_eq(delete_tree(&k, a, "/a", 5), ZK_ERR_NO_AUTH);
    ck_assert_uint_eq(k.fx.event_count, 0);
    ck_assert(kit_has(&k, "/a/a"));
    ck_assert_uint_ne(state_digest(k.s), digest); /* the session's number is in it */
    ck_assert_int_eq(delete_tree(&k, a, "/a", 4), 3); /* what stands before it may go */
    ck_assert_int_eq(delete_tree(&k, a, "/a/c/z", 0), ZK_ERR_NO_AUTH);
    kit_set_acl(&k, a, "/", zk_buf_slice(&closed), -1);
    ck_assert_int_eq(delete_tree(&k, a, "/ab", 0), ZK_ERR_NO_AUTH);
    zk_buf_fini(&closed);
    kit_free(&k);
}
END_TEST

START_TEST(requests_that_make_no_sense_are_refused)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    static const char *const special[] = {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "", "a"};
    for (size_t i = 0; i < ZK_COUNT_OF(special); i++)
        ck_assert_int_eq(delete_tree(&k, a, special[i], 0), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(delete_tree(&k, a, "/x", 0), ZK_ERR_NO_NODE);
    ck_assert_int_eq(delete_tree(&k, a, "/x/y", 0), ZK_ERR_NO_NODE);
    make(&k, a, family, 1);
    ck_assert_int_eq(delete_tree(&k, a, "/a", -1), ZK_ERR_BAD_ARGUMENTS);
    zk_buf_reset(&k.payload);
    zk_jute_put_cstring(&k.payload, "/a");
    ck_assert_int_eq(kit_send(&k, a, ZK_OP_DELETE_TREE), ZK_ERR_MARSHALLING_ERROR);
    /* nor does a multi take it, for a part of one stands or falls with it */
    zk_buf_reset(&k.payload);
    zk_multi_header_encode(&k.payload, (struct zk_multi_header){ZK_OP_DELETE_TREE, false, -1});
    zk_delete_tree_request_encode(&k.payload, (struct zk_delete_tree_request){zk_slice_str("/a"), 0});
    zk_multi_header_encode(&k.payload, ZK_MULTI_END);
    ck_assert_int_eq(kit_send(&k, a, ZK_OP_MULTI), ZK_ERR_MARSHALLING_ERROR);
    ck_assert(kit_has(&k, "/a"));
    kit_free(&k);
}
END_TEST

START_TEST(ephemerals_and_quotas_follow)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k), other = kit_open(&k);
    static const char *const paths[] = {"/a",
                                        "/a/b",
                                        "/zookeeper/quota/a",
                                        "/zookeeper/quota/a/zookeeper_limits",
                                        "/zookeeper/quota/a/zookeeper_stats"};
    make(&k, a, paths, ZK_COUNT_OF(paths));
    ck_assert_int_eq(kit_create(&k, a, "/a/b/mine", "", ZK_FLAG_EPHEMERAL), 0);
    ck_assert_int_eq(kit_create(&k, other, "/a/b/theirs", "", ZK_FLAG_EPHEMERAL), 0);
    ck_assert_int_eq(delete_tree(&k, a, "/a/b", 0), 0); /* state_check recounts the quota */
    ck_assert_uint_eq(state_ephemeral_count(k.s), 0);
    ck_assert_int_eq(kit_close(&k, other), 0);
    ck_assert_uint_eq(k.fx.event_count, 0);
    ck_assert_int_eq(delete_tree(&k, a, "/zookeeper/quota/a", 0), 0);
    kit_free(&k);
}
END_TEST

struct portions {
    size_t events, most;
};

static void take_portion(void *arg, const struct state_effects *fx)
{
    struct portions *p = arg;
    p->events += fx->event_count;
    p->most = fx->arena.len > p->most ? fx->arena.len : p->most;
}

START_TEST(one_command_deletes_so_many_and_its_events_leave_in_portions)
{
    enum { COUNT = ZK_DELETE_TREE_MAX + 100 };
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    struct portions p = {0, 0};
    char path[1024];
    kit_create(&k, a, "/d", "", 0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(path, sizeof path, "/d/%0900d", i);
        kit_create_quickly(&k, a, path, "", 0);
    }
    k.fx.portion = take_portion;
    k.fx.portion_arg = &p;
    ck_assert_int_eq(delete_tree(&k, a, "/d", COUNT), COUNT + 1 - ZK_DELETE_TREE_MAX);
    ck_assert_uint_eq(p.events + k.fx.event_count, 2 * ZK_DELETE_TREE_MAX);
    ck_assert_uint_gt(p.events, 0);
    ck_assert_uint_lt(p.most, 2 * STATE_EVENTS_PORTION_BYTES);
    ck_assert_int_eq(delete_tree(&k, a, "/d", 0), 0);
    kit_free(&k);
}
END_TEST

/* --- as ClickHouse asks it --- */

static void put_remove(struct kit *k, const char *path, uint32_t limit)
{
    zk_multi_header_encode(&k->payload, (struct zk_multi_header){ZK_OP_REMOVE_RECURSIVE, false, -1});
    zk_path_limit_encode(&k->payload, (struct zk_path_limit){zk_slice_str(path), limit});
}

START_TEST(the_removals_of_one_command_together_have_a_limit)
{
    enum { EACH = STATE_REMOVE_RECURSIVE_MAX / 2 };
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    static const char *const tops[] = {"/x", "/y", "/z"};
    char path[64];
    make(&k, a, tops, ZK_COUNT_OF(tops));
    for (int i = 0; i < 2 * (EACH - 1); i++) {
        snprintf(path, sizeof path, "%s/%d", tops[i % 2], i);
        kit_create_quickly(&k, a, path, "", 0);
    }
    size_t before = state_node_count(k.s);
    for (int with_one_more = 1; with_one_more >= 0; with_one_more--) {
        zk_buf_reset(&k.payload);
        put_remove(&k, "/x", UINT32_MAX);
        put_remove(&k, "/y", EACH);
        if (with_one_more)
            put_remove(&k, "/z", 1);
        zk_multi_header_encode(&k.payload, ZK_MULTI_END);
        ck_assert_int_eq(kit_send(&k, a, ZK_OP_MULTI), 0);
        ck_assert_uint_eq(k.fx.event_count, with_one_more ? 0 : 4 * EACH);
        ck_assert_uint_eq(state_node_count(k.s), with_one_more ? before : before - 2 * EACH);
    }
    kit_free(&k);
}
END_TEST

/* Nodes of one parent, named so that all paths but the parent's own are `len` long. */
static void make_alike(struct kit *k, uint64_t session, int count, int len)
{
    char path[1024];
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/d/%0*d", len - 3, i);
        zk_buf_reset(&k->payload);
        kit_put_create(k, path, "", 0);
        struct command c = kit_next(k, session, COMMAND_REQUEST);
        c.op = ZK_OP_CREATE;
        c.payload = zk_buf_slice(&k->payload);
        state_apply(k->s, ++k->zxid, &c, &k->fx);
        ck_assert_int_eq(k->fx.err, 0);
    }
}

START_TEST(the_paths_of_what_one_command_removes_have_a_limit_too)
{
    enum { EACH = 1000, COUNT = STATE_REMOVE_RECURSIVE_BYTES_MAX / EACH };
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    static const char *const tops[] = {"/d", "/e"};
    make(&k, a, tops, 2);
    make_alike(&k, a, COUNT, EACH);
    int left = STATE_REMOVE_RECURSIVE_BYTES_MAX - COUNT * EACH - (int)strlen("/d"); /* for other paths */
    ck_assert_int_gt(left, (int)strlen("/e/"));
    for (int one_more = 1; one_more >= 0; one_more--) {
        char path[1024];
        snprintf(path, sizeof path, "/e/%0*d", left - 2 - 3 + one_more, 0);
        ck_assert_int_eq(kit_create(&k, a, path, "", 0), 0);
        size_t before = state_node_count(k.s);
        zk_buf_reset(&k.payload);
        put_remove(&k, "/e", UINT32_MAX);
        put_remove(&k, "/d", UINT32_MAX);
        ck_assert_int_eq(kit_send_multi(&k, a), 0);
        ck_assert_uint_eq(state_node_count(k.s), one_more ? before : before - COUNT - 3);
        ck_assert_uint_lt(k.fx.arena.len, STATE_REMOVE_RECURSIVE_BYTES_MAX + 1024); /* a parent's lies in its child's */
        kit_delete(&k, a, path, -1);
    }
    kit_free(&k);
}
END_TEST

START_TEST(a_checkpoint_that_runs_meanwhile_sees_none_of_it)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    char why[200];
    struct state_row row;
    make(&k, a, family, ZK_COUNT_OF(family));
    uint64_t digest = state_digest(k.s), zxid = k.zxid;
    state_checkpoint_begin(k.s);
    ck_assert_int_eq(delete_tree(&k, a, "/a", 3), 4);
    ck_assert_int_eq(delete_tree(&k, a, "/a", 0), 0);
    struct state *copy = state_load_begin();
    while (state_checkpoint_next(k.s, &row))
        ck_assert_msg(state_load_row(copy, row.key, row.value, why, sizeof why), "%s", why);
    ck_assert_msg(state_load_end(copy, zxid, digest, why, sizeof why), "%s", why);
    state_free(copy);
    kit_free(&k);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("subtree");
    tcase_add_test(tc, a_subtree_goes_children_first_and_watches_hear_of_each);
    tcase_add_test(tc, in_parts_it_leaves_the_state_that_single_deletes_leave);
    tcase_add_test(tc, what_may_not_go_keeps_all_that_would_have_gone_with_it);
    tcase_add_test(tc, requests_that_make_no_sense_are_refused);
    tcase_add_test(tc, ephemerals_and_quotas_follow);
    tcase_add_test(tc, one_command_deletes_so_many_and_its_events_leave_in_portions);
    tcase_add_test(tc, the_removals_of_one_command_together_have_a_limit);
    tcase_add_test(tc, the_paths_of_what_one_command_removes_have_a_limit_too);
    tcase_add_test(tc, a_checkpoint_that_runs_meanwhile_sees_none_of_it);
    return run_tests("state_subtree", tc);
}
