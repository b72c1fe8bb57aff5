/* daemon_config.h: what the replica is told at the start: zoo.cfg's settings and what this machine allows. */
#pragma once
#include "server/replica/replica.h"
#include "server/settings.h"

/* settings_load, its messages to the log. */
ZK_MUST_CHECK bool daemon_config_load(const char *file, struct settings *settings);
struct replica_config daemon_config_make(const struct settings *settings);
/* The peers' shared secret; path "" is none, and true. False: one sentence in `why`. */
ZK_MUST_CHECK bool daemon_config_read_secret(const char *path, struct zk_buf *secret, char *why, size_t size);
