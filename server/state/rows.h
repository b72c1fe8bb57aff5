/* rows.h: the rows of a checkpoint: what a state is on disk and in a SNAP.
 *
 * Keys sort bytewise; below 0x10 is the store's own. Big-endian fields, buffers as int32 length (-1: null) and bytes.
 * Each value begins with a byte ROW_FORMAT.
 *
 *   key                     value behind the format byte
 *   10                      int32 level, int64 time_ms, uint64 XXH3 of the 13 bytes before (not in the digest)
 *   20, uint64 id           a session: uint32 generation, uint64 number, uint64 origin, int32 timeout_ms,
 *                           int32 memory, int32 server,
 *                           buffer password, buffer identities, uint64 ended_zxid (0: live), int64 ended_time_ms,
 *                           int32 count, and so many results, oldest first: int32 xid, uint64 zxid, int32 err,
 *                           bool whole, buffer record
 *   40, path                a znode: byte kind, uint64 czxid, mzxid, pzxid, int64 ctime_ms, mtime_ms, int32 version,
 *                           aversion, uint32 creates, uint64 owner (session id of an ephemeral, ms of a TTL
 *                           node, else 0), buffer acl (its vector), buffer data
 *
 * For example "/a" with data "hi", created at zxid 0x100000005 in ms 1000, world:anyone:cdrwa:
 *   40 2f 61  ->  01 01  0000000100000005 0000000100000005 0000000100000005  00000000000003e8 00000000000003e8
 *                 00000000 00000000 00000000  0000000000000000
 *                 0000001f 00000001 0000001f 00000005 "world" 00000006 "anyone"  00000002 "hi"
 */
#pragma once
#include "server/state/inside.h"

#define ROW_FORMAT 1
#define ROW_META_FIELD_BYTES 13
enum { ROW_META = 0x10, ROW_SESSION = 0x20, ROW_NODE = 0x40 };

void row_meta_encode(const struct state *s, struct zk_buf *out);
void row_session_key(const struct session *session, struct zk_buf *out);
void row_session_encode(const struct session *session, struct zk_buf *out);
void row_node_key(const struct state *s, uint32_t handle, struct zk_buf *out);
void row_node_encode(const struct state *s, const struct node *n, struct zk_buf *out);
/* The same value in two steps: what of it is the node's own, then that with the ACL in its place. */
void row_node_encode_own(const struct node *n, struct zk_buf *out);
void row_node_join(struct zk_slice own, struct zk_slice acl, struct zk_buf *out);
