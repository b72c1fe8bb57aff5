/* main.c: Apache's C client, libzookeeper_mt, doing its whole range on three servers of whatever make.
 *
 * Usage: c_client HOSTS quiet|storm [PART OF A NAME]    ($C_CLIENT_APACHE: the servers are Apache's)
 *
 * In a storm it says 'KILL 0' for the leader or 'KILL PORT' for one server on standard output, and goes on when the answer
 * is 'killed'. Each part is a process of its own. */
#include "tests/system/c_client/stage.h"
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The library without threads has the same names, so its program is another one. */
static void single(const struct stage *s)
{
    const char *program = getenv("C_CLIENT_SINGLE");
    CHECK(program != NULL);
    execl(program, program, s->hosts, s->root, s->storm ? "storm" : "quiet", (char *)NULL);
    CHECK(!"it is started");
}

static const struct {
    const char *name;
    stage_part *play;
} parts[] = {
    {"nodes are made, read, changed and deleted", calls_nodes},
    {"every kind of node ends as its kind does", calls_kinds},
    {"every asynchronous call is answered", calls_asynchronous},
    {"calls under way are answered in order", calls_in_order},
    {"a multi is all or nothing", calls_multi},
    {"access control lists keep strangers out", calls_acl},
    {"the configuration is read, not changed", calls_config},
    {"large data and many children pass", calls_large},
    {"a client may live below a node", calls_chroot},
    {"watches tell of every kind of change", watches_kinds},
    {"a handle's own watcher is told", watches_global},
    {"a handle's watcher may be replaced", watches_another},
    {"watches are set without waiting", watches_asynchronous},
    {"removed watches tell nothing", watches_removed},
    {"watches are removed without waiting", watches_removed_asynchronously},
    {"watches go with their client from server to server", watches_reconnect},
    {"many watches go with it too", watches_many},
    {"a session moves with its client", sessions_move},
    {"a client may be given other servers", sessions_servers},
    {"a client may be turned to its next server", sessions_cycle},
    {"a session is resumed by another process", sessions_resume},
    {"a session whose client is gone expires", sessions_expire},
    {"a session needs its password", sessions_wrong_password},
    {"a session ends with its nodes", sessions_end},
    {"what was acknowledged stays", sessions_storm},
    {"one thread does without the library's", single},
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_root(const struct stage *s)
{
    struct stage_client *c = stage_open(s, NULL);
    GIVES(ZOK, zoo_create(c->handle, s->root, "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    stage_close(c);
}

/* In a process of its own, so that it may fork before it has threads. */
static bool play(const struct stage *s, stage_part *part)
{
    int status = -1;
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            (i == 0 ? make_root : part)(s);
            fflush(stdout);
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    int run = 0;
    if (argc < 3)
        return 2;
    setvbuf(stdin, NULL, _IONBF, 0); /* its processes share it */
    zoo_set_debug_level(0);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct stage s = {.hosts = argv[1], .storm = strcmp(argv[2], "storm") == 0};
        s.is_apache = getenv("C_CLIENT_APACHE") != NULL;
        if (argc > 3 && strstr(parts[i].name, argv[3]) == NULL)
            continue;
        snprintf(s.root, sizeof s.root, "/%s-%zu", argv[2], i);
        double began = seconds();
        if (!play(&s, parts[i].play)) {
            printf("FAILED: %s\n", parts[i].name);
            return 1;
        }
        printf("ok: %s (%.2f s)\n", parts[i].name, seconds() - began);
        fflush(stdout);
        run++;
    }
    printf("RAN %d\n", run);
    return 0;
}
