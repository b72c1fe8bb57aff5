#include "server/daemon.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/log.h"
#include "server/daemon_config.h"
#include "server/datadir.h"
#include "server/detach.h"
#include "server/net/conns.h"
#include "server/net/peers.h"
#include "server/net/words.h"
#include "server/notify.h"
#include "server/store/store.h"

#define WHY_SIZE 4096 /* two paths and a sentence */
/* Open files kept for the store, the peers and ourselves. */
#define FILES_RESERVED 256

struct daemon {
    const struct daemon_options *options;
    struct settings settings;
    struct storage storage; /* ops NULL: not open */
    struct replica *replica;
    struct loop loop;
    struct words words;
    struct zk_buf secret;
    struct event *store_signal;
    struct event *terminate, *interrupt, *hangup;
    struct event *stop_limit; /* the longest that stopping may take */
    struct event *watchdog;
    uint64_t batches_seen; /* by the last watchdog tick, with operations waiting */
    bool was_waiting;
    bool is_ready; /* clients have been served */
    bool is_stopping;
    char status[256]; /* what systemd was told last */
    char why[WHY_SIZE];
};

int daemon_check(const char *file)
{
    struct settings settings;
    char why[WHY_SIZE];
    zk_log_open(ZK_LOG_STDERR, ZK_LOG_INFO, "zkd");
    if (!daemon_config_load(file, &settings))
        return DAEMON_NOT_STARTED;
    struct zk_buf page, secret;
    zk_buf_init(&page);
    zk_buf_init(&secret);
    settings_describe(&settings, &page);
    fputs(zk_buf_text(&page), stdout);
    fflush(stdout); /* what is wrong follows it, also in a pipe */
    bool is_good = datadir_check(&settings, why, sizeof why) &&
                   daemon_config_read_secret(settings.peer_secret_file, &secret, why, sizeof why);
    zk_buf_fini(&page);
    zk_buf_fini(&secret);
    if (!is_good)
        zk_log_error("%s", why);
    return is_good ? DAEMON_STOPPED : DAEMON_NOT_STARTED;
}

/* --- bringing up --- */

/* Under systemd stderr is the journal, which wants each line's level. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    uintmax_t device, inode;
    return stream != NULL && sscanf(stream, "%ju:%ju", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           st.st_dev == device && st.st_ino == inode;
}

static void open_log(const struct daemon_options *options, bool on_terminal)
{
    enum zk_log_sink sink = stderr_is_journal() ? ZK_LOG_JOURNAL : ZK_LOG_STDERR;
    if (options->to_syslog || (options->in_background && !on_terminal))
        sink = ZK_LOG_SYSLOG;
    zk_log_open(sink, (enum zk_log_level)options->log_level, "zkd");
}

/* As many as we may; returns how many clients that leaves room for. */
static size_t raise_file_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return FILES_RESERVED;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        getrlimit(RLIMIT_NOFILE, &files);
    size_t limit = files.rlim_cur;
    return zk_min_u64(limit > 2 * FILES_RESERVED ? limit - FILES_RESERVED : limit / 2, CONNS_MAX);
}

/* *ret_damaged: it did not load, and setting the store aside would help. */
static bool make_replica(struct daemon *d, bool *ret_damaged)
{
    struct timespec wall;
    struct replica_config config = daemon_config_make(&d->settings);
    struct zk_buf ensemble;
    zk_buf_init(&ensemble);
    settings_ensemble(&d->settings, &ensemble);
    config.ensemble = zk_buf_slice(&ensemble);
    config.damaged = ret_damaged;
    clock_gettime(CLOCK_REALTIME, &wall);
    d->replica = replica_new(&config, d->storage, loop_clock_ms(),
                             (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000, d->why, sizeof d->why);
    zk_buf_fini(&ensemble);
    d->loop.replica = d->replica;
    return d->replica != NULL;
}

static bool listen_for_clients(struct daemon *d)
{
    int fds[SOCKET_LISTEN_MAX];
    const struct settings *s = &d->settings;
    size_t count = socket_listen(s->client_host, (uint16_t)s->client_port, daemon_config_client_backlog(s), fds, d->why,
                                 sizeof d->why);
    for (size_t i = 0; i < count; i++)
        conns_listen(d->loop.conns, fds[i]);
    return count > 0;
}

/* On the address of the own server line; a name there may mean another network than the peers', so then everywhere. */
static bool listen_for_peers(struct daemon *d)
{
    int fds[SOCKET_LISTEN_MAX];
    struct socket_address address;
    const struct settings_server *own = settings_own_server(&d->settings);
    const char *host = socket_parse(own->host, own->peer_port, &address) ? own->host : "";
    size_t count = socket_listen(host, own->peer_port, DAEMON_LISTEN_BACKLOG, fds, d->why, sizeof d->why);
    if (count > 0)
        peers_start(d->loop.peers, fds, count);
    return count > 0;
}

static void on_store_signal(evutil_socket_t fd, short what, void *arg)
{
    struct daemon *d = arg;
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count);
    (void)got; /* whatever it was: the replica takes all there is */
    loop_touch(&d->loop);
    replica_storage(d->replica);
}

static bool open_store(struct daemon *d)
{
    const struct store_config config = datadir_store(&d->settings);
    if (!store_open(&config, &d->storage, d->why, sizeof d->why)) {
        d->storage.ops = NULL;
        return false;
    }
    d->store_signal = event_new(d->loop.base, store_notify_fd(&d->storage), EV_READ | EV_PERSIST, on_store_signal, d);
    return d->store_signal != NULL && event_add(d->store_signal, NULL) == 0;
}

/* One of several whose store is damaged begins anew as a stranger, and the others bring it level. A single one has
 * nobody to learn from: there the damaged store is all there is. */
static bool open_replica(struct daemon *d)
{
    bool is_damaged;
    if (make_replica(d, &is_damaged))
        return true;
    if (!is_damaged || settings_is_standalone(&d->settings))
        return false;
    char reason[sizeof d->why];
    memcpy(reason, d->why, sizeof reason);
    event_free(d->store_signal);
    d->store_signal = NULL;
    bool is_aside = store_quarantine(&d->storage, reason, d->why, sizeof d->why);
    d->storage.ops = NULL;
    return is_aside && open_store(d) && make_replica(d, &is_damaged);
}

/* In Apache's words for its log: milliseconds that writing one batch took. */
static void put_store_metrics(void *arg, struct zk_buf *out)
{
    struct daemon *d = arg;
    struct store_stats stats;
    store_get_stats(&d->storage, &stats);
    double mean_ms = stats.batches ? (double)stats.sync_us / 1000 / (double)stats.batches : 0;
    zk_buf_printf(out, "zk_cnt_fsynctime\t%" PRIu64 "\nzk_sum_fsynctime\t%" PRIu64 "\nzk_max_fsynctime\t%" PRIu64
                       "\nzk_avg_fsynctime\t%.3f\n",
                  stats.batches, stats.sync_us / 1000, stats.sync_max_us / 1000, mean_ms);
}

/* Ports before the store: a port that is taken costs nothing and is the likelier slip. Nobody is accepted before the
 * loop runs. */
static bool open_sockets(struct daemon *d)
{
    struct conns_config config = daemon_config_conns(&d->settings, raise_file_limit());
    config.words = &d->words;
    d->words = (struct words){.settings = &d->settings, .loop = &d->loop, .start_ms = loop_clock_ms(),
                              .trace_mask = WORDS_TRACE_MASK,
                              .more = put_store_metrics, .more_arg = d};
    d->loop.conns = conns_new(&d->loop, &config);
    if (!listen_for_clients(d))
        return false;
    if (settings_is_standalone(&d->settings))
        return true;
    d->loop.peers = peers_new(&d->loop, &d->settings, zk_buf_slice(&d->secret));
    return listen_for_peers(d);
}

/* --- stopping --- */

static void on_stop_limit(evutil_socket_t fd, short what, void *arg)
{
    struct daemon *d = arg;
    zk_log_warn("stopping now, with something left undone: nobody took over within the sync limit");
    loop_end(&d->loop);
}

static void on_terminate(evutil_socket_t signal_number, short what, void *arg)
{
    struct daemon *d = arg;
    if (d->is_stopping) {
        zk_log_warn("told to stop again: stopping at once");
        loop_end(&d->loop);
        return;
    }
    zk_log_info("told to stop");
    notify_stopping();
    d->is_stopping = true;
    loop_arm(d->stop_limit, (uint64_t)d->settings.sync_limit * (uint64_t)d->settings.tick_ms);
    conns_stop_listening(d->loop.conns);
    loop_touch(&d->loop);
    replica_stop(d->replica);
}

static void on_hangup(evutil_socket_t signal_number, short what, void *arg)
{
    zk_log_info("SIGHUP: zoo.cfg is read at start only");
}

/* --- running --- */

static void tell_status(struct daemon *d, const struct replica_report *r)
{
    static const char *const phases[] = {
        [ZAB_FOUNDING] = "founding the ensemble", [ZAB_LOOKING] = "looking for a leader",
        [ZAB_SYNCING] = "being brought level",    [ZAB_FOLLOWING] = "following",
        [ZAB_ELECTED] = "elected",                [ZAB_LEADING] = "leading",
        [ZAB_HANDING_OVER] = "handing over",
    };
    char text[sizeof d->status];
    if (d->is_stopping)
        snprintf(text, sizeof text, "stopping");
    else if (r->is_standalone && r->serving)
        snprintf(text, sizeof text, "serving alone");
    else if (r->waiting_for != NULL && r->waiting_for[0] != '\0' && !r->serving)
        snprintf(text, sizeof text, "%s: %s", phases[r->phase], r->waiting_for);
    else
        snprintf(text, sizeof text, "%s, epoch %" PRIu64, phases[r->phase], r->epoch);
    if (strcmp(text, d->status) == 0)
        return;
    memcpy(d->status, text, sizeof text);
    notify_status(text);
}

static void become_ready(struct daemon *d)
{
    d->is_ready = true;
    datadir_drop_initialize(&d->settings);
    notify_ready();
    zk_log_info("serving clients on port %d", d->settings.client_port);
}

static void after_turn(void *arg)
{
    struct daemon *d = arg;
    if (d->is_stopping && replica_may_stop(d->replica))
        loop_end(&d->loop);
    if (d->is_ready && !d->loop.has_news)
        return;
    struct replica_report report;
    replica_report_get(d->replica, &report);
    if (report.serving && !d->is_ready)
        become_ready(d);
    tell_status(d, &report);
}

/* The loop turns, or this would not be called; the store answers, or operations would wait and no batch be done. */
static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    struct daemon *d = arg;
    struct store_stats stats;
    store_get_stats(&d->storage, &stats);
    bool is_stuck = d->was_waiting && stats.queued_ops > 0 && stats.batches == d->batches_seen;
    d->was_waiting = stats.queued_ops > 0;
    d->batches_seen = stats.batches;
    if (is_stuck)
        zk_log_error("the disk has not answered since the last watchdog tick");
    else
        notify_alive();
}

static bool add_events(struct daemon *d)
{
    struct event_base *base = d->loop.base;
    uint64_t watchdog_ms = notify_watchdog_ms() / 2;
    d->terminate = evsignal_new(base, SIGTERM, on_terminate, d);
    d->interrupt = evsignal_new(base, SIGINT, on_terminate, d);
    d->hangup = evsignal_new(base, SIGHUP, on_hangup, d);
    d->stop_limit = evtimer_new(base, on_stop_limit, d);
    d->watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, d);
    if (!d->terminate || !d->interrupt || !d->hangup || !d->stop_limit || !d->watchdog) {
        snprintf(d->why, sizeof d->why, "no memory for events");
        return false;
    }
    event_add(d->terminate, NULL);
    event_add(d->interrupt, NULL);
    event_add(d->hangup, NULL);
    if (watchdog_ms > 0)
        loop_arm(d->watchdog, watchdog_ms);
    d->loop.after_turn = after_turn;
    d->loop.after_turn_arg = d;
    return true;
}

static bool bring_up(struct daemon *d)
{
    const struct daemon_options *o = d->options;
    if (!daemon_config_load(o->file, &d->settings))
        return false;
    if (geteuid() == 0)
        zk_log_warn("running as root: a user of its own would do");
    if (!datadir_prepare(&d->settings, d->why, sizeof d->why) ||
        !daemon_config_read_secret(d->settings.peer_secret_file, &d->secret, d->why, sizeof d->why))
        return false;
    if (o->in_background && !detach_begin(d->why, sizeof d->why))
        return false;
    if (!loop_init(&d->loop)) {
        snprintf(d->why, sizeof d->why, "cannot wait for events: %s", strerror(errno));
        return false;
    }
    if (!open_sockets(d) || !open_store(d) || !open_replica(d) || !add_events(d))
        return false;
    return o->pid_file == NULL || detach_write_pid(o->pid_file, d->why, sizeof d->why);
}

static void event_drop(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

static void tear_down(struct daemon *d)
{
    conns_free(d->loop.conns);
    peers_free(d->loop.peers);
    replica_free(d->replica);
    event_drop(d->store_signal);
    if (d->storage.ops != NULL)
        store_close(&d->storage);
    event_drop(d->terminate);
    event_drop(d->interrupt);
    event_drop(d->hangup);
    event_drop(d->stop_limit);
    event_drop(d->watchdog);
    loop_fini(&d->loop);
    zk_buf_fini(&d->secret);
}

static int run(struct daemon *d)
{
    if (d->loop.peers != NULL && d->secret.len == 0)
        zk_log_warn("no peer.secretFile: servers are known only by the addresses in the server lines");
    detach_finish();
    open_log(d->options, false);
    loop_run(&d->loop);
    if (d->options->pid_file != NULL)
        unlink(d->options->pid_file);
    if (d->loop.fatal[0] == '\0')
        return DAEMON_STOPPED;
    zk_log_error("giving up: %s", d->loop.fatal);
    return DAEMON_FAILED;
}

int daemon_run(const struct daemon_options *options)
{
    struct daemon *d = zk_calloc(1, sizeof *d);
    d->options = options;
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    open_log(options, true);
    int status = DAEMON_NOT_STARTED;
    if (bring_up(d))
        status = run(d);
    else if (d->why[0] != '\0')
        zk_log_error("%s", d->why);
    tear_down(d);
    if (status == DAEMON_STOPPED)
        zk_log_info("stopped");
    free(d);
    return status;
}
