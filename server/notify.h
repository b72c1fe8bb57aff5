/* notify.h: what systemd is told where it has set NOTIFY_SOCKET: ready, status, stopping, still alive. Elsewhere, and in
 * a build without libsystemd, nothing happens. */
#pragma once
#include "common/base.h"

void notify_ready(void);
void notify_stopping(void);
/* One line for `systemctl status`. */
void notify_status(const char *text);
/* How often notify_alive is expected, in ms; 0: never. */
uint64_t notify_watchdog_ms(void);
void notify_alive(void);
