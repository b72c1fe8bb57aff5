/* net.h: the simulated network: connections as TCP gives them, with everything that goes wrong with them.
 *
 * MODEL       A connection has two ends and, each way, a lane: a FIFO of bytes. Bytes of one lane never overtake each
 *             other and are never lost while the connection stands; but they are late, come in pieces, wait out a
 *             clog or a partition, and when the connection breaks any suffix of what was on the way is gone, in the
 *             middle of a frame too. A new connection between the same two shares nothing with the old one: the old
 *             one's bytes still arrive at the old one's end.
 * DYING       An end that is closed tells the other by a FIN behind its bytes, or by a RST that destroys some of
 * them. An end that vanishes (its machine lost power, a middlebox forgot) tells nobody: the other end learns by what
 * it sends itself, or never. OWNERSHIP   An end belongs to whoever dialled or accepted it until net_close, or until
 * `closed` was called; then the pointer is dead.
 */
#pragma once
#include "common/buf.h"
#include "tests/sim/world.h"

#define NET_NODES_MAX (WORLD_SERVERS_MAX + WORLD_CLIENTS_MAX)

enum net_port { NET_PEER, NET_CLIENT, NET_PORTS };

struct net;
struct net_end;

struct net_events {
    void (*connected)(void *owner, struct net_end *end);                    /* of who dialled */
    void (*bytes)(void *owner, struct net_end *end, struct zk_slice bytes); /* may close any end */
    void (*closed)(void *owner, struct net_end *end); /* refused, closed by the other, reset or given up; never after
                                                         the own net_close */
};

/* A connection came in: set its owner by net_adopt, or net_close it. */
typedef void net_accept_fn(void *arg, struct net_end *end, uint32_t from_node);

struct net *net_new(struct world *w);
void net_free(struct net *n);

/* A node listens while its process runs; what dials it else is refused, or hears nothing if its machine is off. */
void net_listen(struct net *n, uint32_t node, net_accept_fn *fn, void *arg, enum net_port port);
enum net_off { NET_PROCESS_GONE, NET_MACHINE_GONE };
/* The process is gone: all its ends are closed by the kernel, or vanish. No callback. */
void net_node_off(struct net *n, uint32_t node, enum net_off how);
/* A machine without listeners (a client's) is on again. */
void net_node_on(struct net *n, uint32_t node);
/* A paused process takes nothing in; its kernel goes on. */
void net_node_pause(struct net *n, uint32_t node, bool is_paused);

struct net_end *net_dial(struct net *n, uint32_t from, uint32_t to, enum net_port port,
                         const struct net_events *events, void *owner);
void net_adopt(struct net_end *end, const struct net_events *events, void *owner);
void net_send(struct net_end *end, struct zk_slice bytes);
/* Orderly: what was sent still leaves. */
void net_close(struct net_end *end);
/* Stop or go on taking in what comes. */
void net_read(struct net_end *end, bool is_reading);
/* Bytes sent and not yet taken by the other side. */
size_t net_unsent(const struct net_end *end);
/* A small number of the connection, for the story. */
uint64_t net_number(const struct net_end *end);

/* --- the adversary --- */

/* Nothing that `from` sends reaches `to` until unblocked. */
void net_block(struct net *n, uint32_t from, uint32_t to, bool is_blocked);
bool net_is_blocked(const struct net *n, uint32_t from, uint32_t to);
void net_unblock_all(struct net *n);
/* A random connection (between two servers, or any): clogged for a while; reset; known to be dead by one side only; a
 * bit of what is on the way flipped. False: there was none. */
bool net_clog(struct net *n, uint64_t for_us);
bool net_reset(struct net *n);
bool net_half_open(struct net *n);
bool net_flip(struct net *n);
/* All other servers learn that their connections with `node` are dead; it does not. */
void net_desert(struct net *n, uint32_t node);
/* Reset what `node` has dialled to servers (a client that must move). */
bool net_reset_node(struct net *n, uint32_t node);

/* No connection is open and nothing is on the way. */
bool net_is_empty(const struct net *n);
size_t net_open_count(const struct net *n, uint32_t node, enum net_port port);
