/* acl.h: access control lists: who may what, and each distinct list kept once.
 *
 * A list is its jute vector of {int perms, string scheme, string id}; the bytes are the value. Identities are the
 * session's vector of {string scheme, string id}. Schemes served: world, auth (only in requests: it stands for the
 * requester's authenticated identities and is expanded before the list is kept), digest, ip. Identity schemes "super"
 * and "skipacl" may everything; the latter is nobody's own and not told (state_who_am_i).
 */
#pragma once
#include "common/err.h"
#include "common/proto.h"
#include "server/state/asker.h"
#include "server/state/index.h"

/* Most entries of a list, and bytes of the list that is kept. More is INVALID_ACL. */
#define ACL_ENTRY_COUNT_MAX 512
#define ACL_BYTES_MAX 65536
/* Bytes that `auth` adds to the lists of one command, for ten of a request may become 64 KiB. More is INVALID_ACL too. */
#define ACL_EXPANDED_MAX 16777216

struct acl {
    uint64_t hash; /* XXH3 of the bytes, for the digest */
    uint64_t place; /* the same with a secret, for the index (tree.h says why) */
    uint32_t refs;  /* by its id */
    uint32_t holds; /* acl_hold */
    uint32_t chain;
    uint32_t len;
    uint64_t told;  /* the round (effects.h) in which it was put into the effects' arena, at: */
    size_t told_at;
    uint64_t asker;  /* the stamp of the one who asked last, and what it gives them: acl_allows */
    uint8_t granted;
    uint8_t world; /* what everybody may: saves decoding in the usual case */
    uint8_t bytes[];
};

/* Interned lists by id, from 1. */
struct acls {
    struct acl **by_id;
    uint32_t used; /* ids below were given out */
    uint32_t cap;
    uint32_t *free_ids;
    uint32_t free_count;
    uint64_t size_bytes; /* of all of them, by acl_size_bytes */
    struct index index;
};

void acls_init(struct acls *acls);
void acls_fini(struct acls *acls);
/* The id of this list, with a reference for the caller. */
uint32_t acls_intern(struct acls *acls, struct zk_slice encoded);
void acls_unref(struct acls *acls, uint32_t id);
/* Keeps the bytes of a list that has references, though it should lose all of them: its id and what `acls` counts end
 * with the references, so that nobody else can tell. Released before acls_fini. */
struct acl *acl_hold(struct acl *acl);
void acl_release(struct acl *acl);

static inline struct acl *acls_at(const struct acls *acls, uint32_t id)
{
    return acls->by_id[id];
}

static inline struct zk_slice acl_bytes(const struct acl *acl)
{
    return zk_slice(acl->bytes, acl->len);
}

/* By a fixed rule, the same on every replica. */
static inline uint64_t acl_size_bytes(const struct acl *acl)
{
    return 80 + (uint64_t)acl->len;
}

/* What the list gives to the one who asks, of ZK_PERM_ALL. An empty list gives everything, as in Apache's. */
int32_t acl_grants(struct zk_slice encoded, struct asker *a);
/* Does it give one of `perms`? Remembered until another asks. */
bool acl_allows(struct acl *acl, int32_t perms, struct asker *a);

/* What a request asks for, made what a node keeps: duplicates dropped, schemes and ids checked, `auth` expanded;
 * appended to `out`. 0, ZK_ERR_INVALID_ACL, or ZK_ERR_MARSHALLING_ERROR where Apache's trips over a null id. */
int acl_fixup(struct zk_slice requested, struct zk_slice identities, struct zk_buf *out);

/* Appends the list with the hash of every digest id replaced by "x". */
void acl_mask(struct zk_slice encoded, struct zk_buf *out);
