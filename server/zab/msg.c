#include "server/zab/msg.h"
#include "common/unpack.h"

#include <msgpack.h>

/* --- layouts: the fields of each type, in the order they travel --- */

enum field_kind { FIELD_END, FIELD_U64, FIELD_BOOL, FIELD_BYTES, FIELD_POINTS, FIELD_TABLE };

struct field {
    uint8_t kind;
    uint16_t offset;
};

/* clang-format off */
#define U64(name) {FIELD_U64, offsetof(struct zab_msg, name)}
#define BOOL(name) {FIELD_BOOL, offsetof(struct zab_msg, name)}
#define BYTES {FIELD_BYTES, offsetof(struct zab_msg, bytes)}
#define POINTS {FIELD_POINTS, 0}
#define TABLE {FIELD_TABLE, 0}
/* clang-format on */
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
    [TELL_FOLLOW] = {U64(epoch), U64(zxid), POINTS, BOOL(yes)},
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

/* --- decoding --- */

static size_t take_points(struct zk_unpack *in, struct storage_epoch *points)
{
    size_t count = zk_unpack_array(in, MSG_POINTS_MAX);
    for (size_t i = 0; i < count && !in->bad; i++) {
        if (zk_unpack_array(in, 2) != 2)
            in->bad = true;
        points[i].last_zxid = zk_unpack_u64(in);
        points[i].last_hash = zk_unpack_u64(in);
    }
    return count;
}

static size_t take_table(struct zk_unpack *in, struct storage_witness *table)
{
    size_t count = zk_unpack_array(in, MSG_WITNESS_MAX);
    for (size_t i = 0; i < count && !in->bad; i++) {
        struct storage_witness *w = &table[i];
        if (zk_unpack_array(in, 5) != 5)
            in->bad = true;
        w->server = zk_unpack_u64(in);
        w->incarnation = zk_unpack_u64(in);
        w->zxid = zk_unpack_u64(in);
        w->promised = zk_unpack_u64(in);
        w->start_count = zk_unpack_u64(in);
    }
    return count;
}

static void take_field(struct zk_unpack *in, struct msg_lists *lists, struct zab_msg *m, struct field f)
{
    char *at = (char *)m + f.offset;
    switch (f.kind) {
    case FIELD_U64:
        *(uint64_t *)(void *)at = zk_unpack_u64(in);
        break;
    case FIELD_BOOL:
        *(bool *)at = zk_unpack_bool(in);
        break;
    case FIELD_BYTES:
        m->bytes = zk_unpack_bytes(in);
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
    struct zk_unpack in = zk_unpack(bytes);
    size_t count = zk_unpack_array(&in, 64);
    uint64_t type = zk_unpack_u64(&in);
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
