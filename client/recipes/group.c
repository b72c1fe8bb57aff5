#include "client/face.h"
#include "client/recipes/parents.h"
#include <stdio.h>
#include <sys/random.h>

/* A membership or a watch on one: a small machine moved by answers and watch events, as place.c is. Referred to by
 * its owner, by the request on its way and by watches that are set; freed by the last. At most one request is on its
 * way. */
struct zk_group {
    pthread_mutex_t lock;
    pthread_cond_t called;
    size_t refs;
    struct zk *zk;
    char *path;
    char *node; /* of a member; NULL: this one watches */
    void *data;
    size_t data_len;
    zk_group_member_fn *on_member;
    zk_group_list_fn *on_list;
    void *context;
    bool calling;
    pthread_t calling_thread;
    bool busy;
    bool again; /* something happened while a request was on its way */
    bool joined;
    bool tried; /* a create was sent, so the node may be ours */
    bool ended;
    bool leaving;
    bool gone;
    bool over; /* the session has ended: the handle may be gone, and is not touched any more */
};

/* --- life --- */

static void group_free(struct zk_group *g)
{
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->called);
    free(g->path);
    free(g->node);
    free(g->data);
    free(g);
}

static void unref_unlock(struct zk_group *g)
{
    bool last = --g->refs == 0;
    pthread_mutex_unlock(&g->lock);
    if (last)
        group_free(g);
}

static bool call_begin(struct zk_group *g)
{
    if (g->leaving)
        return false;
    g->calling = true;
    g->calling_thread = pthread_self();
    pthread_mutex_unlock(&g->lock);
    return true;
}

static void call_end(struct zk_group *g)
{
    pthread_mutex_lock(&g->lock);
    g->calling = false;
    pthread_cond_broadcast(&g->called);
}

static void tell_member(struct zk_group *g, int code)
{
    if (g->on_member == NULL || !call_begin(g))
        return;
    g->on_member(g, code, g->context);
    call_end(g);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void tell_list(struct zk_group *g, int code, const struct zk_result *result)
{
    size_t count = result ? result->child_count : 0;
    const char **names = calloc(count + 1, sizeof *names);
    if (names == NULL) {
        code = ZK_SYSTEM_ERROR;
        count = 0;
    }
    for (size_t i = 0; i < count; i++)
        names[i] = result->children[i];
    if (count > 1)
        qsort(names, count, sizeof *names, compare_names);
    if (call_begin(g)) {
        g->on_list(g, code, names, count, g->context);
        call_end(g);
    }
    free(names);
}

static void end(struct zk_group *g, int code)
{
    if (g->ended)
        return;
    g->ended = true;
    g->joined = false;
    if (g->node != NULL)
        tell_member(g, code);
    else
        tell_list(g, code, NULL);
}

/* --- moving on --- */

static void join(struct zk_group *g);
static void list(struct zk_group *g);
static void leave(struct zk_group *g);

static void started(struct zk_group *g, int code)
{
    if (code == ZK_OK) {
        g->refs++;
        g->busy = true;
    } else {
        end(g, code);
        g->gone = true;
    }
}

static struct zk_group *come_back(void *context)
{
    struct zk_group *g = context;
    pthread_mutex_lock(&g->lock);
    g->busy = false;
    return g;
}

static void go_on(struct zk_group *g)
{
    if (g->busy)
        return;
    bool again = g->again;
    g->again = false;
    if (g->leaving)
        leave(g);
    else if (again && !g->ended && g->node != NULL)
        join(g);
    else if (again && !g->ended)
        list(g);
}

static void on_watch(struct zk *zk, const struct zk_watch_event *event, void *context)
{
    struct zk_group *g = context;
    pthread_mutex_lock(&g->lock);
    if (event->type == ZK_NODE_DELETED && g->joined) {
        end(g, ZK_NO_NODE);
    } else if (event->type != ZK_WATCH_ENDED) {
        g->again = true;
        go_on(g);
    }
    unref_unlock(g);
}

/* --- a member: create; if the name is there, see whose it is, and if it is not ours wait for its end --- */

static bool is_ours(struct zk_group *g, const struct zk_result *result)
{
    struct zk_session session;
    return zk_session_get(g->zk, &session) && result->stat.ephemeral_owner == session.id;
}

static void on_seen(struct zk *zk, struct zk_result *result, void *context)
{
    struct zk_group *g = come_back(context);
    if (result->err != ZK_OK)
        g->refs--; /* the watch's: get sets none */
    if (result->err == ZK_OK && is_ours(g, result) && !g->joined) {
        g->joined = true;
        tell_member(g, ZK_OK);
    } else if (result->err == ZK_NO_NODE && g->joined) {
        end(g, ZK_NO_NODE);
    } else if (result->err == ZK_NO_NODE || zkr_is_unknown(result->err)) {
        g->again = true;
    } else if (result->err != ZK_OK) {
        end(g, result->err);
    }
    zk_result_free(result);
    go_on(g);
    unref_unlock(g);
}

static void see(struct zk_group *g)
{
    g->refs++;
    int code = zk_get_async(g->zk, g->node, on_watch, g, on_seen, g);
    if (code != ZK_OK)
        g->refs--;
    started(g, code);
}

static void on_parents(int code, void *context)
{
    struct zk_group *g = come_back(context);
    if (code != ZK_OK)
        end(g, code);
    else
        g->again = true;
    go_on(g);
    unref_unlock(g);
}

static void on_created(struct zk *zk, struct zk_result *result, void *context)
{
    struct zk_group *g = come_back(context);
    int code = result->err;
    zk_result_free(result);
    if (g->leaving)
        ;
    else if (code == ZK_OK || code == ZK_NODE_EXISTS)
        see(g);
    else if (zkr_is_unknown(code))
        g->again = true;
    else if (code == ZK_NO_NODE)
        started(g, zkr_parents_make(g->zk, g->path, on_parents, g));
    else
        end(g, code);
    go_on(g);
    unref_unlock(g);
}

static void join(struct zk_group *g)
{
    if (g->joined) {
        see(g);
        return;
    }
    g->tried = true;
    started(g, zk_create_async(g->zk, g->node, g->data, g->data_len, NULL, ZK_EPHEMERAL, on_created, g));
}

/* --- leaving: only what is ours is deleted --- */

static void on_removed(struct zk *zk, struct zk_result *result, void *context)
{
    struct zk_group *g = come_back(context);
    g->gone = !zkr_is_unknown(result->err);
    zk_result_free(result);
    leave(g);
    unref_unlock(g);
}

static void on_owner(struct zk *zk, struct zk_result *result, void *context)
{
    struct zk_group *g = come_back(context);
    if (result->err == ZK_OK && is_ours(g, result))
        started(g, zk_delete_async(g->zk, g->node, ZK_ANY_VERSION, on_removed, g));
    else
        g->gone = !zkr_is_unknown(result->err);
    zk_result_free(result);
    go_on(g);
    unref_unlock(g);
}

static void leave(struct zk_group *g)
{
    if (g->gone || g->busy || g->over || !g->tried)
        return;
    started(g, zk_exists_async(g->zk, g->node, NULL, NULL, on_owner, g));
}

/* --- watching --- */

static void on_missing(struct zk *zk, struct zk_result *result, void *context)
{
    struct zk_group *g = come_back(context);
    if (result->err != ZK_OK && result->err != ZK_NO_NODE)
        g->refs--; /* the watch's: it was not set */
    if (result->err == ZK_NO_NODE)
        tell_list(g, ZK_OK, NULL);
    else if (result->err == ZK_OK || zkr_is_unknown(result->err))
        g->again = true;
    else
        end(g, result->err);
    zk_result_free(result);
    go_on(g);
    unref_unlock(g);
}

static void on_listed(struct zk *zk, struct zk_result *result, void *context)
{
    struct zk_group *g = come_back(context);
    if (result->err != ZK_OK)
        g->refs--; /* the watch's: it was not set */
    if (g->leaving) {
        ;
    } else if (result->err == ZK_OK) {
        tell_list(g, ZK_OK, result);
    } else if (zkr_is_unknown(result->err)) {
        g->again = true;
    } else if (result->err == ZK_NO_NODE) {
        g->refs++;
        int code = zk_exists_async(g->zk, g->path, on_watch, g, on_missing, g);
        if (code != ZK_OK)
            g->refs--;
        started(g, code);
    } else {
        end(g, result->err);
    }
    zk_result_free(result);
    go_on(g);
    unref_unlock(g);
}

static void list(struct zk_group *g)
{
    g->refs++;
    int code = zk_get_children_async(g->zk, g->path, on_watch, g, on_listed, g);
    if (code != ZK_OK)
        g->refs--;
    started(g, code);
}

/* --- entrance and exit --- */

static void on_state(struct zk *zk, enum zk_session_state state, void *context)
{
    struct zk_group *g = context;
    pthread_mutex_lock(&g->lock);
    g->refs++;
    g->over = state >= ZK_SESSION_IS_EXPIRED;
    if (g->over)
        end(g, state == ZK_SESSION_IS_AUTH_FAILED ? ZK_AUTH_FAILED : ZK_SESSION_EXPIRED);
    unref_unlock(g);
}

static struct zk_group *group_new(struct zk *zk, const char *path, void *context)
{
    struct zk_group *g = calloc(1, sizeof *g);
    if (g == NULL)
        return NULL;
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->called, NULL);
    g->refs = 1;
    g->zk = zk;
    g->path = strdup(path);
    g->context = context;
    if (g->path != NULL)
        return g;
    group_free(g);
    return NULL;
}

/* The first request is started here, where its refusal can still be returned. */
static int begin(struct zk_group *g, struct zk_group **ret_group)
{
    int code = zk_state_listen(g->zk, on_state, g);
    if (code == ZK_OK) {
        *ret_group = g;
        pthread_mutex_lock(&g->lock);
        if (g->node != NULL) {
            g->tried = true;
            code = zk_create_async(g->zk, g->node, g->data, g->data_len, NULL, ZK_EPHEMERAL, on_created, g);
        } else {
            code = zk_get_children_async(g->zk, g->path, on_watch, g, on_listed, g);
            g->refs += code == ZK_OK;
        }
        if (code == ZK_OK)
            started(g, code);
        pthread_mutex_unlock(&g->lock);
        if (code != ZK_OK)
            zk_state_unlisten(g->zk, on_state, g);
    }
    if (code != ZK_OK) {
        group_free(g);
        *ret_group = NULL;
    }
    return code;
}

static bool name_member(struct zk_group *g, const char *member)
{
    uint64_t random[2];
    char name[48];
    if (member == NULL) {
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            return false;
        snprintf(name, sizeof name, "member-%016llx%016llx", (unsigned long long)random[0],
                 (unsigned long long)random[1]);
        member = name;
    }
    if (asprintf(&g->node, "%s/%s", strcmp(g->path, "/") == 0 ? "" : g->path, member) >= 0)
        return true;
    g->node = NULL;
    return false;
}

int zk_group_join(struct zk *zk, const char *path, const char *member, const void *data, size_t data_len,
                  zk_group_member_fn *fn, void *context, struct zk_group **ret_group)
{
    struct zk_group *g = group_new(zk, path, context);
    if (g == NULL)
        return ZK_SYSTEM_ERROR;
    g->on_member = fn;
    g->data = malloc(data_len + 1);
    if (g->data == NULL || !name_member(g, member)) {
        group_free(g);
        return ZK_SYSTEM_ERROR;
    }
    memcpy(g->data, data_len > 0 ? data : "", data_len);
    g->data_len = data_len;
    return begin(g, ret_group);
}

int zk_group_watch(struct zk *zk, const char *path, zk_group_list_fn *fn, void *context, struct zk_group **ret_group)
{
    struct zk_group *g = group_new(zk, path, context);
    if (g == NULL)
        return ZK_SYSTEM_ERROR;
    g->on_list = fn;
    return begin(g, ret_group);
}

int zk_group_list(struct zk *zk, const char *path, struct zk_result **ret_result)
{
    return zk_get_children(zk, path, NULL, NULL, ret_result);
}

void zk_group_leave(struct zk_group *g)
{
    if (g == NULL)
        return;
    pthread_mutex_lock(&g->lock);
    bool over = g->over; /* then no further state will be told */
    pthread_mutex_unlock(&g->lock);
    if (!over)
        zk_state_unlisten(g->zk, on_state, g);
    pthread_mutex_lock(&g->lock);
    g->leaving = true;
    while (g->calling && !pthread_equal(g->calling_thread, pthread_self()))
        pthread_cond_wait(&g->called, &g->lock);
    leave(g);
    unref_unlock(g);
}
