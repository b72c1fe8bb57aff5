#include "client/face.h"
#include "client/multi.h"

/* --- starting --- */

/* Takes the call and its watcher on success, frees them otherwise. */
static int start(struct zk *zk, struct zkc_request *r, zk_result_fn *fn, void *context, zk_watch_fn *watch,
                 void *watch_context)
{
    struct zk_call *call = calloc(1, sizeof *call);
    struct zk_watcher *watcher = watch ? calloc(1, sizeof *watcher) : NULL;
    int err = ZK_SYSTEM_ERROR;
    if (call != NULL && (watch == NULL || watcher != NULL)) {
        *call = (struct zk_call){fn, context, watcher};
        if (watcher != NULL)
            *watcher = (struct zk_watcher){watch, watch_context};
        r->tag = (uint64_t)(uintptr_t)call;
        r->watch_tag = (uint64_t)(uintptr_t)watcher;
        pthread_mutex_lock(&zk->lock);
        err = zkc_submit(zk->core, zk_now_ms(), r);
        if (err == ZK_OK)
            zk_poke(zk);
        pthread_mutex_unlock(&zk->lock);
    }
    if (err != ZK_OK) {
        free(call);
        free(watcher);
    }
    return err;
}

static int start_plain(struct zk *zk, struct zkc_request r, zk_result_fn *fn, void *context)
{
    return start(zk, &r, fn, context, NULL, NULL);
}

/* An ACL as it travels; absent for NULL, which the core makes open. */
static struct zk_slice encode_acl(struct zk_buf *out, const struct zk_acl_list *acl)
{
    if (acl == NULL)
        return zk_slice(NULL, 0);
    zk_acl_list_encode(out, acl);
    return zk_buf_slice(out);
}

static int start_create(struct zk *zk, struct zkc_request r, const struct zk_acl_list *acl, zk_result_fn *fn,
                        void *context)
{
    struct zk_buf acl_bytes = {0};
    r.acl = encode_acl(&acl_bytes, acl);
    int err = acl_bytes.failed ? ZK_SYSTEM_ERROR : start_plain(zk, r, fn, context);
    zk_buf_fini(&acl_bytes);
    return err;
}

int zk_create_async(struct zk *zk, const char *path, const void *data, size_t data_len, const struct zk_acl_list *acl,
                    int flags, zk_result_fn *fn, void *context)
{
    struct zkc_request r = {.path = zk_slice_str(path), .data = zk_slice(data, data_len)};
    r.op = flags & ZK_CONTAINER ? ZK_OP_CREATE_CONTAINER : ZK_OP_CREATE2;
    r.flags = flags & ~ZK_CONTAINER;
    return start_create(zk, r, acl, fn, context);
}

int zk_create_ttl_async(struct zk *zk, const char *path, const void *data, size_t data_len,
                        const struct zk_acl_list *acl, int flags, int64_t ttl_ms, zk_result_fn *fn, void *context)
{
    struct zkc_request r = {.op = ZK_OP_CREATE_TTL,
                            .path = zk_slice_str(path),
                            .data = zk_slice(data, data_len),
                            .flags = flags,
                            .ttl_ms = ttl_ms};
    return start_create(zk, r, acl, fn, context);
}

int zk_delete_async(struct zk *zk, const char *path, int32_t version, zk_result_fn *fn, void *context)
{
    return start_plain(zk, (struct zkc_request){.op = ZK_OP_DELETE, .path = zk_slice_str(path), .version = version},
                       fn, context);
}

int zk_exists_async(struct zk *zk, const char *path, zk_watch_fn *watch, void *watch_context, zk_result_fn *fn,
                    void *context)
{
    struct zkc_request r = {.op = ZK_OP_EXISTS, .path = zk_slice_str(path)};
    return start(zk, &r, fn, context, watch, watch_context);
}

int zk_get_async(struct zk *zk, const char *path, zk_watch_fn *watch, void *watch_context, zk_result_fn *fn,
                 void *context)
{
    struct zkc_request r = {.op = ZK_OP_GET_DATA, .path = zk_slice_str(path)};
    return start(zk, &r, fn, context, watch, watch_context);
}

int zk_get_config_async(struct zk *zk, zk_watch_fn *watch, void *watch_context, zk_result_fn *fn, void *context)
{
    struct zkc_request r = {.op = ZK_OP_GET_DATA, .path = zk_slice_str("/zookeeper/config"), .no_chroot = true};
    return start(zk, &r, fn, context, watch, watch_context);
}

int zk_set_async(struct zk *zk, const char *path, const void *data, size_t data_len, int32_t version,
                 zk_result_fn *fn, void *context)
{
    return start_plain(
        zk,
        (struct zkc_request){
            .op = ZK_OP_SET_DATA, .path = zk_slice_str(path), .data = zk_slice(data, data_len), .version = version},
        fn, context);
}

int zk_get_children_async(struct zk *zk, const char *path, zk_watch_fn *watch, void *watch_context, zk_result_fn *fn,
                          void *context)
{
    struct zkc_request r = {.op = ZK_OP_GET_CHILDREN2, .path = zk_slice_str(path)};
    return start(zk, &r, fn, context, watch, watch_context);
}

static struct zk_slice optional(const char *text)
{
    return text ? zk_slice_str(text) : zk_slice(NULL, 0);
}

int zk_get_children_page_async(struct zk *zk, const char *path, const struct zk_page *page, zk_result_fn *fn,
                               void *context)
{
    struct zkc_request r = {.op = ZK_OP_GET_CHILDREN_PAGE, .path = zk_slice_str(path)};
    r.from = optional(page->from);
    r.prefix = optional(page->prefix);
    r.flags = (page->stats ? ZK_PAGE_STATS : 0) | (page->after ? ZK_PAGE_AFTER : 0);
    r.count = page->count;
    return start_plain(zk, r, fn, context);
}

int zk_delete_tree_async(struct zk *zk, const char *path, int32_t count, zk_result_fn *fn, void *context)
{
    return start_plain(zk, (struct zkc_request){.op = ZK_OP_DELETE_TREE, .path = zk_slice_str(path), .count = count},
                       fn, context);
}

int zk_get_acl_async(struct zk *zk, const char *path, zk_result_fn *fn, void *context)
{
    return start_plain(zk, (struct zkc_request){.op = ZK_OP_GET_ACL, .path = zk_slice_str(path)}, fn, context);
}

int zk_set_acl_async(struct zk *zk, const char *path, const struct zk_acl_list *acl, int32_t version,
                     zk_result_fn *fn, void *context)
{
    struct zk_buf acl_bytes = {0};
    struct zkc_request r = {
        .op = ZK_OP_SET_ACL, .path = zk_slice_str(path), .acl = encode_acl(&acl_bytes, acl), .version = version};
    int err = acl_bytes.failed ? ZK_SYSTEM_ERROR : start_plain(zk, r, fn, context);
    zk_buf_fini(&acl_bytes);
    return err;
}

int zk_sync_async(struct zk *zk, const char *path, zk_result_fn *fn, void *context)
{
    return start_plain(zk, (struct zkc_request){.op = ZK_OP_SYNC, .path = zk_slice_str(path)}, fn, context);
}

int zk_add_auth_async(struct zk *zk, const char *scheme, const void *auth, size_t auth_len, zk_result_fn *fn,
                      void *context)
{
    return start_plain(
        zk, (struct zkc_request){.op = ZK_OP_AUTH, .scheme = zk_slice_str(scheme), .data = zk_slice(auth, auth_len)},
        fn, context);
}

int zk_add_watch_async(struct zk *zk, const char *path, bool recursive, zk_watch_fn *watch, void *watch_context,
                       zk_result_fn *fn, void *context)
{
    struct zkc_request r = {.op = ZK_OP_ADD_WATCH,
                            .path = zk_slice_str(path),
                            .kind = recursive ? ZK_ADD_WATCH_PERSISTENT_RECURSIVE : ZK_ADD_WATCH_PERSISTENT};
    return start(zk, &r, fn, context, watch, watch_context);
}

int zk_remove_watches_async(struct zk *zk, const char *path, enum zk_watch_kind kind, zk_result_fn *fn, void *context)
{
    return start_plain(
        zk, (struct zkc_request){.op = ZK_OP_REMOVE_WATCHES, .path = zk_slice_str(path), .kind = (int32_t)kind}, fn,
        context);
}

int zk_count_below_async(struct zk *zk, const char *path, zk_result_fn *fn, void *context)
{
    return start_plain(zk, (struct zkc_request){.op = ZK_OP_GET_ALL_CHILDREN_NUMBER, .path = zk_slice_str(path)}, fn,
                       context);
}

int zk_get_ephemerals_async(struct zk *zk, const char *prefix, zk_result_fn *fn, void *context)
{
    return start_plain(zk, (struct zkc_request){.op = ZK_OP_GET_EPHEMERALS, .path = zk_slice_str(prefix)}, fn,
                       context);
}

int zk_who_am_i_async(struct zk *zk, zk_result_fn *fn, void *context)
{
    return start_plain(zk, (struct zkc_request){.op = ZK_OP_WHO_AM_I}, fn, context);
}

int zk_read_many_async(struct zk *zk, const struct zk_read *reads, size_t count, zk_result_fn *fn, void *context)
{
    struct zkc_request *steps = calloc(count + 1, sizeof *steps);
    if (steps == NULL)
        return ZK_SYSTEM_ERROR;
    for (size_t i = 0; i < count; i++)
        steps[i] = (struct zkc_request){.op = reads[i].children ? ZK_OP_GET_CHILDREN : ZK_OP_GET_DATA,
                                        .path = zk_slice_str(reads[i].path)};
    struct zkc_request r = {.op = ZK_OP_MULTI_READ, .steps = steps, .step_count = count};
    int err = start_plain(zk, r, fn, context);
    free(steps);
    return err;
}

int zk_multi_commit_async(struct zk *zk, const struct zk_multi *multi, zk_result_fn *fn, void *context)
{
    struct zkc_request *steps = zk_multi_steps(multi);
    if (steps == NULL)
        return ZK_SYSTEM_ERROR;
    struct zkc_request r = {.op = ZK_OP_MULTI, .steps = steps, .step_count = zk_multi_count(multi)};
    int err = start_plain(zk, r, fn, context);
    free(steps);
    return err;
}

/* --- waiting --- */

struct wait {
    struct zk *zk;
    pthread_cond_t answered;
    bool done;
    struct zk_result *result;
};

static void on_answer(struct zk *zk, struct zk_result *result, void *context)
{
    struct wait *wait = context;
    pthread_mutex_lock(&zk->lock);
    wait->result = result;
    wait->done = true;
    pthread_cond_signal(&wait->answered);
    pthread_mutex_unlock(&zk->lock);
}

/* A call that would wait for its own loop would wait for ever. */
static int wait_begin(struct wait *wait, struct zk *zk, struct zk_result **ret_result)
{
    if (ret_result != NULL)
        *ret_result = NULL;
    if (!zk_may_wait(zk))
        return ZK_INVALID_STATE;
    *wait = (struct wait){.zk = zk};
    pthread_cond_init(&wait->answered, NULL);
    return ZK_OK;
}

/* `err` is what starting the operation returned. A result is handed on when it says OK, or if it has steps. */
static int wait_end(struct wait *wait, int err, struct zk_result **ret_result)
{
    if (err == ZK_OK) {
        pthread_mutex_lock(&wait->zk->lock);
        while (!wait->done)
            pthread_cond_wait(&wait->answered, &wait->zk->lock);
        pthread_mutex_unlock(&wait->zk->lock);
        err = wait->result->err;
        if (ret_result != NULL && (err == ZK_OK || wait->result->step_count > 0))
            *ret_result = wait->result;
        else
            zk_result_free(wait->result);
    }
    pthread_cond_destroy(&wait->answered);
    return err;
}

/* CALL is an asynchronous operation that ends in the arguments on_answer, &wait. */
#define WAIT_FOR(zk, call, ret_result)                                                                               \
    do {                                                                                                             \
        struct wait wait;                                                                                            \
        int err = wait_begin(&wait, zk, ret_result);                                                                 \
        return err == ZK_OK ? wait_end(&wait, call, ret_result) : err;                                               \
    } while (0)

int zk_create(struct zk *zk, const char *path, const void *data, size_t data_len, const struct zk_acl_list *acl,
              int flags, struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_create_async(zk, path, data, data_len, acl, flags, on_answer, &wait), ret_result);
}

int zk_create_ttl(struct zk *zk, const char *path, const void *data, size_t data_len, const struct zk_acl_list *acl,
                  int flags, int64_t ttl_ms, struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_create_ttl_async(zk, path, data, data_len, acl, flags, ttl_ms, on_answer, &wait), ret_result);
}

int zk_delete(struct zk *zk, const char *path, int32_t version)
{
    WAIT_FOR(zk, zk_delete_async(zk, path, version, on_answer, &wait), NULL);
}

int zk_exists(struct zk *zk, const char *path, zk_watch_fn *watch, void *watch_context, struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_exists_async(zk, path, watch, watch_context, on_answer, &wait), ret_result);
}

int zk_get(struct zk *zk, const char *path, zk_watch_fn *watch, void *watch_context, struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_get_async(zk, path, watch, watch_context, on_answer, &wait), ret_result);
}

int zk_get_config(struct zk *zk, zk_watch_fn *watch, void *watch_context, struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_get_config_async(zk, watch, watch_context, on_answer, &wait), ret_result);
}

int zk_set(struct zk *zk, const char *path, const void *data, size_t data_len, int32_t version,
           struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_set_async(zk, path, data, data_len, version, on_answer, &wait), ret_result);
}

int zk_get_children(struct zk *zk, const char *path, zk_watch_fn *watch, void *watch_context,
                    struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_get_children_async(zk, path, watch, watch_context, on_answer, &wait), ret_result);
}

int zk_get_children_page(struct zk *zk, const char *path, const struct zk_page *page, struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_get_children_page_async(zk, path, page, on_answer, &wait), ret_result);
}

int zk_delete_tree(struct zk *zk, const char *path, int32_t count, struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_delete_tree_async(zk, path, count, on_answer, &wait), ret_result);
}

int zk_get_acl(struct zk *zk, const char *path, struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_get_acl_async(zk, path, on_answer, &wait), ret_result);
}

int zk_set_acl(struct zk *zk, const char *path, const struct zk_acl_list *acl, int32_t version,
               struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_set_acl_async(zk, path, acl, version, on_answer, &wait), ret_result);
}

int zk_sync(struct zk *zk, const char *path)
{
    WAIT_FOR(zk, zk_sync_async(zk, path, on_answer, &wait), NULL);
}

int zk_add_auth(struct zk *zk, const char *scheme, const void *auth, size_t auth_len)
{
    WAIT_FOR(zk, zk_add_auth_async(zk, scheme, auth, auth_len, on_answer, &wait), NULL);
}

int zk_add_watch(struct zk *zk, const char *path, bool recursive, zk_watch_fn *watch, void *watch_context)
{
    WAIT_FOR(zk, zk_add_watch_async(zk, path, recursive, watch, watch_context, on_answer, &wait), NULL);
}

int zk_remove_watches(struct zk *zk, const char *path, enum zk_watch_kind kind)
{
    WAIT_FOR(zk, zk_remove_watches_async(zk, path, kind, on_answer, &wait), NULL);
}

int zk_count_below(struct zk *zk, const char *path, struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_count_below_async(zk, path, on_answer, &wait), ret_result);
}

int zk_get_ephemerals(struct zk *zk, const char *prefix, struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_get_ephemerals_async(zk, prefix, on_answer, &wait), ret_result);
}

int zk_who_am_i(struct zk *zk, struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_who_am_i_async(zk, on_answer, &wait), ret_result);
}

int zk_read_many(struct zk *zk, const struct zk_read *reads, size_t count, struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_read_many_async(zk, reads, count, on_answer, &wait), ret_result);
}

int zk_multi_commit(struct zk *zk, const struct zk_multi *multi, struct zk_result **ret_result)
{
    WAIT_FOR(zk, zk_multi_commit_async(zk, multi, on_answer, &wait), ret_result);
}
