/* zab.c: the face: starting, events in, dispatch, effects out, getters. */
#include "server/zab/core.h"

#include <inttypes.h>
#include <stdio.h>

/* --- what everybody asks --- */

size_t peer_index(const struct zab *z, uint64_t id)
{
    for (size_t i = 0; i < z->config.member_count; i++)
        if (z->config.members[i].id == id)
            return i;
    return NOBODY;
}

uint64_t self_id(const struct zab *z)
{
    return z->config.self;
}

bool is_participant(const struct zab *z, size_t index)
{
    return z->config.members[index].role == ZAB_PARTICIPANT;
}

uint64_t cluster_id(const struct zab *z)
{
    const struct membership *m = membership_newest(&z->members);
    return m ? m->cluster_id : 0;
}

bool founded(const struct zab *z)
{
    return z->commit >= 1;
}

bool member_counts(const struct zab *z, size_t index, uint64_t incarnation, uint64_t zxid)
{
    const struct member_record *r = membership_find(membership_newest(&z->members), z->config.members[index].id);
    if (!r || r->vacant || incarnation == 0 || r->member.role != ZAB_PARTICIPANT || r->incarnation != incarnation)
        return false;
    return zxid == 0 || r->since <= 1 || zxid > r->since;
}

bool member_speaks(const struct zab *z, size_t index, uint64_t incarnation)
{
    if (member_counts(z, index, incarnation, zk_max_u64(z->commit, 1) + 1))
        return true;
    /* We may not know of the commit what it knows durably, for before that it acknowledges nothing. */
    const struct stream *s = &z->peers[index].stream;
    return z->role == ROLE_LEADING && s->acked && s->acked_incarnation == incarnation &&
           member_counts(z, index, incarnation, s->acked);
}

bool lost_everything(const struct zab *z)
{
    return z->was_damaged && z->tail.last_zxid == 0;
}

/* The readmission is durable and known, durably, to be committed; for who was there at the founding, the founding. */
bool is_stranger(const struct zab *z)
{
    if (!is_participant(z, z->self))
        return false;
    const struct member_record *r = membership_find(membership_newest(&z->members), self_id(z));
    if (!r || r->incarnation != z->incarnation || z->next_incarnation)
        return true;
    return r->since <= 1 ? z->durable_zxid < 1 : z->durable_commit < r->since;
}

bool has_seat(const struct zab *z)
{
    return (z->quorum.voters & 1u << z->self) != 0;
}

void members_changed(struct zab *z)
{
    z->quorum = quorum_of(z->config.members, z->config.member_count, membership_newest(&z->members));
}

/* --- the log --- */

static void emit_entries(struct zab *z, uint64_t to)
{
    const struct tail_group *at;
    while (z->applied < to && (at = tail_after(&z->tail, z->applied))) {
        struct group g;
        struct entry e;
        ZK_ASSERT(group_open(tail_bytes(at), &g));
        while (group_next(&g, &e) && e.zxid <= to) {
            if (e.zxid <= z->applied)
                continue;
            fx_entry(z, &e);
            z->applied = e.zxid;
        }
    }
    ZK_ASSERT(z->applied == to);
}

void commit_to(struct zab *z, uint64_t zxid)
{
    if (zxid <= z->commit)
        return;
    ZK_ASSERT(zxid <= z->tail.last_zxid);
    bool was_founded = founded(z);
    z->commit = zxid;
    membership_commit(&z->members, zxid);
    emit_entries(z, zxid);
    if (!was_founded)
        pending_add(z, PENDING_HELLO, 0, NOBODY, 0);
}

bool note_group(struct membership_stack *members, struct zk_slice group, uint64_t after)
{
    struct group g;
    struct entry e;
    ZK_ASSERT(group_open(group, &g));
    while (group_next(&g, &e)) {
        if (e.zxid > after && !membership_note(members, &e)) {
            membership_truncate(members, after);
            return false;
        }
    }
    return true;
}

bool log_append(struct zab *z, struct zk_slice group)
{
    if (!note_group(&z->members, group, z->tail.last_zxid))
        return false;
    members_changed(z);
    const struct tail_group *g = tail_append(&z->tail, group);
    fx_op(z, &(struct storage_op){.kind = STORAGE_APPEND,
                                  .first_zxid = g->first,
                                  .zxid = g->last,
                                  .hash = g->last_hash,
                                  .bytes = tail_bytes(g)});
    return true;
}

/* --- starting --- */

static void copy_image(struct zab *z, const struct storage_image *image)
{
    z->incarnation = image->incarnation;
    z->start_count = image->start_count;
    z->commit = z->applied = z->commit_handed = z->durable_commit = image->commit;
    z->promised = zk_max_u64(image->promised, zxid_epoch(image->last_zxid));
    z->durable_promised = z->promised;
    if (ZK_PLANTED(11) || ZK_PLANTED(111))
        z->promised = z->durable_promised = zxid_epoch(image->last_zxid);
    z->durable_zxid = image->last_zxid;
    z->image_last_zxid = image->last_zxid;
    z->image_last_hash = image->last_hash;
    z->was_damaged = image->verdict == STORAGE_DAMAGED;
    snprintf(z->damage, sizeof z->damage, "%s", image->why);
    bool from_checkpoint = image->checkpoint_zxid >= image->base_zxid && image->checkpoint_zxid;
    uint64_t base = from_checkpoint ? image->checkpoint_zxid : image->base_zxid;
    tail_init(&z->tail, base, from_checkpoint ? image->checkpoint_hash : image->base_hash);
    z->tail.epoch_count = 0;
    for (size_t i = 0; i < image->epoch_count && image->epochs[i].last_zxid < base; i++)
        tail_add_epoch(&z->tail, image->epochs[i].last_zxid, image->epochs[i].last_hash);
    if (base)
        tail_add_epoch(&z->tail, base, z->tail.base_hash);
    struct membership m;
    if (image->checkpoint_zxid && membership_decode(image->checkpoint_members, &m))
        membership_reset(&z->members, &m);
    for (size_t i = 0; i < image->witness_count; i++)
        witness_load(z, &image->witnesses[i]);
}

struct zab *zab_new(const struct zab_config *config, const struct storage_image *image)
{
    ZK_ASSERT(config->member_count >= 1 && config->member_count <= ZAB_MEMBERS_MAX);
    struct zab *z = zk_calloc(1, sizeof *z);
    z->config = *config;
    if (z->config.counter_roll == 0)
        z->config.counter_roll = 0xf0000000u;
    z->self = peer_index(z, config->self);
    z->leader = NOBODY;
    z->handover_target = NOBODY;
    zk_rng_seed(&z->rng, config->seed, config->self);
    do
        z->run = zk_rng_u64(&z->rng);
    while (z->run == 0);
    z->members_hash = membership_hash(config->members, config->member_count);
    for (size_t i = 0; i < config->member_count; i++)
        z->peers[i].member = config->members[i];
    z->lists = zk_calloc(1, sizeof *z->lists);
    z->elect_at_ms = NEVER;
    copy_image(z, image);
    members_changed(z);
    return z;
}

void zab_free(struct zab *z)
{
    if (!z)
        return;
    effects_free(z);
    tail_fini(&z->tail);
    tail_fini(&z->stage);
    membership_fini(&z->members);
    membership_fini(&z->stage_members);
    for (size_t i = 0; i < z->config.member_count; i++)
        zk_buf_fini(&z->peers[i].told);
    free(z->handed);
    free(z->pending);
    free(z->confirms);
    free(z->lists);
    zk_buf_fini(&z->beat);
    free(z);
}

bool zab_load_group(struct zab *z, struct zk_slice group, char *why, size_t size)
{
    uint64_t first, last, hash;
    if (!group_check(group, &first, &last, &hash)) {
        snprintf(why, size, "a group of the log is malformed after 0x%" PRIx64, z->tail.last_zxid);
        return false;
    }
    if (last <= z->tail.last_zxid)
        return true;
    struct zk_buf cut;
    zk_buf_init(&cut);
    if (first <= z->tail.last_zxid) {
        ZK_ASSERT(group_tail(group, z->tail.last_zxid, &cut));
        group = zk_buf_slice(&cut);
    }
    struct group open;
    bool chains = group_open(group, &open) && open.prev_hash == z->tail.last_hash;
    bool noted = chains && note_group(&z->members, group, z->tail.last_zxid);
    if (noted) {
        members_changed(z);
        tail_append(&z->tail, group);
        tail_drop_front(&z->tail, z->commit, 0);
        membership_commit(&z->members, z->commit);
    } else {
        snprintf(why, size, "%s after 0x%" PRIx64, chains ? "a malformed membership entry" : "the log does not chain",
                 z->tail.last_zxid);
    }
    zk_buf_fini(&cut);
    return noted;
}

/* zoo.cfg and the log must name the same members: to guess which is right would found a second ensemble. */
static bool members_agree(const struct zab *z, char *why, size_t size)
{
    const struct membership *m = membership_newest(&z->members);
    if (!m)
        return true;
    for (size_t i = 0; i < zk_max_u64(m->count, z->config.member_count); i++) {
        const struct zab_member *a = i < m->count ? &m->records[i].member : NULL;
        const struct zab_member *b = i < z->config.member_count ? &z->config.members[i] : NULL;
        if (a && b && a->id == b->id && a->role == b->role && a->weight == b->weight)
            continue;
        bool in_log = a && (!b || a->id <= b->id);
        snprintf(why, size,
                 "the configuration and this server's log disagree about server %" PRIu64
                 ": make the server lines what they were when the ensemble was founded (%zu servers), or, to begin "
                 "another one with this store, run `zkd recover`",
                 in_log ? a->id : b->id, m->count);
        return false;
    }
    return true;
}

bool zab_start(struct zab *z, uint64_t now_ms, char *why, size_t size)
{
    if (z->self == NOBODY) {
        snprintf(why, size, "myid is %" PRIu64 ", which no server line names", z->config.self);
        return false;
    }
    if (z->tail.last_zxid != z->image_last_zxid || z->tail.last_hash != z->image_last_hash) {
        snprintf(why, size, "the log ends at 0x%" PRIx64 ", the store says 0x%" PRIx64, z->tail.last_zxid,
                 z->image_last_zxid);
        return false;
    }
    if (z->tail.last_zxid && !z->members.count) {
        snprintf(why, size, "the store names no members");
        return false;
    }
    if (!members_agree(z, why, size))
        return false;
    bool alone = z->config.member_count == 1;
    if (alone && lost_everything(z)) {
        snprintf(why, size,
                 "this single server's store was damaged and what it held is lost (%s): `zkd recover` says what is left "
                 "beside it", z->damage);
        return false;
    }
    if (alone && z->tail.last_zxid && is_stranger(z)) {
        snprintf(why, size, "this single server's store is damaged (%s): `zkd recover` makes what is left usable",
                 z->damage[0] ? z->damage : "another incarnation than its log names");
        return false;
    }
    z->started = true;
    z->now_ms = z->ticked_ms = now_ms;
    z->was_stranger = is_stranger(z);
    z->last_phase = zab_phase(z);
    uint64_t tick = z->config.tick_ms;
    z->hold_until_ms = now_ms + tick * HOLD_TICKS;
    z->hold_at_most_ms = now_ms + tick * zk_max_u64(z->config.init_limit, HOLD_TICKS);
    if (z->was_damaged)
        fx_news(z, "this store is damaged (%s): it may not vote until the ensemble has readmitted it", z->damage);
    look(z, 0, NULL);
    founding_step(z);
    waiting_update(z);
    return true;
}

/* --- events --- */

static bool begin(struct zab *z, uint64_t now_ms)
{
    effects_begin(z);
    z->now_ms = zk_max_u64(z->now_ms, now_ms);
    return z->started && !z->fatal[0];
}

static void say_hello(struct zab *z, size_t peer, bool inbound)
{
    struct zab_msg m = {
        .type = TELL_HELLO,
        .version = ZAB_VERSION,
        .cluster_id = cluster_id(z),
        .incarnation = z->incarnation,
        .start_count = z->start_count,
        .run = z->run,
        .zxid = zk_min_u64(z->durable_zxid, z->tail.last_zxid),
        .promised = z->durable_promised,
        .members_hash = z->members_hash,
        .blank = z->tail.last_zxid == 0 && !z->was_damaged,
        .founded = founded(z),
        .initialize = z->config.initialize,
    };
    fx_send(z, peer, inbound, &m);
}

void say_hello_to_all(struct zab *z)
{
    for (size_t i = 0; i < z->config.member_count; i++) {
        if (z->peers[i].out.up)
            say_hello(z, i, false);
        if (z->peers[i].in.up)
            say_hello(z, i, true);
    }
}

void zab_channel_up(struct zab *z, uint64_t now_ms, uint64_t peer, bool inbound)
{
    size_t index = peer_index(z, peer);
    if (!begin(z, now_ms) || index == NOBODY || index == z->self)
        return;
    struct peer *p = &z->peers[index];
    struct channel *c = inbound ? &p->in : &p->out;
    if (inbound)
        stream_reset(z, index);
    *c = (struct channel){.up = true, .up_ms = z->now_ms, .generation = c->generation + 1};
    if (!inbound)
        p->unreachable = false;
    say_hello(z, index, inbound);
}

static void leader_lost(struct zab *z, bool refused)
{
    uint64_t delay = election_delay(z);
    look(z, delay, refused ? "the leader is gone" : "the leader's connection closed");
    /* One dial more: who is still there answers within a round trip or two. */
    z->redial_until_ms = z->now_ms + delay + zk_max_u64(z->config.tick_ms / 40, 2);
    z->elect_at_ms = refused ? z->now_ms + delay : z->redial_until_ms;
}

void zab_channel_down(struct zab *z, uint64_t now_ms, uint64_t peer, bool inbound)
{
    size_t index = peer_index(z, peer);
    if (!begin(z, now_ms) || index == NOBODY || index == z->self)
        return;
    struct peer *p = &z->peers[index];
    struct channel *c = inbound ? &p->in : &p->out;
    bool was_up = c->up, was_closing = c->closing;
    *c = (struct channel){.generation = c->generation};
    if (inbound) {
        stream_reset(z, index);
        handover_step(z);
        return;
    }
    if (!was_up && !was_closing) {
        p->unreachable = true;
        if (z->role == ROLE_LOOKING && z->leader == index && z->redial_until_ms) {
            z->redial_until_ms = 0;
            z->elect_at_ms = zk_min_u64(z->elect_at_ms, z->now_ms + election_delay(z));
        }
        founding_step(z);
        return;
    }
    if (z->role == ROLE_FOLLOWING && z->leader == index)
        leader_lost(z, false);
}

static bool is_foreign(const struct zab *z, const struct zab_msg *m)
{
    return m->founded && founded(z) && m->cluster_id != cluster_id(z);
}

/* What a HELLO must be for the connection to stay; else one sentence. */
static const char *hello_refused(const struct zab *z, const struct zab_msg *m, const struct channel *c)
{
    if (m->version != ZAB_VERSION)
        return "speaks another version of the broadcast";
    if (m->members_hash != z->members_hash)
        return "has other server lines in its configuration: they must be the same everywhere";
    if (m->incarnation == 0 || (c->hello && (m->run != c->run || m->incarnation != c->incarnation)))
        return "says who it is in a way that cannot be";
    if (m->incarnation == z->incarnation)
        return "runs on a copy of this server's store: every server needs its own";
    if (is_foreign(z, m))
        return "belongs to another ensemble: its dataDir or this one's is in the wrong place, or one of the two was made "
               "the seed of a new ensemble by `zkd recover` and the other's is still to be emptied";
    return NULL;
}

/* Said once, and again only when it is another complaint. */
static void complain(struct zab *z, size_t peer, const char *what)
{
    struct peer *p = &z->peers[peer];
    if (zk_slice_eq(zk_buf_slice(&p->told), zk_slice_str(what)))
        return;
    zk_buf_reset(&p->told);
    zk_buf_append_slice(&p->told, zk_slice_str(what));
    fx_news(z, "server %" PRIu64 " %s", p->member.id, what);
}

/* A quorum belongs to another ensemble: then it is this store that is in the wrong place. Unless it was recovered, when the
 * others are those that are still to be emptied. */
static void consider_misplaced(struct zab *z, uint64_t cluster)
{
    uint32_t there = 0;
    for (size_t i = 0; i < z->config.member_count; i++)
        if (z->peers[i].foreign_id == cluster)
            there |= 1u << i;
    bool was_recovered = membership_newest(&z->members)->founding != 1;
    if (z->role == ROLE_LEADING || z->role == ROLE_FOLLOWING || was_recovered || !quorum_has(&z->quorum, there))
        return;
    fx_fatal(z,
             "the store in this dataDir belongs to ensemble %016" PRIx64 ", and a quorum of the servers in the server lines to "
             "ensemble %016" PRIx64 ": put it where it belongs, or away, and this server is brought level as a new one",
             cluster_id(z), cluster);
}

static bool on_hello(struct zab *z, size_t peer, bool inbound, const struct zab_msg *m)
{
    struct peer *p = &z->peers[peer];
    struct channel *c = inbound ? &p->in : &p->out;
    const char *why = hello_refused(z, m, c);
    p->foreign_id = is_foreign(z, m) ? m->cluster_id : 0;
    if (why) {
        complain(z, peer, why);
        if (p->foreign_id)
            consider_misplaced(z, p->foreign_id);
        return false;
    }
    zk_buf_reset(&p->told);
    bool first = !c->hello;
    c->hello = true;
    c->incarnation = m->incarnation;
    c->start_count = m->start_count;
    c->run = m->run;
    c->cluster_id = m->cluster_id;
    c->last_zxid = m->zxid;
    c->blank = m->blank;
    c->founded = m->founded;
    c->initialize = m->initialize;
    if (first) {
        /* What it lacks it finds out itself, by our REMEMBER: its HELLO may be older than what came another way. */
        const struct witness *w = witness_of(z, peer, m->incarnation);
        c->is_void = w->seen.start_count > m->start_count ||
                     (w->seen.start_count == m->start_count && w->run && w->run != m->run);
        witness_greet(z, peer, inbound);
        if (inbound && z->role == ROLE_LEADING)
            beat_one(z, peer);
    }
    founding_step(z);
    if (z->role == ROLE_LOOKING)
        election_hurry(z);
    return true;
}

/* What came up a channel that the peer dialled: requests. */
static bool on_request(struct zab *z, size_t peer, const struct zab_msg *m)
{
    struct stream *s = &z->peers[peer].stream;
    s->heard_ms = z->now_ms;
    switch (m->type) {
    case TELL_PREVOTE:
        on_prevote(z, peer, m);
        return true;
    case TELL_VOTE:
        on_vote(z, peer, m);
        return true;
    case TELL_PONG:
        on_pong(z, peer, m);
        return true;
    case TELL_ROUNDED:
        on_rounded(z, peer, m);
        return true;
    case TELL_FOLLOW:
        return on_follow(z, peer, m);
    case TELL_ACK:
        on_ack(z, peer, m);
        return true;
    case TELL_GOT:
        if (z->role == ROLE_LEADING && m->epoch == z->epoch)
            stream_got(z, peer, m->zxid, m->number);
        return true;
    case TELL_FOUND:
        return on_found(z, peer, m);
    default:
        return false;
    }
}

/* What came down a channel that I dialled: answers, and the leader's stream. */
static bool on_answer(struct zab *z, size_t peer, const struct zab_msg *m)
{
    switch (m->type) {
    case TELL_PREVOTED:
        on_prevoted(z, peer, m);
        return true;
    case TELL_VOTED:
        on_voted(z, peer, m);
        return true;
    case TELL_BEAT:
        on_beat(z, peer, m);
        return true;
    case TELL_ROUND:
        on_round(z, peer, m);
        return true;
    case TELL_RESIGN:
        on_resign(z, peer, m);
        return true;
    case TELL_TAKE_OVER:
        on_take_over(z, peer, m);
        return true;
    case TELL_TRUNC:
    case TELL_SNAP:
    case TELL_ROWS:
    case TELL_PROPOSE:
    case TELL_LIVE:
    case TELL_COMMIT:
        return on_stream(z, peer, m);
    default:
        return false;
    }
}

/* One spoilt number, believed, would use up the epochs of all. A blank server has nothing to measure a leader by. */
static bool credible(const struct zab *z, const struct zab_msg *m)
{
    bool hearsay = m->type == TELL_PONG || m->type == TELL_PREVOTED || m->type == TELL_VOTED;
    uint64_t most = z->promised + EPOCH_JUMP_MAX;
    if (m->type == TELL_BEAT && z->tail.last_zxid == 0)
        return true;
    for (size_t i = 0; i < m->table_count; i++)
        if (m->table[i].promised > most)
            return false;
    return m->epoch <= most && m->promised <= (hearsay ? z->promised + PROMISE_JUMP_MAX : most);
}

bool zab_message(struct zab *z, uint64_t now_ms, uint64_t peer, bool inbound, struct zk_slice bytes)
{
    size_t index = peer_index(z, peer);
    if (!begin(z, now_ms))
        return true;
    if (index == NOBODY || index == z->self)
        return false;
    struct channel *c = inbound ? &z->peers[index].in : &z->peers[index].out;
    if (!c->up)
        return true; /* we closed it: what was on its way is nobody's */
    struct zab_msg m;
    if (!msg_decode(bytes, z->lists, &m))
        return false;
    if (m.type == TELL_HELLO)
        return on_hello(z, index, inbound, &m);
    if (!c->hello)
        return false;
    if (!credible(z, &m)) {
        complain(z, index, "names an epoch so far above ours that it is not believed");
        return false;
    }
    if (m.type == TELL_REMEMBER) {
        on_remember(z, index, &m);
        return true;
    }
    return inbound ? on_request(z, index, &m) : on_answer(z, index, &m);
}

void zab_storage(struct zab *z, uint64_t now_ms, const struct storage_report *report)
{
    if (!begin(z, now_ms))
        return;
    if (report->kind == STORAGE_DURABLE)
        durable_reached(z, report->seq);
    else if (report->kind == STORAGE_FAILED)
        fx_fatal(z, "the storage failed: %s", report->why);
    else
        on_report(z, report);
}

void zab_tick(struct zab *z, uint64_t now_ms)
{
    if (!begin(z, now_ms))
        return;
    z->ticked_ms = z->now_ms;
    founding_step(z);
    follow_tick(z);
    leader_tick(z);
    election_tick(z);
    knock(z);
    witness_tick(z);
    waiting_update(z);
}

void zab_set_beat(struct zab *z, struct zk_slice bytes)
{
    ZK_ASSERT(bytes.len <= ZAB_BEAT_MAX);
    zk_buf_reset(&z->beat);
    zk_buf_append_slice(&z->beat, bytes);
}

/* --- effects --- */

static void end_turn(struct zab *z)
{
    durable_run(z);
    if (z->role == ROLE_LEADING) {
        membership_tick(z);
        round_flush(z);
        handover_step(z);
        broadcast_flush(z);
    }
    if (z->commit > z->commit_handed) {
        fx_op(z, &(struct storage_op){.kind = STORAGE_COMMIT, .zxid = z->commit});
        z->commit_handed = z->commit;
        /* A stranger must learn durably that it was readmitted, and nothing else may come to carry that. */
        if (z->was_stranger)
            fx_op(z, &(struct storage_op){.kind = STORAGE_SYNC_MARK});
    }
    uint64_t settled = zk_min_u64(zk_min_u64(z->applied, z->durable_zxid), z->durable_commit);
    tail_drop_front(&z->tail, settled, TAIL_KEEP_BYTES);
}

const struct zab_effects *zab_drain(struct zab *z)
{
    effects_begin(z);
    struct effects *fx = &z->fx;
    if (z->started && !z->fatal[0])
        end_turn(z);
    fx->face.ops = fx->ops;
    fx->face.sends = fx->sends;
    fx->face.reads = fx->reads;
    fx->face.closes = fx->closes;
    fx->face.snaps = fx->snaps;
    fx->face.entries = fx->entries;
    fx->face.beats = fx->beats;
    fx->face.confirms = fx->confirms;
    fx->face.news = fx->news;
    fx->face.fatal = z->fatal[0] ? z->fatal : NULL;
    enum zab_phase phase = zab_phase(z);
    fx->face.phase_changed = phase != z->last_phase;
    z->last_phase = phase;
    if (fx->face.op_count)
        durable_handed(z);
    fx->drained = true;
    return &fx->face;
}

/* --- getters --- */

static bool level(const struct zab *z)
{
    return z->sync == SYNC_STREAM && z->commit >= zk_max_u64(z->level, zxid_make(z->epoch, 0));
}

enum zab_phase zab_phase(const struct zab *z)
{
    switch (z->role) {
    case ROLE_LEADING:
        if (z->commit < z->newleader_zxid)
            return ZAB_ELECTED;
        return z->handover_until_ms ? ZAB_HANDING_OVER : ZAB_LEADING;
    case ROLE_FOLLOWING:
        return level(z) ? ZAB_FOLLOWING : ZAB_SYNCING;
    default:
        return founded(z) ? ZAB_LOOKING : ZAB_FOUNDING;
    }
}

uint64_t zab_leader(const struct zab *z)
{
    bool known = z->role == ROLE_LEADING || z->role == ROLE_FOLLOWING;
    return known && z->leader != NOBODY ? z->peers[z->leader].member.id : 0;
}

uint64_t zab_epoch(const struct zab *z)
{
    return z->role == ROLE_LEADING || z->role == ROLE_FOLLOWING ? z->epoch : 0;
}

uint64_t zab_promised(const struct zab *z)
{
    return z->promised;
}

uint64_t zab_last_zxid(const struct zab *z)
{
    return z->tail.last_zxid;
}

uint64_t zab_committed(const struct zab *z)
{
    return z->commit;
}

uint64_t zab_cluster_id(const struct zab *z)
{
    return founded(z) ? cluster_id(z) : 0;
}

bool zab_is_stranger(const struct zab *z)
{
    return is_stranger(z);
}

size_t zab_synced_count(const struct zab *z, enum zab_member_role role)
{
    size_t count = 0;
    for (size_t i = 0; z->role == ROLE_LEADING && i < z->config.member_count; i++) {
        const struct stream *s = &z->peers[i].stream;
        if (i != z->self && z->peers[i].member.role == role && s->state == STREAM_GROUPS && !s->live_at &&
            s->got >= zk_max_u64(s->level, z->newleader_zxid))
            count++;
    }
    return count;
}

/* What followers still read from the disk, and what has not reached it from memory. */
uint64_t zab_purge_limit(const struct zab *z)
{
    uint64_t limit = zk_min_u64(z->applied, z->durable_commit);
    for (size_t i = 0; z->role == ROLE_LEADING && i < z->config.member_count; i++) {
        const struct stream *s = &z->peers[i].stream;
        if (s->paused)
            continue; /* or a full disk would fill the leader's: it gets a state when it has room */
        if (i != z->self && (s->state == STREAM_MATCHING || s->state == STREAM_ROWS || s->state == STREAM_GROUPS))
            limit = zk_min_u64(limit, s->cursor);
    }
    return limit;
}

bool zab_wants_checkpoint(const struct zab *z)
{
    return z->wants_checkpoint;
}

void zab_members_encode(const struct zab *z, struct zk_buf *out)
{
    const struct membership *m = membership_at(&z->members, z->commit);
    ZK_ASSERT(m != NULL);
    membership_encode(m, out);
}

const char *zab_waiting_for(const struct zab *z)
{
    bool waiting = z->role == ROLE_LOOKING || z->role == ROLE_STANDING;
    return waiting ? z->waiting_for : "";
}

static void sooner(uint64_t *at, uint64_t when)
{
    if (when && when < *at)
        *at = when;
}

uint64_t zab_deadline_ms(const struct zab *z)
{
    /* From the last tick, not from now: other events must not put the tick off. */
    uint64_t at = z->ticked_ms + zk_max_u64(z->config.tick_ms / 4, 1);
    if (z->role == ROLE_LOOKING)
        sooner(&at, election_at_ms(z));
    if (z->role == ROLE_STANDING)
        sooner(&at, z->give_up_at_ms);
    if (z->role == ROLE_LEADING) {
        sooner(&at, z->beat_at_ms);
        sooner(&at, z->pump_at_ms);
        sooner(&at, z->roll_at_ms);
        sooner(&at, z->handover_until_ms);
    }
    if (z->now_ms < z->hold_until_ms)
        sooner(&at, z->hold_until_ms);
    if (z->now_ms < z->hold_at_most_ms)
        sooner(&at, z->hold_at_most_ms);
    return zk_max_u64(at, z->now_ms + 1);
}
