/* test_client_face.c: proves client/zk.h's ways of waiting, calling back and reconnecting, over real sockets, against
 * a server of a few lines that this file plays on a thread. */
#include "client/zk.h"
#include "common/err.h"
#include "common/proto.h"
#include "tests/unit/run.h"
#include <arpa/inet.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* It knows one node, "/a", and that sets succeed. One connection at a time. */
struct server {
    pthread_t thread;
    int listener;
    uint16_t port;
    bool memory;
    int cut_before_answer; /* of so many sets, hang up in place of answering */
    int connections;
    int32_t set_xids[16];
    int set_count;
    bool is_behind;          /* creates happen and their answers are lost, with the connection; it shows what was made */
    bool has_synced;         /* behind a sync only */
    atomic_bool may_create;  /* not before */
    atomic_int delete_count;
    atomic_bool stop;
};

static struct server server;

static bool read_all(int fd, void *bytes, size_t len)
{
    for (uint8_t *at = bytes; len > 0;) {
        ssize_t got = recv(fd, at, len, 0);
        if (got <= 0)
            return false;
        at += got;
        len -= (size_t)got;
    }
    return true;
}

static bool read_frame(int fd, struct zk_buf *in)
{
    uint8_t length[4];
    zk_buf_reset(in);
    if (!read_all(fd, length, 4))
        return false;
    struct zk_jute head = zk_jute(zk_slice(length, 4));
    size_t len = (size_t)zk_jute_int(&head);
    if (!zk_buf_reserve(in, len) || !read_all(fd, in->ptr, len))
        return false;
    in->len = len;
    return true;
}

static void answer_connect(struct zk_buf *out)
{
    zk_connect_response_encode(out, &(struct zk_connect_response){
                                        .protocol_version = server.memory ? ZK_PROTOCOL_MEMORY : 0,
                                        .timeout_ms = 10000,
                                        .session_id = 77,
                                        .password = zk_slice("0123456789abcdef", 16),
                                        .has_read_only = true,
                                        .memory = 32,
                                    });
}

/* An ephemeral node of the one session. */
static bool answer_late(const struct zk_request_header *h, struct zk_buf *out)
{
    static const struct zk_stat stat = {.czxid = 3, .ephemeral_owner = 77};
    while (zk_op_is_create(h->op) && !server.may_create && !server.stop)
        usleep(1000);
    if (zk_op_is_create(h->op))
        return false;
    server.has_synced |= h->op == ZK_OP_SYNC;
    server.delete_count += h->op == ZK_OP_DELETE;
    bool is_hidden = h->op == ZK_OP_EXISTS && !server.has_synced;
    zk_reply_header_encode(out, (struct zk_reply_header){h->xid, 9, is_hidden ? ZK_ERR_NO_NODE : ZK_ERR_OK});
    if (h->op == ZK_OP_SYNC)
        zk_jute_put_cstring(out, "/g");
    if (h->op == ZK_OP_EXISTS && !is_hidden)
        zk_stat_encode(out, &stat);
    return true;
}

/* False to hang up. */
static bool answer(struct zk_jute *in, struct zk_buf *out, bool *ret_closed)
{
    struct zk_request_header h = zk_request_header_decode(in);
    static const struct zk_stat stat = {.czxid = 3, .version = 4};
    int32_t err = ZK_ERR_OK;
    *ret_closed = h.op == ZK_OP_CLOSE_SESSION;
    if (server.is_behind)
        return answer_late(&h, out);
    if (h.op == ZK_OP_SET_DATA && server.set_count < 16)
        server.set_xids[server.set_count++] = h.xid;
    if (h.op == ZK_OP_SET_DATA && server.cut_before_answer-- > 0)
        return false;
    if (h.op == ZK_OP_GET_DATA && !zk_slice_eq(zk_jute_string(in), zk_slice_str("/a")))
        err = ZK_ERR_NO_NODE;
    zk_reply_header_encode(out, (struct zk_reply_header){h.xid, 9, err});
    if (h.op == ZK_OP_GET_DATA && err == ZK_ERR_OK)
        zk_jute_put_cstring(out, "data");
    if ((h.op == ZK_OP_GET_DATA && err == ZK_ERR_OK) || h.op == ZK_OP_SET_DATA)
        zk_stat_encode(out, &stat);
    return true;
}

static void serve(int fd)
{
    struct zk_buf in = {0}, out = {0};
    bool closed = false;
    for (bool first = true; !closed && read_frame(fd, &in); first = false) {
        struct zk_jute body = zk_jute(zk_buf_slice(&in));
        zk_buf_reset(&out);
        size_t at = zk_jute_begin_frame(&out);
        if (first)
            answer_connect(&out);
        else if (!answer(&body, &out, &closed))
            break;
        zk_jute_end_frame(&out, at);
        ck_assert(send(fd, out.ptr, out.len, MSG_NOSIGNAL) == (ssize_t)out.len);
    }
    zk_buf_fini(&in);
    zk_buf_fini(&out);
}

static void *run_server(void *arg)
{
    for (;;) {
        int fd = accept(server.listener, NULL, NULL);
        if (server.stop || fd < 0)
            return NULL;
        server.connections++;
        serve(fd);
        close(fd);
    }
}

static void setup(void)
{
    memset(&server, 0, sizeof server);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    server.memory = true;
    server.listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(server.listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(server.listener, 8), 0);
    ck_assert_int_eq(getsockname(server.listener, (struct sockaddr *)&address, &size), 0);
    server.port = ntohs(address.sin_port);
    ck_assert_int_eq(pthread_create(&server.thread, NULL, run_server, NULL), 0);
}

static void teardown(void)
{
    server.stop = true;
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
}

static struct zk *open_with(struct zk_options options)
{
    char list[64];
    struct zk *zk;
    snprintf(list, sizeof list, "127.0.0.1:%u", server.port);
    options.servers = list;
    ck_assert_int_eq(zk_open(&options, &zk), ZK_OK);
    return zk;
}

START_TEST(a_call_waits_and_its_result_is_one_block)
{
    struct zk *zk = open_with((struct zk_options){0});
    struct zk_result *result;
    ck_assert_int_eq(zk_wait_connected(zk, 5000), ZK_OK);
    ck_assert(zk_session_has_memory(zk));
    ck_assert_int_eq(zk_get(zk, "/a", NULL, NULL, &result), ZK_OK);
    ck_assert_str_eq(result->data, "data");
    ck_assert_uint_eq(result->data_len, 4);
    ck_assert_int_eq(result->stat.version, 4);
    ck_assert_int_eq(result->zxid, 9);
    zk_result_free(result);
    ck_assert_int_eq(zk_get(zk, "/b", NULL, NULL, &result), ZK_NO_NODE);
    ck_assert_ptr_null(result);
    ck_assert_int_eq(zk_get(zk, "b", NULL, NULL, NULL), ZK_BAD_ARGUMENTS);
    zk_close(zk);
}
END_TEST

START_TEST(a_write_whose_answer_was_lost_succeeds_with_a_memory)
{
    server.cut_before_answer = 2;
    struct zk *zk = open_with((struct zk_options){0});
    ck_assert_int_eq(zk_set(zk, "/a", "x", 1, ZK_ANY_VERSION, NULL), ZK_OK);
    zk_close(zk);
    ck_assert_int_eq(server.set_count, 3);
    ck_assert_int_eq(server.set_xids[0], server.set_xids[2]);
    ck_assert_int_ge(server.connections, 3);
}
END_TEST

START_TEST(and_is_a_connection_loss_without)
{
    server.memory = false;
    server.cut_before_answer = 1;
    struct zk *zk = open_with((struct zk_options){0});
    ck_assert_int_eq(zk_set(zk, "/a", "x", 1, ZK_ANY_VERSION, NULL), ZK_CONNECTION_LOSS);
    ck_assert_int_eq(zk_set(zk, "/a", "x", 1, ZK_ANY_VERSION, NULL), ZK_OK);
    zk_close(zk);
}
END_TEST

static int code_in_callback;
static struct zk_result *result_in_callback;
static atomic_bool called;

static void try_to_wait(struct zk *zk, struct zk_result *result, void *context)
{
    code_in_callback = zk_get(zk, "/a", NULL, NULL, &result_in_callback);
    zk_result_free(result);
    called = true;
}

START_TEST(waiting_in_a_callback_is_refused_and_closing_there_is_not)
{
    struct zk *zk = open_with((struct zk_options){0});
    struct zk_result any;
    called = false;
    result_in_callback = &any;
    ck_assert_int_eq(zk_get_async(zk, "/a", NULL, NULL, try_to_wait, NULL), ZK_OK);
    zk_close(zk);
    ck_assert_ptr_null(result_in_callback);
    ck_assert(called);
    ck_assert_int_eq(code_in_callback, ZK_INVALID_STATE);
}
END_TEST

/* What happens on the caller's event_base, as a story. */
static char story[256];

static void tell(const char *word)
{
    strncat(story, word, sizeof story - strlen(story) - 1);
}

static void on_closed(void *context)
{
    tell("closed");
}

static void on_got(struct zk *zk, struct zk_result *result, void *context)
{
    tell(result->err == ZK_OK ? "got " : "failed ");
    zk_result_free(result);
    zk_close_async(zk, on_closed, NULL);
}

static void on_state(struct zk *zk, enum zk_session_state state, void *context)
{
    if (state == ZK_SESSION_IS_CONNECTED) {
        tell("connected ");
        ck_assert_int_eq(zk_get_async(zk, "/a", NULL, NULL, on_got, NULL), ZK_OK);
    } else if (state == ZK_SESSION_IS_CLOSED) {
        tell("ended ");
    }
}

START_TEST(all_runs_on_the_callers_event_base_and_leaves_it_empty)
{
    struct event_base *base = event_base_new();
    story[0] = '\0';
    struct zk *zk = open_with((struct zk_options){.base = base, .on_state = on_state});
    ck_assert_int_eq(zk_sync(zk, "/"), ZK_INVALID_STATE);
    event_base_dispatch(base); /* returns when libzk has taken all its events away */
    event_base_free(base);
    ck_assert_str_eq(story, "connected got ended closed");
}
END_TEST

static void *hammer(void *arg)
{
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(zk_get(arg, "/a", NULL, NULL, NULL), ZK_OK);
    return NULL;
}

START_TEST(many_threads_share_a_handle)
{
    pthread_t threads[8];
    struct zk *zk = open_with((struct zk_options){.outstanding_max = 3});
    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, zk), 0);
    for (size_t i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    zk_close(zk);
}
END_TEST

START_TEST(without_a_server_waiting_ends_and_so_does_closing)
{
    struct zk_options options = {.servers = "127.0.0.1:1,localhost:1", .request_timeout_ms = 50};
    struct zk *zk;
    struct zk_session session;
    ck_assert_int_eq(zk_open(&options, &zk), ZK_OK);
    ck_assert_int_eq(zk_wait_connected(zk, 20), ZK_OPERATION_TIMEOUT);
    ck_assert_int_eq(zk_sync(zk, "/"), ZK_OPERATION_TIMEOUT);
    ck_assert(!zk_session_get(zk, &session));
    zk_close(zk);
    options.servers = "nothing but:nonsense";
    ck_assert_int_eq(zk_open(&options, &zk), ZK_BAD_ARGUMENTS);
}
END_TEST

START_TEST(who_leaves_a_group_before_its_join_was_answered_leaves_no_member)
{
    server.memory = false;
    server.is_behind = true;
    struct zk *zk = open_with((struct zk_options){0});
    struct zk_group *member;
    ck_assert_int_eq(zk_group_join(zk, "/g", "n", NULL, 0, NULL, NULL, &member), ZK_OK);
    zk_group_leave(member);
    server.may_create = true;
    for (int i = 0; i < 3000 && server.delete_count == 0; i++)
        usleep(1000);
    ck_assert_int_eq(server.delete_count, 1);
    zk_close(zk);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("face");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_call_waits_and_its_result_is_one_block);
    tcase_add_test(tests, a_write_whose_answer_was_lost_succeeds_with_a_memory);
    tcase_add_test(tests, and_is_a_connection_loss_without);
    tcase_add_test(tests, waiting_in_a_callback_is_refused_and_closing_there_is_not);
    tcase_add_test(tests, all_runs_on_the_callers_event_base_and_leaves_it_empty);
    tcase_add_test(tests, many_threads_share_a_handle);
    tcase_add_test(tests, who_leaves_a_group_before_its_join_was_answered_leaves_no_member);
    tcase_add_test(tests, without_a_server_waiting_ends_and_so_does_closing);
    return run_tests("client face", tests);
}
