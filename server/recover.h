/* recover.h: `zkd recover`: when more servers have lost their stores than a quorum bears, or a single one's is damaged,
 * or a single server shall grow, the store in dataDir becomes the seed of a new ensemble: the one that zoo.cfg names.
 *
 * WHY HERE    Only an operator can know that nothing better is left. So it is a command of its own, offline, that says
 *             first what the store holds, what may be lost and what must become of the other servers' stores; what it
 *             writes is server/zab/refound.c's.
 */
#pragma once
#include "server/settings.h"

struct recover_options {
    const char *file;  /* zoo.cfg */
    bool is_confirmed; /* --yes: don't ask */
};

/* The exit status, daemon.h's: DAEMON_NOT_STARTED with nothing changed. */
int recover_run(const struct recover_options *options);
