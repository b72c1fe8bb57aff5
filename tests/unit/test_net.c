/* test_net.c: proves server/net/conns.h and loop.h: real sockets on loopback, and a replica that is only a script. */
#include "common/jute.h"
#include "common/proto.h"
#include "server/net/conns.h"
#include "server/net/peers.h"
#include "tests/unit/run.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#define FRAME_MAX 100000

/* --- the replica: answers the first frame of a connection with READY and the frame, the others with themselves; what
 * is not played here is replica_idle.c --- */

struct replica {
    struct replica_effect effects[1000];
    size_t effect_count;
    struct zk_buf bytes[1000];
    size_t opened, closed, frames, flushes, times;
    size_t behind_count;
    bool behind[8]; /* what was told, the first first */
    uint64_t last_conn;
    bool serving;
    bool leads_three;
    bool has_session; /* every connection: for cons */
    size_t resets;
    uint32_t frame_limit;
};

static struct replica fake;

static struct replica_effect *effect(enum replica_effect_kind kind, uint64_t conn)
{
    struct replica_effect *e = &fake.effects[fake.effect_count];
    *e = (struct replica_effect){.kind = kind, .conn = conn};
    zk_buf_reset(&fake.bytes[fake.effect_count++]);
    return e;
}

static void send_frame(uint64_t conn, struct zk_slice frame)
{
    struct replica_effect *e = effect(REPLICA_CLIENT_SEND, conn);
    struct zk_buf *buf = &fake.bytes[fake.effect_count - 1];
    zk_jute_put_buffer(buf, frame);
    e->bytes = zk_buf_slice(buf);
}

void replica_time(struct replica *r, uint64_t now_ms, int64_t wall_ms)
{
    r->times++;
}

void replica_client_open(struct replica *r, uint64_t conn, const char *address)
{
    ck_assert_str_eq(address, "127.0.0.1");
    r->opened++;
    r->last_conn = 0;
}

void replica_client_frame(struct replica *r, uint64_t conn, struct zk_slice frame)
{
    if (r->last_conn != conn)
        effect(REPLICA_CLIENT_READY, conn);
    r->last_conn = conn;
    r->frames++;
    send_frame(conn, frame);
    if (frame.len == 3 && memcmp(frame.ptr, "bye", 3) == 0)
        effect(REPLICA_CLIENT_CLOSE, conn);
    if (frame.len == 5 && memcmp(frame.ptr, "pause", 5) == 0)
        effect(REPLICA_CLIENT_PAUSE, conn);
}

void replica_client_behind(struct replica *r, uint64_t conn, bool is_behind)
{
    r->behind[r->behind_count++ % 8] = is_behind;
}

void replica_client_closed(struct replica *r, uint64_t conn)
{
    r->closed++;
}

size_t replica_flush(struct replica *r, const struct replica_effect **ret_effects)
{
    size_t count = r->effect_count;
    r->flushes++;
    r->effect_count = 0;
    *ret_effects = r->effects;
    return count;
}

uint64_t replica_deadline_ms(const struct replica *r)
{
    return loop_clock_ms() + 20;
}

void replica_report_get(const struct replica *r, struct replica_report *ret_report)
{
    *ret_report = (struct replica_report){.serving = r->serving,
                                          .is_standalone = !r->leads_three,
                                          .pending_syncs = 2,
                                          .phase = ZAB_LEADING,
                                          .last_zxid = 0x100000002,
                                          .nodes = 5,
                                          .sessions = 1,
                                          .latency_min_us = 1000,
                                          .latency_max_us = 4000,
                                          .latency_sum_us = 5000,
                                          .latency_count = 4,
                                          .throttled = 7,
                                          .waiting_for = "server 3 is missing"};
}

bool replica_client_report_get(const struct replica *r, uint64_t conn, struct replica_client_report *ret_report)
{
    if (!r->has_session)
        return false;
    *ret_report = (struct replica_client_report){.session = 0x1a,
                                                 .opened_wall_ms = 1700,
                                                 .timeout_ms = 4000,
                                                 .has_op = true,
                                                 .last_op = ZK_OP_GET_DATA,
                                                 .last_xid = 31,
                                                 .last_zxid = 0x20,
                                                 .last_response_ms = 99,
                                                 .received = 2,
                                                 .sent = 3,
                                                 .latency_last_us = 1000,
                                                 .latency_max_us = 5000,
                                                 .latency_sum_us = 6000,
                                                 .latency_count = 2};
    return true;
}

bool replica_session_next(const struct replica *r, uint64_t after, struct replica_session *ret_session)
{
    *ret_session = (struct replica_session){.id = 0x1a, .timeout_ms = 4000, .ephemeral_count = 1};
    return r->has_session && after == 0;
}

bool replica_session_ephemerals(const struct replica *r, uint64_t session, size_t bytes_max, struct zk_buf *out)
{
    zk_jute_put_int(out, 1);
    zk_jute_put_cstring(out, "/e");
    return true;
}

uint32_t replica_frame_limit(const struct replica *r)
{
    return r->frame_limit;
}

/* Connection 1 of session a watches /x and /y, connection 2 of session b /y. */
void replica_each_watch(const struct replica *r, bool by_path, replica_watch_fn *fn, void *arg)
{
    struct zk_slice x = zk_slice_str("/x"), y = zk_slice_str("/y");
    fn(arg, 1, 0xa, x);
    fn(arg, 1, 0xa, y);
    fn(arg, 2, 0xb, y);
}

bool replica_session_deadline(const struct replica *r, uint64_t session, uint64_t *ret_ms)
{
    *ret_ms = 5000;
    return true;
}

uint64_t replica_digest_at(const struct replica *r, uint64_t zxid)
{
    return zxid < 0x100000000 ? 0 : zxid; /* epoch 0 has none */
}

void replica_reset_figures(struct replica *r)
{
    r->resets++;
}

void replica_reset_client_figures(struct replica *r)
{
    r->resets += 10;
}

/* --- the rig --- */

static struct loop loop;
static struct settings settings;
static struct words words;
static struct conns_config config;
static uint16_t port;

static void start(void)
{
    int fds[SOCKET_LISTEN_MAX];
    char why[200];
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    loop.conns = conns_new(&loop, &config);
    ck_assert_uint_eq(socket_listen("127.0.0.1", 0, 10, fds, why, sizeof why), 1);
    ck_assert_int_eq(getsockname(fds[0], (struct sockaddr *)&own, &len), 0);
    port = socket_port(&own);
    conns_listen(loop.conns, fds[0]);
}

static void setup(void)
{
    memset(&fake, 0, sizeof fake);
    fake.serving = true;
    settings_init(&settings);
    snprintf(settings.words, sizeof settings.words, ",srvr,ruok,isro,mntr,stat,envi,");
    ck_assert(loop_init(&loop));
    loop.replica = &fake;
    fake.frame_limit = UINT32_MAX;
    words = (struct words){
        .settings = &settings, .loop = &loop, .start_ms = loop_clock_ms(), .trace_mask = WORDS_TRACE_MASK};
    config = (struct conns_config){.count_max = 100,
                                   .per_address_max = 50,
                                   .frame_bytes_max = FRAME_MAX,
                                   .sessionless_ms = 10000,
                                   .unsent_bytes_max = CONNS_UNSENT_BYTES_MAX,
                                   .words = &words};
}

static void teardown(void)
{
    conns_free(loop.conns);
    loop_fini(&loop);
    for (size_t i = 0; i < ZK_COUNT_OF(fake.bytes); i++)
        zk_buf_fini(&fake.bytes[i]);
}

static int dial(void)
{
    struct socket_address to;
    ck_assert(socket_parse("127.0.0.1", port, &to));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to.storage, to.len), 0);
    return fd;
}

static void put(int fd, const void *bytes, size_t len)
{
    ck_assert_int_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void put_frame(int fd, const char *text)
{
    struct zk_buf buf;
    zk_buf_init(&buf);
    zk_jute_put_cstring(&buf, text);
    put(fd, buf.ptr, buf.len);
    zk_buf_fini(&buf);
}

/* Turns until `len` bytes have come or the end; returns how many. */
static size_t get(int fd, void *bytes, size_t len)
{
    size_t done = 0;
    for (uint64_t limit_ms = loop_clock_ms() + 2000; done < len && loop_clock_ms() < limit_ms;) {
        ssize_t got = recv(fd, (char *)bytes + done, len - done, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            break;
        if (got < 0)
            loop_turn(&loop);
        done += got > 0 ? (size_t)got : 0;
    }
    return done;
}

static void expect_frame(int fd, const char *text)
{
    char bytes[200] = "";
    ck_assert_uint_eq(get(fd, bytes, 4 + strlen(text)), 4 + strlen(text));
    ck_assert_str_eq(bytes + 4, text);
}

/* Sends bytes and a promise of no more; returns all that is answered until the end. */
static const char *ask(const void *bytes, size_t len)
{
    static char answer[8192];
    int fd = dial();
    put(fd, bytes, len);
    answer[get(fd, answer, sizeof answer - 1)] = '\0';
    close(fd);
    return answer;
}

static void turns_ms(uint64_t time_ms)
{
    for (uint64_t end_ms = loop_clock_ms() + time_ms; loop_clock_ms() < end_ms;)
        loop_turn(&loop);
}

/* --- the tests --- */

START_TEST(frames_go_in_and_answers_come_out)
{
    start();
    int fd = dial();
    put_frame(fd, "connect");
    expect_frame(fd, "connect");
    put_frame(fd, "one");
    expect_frame(fd, "one");
    close(fd);
    turns_ms(30);
    ck_assert_uint_eq(fake.opened, 1);
    ck_assert_uint_eq(fake.closed, 1);
    ck_assert_uint_eq(conns_figures(loop.conns).count, 0);
}
END_TEST

START_TEST(what_follows_the_connect_request_waits_until_the_session_stands)
{
    start();
    int fd = dial();
    const char three[] = "\0\0\0\7connect\0\0\0\3one\0\0\0\3two";
    put(fd, three, sizeof three - 1);
    expect_frame(fd, "connect");
    expect_frame(fd, "one");
    expect_frame(fd, "two");
    close(fd);
}
END_TEST

START_TEST(many_requests_are_one_turn)
{
    start();
    int fd = dial();
    put_frame(fd, "connect");
    expect_frame(fd, "connect");
    struct zk_buf many;
    zk_buf_init(&many);
    for (int i = 0; i < 200; i++)
        zk_jute_put_cstring(&many, "request");
    put(fd, many.ptr, many.len);
    size_t flushes = fake.flushes;
    char back[200 * 11];
    while (fake.frames < 201)
        loop_turn(&loop);
    ck_assert_uint_le(fake.flushes, flushes + 3);
    ck_assert_uint_eq(get(fd, back, sizeof back), sizeof back);
    ck_assert(memcmp(back, many.ptr, many.len) == 0);
    zk_buf_fini(&many);
    close(fd);
}
END_TEST

START_TEST(the_last_answer_arrives_before_the_end)
{
    start();
    int fd = dial();
    char more[8];
    put_frame(fd, "connect");
    expect_frame(fd, "connect");
    put_frame(fd, "bye");
    put_frame(fd, "after"); /* unread bytes must not turn the end into a reset */
    expect_frame(fd, "bye");
    ck_assert_uint_eq(get(fd, more, sizeof more), 0);
    close(fd);
    turns_ms(30);
    ck_assert_uint_eq(fake.closed, 1);
}
END_TEST

START_TEST(who_has_ended_its_side_still_gets_the_last_answer_whole)
{
    start();
    int fd = dial();
    put_frame(fd, "connect");
    expect_frame(fd, "connect");
    char *big = zk_calloc(1, 100 * FRAME_MAX);
    for (int i = 0; i < 100; i++)
        send_frame(fake.last_conn, zk_slice(big, FRAME_MAX));
    effect(REPLICA_CLIENT_CLOSE, fake.last_conn);
    loop_turn(&loop);
    shutdown(fd, SHUT_WR);
    turns_ms(30);
    ck_assert_uint_eq(get(fd, big, 99 * FRAME_MAX), 99 * FRAME_MAX);
    ck_assert_uint_eq(get(fd, big, 2 * FRAME_MAX), FRAME_MAX + 400);
    turns_ms(30);
    ck_assert_uint_eq(conns_figures(loop.conns).count, 0);
    free(big);
    close(fd);
}
END_TEST

START_TEST(the_replica_hears_who_has_not_taken_its_answers_and_when_it_has)
{
    start();
    int fd = dial();
    put_frame(fd, "connect");
    expect_frame(fd, "connect");
    ck_assert_uint_eq(fake.behind_count, 0);
    char *big = zk_calloc(1, 100 * FRAME_MAX);
    for (int i = 0; i < 100; i++)
        send_frame(fake.last_conn, zk_slice(big, FRAME_MAX));
    loop_turn(&loop);
    ck_assert_uint_eq(fake.behind_count, 1);
    ck_assert(fake.behind[0]);
    ck_assert_uint_eq(get(fd, big, 100 * FRAME_MAX), 100 * FRAME_MAX);
    turns_ms(30);
    ck_assert_uint_eq(fake.behind_count, 2);
    ck_assert(!fake.behind[1]);
    free(big);
    close(fd);
}
END_TEST

START_TEST(a_paused_connection_is_not_read)
{
    start();
    int fd = dial();
    put_frame(fd, "connect");
    expect_frame(fd, "connect");
    put_frame(fd, "pause");
    expect_frame(fd, "pause");
    put_frame(fd, "later");
    turns_ms(40);
    ck_assert_uint_eq(fake.frames, 2);
    effect(REPLICA_CLIENT_RESUME, fake.last_conn);
    expect_frame(fd, "later");
    close(fd);
}
END_TEST

START_TEST(a_slow_reader_gets_everything_in_order)
{
    start();
    int fd = dial();
    put_frame(fd, "connect");
    expect_frame(fd, "connect");
    char *big = zk_calloc(1, FRAME_MAX + 1);
    memset(big, 'x', FRAME_MAX - 1);
    for (int i = 0; i < 100; i++) {
        big[0] = (char)i;
        send_frame(fake.last_conn, zk_slice(big, FRAME_MAX));
    }
    turns_ms(30);
    for (int i = 0; i < 100; i++) {
        ck_assert_uint_eq(get(fd, big, 4), 4);
        ck_assert_uint_eq(get(fd, big, FRAME_MAX), FRAME_MAX);
        ck_assert_int_eq(big[0], i);
    }
    free(big);
    close(fd);
}
END_TEST

/* Sent until the socket takes no more: from then on what is sent adds to what is unsent. */
static int dial_and_fall_behind(uint64_t *ret_conn, size_t *ret_unsent)
{
    size_t before = conns_figures(loop.conns).unsent_bytes;
    int fd = dial();
    put_frame(fd, "connect");
    expect_frame(fd, "connect");
    *ret_conn = fake.last_conn;
    char *big = zk_calloc(1, FRAME_MAX);
    while (conns_figures(loop.conns).unsent_bytes == before) {
        send_frame(*ret_conn, zk_slice(big, FRAME_MAX));
        loop_turn(&loop);
    }
    free(big);
    *ret_unsent = conns_figures(loop.conns).unsent_bytes;
    return fd;
}

START_TEST(when_all_together_have_not_taken_too_much_who_owes_it_for_longest_is_closed)
{
    const size_t limit = 1000000;
    config.unsent_bytes_max = limit;
    start();
    uint64_t first, second;
    size_t unsent;
    int slow = dial_and_fall_behind(&first, &unsent);
    int other = dial_and_fall_behind(&second, &unsent);
    ck_assert_uint_lt(unsent, limit - 100);
    char *rest = zk_calloc(1, limit);
    send_frame(second, zk_slice(rest, limit - unsent - 4));
    loop_turn(&loop);
    ck_assert_uint_eq(conns_figures(loop.conns).unsent_bytes, limit);
    ck_assert_uint_eq(conns_figures(loop.conns).count, 2);
    send_frame(second, zk_slice(rest, 1));
    loop_turn(&loop);
    ck_assert_uint_eq(conns_figures(loop.conns).slow_closed, 1);
    ck_assert_uint_eq(conns_figures(loop.conns).count, 1);
    size_t left = conns_figures(loop.conns).unsent_bytes;
    ck_assert_uint_le(left, limit);
    ck_assert_uint_gt(left, limit - unsent);
    put_frame(other, "still here");
    turns_ms(30);
    ck_assert_uint_eq(fake.frames, 3);
    close(other);
    close(slow);
    turns_ms(30);
    ck_assert_uint_eq(conns_figures(loop.conns).unsent_bytes, 0);
    free(rest);
}
END_TEST

START_TEST(garbage_and_giant_lengths_are_closed_without_a_word)
{
    start();
    ck_assert_str_eq(ask("GET / HTTP/1.1\r\n\r\n", 18), "");
    ck_assert_str_eq(ask("\xff\xff\xff\xff", 4), "");
    ck_assert_str_eq(ask("\0\0\4\1", 4), ""); /* one more than REPLICA_CONNECT_BYTES_MAX */
    ck_assert_uint_eq(fake.opened, 0);
}
END_TEST

START_TEST(a_frame_above_jute_maxbuffer_ends_the_connection)
{
    start();
    int fd = dial();
    char byte;
    put_frame(fd, "connect");
    expect_frame(fd, "connect");
    put(fd, "\0\1\x86\xa1", 4);
    ck_assert_uint_eq(get(fd, &byte, 1), 0);
    close(fd);
    turns_ms(30);
    ck_assert_uint_eq(fake.closed, 1);
}
END_TEST

START_TEST(a_frame_as_long_as_jute_maxbuffer_is_taken)
{
    start();
    int fd = dial();
    put_frame(fd, "connect");
    expect_frame(fd, "connect");
    char *big = zk_calloc(1, FRAME_MAX + 5);
    memset(big, 'x', FRAME_MAX);
    put_frame(fd, big);
    turns_ms(50);
    ck_assert_uint_eq(fake.frames, 2);
    ck_assert_uint_eq(fake.closed, 0);
    free(big);
    close(fd);
}
END_TEST

START_TEST(a_request_that_is_too_large_for_now_ends_the_connection_by_its_length)
{
    start();
    int fd = dial();
    char byte;
    put_frame(fd, "connect");
    expect_frame(fd, "connect");
    fake.frame_limit = 3;
    put_frame(fd, "abc");
    expect_frame(fd, "abc");
    put(fd, "\0\0\0\4", 4);
    ck_assert_uint_eq(get(fd, &byte, 1), 0);
    ck_assert_uint_eq(conns_figures(loop.conns).large_rejected, 1);
    close(fd);
}
END_TEST

START_TEST(who_has_no_session_in_time_is_closed_however_it_drips)
{
    config.sessionless_ms = 100;
    start();
    int silent = dial(), dripping = dial();
    char byte;
    uint64_t begin_ms = loop_clock_ms();
    for (int i = 0; i < 3; i++) {
        put(dripping, "\0", 1);
        turns_ms(20);
    }
    ck_assert_uint_eq(get(dripping, &byte, 1), 0);
    ck_assert_uint_eq(get(silent, &byte, 1), 0);
    ck_assert_uint_ge(loop_clock_ms() - begin_ms, 100);
    ck_assert_uint_lt(loop_clock_ms() - begin_ms, 1000);
    ck_assert_uint_eq(conns_figures(loop.conns).sessionless_expired, 2);
    close(silent);
    close(dripping);
}
END_TEST

START_TEST(one_address_may_not_take_all)
{
    config.per_address_max = 2;
    start();
    int fds[4];
    char byte;
    for (int i = 0; i < 3; i++)
        fds[i] = dial();
    turns_ms(30);
    ck_assert_uint_eq(conns_figures(loop.conns).count, 2);
    ck_assert_uint_eq(conns_figures(loop.conns).rejected, 1);
    ck_assert_uint_eq(get(fds[2], &byte, 1), 0);
    close(fds[0]);
    turns_ms(30);
    fds[3] = dial();
    put_frame(fds[3], "connect");
    expect_frame(fds[3], "connect");
    for (int i = 1; i < 4; i++)
        close(fds[i]);
}
END_TEST

START_TEST(no_limit_for_an_address_is_none)
{
    config.per_address_max = 0;
    start();
    int fds[90];
    for (size_t i = 0; i < ZK_COUNT_OF(fds); i++) {
        fds[i] = dial();
        if (i % 8 == 0)
            turns_ms(1); /* no more than a few may wait to be accepted */
    }
    turns_ms(50);
    ck_assert_uint_eq(conns_figures(loop.conns).count, ZK_COUNT_OF(fds));
    ck_assert_uint_eq(conns_figures(loop.conns).rejected, 0);
    for (size_t i = 0; i < ZK_COUNT_OF(fds); i++)
        close(fds[i]);
}
END_TEST

START_TEST(an_address_is_written_as_java_writes_it)
{
    static const struct {
        const char *given, *written, *with_port;
    } cases[] = {
        {"::1", "0:0:0:0:0:0:0:1", "[0:0:0:0:0:0:0:1]:9"},
        {"2001:0DB8::00ff:0:a", "2001:db8:0:0:0:ff:0:a", "[2001:db8:0:0:0:ff:0:a]:9"},
        {"fedc:ba98:7654:3210:fedc:ba98:7654:3210", "fedc:ba98:7654:3210:fedc:ba98:7654:3210",
         "[fedc:ba98:7654:3210:fedc:ba98:7654:3210]:9"},
        {"::ffff:10.0.0.255", "10.0.0.255", "10.0.0.255:9"},
        {"10.0.0.255", "10.0.0.255", "10.0.0.255:9"},
    };
    for (size_t i = 0; i < ZK_COUNT_OF(cases); i++) {
        char text[SOCKET_TEXT_SIZE];
        struct socket_address address;
        ck_assert(socket_parse(cases[i].given, 9, &address));
        struct in6_addr host = socket_host(&address.storage);
        ck_assert_str_eq(socket_host_text(&host, text), cases[i].written);
        ck_assert_str_eq(socket_text(&host, 9, text), cases[i].with_port);
    }
}
END_TEST

START_TEST(sockets_in_all_are_bounded)
{
    config.count_max = 2;
    start();
    int fds[3];
    char byte;
    for (int i = 0; i < 3; i++)
        fds[i] = dial();
    ck_assert_uint_eq(get(fds[2], &byte, 1), 0);
    ck_assert_uint_eq(conns_figures(loop.conns).count, 2);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}
END_TEST

START_TEST(without_a_file_descriptor_left_it_waits_for_one)
{
    start();
    int waiting = dial();
    struct rlimit limit, none;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = (rlim_t)waiting; /* the next one would be waiting + 1 */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    size_t flushes = fake.flushes;
    turns_ms(100);
    ck_assert_uint_eq(conns_figures(loop.conns).count, 0);
    ck_assert_uint_le(fake.flushes - flushes, 20); /* no spinning: the listener is left alone for a while */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    put_frame(waiting, "connect");
    expect_frame(waiting, "connect");
    close(waiting);
}
END_TEST

static void start_with_words(const char *words_allowed)
{
    snprintf(settings.words, sizeof settings.words, "%s", words_allowed);
    start();
}

START_TEST(words_are_answered_and_the_connection_ends)
{
    start();
    ck_assert_str_eq(ask("ruok\n", 5), "imok");
    ck_assert_str_eq(ask("isro", 4), "rw");
    ck_assert_str_eq(ask("dump", 4), "dump is not executed because it is not in the whitelist.\n");
    const char *srvr = ask("srvr", 4);
    ck_assert_ptr_nonnull(strstr(srvr, "Zookeeper version: 3.9.5-zkd-"));
    ck_assert_ptr_nonnull(strstr(srvr, "\nLatency min/avg/max: 1/1.25/4\nReceived: 0\nSent: 0\nConnections: 1\n"
                                       "Outstanding: 0\nZxid: 0x100000002\nMode: standalone\nNode count: 5\n"));
    const char *stat = ask("stat", 4);
    ck_assert_ptr_nonnull(strstr(stat, "\nClients:\n /127.0.0.1:"));
    ck_assert_ptr_nonnull(strstr(stat, "[1](queued=0,recved=0,sent=0)\n\nLatency"));
    const char *mntr = ask("mntr", 4);
    ck_assert_int_eq(strncmp(mntr, "zk_version\t3.9.5-zkd-", 21), 0);
    ck_assert_ptr_nonnull(strstr(mntr, "\nzk_connection_rejected\t7\n")); /* for want of tokens */
    ck_assert_int_eq(strncmp(ask("envi", 4), "Environment:\nzookeeper.version=3.9.5-zkd-", 41), 0);
    ck_assert_uint_eq(fake.opened, 0);
}
END_TEST

/* The formats are those of Apache's server, character by character. */
START_TEST(the_words_that_look_closer_speak_as_apaches_do)
{
    start_with_words(",*,");
    ck_assert_str_eq(ask("wchs", 4), "2 connections watching 2 paths\nTotal watches:3\n");
    ck_assert_str_eq(ask("wchc", 4), "0xa\n\t/x\n\t/y\n0xb\n\t/y\n\n");
    ck_assert_str_eq(ask("wchp", 4), "/x\n\t0xa\n/y\n\t0xa\n\t0xb\n\n");
    ck_assert_str_eq(ask("crst", 4), "Connection stats reset.\n");
    ck_assert_str_eq(ask("srst", 4), "Server stats reset.\n");
    ck_assert_uint_eq(fake.resets, 11);
    ck_assert_str_eq(ask("gtmk", 4), "306");
    const char *cons = ask("cons", 4);
    ck_assert_ptr_nonnull(strstr(cons, "[1](queued=0,recved=0,sent=0)\n\n"));
    fake.has_session = true;
    cons = ask("cons", 4);
    ck_assert_int_eq(strncmp(cons, " /127.0.0.1:", 12), 0);
    ck_assert_ptr_nonnull(strstr(cons, "[1](queued=0,recved=2,sent=3,sid=0x1a,lop=GETD,est=1700,to=4000,lcxid=0x1f,"
                                       "lzxid=0x20,lresp=99,llat=1,minlat=0,avglat=3,maxlat=5)\n\n"));
    const char *dump = ask("dump", 4);
    ck_assert_ptr_eq(strstr(dump, "SessionTracker dump:\nSession Sets (1)/(1):\n1 expire at "), dump);
    ck_assert_ptr_nonnull(strstr(dump, ":\n\t0x1a\nephemeral nodes dump:\nSessions with Ephemerals (1):\n0x1a:\n\t/e\n"
                                       "Connections dump:\n"));
    ck_assert_str_eq(ask("hash", 4), "100000000: 4294967296\n");
    snprintf(settings.data_dir, sizeof settings.data_dir, "/nowhere");
    ck_assert_str_eq(ask("dirs", 4), "datadir_size: 0\nlogdir_size: 0\n");
    const char *conf = ask("conf", 4);
    ck_assert_ptr_eq(strstr(conf, "clientPort=0\nsecureClientPort=-1\ndataDir=/nowhere\ndataDirSize=0\n"), conf);
    ck_assert_ptr_nonnull(strstr(conf, "\ntickTime=3000\nmaxClientCnxns=60\nminSessionTimeout="));
    ck_assert_ptr_nonnull(strstr(conf, "\nclientPortListenBacklog=-1\nserverId=0\n"));
    fake.serving = false;
    ck_assert_int_eq(strncmp(ask("cons", 4), "This ZooKeeper instance is not", 30), 0);
}
END_TEST

START_TEST(a_leader_tells_of_its_ensemble)
{
    fake.leads_three = true;
    settings.server_count = 3;
    settings.servers[2].is_observer = true;
    start();
    const char *mntr = ask("mntr", 4);
    ck_assert_ptr_nonnull(strstr(mntr, "\nzk_peer_state\tleading - broadcast\n"));
    ck_assert_ptr_nonnull(strstr(mntr, "\nzk_quorum_size\t2\n"));
    ck_assert_ptr_nonnull(strstr(mntr, "\nzk_pending_syncs\t2\nzk_leader_uptime\t"));
}
END_TEST

/* It comes behind the word, as a 64-bit number. */
START_TEST(a_trace_mask_is_set_and_told)
{
    start_with_words(",stmk,gtmk,");
    ck_assert_str_eq(ask("gtmk", 4), "306");
    ck_assert_str_eq(ask("stmk\0\0\0\0\0\0\001\054", 12), "300");
    ck_assert_str_eq(ask("gtmk", 4), "300");
    ck_assert_str_eq(ask("stmk\377\377\377\377\377\377\377\376and more", 20), "-2");
    ck_assert_str_eq(ask("stmk\0\0\0\0\0\0\001", 11), ""); /* one byte is missing */
    ck_assert_str_eq(ask("stmk", 4), "");
    ck_assert_str_eq(ask("gtmk", 4), "-2");
    snprintf(settings.words, sizeof settings.words, ",gtmk,");
    ck_assert_str_eq(ask("stmk\0\0\0\0\0\0\001\054", 12), "stmk is not executed because it is not in the whitelist.\n");
    ck_assert_str_eq(ask("gtmk", 4), "-2");
}
END_TEST

START_TEST(a_word_off_the_list_is_refused)
{
    start_with_words(",srvr,");
    ck_assert_str_eq(ask("ruok", 4), "ruok is not executed because it is not in the whitelist.\n");
}
END_TEST

START_TEST(a_server_that_does_not_serve_says_so_and_why)
{
    fake.serving = false;
    start();
    ck_assert_str_eq(ask("srvr", 4),
                     "This ZooKeeper instance is not currently serving requests\nserver 3 is missing\n");
    ck_assert_str_eq(ask("isro", 4), "null");
    ck_assert_str_eq(ask("ruok", 4), "imok");
}
END_TEST

START_TEST(an_idle_loop_sleeps)
{
    start();
    turns_ms(20);
    size_t flushes = fake.flushes;
    turns_ms(200); /* the fake wants to be called every 20 ms */
    ck_assert_uint_le(fake.flushes - flushes, 15);
}
END_TEST

static TCase *all_tests(void)
{
    TCase *tests = tcase_create("net");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, frames_go_in_and_answers_come_out);
    tcase_add_test(tests, what_follows_the_connect_request_waits_until_the_session_stands);
    tcase_add_test(tests, many_requests_are_one_turn);
    tcase_add_test(tests, the_last_answer_arrives_before_the_end);
    tcase_add_test(tests, who_has_ended_its_side_still_gets_the_last_answer_whole);
    tcase_add_test(tests, the_replica_hears_who_has_not_taken_its_answers_and_when_it_has);
    tcase_add_test(tests, a_paused_connection_is_not_read);
    tcase_add_test(tests, a_slow_reader_gets_everything_in_order);
    tcase_add_test(tests, when_all_together_have_not_taken_too_much_who_owes_it_for_longest_is_closed);
    tcase_add_test(tests, a_frame_as_long_as_jute_maxbuffer_is_taken);
    tcase_add_test(tests, a_request_that_is_too_large_for_now_ends_the_connection_by_its_length);
    tcase_add_test(tests, garbage_and_giant_lengths_are_closed_without_a_word);
    tcase_add_test(tests, a_frame_above_jute_maxbuffer_ends_the_connection);
    tcase_add_test(tests, who_has_no_session_in_time_is_closed_however_it_drips);
    tcase_add_test(tests, one_address_may_not_take_all);
    tcase_add_test(tests, no_limit_for_an_address_is_none);
    tcase_add_test(tests, an_address_is_written_as_java_writes_it);
    tcase_add_test(tests, sockets_in_all_are_bounded);
    tcase_add_test(tests, without_a_file_descriptor_left_it_waits_for_one);
    tcase_add_test(tests, words_are_answered_and_the_connection_ends);
    tcase_add_test(tests, the_words_that_look_closer_speak_as_apaches_do);
    tcase_add_test(tests, a_leader_tells_of_its_ensemble);
    tcase_add_test(tests, a_trace_mask_is_set_and_told);
    tcase_add_test(tests, a_word_off_the_list_is_refused);
    tcase_add_test(tests, a_server_that_does_not_serve_says_so_and_why);
    tcase_add_test(tests, an_idle_loop_sleeps);
    return tests;
}

int main(void)
{
    return run_tests("net", all_tests());
}
