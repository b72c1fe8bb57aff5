/* unpack.h: a bounded cursor over msgpack, for what comes from other servers. msgpack-c writes the same format; its
 * reader builds a tree in memory before anybody has looked at a count, so five bytes could ask for gigabytes. This one
 * allocates nothing: a count is compared with what is left before it is believed, an error is sticky in `bad`, and what
 * is returned borrows the message.
 */
#pragma once
#include "common/buf.h"

struct zk_unpack {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline struct zk_unpack zk_unpack(struct zk_slice bytes)
{
    return (struct zk_unpack){bytes.ptr, bytes.ptr + bytes.len, bytes.len == 0};
}

uint64_t zk_unpack_u64(struct zk_unpack *in); /* any unsigned integer */
bool zk_unpack_bool(struct zk_unpack *in);
struct zk_slice zk_unpack_bytes(struct zk_unpack *in); /* bin */
/* An array's count: at most `max`, and at most the bytes that are left, for each element takes one. */
size_t zk_unpack_array(struct zk_unpack *in, size_t max);
