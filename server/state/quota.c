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
    if (text.len > QUOTA_LIMITS_BYTES_MAX)
        return n;
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

/* Where the step's directory ends in s->quotas.dir. */
static size_t end_of(const struct quota_step *step)
{
    return strlen(root) + step->end;
}

static bool is_exempt(struct zk_slice path)
{
    return path.len <= 1 || zk_path_within(path, zk_slice_str("/zookeeper"));
}

static void begin_trail(struct state *s)
{
    struct quotas *q = &s->quotas;
    q->dir.len = 0;
    zk_buf_append(&q->dir, root, strlen(root));
    q->steps[0] = (struct quota_step){tree_find(&s->tree, zk_slice_str(root)), 0};
    q->step_count = 1;
    q->marked = 1;
}

/* Steps that are on the way to `path` too. */
static size_t shared_steps(const struct quotas *q, struct zk_slice path)
{
    const uint8_t *dir = q->dir.ptr + strlen(root);
    for (size_t i = 1; i < q->step_count; i++) {
        size_t from = q->steps[i - 1].end, to = q->steps[i].end;
        if (to > path.len || (to < path.len && path.ptr[to] != '/') ||
            memcmp(dir + from, path.ptr + from, to - from) != 0)
            return i;
    }
    return q->step_count;
}

static size_t component_end(struct zk_slice path, size_t at)
{
    for (at++; at < path.len && path.ptr[at] != '/'; at++)
        ;
    return at;
}

/* One directory further on the way to `path`; false at its end. Where there is no directory for a path, there is none
 * for what is below it. */
static bool step(struct state *s, struct zk_slice path)
{
    struct quotas *q = &s->quotas;
    const struct quota_step *last = &q->steps[q->step_count - 1];
    if (last->end == path.len || q->step_count > ZK_PATH_DEPTH_MAX ||
        node_child_count(state_node(s, last->dir)) == 0)
        return false;
    size_t end = component_end(path, last->end);
    q->dir.len = end_of(last);
    zk_buf_append(&q->dir, path.ptr + last->end, end - last->end);
    uint32_t dir = tree_find_child(&s->tree, last->dir, zk_buf_slice(&q->dir));
    s->work++;
    if (dir != 0)
        q->steps[q->step_count++] = (struct quota_step){dir, (uint32_t)end};
    return dir != 0;
}

/* Makes the trail that of `path`. What it shares with the path before is not looked up again, nor marked. */
static void follow(struct state *s, struct zk_slice path)
{
    struct quotas *q = &s->quotas;
    if (q->step_count == 0)
        begin_trail(s);
    q->step_count = shared_steps(q, path);
    if (q->marked > q->step_count)
        q->marked = q->step_count;
    while (step(s, path))
        ;
}

/* A quota's two nodes; 0: not there. */
struct quota {
    uint32_t limits;
    uint32_t stats;
};

/* `name` has a slash before it. */
static uint32_t find_child(const struct state *s, const struct node *dir, const char *name)
{
    struct zk_slice wanted = zk_slice_str(name + 1);
    struct children_cursor c = children_from(&s->tree, dir, wanted);
    uint32_t handle = children_next(&c);
    return handle != 0 && zk_slice_eq(node_name(state_node(s, handle)), wanted) ? handle : 0;
}

/* Has step `i` a quota? */
static bool find_quota(struct state *s, size_t i, struct quota *ret)
{
    const struct node *dir = state_node(s, s->quotas.steps[i].dir);
    s->work++;
    ret->limits = find_child(s, dir, limits_name);
    ret->stats = ret->limits ? find_child(s, dir, stats_name) : 0;
    return ret->stats != 0;
}

/* Both are counted as the tree changes (tree.h). */
static struct usage usage_of(const struct state *s, struct zk_slice subject)
{
    uint32_t handle = tree_find(&s->tree, subject);
    if (handle == 0)
        return (struct usage){0, 0};
    const struct node *n = state_node(s, handle);
    return (struct usage){(int64_t)n->descendants + 1, (int64_t)(n->bytes_below + n->data_len)};
}

/* --- checking --- */

/* Is `now` above the limit that counts: the hard one, if there is one? */
static bool passes(struct zk_slice subject, struct state_effects *fx, const char *what, int64_t now, int64_t soft,
                   int64_t hard)
{
    int64_t limit = hard > -1 ? hard : soft;
    if (limit <= -1 || now <= limit)
        return false;
    if (hard <= -1) {
        fx->warning.len = 0;
        zk_buf_append_slice(&fx->warning, subject);
        zk_buf_printf(&fx->warning, " [current %s=%" PRId64 ", softLimit=%" PRId64 "]", what, now, limit);
    }
    return hard > -1;
}

int quota_check(struct state *s, struct zk_slice path, struct quota_change change, struct state_effects *fx)
{
    if (is_exempt(path))
        return 0;
    follow(s, path);
    for (size_t i = 1; i < s->quotas.step_count; i++) {
        struct quota q;
        if (!find_quota(s, i, &q))
            continue;
        struct zk_slice subject = zk_slice(path.ptr, s->quotas.steps[i].end);
        struct numbers limits = read_numbers(node_data(state_node(s, q.limits)));
        struct usage used = usage_of(s, subject);
        bool over = change.count != 0 &&
                    passes(subject, fx, "count", used.count + change.count, limits.count, limits.count_hard);
        over = over || (change.bytes != 0 &&
                        passes(subject, fx, "bytes", used.bytes + change.bytes, limits.bytes, limits.bytes_hard));
        if (over)
            return ZK_ERR_QUOTA_EXCEEDED;
    }
    return 0;
}

/* --- counting --- */

static bool ends_with(struct zk_slice path, const char *name)
{
    size_t len = strlen(name);
    return path.len >= len && memcmp(path.ptr + path.len - len, name, len) == 0;
}

/* "/a" for "/zookeeper/quota/a/zookeeper_limits"; absent if it is not a quota's node. */
static struct zk_slice subject_of(struct zk_slice path)
{
    static const struct zk_slice none = {NULL, 0};
    const char *name = ends_with(path, stats_name) ? stats_name : limits_name;
    if (!ends_with(path, name) || !zk_path_within(path, zk_slice_str(root)))
        return none;
    size_t start = strlen(root), end = path.len - strlen(name);
    struct zk_slice subject = end > start ? zk_slice(path.ptr + start, end - start) : none;
    return subject.ptr == NULL || is_exempt(subject) ? none : subject;
}

static void write_stats(struct state *s, uint32_t stats, struct zk_slice subject)
{
    char text[64];
    struct zk_slice right = usage_text(usage_of(s, subject), text, sizeof text);
    state_node(s, stats)->stale = 0;
    s->work++;
    if (!zk_slice_eq(right, node_data(state_node(s, stats))))
        change_quietly(s, stats, right);
}

/* What a client has written there is no number of ours; nor does it count again what is counted anyway. */
static void put_right(struct state *s, struct zk_slice path)
{
    struct zk_slice subject = subject_of(path);
    struct zk_buf *name = &s->quotas.dir;
    if (subject.ptr == NULL)
        return;
    name->len = 0;
    zk_buf_append_slice(name, zk_path_parent(path));
    zk_buf_append(name, stats_name, strlen(stats_name));
    uint32_t stats = tree_find(&s->tree, zk_buf_slice(name));
    if (stats != 0)
        write_stats(s, stats, subject);
}

static void mark(struct state *s, uint32_t stats)
{
    struct quotas *q = &s->quotas;
    if (state_node(s, stats)->stale)
        return;
    state_node(s, stats)->stale = 1;
    if (q->stale_count == q->stale_cap) {
        q->stale_cap = q->stale_cap ? q->stale_cap * 2 : 16;
        q->stale = zk_realloc(q->stale, q->stale_cap * sizeof *q->stale);
    }
    q->stale[q->stale_count++] = stats;
}

void quota_charge(struct state *s, struct zk_slice path, struct quota_change change)
{
    struct quotas *q = &s->quotas;
    if (is_exempt(path)) {
        q->step_count = 0; /* one of them may be gone, or new */
        put_right(s, path);
        return;
    }
    if (change.count == 0 && change.bytes == 0)
        return;
    follow(s, path);
    for (; q->marked < q->step_count; q->marked++) {
        struct quota quota;
        if (find_quota(s, q->marked, &quota))
            mark(s, quota.stats);
    }
}

/* Nothing is marked, and no directory known. */
static void begin_anew(struct quotas *q)
{
    q->step_count = 0;
    q->stale_count = 0;
    if (q->stale_cap > QUOTA_STALE_KEPT) {
        free(q->stale);
        q->stale = NULL;
        q->stale_cap = 0;
    }
}

void quota_settle(struct state *s)
{
    struct quotas *q = &s->quotas;
    for (size_t i = 0; i < q->stale_count; i++) {
        if (!state_node(s, q->stale[i])->stale)
            continue; /* gone, or written since */
        q->dir.len = 0; /* the trail ends here */
        tree_path(&s->tree, q->stale[i], &q->dir);
        write_stats(s, q->stale[i], subject_of(zk_buf_slice(&q->dir)));
    }
    begin_anew(q);
}

void quota_forget(struct state *s)
{
    for (size_t i = 0; i < s->quotas.stale_count; i++)
        state_node(s, s->quotas.stale[i])->stale = 0;
    begin_anew(&s->quotas);
}

/* --- the invariant --- */

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

static const char *check_stats(const struct state *s, uint32_t handle, struct zk_buf *path)
{
    char text[64];
    path->len = 0;
    tree_path(&s->tree, handle, path);
    struct zk_slice subject = subject_of(zk_buf_slice(path));
    if (subject.ptr == NULL || !ends_with(zk_buf_slice(path), stats_name))
        return NULL;
    struct zk_slice right = usage_text(recount(s, subject), text, sizeof text);
    bool is_right = zk_slice_eq(right, node_data(state_node(s, handle)));
    path->len -= strlen(stats_name);
    zk_buf_append(path, limits_name, strlen(limits_name));
    bool has_limits = tree_find(&s->tree, zk_buf_slice(path)) != 0;
    return is_right || !has_limits ? NULL : "Q1: a quota's stats are not what is there";
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
