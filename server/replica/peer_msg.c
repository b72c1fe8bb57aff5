#include "server/replica/peer_msg.h"
#include <msgpack.h>
#include "common/unpack.h"

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

static void take_commands(struct zk_unpack *in, size_t count, struct peer_msg *m)
{
    m->commands = zk_calloc(count, sizeof *m->commands);
    m->command_count = count;
    for (size_t i = 0; i < count; i++)
        m->commands[i] = zk_unpack_bytes(in);
}

/* `left`: how many elements stand behind the type. */
static bool take_fields(struct zk_unpack *in, size_t left, struct peer_msg *m)
{
    static const size_t least[] = {[PEER_MSG_FORWARD - PEER_MSG_FIRST] = 1,
                                   [PEER_MSG_SYNC - PEER_MSG_FIRST] = 1,
                                   [PEER_MSG_SYNC_ANSWER - PEER_MSG_FIRST] = 2,
                                   [PEER_MSG_TOUCH - PEER_MSG_FIRST] = 1};
    size_t kind = (size_t)m->type - PEER_MSG_FIRST;
    if (kind >= ZK_COUNT_OF(least) || left < least[kind])
        return false;
    if (m->type == PEER_MSG_FORWARD)
        take_commands(in, left, m);
    else if (m->type == PEER_MSG_TOUCH)
        m->bytes = zk_unpack_bytes(in);
    else
        m->number = zk_unpack_u64(in);
    if (m->type == PEER_MSG_SYNC_ANSWER)
        m->zxid = zk_unpack_u64(in);
    return !in->bad && m->bytes.len % 8 == 0;
}

bool peer_msg_decode(struct zk_slice bytes, struct peer_msg *ret_msg)
{
    memset(ret_msg, 0, sizeof *ret_msg);
    struct zk_unpack in = zk_unpack(bytes);
    size_t count = zk_unpack_array(&in, 1 + PEER_MSG_COMMANDS_MAX);
    uint64_t type = zk_unpack_u64(&in);
    if (in.bad || count == 0 || type < PEER_MSG_FIRST || type > INT32_MAX)
        return false;
    ret_msg->type = (enum peer_msg_type)type;
    if (take_fields(&in, count - 1, ret_msg))
        return true;
    peer_msg_fini(ret_msg);
    return false;
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
