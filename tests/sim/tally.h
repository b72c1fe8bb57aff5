/* tally.h: what a seed, a batch, a year of seeds has done: faults by class, marks reached, volumes. */
#pragma once
#include "common/base.h"

enum tally_kind {
#define FAULT(name, text) FAULT_##name,
#define MARK(name, text)  MARK_##name,
#define RARE(name, text)  MARK_##name,
#include "tests/sim/tally.def"
#undef FAULT
#undef MARK
#undef RARE
    TALLY_KINDS,
};

struct tally {
    uint64_t counts[TALLY_KINDS];
    uint64_t seeds;
    uint64_t simulated_us;
    uint64_t wall_us;
    uint64_t events;
    uint64_t operations; /* of clients, answered */
    uint64_t unknown;    /* of those: with an unknown outcome */
    uint64_t entries;    /* committed */
    uint64_t sessions;
    uint64_t bytes; /* on the network */
};

void tally_add(struct tally *sum, const struct tally *more);
/* Prints volumes, faults and marks. Returns how many marks were never hit, the rare ones apart. */
size_t tally_print(const struct tally *t);
const char *tally_text(enum tally_kind kind);
