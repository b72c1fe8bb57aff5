#include "tests/sim/locals.h"
#include "tests/sim/host.h"
#include <inttypes.h>
#include <stdio.h>

struct local {
    uint64_t session;
    uint64_t server;
    uint64_t start; /* of that server's process */
    uint32_t node;  /* the client's */
    bool is_over;
    bool is_passing; /* of a time without a quorum */
    int32_t timeout_ms;
    uint64_t heard_us;
    uint8_t password[ZK_PASSWORD_BYTES];
};

static struct {
    size_t count, cap;
    struct local *items;
} all;

void locals_end_seed(void)
{
    free(all.items);
    all.items = NULL;
    all.count = all.cap = 0;
}

static struct local *find(uint64_t session)
{
    for (size_t i = all.count; i > 0; i--)
        if (all.items[i - 1].session == session)
            return &all.items[i - 1];
    return NULL;
}

bool locals_know(uint64_t session)
{
    return find(session) != NULL;
}

static struct local *add(struct world *w, const struct local_told *told, const struct zk_connect_response *r)
{
    if (all.count == all.cap) {
        all.cap = all.cap ? 2 * all.cap : 16;
        all.items = zk_realloc(all.items, all.cap * sizeof(*all.items));
    }
    struct local *l = &all.items[all.count++];
    *l = (struct local){.session = (uint64_t)r->session_id,
                        .server = told->server,
                        .start = w->hosts[told->server - 1]->start,
                        .node = told->from_node,
                        .is_passing = r->read_only};
    memcpy(l->password, r->password.ptr, ZK_PASSWORD_BYTES);
    char address[32];
    snprintf(address, sizeof(address), "10.0.0.%" PRIu32, told->from_node);
    ledger_guest(w->ledger, l->session, address);
    return l;
}

static void check_given_new(struct world *w, const struct local_told *told, const struct zk_connect_response *r)
{
    uint64_t id = (uint64_t)r->session_id;
    bool may = r->read_only ? w->swarm.read_only_servers >> told->server & 1 : w->swarm.local_servers >> told->server & 1;
    bool is_its = session_began_local(id) && (id >> SESSION_LOCAL_SERVER_SHIFT & 0xff) == told->server;
    if (!is_its || session_is_passing(id) != r->read_only || find(id) || !may)
        world_fail(w, "I20", "server %" PRIu64 " gives session %" PRIx64 " for its own", told->server, id);
    if (r->password.len != ZK_PASSWORD_BYTES)
        world_fail(w, "I20", "session %" PRIx64 " has no password", id);
}

static void check_given_back(struct world *w, const struct local *l, const struct local_told *told,
                             const struct zk_connect_response *r)
{
    uint64_t id = (uint64_t)r->session_id;
    bool is_there = l && !l->is_over && l->server == told->server && l->start == w->hosts[l->server - 1]->start;
    if (!is_there || l->node != told->from_node || id != told->claimed ||
        memcmp(told->password, l->password, ZK_PASSWORD_BYTES) != 0 ||
        !zk_slice_eq(r->password, zk_slice(l->password, ZK_PASSWORD_BYTES)))
        world_fail(w, "I20", "server %" PRIu64 " gives session %" PRIx64 " to a client that claims %" PRIx64, told->server,
                   id, told->claimed);
    world_count(w, MARK_LOCAL_BACK);
}

void locals_given(struct world *w, const struct local_told *told, const struct zk_connect_response *r)
{
    struct local *l = find((uint64_t)r->session_id);
    if (r->read_only && !told->asked_read_only)
        world_fail(w, "ro", "server %" PRIu64 " serves a client read-only that did not ask for it", told->server);
    if (told->claimed == 0)
        check_given_new(w, told, r);
    else
        check_given_back(w, l, told, r);
    if (!l)
        l = add(w, told, r);
    l->timeout_ms = r->timeout_ms;
    l->heard_us = w->now_us;
    if (r->read_only)
        world_count(w, MARK_READ_ONLY);
}

static bool is_heard_of(const struct world *w, const struct local *l)
{
    uint64_t timeout_us = (uint64_t)l->timeout_ms * 1000;
    uint64_t slack_us = timeout_us * w->swarm.drift_ppm / 1000000 + w->swarm.turn_us + 2000; /* a fast clock, a turn */
    return w->now_us - l->heard_us + slack_us < timeout_us;
}

void locals_refused(struct world *w, const struct local_told *told)
{
    const struct local *l = find(told->claimed);
    bool knows_password = l && memcmp(told->password, l->password, ZK_PASSWORD_BYTES) == 0;
    if (!knows_password || l->is_over || l->is_passing || l->server != told->server ||
        l->start != w->hosts[l->server - 1]->start || !is_heard_of(w, l))
        return;
    world_fail(w, "I18", "session %" PRIx64 " is told that it has expired, and it is server %" PRIu64 "'s own",
               told->claimed, told->server);
}

void locals_heard(struct world *w, uint64_t session, uint64_t server)
{
    struct local *l = find(session);
    if (l && l->server == server)
        l->heard_us = w->now_us;
}

void locals_closed(struct world *w, uint64_t session)
{
    struct local *l = find(session);
    if (!l)
        world_fail(w, "I15", "session %" PRIx64 " is told that it is closed, and nobody knows it", session);
    l->is_over = true;
}

void locals_verdict(struct world *w, uint64_t server, struct zk_slice line)
{
    char text[256];
    uint64_t session;
    snprintf(text, sizeof(text), "%.*s", (int)zk_min_u64(line.len, 255), (const char *)line.ptr);
    if (sscanf(text, "session 0x%" SCNx64 " expires", &session) != 1 || !strstr(text, "this server's own"))
        return;
    struct local *l = find(session);
    if (!l)
        return; /* its client had gone before it was told */
    if (l->server != server)
        world_fail(w, "I18", "server %" PRIu64 " gives up session %" PRIx64 ", which is not its own", server, session);
    if (is_heard_of(w, l))
        world_fail(w, "I18", "session %" PRIx64 " is given up, its server heard of it %" PRIu64 " ms ago", session,
                   (w->now_us - l->heard_us) / 1000);
    l->is_over = true;
    world_count(w, MARK_LOCAL_EXPIRED);
}

void locals_entry(struct world *w, const struct ledger_entry *e)
{
    struct command_open o;
    struct local *l = find(e->session);
    bool is_sound = command_open_decode(e->command.payload, &o);
    if (!l || l->is_over || l->is_passing || !is_sound || (uint64_t)o.server != l->server ||
        memcmp(o.password.ptr, l->password, ZK_PASSWORD_BYTES) != 0)
        world_fail(w, "I20", "%" PRIx64 ": session %" PRIx64 " is upgraded, which no server has for its own", e->entry.zxid,
                   e->session);
    l->is_over = true; /* the model's now */
    world_count(w, MARK_LOCAL_UPGRADED);
}
