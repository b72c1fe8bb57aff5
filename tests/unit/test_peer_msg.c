/* test_peer_msg.c: proves server/replica/peer_msg.h. */
#include "common/rng.h"
#include "server/replica/peer_msg.h"
#include "tests/unit/run.h"

static struct zk_buf bytes;

static void setup(void)
{
    zk_buf_init(&bytes);
}

static void teardown(void)
{
    zk_buf_fini(&bytes);
}

static struct peer_msg round_trip(const struct peer_msg *m)
{
    struct peer_msg back;
    zk_buf_reset(&bytes);
    peer_msg_encode(&bytes, m);
    ck_assert(peer_msg_is_ours(zk_buf_slice(&bytes)));
    ck_assert(peer_msg_decode(zk_buf_slice(&bytes), &back));
    ck_assert_int_eq(back.type, m->type);
    return back;
}

START_TEST(commands_arrive_as_they_left_in_their_order)
{
    struct zk_slice commands[40];
    for (size_t i = 0; i < ZK_COUNT_OF(commands); i++)
        commands[i] = zk_slice("0123456789012345678901234567890123456789", i);
    struct peer_msg back =
        round_trip(&(struct peer_msg){.type = PEER_MSG_FORWARD, .command_count = 40, .commands = commands});
    ck_assert_uint_eq(back.command_count, 40);
    for (size_t i = 0; i < 40; i++)
        ck_assert(back.commands[i].len == i && memcmp(back.commands[i].ptr, commands[i].ptr, i) == 0);
    peer_msg_fini(&back);
}
END_TEST

START_TEST(a_sync_answer_keeps_its_round_and_zxid)
{
    struct peer_msg back =
        round_trip(&(struct peer_msg){.type = PEER_MSG_SYNC_ANSWER, .number = UINT64_MAX, .zxid = 1ull << 40});
    ck_assert_uint_eq(back.number, UINT64_MAX);
    ck_assert_uint_eq(back.zxid, 1ull << 40);
}
END_TEST

START_TEST(elements_of_a_newer_server_are_skipped)
{
    static const uint8_t newer[] = {0x94, PEER_MSG_SYNC, 7, 0xc0, 0xa1, 'x'}; /* [SYNC, 7, nil, "x"] */
    struct peer_msg m;
    ck_assert(peer_msg_decode(zk_slice(newer, sizeof newer), &m));
    ck_assert_uint_eq(m.number, 7);
}
END_TEST

START_TEST(no_bytes_are_trusted)
{
    struct zk_slice commands[2] = {zk_slice("abc", 3), zk_slice("defg", 4)};
    peer_msg_encode(&bytes, &(struct peer_msg){.type = PEER_MSG_FORWARD, .command_count = 2, .commands = commands});
    struct peer_msg m;
    for (size_t cut = 0; cut < bytes.len; cut++)
        ck_assert(!peer_msg_decode(zk_slice(bytes.ptr, cut), &m));
    struct zk_rng rng;
    zk_rng_seed(&rng, 1, 1);
    for (int i = 0; i < 20000; i++) {
        uint8_t noise[24];
        zk_rng_fill(&rng, noise, sizeof noise);
        noise[0] = 0x90 | (noise[0] & 3);
        noise[1] = (uint8_t)(PEER_MSG_FORWARD + (noise[1] & 3));
        if (peer_msg_decode(zk_slice(noise, zk_rng_below(&rng, sizeof noise)), &m))
            peer_msg_fini(&m);
    }
}
END_TEST

START_TEST(zabs_own_messages_are_not_ours)
{
    static const uint8_t zabs[] = {0x92, 12, 1};
    ck_assert(!peer_msg_is_ours(zk_slice(zabs, sizeof zabs)));
    ck_assert(!peer_msg_is_ours(zk_slice("", 0)));
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("peer_msg");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, commands_arrive_as_they_left_in_their_order);
    tcase_add_test(tc, a_sync_answer_keeps_its_round_and_zxid);
    tcase_add_test(tc, elements_of_a_newer_server_are_skipped);
    tcase_add_test(tc, no_bytes_are_trusted);
    tcase_add_test(tc, zabs_own_messages_are_not_ours);
    return run_tests("peer_msg", tc);
}
