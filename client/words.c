/* Four-letter words: a connection of its own, plain blocking calls bounded by one deadline. */
#include "client/face.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_BYTES_MAX = 64 * 1024 * 1024 };

static int wait_for(int fd, short events, uint64_t until_ms)
{
    for (;;) {
        uint64_t now = zk_now_ms();
        if (now >= until_ms)
            return ZK_OPERATION_TIMEOUT;
        struct pollfd p = {fd, events, 0};
        uint64_t wait_ms = zk_min_u64(until_ms - now, 60000);
        int ready = poll(&p, 1, (int)wait_ms);
        if (ready > 0)
            return ZK_OK;
        if (ready < 0 && errno != EINTR)
            return ZK_CONNECTION_LOSS;
    }
}

static int connect_one(const struct addrinfo *to, uint64_t until_ms, int *ret_fd)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ZK_SYSTEM_ERROR;
    int code = ZK_OK;
    int err = 0;
    socklen_t size = sizeof err;
    if (connect(fd, to->ai_addr, to->ai_addrlen) != 0)
        code = errno == EINPROGRESS ? wait_for(fd, POLLOUT, until_ms) : ZK_CONNECTION_LOSS;
    if (code == ZK_OK && (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0 || err != 0))
        code = ZK_CONNECTION_LOSS;
    if (code != ZK_OK)
        close(fd);
    else
        *ret_fd = fd;
    return code;
}

static int connect_any(const struct zkc_hostlist_entry *server, uint64_t until_ms, int *ret_fd)
{
    char port[8];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    snprintf(port, sizeof port, "%u", server->port);
    if (getaddrinfo(server->host, port, &hints, &found) != 0)
        return ZK_CONNECTION_LOSS;
    int code = ZK_CONNECTION_LOSS;
    for (const struct addrinfo *to = found; to != NULL && code != ZK_OK; to = to->ai_next)
        code = connect_one(to, until_ms, ret_fd);
    freeaddrinfo(found);
    return code;
}

static int converse(int fd, const char *word, uint64_t until_ms, struct zk_buf *answer)
{
    if (send(fd, word, 4, MSG_NOSIGNAL) != 4)
        return ZK_CONNECTION_LOSS;
    for (;;) {
        int code = wait_for(fd, POLLIN, until_ms);
        if (code != ZK_OK)
            return code;
        char bytes[4096];
        ssize_t len = read(fd, bytes, sizeof bytes);
        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (len < 0 && answer->len == 0)
            return ZK_CONNECTION_LOSS;
        if (len <= 0)
            return answer->len > 0 ? ZK_OK : ZK_CONNECTION_LOSS;
        zk_buf_append(answer, bytes, (size_t)len);
        if (answer->failed)
            return ZK_SYSTEM_ERROR;
    }
}

int zk_four_letter_word(const char *server, const char *word, uint32_t timeout_ms, char **ret_text)
{
    struct zkc_hostlist list;
    if (strlen(word) != 4 || !zkc_hostlist_parse(server, &list))
        return ZK_BAD_ARGUMENTS;
    uint64_t until_ms = zk_now_ms() + timeout_ms;
    struct zk_buf answer = {.limit = ANSWER_BYTES_MAX};
    int fd = -1;
    int code = list.count == 1 ? connect_any(&list.entries[0], until_ms, &fd) : ZK_BAD_ARGUMENTS;
    zkc_hostlist_fini(&list);
    if (code == ZK_OK) {
        code = converse(fd, word, until_ms, &answer);
        close(fd);
    }
    if (code == ZK_OK) {
        *ret_text = zk_slice_dup(zk_buf_slice(&answer));
        code = *ret_text ? ZK_OK : ZK_SYSTEM_ERROR;
    }
    zk_buf_fini(&answer);
    return code;
}
