/* msg.h: what servers say to each other about the broadcast: msgpack arrays, a type first.
 *
 * WHICH WAY   up: on the channel that the sender dialled; down: on the one that the receiver dialled; both: either.
 * NEWER PEERS Fields behind those known are skipped, so a message may grow; one that lacks a field is malformed.
 * BOUNDS      Encoded by msgpack-c. Decoded by a bounded cursor of our own, because msgpack-c's unpacker allocates
 *             what an array's header claims before it has seen the elements. Counts and lengths are compared with
 *             what is left and with the limits below before anything is done with them.
 */
#pragma once
#include "common/buf.h"
#include "server/replica/storage.h"
#include "server/zab/zab.h"

#define ZAB_VERSION 1
#define ZAB_EPOCH_MAX 0x7fffffffu
#define MSG_POINTS_MAX 256 /* epochs of a summary: the youngest */
#define MSG_WITNESS_MAX (4 * ZAB_MEMBERS_MAX)

enum zab_msg_type {
    TELL_HELLO = 1,   /* both, first, and again when what it says has changed: who I am and what I hold, durably */
    TELL_REMEMBER,    /* both, in answer to HELLO: what I remember of you in that incarnation */
    TELL_PREVOTE,     /* up: would you follow me? number = attempt, zxid */
    TELL_PREVOTED,    /* down: number, yes, promised */
    TELL_VOTE,        /* up: promise me `epoch`; zxid */
    TELL_VOTED,       /* down: epoch, yes (durable), promised */
    TELL_BEAT,        /* down: I lead `epoch`; commit, number = round, table, bytes = the replica's */
    TELL_PONG,        /* up: epoch (0: I don't follow you), number = round answered, promised, zxid, short, bytes */
    TELL_ROUND,       /* down: do you still follow? epoch, number */
    TELL_ROUNDED,     /* up: epoch, number */
    TELL_FOLLOW,      /* up: epoch, zxid, points = my epochs' last entries, yes = give me your state */
    TELL_TRUNC,       /* down, the answer: we have in common up to (zxid, hash); cut off the rest. commit, level */
    TELL_SNAP,        /* down, the other answer: a state comes. zxid, hash, digest, level, bytes = membership */
    TELL_ROWS,        /* down: number counts from 1, bytes */
    TELL_PROPOSE,     /* down: a group. epoch, commit, bytes */
    TELL_LIVE,        /* down: state and the groups after it, up to zxid, replace what you had; commit */
    TELL_ACK,         /* up: durable up to zxid: counts */
    TELL_GOT,         /* up: the same (or rows up to number) from who does not count; moves the window only */
    TELL_COMMIT,      /* down: epoch, zxid */
    TELL_RESIGN,      /* down: I do not lead `epoch` any more; yes: somebody is about to be elected, wait a little */
    TELL_TAKE_OVER,   /* down: stand for election now. epoch = the one I lead */
    TELL_FOUND,       /* up, to a blank server: store this founding. bytes = group; its next HELLO tells it has */
    TELL_TYPE_END,
};

struct zab_msg {
    uint8_t type;
    bool yes;       /* PREVOTED, VOTED */
    bool is_short;  /* PONG: of disk space */
    bool blank;     /* HELLO: no log at all */
    bool founded;   /* HELLO: knows that its founding was completed */
    bool initialize; /* HELLO */
    uint64_t version;
    uint64_t cluster_id;
    uint64_t incarnation;
    uint64_t start_count;
    uint64_t run; /* a random number of this process: two that were started from copies of one disk differ in it */
    uint64_t members_hash;
    uint64_t epoch;
    uint64_t zxid;
    uint64_t hash;
    uint64_t digest;
    uint64_t commit;
    uint64_t level; /* a follower is level once it knows this zxid to be committed */
    uint64_t number;
    uint64_t promised;
    uint64_t own; /* the leader's own disk has this: followers remember it as its acknowledgement */
    struct zk_slice bytes; /* borrows the message */
    size_t point_count;
    const struct storage_epoch *points;
    size_t table_count;
    const struct storage_witness *table;
};

/* Where a decoded message's lists lie. */
struct msg_lists {
    struct storage_epoch points[MSG_POINTS_MAX];
    struct storage_witness table[MSG_WITNESS_MAX];
};

void msg_encode(struct zk_buf *out, const struct zab_msg *m);
/* False: malformed. The message borrows `bytes` and `lists`. */
ZK_MUST_CHECK bool msg_decode(struct zk_slice bytes, struct msg_lists *lists, struct zab_msg *ret_msg);
