#include "server/state/rows.h"
#include <xxhash.h>

void row_meta_encode(const struct state *s, struct zk_buf *out)
{
    size_t start = out->len;
    zk_jute_put_u8(out, ROW_FORMAT);
    zk_jute_put_int(out, s->level);
    zk_jute_put_long(out, s->time_ms);
    zk_jute_put_long(out, (int64_t)XXH3_64bits(out->ptr + start, ROW_META_FIELD_BYTES));
}

void row_session_key(const struct session *session, struct zk_buf *out)
{
    zk_jute_put_u8(out, ROW_SESSION);
    zk_jute_put_long(out, (int64_t)session->id);
}

void row_session_encode(const struct session *session, struct zk_buf *out)
{
    zk_jute_put_u8(out, ROW_FORMAT);
    zk_jute_put_int(out, (int32_t)session->generation);
    zk_jute_put_long(out, (int64_t)session->number);
    zk_jute_put_long(out, (int64_t)session->origin);
    zk_jute_put_int(out, session->timeout_ms);
    zk_jute_put_int(out, session->memory);
    zk_jute_put_int(out, session->server);
    zk_jute_put_buffer(out, zk_slice(session->password, ZK_PASSWORD_BYTES));
    zk_jute_put_buffer(out, session_identities(session));
    zk_jute_put_long(out, (int64_t)session->ended_zxid);
    zk_jute_put_long(out, session->ended_time_ms);
    zk_jute_put_int(out, (int32_t)session->result_count);
    for (uint32_t i = 0; i < session->result_count; i++) {
        const struct result *result = session_result(session, i);
        zk_jute_put_int(out, session_result_xid(session, i));
        zk_jute_put_long(out, (int64_t)result->zxid);
        zk_jute_put_int(out, result->err);
        zk_jute_put_bool(out, result->whole);
        zk_jute_put_buffer(out, zk_slice(result->len ? result->bytes : (const uint8_t *)"", result->len));
    }
}

void row_node_key(const struct state *s, uint32_t handle, struct zk_buf *out)
{
    zk_jute_put_u8(out, ROW_NODE);
    tree_path(&s->tree, handle, out);
}

/* What stands before the ACL, always as long: */
#define NODE_HEAD_BYTES 62

static void put_node_head(const struct node *n, struct zk_buf *out)
{
    zk_jute_put_u8(out, ROW_FORMAT);
    zk_jute_put_u8(out, n->kind);
    zk_jute_put_long(out, (int64_t)n->czxid);
    zk_jute_put_long(out, (int64_t)n->mzxid);
    zk_jute_put_long(out, (int64_t)n->pzxid);
    zk_jute_put_long(out, n->ctime_ms);
    zk_jute_put_long(out, n->mtime_ms);
    zk_jute_put_int(out, n->version);
    zk_jute_put_int(out, n->aversion);
    zk_jute_put_int(out, (int32_t)node_creates(n));
    zk_jute_put_long(out, n->kind == NODE_EPHEMERAL ? (int64_t)n->owner->id : mortal_ttl_ms(n));
}

void row_node_encode(const struct state *s, const struct node *n, struct zk_buf *out)
{
    put_node_head(n, out);
    zk_jute_put_buffer(out, node_acl(s, n));
    zk_jute_put_buffer(out, node_data(n));
}

void row_node_encode_own(const struct node *n, struct zk_buf *out)
{
    put_node_head(n, out);
    zk_jute_put_buffer(out, node_data(n));
}

void row_node_join(struct zk_slice own, struct zk_slice acl, struct zk_buf *out)
{
    ZK_ASSERT(own.len >= NODE_HEAD_BYTES);
    zk_buf_append(out, own.ptr, NODE_HEAD_BYTES);
    zk_jute_put_buffer(out, acl);
    zk_buf_append(out, own.ptr + NODE_HEAD_BYTES, own.len - NODE_HEAD_BYTES);
}
