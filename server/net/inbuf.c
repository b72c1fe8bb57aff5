#include "server/net/inbuf.h"

#define LENGTH_BYTES 4
/* What an unfinished frame's buffer grows by at least. */
#define GROWTH_BYTES_MIN 4096

static uint32_t get_length(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

void inbuf_fini(struct inbuf *in)
{
    free(in->ptr);
    memset(in, 0, sizeof *in);
}

static void keep(struct inbuf *in, const uint8_t *at, size_t len)
{
    if (len == 0)
        return;
    in->ptr = zk_memdup(at, len);
    in->len = in->cap = len;
}

static size_t lacking(const struct inbuf *in)
{
    return LENGTH_BYTES + (size_t)get_length(in->ptr) - in->len;
}

int inbuf_prepare(struct inbuf *in, uint8_t *scratch, size_t scratch_size, struct iovec ret_parts[2])
{
    if (in->len < LENGTH_BYTES) { /* the length itself is torn: inbuf_take puts its bytes in front */
        ret_parts[0] = (struct iovec){scratch + in->len, scratch_size - in->len};
        return 1;
    }
    size_t lack = lacking(in);
    if (in->cap == in->len) {
        size_t more = in->len > GROWTH_BYTES_MIN ? in->len : GROWTH_BYTES_MIN;
        in->cap += more < lack ? more : lack;
        in->ptr = zk_realloc(in->ptr, in->cap);
    }
    size_t room = in->cap - in->len;
    ret_parts[0] = (struct iovec){in->ptr + in->len, room};
    ret_parts[1] = (struct iovec){scratch, scratch_size};
    return room == lack ? 2 : 1;
}

/* Frames of a span; what is not whole, or held back, is kept. `in` is empty. */
static enum inbuf_verdict take_span(struct inbuf *in, const uint8_t *at, size_t len, uint32_t frame_max, inbuf_fn *fn,
                                    void *arg, uint32_t *ret_length)
{
    while (len >= LENGTH_BYTES) {
        uint32_t length = get_length(at);
        if (length > frame_max) {
            *ret_length = length;
            return INBUF_BAD;
        }
        if (len - LENGTH_BYTES < length)
            break;
        enum inbuf_verdict verdict = fn(arg, zk_slice(at + LENGTH_BYTES, length));
        at += LENGTH_BYTES + length;
        len -= LENGTH_BYTES + length;
        if (verdict == INBUF_HOLD)
            keep(in, at, len);
        if (verdict != INBUF_GO_ON)
            return verdict;
    }
    keep(in, at, len);
    return INBUF_GO_ON;
}

enum inbuf_verdict inbuf_take(struct inbuf *in, uint8_t *scratch, size_t count, uint32_t frame_max, inbuf_fn *fn,
                              void *arg, uint32_t *ret_length)
{
    if (in->len < LENGTH_BYTES) {
        if (in->len > 0)
            memcpy(scratch, in->ptr, in->len);
        count += in->len;
        inbuf_fini(in);
        return take_span(in, scratch, count, frame_max, fn, arg, ret_length);
    }
    size_t room = in->cap - in->len;
    size_t here = count < room ? count : room;
    in->len += here;
    if (lacking(in) > 0)
        return INBUF_GO_ON;
    struct inbuf whole = *in;
    memset(in, 0, sizeof *in);
    enum inbuf_verdict verdict = fn(arg, zk_slice(whole.ptr + LENGTH_BYTES, whole.len - LENGTH_BYTES));
    inbuf_fini(&whole);
    if (verdict == INBUF_HOLD)
        keep(in, scratch, count - here);
    if (verdict != INBUF_GO_ON)
        return verdict;
    return take_span(in, scratch, count - here, frame_max, fn, arg, ret_length);
}

enum inbuf_verdict inbuf_resume(struct inbuf *in, uint32_t frame_max, inbuf_fn *fn, void *arg, uint32_t *ret_length)
{
    struct inbuf held = *in;
    memset(in, 0, sizeof *in);
    enum inbuf_verdict verdict = take_span(in, held.ptr, held.len, frame_max, fn, arg, ret_length);
    inbuf_fini(&held);
    return verdict;
}
