/* check, and what ClickHouse Keeper makes of it: is a node there, is it not, is it as it was? */
#include "common/path.h"
#include "server/state/inside.h"

/* -1 asks for no version. */
static bool version_fits(int32_t expected, int32_t actual)
{
    return expected == -1 || expected == actual;
}

static bool fits(int64_t expected, int64_t actual)
{
    return expected == -1 || expected == actual;
}

static bool stat_fits(const struct zk_stat *expected, const struct zk_stat *actual)
{
    return fits(expected->czxid, actual->czxid) && fits(expected->mzxid, actual->mzxid) &&
           fits(expected->ctime_ms, actual->ctime_ms) && fits(expected->mtime_ms, actual->mtime_ms) &&
           fits(expected->version, actual->version) && fits(expected->cversion, actual->cversion) &&
           fits(expected->aversion, actual->aversion) && fits(expected->ephemeral_owner, actual->ephemeral_owner) &&
           fits(expected->data_length, actual->data_length) && fits(expected->num_children, actual->num_children) &&
           fits(expected->pzxid, actual->pzxid);
}

static struct zk_check_stat_request decode(int32_t op, struct zk_jute *in)
{
    if (op == ZK_OP_CHECK_STAT)
        return zk_check_stat_request_decode(in);
    struct zk_path_version r = zk_path_version_decode(in);
    return (struct zk_check_stat_request){.path = r.path, .version = r.version};
}

int node_compare(const struct state *s, struct zk_slice identities, int32_t op, struct zk_jute *in)
{
    struct zk_check_stat_request r = decode(op, in);
    if (in->bad)
        return ZK_ERR_MARSHALLING_ERROR;
    if (zk_path_check(r.path, false) != NULL)
        return ZK_ERR_BAD_ARGUMENTS;
    uint32_t handle = tree_find(&s->tree, r.path);
    if (handle == 0)
        return op == ZK_OP_CHECK_NOT_EXISTS ? 0 : ZK_ERR_NO_NODE;
    const struct node *n = state_node(s, handle);
    if (!node_allows(s, n, ZK_PERM_READ, identities))
        return ZK_ERR_NO_AUTH;
    bool is_it = version_fits(r.version, n->version);
    if (op == ZK_OP_CHECK_NOT_EXISTS)
        return is_it ? ZK_ERR_NODE_EXISTS : 0;
    struct zk_stat stat = node_stat(n);
    return is_it && (op != ZK_OP_CHECK_STAT || stat_fits(&r.stat, &stat)) ? 0 : ZK_ERR_BAD_VERSION;
}

int state_compare(const struct state *s, uint64_t session, int32_t op, struct zk_jute *in)
{
    return node_compare(s, state_identities(s, session), op, in);
}
