#include "server/zab/membership.h"
#include "common/jute.h"

#include <xxhash.h>

#define MEMBERSHIP_FORMAT 1
#define RECORD_BYTES      30

void membership_encode(const struct membership *m, struct zk_buf *out)
{
    zk_jute_put_u8(out, MEMBERSHIP_FORMAT);
    zk_jute_put_long(out, (int64_t)m->zxid);
    zk_jute_put_long(out, (int64_t)m->cluster_id);
    zk_jute_put_long(out, (int64_t)m->founding);
    zk_jute_put_long(out, (int64_t)m->change);
    zk_jute_put_int(out, (int32_t)m->count);
    for (size_t i = 0; i < m->count; i++) {
        const struct member_record *r = &m->records[i];
        zk_jute_put_long(out, (int64_t)r->member.id);
        zk_jute_put_u8(out, (uint8_t)r->member.role);
        zk_jute_put_int(out, (int32_t)r->member.weight);
        zk_jute_put_long(out, (int64_t)r->incarnation);
        zk_jute_put_long(out, (int64_t)r->since);
        zk_jute_put_u8(out, r->vacant);
    }
}

static bool record_decode(struct zk_jute *in, struct member_record *ret_record)
{
    ret_record->member.id = (uint64_t)zk_jute_long(in);
    uint8_t role = zk_jute_u8(in);
    ret_record->member.role = role == ZAB_OBSERVER ? ZAB_OBSERVER : ZAB_PARTICIPANT;
    ret_record->member.weight = (uint32_t)zk_jute_int(in);
    ret_record->incarnation = (uint64_t)zk_jute_long(in);
    ret_record->since = (uint64_t)zk_jute_long(in);
    uint8_t vacant = zk_jute_u8(in);
    ret_record->vacant = vacant != 0;
    return !in->bad && role <= ZAB_OBSERVER && vacant <= 1;
}

bool membership_decode(struct zk_slice bytes, struct membership *ret_membership)
{
    struct zk_jute in = zk_jute(bytes);
    struct membership m = {0};
    uint8_t format = zk_jute_u8(&in);
    m.zxid = (uint64_t)zk_jute_long(&in);
    m.cluster_id = (uint64_t)zk_jute_long(&in);
    m.founding = (uint64_t)zk_jute_long(&in);
    m.change = (uint64_t)zk_jute_long(&in);
    int32_t count = zk_jute_count(&in, RECORD_BYTES);
    if (in.bad || format != MEMBERSHIP_FORMAT || count < 1 || count > ZAB_MEMBERS_MAX || m.cluster_id == 0)
        return false;
    if (m.founding == 0 || m.founding > m.zxid)
        return false;
    m.count = (size_t)count;
    for (size_t i = 0; i < m.count; i++) {
        if (!record_decode(&in, &m.records[i]))
            return false;
        if (i && m.records[i].member.id <= m.records[i - 1].member.id)
            return false;
    }
    *ret_membership = m;
    return zk_jute_left(&in) == 0;
}

const struct member_record *membership_find(const struct membership *m, uint64_t id)
{
    for (size_t i = 0; m && i < m->count; i++)
        if (m->records[i].member.id == id)
            return &m->records[i];
    return NULL;
}

uint64_t membership_hash(const struct zab_member *members, size_t count)
{
    struct zk_buf text;
    zk_buf_init(&text);
    for (size_t i = 0; i < count; i++) {
        zk_jute_put_long(&text, (int64_t)members[i].id);
        zk_jute_put_u8(&text, (uint8_t)members[i].role);
        zk_jute_put_int(&text, (int32_t)members[i].weight);
    }
    uint64_t hash = XXH3_64bits(text.ptr, text.len);
    zk_buf_fini(&text);
    return hash;
}

void membership_readmit_encode(struct zk_buf *out, uint64_t id, uint64_t incarnation)
{
    zk_jute_put_u8(out, MEMBERSHIP_FORMAT);
    zk_jute_put_long(out, (int64_t)id);
    zk_jute_put_long(out, (int64_t)incarnation);
}

void membership_close_encode(struct zk_buf *out, uint64_t change)
{
    zk_jute_put_u8(out, MEMBERSHIP_FORMAT);
    zk_jute_put_long(out, (int64_t)change);
}

void membership_seat_encode(struct zk_buf *out, uint64_t id)
{
    zk_jute_put_u8(out, MEMBERSHIP_FORMAT);
    zk_jute_put_long(out, (int64_t)id);
}

void membership_fini(struct membership_stack *s)
{
    free(s->versions);
    memset(s, 0, sizeof *s);
}

static void push(struct membership_stack *s, const struct membership *m)
{
    struct membership copy = *m;
    if (s->count == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 4;
        s->versions = zk_realloc(s->versions, s->cap * sizeof *s->versions);
    }
    s->versions[s->count++] = copy;
}

void membership_reset(struct membership_stack *s, const struct membership *m)
{
    s->count = 0;
    push(s, m);
}

/* One participant, by its new incarnation, and nobody else. */
static bool names_one_seed(const struct membership *m)
{
    size_t seeds = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct member_record *r = &m->records[i];
        if (r->vacant ? r->incarnation != 0 : r->member.role == ZAB_PARTICIPANT && r->since != m->founding)
            return false;
        seeds += r->member.role == ZAB_PARTICIPANT && !r->vacant && r->incarnation != 0;
    }
    return seeds == 1;
}

static bool note_founding(struct membership_stack *s, const struct entry *e)
{
    struct membership m;
    const struct membership *now = membership_newest(s);
    if (!membership_decode(e->body, &m) || m.zxid != e->zxid || m.founding != e->zxid || m.change != 0)
        return false;
    if (now ? m.cluster_id == now->cluster_id || !names_one_seed(&m) : e->zxid != 1)
        return false;
    push(s, &m);
    return true;
}

static bool note_readmit(struct membership_stack *s, const struct entry *e)
{
    struct zk_jute in = zk_jute(e->body);
    uint8_t format = zk_jute_u8(&in);
    uint64_t id = (uint64_t)zk_jute_long(&in);
    uint64_t incarnation = (uint64_t)zk_jute_long(&in);
    const struct membership *now = membership_newest(s);
    if (in.bad || format != MEMBERSHIP_FORMAT || !now || now->change || incarnation == 0)
        return false;
    struct membership next = *now;
    next.zxid = next.change = e->zxid;
    for (size_t i = 0; i < next.count; i++) {
        struct member_record *r = &next.records[i];
        if (r->member.id != id || r->member.role != ZAB_PARTICIPANT)
            continue;
        r->incarnation = incarnation;
        r->since = e->zxid;
        push(s, &next);
        return true;
    }
    return false;
}

static bool note_close(struct membership_stack *s, const struct entry *e)
{
    struct zk_jute in = zk_jute(e->body);
    uint8_t format = zk_jute_u8(&in);
    uint64_t change = (uint64_t)zk_jute_long(&in);
    const struct membership *now = membership_newest(s);
    if (in.bad || format != MEMBERSHIP_FORMAT || !now || change == 0 || now->change != change)
        return false;
    struct membership next = *now;
    next.zxid = e->zxid;
    next.change = 0;
    push(s, &next);
    return true;
}

static bool note_seat(struct membership_stack *s, const struct entry *e)
{
    struct zk_jute in = zk_jute(e->body);
    uint8_t format = zk_jute_u8(&in);
    uint64_t id = (uint64_t)zk_jute_long(&in);
    const struct membership *now = membership_newest(s);
    if (in.bad || format != MEMBERSHIP_FORMAT || !now || now->change)
        return false;
    struct membership next = *now;
    next.zxid = e->zxid;
    for (size_t i = 0; i < next.count; i++) {
        struct member_record *r = &next.records[i];
        if (r->member.id != id || !r->vacant || r->incarnation == 0)
            continue;
        r->vacant = false;
        push(s, &next);
        return true;
    }
    return false;
}

bool membership_note(struct membership_stack *s, const struct entry *e)
{
    switch (e->kind) {
    case ENTRY_FOUNDING:
        return note_founding(s, e);
    case ENTRY_READMIT:
        return note_readmit(s, e);
    case ENTRY_CLOSE:
        return note_close(s, e);
    case ENTRY_SEAT:
        return note_seat(s, e);
    default:
        return s->count > 0;
    }
}

void membership_truncate(struct membership_stack *s, uint64_t zxid)
{
    while (s->count && s->versions[s->count - 1].zxid > zxid)
        s->count--;
}

void membership_commit(struct membership_stack *s, uint64_t zxid)
{
    size_t drop = 0;
    while (drop + 1 < s->count && s->versions[drop + 1].zxid <= zxid)
        drop++;
    if (drop == 0)
        return;
    memmove(s->versions, s->versions + drop, (s->count - drop) * sizeof *s->versions);
    s->count -= drop;
}

const struct membership *membership_newest(const struct membership_stack *s)
{
    return s->count ? &s->versions[s->count - 1] : NULL;
}

const struct membership *membership_at(const struct membership_stack *s, uint64_t zxid)
{
    for (size_t i = s->count; i-- > 0;)
        if (s->versions[i].zxid <= zxid)
            return &s->versions[i];
    return NULL;
}
