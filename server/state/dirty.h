/* dirty.h: what the next checkpoint must write, and the checkpoint that runs.
 *
 * WHY HERE    A checkpoint costs what has changed, not what there is, and takes it in slices while applies go on.
 * HOW         Two sets of entries take turns. A changed node or session enters the current set once and knows its
 *             slot. Beginning a checkpoint makes the current set the frozen one and the other, empty, the current:
 *             no work. What the frozen set still holds hands over its old record before it changes (dirty_before_).
 *             What is removed leaves a tombstone, unless no checkpoint has ever seen it. Entries are sorted by key in
 *             pieces (state_checkpoint_prepare), by merging in a side array of slots.
 * INVARIANTS  D1 a node or session is in at most one set, and its slot's entry names it.
 *             D2 with no checkpoint running the frozen set is empty.
 *             D3 two entries of one key: at most one has a value, and it wins.
 */
#pragma once
#include "common/buf.h"

struct acl;
struct state;
struct session;

enum dirty_kind {
    DIRTY_NODE = 1,
    DIRTY_SESSION,
    DIRTY_GONE,     /* a tombstone; owns its key */
    DIRTY_CAPTURED, /* the old record, handed over */
};

/* A row as it was. Of a znode's ACL, which any number of them may share, it has a hold and no copy: what is captured
 * takes no more memory than what changed did. */
struct captured {
    struct acl *acl;    /* NULL: a session's row, which is whole */
    uint32_t value_len; /* without the ACL: row_node_encode_own */
    uint8_t bytes[];    /* the key, and the value behind it */
};

struct dirty_entry {
    union {
        uint8_t *key; /* of DIRTY_GONE owned, else in the checkpoint's blocks */
        struct captured *captured;
    };
    uint32_t handle;
    uint16_t key_len;
    uint8_t kind;
    bool is_session; /* of DIRTY_CAPTURED */
};

#define DIRTY_BLOCK 1024

/* Entries by their slots, in blocks: one more never waits for those there are to be copied. */
struct dirty_set {
    struct dirty_entry **blocks;
    uint32_t block_count;
    uint32_t count; /* of entries */
    uint64_t bytes; /* about what its rows will take */
};

static inline struct dirty_entry *dirty_at(const struct dirty_set *set, uint32_t slot)
{
    return &set->blocks[slot / DIRTY_BLOCK][slot % DIRTY_BLOCK];
}

static inline struct zk_slice dirty_key(const struct dirty_entry *e)
{
    return zk_slice(e->kind == DIRTY_CAPTURED ? e->captured->bytes : e->key, e->key_len);
}

enum checkpoint_phase { CHECKPOINT_NONE, CHECKPOINT_KEYS, CHECKPOINT_SORT, CHECKPOINT_ROWS };

struct checkpoint {
    enum checkpoint_phase phase;
    uint32_t at; /* KEYS: slots done; ROWS: order done */
    uint8_t **blocks; /* keys, in blocks */
    size_t block_count;
    size_t block_left;
    uint32_t *order; /* slots; sorted runs of `width` */
    uint32_t *spare;
    uint32_t width;
    uint32_t run; /* where the runs being merged begin */
    uint32_t left, right, out;
    bool meta_done;
    struct zk_buf meta; /* the state's own row, as of the beginning */
    struct zk_buf value;
};

struct dirty {
    struct dirty_set sets[2];
    struct dirty_set swept; /* a finished checkpoint's entries, freed a few at a time */
    unsigned current;       /* 0 or 1 */
    struct checkpoint checkpoint;
    struct zk_buf key; /* scratch */
    struct zk_buf value;
};

void dirty_init(struct state *s);
void dirty_fini(struct state *s);

/* Before the first change of a node or session by a command, its removal too. */
void dirty_before_node(struct state *s, uint32_t handle);
void dirty_before_session(struct state *s, struct session *session);
/* It has changed, and stands. `grown_bytes`: by how much its row grew. */
void dirty_node(struct state *s, uint32_t handle, int64_t grown_bytes);
void dirty_session(struct state *s, struct session *session);
/* It is about to be dropped for good; for a node its parents are still there. */
void dirty_node_gone(struct state *s, uint32_t handle);
void dirty_session_gone(struct state *s, struct session *session);
void dirty_tombstone(struct state *s, struct zk_slice key);
/* Frees up to `count` of the swept entries. */
void dirty_sweep(struct state *s, uint32_t count);
void checkpoint_fini(struct checkpoint *c);
/* NULL, or what of D1 to D3 does not hold. */
const char *dirty_check(const struct state *s);
