/* test_beat.c: proves server/replica/beat.c: what a leader and a follower make of others' digests. White box: a replica
 * of five servers on an empty disk, its role and its peers' heartbeats set by hand. */
#include "server/replica/core.h"
#include "tests/sim/disk.h"
#include <check.h>

#define SERVERS 5
#define TICK_MS 100

static struct disk *disk;
static struct replica *r;

static void fill(void *arg, void *ptr, size_t len)
{
    memset(ptr, 7, len);
}

static void setup(void)
{
    struct replica_config config = {
        .zab = {.self = 1, .member_count = SERVERS, .tick_ms = TICK_MS, .init_limit = 10, .sync_limit = 5, .seed = 7},
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

static void hear(uint64_t peer, uint64_t zxid, uint64_t digest, int64_t flags)
{
    struct zk_buf beat;
    zk_buf_init(&beat);
    zk_jute_put_long(&beat, (int64_t)zxid);
    zk_jute_put_long(&beat, (int64_t)digest);
    zk_jute_put_long(&beat, 1 << 30);
    zk_jute_put_long(&beat, r->wall_ms);
    zk_jute_put_long(&beat, flags);
    beat_received(r, peer, zk_buf_slice(&beat));
    zk_buf_fini(&beat);
}

START_TEST(one_differing_follower_never_unseats_a_leader)
{
    lead();
    hear(2, 7, 0xbad, 0); /* the first that this leader hears of anybody */
    ck_assert_ptr_null(r->rebuild_due);
    hear(3, 7, 0xabc, 0);
    hear(2, 7, 0xbad, 0);
    hear(4, 7, 0xabc, 0);
    hear(2, 7, 0xbad, 0);
    ck_assert_ptr_null(r->rebuild_due);
}
END_TEST

START_TEST(a_leader_that_a_majority_contradicts_with_one_voice_rebuilds)
{
    lead();
    hear(2, 7, 0xbad, 0);
    hear(3, 7, 0xbad, 0);
    ck_assert_ptr_null(r->rebuild_due);
    hear(4, 7, 0xbad, 0);
    ck_assert_ptr_nonnull(r->rebuild_due);
}
END_TEST

START_TEST(contradicting_voices_that_contradict_each_other_prove_nothing)
{
    lead();
    hear(2, 7, 0xbad, 0);
    hear(3, 7, 0xbad, 0);
    hear(4, 7, 0xbae, 0);
    ck_assert_ptr_null(r->rebuild_due);
    replica_time(r, r->now_ms + TICK_MS * 5 + 1, r->wall_ms);
    for (uint64_t peer = 2; peer <= 4; peer++)
        hear(peer, 7, peer == 4 ? 0xbae : 0xbad, 0);
    beat_publish(r);
    ck_assert(r->writes_refused);
    hear(4, 7, 0xbad, 0);
    ck_assert_ptr_nonnull(r->rebuild_due);
}
END_TEST

/* Digests are sums: who went astray the same way differs by the same, whenever it is seen. */
START_TEST(one_voice_is_heard_at_different_zxids)
{
    lead();
    r->digests[8].zxid = 8;
    r->digests[8].digest = 0x1abc;
    hear(2, 7, 0xabd, 0);
    hear(3, 8, 0x1abd, 0);
    hear(4, 7, 0xabd, 0);
    ck_assert_ptr_nonnull(r->rebuild_due);
}
END_TEST

START_TEST(a_follower_rebuilds_only_when_its_leader_has_a_quorum_on_its_side)
{
    r->phase = ZAB_FOLLOWING;
    r->leader = 2;
    hear(2, 7, 0xbad, 0);
    ck_assert_ptr_null(r->rebuild_due);
    hear(3, 7, 0xbad, 4); /* not the leader's word */
    ck_assert_ptr_null(r->rebuild_due);
    hear(2, 7, 0xbad, 4);
    ck_assert_ptr_nonnull(r->rebuild_due);
}
END_TEST

START_TEST(writes_are_refused_while_nobody_has_a_majority)
{
    lead();
    hear(2, 7, 0xbad, 0);
    beat_publish(r);
    ck_assert(!r->writes_refused); /* the others may not have spoken yet */
    replica_time(r, r->now_ms + TICK_MS * 5 + 1, r->wall_ms);
    hear(2, 7, 0xbad, 0);
    beat_publish(r);
    ck_assert(r->writes_refused);
    hear(3, 7, 0xabc, 0);
    hear(4, 7, 0xabc, 0);
    beat_publish(r);
    ck_assert(!r->writes_refused);
}
END_TEST

START_TEST(what_was_not_compared_is_neither_agreement_nor_dissent)
{
    lead();
    for (uint64_t peer = 2; peer <= SERVERS; peer++)
        hear(peer, 8, 0xbad, 0); /* at a zxid that this server was never seen at */
    ck_assert_ptr_null(r->rebuild_due);
    for (size_t i = 0; i < r->peer_count; i++)
        ck_assert_int_eq(r->peers[i].verdict, DIGEST_UNKNOWN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("beat");
    TCase *tc = tcase_create("beat");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, one_differing_follower_never_unseats_a_leader);
    tcase_add_test(tc, a_leader_that_a_majority_contradicts_with_one_voice_rebuilds);
    tcase_add_test(tc, contradicting_voices_that_contradict_each_other_prove_nothing);
    tcase_add_test(tc, one_voice_is_heard_at_different_zxids);
    tcase_add_test(tc, a_follower_rebuilds_only_when_its_leader_has_a_quorum_on_its_side);
    tcase_add_test(tc, writes_are_refused_while_nobody_has_a_majority);
    tcase_add_test(tc, what_was_not_compared_is_neither_agreement_nor_dissent);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
