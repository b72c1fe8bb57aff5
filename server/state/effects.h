/* effects.h: filling in what one command did. Events are put down while the arena may still move, so their slices are
 * set only when it is handed out. `s->round` numbers the arena's fillings: a list that has its bytes in the present one
 * knows it. */
#pragma once
#include "server/state/inside.h"

void effects_reset(struct state_effects *fx);
void effects_event(struct state *s, struct state_effects *fx, int32_t type, struct zk_slice path, uint32_t acl);
/* The same for the parent of the path of the event before, which is not put down again. */
void effects_parent_event(struct state *s, struct state_effects *fx, int32_t type, size_t parent_len, uint32_t acl);
void effects_drop_events(struct state *s, struct state_effects *fx);
void effects_finish(struct state_effects *fx);
/* Between two changes that stand whatever follows: if the events so far are many, the caller takes them. */
void effects_hand_out(struct state *s, struct state_effects *fx);
void effects_hand_out_all(struct state *s, struct state_effects *fx); /* the same, however few they are */
