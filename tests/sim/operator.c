#include "tests/sim/operator.h"
#include "server/replica/core.h"
#include "tests/sim/check.h"
#include "tests/sim/ledger.h"
#include <inttypes.h>

static bool leader_refuses_writes(const struct world *w)
{
    for (size_t i = 0; i < w->host_count; i++) {
        const struct host *h = w->hosts[i];
        if (h->replica && h->seen_phase == ZAB_LEADING && h->replica->writes_refused)
            return true;
    }
    return false;
}

/* With a majority that is level and right the ensemble has to help itself. */
static bool majority_is_right(const struct world *w)
{
    size_t right = 0;
    for (size_t i = 0; i < w->host_count; i++) {
        const struct host *h = w->hosts[i];
        right += h->replica && !h->is_observer && !check_is_astray(h) &&
                 state_zxid(replica_state(h->replica)) == ledger_last(w->ledger);
    }
    return right * 2 > w->swarm.servers;
}

static void take_away_store(struct host *h)
{
    SAY(h->world, "the operator takes away s%" PRIu64 "'s store", h->id);
    world_count(h->world, FAULT_OPERATOR);
    host_kill(h, HOST_KILLED);
    disk_wipe(h->disk);
    h->is_impaired = true;
    check_host_died(h);
}

void operator_look(struct world *w)
{
    if (!leader_refuses_writes(w) || majority_is_right(w))
        return;
    for (size_t i = 0; i < w->host_count; i++)
        if (w->hosts[i]->replica && check_is_astray(w->hosts[i]))
            take_away_store(w->hosts[i]);
}
