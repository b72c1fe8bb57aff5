/* deliver.c: committed entries reach the state, and what they did reaches those who wait for it: first the watches,
 * then the one who asked. */
#include "server/replica/core.h"

struct firing {
    struct replica *r;
    const struct state_watch_event *event;
    uint64_t zxid;
};

/* A change may have 50,000 events under one long list, and each thousands of watchers: they are not asked about each. */
static bool may_hear(const struct firing *f, struct client *c)
{
    struct hearing *last = &c->hearings[f->event->type == ZK_EVENT_CHILDREN_CHANGED];
    if (last->firing != f->r->firings || last->acl_at != f->event->acl_at)
        *last = (struct hearing){.firing = f->r->firings,
                                 .acl_at = f->event->acl_at,
                                 .may = state_may_read(f->r->state, c->session, f->event->acl)};
    return last->may;
}

static void tell_watcher(void *arg, uint64_t conn)
{
    struct firing *f = arg;
    struct client *c = client_find(f->r, conn);
    if (c == NULL || c->close_due || !may_hear(f, c))
        return;
    client_tell(f->r, c, f->event->type, f->event->path, (int64_t)f->zxid);
}

static void fire_watches(void *arg, const struct state_effects *fx)
{
    struct replica *r = arg;
    r->firings++;
    for (size_t i = 0; i < fx->event_count; i++) {
        struct firing f = {r, &fx->events[i], fx->zxid};
        watches_fire(r->watches, (enum zk_event_type)f.event->type, f.event->path, tell_watcher, &f);
    }
}

static void answer_join(struct replica *r, const struct command *cmd, const struct state_effects *fx)
{
    uint64_t conn = cmd->origin - r->origin_base;
    bool is_ours = conn < r->conn_limit && fx->zxid > r->answered_zxid;
    struct client *c = is_ours ? client_find(r, conn) : NULL;
    if (c != NULL && c->phase != CLIENT_JOINING)
        c = NULL; /* a second copy of what it asked for */
    if (fx->session_change != STATE_SESSION_NONE)
        tracker_applied(r, fx, c != NULL ? conn : 0);
    if (is_ours)
        client_join_result(r, c, cmd, fx);
}

#define QUOTA_WARN_EVERY_MS 1000

/* The server that was asked says it, now and then. */
static void warn_of_quota(struct replica *r, const struct state_effects *fx)
{
    if (fx->warning.len == 0 || (r->quota_warned_ms != 0 && r->now_ms - r->quota_warned_ms < QUOTA_WARN_EVERY_MS))
        return;
    r->quota_warned_ms = r->now_ms;
    outbox_news(r, REPLICA_WARN, "a soft quota is exceeded: %.*s", (int)fx->warning.len,
                (const char *)fx->warning.ptr);
}

/* Who is to be closed may have lost its events (client_tell): it must not be shown what they were about, or it would
 * not ask for them when it comes back. */
static void answer_numbered(struct replica *r, const struct command *cmd, const struct state_effects *fx)
{
    struct tracked *t = tracker_find(r, cmd->session);
    struct client *c = t != NULL && t->conn ? client_find(r, t->conn) : NULL;
    if (c != NULL && c->phase == CLIENT_LIVE && !c->close_due) {
        warn_of_quota(r, fx);
        client_write_result(r, c, cmd, fx);
    }
    if (fx->session_change == STATE_SESSION_ENDED)
        tracker_applied(r, fx, 0);
}

/* If it is of this server, its client has gone on as if this had happened; if it has not, nothing that the client asks
 * will ever be answered. */
static void end_upgrade(struct replica *r, const struct command *cmd, const struct state_effects *fx)
{
    uint64_t conn = cmd->origin == r->origin_base ? local_upgraded(r, cmd->session) : 0;
    struct client *c = fx->err != ZK_ERR_OK ? client_find(r, conn) : NULL;
    if (c != NULL)
        outbox_close(r, c);
    if (fx->session_change != STATE_SESSION_NONE)
        tracker_applied(r, fx, conn);
}

static void answer(struct replica *r, const struct command *cmd, const struct state_effects *fx)
{
    switch (cmd->kind) {
    case COMMAND_OPEN:
    case COMMAND_ATTACH:
        answer_join(r, cmd, fx);
        break;
    case COMMAND_UPGRADE:
        end_upgrade(r, cmd, fx);
        break;
    case COMMAND_REQUEST:
    case COMMAND_AUTH:
    case COMMAND_CLOSE:
        answer_numbered(r, cmd, fx);
        break;
    default:
        if (fx->session_change == STATE_SESSION_ENDED)
            tracker_applied(r, fx, 0);
    }
}

static void note_digest(struct replica *r, uint64_t zxid)
{
    size_t at = (size_t)(zxid % DIGEST_RING);
    r->digests[at].zxid = zxid;
    r->digests[at].digest = state_digest(r->state);
}

static void nobody_watches(void *arg, const struct state_effects *fx)
{
}

static void apply_command(struct replica *r, const struct entry *e, const struct command *cmd, bool live)
{
    r->fx.portion = live ? fire_watches : nobody_watches;
    r->fx.portion_arg = r;
    state_apply(r->state, e->zxid, cmd, &r->fx);
    if (!live)
        return;
    if (ZK_PLANTED(15))
        answer(r, cmd, &r->fx);
    fire_watches(r, &r->fx);
    if (!ZK_PLANTED(15))
        answer(r, cmd, &r->fx);
}

static bool is_zabs_own(const struct entry *e)
{
    return e->kind >= ENTRY_NEWLEADER && e->kind <= ENTRY_SEAT;
}

/* A newer server's, in an ensemble that is being upgraded. The others do what it says; passed over, it would be a write
 * that was acknowledged and is not here. */
static void refuse_unknown(struct replica *r, const struct entry *e)
{
    unsigned format = e->body.len > 0 ? e->body.ptr[0] : 0, kind = e->body.len > 1 ? e->body.ptr[1] : 0;
    if (e->kind != ENTRY_COMMAND)
        outbox_fatal(r, "the log's entry 0x%llx is of a kind (%u) that only a newer zkd knows: install that one here",
                     (unsigned long long)e->zxid, (unsigned)e->kind);
    else
        outbox_fatal(r, "the log's entry 0x%llx holds a command (format %u, kind %u) that only a newer zkd knows: install "
                     "that one here", (unsigned long long)e->zxid, format, kind);
}

/* After what it does not know a server applies nothing more. */
static void apply_entry(struct replica *r, const struct entry *e, bool live)
{
    struct command cmd;
    if (r->fatal != NULL)
        return;
    if (e->kind == ENTRY_COMMAND && command_decode(e->body, &cmd)) {
        apply_command(r, e, &cmd, live);
    } else if (is_zabs_own(e)) {
        state_skip(r->state, e->zxid);
    } else {
        refuse_unknown(r, e);
        return;
    }
    r->applied_hash = e->hash;
    r->log_bytes += e->body.len;
    r->log_entries++;
    note_digest(r, e->zxid);
    if (state_level(r->state) > STATE_LEVEL_MAX)
        outbox_fatal(r, "the ensemble applies the rules of level %d, this server knows them up to %d: install a newer one",
                     state_level(r->state), STATE_LEVEL_MAX);
}

void deliver_entry(struct replica *r, const struct entry *e)
{
    apply_entry(r, e, true);
}

/* --- starting --- */

struct loading {
    struct replica *r;
    uint64_t commit;
    char *why;
    size_t size;
};

/* The disk's fault, not the configuration's nor a newer server's. */
static bool damage(struct replica *r)
{
    if (r->config.damaged != NULL)
        *r->config.damaged = true;
    return false;
}

static int load_row(void *arg, struct zk_slice key, struct zk_slice value)
{
    struct loading *l = arg;
    return state_load_row(l->r->state, key, value, l->why, l->size) ? 0 : 1;
}

static int load_group(void *arg, struct zk_slice bytes)
{
    struct loading *l = arg;
    if (!zab_load_group(l->r->zab, bytes, l->why, l->size))
        return 1;
    struct group g;
    struct entry e;
    if (!group_open(bytes, &g))
        return 1;
    while (group_next(&g, &e))
        if (e.zxid > state_zxid(l->r->state) && e.zxid <= l->commit)
            apply_entry(l->r, &e, false);
    if (l->r->fatal == NULL)
        return 0;
    snprintf(l->why, l->size, "%s", l->r->fatal);
    return 1;
}

static bool load_tree(struct replica *r, const struct storage_image *image, struct loading *l)
{
    if (image->checkpoint_zxid == 0) {
        r->state = state_new();
        return true;
    }
    r->state = state_load_begin();
    int err = r->storage.ops->each_row(r->storage.self, load_row, l);
    if (err < 0) {
        snprintf(l->why, l->size, "the store's tree cannot be read");
        return damage(r);
    }
    if (err != 0)
        return false;
    r->applied_hash = image->checkpoint_hash;
    if (!state_load_end(r->state, image->checkpoint_zxid, image->checkpoint_digest, l->why, l->size))
        return damage(r);
    note_digest(r, image->checkpoint_zxid);
    return true;
}

bool deliver_load(struct replica *r, char *why, size_t size)
{
    const struct storage_image *image = r->storage.ops->image(r->storage.self);
    struct loading l = {r, image->commit, why, size};
    if (!load_tree(r, image, &l))
        return false;
    int err = r->storage.ops->each_group(r->storage.self, image->checkpoint_zxid, load_group, &l);
    r->last_checkpoint_zxid = image->checkpoint_zxid;
    if (err < 0) {
        snprintf(why, size, "the store's log cannot be read");
        return damage(r);
    }
    return err == 0;
}

/* --- a whole state from the leader --- */

static void take_rows(struct replica *r, struct zk_slice rows)
{
    char why[256];
    struct zk_slice key, value;
    bool bad = false;
    while (storage_rows_next(&rows, &key, &value, &bad)) {
        if (!state_load_row(r->incoming, key, value, why, sizeof why)) {
            outbox_fatal(r, "the leader's snapshot has a bad row: %s", why);
            return;
        }
    }
    if (bad)
        outbox_fatal(r, "the leader's snapshot has malformed rows");
}

static void go_live(struct replica *r, const struct zab_snap *snap)
{
    char why[256];
    if (!state_load_end(r->incoming, snap->zxid, snap->digest, why, sizeof why)) {
        outbox_fatal(r, "the leader's snapshot does not hold together: %s", why);
        return;
    }
    clients_close_all(r, "the state was replaced by the leader's", true);
    checkpoint_abandon(r);
    r->answered_zxid = zk_max_u64(r->answered_zxid, state_zxid(r->state));
    state_free(r->state);
    r->state = r->incoming;
    r->incoming = NULL;
    r->last_checkpoint_zxid = snap->zxid;
    r->log_bytes = r->log_entries = 0;
    state_set_guests(r->state, locals_identities, r);
    state_count_looks(r->state, &r->looks);
    locals_reload(r);
    rebuild_done(r);
    note_digest(r, snap->zxid);
    tracker_reload(r);
}

void deliver_snap(struct replica *r, const struct zab_snap *snap)
{
    if (r->fatal != NULL)
        return;
    switch (snap->kind) {
    case ZAB_SNAP_BEGIN:
    case ZAB_SNAP_ABANDONED:
        if (r->incoming != NULL)
            state_free(r->incoming);
        r->incoming = snap->kind == ZAB_SNAP_BEGIN ? state_load_begin() : NULL;
        break;
    case ZAB_SNAP_ROWS:
        take_rows(r, snap->rows);
        break;
    case ZAB_SNAP_LIVE:
        go_live(r, snap);
        break;
    }
}
