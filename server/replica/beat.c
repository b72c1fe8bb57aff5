/* beat.c: what goes with every heartbeat: this replica's position and digest, its free disk space, its clock.
 *
 * Digests at equal zxids must be equal. A leader tells the newest zxid and digest that a majority, itself included, was
 * seen to agree on; a follower that holds another digest of that very zxid rebuilds its state (rebuild.c). What the leader
 * holds itself proves nothing: it may be the one that went astray. A leader that a majority contradicts with one voice
 * rebuilds too; while nobody has a majority, client writes are refused, for who is right is not known. Only what was
 * compared counts: silence is neither.
 * Space: while some quorum has room the ensemble works around who has none (zab_set_short_of_space); when none has,
 * client writes but for deletes are refused at every door until the space is back.
 *
 * Layout: jute longs zxid, digest, free bytes, wall ms, flags, agreed zxid, agreed digest; what follows is skipped.
 */
#include "server/replica/core.h"

#define CLOCK_OFFSET_WARN_MS 60000
#define CLOCK_WARN_EVERY_MS 600000
/* Back to normal only with some more room than where it stopped. */
#define SPACE_AGAIN(low) ((low) + (low) / 4)

enum { BEAT_SHORT = 1, BEAT_WRITES_REFUSED = 2 };

size_t participants(const struct replica *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->config.zab.member_count; i++)
        count += r->config.zab.members[i].role == ZAB_PARTICIPANT;
    return count;
}

static bool is_participant(const struct replica *r, uint64_t id)
{
    for (size_t i = 0; i < r->config.zab.member_count; i++)
        if (r->config.zab.members[i].id == id)
            return r->config.zab.members[i].role == ZAB_PARTICIPANT;
    return false;
}

static bool is_fresh(const struct replica *r, const struct peer_view *p)
{
    return p->heard_ms + (uint64_t)r->config.zab.tick_ms * r->config.zab.sync_limit >= r->now_ms;
}

/* Do so many that they are a majority without us hold one and the same other state? */
static bool majority_against(const struct replica *r)
{
    size_t most = 0;
    for (size_t i = 0; i < r->peer_count; i++) {
        size_t with_it = 0;
        for (size_t j = 0; j < r->peer_count; j++) {
            const struct peer_view *p = &r->peers[j];
            with_it += is_participant(r, p->id) && is_fresh(r, p) && p->verdict == DIGEST_DIFFERS &&
                       p->difference == r->peers[i].difference;
        }
        most = with_it > most ? with_it : most;
    }
    return most * 2 > participants(r);
}

/* The newest difference there is: one who agreed with us before it does not say which of the two is right. */
static const struct peer_view *latest_to_differ(const struct replica *r)
{
    const struct peer_view *latest = NULL;
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct peer_view *p = &r->peers[i];
        if (is_participant(r, p->id) && is_fresh(r, p) && p->verdict == DIGEST_DIFFERS &&
            (latest == NULL || p->differs_zxid > latest->differs_zxid))
            latest = p;
    }
    return latest;
}

/* Does a majority, we included, hold what we hold? Who agreed before the difference has a tick to agree again. */
static bool quorum_agrees(const struct replica *r, const struct peer_view *differing)
{
    bool is_new = r->now_ms - differing->differs_since_ms < (uint64_t)r->config.zab.tick_ms;
    size_t count = 1;
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct peer_view *p = &r->peers[i];
        count += is_participant(r, p->id) && is_fresh(r, p) && p->verdict == DIGEST_AGREES &&
                 (is_new || p->agreed_zxid >= differing->differs_zxid);
    }
    return count * 2 > participants(r);
}

/* Somebody differs, and all who are there have had the time to say what they have. */
static bool is_divided(const struct replica *r)
{
    uint64_t patience = (uint64_t)r->config.zab.tick_ms * r->config.zab.sync_limit;
    const struct peer_view *differing = latest_to_differ(r);
    return differing != NULL && !quorum_agrees(r, differing) && r->now_ms - r->leading_since_ms > patience;
}

/* Participants that are short of space, as far as known. One that is down counts as it was when last heard of; one never
 * heard of counts as having room, or every new leader would refuse writes at first. */
static size_t count_short(const struct replica *r)
{
    size_t count = r->is_short_of_space;
    for (size_t i = 0; i < r->peer_count; i++)
        count += is_participant(r, r->peers[i].id) && r->peers[i].is_short;
    return count;
}

static void note_own_space(struct replica *r)
{
    uint64_t low = r->config.space_low_bytes;
    bool was = r->is_short_of_space;
    if (r->total_bytes == 0)
        return;
    r->is_short_of_space = r->free_bytes < (was ? SPACE_AGAIN(low) : low);
    if (was == r->is_short_of_space)
        return;
    zab_set_short_of_space(r->zab, r->is_short_of_space);
    outbox_news(r, was ? REPLICA_INFO : REPLICA_ERROR, "%s: %llu MiB free of %llu MiB",
                was ? "disk space is back" : "disk space is low", (unsigned long long)(r->free_bytes >> 20),
                (unsigned long long)(r->total_bytes >> 20));
}

static void set_refused(struct replica *r, bool refused, const char *why)
{
    if (refused == r->writes_refused)
        return;
    r->writes_refused = refused;
    outbox_news(r, refused ? REPLICA_ERROR : REPLICA_INFO, "%s",
                refused ? why : "client writes are taken again");
}

static void decide_refusal(struct replica *r)
{
    uint64_t memory = r->config.memory_limit_bytes;
    bool memory_full = memory != 0 && state_size_bytes(r->state) > memory;
    bool no_room = (participants(r) - count_short(r)) * 2 <= participants(r);
    bool divided = is_divided(r);
    set_refused(r, memory_full || no_room || divided,
                divided       ? "client writes are refused: the servers' states differ and no quorum agrees on one"
                : memory_full ? "client writes are refused: the state has reached its memory limit"
                              : "client writes but deletes are refused: no quorum has disk space left");
}

/* Who agreed later agreed there too. */
uint64_t beat_agreed(const struct replica *r, uint64_t *ret_digest)
{
    uint64_t best = 0;
    for (size_t i = 0; i < r->peer_count; i++) {
        uint64_t zxid = r->peers[i].agreed_zxid;
        size_t with_it = 1;
        for (size_t j = 0; j < r->peer_count; j++)
            with_it += is_participant(r, r->peers[j].id) && r->peers[j].agreed_zxid >= zxid;
        if (zxid <= best || with_it * 2 <= participants(r))
            continue;
        best = zxid;
        *ret_digest = r->peers[i].agreed_digest;
    }
    return best;
}

void beat_publish(struct replica *r)
{
    note_own_space(r);
    bool leads = zab_phase_leads(r->phase);
    if (leads)
        decide_refusal(r);
    int64_t flags = (r->is_short_of_space ? BEAT_SHORT : 0) | (r->writes_refused ? BEAT_WRITES_REFUSED : 0);
    struct zk_buf *beat = outbox_buffer(r);
    zk_jute_put_long(beat, (int64_t)state_zxid(r->state));
    zk_jute_put_long(beat, (int64_t)state_digest(r->state));
    zk_jute_put_long(beat, (int64_t)r->free_bytes);
    zk_jute_put_long(beat, r->wall_ms);
    zk_jute_put_long(beat, flags);
    uint64_t digest = 0, zxid = leads ? beat_agreed(r, &digest) : 0;
    zk_jute_put_long(beat, (int64_t)zxid);
    zk_jute_put_long(beat, (int64_t)digest);
    zab_set_beat(r->zab, zk_buf_slice(beat));
    zab_set_state_in_doubt(r->zab, leads && latest_to_differ(r) != NULL && zxid < r->last_checkpoint_zxid);
}

static struct peer_view *view_of(struct replica *r, uint64_t peer)
{
    for (size_t i = 0; i < r->peer_count; i++)
        if (r->peers[i].id == peer)
            return &r->peers[i];
    if (r->peer_count == ZAB_MEMBERS_MAX)
        return NULL;
    struct peer_view *p = &r->peers[r->peer_count++];
    memset(p, 0, sizeof *p);
    p->id = peer;
    return p;
}

static void warn_of_clock(struct replica *r, uint64_t peer, int64_t wall_ms)
{
    int64_t offset = wall_ms - r->wall_ms;
    if ((offset < CLOCK_OFFSET_WARN_MS && offset > -CLOCK_OFFSET_WARN_MS) ||
        (r->clock_offset_warned_ms != 0 && r->now_ms - r->clock_offset_warned_ms < CLOCK_WARN_EVERY_MS))
        return;
    r->clock_offset_warned_ms = r->now_ms;
    outbox_news(r, REPLICA_WARN, "the clock of server %llu is %lld s away from ours", (unsigned long long)peer,
                (long long)offset / 1000);
}

/* Were both at `zxid` lately, and with what? */
static enum digest_verdict compare_digest(const struct replica *r, uint64_t zxid, uint64_t digest, uint64_t *ret_difference)
{
    size_t at = (size_t)(zxid % DIGEST_RING);
    if (zxid == 0 || r->digests[at].zxid != zxid || r->rebuilding)
        return DIGEST_UNKNOWN;
    *ret_difference = digest - r->digests[at].digest;
    return *ret_difference == 0 ? DIGEST_AGREES : DIGEST_DIFFERS;
}

static void judge(struct replica *r, struct peer_view *p, uint64_t zxid, uint64_t digest)
{
    uint64_t difference = 0;
    enum digest_verdict verdict = compare_digest(r, zxid, digest, &difference);
    if (zxid == 0)
        p->verdict = DIGEST_UNKNOWN; /* a blank server holds no other state, whatever it held before */
    if (verdict == DIGEST_UNKNOWN)
        return;
    if (verdict == DIGEST_DIFFERS && p->verdict != DIGEST_DIFFERS) {
        outbox_news(r, REPLICA_ERROR, "server %llu has another state than this one at the same zxid",
                    (unsigned long long)p->id);
        p->differs_zxid = zxid;
        p->differs_since_ms = r->now_ms;
    }
    p->verdict = verdict;
    p->difference = difference;
    if (verdict == DIGEST_AGREES) {
        p->agreed_zxid = zxid;
        p->agreed_digest = digest;
    } else if (zab_phase_leads(r->phase) && majority_against(r)) {
        r->rebuild_due = "the quorum's state differs from this leader's at the same zxid";
    }
}

/* What a majority agreed on, by the leader's word. */
static void judge_self(struct replica *r, uint64_t agreed_zxid, uint64_t agreed_digest)
{
    uint64_t difference;
    if (compare_digest(r, agreed_zxid, agreed_digest, &difference) == DIGEST_DIFFERS)
        r->rebuild_due = "this server's state differs from the quorum's at the same zxid";
}

void beat_received(struct replica *r, uint64_t peer, struct zk_slice bytes)
{
    struct zk_jute in = zk_jute(bytes);
    uint64_t zxid = (uint64_t)zk_jute_long(&in);
    uint64_t digest = (uint64_t)zk_jute_long(&in);
    uint64_t free_bytes = (uint64_t)zk_jute_long(&in);
    int64_t wall_ms = zk_jute_long(&in);
    int64_t flags = zk_jute_long(&in);
    uint64_t agreed_zxid = (uint64_t)zk_jute_long(&in);
    uint64_t agreed_digest = (uint64_t)zk_jute_long(&in);
    struct peer_view *p = in.bad ? NULL : view_of(r, peer);
    if (p == NULL)
        return;
    p->heard_ms = r->now_ms;
    p->free_bytes = free_bytes;
    p->is_short = flags & BEAT_SHORT;
    warn_of_clock(r, peer, wall_ms);
    if (peer == r->leader && peer != r->config.zab.self)
        set_refused(r, flags & BEAT_WRITES_REFUSED, "the leader refuses client writes: no disk space or memory left");
    judge(r, p, zxid, digest);
    if (peer != r->leader || r->phase != ZAB_FOLLOWING)
        return;
    judge_self(r, agreed_zxid, agreed_digest);
    lag_heard(r, zxid);
}
