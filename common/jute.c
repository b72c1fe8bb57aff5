#include "common/jute.h"

static const uint8_t *take(struct zk_jute *in, size_t len)
{
    if (in->bad || zk_jute_left(in) < len) {
        in->bad = true;
        return NULL;
    }
    const uint8_t *at = in->at;
    in->at += len;
    return at;
}

uint8_t zk_jute_u8(struct zk_jute *in)
{
    const uint8_t *p = take(in, 1);
    return p ? *p : 0;
}

bool zk_jute_bool(struct zk_jute *in)
{
    return zk_jute_u8(in) != 0;
}

static uint32_t load32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

int32_t zk_jute_int(struct zk_jute *in)
{
    const uint8_t *p = take(in, 4);
    return p ? (int32_t)load32(p) : 0;
}

int64_t zk_jute_long(struct zk_jute *in)
{
    const uint8_t *p = take(in, 8);
    return p ? (int64_t)((uint64_t)load32(p) << 32 | load32(p + 4)) : 0;
}

struct zk_slice zk_jute_buffer(struct zk_jute *in)
{
    int32_t len = zk_jute_int(in);
    if (len == -1)
        return (struct zk_slice){NULL, 0};
    if (len < 0) {
        in->bad = true;
        return (struct zk_slice){NULL, 0};
    }
    const uint8_t *p = take(in, (size_t)len);
    return (struct zk_slice){p, p ? (size_t)len : 0};
}

struct zk_slice zk_jute_string(struct zk_jute *in)
{
    return zk_jute_buffer(in);
}

int32_t zk_jute_count(struct zk_jute *in, size_t element_min_bytes)
{
    int32_t count = zk_jute_int(in);
    if (count > 0 && (size_t)count > zk_jute_left(in) / element_min_bytes)
        in->bad = true;
    return in->bad ? 0 : count < -1 ? 0 : count;
}

struct zk_slice zk_jute_rest(struct zk_jute *in)
{
    if (in->bad)
        return (struct zk_slice){NULL, 0};
    struct zk_slice rest = {in->at, zk_jute_left(in)};
    in->at = in->end;
    return rest;
}

void zk_jute_put_u8(struct zk_buf *out, uint8_t value)
{
    zk_buf_append_byte(out, value);
}

void zk_jute_put_bool(struct zk_buf *out, bool value)
{
    zk_buf_append_byte(out, value ? 1 : 0);
}

static void store32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

void zk_jute_put_int(struct zk_buf *out, int32_t value)
{
    uint8_t bytes[4];
    store32(bytes, (uint32_t)value);
    zk_buf_append(out, bytes, sizeof bytes);
}

void zk_jute_put_long(struct zk_buf *out, int64_t value)
{
    uint8_t bytes[8];
    store32(bytes, (uint32_t)((uint64_t)value >> 32));
    store32(bytes + 4, (uint32_t)value);
    zk_buf_append(out, bytes, sizeof bytes);
}

void zk_jute_put_buffer(struct zk_buf *out, struct zk_slice value)
{
    ZK_ASSERT(value.len <= INT32_MAX);
    zk_jute_put_int(out, value.ptr ? (int32_t)value.len : -1);
    zk_buf_append_slice(out, value);
}

void zk_jute_put_string(struct zk_buf *out, struct zk_slice value)
{
    zk_jute_put_buffer(out, value);
}

void zk_jute_put_cstring(struct zk_buf *out, const char *value)
{
    zk_jute_put_buffer(out, zk_slice_str(value));
}

size_t zk_jute_begin_frame(struct zk_buf *out)
{
    size_t start = out->len;
    zk_jute_put_int(out, 0);
    return start;
}

void zk_jute_end_frame(struct zk_buf *out, size_t start)
{
    if (!out->failed)
        zk_jute_set_int(out, start, (int32_t)(out->len - start - 4));
}

void zk_jute_set_int(struct zk_buf *out, size_t at, int32_t value)
{
    if (out->failed)
        return;
    ZK_ASSERT(at + 4 <= out->len);
    store32(out->ptr + at, (uint32_t)value);
}
