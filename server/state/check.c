/* Recomputes every invariant of this folder. For tests and the simulator: it costs as much as the state is large. */
#include "server/state/quota.h"

struct recount {
    struct totals totals;
    uint64_t linked; /* children met under their parents */
    uint32_t *acl_refs;
};

static const char *check_children(const struct state *s, uint32_t handle, struct recount *r)
{
    const char *why = children_check(&s->tree, handle);
    if (why != NULL)
        return why;
    const struct node *n = state_node(s, handle);
    uint32_t below = 0;
    uint64_t bytes = 0;
    struct children_cursor c = children_begin(&s->tree, n);
    for (uint32_t h; (h = children_next(&c)) != 0; r->linked++) {
        below += 1 + state_node(s, h)->descendants;
        bytes += state_node(s, h)->data_len + state_node(s, h)->bytes_below;
    }
    if (below != n->descendants)
        return "a znode does not have as many descendants as it counts";
    if (bytes != n->bytes_below)
        return "the data below a znode do not have as many bytes as it counts";
    return n->stale ? "a quota's stats are still to be written" : NULL;
}

static const char *check_owner(const struct state *s, uint32_t handle)
{
    const struct node *n = state_node(s, handle);
    if (n->kind != NODE_EPHEMERAL)
        return NULL;
    const struct session *owner = n->owner;
    if (sessions_find_live(&s->sessions, owner->id) != owner)
        return "S3: the owner of an ephemeral is no live session";
    if (n->owner_index >= owner->ephemeral_count || owner->ephemerals[n->owner_index] != handle)
        return "S3: an ephemeral does not hang on its owner";
    return NULL;
}

static const char *check_node(const struct state *s, uint32_t handle, struct recount *r, struct zk_buf *path)
{
    const struct node *n = state_node(s, handle);
    path->len = 0;
    tree_path(&s->tree, handle, path);
    if (n->hash != tree_hash(zk_buf_slice(path)))
        return "a znode has another path's hash";
    if (tree_find(&s->tree, zk_buf_slice(path)) != handle)
        return "a znode is not found by its path";
    if (n->mzxid > s->zxid || n->pzxid > s->zxid || n->czxid > n->mzxid || n->czxid > n->pzxid)
        return "S4: a znode has zxids out of order";
    if (n->acl == 0 || n->acl >= s->acls.used || s->acls.by_id[n->acl] == NULL)
        return "a znode has no ACL";
    r->acl_refs[n->acl]++;
    r->totals.digest += digest_node(s, n) + digest_data(n);
    r->totals.data_bytes += n->data_len;
    r->totals.size_bytes += node_size_bytes(n);
    r->totals.node_count++;
    r->totals.ephemeral_count += n->kind == NODE_EPHEMERAL;
    const char *why = check_owner(s, handle);
    return why ? why : check_children(s, handle, r);
}

static const char *check_sessions(const struct state *s, struct recount *r)
{
    size_t live = 0;
    size_t ephemerals = 0;
    for (const struct session *one = sessions_after(&s->sessions, 0); one != NULL;
         one = sessions_after(&s->sessions, one->id)) {
        live += one->ended_zxid == 0;
        ephemerals += one->ephemeral_count;
        r->totals.digest += digest_session_whole(one);
        r->totals.size_bytes += session_size_bytes(one);
        if (one->result_count > (uint32_t)one->memory)
            return "a session remembers more than it may";
        if ((one->id > s->zxid && !session_began_local(one->id)) || one->ended_zxid > s->zxid)
            return "S4: a session began or ended in the future";
    }
    if (live != s->sessions.live_count)
        return "there are not as many live sessions as counted";
    if (ephemerals != s->totals.ephemeral_count)
        return "S3: sessions hold another number of ephemerals than there are";
    uint64_t last = 0;
    size_t ended = 0;
    for (uint32_t h = s->sessions.first_ended; h != 0; h = sessions_at(&s->sessions, h)->next_ended, ended++) {
        if (sessions_at(&s->sessions, h)->ended_zxid <= last)
            return "ended sessions are not in the order in which they ended";
        last = sessions_at(&s->sessions, h)->ended_zxid;
    }
    return ended == s->sessions.ended_count ? NULL : "there are not as many ended sessions as counted";
}

static const char *check_totals(const struct state *s, const struct recount *r)
{
    const struct totals *have = &s->totals;
    const struct totals *want = &r->totals;
    if (have->node_count != want->node_count || r->linked + 1 != want->node_count)
        return "there are not as many znodes as counted, or some have no parent";
    if (s->tree.index.count != want->node_count)
        return "the index does not hold as many znodes as there are";
    if (have->ephemeral_count != want->ephemeral_count)
        return "there are not as many ephemerals as counted";
    if (have->data_bytes != want->data_bytes)
        return "the data do not have as many bytes as counted";
    if (have->size_bytes != want->size_bytes)
        return "the state does not have as many bytes as counted";
    if (have->digest != want->digest)
        return "S2: the running digest is not the digest of what is there";
    uint64_t acl_bytes = 0;
    for (uint32_t id = 1; id < s->acls.used; id++) {
        const struct acl *acl = s->acls.by_id[id];
        if (r->acl_refs[id] != (acl ? acl->refs : 0))
            return "an ACL does not have as many references as it counts";
        acl_bytes += acl ? acl_size_bytes(acl) : 0;
    }
    return acl_bytes == s->acls.size_bytes ? NULL : "the ACLs do not have as many bytes as counted";
}

const char *state_check(const struct state *s)
{
    struct recount r;
    struct zk_buf path;
    const char *why = NULL;
    memset(&r, 0, sizeof r);
    zk_buf_init(&path);
    r.acl_refs = zk_calloc(s->acls.used, sizeof *r.acl_refs);
    for (uint32_t h = 1; h < s->tree.used && why == NULL; h++) {
        if (state_node(s, h)->kind != 0)
            why = check_node(s, h, &r, &path);
    }
    if (why == NULL)
        why = check_sessions(s, &r);
    if (why == NULL)
        why = check_totals(s, &r);
    if (why == NULL)
        why = mortals_check(&s->mortals, &s->tree);
    if (why == NULL)
        why = quota_invariant(s);
    if (why == NULL && s->journal.count != 0)
        why = "the journal is not empty between commands";
    if (why == NULL)
        why = dirty_check(s);
    free(r.acl_refs);
    zk_buf_fini(&path);
    return why;
}

/* --- all nodes in order --- */

struct place {
    uint32_t handle;
    size_t path_at;
    struct zk_slice path;
};

static int by_path(const void *a, const void *b)
{
    return zk_slice_cmp(((const struct place *)a)->path, ((const struct place *)b)->path);
}

void state_each_node(const struct state *s, state_node_fn *fn, void *arg)
{
    struct place *places = zk_alloc(s->tree.used * sizeof *places);
    size_t count = 0;
    struct zk_buf paths;
    zk_buf_init(&paths);
    for (uint32_t h = 1; h < s->tree.used; h++) {
        if (state_node(s, h)->kind == 0)
            continue;
        size_t at = paths.len;
        tree_path(&s->tree, h, &paths);
        places[count++] = (struct place){h, at, {NULL, paths.len - at}};
    }
    for (size_t i = 0; i < count; i++)
        places[i].path.ptr = paths.ptr + places[i].path_at;
    qsort(places, count, sizeof *places, by_path);
    for (size_t i = 0; i < count; i++) {
        const struct node *n = state_node(s, places[i].handle);
        struct zk_stat stat = node_stat(n);
        fn(arg, places[i].path, node_data(n), &stat);
    }
    zk_buf_fini(&paths);
    free(places);
}
