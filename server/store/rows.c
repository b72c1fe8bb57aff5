/* The store's own rows: jute's big-endian numbers behind one byte of format. A row of another format is told apart
 * from a bad one; a row that is longer than we know is refused, never half read. */
#include "common/jute.h"
#include "server/store/impl.h"

void store_key_set(struct store_key *key, uint64_t zxid)
{
    for (int i = 0; i < STORE_KEY_BYTES; i++)
        key->bytes[i] = (uint8_t)(zxid >> (56 - 8 * i));
}

uint64_t store_key_get(struct zk_slice key)
{
    uint64_t zxid = 0;
    for (size_t i = 0; key.len == STORE_KEY_BYTES && i < key.len; i++)
        zxid = zxid << 8 | key.ptr[i];
    return zxid;
}

static void put_u64(struct zk_buf *out, uint64_t value)
{
    zk_jute_put_long(out, (int64_t)value);
}

static uint64_t get_u64(struct zk_jute *in)
{
    return (uint64_t)zk_jute_long(in);
}

static enum row_read row_begin(struct zk_slice row, struct zk_jute *ret_in)
{
    *ret_in = zk_jute(row);
    uint8_t format = zk_jute_u8(ret_in);
    if (ret_in->bad || format == 0)
        return ROW_BAD;
    if (format != STORE_FORMAT)
        return format < STORE_FORMAT ? ROW_OLDER : ROW_NEWER;
    return ROW_GOOD;
}

static enum row_read row_end(const struct zk_jute *in)
{
    return in->bad || zk_jute_left(in) != 0 ? ROW_BAD : ROW_GOOD;
}

void format_encode(uint64_t server_id, struct zk_buf *out)
{
    zk_jute_put_u8(out, STORE_FORMAT);
    put_u64(out, server_id);
}

enum row_read format_decode(struct zk_slice row, uint64_t *ret_server_id)
{
    struct zk_jute in;
    enum row_read read = row_begin(row, &in);
    if (read != ROW_GOOD)
        return read;
    *ret_server_id = get_u64(&in);
    return row_end(&in);
}

void numbers_encode(const struct numbers *n, struct zk_buf *out)
{
    zk_jute_put_u8(out, STORE_FORMAT);
    put_u64(out, n->incarnation);
    put_u64(out, n->start_count);
    put_u64(out, n->promised);
    put_u64(out, n->commit);
    put_u64(out, n->base_zxid);
    put_u64(out, n->base_hash);
    put_u64(out, n->last_zxid);
    put_u64(out, n->last_hash);
    put_u64(out, n->live);
}

enum row_read numbers_decode(struct zk_slice row, struct numbers *ret_n)
{
    struct zk_jute in;
    enum row_read read = row_begin(row, &in);
    if (read != ROW_GOOD)
        return read;
    struct numbers n = {0};
    n.incarnation = get_u64(&in);
    n.start_count = get_u64(&in);
    n.promised = get_u64(&in);
    n.commit = get_u64(&in);
    n.base_zxid = get_u64(&in);
    n.base_hash = get_u64(&in);
    n.last_zxid = get_u64(&in);
    n.last_hash = get_u64(&in);
    n.live = get_u64(&in);
    *ret_n = n;
    return row_end(&in);
}

void checkpoint_encode(const struct checkpoint *c, struct zk_buf *out)
{
    zk_jute_put_u8(out, STORE_FORMAT);
    put_u64(out, c->zxid);
    put_u64(out, c->hash);
    put_u64(out, c->digest);
    zk_jute_put_buffer(out, c->members);
}

enum row_read checkpoint_decode(struct zk_slice row, struct checkpoint *ret_c)
{
    struct zk_jute in;
    enum row_read read = row_begin(row, &in);
    if (read != ROW_GOOD)
        return read;
    struct checkpoint c = {0};
    c.zxid = get_u64(&in);
    c.hash = get_u64(&in);
    c.digest = get_u64(&in);
    c.members = zk_jute_buffer(&in);
    *ret_c = c;
    return row_end(&in);
}

void witness_key(const struct storage_witness *w, struct zk_buf *out)
{
    zk_buf_append(out, STORE_ROW_WITNESS, strlen(STORE_ROW_WITNESS));
    put_u64(out, w->server);
    put_u64(out, w->incarnation);
}

static void witness_encode(const struct storage_witness *w, struct zk_buf *out)
{
    zk_jute_put_u8(out, STORE_FORMAT);
    put_u64(out, w->server);
    put_u64(out, w->incarnation);
    put_u64(out, w->zxid);
    put_u64(out, w->promised);
    put_u64(out, w->start_count);
}

void witness_write(struct rocks *db, struct rocks_batch *batch, const struct storage_witness *w)
{
    struct zk_buf key = {0}, row = {0};
    witness_key(w, &key);
    witness_encode(w, &row);
    rocks_put(batch, rocks_meta(db), zk_buf_slice(&key), zk_buf_slice(&row));
    zk_buf_fini(&key);
    zk_buf_fini(&row);
}

enum row_read witness_decode(struct zk_slice row, struct storage_witness *ret_w)
{
    struct zk_jute in;
    enum row_read read = row_begin(row, &in);
    if (read != ROW_GOOD)
        return read;
    ret_w->server = get_u64(&in);
    ret_w->incarnation = get_u64(&in);
    ret_w->zxid = get_u64(&in);
    ret_w->promised = get_u64(&in);
    ret_w->start_count = get_u64(&in);
    return row_end(&in);
}

int store_row_get(struct rocks *db, struct rocksdb_column_family_handle_t *cf, struct zk_slice key, struct zk_buf *out,
                  char *why)
{
    struct rocks_iter *it = rocks_iter_new(db, cf);
    int result = 0;
    if (rocks_seek(it, key) && zk_slice_eq(rocks_key(it), key)) {
        zk_buf_append_slice(out, rocks_value(it));
        result = 1;
    } else if (rocks_iter_trouble(it, why) != ROCKS_FINE) {
        result = -1;
    }
    rocks_iter_free(it);
    return result;
}
