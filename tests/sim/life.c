#include "tests/sim/life.h"
#include "common/err.h"
#include "tests/sim/person.h"
#include "tests/sim/work.h"
#include <inttypes.h>
#include <stdio.h>

#define FAIL(life, check, format, ...)                                                                               \
    world_fail((life)->person->world, check, "client %" PRIu32 ".%" PRIu32 " session %" PRIx64 ": " format,          \
               (life)->person->number, (life)->number, (life)->session, __VA_ARGS__)

/* --- what it sends --- */

void life_is_connected(struct life *life, uint64_t session, int32_t memory)
{
    life->session = session;
    life->memory = memory;
    if (life->is_taker && memory > 0)
        FAIL(life, "memory", "%s", "is given a memory that is another's");
}

/* Requests get their xids here. */
static void see_request(struct life *life, struct zk_slice frame)
{
    struct zk_jute in = zk_jute(frame);
    struct zk_request_header h = zk_request_header_decode(&in);
    if (h.xid <= 0 || h.xid <= life->last_xid || h.op == ZK_OP_CLOSE_SESSION)
        return; /* a ping, watches; or sent again: the server's side is judged by the ledger */
    life->last_xid = h.xid;
    while (life->next_sent < life->op_count && life->ops[life->next_sent].is_done)
        life->next_sent++;
    if (life->next_sent == life->op_count || life->ops[life->next_sent].code != h.op)
        FAIL(life, "C2", "sends xid %" PRId32 " op %" PRId32 ", which was not asked for", h.xid, h.op);
    struct op *op = &life->ops[life->next_sent++];
    op->xid = h.xid;
    op->is_sent = true;
    zk_buf_append_slice(&op->record, zk_jute_rest(&in));
}

void life_sends(struct life *life, struct zk_slice bytes, uint32_t *frames_seen)
{
    struct zk_jute in = zk_jute(bytes);
    while (zk_jute_left(&in) > 0) {
        struct zk_slice frame = zk_jute_buffer(&in);
        if (in.bad)
            FAIL(life, "C2", "%s", "sends a part of a frame");
        if ((*frames_seen)++ > 0) /* the first is the greeting */
            see_request(life, frame);
    }
}

/* --- its answers --- */

struct op *life_complete(struct life *life, uint64_t tag)
{
    if (tag == 0 || tag > life->op_count)
        FAIL(life, "C1", "completes #%" PRIu64 ", which nobody submitted", tag);
    struct op *op = &life->ops[tag - 1];
    if (op->is_done || tag != life->next_done + 1)
        FAIL(life, "C1", "completes #%" PRIu64 " (op %" PRId32 "), it is the turn of #%zu", tag, op->code,
             life->next_done + 1);
    life->next_done++;
    op->is_done = true;
    return op;
}

bool life_is_unknown(int32_t err)
{
    return err == ZK_ERR_CONNECTION_LOSS || err == ZK_ERR_SESSION_EXPIRED || err == ZK_ERR_CLOSING ||
           err == ZK_ERR_OPERATION_TIMEOUT || err == ZK_ERR_AUTH_FAILED;
}

/* libzk's session has ended: a write that was sent has its true result or, having never happened, "session expired";
 * only when the session has been forgotten, or its memory has gone to who took it over, may it be lost. */
void life_judge_unknown(struct life *life, struct op *op)
{
    const struct world *w = life->person->world;
    const struct model_session *s = model_session(ledger_model(w->ledger), life->session);
    if (life->memory == 0)
        return;
    if (op->err == ZK_ERR_CONNECTION_LOSS && !life->person->is_closing && !(s && s->memory == 0)) {
        if (!op->is_write || !s || s->ended_zxid == 0 || s->ended_zxid > ledger_forgotten(w->ledger))
            FAIL(life, "memory", "xid %" PRId32 " op %" PRId32 " is lost with its connection", op->xid, op->code);
    }
    if (op->err == ZK_ERR_SESSION_EXPIRED && op->is_write && op->is_sent) {
        if (op->effects > 0)
            FAIL(life, "memory", "xid %" PRId32 " op %" PRId32 " happened at %" PRIx64 " and is answered 'expired'",
                 op->xid, op->code, op->effect_zxid);
        op->was_refused = true;
    }
}

void life_judge_write(struct life *life, struct op *op)
{
    struct world *w = life->person->world;
    if (op->effects == 0) {
        if (op->err == ZK_ERR_OK)
            FAIL(life, "I15", "xid %" PRId32 " op %" PRId32 " is acknowledged, and it never happened", op->xid,
                 op->code);
        op->was_refused = true;
        return;
    }
    if (op->err != op->effect_err && op->code != ZK_OP_MULTI)
        FAIL(life, "I15", "xid %" PRId32 " op %" PRId32 " is answered %s, its result was %s", op->xid, op->code,
             zk_err_text(op->err), zk_err_text(op->effect_err));
    w->acked = zk_max_u64(w->acked, op->effect_zxid);
}

void life_judge_read(struct life *life, struct op *op)
{
    if (op->zxid < life->shown)
        FAIL(life, "I14", "op %" PRId32 " of %s shows %" PRIx64 " after %" PRIx64, op->code, op->path,
             (uint64_t)op->zxid, (uint64_t)life->shown);
    if (op->watch == WATCH_ASKED &&
        (op->err == ZK_ERR_OK || (op->err == ZK_ERR_NO_NODE && op->code == ZK_OP_EXISTS))) {
        op->watch = WATCH_ARMED;
        op->watch_zxid = op->zxid;
        if (op->err == ZK_ERR_NO_NODE)
            op->watch_kind = ZKC_WATCH_EXIST;
    }
}

void life_hear(struct life *life, const struct zkc_effect *effect)
{
    if (effect->watch_tag == 0 || effect->watch_tag > life->op_count)
        FAIL(life, "I24", "an event for watch %" PRIu64 ", which nobody set", effect->watch_tag);
    struct op *op = &life->ops[effect->watch_tag - 1];
    bool is_lasting = op->watch_kind == ZKC_WATCH_PERSISTENT || op->watch_kind == ZKC_WATCH_RECURSIVE;
    if (op->watch == WATCH_OVER && effect->event != ZKC_EVENT_WATCH_ENDED)
        FAIL(life, "I24", "event %" PRId32 " for watch %" PRIu64 " on %s, which was over", effect->event,
             effect->watch_tag, op->path);
    if (effect->watch_ended || (!is_lasting && effect->event > 0))
        op->watch = WATCH_OVER;
}

/* --- what others tell and ask --- */

static bool holds(const struct life *life, uint64_t session)
{
    return life->session == session && !life->is_thief;
}

/* Whose request of this session it is that came with this generation: of a taker, if it held the session then. */
static struct life *life_of(const struct world *w, uint64_t session, uint32_t generation)
{
    struct life *opener = NULL;
    for (struct life *life = w->lives; life; life = life->next) {
        if (!holds(life, session))
            continue;
        if (!life->is_taker)
            opener = life;
        for (size_t i = 0; i < life->held_count; i++)
            if (life->held[i] == generation)
                return life;
    }
    return opener;
}

static struct life *life_at(const struct world *w, uint32_t node, uint64_t session)
{
    for (struct life *life = w->lives; life; life = life->next)
        if (holds(life, session) && life->person->node == node)
            return life;
    return NULL;
}

static struct op *op_of(const struct life *life, int32_t xid)
{
    for (size_t i = life->op_count; i > 0; i--)
        if (life->ops[i - 1].xid == xid && life->ops[i - 1].is_sent)
            return &life->ops[i - 1];
    return NULL;
}

static bool has_write_in_flight(const struct life *life)
{
    for (size_t i = life->next_done; i < life->op_count; i++)
        if (life->ops[i].is_write && life->ops[i].is_sent && !life->ops[i].is_done)
            return true;
    return false;
}

/* The node from which a session comes to a connection is in the address that the server saw. */
static uint32_t node_of(const struct ledger_entry *e)
{
    struct command_attach a;
    uint32_t node = 0;
    if (e->command.kind != COMMAND_ATTACH || !command_attach_decode(e->command.payload, &a))
        return 0;
    struct zk_jute in = zk_jute(a.identities);
    (void)zk_jute_count(&in, 8);
    (void)zk_jute_string(&in);
    struct zk_slice address = zk_jute_string(&in);
    char text[32];
    snprintf(text, sizeof(text), "%.*s", (int)address.len, (const char *)address.ptr);
    return sscanf(text, "10.0.0.%" SCNu32, &node) == 1 ? node : 0;
}

static void note_held(struct life *life, uint32_t generation)
{
    if (life->held_count == life->held_cap) {
        life->held_cap = life->held_cap ? 2 * life->held_cap : 8;
        life->held = zk_realloc(life->held, life->held_cap * sizeof(*life->held));
    }
    life->held[life->held_count++] = generation;
}

static void session_attached(struct world *w, const struct ledger_entry *e)
{
    const struct model_session *s = model_session(ledger_model(w->ledger), e->session);
    struct life *holder = life_at(w, node_of(e), e->session);
    if (!holder)
        world_fail(w, "I20", "%" PRIx64 ": session %" PRIx64 " is attached to who never held it", e->entry.zxid,
                   e->session);
    const struct life *last = life_of(w, e->session, s->generation - 1);
    if (last != holder)
        world_count(w, holder->is_taker ? MARK_SESSION_TAKEN : MARK_SESSION_TAKEN_BACK);
    if (holder->is_taker)
        note_held(holder, s->generation);
    bool in_flight = false;
    for (struct life *life = w->lives; life; life = life->next) {
        if (!holds(life, e->session))
            continue;
        life->attached = e->entry.zxid;
        in_flight |= has_write_in_flight(life);
    }
    if (in_flight)
        world_count(w, MARK_SESSION_MOVED_IN_FLIGHT);
}

void life_session_entry(struct world *w, const struct ledger_entry *e)
{
    if (e->session_change == STATE_SESSION_ATTACHED)
        session_attached(w, e);
    bool is_expired = e->command.kind == COMMAND_EXPIRE && e->session_change == STATE_SESSION_ENDED;
    for (struct life *life = w->lives; is_expired && life; life = life->next)
        if (holds(life, e->session) && has_write_in_flight(life))
            world_count(w, MARK_SESSION_EXPIRED_UNANSWERED);
}

uint64_t life_attached(const struct world *w, uint64_t session)
{
    const struct life *life = life_of(w, session, 0);
    return life ? life->attached : 0;
}

uint64_t life_effect(const struct world *w, uint32_t from_node, uint64_t session, int32_t xid)
{
    const struct life *life = life_at(w, from_node, session);
    const struct op *op = life ? op_of(life, xid) : NULL;
    return op ? op->effect_zxid : 0;
}

/* What the history has must have been asked, in these very bytes, and by its turn. */
static void judge_effect(struct life *life, struct op *op, const struct ledger_entry *e)
{
    const struct command *c = &e->command;
    uint64_t zxid = e->entry.zxid;
    if (op->code != c->op || !zk_slice_eq(zk_buf_slice(&op->record), c->payload))
        FAIL(life, "I3", "xid %" PRId32 " at %" PRIx64 " is not what was asked", c->xid, zxid);
    if (++op->effects > 1)
        FAIL(life, "I15", "xid %" PRId32 " op %" PRId32 " happens at %" PRIx64 " and again at %" PRIx64, c->xid,
             c->op, op->effect_zxid, zxid);
    if (op->was_refused)
        FAIL(life, "I15", "xid %" PRId32 " op %" PRId32 " was refused (%s) and happens at %" PRIx64, c->xid, c->op,
             zk_err_text(op->err), zxid);
    if (c->xid <= life->last_effect_xid)
        FAIL(life, "I6", "xid %" PRId32 " happens after %" PRId32, c->xid, life->last_effect_xid);
    if (zxid <= op->acked_before)
        FAIL(life, "I16", "xid %" PRId32 " happens at %" PRIx64 ", %" PRIx64 " was acknowledged before it was asked",
             c->xid, zxid, op->acked_before);
    life->last_effect_xid = c->xid;
    op->effect_zxid = zxid;
    op->effect_err = e->err;
}

/* Nobody becomes who they did not say they are. */
static void judge_proof(struct world *w, const struct ledger_entry *e)
{
    const struct life *life = life_of(w, e->command.session, e->command.generation);
    struct zk_jute in = zk_jute(e->command.payload);
    bool ok = life && zk_slice_eq(zk_jute_string(&in), zk_slice_str("digest"));
    struct zk_slice id = zk_jute_string(&in);
    uint32_t user = 0;
    while (user < WORK_USERS && !zk_slice_eq(id, zk_slice_str(work_users[user].id)))
        user++;
    if (!ok || user == WORK_USERS || !(life->proofs >> user & 1) || zk_jute_left(&in) > 0)
        world_fail(w, "I20", "%" PRIx64 ": session %" PRIx64 " becomes who it did not say it is", e->entry.zxid,
                   e->command.session);
    world_count(w, MARK_PROVED);
}

void life_committed(struct world *w, const struct ledger_entry *e)
{
    if (e->command.kind == COMMAND_AUTH && e->had_effect)
        judge_proof(w, e);
    if (e->command.kind != COMMAND_REQUEST || !e->had_effect || e->err == ZK_ERR_SESSION_EXPIRED)
        return;
    struct life *life = life_of(w, e->command.session, e->command.generation);
    if (!life)
        world_fail(w, "I3", "%" PRIx64 ": session %" PRIx64 " has never written anything", e->entry.zxid,
                   e->command.session);
    struct op *op = op_of(life, e->command.xid);
    if (!op)
        FAIL(life, "I3", "xid %" PRId32 " at %" PRIx64 " was never asked", e->command.xid, e->entry.zxid);
    judge_effect(life, op, e);
}

/* --- at the end --- */

/* With a memory each write that was sent happens once, in order, or is refused: none is skipped before one that did.
 */
static void check_memory(const struct life *life)
{
    for (size_t i = 0; i < life->op_count; i++) {
        const struct op *op = &life->ops[i];
        const struct swarm *swarm = &life->person->world->swarm;
        bool may_be_refused = swarm->disk_full_every_us || swarm->astray_every_us; /* at the door; deletes are not */
        if (op->is_write && op->is_sent && op->effects == 0 && !op->was_refused && op->xid < life->last_effect_xid &&
            !may_be_refused)
            FAIL(life, "I6", "xid %" PRId32 " op %" PRId32 " was skipped, xid %" PRId32 " happened", op->xid,
                 op->code, life->last_effect_xid);
    }
}

static int64_t relevant_zxid(const struct op *op, const struct model_version *v)
{
    if (op->watch_kind == ZKC_WATCH_CHILD)
        return v->stat.pzxid;
    return op->watch_kind == ZKC_WATCH_EXIST ? v->stat.czxid : v->stat.mzxid;
}

/* A one-shot watch that has not fired has nothing to tell. */
static void check_watch(const struct life *life, const struct op *op)
{
    if (op->watch != WATCH_ARMED || op->watch_kind == ZKC_WATCH_PERSISTENT || op->watch_kind == ZKC_WATCH_RECURSIVE)
        return;
    const struct model *model = ledger_model(life->person->world->ledger);
    const struct model_node *node = model_find(model, zk_slice_str(op->path));
    const struct model_version *v = node ? model_at(node, UINT64_MAX) : NULL;
    bool is_exist = op->watch_kind == ZKC_WATCH_EXIST;
    if (node && model_was_hidden(model, node, life->session, (uint64_t)op->watch_zxid))
        return;
    if (!is_exist && !v)
        FAIL(life, "I24", "the watch on %s armed at %" PRIx64 " has not told that it is gone", op->path,
             (uint64_t)op->watch_zxid);
    if (v && relevant_zxid(op, v) > op->watch_zxid)
        FAIL(life, "I24", "the watch on %s armed at %" PRIx64 " has not told of %" PRIx64, op->path,
             (uint64_t)op->watch_zxid, (uint64_t)relevant_zxid(op, v));
}

void lives_check(struct world *w)
{
    for (const struct life *life = w->lives; life; life = life->next) {
        if (life->memory > 0)
            check_memory(life);
        if (life->is_over)
            continue;
        for (size_t i = 0; i < life->op_count; i++) {
            if (!life->ops[i].is_done)
                FAIL(life, "I33", "#%zu op %" PRId32 " was never answered", i + 1, life->ops[i].code);
            check_watch(life, &life->ops[i]);
        }
    }
}

void lives_free(struct world *w)
{
    while (w->lives) {
        struct life *life = w->lives;
        w->lives = life->next;
        for (size_t i = 0; i < life->op_count; i++) {
            free(life->ops[i].path);
            zk_buf_fini(&life->ops[i].record);
        }
        free(life->ops);
        free(life->held);
        free(life);
    }
}
