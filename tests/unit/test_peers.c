/* test_peers.c: proves server/net/peers.h: two servers' transports on loopback, each under a replica that is only a
 * script, and strangers that knock. */
#include "common/jute.h"
#include "server/net/conns.h"
#include "server/net/link.h"
#include "server/net/peers.h"
#include "tests/unit/run.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* --- the replica: notes what it hears, says what the test wants --- */

struct replica {
    bool up[2]; /* the channel dialled, the one accepted */
    size_t ups[2], downs[2], messages[2];
    char last[64];
    bool refuses; /* calls every message malformed */
    struct replica_effect effects[8];
    size_t effect_count;
};

size_t replica_flush(struct replica *r, const struct replica_effect **ret_effects)
{
    size_t count = r->effect_count;
    r->effect_count = 0;
    *ret_effects = r->effects;
    return count;
}

uint64_t replica_deadline_ms(const struct replica *r)
{
    return loop_clock_ms() + 3;
}

void replica_peer_up(struct replica *r, uint64_t peer, bool inbound)
{
    ck_assert(!r->up[inbound]);
    r->up[inbound] = true;
    r->ups[inbound]++;
}

void replica_peer_down(struct replica *r, uint64_t peer, bool inbound)
{
    r->up[inbound] = false;
    r->downs[inbound]++;
}

bool replica_peer_message(struct replica *r, uint64_t peer, bool inbound, struct zk_slice message)
{
    ck_assert(r->up[inbound]);
    r->messages[inbound]++;
    snprintf(r->last, sizeof r->last, "%.*s", (int)message.len, (const char *)message.ptr);
    return !r->refuses;
}

/* --- two servers, 1 and 2 --- */

struct server {
    struct replica replica;
    struct settings settings;
    struct loop loop;
    struct conns_config conns_config;
};

static struct server servers[3]; /* by id */

static void server_start(uint64_t id, const char *other_host, const char *secret)
{
    struct server *s = &servers[id];
    int fds[SOCKET_LISTEN_MAX];
    char why[200];
    s->settings.self = id;
    s->settings.server_count = 2;
    s->settings.tick_ms = 1000;
    s->settings.sync_limit = 5;
    for (size_t i = 0; i < 2; i++) {
        struct settings_server *line = &s->settings.servers[i];
        line->id = i + 1;
        line->peer_port = servers[i + 1].settings.servers[i].peer_port;
        snprintf(line->host, sizeof line->host, "%s", line->id == id ? "127.0.0.1" : other_host);
    }
    ck_assert(loop_init(&s->loop));
    s->loop.replica = &s->replica;
    s->loop.conns = conns_new(&s->loop, &s->conns_config);
    s->loop.peers = peers_new(&s->loop, &s->settings, zk_slice_str(secret));
    ck_assert_uint_eq(
        socket_listen("127.0.0.1", s->settings.servers[id - 1].peer_port, 10, fds, why, sizeof why), 1);
    peers_start(s->loop.peers, fds, 1);
}

static void server_stop(uint64_t id)
{
    peers_free(servers[id].loop.peers);
    conns_free(servers[id].loop.conns);
    loop_fini(&servers[id].loop);
    memset(&servers[id].replica, 0, sizeof servers[id].replica);
}

/* A port that nobody listens on just now. */
static uint16_t free_port(void)
{
    int fds[SOCKET_LISTEN_MAX];
    char why[200];
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    ck_assert_uint_eq(socket_listen("127.0.0.1", 0, 1, fds, why, sizeof why), 1);
    ck_assert_int_eq(getsockname(fds[0], (struct sockaddr *)&own, &len), 0);
    close(fds[0]);
    return socket_port(&own);
}

static void setup(void)
{
    memset(servers, 0, sizeof servers);
    for (size_t id = 1; id <= 2; id++)
        servers[id].settings.servers[id - 1].peer_port = free_port();
}

static void turn(void)
{
    for (size_t id = 1; id <= 2; id++)
        if (servers[id].loop.base != NULL)
            loop_turn(&servers[id].loop);
}

static void turns_ms(uint64_t time_ms)
{
    for (uint64_t end_ms = loop_clock_ms() + time_ms; loop_clock_ms() < end_ms;)
        turn();
}

#define TURN_UNTIL(cond)                                                                                               \
    do {                                                                                                               \
        for (uint64_t until_ms = loop_clock_ms() + 3000; !(cond) && loop_clock_ms() < until_ms;)                           \
            turn();                                                                                                    \
        ck_assert_msg(cond, "not within 3 s: " #cond);                                                                 \
    } while (0)

static bool all_up(void)
{
    return servers[1].replica.up[0] && servers[1].replica.up[1] && servers[2].replica.up[0] && servers[2].replica.up[1];
}

static void say(uint64_t from, bool inbound, enum replica_effect_kind kind, const char *text)
{
    struct replica *r = &servers[from].replica;
    r->effects[r->effect_count++] = (struct replica_effect){
        .kind = kind, .peer = 3 - from, .inbound = inbound, .bytes = zk_slice_str(text)};
}

static int dial(uint64_t id)
{
    struct socket_address to;
    ck_assert(socket_parse("127.0.0.1", servers[id].settings.servers[id - 1].peer_port, &to));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to.storage, to.len), 0);
    return fd;
}

static bool has_ended(int fd)
{
    char bytes[512];
    ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN);
}

/* --- the tests --- */

START_TEST(both_dial_and_messages_go_both_ways_on_both_channels)
{
    server_start(1, "127.0.0.1", "");
    server_start(2, "127.0.0.1", "");
    TURN_UNTIL(all_up());
    say(1, false, REPLICA_PEER_SEND, "up");
    TURN_UNTIL(servers[2].replica.messages[1] == 1);
    ck_assert_str_eq(servers[2].replica.last, "up");
    say(2, true, REPLICA_PEER_SEND, "down");
    TURN_UNTIL(servers[1].replica.messages[0] == 1);
    ck_assert_str_eq(servers[1].replica.last, "down");
    server_stop(1);
    server_stop(2);
}
END_TEST

START_TEST(a_name_is_resolved_without_stopping_the_loop)
{
    server_start(1, "localhost", "");
    server_start(2, "localhost", "");
    TURN_UNTIL(all_up());
    server_stop(1);
    server_stop(2);
}
END_TEST

START_TEST(one_secret_joins_and_two_part)
{
    server_start(1, "127.0.0.1", "a long enough secret");
    server_start(2, "127.0.0.1", "another one, longer");
    turns_ms(100);
    ck_assert_uint_eq(servers[1].replica.ups[0] + servers[1].replica.ups[1] + servers[2].replica.ups[0], 0);
    server_stop(2);
    server_start(2, "127.0.0.1", "a long enough secret");
    TURN_UNTIL(all_up());
    server_stop(1);
    server_stop(2);
}
END_TEST

START_TEST(without_a_secret_only_the_addresses_of_the_server_lines_are_taken)
{
    server_start(1, "127.0.0.1", "");
    server_start(2, "127.0.0.2", ""); /* so 2 looks for 1 there, and 1 comes from 127.0.0.1 */
    turns_ms(100);
    ck_assert_uint_eq(servers[2].replica.ups[1], 0);
    server_stop(1);
    server_stop(2);
}
END_TEST

START_TEST(a_dial_that_fails_is_told_and_tried_again_until_it_works)
{
    server_start(1, "127.0.0.1", "");
    TURN_UNTIL(servers[1].replica.downs[0] >= 3);
    ck_assert_uint_eq(servers[1].replica.ups[0], 0);
    server_start(2, "127.0.0.1", "");
    TURN_UNTIL(all_up());
    server_stop(2);
    TURN_UNTIL(!servers[1].replica.up[0] && !servers[1].replica.up[1]);
    server_start(2, "127.0.0.1", "");
    TURN_UNTIL(all_up());
    server_stop(1);
    server_stop(2);
}
END_TEST

START_TEST(a_closed_channel_is_dialled_again_but_not_in_a_storm)
{
    server_start(1, "127.0.0.1", "");
    server_start(2, "127.0.0.1", "");
    TURN_UNTIL(all_up());
    servers[2].replica.refuses = true;
    uint64_t end_ms = loop_clock_ms() + 300;
    while (loop_clock_ms() < end_ms) {
        if (servers[1].replica.up[0] && servers[1].replica.effect_count == 0)
            say(1, false, REPLICA_PEER_SEND, "nonsense");
        turn();
    }
    ck_assert_uint_ge(servers[1].replica.ups[0], 3);
    ck_assert_uint_le(servers[1].replica.ups[0], 15);
    servers[2].replica.refuses = false;
    TURN_UNTIL(all_up());
    say(1, false, REPLICA_PEER_CLOSE, "");
    size_t ups = servers[1].replica.ups[0];
    TURN_UNTIL(servers[1].replica.ups[0] > ups);
    server_stop(1);
    server_stop(2);
}
END_TEST

START_TEST(two_that_refuse_each_other_do_not_call_each_other_back_for_ever)
{
    server_start(1, "127.0.0.1", "");
    server_start(2, "127.0.0.1", "");
    servers[1].replica.refuses = servers[2].replica.refuses = true;
    uint64_t end_ms = loop_clock_ms() + 600;
    while (loop_clock_ms() < end_ms) {
        for (size_t i = 1; i <= 2; i++)
            for (size_t k = 0; k < 2; k++)
                if (servers[i].replica.up[k] && servers[i].replica.effect_count == 0)
                    say(i, k, REPLICA_PEER_SEND, "nonsense");
        turn();
    }
    for (size_t i = 1; i <= 2; i++) {
        ck_assert_uint_ge(servers[i].replica.ups[0], 2);
        ck_assert_uint_le(servers[i].replica.ups[0] + servers[i].replica.ups[1], 40);
        servers[i].replica.refuses = false;
    }
    TURN_UNTIL(all_up());
    server_stop(1);
    server_stop(2);
}
END_TEST

START_TEST(strangers_bytes_never_reach_the_core)
{
    static const char *const garbage[] = {"GET / HTTP/1.0\r\n\r\n", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                                          "srvr", "ruok and more of it, enough to be a header"};
    server_start(1, "127.0.0.1", "");
    for (size_t i = 0; i < ZK_COUNT_OF(garbage); i++) {
        int fd = dial(1);
        ck_assert_int_gt(send(fd, garbage[i], strlen(garbage[i]), MSG_NOSIGNAL), 0);
        if (strlen(garbage[i]) > 4)
            TURN_UNTIL(has_ended(fd));
        close(fd);
    }
    turns_ms(20);
    ck_assert_uint_eq(servers[1].replica.ups[1] + servers[1].replica.messages[1], 0);
    server_stop(1);
}
END_TEST

START_TEST(unproven_connections_are_bounded)
{
    int fds[PEERS_UNPROVEN_MAX + 5];
    server_start(1, "127.0.0.1", "");
    for (size_t i = 0; i < ZK_COUNT_OF(fds); i++) {
        fds[i] = dial(1);
        turn();
    }
    for (size_t i = PEERS_UNPROVEN_MAX; i < ZK_COUNT_OF(fds); i++)
        TURN_UNTIL(has_ended(fds[i]));
    ck_assert(!has_ended(fds[0]));
    for (size_t i = 0; i < ZK_COUNT_OF(fds); i++)
        close(fds[i]);
    server_stop(1);
}
END_TEST

/* Claims to be server 2, as a restarted one would while the old connection still stands. */
static int claim(struct link *l, uint64_t claimed)
{
    struct link_config config = {.self = claimed, .peer = 1};
    char bytes[512];
    int fd = dial(1);
    link_init(l, &config);
    for (uint64_t end_ms = loop_clock_ms() + 1000; l->state < LINK_OPEN && loop_clock_ms() < end_ms;) {
        if (l->out.len > 0)
            ck_assert_int_eq(send(fd, l->out.ptr, l->out.len, MSG_NOSIGNAL), (ssize_t)l->out.len);
        zk_buf_reset(&l->out);
        turn();
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got > 0 && !link_feed(l, zk_slice(bytes, (size_t)got)))
            break;
    }
    if (l->out.len > 0)
        ck_assert_int_eq(send(fd, l->out.ptr, l->out.len, MSG_NOSIGNAL), (ssize_t)l->out.len);
    return fd;
}

START_TEST(a_newer_connection_takes_the_place_of_the_old)
{
    struct link l;
    server_start(1, "127.0.0.1", "");
    server_start(2, "127.0.0.1", "");
    TURN_UNTIL(all_up());
    int fd = claim(&l, 2);
    ck_assert_int_eq(l.state, LINK_OPEN);
    TURN_UNTIL(servers[1].replica.ups[1] == 2);
    ck_assert_uint_eq(servers[1].replica.downs[1], 1);
    link_fini(&l);
    close(fd);
    server_stop(1);
    server_stop(2);
}
END_TEST

START_TEST(a_server_of_no_line_is_refused)
{
    struct link l;
    server_start(1, "127.0.0.1", "");
    int fd = claim(&l, 77);
    ck_assert_int_eq(l.state, LINK_CLOSED);
    ck_assert_uint_eq(servers[1].replica.ups[1], 0);
    link_fini(&l);
    close(fd);
    server_stop(1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("peers");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, both_dial_and_messages_go_both_ways_on_both_channels);
    tcase_add_test(tests, a_name_is_resolved_without_stopping_the_loop);
    tcase_add_test(tests, one_secret_joins_and_two_part);
    tcase_add_test(tests, without_a_secret_only_the_addresses_of_the_server_lines_are_taken);
    tcase_add_test(tests, a_dial_that_fails_is_told_and_tried_again_until_it_works);
    tcase_add_test(tests, a_closed_channel_is_dialled_again_but_not_in_a_storm);
    tcase_add_test(tests, two_that_refuse_each_other_do_not_call_each_other_back_for_ever);
    tcase_add_test(tests, strangers_bytes_never_reach_the_core);
    tcase_add_test(tests, unproven_connections_are_bounded);
    tcase_add_test(tests, a_newer_connection_takes_the_place_of_the_old);
    tcase_add_test(tests, a_server_of_no_line_is_refused);
    return run_tests("peers", tests);
}
