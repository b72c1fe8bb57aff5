/* zab.h: the face of atomic broadcast: events go in, effects come out.
 *
 * WHY HERE    One history, agreed on by a quorum, whatever crashes. Zab as in Junqueira, Reed and Serafini (DSN 2011)
 *             with three changes: election and discovery are one step; a pre-vote guards it; NEWLEADER(e) is the
 *             first log entry of epoch e (zxid e << 32), so one number, the last zxid, says whose history is ahead,
 *             and committing that entry commits the whole initial history. README.md tells the rules and why.
 * PURE        No I/O, no clock, no threads, no randomness but `seed`. The driver performs the effects in this order:
 *             storage ops handed over, sends queued, entries applied.
 * DURABILITY  A message that says something about the disk (a grant, an acknowledgement, a vote request) is kept
 *             inside until the storage has reported what it waits for; what comes out in `sends` may leave at once.
 * CHANNELS    Each server dials each other: channel OUT(j) is the connection that I dialled to j, IN(j) the one that
 *             j dialled to me. Requests (votes, following, forwards) go up the OUT channel, answers and the leader's
 *             stream come down it. A channel is a FIFO of whole messages, up or down; bytes of an unproven peer never
 *             get here. The first message each way is HELLO.
 */
#pragma once
#include "common/buf.h"
#include "server/replica/storage.h"
#include "server/zab/group.h"

#define ZAB_MEMBERS_MAX 32 /* of any role; ensembles are 1 to 7 voters */

enum zab_member_role { ZAB_PARTICIPANT, ZAB_OBSERVER };

struct zab_member {
    uint64_t id; /* server.N's N */
    enum zab_member_role role;
    uint32_t weight; /* 1 until weights are served */
};

struct zab_config {
    uint64_t self;
    size_t member_count;
    struct zab_member members[ZAB_MEMBERS_MAX]; /* as zoo.cfg names them, sorted by id */
    uint32_t tick_ms;
    uint32_t init_limit; /* ticks */
    uint32_t sync_limit; /* ticks */
    bool initialize;     /* Apache's `initialize` file: a quorum of blank servers may found the ensemble */
    uint32_t counter_roll; /* open a new epoch when the counter gets here; 0: the default, well before it ends */
    uint64_t seed;
};

enum zab_phase {
    ZAB_FOUNDING,  /* no ensemble yet: `zab_waiting_for` says who is missing */
    ZAB_LOOKING,   /* no leader */
    ZAB_SYNCING,   /* following, not yet level */
    ZAB_FOLLOWING, /* level: forwards go to the leader */
    ZAB_ELECTED,   /* leader of an epoch whose NEWLEADER is not committed yet */
    ZAB_LEADING,   /* serves; zab_propose works */
    ZAB_HANDING_OVER,
};

/* It leads, and serves its clients; while it hands over it takes no writes. */
static inline bool zab_phase_leads(enum zab_phase phase)
{
    return phase == ZAB_LEADING || phase == ZAB_HANDING_OVER;
}

struct zab;

/* --- starting: new, then every group of the log after the checkpoint, then start --- */

struct zab *zab_new(const struct zab_config *config, const struct storage_image *image);
void zab_free(struct zab *z);
/* One group of the log, in order, as storage's each_group gives it. False: malformed; `why` says what. */
ZK_MUST_CHECK bool zab_load_group(struct zab *z, struct zk_slice group, char *why, size_t size);
/* False: must not start (zoo.cfg names other members than the log, a myid that is no member...); one sentence. */
ZK_MUST_CHECK bool zab_start(struct zab *z, uint64_t now_ms, char *why, size_t size);

/* --- events; now_ms is monotonic and never decreases --- */

void zab_channel_up(struct zab *z, uint64_t now_ms, uint64_t peer, bool inbound);
/* Also, without an up before it: the dial to `peer` failed. A server whose leader's connection closed goes to elect
 * as soon as it knows that the leader is not there any more, so say it at once when a dial is refused. */
void zab_channel_down(struct zab *z, uint64_t now_ms, uint64_t peer, bool inbound);
/* One message. False: not a message of ours, or one that must not come here: close the channel. */
ZK_MUST_CHECK bool zab_message(struct zab *z, uint64_t now_ms, uint64_t peer, bool inbound, struct zk_slice bytes);
/* Call right after the ops of a drain were handed to the storage, with what submit returned for the last of them. So
 * the caller's own operations (checkpoints, purges) may lie between zab's. Not called when a drain had no ops. */
void zab_submitted(struct zab *z, uint64_t seq);
/* A report of the storage: DURABLE's seq counts as submit does. Others' reports (CHECKPOINTED, FREE_SPACE, reads with
 * a token that is not zab's) may come too and change nothing. */
void zab_storage(struct zab *z, uint64_t now_ms, const struct storage_report *report);
void zab_tick(struct zab *z, uint64_t now_ms);
/* The largest body; a longer command is refused at the door. */
#define ZAB_BODY_MAX (GROUP_BYTES_MAX - GROUP_HEADER_BYTES - GROUP_ENTRY_BYTES)
/* Propose commands (bodies of ENTRY_COMMAND), in order, as one or more groups. *ret_first: the zxid of the first;
 * they are consecutive. False, and nothing happened: not ZAB_LEADING, or too much is proposed and not committed yet
 * (try again after a commit). */
ZK_MUST_CHECK bool zab_propose(struct zab *z, uint64_t now_ms, const struct zk_slice *bodies, size_t count,
                               uint64_t *ret_first);
/* Ask a quorum whether we still lead: answered in `confirms` with the same token. Only while ZAB_LEADING; all that
 * wait share the next round, which begins after they asked. */
ZK_MUST_CHECK bool zab_confirm(struct zab *z, uint64_t now_ms, uint64_t token);
/* Leader: stop taking proposals, bring the best follower level, let it be elected now. Without a new leader within an
 * election time-out the phase goes back to ZAB_LEADING. */
void zab_hand_over(struct zab *z, uint64_t now_ms);
/* Opaque bytes (at most ZAB_BEAT_MAX) that go with every heartbeat and answer from now on; the peers' come out as
 * `beats`. The replica's digest, free space and touched sessions travel so. */
#define ZAB_BEAT_MAX 65536
void zab_set_beat(struct zab *z, struct zk_slice bytes);
/* This server is short of disk space: a follower stops acknowledging while a quorum remains without it, a leader
 * hands over to one that is not short, and tries again after the init limit. */
void zab_set_short_of_space(struct zab *z, bool is_short);

/* --- effects: everything since the last drain; borrowed until the next call --- */

struct zab_send {
    uint64_t peer;
    bool inbound; /* down the channel that the peer dialled */
    struct zk_slice bytes; /* several sends may share the same bytes */
};

enum zab_read_kind { ZAB_READ_LOG, ZAB_SNAP_OPEN, ZAB_SNAP_READ, ZAB_SNAP_CLOSE };

struct zab_read {
    enum zab_read_kind kind; /* to be asked of the storage; the report comes back through zab_storage */
    uint64_t token;
    uint64_t after_zxid;
    size_t max_bytes;
};

enum zab_snap_kind { ZAB_SNAP_BEGIN, ZAB_SNAP_ROWS, ZAB_SNAP_LIVE, ZAB_SNAP_ABANDONED };

/* A follower receives a whole state: load `rows` into a new one; at LIVE (state exactly at zxid, with this digest) it
 * replaces the old, before anything of `entries` of this drain is applied. */
struct zab_snap {
    enum zab_snap_kind kind;
    uint64_t zxid;
    uint64_t digest;
    struct zk_slice rows; /* packed, storage_rows_next */
};

struct zab_close {
    uint64_t peer;
    bool inbound;
};

struct zab_beat {
    uint64_t peer;
    struct zk_slice bytes;
};

struct zab_confirmed {
    uint64_t token;
    bool ok; /* false: leadership was lost or the round was not answered; ask anew */
};

struct zab_effects {
    size_t op_count;
    const struct storage_op *ops; /* in order, for one storage_submit; then zab_submitted */
    size_t send_count;
    const struct zab_send *sends;
    size_t read_count;
    const struct zab_read *reads;
    size_t close_count;
    const struct zab_close *closes; /* close and, if we dialled it, dial again; down for zab already */
    size_t snap_count;
    const struct zab_snap *snaps;
    size_t entry_count;
    const struct entry *entries; /* committed, in order, every kind: apply them */
    size_t beat_count;
    const struct zab_beat *beats;
    size_t confirm_count;
    const struct zab_confirmed *confirms;
    bool phase_changed;
    size_t news_count;
    const char *const *news; /* sentences for the log, one per change of state */
    const char *fatal;       /* must stop now: why. NULL otherwise */
};
const struct zab_effects *zab_drain(struct zab *z);

/* The replica's state is not what a quorum has made of the same log: the next leader's state, with the log behind it,
 * takes its place (ZAB_SNAP_*). A leader stands down. Until then this server votes as ever, its log is whole; should it be
 * the only one that can lead, it does, sends nobody its state, and hands over as soon as somebody is level. */
void zab_rebuild(struct zab *z, uint64_t now_ms);
/* Leader: somebody holds another state, and no majority is known to hold the one in our storage. It is sent to nobody, or
 * the next blank server would make a majority for what may be wrong. */
void zab_set_state_in_doubt(struct zab *z, bool in_doubt);
bool zab_state_in_doubt(const struct zab *z);

/* --- getters --- */

enum zab_phase zab_phase(const struct zab *z);
uint64_t zab_leader(const struct zab *z);    /* whom we follow or are; 0: nobody */
uint64_t zab_epoch(const struct zab *z);     /* of that leader */
uint64_t zab_promised(const struct zab *z);
uint64_t zab_last_zxid(const struct zab *z); /* of everything handed to the storage */
uint64_t zab_committed(const struct zab *z);
uint64_t zab_cluster_id(const struct zab *z); /* 0: not founded */
bool zab_is_stranger(const struct zab *z);
/* Leader: followers (and observers) that are level. */
size_t zab_synced_count(const struct zab *z, enum zab_member_role role);
/* Entries up to here are needed by no cursor: the storage may be told to purge up to it and no further. */
uint64_t zab_purge_limit(const struct zab *z);
/* A follower needs a whole state and the storage has no checkpoint: make one soon. */
bool zab_wants_checkpoint(const struct zab *z);
/* The membership as of committed `zxid`, for the checkpoint; opaque. */
void zab_members_encode(const struct zab *z, struct zk_buf *out);
/* While founding or looking: who is missing and what one can do; a sentence for `srvr` and the log, "" if nothing. */
const char *zab_waiting_for(const struct zab *z);
/* When zab_tick wants to be called at the latest; monotonic ms. */
uint64_t zab_deadline_ms(const struct zab *z);
/* --- offline: what `zkd recover` writes --- */

#define ZAB_REFOUNDING_OPS 4
struct zab_refounding {
    struct storage_op ops[ZAB_REFOUNDING_OPS]; /* for one submit: all or nothing */
    uint64_t zxid;                             /* of the new FOUNDING */
    struct zk_buf group;                       /* borrowed by ops */
};
/* Makes the store of `image`, whose log is not empty, the seed of a new ensemble of config's members: the whole log is
 * committed, and behind it a FOUNDING names this server under `incarnation`; every other participant's seat is vacant
 * until it has come with a blank store and was readmitted. config->self is a participant. */
void zab_refound(const struct zab_config *config, const struct storage_image *image, uint64_t cluster_id,
                 uint64_t incarnation, struct zab_refounding *ret_refounding);
void zab_refounding_fini(struct zab_refounding *r);

/* Every invariant of the folder (tests and the simulator): NULL, or what does not hold. */
const char *zab_check(const struct zab *z);
