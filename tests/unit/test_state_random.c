/* test_state_random.c: random commands against a model so plain that it is right by looking at it, while checkpoints
 * run, are given up, are loaded again and the log replayed behind them. Each seed is a run of its own. */
#include "common/path.h"
#include "common/rng.h"
#include "tests/unit/state_kit.h"

#define SEEDS     10
#define STEPS     1000
#define SESSIONS  4
#define NODES_MAX 400
#define OPS_MAX   6

/* --- the model: an array of nodes, searched from the front --- */

struct model_node {
    char path[64];
    char data[16];
    int64_t czxid, mzxid, pzxid, ctime, mtime;
    int32_t version, creates;
    uint64_t owner;
};

struct model {
    struct model_node nodes[NODES_MAX];
    int count;
    int64_t zxid, now;
};

struct op {
    int32_t op;
    char path[64];
    char data[16];
    int32_t flags, version;
};

static struct model_node *model_find(struct model *m, const char *path)
{
    for (int i = 0; i < m->count; i++) {
        if (strcmp(m->nodes[i].path, path) == 0)
            return &m->nodes[i];
    }
    return NULL;
}

static void parent_of(const char *path, char *parent)
{
    strcpy(parent, path);
    *strrchr(parent, '/') = '\0';
    if (parent[0] == '\0')
        strcpy(parent, "/");
}

static int model_children(const struct model *m, const char *path)
{
    int count = 0;
    char parent[64];
    for (int i = 0; i < m->count; i++) {
        if (strcmp(m->nodes[i].path, "/") == 0)
            continue;
        parent_of(m->nodes[i].path, parent);
        count += strcmp(parent, path) == 0;
    }
    return count;
}

static int model_create(struct model *m, const struct op *op, uint64_t session, char *ret_path)
{
    char parent_path[64];
    parent_of(op->path, parent_path);
    struct model_node *parent = model_find(m, parent_path);
    if (parent == NULL)
        return ZK_ERR_NO_NODE;
    strcpy(ret_path, op->path);
    if (op->flags & ZK_FLAG_SEQUENTIAL)
        sprintf(ret_path, "%s%010d", op->path, parent->creates);
    if (model_find(m, ret_path) != NULL)
        return ZK_ERR_NODE_EXISTS;
    if (parent->owner != 0)
        return ZK_ERR_NO_CHILDREN_FOR_EPHEMERALS;
    parent->creates++;
    parent->pzxid = m->zxid;
    ck_assert_int_lt(m->count, NODES_MAX);
    struct model_node *n = &m->nodes[m->count++];
    memset(n, 0, sizeof *n);
    strcpy(n->path, ret_path);
    strcpy(n->data, op->data);
    n->czxid = n->mzxid = n->pzxid = m->zxid;
    n->ctime = n->mtime = m->now;
    n->owner = op->flags & ZK_FLAG_EPHEMERAL ? session : 0;
    return 0;
}

static void model_remove(struct model *m, struct model_node *n)
{
    char parent_path[64];
    parent_of(n->path, parent_path);
    model_find(m, parent_path)->pzxid = m->zxid;
    *n = m->nodes[--m->count];
}

static int model_op(struct model *m, const struct op *op, uint64_t session)
{
    char path[80];
    if (op->op == ZK_OP_CREATE || op->op == ZK_OP_CREATE2)
        return model_create(m, op, session, path);
    struct model_node *n = model_find(m, op->path);
    if (n == NULL)
        return ZK_ERR_NO_NODE;
    if (op->version != -1 && op->version != n->version)
        return ZK_ERR_BAD_VERSION;
    if (op->op == ZK_OP_DELETE) {
        if (model_children(m, op->path) > 0)
            return ZK_ERR_NOT_EMPTY;
        model_remove(m, n);
    } else if (op->op == ZK_OP_SET_DATA) {
        strcpy(n->data, op->data);
        n->version++;
        n->mzxid = m->zxid;
        n->mtime = m->now;
    }
    return 0;
}

static void model_end_session(struct model *m, uint64_t session)
{
    for (int i = 0; i < m->count; i++) {
        if (m->nodes[i].owner == session)
            model_remove(m, &m->nodes[i--]);
    }
}

static void model_init(struct model *m)
{
    static const char *const paths[] = {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"};
    memset(m, 0, sizeof *m);
    for (int i = 0; i < 4; i++)
        strcpy(m->nodes[m->count++].path, paths[i]);
}

/* --- a disk: the rows of the last finished checkpoint, and the commands since it began --- */

struct disk_row {
    struct zk_buf key, value;
};

struct disk {
    struct disk_row rows[NODES_MAX * 2];
    int count;
    struct zk_buf staged; /* rows of the checkpoint that runs: key, value or null */
    struct zk_buf log;    /* int64 zxid, buffer command */
    uint64_t zxid, digest;
    bool running;
};

static void disk_put(struct disk *d, struct zk_slice key, struct zk_slice value)
{
    int at = 0;
    while (at < d->count && zk_slice_cmp(zk_buf_slice(&d->rows[at].key), key) < 0)
        at++;
    bool known = at < d->count && zk_slice_eq(zk_buf_slice(&d->rows[at].key), key);
    if (value.ptr == NULL) {
        if (!known)
            return;
        zk_buf_fini(&d->rows[at].key);
        zk_buf_fini(&d->rows[at].value);
        memmove(&d->rows[at], &d->rows[at + 1], (size_t)(--d->count - at) * sizeof d->rows[0]);
        return;
    }
    if (!known) {
        ck_assert_uint_lt((size_t)d->count, ZK_COUNT_OF(d->rows));
        memmove(&d->rows[at + 1], &d->rows[at], (size_t)(d->count++ - at) * sizeof d->rows[0]);
        zk_buf_init(&d->rows[at].key);
        zk_buf_init(&d->rows[at].value);
        zk_buf_append_slice(&d->rows[at].key, key);
    }
    zk_buf_reset(&d->rows[at].value);
    zk_buf_append_slice(&d->rows[at].value, value);
}

static void disk_free(struct disk *d)
{
    for (int i = 0; i < d->count; i++) {
        zk_buf_fini(&d->rows[i].key);
        zk_buf_fini(&d->rows[i].value);
    }
    zk_buf_fini(&d->staged);
    zk_buf_fini(&d->log);
}

/* --- a run --- */

struct run {
    struct kit k;
    struct model m;
    struct disk d;
    struct zk_rng rng;
    uint64_t sessions[SESSIONS];
    int32_t xids[SESSIONS];
};

static uint32_t below(struct run *r, uint32_t bound)
{
    return zk_rng_below(&r->rng, bound);
}

static void apply(struct run *r, struct command c)
{
    struct zk_buf bytes;
    zk_buf_init(&bytes);
    c.time_ms = r->k.time_ms += below(r, 20);
    command_encode(&bytes, &c);
    zk_jute_put_long(&r->d.log, (int64_t)r->k.zxid + 1);
    zk_jute_put_buffer(&r->d.log, zk_buf_slice(&bytes));
    zk_buf_fini(&bytes);
    kit_apply(&r->k, c);
    r->m.zxid = (int64_t)r->k.zxid;
    r->m.now = state_time_ms(r->k.s);
}

static void random_path(struct run *r, char *path)
{
    static const char *const names[] = {"a", "b", "c-", "a0", "a-b"};
    path[0] = '\0';
    int depth = 1 + (int)below(r, 3);
    for (int i = 0; i < depth; i++) {
        strcat(path, "/");
        strcat(path, names[below(r, ZK_COUNT_OF(names))]);
    }
    const char *known = r->m.nodes[below(r, (uint32_t)r->m.count)].path;
    if (below(r, 3) == 0 && strlen(known) < 40 && strncmp(known, "/zoo", 4) != 0 && strlen(known) > 1)
        strcpy(path, known);
}

static struct op random_op(struct run *r)
{
    static const int32_t ops[] = {ZK_OP_CREATE, ZK_OP_CREATE,   ZK_OP_CREATE2,  ZK_OP_DELETE,
                                  ZK_OP_DELETE, ZK_OP_SET_DATA, ZK_OP_SET_DATA, ZK_OP_CHECK};
    struct op op;
    memset(&op, 0, sizeof op);
    op.op = ops[below(r, ZK_COUNT_OF(ops))];
    random_path(r, op.path);
    snprintf(op.data, sizeof op.data, "%.*s", (int)below(r, 12), "abcdefghijkl");
    op.flags = r->m.count > 150 ? 0 : (int32_t)below(r, 4);
    op.version = (int32_t)below(r, 4) - 1;
    if (below(r, 2))
        op.version = -1;
    return op;
}

static void put_op(struct run *r, const struct op *op)
{
    struct zk_buf *out = &r->k.payload;
    if (op->op == ZK_OP_CREATE || op->op == ZK_OP_CREATE2) {
        kit_put_create(&r->k, op->path, op->data, op->flags);
    } else if (op->op == ZK_OP_SET_DATA) {
        zk_set_data_request_encode(
            out, &(struct zk_set_data_request){zk_slice_str(op->path), zk_slice_str(op->data), op->version});
    } else {
        zk_path_version_encode(out, (struct zk_path_version){zk_slice_str(op->path), op->version});
    }
}

static void send(struct run *r, int i, int32_t op)
{
    struct command c = kit_request(&r->k, r->sessions[i], op);
    c.xid = ++r->xids[i];
    apply(r, c);
}

static void step_single(struct run *r, int i)
{
    struct op op = random_op(r);
    if (op.op == ZK_OP_CHECK)
        op.op = ZK_OP_SET_DATA;
    zk_buf_reset(&r->k.payload);
    put_op(r, &op);
    send(r, i, op.op);
    ck_assert_int_eq(r->k.fx.err, model_op(&r->m, &op, r->sessions[i]));
}

static void step_multi(struct run *r, int i)
{
    static struct model before;
    struct op ops[OPS_MAX];
    int count = (int)below(r, OPS_MAX + 1);
    zk_buf_reset(&r->k.payload);
    for (int n = 0; n < count; n++) {
        ops[n] = random_op(r);
        kit_part(&r->k, ops[n].op);
        put_op(r, &ops[n]);
    }
    zk_multi_header_encode(&r->k.payload, ZK_MULTI_END);
    send(r, i, ZK_OP_MULTI);
    ck_assert_int_eq(r->k.fx.err, 0);
    before = r->m;
    int failed = 0;
    int err = 0;
    for (; failed < count; failed++) {
        if ((err = model_op(&r->m, &ops[failed], r->sessions[i])) != 0)
            break;
    }
    if (failed == count)
        return;
    r->m = before;
    ck_assert_uint_eq(r->k.fx.event_count, 0);
    struct zk_jute in = zk_jute(zk_buf_slice(&r->k.fx.reply));
    for (int n = 0; n <= failed; n++) {
        ck_assert_int_eq(zk_multi_header_decode(&in).err, n == failed ? err : 0);
        (void)zk_jute_int(&in);
    }
}

static void step_session(struct run *r, int i)
{
    uint64_t id = r->sessions[i];
    struct state_session known;
    ck_assert(state_session_get(r->k.s, id, &known));
    struct zk_buf payload;
    zk_buf_init(&payload);
    switch (below(r, 3)) {
    case 0: {
        struct command_attach a = {.password = {KIT_PASSWORD, ZK_PASSWORD_BYTES}, .keeps_memory = below(r, 2)};
        if (!a.keeps_memory)
            r->xids[i] = 0; /* another process, that numbers from 1 again */
        command_attach_encode(&payload, &a);
        apply(r, (struct command){.kind = COMMAND_ATTACH, .session = id, .payload = zk_buf_slice(&payload)});
        ck_assert_int_eq(r->k.fx.err, 0);
        break;
    }
    case 1:
        apply(r, kit_next(&r->k, id, COMMAND_CLOSE));
        break;
    case 2:
        apply(r, (struct command){.kind = COMMAND_EXPIRE, .session = id, .generation = known.generation});
        break;
    }
    if (r->k.fx.session_change == STATE_SESSION_ENDED) {
        model_end_session(&r->m, id);
        r->sessions[i] = 0;
    }
    zk_buf_fini(&payload);
}

static void step_open(struct run *r, int i)
{
    struct zk_buf payload;
    zk_buf_init(&payload);
    struct command_open o = {.memory = (int32_t)below(r, 2) * 3, .password = {KIT_PASSWORD, ZK_PASSWORD_BYTES}};
    command_open_encode(&payload, &o);
    apply(r, (struct command){.kind = COMMAND_OPEN, .payload = zk_buf_slice(&payload)});
    r->sessions[i] = r->k.fx.session;
    zk_buf_fini(&payload);
}

static void step_forget(struct run *r)
{
    int64_t ended_ms;
    struct zk_buf payload;
    zk_buf_init(&payload);
    zk_jute_put_long(&payload, (int64_t)state_memory_oldest(r->k.s, &ended_ms));
    apply(r, (struct command){.kind = COMMAND_FORGET, .payload = zk_buf_slice(&payload)});
    zk_buf_fini(&payload);
}

/* --- comparing --- */

struct compare {
    struct model *m;
    char last[64];
    int count;
};

static void compare_node(void *arg, struct zk_slice path, struct zk_slice data, const struct zk_stat *st)
{
    struct compare *c = arg;
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)path.len, (const char *)path.ptr);
    ck_assert_int_lt(strcmp(c->last, text), 0);
    strcpy(c->last, text);
    const struct model_node *n = model_find(c->m, text);
    ck_assert_msg(n != NULL, "%s should not be there", text);
    ck_assert(zk_slice_eq(data, zk_slice_str(n->data)));
    ck_assert_int_eq(st->czxid, n->czxid);
    ck_assert_int_eq(st->mzxid, n->mzxid);
    ck_assert_int_eq(st->pzxid, n->pzxid);
    ck_assert_int_eq(st->ctime_ms, n->ctime);
    ck_assert_int_eq(st->mtime_ms, n->mtime);
    ck_assert_int_eq(st->version, n->version);
    ck_assert_int_eq(st->ephemeral_owner, (int64_t)n->owner);
    ck_assert_int_eq(st->num_children, model_children(c->m, text));
    ck_assert_int_eq(st->cversion, 2 * n->creates - st->num_children);
    c->count++;
}

static void compare_all(struct run *r)
{
    struct compare c = {.m = &r->m};
    state_each_node(r->k.s, compare_node, &c);
    ck_assert_int_eq(c.count, r->m.count);
}

/* --- checkpoints --- */

static void begin_checkpoint(struct run *r)
{
    state_checkpoint_begin(r->k.s);
    r->d.running = true;
    r->d.zxid = state_zxid(r->k.s);
    r->d.digest = state_digest(r->k.s);
    zk_buf_reset(&r->d.staged);
    zk_buf_reset(&r->d.log);
}

static struct state *load_disk(struct run *r)
{
    char why[200] = "";
    struct state *s = state_load_begin();
    for (int i = 0; i < r->d.count; i++) {
        bool ok =
            state_load_row(s, zk_buf_slice(&r->d.rows[i].key), zk_buf_slice(&r->d.rows[i].value), why, sizeof why);
        ck_assert_msg(ok, "%s", why);
    }
    bool ok = state_load_end(s, r->d.zxid, r->d.digest, why, sizeof why);
    ck_assert_msg(ok, "%s", why);
    ck_assert_ptr_null(state_check(s));
    return s;
}

static void replay_log(struct run *r, struct state *s)
{
    struct state_effects fx;
    struct command c;
    state_effects_init(&fx);
    struct zk_jute in = zk_jute(zk_buf_slice(&r->d.log));
    while (zk_jute_left(&in) > 0) {
        uint64_t zxid = (uint64_t)zk_jute_long(&in);
        ck_assert(command_decode(zk_jute_buffer(&in), &c));
        state_apply(s, zxid, &c, &fx);
    }
    state_effects_fini(&fx);
}

/* The rows are on the disk: what they hold plus the log since is the state. Half the runs go on with that. */
static void finish_checkpoint(struct run *r)
{
    struct zk_jute in = zk_jute(zk_buf_slice(&r->d.staged));
    while (zk_jute_left(&in) > 0) {
        struct zk_slice key = zk_jute_buffer(&in);
        disk_put(&r->d, key, zk_jute_buffer(&in));
    }
    r->d.running = false;
    struct state *again = load_disk(r);
    replay_log(r, again);
    ck_assert_uint_eq(state_digest(again), state_digest(r->k.s));
    ck_assert_uint_eq(state_size_bytes(again), state_size_bytes(r->k.s));
    if (below(r, 2)) {
        state_free(r->k.s);
        r->k.s = again;
    } else {
        state_free(again);
    }
}

static void turn_checkpoint(struct run *r)
{
    struct state_row row;
    if (below(r, 150) == 0) {
        state_checkpoint_abort(r->k.s);
        r->d.running = false;
        return;
    }
    if (below(r, 3) != 0 && state_checkpoint_prepare(r->k.s))
        return;
    if (!state_checkpoint_next(r->k.s, &row)) {
        finish_checkpoint(r);
        return;
    }
    zk_jute_put_buffer(&r->d.staged, row.key);
    zk_jute_put_buffer(&r->d.staged, row.value);
}

static void step(struct run *r)
{
    int i = (int)below(r, SESSIONS);
    uint32_t dice = below(r, 100);
    if (r->sessions[i] == 0)
        step_open(r, i);
    else if (dice < 3)
        step_session(r, i);
    else if (dice < 4)
        step_forget(r);
    else if (dice < 34)
        step_multi(r, i);
    else
        step_single(r, i);
    if (!r->d.running && below(r, 20) == 0)
        begin_checkpoint(r);
    for (uint32_t n = below(r, 6); n > 0 && r->d.running; n--)
        turn_checkpoint(r);
}

START_TEST(the_state_agrees_with_the_model_and_with_its_checkpoints)
{
    static struct run r;
    memset(&r, 0, sizeof r);
    zk_rng_seed(&r.rng, (uint64_t)_i + 1, 1);
    r.k = kit_new();
    model_init(&r.m);
    for (int n = 0; n < STEPS; n++) {
        step(&r);
        kit_check(&r.k);
        if (n % 8 == 0)
            compare_all(&r);
    }
    if (r.d.running)
        state_checkpoint_abort(r.k.s);
    disk_free(&r.d);
    kit_free(&r.k);
}
END_TEST

/* --- commands that nobody would send --- */

/* A few of the payload's bytes are others, or its end is missing. */
static void spoil(struct run *r, struct zk_buf *payload)
{
    for (uint32_t n = below(r, 4); n > 0 && payload->len > 0; n--) {
        uint32_t at = below(r, (uint32_t)payload->len);
        payload->ptr[at] = below(r, 2) ? (uint8_t)below(r, 256) : (uint8_t)(payload->ptr[at] ^ 1u << below(r, 8));
    }
    if (below(r, 6) == 0)
        payload->len = below(r, (uint32_t)payload->len + 1);
}

/* Some record or other; the opcode whose it is. */
static int32_t put_some_payload(struct run *r)
{
    struct zk_buf *out = &r->k.payload;
    struct op op = random_op(r);
    zk_buf_reset(out);
    switch (below(r, 6)) {
    case 0:
        command_open_encode(out, &(struct command_open){.memory = 2, .password = {KIT_PASSWORD, ZK_PASSWORD_BYTES}});
        break;
    case 1:
        command_attach_encode(out, &(struct command_attach){.password = {KIT_PASSWORD, ZK_PASSWORD_BYTES},
                                                             .keeps_memory = below(r, 2)});
        break;
    case 2:
        zk_jute_put_cstring(out, "digest");
        zk_jute_put_cstring(out, "user:hash");
        break;
    case 3:
        zk_set_acl_request_encode(
            out, &(struct zk_set_acl_request){zk_slice_str(op.path), zk_buf_slice(&r->k.acl), op.version});
        return ZK_OP_SET_ACL;
    case 4:
        for (uint32_t n = below(r, 4); n > 0; n--, op = random_op(r)) {
            kit_part(&r->k, op.op);
            put_op(r, &op);
        }
        zk_multi_header_encode(out, ZK_MULTI_END);
        return ZK_OP_MULTI;
    default:
        put_op(r, &op);
    }
    return op.op;
}

static void step_spoilt(struct run *r)
{
    static const int32_t ops[] = {ZK_OP_CREATE,  ZK_OP_CREATE2, ZK_OP_DELETE,           ZK_OP_SET_DATA,
                                  ZK_OP_SET_ACL, ZK_OP_MULTI,   ZK_OP_CREATE_CONTAINER, ZK_OP_CHECK};
    int32_t op = put_some_payload(r);
    spoil(r, &r->k.payload);
    struct command c = kit_next(&r->k, r->sessions[0], below(r, 3) ? COMMAND_REQUEST : (uint8_t)(1 + below(r, 8)));
    if (c.kind == COMMAND_CLOSE || c.kind == COMMAND_EXPIRE || below(r, 20) == 0)
        c.session = below(r, 10);
    if (c.kind == COMMAND_REQUEST && below(r, 20) == 0)
        c.number += below(r, 3) - 1;
    c.op = below(r, 4) ? op : ops[below(r, ZK_COUNT_OF(ops))];
    c.xid = (int32_t)below(r, 1000);
    c.payload = zk_buf_slice(&r->k.payload);
    c.time_ms = 1 + (int64_t)below(r, 100000);
    state_apply(r->k.s, ++r->k.zxid, &c, &r->k.fx);
}

START_TEST(no_bytes_in_a_command_bring_the_state_down)
{
    static struct run r;
    memset(&r, 0, sizeof r);
    zk_rng_seed(&r.rng, (uint64_t)_i + 100, 2);
    r.k = kit_new();
    model_init(&r.m);
    step_open(&r, 0);
    for (int n = 0; n < 10000; n++) {
        step_spoilt(&r);
        if (n % 100 == 0)
            kit_check(&r.k);
    }
    ck_assert_uint_gt(state_node_count(r.k.s), 20); /* enough of it was whole */
    disk_free(&r.d);
    kit_free(&r.k);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("random");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, no_bytes_in_a_command_bring_the_state_down, 0, 3);
    tcase_add_loop_test(tc, the_state_agrees_with_the_model_and_with_its_checkpoints, 0, SEEDS);
    return run_tests("state_random", tc);
}
