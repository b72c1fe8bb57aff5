/* core.h: what the files of this folder share: one server's state and the functions by which the phases call each
 * other.
 *
 * MAP         zab.c face and dispatch | election.c phases 0 and 1 | sync.c phase 2, leader | follow.c phases 2 and 3,
 *             follower | broadcast.c phase 3, leader | round.c heartbeats, confirmed rounds, stepping down |
 *             handover.c | founding.c | witness.c | durable.c what waits for the disk | effects.c | check.c
 * ROLES       looking -> standing (promise durable, asking) -> leading; looking -> following. `look` leads back from
 *             everywhere. The face's phases are derived (zab_phase).
 */
#pragma once
#include "common/rng.h"
#include "common/zxid.h"
#include "server/zab/membership.h"
#include "server/zab/msg.h"
#include "server/zab/quorum.h"
#include "server/zab/tail.h"
#include "server/zab/zab.h"

/* --- limits --- */

#define PIPELINE_BYTES_MAX (32u << 20)   /* proposed and not committed: then zab_propose refuses */
#define PIPELINE_GROUPS_MAX 4096
#define GROUP_AIM_BYTES (256u << 10)     /* a turn's proposals are cut into groups of about this */
#define TAIL_KEEP_BYTES (16u << 20)      /* committed groups kept in memory for followers a little behind */
#define WINDOW_BYTES_MAX (8u << 20)      /* sent to a follower and not yet on its disk */
#define WINDOW_GROUPS_MAX 256
#define CATCHUP_READ_BYTES (1u << 20)    /* one read of the log or of a snapshot for a follower far behind */
#define CATCHUP_BYTES_PER_S (64u << 20)  /* and their rate, for each follower */
#define CATCHUP_WAIT_MS 10               /* who has used up its rate is looked at again after this */
#define SNAP_CHUNKS_MAX 4                /* chunks of rows on their way */
#define WITNESS_PER_SERVER_MAX STORAGE_WITNESSES_PER_SERVER_MAX /* incarnations remembered of each server */

#define PROMISE_JUMP_MAX (1u << 20)      /* a peer that says it has promised more above ours is not believed */
#define HOLD_TICKS 3                     /* a start waits so long for a witness that is neither heard nor refused */
#define EPOCH_JUMP_MAX (1u << 24)        /* nor one that asks for, or leads, an epoch so far above: more, for ours may
                                            not have heard what raised the candidate's */

#define NOBODY SIZE_MAX
#define NEVER UINT64_MAX
#define TOKEN_MARK (1ull << 62) /* zab's read tokens are told from others' by it */

/* --- one connection, one peer --- */

struct channel {
    bool up;
    bool hello;      /* the other side's HELLO is here */
    bool closing;    /* we asked for the close: the driver's channel_down is no news */
    uint64_t up_ms;
    uint32_t generation; /* counts ups: what waited for the disk leaves only on the connection it was meant for */
    uint64_t incarnation;
    uint64_t start_count;
    uint64_t run;
    uint64_t cluster_id;
    uint64_t last_zxid;
    bool blank;
    bool founded;
    bool initialize;
    bool is_void;           /* a start that has been seen before: its word counts for nothing */
    uint64_t followed_epoch; /* FOLLOW was sent (outbound) or has come (inbound) for this epoch */
};

enum stream_state {
    STREAM_NONE,
    STREAM_HELD,      /* needs a state, and must not be sent this leader's now */
    STREAM_MATCHING,  /* the log is being read for the last common entry */
    STREAM_OPENING,   /* a snapshot is asked for */
    STREAM_ROWS,
    STREAM_GROUPS,
};

struct flight {
    uint64_t zxid;
    size_t bytes;
};

/* A leader's view of one follower: a cursor on the leader's log. */
struct stream {
    enum stream_state state;
    uint64_t cursor;      /* sent up to here */
    uint64_t common_hash; /* MATCHING: what the entry at `cursor` must hash to in our log */
    uint64_t acked;       /* counted acknowledgements */
    uint64_t acked_incarnation;
    uint64_t got;         /* on its disk, whether it counts or not */
    uint64_t told_commit;
    uint64_t level;
    uint64_t heard_ms;
    uint64_t round;
    bool is_short;
    bool paused;          /* short of space, and others are enough */
    /* the window: what is sent and not got */
    struct flight flights[WINDOW_GROUPS_MAX];
    size_t flight_at;
    size_t flight_count;
    size_t flight_bytes;
    /* catching up from the disk */
    uint64_t read_token;  /* 0: no read outstanding */
    uint64_t allowance_bytes;
    uint64_t allowance_ms;
    /* a snapshot */
    uint64_t snap_token;  /* 0: none open */
    uint64_t live_at;     /* LIVE is due once the cursor is here; 0: not in a snapshot */
    uint64_t rows_sent;
    uint64_t rows_got;
};

struct witness {
    struct storage_witness seen;   /* incarnation 0: free */
    struct storage_witness stored; /* as last given to the storage */
    uint64_t run;                  /* 0: not met by this process */
    uint64_t used;                 /* for eviction: when last touched, in calls */
};

struct peer {
    struct zab_member member;
    struct channel out; /* I dialled */
    struct channel in;  /* it dialled */
    bool unreachable;   /* the last dial failed */
    bool remembered;    /* it has told this process what it remembers of us */
    uint64_t foreign_id; /* the ensemble that it said it belongs to, which is not ours; 0: none */
    struct stream stream;
    struct witness witnesses[WITNESS_PER_SERVER_MAX];
    struct zk_buf told;      /* the last complaint about it in the news */
};

/* --- what waits for the disk --- */

enum pending_kind {
    PENDING_ACK,      /* follower: acknowledge zxid to the leader */
    PENDING_GOT,      /* follower: rows of a snapshot are staged */
    PENDING_GOT_GROUP, /* follower: a group is staged */
    PENDING_OWN_ACK,  /* leader: its own disk */
    PENDING_GRANT,
    PENDING_ASK,      /* candidate: ask for votes */
    PENDING_HELLO,    /* what HELLO says has changed: say it again */
    PENDING_RENAME,
};

struct pending {
    enum pending_kind kind;
    uint64_t op;
    uint64_t epoch;
    uint64_t zxid;
    size_t peer;
    uint32_t generation;
};

/* One drain's operations on their way to the disk, and what is true of it once they are there. */
struct handed {
    uint64_t op;  /* our count */
    uint64_t seq; /* the storage's; 0: not submitted yet */
    uint64_t zxid;
    uint64_t commit;
    uint64_t promised;
    uint64_t since_ms;
};

/* --- effects --- */

struct packet {
    struct packet *next;
    struct zk_buf bytes;
};

struct effects {
    struct zab_effects face;
    struct storage_op *ops;
    size_t op_cap;
    struct zab_send *sends;
    size_t send_cap;
    struct zab_read *reads;
    size_t read_cap;
    struct zab_close *closes;
    size_t close_cap;
    struct zab_snap *snaps;
    size_t snap_cap;
    struct entry *entries;
    size_t entry_cap;
    struct zab_beat *beats;
    size_t beat_cap;
    struct zab_confirmed *confirms;
    size_t confirm_cap;
    const char **news;
    size_t news_cap;
    struct packet *packets; /* what sends, ops, snaps, beats and news borrow */
    bool drained;
};

enum role { ROLE_LOOKING, ROLE_STANDING, ROLE_LEADING, ROLE_FOLLOWING };

enum sync_state {
    SYNC_WAITING, /* FOLLOW is sent; nothing but its answer is taken */
    SYNC_ROWS,    /* a snapshot is being staged */
    SYNC_STREAM,
};

struct confirm {
    uint64_t token;
    uint64_t round; /* a quorum has to answer this round or a later one */
};

struct zab {
    struct zab_config config;
    struct quorum quorum; /* of the newest membership: members_changed */
    size_t self;
    struct zk_rng rng;
    uint64_t now_ms;
    uint64_t ticked_ms;
    bool started;
    char fatal[256];

    /* identity */
    uint64_t incarnation;
    uint64_t start_count;
    uint64_t run;
    uint64_t members_hash;
    uint64_t next_incarnation; /* while a rename is on its way to the disk */
    bool was_damaged;
    char damage[256];
    bool state_in_doubt; /* others hold another, and no majority is known to hold ours: it is sent to nobody */
    bool wants_state; /* what the log makes and what the replica holds differ: only a leader's state helps */

    /* the log and what is known of it */
    struct tail tail;
    struct membership_stack members;
    uint64_t promised;
    uint64_t commit;
    uint64_t applied;       /* handed out in `entries` */
    uint64_t commit_handed; /* in the last STORAGE_COMMIT */
    uint64_t image_last_zxid;
    uint64_t image_last_hash;

    /* the disk */
    uint64_t op_last; /* operations handed over, by our count */
    uint64_t durable_op;
    uint64_t durable_zxid;
    uint64_t durable_commit;
    uint64_t durable_promised;
    struct handed *handed;
    size_t handed_at;
    size_t handed_count;
    size_t handed_cap;
    struct pending *pending;
    size_t pending_count;
    size_t pending_cap;
    bool was_stranger;

    /* roles */
    enum role role;
    enum zab_phase last_phase;
    uint64_t epoch; /* led, followed or stood for */
    size_t leader;  /* index, NOBODY */

    /* looking and standing */
    uint64_t hold_until_ms;  /* no grant, no following before all witnesses were heard, or this and a quorum was */
    uint64_t hold_at_most_ms; /* or this */
    uint64_t elect_at_ms;
    uint64_t knock_at_ms;
    uint64_t attempt;
    bool asking; /* a pre-vote is out */
    uint32_t attempts_failed;
    uint32_t votes_failed; /* of these: for want of grants in time */
    uint32_t prevotes;
    bool candidate; /* it stood for `promised`, the newest it promised: grants of that one count */
    uint32_t votes;
    uint32_t rivals; /* who stand for the very epoch that we stand for */
    bool outranked;  /* by one of them */
    uint32_t refused; /* they, and who granted it to one of them */
    uint64_t stood_at_ms;
    uint64_t give_up_at_ms;
    uint64_t granted_until_ms; /* a grant is out: let its candidate work */
    uint64_t way_until_ms;     /* another's pre-vote was answered with yes: let it stand. 0: not since our own last */
    uint64_t seen_promised;

    /* following */
    enum sync_state sync;
    uint64_t heard_ms;
    uint64_t sync_progress_ms;
    uint64_t level;
    struct tail stage;
    struct membership_stack stage_members;
    uint64_t stage_zxid;
    uint64_t stage_digest;
    uint64_t stage_rows;
    uint64_t redial_until_ms; /* the leader's connection closed: it may come back until then. 0: no */
    uint64_t acked_durable; /* last acknowledged to this leader */

    /* leading */
    uint64_t newleader_zxid;
    uint64_t elected_commit; /* the commit point known when elected */
    uint64_t leading_since_ms;
    uint64_t beat_at_ms;
    uint64_t roll_at_ms; /* open a new epoch then; 0: no */
    uint64_t pump_at_ms; /* a follower's stream waits for its rate until then; 0: none */
    bool wants_checkpoint; /* a follower needs a state, and there is none in the storage */
    uint64_t round;
    uint64_t round_confirmed;
    bool round_wanted;
    struct confirm *confirms;
    size_t confirm_count;
    size_t confirm_cap;

    /* handing over */
    uint64_t handover_until_ms; /* 0: no */
    size_t handover_target;
    bool handover_sent;
    uint64_t handover_again_ms; /* not sooner, for want of disk space */
    bool is_short;

    /* founding */
    uint64_t found_at_ms;
    uint64_t founding_told_ms;

    struct zk_buf beat;
    uint64_t token_last;
    uint64_t witness_calls;
    uint64_t witness_at_ms;
    char waiting_for[512];
    struct msg_lists *lists;
    struct effects fx;
    struct peer peers[ZAB_MEMBERS_MAX];
};

/* --- effects.c --- */

void effects_begin(struct zab *z); /* an event comes in: what was drained is given back */
void effects_free(struct zab *z);
void fx_send(struct zab *z, size_t peer, bool inbound, const struct zab_msg *m);
/* Encode once, send often; the bytes live until the next event. */
struct zk_slice fx_encode(struct zab *z, const struct zab_msg *m);
void fx_send_bytes(struct zab *z, size_t peer, bool inbound, struct zk_slice bytes);
struct zk_slice fx_keep(struct zab *z, struct zk_slice bytes); /* a copy that lives until the next event */
uint64_t fx_op(struct zab *z, const struct storage_op *op);    /* our number for it */
void fx_read(struct zab *z, enum zab_read_kind kind, uint64_t token, uint64_t after_zxid, size_t max_bytes);
void fx_close(struct zab *z, size_t peer, bool inbound);
void fx_snap(struct zab *z, const struct zab_snap *snap);
void fx_entry(struct zab *z, const struct entry *e);
void fx_beat(struct zab *z, size_t peer, struct zk_slice bytes);
void fx_confirmed(struct zab *z, uint64_t token, bool ok);
void fx_news(struct zab *z, const char *format, ...) ZK_PRINTF(2, 3);
void fx_fatal(struct zab *z, const char *format, ...) ZK_PRINTF(2, 3);

/* --- zab.c --- */

size_t peer_index(const struct zab *z, uint64_t id); /* NOBODY: no such member */
uint64_t self_id(const struct zab *z);
/* Is (member, incarnation) what the membership names, so that its word counts? `zxid` 0: for an election; else for an
 * acknowledgement of that entry. */
bool member_counts(const struct zab *z, size_t index, uint64_t incarnation, uint64_t zxid);
/* And is it no stranger any more, as far as we know? (Its readmission, if any, is committed, or it acknowledged what
 * lies behind that.) */
bool member_speaks(const struct zab *z, size_t index, uint64_t incarnation);
bool is_stranger(const struct zab *z);
/* This store is empty because it was damaged, not because it never held anything: it is no blank one. */
bool lost_everything(const struct zab *z);
bool is_participant(const struct zab *z, size_t index);
uint64_t cluster_id(const struct zab *z);
/* The commit point moves (never back): entries come out. */
void commit_to(struct zab *z, uint64_t zxid);
/* Note the membership entries of a well-formed group that lie behind `after`. False: one is malformed, none is noted. */
ZK_MUST_CHECK bool note_group(struct membership_stack *members, struct zk_slice group, uint64_t after);
/* Append a well-formed chained group to log, membership and storage. False: zab's own entries in it are malformed. */
ZK_MUST_CHECK bool log_append(struct zab *z, struct zk_slice group);
bool founded(const struct zab *z); /* the founding is known to be complete */
void members_changed(struct zab *z); /* the newest membership is another: so may be the quorum */
bool has_seat(const struct zab *z);  /* this server is a participant, and its seat is not vacant */
void say_hello_to_all(struct zab *z);

/* --- durable.c --- */

void pending_add(struct zab *z, enum pending_kind kind, uint64_t zxid, size_t peer, uint32_t generation);
void pending_drop_acks(struct zab *z);   /* a higher epoch was promised */
void durable_handed(struct zab *z);      /* at the end of a drain that has ops */
void durable_reached(struct zab *z, uint64_t seq);
void durable_run(struct zab *z);         /* send what waits for nothing any more */
bool disk_silent(const struct zab *z, uint64_t limit_ms);

/* --- election.c --- */

void look(struct zab *z, uint64_t delay_ms, const char *why);
void on_resign(struct zab *z, size_t peer, const struct zab_msg *m);
void promise(struct zab *z, uint64_t epoch);
void stand(struct zab *z);
void election_ask(struct zab *z, uint64_t epoch); /* the candidate's promise is durable */
void election_granted(struct zab *z, uint64_t epoch); /* now its candidate has some time */
void election_tick(struct zab *z);
uint64_t election_at_ms(const struct zab *z); /* who looks for a leader tries to be elected then */
void election_hurry(struct zab *z);   /* something changed for the better: a peer came, a leader is gone */
uint64_t election_delay(struct zab *z); /* preference by id, and chance */
bool on_hold(const struct zab *z);
void on_prevote(struct zab *z, size_t peer, const struct zab_msg *m);
void on_prevoted(struct zab *z, size_t peer, const struct zab_msg *m);
void on_vote(struct zab *z, size_t peer, const struct zab_msg *m);
void on_voted(struct zab *z, size_t peer, const struct zab_msg *m);

/* --- sync.c: the leader's side of synchronisation --- */

void stream_reset(struct zab *z, size_t peer);
ZK_MUST_CHECK bool on_follow(struct zab *z, size_t peer, const struct zab_msg *m);
void stream_tick(struct zab *z);
void stream_got(struct zab *z, size_t peer, uint64_t zxid, uint64_t rows);
/* A group that was just appended goes to every follower whose cursor stood before it. */
void stream_broadcast(struct zab *z, uint64_t before_zxid, const struct tail_group *g);
void on_report(struct zab *z, const struct storage_report *report);

/* --- broadcast.c: the leader --- */

void lead(struct zab *z); /* a quorum has granted */
void leader_commit(struct zab *z);
void on_ack(struct zab *z, size_t peer, const struct zab_msg *m);
void broadcast_flush(struct zab *z); /* commits that no message of this turn carried */
void membership_tick(struct zab *z); /* leader: the next membership change, or the end of one */

/* --- follow.c --- */

void follow(struct zab *z, size_t peer, uint64_t epoch);
/* The leader says so. False: no such entry here, and its connection was closed. */
bool follow_commit(struct zab *z, uint64_t zxid);
void leave_leader(struct zab *z); /* the follower's part of giving up a role */
ZK_MUST_CHECK bool on_stream(struct zab *z, size_t peer, const struct zab_msg *m);
void on_take_over(struct zab *z, size_t peer, const struct zab_msg *m);
void follow_tick(struct zab *z);
void follow_ack(struct zab *z); /* everything handed over so far is to be acknowledged once durable */

/* --- round.c --- */

void on_beat(struct zab *z, size_t peer, const struct zab_msg *m);
void knock(struct zab *z);
void on_pong(struct zab *z, size_t peer, const struct zab_msg *m);
/* Somebody has promised this, as it says: if it is more than we lead, it cannot follow, and a new epoch above it lets it
 * in. */
void hear_promise(struct zab *z, uint64_t promised);
void on_round(struct zab *z, size_t peer, const struct zab_msg *m);
void on_rounded(struct zab *z, size_t peer, const struct zab_msg *m);
void beat_all(struct zab *z);
void beat_one(struct zab *z, size_t peer);
void leader_tick(struct zab *z);
void round_flush(struct zab *z);
void confirms_fail(struct zab *z);

/* --- handover.c --- */

void handover_step(struct zab *z);
void handover_end(struct zab *z);

/* --- founding.c --- */

void founding_step(struct zab *z);
ZK_MUST_CHECK bool on_found(struct zab *z, size_t peer, const struct zab_msg *m);
void waiting_update(struct zab *z); /* the sentence of zab_waiting_for */

/* --- witness.c --- */

void witness_load(struct zab *z, const struct storage_witness *w);
struct witness *witness_of(struct zab *z, size_t peer, uint64_t incarnation); /* makes one; NULL for incarnation 0 */
void witness_ack(struct zab *z, size_t peer, uint64_t incarnation, uint64_t epoch, uint64_t zxid);
/* A peer says on this channel that it has promised `epoch`; the word of a void start is no evidence. */
void witness_word(struct zab *z, size_t peer, const struct channel *c, uint64_t epoch);
void witness_merge(struct zab *z, const struct storage_witness *w);
size_t witness_table(struct zab *z, struct storage_witness *table);
void witness_tick(struct zab *z);
void on_remember(struct zab *z, size_t peer, const struct zab_msg *m);
void witness_greet(struct zab *z, size_t peer, bool inbound); /* after its HELLO: say what we remember of it */
void renamed(struct zab *z);
