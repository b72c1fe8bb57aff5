#include "tests/unit/zab_world.h"
#include "common/jute.h"
#include "server/zab/core.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define DIAL_REFUSED_MS 2
#define DIAL_SILENT_MS  60
#define NEWS_KEPT       200
/* So that a big state travels in several chunks. */
#define FILLER_ROWS  5
#define FILLER_BYTES 500000

struct letter {
    uint64_t due_ms;
    size_t len;
    uint8_t *bytes;
};

struct queue {
    struct letter *letters;
    size_t at, count, cap;
    uint64_t last_due_ms;
};

/* What `dialler` dialled to `acceptor`. */
struct conn {
    bool up;
    uint64_t dial_ms;
    struct queue upward, downward;
    uint64_t down_dialler_ms; /* a side that still has to hear that it is down; 0: none */
    uint64_t down_acceptor_ms;
};

struct asked {
    uint64_t token;
    size_t ledger;
};

struct server {
    struct disk *disk;
    struct storage storage;
    struct zab *zab;
    bool paused;
    bool ever_started;
    bool lost_power; /* and with it perhaps the newest ack mark */
    bool checkpointing;
    bool purge_after;
    char fatal[256];
    /* the replica: a running hash */
    size_t index;
    uint64_t digest;
    uint64_t applied;
    size_t staged_index;
    uint64_t staged_digest;
    bool staging;
    struct disk_copy *copy;
    struct storage_witness copied;  /* what the copy holds: promised, zxid, incarnation */
    struct storage_witness vouched; /* the most that this store has told others */
    bool copy_is_older;             /* than what was vouched for before a wipe */
    struct asked *asked;
    size_t asked_count, asked_cap;
    char *news[NEWS_KEPT];
    size_t news_count;
};

struct ledger_entry {
    uint64_t zxid;
    uint64_t hash;
    uint64_t digest;
    uint64_t epoch; /* of the leader under which it was first applied */
};

struct world {
    struct world_options options;
    struct zk_rng rng;
    size_t count;
    uint64_t now_ms;
    uint64_t starts;
    uint64_t tokens;
    bool expect_fatal;
    char trouble[600];
    struct server servers[WORLD_SERVERS_MAX];
    struct conn conns[WORLD_SERVERS_MAX][WORLD_SERVERS_MAX];
    bool cut[WORLD_SERVERS_MAX][WORLD_SERVERS_MAX];
    uint64_t elected[512];
    struct ledger_entry *ledger;
    size_t ledger_count, ledger_cap;
    struct world_marks marks;
};

/* --- trouble, trace --- */

ZK_PRINTF(2, 3)
static void trouble(struct world *w, const char *format, ...)
{
    if (w->trouble[0] || w->options.garble)
        return;
    va_list args;
    va_start(args, format);
    int at = snprintf(w->trouble, sizeof w->trouble, "at %" PRIu64 " ms: ", w->now_ms);
    vsnprintf(w->trouble + at, sizeof w->trouble - (size_t)at, format, args);
    va_end(args);
}

ZK_PRINTF(2, 3)
static void trace(struct world *w, const char *format, ...)
{
    if (!w->options.trace)
        return;
    va_list args;
    va_start(args, format);
    printf("[%6" PRIu64 "] ", w->now_ms);
    vprintf(format, args);
    printf("\n");
    fflush(stdout);
    va_end(args);
}

static const char *const type_names[] = {"?",     "HELLO",  "REMEMBER", "PREVOTE",   "PREVOTED", "VOTE",
                                         "VOTED", "BEAT",   "PONG",     "ROUND",     "ROUNDED",  "FOLLOW",
                                         "TRUNC", "SNAP",   "ROWS",     "PROPOSE",   "LIVE",     "ACK",
                                         "GOT",   "COMMIT", "RESIGN",   "TAKE_OVER", "FOUND"};

static void trace_message(struct world *w, size_t from, size_t to, struct zk_slice bytes, const char *verb)
{
    struct msg_lists lists;
    struct zab_msg m;
    if (!w->options.trace || !msg_decode(bytes, &lists, &m))
        return;
    uint64_t first = 0, last = 0, hash = 0;
    if (m.type == TELL_PROPOSE)
        (void)!group_check(m.bytes, &first, &last, &hash);
    trace(w,
          "%zu -> %zu %s %s e=%" PRIu64 " zxid=%" PRIx64 " n=%" PRIu64 " p=%" PRIu64 " c=%" PRIx64 " %s [%" PRIx64
          "..%" PRIx64 "]",
          from + 1, to + 1, verb, type_names[m.type], m.epoch, m.zxid, m.number, m.promised, m.commit,
          m.yes ? "yes" : "", first, last);
}

static uint32_t chance(struct world *w, uint32_t below)
{
    return zk_rng_below(&w->rng, below);
}

static uint64_t id_of(size_t index)
{
    return index + 1;
}

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
        trouble(w, "server %zu is given 0x%" PRIx64 " again", i + 1, e->zxid);
        return;
    }
    s->applied = e->zxid;
    s->digest = mix(s->digest, e->hash);
    if (s->index == w->ledger_count) {
        if (w->ledger_count == w->ledger_cap) {
            w->ledger_cap = w->ledger_cap ? 2 * w->ledger_cap : 256;
            w->ledger = zk_realloc(w->ledger, w->ledger_cap * sizeof *w->ledger);
        }
        uint64_t epoch = s->zab ? zab_epoch(s->zab) : 0;
        w->ledger[w->ledger_count++] = (struct ledger_entry){e->zxid, e->hash, s->digest, epoch};
        w->marks.commits++;
        w->marks.readmissions += e->kind == ENTRY_READMIT;
    }
    const struct ledger_entry *known = &w->ledger[s->index++];
    if (known->zxid != e->zxid || known->hash != e->hash || known->digest != s->digest)
        trouble(w, "server %zu applies 0x%" PRIx64 " where others applied 0x%" PRIx64, i + 1, e->zxid, known->zxid);
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
    if (!s->zab || s->checkpointing || s->index == 0 || zab_committed(s->zab) != s->applied)
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
        if (s->index == 0 || s->index > w->ledger_count || w->ledger[s->index - 1].zxid != snap->zxid ||
            s->digest != snap->digest || w->ledger[s->index - 1].digest != s->digest)
            trouble(w, "server %zu receives a state that nobody had at 0x%" PRIx64, i + 1, snap->zxid);
    }
}

/* --- connections --- */

static void queue_clear(struct queue *q)
{
    for (size_t i = 0; i < q->count; i++)
        free(q->letters[q->at + i].bytes);
    q->at = q->count = 0;
}

static void queue_put(struct queue *q, uint64_t due_ms, struct zk_slice bytes)
{
    if (q->at + q->count == q->cap) {
        if (q->at > q->cap / 2) {
            memmove(q->letters, q->letters + q->at, q->count * sizeof *q->letters);
            q->at = 0;
        } else {
            q->cap = q->cap ? 2 * q->cap : 16;
            q->letters = zk_realloc(q->letters, q->cap * sizeof *q->letters);
        }
    }
    q->last_due_ms = zk_max_u64(q->last_due_ms, due_ms);
    q->letters[q->at + q->count++] = (struct letter){q->last_due_ms, bytes.len, zk_memdup(bytes.ptr, bytes.len)};
}

static void close_conn(struct world *w, size_t dialler, size_t acceptor, bool tell_dialler, bool tell_acceptor)
{
    struct conn *c = &w->conns[dialler][acceptor];
    if (!c->up)
        return;
    c->up = false;
    queue_clear(&c->upward);
    queue_clear(&c->downward);
    if (tell_dialler)
        c->down_dialler_ms = w->now_ms + 1 + chance(w, 3);
    if (tell_acceptor)
        c->down_acceptor_ms = w->now_ms + 1 + chance(w, 3);
    c->dial_ms = w->now_ms + 2 + chance(w, 6);
}

static void effects_of(struct world *w, size_t i);

static void deliver_down(struct world *w, size_t i, size_t peer, bool inbound)
{
    struct server *s = &w->servers[i];
    if (!s->zab)
        return;
    zab_channel_down(s->zab, w->now_ms, id_of(peer), inbound);
    effects_of(w, i);
}

static void deliver_up(struct world *w, size_t i, size_t peer, bool inbound)
{
    zab_channel_up(w->servers[i].zab, w->now_ms, id_of(peer), inbound);
    effects_of(w, i);
}

static bool is_running(const struct world *w, size_t i)
{
    return w->servers[i].zab && !w->servers[i].paused;
}

static void dial(struct world *w, size_t i, size_t j)
{
    struct conn *c = &w->conns[i][j];
    bool silent = w->cut[i][j] || w->cut[j][i] || (w->servers[j].zab && w->servers[j].paused);
    if (silent || !w->servers[j].zab) {
        c->dial_ms = w->now_ms + (silent ? DIAL_SILENT_MS : DIAL_REFUSED_MS) + 5 + chance(w, 20);
        deliver_down(w, i, j, false);
        return;
    }
    if (c->down_acceptor_ms) {
        c->down_acceptor_ms = 0;
        deliver_down(w, j, i, true);
    }
    if (!w->servers[i].zab || !w->servers[j].zab)
        return;
    c->up = true;
    c->upward.last_due_ms = c->downward.last_due_ms = w->now_ms;
    trace(w, "%zu connects to %zu", i + 1, j + 1);
    deliver_up(w, i, j, false);
    if (c->up && w->servers[j].zab)
        deliver_up(w, j, i, true);
}

/* --- judging what is said --- */

/* As witnesses remember it: a newer promise forgets the zxid. */
static void vouch(struct storage_witness *v, uint64_t epoch, uint64_t zxid)
{
    if (epoch > v->promised)
        *v = (struct storage_witness){.promised = epoch};
    if (epoch == v->promised)
        v->zxid = zk_max_u64(v->zxid, zxid);
}

static bool above(const struct storage_witness *a, const struct storage_witness *b)
{
    return a->promised > b->promised || (a->promised == b->promised && a->zxid > b->zxid);
}

static void judge_message(struct world *w, size_t from, struct zk_slice bytes)
{
    struct msg_lists lists;
    struct zab_msg m;
    struct disk *d = w->servers[from].disk;
    if (!msg_decode(bytes, &lists, &m)) {
        trouble(w, "server %zu sends what it could not read itself", from + 1);
        return;
    }
    struct storage_witness *v = &w->servers[from].vouched;
    if (m.type == TELL_VOTED && m.yes && zab_is_stranger(w->servers[from].zab))
        trouble(w, "server %zu grants, but is a stranger", from + 1);
    bool vote = (m.type == TELL_VOTED && m.yes) || m.type == TELL_VOTE;
    if (m.type == TELL_ACK || vote)
        vouch(v, m.epoch, vote ? 0 : m.zxid);
    uint64_t hash;
    if (m.type == TELL_ACK && m.zxid > disk_last_zxid(d, &hash))
        trouble(w, "server %zu acknowledges 0x%" PRIx64 ", its disk ends at 0x%" PRIx64, from + 1, m.zxid,
                disk_last_zxid(d, &hash));
    if (vote && m.epoch > disk_promised(d))
        trouble(w, "server %zu vouches for epoch %" PRIu64 ", its disk has promised %" PRIu64, from + 1, m.epoch,
                disk_promised(d));
    w->marks.truncs += m.type == TELL_TRUNC;
    w->marks.handovers += m.type == TELL_TAKE_OVER;
    w->marks.diffs += m.type == TELL_TRUNC;
}

static void judge_leader(struct world *w, size_t i)
{
    const struct zab *z = w->servers[i].zab;
    if (z->role != ROLE_LEADING)
        return;
    uint64_t epoch = zab_epoch(z);
    if (epoch >= ZK_COUNT_OF(w->elected)) {
        trouble(w, "epoch %" PRIu64 ": elections without end", epoch);
        return;
    }
    vouch(&w->servers[i].vouched, epoch, z->peers[i].stream.acked);
    if (w->elected[epoch] == id_of(i))
        return;
    if (w->elected[epoch]) {
        trouble(w, "servers %" PRIu64 " and %zu both lead epoch %" PRIu64, w->elected[epoch], i + 1, epoch);
        return;
    }
    w->elected[epoch] = id_of(i);
    w->marks.elections++;
    for (size_t k = w->servers[i].index; k < w->ledger_count; k++) {
        uint64_t hash = 0;
        if (w->ledger[k].epoch < epoch &&
            (!tail_hash_at(&z->tail, w->ledger[k].zxid, &hash) || hash != w->ledger[k].hash))
            trouble(w, "server %zu leads epoch %" PRIu64 " without 0x%" PRIx64 ", which epoch %" PRIu64 " committed",
                    i + 1, epoch, w->ledger[k].zxid, w->ledger[k].epoch);
    }
}

static void judge_confirm(struct world *w, size_t i, const struct zab_confirmed *c)
{
    struct server *s = &w->servers[i];
    for (size_t k = 0; k < s->asked_count; k++) {
        if (s->asked[k].token != c->token)
            continue;
        if (c->ok && s->index < s->asked[k].ledger)
            trouble(w,
                    "server %zu's round is confirmed, but %zu entries were committed when it was asked, it has %zu",
                    i + 1, s->asked[k].ledger, s->index);
        w->marks.confirms += c->ok;
        s->asked[k] = s->asked[--s->asked_count];
        return;
    }
    trouble(w, "server %zu answers a round that nobody asked for", i + 1);
}

/* --- carrying out --- */

static void stop_server(struct world *w, size_t i)
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
        close_conn(w, i, j, false, true);
        close_conn(w, j, i, true, false);
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
        const struct zab_send *send = &fx->sends[k];
        size_t j = (size_t)send->peer - 1;
        struct conn *c = send->inbound ? &w->conns[j][i] : &w->conns[i][j];
        judge_message(w, i, send->bytes);
        if (!c->up)
            continue;
        trace_message(w, i, j, send->bytes, "says");
        uint64_t due = w->now_ms + chance(w, w->options.delay_max_ms + 1);
        queue_put(send->inbound ? &c->downward : &c->upward, due, send->bytes);
    }
    for (size_t k = 0; k < fx->close_count; k++) {
        size_t j = (size_t)fx->closes[k].peer - 1;
        trace(w, "%zu closes the connection %s %zu", i + 1, fx->closes[k].inbound ? "of" : "to", j + 1);
        if (fx->closes[k].inbound)
            close_conn(w, j, i, true, false);
        else
            close_conn(w, i, j, false, true);
    }
}

static void effects_of(struct world *w, size_t i)
{
    struct server *s = &w->servers[i];
    enum zab_phase before = s->zab->last_phase;
    const struct zab_effects *fx = zab_drain(s->zab);
    for (size_t k = 0; k < fx->news_count; k++) {
        trace(w, "%zu: %s", i + 1, fx->news[k]);
        w->marks.renames += strstr(fx->news[k], "takes a new incarnation") != NULL;
        w->marks.rolls += strstr(fx->news[k], "opening a new epoch") != NULL;
        keep_news(s, fx->news[k]);
    }
    if (fx->fatal) {
        snprintf(s->fatal, sizeof s->fatal, "%s", fx->fatal);
        trace(w, "%zu stops: %s", i + 1, fx->fatal);
        if (!w->expect_fatal)
            trouble(w, "server %zu stops: %s", i + 1, fx->fatal);
        disk_crash(s->disk, DISK_PROCESS_CRASH);
        stop_server(w, i);
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
        trace(w, "%zu phase %d -> %d", i + 1, before, zab_phase(s->zab));
    if (zab_wants_checkpoint(s->zab))
        world_checkpoint(w, id_of(i), false);
    if (s->applied != zab_committed(s->zab))
        trouble(w, "server %zu was given entries up to 0x%" PRIx64 ", 0x%" PRIx64 " is committed", i + 1, s->applied,
                zab_committed(s->zab));
    const char *why = zab_check(s->zab);
    if (why)
        trouble(w, "server %zu: %s", i + 1, why);
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
    effects_of(w, i);
}

static void poll_disk(struct world *w, size_t i)
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
    trace(w,
          "%zu starts: verdict %d log ..%" PRIx64 " commit %" PRIx64 " promised %" PRIu64 " inc %" PRIx64
          " start %" PRIu64,
          i + 1, image->verdict, image->last_zxid, image->commit, image->promised, image->incarnation,
          image->start_count);
    if (s->storage.ops->each_group(s->storage.self, image->checkpoint_zxid, load_group, &l) != 0 ||
        !zab_start(l.zab, w->now_ms, l.why, sizeof l.why)) {
        snprintf(s->fatal, sizeof s->fatal, "%s", l.why);
        if (!w->expect_fatal)
            trouble(w, "server %" PRIu64 " does not start: %s", id, l.why);
        zab_free(l.zab);
        disk_close(s->disk);
        return;
    }
    s->zab = l.zab;
    s->ever_started = true;
    s->lost_power = false;
    for (size_t j = 0; j < w->count; j++)
        w->conns[i][j].dial_ms = w->now_ms + 1 + chance(w, 4);
    effects_of(w, i);
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
    trace(w, "%" PRIu64 " crashes", id);
    w->marks.crashes++;
    stop_server(w, (size_t)id - 1);
    disk_crash(w->servers[id - 1].disk, kind);
    w->servers[id - 1].lost_power |= kind == DISK_POWER_CUT;
}

void world_wipe(struct world *w, uint64_t id)
{
    trace(w, "%" PRIu64 " is wiped", id);
    w->marks.wipes++;
    struct server *s = &w->servers[id - 1];
    disk_wipe(s->disk);
    s->copy_is_older |= s->copy && above(&s->vouched, &s->copied);
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
    trace(w, "%" PRIu64 " is made the seed of a new ensemble", id);
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

void world_pause(struct world *w, uint64_t id, bool paused)
{
    trace(w, "%" PRIu64 " %s", id, paused ? "is paused" : "goes on");
    w->marks.pauses += paused;
    w->servers[id - 1].paused = paused;
}

void world_break(struct world *w, uint64_t a, uint64_t b)
{
    trace(w, "the connections of %" PRIu64 " and %" PRIu64 " break", a, b);
    w->marks.breaks++;
    close_conn(w, a - 1, b - 1, true, true);
    close_conn(w, b - 1, a - 1, true, true);
}

void world_cut(struct world *w, uint64_t from, uint64_t to, bool cut)
{
    if (w->cut[from - 1][to - 1] != cut)
        trace(w, "%" PRIu64 " to %" PRIu64 " is %s", from, to, cut ? "cut" : "whole");
    w->marks.cuts += cut;
    w->cut[from - 1][to - 1] = cut;
}

void world_isolate(struct world *w, uint64_t id, bool cut)
{
    for (size_t i = 0; i < w->count; i++) {
        if (id_of(i) == id)
            continue;
        world_cut(w, id, id_of(i), cut);
        world_cut(w, id_of(i), id, cut);
    }
}

void world_heal(struct world *w)
{
    for (size_t i = 0; i < w->count; i++) {
        for (size_t j = 0; j < w->count; j++)
            world_cut(w, id_of(i), id_of(j), false);
        if (w->servers[i].paused)
            world_pause(w, id_of(i), false);
        disk_set_latency(w->servers[i].disk, 0, 2);
        if (w->servers[i].zab) {
            zab_set_short_of_space(w->servers[i].zab, w->now_ms, false);
            effects_of(w, i);
        }
    }
}

void world_slow_disk(struct world *w, uint64_t id, uint32_t min_ms, uint32_t max_ms)
{
    disk_set_latency(w->servers[id - 1].disk, min_ms, max_ms);
}

/* --- time --- */

static void sooner(uint64_t *at, uint64_t when)
{
    if (when < *at)
        *at = when;
}

static void deadline_of_conn(struct world *w, size_t i, size_t j, uint64_t *at)
{
    const struct conn *c = &w->conns[i][j];
    if (c->down_dialler_ms && is_running(w, i))
        sooner(at, c->down_dialler_ms);
    if (c->down_acceptor_ms && is_running(w, j))
        sooner(at, c->down_acceptor_ms);
    if (!c->up && !c->down_dialler_ms && is_running(w, i))
        sooner(at, c->dial_ms);
    if (c->upward.count && is_running(w, j) && !w->cut[i][j])
        sooner(at, c->upward.letters[c->upward.at].due_ms);
    if (c->downward.count && is_running(w, i) && !w->cut[j][i])
        sooner(at, c->downward.letters[c->downward.at].due_ms);
}

static uint64_t next_event_ms(struct world *w)
{
    uint64_t at = UINT64_MAX;
    for (size_t i = 0; i < w->count; i++) {
        if (is_running(w, i)) {
            sooner(&at, disk_deadline_ms(w->servers[i].disk));
            sooner(&at, zab_deadline_ms(w->servers[i].zab));
        }
        for (size_t j = 0; j < w->count; j++)
            if (i != j)
                deadline_of_conn(w, i, j, &at);
    }
    return zk_max_u64(at, w->now_ms + 1);
}

/* One number of a message is another one, or one of its bytes. */
static void garble(struct world *w, struct letter *l)
{
    struct msg_lists lists;
    struct zab_msg m;
    if (chance(w, 60))
        return;
    if (chance(w, 3) == 0 || !msg_decode(zk_slice(l->bytes, l->len), &lists, &m)) {
        l->bytes[chance(w, (uint32_t)l->len)] ^= (uint8_t)(1 << chance(w, 8));
        return;
    }
    uint64_t *numbers[] = {&m.epoch,  &m.zxid,     &m.hash, &m.commit,    &m.level,
                           &m.number, &m.promised, &m.own,  &m.cluster_id};
    uint64_t *number = numbers[chance(w, ZK_COUNT_OF(numbers))];
    *number = chance(w, 4) ? *number + chance(w, 4) - 2 : chance(w, 2) ? zk_rng_u64(&w->rng) : 0;
    if (chance(w, 4) == 0)
        m.type = (uint8_t)(1 + chance(w, TELL_TYPE_END - 1));
    struct zk_buf bytes;
    zk_buf_init(&bytes);
    msg_encode(&bytes, &m);
    free(l->bytes);
    l->bytes = bytes.ptr;
    l->len = bytes.len;
}

static void deliver_letters(struct world *w, size_t dialler, size_t acceptor, bool upward)
{
    struct conn *c = &w->conns[dialler][acceptor];
    struct queue *q = upward ? &c->upward : &c->downward;
    size_t to = upward ? acceptor : dialler;
    size_t from = upward ? dialler : acceptor;
    while (c->up && q->count && is_running(w, to) && !w->cut[from][to] && q->letters[q->at].due_ms <= w->now_ms) {
        struct letter l = q->letters[q->at++];
        q->count--;
        if (q->count == 0)
            q->at = 0;
        if (w->options.garble)
            garble(w, &l);
        trace_message(w, from, to, zk_slice(l.bytes, l.len), "heard");
        bool ok = zab_message(w->servers[to].zab, w->now_ms, id_of(from), upward, zk_slice(l.bytes, l.len));
        free(l.bytes);
        effects_of(w, to);
        if (!ok) {
            trace(w, "%zu refuses that message", to + 1);
            close_conn(w, dialler, acceptor, true, true);
        }
    }
}

static void conn_events(struct world *w, size_t i, size_t j)
{
    struct conn *c = &w->conns[i][j];
    if (c->down_dialler_ms && c->down_dialler_ms <= w->now_ms && is_running(w, i)) {
        c->down_dialler_ms = 0;
        deliver_down(w, i, j, false);
    }
    if (c->down_acceptor_ms && c->down_acceptor_ms <= w->now_ms && is_running(w, j)) {
        c->down_acceptor_ms = 0;
        deliver_down(w, j, i, true);
    }
    if (!c->up && !c->down_dialler_ms && is_running(w, i) && c->dial_ms <= w->now_ms)
        dial(w, i, j);
    deliver_letters(w, i, j, true);
    deliver_letters(w, i, j, false);
}

static void step(struct world *w)
{
    for (size_t i = 0; i < w->count; i++) {
        if (!is_running(w, i))
            continue;
        poll_disk(w, i);
        if (is_running(w, i) && zab_deadline_ms(w->servers[i].zab) <= w->now_ms + 1) {
            zab_tick(w->servers[i].zab, w->now_ms);
            effects_of(w, i);
        }
    }
    for (size_t i = 0; i < w->count; i++)
        for (size_t j = 0; j < w->count; j++)
            if (i != j)
                conn_events(w, i, j);
}

bool world_run(struct world *w, uint64_t ms)
{
    uint64_t until = w->now_ms + ms;
    while (!w->trouble[0]) {
        uint64_t next = next_event_ms(w);
        if (next > until) {
            w->now_ms = until;
            break;
        }
        w->now_ms = next;
        step(w);
    }
    return !w->trouble[0];
}

/* --- asking --- */

static bool all_level(struct world *w)
{
    size_t leader = SIZE_MAX;
    for (size_t i = 0; i < w->count; i++)
        if (w->servers[i].zab && zab_phase(w->servers[i].zab) == ZAB_LEADING)
            leader = i;
    if (leader == SIZE_MAX)
        return false;
    uint64_t last = zab_last_zxid(w->servers[leader].zab);
    for (size_t i = 0; i < w->count; i++) {
        const struct zab *z = w->servers[i].zab;
        if (!z)
            continue;
        if (i != leader && (zab_phase(z) != ZAB_FOLLOWING || zab_leader(z) != id_of(leader)))
            return false;
        if (zab_committed(z) != last || zab_last_zxid(z) != last || zab_is_stranger(z))
            return false;
    }
    return true;
}

bool world_settle(struct world *w, uint64_t ms)
{
    uint64_t until = w->now_ms + ms;
    while (w->now_ms < until) {
        if (!world_run(w, 5))
            return false;
        if (all_level(w))
            return true;
    }
    return false;
}

uint64_t world_leader(struct world *w, uint64_t ms)
{
    uint64_t until = w->now_ms + ms;
    do {
        for (size_t i = 0; i < w->count; i++)
            if (is_running(w, i) && zab_phase(w->servers[i].zab) == ZAB_LEADING)
                return id_of(i);
    } while (w->now_ms < until && world_run(w, 1));
    return 0;
}

bool world_propose(struct world *w, uint64_t id, size_t count)
{
    struct server *s = &w->servers[id - 1];
    struct zk_slice bodies[16];
    char text[16][16];
    uint64_t first;
    for (size_t k = 0; k < count && k < 16; k++)
        bodies[k] = zk_slice(text[k], (size_t)snprintf(text[k], sizeof text[k], "c%u", chance(w, 100000)));
    if (!s->zab || !zab_propose(s->zab, w->now_ms, bodies, count, &first))
        return false;
    effects_of(w, (size_t)id - 1);
    return true;
}

bool world_confirm(struct world *w, uint64_t id)
{
    struct server *s = &w->servers[id - 1];
    uint64_t token = ++w->tokens;
    if (!s->zab || !zab_confirm(s->zab, w->now_ms, token))
        return false;
    if (s->asked_count == s->asked_cap) {
        s->asked_cap = s->asked_cap ? 2 * s->asked_cap : 16;
        s->asked = zk_realloc(s->asked, s->asked_cap * sizeof *s->asked);
    }
    s->asked[s->asked_count++] = (struct asked){token, w->ledger_count};
    effects_of(w, (size_t)id - 1);
    return true;
}

void world_hand_over(struct world *w, uint64_t id)
{
    zab_hand_over(w->servers[id - 1].zab, w->now_ms);
    effects_of(w, (size_t)id - 1);
}

void world_rebuild(struct world *w, uint64_t id)
{
    trace(w, "%" PRIu64 "'s state is not the quorum's", id);
    w->marks.rebuilds++;
    zab_rebuild(w->servers[id - 1].zab, w->now_ms);
    effects_of(w, (size_t)id - 1);
}

const char *world_trouble(const struct world *w)
{
    return w->trouble[0] ? w->trouble : NULL;
}

uint64_t world_now_ms(const struct world *w)
{
    return w->now_ms;
}

struct disk *world_disk(struct world *w, uint64_t id)
{
    return w->servers[id - 1].disk;
}

struct zab *world_zab(struct world *w, uint64_t id)
{
    return w->servers[id - 1].zab;
}

bool world_is_up(const struct world *w, uint64_t id)
{
    return w->servers[id - 1].zab != NULL;
}

uint64_t world_applied(const struct world *w, uint64_t id)
{
    return w->servers[id - 1].applied;
}

const char *world_fatal(const struct world *w, uint64_t id)
{
    return w->servers[id - 1].fatal;
}

void world_expect_fatal(struct world *w)
{
    w->expect_fatal = true;
}

bool world_heard(struct world *w, uint64_t id, const char *part)
{
    struct server *s = &w->servers[id - 1];
    bool heard = false;
    for (size_t k = 0; k < s->news_count; k++) {
        heard = heard || strstr(s->news[k], part);
        free(s->news[k]);
    }
    s->news_count = 0;
    return heard;
}

uint64_t world_committed_count(const struct world *w)
{
    return w->ledger_count;
}

const struct world_marks *world_marks(const struct world *w)
{
    return &w->marks;
}

struct world *world_new(const struct world_options *options)
{
    struct world *w = zk_calloc(1, sizeof *w);
    w->options = *options;
    w->count = options->participants + options->observers;
    w->now_ms = 1000;
    zk_rng_seed(&w->rng, options->seed, 0x776f726c64);
    for (size_t i = 0; i < w->count; i++)
        w->servers[i].disk = disk_new(options->seed * 100 + i);
    return w;
}

void world_free(struct world *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct server *s = &w->servers[i];
        zab_free(s->zab);
        disk_free(s->disk);
        if (s->copy)
            disk_copy_free(s->copy);
        free(s->asked);
        for (size_t k = 0; k < s->news_count; k++)
            free(s->news[k]);
        for (size_t j = 0; j < w->count; j++) {
            queue_clear(&w->conns[i][j].upward);
            queue_clear(&w->conns[i][j].downward);
            free(w->conns[i][j].upward.letters);
            free(w->conns[i][j].downward.letters);
        }
    }
    free(w->ledger);
    free(w);
}

/* --- a random life --- */

enum act {
    ACT_PROPOSE,
    ACT_CONFIRM,
    ACT_CRASH,
    ACT_CRASH_ALL,
    ACT_START,
    ACT_WIPE,
    ACT_RECOVER,
    ACT_DAMAGE,
    ACT_SHORT,
    ACT_PAUSE,
    ACT_GO_ON,
    ACT_BREAK,
    ACT_CUT,
    ACT_HEAL_CUT,
    ACT_ISOLATE,
    ACT_SLOW,
    ACT_CHECKPOINT,
    ACT_HAND_OVER,
    ACT_REBUILD,
    ACT_COPY,
    ACT_RESTORE,
    ACT_END,
};

/* Is there a server other than i without a state that it could give? */
static bool other_wants_state(const struct world *w, size_t i)
{
    for (size_t j = 0; j < w->count; j++)
        if (j != i && w->servers[j].zab && w->servers[j].zab->wants_state)
            return true;
    return false;
}

/* A quorum of others agrees that this one's state is wrong. */
static bool may_be_wrong(const struct world *w, size_t i)
{
    size_t others = 0;
    for (size_t j = 0; j < w->options.participants; j++)
        others += j != i && is_running(w, j) && !zab_is_stranger(w->servers[j].zab);
    return others * 2 > w->options.participants && w->ledger_count > 0 && !other_wants_state(w, i);
}

/* May this server lose its store without the ensemble losing data for good? All others are up, none is a stranger,
 * all hold everything, and all have a seat. */
static bool may_lose_store(struct world *w, size_t i)
{
    if (i < w->options.participants && w->options.participants < 3)
        return false;
    if (other_wants_state(w, i))
        return false;
    if (i < w->options.participants)
        for (size_t j = 0; j < w->options.participants; j++)
            if (j != i &&
                (!is_running(w, j) || zab_is_stranger(w->servers[j].zab) || disk_commit(w->servers[j].disk) == 0 ||
                 w->servers[j].zab->quorum.voters != (1u << w->options.participants) - 1))
                return false;
    return w->ledger_count > 0;
}

/* The fault model: of a disk that is rolled back, somebody remembers more, and all are there when it comes back. */
static bool rollback_is_noticed(struct world *w, size_t i)
{
    struct server *s = &w->servers[i];
    bool noticed = !s->copy_is_older && !above(&s->vouched, &s->copied);
    for (size_t j = 0; j < w->count; j++) {
        if (j == i)
            continue;
        if (!is_running(w, j) || w->cut[i][j] || w->cut[j][i])
            return false;
        struct witness *known = w->servers[j].zab->peers[i].witnesses;
        for (size_t k = 0; k < WITNESS_PER_SERVER_MAX; k++)
            if (known[k].seen.incarnation == s->copied.incarnation && above(&known[k].seen, &s->copied))
                noticed = true;
    }
    return noticed;
}

static void act_restore(struct world *w, size_t i)
{
    struct server *s = &w->servers[i];
    if (s->zab || !s->copy || !may_lose_store(w, i) || !rollback_is_noticed(w, i))
        return;
    trace(w, "%zu's disk is rolled back", i + 1);
    w->marks.restores++;
    disk_restore(s->disk, s->copy, true);
    disk_copy_free(s->copy);
    s->copy = NULL;
    world_start(w, id_of(i));
    world_run(w, w->options.tick_ms / 4 + 20);
}

/* All lose power, and the one whose log reaches furthest becomes the seed: so nothing committed is lost. */
static void act_recover(struct world *w)
{
    size_t best = 0;
    uint64_t most = 0, hash;
    for (size_t k = 0; k < w->count; k++) {
        world_crash(w, id_of(k), DISK_POWER_CUT);
        uint64_t last = k < w->options.participants ? disk_last_zxid(w->servers[k].disk, &hash) : 0;
        if (last > most)
            best = k;
        most = zk_max_u64(most, last);
    }
    size_t before = w->ledger_count;
    if (most > 1 && before > 0)
        world_recover(w, id_of(best));
    if (w->ledger_count < before)
        trouble(w, "no log holds what was committed");
}

static void damage(struct world *w, size_t i)
{
    struct disk *d = w->servers[i].disk;
    /* Power loss together with a lost durable tail is outside the fault model: nothing is left that could tell. */
    uint32_t how = w->servers[i].lost_power ? 1 + chance(w, 2) : chance(w, 3);
    bool done = how == 0 ? disk_lose_tail(d, 1 + chance(w, 3)) : how == 1 ? disk_flip_bit(d) : disk_lose_mark(d);
    trace(w, "%zu's disk is damaged (%u, %d)", i + 1, how, done);
    w->marks.damages += done;
}

static void act(struct world *w, enum act what, size_t i, size_t j)
{
    struct server *s = &w->servers[i];
    bool running = is_running(w, i);
    switch (what) {
    case ACT_PROPOSE:
        if (running)
            world_propose(w, id_of(i), 1 + chance(w, 4));
        break;
    case ACT_CONFIRM:
        if (running)
            world_confirm(w, id_of(i));
        break;
    case ACT_CRASH:
        world_crash(w, id_of(i), chance(w, 3) ? DISK_PROCESS_CRASH : DISK_POWER_CUT);
        break;
    case ACT_CRASH_ALL:
        for (size_t k = 0; k < w->count; k++)
            world_crash(w, id_of(k), DISK_POWER_CUT);
        break;
    case ACT_START:
        world_start(w, id_of(i));
        break;
    case ACT_WIPE:
        if (!s->zab && may_lose_store(w, i))
            world_wipe(w, id_of(i));
        break;
    case ACT_RECOVER:
        act_recover(w);
        break;
    case ACT_DAMAGE:
        if (!s->zab && may_lose_store(w, i))
            damage(w, i);
        break;
    case ACT_SHORT:
        if (running) {
            zab_set_short_of_space(s->zab, w->now_ms, chance(w, 2));
            effects_of(w, i);
        }
        break;
    case ACT_PAUSE:
        if (running)
            world_pause(w, id_of(i), true);
        break;
    case ACT_GO_ON:
        if (s->zab && s->paused)
            world_pause(w, id_of(i), false);
        break;
    case ACT_BREAK:
        if (i != j)
            world_break(w, id_of(i), id_of(j));
        break;
    case ACT_CUT:
        if (i != j)
            world_cut(w, id_of(i), id_of(j), true);
        break;
    case ACT_HEAL_CUT:
        for (size_t a = 0; a < w->count; a++)
            for (size_t b = 0; b < w->count; b++)
                if (chance(w, 2))
                    world_cut(w, id_of(a), id_of(b), false);
        break;
    case ACT_ISOLATE:
        world_isolate(w, id_of(i), true);
        break;
    case ACT_SLOW:
        world_slow_disk(w, id_of(i), 0, chance(w, 2) ? 2 : 5 + chance(w, 200));
        break;
    case ACT_CHECKPOINT:
        if (running)
            world_checkpoint(w, id_of(i), chance(w, 3) != 0);
        break;
    case ACT_HAND_OVER:
        if (running && zab_phase(s->zab) == ZAB_LEADING)
            world_hand_over(w, id_of(i));
        break;
    case ACT_REBUILD:
        if (running && may_be_wrong(w, i))
            world_rebuild(w, id_of(i));
        break;
    case ACT_COPY:
        if (!s->copy && s->zab) {
            uint64_t hash;
            s->copy = disk_copy_new(s->disk);
            s->copy_is_older = false;
            s->copied = (struct storage_witness){.incarnation = s->zab->incarnation,
                                                 .promised = disk_promised(s->disk),
                                                 .zxid = disk_last_zxid(s->disk, &hash)};
        }
        break;
    case ACT_RESTORE:
        act_restore(w, i);
        break;
    case ACT_END:
        break;
    }
}

/* Weights differ from life to life: from calm ones, in which readmissions complete, to storms. */
static uint32_t draw_weights(struct world *w, uint32_t *weights)
{
    static const uint32_t levels[] = {0, 1, 3, 8, 20, 50};
    uint32_t sum = 0;
    for (int a = 0; a < ACT_END; a++)
        weights[a] = levels[chance(w, 6)];
    weights[ACT_PROPOSE] = 60 + chance(w, 300);
    weights[ACT_START] = 40 + chance(w, 60);
    weights[ACT_GO_ON] = 20 + chance(w, 40);
    weights[ACT_HEAL_CUT] = 20 + chance(w, 40);
    weights[ACT_WIPE] *= 3;
    weights[ACT_CRASH_ALL] /= 3;
    weights[ACT_RECOVER] = chance(w, 4) ? 0 : weights[ACT_RECOVER] / 3;
    for (int a = 0; a < ACT_END; a++)
        sum += weights[a];
    return sum;
}

static void live(struct world *w)
{
    uint32_t weights[ACT_END];
    uint32_t sum = draw_weights(w, weights);
    uint32_t acts = 100 + chance(w, 300);
    uint32_t pace = 2 + chance(w, 30);
    world_start_all(w);
    if (chance(w, 4))
        world_settle(w, 3000);
    while (acts-- > 0 && !w->trouble[0]) {
        uint32_t roll = chance(w, sum), a = 0;
        while (roll >= weights[a])
            roll -= weights[a++];
        act(w, (enum act)a, chance(w, (uint32_t)w->count), chance(w, (uint32_t)w->count));
        world_run(w, chance(w, pace));
    }
}

static void must_be_level(struct world *w)
{
    world_heal(w);
    for (size_t i = 0; i < w->count; i++)
        world_start(w, id_of(i));
    if (w->trouble[0])
        return;
    if (!world_settle(w, 60000)) {
        char text[400] = "";
        size_t at = 0;
        for (size_t i = 0; i < w->count && at < sizeof text - 60; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, " %zu:%d/%" PRIx64 "/%" PRIx64 "%s", i + 1,
                                   w->servers[i].zab ? (int)zab_phase(w->servers[i].zab) : -1,
                                   w->servers[i].zab ? zab_last_zxid(w->servers[i].zab) : 0, w->servers[i].applied,
                                   w->servers[i].zab && zab_is_stranger(w->servers[i].zab) ? "S" : "");
        trouble(w, "healed, but not level after a minute:%s", text);
        return;
    }
    /* A hand-over of before may still come true: then what was proposed meanwhile may be lost, once. */
    for (int attempt = 0; attempt < 3 && !w->trouble[0]; attempt++) {
        size_t before = w->ledger_count;
        uint64_t leader = world_leader(w, 1000);
        if (leader && world_propose(w, leader, 3) && world_settle(w, 5000) && w->ledger_count >= before + 3)
            return;
    }
    trouble(w, "healed and level, but nothing can be written");
}

void world_random_garbled(uint64_t seed, bool show)
{
    struct world_options options = {.seed = seed,
                                    .participants = 3,
                                    .observers = seed % 2,
                                    .tick_ms = 50,
                                    .trace = show,
                                    .garble = true,
                                    .delay_max_ms = 3};
    struct world *w = world_new(&options);
    w->expect_fatal = true;
    live(w);
    world_free(w);
}

const char *world_random(uint64_t seed, bool show, struct world_marks *ret_marks)
{
    static char why[700];
    struct zk_rng rng;
    zk_rng_seed(&rng, seed, 0x6c696665);
    struct world_options options = {
        .seed = seed,
        .participants = zk_rng_below(&rng, 3)   ? 3
                        : zk_rng_below(&rng, 2) ? 5
                                                : 1 + zk_rng_below(&rng, 4),
        .observers = zk_rng_below(&rng, 4) == 0,
        .tick_ms = zk_rng_below(&rng, 8) ? 40 + zk_rng_below(&rng, 160) : 2000,
        .counter_roll = zk_rng_below(&rng, 3) ? 0 : 20 + zk_rng_below(&rng, 50),
        .trace = show,
        .big_state = zk_rng_below(&rng, 30) == 0,
        .delay_max_ms = 1 + zk_rng_below(&rng, 6),
    };
    struct world *w = world_new(&options);
    live(w);
    if (!w->trouble[0])
        must_be_level(w);
    if (ret_marks)
        *ret_marks = w->marks;
    bool bad = w->trouble[0] != '\0';
    snprintf(why, sizeof why, "seed %" PRIu64 " (%zu+%zu servers): %s", seed, options.participants, options.observers,
             w->trouble);
    world_free(w);
    return bad ? why : NULL;
}
