#include "config.h"
#include "server/net/words.h"
#include <dirent.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "common/jute.h"
#include "server/net/conns.h"
#include "server/net/loop.h"
#include "server/net/words_look.h"

/* The Apache release whose protocol and words these are: clients parse it. */
#define APACHE_VERSION "3.9.5"
#define NOT_SERVING "This ZooKeeper instance is not currently serving requests\n"

static word_fn answer_srvr, answer_ruok, answer_stat, answer_mntr, answer_isro, answer_envi;

static const struct {
    char name[WORDS_LENGTH + 1];
    word_fn *answer;
    bool needs_service;
} table[] = {
#define WORD(name, answer, needs_service) {#name, answer, needs_service},
#include "server/net/words.def"
};

static int word_find(const uint8_t word[WORDS_LENGTH])
{
    for (size_t i = 0; i < ZK_COUNT_OF(table); i++)
        if (memcmp(table[i].name, word, WORDS_LENGTH) == 0)
            return (int)i;
    return -1;
}

bool words_are(const uint8_t first[WORDS_LENGTH])
{
    return word_find(first) >= 0;
}

static void put_not_serving(const struct replica_report *r, struct zk_buf *out)
{
    zk_buf_printf(out, NOT_SERVING);
    if (r->waiting_for != NULL && r->waiting_for[0] != '\0')
        zk_buf_printf(out, "%s\n", r->waiting_for);
}

/* The mask is not read from the connection later: Apache's server takes what is there too. */
static void set_trace_mask(struct words *words, struct zk_slice behind, struct zk_buf *out)
{
    struct zk_jute in = zk_jute(behind);
    int64_t mask = zk_jute_long(&in);
    if (in.bad)
        return;
    words->trace_mask = mask;
    zk_buf_printf(out, "%" PRId64, mask);
}

void words_answer(struct words *words, const uint8_t word[WORDS_LENGTH], struct zk_slice behind, uint64_t now_ms,
                  struct zk_buf *out)
{
    int at = word_find(word);
    struct replica_report r;
    ZK_ASSERT(at >= 0);
    if (!settings_word_allowed(words->settings, table[at].name)) {
        zk_buf_printf(out, "%s is not executed because it is not in the whitelist.\n", table[at].name);
        return;
    }
    if (table[at].answer == NULL) {
        set_trace_mask(words, behind, out);
        return;
    }
    replica_report_get(words->loop->replica, &r);
    if (table[at].needs_service && !r.serving && !r.is_read_only)
        put_not_serving(&r, out);
    else
        table[at].answer(words, now_ms, out);
}

const char *words_version(void)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char date[] = __DATE__; /* "Nov 23 2025"; SOURCE_DATE_EPOCH makes it reproducible */
    static char text[64];
    for (int month = 0; month < 12 && text[0] == '\0'; month++)
        if (memcmp(months + 3 * month, date, 3) == 0)
            snprintf(text, sizeof text, "%s-zkd-%s, built on %.4s-%02d-%c%c", APACHE_VERSION, PACKAGE_VERSION,
                     date + 7, month + 1, date[4] == ' ' ? '0' : date[4], date[5]);
    return text;
}

static const char *mode(const struct replica_report *r)
{
    if (r->is_standalone)
        return "standalone";
    if (r->is_read_only)
        return "read-only";
    if (zab_phase_leads(r->phase))
        return "leader";
    return r->is_observer ? "observer" : "follower";
}

/* A mean as Java prints a double that was rounded to four places: "0.0", "1.25". */
static void put_mean_ms(struct zk_buf *out, const struct replica_report *r)
{
    char text[48];
    double mean = r->latency_count ? (double)r->latency_sum_us / (double)r->latency_count / 1000 : 0;
    int len = snprintf(text, sizeof text, "%.4f", mean);
    while (len > 2 && text[len - 1] == '0' && text[len - 2] != '.')
        text[--len] = '\0';
    zk_buf_printf(out, "%s", text);
}

static void put_clients(const struct words *words, struct zk_buf *out)
{
    struct conns_one one;
    struct replica_client_report seen;
    zk_buf_printf(out, "Clients:\n");
    for (size_t at = 0; conns_next(words->loop->conns, &at, &one);) {
        if (!replica_client_report_get(words->loop->replica, one.number, &seen))
            memset(&seen, 0, sizeof seen);
        zk_buf_printf(out, " /%s[1](queued=%zu,recved=%" PRIu64 ",sent=%" PRIu64 ")\n", one.address, seen.queued,
                      seen.received, seen.sent);
    }
    zk_buf_printf(out, "\n");
}

static void put_server(const struct words *words, bool with_clients, struct zk_buf *out)
{
    struct replica_report r;
    replica_report_get(words->loop->replica, &r);
    if (!r.serving && !r.is_read_only) {
        put_not_serving(&r, out);
        return;
    }
    zk_buf_printf(out, "Zookeeper version: %s\n", words_version());
    if (r.is_read_only)
        zk_buf_printf(out, "READ-ONLY mode; serving only read-only clients\n");
    if (with_clients)
        put_clients(words, out);
    zk_buf_printf(out, "Latency min/avg/max: %" PRIu64 "/", r.latency_min_us / 1000);
    put_mean_ms(out, &r);
    zk_buf_printf(out, "/%" PRIu64 "\nReceived: %" PRIu64 "\nSent: %" PRIu64 "\nConnections: %zu\n",
                  r.latency_max_us / 1000, r.packets_received, r.packets_sent, conns_figures(words->loop->conns).count);
    zk_buf_printf(out, "Outstanding: %zu\nZxid: 0x%" PRIx64 "\nMode: %s\nNode count: %zu\n", r.outstanding, r.last_zxid,
                  mode(&r), r.nodes);
    if (strcmp(mode(&r), "leader") == 0)
        zk_buf_printf(out, "Proposal sizes last/min/max: %d/%d/%d\n", r.proposal_last_bytes, r.proposal_min_bytes,
                      r.proposal_max_bytes);
}

static void answer_srvr(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    put_server(words, false, out);
}

static void answer_stat(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    put_server(words, true, out);
}

static void answer_ruok(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    zk_buf_printf(out, "imok");
}

static void answer_isro(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    struct replica_report r;
    replica_report_get(words->loop->replica, &r);
    zk_buf_printf(out, r.serving ? "rw" : r.is_read_only ? "ro" : "null");
}

static void put_user(struct zk_buf *out)
{
    char place[4096];
    struct passwd entry, *found = NULL;
    char text[1024];
    getpwuid_r(geteuid(), &entry, text, sizeof text, &found);
    zk_buf_printf(out, "user.name=%s\nuser.home=%s\n", found ? found->pw_name : "?", found ? found->pw_dir : "?");
    zk_buf_printf(out, "user.dir=%s\n", getcwd(place, sizeof place) ? place : "?");
}

static void answer_envi(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    struct utsname name;
    struct sysinfo memory = {0};
    const size_t mib = 1u << 20;
    if (uname(&name) != 0)
        memset(&name, 0, sizeof name);
    sysinfo(&memory);
    zk_buf_printf(out, "Environment:\nzookeeper.version=%s\nhost.name=%s\n", words_version(), name.nodename);
    zk_buf_printf(out, "os.name=%s\nos.arch=%s\nos.version=%s\n", name.sysname, name.machine, name.release);
    put_user(out);
    zk_buf_printf(out, "os.memory.free=%zuMB\nos.memory.max=%zuMB\nos.memory.total=%zuMB\n",
                  (size_t)memory.freeram * memory.mem_unit / mib, (size_t)memory.totalram * memory.mem_unit / mib,
                  (size_t)memory.totalram * memory.mem_unit / mib);
}

/* --- mntr --- */

static void put(struct zk_buf *out, const char *name, uint64_t value)
{
    zk_buf_printf(out, "zk_%s\t%" PRIu64 "\n", name, value);
}

static void put_signed(struct zk_buf *out, const char *name, int64_t value)
{
    zk_buf_printf(out, "zk_%s\t%" PRId64 "\n", name, value);
}

static size_t open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;
    while (dir != NULL && readdir(dir) != NULL)
        count++;
    if (dir != NULL)
        closedir(dir);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the directory itself */
}

static void put_peer_state(struct zk_buf *out, const struct replica_report *r)
{
    const char *role = r->is_observer ? "observing" : "following";
    if (zab_phase_leads(r->phase))
        zk_buf_printf(out, "zk_peer_state\tleading - broadcast\n");
    else
        zk_buf_printf(out, "zk_peer_state\t%s - broadcast\n", role);
}

static void put_quorum_size(struct zk_buf *out, const struct settings *settings)
{
    size_t voters = 0;
    for (size_t i = 0; i < settings->server_count; i++)
        voters += !settings->servers[i].is_observer;
    put(out, "quorum_size", voters);
}

static void put_leader_metrics(struct zk_buf *out, const struct replica_report *r, uint64_t now_ms)
{
    put(out, "learners", r->followers);
    put(out, "followers", r->followers); /* its name before 3.6, which exporters still read */
    put(out, "synced_followers", r->synced_followers);
    put(out, "synced_observers", r->synced_observers);
    put(out, "synced_non_voting_followers", 0);
    put(out, "pending_syncs", r->pending_syncs);
    put(out, "leader_uptime", now_ms - r->leading_since_ms);
    put_signed(out, "last_proposal_size", r->proposal_last_bytes);
    put_signed(out, "min_proposal_size", r->proposal_min_bytes);
    put_signed(out, "max_proposal_size", r->proposal_max_bytes);
}

static void put_connection_metrics(struct zk_buf *out, const struct words *words, const struct replica_report *r)
{
    const struct conns_figures figures = conns_figures(words->loop->conns);
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    put(out, "num_alive_connections", figures.count);
    put(out, "connection_rejected", figures.rejected + r->throttled);
    put(out, "sessionless_connections_expired", figures.sessionless_expired);
    put(out, "large_requests_rejected", figures.large_rejected + r->large_rejected);
    put(out, "request_throttle_wait_count", r->throttle_waits);
    put(out, "throttled_ops", r->throttled_ops);
    put(out, "stale_requests_dropped", r->stale_dropped);
    put(out, "unsent_bytes", figures.unsent_bytes);
    put(out, "slow_clients_closed", figures.slow_closed);
    put(out, "bytes_received_count", figures.bytes_received);
    put(out, "open_file_descriptor_count", open_files());
    put(out, "max_file_descriptor_count", files.rlim_cur);
}

static void answer_mntr(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    struct replica_report r;
    replica_report_get(words->loop->replica, &r);
    if (!r.serving && !r.is_read_only) {
        put_not_serving(&r, out);
        return;
    }
    zk_buf_printf(out, "zk_version\t%s\nzk_server_state\t%s\n", words_version(), mode(&r));
    if (!r.is_standalone && r.serving)
        put_peer_state(out, &r);
    zk_buf_printf(out, "zk_avg_latency\t");
    put_mean_ms(out, &r);
    zk_buf_printf(out, "\n");
    put(out, "max_latency", r.latency_max_us / 1000);
    put(out, "min_latency", r.latency_min_us / 1000);
    put(out, "packets_received", r.packets_received);
    put(out, "packets_sent", r.packets_sent);
    put(out, "outstanding_requests", r.outstanding);
    put(out, "uptime", now_ms - words->start_ms);
    put(out, "znode_count", r.nodes);
    put(out, "watch_count", r.watches);
    put(out, "ephemerals_count", r.ephemerals);
    put(out, "approximate_data_size", r.data_bytes);
    put(out, "global_sessions", r.sessions);
    put(out, "local_sessions", r.local_sessions);
    put(out, "state_memory_bytes", r.state_bytes);
    put(out, "disk_free_bytes", r.free_bytes);
    /* Two servers that have applied the same zxid must show the same digest. */
    zk_buf_printf(out, "zk_state_zxid\t0x%" PRIx64 "\nzk_state_digest\t%016" PRIx64 "\n", r.last_zxid, r.digest);
    put_connection_metrics(out, words, &r);
    if (words->more != NULL)
        words->more(words->more_arg, out);
    if (!r.is_standalone)
        put_quorum_size(out, words->settings);
    if (strcmp(mode(&r), "leader") == 0 && !r.is_standalone)
        put_leader_metrics(out, &r, now_ms);
}
