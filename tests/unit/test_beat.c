/* test_beat.c: proves server/replica/beat.c: what a leader and a follower make of others' digests; and lag.c: what a
 * follower makes of how far its leader is. White box: a replica of five servers on an empty disk, its role and its peers'
 * heartbeats set by hand. */
#include "server/replica/core.h"
#include "tests/sim/disk.h"
#include "tests/unit/run.h"

#define SERVERS 5
#define TICK_MS 100
#define SYNC_MS 500

static struct disk *disk;
static struct replica *r;
/* What a majority agreed on, as a leader tells it. */
static uint64_t agreed_zxid, agreed_digest;

static void fill(void *arg, void *ptr, size_t len)
{
    memset(ptr, 7, len);
}

static void setup(void)
{
    agreed_zxid = agreed_digest = 0;
    struct replica_config config = {
        .zab = {.self = 1, .member_count = SERVERS, .tick_ms = TICK_MS, .init_limit = 10,
                .sync_limit = SYNC_MS / TICK_MS, .seed = 7},
        .min_session_timeout_ms = 200, .max_session_timeout_ms = 2000, .jute_max_buffer = 0xfffff, .random = fill,
    };
    for (uint64_t id = 1; id <= SERVERS; id++)
        config.zab.members[id - 1] = (struct zab_member){id, ZAB_PARTICIPANT, 1};
    char why[256];
    disk = disk_new(1);
    r = replica_new(&config, disk_open(disk, 1000), 1000, 1000, why, sizeof why);
    ck_assert_msg(r != NULL, "%s", why);
    r->digests[7].zxid = 7;
    r->digests[7].digest = 0xabc;
}

static void teardown(void)
{
    replica_free(r);
    disk_free(disk);
}

static void lead(void)
{
    r->phase = ZAB_LEADING;
    r->leader = 1;
    r->leading_since_ms = r->now_ms;
}

static void hear(uint64_t peer, uint64_t zxid, uint64_t digest)
{
    struct zk_buf beat;
    zk_buf_init(&beat);
    zk_jute_put_long(&beat, (int64_t)zxid);
    zk_jute_put_long(&beat, (int64_t)digest);
    zk_jute_put_long(&beat, 1 << 30);
    zk_jute_put_long(&beat, r->wall_ms);
    zk_jute_put_long(&beat, 0);
    zk_jute_put_long(&beat, (int64_t)agreed_zxid);
    zk_jute_put_long(&beat, (int64_t)agreed_digest);
    beat_received(r, peer, zk_buf_slice(&beat));
    zk_buf_fini(&beat);
}

static bool refuses_writes(void)
{
    beat_publish(r);
    return r->writes_refused;
}

START_TEST(one_differing_follower_never_unseats_a_leader)
{
    lead();
    hear(2, 7, 0xbad); /* the first that this leader hears of anybody */
    ck_assert_ptr_null(r->rebuild_due);
    hear(3, 7, 0xabc);
    hear(2, 7, 0xbad);
    hear(4, 7, 0xabc);
    hear(2, 7, 0xbad);
    ck_assert_ptr_null(r->rebuild_due);
}
END_TEST

START_TEST(a_leader_that_a_majority_contradicts_with_one_voice_rebuilds)
{
    lead();
    hear(2, 7, 0xbad);
    hear(3, 7, 0xbad);
    ck_assert_ptr_null(r->rebuild_due);
    hear(4, 7, 0xbad);
    ck_assert_ptr_nonnull(r->rebuild_due);
}
END_TEST

START_TEST(contradicting_voices_that_contradict_each_other_prove_nothing)
{
    lead();
    hear(2, 7, 0xbad);
    hear(3, 7, 0xbad);
    hear(4, 7, 0xbae);
    ck_assert_ptr_null(r->rebuild_due);
    replica_time(r, r->now_ms + TICK_MS * 5 + 1, r->wall_ms);
    for (uint64_t peer = 2; peer <= 4; peer++)
        hear(peer, 7, peer == 4 ? 0xbae : 0xbad);
    ck_assert(refuses_writes());
    hear(4, 7, 0xbad);
    ck_assert_ptr_nonnull(r->rebuild_due);
}
END_TEST

/* Digests are sums: who went astray the same way differs by the same, whenever it is seen. */
START_TEST(one_voice_is_heard_at_different_zxids)
{
    lead();
    r->digests[8].zxid = 8;
    r->digests[8].digest = 0x1abc;
    hear(2, 7, 0xabd);
    hear(3, 8, 0x1abd);
    hear(4, 7, 0xabd);
    ck_assert_ptr_nonnull(r->rebuild_due);
}
END_TEST

static void follow(uint64_t leader)
{
    r->phase = ZAB_FOLLOWING;
    r->leader = leader;
}

START_TEST(a_follower_rebuilds_only_when_a_majority_was_seen_to_hold_another_state)
{
    follow(2);
    hear(2, 7, 0xbad); /* the leader's own word: it may be the one that went astray */
    ck_assert_ptr_null(r->rebuild_due);
    agreed_zxid = 7;
    agreed_digest = 0xbad;
    hear(3, 7, 0xbad); /* not the leader */
    ck_assert_ptr_null(r->rebuild_due);
    hear(2, 9, 0x777);
    ck_assert_ptr_nonnull(r->rebuild_due);
}
END_TEST

START_TEST(a_leader_that_went_astray_finds_nobody_to_agree_with)
{
    uint64_t digest;
    lead();
    hear(2, 7, 0xabc);
    ck_assert_uint_eq(beat_agreed(r, &digest), 0); /* two of five */
    hear(3, 7, 0xabc);
    ck_assert_uint_eq(beat_agreed(r, &digest), 7);
    r->digests[8].zxid = 8;
    r->digests[8].digest = 0xbad;
    hear(2, 8, 0x1abc);
    hear(3, 8, 0x1abc);
    ck_assert_uint_eq(beat_agreed(r, &digest), 7);
    ck_assert_uint_eq(digest, 0xabc);
    hear(4, 8, 0xbad); /* astray the same way, and still no majority */
    ck_assert_uint_eq(beat_agreed(r, &digest), 7);
}
END_TEST

START_TEST(writes_are_refused_while_nobody_has_a_majority)
{
    lead();
    hear(2, 7, 0xbad);
    ck_assert(!refuses_writes()); /* the others may not have spoken yet */
    replica_time(r, r->now_ms + TICK_MS * 5 + 1, r->wall_ms);
    hear(2, 7, 0xbad);
    ck_assert(refuses_writes());
    hear(3, 7, 0xabc);
    hear(4, 7, 0xabc);
    ck_assert(!refuses_writes());
}
END_TEST

/* It has come back from long ago, and is too far behind for the logs to help it. */
START_TEST(who_agreed_before_two_differed_does_not_say_which_is_right)
{
    lead();
    r->digests[8].zxid = 8;
    r->digests[8].digest = 0xabd;
    replica_time(r, r->now_ms + TICK_MS * 5 + 1, r->wall_ms);
    hear(2, 8, 0xbad);
    hear(3, 7, 0xabc);
    hear(4, 7, 0xabc);
    ck_assert(!refuses_writes()); /* they have not had the time to be where the other differs */
    replica_time(r, r->now_ms + TICK_MS, r->wall_ms);
    hear(2, 8, 0xbad);
    hear(3, 8, 0xabd);
    hear(4, 7, 0xabc);
    ck_assert(refuses_writes());
    hear(4, 8, 0xabd);
    ck_assert(!refuses_writes());
}
END_TEST

START_TEST(a_server_that_lost_its_store_holds_no_other_state)
{
    lead();
    r->last_checkpoint_zxid = 7;
    hear(2, 7, 0xbad);
    beat_publish(r);
    ck_assert(zab_state_in_doubt(r->zab));
    hear(2, 0, 0);
    beat_publish(r);
    ck_assert(!zab_state_in_doubt(r->zab));
}
END_TEST

START_TEST(what_was_not_compared_is_neither_agreement_nor_dissent)
{
    lead();
    for (uint64_t peer = 2; peer <= SERVERS; peer++)
        hear(peer, 8, 0xbad); /* at a zxid that this server was never seen at */
    ck_assert_ptr_null(r->rebuild_due);
    for (size_t i = 0; i < r->peer_count; i++)
        ck_assert_int_eq(r->peers[i].verdict, DIGEST_UNKNOWN);
}
END_TEST

/* Its leader is at `zxid` all the time, and it looks after the house as often as a replica does. */
static void behind_for(uint64_t zxid, uint64_t ms)
{
    for (uint64_t end = r->now_ms + ms; r->now_ms < end;) {
        replica_time(r, r->now_ms + TICK_MS / 2, 1000);
        hear(2, zxid, 0);
        lag_step(r);
    }
}

static bool is_let_in(uint64_t conn)
{
    static const uint8_t zeros[ZK_PASSWORD_BYTES];
    struct zk_buf frame;
    zk_buf_init(&frame);
    zk_connect_request_encode(&frame, &(struct zk_connect_request){.password = zk_slice(zeros, sizeof zeros)});
    replica_client_open(r, conn, "127.0.0.1");
    replica_client_frame(r, conn, zk_buf_slice(&frame));
    zk_buf_fini(&frame);
    return !client_find(r, conn)->close_due;
}

START_TEST(a_follower_that_stays_behind_its_leader_sends_its_clients_away_until_it_is_level)
{
    follow(2);
    behind_for(0, 10 * SYNC_MS); /* nothing happens anywhere: that is no lag */
    ck_assert(is_let_in(1));
    behind_for(8, SYNC_MS - TICK_MS);
    ck_assert(is_let_in(2) && replica_serves(r));
    behind_for(9, 2 * TICK_MS);
    ck_assert(!replica_serves(r) && client_find(r, 1)->close_due && client_find(r, 2)->close_due);
    ck_assert(!is_let_in(3));
    state_skip(r->state, 8); /* as far as the leader was, but not as far as it is */
    behind_for(9, TICK_MS);
    ck_assert(!is_let_in(4));
    state_skip(r->state, 9);
    behind_for(9, TICK_MS);
    ck_assert(is_let_in(5) && replica_serves(r));
}
END_TEST

START_TEST(a_follower_that_goes_on_is_not_behind_however_busy_its_leader_is)
{
    follow(2);
    for (uint64_t zxid = 8; zxid < 40; zxid++) {
        behind_for(zxid, TICK_MS);
        state_skip(r->state, zxid - 3);
    }
    ck_assert(replica_serves(r));
}
END_TEST

START_TEST(a_server_that_stood_still_looks_at_what_has_come_before_it_counts_as_behind)
{
    follow(2);
    behind_for(8, TICK_MS);
    replica_time(r, r->now_ms + 10 * SYNC_MS, 1000);
    lag_step(r);
    ck_assert(replica_serves(r));
    behind_for(8, SYNC_MS);
    ck_assert(!replica_serves(r));
}
END_TEST

START_TEST(who_follows_anew_has_the_sync_limit_again_to_come_as_far_as_anybody_was)
{
    follow(2);
    behind_for(8, SYNC_MS + TICK_MS);
    ck_assert(!replica_serves(r));
    lag_restart(r);
    behind_for(8, SYNC_MS - TICK_MS);
    ck_assert(replica_serves(r));
    behind_for(8, 2 * TICK_MS);
    ck_assert(!replica_serves(r));
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("beat");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, one_differing_follower_never_unseats_a_leader);
    tcase_add_test(tc, a_leader_that_a_majority_contradicts_with_one_voice_rebuilds);
    tcase_add_test(tc, contradicting_voices_that_contradict_each_other_prove_nothing);
    tcase_add_test(tc, one_voice_is_heard_at_different_zxids);
    tcase_add_test(tc, a_follower_rebuilds_only_when_a_majority_was_seen_to_hold_another_state);
    tcase_add_test(tc, a_leader_that_went_astray_finds_nobody_to_agree_with);
    tcase_add_test(tc, writes_are_refused_while_nobody_has_a_majority);
    tcase_add_test(tc, who_agreed_before_two_differed_does_not_say_which_is_right);
    tcase_add_test(tc, a_server_that_lost_its_store_holds_no_other_state);
    tcase_add_test(tc, what_was_not_compared_is_neither_agreement_nor_dissent);
    tcase_add_test(tc, a_follower_that_stays_behind_its_leader_sends_its_clients_away_until_it_is_level);
    tcase_add_test(tc, a_follower_that_goes_on_is_not_behind_however_busy_its_leader_is);
    tcase_add_test(tc, a_server_that_stood_still_looks_at_what_has_come_before_it_counts_as_behind);
    tcase_add_test(tc, who_follows_anew_has_the_sync_limit_again_to_come_as_far_as_anybody_was);
    return run_tests("beat", tc);
}
