/* founding.c: how an ensemble begins, once.
 *
 * The first log entry names the cluster and every member's incarnation. The lowest id proposes it when it sees all
 * participants and all are blank; a blank server stores at most one; the ensemble exists when all have stored the
 * same, which everyone sees in the others' HELLOs. So two foundings can never both complete: both would need every
 * server. `initialize` (Apache's file) makes a quorum of blanks enough, and does nothing beside a server that knows a
 * membership.
 *
 * D1  a founding is completed (commit >= 1) only when every participant, or a quorum with `initialize`, or anyone who
 *     knows it completed, shows it durably.
 * D2  before that nobody votes: a stored founding alone gives no right.
 * D3  a store that is empty because it was damaged founds nothing and is not counted as blank: what it held may be all
 *     there is.
 */
#include "server/zab/core.h"

#include <inttypes.h>
#include <stdio.h>

/* What the best channel to a peer says. */
static const struct channel *seen(const struct zab *z, size_t i)
{
    const struct peer *p = &z->peers[i];
    if (p->out.hello && !(p->in.hello && p->in.founded))
        return &p->out;
    return p->in.hello ? &p->in : NULL;
}

static bool anyone_knows_a_membership(const struct zab *z)
{
    for (size_t i = 0; i < z->config.member_count; i++) {
        const struct channel *c = i == z->self ? NULL : seen(z, i);
        if (c && (c->founded || !c->blank))
            return true;
    }
    return false;
}

static uint32_t blanks(const struct zab *z)
{
    uint32_t mask = 1u << z->self;
    for (size_t i = 0; i < z->config.member_count; i++) {
        const struct channel *c = i == z->self ? NULL : seen(z, i);
        if (c && c->blank && z->peers[i].out.hello)
            mask |= 1u << i;
    }
    return mask;
}

/* Does it fall to us to propose, now? With all there, to the lowest id. With a quorum under `initialize`, to the
 * lowest of those there, after some time for the others to come. */
static bool may_propose(struct zab *z)
{
    if (!is_participant(z, z->self) || z->tail.last_zxid || z->next_incarnation || lost_everything(z) ||
        anyone_knows_a_membership(z))
        return false;
    uint32_t there = blanks(z) & z->quorum.voters;
    uint32_t lowest = there & -there;
    if (lowest != 1u << z->self)
        return false;
    if (there == z->quorum.voters)
        return true;
    if (!z->config.initialize || !quorum_has(&z->quorum, there)) {
        z->found_at_ms = 0;
        return false;
    }
    if (z->found_at_ms == 0)
        z->found_at_ms = z->now_ms + z->config.tick_ms * 2 + 1;
    return z->now_ms >= z->found_at_ms;
}

static void propose_founding(struct zab *z)
{
    struct membership m = {.zxid = 1, .founding = 1, .count = z->config.member_count};
    do
        m.cluster_id = zk_rng_u64(&z->rng);
    while (m.cluster_id == 0);
    for (size_t i = 0; i < m.count; i++) {
        const struct channel *c = i == z->self ? NULL : seen(z, i);
        m.records[i].member = z->config.members[i];
        m.records[i].since = 1;
        if (i == z->self)
            m.records[i].incarnation = z->incarnation;
        else if (c && is_participant(z, i))
            m.records[i].incarnation = c->incarnation;
    }
    struct zk_buf body, group;
    zk_buf_init(&body);
    zk_buf_init(&group);
    membership_encode(&m, &body);
    group_begin(&group, 0);
    group_add(&group, 0, 1, ENTRY_FOUNDING, zk_buf_slice(&body));
    group_end(&group, 1);
    ZK_ASSERT(log_append(z, zk_buf_slice(&group)));
    zk_buf_fini(&body);
    zk_buf_fini(&group);
    pending_add(z, PENDING_HELLO, 0, NOBODY, 0);
    fx_news(z, "founding ensemble %016" PRIx64 " of %zu servers", m.cluster_id, m.count);
}

/* Our stored founding goes to every blank that it names. */
static void offer_founding(struct zab *z)
{
    const struct membership *m = membership_newest(&z->members);
    if (z->tail.count == 0)
        return;
    struct zab_msg offer = {.type = TELL_FOUND, .bytes = tail_bytes(tail_group_at(&z->tail, 0))};
    for (size_t i = 0; i < z->config.member_count; i++) {
        const struct channel *c = &z->peers[i].out;
        const struct member_record *r = membership_find(m, z->config.members[i].id);
        if (i != z->self && c->hello && c->blank && is_participant(z, i) && r && r->incarnation == c->incarnation)
            fx_send(z, i, false, &offer);
    }
}

bool on_found(struct zab *z, size_t peer, const struct zab_msg *m)
{
    struct group g;
    struct entry e;
    struct membership named;
    if (z->tail.last_zxid || z->next_incarnation || lost_everything(z))
        return true; /* one already, or the store of an older one: which, our HELLO says */
    if (!group_open(m->bytes, &g) || g.count != 1 || g.prev_hash != 0 || !group_next(&g, &e) || g.count != 0 ||
        e.kind != ENTRY_FOUNDING || e.zxid != 1 || !membership_decode(e.body, &named))
        return false;
    const struct member_record *r = membership_find(&named, self_id(z));
    struct zab_member members[ZAB_MEMBERS_MAX];
    for (size_t i = 0; i < named.count; i++)
        members[i] = named.records[i].member;
    if (!r || r->incarnation != z->incarnation || membership_hash(members, named.count) != z->members_hash)
        return true;
    if (z->role == ROLE_FOLLOWING || !log_append(z, m->bytes))
        return true;
    pending_add(z, PENDING_HELLO, 0, NOBODY, 0);
    return true;
}

/* Who is seen to hold our founding durably? */
static uint32_t holders(const struct zab *z, bool *ret_known)
{
    uint32_t mask = z->durable_zxid >= 1 ? 1u << z->self : 0;
    *ret_known = false;
    for (size_t i = 0; i < z->config.member_count; i++) {
        const struct channel *c = i == z->self ? NULL : seen(z, i);
        if (!c || c->cluster_id != cluster_id(z))
            continue;
        if (c->founded)
            *ret_known = true;
        if (c->last_zxid >= 1)
            mask |= 1u << i;
    }
    return mask;
}

void founding_step(struct zab *z)
{
    if (!z->started || founded(z) || z->fatal[0] || z->role == ROLE_FOLLOWING)
        return;
    if (may_propose(z))
        propose_founding(z);
    if (z->tail.last_zxid == 0)
        return;
    bool known;
    uint32_t have = holders(z, &known) & z->quorum.voters;
    bool enough = have == z->quorum.voters || (z->config.initialize && quorum_has(&z->quorum, have));
    if (z->durable_zxid < 1)
        return;
    if (!known && !enough) {
        if (z->now_ms >= z->founding_told_ms) {
            z->founding_told_ms = z->now_ms + zk_max_u64(z->config.tick_ms / 4, 1);
            offer_founding(z);
        }
        return;
    }
    fx_news(z, "ensemble %016" PRIx64 " exists", cluster_id(z));
    commit_to(z, 1);
    z->elect_at_ms = z->now_ms + election_delay(z);
    election_hurry(z);
}

/* --- who is missing --- */

static void add_ids(const struct zab *z, struct zk_buf *text, uint32_t mask, const char *what)
{
    bool first = true;
    for (size_t i = 0; i < z->config.member_count; i++) {
        if (!(mask & 1u << i))
            continue;
        zk_buf_printf(text, first ? "; server %" PRIu64 : ", %" PRIu64, z->config.members[i].id);
        first = false;
    }
    if (!first)
        zk_buf_printf(text, " %s", what);
}

void waiting_update(struct zab *z)
{
    if (z->role == ROLE_LEADING || z->role == ROLE_FOLLOWING)
        return;
    uint32_t missing = 0, strangers = 0, foreign = 0, others = 0, emptied = 0;
    for (size_t i = 0; i < z->config.member_count; i++) {
        const struct channel *c = i == z->self ? NULL : seen(z, i);
        if (i == z->self || !is_participant(z, i))
            continue;
        if (z->peers[i].foreign_id)
            others |= 1u << i;
        else if (!c)
            missing |= 1u << i;
        else if (c->cluster_id && cluster_id(z) && c->cluster_id != cluster_id(z))
            foreign |= 1u << i;
        else if (!founded(z) && !c->blank && !c->cluster_id)
            emptied |= 1u << i;
        else if (founded(z) && !member_speaks(z, i, c->incarnation))
            strangers |= 1u << i;
    }
    struct zk_buf text;
    zk_buf_init(&text);
    zk_buf_printf(&text, founded(z) ? "no leader" : "the ensemble is not founded");
    add_ids(z, &text, missing, "not reachable");
    add_ids(z, &text, others, "of another ensemble (see the log)");
    add_ids(z, &text, foreign, "of another founding (empty the dataDir of whichever holds no data)");
    add_ids(z, &text, strangers,
            "with a new or damaged store, which may not vote until a quorum of the others readmits it");
    add_ids(z, &text, emptied, "whose store was damaged and holds nothing now (see its log)");
    if (lost_everything(z))
        zk_buf_printf(&text, "; this server's own store was damaged (%s): what it held must come from the others; if no "
                             "server ever held anything, empty its dataDir", z->damage);
    else if (founded(z) && is_stranger(z))
        zk_buf_printf(&text, "; this server's own store is new or damaged and may not vote until it is readmitted");
    if (!founded(z) && missing)
        zk_buf_printf(&text, "; to go on with a quorum, create the file `initialize` in the dataDir of those that "
                             "are there and start them again");
    else if (founded(z) && strangers)
        zk_buf_printf(&text, "; if those others are lost for good, `zkd recover` on the best remaining store");
    snprintf(z->waiting_for, sizeof z->waiting_for, "%s", zk_buf_text(&text));
    zk_buf_fini(&text);
}
