#include "client/recipes/machine.h"
#include "client/recipes/parents.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A membership or a watch on one. */
struct zk_group {
    struct zkr_machine m;
    char *path;
    char *node; /* of a member; NULL: this one watches */
    void *data;
    size_t data_len;
    zk_group_member_fn *on_member;
    zk_group_list_fn *on_list;
    void *context;
    bool joined;
    bool tried; /* a create was sent, so the node may be ours */
    bool ended;
    bool gone;
};

/* --- life --- */

static void group_free(void *group)
{
    struct zk_group *g = group;
    zkr_machine_fini(&g->m);
    free(g->path);
    free(g->node);
    free(g->data);
    free(g);
}

static void tell_member(struct zk_group *g, int code)
{
    if (g->on_member == NULL || !zkr_machine_call_begin(&g->m))
        return;
    g->on_member(g, code, g->context);
    zkr_machine_call_end(&g->m);
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
    if (zkr_machine_call_begin(&g->m)) {
        g->on_list(g, code, names, count, g->context);
        zkr_machine_call_end(&g->m);
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
        g->m.refs++;
        g->m.busy = true;
    } else {
        end(g, code);
        g->gone = true;
    }
}

static void go_on(struct zk_group *g)
{
    if (g->m.busy)
        return;
    bool again = g->m.again;
    g->m.again = false;
    if (g->m.leaving)
        leave(g);
    else if (again && !g->ended && g->node != NULL)
        join(g);
    else if (again && !g->ended)
        list(g);
}

static void on_watch(struct zk *zk, const struct zk_watch_event *event, void *context)
{
    struct zk_group *g = context;
    pthread_mutex_lock(&g->m.lock);
    if (event->type == ZK_NODE_DELETED && g->joined) {
        end(g, ZK_NO_NODE);
    } else if (event->type != ZK_WATCH_ENDED) {
        g->m.again = true;
        go_on(g);
    }
    zkr_machine_unref_unlock(g);
}

/* --- a member: create; if the name is there, see whose it is, and if it is not ours wait for its end --- */

static bool is_ours(struct zk_group *g, const struct zk_result *result)
{
    struct zk_session session;
    return zk_session_get(g->m.zk, &session) && result->stat.ephemeral_owner == session.id;
}

static void on_seen(struct zk *zk, struct zk_result *result, void *context)
{
    struct zk_group *g = zkr_machine_come_back(context);
    if (result->err != ZK_OK)
        g->m.refs--; /* the watch's: get sets none */
    if (result->err == ZK_OK && is_ours(g, result) && !g->joined) {
        g->joined = true;
        tell_member(g, ZK_OK);
    } else if (result->err == ZK_NO_NODE && g->joined) {
        end(g, ZK_NO_NODE);
    } else if (result->err == ZK_NO_NODE || zkr_is_unknown(result->err)) {
        g->m.again = true;
    } else if (result->err != ZK_OK) {
        end(g, result->err);
    }
    zk_result_free(result);
    go_on(g);
    zkr_machine_unref_unlock(g);
}

static void see(struct zk_group *g)
{
    g->m.refs++;
    int code = zk_get_async(g->m.zk, g->node, on_watch, g, on_seen, g);
    if (code != ZK_OK)
        g->m.refs--;
    started(g, code);
}

static void on_parents(int code, void *context)
{
    struct zk_group *g = zkr_machine_come_back(context);
    if (code != ZK_OK)
        end(g, code);
    else
        g->m.again = true;
    go_on(g);
    zkr_machine_unref_unlock(g);
}

static void on_created(struct zk *zk, struct zk_result *result, void *context)
{
    struct zk_group *g = zkr_machine_come_back(context);
    int code = result->err;
    zk_result_free(result);
    if (g->m.leaving)
        ;
    else if (code == ZK_OK || code == ZK_NODE_EXISTS)
        see(g);
    else if (zkr_is_unknown(code))
        g->m.again = true;
    else if (code == ZK_NO_NODE)
        started(g, zkr_parents_make(g->m.zk, g->path, on_parents, g));
    else
        end(g, code);
    go_on(g);
    zkr_machine_unref_unlock(g);
}

static void join(struct zk_group *g)
{
    if (g->joined) {
        see(g);
        return;
    }
    g->tried = true;
    started(g, zk_create_async(g->m.zk, g->node, g->data, g->data_len, NULL, ZK_EPHEMERAL, on_created, g));
}

/* --- leaving: only what is ours is deleted --- */

static void on_removed(struct zk *zk, struct zk_result *result, void *context)
{
    struct zk_group *g = zkr_machine_come_back(context);
    g->gone = !zkr_is_unknown(result->err);
    zk_result_free(result);
    leave(g);
    zkr_machine_unref_unlock(g);
}

static void on_owner(struct zk *zk, struct zk_result *result, void *context)
{
    struct zk_group *g = zkr_machine_come_back(context);
    if (result->err == ZK_OK && is_ours(g, result))
        started(g, zk_delete_async(g->m.zk, g->node, ZK_ANY_VERSION, on_removed, g));
    else
        g->gone = !zkr_is_unknown(result->err);
    zk_result_free(result);
    go_on(g);
    zkr_machine_unref_unlock(g);
}

static void on_synced(struct zk *zk, struct zk_result *result, void *context)
{
    struct zk_group *g = zkr_machine_come_back(context);
    if (result->err == ZK_OK)
        started(g, zk_exists_async(g->m.zk, g->node, NULL, NULL, on_owner, g));
    else
        g->gone = !zkr_is_unknown(result->err);
    zk_result_free(result);
    go_on(g);
    zkr_machine_unref_unlock(g);
}

/* A create whose answer was lost may have happened, and the server we are on now may not know yet. */
static void leave(struct zk_group *g)
{
    if (g->gone || g->m.busy || g->m.over || !g->tried)
        return;
    started(g, zk_sync_async(g->m.zk, g->path, on_synced, g));
}

/* --- watching --- */

static void on_missing(struct zk *zk, struct zk_result *result, void *context)
{
    struct zk_group *g = zkr_machine_come_back(context);
    if (result->err != ZK_OK && result->err != ZK_NO_NODE)
        g->m.refs--; /* the watch's: it was not set */
    if (result->err == ZK_NO_NODE)
        tell_list(g, ZK_OK, NULL);
    else if (result->err == ZK_OK || zkr_is_unknown(result->err))
        g->m.again = true;
    else
        end(g, result->err);
    zk_result_free(result);
    go_on(g);
    zkr_machine_unref_unlock(g);
}

static void on_listed(struct zk *zk, struct zk_result *result, void *context)
{
    struct zk_group *g = zkr_machine_come_back(context);
    if (result->err != ZK_OK)
        g->m.refs--; /* the watch's: it was not set */
    if (g->m.leaving) {
        ;
    } else if (result->err == ZK_OK) {
        tell_list(g, ZK_OK, result);
    } else if (zkr_is_unknown(result->err)) {
        g->m.again = true;
    } else if (result->err == ZK_NO_NODE) {
        g->m.refs++;
        int code = zk_exists_async(g->m.zk, g->path, on_watch, g, on_missing, g);
        if (code != ZK_OK)
            g->m.refs--;
        started(g, code);
    } else {
        end(g, result->err);
    }
    zk_result_free(result);
    go_on(g);
    zkr_machine_unref_unlock(g);
}

static void list(struct zk_group *g)
{
    g->m.refs++;
    int code = zk_get_children_async(g->m.zk, g->path, on_watch, g, on_listed, g);
    if (code != ZK_OK)
        g->m.refs--;
    started(g, code);
}

/* --- entrance and exit --- */

static void on_state(struct zk *zk, enum zk_session_state state, void *context)
{
    struct zk_group *g = context;
    pthread_mutex_lock(&g->m.lock);
    g->m.refs++;
    g->m.over = state >= ZK_SESSION_IS_EXPIRED;
    if (g->m.over)
        end(g, state == ZK_SESSION_IS_AUTH_FAILED ? ZK_AUTH_FAILED : ZK_SESSION_EXPIRED);
    zkr_machine_unref_unlock(g);
}

static struct zk_group *group_new(struct zk *zk, const char *path, void *context)
{
    struct zk_group *g = calloc(1, sizeof *g);
    if (g == NULL)
        return NULL;
    zkr_machine_init(&g->m, zk, group_free);
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
    int code = zkr_machine_listen(&g->m, on_state);
    if (code == ZK_OK) {
        *ret_group = g;
        pthread_mutex_lock(&g->m.lock);
        if (g->node != NULL) {
            g->tried = true;
            code = zk_create_async(g->m.zk, g->node, g->data, g->data_len, NULL, ZK_EPHEMERAL, on_created, g);
        } else {
            code = zk_get_children_async(g->m.zk, g->path, on_watch, g, on_listed, g);
            g->m.refs += code == ZK_OK;
        }
        if (code == ZK_OK)
            started(g, code);
        pthread_mutex_unlock(&g->m.lock);
        if (code != ZK_OK)
            zkr_machine_unlisten(&g->m);
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
    g->node = zkr_child_path(g->path, member);
    return g->node != NULL;
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
    zkr_machine_leave(&g->m);
    leave(g);
    zkr_machine_unref_unlock(g);
}
