#include "server/state/address.h"

/* A decimal number up to `max`, leading zeros allowed; -1 if it is none. */
static int parse_decimal(struct zk_slice text, int max)
{
    int value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return -1;
        value = value * 10 + (text.ptr[i] - '0');
        if (value > max)
            return -1;
    }
    return text.len > 0 ? value : -1;
}

/* The part of `text` up to `mark`, or all of it; moves `text` behind the mark, to the absent slice at the end. */
static struct zk_slice cut(struct zk_slice *text, char mark)
{
    const uint8_t *at = text->len ? memchr(text->ptr, mark, text->len) : NULL;
    struct zk_slice part = *text;
    if (at == NULL) {
        *text = zk_slice(NULL, 0);
        return part;
    }
    part.len = (size_t)(at - text->ptr);
    *text = zk_slice(at + 1, text->len - part.len - 1);
    return part;
}

static bool parse_v4(struct zk_slice text, uint8_t bytes[4])
{
    for (int i = 0; i < 4; i++) {
        if (text.ptr == NULL)
            return false;
        int value = parse_decimal(cut(&text, '.'), 255);
        if (value < 0)
            return false;
        bytes[i] = (uint8_t)value;
    }
    return text.ptr == NULL;
}

static int parse_hex_group(struct zk_slice text)
{
    int value = 0;
    if (text.len < 1 || text.len > 4)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value * 16 + ((c | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/* Groups between colons into `bytes`: how many bytes, or -1. The last may be an IPv4 address. */
static int parse_groups(struct zk_slice text, uint8_t bytes[16])
{
    int len = 0;
    while (text.ptr != NULL && text.len > 0) {
        struct zk_slice part = cut(&text, ':');
        if (text.ptr == NULL && len <= 12 && memchr(part.ptr, '.', part.len) != NULL)
            return parse_v4(part, bytes + len) ? len + 4 : -1;
        int value = parse_hex_group(part);
        if (value < 0 || len > 14 || (text.ptr != NULL && text.len == 0))
            return -1;
        bytes[len++] = (uint8_t)(value >> 8);
        bytes[len++] = (uint8_t)value;
    }
    return len;
}

/* Where "::" stands in the text; its length if it does not. */
static size_t find_gap(struct zk_slice text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] == ':' && text.ptr[i + 1] == ':')
            return i;
    }
    return text.len;
}

static bool parse_v6(struct zk_slice text, uint8_t bytes[16])
{
    size_t gap = find_gap(text);
    if (gap == text.len)
        return text.len > 0 && parse_groups(text, bytes) == 16;
    uint8_t tail[16];
    int head_len = parse_groups(zk_slice(text.ptr, gap), bytes);
    int tail_len = parse_groups(zk_slice(text.ptr + gap + 2, text.len - gap - 2), tail);
    if (head_len < 0 || tail_len < 0 || head_len + tail_len > 14)
        return false;
    memset(bytes + head_len, 0, (size_t)(16 - head_len));
    memcpy(bytes + 16 - tail_len, tail, (size_t)tail_len);
    return true;
}

struct address address_read(struct zk_slice text)
{
    struct address a;
    a.len = 0;
    if (text.len == 0)
        return a;
    if (memchr(text.ptr, ':', text.len) != NULL)
        a.len = parse_v6(text, a.bytes) ? 16 : 0;
    else
        a.len = parse_v4(text, a.bytes) ? 4 : 0;
    return a;
}

/* "address[/bits]": false if either is none. */
static bool parse_pattern(struct zk_slice pattern, struct address *ret_address, int *ret_bits)
{
    struct zk_slice rest = pattern;
    *ret_address = address_read(cut(&rest, '/'));
    *ret_bits = rest.ptr == NULL ? ret_address->len * 8 : parse_decimal(rest, ret_address->len * 8);
    return ret_address->len > 0 && *ret_bits >= 0;
}

bool address_is_sound(struct zk_slice pattern)
{
    struct address a;
    int bits;
    return parse_pattern(pattern, &a, &bits);
}

static bool is_within(const struct address *have, const struct address *want, int bits)
{
    if (have->len != want->len || memcmp(have->bytes, want->bytes, (size_t)bits / 8) != 0)
        return false;
    if (bits % 8 == 0)
        return true;
    uint8_t mask = (uint8_t)(0xff << (8 - bits % 8));
    return ((have->bytes[bits / 8] ^ want->bytes[bits / 8]) & mask) == 0;
}

bool address_matches(const struct address *addresses, size_t count, struct zk_slice pattern)
{
    struct address want;
    int bits;
    bool matches = false;
    if (count == 0 || !parse_pattern(pattern, &want, &bits))
        return false;
    for (size_t i = 0; i < count && !matches; i++)
        matches = is_within(&addresses[i], &want, bits);
    return matches;
}
