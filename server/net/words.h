/* words.h: 4-letter words: what `echo srvr | nc host 2181` is answered, in Apache ZooKeeper's formats, which monitoring
 * reads. */
#pragma once
#include "server/replica/replica.h"
#include "server/settings.h"

#define WORDS_LENGTH 4
/* What Apache's servers trace by default. */
#define WORDS_TRACE_MASK 306

struct loop;

/* Who answers. Borrowed from the daemon. */
struct words {
    const struct settings *settings;
    const struct loop *loop;
    uint64_t start_ms;  /* loop_clock_ms at the start */
    int64_t trace_mask; /* WORDS_TRACE_MASK until stmk sets it and gtmk tells it; zkd traces nothing */
    void (*more)(void *arg, struct zk_buf *out); /* further lines for mntr; NULL: none */
    void *more_arg;
};

/* Is the first word of a connection one of Apache's? */
bool words_are(const uint8_t first[WORDS_LENGTH]);
/* The answer, whole. `behind` is what came together with the word: stmk's mask is there, 8 bytes, or it is not answered. */
void words_answer(struct words *words, const uint8_t word[WORDS_LENGTH], struct zk_slice behind, uint64_t now_ms,
                  struct zk_buf *out);
/* "3.9.5-zkd-0.1.0, built on 2025-11-23": starts with the Apache version whose protocol this is, for clients ask. */
const char *words_version(void);
