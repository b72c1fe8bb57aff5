#include "tests/sim/work.h"
#include <inttypes.h>
#include <stdio.h>

/* The identity is user:base64(SHA-1 of the credentials). */
const struct work_user work_users[WORK_USERS] = {
    {"ann:1", "ann:/z4T+iO8KvuCdw3Y3chpp6R6RTg="},
    {"bob:2", "bob:PCGRUm8WFBmVOxjVyjYw7YBN8J8="},
    {"eve:3", "eve:x0pFcnWyY3qxSl1YaFNAjuCWNUE="},
};

static uint32_t below(struct world *w, uint32_t bound)
{
    return world_below(w, WORLD_CHANCE_WORK, bound);
}

static bool percent(struct world *w, uint32_t p)
{
    return below(w, 100) < p;
}

/* /n<i>, /n<i>/c<k> or /n<i>/c<k>/d */
static struct zk_slice draw_path(struct world *w, char *path)
{
    uint32_t top = below(w, w->swarm.paths);
    uint32_t depth = below(w, 10);
    if (depth < 5)
        snprintf(path, WORK_PATH_BYTES, "/n%" PRIu32, top);
    else if (depth < 9)
        snprintf(path, WORK_PATH_BYTES, "/n%" PRIu32 "/c%" PRIu32, top, below(w, 3));
    else
        snprintf(path, WORK_PATH_BYTES, "/n%" PRIu32 "/c%" PRIu32 "/d", top, below(w, 3));
    return zk_slice_str(path);
}

static int32_t draw_version(struct world *w)
{
    return percent(w, 70) ? -1 : (int32_t)below(w, 4);
}

static struct zk_slice draw_data(struct work *work, struct world *w)
{
    if (percent(w, 3))
        return (struct zk_slice){0};
    uint32_t len = below(w, w->swarm.data_bytes_max + 1);
    if (!work->data)
        work->data = zk_alloc(w->swarm.data_bytes_max + 1);
    zk_rng_fill(&w->chance[WORLD_CHANCE_WORK], work->data, len);
    return zk_slice(work->data, len);
}

static void draw_entry(struct zk_buf *acl, struct world *w)
{
    static const char *const NETWORKS[] = {"10.0.0.0/24", "10.0.0.7", "10.0.0.4/30", "10.9.0.0/16"};
    static const int32_t PERMS[] = {ZK_PERM_ALL, ZK_PERM_ALL, ZK_PERM_READ, ZK_PERM_ADMIN,
                                    ZK_PERM_ALL & ~ZK_PERM_ADMIN, ZK_PERM_ALL & ~ZK_PERM_READ};
    struct zk_acl entry = {.perms = PERMS[below(w, ZK_COUNT_OF(PERMS))]};
    uint32_t kind = below(w, 100);
    entry.scheme = zk_slice_str(kind < 35 ? "digest" : kind < 60 ? "auth" : kind < 75 ? "ip" : kind < 98 ? "world" : "odd");
    entry.id = zk_slice_str(kind < 35   ? work_users[below(w, WORK_USERS)].id
                            : kind < 60 ? ""
                            : kind < 75 ? NETWORKS[below(w, ZK_COUNT_OF(NETWORKS))]
                                        : "anyone");
    zk_acl_encode(acl, &entry);
}

/* Each step of a multi has one of its own. */
static struct zk_buf *next_acl(struct work *work)
{
    ZK_ASSERT(work->acl_count < WORK_STEPS_MAX);
    return &work->acls[work->acl_count++];
}

/* Some for who proves to be somebody, or comes from somewhere; now and then one that may not be. */
static struct zk_slice draw_entries(struct work *work, struct world *w)
{
    int32_t count = 1 + (int32_t)below(w, 3);
    struct zk_buf *acl = next_acl(work);
    zk_jute_put_int(acl, count);
    for (int32_t i = 0; i < count; i++)
        draw_entry(acl, w);
    return zk_buf_slice(acl);
}

static struct zk_slice draw_acl(struct work *work, struct world *w)
{
    if (w->swarm.access_percent && percent(w, 30))
        return draw_entries(work, w);
    if (!percent(w, 6))
        return (struct zk_slice){0};
    struct zk_buf *acl = next_acl(work);
    zk_acl_vector_world(acl, percent(w, 50) ? ZK_PERM_READ | ZK_PERM_DELETE | ZK_PERM_CREATE
                                            : ZK_PERM_ALL & ~ZK_PERM_READ);
    return zk_buf_slice(acl);
}

static void draw_create(struct work *work, struct zkc_request *r, char *path, struct world *w)
{
    r->op = percent(w, 50) ? ZK_OP_CREATE : ZK_OP_CREATE2;
    r->path = draw_path(w, path);
    r->data = draw_data(work, w);
    r->acl = draw_acl(work, w);
    if (percent(w, 25)) {
        r->op = percent(w, 50) ? ZK_OP_CREATE_CONTAINER : ZK_OP_CREATE_TTL;
        r->ttl_ms = 1 + (int64_t)below(w, 1u << (4 + below(w, 12)));
        return;
    }
    uint32_t kind = below(w, 100);
    r->flags = kind < 50   ? 0
               : kind < 70 ? ZK_FLAG_EPHEMERAL
                           : ZK_FLAG_SEQUENTIAL | (kind < 85 ? ZK_FLAG_EPHEMERAL : 0);
    if (r->flags & ZK_FLAG_SEQUENTIAL) {
        snprintf(path, WORK_PATH_BYTES, "/n%" PRIu32 "/s-", below(w, w->swarm.paths));
        r->path = zk_slice_str(path);
    }
}

/* Limits that a few nodes pass, soft ones, nonsense. */
static struct zk_slice draw_limits(struct world *w)
{
    static const char *const TEXTS[] = {"count=-1,bytes=-1=;byteHardLimit=500;countHardLimit=4",
                                        "count=-1,bytes=-1=;countHardLimit=6",
                                        "count=-1,bytes=-1=;byteHardLimit=200",
                                        "count=2,bytes=50",
                                        "count=,bytes",
                                        ""};
    return zk_slice_str(TEXTS[below(w, ZK_COUNT_OF(TEXTS))]);
}

static void draw_quota(struct zkc_request *r, char *path, struct world *w)
{
    static const char *const NAMES[] = {"", "/zookeeper_limits", "/zookeeper_stats"};
    uint32_t which = below(w, 3), kind = below(w, 10);
    snprintf(path, WORK_PATH_BYTES, "/zookeeper/quota/n%" PRIu32 "%s", below(w, w->swarm.paths), NAMES[which]);
    r->path = zk_slice_str(path);
    r->op = kind < 7 ? ZK_OP_CREATE2 : kind < 9 ? ZK_OP_SET_DATA : ZK_OP_DELETE;
    r->version = -1;
    if (r->op != ZK_OP_DELETE)
        r->data = draw_limits(w);
}

/* A write as ClickHouse sends them to its Keeper. */
static void draw_keeper_write(struct work *work, struct zkc_request *r, char *path, struct world *w)
{
    static const int32_t OPS[] = {ZK_OP_CREATE_IF_NOT_EXISTS, ZK_OP_CREATE_IF_NOT_EXISTS, ZK_OP_REMOVE_RECURSIVE,
                                  ZK_OP_TRY_REMOVE};
    r->op = OPS[below(w, ZK_COUNT_OF(OPS))];
    r->path = draw_path(w, path);
    r->version = draw_version(w);
    r->count = (int32_t)below(w, 8);
    if (r->op == ZK_OP_CREATE_IF_NOT_EXISTS) {
        r->data = draw_data(work, w);
        r->acl = draw_acl(work, w);
        r->flags = percent(w, 70) ? 0 : ZK_FLAG_EPHEMERAL;
    }
}

static void draw_single(struct work *work, struct zkc_request *r, char *path, struct world *w)
{
    if (work->is_keepers && percent(w, w->swarm.keeper_percent)) {
        draw_keeper_write(work, r, path, w);
        return;
    }
    uint32_t kind = below(w, 100);
    if (percent(w, w->swarm.quota_percent)) {
        draw_quota(r, path, w);
        return;
    }
    if (kind < 45) {
        draw_create(work, r, path, w);
        return;
    }
    r->path = draw_path(w, path);
    r->version = draw_version(w);
    r->op = kind < 75 ? ZK_OP_SET_DATA : ZK_OP_DELETE;
    if (r->op == ZK_OP_SET_DATA)
        r->data = draw_data(work, w);
}

static void draw_multi(struct work *work, struct world *w)
{
    work->request.op = ZK_OP_MULTI;
    work->request.steps = work->steps;
    work->request.step_count = 1 + below(w, WORK_STEPS_MAX);
    for (size_t i = 0; i < work->request.step_count; i++) {
        struct zkc_request *step = &work->steps[i];
        *step = (struct zkc_request){0};
        if (percent(w, 25)) {
            step->op = !work->is_keepers || percent(w, 50) ? ZK_OP_CHECK
                       : percent(w, 50)                    ? ZK_OP_CHECK_NOT_EXISTS
                                                           : ZK_OP_CHECK_STAT;
            step->path = draw_path(w, work->paths[i]);
            step->version = draw_version(w);
        } else {
            draw_single(work, step, work->paths[i], w);
        }
    }
}

static void draw_read(struct work *work, struct world *w)
{
    static const int32_t OPS[] = {ZK_OP_EXISTS,       ZK_OP_EXISTS,        ZK_OP_GET_DATA, ZK_OP_GET_DATA,
                                  ZK_OP_GET_CHILDREN, ZK_OP_GET_CHILDREN2, ZK_OP_SYNC};
    struct zkc_request *r = &work->request;
    r->op = percent(w, w->swarm.sync_percent) ? ZK_OP_SYNC : OPS[below(w, ZK_COUNT_OF(OPS))];
    r->path = draw_path(w, work->paths[0]);
    if (percent(w, 10))
        r->path = zk_slice_str(percent(w, 70) ? "/" : "/zookeeper/config");
    if (w->swarm.quota_percent && percent(w, 5)) {
        snprintf(work->paths[0], WORK_PATH_BYTES, "/zookeeper/quota/n%" PRIu32 "/zookeeper_stats",
                 below(w, w->swarm.paths));
        r->path = zk_slice_str(work->paths[0]);
    }
    if (r->op != ZK_OP_SYNC && percent(w, w->swarm.watch_percent))
        r->watch_tag = 1; /* the person numbers it */
}

/* Of a multiRead: exists and the lists are ClickHouse's. */
static int32_t draw_part(const struct work *work, struct world *w)
{
    static const int32_t OPS[] = {ZK_OP_GET_DATA, ZK_OP_GET_CHILDREN, ZK_OP_EXISTS, ZK_OP_FILTERED_LIST,
                                  ZK_OP_FILTERED_LIST_WITH_DATA};
    return OPS[below(w, work->is_keepers ? ZK_COUNT_OF(OPS) : 2)];
}

/* The smaller questions. */
static void draw_question(struct work *work, struct world *w)
{
    static const int32_t OPS[] = {ZK_OP_GET_ALL_CHILDREN_NUMBER, ZK_OP_GET_EPHEMERALS, ZK_OP_WHO_AM_I,
                                  ZK_OP_CHECK_WATCHES,           ZK_OP_MULTI_READ,     ZK_OP_REMOVE_WATCHES};
    struct zkc_request *r = &work->request;
    r->op = OPS[below(w, ZK_COUNT_OF(OPS))];
    r->path = percent(w, 30) ? zk_slice_str("/") : draw_path(w, work->paths[0]);
    r->kind = ZK_WATCHER_CHILDREN + (int32_t)below(w, ZK_WATCHER_PERSISTENT_RECURSIVE);
    if (r->op != ZK_OP_MULTI_READ)
        return;
    r->steps = work->steps;
    r->step_count = below(w, WORK_STEPS_MAX + 1);
    for (size_t i = 0; i < r->step_count; i++)
        work->steps[i] = (struct zkc_request){.op = draw_part(work, w),
                                              .path = draw_path(w, work->paths[i]),
                                              .kind = (int32_t)below(w, 3),
                                              .flags = (int32_t)below(w, 4)};
}

/* What ClickHouse reads of its Keeper. */
static void draw_keeper_read(struct work *work, struct world *w)
{
    static const int32_t OPS[] = {ZK_OP_FILTERED_LIST, ZK_OP_FILTERED_LIST_WITH_DATA, ZK_OP_LIST_RECURSIVE,
                                  ZK_OP_CHECK_NOT_EXISTS, ZK_OP_CHECK_STAT};
    struct zkc_request *r = &work->request;
    r->op = OPS[below(w, ZK_COUNT_OF(OPS))];
    r->path = percent(w, 20) ? zk_slice_str("/") : draw_path(w, work->paths[0]);
    r->version = draw_version(w);
    r->count = (int32_t)below(w, 20);
    r->kind = (int32_t)below(w, 3);
    r->flags = (int32_t)below(w, 4);
    if (r->op == ZK_OP_FILTERED_LIST && percent(w, w->swarm.watch_percent))
        r->watch_tag = 1;
}

static void draw_access(struct work *work, struct world *w)
{
    struct zkc_request *r = &work->request;
    r->path = draw_path(w, work->paths[0]);
    r->op = percent(w, 50) ? ZK_OP_SET_ACL : ZK_OP_GET_ACL;
    if (r->op == ZK_OP_GET_ACL)
        return;
    r->version = draw_version(w);
    r->acl = draw_entries(work, w);
}

/* Only libzk has these. */
static void draw_lasting_watch(struct work *work, struct world *w)
{
    work->request.op = ZK_OP_ADD_WATCH;
    work->request.path = draw_path(w, work->paths[0]);
    work->request.kind = percent(w, 50) ? ZK_ADD_WATCH_PERSISTENT : ZK_ADD_WATCH_PERSISTENT_RECURSIVE;
    work->request.watch_tag = 1;
}

/* Only libzk has these too. */
static void draw_tree(struct work *work, struct world *w, bool is_read)
{
    static const char *const FROM[] = {"", "c0", "c1", "c2", "n", "n1", "s-0000000003", "~"};
    static const char *const PREFIXES[] = {"", "", "c", "n1", "s-", "x"};
    struct zkc_request *r = &work->request;
    r->path = percent(w, 20) ? zk_slice_str("/") : draw_path(w, work->paths[0]);
    r->count = percent(w, 50) ? 0 : 1 + (int32_t)below(w, 4);
    r->op = is_read ? ZK_OP_GET_CHILDREN_PAGE : ZK_OP_DELETE_TREE;
    if (!is_read)
        return;
    r->from = zk_slice_str(FROM[below(w, ZK_COUNT_OF(FROM))]);
    r->prefix = zk_slice_str(PREFIXES[below(w, ZK_COUNT_OF(PREFIXES))]);
    r->flags = (int32_t)below(w, 4);
}

void work_draw(struct work *work, struct world *w, const struct life *life)
{
    *work = (struct work){0};
    work->is_keepers = life->is_apache && w->swarm.keeper_percent > 0;
    uint32_t kind = below(w, 100);
    if (kind < w->swarm.read_percent / 8)
        draw_question(work, w);
    else if (kind < w->swarm.read_percent && work->is_keepers && percent(w, w->swarm.keeper_percent))
        draw_keeper_read(work, w);
    else if (kind < w->swarm.read_percent)
        draw_read(work, w);
    else if (w->swarm.access_percent && percent(w, w->swarm.access_percent))
        draw_access(work, w);
    else if (!life->is_apache && w->swarm.watch_percent > 0 && percent(w, 3))
        draw_lasting_watch(work, w);
    else if (!life->is_apache && w->swarm.tree_percent && percent(w, w->swarm.tree_percent))
        draw_tree(work, w, percent(w, 50));
    else if (percent(w, 12))
        draw_multi(work, w);
    else
        draw_single(work, &work->request, work->paths[0], w);
}

void work_fini(struct work *work)
{
    free(work->data);
    for (size_t i = 0; i < work->acl_count; i++)
        zk_buf_fini(&work->acls[i]);
}
