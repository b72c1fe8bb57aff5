/* group.h: entries of the log, and the groups they travel and are stored in.
 *
 * A group is what one turn of the leader proposed: one encoding for all followers, the log and the leader's own apply.
 * Layout (big-endian):
 *   u8 format (1) | u32 entry count | u64 hash before the first entry | entries
 *   entry: u64 zxid | u8 kind | u64 hash | u32 body length | body
 * The chain hash of an entry is XXH3-64 over (hash before, zxid, kind, body): two logs that hold the same zxid with the
 * same hash are the same log up to there, and a hole cannot hide. The very first entry chains to hash 0.
 */
#pragma once
#include "common/buf.h"

#define GROUP_FORMAT 1
#define GROUP_HEADER_BYTES 13
#define GROUP_ENTRY_BYTES 21
/* The largest jute.maxbuffer that zoo.cfg may have (100 MiB), with room for headers; groups are cut far smaller unless
 * one request is that large. */
#define GROUP_ENTRIES_MAX 4096
#define GROUP_BYTES_MAX (104u << 20)

enum entry_kind {
    ENTRY_NEWLEADER = 1, /* first entry of each epoch */
    ENTRY_FOUNDING = 2,  /* zab's: cluster id, members, incarnations; zxid 1, the log's first entry. A later one is
                            `zkd recover`'s: another ensemble begins with this log */
    ENTRY_READMIT = 3,   /* zab's: server s is now incarnation i */
    ENTRY_CLOSE = 4,     /* zab's: ends a membership change */
    ENTRY_SEAT = 5,      /* zab's: server s, readmitted, takes its vacant seat: from here on it counts */
    ENTRY_COMMAND = 16,  /* opaque to zab: server/state's */
};

struct entry {
    uint64_t zxid;
    uint64_t hash;
    uint8_t kind;
    struct zk_slice body;
};

struct group {
    uint32_t count;
    uint64_t prev_hash;
    uint64_t prev_zxid;   /* of the entry read last; 0 before the first */
    struct zk_slice rest; /* the entries not yet read */
};

uint64_t entry_hash(uint64_t prev_hash, uint64_t zxid, uint8_t kind, struct zk_slice body);

/* Building: begin (in an empty `out`), add entries (each gets its chain hash from the one before), end with how many
 * were added. The caller keeps GROUP_ENTRIES_MAX and GROUP_BYTES_MAX. */
void group_begin(struct zk_buf *out, uint64_t prev_hash);
uint64_t group_add(struct zk_buf *out, uint64_t prev_hash, uint64_t zxid, uint8_t kind, struct zk_slice body);
void group_end(struct zk_buf *out, uint32_t count);

/* Reading. open checks the format and the counts against the bytes (a group has at least one entry); next also
 * verifies each entry's hash and that zxids ascend. False: malformed, or no more (then g->count is 0, which it is only
 * if the last entry ended the bytes too). Bodies borrow `bytes`. */
ZK_MUST_CHECK bool group_open(struct zk_slice bytes, struct group *ret_group);
ZK_MUST_CHECK bool group_next(struct group *g, struct entry *ret_entry);
/* The whole group is well-formed; its first and last entry's zxid and the last hash. */
ZK_MUST_CHECK bool group_check(struct zk_slice bytes, uint64_t *ret_first, uint64_t *ret_last, uint64_t *ret_hash);
/* The group's entries up to and with `zxid` / after `zxid` as a group of their own, appended to `out`. False, with
 * `out` as it was: the group is malformed, or no entry is left. */
ZK_MUST_CHECK bool group_head(struct zk_slice bytes, uint64_t zxid, struct zk_buf *out);
ZK_MUST_CHECK bool group_tail(struct zk_slice bytes, uint64_t zxid, struct zk_buf *out);
