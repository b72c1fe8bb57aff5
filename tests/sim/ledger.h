/* ledger.h: the one history: every entry that any server has committed, in zxid order, with what it must have done.
 *
 * WHY HERE    Each server's log, state and replies are judged against this, and this against a state of its own and
 * the plain model: so that any two servers agree (I2, I4, I5, I13), and on what is right. GROWTH      The first
 * server that commits an entry writes it here, in the very turn; nothing is ever taken back. INVARIANTS  L1 entries
 * are chained and ascending  L2 the ledger's own state has applied exactly these entries.
 */
#pragma once
#include "server/state/state.h"
#include "server/zab/group.h"
#include "tests/sim/model.h"
#include "tests/sim/tap.h"
#include "tests/sim/world.h"

/* A watch's cause: something that happened to a node. */
struct ledger_event {
    uint64_t zxid;
    enum zk_event_type type;
    const struct model_node *node;
    struct zk_slice acl; /* of the node, or the parent: who may hear of it. Absent: all */
};

struct ledger_entry {
    struct entry entry; /* the body is the ledger's own */
    uint64_t at_us;
    uint64_t first_server; /* who committed it first */
    uint64_t digest;       /* of the state behind it */
    int64_t time_ms;
    bool is_command;
    struct command command; /* borrows the body */
    bool had_effect;        /* neither duplicate nor stale nor behind a gap nor recalled from memory */
    bool is_recalled;
    int32_t err;
    struct zk_slice reply; /* the record that every server must answer with */
    uint64_t session;      /* whom it concerns */
    enum state_session_change session_change;
    size_t first_event; /* index of its first event */
    size_t event_count;
};

struct ledger;

struct ledger *ledger_new(struct world *w);
void ledger_free(struct ledger *l);

/* A server says that `commit` is committed: its log (the tap's) up to there must be the ledger's, or goes on from it.
 */
void ledger_commit(struct ledger *l, uint64_t server, const struct tap *tap, uint64_t commit);

uint64_t ledger_last(const struct ledger *l);
size_t ledger_count(const struct ledger *l);
const struct ledger_entry *ledger_entry(const struct ledger *l, size_t index);
/* NULL: no such entry. */
const struct ledger_entry *ledger_find(const struct ledger *l, uint64_t zxid);
/* The last entry at or before; NULL: none. */
const struct ledger_entry *ledger_at(const struct ledger *l, uint64_t zxid);
uint64_t ledger_digest(const struct ledger *l, uint64_t zxid);
/* What sessions did that ended at or before this need not be remembered any more. */
uint64_t ledger_forgotten(const struct ledger *l);

size_t ledger_event_count(const struct ledger *l);
const struct ledger_event *ledger_event(const struct ledger *l, size_t index);
/* Index of the first event above `zxid`. */
size_t ledger_event_after(const struct ledger *l, uint64_t zxid);

/* Some server has answered some client "as of zxid": from now on every sync must see it. */
void ledger_shown(struct ledger *l, uint64_t zxid);
uint64_t ledger_shown_last(const struct ledger *l);

/* A session of one server's own: who it is (model_guest). */
void ledger_guest(struct ledger *l, uint64_t session, const char *address);
const struct model *ledger_model(const struct ledger *l);
const struct state *ledger_state(const struct ledger *l);
/* The whole state against the whole model: slow, now and then. */
void ledger_check(const struct ledger *l);
