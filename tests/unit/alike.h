/* alike.h: many paths whose XXH3 is one and the same, as anybody can write them down: what must not make a table slow.
 *
 * HOW      XXH3 of more than 240 bytes adds up, in each of eight lanes, lo32(word ^ key) * hi32(word ^ key) and the words
 *          themselves, with keys that everybody knows. Two words of a lane whose lower halves are equal under their keys
 *          may exchange a bit of their upper halves, where their keys have the same bit, and nothing is seen of it.
 */
#pragma once
#define XXH_INLINE_ALL
#include "server/state/index.h"
#include <xxhash.h>
#include <ctype.h>
#include <string.h>

#define ALIKE_LEN 1024
#define ALIKE_STRIPES 15
/* 2^20 paths are enough for any test. */
#define ALIKE_BITS 20

static inline uint64_t alike_key(int stripe, int lane)
{
    uint64_t key;
    memcpy(&key, XXH3_kSecret + 8 * (stripe + lane), sizeof key);
    return key;
}

static inline bool alike_is_plain(unsigned c)
{
    return c < 0x80 && isgraph((int)c) && c != '/';
}

/* Lower halves that are equal under keys that differ by `difference`; false: none that could stand in a path. */
static inline bool alike_fill(char *a, char *b, uint64_t difference)
{
    for (int i = 0; i < 4; i++) {
        unsigned c = 0x21, other = difference >> (8 * i) & 0xff;
        while (c < 0x7f && !(alike_is_plain(c) && alike_is_plain(c ^ other)))
            c++;
        if (c == 0x7f)
            return false;
        a[i] = (char)c;
        b[i] = (char)(c ^ other);
    }
    return true;
}

/* "/xxx...", the `number`-th of them, up to 2^ALIKE_BITS. */
static inline void alike_path(char path[ALIKE_LEN + 1], uint32_t number)
{
    bool used[ALIKE_STRIPES] = {true}; /* the first has the slash */
    int bits = 0;
    memset(path, 'a', ALIKE_LEN);
    path[0] = '/';
    path[ALIKE_LEN] = '\0';
    for (int s = 0; s < ALIKE_STRIPES; s++)
        for (int t = s + 1; t < ALIKE_STRIPES && !used[s]; t++) {
            char *a = path + 64 * s, *b = path + 64 * t;
            uint64_t difference = alike_key(s, 0) ^ alike_key(t, 0);
            if (used[t] || !alike_fill(a, b, difference))
                continue;
            used[s] = used[t] = true;
            for (int i = 32; i < 64 && bits < ALIKE_BITS; i++)
                if (i % 8 < 4 && (difference >> i & 1) == 0) {
                    char *at = (number >> bits++ & 1 ? a : b) + i / 8;
                    *at = (char)(*at ^ 1 << i % 8);
                }
        }
}

/* What they would make long in an index that trusted XXH3. */
static inline int alike_longest_chain(const struct index *index)
{
    int longest = 0;
    for (uint64_t bucket = 0; bucket < index->bucket_count; bucket++) {
        int len = 0;
        for (uint32_t at = *index_at(index, bucket); at != 0; at = *index->ops->chain(index->owner, at))
            len++;
        longest = len > longest ? len : longest;
    }
    return longest;
}
