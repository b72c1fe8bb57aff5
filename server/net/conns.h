/* conns.h: clients' connections: accepting, framing, 4-letter words, writing, closing.
 *
 * A connection's life:
 *   NEW      nothing known. A word is answered; else the first frame, of at most REPLICA_CONNECT_BYTES_MAX, opens the
 *            connection in the replica, and reading stops.
 *   JOINING  the replica has the connect request; nothing is read until it says READY.
 *   OPEN     frames of up to jute.maxbuffer go to the replica.
 *   CLOSING  what was sent leaves, then FIN; what still comes in is thrown away, for closing at once would cut off the
 *            last answer. Bounded in time.
 * LIMITS       sockets in all (what RLIMIT_NOFILE leaves), connections from one address, time without a session, bytes
 *              that a slow reader leaves unread, and those that all leave. An idle connection holds no buffer.
 */
#pragma once
#include "server/net/loop.h"
#include "server/net/socket.h"
#include "server/net/words.h"

/* From the decision to close: how long the client has to take what was sent and to close its side. */
#define CONNS_LINGER_MS 5000
/* What all clients together have not taken yet of what they were sent. Above it those are closed that have owed it for
 * longest: each is given more only when it has taken what it has, so they are the slowest. */
#define CONNS_UNSENT_BYTES_MAX ((size_t)256 << 20)
/* The connections' own bound; a connection's place is part of its number. */
#define CONNS_MAX (1u << 20)

struct conns_config {
    size_t count_max;              /* sockets in all: maxCnxns, and what RLIMIT_NOFILE leaves */
    size_t per_address_max;        /* 0: no limit */
    uint32_t frame_bytes_max;      /* jute.maxbuffer */
    uint64_t sessionless_ms;       /* a connection without a session after so long is closed, whatever it has sent */
    size_t unsent_bytes_max;       /* CONNS_UNSENT_BYTES_MAX */
    struct words *words;           /* what the words tell; borrowed */
};

struct conns_figures {
    size_t count;
    uint64_t rejected;            /* above a limit */
    uint64_t sessionless_expired;
    uint64_t bytes_received;
    size_t unsent_bytes;
    uint64_t large_rejected;      /* clients closed for a request beyond largeRequestMaxBytes before it was read */
    uint64_t slow_closed;         /* clients closed for what they had not taken */
};

struct conns;

struct conns *conns_new(struct loop *loop, const struct conns_config *config);
/* Closes everything, at once. */
void conns_free(struct conns *conns);
/* Accept from this listening socket, which it adopts. */
void conns_listen(struct conns *conns, int fd);
void conns_stop_listening(struct conns *conns);

void conns_perform(struct conns *conns, const struct replica_effect *effect);
/* Tells the replica of connections that are gone and gives it what was held back. */
void conns_settle(struct conns *conns);

struct conns_figures conns_figures(const struct conns *conns);

struct conns_one {
    uint64_t number; /* for replica_client_report_get */
    char address[SOCKET_TEXT_SIZE];
};
/* Walk over all connections: *at begins with 0. */
bool conns_next(const struct conns *conns, size_t *at, struct conns_one *ret_one);
