/* link.h: one TCP connection to one server, on an event_base: look up, connect, read, write.
 *
 * Everything runs on the loop's thread but the lookup of a host name, which gets a thread for itself, since
 * getaddrinfo blocks. A callback may free its link: it is not touched afterwards.
 */
#pragma once
#include "common/buf.h"

struct event_base;
struct zkc_link;

struct zkc_link_calls {
    void (*on_connected)(void *context);
    void (*on_data)(struct zk_slice bytes, void *context);
    void (*on_broken)(void *context); /* also when it never came to be */
};

/* Start to connect. `wake_fd` is an eventfd: it is written to when the lookup has ended; call zkc_link_wake then.
 * NULL: it could not even start. */
struct zkc_link *zkc_link_dial(struct event_base *base, int wake_fd, const char *host, uint16_t port,
                               const struct zkc_link_calls *calls, void *context);
/* Go on if the lookup has ended. False: that was the end of it; no callback comes. */
ZK_MUST_CHECK bool zkc_link_wake(struct zkc_link *link);
/* Copies. Bytes that cannot leave now leave when they can; trouble is told by on_broken. */
void zkc_link_write(struct zkc_link *link, struct zk_slice bytes);
void zkc_link_free(struct zkc_link *link);
