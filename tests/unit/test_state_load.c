/* test_state_load.c: proves server/state/load.c, rows.c and the face of checkpoint.c: what is loaded is what was
 * written, what is wrong is refused in a sentence, and counters at their ends go on as Java's ints do. */
#include "common/rng.h"
#include "tests/unit/state_kit.h"

#define ROWS_MAX 64

struct rows {
    struct zk_buf keys[ROWS_MAX];
    struct zk_buf values[ROWS_MAX];
    size_t count;
    uint64_t zxid, digest;
};

/* Those of a checkpoint that has begun. */
static struct rows rows_to_come(struct state *s)
{
    struct rows r;
    struct state_row row;
    memset(&r, 0, sizeof r);
    r.zxid = state_zxid(s);
    r.digest = state_digest(s);
    while (state_checkpoint_next(s, &row)) {
        ck_assert_uint_lt(r.count, ROWS_MAX);
        zk_buf_append_slice(&r.keys[r.count], row.key);
        zk_buf_append_slice(&r.values[r.count++], row.value);
    }
    return r;
}

static struct rows rows_of(struct state *s)
{
    state_checkpoint_begin(s);
    return rows_to_come(s);
}

static void rows_free(struct rows *r)
{
    for (size_t i = 0; i < ROWS_MAX; i++) {
        zk_buf_fini(&r->keys[i]);
        zk_buf_fini(&r->values[i]);
    }
}

/* The state, or NULL and the sentence. */
static struct state *load(const struct rows *r, char why[200])
{
    struct state *s = state_load_begin();
    bool ok = true;
    for (size_t i = 0; i < r->count && ok; i++)
        ok = state_load_row(s, zk_buf_slice(&r->keys[i]), zk_buf_slice(&r->values[i]), why, 200);
    if (ok && state_load_end(s, r->zxid, r->digest, why, 200))
        return s;
    state_free(s);
    return NULL;
}

static void expect_refusal(const struct rows *r, const char *part)
{
    char why[200] = "";
    ck_assert_ptr_null(load(r, why));
    ck_assert_msg(strstr(why, part) != NULL, "\"%s\" does not say \"%s\"", why, part);
}

static struct kit populated(void)
{
    struct kit k = kit_new();
    uint64_t a = kit_open_with(&k, 3, zk_slice(NULL, 0));
    uint64_t b = kit_open_with(&k, 3, zk_slice(NULL, 0));
    zk_buf_reset(&k.payload);
    kit_put_create(&k, "/d", "data", 0);
    kit_send_xid(&k, a, ZK_OP_CREATE, 1);
    kit_send_xid(&k, b, ZK_OP_CREATE, 1);
    zk_buf_reset(&k.payload);
    kit_put_create(&k, "/d/e", NULL, ZK_FLAG_EPHEMERAL);
    kit_send_xid(&k, a, ZK_OP_CREATE, 2);
    kit_close(&k, b);
    kit_auth(&k, a, "digest", "u:h");
    return k;
}

START_TEST(what_is_loaded_is_what_was_written)
{
    struct kit k = populated();
    struct rows r = rows_of(k.s);
    char why[200] = "";
    struct state *again = load(&r, why);
    ck_assert_msg(again != NULL, "%s", why);
    ck_assert_ptr_null(state_check(again));
    ck_assert_uint_eq(state_digest(again), state_digest(k.s));
    ck_assert_uint_eq(state_zxid(again), state_zxid(k.s));
    ck_assert_int_eq(state_time_ms(again), state_time_ms(k.s));
    ck_assert_uint_eq(state_size_bytes(again), state_size_bytes(k.s));
    ck_assert_uint_eq(state_dirty_bytes(again), 0);
    struct state_session known, want;
    ck_assert(state_session_next(again, 0, &known));
    ck_assert(state_session_next(k.s, 0, &want));
    ck_assert_mem_eq(known.password, want.password, ZK_PASSWORD_BYTES);
    ck_assert_uint_eq(known.number, want.number);
    int64_t ended_ms, want_ms;
    ck_assert_uint_eq(state_memory_oldest(again, &ended_ms), state_memory_oldest(k.s, &want_ms));
    ck_assert_int_eq(ended_ms, want_ms);
    state_free(again);
    rows_free(&r);
    kit_free(&k);
}
END_TEST

START_TEST(a_second_checkpoint_has_only_what_changed_and_tombstones)
{
    struct kit k = populated();
    struct state_session known;
    ck_assert(state_session_next(k.s, 0, &known));
    struct rows first = rows_of(k.s);
    zk_buf_reset(&k.payload);
    kit_put_create(&k, "/brief", "", 0);
    kit_send_xid(&k, known.id, ZK_OP_CREATE, 3);
    zk_buf_reset(&k.payload);
    zk_path_version_encode(&k.payload, (struct zk_path_version){zk_slice_str("/brief"), -1});
    kit_send_xid(&k, known.id, ZK_OP_DELETE, 4);
    zk_buf_reset(&k.payload);
    zk_path_version_encode(&k.payload, (struct zk_path_version){zk_slice_str("/d/e"), -1});
    kit_send_xid(&k, known.id, ZK_OP_DELETE, 5);
    struct state_row row;
    static const char *const want[] = {"\x10", "\x20", "\x40/", "\x40/d", "\x40/d/e"};
    static const bool gone[] = {false, false, false, false, true};
    state_checkpoint_begin(k.s);
    for (size_t i = 0; i < ZK_COUNT_OF(want); i++) {
        ck_assert(state_checkpoint_next(k.s, &row));
        size_t len = i == 1 ? 1 : row.key.len;
        ck_assert(zk_slice_eq(zk_slice(row.key.ptr, len), zk_slice_str(want[i])));
        ck_assert(gone[i] == (row.value.ptr == NULL));
    }
    ck_assert(!state_checkpoint_next(k.s, &row));
    rows_free(&first);
    kit_free(&k);
}
END_TEST

START_TEST(a_row_is_laid_out_as_the_header_says)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    k.zxid = EPOCH_1 + 4;
    zk_buf_reset(&k.payload);
    kit_put_create(&k, "/a", "hi", 0);
    struct command c = kit_request(&k, a, ZK_OP_CREATE);
    c.time_ms = 2000;
    kit_apply(&k, c);
    static const uint8_t want[] = {
        1, 1, 0, 0,  0,   1,   0,   0,   0,   5,   0, 0,  0, 1, 0,   0,   0,   5,   0,   0,   0,
        1, 0, 0, 0,  5,                                                                     /* format, kind, zxids */
        0, 0, 0, 0,  0,   0,   7,   208, 0,   0,   0, 0,  0, 0, 7,   208,                   /* times */
        0, 0, 0, 0,  0,   0,   0,   0,   0,   0,   0, 0,  0, 0, 0,   0,   0,   0,   0,   0, /* versions */
        0, 0, 0, 27, 0,   0,   0,   1,   0,   0,   0, 31, 0, 0, 0,   5,   'w', 'o', 'r', 'l', 'd', /* ACL */
        0, 0, 0, 6,  'a', 'n', 'y', 'o', 'n', 'e', 0, 0,  0, 2, 'h', 'i',                          /* and data */
    };
    struct rows r = rows_of(k.s);
    size_t last = 0;
    while (!zk_slice_eq(zk_buf_slice(&r.keys[last]), zk_slice_str("\x40/a")))
        last++;
    ck_assert_uint_eq(r.values[last].len, sizeof want);
    ck_assert_mem_eq(r.values[last].ptr, want, sizeof want);
    rows_free(&r);
    kit_free(&k);
}
END_TEST

static void drop_row(struct rows *r, size_t at)
{
    zk_buf_fini(&r->keys[at]);
    zk_buf_fini(&r->values[at]);
    r->count--;
    memmove(&r->keys[at], &r->keys[at + 1], (r->count - at) * sizeof r->keys[0]);
    memmove(&r->values[at], &r->values[at + 1], (r->count - at) * sizeof r->values[0]);
    zk_buf_init(&r->keys[r->count]);
    zk_buf_init(&r->values[r->count]);
}

START_TEST(what_does_not_hold_is_refused_in_a_sentence)
{
    struct {
        size_t drop;
        const char *part;
    } cases[] = {
        {0, "own row is missing"}, /* 0: meta, 1 and 2: sessions, 3: /, 4: /d, 5: /d/e */
        {1, "session that is not alive"}, {2, "digest"}, {3, "has no parent"}, {4, "has no parent"}, {5, "digest"}};
    for (size_t i = 0; i < ZK_COUNT_OF(cases); i++) {
        struct kit k = populated();
        struct rows r = rows_of(k.s);
        drop_row(&r, cases[i].drop);
        expect_refusal(&r, cases[i].part);
        rows_free(&r);
        kit_free(&k);
    }
    struct kit k = populated();
    struct rows r = rows_of(k.s);
    r.values[4].ptr[0] = 9;
    expect_refusal(&r, "newer");
    r.values[4].ptr[0] = 1;
    r.values[4].ptr[1] = 7;
    expect_refusal(&r, "kind");
    r.values[4].ptr[1] = 1;
    struct zk_buf swap = r.keys[1];
    r.keys[1] = r.keys[2];
    r.keys[2] = swap;
    expect_refusal(&r, "order");
    rows_free(&r);
    kit_free(&k);
}
END_TEST

START_TEST(rows_of_random_bytes_are_refused_and_do_no_harm)
{
    struct zk_rng rng;
    zk_rng_seed(&rng, 7, 7);
    struct kit k = populated();
    struct rows r = rows_of(k.s);
    int loaded = 0;
    for (int n = 0; n < 3000; n++) {
        char why[200] = "";
        struct zk_buf *victim = zk_rng_below(&rng, 8) == 0 ? &r.keys[zk_rng_below(&rng, (uint32_t)r.count)]
                                                           : &r.values[zk_rng_below(&rng, (uint32_t)r.count)];
        uint32_t at = zk_rng_below(&rng, (uint32_t)victim->len);
        uint8_t was = victim->ptr[at];
        size_t len = victim->len;
        victim->ptr[at] =
            zk_rng_below(&rng, 2) ? (uint8_t)zk_rng_u32(&rng) : (uint8_t)(was ^ 1u << zk_rng_below(&rng, 8));
        if (zk_rng_below(&rng, 4) == 0)
            victim->len = zk_rng_below(&rng, (uint32_t)len + 1);
        struct state *s = load(&r, why);
        ck_assert(s != NULL || why[0] != '\0');
        loaded += s != NULL;
        state_free(s);
        victim->len = len;
        victim->ptr[at] = was;
    }
    ck_assert_int_lt(loaded, 30); /* a byte set to what it was */
    rows_free(&r);
    kit_free(&k);
}
END_TEST

/* --- counters at their ends, which only a loaded state can have --- */

#define VERSION_AT  42
#define AVERSION_AT 46
#define CREATES_AT  50

/* /d of `k` with this counter, in a state loaded from rows. */
static void set_counter(struct kit *k, size_t field_at, int32_t value)
{
    char why[200] = "";
    struct rows r = rows_of(k->s);
    size_t i = 0;
    while (i < r.count && !zk_slice_eq(zk_buf_slice(&r.keys[i]), zk_slice_str("\x40/d")))
        i++;
    ck_assert_uint_lt(i, r.count);
    zk_jute_set_int(&r.values[i], field_at, value);
    struct state *s = state_load_begin();
    for (i = 0; i < r.count; i++)
        ck_assert(state_load_row(s, zk_buf_slice(&r.keys[i]), zk_buf_slice(&r.values[i]), why, sizeof why));
    r.digest = state_digest(s);
    ck_assert(state_load_end(s, r.zxid, r.digest, why, sizeof why));
    state_free(k->s);
    k->s = s;
    rows_free(&r);
}

START_TEST(the_sequence_number_wraps_as_a_java_int)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_create(&k, a, "/d", "", 0);
    set_counter(&k, CREATES_AT, INT32_MAX);
    kit_create(&k, a, "/d/s-", "", ZK_FLAG_SEQUENTIAL);
    kit_expect_created(&k, "/d/s-2147483647");
    kit_create(&k, a, "/d/s-", "", ZK_FLAG_SEQUENTIAL);
    kit_expect_created(&k, "/d/s--2147483648");
    kit_free(&k);
}
END_TEST

START_TEST(versions_wrap_and_minus_one_then_means_any)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_create(&k, a, "/d", "", 0);
    set_counter(&k, VERSION_AT, INT32_MAX);
    ck_assert_int_eq(kit_set(&k, a, "/d", "x", INT32_MAX), 0);
    ck_assert_int_eq(kit_stat(&k, "/d").version, INT32_MIN);
    kit_free(&k);
    k = kit_new();
    a = kit_open(&k);
    kit_create(&k, a, "/d", "", 0);
    set_counter(&k, VERSION_AT, -2);
    ck_assert_int_eq(kit_set(&k, a, "/d", "x", -2), 0);
    ck_assert_int_eq(kit_stat(&k, "/d").version, -1);
    ck_assert_int_eq(kit_set(&k, a, "/d", "x", 0), ZK_ERR_BAD_VERSION);
    ck_assert_int_eq(kit_set(&k, a, "/d", "x", -1), 0);
    ck_assert_int_eq(kit_stat(&k, "/d").version, 0);
    kit_free(&k);
    k = kit_new();
    a = kit_open(&k);
    kit_create(&k, a, "/d", "", 0);
    set_counter(&k, AVERSION_AT, INT32_MAX);
    ck_assert_int_eq(kit_set_acl(&k, a, "/d", zk_buf_slice(&k.acl), INT32_MAX), 0);
    ck_assert_int_eq(kit_stat(&k, "/d").aversion, INT32_MIN);
    kit_free(&k);
}
END_TEST

static void expect_same(const struct rows *a, const struct rows *b)
{
    ck_assert_uint_eq(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        ck_assert(zk_slice_eq(zk_buf_slice(&a->keys[i]), zk_buf_slice(&b->keys[i])));
        ck_assert(zk_slice_eq(zk_buf_slice(&a->values[i]), zk_buf_slice(&b->values[i])));
    }
}

static struct kit under_lists_of_their_own(uint64_t *ret_session)
{
    struct kit k = kit_new();
    *ret_session = kit_open(&k);
    kit_acl(&k.acl, ZK_PERM_ALL, "digest", "u:h");
    kit_auth(&k, *ret_session, "digest", "u:h");
    kit_create(&k, *ret_session, "/changed", "data", 0);
    kit_create(&k, *ret_session, "/changed/deleted", "more", 0);
    kit_acl(&k.acl, ZK_PERM_ALL, "world", "anyone");
    kit_create(&k, *ret_session, "/changed/open", "", 0);
    return k;
}

/* The lists that the checkpoint has to write are nobody's when it comes to them. */
START_TEST(a_checkpoint_writes_what_was_when_it_began)
{
    uint64_t a;
    struct kit still = under_lists_of_their_own(&a), moving = under_lists_of_their_own(&a);
    struct rows want = rows_of(still.s);
    state_checkpoint_begin(moving.s);
    for (int i = 0; i < 2; i++) /* changed again, it is captured once */
        ck_assert_int_eq(kit_set_acl(&moving, a, "/changed", zk_buf_slice(&moving.acl), -1), 0);
    ck_assert_int_eq(kit_delete(&moving, a, "/changed/deleted", -1), 0);
    ck_assert_int_eq(kit_delete(&moving, a, "/changed/open", -1), 0);
    kit_close(&moving, a);
    struct rows have = rows_to_come(moving.s);
    expect_same(&have, &want);
    rows_free(&have);
    rows_free(&want);
    kit_free(&moving);
    kit_free(&still);
}
END_TEST

/* --- many rows --- */

START_TEST(many_rows_come_in_order_and_in_small_pieces)
{
    struct kit k = kit_new();
    struct zk_rng rng;
    zk_rng_seed(&rng, 3, 3);
    uint64_t a = kit_open(&k);
    for (uint32_t i = 1; i <= 20000; i++) {
        char path[32];
        snprintf(path, sizeof path, "/%08x-%u", zk_rng_u32(&rng), i);
        kit_create_quickly(&k, a, path, "", 0);
    }
    struct zk_buf last;
    zk_buf_init(&last);
    struct state_row row;
    int pieces = 0, rows = 0;
    state_checkpoint_begin(k.s);
    while (state_checkpoint_prepare(k.s))
        pieces++;
    while (state_checkpoint_next(k.s, &row)) {
        ck_assert_int_lt(zk_slice_cmp(zk_buf_slice(&last), row.key), 0);
        zk_buf_reset(&last);
        zk_buf_append_slice(&last, row.key);
        rows++;
    }
    ck_assert_int_eq(rows, 20000 + 4 + 1 + 1); /* the first znodes, the session, the state's own */
    ck_assert_int_gt(pieces, 200);
    kit_check(&k);
    zk_buf_fini(&last);
    kit_free(&k);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("load");
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, what_is_loaded_is_what_was_written);
    tcase_add_test(tc, a_second_checkpoint_has_only_what_changed_and_tombstones);
    tcase_add_test(tc, a_row_is_laid_out_as_the_header_says);
    tcase_add_test(tc, what_does_not_hold_is_refused_in_a_sentence);
    tcase_add_test(tc, rows_of_random_bytes_are_refused_and_do_no_harm);
    tcase_add_test(tc, the_sequence_number_wraps_as_a_java_int);
    tcase_add_test(tc, versions_wrap_and_minus_one_then_means_any);
    tcase_add_test(tc, a_checkpoint_writes_what_was_when_it_began);
    tcase_add_test(tc, many_rows_come_in_order_and_in_small_pieces);
    return run_tests("state_load", tc);
}
