/* replica_kit.h: what tests of server/replica share: one standalone server on the simulator's disk, spoken to in frames. */
#pragma once
#include "server/replica/replica.h"
#include "server/state/state.h"
#include "tests/sim/disk.h"
#include "common/proto.h"
#include "common/rng.h"
#include "tests/unit/run.h"
#include <stdio.h>

#ifndef CONNS
#define CONNS 8
#endif
#define TICK_MS 100

/* One client connection, as a driver sees it. */
struct line {
    struct zk_buf in; /* what the replica sent, frames with lengths */
    bool closed;
    bool ready;
    bool paused;
};

static struct disk *disk;
static struct replica *r;
static struct line lines[CONNS];
static struct zk_rng rng;
static uint64_t now_ms;
static struct zk_buf frame;
static struct zk_buf news; /* the log: lines */
static struct auth_rules rules; /* set before start */
static void (*alter_config)(struct replica_config *config); /* the same */

static inline void fill_random(void *arg, void *ptr, size_t len)
{
    zk_rng_fill(arg, ptr, len);
}

static inline void perform(const struct replica_effect *e)
{
    struct line *line = &lines[e->conn];
    switch (e->kind) {
    case REPLICA_CLIENT_SEND:
        zk_buf_append_slice(&line->in, e->bytes);
        break;
    case REPLICA_CLIENT_CLOSE:
        line->closed = true;
        break;
    case REPLICA_CLIENT_READY:
        line->ready = true;
        break;
    case REPLICA_CLIENT_PAUSE:
    case REPLICA_CLIENT_RESUME:
        line->paused = e->kind == REPLICA_CLIENT_PAUSE;
        break;
    case REPLICA_NEWS:
        zk_buf_printf(&news, "%.*s\n", (int)e->bytes.len, (const char *)e->bytes.ptr);
        break;
    case REPLICA_FATAL:
        ck_abort_msg("fatal: %.*s", (int)e->bytes.len, (const char *)e->bytes.ptr);
        break;
    default:
        break;
    }
}

static inline void turn(void)
{
    const struct replica_effect *effects;
    size_t count = replica_flush(r, &effects);
    for (size_t i = 0; i < count; i++)
        perform(&effects[i]);
}

#define STEP_MS 5
static inline void step(void)
{
    replica_time(r, now_ms, (int64_t)now_ms + 1000000);
    disk_advance(disk, now_ms);
    replica_storage(r);
    turn();
    now_ms += STEP_MS;
}

static inline void pass(uint64_t ms)
{
    for (uint64_t end = now_ms + ms; now_ms < end;)
        step();
    ck_assert_ptr_null(replica_check(r));
    ck_assert_ptr_null(state_check(replica_state(r)));
}

static inline struct replica_config make_config(void)
{
    struct replica_config config = {
        .zab = {.self = 1, .member_count = 1, .members = {{.id = 1, .role = ZAB_PARTICIPANT, .weight = 1}},
                .tick_ms = TICK_MS, .init_limit = 10, .sync_limit = 5, .seed = 7},
        .min_session_timeout_ms = 200, .max_session_timeout_ms = 2000, .jute_max_buffer = 0xfffff,
        .memory = STATE_MEMORY_K, .auth = rules, .random = fill_random, .random_arg = &rng,
        .ensemble = zk_slice_str("server.1=a:1:2:participant\n"),
        .enforce_quota = true, .extended_types = true, .container_check_ms = 300, .container_max_per_minute = 600,
    };
    if (alter_config != NULL)
        alter_config(&config);
    return config;
}

static inline void start(void)
{
    struct replica_config config = make_config();
    char why[256];
    r = replica_new(&config, disk_open(disk, now_ms), now_ms, (int64_t)now_ms, why, sizeof why);
    ck_assert_msg(r != NULL, "%s", why);
    pass(150);
}

static inline void stop(void)
{
    replica_free(r);
    disk_close(disk);
}

static inline void setup(void)
{
    now_ms = 1000;
    zk_rng_seed(&rng, 1, 1);
    disk = disk_new(1);
    memset(lines, 0, sizeof lines);
    zk_buf_init(&frame);
    zk_buf_init(&news);
    start();
}

static inline void teardown(void)
{
    stop();
    disk_free(disk);
    for (int i = 0; i < CONNS; i++)
        zk_buf_fini(&lines[i].in);
    zk_buf_fini(&frame);
    zk_buf_fini(&news);
}

/* --- speaking as a client --- */

static inline void send_frame(uint64_t conn)
{
    replica_time(r, now_ms, (int64_t)now_ms);
    replica_client_frame(r, conn, zk_buf_slice(&frame));
}

/* The next frame that came, without its length; fails the test if there is none. */
static inline struct zk_jute next_frame(uint64_t conn)
{
    static uint8_t copy[4 << 20];
    struct zk_buf *in = &lines[conn].in;
    ck_assert_uint_ge(in->len, 4);
    struct zk_jute head = zk_jute(zk_buf_slice(in));
    size_t len = (size_t)zk_jute_int(&head);
    ck_assert_uint_ge(in->len, 4 + len);
    ck_assert_uint_le(len, sizeof copy);
    memcpy(copy, in->ptr + 4, len);
    zk_buf_drop_front(in, 4 + len);
    return zk_jute(zk_slice(copy, len));
}

static inline bool is_silent(uint64_t conn)
{
    return lines[conn].in.len == 0;
}

struct session {
    int64_t id;
    uint8_t password[ZK_PASSWORD_BYTES];
};

/* What the answer borrows is good until the next frame is read. */
static inline void send_connect(uint64_t conn, const struct zk_connect_request *request)
{
    zk_buf_fini(&lines[conn].in);
    lines[conn] = (struct line){0};
    replica_client_open(r, conn, "127.0.0.1");
    zk_buf_reset(&frame);
    zk_connect_request_encode(&frame, request);
    send_frame(conn);
}

static inline struct zk_connect_response expect_connected(uint64_t conn)
{
    struct zk_jute in = next_frame(conn);
    struct zk_connect_response response = zk_connect_response_decode(&in);
    ck_assert(!in.bad && zk_jute_left(&in) == 0);
    return response;
}

/* The answer to who comes for a new session and asks for this time-out. */
static inline struct zk_connect_response join_for(uint64_t conn, int32_t timeout_ms)
{
    static const uint8_t zeros[ZK_PASSWORD_BYTES];
    send_connect(conn, &(struct zk_connect_request){.timeout_ms = timeout_ms,
                                                    .password = zk_slice(zeros, ZK_PASSWORD_BYTES)});
    pass(50);
    return expect_connected(conn);
}

static inline struct zk_connect_response join(uint64_t conn, const struct session *old, int32_t protocol,
                                              bool has_read_only)
{
    static const uint8_t zeros[ZK_PASSWORD_BYTES];
    send_connect(conn, &(struct zk_connect_request){.protocol_version = protocol, .timeout_ms = 400,
                                                    .session_id = old ? old->id : 0,
                                                    .password = zk_slice(old ? old->password : zeros, ZK_PASSWORD_BYTES),
                                                    .has_read_only = has_read_only});
    pass(50);
    return expect_connected(conn);
}

static inline struct session open_session(uint64_t conn)
{
    struct zk_connect_response response = join(conn, NULL, ZK_PROTOCOL_APACHE, true);
    ck_assert_int_ne(response.session_id, 0);
    ck_assert(lines[conn].ready);
    struct session s = {.id = response.session_id};
    memcpy(s.password, response.password.ptr, ZK_PASSWORD_BYTES);
    return s;
}

static inline void begin(int32_t xid, int32_t op)
{
    zk_buf_reset(&frame);
    zk_request_header_encode(&frame, (struct zk_request_header){xid, op});
}

static inline void send_create_of(uint64_t conn, int32_t xid, const char *path, struct zk_slice data, int32_t flags)
{
    struct zk_buf acl;
    zk_buf_init(&acl);
    zk_acl_vector_world(&acl, ZK_PERM_ALL);
    begin(xid, ZK_OP_CREATE);
    zk_create_request_encode(&frame, &(struct zk_create_request){zk_slice_str(path), data, zk_buf_slice(&acl), flags});
    send_frame(conn);
    zk_buf_fini(&acl);
}

static inline void send_create(uint64_t conn, int32_t xid, const char *path, int32_t flags)
{
    send_create_of(conn, xid, path, zk_slice_str("x"), flags);
}

static inline void send_path(uint64_t conn, int32_t xid, int32_t op, const char *path, bool watch)
{
    begin(xid, op);
    zk_path_watch_encode(&frame, (struct zk_path_watch){zk_slice_str(path), watch});
    send_frame(conn);
}

static inline void send_delete(uint64_t conn, int32_t xid, const char *path)
{
    begin(xid, ZK_OP_DELETE);
    zk_path_version_encode(&frame, (struct zk_path_version){zk_slice_str(path), -1});
    send_frame(conn);
}

static inline void send_bare(uint64_t conn, int32_t xid, int32_t op)
{
    begin(xid, op);
    send_frame(conn);
}

static inline int32_t expect_reply(uint64_t conn, int32_t xid)
{
    struct zk_jute in = next_frame(conn);
    struct zk_reply_header h = zk_reply_header_decode(&in);
    ck_assert(!in.bad);
    ck_assert_int_eq(h.xid, xid);
    return h.err;
}

/* It is answered as if nothing had been. */
static inline void expect_alive(uint64_t conn)
{
    send_path(conn, INT32_MAX, ZK_OP_EXISTS, "/", false);
    turn();
    ck_assert_int_eq(expect_reply(conn, INT32_MAX), ZK_ERR_OK);
}

static inline void expect_event(uint64_t conn, int32_t type, const char *path)
{
    struct zk_jute in = next_frame(conn);
    struct zk_reply_header h = zk_reply_header_decode(&in);
    struct zk_watcher_event e = zk_watcher_event_decode(&in);
    ck_assert(!in.bad);
    ck_assert_int_eq(h.xid, ZK_XID_NOTIFICATION);
    ck_assert_int_eq(e.type, type);
    ck_assert_int_eq(e.state, ZK_STATE_SYNC_CONNECTED);
    ck_assert(zk_slice_eq(e.path, zk_slice_str(path)));
}

/* How many lines of the log hold this. */
static inline size_t count_news(const char *text)
{
    size_t count = 0;
    for (const char *line = zk_buf_text(&news); (line = strstr(line, text)) != NULL; count++)
        line += strcspn(line, "\n");
    return count;
}

/* Its one line that tells of this session's end goes on with `before`, a number, which is returned, and `behind`. */
static inline unsigned long expect_expiry(int64_t session, const char *before, const char *behind)
{
    char begin[80], *end;
    snprintf(begin, sizeof begin, "session 0x%llx expires: %s ", (unsigned long long)session, before);
    const char *line = strstr(zk_buf_text(&news), begin);
    ck_assert_msg(line != NULL, "no '%s' in: %s", begin, zk_buf_text(&news));
    unsigned long number = strtoul(line + strlen(begin), &end, 10);
    ck_assert_msg(strncmp(end, behind, strlen(behind)) == 0 && end[strlen(behind)] == '\n', "'%s' in: %s", behind, end);
    snprintf(begin, sizeof begin, "session 0x%llx expires", (unsigned long long)session);
    ck_assert_uint_eq(count_news(begin), 1);
    return number;
}

static inline bool exists(const char *path)
{
    struct zk_stat stat;
    return state_stat(replica_state(r), zk_slice_str(path), &stat);
}
