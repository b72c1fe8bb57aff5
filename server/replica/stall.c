/* stall.c: requests that wait at the door because as many as may be are under way: as Apache's request_throttle_*.
 *
 * They wait in the order in which they came, whoever sent them, each client's in a list of its own behind what it has
 * under way, so that its order stays; for what they ask they are looked at when their turn comes. What waited for too
 * long is answered THROTTLED_OP and never happens, or ends its connection, where the configuration says so. Pings and
 * credentials never wait. What a client that has gone was waiting for is dropped, but for its session's end.
 */
#include "server/replica/core.h"

struct stalled {
    struct stalled *next;
    uint64_t arrived_ms;
    int32_t op;
    size_t len;
    uint8_t bytes[]; /* the frame */
};

static bool has_room(const struct replica *r)
{
    return r->config.throttle_max_requests == 0 || pace_under_way(r) < r->config.throttle_max_requests;
}

bool stall_must_wait(const struct replica *r, const struct client *c)
{
    return c->stalled_count > 0 || !has_room(r);
}

static void remember_turn(struct replica *r, uint64_t conn)
{
    if (r->stalled_first + r->stalled_turns == r->stalled_cap) {
        if (r->stalled_first > 0)
            memmove(r->stalled_conns, r->stalled_conns + r->stalled_first, r->stalled_turns * sizeof *r->stalled_conns);
        r->stalled_first = 0;
        if (2 * r->stalled_turns >= r->stalled_cap) {
            r->stalled_cap = r->stalled_cap ? 2 * r->stalled_cap : 64;
            r->stalled_conns = zk_realloc(r->stalled_conns, r->stalled_cap * sizeof *r->stalled_conns);
        }
    }
    r->stalled_conns[r->stalled_first + r->stalled_turns++] = conn;
}

void stall_frame(struct replica *r, struct client *c, int32_t op, struct zk_slice frame)
{
    struct stalled *s = zk_alloc(sizeof *s + frame.len);
    *s = (struct stalled){.arrived_ms = r->now_ms, .op = op, .len = frame.len};
    memcpy(s->bytes, frame.ptr, frame.len);
    if (c->last_stalled != NULL)
        c->last_stalled->next = s;
    else
        c->first_stalled = s;
    c->last_stalled = s;
    c->stalled_count++;
    c->stalled_bytes += s->len;
    r->stalled_count++;
    r->figures.throttle_waits++;
    pace_hold_large(r, s->len);
    remember_turn(r, c->conn);
    pace_pause_if_full(r, c);
}

static struct stalled *take_first(struct replica *r, struct client *c)
{
    struct stalled *s = c->first_stalled;
    c->first_stalled = s->next;
    if (c->first_stalled == NULL)
        c->last_stalled = NULL;
    c->stalled_count--;
    c->stalled_bytes -= s->len;
    r->stalled_count--;
    pace_release_large(r, s->len);
    return s;
}

bool stall_ends_in_close(const struct client *c)
{
    return c->last_stalled != NULL && c->last_stalled->op == ZK_OP_CLOSE_SESSION;
}

void stall_drop(struct replica *r, struct client *c)
{
    while (c->first_stalled != NULL)
        free(take_first(r, c));
}

/* Not what sets watches again (Apache's server does refuse it): no client looks at that answer, it would go on without
 * its watches. Nor a write of a session with a memory: it may have been sent again, and have happened. */
static bool may_be_refused(const struct client *c, const struct stalled *s)
{
    if (s->op == ZK_OP_CLOSE_SESSION || s->op == ZK_OP_SET_WATCHES || s->op == ZK_OP_SET_WATCHES2)
        return false;
    return !(c->wants_memory && zk_op_is_write(s->op));
}

static void let_in(struct replica *r, struct client *c, const struct stalled *s)
{
    uint64_t waited_ms = r->now_ms - s->arrived_ms;
    if (r->config.throttle_drops_stale && s->op != ZK_OP_CLOSE_SESSION && waited_ms > (uint64_t)c->seen.timeout_ms) {
        r->figures.stale_dropped++;
        outbox_close(r, c);
    } else if (r->config.throttled_op_wait_ms > 0 && may_be_refused(c, s) && waited_ms > r->config.throttled_op_wait_ms) {
        r->figures.throttled_ops++;
        request_turn_away(r, c, zk_slice(s->bytes, s->len), ZK_ERR_THROTTLED_OP);
    } else {
        request_dispatch(r, c, zk_slice(s->bytes, s->len));
    }
}

void stall_release(struct replica *r)
{
    while (r->stalled_turns > 0 && has_room(r)) {
        struct client *c = client_find(r, r->stalled_conns[r->stalled_first++]);
        r->stalled_turns--;
        if (c == NULL || c->first_stalled == NULL || c->close_due)
            continue;
        struct stalled *s = take_first(r, c);
        let_in(r, c, s);
        free(s);
        pace_resume_if_room(r, c);
    }
}

bool stall_wants_turn(const struct replica *r)
{
    return r->stalled_turns > 0 && has_room(r);
}
