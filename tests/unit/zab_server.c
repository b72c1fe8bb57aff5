/* zab_server.c: one server of the little world: the core on its disk, and a 'replica' that is a running hash. */
#include "common/jute.h"
#include "tests/unit/zab_world_impl.h"

#include <stdio.h>

/* So that a big state travels in several chunks. */
#define FILLER_ROWS  5
#define FILLER_BYTES 500000

/* --- the replica that applies --- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    a ^= b + 0x9e3779b97f4a7c15ull + (a << 6) + (a >> 2);
    a *= 0xff51afd7ed558ccdull;
    return a ^ a >> 33;
}

static void apply_entry(struct world *w, size_t i, const struct entry *e)
{
    struct server *s = &w->servers[i];
    if (e->zxid <= s->applied) {
        judge_trouble(w, "server %zu is given 0x%" PRIx64 " again", i + 1, e->zxid);
        return;
    }
    s->applied = e->zxid;
    s->digest = mix(s->digest, e->hash);
    judge_applied(w, i, e);
}

static void put_state(struct zk_buf *rows, size_t index, uint64_t digest, bool big)
{
    struct zk_buf value;
    zk_buf_init(&value);
    zk_jute_put_long(&value, (int64_t)index);
    zk_jute_put_long(&value, (int64_t)digest);
    storage_rows_put(rows, zk_slice_str("state"), zk_buf_slice(&value));
    zk_buf_fini(&value);
    if (!big)
        return;
    uint8_t *filler = zk_calloc(1, FILLER_BYTES);
    for (char key[] = "w0"; key[1] < '0' + FILLER_ROWS; key[1]++)
        storage_rows_put(rows, zk_slice_str(key), zk_slice(filler, FILLER_BYTES));
    free(filler);
}

static void take_state(struct zk_slice key, struct zk_slice value, size_t *ret_index, uint64_t *ret_digest)
{
    if (!zk_slice_eq(key, zk_slice_str("state")))
        return;
    struct zk_jute in = zk_jute(value);
    *ret_index = (size_t)zk_jute_long(&in);
    *ret_digest = (uint64_t)zk_jute_long(&in);
}

void world_checkpoint(struct world *w, uint64_t id, bool purge)
{
    struct server *s = &w->servers[id - 1];
    if (!s->zab || s->checkpointing || s->index == 0 || s->index > w->ledger_count ||
        zab_committed(s->zab) != s->applied)
        return;
    struct zk_buf members, rows;
    zk_buf_init(&members);
    zk_buf_init(&rows);
    zab_members_encode(s->zab, &members);
    put_state(&rows, s->index, s->digest, w->options.big_state);
    struct storage_op ops[] = {
        {.kind = STORAGE_CHECKPOINT_BEGIN,
         .zxid = s->applied,
         .hash = w->ledger[s->index - 1].hash,
         .digest = s->digest,
         .bytes = zk_buf_slice(&members)},
        {.kind = STORAGE_CHECKPOINT_ROWS, .bytes = zk_buf_slice(&rows)},
        {.kind = STORAGE_CHECKPOINT_END, .zxid = s->applied},
    };
    s->storage.ops->submit(s->storage.self, ops, 3);
    s->checkpointing = true;
    s->purge_after = purge;
    zk_buf_fini(&members);
    zk_buf_fini(&rows);
}

static void on_snap_effect(struct world *w, size_t i, const struct zab_snap *snap)
{
    struct server *s = &w->servers[i];
    if (snap->kind == ZAB_SNAP_BEGIN) {
        w->marks.snaps++;
        s->staging = true;
        s->staged_index = 0;
    } else if (snap->kind == ZAB_SNAP_ROWS) {
        struct zk_slice rows = snap->rows, key, value;
        bool bad;
        while (storage_rows_next(&rows, &key, &value, &bad))
            take_state(key, value, &s->staged_index, &s->staged_digest);
    } else if (snap->kind == ZAB_SNAP_ABANDONED) {
        s->staging = false;
    } else {
        w->marks.snaps_done++;
        s->staging = false;
        s->checkpointing = false;
        s->index = s->staged_index;
        s->digest = s->staged_digest;
        s->applied = snap->zxid;
        judge_state(w, i, snap);
    }
}

/* --- carrying out --- */

static void server_stop(struct world *w, size_t i)
{
    struct server *s = &w->servers[i];
    zab_free(s->zab);
    s->zab = NULL;
    s->paused = false;
    s->checkpointing = s->staging = false;
    s->asked_count = 0;
    for (size_t j = 0; j < w->count; j++) {
        if (j == i)
            continue;
        wire_close(w, i, j, false, true);
        wire_close(w, j, i, true, false);
        w->conns[i][j].down_dialler_ms = 0;
        w->conns[j][i].down_acceptor_ms = 0;
    }
}

static void keep_news(struct server *s, const char *text)
{
    if (s->news_count == NEWS_KEPT) {
        free(s->news[0]);
        memmove(s->news, s->news + 1, (NEWS_KEPT - 1) * sizeof *s->news);
        s->news_count--;
    }
    s->news[s->news_count++] = zk_strdup(text);
}

static void carry_out_reads(struct server *s, const struct zab_effects *fx)
{
    const struct storage_ops *ops = s->storage.ops;
    for (size_t k = 0; k < fx->read_count; k++) {
        const struct zab_read *r = &fx->reads[k];
        if (r->kind == ZAB_READ_LOG)
            ops->read_log(s->storage.self, r->token, r->after_zxid, r->max_bytes);
        else if (r->kind == ZAB_SNAP_OPEN)
            ops->snap_open(s->storage.self, r->token);
        else if (r->kind == ZAB_SNAP_READ)
            ops->snap_read(s->storage.self, r->token, r->max_bytes);
        else
            ops->snap_close(s->storage.self, r->token);
    }
}

static void carry_out_sends(struct world *w, size_t i, const struct zab_effects *fx)
{
    for (size_t k = 0; k < fx->send_count; k++) {
        judge_message(w, i, fx->sends[k].bytes);
        wire_send(w, i, &fx->sends[k]);
    }
    for (size_t k = 0; k < fx->close_count; k++) {
        size_t j = (size_t)fx->closes[k].peer - 1;
        world_trace(w, "%zu closes the connection %s %zu", i + 1, fx->closes[k].inbound ? "of" : "to", j + 1);
        if (fx->closes[k].inbound)
            wire_close(w, j, i, true, false);
        else
            wire_close(w, i, j, false, true);
    }
}

void server_effects(struct world *w, size_t i)
{
    struct server *s = &w->servers[i];
    enum zab_phase before = s->zab->last_phase;
    const struct zab_effects *fx = zab_drain(s->zab);
    for (size_t k = 0; k < fx->news_count; k++) {
        world_trace(w, "%zu: %s", i + 1, fx->news[k]);
        w->marks.renames += strstr(fx->news[k], "takes a new incarnation") != NULL;
        w->marks.rolls += strstr(fx->news[k], "opening a new epoch") != NULL;
        keep_news(s, fx->news[k]);
    }
    if (fx->fatal) {
        snprintf(s->fatal, sizeof s->fatal, "%s", fx->fatal);
        world_trace(w, "%zu stops: %s", i + 1, fx->fatal);
        if (!w->expect_fatal)
            judge_trouble(w, "server %zu stops: %s", i + 1, fx->fatal);
        disk_crash(s->disk, DISK_PROCESS_CRASH);
        server_stop(w, i);
        return;
    }
    if (fx->op_count)
        zab_submitted(s->zab, s->storage.ops->submit(s->storage.self, fx->ops, fx->op_count));
    carry_out_sends(w, i, fx);
    carry_out_reads(s, fx);
    for (size_t k = 0; k < fx->snap_count; k++)
        on_snap_effect(w, i, &fx->snaps[k]);
    for (size_t k = 0; k < fx->entry_count; k++)
        apply_entry(w, i, &fx->entries[k]);
    for (size_t k = 0; k < fx->confirm_count; k++)
        judge_confirm(w, i, &fx->confirms[k]);
    if (fx->phase_changed)
        world_trace(w, "%zu phase %d -> %d", i + 1, before, zab_phase(s->zab));
    if (zab_wants_checkpoint(s->zab))
        world_checkpoint(w, id_of(i), false);
    if (s->applied != zab_committed(s->zab))
        judge_trouble(w, "server %zu was given entries up to 0x%" PRIx64 ", 0x%" PRIx64 " is committed", i + 1,
                      s->applied, zab_committed(s->zab));
    const char *why = zab_check(s->zab);
    if (why)
        judge_trouble(w, "server %zu: %s", i + 1, why);
    judge_leader(w, i);
}

static void on_storage_report(struct world *w, size_t i, const struct storage_report *r)
{
    struct server *s = &w->servers[i];
    if (r->kind == STORAGE_CHECKPOINTED) {
        s->checkpointing = false;
        uint64_t limit = zk_min_u64(r->zxid, zab_purge_limit(s->zab));
        struct storage_op op = {.kind = STORAGE_PURGE, .zxid = limit};
        if (s->purge_after)
            s->storage.ops->submit(s->storage.self, &op, 1);
    }
    zab_storage(s->zab, w->now_ms, r);
    server_effects(w, i);
}

void server_poll(struct world *w, size_t i)
{
    struct storage_report r;
    disk_advance(w->servers[i].disk, w->now_ms);
    while (w->servers[i].zab && w->servers[i].storage.ops->poll(w->servers[i].storage.self, &r))
        on_storage_report(w, i, &r);
}

/* --- starting and stopping --- */

static int load_row(void *arg, struct zk_slice key, struct zk_slice value)
{
    struct server *s = arg;
    take_state(key, value, &s->index, &s->digest);
    return 0;
}

struct loading {
    struct world *w;
    size_t i;
    uint64_t commit;
    struct zab *zab;
    char why[256];
};

static int load_group(void *arg, struct zk_slice bytes)
{
    struct loading *l = arg;
    struct group g;
    struct entry e;
    if (!zab_load_group(l->zab, bytes, l->why, sizeof l->why))
        return 1;
    if (!group_open(bytes, &g))
        return 1;
    while (group_next(&g, &e))
        if (e.zxid > l->w->servers[l->i].applied && e.zxid <= l->commit)
            apply_entry(l->w, l->i, &e);
    return 0;
}

static struct zab_config config_of(struct world *w, uint64_t id)
{
    struct zab_config config = {
        .self = id,
        .member_count = w->count,
        .tick_ms = w->options.tick_ms,
        .init_limit = 10,
        .sync_limit = 5,
        .initialize = w->options.initialize,
        .counter_roll = w->options.counter_roll,
        .seed = w->options.seed * 1000 + ++w->starts,
    };
    for (size_t k = 0; k < w->count; k++)
        config.members[k] = (struct zab_member){
            .id = id_of(k), .role = k < w->options.participants ? ZAB_PARTICIPANT : ZAB_OBSERVER, .weight = 1};
    return config;
}

void world_start(struct world *w, uint64_t id)
{
    size_t i = (size_t)id - 1;
    struct server *s = &w->servers[i];
    if (s->zab)
        return;
    s->storage = disk_open(s->disk, w->now_ms);
    const struct storage_image *image = s->storage.ops->image(s->storage.self);
    struct zab_config config = config_of(w, id);
    s->index = 0;
    s->digest = 0;
    s->applied = image->checkpoint_zxid;
    s->fatal[0] = '\0';
    s->storage.ops->each_row(s->storage.self, load_row, s);
    struct loading l = {.w = w, .i = i, .commit = image->commit, .zab = zab_new(&config, image)};
    world_trace(w,
                "%zu starts: verdict %d log ..%" PRIx64 " commit %" PRIx64 " promised %" PRIu64 " inc %" PRIx64
                " start %" PRIu64,
                i + 1, image->verdict, image->last_zxid, image->commit, image->promised, image->incarnation,
                image->start_count);
    if (s->storage.ops->each_group(s->storage.self, image->checkpoint_zxid, load_group, &l) != 0 ||
        !zab_start(l.zab, w->now_ms, l.why, sizeof l.why)) {
        snprintf(s->fatal, sizeof s->fatal, "%s", l.why);
        if (!w->expect_fatal)
            judge_trouble(w, "server %" PRIu64 " does not start: %s", id, l.why);
        zab_free(l.zab);
        disk_close(s->disk);
        return;
    }
    s->zab = l.zab;
    s->ever_started = true;
    s->lost_power = false;
    for (size_t j = 0; j < w->count; j++)
        w->conns[i][j].dial_ms = w->now_ms + 1 + chance(w, 4);
    server_effects(w, i);
}

void world_start_all(struct world *w)
{
    for (size_t i = 0; i < w->count; i++)
        world_start(w, id_of(i));
}

void world_crash(struct world *w, uint64_t id, enum disk_crash kind)
{
    if (!w->servers[id - 1].zab)
        return;
    world_trace(w, "%" PRIu64 " crashes", id);
    w->marks.crashes++;
    server_stop(w, (size_t)id - 1);
    disk_crash(w->servers[id - 1].disk, kind);
    w->servers[id - 1].lost_power |= kind == DISK_POWER_CUT;
}

void world_wipe(struct world *w, uint64_t id)
{
    world_trace(w, "%" PRIu64 " is wiped", id);
    w->marks.wipes++;
    struct server *s = &w->servers[id - 1];
    disk_wipe(s->disk);
    s->copy_is_older |= s->copy && judge_above(&s->vouched, &s->copied);
    s->vouched = (struct storage_witness){0};
}

/* Nobody but the seed remembers: epochs that only others knew may be led again. */
static void forget_beyond(struct world *w, const struct storage_image *image)
{
    while (w->ledger_count && w->ledger[w->ledger_count - 1].zxid > image->last_zxid)
        w->ledger_count--;
    for (uint64_t epoch = image->promised + 1; epoch < ZK_COUNT_OF(w->elected); epoch++)
        w->elected[epoch] = 0;
    for (size_t k = 0; k < w->ledger_count; k++)
        w->ledger[k].epoch = zk_min_u64(w->ledger[k].epoch, image->promised);
}

void world_recover(struct world *w, uint64_t id)
{
    struct server *s = &w->servers[id - 1];
    world_trace(w, "%" PRIu64 " is made the seed of a new ensemble", id);
    w->marks.recoveries++;
    for (size_t k = 0; k < w->count; k++) {
        ZK_ASSERT(!w->servers[k].zab);
        if (id_of(k) != id)
            world_wipe(w, id_of(k));
        if (w->servers[k].copy)
            disk_copy_free(w->servers[k].copy);
        w->servers[k].copy = NULL;
    }
    s->storage = disk_open(s->disk, w->now_ms);
    const struct storage_image *image = s->storage.ops->image(s->storage.self);
    forget_beyond(w, image);
    struct zab_config config = config_of(w, id);
    struct zab_refounding r;
    zab_refound(&config, image, zk_rng_u64(&w->rng), zk_rng_u64(&w->rng), &r);
    s->storage.ops->submit(s->storage.self, r.ops, ZAB_REFOUNDING_OPS);
    zab_refounding_fini(&r);
    for (struct storage_report report = {0}; report.kind != STORAGE_DURABLE;) {
        disk_advance(s->disk, ++w->now_ms);
        while (s->storage.ops->poll(s->storage.self, &report))
            ;
    }
    s->vouched = (struct storage_witness){0};
    disk_close(s->disk);
}
