/* sessions.c: sessions that move, are resumed by another process, expire and end. */
#include "tests/system/c_client/stage.h"
#include <sys/wait.h>
#include <unistd.h>

#define SHORT_MS 2000

static bool is_there(struct stage_client *c, const char *name)
{
    int rc = AGAIN(c, zoo_exists(c->handle, stage_path(c->stage, name), 0, NULL));
    CHECK(rc == ZOK || rc == ZNONODE);
    return rc == ZOK;
}

static void make_ephemeral(struct stage_client *c, const char *name)
{
    MADE(c, zoo_create(c->handle, stage_path(c->stage, name), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0));
}

/* A process that opens a session with an ephemeral node, and dies without closing it; its session's id. */
static clientid_t leave_behind(const struct stage *s, int timeout_ms)
{
    clientid_t id;
    int ends[2];
    CHECK(pipe(ends) == 0);
    pid_t child = fork(); /* before this process has threads of its own */
    CHECK(child >= 0);
    if (child == 0) {
        struct stage_client *c = stage_resume(s, NULL, NULL, timeout_ms);
        make_ephemeral(c, "left");
        _exit(write(ends[1], zoo_client_id(c->handle), sizeof id) == sizeof id ? 0 : 1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(read(ends[0], &id, sizeof id) == sizeof id);
    close(ends[0]);
    close(ends[1]);
    return id;
}

void sessions_move(const struct stage *s)
{
    struct stage_client *c = stage_open(s, NULL), *other = stage_open(s, NULL);
    clientid_t id = *zoo_client_id(c->handle);
    make_ephemeral(c, "mine");
    for (int i = 0; i < 4; i++) {
        stage_move(c);
        CHECK(zoo_client_id(c->handle)->client_id == id.client_id);
        CHECK(atoi(strrchr(zoo_get_current_server(c->handle), ':') + 1) == stage_port(c));
        CHECK(is_there(c, "mine"));
        EVENTUALLY(is_there(other, "mine")); /* whose server may be a little behind */
    }
    stage_close(c);
    EVENTUALLY(!is_there(other, "mine"));
    stage_close(other);
}

/* Gives the client one server, by an address that is not its last one's: Apache's client compares addresses without ports,
 * and stays where it is if the new ones include its own. 0.0.0.0 is 127.0.0.1 by another name. */
static void give_server(struct stage_client *c, int port, const char *address)
{
    char host[64];
    int resumed = c->resumed;
    snprintf(host, sizeof host, "%s:%d", address, port);
    GIVES(ZOK, zoo_set_servers(c->handle, host));
    EVENTUALLY(zoo_exists(c->handle, c->stage->root, 0, NULL) == ZOK); /* else its thread sleeps on until the next ping */
    EVENTUALLY(c->resumed > resumed && stage_port(c) == port);
}

/* A client that is given other servers goes to one of them with its session. */
void sessions_servers(const struct stage *s)
{
    char hosts[3][64];
    CHECK(sscanf(s->hosts, "%63[^,],%63[^,],%63s", hosts[0], hosts[1], hosts[2]) == 3);
    struct stage_client *c = stage_open(s, hosts[0]), *other = stage_open(s, NULL);
    int64_t id = zoo_client_id(c->handle)->client_id;
    make_ephemeral(c, "mine");
    GIVES(ZBADARGUMENTS, zoo_set_servers(c->handle, NULL));
    for (int i = 1; i <= 3; i++) {
        give_server(c, atoi(strchr(hosts[i % 3], ':') + 1), i % 2 == 1 ? "0.0.0.0" : "127.0.0.1");
        CHECK(zoo_client_id(c->handle)->client_id == id);
        CHECK(is_there(c, "mine"));
    }
    GIVES(ZOK, zoo_set_servers(c->handle, s->hosts));
    EVENTUALLY(zoo_exists(c->handle, s->root, 0, NULL) == ZOK && zoo_state(c->handle) == ZOO_CONNECTED_STATE);
    stage_move(c);
    CHECK(zoo_client_id(c->handle)->client_id == id && is_there(c, "mine"));
    EVENTUALLY(is_there(other, "mine"));
    stage_close(c);
    EVENTUALLY(!is_there(other, "mine"));
    stage_close(other);
}

/* Which server is the next is the client's own matter: no connection changes. */
void sessions_cycle(const struct stage *s)
{
    struct stage_client *c = stage_open(s, NULL);
    char first[64];
    int resumed = c->resumed, port = stage_port(c);
    zoo_cycle_next_server(c->handle);
    snprintf(first, sizeof first, "%s", zoo_get_current_server(c->handle));
    for (int i = 1; i <= 3; i++) {
        zoo_cycle_next_server(c->handle);
        CHECK((strcmp(zoo_get_current_server(c->handle), first) == 0) == (i == 3)); /* all of the three in turn */
        GIVES(ZOK, zoo_exists(c->handle, s->root, 0, NULL));
        CHECK(stage_port(c) == port && c->resumed == resumed);
    }
    stage_move(c);
    GIVES(ZOK, AGAIN(c, zoo_exists(c->handle, s->root, 0, NULL)));
    stage_close(c);
}

void sessions_resume(const struct stage *s)
{
    clientid_t id = leave_behind(s, STAGE_SESSION_MS);
    stage_kill_leader(s);
    struct stage_client *c = stage_resume(s, NULL, &id, STAGE_SESSION_MS), *other = stage_open(s, NULL);
    struct Stat stat;
    CHECK(c->state == ZOO_CONNECTED_STATE && zoo_client_id(c->handle)->client_id == id.client_id);
    GIVES(ZOK, AGAIN(c, zoo_exists(c->handle, stage_path(s, "left"), 0, &stat)));
    CHECK(stat.ephemeralOwner == id.client_id);
    stage_close(c);
    EVENTUALLY(!is_there(other, "left"));
    stage_close(other);
}

/* A session whose client is gone ends, and who comes back too late is told so. */
void sessions_expire(const struct stage *s)
{
    clientid_t id = leave_behind(s, SHORT_MS);
    struct stage_client *other = stage_open(s, NULL);
    CHECK(is_there(other, "left"));
    stage_kill_leader(s);
    EVENTUALLY(!is_there(other, "left"));
    struct stage_client *c = stage_resume(s, NULL, &id, SHORT_MS);
    CHECK(c->state == ZOO_EXPIRED_SESSION_STATE);
    GIVES(ZINVALIDSTATE, is_unrecoverable(c->handle));
    int rc = zoo_exists(c->handle, s->root, 0, NULL);
    CHECK(rc == ZINVALIDSTATE || rc == ZSESSIONEXPIRED);
    stage_close(c);
    stage_close(other);
}

void sessions_wrong_password(const struct stage *s)
{
    struct stage_client *c = stage_open(s, NULL);
    clientid_t id = *zoo_client_id(c->handle);
    make_ephemeral(c, "mine");
    stage_kill_leader(s);
    id.passwd[3] ^= 1;
    struct stage_client *thief = stage_resume(s, NULL, &id, STAGE_SESSION_MS);
    CHECK(thief->state == ZOO_EXPIRED_SESSION_STATE);
    stage_close(thief);
    CHECK(is_there(c, "mine"));
    CHECK(zoo_client_id(c->handle)->client_id == id.client_id);
    stage_close(c);
}

void sessions_end(const struct stage *s)
{
    struct stage_client *c = stage_resume(s, NULL, NULL, 300), *other = stage_resume(s, NULL, NULL, 3600000);
    CHECK(zoo_recv_timeout(c->handle) == 500);       /* minSessionTimeout */
    CHECK(zoo_recv_timeout(other->handle) == 60000); /* maxSessionTimeout */
    stage_close(c);
    c = stage_open(s, NULL);
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "e%d", i);
        make_ephemeral(c, name);
    }
    stage_kill_leader(s);
    EVENTUALLY(is_there(other, "e0") && is_there(other, "e49"));
    CHECK(is_there(c, "e0")); /* the connection is back, if it broke */
    stage_close(c);
    EVENTUALLY(!is_there(other, "e49")); /* all of them at once */
    CHECK(!is_there(other, "e0"));
    stage_close(other);
}

/* --- many clients, much under way, and the leader gone --- */

#define WRITERS 4
#define EACH 300

struct writer {
    struct stage_client *client;
    volatile int answered, lost;
    bool disordered;
    char last[64];
    char made[EACH][64];
    volatile int made_count;
};

static void written(int rc, const char *value, const void *data)
{
    struct writer *w = (struct writer *)data;
    if (rc == ZOK) {
        const char *name = strrchr(value, '/') + 1;
        w->disordered |= strcmp(name, w->last) <= 0; /* one client's writes happen in its order */
        snprintf(w->last, sizeof w->last, "%s", name);
        snprintf(w->made[w->made_count++], sizeof w->made[0], "%s", name);
    } else {
        w->disordered |= rc != ZCONNECTIONLOSS;
        w->lost++;
    }
    __atomic_add_fetch(&w->answered, 1, __ATOMIC_RELEASE);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What was acknowledged is there, once; what is there besides had its connection broken. */
static void expect_written(struct stage_client *judge, struct writer writers[WRITERS])
{
    struct String_vector names;
    int made = 0, lost = 0;
    /* A write of its own, for what its server shows after that is no older. */
    GIVES(ZOK, AGAIN(judge, zoo_set(judge->handle, judge->stage->root, "", 0, -1)));
    GIVES(ZOK, AGAIN(judge, zoo_get_children(judge->handle, stage_path(judge->stage, "log"), 0, &names)));
    qsort(names.data, (size_t)names.count, sizeof *names.data, by_name);
    for (int k = 0; k < WRITERS; k++) {
        CHECK(!writers[k].disordered);
        for (int i = 0; i < writers[k].made_count; i++) {
            char *name = writers[k].made[i];
            CHECK(bsearch(&name, names.data, (size_t)names.count, sizeof *names.data, by_name) != NULL);
        }
        made += writers[k].made_count;
        lost += writers[k].lost;
    }
    CHECK(names.count >= made && names.count <= made + lost);
    CHECK(lost == 0 || judge->stage->storm);
    deallocate_String_vector(&names);
}

void sessions_storm(const struct stage *s)
{
    static struct writer writers[WRITERS];
    memset(writers, 0, sizeof writers);
    struct stage_client *judge = stage_open(s, NULL);
    char path[256];
    GIVES(ZOK, zoo_create(judge->handle, stage_path(s, "log"), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    for (int k = 0; k < WRITERS; k++)
        writers[k].client = stage_open(s, NULL);
    for (int i = 0; i < EACH; i++) {
        for (int k = 0; k < WRITERS; k++) {
            snprintf(path, sizeof path, "%s/log/n-", s->root);
            GIVES(ZOK, zoo_acreate(writers[k].client->handle, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_SEQUENTIAL,
                                   written, &writers[k]));
        }
        if (i % 100 == 50)
            stage_kill_leader(s);
    }
    for (int k = 0; k < WRITERS; k++)
        EVENTUALLY(__atomic_load_n(&writers[k].answered, __ATOMIC_ACQUIRE) == EACH);
    expect_written(judge, writers);
    for (int k = 0; k < WRITERS; k++)
        stage_close(writers[k].client);
    stage_close(judge);
}
