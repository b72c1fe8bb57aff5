/* multi: all or nothing. The whole record is decoded before anything is done, for a malformed one is refused as a
 * whole; then its operations are carried out one by one, each seeing what those before it did; the first that fails
 * takes all back. */
#include "server/state/effects.h"
#include "server/state/quota.h"
#include "server/state/write.h"

/* How many operations; -1 if the record is malformed or holds one that may not be in a multi. */
static int32_t count_ops(struct zk_slice payload)
{
    struct zk_jute in = zk_jute(payload);
    for (int32_t count = 0;; count++) {
        struct zk_multi_header h = zk_multi_header_decode(&in);
        if (in.bad)
            return -1;
        if (h.done)
            return count;
        write_skip(h.type, &in);
        if (in.bad)
            return -1;
    }
}

/* The result of a failed multi: 0 for those before the one that failed, RUNTIME_INCONSISTENCY for those behind it. */
static void put_failure(struct zk_buf *out, int32_t count, int32_t failed, int32_t err)
{
    for (int32_t i = 0; i < count; i++) {
        int32_t shown = i < failed ? 0 : i == failed ? err : ZK_ERR_RUNTIME_INCONSISTENCY;
        zk_multi_header_encode(out, (struct zk_multi_header){ZK_OP_ERROR, false, shown});
        zk_jute_put_int(out, shown);
    }
}

/* Carries out the operations up to the first that fails: how many succeeded; *ret_err is the failure's. */
static int32_t run_ops(struct call *call, struct zk_slice payload, int32_t count, struct zk_buf *out, int *ret_err)
{
    struct zk_jute in = zk_jute(payload);
    for (int32_t i = 0; i < count; i++) {
        struct zk_multi_header h = zk_multi_header_decode(&in);
        size_t start = out->len;
        zk_multi_header_encode(out, (struct zk_multi_header){h.type, false, 0});
        *ret_err = write_op(call, h.type, &in, out);
        if (*ret_err != 0)
            return i;
        zk_jute_set_int(out, start, call->result_op); /* the header's first field */
    }
    return count;
}

int multi_apply(struct call *call, struct zk_slice payload, struct zk_buf *out, int *ret_cause)
{
    int32_t count = count_ops(payload);
    if (count < 0)
        return ZK_ERR_MARSHALLING_ERROR;
    size_t start = out->len;
    *ret_cause = 0;
    call->in_multi = true;
    change_begin(call->s);
    int32_t succeeded = run_ops(call, payload, count, out, ret_cause);
    if (succeeded == count) {
        change_commit(call->s);
    } else {
        change_rollback(call->s);
        quota_forget(call->s);
        effects_drop_events(call->s, call->fx);
        out->len = start;
        if (*ret_cause == ZK_ERR_MARSHALLING_ERROR)
            return ZK_ERR_MARSHALLING_ERROR; /* an ACL with a null id: no part's failure, the request is no request */
        put_failure(out, count, succeeded, *ret_cause);
    }
    zk_multi_header_encode(out, ZK_MULTI_END);
    return 0;
}
