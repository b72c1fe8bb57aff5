#include "server/state/inside.h"

struct zk_stat node_stat(const struct node *n)
{
    return (struct zk_stat){
        .czxid = (int64_t)n->czxid,
        .mzxid = (int64_t)n->mzxid,
        .ctime_ms = n->ctime_ms,
        .mtime_ms = n->mtime_ms,
        .version = n->version,
        /* kept: children created; shown: children created and deleted, as Apache does it */
        .cversion = (int32_t)(2 * node_creates(n) - node_child_count(n)),
        .aversion = n->aversion,
        .ephemeral_owner = n->kind == NODE_EPHEMERAL ? (int64_t)n->owner->id : 0,
        .data_length = (int32_t)n->data_len,
        .num_children = (int32_t)node_child_count(n),
        .pzxid = (int64_t)n->pzxid,
    };
}

bool node_allows(const struct state *s, const struct node *n, int32_t perms, struct zk_slice identities)
{
    struct acl *acl = acls_at(&s->acls, n->acl);
    if ((acl->world & perms) != 0)
        return true;
    asker_set(s->asker, identities);
    return acl_allows(acl, perms, s->asker);
}

struct zk_slice state_identities(const struct state *s, uint64_t session)
{
    const struct session *known = sessions_find_live(&s->sessions, session);
    if (known != NULL)
        return session_identities(known);
    struct zk_slice guest = zk_slice(NULL, 0);
    if (s->guest != NULL)
        guest = s->guest(s->guest_arg, session);
    return guest.ptr != NULL ? guest : zk_slice("\0\0\0", 4);
}

const struct node *state_find_readable(const struct state *s, uint64_t session, struct zk_slice path, int32_t perms,
                                       int *ret_err)
{
    uint32_t handle = path.ptr ? tree_find(&s->tree, path) : 0;
    *ret_err = path.ptr ? ZK_ERR_NO_NODE : ZK_ERR_MARSHALLING_ERROR;
    if (handle == 0)
        return NULL;
    const struct node *n = state_node(s, handle);
    *ret_err = ZK_ERR_NO_AUTH;
    return node_allows(s, n, perms, state_identities(s, session)) ? n : NULL;
}

static void put_stat(struct zk_buf *out, const struct node *n)
{
    struct zk_stat stat = node_stat(n);
    zk_stat_encode(out, &stat);
}

int state_exists(const struct state *s, uint64_t session, struct zk_slice path, struct zk_buf *out)
{
    int err;
    if (path.len > 0 && memchr(path.ptr, '\0', path.len) != NULL)
        return ZK_ERR_BAD_ARGUMENTS;
    const struct node *n = state_find_readable(s, session, path, ZK_PERM_READ, &err);
    if (n == NULL)
        return err;
    put_stat(out, n);
    return 0;
}

int state_get_data(const struct state *s, uint64_t session, struct zk_slice path, struct zk_buf *out)
{
    int err;
    const struct node *n = state_find_readable(s, session, path, ZK_PERM_READ, &err);
    if (n == NULL)
        return err;
    zk_jute_put_buffer(out, node_data(n));
    put_stat(out, n);
    return 0;
}

int state_get_acl(const struct state *s, uint64_t session, struct zk_slice path, struct zk_buf *out)
{
    int err;
    const struct node *n = state_find_readable(s, session, path, ZK_PERM_READ | ZK_PERM_ADMIN, &err);
    if (n == NULL)
        return err;
    if (node_allows(s, n, ZK_PERM_ADMIN, state_identities(s, session)))
        zk_buf_append_slice(out, node_acl(s, n));
    else
        acl_mask(node_acl(s, n), out);
    put_stat(out, n);
    return 0;
}

int state_get_all_children_number(const struct state *s, uint64_t session, struct zk_slice path, struct zk_buf *out)
{
    int err;
    const struct node *n = state_find_readable(s, session, path, ZK_PERM_READ, &err);
    if (n == NULL)
        return err;
    zk_jute_put_int(out, (int32_t)n->descendants);
    return 0;
}

/* --- what a session may ask about itself --- */

static bool is_blank(uint8_t c)
{
    return c <= ' ';
}

static bool means_all(struct zk_slice prefix)
{
    while (prefix.len > 0 && is_blank(prefix.ptr[0]))
        prefix = zk_slice(prefix.ptr + 1, prefix.len - 1);
    while (prefix.len > 0 && is_blank(prefix.ptr[prefix.len - 1]))
        prefix.len--;
    return prefix.len == 0 || zk_slice_eq(prefix, zk_slice_str("/"));
}

static bool begins_with(struct zk_slice path, struct zk_slice prefix)
{
    return path.len >= prefix.len && memcmp(path.ptr, prefix.ptr, prefix.len) == 0;
}

int state_get_ephemerals(const struct state *s, uint64_t session, struct zk_slice prefix, size_t bytes_max,
                         struct zk_buf *out)
{
    const struct session *known = sessions_find_live(&s->sessions, session);
    size_t count_at = out->len;
    int32_t count = 0;
    bool all = means_all(prefix);
    zk_jute_put_int(out, 0);
    for (uint32_t i = 0; known != NULL && i < known->ephemeral_count; i++) {
        size_t at = out->len;
        state_look(s);
        zk_jute_put_int(out, 0);
        tree_path(&s->tree, known->ephemerals[i], out);
        size_t len = out->len - at - 4;
        zk_jute_set_int(out, at, (int32_t)len);
        if (all || begins_with(zk_slice(out->ptr + at + 4, len), prefix))
            count++;
        else
            out->len = at;
        if (out->len - count_at > bytes_max)
            return ZK_ERR_BAD_ARGUMENTS;
    }
    zk_jute_set_int(out, count_at, count);
    return 0;
}

/* A digest id is "user:hash": the user. Any other is told as it is. */
static struct zk_slice user_of(struct zk_slice scheme, struct zk_slice id)
{
    const uint8_t *colon = id.len > 0 ? memchr(id.ptr, ':', id.len) : NULL;
    if (colon != NULL && zk_slice_eq(scheme, zk_slice_str("digest")))
        id.len = (size_t)(colon - id.ptr);
    return id;
}

void state_who_am_i(const struct state *s, uint64_t session, struct zk_buf *out)
{
    struct zk_jute in = zk_jute(state_identities(s, session));
    int32_t count = zk_jute_count(&in, 8), told = 0;
    size_t count_at = out->len;
    zk_jute_put_int(out, 0);
    for (int32_t i = 0; i < count; i++) {
        struct zk_slice scheme = zk_jute_string(&in);
        struct zk_slice id = zk_jute_string(&in);
        if (zk_slice_eq(scheme, zk_slice_str("skipacl")))
            continue;
        zk_jute_put_string(out, scheme);
        zk_jute_put_string(out, user_of(scheme, id));
        told++;
    }
    zk_jute_set_int(out, count_at, told);
}

/* --- what the replica asks --- */

bool state_stat(const struct state *s, struct zk_slice path, struct zk_stat *ret_stat)
{
    uint32_t handle = path.ptr ? tree_find(&s->tree, path) : 0;
    if (handle == 0)
        return false;
    *ret_stat = node_stat(state_node(s, handle));
    return true;
}

bool state_may_read(const struct state *s, uint64_t session, struct zk_slice acl)
{
    asker_set(s->asker, state_identities(s, session));
    return (acl_grants(acl, s->asker) & ZK_PERM_READ) != 0;
}

bool state_may_read_at(const struct state *s, uint64_t session, struct zk_slice path)
{
    uint32_t handle = path.ptr ? tree_find(&s->tree, path) : 0;
    return handle == 0 || node_allows(s, state_node(s, handle), ZK_PERM_READ, state_identities(s, session));
}
