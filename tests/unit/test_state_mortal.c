/* test_state_mortal.c: proves server/state/mortal.h and the creates of containers and TTL nodes. */
#include "tests/unit/state_kit.h"

/* A create in any of its four opcodes; `ttl_ms` goes with createTTL only. */
static int make_as(struct kit *k, uint64_t session, int32_t op, const char *path, int32_t flags, int64_t ttl_ms,
                   bool extended)
{
    zk_buf_reset(&k->payload);
    kit_put_create(k, path, "data", flags);
    if (op == ZK_OP_CREATE_TTL)
        zk_jute_put_long(&k->payload, ttl_ms);
    struct command c = kit_request(k, session, op);
    c.options = extended ? COMMAND_EXTENDED_TYPES : 0;
    kit_apply(k, c);
    return k->fx.err;
}

static int make_container(struct kit *k, uint64_t session, const char *path)
{
    return make_as(k, session, ZK_OP_CREATE_CONTAINER, path, 4, 0, false);
}

static int make_ttl(struct kit *k, uint64_t session, const char *path, int64_t ttl_ms)
{
    return make_as(k, session, ZK_OP_CREATE_TTL, path, 5, ttl_ms, true);
}

/* The leader's command about what is at `path` now, stamped `time_ms`. */
static void reap_at(struct kit *k, const char *path, uint64_t czxid, int64_t never_used_ms, int64_t time_ms)
{
    struct zk_buf payload;
    zk_buf_init(&payload);
    command_reap_encode(&payload, &(struct command_reap){zk_slice_str(path), czxid, never_used_ms});
    k->time_ms = time_ms;
    kit_apply(k, (struct command){.kind = COMMAND_REAP, .time_ms = time_ms, .payload = zk_buf_slice(&payload)});
    zk_buf_fini(&payload);
    ck_assert_int_eq(k->fx.err, 0);
}

static void reap(struct kit *k, const char *path)
{
    struct zk_stat stat = {0};
    (void)state_stat(k->s, zk_slice_str(path), &stat);
    reap_at(k, path, (uint64_t)stat.czxid, 0, k->time_ms + 10);
}

START_TEST(a_container_ends_only_after_its_last_child_has)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    ck_assert_int_eq(make_container(&k, a, "/c"), 0);
    kit_expect_created(&k, "/c");
    ck_assert_uint_eq(k.fx.reply.len, 4 + 2 + ZK_STAT_BYTES); /* with its stat, as create2 */
    ck_assert_int_eq(kit_stat(&k, "/c").ephemeral_owner, 0);
    reap(&k, "/c"); /* never used */
    ck_assert(kit_has(&k, "/c"));
    kit_create(&k, a, "/c/x", "", 0);
    reap(&k, "/c"); /* in use */
    ck_assert(kit_has(&k, "/c"));
    kit_delete(&k, a, "/c/x", -1);
    reap(&k, "/c");
    ck_assert(!kit_has(&k, "/c"));
    ck_assert_uint_eq(k.fx.event_count, 2);
    kit_expect_event(&k, 0, ZK_EVENT_DELETED, "/c");
    kit_expect_event(&k, 1, ZK_EVENT_CHILDREN_CHANGED, "/");
    kit_free(&k);
}
END_TEST

START_TEST(a_container_that_was_never_used_ends_after_the_interval_if_there_is_one)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    make_container(&k, a, "/c");
    int64_t made_ms = kit_stat(&k, "/c").mtime_ms;
    uint64_t czxid = (uint64_t)kit_stat(&k, "/c").czxid;
    reap_at(&k, "/c", czxid, 500, made_ms + 500);
    ck_assert(kit_has(&k, "/c"));
    reap_at(&k, "/c", czxid, 500, made_ms + 501);
    ck_assert(!kit_has(&k, "/c"));
    kit_free(&k);
}
END_TEST

START_TEST(a_ttl_node_ends_when_it_is_left_alone_for_longer_than_its_ttl)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    ck_assert_int_eq(make_ttl(&k, a, "/t", 300), 0);
    uint64_t czxid = (uint64_t)kit_stat(&k, "/t").czxid;
    int64_t made_ms = kit_stat(&k, "/t").mtime_ms;
    ck_assert_int_eq(kit_stat(&k, "/t").ephemeral_owner, 0);
    reap_at(&k, "/t", czxid, 0, made_ms + 300);
    ck_assert(kit_has(&k, "/t"));
    kit_set(&k, a, "/t", "touched", -1);
    reap_at(&k, "/t", czxid, 0, made_ms + 400);
    ck_assert(kit_has(&k, "/t"));
    kit_create(&k, a, "/t/child", "", 0);
    reap_at(&k, "/t", czxid, 0, made_ms + 5000);
    ck_assert(kit_has(&k, "/t"));
    kit_delete(&k, a, "/t/child", -1);
    reap_at(&k, "/t", czxid + 1, 0, made_ms + 6000); /* of another node that was there */
    ck_assert(kit_has(&k, "/t"));
    reap_at(&k, "/t", czxid, 0, made_ms + 6001);
    ck_assert(!kit_has(&k, "/t"));
    kit_free(&k);
}
END_TEST

START_TEST(the_leader_ends_nothing_but_containers_and_ttl_nodes)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_create(&k, a, "/p", "", 0);
    kit_create(&k, a, "/p/x", "", ZK_FLAG_EPHEMERAL);
    kit_delete(&k, a, "/p/x", -1);
    kit_create(&k, a, "/e", "", ZK_FLAG_EPHEMERAL);
    reap(&k, "/p");
    reap(&k, "/e");
    reap(&k, "/none");
    reap(&k, "/");
    ck_assert(kit_has(&k, "/p") && kit_has(&k, "/e"));
    kit_apply(&k, (struct command){.kind = COMMAND_REAP, .payload = zk_slice_str("junk")});
    ck_assert_int_eq(k.fx.err, ZK_ERR_MARSHALLING_ERROR);
    kit_free(&k);
}
END_TEST

/* As PrepRequestProcessor and EphemeralType of 3.9.5 decide it; a TTL of -1 stands for none. */
START_TEST(modes_and_ttls_that_do_not_fit_are_refused_as_apache_does)
{
    static const struct {
        int32_t op;
        int32_t flags;
        int64_t ttl_ms;
        bool extended;
        int err;
    } cases[] = {
        {ZK_OP_CREATE_TTL, 5, 1, false, ZK_ERR_UNIMPLEMENTED},
        {ZK_OP_CREATE_TTL, 5, 0, true, ZK_ERR_BAD_ARGUMENTS},
        {ZK_OP_CREATE_TTL, 5, -1, true, ZK_ERR_BAD_ARGUMENTS},
        {ZK_OP_CREATE_TTL, 5, STATE_TTL_MAX_MS + 1, true, ZK_ERR_BAD_ARGUMENTS},
        {ZK_OP_CREATE_TTL, 0, 5, true, ZK_ERR_BAD_ARGUMENTS},
        {ZK_OP_CREATE_TTL, 0, -1, true, ZK_ERR_BAD_ARGUMENTS}, /* Apache's server dies of these two */
        {ZK_OP_CREATE_TTL, 1, -1, false, ZK_ERR_BAD_ARGUMENTS},
        {ZK_OP_CREATE_TTL, 7, 1, true, ZK_ERR_BAD_ARGUMENTS},
        {ZK_OP_CREATE, 5, 0, false, ZK_ERR_UNIMPLEMENTED},
        {ZK_OP_CREATE2, 6, 0, true, ZK_ERR_BAD_ARGUMENTS},
        {ZK_OP_CREATE_CONTAINER, 5, 0, false, ZK_ERR_UNIMPLEMENTED},
        {ZK_OP_CREATE_CONTAINER, 6, 0, true, ZK_ERR_BAD_ARGUMENTS},
        {ZK_OP_CREATE_CONTAINER, -1, 0, true, ZK_ERR_BAD_ARGUMENTS},
    };
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    for (size_t i = 0; i < ZK_COUNT_OF(cases); i++) {
        int err = make_as(&k, a, cases[i].op, "/x", cases[i].flags, cases[i].ttl_ms, cases[i].extended);
        ck_assert_msg(err == cases[i].err, "case %zu: %d instead of %d", i, err, cases[i].err);
    }
    ck_assert_int_eq(make_ttl(&k, a, "/most", STATE_TTL_MAX_MS), 0);
    kit_free(&k);
}
END_TEST

START_TEST(the_opcode_makes_the_kind_and_the_mode_the_number)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    ck_assert_int_eq(make_as(&k, a, ZK_OP_CREATE_TTL, "/q-", 6, 1000, true), 0);
    kit_expect_created(&k, "/q-0000000000");
    ck_assert_int_eq(make_as(&k, a, ZK_OP_CREATE_CONTAINER, "/q-", 2, 0, false), 0);
    kit_expect_created(&k, "/q-0000000001");
    ck_assert_uint_eq(state_mortal_count(k.s), 2);
    ck_assert_int_eq(make_as(&k, a, ZK_OP_CREATE, "/plain", 4, 0, false), 0); /* the mode alone is not enough */
    ck_assert_int_eq(make_as(&k, a, ZK_OP_CREATE_CONTAINER, "/c", 1, 0, false), 0);
    ck_assert_uint_eq(state_mortal_count(k.s), 3);
    ck_assert_uint_eq(state_ephemeral_count(k.s), 0);
    kit_free(&k);
}
END_TEST

/* --- in a multi --- */

static void put_create(struct kit *k, int32_t op, const char *path, int32_t flags, int64_t ttl_ms)
{
    kit_part(k, op);
    kit_put_create(k, path, "data", flags);
    if (op == ZK_OP_CREATE_TTL)
        zk_jute_put_long(&k->payload, ttl_ms);
}

static int send_multi(struct kit *k, uint64_t session)
{
    zk_multi_header_encode(&k->payload, ZK_MULTI_END);
    struct command c = kit_request(k, session, ZK_OP_MULTI);
    c.options = COMMAND_EXTENDED_TYPES;
    kit_apply(k, c);
    return k->fx.err;
}

static void expect_part(struct zk_jute *in, int32_t type, const char *path)
{
    ck_assert_int_eq(zk_multi_header_decode(in).type, type);
    struct zk_slice have = zk_jute_string(in);
    ck_assert_msg(zk_slice_eq(have, zk_slice_str(path)), "%.*s instead of %s", (int)have.len, have.ptr, path);
    if (type == ZK_OP_CREATE2)
        (void)zk_stat_decode(in);
}

START_TEST(in_a_multi_containers_and_ttl_nodes_come_back_as_create2)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    zk_buf_reset(&k.payload);
    put_create(&k, ZK_OP_CREATE_CONTAINER, "/c", 4, 0);
    put_create(&k, ZK_OP_CREATE_TTL, "/t", 5, 1000);
    put_create(&k, ZK_OP_CREATE, "/mode4", 4, 0);       /* here the mode makes it a container */
    put_create(&k, ZK_OP_CREATE_TTL, "/plain", 0, 1000); /* and here it makes it a plain node */
    ck_assert_int_eq(send_multi(&k, a), 0);
    struct zk_jute in = zk_jute(zk_buf_slice(&k.fx.reply));
    expect_part(&in, ZK_OP_CREATE2, "/c");
    expect_part(&in, ZK_OP_CREATE2, "/t");
    expect_part(&in, ZK_OP_CREATE2, "/mode4");
    expect_part(&in, ZK_OP_CREATE, "/plain");
    ck_assert(zk_multi_header_decode(&in).done && !in.bad);
    ck_assert_uint_eq(state_mortal_count(k.s), 3);
    kit_free(&k);
}
END_TEST

START_TEST(a_multi_whose_creates_have_impossible_modes_is_malformed_as_a_whole)
{
    static const int32_t flags[] = {-1, 5, 6, 7};
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    for (size_t i = 0; i < ZK_COUNT_OF(flags); i++) {
        zk_buf_reset(&k.payload);
        put_create(&k, ZK_OP_CREATE, "/x", flags[i], 0);
        ck_assert_int_eq(send_multi(&k, a), ZK_ERR_MARSHALLING_ERROR);
    }
    zk_buf_reset(&k.payload);
    put_create(&k, ZK_OP_CREATE_TTL, "/x", 7, 1); /* this one is a part's own error */
    ck_assert_int_eq(send_multi(&k, a), 0);
    struct zk_jute in = zk_jute(zk_buf_slice(&k.fx.reply));
    ck_assert_int_eq(zk_multi_header_decode(&in).err, ZK_ERR_BAD_ARGUMENTS);
    kit_free(&k);
}
END_TEST

/* kit_apply checks every invariant behind each command, places in the array of mortal nodes among them. */
START_TEST(a_multi_that_fails_brings_mortal_nodes_back_where_they_were)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    make_ttl(&k, a, "/t1", 1000);
    make_container(&k, a, "/c");
    make_ttl(&k, a, "/t2", 2000);
    for (int fails = 1; fails >= 0; fails--) {
        zk_buf_reset(&k.payload);
        kit_part(&k, ZK_OP_SET_DATA);
        kit_put_set(&k, "/t2", "longer", -1);
        kit_part(&k, ZK_OP_DELETE);
        kit_put_version(&k, "/t1", -1);
        put_create(&k, ZK_OP_CREATE_TTL, "/t3", 5, 3000);
        kit_part(&k, ZK_OP_DELETE);
        kit_put_version(&k, "/t3", -1);
        if (fails) {
            kit_part(&k, ZK_OP_CHECK);
            kit_put_version(&k, "/none", -1);
        }
        send_multi(&k, a);
        ck_assert_uint_eq(state_mortal_count(k.s), fails ? 3 : 2);
        ck_assert(kit_has(&k, "/t1") == fails && !kit_has(&k, "/t3"));
    }
    kit_free(&k);
}
END_TEST

static void copy_rows(struct kit *k, struct state *to)
{
    char why[256];
    struct state_row row;
    state_checkpoint_begin(k->s);
    while (state_checkpoint_next(k->s, &row))
        ck_assert_msg(state_load_row(to, row.key, row.value, why, sizeof why), "%s", why);
    ck_assert_msg(state_load_end(to, state_zxid(k->s), state_digest(k->s), why, sizeof why), "%s", why);
}

START_TEST(a_checkpoint_brings_back_kinds_and_ttls)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    make_container(&k, a, "/c");
    make_ttl(&k, a, "/t", 123456);
    kit_set(&k, a, "/t", "", -1);
    struct state *copy = state_load_begin();
    copy_rows(&k, copy);
    state_free(k.s);
    k.s = copy;
    kit_check(&k);
    ck_assert_uint_eq(state_mortal_count(k.s), 2);
    int64_t set_ms = kit_stat(&k, "/t").mtime_ms;
    uint64_t czxid = (uint64_t)kit_stat(&k, "/t").czxid;
    reap_at(&k, "/t", czxid, 0, set_ms + 123456);
    ck_assert(kit_has(&k, "/t"));
    reap_at(&k, "/t", czxid, 0, set_ms + 123457);
    ck_assert(!kit_has(&k, "/t"));
    kit_free(&k);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("mortal");
    tcase_add_test(tc, a_container_ends_only_after_its_last_child_has);
    tcase_add_test(tc, a_container_that_was_never_used_ends_after_the_interval_if_there_is_one);
    tcase_add_test(tc, a_ttl_node_ends_when_it_is_left_alone_for_longer_than_its_ttl);
    tcase_add_test(tc, the_leader_ends_nothing_but_containers_and_ttl_nodes);
    tcase_add_test(tc, modes_and_ttls_that_do_not_fit_are_refused_as_apache_does);
    tcase_add_test(tc, the_opcode_makes_the_kind_and_the_mode_the_number);
    tcase_add_test(tc, in_a_multi_containers_and_ttl_nodes_come_back_as_create2);
    tcase_add_test(tc, a_multi_whose_creates_have_impossible_modes_is_malformed_as_a_whole);
    tcase_add_test(tc, a_multi_that_fails_brings_mortal_nodes_back_where_they_were);
    tcase_add_test(tc, a_checkpoint_brings_back_kinds_and_ttls);
    return run_tests("mortal nodes", tc);
}
