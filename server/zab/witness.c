/* witness.c: what this server has seen others promise and acknowledge, so that a disk which comes back older is known
 * for what it is.
 *
 * W1  of each server and incarnation: the highest promise, and the last zxid acknowledged in that very epoch. A
 *     promise that rises forgets the zxid: the log may be cut by the leader of the new epoch.
 * W2  a server whose store shows a lower promise, or in the remembered epoch a shorter log, or whose start counter
 *     (with another process) has been seen, has lost what it once vouched for: it takes a new incarnation, durably,
 *     and is a stranger until that is readmitted.
 * W3  it learns so at the handshake, before it grants, follows or acknowledges anything (on_hold).
 */
#include "server/zab/core.h"

#include <inttypes.h>

struct witness *witness_of(struct zab *z, size_t peer, uint64_t incarnation)
{
    struct witness *oldest = &z->peers[peer].witnesses[0];
    if (incarnation == 0)
        return NULL;
    for (size_t i = 0; i < WITNESS_PER_SERVER_MAX; i++) {
        struct witness *w = &z->peers[peer].witnesses[i];
        if (w->seen.incarnation == incarnation) {
            w->used = ++z->witness_calls;
            return w;
        }
        if (w->used < oldest->used)
            oldest = w;
    }
    *oldest = (struct witness){.used = ++z->witness_calls};
    oldest->seen.server = z->peers[peer].member.id;
    oldest->seen.incarnation = incarnation;
    return oldest;
}

void witness_load(struct zab *z, const struct storage_witness *w)
{
    size_t peer = peer_index(z, w->server);
    struct witness *mine = peer == NOBODY ? NULL : witness_of(z, peer, w->incarnation);
    if (mine)
        mine->seen = mine->stored = *w;
}

void witness_ack(struct zab *z, size_t peer, uint64_t incarnation, uint64_t epoch, uint64_t zxid)
{
    struct witness *w = witness_of(z, peer, incarnation);
    if (!w || epoch < w->seen.promised)
        return;
    if (epoch > w->seen.promised) {
        w->seen.promised = epoch;
        w->seen.zxid = 0;
    }
    w->seen.zxid = zk_max_u64(w->seen.zxid, zxid);
}

void witness_word(struct zab *z, size_t peer, const struct channel *c, uint64_t epoch)
{
    if (!c->is_void)
        witness_ack(z, peer, c->incarnation, epoch, 0);
}

void witness_merge(struct zab *z, const struct storage_witness *w)
{
    size_t peer = peer_index(z, w->server);
    if (peer == NOBODY || peer == z->self || w->incarnation == 0)
        return;
    witness_ack(z, peer, w->incarnation, w->promised, w->zxid);
    struct witness *mine = witness_of(z, peer, w->incarnation);
    if (w->start_count > mine->seen.start_count) {
        mine->seen.start_count = w->start_count;
        mine->run = 0;
    }
}

/* What a heartbeat tells everyone: of each member the incarnation that the membership names. */
size_t witness_table(struct zab *z, struct storage_witness *table)
{
    size_t count = 0;
    const struct membership *m = membership_newest(&z->members);
    for (size_t i = 0; m && i < z->config.member_count && count < MSG_WITNESS_MAX; i++) {
        const struct member_record *r = membership_find(m, z->config.members[i].id);
        struct witness *w = r ? witness_of(z, i, r->incarnation) : NULL;
        if (w)
            table[count++] = w->seen;
    }
    return count;
}

/* Not a write for each acknowledgement: promises and starts at once, zxids with the tick. */
void witness_tick(struct zab *z)
{
    bool due = z->now_ms >= z->witness_at_ms;
    if (due)
        z->witness_at_ms = z->now_ms + zk_max_u64(z->config.tick_ms, 1);
    for (size_t i = 0; i < z->config.member_count; i++) {
        for (size_t j = 0; j < WITNESS_PER_SERVER_MAX && i != z->self; j++) {
            struct witness *w = &z->peers[i].witnesses[j];
            const struct storage_witness *a = &w->seen, *b = &w->stored;
            if (a->incarnation == 0 || memcmp(a, b, sizeof *a) == 0)
                continue;
            if (!due && a->promised == b->promised && a->start_count == b->start_count)
                continue;
            w->stored = w->seen;
            fx_op(z, &(struct storage_op){.kind = STORAGE_WITNESS, .witness = w->seen});
        }
    }
}

/* Its HELLO is here: tell it what we remember of it, and remember this start. */
void witness_greet(struct zab *z, size_t peer, bool inbound)
{
    struct channel *c = inbound ? &z->peers[peer].in : &z->peers[peer].out;
    struct witness *w = witness_of(z, peer, c->incarnation);
    struct zab_msg m = {.type = TELL_REMEMBER,
                        .incarnation = c->incarnation,
                        .start_count = w->seen.start_count,
                        .run = w->run,
                        .zxid = w->seen.zxid,
                        .promised = w->seen.promised};
    fx_send(z, peer, inbound, &m);
    if (c->is_void)
        return;
    if (c->start_count >= w->seen.start_count) {
        w->seen.start_count = c->start_count;
        w->run = c->run;
    }
}

static void take_new_name(struct zab *z, size_t peer)
{
    fx_news(z,
            "server %" PRIu64 " remembers more of this store than it holds: it was rolled back or copied, and takes "
            "a new incarnation",
            z->peers[peer].member.id);
    look(z, 0, "this store has lost what it once vouched for");
    z->pending_count = 0;
    z->candidate = false;
    do
        z->next_incarnation = zk_rng_u64(&z->rng);
    while (z->next_incarnation == 0 || z->next_incarnation == z->incarnation);
    struct storage_op op = {.kind = STORAGE_RENAME};
    op.witness = (struct storage_witness){.server = self_id(z), .incarnation = z->next_incarnation};
    fx_op(z, &op);
    pending_add(z, PENDING_RENAME, 0, NOBODY, 0);
}

void on_remember(struct zab *z, size_t peer, const struct zab_msg *m)
{
    z->peers[peer].remembered = true;
    if (m->incarnation != z->incarnation || z->next_incarnation)
        return;
    bool started_twice =
        m->start_count > z->start_count || (m->start_count == z->start_count && m->run && m->run != z->run);
    bool holds_less = m->promised > z->promised || (m->promised == z->promised && m->zxid > z->tail.last_zxid);
    if ((started_twice || holds_less) && !ZK_PLANTED(111)) {
        take_new_name(z, peer);
        return;
    }
    founding_step(z);
    election_hurry(z);
}

/* The new name is durable: say it on new connections. */
void renamed(struct zab *z)
{
    z->incarnation = z->next_incarnation;
    z->next_incarnation = 0;
    z->was_stranger = is_stranger(z);
    for (size_t i = 0; i < z->config.member_count; i++) {
        fx_close(z, i, false);
        fx_close(z, i, true);
    }
}
