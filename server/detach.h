/* detach.h: `zkd --daemon`: the command returns when the server has started or failed to, with its sentence on the
 * terminal and its exit status; and the pid file. */
#pragma once
#include "common/base.h"

/* Splits into the command, which waits and exits with what the server says, and the server, which goes on here in a
 * session of its own. To be called before there is a thread. False: one sentence in `why`. */
ZK_MUST_CHECK bool detach_begin(char *why, size_t size);
/* The server has started: lets the command exit with 0 and lets go of the terminal. Without detach_begin: nothing. */
void detach_finish(void);

/* False: one sentence in `why`. */
ZK_MUST_CHECK bool detach_write_pid(const char *path, char *why, size_t size);
