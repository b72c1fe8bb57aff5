/* words_look.h: the words that look closer: at connections, sessions, watches, digests, the configuration. */
#pragma once
#include "server/net/words.h"

/* What one word may say; the rest is left out. */
#define WORDS_BYTES_MAX (32u << 20)

typedef void word_fn(const struct words *words, uint64_t now_ms, struct zk_buf *out);

word_fn words_conf, words_cons, words_crst, words_srst, words_dirs, words_dump, words_hash, words_gtmk, words_wchs,
    words_wchc, words_wchp;
