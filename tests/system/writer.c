/* writer: a libzk session that writes as fast as it is answered and says what became of each write.
 *
 * For the kill loop, which compares what is said here with what the servers hold. Standard input: "go" and "pause"
 * (answered by "paused" once nothing is outstanding), end of file ends. Standard output, a line each, in order:
 *   created N | deleted N | set N VERSION          acknowledged: must be there on every server from now on
 *   refused N                                      a write that must fail did: /none/NAME-N must never exist
 *   unknown create N | unknown delete N | unknown set N    the session ended before the answer: either is right
 *   absent N                                       a deletion found no node
 *   wrong TEXT                                     an answer that must not be
 *   session ID                                     a new session, which owns NAME/e-ID
 */
#include "client/zk.h"
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW 16 /* writes on their way at once */
#define KEPT 200  /* older nodes are deleted again */

enum op_kind { OP_CREATE, OP_DELETE, OP_SET, OP_REFUSED };

static const char *const op_names[] = {"create", "delete", "set", "refused"};

struct writer {
    const char *servers;
    const char *name;
    struct zk *zk;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int outstanding;
    bool is_over; /* the session has ended: a new one is needed */
    uint64_t next;
};

struct op {
    struct writer *writer;
    enum op_kind kind;
    uint64_t number;
};

static void told_state(struct zk *zk, enum zk_session_state state, void *context)
{
    struct writer *w = context;
    if (state != ZK_SESSION_IS_EXPIRED && state != ZK_SESSION_IS_AUTH_FAILED)
        return;
    pthread_mutex_lock(&w->lock);
    w->is_over = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* No answer: nobody can say whether it happened. */
static bool is_unknown(int err)
{
    return err == ZK_CONNECTION_LOSS || err == ZK_SESSION_EXPIRED || err == ZK_OPERATION_TIMEOUT || err == ZK_CLOSING;
}

static void report(const struct op *op, const struct zk_result *result)
{
    if (op->kind == OP_REFUSED && (result->err == ZK_NO_NODE || is_unknown(result->err)))
        printf("refused %" PRIu64 "\n", op->number);
    else if (is_unknown(result->err))
        printf("unknown %s %" PRIu64 "\n", op_names[op->kind], op->number);
    else if (op->kind == OP_DELETE && result->err == ZK_NO_NODE)
        printf("absent %" PRIu64 "\n", op->number);
    else if (result->err != ZK_OK)
        printf("wrong %s %" PRIu64 ": %s\n", op_names[op->kind], op->number, zk_err_text(result->err));
    else if (op->kind == OP_CREATE)
        printf("created %" PRIu64 "\n", op->number);
    else if (op->kind == OP_DELETE)
        printf("deleted %" PRIu64 "\n", op->number);
    else if (op->kind == OP_SET)
        printf("set %" PRIu64 " %d\n", op->number, result->stat.version);
    else
        printf("wrong: a node without a parent was made: %" PRIu64 "\n", op->number);
}

static void told_result(struct zk *zk, struct zk_result *result, void *context)
{
    struct op *op = context;
    struct writer *w = op->writer;
    report(op, result);
    pthread_mutex_lock(&w->lock);
    w->outstanding--;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    zk_result_free(result);
    free(op);
}

static int submit(struct writer *w, struct op *op)
{
    char path[256], data[32];
    int len = snprintf(data, sizeof data, "%" PRIu64, op->number);
    switch (op->kind) {
    case OP_CREATE:
        snprintf(path, sizeof path, "/loop/%s/n-%" PRIu64, w->name, op->number);
        return zk_create_async(w->zk, path, data, (size_t)len, NULL, 0, told_result, op);
    case OP_DELETE:
        snprintf(path, sizeof path, "/loop/%s/n-%" PRIu64, w->name, op->number);
        return zk_delete_async(w->zk, path, ZK_ANY_VERSION, told_result, op);
    case OP_SET:
        snprintf(path, sizeof path, "/loop/%s", w->name);
        return zk_set_async(w->zk, path, data, (size_t)len, ZK_ANY_VERSION, told_result, op);
    case OP_REFUSED:
    default:
        snprintf(path, sizeof path, "/none/%s-%" PRIu64, w->name, op->number);
        return zk_create_async(w->zk, path, NULL, 0, NULL, 0, told_result, op);
    }
}

static void start_op(struct writer *w, enum op_kind kind, uint64_t number)
{
    struct op *op = malloc(sizeof *op);
    if (!op)
        abort();
    *op = (struct op){w, kind, number};
    pthread_mutex_lock(&w->lock);
    w->outstanding++;
    pthread_mutex_unlock(&w->lock);
    int err = submit(w, op);
    if (err == ZK_OK)
        return;
    /* Nothing has been sent: the session is over. */
    pthread_mutex_lock(&w->lock);
    w->outstanding--;
    w->is_over = true;
    pthread_mutex_unlock(&w->lock);
    free(op);
}

static void wait_below(struct writer *w, int count)
{
    pthread_mutex_lock(&w->lock);
    while (w->outstanding >= count)
        pthread_cond_wait(&w->changed, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

/* A session, the node that holds this writer's, and an ephemeral of its own. */
static void open_session(struct writer *w)
{
    if (w->zk) {
        wait_below(w, 1);
        zk_close(w->zk);
    }
    w->is_over = false;
    struct zk_options options = {
        .servers = w->servers, .session_timeout_ms = 10000, .on_state = told_state, .state_context = w};
    if (zk_open(&options, &w->zk) != ZK_OK) {
        fprintf(stderr, "writer: cannot read '%s'\n", w->servers);
        exit(2);
    }
    char path[256];
    struct zk_session session;
    int err = zk_create(w->zk, "/loop", NULL, 0, NULL, 0, NULL);
    snprintf(path, sizeof path, "/loop/%s", w->name);
    if (err == ZK_OK || err == ZK_NODE_EXISTS)
        err = zk_create(w->zk, path, "0", 1, NULL, 0, NULL);
    if (err != ZK_OK && err != ZK_NODE_EXISTS)
        printf("wrong: %s cannot be made: %s\n", path, zk_err_text(err));
    if (!zk_session_get(w->zk, &session))
        return;
    snprintf(path, sizeof path, "/loop/%s/e-%" PRIx64, w->name, (uint64_t)session.id);
    err = zk_create(w->zk, path, NULL, 0, NULL, ZK_EPHEMERAL, NULL);
    if (err != ZK_OK && !is_unknown(err))
        printf("wrong: %s cannot be made: %s\n", path, zk_err_text(err));
    printf("session %" PRIx64 "\n", (uint64_t)session.id);
}

static void write_some(struct writer *w)
{
    wait_below(w, WINDOW);
    if (w->is_over) {
        open_session(w);
        return;
    }
    uint64_t number = w->next++;
    start_op(w, OP_CREATE, number);
    if (number >= KEPT)
        start_op(w, OP_DELETE, number - KEPT);
    if (number % 3 == 0)
        start_op(w, OP_SET, number);
    if (number % 7 == 0)
        start_op(w, OP_REFUSED, number);
}

/* The next command: 'g', 'p', 'e' for the end, or 0 when there is none and `wait` is false. */
static int read_command(bool wait)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char line[16];
    if (poll(&in, 1, wait ? -1 : 0) <= 0)
        return 0;
    return fgets(line, sizeof line, stdin) ? line[0] : 'e';
}

int main(int argc, char **argv)
{
    struct writer w = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    if (argc != 3) {
        fprintf(stderr, "usage: writer SERVERS NAME\n");
        return 2;
    }
    w.servers = argv[1];
    w.name = argv[2];
    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0); /* poll must see what fgets has not taken */
    open_session(&w);
    for (bool is_going = false;;) {
        int command = read_command(!is_going);
        if (command == 'e')
            break;
        if (command == 'g')
            is_going = true;
        if (command == 'p') {
            wait_below(&w, 1);
            is_going = false;
            puts("paused");
        }
        if (is_going)
            write_some(&w);
    }
    zk_close(w.zk);
    return 0;
}
