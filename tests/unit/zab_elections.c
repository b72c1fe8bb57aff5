/* zab_elections.c: how long elections take when machines are slow, as a distribution over seeds; -v tells all of it.
 *   zab_elections [-v] SERVERS TICK_MS RUN_MS HELD_MIN_MS HELD_MAX_MS DISK_MIN_MS DISK_MAX_MS SEEDS
 * [FIRST]. RUN_MS 0: nobody is held up (zab_failover.h says what they mean). */
#include "tests/unit/zab_failover.h"
#include "common/base.h"

#include <inttypes.h>
#include <stdio.h>

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_distribution(const char *name, uint32_t *values, size_t count)
{
    static const double at[] = {0.01, 0.5, 0.9, 0.99, 0.999, 1};
    qsort(values, count, sizeof *values, ascending);
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    printf("%-7s n %zu  mean %.1f", name, count, (double)sum / (double)count);
    for (size_t k = 0; k < ZK_COUNT_OF(at); k++)
        printf("  %g%% %" PRIu32, at[k] * 100, values[(size_t)(at[k] * (double)(count - 1))]);
    printf("\n");
}

int main(int argc, char **argv)
{
    bool show = argc > 1 && strcmp(argv[1], "-v") == 0;
    uint32_t n[9] = {0};
    for (int i = 0; i < 9 && i + 1 + show < argc; i++)
        n[i] = (uint32_t)strtoul(argv[i + 1 + show], NULL, 10);
    if (n[0] < 3 || n[0] > WORLD_SERVERS_MAX || n[0] % 2 == 0 || n[1] == 0 || n[7] == 0) {
        fprintf(stderr, "usage: zab_elections [-v] SERVERS TICK_MS RUN_MS HELD_MIN_MS HELD_MAX_MS DISK_MIN_MS DISK_MAX_MS "
                        "SEEDS [FIRST]\n");
        return EXIT_FAILURE;
    }
    struct failover_load load = {n[0], n[1], n[2], n[3], n[4], n[5], n[6]};
    size_t each = (n[0] - 1) / 2, count = 0;
    uint32_t *ms = zk_calloc(n[7] * each, sizeof *ms), *epochs = zk_calloc(n[7] * each, sizeof *epochs);
    uint32_t *all_ms = zk_calloc(n[7] * each, sizeof *all_ms);
    for (uint64_t seed = n[8] ? n[8] : 1; count < n[7] * each; seed++) {
        struct failover_sample samples[FAILOVER_SAMPLES_MAX];
        const char *why = failover_life(&load, seed, show, samples);
        if (why) {
            printf("seed %" PRIu64 ": %s\n", seed, why);
            return EXIT_FAILURE;
        }
        for (size_t k = 0; k < each; k++, count++) {
            ms[count] = samples[k].ms;
            epochs[count] = samples[k].epochs;
            all_ms[count] = samples[k].all_ms;
        }
    }
    print_distribution("ms", ms, count);
    print_distribution("all_ms", all_ms, count);
    print_distribution("epochs", epochs, count);
    free(ms);
    free(epochs);
    free(all_ms);
    return EXIT_SUCCESS;
}
