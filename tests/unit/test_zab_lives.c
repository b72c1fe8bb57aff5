/* test_zab_lives.c: random lives of an ensemble, each from its seed, judged after every event (zab_world.h). */
#include "tests/unit/zab_life.h"
#include "tests/unit/run.h"

/* Seeds that have failed once, with what they found. */
static const uint64_t once_failed[] = {
    67, /* a voter did not remember that its leader had promised the epoch that it led */
};

START_TEST(three_hundred_lives_keep_every_invariant_and_end_level)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        const char *why = life_random(seed, false, NULL);
        ck_assert_msg(!why, "%s; replay: tests/unit/zab_seeds -v %llu", why, (unsigned long long)seed);
    }
}
END_TEST

START_TEST(every_life_that_failed_once_is_lived_again)
{
    for (size_t i = 0; i < ZK_COUNT_OF(once_failed); i++) {
        const char *why = life_random(once_failed[i], false, NULL);
        ck_assert_msg(!why, "%s", why);
    }
}
END_TEST

START_TEST(peers_that_talk_nonsense_end_no_server_by_an_assertion)
{
    for (uint64_t seed = 1; seed <= 150; seed++)
        life_garbled(seed, false);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("lives");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, three_hundred_lives_keep_every_invariant_and_end_level);
    tcase_add_test(tests, every_life_that_failed_once_is_lived_again);
    tcase_add_test(tests, peers_that_talk_nonsense_end_no_server_by_an_assertion);
    return run_tests("zab lives", tests);
}
