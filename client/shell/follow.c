/* Commands that go on: they wait in one poll for a signal, for the child they run, and for what libzk's thread tells.
 */
#include "client/shell/shell.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KILL_AFTER_MS = 3000 };

/* Signals and libzk's news as file descriptors; the signals are held back from their usual effect meanwhile. */
struct ears {
    sigset_t before;
    int signal_fd;
    int news_fd;
};

static bool ears_open(struct ears *e)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, &e->before);
    e->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    e->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return e->signal_fd >= 0 && e->news_fd >= 0;
}

static void ears_close(struct ears *e)
{
    close(e->signal_fd);
    close(e->news_fd);
    sigprocmask(SIG_SETMASK, &e->before, NULL);
}

static void ears_tell(struct ears *e)
{
    uint64_t one = 1;
    ssize_t ignored = write(e->news_fd, &one, sizeof one);
    (void)ignored;
}

/* The signal that came, or 0 for news or the time-out (-1: none). */
static int ears_wait(struct ears *e, int timeout_ms)
{
    struct pollfd fds[] = {{e->signal_fd, POLLIN, 0}, {e->news_fd, POLLIN, 0}};
    struct signalfd_siginfo info;
    uint64_t count;
    poll(fds, 2, timeout_ms);
    if (read(e->news_fd, &count, sizeof count) < 0)
        count = 0;
    return read(e->signal_fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- watch --- */

/* Events go through a pipe from libzk's thread, so that the main one can read data for -v and end after -n. */
struct told {
    int type;
    char path[]; /* with its NUL */
};

struct following {
    struct ears ears;
    int pipe[2];
};

static void on_event(struct zk *zk, const struct zk_watch_event *event, void *context)
{
    struct following *f = context;
    size_t size = sizeof(struct told) + strlen(event->path) + 1;
    struct told *told = malloc(size);
    if (told == NULL)
        return;
    told->type = event->type;
    memcpy(told->path, event->path, size - sizeof *told);
    /* A pointer is written whole or not at all. A full pipe holds libzk's thread until the main one has read. */
    if (write(f->pipe[1], &told, sizeof told) != (ssize_t)sizeof told)
        free(told);
    ears_tell(&f->ears);
}

static const char *event_word(int type)
{
    switch (type) {
    case ZK_NODE_CREATED:
        return "created";
    case ZK_NODE_DELETED:
        return "deleted";
    case ZK_NODE_DATA_CHANGED:
        return "changed";
    case ZK_NODE_CHILDREN_CHANGED:
        return "children";
    case ZK_WATCH_RESUMED:
        return "resumed";
    default:
        return "ended";
    }
}

static void print_event(struct zk *zk, const struct told *told, bool data)
{
    struct zk_result *result;
    printf("%s ", event_word(told->type));
    shell_print_text(stdout, told->path);
    if (told->type == ZK_WATCH_RESUMED)
        printf("  (reconnected: changes in between were not seen)");
    if (data && (told->type == ZK_NODE_CREATED || told->type == ZK_NODE_DATA_CHANGED) &&
        zk_get(zk, told->path, NULL, NULL, &result) == ZK_OK) {
        printf("  ");
        shell_print_bytes(stdout, result->data, result->data_len, false);
        zk_result_free(result);
    }
    putchar('\n');
    fflush(stdout);
}

/* Prints until a signal, `count` events, or the end of the watch. */
static int follow(struct zk *zk, struct following *f, bool data, int64_t count)
{
    for (;;) {
        int signal = ears_wait(&f->ears, -1);
        struct told *told;
        while (read(f->pipe[0], &told, sizeof told) == (ssize_t)sizeof told) {
            int type = told->type;
            print_event(zk, told, data);
            free(told);
            if (type == ZK_WATCH_ENDED)
                return SHELL_FAILED;
            if (type > 0 && --count == 0)
                return SHELL_OK;
        }
        if (signal != 0 && signal != SIGCHLD)
            return SHELL_OK;
    }
}

int shell_watch(struct shell *sh, int argc, char **argv)
{
    bool recursive = false, data = false;
    int64_t count = 0;
    for (int letter, first = 1; (letter = shell_option(argc, argv, "rvn:", first)) != -1; first = 0) {
        if (letter == '?' || (letter == 'n' && !shell_number("watch", optarg, 1, INT32_MAX, &count)))
            return shell_usage("watch");
        recursive = recursive || letter == 'r';
        data = data || letter == 'v';
    }
    if (optind != argc - 1)
        return shell_usage("watch");
    /* A session that goes with the watch: a recursive one cannot be taken back on every server, and its pipe goes. The
     * other one has ephemeral nodes. */
    struct zk *zk = shell_open(sh);
    struct following f;
    if (zk == NULL)
        return SHELL_USAGE;
    if (pipe2(f.pipe, O_CLOEXEC) != 0 || fcntl(f.pipe[0], F_SETFL, O_NONBLOCK) != 0 || !ears_open(&f.ears)) {
        perror("zk-shell: watch");
        zk_close(zk);
        return SHELL_FAILED;
    }
    int code = zk_add_watch(zk, argv[optind], recursive, on_event, &f);
    int status = code == ZK_OK ? follow(zk, &f, data, count) : shell_fail("watch", argv[optind], code);
    close(f.pipe[0]); /* so that nobody waits to write what nobody reads */
    zk_close(zk);
    close(f.pipe[1]);
    ears_close(&f.ears);
    if (status == SHELL_FAILED && code == ZK_OK)
        fprintf(stderr, "zk-shell: watch %s: the session has ended\n", argv[optind]);
    return status;
}

/* --- running a command while holding something --- */

struct holding {
    struct ears ears;
    volatile bool lost; /* written by libzk's thread, before it tells */
    volatile bool won;
    uint64_t fence;
    int reason;
};

static pid_t start_child(const struct holding *h, char **argv)
{
    char fence[32];
    snprintf(fence, sizeof fence, "%llu", (unsigned long long)h->fence);
    fflush(NULL);
    pid_t child = fork();
    if (child != 0)
        return child;
    sigprocmask(SIG_SETMASK, &h->ears.before, NULL);
    setenv("ZK_FENCE", fence, 1);
    execvp(argv[0], argv);
    fprintf(stderr, "zk-shell: %s: %s\n", argv[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

static int child_status(int raw)
{
    return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

/* Until the child has ended. Losing what is held ends it: first asked, then killed, for from now on somebody else may
 * be doing the same. */
static int mind_child(struct holding *h, pid_t child, const char *what)
{
    int64_t kill_at = -1;
    for (;;) {
        int raw;
        if (waitpid(child, &raw, WNOHANG) == child)
            return kill_at >= 0 ? SHELL_FAILED : child_status(raw);
        if (h->lost && kill_at < 0) {
            fprintf(stderr, "zk-shell: %s is lost (%s): ending the command\n", what, zk_err_text(h->reason));
            kill(child, SIGTERM);
            kill_at = now_ms() + KILL_AFTER_MS;
        }
        int64_t left = kill_at < 0 ? -1 : kill_at - now_ms();
        if (kill_at >= 0 && left <= 0) {
            kill(child, SIGKILL);
            left = KILL_AFTER_MS;
        }
        int signal = ears_wait(&h->ears, (int)left);
        if (signal == SIGTERM || signal == SIGHUP || (signal == SIGINT && !isatty(STDIN_FILENO)))
            kill(child, signal); /* a terminal sends SIGINT to both by itself */
    }
}

static int run_child(struct holding *h, char **argv, const char *what)
{
    pid_t child = start_child(h, argv);
    if (child < 0) {
        perror("zk-shell: fork");
        return SHELL_FAILED;
    }
    return mind_child(h, child, what);
}

static void on_lock_lost(struct zk_lock *lock, int reason, void *context)
{
    struct holding *h = context;
    h->reason = reason;
    h->lost = true;
    ears_tell(&h->ears);
}

static void on_lock(struct zk_lock *lock, int code, uint64_t fence, void *context)
{
    struct holding *h = context;
    h->fence = fence;
    h->reason = code;
    *(code == ZK_OK ? &h->won : &h->lost) = true;
    ears_tell(&h->ears);
}

/* Until the lock is held: ZK_OK; else why not, with ZK_CLOSING for a signal. */
static int await(struct holding *h, int64_t wait_ms)
{
    int64_t until = wait_ms < 0 ? -1 : now_ms() + wait_ms;
    while (!h->won && !h->lost) {
        int64_t left = until < 0 ? -1 : until - now_ms();
        if (until >= 0 && left <= 0)
            return ZK_OPERATION_TIMEOUT;
        int signal = ears_wait(&h->ears, (int)left);
        if (signal != 0 && signal != SIGCHLD)
            return ZK_CLOSING;
    }
    return h->won ? ZK_OK : h->reason;
}

static void name_ourselves(char *text, size_t size)
{
    char host[128] = "?";
    gethostname(host, sizeof host - 1);
    snprintf(text, size, "%s:%d", host, (int)getpid());
}

int shell_lock(struct shell *sh, int argc, char **argv)
{
    int64_t wait_s = -1;
    for (int letter, first = 1; (letter = shell_option(argc, argv, "w:", first)) != -1; first = 0)
        if (letter != 'w' || !shell_number("lock", optarg, 0, 1000000, &wait_s))
            return shell_usage("lock");
    if (argc - optind < 2)
        return shell_usage("lock");
    const char *path = argv[optind];
    char **command = argv + optind + 1;
    struct zk *zk = shell_session(sh);
    struct holding h = {.lost = false};
    struct zk_lock *lock = NULL;
    char note[200];
    if (zk == NULL)
        return SHELL_USAGE;
    name_ourselves(note, sizeof note);
    int status = SHELL_FAILED;
    if (!ears_open(&h.ears)) {
        perror("zk-shell: lock");
        return SHELL_FAILED;
    }
    int code = zk_lock_new(zk, path, note, on_lock_lost, &h, &lock);
    if (code == ZK_OK && wait_s == 0) /* now or never: the lock itself knows what "now" is */
        code = zk_lock_acquire(lock, 0, &h.fence);
    else if (code == ZK_OK && (code = zk_lock_acquire_async(lock, on_lock, &h)) == ZK_OK)
        code = await(&h, wait_s < 0 ? -1 : wait_s * 1000);
    if (code == ZK_OK)
        status = run_child(&h, command, "the lock");
    else if (code != ZK_CLOSING)
        status = shell_fail("lock", path, code);
    zk_lock_free(lock); /* without waiting for the answer: servers that are gone must not hold us */
    ears_close(&h.ears);
    return status;
}

/* --- elect --- */

static void on_won(struct zk_election *election, uint64_t fence, void *context)
{
    struct holding *h = context;
    h->fence = fence;
    h->won = true;
    ears_tell(&h->ears);
}

static void on_lost(struct zk_election *election, int reason, void *context)
{
    struct holding *h = context;
    h->reason = reason;
    h->lost = true;
    ears_tell(&h->ears);
}

static int print_leader(struct zk *zk, const char *path)
{
    struct zk_result *leader;
    int code = zk_election_leader(zk, path, &leader);
    if (code != ZK_OK)
        return shell_fail("elect", path, code);
    shell_print_bytes(stdout, leader->data, leader->data_len, false);
    printf("  (session 0x%llx, fence %lld)\n", (unsigned long long)leader->stat.ephemeral_owner,
           (long long)leader->stat.czxid);
    zk_result_free(leader);
    return SHELL_OK;
}

int shell_elect(struct shell *sh, int argc, char **argv)
{
    char ourselves[200];
    name_ourselves(ourselves, sizeof ourselves);
    const char *data = ourselves;
    for (int letter, first = 1; (letter = shell_option(argc, argv, "d:", first)) != -1; first = 0) {
        if (letter != 'd')
            return shell_usage("elect");
        data = optarg;
    }
    if (optind >= argc)
        return shell_usage("elect");
    const char *path = argv[optind];
    char **command = argv + optind + 1;
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    if (command[0] == NULL)
        return print_leader(zk, path);
    struct holding h = {.lost = false};
    struct zk_election_calls calls = {on_won, on_lost, &h};
    struct zk_election *election = NULL;
    int status = SHELL_FAILED;
    if (!ears_open(&h.ears)) {
        perror("zk-shell: elect");
        return SHELL_FAILED;
    }
    int code = zk_election_join(zk, path, data, strlen(data), &calls, &election);
    if (code == ZK_OK)
        code = await(&h, -1);
    if (code == ZK_OK)
        status = run_child(&h, command, "the leadership");
    else if (code != ZK_CLOSING)
        status = shell_fail("elect", path, code);
    zk_election_leave(election);
    ears_close(&h.ears);
    return status;
}
