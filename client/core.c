#include "client/core_private.h"
#include "common/path.h"

enum { TIMEOUT_DEFAULT_MS = 10000, CLOSE_GRACE_DEFAULT_MS = 3000, ATTEMPT_MIN_MS = 200, FX_SLACK = 64 };

static const uint8_t close_frame[] = {0, 0, 0, 8, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xf5}; /* xid to come, opcode -11 */

/* --- effects --- */

static bool fx_reserve(struct zkc *c, size_t more)
{
    if (c->fx_cap - c->fx_count >= more)
        return true;
    size_t cap = c->fx_cap ? c->fx_cap : FX_SLACK;
    while (cap - c->fx_count < more)
        cap *= 2;
    struct zkc_fx *fx = malloc(cap * sizeof *fx);
    if (fx == NULL)
        return false;
    for (size_t i = 0; i < c->fx_count; i++)
        fx[i] = c->fx[(c->fx_head + i) & (c->fx_cap - 1)];
    free(c->fx);
    c->fx = fx;
    c->fx_cap = cap;
    c->fx_head = 0;
    return true;
}

/* Room for `more` effects beside all that may yet be owed: a completion of each request, an end of each watch, and
 * some for dialling and states. Who submits or takes a notification asks first, so nothing owed is ever lost. */
bool zkc_fx_room(struct zkc *c, size_t more)
{
    return fx_reserve(c, more + c->sent.count + c->waiting.count + c->auth_count + c->watches.count + FX_SLACK);
}

struct zkc_fx *zkc_fx_push(struct zkc *c, enum zkc_effect_type type)
{
    struct zkc_fx *fx = &c->fx_lost;
    if (fx_reserve(c, 1))
        fx = &c->fx[(c->fx_head + c->fx_count++) & (c->fx_cap - 1)];
    memset(fx, 0, sizeof *fx);
    fx->type = type;
    fx->conn = c->conn;
    return fx;
}

/* --- states --- */

static bool is_final(const struct zkc *c)
{
    return c->state == ZKC_STATE_EXPIRED || c->state == ZKC_STATE_AUTH_FAILED || c->state == ZKC_STATE_CLOSED;
}

static void enter_state(struct zkc *c, enum zkc_state state, bool resumed)
{
    if (c->state == state)
        return;
    c->state = state;
    struct zkc_fx *fx = zkc_fx_push(c, ZKC_EFFECT_STATE);
    fx->op = (int32_t)state;
    fx->err = resumed;
}

static void fail_queue(struct zkc *c, struct zkc_queue *q, int err)
{
    struct zkc_pending *p;
    while ((p = zkc_queue_pop(q)) != NULL)
        zkc_pending_complete(c, p, err);
}

static void end_watches(struct zkc *c)
{
    struct zkc_watch *w;
    while ((w = zkc_watches_take_any(&c->watches)) != NULL) {
        struct zkc_fx *fx = zkc_fx_push(c, ZKC_EFFECT_WATCH);
        fx->op = ZKC_EVENT_WATCH_ENDED;
        fx->watch_tag = w->tag;
        fx->watch_ended = true;
        fx->bytes = zk_slice(w->at->text, w->at->len);
        w->next = c->ended;
        c->ended = w;
    }
}

static void void_connection(struct zkc *c)
{
    c->phase = ZKC_PHASE_IDLE;
    zk_buf_reset(&c->out);
    c->in_used = c->in.len;
}

/* The end of the session for this core. What was sent may have happened unless the server said that it did not. */
void zkc_finish(struct zkc *c, enum zkc_state state, int err)
{
    if (is_final(c))
        return;
    if (c->phase != ZKC_PHASE_IDLE)
        zkc_fx_push(c, ZKC_EFFECT_CLOSE);
    void_connection(c);
    fail_queue(c, &c->sent, err == ZK_ERR_CLOSING ? ZK_ERR_CONNECTION_LOSS : err);
    fail_queue(c, &c->waiting, err);
    for (size_t i = 0; i < c->auth_count; i++) {
        if (!c->auths[i].waiting)
            continue;
        c->auths[i].waiting = false;
        struct zkc_fx *fx = zkc_fx_push(c, ZKC_EFFECT_DONE);
        fx->op = ZK_OP_AUTH;
        fx->err = err;
        fx->tag = c->auths[i].tag;
    }
    end_watches(c);
    enter_state(c, state, false);
}

/* --- connections --- */

static uint64_t attempt_ms(const struct zkc *c)
{
    return zk_max_u64((uint64_t)c->timeout_ms / c->config.server_count, ATTEMPT_MIN_MS);
}

static void dial(struct zkc *c)
{
    c->conn++;
    c->phase = ZKC_PHASE_DIALING;
    c->attempt_deadline_ms = c->now_ms + attempt_ms(c);
    c->round_left--;
    zkc_fx_push(c, ZKC_EFFECT_DIAL)->op = (int32_t)c->order[c->turn];
    c->turn = (c->turn + 1) % c->config.server_count;
}

static void begin_rounds(struct zkc *c)
{
    c->round_left = c->config.server_count;
    c->backoff_ms = ZKC_BACKOFF_MIN_MS;
}

/* After each server has been tried once, wait: a little at first, so that a fail-over is short, then longer, with
 * jitter, so that a thousand clients do not come at once. */
static void plan_dial(struct zkc *c)
{
    c->dial_at_ms = c->now_ms;
    if (c->round_left > 0)
        return;
    c->round_left = c->config.server_count;
    c->dial_at_ms += zk_rng_between(&c->config.rng, c->backoff_ms / 2, c->backoff_ms);
    c->backoff_ms = c->backoff_ms * 2 < ZKC_BACKOFF_MAX_MS ? c->backoff_ms * 2 : ZKC_BACKOFF_MAX_MS;
}

/* Without a memory what was sent is lost to us, but for the closing of the session, which may be asked for twice. */
static void lose_sent(struct zkc *c)
{
    struct zkc_queue sent = c->sent;
    c->sent = (struct zkc_queue){NULL, NULL, 0};
    struct zkc_pending *p;
    while ((p = zkc_queue_pop(&sent)) != NULL) {
        if (p->op == ZK_OP_CLOSE_SESSION)
            zkc_queue_push(&c->waiting, p);
        else
            zkc_pending_complete(c, p, ZK_ERR_CONNECTION_LOSS);
    }
}

static void count_barren(struct zkc *c)
{
    if (c->answered || c->sent.count == 0) {
        c->barren = 0;
        return;
    }
    if (++c->barren < ZKC_RESENDS_MAX || c->sent.first->op == ZK_OP_CLOSE_SESSION)
        return;
    c->barren = 0;
    zkc_pending_complete(c, zkc_queue_pop(&c->sent), ZK_ERR_CONNECTION_LOSS);
}

/* Nobody but the server that gave it knows the session, and nothing hangs on it: another takes its place, as in Apache's
 * clients. Not if it was there before: Apache's servers without a quorum let one in that they know, and it goes on
 * elsewhere. True: it was being closed, and so it is. */
static bool leave_read_only(struct zkc *c)
{
    c->is_read_only = false;
    if (c->resuming)
        return false;
    c->session_id = 0;
    if (c->closing)
        zkc_finish(c, ZKC_STATE_CLOSED, ZK_ERR_CLOSING);
    return c->closing;
}

/* The transport is gone: what it carried is void, and the next server's turn comes. */
static void connection_lost(struct zkc *c)
{
    bool was_ready = c->phase == ZKC_PHASE_READY;
    void_connection(c);
    if (was_ready) {
        if (c->now_ms - c->ready_since_ms >= ZKC_STEADY_MS)
            begin_rounds(c);
        if (c->memory > 0)
            count_barren(c);
        else
            lose_sent(c);
        enter_state(c, ZKC_STATE_CONNECTING, false);
    }
    if (c->is_read_only && leave_read_only(c))
        return;
    plan_dial(c);
}

void zkc_drop_connection(struct zkc *c)
{
    if (c->phase == ZKC_PHASE_IDLE)
        return;
    zkc_fx_push(c, ZKC_EFFECT_CLOSE);
    connection_lost(c);
}

static void send_connect(struct zkc *c)
{
    c->phase = ZKC_PHASE_HANDSHAKE;
    c->received_ms = c->sent_ms = c->now_ms;
    c->resuming = c->session_id != 0;
    c->asked_memory = !c->config.no_memory && (!c->resuming || c->memory > 0);
    struct zk_connect_request r = {
        .protocol_version = c->asked_memory ? ZK_PROTOCOL_MEMORY : ZK_PROTOCOL_APACHE,
        .last_zxid_seen = c->last_zxid,
        .timeout_ms = c->resuming ? c->timeout_ms : c->config.session_timeout_ms,
        .session_id = c->session_id,
        .password = zk_slice(c->password, sizeof c->password),
        .has_read_only = true,
        .read_only = c->config.read_only,
    };
    size_t start = zk_jute_begin_frame(&c->out);
    zk_connect_request_encode(&c->out, &r);
    zk_jute_end_frame(&c->out, start);
}

/* A session that ended before its owner closed it is expired; one being closed has got what it wanted. */
static void session_gone(struct zkc *c, const struct zk_connect_response *r)
{
    bool is_known = r->protocol_version == ZK_PROTOCOL_MEMORY;
    if (!zkc_settle_sent(c, is_known, r->past)) {
        zkc_drop_connection(c);
        return;
    }
    zkc_finish(c, c->closing ? ZKC_STATE_CLOSED : ZKC_STATE_EXPIRED, ZK_ERR_SESSION_EXPIRED);
}

static void take_connect_response(struct zkc *c, struct zk_slice frame)
{
    struct zk_jute in = zk_jute(frame);
    struct zk_connect_response r = zk_connect_response_decode(&in);
    bool refused = r.timeout_ms <= 0 || r.session_id == 0;
    if (!in.bad && refused && c->resuming) {
        session_gone(c, &r);
        return;
    }
    if (in.bad || refused || r.password.len != ZK_PASSWORD_BYTES || (c->resuming && r.session_id != c->session_id)) {
        zkc_drop_connection(c);
        return;
    }
    c->session_id = r.session_id;
    c->timeout_ms = r.timeout_ms;
    memcpy(c->password, r.password.ptr, ZK_PASSWORD_BYTES);
    c->is_read_only = r.read_only;
    c->memory = c->asked_memory && r.memory > 0 ? r.memory : 0;
    if (c->memory == 0)
        lose_sent(c);
    c->phase = ZKC_PHASE_READY;
    c->heard_ms = c->sent_ms;
    c->pings_left = 0;
    c->ready_since_ms = c->now_ms;
    c->answered = false;
    enter_state(c, ZKC_STATE_CONNECTED, c->resuming);
    zkc_wire_ready(c);
    zkc_resend(c);
}

/* --- bytes --- */

static void free_ended(struct zkc *c)
{
    while (c->ended != NULL) {
        struct zkc_watch *w = c->ended;
        c->ended = w->next;
        zkc_watch_drop(&c->watches, w);
    }
}

/* Length of the whole frame at the front, 0 if it is not there yet; a length out of bounds drops the connection. */
static size_t frame_length(struct zkc *c)
{
    if (c->in.len - c->in_used < 4)
        return 0;
    struct zk_jute in = zk_jute(zk_slice(c->in.ptr + c->in_used, 4));
    int32_t len = zk_jute_int(&in);
    if (len < 0 || len > ZKC_FRAME_BYTES_MAX) {
        zkc_drop_connection(c);
        return 0;
    }
    return c->in.len - c->in_used >= (size_t)len + 4 ? (size_t)len + 4 : 0;
}

static void take_bytes(struct zkc *c, struct zk_slice bytes)
{
    free_ended(c);
    zk_buf_drop_front(&c->in, c->in_used);
    c->in_used = 0;
    zk_buf_append_slice(&c->in, bytes);
    c->received_ms = c->now_ms;
    if (c->in.failed) {
        zkc_drop_connection(c);
        zk_buf_reset(&c->in);
        c->in_used = 0;
        return;
    }
    size_t len;
    if (c->phase == ZKC_PHASE_HANDSHAKE && (len = frame_length(c)) > 0) {
        struct zk_slice frame = zk_slice(c->in.ptr + c->in_used + 4, len - 4);
        c->in_used += len;
        take_connect_response(c, frame);
    }
    while (c->phase == ZKC_PHASE_READY && (len = frame_length(c)) > 0) {
        struct zk_slice frame = zk_slice(c->in.ptr + c->in_used + 4, len - 4);
        c->in_used += len;
        zkc_wire_frame(c, frame);
    }
}

/* --- time --- */

static uint64_t read_limit_ms(const struct zkc *c)
{
    return (uint64_t)c->timeout_ms * 2 / 3;
}

static uint64_t ping_after_ms(const struct zkc *c)
{
    return (uint64_t)c->timeout_ms / 3;
}

static bool may_be_lost(const struct zkc *c)
{
    return c->state == ZKC_STATE_CONNECTING && c->session_id != 0;
}

static void send_ping(struct zkc *c)
{
    size_t start = zk_jute_begin_frame(&c->out);
    zk_request_header_encode(&c->out, (struct zk_request_header){ZK_XID_PING, ZK_OP_PING});
    zk_jute_end_frame(&c->out, start);
    c->sent_ms = c->now_ms;
    c->ping_ms = c->now_ms;
    c->pings_left++;
}

static void time_connection(struct zkc *c)
{
    switch (c->phase) {
    case ZKC_PHASE_IDLE:
        break;
    case ZKC_PHASE_DIALING:
    case ZKC_PHASE_HANDSHAKE:
        if (c->now_ms >= c->attempt_deadline_ms)
            zkc_drop_connection(c);
        break;
    case ZKC_PHASE_READY:
        if (c->now_ms >= c->received_ms + read_limit_ms(c))
            zkc_drop_connection(c);
        else if (c->now_ms >= c->sent_ms + ping_after_ms(c))
            send_ping(c);
        break;
    }
    if (c->phase == ZKC_PHASE_IDLE && c->now_ms >= c->dial_at_ms)
        dial(c);
}

/* The time-out is one for all and the queues are in order of submission, so only their fronts need a look. */
static void time_requests(struct zkc *c)
{
    for (struct zkc_pending *p = c->sent.first; p != NULL && c->now_ms >= p->deadline_ms; p = p->next) {
        if (p->done || p->op == ZK_OP_CLOSE_SESSION)
            continue;
        p->done = true;
        struct zkc_fx *fx = zkc_fx_push(c, ZKC_EFFECT_DONE);
        fx->op = p->op;
        fx->err = ZK_ERR_OPERATION_TIMEOUT;
        fx->tag = p->tag;
    }
    while (c->waiting.first != NULL && c->now_ms >= c->waiting.first->deadline_ms)
        zkc_pending_complete(c, zkc_queue_pop(&c->waiting), ZK_ERR_OPERATION_TIMEOUT);
}

static void take_time(struct zkc *c)
{
    if (c->closing && c->now_ms >= c->close_deadline_ms) {
        zkc_finish(c, ZKC_STATE_CLOSED, ZK_ERR_CLOSING);
        return;
    }
    if (may_be_lost(c) && c->now_ms >= c->heard_ms + (uint64_t)c->timeout_ms)
        enter_state(c, ZKC_STATE_LOST, false);
    time_connection(c);
    if (c->config.request_timeout_ms > 0)
        time_requests(c);
}

static uint64_t next_request_deadline(const struct zkc *c)
{
    uint64_t deadline = c->waiting.first ? c->waiting.first->deadline_ms : UINT64_MAX;
    for (const struct zkc_pending *p = c->sent.first; p != NULL; p = p->next)
        if (!p->done)
            return zk_min_u64(deadline, p->deadline_ms);
    return deadline;
}

static uint64_t connection_deadline(const struct zkc *c)
{
    switch (c->phase) {
    case ZKC_PHASE_IDLE:
        return c->dial_at_ms;
    case ZKC_PHASE_READY:
        return zk_min_u64(c->received_ms + read_limit_ms(c), c->sent_ms + ping_after_ms(c));
    default:
        return c->attempt_deadline_ms;
    }
}

uint64_t zkc_deadline_ms(const struct zkc *c)
{
    if (is_final(c))
        return UINT64_MAX;
    uint64_t deadline = connection_deadline(c);
    if (c->closing)
        deadline = zk_min_u64(deadline, c->close_deadline_ms);
    if (may_be_lost(c))
        deadline = zk_min_u64(deadline, c->heard_ms + (uint64_t)c->timeout_ms);
    if (c->config.request_timeout_ms > 0)
        deadline = zk_min_u64(deadline, next_request_deadline(c));
    return deadline;
}

/* --- the entrance --- */

static void begin_close(struct zkc *c)
{
    if (c->closing)
        return;
    c->closing = true;
    c->close_deadline_ms = c->now_ms + c->config.close_grace_ms;
    if (c->session_id == 0) {
        zkc_finish(c, ZKC_STATE_CLOSED, ZK_ERR_CLOSING);
        return;
    }
    zkc_queue_push(&c->waiting, c->close_request);
    c->close_request = NULL;
}

void zkc_step(struct zkc *c, const struct zkc_event *event)
{
    c->now_ms = zk_max_u64(c->now_ms, event->now_ms);
    if (is_final(c))
        return;
    if (c->conn == 0)
        c->heard_ms = c->now_ms;
    bool current = c->phase != ZKC_PHASE_IDLE && event->conn == c->conn;
    switch (event->type) {
    case ZKC_EVENT_TICK:
        break;
    case ZKC_EVENT_CONNECTED:
        if (current && c->phase == ZKC_PHASE_DIALING)
            send_connect(c);
        break;
    case ZKC_EVENT_DATA:
        if (current && c->phase != ZKC_PHASE_DIALING)
            take_bytes(c, event->bytes);
        break;
    case ZKC_EVENT_DISCONNECTED:
        if (current)
            connection_lost(c);
        break;
    case ZKC_EVENT_CLOSE:
        begin_close(c);
        break;
    case ZKC_EVENT_DETACH:
        zkc_finish(c, ZKC_STATE_CLOSED, ZK_ERR_CLOSING);
        break;
    }
    if (!is_final(c))
        take_time(c);
    zkc_flush(c);
}

static void fill_effect(const struct zkc *c, const struct zkc_fx *fx, struct zkc_effect *ret)
{
    switch (fx->type) {
    case ZKC_EFFECT_DIAL:
        ret->server = (uint32_t)fx->op;
        break;
    case ZKC_EFFECT_STATE:
        ret->state = (enum zkc_state)fx->op;
        ret->resumed = fx->err != 0;
        break;
    case ZKC_EFFECT_WATCH:
        ret->event = fx->op;
        ret->path = zkc_strip_chroot(c, fx->bytes);
        ret->zxid = fx->zxid;
        ret->watch_ended = fx->watch_ended;
        break;
    case ZKC_EFFECT_DONE:
        ret->reply.op = fx->op;
        ret->reply.err = fx->err;
        ret->reply.zxid = fx->zxid;
        if (fx->err == ZK_ERR_OK && !zkc_reply_decode(c, fx->op, fx->bytes, &ret->reply))
            ret->reply = (struct zkc_reply){.op = fx->op, .err = ZK_ERR_MARSHALLING_ERROR, .zxid = fx->zxid};
        break;
    case ZKC_EFFECT_SEND:
    case ZKC_EFFECT_CLOSE:
        break;
    }
}

bool zkc_next_effect(struct zkc *c, struct zkc_effect *ret_effect)
{
    memset(ret_effect, 0, sizeof *ret_effect);
    ret_effect->conn = c->conn;
    if (c->fx_count > 0) {
        const struct zkc_fx *fx = &c->fx[c->fx_head];
        c->fx_head = (c->fx_head + 1) & (c->fx_cap - 1);
        c->fx_count--;
        ret_effect->type = fx->type;
        ret_effect->conn = fx->conn;
        ret_effect->tag = fx->tag;
        ret_effect->watch_tag = fx->watch_tag;
        fill_effect(c, fx, ret_effect);
        return true;
    }
    if (c->phase < ZKC_PHASE_HANDSHAKE || c->out.len == 0)
        return false;
    ret_effect->type = ZKC_EFFECT_SEND;
    ret_effect->bytes = zk_buf_slice(&c->out);
    /* The bytes stay where they are until the next append: the caller is done with them by then. */
    c->out.len = 0;
    return true;
}

/* --- life --- */

static void shuffle(struct zkc *c)
{
    uint32_t count = c->config.server_count;
    for (uint32_t i = 0; i < count; i++)
        c->order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = zk_rng_below(&c->config.rng, i);
        uint32_t kept = c->order[i - 1];
        c->order[i - 1] = c->order[other];
        c->order[other] = kept;
    }
}

static void apply_defaults(struct zkc_config *config)
{
    if (config->session_timeout_ms <= 0)
        config->session_timeout_ms = TIMEOUT_DEFAULT_MS;
    if (config->outstanding_max == 0)
        config->outstanding_max = ZKC_OUTSTANDING_DEFAULT;
    if (config->request_bytes_max == 0)
        config->request_bytes_max = ZKC_REQUEST_BYTES_DEFAULT;
    if (config->close_grace_ms == 0)
        config->close_grace_ms = CLOSE_GRACE_DEFAULT_MS;
}

static bool take_chroot(struct zkc *c, struct zk_slice chroot)
{
    while (chroot.len > 0 && chroot.ptr[chroot.len - 1] == '/')
        chroot.len--;
    if (chroot.len > 0 && zk_path_check(chroot, false) != NULL)
        return false;
    zk_buf_append_slice(&c->chroot, chroot);
    c->config.chroot = zk_buf_slice(&c->chroot);
    return !c->chroot.failed;
}

struct zkc *zkc_new(const struct zkc_config *config)
{
    if (config->server_count == 0 || config->server_count > ZKC_SERVERS_MAX)
        return NULL;
    struct zkc *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->config = *config;
    apply_defaults(&c->config);
    c->close_request = calloc(1, sizeof *c->close_request + sizeof close_frame);
    if (c->close_request == NULL || !take_chroot(c, config->chroot) || !zkc_fx_room(c, 0)) {
        zkc_free(c);
        return NULL;
    }
    c->close_request->op = ZK_OP_CLOSE_SESSION;
    c->close_request->deadline_ms = UINT64_MAX;
    c->close_request->len = sizeof close_frame;
    memcpy(c->close_request->frame, close_frame, sizeof close_frame);
    c->in.limit = ZKC_FRAME_BYTES_MAX * 2u;
    c->timeout_ms = c->config.session_timeout_ms;
    c->session_id = config->session_id;
    memcpy(c->password, config->password, sizeof c->password);
    c->next_xid = 1;
    begin_rounds(c);
    shuffle(c);
    return c;
}

void zkc_free(struct zkc *c)
{
    if (c == NULL)
        return;
    struct zkc_pending *p;
    while ((p = zkc_queue_pop(&c->sent)) != NULL || (p = zkc_queue_pop(&c->waiting)) != NULL)
        zkc_pending_free(c, p);
    free_ended(c);
    zkc_watches_fini(&c->watches);
    for (size_t i = 0; i < c->auth_count; i++)
        zk_buf_fini(&c->auths[i].bytes);
    free(c->close_request);
    zk_buf_fini(&c->chroot);
    zk_buf_fini(&c->in);
    zk_buf_fini(&c->out);
    zk_buf_fini(&c->scratch);
    free(c->fx);
    free(c);
}

/* --- looks --- */

enum zkc_state zkc_state(const struct zkc *c)
{
    return c->state;
}

bool zkc_is_read_only(const struct zkc *c)
{
    return c->state == ZKC_STATE_CONNECTED && c->is_read_only;
}

int64_t zkc_session_id(const struct zkc *c)
{
    return c->session_id;
}

const uint8_t *zkc_password(const struct zkc *c)
{
    return c->password;
}

int32_t zkc_session_timeout_ms(const struct zkc *c)
{
    return c->timeout_ms;
}

int32_t zkc_memory(const struct zkc *c)
{
    return c->memory;
}

size_t zkc_unfinished(const struct zkc *c)
{
    size_t count = c->waiting.count;
    for (const struct zkc_pending *p = c->sent.first; p != NULL; p = p->next)
        count += !p->done;
    for (size_t i = 0; i < c->auth_count; i++)
        count += c->auths[i].waiting;
    return count;
}

size_t zkc_outstanding(const struct zkc *c)
{
    return c->sent.count;
}

size_t zkc_watch_count(const struct zkc *c)
{
    size_t count = 0;
    for (int kind = 0; kind < ZKC_WATCH_KINDS; kind++)
        count += c->watches.kind_counts[kind];
    return count;
}

static void check_queue(const struct zkc_queue *q, bool sent)
{
    size_t count = 0;
    int32_t xid = 0;
    for (const struct zkc_pending *p = q->first; p != NULL; p = p->next) {
        ZK_ASSERT(!sent || p->xid > 0);
        ZK_ASSERT(!sent || xid == 0 || p->xid == (xid == INT32_MAX ? 1 : xid + 1));
        ZK_ASSERT(sent || !p->done);
        xid = p->xid;
        count++;
        ZK_ASSERT(p->next != NULL || q->last == p);
    }
    ZK_ASSERT(count == q->count);
}

void zkc_check(const struct zkc *c)
{
    check_queue(&c->sent, true);
    check_queue(&c->waiting, false);
    ZK_ASSERT(c->sent.count <= c->config.outstanding_max);
    ZK_ASSERT(c->memory == 0 || c->sent.count <= (size_t)c->memory);
    ZK_ASSERT(c->waiting.count + c->sent.count <= ZKC_QUEUE_COUNT_MAX + 1);
    ZK_ASSERT(c->queued_bytes <= ZKC_QUEUE_BYTES_MAX);
    ZK_ASSERT(c->watches.count <= ZKC_WATCHES_MAX);
    ZK_ASSERT(c->in_used <= c->in.len);
    ZK_ASSERT(is_final(c) ? c->sent.count + c->waiting.count == 0 : c->auths_answered <= c->auth_count);
    ZK_ASSERT((c->state == ZKC_STATE_CONNECTED) == (c->phase == ZKC_PHASE_READY));
}
