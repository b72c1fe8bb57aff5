#include "server/state/state.h"
#include "tests/sim/check.h"
#include "tests/sim/person.h"
#include <inttypes.h>
#include <stdio.h>

static bool is_level(const struct world *w, const struct host *h, char *why, size_t size)
{
    struct replica_report report;
    if (!h->replica || h->state != HOST_UP) {
        snprintf(why, size, "server %" PRIu64 " is not up", h->id);
        return false;
    }
    replica_report_get(h->replica, &report);
    if (report.phase != ZAB_LEADING && report.phase != ZAB_FOLLOWING) {
        snprintf(why, size, "server %" PRIu64 " neither leads nor follows%s%s", h->id,
                 *report.waiting_for ? ": " : "", report.waiting_for);
        return false;
    }
    if (zab_is_stranger(replica_zab(h->replica))) {
        snprintf(why, size, "server %" PRIu64 " is a stranger still", h->id);
        return false;
    }
    if (h->is_astray) {
        snprintf(why, size, "server %" PRIu64 "'s state is astray still", h->id);
        return false;
    }
    if (report.last_zxid != ledger_last(w->ledger)) {
        snprintf(why, size, "server %" PRIu64 " is at %" PRIx64 ", the history at %" PRIx64, h->id, report.last_zxid,
                 ledger_last(w->ledger));
        return false;
    }
    return true;
}

bool check_answered(struct world *w, char *why, size_t size)
{
    for (size_t i = 0; i < w->person_count; i++)
        if (!person_is_idle(w->persons[i])) {
            snprintf(why, size, "client %zu waits for answers", i);
            return false;
        }
    return true;
}

bool check_converged(struct world *w, char *why, size_t size)
{
    size_t leaders = 0;
    for (size_t i = 0; i < w->host_count; i++) {
        if (!is_level(w, w->hosts[i], why, size))
            return false;
        leaders += w->hosts[i]->seen_phase == ZAB_LEADING;
    }
    if (leaders != 1) {
        snprintf(why, size, "%zu servers lead", leaders);
        return false;
    }
    return check_answered(w, why, size);
}

struct overdue {
    int64_t time_ms;
    int64_t never_used_ms;
    const struct model_node *node;
};

static void find_overdue(void *arg, const struct model_node *node, const struct model_version *version)
{
    struct overdue *o = arg;
    if (model_has_ended(version, o->time_ms, o->never_used_ms))
        o->node = node;
}

/* A container or TTL node that had ended when the last entry was made goes at the leader's next look. */
static bool all_ended_are_gone(const struct world *w, char *why, size_t size)
{
    const struct ledger_entry *last = ledger_at(w->ledger, UINT64_MAX);
    struct overdue o = {last ? last->time_ms : 0, w->swarm.container_never_used_ms, NULL};
    model_each(ledger_model(w->ledger), UINT64_MAX, find_overdue, &o);
    if (o.node)
        snprintf(why, size, "%.*s has ended and stands", (int)model_path(o.node).len,
                 (const char *)model_path(o.node).ptr);
    return !o.node;
}

bool check_quiet(struct world *w, char *why, size_t size)
{
    if (!check_converged(w, why, size))
        return false;
    size_t live = model_session_count(ledger_model(w->ledger));
    if (live > 0) {
        snprintf(why, size, "%zu sessions live on", live);
        return false;
    }
    for (size_t i = 0; i < w->host_count; i++) {
        struct replica_report report;
        replica_report_get(w->hosts[i]->replica, &report);
        size_t sessions = report.sessions + report.local_sessions;
        if (report.connections || report.watches || sessions || report.ephemerals || report.outstanding) {
            snprintf(why, size,
                     "server %zu has %zu connections, %zu watches, %zu sessions, %zu ephemerals, %zu requests", i + 1,
                     report.connections, report.watches, sessions, report.ephemerals, report.outstanding);
            return false;
        }
    }
    return all_ended_are_gone(w, why, size);
}

void check_states(struct world *w)
{
    ledger_check(w->ledger);
    for (size_t i = 0; i < w->host_count; i++) {
        struct host *h = w->hosts[i];
        if (!h->replica)
            continue;
        const char *why = state_check(replica_state(h->replica));
        if (!why)
            why = replica_check(h->replica);
        if (why)
            world_fail(w, "check", "server %" PRIu64 ": %s", h->id, why);
    }
}
