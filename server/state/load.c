/* Loading a checkpoint's rows. They come from a disk or from another server: nothing in them is believed before it is
 * checked, and what is wrong is said in one sentence. */
#include "common/log.h"
#include "common/path.h"
#include "server/state/rows.h"
#include <stdarg.h>
#include <stdio.h>
#include <xxhash.h>

struct loader {
    char *why;
    size_t size;
};

/* Says what is wrong; false, for the caller to return. */
static bool refuse(const struct loader *l, const char *format, ...) ZK_PRINTF(2, 3);
static bool refuse(const struct loader *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(l->why, l->size, format, args);
    va_end(args);
    return false;
}

struct state *state_load_begin(void)
{
    struct state *s = state_bare();
    s->loading = true;
    return s;
}

/* --- the state's own row --- */

static bool load_meta(struct state *s, struct zk_slice value, struct zk_jute *in, const struct loader *l)
{
    s->level = zk_jute_int(in);
    s->time_ms = zk_jute_long(in);
    uint64_t hash = (uint64_t)zk_jute_long(in);
    if (in->bad || zk_jute_left(in) > 0 || hash != XXH3_64bits(value.ptr, ROW_META_FIELD_BYTES))
        return refuse(l, "the state's own row is malformed");
    if (s->level < 1)
        return refuse(l, "the state's own row has level %d", s->level);
    return true;
}

/* --- sessions --- */

static bool load_result(struct session *session, struct zk_jute *in)
{
    struct result result;
    int32_t xid = zk_jute_int(in);
    result.zxid = (uint64_t)zk_jute_long(in);
    result.err = zk_jute_int(in);
    result.whole = zk_jute_bool(in);
    struct zk_slice record = zk_jute_buffer(in);
    if (in->bad || record.len > STATE_MEMORY_RESULT_MAX)
        return false;
    uint8_t *bytes = record.len ? zk_memdup(record.ptr, record.len) : NULL;
    result.bytes = bytes;
    result.len = (uint32_t)record.len;
    session_remember(session, xid, &result);
    free(bytes);
    return true;
}

static bool load_session_fields(struct session *session, struct zk_jute *in)
{
    session->generation = (uint32_t)zk_jute_int(in);
    session->number = (uint64_t)zk_jute_long(in);
    session->origin = (uint64_t)zk_jute_long(in);
    session->timeout_ms = zk_jute_int(in);
    session->memory = zk_jute_int(in);
    session->server = zk_jute_int(in);
    struct zk_slice password = zk_jute_buffer(in);
    struct zk_slice identities = zk_jute_buffer(in);
    session->ended_zxid = (uint64_t)zk_jute_long(in);
    session->ended_time_ms = zk_jute_long(in);
    if (in->bad || password.len != ZK_PASSWORD_BYTES || !command_identities_are_sound(identities))
        return false;
    memcpy(session->password, password.ptr, ZK_PASSWORD_BYTES);
    session_set_identities(session, identities);
    return session->memory >= 0 && session->memory <= STATE_MEMORY_K;
}

static bool load_session(struct state *s, struct zk_slice key, struct zk_jute *in, const struct loader *l)
{
    struct zk_jute key_in = zk_jute(key);
    (void)zk_jute_u8(&key_in);
    uint64_t id = (uint64_t)zk_jute_long(&key_in);
    if (key_in.bad || zk_jute_left(&key_in) > 0 || id == 0)
        return refuse(l, "the key of a session's row is malformed");
    struct session *session = sessions_add(&s->sessions, id);
    bool sound = load_session_fields(session, in);
    int32_t count = sound ? zk_jute_count(in, 21) : 0;
    if (!sound || count < 0 || count > session->memory)
        return refuse(l, "the row of session 0x%llx is malformed", (unsigned long long)id);
    for (int32_t i = 0; i < count; i++) {
        if (!load_result(session, in))
            return refuse(l, "result %d of session 0x%llx is malformed", i, (unsigned long long)id);
    }
    if (in->bad || zk_jute_left(in) > 0)
        return refuse(l, "the row of session 0x%llx is malformed", (unsigned long long)id);
    s->totals.digest += digest_session_whole(session);
    s->totals.size_bytes += session_size_bytes(session);
    return true;
}

/* --- znodes --- */

struct node_row {
    struct node record; /* the fixed fields */
    uint64_t owner; /* or the TTL */
    struct zk_slice acl;
    struct zk_slice data;
};

/* The field that means an owner or a TTL, by kind. */
static bool owner_is_sound(const struct node_row *r)
{
    switch (r->record.kind) {
    case NODE_EPHEMERAL:
        return r->record.creates == 0;
    case NODE_TTL:
        return r->owner > 0 && r->owner <= STATE_TTL_MAX_MS;
    default:
        return r->owner == 0;
    }
}

static bool decode_node(struct zk_jute *in, struct node_row *r)
{
    struct node *n = &r->record;
    n->kind = zk_jute_u8(in);
    n->czxid = (uint64_t)zk_jute_long(in);
    n->mzxid = (uint64_t)zk_jute_long(in);
    n->pzxid = (uint64_t)zk_jute_long(in);
    n->ctime_ms = zk_jute_long(in);
    n->mtime_ms = zk_jute_long(in);
    n->version = zk_jute_int(in);
    n->aversion = zk_jute_int(in);
    n->creates = (uint32_t)zk_jute_int(in);
    r->owner = (uint64_t)zk_jute_long(in);
    r->acl = zk_jute_buffer(in);
    r->data = zk_jute_buffer(in);
    if (in->bad || zk_jute_left(in) > 0 || !owner_is_sound(r))
        return false;
    struct zk_jute acl = zk_jute(r->acl);
    (void)zk_acl_vector_decode(&acl);
    return !acl.bad && r->acl.ptr != NULL && zk_jute_left(&acl) == 0 && r->acl.len <= ACL_BYTES_MAX + 4;
}

/* The parent and, of an ephemeral, the owner; false if they do not fit. */
static bool find_relations(const struct state *s, struct zk_slice path, const struct node_row *r,
                           uint32_t *ret_parent, struct session **ret_owner, const char **ret_why)
{
    *ret_parent = 0;
    *ret_owner = NULL;
    *ret_why = "has a kind that this server does not know";
    if (r->record.kind < NODE_PERSISTENT || r->record.kind > NODE_TTL)
        return false;
    if (path.len > 1) {
        *ret_parent = s->tree.used > NODE_ROOT ? tree_find(&s->tree, zk_path_parent(path)) : 0;
        *ret_why = "has no parent";
        if (*ret_parent == 0)
            return false;
        *ret_why = "has an ephemeral parent";
        if (state_node(s, *ret_parent)->kind == NODE_EPHEMERAL)
            return false;
    }
    *ret_why = "may not be the root";
    if (r->record.kind != NODE_EPHEMERAL)
        return path.len > 1 || r->record.kind == NODE_PERSISTENT;
    *ret_why = "belongs to a session that is not alive";
    *ret_owner = sessions_find_live(&s->sessions, r->owner);
    return *ret_owner != NULL && path.len > 1;
}

static void place_node(struct state *s, struct zk_slice path, const struct node_row *r, uint32_t parent,
                       struct session *owner)
{
    uint32_t handle = tree_make(&s->tree, path, r->data, mortal_note_bytes(r->record.kind));
    struct node *n = state_node(s, handle);
    struct node made = *n;
    *n = r->record;
    n->hash = made.hash;
    n->body = made.body;
    n->name_len = made.name_len;
    n->data_len = made.data_len;
    n->data_null = made.data_null;
    n->parent = parent;
    n->acl = acls_intern(&s->acls, r->acl);
    if (owner != NULL) {
        n->owner = owner;
        session_hang_ephemeral(owner, handle, &n->owner_index);
    }
    if (node_is_mortal(n))
        mortals_add(&s->mortals, &s->tree, handle, (int64_t)r->owner);
    tree_link(&s->tree, handle);
    s->totals.digest += digest_node(s, n) + digest_data(n);
    s->totals.data_bytes += n->data_len;
    s->totals.size_bytes += node_size_bytes(n);
    s->totals.node_count++;
    s->totals.ephemeral_count += owner != NULL;
}

static bool load_node(struct state *s, struct zk_slice key, struct zk_jute *in, const struct loader *l)
{
    struct zk_slice path = zk_slice(key.ptr + 1, key.len - 1);
    char shown[128];
    const char *why = zk_path_check(path, false);
    if (why != NULL)
        return refuse(l, "the row of znode \"%s\": %s", zk_log_quote(path, shown, sizeof shown), why);
    struct node_row r;
    memset(&r, 0, sizeof r);
    if (!decode_node(in, &r))
        return refuse(l, "the row of znode \"%s\" is malformed", zk_log_quote(path, shown, sizeof shown));
    uint32_t parent;
    struct session *owner;
    if (!find_relations(s, path, &r, &parent, &owner, &why))
        return refuse(l, "znode \"%s\" %s", zk_log_quote(path, shown, sizeof shown), why);
    place_node(s, path, &r, parent, owner);
    return true;
}

/* --- rows --- */

bool state_load_row(struct state *s, struct zk_slice key, struct zk_slice value, char *why, size_t size)
{
    ZK_ASSERT(s->loading);
    struct loader l = {why, size};
    if (key.len == 0 || value.ptr == NULL)
        return refuse(&l, "a row without key or value");
    if (s->path.len > 0 && zk_slice_cmp(zk_buf_slice(&s->path), key) >= 0)
        return refuse(&l, "the rows are not in the order of their keys");
    if (s->path.len == 0 && key.ptr[0] != ROW_META)
        return refuse(&l, "the state's own row is missing");
    s->path.len = 0; /* while loading: the last key */
    zk_buf_append_slice(&s->path, key);
    struct zk_jute in = zk_jute(value);
    uint8_t format = zk_jute_u8(&in);
    if (format != ROW_FORMAT)
        return refuse(&l, "a row of format %u; this server knows %d: it was written by a newer one", format,
                      ROW_FORMAT);
    switch (key.ptr[0]) {
    case ROW_META:
        return key.len == 1 ? load_meta(s, value, &in, &l) : refuse(&l, "the state's own row has a long key");
    case ROW_SESSION:
        return load_session(s, key, &in, &l);
    case ROW_NODE:
        return load_node(s, key, &in, &l);
    default:
        return refuse(&l, "a row whose key begins with 0x%02x", key.ptr[0]);
    }
}

bool state_load_end(struct state *s, uint64_t zxid, uint64_t digest, char *why, size_t size)
{
    ZK_ASSERT(s->loading);
    struct loader l = {why, size};
    static const char *const special[] = {"/zookeeper", "/zookeeper/quota", "/zookeeper/config"};
    if (s->tree.used == NODE_ROOT)
        return refuse(&l, "there is no root");
    for (size_t i = 0; i < ZK_COUNT_OF(special); i++) {
        if (tree_find(&s->tree, zk_slice_str(special[i])) == 0)
            return refuse(&l, "there is no %s", special[i]);
    }
    if (s->totals.digest != digest)
        return refuse(&l, "the digest of the rows is %016llx, but it was written as %016llx",
                      (unsigned long long)s->totals.digest, (unsigned long long)digest);
    sessions_queue_ended(&s->sessions);
    s->path.len = 0;
    s->zxid = zxid;
    s->loading = false;
    return true;
}
