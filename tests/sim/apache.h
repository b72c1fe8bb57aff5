/* apache.h: a client that behaves as Apache's do: one request frame after another, "connection loss" for whatever was
 * unanswered when the connection broke, its one-shot watches set again with setWatches. Written a second time, from
 * the protocol's description, so that the server is not only ever met by its own library.
 *
 * Driven by the same events, and told by the same effects, as client/core.h, of which it is a small subset: CREATE,
 * CREATE2, DELETE, EXISTS, GET_DATA, SET_DATA, GET_CHILDREN(2), SYNC, MULTI, SET_ACL, with watches that fire once.
 */
#pragma once
#include "client/core.h"

struct apache;

struct apache_config {
    uint32_t server_count;
    int32_t session_timeout_ms;
    bool sends_read_only; /* clients before 3.4 do not */
    bool asks_read_only;  /* a server without a quorum will do */
    uint64_t session;     /* not 0: take this session over */
    uint8_t password[ZK_PASSWORD_BYTES];
    struct zk_rng rng;
};

struct apache *apache_new(const struct apache_config *config);
void apache_free(struct apache *a);
void apache_step(struct apache *a, const struct zkc_event *event);
/* From now on it says so on every connection. */
void apache_authenticate(struct apache *a, struct zk_slice scheme, struct zk_slice credentials);
int apache_submit(struct apache *a, uint64_t now_ms, const struct zkc_request *request);
bool apache_next_effect(struct apache *a, struct zkc_effect *ret_effect);
uint64_t apache_deadline_ms(const struct apache *a);
uint64_t apache_session(const struct apache *a);
const uint8_t *apache_password(const struct apache *a);
size_t apache_unfinished(const struct apache *a);
bool apache_is_over(const struct apache *a);
