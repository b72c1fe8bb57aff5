/* The digest's terms. A record is an array of little-endian words, path, ACL and data standing in it as their own
 * XXH3, so that a change costs two short hashes whatever the node holds. Data is a term of its own, seeded with the
 * path: a create hashes its parent's Stat again and not the parent's megabyte. */
#include "server/state/inside.h"
#include <endian.h>
#include <xxhash.h>

static inline uint64_t pair(uint32_t low, uint32_t high)
{
    return htole64((uint64_t)high << 32 | low);
}

uint64_t digest_node(const struct state *s, const struct node *n)
{
    uint64_t words[10] = {
        htole64(n->hash),
        htole64(n->czxid),
        htole64(n->mzxid),
        htole64(n->pzxid),
        htole64((uint64_t)n->ctime_ms),
        htole64((uint64_t)n->mtime_ms),
        htole64(n->kind == NODE_EPHEMERAL ? n->owner->id : (uint64_t)mortal_ttl_ms(n)),
        pair((uint32_t)n->version, (uint32_t)n->aversion),
        pair(node_creates(n), (uint32_t)n->kind << 1 | n->data_null),
        htole64(acls_at(&s->acls, n->acl)->hash),
    };
    return XXH3_64bits(words, sizeof words);
}

uint64_t digest_data(const struct node *n)
{
    return n->data_len == 0 ? 0 : XXH3_64bits_withSeed(n->body + n->name_len, n->data_len, n->hash);
}

uint64_t digest_session(const struct session *session)
{
    uint64_t words[10] = {
        htole64(session->id),
        htole64(session->number),
        htole64(session->origin),
        htole64(session->ended_zxid),
        htole64((uint64_t)session->ended_time_ms),
        pair(session->generation, (uint32_t)session->timeout_ms),
        pair((uint32_t)session->memory, (uint32_t)session->server),
        0,
        0,
        htole64(XXH3_64bits(session->identities, session->identities_len)),
    };
    memcpy(words + 7, session->password, ZK_PASSWORD_BYTES);
    return XXH3_64bits(words, sizeof words);
}

uint64_t digest_result(const struct session *session, int32_t xid, const struct result *result)
{
    uint64_t words[5] = {
        htole64(session->id),
        htole64(result->zxid),
        pair((uint32_t)xid, (uint32_t)result->err),
        pair(result->len, result->whole),
        htole64(result->len ? XXH3_64bits(result->bytes, result->len) : 0),
    };
    return XXH3_64bits(words, sizeof words);
}

uint64_t digest_session_whole(const struct session *session)
{
    uint64_t digest = digest_session(session);
    for (uint32_t i = 0; i < session->result_count; i++)
        digest += digest_result(session, session_result_xid(session, i), session_result(session, i));
    return digest;
}
