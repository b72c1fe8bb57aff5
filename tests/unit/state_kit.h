/* state_kit.h: a state with a clock and a zxid, and the shortest way to put a client's request through it. Every
 * command is followed by state_check, so each test also proves the invariants. */
#pragma once
#include "server/state/state.h"
#include "tests/unit/run.h"
#include <stdio.h>

struct kit {
    struct state *s;
    struct state_effects fx;
    uint64_t zxid; /* of the last command */
    int64_t time_ms;
    struct zk_buf payload;
    struct zk_buf acl; /* the ACL that creates ask for */
};

#define EPOCH_1 ((uint64_t)1 << 32)

static inline struct kit kit_new(void)
{
    struct kit k;
    memset(&k, 0, sizeof k);
    k.s = state_new();
    k.zxid = EPOCH_1;
    k.time_ms = 1000;
    state_effects_init(&k.fx);
    zk_acl_vector_world(&k.acl, ZK_PERM_ALL);
    return k;
}

static inline void kit_free(struct kit *k)
{
    state_free(k->s);
    state_effects_fini(&k->fx);
    zk_buf_fini(&k->payload);
    zk_buf_fini(&k->acl);
}

static inline void kit_check(struct kit *k)
{
    const char *why = state_check(k->s);
    ck_assert_msg(why == NULL, "%s", why);
}

static inline void kit_apply(struct kit *k, struct command c)
{
    c.time_ms = c.time_ms ? c.time_ms : (k->time_ms += 10);
    state_apply(k->s, ++k->zxid, &c, &k->fx);
    kit_check(k);
}

/* --- sessions --- */

static const uint8_t KIT_PASSWORD[ZK_PASSWORD_BYTES] = "0123456789abcde";

static inline uint64_t kit_open_with(struct kit *k, int32_t memory, struct zk_slice identities)
{
    struct zk_buf payload;
    zk_buf_init(&payload);
    struct command_open o = {.timeout_ms = 4000, .memory = memory, .server = 2, .identities = identities};
    o.password = zk_slice(KIT_PASSWORD, sizeof KIT_PASSWORD);
    command_open_encode(&payload, &o);
    kit_apply(k, (struct command){.kind = COMMAND_OPEN, .origin = 77, .payload = zk_buf_slice(&payload)});
    zk_buf_fini(&payload);
    ck_assert_int_eq(k->fx.session_change, STATE_SESSION_OPENED);
    return k->fx.session;
}

static inline uint64_t kit_open(struct kit *k)
{
    return kit_open_with(k, 0, zk_slice(NULL, 0));
}

static inline void kit_attach_with(struct kit *k, uint64_t session, const uint8_t *password, bool keeps_memory)
{
    struct zk_buf payload;
    zk_buf_init(&payload);
    struct command_attach a = {.timeout_ms = 5000, .server = 3, .keeps_memory = keeps_memory};
    a.password = zk_slice(password, ZK_PASSWORD_BYTES);
    command_attach_encode(&payload, &a);
    kit_apply(k, (struct command){.kind = COMMAND_ATTACH, .session = session, .payload = zk_buf_slice(&payload)});
    zk_buf_fini(&payload);
}

static inline void kit_attach(struct kit *k, uint64_t session, const uint8_t *password)
{
    kit_attach_with(k, session, password, false);
}

/* The next command of the session, numbered as the server would. */
static inline struct command kit_next(struct kit *k, uint64_t session, uint8_t kind)
{
    struct state_session known = {.generation = 1};
    (void)state_session_get(k->s, session, &known);
    return (struct command){
        .kind = kind, .session = session, .generation = known.generation, .number = known.number + 1};
}

static inline int kit_close(struct kit *k, uint64_t session)
{
    kit_apply(k, kit_next(k, session, COMMAND_CLOSE));
    return k->fx.err;
}

static inline int kit_auth(struct kit *k, uint64_t session, const char *scheme, const char *id)
{
    struct zk_buf payload;
    zk_buf_init(&payload);
    zk_jute_put_cstring(&payload, scheme);
    zk_jute_put_cstring(&payload, id);
    struct command c = kit_next(k, session, COMMAND_AUTH);
    c.payload = zk_buf_slice(&payload);
    kit_apply(k, c);
    zk_buf_fini(&payload);
    return k->fx.err;
}

/* --- requests --- */

/* A request with k->payload as its record, to be changed or applied as it is. */
static inline struct command kit_request(struct kit *k, uint64_t session, int32_t op)
{
    struct command c = kit_next(k, session, COMMAND_REQUEST);
    c.op = op;
    c.xid = 1;
    c.payload = zk_buf_slice(&k->payload);
    return c;
}

/* Sends k->payload as the request's record; the error of the reply header. */
static inline int kit_send_xid(struct kit *k, uint64_t session, int32_t op, int32_t xid)
{
    struct command c = kit_request(k, session, op);
    c.xid = xid;
    kit_apply(k, c);
    return k->fx.err;
}

static inline int kit_send(struct kit *k, uint64_t session, int32_t op)
{
    return kit_send_xid(k, session, op, 1);
}

static inline void kit_put_create(struct kit *k, const char *path, const char *data, int32_t flags)
{
    zk_create_request_encode(&k->payload, &(struct zk_create_request){zk_slice_str(path), zk_slice_str(data),
                                                                     zk_buf_slice(&k->acl), flags});
}

static inline void kit_put_version(struct kit *k, const char *path, int32_t version)
{
    zk_path_version_encode(&k->payload, (struct zk_path_version){zk_slice_str(path), version});
}

static inline void kit_put_set(struct kit *k, const char *path, const char *data, int32_t version)
{
    zk_set_data_request_encode(&k->payload,
                               &(struct zk_set_data_request){zk_slice_str(path), zk_slice_str(data), version});
}

static inline int kit_create(struct kit *k, uint64_t session, const char *path, const char *data, int32_t flags)
{
    zk_buf_reset(&k->payload);
    kit_put_create(k, path, data, flags);
    return kit_send(k, session, ZK_OP_CREATE);
}

/* Where there are many: state_check, as kit_apply does it each time, would take its time. */
static inline void kit_create_quickly(struct kit *k, uint64_t session, const char *path, const char *data,
                                      int32_t flags)
{
    zk_buf_reset(&k->payload);
    kit_put_create(k, path, data, flags);
    struct command c = kit_request(k, session, ZK_OP_CREATE);
    state_apply(k->s, ++k->zxid, &c, &k->fx);
    ck_assert_int_eq(k->fx.err, 0);
}

static inline int kit_delete(struct kit *k, uint64_t session, const char *path, int32_t version)
{
    zk_buf_reset(&k->payload);
    kit_put_version(k, path, version);
    return kit_send(k, session, ZK_OP_DELETE);
}

static inline int kit_set(struct kit *k, uint64_t session, const char *path, const char *data, int32_t version)
{
    zk_buf_reset(&k->payload);
    kit_put_set(k, path, data, version);
    return kit_send(k, session, ZK_OP_SET_DATA);
}

static inline int kit_set_acl(struct kit *k, uint64_t session, const char *path, struct zk_slice acl, int32_t version)
{
    zk_buf_reset(&k->payload);
    zk_set_acl_request_encode(&k->payload, &(struct zk_set_acl_request){zk_slice_str(path), acl, version});
    return kit_send(k, session, ZK_OP_SET_ACL);
}

/* The next part of a multi; its record is put behind it. */
static inline void kit_part(struct kit *k, int32_t op)
{
    zk_multi_header_encode(&k->payload, (struct zk_multi_header){op, false, -1});
}

static inline int kit_send_multi(struct kit *k, uint64_t session)
{
    zk_multi_header_encode(&k->payload, ZK_MULTI_END);
    return kit_send(k, session, ZK_OP_MULTI);
}

/* --- looking --- */

static inline struct zk_stat kit_stat(struct kit *k, const char *path)
{
    struct zk_stat stat;
    ck_assert_msg(state_stat(k->s, zk_slice_str(path), &stat), "no %s", path);
    return stat;
}

static inline bool kit_has(struct kit *k, const char *path)
{
    struct zk_stat stat;
    return state_stat(k->s, zk_slice_str(path), &stat);
}

/* The path in the reply of a create. */
static inline void kit_expect_created(struct kit *k, const char *path)
{
    struct zk_jute in = zk_jute(zk_buf_slice(&k->fx.reply));
    struct zk_slice have = zk_jute_string(&in);
    ck_assert_msg(zk_slice_eq(have, zk_slice_str(path)), "%.*s instead of %s", (int)have.len, have.ptr, path);
}

static inline void kit_expect_event(struct kit *k, size_t i, int32_t type, const char *path)
{
    ck_assert_uint_lt(i, k->fx.event_count);
    ck_assert_int_eq(k->fx.events[i].type, type);
    ck_assert(zk_slice_eq(k->fx.events[i].path, zk_slice_str(path)));
}

/* An ACL vector of one entry. */
static inline void kit_acl(struct zk_buf *out, int32_t perms, const char *scheme, const char *id)
{
    zk_buf_reset(out);
    zk_jute_put_int(out, 1);
    zk_acl_encode(out, &(struct zk_acl){perms, zk_slice_str(scheme), zk_slice_str(id)});
}

/* A vector of one identity. */
static inline void kit_identity(struct zk_buf *out, const char *scheme, const char *id)
{
    zk_buf_reset(out);
    zk_jute_put_int(out, 1);
    zk_jute_put_cstring(out, scheme);
    zk_jute_put_cstring(out, id);
}
