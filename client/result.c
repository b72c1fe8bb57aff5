#include "client/face.h"

_Static_assert(sizeof(struct zk_node_stat) == sizeof(struct zk_stat), "the two are one layout");
_Static_assert(offsetof(struct zk_node_stat, pzxid) == offsetof(struct zk_stat, pzxid), "the two are one layout");

/* Nobody can be told of a failed allocation with an allocated result. */
static struct zk_result out_of_memory = {.err = ZK_SYSTEM_ERROR};

/* One block for all: the structs and arrays from the front, texts from `text` on. */
struct arena {
    uint8_t *at;
    char *text;
};

static size_t aligned(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

static void *take_array(struct arena *a, size_t size)
{
    void *ptr = a->at;
    a->at += aligned(size);
    return ptr;
}

/* With a NUL behind it; NULL for absent. */
static char *take_text(struct arena *a, struct zk_slice s)
{
    if (s.ptr == NULL)
        return NULL;
    char *text = a->text;
    if (s.len > 0)
        memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    a->text += s.len + 1;
    return text;
}

/* Every text comes from the reply with at least 4 bytes of length before it, or is the constant "/" of a stripped
 * path, which had a longer one on the wire; so NULs fit where lengths were. */
static size_t text_bytes(const struct zkc_reply *r)
{
    return r->path.len + r->data.len + r->children.len + r->page.len + r->acl.len + r->identities.len + r->steps.len + 8;
}

static int32_t vector_count(struct zk_slice vector, size_t element_min_bytes)
{
    struct zk_jute in = zk_jute(vector);
    int32_t count = vector.ptr ? zk_jute_count(&in, element_min_bytes) : 0;
    return count > 0 ? count : 0;
}

static size_t step_count(const struct zkc *core, const struct zkc_reply *r)
{
    struct zk_jute in = zk_jute(r->steps);
    struct zkc_reply step;
    size_t count = 0;
    while (r->steps.ptr != NULL && zkc_multi_next(core, &in, &step))
        count++;
    return count;
}

static size_t children_bytes(const struct zkc_reply *r)
{
    return aligned((size_t)vector_count(r->children, 4) * sizeof(char *));
}

/* Names, what points to Stats, and at most as many Stats. */
static size_t page_bytes(const struct zkc_reply *r)
{
    size_t count = (size_t)vector_count(r->page, ZK_PAGE_ENTRY_MIN_BYTES);
    size_t stats = (size_t)zk_min_u64(count, r->page.len / ZK_STAT_BYTES);
    return 2 * aligned(count * sizeof(char *)) + aligned(stats * sizeof(struct zk_node_stat));
}

static size_t step_bytes(const struct zkc *core, const struct zkc_reply *r)
{
    struct zk_jute in = zk_jute(r->steps);
    struct zkc_reply step;
    size_t bytes = aligned(step_count(core, r) * sizeof(struct zk_result));
    while (r->steps.ptr != NULL && zkc_multi_next(core, &in, &step))
        bytes += children_bytes(&step);
    return bytes;
}

static size_t array_bytes(const struct zkc *core, const struct zkc_reply *r)
{
    return aligned(sizeof(struct zk_result)) + children_bytes(r) + page_bytes(r) +
           aligned((size_t)vector_count(r->acl, ZK_ACL_MIN_BYTES) * sizeof(struct zk_acl_entry)) +
           aligned((size_t)vector_count(r->identities, 8) * sizeof(struct zk_identity)) + step_bytes(core, r);
}

static void fill_plain(struct zk_result *ret, struct arena *a, const struct zkc_reply *r)
{
    ret->err = r->err;
    ret->zxid = r->zxid;
    ret->path = take_text(a, r->path);
    ret->data = take_text(a, r->data);
    ret->data_len = r->data.len;
    ret->has_stat = r->has_stat;
    memcpy(&ret->stat, &r->stat, sizeof ret->stat);
    ret->count = r->count;
    ret->more = r->more;
}

/* Ephemerals come as whole paths, which may have the chroot in front; children are names. */
static void fill_children(struct zk_result *ret, struct arena *a, const struct zkc *core, const struct zkc_reply *r)
{
    size_t count = (size_t)vector_count(r->children, 4);
    const char **names = take_array(a, count * sizeof *names);
    struct zk_jute in = zk_jute(r->children);
    if (count > 0)
        zk_jute_int(&in);
    for (size_t i = 0; i < count; i++) {
        struct zk_slice text = zk_jute_string(&in);
        if (r->op == ZK_OP_GET_EPHEMERALS)
            text = zkc_strip_chroot(core, text);
        const char *name = take_text(a, text);
        names[i] = name ? name : "";
    }
    ret->children = count > 0 ? names : NULL;
    ret->child_count = count;
}

static void fill_page(struct zk_result *ret, struct arena *a, const struct zkc_reply *r)
{
    size_t count = (size_t)vector_count(r->page, ZK_PAGE_ENTRY_MIN_BYTES);
    if (count == 0)
        return;
    const char **names = take_array(a, count * sizeof *names);
    const struct zk_node_stat **pointers = take_array(a, count * sizeof *pointers);
    struct zk_node_stat *stats = take_array(a, (size_t)zk_min_u64(count, r->page.len / ZK_STAT_BYTES) * sizeof *stats);
    struct zk_jute in = zk_jute(r->page);
    zk_jute_int(&in);
    for (size_t i = 0; i < count; i++) {
        struct zk_page_entry e = zk_page_entry_decode(&in);
        const char *name = take_text(a, e.name);
        names[i] = name ? name : "";
        if (e.has_stat) {
            memcpy(stats, &e.stat, sizeof *stats);
            pointers[i] = stats++;
        }
    }
    ret->children = names;
    ret->child_count = count;
    ret->child_stats = pointers;
}

static void fill_identities(struct zk_result *ret, struct arena *a, struct zk_slice vector)
{
    size_t count = (size_t)vector_count(vector, 8);
    struct zk_identity *identities = take_array(a, count * sizeof *identities);
    struct zk_jute in = zk_jute(vector);
    if (count > 0)
        zk_jute_int(&in);
    for (size_t i = 0; i < count; i++) {
        const char *scheme = take_text(a, zk_jute_string(&in));
        const char *user = take_text(a, zk_jute_string(&in));
        identities[i] = (struct zk_identity){scheme ? scheme : "", user ? user : ""};
    }
    ret->identities = count > 0 ? identities : NULL;
    ret->identity_count = count;
}

static void fill_acl(struct zk_result *ret, struct arena *a, struct zk_slice vector)
{
    size_t count = (size_t)vector_count(vector, ZK_ACL_MIN_BYTES);
    struct zk_acl_entry *entries = take_array(a, count * sizeof *entries);
    struct zk_jute in = zk_jute(vector);
    if (count > 0)
        zk_jute_int(&in);
    for (size_t i = 0; i < count; i++) {
        struct zk_acl acl = zk_acl_decode(&in);
        const char *scheme = take_text(a, acl.scheme);
        const char *id = take_text(a, acl.id);
        entries[i] = (struct zk_acl_entry){acl.perms, scheme ? scheme : "", id ? id : ""};
    }
    ret->acl = (struct zk_acl_list){count > 0 ? entries : NULL, count};
}

static void fill_steps(struct zk_result *ret, struct arena *a, struct zkc *core, const struct zkc_reply *r)
{
    size_t count = step_count(core, r);
    struct zk_result *steps = take_array(a, count * sizeof *steps);
    struct zk_jute in = zk_jute(r->steps);
    struct zkc_reply step;
    for (size_t i = 0; i < count && zkc_multi_next(core, &in, &step); i++) {
        fill_plain(&steps[i], a, &step);
        fill_children(&steps[i], a, core, &step);
    }
    ret->steps = count > 0 ? steps : NULL;
    ret->step_count = count;
}

struct zk_result *zk_result_build(struct zkc *core, const struct zkc_reply *reply)
{
    size_t arrays = array_bytes(core, reply);
    uint8_t *block = calloc(1, arrays + text_bytes(reply));
    if (block == NULL)
        return &out_of_memory;
    struct arena a = {block, (char *)block + arrays};
    struct zk_result *result = take_array(&a, sizeof *result);
    fill_plain(result, &a, reply);
    fill_children(result, &a, core, reply);
    fill_page(result, &a, reply);
    fill_acl(result, &a, reply->acl);
    fill_identities(result, &a, reply->identities);
    fill_steps(result, &a, core, reply);
    return result;
}

void zk_result_free(struct zk_result *result)
{
    if (result != &out_of_memory)
        free(result);
}
