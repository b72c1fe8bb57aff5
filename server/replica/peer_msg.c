#include "server/replica/peer_msg.h"
#include <msgpack.h>

static int append(void *arg, const char *bytes, size_t len)
{
    zk_buf_append(arg, bytes, len);
    return 0;
}

static void pack_bytes(msgpack_packer *pk, struct zk_slice s)
{
    msgpack_pack_bin(pk, s.len);
    msgpack_pack_bin_body(pk, s.ptr, s.len);
}

void peer_msg_encode(struct zk_buf *out, const struct peer_msg *m)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, append);
    if (m->type == PEER_MSG_FORWARD) {
        msgpack_pack_array(&pk, 1 + m->command_count);
        msgpack_pack_uint8(&pk, (uint8_t)m->type);
        for (size_t i = 0; i < m->command_count; i++)
            pack_bytes(&pk, m->commands[i]);
        return;
    }
    msgpack_pack_array(&pk, m->type == PEER_MSG_SYNC_ANSWER ? 3 : 2);
    msgpack_pack_uint8(&pk, (uint8_t)m->type);
    if (m->type == PEER_MSG_TOUCH)
        pack_bytes(&pk, m->bytes);
    else
        msgpack_pack_uint64(&pk, m->number);
    if (m->type == PEER_MSG_SYNC_ANSWER)
        msgpack_pack_uint64(&pk, m->zxid);
}

static bool get_u64(const msgpack_object *o, uint64_t *ret_value)
{
    if (o->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return false;
    *ret_value = o->via.u64;
    return true;
}

static bool get_bytes(const msgpack_object *o, struct zk_slice *ret_bytes)
{
    if (o->type != MSGPACK_OBJECT_BIN)
        return false;
    *ret_bytes = zk_slice(o->via.bin.ptr, o->via.bin.size);
    return true;
}

static bool take_commands(const msgpack_object_array *a, struct peer_msg *m)
{
    if (a->size < 2 || a->size > 1 + PEER_MSG_COMMANDS_MAX)
        return false;
    m->commands = zk_calloc(a->size - 1, sizeof *m->commands);
    m->command_count = a->size - 1;
    for (size_t i = 0; i < m->command_count; i++)
        if (!get_bytes(&a->ptr[i + 1], &m->commands[i]))
            return false;
    return true;
}

static bool take_fields(const msgpack_object_array *a, struct peer_msg *m)
{
    switch (m->type) {
    case PEER_MSG_FORWARD:
        return take_commands(a, m);
    case PEER_MSG_SYNC:
        return a->size >= 2 && get_u64(&a->ptr[1], &m->number);
    case PEER_MSG_SYNC_ANSWER:
        return a->size >= 3 && get_u64(&a->ptr[1], &m->number) && get_u64(&a->ptr[2], &m->zxid);
    case PEER_MSG_TOUCH:
        return a->size >= 2 && get_bytes(&a->ptr[1], &m->bytes) && m->bytes.len % 8 == 0;
    }
    return false;
}

bool peer_msg_decode(struct zk_slice bytes, struct peer_msg *ret_msg)
{
    memset(ret_msg, 0, sizeof *ret_msg);
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t at = 0;
    bool ok = msgpack_unpack_next(&unpacked, (const char *)bytes.ptr, bytes.len, &at) == MSGPACK_UNPACK_SUCCESS;
    uint64_t type = 0;
    ok = ok && at == bytes.len && unpacked.data.type == MSGPACK_OBJECT_ARRAY && unpacked.data.via.array.size > 0 &&
         get_u64(&unpacked.data.via.array.ptr[0], &type) && type >= PEER_MSG_FIRST;
    if (ok) {
        ret_msg->type = (enum peer_msg_type)type;
        ok = take_fields(&unpacked.data.via.array, ret_msg);
    }
    msgpack_unpacked_destroy(&unpacked);
    if (!ok)
        peer_msg_fini(ret_msg);
    return ok;
}

void peer_msg_fini(struct peer_msg *m)
{
    free(m->commands);
    m->commands = NULL;
    m->command_count = 0;
}

/* The array's head is one, three or five bytes; the type is a positive fixint below 128. */
bool peer_msg_is_ours(struct zk_slice bytes)
{
    if (bytes.len < 2)
        return false;
    uint8_t head = bytes.ptr[0];
    size_t at = (head & 0xf0) == 0x90 ? 1 : head == 0xdc ? 3 : head == 0xdd ? 5 : 0;
    return at > 0 && bytes.len > at && bytes.ptr[at] >= PEER_MSG_FIRST && bytes.ptr[at] < 0x80;
}
