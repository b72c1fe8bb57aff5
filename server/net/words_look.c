#include "config.h"
#include "server/net/words_look.h"
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include "server/net/conns.h"
#include "server/net/loop.h"
#include "common/proto.h"

/* Digests are told for every so many entries. */
#define HASH_EVERY 128
#define HASH_ENTRIES 1024

/* --- connections --- */

static void put_operation(struct zk_buf *out, const struct replica_client_report *r)
{
    zk_buf_printf(out, ",sid=0x%" PRIx64 ",lop=%s,est=%" PRId64 ",to=%" PRId32, r->session,
                  r->has_op ? zk_op_letters(r->last_op) : "NA", r->opened_wall_ms, r->timeout_ms);
    if (r->has_op && r->last_xid >= 0)
        zk_buf_printf(out, ",lcxid=0x%" PRIx32, (uint32_t)r->last_xid);
    uint64_t mean_us = r->latency_count ? r->latency_sum_us / r->latency_count : 0;
    zk_buf_printf(out, ",lzxid=0x%" PRIx64 ",lresp=%" PRIu64 ",llat=%" PRIu64 ",minlat=%" PRIu64 ",avglat=%" PRIu64
                       ",maxlat=%" PRIu64,
                  r->last_zxid, r->last_response_ms, r->latency_last_us / 1000, r->latency_min_us / 1000,
                  mean_us / 1000, r->latency_max_us / 1000);
}

void words_cons(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    struct conns_one one;
    for (size_t at = 0; out->len < WORDS_BYTES_MAX && conns_next(words->loop->conns, &at, &one);) {
        struct replica_client_report r = {0};
        (void)replica_client_report_get(words->loop->replica, one.number, &r);
        zk_buf_printf(out, " /%s[1](queued=%zu,recved=%" PRIu64 ",sent=%" PRIu64, one.address, r.queued, r.received,
                      r.sent);
        if (r.session != 0)
            put_operation(out, &r);
        zk_buf_printf(out, ")\n");
    }
    zk_buf_printf(out, "\n");
}

void words_crst(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    replica_reset_client_figures(words->loop->replica);
    zk_buf_printf(out, "Connection stats reset.\n");
}

void words_srst(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    replica_reset_figures(words->loop->replica);
    zk_buf_printf(out, "Server stats reset.\n");
}

/* --- sessions --- */

struct due {
    uint64_t deadline_ms;
    uint64_t session;
};

static int by_deadline(const void *a, const void *b)
{
    const struct due *x = a, *y = b;
    if (x->deadline_ms != y->deadline_ms)
        return x->deadline_ms < y->deadline_ms ? -1 : 1;
    return x->session < y->session ? -1 : x->session > y->session;
}

/* As Java's Date prints itself. */
static void put_date(struct zk_buf *out, uint64_t at_ms, uint64_t now_ms)
{
    char text[64];
    struct tm parts;
    int64_t ahead_ms = (int64_t)at_ms - (int64_t)now_ms;
    time_t at = time(NULL) + (time_t)(ahead_ms / 1000);
    strftime(text, sizeof text, "%a %b %d %H:%M:%S %Z %Y", localtime_r(&at, &parts));
    zk_buf_printf(out, "%s", text);
}

/* In Apache's buckets of a tick. */
static void put_expiries(const struct words *words, uint64_t now_ms, struct due *due, size_t count, struct zk_buf *out)
{
    uint64_t tick = (uint64_t)words->settings->tick_ms;
    size_t sets = 0;
    for (size_t i = 0; i < count; i++) {
        due[i].deadline_ms = (due[i].deadline_ms / tick + 1) * tick;
        sets += i == 0 || due[i].deadline_ms != due[i - 1].deadline_ms;
    }
    zk_buf_printf(out, "Session Sets (%zu)/(%zu):\n", sets, count);
    for (size_t i = 0, end; i < count && out->len < WORDS_BYTES_MAX; i = end) {
        for (end = i; end < count && due[end].deadline_ms == due[i].deadline_ms; end++)
            ;
        zk_buf_printf(out, "%zu expire at ", end - i);
        put_date(out, due[i].deadline_ms, now_ms);
        zk_buf_printf(out, ":\n");
        for (size_t k = i; k < end; k++)
            zk_buf_printf(out, "\t0x%" PRIx64 "\n", due[k].session);
    }
}

static void put_leaders_sessions(const struct words *words, size_t session_count, uint64_t now_ms, struct zk_buf *out)
{
    struct due *due = zk_alloc((session_count + 1) * sizeof *due);
    struct replica_session s;
    size_t count = 0;
    for (uint64_t after = 0; replica_session_next(words->loop->replica, after, &s); after = s.id)
        if (count < session_count && replica_session_deadline(words->loop->replica, s.id, &due[count].deadline_ms))
            due[count++].session = s.id;
    qsort(due, count, sizeof *due, by_deadline);
    put_expiries(words, now_ms, due, count, out);
    free(due);
}

struct due_list {
    struct due *items;
    size_t count, cap;
};

static void add_local(void *arg, uint64_t session, uint64_t deadline_ms)
{
    struct due_list *list = arg;
    if (list->count < list->cap)
        list->items[list->count++] = (struct due){deadline_ms, session};
}

static void put_local_sessions(const struct words *words, size_t session_count, uint64_t now_ms, struct zk_buf *out)
{
    struct due_list list = {.items = zk_alloc((session_count + 1) * sizeof *list.items), .cap = session_count};
    replica_each_local_session(words->loop->replica, add_local, &list);
    qsort(list.items, list.count, sizeof *list.items, by_deadline);
    zk_buf_printf(out, "Local ");
    put_expiries(words, now_ms, list.items, list.count, out);
    free(list.items);
}

static void put_followers_sessions(const struct words *words, size_t session_count, struct zk_buf *out)
{
    struct replica_session s;
    zk_buf_printf(out, "Global Sessions(%zu):\n", session_count);
    for (uint64_t after = 0; out->len < WORDS_BYTES_MAX && replica_session_next(words->loop->replica, after, &s);
         after = s.id)
        zk_buf_printf(out, "0x%" PRIx64 "\t%" PRId32 "ms\n", s.id, s.timeout_ms);
}

static void put_ephemerals(const struct words *words, uint64_t session, struct zk_buf *out)
{
    struct zk_buf list;
    zk_buf_init(&list);
    bool fits = replica_session_ephemerals(words->loop->replica, session, WORDS_BYTES_MAX, &list);
    struct zk_jute in = zk_jute(zk_buf_slice(&list));
    zk_buf_printf(out, "0x%" PRIx64 ":\n", session);
    for (int32_t left = fits ? zk_jute_int(&in) : 0; left > 0 && out->len < WORDS_BYTES_MAX; left--) {
        zk_buf_append_byte(out, '\t');
        zk_buf_append_slice(out, zk_jute_string(&in));
        zk_buf_append_byte(out, '\n');
    }
    zk_buf_fini(&list);
}

void words_dump(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    const struct replica *replica = words->loop->replica;
    struct replica_report r;
    struct replica_session s;
    size_t owners = 0;
    replica_report_get(replica, &r);
    zk_buf_printf(out, "SessionTracker dump:\n");
    bool has_locals = words->settings->local_sessions && !r.is_standalone;
    if (has_locals || r.is_read_only)
        put_local_sessions(words, r.local_sessions, now_ms, out);
    if (zab_phase_leads(r.phase)) {
        zk_buf_printf(out, "%s", has_locals ? "Global " : "");
        put_leaders_sessions(words, r.sessions, now_ms, out);
    } else {
        put_followers_sessions(words, r.sessions, out);
    }
    for (uint64_t after = 0; replica_session_next(replica, after, &s); after = s.id)
        owners += s.ephemeral_count > 0;
    zk_buf_printf(out, "ephemeral nodes dump:\nSessions with Ephemerals (%zu):\n", owners);
    for (uint64_t after = 0; out->len < WORDS_BYTES_MAX && replica_session_next(replica, after, &s); after = s.id)
        if (s.ephemeral_count > 0)
            put_ephemerals(words, s.id, out);
    zk_buf_printf(out, "Connections dump:\nConnections Sets (0)/(0):\n"); /* zkd's have no such deadlines */
}

/* --- watches --- */

struct watch_list {
    struct zk_buf *out;
    bool by_path;
    uint64_t conn; /* the last one */
    struct zk_slice path;
    size_t heads;
    size_t watches;
};

static bool is_new_head(const struct watch_list *l, uint64_t conn, struct zk_slice path)
{
    if (l->watches == 0)
        return true;
    return l->by_path ? path.ptr != l->path.ptr : conn != l->conn;
}

static void put_watch(void *arg, uint64_t conn, uint64_t session, struct zk_slice path)
{
    struct watch_list *l = arg;
    bool is_new = is_new_head(l, conn, path);
    l->heads += is_new;
    l->watches++;
    l->conn = conn;
    l->path = path;
    if (l->out == NULL || l->out->len >= WORDS_BYTES_MAX)
        return;
    if (is_new && l->by_path)
        zk_buf_append_slice(l->out, path);
    else if (is_new)
        zk_buf_printf(l->out, "0x%" PRIx64, session);
    if (is_new)
        zk_buf_append_byte(l->out, '\n');
    zk_buf_append_byte(l->out, '\t');
    if (l->by_path)
        zk_buf_printf(l->out, "0x%" PRIx64, session);
    else
        zk_buf_append_slice(l->out, path);
    zk_buf_append_byte(l->out, '\n');
}

static struct watch_list list_watches(const struct words *words, bool by_path, struct zk_buf *out)
{
    struct watch_list l = {.out = out, .by_path = by_path};
    replica_each_watch(words->loop->replica, by_path, put_watch, &l);
    return l;
}

void words_wchs(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    size_t paths = list_watches(words, true, NULL).heads;
    struct watch_list l = list_watches(words, false, NULL);
    zk_buf_printf(out, "%zu connections watching %zu paths\nTotal watches:%zu\n", l.heads, paths, l.watches);
}

void words_wchc(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    list_watches(words, false, out);
    zk_buf_append_byte(out, '\n');
}

void words_wchp(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    list_watches(words, true, out);
    zk_buf_append_byte(out, '\n');
}

/* --- the server itself --- */

static uint64_t found_bytes; /* nftw has no argument for it; one thread asks */

static int add_size(const char *path, const struct stat *st, int type, struct FTW *at)
{
    if (type == FTW_F)
        found_bytes += (uint64_t)st->st_size;
    return 0;
}

static uint64_t directory_bytes(const char *path)
{
    found_bytes = 0;
    (void)nftw(path, add_size, 16, FTW_PHYS);
    return found_bytes;
}

static const char *log_dir(const struct settings *s)
{
    return s->data_log_dir[0] ? s->data_log_dir : s->data_dir;
}

void words_dirs(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    zk_buf_printf(out, "datadir_size: %" PRIu64 "\n", directory_bytes(words->settings->data_dir));
    zk_buf_printf(out, "logdir_size: %" PRIu64 "\n", directory_bytes(log_dir(words->settings)));
}

static void put_ensemble(const struct words *words, struct zk_buf *out)
{
    const struct settings *s = words->settings;
    const struct settings_server *own = settings_own_server(s);
    zk_buf_printf(out, "initLimit=%d\nsyncLimit=%d\nelectionAlg=3\n", s->init_limit, s->sync_limit);
    zk_buf_printf(out, "electionPort=%u\nquorumPort=%u\npeerType=%d\n", own->election_port, own->peer_port,
                  own->is_observer);
    struct replica_report r;
    replica_report_get(words->loop->replica, &r);
    if (r.is_read_only)
        return;
    zk_buf_printf(out, "membership: \n");
    replica_config_text(words->loop->replica, out);
}

void words_conf(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    const struct settings *s = words->settings;
    bool is_alone = settings_is_standalone(s);
    zk_buf_printf(out, "clientPort=%d\nsecureClientPort=-1\ndataDir=%s\ndataDirSize=%" PRIu64 "\n", s->client_port,
                  s->data_dir, directory_bytes(s->data_dir));
    zk_buf_printf(out, "dataLogDir=%s\ndataLogSize=%" PRIu64 "\ntickTime=%d\nmaxClientCnxns=%d\n", log_dir(s),
                  directory_bytes(log_dir(s)), s->tick_ms, s->max_client_cnxns);
    zk_buf_printf(out, "minSessionTimeout=%d\nmaxSessionTimeout=%d\nclientPortListenBacklog=%d\nserverId=%" PRIu64 "\n",
                  s->min_session_timeout_ms, s->max_session_timeout_ms, s->client_backlog, is_alone ? 0 : s->self);
    if (!is_alone)
        put_ensemble(words, out);
}

void words_hash(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    struct replica_report r;
    replica_report_get(words->loop->replica, &r);
    uint64_t last = r.last_zxid;
    uint64_t first = last > HASH_ENTRIES ? last - HASH_ENTRIES : 0;
    for (uint64_t zxid = (first / HASH_EVERY + 1) * HASH_EVERY; zxid <= last; zxid += HASH_EVERY) {
        uint64_t digest = replica_digest_at(words->loop->replica, zxid);
        if (digest != 0)
            zk_buf_printf(out, "%" PRIx64 ": %" PRIu64 "\n", zxid, digest);
    }
}

void words_gtmk(const struct words *words, uint64_t now_ms, struct zk_buf *out)
{
    zk_buf_printf(out, "%" PRId64, words->trace_mask);
}
