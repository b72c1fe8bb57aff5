#include "server/state/dirty.h"
#include "server/state/rows.h"

/* About what a row takes beside name and data. */
#define ROW_BYTES 160
/* Entries of a finished checkpoint freed with each new mark. */
#define SWEEP_STEP 8

void dirty_init(struct state *s)
{
    memset(&s->dirty, 0, sizeof s->dirty);
}

static void free_entry(struct dirty_entry *e)
{
    if (e->kind == DIRTY_GONE) {
        free(e->key);
    } else if (e->kind == DIRTY_CAPTURED) {
        if (e->captured->acl != NULL)
            acl_release(e->captured->acl);
        free(e->captured);
    }
}

/* The last `count` of them, and what blocks that leaves empty. */
static void drop_last(struct dirty_set *set, uint32_t count)
{
    for (; count > 0 && set->count > 0; count--) {
        free_entry(dirty_at(set, --set->count));
        if (set->count % DIRTY_BLOCK == 0)
            free(set->blocks[--set->block_count]);
    }
}

static void free_set(struct dirty_set *set)
{
    drop_last(set, UINT32_MAX);
    while (set->block_count > 0)
        free(set->blocks[--set->block_count]);
    free(set->blocks);
    memset(set, 0, sizeof *set);
}

void dirty_fini(struct state *s)
{
    checkpoint_fini(&s->dirty.checkpoint);
    free_set(&s->dirty.sets[0]);
    free_set(&s->dirty.sets[1]);
    free_set(&s->dirty.swept);
    zk_buf_fini(&s->dirty.key);
    zk_buf_fini(&s->dirty.value);
}

static struct dirty_set *current_set(struct state *s)
{
    return &s->dirty.sets[s->dirty.current];
}

static uint8_t current_mark(const struct state *s)
{
    return (uint8_t)(s->dirty.current + 1);
}

static uint8_t frozen_mark(const struct state *s)
{
    return (uint8_t)(2 - s->dirty.current);
}

void dirty_sweep(struct state *s, uint32_t count)
{
    struct dirty_set *set = &s->dirty.swept;
    drop_last(set, count);
    if (set->count == 0)
        free_set(set);
}

/* --- the current set --- */

static void add_block(struct dirty_set *set)
{
    if ((set->block_count & (set->block_count - 1)) == 0)
        set->blocks = zk_realloc(set->blocks, (2 * set->block_count + 1) * sizeof *set->blocks);
    set->blocks[set->block_count++] = zk_alloc(DIRTY_BLOCK * sizeof **set->blocks);
}

static struct dirty_entry *add_entry(struct state *s, uint8_t kind, uint32_t handle)
{
    struct dirty_set *set = current_set(s);
    if (set->count == set->block_count * DIRTY_BLOCK)
        add_block(set);
    struct dirty_entry *e = dirty_at(set, set->count++);
    *e = (struct dirty_entry){.handle = handle, .kind = kind};
    dirty_sweep(s, SWEEP_STEP);
    return e;
}

static void take_bytes(struct dirty_set *set, uint64_t bytes)
{
    set->bytes -= bytes < set->bytes ? bytes : set->bytes;
}

/* The last entry fills the gap; whom it names is told. */
static void remove_entry(struct state *s, uint32_t slot)
{
    struct dirty_set *set = current_set(s);
    struct dirty_entry *e = dirty_at(set, slot);
    *e = *dirty_at(set, --set->count);
    if (slot == set->count)
        return;
    if (e->kind == DIRTY_NODE)
        state_node(s, e->handle)->dirty_slot = slot;
    else if (e->kind == DIRTY_SESSION)
        sessions_at(&s->sessions, e->handle)->dirty_slot = slot;
}

static uint64_t node_row_bytes(const struct node *n)
{
    return ROW_BYTES + n->name_len + n->data_len;
}

static uint64_t session_row_bytes(const struct session *session)
{
    return ROW_BYTES + session->identities_len + session->result_bytes;
}

void dirty_node(struct state *s, uint32_t handle, int64_t grown_bytes)
{
    struct node *n = state_node(s, handle);
    struct dirty_set *set = current_set(s);
    if (n->dirty_set == current_mark(s)) {
        if (grown_bytes < 0)
            take_bytes(set, (uint64_t)-grown_bytes);
        else
            set->bytes += (uint64_t)grown_bytes;
        return;
    }
    ZK_ASSERT(n->dirty_set == 0);
    n->dirty_slot = set->count;
    n->dirty_set = current_mark(s) & 3;
    add_entry(s, DIRTY_NODE, handle);
    set->bytes += node_row_bytes(n);
}

void dirty_session(struct state *s, struct session *session)
{
    if (session->dirty_set == current_mark(s))
        return;
    ZK_ASSERT(session->dirty_set == 0);
    session->dirty_slot = current_set(s)->count;
    session->dirty_set = current_mark(s);
    add_entry(s, DIRTY_SESSION, session->handle);
    current_set(s)->bytes += session_row_bytes(session);
}

void dirty_tombstone(struct state *s, struct zk_slice key)
{
    struct dirty_entry *e = add_entry(s, DIRTY_GONE, 0);
    e->key = zk_memdup(key.ptr, key.len);
    e->key_len = (uint16_t)key.len;
    current_set(s)->bytes += key.len;
}

void dirty_node_gone(struct state *s, uint32_t handle)
{
    struct node *n = state_node(s, handle);
    ZK_ASSERT(n->dirty_set == 0 || n->dirty_set == current_mark(s));
    if (n->dirty_set != 0) {
        remove_entry(s, n->dirty_slot);
        take_bytes(current_set(s), node_row_bytes(n));
    }
    if (n->unstored)
        return;
    s->dirty.key.len = 0;
    row_node_key(s, handle, &s->dirty.key);
    dirty_tombstone(s, zk_buf_slice(&s->dirty.key));
}

void dirty_session_gone(struct state *s, struct session *session)
{
    ZK_ASSERT(session->dirty_set == 0 || session->dirty_set == current_mark(s));
    if (session->dirty_set != 0) {
        remove_entry(s, session->dirty_slot);
        take_bytes(current_set(s), session_row_bytes(session));
    }
    if (session->unstored)
        return;
    s->dirty.key.len = 0;
    row_session_key(session, &s->dirty.key);
    dirty_tombstone(s, zk_buf_slice(&s->dirty.key));
}

/* --- handing over --- */

/* The entry keeps the row as it is now. */
static void capture(struct dirty_entry *e, struct zk_slice key, struct zk_slice value, struct acl *acl)
{
    struct captured *row = zk_alloc(sizeof *row + key.len + value.len);
    row->acl = acl;
    row->value_len = (uint32_t)value.len;
    memcpy(row->bytes, key.ptr, key.len);
    memcpy(row->bytes + key.len, value.ptr, value.len);
    e->is_session = e->kind == DIRTY_SESSION;
    e->kind = DIRTY_CAPTURED;
    e->captured = row;
    e->key_len = (uint16_t)key.len;
}

static struct dirty_entry *frozen_entry(struct state *s, uint32_t slot)
{
    return dirty_at(&s->dirty.sets[1 - s->dirty.current], slot);
}

void dirty_before_node(struct state *s, uint32_t handle)
{
    struct node *n = state_node(s, handle);
    if (n->dirty_set != frozen_mark(s))
        return;
    struct zk_buf *key = &s->dirty.key;
    struct zk_buf *value = &s->dirty.value;
    key->len = value->len = 0;
    row_node_key(s, handle, key);
    row_node_encode_own(n, value);
    struct acl *acl = acl_hold(acls_at(&s->acls, n->acl));
    capture(frozen_entry(s, n->dirty_slot), zk_buf_slice(key), zk_buf_slice(value), acl);
    n->dirty_set = 0;
    n->unstored = false;
}

void dirty_before_session(struct state *s, struct session *session)
{
    if (session->dirty_set != frozen_mark(s))
        return;
    struct zk_buf *key = &s->dirty.key;
    struct zk_buf *value = &s->dirty.value;
    key->len = value->len = 0;
    row_session_key(session, key);
    row_session_encode(session, value);
    capture(frozen_entry(s, session->dirty_slot), zk_buf_slice(key), zk_buf_slice(value), NULL);
    session->dirty_set = 0;
    session->unstored = false;
}

/* --- checking --- */

static const char *check_entry(const struct state *s, unsigned set, uint32_t slot)
{
    const struct dirty_entry *e = dirty_at(&s->dirty.sets[set], slot);
    uint8_t mark = (uint8_t)(set + 1);
    bool emitted = set != s->dirty.current;
    if (e->kind == DIRTY_NODE) {
        const struct node *n = state_node(s, e->handle);
        if (!emitted && (n->dirty_set != mark || n->dirty_slot != slot))
            return "a dirty entry names a znode that does not name it";
    } else if (e->kind == DIRTY_SESSION) {
        const struct session *session = sessions_at(&s->sessions, e->handle);
        if (!emitted && (session == NULL || session->dirty_set != mark || session->dirty_slot != slot))
            return "a dirty entry names a session that does not name it";
    }
    return NULL;
}

const char *dirty_check(const struct state *s)
{
    if (s->dirty.checkpoint.phase == CHECKPOINT_NONE && s->dirty.sets[1 - s->dirty.current].count != 0)
        return "no checkpoint runs, but the frozen set is not empty";
    for (unsigned set = 0; set < 2; set++) {
        for (uint32_t slot = 0; slot < s->dirty.sets[set].count; slot++) {
            const char *why = check_entry(s, set, slot);
            if (why != NULL)
                return why;
        }
    }
    return NULL;
}
