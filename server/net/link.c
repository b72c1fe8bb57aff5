#include "server/net/link.h"
#include "common/jute.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <xxhash.h>

#define LINK_MAGIC 0x7a6b6470u /* "zkdp" */

enum link_frame { FRAME_GREETING = 1, FRAME_PROOF = 2, FRAME_REFUSAL = 3 };

enum link_refusal { REFUSE_VERSION = 1, REFUSE_ID, REFUSE_SELF, REFUSE_PROOF, REFUSE_ADDRESS };

static const char *const refusal_text[] = {
    [REFUSE_VERSION] = "the other side speaks another version of the peer protocol",
    [REFUSE_ID] = "the other side is not the server that was dialled: compare myid and the server lines",
    [REFUSE_SELF] = "this server dialled itself: compare myid and the server lines",
    [REFUSE_PROOF] = "the peers' secrets differ: compare peer.secretFile on both servers",
    [REFUSE_ADDRESS] = "the connection comes from an address that the server lines do not give for that server",
};

static void put_be(uint8_t *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static uint32_t length_check(const uint8_t length[4])
{
    return (uint32_t)XXH3_64bits(length, 4);
}

void link_frame_header(struct zk_slice payload, uint8_t ret_header[LINK_HEADER_BYTES])
{
    put_be(ret_header, payload.len, 4);
    put_be(ret_header + 4, length_check(ret_header), 4);
    put_be(ret_header + 8, XXH3_64bits(payload.ptr, payload.len), 8);
}

static void put_frame(struct link *l, struct zk_slice payload)
{
    uint8_t header[LINK_HEADER_BYTES];
    link_frame_header(payload, header);
    zk_buf_append(&l->out, header, sizeof header);
    zk_buf_append_slice(&l->out, payload);
}

static bool close_link(struct link *l, const char *why)
{
    l->state = LINK_CLOSED;
    if (l->why[0] == '\0')
        snprintf(l->why, sizeof l->why, "%s", why);
    return false;
}

/* Our reason goes to the other side as a code: whoever reads only that server's log finds the cause too. */
static bool refuse(struct link *l, enum link_refusal reason)
{
    struct zk_buf frame;
    zk_buf_init(&frame);
    zk_jute_put_u8(&frame, FRAME_REFUSAL);
    zk_jute_put_u8(&frame, (uint8_t)reason);
    put_frame(l, zk_buf_slice(&frame));
    zk_buf_fini(&frame);
    return close_link(l, refusal_text[reason]);
}

static bool dialled(const struct link *l)
{
    return l->config.peer != 0;
}

/* Empty without a secret. The nonces are ordered by role, so both sides hash the same bytes but for the direction. */
static size_t make_proof(const struct link *l, bool by_dialler, uint8_t ret_proof[LINK_PROOF_BYTES])
{
    if (l->config.secret.len == 0)
        return 0;
    bool i_dialled = dialled(l);
    struct zk_buf text;
    zk_buf_init(&text);
    zk_jute_put_cstring(&text, by_dialler ? "zkd dialler" : "zkd acceptor");
    zk_jute_put_int(&text, LINK_VERSION);
    zk_jute_put_long(&text, (int64_t)(i_dialled ? l->config.self : l->peer));
    zk_jute_put_long(&text, (int64_t)(i_dialled ? l->peer : l->config.self));
    zk_buf_append(&text, i_dialled ? l->config.nonce : l->peer_nonce, LINK_NONCE_BYTES);
    zk_buf_append(&text, i_dialled ? l->peer_nonce : l->config.nonce, LINK_NONCE_BYTES);
    unsigned len = 0;
    unsigned char *done =
        HMAC(EVP_sha256(), l->config.secret.ptr, (int)l->config.secret.len, text.ptr, text.len, ret_proof, &len);
    ZK_ASSERT(done && len == LINK_PROOF_BYTES);
    zk_buf_fini(&text);
    return len;
}

static bool proof_holds(const struct link *l, struct zk_slice given)
{
    uint8_t want[LINK_PROOF_BYTES];
    size_t len = make_proof(l, !dialled(l), want);
    return given.len == len && (len == 0 || CRYPTO_memcmp(given.ptr, want, len) == 0);
}

static void send_greeting(struct link *l)
{
    struct zk_buf frame;
    zk_buf_init(&frame);
    zk_jute_put_u8(&frame, FRAME_GREETING);
    zk_jute_put_int(&frame, (int32_t)LINK_MAGIC);
    zk_jute_put_int(&frame, LINK_VERSION);
    zk_jute_put_long(&frame, (int64_t)l->config.self);
    zk_jute_put_long(&frame, (int64_t)l->peer);
    zk_buf_append(&frame, l->config.nonce, LINK_NONCE_BYTES);
    if (!dialled(l)) {
        uint8_t proof[LINK_PROOF_BYTES];
        zk_jute_put_buffer(&frame, zk_slice(proof, make_proof(l, false, proof)));
    }
    put_frame(l, zk_buf_slice(&frame));
    zk_buf_fini(&frame);
}

static void send_proof(struct link *l)
{
    uint8_t proof[LINK_PROOF_BYTES];
    struct zk_buf frame;
    zk_buf_init(&frame);
    zk_jute_put_u8(&frame, FRAME_PROOF);
    zk_jute_put_buffer(&frame, zk_slice(proof, make_proof(l, true, proof)));
    put_frame(l, zk_buf_slice(&frame));
    zk_buf_fini(&frame);
}

static bool take_greeting(struct link *l, struct zk_jute *in)
{
    uint32_t magic = (uint32_t)zk_jute_int(in);
    int32_t version = zk_jute_int(in);
    if (in->bad || magic != LINK_MAGIC)
        return close_link(l, "the other side is not a zkd peer");
    if (version != LINK_VERSION)
        return refuse(l, REFUSE_VERSION);
    uint64_t claimed = (uint64_t)zk_jute_long(in);
    uint64_t meant = (uint64_t)zk_jute_long(in);
    for (size_t i = 0; i < LINK_NONCE_BYTES; i++)
        l->peer_nonce[i] = zk_jute_u8(in);
    if (in->bad || claimed == 0)
        return close_link(l, "a malformed greeting");
    if (claimed == l->config.self)
        return refuse(l, REFUSE_SELF);
    if (meant != l->config.self || (dialled(l) && claimed != l->config.peer))
        return refuse(l, REFUSE_ID);
    l->peer = claimed;
    if (!dialled(l)) {
        if (l->config.admit && !l->config.admit(l->config.admit_arg, claimed))
            return refuse(l, REFUSE_ADDRESS);
        send_greeting(l);
        l->state = LINK_PROVING;
        return true;
    }
    struct zk_slice proof = zk_jute_buffer(in);
    if (in->bad || !proof_holds(l, proof))
        return refuse(l, REFUSE_PROOF);
    send_proof(l);
    l->state = LINK_OPEN;
    return true;
}

static bool take_handshake(struct link *l, struct zk_slice frame)
{
    struct zk_jute in = zk_jute(frame);
    uint8_t type = zk_jute_u8(&in);
    if (!in.bad && type == FRAME_REFUSAL) {
        uint8_t reason = zk_jute_u8(&in);
        bool known = !in.bad && reason > 0 && reason < ZK_COUNT_OF(refusal_text);
        return close_link(l, known ? refusal_text[reason] : "the other side refused the connection");
    }
    if (!in.bad && type == FRAME_GREETING && l->state == LINK_GREETING)
        return take_greeting(l, &in);
    if (in.bad || type != FRAME_PROOF || l->state != LINK_PROVING)
        return close_link(l, "a malformed handshake");
    struct zk_slice proof = zk_jute_buffer(&in);
    if (in.bad || !proof_holds(l, proof))
        return refuse(l, REFUSE_PROOF);
    l->state = LINK_OPEN;
    return true;
}

/* One whole frame at the front of what came. False: not there yet, or the link closed. */
static bool next_frame(struct link *l, struct zk_slice *ret_payload)
{
    const uint8_t *at = l->in.ptr + l->in_at;
    size_t left = l->in.len - l->in_at;
    if (l->state == LINK_CLOSED || left < 8)
        return false;
    struct zk_jute in = zk_jute(zk_slice(at, left));
    uint32_t len = (uint32_t)zk_jute_int(&in);
    if ((uint32_t)zk_jute_int(&in) != length_check(at))
        return close_link(l, "a frame whose length is spoilt");
    if (len > (l->state == LINK_OPEN ? LINK_FRAME_BYTES_MAX : LINK_GREETING_BYTES_MAX))
        return close_link(l, "a frame longer than its limit");
    if (left < LINK_HEADER_BYTES + (size_t)len)
        return false;
    uint64_t sum = (uint64_t)zk_jute_long(&in);
    struct zk_slice payload = zk_slice(at + LINK_HEADER_BYTES, len);
    if (XXH3_64bits(payload.ptr, payload.len) != sum)
        return close_link(l, "a frame whose checksum is wrong");
    l->in_at += LINK_HEADER_BYTES + (size_t)len;
    *ret_payload = payload;
    return true;
}

void link_init(struct link *l, const struct link_config *config)
{
    memset(l, 0, sizeof *l);
    l->config = *config;
    zk_buf_init(&l->in);
    zk_buf_init(&l->out);
    if (!dialled(l))
        return;
    l->peer = config->peer;
    send_greeting(l);
}

void link_fini(struct link *l)
{
    zk_buf_fini(&l->in);
    zk_buf_fini(&l->out);
}

bool link_feed(struct link *l, struct zk_slice bytes)
{
    if (l->state == LINK_CLOSED)
        return false;
    if (l->in_at == l->in.len) {
        zk_buf_reset(&l->in);
        l->in_at = 0;
    } else if (l->in_at > l->in.len / 2) {
        zk_buf_drop_front(&l->in, l->in_at);
        l->in_at = 0;
    }
    zk_buf_append_slice(&l->in, bytes);
    struct zk_slice frame;
    while (l->state < LINK_OPEN && next_frame(l, &frame))
        if (!take_handshake(l, frame))
            return false;
    return l->state != LINK_CLOSED;
}

bool link_next(struct link *l, struct zk_slice *ret_message)
{
    return l->state == LINK_OPEN && next_frame(l, ret_message);
}

void link_send(struct link *l, struct zk_slice payload)
{
    ZK_ASSERT(l->state == LINK_OPEN && payload.len <= LINK_FRAME_BYTES_MAX);
    put_frame(l, payload);
}

uint64_t link_peer(const struct link *l)
{
    return l->peer;
}

const char *link_why(const struct link *l)
{
    return l->why;
}
