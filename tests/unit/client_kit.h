/* client_kit.h: a client core and a server played by hand: bytes in, effects out. */
#pragma once
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

ZK_PRINTF(1, 2)
static inline void tell(const char *format, ...)
{
    size_t len = strlen(story);
    va_list args;
    va_start(args, format);
    vsnprintf(story + len, sizeof story - len, format, args);
    va_end(args);
}

static inline void perform(const struct zkc_effect *e)
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

static inline void drain(void)
{
    struct zkc_effect e;
    while (zkc_next_effect(c, &e))
        perform(&e);
    zkc_check(c);
}

/* What happened since the last call. */
static inline const char *heard(void)
{
    static char copy[sizeof story];
    memcpy(copy, story, sizeof story);
    story[0] = '\0';
    return copy;
}

static inline void step(enum zkc_event_type type, struct zk_slice bytes)
{
    zkc_step(c, &(struct zkc_event){.type = type, .now_ms = now_ms, .conn = conn, .bytes = bytes});
    drain();
}

static inline void wait_ms(uint64_t ms)
{
    now_ms += ms;
    step(ZKC_EVENT_TICK, zk_slice(NULL, 0));
}

static inline void start(struct zkc_config config)
{
    if (config.server_count == 0)
        config.server_count = 1;
    config.session_timeout_ms = TIMEOUT_MS;
    zk_rng_seed(&config.rng, 7, 1);
    c = zkc_new(&config);
    ck_assert_ptr_nonnull(c);
    wait_ms(0);
}

static inline void setup(void)
{
    now_ms = 1000;
    story[0] = '\0';
    zk_buf_init(&wire);
}

static inline void teardown(void)
{
    zkc_free(c);
    c = NULL;
    zk_buf_fini(&wire);
}

/* --- the server's side --- */

static inline void feed(struct zk_buf *frame)
{
    step(ZKC_EVENT_DATA, zk_buf_slice(frame));
    zk_buf_fini(frame);
}

static inline void answer_handshake(struct zk_connect_response r)
{
    struct zk_buf out = {0};
    size_t at = zk_jute_begin_frame(&out);
    r.password = zk_slice("0123456789abcdef", ZK_PASSWORD_BYTES);
    r.has_read_only = true;
    zk_connect_response_encode(&out, &r);
    zk_jute_end_frame(&out, at);
    feed(&out);
}

/* Session 0: there is none. */
static inline void answer_connect(int64_t session, int32_t memory)
{
    answer_handshake((struct zk_connect_response){
        .protocol_version = memory ? ZK_PROTOCOL_MEMORY : 0,
        .timeout_ms = session ? TIMEOUT_MS : 0,
        .session_id = session,
        .memory = memory,
    });
}

static inline void answer(int32_t xid, int64_t zxid, int32_t err, struct zk_slice body)
{
    struct zk_buf out = {0};
    size_t at = zk_jute_begin_frame(&out);
    zk_reply_header_encode(&out, (struct zk_reply_header){xid, zxid, err});
    zk_buf_append_slice(&out, body);
    zk_jute_end_frame(&out, at);
    feed(&out);
}

static inline void answer_stat(int32_t xid, int64_t zxid)
{
    static const uint8_t stat[ZK_STAT_BYTES];
    answer(xid, zxid, 0, zk_slice(stat, sizeof stat));
}

static inline void answer_path(int32_t xid, int64_t zxid, const char *path)
{
    struct zk_buf body = {0};
    zk_jute_put_cstring(&body, path);
    answer(xid, zxid, 0, zk_buf_slice(&body));
    zk_buf_fini(&body);
}

static inline void notify(int32_t type, const char *path)
{
    struct zk_buf body = {0};
    zk_watcher_event_encode(&body, &(struct zk_watcher_event){type, 3, zk_slice_str(path)});
    answer(ZK_XID_NOTIFICATION, -1, 0, zk_buf_slice(&body));
    zk_buf_fini(&body);
}

/* The next frame the core sent, past its length; `bad` when there is none. It stays in `kept` until the next call. */
static inline struct zk_jute next_frame(void)
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

static inline void expect_request(int32_t xid, int32_t op)
{
    struct zk_jute in = next_frame();
    struct zk_request_header h = zk_request_header_decode(&in);
    ck_assert(!in.bad);
    ck_assert_int_eq(h.xid, xid);
    ck_assert_int_eq(h.op, op);
}

static inline void expect_silence(void)
{
    struct zk_jute in = next_frame();
    ck_assert(in.bad);
}

static inline struct zk_connect_request next_connect(void)
{
    step(ZKC_EVENT_CONNECTED, zk_slice(NULL, 0));
    struct zk_jute in = next_frame();
    struct zk_connect_request r = zk_connect_request_decode(&in);
    ck_assert(!in.bad);
    return r;
}

static inline void connect_with(int32_t memory)
{
    next_connect();
    answer_connect(SESSION, memory);
}

/* A client with the defaults, connected to a server that keeps a memory for it. */
static inline void start_connected(void)
{
    start((struct zkc_config){0});
    connect_with(K);
}

/* ...until the next one is dialled: at once, or when the core has waited as long as it says. */
static inline void break_connection(void)
{
    dialled = false;
    step(ZKC_EVENT_DISCONNECTED, zk_slice(NULL, 0));
    if (!dialled)
        wait_ms(zkc_deadline_ms(c) - now_ms);
    ck_assert(dialled);
}

static inline int submit(struct zkc_request r)
{
    int err = zkc_submit(c, now_ms, &r);
    drain();
    return err;
}

static inline void ask(uint64_t tag, int32_t op, const char *path, uint64_t watch)
{
    ck_assert_int_eq(
        submit((struct zkc_request){.op = op, .path = zk_slice_str(path), .tag = tag, .watch_tag = watch}), 0);
}
