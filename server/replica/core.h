/* core.h: the inside of the replica, seen only in this folder.
 *
 * A client's life:   NEW --connect frame--> JOINING --OPEN/ATTACH applied--> LIVE --closed, moved, ended--> GONE
 * A request's life:  read, numbered if it is a write, queued in its client's FIFO (`requests`); a write's command waits
 *                    in the replica's one list of pending commands, in order, until it has been applied here.
 */
#pragma once
#include <stdio.h>
#include "common/base.h"
#define uthash_malloc(size) zk_alloc(size)
#define uthash_fatal(what) zk_assert_fail(what, __FILE__, __LINE__)
#include <uthash.h>
#include "common/proto.h"
#include "common/rng.h"
#include "server/replica/replica.h"
#include "server/replica/watches.h"
#include "server/state/state.h"

/* A command of one of our clients (or of our own), on its way into the log. */
struct pending {
    struct pending *prev;
    struct pending *next;
    uint64_t conn; /* 0: its connection is gone; it is sent once more at most. FORWARD_OWN: nobody's */
    bool sent;     /* to the present leader */
    bool was_sent; /* to any leader */
    size_t len;
    uint8_t body[]; /* the encoded command */
};

enum request_kind {
    REQUEST_WRITE, /* answered when its command has been applied */
    REQUEST_READ,  /* answered when it is the first in the queue */
    REQUEST_SYNC,  /* answered when this server has applied what a quorum round has confirmed */
    REQUEST_CLOSE, /* of the session: becomes a write when it is the first in the queue */
    REQUEST_DONE,  /* its reply frame is in `bytes` and leaves when it is the first in the queue */
};

struct request {
    struct request *next;
    enum request_kind kind;
    int32_t xid;
    int32_t op;
    uint64_t number;         /* WRITE */
    struct pending *pending; /* WRITE, until applied */
    uint64_t round;          /* SYNC: answered by this quorum round or a later one */
    bool closes;             /* the connection ends behind its reply */
    bool turned_away;        /* at the door, for good: it never came near the state, whose zxid its reply does not show */
    uint64_t arrived_ms;
    size_t large_bytes; /* of its frame, if that counts as large */
    size_t len;
    uint8_t *bytes; /* READ: the record; DONE: the reply frame */
};

/* Whether a client may hear of what the list of an event before gave it: lists of one firing differ by where they are. */
struct hearing {
    uint64_t firing;
    size_t acl_at;
    bool may;
};

enum client_phase { CLIENT_NEW, CLIENT_JOINING, CLIENT_LIVE, CLIENT_GONE };

struct client {
    UT_hash_handle hh; /* replica.clients, by conn */
    uint64_t conn;
    char address[48];
    enum client_phase phase;
    bool paused;
    bool is_behind;  /* it has not taken what it was sent */
    bool is_put_off; /* answers wait for a later turn, or for it to take those before */
    bool is_late;    /* in replica.late */
    bool is_closing; /* it has asked for its session's end: nothing more is heard */
    bool has_read_only; /* of the connect request: the answer has the byte too */
    bool is_local;     /* its session is one of locals, and no UPGRADE of it is on its way */
    bool is_read_only; /* it came while there was no quorum: it may not write, and goes when there is one */
    bool wants_memory; /* and, if it comes to a session that was there, it is the one whose memory that is */
    bool is_authenticated; /* as far as the configuration demands it */
    uint64_t session;
    uint32_t generation;
    uint64_t next_number;
    struct pending *joining; /* the OPEN or ATTACH on its way */
    struct request *first;
    struct request *last;
    size_t request_count;
    size_t request_bytes;
    struct stalled *first_stalled; /* behind those, not looked at yet (stall.c) */
    struct stalled *last_stalled;
    size_t stalled_count;
    size_t stalled_bytes;
    struct zk_buf *out; /* frames for this turn's flush; NULL: none */
    size_t look_bytes;  /* what the nodes count that lists looked at for it in this turn */
    struct hearing hearings[2]; /* of a node's own events; of its parent's */
    struct client *next_out;
    bool ready_due;
    bool close_due;
    uint64_t heard_ms;
    uint64_t touch_round; /* the last in which its session was reported alive */
    struct replica_client_report seen;
};

/* Local knowledge about a session: whose connection it is here, and, in a leader, when it ends. */
struct tracked {
    UT_hash_handle hh;
    uint64_t session;
    uint64_t conn;       /* 0: attached elsewhere */
    uint64_t deadline_ms; /* leader */
    int32_t timeout_ms;
    int32_t server;
    uint32_t generation;
    bool expiring;       /* EXPIRE is on its way */
    bool was_heard;      /* since its clock was set back: it is by what its server reported */
    bool restarted;      /* its clock was set back for a loss, and nothing has been heard of it since */
    bool is_unwanted;    /* here it was asked to end */
    struct tracked *bucket_prev, *bucket_next; /* leader: in the list of its bucket */
    uint64_t bucket;     /* 0: in none */
};

/* A session that the state does not know (locals.c). */
struct local {
    UT_hash_handle hh; /* replica.locals, by session */
    uint64_t session;
    uint64_t conn; /* 0: none */
    uint64_t heard_ms;
    int32_t timeout_ms;
    bool is_upgrading; /* its UPGRADE is on its way */
    struct pending *upgrade;
    uint8_t password[ZK_PASSWORD_BYTES];
    struct zk_buf identities; /* an encoded vector */
};

/* A SYNC that this leader has taken for a follower (or itself). */
struct sync_waiter {
    struct sync_waiter *next;
    uint64_t token; /* of zab_confirm */
    uint64_t peer;  /* self: our own clients */
    uint64_t round;
};

enum digest_verdict { DIGEST_UNKNOWN, DIGEST_AGREES, DIGEST_DIFFERS };

/* What a peer's last heartbeat said. */
struct peer_view {
    uint64_t id;
    uint64_t free_bytes;
    bool is_short;
    enum digest_verdict verdict; /* of the last time that both were seen at one zxid */
    uint64_t difference;         /* its digest less ours, that time; digests are sums, so it lasts */
    uint64_t differs_zxid;       /* where that was first seen, and when */
    uint64_t differs_since_ms;
    uint64_t agreed_zxid;        /* where both were last seen to have one state, and its digest */
    uint64_t agreed_digest;
    uint64_t heard_ms;
};

/* A command received from a follower that waits to be proposed. */
struct held {
    struct held *next;
    size_t len;
    uint8_t body[];
};

/* Digests of so many of the last entries are known: more than are applied between a beat, the next and a way back. */
#define DIGEST_RING (1u << 17)
struct digest_at {
    uint64_t zxid;
    uint64_t digest;
};

#define EXPIRY_BUCKETS 1024

struct replica {
    struct replica_config config;
    struct storage storage;
    struct zab *zab;
    struct state *state;
    struct watches *watches;
    struct zk_rng rng;
    uint64_t now_ms;
    int64_t wall_ms;
    uint64_t origin_base; /* drawn at start: an OPEN's or ATTACH's origin is this plus its connection's number */
    uint64_t conn_limit;  /* above every connection's number so far */

    /* applying */
    uint64_t applied_hash;
    uint64_t answered_zxid; /* a state that was replaced had come so far: those who asked have their answers */
    struct state_effects fx;
    struct zk_buf record; /* the one that a read is building */
    struct digest_at *digests; /* a ring */

    /* clients */
    struct client *clients;
    struct client *outs; /* those with something to flush */
    uint64_t *late;      /* connections to be answered further in the next turn */
    size_t late_count, late_cap;
    size_t turn_bytes;   /* answers of this turn */
    size_t turn_look_bytes; /* and what the nodes count that were looked at for them */
    uint64_t looks;         /* at nodes, by lists, ever */
    uint64_t firings;       /* events were handed out so often */
    bool is_crowded;     /* the last turn's were too many: first come those that wait */
    struct tracked *sessions;
    struct local *locals;
    struct local *local_cursor; /* the next whose clock is looked at; NULL: the first */
    bool is_read_only;          /* without a quorum for a while, and allowed to serve who asks for no more */
    uint64_t *touched; /* sessions heard of since the leader was last told */
    size_t touched_count, touched_cap;
    uint64_t touch_round;

    /* on the way into the log */
    struct pending *first_pending;
    struct pending *last_pending;
    struct pending *unsent; /* first that the present leader has not got */
    size_t pending_bytes;
    struct held *first_held; /* leader: of its followers */
    struct held *last_held;
    size_t held_bytes;
    int64_t last_stamp_ms;
    uint64_t stamp_at_ms; /* now_ms when last_stamp_ms was given */

    /* sync */
    uint64_t next_token;
    uint64_t round;          /* the last one asked for */
    uint64_t round_min;      /* answers to older ones came from another leadership */
    bool round_due;          /* somebody waits for a round not asked yet */
    uint64_t round_confirmed, round_zxid; /* the newest one answered, served once this zxid is applied */
    uint64_t *sync_conns;    /* connections with a sync in their queue, perhaps twice */
    size_t sync_count, sync_cap;
    struct sync_waiter *waiters; /* leader: rounds under way, of followers and of our own */

    /* leadership as this replica has seen it */
    enum zab_phase phase;
    uint64_t leader;
    uint64_t epoch;
    uint64_t leaderless_since_ms;
    uint64_t leader_zxid;  /* applied by the leader, as it said last */
    uint64_t lag_mark;     /* applied by the leader at lag_since_ms, and here not yet, or not when last looked */
    uint64_t lag_since_ms;
    bool is_lagging;       /* nobody is served before this server is level (lag.c) */
    bool told_leaderless; /* those who come back meanwhile are closed without a line each */
    uint64_t leading_since_ms;
    uint64_t last_turn_ms;
    uint64_t next_housekeeping_ms;
    uint64_t clock_offset_warned_ms;
    uint64_t ensemble_warned_ms;
    uint64_t quota_warned_ms;
    uint64_t list_warned_ms;
    uint64_t watches_warned_ms;
    struct tracked *buckets[EXPIRY_BUCKETS];
    uint64_t next_bucket;

    bool config_due; /* leading: look whether /zookeeper/config shows our server lines */

    /* the leader's walk over containers and TTL nodes */
    uint64_t next_sweep_ms;
    size_t sweep_left; /* of them, from the last to the first; 0: no sweep under way */
    uint64_t reap_credit, reap_credit_ms;

    /* checkpoints */
    bool checkpoint_running;
    bool checkpoint_ended; /* all rows handed over, the storage has not said that it is in place */
    uint64_t checkpoint_zxid, last_checkpoint_zxid;
    uint64_t log_bytes; /* applied since the last checkpoint began */
    uint64_t log_entries;
    struct state *incoming; /* a snapshot on its way in */

    /* the world as others see it */
    struct peer_view peers[ZAB_MEMBERS_MAX];
    size_t peer_count;
    uint64_t free_bytes, total_bytes;
    bool is_short_of_space;
    bool writes_refused; /* the leader says: no member of a quorum has room, or memory is at its limit */
    bool stopping;
    bool handed_over; /* told zab to */
    uint64_t stop_at_ms;
    char *fatal;

    /* rebuild.c */
    const char *rebuild_due; /* why, from this turn's heartbeats */
    bool rebuilding;         /* nobody is served before the leader's state has come */
    uint64_t rebuild_waits_since_ms; /* for it to begin to come */

    /* this turn's effects */
    bool flushed; /* they have been handed out */
    struct replica_effect *effects;
    size_t effect_count, effect_cap;
    struct zk_buf **arenas; /* bytes that effects point into, given back at the next event */
    size_t arena_count, arena_cap;
    struct zk_buf **pool; /* empty buffers */
    size_t pool_count, pool_cap;

    /* figures for the report */
    struct replica_report figures;
    size_t outstanding;   /* requests in the clients' queues */
    size_t put_off;       /* of those, what is in the queues of clients that are put off */
    size_t stalled_count; /* and behind those, at the door */
    size_t large_bytes;   /* of large requests among both */
    size_t frame_bytes;   /* of the frame at hand */
    uint64_t *stalled_conns; /* whose turn it is, in order: from stalled_first on */
    size_t stalled_first, stalled_turns, stalled_cap;
    struct throttle throttle;
};

/* How long a follower keeps what it has heard of sessions, at most, before it tells the leader. */
static inline uint64_t housekeeping_ms(const struct replica *r)
{
    return r->config.zab.tick_ms / 4 + 1;
}

/* outbox.c: what leaves */
struct zk_buf *outbox_buffer(struct replica *r); /* valid until after the next flush */
struct zk_buf *outbox_client(struct replica *r, struct client *c); /* append whole frames */
void outbox_ready(struct replica *r, struct client *c);
void outbox_close(struct replica *r, struct client *c); /* after what it still gets */
void outbox_forget(struct replica *r, struct client *c);
void outbox_peer(struct replica *r, uint64_t peer, bool inbound, struct zk_slice bytes);
void outbox_peer_close(struct replica *r, uint64_t peer, bool inbound);
void outbox_news(struct replica *r, int severity, const char *format, ...) ZK_PRINTF(3, 4);
void outbox_fatal(struct replica *r, const char *format, ...) ZK_PRINTF(2, 3);
void outbox_collect_clients(struct replica *r);
void outbox_recycle(struct replica *r);
struct replica_effect *outbox_effect(struct replica *r, enum replica_effect_kind kind);
void outbox_fini(struct replica *r);

/* clients.c: connections and their queues */
struct client *client_find(struct replica *r, uint64_t conn);
void client_drop(struct replica *r, struct client *c);
/* Has it asked for its session's end? Not one of libzk's, who comes back to ask again, behind what it sends again. */
bool client_is_leaving(const struct client *c);
void client_join_result(struct replica *r, struct client *c, const struct command *cmd, const struct state_effects *fx);
void client_write_result(struct replica *r, struct client *c, const struct command *cmd, const struct state_effects *fx);
void client_serve_queue(struct replica *r, struct client *c);
void client_reply(struct replica *r, struct client *c, const struct request *q, int err, struct zk_slice record);
/* An event; who cannot be sent all of them is left. */
void client_tell(struct replica *r, struct client *c, int32_t type, struct zk_slice path, int64_t zxid);
void client_push(struct replica *r, struct client *c, struct request *q);
/* Its session, one of locals, is closed: `q` is answered in its turn. */
void client_close_local(struct replica *r, struct client *c, struct request *q);
/* To who is followed anew: what was reported on a connection that has ended may not have arrived. */
void clients_report_again(struct replica *r);
/* why NULL: not worth a line. Those that came to a read-only server stay unless they are meant too. */
void clients_close_all(struct replica *r, const char *why, bool also_read_only);
/* An answer that is known already, in its place among the others; the latter has no record. */
void client_push_answer(struct replica *r, struct client *c, struct request *q, int err, struct zk_slice record);
void client_push_done(struct replica *r, struct client *c, int32_t xid, int32_t op, int err, bool closes);
void clients_syncs_wait(struct replica *r, struct client *c);
void client_answer_early(struct replica *r, struct client *c);
void clients_syncs_done(struct replica *r, uint64_t round);

/* pace.c: how much a client may ask, and get, at once */
void pace_pause_if_full(struct replica *r, struct client *c);
void pace_resume_if_room(struct replica *r, struct client *c);
void pace_resume_all(struct replica *r); /* a client paused for the sake of all has nothing that would wake it */
bool pace_may_tell(const struct replica *r, const struct client *c); /* events do not wait: false ends it */
bool pace_may_answer(const struct replica *r, const struct client *c);
void pace_put_off(struct replica *r, struct client *c); /* may not be answered now */
void pace_take_up(struct replica *r, struct client *c); /* perhaps it may */
/* Requests that count when all clients' have a limit: not those that wait for their own client alone. */
static inline size_t pace_under_way(const struct replica *r)
{
    return r->outstanding - r->put_off;
}
void pace_note_looks(struct replica *r, struct client *c, uint64_t looks); /* at nodes, for an answer of this turn */
void pace_serve_late(struct replica *r); /* a turn ends: go on with what the one before put off */
void pace_end_turn(struct replica *r);
bool pace_wants_turn(const struct replica *r);
bool pace_admits_frame(const struct replica *r, size_t bytes); /* false: too many bytes of large requests */
void pace_hold_large(struct replica *r, size_t frame_bytes);
void pace_release_large(struct replica *r, size_t frame_bytes);

/* requests.c: one frame of a live client: checks its form and queues it */
void request_frame(struct replica *r, struct client *c, struct zk_slice frame);
void request_end_session(struct replica *r, struct client *c); /* of who has gone */
void request_close(struct replica *r, struct client *c, struct request *q); /* its REQUEST_CLOSE, into the log */

/* A frame that may be asked for what it asks; one that may not, with the error that says so. */
void request_dispatch(struct replica *r, struct client *c, struct zk_slice frame);
void request_turn_away(struct replica *r, struct client *c, struct zk_slice frame, int err);

/* stall.c: requests that wait at the door */
bool stall_must_wait(const struct replica *r, const struct client *c);
void stall_frame(struct replica *r, struct client *c, int32_t op, struct zk_slice frame);
bool stall_ends_in_close(const struct client *c);
void stall_drop(struct replica *r, struct client *c);
void stall_release(struct replica *r);
bool stall_wants_turn(const struct replica *r);

/* reads.c: answers from the local state; true if `op` is one of them */
bool read_is_local(int32_t op);
void read_serve(struct replica *r, struct client *c, const struct request *q, struct zk_slice record);
/* Leaves a watch, or says why not. */
int read_watch(struct replica *r, struct client *c, struct zk_slice path, enum watch_kind kind);

/* --- keeper.c: what ClickHouse Keeper has beside Apache's reads --- */

bool keeper_knows(int32_t op);
int keeper_read(struct replica *r, struct client *c, int32_t op, struct zk_jute *in, struct zk_buf *out);
/* What /keeper/api_version and /keeper/feature_flags show; absent for any other path. */
struct zk_slice keeper_node(struct zk_slice path);

/* locals.c: sessions that only this server knows */
struct local *local_find(const struct replica *r, uint64_t session);
/* NULL: there are REPLICA_LOCAL_SESSIONS_MAX. */
struct local *local_new(struct replica *r, int32_t timeout_ms, struct zk_slice identities);
bool local_is_password(const struct local *l, struct zk_slice password);
/* May it be taken up here, without the log? Else by an ATTACH behind its UPGRADE. */
bool local_may_come_back(struct replica *r, const struct local *l);
/* The session comes to this connection; the one it was on is closed. */
void local_attach(struct replica *r, struct local *l, const struct client *c, int32_t timeout_ms,
                  struct zk_slice identities);
void local_leave(struct replica *r, struct client *c); /* the connection has gone, its requests are still there */
bool local_authenticate(struct local *l, struct zk_slice gained); /* false: no room for more identities */
void local_end(struct replica *r, const struct client *c); /* nothing happens if it is another connection's now */
/* The client's session becomes the ensemble's; what it asks from now on is numbered behind the UPGRADE. */
void local_upgrade(struct replica *r, struct client *c);
/* The UPGRADE has been applied: the connection whose session it is here; 0: none. */
uint64_t local_upgraded(struct replica *r, uint64_t session);
struct zk_slice locals_identities(void *arg, uint64_t session); /* a state_guest_fn */
void locals_reload(struct replica *r);
void locals_restart(struct replica *r); /* their clocks: the silence was ours */
void locals_sweep(struct replica *r);
void locals_end_passing(struct replica *r);
void locals_fini(struct replica *r);

/* readonly.c: serving without a quorum who asks for no more than that */
void readonly_step(struct replica *r);
void readonly_end(struct replica *r); /* there is a quorum */
uint64_t readonly_deadline_ms(const struct replica *r);

/* forward.c: commands on their way into the log, and what servers say to each other about them */
#define FORWARD_OWN UINT64_MAX /* the connection of a command of this server's own that is sent until it is applied */
struct pending *forward_submit(struct replica *r, uint64_t conn, const struct command *cmd);
void forward_done(struct replica *r, struct pending *p);
void forward_abandon(struct replica *r, struct pending *p); /* its connection is gone */
/* A command of the server's own that is decided anew if it gets lost: an expiry. */
void forward_unawaited(struct replica *r, const struct command *cmd);
/* The stamp of a command that this leader would propose now. */
int64_t forward_stamp_now(struct replica *r);
void forward_restart(struct replica *r);
void forward_flush(struct replica *r);
bool forward_message(struct replica *r, uint64_t peer, bool inbound, struct zk_slice message);
void forward_confirmed(struct replica *r, const struct zab_confirmed *c);
void forward_lost_leadership(struct replica *r);
void forward_forget_peer(struct replica *r, uint64_t peer); /* its syncs: who asks on a new connection asks anew */
size_t forward_pending_syncs(const struct replica *r); /* leader: rounds that a quorum has not confirmed yet */
void forward_sync_wanted(struct replica *r);
void forward_touch_flush(struct replica *r);
void forward_fini(struct replica *r);

/* deliver.c: committed entries */
void deliver_entry(struct replica *r, const struct entry *e);
ZK_MUST_CHECK bool deliver_load(struct replica *r, char *why, size_t size);
void deliver_snap(struct replica *r, const struct zab_snap *snap);

/* tracker.c: who lives, and until when */
struct tracked *tracker_find(struct replica *r, uint64_t session);
void tracker_applied(struct replica *r, const struct state_effects *fx, uint64_t conn); /* conn 0: not here */
void tracker_touch(struct replica *r, uint64_t session);
void tracker_begin_leading(struct replica *r);
void tracker_restart_of_server(struct replica *r, uint64_t server);
void tracker_stood_still(struct replica *r, uint64_t ms); /* the leader did, and heard nobody meanwhile */
void tracker_expire(struct replica *r);
void tracker_reload(struct replica *r);
void tracker_fini(struct replica *r);

/* reaper.c: the end of containers and TTL nodes, found by the leader */
void reaper_begin_leading(struct replica *r);
void reaper_step(struct replica *r);
uint64_t reaper_deadline_ms(const struct replica *r);

/* checkpoint.c: the state into the store, a slice a turn */
void checkpoint_step(struct replica *r);
void checkpoint_finished(struct replica *r, uint64_t zxid);
void checkpoint_abandon(struct replica *r);
bool checkpoint_wants_turn(const struct replica *r);

/* beat.c: what goes with every heartbeat: position, digest, free space, the clock */
void beat_publish(struct replica *r);
void beat_received(struct replica *r, uint64_t peer, struct zk_slice bytes);
/* Leader: the newest zxid that a majority, we among them, was seen to agree on, and its digest; 0: none yet. */
uint64_t beat_agreed(const struct replica *r, uint64_t *ret_digest);
size_t participants(const struct replica *r); /* this server among them, unless it observes */

/* lag.c: a follower that stays behind its leader serves nobody */
void lag_heard(struct replica *r, uint64_t leader_zxid); /* what the leader had applied when it said so */
void lag_restart(struct replica *r); /* whom it follows, if anybody, it follows anew */
void lag_stood_still(struct replica *r, uint64_t for_ms); /* what came meanwhile has not been looked at yet */
void lag_step(struct replica *r);
const char *lag_sentence(const struct replica *r); /* why nobody is served; "": not for this */

/* rebuild.c: a state that differs from the quorum's is put aside, and a leader's takes its place */
void rebuild_step(struct replica *r);
void rebuild_done(struct replica *r);

/* So long clients wait for a leader before they are sent elsewhere. */
static inline uint64_t replica_patience_ms(const struct replica *r)
{
    return (uint64_t)r->config.zab.sync_limit * r->config.zab.tick_ms;
}

static inline bool replica_serves(const struct replica *r)
{
    bool has_leader = zab_phase_leads(r->phase) || r->phase == ZAB_FOLLOWING;
    return has_leader && !r->rebuilding && !r->is_lagging;
}
