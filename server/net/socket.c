#include "server/net/socket.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 6

static void set_option(int fd, int level, int name, int value)
{
    int status = setsockopt(fd, level, name, &value, sizeof value);
    (void)status; /* comfort only: a socket without it works */
}

/* The listening socket, or -1 with errno. */
static int listen_on(const struct sockaddr *address, socklen_t len, int backlog)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (address->sa_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (bind(fd, address, len) == 0 && listen(fd, backlog) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static size_t listen_everywhere(uint16_t port, int backlog, int ret_fds[SOCKET_LISTEN_MAX], char *why, size_t size)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    ret_fds[0] = listen_on((struct sockaddr *)&six, sizeof six, backlog);
    if (ret_fds[0] < 0 && errno != EADDRINUSE && errno != EACCES) /* no IPv6 here */
        ret_fds[0] = listen_on((struct sockaddr *)&four, sizeof four, backlog);
    if (ret_fds[0] >= 0)
        return 1;
    snprintf(why, size, "cannot listen on port %u: %s", port, strerror(errno));
    return 0;
}

size_t socket_listen(const char *host, uint16_t port, int backlog, int ret_fds[SOCKET_LISTEN_MAX], char *why,
                     size_t size)
{
    if (host[0] == '\0')
        return listen_everywhere(port, backlog, ret_fds, why, size);
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int status = getaddrinfo(host, service, &hints, &list);
    if (status != 0) {
        snprintf(why, size, "cannot listen on '%s': %s", host, gai_strerror(status));
        return 0;
    }
    size_t count = 0;
    for (const struct addrinfo *at = list; at != NULL && count < SOCKET_LISTEN_MAX; at = at->ai_next) {
        ret_fds[count] = listen_on(at->ai_addr, at->ai_addrlen, backlog);
        if (ret_fds[count] < 0)
            snprintf(why, size, "cannot listen on %s port %u: %s", host, port, strerror(errno));
        else
            count++;
    }
    freeaddrinfo(list);
    return count;
}

void socket_tune(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

void socket_set_user_timeout(int fd, unsigned timeout_ms)
{
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)timeout_ms);
}

bool socket_parse(const char *text, uint16_t port, struct socket_address *ret_address)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memset(ret_address, 0, sizeof *ret_address);
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
        memcpy(&ret_address->storage, &four, sizeof four);
        ret_address->len = sizeof four;
        return true;
    }
    if (inet_pton(AF_INET6, text, &six.sin6_addr) != 1)
        return false;
    memcpy(&ret_address->storage, &six, sizeof six);
    ret_address->len = sizeof six;
    return true;
}

struct in6_addr socket_host(const struct sockaddr_storage *storage)
{
    struct in6_addr host = IN6ADDR_ANY_INIT;
    if (storage->ss_family == AF_INET6) {
        memcpy(&host, &((const struct sockaddr_in6 *)storage)->sin6_addr, sizeof host);
    } else if (storage->ss_family == AF_INET) {
        host.s6_addr[10] = host.s6_addr[11] = 0xff;
        memcpy(&host.s6_addr[12], &((const struct sockaddr_in *)storage)->sin_addr, 4);
    }
    return host;
}

uint16_t socket_port(const struct sockaddr_storage *storage)
{
    if (storage->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)storage)->sin6_port);
    return storage->ss_family == AF_INET ? ntohs(((const struct sockaddr_in *)storage)->sin_port) : 0;
}

const char *socket_host_text(const struct in6_addr *host, char text[SOCKET_TEXT_SIZE])
{
    const uint8_t *b = host->s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(host))
        snprintf(text, SOCKET_TEXT_SIZE, "%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
    else
        snprintf(text, SOCKET_TEXT_SIZE, "%x:%x:%x:%x:%x:%x:%x:%x", b[0] << 8 | b[1], b[2] << 8 | b[3], b[4] << 8 | b[5],
                 b[6] << 8 | b[7], b[8] << 8 | b[9], b[10] << 8 | b[11], b[12] << 8 | b[13], b[14] << 8 | b[15]);
    return text;
}

const char *socket_text(const struct in6_addr *host, uint16_t port, char text[SOCKET_TEXT_SIZE])
{
    char bare[SOCKET_TEXT_SIZE];
    socket_host_text(host, bare);
    snprintf(text, SOCKET_TEXT_SIZE, IN6_IS_ADDR_V4MAPPED(host) ? "%.46s:%u" : "[%.46s]:%u", bare, port);
    return text;
}
