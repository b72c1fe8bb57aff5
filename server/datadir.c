#include "server/datadir.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/log.h"

#define PATH_SIZE (SETTINGS_PATH_SIZE + 32)

static const char *log_dir(const struct settings *s)
{
    return s->data_log_dir[0] != '\0' ? s->data_log_dir : s->data_dir;
}

/* mkdir -p */
static bool make_path(const char *path)
{
    char part[SETTINGS_PATH_SIZE];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return mkdir(part, 0700) == 0 || errno == EEXIST;
}

static bool directory_ok(const char *key, const char *path, bool may_make, char *why, size_t size)
{
    struct stat st;
    if (stat(path, &st) != 0 && errno == ENOENT) {
        if (!may_make)
            return true;
        if (!make_path(path) || stat(path, &st) != 0) {
            snprintf(why, size, "%s %s does not exist and cannot be made: %s", key, path, strerror(errno));
            return false;
        }
        zk_log_info("made %s %s", key, path);
    } else if (stat(path, &st) != 0) {
        snprintf(why, size, "%s %s cannot be used: %s", key, path, strerror(errno));
        return false;
    }
    if (!S_ISDIR(st.st_mode)) {
        snprintf(why, size, "%s %s is not a directory", key, path);
        return false;
    }
    if (access(path, R_OK | W_OK | X_OK) != 0) {
        snprintf(why, size, "%s %s is not writable by user %u: %s", key, path, (unsigned)geteuid(), strerror(errno));
        return false;
    }
    if ((st.st_mode & 077) != 0)
        zk_log_warn("%s %s has mode %04o: others on this host can see into it (chmod 700 %s)", key, path,
                    (unsigned)st.st_mode & 07777, path);
    return true;
}

static bool has_store(const struct settings *s)
{
    char path[PATH_SIZE];
    struct stat st;
    snprintf(path, sizeof path, "%s/" DATADIR_STORE "/db/CURRENT", s->data_dir); /* RocksDB's own first file */
    return stat(path, &st) == 0;
}

static bool check(const struct settings *s, bool may_make, char *why, size_t size)
{
    char dir[PATH_SIZE];
    if (!directory_ok("dataDir", s->data_dir, may_make, why, size))
        return false;
    /* That of a store that exists is never made: it may not be mounted, and the store then says so. */
    if (log_dir(s) != s->data_dir && !directory_ok("dataLogDir", log_dir(s), may_make && !has_store(s), why, size))
        return false;
    if (has_store(s) ||
        (!store_finds_apache(s->data_dir, dir, sizeof dir) && !store_finds_apache(log_dir(s), dir, sizeof dir)))
        return true;
    snprintf(why, size,
             "%s holds Apache ZooKeeper's data, and zkd has none here: it must be imported first; zkd never starts "
             "empty beside it",
             dir);
    return false;
}

bool datadir_prepare(const struct settings *s, char *why, size_t size)
{
    return check(s, true, why, size);
}

bool datadir_check(const struct settings *s, char *why, size_t size)
{
    return check(s, false, why, size);
}

struct store_config datadir_store(const struct settings *s)
{
    return (struct store_config){
        .data_dir = s->data_dir,
        .wal_dir = s->data_log_dir[0] != '\0' ? s->data_log_dir : NULL,
        .server_id = s->self,
    };
}

static void initialize_path(const struct settings *s, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/initialize", s->data_dir);
}

bool datadir_has_initialize(const struct settings *s)
{
    char path[PATH_SIZE];
    initialize_path(s, path);
    return access(path, F_OK) == 0;
}

void datadir_drop_initialize(const struct settings *s)
{
    char path[PATH_SIZE];
    initialize_path(s, path);
    if (unlink(path) == 0)
        zk_log_info("the ensemble exists: %s was removed, as Apache does", path);
}
