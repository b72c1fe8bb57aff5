/* test_throttle.c: proves server/replica/throttle.h. */
#include "server/replica/throttle.h"
#include "tests/unit/run.h"

static struct throttle_rules rules;
static struct throttle t;
static struct zk_rng rng;

static void begin(struct throttle_rules with)
{
    rules = with;
    zk_rng_seed(&rng, 1, 1);
    throttle_init(&t, &rules, 1000);
}

/* How many of `asked` come in at `now_ms`. */
static int admitted(int asked, enum throttle_join join, uint64_t now_ms)
{
    int in = 0;
    for (int i = 0; i < asked; i++)
        in += throttle_admits(&t, &rules, join, now_ms, &rng);
    return in;
}

START_TEST(without_tokens_everybody_is_let_in)
{
    begin((struct throttle_rules){.fill_ms = 1, .fill_count = 1, .freeze_ms = -1});
    ck_assert_int_eq(admitted(100000, THROTTLE_NEW, 1000), 100000);
}
END_TEST

START_TEST(a_burst_is_let_in_and_then_as_many_as_come_back_with_time)
{
    begin((struct throttle_rules){.tokens = 50, .fill_ms = 10, .fill_count = 5, .freeze_ms = -1});
    ck_assert_int_eq(admitted(80, THROTTLE_NEW, 1000), 50);
    ck_assert_int_eq(admitted(80, THROTTLE_NEW, 1010), 0);
    ck_assert_int_eq(admitted(80, THROTTLE_NEW, 1021), 10); /* 21 ms at 5 in 10 ms */
    ck_assert_int_eq(admitted(80, THROTTLE_NEW, 3000), 50); /* never more than the bucket holds */
    ck_assert_int_eq(admitted(80, THROTTLE_NEW, UINT64_MAX / 2), 50);
}
END_TEST

START_TEST(a_session_that_comes_back_or_is_one_servers_own_weighs_less_than_a_new_one)
{
    begin((struct throttle_rules){.tokens = 10, .fill_ms = 10, .fill_count = 1, .freeze_ms = -1, .is_weighted = true,
                                  .new_weight = 3, .local_weight = 1, .renew_weight = 2});
    ck_assert_int_eq(admitted(100, THROTTLE_NEW, 1000), 10);
    ck_assert_int_eq(admitted(100, THROTTLE_RENEWED, 1011), 1); /* what one new session needs has come back */
    ck_assert_int_eq(admitted(100, THROTTLE_RENEWED, 9000), 15);
    ck_assert_int_eq(admitted(100, THROTTLE_LOCAL, 20000), 30);
}
END_TEST

START_TEST(a_storm_raises_the_chance_of_refusal_and_quiet_lowers_it_again)
{
    begin((struct throttle_rules){.tokens = 10, .fill_ms = 100000, .fill_count = 10, .freeze_ms = 100,
                                  .drop_increase = 200000, .drop_decrease = 400000, .decrease_ratio = 500000});
    uint64_t now_ms = 1000;
    for (int i = 0; i < 20; i++, now_ms += 101)
        admitted(100, THROTTLE_NEW, now_ms);
    ck_assert_uint_eq(t.drop, THROTTLE_WHOLE);
    ck_assert_int_eq(admitted(1, THROTTLE_NEW, now_ms += 200001), 0); /* by chance, though there are tokens again */
    for (int i = 0; i < 5; i++)
        admitted(1, THROTTLE_NEW, now_ms += 200);
    ck_assert_uint_eq(t.drop, 0);
    ck_assert_int_eq(admitted(5, THROTTLE_NEW, now_ms + 200), 5);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("throttle");
    tcase_add_test(tc, without_tokens_everybody_is_let_in);
    tcase_add_test(tc, a_burst_is_let_in_and_then_as_many_as_come_back_with_time);
    tcase_add_test(tc, a_session_that_comes_back_or_is_one_servers_own_weighs_less_than_a_new_one);
    tcase_add_test(tc, a_storm_raises_the_chance_of_refusal_and_quiet_lowers_it_again);
    return run_tests("throttle", tc);
}
