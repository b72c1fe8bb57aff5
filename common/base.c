#include "common/base.h"
#include <stdio.h>

#ifdef ZK_PLANTED_BUGS
int zk_planted_bug;
#endif

void zk_assert_fail(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: this should have been true: %s\n", file, line, what);
    fflush(stderr);
    abort();
}

static void *must(void *ptr)
{
    if (ptr == NULL) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return ptr;
}

void *zk_alloc(size_t size_bytes)
{
    return must(malloc(size_bytes ? size_bytes : 1));
}

void *zk_calloc(size_t count, size_t size_bytes)
{
    return must(calloc(count ? count : 1, size_bytes ? size_bytes : 1));
}

void *zk_realloc(void *ptr, size_t size_bytes)
{
    return must(realloc(ptr, size_bytes ? size_bytes : 1));
}

void *zk_memdup(const void *ptr, size_t size_bytes)
{
    void *copy = zk_alloc(size_bytes);
    if (size_bytes > 0)
        memcpy(copy, ptr, size_bytes);
    return copy;
}

char *zk_strdup(const char *text)
{
    return zk_memdup(text, strlen(text) + 1);
}
