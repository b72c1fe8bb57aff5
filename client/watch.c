#include "client/watch.h"

enum { BUCKETS_MIN = 64 };

/* FNV-1a. Unseeded: the paths in this table are chosen by the program that holds it. */
static uint64_t hash_path(struct zk_slice path)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < path.len; i++)
        hash = (hash ^ path.ptr[i]) * 1099511628211u;
    return hash ^ hash >> 32;
}

/* A table that cannot grow only gets slower, so a failed allocation is no failure once there is one. */
static bool grow(struct zkc_watches *ws)
{
    if (ws->path_count < ws->bucket_count)
        return true;
    size_t count = ws->bucket_count ? ws->bucket_count * 2 : BUCKETS_MIN;
    struct zkc_watch_path **buckets = calloc(count, sizeof *buckets);
    if (buckets == NULL)
        return ws->bucket_count > 0;
    for (struct zkc_watch_path *p = ws->first; p != NULL; p = p->next) {
        p->chain = buckets[p->hash & (count - 1)];
        buckets[p->hash & (count - 1)] = p;
    }
    free(ws->buckets);
    ws->buckets = buckets;
    ws->bucket_count = count;
    return true;
}

static struct zkc_watch_path *find(const struct zkc_watches *ws, struct zk_slice path, uint64_t hash)
{
    if (ws->bucket_count == 0)
        return NULL;
    struct zkc_watch_path *p = ws->buckets[hash & (ws->bucket_count - 1)];
    while (p != NULL && (p->hash != hash || !zk_slice_eq(zk_slice(p->text, p->len), path)))
        p = p->chain;
    return p;
}

struct zkc_watch_path *zkc_watches_find(const struct zkc_watches *ws, struct zk_slice path)
{
    return find(ws, path, hash_path(path));
}

static struct zkc_watch_path *path_add(struct zkc_watches *ws, struct zk_slice path)
{
    uint64_t hash = hash_path(path);
    struct zkc_watch_path *p = find(ws, path, hash);
    if (p != NULL)
        return p;
    if (!grow(ws) || (p = calloc(1, sizeof *p + path.len)) == NULL)
        return NULL;
    p->hash = hash;
    p->len = path.len;
    memcpy(p->text, path.ptr, path.len);
    p->chain = ws->buckets[hash & (ws->bucket_count - 1)];
    ws->buckets[hash & (ws->bucket_count - 1)] = p;
    p->prev = ws->last;
    *(ws->last ? &ws->last->next : &ws->first) = p;
    ws->last = p;
    ws->path_count++;
    return p;
}

static void path_remove(struct zkc_watches *ws, struct zkc_watch_path *p)
{
    struct zkc_watch_path **at = &ws->buckets[p->hash & (ws->bucket_count - 1)];
    while (*at != p)
        at = &(*at)->chain;
    *at = p->chain;
    *(p->prev ? &p->prev->next : &ws->first) = p->next;
    *(p->next ? &p->next->prev : &ws->last) = p->prev;
    ws->path_count--;
    free(p);
}

struct zkc_watch *zkc_watch_prepare(struct zkc_watches *ws, struct zk_slice path, uint64_t tag)
{
    struct zkc_watch *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->at = path_add(ws, path);
    if (w->at == NULL) {
        free(w);
        return NULL;
    }
    w->tag = tag;
    w->at->refs++;
    ws->count++;
    return w;
}

void zkc_watch_set(struct zkc_watches *ws, struct zkc_watch *w, enum zkc_watch_kind kind)
{
    struct zkc_watch_list *list = &w->at->kinds[kind];
    *(list->last ? &list->last->next : &list->first) = w;
    list->last = w;
    ws->kind_counts[kind]++;
}

void zkc_watch_drop(struct zkc_watches *ws, struct zkc_watch *w)
{
    ws->count--;
    if (--w->at->refs == 0)
        path_remove(ws, w->at);
    free(w);
}

struct zkc_watch *zkc_watches_take(struct zkc_watches *ws, struct zkc_watch_path *path, enum zkc_watch_kind kind)
{
    struct zkc_watch *first = path->kinds[kind].first;
    for (struct zkc_watch *w = first; w != NULL; w = w->next)
        ws->kind_counts[kind]--;
    path->kinds[kind] = (struct zkc_watch_list){NULL, NULL};
    return first;
}

struct zkc_watch *zkc_watches_take_any(struct zkc_watches *ws)
{
    for (struct zkc_watch_path *p = ws->first; p != NULL; p = p->next) {
        for (int kind = 0; kind < ZKC_WATCH_KINDS; kind++) {
            struct zkc_watch_list *list = &p->kinds[kind];
            struct zkc_watch *w = list->first;
            if (w == NULL)
                continue;
            list->first = w->next;
            if (list->first == NULL)
                list->last = NULL;
            ws->kind_counts[kind]--;
            return w;
        }
    }
    return NULL;
}

void zkc_watches_fini(struct zkc_watches *ws)
{
    struct zkc_watch *w;
    while ((w = zkc_watches_take_any(ws)) != NULL)
        zkc_watch_drop(ws, w);
    ZK_ASSERT(ws->count == 0);
    free(ws->buckets);
}
