#include "tests/sim/check.h"
#include "tests/sim/person.h"
#include <inttypes.h>
#include <stdio.h>

/* When each session was heard of last, by any server. */
struct touch {
    uint64_t session;
    uint64_t at_us;
    uint64_t server;
    uint64_t silence_us; /* how long it had been silent when a leader last decided that it expires; 0: none has */
    bool was_told;       /* a client knows of it: one that nobody was told of need not be waited for */
};

static struct {
    size_t count;
    size_t cap;
    struct touch *touches;
} all;

void checks_end(struct world *w)
{
    free(all.touches);
    all.touches = NULL;
    all.count = all.cap = 0;
}

static struct touch *find(uint64_t session)
{
    for (size_t i = all.count; i > 0; i--)
        if (all.touches[i - 1].session == session)
            return &all.touches[i - 1];
    return NULL;
}

static void note_touch(struct world *w, uint64_t session, uint64_t server)
{
    struct touch *t = find(session);
    if (!t) {
        if (all.count == all.cap) {
            all.cap = all.cap ? 2 * all.cap : 32;
            all.touches = zk_realloc(all.touches, all.cap * sizeof(*all.touches));
        }
        t = &all.touches[all.count++];
        *t = (struct touch){.session = session};
    }
    t->at_us = w->now_us;
    t->server = server;
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
    if (s && (uint64_t)s->server == server && !sleeps(w, server))
        note_touch(w, session, server);
}

static void check_attached(struct world *w, uint64_t session, uint64_t server)
{
    note_touch(w, session, server);
    find(session)->silence_us = 0; /* a verdict on an earlier generation is void */
}

void check_told(struct world *w, uint64_t session)
{
    struct touch *t = find(session);
    if (t)
        t->was_told = true;
}

/* What a session's clock may be wrong by: while nothing is wrong with the servers, the way from the one that hears
 * the client to the leader; otherwise also the time in which a server may not know yet that it has lost its leader.
 */
static uint64_t slack_us(const struct world *w)
{
    const struct swarm *s = &w->swarm;
    bool is_calm = !s->part_every_us && !s->clog_every_us && !s->half_open_every_us && !s->pause_every_us &&
                   !s->crash_every_us && !s->stall_every_us && !s->reset_every_us && !s->flip_every_us;
    uint64_t ticks = is_calm ? 2 : 3 + 2 * s->sync_limit;
    return ticks * s->tick_ms * 1000ull + 16 * (s->delay_us + s->jitter_us) + 2 * s->disk_max_ms * 1000ull;
}

/* A server's word for the log: is it a leader's verdict on a session? What is heard of it from now on comes too late.
 */
void check_verdict(struct world *w, struct zk_slice line)
{
    char text[64];
    uint64_t session;
    snprintf(text, sizeof(text), "%.*s", (int)(line.len < 63 ? line.len : 63), (const char *)line.ptr);
    struct touch *t = sscanf(text, "session 0x%" SCNx64 " expires", &session) == 1 ? find(session) : NULL;
    if (t)
        t->silence_us = w->now_us - t->at_us + 1;
}

static void check_expired(struct world *w, const struct ledger_entry *e)
{
    const struct model_session *s = model_session(ledger_model(w->ledger), e->session);
    const struct touch *t = find(e->session);
    if (!s || !t || !t->was_told)
        return;
    if (t->silence_us == 0)
        world_fail(w, "I18", "session %" PRIx64 " expires though no leader said so", e->session);
    uint64_t timeout_us = (uint64_t)s->timeout_ms * 1000;
    uint64_t least = timeout_us - timeout_us / 10;
    uint64_t slack = slack_us(w);
    if (least > slack && t->silence_us < least - slack)
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
    if (e->session_change == STATE_SESSION_ATTACHED)
        world_count(w, MARK_SESSION_MOVED);
    person_session_entry(w, e);
}
