#include "tests/sim/tally.h"
#include <inttypes.h>
#include <stdio.h>

static const struct {
    bool is_mark;
    bool is_wanted; /* of a long batch */
    const char *text;
} KINDS[] = {
#define FAULT(name, text) {false, false, text},
#define MARK(name, text)  {true, true, text},
#define RARE(name, text)  {true, false, text},
#include "tests/sim/tally.def"
#undef FAULT
#undef MARK
#undef RARE
};

const char *tally_text(enum tally_kind kind)
{
    return KINDS[kind].text;
}

void tally_add(struct tally *sum, const struct tally *more)
{
    for (size_t i = 0; i < TALLY_KINDS; i++)
        sum->counts[i] += more->counts[i];
    sum->seeds += more->seeds;
    sum->simulated_us += more->simulated_us;
    sum->wall_us += more->wall_us;
    sum->events += more->events;
    sum->operations += more->operations;
    sum->unknown += more->unknown;
    sum->entries += more->entries;
    sum->sessions += more->sessions;
    sum->bytes += more->bytes;
}

static size_t print_kinds(const struct tally *t, bool is_mark)
{
    size_t never = 0;
    printf("%s\n", is_mark ? "reached:" : "faults:");
    for (size_t i = 0; i < TALLY_KINDS; i++)
        if (KINDS[i].is_mark == is_mark) {
            never += KINDS[i].is_wanted && t->counts[i] == 0;
            printf("%12" PRIu64 "  %s\n", t->counts[i], KINDS[i].text);
        }
    return never;
}

size_t tally_print(const struct tally *t)
{
    print_kinds(t, false);
    size_t never = print_kinds(t, true);
    printf("%" PRIu64 " seeds, %.1f simulated hours, %.1f ms of work a seed; %" PRIu64 " events, %" PRIu64
           " sessions, %" PRIu64 " operations (%" PRIu64 " of unknown outcome), %" PRIu64
           " entries committed, %.1f MB "
           "on the network; %zu marks never reached\n",
           t->seeds, (double)t->simulated_us / 3.6e9, t->seeds ? (double)t->wall_us / 1e3 / (double)t->seeds : 0,
           t->events, t->sessions, t->operations, t->unknown, t->entries, (double)t->bytes / 1e6, never);
    return never;
}
