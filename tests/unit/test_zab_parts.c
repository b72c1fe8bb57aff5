/* test_zab_parts.c: proves the small parts of server/zab: quorum, tail, membership, msg. */
#include "common/jute.h"
#include "common/rng.h"
#include "server/zab/membership.h"
#include "server/zab/msg.h"
#include "server/zab/quorum.h"
#include "server/zab/tail.h"
#include "common/zxid.h"
#include "tests/unit/run.h"

/* --- quorum --- */

static struct quorum voters(size_t participants, size_t observers)
{
    struct zab_member m[ZAB_MEMBERS_MAX];
    for (size_t i = 0; i < participants + observers; i++)
        m[i] = (struct zab_member){i + 1, i < participants ? ZAB_PARTICIPANT : ZAB_OBSERVER, 1};
    return quorum_of(m, participants + observers, NULL);
}

START_TEST(a_quorum_is_more_than_half_of_the_participants)
{
    struct quorum q = voters(3, 2);
    ck_assert(!quorum_has(&q, 0));
    ck_assert(!quorum_has(&q, 1u << 0));
    ck_assert(!quorum_has(&q, 1u << 0 | 1u << 3 | 1u << 4));
    ck_assert(quorum_has(&q, 1u << 0 | 1u << 2));
    q = voters(4, 0);
    ck_assert(!quorum_has(&q, 3));
    ck_assert(quorum_has(&q, 7));
    q = voters(1, 0);
    ck_assert(quorum_has(&q, 1));
}
END_TEST

START_TEST(what_a_quorum_has_reached_is_the_middle_value_of_those_that_count)
{
    struct quorum q = voters(3, 1);
    uint64_t acked[ZAB_MEMBERS_MAX] = {12, 5, 0, 99};
    ck_assert_uint_eq(quorum_reached(&q, acked, 0xf), 5);
    ck_assert_uint_eq(quorum_reached(&q, acked, 1u << 0 | 1u << 2 | 1u << 3), 0);
    acked[2] = 12;
    ck_assert_uint_eq(quorum_reached(&q, acked, 0xf), 12);
    ck_assert_uint_eq(quorum_reached(&q, acked, 1u << 0), 0);
}
END_TEST

/* --- tail --- */

static void add_group(struct tail *t, uint64_t first, uint32_t count)
{
    struct zk_buf g;
    zk_buf_init(&g);
    uint64_t hash = t->last_hash;
    group_begin(&g, hash);
    for (uint32_t i = 0; i < count; i++)
        hash = group_add(&g, hash, first + i, ENTRY_COMMAND, zk_slice_str("x"));
    group_end(&g, count);
    tail_append(t, zk_buf_slice(&g));
    zk_buf_fini(&g);
}

START_TEST(a_tail_knows_every_entrys_hash_and_every_epochs_end)
{
    struct tail t;
    tail_init(&t, 0, 0);
    add_group(&t, zxid_make(1, 0), 3);
    add_group(&t, zxid_make(1, 3), 4);
    add_group(&t, zxid_make(3, 0), 1);
    ck_assert_ptr_null(tail_check(&t));
    uint64_t hash, other;
    ck_assert(tail_hash_at(&t, zxid_make(1, 4), &hash));
    ck_assert(tail_hash_at(&t, zxid_make(1, 5), &other) && hash != other);
    ck_assert(!tail_hash_at(&t, zxid_make(1, 7), &hash));
    ck_assert(!tail_hash_at(&t, zxid_make(2, 0), &hash));
    struct storage_epoch last;
    ck_assert(tail_epoch(&t, 1, &last) && last.last_zxid == zxid_make(1, 6));
    ck_assert(!tail_epoch(&t, 2, &last));
    ck_assert_uint_eq(tail_after(&t, zxid_make(1, 2))->first, zxid_make(1, 3));
    ck_assert_ptr_null(tail_after(&t, zxid_make(3, 0)));
    tail_fini(&t);
}
END_TEST

START_TEST(a_tail_cut_inside_a_group_grows_again_from_there)
{
    struct tail t;
    tail_init(&t, 0, 0);
    add_group(&t, zxid_make(1, 0), 5);
    add_group(&t, zxid_make(2, 0), 5);
    uint64_t hash;
    ck_assert(tail_hash_at(&t, zxid_make(1, 2), &hash));
    tail_truncate(&t, zxid_make(1, 2), hash);
    ck_assert_ptr_null(tail_check(&t));
    ck_assert_uint_eq(t.last_zxid, zxid_make(1, 2));
    struct storage_epoch last;
    ck_assert(!tail_epoch(&t, 2, &last));
    add_group(&t, zxid_make(4, 0), 2);
    ck_assert_ptr_null(tail_check(&t));
    tail_fini(&t);
}
END_TEST

START_TEST(a_tail_forgets_from_the_front_whole_groups_only_and_keeps_what_it_may)
{
    struct tail t;
    tail_init(&t, 0, 0);
    for (uint32_t i = 0; i < 100; i++)
        add_group(&t, zxid_make(1, i * 3), 3);
    size_t bytes = t.bytes;
    tail_drop_front(&t, zxid_make(1, 100), bytes / 2 * 3);
    ck_assert_uint_eq(t.bytes, bytes); /* it may keep that much */
    tail_drop_front(&t, zxid_make(1, 100), 0);
    ck_assert_uint_eq(t.base_zxid, zxid_make(1, 98));
    ck_assert_ptr_null(tail_check(&t));
    uint64_t hash;
    ck_assert(tail_hash_at(&t, zxid_make(1, 98), &hash) && hash == t.base_hash);
    struct storage_epoch last;
    ck_assert(tail_epoch(&t, 1, &last) && last.last_zxid == zxid_make(1, 299));
    tail_fini(&t);
}
END_TEST

/* --- membership --- */

static struct membership three(void)
{
    struct membership m = {.zxid = 1, .cluster_id = 77, .founding = 1, .count = 3};
    for (size_t i = 0; i < 3; i++)
        m.records[i] = (struct member_record){{i + 1, ZAB_PARTICIPANT, 1}, 100 + i, 1, false};
    return m;
}

static bool note(struct membership_stack *s, uint64_t zxid, uint8_t kind, struct zk_buf *body)
{
    struct entry e = {.zxid = zxid, .kind = kind, .body = zk_buf_slice(body)};
    bool ok = membership_note(s, &e);
    zk_buf_fini(body);
    return ok;
}

static bool readmit(struct membership_stack *s, uint64_t zxid, uint64_t id, uint64_t incarnation)
{
    struct zk_buf body;
    zk_buf_init(&body);
    membership_readmit_encode(&body, id, incarnation);
    return note(s, zxid, ENTRY_READMIT, &body);
}

static bool close_change(struct membership_stack *s, uint64_t zxid, uint64_t change)
{
    struct zk_buf body;
    zk_buf_init(&body);
    membership_close_encode(&body, change);
    return note(s, zxid, ENTRY_CLOSE, &body);
}

START_TEST(a_truncated_readmission_restores_the_membership_before)
{
    struct membership_stack s = {0};
    struct membership m = three();
    membership_reset(&s, &m);
    ck_assert(readmit(&s, 10, 2, 555));
    ck_assert_uint_eq(membership_find(membership_newest(&s), 2)->incarnation, 555);
    ck_assert_uint_eq(membership_find(membership_at(&s, 9), 2)->incarnation, 101);
    membership_truncate(&s, 9);
    ck_assert_uint_eq(membership_find(membership_newest(&s), 2)->incarnation, 101);
    ck_assert(readmit(&s, 11, 2, 556));
    membership_commit(&s, 11);
    membership_truncate(&s, 11);
    ck_assert_uint_eq(membership_find(membership_newest(&s), 2)->incarnation, 556);
    membership_fini(&s);
}
END_TEST

START_TEST(one_membership_change_at_a_time_and_only_of_members)
{
    struct membership_stack s = {0};
    struct membership m = three();
    membership_reset(&s, &m);
    ck_assert(!readmit(&s, 10, 9, 555));
    ck_assert(!close_change(&s, 10, 10));
    ck_assert(readmit(&s, 10, 2, 555));
    ck_assert(!readmit(&s, 11, 3, 556));
    ck_assert(!close_change(&s, 11, 9));
    ck_assert(close_change(&s, 11, 10));
    ck_assert(readmit(&s, 12, 3, 556));
    membership_fini(&s);
}
END_TEST

static bool found(struct membership_stack *s, uint64_t zxid, const struct membership *m)
{
    struct zk_buf body;
    zk_buf_init(&body);
    membership_encode(m, &body);
    return note(s, zxid, ENTRY_FOUNDING, &body);
}

static bool seat(struct membership_stack *s, uint64_t zxid, uint64_t id)
{
    struct zk_buf body;
    zk_buf_init(&body);
    membership_seat_encode(&body, id);
    return note(s, zxid, ENTRY_SEAT, &body);
}

static struct membership seed(uint64_t zxid)
{
    struct membership m = {.zxid = zxid, .cluster_id = 78, .founding = zxid, .count = 3};
    for (size_t i = 0; i < 3; i++)
        m.records[i] = (struct member_record){{i + 1, ZAB_PARTICIPANT, 1}, i == 1 ? 900 : 0, zxid, i != 1};
    return m;
}

START_TEST(a_later_founding_names_one_seed_of_another_cluster)
{
    struct membership_stack s = {0};
    struct membership m = three();
    ck_assert(!found(&s, 2, &m));
    ck_assert(found(&s, 1, &m));
    ck_assert(!found(&s, 1, &m));
    m = seed(20);
    ck_assert(!found(&s, 21, &m));
    m.cluster_id = 77;
    ck_assert(!found(&s, 20, &m));
    m = seed(20);
    m.records[0].incarnation = 901; /* it was never there */
    ck_assert(!found(&s, 20, &m));
    m.records[0].vacant = false; /* a second seed */
    ck_assert(!found(&s, 20, &m));
    m = seed(20);
    ck_assert(found(&s, 20, &m));
    ck_assert_uint_eq(membership_newest(&s)->founding, 20);
    membership_truncate(&s, 19);
    ck_assert_uint_eq(membership_newest(&s)->cluster_id, 77);
    membership_fini(&s);
}
END_TEST

START_TEST(a_vacant_seat_counts_for_nobody_until_it_is_taken)
{
    struct membership_stack s = {0};
    struct membership m = seed(20);
    struct zab_member members[3];
    membership_reset(&s, &m);
    for (size_t i = 0; i < 3; i++)
        members[i] = m.records[i].member;
    struct quorum q = quorum_of(members, 3, membership_newest(&s));
    ck_assert(quorum_has(&q, 2) && !quorum_has(&q, 5));
    ck_assert(!seat(&s, 21, 1)); /* nobody is named for it */
    ck_assert(!seat(&s, 21, 2)); /* it is taken */
    ck_assert(readmit(&s, 21, 1, 555));
    q = quorum_of(members, 3, membership_newest(&s));
    ck_assert(quorum_has(&q, 2) && !quorum_has(&q, 1));
    ck_assert(!seat(&s, 22, 1)); /* one change at a time */
    ck_assert(close_change(&s, 22, 21));
    ck_assert(seat(&s, 23, 1));
    q = quorum_of(members, 3, membership_newest(&s));
    ck_assert(!quorum_has(&q, 2) && quorum_has(&q, 3));
    membership_truncate(&s, 22);
    q = quorum_of(members, 3, membership_newest(&s));
    ck_assert(quorum_has(&q, 2));
    membership_fini(&s);
}
END_TEST

START_TEST(a_membership_comes_back_from_its_bytes_and_from_no_others)
{
    struct membership m = three(), back;
    struct zk_buf bytes;
    zk_buf_init(&bytes);
    membership_encode(&m, &bytes);
    ck_assert(membership_decode(zk_buf_slice(&bytes), &back));
    ck_assert_uint_eq(back.cluster_id, 77);
    ck_assert_uint_eq(membership_find(&back, 3)->incarnation, 102);
    for (size_t len = 0; len < bytes.len; len++)
        ck_assert(!membership_decode(zk_slice(bytes.ptr, len), &back));
    zk_buf_append_byte(&bytes, 0);
    ck_assert(!membership_decode(zk_buf_slice(&bytes), &back));
    zk_buf_fini(&bytes);
}
END_TEST

/* --- messages --- */

static struct zab_msg sample(uint8_t type, const struct storage_epoch *points, const struct storage_witness *table)
{
    return (struct zab_msg){.type = type,
                            .yes = true,
                            .epoch = 3,
                            .zxid = zxid_make(3, 4),
                            .number = 1ull << 40,
                            .promised = 5,
                            .commit = 9,
                            .bytes = zk_slice_str("some bytes"),
                            .point_count = 2,
                            .points = points,
                            .table_count = 1,
                            .table = table};
}

START_TEST(every_message_comes_back_and_none_of_its_beginnings_does)
{
    const struct storage_epoch points[] = {{1, 2}, {3, 4}};
    const struct storage_witness table[] = {{1, 2, 3, 4, 5}};
    struct msg_lists lists;
    for (int type = 1; type < TELL_TYPE_END; type++) {
        struct zab_msg m = sample((uint8_t)type, points, table), back;
        struct zk_buf bytes, again;
        zk_buf_init(&bytes);
        zk_buf_init(&again);
        msg_encode(&bytes, &m);
        ck_assert(msg_decode(zk_buf_slice(&bytes), &lists, &back));
        msg_encode(&again, &back);
        ck_assert(zk_slice_eq(zk_buf_slice(&bytes), zk_buf_slice(&again)));
        for (size_t len = 0; len < bytes.len; len++)
            ck_assert(!msg_decode(zk_slice(bytes.ptr, len), &lists, &back));
        zk_buf_fini(&bytes);
        zk_buf_fini(&again);
    }
}
END_TEST

START_TEST(a_newer_servers_additional_fields_are_skipped)
{
    struct msg_lists lists;
    struct zab_msg m = {.type = TELL_COMMIT, .epoch = 3, .zxid = 8}, back;
    struct zk_buf bytes;
    zk_buf_init(&bytes);
    msg_encode(&bytes, &m);
    bytes.ptr[0]++; /* one element more */
    zk_buf_append(&bytes, "\xa5later", 6);
    ck_assert(msg_decode(zk_buf_slice(&bytes), &lists, &back));
    ck_assert_uint_eq(back.zxid, 8);
    zk_buf_fini(&bytes);
}
END_TEST

START_TEST(counts_and_lengths_that_are_only_claimed_are_refused)
{
    struct msg_lists lists;
    struct zab_msg m;
    const uint8_t huge_array[] = {0xdd, 0xff, 0xff, 0xff, 0xff, TELL_FOLLOW};
    const uint8_t huge_points[] = {0x94, TELL_FOLLOW, 1, 1, 0xdd, 0x7f, 0xff, 0xff, 0xff};
    const uint8_t huge_bytes[] = {0x95, TELL_PROPOSE, 1, 1, 1, 0xc6, 0x7f, 0xff, 0xff, 0xff};
    ck_assert(!msg_decode(zk_slice(huge_array, sizeof huge_array), &lists, &m));
    ck_assert(!msg_decode(zk_slice(huge_points, sizeof huge_points), &lists, &m));
    ck_assert(!msg_decode(zk_slice(huge_bytes, sizeof huge_bytes), &lists, &m));
}
END_TEST

START_TEST(no_bytes_whatsoever_trouble_the_decoder)
{
    struct zk_rng rng;
    struct msg_lists lists;
    struct zab_msg m;
    uint8_t bytes[64];
    zk_rng_seed(&rng, 11, 1);
    for (int i = 0; i < 100000; i++) {
        size_t len = zk_rng_below(&rng, sizeof bytes);
        zk_rng_fill(&rng, bytes, len);
        if (len > 1) {
            bytes[0] = (uint8_t)(0x90 | zk_rng_below(&rng, 16));
            bytes[1] = (uint8_t)(1 + zk_rng_below(&rng, TELL_TYPE_END));
        }
        (void)!msg_decode(zk_slice(bytes, len), &lists, &m);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("parts");
    tcase_add_test(tests, a_quorum_is_more_than_half_of_the_participants);
    tcase_add_test(tests, what_a_quorum_has_reached_is_the_middle_value_of_those_that_count);
    tcase_add_test(tests, a_tail_knows_every_entrys_hash_and_every_epochs_end);
    tcase_add_test(tests, a_tail_cut_inside_a_group_grows_again_from_there);
    tcase_add_test(tests, a_tail_forgets_from_the_front_whole_groups_only_and_keeps_what_it_may);
    tcase_add_test(tests, a_truncated_readmission_restores_the_membership_before);
    tcase_add_test(tests, one_membership_change_at_a_time_and_only_of_members);
    tcase_add_test(tests, a_later_founding_names_one_seed_of_another_cluster);
    tcase_add_test(tests, a_vacant_seat_counts_for_nobody_until_it_is_taken);
    tcase_add_test(tests, a_membership_comes_back_from_its_bytes_and_from_no_others);
    tcase_add_test(tests, every_message_comes_back_and_none_of_its_beginnings_does);
    tcase_add_test(tests, a_newer_servers_additional_fields_are_skipped);
    tcase_add_test(tests, counts_and_lengths_that_are_only_claimed_are_refused);
    tcase_add_test(tests, no_bytes_whatsoever_trouble_the_decoder);
    return run_tests("zab parts", tests);
}
