#include "common/jute.h"
#include "server/replica/peer_msg.h"
#include "tests/sim/check.h"
#include "tests/sim/locals.h"
#include "tests/sim/life.h"
#include <inttypes.h>
#include <stdio.h>

/* What is known of a session's life. */
struct touches {
    uint64_t session;
    uint64_t *heard_us; /* each time any server heard of it; its attachments too */
    size_t count;
    size_t cap;
    uint64_t server;                     /* that heard of it last */
    uint64_t told_us[WORLD_SERVERS_MAX]; /* when each server last heard of it, itself or from another */
    bool was_told;       /* a client knows of it: one that nobody was told of need not be waited for */
    uint64_t verdict_of; /* the server that last decided that it expires; 0: none has */
    uint64_t silence_us; /* how long nobody had heard of it then */
    uint64_t untold_us;  /* how long that server had not */
    bool is_unwanted;    /* a server has said that it was asked to end */
};

static struct {
    size_t count;
    size_t cap;
    struct touches *touches;
} all;

void checks_end(struct world *w)
{
    for (size_t i = 0; i < all.count; i++)
        free(all.touches[i].heard_us);
    free(all.touches);
    all.touches = NULL;
    all.count = all.cap = 0;
}

static struct touches *find(uint64_t session)
{
    for (size_t i = all.count; i > 0; i--)
        if (all.touches[i - 1].session == session)
            return &all.touches[i - 1];
    return NULL;
}

static struct touches *find_or_add(uint64_t session)
{
    struct touches *t = find(session);
    if (t)
        return t;
    if (all.count == all.cap) {
        all.cap = all.cap ? 2 * all.cap : 32;
        all.touches = zk_realloc(all.touches, all.cap * sizeof(*all.touches));
    }
    t = &all.touches[all.count++];
    *t = (struct touches){.session = session};
    return t;
}

static void note_touch(struct world *w, uint64_t session, uint64_t server)
{
    struct touches *t = find_or_add(session);
    if (t->count == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 32;
        t->heard_us = zk_realloc(t->heard_us, t->cap * sizeof(*t->heard_us));
    }
    t->heard_us[t->count++] = w->now_us;
    t->server = server;
    t->told_us[server - 1] = w->now_us;
}

/* Who has just woken hears first what came while it slept, and only then that it was given up meanwhile. */
static bool sleeps(const struct world *w, uint64_t server)
{
    const struct host *h = w->hosts[server - 1];
    return h->woke_us && w->now_us - h->woke_us < 2000ull * w->swarm.tick_ms;
}

/* What comes on the connection of an older generation is no sign of life: the session has moved away from there. */
void check_touched(struct world *w, uint64_t session, uint64_t server)
{
    const struct model_session *s = model_session(ledger_model(w->ledger), session);
    if (!s && !sleeps(w, server))
        locals_heard(w, session, server);
    if (s && (uint64_t)s->server == server && !sleeps(w, server))
        note_touch(w, session, server);
}

void check_reported(struct host *h, struct zk_slice message)
{
    struct peer_msg m;
    if (!peer_msg_is_ours(message) || !peer_msg_decode(message, &m))
        return;
    struct zk_jute ids = zk_jute(m.bytes);
    while (m.type == PEER_MSG_TOUCH && zk_jute_left(&ids) >= 8) {
        struct touches *t = find((uint64_t)zk_jute_long(&ids));
        if (t)
            t->told_us[h->node] = h->world->now_us;
    }
    peer_msg_fini(&m);
}

static void check_attached(struct world *w, uint64_t session, uint64_t server)
{
    note_touch(w, session, server);
    find(session)->verdict_of = 0; /* a verdict on an earlier generation is void */
}

void check_told(struct world *w, uint64_t session)
{
    struct touches *t = find(session);
    if (t)
        t->was_told = true;
}

/* --- verdicts --- */

static bool is_calm(const struct world *w)
{
    const struct swarm *s = &w->swarm;
    return !s->part_every_us && !s->clog_every_us && !s->half_open_every_us && !s->pause_every_us &&
           !s->crash_every_us && !s->stall_every_us && !s->reset_every_us && !s->flip_every_us;
}

/* How late a leader may hear of what another server hears: while nothing is wrong with the servers, when that reports
 * next and the way; otherwise also the time in which a server may not know yet that it has lost its leader.
 */
static uint64_t report_us(const struct world *w)
{
    const struct swarm *s = &w->swarm;
    uint64_t way_us = 16 * (s->delay_us + s->jitter_us) + 2 * s->turn_us + 2 * s->disk_max_ms * 1000ull;
    return way_us + (is_calm(w) ? s->tick_ms * 300 + 2000 : (3 + 2 * s->sync_limit) * s->tick_ms * 1000);
}

/* What was heard within a report's way may not be known to who decides: then the silence before that counts. And what
 * a server hears that has lost its leader reaches nobody: the leader's clock has started afresh when it lost that
 * server, so that the time-out may be short by what either takes to notice.
 */
static uint64_t silence_us(const struct world *w, const struct touches *t)
{
    size_t i = t->count - 1;
    while (i > 0 && w->now_us - t->heard_us[i] < report_us(w))
        i--;
    uint64_t last_us = w->now_us - t->heard_us[t->count - 1];
    return zk_max_u64(w->now_us - t->heard_us[i], is_calm(w) ? 0 : last_us + report_us(w));
}

/* A server's word for the log: is it a leader's verdict on a session? What is heard of it from now on comes too late.
 * Or does its client not want it any more? */
void check_verdict(struct host *h, struct zk_slice line)
{
    char text[64];
    uint64_t session;
    snprintf(text, sizeof(text), "%.*s", (int)(line.len < 63 ? line.len : 63), (const char *)line.ptr);
    struct touches *t = sscanf(text, "session 0x%" SCNx64, &session) == 1 ? find(session) : NULL;
    if (t && strstr(text, " ends: it was asked to"))
        t->is_unwanted = true;
    if (!t || !strstr(text, " expires"))
        return;
    t->verdict_of = h->id;
    t->silence_us = silence_us(h->world, t);
    t->untold_us = h->world->now_us - t->told_us[h->node];
}

static void check_expired(struct world *w, const struct ledger_entry *e)
{
    const struct model_session *s = model_session(ledger_model(w->ledger), e->session);
    const struct touches *t = find(e->session);
    if (!s || !t || !t->was_told || t->is_unwanted)
        return;
    if (t->verdict_of == 0)
        world_fail(w, "I18", "session %" PRIx64 " expires though no leader said so", e->session);
    /* The leader's clock may be fast, and shows the same for a whole turn. */
    uint64_t timeout_us = (uint64_t)s->timeout_ms * 1000;
    uint64_t least = timeout_us - timeout_us * w->swarm.drift_ppm / 1000000 - w->swarm.turn_us - 2000;
    if (t->untold_us < least)
        world_fail(w, "I18",
                   "session %" PRIx64 " expires, decided by server %" PRIu64 " %" PRIu64
                   " ms after it was told of it, its time-out is %" PRId32 " ms",
                   e->session, t->verdict_of, t->untold_us / 1000, s->timeout_ms);
    if (t->silence_us < least)
        world_fail(w, "I18",
                   "session %" PRIx64 " expires, decided %" PRIu64 " ms after server %" PRIu64
                   " heard of it, its time-out is %" PRId32 " ms",
                   e->session, t->silence_us / 1000, t->server, s->timeout_ms);
}

void check_session_entry(struct world *w, const struct ledger_entry *e)
{
    if (e->command.kind == COMMAND_EXPIRE && e->session_change == STATE_SESSION_ENDED)
        check_expired(w, e);
    if (e->session_change == STATE_SESSION_OPENED || e->session_change == STATE_SESSION_ATTACHED)
        check_attached(w, e->session, e->first_server);
    if (e->command.kind == COMMAND_UPGRADE && e->session_change == STATE_SESSION_OPENED)
        locals_entry(w, e);
    if (e->session_change == STATE_SESSION_ATTACHED)
        world_count(w, MARK_SESSION_MOVED);
    life_session_entry(w, e);
}
