/* sync.c: Zab phase 2, the leader's side: bring one follower level, by a cursor on the leader's log.
 *
 *   FOLLOW -> the last common entry, from the per-epoch summaries
 *          -> in memory: TRUNC to it, groups        (STREAM_GROUPS)
 *          -> on disk: read there (STREAM_MATCHING), TRUNC, groups
 *          -> not in the log any more: snapshot (STREAM_OPENING, STREAM_ROWS), the groups after it, LIVE;
 *             STREAM_HELD before, while this leader's must not be sent
 *   and on into live traffic: there is one stream, in the log's order, so a hole cannot arise.
 *
 * S1  one synchronisation a connection and epoch: an answer always belongs to the summary it answers.
 * S2  TRUNC goes exactly to the last common entry.
 * S3  LIVE is sent only when the groups sent reach what was the log's end when the snapshot was asked for, so what
 *     the follower has once acknowledged is there again.
 * S4  a follower's window, its rate from the disk and its snapshot's chunks are bounded; nobody waits for another.
 */
#include "server/zab/core.h"

#include <inttypes.h>

/* --- one follower's stream --- */

void stream_reset(struct zab *z, size_t peer)
{
    struct stream *s = &z->peers[peer].stream;
    if (s->snap_token)
        fx_read(z, ZAB_SNAP_CLOSE, s->snap_token, 0, 0);
    /* How full its disk is does not change with a connection: it is what it said last. */
    *s = (struct stream){.heard_ms = z->now_ms, .is_short = s->is_short, .paused = s->paused};
}

static uint64_t new_token(struct zab *z)
{
    return TOKEN_MARK | ++z->token_last;
}

static bool window_open(const struct stream *s)
{
    return s->flight_count < WINDOW_GROUPS_MAX && s->flight_bytes < WINDOW_BYTES_MAX && !s->paused;
}

static void flight_add(struct stream *s, uint64_t zxid, size_t bytes)
{
    ZK_ASSERT(s->flight_count < WINDOW_GROUPS_MAX);
    s->flights[(s->flight_at + s->flight_count++) % WINDOW_GROUPS_MAX] = (struct flight){zxid, bytes};
    s->flight_bytes += bytes;
}

static void flight_got(struct stream *s, uint64_t zxid)
{
    while (s->flight_count && s->flights[s->flight_at].zxid <= zxid) {
        s->flight_bytes -= s->flights[s->flight_at].bytes;
        s->flight_at = (s->flight_at + 1) % WINDOW_GROUPS_MAX;
        s->flight_count--;
    }
}

static struct zk_slice encode_group(struct zab *z, struct zk_slice group, uint64_t last, uint64_t *ret_commit)
{
    struct zab_msg m = {.type = TELL_PROPOSE, .epoch = z->epoch, .bytes = group};
    m.commit = zk_min_u64(z->commit, last);
    m.own = z->peers[z->self].stream.acked;
    *ret_commit = m.commit;
    return fx_encode(z, &m);
}

static void sent_group(struct stream *s, uint64_t last, size_t bytes, uint64_t commit)
{
    s->cursor = last;
    s->told_commit = zk_max_u64(s->told_commit, commit);
    flight_add(s, last, bytes);
}

static void send_group(struct zab *z, size_t peer, struct zk_slice group, uint64_t last)
{
    uint64_t commit;
    struct zk_slice bytes = encode_group(z, group, last, &commit);
    fx_send_bytes(z, peer, true, bytes);
    sent_group(&z->peers[peer].stream, last, group.len, commit);
}

/* What of `group` lies behind the cursor. */
static void send_behind(struct zab *z, size_t peer, struct zk_slice group, uint64_t first, uint64_t last)
{
    struct stream *s = &z->peers[peer].stream;
    if (first > s->cursor) {
        send_group(z, peer, group, last);
        return;
    }
    struct zk_buf cut;
    zk_buf_init(&cut);
    ZK_ASSERT(group_tail(group, s->cursor, &cut));
    send_group(z, peer, zk_buf_slice(&cut), last);
    zk_buf_fini(&cut);
}

void stream_broadcast(struct zab *z, uint64_t before_zxid, const struct tail_group *g)
{
    struct zk_slice bytes = {0};
    uint64_t commit = 0;
    for (size_t i = 0; i < z->config.member_count; i++) {
        struct stream *s = &z->peers[i].stream;
        if (i == z->self || s->state != STREAM_GROUPS || s->cursor != before_zxid || !window_open(s) || s->live_at)
            continue;
        if (!bytes.ptr)
            bytes = encode_group(z, tail_bytes(g), g->last, &commit);
        fx_send_bytes(z, i, true, bytes);
        sent_group(s, g->last, g->len, commit);
    }
}

/* --- pumping --- */

static void read_on(struct zab *z, struct stream *s)
{
    s->read_token = new_token(z);
    fx_read(z, ZAB_READ_LOG, s->read_token, s->cursor, CATCHUP_READ_BYTES);
}

static void send_live(struct zab *z, size_t peer)
{
    struct stream *s = &z->peers[peer].stream;
    s->told_commit = zk_min_u64(z->commit, s->cursor);
    struct zab_msg m = {.type = TELL_LIVE, .epoch = z->epoch, .zxid = s->cursor, .commit = s->told_commit};
    fx_send(z, peer, true, &m);
    s->live_at = 0;
    s->level = zk_max_u64(s->level, s->cursor);
}

static bool allowed(struct zab *z, struct stream *s)
{
    uint64_t earned = (z->now_ms - s->allowance_ms) * (CATCHUP_BYTES_PER_S / 1000);
    s->allowance_ms = z->now_ms;
    s->allowance_bytes = zk_min_u64(s->allowance_bytes + earned, 4 * CATCHUP_READ_BYTES);
    if (s->allowance_bytes == 0)
        z->pump_at_ms = z->now_ms + CATCHUP_WAIT_MS;
    return s->allowance_bytes > 0;
}

static void spend(struct stream *s, size_t bytes)
{
    s->allowance_bytes -= zk_min_u64(s->allowance_bytes, bytes);
}

/* The rows of a snapshot are asked for chunk by chunk; the log behind them follows in STREAM_GROUPS. */
static void pump_rows(struct zab *z, size_t peer)
{
    struct stream *s = &z->peers[peer].stream;
    if (s->read_token || s->paused || s->rows_sent - s->rows_got >= SNAP_CHUNKS_MAX || !allowed(z, s))
        return;
    s->read_token = s->snap_token;
    fx_read(z, ZAB_SNAP_READ, s->snap_token, 0, CATCHUP_READ_BYTES);
}

static void stream_pump(struct zab *z, size_t peer)
{
    struct stream *s = &z->peers[peer].stream;
    if (s->state == STREAM_ROWS)
        pump_rows(z, peer);
    while (s->state == STREAM_GROUPS) {
        if (s->live_at && s->cursor >= s->live_at)
            send_live(z, peer);
        if (s->cursor == z->tail.last_zxid || !window_open(s))
            return;
        if (s->cursor < z->tail.base_zxid) {
            if (!s->read_token && allowed(z, s))
                read_on(z, s);
            return;
        }
        const struct tail_group *g = tail_after(&z->tail, s->cursor);
        send_behind(z, peer, tail_bytes(g), g->first, g->last);
    }
}

void stream_got(struct zab *z, size_t peer, uint64_t zxid, uint64_t rows)
{
    struct stream *s = &z->peers[peer].stream;
    if (z->peers[peer].in.followed_epoch != z->epoch || zxid > s->cursor || rows > s->rows_sent)
        return;
    s->got = zk_max_u64(s->got, zxid);
    s->rows_got = zk_max_u64(s->rows_got, rows);
    flight_got(s, zxid);
    stream_pump(z, peer);
}

/* --- the last common entry --- */

struct common {
    bool found;
    uint64_t zxid;
    uint64_t hash; /* 0 with `verify`: ours is to be read first */
    uint64_t their_hash;
    bool verify;
};

/* Two logs that both have an epoch hold the same entries of it up to where the shorter ends: one leader made them
 * all. So the youngest epoch that both have decides. */
static struct common last_common(const struct zab *z, const struct zab_msg *m)
{
    struct storage_epoch ours;
    for (size_t i = m->point_count; i-- > 0;) {
        const struct storage_epoch *theirs = &m->points[i];
        if (!tail_epoch(&z->tail, zxid_epoch(theirs->last_zxid), &ours))
            continue;
        if (ours.last_zxid < theirs->last_zxid)
            return (struct common){.found = true, .zxid = ours.last_zxid, .hash = ours.last_hash};
        struct common c = {.found = true, .zxid = theirs->last_zxid, .their_hash = theirs->last_hash, .verify = true};
        if (ours.last_zxid == theirs->last_zxid)
            c.hash = ours.last_hash;
        else if (!tail_hash_at(&z->tail, theirs->last_zxid, &c.hash))
            return c;
        c.verify = false;
        c.found = c.hash == c.their_hash;
        return c;
    }
    /* A summary is bounded: that it names nothing of ours does not make the log's beginning the last common entry,
     * and a TRUNC to there would stop a follower that knows of commits. Only an empty log has nothing to lose. */
    return (struct common){.found = m->point_count == 0, .zxid = 0, .hash = 0};
}

static void answer_trunc(struct zab *z, size_t peer, uint64_t hash)
{
    struct stream *s = &z->peers[peer].stream;
    if (ZK_PLANTED(4) && s->cursor > 1 && zxid_counter(s->cursor) > 0) {
        uint64_t before;
        if (tail_hash_at(&z->tail, s->cursor - 1, &before)) {
            s->cursor--;
            hash = before;
        }
    }
    s->told_commit = zk_min_u64(z->commit, s->cursor);
    struct zab_msg m = {.type = TELL_TRUNC,
                        .epoch = z->epoch,
                        .zxid = s->cursor,
                        .hash = hash,
                        .commit = s->told_commit,
                        .level = s->level};
    fx_send(z, peer, true, &m);
    s->state = STREAM_GROUPS;
}

/* Why it is sent no state now; NULL: it may be. */
static const char *why_held(const struct zab *z, const struct stream *s)
{
    if (z->wants_state)
        return "this leader's is wrong itself";
    if (z->state_in_doubt)
        return "this leader's is in doubt, for another server holds another";
    return s->paused ? "its disk has no room for one" : NULL;
}

static void start_snapshot(struct zab *z, size_t peer, const char *why)
{
    struct stream *s = &z->peers[peer].stream;
    const char *held = why_held(z, s);
    if (held != NULL) {
        fx_news(z, "server %" PRIu64 " needs a state, and %s: it has to wait", z->peers[peer].member.id, held);
        s->state = STREAM_HELD;
        return;
    }
    fx_news(z, "server %" PRIu64 " %s: sending it the state", z->peers[peer].member.id, why);
    s->state = STREAM_OPENING;
    s->live_at = z->tail.last_zxid;
    s->snap_token = new_token(z);
    fx_read(z, ZAB_SNAP_OPEN, s->snap_token, 0, 0);
}

/* What lies before `zkd recover`'s FOUNDING names another ensemble: a follower that kept a part of it only would belong
 * to that one. So it gets state and log in one piece. */
static uint64_t oldest_start(const struct zab *z)
{
    const struct membership *m = membership_newest(&z->members);
    return m->founding > 1 ? m->founding : 0;
}

bool on_follow(struct zab *z, size_t peer, const struct zab_msg *m)
{
    struct peer *p = &z->peers[peer];
    if (z->role != ROLE_LEADING || m->epoch != z->epoch)
        return true;
    if (p->in.followed_epoch == m->epoch)
        return false;
    if (p->in.cluster_id && p->in.cluster_id != cluster_id(z))
        return false;
    stream_reset(z, peer);
    p->in.followed_epoch = m->epoch;
    struct stream *s = &p->stream;
    s->level = zk_max_u64(z->commit, z->newleader_zxid);
    s->allowance_ms = z->now_ms;
    s->allowance_bytes = CATCHUP_READ_BYTES;
    struct common c = last_common(z, m);
    if (m->yes || !c.found || c.zxid < oldest_start(z)) {
        start_snapshot(z, peer, m->yes ? "has another state than the quorum" : "is too far behind for the log");
        return true;
    }
    s->cursor = c.zxid;
    if (c.verify || s->cursor < z->tail.base_zxid) {
        /* c.hash is ours where the follower's log reaches beyond ours; their_hash is what remains to be compared. */
        s->common_hash = c.verify ? c.their_hash : c.hash;
        s->state = STREAM_MATCHING;
        read_on(z, s);
        return true;
    }
    answer_trunc(z, peer, c.hash);
    if ((ZK_PLANTED(6) || ZK_PLANTED(106)) && s->cursor < z->newleader_zxid)
        s->cursor = z->newleader_zxid - 1;
    stream_pump(z, peer);
    return true;
}

/* --- reports of the storage --- */

static size_t stream_of_token(const struct zab *z, uint64_t token)
{
    for (size_t i = 0; z->role == ROLE_LEADING && i < z->config.member_count; i++)
        if (z->peers[i].stream.read_token == token || z->peers[i].stream.snap_token == token)
            return i;
    return NOBODY;
}

static void log_gone(struct zab *z, size_t peer)
{
    struct stream *s = &z->peers[peer].stream;
    if (s->state == STREAM_MATCHING) {
        start_snapshot(z, peer, "is too far behind for the log");
        return;
    }
    fx_news(z, "the log after 0x%" PRIx64 " went away under server %" PRIu64 "'s cursor", s->cursor,
            z->peers[peer].member.id);
    fx_close(z, peer, true);
}

/* The hash of the entry at the cursor, by the first group read behind it. */
static bool hash_before(struct zk_slice group, uint64_t cursor, uint64_t *ret_hash)
{
    struct group g;
    struct entry e;
    if (!group_open(group, &g))
        return false;
    *ret_hash = g.prev_hash;
    while (group_next(&g, &e) && e.zxid <= cursor)
        *ret_hash = e.hash;
    return true;
}

static void take_groups(struct zab *z, size_t peer, struct zk_slice packed)
{
    struct stream *s = &z->peers[peer].stream;
    while (packed.len >= 4 && s->state == STREAM_GROUPS && window_open(s)) {
        size_t len =
            (size_t)packed.ptr[0] << 24 | (size_t)packed.ptr[1] << 16 | (size_t)packed.ptr[2] << 8 | packed.ptr[3];
        if (len > packed.len - 4)
            break;
        struct zk_slice group = zk_slice(packed.ptr + 4, len);
        packed = zk_slice(packed.ptr + 4 + len, packed.len - 4 - len);
        uint64_t first, last, hash;
        if (!group_check(group, &first, &last, &hash)) {
            fx_fatal(z, "the log read back from the storage is malformed after 0x%" PRIx64, s->cursor);
            return;
        }
        if ((ZK_PLANTED(9) || ZK_PLANTED(109)) && packed.len && zxid_counter(first) % 3 == 1)
            continue;
        if (last > s->cursor)
            send_behind(z, peer, group, first, last);
    }
}

static void on_log(struct zab *z, size_t peer, const struct storage_report *r)
{
    struct stream *s = &z->peers[peer].stream;
    s->read_token = 0;
    if (r->gone) {
        log_gone(z, peer);
        return;
    }
    spend(s, r->bytes.len);
    if (s->state == STREAM_MATCHING) {
        uint64_t hash = 0;
        if (r->bytes.len <= 4 || !hash_before(zk_slice(r->bytes.ptr + 4, r->bytes.len - 4), s->cursor, &hash) ||
            hash != s->common_hash) {
            fx_news(z, "server %" PRIu64 "'s log differs from ours at 0x%" PRIx64, z->peers[peer].member.id,
                    s->cursor);
            start_snapshot(z, peer, "has another history");
            return;
        }
        answer_trunc(z, peer, hash);
    }
    take_groups(z, peer, r->bytes);
    stream_pump(z, peer);
}

static void on_snap_opened(struct zab *z, size_t peer, const struct storage_report *r)
{
    struct stream *s = &z->peers[peer].stream;
    if (s->state != STREAM_OPENING)
        return;
    if (r->gone || r->zxid == 0) {
        fx_news(z, "there is no checkpoint yet to send to server %" PRIu64, z->peers[peer].member.id);
        z->wants_checkpoint = true;
        fx_close(z, peer, true);
        return;
    }
    z->wants_checkpoint = false;
    s->cursor = r->zxid;
    s->state = STREAM_ROWS;
    struct zab_msg m = {.type = TELL_SNAP,
                        .epoch = z->epoch,
                        .zxid = r->zxid,
                        .hash = r->hash,
                        .digest = r->digest,
                        .level = s->level,
                        .bytes = r->bytes};
    fx_send(z, peer, true, &m);
    stream_pump(z, peer);
}

static void on_snap_chunk(struct zab *z, size_t peer, const struct storage_report *r)
{
    struct stream *s = &z->peers[peer].stream;
    if (s->state != STREAM_ROWS)
        return;
    s->read_token = 0;
    if (r->gone) {
        fx_news(z, "the state that was being sent to server %" PRIu64 " went away", z->peers[peer].member.id);
        fx_close(z, peer, true);
        return;
    }
    spend(s, r->bytes.len);
    struct zab_msg m = {.type = TELL_ROWS, .epoch = z->epoch, .number = ++s->rows_sent, .bytes = r->bytes};
    fx_send(z, peer, true, &m);
    if (r->last) {
        fx_read(z, ZAB_SNAP_CLOSE, s->snap_token, 0, 0);
        s->snap_token = 0;
        s->state = STREAM_GROUPS;
    }
    stream_pump(z, peer);
}

void on_report(struct zab *z, const struct storage_report *r)
{
    size_t peer = r->token ? stream_of_token(z, r->token) : NOBODY;
    if (peer == NOBODY)
        return;
    if (r->kind == STORAGE_LOG)
        on_log(z, peer, r);
    else if (r->kind == STORAGE_SNAP_OPENED)
        on_snap_opened(z, peer, r);
    else if (r->kind == STORAGE_SNAP_CHUNK)
        on_snap_chunk(z, peer, r);
}

/* Rates are earned by time: who waits for them is looked at with each tick. A follower short of disk space is spared
 * while the others are a quorum. */
void stream_tick(struct zab *z)
{
    uint32_t roomy = z->is_short ? 0 : 1u << z->self;
    for (size_t i = 0; i < z->config.member_count; i++)
        if (i != z->self && z->peers[i].stream.state == STREAM_GROUPS && !z->peers[i].stream.is_short &&
            member_counts(z, i, z->peers[i].in.incarnation, 0))
            roomy |= 1u << i;
    bool enough = quorum_has(&z->quorum, roomy);
    for (size_t i = 0; i < z->config.member_count; i++)
        z->peers[i].stream.paused = enough && z->peers[i].stream.is_short && i != z->self;
    z->pump_at_ms = 0;
    for (size_t i = 0; i < z->config.member_count; i++) {
        if (z->peers[i].stream.state == STREAM_HELD && why_held(z, &z->peers[i].stream) == NULL)
            start_snapshot(z, i, "has waited for a state");
        if (i != z->self)
            stream_pump(z, i);
    }
}
