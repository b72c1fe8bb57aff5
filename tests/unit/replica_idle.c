/* replica_idle.c: a replica that hears everything and says nothing, under the parts that a test of server/net plays
 * itself: its definitions take the place of these. */
#include "server/replica/replica.h"

#define IDLE __attribute__((weak))

IDLE void replica_time(struct replica *r, uint64_t now_ms, int64_t wall_ms)
{
}

IDLE void replica_client_open(struct replica *r, uint64_t conn, const char *address)
{
}

IDLE void replica_client_frame(struct replica *r, uint64_t conn, struct zk_slice frame)
{
}

IDLE void replica_client_behind(struct replica *r, uint64_t conn, bool is_behind)
{
}

IDLE void replica_client_closed(struct replica *r, uint64_t conn)
{
}

IDLE void replica_peer_up(struct replica *r, uint64_t peer, bool inbound)
{
}

IDLE void replica_peer_down(struct replica *r, uint64_t peer, bool inbound)
{
}

IDLE bool replica_peer_message(struct replica *r, uint64_t peer, bool inbound, struct zk_slice message)
{
    return true;
}

IDLE void replica_report_get(const struct replica *r, struct replica_report *ret_report)
{
    *ret_report = (struct replica_report){0};
}

IDLE bool replica_client_report_get(const struct replica *r, uint64_t conn, struct replica_client_report *ret_report)
{
    return false;
}

IDLE bool replica_session_next(const struct replica *r, uint64_t after, struct replica_session *ret_session)
{
    return false;
}

IDLE bool replica_session_ephemerals(const struct replica *r, uint64_t session, size_t bytes_max, struct zk_buf *out)
{
    return true;
}

IDLE bool replica_session_deadline(const struct replica *r, uint64_t session, uint64_t *ret_ms)
{
    return false;
}

IDLE uint32_t replica_frame_limit(const struct replica *r)
{
    return UINT32_MAX;
}

IDLE void replica_each_local_session(const struct replica *r, replica_local_fn *fn, void *arg)
{
}

IDLE void replica_each_watch(const struct replica *r, bool by_path, replica_watch_fn *fn, void *arg)
{
}

IDLE void replica_config_text(const struct replica *r, struct zk_buf *out)
{
}

IDLE uint64_t replica_digest_at(const struct replica *r, uint64_t zxid)
{
    return 0;
}

IDLE void replica_reset_figures(struct replica *r)
{
}

IDLE void replica_reset_client_figures(struct replica *r)
{
}
