/* test_client_memory.c: the client core lives in other people's processes, so memory may run out anywhere in it: a
 * story of a session is told again and again, each time with the next allocation failing, until one goes through. */
#include "client/core.h"
#include "tests/unit/run.h"

/* The linker sends the core's allocations here (-Wl,--wrap). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static long until_failure = -1; /* allocations until one fails; below 0: none will */
static bool failed;

static bool fails(void)
{
    if (until_failure < 0 || until_failure-- > 0)
        return false;
    failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return fails() ? NULL : __real_realloc(ptr, size);
}

struct story {
    struct zkc *c;
    uint64_t now_ms;
    uint32_t conn;
    bool dialled;
    bool expires;
    size_t submitted, done;
    size_t watches_set, watches_ended;
};

static void drain(struct story *s)
{
    struct zkc_effect e;
    while (zkc_next_effect(s->c, &e)) {
        s->dialled = s->dialled || e.type == ZKC_EFFECT_DIAL;
        s->conn = e.type == ZKC_EFFECT_DIAL ? e.conn : s->conn;
        s->done += e.type == ZKC_EFFECT_DONE;
        s->watches_set += e.type == ZKC_EFFECT_DONE && e.watch_tag != 0;
        s->watches_ended += e.type == ZKC_EFFECT_WATCH && e.watch_ended;
    }
    zkc_check(s->c);
}

static void step(struct story *s, enum zkc_event_type type, const void *bytes, size_t len)
{
    s->now_ms += 1000;
    zkc_step(s->c, &(struct zkc_event){type, s->now_ms, s->conn, zk_slice(bytes, len)});
    drain(s);
}

static void submit(struct story *s, struct zkc_request r)
{
    s->submitted += zkc_submit(s->c, s->now_ms, &r) == ZK_ERR_OK;
    drain(s);
}

/* The server's side needs memory too, but not the scarce one. */
static void say(struct story *s, struct zk_slice body)
{
    uint8_t frame[256];
    struct zk_buf out = {.ptr = frame, .cap = sizeof frame};
    size_t at = zk_jute_begin_frame(&out);
    zk_buf_append_slice(&out, body);
    zk_jute_end_frame(&out, at);
    step(s, ZKC_EVENT_DATA, frame, out.len);
}

static void say_connected(struct story *s)
{
    uint8_t bytes[64];
    struct zk_buf out = {.ptr = bytes, .cap = sizeof bytes};
    struct zk_connect_response r = {
        .protocol_version = ZK_PROTOCOL_MEMORY,
        .timeout_ms = 90000,
        .session_id = 7,
        .password = zk_slice("0123456789abcdef", ZK_PASSWORD_BYTES),
        .has_read_only = true,
        .memory = 64,
    };
    step(s, ZKC_EVENT_CONNECTED, NULL, 0);
    zk_connect_response_encode(&out, &r);
    say(s, zk_buf_slice(&out));
}

static void say_expired(struct story *s)
{
    uint8_t bytes[128], list[32];
    struct zk_buf out = {.ptr = bytes, .cap = sizeof bytes};
    struct zk_buf past = {.ptr = list, .cap = sizeof list};
    zk_jute_put_int(&past, 1);
    zk_past_write_encode(&past, &(struct zk_past_write){.xid = 12, .zxid = 6, .err = ZK_ERR_NO_NODE});
    struct zk_connect_response r = {
        .protocol_version = ZK_PROTOCOL_MEMORY,
        .password = zk_slice("0123456789abcdef", ZK_PASSWORD_BYTES),
        .has_read_only = true,
        .memory = 64,
        .past = zk_buf_slice(&past),
    };
    step(s, ZKC_EVENT_CONNECTED, NULL, 0);
    zk_connect_response_encode(&out, &r);
    say(s, zk_buf_slice(&out));
}

static void say_reply(struct story *s, int32_t xid, int32_t err)
{
    uint8_t bytes[64];
    struct zk_buf out = {.ptr = bytes, .cap = sizeof bytes};
    zk_reply_header_encode(&out, (struct zk_reply_header){xid, 5, err});
    say(s, zk_buf_slice(&out));
}

static void say_event(struct story *s, const char *path)
{
    uint8_t bytes[64];
    struct zk_buf out = {.ptr = bytes, .cap = sizeof bytes};
    zk_reply_header_encode(&out, (struct zk_reply_header){ZK_XID_NOTIFICATION, 6, 0});
    zk_watcher_event_encode(&out, &(struct zk_watcher_event){ZK_EVENT_DELETED, 3, zk_slice_str(path)});
    say(s, zk_buf_slice(&out));
}

static void converse(struct story *s)
{
    step(s, ZKC_EVENT_TICK, NULL, 0);
    submit(s, (struct zkc_request){.op = ZK_OP_AUTH, .scheme = zk_slice_str("digest"), .data = zk_slice_str("a:b")});
    say_connected(s);
    say_reply(s, ZK_XID_AUTH, 0);
    for (uint64_t i = 1; i <= 10; i++)
        submit(s, (struct zkc_request){.op = ZK_OP_EXISTS, .path = zk_slice_str("/a"), .tag = i, .watch_tag = i});
    submit(s, (struct zkc_request){.op = ZK_OP_ADD_WATCH, .path = zk_slice_str("/r"), .kind = 1, .watch_tag = 20});
    for (int32_t xid = 1; xid <= 10; xid++)
        say_reply(s, xid, ZK_ERR_NO_NODE);
    say_reply(s, 11, ZK_ERR_OK);
    say_event(s, "/a");
    say_event(s, "/r/x");
    submit(s, (struct zkc_request){.op = ZK_OP_DELETE, .path = zk_slice_str("/a")});
    step(s, ZKC_EVENT_DISCONNECTED, NULL, 0);
    step(s, ZKC_EVENT_TICK, NULL, 0);
    if (s->expires) {
        say_expired(s);
    } else {
        say_connected(s);
        say_reply(s, ZK_XID_AUTH, 0);
        say_reply(s, ZK_XID_SET_WATCHES, 0);
    }
    step(s, ZKC_EVENT_CLOSE, NULL, 0);
    for (int i = 0; i < 10 && zkc_deadline_ms(s->c) != UINT64_MAX; i++)
        step(s, ZKC_EVENT_TICK, NULL, 0);
}

static bool tell(bool expires, long failure)
{
    struct zkc_config config = {.server_count = 2, .chroot = zk_slice_str("/app")};
    struct story s = {.now_ms = 1, .expires = expires};
    zk_rng_seed(&config.rng, 3, 3);
    until_failure = failure;
    failed = false;
    s.c = zkc_new(&config);
    if (s.c != NULL) {
        converse(&s);
        until_failure = -1;
        ck_assert(zkc_state(s.c) == ZKC_STATE_CLOSED || (expires && zkc_state(s.c) == ZKC_STATE_EXPIRED));
        ck_assert_uint_eq(s.done, s.submitted);
        ck_assert_uint_eq(s.watches_ended, s.watches_set);
        ck_assert_uint_eq(zkc_unfinished(s.c), 0);
    }
    until_failure = -1;
    zkc_free(s.c);
    return !failed;
}

START_TEST(every_request_and_watch_ends_whichever_allocation_fails)
{
    for (int expires = 0; expires < 2; expires++) {
        long failure = 0;
        while (!tell(expires, failure))
            failure++;
        ck_assert_int_gt(failure, 20);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("memory");
    tcase_add_test(tests, every_request_and_watch_ends_whichever_allocation_fails);
    Suite *suite = suite_create("client memory");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    return run_all(runner);
}
