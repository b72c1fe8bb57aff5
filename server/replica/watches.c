#include "server/replica/watches.h"
#include "common/path.h"
#include <xxhash.h>

/* Three pools of small records, linked by index: one record a watch (28 bytes and 12 in its table), one a watched path,
 * one a connection. Each pool has a hash table over it. An index is never 0, so 0 says "none" and zeroed memory is an
 * empty list. Millions of watches come and go, so nothing here takes time that grows with their number at once: the
 * tables grow by one bucket an insertion. */

#define KINDS 4

/* With their part of the tables. */
#define WATCH_BYTES 40
#define PATH_BYTES 60 /* and its name */
#define CONN_BYTES 44

struct watch {
    uint32_t path; /* 0: the record is free and path_next leads to the next free one */
    uint32_t conn;
    uint32_t path_prev, path_next; /* ring of the path's watches of this kind, in the order of arming */
    uint32_t conn_prev, conn_next; /* ring of the connection's watches */
    uint8_t kind;
};

struct watched_path {
    uint8_t *name; /* NULL: free, and `last[0]` leads to the next free one */
    uint32_t len;
    uint32_t last[KINDS]; /* the ring's youngest watch, whose next is the oldest */
};

struct watcher {
    uint64_t conn;
    uint64_t heard; /* the number of the change it was last told of */
    uint32_t count; /* 0: free, and `last` leads to the next free one */
    uint32_t last;
    uint64_t bytes; /* of its watches' paths */
};

/* A chained hash table over the records of a pool, by linear hashing: bucket after bucket is split as records come. */
struct table {
    uint32_t *heads;
    uint32_t *next; /* by record */
    uint32_t *hash; /* by record */
    uint32_t head_count;
    uint32_t head_cap;
    uint32_t half; /* largest power of two not above head_count */
    uint32_t count;
};

struct pool {
    uint32_t used; /* records ever handed out, and one, as 0 is none */
    uint32_t cap;
    uint32_t free;
};

struct watches {
    struct watch *watch;
    struct watched_path *path;
    struct watcher *conn;
    struct pool watch_pool, path_pool, conn_pool;
    struct table watch_table, path_table, conn_table;
    uint64_t changes; /* fired so far: says who has heard of the present one */
    size_t recursive_count;
    size_t name_bytes; /* of all paths, each once */
};

/* --- tables --- */

static uint32_t table_bucket(const struct table *t, uint32_t hash)
{
    uint32_t at = hash & (2 * t->half - 1);
    return at < t->head_count ? at : hash & (t->half - 1);
}

static void table_init(struct table *t)
{
    t->head_cap = 64;
    t->head_count = t->half = 1;
    t->heads = zk_calloc(t->head_cap, sizeof *t->heads);
}

static void table_fini(struct table *t)
{
    free(t->heads);
    free(t->next);
    free(t->hash);
}

static uint32_t table_first(const struct table *t, uint32_t hash)
{
    return t->heads[table_bucket(t, hash)];
}

static void table_split(struct table *t)
{
    if (t->head_count == t->head_cap) {
        t->heads = zk_realloc(t->heads, 2 * (size_t)t->head_cap * sizeof *t->heads);
        t->head_cap *= 2;
    }
    uint32_t from = t->head_count - t->half;
    uint32_t at = t->heads[from];
    uint32_t to = t->head_count++;
    t->heads[from] = t->heads[to] = 0;
    while (at != 0) {
        uint32_t next = t->next[at];
        uint32_t *head = &t->heads[t->hash[at] & t->half ? to : from];
        t->next[at] = *head;
        *head = at;
        at = next;
    }
    if (t->head_count == 2 * t->half)
        t->half *= 2;
}

static void table_insert(struct table *t, uint32_t hash, uint32_t record)
{
    if (++t->count > t->head_count)
        table_split(t);
    uint32_t *head = &t->heads[table_bucket(t, hash)];
    t->hash[record] = hash;
    t->next[record] = *head;
    *head = record;
}

static void table_remove(struct table *t, uint32_t record)
{
    uint32_t *link = &t->heads[table_bucket(t, t->hash[record])];
    while (*link != record)
        link = &t->next[*link];
    *link = t->next[record];
    t->count--;
}

/* A fresh record's index; `*records` and the table's arrays grow with the pool. */
static uint32_t pool_grow(struct pool *p, struct table *t, void **records, size_t record_bytes)
{
    if (p->used == p->cap) {
        ZK_ASSERT(p->cap < UINT32_MAX / 2);
        p->cap = p->cap ? 2 * p->cap : 64;
        *records = zk_realloc(*records, p->cap * record_bytes);
        t->next = zk_realloc(t->next, p->cap * sizeof *t->next);
        t->hash = zk_realloc(t->hash, p->cap * sizeof *t->hash);
    }
    return p->used++;
}

/* --- life --- */

struct watches *watches_new(void)
{
    struct watches *w = zk_calloc(1, sizeof *w);
    w->watch_pool.used = w->path_pool.used = w->conn_pool.used = 1;
    table_init(&w->watch_table);
    table_init(&w->path_table);
    table_init(&w->conn_table);
    w->watch_pool.cap = w->path_pool.cap = w->conn_pool.cap = 1;
    return w;
}

void watches_free(struct watches *w)
{
    if (w == NULL)
        return;
    for (uint32_t i = 1; i < w->path_pool.used; i++)
        free(w->path[i].name);
    free(w->watch);
    free(w->path);
    free(w->conn);
    table_fini(&w->watch_table);
    table_fini(&w->path_table);
    table_fini(&w->conn_table);
    free(w);
}

/* --- records --- */

static uint32_t mix(uint64_t value)
{
    value = (value ^ value >> 32) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(value >> 32);
}

/* Clients choose the paths: with where these watches lie in memory in it, no client can choose hashes too, and so make one
 * chain of all its watches. */
static uint32_t path_hash(const struct watches *w, struct zk_slice path)
{
    return (uint32_t)XXH3_64bits_withSeed(path.ptr, path.len, (uintptr_t)w * UINT64_C(0xd6e8feb86659fd93));
}

static uint32_t watch_hash(uint32_t path, uint32_t conn, enum watch_kind kind)
{
    return mix(((uint64_t)path << 32 | conn) + kind * 0x9e3779b97f4a7c15u);
}

static uint32_t path_find(const struct watches *w, struct zk_slice path)
{
    uint32_t hash = path_hash(w, path);
    for (uint32_t at = table_first(&w->path_table, hash); at != 0; at = w->path_table.next[at])
        if (w->path_table.hash[at] == hash && w->path[at].len == path.len &&
            memcmp(w->path[at].name, path.ptr, path.len) == 0)
            return at;
    return 0;
}

static uint32_t conn_find(const struct watches *w, uint64_t conn)
{
    uint32_t hash = mix(conn);
    for (uint32_t at = table_first(&w->conn_table, hash); at != 0; at = w->conn_table.next[at])
        if (w->conn[at].conn == conn)
            return at;
    return 0;
}

static uint32_t watch_find(const struct watches *w, uint32_t path, uint32_t conn, enum watch_kind kind)
{
    uint32_t hash = watch_hash(path, conn, kind);
    for (uint32_t at = table_first(&w->watch_table, hash); at != 0; at = w->watch_table.next[at])
        if (w->watch[at].path == path && w->watch[at].conn == conn && w->watch[at].kind == kind)
            return at;
    return 0;
}

static uint32_t path_make(struct watches *w, struct zk_slice path)
{
    uint32_t at = w->path_pool.free;
    if (at != 0) {
        w->path_pool.free = w->path[at].last[0];
    } else {
        void *records = w->path;
        at = pool_grow(&w->path_pool, &w->path_table, &records, sizeof *w->path);
        w->path = records;
    }
    w->path[at] = (struct watched_path){.name = zk_memdup(path.ptr, path.len), .len = (uint32_t)path.len};
    table_insert(&w->path_table, path_hash(w, path), at);
    w->name_bytes += path.len;
    return at;
}

static uint32_t conn_make(struct watches *w, uint64_t conn)
{
    uint32_t at = w->conn_pool.free;
    if (at != 0) {
        w->conn_pool.free = w->conn[at].last;
    } else {
        void *records = w->conn;
        at = pool_grow(&w->conn_pool, &w->conn_table, &records, sizeof *w->conn);
        w->conn = records;
    }
    w->conn[at] = (struct watcher){.conn = conn};
    table_insert(&w->conn_table, mix(conn), at);
    return at;
}

static void path_release(struct watches *w, uint32_t at)
{
    struct watched_path *p = &w->path[at];
    for (int kind = 0; kind < KINDS; kind++)
        if (p->last[kind] != 0)
            return;
    table_remove(&w->path_table, at);
    w->name_bytes -= p->len;
    free(p->name);
    *p = (struct watched_path){.last = {w->path_pool.free}};
    w->path_pool.free = at;
}

static void conn_release(struct watches *w, uint32_t at)
{
    if (w->conn[at].count > 0)
        return;
    table_remove(&w->conn_table, at);
    w->conn[at] = (struct watcher){.last = w->conn_pool.free};
    w->conn_pool.free = at;
}

/* --- rings --- */

static void link_path(struct watches *w, uint32_t at)
{
    struct watch *me = &w->watch[at];
    uint32_t *last = &w->path[me->path].last[me->kind];
    if (*last == 0) {
        me->path_prev = me->path_next = at;
    } else {
        me->path_prev = *last;
        me->path_next = w->watch[*last].path_next;
        w->watch[me->path_next].path_prev = at;
        w->watch[me->path_prev].path_next = at;
    }
    *last = at;
}

static void link_conn(struct watches *w, uint32_t at)
{
    struct watch *me = &w->watch[at];
    uint32_t *last = &w->conn[me->conn].last;
    if (*last == 0) {
        me->conn_prev = me->conn_next = at;
    } else {
        me->conn_prev = *last;
        me->conn_next = w->watch[*last].conn_next;
        w->watch[me->conn_next].conn_prev = at;
        w->watch[me->conn_prev].conn_next = at;
    }
    *last = at;
}

static void unlink_path(struct watches *w, uint32_t at)
{
    struct watch *me = &w->watch[at];
    uint32_t *last = &w->path[me->path].last[me->kind];
    w->watch[me->path_prev].path_next = me->path_next;
    w->watch[me->path_next].path_prev = me->path_prev;
    if (*last == at)
        *last = me->path_prev == at ? 0 : me->path_prev;
}

static void unlink_conn(struct watches *w, uint32_t at)
{
    struct watch *me = &w->watch[at];
    uint32_t *last = &w->conn[me->conn].last;
    w->watch[me->conn_prev].conn_next = me->conn_next;
    w->watch[me->conn_next].conn_prev = me->conn_prev;
    if (*last == at)
        *last = me->conn_prev == at ? 0 : me->conn_prev;
}

/* The path's record stays, for the caller may still walk over it: path_release. */
static void watch_remove(struct watches *w, uint32_t at)
{
    struct watch *me = &w->watch[at];
    uint32_t conn = me->conn;
    w->conn[conn].bytes -= w->path[me->path].len;
    table_remove(&w->watch_table, at);
    unlink_path(w, at);
    unlink_conn(w, at);
    w->recursive_count -= me->kind == WATCH_RECURSIVE;
    *me = (struct watch){.path_next = w->watch_pool.free};
    w->watch_pool.free = at;
    w->conn[conn].count--;
    conn_release(w, conn);
}

static void watch_insert(struct watches *w, uint32_t path, uint32_t conn, enum watch_kind kind)
{
    uint32_t at = w->watch_pool.free;
    if (at != 0) {
        w->watch_pool.free = w->watch[at].path_next;
    } else {
        void *records = w->watch;
        at = pool_grow(&w->watch_pool, &w->watch_table, &records, sizeof *w->watch);
        w->watch = records;
    }
    w->watch[at] = (struct watch){.path = path, .conn = conn, .kind = (uint8_t)kind};
    table_insert(&w->watch_table, watch_hash(path, conn, kind), at);
    link_path(w, at);
    link_conn(w, at);
    w->conn[conn].count++;
    w->conn[conn].bytes += w->path[path].len;
    w->recursive_count += kind == WATCH_RECURSIVE;
}

/* --- verbs --- */

bool watches_add(struct watches *w, uint64_t conn, struct zk_slice path, enum watch_kind kind,
                 struct watch_limit limit)
{
    uint32_t p = path_find(w, path);
    uint32_t c = conn_find(w, conn);
    if (p != 0 && c != 0 && watch_find(w, p, c, kind) != 0)
        return true;
    size_t count = c != 0 ? w->conn[c].count : 0, bytes = c != 0 ? w->conn[c].bytes : 0;
    size_t added = WATCH_BYTES + (p == 0 ? PATH_BYTES + path.len : 0) + (c == 0 ? CONN_BYTES : 0);
    if (count >= limit.count || bytes + path.len > limit.bytes || watches_bytes(w) + added > limit.all_bytes)
        return false;
    if (p == 0)
        p = path_make(w, path);
    if (c == 0)
        c = conn_make(w, conn);
    watch_insert(w, p, c, kind);
    return true;
}

static bool type_covers(enum zk_watcher_type type, enum watch_kind kind)
{
    switch (type) {
    case ZK_WATCHER_CHILDREN:
        return kind == WATCH_CHILD;
    case ZK_WATCHER_DATA:
        return kind == WATCH_DATA;
    case ZK_WATCHER_ANY:
        return true;
    case ZK_WATCHER_PERSISTENT:
        return kind == WATCH_PERSISTENT;
    case ZK_WATCHER_PERSISTENT_RECURSIVE:
        return kind == WATCH_RECURSIVE;
    }
    return false;
}

bool watches_contains(const struct watches *w, uint64_t conn, struct zk_slice path, enum zk_watcher_type type)
{
    uint32_t p = path_find(w, path);
    uint32_t c = conn_find(w, conn);
    for (int kind = 0; p != 0 && c != 0 && kind < KINDS; kind++)
        if (type_covers(type, kind) && watch_find(w, p, c, kind) != 0)
            return true;
    return false;
}

bool watches_remove(struct watches *w, uint64_t conn, struct zk_slice path, enum zk_watcher_type type)
{
    uint32_t p = path_find(w, path);
    uint32_t c = conn_find(w, conn);
    bool found = false;
    if (p == 0 || c == 0)
        return false;
    for (int kind = 0; kind < KINDS; kind++) {
        uint32_t at = type_covers(type, kind) ? watch_find(w, p, c, kind) : 0;
        if (at != 0) {
            watch_remove(w, at);
            found = true;
        }
    }
    path_release(w, p);
    return found;
}

void watches_drop_conn(struct watches *w, uint64_t conn)
{
    uint32_t c = conn_find(w, conn);
    for (uint32_t left = c != 0 ? w->conn[c].count : 0; left > 0; left--) {
        uint32_t at = w->conn[c].last;
        uint32_t path = w->watch[at].path;
        watch_remove(w, at);
        path_release(w, path);
    }
}

/* --- firing --- */

struct firing {
    struct watches *w;
    watches_fn *fn;
    void *arg;
};

/* Once a change: `heard` is lost only with a connection's last watch, and then nothing is left to tell it twice. */
static void tell(const struct firing *f, uint32_t at)
{
    struct watcher *watcher = &f->w->conn[f->w->watch[at].conn];
    if (watcher->heard == f->w->changes)
        return;
    watcher->heard = f->w->changes;
    f->fn(f->arg, watcher->conn);
}

static void fire_once(const struct firing *f, uint32_t path, enum watch_kind kind)
{
    for (uint32_t last; (last = f->w->path[path].last[kind]) != 0;) {
        uint32_t oldest = f->w->watch[last].path_next;
        tell(f, oldest);
        watch_remove(f->w, oldest);
    }
}

static void fire_kept(const struct firing *f, uint32_t path, enum watch_kind kind)
{
    uint32_t last = f->w->path[path].last[kind];
    for (uint32_t at = last; at != 0;) {
        at = f->w->watch[at].path_next;
        tell(f, at);
        if (at == last)
            break;
    }
}

static void fire_recursive(const struct firing *f, struct zk_slice path)
{
    for (; path.ptr != NULL && f->w->recursive_count > 0; path = zk_path_parent(path)) {
        uint32_t p = path_find(f->w, path);
        if (p != 0)
            fire_kept(f, p, WATCH_RECURSIVE);
    }
}

void watches_fire(struct watches *w, enum zk_event_type type, struct zk_slice path, watches_fn *fn, void *arg)
{
    const struct firing f = {w, fn, arg};
    uint32_t p = path_find(w, path);
    w->changes++;
    if (p != 0)
        fire_kept(&f, p, WATCH_PERSISTENT);
    if (type != ZK_EVENT_CHILDREN_CHANGED)
        fire_recursive(&f, path);
    if (p == 0)
        return;
    if (type != ZK_EVENT_CHILDREN_CHANGED)
        fire_once(&f, p, WATCH_DATA);
    if (type == ZK_EVENT_CHILDREN_CHANGED || type == ZK_EVENT_DELETED)
        fire_once(&f, p, WATCH_CHILD);
    path_release(w, p);
}

/* --- what there is to see --- */

/* Of those that one connection has on one path, the one that is shown. */
static bool is_shown(const struct watches *w, uint32_t at)
{
    const struct watch *me = &w->watch[at];
    for (int kind = 0; kind < me->kind; kind++)
        if (kind != WATCH_CHILD && watch_find(w, me->path, me->conn, (enum watch_kind)kind) != 0)
            return false;
    return me->kind != WATCH_CHILD;
}

static void show(const struct watches *w, uint32_t at, watches_each_fn *fn, void *arg)
{
    const struct watched_path *p = &w->path[w->watch[at].path];
    if (is_shown(w, at))
        fn(arg, w->conn[w->watch[at].conn].conn, zk_slice(p->name, p->len));
}

static void show_ring(const struct watches *w, uint32_t last, bool by_path, watches_each_fn *fn, void *arg)
{
    for (uint32_t at = last; at != 0;) {
        at = by_path ? w->watch[at].path_next : w->watch[at].conn_next;
        show(w, at, fn, arg);
        if (at == last)
            break;
    }
}

void watches_each(const struct watches *w, bool by_path, watches_each_fn *fn, void *arg)
{
    for (uint32_t p = 1; by_path && p < w->path_pool.used; p++)
        for (int kind = 0; w->path[p].name != NULL && kind < KINDS; kind++)
            show_ring(w, w->path[p].last[kind], true, fn, arg);
    for (uint32_t c = 1; !by_path && c < w->conn_pool.used; c++)
        if (w->conn[c].count > 0)
            show_ring(w, w->conn[c].last, false, fn, arg);
}

size_t watches_count(const struct watches *w)
{
    return w->watch_table.count;
}

size_t watches_path_count(const struct watches *w)
{
    return w->path_table.count;
}

size_t watches_conn_count(const struct watches *w)
{
    return w->conn_table.count;
}

size_t watches_bytes(const struct watches *w)
{
    return w->watch_table.count * (size_t)WATCH_BYTES + w->path_table.count * (size_t)PATH_BYTES + w->name_bytes +
           w->conn_table.count * (size_t)CONN_BYTES;
}

static size_t ring_of_path(const struct watches *w, uint32_t path, int kind)
{
    uint32_t last = w->path[path].last[kind];
    size_t count = 0;
    for (uint32_t at = last; at != 0;) {
        uint32_t next = w->watch[at].path_next;
        if (w->watch[at].path != path || w->watch[at].kind != kind || w->watch[next].path_prev != at ||
            count++ > w->watch_table.count)
            return SIZE_MAX;
        at = next == last ? 0 : next;
    }
    return count;
}

static size_t ring_of_conn(const struct watches *w, uint32_t conn)
{
    uint32_t last = w->conn[conn].last;
    size_t count = 0;
    for (uint32_t at = last; at != 0;) {
        uint32_t next = w->watch[at].conn_next;
        if (w->watch[at].conn != conn || w->watch[next].conn_prev != at || count++ > w->watch_table.count)
            return SIZE_MAX;
        at = next == last ? 0 : next;
    }
    return count;
}

static const char *check_paths(const struct watches *w)
{
    size_t total = 0, paths = 0, recursive = 0, name_bytes = 0;
    for (uint32_t p = 1; p < w->path_pool.used; p++) {
        size_t here = 0;
        for (int kind = 0; w->path[p].name != NULL && kind < KINDS; kind++) {
            size_t count = ring_of_path(w, p, kind);
            if (count == SIZE_MAX)
                return "a path's ring of watches is broken";
            here += count;
            recursive += kind == WATCH_RECURSIVE ? count : 0;
        }
        if (w->path[p].name != NULL && here == 0)
            return "a path is kept that nobody watches";
        if (w->path[p].name != NULL && path_find(w, zk_slice(w->path[p].name, w->path[p].len)) != p)
            return "a watched path is not in its table";
        total += here;
        paths += w->path[p].name != NULL;
        name_bytes += w->path[p].len;
    }
    if (total != w->watch_table.count || paths != w->path_table.count || recursive != w->recursive_count ||
        name_bytes != w->name_bytes)
        return "the counts of watches and paths are wrong";
    return NULL;
}

const char *watches_check(const struct watches *w)
{
    size_t total = 0;
    for (uint32_t c = 1; c < w->conn_pool.used; c++) {
        if (w->conn[c].count == 0)
            continue;
        if (ring_of_conn(w, c) != w->conn[c].count || conn_find(w, w->conn[c].conn) != c)
            return "a connection's ring of watches is broken";
        total += w->conn[c].count;
    }
    for (uint32_t i = 1; i < w->watch_pool.used; i++)
        if (w->watch[i].path != 0 && watch_find(w, w->watch[i].path, w->watch[i].conn, w->watch[i].kind) != i)
            return "a watch is not in its table, or there twice";
    return total == w->watch_table.count ? check_paths(w) : "a watch belongs to no connection";
}
