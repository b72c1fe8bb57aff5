/* daemon.h: the process around one replica: brings up log, data directory, store, replica and sockets in an order that
 * lets each trouble be one sentence, runs the loop, stops cleanly. */
#pragma once
#include "server/settings.h"

/* zkd's exit statuses. */
enum { DAEMON_STOPPED = 0, DAEMON_NOT_STARTED = 1, DAEMON_WRONG_OPTIONS = 2, DAEMON_FAILED = 3 };

struct daemon_options {
    const char *file;     /* zoo.cfg */
    const char *pid_file; /* NULL: none */
    bool in_background;
    bool to_syslog;
    int log_level; /* enum zk_log_level */
};

/* Runs until told to stop; the exit status. */
int daemon_run(const struct daemon_options *options);
/* `zkd --check`: says on standard output what would be done; the exit status. */
int daemon_check(const char *file);
