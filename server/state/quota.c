#include "server/state/quota.h"
#include "common/path.h"
#include <inttypes.h>
#include <stdio.h>

static const char root[] = "/zookeeper/quota";
static const char limits_name[] = "/zookeeper_limits";
static const char stats_name[] = "/zookeeper_stats";

/* --- texts --- */

/* -1: not given. */
struct numbers {
    int64_t count;
    int64_t bytes;
    int64_t count_hard;
    int64_t bytes_hard;
};

static bool is_separator(uint8_t c)
{
    return c == ',' || c == ';';
}

/* A whole number up to the end or to a second '=' (the odd one behind "bytes=5", which fools old parsers); else -1. */
static int64_t read_number(struct zk_slice text)
{
    int64_t number = 0;
    size_t i = 0;
    for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++) {
        if (number > (INT64_MAX - 9) / 10)
            return -1;
        number = number * 10 + (text.ptr[i] - '0');
    }
    return i > 0 && (i == text.len || text.ptr[i] == '=') ? number : -1;
}

static void read_pair(struct zk_slice pair, struct numbers *ret)
{
    const uint8_t *equals = pair.len ? memchr(pair.ptr, '=', pair.len) : NULL;
    if (equals == NULL)
        return;
    struct zk_slice key = zk_slice(pair.ptr, (size_t)(equals - pair.ptr));
    int64_t value = read_number(zk_slice(equals + 1, pair.len - key.len - 1));
    if (zk_slice_eq(key, zk_slice_str("count")))
        ret->count = value;
    else if (zk_slice_eq(key, zk_slice_str("bytes")))
        ret->bytes = value;
    else if (zk_slice_eq(key, zk_slice_str("countHardLimit")))
        ret->count_hard = value;
    else if (zk_slice_eq(key, zk_slice_str("byteHardLimit")))
        ret->bytes_hard = value;
}

/* What is malformed is not given: a client may write anything there. */
static struct numbers read_numbers(struct zk_slice text)
{
    struct numbers n = {-1, -1, -1, -1};
    size_t start = 0;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && !is_separator(text.ptr[i]))
            continue;
        read_pair(zk_slice(text.ptr + start, i - start), &n);
        start = i + 1;
    }
    return n;
}

struct usage {
    int64_t count;
    int64_t bytes;
};

static struct zk_slice usage_text(struct usage usage, char *text, size_t size)
{
    snprintf(text, size, "count=%" PRId64 ",bytes=%" PRId64, usage.count, usage.bytes);
    return zk_slice_str(text);
}

/* --- finding --- */

/* A quota's two nodes; 0: not there. */
struct quota {
    uint32_t limits;
    uint32_t stats;
};

static uint32_t find_child(const struct state *s, struct zk_buf *dir, const char *name)
{
    size_t len = dir->len;
    zk_buf_append(dir, name, strlen(name));
    uint32_t handle = tree_find(&s->tree, zk_buf_slice(dir));
    dir->len = len;
    return handle;
}

static struct quota find_quota(const struct state *s, struct zk_buf *dir)
{
    return (struct quota){find_child(s, dir, limits_name), find_child(s, dir, stats_name)};
}

/* The quotas above a path, and its own, from the top down. */
struct walk {
    struct zk_slice path;
    size_t at; /* what of it has been looked at */
    struct zk_buf *dir;
};

static bool is_exempt(struct zk_slice path)
{
    return path.len <= 1 || zk_path_within(path, zk_slice_str("/zookeeper"));
}

static struct walk walk_begin(struct state *s, struct zk_slice path)
{
    uint32_t top = tree_find(&s->tree, zk_slice_str(root));
    struct walk w = {path, 0, &s->quota_dir};
    if (is_exempt(path) || node_child_count(state_node(s, top)) == 0)
        w.at = path.len;
    w.dir->len = 0;
    zk_buf_append(w.dir, root, strlen(root));
    return w;
}

/* The next one with both its nodes. Where there is no directory for a path, there is none for what is below it. */
static bool walk_next(struct walk *w, const struct state *s, struct quota *ret)
{
    while (w->at < w->path.len) {
        size_t end = w->at + 1;
        while (end < w->path.len && w->path.ptr[end] != '/')
            end++;
        zk_buf_append(w->dir, w->path.ptr + w->at, end - w->at);
        w->at = end;
        if (tree_find(&s->tree, zk_buf_slice(w->dir)) == 0)
            return false;
        *ret = find_quota(s, w->dir);
        if (ret->limits != 0 && ret->stats != 0)
            return true;
    }
    return false;
}

/* What the walk's present quota is of. */
static struct zk_slice walk_subject(const struct walk *w)
{
    return zk_slice(w->path.ptr, w->at);
}

/* --- checking --- */

/* Is `now` above the limit that counts: the hard one, if there is one? */
static bool passes(const struct walk *w, struct state_effects *fx, const char *what, int64_t now, int64_t soft,
                   int64_t hard)
{
    int64_t limit = hard > -1 ? hard : soft;
    if (limit <= -1 || now <= limit)
        return false;
    if (hard <= -1) {
        struct zk_slice subject = walk_subject(w);
        fx->warning.len = 0;
        zk_buf_append_slice(&fx->warning, subject);
        zk_buf_printf(&fx->warning, " [current %s=%" PRId64 ", softLimit=%" PRId64 "]", what, now, limit);
    }
    return hard > -1;
}

int quota_check(struct state *s, struct zk_slice path, struct quota_change change, struct state_effects *fx)
{
    struct walk w = walk_begin(s, path);
    struct quota q;
    while (walk_next(&w, s, &q)) {
        struct numbers limits = read_numbers(node_data(state_node(s, q.limits)));
        struct numbers used = read_numbers(node_data(state_node(s, q.stats)));
        bool over = change.count != 0 &&
                    passes(&w, fx, "count", used.count + change.count, limits.count, limits.count_hard);
        over = over || (change.bytes != 0 &&
                        passes(&w, fx, "bytes", used.bytes + change.bytes, limits.bytes, limits.bytes_hard));
        if (over)
            return ZK_ERR_QUOTA_EXCEEDED;
    }
    return 0;
}

/* --- counting --- */

static void write_stats(struct state *s, uint32_t stats, struct usage usage)
{
    char text[64];
    change_quietly(s, stats, usage_text(usage, text, sizeof text));
}

void quota_charge(struct state *s, struct zk_slice path, struct quota_change change)
{
    struct walk w = walk_begin(s, path);
    struct quota q;
    if (change.count == 0 && change.bytes == 0)
        return;
    while (walk_next(&w, s, &q)) {
        struct numbers used = read_numbers(node_data(state_node(s, q.stats)));
        write_stats(s, q.stats, (struct usage){used.count + change.count, used.bytes + change.bytes});
    }
}

/* The next node of the subtree under `top`, parents first; 0 at its end. */
static uint32_t next_below(const struct state *s, uint32_t top, uint32_t at)
{
    uint32_t next = children_first(&s->tree, state_node(s, at));
    for (; next == 0 && at != top; at = state_node(s, at)->parent)
        next = children_after(&s->tree, at);
    return next;
}

static struct usage recount(const struct state *s, struct zk_slice subject)
{
    uint32_t top = tree_find(&s->tree, subject);
    struct usage usage = {0, 0};
    for (uint32_t h = top; h != 0; h = next_below(s, top, h)) {
        usage.count++;
        usage.bytes += state_node(s, h)->data_len;
    }
    return usage;
}

static bool ends_with(struct zk_slice path, const char *name)
{
    size_t len = strlen(name);
    return path.len >= len && memcmp(path.ptr + path.len - len, name, len) == 0;
}

/* "/a" for "/zookeeper/quota/a/zookeeper_limits"; absent if it is not a quota's node. */
static struct zk_slice subject_of(struct zk_slice path, bool *ret_is_stats)
{
    static const struct zk_slice none = {NULL, 0};
    *ret_is_stats = ends_with(path, stats_name);
    const char *name = *ret_is_stats ? stats_name : limits_name;
    if (!ends_with(path, name) || !zk_path_within(path, zk_slice_str(root)))
        return none;
    size_t start = strlen(root), end = path.len - strlen(name);
    struct zk_slice subject = end > start ? zk_slice(path.ptr + start, end - start) : none;
    return subject.ptr == NULL || is_exempt(subject) ? none : subject;
}

void quota_written(struct state *s, struct zk_slice path)
{
    bool is_stats;
    struct zk_slice subject = subject_of(path, &is_stats);
    if (subject.ptr == NULL)
        return;
    s->quota_dir.len = 0;
    zk_buf_append_slice(&s->quota_dir, zk_path_parent(path));
    struct quota q = find_quota(s, &s->quota_dir);
    if (q.stats != 0)
        write_stats(s, q.stats, recount(s, subject));
}

/* --- the invariant --- */

static const char *check_stats(const struct state *s, uint32_t handle, struct zk_buf *path)
{
    char text[64];
    bool is_stats;
    path->len = 0;
    tree_path(&s->tree, handle, path);
    struct zk_slice subject = subject_of(zk_buf_slice(path), &is_stats);
    if (subject.ptr == NULL || !is_stats)
        return NULL;
    struct usage usage = recount(s, subject);
    path->len -= strlen(stats_name);
    if (find_child(s, path, limits_name) == 0)
        return NULL;
    struct zk_slice right = usage_text(usage, text, sizeof text);
    return zk_slice_eq(right, node_data(state_node(s, handle))) ? NULL : "Q1: a quota's stats are not what is there";
}

const char *quota_invariant(const struct state *s)
{
    struct zk_buf path;
    const char *why = NULL;
    zk_buf_init(&path);
    uint32_t top = tree_find(&s->tree, zk_slice_str(root));
    for (uint32_t h = top; h != 0 && why == NULL; h = next_below(s, top, h))
        why = check_stats(s, h, &path);
    zk_buf_fini(&path);
    return why;
}
