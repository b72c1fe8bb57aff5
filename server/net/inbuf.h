/* inbuf.h: bytes of a client connection into whole frames (int32 length, payload), without a buffer while nothing is
 * unfinished. The caller reads with readv into what inbuf_prepare gave: first what an unfinished frame lacks, then a
 * scratch buffer that all connections share. Frames that came whole are handed on from the scratch: no copy.
 *
 * A length is compared with the limit as soon as its four bytes are there; memory grows with the bytes that came, never
 * with a length that was claimed. PURE: no I/O.
 */
#pragma once
#include <sys/uio.h>
#include "common/buf.h"

struct inbuf {
    uint8_t *ptr; /* bytes of a frame that is not whole, or frames held back by INBUF_HOLD; NULL: none */
    size_t len;
    size_t cap;
};

enum inbuf_verdict {
    INBUF_GO_ON,
    INBUF_HOLD, /* keep what follows until inbuf_resume */
    INBUF_DROP, /* forget what follows: the connection is over */
    INBUF_BAD,  /* a length that is negative or above the limit; never returned by inbuf_fn */
};

/* One whole frame, borrowed for the call. */
typedef enum inbuf_verdict inbuf_fn(void *arg, struct zk_slice frame);

void inbuf_fini(struct inbuf *in);
/* Where to read to: fills in one or two parts, returns how many. Not while frames are held back. */
int inbuf_prepare(struct inbuf *in, uint8_t *scratch, size_t scratch_size, struct iovec ret_parts[2]);
/* `count` > 0 bytes were read to there. Calls `fn` for each whole frame of at most `frame_max` bytes. INBUF_BAD: the
 * length is in *ret_length and its four bytes and all after them are dropped; of a first frame they are at the scratch's
 * beginning. */
enum inbuf_verdict inbuf_take(struct inbuf *in, uint8_t *scratch, size_t count, uint32_t frame_max, inbuf_fn *fn,
                              void *arg, uint32_t *ret_length);
/* Hands on what was held back. */
enum inbuf_verdict inbuf_resume(struct inbuf *in, uint32_t frame_max, inbuf_fn *fn, void *arg, uint32_t *ret_length);
