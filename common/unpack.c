#include "common/unpack.h"

static uint64_t take_big_endian(struct zk_unpack *in, size_t len)
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

uint64_t zk_unpack_u64(struct zk_unpack *in)
{
    uint8_t tag = (uint8_t)take_big_endian(in, 1);
    if (tag < 0x80)
        return tag;
    if (tag >= 0xcc && tag <= 0xcf)
        return take_big_endian(in, (size_t)1 << (tag - 0xcc));
    in->bad = true;
    return 0;
}

bool zk_unpack_bool(struct zk_unpack *in)
{
    uint8_t tag = (uint8_t)take_big_endian(in, 1);
    if (tag != 0xc2 && tag != 0xc3)
        in->bad = true;
    return tag == 0xc3;
}

size_t zk_unpack_array(struct zk_unpack *in, size_t max)
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

struct zk_slice zk_unpack_bytes(struct zk_unpack *in)
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
