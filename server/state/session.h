/* session.h: the sessions of the state, live ones and those that ended and are still remembered, and libzk's memory.
 *
 * WHY HERE    A write whose answer was lost is sent again; whether it happened is told by the session's memory of its
 *             last results, which is replicated and outlives the session for a while.
 * HOW         Sessions lie behind handles; a vector sorted by id finds them (ids are zxids, so new ones go to its
 *             end, but for those that began on one server only; what leaves makes a hole that is closed when half are
 *             holes). Ended ones form a queue by the zxid
 *             at which they ended.
 * This file changes sessions and says nothing to digest or dirty set: who calls it does (change.h).
 */
#pragma once
#include "server/state/command.h"
#include "server/state/state.h"

/* One remembered result of a write. */
struct result {
    uint64_t zxid;
    uint8_t *bytes; /* the reply record; NULL if empty or not whole */
    uint32_t len;
    int32_t err;
    bool whole;
};

struct session {
    uint64_t id;
    uint64_t number;
    uint64_t origin; /* of the OPEN or ATTACH that began this generation */
    uint64_t ended_zxid; /* 0: live */
    int64_t ended_time_ms;
    uint32_t generation;
    uint32_t handle;
    int32_t timeout_ms;
    int32_t memory; /* K */
    int32_t server;
    uint8_t password[ZK_PASSWORD_BYTES];
    uint8_t *identities; /* jute vector */
    uint32_t identities_len;

    uint32_t *ephemerals; /* node handles */
    uint32_t ephemeral_count;
    uint32_t ephemeral_cap;

    /* A ring of the last `result_count` <= memory results; the oldest at `result_first`. */
    int32_t *xids;
    struct result *results;
    uint32_t result_first;
    uint32_t result_count;
    uint32_t result_cap;
    uint32_t result_bytes;

    uint32_t next_ended; /* handle */
    uint32_t dirty_slot; /* see dirty.h */
    uint8_t dirty_set;
    bool unstored;
};

struct session_place {
    uint64_t id;
    uint32_t handle; /* 0: a hole */
};

struct sessions {
    struct session **by_handle; /* from 1 */
    uint32_t used;
    uint32_t cap;
    uint32_t *free_handles;
    uint32_t free_count;
    struct session_place *places; /* sorted by id */
    size_t place_count;
    size_t place_cap;
    size_t hole_count;
    size_t live_count;
    uint32_t first_ended;
    uint32_t last_ended;
    size_t ended_count;
    uint64_t ended_bytes;
};

void sessions_init(struct sessions *all);
void sessions_fini(struct sessions *all);
/* Live or ended; NULL if unknown. */
struct session *sessions_find(const struct sessions *all, uint64_t id);
struct session *sessions_find_live(const struct sessions *all, uint64_t id);
/* The first, live or ended, whose id is above `after`; NULL at the end. */
struct session *sessions_after(const struct sessions *all, uint64_t after);

static inline struct session *sessions_at(const struct sessions *all, uint32_t handle)
{
    return all->by_handle[handle];
}

/* A new live session; its id is not there, nor among the ended ones. All fields but id and handle zero. */
struct session *sessions_add(struct sessions *all, uint64_t id);
/* Frees it; an ended one must be the oldest of the queue. */
void sessions_remove(struct sessions *all, struct session *session);
/* Live to ended: to the end of the queue. Its ephemerals are gone by then. */
void sessions_end(struct sessions *all, struct session *session, uint64_t zxid, int64_t time_ms);
/* For loading: queues the sessions that were added with ended_zxid set, in the order in which they ended. */
void sessions_queue_ended(struct sessions *all);
struct session *sessions_oldest_ended(const struct sessions *all);

/* Counted by a fixed rule, the same on every replica. */
uint64_t session_size_bytes(const struct session *session);
/* Takes the same time wherever they differ. */
bool session_is_password(const struct session *session, struct zk_slice password);

static inline struct zk_slice session_identities(const struct session *session)
{
    return zk_slice(session->identities, session->identities_len);
}
void session_set_identities(struct session *session, struct zk_slice encoded);
/* Adds one unless it is there; false if the session has STATE_IDENTITY_COUNT_MAX or STATE_IDENTITY_BYTES_MAX. */
bool session_add_identity(struct session *session, struct zk_slice scheme, struct zk_slice id);

void session_hang_ephemeral(struct session *session, uint32_t node, uint32_t *ret_index);
/* Takes out the one at `index`: the last moves there; its handle, 0 if none moved. session_put_ephemeral undoes. */
uint32_t session_take_ephemeral(struct session *session, uint32_t index);
/* Puts `node` back at `index`; what is there moves to the end; its handle, 0 if none moved. */
uint32_t session_put_ephemeral(struct session *session, uint32_t index, uint32_t node);

/* The remembered result of `xid`, the i-th oldest; the count if there is none. */
uint32_t session_recall(const struct session *session, int32_t xid);
struct result *session_result(const struct session *session, uint32_t i);
int32_t session_result_xid(const struct session *session, uint32_t i);
/* The newest result; bytes are copied. The caller has dropped the oldest if there were `memory` of them. */
void session_remember(struct session *session, int32_t xid, const struct result *result);
void session_drop_oldest_result(struct session *session);
/* K becomes 0; the caller has dropped all results. */
void session_end_memory(struct session *session);
