#include "server/daemon_config.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>
#include "common/log.h"
#include "server/datadir.h"
#include "server/state/state.h"

#define SECRET_BYTES_MIN 16
#define SECRET_BYTES_MAX 4096
/* Short of disk space below a twentieth of it, but within these bounds. */
#define SPACE_LOW_MIN ((uint64_t)16 << 20)
#define SPACE_LOW_MAX ((uint64_t)1 << 30)

/* --- settings --- */

static void log_messages(const struct settings_messages *messages)
{
    struct zk_buf line;
    zk_buf_init(&line);
    for (size_t i = 0; i < messages->count; i++) {
        zk_buf_reset(&line);
        settings_message_format(&messages->items[i], &line);
        zk_log(messages->items[i].severity == SETTINGS_ERROR ? ZK_LOG_ERROR : ZK_LOG_WARN, "%s", zk_buf_text(&line));
    }
    if (messages->left_out > 0)
        zk_log_warn("and %zu more like these", messages->left_out);
    zk_buf_fini(&line);
}

bool daemon_config_load(const char *file, struct settings *settings)
{
    struct settings_messages messages;
    bool is_good = settings_load(file, settings, &messages);
    log_messages(&messages);
    settings_messages_fini(&messages);
    return is_good;
}

/* --- what else the start needs --- */

/* Nobody but this user may know it, or it proves nothing. */
bool daemon_config_read_secret(const char *path, struct zk_buf *secret, char *why, size_t size)
{
    struct stat st;
    if (path[0] == '\0')
        return true;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        snprintf(why, size, "peer.secretFile %s cannot be read: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    ssize_t len = -1;
    if (zk_buf_reserve(secret, SECRET_BYTES_MAX))
        len = read(fd, secret->ptr, SECRET_BYTES_MAX);
    close(fd);
    while (len > 0 && strchr("\r\n", secret->ptr[len - 1]) != NULL)
        len--;
    if ((st.st_mode & 077) != 0)
        snprintf(why, size, "peer.secretFile %s can be read by others: chmod 600 %s", path, path);
    else if (len < SECRET_BYTES_MIN)
        snprintf(why, size,
                 "peer.secretFile %s must hold at least %d bytes, like: head -c 32 /dev/urandom | base64 > %s", path,
                 SECRET_BYTES_MIN, path);
    else
        secret->len = (size_t)len;
    return secret->len > 0;
}

static void fill_random(void *arg, void *ptr, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t got = getrandom((char *)ptr + done, len - done, 0);
        ZK_ASSERT(got > 0 || errno == EINTR);
        done += got > 0 ? (size_t)got : 0;
    }
}

/* What the control group allows this process, as systemd's MemoryMax and containers set it; UINT64_MAX: no limit. */
static uint64_t group_memory(void)
{
    char group[512] = "", path[600];
    uint64_t limit = UINT64_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file != NULL && fscanf(file, "0::%511s", group) != 1)
        group[0] = '\0';
    if (file != NULL)
        fclose(file);
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
    file = fopen(path, "re");
    if (file != NULL && fscanf(file, "%" SCNu64, &limit) != 1) /* "max" */
        limit = UINT64_MAX;
    if (file != NULL)
        fclose(file);
    return limit;
}

/* Three quarters of what this process may have. */
static uint64_t memory_limit(void)
{
    struct sysinfo info;
    uint64_t total = sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
    return zk_min_u64(total, group_memory()) / 4 * 3;
}

static uint64_t space_low(const struct settings *s)
{
    struct statvfs disk;
    if (statvfs(s->data_dir, &disk) != 0)
        return SPACE_LOW_MIN;
    uint64_t share = (uint64_t)disk.f_blocks * disk.f_frsize / 20;
    return zk_min_u64(zk_max_u64(share, SPACE_LOW_MIN), SPACE_LOW_MAX);
}

static struct throttle_rules make_throttle(const struct settings *s)
{
    struct throttle_rules rules = s->throttle_parts;
    rules.tokens = (uint32_t)s->throttle_tokens;
    rules.fill_ms = (uint32_t)s->throttle_fill_ms;
    rules.fill_count = (uint32_t)s->throttle_fill_count;
    rules.freeze_ms = s->throttle_freeze_ms;
    rules.is_weighted = s->throttle_weighted;
    rules.new_weight = (uint32_t)s->throttle_new_weight;
    rules.local_weight = (uint32_t)s->throttle_local_weight;
    rules.renew_weight = (uint32_t)s->throttle_renew_weight;
    return rules;
}

struct replica_config daemon_config_make(const struct settings *s)
{
    struct replica_config config = {
        .zab = {.self = s->self,
                .tick_ms = (uint32_t)s->tick_ms,
                .init_limit = (uint32_t)s->init_limit,
                .sync_limit = (uint32_t)s->sync_limit,
                .initialize = datadir_has_initialize(s)},
        .min_session_timeout_ms = s->min_session_timeout_ms,
        .max_session_timeout_ms = s->max_session_timeout_ms,
        .auth = s->auth,
        .throttle = make_throttle(s),
        .jute_max_buffer = (uint32_t)s->jute_max_buffer,
        .outstanding_limit = settings_outstanding_limit(s),
        .throttle_max_requests = (size_t)s->throttle_max_requests,
        .throttled_op_wait_ms = (uint32_t)s->throttled_op_wait_ms,
        .throttle_drops_stale = s->throttle_drop_stale && s->throttle_stale_latency,
        .large_request_threshold = s->large_request_threshold > 0 ? (size_t)s->large_request_threshold : 0,
        .large_request_max_bytes = (size_t)s->large_request_max_bytes,
        .stop_patience_ms = (uint32_t)s->stop_patience_ms,
        .memory = STATE_MEMORY_K,
        .read_only_mode = s->read_only_mode,
        .local_sessions = s->local_sessions && !settings_is_standalone(s),
        .local_upgrading = s->local_upgrading,
        .enforce_quota = s->enforce_quota,
        .extended_types = s->extended_types,
        .container_check_ms = (uint32_t)s->container_check_ms,
        .container_max_per_minute = (uint32_t)s->container_max_per_minute,
        .container_never_used_ms = s->container_never_used_ms,
        .memory_limit_bytes = memory_limit(),
        .space_low_bytes = space_low(s),
        .random = fill_random,
    };
    fill_random(NULL, &config.zab.seed, sizeof config.zab.seed);
    for (size_t i = 0; i < s->server_count; i++)
        config.zab.members[config.zab.member_count++] = (struct zab_member){
            s->servers[i].id, s->servers[i].is_observer ? ZAB_OBSERVER : ZAB_PARTICIPANT, 1};
    if (s->server_count == 0)
        config.zab.members[config.zab.member_count++] = (struct zab_member){s->self, ZAB_PARTICIPANT, 1};
    return config;
}

struct conns_config daemon_config_conns(const struct settings *s, size_t files)
{
    size_t most = (size_t)s->max_cnxns;
    return (struct conns_config){
        .count_max = most > 0 && most < files ? most : files,
        .per_address_max = (size_t)s->max_client_cnxns,
        .frame_bytes_max = (uint32_t)s->jute_max_buffer,
        .sessionless_ms = (uint64_t)s->sessionless_ms,
        .unsent_bytes_max = CONNS_UNSENT_BYTES_MAX,
    };
}

int daemon_config_client_backlog(const struct settings *s)
{
    return s->client_backlog < 0 ? DAEMON_LISTEN_BACKLOG : s->client_backlog;
}
