/* test_client_core.c: proves client/core.h, with a server played by hand: bytes in, effects out. */
#include "client/core_private.h"
#include "tests/unit/run.h"
#include <stdarg.h>
#include <stdio.h>

enum { SESSION = 0x1234, K = 4, TIMEOUT_MS = 9000 };

static struct zkc *c;
static uint64_t now_ms;
static struct zk_buf wire; /* what the core sent on the current connection and the test has not read yet */
static char story[2048];   /* what else it wanted, in words */
static uint32_t conn;
static bool dialled, hung_up;

static void tell(const char *format, ...) ZK_PRINTF(1, 2);

static void tell(const char *format, ...)
{
    size_t len = strlen(story);
    va_list args;
    va_start(args, format);
    vsnprintf(story + len, sizeof story - len, format, args);
    va_end(args);
}

static void perform(const struct zkc_effect *e)
{
    static const char *const states[] = {"connecting", "connected", "lost", "expired", "auth-failed", "closed"};
    switch (e->type) {
    case ZKC_EFFECT_DIAL:
        conn = e->conn;
        dialled = true;
        hung_up = false;
        zk_buf_reset(&wire);
        break;
    case ZKC_EFFECT_SEND:
        ck_assert_uint_eq(e->conn, conn);
        zk_buf_append_slice(&wire, e->bytes);
        break;
    case ZKC_EFFECT_CLOSE:
        hung_up = true;
        break;
    case ZKC_EFFECT_DONE:
        tell("done %llu %d", (unsigned long long)e->tag, e->reply.err);
        if (e->reply.path.ptr != NULL)
            tell(" %.*s", (int)e->reply.path.len, (const char *)e->reply.path.ptr);
        tell("%s; ", e->watch_tag != 0 ? " watching" : "");
        break;
    case ZKC_EFFECT_WATCH:
        tell("watch %llu event %d %.*s%s; ", (unsigned long long)e->watch_tag, e->event, (int)e->path.len,
             (const char *)e->path.ptr, e->watch_ended ? " last" : "");
        break;
    case ZKC_EFFECT_STATE:
        tell("%s%s; ", states[e->state], e->resumed ? " again" : "");
        break;
    }
}

static void drain(void)
{
    struct zkc_effect e;
    while (zkc_next_effect(c, &e))
        perform(&e);
    zkc_check(c);
}

/* What happened since the last call. */
static const char *heard(void)
{
    static char copy[sizeof story];
    memcpy(copy, story, sizeof story);
    story[0] = '\0';
    return copy;
}

static void step(enum zkc_event_type type, struct zk_slice bytes)
{
    zkc_step(c, &(struct zkc_event){.type = type, .now_ms = now_ms, .conn = conn, .bytes = bytes});
    drain();
}

static void wait_ms(uint64_t ms)
{
    now_ms += ms;
    step(ZKC_EVENT_TICK, zk_slice(NULL, 0));
}

static void start(struct zkc_config config)
{
    if (config.server_count == 0)
        config.server_count = 1;
    config.session_timeout_ms = TIMEOUT_MS;
    zk_rng_seed(&config.rng, 7, 1);
    c = zkc_new(&config);
    ck_assert_ptr_nonnull(c);
    wait_ms(0);
}

static void setup(void)
{
    now_ms = 1000;
    story[0] = '\0';
    zk_buf_init(&wire);
}

static void teardown(void)
{
    zkc_free(c);
    c = NULL;
    zk_buf_fini(&wire);
}

/* --- the server's side --- */

static void feed(struct zk_buf *frame)
{
    step(ZKC_EVENT_DATA, zk_buf_slice(frame));
    zk_buf_fini(frame);
}

static void answer_connect(int64_t session, int32_t memory)
{
    struct zk_buf out = {0};
    size_t at = zk_jute_begin_frame(&out);
    struct zk_connect_response r = {
        .protocol_version = memory ? ZK_PROTOCOL_MEMORY : 0,
        .timeout_ms = session ? TIMEOUT_MS : 0,
        .session_id = session,
        .password = zk_slice("0123456789abcdef", ZK_PASSWORD_BYTES),
        .has_read_only = true,
        .memory = memory,
    };
    zk_connect_response_encode(&out, &r);
    zk_jute_end_frame(&out, at);
    feed(&out);
}

/* "Expired", and the results of two writes. */
static void answer_expired(int32_t xid, const char *path, int32_t other_xid, int32_t err)
{
    struct zk_buf past = {0}, record = {0}, out = {0};
    zk_jute_put_int(&past, 2);
    zk_jute_put_cstring(&record, path);
    zk_past_write_encode(&past, &(struct zk_past_write){.xid = xid, .zxid = 8, .record = zk_buf_slice(&record)});
    zk_past_write_encode(&past, &(struct zk_past_write){.xid = other_xid, .zxid = 9, .err = err});
    size_t at = zk_jute_begin_frame(&out);
    struct zk_connect_response r = {
        .protocol_version = ZK_PROTOCOL_MEMORY,
        .password = zk_slice("0123456789abcdef", ZK_PASSWORD_BYTES),
        .has_read_only = true,
        .memory = K,
        .past = zk_buf_slice(&past),
    };
    zk_connect_response_encode(&out, &r);
    zk_jute_end_frame(&out, at);
    zk_buf_fini(&past);
    zk_buf_fini(&record);
    feed(&out);
}

static void answer(int32_t xid, int64_t zxid, int32_t err, struct zk_slice body)
{
    struct zk_buf out = {0};
    size_t at = zk_jute_begin_frame(&out);
    zk_reply_header_encode(&out, (struct zk_reply_header){xid, zxid, err});
    zk_buf_append_slice(&out, body);
    zk_jute_end_frame(&out, at);
    feed(&out);
}

static void answer_stat(int32_t xid, int64_t zxid)
{
    static const uint8_t stat[ZK_STAT_BYTES];
    answer(xid, zxid, 0, zk_slice(stat, sizeof stat));
}

static void answer_path(int32_t xid, int64_t zxid, const char *path)
{
    struct zk_buf body = {0};
    zk_jute_put_cstring(&body, path);
    answer(xid, zxid, 0, zk_buf_slice(&body));
    zk_buf_fini(&body);
}

static void notify(int32_t type, const char *path)
{
    struct zk_buf body = {0};
    zk_watcher_event_encode(&body, &(struct zk_watcher_event){type, 3, zk_slice_str(path)});
    answer(ZK_XID_NOTIFICATION, -1, 0, zk_buf_slice(&body));
    zk_buf_fini(&body);
}

/* The next frame the core sent, past its length; `bad` when there is none. It stays in `kept` until the next call. */
static struct zk_jute next_frame(void)
{
    static uint8_t kept[1 << 20];
    struct zk_jute in = zk_jute(zk_buf_slice(&wire));
    int32_t len = zk_jute_int(&in);
    if (in.bad || (size_t)len > zk_jute_left(&in)) {
        in.bad = true;
        return in;
    }
    memcpy(kept, in.at, (size_t)len);
    zk_buf_drop_front(&wire, (size_t)len + 4);
    return zk_jute(zk_slice(kept, (size_t)len));
}

static void expect_request(int32_t xid, int32_t op)
{
    struct zk_jute in = next_frame();
    struct zk_request_header h = zk_request_header_decode(&in);
    ck_assert(!in.bad);
    ck_assert_int_eq(h.xid, xid);
    ck_assert_int_eq(h.op, op);
}

static void expect_silence(void)
{
    struct zk_jute in = next_frame();
    ck_assert(in.bad);
}

static struct zk_connect_request next_connect(void)
{
    step(ZKC_EVENT_CONNECTED, zk_slice(NULL, 0));
    struct zk_jute in = next_frame();
    struct zk_connect_request r = zk_connect_request_decode(&in);
    ck_assert(!in.bad);
    return r;
}

static void connect_with(int32_t memory)
{
    next_connect();
    answer_connect(SESSION, memory);
}

/* ...until the next one is dialled: at once, or when the core has waited as long as it says. */
static void break_connection(void)
{
    dialled = false;
    step(ZKC_EVENT_DISCONNECTED, zk_slice(NULL, 0));
    if (!dialled)
        wait_ms(zkc_deadline_ms(c) - now_ms);
    ck_assert(dialled);
}

/* Attempts fail meanwhile. */
static void wait_long_and_dial(uint64_t ms)
{
    dialled = false;
    wait_ms(ms);
    if (!dialled)
        wait_ms(zkc_deadline_ms(c) - now_ms);
    ck_assert(dialled);
}

static int submit(struct zkc_request r)
{
    int err = zkc_submit(c, now_ms, &r);
    drain();
    return err;
}

static void ask(uint64_t tag, int32_t op, const char *path, uint64_t watch)
{
    ck_assert_int_eq(
        submit((struct zkc_request){.op = op, .path = zk_slice_str(path), .tag = tag, .watch_tag = watch}), 0);
}

/* --- handshake --- */

START_TEST(the_first_handshake_asks_for_a_new_session_with_a_memory)
{
    start((struct zkc_config){0});
    struct zk_connect_request r = next_connect();
    ck_assert_int_eq(r.protocol_version, ZK_PROTOCOL_MEMORY);
    ck_assert_int_eq(r.session_id, 0);
    ck_assert_int_eq(r.timeout_ms, TIMEOUT_MS);
    ck_assert_uint_eq(r.password.len, ZK_PASSWORD_BYTES);
    ck_assert(r.has_read_only);
    answer_connect(SESSION, K);
    ck_assert_str_eq(heard(), "connected; ");
    ck_assert_int_eq(zkc_memory(c), K);
    ck_assert_int_eq(zkc_session_id(c), SESSION);
}
END_TEST

START_TEST(an_apache_server_answers_without_memory)
{
    start((struct zkc_config){0});
    connect_with(0);
    ck_assert_int_eq(zkc_memory(c), 0);
    ck_assert_str_eq(heard(), "connected; ");
}
END_TEST

START_TEST(reconnecting_names_the_session_and_the_last_zxid_seen)
{
    start((struct zkc_config){0});
    connect_with(K);
    ask(1, ZK_OP_EXISTS, "/a", 0);
    answer_stat(1, 77);
    notify(ZK_EVENT_CREATED, "/nobody-listens");
    break_connection();
    struct zk_connect_request r = next_connect();
    ck_assert_int_eq(r.session_id, SESSION);
    ck_assert_int_eq(r.last_zxid_seen, 77);
    ck_assert_int_eq(r.protocol_version, ZK_PROTOCOL_MEMORY);
    ck_assert_int_eq(memcmp(r.password.ptr, "0123456789abcdef", ZK_PASSWORD_BYTES), 0);
    answer_connect(SESSION, K);
    ck_assert_str_eq(heard(), "connected; done 1 0; connecting; connected again; ");
}
END_TEST

START_TEST(a_session_from_another_process_goes_on_without_memory)
{
    start((struct zkc_config){.session_id = 99, .password = "fedcba9876543210"});
    struct zk_connect_request r = next_connect();
    ck_assert_int_eq(r.session_id, 99);
    ck_assert_int_eq(r.protocol_version, ZK_PROTOCOL_APACHE);
    answer_connect(99, 0);
    ck_assert_str_eq(heard(), "connected again; ");
    break_connection();
    ck_assert_int_eq(next_connect().protocol_version, ZK_PROTOCOL_APACHE);
}
END_TEST

START_TEST(a_session_that_another_took_meanwhile_goes_on_without_memory)
{
    start((struct zkc_config){0});
    connect_with(K);
    ask(1, ZK_OP_SET_DATA, "/a", 0);
    heard();
    break_connection();
    ck_assert_int_eq(next_connect().protocol_version, ZK_PROTOCOL_MEMORY);
    answer_connect(SESSION, 0); /* as a server does whose session has lost its memory to another */
    ck_assert_str_eq(heard(), "connecting; done 1 -4; connected again; ");
    ck_assert_int_eq(zkc_memory(c), 0);
    expect_silence();
    ask(2, ZK_OP_SET_DATA, "/a", 0);
    expect_request(2, ZK_OP_SET_DATA);
    break_connection();
    ck_assert_str_eq(heard(), "done 2 -4; connecting; ");
    ck_assert_int_eq(next_connect().protocol_version, ZK_PROTOCOL_APACHE);
}
END_TEST

START_TEST(a_frame_may_come_byte_by_byte)
{
    start((struct zkc_config){0});
    connect_with(K);
    ask(1, ZK_OP_SYNC, "/a", 0);
    heard();
    struct zk_buf out = {0};
    size_t at = zk_jute_begin_frame(&out);
    zk_reply_header_encode(&out, (struct zk_reply_header){1, 5, 0});
    zk_jute_put_cstring(&out, "/a");
    zk_jute_end_frame(&out, at);
    for (size_t i = 0; i < out.len; i++) {
        ck_assert_str_eq(heard(), "");
        step(ZKC_EVENT_DATA, zk_slice(out.ptr + i, 1));
    }
    ck_assert_str_eq(heard(), "done 1 0 /a; ");
    zk_buf_fini(&out);
}
END_TEST

START_TEST(all_servers_are_dialled_before_it_waits_and_never_in_one_breath_again)
{
    start((struct zkc_config){.server_count = 3});
    ck_assert_uint_eq(conn, 1);
    uint64_t began = now_ms;
    break_connection();
    break_connection();
    ck_assert_uint_eq(now_ms, began);
    dialled = false;
    step(ZKC_EVENT_DISCONNECTED, zk_slice(NULL, 0));
    ck_assert(!dialled);
    uint64_t deadline = zkc_deadline_ms(c);
    ck_assert_uint_gt(deadline, now_ms);
    ck_assert_uint_le(deadline, now_ms + ZKC_BACKOFF_MIN_MS);
    wait_ms(deadline - now_ms);
    ck_assert(dialled);
}
END_TEST

START_TEST(who_is_thrown_out_again_and_again_comes_back_ever_more_slowly)
{
    start((struct zkc_config){.server_count = 1});
    uint64_t waited = 0;
    for (int i = 0; i < 12; i++) {
        connect_with(K);
        uint64_t lost = now_ms;
        break_connection();
        waited = now_ms - lost;
    }
    ck_assert_uint_ge(waited, ZKC_BACKOFF_MAX_MS / 2);
    connect_with(K);
    wait_ms(ZKC_STEADY_MS);
    uint64_t lost = now_ms;
    break_connection();
    ck_assert_uint_eq(now_ms, lost); /* that one held: an ordinary loss */
}
END_TEST

START_TEST(a_server_that_does_not_answer_the_handshake_is_left)
{
    start((struct zkc_config){.server_count = 3});
    next_connect();
    uint32_t first = conn;
    wait_ms(TIMEOUT_MS / 3);
    ck_assert_uint_eq(conn, first + 1);
}
END_TEST

START_TEST(news_of_an_old_connection_is_ignored)
{
    start((struct zkc_config){.server_count = 2});
    uint32_t old = conn;
    break_connection();
    zkc_step(c, &(struct zkc_event){.type = ZKC_EVENT_CONNECTED, .now_ms = now_ms, .conn = old});
    drain();
    expect_silence();
}
END_TEST

/* --- requests --- */

START_TEST(xids_count_from_one_and_wait_for_the_window)
{
    start((struct zkc_config){.outstanding_max = 2});
    ask(1, ZK_OP_EXISTS, "/a", 0);
    connect_with(0);
    ask(2, ZK_OP_EXISTS, "/a", 0);
    ask(3, ZK_OP_EXISTS, "/a", 0);
    expect_request(1, ZK_OP_EXISTS);
    expect_request(2, ZK_OP_EXISTS);
    expect_silence();
    answer_stat(1, 1);
    expect_request(3, ZK_OP_EXISTS);
}
END_TEST

START_TEST(never_more_than_k_unanswered_with_a_memory)
{
    start((struct zkc_config){0});
    connect_with(K);
    for (uint64_t tag = 1; tag <= K + 2; tag++)
        ask(tag, ZK_OP_EXISTS, "/a", 0);
    ck_assert_uint_eq(zkc_outstanding(c), K);
    answer_stat(1, 1);
    ck_assert_uint_eq(zkc_outstanding(c), K);
    ck_assert_uint_eq(zkc_unfinished(c), K + 1);
}
END_TEST

START_TEST(with_a_memory_everything_unanswered_is_sent_again_under_the_same_xids)
{
    start((struct zkc_config){0});
    connect_with(K);
    ask(1, ZK_OP_SET_DATA, "/a", 0);
    ask(2, ZK_OP_GET_DATA, "/a", 0);
    ask(3, ZK_OP_CREATE, "/b", 0);
    answer_stat(1, 10);
    break_connection();
    ask(4, ZK_OP_DELETE, "/c", 0);
    connect_with(K);
    expect_request(2, ZK_OP_GET_DATA);
    expect_request(3, ZK_OP_CREATE);
    expect_request(4, ZK_OP_DELETE);
    expect_silence();
    answer(2, 11, ZK_ERR_NO_NODE, zk_slice(NULL, 0));
    answer_path(3, 11, "/b");
    ck_assert_str_eq(heard(), "connected; done 1 0; connecting; connected again; done 2 -101; done 3 0 /b; ");
}
END_TEST

START_TEST(without_a_memory_what_was_sent_is_lost_and_what_was_not_is_kept)
{
    start((struct zkc_config){.outstanding_max = 1});
    connect_with(0);
    ask(1, ZK_OP_SET_DATA, "/a", 0);
    ask(2, ZK_OP_SET_DATA, "/b", 0);
    heard();
    break_connection();
    ck_assert_str_eq(heard(), "done 1 -4; connecting; ");
    connect_with(0);
    expect_request(2, ZK_OP_SET_DATA);
}
END_TEST

START_TEST(a_memory_that_a_server_does_not_have_any_more_is_a_connection_loss)
{
    start((struct zkc_config){0});
    connect_with(K);
    ask(1, ZK_OP_SET_DATA, "/a", 0);
    break_connection();
    heard();
    connect_with(0);
    ck_assert_str_eq(heard(), "done 1 -4; connected again; ");
    expect_silence();
}
END_TEST

START_TEST(an_answer_out_of_order_ends_the_connection)
{
    start((struct zkc_config){0});
    connect_with(K);
    ask(1, ZK_OP_EXISTS, "/a", 0);
    ask(2, ZK_OP_EXISTS, "/a", 0);
    heard();
    hung_up = false;
    answer_stat(2, 1);
    ck_assert(hung_up);
    ck_assert_str_eq(heard(), "connecting; ");
}
END_TEST

START_TEST(xids_wrap_to_one)
{
    start((struct zkc_config){0});
    connect_with(K);
    c->next_xid = INT32_MAX;
    ask(1, ZK_OP_EXISTS, "/a", 0);
    ask(2, ZK_OP_EXISTS, "/a", 0);
    expect_request(INT32_MAX, ZK_OP_EXISTS);
    expect_request(1, ZK_OP_EXISTS);
    heard();
    answer_stat(INT32_MAX, 1);
    answer_stat(1, 1);
    ck_assert_str_eq(heard(), "done 1 0; done 2 0; ");
}
END_TEST

START_TEST(a_request_they_always_drop_us_for_is_given_up)
{
    start((struct zkc_config){0});
    connect_with(K);
    ask(1, ZK_OP_SET_DATA, "/poison", 0);
    ask(2, ZK_OP_SET_DATA, "/a", 0);
    for (int i = 1; i < ZKC_RESENDS_MAX; i++) {
        break_connection();
        connect_with(K);
        heard();
    }
    break_connection();
    ck_assert_str_eq(heard(), "done 1 -4; connecting; ");
    connect_with(K);
    expect_request(2, ZK_OP_SET_DATA);
}
END_TEST

START_TEST(impossible_requests_are_refused_at_once)
{
    static const uint8_t big[2000];
    start((struct zkc_config){.request_bytes_max = 1000});
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_EXISTS, .path = zk_slice_str("a")}),
                     ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_CREATE, .path = zk_slice_str("/a"), .flags = 4}),
                     ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_RECONFIG, .path = zk_slice_str("/a")}),
                     ZK_ERR_UNIMPLEMENTED);
    ck_assert_int_eq(
        submit((struct zkc_request){.op = ZK_OP_SET_DATA, .path = zk_slice_str("/a"), .data = zk_slice(big, 980)}),
        ZK_ERR_BAD_ARGUMENTS);
    ck_assert_int_eq(
        submit((struct zkc_request){.op = ZK_OP_SET_DATA, .path = zk_slice_str("/a"), .data = zk_slice(big, 900)}),
        0);
    ck_assert_uint_eq(zkc_unfinished(c), 1);
}
END_TEST

START_TEST(the_queue_has_an_end)
{
    start((struct zkc_config){0});
    struct zkc_request r = {.op = ZK_OP_EXISTS, .path = zk_slice_str("/a")};
    for (int i = 0; i < ZKC_QUEUE_COUNT_MAX; i++)
        ck_assert_int_eq(zkc_submit(c, now_ms, &r), 0);
    ck_assert_int_eq(zkc_submit(c, now_ms, &r), ZK_ERR_THROTTLED_OP);
}
END_TEST

START_TEST(a_request_timeout_completes_it_and_its_late_answer_is_dropped)
{
    start((struct zkc_config){.request_timeout_ms = 500});
    connect_with(K);
    ask(1, ZK_OP_SET_DATA, "/a", 0);
    heard();
    wait_ms(499);
    ck_assert_str_eq(heard(), "");
    wait_ms(1);
    ck_assert_str_eq(heard(), "done 1 -7; ");
    answer_stat(1, 1);
    ck_assert_str_eq(heard(), "");
    ask(2, ZK_OP_SET_DATA, "/a", 0);
    answer_stat(2, 2);
    ck_assert_str_eq(heard(), "done 2 0; ");
}
END_TEST

START_TEST(a_multi_tells_which_step_failed)
{
    start((struct zkc_config){.chroot = zk_slice_str("/app")});
    connect_with(K);
    struct zkc_request steps[] = {{.op = ZK_OP_CHECK, .path = zk_slice_str("/a"), .version = 3},
                                  {.op = ZK_OP_DELETE, .path = zk_slice_str("/b"), .version = -1}};
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_MULTI, .steps = steps, .step_count = 2, .tag = 8}), 0);
    struct zk_jute in = next_frame();
    ck_assert_int_eq(zk_request_header_decode(&in).op, ZK_OP_MULTI);
    ck_assert_int_eq(zk_multi_header_decode(&in).type, ZK_OP_CHECK);
    struct zk_path_version check = zk_path_version_decode(&in);
    ck_assert(zk_slice_eq(check.path, zk_slice_str("/app/a")));
    struct zk_buf body = {0};
    zk_multi_header_encode(&body, (struct zk_multi_header){-1, false, 0});
    zk_jute_put_int(&body, 0);
    zk_multi_header_encode(&body, (struct zk_multi_header){-1, false, ZK_ERR_NOT_EMPTY});
    zk_jute_put_int(&body, ZK_ERR_NOT_EMPTY);
    zk_multi_header_encode(&body, ZK_MULTI_END);
    heard();
    answer(1, 9, 0, zk_buf_slice(&body));
    ck_assert_str_eq(heard(), "done 8 -111; ");
    zk_buf_fini(&body);
}
END_TEST

START_TEST(a_multi_read_goes_well_as_a_whole_whatever_its_parts_say)
{
    start((struct zkc_config){.chroot = zk_slice_str("/top")});
    connect_with(0);
    struct zkc_request steps[] = {{.op = ZK_OP_GET_DATA, .path = zk_slice_str("/a")},
                                  {.op = ZK_OP_GET_CHILDREN, .path = zk_slice_str("/")}};
    ck_assert_int_eq(
        submit((struct zkc_request){.op = ZK_OP_MULTI_READ, .steps = steps, .step_count = 2, .tag = 8}), 0);
    struct zk_jute in = next_frame();
    ck_assert_int_eq(zk_request_header_decode(&in).op, ZK_OP_MULTI_READ);
    ck_assert_int_eq(zk_multi_header_decode(&in).type, ZK_OP_GET_DATA);
    ck_assert(zk_slice_eq(zk_path_watch_decode(&in).path, zk_slice_str("/top/a")));
    ck_assert_int_eq(zk_multi_header_decode(&in).type, ZK_OP_GET_CHILDREN);
    ck_assert(zk_slice_eq(zk_path_watch_decode(&in).path, zk_slice_str("/top")));
    ck_assert(zk_multi_header_decode(&in).done);
    heard();
    struct zk_buf body = {0};
    zk_multi_header_encode(&body, (struct zk_multi_header){ZK_OP_ERROR, false, ZK_ERR_NO_NODE});
    zk_jute_put_int(&body, ZK_ERR_NO_NODE);
    zk_multi_header_encode(&body, (struct zk_multi_header){ZK_OP_GET_CHILDREN, false, 0});
    zk_jute_put_int(&body, 1);
    zk_jute_put_cstring(&body, "b");
    zk_multi_header_encode(&body, ZK_MULTI_END);
    answer(1, 5, 0, zk_buf_slice(&body));
    ck_assert_str_eq(heard(), "done 8 0; ");
    zk_buf_fini(&body);
    steps[1].op = ZK_OP_DELETE;
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_MULTI_READ, .steps = steps, .step_count = 2}),
                     ZK_ERR_BAD_ARGUMENTS);
}
END_TEST

START_TEST(a_prefix_of_ephemerals_keeps_its_slash_below_the_chroot)
{
    start((struct zkc_config){.chroot = zk_slice_str("/top")});
    connect_with(0);
    static const char *const prefixes[][2] = {{"/", "/top/"}, {"/a/", "/top/a/"}, {"/a", "/top/a"}};
    for (size_t i = 0; i < ZK_COUNT_OF(prefixes); i++) {
        ask(1, ZK_OP_GET_EPHEMERALS, prefixes[i][0], 0);
        struct zk_jute in = next_frame();
        ck_assert_int_eq(zk_request_header_decode(&in).op, ZK_OP_GET_EPHEMERALS);
        ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str(prefixes[i][1])));
    }
    struct zkc_request config = {.op = ZK_OP_GET_DATA, .path = zk_slice_str("/zookeeper/config"), .no_chroot = true};
    ck_assert_int_eq(submit(config), 0);
    struct zk_jute in = next_frame();
    (void)zk_request_header_decode(&in);
    ck_assert(zk_slice_eq(zk_path_watch_decode(&in).path, config.path));
}
END_TEST

START_TEST(a_multi_too_large_to_be_remembered_tells_its_outcome_without_steps)
{
    struct zkc_request steps[] = {{.op = ZK_OP_DELETE, .path = zk_slice_str("/a")}};
    start((struct zkc_config){0});
    connect_with(K);
    for (uint64_t tag = 1; tag <= 2; tag++)
        submit((struct zkc_request){.op = ZK_OP_MULTI, .steps = steps, .step_count = 1, .tag = tag});
    heard();
    answer(1, 5, 0, zk_slice(NULL, 0));
    answer(2, 6, ZK_ERR_NOT_EMPTY, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "done 1 0; done 2 -111; ");
}
END_TEST

START_TEST(a_malformed_answer_is_an_error_of_its_request_only)
{
    start((struct zkc_config){0});
    connect_with(K);
    ask(1, ZK_OP_GET_DATA, "/a", 0);
    ask(2, ZK_OP_EXISTS, "/a", 0);
    heard();
    answer(1, 1, 0, zk_slice_str("xx"));
    answer_stat(2, 1);
    ck_assert_str_eq(heard(), "done 1 -5; done 2 0; ");
}
END_TEST

/* --- time --- */

START_TEST(an_idle_session_pings_at_a_third_and_leaves_at_two_thirds)
{
    start((struct zkc_config){.server_count = 2});
    connect_with(K);
    wait_ms(TIMEOUT_MS / 3 - 1);
    expect_silence();
    wait_ms(1);
    expect_request(ZK_XID_PING, ZK_OP_PING);
    answer(ZK_XID_PING, 0, 0, zk_slice(NULL, 0));
    wait_ms(TIMEOUT_MS / 3);
    expect_request(ZK_XID_PING, ZK_OP_PING);
    uint32_t before = conn;
    wait_ms(TIMEOUT_MS / 3);
    ck_assert_uint_eq(conn, before + 1);
}
END_TEST

START_TEST(a_session_timeout_without_word_means_lost_but_not_expired)
{
    start((struct zkc_config){0});
    connect_with(K);
    heard();
    uint64_t lost = now_ms;
    break_connection();
    wait_ms(lost + TIMEOUT_MS - 1 - now_ms);
    ck_assert_str_eq(heard(), "connecting; ");
    wait_ms(1);
    ck_assert_str_eq(heard(), "lost; ");
    wait_long_and_dial(60000);
    connect_with(K);
    ck_assert_str_eq(heard(), "connected again; ");
}
END_TEST

/* --- the end --- */

START_TEST(expiry_ends_requests_and_watches_and_then_says_so)
{
    start((struct zkc_config){0});
    connect_with(K);
    ask(1, ZK_OP_GET_CHILDREN2, "/a", 50);
    ask(2, ZK_OP_EXISTS, "/b", 60);
    answer(1, 3, ZK_ERR_NO_NODE, zk_slice(NULL, 0));
    answer(2, 3, ZK_ERR_NO_NODE, zk_slice(NULL, 0));
    ask(3, ZK_OP_GET_DATA, "/a", 0);
    heard();
    break_connection();
    next_connect();
    answer_connect(0, 0);
    ck_assert_str_eq(heard(), "connecting; done 3 -112; watch 60 event -3 /b last; expired; ");
    ck_assert(hung_up);
    ck_assert_uint_eq(zkc_deadline_ms(c), UINT64_MAX);
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_SYNC, .path = zk_slice_str("/")}),
                     ZK_ERR_SESSION_EXPIRED);
}
END_TEST

START_TEST(a_write_of_an_expired_session_has_its_true_result_or_never_happened)
{
    start((struct zkc_config){.chroot = zk_slice_str("/app")});
    connect_with(K);
    ask(1, ZK_OP_CREATE, "/s-", 0);
    ask(2, ZK_OP_GET_DATA, "/a", 0);
    ask(3, ZK_OP_DELETE, "/a", 0);
    ask(4, ZK_OP_SET_DATA, "/b", 0);
    ask(5, ZK_OP_DELETE, "/c", 0); /* waits: K are unanswered */
    heard();
    break_connection();
    next_connect();
    answer_expired(1, "/app/s-0000000004", 3, ZK_ERR_NO_NODE);
    ck_assert_str_eq(heard(), "connecting; done 1 0 /s-0000000004; done 2 -112; done 3 -101; done 4 -112; "
                              "done 5 -112; expired; ");
    ck_assert_uint_eq(zkc_unfinished(c), 0);
}
END_TEST

START_TEST(when_nobody_remembers_the_session_its_writes_are_lost_and_not_expired)
{
    start((struct zkc_config){0});
    connect_with(K);
    ask(1, ZK_OP_CREATE, "/a", 0);
    ask(2, ZK_OP_GET_DATA, "/a", 0);
    heard();
    break_connection();
    ask(3, ZK_OP_CREATE, "/b", 0);
    next_connect();
    answer_connect(0, 0);
    ck_assert_str_eq(heard(), "connecting; done 1 -4; done 2 -112; done 3 -112; expired; ");
}
END_TEST

START_TEST(a_past_that_cannot_be_read_is_asked_for_again)
{
    start((struct zkc_config){0});
    connect_with(K);
    ask(1, ZK_OP_CREATE, "/a", 0);
    break_connection();
    next_connect();
    heard();
    struct zk_buf out = {0};
    size_t at = zk_jute_begin_frame(&out);
    struct zk_connect_response r = {.protocol_version = ZK_PROTOCOL_MEMORY,
                                    .password = zk_slice("0123456789abcdef", ZK_PASSWORD_BYTES),
                                    .has_read_only = true,
                                    .past = zk_slice("\0\0\0\1xx", 6)};
    zk_connect_response_encode(&out, &r);
    zk_jute_end_frame(&out, at);
    dialled = false;
    feed(&out);
    wait_ms(1000);
    ck_assert(dialled);
    next_connect();
    answer_expired(1, "/a", 2, 0);
    ck_assert_str_eq(heard(), "done 1 0 /a; expired; ");
}
END_TEST

START_TEST(closing_tells_the_results_of_writes_whose_answers_were_lost_with_its_own)
{
    start((struct zkc_config){0});
    connect_with(K);
    ask(1, ZK_OP_CREATE, "/a", 0);
    ask(2, ZK_OP_DELETE, "/b", 0);
    step(ZKC_EVENT_CLOSE, zk_slice(NULL, 0));
    heard();
    break_connection();
    next_connect();
    answer_expired(1, "/a", 2, ZK_ERR_NO_NODE);
    ck_assert_str_eq(heard(), "connecting; done 1 0 /a; done 2 -101; closed; ");
}
END_TEST

START_TEST(closing_lets_earlier_requests_finish)
{
    start((struct zkc_config){0});
    connect_with(K);
    ask(1, ZK_OP_EXISTS, "/a", 0);
    heard();
    step(ZKC_EVENT_CLOSE, zk_slice(NULL, 0));
    ck_assert_int_eq(submit((struct zkc_request){.op = ZK_OP_SYNC, .path = zk_slice_str("/")}), ZK_ERR_CLOSING);
    expect_request(1, ZK_OP_EXISTS);
    expect_request(2, ZK_OP_CLOSE_SESSION);
    answer_stat(1, 1);
    answer(2, 2, 0, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "done 1 0; closed; ");
    ck_assert(hung_up);
}
END_TEST

START_TEST(closing_gives_up_after_its_grace)
{
    start((struct zkc_config){.close_grace_ms = 100});
    connect_with(0);
    heard();
    break_connection();
    ask(1, ZK_OP_EXISTS, "/a", 0);
    step(ZKC_EVENT_CLOSE, zk_slice(NULL, 0));
    wait_ms(100);
    ck_assert_str_eq(heard(), "connecting; done 1 -116; closed; ");
}
END_TEST

START_TEST(closing_takes_its_time_while_answers_come)
{
    start((struct zkc_config){.close_grace_ms = 100});
    connect_with(K);
    for (uint64_t tag = 1; tag <= 3; tag++)
        ask(tag, ZK_OP_EXISTS, "/a", 0);
    step(ZKC_EVENT_CLOSE, zk_slice(NULL, 0));
    heard();
    for (int32_t xid = 1; xid <= 3; xid++) {
        wait_ms(99);
        answer_stat(xid, 1);
    }
    ck_assert_str_eq(heard(), "done 1 0; done 2 0; done 3 0; ");
    wait_ms(100);
    ck_assert_str_eq(heard(), "closed; ");
}
END_TEST

START_TEST(closing_is_asked_for_again_on_a_new_connection)
{
    start((struct zkc_config){0});
    connect_with(0);
    heard();
    step(ZKC_EVENT_CLOSE, zk_slice(NULL, 0));
    break_connection();
    connect_with(0);
    expect_request(2, ZK_OP_CLOSE_SESSION);
    break_connection();
    next_connect();
    answer_connect(0, 0);
    ck_assert_str_eq(heard(), "connecting; connected again; connecting; closed; ");
}
END_TEST

/* --- identities --- */

static void add_auth(uint64_t tag, const char *who)
{
    ck_assert_int_eq(submit((struct zkc_request){
                         .op = ZK_OP_AUTH, .scheme = zk_slice_str("digest"), .data = zk_slice_str(who), .tag = tag}),
                     0);
}

START_TEST(identities_go_first_on_every_connection)
{
    start((struct zkc_config){0});
    add_auth(1, "a:b");
    ask(2, ZK_OP_EXISTS, "/a", 0);
    connect_with(K);
    expect_request(ZK_XID_AUTH, ZK_OP_AUTH);
    expect_request(1, ZK_OP_EXISTS);
    answer(ZK_XID_AUTH, 0, 0, zk_slice(NULL, 0));
    heard();
    add_auth(3, "a:b");
    ck_assert_str_eq(heard(), "done 3 0; ");
    break_connection();
    connect_with(K);
    expect_request(ZK_XID_AUTH, ZK_OP_AUTH);
    expect_request(1, ZK_OP_EXISTS);
    answer(ZK_XID_AUTH, 0, 0, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "connecting; connected again; ");
}
END_TEST

START_TEST(a_refused_identity_ends_the_session_for_us)
{
    start((struct zkc_config){0});
    connect_with(K);
    add_auth(1, "a:b");
    ask(2, ZK_OP_EXISTS, "/a", 0);
    heard();
    answer(ZK_XID_AUTH, 0, ZK_ERR_AUTH_FAILED, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "done 2 -115; done 1 -115; auth-failed; ");
}
END_TEST

/* --- chroot --- */

START_TEST(the_chroot_is_put_before_and_taken_away)
{
    start((struct zkc_config){.chroot = zk_slice_str("/app/x/")});
    connect_with(K);
    ask(1, ZK_OP_CREATE, "/a", 0);
    struct zk_jute in = next_frame();
    zk_request_header_decode(&in);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("/app/x/a")));
    ask(2, ZK_OP_EXISTS, "/", 70);
    in = next_frame();
    zk_request_header_decode(&in);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("/app/x")));
    heard();
    answer_path(1, 1, "/app/x/a");
    answer_stat(2, 1);
    notify(ZK_EVENT_DATA_CHANGED, "/app/x");
    ck_assert_str_eq(heard(), "done 1 0 /a; done 2 0 watching; watch 70 event 3 / last; ");
}
END_TEST

/* --- watches --- */

START_TEST(a_watch_is_set_by_the_answer_and_fires_once)
{
    start((struct zkc_config){0});
    connect_with(K);
    heard();
    ask(1, ZK_OP_GET_DATA, "/a", 50);
    answer(1, 1, ZK_ERR_NO_NODE, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "done 1 -101; ");
    ask(2, ZK_OP_EXISTS, "/a", 51);
    answer(2, 1, ZK_ERR_NO_NODE, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "done 2 -101 watching; ");
    notify(ZK_EVENT_CREATED, "/a");
    notify(ZK_EVENT_CREATED, "/a");
    ck_assert_str_eq(heard(), "watch 51 event 1 /a last; ");
    ck_assert_uint_eq(zkc_watch_count(c), 0);
}
END_TEST

static void arm_one_of_each(void)
{
    ask(1, ZK_OP_EXISTS, "/d", 11);
    ask(2, ZK_OP_EXISTS, "/e", 12);
    answer_stat(1, 40);
    answer(2, 40, ZK_ERR_NO_NODE, zk_slice(NULL, 0));
    for (int kind = 0; kind < 2; kind++) {
        struct zkc_request r = {.op = ZK_OP_ADD_WATCH,
                                .path = zk_slice_str(kind ? "/r" : "/p"),
                                .kind = kind,
                                .tag = 3 + (uint64_t)kind,
                                .watch_tag = 13 + (uint64_t)kind};
        ck_assert_int_eq(submit(r), 0);
        answer(3 + kind, 41, 0, zk_slice(NULL, 0));
    }
    zk_buf_reset(&wire);
}

START_TEST(lasting_watches_stay_and_recursive_ones_hear_of_everything_below)
{
    start((struct zkc_config){0});
    connect_with(K);
    arm_one_of_each();
    heard();
    notify(ZK_EVENT_CHILDREN_CHANGED, "/p");
    notify(ZK_EVENT_DATA_CHANGED, "/p");
    notify(ZK_EVENT_CREATED, "/r/a/b");
    notify(ZK_EVENT_CREATED, "/rr");
    notify(ZK_EVENT_DELETED, "/r");
    ck_assert_str_eq(heard(), "watch 13 event 4 /p; watch 13 event 3 /p; watch 14 event 1 /r/a/b; "
                              "watch 14 event 2 /r; ");
}
END_TEST

START_TEST(watches_are_set_again_after_reconnecting_and_lasting_ones_told)
{
    start((struct zkc_config){0});
    connect_with(K);
    arm_one_of_each();
    break_connection();
    heard();
    connect_with(K);
    struct zk_jute in = next_frame();
    struct zk_request_header h = zk_request_header_decode(&in);
    ck_assert_int_eq(h.xid, ZK_XID_SET_WATCHES);
    ck_assert_int_eq(h.op, ZK_OP_SET_WATCHES2);
    ck_assert_int_eq(zk_jute_long(&in), 41);
    static const char *const expected[] = {"/d", "/e", NULL, "/p", "/r"};
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(zk_jute_count(&in, 4), expected[i] != NULL);
        if (expected[i] != NULL)
            ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str(expected[i])));
    }
    ck_assert(!in.bad);
    notify(ZK_EVENT_DELETED, "/d");
    answer(ZK_XID_SET_WATCHES, 44, 0, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(),
                     "connected again; watch 11 event 2 /d last; watch 13 event -2 /p; watch 14 event -2 /r; ");
}
END_TEST

START_TEST(many_watches_are_set_again_in_pieces)
{
    enum { COUNT = 3000 };
    char path[128];
    start((struct zkc_config){0});
    connect_with(0);
    for (int i = 1; i <= COUNT; i++) {
        snprintf(path, sizeof path, "/%0100d", i);
        ask((uint64_t)i, i % 2 ? ZK_OP_GET_CHILDREN2 : ZK_OP_EXISTS, path, (uint64_t)i);
        struct zk_buf body = {0};
        if (i % 2)
            zk_jute_put_int(&body, 0);
        zk_stat_encode(&body, &(struct zk_stat){0});
        answer(i, 1, 0, zk_buf_slice(&body));
        zk_buf_fini(&body);
        heard();
    }
    break_connection();
    connect_with(0);
    int paths = 0, pieces = 0;
    for (struct zk_jute in = next_frame(); !in.bad; in = next_frame()) {
        ck_assert_uint_le(zk_jute_left(&in) + 4, ZKC_SET_WATCHES_BYTES_MAX);
        ck_assert_int_eq(zk_request_header_decode(&in).op, ZK_OP_SET_WATCHES);
        zk_jute_long(&in);
        for (int vector = 0; vector < 3; vector++) {
            int32_t count = zk_jute_count(&in, 4);
            for (int32_t i = 0; i < count; i++, paths++)
                ck_assert_uint_eq(zk_jute_string(&in).len, 101);
        }
        ck_assert(!in.bad);
        ck_assert_uint_eq(zk_jute_left(&in), 0);
        pieces++;
    }
    ck_assert_int_eq(paths, COUNT);
    ck_assert_int_eq(pieces, 3);
}
END_TEST

START_TEST(removing_watches_ends_those_its_kind_names)
{
    start((struct zkc_config){0});
    connect_with(K);
    arm_one_of_each();
    heard();
    ck_assert_int_eq(
        submit((struct zkc_request){
            .op = ZK_OP_REMOVE_WATCHES, .path = zk_slice_str("/d"), .kind = ZK_WATCHER_CHILDREN, .tag = 5}),
        0);
    answer(5, 50, ZK_ERR_NO_WATCHER, zk_slice(NULL, 0));
    ck_assert_int_eq(submit((struct zkc_request){
                         .op = ZK_OP_REMOVE_WATCHES, .path = zk_slice_str("/d"), .kind = ZK_WATCHER_DATA, .tag = 6}),
                     0);
    answer(6, 50, 0, zk_slice(NULL, 0));
    ck_assert_str_eq(heard(), "done 5 -121; done 6 0; watch 11 event 5 /d last; ");
    ck_assert_uint_eq(zkc_watch_count(c), 3);
}
END_TEST

/* Any bytes from a server: the core may hang up, it may not break. */
START_TEST(any_bytes_at_all_are_survived)
{
    struct zk_rng rng;
    zk_rng_seed(&rng, 11, 3);
    for (int round = 0; round < 2000; round++) {
        start((struct zkc_config){0});
        if (round % 4 != 0) {
            connect_with(round % 2 ? K : 0);
            ask(1, ZK_OP_GET_CHILDREN2, "/a", 5);
            ask(2, ZK_OP_GET_DATA, "/a", 6);
        }
        uint8_t bytes[200];
        zk_rng_fill(&rng, bytes, sizeof bytes);
        bytes[0] = bytes[1] = bytes[2] = 0;
        if (round % 3 == 0) {
            memset(bytes + 4, 0xff, 4);
            bytes[7] = (uint8_t)zk_rng_between(&rng, 0xf0, 0xff);
        }
        if (conn != 0 && round % 5 == 0)
            step(ZKC_EVENT_CONNECTED, zk_slice(NULL, 0));
        step(ZKC_EVENT_DATA, zk_slice(bytes, sizeof bytes));
        heard();
        zkc_free(c);
        c = NULL;
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("core");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_first_handshake_asks_for_a_new_session_with_a_memory);
    tcase_add_test(tests, an_apache_server_answers_without_memory);
    tcase_add_test(tests, reconnecting_names_the_session_and_the_last_zxid_seen);
    tcase_add_test(tests, a_session_from_another_process_goes_on_without_memory);
    tcase_add_test(tests, a_session_that_another_took_meanwhile_goes_on_without_memory);
    tcase_add_test(tests, a_frame_may_come_byte_by_byte);
    tcase_add_test(tests, all_servers_are_dialled_before_it_waits_and_never_in_one_breath_again);
    tcase_add_test(tests, who_is_thrown_out_again_and_again_comes_back_ever_more_slowly);
    tcase_add_test(tests, a_server_that_does_not_answer_the_handshake_is_left);
    tcase_add_test(tests, news_of_an_old_connection_is_ignored);
    tcase_add_test(tests, xids_count_from_one_and_wait_for_the_window);
    tcase_add_test(tests, never_more_than_k_unanswered_with_a_memory);
    tcase_add_test(tests, with_a_memory_everything_unanswered_is_sent_again_under_the_same_xids);
    tcase_add_test(tests, without_a_memory_what_was_sent_is_lost_and_what_was_not_is_kept);
    tcase_add_test(tests, a_memory_that_a_server_does_not_have_any_more_is_a_connection_loss);
    tcase_add_test(tests, an_answer_out_of_order_ends_the_connection);
    tcase_add_test(tests, xids_wrap_to_one);
    tcase_add_test(tests, a_request_they_always_drop_us_for_is_given_up);
    tcase_add_test(tests, impossible_requests_are_refused_at_once);
    tcase_add_test(tests, the_queue_has_an_end);
    tcase_add_test(tests, a_request_timeout_completes_it_and_its_late_answer_is_dropped);
    tcase_add_test(tests, a_multi_tells_which_step_failed);
    tcase_add_test(tests, a_multi_read_goes_well_as_a_whole_whatever_its_parts_say);
    tcase_add_test(tests, a_prefix_of_ephemerals_keeps_its_slash_below_the_chroot);
    tcase_add_test(tests, a_multi_too_large_to_be_remembered_tells_its_outcome_without_steps);
    tcase_add_test(tests, a_malformed_answer_is_an_error_of_its_request_only);
    tcase_add_test(tests, an_idle_session_pings_at_a_third_and_leaves_at_two_thirds);
    tcase_add_test(tests, a_session_timeout_without_word_means_lost_but_not_expired);
    tcase_add_test(tests, expiry_ends_requests_and_watches_and_then_says_so);
    tcase_add_test(tests, a_write_of_an_expired_session_has_its_true_result_or_never_happened);
    tcase_add_test(tests, when_nobody_remembers_the_session_its_writes_are_lost_and_not_expired);
    tcase_add_test(tests, a_past_that_cannot_be_read_is_asked_for_again);
    tcase_add_test(tests, closing_tells_the_results_of_writes_whose_answers_were_lost_with_its_own);
    tcase_add_test(tests, closing_lets_earlier_requests_finish);
    tcase_add_test(tests, closing_gives_up_after_its_grace);
    tcase_add_test(tests, closing_takes_its_time_while_answers_come);
    tcase_add_test(tests, closing_is_asked_for_again_on_a_new_connection);
    tcase_add_test(tests, identities_go_first_on_every_connection);
    tcase_add_test(tests, a_refused_identity_ends_the_session_for_us);
    tcase_add_test(tests, the_chroot_is_put_before_and_taken_away);
    tcase_add_test(tests, a_watch_is_set_by_the_answer_and_fires_once);
    tcase_add_test(tests, lasting_watches_stay_and_recursive_ones_hear_of_everything_below);
    tcase_add_test(tests, watches_are_set_again_after_reconnecting_and_lasting_ones_told);
    tcase_add_test(tests, many_watches_are_set_again_in_pieces);
    tcase_add_test(tests, removing_watches_ends_those_its_kind_names);
    tcase_add_test(tests, any_bytes_at_all_are_survived);
    return run_tests("client core", tests);
}
