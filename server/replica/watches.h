/* watches.h: who wants to hear of which path: the watches of the clients connected here. Memory only, never
 * replicated; they die with the connection and the client sets them again.
 *
 * Kinds as in ZooKeeper 3.9: data (getData, exists) and child (getChildren) fire once; persistent and recursive stay.
 * One connection may hold a standard watch, a persistent and a recursive one on one path and gets one event a change.
 * Iteration is kind by kind (persistent, recursive, then those that fire once), in the order of arming, so that nothing
 * depends on a hash. A watch takes about 40 bytes, a watched path 60 and its name.
 */
#pragma once
#include "common/buf.h"
#include "common/proto.h"

enum watch_kind { WATCH_DATA, WATCH_CHILD, WATCH_PERSISTENT, WATCH_RECURSIVE };

struct watches;

struct watches *watches_new(void);
void watches_free(struct watches *w);

/* What one connection may hold, and all together. */
struct watch_limit {
    size_t count;
    size_t bytes;     /* of paths, each counted for each watch on it */
    size_t all_bytes; /* of memory, all connections', as watches_bytes has it */
};
/* Arm (again: nothing changes). False: there would be more than `limit`. Copies the path. */
bool watches_add(struct watches *w, uint64_t conn, struct zk_slice path, enum watch_kind kind,
                 struct watch_limit limit);
/* removeWatches/checkWatches: is there one that `type` (enum zk_watcher_type) covers? remove drops what it covers. As
 * Apache: CHILDREN = child, DATA = data, ANY = all of the path, PERSISTENT and PERSISTENT_RECURSIVE = just those. */
bool watches_contains(const struct watches *w, uint64_t conn, struct zk_slice path, enum zk_watcher_type type);
bool watches_remove(struct watches *w, uint64_t conn, struct zk_slice path, enum zk_watcher_type type);
void watches_drop_conn(struct watches *w, uint64_t conn);

/* A change happened (ZK_EVENT_CREATED, DELETED, DATA_CHANGED on the node; CHILDREN_CHANGED on the parent): calls `fn`
 * once for each connection that is to hear of it, and takes away the one-shot watches that fired: CREATED and
 * DATA_CHANGED fire data and persistent watches of the path and recursive ones of it and its ancestors; DELETED fires
 * child watches too (one event a connection); CHILDREN_CHANGED fires child and persistent watches, never recursive
 * ones. Ancestors are looked at only while there are recursive watches. `fn` must not change the watches. */
typedef void watches_fn(void *arg, uint64_t conn);
void watches_fire(struct watches *w, enum zk_event_type type, struct zk_slice path, watches_fn *fn, void *arg);

/* All but child watches, each connection and path once. `fn` must not change the watches. */
typedef void watches_each_fn(void *arg, uint64_t conn, struct zk_slice path);
void watches_each(const struct watches *w, bool by_path, watches_each_fn *fn, void *arg);

size_t watches_count(const struct watches *w);
size_t watches_path_count(const struct watches *w);
size_t watches_conn_count(const struct watches *w);
/* Of memory, about. */
size_t watches_bytes(const struct watches *w);
/* NULL, or what does not hold. */
const char *watches_check(const struct watches *w);
