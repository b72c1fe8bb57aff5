/* command.h: what the log holds for the state: a client's request as it came, plus who sent it and when.
 *
 * Everything that may differ between servers (an address, a password drawn at random, a configuration flag, the
 * verdict that a session is dead) was decided at the door and travels in here as data, so that each replica computes
 * the same result from the same bytes. Fields of the request itself stay the client's own jute bytes (`payload`).
 *
 * Encoding: big-endian fixed fields in the order of the struct, then the payload to the end. Written by the server
 * the client is connected to; the leader overwrites only `time_ms` (command_stamp). First byte: COMMAND_FORMAT.
 */
#pragma once
#include "common/buf.h"

#define COMMAND_FORMAT 3

enum command_kind {
    COMMAND_REQUEST = 1,  /* a client's write: op, xid, payload = the request record (jute) */
    COMMAND_OPEN = 2,     /* a new session; its id is the zxid of this entry. payload: struct command_open */
    COMMAND_ATTACH = 3,   /* a session comes to a connection: raises its generation. payload: struct command_attach */
    COMMAND_AUTH = 4,     /* adds identities to the session. payload: pairs of jute strings: scheme, id */
    COMMAND_CLOSE = 5,    /* the client's closeSession: numbered like a request, xid as sent, no payload */
    COMMAND_EXPIRE = 6,   /* the leader's verdict; nothing happens unless `generation` is still the session's */
    COMMAND_FORGET = 7,   /* drop the memories of sessions that ended at or before payload = int64 zxid */
    COMMAND_LEVEL = 8,    /* raise the level of the rules to payload = int32; never lowers it */
    COMMAND_REAP = 9,     /* the leader's finding that a container or TTL node has ended; looked at again when applied.
                             payload: struct command_reap */
    COMMAND_CONFIG = 10,  /* payload: a jute string, the server lines that /zookeeper/config is to show; nothing happens
                             if it shows them already */
    COMMAND_UPGRADE = 11, /* `session`, which only the server it is on knew, becomes one of the ensemble's, with
                             generation 1. payload: struct command_open */
};

/* What the configuration of the server that took a request allows it. */
enum command_option {
    COMMAND_EXTENDED_TYPES = 1, /* TTL nodes */
    COMMAND_ENFORCE_QUOTA = 2,  /* what passes a hard quota is refused */
    COMMAND_NO_EPHEMERALS = 4,  /* the session began as one server's own, and may not make ephemeral nodes */
};

struct command {
    uint8_t kind;
    uint8_t options;     /* of REQUEST: enum command_option */
    int64_t time_ms;     /* wall clock of the leader, never decreasing in the log */
    uint64_t session;    /* 0 for OPEN, FORGET, LEVEL */
    uint32_t generation; /* of the session, as told by OPEN (1) or ATTACH; ATTACH: 0 */
    uint64_t number;     /* 1, 2, 3... in each generation, over REQUEST, AUTH and CLOSE; 0 elsewhere */
    uint64_t origin;     /* OPEN, ATTACH: token of (server, connection), echoed in the effects; a second ATTACH of the
                            same origin is a copy and changes nothing */
    int32_t xid;
    int32_t op;
    struct zk_slice payload;
};
#define COMMAND_HEADER_BYTES 47

void command_encode(struct zk_buf *out, const struct command *c);
/* Borrows `body`. False: not a command of a format this server knows. */
ZK_MUST_CHECK bool command_decode(struct zk_slice body, struct command *ret_command);
/* Overwrites the time of an encoded command (the leader's stamp). */
void command_stamp(uint8_t *body, size_t len, int64_t time_ms);

/* Identities travel as a jute vector of {string scheme, string id}; the absent slice is encoded as the empty vector.
 * A payload that does not decode makes the command fail (MARSHALLING_ERROR), never the replica. */
struct command_open {
    int32_t timeout_ms;           /* already clamped at the door */
    int32_t memory;               /* K of libzk's memory; 0: an Apache client */
    struct zk_slice password;     /* ZK_PASSWORD_BYTES of getrandom at the door */
    struct zk_slice identities;   /* the encoded vector: ip of the connection */
    int32_t server;               /* the server the client is connected to */
};
void command_open_encode(struct zk_buf *out, const struct command_open *o);
ZK_MUST_CHECK bool command_open_decode(struct zk_slice payload, struct command_open *ret_open);

struct command_attach {
    int32_t timeout_ms; /* already clamped at the door */
    struct zk_slice password;
    struct zk_slice identities; /* replace the session's: auth is sent again by the client */
    int32_t server;
    bool keeps_memory; /* comes from the client whose xids the memory holds (proto.h); else the memory ends for good.
                          The last byte; false where a log of before it has none */
};
void command_attach_encode(struct zk_buf *out, const struct command_attach *a);
ZK_MUST_CHECK bool command_attach_decode(struct zk_slice payload, struct command_attach *ret_attach);

struct command_reap {
    struct zk_slice path;
    uint64_t czxid;        /* of this very node: one made anew in its place stays */
    int64_t never_used_ms; /* a container that never had children goes too after so long; 0: never */
};
void command_reap_encode(struct zk_buf *out, const struct command_reap *reap);
ZK_MUST_CHECK bool command_reap_decode(struct zk_slice payload, struct command_reap *ret_reap);

/* Is this a vector of {string scheme, string id} and nothing else? */
bool command_identities_are_sound(struct zk_slice identities);
/* Identities of a session, and the bytes of their encoded vector; more is AUTH_FAILED. */
#define STATE_IDENTITY_COUNT_MAX 64
#define STATE_IDENTITY_BYTES_MAX 16384
/* Adds one unless it is there; false if there is no room for it. */
bool command_identities_add(struct zk_buf *identities, struct zk_slice scheme, struct zk_slice id);

/* Sessions that a server keeps for itself, unknown to the log, have ids of their own: the top bits are 10, then come
 * the server's id, a bit that says whether it was given while there was no quorum, and chance. The others are zxids,
 * whose top bit is clear. */
#define SESSION_LOCAL_BIT (UINT64_C(1) << 63)
#define SESSION_LOCAL_SERVER_SHIFT 54
#define SESSION_PASSING_BIT (UINT64_C(1) << 53)
static inline bool session_began_local(uint64_t id)
{
    return (id & SESSION_LOCAL_BIT) != 0;
}

/* It never becomes the ensemble's. */
static inline bool session_is_passing(uint64_t id)
{
    return session_began_local(id) && (id & SESSION_PASSING_BIT) != 0;
}
