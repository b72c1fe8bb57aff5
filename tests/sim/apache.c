#include "tests/sim/apache.h"

struct request {
    struct request *next;
    uint64_t tag;
    uint64_t watch_tag;
    int32_t op;
    int32_t kind; /* removeWatches' */
    int32_t xid; /* 0: not sent yet */
    char *path;
    struct zk_buf record;
};

struct watch {
    struct watch *next;
    enum zkc_watch_kind kind;
    uint64_t tag;
    char *path;
};

struct effect {
    struct effect *next;
    struct zkc_effect effect;
    struct zk_buf bytes; /* what the effect's slices point into */
};

struct apache {
    struct apache_config config;
    struct zk_rng rng;
    bool is_over;
    bool is_closing;
    bool is_connected; /* session established */
    bool is_dialled;
    uint32_t conn;
    uint64_t now_ms;
    uint64_t dial_at_ms;
    uint64_t heard_ms;
    uint64_t spoke_ms;
    int32_t timeout_ms;
    uint64_t session;
    uint8_t password[ZK_PASSWORD_BYTES];
    int64_t last_zxid;
    int32_t xid;
    int32_t close_xid;
    struct zk_buf in;
    struct zk_buf out;
    struct zk_buf proofs; /* frames */
    struct request *first;
    struct request **last;
    size_t count;
    struct watch *watches;
    struct effect *effects;
    struct effect **effects_last;
    struct effect *given;
};

struct apache *apache_new(const struct apache_config *config)
{
    struct apache *a = zk_calloc(1, sizeof(*a));
    a->config = *config;
    a->rng = config->rng;
    a->session = config->session;
    memcpy(a->password, config->password, sizeof(a->password));
    a->timeout_ms = config->session_timeout_ms;
    a->last = &a->first;
    a->effects_last = &a->effects;
    return a;
}

static void request_free(struct request *r)
{
    free(r->path);
    zk_buf_fini(&r->record);
    free(r);
}

static void effect_free(struct effect *e)
{
    zk_buf_fini(&e->bytes);
    free(e);
}

static void drop_watches(struct apache *a)
{
    while (a->watches) {
        struct watch *w = a->watches;
        a->watches = w->next;
        free(w->path);
        free(w);
    }
}

void apache_free(struct apache *a)
{
    while (a->first) {
        struct request *r = a->first;
        a->first = r->next;
        request_free(r);
    }
    while (a->effects) {
        struct effect *e = a->effects;
        a->effects = e->next;
        effect_free(e);
    }
    if (a->given)
        effect_free(a->given);
    drop_watches(a);
    zk_buf_fini(&a->in);
    zk_buf_fini(&a->out);
    zk_buf_fini(&a->proofs);
    free(a);
}

/* --- effects --- */

static struct effect *put_effect(struct apache *a, enum zkc_effect_type type)
{
    struct effect *e = zk_calloc(1, sizeof(*e));
    e->effect.type = type;
    e->effect.conn = a->conn;
    *a->effects_last = e;
    a->effects_last = &e->next;
    return e;
}

static void put_send(struct apache *a)
{
    if (a->out.len == 0)
        return;
    struct effect *e = put_effect(a, ZKC_EFFECT_SEND);
    e->bytes = a->out;
    a->out = (struct zk_buf){0};
    e->effect.bytes = zk_buf_slice(&e->bytes);
    a->spoke_ms = a->now_ms;
}

bool apache_next_effect(struct apache *a, struct zkc_effect *ret_effect)
{
    if (a->given)
        effect_free(a->given);
    a->given = NULL;
    put_send(a);
    if (!a->effects)
        return false;
    a->given = a->effects;
    a->effects = a->given->next;
    if (!a->effects)
        a->effects_last = &a->effects;
    *ret_effect = a->given->effect;
    return true;
}

static void put_done(struct apache *a, const struct request *r, int32_t err, int64_t zxid)
{
    struct effect *e = put_effect(a, ZKC_EFFECT_DONE);
    e->effect.tag = r->tag;
    e->effect.reply.op = r->op;
    e->effect.reply.err = err;
    e->effect.reply.zxid = zxid;
    bool sets = r->watch_tag && (err == ZK_ERR_OK || (err == ZK_ERR_NO_NODE && r->op == ZK_OP_EXISTS));
    e->effect.watch_tag = sets ? r->watch_tag : 0;
}

static void put_state(struct apache *a, enum zkc_state state)
{
    put_effect(a, ZKC_EFFECT_STATE)->effect.state = state;
}

static void pop(struct apache *a, int32_t err, int64_t zxid)
{
    struct request *r = a->first;
    a->first = r->next;
    if (!a->first)
        a->last = &a->first;
    a->count--;
    put_done(a, r, err, zxid);
    request_free(r);
}

static void end(struct apache *a, enum zkc_state state)
{
    while (a->first)
        pop(a, state == ZKC_STATE_EXPIRED ? ZK_ERR_SESSION_EXPIRED : ZK_ERR_CLOSING, 0);
    drop_watches(a);
    a->is_over = true;
    a->is_connected = a->is_dialled = false;
    put_effect(a, ZKC_EFFECT_CLOSE);
    put_state(a, state);
}

/* --- connections --- */

static void dial(struct apache *a)
{
    a->conn++;
    a->is_dialled = true;
    a->is_connected = false;
    a->heard_ms = a->now_ms;
    zk_buf_reset(&a->in);
    zk_buf_reset(&a->out);
    put_effect(a, ZKC_EFFECT_DIAL)->effect.server = zk_rng_below(&a->rng, a->config.server_count);
}

static void lose(struct apache *a)
{
    a->is_dialled = a->is_connected = false;
    zk_buf_reset(&a->out);
    if (a->is_closing && a->close_xid) {
        end(a, ZKC_STATE_CLOSED);
        return;
    }
    while (a->first && a->first->xid)
        pop(a, ZK_ERR_CONNECTION_LOSS, 0);
    a->dial_at_ms = a->now_ms + zk_rng_below(&a->rng, 300);
}

static void hang_up(struct apache *a)
{
    put_effect(a, ZKC_EFFECT_CLOSE);
    lose(a);
}

static void send_greeting(struct apache *a)
{
    size_t start = zk_jute_begin_frame(&a->out);
    zk_connect_request_encode(&a->out,
                              &(struct zk_connect_request){.last_zxid_seen = a->last_zxid,
                                                           .timeout_ms = a->config.session_timeout_ms,
                                                           .session_id = (int64_t)a->session,
                                                           .password = zk_slice(a->password, sizeof(a->password)),
                                                           .has_read_only = a->config.sends_read_only,
                                                           .read_only = a->config.asks_read_only});
    zk_jute_end_frame(&a->out, start);
}

static void send_header(struct apache *a, int32_t xid, int32_t op)
{
    size_t start = zk_jute_begin_frame(&a->out);
    zk_request_header_encode(&a->out, (struct zk_request_header){xid, op});
    zk_jute_end_frame(&a->out, start);
}

static void put_paths(struct apache *a, enum zkc_watch_kind kind)
{
    int32_t count = 0;
    for (struct watch *w = a->watches; w; w = w->next)
        count += w->kind == kind;
    zk_jute_put_int(&a->out, count);
    for (struct watch *w = a->watches; w; w = w->next)
        if (w->kind == kind)
            zk_jute_put_cstring(&a->out, w->path);
}

static void send_watches(struct apache *a)
{
    if (!a->watches)
        return;
    size_t start = zk_jute_begin_frame(&a->out);
    zk_request_header_encode(&a->out, (struct zk_request_header){ZK_XID_SET_WATCHES, ZK_OP_SET_WATCHES});
    zk_jute_put_long(&a->out, a->last_zxid);
    put_paths(a, ZKC_WATCH_DATA);
    put_paths(a, ZKC_WATCH_EXIST);
    put_paths(a, ZKC_WATCH_CHILD);
    zk_jute_end_frame(&a->out, start);
}

static void send_requests(struct apache *a)
{
    if (!a->is_connected || a->close_xid)
        return;
    for (struct request *r = a->first; r; r = r->next) {
        if (r->xid)
            continue;
        r->xid = ++a->xid;
        size_t start = zk_jute_begin_frame(&a->out);
        zk_request_header_encode(&a->out, (struct zk_request_header){r->xid, r->op});
        zk_buf_append(&a->out, r->record.ptr, r->record.len);
        zk_jute_end_frame(&a->out, start);
    }
    if (a->is_closing) {
        a->close_xid = ++a->xid;
        send_header(a, a->close_xid, ZK_OP_CLOSE_SESSION);
    }
}

/* --- what comes in --- */

static void take_greeting(struct apache *a, struct zk_jute *in)
{
    struct zk_connect_response r = zk_connect_response_decode(in);
    if (in->bad || r.timeout_ms <= 0) {
        end(a, ZKC_STATE_EXPIRED);
        return;
    }
    a->is_connected = true;
    a->session = (uint64_t)r.session_id;
    a->timeout_ms = r.timeout_ms;
    if (r.password.len == sizeof(a->password))
        memcpy(a->password, r.password.ptr, sizeof(a->password));
    put_state(a, ZKC_STATE_CONNECTED);
    zk_buf_append_slice(&a->out, zk_buf_slice(&a->proofs));
    send_watches(a);
    send_requests(a);
}

static bool fires(const struct watch *w, int32_t type)
{
    if (type == ZK_EVENT_CHILDREN_CHANGED)
        return w->kind == ZKC_WATCH_CHILD;
    return type == ZK_EVENT_DELETED || w->kind != ZKC_WATCH_CHILD;
}

static void end_watch(struct apache *a, struct watch **at, int32_t event, int64_t zxid)
{
    struct watch *w = *at;
    struct effect *e = put_effect(a, ZKC_EFFECT_WATCH);
    zk_buf_append(&e->bytes, w->path, strlen(w->path));
    e->effect.watch_tag = w->tag;
    e->effect.event = event;
    e->effect.path = zk_buf_slice(&e->bytes);
    e->effect.zxid = zxid;
    e->effect.watch_ended = true;
    *at = w->next;
    free(w->path);
    free(w);
}

static void take_event(struct apache *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    struct zk_watcher_event event = zk_watcher_event_decode(in);
    for (struct watch **at = &a->watches; *at;) {
        struct watch *w = *at;
        if (!fires(w, event.type) || !zk_slice_eq(zk_slice_str(w->path), event.path)) {
            at = &w->next;
            continue;
        }
        end_watch(a, at, event.type, h->zxid);
    }
}

static void keep_watch(struct apache *a, const struct request *r, int32_t err)
{
    if (!r->watch_tag || (err != ZK_ERR_OK && !(err == ZK_ERR_NO_NODE && r->op == ZK_OP_EXISTS)))
        return;
    struct watch *w = zk_calloc(1, sizeof(*w));
    w->tag = r->watch_tag;
    w->path = zk_strdup(r->path);
    w->kind = err == ZK_ERR_NO_NODE                                         ? ZKC_WATCH_EXIST
              : r->op == ZK_OP_GET_CHILDREN || r->op == ZK_OP_GET_CHILDREN2 || r->op == ZK_OP_FILTERED_LIST
                  ? ZKC_WATCH_CHILD
                                                                            : ZKC_WATCH_DATA;
    w->next = a->watches;
    a->watches = w;
}

static void remove_watches(struct apache *a, const struct request *r, int64_t zxid)
{
    for (struct watch **at = &a->watches; *at;) {
        bool is_child = (*at)->kind == ZKC_WATCH_CHILD;
        bool is_named = r->kind == ZK_WATCHER_ANY || r->kind == (is_child ? ZK_WATCHER_CHILDREN : ZK_WATCHER_DATA);
        if (is_named && strcmp((*at)->path, r->path) == 0)
            end_watch(a, at, ZKC_EVENT_WATCH_ENDED, zxid);
        else
            at = &(*at)->next;
    }
}

static void take_reply(struct apache *a, const struct zk_reply_header *h)
{
    if (h->zxid > a->last_zxid)
        a->last_zxid = h->zxid;
    if (a->close_xid && h->xid == a->close_xid) {
        end(a, ZKC_STATE_CLOSED);
        return;
    }
    ZK_ASSERT(a->first && a->first->xid == h->xid);
    keep_watch(a, a->first, h->err);
    if (a->first->op == ZK_OP_REMOVE_WATCHES && h->err == ZK_ERR_OK)
        remove_watches(a, a->first, h->zxid);
    pop(a, h->err, h->zxid);
}

static void take_frame(struct apache *a, struct zk_slice frame)
{
    struct zk_jute in = zk_jute(frame);
    if (!a->is_connected) {
        take_greeting(a, &in);
        return;
    }
    struct zk_reply_header h = zk_reply_header_decode(&in);
    if (h.xid == ZK_XID_NOTIFICATION) {
        if (h.zxid > a->last_zxid)
            a->last_zxid = h.zxid;
        take_event(a, &h, &in);
    } else if (h.xid >= 0) {
        take_reply(a, &h);
    } else if (h.zxid > a->last_zxid) {
        a->last_zxid = h.zxid;
    }
}

static void take_bytes(struct apache *a, struct zk_slice bytes)
{
    a->heard_ms = a->now_ms;
    zk_buf_append_slice(&a->in, bytes);
    while (a->in.len >= 4 && !a->is_over) {
        struct zk_jute in = zk_jute(zk_buf_slice(&a->in));
        struct zk_slice frame = zk_jute_buffer(&in);
        if (in.bad)
            return;
        take_frame(a, frame);
        zk_buf_drop_front(&a->in, 4 + frame.len);
    }
}

/* --- time --- */

static void tick(struct apache *a)
{
    if (a->is_over)
        return;
    if (!a->is_dialled) {
        if (a->now_ms >= a->dial_at_ms)
            dial(a);
        return;
    }
    uint64_t patience = (uint64_t)a->timeout_ms * 2 / 3;
    if (a->now_ms - a->heard_ms >= patience) {
        hang_up(a);
        return;
    }
    if (a->is_connected && a->now_ms - a->spoke_ms >= (uint64_t)a->timeout_ms / 3)
        send_header(a, ZK_XID_PING, ZK_OP_PING);
}

uint64_t apache_deadline_ms(const struct apache *a)
{
    if (a->is_over)
        return UINT64_MAX;
    if (!a->is_dialled)
        return a->dial_at_ms;
    uint64_t due = a->heard_ms + (uint64_t)a->timeout_ms * 2 / 3;
    return a->is_connected ? zk_min_u64(due, a->spoke_ms + (uint64_t)a->timeout_ms / 3) : due;
}

void apache_step(struct apache *a, const struct zkc_event *event)
{
    a->now_ms = zk_max_u64(a->now_ms, event->now_ms);
    bool is_ours = a->is_dialled && event->conn == a->conn && !a->is_over;
    switch (event->type) {
    case ZKC_EVENT_TICK:
        tick(a);
        break;
    case ZKC_EVENT_CONNECTED:
        if (is_ours)
            send_greeting(a);
        break;
    case ZKC_EVENT_DATA:
        if (is_ours)
            take_bytes(a, event->bytes);
        break;
    case ZKC_EVENT_DISCONNECTED:
        if (is_ours)
            lose(a);
        break;
    case ZKC_EVENT_DETACH: /* Apache's clients know no such thing */
        break;
    case ZKC_EVENT_CLOSE:
        a->is_closing = true;
        if (!a->session)
            end(a, ZKC_STATE_CLOSED);
        else
            send_requests(a);
        break;
    }
}

/* --- requests --- */

/* All of it may be anything, but the version. */
static struct zk_stat stat_of_version(int32_t version)
{
    struct zk_stat any = {.czxid = -1,
                          .mzxid = -1,
                          .ctime_ms = -1,
                          .mtime_ms = -1,
                          .version = version,
                          .cversion = -1,
                          .aversion = -1,
                          .ephemeral_owner = -1,
                          .data_length = -1,
                          .num_children = -1,
                          .pzxid = -1};
    return any;
}

static void encode_step(struct zk_buf *out, const struct zkc_request *r)
{
    struct zk_buf world;
    zk_buf_init(&world);
    zk_acl_vector_world(&world, ZK_PERM_ALL);
    struct zk_slice acl = r->acl.ptr ? r->acl : zk_buf_slice(&world);
    switch (r->op) {
    case ZK_OP_CREATE:
    case ZK_OP_CREATE2:
        zk_create_request_encode(out, &(struct zk_create_request){r->path, r->data, acl, r->flags});
        break;
    case ZK_OP_CREATE_CONTAINER:
        zk_create_request_encode(out, &(struct zk_create_request){r->path, r->data, acl, 4});
        break;
    case ZK_OP_CREATE_IF_NOT_EXISTS:
        zk_create_request_encode(out, &(struct zk_create_request){r->path, r->data, acl, r->flags});
        break;
    case ZK_OP_CREATE_TTL:
        zk_create_request_encode(out, &(struct zk_create_request){r->path, r->data, acl, r->flags ? 6 : 5});
        zk_jute_put_long(out, r->ttl_ms);
        break;
    case ZK_OP_SET_DATA:
        zk_set_data_request_encode(out, &(struct zk_set_data_request){r->path, r->data, r->version});
        break;
    case ZK_OP_SET_ACL:
        zk_set_acl_request_encode(out, &(struct zk_set_acl_request){r->path, acl, r->version});
        break;
    case ZK_OP_REMOVE_RECURSIVE:
    case ZK_OP_LIST_RECURSIVE:
        zk_path_limit_encode(out, (struct zk_path_limit){r->path, (uint32_t)r->count});
        break;
    case ZK_OP_CHECK_STAT:
        zk_check_stat_request_encode(out, &(struct zk_check_stat_request){r->path, -1, stat_of_version(r->version)});
        break;
    case ZK_OP_FILTERED_LIST:
    case ZK_OP_FILTERED_LIST_WITH_DATA:
        zk_filtered_list_request_encode(out, r->op,
                                        &(struct zk_filtered_list_request){r->path, r->watch_tag != 0, (uint8_t)r->kind,
                                                                           r->flags & 1, r->flags & 2});
        break;
    case ZK_OP_DELETE:
    case ZK_OP_CHECK:
    case ZK_OP_CHECK_NOT_EXISTS:
    case ZK_OP_TRY_REMOVE:
        zk_path_version_encode(out, (struct zk_path_version){r->path, r->version});
        break;
    case ZK_OP_SYNC:
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
    case ZK_OP_GET_EPHEMERALS:
        zk_jute_put_string(out, r->path);
        break;
    case ZK_OP_WHO_AM_I:
        break;
    case ZK_OP_GET_ACL:
        zk_jute_put_string(out, r->path);
        break;
    case ZK_OP_CHECK_WATCHES:
    case ZK_OP_REMOVE_WATCHES:
        zk_path_kind_encode(out, (struct zk_path_kind){r->path, r->kind});
        break;
    default:
        zk_path_watch_encode(out, (struct zk_path_watch){r->path, r->watch_tag != 0});
    }
    zk_buf_fini(&world);
}

void apache_authenticate(struct apache *a, struct zk_slice scheme, struct zk_slice credentials)
{
    size_t before = a->proofs.len;
    size_t start = zk_jute_begin_frame(&a->proofs);
    zk_request_header_encode(&a->proofs, (struct zk_request_header){ZK_XID_AUTH, ZK_OP_AUTH});
    zk_auth_packet_encode(&a->proofs, &(struct zk_auth_packet){0, scheme, credentials});
    zk_jute_end_frame(&a->proofs, start);
    if (a->is_connected && !a->close_xid)
        zk_buf_append(&a->out, a->proofs.ptr + before, a->proofs.len - before);
}

int apache_submit(struct apache *a, uint64_t now_ms, const struct zkc_request *request)
{
    if (a->is_over || a->is_closing)
        return ZK_ERR_CLOSING;
    a->now_ms = zk_max_u64(a->now_ms, now_ms);
    struct request *r = zk_calloc(1, sizeof(*r));
    r->tag = request->tag;
    r->watch_tag = request->watch_tag;
    r->op = request->op;
    r->kind = request->kind;
    r->path = request->path.ptr ? zk_slice_dup(request->path) : zk_strdup("");
    if (request->op == ZK_OP_MULTI || request->op == ZK_OP_MULTI_READ) {
        for (size_t i = 0; i < request->step_count; i++) {
            zk_multi_header_encode(&r->record, (struct zk_multi_header){request->steps[i].op, false, -1});
            encode_step(&r->record, &request->steps[i]);
        }
        zk_multi_header_encode(&r->record, ZK_MULTI_END);
    } else {
        encode_step(&r->record, request);
    }
    *a->last = r;
    a->last = &r->next;
    a->count++;
    send_requests(a);
    return 0;
}

uint64_t apache_session(const struct apache *a)
{
    return a->session;
}

const uint8_t *apache_password(const struct apache *a)
{
    return a->password;
}

size_t apache_unfinished(const struct apache *a)
{
    return a->count;
}

bool apache_is_over(const struct apache *a)
{
    return a->is_over;
}
