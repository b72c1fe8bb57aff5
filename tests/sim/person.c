#include "tests/sim/person.h"
#include "common/err.h"
#include "tests/sim/work.h"
#include <inttypes.h>

#define MILLISECOND 1000ull

static void drive(struct person *p);

/* --- the two kinds of core behind one face --- */

static uint64_t now_ms(const struct person *p)
{
    return p->world->now_us / MILLISECOND + 1;
}

static bool has_core(const struct person *p)
{
    return p->zkc || p->apache;
}

static void core_step(struct person *p, enum zkc_event_type type, struct zk_slice bytes)
{
    struct zkc_event event = {.type = type, .now_ms = now_ms(p), .conn = p->conn, .bytes = bytes};
    if (p->zkc)
        zkc_step(p->zkc, &event);
    else if (p->apache)
        apache_step(p->apache, &event);
}

static bool core_next(struct person *p, struct zkc_effect *ret_effect)
{
    if (p->zkc)
        return zkc_next_effect(p->zkc, ret_effect);
    return p->apache && apache_next_effect(p->apache, ret_effect);
}

static uint64_t core_deadline_ms(const struct person *p)
{
    return p->zkc ? zkc_deadline_ms(p->zkc) : apache_deadline_ms(p->apache);
}

static uint64_t core_session(const struct person *p)
{
    return p->zkc ? (uint64_t)zkc_session_id(p->zkc) : apache_session(p->apache);
}

static size_t core_unfinished(const struct person *p)
{
    return p->zkc ? zkc_unfinished(p->zkc) : apache_unfinished(p->apache);
}

static void core_free(struct person *p)
{
    zkc_free(p->zkc);
    if (p->apache)
        apache_free(p->apache);
    p->zkc = NULL;
    p->apache = NULL;
}

/* --- lives --- */

static void life_end(struct person *p)
{
    if (!p->life)
        return;
    p->life->is_over = true;
    core_free(p);
    p->timer_token++;
    p->work_token++;
    p->timer_at_us = 0;
    p->is_closing = false;
    p->life = NULL;
}

static struct op *op_new(struct life *life)
{
    if (life->op_count == life->op_cap) {
        life->op_cap = life->op_cap ? 2 * life->op_cap : 64;
        life->ops = zk_realloc(life->ops, life->op_cap * sizeof(*life->ops));
    }
    struct op *op = &life->ops[life->op_count++];
    *op = (struct op){0};
    return op;
}

struct person *person_new(struct world *w, uint32_t number, uint64_t budget)
{
    struct person *p = zk_calloc(1, sizeof(*p));
    p->world = w;
    p->number = number;
    p->node = (uint32_t)w->host_count + number;
    p->budget = budget;
    zk_rng_seed(&p->rng, w->seed, 1000 + number);
    return p;
}

void person_free(struct person *p)
{
    life_end(p);
    free(p);
}

static void begin_event(struct world *w, void *arg, uint64_t token)
{
    struct person *p = arg;
    if (p->life || p->life_count != token || p->has_quit)
        return;
    if (world_chance(w, WORLD_CHANCE_CLIENT, 30000))
        person_impersonate(p);
    if (!p->life && world_chance(w, WORLD_CHANCE_TAKEOVER, 150000))
        person_take_over(p);
    if (!p->life)
        person_begin(p);
}

static void begin_later(struct person *p)
{
    if (!p->has_quit)
        world_after(p->world, world_about(p->world, WORLD_CHANCE_CLIENT, 200 * MILLISECOND), begin_event, p,
                    p->life_count);
}

static bool asks_read_only(struct person *p)
{
    uint32_t percent = p->world->swarm.read_only_percent;
    return percent > 0 && zk_rng_below(&p->rng, 100) < percent;
}

static void begin_core(struct person *p, struct life *life, uint64_t session, const uint8_t *password)
{
    struct world *w = p->world;
    uint32_t span = w->swarm.session_max_ms - w->swarm.session_min_ms;
    int32_t timeout_ms = (int32_t)(w->swarm.session_min_ms + world_below(w, WORLD_CHANCE_CLIENT, span + 1));
    struct zk_rng rng;
    zk_rng_seed(&rng, zk_rng_u64(&p->rng), 7);
    if (life->is_apache) {
        struct apache_config config = {.server_count = (uint32_t)w->host_count,
                                       .session_timeout_ms = timeout_ms,
                                       .sends_read_only = zk_rng_below(&p->rng, 2),
                                       .asks_read_only = asks_read_only(p),
                                       .session = session,
                                       .rng = rng};
        if (password)
            memcpy(config.password, password, sizeof(config.password));
        config.sends_read_only |= config.asks_read_only;
        p->apache = apache_new(&config);
        return;
    }
    struct zkc_config config = {.server_count = (uint32_t)w->host_count,
                                .session_timeout_ms = timeout_ms,
                                .rng = rng,
                                .session_id = (int64_t)session,
                                .close_grace_ms = 5000};
    if (password)
        memcpy(config.password, password, sizeof(config.password));
    p->zkc = zkc_new(&config);
    ZK_ASSERT(p->zkc);
}

static void work_later(struct person *p);

static struct life *life_new(struct person *p)
{
    struct life *life = zk_calloc(1, sizeof(*life));
    life->person = p;
    life->number = (uint32_t)p->life_count++;
    life->next = p->world->lives;
    p->world->lives = life;
    p->life = life;
    return life;
}

void person_begin(struct person *p)
{
    struct life *life = life_new(p);
    life->is_apache = zk_rng_below(&p->rng, 100) < p->world->swarm.apache_percent;
    begin_core(p, life, 0, NULL);
    SAY(p->world, "client %" PRIu32 ".%" PRIu32 " begins, %s", p->number, life->number,
        life->is_apache ? "as Apache's" : "libzk");
    core_step(p, ZKC_EVENT_TICK, (struct zk_slice){0});
    drive(p);
    work_later(p);
}

/* --- requests --- */

static enum zkc_watch_kind kind_of(const struct zkc_request *r)
{
    if (r->op == ZK_OP_ADD_WATCH)
        return r->kind == ZK_ADD_WATCH_PERSISTENT ? ZKC_WATCH_PERSISTENT : ZKC_WATCH_RECURSIVE;
    bool is_child = r->op == ZK_OP_GET_CHILDREN || r->op == ZK_OP_GET_CHILDREN2 || r->op == ZK_OP_FILTERED_LIST;
    return is_child ? ZKC_WATCH_CHILD : ZKC_WATCH_DATA;
}

struct op *person_submit(struct person *p, const struct zkc_request *request)
{
    struct zkc_request r = *request;
    if (!has_core(p))
        return NULL;
    r.tag = p->life->op_count + 1;
    if (r.watch_tag)
        r.watch_tag = r.tag;
    int err = p->zkc ? zkc_submit(p->zkc, now_ms(p), &r) : apache_submit(p->apache, now_ms(p), &r);
    if (err)
        return NULL;
    struct op *op = op_new(p->life);
    op->code = r.op;
    op->path = r.path.ptr ? zk_slice_dup(r.path) : NULL;
    op->is_write = zk_op_is_write(r.op);
    op->at_us = p->world->now_us;
    op->acked_before = p->world->acked;
    op->watch = r.watch_tag ? WATCH_ASKED : WATCH_NONE;
    op->watch_kind = kind_of(&r);
    SAY(p->world, "client %" PRIu32 ".%" PRIu32 " asks #%zu op %" PRId32 " %s", p->number, p->life->number,
        p->life->op_count, op->code, op->path ? op->path : "");
    drive(p);
    return p->life ? &p->life->ops[r.tag - 1] : NULL;
}

/* Asks, and is not heard of before its session may have ended: what became of what it asked? */
static void fall_silent_behind_requests(struct person *p)
{
    struct world *w = p->world;
    if (!w->swarm.freeze_every_us || core_unfinished(p) == 0 || !world_chance(w, WORLD_CHANCE_CLIENT, 10000))
        return;
    uint64_t least = w->swarm.session_min_ms * MILLISECOND;
    person_freeze(p, world_between(w, WORLD_CHANCE_CLIENT, least, 2ull * w->swarm.session_max_ms * MILLISECOND));
}

/* Now and then it says who it is. Not where a server may keep the session for itself: the judge does not know of what
 * is nowhere in the history. */
static void prove_something(struct person *p)
{
    struct world *w = p->world;
    const struct swarm *s = &w->swarm;
    if (!s->access_percent || s->local_servers || s->read_only_servers || world_below(w, WORLD_CHANCE_WORK, 100) >= 3)
        return;
    uint32_t user = world_below(w, WORLD_CHANCE_WORK, WORK_USERS);
    struct zk_slice digest = zk_slice_str("digest"), credentials = zk_slice_str(work_users[user].credentials);
    struct zkc_request request = {.op = ZK_OP_AUTH, .scheme = digest, .data = credentials};
    p->life->proofs |= 1u << user;
    if (p->apache)
        apache_authenticate(p->apache, digest, credentials);
    else if (p->zkc && zkc_submit(p->zkc, now_ms(p), &request) != 0)
        SAY(p->world, "client %" PRIu32 ".%" PRIu32 " cannot say who it is", p->number, p->life->number);
    drive(p);
}

static void work_event(struct world *w, void *arg, uint64_t token)
{
    struct person *p = arg;
    if (token != p->work_token || !p->life || p->has_quit || p->is_closing)
        return;
    uint64_t burst = 1 + world_below(w, WORLD_CHANCE_WORK, w->swarm.outstanding_max);
    while (burst-- > 0 && p->budget > 0 && p->life && !p->is_frozen &&
           core_unfinished(p) < w->swarm.outstanding_max) {
        struct work work;
        prove_something(p);
        work_draw(&work, w, p->life);
        if (person_submit(p, &work.request))
            p->budget--;
        work_fini(&work);
    }
    fall_silent_behind_requests(p);
    if (p->life && !p->is_frozen && p->life->op_count > 30 && world_chance(w, WORLD_CHANCE_WORK, 10000))
        person_close(p);
    else
        work_later(p);
}

static void work_later(struct person *p)
{
    uint64_t pause_us = p->budget > 0 ? p->world->swarm.think_us : 1000 * MILLISECOND;
    if (p->life && !p->has_quit)
        world_after(p->world, world_about(p->world, WORLD_CHANCE_WORK, pause_us), work_event, p, ++p->work_token);
}

/* --- completions --- */

static void on_done(struct person *p, const struct zkc_effect *effect)
{
    struct life *life = p->life;
    if (effect->reply.op == ZK_OP_AUTH) /* what the server answered is judged on the wire */
        return;
    struct op *op = life_complete(life, effect->tag);
    op->err = effect->reply.err;
    op->zxid = effect->reply.zxid;
    p->world->tally.operations++;
    SAY(p->world, "client %" PRIu32 ".%" PRIu32 " has #%" PRIu64 " op %" PRId32 ": %s at %" PRIx64, p->number,
        life->number, effect->tag, op->code, zk_err_text(op->err), (uint64_t)op->zxid);
    if (life_is_unknown(op->err)) {
        p->world->tally.unknown++;
        if (op->watch == WATCH_ASKED)
            op->watch = WATCH_OVER;
        life_judge_unknown(life, op);
        return;
    }
    if (op->is_write && p->zkc && zkc_state(p->zkc) == ZKC_STATE_EXPIRED)
        world_count(p->world, MARK_PAST_NEEDED);
    if (op->is_write)
        life_judge_write(life, op);
    else
        life_judge_read(life, op);
    if (op->zxid > life->shown)
        life->shown = op->zxid;
}

static void on_state(struct person *p, const struct zkc_effect *effect)
{
    SAY(p->world, "client %" PRIu32 ".%" PRIu32 " is in state %d", p->number, p->life->number, effect->state);
    if (effect->state == ZKC_STATE_CONNECTED) {
        life_is_connected(p->life, core_session(p), p->zkc ? zkc_memory(p->zkc) : 0);
        p->world->tally.sessions++;
    }
}

/* --- the wire --- */

static void on_connected(void *owner, struct net_end *end)
{
    struct person *p = owner;
    p->is_up = true;
    core_step(p, ZKC_EVENT_CONNECTED, (struct zk_slice){0});
    drive(p);
}

static void on_bytes(void *owner, struct net_end *end, struct zk_slice bytes)
{
    struct person *p = owner;
    core_step(p, ZKC_EVENT_DATA, bytes);
    drive(p);
}

static void on_closed(void *owner, struct net_end *end)
{
    struct person *p = owner;
    p->end = NULL;
    p->is_up = false;
    core_step(p, ZKC_EVENT_DISCONNECTED, (struct zk_slice){0});
    drive(p);
}

static const struct net_events EVENTS = {on_connected, on_bytes, on_closed};

static void hang_up(struct person *p)
{
    if (p->end)
        net_close(p->end);
    p->end = NULL;
    p->is_up = false;
}

static void perform(struct person *p, const struct zkc_effect *effect)
{
    switch (effect->type) {
    case ZKC_EFFECT_DIAL:
        hang_up(p);
        p->conn = effect->conn;
        p->frames_seen = 0;
        p->end = net_dial(p->world->net, p->node, effect->server, NET_CLIENT, &EVENTS, p);
        SAY(p->world, "client %" PRIu32 ".%" PRIu32 " dials s%" PRIu32 " (connection %" PRIu64 ")", p->number,
            p->life->number, effect->server + 1, net_number(p->end));
        break;
    case ZKC_EFFECT_SEND:
        if (effect->conn != p->conn || !p->is_up)
            break;
        life_sends(p->life, effect->bytes, &p->frames_seen);
        net_send(p->end, effect->bytes);
        break;
    case ZKC_EFFECT_CLOSE:
        if (effect->conn == p->conn)
            hang_up(p);
        break;
    case ZKC_EFFECT_DONE:
        on_done(p, effect);
        break;
    case ZKC_EFFECT_WATCH:
        life_hear(p->life, effect);
        break;
    case ZKC_EFFECT_STATE:
        on_state(p, effect);
        break;
    }
}

static bool is_final(const struct person *p)
{
    if (p->apache)
        return apache_is_over(p->apache);
    enum zkc_state state = zkc_state(p->zkc);
    return state == ZKC_STATE_EXPIRED || state == ZKC_STATE_AUTH_FAILED || state == ZKC_STATE_CLOSED;
}

static void timer_event(struct world *w, void *arg, uint64_t token)
{
    struct person *p = arg;
    if (token != p->timer_token || !p->life)
        return;
    p->timer_at_us = 0;
    if (p->is_frozen)
        return;
    core_step(p, ZKC_EVENT_TICK, (struct zk_slice){0});
    drive(p);
}

static void set_timer(struct person *p)
{
    uint64_t ms = core_deadline_ms(p);
    if (ms == UINT64_MAX)
        return;
    uint64_t at = zk_max_u64(ms * MILLISECOND, p->world->now_us + MILLISECOND);
    if (p->timer_at_us && p->timer_at_us <= at)
        return;
    p->timer_at_us = at;
    world_after(p->world, at - p->world->now_us, timer_event, p, ++p->timer_token);
}

static void drive(struct person *p)
{
    struct zkc_effect effect;
    while (p->life && core_next(p, &effect))
        perform(p, &effect);
    if (!p->life)
        return;
    if (p->zkc)
        zkc_check(p->zkc);
    if (is_final(p)) {
        SAY(p->world, "client %" PRIu32 ".%" PRIu32 " is done", p->number, p->life->number);
        hang_up(p);
        life_end(p);
        begin_later(p);
        return;
    }
    set_timer(p);
}

/* --- the adversary --- */

void person_kill(struct person *p)
{
    if (!p->life)
        return;
    bool silently = world_chance(p->world, WORLD_CHANCE_CLIENT, 400000);
    SAY(p->world, "client %" PRIu32 ".%" PRIu32 " is killed%s", p->number, p->life->number,
        silently ? ", and nobody is told" : "");
    world_count(p->world, FAULT_CLIENT_KILLED);
    net_node_off(p->world->net, p->node, silently ? NET_MACHINE_GONE : NET_PROCESS_GONE);
    p->end = NULL;
    p->is_up = false;
    p->is_frozen = false;
    life_end(p);
    net_node_on(p->world->net, p->node);
    begin_later(p);
}

void person_thaw(struct person *p)
{
    if (!p->is_frozen)
        return;
    p->is_frozen = false;
    net_node_pause(p->world->net, p->node, false);
    if (!p->life)
        return;
    core_step(p, ZKC_EVENT_TICK, (struct zk_slice){0});
    drive(p);
}

static void thaw_event(struct world *w, void *arg, uint64_t token)
{
    struct person *p = arg;
    if (p->life_count == token)
        person_thaw(p);
}

void person_freeze(struct person *p, uint64_t for_us)
{
    if (!p->life || p->is_frozen)
        return;
    SAY(p->world, "client %" PRIu32 ".%" PRIu32 " falls silent for %" PRIu64 " us", p->number, p->life->number,
        for_us);
    world_count(p->world, FAULT_CLIENT_FROZEN);
    p->is_frozen = true;
    net_node_pause(p->world->net, p->node, true);
    world_after(p->world, for_us, thaw_event, p, p->life_count);
}

bool person_move(struct person *p)
{
    if (!p->life || !net_reset_node(p->world->net, p->node))
        return false;
    world_count(p->world, FAULT_CLIENT_MOVED);
    return true;
}

/* Has this person ever held it? Then it is not another's: those who share a session are told apart by their node. */
static bool has_held(const struct person *p, uint64_t session)
{
    for (const struct life *life = p->world->lives; life; life = life->next)
        if (life->person == p && life->session == session && !life->is_thief)
            return true;
    return false;
}

void person_impersonate(struct person *p)
{
    const struct life *other = p->world->lives;
    while (other && (other->is_over || other->is_thief || other->session == 0 || has_held(p, other->session)))
        other = other->next;
    if (!other)
        return;
    uint64_t victim = other->session;
    struct life *life = life_new(p);
    life->is_apache = true;
    life->is_thief = true;
    uint8_t password[ZK_PASSWORD_BYTES];
    zk_rng_fill(&p->rng, password, sizeof(password));
    SAY(p->world, "client %" PRIu32 ".%" PRIu32 " tries to steal session %" PRIx64, p->number, life->number, victim);
    begin_core(p, life, victim, password);
    core_step(p, ZKC_EVENT_TICK, (struct zk_slice){0});
    drive(p);
}

static void kill_event(struct world *w, void *arg, uint64_t token)
{
    struct person *p = arg;
    if (p->life && p->life_count == token)
        person_kill(p);
}

static struct life *find_takeable(const struct person *p)
{
    const struct model *m = ledger_model(p->world->ledger);
    for (struct life *life = p->world->lives; life; life = life->next) {
        const struct model_session *s = life->is_thief ? NULL : model_session(m, life->session);
        if (s && s->ended_zxid == 0 && !has_held(p, life->session))
            return life;
    }
    return NULL;
}

void person_take_over(struct person *p)
{
    struct world *w = p->world;
    struct life *other = find_takeable(p);
    if (!other)
        return;
    const struct model_session *s = model_session(ledger_model(w->ledger), other->session);
    struct life *life = life_new(p);
    life->is_apache = zk_rng_below(&p->rng, 2);
    life->is_taker = true;
    life->session = other->session;
    life->attached = other->attached;
    SAY(w, "client %" PRIu32 ".%" PRIu32 " takes over session %" PRIx64 " of %" PRIu32 ".%" PRIu32 ", %s", p->number,
        life->number, other->session, other->person->number, other->number, life->is_apache ? "as Apache's" : "libzk");
    if (!other->is_over) /* two that live would take it from each other for ever */
        world_after(w, world_between(w, WORLD_CHANCE_TAKEOVER, 0, 100 * MILLISECOND), kill_event, other->person,
                    other->person->life_count);
    begin_core(p, life, other->session, s->password);
    core_step(p, ZKC_EVENT_TICK, (struct zk_slice){0});
    drive(p);
    work_later(p);
}

void person_close(struct person *p)
{
    if (!p->life || p->is_closing)
        return;
    p->is_closing = true;
    SAY(p->world, "client %" PRIu32 ".%" PRIu32 " closes its session", p->number, p->life->number);
    if (core_unfinished(p) > 0)
        world_count(p->world, MARK_CLOSE_RACES_CREATE);
    core_step(p, ZKC_EVENT_CLOSE, (struct zk_slice){0});
    drive(p);
}

bool person_is_idle(const struct person *p)
{
    return !p->life || (!p->is_closing && core_session(p) != 0 && core_unfinished(p) == 0);
}
