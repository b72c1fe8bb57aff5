/* test_state_local.c: proves what the state knows of sessions that began as one server's own: their UPGRADE, its copies,
 * and those who read in the name of a session that is not in the state. */
#include "tests/unit/state_kit.h"
#include "tests/unit/run.h"

#define LOCAL (SESSION_LOCAL_BIT | UINT64_C(2) << 54 | 77)

static void upgrade(struct kit *k, uint64_t id)
{
    struct zk_buf payload;
    zk_buf_init(&payload);
    struct command_open o = {.timeout_ms = 4000, .server = 2, .password = {KIT_PASSWORD, ZK_PASSWORD_BYTES}};
    command_open_encode(&payload, &o);
    kit_apply(k, (struct command){.kind = COMMAND_UPGRADE, .session = id, .payload = zk_buf_slice(&payload)});
    zk_buf_fini(&payload);
}

START_TEST(an_upgraded_session_keeps_its_id_and_owns_ephemerals_as_any_other)
{
    struct kit k = kit_new();
    uint64_t before = kit_open(&k);
    upgrade(&k, LOCAL);
    ck_assert_int_eq(k.fx.session_change, STATE_SESSION_OPENED);
    ck_assert_uint_eq(k.fx.session, LOCAL);
    ck_assert_uint_eq(k.fx.generation, 1);
    ck_assert_int_eq(kit_create(&k, LOCAL, "/e", "", ZK_FLAG_EPHEMERAL), 0);
    uint64_t after = kit_open(&k);
    struct state_session s = {0};
    const uint64_t ids[] = {before, after, LOCAL}; /* zxids first, whenever they came */
    for (size_t i = 0; i < ZK_COUNT_OF(ids); i++) {
        ck_assert(state_session_next(k.s, s.id, &s));
        ck_assert_uint_eq(s.id, ids[i]);
    }
    kit_attach(&k, LOCAL, KIT_PASSWORD);
    ck_assert_uint_eq(k.fx.generation, 2);
    ck_assert_int_eq(kit_close(&k, LOCAL), 0);
    struct zk_stat stat;
    ck_assert(!state_stat(k.s, zk_slice_str("/e"), &stat));
    kit_free(&k);
}
END_TEST

START_TEST(a_second_copy_of_an_upgrade_changes_nothing)
{
    struct kit k = kit_new();
    upgrade(&k, LOCAL);
    ck_assert_int_eq(kit_create(&k, LOCAL, "/e", "", ZK_FLAG_EPHEMERAL), 0);
    uint64_t digest = state_digest(k.s);
    upgrade(&k, LOCAL);
    ck_assert(k.fx.duplicate);
    ck_assert_int_eq(k.fx.session_change, STATE_SESSION_NONE);
    ck_assert_uint_eq(state_digest(k.s), digest);
    kit_free(&k);
}
END_TEST

START_TEST(a_copy_that_comes_after_the_sessions_end_does_not_bring_it_back)
{
    struct kit k = kit_new();
    upgrade(&k, LOCAL);
    ck_assert_int_eq(kit_close(&k, LOCAL), 0);
    upgrade(&k, LOCAL);
    ck_assert(k.fx.duplicate);
    ck_assert_uint_eq(state_session_count(k.s), 0);
    struct state_session s;
    ck_assert(!state_session_get(k.s, LOCAL, &s));
    kit_attach(&k, LOCAL, KIT_PASSWORD);
    ck_assert_int_eq(k.fx.err, ZK_ERR_SESSION_EXPIRED);
    kit_free(&k);
}
END_TEST

START_TEST(a_session_that_was_forgotten_may_begin_again_and_is_one)
{
    struct kit k = kit_new();
    upgrade(&k, LOCAL);
    kit_close(&k, LOCAL);
    struct zk_buf payload;
    zk_buf_init(&payload);
    zk_jute_put_long(&payload, (int64_t)k.zxid);
    kit_apply(&k, (struct command){.kind = COMMAND_FORGET, .payload = zk_buf_slice(&payload)});
    upgrade(&k, LOCAL);
    ck_assert_int_eq(k.fx.session_change, STATE_SESSION_OPENED);
    ck_assert_uint_eq(state_session_count(k.s), 1);
    zk_buf_fini(&payload);
    kit_free(&k);
}
END_TEST

START_TEST(an_upgrade_of_an_id_that_the_log_gives_is_refused)
{
    struct kit k = kit_new();
    upgrade(&k, 4711);
    ck_assert_int_eq(k.fx.err, ZK_ERR_BAD_ARGUMENTS);
    ck_assert_uint_eq(state_session_count(k.s), 0);
    kit_free(&k);
}
END_TEST

static int create_without_ephemerals(struct kit *k, int32_t flags, const char *path)
{
    zk_buf_reset(&k->payload);
    kit_put_create(k, path, "", flags);
    struct command c = kit_next(k, LOCAL, COMMAND_REQUEST);
    c.op = ZK_OP_CREATE;
    c.options = COMMAND_NO_EPHEMERALS;
    c.payload = zk_buf_slice(&k->payload);
    kit_apply(k, c);
    return k->fx.err;
}

START_TEST(where_it_may_not_a_local_session_makes_no_ephemerals_but_all_else)
{
    struct kit k = kit_new();
    upgrade(&k, LOCAL);
    ck_assert_int_eq(create_without_ephemerals(&k, ZK_FLAG_EPHEMERAL, "/e"), ZK_ERR_EPHEMERAL_ON_LOCAL_SESSION);
    ck_assert_int_eq(create_without_ephemerals(&k, ZK_FLAG_EPHEMERAL | ZK_FLAG_SEQUENTIAL, "/e"),
                     ZK_ERR_EPHEMERAL_ON_LOCAL_SESSION);
    ck_assert_int_eq(create_without_ephemerals(&k, ZK_FLAG_SEQUENTIAL, "/p"), 0);
    ck_assert_int_eq(create_without_ephemerals(&k, 0, "/p"), 0);
    kit_free(&k);
}
END_TEST

static struct zk_slice joe(void *arg, uint64_t session)
{
    struct zk_buf *identities = arg;
    return session == LOCAL ? zk_buf_slice(identities) : zk_slice(NULL, 0);
}

START_TEST(a_guest_reads_by_the_identities_that_are_told_of_it)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    struct zk_buf identities, out;
    zk_buf_init(&identities);
    zk_buf_init(&out);
    zk_jute_put_int(&identities, 0);
    ck_assert(command_identities_add(&identities, zk_slice_str("digest"), zk_slice_str("joe:x")));
    kit_auth(&k, a, "digest", "joe:x");
    zk_buf_reset(&k.acl);
    zk_jute_put_int(&k.acl, 1);
    zk_jute_put_int(&k.acl, ZK_PERM_READ);
    zk_jute_put_cstring(&k.acl, "digest");
    zk_jute_put_cstring(&k.acl, "joe:x");
    ck_assert_int_eq(kit_create(&k, a, "/secret", "", 0), 0);
    ck_assert_int_eq(state_get_data(k.s, LOCAL, zk_slice_str("/secret"), &out), ZK_ERR_NO_AUTH);
    state_set_guests(k.s, joe, &identities);
    ck_assert_int_eq(state_get_data(k.s, LOCAL, zk_slice_str("/secret"), &out), 0);
    ck_assert_int_eq(state_get_data(k.s, LOCAL + 1, zk_slice_str("/secret"), &out), ZK_ERR_NO_AUTH);
    zk_buf_fini(&identities);
    zk_buf_fini(&out);
    kit_free(&k);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("all");
    tcase_add_test(t, an_upgraded_session_keeps_its_id_and_owns_ephemerals_as_any_other);
    tcase_add_test(t, a_second_copy_of_an_upgrade_changes_nothing);
    tcase_add_test(t, a_copy_that_comes_after_the_sessions_end_does_not_bring_it_back);
    tcase_add_test(t, a_session_that_was_forgotten_may_begin_again_and_is_one);
    tcase_add_test(t, an_upgrade_of_an_id_that_the_log_gives_is_refused);
    tcase_add_test(t, where_it_may_not_a_local_session_makes_no_ephemerals_but_all_else);
    tcase_add_test(t, a_guest_reads_by_the_identities_that_are_told_of_it);
    return run_tests("state_local", t);
}
