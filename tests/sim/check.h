/* check.h: what is looked at after every turn of every server, and at the end.
 *
 *   check_zab.c      I1 one leader an epoch; a leader holds all that is committed; I9 promises and positions only
 * grow; I10 nothing is said about the disk before the disk says it; I13 equal zxid, equal digest check_session.c I17,
 * I18 who lives and who may be expired check_end.c      I27, I31 to I34 when the faults are over tap.c (I11, I12),
 * ledger.c (I2, I4, I5, I13, I17, I21), wire.c (I14 to I16, I22 to I26), person.c (I3, I6, I14 to I16, I24, I25, I33)
 * look where they stand.
 */
#pragma once
#include "tests/sim/host.h"
#include "tests/sim/ledger.h"

/* The server's log may have more that is committed: into the ledger, before anything of this turn is judged by it. */
void check_commit(struct host *h);
/* The turn's effects have been performed. */
void check_turn(struct host *h);
/* A line for the log: some rare states are told nowhere else. */
void check_news(struct host *h, struct zk_slice news);
void check_host_starts(struct host *h, const struct storage_image *image);
void check_host_falls(struct host *h);
/* Its state is not its log's, or will not be when it starts again. */
bool check_is_astray(const struct host *h);
/* It ended itself, or would not start: the adversary starts it again some time. */
void check_host_died(struct host *h);
/* A message leaves for a peer. */
void check_message(struct host *h, uint64_t peer, bool inbound, struct zk_slice message);

/* What the checks remember of a seed. */
void checks_begin(struct world *w);
void checks_end(struct world *w);

/* A server was given a frame of this session. */
void check_touched(struct world *w, uint64_t session, uint64_t server);
/* A client was told that this session is its own. */
void check_told(struct world *w, uint64_t session);
/* A message of a peer has been given to a server: it may be the peer's report of whom it heard of. */
void check_reported(struct host *h, struct zk_slice message);
void check_verdict(struct host *h, struct zk_slice line); /* what a server says in its log */
/* The ledger has an entry about a session. */
void check_session_entry(struct world *w, const struct ledger_entry *e);

/* The ensemble is as it should be when nothing has been wrong for a while: true, or why not yet. */
bool check_converged(struct world *w, char *why, size_t size);
/* Every client has its answers, whether or not all servers are level. */
bool check_answered(struct world *w, char *why, size_t size);
/* All sessions have ended: so have their connections, watches and nodes. */
bool check_quiet(struct world *w, char *why, size_t size);
/* Every server's state, whole. */
void check_states(struct world *w);
