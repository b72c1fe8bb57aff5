/* test_disk.c: proves tests/sim/disk.h: that the simulator's disk is a store, and that its faults are what they say. */
#include "server/zab/group.h"
#include "tests/sim/disk.h"
#include "tests/unit/store_conformance.h"

struct sim_disk {
    struct disk *d;
    uint64_t now_ms;
};

static void *disk_make(void)
{
    struct sim_disk *m = zk_calloc(1, sizeof *m);
    m->d = disk_new(1);
    return m;
}

static void disk_medium_free(void *medium)
{
    struct sim_disk *m = medium;
    disk_free(m->d);
    free(m);
}

static struct storage disk_medium_open(void *medium)
{
    struct sim_disk *m = medium;
    return disk_open(m->d, m->now_ms);
}

static void disk_medium_close(void *medium)
{
    disk_close(((struct sim_disk *)medium)->d);
}

static void disk_medium_crash(void *medium)
{
    disk_crash(((struct sim_disk *)medium)->d, DISK_PROCESS_CRASH);
}

static void disk_wait(void *medium)
{
    struct sim_disk *m = medium;
    disk_advance(m->d, ++m->now_ms);
}

static const struct store_medium DISK = {
    .name = "the simulator's disk",
    .make = disk_make,
    .free = disk_medium_free,
    .open = disk_medium_open,
    .close = disk_medium_close,
    .crash = disk_medium_crash,
    .wait = disk_wait,
};

static struct disk *disk_of(const struct rig *r)
{
    return ((struct sim_disk *)r->m)->d;
}

START_TEST(nothing_is_durable_before_its_time)
{
    struct rig r;
    rig_init(&r, &DISK);
    struct sim_disk *m = r.m;
    disk_set_latency(m->d, 10, 10);
    rig_append(&r, 1);
    ck_assert_uint_eq(disk_deadline_ms(m->d), m->now_ms);
    disk_advance(m->d, m->now_ms);
    ck_assert_uint_eq(disk_deadline_ms(m->d), m->now_ms + 10);
    uint64_t hash;
    disk_advance(m->d, m->now_ms += 9);
    ck_assert_uint_eq(disk_last_zxid(m->d, &hash), 0);
    disk_advance(m->d, m->now_ms += 1);
    ck_assert_uint_eq(disk_last_zxid(m->d, &hash), 1);
    ck_assert_uint_eq(disk_deadline_ms(m->d), UINT64_MAX);
    rig_fini(&r);
}
END_TEST

/* Over many seeds a crash leaves each prefix of the submits at some time, and never anything else. */
START_TEST(a_crash_leaves_any_prefix_of_the_submits)
{
    static const char *const PREFIXES[] = {"", "1-1", "1-1 2-2", "1-1 2-2 3-3", "1-1 2-2 3-3 4-4"};
    unsigned seen = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct sim_disk m = {.d = disk_new(seed)};
        struct rig r = {.medium = &DISK, .m = &m};
        rig_open(&r);
        for (int i = 0; i < 4; i++)
            rig_append(&r, 1);
        rig_crash(&r);
        ck_assert_uint_le(r.zxid, 4);
        ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
        char *text = rig_log(&r, 0);
        ck_assert_str_eq(text, PREFIXES[r.zxid]);
        free(text);
        seen |= 1u << r.zxid;
        disk_free(m.d);
    }
    ck_assert_uint_eq(seen, 0x1f);
}
END_TEST

START_TEST(the_same_seed_crashes_the_same_way)
{
    uint64_t tails[2] = {0, 0};
    for (int run = 0; run < 2; run++) {
        struct sim_disk m = {.d = disk_new(42)};
        struct rig r = {.medium = &DISK, .m = &m};
        rig_open(&r);
        for (int crash = 0; crash < 20; crash++) {
            for (int i = 0; i < 5; i++)
                rig_append(&r, 1);
            disk_advance(m.d, ++m.now_ms);
            rig_crash(&r);
            tails[run] = tails[run] * 31 + r.zxid;
        }
        disk_free(m.d);
    }
    ck_assert_uint_eq(tails[0], tails[1]);
}
END_TEST

START_TEST(a_submit_is_never_torn)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct sim_disk m = {.d = disk_new(seed)};
        struct storage s = disk_open(m.d, 0);
        struct zk_buf buf = {0};
        group_begin(&buf, 0);
        uint64_t hash = group_add(&buf, 0, 1, ENTRY_COMMAND, zk_slice_str("x"));
        group_end(&buf, 1);
        struct storage_op ops[] = {
            {.kind = STORAGE_APPEND, .first_zxid = 1, .zxid = 1, .hash = hash, .bytes = zk_buf_slice(&buf)},
            {.kind = STORAGE_PROMISE, .epoch = 4},
        };
        s.ops->submit(s.self, ops, 2);
        disk_crash(m.d, DISK_POWER_CUT);
        ck_assert_uint_eq(disk_last_zxid(m.d, &hash) == 1, disk_promised(m.d) == 4);
        zk_buf_fini(&buf);
        disk_free(m.d);
    }
}
END_TEST

/* --- faults --- */

static void write_three(struct rig *r)
{
    rig_init(r, &DISK);
    for (int i = 0; i < 3; i++) {
        rig_append(r, 1);
        rig_settle(r);
    }
    rig_op(r, (struct storage_op){.kind = STORAGE_SYNC_MARK});
    rig_settle(r);
}

/* The process ends; who the store was. */
static uint64_t crash(struct rig *r)
{
    uint64_t incarnation = rig_image(r)->incarnation;
    r->medium->crash(r->m);
    return incarnation;
}

/* The store is closed and damaged: it says so at each opening, as somebody else, until it has learnt something. */
static void expect_damaged(struct rig *r, uint64_t incarnation, uint64_t last_zxid, const char *why)
{
    for (int i = 0; i < 2; i++) {
        rig_open(r);
        ck_assert_int_eq(rig_image(r)->verdict, STORAGE_DAMAGED);
        ck_assert_ptr_nonnull(strstr(rig_image(r)->why, why));
        ck_assert_uint_ne(rig_image(r)->incarnation, incarnation);
        ck_assert_uint_eq(rig_image(r)->last_zxid, last_zxid);
        r->medium->crash(r->m);
    }
    rig_open(r);
    rig_epoch(r, 9);
    rig_append(r, 1);
    rig_settle(r);
    rig_reopen(r);
    ck_assert_int_eq(rig_image(r)->verdict, STORAGE_SOUND);
    ck_assert_uint_ne(rig_image(r)->incarnation, incarnation);
}

START_TEST(a_lost_tail_is_found_by_the_mark)
{
    struct rig r;
    write_three(&r);
    uint64_t incarnation = crash(&r);
    ck_assert(disk_lose_tail(disk_of(&r), 2)); /* the SYNC_MARK's and the last entry's */
    expect_damaged(&r, incarnation, 2, "acknowledged 0x3");
    rig_fini(&r);
}
END_TEST

START_TEST(a_lost_promise_is_found_by_the_mark)
{
    struct rig r;
    write_three(&r);
    rig_op(&r, (struct storage_op){.kind = STORAGE_PROMISE, .epoch = 6});
    rig_settle(&r);
    uint64_t incarnation = crash(&r);
    ck_assert(disk_lose_tail(disk_of(&r), 1));
    expect_damaged(&r, incarnation, 3, "promised epoch 6");
    ck_assert_uint_eq(rig_image(&r)->promised, 6);
    rig_fini(&r);
}
END_TEST

START_TEST(a_missing_mark_is_damage)
{
    struct rig r;
    write_three(&r);
    uint64_t incarnation = crash(&r);
    ck_assert(disk_lose_mark(disk_of(&r)));
    expect_damaged(&r, incarnation, 3, "mark is missing");
    rig_fini(&r);
}
END_TEST

START_TEST(a_flipped_bit_is_damage_and_nothing_is_believed)
{
    struct rig r;
    write_three(&r);
    uint64_t incarnation = crash(&r);
    ck_assert(disk_flip_bit(disk_of(&r)));
    expect_damaged(&r, incarnation, 0, "checksum");
    rig_fini(&r);
}
END_TEST

START_TEST(an_old_copy_is_found_unless_its_mark_came_with_it)
{
    struct rig r;
    rig_init(&r, &DISK);
    rig_append(&r, 1);
    rig_settle(&r);
    struct disk_copy *copy = disk_copy_new(disk_of(&r));
    rig_append(&r, 1);
    rig_settle(&r);
    uint64_t incarnation = crash(&r);
    disk_restore(disk_of(&r), copy, true);
    rig_open(&r); /* outside what a disk can tell: the others' witnesses must */
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(rig_image(&r)->last_zxid, 1);
    r.medium->crash(r.m);
    rig_open(&r);
    r.medium->crash(r.m);
    disk_restore(disk_of(&r), copy, false);
    expect_damaged(&r, incarnation, 1, "older copy");
    disk_copy_free(copy);
    rig_fini(&r);
}
END_TEST

START_TEST(a_wiped_disk_is_blank_and_somebody_else)
{
    struct rig r;
    write_three(&r);
    uint64_t incarnation = crash(&r);
    ck_assert(disk_wipe(disk_of(&r)));
    rig_open(&r);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_BLANK);
    ck_assert_uint_ne(rig_image(&r)->incarnation, incarnation);
    ck_assert_uint_eq(rig_image(&r)->last_zxid, 0);
    rig_fini(&r);
}
END_TEST

START_TEST(a_failed_write_may_or_may_not_be_there)
{
    struct rig r;
    write_three(&r);
    disk_fail_next(disk_of(&r), _i == 1);
    rig_append(&r, 1);
    rig_settle(&r);
    ck_assert(r.failed);
    ck_assert_uint_lt(r.durable, r.seq);
    ck_assert_uint_eq(disk_deadline_ms(disk_of(&r)), UINT64_MAX); /* it does nothing more */
    rig_crash(&r);
    ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
    ck_assert_uint_eq(rig_image(&r)->last_zxid, 3 + (uint64_t)_i);
    rig_fini(&r);
}
END_TEST

START_TEST(a_full_disk_fails_and_says_so)
{
    struct rig r;
    write_three(&r);
    disk_set_capacity(disk_of(&r), disk_used_bytes(disk_of(&r)) + 10);
    rig_append(&r, 1);
    rig_settle(&r);
    ck_assert(r.failed);
    ck_assert_ptr_nonnull(strstr(r.why, "full"));
    rig_fini(&r);
}
END_TEST

START_TEST(a_stalled_disk_comes_back)
{
    struct rig r;
    write_three(&r);
    struct sim_disk *m = r.m;
    rig_append(&r, 1);
    disk_stall(m->d, 30000);
    disk_advance(m->d, m->now_ms += 29999);
    ck_assert_uint_gt(disk_deadline_ms(m->d), m->now_ms);
    disk_advance(m->d, m->now_ms += 10);
    rig_settle(&r);
    uint64_t hash;
    ck_assert_uint_eq(disk_last_zxid(m->d, &hash), 4);
    rig_fini(&r);
}
END_TEST

/* After a power cut the mark may be an old one: the check is weaker then, and no sound store is called damaged. */
START_TEST(a_stale_mark_never_accuses_a_sound_store)
{
    uint64_t stale = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct sim_disk m = {.d = disk_new(seed)};
        struct rig r = {.medium = &DISK, .m = &m};
        rig_open(&r);
        rig_append(&r, 1);
        uint64_t hash = r.hash;
        rig_append(&r, 2);
        rig_settle(&r);
        rig_op(&r, (struct storage_op){.kind = STORAGE_TRUNC, .zxid = 1, .hash = hash});
        rig_epoch(&r, 2);
        rig_append(&r, 1);
        disk_advance(m.d, m.now_ms += seed % 4);
        disk_crash(m.d, DISK_POWER_CUT);
        rig_open(&r);
        ck_assert_int_eq(rig_image(&r)->verdict, STORAGE_SOUND);
        stale += disk_counts(m.d)->stale_marks;
        disk_free(m.d);
    }
    ck_assert_uint_gt(stale, 0);
}
END_TEST

static Suite *disk_suite(void)
{
    Suite *suite = suite_create("faults of the simulator's disk");
    TCase *tc = tcase_create("faults");
    tcase_add_test(tc, nothing_is_durable_before_its_time);
    tcase_add_test(tc, a_crash_leaves_any_prefix_of_the_submits);
    tcase_add_test(tc, the_same_seed_crashes_the_same_way);
    tcase_add_test(tc, a_submit_is_never_torn);
    tcase_add_test(tc, a_lost_tail_is_found_by_the_mark);
    tcase_add_test(tc, a_lost_promise_is_found_by_the_mark);
    tcase_add_test(tc, a_missing_mark_is_damage);
    tcase_add_test(tc, a_flipped_bit_is_damage_and_nothing_is_believed);
    tcase_add_test(tc, an_old_copy_is_found_unless_its_mark_came_with_it);
    tcase_add_test(tc, a_wiped_disk_is_blank_and_somebody_else);
    tcase_add_loop_test(tc, a_failed_write_may_or_may_not_be_there, 0, 2);
    tcase_add_test(tc, a_full_disk_fails_and_says_so);
    tcase_add_test(tc, a_stalled_disk_comes_back);
    tcase_add_test(tc, a_stale_mark_never_accuses_a_sound_store);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(store_conformance(&DISK));
    srunner_add_suite(runner, disk_suite());
    return run_all(runner);
}
