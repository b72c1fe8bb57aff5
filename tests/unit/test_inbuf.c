/* test_inbuf.c: proves server/net/inbuf.h: any bytes in any pieces. */
#include "common/rng.h"
#include "server/net/inbuf.h"
#include "tests/unit/run.h"

#define SCRATCH 64
#define FRAME_MAX 300

static struct inbuf in;
static uint8_t scratch[SCRATCH];
static struct zk_buf seen; /* the frames, each behind its length again */
static enum inbuf_verdict answer;
static uint32_t bad_length;

static void setup(void)
{
    memset(&in, 0, sizeof in);
    zk_buf_init(&seen);
    answer = INBUF_GO_ON;
}

static void teardown(void)
{
    inbuf_fini(&in);
    zk_buf_fini(&seen);
}

static void put_frame(struct zk_buf *out, const uint8_t *ptr, uint32_t len)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        zk_buf_append_byte(out, (uint8_t)(len >> shift));
    zk_buf_append(out, ptr, len);
}

static enum inbuf_verdict see(void *arg, struct zk_slice frame)
{
    put_frame(&seen, frame.ptr, (uint32_t)frame.len);
    return answer;
}

/* Plays readv: as much of `bytes` as fits, at most `most`; returns what inbuf_take said. */
static enum inbuf_verdict read_some(struct zk_slice *bytes, size_t most)
{
    struct iovec parts[2];
    int count = inbuf_prepare(&in, scratch, SCRATCH, parts);
    size_t done = 0;
    for (int i = 0; i < count; i++) {
        size_t here = parts[i].iov_len < most - done ? parts[i].iov_len : most - done;
        here = here < bytes->len ? here : bytes->len;
        memcpy(parts[i].iov_base, bytes->ptr, here);
        bytes->ptr += here;
        bytes->len -= here;
        done += here;
    }
    return inbuf_take(&in, scratch, done, FRAME_MAX, see, NULL, &bad_length);
}

START_TEST(any_cut_of_any_stream_gives_its_frames)
{
    struct zk_rng rng;
    zk_rng_seed(&rng, (uint64_t)_i, 3);
    struct zk_buf stream;
    zk_buf_init(&stream);
    for (int i = 0; i < 20; i++) {
        uint8_t payload[FRAME_MAX];
        uint32_t len = zk_rng_below(&rng, 3) ? zk_rng_below(&rng, 40) : zk_rng_below(&rng, FRAME_MAX + 1);
        zk_rng_fill(&rng, payload, len);
        put_frame(&stream, payload, len);
    }
    for (struct zk_slice left = zk_buf_slice(&stream); left.len > 0;)
        ck_assert(read_some(&left, 1 + zk_rng_below(&rng, 90)) == INBUF_GO_ON);
    ck_assert(zk_slice_eq(zk_buf_slice(&seen), zk_buf_slice(&stream)));
    ck_assert_ptr_null(in.ptr);
    zk_buf_fini(&stream);
}
END_TEST

START_TEST(a_length_beyond_the_limit_is_bad_at_its_fourth_byte)
{
    const uint8_t giant[] = {0, 0, 1, 45}, negative[] = {0xff, 0xff, 0xff, 0xff};
    struct zk_slice bytes = zk_slice(giant, 3);
    ck_assert(read_some(&bytes, 9) == INBUF_GO_ON);
    bytes = zk_slice(giant + 3, 1);
    ck_assert(read_some(&bytes, 9) == INBUF_BAD);
    ck_assert_uint_eq(bad_length, 301);
    bytes = zk_slice(negative, 4);
    ck_assert(read_some(&bytes, 9) == INBUF_BAD);
    ck_assert_uint_eq(bad_length, UINT32_MAX);
    ck_assert_uint_eq(seen.len, 0);
}
END_TEST

START_TEST(memory_follows_what_came_not_what_was_claimed)
{
    uint8_t bytes[SCRATCH] = {0, 0, 1, 44};
    struct zk_slice left = zk_slice(bytes, 10);
    ck_assert(read_some(&left, 10) == INBUF_GO_ON);
    ck_assert_uint_eq(in.len, 10);
    ck_assert_uint_eq(in.cap, 10);
}
END_TEST

START_TEST(what_is_held_back_comes_with_resume)
{
    const uint8_t three[] = {0, 0, 0, 1, 'a', 0, 0, 0, 1, 'b', 0, 0, 0, 1};
    struct zk_slice bytes = zk_slice(three, sizeof three);
    answer = INBUF_HOLD;
    ck_assert(read_some(&bytes, SCRATCH) == INBUF_HOLD);
    ck_assert_uint_eq(seen.len, 5);
    answer = INBUF_GO_ON;
    ck_assert(inbuf_resume(&in, FRAME_MAX, see, NULL, &bad_length) == INBUF_GO_ON);
    ck_assert_uint_eq(seen.len, 10);
    bytes = zk_slice("c", 1);
    ck_assert(read_some(&bytes, SCRATCH) == INBUF_GO_ON);
    ck_assert_uint_eq(seen.len, 15);
    ck_assert_ptr_null(in.ptr);
}
END_TEST

START_TEST(after_drop_nothing_is_kept)
{
    const uint8_t two[] = {0, 0, 0, 1, 'a', 0, 0, 0, 1, 'b'};
    struct zk_slice bytes = zk_slice(two, sizeof two);
    answer = INBUF_DROP;
    ck_assert(read_some(&bytes, SCRATCH) == INBUF_DROP);
    ck_assert_uint_eq(seen.len, 5);
    ck_assert_ptr_null(in.ptr);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("inbuf");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, any_cut_of_any_stream_gives_its_frames, 0, 200);
    tcase_add_test(tests, a_length_beyond_the_limit_is_bad_at_its_fourth_byte);
    tcase_add_test(tests, memory_follows_what_came_not_what_was_claimed);
    tcase_add_test(tests, what_is_held_back_comes_with_resume);
    tcase_add_test(tests, after_drop_nothing_is_kept);
    Suite *suite = suite_create("inbuf");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* 200 forks cost more than all the rest */
    return run_all(runner);
}
