#include "client/recipes/place.h"
#include <stdlib.h>

struct zk_election {
    struct zk_election_calls calls;
    pthread_mutex_t mutex;
    struct zkr_place *place;
    bool leader;
};

static void on_first(uint64_t fence, void *context)
{
    struct zk_election *election = context;
    pthread_mutex_lock(&election->mutex);
    election->leader = true;
    pthread_mutex_unlock(&election->mutex);
    if (election->calls.on_won != NULL)
        election->calls.on_won(election, fence, election->calls.context);
}

static void on_ended(int code, void *context)
{
    struct zk_election *election = context;
    pthread_mutex_lock(&election->mutex);
    election->leader = false;
    pthread_mutex_unlock(&election->mutex);
    if (election->calls.on_lost != NULL)
        election->calls.on_lost(election, code, election->calls.context);
}

int zk_election_join(struct zk *zk, const char *path, const void *data, size_t data_len,
                     const struct zk_election_calls *calls, struct zk_election **ret_election)
{
    static const struct zkr_place_calls place_calls = {NULL, on_first, on_ended};
    struct zk_election *election = calloc(1, sizeof *election);
    if (election == NULL)
        return ZK_SYSTEM_ERROR;
    election->calls = *calls;
    pthread_mutex_init(&election->mutex, NULL);
    *ret_election = election; /* before a callback can come */
    int code = zkr_place_enter(zk, path, "latch", data, data_len, &place_calls, election, &election->place);
    if (code != ZK_OK) {
        pthread_mutex_destroy(&election->mutex);
        free(election);
        *ret_election = NULL;
    }
    return code;
}

bool zk_election_is_leader(struct zk_election *election)
{
    pthread_mutex_lock(&election->mutex);
    bool leader = election->leader;
    pthread_mutex_unlock(&election->mutex);
    return leader;
}

void zk_election_leave(struct zk_election *election)
{
    if (election == NULL)
        return;
    zkr_place_leave(election->place, NULL, NULL);
    pthread_mutex_destroy(&election->mutex);
    free(election);
}

int zk_election_leader(struct zk *zk, const char *path, struct zk_result **ret_result)
{
    /* The first may leave between the list and the look at it; then there is another, or nobody. */
    for (;;) {
        struct zk_result *list;
        if (ret_result != NULL)
            *ret_result = NULL;
        int code = zk_get_children(zk, path, NULL, NULL, &list);
        if (code != ZK_OK)
            return code;
        const char *first = zkr_place_first_of(list);
        char *node = NULL;
        if (first == NULL)
            code = ZK_NO_NODE;
        else if ((node = zkr_child_path(path, first)) == NULL)
            code = ZK_SYSTEM_ERROR;
        zk_result_free(list);
        if (code != ZK_OK)
            return code;
        code = zk_get(zk, node, NULL, NULL, ret_result);
        free(node);
        if (code != ZK_NO_NODE)
            return code;
    }
}
