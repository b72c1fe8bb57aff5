/* pace.c: how much a client may ask, and get, at once. A few bytes can ask for a megabyte, or for a look at a million
 * nodes, so answers are paced by what they weigh and cost: so much to one client in a turn, so much to all, and nothing
 * more to one that has not taken what it was sent. What may not be answered yet waits in the client's queue, and
 * meanwhile nothing more is read of it. */
#include "server/replica/core.h"

/* --- reading --- */

/* All clients together: then each may have one, as Apache's globalOutstandingLimit has it. */
static bool has_its_share(const struct replica *r, const struct client *c)
{
    size_t limit = r->config.outstanding_limit;
    bool is_over = limit > 0 && (pace_under_way(r) > limit || r->stalled_count > limit);
    return is_over && c->request_count + c->stalled_count > 0;
}

static bool is_full(const struct replica *r, const struct client *c)
{
    return c->is_put_off || c->request_count + c->stalled_count >= REPLICA_CLIENT_REQUESTS_MAX ||
           c->request_bytes + c->stalled_bytes >= REPLICA_CLIENT_BYTES_MAX ||
           r->pending_bytes >= REPLICA_PENDING_BYTES_MAX || has_its_share(r, c);
}

static bool has_room(const struct replica *r, const struct client *c)
{
    return !c->is_put_off && c->request_count + c->stalled_count < REPLICA_CLIENT_REQUESTS_MAX / 2 &&
           c->request_bytes + c->stalled_bytes < REPLICA_CLIENT_BYTES_MAX / 2 &&
           r->pending_bytes < REPLICA_PENDING_BYTES_MAX / 2 && !has_its_share(r, c);
}

void pace_pause_if_full(struct replica *r, struct client *c)
{
    if (c->paused || !is_full(r, c))
        return;
    c->paused = true;
    outbox_effect(r, REPLICA_CLIENT_PAUSE)->conn = c->conn;
}

void pace_resume_if_room(struct replica *r, struct client *c)
{
    if (!c->paused || !has_room(r, c))
        return;
    c->paused = false;
    outbox_effect(r, REPLICA_CLIENT_RESUME)->conn = c->conn;
}

void pace_resume_all(struct replica *r)
{
    struct client *c, *next;
    HASH_ITER(hh, r->clients, c, next)
        pace_resume_if_room(r, c);
}

/* --- large requests, which are few for each client and may be many together --- */

static bool is_large(const struct replica *r, size_t frame_bytes)
{
    return r->config.large_request_threshold > 0 && frame_bytes > r->config.large_request_threshold;
}

bool pace_admits_frame(const struct replica *r, size_t bytes)
{
    return !is_large(r, bytes) || r->large_bytes + bytes <= r->config.large_request_max_bytes;
}

uint32_t replica_frame_limit(const struct replica *r)
{
    size_t most = r->config.jute_max_buffer;
    if (r->config.large_request_threshold == 0)
        return (uint32_t)most;
    size_t room = r->config.large_request_max_bytes - r->large_bytes;
    return (uint32_t)zk_min_u64(most, zk_max_u64(room, r->config.large_request_threshold));
}

void pace_hold_large(struct replica *r, size_t frame_bytes)
{
    r->large_bytes += is_large(r, frame_bytes) ? frame_bytes : 0;
}

void pace_release_large(struct replica *r, size_t frame_bytes)
{
    r->large_bytes -= is_large(r, frame_bytes) ? frame_bytes : 0;
}

/* --- answering --- */

/* A change may have as many events as a turn may bring answers, and for as many clients; who gets more than its share
 * then has none. */
bool pace_may_tell(const struct replica *r, const struct client *c)
{
    size_t bytes = c->out != NULL ? c->out->len : 0;
    return bytes < REPLICA_CLIENT_TURN_BYTES || (bytes < REPLICA_OUTPUT_BYTES_MAX && r->turn_bytes < REPLICA_TURN_BYTES);
}

void pace_note_looks(struct replica *r, struct client *c, uint64_t looks)
{
    c->look_bytes += looks * REPLICA_LOOK_BYTES;
    r->turn_look_bytes += looks * REPLICA_LOOK_BYTES;
}

static bool is_turn_full(const struct replica *r)
{
    return r->turn_bytes + r->turn_look_bytes >= REPLICA_TURN_BYTES;
}

bool pace_may_answer(const struct replica *r, const struct client *c)
{
    size_t most = r->config.client_turn_bytes ? r->config.client_turn_bytes : REPLICA_CLIENT_TURN_BYTES;
    return !c->is_behind && !r->is_crowded && !is_turn_full(r) &&
           (c->out == NULL || c->out->len + c->look_bytes < most);
}

void pace_take_up(struct replica *r, struct client *c)
{
    if (c->is_put_off)
        r->put_off -= c->request_count;
    c->is_put_off = false;
}

/* Who is behind is served when it has caught up. */
void pace_put_off(struct replica *r, struct client *c)
{
    pace_take_up(r, c);
    c->is_put_off = true;
    r->put_off += c->request_count;
    pace_pause_if_full(r, c);
    if (c->is_late || c->is_behind)
        return;
    if (r->late_count == r->late_cap) {
        r->late_cap = r->late_cap ? r->late_cap * 2 : 16;
        r->late = zk_realloc(r->late, r->late_cap * sizeof *r->late);
    }
    c->is_late = true;
    r->late[r->late_count++] = c->conn;
}

/* In the order in which they were put off. Those whose turn does not come now are the first of the next. */
void pace_serve_late(struct replica *r)
{
    size_t count = r->late_count, i = 0;
    r->is_crowded = false;
    for (; i < count && !is_turn_full(r); i++) {
        struct client *c = client_find(r, r->late[i]);
        if (c == NULL)
            continue;
        c->is_late = false;
        client_serve_queue(r, c);
    }
    r->late_count -= i;
    if (i > 0)
        memmove(r->late, r->late + i, r->late_count * sizeof *r->late);
}

void pace_end_turn(struct replica *r)
{
    r->is_crowded = is_turn_full(r);
    r->turn_bytes = r->turn_look_bytes = 0;
}

bool pace_wants_turn(const struct replica *r)
{
    return r->late_count > 0;
}

void replica_client_behind(struct replica *r, uint64_t conn, bool is_behind)
{
    outbox_recycle(r);
    struct client *c = client_find(r, conn);
    if (c == NULL)
        return;
    c->is_behind = is_behind;
    if (c->is_put_off)
        client_serve_queue(r, c);
}
