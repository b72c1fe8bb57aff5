#include "client/recipes/place.h"
#include "client/recipes/parents.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { GUID_BYTES = 16, SEQUENCE_DIGITS = 10 };

struct zkr_place {
    struct zkr_machine m; /* it leaves to delete its node */
    struct zkr_place_calls calls;
    void *context;

    char *path;
    char *prefix;     /* path, '/', and the name up to its number */
    const char *name; /* inside prefix */
    void *data;
    size_t data_len;

    char *node; /* once known */
    uint64_t fence;
    bool first;
    bool ended; /* on_ended was called, or will be */
    bool gone;  /* the owner has left, and the node is deleted */
    zkr_place_left_fn *on_left;
    void *left_context;
};

/* --- names --- */

bool zkr_place_sequence(const char *name, int32_t *ret_number)
{
    size_t len = strlen(name);
    if (len < SEQUENCE_DIGITS)
        return false;
    const char *digits = name + len - SEQUENCE_DIGITS;
    for (const char *at = digits; *at != '\0'; at++)
        if (!isdigit((unsigned char)*at))
            return false;
    int64_t number = strtoll(digits, NULL, 10);
    /* "-lock--2147483648": after the largest number it goes on with the smallest. */
    bool negative = len >= SEQUENCE_DIGITS + 2 && digits[-1] == '-' && digits[-2] == '-';
    *ret_number = (int32_t)(uint32_t)(negative ? -number : number);
    return true;
}

/* Before and after in a circle: numbers wrap, queues are short. */
static bool is_before(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a - (uint32_t)b) < 0;
}

const char *zkr_place_first_of(const struct zk_result *children)
{
    const char *first = NULL;
    int32_t least = 0, number;
    for (size_t i = 0; i < children->child_count; i++) {
        if (zkr_place_sequence(children->children[i], &number) && (first == NULL || is_before(number, least))) {
            first = children->children[i];
            least = number;
        }
    }
    return first;
}

/* The one right before `own`, NULL if there is none. False if `own` is not there. */
static bool find_before(const struct zk_result *children, const char *own, const char **ret_before)
{
    int32_t own_number, number, best = 0;
    bool there = false;
    *ret_before = NULL;
    if (!zkr_place_sequence(own, &own_number))
        return false;
    for (size_t i = 0; i < children->child_count; i++) {
        const char *name = children->children[i];
        there = there || strcmp(name, own) == 0;
        if (!zkr_place_sequence(name, &number) || !is_before(number, own_number))
            continue;
        if (*ret_before == NULL || is_before(best, number)) {
            *ret_before = name;
            best = number;
        }
    }
    return there;
}

/* --- life --- */

static void place_free(void *place)
{
    struct zkr_place *p = place;
    zkr_machine_fini(&p->m);
    free(p->path);
    free(p->prefix);
    free(p->data);
    free(p->node);
    free(p);
}

static void end(struct zkr_place *p, int code)
{
    if (p->ended)
        return;
    p->ended = true;
    p->first = false;
    if (zkr_machine_call_begin(&p->m)) {
        p->calls.on_ended(code, p->context);
        zkr_machine_call_end(&p->m);
    }
}

/* --- moving on: every step below is called with the lock held and starts at most one request --- */

static void look(struct zkr_place *p);
static void create(struct zkr_place *p);
static void remove_node(struct zkr_place *p);

static void tell_left(struct zkr_place *p, int code)
{
    zkr_place_left_fn *fn = p->on_left;
    p->on_left = NULL;
    p->gone = true;
    if (fn == NULL)
        return;
    pthread_mutex_unlock(&p->m.lock);
    fn(code, p->left_context);
    pthread_mutex_lock(&p->m.lock);
}

/* `code` is what starting a request returned: started, it keeps a reference until it comes back. */
static void started(struct zkr_place *p, int code)
{
    if (code == ZK_OK) {
        p->m.refs++;
        p->m.busy = true;
        return;
    }
    if (p->m.leaving)
        tell_left(p, code); /* the session is over, and takes the node with it */
    else
        end(p, code);
}

/* After an answer that decided nothing more. */
static void go_on(struct zkr_place *p)
{
    if (p->m.busy)
        return;
    bool again = p->m.again;
    p->m.again = false;
    if (p->m.leaving)
        remove_node(p);
    else if (again && !p->ended)
        look(p);
}

static void on_own_watch(struct zk *zk, const struct zk_watch_event *event, void *context);

static void on_own_seen(struct zk *zk, struct zk_result *result, void *context)
{
    struct zkr_place *p = zkr_machine_come_back(context);
    if (result->err != ZK_OK)
        p->m.refs--; /* the watch's: it was not set */
    if (!p->m.leaving && !p->ended) {
        if (result->err == ZK_NO_NODE)
            end(p, ZK_NO_NODE);
        else if (zkr_is_unknown(result->err))
            p->m.again = true;
        else if (result->err != ZK_OK)
            end(p, result->err);
        else if (!p->first) {
            p->first = true;
            uint64_t fence = p->fence;
            if (zkr_machine_call_begin(&p->m)) {
                p->calls.on_first(fence, p->context);
                zkr_machine_call_end(&p->m);
            }
        }
    }
    zk_result_free(result);
    go_on(p);
    zkr_machine_unref_unlock(p);
}

/* First in the list: before we say so, watch our own node, so that its end will not be missed. */
static void watch_own(struct zkr_place *p)
{
    p->m.refs++;
    int code = zk_get_async(p->m.zk, p->node, on_own_watch, p, on_own_seen, p);
    if (code != ZK_OK)
        p->m.refs--;
    started(p, code);
}

static void on_own_watch(struct zk *zk, const struct zk_watch_event *event, void *context)
{
    struct zkr_place *p = context;
    pthread_mutex_lock(&p->m.lock);
    if (event->type == ZK_NODE_DELETED) {
        end(p, ZK_NO_NODE);
    } else if (event->type != ZK_WATCH_ENDED) { /* the watch is spent: set it again */
        p->m.again = true;
        go_on(p);
    }
    zkr_machine_unref_unlock(p);
}

static void on_before_watch(struct zk *zk, const struct zk_watch_event *event, void *context)
{
    struct zkr_place *p = context;
    pthread_mutex_lock(&p->m.lock);
    if (event->type != ZK_WATCH_ENDED) {
        p->m.again = true;
        go_on(p);
    }
    zkr_machine_unref_unlock(p);
}

static void on_before_seen(struct zk *zk, struct zk_result *result, void *context)
{
    struct zkr_place *p = zkr_machine_come_back(context);
    if (result->err != ZK_OK)
        p->m.refs--; /* the watch's: it was not set */
    if (result->err == ZK_NO_NODE || zkr_is_unknown(result->err)) {
        p->m.again = true;
    } else if (result->err != ZK_OK) {
        end(p, result->err);
    } else if (!p->ended && p->calls.on_waiting != NULL && zkr_machine_call_begin(&p->m)) {
        p->calls.on_waiting(p->context);
        zkr_machine_call_end(&p->m);
    }
    zk_result_free(result);
    go_on(p);
    zkr_machine_unref_unlock(p);
}

/* get and not exists: of a node that is not there, exists would leave a watch behind. */
static void watch_before(struct zkr_place *p, const char *name)
{
    char *path = zkr_child_path(p->path, name);
    if (path == NULL) {
        end(p, ZK_SYSTEM_ERROR);
        return;
    }
    p->m.refs++;
    int code = zk_get_async(p->m.zk, path, on_before_watch, p, on_before_seen, p);
    if (code != ZK_OK)
        p->m.refs--;
    started(p, code);
    free(path);
}

static void on_looked(struct zk *zk, struct zk_result *result, void *context)
{
    struct zkr_place *p = zkr_machine_come_back(context);
    const char *before;
    if (p->m.leaving || p->ended)
        ;
    else if (zkr_is_unknown(result->err))
        p->m.again = true;
    else if (result->err != ZK_OK)
        end(p, result->err);
    else if (!find_before(result, strrchr(p->node, '/') + 1, &before))
        end(p, ZK_NO_NODE);
    else if (before == NULL)
        watch_own(p);
    else
        watch_before(p, before);
    zk_result_free(result);
    go_on(p);
    zkr_machine_unref_unlock(p);
}

static void look(struct zkr_place *p)
{
    started(p, zk_get_children_async(p->m.zk, p->path, NULL, NULL, on_looked, p));
}

/* --- entering --- */

static void have_node(struct zkr_place *p, const char *node, int64_t czxid)
{
    p->node = strdup(node);
    p->fence = (uint64_t)czxid;
    if (p->node == NULL)
        end(p, ZK_SYSTEM_ERROR);
    else
        p->m.again = true;
}

static void find_own(struct zkr_place *p);

static void on_own_stat(struct zk *zk, struct zk_result *result, void *context)
{
    struct zkr_place *p = zkr_machine_come_back(context);
    if (result->err == ZK_OK) {
        p->fence = (uint64_t)result->stat.czxid;
        p->m.again = true;
    } else if (result->err == ZK_NO_NODE) {
        end(p, ZK_NO_NODE);
    } else if (zkr_is_unknown(result->err)) {
        started(p, zk_exists_async(p->m.zk, p->node, NULL, NULL, on_own_stat, p));
    } else {
        end(p, result->err);
    }
    zk_result_free(result);
    go_on(p);
    zkr_machine_unref_unlock(p);
}

static void on_listed(struct zk *zk, struct zk_result *result, void *context)
{
    struct zkr_place *p = zkr_machine_come_back(context);
    const char *found = NULL;
    for (size_t i = 0; i < result->child_count && found == NULL; i++)
        if (strncmp(result->children[i], p->name, strlen(p->name)) == 0)
            found = result->children[i];
    if (zkr_is_unknown(result->err)) {
        find_own(p);
    } else if (result->err != ZK_OK && result->err != ZK_NO_NODE) {
        end(p, result->err);
    } else if (found == NULL) {
        if (!p->m.leaving)
            create(p);
    } else if (asprintf(&p->node, "%.*s%s", (int)(p->name - p->prefix), p->prefix, found) < 0) {
        p->node = NULL;
        end(p, ZK_SYSTEM_ERROR);
    } else {
        started(p, zk_exists_async(p->m.zk, p->node, NULL, NULL, on_own_stat, p));
    }
    zk_result_free(result);
    go_on(p);
    zkr_machine_unref_unlock(p);
}

static void on_synced(struct zk *zk, struct zk_result *result, void *context)
{
    struct zkr_place *p = zkr_machine_come_back(context);
    if (result->err == ZK_OK)
        started(p, zk_get_children_async(p->m.zk, p->path, NULL, NULL, on_listed, p));
    else if (zkr_is_unknown(result->err))
        find_own(p);
    else
        end(p, result->err);
    zk_result_free(result);
    go_on(p);
    zkr_machine_unref_unlock(p);
}

/* The create's answer was lost. It may have happened, and the server we are on now may not know yet. */
static void find_own(struct zkr_place *p)
{
    started(p, zk_sync_async(p->m.zk, p->path, on_synced, p));
}

static void on_parents(int code, void *context)
{
    struct zkr_place *p = zkr_machine_come_back(context);
    if (code != ZK_OK)
        end(p, code);
    else if (!p->m.leaving)
        create(p);
    go_on(p);
    zkr_machine_unref_unlock(p);
}

static void on_created(struct zk *zk, struct zk_result *result, void *context)
{
    struct zkr_place *p = zkr_machine_come_back(context);
    if (result->err == ZK_OK)
        have_node(p, result->path, result->stat.czxid);
    else if (zkr_is_unknown(result->err))
        find_own(p);
    else if (result->err == ZK_NO_NODE && !p->m.leaving)
        started(p, zkr_parents_make(p->m.zk, p->path, on_parents, p));
    else
        end(p, result->err);
    zk_result_free(result);
    go_on(p);
    zkr_machine_unref_unlock(p);
}

static void create(struct zkr_place *p)
{
    started(p, zk_create_async(p->m.zk, p->prefix, p->data, p->data_len, NULL, ZK_EPHEMERAL | ZK_SEQUENTIAL, on_created,
                               p));
}

/* --- leaving --- */

static void on_removed(struct zk *zk, struct zk_result *result, void *context)
{
    struct zkr_place *p = zkr_machine_come_back(context);
    int code = result->err == ZK_NO_NODE ? ZK_OK : result->err;
    zk_result_free(result);
    if (zkr_is_unknown(code))
        remove_node(p);
    else
        tell_left(p, code);
    zkr_machine_unref_unlock(p);
}

/* Without a node there is nothing to delete: it was never made. */
static void remove_node(struct zkr_place *p)
{
    if (p->gone)
        return;
    if (p->m.over)
        tell_left(p, ZK_SESSION_EXPIRED);
    else if (p->node == NULL)
        tell_left(p, ZK_OK);
    else
        started(p, zk_delete_async(p->m.zk, p->node, ZK_ANY_VERSION, on_removed, p));
}

/* --- the session --- */

static void on_state(struct zk *zk, enum zk_session_state state, void *context)
{
    struct zkr_place *p = context;
    pthread_mutex_lock(&p->m.lock);
    p->m.refs++;
    p->m.over = state >= ZK_SESSION_IS_EXPIRED;
    if (p->m.over || (state == ZK_SESSION_IS_LOST && p->first))
        end(p, state == ZK_SESSION_IS_AUTH_FAILED ? ZK_AUTH_FAILED : ZK_SESSION_EXPIRED);
    zkr_machine_unref_unlock(p);
}

/* --- entrance and exit --- */

static bool make_names(struct zkr_place *p, const char *path, const char *kind)
{
    uint8_t guid[GUID_BYTES];
    char hex[2 * GUID_BYTES + 1], name[sizeof hex + 32];
    if (getrandom(guid, sizeof guid, 0) != (ssize_t)sizeof guid)
        return false;
    for (size_t i = 0; i < sizeof guid; i++)
        snprintf(hex + 2 * i, 3, "%02x", guid[i]);
    snprintf(name, sizeof name, "_c_%s-%.16s-", hex, kind);
    p->path = strdup(path);
    p->prefix = zkr_child_path(path, name);
    if (p->path == NULL || p->prefix == NULL)
        return false;
    p->name = strrchr(p->prefix, '/') + 1;
    return true;
}

int zkr_place_enter(struct zk *zk, const char *path, const char *kind, const void *data, size_t data_len,
                    const struct zkr_place_calls *calls, void *context, struct zkr_place **ret_place)
{
    struct zkr_place *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ZK_SYSTEM_ERROR;
    zkr_machine_init(&p->m, zk, place_free);
    p->calls = *calls;
    p->context = context;
    p->data = malloc(data_len + 1);
    int code = p->data && make_names(p, path, kind) ? ZK_OK : ZK_SYSTEM_ERROR;
    if (code == ZK_OK) {
        memcpy(p->data, data_len > 0 ? data : "", data_len);
        p->data_len = data_len;
        code = zkr_machine_listen(&p->m, on_state);
    }
    if (code != ZK_OK) {
        place_free(p);
        return code;
    }
    *ret_place = p; /* before the first answer can come */
    pthread_mutex_lock(&p->m.lock);
    code = zk_create_async(zk, p->prefix, p->data, p->data_len, NULL, ZK_EPHEMERAL | ZK_SEQUENTIAL, on_created, p);
    if (code == ZK_OK)
        started(p, code);
    pthread_mutex_unlock(&p->m.lock);
    if (code != ZK_OK) {
        zkr_machine_unlisten(&p->m);
        place_free(p);
        *ret_place = NULL;
    }
    return code;
}

void zkr_place_leave(struct zkr_place *p, zkr_place_left_fn *fn, void *context)
{
    p->on_left = fn; /* nobody looks at it before it has left */
    p->left_context = context;
    zkr_machine_leave(&p->m);
    if (!p->m.busy)
        remove_node(p);
    zkr_machine_unref_unlock(p);
}
