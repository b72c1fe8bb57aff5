#include "server/replica/auth.h"
#include "common/jute.h"

#include <openssl/evp.h>

static const char *algorithm(const struct auth_rules *rules)
{
    return rules->digest_algorithm[0] ? rules->digest_algorithm : "SHA1";
}

static bool hash(const char *name, struct zk_slice text, uint8_t ret_hash[EVP_MAX_MD_SIZE], size_t *ret_len)
{
    return EVP_Q_digest(NULL, name, NULL, text.ptr, text.len, ret_hash, ret_len) == 1;
}

bool auth_knows_algorithm(const char *name)
{
    uint8_t bytes[EVP_MAX_MD_SIZE];
    size_t len;
    return hash(name, zk_slice_str(""), bytes, &len);
}

/* ",a,b," has "a". */
static bool list_has(const char *list, struct zk_slice name)
{
    for (const char *at = list; *at != '\0' && at[1] != '\0'; at += 1 + strcspn(at + 1, ",")) {
        size_t len = strcspn(at + 1, ",");
        if (zk_slice_eq(zk_slice(at + 1, len), name))
            return true;
    }
    return false;
}

static void put_identity(struct zk_buf *out, const char *scheme, struct zk_slice id)
{
    zk_jute_put_cstring(out, scheme);
    zk_jute_put_string(out, id);
}

/* "user:password" becomes user:base64(hash of all of it), the form that ACLs hold. Without a colon it is all user. */
static enum auth_verdict check_digest(const struct auth_rules *rules, struct zk_slice credentials, struct zk_buf *out)
{
    uint8_t bytes[EVP_MAX_MD_SIZE], base64[4 * ((EVP_MAX_MD_SIZE + 2) / 3) + 1];
    size_t len;
    if (rules->digest_off || credentials.ptr == NULL || !hash(algorithm(rules), credentials, bytes, &len))
        return AUTH_REFUSED;
    const uint8_t *colon = credentials.len ? memchr(credentials.ptr, ':', credentials.len) : NULL;
    struct zk_buf id;
    zk_buf_init(&id);
    zk_buf_append(&id, credentials.ptr, colon ? (size_t)(colon - credentials.ptr) : credentials.len);
    zk_buf_append(&id, ":", 1);
    zk_buf_append(&id, base64, (size_t)EVP_EncodeBlock(base64, bytes, (int)len));
    if (rules->super_digest[0] && zk_slice_eq(zk_buf_slice(&id), zk_slice_str(rules->super_digest)))
        put_identity(out, "super", zk_slice_str(""));
    put_identity(out, "digest", zk_buf_slice(&id));
    zk_buf_fini(&id);
    return AUTH_ACCEPTED;
}

static enum auth_verdict check_ensemble(const struct auth_rules *rules, struct zk_slice credentials)
{
    bool fits = rules->ensembles[0] == '\0' || credentials.len == 0 || list_has(rules->ensembles, credentials);
    return fits ? AUTH_ACCEPTED : AUTH_ELSEWHERE;
}

enum auth_verdict auth_check(const struct auth_rules *rules, struct zk_slice scheme, struct zk_slice credentials,
                             struct zk_buf *out)
{
    if (zk_slice_eq(scheme, zk_slice_str("digest")))
        return check_digest(rules, credentials, out);
    if (zk_slice_eq(scheme, zk_slice_str("ensemble")) && rules->ensembles[0])
        return check_ensemble(rules, credentials);
    return zk_slice_eq(scheme, zk_slice_str("ip")) ? AUTH_ACCEPTED : AUTH_REFUSED;
}

bool auth_satisfies(const struct auth_rules *rules, struct zk_slice scheme)
{
    return rules->enforced[0] == '\0' || list_has(rules->enforced, scheme);
}
