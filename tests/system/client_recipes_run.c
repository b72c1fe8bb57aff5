/* client_recipes_run.c: libzk's recipes and sessions against the server named on the command line; client_recipes starts
 * one. Each test is a function that returns or ends the program with what was not so. */
#include "client/zk.h"
#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 15000 };

static const char *servers;

#define MUST(what)                                                                                                   \
    do {                                                                                                             \
        if (!(what)) {                                                                                               \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                                       \
            exit(1);                                                                                                 \
        }                                                                                                            \
    } while (0)

/* Until it is so; time passes in steps of a millisecond. */
#define SOON(what)                                                                                                   \
    do {                                                                                                             \
        for (int waited = 0; !(what); waited++) {                                                                    \
            MUST(waited < WAIT_MS);                                                                                  \
            usleep(1000);                                                                                            \
        }                                                                                                            \
    } while (0)

static struct zk *open_session(void)
{
    struct zk_options options = {.servers = servers, .session_timeout_ms = 5000};
    struct zk *zk;
    MUST(zk_open(&options, &zk) == ZK_OK);
    MUST(zk_wait_connected(zk, WAIT_MS) == ZK_OK);
    return zk;
}

/* What a callback was told last, and how often it was told anything. */
struct heard {
    pthread_mutex_t lock;
    atomic_int calls;
    atomic_int code;
    atomic_ullong fence;
    char text[256];
};

static void hear(struct heard *h, int code, uint64_t fence)
{
    h->code = code;
    h->fence = fence;
    h->calls++;
}

static void hear_text(struct heard *h, const char *text)
{
    pthread_mutex_lock(&h->lock);
    snprintf(h->text, sizeof h->text, "%s", text);
    pthread_mutex_unlock(&h->lock);
}

static bool said(struct heard *h, const char *text)
{
    pthread_mutex_lock(&h->lock);
    bool same = strcmp(h->text, text) == 0;
    pthread_mutex_unlock(&h->lock);
    return same;
}

/* --- group --- */

static void on_member(struct zk_group *group, int code, void *context)
{
    hear(context, code, 0);
}

static void on_list(struct zk_group *group, int code, const char *const *names, size_t count, void *context)
{
    char text[256] = "";
    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", names[i]);
    hear_text(context, code == ZK_OK ? text : "ended");
    hear(context, code, 0);
}

static void who_watches_a_group_hears_who_comes_and_goes(void)
{
    struct zk *one = open_session(), *two = open_session();
    struct heard list = {.lock = PTHREAD_MUTEX_INITIALIZER}, a = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct zk_group *watch, *member_a, *member_b;
    struct zk_result *result;
    MUST(zk_group_watch(one, "/g/group", on_list, &list, &watch) == ZK_OK);
    SOON(list.calls == 1);
    MUST(said(&list, ""));
    MUST(zk_group_join(one, "/g/group", "a", "host-a", 6, on_member, &a, &member_a) == ZK_OK);
    SOON(a.calls == 1 && a.code == ZK_OK);
    MUST(zk_group_join(two, "/g/group", "b", NULL, 0, NULL, NULL, &member_b) == ZK_OK);
    SOON(said(&list, "a b "));
    MUST(zk_get(two, "/g/group/a", NULL, NULL, &result) == ZK_OK);
    MUST(strcmp(result->data, "host-a") == 0);
    zk_result_free(result);
    zk_group_leave(member_a);
    SOON(said(&list, "b "));
    MUST(a.calls == 1);
    zk_close(two); /* the session's end is the member's */
    SOON(said(&list, ""));
    zk_group_leave(member_b);
    MUST(zk_group_list(one, "/g/group", &result) == ZK_OK && result->child_count == 0);
    zk_result_free(result);
    zk_group_leave(watch);
    zk_close(one);
}

static void a_name_is_held_by_one_at_a_time(void)
{
    struct zk *one = open_session(), *two = open_session();
    struct heard first = {.lock = PTHREAD_MUTEX_INITIALIZER}, second = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct zk_group *a, *b;
    MUST(zk_group_join(one, "/g/names", "n", NULL, 0, on_member, &first, &a) == ZK_OK);
    SOON(first.calls == 1);
    MUST(zk_group_join(two, "/g/names", "n", NULL, 0, on_member, &second, &b) == ZK_OK);
    MUST(zk_sync(two, "/") == ZK_OK && zk_sync(two, "/") == ZK_OK);
    MUST(second.calls == 0);
    zk_group_leave(a);
    SOON(second.calls == 1 && second.code == ZK_OK);
    MUST(zk_delete(one, "/g/names/n", ZK_ANY_VERSION) == ZK_OK);
    SOON(second.calls == 2 && second.code == ZK_NO_NODE);
    zk_group_leave(b);
    zk_close(one);
    zk_close(two);
}

/* --- election --- */

static void on_won(struct zk_election *election, uint64_t fence, void *context)
{
    hear(context, ZK_OK, fence);
}

static void on_lost(struct zk_election *election, int reason, void *context)
{
    hear(context, reason, 0);
}

static void the_first_leads_and_is_followed(void)
{
    struct zk *one = open_session(), *two = open_session();
    struct heard first = {.lock = PTHREAD_MUTEX_INITIALIZER}, second = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct zk_election *a, *b;
    struct zk_result *leader;
    MUST(zk_election_leader(one, "/g/election", &leader) == ZK_NO_NODE);
    MUST(zk_election_join(one, "/g/election", "A", 1, &(struct zk_election_calls){on_won, on_lost, &first}, &a) ==
         ZK_OK);
    SOON(first.calls == 1);
    MUST(zk_election_join(two, "/g/election", "B", 1, &(struct zk_election_calls){on_won, on_lost, &second}, &b) ==
         ZK_OK);
    MUST(zk_election_leader(two, "/g/election", &leader) == ZK_OK);
    MUST(strcmp(leader->data, "A") == 0 && (uint64_t)leader->stat.czxid == first.fence);
    zk_result_free(leader);
    MUST(second.calls == 0);
    zk_election_leave(a);
    SOON(second.calls == 1 && zk_election_is_leader(b));
    MUST(second.fence > first.fence && first.calls == 1);
    char node[300];
    MUST(zk_get_children(one, "/g/election", NULL, NULL, &leader) == ZK_OK && leader->child_count == 1);
    snprintf(node, sizeof node, "/g/election/%s", leader->children[0]);
    zk_result_free(leader);
    MUST(zk_delete(one, node, ZK_ANY_VERSION) == ZK_OK);
    SOON(second.calls == 2 && second.code == ZK_NO_NODE && !zk_election_is_leader(b));
    zk_election_leave(b);
    zk_close(one);
    zk_close(two);
}

/* --- lock --- */

static void on_lock_lost(struct zk_lock *lock, int reason, void *context)
{
    hear(context, reason, 0);
}

static size_t child_count(struct zk *zk, const char *path)
{
    struct zk_result *result;
    MUST(zk_get_children(zk, path, NULL, NULL, &result) == ZK_OK);
    size_t count = result->child_count;
    zk_result_free(result);
    return count;
}

static void *acquire_long(void *arg)
{
    static int code;
    code = zk_lock_acquire(arg, WAIT_MS, NULL);
    return &code;
}

static void waiting_for_a_lock_can_be_called_off(void)
{
    struct zk *one = open_session(), *two = open_session();
    struct zk_lock *held, *wanted;
    pthread_t thread;
    void *code;
    uint64_t fence = 0, later = 0;
    MUST(zk_lock_new(one, "/g/lock", "one", NULL, NULL, &held) == ZK_OK);
    MUST(zk_lock_new(two, "/g/lock", "two", NULL, NULL, &wanted) == ZK_OK);
    MUST(zk_lock_acquire(held, 0, &fence) == ZK_OK && fence > 0 && zk_lock_is_held(held));
    MUST(zk_lock_acquire(held, 0, NULL) == ZK_INVALID_STATE);
    MUST(zk_lock_acquire(wanted, 0, NULL) == ZK_OPERATION_TIMEOUT);
    MUST(zk_lock_acquire(wanted, 50, NULL) == ZK_OPERATION_TIMEOUT);
    MUST(pthread_create(&thread, NULL, acquire_long, wanted) == 0);
    usleep(50000);
    MUST(zk_lock_release(wanted) == ZK_OK);
    MUST(pthread_join(thread, &code) == 0 && *(int *)code == ZK_CLOSING);
    MUST(zk_lock_release(held) == ZK_OK && !zk_lock_is_held(held));
    MUST(zk_lock_release(held) == ZK_INVALID_STATE);
    MUST(zk_lock_acquire(wanted, WAIT_MS, &later) == ZK_OK && later > fence);
    zk_lock_free(wanted); /* gives it back */
    MUST(zk_lock_acquire(held, WAIT_MS, NULL) == ZK_OK);
    zk_lock_free(held);
    SOON(child_count(one, "/g/lock") == 0);
    zk_close(one);
    zk_close(two);
}

/* --- the end of a session --- */

/* Another handle takes the session over and ends it: the servers' word, not a guess. */
static void end_session_of(struct zk *zk)
{
    struct zk_session session;
    struct zk_options options = {.servers = servers, .resume = &session};
    struct zk *thief;
    MUST(zk_session_get(zk, &session));
    MUST(zk_open(&options, &thief) == ZK_OK);
    MUST(zk_wait_connected(thief, WAIT_MS) == ZK_OK);
    zk_close(thief);
}

static void on_ended(struct zk *zk, const struct zk_watch_event *event, void *context)
{
    if (event->last)
        hear(context, event->type, 0);
}

/* Who is back on a connection when its session is ended may hear of its nodes' end first. */
static bool is_an_end(int code)
{
    return code == ZK_SESSION_EXPIRED || code == ZK_NO_NODE;
}

static void an_expired_session_ends_all_that_hung_on_it(void)
{
    struct zk *zk = open_session();
    struct heard lost = {.lock = PTHREAD_MUTEX_INITIALIZER}, member = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct heard list = {.lock = PTHREAD_MUTEX_INITIALIZER}, watch = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct zk_lock *lock;
    struct zk_group *joined, *watched;
    MUST(zk_lock_new(zk, "/g/lock2", NULL, on_lock_lost, &lost, &lock) == ZK_OK);
    MUST(zk_lock_acquire(lock, WAIT_MS, NULL) == ZK_OK);
    MUST(zk_group_join(zk, "/g/end", NULL, NULL, 0, on_member, &member, &joined) == ZK_OK);
    MUST(zk_group_watch(zk, "/g/end", on_list, &list, &watched) == ZK_OK);
    MUST(zk_add_watch(zk, "/", true, on_ended, &watch) == ZK_OK);
    SOON(member.calls == 1 && list.calls > 0);
    end_session_of(zk);
    SOON(zk_session_state(zk) == ZK_SESSION_IS_EXPIRED);
    SOON(lost.calls == 1 && member.calls == 2 && said(&list, "ended") && watch.calls == 1);
    MUST(is_an_end(lost.code) && is_an_end(member.code) && watch.code == ZK_WATCH_ENDED);
    MUST(zk_sync(zk, "/") == ZK_SESSION_EXPIRED);
    MUST(zk_lock_acquire(lock, 10, NULL) == ZK_SESSION_EXPIRED);
    zk_lock_free(lock);
    zk_group_leave(joined);
    zk_group_leave(watched);
    zk_close(zk);
}

static void a_detached_session_goes_on_elsewhere(void)
{
    struct zk *zk = open_session(), *next;
    struct zk_session session;
    struct zk_options options = {.servers = servers, .resume = &session};
    struct zk_result *result;
    MUST(zk_session_get(zk, &session));
    MUST(zk_create(zk, "/mine", "x", 1, NULL, ZK_EPHEMERAL, NULL) == ZK_OK);
    zk_detach(zk);
    MUST(zk_open(&options, &next) == ZK_OK);
    MUST(zk_exists(next, "/mine", NULL, NULL, &result) == ZK_OK);
    MUST(result->stat.ephemeral_owner == session.id);
    zk_result_free(result);
    zk_close(next);
    zk = open_session();
    MUST(zk_exists(zk, "/mine", NULL, NULL, NULL) == ZK_NO_NODE);
    zk_close(zk);
}

/* --- on the caller's event_base --- */

struct looped {
    struct zk_lock *lock;
    struct zk *zk;
    uint64_t fence;
    bool closed;
};

static void on_loop_closed(void *context)
{
    struct looped *l = context;
    l->closed = true;
}

static void on_loop_lock(struct zk_lock *lock, int code, uint64_t fence, void *context)
{
    struct looped *l = context;
    MUST(code == ZK_OK && zk_lock_is_held(lock));
    MUST(zk_lock_release(lock) == ZK_INVALID_STATE); /* would wait for its own loop */
    l->fence = fence;
    MUST(zk_lock_release_async(lock) == ZK_OK);
    zk_close_async(l->zk, on_loop_closed, l);
}

static void a_lock_needs_no_thread(void)
{
    struct event_base *base = event_base_new();
    struct zk_options options = {.servers = servers, .base = base};
    struct looped l = {NULL, NULL, 0, false};
    MUST(zk_open(&options, &l.zk) == ZK_OK);
    MUST(zk_lock_new(l.zk, "/g/loop", NULL, NULL, NULL, &l.lock) == ZK_OK);
    MUST(zk_lock_acquire_async(l.lock, on_loop_lock, &l) == ZK_OK);
    event_base_dispatch(base);
    MUST(l.closed && l.fence > 0);
    zk_lock_free(l.lock);
    event_base_free(base);
}

/* --- multi --- */

static void a_multi_happens_whole_or_not_at_all(void)
{
    struct zk *zk = open_session();
    struct zk_multi *multi = zk_multi_new();
    struct zk_result *result;
    zk_multi_create(multi, "/m", "1", 1, NULL, 0);
    zk_multi_create(multi, "/m/a-", NULL, 0, NULL, ZK_SEQUENTIAL);
    zk_multi_set(multi, "/m", "2", 1, 0);
    zk_multi_check(multi, "/m", 1);
    MUST(zk_multi_commit(zk, multi, &result) == ZK_OK && result->step_count == 4);
    MUST(strcmp(result->steps[1].path, "/m/a-0000000000") == 0 && result->steps[2].stat.version == 1);
    zk_result_free(result);
    MUST(zk_multi_commit(zk, multi, &result) == ZK_NODE_EXISTS);
    MUST(result->step_count == 4 && result->steps[0].err == ZK_NODE_EXISTS);
    MUST(result->steps[3].err == ZK_RUNTIME_INCONSISTENCY);
    zk_result_free(result);
    zk_multi_free(multi);
    MUST(zk_delete(zk, "/m/a-0000000000", 7) == ZK_BAD_VERSION);
    MUST(zk_delete(zk, "/m/a-0000000000", 0) == ZK_OK && zk_delete(zk, "/m", ZK_ANY_VERSION) == ZK_OK);
    zk_close(zk);
}

static void a_ttl_node_of_a_multi_is_one(void)
{
    struct zk *zk = open_session();
    struct zk_multi *multi = zk_multi_new();
    struct zk_result *result;
    zk_multi_create(multi, "/t", NULL, 0, NULL, 0);
    zk_multi_create_ttl(multi, "/t/l", NULL, 0, NULL, ZK_SEQUENTIAL, 1);
    MUST(zk_multi_commit(zk, multi, &result) == ZK_OK && strcmp(result->steps[1].path, "/t/l0000000000") == 0);
    zk_result_free(result);
    zk_multi_free(multi);
    SOON(zk_exists(zk, "/t/l0000000000", NULL, NULL, NULL) == ZK_NO_NODE);
    MUST(zk_delete(zk, "/t", ZK_ANY_VERSION) == ZK_OK);
    zk_close(zk);
}

/* --- who may what --- */

static void the_ready_made_acls_say_what_their_names_do(void)
{
    struct zk *mine = open_session(), *other = open_session();
    struct zk_result *result;
    MUST(zk_create(mine, "/open", NULL, 0, zk_acl_open(), 0, NULL) == ZK_OK);
    MUST(zk_create(mine, "/read", NULL, 0, zk_acl_read(), 0, NULL) == ZK_OK);
    MUST(zk_create(mine, "/mine", NULL, 0, zk_acl_creator(), 0, NULL) == ZK_INVALID_ACL); /* nobody in particular */
    MUST(zk_add_auth(mine, "digest", "me:secret", 9) == ZK_OK);
    MUST(zk_create(mine, "/mine", "x", 1, zk_acl_creator(), 0, NULL) == ZK_OK);
    MUST(zk_sync(other, "/") == ZK_OK);
    MUST(zk_set(other, "/open", "1", 1, ZK_ANY_VERSION, NULL) == ZK_OK);
    MUST(zk_get(other, "/read", NULL, NULL, &result) == ZK_OK);
    zk_result_free(result);
    MUST(zk_set(other, "/read", "1", 1, ZK_ANY_VERSION, NULL) == ZK_NO_AUTH);
    MUST(zk_get(other, "/mine", NULL, NULL, &result) == ZK_NO_AUTH);
    MUST(zk_get(mine, "/mine", NULL, NULL, &result) == ZK_OK);
    zk_result_free(result);
    MUST(zk_delete(mine, "/mine", 0) == ZK_OK && zk_delete(mine, "/read", 0) == ZK_OK);
    MUST(zk_delete(mine, "/open", 1) == ZK_OK);
    zk_close(mine);
    zk_close(other);
}

/* --- watches --- */

static void on_change(struct zk *zk, const struct zk_watch_event *event, void *context)
{
    hear(context, event->type, event->last);
}

static void a_watch_that_is_removed_calls_a_last_time(void)
{
    struct zk *zk = open_session();
    struct heard watch = {.lock = PTHREAD_MUTEX_INITIALIZER};
    MUST(zk_remove_watches(zk, "/w", ZK_WATCHES_PERSISTENT) == ZK_NO_WATCHER);
    MUST(zk_add_watch(zk, "/w", false, on_change, &watch) == ZK_OK);
    MUST(zk_create(zk, "/w", NULL, 0, NULL, 0, NULL) == ZK_OK);
    SOON(watch.calls == 1);
    MUST(watch.code == ZK_NODE_CREATED && watch.fence == false);
    MUST(zk_remove_watches(zk, "/w", ZK_WATCHES_PERSISTENT) == ZK_OK);
    SOON(watch.calls == 2);
    MUST(watch.code == ZK_WATCH_REMOVED_PERSISTENT && watch.fence == true);
    MUST(zk_delete(zk, "/w", 0) == ZK_OK && zk_sync(zk, "/") == ZK_OK);
    MUST(watch.calls == 2);
    zk_close(zk);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"a multi happens whole or not at all", a_multi_happens_whole_or_not_at_all},
        {"a ttl node of a multi is one", a_ttl_node_of_a_multi_is_one},
        {"the ready-made acls say what their names do", the_ready_made_acls_say_what_their_names_do},
        {"a watch that is removed calls a last time", a_watch_that_is_removed_calls_a_last_time},
        {"who watches a group hears who comes and goes", who_watches_a_group_hears_who_comes_and_goes},
        {"a name is held by one at a time", a_name_is_held_by_one_at_a_time},
        {"the first leads and is followed", the_first_leads_and_is_followed},
        {"waiting for a lock can be called off", waiting_for_a_lock_can_be_called_off},
        {"an expired session ends all that hung on it", an_expired_session_ends_all_that_hung_on_it},
        {"a detached session goes on elsewhere", a_detached_session_goes_on_elsewhere},
        {"a lock needs no thread", a_lock_needs_no_thread},
    };
    if (argc != 2)
        return 2;
    servers = argv[1];
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tests[i].run();
        printf("ok: %s\n", tests[i].name);
        fflush(stdout);
    }
    return 0;
}
