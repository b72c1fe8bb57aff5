/* daemon_config.h: what the replica is told at the start: zoo.cfg's settings and what this machine allows. */
#pragma once
#include "server/net/conns.h"
#include "server/replica/replica.h"
#include "server/settings.h"

/* settings_load, its messages to the log. */
ZK_MUST_CHECK bool daemon_config_load(const char *file, struct settings *settings);
/* All but the server lines' text, which needs memory of its own. */
struct replica_config daemon_config_make(const struct settings *settings);
/* What clients' connections are told, but for the words. `files`: sockets that open files leave room for. */
struct conns_config daemon_config_conns(const struct settings *settings, size_t files);
/* Connections that may wait to be accepted, where nothing says how many. */
#define DAEMON_LISTEN_BACKLOG 1024
int daemon_config_client_backlog(const struct settings *settings);
/* The peers' shared secret; path "" is none, and true. False: one sentence in `why`. */
ZK_MUST_CHECK bool daemon_config_read_secret(const char *path, struct zk_buf *secret, char *why, size_t size);
