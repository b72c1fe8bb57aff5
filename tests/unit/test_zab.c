/* test_zab.c: the broadcast's stories, told in zab_world.h's little world. */
#include "tests/unit/zab_kit.h"

/* --- founding --- */

START_TEST(three_blank_servers_found_an_ensemble_when_the_last_has_come)
{
    struct world *w = ensemble(3, 0);
    world_start(w, 1);
    world_start(w, 2);
    world_run(w, 10000);
    ck_assert_int_eq(zab_phase(world_zab(w, 1)), ZAB_FOUNDING);
    ck_assert(strstr(zab_waiting_for(world_zab(w, 1)), "server 3 not reachable"));
    ck_assert(strstr(zab_waiting_for(world_zab(w, 1)), "initialize"));
    world_start(w, 3);
    ck_assert(world_settle(w, 1500));
    uint64_t cluster = zab_cluster_id(world_zab(w, 1));
    ck_assert(cluster != 0);
    ck_assert_uint_eq(zab_cluster_id(world_zab(w, 3)), cluster);
    ck_assert_str_eq(zab_waiting_for(world_zab(w, 1)), "");
    end(w);
}
END_TEST

START_TEST(a_single_server_just_starts_and_starts_again)
{
    struct world *w = ensemble(1, 0);
    world_start(w, 1);
    ck_assert(world_settle(w, 200));
    write_some(w, 3);
    world_crash(w, 1, DISK_POWER_CUT);
    world_start(w, 1);
    ck_assert(world_settle(w, 200));
    ck_assert_uint_ge(world_committed_count(w), 6);
    end(w);
}
END_TEST

START_TEST(initialize_lets_a_quorum_found_and_the_last_is_admitted_later)
{
    struct world_options options = {
        .seed = 7, .participants = 3, .tick_ms = 500, .initialize = true, .delay_max_ms = 1};
    struct world *w = world_new(&options);
    world_start(w, 2);
    world_start(w, 3);
    ck_assert(world_leader(w, 5000) != 0);
    uint64_t cluster = zab_cluster_id(world_zab(w, 2));
    world_start(w, 1); /* blank, with `initialize`, beside servers that know a membership: it joins theirs */
    ck_assert(world_settle(w, 5000));
    ck_assert_uint_eq(zab_cluster_id(world_zab(w, 1)), cluster);
    ck_assert(world_marks(w)->readmissions == 1);
    end(w);
}
END_TEST

START_TEST(a_founding_that_was_interrupted_is_completed_not_repeated)
{
    struct world *w = ensemble(3, 0);
    world_start_all(w);
    for (int i = 0; i < 30 && zab_last_zxid(world_zab(w, 2)) == 0; i++)
        world_run(w, 1);
    for (uint64_t id = 1; id <= 3; id++)
        world_crash(w, id, DISK_POWER_CUT);
    world_start_all(w);
    ck_assert(world_settle(w, 5000));
    end(w);
}
END_TEST

/* --- fail-over --- */

START_TEST(a_killed_leader_is_replaced_in_milliseconds_and_nothing_is_lost)
{
    struct world *w = founded_ensemble(3, 0);
    write_some(w, 10);
    uint64_t old = world_leader(w, 10);
    uint64_t committed = world_committed_count(w);
    world_crash(w, old, DISK_PROCESS_CRASH);
    uint64_t begin = world_now_ms(w);
    expect_another_leader(w, old, 2000);
    ck_assert_uint_lt(world_now_ms(w) - begin, 250);
    ck_assert_uint_ge(world_committed_count(w), committed);
    write_some(w, 3);
    world_start(w, old);
    ck_assert(world_settle(w, 3000));
    end(w);
}
END_TEST

START_TEST(what_no_quorum_had_is_cut_off_when_its_leader_comes_back)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t old = world_leader(w, 10);
    world_isolate(w, old, true);
    ck_assert(world_propose(w, old, 5));
    world_run(w, 25000);
    expect_another_leader(w, old, 5000);
    write_some(w, 2);
    world_heal(w);
    ck_assert(world_settle(w, 30000));
    ck_assert(world_heard(w, old, "cutting off"));
    end(w);
}
END_TEST

START_TEST(a_leader_without_a_quorum_stops_serving)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t leader = world_leader(w, 10);
    world_crash(w, follower_of(leader), DISK_PROCESS_CRASH);
    world_crash(w, other_than(leader, follower_of(leader)), DISK_PROCESS_CRASH);
    world_run(w, 13000);
    ck_assert_int_eq(zab_phase(world_zab(w, leader)), ZAB_LOOKING);
    ck_assert(strstr(zab_waiting_for(world_zab(w, leader)), "not reachable"));
    end(w);
}
END_TEST

START_TEST(a_leader_whose_disk_is_silent_gives_way)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t old = world_leader(w, 10);
    disk_stall(world_disk(w, old), 60000);
    ck_assert(world_propose(w, old, 1));
    world_run(w, 100);
    ck_assert_uint_eq(zab_committed(world_zab(w, old)), zab_last_zxid(world_zab(w, old))); /* the others are enough */
    world_run(w, 9000);
    expect_another_leader(w, old, 3000);
    ck_assert(world_heard(w, old, "disk does not answer"));
    end(w);
}
END_TEST

START_TEST(a_leader_that_slept_confirms_nothing_of_before)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t old = world_leader(w, 10);
    world_pause(w, old, true);
    world_run(w, 15000);
    expect_another_leader(w, old, 10000);
    write_some(w, 2);
    world_pause(w, old, false);
    ck_assert(world_confirm(w, old)); /* it still believes; the judge fails the test if the round is confirmed */
    world_run(w, 1000);
    ck_assert_uint_eq(world_marks(w)->confirms, 0);
    ck_assert(world_settle(w, 20000));
    ck_assert(world_confirm(w, world_leader(w, 10)));
    world_run(w, 20);
    ck_assert_uint_eq(world_marks(w)->confirms, 1);
    end(w);
}
END_TEST

/* --- what peers say --- */

static bool tell(struct world *w, uint64_t to, uint64_t from, bool inbound, const struct zab_msg *m)
{
    struct zk_buf bytes;
    zk_buf_init(&bytes);
    msg_encode(&bytes, m);
    bool taken = zab_message(world_zab(w, to), world_now_ms(w), from, inbound, zk_buf_slice(&bytes));
    zk_buf_fini(&bytes);
    return taken;
}

START_TEST(what_a_void_start_claims_to_have_promised_is_not_remembered)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t leader = world_leader(w, 10), liar = follower_of(leader);
    struct zab *z = world_zab(w, leader);
    struct peer *p = &z->peers[liar - 1];
    struct zab_msg vote = {.type = TELL_VOTE, .epoch = z->promised + 7};
    p->in.is_void = true;
    ck_assert(tell(w, leader, liar, true, &vote));
    ck_assert_uint_eq(witness_of(z, liar - 1, p->in.incarnation)->seen.promised, z->promised);
    p->in.is_void = false;
    ck_assert(tell(w, leader, liar, true, &vote));
    ck_assert_uint_eq(witness_of(z, liar - 1, p->in.incarnation)->seen.promised, z->promised + 7);
    world_free(w);
}
END_TEST

START_TEST(a_summary_that_names_nothing_of_ours_is_answered_by_the_state)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t leader = world_leader(w, 10), follower = follower_of(leader);
    struct zab *z = world_zab(w, leader);
    struct peer *p = &z->peers[follower - 1];
    ck_assert_uint_eq(z->tail.base_zxid, 0);
    struct storage_epoch points[] = {{zxid_make(90, 0), 5}, {zxid_make(91, 0), 6}};
    struct zab_msg m = {.type = TELL_FOLLOW, .epoch = z->epoch, .zxid = points[1].last_zxid, .points = points};
    m.point_count = 2;
    p->in.followed_epoch = 0; /* as on a new connection */
    ck_assert(tell(w, leader, follower, true, &m));
    ck_assert_int_eq(p->stream.state, STREAM_OPENING);
    world_free(w);
}
END_TEST

START_TEST(a_state_that_goes_away_while_it_is_sent_ends_that_stream_only)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t leader = world_leader(w, 10), follower = follower_of(leader);
    struct zab *z = world_zab(w, leader);
    struct stream *s = &z->peers[follower - 1].stream;
    s->state = STREAM_ROWS;
    s->snap_token = s->read_token = TOKEN_MARK | 99;
    struct storage_report gone = {.kind = STORAGE_SNAP_CHUNK, .token = s->snap_token, .gone = true};
    zab_storage(z, world_now_ms(w), &gone);
    ck_assert_int_eq(s->state, STREAM_NONE);
    world_run(w, 2000);
    ck_assert(world_heard(w, leader, "went away"));
    ck_assert(world_settle(w, 5000));
    end(w);
}
END_TEST

START_TEST(a_readmitted_servers_acknowledgement_proves_its_readmission_committed)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t leader = world_leader(w, 10), readmitted = follower_of(leader);
    world_crash(w, other_than(leader, readmitted), DISK_PROCESS_CRASH);
    struct zab *z = world_zab(w, leader);
    /* As for a new leader that has the readmission but not the news that it is committed. */
    uint64_t since = z->tail.last_zxid + 1;
    z->members.versions[z->members.count - 1].records[readmitted - 1].since = since;
    ck_assert(!member_speaks(z, readmitted - 1, z->peers[readmitted - 1].in.incarnation));
    ck_assert(world_propose(w, leader, 1));
    world_run(w, 100);
    ck_assert_uint_eq(z->commit, since - 1); /* not for the readmission itself */
    ck_assert(world_propose(w, leader, 1));
    world_run(w, 100);
    ck_assert_uint_eq(z->commit, since + 1);
    end(w);
}
END_TEST

START_TEST(an_epoch_far_above_all_others_is_not_believed)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t leader = world_leader(w, 10), liar = follower_of(leader);
    struct zab *z = world_zab(w, leader);
    struct zab_msg pong = {.type = TELL_PONG, .promised = ZAB_EPOCH_MAX};
    struct zab_msg vote = {.type = TELL_VOTE, .epoch = z->promised + EPOCH_JUMP_MAX + 1, .zxid = z->tail.last_zxid};
    ck_assert(!tell(w, leader, liar, true, &pong));
    ck_assert(!tell(w, leader, liar, true, &vote));
    ck_assert_uint_lt(z->seen_promised, 100);
    pong.promised = z->promised + PROMISE_JUMP_MAX + 1;
    ck_assert(!tell(w, leader, liar, true, &pong));
    world_run(w, 2000);
    ck_assert(world_heard(w, leader, "not believed"));
    ck_assert(world_settle(w, 5000));
    pong.promised--;
    ck_assert(tell(w, leader, liar, true, &pong));
    ck_assert_uint_eq(z->seen_promised, pong.promised);
    world_free(w);
}
END_TEST

/* Its way to the leader stalls, the other does not: what its clients say would reach nobody for as long as it lasts. */
START_TEST(a_follower_that_is_not_heard_for_the_sync_limit_is_closed)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t leader = world_leader(w, 10), deaf = follower_of(leader);
    world_cut(w, deaf, leader, true);
    const struct zab_config *config = &world_zab(w, leader)->config;
    world_run(w, (uint64_t)config->tick_ms * (config->sync_limit + 1));
    ck_assert(world_heard(w, leader, "not heard for the sync limit"));
    ck_assert_uint_eq(world_leader(w, 10), leader);
    ck_assert_int_ne(zab_phase(world_zab(w, deaf)), ZAB_FOLLOWING);
    world_heal(w);
    ck_assert(world_settle(w, 20000));
    end(w);
}
END_TEST

/* --- a state that is not the quorum's --- */

START_TEST(a_follower_whose_state_is_wrong_gets_the_leaders_and_votes_meanwhile)
{
    struct world *w = founded_ensemble(3, 0);
    write_some(w, 20);
    uint64_t leader = world_leader(w, 10), wrong = follower_of(leader);
    uint64_t last = zab_last_zxid(world_zab(w, wrong));
    world_rebuild(w, wrong);
    ck_assert_int_ne(zab_phase(world_zab(w, wrong)), ZAB_FOLLOWING);
    ck_assert_uint_eq(zab_last_zxid(world_zab(w, wrong)), last); /* its log is whole: with it another can be elected */
    world_crash(w, leader, DISK_PROCESS_CRASH);
    expect_another_leader(w, wrong, 3000);
    ck_assert(world_settle(w, 5000));
    ck_assert_uint_eq(world_marks(w)->snaps_done, 1);
    ck_assert(!world_zab(w, wrong)->wants_state);
    write_some(w, 2);
    end(w);
}
END_TEST

/* A beat told it while the answer to its summary was on its way: that answer is not a state. */
START_TEST(a_state_found_wrong_between_summary_and_answer_is_asked_for_all_the_same)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t leader = world_leader(w, 10), wrong = follower_of(leader);
    world_break(w, leader, wrong);
    struct zab *z = world_zab(w, wrong);
    for (int i = 0; i < 500 && !(z->role == ROLE_FOLLOWING && z->sync == SYNC_WAITING); i++)
        world_run(w, 1);
    ck_assert_int_eq(z->sync, SYNC_WAITING);
    world_rebuild(w, wrong);
    ck_assert(world_settle(w, 5000));
    ck_assert(!z->wants_state);
    end(w);
}
END_TEST

START_TEST(a_leader_whose_state_is_wrong_stands_down_first)
{
    struct world *w = founded_ensemble(3, 0);
    write_some(w, 20);
    uint64_t wrong = world_leader(w, 10);
    world_rebuild(w, wrong);
    ck_assert_int_eq(zab_phase(world_zab(w, wrong)), ZAB_LOOKING);
    expect_another_leader(w, wrong, 3000);
    ck_assert(world_settle(w, 5000));
    ck_assert_uint_eq(world_marks(w)->snaps_done, 1);
    write_some(w, 2);
    end(w);
}
END_TEST

/* Two are there, and the one whose state is wrong has the longer log: nobody else can be elected. */
START_TEST(a_wrong_state_beside_the_only_whole_log_leads_hands_over_and_is_replaced)
{
    struct world *w = founded_ensemble(3, 0);
    write_some(w, 5);
    uint64_t leader = world_leader(w, 10), gone = follower_of(leader), behind = other_than(leader, gone);
    world_crash(w, behind, DISK_PROCESS_CRASH);
    write_some(w, 5);
    world_crash(w, gone, DISK_PROCESS_CRASH);
    world_start(w, behind);
    world_rebuild(w, leader);
    ck_assert(world_settle(w, 20000));
    ck_assert_uint_eq(world_leader(w, 10), behind);
    ck_assert(!world_zab(w, leader)->wants_state);
    write_some(w, 2);
    end(w);
}
END_TEST

/* --- the rest --- */

START_TEST(a_leader_hands_over_without_a_gap)
{
    struct world *w = founded_ensemble(3, 0);
    write_some(w, 5);
    uint64_t old = world_leader(w, 10);
    world_hand_over(w, old);
    ck_assert_int_eq(zab_phase(world_zab(w, old)), ZAB_HANDING_OVER);
    ck_assert(!world_propose(w, old, 1));
    uint64_t begin = world_now_ms(w);
    while (zab_phase(world_zab(w, old)) != ZAB_FOLLOWING && world_now_ms(w) - begin < 1000)
        world_run(w, 1);
    expect_another_leader(w, old, 100);
    ck_assert_uint_lt(world_now_ms(w) - begin, 60);
    ck_assert(world_settle(w, 1000));
    end(w);
}
END_TEST

START_TEST(a_leader_that_nobody_can_replace_leads_on)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t leader = world_leader(w, 10);
    world_hand_over(w, leader);
    world_isolate(w, leader, true);
    world_run(w, 2500);
    ck_assert_int_eq(zab_phase(world_zab(w, leader)), ZAB_LEADING);
    world_heal(w);
    ck_assert(world_settle(w, 20000));
    end(w);
}
END_TEST

START_TEST(the_leader_opens_a_new_epoch_before_the_counter_ends_and_keeps_the_lead)
{
    struct world_options options = {
        .seed = 3, .participants = 3, .tick_ms = 200, .counter_roll = 20, .delay_max_ms = 1};
    struct world *w = world_new(&options);
    world_start_all(w);
    ck_assert(world_settle(w, 3000));
    uint64_t leader = world_leader(w, 10), epoch = zab_epoch(world_zab(w, leader));
    write_some(w, 100);
    ck_assert(world_settle(w, 3000));
    ck_assert_uint_gt(zab_epoch(world_zab(w, leader)), epoch + 2);
    ck_assert_uint_ge(world_marks(w)->rolls, 3);
    ck_assert_uint_lt(zxid_counter(zab_last_zxid(world_zab(w, leader))), 40);
    end(w);
}
END_TEST

START_TEST(servers_far_from_each_other_elect_a_leader_too)
{
    struct world_options options = {
        .seed = 5, .participants = 3, .tick_ms = 200, .delay_min_ms = 58, .delay_max_ms = 1};
    struct world *w = world_new(&options); /* grants take 116 ms, at most tick / 2 is waited for them at first */
    world_start_all(w);
    ck_assert(world_settle(w, 20000));
    uint64_t leader = world_leader(w, 10);
    world_crash(w, leader, DISK_PROCESS_CRASH);
    expect_another_leader(w, leader, 10000);
    end(w);
}
END_TEST

START_TEST(an_observer_follows_and_is_never_counted)
{
    struct world *w = founded_ensemble(3, 1);
    write_some(w, 5);
    ck_assert(world_settle(w, 1000));
    ck_assert_uint_eq(world_applied(w, 4), world_applied(w, 1));
    uint64_t leader = world_leader(w, 10);
    ck_assert_uint_eq(zab_synced_count(world_zab(w, leader), ZAB_OBSERVER), 1);
    ck_assert_uint_eq(zab_synced_count(world_zab(w, leader), ZAB_PARTICIPANT), 2);
    uint64_t a = follower_of(leader), b = other_than(leader, a);
    world_crash(w, a, DISK_PROCESS_CRASH);
    world_crash(w, b, DISK_PROCESS_CRASH);
    uint64_t committed = zab_committed(world_zab(w, leader));
    world_propose(w, leader, 1);
    world_run(w, 3000);
    ck_assert_uint_eq(zab_committed(world_zab(w, leader)), committed);
    end(w);
}
END_TEST

START_TEST(a_leader_short_of_space_hands_over_to_one_that_is_not)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t old = world_leader(w, 10);
    zab_set_short_of_space(world_zab(w, old), true);
    world_run(w, 3000);
    expect_another_leader(w, old, 1000);
    end(w);
}
END_TEST

START_TEST(a_leader_short_of_space_hands_over_as_soon_as_somebody_has_room)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t old = world_leader(w, 10), follower = follower_of(old);
    for (uint64_t id = 1; id <= 3; id++)
        zab_set_short_of_space(world_zab(w, id), true);
    world_run(w, 3000);
    zab_set_short_of_space(world_zab(w, old), true); /* and says so again, when nobody is better off */
    world_run(w, 3000);
    ck_assert_uint_eq(world_leader(w, 10), old);
    zab_set_short_of_space(world_zab(w, follower), false);
    world_run(w, 3000);
    ck_assert_uint_eq(world_leader(w, 10), follower);
    end(w);
}
END_TEST

START_TEST(a_leader_short_of_space_whom_nobody_could_replace_tries_again_after_the_init_limit)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t old = world_leader(w, 10), a = follower_of(old), b = other_than(old, a);
    world_cut(w, a, b, true); /* who is told to take over asks in vain */
    world_cut(w, b, a, true);
    world_cut(w, a, old, true);
    world_cut(w, b, old, true);
    zab_set_short_of_space(world_zab(w, old), true);
    world_run(w, 4000);
    ck_assert(world_heard(w, old, "nobody took over"));
    for (uint64_t from = 1; from <= 3; from++)
        for (uint64_t to = 1; to <= 3; to++)
            world_cut(w, from, to, false);
    ck_assert_uint_eq(world_leader(w, 8000), old);
    world_run(w, 25000);
    expect_another_leader(w, old, 1000);
    end(w);
}
END_TEST

/* Sent away half, it would be dropped and sent again for as long as the disk is full. */
START_TEST(a_server_short_of_space_is_sent_no_state_before_it_has_room)
{
    struct world *w = ensemble_with_a_past();
    uint64_t leader = world_leader(w, 10), victim = follower_of(leader);
    zab_set_short_of_space(world_zab(w, victim), true);
    world_run(w, 3000);
    world_crash(w, victim, DISK_PROCESS_CRASH);
    world_wipe(w, victim);
    world_start(w, victim);
    zab_set_short_of_space(world_zab(w, victim), true);
    world_run(w, 60000);
    ck_assert(world_heard(w, leader, "its disk has no room for one"));
    ck_assert_uint_eq(world_marks(w)->snaps, 0);
    zab_set_short_of_space(world_zab(w, victim), false);
    ck_assert(world_settle(w, 30000));
    ck_assert_uint_eq(world_marks(w)->snaps_done, 1);
    end(w);
}
END_TEST

/* Or one full disk would fill the others' with log. */
START_TEST(a_server_short_of_space_keeps_nobody_from_purging_the_log)
{
    struct world *w = founded_ensemble(3, 0);
    uint64_t leader = world_leader(w, 10), victim = follower_of(leader);
    zab_set_short_of_space(world_zab(w, victim), true);
    world_run(w, 3000);
    uint64_t before = world_applied(w, victim);
    write_some(w, 20);
    ck_assert_uint_lt(world_applied(w, victim), world_applied(w, leader));
    ck_assert_uint_gt(zab_purge_limit(world_zab(w, leader)), before + 10);
    zab_set_short_of_space(world_zab(w, victim), false);
    ck_assert(world_settle(w, 30000));
    end(w);
}
END_TEST

static int load(void *arg, struct zk_slice bytes)
{
    char why[128];
    return zab_load_group(arg, bytes, why, sizeof why) ? 0 : 1;
}

START_TEST(a_configuration_that_names_other_members_than_the_log_is_an_error_at_start)
{
    struct world *w = founded_ensemble(3, 0);
    world_crash(w, 1, DISK_PROCESS_CRASH);
    struct storage storage = disk_open(world_disk(w, 1), world_now_ms(w));
    struct zab_config config = {.self = 1, .member_count = 2, .tick_ms = 2000, .init_limit = 10, .sync_limit = 5};
    config.members[0] = (struct zab_member){1, ZAB_PARTICIPANT, 1};
    config.members[1] = (struct zab_member){2, ZAB_PARTICIPANT, 1};
    struct zab *z = zab_new(&config, storage.ops->image(storage.self));
    ck_assert_int_eq(storage.ops->each_group(storage.self, 0, load, z), 0);
    char why[256];
    ck_assert(!zab_start(z, world_now_ms(w), why, sizeof why));
    ck_assert_msg(strstr(why, "server 3"), "%s", why);
    zab_free(z);
    config.self = 9;
    z = zab_new(&config, storage.ops->image(storage.self));
    ck_assert(!zab_start(z, world_now_ms(w), why, sizeof why));
    ck_assert_msg(strstr(why, "myid is 9"), "%s", why);
    zab_free(z);
    disk_close(world_disk(w, 1));
    end(w);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("stories");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, three_blank_servers_found_an_ensemble_when_the_last_has_come);
    tcase_add_test(tests, a_single_server_just_starts_and_starts_again);
    tcase_add_test(tests, initialize_lets_a_quorum_found_and_the_last_is_admitted_later);
    tcase_add_test(tests, a_founding_that_was_interrupted_is_completed_not_repeated);
    tcase_add_test(tests, a_killed_leader_is_replaced_in_milliseconds_and_nothing_is_lost);
    tcase_add_test(tests, what_no_quorum_had_is_cut_off_when_its_leader_comes_back);
    tcase_add_test(tests, a_leader_without_a_quorum_stops_serving);
    tcase_add_test(tests, a_leader_whose_disk_is_silent_gives_way);
    tcase_add_test(tests, a_leader_that_slept_confirms_nothing_of_before);
    tcase_add_test(tests, what_a_void_start_claims_to_have_promised_is_not_remembered);
    tcase_add_test(tests, a_summary_that_names_nothing_of_ours_is_answered_by_the_state);
    tcase_add_test(tests, a_state_that_goes_away_while_it_is_sent_ends_that_stream_only);
    tcase_add_test(tests, a_readmitted_servers_acknowledgement_proves_its_readmission_committed);
    tcase_add_test(tests, an_epoch_far_above_all_others_is_not_believed);
    tcase_add_test(tests, a_follower_that_is_not_heard_for_the_sync_limit_is_closed);
    tcase_add_test(tests, a_follower_whose_state_is_wrong_gets_the_leaders_and_votes_meanwhile);
    tcase_add_test(tests, a_state_found_wrong_between_summary_and_answer_is_asked_for_all_the_same);
    tcase_add_test(tests, a_leader_whose_state_is_wrong_stands_down_first);
    tcase_add_test(tests, a_wrong_state_beside_the_only_whole_log_leads_hands_over_and_is_replaced);
    tcase_add_test(tests, a_leader_hands_over_without_a_gap);
    tcase_add_test(tests, a_leader_that_nobody_can_replace_leads_on);
    tcase_add_test(tests, the_leader_opens_a_new_epoch_before_the_counter_ends_and_keeps_the_lead);
    tcase_add_test(tests, servers_far_from_each_other_elect_a_leader_too);
    tcase_add_test(tests, an_observer_follows_and_is_never_counted);
    tcase_add_test(tests, a_leader_short_of_space_hands_over_to_one_that_is_not);
    tcase_add_test(tests, a_leader_short_of_space_hands_over_as_soon_as_somebody_has_room);
    tcase_add_test(tests, a_leader_short_of_space_whom_nobody_could_replace_tries_again_after_the_init_limit);
    tcase_add_test(tests, a_server_short_of_space_is_sent_no_state_before_it_has_room);
    tcase_add_test(tests, a_server_short_of_space_keeps_nobody_from_purging_the_log);
    tcase_add_test(tests, a_configuration_that_names_other_members_than_the_log_is_an_error_at_start);
    return run_tests("zab", tests);
}
