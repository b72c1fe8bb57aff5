/* path.h: the grammar of znode paths (Apache's PathUtils.validatePath): starts with '/', no trailing '/' but in the
 * root, no empty component, no "." or "..", and none of the code units U+0000-001F, U+007F-009F, U+D800-F8FF,
 * U+FFF0-FFFF. Bytes that are not UTF-8 are refused too. */
#pragma once
#include "common/buf.h"

/* Ours: Apache's paths are bounded only by the frame. */
#define ZK_PATH_BYTES_MAX 16384
#define ZK_PATH_DEPTH_MAX 256

/* NULL if `path` is valid, else why not: cause first, no capital, no full stop. A sequential create may end in '/':
 * it is checked with a digit put behind it. */
const char *zk_path_check(struct zk_slice path, bool sequential);
struct zk_slice zk_path_parent(struct zk_slice path);   /* of "/a": "/"; of "/": absent */
struct zk_slice zk_path_basename(struct zk_slice path); /* of "/a/b": "b" */
/* Is `path` equal to `ancestor` or below it, component by component? */
bool zk_path_within(struct zk_slice path, struct zk_slice ancestor);
