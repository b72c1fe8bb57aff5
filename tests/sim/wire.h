/* wire.h: judges everything that a server sends down one client's connection, against the ledger.
 *
 * CHECKS      replies in the order of requests, zxids that never fall (I14); a write's answer is what the ledger's
 * entry at that zxid says (I15); a read's is what the model shows at that zxid (I16); a sync's is not older than
 *             anything shown to anybody before it was asked (I16); each event that a watch of this connection must
 * see comes once, in order, and before any reply that shows the change (I22, I23, I24); watches set again fire
 *             exactly if something relevant happened (I25); nothing is told to who may not read it (I26).
 */
#pragma once
#include "common/buf.h"
#include "tests/sim/world.h"

struct wire;

struct wire *wire_new(struct world *w, uint64_t server, uint64_t conn, uint32_t from_node);
void wire_free(struct wire *wire);
/* The server is given this frame. */
void wire_request(struct wire *wire, struct zk_slice frame);
/* The server sends these frames. */
void wire_sent(struct wire *wire, struct zk_slice frames);
/* The server has applied everything up to `zxid` and its turn is over: no event may be missing. */
void wire_settled(struct wire *wire, uint64_t zxid);
uint64_t wire_session(const struct wire *wire);
size_t wire_watch_count(const struct wire *wire);
