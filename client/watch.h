/* watch.h: which watches a client has set, by path and kind. Paths are the server's (chroot included).
 *
 * A watch is prepared when its request is submitted, which is when memory may run short, and set when the answer says
 * so, which cannot fail. Iteration is in the order in which paths came, so runs can be repeated.
 */
#pragma once
#include "client/core.h"

struct zkc_watch_path;

struct zkc_watch {
    struct zkc_watch *next; /* of the same path and kind, oldest first */
    struct zkc_watch_path *at;
    uint64_t tag;
};

struct zkc_watch_list {
    struct zkc_watch *first;
    struct zkc_watch *last;
};

struct zkc_watch_path {
    struct zkc_watch_path *chain;       /* of the same bucket */
    struct zkc_watch_path *prev, *next; /* all, by age */
    struct zkc_watch_list kinds[ZKC_WATCH_KINDS];
    size_t refs; /* watches prepared or set */
    uint64_t hash;
    size_t len;
    uint8_t text[];
};

struct zkc_watches {
    struct zkc_watch_path **buckets;
    size_t bucket_count; /* a power of two; 0 before the first */
    size_t path_count;
    struct zkc_watch_path *first, *last;
    size_t count;                        /* watches prepared or set */
    size_t kind_counts[ZKC_WATCH_KINDS]; /* watches set */
};

void zkc_watches_fini(struct zkc_watches *ws);

/* NULL if memory is short. Until set or dropped it reports nothing. */
struct zkc_watch *zkc_watch_prepare(struct zkc_watches *ws, struct zk_slice path, uint64_t tag);
void zkc_watch_set(struct zkc_watches *ws, struct zkc_watch *w, enum zkc_watch_kind kind);
/* Frees a watch that was prepared, or taken out of its list. */
void zkc_watch_drop(struct zkc_watches *ws, struct zkc_watch *w);

struct zkc_watch_path *zkc_watches_find(const struct zkc_watches *ws, struct zk_slice path);
/* Empties the list of one kind at `path` and hands it over; drop each. */
struct zkc_watch *zkc_watches_take(struct zkc_watches *ws, struct zkc_watch_path *path, enum zkc_watch_kind kind);
/* Any watch at all, taken out; NULL when there is none. */
struct zkc_watch *zkc_watches_take_any(struct zkc_watches *ws);
