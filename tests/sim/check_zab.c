#include "common/zxid.h"
#include "server/replica/peer_msg.h"
#include "server/state/state.h"
#include "server/zab/msg.h"
#include "tests/sim/check.h"
#include "tests/sim/nemesis.h"
#include <inttypes.h>

/* The slow checks look every so many turns. */
#define SLOW_TURNS    61
#define SLOWEST_TURNS 997

/* An entry that a leader left behind uncommitted. */
struct orphan {
    uint64_t zxid;
    uint64_t hash;
};

/* Who stood for an epoch, and whose votes were given. */
struct vote {
    uint64_t epoch;
    uint64_t candidate;
    unsigned voters; /* itself too */
    bool has_readmitted;
};

/* What the checks remember of a seed. */
static struct {
    size_t epoch_count;
    struct {
        uint64_t epoch;
        uint64_t leader;
        bool served;
    } epochs[4096];
    size_t served_count;
    size_t orphan_count;
    struct orphan orphans[256];
    size_t vote_count;
    struct vote votes[256];
} seen;

void checks_begin(struct world *w)
{
    seen.epoch_count = seen.served_count = seen.orphan_count = seen.vote_count = 0;
}

/* --- I1, and that a leader has all there is --- */

static bool leads(enum zab_phase phase)
{
    return phase == ZAB_ELECTED || phase == ZAB_LEADING || phase == ZAB_HANDING_OVER;
}

static void check_complete(struct host *h, uint64_t epoch)
{
    const struct ledger_entry *last = ledger_at(h->world->ledger, ledger_last(h->world->ledger));
    if (!last)
        return;
    const struct entry *own = tap_find(h->tap, last->entry.zxid);
    if ((!own && tap_base(h->tap) != last->entry.zxid) || (own && own->hash != last->entry.hash))
        world_fail(h->world, "I15",
                   "server %" PRIu64 " leads epoch %" PRIu64 " without %" PRIx64 ", which server %" PRIu64
                   " has committed",
                   h->id, epoch, last->entry.zxid, last->first_server);
}

/* --- votes --- */

static struct vote *find_vote(uint64_t epoch, uint64_t candidate)
{
    for (size_t i = 0; i < seen.vote_count; i++)
        if (seen.votes[i].epoch == epoch && seen.votes[i].candidate == candidate)
            return &seen.votes[i];
    return NULL;
}

static void note_candidate(const struct host *h, uint64_t epoch)
{
    if (find_vote(epoch, h->id) || seen.vote_count == ZK_COUNT_OF(seen.votes))
        return;
    for (size_t i = 0; i < seen.vote_count; i++)
        if (seen.votes[i].epoch == epoch)
            world_count(h->world, MARK_TWO_CANDIDATES);
    seen.votes[seen.vote_count++] = (struct vote){.epoch = epoch, .candidate = h->id, .voters = 1};
}

static void note_grant(const struct host *h, uint64_t candidate, uint64_t epoch)
{
    struct vote *vote = find_vote(epoch, candidate);
    if (!vote)
        return;
    vote->voters++;
    vote->has_readmitted = vote->has_readmitted || h->was_readmitted;
}

/* No vote more than it took, and one of them was a server's that had lost what it had promised before. */
static void note_election(const struct host *h, uint64_t epoch)
{
    const struct vote *vote = find_vote(epoch, h->id);
    unsigned participants = 0;
    for (size_t i = 0; i < h->world->host_count; i++)
        participants += !h->world->hosts[i]->is_observer;
    if (vote && vote->has_readmitted && vote->voters == participants / 2 + 1)
        world_count(h->world, MARK_READMITTED_DECIDED);
}

static void note_leader(struct host *h, uint64_t epoch, bool serves)
{
    size_t i = 0;
    while (i < seen.epoch_count && seen.epochs[i].epoch != epoch)
        i++;
    if (i == seen.epoch_count) {
        ZK_ASSERT(seen.epoch_count < ZK_COUNT_OF(seen.epochs));
        seen.epochs[seen.epoch_count].epoch = epoch;
        seen.epochs[seen.epoch_count].leader = h->id;
        seen.epochs[seen.epoch_count++].served = false;
        note_election(h, epoch);
        /* A leader elected at an epoch that has been passed can commit nothing any more: it may lack what has been.
         */
        if (epoch > zxid_epoch(ledger_last(h->world->ledger)))
            check_complete(h, epoch);
    }
    if (seen.epochs[i].leader != h->id)
        world_fail(h->world, "I1", "servers %" PRIu64 " and %" PRIu64 " both lead epoch %" PRIu64,
                   seen.epochs[i].leader, h->id, epoch);
    if (!serves || seen.epochs[i].served)
        return;
    seen.epochs[i].served = true;
    seen.served_count++;
    world_count(h->world, MARK_ELECTED);
    if (seen.served_count == 2)
        world_count(h->world, MARK_ELECTED_AGAIN);
    if (seen.served_count == 4)
        world_count(h->world, MARK_FOUR_LEADERS);
    SAY(h->world, "s%" PRIu64 " leads epoch %" PRIu64, h->id, epoch);
}

/* --- what became of a dead leader's last entries --- */

static void keep_orphans(struct host *h)
{
    uint64_t last = ledger_last(h->world->ledger);
    for (size_t i = tap_after(h->tap, last); i < tap_count(h->tap) && seen.orphan_count < ZK_COUNT_OF(seen.orphans);
         i++)
        seen.orphans[seen.orphan_count++] = (struct orphan){tap_entry(h->tap, i)->zxid, tap_entry(h->tap, i)->hash};
}

static void settle_orphans(struct host *h)
{
    uint64_t last = ledger_last(h->world->ledger);
    for (size_t i = seen.orphan_count; i > 0; i--) {
        struct orphan *o = &seen.orphans[i - 1];
        if (o->zxid > last)
            continue;
        const struct ledger_entry *e = ledger_find(h->world->ledger, o->zxid);
        world_count(h->world, e && e->entry.hash == o->hash ? MARK_ENTRY_OF_DEAD_LEADER_KEPT
                                                            : MARK_ENTRY_OF_DEAD_LEADER_DROPPED);
        *o = seen.orphans[--seen.orphan_count];
    }
}

/* --- a turn --- */

void check_commit(struct host *h)
{
    uint64_t commit = zab_committed(replica_zab(h->replica));
    if (commit < h->seen_commit)
        world_fail(h->world, "I9", "server %" PRIu64 ": the commit point goes back from %" PRIx64 " to %" PRIx64,
                   h->id, h->seen_commit, commit);
    if (commit == h->seen_commit)
        return;
    h->seen_commit = commit;
    ledger_commit(h->world->ledger, h->id, h->tap, commit);
    if (seen.orphan_count > 0)
        settle_orphans(h);
}

static void check_applied(struct host *h, const struct replica_report *report)
{
    if (report->last_zxid == h->seen_applied && report->digest == h->seen_digest)
        return;
    if (report->last_zxid < h->seen_applied)
        world_fail(h->world, "I14", "server %" PRIu64 ": the state goes back from %" PRIx64 " to %" PRIx64, h->id,
                   h->seen_applied, report->last_zxid);
    if (report->last_zxid > h->seen_commit)
        world_fail(h->world, "I2", "server %" PRIu64 " has applied %" PRIx64 ", committed is %" PRIx64, h->id,
                   report->last_zxid, h->seen_commit);
    h->seen_applied = report->last_zxid;
    h->seen_digest = report->digest;
    bool is_right = report->digest == ledger_digest(h->world->ledger, report->last_zxid);
    if (h->is_astray && is_right) {
        SAY(h->world, "s%" PRIu64 "'s state is right again", h->id);
        h->is_astray = false;
    }
    if (!is_right && !h->is_astray)
        world_fail(h->world, "I13", "server %" PRIu64 ": another digest at %" PRIx64, h->id, report->last_zxid);
}

static void note_phase(struct host *h, const struct replica_report *report)
{
    struct world *w = h->world;
    bool was_leading = h->seen_phase == ZAB_LEADING || h->seen_phase == ZAB_HANDING_OVER;
    if (report->phase != h->seen_phase || report->epoch != h->seen_epoch) {
        static const char *const PHASES[] = {"founds",     "looks", "synchronises", "follows",
                                             "is elected", "leads", "hands over"};
        SAY(w, "s%" PRIu64 " %s, epoch %" PRIu64 ", leader %" PRIu64, h->id, PHASES[report->phase], report->epoch,
            report->leader);
    }
    if (was_leading && !leads(report->phase)) {
        keep_orphans(h);
        if (h->seen_phase == ZAB_HANDING_OVER)
            world_count(w, MARK_HANDED_OVER);
        if (h->woke_us && w->now_us - h->woke_us < 1000000)
            world_count(w, MARK_RESUMED_LATE);
    }
    bool serves = report->phase == ZAB_FOLLOWING || report->phase == ZAB_LEADING;
    if (serves && report->epoch != h->served_epoch) {
        for (const struct door *d = h->doors; d && h->served_epoch; d = d->next)
            if (wire_session(d->wire))
                world_count(w, MARK_SESSION_KEPT_THROUGH_ELECTION);
        h->served_epoch = report->epoch;
    }
    if (report->phase == ZAB_FOLLOWING && h->seen_phase != ZAB_FOLLOWING && h->is_observer)
        world_count(w, MARK_OBSERVER);
    h->seen_phase = report->phase;
    h->seen_epoch = report->epoch;
}

void check_news(struct host *h, struct zk_slice news)
{
    static const struct {
        const char *text;
        enum tally_kind mark;
    } TEXTS[] = {
        {"opening a new epoch: the counter", MARK_EPOCH_ROLLED},
        {"opening a new epoch: a server", MARK_LET_IN},
        {"no quorum has disk space", MARK_NO_ROOM},
        {"short of disk space: serving nobody", MARK_SENT_AWAY},
        {"disk does not answer", MARK_STEPPED_DOWN_SLOW_DISK},
        {"the state was rebuilt", MARK_REBUILT},
    };
    char *line = zk_slice_dup(news);
    for (size_t i = 0; i < ZK_COUNT_OF(TEXTS); i++)
        if (strstr(line, TEXTS[i].text))
            world_count(h->world, TEXTS[i].mark);
    free(line);
}

static void check_stranger(struct host *h, const struct replica_report *report)
{
    bool is_stranger = zab_is_stranger(replica_zab(h->replica));
    if (is_stranger && leads(report->phase))
        world_fail(h->world, "I36", "server %" PRIu64 " leads, and is a stranger", h->id);
    if (is_stranger && !h->was_stranger) {
        SAY(h->world, "s%" PRIu64 " is a stranger", h->id);
        world_count(h->world, MARK_STRANGER);
    }
    if (!is_stranger && h->was_stranger) {
        SAY(h->world, "s%" PRIu64 " is readmitted", h->id);
        h->was_readmitted = h->was_readmitted || h->is_impaired; /* not who was blank when all were */
        world_count(h->world, MARK_READMITTED);
    }
    h->was_stranger = is_stranger;
    if (!is_stranger && (report->phase == ZAB_FOLLOWING || report->phase == ZAB_LEADING))
        h->is_impaired = false;
}

static void check_slowly(struct host *h)
{
    const char *why = h->turns % SLOW_TURNS == 0 ? replica_check(h->replica) : NULL;
    if (!why && h->turns % SLOWEST_TURNS == 0)
        why = state_check(replica_state(h->replica));
    if (why)
        world_fail(h->world, "check", "server %" PRIu64 ": %s", h->id, why);
}

void check_turn(struct host *h)
{
    struct replica_report report;
    replica_report_get(h->replica, &report);
    uint64_t promised = zab_promised(replica_zab(h->replica));
    if (promised < h->seen_promised)
        world_fail(h->world, "I9", "server %" PRIu64 " forgets its promise of %" PRIu64 ", says %" PRIu64, h->id,
                   h->seen_promised, promised);
    h->seen_promised = promised;
    if (leads(report.phase))
        note_leader(h, report.epoch, report.phase == ZAB_LEADING);
    if (report.throttle_waits > h->seen_waits)
        world_count(h->world, MARK_DOOR);
    h->seen_waits = report.throttle_waits;
    check_applied(h, &report);
    note_phase(h, &report);
    check_stranger(h, &report);
    for (struct door *d = h->doors; d; d = d->next)
        wire_settled(d->wire, report.last_zxid);
    check_slowly(h);
}

/* --- I10 --- */

static void tell(const struct host *h, uint64_t peer, bool inbound, const struct zab_msg *m)
{
    static const char *const NAMES[TELL_TYPE_END] = {
        [TELL_HELLO] = "HELLO",       [TELL_REMEMBER] = "REMEMBER", [TELL_PREVOTE] = "PREVOTE",
        [TELL_PREVOTED] = "PREVOTED", [TELL_VOTE] = "VOTE",         [TELL_VOTED] = "VOTED",
        [TELL_BEAT] = "BEAT",         [TELL_PONG] = "PONG",         [TELL_ROUND] = "ROUND",
        [TELL_ROUNDED] = "ROUNDED",   [TELL_FOLLOW] = "FOLLOW",     [TELL_TRUNC] = "TRUNC",
        [TELL_SNAP] = "SNAP",         [TELL_ROWS] = "ROWS",         [TELL_PROPOSE] = "PROPOSE",
        [TELL_LIVE] = "LIVE",         [TELL_ACK] = "ACK",           [TELL_GOT] = "GOT",
        [TELL_COMMIT] = "COMMIT",     [TELL_RESIGN] = "RESIGN",     [TELL_TAKE_OVER] = "TAKE_OVER",
        [TELL_FOUND] = "FOUND",
    };
    world_say(h->world,
              "s%" PRIu64 " > s%" PRIu64 " %s %s%s epoch %" PRIu64 " zxid %" PRIx64 " commit %" PRIx64
              " promised %" PRIu64 " number %" PRIu64 ", %zu bytes",
              h->id, peer, inbound ? "down" : "up", NAMES[m->type], m->yes ? " yes" : "", m->epoch, m->zxid,
              m->commit, m->promised, m->number, m->bytes.len);
}

static void tell_ours(const struct host *h, uint64_t peer, struct zk_slice message)
{
    static const char *const NAMES[] = {"FORWARD", "SYNC", "SYNC_ANSWER", "TOUCH"};
    struct peer_msg m;
    if (!h->world->is_talking || !peer_msg_decode(message, &m))
        return;
    world_say(h->world, "s%" PRIu64 " > s%" PRIu64 " %s number %" PRIu64 " zxid %" PRIx64 ", %zu commands, %zu bytes",
              h->id, peer, NAMES[m.type - PEER_MSG_FIRST], m.number, m.zxid, m.command_count, m.bytes.len);
    peer_msg_fini(&m);
}

void check_message(struct host *h, uint64_t peer, bool inbound, struct zk_slice message)
{
    static struct msg_lists lists;
    struct zab_msg m;
    if (peer_msg_is_ours(message)) {
        tell_ours(h, peer, message);
        return;
    }
    if (!msg_decode(message, &lists, &m))
        world_fail(h->world, "protocol", "server %" PRIu64 " sends what it would not take", h->id);
    if (h->world->is_talking)
        tell(h, peer, inbound, &m);
    if (m.type == TELL_SNAP)
        nemesis_snapshot_sent(h);
    uint64_t hash;
    bool is_stranger = zab_is_stranger(replica_zab(h->replica));
    if (m.type == TELL_ACK && m.zxid > disk_last_zxid(h->disk, &hash))
        world_fail(h->world, "I10", "server %" PRIu64 " acknowledges %" PRIx64 ", its disk holds %" PRIx64, h->id,
                   m.zxid, disk_last_zxid(h->disk, &hash));
    bool is_promise = (m.type == TELL_VOTED && m.yes) || m.type == TELL_VOTE;
    if (is_promise && m.epoch > disk_promised(h->disk))
        world_fail(h->world, "I10", "server %" PRIu64 " promises %" PRIu64 ", its disk knows of %" PRIu64, h->id,
                   m.epoch, disk_promised(h->disk));
    if (m.type == TELL_VOTE)
        note_candidate(h, m.epoch);
    else if (is_promise)
        note_grant(h, peer, m.epoch);
    if (is_stranger && (m.type == TELL_ACK || is_promise))
        world_fail(h->world, "I36", "server %" PRIu64 " is a stranger and says %u", h->id, m.type);
}

/* --- life and death --- */

/* A state that was astray, kept by a checkpoint: it comes back when the server starts again before the right one is on the
 * disk.
 */
static bool checkpoint_is_astray(const struct host *h)
{
    uint64_t digest;
    uint64_t zxid = disk_checkpoint(h->disk, &digest);
    return h->has_strayed && zxid && digest != ledger_digest(h->world->ledger, zxid);
}

bool check_is_astray(const struct host *h)
{
    return h->is_astray || checkpoint_is_astray(h);
}

void check_host_starts(struct host *h, const struct storage_image *image)
{
    h->is_astray = checkpoint_is_astray(h);
    if (image->verdict == STORAGE_SOUND && !h->is_impaired) {
        if (image->last_zxid < h->durable_zxid && image->promised <= h->seen_promised)
            world_fail(h->world, "I9",
                       "server %" PRIu64 " comes back with a log up to %" PRIx64 ", %" PRIx64 " was durable", h->id,
                       image->last_zxid, h->durable_zxid);
        if (image->promised < h->durable_promised)
            world_fail(h->world, "I9",
                       "server %" PRIu64 " comes back with the promise of %" PRIu64 ", %" PRIu64 " was durable",
                       h->id, image->promised, h->durable_promised);
    }
    h->seen_commit = 0;
    h->seen_applied = 0;
    h->seen_promised = image->promised;
    h->seen_phase = ZAB_LOOKING;
    h->seen_epoch = h->served_epoch = 0;
    h->was_stranger = false;
}

void check_host_falls(struct host *h)
{
    struct world *w = h->world;
    if (leads(h->seen_phase)) {
        keep_orphans(h);
        if (tap_last(h->tap) > ledger_last(w->ledger))
            world_count(w, MARK_LEADER_DIED_UNCOMMITTED);
        if (h->seen_phase == ZAB_ELECTED)
            world_count(w, MARK_LEADER_DIED_ELECTED);
    }
    if (h->seen_phase == ZAB_SYNCING && !tap_is_staging(h->tap))
        world_count(w, MARK_DIFF_INTERRUPTED);
    if (tap_is_truncating(h->tap))
        world_count(w, MARK_TRUNC_INTERRUPTED);
    if (tap_durable(h->tap) < tap_submitted(h->tap))
        world_count(w, MARK_CRASH_BEFORE_DURABLE);
    if (tap_is_staging(h->tap))
        world_count(w, MARK_SNAP_INTERRUPTED);
    if (tap_is_checkpointing(h->tap))
        world_count(w, MARK_CHECKPOINT_INTERRUPTED);
    h->durable_zxid = tap_durable_zxid(h->tap);
    h->durable_promised = disk_promised(h->disk);
}
