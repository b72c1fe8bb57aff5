/* host.h: one server of the simulated world: its machine, its clock, its disk and, while it runs, its process: the
 * real replica, driven as the daemon drives it.
 *
 * TURN        What arrives is fed to the replica at once; a little later (swarm.turn_us) the turn ends with one
 * flush, whose effects are performed, and everything there is to see is checked (check.h). PARTS       host.c: life,
 * clock, turns. peers.c: connections between servers, each a link (server/net/link.h). doors.c: connections of
 * clients, their frames cut as the daemon cuts them.
 */
#pragma once
#include "server/net/link.h"
#include "server/replica/replica.h"
#include "tests/sim/disk.h"
#include "tests/sim/net.h"
#include "tests/sim/tap.h"
#include "tests/sim/wire.h"
#include "tests/sim/world.h"

/* Free bytes below which a server is short of space. */
#define HOST_SPACE_LOW 100000

/* One connection to or from another server. */
struct channel {
    struct channel *next; /* of the host's accepted ones */
    struct host *host;
    struct net_end *end; /* NULL: none at the moment */
    struct link link;
    bool has_link;
    bool is_inbound;
    bool is_up;     /* the replica knows it */
    bool is_doomed; /* the replica wants it closed; done behind the effects, which its news would end */
    uint64_t peer;  /* 0: accepted, not yet proven */
    uint64_t backoff_us;
    uint64_t token; /* of the scheduled dial */
};

/* One connection of a client. */
struct door {
    struct door *next;
    struct host *host;
    struct net_end *end;
    uint64_t conn;
    struct zk_buf in;
    bool was_greeted; /* its first frame is with the replica */
    bool is_ready;
    bool is_paused;
    struct wire *wire; /* judges what is sent */
};

enum host_state { HOST_DOWN, HOST_UP, HOST_PAUSED, HOST_STOPPING };

struct host {
    struct world *world;
    uint32_t node; /* on the network */
    uint64_t id;   /* server.N's N */
    bool is_observer;
    enum host_state state;
    struct disk *disk;
    struct tap *tap;
    struct replica *replica;
    uint64_t start; /* counts starts: an event of an earlier life is moot */

    /* clock */
    int64_t drift_ppm;
    uint64_t boot_us;
    uint64_t boot_ms;
    int64_t wall_offset_ms;

    /* turns */
    bool is_in_turn; /* the replica knows the time */
    bool is_flush_due;
    uint64_t timer_token;
    uint64_t timer_at_us;
    uint64_t disk_token;
    uint64_t disk_at_us;

    struct channel out[WORLD_SERVERS_MAX];
    struct channel *accepted;
    struct door *doors;
    uint64_t conn_count;

    bool has_strayed; /* its state was once made another than its log's */
    bool is_astray;   /* ...and is so now */
    bool is_impaired; /* it may have lost promises: a stranger until it is readmitted */
    bool may_die;     /* a fault was done to its disk: a fatal end is an answer */
    bool may_refuse;  /* ...and so is a refusal to start */
    uint64_t deaths;

    /* what the checks remember from turn to turn */
    uint64_t seen_commit;
    uint64_t seen_promised;
    uint64_t seen_waits; /* at its door */
    uint64_t seen_applied;
    uint64_t seen_digest;
    uint64_t durable_zxid; /* when it fell */
    uint64_t durable_promised;
    uint64_t woke_us; /* from its last pause */
    enum zab_phase seen_phase;
    uint64_t seen_epoch;
    uint64_t served_epoch;
    bool was_stranger;
    bool was_readmitted; /* ever in this seed */
    uint64_t turns;
};

struct host *host_new(struct world *w, uint32_t node, bool is_observer);
void host_free(struct host *h);

/* --- the process --- */

void host_start(struct host *h);
enum host_death { HOST_KILLED, HOST_POWER_CUT };
void host_kill(struct host *h, enum host_death how);
void host_pause(struct host *h);
void host_resume(struct host *h);
/* Cleanly: it hands over first; when it may stop, it is down. */
void host_stop(struct host *h);

uint64_t host_now_ms(const struct host *h);
int64_t host_wall_ms(const struct host *h);
/* The wall clock, seen by all, jumps. */
void host_jump(struct host *h, int64_t by_ms);

/* --- inside --- */

/* Something arrives: the replica must know the time; and a flush must follow. */
void host_input(struct host *h);
void host_flush_soon(struct host *h);
struct host *host_of(struct world *w, uint64_t id);

void peers_start(struct host *h);
void peers_stop(struct host *h); /* the process is gone; the network knows already */
void peers_send(struct host *h, uint64_t peer, bool inbound, struct zk_slice message);
void peers_close(struct host *h, uint64_t peer, bool inbound);
/* Closes what is to be closed; after the effects. */
void peers_pump(struct host *h);

void doors_start(struct host *h);
void doors_stop(struct host *h);
void doors_effect(struct host *h, const struct replica_effect *effect);
/* Frames that waited for READY or RESUME; after the effects. */
void doors_pump(struct host *h);
size_t doors_count(const struct host *h);
