#include "server/net/resolve.h"
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What the asking thread and the loop share. Whoever lets go last frees it: getaddrinfo cannot be interrupted. */
struct question {
    atomic_int holders;
    atomic_bool is_answered; /* all below is the thread's before, the loop's after */
    int signal_fd;
    char host[256];
    char service[8];
    struct socket_address addresses[RESOLVE_ADDRESSES_MAX];
    size_t count;
    char why[128];
};

struct resolve {
    struct question *question;
    struct event *answered;
    resolve_fn *fn;
    void *arg;
};

static void question_release(struct question *q)
{
    if (atomic_fetch_sub(&q->holders, 1) > 1)
        return;
    close(q->signal_fd);
    free(q);
}

static void ask(struct question *q)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int status = getaddrinfo(q->host, q->service, &hints, &list);
    if (status != 0) {
        snprintf(q->why, sizeof q->why, "%s", gai_strerror(status));
        return;
    }
    for (const struct addrinfo *at = list; at != NULL && q->count < RESOLVE_ADDRESSES_MAX; at = at->ai_next) {
        struct socket_address *address = &q->addresses[q->count++];
        memcpy(&address->storage, at->ai_addr, at->ai_addrlen);
        address->len = at->ai_addrlen;
    }
    freeaddrinfo(list);
}

static void signal_answer(struct question *q)
{
    const uint64_t one = 1;
    atomic_store(&q->is_answered, true);
    ssize_t written = write(q->signal_fd, &one, sizeof one);
    (void)written; /* an eventfd at 0 takes it */
}

static void *asking_thread(void *arg)
{
    struct question *q = arg;
    ask(q);
    signal_answer(q);
    question_release(q);
    return NULL;
}

static bool start_thread(struct question *q)
{
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&thread, NULL, asking_thread, q);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status == 0)
        pthread_detach(thread);
    return status == 0;
}

static void on_answered(evutil_socket_t fd, short what, void *arg)
{
    struct resolve *resolve = arg;
    struct question *q = resolve->question;
    if (!atomic_load(&q->is_answered))
        return;
    resolve->fn(resolve->arg, q->addresses, q->count, q->why);
}

struct resolve *resolve_new(struct event_base *base, const char *host, uint16_t port, resolve_fn *fn, void *arg)
{
    struct question *q = zk_calloc(1, sizeof *q);
    q->signal_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    snprintf(q->host, sizeof q->host, "%s", host);
    snprintf(q->service, sizeof q->service, "%u", port);
    bool is_literal = socket_parse(host, port, &q->addresses[0]);
    q->count = is_literal;
    atomic_store(&q->holders, 2);
    if (q->signal_fd < 0 || (!is_literal && !start_thread(q))) {
        if (q->signal_fd >= 0)
            close(q->signal_fd);
        free(q);
        return NULL;
    }
    if (is_literal) { /* not q->count: the thread may have found addresses by now */
        signal_answer(q);
        question_release(q);
    }
    struct resolve *resolve = zk_calloc(1, sizeof *resolve);
    *resolve = (struct resolve){.question = q, .fn = fn, .arg = arg};
    resolve->answered = event_new(base, q->signal_fd, EV_READ, on_answered, resolve);
    ZK_ASSERT(resolve->answered != NULL);
    event_add(resolve->answered, NULL);
    return resolve;
}

void resolve_free(struct resolve *resolve)
{
    if (resolve == NULL)
        return;
    event_free(resolve->answered);
    question_release(resolve->question);
    free(resolve);
}
