#include "config.h"
#include "server/net/peers.h"
#include <errno.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>
#include "common/log.h"
#include "common/rng.h"
#include "server/net/link.h"
#include "server/net/resolve.h"

#define SCRATCH_BYTES 262144
#define LISTENERS_MAX SOCKET_LISTEN_MAX
/* An output buffer larger than this is given back when it is empty. */
#define PEERS_OUTPUT_KEPT_BYTES (1u << 20)
#define REFUSED_SAID_EVERY_MS 60000

/* One connection, dialled or accepted. */
struct channel {
    struct peers *peers;
    struct peer *peer; /* of an accepted one only once it is proven */
    bool inbound;
    bool is_connecting;
    bool is_up;    /* the replica knows it */
    bool is_dirty; /* in peers.dirty */
    bool is_told;  /* the log knows that it is up */
    uint64_t up_at_ms;
    int fd;
    struct in6_addr host;
    struct link link;
    size_t out_at; /* bytes of link.out that the socket has taken */
    struct event reading;
    struct event writing;
    struct event deadline; /* to connect and to prove */
    struct channel *prev, *next; /* in peers.channels */
    struct channel *next_dirty;
};

struct peer {
    struct peers *peers;
    const struct settings_server *line;
    struct channel *out;
    struct channel *in;
    bool out_fell, in_fell; /* the replica is still to be told that it went down, or could not be dialled */
    struct resolve *resolve;
    struct event *redial;
    uint32_t wait_ms; /* before the next dial; 0: none */
    uint64_t hurried_ms; /* when its own connection last made us dial at once */
    bool is_flapping;    /* its last connection that was up ended soon: one of us refuses the other, again and again */
    struct socket_address addresses[RESOLVE_ADDRESSES_MAX];
    size_t address_count;
    size_t next_address;
    char said[512]; /* the last trouble that the log was told of */
};

struct listener {
    int fd;
    struct event accepting;
};

struct peers {
    struct loop *loop;
    const struct settings *settings;
    struct zk_slice secret;
    struct zk_rng rng;
    struct peer peer[SETTINGS_SERVERS_MAX];
    size_t peer_count;
    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    struct channel *channels; /* all of them */
    struct channel *dirty;    /* with bytes to be written this turn */
    size_t unproven;
    uint64_t refused_said_ms;
    uint8_t scratch[SCRATCH_BYTES];
};

static void dial_later(struct peer *p);

static struct peer *peer_find(struct peers *peers, uint64_t id)
{
    for (size_t i = 0; i < peers->peer_count; i++)
        if (peers->peer[i].line->id == id)
            return &peers->peer[i];
    return NULL;
}

/* A trouble that lasts is one line in the log, not one a dial. */
static void say(struct peer *p, const char *what, const char *why)
{
    char text[sizeof p->said];
    snprintf(text, sizeof text, "%s server %u at %s port %u: %s", what, (unsigned)p->line->id, p->line->host,
             p->line->peer_port, why);
    if (strcmp(text, p->said) != 0)
        zk_log_warn("%s", text);
    memcpy(p->said, text, sizeof text);
}

/* --- channels --- */

static bool is_proven(const struct channel *ch)
{
    return ch->link.state == LINK_OPEN;
}

static void channel_free(struct channel *ch)
{
    struct peers *peers = ch->peers;
    event_del(&ch->reading);
    event_del(&ch->writing);
    event_del(&ch->deadline);
    close(ch->fd);
    link_fini(&ch->link);
    *(ch->prev ? &ch->prev->next : &peers->channels) = ch->next;
    if (ch->next != NULL)
        ch->next->prev = ch->prev;
    for (struct channel **at = &peers->dirty; ch->is_dirty && *at != NULL; at = &(*at)->next_dirty)
        if (*at == ch) {
            *at = ch->next_dirty;
            break;
        }
    free(ch);
}

/* Whoever scans ports shall not fill the log. */
static void say_refused(struct channel *ch, const char *why)
{
    struct peers *peers = ch->peers;
    uint64_t now_ms = loop_clock_ms();
    char text[SOCKET_TEXT_SIZE];
    if (peers->refused_said_ms != 0 && now_ms - peers->refused_said_ms < REFUSED_SAID_EVERY_MS)
        return;
    peers->refused_said_ms = now_ms;
    zk_log_warn("a connection from %s to the peer port was closed: %s", socket_host_text(&ch->host, text), why);
}

/* The replica hears of it in peers_settle; a dialled one is dialled again. */
static void channel_close(struct channel *ch, const char *why)
{
    struct peer *p = ch->peer;
    bool was_long = ch->is_up && loop_clock_ms() - ch->up_at_ms >= PEERS_WAIT_MAX_MS;
    if (p == NULL) {
        ch->peers->unproven--;
        say_refused(ch, why);
    } else if (ch->inbound) {
        p->in_fell = p->in_fell || ch->is_up;
        p->in = NULL;
    } else {
        if (!ch->is_up)
            say(p, "cannot talk to", why);
        p->out_fell = true; /* up before or not: whoever waits for this server learns that it is not there */
        p->out = NULL;
        p->wait_ms = was_long ? 0 : p->wait_ms;
        dial_later(p);
    }
    if (ch->is_up) {
        p->is_flapping = !was_long;
        zk_log(ch->is_told ? ZK_LOG_INFO : ZK_LOG_DEBUG, "the connection %s server %u is down: %s",
               ch->inbound ? "from" : "to", (unsigned)p->line->id, why);
    }
    channel_free(ch);
}

static void channel_mark_dirty(struct channel *ch)
{
    if (ch->is_dirty)
        return;
    ch->is_dirty = true;
    ch->next_dirty = ch->peers->dirty;
    ch->peers->dirty = ch;
}

/* False: it is closed. */
static bool channel_write(struct channel *ch)
{
    struct zk_buf *out = &ch->link.out;
    while (ch->out_at < out->len) {
        ssize_t count = send(ch->fd, out->ptr + ch->out_at, out->len - ch->out_at, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN) {
            event_add(&ch->writing, NULL);
            return true;
        }
        if (count < 0) {
            channel_close(ch, strerror(errno));
            return false;
        }
        ch->out_at += (size_t)count;
    }
    event_del(&ch->writing);
    ch->out_at = 0;
    if (out->cap > PEERS_OUTPUT_KEPT_BYTES)
        zk_buf_fini(out);
    else
        zk_buf_reset(out);
    return true;
}

/* It is there: no need to wait any longer. But two that refuse each other must not call each other back for ever. */
static void dial_now(struct peer *p)
{
    uint64_t now_ms = loop_clock_ms();
    if (p->hurried_ms != 0 && now_ms - p->hurried_ms < PEERS_WAIT_MAX_MS)
        return;
    p->hurried_ms = now_ms;
    p->wait_ms = 0;
    dial_later(p);
}

/* The link is proven: settle who is who at this end. */
static void channel_proven(struct channel *ch)
{
    struct peers *peers = ch->peers;
    event_del(&ch->deadline);
    if (ch->inbound) {
        struct peer *p = peer_find(peers, link_peer(&ch->link)); /* admit has seen that there is one */
        if (p->in != NULL)
            channel_close(p->in, "a newer one takes its place");
        ch->peer = p;
        p->in = ch;
        peers->unproven--;
        if (p->out == NULL && p->resolve == NULL)
            dial_now(p);
    }
    peers_settle(peers); /* the old one's end comes before the new one's beginning */
    ch->peer->said[0] = '\0';
    ch->is_up = true;
    ch->up_at_ms = loop_clock_ms();
    ch->is_told = !ch->peer->is_flapping;
    zk_log(ch->is_told ? ZK_LOG_INFO : ZK_LOG_DEBUG, "connected %s server %u", ch->inbound ? "from" : "to",
           (unsigned)ch->peer->line->id);
    replica_peer_up(peers->loop->replica, ch->peer->line->id, ch->inbound);
}

/* Hands on what the link has understood; NULL, or why the channel is to be closed. */
static const char *channel_deliver(struct channel *ch)
{
    struct zk_slice message;
    if (is_proven(ch) && !ch->is_up)
        channel_proven(ch);
    while (link_next(&ch->link, &message))
        if (!replica_peer_message(ch->peers->loop->replica, ch->peer->line->id, ch->inbound, message))
            return "it sent what is no message here";
    return ch->link.state == LINK_CLOSED ? link_why(&ch->link) : NULL;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct channel *ch = arg;
    struct peers *peers = ch->peers;
    ssize_t count = recv(ch->fd, peers->scratch, is_proven(ch) ? SCRATCH_BYTES : LINK_GREETING_BYTES_MAX, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    loop_touch(peers->loop);
    if (count <= 0) {
        channel_close(ch, count == 0 ? "the other side closed it" : strerror(errno));
        return;
    }
    bool is_fine = link_feed(&ch->link, zk_slice(peers->scratch, (size_t)count));
    const char *why = is_fine ? channel_deliver(ch) : link_why(&ch->link);
    if (ch->link.out.len > ch->out_at && !channel_write(ch)) /* the handshake's answer, or the refusal */
        return;
    if (why != NULL)
        channel_close(ch, why);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct channel *ch = arg;
    channel_close(ch, ch->is_connecting ? "no answer" : "it did not say in time who it is");
}

static void on_connected(struct channel *ch)
{
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(ch->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        channel_close(ch, strerror(error));
        return;
    }
    ch->is_connecting = false;
    loop_arm(&ch->deadline, PEERS_PROVE_MS);
    event_add(&ch->reading, NULL);
    channel_write(ch);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct channel *ch = arg;
    if (ch->is_connecting)
        on_connected(ch);
    else
        channel_write(ch);
}

/* --- admitting --- */

static bool admit(void *arg, uint64_t id)
{
    const struct channel *ch = arg;
    const struct peer *p = peer_find(ch->peers, id);
    if (p == NULL || ch->peers->secret.len > 0)
        return p != NULL;
    for (size_t i = 0; i < p->address_count; i++) {
        struct in6_addr host = socket_host(&p->addresses[i].storage);
        if (memcmp(&host, &ch->host, sizeof host) == 0)
            return true;
    }
    return false;
}

static struct channel *channel_new(struct peers *peers, struct peer *dialled, int fd, struct in6_addr host)
{
    struct channel *ch = zk_calloc(1, sizeof *ch);
    *ch = (struct channel){.peers = peers, .peer = dialled, .inbound = dialled == NULL, .fd = fd, .host = host};
    struct link_config config = {
        .self = peers->settings->self,
        .peer = dialled ? dialled->line->id : 0,
        .secret = peers->secret,
        .admit = admit,
        .admit_arg = ch,
    };
    ssize_t got = getrandom(config.nonce, sizeof config.nonce, 0);
    ZK_ASSERT(got == sizeof config.nonce);
    link_init(&ch->link, &config);
    socket_tune(fd);
    socket_set_user_timeout(fd, (unsigned)(peers->settings->sync_limit * peers->settings->tick_ms));
    event_assign(&ch->reading, peers->loop->base, fd, EV_READ | EV_PERSIST, on_readable, ch);
    event_assign(&ch->writing, peers->loop->base, fd, EV_WRITE | EV_PERSIST, on_writable, ch);
    evtimer_assign(&ch->deadline, peers->loop->base, on_deadline, ch);
    loop_arm(&ch->deadline, dialled ? PEERS_CONNECT_MS : PEERS_PROVE_MS);
    ch->next = peers->channels;
    if (ch->next != NULL)
        ch->next->prev = ch;
    peers->channels = ch;
    return ch;
}

static void on_acceptable(evutil_socket_t listen_fd, short what, void *arg)
{
    struct peers *peers = arg;
    struct sockaddr_storage from;
    socklen_t len = sizeof from;
    int fd = accept4(listen_fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return; /* out of descriptors: peers dial again, and clients are refused before it comes to this */
    if (peers->unproven >= PEERS_UNPROVEN_MAX) {
        close(fd);
        return;
    }
    peers->unproven++;
    struct channel *ch = channel_new(peers, NULL, fd, socket_host(&from));
    event_add(&ch->reading, NULL);
}

/* --- dialling --- */

/* The socket, connected or on its way; -1 with errno. */
static int connect_to(const struct socket_address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&address->storage, address->len) == 0 || errno == EINPROGRESS)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void dial_failed(struct peer *p)
{
    p->out_fell = true;
    dial_later(p);
}

static void on_resolved(void *arg, const struct socket_address *addresses, size_t count, const char *why)
{
    struct peer *p = arg;
    if (count > 0) {
        memcpy(p->addresses, addresses, count * sizeof *addresses);
        p->address_count = count;
    } else {
        say(p, "cannot resolve", why); /* the addresses it had may still be right */
    }
    resolve_free(p->resolve);
    p->resolve = NULL;
    if (p->address_count == 0) {
        dial_failed(p);
        return;
    }
    const struct socket_address *address = &p->addresses[p->next_address++ % p->address_count];
    int fd = connect_to(address);
    if (fd < 0) {
        say(p, "cannot connect to", strerror(errno));
        dial_failed(p);
        return;
    }
    p->out = channel_new(p->peers, p, fd, socket_host(&address->storage));
    p->out->is_connecting = true;
    event_add(&p->out->writing, NULL);
}

static void on_redial(evutil_socket_t fd, short what, void *arg)
{
    struct peer *p = arg;
    if (p->out != NULL || p->resolve != NULL)
        return;
    p->resolve = resolve_new(p->peers->loop->base, p->line->host, p->line->peer_port, on_resolved, p);
    if (p->resolve == NULL)
        dial_later(p);
}

/* Anew, if it was waiting already. */
static void dial_later(struct peer *p)
{
    uint32_t wait_ms = p->wait_ms ? zk_rng_between(&p->peers->rng, p->wait_ms / 2, p->wait_ms) : 0;
    p->wait_ms = p->wait_ms ? (uint32_t)zk_min_u64(p->wait_ms * 2, PEERS_WAIT_MAX_MS) : PEERS_WAIT_MIN_MS;
    loop_arm(p->redial, wait_ms);
}

/* --- effects --- */

static struct channel *channel_find(struct peers *peers, uint64_t id, bool inbound)
{
    struct peer *p = peer_find(peers, id);
    struct channel *ch = p == NULL ? NULL : inbound ? p->in : p->out;
    return ch != NULL && ch->is_up ? ch : NULL;
}

void peers_send(struct peers *peers, uint64_t peer, bool inbound, struct zk_slice message)
{
    struct channel *ch = channel_find(peers, peer, inbound);
    if (ch == NULL || !is_proven(ch))
        return;
    struct zk_buf *out = &ch->link.out;
    if (message.len > LINK_FRAME_BYTES_MAX || out->len - ch->out_at + message.len > PEERS_OUTPUT_BYTES_MAX) {
        channel_close(ch, message.len > LINK_FRAME_BYTES_MAX ? "a message is too large to be sent"
                                                             : "it does not take what is sent to it");
        return;
    }
    if (ch->out_at > out->len / 2) {
        zk_buf_drop_front(out, ch->out_at);
        ch->out_at = 0;
    }
    link_send(&ch->link, message);
    channel_mark_dirty(ch);
}

void peers_close(struct peers *peers, uint64_t peer, bool inbound)
{
    struct channel *ch = channel_find(peers, peer, inbound);
    if (ch != NULL && channel_write(ch)) /* what was said before is still heard, as far as the socket takes it */
        channel_close(ch, "this server asked for it");
}

void peers_flush(struct peers *peers)
{
    while (peers->dirty != NULL) {
        struct channel *ch = peers->dirty;
        peers->dirty = ch->next_dirty;
        ch->is_dirty = false;
        if (!event_pending(&ch->writing, EV_WRITE, NULL))
            channel_write(ch);
    }
}

static void settle_one(struct peers *peers, uint64_t id, bool inbound, bool *fell)
{
    if (!*fell)
        return;
    *fell = false;
    replica_peer_down(peers->loop->replica, id, inbound);
    loop_hurry(peers->loop);
}

void peers_settle(struct peers *peers)
{
    for (size_t i = 0; i < peers->peer_count; i++) {
        struct peer *p = &peers->peer[i];
        settle_one(peers, p->line->id, false, &p->out_fell);
        settle_one(peers, p->line->id, true, &p->in_fell);
    }
}

/* --- all of them --- */

struct peers *peers_new(struct loop *loop, const struct settings *settings, struct zk_slice secret)
{
    struct peers *peers = zk_calloc(1, sizeof *peers);
    uint64_t seed = 0;
    ssize_t got = getrandom(&seed, sizeof seed, 0);
    ZK_ASSERT(got == sizeof seed);
    zk_rng_seed(&peers->rng, seed, settings->self);
    peers->loop = loop;
    peers->settings = settings;
    peers->secret = secret;
    for (size_t i = 0; i < settings->server_count; i++) {
        if (settings->servers[i].id == settings->self)
            continue;
        struct peer *p = &peers->peer[peers->peer_count++];
        p->peers = peers;
        p->line = &settings->servers[i];
        p->address_count = socket_parse(p->line->host, p->line->peer_port, &p->addresses[0]); /* a name: when dialled */
        p->redial = evtimer_new(loop->base, on_redial, p);
        ZK_ASSERT(p->redial != NULL);
    }
    return peers;
}

void peers_start(struct peers *peers, const int *fds, size_t count)
{
    ZK_ASSERT(peers->listener_count + count <= LISTENERS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct event *accepting = &peers->listeners[peers->listener_count].accepting;
        peers->listeners[peers->listener_count++].fd = fds[i];
        event_assign(accepting, peers->loop->base, fds[i], EV_READ | EV_PERSIST, on_acceptable, peers);
        event_add(accepting, NULL);
    }
    for (size_t i = 0; i < peers->peer_count; i++)
        dial_later(&peers->peer[i]);
}

void peers_free(struct peers *peers)
{
    if (peers == NULL)
        return;
    for (size_t i = 0; i < peers->listener_count; i++) {
        event_del(&peers->listeners[i].accepting);
        close(peers->listeners[i].fd);
    }
    while (peers->channels != NULL)
        channel_free(peers->channels);
    for (size_t i = 0; i < peers->peer_count; i++) {
        resolve_free(peers->peer[i].resolve);
        event_free(peers->peer[i].redial);
    }
    free(peers);
}
