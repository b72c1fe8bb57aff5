#include "common/jute.h"
#include "tests/sim/host.h"
#include <inttypes.h>
#include <stdio.h>

/* A client that has not said whom it is by then is dropped. */
#define GREET_US 5000000ull
/* A client that reads slowly has its answers so much later. */
#define SLOW_US 20000ull

static void door_free(struct door *d)
{
    struct door **at = &d->host->doors;
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    wire_free(d->wire);
    zk_buf_fini(&d->in);
    free(d);
}

static void door_close(struct door *d)
{
    net_close(d->end);
    host_input(d->host);
    replica_client_closed(d->host->replica, d->conn);
    door_free(d);
}

static struct door *find(struct host *h, uint64_t conn)
{
    struct door *d = h->doors;
    while (d && d->conn != conn)
        d = d->next;
    return d;
}

/* Cuts frames as the daemon does: a length is judged before anything is kept for it. False: closed. */
static bool door_pump(struct door *d)
{
    struct host *h = d->host;
    while (!d->is_paused && (d->is_ready || !d->was_greeted) && d->in.len >= 4) {
        struct zk_jute in = zk_jute(zk_buf_slice(&d->in));
        int32_t len = zk_jute_int(&in);
        if (len < 0 || (uint32_t)len > (d->is_ready ? 0xfffffu : REPLICA_CONNECT_BYTES_MAX)) {
            door_close(d);
            return false;
        }
        if (d->in.len < 4 + (size_t)len)
            return true;
        struct zk_slice frame = zk_slice(d->in.ptr + 4, (size_t)len);
        d->was_greeted = true;
        host_input(h);
        wire_request(d->wire, frame);
        replica_client_frame(h->replica, d->conn, frame);
        zk_buf_drop_front(&d->in, 4 + (size_t)len);
    }
    return true;
}

static void on_bytes(void *owner, struct net_end *end, struct zk_slice bytes)
{
    struct door *d = owner;
    zk_buf_append_slice(&d->in, bytes);
    door_pump(d);
}

static void on_closed(void *owner, struct net_end *end)
{
    struct door *d = owner;
    host_input(d->host);
    replica_client_closed(d->host->replica, d->conn);
    door_free(d);
}

static const struct net_events EVENTS = {NULL, on_bytes, on_closed};

static void greet_event(struct world *w, void *arg, uint64_t token)
{
    struct host *h = arg;
    struct door *d = find(h, token);
    if (!d || d->was_greeted)
        return;
    if (h->state == HOST_PAUSED)
        world_after(w, GREET_US, greet_event, h, token);
    else
        door_close(d);
}

static void accept_client(void *arg, struct net_end *end, uint32_t from_node)
{
    struct host *h = arg;
    struct door *d = zk_calloc(1, sizeof(*d));
    d->host = h;
    d->end = end;
    d->conn = ++h->conn_count;
    d->wire = wire_new(h->world, h->id, d->conn, from_node);
    d->next = h->doors;
    h->doors = d;
    net_adopt(end, &EVENTS, d);
    char address[32];
    snprintf(address, sizeof(address), "10.0.0.%" PRIu32, from_node);
    host_input(h);
    replica_client_open(h->replica, d->conn, address);
    world_after(h->world, GREET_US, greet_event, h, d->conn);
}

/* --- slow readers: not in the network here, but told to the server as its driver would --- */

static void tell_behind(struct world *w, struct host *h, uint64_t conn, bool is_behind, queue_fn *again)
{
    if (!find(h, conn))
        return;
    if (h->state == HOST_PAUSED) {
        world_after(w, SLOW_US, again, h, conn);
        return;
    }
    host_input(h);
    replica_client_behind(h->replica, conn, is_behind);
}

static void caught_up_event(struct world *w, void *arg, uint64_t conn)
{
    tell_behind(w, arg, conn, false, caught_up_event);
}

static void behind_event(struct world *w, void *arg, uint64_t conn)
{
    tell_behind(w, arg, conn, true, behind_event);
    world_after(w, SLOW_US, caught_up_event, arg, conn);
}

static void read_slowly(struct door *d, size_t bytes)
{
    struct world *w = d->host->world;
    if (w->swarm.client_turn_bytes && (bytes + d->conn) % 8 == 0)
        world_after(w, 1, behind_event, d->host, d->conn);
}

void doors_start(struct host *h)
{
    net_listen(h->world->net, h->node, accept_client, h, NET_CLIENT);
}

void doors_stop(struct host *h)
{
    while (h->doors)
        door_free(h->doors);
}

void doors_effect(struct host *h, const struct replica_effect *effect)
{
    struct door *d = find(h, effect->conn);
    if (!d)
        return;
    switch (effect->kind) {
    case REPLICA_CLIENT_SEND:
        wire_sent(d->wire, effect->bytes);
        net_send(d->end, effect->bytes);
        read_slowly(d, effect->bytes.len);
        break;
    case REPLICA_CLIENT_CLOSE:
        net_close(d->end);
        door_free(d);
        break;
    case REPLICA_CLIENT_PAUSE:
    case REPLICA_CLIENT_RESUME:
        d->is_paused = effect->kind == REPLICA_CLIENT_PAUSE;
        net_read(d->end, !d->is_paused);
        break;
    case REPLICA_CLIENT_READY:
        d->is_ready = true;
        break;
    default:
        break;
    }
}

void doors_pump(struct host *h)
{
    for (struct door *d = h->doors; d;) {
        struct door *next = d->next;
        if (d->in.len > 0)
            door_pump(d);
        d = next;
    }
}

size_t doors_count(const struct host *h)
{
    size_t count = 0;
    for (const struct door *d = h->doors; d; d = d->next)
        count++;
    return count;
}
