#include "tests/system/c_client/stage.h"
#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>

_Noreturn void stage_fail(const char *file, int line, const char *what)
{
    printf("%s:%d: not so: %s\n", file, line, what);
    fflush(stdout);
    _exit(1); /* with whatever threads there are */
}

void stage_gives(const char *file, int line, const char *call, int expected, int found)
{
    char text[512];
    if (expected == found)
        return;
    snprintf(text, sizeof text, "%s gives %s; it gives %s", call, zerror(expected), zerror(found));
    stage_fail(file, line, text);
}

void stage_sleep(int ms)
{
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

void stage_watcher(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    struct stage_client *client = context;
    if (type == ZOO_SESSION_EVENT) {
        client->resumed += state == ZOO_CONNECTED_STATE;
        client->state = state;
        return;
    }
    CHECK(client->event_count < STAGE_EVENTS_MAX);
    struct stage_event *event = &client->events[client->event_count];
    event->type = type;
    snprintf(event->path, sizeof event->path, "%s", path);
    __atomic_add_fetch(&client->event_count, 1, __ATOMIC_RELEASE);
}

/* What is called for a handle's own watcher, which knows the client by the handle's context. */
static void own_watcher(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    stage_watcher(handle, type, state, path, (void *)zoo_get_context(handle));
}

struct stage_client *stage_resume(const struct stage *stage, const char *hosts, const clientid_t *id, int timeout_ms)
{
    struct stage_client *client = calloc(1, sizeof *client);
    if (client == NULL)
        abort();
    client->stage = stage;
    client->handle = zookeeper_init(hosts ? hosts : stage->hosts, own_watcher, timeout_ms, id, client, 0);
    CHECK(client->handle != NULL);
    EVENTUALLY(client->state == ZOO_CONNECTED_STATE || client->state == ZOO_EXPIRED_SESSION_STATE);
    return client;
}

struct stage_client *stage_open(const struct stage *stage, const char *hosts)
{
    struct stage_client *client = stage_resume(stage, hosts, NULL, STAGE_SESSION_MS);
    CHECK(client->state == ZOO_CONNECTED_STATE);
    return client;
}

void stage_close(struct stage_client *client)
{
    int rc = zookeeper_close(client->handle);
    CHECK(rc == ZOK || rc == ZCONNECTIONLOSS || rc == ZSESSIONEXPIRED || rc == ZINVALIDSTATE);
    free(client);
}

void stage_wait_connected(struct stage_client *client)
{
    EVENTUALLY(zoo_state(client->handle) == ZOO_CONNECTED_STATE);
}

size_t stage_count(struct stage_client *client, int type, const char *path)
{
    size_t count = 0, all = __atomic_load_n(&client->event_count, __ATOMIC_ACQUIRE);
    for (size_t i = 0; i < all; i++)
        count += client->events[i].type == type && strcmp(client->events[i].path, path) == 0;
    return count;
}

const char *stage_path(const struct stage *stage, const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s%s%s", stage->root, *name ? "/" : "", name);
    return path;
}

int stage_port(struct stage_client *client)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    return zookeeper_get_connected_host(client->handle, (struct sockaddr *)&address, &len) ? ntohs(address.sin_port) : 0;
}

static void ask_driver(const char *what, int port)
{
    char answer[64];
    printf("%s %d\n", what, port);
    fflush(stdout);
    CHECK(fgets(answer, sizeof answer, stdin) != NULL);
    CHECK(strcmp(answer, "killed\n") == 0);
}

void stage_kill_leader(const struct stage *stage)
{
    if (stage->storm)
        ask_driver("KILL", 0);
}

void stage_move(struct stage_client *client)
{
    int port = stage_port(client), resumed = client->resumed;
    if (!client->stage->storm)
        return;
    CHECK(port != 0);
    ask_driver("KILL", port);
    EVENTUALLY(client->resumed > resumed);
    CHECK(stage_port(client) != port);
}
