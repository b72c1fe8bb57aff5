#include "common/path.h"
#include "server/state/children.h"
#include <xxhash.h>

_Static_assert(sizeof(struct node) == 112, "the README tells what a znode costs");

static uint32_t *place_at(const struct tree *t, uint32_t handle)
{
    return (uint32_t *)(t->chunks[handle / NODE_CHUNK] + NODE_CHUNK) + handle % NODE_CHUNK;
}

static uint32_t place_of(const struct tree *t, struct zk_slice path)
{
    return (uint32_t)XXH3_64bits_withSeed(path.ptr, path.len, t->index.secret);
}

static uint64_t hash_of(const void *owner, uint32_t handle)
{
    return *place_at(owner, handle);
}

static uint32_t *chain_of(void *owner, uint32_t handle)
{
    return &tree_at(owner, handle)->chain;
}

static const struct index_ops node_index_ops = {hash_of, chain_of};

void tree_init(struct tree *t)
{
    memset(t, 0, sizeof *t);
    t->used = 1;
    index_init(&t->index, t, &node_index_ops);
}

static uint32_t chunk_count(const struct tree *t)
{
    return t->chunks == NULL ? 0 : (t->used - 1) / NODE_CHUNK + 1;
}

void tree_fini(struct tree *t)
{
    children_fini(t);
    for (uint32_t i = 1; i < t->used; i++)
        free(tree_at(t, i)->body);
    for (uint32_t i = 0; i < chunk_count(t); i++)
        free(t->chunks[i]);
    free(t->chunks);
    index_fini(&t->index);
}

uint64_t tree_hash(struct zk_slice path)
{
    return XXH3_64bits(path.ptr, path.len);
}

/* Compares the names from the last to the first with the path's components. */
static bool is_path(const struct tree *t, const struct node *n, struct zk_slice path)
{
    size_t end = path.len;
    while (n->parent != 0) {
        size_t need = (size_t)n->name_len + 1;
        if (end < need || path.ptr[end - need] != '/' ||
            memcmp(path.ptr + end - n->name_len, n->body, n->name_len) != 0)
            return false;
        end -= need;
        n = tree_at(t, n->parent);
    }
    return end == 0;
}

uint32_t tree_find(const struct tree *t, struct zk_slice path)
{
    if (path.len <= 1)
        return path.len == 0 || path.ptr[0] == '/' ? NODE_ROOT : 0;
    uint64_t hash = tree_hash(path);
    for (uint32_t h = *index_bucket(&t->index, place_of(t, path)); h != 0; h = tree_at(t, h)->chain) {
        const struct node *n = tree_at(t, h);
        if (n->hash == hash && is_path(t, n, path))
            return h;
    }
    return 0;
}

uint32_t tree_find_child(const struct tree *t, uint32_t parent, struct zk_slice path)
{
    uint64_t hash = tree_hash(path);
    struct zk_slice name = zk_path_basename(path);
    for (uint32_t h = *index_bucket(&t->index, place_of(t, path)); h != 0; h = tree_at(t, h)->chain) {
        const struct node *n = tree_at(t, h);
        if (n->hash == hash && n->parent == parent && zk_slice_eq(node_name(n), name))
            return h;
    }
    return 0;
}

void tree_path(const struct tree *t, uint32_t handle, struct zk_buf *out)
{
    if (handle == NODE_ROOT) {
        zk_buf_append_byte(out, '/');
        return;
    }
    size_t len = 0;
    for (const struct node *n = tree_at(t, handle); n->parent != 0; n = tree_at(t, n->parent))
        len += (size_t)n->name_len + 1;
    if (!zk_buf_reserve(out, len))
        return;
    out->len += len;
    uint8_t *end = out->ptr + out->len;
    for (const struct node *n = tree_at(t, handle); n->parent != 0; n = tree_at(t, n->parent)) {
        end -= n->name_len;
        memcpy(end, n->body, n->name_len);
        *--end = '/';
    }
}

uint8_t *node_body(struct zk_slice name, struct zk_slice data, size_t room)
{
    if (name.len + data.len + room == 0)
        return NULL;
    uint8_t *body = zk_alloc(name.len + data.len + room);
    if (name.len > 0)
        memcpy(body, name.ptr, name.len);
    if (data.len > 0)
        memcpy(body + name.len, data.ptr, data.len);
    return body;
}

static uint32_t take_handle(struct tree *t)
{
    if (t->free != 0) {
        uint32_t handle = t->free;
        t->free = tree_at(t, handle)->chain;
        return handle;
    }
    ZK_ASSERT(t->used < UINT32_MAX);
    uint32_t chunk = t->used / NODE_CHUNK;
    if (chunk >= t->chunk_cap) {
        t->chunk_cap = t->chunk_cap ? t->chunk_cap * 2 : 16;
        t->chunks = zk_realloc(t->chunks, t->chunk_cap * sizeof *t->chunks);
    }
    if (t->used % NODE_CHUNK == 0 || t->used == 1)
        t->chunks[chunk] = zk_alloc(NODE_CHUNK * (sizeof **t->chunks + sizeof(uint32_t)));
    return t->used++;
}

uint32_t tree_make(struct tree *t, struct zk_slice path, struct zk_slice data, size_t room)
{
    uint32_t handle = take_handle(t);
    struct node *n = tree_at(t, handle);
    struct zk_slice name = zk_path_basename(path);
    memset(n, 0, sizeof *n);
    *place_at(t, handle) = place_of(t, path);
    n->hash = tree_hash(path);
    n->body = node_body(name, data, room);
    n->name_len = (uint16_t)name.len;
    n->data_len = (uint32_t)data.len;
    n->data_null = data.ptr == NULL;
    return handle;
}

void tree_drop(struct tree *t, uint32_t handle)
{
    struct node *n = tree_at(t, handle);
    free(n->body);
    memset(n, 0, sizeof *n);
    n->chain = t->free;
    t->free = handle;
}

/* One more below `parent` and everything above it, or (uint32_t)-1: one less. */
static void count_below(struct tree *t, uint32_t parent, uint32_t change, uint64_t bytes)
{
    for (uint32_t h = parent; h != 0; h = tree_at(t, h)->parent) {
        tree_at(t, h)->descendants += change;
        tree_at(t, h)->bytes_below += bytes;
    }
}

void tree_grown(struct tree *t, uint32_t parent, uint64_t bytes)
{
    if (bytes != 0)
        count_below(t, parent, 0, bytes);
}

void tree_link(struct tree *t, uint32_t handle)
{
    index_insert(&t->index, handle);
    const struct node *n = tree_at(t, handle);
    if (n->parent == 0)
        return;
    children_add(t, handle);
    count_below(t, n->parent, 1, n->data_len);
}

void tree_unlink(struct tree *t, uint32_t handle)
{
    const struct node *n = tree_at(t, handle);
    index_remove(&t->index, handle);
    children_remove(t, handle);
    count_below(t, n->parent, (uint32_t)-1, -(uint64_t)n->data_len);
}
