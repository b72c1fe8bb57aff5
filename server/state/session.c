#include "server/state/session.h"
#include "common/proto.h"

#define HOLES_MIN     64
#define SESSION_BYTES 256
#define RESULT_BYTES  44

void sessions_init(struct sessions *all)
{
    memset(all, 0, sizeof *all);
    all->used = 1;
}

static void session_free(struct session *session)
{
    while (session->result_count > 0)
        session_drop_oldest_result(session);
    free(session->xids);
    free(session->results);
    free(session->identities);
    free(session->ephemerals);
    free(session);
}

void sessions_fini(struct sessions *all)
{
    for (uint32_t h = 1; h < all->used; h++) {
        if (all->by_handle[h] != NULL)
            session_free(all->by_handle[h]);
    }
    free(all->by_handle);
    free(all->free_handles);
    free(all->places);
}

/* --- finding --- */

/* The first place whose id is not below `id`. */
static size_t lower_bound(const struct sessions *all, uint64_t id)
{
    size_t lo = 0;
    size_t count = all->place_count;
    while (count > 0) {
        size_t half = count / 2;
        if (all->places[lo + half].id < id) {
            lo += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return lo;
}

struct session *sessions_find(const struct sessions *all, uint64_t id)
{
    size_t at = lower_bound(all, id);
    if (at == all->place_count || all->places[at].id != id || all->places[at].handle == 0)
        return NULL;
    return all->by_handle[all->places[at].handle];
}

struct session *sessions_find_live(const struct sessions *all, uint64_t id)
{
    struct session *session = sessions_find(all, id);
    return session != NULL && session->ended_zxid == 0 ? session : NULL;
}

struct session *sessions_after(const struct sessions *all, uint64_t after)
{
    if (after == UINT64_MAX)
        return NULL;
    for (size_t at = lower_bound(all, after + 1); at < all->place_count; at++) {
        if (all->places[at].handle != 0)
            return all->by_handle[all->places[at].handle];
    }
    return NULL;
}

/* --- coming and going --- */

static uint32_t take_handle(struct sessions *all)
{
    if (all->free_count > 0)
        return all->free_handles[--all->free_count];
    if (all->used >= all->cap) {
        all->cap = all->cap ? all->cap * 2 : 16;
        all->by_handle = zk_realloc(all->by_handle, all->cap * sizeof *all->by_handle);
        all->free_handles = zk_realloc(all->free_handles, all->cap * sizeof *all->free_handles);
    }
    return all->used++;
}

struct session *sessions_add(struct sessions *all, uint64_t id)
{
    size_t at = lower_bound(all, id);
    ZK_ASSERT(at == all->place_count || all->places[at].id != id || all->places[at].handle == 0);
    struct session *session = zk_calloc(1, sizeof *session);
    session->id = id;
    session->handle = take_handle(all);
    all->by_handle[session->handle] = session;
    if (all->place_count == all->place_cap) {
        all->place_cap = all->place_cap ? all->place_cap * 2 : 16;
        all->places = zk_realloc(all->places, all->place_cap * sizeof *all->places);
    }
    if (at < all->place_count && all->places[at].id == id) {
        all->hole_count--;
    } else {
        memmove(&all->places[at + 1], &all->places[at], (all->place_count++ - at) * sizeof *all->places);
    }
    all->places[at] = (struct session_place){id, session->handle};
    all->live_count++;
    return session;
}

static void close_holes(struct sessions *all)
{
    size_t kept = 0;
    for (size_t i = 0; i < all->place_count; i++) {
        if (all->places[i].handle != 0)
            all->places[kept++] = all->places[i];
    }
    all->place_count = kept;
    all->hole_count = 0;
}

uint64_t session_size_bytes(const struct session *session)
{
    return SESSION_BYTES + (uint64_t)session->identities_len + session->result_bytes +
           (uint64_t)session->result_count * RESULT_BYTES;
}

void sessions_remove(struct sessions *all, struct session *session)
{
    if (session->ended_zxid != 0) {
        ZK_ASSERT(all->first_ended == session->handle);
        all->first_ended = session->next_ended;
        if (all->first_ended == 0)
            all->last_ended = 0;
        all->ended_count--;
        all->ended_bytes -= session_size_bytes(session);
    } else {
        all->live_count--;
    }
    all->places[lower_bound(all, session->id)].handle = 0;
    if (++all->hole_count >= HOLES_MIN && all->hole_count * 2 > all->place_count)
        close_holes(all);
    all->by_handle[session->handle] = NULL;
    all->free_handles[all->free_count++] = session->handle;
    session_free(session);
}

static void enqueue_ended(struct sessions *all, struct session *session)
{
    session->next_ended = 0;
    if (all->last_ended != 0)
        all->by_handle[all->last_ended]->next_ended = session->handle;
    else
        all->first_ended = session->handle;
    all->last_ended = session->handle;
    all->ended_count++;
    all->ended_bytes += session_size_bytes(session);
    all->live_count--;
}

void sessions_end(struct sessions *all, struct session *session, uint64_t zxid, int64_t time_ms)
{
    ZK_ASSERT(session->ended_zxid == 0);
    ZK_ASSERT(session->ephemeral_count == 0);
    session->ended_zxid = zxid;
    session->ended_time_ms = time_ms;
    enqueue_ended(all, session);
}

static int by_end(const void *a, const void *b)
{
    const struct session *const *left = a;
    const struct session *const *right = b;
    return ((*left)->ended_zxid > (*right)->ended_zxid) - ((*left)->ended_zxid < (*right)->ended_zxid);
}

void sessions_queue_ended(struct sessions *all)
{
    struct session **ended = zk_alloc((all->live_count + 1) * sizeof *ended);
    size_t count = 0;
    for (uint32_t h = 1; h < all->used; h++) {
        if (all->by_handle[h] != NULL && all->by_handle[h]->ended_zxid != 0)
            ended[count++] = all->by_handle[h];
    }
    qsort(ended, count, sizeof *ended, by_end);
    for (size_t i = 0; i < count; i++)
        enqueue_ended(all, ended[i]);
    free(ended);
}

struct session *sessions_oldest_ended(const struct sessions *all)
{
    return all->first_ended == 0 ? NULL : all->by_handle[all->first_ended];
}

/* --- password and identities --- */

bool session_is_password(const struct session *session, struct zk_slice password)
{
    if (password.len != ZK_PASSWORD_BYTES)
        return false;
    uint8_t difference = 0;
    for (int i = 0; i < ZK_PASSWORD_BYTES; i++)
        difference |= session->password[i] ^ password.ptr[i];
    return difference == 0;
}

void session_set_identities(struct session *session, struct zk_slice encoded)
{
    free(session->identities);
    session->identities = zk_memdup(encoded.ptr, encoded.len);
    session->identities_len = (uint32_t)encoded.len;
}

bool session_add_identity(struct session *session, struct zk_slice scheme, struct zk_slice id)
{
    struct zk_buf all;
    zk_buf_init(&all);
    zk_buf_append_slice(&all, session_identities(session));
    bool has_room = command_identities_add(&all, scheme, id);
    if (has_room)
        session_set_identities(session, zk_buf_slice(&all));
    zk_buf_fini(&all);
    return has_room;
}

/* --- ephemerals --- */

void session_hang_ephemeral(struct session *session, uint32_t node, uint32_t *ret_index)
{
    if (session->ephemeral_count == session->ephemeral_cap) {
        session->ephemeral_cap = session->ephemeral_cap ? session->ephemeral_cap * 2 : 4;
        session->ephemerals = zk_realloc(session->ephemerals, session->ephemeral_cap * sizeof *session->ephemerals);
    }
    *ret_index = session->ephemeral_count;
    session->ephemerals[session->ephemeral_count++] = node;
}

uint32_t session_take_ephemeral(struct session *session, uint32_t index)
{
    ZK_ASSERT(index < session->ephemeral_count);
    uint32_t last = session->ephemerals[--session->ephemeral_count];
    if (index == session->ephemeral_count)
        return 0;
    session->ephemerals[index] = last;
    return last;
}

uint32_t session_put_ephemeral(struct session *session, uint32_t index, uint32_t node)
{
    uint32_t end;
    session_hang_ephemeral(session, node, &end);
    if (index == end)
        return 0;
    uint32_t moved = session->ephemerals[index];
    session->ephemerals[end] = moved;
    session->ephemerals[index] = node;
    return moved;
}

/* --- memory --- */

static uint32_t ring_place(const struct session *session, uint32_t i)
{
    return (session->result_first + i) & (session->result_cap - 1); /* a power of two */
}

struct result *session_result(const struct session *session, uint32_t i)
{
    return &session->results[ring_place(session, i)];
}

int32_t session_result_xid(const struct session *session, uint32_t i)
{
    return session->xids[ring_place(session, i)];
}

/* Each write of a session with a memory asks twice, mostly for what is not there: so two plain runs over the ring. */
uint32_t session_recall(const struct session *session, int32_t xid)
{
    if (session->result_count == 0)
        return 0;
    uint32_t to_end = session->result_cap - session->result_first;
    uint32_t first_run = session->result_count < to_end ? session->result_count : to_end;
    const int32_t *run = session->xids + session->result_first;
    for (uint32_t i = 0; i < first_run; i++) {
        if (run[i] == xid)
            return i;
    }
    for (uint32_t i = first_run; i < session->result_count; i++) {
        if (session->xids[i - first_run] == xid)
            return i;
    }
    return session->result_count;
}

static void grow_ring(struct session *session)
{
    uint32_t cap = session->result_cap ? session->result_cap * 2 : 8;
    int32_t *xids = zk_alloc(cap * sizeof *xids);
    struct result *results = zk_alloc(cap * sizeof *results);
    for (uint32_t i = 0; i < session->result_count; i++) {
        xids[i] = session_result_xid(session, i);
        results[i] = *session_result(session, i);
    }
    free(session->xids);
    free(session->results);
    session->xids = xids;
    session->results = results;
    session->result_first = 0;
    session->result_cap = cap;
}

void session_remember(struct session *session, int32_t xid, const struct result *result)
{
    if (session->result_count == session->result_cap)
        grow_ring(session);
    uint32_t at = ring_place(session, session->result_count++);
    session->xids[at] = xid;
    session->results[at] = *result;
    session->results[at].bytes = result->len ? zk_memdup(result->bytes, result->len) : NULL;
    session->result_bytes += result->len;
}

void session_drop_oldest_result(struct session *session)
{
    struct result *oldest = session_result(session, 0);
    session->result_bytes -= oldest->len;
    free(oldest->bytes);
    session->result_first = ring_place(session, 1);
    session->result_count--;
}

void session_end_memory(struct session *session)
{
    ZK_ASSERT(session->result_count == 0);
    free(session->xids);
    free(session->results);
    session->xids = NULL;
    session->results = NULL;
    session->result_first = session->result_cap = 0;
    session->memory = 0;
}
