/* err.h: the answers of the client protocol, with ZooKeeper's wire values (its KeeperException.Code). */
#pragma once
#include "common/base.h"

enum zk_err {
#define ZK_ERR(name, value, text) ZK_ERR_##name = value,
#include "common/err.def"
#undef ZK_ERR
};

/* A short English text for a wire value; "unknown error" for one that is not ours. */
const char *zk_err_text(int err);
