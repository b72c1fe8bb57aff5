/* replica.c: the face: a turn takes what has come in, lets zab and the state work, and collects what leaves. */
#include "server/replica/core.h"
#include "server/replica/peer_msg.h"

/* How long a stopping server waits for the answers its clients are due. */
#define STOP_PATIENCE_MS 2000
/* Memories of ended sessions are kept this long for clients that come back late. */
#define MEMORY_KEPT_MS 600000

/* --- life --- */

static bool load(struct replica *r, uint64_t now_ms, char *why, size_t size)
{
    const struct storage_image *image = r->storage.ops->image(r->storage.self);
    r->zab = zab_new(&r->config.zab, image);
    if (!deliver_load(r, why, size))
        return false;
    if (!zab_start(r->zab, now_ms, why, size))
        return false;
    if (image->verdict == STORAGE_DAMAGED)
        outbox_news(r, REPLICA_ERROR, "the store is damaged, this server must be readmitted: %s", image->why);
    state_set_guests(r->state, locals_identities, r);
    state_count_looks(r->state, &r->looks);
    tracker_reload(r);
    return true;
}

struct replica *replica_new(const struct replica_config *config, struct storage storage, uint64_t now_ms,
                            int64_t wall_ms, char *why, size_t size)
{
    struct replica *r = zk_calloc(1, sizeof *r);
    r->config = *config;
    r->config.ensemble.ptr = config->ensemble.len ? zk_memdup(config->ensemble.ptr, config->ensemble.len) : NULL;
    r->storage = storage;
    r->now_ms = r->last_turn_ms = r->leaderless_since_ms = now_ms;
    r->wall_ms = wall_ms;
    r->touch_round = 1;
    r->round_min = 1;
    r->figures.proposal_last_bytes = r->figures.proposal_min_bytes = r->figures.proposal_max_bytes = -1;
    zk_rng_seed(&r->rng, config->zab.seed, config->zab.self);
    r->origin_base = zk_rng_u64(&r->rng);
    throttle_init(&r->throttle, &r->config.throttle, now_ms);
    r->watches = watches_new();
    r->digests = zk_calloc(DIGEST_RING, sizeof *r->digests);
    state_effects_init(&r->fx);
    zk_buf_init(&r->record);
    snprintf(why, size, "%s", "");
    if (config->damaged != NULL)
        *config->damaged = false;
    if (load(r, now_ms, why, size))
        return r;
    replica_free(r);
    return NULL;
}

void replica_free(struct replica *r)
{
    if (r == NULL)
        return;
    struct client *c, *next;
    HASH_ITER(hh, r->clients, c, next)
        client_drop(r, c);
    locals_fini(r);
    forward_fini(r);
    checkpoint_abandon(r);
    tracker_fini(r);
    watches_free(r->watches);
    free(r->digests);
    if (r->incoming != NULL)
        state_free(r->incoming);
    if (r->state != NULL)
        state_free(r->state);
    if (r->zab != NULL)
        zab_free(r->zab);
    state_effects_fini(&r->fx);
    zk_buf_fini(&r->record);
    free((void *)(uintptr_t)r->config.ensemble.ptr);
    free(r->late);
    free(r->stalled_conns);
    outbox_fini(r);
    free(r);
}

/* --- time --- */

void replica_time(struct replica *r, uint64_t now_ms, int64_t wall_ms)
{
    outbox_recycle(r);
    ZK_ASSERT(now_ms >= r->now_ms);
    r->now_ms = now_ms;
    r->wall_ms = wall_ms;
    /* We stood still: what was not heard meanwhile is our fault, not the clients'. */
    if (zab_phase_leads(r->phase) && now_ms - r->last_turn_ms > r->config.zab.tick_ms)
        tracker_stood_still(r, now_ms - r->last_turn_ms);
    if (now_ms - r->last_turn_ms > r->config.zab.tick_ms) {
        locals_restart(r);
        lag_stood_still(r, now_ms - r->last_turn_ms);
    }
    r->last_turn_ms = now_ms;
}

static void close_if_leaderless(struct replica *r)
{
    if (replica_serves(r) || r->clients == NULL || r->now_ms - r->leaderless_since_ms < replica_patience_ms(r))
        return;
    clients_close_all(r, r->told_leaderless ? NULL : "no leader for the sync limit: they go where they are heard", false);
    r->told_leaderless = true;
}

static void forget_old_memories(struct replica *r)
{
    int64_t ended_ms;
    uint64_t zxid = state_memory_oldest(r->state, &ended_ms);
    if (zxid == 0 || r->wall_ms - ended_ms < MEMORY_KEPT_MS)
        return;
    struct zk_buf *payload = outbox_buffer(r);
    zk_jute_put_long(payload, (int64_t)zxid);
    forward_unawaited(r, &(struct command){.kind = COMMAND_FORGET, .payload = zk_buf_slice(payload)});
}

static void keep_house(struct replica *r)
{
    if (r->now_ms < r->next_housekeeping_ms)
        return;
    r->next_housekeeping_ms = r->now_ms + housekeeping_ms(r);
    beat_publish(r);
    forward_touch_flush(r);
    pace_resume_all(r);
    close_if_leaderless(r);
    lag_step(r);
    locals_sweep(r);
    if (r->phase == ZAB_LEADING)
        forget_old_memories(r);
}

/* A new leader's zoo.cfg is what the ensemble shows: all have the same lines, or an operator is changing them. */
static void show_config(struct replica *r)
{
    if (!r->config_due || r->phase != ZAB_LEADING)
        return;
    r->config_due = false;
    if (state_config_is(r->state, r->config.ensemble))
        return;
    struct zk_buf *payload = outbox_buffer(r);
    zk_jute_put_string(payload, r->config.ensemble);
    forward_unawaited(r, &(struct command){.kind = COMMAND_CONFIG, .payload = zk_buf_slice(payload)});
}

uint64_t replica_deadline_ms(const struct replica *r)
{
    if (checkpoint_wants_turn(r) || pace_wants_turn(r) || stall_wants_turn(r))
        return r->now_ms;
    uint64_t own = zk_min_u64(reaper_deadline_ms(r), readonly_deadline_ms(r));
    return zk_min_u64(zab_deadline_ms(r->zab), zk_min_u64(r->next_housekeeping_ms, own));
}

/* --- peers and storage --- */

void replica_peer_up(struct replica *r, uint64_t peer, bool inbound)
{
    outbox_recycle(r);
    if (inbound)
        forward_forget_peer(r, peer); /* a newer connection may take the place of one whose end was not seen */
    zab_channel_up(r->zab, r->now_ms, peer, inbound);
}

void replica_peer_down(struct replica *r, uint64_t peer, bool inbound)
{
    outbox_recycle(r);
    zab_channel_down(r->zab, r->now_ms, peer, inbound);
    if (inbound)
        forward_forget_peer(r, peer);
    if (inbound && zab_phase_leads(r->phase))
        tracker_restart_of_server(r, peer);
}

bool replica_peer_message(struct replica *r, uint64_t peer, bool inbound, struct zk_slice message)
{
    outbox_recycle(r);
    if (peer_msg_is_ours(message))
        return forward_message(r, peer, inbound, message);
    return zab_message(r->zab, r->now_ms, peer, inbound, message);
}

static void take_report(struct replica *r, const struct storage_report *report)
{
    switch (report->kind) {
    case STORAGE_CHECKPOINTED:
        checkpoint_finished(r, report->zxid);
        break;
    case STORAGE_FREE_SPACE:
        r->free_bytes = report->free_bytes;
        r->total_bytes = report->total_bytes;
        break;
    case STORAGE_FAILED:
        outbox_fatal(r, "the store failed, nobody can know what is on the disk: %s", report->why);
        break;
    default:
        zab_storage(r->zab, r->now_ms, report);
    }
}

void replica_storage(struct replica *r)
{
    outbox_recycle(r);
    struct storage_report report;
    while (r->storage.ops->poll(r->storage.self, &report))
        take_report(r, &report);
}

/* --- a turn's end --- */

static void take_sends(struct replica *r, const struct zab_effects *fx)
{
    struct zk_slice last = {NULL, 0}, copy = {NULL, 0};
    for (size_t i = 0; i < fx->send_count; i++) {
        const struct zab_send *send = &fx->sends[i];
        if (send->bytes.ptr != last.ptr || send->bytes.len != last.len) {
            struct zk_buf *buf = outbox_buffer(r);
            zk_buf_append_slice(buf, send->bytes);
            last = send->bytes;
            copy = zk_buf_slice(buf);
        }
        outbox_peer(r, send->peer, send->inbound, copy);
    }
}

static void take_reads(struct replica *r, const struct zab_effects *fx)
{
    const struct storage_ops *ops = r->storage.ops;
    for (size_t i = 0; i < fx->read_count; i++) {
        const struct zab_read *read = &fx->reads[i];
        switch (read->kind) {
        case ZAB_READ_LOG:
            ops->read_log(r->storage.self, read->token, read->after_zxid, read->max_bytes);
            break;
        case ZAB_SNAP_OPEN:
            ops->snap_open(r->storage.self, read->token);
            break;
        case ZAB_SNAP_READ:
            ops->snap_read(r->storage.self, read->token, read->max_bytes);
            break;
        case ZAB_SNAP_CLOSE:
            ops->snap_close(r->storage.self, read->token);
            break;
        }
    }
}

static void note_phase(struct replica *r, bool changed)
{
    enum zab_phase phase = zab_phase(r->zab);
    enum zab_phase was = r->phase;
    bool was_serving = replica_serves(r), was_leading = zab_phase_leads(r->phase);
    r->phase = phase;
    r->leader = zab_leader(r->zab);
    r->epoch = zab_epoch(r->zab);
    if (!changed && phase == was)
        return;
    lag_restart(r);
    if (was_leading && !zab_phase_leads(r->phase))
        forward_lost_leadership(r);
    if (phase == ZAB_LEADING && was != ZAB_HANDING_OVER) {
        tracker_begin_leading(r);
        reaper_begin_leading(r);
        r->config_due = r->config.ensemble.len > 0;
        r->leading_since_ms = r->now_ms;
        r->peer_count = 0;
    }
    if (phase == ZAB_FOLLOWING || (phase == ZAB_LEADING && was != ZAB_HANDING_OVER))
        forward_restart(r);
    if (phase == ZAB_FOLLOWING)
        clients_report_again(r);
    if (was_serving && !replica_serves(r)) {
        r->leaderless_since_ms = r->now_ms;
        r->told_leaderless = false;
    }
    if (!was_serving && replica_serves(r)) {
        readonly_end(r);
        locals_restart(r);
    }
}

static void drain(struct replica *r)
{
    const struct zab_effects *fx = zab_drain(r->zab);
    for (size_t i = 0; i < fx->news_count; i++)
        outbox_news(r, REPLICA_INFO, "%s", fx->news[i]);
    for (size_t i = 0; i < fx->snap_count; i++)
        deliver_snap(r, &fx->snaps[i]);
    if (fx->fatal != NULL)
        outbox_fatal(r, "%s", fx->fatal);
    if (r->fatal != NULL)
        return; /* nothing more leaves, nothing more is written */
    if (fx->op_count > 0)
        zab_submitted(r->zab, r->storage.ops->submit(r->storage.self, fx->ops, fx->op_count));
    take_sends(r, fx);
    take_reads(r, fx);
    for (size_t i = 0; i < fx->close_count; i++)
        outbox_peer_close(r, fx->closes[i].peer, fx->closes[i].inbound);
    note_phase(r, fx->phase_changed);
    for (size_t i = 0; i < fx->entry_count; i++)
        deliver_entry(r, &fx->entries[i]);
    for (size_t i = 0; i < fx->beat_count; i++)
        beat_received(r, fx->beats[i].peer, fx->beats[i].bytes);
    for (size_t i = 0; i < fx->confirm_count; i++)
        forward_confirmed(r, &fx->confirms[i]);
}

static void serve_syncs(struct replica *r)
{
    if (r->round_confirmed == 0 || state_zxid(r->state) < r->round_zxid)
        return;
    uint64_t round = r->round_confirmed;
    r->round_confirmed = 0;
    clients_syncs_done(r, round);
}

size_t replica_flush(struct replica *r, const struct replica_effect **ret_effects)
{
    outbox_recycle(r);
    if (r->fatal == NULL) {
        pace_serve_late(r);
        zab_tick(r->zab, r->now_ms);
        drain(r);
        stall_release(r);
        rebuild_step(r);
        if (r->phase == ZAB_LEADING && replica_serves(r))
            tracker_expire(r);
        reaper_step(r);
        show_config(r);
        readonly_step(r);
        keep_house(r);
        forward_flush(r);
        drain(r);
        serve_syncs(r);
        checkpoint_step(r);
    }
    outbox_collect_clients(r);
    pace_end_turn(r);
    r->flushed = true;
    *ret_effects = r->effects;
    return r->effect_count;
}

/* --- stopping --- */

/* It leads and no other participant is level with it: nobody can take over. */
static bool leads_alone(const struct replica *r)
{
    return zab_phase_leads(zab_phase(r->zab)) && zab_synced_count(r->zab, ZAB_PARTICIPANT) == 0;
}

void replica_stop(struct replica *r)
{
    outbox_recycle(r);
    if (r->stopping)
        return;
    r->stopping = true;
    r->stop_at_ms = r->now_ms + (r->config.stop_patience_ms ? r->config.stop_patience_ms : STOP_PATIENCE_MS);
    if (r->phase == ZAB_LEADING && !leads_alone(r)) {
        zab_hand_over(r->zab, r->now_ms);
        r->handed_over = true;
    }
}

bool replica_may_stop(const struct replica *r)
{
    if (!r->stopping || r->now_ms >= r->stop_at_ms)
        return r->stopping;
    bool alone = leads_alone(r);
    if (r->handed_over && r->phase != ZAB_FOLLOWING && !alone)
        return false;
    return r->first_pending == NULL || !replica_serves(r) || (alone && participants(r) > 1);
}

/* --- what there is to see --- */

void replica_report_get(const struct replica *r, struct replica_report *ret_report)
{
    *ret_report = r->figures;
    ret_report->phase = r->phase;
    ret_report->leader = r->leader;
    ret_report->epoch = r->epoch;
    ret_report->last_zxid = state_zxid(r->state);
    ret_report->digest = state_digest(r->state);
    ret_report->serving = replica_serves(r);
    ret_report->is_read_only = r->is_read_only;
    ret_report->is_standalone = r->config.zab.member_count == 1;
    for (size_t i = 0; i < r->config.zab.member_count; i++)
        if (r->config.zab.members[i].id == r->config.zab.self)
            ret_report->is_observer = r->config.zab.members[i].role == ZAB_OBSERVER;
    ret_report->connections = HASH_COUNT(r->clients);
    ret_report->sessions = state_session_count(r->state);
    ret_report->local_sessions = HASH_COUNT(r->locals);
    ret_report->nodes = state_node_count(r->state);
    ret_report->ephemerals = state_ephemeral_count(r->state);
    ret_report->watches = watches_count(r->watches);
    ret_report->outstanding = r->outstanding + r->stalled_count;
    ret_report->data_bytes = state_data_bytes(r->state);
    ret_report->state_bytes = state_size_bytes(r->state);
    ret_report->synced_followers = zab_phase_leads(r->phase) ? zab_synced_count(r->zab, ZAB_PARTICIPANT) : 0;
    ret_report->synced_observers = zab_phase_leads(r->phase) ? zab_synced_count(r->zab, ZAB_OBSERVER) : 0;
    ret_report->followers = ret_report->synced_followers;
    ret_report->pending_syncs = forward_pending_syncs(r);
    ret_report->leading_since_ms = r->leading_since_ms;
    ret_report->free_bytes = r->free_bytes;
    ret_report->total_bytes = r->total_bytes;
    const char *lag = lag_sentence(r);
    ret_report->waiting_for = *lag != '\0' ? lag : zab_waiting_for(r->zab);
}

bool replica_client_report_get(const struct replica *r, uint64_t conn, struct replica_client_report *ret_report)
{
    struct client *c;
    HASH_FIND(hh, r->clients, &conn, sizeof conn, c);
    if (c == NULL)
        return false;
    *ret_report = c->seen;
    ret_report->queued = c->request_count;
    return true;
}

const struct state *replica_state(const struct replica *r)
{
    return r->state;
}

struct zab *replica_zab(struct replica *r)
{
    return r->zab;
}

static const char *check_queues(const struct replica *r)
{
    size_t outstanding = 0, put_off = 0;
    for (struct client *c = r->clients; c != NULL; c = c->hh.next) {
        size_t count = 0, bytes = 0;
        for (struct request *q = c->first; q != NULL; q = q->next) {
            count++;
            bytes += q->len;
        }
        if (count != c->request_count || bytes != c->request_bytes)
            return "a client's queue is not as long as it says";
        if (count + c->stalled_count > REPLICA_CLIENT_REQUESTS_MAX)
            return "I28: more of a client's requests were taken than it may have";
        outstanding += count;
        put_off += c->is_put_off ? count : 0;
    }
    if (r->stalled_count == 0 && r->outstanding == 0 && r->large_bytes != 0)
        return "large requests are counted that are not there";
    return outstanding == r->outstanding && put_off == r->put_off ? NULL : "outstanding requests do not add up";
}

static const char *check_locals(const struct replica *r)
{
    for (const struct client *c = r->clients; c != NULL; c = c->hh.next) {
        const struct local *l = c->is_local && !c->close_due ? local_find(r, c->session) : NULL;
        bool ends = c->last != NULL && c->last->op == ZK_OP_CLOSE_SESSION;
        if (c->is_local && !c->close_due && !ends && (l == NULL || l->conn != c->conn || l->is_upgrading))
            return "a client's session is not this server's own as it thinks";
    }
    for (const struct local *l = r->locals; l != NULL; l = l->hh.next) {
        const struct client *c;
        HASH_FIND(hh, r->clients, &l->conn, sizeof l->conn, c);
        if (l->conn != 0 && (c == NULL || c->session != l->session || c->is_local == l->is_upgrading))
            return "a session of this server's own is on a connection that is not there, or another's";
        if (l->is_upgrading != (l->upgrade != NULL))
            return "a session of this server's own is on its way to the ensemble without a command, or the other way";
    }
    return NULL;
}

const char *replica_check(const struct replica *r)
{
    size_t bytes = 0;
    for (struct pending *p = r->first_pending; p != NULL; p = p->next)
        bytes += p->len;
    if (bytes != r->pending_bytes)
        return "pending commands do not add up";
    /* Reading pauses above the limit: each client may have passed it by one. */
    if (bytes > REPLICA_PENDING_BYTES_MAX + HASH_COUNT(r->clients) * 2ull * r->config.jute_max_buffer)
        return "I28: more commands wait for the leader than may";
    const char *why = check_queues(r);
    if (why == NULL)
        why = check_locals(r);
    if (why == NULL)
        why = watches_check(r->watches);
    if (why == NULL)
        why = zab_check(r->zab);
    return why;
}
