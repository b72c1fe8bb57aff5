/* zab_seeds.c: random lives of zab_world from FIRST on, COUNT of them; or one, told in full.
 *   zab_seeds FIRST COUNT | zab_seeds -v SEED */
#include "tests/unit/zab_life.h"

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
#define MARK(name) printf(", " #name " %" PRIu64, m->name)
    printf("%" PRIu64 " seeds", seeds);
    MARK(elections), MARK(commits), MARK(truncs), MARK(snaps), MARK(snaps_done), MARK(readmissions), MARK(rolls);
    MARK(handovers), MARK(confirms), MARK(crashes), MARK(wipes), MARK(rebuilds), MARK(damages), MARK(recoveries);
    MARK(restores), MARK(renames), MARK(pauses), MARK(cuts), MARK(breaks);
    printf("\n");
#undef MARK
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
    for (uint64_t seed = first; getenv("ZAB_GARBLE") && seed < first + count; seed++)
        life_garbled(seed, show);
    if (getenv("ZAB_GARBLE"))
        return EXIT_SUCCESS;
    for (uint64_t seed = first; seed < first + count; seed++) {
        const char *why = life_random(seed, show, &one);
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
