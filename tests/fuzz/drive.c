/* drive.c: feeds a fuzz target its seeds and spoiled copies of them: fuzz_x [COUNT [START]]. Prints the number of the
 * input that it is at when something breaks, so that START replays it. */
#include "common/rng.h"
#include "tests/fuzz/fuzz.h"
#include <signal.h>
#include <stdio.h>

#define COUNT_DEFAULT 3000
#define INPUT_BYTES_MAX 65536

static uint64_t current;

static void tell_where(int signal_number)
{
    fprintf(stderr, "input %llu broke it; replay with: COUNT 1, START %llu\n", (unsigned long long)current,
            (unsigned long long)current);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void spoil_once(struct zk_rng *rng, struct zk_buf *b)
{
    static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff};
    size_t at = b->len ? zk_rng_below(rng, (uint32_t)b->len) : 0;
    switch (zk_rng_below(rng, 6)) {
    case 0: /* a bit */
        if (b->len)
            b->ptr[at] ^= (uint8_t)(1u << zk_rng_below(rng, 8));
        break;
    case 1: /* a byte at the edge of something */
        if (b->len)
            b->ptr[at] = edges[zk_rng_below(rng, sizeof edges)];
        break;
    case 2: /* four of them: a length */
        for (size_t i = at; i < b->len && i < at + 4; i++)
            b->ptr[i] = edges[zk_rng_below(rng, sizeof edges)];
        break;
    case 3: /* cut */
        b->len = at;
        break;
    case 4: /* noise behind */
        for (uint32_t n = zk_rng_below(rng, 16); n > 0 && b->len < INPUT_BYTES_MAX; n--)
            zk_buf_append_byte(b, (uint8_t)zk_rng_u32(rng));
        break;
    default: /* a piece twice */
        if (b->len && b->len < INPUT_BYTES_MAX / 2) {
            size_t len = 1 + zk_rng_below(rng, (uint32_t)(b->len - at));
            uint8_t *piece = zk_memdup(b->ptr + at, len);
            zk_buf_append(b, piece, len);
            free(piece);
        }
    }
}

static void run_input(uint64_t n, size_t seeds, struct zk_buf *b)
{
    struct zk_rng rng;
    zk_rng_seed(&rng, n, 1);
    zk_buf_reset(b);
    (void)fuzz_seed((size_t)(n % seeds), b);
    if (n >= seeds)
        for (uint32_t times = 1 + zk_rng_below(&rng, 4); times > 0; times--)
            spoil_once(&rng, b);
    uint8_t *exact = zk_memdup(b->ptr, b->len); /* so that a sanitizer sees one byte too many */
    LLVMFuzzerTestOneInput(exact, b->len);
    free(exact);
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : COUNT_DEFAULT;
    uint64_t start = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    struct zk_buf b;
    zk_buf_init(&b);
    size_t seeds = 0;
    while (fuzz_seed(seeds, &b))
        seeds++;
    ZK_ASSERT(seeds > 0);
    signal(SIGABRT, tell_where);
    signal(SIGSEGV, tell_where);
    for (current = start; current < start + count; current++)
        run_input(current, seeds, &b);
    zk_buf_fini(&b);
    return 0;
}
