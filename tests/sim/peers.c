#include "tests/sim/check.h"
#include <inttypes.h>

#define MILLISECOND    1000ull
#define BACKOFF_MIN_US (5 * MILLISECOND)
#define BACKOFF_MAX_US (400 * MILLISECOND)
/* Who has not proven itself by then is dropped. */
#define PROVE_US 3000000ull

static const char SECRET[] = "open sesame";

static void dial(struct channel *ch);

static void link_begin(struct channel *ch)
{
    struct world *w = ch->host->world;
    struct link_config config = {.self = ch->host->id,
                                 .peer = ch->is_inbound ? 0 : ch->peer,
                                 .secret = w->swarm.has_secret ? zk_slice_str(SECRET) : (struct zk_slice){0}};
    zk_rng_fill(&w->chance[WORLD_CHANCE_SECRET], config.nonce, sizeof(config.nonce));
    link_init(&ch->link, &config);
    ch->has_link = true;
}

static void link_end(struct channel *ch)
{
    if (ch->has_link)
        link_fini(&ch->link);
    ch->has_link = false;
}

static void redial_event(struct world *w, void *arg, uint64_t token)
{
    struct channel *ch = arg;
    if (token == ch->token && ch->host->replica && !ch->end)
        dial(ch);
}

static void redial(struct channel *ch)
{
    struct world *w = ch->host->world;
    uint64_t after = ch->backoff_us;
    ch->backoff_us = zk_min_u64(zk_max_u64(2 * after, BACKOFF_MIN_US), BACKOFF_MAX_US);
    world_after(w, after ? world_between(w, WORLD_CHANCE_NET, after / 2, after) : 1, redial_event, ch, ++ch->token);
}

static void unlink_accepted(struct channel *ch)
{
    struct channel **at = &ch->host->accepted;
    while (*at != ch)
        at = &(*at)->next;
    *at = ch->next;
}

/* The connection is no more; the network knows. */
static void channel_gone(struct channel *ch)
{
    struct host *h = ch->host;
    ch->end = NULL;
    ch->is_doomed = false;
    link_end(ch);
    if (ch->is_up)
        SAY(h->world, "s%" PRIu64 " loses %s %" PRIu64, h->id, ch->is_inbound ? "from" : "to", ch->peer);
    if (ch->is_up || !ch->is_inbound) { /* a dial that failed is news too */
        ch->is_up = false;
        host_input(h);
        replica_peer_down(h->replica, ch->peer, ch->is_inbound);
    }
    if (!ch->is_inbound) {
        redial(ch);
        return;
    }
    unlink_accepted(ch);
    free(ch);
}

static void channel_close(struct channel *ch)
{
    if (ch->end)
        net_close(ch->end);
    channel_gone(ch);
}

static struct channel *inbound_of(struct host *h, uint64_t peer)
{
    for (struct channel *ch = h->accepted; ch; ch = ch->next)
        if (ch->is_up && ch->peer == peer)
            return ch;
    return NULL;
}

/* The peer is proven. Of two connections that it dialled the newer counts. */
static void channel_opens(struct channel *ch)
{
    struct host *h = ch->host;
    ch->peer = link_peer(&ch->link);
    ch->backoff_us = 0;
    struct channel *old = ch->is_inbound ? inbound_of(h, ch->peer) : NULL;
    if (old)
        channel_close(old);
    if (ch->is_inbound && !h->out[ch->peer - 1].end) { /* it is there: no need to wait any longer */
        h->out[ch->peer - 1].backoff_us = 0;
        redial(&h->out[ch->peer - 1]);
    }
    ch->is_up = true;
    SAY(h->world, "s%" PRIu64 " has %s %" PRIu64 " (connection %" PRIu64 ")", h->id, ch->is_inbound ? "from" : "to",
        ch->peer, net_number(ch->end));
    host_input(h);
    replica_peer_up(h->replica, ch->peer, ch->is_inbound);
}

static void flush_link(struct channel *ch)
{
    if (ch->link.out.len > 0 && ch->end)
        net_send(ch->end, zk_buf_slice(&ch->link.out));
    zk_buf_reset(&ch->link.out);
}

static void on_connected(void *owner, struct net_end *end)
{
    struct channel *ch = owner;
    link_begin(ch);
    flush_link(ch);
}

/* Hands over what is whole. False: the channel was closed. */
static bool take_messages(struct channel *ch)
{
    struct host *h = ch->host;
    struct zk_slice message;
    while (link_next(&ch->link, &message)) {
        host_input(h);
        if (ch->is_inbound)
            check_reported(h, message);
        if (!replica_peer_message(h->replica, ch->peer, ch->is_inbound, message)) {
            SAY(h->world, "s%" PRIu64 " cannot bear a message of %" PRIu64, h->id, ch->peer);
            return false;
        }
    }
    return ch->link.state != LINK_CLOSED;
}

static void on_bytes(void *owner, struct net_end *end, struct zk_slice bytes)
{
    struct channel *ch = owner;
    bool ok = link_feed(&ch->link, bytes);
    flush_link(ch);
    if (ok && ch->link.state == LINK_OPEN && !ch->is_up)
        channel_opens(ch);
    if (ok)
        ok = take_messages(ch);
    if (ok)
        return;
    SAY(ch->host->world, "s%" PRIu64 " drops connection %" PRIu64 ": %s", ch->host->id, net_number(end),
        link_why(&ch->link));
    channel_close(ch);
}

static void on_closed(void *owner, struct net_end *end)
{
    channel_gone(owner);
}

static const struct net_events EVENTS = {on_connected, on_bytes, on_closed};

static void dialled_event(struct world *w, void *arg, uint64_t token)
{
    struct channel *ch = arg;
    if (token != ch->token || ch->is_up || !ch->end)
        return;
    if (ch->host->state == HOST_PAUSED)
        world_after(w, PROVE_US, dialled_event, arg, token);
    else
        channel_close(ch);
}

static void dial(struct channel *ch)
{
    struct host *h = ch->host;
    ch->end = net_dial(h->world->net, h->node, (uint32_t)ch->peer - 1, NET_PEER, &EVENTS, ch);
    world_after(h->world, PROVE_US, dialled_event, ch, ++ch->token);
}

static void prove_event(struct world *w, void *arg, uint64_t token)
{
    struct host *h = arg;
    for (struct channel *ch = h->accepted; ch; ch = ch->next)
        if (ch->token == token && !ch->is_up) {
            if (h->state == HOST_PAUSED)
                world_after(w, PROVE_US, prove_event, arg, token);
            else
                channel_close(ch);
            return;
        }
}

static void accept_peer(void *arg, struct net_end *end, uint32_t from_node)
{
    struct host *h = arg;
    struct channel *ch = zk_calloc(1, sizeof(*ch));
    ch->host = h;
    ch->end = end;
    ch->is_inbound = true;
    ch->token = ++h->conn_count;
    ch->next = h->accepted;
    h->accepted = ch;
    net_adopt(end, &EVENTS, ch);
    link_begin(ch);
    world_after(h->world, PROVE_US, prove_event, h, ch->token);
}

void peers_start(struct host *h)
{
    net_listen(h->world->net, h->node, accept_peer, h, NET_PEER);
    for (size_t i = 0; i < h->world->host_count; i++) {
        if (i == h->node)
            continue;
        struct channel *ch = &h->out[i];
        uint64_t token = ch->token + 1;
        *ch = (struct channel){.host = h, .peer = i + 1, .token = token};
        dial(ch);
    }
}

void peers_stop(struct host *h)
{
    for (size_t i = 0; i < h->world->host_count; i++) {
        link_end(&h->out[i]);
        h->out[i].end = NULL;
        h->out[i].is_up = false;
        h->out[i].token++;
    }
    while (h->accepted) {
        struct channel *ch = h->accepted;
        h->accepted = ch->next;
        link_end(ch);
        free(ch);
    }
}

static struct channel *channel_of(struct host *h, uint64_t peer, bool inbound)
{
    return inbound ? inbound_of(h, peer) : &h->out[peer - 1];
}

void peers_send(struct host *h, uint64_t peer, bool inbound, struct zk_slice message)
{
    struct channel *ch = channel_of(h, peer, inbound);
    if (!ch || !ch->is_up || ch->is_doomed)
        return;
    check_message(h, peer, inbound, message);
    link_send(&ch->link, message);
    flush_link(ch);
}

void peers_close(struct host *h, uint64_t peer, bool inbound)
{
    struct channel *ch = channel_of(h, peer, inbound);
    if (ch && ch->is_up)
        ch->is_doomed = true;
}

void peers_pump(struct host *h)
{
    for (size_t i = 0; i < h->world->host_count; i++)
        if (h->out[i].is_doomed)
            channel_close(&h->out[i]);
    for (struct channel *ch = h->accepted; ch;) {
        struct channel *next = ch->next;
        if (ch->is_doomed)
            channel_close(ch);
        ch = next;
    }
}
