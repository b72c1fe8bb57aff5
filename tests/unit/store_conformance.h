/* store_conformance.h: what every implementation of server/replica/storage.h must do, run against the real store and
 * the simulator's disk. */
#pragma once
#include "server/replica/storage.h"
#include "tests/unit/run.h"

/* Something that holds a store and can be opened again. */
struct store_medium {
    const char *name;
    void *(*make)(void); /* blank, closed */
    void (*free)(void *medium);
    struct storage (*open)(void *medium);
    void (*close)(void *medium); /* a clean stop */
    void (*crash)(void *medium); /* the process ends now, as kill -9 would have it */
    void (*wait)(void *medium);  /* until a report may be there, or a while */
};

Suite *store_conformance(const struct store_medium *medium);

/* --- a rig for tests: one store, driven --- */

struct rig {
    const struct store_medium *medium;
    void *m;
    struct storage s;
    uint64_t seq;     /* of the last submit */
    uint64_t durable; /* reported */
    uint64_t zxid;    /* tail of what was submitted */
    uint64_t hash;
    uint64_t token;
    bool failed;
    uint64_t checkpointed; /* zxid of the last CHECKPOINTED */
    bool answered;         /* to the last read; `answer` and `bytes` are it */
    struct storage_report answer;
    struct zk_buf bytes;
    char why[256];
};

void rig_init(struct rig *r, const struct store_medium *medium);
void rig_fini(struct rig *r);
void rig_open(struct rig *r);
void rig_reopen(struct rig *r); /* clean */
void rig_crash(struct rig *r);  /* and open again */
const struct storage_image *rig_image(const struct rig *r);
void rig_op(struct rig *r, struct storage_op op);
/* A group of `count` entries behind the tail; its last zxid. */
uint64_t rig_append(struct rig *r, uint32_t count);
/* The next entries are of this epoch. */
void rig_epoch(struct rig *r, uint64_t epoch);
void rig_settle(struct rig *r); /* everything submitted is durable, or the store failed */
void rig_await(struct rig *r);  /* the answer to a read */
/* A checkpoint at the tail with these rows ("key=value", "key-" deletes, separated by spaces), in place on return. */
void rig_checkpoint(struct rig *r, const char *rows);
struct zk_buf rig_rows(const char *rows);
/* "key=value key=value", as the store has it. */
char *rig_tree(struct rig *r);
/* "0x1-0x3 0x4-0x4": the groups after `after_zxid`; fails if one is malformed or they do not chain. */
char *rig_log(struct rig *r, uint64_t after_zxid);
