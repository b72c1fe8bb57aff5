/* Deleting a subtree: its nodes one by one, children before their parents, siblings in the order of their names, each with
 * the events and the quotas of a delete by itself. What may not happen is found out before anything has. */
#include "server/state/effects.h"
#include "server/state/write.h"

/* The first to go of the subtree: down to a node without children, by first children. */
static uint32_t first_to_go(const struct state *s, uint32_t handle)
{
    for (uint32_t h = handle; h != 0; h = children_first(&s->tree, state_node(s, h)))
        handle = h;
    return handle;
}

/* Who goes behind `handle`, which is still there. */
static uint32_t next_to_go(const struct state *s, uint32_t handle)
{
    uint32_t sibling = children_after(&s->tree, handle);
    return sibling != 0 ? first_to_go(s, sibling) : state_node(s, handle)->parent;
}

/* May the first `count` nodes of the subtree go? */
static int check_parents(const struct call *call, uint32_t top, uint32_t count)
{
    const struct state *s = call->s;
    uint32_t allowed = 0, h = first_to_go(s, top);
    for (uint32_t i = 0; i < count; i++, h = next_to_go(s, h)) {
        uint32_t parent = state_node(s, h)->parent;
        if (parent != allowed && !call_allows(call, parent, ZK_PERM_DELETE))
            return ZK_ERR_NO_AUTH;
        allowed = parent;
    }
    return 0;
}

/* What the paths of the subtree take together: below a node there are so many that begin with its own path. */
static uint64_t path_bytes(const struct state *s, uint32_t top, size_t top_len)
{
    uint64_t bytes = ((uint64_t)state_node(s, top)->descendants + 1) * top_len;
    for (uint32_t h = first_to_go(s, top); h != top; h = next_to_go(s, h))
        bytes += ((uint64_t)state_node(s, h)->descendants + 1) * (state_node(s, h)->name_len + 1u);
    return bytes;
}

/* Outside a multi nothing can fail any more, so what has gone is handed on as it goes. */
static void remove_one(struct call *call, uint32_t handle)
{
    struct state *s = call->s;
    s->path.len = 0;
    tree_path(&s->tree, handle, &s->path);
    write_remove(s, handle, zk_buf_slice(&s->path), call->fx);
    if (call->in_multi)
        return;
    change_commit(s);
    effects_hand_out(s, call->fx);
    change_begin(s);
}

static void remove_some(struct call *call, uint32_t top, uint32_t count)
{
    struct state *s = call->s;
    uint32_t above = state_node(s, top)->parent, h = first_to_go(s, top);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t parent = state_node(s, h)->parent;
        remove_one(call, h);
        h = parent == above ? 0 : first_to_go(s, parent);
    }
}

int write_delete_tree(struct call *call, struct zk_jute *in, struct zk_buf *out)
{
    struct zk_delete_tree_request r = zk_delete_tree_request_decode(in);
    if (in->bad || r.path.ptr == NULL)
        return ZK_ERR_MARSHALLING_ERROR;
    if (r.count < 0)
        return ZK_ERR_BAD_ARGUMENTS;
    uint32_t top;
    int err = write_find_doomed(call, r.path, &top);
    if (err != 0)
        return err;
    uint32_t size = state_node(call->s, top)->descendants + 1;
    uint32_t most = r.count > 0 && r.count < ZK_DELETE_TREE_MAX ? (uint32_t)r.count : ZK_DELETE_TREE_MAX;
    uint32_t count = size < most ? size : most;
    err = check_parents(call, top, count);
    if (err != 0)
        return err;
    remove_some(call, top, count);
    zk_delete_tree_response_encode(out, (struct zk_delete_tree_response){(int32_t)count, (int32_t)(size - count)});
    return 0;
}

/* ClickHouse Keeper's: the whole subtree or nothing; what is not there need not be removed. */
int write_remove_recursive(struct call *call, struct zk_jute *in)
{
    struct zk_path_limit r = zk_path_limit_decode(in);
    if (in->bad || r.path.ptr == NULL)
        return ZK_ERR_MARSHALLING_ERROR;
    uint32_t top;
    int err = write_find_doomed(call, r.path, &top);
    if (err != 0)
        return err == ZK_ERR_NO_NODE ? 0 : err;
    uint32_t size = state_node(call->s, top)->descendants + 1;
    if (size > r.limit || size > STATE_REMOVE_RECURSIVE_MAX - call->removed)
        return ZK_ERR_NOT_EMPTY;
    uint64_t bytes = path_bytes(call->s, top, r.path.len);
    if (bytes > STATE_REMOVE_RECURSIVE_BYTES_MAX - call->removed_path_bytes)
        return ZK_ERR_NOT_EMPTY;
    err = check_parents(call, top, size);
    if (err != 0)
        return err;
    call->removed += size;
    call->removed_path_bytes += bytes;
    remove_some(call, top, size);
    return 0;
}
