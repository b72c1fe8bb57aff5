/* zab_seeds.c: random lives of zab_world from FIRST on, COUNT of them; or one, told in full.
 *   zab_seeds FIRST COUNT | zab_seeds -v SEED */
#include "tests/unit/zab_world.h"

#include <inttypes.h>
#include <stdio.h>

static void add_marks(struct world_marks *sum, const struct world_marks *one)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)one;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

static void print_marks(const struct world_marks *m, uint64_t seeds)
{
    printf("%" PRIu64 " seeds: elections %" PRIu64 ", commits %" PRIu64 ", truncs %" PRIu64 ", snaps %" PRIu64
           " (done %" PRIu64 "), readmissions %" PRIu64 ", rolls %" PRIu64 ", handovers %" PRIu64 ", confirms %" PRIu64
           ", crashes %" PRIu64 ", wipes %" PRIu64 ", restores %" PRIu64 " (renames %" PRIu64 "), pauses %" PRIu64
           ", cuts %" PRIu64 ", breaks %" PRIu64 "\n",
           seeds, m->elections, m->commits, m->truncs, m->snaps, m->snaps_done, m->readmissions, m->rolls, m->handovers,
           m->confirms, m->crashes, m->wipes, m->restores, m->renames, m->pauses, m->cuts, m->breaks);
}

int main(int argc, char **argv)
{
    bool show = argc > 1 && strcmp(argv[1], "-v") == 0;
    uint64_t first = argc > 1 + show ? strtoull(argv[1 + show], NULL, 10) : 1;
    uint64_t count = !show && argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
#ifdef ZK_PLANTED_BUGS
    const char *bug = getenv("ZK_PLANTED_BUG");
    zk_planted_bug = bug ? atoi(bug) : 0;
#endif
    struct world_marks sum = {0}, one;
    for (uint64_t seed = first; seed < first + count; seed++) {
        const char *why = world_random(seed, show, &one);
        add_marks(&sum, &one);
        if (!why)
            continue;
        printf("%s\nreplay: zab_seeds -v %" PRIu64 "\n", why, seed);
        print_marks(&sum, seed - first + 1);
        return EXIT_FAILURE;
    }
    print_marks(&sum, count);
    return EXIT_SUCCESS;
}
