/* zk-bench: how many operations a second, and how long each takes, on any server of ZooKeeper's protocol. */
#include "client/bench/bench.h"
#include "config.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <time.h>

enum { WAIT_MS = 15000, DELETES_AT_ONCE = 500 };

uint64_t bench_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void bench_path(const struct bench_config *config, uint32_t index, char *path, size_t size)
{
    snprintf(path, size, "%s/n%u", config->root, index);
}

/* --- nodes --- */

/* Deletes all below `path` and it, a few hundred at once. */
static int remove_all(struct zk *zk, const char *path)
{
    struct zk_result *list;
    char child[1024];
    int code = zk_get_children(zk, path, NULL, NULL, &list);
    if (code != ZK_OK)
        return code == ZK_NO_NODE ? ZK_OK : code;
    for (size_t i = 0; i < list->child_count && code == ZK_OK;) {
        struct zk_multi *multi = zk_multi_new();
        for (size_t k = 0; multi != NULL && k < DELETES_AT_ONCE && i < list->child_count; k++, i++) {
            snprintf(child, sizeof child, "%s/%s", path, list->children[i]);
            zk_multi_delete(multi, child, ZK_ANY_VERSION);
        }
        code = multi ? zk_multi_commit(zk, multi, NULL) : ZK_SYSTEM_ERROR;
        zk_multi_free(multi);
        if (code != ZK_NOT_EMPTY)
            continue;
        code = ZK_OK;
        for (size_t k = 0; k < list->child_count && code == ZK_OK; k++) {
            snprintf(child, sizeof child, "%s/%s", path, list->children[k]);
            code = remove_all(zk, child);
        }
        break;
    }
    zk_result_free(list);
    return code == ZK_OK ? zk_delete(zk, path, ZK_ANY_VERSION) : code;
}

static int make_nodes(struct zk *zk, const struct bench_config *config)
{
    char path[512];
    void *data = calloc(1, config->bytes + 1);
    int code = data ? zk_create(zk, config->root, "", 0, NULL, 0, NULL) : ZK_SYSTEM_ERROR;
    for (uint32_t i = 0; i < config->sessions && code == ZK_OK;) {
        struct zk_multi *multi = zk_multi_new();
        for (uint32_t k = 0; multi != NULL && k < DELETES_AT_ONCE && i < config->sessions; k++, i++) {
            bench_path(config, i, path, sizeof path);
            zk_multi_create(multi, path, data, config->bytes <= 1000 ? config->bytes : 0, NULL, 0);
        }
        code = multi ? zk_multi_commit(zk, multi, NULL) : ZK_SYSTEM_ERROR;
        zk_multi_free(multi);
    }
    for (uint32_t i = 0; i < config->sessions && config->bytes > 1000 && code == ZK_OK; i++) {
        bench_path(config, i, path, sizeof path);
        code = zk_set(zk, path, data, config->bytes, ZK_ANY_VERSION, NULL);
    }
    free(data);
    return code;
}

/* Makes the nodes afresh, or with `make` false removes them. */
static bool nodes(const struct bench_config *config, bool make)
{
    struct zk_options options = {.servers = config->servers, .session_timeout_ms = 30000};
    struct zk *zk = NULL;
    int code = zk_open(&options, &zk);
    if (code == ZK_OK)
        code = zk_wait_connected(zk, WAIT_MS);
    if (code == ZK_OK)
        code = remove_all(zk, config->root);
    if (code == ZK_OK && make)
        code = make_nodes(zk, config);
    zk_close(zk);
    if (code != ZK_OK)
        fprintf(stderr, "zk-bench: %s %s on %s: %s\n", make ? "preparing" : "removing", config->root, config->servers,
                zk_err_text(code));
    return code == ZK_OK;
}

/* --- printing --- */

static void print_text(const struct bench_config *c, const char *mode, const struct bench_result *r)
{
    const struct histogram *h = &r->latency;
    double seconds = (double)r->measured_us / 1e6;
    printf("%-8s %8.0f ops/s  (%u sessions x %u, %u bytes, %llu in %.1f s)\n", mode, (double)h->count / seconds,
           c->sessions, c->outstanding, c->bytes, (unsigned long long)h->count, seconds);
    printf("         us: mean %.0f  p50 %llu  p90 %llu  p99 %llu  p99.9 %llu  max %llu\n",
           h->count ? (double)h->sum_us / (double)h->count : 0.0, (unsigned long long)histogram_percentile(h, 500),
           (unsigned long long)histogram_percentile(h, 900), (unsigned long long)histogram_percentile(h, 990),
           (unsigned long long)histogram_percentile(h, 999), (unsigned long long)h->max_us);
    if (r->errors > 0)
        printf("         %llu errors, the first: %s\n", (unsigned long long)r->errors, zk_err_text(r->first_error));
    printf("         this client used %.2f s of CPU; %u of %u sessions with a memory\n", r->client_cpu_s,
           r->memory_sessions, c->sessions);
    fflush(stdout);
}

static void print_json(const struct bench_config *c, const char *mode, const struct bench_result *r)
{
    const struct histogram *h = &r->latency;
    double seconds = (double)r->measured_us / 1e6;
    printf(
        "{\"mode\": \"%s\", \"sessions\": %u, \"outstanding\": %u, \"bytes\": %u, \"ops\": %llu, \"seconds\": %.3f, "
        "\"ops_per_s\": %.1f, \"mean_us\": %.1f, \"p50_us\": %llu, \"p90_us\": %llu, \"p99_us\": %llu, "
        "\"p999_us\": %llu, \"max_us\": %llu, \"errors\": %llu, \"client_cpu_s\": %.2f, \"memory_sessions\": %u}\n",
        mode, c->sessions, c->outstanding, c->bytes, (unsigned long long)h->count, seconds,
        (double)h->count / seconds, h->count ? (double)h->sum_us / (double)h->count : 0.0,
        (unsigned long long)histogram_percentile(h, 500), (unsigned long long)histogram_percentile(h, 900),
        (unsigned long long)histogram_percentile(h, 990), (unsigned long long)histogram_percentile(h, 999),
        (unsigned long long)h->max_us, (unsigned long long)r->errors, r->client_cpu_s, r->memory_sessions);
    fflush(stdout);
}

/* --- modes --- */

struct mode {
    const char *name;
    const char *help;
    enum bench_op op;
    bool single; /* one session, one request at a time */
};

static const struct mode modes[] = {
    {"set", "set data, each session its own node", BENCH_SET, false},
    {"get", "get data, each session its own node", BENCH_GET, false},
    {"mixed", "gets and sets, as -r says", BENCH_MIXED, false},
    {"create", "create nodes, each session below its own", BENCH_CREATE, false},
    {"latency-set", "set data, one session, one request at a time", BENCH_SET, true},
    {"latency-get", "get data, one session, one request at a time", BENCH_GET, true},
};

static int run_mode(const struct bench_config *given, const struct mode *mode)
{
    struct bench_config config = *given;
    struct bench_result *result = malloc(sizeof *result);
    if (mode->single)
        config.sessions = config.outstanding = config.threads = 1;
    bool good = result != NULL && nodes(&config, true) && bench_load(&config, mode->op, result);
    if (good)
        (config.json ? print_json : print_text)(&config, mode->name, result);
    good = nodes(&config, false) && good && result->errors == 0;
    free(result);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_failover(const struct bench_config *given)
{
    struct bench_config config = *given;
    config.sessions = 1;
    if (!nodes(&config, true))
        return EXIT_FAILURE;
    int status = bench_failover(&config);
    return nodes(&config, false) ? status : EXIT_FAILURE;
}

static int run_named(const struct bench_config *config, const char *name)
{
    if (strcmp(name, "failover") == 0)
        return run_failover(config);
    bool all = strcmp(name, "all") == 0;
    bool known = all;
    int status = EXIT_SUCCESS;
    for (size_t i = 0; i < ZK_COUNT_OF(modes); i++) {
        if (!all && strcmp(name, modes[i].name) != 0)
            continue;
        known = true;
        if (run_mode(config, &modes[i]) != EXIT_SUCCESS)
            status = EXIT_FAILURE;
    }
    if (!known) {
        fprintf(stderr, "zk-bench: no mode \"%s\"; -h lists them\n", name);
        return 2;
    }
    return status;
}

/* --- options --- */

static void print_usage(FILE *out)
{
    fputs("usage: zk-bench [OPTION...] MODE...\n"
          "  -s  servers, host:port,...[/chroot]; sessions are spread evenly (127.0.0.1:2181)\n"
          "  -n  sessions (50)\n"
          "  -o  requests outstanding per session (8)\n"
          "  -b  bytes of data (100)\n"
          "  -d  seconds to measure (5)        -w  seconds to warm up before (0.5)\n"
          "  -c  operations to do, in place of -d\n"
          "  -r  per cent of gets in mixed (90)\n"
          "  -j  threads (1)\n"
          "  -t  session time-out in milliseconds (10000)\n"
          "  -p  node to work below; it is deleted before and after (/zk-bench)\n"
          "  --json         one object a line\n"
          "  --no-memory    do not ask zkd for a session with a memory\n"
          "Modes:\n",
          out);
    for (size_t i = 0; i < ZK_COUNT_OF(modes); i++)
        fprintf(out, "  %-12s %s\n", modes[i].name, modes[i].help);
    fputs("  all          all of these in turn\n"
          "  failover     one writer that never stops; says how long it had to wait at most\n",
          out);
}

static bool take_number(const char *text, double least, double most, double *ret)
{
    char *end;
    *ret = strtod(text, &end);
    return end != text && *end == '\0' && *ret >= least && *ret <= most;
}

static bool take_option(struct bench_config *c, int letter, const char *value)
{
    double number = 0;
    bool good = true;
    switch (letter) {
    case 's':
        c->servers = value;
        break;
    case 'p':
        c->root = value;
        good = value[0] == '/' && value[1] != '\0' && strlen(value) < 400 &&
               (strncmp(value, "/zookeeper", 10) != 0 || (value[10] != '\0' && value[10] != '/'));
        break;
    case 'n':
        good = take_number(value, 1, BENCH_SESSIONS_MAX, &number);
        c->sessions = (uint32_t)number;
        break;
    case 'o':
        good = take_number(value, 1, BENCH_OUTSTANDING_MAX, &number);
        c->outstanding = (uint32_t)number;
        break;
    case 'b':
        good = take_number(value, 0, 1000000, &number);
        c->bytes = (uint32_t)number;
        break;
    case 'd':
        good = take_number(value, 0.01, 1e6, &number);
        c->duration_ms = (uint32_t)(number * 1000);
        break;
    case 'w':
        good = take_number(value, 0, 1000, &number);
        c->warm_up_ms = (uint32_t)(number * 1000);
        break;
    case 'c':
        good = take_number(value, 1, 1e12, &number);
        c->count = (uint64_t)number;
        break;
    case 'r':
        good = take_number(value, 0, 100, &number);
        c->read_percent = (uint32_t)number;
        break;
    case 'j':
        good = take_number(value, 1, 64, &number);
        c->threads = (uint32_t)number;
        break;
    case 't':
        good = take_number(value, 1, 1e9, &number);
        c->session_timeout_ms = (uint32_t)number;
        break;
    default:
        return false;
    }
    if (!good)
        fprintf(stderr, "zk-bench: -%c cannot be \"%s\"\n", letter, value);
    return good;
}

int main(int argc, char **argv)
{
    static const struct option long_options[] = {{"json", no_argument, NULL, 1},
                                                 {"no-memory", no_argument, NULL, 2},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {"version", no_argument, NULL, 'V'},
                                                 {NULL, 0, NULL, 0}};
    struct bench_config config = {
        .servers = "127.0.0.1:2181",
        .root = "/zk-bench",
        .sessions = 50,
        .outstanding = 8,
        .bytes = 100,
        .threads = 1,
        .duration_ms = 5000,
        .warm_up_ms = 500,
        .read_percent = 90,
        .session_timeout_ms = 10000,
    };
    for (int letter; (letter = getopt_long(argc, argv, "s:n:o:b:d:w:c:r:j:t:p:hV", long_options, NULL)) != -1;) {
        if (letter == 1) {
            config.json = true;
        } else if (letter == 2) {
            config.no_memory = true;
        } else if (letter == 'h') {
            print_usage(stdout);
            return EXIT_SUCCESS;
        } else if (letter == 'V') {
            puts("zk-bench " PACKAGE_VERSION);
            return EXIT_SUCCESS;
        } else if (!take_option(&config, letter, optarg)) {
            return 2;
        }
    }
    if (optind == argc) {
        print_usage(stderr);
        return 2;
    }
    config.threads = config.threads < config.sessions ? config.threads : config.sessions;
    int status = EXIT_SUCCESS;
    for (int i = optind; i < argc; i++) {
        int one = run_named(&config, argv[i]);
        status = status == EXIT_SUCCESS ? one : status;
    }
    return status;
}
