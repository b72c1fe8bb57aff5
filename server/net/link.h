/* link.h: one connection between two servers as a pure state machine: bytes in, a proven peer and whole messages out.
 *
 * WHY HERE    Whoever owns the socket only carries bytes. What may be believed about them is decided here, where a
 *             test can hand in any bytes in any pieces.
 * FRAME       u32 length | u32 check of the length | u64 XXH3-64 of the payload | payload, big-endian. The length is
 *             checked and compared with the limit as soon as it is there, and memory grows with the bytes that came, never
 *             with a length that was claimed. A spoilt length must not be believed: whoever waited for the rest of such a
 *             frame would be deaf on a connection that looks alive.
 * HANDSHAKE   dialler -> acceptor   greeting: "zkdp", version, my id, the id I dialled, my nonce
 *             acceptor -> dialler   greeting: "zkdp", version, my id, your id, my nonce, my proof
 *             dialler -> acceptor   proof
 *             A proof is HMAC-SHA256 with the shared secret over direction, version, both ids and both nonces:
 *             neither side can send back what it was sent. Without a secret proofs are empty, and who the peer is
 *             rests on the caller's address check (`admit`). A side with a secret never talks to one without.
 * REFUSALS    Wrong version, wrong id, wrong secret, itself: one sentence in link_why, a code to the other side so
 *             that it can say the same, and the connection is to be closed once `out` is written.
 */
#pragma once
#include "common/buf.h"

#define LINK_VERSION 2
#define LINK_HEADER_BYTES 16
#define LINK_NONCE_BYTES 32
#define LINK_PROOF_BYTES 32
/* What an unproven peer may make us hold, and a proven one. */
#define LINK_GREETING_BYTES_MAX 1024
#define LINK_FRAME_BYTES_MAX (108u << 20)

typedef bool link_admit_fn(void *arg, uint64_t peer);

struct link_config {
    uint64_t self;
    uint64_t peer;          /* the server that we dialled; 0: it dialled us */
    struct zk_slice secret; /* empty: none; borrowed while the link lives */
    uint8_t nonce[LINK_NONCE_BYTES]; /* fresh random bytes */
    /* May who claims to be `peer` speak from where it connects? Asked once, before an accepted connection is
     * answered.
     * NULL: yes. */
    link_admit_fn *admit;
    void *admit_arg;
};

enum link_state { LINK_GREETING, LINK_PROVING, LINK_OPEN, LINK_CLOSED };

struct link {
    struct link_config config;
    enum link_state state;
    uint64_t peer;
    uint8_t peer_nonce[LINK_NONCE_BYTES];
    struct zk_buf in;
    size_t in_at; /* bytes of `in` that are used up */
    struct zk_buf out; /* to be written to the socket; the owner takes from its front */
    char why[160];
};

/* A dialled link has its greeting in `out` at once. */
void link_init(struct link *l, const struct link_config *config);
void link_fini(struct link *l);
/* Bytes from the socket. False: close; link_why says why. */
ZK_MUST_CHECK bool link_feed(struct link *l, struct zk_slice bytes);
/* The next whole message, borrowed until the next call of feed or next. False: none; look at the state, for a bad
 * frame closes the link. */
ZK_MUST_CHECK bool link_next(struct link *l, struct zk_slice *ret_message);
/* Append one framed message to `out`. Only when open. */
void link_send(struct link *l, struct zk_slice payload);
/* The same for who hands header and payload to the socket without copying. */
void link_frame_header(struct zk_slice payload, uint8_t ret_header[LINK_HEADER_BYTES]);

/* Whom the peer claims to be (0: not known yet); true only once the link is open. */
uint64_t link_peer(const struct link *l);
const char *link_why(const struct link *l);
