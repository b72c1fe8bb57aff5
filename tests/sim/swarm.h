/* swarm.h: what kind of world a seed makes: which classes of fault are on, and how often each strikes.
 *
 * With everything on at once an ensemble is always dead and nothing deep is reached; so each seed draws its own few
 * classes, its own rates, its own sizes.
 */
#pragma once
#include "common/rng.h"

struct swarm {
    uint32_t servers; /* voters */
    uint32_t observers;
    uint32_t persons;    /* clients at a time */
    uint32_t operations; /* in all */
    uint64_t act_us;     /* how long the adversary is at work */
    uint32_t tick_ms;
    uint32_t init_limit;
    uint32_t sync_limit;
    uint32_t session_min_ms;
    uint32_t session_max_ms;
    uint32_t counter_roll;
    bool has_secret;           /* the peers prove themselves */
    uint32_t memory_k;         /* results that libzk's sessions have remembered */
    uint32_t checkpoint_bytes; /* of log between checkpoints, at least */
    uint32_t checkpoint_rows;  /* a turn */
    uint32_t client_turn_bytes; /* answers to one client in a turn; 0: more than there ever are */
    uint32_t ttl_servers;      /* bits: those that let their clients make TTL nodes */
    uint32_t local_servers;    /* bits: those that keep new sessions for themselves until they write */
    uint32_t upgrading_servers; /* bits: and let them make ephemeral nodes */
    uint32_t read_only_servers; /* bits: those that serve without a quorum who asks for no more */
    uint32_t read_only_percent; /* of Apache's clients: ask for no more */
    uint32_t quota_servers;    /* bits: those that enforce quotas */
    uint32_t quota_percent;    /* of the writes: make, change, remove quotas */
    uint32_t tree_percent;     /* of the writes: delete whole subtrees; of the reads: pages */
    uint32_t keeper_percent;   /* of what Apache's clients ask: what ClickHouse asks of its Keeper */
    uint32_t access_percent;   /* of what clients ask: change and read access lists, prove who they are */
    uint32_t door_requests;    /* under way at a server; the others wait at its door; 0: no such limit */
    uint32_t throttled_op_wait_ms; /* who waited there for longer is turned away; 0: nobody */
    bool drops_stale;              /* who waited there for longer than its session's time-out is closed */
    uint32_t outstanding_limit;    /* of all clients of a server: above it each may have one; 0: no such limit */
    bool has_odd_configs;      /* the servers' zoo.cfg do not all say the same */
    uint32_t container_check_ms;
    uint32_t container_max_per_minute;
    uint32_t container_never_used_ms;

    /* network; chances in millionths, times in microseconds */
    uint64_t delay_us; /* typical, one way, between any two */
    uint64_t jitter_us;
    uint32_t segment_chance; /* of a chunk: arrives in pieces */
    uint64_t clog_every_us;  /* mean time between; 0: never */
    uint64_t clog_us;
    uint64_t reset_every_us;
    uint64_t half_open_every_us;
    uint64_t part_every_us;
    uint64_t part_us;
    uint64_t flip_every_us;

    /* processes */
    uint64_t crash_every_us;
    uint64_t down_us;
    uint64_t pause_every_us;
    uint64_t pause_us;
    uint64_t stop_every_us;
    uint64_t wipe_every_us;
    uint64_t damage_every_us;
    uint64_t astray_every_us;
    uint32_t power_chance;     /* of a crash: the machine, not the process */
    uint32_t crash_all_chance; /* of a crash: everybody */
    uint64_t turn_us;          /* how long a server lets things come in before it flushes */

    /* disks */
    uint32_t disk_min_ms;
    uint32_t disk_max_ms;
    uint64_t stall_every_us;
    uint32_t stall_ms;
    uint64_t disk_fail_every_us;
    uint64_t disk_full_every_us;

    /* clocks */
    uint32_t drift_ppm; /* the most */
    uint64_t jump_every_us;

    /* clients */
    uint64_t think_us;
    uint32_t outstanding_max;
    uint32_t apache_percent;  /* of the sessions: speak as Apache's clients do */
    uint64_t kill_every_us;   /* a client vanishes */
    uint64_t freeze_every_us; /* ...falls silent for a while */
    uint64_t move_every_us;   /* ...loses its connection */
    uint32_t paths;           /* how many hot ones */
    uint32_t read_percent;
    uint32_t sync_percent; /* of the reads */
    uint32_t watch_percent;
    uint32_t data_bytes_max;
};

void swarm_draw(struct swarm *s, uint64_t seed);
/* One line. */
const char *swarm_text(const struct swarm *s, char *text, size_t size);
