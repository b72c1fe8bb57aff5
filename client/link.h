/* link.h: one TCP connection to one server, on an event_base: look up, connect, read, write.
 *
 * Everything runs on the loop's thread but the lookup of a host name, which gets a thread for itself, since
 * getaddrinfo blocks. A callback may free its link: it is not touched afterwards.
 */
#pragma once
#include "common/buf.h"

struct event_base;
struct link;

struct link_calls {
    void (*on_connected)(void *context);
    void (*on_data)(struct zk_slice bytes, void *context);
    void (*on_broken)(void *context); /* also when it never came to be */
};

/* Start to connect. `wake_fd` is an eventfd: it is written to when the lookup has ended; call link_wake then. NULL: it
 * could not even start. */
struct link *link_dial(struct event_base *base, int wake_fd, const char *host, uint16_t port,
                       const struct link_calls *calls, void *context);
/* Go on if the lookup has ended. False: that was the end of it; no callback comes. */
ZK_MUST_CHECK bool link_wake(struct link *link);
/* Copies. Bytes that cannot leave now leave when they can; trouble is told by on_broken. */
void link_write(struct link *link, struct zk_slice bytes);
void link_free(struct link *link);
