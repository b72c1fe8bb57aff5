/* test_link.c: proves server/net/link.h */
#include "server/net/link.h"
#include "common/rng.h"
#include "tests/unit/run.h"

static struct zk_slice text(const char *t)
{
    return zk_slice_str(t);
}

static void open_link(struct link *l, uint64_t self, uint64_t peer, const char *secret, uint8_t nonce)
{
    struct link_config config = {.self = self, .peer = peer, .secret = text(secret)};
    memset(config.nonce, nonce, sizeof config.nonce);
    link_init(l, &config);
}

/* Carry what each has to say to the other, `step` bytes at a time, until both are silent. */
static void carry(struct link *a, struct link *b, size_t step)
{
    for (;;) {
        struct link *from = a->out.len ? a : b;
        struct link *to = from == a ? b : a;
        if (from->out.len == 0)
            return;
        size_t len = from->out.len < step ? from->out.len : step;
        bool alive = link_feed(to, zk_slice(from->out.ptr, len));
        zk_buf_drop_front(&from->out, len);
        if (!alive)
            zk_buf_reset(&from->out);
    }
}

static void pair(struct link *a, struct link *b, const char *secret_a, const char *secret_b, size_t step)
{
    open_link(a, 1, 2, secret_a, 'a');
    open_link(b, 2, 0, secret_b, 'b');
    carry(a, b, step);
}

static void done(struct link *a, struct link *b)
{
    link_fini(a);
    link_fini(b);
}

START_TEST(two_servers_with_one_secret_meet_and_talk_byte_by_byte)
{
    for (size_t step = 1; step < 200; step += 7) {
        struct link a, b;
        pair(&a, &b, "sesame", "sesame", step);
        ck_assert_int_eq(a.state, LINK_OPEN);
        ck_assert_int_eq(b.state, LINK_OPEN);
        ck_assert_uint_eq(link_peer(&b), 1);
        link_send(&a, text("hello"));
        link_send(&a, text(""));
        link_send(&a, text("again"));
        carry(&a, &b, step);
        struct zk_slice m;
        ck_assert(link_next(&b, &m) && zk_slice_eq(m, text("hello")));
        ck_assert(link_next(&b, &m) && m.len == 0);
        ck_assert(link_next(&b, &m) && zk_slice_eq(m, text("again")));
        ck_assert(!link_next(&b, &m));
        done(&a, &b);
    }
}
END_TEST

START_TEST(without_a_secret_on_either_side_they_meet_too)
{
    struct link a, b;
    pair(&a, &b, NULL, NULL, 1000);
    ck_assert_int_eq(a.state, LINK_OPEN);
    ck_assert_int_eq(b.state, LINK_OPEN);
    done(&a, &b);
}
END_TEST

START_TEST(another_secret_or_none_is_refused_and_both_say_why)
{
    const char *secrets[][2] = {{"sesame", "other"}, {"sesame", NULL}, {NULL, "sesame"}};
    for (size_t i = 0; i < ZK_COUNT_OF(secrets); i++) {
        struct link a, b;
        pair(&a, &b, secrets[i][0], secrets[i][1], 1000);
        ck_assert_int_eq(a.state, LINK_CLOSED);
        ck_assert_int_eq(b.state, LINK_CLOSED);
        ck_assert(strstr(link_why(&a), "secret") && strstr(link_why(&b), "secret"));
        done(&a, &b);
    }
}
END_TEST

START_TEST(the_wrong_server_at_an_address_is_named_as_such)
{
    struct link a, b;
    open_link(&a, 1, 3, NULL, 'a');
    open_link(&b, 2, 0, NULL, 'b');
    carry(&a, &b, 1000);
    ck_assert_int_eq(a.state, LINK_CLOSED);
    ck_assert(strstr(link_why(&a), "not the server that was dialled"));
    done(&a, &b);
}
END_TEST

START_TEST(a_server_that_dials_itself_says_so)
{
    struct link a, b;
    open_link(&a, 1, 2, NULL, 'a');
    open_link(&b, 1, 0, NULL, 'b');
    carry(&a, &b, 1000);
    ck_assert(strstr(link_why(&b), "dialled itself"));
    ck_assert(strstr(link_why(&a), "dialled itself"));
    done(&a, &b);
}
END_TEST

static bool admit_nobody(void *arg, uint64_t peer)
{
    *(uint64_t *)arg = peer;
    return false;
}

START_TEST(an_address_that_is_not_the_servers_own_is_refused)
{
    struct link a, b;
    uint64_t asked = 0;
    open_link(&a, 1, 2, NULL, 'a');
    struct link_config config = {.self = 2, .admit = admit_nobody, .admit_arg = &asked};
    link_init(&b, &config);
    carry(&a, &b, 1000);
    ck_assert_uint_eq(asked, 1);
    ck_assert_int_eq(b.state, LINK_CLOSED);
    ck_assert(strstr(link_why(&a), "address"));
    done(&a, &b);
}
END_TEST

START_TEST(a_replayed_or_reflected_proof_does_not_pass)
{
    /* What `b` said to `a` once, played back to another dialler: the nonce differs, so does the proof. */
    struct link a, b, victim;
    open_link(&a, 1, 2, "sesame", 'a');
    open_link(&b, 2, 0, "sesame", 'b');
    ck_assert(link_feed(&b, zk_buf_slice(&a.out)));
    open_link(&victim, 1, 2, "sesame", 'v');
    ck_assert(!link_feed(&victim, zk_buf_slice(&b.out)));
    ck_assert(strstr(link_why(&victim), "secret"));
    link_fini(&victim);
    done(&a, &b);
}
END_TEST

START_TEST(an_unproven_peer_cannot_make_us_hold_more_than_a_greeting)
{
    struct link b;
    open_link(&b, 2, 0, "sesame", 'b');
    static const uint8_t payload[LINK_GREETING_BYTES_MAX + 1];
    uint8_t header[LINK_HEADER_BYTES];
    link_frame_header(zk_slice(payload, sizeof payload), header);
    ck_assert(!link_feed(&b, zk_slice(header, sizeof header)));
    ck_assert(strstr(link_why(&b), "limit"));
    ck_assert(b.in.cap < 4096);
    link_fini(&b);
}
END_TEST

START_TEST(a_flipped_bit_closes_the_link)
{
    struct link a, b;
    pair(&a, &b, "sesame", "sesame", 1000);
    link_send(&a, text("a message"));
    a.out.ptr[LINK_HEADER_BYTES + 2] ^= 1;
    ck_assert(link_feed(&b, zk_buf_slice(&a.out)));
    struct zk_slice m;
    ck_assert(!link_next(&b, &m));
    ck_assert_int_eq(b.state, LINK_CLOSED);
    ck_assert(strstr(link_why(&b), "checksum"));
    done(&a, &b);
}
END_TEST

/* Else it would wait for the rest of a frame that nobody sends, on a connection that looks alive. */
START_TEST(a_flipped_bit_of_a_length_closes_the_link_at_once)
{
    for (int bit = 0; bit < 64; bit++) {
        struct link a, b;
        pair(&a, &b, "sesame", "sesame", 1000);
        link_send(&a, text("a message"));
        a.out.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert(link_feed(&b, zk_slice(a.out.ptr, 8)));
        struct zk_slice m;
        ck_assert(!link_next(&b, &m));
        ck_assert_int_eq(b.state, LINK_CLOSED);
        ck_assert(strstr(link_why(&b), "spoilt"));
        done(&a, &b);
    }
}
END_TEST

START_TEST(no_bytes_whatsoever_open_a_link_or_break_it)
{
    struct zk_rng rng;
    zk_rng_seed(&rng, 7, 1);
    for (int round = 0; round < 2000; round++) {
        struct link a, b;
        open_link(&a, 1, 2, "sesame", 'a');
        open_link(&b, 2, 0, "sesame", 'b');
        if (zk_rng_below(&rng, 2))
            a.out.ptr[zk_rng_below(&rng, (uint32_t)a.out.len)] ^= (uint8_t)(1 + zk_rng_below(&rng, 255));
        else
            zk_rng_fill(&rng, a.out.ptr, a.out.len);
        (void)!link_feed(&b, zk_buf_slice(&a.out));
        ck_assert_int_ne(b.state, LINK_OPEN);
        done(&a, &b);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("link");
    tcase_add_test(tests, two_servers_with_one_secret_meet_and_talk_byte_by_byte);
    tcase_add_test(tests, without_a_secret_on_either_side_they_meet_too);
    tcase_add_test(tests, another_secret_or_none_is_refused_and_both_say_why);
    tcase_add_test(tests, the_wrong_server_at_an_address_is_named_as_such);
    tcase_add_test(tests, a_server_that_dials_itself_says_so);
    tcase_add_test(tests, an_address_that_is_not_the_servers_own_is_refused);
    tcase_add_test(tests, a_replayed_or_reflected_proof_does_not_pass);
    tcase_add_test(tests, an_unproven_peer_cannot_make_us_hold_more_than_a_greeting);
    tcase_add_test(tests, a_flipped_bit_closes_the_link);
    tcase_add_test(tests, a_flipped_bit_of_a_length_closes_the_link_at_once);
    tcase_add_test(tests, no_bytes_whatsoever_open_a_link_or_break_it);
    return run_tests("link", tests);
}
