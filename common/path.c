#include "common/path.h"

/* The next code point of well-formed UTF-8 at *at, or -1. Surrogates and overlong forms are not well-formed; U+D800 to
 * U+DFFF therefore never appear, and U+10000 and above are the pairs that Java sees as surrogates: refused as there. */
static int32_t next_code_point(const uint8_t **at, const uint8_t *end)
{
    uint8_t first = *(*at)++;
    if (first < 0x80)
        return first;
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || end - *at < more)
        return -1;
    int32_t point = first & (0x3f >> more);
    for (int i = 0; i < more; i++) {
        uint8_t byte = *(*at)++;
        if ((byte & 0xc0) != 0x80)
            return -1;
        point = point << 6 | (byte & 0x3f);
    }
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    return point < least[more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? -1 : point;
}

static bool is_forbidden(int32_t point)
{
    return point <= 0x1f || (point >= 0x7f && point <= 0x9f) || (point >= 0xd800 && point <= 0xf8ff) ||
           (point >= 0xfff0 && point <= 0xffff) || point > 0xffff;
}

static const char *check_component(const uint8_t *start, const uint8_t *end)
{
    if (start == end)
        return "path has an empty component";
    if ((end - start == 1 && start[0] == '.') || (end - start == 2 && start[0] == '.' && start[1] == '.'))
        return "path has a component \".\" or \"..\"";
    return NULL;
}

const char *zk_path_check(struct zk_slice path, bool sequential)
{
    if (path.ptr == NULL || path.len == 0)
        return "path is empty";
    if (path.ptr[0] != '/')
        return "path does not start with '/'";
    if (path.len > ZK_PATH_BYTES_MAX)
        return "path is too long";
    const uint8_t *at = path.ptr + 1;
    const uint8_t *end = path.ptr + path.len;
    if (at == end && !sequential)
        return NULL;
    const uint8_t *component = at;
    int depth = 1;
    while (at < end) {
        if (*at == '/') {
            const char *why = check_component(component, at);
            if (why != NULL)
                return why;
            if (++depth > ZK_PATH_DEPTH_MAX)
                return "path is too deep";
            component = ++at;
            continue;
        }
        int32_t point = next_code_point(&at, end);
        if (point < 0)
            return "path is not UTF-8";
        if (is_forbidden(point))
            return "path has a forbidden character";
    }
    if (sequential)
        return NULL;
    return component == end ? "path ends in '/'" : check_component(component, end);
}

static size_t last_slash(struct zk_slice path)
{
    size_t at = path.len;
    while (at > 0 && path.ptr[at - 1] != '/')
        at--;
    return at;
}

struct zk_slice zk_path_parent(struct zk_slice path)
{
    if (path.len <= 1)
        return (struct zk_slice){NULL, 0};
    size_t slash = last_slash(path);
    return (struct zk_slice){path.ptr, slash > 1 ? slash - 1 : 1};
}

struct zk_slice zk_path_basename(struct zk_slice path)
{
    size_t slash = last_slash(path);
    return (struct zk_slice){path.ptr + slash, path.len - slash};
}

bool zk_path_within(struct zk_slice path, struct zk_slice ancestor)
{
    if (ancestor.len == 1)
        return path.len >= 1 && path.ptr[0] == '/';
    if (path.len < ancestor.len || memcmp(path.ptr, ancestor.ptr, ancestor.len) != 0)
        return false;
    return path.len == ancestor.len || path.ptr[ancestor.len] == '/';
}
