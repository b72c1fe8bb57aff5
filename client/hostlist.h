/* hostlist.h: "host:port,[2001:db8::1]:2181,other/chroot" taken apart. */
#pragma once
#include "client/core.h"

enum { ZKC_HOST_MAX = 256, ZKC_PORT_DEFAULT = 2181 };

struct zkc_hostlist_entry {
    char host[ZKC_HOST_MAX]; /* without brackets */
    uint16_t port;
};

struct zkc_hostlist {
    struct zkc_hostlist_entry *entries;
    uint32_t count;
    struct zk_slice chroot; /* points into the text parsed; empty: none */
};

/* False if the text is not a list of 1 to ZKC_SERVERS_MAX servers, or memory is short. */
ZK_MUST_CHECK bool zkc_hostlist_parse(const char *text, struct zkc_hostlist *ret_list);
void zkc_hostlist_fini(struct zkc_hostlist *list);
