/* zab_judge.c: what must hold in the little world, whatever happens (zab_world.h lists it). */
#include "tests/unit/zab_world_impl.h"

#include <stdarg.h>
#include <stdio.h>

ZK_PRINTF(2, 3)
void judge_trouble(struct world *w, const char *format, ...)
{
    if (w->trouble[0] || w->options.garble)
        return;
    va_list args;
    va_start(args, format);
    int at = snprintf(w->trouble, sizeof w->trouble, "at %" PRIu64 " ms: ", w->now_ms);
    vsnprintf(w->trouble + at, sizeof w->trouble - (size_t)at, format, args);
    va_end(args);
}

/* The first to apply an entry writes it into the ledger; everybody else is held against it. */
void judge_applied(struct world *w, size_t i, const struct entry *e)
{
    struct server *s = &w->servers[i];
    if (s->index > w->ledger_count) {
        judge_trouble(w, "server %zu took over a state that nobody had", i + 1); /* who sent it lied: garble */
        return;
    }
    if (s->index == w->ledger_count) {
        if (w->ledger_count == w->ledger_cap) {
            w->ledger_cap = w->ledger_cap ? 2 * w->ledger_cap : 256;
            w->ledger = zk_realloc(w->ledger, w->ledger_cap * sizeof *w->ledger);
        }
        uint64_t epoch = s->zab ? zab_epoch(s->zab) : 0;
        w->ledger[w->ledger_count++] = (struct ledger_entry){e->zxid, e->hash, s->digest, epoch};
        w->marks.commits++;
        w->marks.readmissions += e->kind == ENTRY_READMIT;
    }
    const struct ledger_entry *known = &w->ledger[s->index++];
    if (known->zxid != e->zxid || known->hash != e->hash || known->digest != s->digest)
        judge_trouble(w, "server %zu applies 0x%" PRIx64 " where others applied 0x%" PRIx64, i + 1, e->zxid,
                      known->zxid);
}

void judge_state(struct world *w, size_t i, const struct zab_snap *snap)
{
    const struct server *s = &w->servers[i];
    if (s->index == 0 || s->index > w->ledger_count || w->ledger[s->index - 1].zxid != snap->zxid ||
        s->digest != snap->digest || w->ledger[s->index - 1].digest != s->digest)
        judge_trouble(w, "server %zu receives a state that nobody had at 0x%" PRIx64, i + 1, snap->zxid);
}

/* As witnesses remember it: a newer promise forgets the zxid. */
static void vouch(struct storage_witness *v, uint64_t epoch, uint64_t zxid)
{
    if (epoch > v->promised)
        *v = (struct storage_witness){.promised = epoch};
    if (epoch == v->promised)
        v->zxid = zk_max_u64(v->zxid, zxid);
}

bool judge_above(const struct storage_witness *a, const struct storage_witness *b)
{
    return a->promised > b->promised || (a->promised == b->promised && a->zxid > b->zxid);
}

void judge_message(struct world *w, size_t from, struct zk_slice bytes)
{
    struct msg_lists lists;
    struct zab_msg m;
    struct disk *d = w->servers[from].disk;
    if (!msg_decode(bytes, &lists, &m)) {
        judge_trouble(w, "server %zu sends what it could not read itself", from + 1);
        return;
    }
    struct storage_witness *v = &w->servers[from].vouched;
    if (m.type == TELL_VOTED && m.yes && zab_is_stranger(w->servers[from].zab))
        judge_trouble(w, "server %zu grants, but is a stranger", from + 1);
    bool vote = (m.type == TELL_VOTED && m.yes) || m.type == TELL_VOTE;
    if (m.type == TELL_ACK || vote)
        vouch(v, m.epoch, vote ? 0 : m.zxid);
    uint64_t hash;
    if (m.type == TELL_ACK && m.zxid > disk_last_zxid(d, &hash))
        judge_trouble(w, "server %zu acknowledges 0x%" PRIx64 ", its disk ends at 0x%" PRIx64, from + 1, m.zxid,
                      disk_last_zxid(d, &hash));
    if (vote && m.epoch > disk_promised(d))
        judge_trouble(w, "server %zu vouches for epoch %" PRIu64 ", its disk has promised %" PRIu64, from + 1,
                      m.epoch, disk_promised(d));
    w->marks.truncs += m.type == TELL_TRUNC;
    w->marks.handovers += m.type == TELL_TAKE_OVER;
}

void judge_leader(struct world *w, size_t i)
{
    const struct zab *z = w->servers[i].zab;
    if (z->role != ROLE_LEADING)
        return;
    uint64_t epoch = zab_epoch(z);
    if (epoch >= ZK_COUNT_OF(w->elected)) {
        judge_trouble(w, "epoch %" PRIu64 ": elections without end", epoch);
        return;
    }
    vouch(&w->servers[i].vouched, epoch, z->peers[i].stream.acked);
    if (w->elected[epoch] == id_of(i))
        return;
    if (w->elected[epoch]) {
        judge_trouble(w, "servers %" PRIu64 " and %zu both lead epoch %" PRIu64, w->elected[epoch], i + 1, epoch);
        return;
    }
    w->elected[epoch] = id_of(i);
    w->marks.elections++;
    for (size_t k = w->servers[i].index; k < w->ledger_count; k++) {
        uint64_t hash = 0;
        if (w->ledger[k].epoch < epoch &&
            (!tail_hash_at(&z->tail, w->ledger[k].zxid, &hash) || hash != w->ledger[k].hash))
            judge_trouble(
                w, "server %zu leads epoch %" PRIu64 " without 0x%" PRIx64 ", which epoch %" PRIu64 " committed",
                i + 1, epoch, w->ledger[k].zxid, w->ledger[k].epoch);
    }
}

void judge_confirm(struct world *w, size_t i, const struct zab_confirmed *c)
{
    struct server *s = &w->servers[i];
    for (size_t k = 0; k < s->asked_count; k++) {
        if (s->asked[k].token != c->token)
            continue;
        if (c->ok && s->index < s->asked[k].ledger)
            judge_trouble(
                w, "server %zu's round is confirmed, but %zu entries were committed when it was asked, it has %zu",
                i + 1, s->asked[k].ledger, s->index);
        w->marks.confirms += c->ok;
        s->asked[k] = s->asked[--s->asked_count];
        return;
    }
    judge_trouble(w, "server %zu answers a round that nobody asked for", i + 1);
}
