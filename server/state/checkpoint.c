/* The running checkpoint: dirty.h says how it stays true while applies go on. Its work comes in pieces of well under
 * a millisecond: keys are made a few hundred at a time, then runs of slots are merged, so many outputs at a time. */
#include "server/state/rows.h"

#define KEYS_STEP   256
#define MERGE_STEP  1024
#define RUN_FIRST   16
#define BLOCK_BYTES 65536

static struct dirty_set *frozen_set(struct state *s)
{
    return &s->dirty.sets[1 - s->dirty.current];
}

void checkpoint_fini(struct checkpoint *c)
{
    for (size_t i = 0; i < c->block_count; i++)
        free(c->blocks[i]);
    free(c->blocks);
    free(c->order);
    free(c->spare);
    zk_buf_fini(&c->meta);
    zk_buf_fini(&c->value);
    memset(c, 0, sizeof *c);
}

void state_checkpoint_begin(struct state *s)
{
    struct checkpoint *c = &s->dirty.checkpoint;
    ZK_ASSERT(c->phase == CHECKPOINT_NONE);
    s->dirty.current = 1 - s->dirty.current;
    uint32_t count = frozen_set(s)->count;
    c->order = zk_alloc((count + 1) * sizeof *c->order);
    c->spare = zk_alloc((count + 1) * sizeof *c->spare);
    c->phase = CHECKPOINT_KEYS;
    row_meta_encode(s, &c->meta);
}

/* --- keys --- */

static uint8_t *keep_key(struct checkpoint *c, struct zk_slice key)
{
    if (c->block_left < key.len) {
        c->blocks = zk_realloc(c->blocks, (c->block_count + 1) * sizeof *c->blocks);
        c->blocks[c->block_count++] = zk_alloc(BLOCK_BYTES);
        c->block_left = BLOCK_BYTES;
    }
    uint8_t *at = c->blocks[c->block_count - 1] + BLOCK_BYTES - c->block_left;
    memcpy(at, key.ptr, key.len);
    c->block_left -= key.len;
    return at;
}

static void make_key(struct state *s, struct dirty_entry *e)
{
    struct zk_buf *key = &s->dirty.key;
    key->len = 0;
    if (e->kind == DIRTY_NODE)
        row_node_key(s, e->handle, key);
    else if (e->kind == DIRTY_SESSION)
        row_session_key(sessions_at(&s->sessions, e->handle), key);
    else
        return;
    e->key = keep_key(&s->dirty.checkpoint, zk_buf_slice(key));
    e->key_len = (uint16_t)key->len;
}

static void make_keys(struct state *s)
{
    struct checkpoint *c = &s->dirty.checkpoint;
    struct dirty_set *set = frozen_set(s);
    for (int i = 0; i < KEYS_STEP && c->at < set->count; i++, c->at++) {
        make_key(s, dirty_at(set, c->at));
        c->order[c->at] = c->at;
    }
    if (c->at < set->count)
        return;
    c->at = 0;
    c->run = 0;
    c->width = 0;
    c->phase = CHECKPOINT_SORT;
}

/* --- order --- */

static struct zk_slice key_of(const struct dirty_set *set, uint32_t slot)
{
    return dirty_key(dirty_at(set, slot));
}

static int compare(const struct dirty_set *set, uint32_t a, uint32_t b)
{
    return zk_slice_cmp(key_of(set, a), key_of(set, b));
}

static uint32_t end_of(uint32_t from, uint32_t width, uint32_t count)
{
    return count - from < width ? count : from + width;
}

static void sort_small_run(struct checkpoint *c, const struct dirty_set *set, uint32_t from, uint32_t to)
{
    for (uint32_t i = from + 1; i < to; i++) {
        uint32_t slot = c->order[i];
        uint32_t k = i;
        for (; k > from && compare(set, c->order[k - 1], slot) > 0; k--)
            c->order[k] = c->order[k - 1];
        c->order[k] = slot;
    }
}

static void start_runs(struct checkpoint *c, uint32_t width)
{
    c->width = width;
    c->run = 0;
    c->left = c->out = 0;
    c->right = width;
}

static void sort_small_runs(struct checkpoint *c, const struct dirty_set *set)
{
    for (uint32_t done = 0; done < KEYS_STEP && c->run < set->count; done += RUN_FIRST) {
        uint32_t to = end_of(c->run, RUN_FIRST, set->count);
        sort_small_run(c, set, c->run, to);
        c->run = to;
    }
    if (c->run == set->count)
        start_runs(c, RUN_FIRST);
}

/* Up to MERGE_STEP outputs of the pair of runs at c->run; at its end on to the next pair, and after the last pair to
 * runs of twice the width. */
static void merge_runs(struct checkpoint *c, const struct dirty_set *set)
{
    uint32_t count = set->count;
    uint32_t middle = end_of(c->run, c->width, count);
    uint32_t end = end_of(middle, c->width, count);
    for (int i = 0; i < MERGE_STEP && c->out < end; i++) {
        bool take_left =
            c->right >= end || (c->left < middle && compare(set, c->order[c->left], c->order[c->right]) <= 0);
        c->spare[c->out++] = c->order[take_left ? c->left++ : c->right++];
    }
    if (c->out < end)
        return;
    c->run = c->left = c->out = end;
    c->right = end_of(end, c->width, count);
    if (end < count)
        return;
    uint32_t *sorted = c->spare;
    c->spare = c->order;
    c->order = sorted;
    start_runs(c, c->width > count / 2 ? count : c->width * 2);
}

static void sort_step(struct state *s)
{
    struct checkpoint *c = &s->dirty.checkpoint;
    const struct dirty_set *set = frozen_set(s);
    if (c->width == 0)
        sort_small_runs(c, set);
    else if (c->width < set->count)
        merge_runs(c, set);
    if (c->width >= set->count && c->width > 0)
        c->phase = CHECKPOINT_ROWS;
}

bool state_checkpoint_prepare(struct state *s)
{
    struct checkpoint *c = &s->dirty.checkpoint;
    ZK_ASSERT(c->phase != CHECKPOINT_NONE);
    if (s->dirty.swept.blocks != NULL)
        dirty_sweep(s, MERGE_STEP); /* what the last one left */
    else if (c->phase == CHECKPOINT_KEYS)
        make_keys(s);
    else if (c->phase == CHECKPOINT_SORT)
        sort_step(s);
    return c->phase != CHECKPOINT_ROWS;
}

/* --- rows --- */

/* The frozen node or session is written as it is: from now on it is free to change. */
static struct zk_slice encode_live(struct state *s, const struct dirty_entry *e)
{
    struct zk_buf *value = &s->dirty.checkpoint.value;
    value->len = 0;
    if (e->kind == DIRTY_NODE) {
        struct node *n = state_node(s, e->handle);
        row_node_encode(s, n, value);
        n->dirty_set = 0;
        n->unstored = false;
    } else {
        struct session *session = sessions_at(&s->sessions, e->handle);
        row_session_encode(session, value);
        session->dirty_set = 0;
        session->unstored = false;
    }
    return zk_buf_slice(value);
}

static struct zk_slice captured_value(struct state *s, const struct dirty_entry *e)
{
    const struct captured *row = e->captured;
    struct zk_slice own = zk_slice(row->bytes + e->key_len, row->value_len);
    if (row->acl == NULL)
        return own;
    struct zk_buf *value = &s->dirty.checkpoint.value;
    value->len = 0;
    row_node_join(own, acl_bytes(row->acl), value);
    return zk_buf_slice(value);
}

static struct zk_slice value_of(struct state *s, const struct dirty_entry *e)
{
    if (e->kind == DIRTY_GONE)
        return zk_slice(NULL, 0);
    return e->kind == DIRTY_CAPTURED ? captured_value(s, e) : encode_live(s, e);
}

static void finish(struct state *s)
{
    ZK_ASSERT(s->dirty.swept.blocks == NULL);
    checkpoint_fini(&s->dirty.checkpoint);
    s->dirty.swept = *frozen_set(s);
    memset(frozen_set(s), 0, sizeof s->dirty.swept);
}

bool state_checkpoint_next(struct state *s, struct state_row *ret_row)
{
    struct checkpoint *c = &s->dirty.checkpoint;
    while (state_checkpoint_prepare(s))
        ;
    if (!c->meta_done) {
        static const uint8_t meta_key = ROW_META;
        c->meta_done = true;
        *ret_row = (struct state_row){zk_slice(&meta_key, 1), zk_buf_slice(&c->meta)};
        return true;
    }
    struct dirty_set *set = frozen_set(s);
    if (c->at == set->count) {
        finish(s);
        return false;
    }
    const struct dirty_entry *e = dirty_at(set, c->order[c->at]);
    ret_row->key = dirty_key(e);
    ret_row->value = value_of(s, e);
    for (c->at++; c->at < set->count && zk_slice_eq(key_of(set, c->order[c->at]), ret_row->key); c->at++) {
        if (ret_row->value.ptr == NULL) /* D3: a tombstone gives way to the record of the same key */
            ret_row->value = value_of(s, dirty_at(set, c->order[c->at]));
    }
    return true;
}

/* --- giving up --- */

/* What the entry named is dirty again, whether its row was taken or not. A handle that now names another is no harm:
 * one row too many. What was removed since has left a tombstone of its own. */
static void mark_again(struct state *s, struct dirty_entry *e)
{
    bool is_session = e->kind == DIRTY_SESSION || (e->kind == DIRTY_CAPTURED && e->is_session);
    if (is_session) {
        struct session *session = sessions_at(&s->sessions, e->handle);
        if (session != NULL && session->dirty_set != s->dirty.current + 1) {
            session->dirty_set = 0;
            dirty_session(s, session);
        }
        return;
    }
    struct node *n = state_node(s, e->handle);
    if (n->kind != 0 && n->dirty_set != s->dirty.current + 1) {
        n->dirty_set = 0;
        dirty_node(s, e->handle, 0);
    }
}

void state_checkpoint_abort(struct state *s)
{
    ZK_ASSERT(s->dirty.checkpoint.phase != CHECKPOINT_NONE);
    dirty_sweep(s, UINT32_MAX);
    struct dirty_set *set = frozen_set(s);
    for (uint32_t i = 0; i < set->count; i++) {
        struct dirty_entry *e = dirty_at(set, i);
        if (e->kind == DIRTY_GONE)
            dirty_tombstone(s, dirty_key(e));
        else
            mark_again(s, e);
    }
    finish(s);
}

uint64_t state_dirty_bytes(const struct state *s)
{
    return s->dirty.sets[s->dirty.current].bytes;
}
