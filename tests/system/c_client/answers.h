/* answers.h: what the asynchronous calls of Apache's C client are answered. */
#pragma once
#include "tests/system/c_client/stage.h"

/* What a completion was given. */
struct answer {
    volatile bool came;
    int rc;
    char text[256];
    int count;
    struct Stat stat;
};

/* Completions for every kind of answer; their data is a struct answer. */
void answer_void(int rc, const void *data);
void answer_string(int rc, const char *value, const void *data);
void answer_string_stat(int rc, const char *value, const struct Stat *stat, const void *data);
void answer_stat(int rc, const struct Stat *stat, const void *data);
void answer_data(int rc, const char *value, int len, const struct Stat *stat, const void *data);
void answer_strings_stat(int rc, const struct String_vector *names, const struct Stat *stat, const void *data);
void answer_strings(int rc, const struct String_vector *names, const void *data);
void answer_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data);

/* Until it has come. */
void answer_wait(struct answer *answer);
