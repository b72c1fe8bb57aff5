/* work.h: what a person wants done: requests drawn from the seed over a few hot paths, so that they meet. */
#pragma once
#include "tests/sim/person.h"

#define WORK_STEPS_MAX  5
#define WORK_PATH_BYTES 64

/* A request with room for what it borrows. */
struct work {
    struct zkc_request request;
    struct zkc_request steps[WORK_STEPS_MAX];
    char paths[WORK_STEPS_MAX + 1][WORK_PATH_BYTES];
    uint8_t *data;
    bool is_keepers; /* the asker is one that knows ClickHouse Keeper's operations */
    size_t acl_count;
    struct zk_buf acls[WORK_STEPS_MAX];
};

/* Who a client may prove to be: what it says, and the identity that this gives it. */
enum { WORK_USERS = 3 };
struct work_user {
    const char *credentials;
    const char *id;
};
extern const struct work_user work_users[WORK_USERS];

void work_draw(struct work *work, struct world *w, const struct life *life);
void work_fini(struct work *work);
