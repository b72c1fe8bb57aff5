#include "tests/sim/ledger.h"
#include "tests/sim/check.h"
#include "tests/sim/life.h"
#include "common/zxid.h"
#include <inttypes.h>

struct ledger {
    struct world *world;
    struct state *state;
    struct model *model;
    struct state_effects fx;
    struct model_result expected;
    uint64_t shown;
    uint64_t forgotten;
    size_t count;
    size_t cap;
    struct ledger_entry *entries;
    size_t event_count;
    size_t event_cap;
    struct ledger_event *events;
};

struct ledger *ledger_new(struct world *w)
{
    struct ledger *l = zk_calloc(1, sizeof(*l));
    l->world = w;
    l->state = state_new();
    l->model = model_new();
    state_effects_init(&l->fx);
    return l;
}

void ledger_free(struct ledger *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free((uint8_t *)(uintptr_t)l->entries[i].entry.body.ptr);
        free((uint8_t *)(uintptr_t)l->entries[i].reply.ptr);
    }
    free(l->entries);
    free(l->events);
    state_effects_fini(&l->fx);
    model_result_fini(&l->expected);
    model_free(l->model);
    state_free(l->state);
    free(l);
}

/* --- looking things up --- */

uint64_t ledger_last(const struct ledger *l)
{
    return l->count ? l->entries[l->count - 1].entry.zxid : 0;
}

size_t ledger_count(const struct ledger *l)
{
    return l->count;
}

const struct ledger_entry *ledger_entry(const struct ledger *l, size_t index)
{
    return &l->entries[index];
}

const struct ledger_entry *ledger_at(const struct ledger *l, uint64_t zxid)
{
    size_t lo = 0, hi = l->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (l->entries[mid].entry.zxid <= zxid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 ? &l->entries[lo - 1] : NULL;
}

const struct ledger_entry *ledger_find(const struct ledger *l, uint64_t zxid)
{
    const struct ledger_entry *e = ledger_at(l, zxid);
    return e && e->entry.zxid == zxid ? e : NULL;
}

uint64_t ledger_digest(const struct ledger *l, uint64_t zxid)
{
    const struct ledger_entry *e = ledger_at(l, zxid);
    if (e)
        return e->digest;
    struct state *fresh = state_new();
    uint64_t digest = state_digest(fresh);
    state_free(fresh);
    return digest;
}

size_t ledger_event_count(const struct ledger *l)
{
    return l->event_count;
}

const struct ledger_event *ledger_event(const struct ledger *l, size_t index)
{
    return &l->events[index];
}

size_t ledger_event_after(const struct ledger *l, uint64_t zxid)
{
    size_t lo = 0, hi = l->event_count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (l->events[mid].zxid <= zxid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void ledger_shown(struct ledger *l, uint64_t zxid)
{
    l->shown = zk_max_u64(l->shown, zxid);
}

uint64_t ledger_shown_last(const struct ledger *l)
{
    return l->shown;
}

void ledger_guest(struct ledger *l, uint64_t session, const char *address)
{
    model_guest(l->model, session, address);
}

const struct model *ledger_model(const struct ledger *l)
{
    return l->model;
}

uint64_t ledger_forgotten(const struct ledger *l)
{
    return l->forgotten;
}

const struct state *ledger_state(const struct ledger *l)
{
    return l->state;
}

/* --- the model's opinion --- */

static void judge_result(struct ledger *l, const struct ledger_entry *e)
{
    const struct model_result *x = &l->expected;
    const struct state_effects *fx = &l->fx;
    uint64_t zxid = e->entry.zxid;
    if (fx->duplicate != x->is_duplicate || fx->stale != x->is_stale || fx->gap != x->is_gap)
        world_fail(l->world, "model", "%" PRIx64 ": duplicate %d stale %d gap %d, should be %d %d %d", zxid,
                   fx->duplicate, fx->stale, fx->gap, x->is_duplicate, x->is_stale, x->is_gap);
    if (!x->is_judged)
        return;
    if (fx->err != x->err)
        world_fail(l->world, "model", "%" PRIx64 ": op %" PRId32 " gives %s, should be %s", zxid, e->command.op,
                   zk_err_text(fx->err), zk_err_text(x->err));
    if (fx->reply.len != x->reply.len || (fx->reply.len && memcmp(fx->reply.ptr, x->reply.ptr, fx->reply.len) != 0))
        world_fail(l->world, "model",
                   "%" PRIx64 ": op %" PRId32 " answers with another record (%zu bytes, should be %zu)", zxid,
                   e->command.op, fx->reply.len, x->reply.len);
}

static bool is_same_event(const struct state_watch_event *a, const struct model_event *b)
{
    return a->type == (int32_t)b->type && zk_slice_eq(a->path, model_path(b->node));
}

/* A session's ephemerals go in an order of the state's choosing; everything else is in the order of its doing. */
static void judge_events(struct ledger *l, const struct ledger_entry *e)
{
    const struct state_effects *fx = &l->fx;
    const struct model_result *x = &l->expected;
    bool in_order = e->command.kind == COMMAND_REQUEST || e->command.kind >= COMMAND_REAP;
    bool ok = fx->event_count == x->event_count;
    for (size_t i = 0; ok && i < fx->event_count; i++) {
        size_t same = 0;
        for (size_t k = 0; k < x->event_count && !in_order; k++)
            same += is_same_event(&fx->events[i], &x->events[k]);
        ok = in_order ? is_same_event(&fx->events[i], &x->events[i]) : same > 0;
    }
    if (!ok)
        world_fail(l->world, "model", "%" PRIx64 ": op %" PRId32 " fires other events (%zu, should be %zu)",
                   e->entry.zxid, e->command.op, fx->event_count, x->event_count);
}

/* The list that protected the node at the i-th event. A multi may make a node, delete it and make it again under another
 * list: the first of two equal events is the first of the model's. */
static struct zk_slice acl_of_event(const struct ledger *l, size_t i)
{
    const struct state_watch_event *event = &l->fx.events[i];
    size_t before = 0;
    for (size_t k = 0; k < i; k++)
        before += l->fx.events[k].type == event->type && zk_slice_eq(l->fx.events[k].path, event->path);
    for (size_t k = 0; k < l->expected.event_count; k++)
        if (is_same_event(event, &l->expected.events[k]) && before-- == 0)
            return l->expected.events[k].acl;
    return zk_slice(NULL, 0);
}

static void note_events(struct ledger *l, struct ledger_entry *e)
{
    e->first_event = l->event_count;
    e->event_count = l->fx.event_count;
    for (size_t i = 0; i < l->fx.event_count; i++) {
        if (l->event_count == l->event_cap) {
            l->event_cap = l->event_cap ? 2 * l->event_cap : 256;
            l->events = zk_realloc(l->events, l->event_cap * sizeof(*l->events));
        }
        const struct state_watch_event *event = &l->fx.events[i];
        const struct model_node *node = model_find(l->model, event->path);
        l->events[l->event_count++] =
            (struct ledger_event){e->entry.zxid, (enum zk_event_type)event->type, node, acl_of_event(l, i)};
    }
}

static const char *kind_text(uint8_t kind)
{
    static const char *const TEXTS[] = {"?",     "REQUEST", "OPEN",   "ATTACH", "AUTH",
                                        "CLOSE", "EXPIRE",  "FORGET", "LEVEL",  "REAP", "CONFIG"};
    return kind < ZK_COUNT_OF(TEXTS) ? TEXTS[kind] : "?";
}

static void count_end(struct ledger *l, const struct ledger_entry *e)
{
    struct command_reap reap;
    if (!command_reap_decode(e->command.payload, &reap))
        return;
    const struct model_node *node = model_find(l->model, reap.path);
    const struct model_version *now = node ? model_at(node, UINT64_MAX) : NULL;
    const struct model_version *before = node ? model_at(node, e->entry.zxid - 1) : NULL;
    if (e->event_count > 0 && before)
        world_count(l->world, before->is_container ? MARK_CONTAINER_ENDED : MARK_TTL_ENDED);
    else if (now && now->stat.czxid == (int64_t)reap.czxid)
        world_count(l->world, MARK_END_TOO_LATE);
}

static void count_tree(struct ledger *l, const struct ledger_entry *e)
{
    struct zk_jute in = zk_jute(e->reply);
    struct zk_delete_tree_response r = zk_delete_tree_response_decode(&in);
    if (e->err == ZK_ERR_OK && r.left > 0)
        world_count(l->world, MARK_TREE_CUT);
    else if (e->err == ZK_ERR_OK && r.deleted > 1)
        world_count(l->world, MARK_TREE_DELETED);
}

static void count_marks(struct ledger *l, const struct ledger_entry *e)
{
    struct world *w = l->world;
    const struct command *c = &e->command;
    if (e->is_recalled)
        world_count(w, MARK_SENT_AGAIN);
    if (l->expected.forgot_count > 0)
        world_count(w, MARK_MEMORY_ENDED);
    if (l->fx.duplicate)
        world_count(w, MARK_FORWARDED_AGAIN);
    if (c->kind == COMMAND_EXPIRE && e->session_change == STATE_SESSION_ENDED) {
        world_count(w, MARK_SESSION_EXPIRED);
        if (e->event_count > 0)
            world_count(w, MARK_EPHEMERAL_EXPIRED);
    }
    if (c->kind == COMMAND_REAP)
        count_end(l, e);
    if (c->op == ZK_OP_DELETE_TREE)
        count_tree(l, e);
    if (c->op == ZK_OP_REMOVE_RECURSIVE && e->event_count > 2)
        world_count(w, MARK_REMOVED_RECURSIVELY);
    if (c->op == ZK_OP_REMOVE_RECURSIVE && e->err == ZK_ERR_NOT_EMPTY)
        world_count(w, MARK_REMOVED_TOO_MUCH);
    if (c->op == ZK_OP_SET_ACL && e->err == ZK_ERR_OK)
        world_count(w, MARK_ACL_CHANGED);
    if (e->err == ZK_ERR_QUOTA_EXCEEDED)
        world_count(w, MARK_QUOTA_EXCEEDED);
    if (c->op == ZK_OP_MULTI && l->expected.step_count > 1 && l->expected.steps_done == l->expected.step_count - 1)
        world_count(w, MARK_MULTI_FAILED_LATE);
}

/* Ten minutes are promised to who comes back to an ended session. */
static void judge_forget(struct ledger *l, const struct ledger_entry *e)
{
    struct zk_jute in = zk_jute(e->command.payload);
    uint64_t up_to = (uint64_t)zk_jute_long(&in);
    const struct ledger_entry *end = ledger_at(l, up_to);
    if (end && e->time_ms - end->time_ms < 600000)
        world_fail(l->world, "memory", "%" PRIx64 ": what ended at %" PRIx64 ", %" PRId64 " ms ago, is forgotten",
                   e->entry.zxid, up_to, e->time_ms - end->time_ms);
    l->forgotten = zk_max_u64(l->forgotten, up_to);
}

static void apply_command(struct ledger *l, struct ledger_entry *e)
{
    const struct command *c = &e->command;
    if (c->time_ms < e->time_ms)
        world_fail(l->world, "I13", "%" PRIx64 ": time goes back", e->entry.zxid);
    e->time_ms = c->time_ms;
    uint64_t digest_before = state_digest(l->state);
    state_effects_fini(&l->fx);
    state_effects_init(&l->fx);
    state_apply(l->state, e->entry.zxid, c, &l->fx);
    model_apply(l->model, e->entry.zxid, c, &l->expected);
    e->is_recalled = l->expected.is_recalled;
    e->had_effect = !l->fx.duplicate && !l->fx.stale && !l->fx.gap && !e->is_recalled;
    e->err = l->fx.err;
    e->session = l->fx.session ? l->fx.session : c->session;
    e->session_change = l->fx.session_change;
    e->reply = l->fx.reply.len ? zk_slice(zk_memdup(l->fx.reply.ptr, l->fx.reply.len), l->fx.reply.len)
                               : (struct zk_slice){0};
    if (!e->had_effect && !e->is_recalled && (state_digest(l->state) != digest_before || l->fx.event_count))
        world_fail(l->world, "S1", "%" PRIx64 ": a command without effect changes the state", e->entry.zxid);
    judge_result(l, e);
    judge_events(l, e);
    note_events(l, e);
    if (c->kind == COMMAND_FORGET)
        judge_forget(l, e);
    count_marks(l, e);
    SAY(l->world,
        "ledger %" PRIx64 " %s session %" PRIx64 " gen %" PRIu32 " no %" PRIu64 " xid %" PRId32 " op %" PRId32
        " -> %s%s%s%s",
        e->entry.zxid, kind_text(c->kind), e->session, c->generation, c->number, c->xid, c->op, zk_err_text(e->err),
        l->fx.duplicate ? ", duplicate" : "", l->fx.stale ? ", stale" : "",
        l->fx.gap        ? ", gap"
        : e->is_recalled ? ", recalled"
                         : "");
}

static void append(struct ledger *l, uint64_t server, const struct entry *entry)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 512;
        l->entries = zk_realloc(l->entries, l->cap * sizeof(*l->entries));
    }
    struct ledger_entry *e = &l->entries[l->count];
    const struct ledger_entry *before = l->count ? e - 1 : NULL;
    *e = (struct ledger_entry){.entry = *entry,
                               .at_us = l->world->now_us,
                               .first_server = server,
                               .first_event = l->event_count,
                               .time_ms = before ? before->time_ms : 0};
    if (entry_hash(before ? before->entry.hash : 0, entry->zxid, entry->kind, entry->body) != entry->hash)
        world_fail(l->world, "I2", "server %" PRIu64 " commits %" PRIx64 ", which does not follow %" PRIx64, server,
                   entry->zxid, ledger_last(l));
    l->count++;
    e->entry.body = zk_slice(entry->body.len ? zk_memdup(entry->body.ptr, entry->body.len) : NULL, entry->body.len);
    l->world->tally.entries++;
    e->is_command = entry->kind == ENTRY_COMMAND;
    if (e->is_command && command_decode(e->entry.body, &e->command)) {
        apply_command(l, e);
    } else {
        SAY(l->world, "ledger %" PRIx64 " kind %u", entry->zxid, entry->kind);
        state_skip(l->state, entry->zxid);
    }
    e->digest = state_digest(l->state);
    if (e->is_command) {
        life_committed(l->world, e);
        check_session_entry(l->world, e);
    }
}

void ledger_commit(struct ledger *l, uint64_t server, const struct tap *tap, uint64_t commit)
{
    uint64_t last = ledger_last(l);
    if (commit > last) {
        if (tap_base(tap) > last)
            world_fail(l->world, "I2",
                       "server %" PRIu64 " has a log from %" PRIx64 ", nobody committed beyond %" PRIx64, server,
                       tap_base(tap), last);
        for (size_t i = tap_after(tap, last); i < tap_count(tap) && tap_entry(tap, i)->zxid <= commit; i++)
            append(l, server, tap_entry(tap, i));
    }
    const struct entry *own = tap_find(tap, commit);
    const struct ledger_entry *ours = ledger_find(l, commit);
    if (own && ours && own->hash == ours->entry.hash)
        return;
    if (commit == 0 || (commit == tap_base(tap) && ours))
        return;
    world_fail(l->world, "I2", "server %" PRIu64 " has committed %" PRIx64 ", %s", server, commit,
               !own    ? "which is not in its log"
               : !ours ? "which is not an entry"
                       : "another one than others");
}

/* --- the whole state --- */

struct comparison {
    const struct ledger *ledger;
    size_t count;
};

static bool is_same_stat(const struct zk_stat *a, const struct zk_stat *b)
{
    return a->czxid == b->czxid && a->mzxid == b->mzxid && a->ctime_ms == b->ctime_ms && a->mtime_ms == b->mtime_ms &&
           a->version == b->version && a->cversion == b->cversion && a->aversion == b->aversion &&
           a->ephemeral_owner == b->ephemeral_owner && a->data_length == b->data_length &&
           a->num_children == b->num_children && a->pzxid == b->pzxid;
}

static void compare_node(void *arg, struct zk_slice path, struct zk_slice data, const struct zk_stat *stat)
{
    struct comparison *c = arg;
    struct world *w = c->ledger->world;
    const struct model_node *node = model_find(c->ledger->model, path);
    const struct model_version *v = node ? model_at(node, UINT64_MAX) : NULL;
    c->count++;
    if (!v)
        world_fail(w, "I21", "%.*s is there, should not be", (int)path.len, (const char *)path.ptr);
    if (path.len <= 17 && v->zxid == 0)
        return; /* the first four: their times are nobody's business */
    if (!zk_slice_eq(data, v->data))
        world_fail(w, "I21", "%.*s has other data", (int)path.len, (const char *)path.ptr);
    if (!is_same_stat(stat, &v->stat))
        world_fail(w, "I21", "%.*s has another stat", (int)path.len, (const char *)path.ptr);
}

static void count_node(void *arg, const struct model_node *node, const struct model_version *version)
{
    size_t *count = arg;
    ++*count;
}

static void compare_session(void *arg, const struct model_session *s)
{
    const struct ledger *l = arg;
    struct state_session own;
    bool is_there = state_session_get(l->state, s->id, &own);
    if (is_there != (s->ended_zxid == 0))
        world_fail(l->world, "I17", "session %" PRIx64 " is %s", s->id, is_there ? "there, should not be" : "gone");
    if (is_there && own.memory != s->memory)
        world_fail(l->world, "memory", "session %" PRIx64 " remembers %" PRId32 " results, should remember %" PRId32,
                   s->id, own.memory, s->memory);
    if (is_there && (own.generation != s->generation || own.number != s->number || own.timeout_ms != s->timeout_ms))
        world_fail(l->world, "I17",
                   "session %" PRIx64 " is at %" PRIu32 ".%" PRIu64 ", should be at %" PRIu32 ".%" PRIu64, s->id,
                   own.generation, own.number, s->generation, s->number);
}

void ledger_check(const struct ledger *l)
{
    const char *why = state_check(l->state);
    if (why)
        world_fail(l->world, "I21", "the state does not hold: %s", why);
    struct comparison c = {l, 0};
    state_each_node(l->state, compare_node, &c);
    size_t count = 0;
    model_each(l->model, UINT64_MAX, count_node, &count);
    if (c.count != count)
        world_fail(l->world, "I21", "%zu nodes, should be %zu", c.count, count);
    model_each_session(l->model, compare_session, (void *)(uintptr_t)l);
    if (state_session_count(l->state) != model_session_count(l->model))
        world_fail(l->world, "I17", "%zu sessions, should be %zu", state_session_count(l->state),
                   model_session_count(l->model));
}
