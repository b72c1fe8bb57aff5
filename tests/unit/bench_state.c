/* bench_state.c: what a znode costs and how long things take: make tests/unit/bench_state && tests/unit/bench_state
 * [NODES [scattered|sorted [trees]]]: the names' order, and whether whole directories are deleted at a time. Not part of
 * make check. */
#include "common/path.h"
#include "server/state/state.h"
#include <malloc.h>
#include <stdio.h>
#include <time.h>

#define DATA_BYTES 100

struct bench {
    struct state *s;
    struct state_effects fx;
    struct zk_buf payload;
    struct zk_buf acl;
    uint64_t session;
    uint64_t number;
    uint64_t zxid;
    bool scattered;
};

/* CPU time: other processes do not count. */
static double now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void open_session(struct bench *b)
{
    static const uint8_t password[ZK_PASSWORD_BYTES];
    struct command_open o = {.timeout_ms = 4000, .password = {password, sizeof password}};
    command_open_encode(&b->payload, &o);
    struct command c = {.kind = COMMAND_OPEN, .payload = zk_buf_slice(&b->payload)};
    state_apply(b->s, ++b->zxid, &c, &b->fx);
    b->session = b->fx.session;
}

static void send_op(struct bench *b, int32_t op)
{
    struct command c = {.kind = COMMAND_REQUEST, .session = b->session, .generation = 1, .number = ++b->number};
    c.op = op;
    c.time_ms = (int64_t)b->zxid;
    c.payload = zk_buf_slice(&b->payload);
    state_apply(b->s, ++b->zxid, &c, &b->fx);
    if (b->fx.err != 0)
        printf("op %d: error %d\n", op, b->fx.err);
}

static size_t node_path(char *path, size_t size, long i)
{
    return (size_t)snprintf(path, size, "/dir-%03ld/node-%07ld", i % 100, i);
}

static void create(struct bench *b, const char *path, size_t data_bytes)
{
    static const uint8_t data[DATA_BYTES];
    zk_buf_reset(&b->payload);
    struct zk_create_request r = {zk_slice_str(path), zk_slice(data, data_bytes), zk_buf_slice(&b->acl), 0};
    zk_create_request_encode(&b->payload, &r);
    send_op(b, ZK_OP_CREATE);
}

static void set(struct bench *b, const char *path)
{
    static const uint8_t data[DATA_BYTES];
    zk_buf_reset(&b->payload);
    zk_set_data_request_encode(&b->payload,
                               &(struct zk_set_data_request){zk_slice_str(path), {data, DATA_BYTES}, -1});
    send_op(b, ZK_OP_SET_DATA);
}

/* `nodes` creates; prints the time of each on average, the worst, and the bytes a node takes beside name and data. */
static void bench_creates(struct bench *b, long nodes)
{
    char path[64];
    double worst = 0;
    for (long i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "/dir-%03ld", i);
        create(b, path, 0);
    }
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    size_t useful = 0;
    double start = now_us();
    for (long i = 0; i < nodes; i++) {
        long name = b->scattered ? (i * 7919) % nodes : i;
        useful += node_path(path, sizeof path, name) - strlen("/dir-000/") + DATA_BYTES;
        double from = now_us();
        create(b, path, DATA_BYTES);
        double took = now_us() - from;
        worst = took > worst ? took : worst;
    }
    double took = now_us() - start;
    size_t dirty = (size_t)nodes * 16; /* the dirty set's entries: gone after a checkpoint */
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    printf("create     %7.3f us each, worst %7.1f us\n", took / (double)nodes, worst);
    printf("memory     %7.1f bytes a znode beside name and data (and %zu while dirty)\n",
           (double)(after - before - useful - dirty) / (double)nodes, dirty / (size_t)nodes);
}

static void bench_sets(struct bench *b, long nodes)
{
    char path[64];
    double start = now_us();
    for (long i = 0; i < nodes; i++) {
        node_path(path, sizeof path, (i * 7919) % nodes);
        set(b, path);
    }
    printf("setData    %7.3f us each, all over the tree\n", (now_us() - start) / (double)nodes);
    node_path(path, sizeof path, 1);
    start = now_us();
    for (long i = 0; i < nodes; i++)
        set(b, path);
    printf("setData    %7.3f us each, always the same\n", (now_us() - start) / (double)nodes);
}

static void bench_reads(struct bench *b, long nodes)
{
    char path[64];
    struct zk_buf out;
    zk_buf_init(&out);
    double start = now_us();
    for (long i = 0; i < nodes; i++) {
        zk_buf_reset(&out);
        size_t len = node_path(path, sizeof path, (i * 7919) % nodes);
        (void)!state_get_data(b->s, b->session, zk_slice(path, len), &out);
    }
    printf("getData    %7.3f us each\n", (now_us() - start) / (double)nodes);
    start = now_us();
    zk_buf_reset(&out);
    (void)!state_get_children(b->s, b->session, zk_slice_str("/dir-001"), false, SIZE_MAX, &out);
    printf("children   %7.1f us for %ld\n", now_us() - start, nodes / 100);
    start = now_us();
    for (int i = 0; i < 1000; i++) {
        zk_buf_reset(&out);
        node_path(path, sizeof path, (i * 7919L) % nodes / 100 * 100 + 1);
        (void)!state_get_children_page(
            b->s, b->session, &(struct zk_page_request){zk_slice_str("/dir-001"), zk_slice_str(path + 9), .count = 100},
            &out);
    }
    printf("page       %7.1f us for 100\n", (now_us() - start) / 1000);
    zk_buf_fini(&out);
}

/* A directory at a time. */
static void bench_trees(struct bench *b, long nodes)
{
    char path[64];
    double start = now_us(), worst = 0;
    for (long i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "/dir-%03ld", i);
        bool is_there = true;
        while (is_there) {
            zk_buf_reset(&b->payload);
            zk_delete_tree_request_encode(&b->payload, (struct zk_delete_tree_request){zk_slice_str(path), 0});
            double from = now_us();
            send_op(b, ZK_OP_DELETE_TREE);
            worst = now_us() - from > worst ? now_us() - from : worst;
            struct zk_jute in = zk_jute(zk_buf_slice(&b->fx.reply));
            is_there = zk_delete_tree_response_decode(&in).left > 0;
        }
    }
    printf("deleteTree %7.3f us a node, worst %.1f us\n", (now_us() - start) / (double)nodes, worst);
}

static void bench_deletes(struct bench *b, long nodes)
{
    char path[64];
    double start = now_us();
    for (long i = 0; i < nodes; i++) {
        size_t len = node_path(path, sizeof path, (i * 7919) % nodes);
        zk_buf_reset(&b->payload);
        zk_path_version_encode(&b->payload, (struct zk_path_version){zk_slice(path, len), -1});
        send_op(b, ZK_OP_DELETE);
    }
    printf("delete     %7.3f us each, all over the tree\n", (now_us() - start) / (double)nodes);
}

/* What a quota adds. */
static void bench_quota(struct bench *b)
{
    enum { COUNT = 100000 };
    static const char *const made[] = {"/q", "/zookeeper/quota/q", "/zookeeper/quota/q/zookeeper_limits",
                                       "/zookeeper/quota/q/zookeeper_stats"};
    double took[3];
    char path[64];
    for (size_t i = 0; i < ZK_COUNT_OF(made); i++)
        create(b, made[i], 0);
    for (int phase = 0; phase < 3; phase++) {
        double start = now_us();
        for (int i = 0; i < COUNT; i++) {
            size_t len = (size_t)snprintf(path, sizeof path, "/q/node-%07d", i);
            zk_buf_reset(&b->payload);
            zk_path_version_encode(&b->payload, (struct zk_path_version){zk_slice(path, len), -1});
            if (phase == 0)
                create(b, path, 0);
            else if (phase == 1)
                set(b, path);
            else
                send_op(b, ZK_OP_DELETE);
        }
        took[phase] = (now_us() - start) / COUNT;
    }
    printf("quota      %7.3f us a create, %.3f a setData that grows, %.3f a delete\n", took[0], took[1], took[2]);
}

/* A whole checkpoint into a second state. */
static void bench_checkpoint(struct bench *b)
{
    char why[200] = "";
    struct state_row row;
    struct state *copy = state_load_begin();
    double worst_piece = 0, pieces = 0, load = 0;
    size_t rows = 0;
    double start = now_us();
    state_checkpoint_begin(b->s);
    printf("checkpoint %7.1f us to begin\n", now_us() - start);
    for (bool more = true; more;) {
        double from = now_us();
        more = state_checkpoint_prepare(b->s);
        double took = now_us() - from;
        pieces += took;
        worst_piece = took > worst_piece ? took : worst_piece;
    }
    start = now_us();
    double worst_next = 0;
    for (bool more = true; more;) {
        double from = now_us();
        more = state_checkpoint_next(b->s, &row);
        double took = now_us() - from;
        worst_next = took > worst_next ? took : worst_next;
        if (!more)
            break;
        from = now_us();
        rows++;
        if (!state_load_row(copy, row.key, row.value, why, sizeof why))
            printf("%s\n", why);
        load += now_us() - from;
    }
    double total = now_us() - start;
    printf("           %7.3f us a row of %zu to sort, worst piece %.1f us; %.3f us to give, worst %.1f us; %.3f us "
           "to load\n",
           pieces / (double)rows, rows, worst_piece, (total - load) / (double)rows, worst_next, load / (double)rows);
    if (!state_load_end(copy, state_zxid(b->s), state_digest(b->s), why, sizeof why))
        printf("%s\n", why);
    start = now_us();
    state_free(copy);
    printf("free       %7.1f ms\n", (now_us() - start) / 1000);
    malloc_trim(0); /* the allocator sorts what it got back here, not in the midst of what comes next */
}

int main(int argc, char **argv)
{
    long nodes = argc > 1 ? atol(argv[1]) : 1000000;
    struct bench b = {.s = state_new(), .scattered = argc > 2 && strcmp(argv[2], "scattered") == 0};
    state_effects_init(&b.fx);
    zk_acl_vector_world(&b.acl, ZK_PERM_ALL);
    open_session(&b);
    bench_creates(&b, nodes);
    bench_sets(&b, nodes);
    bench_reads(&b, nodes);
    bench_quota(&b);
    bench_checkpoint(&b);
    if (argc > 3)
        bench_trees(&b, nodes);
    else
        bench_deletes(&b, nodes);
    state_free(b.s);
    state_effects_fini(&b.fx);
    zk_buf_fini(&b.payload);
    zk_buf_fini(&b.acl);
    return 0;
}
