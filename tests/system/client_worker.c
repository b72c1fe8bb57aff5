/* client_worker.c: libzk at work, for client_cuts, behind a proxy that cuts connections; for client_takeover, which kills
 * it; for large_directory.
 *
 *   sequence SERVERS PATH COUNT    create COUNT sequential nodes, 16 at once, each once whatever happens; prints how
 *                                  many were answered ok and how many otherwise
 *   expire SERVERS PATH            create sequential nodes, 16 at once, until the session (of two seconds) expires;
 *                                  prints how many were answered ok, how many "session expired", how many otherwise
 *   lock SERVERS PATH COUNT FILE   COUNT times: take the lock, add one to the number in FILE, check that the fence
 * has grown, give the lock back; prints how often it went well
 *   hold SERVERS PATH [SESSION]    create PATH in a new session, or in SESSION, which another process has opened; prints
 * the name it got, "memory" or "bare", and the session; at the end of its input it leaves the session to the next
 *   list SERVERS PATH              prints what came of asking for all children at once, then how many there are by pages, in
 * how many pages; they must come in order
 */
#include "client/zk.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AT_ONCE = 16, WAIT_MS = 60000 };

struct counts {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    long in_flight, ok, expired, failed;
    int last_error;
};

static struct zk *open_session(const char *servers, uint32_t timeout_ms)
{
    struct zk_options options = {.servers = servers, .session_timeout_ms = timeout_ms};
    struct zk *zk;
    if (zk_open(&options, &zk) != ZK_OK || zk_wait_connected(zk, WAIT_MS) != ZK_OK) {
        fprintf(stderr, "client_worker: no session on %s\n", servers);
        exit(2);
    }
    return zk;
}

static void count(struct counts *c, int code)
{
    *(code == ZK_OK ? &c->ok : code == ZK_SESSION_EXPIRED ? &c->expired : &c->failed) += 1;
    c->last_error = code == ZK_OK ? c->last_error : code;
}

static void on_created(struct zk *zk, struct zk_result *result, void *context)
{
    struct counts *c = context;
    pthread_mutex_lock(&c->lock);
    c->in_flight--;
    count(c, result->err);
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
    zk_result_free(result);
}

/* Creates one after the other, 16 at once, until `most` are asked for or one has failed. */
static void create_many(struct zk *zk, const char *path, long most, struct counts *c)
{
    char name[256];
    snprintf(name, sizeof name, "%s/n-", path);
    pthread_mutex_lock(&c->lock);
    for (long i = 0; i < most && c->last_error == ZK_OK; i++) {
        while (c->in_flight == AT_ONCE)
            pthread_cond_wait(&c->changed, &c->lock);
        c->in_flight++;
        pthread_mutex_unlock(&c->lock);
        int code = zk_create_async(zk, name, "x", 1, NULL, ZK_SEQUENTIAL, on_created, c);
        pthread_mutex_lock(&c->lock);
        if (code != ZK_OK) {
            c->in_flight--;
            count(c, code);
        }
    }
    while (c->in_flight > 0)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
}

static int sequence(const char *servers, const char *path, long most)
{
    struct counts c = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct zk *zk = open_session(servers, 20000);
    create_many(zk, path, most, &c);
    zk_close(zk);
    printf("%ld %ld %s\n", c.ok, c.expired + c.failed, zk_err_text(c.last_error));
    return 0;
}

static int expire(const char *servers, const char *path)
{
    struct counts c = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct zk *zk = open_session(servers, 2000);
    create_many(zk, path, 1000000, &c);
    zk_close(zk);
    printf("%ld %ld %ld\n", c.ok, c.expired, c.failed);
    return 0;
}

/* The file's "number fence"; 0 0 while there is none. */
static bool read_state(const char *file, unsigned long long *ret_number, unsigned long long *ret_fence)
{
    FILE *in = fopen(file, "r");
    *ret_number = *ret_fence = 0;
    if (in == NULL)
        return true;
    bool good = fscanf(in, "%llu %llu", ret_number, ret_fence) == 2;
    fclose(in);
    return good;
}

static bool work_once(struct zk_lock *lock, const char *file)
{
    unsigned long long number, before;
    uint64_t fence;
    int code = zk_lock_acquire(lock, WAIT_MS, &fence);
    if (code != ZK_OK) {
        fprintf(stderr, "client_worker: acquire: %s\n", zk_err_text(code));
        return false;
    }
    bool good = read_state(file, &number, &before);
    if (!good || fence <= before) {
        fprintf(stderr, "client_worker: somebody else was in: fence %llu after %llu\n", (unsigned long long)fence,
                before);
        exit(1);
    }
    usleep((useconds_t)(rand() % 1000));
    FILE *out = fopen(file, "w");
    if (out == NULL)
        exit(1);
    fprintf(out, "%llu %llu\n", number + 1, (unsigned long long)fence);
    fclose(out);
    code = zk_lock_release(lock);
    if (code != ZK_OK)
        fprintf(stderr, "client_worker: release: %s\n", zk_err_text(code));
    return true;
}

static int lock_work(const char *servers, const char *path, long count, const char *file)
{
    struct zk *zk = open_session(servers, 20000);
    struct zk_lock *lock;
    long good = 0;
    if (zk_lock_new(zk, path, "client_worker", NULL, NULL, &lock) != ZK_OK)
        return 2;
    for (long i = 0; i < count; i++)
        good += work_once(lock, file);
    zk_lock_free(lock);
    zk_close(zk);
    printf("%ld\n", good);
    return 0;
}

/* "id:password", both in hexadecimal. */
static bool read_session(const char *text, struct zk_session *ret_session)
{
    int at = 0;
    unsigned long long id;
    if (sscanf(text, "%llx:%n", &id, &at) != 1 || strlen(text + at) != 2 * sizeof ret_session->password)
        return false;
    ret_session->id = (int64_t)id;
    for (size_t i = 0; i < sizeof ret_session->password; i++) {
        unsigned byte;
        if (sscanf(text + at + 2 * i, "%2x", &byte) != 1)
            return false;
        ret_session->password[i] = (uint8_t)byte;
    }
    return true;
}

static void print_session(struct zk *zk)
{
    struct zk_session session;
    if (!zk_session_get(zk, &session))
        exit(2);
    printf("%llx:", (unsigned long long)session.id);
    for (size_t i = 0; i < sizeof session.password; i++)
        printf("%02x", session.password[i]);
    printf("\n");
    fflush(stdout);
}

static int hold(const char *servers, const char *path, const char *session_text)
{
    struct zk_session session;
    struct zk_options options = {.servers = servers, .session_timeout_ms = 20000};
    struct zk_result *result;
    struct zk *zk;
    if (session_text != NULL && !read_session(session_text, &session))
        return 2;
    options.resume = session_text != NULL ? &session : NULL;
    if (zk_open(&options, &zk) != ZK_OK || zk_wait_connected(zk, WAIT_MS) != ZK_OK)
        return 2;
    int code = zk_create(zk, path, "x", 1, NULL, 0, &result);
    printf("%s %s ", code == ZK_OK ? result->path : zk_err_text(code), zk_session_has_memory(zk) ? "memory" : "bare");
    zk_result_free(result);
    print_session(zk);
    while (getchar() != EOF)
        ;
    zk_detach(zk);
    return 0;
}

/* Adds what is on the page; *ret_last is the last name, in the page's memory. */
static long count_page(const struct zk_result *page, const char **ret_last)
{
    for (size_t i = 0; i < page->child_count; i++) {
        if (*ret_last != NULL && strcmp(*ret_last, page->children[i]) >= 0) {
            fprintf(stderr, "%s comes behind %s\n", page->children[i], *ret_last);
            exit(1);
        }
        *ret_last = page->children[i];
    }
    return (long)page->child_count;
}

static int list(const char *servers, const char *path)
{
    struct zk *zk = open_session(servers, 20000);
    struct zk_result *result, *page, *before = NULL;
    int code = zk_get_children(zk, path, NULL, NULL, &result);
    printf("%s\n", zk_err_text(code));
    if (code == ZK_OK)
        zk_result_free(result);
    struct zk_page ask = {.after = true};
    long names = 0, pages = 0;
    for (bool more = true; more; pages++) {
        code = zk_get_children_page(zk, path, &ask, &page);
        if (code != ZK_OK) {
            printf("%s\n", zk_err_text(code));
            return 1;
        }
        names += count_page(page, &ask.from);
        more = page->more;
        zk_result_free(before);
        before = page;
    }
    zk_result_free(before);
    zk_close(zk);
    printf("%ld names on %ld pages\n", names, pages);
    return 0;
}

int main(int argc, char **argv)
{
    srand((unsigned)getpid());
    if (argc == 5 && strcmp(argv[1], "sequence") == 0)
        return sequence(argv[2], argv[3], atol(argv[4]));
    if (argc == 4 && strcmp(argv[1], "expire") == 0)
        return expire(argv[2], argv[3]);
    if (argc == 6 && strcmp(argv[1], "lock") == 0)
        return lock_work(argv[2], argv[3], atol(argv[4]), argv[5]);
    if ((argc == 4 || argc == 5) && strcmp(argv[1], "hold") == 0)
        return hold(argv[2], argv[3], argv[4]);
    if (argc == 4 && strcmp(argv[1], "list") == 0)
        return list(argv[2], argv[3]);
    fprintf(stderr, "usage: client_worker sequence|expire|lock|hold|list SERVERS PATH [COUNT|SESSION] [FILE]\n");
    return 2;
}
