/* words.h: 4-letter words: what `echo srvr | nc host 2181` is answered, in Apache ZooKeeper's formats, which monitoring
 * reads. Served are all but stmk, which sets a mask of what is traced; it is known, so that it is answered that it may not
 * be used rather than taken for the length of a frame. */
#pragma once
#include "server/replica/replica.h"
#include "server/settings.h"

#define WORDS_LENGTH 4

struct loop;

/* Who answers. Borrowed from the daemon. */
struct words {
    const struct settings *settings;
    const struct loop *loop;
    uint64_t start_ms; /* loop_clock_ms at the start */
    void (*more)(void *arg, struct zk_buf *out); /* further lines for mntr; NULL: none */
    void *more_arg;
};

/* Is the first word of a connection one of Apache's? */
bool words_are(const uint8_t first[WORDS_LENGTH]);
/* The answer, whole. */
void words_answer(const struct words *words, const uint8_t word[WORDS_LENGTH], uint64_t now_ms, struct zk_buf *out);
/* "3.9.5-zkd-0.1.0, built on 2025-11-23": starts with the Apache version whose protocol this is, for clients ask. */
const char *words_version(void);
