/* log.h: one line per event to stderr (with systemd's priority prefix when it listens) or to syslog.
 *
 * error: someone must act. warn: we went on, and the line says how. info: changes of state only. debug: the rest.
 * Client bytes go through zk_log_quote, so nobody can forge a line. Safe from any thread.
 */
#pragma once
#include "common/buf.h"

enum zk_log_level { ZK_LOG_ERROR, ZK_LOG_WARN, ZK_LOG_INFO, ZK_LOG_DEBUG };

enum zk_log_sink { ZK_LOG_STDERR, ZK_LOG_JOURNAL /* stderr with "<N>" */, ZK_LOG_SYSLOG };

void zk_log_open(enum zk_log_sink sink, enum zk_log_level level, const char *name);
bool zk_log_enabled(enum zk_log_level level);
void zk_log(enum zk_log_level level, const char *format, ...) ZK_PRINTF(2, 3);
#define zk_log_error(...) zk_log(ZK_LOG_ERROR, __VA_ARGS__)
#define zk_log_warn(...) zk_log(ZK_LOG_WARN, __VA_ARGS__)
#define zk_log_info(...) zk_log(ZK_LOG_INFO, __VA_ARGS__)
#define zk_log_debug(...) (zk_log_enabled(ZK_LOG_DEBUG) ? zk_log(ZK_LOG_DEBUG, __VA_ARGS__) : (void)0)

/* `bytes` with everything but printable ASCII as \xNN, cut at `size`-4 with "..."; always ends in a NUL. */
const char *zk_log_quote(struct zk_slice bytes, char *text, size_t size);
