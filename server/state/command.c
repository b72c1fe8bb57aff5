#include "server/state/command.h"
#include "common/proto.h"

/* Where command_stamp finds the time: behind format, kind and options. */
#define TIME_OFFSET 3

void command_encode(struct zk_buf *out, const struct command *c)
{
    zk_jute_put_u8(out, COMMAND_FORMAT);
    zk_jute_put_u8(out, c->kind);
    zk_jute_put_u8(out, c->options);
    zk_jute_put_long(out, c->time_ms);
    zk_jute_put_long(out, (int64_t)c->session);
    zk_jute_put_int(out, (int32_t)c->generation);
    zk_jute_put_long(out, (int64_t)c->number);
    zk_jute_put_long(out, (int64_t)c->origin);
    zk_jute_put_int(out, c->xid);
    zk_jute_put_int(out, c->op);
    zk_buf_append_slice(out, c->payload);
}

bool command_decode(struct zk_slice body, struct command *ret_command)
{
    struct zk_jute in = zk_jute(body);
    if (zk_jute_u8(&in) != COMMAND_FORMAT)
        return false;
    struct command c;
    c.kind = zk_jute_u8(&in);
    c.options = zk_jute_u8(&in);
    c.time_ms = zk_jute_long(&in);
    c.session = (uint64_t)zk_jute_long(&in);
    c.generation = (uint32_t)zk_jute_int(&in);
    c.number = (uint64_t)zk_jute_long(&in);
    c.origin = (uint64_t)zk_jute_long(&in);
    c.xid = zk_jute_int(&in);
    c.op = zk_jute_int(&in);
    c.payload = zk_jute_rest(&in);
    if (in.bad || c.kind < COMMAND_REQUEST || c.kind > COMMAND_UPGRADE)
        return false;
    *ret_command = c;
    return true;
}

void command_stamp(uint8_t *body, size_t len, int64_t time_ms)
{
    ZK_ASSERT(len >= COMMAND_HEADER_BYTES);
    for (int i = 0; i < 8; i++)
        body[TIME_OFFSET + i] = (uint8_t)((uint64_t)time_ms >> (56 - 8 * i));
}

bool command_identities_add(struct zk_buf *identities, struct zk_slice scheme, struct zk_slice id)
{
    struct zk_jute in = zk_jute(zk_buf_slice(identities));
    int32_t count = zk_jute_count(&in, 8);
    for (int32_t i = 0; i < count; i++) {
        struct zk_slice known = zk_jute_string(&in);
        if (zk_slice_eq(zk_jute_string(&in), id) && zk_slice_eq(known, scheme))
            return true;
    }
    size_t with_it = identities->len + 4 + scheme.len + 4 + id.len;
    if (count >= STATE_IDENTITY_COUNT_MAX || with_it > STATE_IDENTITY_BYTES_MAX)
        return false;
    zk_jute_set_int(identities, 0, count < 0 ? 1 : count + 1);
    zk_jute_put_string(identities, scheme);
    zk_jute_put_string(identities, id);
    return true;
}

static void put_identities(struct zk_buf *out, struct zk_slice identities)
{
    if (identities.ptr == NULL)
        zk_jute_put_int(out, 0);
    zk_buf_append_slice(out, identities);
}

/* The vector at the front of `in`; absent if it is not sound. */
static struct zk_slice take_identities(struct zk_jute *in)
{
    const uint8_t *start = in->at;
    int32_t count = zk_jute_count(in, 8);
    for (int32_t i = 0; i < count && !in->bad; i++) {
        if (zk_jute_string(in).ptr == NULL || zk_jute_string(in).ptr == NULL)
            return zk_slice(NULL, 0);
    }
    return in->bad ? zk_slice(NULL, 0) : zk_slice(start, (size_t)(in->at - start));
}

bool command_identities_are_sound(struct zk_slice identities)
{
    struct zk_jute in = zk_jute(identities);
    return take_identities(&in).ptr != NULL && zk_jute_left(&in) == 0;
}

void command_open_encode(struct zk_buf *out, const struct command_open *o)
{
    zk_jute_put_int(out, o->timeout_ms);
    zk_jute_put_int(out, o->memory);
    zk_jute_put_int(out, o->server);
    zk_jute_put_buffer(out, o->password);
    put_identities(out, o->identities);
}

bool command_open_decode(struct zk_slice payload, struct command_open *ret_open)
{
    struct zk_jute in = zk_jute(payload);
    struct command_open o;
    o.timeout_ms = zk_jute_int(&in);
    o.memory = zk_jute_int(&in);
    o.server = zk_jute_int(&in);
    o.password = zk_jute_buffer(&in);
    o.identities = zk_jute_rest(&in);
    if (in.bad || o.password.len != ZK_PASSWORD_BYTES || !command_identities_are_sound(o.identities))
        return false;
    *ret_open = o;
    return true;
}

void command_attach_encode(struct zk_buf *out, const struct command_attach *a)
{
    zk_jute_put_int(out, a->timeout_ms);
    zk_jute_put_int(out, a->server);
    zk_jute_put_buffer(out, a->password);
    put_identities(out, a->identities);
    zk_jute_put_bool(out, a->keeps_memory);
}

bool command_attach_decode(struct zk_slice payload, struct command_attach *ret_attach)
{
    struct zk_jute in = zk_jute(payload);
    struct command_attach a;
    a.timeout_ms = zk_jute_int(&in);
    a.server = zk_jute_int(&in);
    a.password = zk_jute_buffer(&in);
    a.identities = take_identities(&in);
    a.keeps_memory = zk_jute_left(&in) > 0 && zk_jute_bool(&in);
    if (in.bad || a.password.len != ZK_PASSWORD_BYTES || a.identities.ptr == NULL || zk_jute_left(&in) > 0)
        return false;
    *ret_attach = a;
    return true;
}

void command_reap_encode(struct zk_buf *out, const struct command_reap *reap)
{
    zk_jute_put_string(out, reap->path);
    zk_jute_put_long(out, (int64_t)reap->czxid);
    zk_jute_put_long(out, reap->never_used_ms);
}

bool command_reap_decode(struct zk_slice payload, struct command_reap *ret_reap)
{
    struct zk_jute in = zk_jute(payload);
    struct command_reap reap = {.path = zk_jute_string(&in)};
    reap.czxid = (uint64_t)zk_jute_long(&in);
    reap.never_used_ms = zk_jute_long(&in);
    if (in.bad || reap.path.ptr == NULL)
        return false;
    *ret_reap = reap;
    return true;
}
