#include "tests/system/c_client/answers.h"

static void came(struct answer *a, int rc, const char *text, const struct Stat *stat)
{
    a->rc = rc;
    if (rc == ZOK && text != NULL)
        snprintf(a->text, sizeof a->text, "%s", text);
    if (rc == ZOK && stat != NULL)
        a->stat = *stat;
    __atomic_store_n(&a->came, true, __ATOMIC_RELEASE);
}

void answer_void(int rc, const void *data)
{
    came((struct answer *)data, rc, NULL, NULL);
}

void answer_string(int rc, const char *value, const void *data)
{
    came((struct answer *)data, rc, value, NULL);
}

void answer_string_stat(int rc, const char *value, const struct Stat *stat, const void *data)
{
    came((struct answer *)data, rc, value, stat);
}

void answer_stat(int rc, const struct Stat *stat, const void *data)
{
    came((struct answer *)data, rc, NULL, stat);
}

void answer_data(int rc, const char *value, int len, const struct Stat *stat, const void *data)
{
    char text[256] = "";
    if (rc == ZOK && len >= 0)
        snprintf(text, sizeof text, "%.*s", len, value);
    came((struct answer *)data, rc, text, stat);
}

void answer_strings_stat(int rc, const struct String_vector *names, const struct Stat *stat, const void *data)
{
    struct answer *a = (struct answer *)data;
    a->count = rc == ZOK ? names->count : -1;
    came(a, rc, NULL, stat);
}

void answer_strings(int rc, const struct String_vector *names, const void *data)
{
    answer_strings_stat(rc, names, NULL, data);
}

void answer_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data)
{
    struct answer *a = (struct answer *)data;
    a->count = rc == ZOK ? acl->count : -1;
    came(a, rc, rc == ZOK ? acl->data[0].id.scheme : NULL, stat);
}

void answer_wait(struct answer *answer)
{
    EVENTUALLY(__atomic_load_n(&answer->came, __ATOMIC_ACQUIRE));
}
