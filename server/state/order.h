/* order.h: leaves in the order of their paths, whose paths are not made for it: they may be many, long and alike.
 *
 * HOW         The leaves and all that stands above them are brought together, each once, and sorted among siblings: a
 *             comparison looks at two names, however deep they are. Then the tree of them is walked.
 * COST        For n leaves with m directories above them (n + m) log (n + m), at whatever depth.
 */
#pragma once
#include "server/state/tree.h"

/* A new array of these `count` nodes, all different and without children; free() it. Adds the steps to *work. */
uint32_t *order_leaves(struct tree *t, const uint32_t *leaves, size_t count, uint64_t *work);
