/* stage.h: what the parts of this program stand on: handles of Apache's C client on three servers, and a driver that kills
 * servers when it is asked to (../foreign_c_client). */
#pragma once
#define THREADED 1 /* libzookeeper_mt: its synchronous calls */
#include <zookeeper/zookeeper.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGE_SESSION_MS 60000 /* all that zoo.cfg allows: a busy disk may stop an ensemble for half a minute */
#define STAGE_PATIENCE_MS 60000
#define STAGE_EVENTS_MAX 256

/* One part's: a node of its own, and whether servers are killed. */
struct stage {
    const char *hosts; /* host:port of three servers, with commas */
    bool storm;
    bool is_apache; /* the servers are, whose defects are excused where they are named */
    char root[64];
};

/* A watch that went off. */
struct stage_event {
    int type;
    char path[256];
};

/* A handle and what its watches were told, in order. Session events are counted, not listed. */
struct stage_client {
    const struct stage *stage;
    zhandle_t *handle;
    volatile int state;   /* the last that was told */
    volatile int resumed; /* how often it was connected */
    volatile size_t event_count;
    struct stage_event events[STAGE_EVENTS_MAX];
};

#define CHECK(holds) \
    do { \
        if (!(holds)) \
            stage_fail(__FILE__, __LINE__, #holds); \
    } while (0)
/* The code of a call is this one. */
#define GIVES(expected, call) stage_gives(__FILE__, __LINE__, #call, expected, call)
/* Becomes so within the patience. */
#define EVENTUALLY(holds) \
    do { \
        for (int waited_ms_ = 0; !(holds); waited_ms_ += 20) { \
            if (waited_ms_ > STAGE_PATIENCE_MS) \
                stage_fail(__FILE__, __LINE__, #holds); \
            stage_sleep(20); \
        } \
    } while (0)
/* In a storm a connection may break under a call, and the call is made again; its last code. Only for calls that may
 * happen twice. */
#define AGAIN(client, call) \
    ({ \
        int rc_; \
        while ((rc_ = (call)) == ZCONNECTIONLOSS && (client)->stage->storm) \
            stage_wait_connected(client); \
        rc_; \
    })

/* As AGAIN, of a create: one that broke may have happened. */
#define MADE(client, call) \
    do { \
        int made_ = AGAIN(client, call); \
        if (made_ != ZNODEEXISTS || !(client)->stage->storm) \
            GIVES(ZOK, made_); \
    } while (0)

_Noreturn void stage_fail(const char *file, int line, const char *what);
void stage_gives(const char *file, int line, const char *call, int expected, int found);
void stage_sleep(int ms);

/* A client that is connected to one of `hosts` (NULL: the stage's). The second resumes a session, if `id` is not NULL, and
 * may find it expired. Close it. */
struct stage_client *stage_open(const struct stage *stage, const char *hosts);
struct stage_client *stage_resume(const struct stage *stage, const char *hosts, const clientid_t *id, int timeout_ms);
void stage_close(struct stage_client *client); /* ends the session */
void stage_wait_connected(struct stage_client *client);
/* The watcher that every client has; as an object's watcher its context is the client. */
void stage_watcher(zhandle_t *handle, int type, int state, const char *path, void *context);
size_t stage_count(struct stage_client *client, int type, const char *path);

/* "ROOT/name": valid until the eighth call after this one. */
const char *stage_path(const struct stage *stage, const char *name);
int stage_port(struct stage_client *client); /* of the server that it is connected to */

/* In a storm, kill -9 of the leader: it is dead when this returns, and is started again soon. */
void stage_kill_leader(const struct stage *stage);
/* In a storm, makes a client change its server: the one that it has is killed. */
void stage_move(struct stage_client *client);

/* The parts. */
typedef void stage_part(const struct stage *stage);
stage_part calls_nodes, calls_kinds, calls_asynchronous, calls_in_order, calls_multi, calls_acl, calls_config, calls_large,
    calls_chroot;
stage_part watches_kinds, watches_global, watches_asynchronous, watches_removed, watches_removed_asynchronously,
    watches_another, watches_reconnect, watches_many;
stage_part sessions_move, sessions_servers, sessions_cycle, sessions_resume,
    sessions_expire, sessions_wrong_password, sessions_end, sessions_storm;
