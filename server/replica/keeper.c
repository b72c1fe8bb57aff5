/* keeper.c: ClickHouse Keeper's reads. ClickHouse asks at each connection what the server can do, by reading two nodes; a
 * server without them is an Apache's to it, which it uses as far as that goes.
 *
 * The two are what this server can do, no state of the ensemble's: so they are answered here, and stand in no list of
 * children, for Apache's server has none of them. A znode that somebody makes at such a path is shown instead.
 */
#include "server/replica/core.h"

/* The bits of feature_flags, from the first byte's highest on. Not set is MULTI_WATCHES (5): the parts of a multiRead leave
 * no watch, as Apache's do not. */
enum keeper_feature {
    KEEPER_FILTERED_LIST = 0,
    KEEPER_MULTI_READ = 1,
    KEEPER_CHECK_NOT_EXISTS = 2,
    KEEPER_CREATE_IF_NOT_EXISTS = 3,
    KEEPER_REMOVE_RECURSIVE = 4,
    KEEPER_CHECK_STAT = 6,
    KEEPER_PERSISTENT_WATCHES = 7,
    KEEPER_CREATE_WITH_STATS = 8,
    KEEPER_TRY_REMOVE = 9,
    KEEPER_LIST_WITH_STAT_AND_DATA = 10,
};

#define BIT(feature) (0x80u >> (feature) % 8)

static const uint8_t feature_flags[] = {
    BIT(KEEPER_FILTERED_LIST) | BIT(KEEPER_MULTI_READ) | BIT(KEEPER_CHECK_NOT_EXISTS) |
        BIT(KEEPER_CREATE_IF_NOT_EXISTS) | BIT(KEEPER_REMOVE_RECURSIVE) | BIT(KEEPER_CHECK_STAT) |
        BIT(KEEPER_PERSISTENT_WATCHES),
    BIT(KEEPER_CREATE_WITH_STATS) | BIT(KEEPER_TRY_REMOVE) | BIT(KEEPER_LIST_WITH_STAT_AND_DATA),
};

/* For who is too old to ask for the flags: the first three of them. */
static const char api_version[] = "3";

struct zk_slice keeper_node(struct zk_slice path)
{
    if (zk_slice_eq(path, zk_slice_str("/keeper/feature_flags")))
        return zk_slice(feature_flags, sizeof feature_flags);
    if (zk_slice_eq(path, zk_slice_str("/keeper/api_version")))
        return zk_slice_str(api_version);
    return zk_slice(NULL, 0);
}

bool keeper_knows(int32_t op)
{
    return op == ZK_OP_FILTERED_LIST || op == ZK_OP_FILTERED_LIST_WITH_DATA || op == ZK_OP_LIST_RECURSIVE ||
           op == ZK_OP_CHECK_NOT_EXISTS || op == ZK_OP_CHECK_STAT;
}

static int filtered_list(struct replica *r, struct client *c, int32_t op, struct zk_jute *in, struct zk_buf *out)
{
    struct zk_filtered_list_request q = zk_filtered_list_request_decode(in, op);
    if (in->bad)
        return ZK_ERR_MARSHALLING_ERROR;
    int err = state_filtered_list(r->state, c->session, op, &q, REPLICA_GATHERED_BYTES_MAX, out);
    if (err != ZK_ERR_OK || !q.watch)
        return err;
    return read_watch(r, c, q.path, WATCH_CHILD);
}

int keeper_read(struct replica *r, struct client *c, int32_t op, struct zk_jute *in, struct zk_buf *out)
{
    struct zk_path_limit q;
    switch (op) {
    case ZK_OP_FILTERED_LIST:
    case ZK_OP_FILTERED_LIST_WITH_DATA:
        return filtered_list(r, c, op, in, out);
    case ZK_OP_LIST_RECURSIVE:
        q = zk_path_limit_decode(in);
        return in->bad ? ZK_ERR_MARSHALLING_ERROR
                       : state_list_recursive(r->state, c->session, q, REPLICA_GATHERED_BYTES_MAX, out);
    default:
        return state_compare(r->state, c->session, op, in);
    }
}
