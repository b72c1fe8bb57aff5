/* parents.h: make a directory of a recipe, with all above it. */
#pragma once
#include "client/zk.h"

typedef void zkr_parents_fn(int code, void *context);

/* Makes every node of `path` that is not there, persistent and open, `path` itself too. 0: `fn` will be called, once.
 * That a node could not be made is told only at the last: those above may be there and be closed to us. */
int zkr_parents_make(struct zk *zk, const char *path, zkr_parents_fn *fn, void *context);
