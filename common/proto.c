#include "common/proto.h"

const char *zk_op_letters(int op)
{
    switch (op) {
#define ZK_OP(name, value, letters)                                                                                    \
    case value:                                                                                                        \
        return letters;
#include "common/proto.def"
#undef ZK_OP
    default:
        return "NA";
    }
}

void zk_stat_encode(struct zk_buf *out, const struct zk_stat *stat)
{
    zk_jute_put_long(out, stat->czxid);
    zk_jute_put_long(out, stat->mzxid);
    zk_jute_put_long(out, stat->ctime_ms);
    zk_jute_put_long(out, stat->mtime_ms);
    zk_jute_put_int(out, stat->version);
    zk_jute_put_int(out, stat->cversion);
    zk_jute_put_int(out, stat->aversion);
    zk_jute_put_long(out, stat->ephemeral_owner);
    zk_jute_put_int(out, stat->data_length);
    zk_jute_put_int(out, stat->num_children);
    zk_jute_put_long(out, stat->pzxid);
}

struct zk_stat zk_stat_decode(struct zk_jute *in)
{
    struct zk_stat stat;
    stat.czxid = zk_jute_long(in);
    stat.mzxid = zk_jute_long(in);
    stat.ctime_ms = zk_jute_long(in);
    stat.mtime_ms = zk_jute_long(in);
    stat.version = zk_jute_int(in);
    stat.cversion = zk_jute_int(in);
    stat.aversion = zk_jute_int(in);
    stat.ephemeral_owner = zk_jute_long(in);
    stat.data_length = zk_jute_int(in);
    stat.num_children = zk_jute_int(in);
    stat.pzxid = zk_jute_long(in);
    return stat;
}

void zk_acl_encode(struct zk_buf *out, const struct zk_acl *acl)
{
    zk_jute_put_int(out, acl->perms);
    zk_jute_put_string(out, acl->scheme);
    zk_jute_put_string(out, acl->id);
}

struct zk_acl zk_acl_decode(struct zk_jute *in)
{
    struct zk_acl acl;
    acl.perms = zk_jute_int(in);
    acl.scheme = zk_jute_string(in);
    acl.id = zk_jute_string(in);
    return acl;
}

struct zk_slice zk_acl_vector_decode(struct zk_jute *in)
{
    const uint8_t *start = in->at;
    int32_t count = zk_jute_count(in, ZK_ACL_MIN_BYTES);
    for (int32_t i = 0; i < count && !in->bad; i++)
        (void)zk_acl_decode(in);
    if (in->bad)
        return (struct zk_slice){NULL, 0};
    return (struct zk_slice){start, (size_t)(in->at - start)};
}

void zk_acl_vector_world(struct zk_buf *out, int32_t perms)
{
    zk_jute_put_int(out, 1);
    zk_acl_encode(out, &(struct zk_acl){perms, zk_slice_str("world"), zk_slice_str("anyone")});
}

void zk_connect_request_encode(struct zk_buf *out, const struct zk_connect_request *r)
{
    zk_jute_put_int(out, r->protocol_version);
    zk_jute_put_long(out, r->last_zxid_seen);
    zk_jute_put_int(out, r->timeout_ms);
    zk_jute_put_long(out, r->session_id);
    zk_jute_put_buffer(out, r->password);
    if (r->has_read_only)
        zk_jute_put_bool(out, r->read_only);
}

struct zk_connect_request zk_connect_request_decode(struct zk_jute *in)
{
    struct zk_connect_request r;
    r.protocol_version = zk_jute_int(in);
    r.last_zxid_seen = zk_jute_long(in);
    r.timeout_ms = zk_jute_int(in);
    r.session_id = zk_jute_long(in);
    r.password = zk_jute_buffer(in);
    r.has_read_only = !in->bad && zk_jute_left(in) > 0;
    r.read_only = r.has_read_only ? zk_jute_bool(in) : false;
    return r;
}

void zk_connect_response_encode(struct zk_buf *out, const struct zk_connect_response *r)
{
    zk_jute_put_int(out, r->protocol_version);
    zk_jute_put_int(out, r->timeout_ms);
    zk_jute_put_long(out, r->session_id);
    zk_jute_put_buffer(out, r->password);
    if (r->has_read_only)
        zk_jute_put_bool(out, r->read_only);
    if (r->protocol_version != ZK_PROTOCOL_MEMORY)
        return;
    zk_jute_put_int(out, r->memory);
    if (r->session_id == 0)
        zk_buf_append_slice(out, r->past);
}

struct zk_connect_response zk_connect_response_decode(struct zk_jute *in)
{
    struct zk_connect_response r;
    r.protocol_version = zk_jute_int(in);
    r.timeout_ms = zk_jute_int(in);
    r.session_id = zk_jute_long(in);
    r.password = zk_jute_buffer(in);
    r.has_read_only = !in->bad && zk_jute_left(in) > 0;
    r.read_only = r.has_read_only ? zk_jute_bool(in) : false;
    bool has_memory = !in->bad && r.protocol_version == ZK_PROTOCOL_MEMORY;
    r.memory = has_memory ? zk_jute_int(in) : 0;
    r.past = has_memory && r.session_id == 0 ? zk_jute_rest(in) : zk_slice(NULL, 0);
    return r;
}

void zk_past_write_encode(struct zk_buf *out, const struct zk_past_write *w)
{
    zk_jute_put_int(out, w->xid);
    zk_jute_put_long(out, w->zxid);
    zk_jute_put_int(out, w->err);
    zk_jute_put_buffer(out, w->record);
}

struct zk_past_write zk_past_write_decode(struct zk_jute *in)
{
    struct zk_past_write w;
    w.xid = zk_jute_int(in);
    w.zxid = zk_jute_long(in);
    w.err = zk_jute_int(in);
    w.record = zk_jute_buffer(in);
    return w;
}

void zk_request_header_encode(struct zk_buf *out, struct zk_request_header h)
{
    zk_jute_put_int(out, h.xid);
    zk_jute_put_int(out, h.op);
}

struct zk_request_header zk_request_header_decode(struct zk_jute *in)
{
    struct zk_request_header h;
    h.xid = zk_jute_int(in);
    h.op = zk_jute_int(in);
    return h;
}

void zk_reply_header_encode(struct zk_buf *out, struct zk_reply_header h)
{
    zk_jute_put_int(out, h.xid);
    zk_jute_put_long(out, h.zxid);
    zk_jute_put_int(out, h.err);
}

struct zk_reply_header zk_reply_header_decode(struct zk_jute *in)
{
    struct zk_reply_header h;
    h.xid = zk_jute_int(in);
    h.zxid = zk_jute_long(in);
    h.err = zk_jute_int(in);
    return h;
}

void zk_watcher_event_encode(struct zk_buf *out, const struct zk_watcher_event *e)
{
    zk_jute_put_int(out, e->type);
    zk_jute_put_int(out, e->state);
    zk_jute_put_string(out, e->path);
}

struct zk_watcher_event zk_watcher_event_decode(struct zk_jute *in)
{
    struct zk_watcher_event e;
    e.type = zk_jute_int(in);
    e.state = zk_jute_int(in);
    e.path = zk_jute_string(in);
    return e;
}

void zk_create_request_encode(struct zk_buf *out, const struct zk_create_request *r)
{
    zk_jute_put_string(out, r->path);
    zk_jute_put_buffer(out, r->data);
    zk_buf_append_slice(out, r->acl);
    zk_jute_put_int(out, r->flags);
}

struct zk_create_request zk_create_request_decode(struct zk_jute *in)
{
    struct zk_create_request r;
    r.path = zk_jute_string(in);
    r.data = zk_jute_buffer(in);
    r.acl = zk_acl_vector_decode(in);
    r.flags = zk_jute_int(in);
    return r;
}

void zk_path_version_encode(struct zk_buf *out, struct zk_path_version r)
{
    zk_jute_put_string(out, r.path);
    zk_jute_put_int(out, r.version);
}

struct zk_path_version zk_path_version_decode(struct zk_jute *in)
{
    struct zk_path_version r;
    r.path = zk_jute_string(in);
    r.version = zk_jute_int(in);
    return r;
}

void zk_path_watch_encode(struct zk_buf *out, struct zk_path_watch r)
{
    zk_jute_put_string(out, r.path);
    zk_jute_put_bool(out, r.watch);
}

struct zk_path_watch zk_path_watch_decode(struct zk_jute *in)
{
    struct zk_path_watch r;
    r.path = zk_jute_string(in);
    r.watch = zk_jute_bool(in);
    return r;
}

void zk_set_data_request_encode(struct zk_buf *out, const struct zk_set_data_request *r)
{
    zk_jute_put_string(out, r->path);
    zk_jute_put_buffer(out, r->data);
    zk_jute_put_int(out, r->version);
}

struct zk_set_data_request zk_set_data_request_decode(struct zk_jute *in)
{
    struct zk_set_data_request r;
    r.path = zk_jute_string(in);
    r.data = zk_jute_buffer(in);
    r.version = zk_jute_int(in);
    return r;
}

void zk_set_acl_request_encode(struct zk_buf *out, const struct zk_set_acl_request *r)
{
    zk_jute_put_string(out, r->path);
    zk_buf_append_slice(out, r->acl);
    zk_jute_put_int(out, r->version);
}

struct zk_set_acl_request zk_set_acl_request_decode(struct zk_jute *in)
{
    struct zk_set_acl_request r;
    r.path = zk_jute_string(in);
    r.acl = zk_acl_vector_decode(in);
    r.version = zk_jute_int(in);
    return r;
}

void zk_path_kind_encode(struct zk_buf *out, struct zk_path_kind r)
{
    zk_jute_put_string(out, r.path);
    zk_jute_put_int(out, r.kind);
}

struct zk_path_kind zk_path_kind_decode(struct zk_jute *in)
{
    struct zk_path_kind r;
    r.path = zk_jute_string(in);
    r.kind = zk_jute_int(in);
    return r;
}

void zk_auth_packet_encode(struct zk_buf *out, const struct zk_auth_packet *r)
{
    zk_jute_put_int(out, r->type);
    zk_jute_put_string(out, r->scheme);
    zk_jute_put_buffer(out, r->auth);
}

struct zk_auth_packet zk_auth_packet_decode(struct zk_jute *in)
{
    struct zk_auth_packet r;
    r.type = zk_jute_int(in);
    r.scheme = zk_jute_string(in);
    r.auth = zk_jute_buffer(in);
    return r;
}

void zk_filtered_list_request_encode(struct zk_buf *out, int32_t op, const struct zk_filtered_list_request *r)
{
    zk_jute_put_string(out, r->path);
    zk_jute_put_bool(out, r->watch);
    zk_jute_put_u8(out, r->type);
    if (op != ZK_OP_FILTERED_LIST_WITH_DATA)
        return;
    zk_jute_put_bool(out, r->with_stats);
    zk_jute_put_bool(out, r->with_data);
}

struct zk_filtered_list_request zk_filtered_list_request_decode(struct zk_jute *in, int32_t op)
{
    struct zk_filtered_list_request r = {.path = zk_jute_string(in)};
    r.watch = zk_jute_bool(in);
    r.type = zk_jute_u8(in);
    if (op == ZK_OP_FILTERED_LIST_WITH_DATA) {
        r.with_stats = zk_jute_bool(in);
        r.with_data = zk_jute_bool(in);
    }
    return r;
}

void zk_check_stat_request_encode(struct zk_buf *out, const struct zk_check_stat_request *r)
{
    zk_jute_put_string(out, r->path);
    zk_jute_put_int(out, r->version);
    zk_stat_encode(out, &r->stat);
}

struct zk_check_stat_request zk_check_stat_request_decode(struct zk_jute *in)
{
    struct zk_check_stat_request r;
    r.path = zk_jute_string(in);
    r.version = zk_jute_int(in);
    r.stat = zk_stat_decode(in);
    return r;
}

void zk_path_limit_encode(struct zk_buf *out, struct zk_path_limit r)
{
    zk_jute_put_string(out, r.path);
    zk_jute_put_int(out, (int32_t)r.limit);
}

struct zk_path_limit zk_path_limit_decode(struct zk_jute *in)
{
    struct zk_path_limit r;
    r.path = zk_jute_string(in);
    r.limit = (uint32_t)zk_jute_int(in);
    return r;
}

void zk_page_request_encode(struct zk_buf *out, const struct zk_page_request *r)
{
    zk_jute_put_string(out, r->path);
    zk_jute_put_string(out, r->from);
    zk_jute_put_string(out, r->prefix);
    zk_jute_put_int(out, r->flags);
    zk_jute_put_int(out, r->count);
}

struct zk_page_request zk_page_request_decode(struct zk_jute *in)
{
    struct zk_page_request r;
    r.path = zk_jute_string(in);
    r.from = zk_jute_string(in);
    r.prefix = zk_jute_string(in);
    r.flags = zk_jute_int(in);
    r.count = zk_jute_int(in);
    return r;
}

void zk_page_entry_encode(struct zk_buf *out, const struct zk_page_entry *e)
{
    zk_jute_put_string(out, e->name);
    zk_jute_put_bool(out, e->has_stat);
    if (e->has_stat)
        zk_stat_encode(out, &e->stat);
}

struct zk_page_entry zk_page_entry_decode(struct zk_jute *in)
{
    struct zk_page_entry e = {.name = zk_jute_string(in)};
    e.has_stat = zk_jute_bool(in);
    if (e.has_stat)
        e.stat = zk_stat_decode(in);
    return e;
}

void zk_delete_tree_request_encode(struct zk_buf *out, struct zk_delete_tree_request r)
{
    zk_jute_put_string(out, r.path);
    zk_jute_put_int(out, r.count);
}

struct zk_delete_tree_request zk_delete_tree_request_decode(struct zk_jute *in)
{
    struct zk_delete_tree_request r;
    r.path = zk_jute_string(in);
    r.count = zk_jute_int(in);
    return r;
}

void zk_delete_tree_response_encode(struct zk_buf *out, struct zk_delete_tree_response r)
{
    zk_jute_put_int(out, r.deleted);
    zk_jute_put_int(out, r.left);
}

struct zk_delete_tree_response zk_delete_tree_response_decode(struct zk_jute *in)
{
    struct zk_delete_tree_response r;
    r.deleted = zk_jute_int(in);
    r.left = zk_jute_int(in);
    return r;
}

void zk_multi_header_encode(struct zk_buf *out, struct zk_multi_header h)
{
    zk_jute_put_int(out, h.type);
    zk_jute_put_bool(out, h.done);
    zk_jute_put_int(out, h.err);
}

struct zk_multi_header zk_multi_header_decode(struct zk_jute *in)
{
    struct zk_multi_header h;
    h.type = zk_jute_int(in);
    h.done = zk_jute_bool(in);
    h.err = zk_jute_int(in);
    return h;
}
