/* jute.h: the client protocol's primitives: big-endian int and long, one-byte bool, buffer and string as int32 length
 * (-1: null) and bytes, vector as int32 count (-1: null).
 *
 * The reader is a bounded cursor with a sticky `bad`: a length is compared with what is left before it is used, a
 * read past the end gives zero and sets `bad`, and whoever decodes a record looks once, at its end. What it returns
 * borrows the frame.
 */
#pragma once
#include "common/buf.h"

struct zk_jute {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline struct zk_jute zk_jute(struct zk_slice frame)
{
    return (struct zk_jute){frame.ptr, frame.ptr ? frame.ptr + frame.len : NULL, false};
}

static inline size_t zk_jute_left(const struct zk_jute *in)
{
    return (size_t)(in->end - in->at);
}

uint8_t zk_jute_u8(struct zk_jute *in);
bool zk_jute_bool(struct zk_jute *in); /* any byte but 0 is true, as Java's DataInput reads it */
int32_t zk_jute_int(struct zk_jute *in);
int64_t zk_jute_long(struct zk_jute *in);
struct zk_slice zk_jute_buffer(struct zk_jute *in); /* ptr NULL: null */
struct zk_slice zk_jute_string(struct zk_jute *in); /* the same; UTF-8 is checked where a path is checked */
/* A vector's count, at most what is left divided by the least an element takes; -1: null; less is none, as in Java. */
int32_t zk_jute_count(struct zk_jute *in, size_t element_min_bytes);
struct zk_slice zk_jute_rest(struct zk_jute *in);

void zk_jute_put_u8(struct zk_buf *out, uint8_t value);
void zk_jute_put_bool(struct zk_buf *out, bool value);
void zk_jute_put_int(struct zk_buf *out, int32_t value);
void zk_jute_put_long(struct zk_buf *out, int64_t value);
void zk_jute_put_buffer(struct zk_buf *out, struct zk_slice value);
void zk_jute_put_string(struct zk_buf *out, struct zk_slice value);
void zk_jute_put_cstring(struct zk_buf *out, const char *value);

/* A frame is an int32 length and that many bytes: begin leaves room for the length, end fills it in. */
size_t zk_jute_begin_frame(struct zk_buf *out);
void zk_jute_end_frame(struct zk_buf *out, size_t start);
void zk_jute_set_int(struct zk_buf *out, size_t at, int32_t value);
