/* resolve.h: asks for a host's addresses without making the loop wait: an address is its own answer, a name is asked
 * for on a thread of its own, which lives for that one question. */
#pragma once
#include <event2/event.h>
#include "server/net/socket.h"

#define RESOLVE_ADDRESSES_MAX 8

struct resolve;

/* The answer, from the loop, borrowed until resolve_free; count 0: none, and `why` says why. */
typedef void resolve_fn(void *arg, const struct socket_address *addresses, size_t count, const char *why);

/* Ask. The answer comes once, never from inside this call; NULL: no thread to be had. */
struct resolve *resolve_new(struct event_base *base, const char *host, uint16_t port, resolve_fn *fn, void *arg);
/* After the answer, or instead of it: then it never comes. */
void resolve_free(struct resolve *resolve);
