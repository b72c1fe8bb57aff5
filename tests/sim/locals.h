/* locals.h: what the judge knows of the sessions that one server keeps for itself, which are in no log: who was given which
 * by whom, and how they end. Once its UPGRADE is in the ledger, a session is the model's as any other.
 *
 * CHECKS      I20  such a session is given by a server that may, under an id of that server's, to one client; only that
 *                  client, with its password, comes back to it, and only to that process of that server; the UPGRADE
 *                  is by that server, with that password.
 *             I18  it does not expire while that server hears of it, nor is its client told so.
 *             ro   a client that did not ask for it is never served without a quorum; one that did stays no longer than
 *                  there is none, and none of its writes is taken.
 */
#pragma once
#include "common/proto.h"
#include "tests/sim/ledger.h"
#include "tests/sim/world.h"

struct local_told {
    uint64_t server;
    uint32_t from_node;
    uint64_t claimed; /* what the client asked for; 0: a new session */
    const uint8_t *password; /* that it showed */
    bool asked_read_only;
};

void locals_end_seed(void);
bool locals_know(uint64_t session);
/* The server has told a client that this session, which is not the model's, is its own. */
void locals_given(struct world *w, const struct local_told *told, const struct zk_connect_response *r);
/* ...that the session it claims has expired. */
void locals_refused(struct world *w, const struct local_told *told);
void locals_heard(struct world *w, uint64_t session, uint64_t server);
void locals_closed(struct world *w, uint64_t session); /* told so */
/* A line of a server's log: is it a session of its own that it gives up? */
void locals_verdict(struct world *w, uint64_t server, struct zk_slice line);
void locals_entry(struct world *w, const struct ledger_entry *e); /* an UPGRADE with an effect */
