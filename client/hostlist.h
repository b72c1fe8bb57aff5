/* hostlist.h: "host:port,[2001:db8::1]:2181,other/chroot" taken apart. */
#pragma once
#include "client/core.h"

enum { HOSTLIST_HOST_MAX = 256, HOSTLIST_PORT_DEFAULT = 2181 };

struct hostlist_entry {
    char host[HOSTLIST_HOST_MAX]; /* without brackets */
    uint16_t port;
};

struct hostlist {
    struct hostlist_entry *entries;
    uint32_t count;
    struct zk_slice chroot; /* points into the text parsed; empty: none */
};

/* False if the text is not a list of 1 to ZKC_SERVERS_MAX servers, or memory is short. */
ZK_MUST_CHECK bool hostlist_parse(const char *text, struct hostlist *ret_list);
void hostlist_fini(struct hostlist *list);
