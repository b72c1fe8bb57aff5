#include "common/path.h"
#include "server/state/change.h"

struct state *state_bare(void)
{
    struct state *s = zk_calloc(1, sizeof *s);
    tree_init(&s->tree);
    acls_init(&s->acls);
    s->asker = zk_alloc(sizeof *s->asker);
    asker_init(s->asker);
    sessions_init(&s->sessions);
    dirty_init(s);
    s->level = 1;
    return s;
}

void state_free(struct state *s)
{
    if (s == NULL)
        return;
    dirty_fini(s);
    tree_fini(&s->tree);
    acls_fini(&s->acls);
    asker_fini(s->asker);
    free(s->asker);
    sessions_fini(&s->sessions);
    free(s->journal.undos);
    free(s->mortals.nodes);
    zk_buf_fini(&s->path);
    zk_buf_fini(&s->list);
    zk_buf_fini(&s->quotas.dir);
    free(s->quotas.stale);
    free(s);
}

/* A node of a new ensemble: it was always there, so its parent does not count it as a create. */
static void plant(struct state *s, const char *path, int32_t perms, int32_t aversion)
{
    struct zk_slice where = zk_slice_str(path);
    uint32_t handle = tree_make(&s->tree, where, zk_slice("", 0), 0);
    struct node *n = state_node(s, handle);
    n->parent = where.len == 1 ? 0 : tree_find(&s->tree, zk_path_parent(where));
    n->kind = NODE_PERSISTENT;
    n->aversion = aversion;
    s->list.len = 0;
    zk_acl_vector_world(&s->list, perms);
    n->acl = acls_intern(&s->acls, zk_buf_slice(&s->list));
    tree_link(&s->tree, handle);
    n->unstored = true;
    dirty_node(s, handle, 0);
    s->totals.digest += digest_node(s, n) + digest_data(n);
    s->totals.size_bytes += node_size_bytes(n);
    s->totals.node_count++;
}

struct state *state_new(void)
{
    struct state *s = state_bare();
    plant(s, "/", ZK_PERM_ALL, 0);
    plant(s, "/zookeeper", ZK_PERM_ALL, 0);
    plant(s, "/zookeeper/quota", ZK_PERM_ALL, 0);
    plant(s, "/zookeeper/config", ZK_PERM_READ, -1); /* Apache sets its ACL with version -1 */
    return s;
}

bool path_is_special(struct zk_slice path)
{
    static const char *const special[] = {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"};
    for (size_t i = 0; i < ZK_COUNT_OF(special); i++) {
        if (zk_slice_eq(path, zk_slice_str(special[i])))
            return true;
    }
    return false;
}

uint64_t node_size_bytes(const struct node *n)
{
    return 144 + (uint64_t)n->name_len + n->data_len + mortal_note_bytes(n->kind);
}

uint64_t state_zxid(const struct state *s)
{
    return s->zxid;
}

int64_t state_time_ms(const struct state *s)
{
    return s->time_ms;
}

void state_set_guests(struct state *s, state_guest_fn *fn, void *arg)
{
    s->guest = fn;
    s->guest_arg = arg;
}

void state_count_looks(struct state *s, uint64_t *looks)
{
    s->looks = looks;
}

uint64_t state_digest(const struct state *s)
{
    return s->totals.digest;
}

int32_t state_level(const struct state *s)
{
    return s->level;
}

uint64_t state_work(const struct state *s)
{
    return s->work + s->asker->work;
}

uint64_t state_size_bytes(const struct state *s)
{
    return s->totals.size_bytes + s->acls.size_bytes;
}

size_t state_node_count(const struct state *s)
{
    return s->totals.node_count;
}

size_t state_ephemeral_count(const struct state *s)
{
    return s->totals.ephemeral_count;
}

uint64_t state_data_bytes(const struct state *s)
{
    return s->totals.data_bytes;
}

/* --- sessions --- */

static void show_session(const struct session *session, struct state_session *ret_session)
{
    *ret_session = (struct state_session){
        .id = session->id,
        .generation = session->generation,
        .number = session->number,
        .timeout_ms = session->timeout_ms,
        .memory = session->memory,
        .server = session->server,
        .ephemeral_count = session->ephemeral_count,
    };
    memcpy(ret_session->password, session->password, ZK_PASSWORD_BYTES);
}

bool state_session_get(const struct state *s, uint64_t id, struct state_session *ret_session)
{
    const struct session *session = sessions_find_live(&s->sessions, id);
    if (session == NULL)
        return false;
    show_session(session, ret_session);
    return true;
}

bool state_session_next(const struct state *s, uint64_t after, struct state_session *ret_session)
{
    const struct session *session = sessions_after(&s->sessions, after);
    while (session != NULL && session->ended_zxid != 0)
        session = sessions_after(&s->sessions, session->id);
    if (session == NULL)
        return false;
    show_session(session, ret_session);
    return true;
}

size_t state_session_count(const struct state *s)
{
    return s->sessions.live_count;
}

static bool show_result(const struct session *session, uint32_t i, struct state_result *ret_result)
{
    if (i >= session->result_count)
        return false;
    const struct result *result = session_result(session, i);
    *ret_result = (struct state_result){
        .xid = session_result_xid(session, i),
        .zxid = result->zxid,
        .err = result->err,
        .whole = result->whole,
        .record = zk_slice(result->bytes, result->len),
    };
    return true;
}

bool state_memory_get(const struct state *s, uint64_t id, int32_t xid, struct state_result *ret_result)
{
    const struct session *session = sessions_find(&s->sessions, id);
    return session != NULL && show_result(session, session_recall(session, xid), ret_result);
}

bool state_memory_at(const struct state *s, uint64_t id, uint32_t i, struct state_result *ret_result)
{
    const struct session *session = sessions_find(&s->sessions, id);
    return session != NULL && show_result(session, i, ret_result);
}

bool state_memory_newest(const struct state *s, uint64_t id, struct state_result *ret_result)
{
    const struct session *session = sessions_find(&s->sessions, id);
    return session != NULL && session->result_count > 0 &&
           show_result(session, session->result_count - 1, ret_result);
}

bool state_ended_get(const struct state *s, uint64_t id, struct zk_slice password, struct state_session *ret_session)
{
    const struct session *session = sessions_find(&s->sessions, id);
    if (session == NULL || session->ended_zxid == 0 || !session_is_password(session, password))
        return false;
    show_session(session, ret_session);
    return true;
}

uint64_t state_memory_oldest(const struct state *s, int64_t *ret_time_ms)
{
    const struct session *session = sessions_oldest_ended(&s->sessions);
    if (session == NULL)
        return 0;
    *ret_time_ms = session->ended_time_ms;
    return session->ended_zxid;
}
