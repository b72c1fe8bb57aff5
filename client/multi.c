#include "client/multi.h"

/* One step; its texts are in the builder's `bytes`, by place, since those move as they grow. */
struct step {
    int32_t op;
    int32_t flags;
    int32_t version;
    int64_t ttl_ms;
    bool has_data, has_acl;
    size_t path_at, path_len;
    size_t data_at, data_len;
    size_t acl_at, acl_len;
};

struct zk_multi {
    struct zk_buf steps; /* of struct step */
    struct zk_buf bytes;
};

struct zk_multi *zk_multi_new(void)
{
    return calloc(1, sizeof(struct zk_multi));
}

void zk_multi_free(struct zk_multi *multi)
{
    if (multi == NULL)
        return;
    zk_buf_fini(&multi->steps);
    zk_buf_fini(&multi->bytes);
    free(multi);
}

static size_t keep(struct zk_multi *multi, const void *ptr, size_t len)
{
    size_t at = multi->bytes.len;
    zk_buf_append(&multi->bytes, ptr, len);
    return at;
}

static void add(struct zk_multi *multi, struct step step, const char *path, const void *data, size_t data_len,
                const struct zk_acl_list *acl)
{
    step.path_len = path ? strlen(path) : 0;
    step.path_at = keep(multi, path, step.path_len);
    step.has_data = data != NULL;
    step.data_len = data ? data_len : 0;
    step.data_at = keep(multi, data, step.data_len);
    step.has_acl = acl != NULL;
    step.acl_at = multi->bytes.len;
    if (acl != NULL)
        zk_acl_list_encode(&multi->bytes, acl);
    step.acl_len = multi->bytes.len - step.acl_at;
    zk_buf_append(&multi->steps, &step, sizeof step);
}

void zk_multi_create(struct zk_multi *multi, const char *path, const void *data, size_t data_len,
                     const struct zk_acl_list *acl, int flags)
{
    int32_t op = flags & ZK_CONTAINER ? ZK_OP_CREATE_CONTAINER : ZK_OP_CREATE2;
    add(multi, (struct step){.op = op, .flags = flags & ~ZK_CONTAINER}, path, data, data_len, acl);
}

void zk_multi_create_ttl(struct zk_multi *multi, const char *path, const void *data, size_t data_len,
                         const struct zk_acl_list *acl, int flags, int64_t ttl_ms)
{
    add(multi, (struct step){.op = ZK_OP_CREATE_TTL, .flags = flags, .ttl_ms = ttl_ms}, path, data, data_len, acl);
}

void zk_multi_delete(struct zk_multi *multi, const char *path, int32_t version)
{
    add(multi, (struct step){.op = ZK_OP_DELETE, .version = version}, path, NULL, 0, NULL);
}

void zk_multi_set(struct zk_multi *multi, const char *path, const void *data, size_t data_len, int32_t version)
{
    add(multi, (struct step){.op = ZK_OP_SET_DATA, .version = version}, path, data, data_len, NULL);
}

void zk_multi_check(struct zk_multi *multi, const char *path, int32_t version)
{
    add(multi, (struct step){.op = ZK_OP_CHECK, .version = version}, path, NULL, 0, NULL);
}

size_t zk_multi_count(const struct zk_multi *multi)
{
    return multi->steps.len / sizeof(struct step);
}

struct zkc_request *zk_multi_steps(const struct zk_multi *multi)
{
    size_t count = zk_multi_count(multi);
    struct zkc_request *requests = calloc(count + 1, sizeof *requests);
    if (requests == NULL || multi->steps.failed || multi->bytes.failed) {
        free(requests);
        return NULL;
    }
    const uint8_t *bytes = multi->bytes.ptr;
    for (size_t i = 0; i < count; i++) {
        struct step step;
        memcpy(&step, multi->steps.ptr + i * sizeof step, sizeof step);
        requests[i] = (struct zkc_request){
            .op = step.op, .flags = step.flags, .version = step.version, .ttl_ms = step.ttl_ms};
        requests[i].path = zk_slice(bytes + step.path_at, step.path_len);
        if (step.has_data)
            requests[i].data = zk_slice(bytes + step.data_at, step.data_len);
        if (step.has_acl)
            requests[i].acl = zk_slice(bytes + step.acl_at, step.acl_len);
    }
    return requests;
}
