#include "common/buf.h"
#include <stdarg.h>
#include <stdio.h>

bool zk_slice_eq(struct zk_slice a, struct zk_slice b)
{
    return a.len == b.len && (a.ptr == NULL) == (b.ptr == NULL) && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

int zk_slice_cmp(struct zk_slice a, struct zk_slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

char *zk_slice_dup(struct zk_slice s)
{
    char *text = malloc(s.len + 1);
    if (text == NULL)
        return NULL;
    if (s.len > 0)
        memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return text;
}

void zk_buf_init(struct zk_buf *buf)
{
    memset(buf, 0, sizeof *buf);
}

void zk_buf_fini(struct zk_buf *buf)
{
    free(buf->ptr);
    memset(buf, 0, sizeof *buf);
}

void zk_buf_reset(struct zk_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

bool zk_buf_reserve(struct zk_buf *buf, size_t more)
{
    if (buf->failed)
        return false;
    if (buf->cap - buf->len >= more && (buf->limit == 0 || buf->len + more <= buf->limit))
        return true;
    if (more > SIZE_MAX / 4 || (buf->limit != 0 && buf->len + more > buf->limit)) {
        buf->failed = true;
        return false;
    }
    size_t cap = buf->cap ? buf->cap : 64;
    while (cap - buf->len < more)
        cap *= 2;
    uint8_t *ptr = realloc(buf->ptr, cap);
    if (ptr == NULL) {
        buf->failed = true;
        return false;
    }
    buf->ptr = ptr;
    buf->cap = cap;
    return true;
}

void zk_buf_append(struct zk_buf *buf, const void *ptr, size_t len)
{
    if (len == 0 || !zk_buf_reserve(buf, len))
        return;
    memcpy(buf->ptr + buf->len, ptr, len);
    buf->len += len;
}

void zk_buf_append_slice(struct zk_buf *buf, struct zk_slice s)
{
    zk_buf_append(buf, s.ptr, s.len);
}

void zk_buf_append_byte(struct zk_buf *buf, uint8_t byte)
{
    zk_buf_append(buf, &byte, 1);
}

void zk_buf_printf(struct zk_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int need = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (need >= 0 && zk_buf_reserve(buf, (size_t)need + 1)) {
        vsnprintf((char *)buf->ptr + buf->len, (size_t)need + 1, format, again);
        buf->len += (size_t)need;
    }
    va_end(again);
}

void zk_buf_drop_front(struct zk_buf *buf, size_t len)
{
    ZK_ASSERT(len <= buf->len);
    if (len == 0)
        return;
    memmove(buf->ptr, buf->ptr + len, buf->len - len);
    buf->len -= len;
}

const char *zk_buf_text(struct zk_buf *buf)
{
    if (!zk_buf_reserve(buf, 1))
        return "";
    buf->ptr[buf->len] = '\0';
    return (const char *)buf->ptr;
}
