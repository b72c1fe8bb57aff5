#include "common/jute.h"
#include "common/zxid.h"
#include "server/zab/group.h"
#include "tests/unit/store_conformance.h"
#include <inttypes.h>
#include <stdio.h>

#define WAITS_MAX 20000

static void drain(struct rig *r)
{
    struct storage_report report;
    while (r->s.ops->poll(r->s.self, &report)) {
        switch (report.kind) {
        case STORAGE_DURABLE:
            ck_assert_uint_gt(report.seq, r->durable);
            ck_assert_uint_le(report.seq, r->seq);
            r->durable = report.seq;
            break;
        case STORAGE_CHECKPOINTED:
            r->checkpointed = report.zxid;
            break;
        case STORAGE_FAILED:
            r->failed = true;
            memcpy(r->why, report.why, sizeof r->why);
            break;
        case STORAGE_FREE_SPACE:
            ck_assert_uint_le(report.free_bytes, report.total_bytes);
            break;
        case STORAGE_LOG:
        case STORAGE_SNAP_OPENED:
        case STORAGE_SNAP_CHUNK:
            ck_assert_uint_eq(report.token, r->token);
            r->answered = true;
            r->answer = report;
            zk_buf_reset(&r->bytes);
            zk_buf_append_slice(&r->bytes, report.bytes);
            break;
        }
    }
}

static void wait_for(struct rig *r, bool (*done)(struct rig *r))
{
    for (int i = 0; i < WAITS_MAX; i++) {
        drain(r);
        if (r->failed || done(r))
            return;
        r->medium->wait(r->m);
    }
    ck_abort_msg("the store did not answer");
}

void rig_init(struct rig *r, const struct store_medium *medium)
{
    memset(r, 0, sizeof *r);
    r->medium = medium;
    r->m = medium->make();
    rig_open(r);
}

void rig_fini(struct rig *r)
{
    r->medium->close(r->m);
    r->medium->free(r->m);
    zk_buf_fini(&r->bytes);
}

void rig_open(struct rig *r)
{
    r->s = r->medium->open(r->m);
    r->seq = r->durable = 0;
    r->failed = false;
    r->zxid = rig_image(r)->last_zxid;
    r->hash = rig_image(r)->last_hash;
}

void rig_reopen(struct rig *r)
{
    r->medium->close(r->m);
    rig_open(r);
}

void rig_crash(struct rig *r)
{
    r->medium->crash(r->m);
    rig_open(r);
}

const struct storage_image *rig_image(const struct rig *r)
{
    return r->s.ops->image(r->s.self);
}

void rig_op(struct rig *r, struct storage_op op)
{
    uint64_t seq = r->s.ops->submit(r->s.self, &op, 1);
    ck_assert_uint_eq(seq, r->seq + 1);
    r->seq = seq;
    if (op.kind == STORAGE_TRUNC) {
        r->zxid = op.zxid;
        r->hash = op.hash;
    }
}

void rig_epoch(struct rig *r, uint64_t epoch)
{
    r->zxid = zxid_make(epoch, 0) - 1;
}

uint64_t rig_append(struct rig *r, uint32_t count)
{
    struct zk_buf buf = {0};
    uint64_t first = r->zxid + 1;
    group_begin(&buf, r->hash);
    for (uint32_t i = 0; i < count; i++) {
        char body[32];
        snprintf(body, sizeof body, "entry %" PRIx64, ++r->zxid);
        r->hash = group_add(&buf, r->hash, r->zxid, ENTRY_COMMAND, zk_slice_str(body));
    }
    group_end(&buf, count);
    rig_op(r, (struct storage_op){.kind = STORAGE_APPEND,
                                  .first_zxid = first,
                                  .zxid = r->zxid,
                                  .hash = r->hash,
                                  .bytes = zk_buf_slice(&buf)});
    zk_buf_fini(&buf);
    return r->zxid;
}

static bool is_settled(struct rig *r)
{
    return r->durable == r->seq;
}

void rig_settle(struct rig *r)
{
    wait_for(r, is_settled);
}

static bool is_answered(struct rig *r)
{
    return r->answered;
}

void rig_await(struct rig *r)
{
    r->answered = false;
    wait_for(r, is_answered);
    ck_assert_msg(!r->failed, "%s", r->why);
}

struct zk_buf rig_rows(const char *rows)
{
    struct zk_buf packed = {0};
    while (*rows != '\0') {
        size_t len = strcspn(rows, " ");
        size_t key = strcspn(rows, "=-");
        struct zk_slice value = {NULL, 0};
        if (rows[key] == '=')
            value = zk_slice(rows + key + 1, len - key - 1);
        storage_rows_put(&packed, zk_slice(rows, key), value);
        rows += len + (rows[len] == ' ');
    }
    return packed;
}

static bool is_checkpointed(struct rig *r)
{
    return r->checkpointed == r->zxid;
}

void rig_checkpoint(struct rig *r, const char *rows)
{
    struct zk_buf packed = rig_rows(rows);
    rig_op(r, (struct storage_op){.kind = STORAGE_COMMIT, .zxid = r->zxid});
    rig_op(r, (struct storage_op){.kind = STORAGE_CHECKPOINT_BEGIN,
                                  .zxid = r->zxid,
                                  .hash = r->hash,
                                  .digest = r->zxid * 3,
                                  .bytes = zk_slice_str("members")});
    rig_op(r, (struct storage_op){.kind = STORAGE_CHECKPOINT_ROWS, .bytes = zk_buf_slice(&packed)});
    rig_op(r, (struct storage_op){.kind = STORAGE_CHECKPOINT_END});
    zk_buf_fini(&packed);
    wait_for(r, is_checkpointed);
    ck_assert_msg(!r->failed, "%s", r->why);
}

static int add_row(void *arg, struct zk_slice key, struct zk_slice value)
{
    struct zk_buf *text = arg;
    zk_buf_printf(text, "%s%.*s=%.*s", text->len ? " " : "", (int)key.len, key.ptr, (int)value.len, value.ptr);
    return 0;
}

char *rig_tree(struct rig *r)
{
    struct zk_buf text = {0};
    ck_assert_int_eq(r->s.ops->each_row(r->s.self, add_row, &text), 0);
    zk_buf_append_byte(&text, 0);
    return (char *)text.ptr;
}

struct log_text {
    struct zk_buf text;
    uint64_t hash;
};

static int add_group(void *arg, struct zk_slice bytes)
{
    struct log_text *log = arg;
    struct group g;
    uint64_t first, last, hash;
    ck_assert(group_open(bytes, &g));
    ck_assert(log->text.len == 0 || g.prev_hash == log->hash);
    ck_assert(group_check(bytes, &first, &last, &hash));
    log->hash = hash;
    zk_buf_printf(&log->text, "%s%" PRIx64 "-%" PRIx64, log->text.len ? " " : "", first, last);
    return 0;
}

char *rig_log(struct rig *r, uint64_t after_zxid)
{
    struct log_text log = {0};
    ck_assert_int_eq(r->s.ops->each_group(r->s.self, after_zxid, add_group, &log), 0);
    zk_buf_append_byte(&log.text, 0);
    return (char *)log.text.ptr;
}
