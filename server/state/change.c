#include "common/path.h"
#include "server/state/change.h"

void change_begin(struct state *s)
{
    ZK_ASSERT(s->journal.count == 0);
    s->journal.totals = s->totals;
}

static struct undo *add_undo(struct state *s, enum undo_kind kind, uint32_t handle)
{
    struct journal *j = &s->journal;
    if (j->count == j->cap) {
        j->cap = j->cap ? j->cap * 2 : 8;
        j->undos = zk_realloc(j->undos, j->cap * sizeof *j->undos);
    }
    struct undo *undo = &j->undos[j->count++];
    undo->kind = kind;
    undo->handle = handle;
    undo->body_replaced = false;
    undo->acl_replaced = false;
    return undo;
}

/* --- changes --- */

/* Takes the node's term out of the digest and journals its record; the caller changes it and calls touched. */
static struct undo *touch(struct state *s, uint32_t handle)
{
    dirty_before_node(s, handle);
    struct node *n = state_node(s, handle);
    struct undo *undo = add_undo(s, UNDO_CHANGED, handle);
    undo->old = *n;
    s->totals.digest -= digest_node(s, n);
    return undo;
}

static void touched(struct state *s, const struct node *n)
{
    s->totals.digest += digest_node(s, n);
}

static void count_in(struct state *s, const struct node *n)
{
    s->totals.digest += digest_node(s, n) + digest_data(n);
    s->totals.data_bytes += n->data_len;
    s->totals.size_bytes += node_size_bytes(n);
    s->totals.node_count++;
    s->totals.ephemeral_count += n->kind == NODE_EPHEMERAL;
}

static void count_out(struct state *s, const struct node *n)
{
    s->totals.digest -= digest_node(s, n) + digest_data(n);
    s->totals.data_bytes -= n->data_len;
    s->totals.size_bytes -= node_size_bytes(n);
    s->totals.node_count--;
    s->totals.ephemeral_count -= n->kind == NODE_EPHEMERAL;
}

static void set_kind(struct state *s, uint32_t handle, const struct change_create *c)
{
    struct node *n = state_node(s, handle);
    n->kind = c->kind;
    if (n->kind == NODE_EPHEMERAL) {
        n->owner = c->owner;
        session_hang_ephemeral(c->owner, handle, &n->owner_index);
    } else if (node_is_mortal(n)) {
        mortals_add(&s->mortals, &s->tree, handle, c->ttl_ms);
    }
}

uint32_t change_create(struct state *s, const struct change_create *c)
{
    touch(s, c->parent);
    struct node *parent = state_node(s, c->parent);
    ZK_ASSERT(parent->kind != NODE_EPHEMERAL);
    parent->creates++;
    parent->pzxid = s->zxid;
    touched(s, parent);

    uint32_t handle = tree_make(&s->tree, c->path, c->data, mortal_note_bytes((uint8_t)c->kind));
    struct node *n = state_node(s, handle);
    n->parent = c->parent;
    n->czxid = n->mzxid = n->pzxid = s->zxid;
    n->ctime_ms = n->mtime_ms = s->time_ms;
    n->acl = c->acl;
    set_kind(s, handle, c);
    tree_link(&s->tree, handle);
    count_in(s, n);
    add_undo(s, UNDO_CREATED, handle);
    return handle;
}

/* The ephemeral that moved to another place of its owner's list is told. */
static void moved_to(struct state *s, uint32_t moved, uint32_t index)
{
    if (moved != 0)
        state_node(s, moved)->owner_index = index;
}

static void leave_owner(struct state *s, struct node *n)
{
    if (n->kind == NODE_EPHEMERAL)
        moved_to(s, session_take_ephemeral(n->owner, n->owner_index), n->owner_index);
}

static void return_to_owner(struct state *s, struct node *n, uint32_t handle)
{
    uint32_t end = n->kind == NODE_EPHEMERAL ? n->owner->ephemeral_count : 0;
    if (n->kind == NODE_EPHEMERAL)
        moved_to(s, session_put_ephemeral(n->owner, n->owner_index, handle), end);
}

void change_remove(struct state *s, uint32_t handle)
{
    struct node *n = state_node(s, handle);
    ZK_ASSERT(node_child_count(n) == 0);
    touch(s, n->parent);
    struct node *parent = state_node(s, n->parent);
    parent->pzxid = s->zxid;
    touched(s, parent);

    dirty_before_node(s, handle);
    count_out(s, n);
    n->stale = 0;
    leave_owner(s, n);
    tree_unlink(&s->tree, handle);
    add_undo(s, UNDO_REMOVED, handle);
}

static int32_t next_version(int32_t version)
{
    return (int32_t)((uint32_t)version + 1); /* wraps as Java's int does */
}

/* The data alone. Between touch and touched. */
static void replace_data(struct state *s, struct undo *undo, struct node *n, struct zk_slice data)
{
    s->totals.digest -= digest_data(n);
    s->totals.data_bytes += data.len - (uint64_t)n->data_len;
    s->totals.size_bytes += data.len - (uint64_t)n->data_len;
    tree_grown(&s->tree, n->parent, data.len - (uint64_t)n->data_len);
    undo->body_replaced = true;
    n->body = node_body(node_name(n), data, mortal_note_bytes(n->kind));
    n->data_len = (uint32_t)data.len;
    n->data_null = data.ptr == NULL;
    mortal_note_copy(n, undo->old.body, (size_t)undo->old.name_len + undo->old.data_len);
    s->totals.digest += digest_data(n);
}

static void set_data(struct state *s, uint32_t handle, struct zk_slice data, int32_t version)
{
    struct undo *undo = touch(s, handle);
    struct node *n = state_node(s, handle);
    replace_data(s, undo, n, data);
    n->version = version;
    n->mzxid = s->zxid;
    n->mtime_ms = s->time_ms;
    touched(s, n);
}

void change_data(struct state *s, uint32_t handle, struct zk_slice data)
{
    set_data(s, handle, data, next_version(state_node(s, handle)->version));
}

void change_quietly(struct state *s, uint32_t handle, struct zk_slice data)
{
    struct undo *undo = touch(s, handle);
    struct node *n = state_node(s, handle);
    replace_data(s, undo, n, data);
    touched(s, n);
}

void change_config(struct state *s, uint32_t handle, struct zk_slice data)
{
    set_data(s, handle, data, -1);
}

void change_acl(struct state *s, uint32_t handle, uint32_t acl)
{
    struct undo *undo = touch(s, handle);
    struct node *n = state_node(s, handle);
    undo->acl_replaced = true;
    n->acl = acl;
    n->aversion = next_version(n->aversion);
    touched(s, n);
}

/* --- standing or falling --- */

static void forget_mortal(struct state *s, uint32_t handle)
{
    if (node_is_mortal(state_node(s, handle)))
        mortals_remove(&s->mortals, &s->tree, handle);
}

static void commit_one(struct state *s, struct undo *undo)
{
    struct node *n = state_node(s, undo->handle);
    switch (undo->kind) {
    case UNDO_CREATED:
        n->unstored = true;
        dirty_node(s, undo->handle, 0);
        break;
    case UNDO_CHANGED:
        dirty_node(s, undo->handle, (int64_t)n->data_len - (int64_t)undo->old.data_len);
        if (undo->body_replaced)
            free(undo->old.body);
        if (undo->acl_replaced)
            acls_unref(&s->acls, undo->old.acl);
        break;
    case UNDO_REMOVED:
        dirty_node_gone(s, undo->handle);
        acls_unref(&s->acls, n->acl);
        forget_mortal(s, undo->handle);
        tree_drop(&s->tree, undo->handle);
        break;
    }
}

/* The journal of an unusually large command is not kept. */
static void empty_journal(struct journal *j)
{
    j->count = 0;
    if (j->cap <= JOURNAL_KEPT)
        return;
    free(j->undos);
    j->undos = NULL;
    j->cap = 0;
}

void change_commit(struct state *s)
{
    for (size_t i = 0; i < s->journal.count; i++)
        commit_one(s, &s->journal.undos[i]);
    empty_journal(&s->journal);
}

/* Puts back the record but not links and dirty mark: those have their own history. */
static void restore_record(struct node *n, const struct node *old)
{
    n->mzxid = old->mzxid;
    n->pzxid = old->pzxid;
    n->mtime_ms = old->mtime_ms;
    n->body = old->body;
    n->version = old->version;
    n->aversion = old->aversion;
    n->data_len = old->data_len;
    n->data_null = old->data_null;
    n->acl = old->acl;
    if (n->kind != NODE_EPHEMERAL)
        n->creates = old->creates;
}

static void roll_back_one(struct state *s, struct undo *undo)
{
    struct node *n = state_node(s, undo->handle);
    switch (undo->kind) {
    case UNDO_CREATED:
        leave_owner(s, n);
        tree_unlink(&s->tree, undo->handle);
        acls_unref(&s->acls, n->acl);
        forget_mortal(s, undo->handle);
        tree_drop(&s->tree, undo->handle);
        break;
    case UNDO_CHANGED:
        if (undo->body_replaced) {
            tree_grown(&s->tree, n->parent, (uint64_t)undo->old.data_len - n->data_len);
            free(n->body);
        }
        if (undo->acl_replaced)
            acls_unref(&s->acls, n->acl);
        restore_record(n, &undo->old);
        break;
    case UNDO_REMOVED:
        tree_link(&s->tree, undo->handle);
        return_to_owner(s, n, undo->handle);
        break;
    }
}

void change_rollback(struct state *s)
{
    while (s->journal.count > 0)
        roll_back_one(s, &s->journal.undos[--s->journal.count]);
    empty_journal(&s->journal);
    s->totals = s->journal.totals;
}

/* --- sessions --- */

void change_session_begin(struct state *s, struct session *session)
{
    dirty_before_session(s, session);
    s->totals.digest -= digest_session(session);
    s->totals.size_bytes -= session_size_bytes(session);
}

void change_session_end(struct state *s, struct session *session)
{
    s->totals.digest += digest_session(session);
    s->totals.size_bytes += session_size_bytes(session);
    dirty_session(s, session);
}

struct session *change_session_open(struct state *s, uint64_t id)
{
    struct session *session = sessions_add(&s->sessions, id);
    session->unstored = true;
    return session;
}

static void drop_oldest_result(struct state *s, struct session *session)
{
    s->totals.digest -= digest_result(session, session_result_xid(session, 0), session_result(session, 0));
    session_drop_oldest_result(session);
}

void change_session_remember(struct state *s, struct session *session, int32_t xid, const struct result *result)
{
    while (session->result_count >= (uint32_t)session->memory)
        drop_oldest_result(s, session);
    session_remember(session, xid, result);
    uint32_t newest = session->result_count - 1;
    s->totals.digest += digest_result(session, xid, session_result(session, newest));
}

void change_session_end_memory(struct state *s, struct session *session)
{
    while (session->result_count > 0)
        drop_oldest_result(s, session);
    session_end_memory(session);
}

void change_session_forget(struct state *s, struct session *session)
{
    dirty_before_session(s, session);
    s->totals.digest -= digest_session_whole(session);
    s->totals.size_bytes -= session_size_bytes(session);
    dirty_session_gone(s, session);
    sessions_remove(&s->sessions, session);
}

void change_session_end_life(struct state *s, struct session *session, bool was_expired)
{
    bool may_be_asked = session->memory > 0 && (was_expired || session->result_count > 0);
    if (!may_be_asked && !session_began_local(session->id)) {
        change_session_forget(s, session);
        return;
    }
    change_session_begin(s, session);
    session_set_identities(session, zk_slice("\0\0\0", 4));
    sessions_end(&s->sessions, session, s->zxid, s->time_ms);
    change_session_end(s, session);
    while (s->sessions.ended_count > STATE_ENDED_COUNT_MAX || s->sessions.ended_bytes > STATE_ENDED_BYTES_MAX)
        change_session_forget(s, sessions_oldest_ended(&s->sessions));
}
