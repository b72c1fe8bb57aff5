#include "tests/sim/model_impl.h"
#include "common/err.h"
#include <stdio.h>

/* --- sessions and permissions --- */

struct model_session *model_session_at(const struct model *m, uint64_t id)
{
    size_t lo = 0, hi = m->session_count; /* ids grow: they are the zxids of the opening entries */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (m->sessions[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < m->session_count && m->sessions[lo].id == id ? &m->sessions[lo] : NULL;
}

const struct model_session *model_guest_of(const struct model *m, uint64_t id)
{
    for (size_t i = m->guest_count; i > 0; i--)
        if (m->guests[i - 1].id == id)
            return &m->guests[i - 1];
    return NULL;
}

const struct model_session *model_session(const struct model *m, uint64_t id)
{
    return model_session_at(m, id);
}

size_t model_session_count(const struct model *m)
{
    size_t count = 0;
    for (size_t i = 0; i < m->session_count; i++)
        count += m->sessions[i].ended_zxid == 0;
    return count;
}

void model_each_session(const struct model *m, model_session_fn *fn, void *arg)
{
    for (size_t i = 0; i < m->session_count; i++)
        fn(arg, &m->sessions[i]);
}

static void add_identity(struct model_session *s, uint64_t zxid, struct zk_slice scheme, struct zk_slice id)
{
    for (size_t i = 0; i < s->identity_count; i++) {
        const struct model_identity *known = &s->identities[i];
        if (known->until == UINT64_MAX && zk_slice_eq(known->scheme, scheme) && zk_slice_eq(known->id, id))
            return;
    }
    s->identities = zk_realloc(s->identities, (s->identity_count + 1) * sizeof(*s->identities));
    s->identities[s->identity_count++] = (struct model_identity){zxid, UINT64_MAX, scheme, id};
}

void model_guest(struct model *m, uint64_t id, const char *address)
{
    m->guests = zk_realloc(m->guests, (m->guest_count + 1) * sizeof(*m->guests));
    struct model_session *s = &m->guests[m->guest_count++];
    *s = (struct model_session){.id = id};
    add_identity(s, 0, zk_slice_str("ip"), zk_slice_str(model_keep_text(m, address)));
}

const struct model_identity *model_identity(const struct model_session *s, uint64_t zxid, size_t n)
{
    for (size_t i = 0; s && i < s->identity_count; i++)
        if (s->identities[i].since <= zxid && zxid < s->identities[i].until && n-- == 0)
            return &s->identities[i];
    return NULL;
}

static bool read_address(struct zk_slice text, uint32_t *ret_address, int *ret_bits)
{
    char copy[32];
    unsigned byte[4];
    *ret_bits = 32;
    snprintf(copy, sizeof(copy), "%.*s", (int)text.len, (const char *)text.ptr);
    if (sscanf(copy, "%u.%u.%u.%u/%d", &byte[0], &byte[1], &byte[2], &byte[3], ret_bits) < 4)
        return false;
    *ret_address = byte[0] << 24 | byte[1] << 16 | byte[2] << 8 | byte[3];
    return true;
}

static bool is_in_network(struct zk_slice address, struct zk_slice network)
{
    uint32_t a, n;
    int bits, all;
    return read_address(address, &a, &all) && read_address(network, &n, &bits) && a >> (32 - bits) == n >> (32 - bits);
}

static bool fits(const struct model_identity *who, const struct zk_acl *entry)
{
    if (!zk_slice_eq(who->scheme, entry->scheme))
        return false;
    return zk_slice_eq(entry->scheme, zk_slice_str("ip")) ? is_in_network(who->id, entry->id)
                                                          : zk_slice_eq(who->id, entry->id);
}

static bool has_identity(const struct model_session *s, const struct zk_acl *entry, uint64_t zxid)
{
    if (zk_slice_eq(entry->scheme, zk_slice_str("world")) && zk_slice_eq(entry->id, zk_slice_str("anyone")))
        return true;
    const struct model_identity *who;
    for (size_t i = 0; (who = model_identity(s, zxid, i)); i++)
        if (fits(who, entry))
            return true;
    return false;
}

bool model_may(const struct model *m, uint64_t session, struct zk_slice acl, int32_t perm, uint64_t zxid)
{
    struct zk_jute in = zk_jute(acl);
    int32_t count = acl.ptr ? zk_jute_count(&in, ZK_ACL_MIN_BYTES) : 0;
    if (count <= 0)
        return true;
    const struct model_session *s = model_session_at(m, session);
    if (!s || s->opened_zxid > zxid)
        s = model_guest_of(m, session);
    if (s && s->ended_zxid && s->ended_zxid < zxid)
        s = NULL; /* of what its own end does it hears as who it was */
    for (int32_t i = 0; i < count; i++) {
        struct zk_acl entry = zk_acl_decode(&in);
        if ((entry.perms & perm) && has_identity(s, &entry, zxid))
            return true;
    }
    return false;
}

bool model_was_hidden(const struct model *m, const struct model_node *node, uint64_t session, uint64_t zxid)
{
    for (size_t i = 0; i < node->version_count; i++)
        if (node->versions[i].zxid > zxid &&
            !model_may(m, session, node->versions[i].acl, ZK_PERM_READ, node->versions[i].zxid))
            return true;
    return false;
}

static void add_identities(struct model_session *s, uint64_t zxid, struct zk_slice vector)
{
    struct zk_jute in = zk_jute(vector);
    int32_t count = zk_jute_count(&in, 8);
    for (int32_t i = 0; i < count; i++) {
        struct zk_slice scheme = zk_jute_string(&in);
        add_identity(s, zxid, scheme, zk_jute_string(&in));
    }
}

/* Who comes to another connection has to say again who it is. */
static void forget_identities(struct model_session *s, uint64_t zxid)
{
    for (size_t i = 0; i < s->identity_count; i++)
        s->identities[i].until = zk_min_u64(s->identities[i].until, zxid);
}

/* --- commands --- */

/* In its place by the id: those that began on one server have larger ones than all others. */
static struct model_session *make_room(struct model *m, uint64_t id)
{
    m->sessions = zk_realloc(m->sessions, (m->session_count + 1) * sizeof(*m->sessions));
    size_t at = m->session_count++;
    for (; at > 0 && m->sessions[at - 1].id > id; at--)
        m->sessions[at] = m->sessions[at - 1];
    return &m->sessions[at];
}

void model_open(struct request *q, uint64_t id)
{
    struct command_open o;
    if (!command_open_decode(q->command->payload, &o)) {
        q->result->is_judged = false;
        return;
    }
    struct model_session *s = make_room(q->model, id);
    *s = (struct model_session){.id = id,
                                .opened_zxid = q->zxid,
                                .joined_zxid = q->zxid,
                                .generation = 1,
                                .timeout_ms = o.timeout_ms,
                                .memory = o.memory,
                                .server = o.server,
                                .origin = q->command->origin};
    if (o.password.len == sizeof(s->password))
        memcpy(s->password, o.password.ptr, sizeof(s->password));
    add_identities(s, q->zxid, o.identities);
}

void model_upgrade(struct request *q)
{
    q->result->is_duplicate = model_session_at(q->model, q->command->session) != NULL;
    if (!q->result->is_duplicate)
        model_open(q, q->command->session);
}

/* What one client remembers is not another's. */
static void forget_results(struct model_session *s)
{
    for (size_t i = 0; i < s->result_count; i++)
        zk_buf_fini(&s->results[i].reply);
    s->result_count = 0;
    s->memory = 0;
}

void model_attach(struct request *q)
{
    struct command_attach a;
    struct model_session *s = model_session_at(q->model, q->command->session);
    q->result->is_judged = false; /* what the client is told is the door's business */
    if (!s || s->ended_zxid || !command_attach_decode(q->command->payload, &a))
        return;
    if (!zk_slice_eq(a.password, zk_slice(s->password, sizeof(s->password))))
        return;
    q->result->is_duplicate = q->command->origin == s->origin;
    if (q->result->is_duplicate)
        return;
    s->origin = q->command->origin;
    s->joined_zxid = q->zxid;
    s->generation++;
    s->number = 0;
    s->server = a.server;
    s->timeout_ms = a.timeout_ms;
    forget_identities(s, q->zxid);
    add_identities(s, q->zxid, a.identities);
    if (!a.keeps_memory) {
        q->result->forgot_count = s->memory > 0 ? s->result_count : 0;
        forget_results(s);
    }
}

static bool is_of_session(const struct model_node *node, uint64_t id)
{
    return model_now(node) && model_now(node)->stat.ephemeral_owner == (int64_t)id;
}

void model_end_session(struct request *q, struct model_session *s, bool was_expired)
{
    for (struct model_node *n = q->model->first; n; n = n->next_ever)
        if (is_of_session(n, s->id))
            model_remove(q, n);
    s->ended_zxid = q->zxid;
    s->was_expired = was_expired;
}

/* Requests, identities and closings are numbered: each once, in order, in the newest generation only. */
static bool is_numbered_right(struct request *q, struct model_session *s)
{
    const struct command *c = q->command;
    q->result->is_stale = c->generation != s->generation;
    q->result->is_duplicate = !q->result->is_stale && c->number <= s->number;
    q->result->is_gap = !q->result->is_stale && c->number > s->number + 1;
    if (q->result->is_stale || q->result->is_duplicate || q->result->is_gap) {
        q->result->is_judged = false;
        return false;
    }
    s->number = c->number;
    return true;
}

static bool recall(struct request *q, const struct model_session *s)
{
    for (size_t i = s->result_count; i > 0 && s->memory > 0; i--) {
        const struct model_memory *memory = &s->results[i - 1];
        if (memory->xid != q->command->xid)
            continue;
        q->result->err = memory->err;
        q->result->is_recalled = true;
        zk_buf_append(&q->result->reply, memory->reply.ptr, memory->reply.len);
        return true;
    }
    return false;
}

static void remember(struct request *q, struct model_session *s)
{
    s->results = zk_realloc(s->results, (s->result_count + 1) * sizeof(*s->results));
    struct model_memory *memory = &s->results[s->result_count++];
    *memory = (struct model_memory){.xid = q->command->xid, .err = q->result->err};
    zk_buf_append(&memory->reply, q->result->reply.ptr, q->result->reply.len);
}

static void carry_out(struct request *q, struct model_session *s)
{
    struct zk_jute in = zk_jute(q->command->payload);
    int32_t op = q->command->op;
    if (recall(q, s))
        return;
    q->result->err = op == ZK_OP_MULTI ? model_do_multi(q, &in) : model_do_one(q, op, &in);
    if (in.bad)
        q->result->is_judged = false;
    remember(q, s);
}

static void do_auth(struct request *q, struct model_session *s, struct zk_jute *in)
{
    s->proofs++;
    while (zk_jute_left(in) > 0 && !in->bad) {
        struct zk_slice scheme = zk_jute_string(in);
        add_identity(s, q->zxid, scheme, zk_jute_string(in));
    }
}

void model_numbered(struct request *q)
{
    const struct command *c = q->command;
    struct model_session *s = model_session_at(q->model, c->session);
    if (!s || s->ended_zxid) {
        q->result->err = ZK_ERR_SESSION_EXPIRED;
        return;
    }
    if (!is_numbered_right(q, s))
        return;
    struct zk_jute in = zk_jute(c->payload);
    if (c->kind == COMMAND_CLOSE) {
        model_end_session(q, s, false);
    } else if (c->kind == COMMAND_AUTH) {
        do_auth(q, s, &in);
    } else {
        carry_out(q, s);
    }
}
