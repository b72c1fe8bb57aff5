/* test_state_session.c: proves the sessions of server/state/apply.c and session.c, libzk's memory among them. */
#include "tests/unit/state_kit.h"

START_TEST(a_session_is_the_zxid_that_opened_it)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    ck_assert_uint_eq(a, k.zxid);
    ck_assert_uint_eq(k.fx.origin, 77);
    ck_assert_uint_eq(k.fx.generation, 1);
    struct state_session known;
    ck_assert(state_session_get(k.s, a, &known));
    ck_assert_int_eq(known.timeout_ms, 4000);
    ck_assert_int_eq(known.server, 2);
    ck_assert_mem_eq(known.password, KIT_PASSWORD, ZK_PASSWORD_BYTES);
    kit_free(&k);
}
END_TEST

START_TEST(sessions_are_listed_in_the_order_of_their_ids)
{
    struct kit k = kit_new();
    uint64_t ids[200];
    for (int i = 0; i < 200; i++)
        ids[i] = kit_open(&k);
    for (int i = 0; i < 200; i++) {
        if (i % 4 != 0)
            kit_close(&k, ids[i]);
    }
    struct state_session known = {.id = 0};
    size_t count = 0;
    while (state_session_next(k.s, known.id, &known))
        ck_assert_uint_eq(known.id, ids[4 * count++]);
    ck_assert_uint_eq(count, 50);
    ck_assert_uint_eq(state_session_count(k.s), 50);
    kit_free(&k);
}
END_TEST

START_TEST(attach_raises_the_generation_and_starts_the_numbers_again)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_create(&k, a, "/a", "", 0);
    struct command old = kit_next(&k, a, COMMAND_REQUEST);
    kit_attach(&k, a, KIT_PASSWORD);
    ck_assert_int_eq(k.fx.session_change, STATE_SESSION_ATTACHED);
    ck_assert_uint_eq(k.fx.generation, 2);
    struct state_session known;
    state_session_get(k.s, a, &known);
    ck_assert_uint_eq(known.number, 0);
    ck_assert_int_eq(known.timeout_ms, 5000);
    ck_assert_int_eq(known.server, 3);
    uint64_t digest = state_digest(k.s);
    zk_buf_reset(&k.payload);
    kit_put_create(&k, "/late", "", 0);
    old.op = ZK_OP_CREATE;
    old.payload = zk_buf_slice(&k.payload);
    kit_apply(&k, old);
    ck_assert(k.fx.stale);
    ck_assert_uint_eq(state_digest(k.s), digest);
    ck_assert_int_eq(kit_create(&k, a, "/b", "", 0), 0);
    kit_free(&k);
}
END_TEST

START_TEST(attach_needs_the_password_and_a_live_session)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    static const uint8_t wrong[ZK_PASSWORD_BYTES] = "0123456789abcdx";
    uint64_t digest = state_digest(k.s);
    kit_attach(&k, a, wrong);
    ck_assert_int_eq(k.fx.err, ZK_ERR_SESSION_EXPIRED);
    ck_assert_int_eq(k.fx.session_change, STATE_SESSION_NONE);
    ck_assert_uint_eq(state_digest(k.s), digest);
    kit_attach(&k, 4711, KIT_PASSWORD);
    ck_assert_int_eq(k.fx.err, ZK_ERR_SESSION_EXPIRED);
    kit_close(&k, a);
    kit_attach(&k, a, KIT_PASSWORD);
    ck_assert_int_eq(k.fx.err, ZK_ERR_SESSION_EXPIRED);
    kit_free(&k);
}
END_TEST

START_TEST(a_second_copy_of_an_attach_changes_nothing)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    struct zk_buf payload;
    zk_buf_init(&payload);
    struct command_attach attach = {.timeout_ms = 5000, .password = {KIT_PASSWORD, ZK_PASSWORD_BYTES}};
    command_attach_encode(&payload, &attach);
    struct command c = {.kind = COMMAND_ATTACH, .session = a, .origin = 99, .payload = zk_buf_slice(&payload)};
    kit_apply(&k, c);
    ck_assert_uint_eq(k.fx.generation, 2);
    kit_create(&k, a, "/a", "", 0);
    uint64_t digest = state_digest(k.s);
    kit_apply(&k, c);
    ck_assert(k.fx.duplicate);
    ck_assert_uint_eq(k.fx.generation, 2);
    ck_assert_int_eq(k.fx.session_change, STATE_SESSION_NONE);
    ck_assert_uint_eq(state_digest(k.s), digest);
    zk_buf_fini(&payload);
    kit_free(&k);
}
END_TEST

START_TEST(a_number_applied_before_is_a_duplicate_and_a_skipped_one_a_gap)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    zk_buf_reset(&k.payload);
    kit_put_create(&k, "/a", "", 0);
    struct command c = kit_request(&k, a, ZK_OP_CREATE);
    kit_apply(&k, c);
    ck_assert_int_eq(k.fx.err, 0);
    uint64_t digest = state_digest(k.s);
    kit_apply(&k, c);
    ck_assert(k.fx.duplicate);
    ck_assert_uint_eq(k.fx.reply.len, 0);
    c.number += 2;
    kit_apply(&k, c);
    ck_assert(k.fx.gap);
    ck_assert(!k.fx.duplicate);
    c.kind = COMMAND_CLOSE;
    kit_apply(&k, c);
    ck_assert(k.fx.gap);
    c.kind = COMMAND_AUTH;
    kit_apply(&k, c);
    ck_assert(k.fx.gap);
    ck_assert_uint_eq(state_digest(k.s), digest);
    kit_free(&k);
}
END_TEST

START_TEST(a_failed_request_uses_up_its_number)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    ck_assert_int_eq(kit_delete(&k, a, "/none", -1), ZK_ERR_NO_NODE);
    struct state_session known;
    state_session_get(k.s, a, &known);
    ck_assert_uint_eq(known.number, 1);
    kit_free(&k);
}
END_TEST

/* What portions brought, and what was left at the end, in one row. */
struct told {
    size_t count, portions;
    char last[32]; /* of a node's own event: the end of its path */
};

static void take_events(void *arg, const struct state_effects *fx)
{
    struct told *told = arg;
    for (size_t i = 0; i < fx->event_count; i++, told->count++) {
        const struct state_watch_event *e = &fx->events[i];
        ck_assert_int_eq(e->type, told->count % 2 ? ZK_EVENT_CHILDREN_CHANGED : ZK_EVENT_DELETED);
        ck_assert_uint_gt(e->acl.len, 50000);
        if (told->count % 2)
            continue;
        char name[32] = "";
        memcpy(name, e->path.ptr + e->path.len - 5, 5);
        ck_assert_int_gt(strcmp(name, told->last), 0);
        memcpy(told->last, name, sizeof name);
    }
    told->portions++;
}

/* As large as one may be, of what nobody has. */
static void make_large_acl(struct kit *k)
{
    char user[1300] = "";
    memset(user, 'u', sizeof user - 1);
    zk_buf_reset(&k->acl);
    zk_jute_put_int(&k->acl, 46);
    zk_acl_encode(&k->acl, &(struct zk_acl){ZK_PERM_ALL, zk_slice_str("world"), zk_slice_str("anyone")});
    for (int i = 0; i < 45; i++) {
        snprintf(user, 5, "%04d", i);
        user[4] = ':';
        zk_acl_encode(&k->acl, &(struct zk_acl){ZK_PERM_READ, zk_slice_str("digest"), zk_slice_str(user)});
    }
}

START_TEST(a_session_with_many_long_ephemerals_ends_in_bounded_memory)
{
    enum { COUNT = 1000, LONG = 16000 };
    static char path[LONG + 10];
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    make_large_acl(&k);
    memset(path, 'd', LONG);
    path[0] = '/';
    ck_assert_int_eq(kit_create(&k, a, path, "", 0), 0);
    for (int i = COUNT; i > 0; i--) {
        snprintf(path + LONG, 10, "/%05d", i);
        kit_create_quickly(&k, a, path, "", ZK_FLAG_EPHEMERAL);
    }
    struct zk_buf out;
    zk_buf_init(&out);
    ck_assert_int_eq(state_get_ephemerals(k.s, a, zk_slice(NULL, 0), 100000, &out), ZK_ERR_BAD_ARGUMENTS);
    ck_assert_uint_lt(out.len, 100000 + 2 * LONG);
    zk_buf_fini(&out);

    struct told told = {0};
    k.fx.portion = take_events;
    k.fx.portion_arg = &told;
    ck_assert_int_eq(kit_close(&k, a), 0);
    ck_assert_uint_gt(told.portions, 10);
    ck_assert_uint_lt(k.fx.arena.cap, 2 * STATE_EVENTS_PORTION_BYTES + 4 * LONG);
    take_events(&told, &k.fx);
    ck_assert_uint_eq(told.count, 2 * COUNT);
    ck_assert_uint_eq(state_ephemeral_count(k.s), 0);
    kit_free(&k);
}
END_TEST

START_TEST(a_list_that_many_events_share_is_there_once_and_large_effects_do_not_stay)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    make_large_acl(&k);
    ck_assert_int_eq(kit_create(&k, a, "/n", "", 0), 0);
    zk_buf_reset(&k.payload);
    for (int i = 0; i < 20000; i++) {
        kit_part(&k, ZK_OP_SET_DATA);
        kit_put_set(&k, "/n", "", -1);
    }
    ck_assert_int_eq(kit_send_multi(&k, a), 0);
    ck_assert_uint_eq(k.fx.event_count, 20000);
    ck_assert_uint_lt(k.fx.arena.cap, 400000);
    ck_assert(k.fx.events[19999].acl.ptr == k.fx.events[0].acl.ptr && k.fx.events[0].acl.len > 50000);
    ck_assert_uint_gt(k.fx.reply.cap, STATE_EFFECTS_KEPT_BYTES);
    ck_assert_int_eq(kit_set(&k, a, "/n", "", -1), 0);
    ck_assert_uint_lt(k.fx.reply.cap + k.fx.arena.cap, STATE_EFFECTS_KEPT_BYTES);
    kit_free(&k);
}
END_TEST

START_TEST(closing_deletes_the_sessions_ephemerals_in_the_order_of_their_paths)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    uint64_t b = kit_open(&k);
    kit_create(&k, a, "/d", "", 0);
    static const char *const paths[] = {"/d/c", "/d/a", "/z", "/d/b", "/a"};
    for (size_t i = 0; i < ZK_COUNT_OF(paths); i++)
        kit_create(&k, a, paths[i], "", ZK_FLAG_EPHEMERAL);
    kit_create(&k, b, "/d/other", "", ZK_FLAG_EPHEMERAL);
    kit_delete(&k, a, "/d/a", -1);
    ck_assert_int_eq(kit_close(&k, a), 0);
    ck_assert_int_eq(k.fx.session_change, STATE_SESSION_ENDED);
    ck_assert_uint_eq(k.fx.reply.len, 0);
    static const char *const order[] = {"/a", "/", "/d/b", "/d", "/d/c", "/d", "/z", "/"};
    ck_assert_uint_eq(k.fx.event_count, ZK_COUNT_OF(order));
    for (size_t i = 0; i < ZK_COUNT_OF(order); i++)
        kit_expect_event(&k, i, i % 2 ? ZK_EVENT_CHILDREN_CHANGED : ZK_EVENT_DELETED, order[i]);
    ck_assert_int_eq(kit_stat(&k, "/d").num_children, 1);
    ck_assert_int_eq(kit_stat(&k, "/d").pzxid, (int64_t)k.zxid);
    ck_assert_uint_eq(state_ephemeral_count(k.s), 1);
    ck_assert_int_eq(kit_create(&k, a, "/x", "", 0), ZK_ERR_SESSION_EXPIRED);
    ck_assert(!kit_has(&k, "/x"));
    kit_free(&k);
}
END_TEST

START_TEST(expiry_needs_the_generation_of_the_verdict)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_create(&k, a, "/e", "", ZK_FLAG_EPHEMERAL);
    kit_attach(&k, a, KIT_PASSWORD);
    kit_apply(&k, (struct command){.kind = COMMAND_EXPIRE, .session = a, .generation = 1});
    ck_assert_int_eq(k.fx.session_change, STATE_SESSION_NONE);
    ck_assert(kit_has(&k, "/e"));
    kit_apply(&k, (struct command){.kind = COMMAND_EXPIRE, .session = a, .generation = 2});
    ck_assert_int_eq(k.fx.session_change, STATE_SESSION_ENDED);
    ck_assert(!kit_has(&k, "/e"));
    ck_assert_uint_eq(state_session_count(k.s), 0);
    kit_apply(&k, (struct command){.kind = COMMAND_EXPIRE, .session = a, .generation = 2});
    ck_assert_int_eq(k.fx.session_change, STATE_SESSION_NONE);
    kit_free(&k);
}
END_TEST

START_TEST(malformed_commands_about_sessions_change_nothing)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    uint64_t digest = state_digest(k.s);
    static const uint8_t kinds[] = {COMMAND_OPEN, COMMAND_ATTACH, COMMAND_FORGET, COMMAND_LEVEL};
    for (size_t i = 0; i < ZK_COUNT_OF(kinds); i++) {
        kit_apply(&k, (struct command){.kind = kinds[i], .session = a, .payload = zk_slice_str("abc")});
        ck_assert_int_eq(k.fx.err, ZK_ERR_MARSHALLING_ERROR);
        ck_assert_int_eq(k.fx.session_change, STATE_SESSION_NONE);
    }
    kit_apply(&k, (struct command){.kind = 99});
    ck_assert_int_eq(k.fx.err, ZK_ERR_UNIMPLEMENTED);
    ck_assert_uint_eq(state_digest(k.s), digest);
    kit_free(&k);
}
END_TEST

START_TEST(a_session_has_at_most_so_many_identities)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    char id[32];
    for (int i = 0; i < STATE_IDENTITY_COUNT_MAX; i++) {
        snprintf(id, sizeof id, "user%d:x", i);
        ck_assert_int_eq(kit_auth(&k, a, "digest", id), 0);
    }
    ck_assert_int_eq(kit_auth(&k, a, "digest", id), 0); /* known already */
    ck_assert_int_eq(kit_auth(&k, a, "digest", "one:more"), ZK_ERR_AUTH_FAILED);
    kit_free(&k);
}
END_TEST

START_TEST(the_level_only_rises)
{
    struct kit k = kit_new();
    static const uint8_t three[] = {0, 0, 0, 3};
    static const uint8_t two[] = {0, 0, 0, 2};
    ck_assert_int_eq(state_level(k.s), 1);
    kit_apply(&k, (struct command){.kind = COMMAND_LEVEL, .payload = zk_slice(three, 4)});
    kit_apply(&k, (struct command){.kind = COMMAND_LEVEL, .payload = zk_slice(two, 4)});
    ck_assert_int_eq(state_level(k.s), 3);
    kit_free(&k);
}
END_TEST

/* --- libzk's memory --- */

static int create_xid(struct kit *k, uint64_t session, const char *path, int32_t flags, int32_t xid)
{
    zk_buf_reset(&k->payload);
    kit_put_create(k, path, "", flags);
    return kit_send_xid(k, session, ZK_OP_CREATE, xid);
}

static bool remembers(struct kit *k, uint64_t session, int32_t xid)
{
    struct state_result result;
    return state_memory_get(k->s, session, xid, &result);
}

START_TEST(a_write_sent_again_is_answered_as_it_was_and_happens_once)
{
    struct kit k = kit_new();
    uint64_t a = kit_open_with(&k, 4, zk_slice(NULL, 0));
    create_xid(&k, a, "/d", 0, 1);
    create_xid(&k, a, "/d/s-", ZK_FLAG_SEQUENTIAL, 2);
    uint64_t then = k.zxid;
    ck_assert_int_eq(create_xid(&k, a, "/d", 0, 3), ZK_ERR_NODE_EXISTS);
    kit_attach_with(&k, a, KIT_PASSWORD, true);
    ck_assert_int_eq(create_xid(&k, a, "/d/s-", ZK_FLAG_SEQUENTIAL, 2), 0);
    kit_expect_created(&k, "/d/s-0000000000");
    ck_assert_uint_eq(k.fx.zxid, then);
    ck_assert_uint_eq(k.fx.event_count, 0);
    ck_assert(!k.fx.duplicate);
    kit_delete(&k, a, "/d/s-0000000000", -1); /* xid 1 is remembered: answered from memory, does nothing */
    ck_assert(kit_has(&k, "/d/s-0000000000"));
    ck_assert_int_eq(create_xid(&k, a, "/d", 0, 3), ZK_ERR_NODE_EXISTS);
    ck_assert_int_eq(kit_stat(&k, "/d").num_children, 1);
    struct state_session known;
    state_session_get(k.s, a, &known);
    ck_assert_uint_eq(known.number, 3);
    kit_free(&k);
}
END_TEST

START_TEST(who_comes_with_xids_of_its_own_is_not_answered_from_anothers_memory)
{
    struct kit k = kit_new();
    uint64_t a = kit_open_with(&k, 4, zk_slice(NULL, 0));
    uint64_t size = state_size_bytes(k.s);
    create_xid(&k, a, "/by-a", 0, 1);
    kit_attach_with(&k, a, KIT_PASSWORD, true);
    kit_attach_with(&k, a, KIT_PASSWORD, true);
    ck_assert(remembers(&k, a, 1));
    kit_delete(&k, a, "/by-a", -1); /* xid 1: answered, and nothing happens */
    ck_assert(kit_has(&k, "/by-a"));
    kit_attach(&k, a, KIT_PASSWORD);
    ck_assert(!remembers(&k, a, 1));
    struct state_session known;
    ck_assert(state_session_get(k.s, a, &known));
    ck_assert_int_eq(known.memory, 0);
    ck_assert_int_eq(create_xid(&k, a, "/by-b", 0, 1), 0);
    kit_expect_created(&k, "/by-b");
    ck_assert(kit_has(&k, "/by-b"));
    kit_delete(&k, a, "/by-a", -1);
    kit_delete(&k, a, "/by-b", -1);
    ck_assert_uint_eq(state_size_bytes(k.s), size);
    kit_free(&k);
}
END_TEST

START_TEST(a_memory_that_another_has_ended_does_not_come_back)
{
    struct kit k = kit_new();
    uint64_t a = kit_open_with(&k, 4, zk_slice(NULL, 0));
    create_xid(&k, a, "/a", 0, 1);
    kit_attach_with(&k, a, (const uint8_t *)"not the password", false);
    ck_assert(remembers(&k, a, 1));
    kit_attach(&k, a, KIT_PASSWORD);
    kit_attach_with(&k, a, KIT_PASSWORD, true);
    struct state_session known;
    ck_assert(state_session_get(k.s, a, &known));
    ck_assert_int_eq(known.memory, 0);
    create_xid(&k, a, "/a2", 0, 2);
    ck_assert(!remembers(&k, a, 2));
    kit_apply(&k, (struct command){.kind = COMMAND_EXPIRE, .session = a, .generation = known.generation});
    ck_assert_int_eq(k.fx.session_change, STATE_SESSION_ENDED);
    ck_assert(!state_ended_get(k.s, a, zk_slice(KIT_PASSWORD, sizeof KIT_PASSWORD), &known)); /* it cannot tell */
    kit_free(&k);
}
END_TEST

START_TEST(only_the_last_k_results_are_remembered)
{
    struct kit k = kit_new();
    uint64_t a = kit_open_with(&k, 20, zk_slice(NULL, 0));
    char path[16];
    for (int32_t xid = 1; xid <= 55; xid++) {
        snprintf(path, sizeof path, "/n%d", xid);
        create_xid(&k, a, path, 0, xid);
        for (int32_t old = 1; old <= xid; old++)
            ck_assert_int_eq(remembers(&k, a, old), old > xid - 20);
    }
    ck_assert_int_eq(create_xid(&k, a, "/other", 0, 36), 0);
    kit_expect_created(&k, "/n36");
    kit_free(&k);
}
END_TEST

START_TEST(a_session_without_memory_remembers_nothing)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    create_xid(&k, a, "/a", 0, 1);
    ck_assert(!remembers(&k, a, 1));
    ck_assert_int_eq(create_xid(&k, a, "/a", 0, 1), ZK_ERR_NODE_EXISTS);
    kit_free(&k);
}
END_TEST

START_TEST(more_memory_than_there_is_is_cut)
{
    struct kit k = kit_new();
    uint64_t a = kit_open_with(&k, 1000000, zk_slice(NULL, 0));
    struct state_session known;
    state_session_get(k.s, a, &known);
    ck_assert_int_eq(known.memory, STATE_MEMORY_K);
    kit_free(&k);
}
END_TEST

START_TEST(a_large_result_is_remembered_without_its_record)
{
    struct kit k = kit_new();
    uint64_t a = kit_open_with(&k, 4, zk_slice(NULL, 0));
    zk_buf_reset(&k.payload);
    for (int i = 0; i < 1000; i++) {
        char path[24];
        snprintf(path, sizeof path, "/some-long-path-%d", i);
        kit_part(&k, ZK_OP_CREATE2);
        kit_put_create(&k, path, "", 0);
    }
    zk_multi_header_encode(&k.payload, ZK_MULTI_END);
    ck_assert_int_eq(kit_send_xid(&k, a, ZK_OP_MULTI, 5), 0);
    ck_assert_uint_gt(k.fx.reply.len, STATE_MEMORY_RESULT_MAX);
    uint64_t then = k.zxid;
    struct state_result result;
    ck_assert(state_memory_get(k.s, a, 5, &result));
    ck_assert_uint_eq(result.zxid, then);
    ck_assert_int_eq(result.err, 0);
    ck_assert(!result.whole);
    ck_assert_uint_eq(result.record.len, 0);
    kit_free(&k);
}
END_TEST

/* Deletes `/a` and so many nodes that are not there: the second fails. */
static void put_failing_multi(struct kit *k, int count)
{
    zk_buf_reset(&k->payload);
    for (int i = 0; i < count; i++) {
        kit_part(k, ZK_OP_DELETE);
        kit_put_version(k, i == 0 ? "/a" : "/b", -1);
    }
    zk_multi_header_encode(&k->payload, ZK_MULTI_END);
}

START_TEST(a_large_multi_that_failed_is_remembered_as_failed)
{
    struct kit k = kit_new();
    uint64_t a = kit_open_with(&k, 4, zk_slice(NULL, 0));
    create_xid(&k, a, "/a", 0, 1);
    put_failing_multi(&k, 6000);
    ck_assert_int_eq(kit_send_xid(&k, a, ZK_OP_MULTI, 2), 0);
    ck_assert_uint_gt(k.fx.reply.len, STATE_MEMORY_RESULT_MAX);
    put_failing_multi(&k, 2);
    ck_assert_int_eq(kit_send_xid(&k, a, ZK_OP_MULTI, 3), 0);
    struct state_result result;
    ck_assert(state_memory_get(k.s, a, 2, &result));
    ck_assert(!result.whole);
    ck_assert_int_eq(result.err, ZK_ERR_NO_NODE);
    ck_assert(state_memory_get(k.s, a, 3, &result));
    ck_assert(result.whole);
    ck_assert_int_eq(result.err, 0);
    kit_free(&k);
}
END_TEST

START_TEST(the_records_of_single_writes_are_always_whole)
{
    struct kit k = kit_new();
    uint64_t a = kit_open_with(&k, STATE_MEMORY_K, zk_slice(NULL, 0));
    char path[12000];
    memset(path, 'n', sizeof path);
    path[0] = '/';
    struct state_result result;
    for (int32_t xid = 1; xid <= STATE_MEMORY_K; xid++) {
        snprintf(path + sizeof path - 8, 8, "%d", xid);
        ck_assert_int_eq(create_xid(&k, a, path, 0, xid), 0);
        ck_assert(state_memory_get(k.s, a, xid, &result));
        ck_assert(result.whole);
    }
    kit_free(&k);
}
END_TEST

START_TEST(an_ended_session_is_remembered_until_forgotten)
{
    struct kit k = kit_new();
    uint64_t a = kit_open_with(&k, 4, zk_slice(NULL, 0));
    uint64_t b = kit_open_with(&k, 4, zk_slice(NULL, 0));
    create_xid(&k, a, "/a", 0, 1);
    create_xid(&k, b, "/b", 0, 1);
    int64_t ended_ms;
    ck_assert_uint_eq(state_memory_oldest(k.s, &ended_ms), 0);
    kit_apply(&k, (struct command){.kind = COMMAND_EXPIRE, .session = b, .generation = 1});
    uint64_t b_ended = k.zxid;
    kit_close(&k, a);
    struct state_session known;
    ck_assert(!state_session_get(k.s, a, &known));
    ck_assert(!state_session_next(k.s, 0, &known));
    ck_assert(remembers(&k, a, 1));
    ck_assert(remembers(&k, b, 1));
    ck_assert_uint_eq(state_memory_oldest(k.s, &ended_ms), b_ended);
    ck_assert_int_eq(ended_ms, k.time_ms - 10);
    ck_assert_int_eq(create_xid(&k, a, "/a2", 0, 1), ZK_ERR_SESSION_EXPIRED);
    struct zk_buf payload;
    zk_buf_init(&payload);
    zk_jute_put_long(&payload, (int64_t)b_ended);
    kit_apply(&k, (struct command){.kind = COMMAND_FORGET, .payload = zk_buf_slice(&payload)});
    ck_assert(!remembers(&k, b, 1));
    ck_assert(remembers(&k, a, 1));
    zk_buf_fini(&payload);
    kit_free(&k);
}
END_TEST

static bool tells(struct kit *k, uint64_t session, const char *password)
{
    struct state_session ended;
    return state_ended_get(k->s, session, zk_slice_str(password), &ended);
}

START_TEST(an_ended_session_tells_its_owner_all_that_it_did_and_nobody_else)
{
    struct kit k = kit_new();
    struct zk_slice password = zk_slice(KIT_PASSWORD, sizeof KIT_PASSWORD);
    uint64_t a = kit_open_with(&k, 2, zk_slice(NULL, 0));
    create_xid(&k, a, "/a", 0, 1);
    create_xid(&k, a, "/a", 0, 2);
    create_xid(&k, a, "/s-", ZK_FLAG_SEQUENTIAL, 3);
    struct state_session ended;
    ck_assert(!state_ended_get(k.s, a, password, &ended));
    kit_apply(&k, (struct command){.kind = COMMAND_EXPIRE, .session = a, .generation = 1});
    ck_assert(state_ended_get(k.s, a, password, &ended));
    ck_assert_uint_eq(ended.id, a);
    ck_assert_int_eq(ended.memory, 2);
    struct state_result result;
    ck_assert(state_memory_at(k.s, a, 0, &result));
    ck_assert_int_eq(result.xid, 2);
    ck_assert_int_eq(result.err, ZK_ERR_NODE_EXISTS);
    ck_assert(state_memory_at(k.s, a, 1, &result));
    ck_assert_int_eq(result.xid, 3);
    ck_assert_uint_eq(result.zxid, k.zxid - 1);
    ck_assert(result.whole);
    struct zk_jute in = zk_jute(result.record);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("/s-0000000001")));
    ck_assert(!state_memory_at(k.s, a, 2, &result));
    ck_assert(!tells(&k, a, "0123456789abcdee"));
    ck_assert(!tells(&k, a, ""));
    ck_assert(!state_ended_get(k.s, a + 1, password, &ended));
    kit_free(&k);
}
END_TEST

START_TEST(who_expired_without_a_write_is_told_so_and_who_closed_has_nothing_to_ask)
{
    struct kit k = kit_new();
    struct zk_slice password = zk_slice(KIT_PASSWORD, sizeof KIT_PASSWORD);
    uint64_t closed = kit_open_with(&k, 4, zk_slice(NULL, 0));
    kit_close(&k, closed);
    uint64_t apache = kit_open(&k);
    kit_apply(&k, (struct command){.kind = COMMAND_EXPIRE, .session = apache, .generation = 1});
    struct state_session ended;
    int64_t ended_ms;
    ck_assert(!state_ended_get(k.s, closed, password, &ended));
    ck_assert(!state_ended_get(k.s, apache, password, &ended));
    ck_assert_uint_eq(state_memory_oldest(k.s, &ended_ms), 0);
    uint64_t expired = kit_open_with(&k, 4, zk_slice(NULL, 0));
    kit_apply(&k, (struct command){.kind = COMMAND_EXPIRE, .session = expired, .generation = 1});
    struct state_result result;
    ck_assert(state_ended_get(k.s, expired, password, &ended));
    ck_assert(!state_memory_at(k.s, expired, 0, &result));
    kit_free(&k);
}
END_TEST

START_TEST(the_memories_of_ended_sessions_are_bounded)
{
    struct kit k = kit_new();
    uint64_t first = 0, second = 0;
    for (int i = 0; i < STATE_ENDED_COUNT_MAX + 1; i++) {
        struct zk_buf payload;
        zk_buf_init(&payload);
        struct command_open o = {.memory = 1, .password = {KIT_PASSWORD, ZK_PASSWORD_BYTES}};
        command_open_encode(&payload, &o);
        struct command c = {.kind = COMMAND_OPEN, .payload = zk_buf_slice(&payload)};
        state_apply(k.s, ++k.zxid, &c, &k.fx); /* not kit_apply: the check would make this slow */
        uint64_t id = k.fx.session;
        c = (struct command){
            .kind = COMMAND_REQUEST, .session = id, .generation = 1, .number = 1, .xid = 1, .op = 500};
        state_apply(k.s, ++k.zxid, &c, &k.fx);
        c = (struct command){.kind = COMMAND_EXPIRE, .session = id, .generation = 1};
        state_apply(k.s, ++k.zxid, &c, &k.fx);
        first = i == 0 ? id : first;
        second = i == 1 ? id : second;
        zk_buf_fini(&payload);
    }
    kit_check(&k);
    ck_assert(!remembers(&k, first, 1));
    ck_assert(remembers(&k, second, 1));
    kit_free(&k);
}
END_TEST

/* --- the ensemble's configuration --- */

static void show_config(struct kit *k, const char *lines)
{
    struct zk_buf payload;
    zk_buf_init(&payload);
    zk_jute_put_cstring(&payload, lines);
    kit_apply(k, (struct command){.kind = COMMAND_CONFIG, .payload = zk_buf_slice(&payload)});
    zk_buf_fini(&payload);
    ck_assert_int_eq(k->fx.err, 0);
}

START_TEST(the_configuration_has_the_zxid_as_its_version_and_is_told_when_it_changes)
{
    struct kit k = kit_new();
    struct zk_buf out;
    char expected[64];
    zk_buf_init(&out);
    show_config(&k, "server.1=a:1:2:participant\n");
    snprintf(expected, sizeof expected, "server.1=a:1:2:participant\nversion=%llx", (unsigned long long)k.zxid);
    ck_assert_uint_eq(k.fx.event_count, 1);
    kit_expect_event(&k, 0, ZK_EVENT_DATA_CHANGED, "/zookeeper/config");
    ck_assert_int_eq(state_get_data(k.s, 0, zk_slice_str("/zookeeper/config"), &out), 0);
    struct zk_jute in = zk_jute(zk_buf_slice(&out));
    ck_assert(zk_slice_eq(zk_jute_buffer(&in), zk_slice_str(expected)));
    struct zk_stat stat = zk_stat_decode(&in);
    ck_assert_int_eq(stat.version, -1);
    ck_assert_uint_eq((uint64_t)stat.mzxid, k.zxid);

    show_config(&k, "server.1=a:1:2:participant\n"); /* another leader says the same */
    ck_assert_uint_eq(k.fx.event_count, 0);
    ck_assert_uint_lt((uint64_t)kit_stat(&k, "/zookeeper/config").mzxid, k.zxid);
    show_config(&k, "server.1=a:1:2:participant\nserver.2=b:1:2:observer\n");
    ck_assert_uint_eq(k.fx.event_count, 1);
    ck_assert_int_eq(kit_stat(&k, "/zookeeper/config").version, -1);
    zk_buf_fini(&out);
    kit_free(&k);
}
END_TEST

START_TEST(the_end_of_a_session_costs_no_more_where_its_ephemerals_are_deep)
{
    enum { COUNT = 1000, DEPTH = 200 };
    struct kit k = kit_new();
    uint64_t a = kit_open(&k), b = kit_open(&k);
    char path[2 * DEPTH + 16] = "";
    for (int i = 0; i < DEPTH; i++) {
        strcat(path, "/d");
        ck_assert_int_eq(kit_create(&k, a, path, "", 0), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        snprintf(path + 2 * DEPTH, sizeof path - 2 * DEPTH, "/%d", i * 7919 % COUNT);
        zk_buf_reset(&k.payload);
        kit_put_create(&k, path, "", ZK_FLAG_EPHEMERAL);
        struct command c = kit_request(&k, b, ZK_OP_CREATE);
        state_apply(k.s, ++k.zxid, &c, &k.fx);
    }
    uint64_t before = state_work(k.s);
    ck_assert_int_eq(kit_close(&k, b), 0);
    ck_assert_uint_eq(k.fx.event_count, 2 * COUNT);
    ck_assert_uint_lt(state_work(k.s) - before, 2 * COUNT + 2 * DEPTH);
    kit_free(&k);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("session");
    tcase_add_test(tc, a_session_is_the_zxid_that_opened_it);
    tcase_add_test(tc, sessions_are_listed_in_the_order_of_their_ids);
    tcase_add_test(tc, attach_raises_the_generation_and_starts_the_numbers_again);
    tcase_add_test(tc, attach_needs_the_password_and_a_live_session);
    tcase_add_test(tc, a_second_copy_of_an_attach_changes_nothing);
    tcase_add_test(tc, a_number_applied_before_is_a_duplicate_and_a_skipped_one_a_gap);
    tcase_add_test(tc, a_failed_request_uses_up_its_number);
    tcase_add_test(tc, closing_deletes_the_sessions_ephemerals_in_the_order_of_their_paths);
    tcase_add_test(tc, a_session_with_many_long_ephemerals_ends_in_bounded_memory);
    tcase_add_test(tc, a_list_that_many_events_share_is_there_once_and_large_effects_do_not_stay);
    tcase_add_test(tc, expiry_needs_the_generation_of_the_verdict);
    tcase_add_test(tc, malformed_commands_about_sessions_change_nothing);
    tcase_add_test(tc, a_session_has_at_most_so_many_identities);
    tcase_add_test(tc, the_level_only_rises);
    tcase_add_test(tc, a_write_sent_again_is_answered_as_it_was_and_happens_once);
    tcase_add_test(tc, who_comes_with_xids_of_its_own_is_not_answered_from_anothers_memory);
    tcase_add_test(tc, a_memory_that_another_has_ended_does_not_come_back);
    tcase_add_test(tc, only_the_last_k_results_are_remembered);
    tcase_add_test(tc, a_session_without_memory_remembers_nothing);
    tcase_add_test(tc, more_memory_than_there_is_is_cut);
    tcase_add_test(tc, a_large_result_is_remembered_without_its_record);
    tcase_add_test(tc, a_large_multi_that_failed_is_remembered_as_failed);
    tcase_add_test(tc, the_records_of_single_writes_are_always_whole);
    tcase_add_test(tc, an_ended_session_is_remembered_until_forgotten);
    tcase_add_test(tc, an_ended_session_tells_its_owner_all_that_it_did_and_nobody_else);
    tcase_add_test(tc, who_expired_without_a_write_is_told_so_and_who_closed_has_nothing_to_ask);
    tcase_add_test(tc, the_memories_of_ended_sessions_are_bounded);
    tcase_add_test(tc, the_configuration_has_the_zxid_as_its_version_and_is_told_when_it_changes);
    tcase_add_test(tc, the_end_of_a_session_costs_no_more_where_its_ephemerals_are_deep);
    return run_tests("state_session", tc);
}
