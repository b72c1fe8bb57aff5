/* base.h: the first include of every header: fixed-width types, attributes and the assertion that stays on.
 *
 * Three kinds of trouble, three mechanisms, never mixed:
 *   an answer   "no such node": enum zk_err, negative, the client protocol's own codes (err.h)
 *   a failure   "disk full", malformed bytes: false, and mostly a sentence in `why`; the caller must look
 *   a bug       ZK_ASSERT: always compiled in, prints what was false and aborts; never on bytes from outside
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ZK_MUST_CHECK __attribute__((warn_unused_result))
#define ZK_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ZK_NORETURN __attribute__((noreturn))

#define ZK_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define ZK_ASSERT(cond) ((cond) ? (void)0 : zk_assert_fail(#cond, __FILE__, __LINE__))
ZK_NORETURN void zk_assert_fail(const char *what, const char *file, int line);

/* Memory of a server: a failed allocation ends the process, for a replica that skipped a command is worse than none.
 * libzk lives in other people's processes and calls malloc and its like itself: NULL is a result there. */
void *zk_alloc(size_t size_bytes);
void *zk_calloc(size_t count, size_t size_bytes);
void *zk_realloc(void *ptr, size_t size_bytes);
void *zk_memdup(const void *ptr, size_t size_bytes);
char *zk_strdup(const char *text);

static inline uint64_t zk_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t zk_max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#ifdef ZK_PLANTED_BUGS
/* The simulator's builds only: the bug that this run has planted, 0 for none (tests/sim lists them). */
extern int zk_planted_bug;
#define ZK_PLANTED(number) (zk_planted_bug == (number))
#else
#define ZK_PLANTED(number) (false)
#endif
