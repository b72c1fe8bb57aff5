#include "server/state/acl.h"
#include "server/state/address.h"
#include <xxhash.h>

/* --- interning --- */

static uint64_t hash_of(const void *owner, uint32_t id)
{
    return ((const struct acls *)owner)->by_id[id]->place;
}

static uint32_t *chain_of(void *owner, uint32_t id)
{
    return &((struct acls *)owner)->by_id[id]->chain;
}

static const struct index_ops acl_index_ops = {hash_of, chain_of};

void acls_init(struct acls *acls)
{
    memset(acls, 0, sizeof *acls);
    acls->used = 1;
    index_init(&acls->index, acls, &acl_index_ops);
}

void acls_fini(struct acls *acls)
{
    for (uint32_t id = 1; id < acls->used; id++)
        free(acls->by_id[id]);
    free(acls->by_id);
    free(acls->free_ids);
    index_fini(&acls->index);
}

static uint32_t take_id(struct acls *acls)
{
    if (acls->free_count > 0)
        return acls->free_ids[--acls->free_count];
    if (acls->used >= acls->cap) {
        acls->cap = acls->cap ? acls->cap * 2 : 16;
        acls->by_id = zk_realloc(acls->by_id, acls->cap * sizeof *acls->by_id);
        acls->free_ids = zk_realloc(acls->free_ids, acls->cap * sizeof *acls->free_ids);
    }
    return acls->used++;
}

static bool is_literal(struct zk_slice s, const char *text)
{
    return zk_slice_eq(s, zk_slice_str(text));
}

static uint8_t world_perms(struct zk_slice encoded)
{
    struct zk_jute in = zk_jute(encoded);
    int32_t count = zk_jute_count(&in, ZK_ACL_MIN_BYTES);
    int32_t perms = 0;
    for (int32_t i = 0; i < count; i++) {
        struct zk_acl a = zk_acl_decode(&in);
        if (is_literal(a.scheme, "world") && is_literal(a.id, "anyone"))
            perms |= a.perms;
    }
    return (uint8_t)(perms & ZK_PERM_ALL);
}

uint32_t acls_intern(struct acls *acls, struct zk_slice encoded)
{
    uint64_t place = XXH3_64bits_withSeed(encoded.ptr, encoded.len, acls->index.secret);
    for (uint32_t id = *index_bucket(&acls->index, place); id != 0; id = acls->by_id[id]->chain) {
        struct acl *known = acls->by_id[id];
        if (known->place == place && zk_slice_eq(acl_bytes(known), encoded)) {
            known->refs++;
            return id;
        }
    }
    struct acl *acl = zk_alloc(sizeof *acl + encoded.len);
    *acl = (struct acl){.hash = XXH3_64bits(encoded.ptr, encoded.len), .place = place, .refs = 1,
                        .len = (uint32_t)encoded.len, .world = world_perms(encoded)};
    memcpy(acl->bytes, encoded.ptr, encoded.len);
    uint32_t id = take_id(acls);
    acls->by_id[id] = acl;
    acls->size_bytes += acl_size_bytes(acl);
    index_insert(&acls->index, id);
    return id;
}

void acls_unref(struct acls *acls, uint32_t id)
{
    struct acl *acl = acls->by_id[id];
    ZK_ASSERT(acl != NULL);
    ZK_ASSERT(acl->refs > 0);
    if (--acl->refs > 0)
        return;
    index_remove(&acls->index, id);
    acls->size_bytes -= acl_size_bytes(acl);
    acls->by_id[id] = NULL;
    acls->free_ids[acls->free_count++] = id;
    if (acl->holds == 0)
        free(acl);
}

struct acl *acl_hold(struct acl *acl)
{
    acl->holds++;
    return acl;
}

void acl_release(struct acl *acl)
{
    if (--acl->holds == 0 && acl->refs == 0)
        free(acl);
}

/* --- deciding --- */

int32_t acl_grants(struct zk_slice encoded, struct asker *a)
{
    struct zk_jute in = zk_jute(encoded);
    int32_t count = zk_jute_count(&in, ZK_ACL_MIN_BYTES);
    if (count <= 0 || a->is_super)
        return ZK_PERM_ALL;
    int32_t granted = 0;
    for (int32_t i = 0; i < count && granted != ZK_PERM_ALL; i++) {
        struct zk_acl entry = zk_acl_decode(&in);
        int32_t more = entry.perms & ZK_PERM_ALL & ~granted;
        if (more != 0 && asker_is_named(a, &entry))
            granted |= more;
    }
    return granted;
}

bool acl_allows(struct acl *acl, int32_t perms, struct asker *a)
{
    if (acl->asker != a->stamp) {
        acl->granted = (uint8_t)acl_grants(acl_bytes(acl), a);
        acl->asker = a->stamp;
    }
    return (acl->granted & perms) != 0;
}

/* --- what a request asks for --- */

/* Java's id.split(":") has two parts: trailing colons do not count, and one colon is left. */
static bool digest_is_sound(struct zk_slice id)
{
    while (id.len > 0 && id.ptr[id.len - 1] == ':')
        id.len--;
    size_t colons = 0;
    for (size_t i = 0; i < id.len; i++)
        colons += id.ptr[i] == ':';
    return colons == 1;
}

struct identity {
    struct zk_slice scheme;
    struct zk_slice id;
};

static struct identity next_identity(struct zk_jute *in)
{
    struct zk_slice scheme = zk_jute_string(in);
    return (struct identity){scheme, zk_jute_string(in)};
}

/* Appends the requester's authenticated identities (an address is not one) with these perms; how many. */
static int32_t expand_auth(int32_t perms, struct zk_slice identities, struct zk_buf *out)
{
    struct zk_jute in = zk_jute(identities);
    int32_t count = zk_jute_count(&in, 8);
    int32_t expanded = 0;
    for (int32_t i = 0; i < count; i++) {
        struct identity who = next_identity(&in);
        if (!is_literal(who.scheme, "digest"))
            continue;
        zk_acl_encode(out, &(struct zk_acl){perms, who.scheme, who.id});
        expanded++;
    }
    return expanded;
}

/* Appends what `a` becomes: the number of entries, or a negative zk_err. */
static int32_t fixup_entry(const struct zk_acl *a, struct zk_slice identities, struct zk_buf *out)
{
    if (a->scheme.ptr == NULL)
        return ZK_ERR_INVALID_ACL;
    if (is_literal(a->scheme, "auth")) {
        int32_t expanded = expand_auth(a->perms, identities, out);
        return expanded > 0 ? expanded : ZK_ERR_INVALID_ACL;
    }
    bool world = is_literal(a->scheme, "world");
    bool digest = is_literal(a->scheme, "digest");
    bool ip = is_literal(a->scheme, "ip");
    if ((world || digest || ip) && a->id.ptr == NULL)
        return ZK_ERR_MARSHALLING_ERROR;
    if (!(world && is_literal(a->id, "anyone")) && !(digest && digest_is_sound(a->id)) &&
        !(ip && address_is_sound(a->id)))
        return ZK_ERR_INVALID_ACL;
    zk_acl_encode(out, a);
    return 1;
}

int acl_fixup(struct zk_slice requested, struct zk_slice identities, struct zk_buf *out)
{
    struct zk_slice seen[ACL_ENTRY_COUNT_MAX];
    struct zk_jute in = zk_jute(requested);
    int32_t count = zk_jute_count(&in, ZK_ACL_MIN_BYTES);
    if (count <= 0 || count > ACL_ENTRY_COUNT_MAX)
        return ZK_ERR_INVALID_ACL;
    size_t start = out->len;
    int32_t kept = 0;
    zk_jute_put_int(out, 0);
    for (int32_t i = 0; i < count; i++) {
        const uint8_t *at = in.at;
        struct zk_acl a = zk_acl_decode(&in);
        seen[i] = zk_slice(at, (size_t)(in.at - at));
        bool known = false;
        for (int32_t k = 0; k < i && !known; k++)
            known = zk_slice_eq(seen[k], seen[i]);
        int32_t made = known ? 0 : fixup_entry(&a, identities, out);
        if (made < 0 || out->len - start > ACL_BYTES_MAX) {
            out->len = start;
            return made < 0 ? made : ZK_ERR_INVALID_ACL;
        }
        kept += made;
    }
    zk_jute_set_int(out, start, kept);
    return 0;
}

void acl_mask(struct zk_slice encoded, struct zk_buf *out)
{
    struct zk_jute in = zk_jute(encoded);
    int32_t count = zk_jute_count(&in, ZK_ACL_MIN_BYTES);
    zk_jute_put_int(out, count);
    for (int32_t i = 0; i < count; i++) {
        struct zk_acl a = zk_acl_decode(&in);
        const uint8_t *colon = a.id.len ? memchr(a.id.ptr, ':', a.id.len) : NULL;
        if (!is_literal(a.scheme, "digest") || colon == NULL) {
            zk_acl_encode(out, &a);
            continue;
        }
        size_t user_len = (size_t)(colon - a.id.ptr);
        zk_jute_put_int(out, a.perms);
        zk_jute_put_string(out, a.scheme);
        zk_jute_put_int(out, (int32_t)user_len + 2);
        zk_buf_append(out, a.id.ptr, user_len);
        zk_buf_append(out, ":x", 2);
    }
}
