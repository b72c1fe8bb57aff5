/* forward.c: commands on their way into the log.
 *
 * Own commands wait in one list, in order, until they have been applied here. The leader of the day gets each once; a
 * new leader, or the same behind a new connection, gets all that are left again. Numbers make the copies harmless: apply
 * does nothing for a number it has seen (state/command.h). So no client notices a change of leader but by its length.
 *
 * A leader takes its followers' commands in the order of their channel and proposes all that a turn brought at once.
 */
#include "server/replica/core.h"
#include "server/replica/peer_msg.h"

/* Followers' commands that the leader holds while it cannot propose; above it the channel is closed. */
#define HELD_BYTES_MAX (256u << 20)
#define BATCH_COMMANDS_MAX PEER_MSG_COMMANDS_MAX

/* --- the list of own commands --- */

struct pending *forward_submit(struct replica *r, uint64_t conn, const struct command *cmd)
{
    size_t len = COMMAND_HEADER_BYTES + cmd->payload.len;
    struct pending *p = zk_alloc(sizeof *p + len);
    struct zk_buf encoded = {.ptr = p->body, .cap = len, .limit = len};
    command_encode(&encoded, cmd);
    ZK_ASSERT(!encoded.failed && encoded.ptr == p->body);
    p->conn = conn;
    p->sent = p->was_sent = false;
    p->len = encoded.len;
    p->next = NULL;
    p->prev = r->last_pending;
    if (p->prev != NULL)
        p->prev->next = p;
    else
        r->first_pending = p;
    r->last_pending = p;
    if (r->unsent == NULL)
        r->unsent = p;
    r->pending_bytes += p->len;
    return p;
}

void forward_done(struct replica *r, struct pending *p)
{
    if (p->prev != NULL)
        p->prev->next = p->next;
    else
        r->first_pending = p->next;
    if (p->next != NULL)
        p->next->prev = p->prev;
    else
        r->last_pending = p->prev;
    if (r->unsent == p)
        r->unsent = p->next;
    r->pending_bytes -= p->len;
    free(p);
}

/* What was sent is not sent again without its connection: a close that gets lost this way ends by the session's
 * time-out. What was not, still goes: a client may close its session and its connection in one breath. */
void forward_abandon(struct replica *r, struct pending *p)
{
    p->conn = 0;
    if (p->sent)
        forward_done(r, p);
}

static void mark_sent(struct replica *r, struct pending *next)
{
    struct pending *p = r->unsent;
    r->unsent = next;
    while (p != next) {
        struct pending *after = p->next;
        p->sent = p->was_sent = true;
        if (p->conn == 0)
            forward_done(r, p);
        p = after;
    }
}

/* A new leader, or a new connection to it: everything again. */
void forward_restart(struct replica *r)
{
    for (struct pending *p = r->first_pending; p != NULL; p = p->next)
        p->sent = false;
    r->unsent = r->first_pending;
    r->round_min = r->round + 1;
    if (r->sync_count > 0)
        r->round_due = true;
}

/* --- the leader's side --- */

static bool hold(struct replica *r, struct zk_slice body)
{
    struct command c;
    if (!command_decode(body, &c))
        return false;
    struct held *h = zk_alloc(sizeof *h + body.len);
    h->next = NULL;
    h->len = body.len;
    memcpy(h->body, body.ptr, body.len);
    if (r->last_held != NULL)
        r->last_held->next = h;
    else
        r->first_held = h;
    r->last_held = h;
    r->held_bytes += h->len;
    return true;
}

void forward_unawaited(struct replica *r, const struct command *cmd)
{
    struct zk_buf *body = outbox_buffer(r);
    command_encode(body, cmd);
    struct zk_slice bytes = zk_buf_slice(body);
    if (zab_phase_leads(r->phase)) {
        bool is_ours = hold(r, bytes);
        ZK_ASSERT(is_ours);
    } else if (r->phase == ZAB_FOLLOWING) {
        struct zk_buf *message = outbox_buffer(r);
        peer_msg_encode(message, &(struct peer_msg){.type = PEER_MSG_FORWARD, .command_count = 1, .commands = &bytes});
        outbox_peer(r, r->leader, false, zk_buf_slice(message));
    }
}

static void drop_held(struct replica *r)
{
    while (r->first_held != NULL) {
        struct held *h = r->first_held;
        r->first_held = h->next;
        free(h);
    }
    r->last_held = NULL;
    r->held_bytes = 0;
}

/* A leader whose clock is behind the last stamp goes on from it by its own elapsed time. */
int64_t forward_stamp_now(struct replica *r)
{
    int64_t last = state_time_ms(r->state) > r->last_stamp_ms ? state_time_ms(r->state) : r->last_stamp_ms;
    int64_t stamp = r->wall_ms;
    if (stamp < last)
        stamp = last + (int64_t)(r->stamp_at_ms ? r->now_ms - r->stamp_at_ms : 0);
    r->last_stamp_ms = stamp;
    r->stamp_at_ms = r->now_ms;
    return stamp;
}

static void note_proposal(struct replica *r, size_t bytes)
{
    struct replica_report *f = &r->figures;
    f->proposal_last_bytes = (int32_t)bytes;
    if (f->proposal_min_bytes < 0 || f->proposal_last_bytes < f->proposal_min_bytes)
        f->proposal_min_bytes = f->proposal_last_bytes;
    if (f->proposal_last_bytes > f->proposal_max_bytes)
        f->proposal_max_bytes = f->proposal_last_bytes;
}

static bool propose(struct replica *r, struct zk_slice *bodies, size_t count)
{
    uint64_t first;
    if (!zab_propose(r->zab, r->now_ms, bodies, count, &first))
        return false; /* the pipeline is full or we are handing over: they wait */
    note_proposal(r, bodies[count - 1].len);
    return true;
}

static size_t gather_held(struct replica *r, int64_t stamp, struct zk_slice *bodies)
{
    size_t count = 0, bytes = 0;
    for (struct held *h = r->first_held; h != NULL && count < BATCH_COMMANDS_MAX; h = h->next) {
        if (count > 0 && bytes + h->len > PEER_MSG_COMMANDS_BYTES_MAX)
            break;
        command_stamp(h->body, h->len, stamp);
        bodies[count++] = zk_slice(h->body, h->len);
        bytes += h->len;
    }
    return count;
}

static void release_held(struct replica *r, size_t count)
{
    while (count-- > 0) {
        struct held *h = r->first_held;
        r->first_held = h->next;
        r->held_bytes -= h->len;
        free(h);
    }
    if (r->first_held == NULL)
        r->last_held = NULL;
}

/* From `unsent` on, as much as one message or proposal takes. *ret_next: the first that did not fit. */
static size_t gather_own(struct replica *r, struct zk_slice *bodies, struct pending **ret_next)
{
    size_t count = 0, bytes = 0;
    struct pending *p = r->unsent;
    for (; p != NULL && count < BATCH_COMMANDS_MAX; p = p->next) {
        if (count > 0 && bytes + p->len > PEER_MSG_COMMANDS_BYTES_MAX)
            break;
        bodies[count++] = zk_slice(p->body, p->len);
        bytes += p->len;
    }
    *ret_next = p;
    return count;
}

static void propose_all(struct replica *r, struct zk_slice *bodies)
{
    int64_t stamp = forward_stamp_now(r);
    size_t count;
    while ((count = gather_held(r, stamp, bodies)) > 0 && propose(r, bodies, count))
        release_held(r, count);
    struct pending *next;
    while (r->first_held == NULL && (count = gather_own(r, bodies, &next)) > 0) {
        for (struct pending *p = r->unsent; p != next; p = p->next)
            command_stamp(p->body, p->len, stamp);
        if (!propose(r, bodies, count))
            return;
        mark_sent(r, next);
    }
}

static void send_all(struct replica *r, struct zk_slice *bodies)
{
    struct pending *next;
    size_t count;
    while ((count = gather_own(r, bodies, &next)) > 0) {
        struct zk_buf *message = outbox_buffer(r);
        peer_msg_encode(message, &(struct peer_msg){.type = PEER_MSG_FORWARD, .command_count = count, .commands = bodies});
        outbox_peer(r, r->leader, false, zk_buf_slice(message));
        mark_sent(r, next);
    }
}

/* --- sync: one quorum round for all that wait --- */

static void ask_leader(struct replica *r)
{
    struct zk_buf *message = outbox_buffer(r);
    peer_msg_encode(message, &(struct peer_msg){.type = PEER_MSG_SYNC, .number = ++r->round});
    outbox_peer(r, r->leader, false, zk_buf_slice(message));
    r->round_due = false;
}

static bool confirm(struct replica *r, uint64_t peer, uint64_t round)
{
    uint64_t token = ++r->next_token;
    if (!zab_confirm(r->zab, r->now_ms, token))
        return false;
    struct sync_waiter *w = zk_calloc(1, sizeof *w);
    w->token = token;
    w->peer = peer;
    w->round = round;
    w->next = r->waiters;
    r->waiters = w;
    return true;
}

static void ask_quorum(struct replica *r)
{
    if (!confirm(r, r->config.zab.self, r->round + 1))
        return;
    r->round++;
    r->round_due = false;
}

static void round_answered(struct replica *r, uint64_t round, uint64_t zxid)
{
    if (round < r->round_min || round > r->round)
        return; /* confirmed by another leadership, or never asked: worth nothing */
    if (zxid == 0) {
        r->round_due = r->sync_count > 0;
        return;
    }
    r->round_confirmed = zk_max_u64(r->round_confirmed, round);
    r->round_zxid = zk_max_u64(r->round_zxid, zxid);
}

static void answer_peer(struct replica *r, uint64_t peer, uint64_t round, uint64_t zxid)
{
    struct zk_buf *message = outbox_buffer(r);
    peer_msg_encode(message, &(struct peer_msg){.type = PEER_MSG_SYNC_ANSWER, .number = round, .zxid = zxid});
    outbox_peer(r, peer, true, zk_buf_slice(message));
}

void forward_confirmed(struct replica *r, const struct zab_confirmed *c)
{
    for (struct sync_waiter **at = &r->waiters; *at != NULL; at = &(*at)->next) {
        struct sync_waiter *w = *at;
        if (w->token != c->token)
            continue;
        uint64_t zxid = c->ok ? zab_committed(r->zab) : 0;
        if (w->peer == r->config.zab.self)
            round_answered(r, w->round, zxid);
        else
            answer_peer(r, w->peer, w->round, zxid);
        *at = w->next;
        free(w);
        return;
    }
}

/* Round numbers begin anew in each process: an answer to one that has ended could pass for one to its successor. */
void forward_forget_peer(struct replica *r, uint64_t peer)
{
    struct sync_waiter **at = &r->waiters;
    while (*at != NULL) {
        struct sync_waiter *w = *at;
        if (w->peer != peer) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        free(w);
    }
}

size_t forward_pending_syncs(const struct replica *r)
{
    size_t count = 0;
    for (const struct sync_waiter *w = r->waiters; w != NULL; w = w->next)
        count++;
    return count;
}

static void drop_waiters(struct replica *r)
{
    while (r->waiters != NULL) {
        struct sync_waiter *w = r->waiters;
        r->waiters = w->next;
        free(w);
    }
}

void forward_lost_leadership(struct replica *r)
{
    drop_held(r); /* their servers send them again */
    drop_waiters(r);
}

void forward_fini(struct replica *r)
{
    forward_lost_leadership(r);
    while (r->first_pending != NULL)
        forward_done(r, r->first_pending);
    free(r->touched);
    free(r->sync_conns);
}

/* --- each turn --- */

static void send_touches(struct replica *r)
{
    for (size_t at = 0; at < r->touched_count;) {
        size_t count = r->touched_count - at;
        if (count > PEER_MSG_COMMANDS_MAX)
            count = PEER_MSG_COMMANDS_MAX;
        struct zk_buf *ids = outbox_buffer(r);
        for (size_t i = 0; i < count; i++)
            zk_jute_put_long(ids, (int64_t)r->touched[at + i]);
        struct zk_buf *message = outbox_buffer(r);
        peer_msg_encode(message, &(struct peer_msg){.type = PEER_MSG_TOUCH, .bytes = zk_buf_slice(ids)});
        outbox_peer(r, r->leader, false, zk_buf_slice(message));
        at += count;
    }
}

/* Tell the leader, or ourselves, which sessions were heard of. While there is no leader they are kept. */
void forward_touch_flush(struct replica *r)
{
    if (!replica_serves(r))
        return;
    if (r->phase == ZAB_FOLLOWING)
        send_touches(r);
    else
        for (size_t i = 0; i < r->touched_count; i++)
            tracker_touch(r, r->touched[i]);
    r->touched_count = 0;
    r->touch_round++;
}

void forward_flush(struct replica *r)
{
    if (r->rebuilding)
        return;
    if (r->phase == ZAB_LEADING && (r->first_held != NULL || r->unsent != NULL)) {
        struct zk_slice bodies[BATCH_COMMANDS_MAX];
        propose_all(r, bodies);
    } else if (r->phase == ZAB_FOLLOWING && r->unsent != NULL) {
        struct zk_slice bodies[BATCH_COMMANDS_MAX];
        send_all(r, bodies);
    }
    if (r->round_due && r->phase == ZAB_LEADING)
        ask_quorum(r);
    else if (r->round_due && r->phase == ZAB_FOLLOWING)
        ask_leader(r);
}

/* --- messages --- */

static bool take_forward(struct replica *r, const struct peer_msg *m)
{
    if (r->phase != ZAB_ELECTED && !zab_phase_leads(r->phase))
        return true; /* too late; the sender sends again to whom it follows next */
    for (size_t i = 0; i < m->command_count; i++)
        if (!hold(r, m->commands[i]))
            return false;
    return r->held_bytes <= HELD_BYTES_MAX;
}

static void take_touches(struct replica *r, struct zk_slice ids)
{
    struct zk_jute in = zk_jute(ids);
    while (zk_jute_left(&in) >= 8)
        tracker_touch(r, (uint64_t)zk_jute_long(&in));
}

static bool take(struct replica *r, uint64_t peer, bool inbound, const struct peer_msg *m)
{
    switch (m->type) {
    case PEER_MSG_FORWARD:
        return inbound && take_forward(r, m);
    case PEER_MSG_SYNC:
        if (inbound && !confirm(r, peer, m->number))
            answer_peer(r, peer, m->number, 0);
        return inbound;
    case PEER_MSG_SYNC_ANSWER:
        if (!inbound && r->phase == ZAB_FOLLOWING && peer == r->leader)
            round_answered(r, m->number, m->zxid);
        return !inbound;
    case PEER_MSG_TOUCH:
        if (inbound)
            take_touches(r, m->bytes);
        return inbound;
    }
    return false;
}

bool forward_message(struct replica *r, uint64_t peer, bool inbound, struct zk_slice message)
{
    struct peer_msg m;
    if (!peer_msg_decode(message, &m))
        return false;
    bool ok = take(r, peer, inbound, &m);
    peer_msg_fini(&m);
    return ok;
}
