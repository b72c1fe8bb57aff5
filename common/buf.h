/* buf.h: borrowed bytes (zk_slice) and owned, growing bytes (zk_buf).
 *
 * A slice never owns and is never freed through; ptr NULL means absent (jute's length -1), which is not empty.
 * A buf that could not grow, or would pass its limit, is `failed`: further appends do nothing and whoever finishes
 * the message looks once. Servers never see it: there the allocator ends the process first unless a limit is set.
 */
#pragma once
#include "common/base.h"

struct zk_slice {
    const uint8_t *ptr;
    size_t len;
};

struct zk_buf {
    uint8_t *ptr;
    size_t len;
    size_t cap;
    size_t limit; /* most bytes it may hold; 0: no limit */
    bool failed;
};

static inline struct zk_slice zk_slice(const void *ptr, size_t len)
{
    return (struct zk_slice){ptr, len};
}

/* The bytes of a C string without its end mark; NULL gives the absent slice. */
static inline struct zk_slice zk_slice_str(const char *text)
{
    return (struct zk_slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

static inline struct zk_slice zk_buf_slice(const struct zk_buf *buf)
{
    return (struct zk_slice){buf->ptr, buf->len};
}

bool zk_slice_eq(struct zk_slice a, struct zk_slice b);
int zk_slice_cmp(struct zk_slice a, struct zk_slice b); /* bytewise, the shorter first; <0, 0, >0 */
char *zk_slice_dup(struct zk_slice s);                  /* as a C string; free() it. NULL if memory is short */

void zk_buf_init(struct zk_buf *buf);
void zk_buf_fini(struct zk_buf *buf);
void zk_buf_reset(struct zk_buf *buf); /* empty, keeps the memory, clears `failed` */
bool zk_buf_reserve(struct zk_buf *buf, size_t more);
void zk_buf_append(struct zk_buf *buf, const void *ptr, size_t len);
void zk_buf_append_slice(struct zk_buf *buf, struct zk_slice s);
void zk_buf_append_byte(struct zk_buf *buf, uint8_t byte);
void zk_buf_printf(struct zk_buf *buf, const char *format, ...) ZK_PRINTF(2, 3);
void zk_buf_drop_front(struct zk_buf *buf, size_t len);
/* The bytes as a C string, which stays the buf's; "" when it failed. */
const char *zk_buf_text(struct zk_buf *buf);
