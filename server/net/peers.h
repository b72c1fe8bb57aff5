/* peers.h: the connections between servers: two to each other server, one that we dial (OUT) and one that it dials (IN).
 * Who speaks is proven by link.h; only then the replica hears of a channel and its messages.
 *
 * DIALLING     A channel that was up is dialled again at once; after a failure the wait doubles from PEERS_WAIT_MIN_MS to
 *              PEERS_WAIT_MAX_MS. The host's name is asked for again each time, and its addresses take turns. A server
 *              that dials us is dialled at once, but no more than once in PEERS_WAIT_MAX_MS. Of connections that end as
 *              soon as they are up the log tells the first, the others at level debug.
 * ADMITTING    With a shared secret whoever proves it may come from anywhere. Without, a server's connection is taken
 *              only from the addresses that its server line resolved to when it was last dialled.
 * REPLACING    A newer proven connection of the same server takes the older one's place: its sender has given up on it.
 * LIMITS       unproven connections, time to prove, bytes that a peer leaves unread.
 * PORT         All goes over the first port of the server line; the second, Apache's for elections, is not opened.
 */
#pragma once
#include "server/net/loop.h"
#include "server/settings.h"

#define PEERS_WAIT_MIN_MS 10
#define PEERS_WAIT_MAX_MS 1000
/* Long enough for a slow line; short, for after a partition the kernel's own retries come ever more seldom. */
#define PEERS_CONNECT_MS 1500
#define PEERS_PROVE_MS 5000
#define PEERS_UNPROVEN_MAX 64
/* Written and not taken: beyond it the channel is closed, and the peer is brought level anew when it comes back. */
#define PEERS_OUTPUT_BYTES_MAX (256u << 20)

struct peers;

/* `secret`: empty for none. Both are borrowed. */
struct peers *peers_new(struct loop *loop, const struct settings *settings, struct zk_slice secret);
void peers_free(struct peers *peers);
/* Accept from this listening socket, which it adopts, and begin to dial. */
void peers_start(struct peers *peers, const int *fds, size_t count);

/* Effects. What is sent leaves with peers_flush. */
void peers_send(struct peers *peers, uint64_t peer, bool inbound, struct zk_slice message);
void peers_close(struct peers *peers, uint64_t peer, bool inbound);
void peers_flush(struct peers *peers);
/* Tells the replica of channels that went down while nothing could be told to it. */
void peers_settle(struct peers *peers);
