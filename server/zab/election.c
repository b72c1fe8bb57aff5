/* election.c: who leads. Pre-vote, promise, grant.
 *
 *   look -> (elect_at) pre-vote: 'would you follow me?', changes nothing
 *        -> a quorum would: promise e, durable, then ask for it -> a quorum grants: lead (broadcast.c)
 *
 * E1  a grant of e needs e > promised, strictly, and a candidate whose last zxid is not behind; compared by
 *     everything that was handed to the storage on both sides, and durable behind it before it leaves.
 * E2  a candidate asks only when its own promise is durable; a grant counts only for the epoch it names, which no
 *     server stands for twice, and as long as its candidate has promised, led and followed nothing newer: however late
 *     it comes.
 * E3  a promise of e ends whatever was led or followed below e, and drops acknowledgements that wait for the disk.
 * E4  a stranger neither grants nor stands. Who is readmitted to a vacant seat grants, for the candidate's log may seat
 *     it already, but does not stand.
 *
 * Machines may be slow, all of them, and then everything that waits for a fixed time would be done again and again, each
 * time a little too early. So none gives up because of its own disk; late grants count; who would follow another lets it
 * stand first (give_way); and those that stood for the same epoch all know which of them goes on (settle_rivals).
 */
#include "server/zab/core.h"

#include <inttypes.h>

#define FAILED_SHIFT_MAX 5

/* The unit of all short waits: a hundredth of a tick or so, for it is about round trips, not about time-outs. */
static uint64_t unit_ms(const struct zab *z)
{
    return zk_max_u64(z->config.tick_ms / 200, 1);
}

static uint32_t shift_of(uint32_t failed)
{
    return failed < FAILED_SHIFT_MAX ? failed : FAILED_SHIFT_MAX;
}

static uint64_t most_ms(const struct zab *z)
{
    return zk_max_u64((uint64_t)z->config.tick_ms * z->config.sync_limit, 4);
}

/* For grants: doubling with each time that they did not come, for they may all be longer on their way than that, by a
 * far network or a slow disk. Whom nobody hears within the sync limit could not lead. */
static uint64_t vote_wait_ms(struct zab *z)
{
    uint64_t quarter = zk_max_u64(z->config.tick_ms / 4, 4) << shift_of(z->votes_failed);
    return zk_min_u64(quarter + zk_rng_below(&z->rng, (uint32_t)quarter), most_ms(z));
}

uint64_t election_delay(struct zab *z)
{
    uint64_t rank = 0;
    for (size_t i = z->self + 1; i < z->config.member_count; i++)
        rank += is_participant(z, i);
    /* Whose state is wrong leads only if nobody else can. */
    uint64_t last = z->wants_state ? zk_max_u64(z->config.tick_ms / 4, 4) : 0;
    return last + rank * unit_ms(z) + zk_rng_below(&z->rng, (uint32_t)unit_ms(z) + 1);
}

/* Doubling with each attempt that came to nothing, so that rivals part. */
static uint64_t retry_ms(struct zab *z)
{
    uint64_t most = unit_ms(z) * 4 << shift_of(z->attempts_failed);
    z->attempts_failed++;
    return election_delay(z) + unit_ms(z) + zk_rng_below(&z->rng, (uint32_t)most);
}

static bool hears_leader(const struct zab *z)
{
    uint64_t limit = (uint64_t)z->config.tick_ms * z->config.sync_limit;
    if (z->role == ROLE_LEADING)
        return true;
    return z->role == ROLE_FOLLOWING && z->peers[z->leader].out.up && z->now_ms - z->heard_ms <= limit;
}

/* A store may have been rolled back without knowing it: nothing is promised or acknowledged before every participant
 * that is there has said what it remembers of us. Whom the dialler did not reach is not there. Who neither speaks nor
 * fails is waited for some ticks, and until others who are a quorum with us have spoken; then for the init limit. An
 * observer has vouched for nothing. */
bool on_hold(const struct zab *z)
{
    if (z->next_incarnation)
        return true;
    if (z->now_ms >= z->hold_at_most_ms || !is_participant(z, z->self))
        return false;
    uint32_t heard = 1u << z->self;
    bool all = true;
    for (size_t i = 0; i < z->config.member_count; i++) {
        const struct peer *p = &z->peers[i];
        if (i == z->self || !is_participant(z, i))
            continue;
        if (p->remembered)
            heard |= 1u << i;
        else if (!p->unreachable || p->out.up || p->in.up)
            all = false;
    }
    return !all && (z->now_ms < z->hold_until_ms || !quorum_has(&z->quorum, heard));
}

/* --- giving up a role --- */

/* Who follows must not wait out the sync limit for a leader that knows it is none. */
static void resign(struct zab *z, bool succession)
{
    struct zab_msg m = {.type = TELL_RESIGN, .epoch = z->epoch, .yes = succession};
    struct zk_slice bytes = fx_encode(z, &m);
    for (size_t i = 0; i < z->config.member_count; i++)
        if (i != z->self && z->peers[i].in.followed_epoch == z->epoch)
            fx_send_bytes(z, i, true, bytes);
}

static void leave_role(struct zab *z, bool succession)
{
    if (z->role == ROLE_LEADING) {
        resign(z, succession);
        confirms_fail(z);
        for (size_t i = 0; i < z->config.member_count; i++)
            stream_reset(z, i);
        handover_end(z);
        z->roll_at_ms = 0;
    }
    if (z->role == ROLE_FOLLOWING)
        leave_leader(z);
    z->asking = false;
    z->redial_until_ms = 0;
}

static void give_up(struct zab *z, uint64_t delay_ms, const char *why, bool succession)
{
    if (why && z->role != ROLE_LOOKING)
        fx_news(z, "%s epoch %" PRIu64 ": %s",
                z->role == ROLE_LEADING     ? "no longer leading"
                : z->role == ROLE_FOLLOWING ? "no longer following"
                                            : "not elected in",
                z->epoch, why);
    leave_role(z, succession);
    z->role = ROLE_LOOKING;
    z->elect_at_ms = z->now_ms + delay_ms;
}

void look(struct zab *z, uint64_t delay_ms, const char *why)
{
    give_up(z, delay_ms, why, false);
}

void on_resign(struct zab *z, size_t peer, const struct zab_msg *m)
{
    if (z->role != ROLE_FOLLOWING || z->leader != peer || z->epoch != m->epoch)
        return;
    look(z, election_delay(z) + (m->yes ? vote_wait_ms(z) : 0), "its leader gave it up");
}

void promise(struct zab *z, uint64_t epoch)
{
    ZK_ASSERT(epoch > z->promised);
    z->promised = epoch;
    z->candidate = false;
    if (!ZK_PLANTED(110))
        pending_drop_acks(z);
    fx_op(z, &(struct storage_op){.kind = STORAGE_PROMISE, .epoch = epoch});
}

/* --- standing --- */

static bool may_stand(const struct zab *z)
{
    return has_seat(z) && founded(z) && !is_stranger(z) && !on_hold(z) && z->tail.last_zxid > 0;
}

/* Who could grant us anything now, by what their HELLOs say. */
static uint32_t reachable(const struct zab *z)
{
    uint32_t mask = 1u << z->self;
    for (size_t i = 0; i < z->config.member_count; i++) {
        const struct channel *c = &z->peers[i].out;
        if (i != z->self && c->hello && !c->is_void && member_counts(z, i, c->incarnation, 0))
            mask |= 1u << i;
    }
    return mask;
}

void stand(struct zab *z)
{
    uint64_t highest = zk_max_u64(zk_max_u64(z->promised, z->seen_promised), zxid_epoch(z->tail.last_zxid));
    if (highest >= ZAB_EPOCH_MAX) {
        fx_fatal(z, "the epochs of this ensemble are used up");
        return;
    }
    leave_role(z, true);
    z->role = ROLE_STANDING;
    z->leader = NOBODY;
    z->epoch = highest + 1;
    promise(z, z->epoch);
    z->candidate = true;
    z->votes = z->rivals = z->refused = 0;
    z->outranked = false;
    z->stood_at_ms = z->now_ms;
    z->give_up_at_ms = z->now_ms + most_ms(z); /* until its own disk answers: election_ask */
    pending_add(z, PENDING_ASK, 0, NOBODY, 0);
}

/* Grants count as long as nothing newer is promised, also when the wait for them is over: on a slow machine they come
 * late, and to ask for a newer epoch would only make everybody begin again. Not for one that may not stand any more. */
static void count_votes(struct zab *z)
{
    if (!(z->votes & 1u << z->self) || !quorum_has(&z->quorum, z->votes) || !may_stand(z))
        return;
    leave_role(z, false);
    z->epoch = z->promised;
    lead(z);
}

void election_ask(struct zab *z, uint64_t epoch)
{
    if (!z->candidate || z->promised != epoch)
        return;
    struct zab_msg m = {.type = TELL_VOTE, .epoch = epoch, .zxid = z->tail.last_zxid};
    struct zk_slice bytes = fx_encode(z, &m);
    for (size_t i = 0; i < z->config.member_count; i++)
        if (i != z->self && is_participant(z, i) && z->peers[i].out.hello)
            fx_send_bytes(z, i, false, bytes);
    z->votes |= 1u << z->self;
    /* The others' disks will hardly be faster than ours, nor their machines less busy. */
    uint64_t own_ms = z->now_ms - z->stood_at_ms;
    z->give_up_at_ms = z->now_ms + zk_min_u64(vote_wait_ms(z) + 2 * own_ms, most_ms(z));
    count_votes(z);
}

static void pre_vote(struct zab *z)
{
    z->attempt++;
    z->asking = true;
    z->way_until_ms = 0;
    z->prevotes = 1u << z->self;
    if (quorum_has(&z->quorum, z->prevotes)) {
        stand(z);
        return;
    }
    struct zab_msg m = {.type = TELL_PREVOTE, .number = z->attempt, .zxid = z->tail.last_zxid};
    struct zk_slice bytes = fx_encode(z, &m);
    for (size_t i = 0; i < z->config.member_count; i++)
        if (i != z->self && is_participant(z, i) && z->peers[i].out.hello)
            fx_send_bytes(z, i, false, bytes);
    z->elect_at_ms = z->now_ms + retry_ms(z) + 4 * unit_ms(z);
}

void election_hurry(struct zab *z)
{
    if (z->role != ROLE_LOOKING || z->asking || !may_stand(z) || !quorum_has(&z->quorum, reachable(z)))
        return;
    /* Whoever leads says so with its first beat; give it the time of one round trip. */
    z->elect_at_ms = zk_min_u64(z->elect_at_ms, z->now_ms + 2 * unit_ms(z) + election_delay(z));
}

/* The disk is still at the last promise: another one would only come after it. */
static bool is_promising(const struct zab *z)
{
    return z->durable_promised < z->promised;
}

uint64_t election_at_ms(const struct zab *z)
{
    return zk_max_u64(z->elect_at_ms, zk_max_u64(z->granted_until_ms, z->way_until_ms));
}

void election_tick(struct zab *z)
{
    if (z->role == ROLE_STANDING && z->now_ms >= z->give_up_at_ms) {
        z->votes_failed++;
        look(z, retry_ms(z), "no quorum granted it in time");
        return;
    }
    if (z->role != ROLE_LOOKING || z->now_ms < election_at_ms(z))
        return;
    z->redial_until_ms = 0;
    z->asking = false;
    if (may_stand(z) && quorum_has(&z->quorum, reachable(z)) && !is_promising(z))
        pre_vote(z);
    else
        z->elect_at_ms = z->now_ms + zk_max_u64(z->config.tick_ms / 10, 2);
}

/* --- votes --- */

/* May this peer, by what its channel showed, be elected by us at all? */
static bool eligible(const struct zab *z, size_t peer)
{
    const struct channel *c = &z->peers[peer].in;
    if (!is_participant(z, peer) || !is_participant(z, z->self) || c->is_void || on_hold(z) || is_stranger(z))
        return false;
    return c->cluster_id == cluster_id(z) && founded(z);
}

static bool not_behind(const struct zab *z, uint64_t zxid)
{
    if (ZK_PLANTED(10) || ZK_PLANTED(110))
        return zxid >= z->durable_zxid;
    return zxid >= z->tail.last_zxid;
}

/* Which of two that could both be elected shall be? Not the one whose state is wrong, if it can be helped. */
static bool outranks(const struct zab *z, size_t peer, uint64_t zxid)
{
    if (z->wants_state)
        return true;
    return zxid != z->tail.last_zxid ? zxid > z->tail.last_zxid : peer > z->self;
}

/* Who would follow another lets it try first, and of two that ask at once only one goes on; else both would stand,
 * each having promised itself. But only once for each attempt of our own: the other may not be able to win. */
static void give_way(struct zab *z, size_t peer, uint64_t zxid)
{
    if (z->role != ROLE_LOOKING || z->way_until_ms || (z->asking && !outranks(z, peer, zxid)))
        return;
    z->asking = false;
    z->way_until_ms = z->now_ms + vote_wait_ms(z);
}

void on_prevote(struct zab *z, size_t peer, const struct zab_msg *m)
{
    bool busy = z->role == ROLE_STANDING || is_promising(z) || z->now_ms < z->granted_until_ms;
    bool yes = eligible(z, peer) && !busy && !hears_leader(z) && not_behind(z, m->zxid);
    struct zab_msg answer = {.type = TELL_PREVOTED, .number = m->number, .yes = yes, .promised = z->promised};
    fx_send(z, peer, true, &answer);
    if (yes)
        give_way(z, peer, m->zxid);
}

void on_prevoted(struct zab *z, size_t peer, const struct zab_msg *m)
{
    const struct channel *c = &z->peers[peer].out;
    z->seen_promised = zk_max_u64(z->seen_promised, m->promised);
    if (z->role != ROLE_LOOKING || !z->asking || m->number != z->attempt || !m->yes)
        return;
    if (c->is_void || !member_counts(z, peer, c->incarnation, 0) || !may_stand(z))
        return;
    z->prevotes |= 1u << peer;
    if (quorum_has(&z->quorum, z->prevotes))
        stand(z);
}

/* Could one of those who stand for our epoch too still be elected, with all whose grant we do not have? */
static bool rival_may_win(const struct zab *z)
{
    uint32_t others = reachable(z) & ~(z->votes | z->rivals | 1u << z->self);
    for (size_t i = 0; i < z->config.member_count; i++)
        if (z->rivals & 1u << i && quorum_has(&z->quorum, others | 1u << i))
            return true;
    return false;
}

/* Those that stood at once have each promised themselves, and the others may be divided among them: then nobody is
 * elected, and to wait for grants that cannot come would be the longest part of an election. The one that is behind, or
 * has the lower id, steps back; the other asks for a newer epoch at once: it had its pre-vote. */
static void settle_rivals(struct zab *z)
{
    if (z->role != ROLE_STANDING || !z->rivals || quorum_has(&z->quorum, reachable(z) & ~z->refused))
        return;
    if (z->outranked) {
        look(z, vote_wait_ms(z), "a rival takes precedence");
    } else if (!rival_may_win(z) && may_stand(z)) {
        fx_news(z, "not elected in epoch %" PRIu64 ": a rival stood too, and yields", z->epoch);
        stand(z);
    }
}

static void meet_rival(struct zab *z, size_t peer, const struct zab_msg *m)
{
    if (z->role != ROLE_STANDING || m->epoch != z->epoch)
        return;
    z->rivals |= 1u << peer;
    z->refused |= 1u << peer;
    z->outranked |= outranks(z, peer, m->zxid);
    settle_rivals(z);
}

void on_vote(struct zab *z, size_t peer, const struct zab_msg *m)
{
    /* Who asks has promised it, durably. */
    witness_word(z, peer, &z->peers[peer].in, m->epoch);
    meet_rival(z, peer, m);
    if (!eligible(z, peer) || m->epoch <= z->promised || !not_behind(z, m->zxid)) {
        struct zab_msg no = {.type = TELL_VOTED, .epoch = m->epoch, .yes = false, .promised = z->promised};
        fx_send(z, peer, true, &no);
        hear_promise(z, m->epoch); /* it has promised that, whether it wins or not, and its clients wait */
        return;
    }
    give_up(z, 0, "another server was promised a newer one", true);
    z->leader = NOBODY;
    promise(z, m->epoch);
    election_granted(z, m->epoch); /* and anew when it is on the disk and leaves */
    pending_add(z, PENDING_GRANT, m->epoch, peer, z->peers[peer].in.generation);
}

void election_granted(struct zab *z, uint64_t epoch)
{
    if (z->role != ROLE_LOOKING || z->promised != epoch)
        return;
    z->granted_until_ms = z->now_ms + vote_wait_ms(z);
    z->elect_at_ms = z->granted_until_ms + election_delay(z);
}

void on_voted(struct zab *z, size_t peer, const struct zab_msg *m)
{
    const struct channel *c = &z->peers[peer].out;
    z->seen_promised = zk_max_u64(z->seen_promised, m->promised);
    if (m->yes)
        witness_word(z, peer, c, m->epoch);
    if (!z->candidate || m->epoch != z->promised)
        return;
    if (!m->yes) {
        z->refused |= 1u << peer;
        settle_rivals(z);
        return;
    }
    if (c->is_void || !member_counts(z, peer, c->incarnation, 0))
        return;
    z->votes |= 1u << peer;
    count_votes(z);
    settle_rivals(z);
}
