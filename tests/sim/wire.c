#include "tests/sim/wire.h"
#include "common/err.h"
#include "common/path.h"
#include "common/zxid.h"
#include "tests/sim/ledger.h"
#include "tests/sim/check.h"
#include "tests/sim/host.h"
#include "tests/sim/locals.h"
#include "tests/sim/person.h"
#include <inttypes.h>

enum watch_kind { WATCH_DATA, WATCH_CHILD, WATCH_PERSISTENT, WATCH_RECURSIVE };

struct watch {
    enum watch_kind kind;
    uint64_t armed; /* the zxid it has seen */
    char *path;
    size_t path_len;
};

struct asked {
    struct asked *next;
    int32_t xid;
    int32_t op;
    uint64_t shown; /* when it came, somebody had been shown this */
    uint32_t epoch; /* ...and this was the epoch of the last entry */
    size_t len;
    uint8_t record[]; /* without the header */
};

struct wire {
    struct world *world;
    uint64_t server;
    uint64_t conn;
    uint32_t from_node;
    bool was_greeted;
    bool is_live;
    bool is_over; /* told that the session has ended */
    uint64_t session;
    uint64_t claimed; /* the session that the client asked for, and by which password */
    uint8_t password[ZK_PASSWORD_BYTES];
    bool asked_memory;
    bool asked_read_only;
    bool is_read_only; /* served without a quorum */
    uint64_t joined;  /* zxid at which it was attached to this connection */
    uint64_t pings;
    uint64_t auths;
    struct asked *first;
    struct asked **last;
    uint64_t shown;
    size_t event_at;     /* the ledger's events below are dealt with */
    uint64_t event_zxid; /* of the last event sent */
    size_t watch_count;
    size_t watch_cap;
    struct watch *watches;
    size_t loose_count; /* events of watches set again, before setWatches' reply */
    struct loose {
        int32_t type;
        char *path;
        size_t path_len;
    } * loose;
};

#define FAIL(wire, check, format, ...)                                                                               \
    world_fail((wire)->world, check, "server %" PRIu64 " connection %" PRIu64 " session %" PRIx64 ": " format,       \
               (wire)->server, (wire)->conn, (wire)->session, __VA_ARGS__)

struct wire *wire_new(struct world *w, uint64_t server, uint64_t conn, uint32_t from_node)
{
    struct wire *wire = zk_calloc(1, sizeof(*wire));
    wire->world = w;
    wire->server = server;
    wire->conn = conn;
    wire->from_node = from_node;
    wire->last = &wire->first;
    return wire;
}

static void drop_loose(struct wire *wire)
{
    for (size_t i = 0; i < wire->loose_count; i++)
        free(wire->loose[i].path);
    wire->loose_count = 0;
}

void wire_free(struct wire *wire)
{
    while (wire->first) {
        struct asked *a = wire->first;
        wire->first = a->next;
        free(a);
    }
    for (size_t i = 0; i < wire->watch_count; i++)
        free(wire->watches[i].path);
    drop_loose(wire);
    free(wire->loose);
    free(wire->watches);
    free(wire);
}

uint64_t wire_session(const struct wire *wire)
{
    return wire->is_live ? wire->session : 0;
}

size_t wire_watch_count(const struct wire *wire)
{
    return wire->watch_count;
}

/* --- what is asked --- */

void wire_request(struct wire *wire, struct zk_slice frame)
{
    struct zk_jute in = zk_jute(frame);
    if (!wire->was_greeted) {
        wire->was_greeted = true;
        struct zk_connect_request r = zk_connect_request_decode(&in);
        wire->claimed = (uint64_t)r.session_id;
        if (r.password.len == sizeof(wire->password))
            memcpy(wire->password, r.password.ptr, sizeof(wire->password));
        wire->asked_memory = r.protocol_version == ZK_PROTOCOL_MEMORY;
        wire->asked_read_only = r.read_only;
        return;
    }
    struct zk_request_header h = zk_request_header_decode(&in);
    check_touched(wire->world, wire->session, wire->server);
    SAY(wire->world, "s%" PRIu64 " c%" PRIu64 " > xid %" PRId32 " op %" PRId32, wire->server, wire->conn, h.xid,
        h.op);
    if (h.xid == ZK_XID_PING) {
        wire->pings++;
        return;
    }
    if (h.xid == ZK_XID_AUTH) {
        wire->auths++;
        return;
    }
    struct zk_slice record = zk_jute_rest(&in);
    struct asked *a = zk_alloc(sizeof(*a) + record.len);
    *a = (struct asked){.xid = h.xid,
                        .op = h.op,
                        .len = record.len,
                        .shown = ledger_shown_last(wire->world->ledger),
                        .epoch = zxid_epoch(ledger_last(wire->world->ledger))};
    if (record.len)
        memcpy(a->record, record.ptr, record.len);
    *wire->last = a;
    wire->last = &a->next;
}

/* --- watches --- */

static void arm(struct wire *wire, struct zk_slice path, enum watch_kind kind, uint64_t zxid)
{
    for (size_t i = 0; i < wire->watch_count; i++)
        if (wire->watches[i].kind == kind && wire->watches[i].path_len == path.len &&
            memcmp(wire->watches[i].path, path.ptr, path.len) == 0)
            return;
    if (wire->watch_count == 0)
        wire->event_at = ledger_event_after(wire->world->ledger, zxid);
    if (wire->watch_count == wire->watch_cap) {
        wire->watch_cap = wire->watch_cap ? 2 * wire->watch_cap : 8;
        wire->watches = zk_realloc(wire->watches, wire->watch_cap * sizeof(*wire->watches));
    }
    wire->watches[wire->watch_count++] = (struct watch){kind, zxid, zk_slice_dup(path), path.len};
}

static void disarm(struct wire *wire, size_t index)
{
    free(wire->watches[index].path);
    wire->watches[index] = wire->watches[--wire->watch_count];
}

static bool covers(const struct watch *watch, const struct ledger_event *e)
{
    struct zk_slice path = model_path(e->node);
    struct zk_slice own = zk_slice(watch->path, watch->path_len);
    if (watch->armed >= e->zxid)
        return false;
    if (watch->kind == WATCH_RECURSIVE)
        return e->type != ZK_EVENT_CHILDREN_CHANGED && zk_path_within(path, own);
    if (!zk_slice_eq(path, own))
        return false;
    switch (watch->kind) {
    case WATCH_DATA:
        return e->type != ZK_EVENT_CHILDREN_CHANGED;
    case WATCH_CHILD:
        return e->type == ZK_EVENT_CHILDREN_CHANGED || e->type == ZK_EVENT_DELETED;
    default:
        return true;
    }
}

/* Does a watch of this connection hear of it? One-shot ones are used up. */
static bool hears(struct wire *wire, const struct ledger_event *e)
{
    bool any = false;
    for (size_t i = wire->watch_count; i > 0; i--) {
        struct watch *watch = &wire->watches[i - 1];
        if (!covers(watch, e))
            continue;
        any = true;
        if (watch->kind == WATCH_DATA || watch->kind == WATCH_CHILD)
            disarm(wire, i - 1);
    }
    if (any && !model_may(ledger_model(wire->world->ledger), wire->session, e->acl, ZK_PERM_READ)) {
        world_count(wire->world, MARK_EVENT_WITHHELD);
        return false;
    }
    return any;
}

/* A reply shows `zxid`: every event up to there must have been sent. */
static void catch_up(struct wire *wire, uint64_t zxid, const char *check)
{
    const struct ledger *l = wire->world->ledger;
    if (wire->watch_count == 0)
        return;
    for (; wire->event_at < ledger_event_count(l); wire->event_at++) {
        const struct ledger_event *e = ledger_event(l, wire->event_at);
        if (e->zxid > zxid)
            return;
        if (hears(wire, e))
            FAIL(wire, check, "the event %d of %.*s at %" PRIx64 " is missing when %" PRIx64 " is shown", e->type,
                 (int)model_path(e->node).len, (const char *)model_path(e->node).ptr, e->zxid, zxid);
    }
}

void wire_settled(struct wire *wire, uint64_t zxid)
{
    struct replica_report report;
    if (wire->is_read_only)
        replica_report_get(wire->world->hosts[wire->server - 1]->replica, &report);
    if (wire->is_read_only && report.serving)
        FAIL(wire, "ro", "%s", "is served read-only, and there is a quorum");
    if (wire->is_live && !wire->is_over)
        catch_up(wire, zxid, "I24");
}

static void keep_loose(struct wire *wire, const struct zk_watcher_event *event)
{
    wire->loose = zk_realloc(wire->loose, (wire->loose_count + 1) * sizeof(*wire->loose));
    wire->loose[wire->loose_count++] = (struct loose){event->type, zk_slice_dup(event->path), event->path.len};
}

static void judge_event(struct wire *wire, const struct zk_reply_header *h, struct zk_jute *in)
{
    const struct ledger *l = wire->world->ledger;
    struct zk_watcher_event event = zk_watcher_event_decode(in);
    if (in->bad || event.state != ZK_STATE_SYNC_CONNECTED)
        FAIL(wire, "I22", "a malformed event, state %" PRId32, event.state);
    SAY(wire->world, "s%" PRIu64 " c%" PRIu64 " < event %" PRId32 " %.*s at %" PRIx64, wire->server, wire->conn,
        event.type, (int)event.path.len, (const char *)event.path.ptr, (uint64_t)h->zxid);
    if (h->zxid < 0) {
        keep_loose(wire, &event);
        return;
    }
    uint64_t zxid = (uint64_t)h->zxid;
    if (zxid < wire->event_zxid)
        FAIL(wire, "I22", "an event of %" PRIx64 " after one of %" PRIx64, zxid, wire->event_zxid);
    wire->event_zxid = zxid;
    while (wire->watch_count > 0 && wire->event_at < ledger_event_count(l)) {
        const struct ledger_event *e = ledger_event(l, wire->event_at++);
        if (!hears(wire, e))
            continue;
        if ((int32_t)e->type != event.type || !zk_slice_eq(model_path(e->node), event.path) || e->zxid != zxid)
            FAIL(wire, "I24", "event %" PRId32 " of %.*s at %" PRIx64 ", should be %d of %.*s at %" PRIx64,
                 event.type, (int)event.path.len, (const char *)event.path.ptr, zxid, e->type,
                 (int)model_path(e->node).len, (const char *)model_path(e->node).ptr, e->zxid);
        return;
    }
    FAIL(wire, "I24", "event %" PRId32 " of %.*s at %" PRIx64 " has no cause", event.type, (int)event.path.len,
         (const char *)event.path.ptr, zxid);
}

/* --- watches set again --- */

static bool take_loose(struct wire *wire, int32_t type, struct zk_slice path)
{
    for (size_t i = 0; i < wire->loose_count; i++) {
        struct loose *loose = &wire->loose[i];
        if (loose->type != type || !zk_slice_eq(zk_slice(loose->path, loose->path_len), path))
            continue;
        free(loose->path);
        *loose = wire->loose[--wire->loose_count];
        return true;
    }
    return false;
}

static int32_t due_event(const struct model_version *v, enum watch_kind kind, bool is_exist, int64_t relative)
{
    if (is_exist)
        return v ? ZK_EVENT_CREATED : 0;
    if (!v)
        return ZK_EVENT_DELETED;
    if (kind == WATCH_DATA)
        return v->stat.mzxid > relative ? ZK_EVENT_DATA_CHANGED : 0;
    return v->stat.pzxid > relative ? ZK_EVENT_CHILDREN_CHANGED : 0;
}

static void set_again(struct wire *wire, struct zk_jute *in, enum watch_kind kind, bool is_exist, int64_t relative,
                      uint64_t zxid)
{
    const struct model *model = ledger_model(wire->world->ledger);
    int32_t count = zk_jute_count(in, 4);
    for (int32_t i = 0; i < count; i++) {
        struct zk_slice path = zk_jute_string(in);
        const struct model_node *node = model_find(model, path);
        const struct model_version *v = node ? model_at(node, zxid) : NULL;
        int32_t due = kind == WATCH_DATA || kind == WATCH_CHILD ? due_event(v, kind, is_exist, relative) : 0;
        if (due == 0) {
            arm(wire, path, kind, zxid);
        } else if (take_loose(wire, due, path)) {
            world_count(wire->world, MARK_SET_WATCHES_FIRED);
        } else if (!v || model_may(model, wire->session, v->acl, ZK_PERM_READ)) {
            FAIL(wire, "I25", "%.*s set again at %" PRIx64 " must fire event %" PRId32 " (relative to %" PRIx64 ")",
                 (int)path.len, (const char *)path.ptr, zxid, due, (uint64_t)relative);
        }
    }
}

static void judge_set_watches(struct wire *wire, const struct asked *a, uint64_t zxid)
{
    struct zk_jute in = zk_jute(zk_slice(a->record, a->len));
    int64_t relative = zk_jute_long(&in);
    set_again(wire, &in, WATCH_DATA, false, relative, zxid);
    set_again(wire, &in, WATCH_DATA, true, relative, zxid);
    set_again(wire, &in, WATCH_CHILD, false, relative, zxid);
    if (a->op == ZK_OP_SET_WATCHES2) {
        set_again(wire, &in, WATCH_PERSISTENT, false, relative, zxid);
        set_again(wire, &in, WATCH_RECURSIVE, false, relative, zxid);
    }
    if (wire->loose_count > 0)
        FAIL(wire, "I25", "%s set again fires event %" PRId32 ", nothing relevant happened", wire->loose[0].path,
             wire->loose[0].type);
    world_count(wire->world, MARK_SET_WATCHES);
}

/* --- replies to reads --- */

/* What follows is this node's stat; it is taken. */
static bool is_stat(struct zk_jute *in, const struct model_version *v)
{
    struct zk_buf bytes;
    zk_buf_init(&bytes);
    zk_stat_encode(&bytes, &v->stat);
    bool ok = zk_jute_left(in) >= bytes.len && memcmp(in->at, bytes.ptr, bytes.len) == 0;
    zk_buf_fini(&bytes);
    (void)zk_stat_decode(in);
    return ok;
}

static bool is_special(const struct model_version *v)
{
    return v->zxid == 0; /* never touched: its times and ACL are the state's own business */
}

static void judge_stat(struct wire *wire, const struct model_node *node, const struct model_version *v, uint64_t zxid,
                       struct zk_jute *in)
{
    if (!is_stat(in, v) && !is_special(v))
        FAIL(wire, "I16", "another stat of %.*s at %" PRIx64, (int)model_path(node).len,
             (const char *)model_path(node).ptr, zxid);
}

static void judge_children(struct wire *wire, const struct model_node *node, uint64_t zxid, struct zk_jute *in)
{
    int32_t count = zk_jute_count(in, 4);
    bool ok = count >= 0 && (size_t)count == model_child_count(node, zxid);
    for (int32_t i = 0; i < count && ok; i++) {
        const struct model_node *child = model_child(node, zk_jute_string(in));
        ok = child && model_at(child, zxid);
    }
    if (!ok || in->bad)
        FAIL(wire, "I16", "other children of %.*s at %" PRIx64 ": %" PRId32 ", should be %zu",
             (int)model_path(node).len, (const char *)model_path(node).ptr, zxid, count,
             model_child_count(node, zxid));
}

static void judge_found(struct wire *wire, int32_t op, const struct model_node *node, const struct model_version *v,
                        uint64_t zxid, struct zk_jute *in)
{
    struct zk_slice path = model_path(node);
    if (op == ZK_OP_GET_CHILDREN || op == ZK_OP_GET_CHILDREN2)
        judge_children(wire, node, zxid, in);
    if (op == ZK_OP_GET_DATA) {
        struct zk_slice data = zk_jute_buffer(in);
        if (in->bad || !zk_slice_eq(data, v->data))
            FAIL(wire, "I16", "other data of %.*s at %" PRIx64, (int)path.len, (const char *)path.ptr, zxid);
    }
    if (op != ZK_OP_GET_CHILDREN)
        judge_stat(wire, node, v, zxid, in);
}

/* The outcome of reading a path. */
static void judge_err(struct wire *wire, int32_t op, struct zk_slice path, uint64_t zxid, int32_t err)
{
    const struct model *model = ledger_model(wire->world->ledger);
    const struct model_node *node = model_find(model, path);
    const struct model_version *v = node ? model_at(node, zxid) : NULL;
    int32_t expected = !v                                                       ? ZK_ERR_NO_NODE
                       : !model_may(model, wire->session, v->acl, ZK_PERM_READ) ? ZK_ERR_NO_AUTH
                                                                                : ZK_ERR_OK;
    if (err != expected)
        FAIL(wire, "I16", "op %" PRId32 " of %.*s at %" PRIx64 " gives %s, should be %s", op, (int)path.len,
             (const char *)path.ptr, zxid, zk_err_text(err), zk_err_text(expected));
}

/* One read of a path, alone or in a multiRead: `in` is at its record. */
static void judge_one_read(struct wire *wire, int32_t op, struct zk_slice path, uint64_t zxid, int32_t err,
                           struct zk_jute *in)
{
    judge_err(wire, op, path, zxid, err);
    if (err != ZK_ERR_OK)
        return;
    const struct model_node *node = model_find(ledger_model(wire->world->ledger), path);
    judge_found(wire, op, node, model_at(node, zxid), zxid, in);
}

static void judge_end(struct wire *wire, const struct asked *a, const struct zk_jute *in)
{
    if (in->bad || zk_jute_left(in) > 0)
        FAIL(wire, "protocol", "the record of op %" PRId32 " is too short or too long", a->op);
}

static void judge_read(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct zk_path_watch r = zk_path_watch_decode(&request);
    uint64_t zxid = (uint64_t)h->zxid;
    judge_one_read(wire, a->op, r.path, zxid, h->err, in);
    judge_end(wire, a, in);
    bool is_child = a->op == ZK_OP_GET_CHILDREN || a->op == ZK_OP_GET_CHILDREN2;
    if (r.watch && (h->err == ZK_ERR_OK || (h->err == ZK_ERR_NO_NODE && a->op == ZK_OP_EXISTS)))
        arm(wire, r.path, is_child ? WATCH_CHILD : WATCH_DATA, zxid);
}

/* --- replies to the smaller questions --- */

/* The children that a page may show, sorted. */
struct page {
    const struct model_node *parent;
    const struct zk_page_request *r;
    struct zk_buf nodes; /* of pointers */
};

static void gather_page(void *arg, const struct model_node *node, const struct model_version *version)
{
    struct page *p = arg;
    struct zk_slice name = zk_path_basename(model_path(node));
    int order = zk_slice_cmp(name, p->r->from);
    bool is_wanted = order > 0 || (order == 0 && !(p->r->flags & ZK_PAGE_AFTER));
    if (model_parent(node) == p->parent && is_wanted && name.len >= p->r->prefix.len &&
        memcmp(name.ptr, p->r->prefix.ptr, p->r->prefix.len) == 0)
        zk_buf_append(&p->nodes, &node, sizeof(node));
}

static int by_path(const void *a, const void *b)
{
    return zk_slice_cmp(model_path(*(const struct model_node *const *)a),
                        model_path(*(const struct model_node *const *)b));
}

/* One of a page: this child, with its Stat if that was asked and may be told. */
static bool is_entry(struct wire *wire, const struct zk_page_request *r, const struct model_node *child, uint64_t zxid,
                     struct zk_jute *in)
{
    const struct model_version *v = model_at(child, zxid);
    bool may = model_may(ledger_model(wire->world->ledger), wire->session, v->acl, ZK_PERM_READ);
    bool ok = zk_slice_eq(zk_jute_string(in), zk_path_basename(model_path(child)));
    bool has_stat = zk_jute_bool(in);
    ok = ok && has_stat == ((r->flags & ZK_PAGE_STATS) && may);
    return ok && (!has_stat || is_stat(in, v) || is_special(v));
}

static void judge_page(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    const struct model *model = ledger_model(wire->world->ledger);
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct zk_page_request r = zk_page_request_decode(&request);
    uint64_t zxid = (uint64_t)h->zxid;
    judge_err(wire, a->op, r.path, zxid, h->err);
    if (h->err != ZK_ERR_OK)
        return;
    struct page p = {.parent = model_find(model, r.path), .r = &r};
    zk_buf_init(&p.nodes);
    model_each(model, zxid, gather_page, &p);
    const struct model_node **nodes = (const struct model_node **)(void *)p.nodes.ptr;
    size_t all = p.nodes.len / sizeof(*nodes);
    if (all > 0)
        qsort(nodes, all, sizeof(*nodes), by_path);
    size_t want = r.count > 0 && (size_t)r.count < all ? (size_t)r.count : all;
    int32_t count = zk_jute_count(in, ZK_PAGE_ENTRY_MIN_BYTES);
    bool ok = count >= 0 && (size_t)count == want;
    for (size_t i = 0; ok && i < want; i++)
        ok = is_entry(wire, &r, nodes[i], zxid, in);
    if (!ok || zk_jute_bool(in) != (want < all))
        FAIL(wire, "I16", "another page of %.*s at %" PRIx64 ": %" PRId32 " names, should be %zu", (int)r.path.len,
             (const char *)r.path.ptr, zxid, count, want);
    judge_stat(wire, p.parent, model_at(p.parent, zxid), zxid, in);
    judge_end(wire, a, in);
    zk_buf_fini(&p.nodes);
    world_count(wire->world, MARK_PAGE);
}

static void judge_multi_read(struct wire *wire, const struct asked *a, const struct zk_reply_header *h,
                             struct zk_jute *in)
{
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    for (;;) {
        struct zk_multi_header asked = zk_multi_header_decode(&request);
        struct zk_multi_header given = zk_multi_header_decode(in);
        if (h->err != ZK_ERR_OK || in->bad || asked.done != given.done)
            FAIL(wire, "I16", "a multiRead gives %s, or other parts than it asks for", zk_err_text(h->err));
        if (asked.done)
            break;
        struct zk_slice path = zk_path_watch_decode(&request).path;
        bool is_error = given.type == ZK_OP_ERROR;
        if ((!is_error && given.type != asked.type) || (is_error && zk_jute_int(in) != given.err))
            FAIL(wire, "I16", "a part of a multiRead that asks for %" PRId32 " gives %" PRId32, asked.type, given.type);
        judge_one_read(wire, asked.type, path, (uint64_t)h->zxid, given.err, in);
    }
    judge_end(wire, a, in);
}

/* --- replies to what ClickHouse asks --- */

struct listing {
    const struct model *model;
    uint64_t session;
    const struct model_node *parent;
    const struct zk_filtered_list_request *r;
    bool may_all; /* read every child */
    struct zk_buf nodes; /* of pointers */
};

static void gather_listing(void *arg, const struct model_node *node, const struct model_version *version)
{
    struct listing *l = arg;
    if (model_parent(node) != l->parent)
        return;
    bool is_ephemeral = version->stat.ephemeral_owner != 0;
    l->may_all = l->may_all && model_may(l->model, l->session, version->acl, ZK_PERM_READ);
    if (l->r->type == ZK_LIST_ALL || is_ephemeral == (l->r->type == ZK_LIST_EPHEMERAL))
        zk_buf_append(&l->nodes, &node, sizeof(node));
}

/* The parts of the record, in their order: names, the node's Stat, and what else was asked. */
static bool is_listing(struct wire *wire, int32_t op, const struct listing *l, uint64_t zxid, struct zk_jute *in)
{
    const struct model_node **nodes = (const struct model_node **)(void *)l->nodes.ptr;
    size_t count = l->nodes.len / sizeof(*nodes);
    bool ok = zk_jute_count(in, 4) == (int32_t)count;
    for (size_t i = 0; i < count; i++)
        ok = ok && zk_slice_eq(zk_jute_string(in), zk_path_basename(model_path(nodes[i])));
    judge_stat(wire, l->parent, model_at(l->parent, zxid), zxid, in);
    if (op == ZK_OP_FILTERED_LIST)
        return ok;
    ok = ok && zk_jute_count(in, ZK_STAT_BYTES) == (int32_t)(l->r->with_stats ? count : 0);
    for (size_t i = 0; ok && l->r->with_stats && i < count; i++)
        judge_stat(wire, nodes[i], model_at(nodes[i], zxid), zxid, in);
    ok = ok && zk_jute_count(in, 4) == (int32_t)(l->r->with_data ? count : 0);
    for (size_t i = 0; ok && l->r->with_data && i < count; i++)
        ok = zk_slice_eq(zk_jute_buffer(in), model_at(nodes[i], zxid)->data);
    return ok;
}

static void judge_listing(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    const struct model *model = ledger_model(wire->world->ledger);
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct zk_filtered_list_request r = zk_filtered_list_request_decode(&request, a->op);
    uint64_t zxid = (uint64_t)h->zxid;
    struct listing l = {model, wire->session, model_find(model, r.path), &r, true, {0}};
    bool is_plain = r.type == ZK_LIST_ALL && !r.with_stats && !r.with_data;
    if (l.parent && model_at(l.parent, zxid))
        model_each(model, zxid, gather_listing, &l);
    if (!is_plain && !l.may_all && h->err == ZK_ERR_NO_AUTH) {
        zk_buf_fini(&l.nodes);
        return;
    }
    judge_err(wire, a->op, r.path, zxid, h->err);
    if (h->err == ZK_ERR_OK) {
        size_t count = l.nodes.len / sizeof(void *);
        if (count > 0)
            qsort(l.nodes.ptr, count, sizeof(void *), by_path);
        if ((!is_plain && !l.may_all) || !is_listing(wire, a->op, &l, zxid, in))
            FAIL(wire, "I16", "another list of %.*s at %" PRIx64, (int)r.path.len, (const char *)r.path.ptr, zxid);
        judge_end(wire, a, in);
        if (r.watch)
            arm(wire, r.path, WATCH_CHILD, zxid);
    }
    zk_buf_fini(&l.nodes);
}

struct reachable {
    const struct model *model;
    uint64_t session;
    uint64_t zxid;
    const struct model_node *top;
    size_t count;
};

/* It and all between it and the top may be read. */
static void count_reachable(void *arg, const struct model_node *node, const struct model_version *version)
{
    struct reachable *r = arg;
    const struct model_node *n = node;
    while (n && n != r->top && model_may(r->model, r->session, model_at(n, r->zxid)->acl, ZK_PERM_READ))
        n = model_parent(n);
    r->count += node != r->top && n == r->top;
}

/* Every path is below, may be read, stands behind its parent's and comes once; and there are as many as there should be. */
static void judge_paths(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    const struct model *model = ledger_model(wire->world->ledger);
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct zk_path_limit r = zk_path_limit_decode(&request);
    uint64_t zxid = (uint64_t)h->zxid;
    judge_err(wire, a->op, r.path, zxid, h->err);
    if (h->err != ZK_ERR_OK)
        return;
    struct reachable all = {model, wire->session, zxid, model_find(model, r.path), 0};
    model_each(model, zxid, count_reachable, &all);
    struct zk_jute again = *in;
    int32_t count = zk_jute_count(in, 4);
    bool ok = count >= 0 && (size_t)count == (all.count < r.limit ? all.count : r.limit);
    for (int32_t i = 0; ok && i < count; i++) {
        struct zk_slice path = zk_jute_string(in);
        const struct model_node *node = model_find(model, path);
        const struct model_version *v = node ? model_at(node, zxid) : NULL;
        bool is_below = v && zk_slice_eq(zk_path_parent(path), r.path);
        struct zk_jute before = again;
        (void)zk_jute_count(&before, 4);
        for (int32_t k = 0; k < i; k++) {
            struct zk_slice earlier = zk_jute_string(&before);
            is_below = is_below || (v && zk_slice_eq(zk_path_parent(path), earlier));
            ok = ok && !zk_slice_eq(earlier, path);
        }
        ok = ok && is_below && model_may(model, wire->session, v->acl, ZK_PERM_READ);
    }
    if (!ok)
        FAIL(wire, "I16", "other paths below %.*s at %" PRIx64, (int)r.path.len, (const char *)r.path.ptr, zxid);
    judge_end(wire, a, in);
}

static void judge_check(struct wire *wire, const struct asked *a, const struct zk_reply_header *h)
{
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    int32_t want = model_compare(ledger_model(wire->world->ledger), (uint64_t)h->zxid, wire->session, a->op, &request);
    if (h->err != want)
        FAIL(wire, "I16", "op %" PRId32 " at %" PRIx64 " gives %s, should be %s", a->op, (uint64_t)h->zxid,
             zk_err_text(h->err), zk_err_text(want));
}

struct count {
    struct zk_slice path;
    uint64_t owner;
    int32_t below;
    int32_t ephemerals;
};

static bool begins_with(struct zk_slice path, struct zk_slice prefix)
{
    return path.len >= prefix.len && memcmp(path.ptr, prefix.ptr, prefix.len) == 0;
}

static void count_node(void *arg, const struct model_node *node, const struct model_version *version)
{
    struct count *c = arg;
    struct zk_slice path = model_path(node);
    c->below += zk_path_within(path, c->path) && !zk_slice_eq(path, c->path);
    c->ephemerals += version->stat.ephemeral_owner == (int64_t)c->owner && begins_with(path, c->path);
}

static void judge_number(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    const struct model *model = ledger_model(wire->world->ledger);
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct count c = {.path = zk_jute_string(&request)};
    judge_err(wire, a->op, c.path, (uint64_t)h->zxid, h->err);
    if (h->err != ZK_ERR_OK)
        return;
    model_each(model, (uint64_t)h->zxid, count_node, &c);
    int32_t number = zk_jute_int(in);
    if (number != c.below)
        FAIL(wire, "I16", "%" PRId32 " nodes below %.*s, should be %" PRId32, number, (int)c.path.len,
             (const char *)c.path.ptr, c.below);
    judge_end(wire, a, in);
}

static void judge_ephemerals(struct wire *wire, const struct asked *a, const struct zk_reply_header *h,
                             struct zk_jute *in)
{
    const struct model *model = ledger_model(wire->world->ledger);
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct count c = {.path = zk_jute_string(&request), .owner = wire->session};
    model_each(model, (uint64_t)h->zxid, count_node, &c);
    int32_t count = zk_jute_count(in, 4);
    bool ok = h->err == ZK_ERR_OK && count == c.ephemerals;
    for (int32_t i = 0; i < count && ok; i++) {
        struct zk_slice path = zk_jute_string(in);
        const struct model_node *node = model_find(model, path);
        const struct model_version *v = node ? model_at(node, (uint64_t)h->zxid) : NULL;
        ok = v && v->stat.ephemeral_owner == (int64_t)wire->session && begins_with(path, c.path);
    }
    if (!ok)
        FAIL(wire, "I17", "%" PRId32 " ephemerals that begin with %.*s, or others, should be %" PRId32, count,
             (int)c.path.len, (const char *)c.path.ptr, c.ephemerals);
    judge_end(wire, a, in);
}

/* Nobody proves an identity here, so all there is is the address; of whoever has it, as far as this server knows. */
static void judge_who_am_i(struct wire *wire, const struct asked *a, const struct zk_reply_header *h,
                           struct zk_jute *in)
{
    const struct model *model = ledger_model(wire->world->ledger);
    const struct model_session *s = model_session(model, wire->session);
    if (!s || s->joined_zxid > (uint64_t)h->zxid)
        s = model_guest_of(model, wire->session);
    if (!s)
        return;
    struct zk_jute own = zk_jute(zk_buf_slice(&s->identities));
    bool ok = h->err == ZK_ERR_OK && zk_jute_count(in, 8) == 1;
    ok = ok && zk_slice_eq(zk_jute_string(in), zk_jute_string(&own));
    ok = ok && zk_slice_eq(zk_jute_string(in), zk_jute_string(&own));
    if (!ok)
        FAIL(wire, "I20", "is told that it is somebody else (%s)", zk_err_text(h->err));
    judge_end(wire, a, in);
}

static bool is_named(const struct watch *watch, struct zk_path_kind r)
{
    bool is_its = (r.kind == ZK_WATCHER_CHILDREN && watch->kind == WATCH_CHILD) ||
                  (r.kind == ZK_WATCHER_DATA && watch->kind == WATCH_DATA) || r.kind == ZK_WATCHER_ANY ||
                  (r.kind == ZK_WATCHER_PERSISTENT && watch->kind == WATCH_PERSISTENT) ||
                  (r.kind == ZK_WATCHER_PERSISTENT_RECURSIVE && watch->kind == WATCH_RECURSIVE);
    return is_its && zk_slice_eq(zk_slice(watch->path, watch->path_len), r.path);
}

/* addWatch, checkWatches, removeWatches */
static void judge_watch_op(struct wire *wire, const struct asked *a, const struct zk_reply_header *h)
{
    struct zk_jute request = zk_jute(zk_slice(a->record, a->len));
    struct zk_path_kind r = zk_path_kind_decode(&request);
    size_t named = 0;
    for (size_t i = 0; i < wire->watch_count; i++)
        named += is_named(&wire->watches[i], r);
    if (a->op != ZK_OP_ADD_WATCH && h->err != (named > 0 ? ZK_ERR_OK : ZK_ERR_NO_WATCHER))
        FAIL(wire, "I25", "%zu watches of kind %" PRId32 " on %.*s, and it is told %s", named, r.kind, (int)r.path.len,
             (const char *)r.path.ptr, zk_err_text(h->err));
    if (h->err != ZK_ERR_OK || a->op == ZK_OP_CHECK_WATCHES)
        return;
    if (a->op == ZK_OP_ADD_WATCH) {
        arm(wire, r.path, r.kind == ZK_ADD_WATCH_PERSISTENT ? WATCH_PERSISTENT : WATCH_RECURSIVE, (uint64_t)h->zxid);
        return;
    }
    for (size_t i = wire->watch_count; i > 0; i--)
        if (is_named(&wire->watches[i - 1], r))
            disarm(wire, i - 1);
}

/* --- replies to writes --- */

/* The entry that brought this request about, as of `zxid`; NULL: there is none. */
static const struct ledger_entry *entry_of(const struct wire *wire, int32_t xid, uint64_t zxid)
{
    uint64_t at = person_effect(wire->world, wire->from_node, wire->session, xid);
    return at && at <= zxid ? ledger_find(wire->world->ledger, at) : NULL;
}

static void judge_write(struct wire *wire, const struct asked *a, const struct zk_reply_header *h, struct zk_jute *in)
{
    const struct ledger_entry *e = entry_of(wire, a->xid, (uint64_t)h->zxid);
    if (wire->is_read_only) {
        if (h->err != ZK_ERR_NOT_READ_ONLY)
            FAIL(wire, "ro", "xid %" PRId32 " op %" PRId32 " gives %s without a quorum", a->xid, a->op,
                 zk_err_text(h->err));
        world_count(wire->world, MARK_READ_ONLY_REFUSED);
    }
    if (!e) {
        if (h->err == ZK_ERR_OK)
            FAIL(wire, "I15", "xid %" PRId32 " op %" PRId32 " is acknowledged at %" PRIx64 ", and has not happened",
                 a->xid, a->op, (uint64_t)h->zxid);
        return;
    }
    if (e->err != h->err)
        FAIL(wire, "I15", "xid %" PRId32 " op %" PRId32 " at %" PRIx64 " gives %s, should be %s", a->xid, a->op,
             (uint64_t)h->zxid, zk_err_text(h->err), zk_err_text(e->err));
    struct zk_slice body = zk_jute_rest(in);
    bool same = body.len == e->reply.len && (body.len == 0 || memcmp(body.ptr, e->reply.ptr, body.len) == 0);
    if (h->err == ZK_ERR_OK && !same)
        FAIL(wire, "I15", "xid %" PRId32 " op %" PRId32 " at %" PRIx64 " answers with another record", a->xid, a->op,
             (uint64_t)h->zxid);
    if (wire->event_zxid == e->entry.zxid)
        world_count(wire->world, MARK_WATCH_RACES_WRITE);
    if (e->entry.zxid <= wire->joined)
        world_count(wire->world, MARK_SENT_AGAIN);
}

static void judge_close(struct wire *wire, const struct zk_reply_header *h)
{
    const struct model_session *s = model_session(ledger_model(wire->world->ledger), wire->session);
    if (!s) {
        locals_closed(wire->world, wire->session);
        return;
    }
    if (h->err == ZK_ERR_OK && (!s->ended_zxid || s->ended_zxid > (uint64_t)h->zxid))
        FAIL(wire, "I15", "is told at %" PRIx64 " that it is closed, and lives", (uint64_t)h->zxid);
}

static void judge_sync(struct wire *wire, const struct asked *a, const struct zk_reply_header *h)
{
    if (h->err == ZK_ERR_OK && wire->is_read_only)
        FAIL(wire, "ro", "%s", "a sync is answered without a quorum");
    if (h->err != ZK_ERR_OK)
        return;
    if ((uint64_t)h->zxid < a->shown)
        FAIL(wire, "I16", "a sync is answered at %" PRIx64 ", %" PRIx64 " had been shown before it was asked",
             (uint64_t)h->zxid, a->shown);
    world_count(wire->world, MARK_SYNC_CONFIRMED);
    if (zxid_epoch(ledger_last(wire->world->ledger)) != a->epoch)
        world_count(wire->world, MARK_SYNC_ACROSS_ELECTION);
}

static void judge_answer(struct wire *wire, const struct asked *a, const struct zk_reply_header *h,
                         struct zk_jute *in)
{
    switch (a->op) {
    case ZK_OP_EXISTS:
    case ZK_OP_GET_DATA:
    case ZK_OP_GET_CHILDREN:
    case ZK_OP_GET_CHILDREN2:
        judge_read(wire, a, h, in);
        break;
    case ZK_OP_SYNC:
        judge_sync(wire, a, h);
        break;
    case ZK_OP_SET_WATCHES:
    case ZK_OP_SET_WATCHES2:
        judge_set_watches(wire, a, (uint64_t)h->zxid);
        break;
    case ZK_OP_ADD_WATCH:
    case ZK_OP_CHECK_WATCHES:
    case ZK_OP_REMOVE_WATCHES:
        judge_watch_op(wire, a, h);
        break;
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
        judge_number(wire, a, h, in);
        break;
    case ZK_OP_FILTERED_LIST:
    case ZK_OP_FILTERED_LIST_WITH_DATA:
        judge_listing(wire, a, h, in);
        break;
    case ZK_OP_LIST_RECURSIVE:
        judge_paths(wire, a, h, in);
        break;
    case ZK_OP_CHECK_NOT_EXISTS:
    case ZK_OP_CHECK_STAT:
        judge_check(wire, a, h);
        break;
    case ZK_OP_GET_CHILDREN_PAGE:
        judge_page(wire, a, h, in);
        break;
    case ZK_OP_GET_EPHEMERALS:
        judge_ephemerals(wire, a, h, in);
        break;
    case ZK_OP_WHO_AM_I:
        judge_who_am_i(wire, a, h, in);
        break;
    case ZK_OP_MULTI_READ:
        judge_multi_read(wire, a, h, in);
        break;
    case ZK_OP_GET_ACL:
        break;
    case ZK_OP_CLOSE_SESSION:
        judge_close(wire, h);
        break;
    default:
        judge_write(wire, a, h, in);
    }
}

/* --- frames --- */

static void judge_zxid(struct wire *wire, int32_t xid, uint64_t zxid)
{
    if (zxid > ledger_last(wire->world->ledger))
        FAIL(wire, "I15", "shows %" PRIx64 ", nobody has committed beyond %" PRIx64, zxid,
             ledger_last(wire->world->ledger));
    if (zxid < wire->shown)
        FAIL(wire, "I14", "xid %" PRId32 " shows %" PRIx64 " after %" PRIx64, xid, zxid, wire->shown);
    wire->shown = zxid;
    catch_up(wire, zxid, "I23");
    ledger_shown(wire->world->ledger, zxid);
}

static void judge_reply(struct wire *wire, const struct zk_reply_header *h, struct zk_jute *in)
{
    struct asked *a = wire->first;
    if (!a || a->xid != h->xid)
        FAIL(wire, "I14", "answers xid %" PRId32 ", it is the turn of %" PRId32, h->xid, a ? a->xid : 0);
    SAY(wire->world, "s%" PRIu64 " c%" PRIu64 " < xid %" PRId32 " op %" PRId32 " at %" PRIx64 ": %s", wire->server,
        wire->conn, h->xid, a->op, (uint64_t)h->zxid, zk_err_text(h->err));
    judge_zxid(wire, h->xid, (uint64_t)h->zxid);
    judge_answer(wire, a, h, in);
    wire->first = a->next;
    if (!wire->first)
        wire->last = &wire->first;
    free(a);
}

static void judge_past_write(struct wire *wire, const struct zk_past_write *p)
{
    const struct ledger_entry *e = ledger_find(wire->world->ledger, (uint64_t)p->zxid);
    const struct command *c = e ? &e->command : NULL;
    if (!e || c->kind != COMMAND_REQUEST || !e->had_effect || c->session != wire->claimed || c->xid != p->xid)
        FAIL(wire, "memory", "is told of xid %" PRId32 " at %" PRIx64 ", which is another's", p->xid, (uint64_t)p->zxid);
    if (p->err != e->err || !zk_slice_eq(p->record, e->reply))
        FAIL(wire, "memory", "is told that xid %" PRId32 " gave %s, %zu bytes; it was %s, %zu bytes", p->xid,
             zk_err_text(p->err), p->record.len, zk_err_text(e->err), e->reply.len);
}

static bool password_is_right(const struct wire *wire, const struct model_session *s)
{
    return s && memcmp(wire->password, s->password, sizeof(wire->password)) == 0;
}

/* All that an ended session is remembered for, or nothing if it need not be remembered. */
static void judge_past(struct wire *wire, const struct model_session *s, const struct zk_connect_response *r)
{
    const struct ledger *l = wire->world->ledger;
    bool is_owner = wire->asked_memory && password_is_right(wire, s);
    if (r->protocol_version != ZK_PROTOCOL_MEMORY) {
        if (is_owner && s->memory > 0 && s->was_expired && s->ended_zxid > ledger_forgotten(l))
            FAIL(wire, "memory", "session %" PRIx64 " is not told what it did", s->id);
        return;
    }
    if (!is_owner || s->ended_zxid == 0)
        FAIL(wire, "I20", "session %" PRIx64 " is told what it did, not being its owner or not over", wire->claimed);
    struct zk_jute in = zk_jute(r->past);
    int32_t count = zk_jute_count(&in, ZK_PAST_WRITE_MIN_BYTES);
    size_t most = (size_t)s->memory;
    size_t want = s->result_count < most ? s->result_count : most;
    if (count < 0 || (size_t)count != want)
        FAIL(wire, "memory", "is told %" PRId32 " results, should be %zu", count, want);
    for (int32_t i = 0; i < count; i++) {
        struct zk_past_write p = zk_past_write_decode(&in);
        judge_past_write(wire, &p);
    }
    if (in.bad || zk_jute_left(&in) > 0)
        FAIL(wire, "protocol", "%s", "a malformed past");
    if (count > 0)
        world_count(wire->world, MARK_PAST_TOLD);
}

static void begin_session(struct wire *wire, uint64_t id, const struct zk_connect_response *r)
{
    wire->session = id;
    wire->is_live = true;
    SAY(wire->world, "s%" PRIu64 " c%" PRIu64 " < session %" PRIx64 ", %" PRId32 " ms, memory %" PRId32 "%s", wire->server,
        wire->conn, id, r->timeout_ms, r->memory, r->read_only ? ", read-only" : "");
}

static bool was_refused_before(const struct ledger *l, const struct model_session *s)
{
    for (size_t i = 0; i < ledger_count(l) && ledger_entry(l, i)->entry.zxid < s->opened_zxid; i++) {
        const struct ledger_entry *e = ledger_entry(l, i);
        if (e->is_command && e->command.kind == COMMAND_ATTACH && e->command.session == s->id)
            return true;
    }
    return false;
}

/* A server looks only into its own list, and an UPGRADE may be under way behind what the client asked for. */
static bool was_new_to_the_log(const struct wire *wire, const struct model_session *s)
{
    return session_began_local(s->id) &&
           (s->joined_zxid == s->opened_zxid || was_refused_before(wire->world->ledger, s));
}

static void judge_greeting(struct wire *wire, struct zk_jute *in)
{
    struct zk_connect_response r = zk_connect_response_decode(in);
    struct local_told told = {wire->server, wire->from_node, wire->claimed, wire->password, wire->asked_read_only};
    if (in->bad)
        FAIL(wire, "protocol", "%s", "a malformed connect response");
    uint64_t id = (uint64_t)r.session_id;
    if (id == 0) {
        const struct model_session *s = model_session(ledger_model(wire->world->ledger), wire->claimed);
        if (!s)
            locals_refused(wire->world, &told);
        if (s && password_is_right(wire, s) && s->ended_zxid == 0 && !was_new_to_the_log(wire, s))
            FAIL(wire, "I18", "session %" PRIx64 " is told that it has expired, and it lives", wire->claimed);
        judge_past(wire, s, &r);
        wire->is_over = true;
        return;
    }
    const struct model_session *s = model_session(ledger_model(wire->world->ledger), id);
    if (!s && session_began_local(id)) {
        locals_given(wire->world, &told, &r);
        wire->is_read_only = r.read_only;
        begin_session(wire, id, &r);
        return;
    }
    if (r.read_only)
        FAIL(wire, "ro", "session %" PRIx64 " of the ensemble's is served without a quorum", id);
    if (!s || (wire->claimed && id != wire->claimed))
        FAIL(wire, "I20", "is given session %" PRIx64 ", asked for %" PRIx64, id, wire->claimed);
    if (r.password.len != ZK_PASSWORD_BYTES || memcmp(r.password.ptr, s->password, ZK_PASSWORD_BYTES) != 0)
        FAIL(wire, "I20", "session %" PRIx64 " is given another password", id);
    if (wire->claimed && !password_is_right(wire, s))
        FAIL(wire, "I20", "session %" PRIx64 " is attached to who does not know its password", id);
    begin_session(wire, id, &r);
    wire->joined = person_attached(wire->world, id);
    check_told(wire->world, id);
}

static void judge_frame(struct wire *wire, struct zk_slice frame)
{
    struct zk_jute in = zk_jute(frame);
    if (wire->is_over)
        FAIL(wire, "protocol", "%s", "sends after the session's end");
    if (!wire->is_live) {
        judge_greeting(wire, &in);
        return;
    }
    struct zk_reply_header h = zk_reply_header_decode(&in);
    if (in.bad)
        FAIL(wire, "protocol", "%s", "a malformed reply");
    if (h.xid == ZK_XID_NOTIFICATION) {
        judge_event(wire, &h, &in);
    } else if (h.xid == ZK_XID_PING) {
        if (wire->pings-- == 0)
            FAIL(wire, "I14", "%s", "answers a ping that was not sent");
        judge_zxid(wire, h.xid, (uint64_t)h.zxid);
    } else if (h.xid == ZK_XID_AUTH) {
        if (wire->auths-- == 0)
            FAIL(wire, "I14", "%s", "answers an auth that was not sent");
    } else {
        judge_reply(wire, &h, &in);
    }
}

void wire_sent(struct wire *wire, struct zk_slice frames)
{
    struct zk_jute in = zk_jute(frames);
    while (zk_jute_left(&in) > 0) {
        struct zk_slice frame = zk_jute_buffer(&in);
        if (in.bad || !frame.ptr)
            FAIL(wire, "protocol", "%s", "bytes that are no frame");
        judge_frame(wire, frame);
    }
}
