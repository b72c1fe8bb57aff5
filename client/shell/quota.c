/* quota.c: setquota, delquota, quota: the nodes under /zookeeper/quota, as Apache's zkCli keeps them. */
#include "client/shell/shell.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOT "/zookeeper/quota"
#define LIMITS "zookeeper_limits"
#define STATS "zookeeper_stats"

/* -1: none. */
struct limits {
    int64_t count;
    int64_t bytes;
    int64_t count_hard;
    int64_t bytes_hard;
};

/* "/zookeeper/quota/a/zookeeper_limits" for "/a"; to be freed. NULL: memory. */
static char *quota_path(const char *path, const char *name)
{
    char *text = NULL;
    if (asprintf(&text, ROOT "%s%s%s", path, *name ? "/" : "", name) < 0)
        return NULL;
    return text;
}

static int64_t read_limit(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *at = text; at != NULL; at = strpbrk(at, ",;")) {
        at += strspn(at, ",;");
        if (strncmp(at, key, len) == 0 && at[len] == '=')
            return strtoll(at + len + 1, NULL, 10);
    }
    return -1;
}

static struct limits read_limits(const char *text)
{
    return (struct limits){read_limit(text, "count"), read_limit(text, "bytes"), read_limit(text, "countHardLimit"),
                           read_limit(text, "byteHardLimit")};
}

/* The odd '=' keeps parsers of before 3.7 from reading on. */
static void write_limits(struct limits l, char *text, size_t size)
{
    int len = snprintf(text, size, "count=%lld,bytes=%lld", (long long)l.count, (long long)l.bytes);
    if (l.count_hard >= 0 || l.bytes_hard >= 0)
        len += snprintf(text + len, size - (size_t)len, "=");
    if (l.bytes_hard >= 0)
        len += snprintf(text + len, size - (size_t)len, ";byteHardLimit=%lld", (long long)l.bytes_hard);
    if (l.count_hard >= 0)
        snprintf(text + len, size - (size_t)len, ";countHardLimit=%lld", (long long)l.count_hard);
}

/* ROOT's directories down to that of `path`; those that are there are left alone. */
static int make_directories(struct zk *zk, const char *path)
{
    char *dir = quota_path(path, "");
    int code = dir ? ZK_OK : ZK_SYSTEM_ERROR;
    for (char *end = dir ? dir + strlen(ROOT) : NULL; end != NULL && code == ZK_OK;) {
        end = strchr(end + 1, '/');
        if (end != NULL)
            *end = '\0';
        code = zk_create(zk, dir, NULL, 0, NULL, 0, NULL);
        if (code == ZK_NODE_EXISTS)
            code = ZK_OK;
        if (end != NULL)
            *end = '/';
    }
    free(dir);
    return code;
}

static int store_limits(struct zk *zk, const char *path, struct limits limits)
{
    char *limits_path = quota_path(path, LIMITS), *stats_path = quota_path(path, STATS);
    char text[160];
    write_limits(limits, text, sizeof text);
    int code = limits_path && stats_path ? make_directories(zk, path) : ZK_SYSTEM_ERROR;
    if (code == ZK_OK)
        code = zk_create(zk, limits_path, text, strlen(text), NULL, 0, NULL);
    if (code == ZK_NODE_EXISTS)
        code = zk_set(zk, limits_path, text, strlen(text), ZK_ANY_VERSION, NULL);
    if (code == ZK_OK)
        code = zk_create(zk, stats_path, "count=0,bytes=0", 15, NULL, 0, NULL); /* the servers count */
    free(limits_path);
    free(stats_path);
    return code == ZK_NODE_EXISTS ? ZK_OK : code;
}

/* What limits there are; none if there is no quota. */
static int load_limits(struct zk *zk, const char *path, struct limits *ret_limits)
{
    struct zk_result *result = NULL;
    char *limits_path = quota_path(path, LIMITS);
    int code = limits_path ? zk_get(zk, limits_path, NULL, NULL, &result) : ZK_SYSTEM_ERROR;
    *ret_limits = read_limits(code == ZK_OK && result->data_len > 0 ? result->data : "");
    zk_result_free(result);
    free(limits_path);
    return code == ZK_NO_NODE ? ZK_OK : code;
}

int shell_setquota(struct shell *sh, int argc, char **argv)
{
    int64_t given[4] = {-1, -1, -1, -1};
    static const char letters[] = "nbNB";
    for (int letter, first = 1; (letter = shell_option(argc, argv, "n:b:N:B:", first)) != -1; first = 0) {
        const char *place = strchr(letters, letter);
        if (place == NULL || !shell_number("setquota", optarg, 0, INT64_MAX, &given[place - letters]))
            return shell_usage("setquota");
    }
    if (optind != argc - 1 || strcmp(argv[optind], "/") == 0)
        return shell_usage("setquota");
    const char *path = argv[optind];
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    struct limits limits;
    int code = zk_exists(zk, path, NULL, NULL, NULL);
    if (code == ZK_OK)
        code = load_limits(zk, path, &limits);
    if (code != ZK_OK)
        return shell_fail("setquota", path, code);
    limits.count = given[0] >= 0 ? given[0] : limits.count;
    limits.bytes = given[1] >= 0 ? given[1] : limits.bytes;
    limits.count_hard = given[2] >= 0 ? given[2] : limits.count_hard;
    limits.bytes_hard = given[3] >= 0 ? given[3] : limits.bytes_hard;
    code = store_limits(zk, path, limits);
    return code == ZK_OK ? SHELL_OK : shell_fail("setquota", path, code);
}

int shell_delquota(struct shell *sh, int argc, char **argv)
{
    struct zk *zk = shell_session(sh);
    char *limits = quota_path(argv[1], LIMITS), *stats = quota_path(argv[1], STATS);
    struct zk_multi *multi = zk_multi_new();
    int code = limits && stats && multi ? ZK_OK : ZK_SYSTEM_ERROR;
    if (zk != NULL && code == ZK_OK) {
        zk_multi_delete(multi, limits, ZK_ANY_VERSION);
        zk_multi_delete(multi, stats, ZK_ANY_VERSION);
        code = zk_multi_commit(zk, multi, NULL);
    }
    zk_multi_free(multi);
    free(limits);
    free(stats);
    if (zk == NULL)
        return SHELL_USAGE;
    return code == ZK_OK ? SHELL_OK : shell_fail("delquota", argv[1], code);
}

int shell_quota(struct shell *sh, int argc, char **argv)
{
    struct zk *zk = shell_session(sh);
    char *limits = quota_path(argv[1], LIMITS), *stats = quota_path(argv[1], STATS);
    const struct zk_read reads[] = {{limits, false}, {stats, false}};
    struct zk_result *result = NULL;
    int code = zk && limits && stats ? zk_read_many(zk, reads, 2, &result) : ZK_SYSTEM_ERROR;
    for (size_t i = 0; code == ZK_OK && i < result->step_count; i++) {
        code = result->steps[i].err;
        if (code != ZK_OK)
            break;
        printf("%s ", i == 0 ? "limits" : "used  ");
        shell_print_bytes(stdout, result->steps[i].data, result->steps[i].data_len, false);
        putchar('\n');
    }
    zk_result_free(result);
    free(limits);
    free(stats);
    if (zk == NULL)
        return SHELL_USAGE;
    return code == ZK_OK ? SHELL_OK : shell_fail("quota", argv[1], code);
}
