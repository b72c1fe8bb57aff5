/* operator.h: the person who is called when the ensemble says that it cannot help itself.
 *
 * The one such case in the fault model: two servers hold different states after the same history and nobody who could
 * break the tie is level, for it needs a state itself. Nobody can tell who is right, writes are refused, and zkd(8) says what
 * to do: take away the store of the server that is not trusted.
 */
#pragma once
#include "tests/sim/host.h"

/* Looks, and does what the manual says if this is the case; otherwise nothing. */
void operator_look(struct world *w);
