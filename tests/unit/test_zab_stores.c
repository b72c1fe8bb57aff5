/* test_zab_stores.c: stories of stores that are lost, damaged, rolled back or recovered, in the little world. */
#include "tests/unit/zab_kit.h"

START_TEST(a_wiped_server_gets_the_state_and_votes_again_once_readmitted)
{
    struct world *w = ensemble_with_a_past();
    uint64_t leader = world_leader(w, 10), victim = follower_of(leader);
    world_crash(w, victim, DISK_PROCESS_CRASH);
    world_wipe(w, victim);
    world_start(w, victim);
    world_run(w, 2);
    ck_assert(zab_is_stranger(world_zab(w, victim)));
    ck_assert(world_settle(w, 5000));
    ck_assert(!zab_is_stranger(world_zab(w, victim)));
    ck_assert(world_marks(w)->snaps_done == 1 && world_marks(w)->readmissions == 1);
    /* Its vote is decisive now. */
    world_crash(w, leader, DISK_PROCESS_CRASH);
    ck_assert(world_leader(w, 3000) != 0);
    write_some(w, 2);
    end(w);
}
END_TEST

START_TEST(one_of_three_wiped_while_another_is_down_is_unavailable_and_says_so)
{
    struct world *w = founded_ensemble(3, 0);
    write_some(w, 5);
    uint64_t leader = world_leader(w, 10), down = follower_of(leader), wiped = other_than(leader, down);
    world_crash(w, down, DISK_PROCESS_CRASH);
    world_crash(w, wiped, DISK_PROCESS_CRASH);
    world_wipe(w, wiped);
    world_start(w, wiped);
    world_run(w, 30000);
    ck_assert_uint_eq(world_leader(w, 10000), 0);
    const char *why = zab_waiting_for(world_zab(w, leader));
    ck_assert_msg(strstr(why, "new or damaged store") && strstr(why, "not reachable"), "%s", why);
    world_start(w, down);
    ck_assert(world_settle(w, 10000));
    end(w);
}
END_TEST

static void damage(struct world *w, uint64_t id)
{
    world_crash(w, id, DISK_PROCESS_CRASH);
    ck_assert(disk_flip_bit(world_disk(w, id)));
}

START_TEST(damaged_stores_found_nothing_even_where_all_are_damaged)
{
    struct world *w = founded_ensemble(3, 0);
    write_some(w, 5);
    for (uint64_t id = 1; id <= 3; id++)
        damage(w, id);
    world_start_all(w);
    world_run(w, 20000);
    ck_assert_uint_eq(world_leader(w, 10000), 0);
    const char *why = zab_waiting_for(world_zab(w, 1));
    ck_assert_msg(strstr(why, "was damaged"), "%s", why);
    end(w);
}
END_TEST

START_TEST(a_damaged_store_among_sound_ones_is_brought_level_and_readmitted)
{
    struct world *w = founded_ensemble(3, 0);
    write_some(w, 5);
    uint64_t leader = world_leader(w, 10), victim = follower_of(leader);
    damage(w, victim);
    world_start(w, victim);
    ck_assert(world_settle(w, 8000));
    ck_assert_uint_eq(world_marks(w)->readmissions, 1);
    ck_assert(!zab_is_stranger(world_zab(w, victim)));
    end(w);
}
END_TEST

START_TEST(a_disk_that_was_rolled_back_takes_a_new_incarnation)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t leader = world_leader(w, 10), victim = follower_of(leader);
    struct disk_copy *copy = disk_copy_new(world_disk(w, victim));
    write_some(w, 5);
    world_crash(w, victim, DISK_PROCESS_CRASH);
    disk_restore(world_disk(w, victim), copy, true);
    disk_copy_free(copy);
    world_start(w, victim);
    ck_assert(world_settle(w, 8000));
    ck_assert(world_heard(w, victim, "takes a new incarnation"));
    ck_assert_uint_eq(world_marks(w)->readmissions, 1);
    end(w);
}
END_TEST

/* --- zkd recover --- */

static uint32_t seats(struct world *w, uint64_t id)
{
    return world_zab(w, id)->quorum.voters;
}

/* A founded ensemble with some history; all down, and all but the last made blank: its store is the seed of a new one. */
static struct world *recovered_ensemble(size_t participants)
{
    struct world *w = founded_ensemble(participants, 0);
    write_some(w, 10);
    ck_assert(world_settle(w, 1000));
    for (uint64_t id = 1; id <= participants; id++)
        world_crash(w, id, DISK_PROCESS_CRASH);
    world_recover(w, participants);
    return w;
}

START_TEST(a_seed_leads_alone_and_each_blank_that_is_level_takes_its_seat)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t cluster = zab_cluster_id(world_zab(w, 1));
    world_free(w);
    w = recovered_ensemble(3);
    uint64_t committed = world_committed_count(w);
    ck_assert_uint_ge(committed, 12);
    world_start(w, 3);
    ck_assert_uint_eq(world_leader(w, 3000), 3);
    ck_assert_uint_ne(zab_cluster_id(world_zab(w, 3)), cluster);
    ck_assert_uint_eq(seats(w, 3), 1u << 2);
    write_some(w, 5);
    ck_assert_uint_ge(world_committed_count(w), committed + 5);
    world_start(w, 1);
    ck_assert(world_settle(w, 5000));
    world_run(w, 100);
    ck_assert_uint_eq(seats(w, 3), 1u << 2 | 1u << 0);
    ck_assert_uint_eq(seats(w, 1), 1u << 2 | 1u << 0);
    /* Two of two are needed now. */
    world_crash(w, 1, DISK_POWER_CUT);
    uint64_t before = zab_committed(world_zab(w, 3));
    ck_assert(world_propose(w, 3, 1));
    world_run(w, 200);
    ck_assert_uint_eq(zab_committed(world_zab(w, 3)), before);
    world_start(w, 1);
    world_start(w, 2);
    ck_assert(world_settle(w, 8000));
    world_run(w, 100);
    ck_assert_uint_eq(seats(w, 2), 7);
    ck_assert_uint_eq(world_marks(w)->readmissions, 2);
    world_crash(w, 3, DISK_POWER_CUT);
    ck_assert(world_leader(w, 3000) != 0);
    write_some(w, 3);
    world_start(w, 3);
    ck_assert(world_settle(w, 8000));
    end(w);
}
END_TEST

/* All start; after `at_ms` one of them loses its power (0: both seed and joiner), and comes back a while later. */
static void crash_while_joining(uint64_t who, uint64_t at_ms)
{
    struct world *w = recovered_ensemble(3);
    if (who == 0)
        world_slow_disk(w, 1, 10, 20);
    world_start(w, 3);
    ck_assert_uint_eq(world_leader(w, 3000), 3);
    world_propose(w, 3, 2);
    world_start_all(w);
    world_run(w, at_ms);
    world_crash(w, who ? who : 3, DISK_POWER_CUT);
    world_crash(w, who ? who : 1, DISK_POWER_CUT);
    world_run(w, at_ms % 7 * 50);
    world_start_all(w);
    ck_assert_msg(world_settle(w, 60000), "%u at %u: %s", (unsigned)who, (unsigned)at_ms,
                  world_trouble(w) ? world_trouble(w) : "not level");
    for (int i = 0; i < 100 && seats(w, 1) != 7; i++)
        world_run(w, 50);
    ck_assert_msg(seats(w, 1) == 7 && seats(w, 3) == 7, "%u at %u: %x %x", (unsigned)who, (unsigned)at_ms,
                  seats(w, 1), seats(w, 3));
    write_some(w, 2);
    end(w);
}

START_TEST(a_crash_in_any_moment_of_joining_loses_neither_data_nor_the_ensemble)
{
    for (uint64_t at_ms = 0; at_ms <= 80; at_ms++) {
        crash_while_joining(3, at_ms);
        crash_while_joining(1, at_ms);
    }
    for (uint64_t at_ms = 0; at_ms <= 400; at_ms++)
        crash_while_joining(0, at_ms);
}
END_TEST

START_TEST(a_server_with_the_old_ensembles_store_is_refused_and_says_what_to_do)
{
    struct world *w = recovered_ensemble(3);
    struct disk_copy *old = disk_copy_new(world_disk(w, 3));
    world_recover(w, 3);
    world_start(w, 3);
    world_start(w, 1);
    ck_assert(world_leader(w, 3000) == 3 && world_settle(w, 5000));
    disk_restore(world_disk(w, 2), old, true); /* as good as any store of the ensemble before */
    disk_copy_free(old);
    world_start(w, 2);
    world_run(w, 5000);
    ck_assert(world_heard(w, 2, "to be emptied"));
    ck_assert_uint_eq(zab_leader(world_zab(w, 2)), 0);
    world_crash(w, 2, DISK_PROCESS_CRASH);
    world_wipe(w, 2);
    world_start(w, 2);
    ck_assert(world_settle(w, 5000));
    end(w);
}
END_TEST

START_TEST(a_server_that_meets_a_quorum_of_another_ensemble_stops_and_the_others_go_on)
{
    struct world *w = founded_ensemble(3, 0);
    write_some(w, 10);
    ck_assert(world_settle(w, 1000));
    for (uint64_t id = 1; id <= 3; id++)
        world_crash(w, id, DISK_PROCESS_CRASH);
    struct disk_copy *old = disk_copy_new(world_disk(w, 2));
    world_recover(w, 3);
    world_start(w, 3);
    world_start(w, 1);
    ck_assert(world_leader(w, 3000) == 3 && world_settle(w, 5000));
    world_crash(w, 1, DISK_PROCESS_CRASH);
    disk_restore(world_disk(w, 2), old, true);
    disk_copy_free(old);
    world_expect_fatal(w);
    world_start(w, 2);
    world_run(w, 2000);
    ck_assert_str_eq(world_fatal(w, 2), ""); /* one alone may be wrong itself */
    world_start(w, 1);
    world_run(w, 5000);
    ck_assert_ptr_nonnull(strstr(world_fatal(w, 2), "put it where it belongs, or away"));
    ck_assert(world_heard(w, 3, "belongs to another ensemble"));
    ck_assert_uint_eq(zab_leader(world_zab(w, 1)), 3);
    ck_assert_str_eq(world_fatal(w, 1), "");
    end(w);
}
END_TEST

START_TEST(a_second_recovery_takes_a_server_that_had_joined_as_its_seed)
{
    struct world *w = recovered_ensemble(5);
    world_start(w, 5);
    world_start(w, 2);
    ck_assert(world_settle(w, 8000));
    write_some(w, 5);
    ck_assert(world_settle(w, 1000));
    uint64_t committed = world_committed_count(w);
    world_crash(w, 5, DISK_POWER_CUT);
    world_crash(w, 2, DISK_POWER_CUT);
    world_recover(w, 2);
    world_start(w, 2);
    ck_assert_uint_eq(world_leader(w, 3000), 2);
    ck_assert_uint_ge(world_committed_count(w), committed);
    world_start_all(w);
    ck_assert(world_settle(w, 20000));
    for (int i = 0; i < 100 && seats(w, 1) != 31; i++)
        world_run(w, 50);
    ck_assert_uint_eq(seats(w, 1), 31);
    end(w);
}
END_TEST

START_TEST(a_damaged_single_server_is_made_usable)
{
    struct world *w = founded_ensemble(1, 0);
    write_some(w, 5);
    world_crash(w, 1, DISK_PROCESS_CRASH);
    ck_assert(disk_lose_mark(world_disk(w, 1)));
    world_expect_fatal(w);
    world_start(w, 1);
    ck_assert(!world_is_up(w, 1));
    ck_assert_msg(strstr(world_fatal(w, 1), "zkd recover"), "%s", world_fatal(w, 1));
    world_recover(w, 1);
    world_start(w, 1);
    ck_assert(world_settle(w, 1000));
    write_some(w, 2);
    end(w);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("stories");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_wiped_server_gets_the_state_and_votes_again_once_readmitted);
    tcase_add_test(tests, one_of_three_wiped_while_another_is_down_is_unavailable_and_says_so);
    tcase_add_test(tests, damaged_stores_found_nothing_even_where_all_are_damaged);
    tcase_add_test(tests, a_damaged_store_among_sound_ones_is_brought_level_and_readmitted);
    tcase_add_test(tests, a_disk_that_was_rolled_back_takes_a_new_incarnation);
    tcase_add_test(tests, a_seed_leads_alone_and_each_blank_that_is_level_takes_its_seat);
    tcase_add_test(tests, a_crash_in_any_moment_of_joining_loses_neither_data_nor_the_ensemble);
    tcase_add_test(tests, a_server_with_the_old_ensembles_store_is_refused_and_says_what_to_do);
    tcase_add_test(tests, a_server_that_meets_a_quorum_of_another_ensemble_stops_and_the_others_go_on);
    tcase_add_test(tests, a_second_recovery_takes_a_server_that_had_joined_as_its_seed);
    tcase_add_test(tests, a_damaged_single_server_is_made_usable);
    return run_tests("zab stores", tests);
}
