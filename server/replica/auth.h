/* auth.h: who a client is: its credentials become identities at the door, by this server's configuration, and travel in
 * the command; the state only compares them with ACLs.
 *
 * Schemes: digest ("user:password", one-way), ensemble (a name that must be one of ours, so that a client of another
 * ensemble goes elsewhere), ip (known since the connection came). `super` and `skipacl` are identities that no client can
 * ask for by name: the first is the digest super user's, the second everybody's where the configuration says skipACL.
 */
#pragma once
#include "common/buf.h"

#define AUTH_NAME_BYTES 256
#define AUTH_ALGORITHM_BYTES 32

struct auth_rules {
    bool digest_off;
    char digest_algorithm[AUTH_ALGORITHM_BYTES]; /* "": SHA-1; else one that auth_knows_algorithm */
    char super_digest[AUTH_NAME_BYTES];          /* "user:base64(hash)"; "": there is no super user */
    char ensembles[AUTH_NAME_BYTES];             /* names with commas around each: ",a,b,"; "": any will do */
    char enforced[AUTH_NAME_BYTES];              /* schemes, as above: a client must have one of them; "": none */
    bool skip_acl;
};

enum auth_verdict {
    AUTH_REFUSED,   /* the client is told, and its connection closed */
    AUTH_ACCEPTED,  /* with or without identities gained */
    AUTH_ELSEWHERE, /* its connection is closed without a word: it may belong to another server */
};

bool auth_knows_algorithm(const char *name);
/* Appends the identities gained, as pairs of jute strings (scheme, id), to `out`. `credentials` may be absent. */
enum auth_verdict auth_check(const struct auth_rules *rules, struct zk_slice scheme, struct zk_slice credentials,
                             struct zk_buf *out);
/* Does having one of this scheme's identities fulfil what is enforced? */
bool auth_satisfies(const struct auth_rules *rules, struct zk_slice scheme);
