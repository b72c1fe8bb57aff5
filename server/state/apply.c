#include "common/path.h"
#include "server/state/effects.h"
#include "server/state/order.h"
#include "server/state/quota.h"
#include "server/state/write.h"

/* --- the end of a session --- */

/* Apache's order is that of a Java hash set; ours must be the same on a replica that has just loaded a checkpoint, so
 * not that of their creation: it is that of the paths. */
static void remove_ephemerals(struct state *s, struct session *session, struct state_effects *fx)
{
    uint32_t count = session->ephemeral_count;
    uint32_t *doomed = order_leaves(&s->tree, session->ephemerals, count, &s->work);
    for (uint32_t i = 0; i < count; i++) {
        s->path.len = 0;
        tree_path(&s->tree, doomed[i], &s->path);
        change_begin(s);
        write_remove(s, doomed[i], zk_buf_slice(&s->path), fx);
        change_commit(s);
        effects_hand_out(s, fx);
    }
    free(doomed);
}

static void end_session(struct state *s, struct session *session, bool was_expired, struct state_effects *fx)
{
    remove_ephemerals(s, session, fx);
    effects_hand_out_all(s, fx); /* while it is known who it is: it may hear of this, too */
    change_session_end_life(s, session, was_expired);
    fx->session_change = STATE_SESSION_ENDED;
}

/* --- a session's own commands --- */

/* The live session that may issue this numbered command, its number now the last; NULL: fx says why not. */
static struct session *admit(struct state *s, const struct command *c, struct state_effects *fx)
{
    struct session *session = sessions_find_live(&s->sessions, c->session);
    fx->session = c->session;
    fx->generation = c->generation;
    if (session == NULL) {
        fx->err = ZK_ERR_SESSION_EXPIRED;
        return NULL;
    }
    fx->stale = c->generation != session->generation;
    fx->duplicate = !fx->stale && c->number <= session->number;
    fx->gap = !fx->stale && c->number > session->number + 1;
    if (fx->stale || fx->duplicate || fx->gap)
        return NULL;
    change_session_begin(s, session);
    session->number = c->number;
    return session;
}

/* A write that was sent again: answered as it was then. */
static bool answer_from_memory(const struct session *session, int32_t xid, struct state_effects *fx)
{
    uint32_t i = session_recall(session, xid);
    if (i == session->result_count)
        return false;
    const struct result *result = session_result(session, i);
    fx->zxid = result->zxid;
    fx->err = result->err;
    zk_buf_append(&fx->reply, result->bytes, result->len);
    return true;
}

/* Only a multi's record may be too large; without it, its error stands for it: a record in which it failed is told
 * with a reply that is not an error. */
static void remember(struct state *s, struct session *session, const struct command *c, int outcome,
                     const struct state_effects *fx)
{
    struct result result = {.zxid = fx->zxid, .err = fx->err, .len = (uint32_t)fx->reply.len, .whole = true};
    result.bytes = fx->reply.ptr;
    if (c->op == ZK_OP_MULTI && (fx->reply.len > STATE_MEMORY_RESULT_MAX ||
                                 session->result_bytes + fx->reply.len > STATE_MEMORY_SESSION_MAX)) {
        result.err = outcome;
        result.len = 0;
        result.whole = false;
    }
    change_session_remember(s, session, c->xid, &result);
}

/* Its outcome: the reply's error or, of a multi that failed, that of the operation that did. */
static int carry_out(struct state *s, struct session *session, const struct command *c, struct state_effects *fx)
{
    struct call call = {.s = s, .session = session, .fx = fx, .options = c->options};
    if (c->op == ZK_OP_MULTI) {
        int cause = 0;
        fx->err = multi_apply(&call, c->payload, &fx->reply, &cause);
        return fx->err != 0 ? fx->err : cause;
    }
    if (!write_knows(c->op) || write_is_check(c->op)) {
        fx->err = ZK_ERR_UNIMPLEMENTED;
        return fx->err;
    }
    struct zk_jute in = zk_jute(c->payload);
    change_begin(s);
    fx->err = write_op(&call, c->op, &in, &fx->reply);
    ZK_ASSERT(fx->err == 0 || s->journal.count == 0); /* S1: what failed has changed nothing */
    change_commit(s);
    return fx->err;
}

static void apply_request(struct state *s, const struct command *c, struct state_effects *fx)
{
    struct session *session = admit(s, c, fx);
    if (session == NULL)
        return;
    if (session->memory == 0) {
        carry_out(s, session, c, fx);
    } else if (!answer_from_memory(session, c->xid, fx)) {
        int outcome = carry_out(s, session, c, fx);
        remember(s, session, c, outcome, fx);
    }
    change_session_end(s, session);
}

static void apply_auth(struct state *s, const struct command *c, struct state_effects *fx)
{
    struct session *session = admit(s, c, fx);
    if (session == NULL)
        return;
    struct zk_jute in = zk_jute(c->payload);
    do {
        struct zk_slice scheme = zk_jute_string(&in);
        struct zk_slice id = zk_jute_string(&in);
        if (in.bad || scheme.ptr == NULL || id.ptr == NULL)
            fx->err = ZK_ERR_MARSHALLING_ERROR;
        else if (!session_add_identity(session, scheme, id))
            fx->err = ZK_ERR_AUTH_FAILED;
    } while (fx->err == 0 && zk_jute_left(&in) > 0);
    change_session_end(s, session);
}

static void apply_close(struct state *s, const struct command *c, struct state_effects *fx)
{
    struct session *session = admit(s, c, fx);
    if (session == NULL)
        return;
    change_session_end(s, session);
    end_session(s, session, false, fx);
}

/* --- commands about a session --- */

static void open_session(struct state *s, uint64_t id, const struct command *c, struct state_effects *fx)
{
    struct command_open o;
    if (!command_open_decode(c->payload, &o) || o.identities.len > STATE_IDENTITY_BYTES_MAX) {
        fx->err = ZK_ERR_MARSHALLING_ERROR;
        return;
    }
    struct session *session = change_session_open(s, id);
    session->generation = 1;
    session->origin = c->origin;
    session->timeout_ms = o.timeout_ms;
    session->memory = o.memory < 0 ? 0 : o.memory > STATE_MEMORY_K ? STATE_MEMORY_K : o.memory;
    session->server = o.server;
    memcpy(session->password, o.password.ptr, ZK_PASSWORD_BYTES);
    session_set_identities(session, o.identities);
    change_session_end(s, session);
    fx->session = session->id;
    fx->generation = session->generation;
    fx->session_change = STATE_SESSION_OPENED;
}

static void apply_open(struct state *s, const struct command *c, struct state_effects *fx)
{
    fx->origin = c->origin;
    open_session(s, s->zxid, c, fx);
}

/* A session that is here, or was not long ago, makes it a copy that was sent again: the session does not begin twice. */
static void apply_upgrade(struct state *s, const struct command *c, struct state_effects *fx)
{
    fx->origin = c->origin;
    fx->session = c->session;
    if (!session_began_local(c->session))
        fx->err = ZK_ERR_BAD_ARGUMENTS;
    else if (sessions_find(&s->sessions, c->session) != NULL)
        fx->duplicate = true;
    else
        open_session(s, c->session, c, fx);
}

/* Who does not go on with the memory numbers its requests by itself: a write of its own under a remembered xid would be
 * answered as another's, and never happen. So the memory ends here, for good: should the one whose it was come back, it
 * is told so and knows that nobody can say what became of its writes. */
static void apply_attach(struct state *s, const struct command *c, struct state_effects *fx)
{
    struct command_attach a;
    fx->origin = c->origin;
    fx->session = c->session;
    if (!command_attach_decode(c->payload, &a) || a.identities.len > STATE_IDENTITY_BYTES_MAX) {
        fx->err = ZK_ERR_MARSHALLING_ERROR;
        return;
    }
    struct session *session = sessions_find_live(&s->sessions, c->session);
    if (session == NULL || !session_is_password(session, a.password) || session->generation == UINT32_MAX) {
        fx->err = ZK_ERR_SESSION_EXPIRED;
        return;
    }
    if (c->origin != 0 && c->origin == session->origin) { /* a second copy, sent again to a new leader */
        fx->generation = session->generation;
        fx->duplicate = true;
        return;
    }
    change_session_begin(s, session);
    session->generation++;
    session->number = 0;
    session->origin = c->origin;
    session->timeout_ms = a.timeout_ms;
    session->server = a.server;
    session_set_identities(session, a.identities);
    if (!a.keeps_memory && !ZK_PLANTED(18))
        change_session_end_memory(s, session);
    change_session_end(s, session);
    fx->generation = session->generation;
    fx->session_change = STATE_SESSION_ATTACHED;
}

static void apply_expire(struct state *s, const struct command *c, struct state_effects *fx)
{
    struct session *session = sessions_find_live(&s->sessions, c->session);
    fx->session = c->session;
    fx->generation = c->generation;
    if (session != NULL && session->generation == c->generation)
        end_session(s, session, true, fx);
}

static void apply_forget(struct state *s, const struct command *c, struct state_effects *fx)
{
    struct zk_jute in = zk_jute(c->payload);
    uint64_t up_to = (uint64_t)zk_jute_long(&in);
    if (in.bad) {
        fx->err = ZK_ERR_MARSHALLING_ERROR;
        return;
    }
    struct session *oldest;
    while ((oldest = sessions_oldest_ended(&s->sessions)) != NULL && oldest->ended_zxid <= up_to)
        change_session_forget(s, oldest);
}

static void apply_level(struct state *s, const struct command *c, struct state_effects *fx)
{
    struct zk_jute in = zk_jute(c->payload);
    int32_t level = zk_jute_int(&in);
    if (in.bad)
        fx->err = ZK_ERR_MARSHALLING_ERROR;
    else if (level > s->level)
        s->level = level;
}

static void apply_reap(struct state *s, const struct command *c, struct state_effects *fx)
{
    struct command_reap reap;
    if (!command_reap_decode(c->payload, &reap)) {
        fx->err = ZK_ERR_MARSHALLING_ERROR;
        return;
    }
    uint32_t handle = tree_find(&s->tree, reap.path);
    const struct node *n = handle ? state_node(s, handle) : NULL;
    if (n == NULL || n->czxid != reap.czxid || !node_has_ended(n, s->time_ms, reap.never_used_ms))
        return; /* gone already, or in use again since the leader looked */
    change_begin(s);
    write_remove(s, handle, reap.path, fx);
    change_commit(s);
}

/* --- the ensemble's configuration --- */

static const char config_path[] = "/zookeeper/config";

/* Is what it shows these lines and then a version? */
bool state_config_is(const struct state *s, struct zk_slice lines)
{
    static const char version[] = "version=";
    struct zk_slice shown = node_data(state_node(s, tree_find(&s->tree, zk_slice_str(config_path))));
    if (shown.len < lines.len + strlen(version) || !zk_slice_eq(zk_slice(shown.ptr, lines.len), lines))
        return false;
    return zk_slice_eq(zk_slice(shown.ptr + lines.len, strlen(version)), zk_slice_str(version));
}

/* The version is the zxid that brought it, as Apache's is once an ensemble has met. */
static void apply_config(struct state *s, const struct command *c, struct state_effects *fx)
{
    struct zk_jute in = zk_jute(c->payload);
    struct zk_slice lines = zk_jute_string(&in);
    if (in.bad || lines.ptr == NULL) {
        fx->err = ZK_ERR_MARSHALLING_ERROR;
        return;
    }
    if (state_config_is(s, lines))
        return;
    s->list.len = 0; /* the text at hand */
    zk_buf_append_slice(&s->list, lines);
    zk_buf_printf(&s->list, "version=%llx", (unsigned long long)s->zxid);
    uint32_t handle = tree_find(&s->tree, zk_slice_str(config_path));
    change_begin(s);
    change_config(s, handle, zk_buf_slice(&s->list));
    effects_event(s, fx, ZK_EVENT_DATA_CHANGED, zk_slice_str(config_path), state_node(s, handle)->acl);
    change_commit(s);
}

/* --- the entrance --- */

static void apply_kind(struct state *s, const struct command *c, struct state_effects *fx)
{
    switch (c->kind) {
    case COMMAND_REQUEST:
        apply_request(s, c, fx);
        break;
    case COMMAND_OPEN:
        apply_open(s, c, fx);
        break;
    case COMMAND_ATTACH:
        apply_attach(s, c, fx);
        break;
    case COMMAND_AUTH:
        apply_auth(s, c, fx);
        break;
    case COMMAND_CLOSE:
        apply_close(s, c, fx);
        break;
    case COMMAND_EXPIRE:
        apply_expire(s, c, fx);
        break;
    case COMMAND_FORGET:
        apply_forget(s, c, fx);
        break;
    case COMMAND_LEVEL:
        apply_level(s, c, fx);
        break;
    case COMMAND_REAP:
        apply_reap(s, c, fx);
        break;
    case COMMAND_CONFIG:
        apply_config(s, c, fx);
        break;
    case COMMAND_UPGRADE:
        apply_upgrade(s, c, fx);
        break;
    default:
        fx->err = ZK_ERR_UNIMPLEMENTED;
    }
}

void state_apply(struct state *s, uint64_t zxid, const struct command *c, struct state_effects *fx)
{
    ZK_ASSERT(!s->loading);
    ZK_ASSERT(zxid > s->zxid);
    s->zxid = zxid;
    if (c->time_ms > s->time_ms)
        s->time_ms = c->time_ms;
    effects_reset(fx);
    s->round++;
    fx->zxid = zxid;
    fx->time_ms = s->time_ms;
    apply_kind(s, c, fx);
    change_begin(s);
    quota_settle(s);
    change_commit(s);
    effects_finish(fx);
}

void state_skip(struct state *s, uint64_t zxid)
{
    ZK_ASSERT(zxid > s->zxid);
    s->zxid = zxid;
}
