#include "client/link.h"
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024 };

/* A lookup belongs to its thread and to its link; the last of them frees it. */
struct lookup {
    atomic_int refs;
    atomic_bool done;
    int wake_fd; /* its own */
    char host[256];
    char port[8];
    struct addrinfo *found;
};

struct zkc_link {
    struct event_base *base;
    const struct zkc_link_calls *calls;
    void *context;
    struct lookup *lookup;  /* until it has ended */
    struct addrinfo *found; /* owned */
    struct addrinfo *next;  /* to be tried after this one */
    int fd;
    bool connected;
    struct event *read_event;
    struct event *write_event;
    struct zk_buf out; /* what did not fit into the socket */
};

static struct addrinfo *resolve(const char *host, const char *port, int flags)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    return getaddrinfo(host, port, &hints, &found) == 0 ? found : NULL;
}

static void lookup_unref(struct lookup *l)
{
    if (atomic_fetch_sub(&l->refs, 1) > 1)
        return;
    if (l->found != NULL)
        freeaddrinfo(l->found);
    close(l->wake_fd);
    free(l);
}

static void *lookup_run(void *arg)
{
    struct lookup *l = arg;
    l->found = resolve(l->host, l->port, AI_ADDRCONFIG);
    atomic_store(&l->done, true);
    uint64_t one = 1;
    ssize_t ignored = write(l->wake_fd, &one, sizeof one); /* can only fail when it is already raised */
    (void)ignored;
    lookup_unref(l);
    return NULL;
}

static bool start_quiet_thread(void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    bool started = pthread_create(&thread, NULL, run, arg) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        pthread_detach(thread);
    return started;
}

static struct lookup *lookup_start(int wake_fd, const char *host, const char *port)
{
    struct lookup *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->wake_fd = fcntl(wake_fd, F_DUPFD_CLOEXEC, 0);
    atomic_init(&l->refs, 2);
    snprintf(l->host, sizeof l->host, "%s", host);
    snprintf(l->port, sizeof l->port, "%s", port);
    if (l->wake_fd >= 0 && start_quiet_thread(lookup_run, l))
        return l;
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    free(l);
    return NULL;
}

static void drop_socket(struct zkc_link *link)
{
    if (link->read_event != NULL)
        event_free(link->read_event);
    if (link->write_event != NULL)
        event_free(link->write_event);
    if (link->fd >= 0)
        close(link->fd);
    link->read_event = link->write_event = NULL;
    link->fd = -1;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct zkc_link *link = arg;
    uint8_t bytes[READ_BYTES];
    ssize_t len = read(fd, bytes, sizeof bytes);
    if (len > 0)
        link->calls->on_data(zk_slice(bytes, (size_t)len), link->context);
    else if (len == 0 || (errno != EAGAIN && errno != EINTR))
        link->calls->on_broken(link->context);
}

static bool connect_next(struct zkc_link *link);

static void finish_connect(struct zkc_link *link)
{
    int err = 0;
    socklen_t size = sizeof err;
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0 || err != 0) {
        drop_socket(link);
        if (!connect_next(link))
            link->calls->on_broken(link->context);
        return;
    }
    link->connected = true;
    event_add(link->read_event, NULL);
    link->calls->on_connected(link->context);
}

/* Errors are left to the reading side, which will meet them too: one place tells of the end. */
static void push_out(struct zkc_link *link)
{
    size_t sent = 0;
    while (sent < link->out.len) {
        ssize_t len = send(link->fd, link->out.ptr + sent, link->out.len - sent, MSG_NOSIGNAL);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            break;
        sent += (size_t)len;
    }
    zk_buf_drop_front(&link->out, sent);
    if (link->out.len > 0)
        event_add(link->write_event, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct zkc_link *link = arg;
    if (!link->connected)
        finish_connect(link);
    else
        push_out(link);
}

static bool connect_to(struct zkc_link *link, const struct addrinfo *to)
{
    int one = 1;
    link->fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0)
        return false;
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(link->fd, to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS)
        return false;
    link->read_event = event_new(link->base, link->fd, EV_READ | EV_PERSIST, on_readable, link);
    link->write_event = event_new(link->base, link->fd, EV_WRITE, on_writable, link);
    return link->read_event != NULL && link->write_event != NULL && event_add(link->write_event, NULL) == 0;
}

/* A host may have several addresses, "localhost" mostly has; each is tried. */
static bool connect_next(struct zkc_link *link)
{
    while (link->next != NULL) {
        const struct addrinfo *to = link->next;
        link->next = to->ai_next;
        if (connect_to(link, to))
            return true;
        drop_socket(link);
    }
    return false;
}

struct zkc_link *zkc_link_dial(struct event_base *base, int wake_fd, const char *host, uint16_t port,
                               const struct zkc_link_calls *calls, void *context)
{
    char port_text[8];
    struct zkc_link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    *link = (struct zkc_link){.base = base, .calls = calls, .context = context, .fd = -1};
    snprintf(port_text, sizeof port_text, "%u", port);
    link->found = link->next = resolve(host, port_text, AI_NUMERICHOST);
    bool started = false;
    if (link->found != NULL)
        started = connect_next(link);
    else
        started = (link->lookup = lookup_start(wake_fd, host, port_text)) != NULL;
    if (started)
        return link;
    zkc_link_free(link);
    return NULL;
}

bool zkc_link_wake(struct zkc_link *link)
{
    struct lookup *l = link->lookup;
    if (l == NULL || !atomic_load(&l->done))
        return true;
    link->lookup = NULL;
    link->found = link->next = l->found;
    l->found = NULL;
    lookup_unref(l);
    return connect_next(link);
}

void zkc_link_write(struct zkc_link *link, struct zk_slice bytes)
{
    bool idle = link->out.len == 0;
    size_t sent = 0;
    if (idle) {
        ssize_t len = send(link->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        sent = len > 0 ? (size_t)len : 0;
    }
    zk_buf_append(&link->out, bytes.ptr + sent, bytes.len - sent);
    if (link->out.failed) /* a gap in the stream would be worse than its end */
        shutdown(link->fd, SHUT_RDWR);
    else if (idle && link->out.len > 0)
        event_add(link->write_event, NULL);
}

void zkc_link_free(struct zkc_link *link)
{
    if (link == NULL)
        return;
    drop_socket(link);
    if (link->lookup != NULL)
        lookup_unref(link->lookup);
    if (link->found != NULL)
        freeaddrinfo(link->found);
    zk_buf_fini(&link->out);
    free(link);
}
