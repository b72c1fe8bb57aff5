#include "server/zab/group.h"
#include <xxhash.h>

/* Bodies up to here are hashed with their header in one go; XXH3's streaming form gives the same value, slower. */
#define HASH_STACK_BYTES 1024
#define HASH_HEADER_BYTES 17

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_u64(uint8_t *at, uint64_t value)
{
    put_u32(at, (uint32_t)(value >> 32));
    put_u32(at + 4, (uint32_t)value);
}

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t get_u64(const uint8_t *at)
{
    return (uint64_t)get_u32(at) << 32 | get_u32(at + 4);
}

uint64_t entry_hash(uint64_t prev_hash, uint64_t zxid, uint8_t kind, struct zk_slice body)
{
    uint8_t bytes[HASH_STACK_BYTES];
    put_u64(bytes, prev_hash);
    put_u64(bytes + 8, zxid);
    bytes[16] = kind;
    if (body.len <= sizeof bytes - HASH_HEADER_BYTES) {
        if (body.len > 0)
            memcpy(bytes + HASH_HEADER_BYTES, body.ptr, body.len);
        return XXH3_64bits(bytes, HASH_HEADER_BYTES + body.len);
    }
    XXH3_state_t *state = XXH3_createState();
    ZK_ASSERT(state != NULL);
    XXH3_64bits_reset(state);
    XXH3_64bits_update(state, bytes, HASH_HEADER_BYTES);
    XXH3_64bits_update(state, body.ptr, body.len);
    uint64_t hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    return hash;
}

static void put_header(struct zk_buf *out, uint32_t count, uint64_t prev_hash)
{
    uint8_t header[GROUP_HEADER_BYTES];
    header[0] = GROUP_FORMAT;
    put_u32(header + 1, count);
    put_u64(header + 5, prev_hash);
    zk_buf_append(out, header, sizeof header);
}

void group_begin(struct zk_buf *out, uint64_t prev_hash)
{
    ZK_ASSERT(out->len == 0);
    put_header(out, 0, prev_hash);
}

uint64_t group_add(struct zk_buf *out, uint64_t prev_hash, uint64_t zxid, uint8_t kind, struct zk_slice body)
{
    uint64_t hash = entry_hash(prev_hash, zxid, kind, body);
    uint8_t header[GROUP_ENTRY_BYTES];
    put_u64(header, zxid);
    header[8] = kind;
    put_u64(header + 9, hash);
    put_u32(header + 17, (uint32_t)body.len);
    zk_buf_append(out, header, sizeof header);
    zk_buf_append_slice(out, body);
    return hash;
}

void group_end(struct zk_buf *out, uint32_t count)
{
    ZK_ASSERT(count > 0);
    ZK_ASSERT(count <= GROUP_ENTRIES_MAX);
    ZK_ASSERT(out->len >= GROUP_HEADER_BYTES);
    put_u32(out->ptr + 1, count);
}

bool group_open(struct zk_slice bytes, struct group *ret_group)
{
    if (bytes.len < GROUP_HEADER_BYTES + GROUP_ENTRY_BYTES || bytes.len > GROUP_BYTES_MAX)
        return false;
    if (bytes.ptr[0] != GROUP_FORMAT)
        return false;
    uint32_t count = get_u32(bytes.ptr + 1);
    struct zk_slice rest = zk_slice(bytes.ptr + GROUP_HEADER_BYTES, bytes.len - GROUP_HEADER_BYTES);
    if (count == 0 || count > GROUP_ENTRIES_MAX || count > rest.len / GROUP_ENTRY_BYTES)
        return false;
    *ret_group = (struct group){.count = count, .prev_hash = get_u64(bytes.ptr + 5), .rest = rest};
    return true;
}

/* `count` reaches 0 only when the last entry also ends the bytes, so a loop over group_next that leaves with count 0
 * has seen a whole group. */
bool group_next(struct group *g, struct entry *ret_entry)
{
    if (g->count == 0 || g->rest.len < GROUP_ENTRY_BYTES)
        return false;
    const uint8_t *at = g->rest.ptr;
    size_t left = g->rest.len - GROUP_ENTRY_BYTES;
    uint32_t body_len = get_u32(at + 17);
    if (body_len > left || (g->count == 1 && body_len != left))
        return false;
    struct entry e = {
        .zxid = get_u64(at),
        .kind = at[8],
        .hash = get_u64(at + 9),
        .body = zk_slice(at + GROUP_ENTRY_BYTES, body_len),
    };
    if (e.zxid <= g->prev_zxid || e.hash != entry_hash(g->prev_hash, e.zxid, e.kind, e.body))
        return false;
    g->rest = zk_slice(at + GROUP_ENTRY_BYTES + body_len, left - body_len);
    g->prev_hash = e.hash;
    g->prev_zxid = e.zxid;
    g->count--;
    *ret_entry = e;
    return true;
}

bool group_check(struct zk_slice bytes, uint64_t *ret_first, uint64_t *ret_last, uint64_t *ret_hash)
{
    struct group g;
    struct entry e;
    if (!group_open(bytes, &g) || !group_next(&g, &e))
        return false;
    uint64_t first = e.zxid;
    while (group_next(&g, &e))
        continue;
    if (g.count != 0)
        return false;
    *ret_first = first;
    *ret_last = e.zxid;
    *ret_hash = e.hash;
    return true;
}

/* Where a group is cut: how many entries come before the cut, and in how many bytes after the header. */
struct cut {
    uint32_t count;
    uint32_t count_before;
    size_t bytes_before;
    uint64_t prev_hash;
};

static bool find_cut(struct zk_slice bytes, uint64_t zxid, struct cut *ret_cut)
{
    struct group g;
    struct entry e;
    if (!group_open(bytes, &g))
        return false;
    struct cut cut = {.count = g.count, .prev_hash = g.prev_hash};
    while (group_next(&g, &e)) {
        if (e.zxid > zxid)
            continue;
        cut.count_before++;
        cut.bytes_before += GROUP_ENTRY_BYTES + e.body.len;
        cut.prev_hash = e.hash;
    }
    *ret_cut = cut;
    return g.count == 0;
}

bool group_head(struct zk_slice bytes, uint64_t zxid, struct zk_buf *out)
{
    struct cut cut;
    if (!find_cut(bytes, zxid, &cut) || cut.count_before == 0)
        return false;
    put_header(out, cut.count_before, get_u64(bytes.ptr + 5));
    zk_buf_append(out, bytes.ptr + GROUP_HEADER_BYTES, cut.bytes_before);
    return true;
}

bool group_tail(struct zk_slice bytes, uint64_t zxid, struct zk_buf *out)
{
    struct cut cut;
    if (!find_cut(bytes, zxid, &cut) || cut.count_before == cut.count)
        return false;
    put_header(out, cut.count - cut.count_before, cut.prev_hash);
    size_t at = GROUP_HEADER_BYTES + cut.bytes_before;
    zk_buf_append(out, bytes.ptr + at, bytes.len - at);
    return true;
}
