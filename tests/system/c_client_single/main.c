/* main.c: Apache's C client without threads, libzookeeper_st: one loop asks it what it waits for, and tells it.
 *
 * Usage: c_client_single HOSTS ROOT quiet|storm
 *
 * One part of c_client's, which starts it: in a storm it says 'KILL 0' on standard output in the middle of its work, and
 * goes on when the answer is 'killed'. */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

#define SESSION_MS 60000
#define PATIENCE_MS 60000
#define WRITES 500

struct client {
    zhandle_t *handle;
    int state;
    int answered;
    int lost;       /* of these, with a broken connection */
    int last;       /* the last answer's code */
    int version;    /* of the node that was answered last */
    bool unordered; /* a write was answered before an older one */
    int told;       /* of watched events */
    char told_path[256];
};

static bool is_storm;

#define CHECK(holds) \
    do { \
        if (!(holds)) \
            fail(__LINE__, #holds); \
    } while (0)
/* Turns the loop until it is so. */
#define UNTIL(holds) \
    do { \
        for (long long end_ = now_ms() + PATIENCE_MS; !(holds); turn()) \
            if (now_ms() >= end_) \
                fail(__LINE__, #holds); \
    } while (0)

static struct client clients[2];
static int count; /* of them that are open */

static _Noreturn void fail(int line, const char *what)
{
    printf("%s:%d: not so: %s\n", __FILE__, line, what);
    exit(1);
}

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void watcher(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    struct client *c = context;
    if (type == ZOO_SESSION_EVENT) {
        c->state = state;
    } else {
        c->told++;
        snprintf(c->told_path, sizeof c->told_path, "%s", path);
    }
}

/* The codes that are no fault: of a storm, that a connection broke. */
static bool is_fair(int rc)
{
    return rc == ZOK || rc == ZNOTHING || (is_storm && (rc == ZCONNECTIONLOSS || rc == ZOPERATIONTIMEOUT));
}

/* One turn of the loop: waits for whichever client has something to do. */
static void turn(void)
{
    struct pollfd fds[2];
    int wait_ms = 20;
    for (int i = 0; i < count; i++) {
        int fd = -1, interest = 0;
        struct timeval tv = {0, 0};
        CHECK(is_fair(zookeeper_interest(clients[i].handle, &fd, &interest, &tv)));
        int own_ms = (int)(tv.tv_sec * 1000 + tv.tv_usec / 1000);
        wait_ms = own_ms < wait_ms ? own_ms : wait_ms;
        fds[i].fd = fd;
        fds[i].events = (short)((interest & ZOOKEEPER_READ ? POLLIN : 0) | (interest & ZOOKEEPER_WRITE ? POLLOUT : 0));
        fds[i].revents = 0;
    }
    CHECK(poll(fds, (nfds_t)count, wait_ms) >= 0);
    for (int i = 0; i < count; i++) {
        int events = (fds[i].revents & (POLLIN | POLLHUP | POLLERR) ? ZOOKEEPER_READ : 0) |
                     (fds[i].revents & POLLOUT ? ZOOKEEPER_WRITE : 0);
        /* Without a connection there is nothing to tell it: it has tried all servers and waits. */
        CHECK(fds[i].fd == -1 || is_fair(zookeeper_process(clients[i].handle, events)));
    }
}

static void answer(struct client *c, int rc)
{
    c->last = rc;
    c->lost += rc == ZCONNECTIONLOSS;
    c->answered++;
}

static void void_answered(int rc, const void *data)
{
    answer((struct client *)data, rc);
}

static void string_answered(int rc, const char *value, const void *data)
{
    answer((struct client *)data, rc);
}

static void stat_answered(int rc, const struct Stat *stat, const void *data)
{
    struct client *c = (struct client *)data;
    if (rc == ZOK) {
        c->unordered |= stat->version <= c->version;
        c->version = stat->version;
    }
    answer(c, rc);
}

/* The code that a call is answered; in a storm it is made until its connection holds. */
#define CODE(c, call) \
    ({ \
        do { \
            int before_ = (c)->answered; \
            UNTIL((c)->state == ZOO_CONNECTED_STATE); \
            CHECK((call) == ZOK); \
            UNTIL((c)->answered > before_); \
        } while (is_storm && (c)->last == ZCONNECTIONLOSS); \
        (c)->last; \
    })

static void make(struct client *c, const char *path, int flags)
{
    int rc = CODE(c, zoo_acreate(c->handle, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, flags, string_answered, c));
    CHECK(rc == ZOK || (is_storm && rc == ZNODEEXISTS));
}

static int being(struct client *c, const char *path, bool watched)
{
    c->version = -1;
    return CODE(c, zoo_aexists(c->handle, path, watched, stat_answered, c));
}

static void kill_leader(void)
{
    char line[64];
    if (!is_storm)
        return;
    printf("KILL 0\n");
    fflush(stdout);
    CHECK(fgets(line, sizeof line, stdin) != NULL && strcmp(line, "killed\n") == 0);
}

/* Many writes under way at once, in the middle of which the leader dies. */
static void write_much(struct client *c, const char *path)
{
    int before = c->answered, lost_before = c->lost;
    c->version = 0;
    for (int i = 0; i < WRITES; i++) {
        CHECK(zoo_aset(c->handle, path, "x", 1, -1, stat_answered, c) == ZOK);
        if (i % 50 == 0)
            turn();
        if (i == WRITES / 2)
            kill_leader();
    }
    UNTIL(c->answered == before + WRITES);
    int lost = c->lost - lost_before;
    CHECK(!c->unordered);
    CHECK(is_storm || lost == 0);
    CHECK(being(c, path, false) == ZOK);
    CHECK(c->version <= WRITES && c->version >= WRITES - lost);
}

/* The other client is told what the one makes, and watches it still. */
static void watch(struct client *c, struct client *other, const char *e)
{
    int told = other->told;
    CHECK(being(other, e, true) == ZNONODE);
    make(c, e, ZOO_EPHEMERAL);
    UNTIL(other->told == told + 1);
    CHECK(strcmp(other->told_path, e) == 0);
    CHECK(being(other, e, true) == ZOK);
}

static void open_both(const char *hosts)
{
    for (; count < 2; count++) {
        struct client *c = &clients[count];
        c->handle = zookeeper_init(hosts, watcher, SESSION_MS, NULL, c, 0);
        CHECK(c->handle != NULL);
    }
    UNTIL(clients[0].state == ZOO_CONNECTED_STATE && clients[1].state == ZOO_CONNECTED_STATE);
}

int main(int argc, char **argv)
{
    struct client *other = &clients[0], *c = &clients[1]; /* which is closed first */
    char n[128], e[128];
    if (argc != 4)
        return 2;
    is_storm = strcmp(argv[3], "storm") == 0;
    setvbuf(stdin, NULL, _IONBF, 0); /* c_client's too */
    zoo_set_debug_level(0);
    snprintf(n, sizeof n, "%s/n", argv[2]);
    snprintf(e, sizeof e, "%s/e", argv[2]);
    open_both(argv[1]);
    make(c, n, 0);
    write_much(c, n);
    watch(c, other, e);
    CHECK(CODE(c, zoo_adelete(c->handle, n, 7, void_answered, c)) == ZBADVERSION);
    int rc = CODE(c, zoo_adelete(c->handle, n, -1, void_answered, c));
    CHECK(rc == ZOK || (is_storm && rc == ZNONODE));
    CHECK(being(c, n, false) == ZNONODE);
    rc = zookeeper_close(c->handle);
    CHECK(rc == ZOK || is_storm);
    count = 1;
    UNTIL(other->told == 2);
    CHECK(strcmp(other->told_path, e) == 0);
    CHECK(being(other, e, false) == ZNONODE);
    zookeeper_close(other->handle);
    return 0;
}
