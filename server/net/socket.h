/* socket.h: the few things we ask of sockets and addresses. Every socket is non-blocking and closed on exec. */
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include "common/base.h"

#define SOCKET_LISTEN_MAX 2
#define SOCKET_TEXT_SIZE 64 /* "[address]:port" */

struct socket_address {
    struct sockaddr_storage storage;
    socklen_t len;
};

/* Listen on `host` (a name or an address; "": every address, IPv6 too where there is any) and `port`. Returns how many
 * sockets, at most SOCKET_LISTEN_MAX; 0: one sentence in `why`. */
size_t socket_listen(const char *host, uint16_t port, int backlog, int ret_fds[SOCKET_LISTEN_MAX], char *why,
                     size_t size);
/* Send at once, and notice a peer that is gone. */
void socket_tune(int fd);
/* Unacknowledged bytes for so long: the connection is dead. */
void socket_set_user_timeout(int fd, unsigned timeout_ms);
/* Is `text` an address, so that nothing has to be asked for it? */
bool socket_parse(const char *text, uint16_t port, struct socket_address *ret_address);
/* The address alone as IPv6 bytes, IPv4 mapped: two are equal if they are the same host. */
struct in6_addr socket_host(const struct sockaddr_storage *storage);
uint16_t socket_port(const struct sockaddr_storage *storage);
/* "127.0.0.1" or "0:0:0:0:0:0:0:1": as Java writes them, for clients are shown it (whoAmI, cons) and may compare. */
const char *socket_host_text(const struct in6_addr *host, char text[SOCKET_TEXT_SIZE]);
/* "127.0.0.1:2181" or "[0:0:0:0:0:0:0:1]:2181" */
const char *socket_text(const struct in6_addr *host, uint16_t port, char text[SOCKET_TEXT_SIZE]);
