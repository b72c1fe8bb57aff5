/* figures.c: what there is to see for words that look closer than the report: watches, deadlines, digests; and counting
 * afresh. */
#include "server/replica/core.h"

struct looking {
    const struct replica *r;
    replica_watch_fn *fn;
    void *arg;
};

static void show_watch(void *arg, uint64_t conn, struct zk_slice path)
{
    const struct looking *l = arg;
    struct client *c;
    HASH_FIND(hh, l->r->clients, &conn, sizeof conn, c);
    l->fn(l->arg, conn, c != NULL ? c->session : 0, path);
}

void replica_each_watch(const struct replica *r, bool by_path, replica_watch_fn *fn, void *arg)
{
    struct looking l = {r, fn, arg};
    watches_each(r->watches, by_path, show_watch, &l);
}

bool replica_session_next(const struct replica *r, uint64_t after, struct replica_session *ret_session)
{
    struct state_session s;
    if (!state_session_next(r->state, after, &s))
        return false;
    *ret_session = (struct replica_session){s.id, s.timeout_ms, s.ephemeral_count};
    return true;
}

bool replica_session_ephemerals(const struct replica *r, uint64_t session, size_t bytes_max, struct zk_buf *out)
{
    return state_get_ephemerals(r->state, session, zk_slice("/", 1), bytes_max, out) == ZK_ERR_OK;
}

void replica_config_text(const struct replica *r, struct zk_buf *out)
{
    struct zk_buf record;
    zk_buf_init(&record);
    (void)state_get_data(r->state, 0, zk_slice_str("/zookeeper/config"), &record);
    struct zk_jute in = zk_jute(zk_buf_slice(&record));
    zk_buf_append_slice(out, zk_jute_buffer(&in));
    zk_buf_fini(&record);
}

bool replica_session_deadline(const struct replica *r, uint64_t session, uint64_t *ret_ms)
{
    struct tracked *t;
    HASH_FIND(hh, r->sessions, &session, sizeof session, t);
    if (t == NULL || !zab_phase_leads(r->phase))
        return false;
    *ret_ms = t->deadline_ms;
    return true;
}

void replica_each_local_session(const struct replica *r, replica_local_fn *fn, void *arg)
{
    for (const struct local *l = r->locals; l != NULL; l = l->hh.next)
        fn(arg, l->session, l->heard_ms + (uint64_t)l->timeout_ms);
}

uint64_t replica_digest_at(const struct replica *r, uint64_t zxid)
{
    size_t at = (size_t)(zxid % DIGEST_RING);
    return zxid != 0 && r->digests[at].zxid == zxid ? r->digests[at].digest : 0;
}

void replica_reset_figures(struct replica *r)
{
    struct replica_report *f = &r->figures;
    f->packets_received = f->packets_sent = 0;
    f->latency_min_us = f->latency_max_us = f->latency_sum_us = f->latency_count = 0;
    f->proposal_last_bytes = f->proposal_min_bytes = f->proposal_max_bytes = -1;
}

void replica_reset_client_figures(struct replica *r)
{
    for (struct client *c = r->clients; c != NULL; c = c->hh.next) {
        struct replica_client_report *seen = &c->seen;
        seen->received = seen->sent = seen->last_response_ms = 0;
        seen->last_zxid = UINT64_MAX; /* as Apache shows "none" */
        seen->latency_last_us = seen->latency_min_us = seen->latency_max_us = 0;
        seen->latency_sum_us = seen->latency_count = 0;
        seen->has_op = false;
    }
}
