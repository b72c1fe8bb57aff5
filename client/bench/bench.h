/* bench.h: zk-bench's parts.
 *
 *   main.c       options, preparing and removing nodes, printing
 *   load.c       many sessions on few loops, each with requests always outstanding
 *   failover.c   one writer that never stops, and how long it had to wait
 */
#pragma once
#include "client/bench/histogram.h"
#include "client/zk.h"

enum bench_op { BENCH_SET, BENCH_GET, BENCH_MIXED, BENCH_CREATE };

enum { BENCH_SERVERS_MAX = 32, BENCH_SESSIONS_MAX = 20000, BENCH_OUTSTANDING_MAX = 10000 };

struct bench_config {
    const char *servers;
    const char *root; /* everything happens below it */
    uint32_t sessions;
    uint32_t outstanding; /* per session */
    uint32_t bytes;
    uint32_t threads;
    uint32_t duration_ms;
    uint32_t warm_up_ms;
    uint64_t count;        /* operations in all; 0: by time */
    uint32_t read_percent; /* mixed */
    uint32_t session_timeout_ms;
    bool no_memory;
    bool json;
};

struct bench_result {
    struct histogram latency;
    uint64_t measured_us;
    uint64_t errors;
    int first_error;
    double client_cpu_s; /* used by this process meanwhile: near measured time * threads, it is what limits */
    uint32_t memory_sessions;
};

/* False after a message: a session could not be had. */
bool bench_load(const struct bench_config *config, enum bench_op op, struct bench_result *ret);
/* An exit status. */
int bench_failover(const struct bench_config *config);

uint64_t bench_now_us(void);
/* The path that session `index` sets and gets, and under which it creates. */
void bench_path(const struct bench_config *config, uint32_t index, char *path, size_t size);
