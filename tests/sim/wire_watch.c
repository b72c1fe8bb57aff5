#include "tests/sim/wire_impl.h"
#include "tests/sim/check.h"
#include "tests/sim/host.h"

/* --- watches --- */

void wire_arm(struct wire *wire, struct zk_slice path, enum watch_kind kind, uint64_t zxid)
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
    if (any && !model_may(ledger_model(wire->world->ledger), wire->session, e->acl, ZK_PERM_READ, e->zxid)) {
        world_count(wire->world, MARK_EVENT_WITHHELD);
        return false;
    }
    return any;
}

void wire_catch_up(struct wire *wire, uint64_t zxid, const char *check)
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
        wire_catch_up(wire, zxid, "I24");
}

static void keep_loose(struct wire *wire, const struct zk_watcher_event *event)
{
    wire->loose = zk_realloc(wire->loose, (wire->loose_count + 1) * sizeof(*wire->loose));
    wire->loose[wire->loose_count++] = (struct loose){event->type, zk_slice_dup(event->path), event->path.len};
}

void wire_judge_event(struct wire *wire, const struct zk_reply_header *h, struct zk_jute *in)
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
            wire_arm(wire, path, kind, zxid);
        } else if (take_loose(wire, due, path)) {
            world_count(wire->world, MARK_SET_WATCHES_FIRED);
        } else if (!v || model_may(model, wire->session, v->acl, ZK_PERM_READ, zxid)) {
            FAIL(wire, "I25", "%.*s set again at %" PRIx64 " must fire event %" PRId32 " (relative to %" PRIx64 ")",
                 (int)path.len, (const char *)path.ptr, zxid, due, (uint64_t)relative);
        }
    }
}

void wire_judge_set_watches(struct wire *wire, const struct asked *a, uint64_t zxid)
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

static bool is_named(const struct watch *watch, struct zk_path_kind r)
{
    bool is_its = (r.kind == ZK_WATCHER_CHILDREN && watch->kind == WATCH_CHILD) ||
                  (r.kind == ZK_WATCHER_DATA && watch->kind == WATCH_DATA) || r.kind == ZK_WATCHER_ANY ||
                  (r.kind == ZK_WATCHER_PERSISTENT && watch->kind == WATCH_PERSISTENT) ||
                  (r.kind == ZK_WATCHER_PERSISTENT_RECURSIVE && watch->kind == WATCH_RECURSIVE);
    return is_its && zk_slice_eq(zk_slice(watch->path, watch->path_len), r.path);
}

void wire_judge_watch_op(struct wire *wire, const struct asked *a, const struct zk_reply_header *h)
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
        enum watch_kind kind = r.kind == ZK_ADD_WATCH_PERSISTENT ? WATCH_PERSISTENT : WATCH_RECURSIVE;
        wire_arm(wire, r.path, kind, (uint64_t)h->zxid);
        return;
    }
    for (size_t i = wire->watch_count; i > 0; i--)
        if (is_named(&wire->watches[i - 1], r))
            disarm(wire, i - 1);
    world_count(wire->world, MARK_WATCHES_REMOVED);
}
