/* zab_wire.c: the connections of the little world: dialled, refused, delayed, cut one way, broken. */
#include "tests/unit/zab_world_impl.h"

#define DIAL_REFUSED_MS 2
#define DIAL_SILENT_MS  60

static const char *const type_names[] = {"?",     "HELLO",  "REMEMBER", "PREVOTE",   "PREVOTED", "VOTE",
                                         "VOTED", "BEAT",   "PONG",     "ROUND",     "ROUNDED",  "FOLLOW",
                                         "TRUNC", "SNAP",   "ROWS",     "PROPOSE",   "LIVE",     "ACK",
                                         "GOT",   "COMMIT", "RESIGN",   "TAKE_OVER", "FOUND"};

static void trace_message(struct world *w, size_t from, size_t to, struct zk_slice bytes, const char *verb)
{
    struct msg_lists lists;
    struct zab_msg m;
    if (!w->options.trace || !msg_decode(bytes, &lists, &m))
        return;
    uint64_t first = 0, last = 0, hash = 0;
    if (m.type == TELL_PROPOSE)
        (void)!group_check(m.bytes, &first, &last, &hash);
    world_trace(w,
                "%zu -> %zu %s %s e=%" PRIu64 " zxid=%" PRIx64 " n=%" PRIu64 " p=%" PRIu64 " c=%" PRIx64
                " %s [%" PRIx64 "..%" PRIx64 "]",
                from + 1, to + 1, verb, type_names[m.type], m.epoch, m.zxid, m.number, m.promised, m.commit,
                m.yes ? "yes" : "", first, last);
}

static void queue_clear(struct queue *q)
{
    for (size_t i = 0; i < q->count; i++)
        free(q->letters[q->at + i].bytes);
    q->at = q->count = 0;
}

static void queue_put(struct queue *q, uint64_t due_ms, struct zk_slice bytes)
{
    if (q->at + q->count == q->cap) {
        if (q->at > q->cap / 2) {
            memmove(q->letters, q->letters + q->at, q->count * sizeof *q->letters);
            q->at = 0;
        } else {
            q->cap = q->cap ? 2 * q->cap : 16;
            q->letters = zk_realloc(q->letters, q->cap * sizeof *q->letters);
        }
    }
    q->last_due_ms = zk_max_u64(q->last_due_ms, due_ms);
    q->letters[q->at + q->count++] = (struct letter){q->last_due_ms, bytes.len, zk_memdup(bytes.ptr, bytes.len)};
}

void wire_close(struct world *w, size_t dialler, size_t acceptor, bool tell_dialler, bool tell_acceptor)
{
    struct conn *c = &w->conns[dialler][acceptor];
    if (!c->up)
        return;
    c->up = false;
    queue_clear(&c->upward);
    queue_clear(&c->downward);
    if (tell_dialler)
        c->down_dialler_ms = w->now_ms + 1 + chance(w, 3);
    if (tell_acceptor)
        c->down_acceptor_ms = w->now_ms + 1 + chance(w, 3);
    c->dial_ms = w->now_ms + 2 + chance(w, 6);
}

void wire_fini(struct conn *c)
{
    queue_clear(&c->upward);
    queue_clear(&c->downward);
    free(c->upward.letters);
    free(c->downward.letters);
}

void wire_send(struct world *w, size_t from, const struct zab_send *send)
{
    size_t to = (size_t)send->peer - 1;
    struct conn *c = send->inbound ? &w->conns[to][from] : &w->conns[from][to];
    if (!c->up)
        return;
    trace_message(w, from, to, send->bytes, "says");
    uint64_t due = w->now_ms + w->options.delay_min_ms + chance(w, w->options.delay_max_ms + 1);
    queue_put(send->inbound ? &c->downward : &c->upward, due, send->bytes);
}

static void deliver_down(struct world *w, size_t i, size_t peer, bool inbound)
{
    struct server *s = &w->servers[i];
    if (!s->zab)
        return;
    zab_channel_down(s->zab, w->now_ms, id_of(peer), inbound);
    server_effects(w, i);
}

static void deliver_up(struct world *w, size_t i, size_t peer, bool inbound)
{
    zab_channel_up(w->servers[i].zab, w->now_ms, id_of(peer), inbound);
    server_effects(w, i);
}

static void dial(struct world *w, size_t i, size_t j)
{
    struct conn *c = &w->conns[i][j];
    bool silent = w->cut[i][j] || w->cut[j][i] || (w->servers[j].zab && w->servers[j].paused);
    if (silent || !w->servers[j].zab) {
        c->dial_ms = w->now_ms + (silent ? DIAL_SILENT_MS : DIAL_REFUSED_MS) + 5 + chance(w, 20);
        deliver_down(w, i, j, false);
        return;
    }
    if (c->down_acceptor_ms) {
        c->down_acceptor_ms = 0;
        deliver_down(w, j, i, true);
    }
    if (!w->servers[i].zab || !w->servers[j].zab)
        return;
    c->up = true;
    c->upward.last_due_ms = c->downward.last_due_ms = w->now_ms;
    world_trace(w, "%zu connects to %zu", i + 1, j + 1);
    deliver_up(w, i, j, false);
    if (c->up && w->servers[j].zab)
        deliver_up(w, j, i, true);
}

uint64_t wire_deadline_ms(const struct world *w, size_t i, size_t j)
{
    const struct conn *c = &w->conns[i][j];
    uint64_t at = UINT64_MAX;
    if (c->down_dialler_ms && is_running(w, i))
        at = c->down_dialler_ms;
    if (c->down_acceptor_ms && is_running(w, j))
        at = zk_min_u64(at, c->down_acceptor_ms);
    if (!c->up && !c->down_dialler_ms && is_running(w, i))
        at = zk_min_u64(at, c->dial_ms);
    if (c->upward.count && is_running(w, j) && !w->cut[i][j])
        at = zk_min_u64(at, c->upward.letters[c->upward.at].due_ms);
    if (c->downward.count && is_running(w, i) && !w->cut[j][i])
        at = zk_min_u64(at, c->downward.letters[c->downward.at].due_ms);
    return at;
}

/* One number of a message is another one, or one of its bytes. */
static void garble(struct world *w, struct letter *l)
{
    struct msg_lists lists;
    struct zab_msg m;
    if (chance(w, 60))
        return;
    if (chance(w, 3) == 0 || !msg_decode(zk_slice(l->bytes, l->len), &lists, &m)) {
        l->bytes[chance(w, (uint32_t)l->len)] ^= (uint8_t)(1 << chance(w, 8));
        return;
    }
    uint64_t *numbers[] = {&m.epoch,  &m.zxid,     &m.hash, &m.commit,    &m.level,
                           &m.number, &m.promised, &m.own,  &m.cluster_id};
    uint64_t *number = numbers[chance(w, ZK_COUNT_OF(numbers))];
    *number = chance(w, 4) ? *number + chance(w, 4) - 2 : chance(w, 2) ? zk_rng_u64(&w->rng) : 0;
    if (chance(w, 4) == 0)
        m.type = (uint8_t)(1 + chance(w, TELL_TYPE_END - 1));
    struct zk_buf bytes;
    zk_buf_init(&bytes);
    msg_encode(&bytes, &m);
    free(l->bytes);
    l->bytes = bytes.ptr;
    l->len = bytes.len;
}

static void deliver_letters(struct world *w, size_t dialler, size_t acceptor, bool upward)
{
    struct conn *c = &w->conns[dialler][acceptor];
    struct queue *q = upward ? &c->upward : &c->downward;
    size_t to = upward ? acceptor : dialler;
    size_t from = upward ? dialler : acceptor;
    while (c->up && q->count && is_running(w, to) && !w->cut[from][to] && q->letters[q->at].due_ms <= w->now_ms) {
        struct letter l = q->letters[q->at++];
        q->count--;
        if (q->count == 0)
            q->at = 0;
        if (w->options.garble)
            garble(w, &l);
        trace_message(w, from, to, zk_slice(l.bytes, l.len), "heard");
        bool ok = zab_message(w->servers[to].zab, w->now_ms, id_of(from), upward, zk_slice(l.bytes, l.len));
        free(l.bytes);
        server_effects(w, to);
        if (!ok) {
            world_trace(w, "%zu refuses that message", to + 1);
            wire_close(w, dialler, acceptor, true, true);
        }
    }
}

void wire_events(struct world *w, size_t i, size_t j)
{
    struct conn *c = &w->conns[i][j];
    if (c->down_dialler_ms && c->down_dialler_ms <= w->now_ms && is_running(w, i)) {
        c->down_dialler_ms = 0;
        deliver_down(w, i, j, false);
    }
    if (c->down_acceptor_ms && c->down_acceptor_ms <= w->now_ms && is_running(w, j)) {
        c->down_acceptor_ms = 0;
        deliver_down(w, j, i, true);
    }
    if (!c->up && !c->down_dialler_ms && is_running(w, i) && c->dial_ms <= w->now_ms)
        dial(w, i, j);
    deliver_letters(w, i, j, true);
    deliver_letters(w, i, j, false);
}
