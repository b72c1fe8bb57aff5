#include "server/replica/storage.h"
#include "common/jute.h"

void storage_rows_put(struct zk_buf *out, struct zk_slice key, struct zk_slice value)
{
    zk_jute_put_buffer(out, key);
    zk_jute_put_buffer(out, value);
}

bool storage_rows_next(struct zk_slice *rows, struct zk_slice *ret_key, struct zk_slice *ret_value, bool *ret_bad)
{
    *ret_bad = false;
    if (rows->len == 0)
        return false;
    struct zk_jute in = zk_jute(*rows);
    struct zk_slice key = zk_jute_buffer(&in);
    struct zk_slice value = zk_jute_buffer(&in);
    if (in.bad || key.ptr == NULL) {
        *ret_bad = true;
        return false;
    }
    *rows = zk_jute_rest(&in);
    *ret_key = key;
    *ret_value = value;
    return true;
}
