/* effects.h: filling in what one command did. Events are put down while the arena may still move, so their slices are
 * set only by effects_finish. */
#pragma once
#include "server/state/state.h"

void effects_reset(struct state_effects *fx);
void effects_event(struct state_effects *fx, int32_t type, struct zk_slice path, struct zk_slice acl);
void effects_drop_events(struct state_effects *fx);
void effects_finish(struct state_effects *fx);
