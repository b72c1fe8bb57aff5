/* test_mark.c: proves server/store/mark.h. */
#include "server/store/mark.h"
#include "tests/unit/run.h"

static const struct mark MARK = {
    .number = 8, .incarnation = 77, .start_count = 3, .promised = 5, .last_zxid = 0x500000002, .last_hash = 99,
};

static void put_mark(uint8_t file[MARK_FILE_BYTES], struct mark mark)
{
    mark_encode(&mark, file + mark.number % 2 * MARK_SLOT_BYTES);
}

START_TEST(the_mark_is_laid_out_as_the_header_says)
{
    static const uint8_t START[56] = {
        'z', 'k', 'd', 'M', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, /* magic, format, number */
        0, 0, 0, 0, 0, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0, 3,        /* incarnation, start count */
        0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 5, 0, 0, 0, 2,         /* promised, last zxid */
        0, 0, 0, 0, 0, 0, 0, 99,                                /* last hash */
    };
    uint8_t slot[MARK_SLOT_BYTES];
    mark_encode(&MARK, slot);
    ck_assert_mem_eq(slot, START, sizeof START);
    for (size_t i = sizeof START; i < MARK_SLOT_BYTES - 8; i++)
        ck_assert_uint_eq(slot[i], 0);
}
END_TEST

START_TEST(the_newer_of_two_slots_counts)
{
    uint8_t file[MARK_FILE_BYTES] = {0};
    struct mark got, newer = MARK;
    newer.number++;
    newer.last_zxid++;
    put_mark(file, MARK);
    ck_assert_int_eq(mark_decode(zk_slice(file, sizeof file), &got), MARK_GOOD);
    ck_assert_mem_eq(&got, &MARK, sizeof got);
    put_mark(file, newer);
    ck_assert_int_eq(mark_decode(zk_slice(file, sizeof file), &got), MARK_GOOD);
    ck_assert_mem_eq(&got, &newer, sizeof got);
}
END_TEST

START_TEST(a_torn_write_leaves_the_mark_before)
{
    uint8_t before[MARK_FILE_BYTES] = {0}, after[MARK_FILE_BYTES];
    struct mark got, newer = MARK;
    newer.number++;
    put_mark(before, (struct mark){.number = 7, .incarnation = 77});
    put_mark(before, MARK);
    memcpy(after, before, sizeof after);
    put_mark(after, newer);
    size_t slot = newer.number % 2 * MARK_SLOT_BYTES;
    for (size_t torn = 16; torn < MARK_SLOT_BYTES; torn++) { /* so much of the new slot got there */
        uint8_t file[MARK_FILE_BYTES];
        memcpy(file, before, sizeof file);
        memcpy(file + slot, after + slot, torn);
        ck_assert_int_eq(mark_decode(zk_slice(file, sizeof file), &got), MARK_GOOD);
        ck_assert_uint_eq(got.number, torn < MARK_SLOT_BYTES - 8 || memcmp(file, after, sizeof file) != 0 ? 8 : 9);
    }
}
END_TEST

START_TEST(a_flipped_bit_makes_a_slot_void)
{
    uint8_t file[MARK_FILE_BYTES] = {0};
    struct mark got;
    put_mark(file, MARK);
    for (size_t bit = 0; bit < MARK_SLOT_BYTES * 8; bit++) {
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_int_eq(mark_decode(zk_slice(file, sizeof file), &got), MARK_NONE);
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}
END_TEST

START_TEST(a_later_format_is_told_apart_from_rubbish)
{
    uint8_t file[MARK_FILE_BYTES] = {0};
    struct mark got;
    ck_assert_int_eq(mark_decode(zk_slice(file, sizeof file), &got), MARK_NONE);
    ck_assert_int_eq(mark_decode(zk_slice(file, 100), &got), MARK_NONE);
    put_mark(file, MARK);
    file[4] = MARK_FORMAT + 1;
    mark_seal(file);
    ck_assert_int_eq(mark_decode(zk_slice(file, sizeof file), &got), MARK_NEWER);
}
END_TEST

struct judgement {
    const char *why; /* NULL: not behind */
    struct storage_image image;
    bool at_mark;
    uint64_t hash_at_mark;
};

#define SOUND .incarnation = 77, .start_count = 3, .promised = 5, .last_zxid = 0x500000002, .base_zxid = 0x100000001

static const struct judgement JUDGEMENTS[] = {
    {NULL, {SOUND}, true, 99},
    {NULL, {.incarnation = 77, .start_count = 4, .promised = 6, .last_zxid = 0x600000000}, true, 99},
    /* Purged, or replaced by a snapshot, beyond the mark: nothing to compare, nothing missing. */
    {NULL, {.incarnation = 77, .start_count = 3, .promised = 5, .last_zxid = 0x600000000, .base_zxid = 0x500000009}, false, 0},
    {"another store", {.incarnation = 78, .start_count = 3, .promised = 5, .last_zxid = 0x500000002}, true, 99},
    {"older copy", {.incarnation = 77, .start_count = 2, .promised = 5, .last_zxid = 0x500000002}, true, 99},
    {"promised epoch 5", {.incarnation = 77, .start_count = 3, .promised = 4, .last_zxid = 0x500000002}, true, 99},
    {"its log ends at 0x500000001", {.incarnation = 77, .start_count = 3, .promised = 5, .last_zxid = 0x500000001}, false, 0},
    {"does not hold that entry", {SOUND}, true, 98},
    {"does not hold that entry", {.incarnation = 77, .start_count = 3, .promised = 6, .last_zxid = 0x600000000}, false, 0},
};

START_TEST(a_store_behind_its_mark_is_told_why)
{
    const struct judgement *j = &JUDGEMENTS[_i];
    char why[256] = "";
    bool behind = mark_behind(&MARK, &j->image, j->at_mark, j->hash_at_mark, why, sizeof why);
    ck_assert_int_eq(behind, j->why != NULL);
    if (behind)
        ck_assert_msg(strstr(why, j->why) != NULL, "'%s' does not say '%s'", why, j->why);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("mark");
    tcase_add_test(tc, the_mark_is_laid_out_as_the_header_says);
    tcase_add_test(tc, the_newer_of_two_slots_counts);
    tcase_add_test(tc, a_torn_write_leaves_the_mark_before);
    tcase_add_test(tc, a_flipped_bit_makes_a_slot_void);
    tcase_add_test(tc, a_later_format_is_told_apart_from_rubbish);
    tcase_add_loop_test(tc, a_store_behind_its_mark_is_told_why, 0, (int)ZK_COUNT_OF(JUDGEMENTS));
    return run_tests("mark", tc);
}
