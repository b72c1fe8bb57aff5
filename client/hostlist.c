#include "client/hostlist.h"
#include <ctype.h>

static bool parse_port(const char *at, const char *end, uint16_t *ret_port)
{
    uint32_t port = 0;
    if (at == end)
        return false;
    for (; at < end; at++) {
        if (!isdigit((unsigned char)*at) || (port = port * 10 + (uint32_t)(*at - '0')) > UINT16_MAX)
            return false;
    }
    *ret_port = (uint16_t)port;
    return port > 0;
}

/* A bracketed host is an IPv6 address; elsewhere a second colon would be ambiguous and is refused. */
static bool parse_entry(const char *at, const char *end, struct zkc_hostlist_entry *ret)
{
    const char *host = at;
    const char *host_end;
    if (at < end && *at == '[') {
        host++;
        host_end = memchr(host, ']', (size_t)(end - host));
        at = host_end ? host_end + 1 : NULL;
    } else {
        host_end = memchr(host, ':', (size_t)(end - host));
        host_end = host_end ? host_end : end;
        at = host_end;
    }
    if (at == NULL || host_end == host || host_end - host >= ZKC_HOST_MAX)
        return false;
    memcpy(ret->host, host, (size_t)(host_end - host));
    ret->host[host_end - host] = '\0';
    ret->port = ZKC_PORT_DEFAULT;
    return at == end || (*at == ':' && parse_port(at + 1, end, &ret->port));
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && isspace((unsigned char)*at))
        at++;
    return at;
}

bool zkc_hostlist_parse(const char *text, struct zkc_hostlist *ret_list)
{
    if (text == NULL)
        return false;
    const char *end = strchr(text, '/');
    struct zkc_hostlist list = {.chroot = zk_slice_str(end ? end : "")};
    end = end ? end : text + strlen(text);
    list.entries = calloc(ZKC_SERVERS_MAX, sizeof *list.entries);
    bool good = list.entries != NULL;
    for (const char *at = text; good; at++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        const char *start = skip_space(at, stop);
        const char *last = stop;
        while (last > start && isspace((unsigned char)last[-1]))
            last--;
        good = list.count < ZKC_SERVERS_MAX && parse_entry(start, last, &list.entries[list.count]);
        list.count++;
        at = stop;
        if (comma == NULL)
            break;
    }
    if (!good) {
        free(list.entries);
        return false;
    }
    *ret_list = list;
    return true;
}

void zkc_hostlist_fini(struct zkc_hostlist *list)
{
    free(list->entries);
    list->entries = NULL;
}
