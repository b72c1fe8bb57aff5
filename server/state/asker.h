/* asker.h: who asks: the identities of a session, made ready for being looked up many times.
 *
 * WHY HERE    One multi can ask 55,000 times, and each list can have 512 entries for 64 identities. So the identities are
 *             decoded and sorted once, and what a list gives to the one who asked last stands with the list (acl.h):
 *             asking again costs nothing, asking about another list costs its entries.
 * OWNERSHIP   It keeps a copy of the identities, and compares: who asks need not say that they have changed.
 */
#pragma once
#include "common/proto.h"
#include "server/state/address.h"

struct asker {
    uint64_t stamp; /* a new one with each other vector; from 1 */
    uint64_t work;  /* entries of lists looked up so far, and identities decoded */
    struct zk_buf identities;
    bool is_super; /* or skipacl: may everything */
    struct zk_slice *digests; /* ids of this scheme, in `identities`, in their order */
    size_t digest_count;
    struct address *addresses; /* of the scheme ip */
    size_t address_count;
    size_t room; /* for either */
};

void asker_init(struct asker *a);
void asker_fini(struct asker *a);
/* From now on one with this vector of {string scheme, string id} asks. */
void asker_set(struct asker *a, struct zk_slice identities);
/* Does this entry of a list stand for the one who asks? */
bool asker_is_named(struct asker *a, const struct zk_acl *entry);
