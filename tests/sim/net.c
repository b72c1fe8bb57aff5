#include "tests/sim/net.h"
#include <inttypes.h>

#define MILLISECOND 1000ull
#define SECOND      1000000ull
/* A client whose bytes are not acknowledged for about so long gives the connection up; servers between themselves use
 * the sync limit (TCP_USER_TIMEOUT). */
#define GIVE_UP_US (8 * SECOND)
/* A dial that hears nothing ends after about this. */
#define DIAL_US (2 * SECOND)
/* A SYN, or what a partition held up, is sent again after about this. */
#define RESEND_US (100 * MILLISECOND)

enum chunk_kind { CHUNK_DATA, CHUNK_SYN, CHUNK_SYN_ACK, CHUNK_FIN, CHUNK_RST };

struct chunk {
    struct chunk *next;
    uint64_t due_us;
    enum chunk_kind kind;
    size_t len;
    size_t at; /* taken already */
    uint8_t bytes[];
};

struct lane {
    struct chunk *head;
    struct chunk **tail;
    size_t byte_count;
    uint64_t last_due_us;
    uint64_t token; /* of the scheduled delivery */
    bool is_scheduled;
    bool is_waiting; /* the head is due, but blocked, clogged, paused or not read: somebody will kick */
    uint64_t clogged_until_us;
    uint64_t stuck_since_us; /* the head could not be delivered since; 0: it flows */
    uint64_t stuck_token;
    bool is_unacked; /* bytes got through, their acknowledgement does not */
};

enum end_state { END_CLOSED, END_DIALLING, END_UP };

struct net_conn;

struct net_end {
    struct net_conn *conn;
    uint32_t node;
    uint8_t side;
    enum end_state state;
    bool has_vanished; /* closed, and nobody was told */
    bool is_reading;
    bool is_offered; /* up, but the paused or busy process has not accepted it yet */
    const struct net_events *events;
    void *owner;
    struct lane out;
};

struct net_conn {
    struct net *net;
    struct net_conn *next;
    struct net_conn *prev;
    uint64_t number;
    enum net_port port;
    uint64_t delay_us;
    struct net_end ends[2]; /* who dialled, who accepted */
    unsigned busy;          /* callbacks that may still look at it */
};

struct listener {
    net_accept_fn *fn;
    void *arg;
};

struct net {
    struct world *world;
    struct net_conn *conns;
    uint64_t numbers;
    struct listener listeners[NET_NODES_MAX][NET_PORTS];
    bool is_machine_off[NET_NODES_MAX];
    bool is_paused[NET_NODES_MAX];
    bool is_blocked[NET_NODES_MAX][NET_NODES_MAX];
    uint64_t cuts; /* healings so far: a cut that healed in between is another one */
};

static void lane_pump(struct world *w, void *arg, uint64_t token);

struct net *net_new(struct world *w)
{
    struct net *n = zk_calloc(1, sizeof(*n));
    n->world = w;
    return n;
}

static struct net_end *other_end(struct net_end *end)
{
    return &end->conn->ends[1 - end->side];
}

static void lane_drop(struct lane *lane)
{
    while (lane->head) {
        struct chunk *c = lane->head;
        lane->head = c->next;
        free(c);
    }
    lane->tail = &lane->head;
    lane->byte_count = 0;
    lane->token++;
    lane->is_scheduled = false;
    lane->is_waiting = false;
    lane->stuck_since_us = 0;
}

static void conn_free(struct net_conn *c)
{
    lane_drop(&c->ends[0].out);
    lane_drop(&c->ends[1].out);
    free(c);
}

void net_free(struct net *n)
{
    while (n->conns) {
        struct net_conn *c = n->conns;
        n->conns = c->next;
        conn_free(c);
    }
    free(n);
}

/* Events in the queue point at ends: a connection is freed by an event of its own, after all of those. */
static void conn_reap(struct world *w, void *arg, uint64_t token)
{
    struct net_conn *c = arg;
    if (c->next)
        c->next->prev = c->prev;
    if (c->prev)
        c->prev->next = c->next;
    else
        c->net->conns = c->next;
    conn_free(c);
}

static void conn_look(struct net_conn *c)
{
    if (c->busy || c->ends[0].state != END_CLOSED || c->ends[1].state != END_CLOSED)
        return;
    if (c->ends[0].out.head || c->ends[1].out.head)
        return;
    c->busy = 1;
    world_after(c->net->world, 60 * SECOND, conn_reap, c, 0);
}

static uint64_t delay(struct net_conn *c)
{
    struct world *w = c->net->world;
    return c->delay_us + world_about(w, WORLD_CHANCE_NET, w->swarm.jitter_us / 4 + 1);
}

static void lane_schedule(struct net_end *from, uint64_t at_us)
{
    struct world *w = from->conn->net->world;
    struct lane *lane = &from->out;
    lane->is_scheduled = true;
    lane->is_waiting = false;
    uint64_t after = at_us > w->now_us ? at_us - w->now_us : 0;
    world_after(w, after, lane_pump, from, ++lane->token);
}

static void lane_put(struct net_end *from, enum chunk_kind kind, struct zk_slice bytes)
{
    struct world *w = from->conn->net->world;
    struct lane *lane = &from->out;
    struct chunk *c = zk_alloc(sizeof(*c) + bytes.len);
    *c = (struct chunk){.kind = kind, .len = bytes.len};
    if (bytes.len)
        memcpy(c->bytes, bytes.ptr, bytes.len);
    c->due_us = zk_max_u64(w->now_us + delay(from->conn), lane->last_due_us);
    lane->last_due_us = c->due_us;
    *lane->tail = c;
    lane->tail = &c->next;
    lane->byte_count += bytes.len;
    w->tally.bytes += bytes.len;
    if (!lane->is_scheduled && !lane->is_waiting)
        lane_schedule(from, lane->head->due_us);
}

/* --- how an end ends --- */

/* The connection is dead for this end: the owner is told. */
static void end_closed(struct net_end *end)
{
    enum end_state was = end->state;
    bool resets = false; /* a reset on its way to the other end is nobody's data */
    for (const struct chunk *c = end->out.head; c; c = c->next)
        resets = resets || c->kind == CHUNK_RST;
    end->state = END_CLOSED;
    lane_drop(&end->out);
    if (resets)
        lane_put(end, CHUNK_RST, (struct zk_slice){0});
    if (was != END_CLOSED && end->events && !end->is_offered)
        end->events->closed(end->owner, end);
    end->is_offered = false;
}

/* This end is gone without a word to its owner; `tell`: the other end hears FIN or RST, when it gets through. */
static void end_drop(struct net_end *end, bool tell, bool abruptly)
{
    end->state = END_CLOSED;
    end->has_vanished = !tell;
    end->is_offered = false;
    end->events = NULL;
    if (!tell || abruptly) {
        bool had = end->out.byte_count > 0;
        lane_drop(&end->out);
        if (had)
            world_count(end->conn->net->world, FAULT_CUT_IN_FRAME);
    }
    struct net_end *other = other_end(end);
    if (tell && other->state != END_CLOSED)
        lane_put(end, abruptly ? CHUNK_RST : CHUNK_FIN, (struct zk_slice){0});
    /* what comes in is met by a closed end from now on */
    if (other->out.is_waiting)
        lane_schedule(other, end->conn->net->world->now_us);
    conn_look(end->conn);
}

void net_close(struct net_end *end)
{
    if (end->state != END_CLOSED)
        end_drop(end, true, false);
}

/* --- delivery --- */

static uint64_t give_up_us(const struct net_end *end)
{
    struct world *w = end->conn->net->world;
    if (end->conn->port == NET_PEER)
        return (uint64_t)w->swarm.sync_limit * w->swarm.tick_ms * MILLISECOND;
    return world_between(w, WORLD_CHANCE_NET, GIVE_UP_US / 2, GIVE_UP_US * 3 / 2);
}

static void give_up(struct net_end *end)
{
    struct world *w = end->conn->net->world;
    world_count(w, FAULT_TIMED_OUT);
    SAY(w, "net: connection %" PRIu64 " given up by node %" PRIu32, end->conn->number, end->node);
    struct net_end *other = other_end(end);
    end_closed(end);
    end->has_vanished = true;
    if (other->out.is_waiting)
        lane_schedule(other, w->now_us);
    conn_look(end->conn);
}

static void stuck_look(struct world *w, void *arg, uint64_t token)
{
    struct net_end *end = arg;
    if (end->out.stuck_token != token || end->out.stuck_since_us == 0 || end->state == END_CLOSED)
        return;
    if (end->conn->net->is_paused[end->node]) {
        world_after(w, SECOND, stuck_look, arg, token);
        return;
    }
    give_up(end);
}

/* The way back is cut: what is sent arrives, and is never acknowledged. */
static void unacked_look(struct world *w, void *arg, uint64_t token)
{
    struct net_end *end = arg;
    struct net *n = end->conn->net;
    if (end->state == END_CLOSED || !end->out.is_unacked)
        return;
    if (n->is_paused[end->node]) {
        world_after(w, SECOND, unacked_look, arg, token);
        return;
    }
    end->out.is_unacked = false;
    if (n->is_blocked[other_end(end)->node][end->node] && n->cuts == token)
        give_up(end);
}

static void expect_ack(struct net_end *from, const struct net_end *to)
{
    struct net *n = from->conn->net;
    if (!n->is_blocked[to->node][from->node] || from->out.is_unacked)
        return;
    from->out.is_unacked = true;
    world_after(n->world, give_up_us(from), unacked_look, from, n->cuts);
}

/* Nothing of this lane gets through for now: its sender's patience begins. */
static void note_stuck(struct net_end *from)
{
    struct world *w = from->conn->net->world;
    if (from->out.stuck_since_us)
        return;
    from->out.stuck_since_us = w->now_us + 1;
    world_after(w, give_up_us(from), stuck_look, from, ++from->out.stuck_token);
}

static void lane_wait(struct net_end *from, bool gives_up)
{
    from->out.is_scheduled = false;
    from->out.is_waiting = true;
    if (gives_up)
        note_stuck(from);
}

static void lane_kick(struct net_end *from)
{
    if (from->out.is_waiting)
        lane_schedule(from, from->conn->net->world->now_us);
}

static void chunk_pop(struct net_end *from)
{
    struct lane *lane = &from->out;
    struct chunk *c = lane->head;
    lane->head = c->next;
    if (!lane->head)
        lane->tail = &lane->head;
    lane->byte_count -= c->len - c->at;
    free(c);
}

/* The process at `end` has not called accept yet: it does when it runs. */
static void offer(struct net_end *end)
{
    struct net *n = end->conn->net;
    struct listener *listener = &n->listeners[end->node][end->conn->port];
    if (end->state != END_UP || !end->is_offered || n->is_paused[end->node] || !listener->fn)
        return;
    end->is_offered = false;
    listener->fn(listener->arg, end, other_end(end)->node);
}

static void deliver_syn(struct net_end *from, struct net_end *to)
{
    struct net *n = from->conn->net;
    chunk_pop(from);
    if (!n->listeners[to->node][from->conn->port].fn) {
        world_count(n->world, FAULT_REFUSED);
        lane_put(to, CHUNK_RST, (struct zk_slice){0});
        return;
    }
    to->state = END_UP;
    to->is_offered = true;
    lane_put(to, CHUNK_SYN_ACK, (struct zk_slice){0});
    offer(to);
}

static void deliver_syn_ack(struct net_end *from, struct net_end *to)
{
    chunk_pop(from);
    if (to->state != END_DIALLING)
        return;
    to->state = END_UP;
    to->events->connected(to->owner, to);
}

static void deliver_end(struct net_end *from, struct net_end *to)
{
    chunk_pop(from);
    lane_drop(&from->out);
    if (to->state == END_CLOSED)
        return;
    SAY(from->conn->net->world, "net: connection %" PRIu64 " ends at node %" PRIu32, to->conn->number, to->node);
    end_closed(to);
}

static void deliver_data(struct net_end *from, struct net_end *to)
{
    struct world *w = from->conn->net->world;
    struct chunk *c = from->out.head;
    size_t left = c->len - c->at;
    size_t len = left;
    expect_ack(from, to);
    if (left > 1 && world_chance(w, WORLD_CHANCE_NET, w->swarm.segment_chance)) {
        len = 1 + world_below(w, WORLD_CHANCE_NET, (uint32_t)left - 1);
        world_count(w, FAULT_SEGMENTED);
    }
    /* the bytes must outlive what the owner does with the connection */
    uint8_t *bytes = c->bytes + c->at;
    if (len == left) {
        from->out.head = c->next;
        if (!from->out.head)
            from->out.tail = &from->out.head;
        from->out.byte_count -= left;
        to->events->bytes(to->owner, to, zk_slice(bytes, len));
        free(c);
        return;
    }
    uint8_t *copy = zk_memdup(bytes, len);
    c->at += len;
    c->due_us = w->now_us + world_about(w, WORLD_CHANCE_NET, w->swarm.jitter_us + 1);
    from->out.byte_count -= len;
    to->events->bytes(to->owner, to, zk_slice(copy, len));
    free(copy);
}

/* Bytes for an end that is not there: its kernel answers with a reset, if it runs. */
static void answer_dead(struct net_end *from, struct net_end *to)
{
    struct net *n = from->conn->net;
    if (n->is_machine_off[to->node]) {
        lane_wait(from, true);
        return;
    }
    lane_drop(&from->out);
    if (from->state != END_CLOSED && !to->out.head)
        lane_put(to, CHUNK_RST, (struct zk_slice){0});
}

static bool is_held(struct net_end *from, struct net_end *to)
{
    struct net *n = from->conn->net;
    struct lane *lane = &from->out;
    if (n->is_blocked[from->node][to->node] || n->is_machine_off[to->node]) {
        lane_wait(from, true);
        return true;
    }
    if (lane->clogged_until_us > n->world->now_us) {
        note_stuck(from);
        lane_schedule(from, lane->clogged_until_us);
        return true;
    }
    return false;
}

static void lane_deliver(struct net_end *from, struct net_end *to)
{
    struct net *n = from->conn->net;
    switch (from->out.head->kind) {
    case CHUNK_SYN:
        deliver_syn(from, to);
        return;
    case CHUNK_SYN_ACK:
        if (n->is_paused[to->node] && to->state != END_CLOSED)
            lane_wait(from, false);
        else
            deliver_syn_ack(from, to);
        return;
    case CHUNK_FIN:
    case CHUNK_RST:
        if (n->is_paused[to->node] && to->state != END_CLOSED)
            lane_wait(from, false);
        else
            deliver_end(from, to);
        return;
    case CHUNK_DATA:
        if (to->state == END_CLOSED)
            answer_dead(from, to);
        else if (n->is_paused[to->node] || !to->is_reading || to->is_offered)
            lane_wait(from, false);
        else
            deliver_data(from, to);
        return;
    }
}

static void lane_pump(struct world *w, void *arg, uint64_t token)
{
    struct net_end *from = arg;
    struct net_end *to = other_end(from);
    struct lane *lane = &from->out;
    if (token != lane->token)
        return;
    lane->is_scheduled = false;
    from->conn->busy++;
    if (lane->head && !is_held(from, to)) {
        lane->stuck_since_us = 0;
        lane_deliver(from, to);
    }
    if (lane->head && !lane->is_scheduled && !lane->is_waiting)
        lane_schedule(from, zk_max_u64(lane->head->due_us, w->now_us));
    from->conn->busy--;
    conn_look(from->conn);
}

/* --- the face --- */

void net_node_on(struct net *n, uint32_t node)
{
    n->is_machine_off[node] = false;
    n->is_paused[node] = false;
    for (struct net_conn *c = n->conns; c; c = c->next)
        for (size_t side = 0; side < 2; side++)
            if (c->ends[1 - side].node == node)
                lane_kick(&c->ends[side]);
}

void net_listen(struct net *n, uint32_t node, net_accept_fn *fn, void *arg, enum net_port port)
{
    n->listeners[node][port] = (struct listener){fn, arg};
    net_node_on(n, node);
}

void net_node_off(struct net *n, uint32_t node, enum net_off how)
{
    for (size_t port = 0; port < NET_PORTS; port++)
        n->listeners[node][port] = (struct listener){0};
    n->is_machine_off[node] = how == NET_MACHINE_GONE;
    n->is_paused[node] = false;
    for (struct net_conn *c = n->conns; c; c = c->next)
        for (size_t side = 0; side < 2; side++) {
            struct net_end *end = &c->ends[side];
            if (end->node == node && end->state != END_CLOSED)
                end_drop(end, how == NET_PROCESS_GONE, world_chance(n->world, WORLD_CHANCE_NET, 500000));
        }
}

void net_node_pause(struct net *n, uint32_t node, bool is_paused)
{
    n->is_paused[node] = is_paused;
    if (is_paused)
        return;
    for (struct net_conn *c = n->conns; c; c = c->next)
        for (size_t side = 0; side < 2; side++)
            if (c->ends[side].node == node) {
                lane_kick(&c->ends[1 - side]);
                offer(&c->ends[side]);
            }
}

static void dial_look(struct world *w, void *arg, uint64_t token)
{
    struct net_end *end = arg;
    if (end->state != END_DIALLING)
        return;
    if (end->conn->net->is_paused[end->node]) {
        world_after(w, DIAL_US, dial_look, arg, token);
        return;
    }
    end_closed(end);
    end->has_vanished = true;
    conn_look(end->conn);
}

struct net_end *net_dial(struct net *n, uint32_t from, uint32_t to, enum net_port port,
                         const struct net_events *events, void *owner)
{
    struct net_conn *c = zk_calloc(1, sizeof(*c));
    c->net = n;
    c->number = ++n->numbers;
    c->port = port;
    c->delay_us = world_about(n->world, WORLD_CHANCE_NET, n->world->swarm.delay_us);
    c->next = n->conns;
    if (c->next)
        c->next->prev = c;
    n->conns = c;
    for (size_t side = 0; side < 2; side++) {
        struct net_end *end = &c->ends[side];
        end->conn = c;
        end->side = (uint8_t)side;
        end->node = side ? to : from;
        end->is_reading = true;
        end->out.tail = &end->out.head;
    }
    c->ends[0].events = events;
    c->ends[0].owner = owner;
    c->ends[0].state = END_DIALLING;
    lane_put(&c->ends[0], CHUNK_SYN, (struct zk_slice){0});
    world_after(n->world, DIAL_US, dial_look, &c->ends[0], 0);
    return &c->ends[0];
}

void net_adopt(struct net_end *end, const struct net_events *events, void *owner)
{
    end->events = events;
    end->owner = owner;
}

void net_send(struct net_end *end, struct zk_slice bytes)
{
    ZK_ASSERT(end->state == END_UP);
    if (bytes.len > 0)
        lane_put(end, CHUNK_DATA, bytes);
}

void net_read(struct net_end *end, bool is_reading)
{
    end->is_reading = is_reading;
    if (is_reading)
        lane_kick(other_end(end));
}

size_t net_unsent(const struct net_end *end)
{
    return end->out.byte_count;
}

uint64_t net_number(const struct net_end *end)
{
    return end->conn->number;
}

/* --- the adversary --- */

/* TCP sends again when its timer says so, not when the cable is back. */
static void kick_later(struct world *w, void *arg, uint64_t token)
{
    lane_kick(arg);
}

void net_block(struct net *n, uint32_t from, uint32_t to, bool is_blocked)
{
    n->is_blocked[from][to] = is_blocked;
    if (is_blocked)
        return;
    n->cuts++;
    for (struct net_conn *c = n->conns; c; c = c->next)
        for (size_t side = 0; side < 2; side++)
            if (c->ends[side].node == from && c->ends[1 - side].node == to && c->ends[side].out.is_waiting)
                world_after(n->world, world_about(n->world, WORLD_CHANCE_NET, RESEND_US), kick_later, &c->ends[side],
                            0);
}

bool net_is_blocked(const struct net *n, uint32_t from, uint32_t to)
{
    return n->is_blocked[from][to];
}

void net_unblock_all(struct net *n)
{
    for (uint32_t from = 0; from < NET_NODES_MAX; from++)
        for (uint32_t to = 0; to < NET_NODES_MAX; to++)
            if (n->is_blocked[from][to])
                net_block(n, from, to, false);
}

static bool is_whole(const struct net_conn *c)
{
    return c->ends[0].state == END_UP && c->ends[1].state == END_UP;
}

/* A random connection that stands; NULL: none. */
static struct net_conn *pick(struct net *n, bool peers_only)
{
    uint32_t count = 0;
    for (struct net_conn *c = n->conns; c; c = c->next)
        count += is_whole(c) && (!peers_only || c->port == NET_PEER);
    if (count == 0)
        return NULL;
    uint32_t skip = world_below(n->world, WORLD_CHANCE_NET, count);
    for (struct net_conn *c = n->conns; c; c = c->next)
        if (is_whole(c) && (!peers_only || c->port == NET_PEER) && skip-- == 0)
            return c;
    return NULL;
}

bool net_clog(struct net *n, uint64_t for_us)
{
    struct net_conn *c = pick(n, world_chance(n->world, WORLD_CHANCE_NET, 500000));
    if (!c)
        return false;
    uint32_t which = 1 + world_below(n->world, WORLD_CHANCE_NET, 3);
    for (uint32_t side = 0; side < 2; side++)
        if (which & (1u << side))
            c->ends[side].out.clogged_until_us = n->world->now_us + for_us;
    SAY(n->world, "net: connection %" PRIu64 " (%" PRIu32 "-%" PRIu32 ") clogs, ways %" PRIu32 ", for %" PRIu64 " us",
        c->number, c->ends[0].node, c->ends[1].node, which, for_us);
    world_count(n->world, FAULT_CLOGGED);
    return true;
}

/* Both ends hear of it; what was on the way is lost from a random byte on. */
static void conn_reset(struct net_conn *c)
{
    struct world *w = c->net->world;
    SAY(w, "net: connection %" PRIu64 " (%" PRIu32 "-%" PRIu32 ") is reset", c->number, c->ends[0].node,
        c->ends[1].node);
    world_count(w, FAULT_RESET);
    for (size_t side = 0; side < 2; side++) {
        struct net_end *end = &c->ends[side];
        struct chunk *head = end->out.head;
        size_t keep = 0;
        if (head && head->kind == CHUNK_DATA && world_chance(w, WORLD_CHANCE_NET, 500000))
            keep = world_below(w, WORLD_CHANCE_NET, (uint32_t)(head->len - head->at));
        uint8_t *bytes = keep ? zk_memdup(head->bytes + head->at, keep) : NULL;
        if (end->out.byte_count > keep)
            world_count(w, FAULT_CUT_IN_FRAME);
        lane_drop(&end->out);
        if (keep)
            lane_put(end, CHUNK_DATA, zk_slice(bytes, keep));
        free(bytes);
        lane_put(end, CHUNK_RST, (struct zk_slice){0});
    }
}

bool net_reset(struct net *n)
{
    struct net_conn *c = pick(n, world_chance(n->world, WORLD_CHANCE_NET, 500000));
    if (c)
        conn_reset(c);
    return c != NULL;
}

bool net_reset_node(struct net *n, uint32_t node)
{
    bool any = false;
    for (struct net_conn *c = n->conns; c; c = c->next)
        if (c->ends[0].node == node && is_whole(c)) {
            conn_reset(c);
            any = true;
        }
    return any;
}

void net_desert(struct net *n, uint32_t node)
{
    for (struct net_conn *c = n->conns; c; c = c->next)
        for (size_t side = 0; side < 2 && c->port == NET_PEER; side++) {
            struct net_end *other = &c->ends[1 - side];
            if (c->ends[side].node != node || !is_whole(c) || n->is_paused[other->node])
                continue;
            end_closed(other);
            other->has_vanished = true;
        }
}

bool net_half_open(struct net *n)
{
    struct net_conn *c = pick(n, world_chance(n->world, WORLD_CHANCE_NET, 500000));
    if (!c)
        return false;
    uint32_t side = world_below(n->world, WORLD_CHANCE_NET, 2);
    if (n->is_paused[c->ends[side].node])
        return false;
    SAY(n->world, "net: connection %" PRIu64 " is dead for node %" PRIu32 ", node %" PRIu32 " does not know",
        c->number, c->ends[side].node, c->ends[1 - side].node);
    world_count(n->world, FAULT_HALF_OPEN);
    end_closed(&c->ends[side]);
    c->ends[side].has_vanished = true;
    lane_kick(&c->ends[1 - side]);
    return true;
}

bool net_flip(struct net *n)
{
    struct net_conn *c = pick(n, true);
    if (!c)
        return false;
    struct chunk *head = c->ends[world_below(n->world, WORLD_CHANCE_NET, 2)].out.head;
    if (!head || head->kind != CHUNK_DATA)
        return false;
    size_t at = head->at + world_below(n->world, WORLD_CHANCE_NET, (uint32_t)(head->len - head->at));
    head->bytes[at] ^= (uint8_t)(1u << world_below(n->world, WORLD_CHANCE_NET, 8));
    SAY(n->world, "net: a bit flips on connection %" PRIu64, c->number);
    world_count(n->world, FAULT_BYTE_FLIPPED);
    return true;
}

bool net_is_empty(const struct net *n)
{
    for (const struct net_conn *c = n->conns; c; c = c->next)
        for (size_t side = 0; side < 2; side++)
            if (c->ends[side].state != END_CLOSED || c->ends[side].out.head)
                return false;
    return true;
}

size_t net_open_count(const struct net *n, uint32_t node, enum net_port port)
{
    size_t count = 0;
    for (const struct net_conn *c = n->conns; c; c = c->next)
        if (c->port == port)
            for (size_t side = 0; side < 2; side++)
                count += c->ends[side].node == node && c->ends[side].state == END_UP;
    return count;
}
