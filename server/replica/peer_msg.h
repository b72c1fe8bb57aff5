/* peer_msg.h: what replicas say to each other on zab's channels: msgpack arrays whose first element is the type, from
 * PEER_MSG_FIRST up (below are zab's own). Elements behind those known here are skipped, so a newer server can say
 * more. What is decoded borrows the message. */
#pragma once
#include "common/buf.h"

#define PEER_MSG_FIRST 64

enum peer_msg_type {
    PEER_MSG_FORWARD = 64,     /* follower to leader: commands to propose, in order */
    PEER_MSG_SYNC = 65,        /* follower to leader: ask a quorum whether you still lead, for round `number` */
    PEER_MSG_SYNC_ANSWER = 66, /* leader to follower: `number` is confirmed, up to `zxid`; zxid 0: ask again */
    PEER_MSG_TOUCH = 67,       /* follower to leader: sessions heard of; bytes = big-endian ids */
};

/* In one message; the rest goes in the next. */
#define PEER_MSG_COMMANDS_MAX 4096
#define PEER_MSG_COMMANDS_BYTES_MAX (2u << 20)

struct peer_msg {
    enum peer_msg_type type;
    uint64_t number;
    uint64_t zxid;
    struct zk_slice bytes;
    size_t command_count; /* FORWARD */
    struct zk_slice *commands; /* peer_msg_fini frees the array */
};

void peer_msg_encode(struct zk_buf *out, const struct peer_msg *m);
/* False: malformed, or of a type that is not ours. */
ZK_MUST_CHECK bool peer_msg_decode(struct zk_slice bytes, struct peer_msg *ret_msg);
void peer_msg_fini(struct peer_msg *m);
/* Is this one of ours, by its first bytes? Else it is zab's. */
bool peer_msg_is_ours(struct zk_slice bytes);
