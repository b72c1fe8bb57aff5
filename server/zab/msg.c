#include "server/zab/msg.h"

#include <msgpack.h>

/* --- layouts: the fields of each type, in the order they travel --- */

enum field_kind { FIELD_END, FIELD_U64, FIELD_BOOL, FIELD_BYTES, FIELD_POINTS, FIELD_TABLE };

struct field {
    uint8_t kind;
    uint16_t offset;
};

#define U64(name)                                                                                                    \
    {                                                                                                                \
        FIELD_U64, offsetof(struct zab_msg, name)                                                                    \
    }
#define BOOL(name)                                                                                                   \
    {                                                                                                                \
        FIELD_BOOL, offsetof(struct zab_msg, name)                                                                   \
    }
#define BYTES                                                                                                        \
    {                                                                                                                \
        FIELD_BYTES, offsetof(struct zab_msg, bytes)                                                                 \
    }
#define POINTS                                                                                                       \
    {                                                                                                                \
        FIELD_POINTS, 0                                                                                              \
    }
#define TABLE                                                                                                        \
    {                                                                                                                \
        FIELD_TABLE, 0                                                                                               \
    }
#define FIELDS_MAX 12

static const struct field layouts[TELL_TYPE_END][FIELDS_MAX] = {
    [TELL_HELLO] = {U64(version), U64(cluster_id), U64(incarnation), U64(start_count), U64(run), U64(zxid),
                    U64(promised), U64(members_hash), BOOL(blank), BOOL(founded), BOOL(initialize)},
    [TELL_REMEMBER] = {U64(incarnation), U64(start_count), U64(run), U64(zxid), U64(promised)},
    [TELL_PREVOTE] = {U64(number), U64(zxid)},
    [TELL_PREVOTED] = {U64(number), BOOL(yes), U64(promised)},
    [TELL_VOTE] = {U64(epoch), U64(zxid)},
    [TELL_VOTED] = {U64(epoch), BOOL(yes), U64(promised)},
    [TELL_BEAT] = {U64(epoch), U64(commit), U64(number), TABLE, BYTES},
    [TELL_PONG] = {U64(epoch), U64(number), U64(promised), U64(zxid), BOOL(is_short), BYTES},
    [TELL_ROUND] = {U64(epoch), U64(number)},
    [TELL_ROUNDED] = {U64(epoch), U64(number)},
    [TELL_FOLLOW] = {U64(epoch), U64(zxid), POINTS},
    [TELL_TRUNC] = {U64(epoch), U64(zxid), U64(hash), U64(commit), U64(level)},
    [TELL_SNAP] = {U64(epoch), U64(zxid), U64(hash), U64(digest), U64(level), BYTES},
    [TELL_ROWS] = {U64(epoch), U64(number), BYTES},
    [TELL_PROPOSE] = {U64(epoch), U64(commit), U64(own), BYTES},
    [TELL_LIVE] = {U64(epoch), U64(zxid), U64(commit)},
    [TELL_ACK] = {U64(epoch), U64(zxid)},
    [TELL_GOT] = {U64(epoch), U64(zxid), U64(number)},
    [TELL_COMMIT] = {U64(epoch), U64(zxid), U64(own)},
    [TELL_RESIGN] = {U64(epoch), BOOL(yes)},
    [TELL_TAKE_OVER] = {U64(epoch)},
    [TELL_FOUND] = {BYTES},
};

static size_t layout_len(const struct field *layout)
{
    size_t n = 0;
    while (n < FIELDS_MAX && layout[n].kind != FIELD_END)
        n++;
    return n;
}

/* --- encoding --- */

static int write_buf(void *arg, const char *bytes, size_t len)
{
    zk_buf_append(arg, bytes, len);
    return 0;
}

static void pack_points(msgpack_packer *pk, const struct zab_msg *m)
{
    ZK_ASSERT(m->point_count <= MSG_POINTS_MAX);
    msgpack_pack_array(pk, m->point_count);
    for (size_t i = 0; i < m->point_count; i++) {
        msgpack_pack_array(pk, 2);
        msgpack_pack_uint64(pk, m->points[i].last_zxid);
        msgpack_pack_uint64(pk, m->points[i].last_hash);
    }
}

static void pack_table(msgpack_packer *pk, const struct zab_msg *m)
{
    ZK_ASSERT(m->table_count <= MSG_WITNESS_MAX);
    msgpack_pack_array(pk, m->table_count);
    for (size_t i = 0; i < m->table_count; i++) {
        const struct storage_witness *w = &m->table[i];
        msgpack_pack_array(pk, 5);
        msgpack_pack_uint64(pk, w->server);
        msgpack_pack_uint64(pk, w->incarnation);
        msgpack_pack_uint64(pk, w->zxid);
        msgpack_pack_uint64(pk, w->promised);
        msgpack_pack_uint64(pk, w->start_count);
    }
}

static void pack_field(msgpack_packer *pk, const struct zab_msg *m, struct field f)
{
    const char *at = (const char *)m + f.offset;
    switch (f.kind) {
    case FIELD_U64:
        msgpack_pack_uint64(pk, *(const uint64_t *)(const void *)at);
        break;
    case FIELD_BOOL:
        if (*(const bool *)at)
            msgpack_pack_true(pk);
        else
            msgpack_pack_false(pk);
        break;
    case FIELD_BYTES:
        msgpack_pack_bin(pk, m->bytes.len);
        if (m->bytes.len)
            msgpack_pack_bin_body(pk, m->bytes.ptr, m->bytes.len);
        break;
    case FIELD_POINTS:
        pack_points(pk, m);
        break;
    case FIELD_TABLE:
        pack_table(pk, m);
        break;
    }
}

void msg_encode(struct zk_buf *out, const struct zab_msg *m)
{
    ZK_ASSERT(m->type > 0 && m->type < TELL_TYPE_END);
    const struct field *layout = layouts[m->type];
    size_t len = layout_len(layout);
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, write_buf);
    msgpack_pack_array(&pk, len + 1);
    msgpack_pack_uint8(&pk, m->type);
    for (size_t i = 0; i < len; i++)
        pack_field(&pk, m, layout[i]);
}

/* --- decoding: a cursor over msgpack --- */

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static uint64_t take_big_endian(struct cursor *in, size_t len)
{
    if ((size_t)(in->end - in->at) < len) {
        in->bad = true;
        in->at = in->end;
        return 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | *in->at++;
    return value;
}

static uint64_t take_u64(struct cursor *in)
{
    uint8_t tag = (uint8_t)take_big_endian(in, 1);
    if (tag < 0x80)
        return tag;
    if (tag >= 0xcc && tag <= 0xcf)
        return take_big_endian(in, (size_t)1 << (tag - 0xcc));
    in->bad = true;
    return 0;
}

static bool take_bool(struct cursor *in)
{
    uint8_t tag = (uint8_t)take_big_endian(in, 1);
    if (tag != 0xc2 && tag != 0xc3)
        in->bad = true;
    return tag == 0xc3;
}

/* An array's count, no more than the bytes that are left and than `max`. */
static size_t take_array(struct cursor *in, size_t max)
{
    uint8_t tag = (uint8_t)take_big_endian(in, 1);
    size_t count = 0;
    if ((tag & 0xf0) == 0x90)
        count = tag & 0x0f;
    else if (tag == 0xdc || tag == 0xdd)
        count = (size_t)take_big_endian(in, tag == 0xdc ? 2 : 4);
    else
        in->bad = true;
    if (count > max || count > (size_t)(in->end - in->at)) {
        in->bad = true;
        return 0;
    }
    return count;
}

static struct zk_slice take_bytes(struct cursor *in)
{
    uint8_t tag = (uint8_t)take_big_endian(in, 1);
    if (tag < 0xc4 || tag > 0xc6) {
        in->bad = true;
        return zk_slice(NULL, 0);
    }
    size_t len = (size_t)take_big_endian(in, (size_t)1 << (tag - 0xc4));
    if (in->bad || len > (size_t)(in->end - in->at)) {
        in->bad = true;
        return zk_slice(NULL, 0);
    }
    struct zk_slice bytes = zk_slice(in->at, len);
    in->at += len;
    return bytes;
}

static size_t take_points(struct cursor *in, struct storage_epoch *points)
{
    size_t count = take_array(in, MSG_POINTS_MAX);
    for (size_t i = 0; i < count && !in->bad; i++) {
        if (take_array(in, 2) != 2)
            in->bad = true;
        points[i].last_zxid = take_u64(in);
        points[i].last_hash = take_u64(in);
    }
    return count;
}

static size_t take_table(struct cursor *in, struct storage_witness *table)
{
    size_t count = take_array(in, MSG_WITNESS_MAX);
    for (size_t i = 0; i < count && !in->bad; i++) {
        struct storage_witness *w = &table[i];
        if (take_array(in, 5) != 5)
            in->bad = true;
        w->server = take_u64(in);
        w->incarnation = take_u64(in);
        w->zxid = take_u64(in);
        w->promised = take_u64(in);
        w->start_count = take_u64(in);
    }
    return count;
}

static void take_field(struct cursor *in, struct msg_lists *lists, struct zab_msg *m, struct field f)
{
    char *at = (char *)m + f.offset;
    switch (f.kind) {
    case FIELD_U64:
        *(uint64_t *)(void *)at = take_u64(in);
        break;
    case FIELD_BOOL:
        *(bool *)at = take_bool(in);
        break;
    case FIELD_BYTES:
        m->bytes = take_bytes(in);
        break;
    case FIELD_POINTS:
        m->point_count = take_points(in, lists->points);
        m->points = lists->points;
        break;
    case FIELD_TABLE:
        m->table_count = take_table(in, lists->table);
        m->table = lists->table;
        break;
    }
}

/* Whatever stands behind the known fields is a newer server's and not looked at. */
bool msg_decode(struct zk_slice bytes, struct msg_lists *lists, struct zab_msg *ret_msg)
{
    struct cursor in = {bytes.ptr, bytes.ptr + bytes.len, bytes.len == 0};
    size_t count = take_array(&in, 64);
    uint64_t type = take_u64(&in);
    if (in.bad || type == 0 || type >= TELL_TYPE_END)
        return false;
    const struct field *layout = layouts[type];
    size_t len = layout_len(layout);
    if (count < len + 1)
        return false;
    *ret_msg = (struct zab_msg){.type = (uint8_t)type};
    for (size_t i = 0; i < len && !in.bad; i++)
        take_field(&in, lists, ret_msg, layout[i]);
    return !in.bad && ret_msg->epoch <= ZAB_EPOCH_MAX && ret_msg->promised <= ZAB_EPOCH_MAX;
}
