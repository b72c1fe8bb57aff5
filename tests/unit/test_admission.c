/* test_admission.c: proves whom a server lets in: connection throttling by kind and weight (server/replica/clients.c; the
 * bucket itself is test_throttle.c's). The bucket is not filled again while a test runs. */
#define CONNS 40
#include "tests/unit/replica_kit.h"

/* 20 tokens, counted as 4 new sessions of 5. */
#define TOKENS 4
#define NEW 5
#define LOCAL 3
#define RENEWED 2

static bool want_local, want_weights;

static void with_throttle(struct replica_config *config)
{
    config->throttle = (struct throttle_rules){.tokens = TOKENS, .fill_ms = 3600000, .fill_count = 1, .freeze_ms = -1,
                                               .is_weighted = want_weights, .new_weight = NEW,
                                               .local_weight = LOCAL, .renew_weight = RENEWED};
    config->local_sessions = want_local;
}

static void begin_with(bool weights, bool local)
{
    want_weights = weights;
    want_local = local;
    alter_config = with_throttle;
    setup();
}

static uint64_t next_conn;

static void setup_conns(void)
{
    next_conn = 1;
}

static uint64_t throttled(void)
{
    struct replica_report report;
    replica_report_get(r, &report);
    return report.throttled;
}

/* Somebody comes on a connection of his own, to `old` or for a new session; where he is not let in, he is closed without a
 * word, and counted. */
static bool comes_in(const struct session *old)
{
    static const uint8_t zeros[ZK_PASSWORD_BYTES];
    uint64_t conn = next_conn++, before = throttled();
    ck_assert_uint_lt(conn, CONNS);
    send_connect(conn, &(struct zk_connect_request){.timeout_ms = 2000, .session_id = old ? old->id : 0,
                                                    .password = zk_slice(old ? old->password : zeros, ZK_PASSWORD_BYTES)});
    pass(20);
    bool is_in = lines[conn].ready;
    ck_assert_uint_eq(throttled(), before + !is_in);
    ck_assert(is_in || (lines[conn].closed && is_silent(conn)));
    if (is_in)
        ck_assert_int_ne(expect_connected(conn).session_id, 0);
    return is_in;
}

static int come_in(const struct session *old, int asked)
{
    int in = 0;
    for (int i = 0; i < asked; i++)
        in += comes_in(old);
    return in;
}

START_TEST(as_many_are_let_in_as_there_are_tokens_and_one_more_is_closed_without_a_word)
{
    begin_with(false, false);
    ck_assert_int_eq(come_in(NULL, TOKENS), TOKENS);
    ck_assert(!comes_in(NULL));
    ck_assert_uint_eq(throttled(), 1);
    ck_assert_uint_eq(state_session_count(replica_state(r)), TOKENS);
    teardown();
}
END_TEST

START_TEST(a_new_session_weighs_what_the_ensembles_own_do)
{
    begin_with(true, false);
    ck_assert_int_eq(come_in(NULL, TOKENS + 2), TOKENS);
    teardown();
}
END_TEST

START_TEST(a_session_that_comes_back_weighs_what_those_do)
{
    begin_with(true, false);
    struct session s = open_session(next_conn++);
    ck_assert_int_eq(come_in(&s, 10), (TOKENS * NEW - NEW) / RENEWED);
    teardown();
}
END_TEST

START_TEST(a_session_of_the_servers_own_weighs_what_those_do)
{
    begin_with(true, true);
    ck_assert_int_eq(come_in(NULL, 10), TOKENS * NEW / LOCAL);
    ck_assert_uint_eq(state_session_count(replica_state(r)), 0);
    teardown();
}
END_TEST

/* 20 tokens less 6 of 3 leave one that comes back: 2. */
START_TEST(each_takes_from_the_same_bucket)
{
    begin_with(true, true);
    struct session s = open_session(next_conn++);
    ck_assert_int_eq(come_in(NULL, 5), 5);
    ck_assert(!comes_in(NULL));
    ck_assert(comes_in(&s));
    ck_assert(!comes_in(&s));
    teardown();
}
END_TEST

START_TEST(who_is_turned_away_for_another_reason_takes_no_token)
{
    begin_with(false, false);
    for (int i = 0; i < 2 * TOKENS; i++) {
        uint64_t conn = next_conn++;
        send_connect(conn, &(struct zk_connect_request){.timeout_ms = 400, .last_zxid_seen = INT64_MAX,
                                                        .password = zk_slice("0123456789abcdef", 16)});
        pass(20);
        ck_assert(lines[conn].closed);
    }
    ck_assert_uint_eq(throttled(), 0);
    ck_assert_int_eq(come_in(NULL, TOKENS), TOKENS);
    teardown();
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("admission");
    tcase_add_checked_fixture(tc, setup_conns, NULL);
    tcase_add_test(tc, as_many_are_let_in_as_there_are_tokens_and_one_more_is_closed_without_a_word);
    tcase_add_test(tc, a_new_session_weighs_what_the_ensembles_own_do);
    tcase_add_test(tc, a_session_that_comes_back_weighs_what_those_do);
    tcase_add_test(tc, a_session_of_the_servers_own_weighs_what_those_do);
    tcase_add_test(tc, each_takes_from_the_same_bucket);
    tcase_add_test(tc, who_is_turned_away_for_another_reason_takes_no_token);
    return run_tests("admission", tc);
}
