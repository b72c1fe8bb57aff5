#include "server/state/mortal.h"
#include "server/state/inside.h"

size_t mortal_note_bytes(uint8_t kind)
{
    return kind == NODE_CONTAINER || kind == NODE_TTL ? sizeof(struct mortal_note) : 0;
}

static uint8_t *note_at(const struct node *n)
{
    return n->body + n->name_len + n->data_len;
}

static struct mortal_note get_note(const struct node *n)
{
    struct mortal_note note;
    memcpy(&note, note_at(n), sizeof note);
    return note;
}

static void set_note(struct node *n, struct mortal_note note)
{
    memcpy(note_at(n), &note, sizeof note);
}

int64_t mortal_ttl_ms(const struct node *n)
{
    return n->kind == NODE_TTL ? get_note(n).ttl_ms : 0;
}

void mortal_note_copy(struct node *n, const uint8_t *old_body, size_t old_note_at)
{
    if (node_is_mortal(n))
        memcpy(note_at(n), old_body + old_note_at, sizeof(struct mortal_note));
}

void mortals_add(struct mortals *all, struct tree *t, uint32_t handle, int64_t ttl_ms)
{
    if (all->count == all->cap) {
        all->cap = all->cap ? all->cap * 2 : 16;
        all->nodes = zk_realloc(all->nodes, all->cap * sizeof *all->nodes);
    }
    struct mortal_note note;
    memset(&note, 0, sizeof note); /* its padding too */
    note.ttl_ms = ttl_ms;
    note.place = (uint32_t)all->count;
    set_note(tree_at(t, handle), note);
    all->nodes[all->count++] = handle;
}

void mortals_remove(struct mortals *all, struct tree *t, uint32_t handle)
{
    uint32_t place = get_note(tree_at(t, handle)).place;
    uint32_t last = all->nodes[--all->count];
    all->nodes[place] = last;
    if (last == handle)
        return;
    struct mortal_note note = get_note(tree_at(t, last));
    note.place = place;
    set_note(tree_at(t, last), note);
}

const char *mortals_check(const struct mortals *all, const struct tree *t)
{
    size_t mortal = 0;
    for (uint32_t h = 1; h < t->used; h++)
        mortal += node_is_mortal(tree_at(t, h));
    for (size_t i = 0; i < all->count; i++) {
        const struct node *n = tree_at(t, all->nodes[i]);
        if (!node_is_mortal(n) || get_note(n).place != i)
            return "M1: a mortal node is not where it says";
        if ((n->kind == NODE_TTL) != (get_note(n).ttl_ms > 0))
            return "a node has a TTL and should not, or has none and should";
    }
    return mortal == all->count ? NULL : "M1: there are not as many mortal nodes as counted";
}

/* --- whose time has come --- */

bool node_has_ended(const struct node *n, int64_t time_ms, int64_t never_used_ms)
{
    if (!node_is_mortal(n) || node_child_count(n) > 0)
        return false;
    int64_t idle_ms = (int64_t)((uint64_t)time_ms - (uint64_t)n->mtime_ms);
    if (n->kind == NODE_TTL)
        return idle_ms > mortal_ttl_ms(n);
    return node_creates(n) > 0 || (never_used_ms > 0 && idle_ms > never_used_ms);
}

size_t state_mortal_count(const struct state *s)
{
    return s->mortals.count;
}

bool state_mortal_has_ended(const struct state *s, size_t i, int64_t time_ms, int64_t never_used_ms)
{
    return i < s->mortals.count && node_has_ended(state_node(s, s->mortals.nodes[i]), time_ms, never_used_ms);
}

uint64_t state_mortal_get(const struct state *s, size_t i, struct zk_buf *path)
{
    ZK_ASSERT(i < s->mortals.count);
    tree_path(&s->tree, s->mortals.nodes[i], path);
    return state_node(s, s->mortals.nodes[i])->czxid;
}
