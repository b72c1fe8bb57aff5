#include "tests/sim/model_impl.h"
#include "common/path.h"
#include <stdio.h>

/* --- quotas: counted again from nothing whenever they are asked --- */

#define QUOTA "/zookeeper/quota"

static const struct model_version *at_path(const struct model *m, const char *dir, struct zk_slice path, const char *name)
{
    char text[512];
    snprintf(text, sizeof(text), "%s%.*s%s", dir, (int)path.len, (const char *)path.ptr, name);
    return model_now(model_node_at(m, zk_slice_str(text)));
}

static void count_usage(const struct model *m, struct zk_slice path, int64_t *ret_count, int64_t *ret_bytes)
{
    *ret_count = *ret_bytes = 0;
    for (const struct model_node *n = m->first; n; n = n->next_ever)
        if (model_now(n) && zk_path_within(model_path(n), path)) {
            ++*ret_count;
            *ret_bytes += (int64_t)model_now(n)->data.len;
        }
}

/* The number behind "key=", -1 if it is not there. */
static int64_t limit_of(const struct model_version *limits, const char *key)
{
    char text[256], *end;
    snprintf(text, sizeof(text), "%.*s", (int)limits->data.len, (const char *)limits->data.ptr);
    for (char *pair = strtok_r(text, ",;", &end); pair; pair = strtok_r(NULL, ",;", &end))
        if (strncmp(pair, key, strlen(key)) == 0 && pair[strlen(key)] == '=')
            return strtoll(pair + strlen(key) + 1, NULL, 10);
    return -1;
}

/* "/a/b": the next prefix of `path` behind one of `len` bytes; 0: there is none. */
static size_t next_prefix(struct zk_slice path, size_t len)
{
    if (len >= path.len)
        return 0;
    for (len++; len < path.len && path.ptr[len] != '/'; len++)
        ;
    return len;
}

bool model_passes_quota(const struct request *q, struct zk_slice path, int64_t count, int64_t bytes)
{
    bool is_enforced = q->command->options & COMMAND_ENFORCE_QUOTA;
    if (!is_enforced || zk_path_within(path, zk_slice_str("/zookeeper")))
        return false;
    for (size_t len = next_prefix(path, 0); len > 0; len = next_prefix(path, len)) {
        struct zk_slice prefix = zk_slice(path.ptr, len);
        const struct model_version *limits = at_path(q->model, QUOTA, prefix, "/zookeeper_limits");
        int64_t have_count, have_bytes;
        if (!limits || !at_path(q->model, QUOTA, prefix, "/zookeeper_stats"))
            continue;
        count_usage(q->model, prefix, &have_count, &have_bytes);
        int64_t most = limit_of(limits, "countHardLimit"), most_bytes = limit_of(limits, "byteHardLimit");
        if ((count && most > -1 && have_count + count > most) ||
            (bytes && most_bytes > -1 && have_bytes + bytes > most_bytes))
            return true;
    }
    return false;
}

/* The stats of what `subject` holds, if they are there, are as they should be from now on. */
static void refresh_stats(struct request *q, struct zk_slice subject)
{
    char text[512];
    int64_t count, bytes;
    snprintf(text, sizeof(text), QUOTA "%.*s/zookeeper_stats", (int)subject.len, (const char *)subject.ptr);
    struct model_node *node = model_node_at(q->model, zk_slice_str(text));
    if (!model_now(node))
        return;
    count_usage(q->model, subject, &count, &bytes);
    snprintf(text, sizeof(text), "count=%lld,bytes=%lld", (long long)count, (long long)bytes);
    if (zk_slice_eq(model_now(node)->data, zk_slice_str(text)))
        return;
    struct model_version *v = model_touch(q->model, node, q->zxid);
    v->data = zk_slice_str(model_keep_text(q->model, text));
    v->stat.data_length = (int32_t)v->data.len;
}

void model_refresh_quotas(struct request *q, struct zk_slice path, bool is_removed)
{
    struct zk_slice name = zk_path_basename(path);
    struct zk_slice subject = zk_slice(path.ptr + strlen(QUOTA), path.len - strlen(QUOTA) - name.len - 1);
    bool is_quota = zk_path_within(path, zk_slice_str(QUOTA)) && path.len > strlen(QUOTA) + name.len + 1 &&
                    (zk_slice_eq(name, zk_slice_str("zookeeper_limits")) ||
                     zk_slice_eq(name, zk_slice_str("zookeeper_stats")));
    if (is_quota && !is_removed)
        refresh_stats(q, subject);
    if (zk_path_within(path, zk_slice_str("/zookeeper")))
        return;
    for (size_t len = next_prefix(path, 0); len > 0; len = next_prefix(path, len))
        if (at_path(q->model, QUOTA, zk_slice(path.ptr, len), "/zookeeper_limits"))
            refresh_stats(q, zk_slice(path.ptr, len));
}
