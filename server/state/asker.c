#include "server/state/asker.h"
#include <stdlib.h>

void asker_init(struct asker *a)
{
    memset(a, 0, sizeof *a);
}

void asker_fini(struct asker *a)
{
    zk_buf_fini(&a->identities);
    free(a->digests);
    free(a->addresses);
}

static bool is_literal(struct zk_slice s, const char *text)
{
    return zk_slice_eq(s, zk_slice_str(text));
}

static void make_room(struct asker *a, size_t count)
{
    if (count <= a->room)
        return;
    a->room = count;
    a->digests = zk_realloc(a->digests, count * sizeof *a->digests);
    a->addresses = zk_realloc(a->addresses, count * sizeof *a->addresses);
}

/* The shorter first: most differ in their lengths already. */
static int by_id(const void *a, const void *b)
{
    const struct zk_slice *x = a, *y = b;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return x->len == 0 ? 0 : memcmp(x->ptr, y->ptr, x->len);
}

static void add(struct asker *a, struct zk_slice scheme, struct zk_slice id)
{
    if (is_literal(scheme, "digest"))
        a->digests[a->digest_count++] = id;
    else if (is_literal(scheme, "ip"))
        a->addresses[a->address_count++] = address_read(id);
    else if (is_literal(scheme, "super") || is_literal(scheme, "skipacl"))
        a->is_super = true;
}

static bool has_digest(const struct asker *a, struct zk_slice id)
{
    return a->digest_count > 0 && id.ptr != NULL &&
           bsearch(&id, a->digests, a->digest_count, sizeof *a->digests, by_id) != NULL;
}

void asker_set(struct asker *a, struct zk_slice identities)
{
    if (a->stamp != 0 && zk_slice_eq(zk_buf_slice(&a->identities), identities))
        return;
    a->stamp++;
    a->identities.len = 0;
    zk_buf_append_slice(&a->identities, identities);
    a->digest_count = a->address_count = 0;
    a->is_super = false;
    struct zk_jute in = zk_jute(zk_buf_slice(&a->identities));
    int32_t count = zk_jute_count(&in, 8);
    make_room(a, count > 0 ? (size_t)count : 0);
    for (int32_t i = 0; i < count; i++, a->work++) {
        struct zk_slice scheme = zk_jute_string(&in);
        add(a, scheme, zk_jute_string(&in));
    }
    if (a->digest_count > 1)
        qsort(a->digests, a->digest_count, sizeof *a->digests, by_id);
}

bool asker_is_named(struct asker *a, const struct zk_acl *entry)
{
    a->work++;
    if (is_literal(entry->scheme, "world"))
        return is_literal(entry->id, "anyone");
    if (is_literal(entry->scheme, "digest"))
        return has_digest(a, entry->id);
    return is_literal(entry->scheme, "ip") && address_matches(a->addresses, a->address_count, entry->id);
}
