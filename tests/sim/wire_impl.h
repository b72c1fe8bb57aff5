/* wire_impl.h: what the parts of the wire's judge share: wire.c has the connection, the greeting, writes and the order of
 * replies, wire_read.c what reads show, wire_watch.c watches and their events.
 */
#pragma once
#include "common/err.h"
#include "common/path.h"
#include "tests/sim/ledger.h"
#include "tests/sim/wire.h"
#include <inttypes.h>

enum watch_kind { WATCH_DATA, WATCH_CHILD, WATCH_PERSISTENT, WATCH_RECURSIVE };

struct watch {
    enum watch_kind kind;
    uint64_t armed; /* the zxid it has seen */
    char *path;
    size_t path_len;
};

struct asked {
    struct asked *next;
    int32_t xid;
    int32_t op;
    uint64_t shown; /* when it came, somebody had been shown this */
    uint32_t epoch; /* ...and this was the epoch of the last entry */
    size_t len;
    uint8_t record[]; /* without the header */
};

struct wire {
    struct world *world;
    uint64_t server;
    uint64_t conn;
    uint32_t from_node;
    bool was_greeted;
    bool is_live;
    bool is_over; /* told that the session has ended */
    uint64_t session;
    uint64_t claimed; /* the session that the client asked for, and by which password */
    uint8_t password[ZK_PASSWORD_BYTES];
    bool asked_memory;
    bool asked_read_only;
    bool is_read_only; /* served without a quorum */
    uint64_t joined;  /* zxid at which it was attached to this connection */
    uint64_t pings;
    uint64_t auths;  /* not answered yet */
    uint64_t proofs; /* answered */
    struct asked *first;
    struct asked **last;
    uint64_t shown;
    size_t event_at;     /* the ledger's events below are dealt with */
    uint64_t event_zxid; /* of the last event sent */
    size_t watch_count;
    size_t watch_cap;
    struct watch *watches;
    size_t loose_count; /* events of watches set again, before setWatches' reply */
    struct loose {
        int32_t type;
        char *path;
        size_t path_len;
    } * loose;
};

#define FAIL(wire, check, format, ...)                                                                               \
    world_fail((wire)->world, check, "server %" PRIu64 " connection %" PRIu64 " session %" PRIx64 ": " format,       \
               (wire)->server, (wire)->conn, (wire)->session, __VA_ARGS__)

/* --- wire_watch.c --- */

void wire_arm(struct wire *wire, struct zk_slice path, enum watch_kind kind, uint64_t zxid);
/* A reply shows `zxid`: every event up to there must have been sent. */
void wire_catch_up(struct wire *wire, uint64_t zxid, const char *check);
void wire_judge_event(struct wire *wire, const struct zk_reply_header *h, struct zk_jute *in);
void wire_judge_set_watches(struct wire *wire, const struct asked *a, uint64_t zxid);
/* addWatch, checkWatches, removeWatches */
void wire_judge_watch_op(struct wire *wire, const struct asked *a, const struct zk_reply_header *h);

/* --- wire_read.c: each judges the reply to one question, with `in` at its record --- */

typedef void wire_judge(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in);
wire_judge wire_judge_read, wire_judge_page, wire_judge_multi_read, wire_judge_listing, wire_judge_paths, wire_judge_number;
wire_judge wire_judge_ephemerals, wire_judge_who_am_i, wire_judge_acl;
void wire_judge_check(struct wire *wire, const struct asked *a, const struct zk_reply_header *h);
