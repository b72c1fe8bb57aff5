#include "server/recover.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/log.h"
#include "common/zxid.h"
#include "server/daemon.h"
#include "server/daemon_config.h"
#include "server/datadir.h"
#include "server/state/state.h"

#define WHY_SIZE 4096 /* two paths and a sentence */
#define PATH_SIZE (SETTINGS_PATH_SIZE + 32)

struct recover {
    struct settings settings;
    struct replica_config config;
    struct storage storage; /* ops NULL: not open */
    uint64_t old_cluster_id;
    size_t node_count; /* of the checkpoint; 0: none */
    char why[WHY_SIZE];
};

static const struct storage_image *image_of(const struct recover *r)
{
    return r->storage.ops->image(r->storage.self);
}

/* --- is it fit for a seed? --- */

/* The last of the stores that were put aside here; "" if none. */
static void find_put_aside(const char *dir, char *name, size_t size)
{
    DIR *list = opendir(dir);
    name[0] = '\0';
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;)
        if (strncmp(entry->d_name, DATADIR_STORE ".damaged-", strlen(DATADIR_STORE ".damaged-")) == 0 &&
            strcmp(entry->d_name, name) > 0)
            snprintf(name, size, "%.200s", entry->d_name);
    if (list != NULL)
        closedir(list);
}

static bool nothing_here(struct recover *r)
{
    char aside[256];
    find_put_aside(r->settings.data_dir, aside, sizeof aside);
    if (aside[0] == '\0')
        snprintf(r->why, sizeof r->why, "there is no data in %s: nothing can be made the seed of an ensemble",
                 r->settings.data_dir);
    else
        snprintf(r->why, sizeof r->why,
                 "there is no data in %s: what was there could not be read and is in %s/%s; recover another server's "
                 "store, or put a backup in the place of %s, or, to begin with nothing, move %s and %s away",
                 r->settings.data_dir, r->settings.data_dir, aside, DATADIR_STORE, aside, DATADIR_STORE);
    return false;
}

/* There, and ours: what another user writes into it, the daemon could not read. */
static bool may_open(struct recover *r)
{
    char path[PATH_SIZE];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", r->settings.data_dir, DATADIR_STORE);
    if (stat(path, &st) != 0)
        return nothing_here(r);
    if (st.st_uid == geteuid())
        return true;
    const struct passwd *owner = getpwuid(st.st_uid);
    snprintf(r->why, sizeof r->why, "%s belongs to user %s: run this as that user (runuser -u %s -- zkd recover ...)",
             path, owner != NULL ? owner->pw_name : "who is not known here", owner != NULL ? owner->pw_name : "...");
    return false;
}

static bool open_store(struct recover *r)
{
    const struct store_config config = datadir_store(&r->settings);
    if (!store_open(&config, &r->storage, r->why, sizeof r->why)) {
        r->storage.ops = NULL;
        return false;
    }
    return image_of(r)->last_zxid != 0 || nothing_here(r);
}

struct loading {
    struct state *state;
    struct zab *zab;
    char *why;
    size_t size;
};

static int load_row(void *arg, struct zk_slice key, struct zk_slice value)
{
    struct loading *l = arg;
    return state_load_row(l->state, key, value, l->why, l->size) ? 0 : 1;
}

static int load_group(void *arg, struct zk_slice group)
{
    struct loading *l = arg;
    return zab_load_group(l->zab, group, l->why, l->size) ? 0 : 1;
}

/* As a start would: every row, and the digest over them. */
static bool tree_loads(struct recover *r)
{
    const struct storage_image *image = image_of(r);
    if (image->checkpoint_zxid == 0)
        return true;
    struct loading l = {.state = state_load_begin(), .why = r->why, .size = sizeof r->why};
    snprintf(r->why, sizeof r->why, "the tree of the store in %s cannot be read", r->settings.data_dir);
    bool ok = r->storage.ops->each_row(r->storage.self, load_row, &l) == 0 &&
              state_load_end(l.state, image->checkpoint_zxid, image->checkpoint_digest, r->why, sizeof r->why);
    r->node_count = state_node_count(l.state);
    state_free(l.state);
    return ok;
}

static bool log_loads(struct recover *r)
{
    const struct storage_image *image = image_of(r);
    struct loading l = {.zab = zab_new(&r->config.zab, image), .why = r->why, .size = sizeof r->why};
    snprintf(r->why, sizeof r->why, "the log of the store in %s cannot be read", r->settings.data_dir);
    bool ok = r->storage.ops->each_group(r->storage.self, image->checkpoint_zxid, load_group, &l) == 0;
    r->old_cluster_id = zab_cluster_id(l.zab);
    zab_free(l.zab);
    return ok;
}

static bool is_voter(struct recover *r)
{
    for (size_t i = 0; i < r->config.zab.member_count; i++)
        if (r->config.zab.members[i].id == r->settings.self && r->config.zab.members[i].role == ZAB_PARTICIPANT)
            return true;
    snprintf(r->why, sizeof r->why, "server %" PRIu64 " is an observer in the server lines: the seed must be a voter",
             r->settings.self);
    return false;
}

/* --- saying what it means --- */

static void tell_store(const struct recover *r)
{
    const struct storage_image *image = image_of(r);
    printf("The store in %s/%s, of server %" PRIu64 ":\n", r->settings.data_dir, DATADIR_STORE, r->settings.self);
    if (r->old_cluster_id != 0)
        printf("  it belongs to ensemble %016" PRIx64 "\n", r->old_cluster_id);
    printf("  its log ends at 0x%" PRIx64 ", in epoch %u; it has promised epoch %" PRIu64 "\n",
           image->last_zxid, (unsigned)zxid_epoch(image->last_zxid), image->promised);
    if (image->commit < image->last_zxid)
        printf("  up to 0x%" PRIx64 " it is known to be committed; what follows may have been acknowledged to clients "
               "or not,\n  and will count as committed\n", image->commit);
    else
        printf("  all of it is known to be committed\n");
    if (image->checkpoint_zxid != 0)
        printf("  its tree is whole at 0x%" PRIx64 ": %zu znodes; log and tree are verified\n", image->checkpoint_zxid,
               r->node_count);
    else
        printf("  it has no checkpoint of the tree yet; the log reaches back to the beginning and is verified\n");
    if (image->verdict == STORAGE_DAMAGED)
        printf("  IT IS DAMAGED: %s\n", image->why);
    else
        printf("  it is not behind its ack mark\n");
}

/* What the others were seen to hold: a witness knows what is missing here. */
static void tell_losses(const struct recover *r)
{
    const struct storage_image *image = image_of(r);
    bool more_elsewhere = false;
    printf("\nWhat may be lost: whatever was acknowledged to clients after 0x%" PRIx64 ".\n", image->last_zxid);
    for (size_t i = 0; i < image->witness_count; i++) {
        const struct storage_witness *w = &image->witnesses[i];
        if (w->server == r->settings.self || w->zxid <= image->last_zxid)
            continue;
        printf("  server %" PRIu64 " was seen to hold entries up to 0x%" PRIx64 "\n", w->server, w->zxid);
        more_elsewhere = true;
    }
    if (r->config.zab.member_count == 1)
        return;
    printf("If another server's store ends later%s, recover that one: run this command there, and answer no,\n"
           "to see. If a quorum of the servers still has its stores, recover nothing: start them.\n",
           more_elsewhere ? " (one is known to, above)" : "");
}

static void tell_plan(const struct recover *r)
{
    const struct settings *s = &r->settings;
    printf("\nWhat will be done: this store becomes the seed of a new ensemble of %zu server%s, with a new id. The seed\n"
           "serves alone at once.", r->config.zab.member_count, r->config.zab.member_count == 1 ? "" : "s");
    if (r->config.zab.member_count == 1) {
        printf("\n");
        return;
    }
    printf(" Each other server joins when it is started with a blank store, is brought level and counts from\n"
           "then on; with the store that it has now it is refused. So on each of them (server");
    for (size_t i = 0; i < r->config.zab.member_count; i++)
        if (r->config.zab.members[i].id != s->self)
            printf(" %" PRIu64, r->config.zab.members[i].id);
    printf("), with zkd stopped, unless it is blank:\n    mv %s/%s %s/%s.before-recover\n", s->data_dir,
           DATADIR_STORE, s->data_dir, DATADIR_STORE);
    if (s->data_log_dir[0] != '\0' && strcmp(s->data_log_dir, s->data_dir) != 0)
        printf("    mv %s/%s %s/%s.before-recover\n", s->data_log_dir, DATADIR_STORE, s->data_log_dir, DATADIR_STORE);
    printf("where dataDir is the same there; myid stays.\n");
}

static bool is_agreed(struct recover *r, const struct recover_options *options)
{
    char answer[16];
    if (options->is_confirmed)
        return true;
    if (!isatty(STDIN_FILENO)) {
        snprintf(r->why, sizeof r->why, "nothing was changed: without a terminal to ask at, recover needs --yes");
        return false;
    }
    printf("\nGo on? Type yes: ");
    fflush(stdout);
    if (fgets(answer, sizeof answer, stdin) != NULL && strcmp(answer, "yes\n") == 0)
        return true;
    snprintf(r->why, sizeof r->why, "nothing was changed");
    return false;
}

/* --- doing it --- */

/* False: the storage failed. */
static bool wait_durable(struct recover *r, uint64_t seq)
{
    struct pollfd notify = {.fd = store_notify_fd(&r->storage), .events = POLLIN};
    struct storage_report report;
    for (;;) {
        while (r->storage.ops->poll(r->storage.self, &report)) {
            if (report.kind == STORAGE_FAILED) {
                snprintf(r->why, sizeof r->why, "%s", report.why);
                return false;
            }
            if (report.kind == STORAGE_DURABLE && report.seq >= seq)
                return true;
        }
        poll(&notify, 1, -1);
    }
}

static uint64_t random_id(const struct recover *r)
{
    uint64_t id = 0;
    while (id == 0)
        r->config.random(NULL, &id, sizeof id);
    return id;
}

static bool write_founding(struct recover *r)
{
    struct zab_refounding founding;
    uint64_t cluster_id = random_id(r);
    zab_refound(&r->config.zab, image_of(r), cluster_id, random_id(r), &founding);
    uint64_t seq = r->storage.ops->submit(r->storage.self, founding.ops, ZAB_REFOUNDING_OPS);
    uint64_t zxid = founding.zxid;
    zab_refounding_fini(&founding);
    if (!wait_durable(r, seq))
        return false;
    printf("\nDone: ensemble %016" PRIx64 " begins at 0x%" PRIx64 ". Start zkd here%s.\n", cluster_id, zxid,
           r->config.zab.member_count == 1 ? "" : ", then the others, with blank stores");
    return true;
}

static bool recover(struct recover *r, const struct recover_options *options)
{
    if (!daemon_config_load(options->file, &r->settings) ||
        !datadir_check(&r->settings, r->why, sizeof r->why))
        return false;
    r->config = daemon_config_make(&r->settings);
    if (!is_voter(r))
        return false;
    if (!may_open(r) || !open_store(r) || !tree_loads(r) || !log_loads(r))
        return false;
    tell_store(r);
    tell_losses(r);
    tell_plan(r);
    fflush(stdout);
    return is_agreed(r, options) && write_founding(r);
}

int recover_run(const struct recover_options *options)
{
    struct recover *r = zk_calloc(1, sizeof *r);
    umask(077);
    zk_log_open(ZK_LOG_STDERR, ZK_LOG_WARN, "zkd");
    bool ok = recover(r, options);
    if (!ok && r->why[0] != '\0')
        zk_log_error("%s", r->why);
    if (r->storage.ops != NULL)
        store_close(&r->storage);
    free(r);
    return ok ? DAEMON_STOPPED : DAEMON_NOT_STARTED;
}
