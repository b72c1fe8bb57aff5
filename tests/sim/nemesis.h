/* nemesis.h: the adversary: strikes as often as the swarm says, until it is told that it is over.
 *
 * BOUND       It never takes more than the ensemble has promised to bear: at most a minority of the voters may have
 * lost promises (wiped, damaged) at a time, until each is readmitted. Crashes, partitions and pauses it may do to all
 * at once.
 */
#pragma once
#include "tests/sim/host.h"

void nemesis_begin(struct world *w);
/* Everything heals: links, machines, disks; whoever is down starts, whoever is paused goes on. */
void nemesis_end(struct world *w);
/* Behind its end: one server is left with so little room on its disk that it is spared while others are a quorum. */
struct host *nemesis_leave_one_full(struct world *w);
/* A turn is over: moments that luck alone would rarely hit tempt it. */
void nemesis_turn(struct host *h);
/* This server sends somebody its state. */
void nemesis_snapshot_sent(struct host *h);
/* A process has ended by itself: somebody will start it again. */
void nemesis_host_died(struct host *h);
