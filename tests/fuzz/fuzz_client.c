/* fuzz_client.c: frames of clients against one standalone server: handshakes, every opcode, nested multis, watches.
 *
 * An input is a byte and then frames, each behind a two-byte length. Bit 0 of the first byte: a session is opened first,
 * as a client would; else the first frame is the connect request. The server lives on from input to input and its
 * invariants are checked behind each. */
#include "common/proto.h"
#include "common/rng.h"
#include "server/replica/replica.h"
#include "server/state/state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sim/disk.h"
#include <stdio.h>

static struct disk *disk;
static struct replica *r;
static struct zk_rng rng;
static uint64_t now_ms = 1000;
static uint64_t conn;
static bool closed, ready;

static void fill_random(void *arg, void *ptr, size_t len)
{
    zk_rng_fill(arg, ptr, len);
}

static void turn(void)
{
    now_ms += 2;
    replica_time(r, now_ms, (int64_t)now_ms);
    disk_advance(disk, now_ms);
    replica_storage(r);
    const struct replica_effect *effects;
    size_t count = replica_flush(r, &effects);
    for (size_t i = 0; i < count; i++) {
        ZK_ASSERT(effects[i].kind != REPLICA_FATAL);
        if (effects[i].conn != conn)
            continue;
        closed = closed || effects[i].kind == REPLICA_CLIENT_CLOSE;
        ready = ready || effects[i].kind == REPLICA_CLIENT_READY;
    }
}

static void start(void)
{
    static const struct replica_config config = {
        .zab = {.self = 1, .member_count = 1, .members = {{.id = 1, .role = ZAB_PARTICIPANT, .weight = 1}},
                .tick_ms = 100, .init_limit = 10, .sync_limit = 5, .seed = 7},
        .min_session_timeout_ms = 200, .max_session_timeout_ms = 400, .jute_max_buffer = 0xfffff,
        .extended_types = true, .container_check_ms = 10, .container_never_used_ms = 50,
        .memory = STATE_MEMORY_K, .random = fill_random, .random_arg = &rng,
    };
    zk_rng_seed(&rng, 1, 1);
    disk = disk_new(1);
    char why[256];
    r = replica_new(&config, disk_open(disk, now_ms), now_ms, (int64_t)now_ms, why, sizeof why);
    ZK_ASSERT(r != NULL);
    for (int i = 0; i < 200; i++)
        turn();
}

static void open_session(void)
{
    static const uint8_t zeros[ZK_PASSWORD_BYTES];
    struct zk_buf frame;
    zk_buf_init(&frame);
    zk_connect_request_encode(&frame, &(struct zk_connect_request){
                                          .protocol_version = ZK_PROTOCOL_MEMORY, .timeout_ms = 400,
                                          .password = zk_slice(zeros, sizeof zeros)});
    replica_client_frame(r, conn, zk_buf_slice(&frame));
    zk_buf_fini(&frame);
    for (int i = 0; i < 100 && !ready; i++)
        turn();
}

static void feed(struct zk_jute *in, bool in_session)
{
    bool first = !in_session;
    while (zk_jute_left(in) >= 2 && !closed) {
        size_t len = (size_t)zk_jute_u8(in) << 8;
        len |= zk_jute_u8(in);
        if (len > zk_jute_left(in))
            len = zk_jute_left(in);
        if (first || ready)
            replica_client_frame(r, conn, zk_slice(in->at, len));
        first = false;
        in->at += len;
        turn();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (r == NULL)
        start();
    struct zk_jute in = zk_jute(zk_slice(data, size));
    bool in_session = zk_jute_u8(&in) & 1;
    conn++;
    closed = ready = false;
    replica_client_open(r, conn, "127.0.0.1");
    if (in_session)
        open_session();
    if (!in.bad)
        feed(&in, in_session);
    for (int i = 0; i < 4; i++)
        turn();
    if (!closed)
        replica_client_closed(r, conn);
    ZK_ASSERT(replica_check(r) == NULL);
    if (conn % 64 == 0)
        ZK_ASSERT(state_check(replica_state(r)) == NULL);
    return 0;
}

/* --- seeds --- */

static size_t begin(struct zk_buf *out, int32_t op)
{
    size_t at = out->len;
    zk_buf_append(out, "\0\0", 2);
    zk_request_header_encode(out, (struct zk_request_header){(int32_t)at + 1, op});
    return at;
}

static void end(struct zk_buf *out, size_t at)
{
    size_t len = out->len - at - 2;
    out->ptr[at] = (uint8_t)(len >> 8);
    out->ptr[at + 1] = (uint8_t)len;
}

static void put_create(struct zk_buf *out, const char *path, int32_t flags)
{
    struct zk_buf acl;
    zk_buf_init(&acl);
    zk_acl_vector_world(&acl, ZK_PERM_ALL);
    zk_create_request_encode(out, &(struct zk_create_request){zk_slice_str(path), zk_slice_str("data"),
                                                              zk_buf_slice(&acl), flags});
    zk_buf_fini(&acl);
}

static void seed_creates(struct zk_buf *out)
{
    static const char *const paths[] = {"/a", "/a/b", "/q-", "/e"};
    for (int32_t flags = 0; flags < 4; flags++) {
        size_t at = begin(out, flags & 1 ? ZK_OP_CREATE2 : ZK_OP_CREATE);
        put_create(out, paths[flags], flags);
        end(out, at);
    }
}

static void seed_mortal(struct zk_buf *out)
{
    size_t at = begin(out, ZK_OP_CREATE_CONTAINER);
    put_create(out, "/c", 4);
    end(out, at);
    at = begin(out, ZK_OP_CREATE_TTL);
    put_create(out, "/t-", 6);
    zk_jute_put_long(out, 100);
    end(out, at);
    at = begin(out, ZK_OP_MULTI);
    zk_multi_header_encode(out, (struct zk_multi_header){ZK_OP_CREATE_TTL, false, -1});
    put_create(out, "/c/t", 5);
    zk_jute_put_long(out, 1);
    zk_multi_header_encode(out, ZK_MULTI_END);
    end(out, at);
}

static void seed_reads(struct zk_buf *out)
{
    static const int32_t ops[] = {ZK_OP_EXISTS, ZK_OP_GET_DATA, ZK_OP_GET_CHILDREN, ZK_OP_GET_CHILDREN2};
    for (size_t i = 0; i < ZK_COUNT_OF(ops); i++) {
        size_t at = begin(out, ops[i]);
        zk_path_watch_encode(out, (struct zk_path_watch){zk_slice_str("/a"), true});
        end(out, at);
    }
    size_t at = begin(out, ZK_OP_GET_ACL);
    zk_jute_put_cstring(out, "/a");
    end(out, at);
    at = begin(out, ZK_OP_SYNC);
    zk_jute_put_cstring(out, "/");
    end(out, at);
}

static void seed_questions(struct zk_buf *out)
{
    static const int32_t ops[] = {ZK_OP_GET_ALL_CHILDREN_NUMBER, ZK_OP_GET_EPHEMERALS, ZK_OP_WHO_AM_I};
    for (size_t i = 0; i < ZK_COUNT_OF(ops); i++) {
        size_t at = begin(out, ops[i]);
        zk_jute_put_cstring(out, "/");
        end(out, at);
    }
    size_t at = begin(out, ZK_OP_MULTI_READ);
    zk_multi_header_encode(out, (struct zk_multi_header){ZK_OP_GET_DATA, false, -1});
    zk_path_watch_encode(out, (struct zk_path_watch){zk_slice_str("/zookeeper"), false});
    zk_multi_header_encode(out, (struct zk_multi_header){ZK_OP_GET_CHILDREN, false, -1});
    zk_path_watch_encode(out, (struct zk_path_watch){zk_slice_str("/none"), false});
    zk_multi_header_encode(out, ZK_MULTI_END);
    end(out, at);
    at = begin(out, ZK_OP_CHECK_WATCHES);
    zk_path_kind_encode(out, (struct zk_path_kind){zk_slice_str("/"), ZK_WATCHER_ANY});
    end(out, at);
    for (int32_t op = ZK_OP_FILTERED_LIST; op <= ZK_OP_FILTERED_LIST_WITH_DATA; op += 6) {
        at = begin(out, op);
        zk_filtered_list_request_encode(out, op, &(struct zk_filtered_list_request){zk_slice_str("/"), false, 1, true, true});
        end(out, at);
    }
    at = begin(out, ZK_OP_CHECK_STAT);
    zk_check_stat_request_encode(out, &(struct zk_check_stat_request){zk_slice_str("/"), -1, {.version = -1}});
    end(out, at);
    at = begin(out, ZK_OP_LIST_RECURSIVE);
    zk_path_limit_encode(out, (struct zk_path_limit){zk_slice_str("/"), 3});
    end(out, at);
    at = begin(out, ZK_OP_GET_CHILDREN_PAGE);
    zk_page_request_encode(out, &(struct zk_page_request){zk_slice_str("/"), zk_slice_str("a"), zk_slice_str("z"), 3, 2});
    end(out, at);
    at = begin(out, ZK_OP_RECONFIG);
    for (int i = 0; i < 3; i++)
        zk_jute_put_cstring(out, "server.1=a:1:2;3");
    zk_jute_put_long(out, -1);
    end(out, at);
}

static void seed_writes(struct zk_buf *out)
{
    size_t at = begin(out, ZK_OP_SET_DATA);
    zk_set_data_request_encode(out, &(struct zk_set_data_request){zk_slice_str("/a"), zk_slice_str("new"), -1});
    end(out, at);
    at = begin(out, ZK_OP_SET_ACL);
    zk_jute_put_cstring(out, "/a");
    zk_acl_vector_world(out, ZK_PERM_READ);
    zk_jute_put_int(out, -1);
    end(out, at);
    at = begin(out, ZK_OP_DELETE);
    zk_path_version_encode(out, (struct zk_path_version){zk_slice_str("/a/b"), -1});
    end(out, at);
    at = begin(out, ZK_OP_DELETE_TREE);
    zk_delete_tree_request_encode(out, (struct zk_delete_tree_request){zk_slice_str("/a"), 1});
    end(out, at);
}

static void seed_multi(struct zk_buf *out)
{
    size_t at = begin(out, ZK_OP_MULTI);
    zk_multi_header_encode(out, (struct zk_multi_header){ZK_OP_CREATE, false, -1});
    put_create(out, "/m", 0);
    zk_multi_header_encode(out, (struct zk_multi_header){ZK_OP_CHECK, false, -1});
    zk_path_version_encode(out, (struct zk_path_version){zk_slice_str("/m"), 0});
    zk_multi_header_encode(out, (struct zk_multi_header){ZK_OP_SET_DATA, false, -1});
    zk_set_data_request_encode(out, &(struct zk_set_data_request){zk_slice_str("/m"), zk_slice_str("x"), 0});
    zk_multi_header_encode(out, (struct zk_multi_header){ZK_OP_CREATE_IF_NOT_EXISTS, false, -1});
    put_create(out, "/m", 0);
    zk_multi_header_encode(out, (struct zk_multi_header){ZK_OP_REMOVE_RECURSIVE, false, -1});
    zk_path_limit_encode(out, (struct zk_path_limit){zk_slice_str("/a"), 10});
    zk_multi_header_encode(out, (struct zk_multi_header){ZK_OP_TRY_REMOVE, false, -1});
    zk_path_version_encode(out, (struct zk_path_version){zk_slice_str("/m"), -1});
    zk_multi_header_encode(out, (struct zk_multi_header){ZK_OP_DELETE, false, -1});
    zk_path_version_encode(out, (struct zk_path_version){zk_slice_str("/m"), 1});
    zk_multi_header_encode(out, ZK_MULTI_END);
    end(out, at);
}

static void seed_watches(struct zk_buf *out)
{
    size_t at = begin(out, ZK_OP_ADD_WATCH);
    zk_path_kind_encode(out, (struct zk_path_kind){zk_slice_str("/"), 1});
    end(out, at);
    at = begin(out, ZK_OP_SET_WATCHES2);
    zk_jute_put_long(out, 5);
    for (int i = 0; i < 5; i++) {
        zk_jute_put_int(out, 1);
        zk_jute_put_cstring(out, "/a");
    }
    end(out, at);
    at = begin(out, ZK_OP_REMOVE_WATCHES);
    zk_path_kind_encode(out, (struct zk_path_kind){zk_slice_str("/"), ZK_WATCHER_ANY});
    end(out, at);
}

static void seed_identity_and_end(struct zk_buf *out)
{
    size_t at = begin(out, ZK_OP_AUTH);
    zk_auth_packet_encode(out, &(struct zk_auth_packet){0, zk_slice_str("digest"), zk_slice_str("u:p")});
    end(out, at);
    end(out, begin(out, ZK_OP_PING));
    end(out, begin(out, ZK_OP_CLOSE_SESSION));
}

static void seed_connect(struct zk_buf *out)
{
    size_t at = out->len;
    zk_buf_append(out, "\0\0", 2);
    zk_connect_request_encode(out, &(struct zk_connect_request){.timeout_ms = 1000, .session_id = 0x100000005,
                                                                .password = zk_slice("0123456789abcdef", 16),
                                                                .has_read_only = true});
    end(out, at);
}

bool fuzz_seed(size_t n, struct zk_buf *out)
{
    static void (*const seeds[])(struct zk_buf *) = {
        seed_creates, seed_mortal,  seed_reads,            seed_questions, seed_writes,
        seed_multi,   seed_watches, seed_identity_and_end, seed_connect};
    if (n >= ZK_COUNT_OF(seeds))
        return false;
    zk_buf_append_byte(out, seeds[n] != seed_connect);
    seeds[n](out);
    return true;
}
