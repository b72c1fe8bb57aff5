#include "config.h"
#include "server/net/conns.h"
#include <errno.h>
#include <event2/event_struct.h>
#include <unistd.h>
#include <uthash.h>
#include "common/log.h"
#include "server/net/inbuf.h"

/* Shared by all: as much as one connection may bring in a turn. */
#define SCRATCH_BYTES 65536
#define ACCEPTS_PER_TURN_MAX 64
#define LISTENERS_MAX 4
/* Out of file descriptors: how long to leave the listener alone. */
#define ACCEPT_PAUSE_MS 200
#define SLOT_BITS 20

enum conn_phase { CONN_NEW, CONN_JOINING, CONN_OPEN, CONN_CLOSING, CONN_GONE };

struct address {
    UT_hash_handle hh; /* conns.addresses, by host */
    struct in6_addr host;
    size_t count;
    bool is_refused; /* the log has the line already */
};

struct conn {
    struct conns *conns;
    uint64_t number;
    int fd;
    enum conn_phase phase;
    bool is_known;     /* the replica has heard of it */
    bool is_paused;    /* by the replica */
    bool is_behind;    /* bytes in `out` */
    bool is_slow;      /* the same: in the list of those */
    bool is_changed;   /* in conns.changed: the replica is to be told of is_behind */
    bool has_held;     /* frames in `in` wait for conns_settle */
    uint16_t port;
    struct address *address;
    struct event reading;
    struct event writing;
    struct inbuf in;
    struct zk_buf out; /* what the socket has not taken, from out_at on */
    size_t out_at;
    struct conn *slower, *faster; /* among those with bytes in `out`, longest so first */
    struct conn *prev, *next; /* in the queue of those with a deadline */
    struct conn *next_gone;
    struct conn *next_held;
    struct conn *next_changed;
    uint64_t deadline_ms; /* 0: in no queue */
};

/* Deadlines that lie the same time ahead: the oldest is due first. */
struct queue {
    struct conn *first;
    struct conn *last;
    uint64_t wait_ms;
};

struct listener {
    struct conns *conns;
    int fd;
    struct event accepting;
};

struct conns {
    struct loop *loop;
    struct conns_config config;
    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    struct event *timer; /* deadlines, and the end of an accept pause */
    uint64_t timer_at_ms; /* UINT64_MAX: not armed */
    bool is_accept_paused;
    bool is_full; /* the log has the line already */
    bool is_starved; /* so for files and memory */
    struct conn **slots;
    size_t slot_count; /* ever used */
    size_t slot_cap;
    uint32_t *free_slots;
    size_t free_count;
    uint64_t next_number;
    struct address *addresses;
    struct queue sessionless;
    struct queue lingering;
    struct conn *gone; /* closed, and the replica has not been told */
    struct conn *held; /* ready, with frames that came before */
    struct conn *changed; /* behind, or not any more, and the replica has not been told */
    struct conn *slowest, *fastest; /* of those who have not taken all that they were sent */
    struct conns_figures figures;
    uint8_t scratch[SCRATCH_BYTES];
};

static void conn_close(struct conn *c);

/* --- deadlines --- */

static void queue_remove(struct queue *q, struct conn *c)
{
    if (c->deadline_ms == 0)
        return;
    *(c->prev ? &c->prev->next : &q->first) = c->next;
    *(c->next ? &c->next->prev : &q->last) = c->prev;
    c->prev = c->next = NULL;
    c->deadline_ms = 0;
}

static void arm_timer(struct conns *conns, uint64_t at_ms)
{
    uint64_t now_ms = loop_clock_ms();
    if (at_ms >= conns->timer_at_ms)
        return;
    loop_arm(conns->timer, at_ms > now_ms ? at_ms - now_ms : 1);
    conns->timer_at_ms = at_ms;
}

static void queue_push(struct queue *q, struct conn *c)
{
    c->deadline_ms = loop_clock_ms() + q->wait_ms;
    c->prev = q->last;
    c->next = NULL;
    *(q->last ? &q->last->next : &q->first) = c;
    q->last = c;
    arm_timer(c->conns, c->deadline_ms);
}

static void unqueue(struct conn *c)
{
    queue_remove(c->phase == CONN_CLOSING ? &c->conns->lingering : &c->conns->sessionless, c);
}

static void resume_accepting(struct conns *conns)
{
    conns->is_accept_paused = false;
    for (size_t i = 0; i < conns->listener_count; i++)
        event_add(&conns->listeners[i].accepting, NULL);
}

static size_t close_overdue(struct queue *q, uint64_t now_ms)
{
    size_t count = 0;
    for (; q->first != NULL && q->first->deadline_ms <= now_ms; count++)
        conn_close(q->first);
    return count;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct conns *conns = arg;
    uint64_t now_ms = loop_clock_ms();
    conns->timer_at_ms = UINT64_MAX;
    conns->figures.sessionless_expired += close_overdue(&conns->sessionless, now_ms);
    close_overdue(&conns->lingering, now_ms);
    if (conns->is_accept_paused)
        resume_accepting(conns);
    if (conns->sessionless.first != NULL)
        arm_timer(conns, conns->sessionless.first->deadline_ms);
    if (conns->lingering.first != NULL)
        arm_timer(conns, conns->lingering.first->deadline_ms);
}

/* --- life --- */

static void address_release(struct conns *conns, struct address *address)
{
    if (--address->count > 0)
        return;
    HASH_DEL(conns->addresses, address);
    free(address);
}

/* --- who owes us most patience --- */

static void slow_add(struct conn *c, size_t bytes)
{
    struct conns *conns = c->conns;
    conns->figures.unsent_bytes += bytes;
    if (c->is_slow)
        return;
    c->is_slow = true;
    c->slower = conns->fastest;
    *(c->slower ? &c->slower->faster : &conns->slowest) = c;
    conns->fastest = c;
}

static void slow_remove(struct conn *c)
{
    struct conns *conns = c->conns;
    if (!c->is_slow)
        return;
    *(c->slower ? &c->slower->faster : &conns->slowest) = c->faster;
    *(c->faster ? &c->faster->slower : &conns->fastest) = c->slower;
    c->slower = c->faster = NULL;
    c->is_slow = false;
}

/* The socket is gone now, the struct when conns_settle has told the replica. */
static void conn_close(struct conn *c)
{
    struct conns *conns = c->conns;
    char text[SOCKET_TEXT_SIZE];
    if (c->phase == CONN_GONE)
        return;
    zk_log_debug("client %s is gone", socket_text(&c->address->host, c->port, text));
    unqueue(c);
    slow_remove(c);
    conns->figures.unsent_bytes -= c->out.len - c->out_at;
    c->phase = CONN_GONE;
    event_del(&c->reading);
    event_del(&c->writing);
    close(c->fd);
    inbuf_fini(&c->in);
    zk_buf_fini(&c->out);
    address_release(conns, c->address);
    conns->figures.count--;
    conns->is_full = false;
    conns->slots[c->number & (CONNS_MAX - 1)] = NULL;
    c->next_gone = conns->gone;
    conns->gone = c;
}

static void shut(struct conn *c)
{
    if (shutdown(c->fd, SHUT_WR) != 0)
        conn_close(c);
    else
        event_add(&c->reading, NULL); /* to see the other side's end */
}

/* Nothing more is to be sent behind what is waiting. */
static void conn_finish(struct conn *c)
{
    if (c->phase == CONN_CLOSING || c->phase == CONN_GONE)
        return;
    unqueue(c);
    c->phase = CONN_CLOSING;
    inbuf_fini(&c->in);
    queue_push(&c->conns->lingering, c);
    event_add(&c->reading, NULL);
    if (c->out.len == c->out_at)
        shut(c);
}

static struct conn *conn_find(const struct conns *conns, uint64_t number)
{
    size_t slot = number & (CONNS_MAX - 1);
    struct conn *c = slot < conns->slot_count ? conns->slots[slot] : NULL;
    return c != NULL && c->number == number ? c : NULL;
}

/* --- writing --- */

/* To be told when the replica may be spoken to. */
static void note_behind(struct conn *c, bool is_behind)
{
    if (c->is_behind == is_behind)
        return;
    c->is_behind = is_behind;
    if (c->is_changed)
        return;
    c->is_changed = true;
    c->next_changed = c->conns->changed;
    c->conns->changed = c;
}

static void conn_written(struct conn *c)
{
    slow_remove(c);
    c->out_at = 0;
    zk_buf_fini(&c->out);
    note_behind(c, false);
    if (c->phase == CONN_CLOSING)
        shut(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    ssize_t count = send(c->fd, c->out.ptr + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
        conn_close(c);
        return;
    }
    size_t sent = count > 0 ? (size_t)count : 0;
    c->out_at += sent;
    c->conns->figures.unsent_bytes -= sent;
    if (c->out_at == c->out.len) {
        event_del(&c->writing);
        conn_written(c);
    }
}

static void close_slow(struct conn *c, const char *why)
{
    char text[SOCKET_TEXT_SIZE];
    zk_log_warn("client %s reads too slowly: closed with %zu bytes unsent, %s",
                socket_text(&c->address->host, c->port, text), c->out.len - c->out_at, why);
    c->conns->figures.slow_closed++;
    conn_close(c);
}

static void close_slowest(struct conns *conns)
{
    while (conns->figures.unsent_bytes > conns->config.unsent_bytes_max && conns->slowest != NULL)
        close_slow(conns->slowest, "the longest of all while all together have too many");
}

static void conn_keep(struct conn *c, struct zk_slice rest)
{
    if (c->out_at > 0 && c->out.cap - c->out.len < rest.len) {
        zk_buf_drop_front(&c->out, c->out_at);
        c->out_at = 0;
    }
    size_t waiting = c->out.len - c->out_at;
    if (waiting > REPLICA_OUTPUT_BYTES_MAX) { /* not counting `rest`: one answer may be larger than the limit */
        close_slow(c, "more than one may have");
        return;
    }
    zk_buf_append_slice(&c->out, rest);
    slow_add(c, rest.len);
    event_add(&c->writing, NULL);
    note_behind(c, true);
    close_slowest(c->conns);
}

static void conn_send(struct conn *c, struct zk_slice bytes)
{
    if (c->phase == CONN_GONE || c->phase == CONN_CLOSING)
        return;
    if (c->out.len > c->out_at) {
        conn_keep(c, bytes);
        return;
    }
    ssize_t count = send(c->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
        conn_close(c);
        return;
    }
    size_t sent = count > 0 ? (size_t)count : 0;
    if (sent < bytes.len)
        conn_keep(c, zk_slice(bytes.ptr + sent, bytes.len - sent));
}

/* --- reading --- */

static enum inbuf_verdict conn_frame(void *arg, struct zk_slice frame)
{
    struct conn *c = arg;
    struct replica *replica = c->conns->loop->replica;
    if (c->phase == CONN_OPEN) {
        replica_client_frame(replica, c->number, frame);
        return INBUF_GO_ON;
    }
    char text[SOCKET_TEXT_SIZE];
    replica_client_open(replica, c->number, socket_host_text(&c->address->host, text));
    c->is_known = true;
    c->phase = CONN_JOINING;
    event_del(&c->reading);
    replica_client_frame(replica, c->number, frame);
    return INBUF_HOLD;
}

static void answer_word(struct conn *c, uint32_t length, struct zk_slice behind)
{
    const uint8_t word[WORDS_LENGTH] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                                        (uint8_t)length};
    if (!words_are(word)) {
        conn_close(c);
        return;
    }
    struct zk_buf out;
    zk_buf_init(&out);
    words_answer(c->conns->config.words, word, behind, loop_clock_ms(), &out);
    conn_send(c, zk_buf_slice(&out));
    zk_buf_fini(&out);
    conn_finish(c);
}

static uint32_t frame_limit(const struct conn *c)
{
    if (c->phase != CONN_OPEN)
        return REPLICA_CONNECT_BYTES_MAX;
    return (uint32_t)zk_min_u64(c->conns->config.frame_bytes_max, replica_frame_limit(c->conns->loop->replica));
}

static void refuse(struct conn *c, uint32_t length)
{
    char text[SOCKET_TEXT_SIZE];
    bool is_large = length <= c->conns->config.frame_bytes_max;
    zk_log_warn("client %s closed: a frame of %d bytes is more than %s", socket_text(&c->address->host, c->port, text),
                (int32_t)length, is_large ? "largeRequestMaxBytes leaves room for" : "jute.maxbuffer allows");
    c->conns->figures.large_rejected += is_large;
    conn_close(c);
}

static ssize_t conn_receive(struct conn *c, struct iovec parts[2], int count)
{
    ssize_t got = readv(c->fd, parts, count);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got <= 0) {
        conn_close(c);
        return 0;
    }
    c->conns->figures.bytes_received += (uint64_t)got;
    return got;
}

/* What comes behind the last answer is thrown away. The client's end closes, but not before it has all of that answer:
 * it may have said all it had to say and still be reading. */
static void conn_discard(struct conn *c)
{
    ssize_t got = recv(c->fd, c->conns->scratch, SCRATCH_BYTES, 0);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    if (got == 0 && c->out.len > c->out_at)
        event_del(&c->reading);
    else
        conn_close(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    struct conns *conns = c->conns;
    struct iovec parts[2];
    uint32_t length;
    if (c->phase == CONN_CLOSING) {
        conn_discard(c);
        return;
    }
    /* What is read of a stranger may have to be kept, so it is little. */
    size_t most = c->phase == CONN_OPEN ? SCRATCH_BYTES : REPLICA_CONNECT_BYTES_MAX;
    size_t torn = c->in.len;
    int count = inbuf_prepare(&c->in, conns->scratch, most, parts);
    ssize_t got = conn_receive(c, parts, count);
    if (got <= 0)
        return;
    loop_touch(conns->loop);
    enum inbuf_verdict verdict =
        inbuf_take(&c->in, conns->scratch, (size_t)got, frame_limit(c), conn_frame, c, &length);
    if (verdict != INBUF_BAD)
        return;
    if (c->phase == CONN_NEW) /* a length that cannot be: perhaps it is a word, in front of all that has come */
        answer_word(c, length, zk_slice(conns->scratch + WORDS_LENGTH, torn + (size_t)got - WORDS_LENGTH));
    else
        refuse(c, length);
}

/* --- accepting --- */

static struct address *address_take(struct conns *conns, struct in6_addr host)
{
    struct address *address;
    HASH_FIND(hh, conns->addresses, &host, sizeof host, address);
    if (address == NULL) {
        address = zk_calloc(1, sizeof *address);
        address->host = host;
        HASH_ADD(hh, conns->addresses, host, sizeof address->host, address);
    }
    address->count++;
    if (conns->config.per_address_max == 0 || address->count <= conns->config.per_address_max) {
        address->is_refused = false;
        return address;
    }
    if (!address->is_refused) {
        char text[SOCKET_TEXT_SIZE];
        zk_log_warn("Too many connections from /%s - max is %zu", socket_host_text(&host, text),
                    conns->config.per_address_max);
    }
    address->is_refused = true;
    address_release(conns, address);
    return NULL;
}

static bool has_room(struct conns *conns)
{
    if (conns->figures.count < conns->config.count_max && (conns->free_count > 0 || conns->slot_count < CONNS_MAX))
        return true;
    if (!conns->is_full)
        zk_log_warn("too many connections: %zu clients are all that maxCnxns and the limit on open files allow",
                    conns->figures.count);
    conns->is_full = true;
    return false;
}

static size_t slot_take(struct conns *conns)
{
    if (conns->free_count > 0)
        return conns->free_slots[--conns->free_count];
    if (conns->slot_count == conns->slot_cap) {
        conns->slot_cap = conns->slot_cap ? conns->slot_cap * 2 : 64;
        conns->slots = zk_realloc(conns->slots, conns->slot_cap * sizeof *conns->slots);
        conns->free_slots = zk_realloc(conns->free_slots, conns->slot_cap * sizeof *conns->free_slots);
    }
    return conns->slot_count++;
}

static void conn_new(struct conns *conns, int fd, struct address *address, uint16_t port)
{
    struct conn *c = zk_calloc(1, sizeof *c);
    size_t slot = slot_take(conns);
    char text[SOCKET_TEXT_SIZE];
    zk_log_debug("client %s connects", socket_text(&address->host, port, text));
    c->conns = conns;
    c->number = ++conns->next_number << SLOT_BITS | slot;
    c->fd = fd;
    c->address = address;
    c->port = port;
    conns->slots[slot] = c;
    conns->figures.count++;
    socket_tune(fd);
    event_assign(&c->reading, conns->loop->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->writing, conns->loop->base, fd, EV_WRITE | EV_PERSIST, on_writable, c);
    event_add(&c->reading, NULL);
    queue_push(&conns->sessionless, c);
}

/* Out of descriptors or memory: the one that waits would wake us for ever. */
static void pause_accepting(struct conns *conns)
{
    if (!conns->is_starved)
        zk_log_warn("cannot accept a client: %s", strerror(errno));
    conns->is_starved = conns->is_accept_paused = true;
    for (size_t i = 0; i < conns->listener_count; i++)
        event_del(&conns->listeners[i].accepting);
    arm_timer(conns, loop_clock_ms() + ACCEPT_PAUSE_MS);
}

static void on_acceptable(evutil_socket_t listen_fd, short what, void *arg)
{
    struct conns *conns = ((struct listener *)arg)->conns;
    for (int i = 0; i < ACCEPTS_PER_TURN_MAX; i++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof from;
        int fd = accept4(listen_fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
            continue;
        if (fd < 0 && errno != EAGAIN)
            pause_accepting(conns);
        if (fd < 0)
            return;
        conns->is_starved = false;
        struct address *address = has_room(conns) ? address_take(conns, socket_host(&from)) : NULL;
        if (address != NULL) {
            conn_new(conns, fd, address, socket_port(&from));
        } else {
            conns->figures.rejected++;
            close(fd);
        }
    }
}

void conns_listen(struct conns *conns, int fd)
{
    ZK_ASSERT(conns->listener_count < LISTENERS_MAX);
    struct listener *listener = &conns->listeners[conns->listener_count++];
    listener->conns = conns;
    listener->fd = fd;
    event_assign(&listener->accepting, conns->loop->base, fd, EV_READ | EV_PERSIST, on_acceptable, listener);
    event_add(&listener->accepting, NULL);
}

void conns_stop_listening(struct conns *conns)
{
    for (size_t i = 0; i < conns->listener_count; i++) {
        event_del(&conns->listeners[i].accepting);
        close(conns->listeners[i].fd);
    }
    conns->listener_count = 0;
}

/* --- effects --- */

static void conn_ready(struct conn *c)
{
    if (c->phase != CONN_JOINING)
        return;
    unqueue(c);
    c->phase = CONN_OPEN;
    if (c->in.len > 0) {
        c->has_held = true;
        c->next_held = c->conns->held;
        c->conns->held = c;
    } else if (!c->is_paused) {
        event_add(&c->reading, NULL);
    }
}

static void conn_pause(struct conn *c, bool pause)
{
    c->is_paused = pause;
    if (c->phase != CONN_OPEN || c->has_held)
        return;
    if (pause)
        event_del(&c->reading);
    else
        event_add(&c->reading, NULL);
}

void conns_perform(struct conns *conns, const struct replica_effect *effect)
{
    struct conn *c = conn_find(conns, effect->conn);
    if (c == NULL)
        return;
    switch (effect->kind) {
    case REPLICA_CLIENT_SEND:
        conn_send(c, effect->bytes);
        break;
    case REPLICA_CLIENT_CLOSE:
        conn_finish(c);
        break;
    case REPLICA_CLIENT_PAUSE:
        conn_pause(c, true);
        break;
    case REPLICA_CLIENT_RESUME:
        conn_pause(c, false);
        break;
    case REPLICA_CLIENT_READY:
        conn_ready(c);
        break;
    default:
        break;
    }
}

static void feed_held(struct conn *c)
{
    uint32_t length;
    c->has_held = false;
    if (c->phase != CONN_OPEN)
        return;
    if (!c->is_paused)
        event_add(&c->reading, NULL);
    if (inbuf_resume(&c->in, frame_limit(c), conn_frame, c, &length) == INBUF_BAD)
        refuse(c, length);
}

/* Before those that are gone are freed, for they may be among them. */
static void tell_behind(struct conns *conns)
{
    while (conns->changed != NULL) {
        struct conn *c = conns->changed;
        conns->changed = c->next_changed;
        c->is_changed = false;
        if (!c->is_known || c->phase == CONN_GONE)
            continue;
        replica_client_behind(conns->loop->replica, c->number, c->is_behind);
        if (!c->is_behind)
            loop_hurry(conns->loop);
    }
}

void conns_settle(struct conns *conns)
{
    while (conns->held != NULL) {
        struct conn *c = conns->held;
        conns->held = c->next_held;
        feed_held(c);
        loop_hurry(conns->loop);
    }
    tell_behind(conns);
    while (conns->gone != NULL) {
        struct conn *c = conns->gone;
        conns->gone = c->next_gone;
        if (c->is_known) {
            replica_client_closed(conns->loop->replica, c->number);
            loop_hurry(conns->loop);
        }
        conns->free_slots[conns->free_count++] = (uint32_t)(c->number & (CONNS_MAX - 1));
        free(c);
    }
}

/* --- all of them --- */

struct conns *conns_new(struct loop *loop, const struct conns_config *config)
{
    struct conns *conns = zk_calloc(1, sizeof *conns);
    conns->loop = loop;
    conns->config = *config;
    conns->sessionless.wait_ms = config->sessionless_ms;
    conns->lingering.wait_ms = CONNS_LINGER_MS;
    conns->timer_at_ms = UINT64_MAX;
    conns->timer = evtimer_new(loop->base, on_timer, conns);
    ZK_ASSERT(conns->timer != NULL);
    return conns;
}

void conns_free(struct conns *conns)
{
    if (conns == NULL)
        return;
    conns_stop_listening(conns);
    for (size_t i = 0; i < conns->slot_count; i++)
        if (conns->slots[i] != NULL)
            conn_close(conns->slots[i]);
    for (struct conn *c; (c = conns->gone) != NULL; free(c))
        conns->gone = c->next_gone;
    event_free(conns->timer);
    free(conns->slots);
    free(conns->free_slots);
    free(conns);
}

struct conns_figures conns_figures(const struct conns *conns)
{
    return conns->figures;
}

bool conns_next(const struct conns *conns, size_t *at, struct conns_one *ret_one)
{
    while (*at < conns->slot_count) {
        const struct conn *c = conns->slots[(*at)++];
        if (c == NULL || c->phase == CONN_CLOSING)
            continue;
        ret_one->number = c->number;
        socket_text(&c->address->host, c->port, ret_one->address);
        return true;
    }
    return false;
}
