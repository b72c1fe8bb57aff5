/* zab_world_impl.h: what the files of the little world share.
 *   zab_world.c   faults, time, and what tests may ask
 *   zab_server.c  one server: the zab core on its disk, its effects carried out, starting and crashing
 *   zab_wire.c    the connections between servers
 *   zab_judge.c   the ledger of what was ever applied, and the rules
 */
#pragma once
#include "server/zab/core.h"
#include "tests/unit/zab_world.h"

#include <inttypes.h>

#define NEWS_KEPT 200

struct letter {
    uint64_t due_ms;
    size_t len;
    uint8_t *bytes;
};

struct queue {
    struct letter *letters;
    size_t at, count, cap;
    uint64_t last_due_ms;
};

/* What `dialler` dialled to `acceptor`. */
struct conn {
    bool up;
    uint64_t dial_ms;
    struct queue upward, downward;
    uint64_t down_dialler_ms; /* a side that still has to hear that it is down; 0: none */
    uint64_t down_acceptor_ms;
};

struct asked {
    uint64_t token;
    size_t ledger;
};

struct server {
    struct disk *disk;
    struct storage storage;
    struct zab *zab;
    bool paused;
    bool ever_started;
    bool lost_power; /* and with it perhaps the newest ack mark */
    bool checkpointing;
    bool purge_after;
    char fatal[256];
    /* the replica: a running hash */
    size_t index;
    uint64_t digest;
    uint64_t applied;
    size_t staged_index;
    uint64_t staged_digest;
    bool staging;
    struct disk_copy *copy;
    struct storage_witness copied;  /* what the copy holds: promised, zxid, incarnation */
    struct storage_witness vouched; /* the most that this store has told others */
    bool copy_is_older;             /* than what was vouched for before a wipe */
    struct asked *asked;
    size_t asked_count, asked_cap;
    char *news[NEWS_KEPT];
    size_t news_count;
};

struct ledger_entry {
    uint64_t zxid;
    uint64_t hash;
    uint64_t digest;
    uint64_t epoch; /* of the leader under which it was first applied */
};

struct world {
    struct world_options options;
    struct zk_rng rng;
    size_t count;
    uint64_t now_ms;
    uint64_t starts;
    uint64_t tokens;
    bool expect_fatal;
    char trouble[600];
    struct server servers[WORLD_SERVERS_MAX];
    struct conn conns[WORLD_SERVERS_MAX][WORLD_SERVERS_MAX];
    bool cut[WORLD_SERVERS_MAX][WORLD_SERVERS_MAX];
    uint64_t elected[512];
    struct ledger_entry *ledger;
    size_t ledger_count, ledger_cap;
    struct world_marks marks;
};

static inline uint32_t chance(struct world *w, uint32_t below)
{
    return zk_rng_below(&w->rng, below);
}

static inline uint64_t id_of(size_t index)
{
    return index + 1;
}

static inline bool is_running(const struct world *w, size_t i)
{
    return w->servers[i].zab && !w->servers[i].paused;
}

ZK_PRINTF(2, 3)
void world_trace(struct world *w, const char *format, ...);

/* zab_server.c */
void server_effects(struct world *w, size_t i); /* carries out what the core wants, and has it judged */
void server_poll(struct world *w, size_t i);    /* the disk's reports */

/* zab_wire.c */
void wire_send(struct world *w, size_t from, const struct zab_send *send);
/* The connection that `dialler` dialled; who is to be told hears of it a little later. */
void wire_close(struct world *w, size_t dialler, size_t acceptor, bool tell_dialler, bool tell_acceptor);
uint64_t wire_deadline_ms(const struct world *w, size_t dialler, size_t acceptor);
void wire_events(struct world *w, size_t dialler, size_t acceptor);
void wire_fini(struct conn *c);

/* zab_judge.c */
ZK_PRINTF(2, 3)
void judge_trouble(struct world *w, const char *format, ...); /* only the first is kept */
/* Is more vouched for in a than in b? */
bool judge_above(const struct storage_witness *a, const struct storage_witness *b);
void judge_applied(struct world *w, size_t i, const struct entry *e);
void judge_state(struct world *w, size_t i, const struct zab_snap *snap); /* that was received and is live now */
void judge_message(struct world *w, size_t from, struct zk_slice bytes);
void judge_leader(struct world *w, size_t i);
void judge_confirm(struct world *w, size_t i, const struct zab_confirmed *c);
