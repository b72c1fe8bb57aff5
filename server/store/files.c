#include "server/store/files.h"
#include "server/store/store.h"
#include "common/log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

bool store_explain(char *why, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, size, format, args);
    va_end(args);
    return false;
}

ZK_PRINTF(2, 3)
static void set_path(char path[FILES_PATH_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(path, FILES_PATH_MAX, format, args);
    va_end(args);
    ZK_ASSERT(len < FILES_PATH_MAX); /* files_open has bounded what they are made of */
}

static bool is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static bool sync_dir(const char *path, char *why, size_t size)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    return ok || store_explain(why, size, "cannot sync the directory %s: %s", path, strerror(error));
}

static bool make_dir(const char *path, mode_t mode, char *why, size_t size)
{
    if (mkdir(path, mode) != 0 && errno != EEXIST)
        return store_explain(why, size, "cannot make the directory %s: %s", path, strerror(errno));
    return is_dir(path) || store_explain(why, size, "%s is not a directory", path);
}

/* --- locks --- */

static bool lock_dir(const char *dir, int *ret_fd, char *why, size_t size)
{
    char path[FILES_PATH_MAX], pid[24] = "";
    set_path(path, "%s/zkd.lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return store_explain(why, size, "cannot open %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;
        ssize_t len = pread(fd, pid, sizeof pid - 1, 0);
        close(fd);
        if (error != EWOULDBLOCK)
            return store_explain(why, size, "cannot lock %s: %s", path, strerror(error));
        return store_explain(why, size, "%s is in use by another zkd%s%.*s", dir, len > 0 ? ", process " : "",
                       len > 0 ? (int)strcspn(pid, "\n") : 0, pid);
    }
    int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len)
        zk_log_warn("cannot write the process id into %s: %s; going on", path, strerror(errno));
    *ret_fd = fd;
    return true;
}

/* --- the write-ahead log of a store that exists --- */

/* Is a store here that was started once, as far as can be seen? An interrupted making is none. */
static bool has_store(const struct files *f)
{
    struct mark mark;
    enum mark_found found = files_read_mark(f, &mark);
    if (found == MARK_NONE)
        return is_dir(f->db);
    return found == MARK_NEWER || mark.start_count > 0;
}

/* The log is where the store left it. */
static bool same_wal_dir(const struct files *f, char *why, size_t size)
{
    char path[FILES_PATH_MAX], text[FILES_PATH_MAX];
    set_path(path, "%.*s/wal-dir", FILES_PATH_MAX - 32, f->home);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT || store_explain(why, size, "cannot read %s: %s", path, strerror(errno));
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len < 0)
        return store_explain(why, size, "cannot read %s", path);
    text[len] = '\0';
    /* Where dataLogDir is not used, the log moves with dataDir: only the kind of place matters then. */
    bool was_inside = len >= 7 && strcmp(text + len - 7, "/zkd/db") == 0;
    if (f->wal_parent[0] == '\0' ? was_inside : strcmp(text, f->wal) == 0)
        return true;
    return store_explain(why, size, "the store in %s has its write-ahead log in %s, but dataLogDir makes it %s: put dataLogDir "
                   "back, or stop, move the *.log files there and write that path into %s", f->home, text, f->wal, path);
}

/* RocksDB opens without its log and says nothing, and then it is too late: the store has lost what it vouched for.
 * Since its first write it always has a *.log file. */
static bool wal_is_there(const struct files *f, char *why, size_t size)
{
    DIR *d = opendir(f->wal);
    if (d == NULL && errno != ENOENT)
        return store_explain(why, size, "cannot look into %s: %s", f->wal, strerror(errno));
    bool found = false;
    for (struct dirent *e = d ? readdir(d) : NULL; e != NULL && !found; e = readdir(d)) {
        size_t len = strlen(e->d_name);
        found = len > 4 && strcmp(e->d_name + len - 4, ".log") == 0;
    }
    if (d != NULL)
        closedir(d);
    return found || store_explain(why, size, "%s holds no write-ahead log, but the store in %s has one there: dataLogDir "
                                  "may not be mounted (if the log is lost for good, rename %s to %s.damaged-lost)",
                                  f->wal, f->home, f->home, f->home);
}

/* --- opening --- */

static bool resolve(const char *dir, bool may_make, char *path, char *why, size_t size)
{
    char full[PATH_MAX];
    if (may_make && mkdir(dir, 0755) != 0 && errno != EEXIST)
        return store_explain(why, size, "cannot make the directory %s: %s", dir, strerror(errno));
    if (realpath(dir, full) == NULL)
        return store_explain(why, size, "cannot use the directory %s: %s", dir, strerror(errno));
    if (strlen(full) > FILES_PATH_MAX - 256)
        return store_explain(why, size, "the path of %s is too long", dir);
    set_path(path, "%s", full);
    return true;
}

/* Where the write-ahead log is. That of a store that exists must be there: nothing is made or written in its place. */
static bool find_wal(struct files *f, const char *wal_dir, char *why, size_t size)
{
    struct mark mark;
    bool exists = has_store(f);
    /* One that cannot be looked into may be a store: files_look refuses it. */
    bool may_make = !exists && (access(f->home, R_OK | X_OK) == 0 || errno == ENOENT);
    if (wal_dir != NULL && !may_make && access(wal_dir, F_OK) != 0 && errno == ENOENT)
        return store_explain(why, size, "dataLogDir %s does not exist, but the store in %s does: it may not be mounted",
                             wal_dir, f->home);
    if (wal_dir != NULL && !resolve(wal_dir, may_make, f->wal_parent, why, size))
        return false;
    if (strcmp(f->wal_parent, f->data_dir) == 0)
        f->wal_parent[0] = '\0';
    if (f->wal_parent[0] != '\0')
        set_path(f->wal, "%.*s/zkd", FILES_PATH_MAX - 32, f->wal_parent);
    else
        set_path(f->wal, "%s", f->db);
    /* What a newer zkd has where is not ours to judge. */
    if (!exists || files_read_mark(f, &mark) == MARK_NEWER)
        return true;
    return same_wal_dir(f, why, size) && (f->wal_parent[0] == '\0' || wal_is_there(f, why, size));
}

bool files_open(struct files *f, const char *data_dir, const char *wal_dir, char *why, size_t size)
{
    memset(f, 0, sizeof *f);
    f->lock_fd = f->wal_lock_fd = f->mark_fd = -1;
    if (!resolve(data_dir, true, f->data_dir, why, size))
        return false;
    set_path(f->home, "%.*s/zkd", FILES_PATH_MAX - 32, f->data_dir);
    set_path(f->db, "%.*s/zkd/db", FILES_PATH_MAX - 32, f->data_dir);
    set_path(f->in, "%.*s/zkd/in", FILES_PATH_MAX - 32, f->data_dir);
    if (!lock_dir(f->data_dir, &f->lock_fd, why, size) || !find_wal(f, wal_dir, why, size) ||
        (f->wal_parent[0] != '\0' && !lock_dir(f->wal_parent, &f->wal_lock_fd, why, size))) {
        files_close(f);
        return false;
    }
    return true;
}

void files_close(struct files *f)
{
    if (f->mark_fd >= 0)
        close(f->mark_fd);
    if (f->wal_lock_fd >= 0)
        close(f->wal_lock_fd);
    if (f->lock_fd >= 0)
        close(f->lock_fd);
    f->lock_fd = f->wal_lock_fd = f->mark_fd = -1;
}

/* --- what is there --- */

/* Is there an entry in `dir` whose name begins with one of two prefixes ("" fits all)? An absent directory has none. */
static bool has_entry(const char *dir, const char *prefix, const char *other)
{
    DIR *d = opendir(dir);
    if (d == NULL)
        return false;
    bool found = false;
    for (struct dirent *e = readdir(d); e != NULL && !found; e = readdir(d)) {
        bool dots = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
        found = !dots && (strncmp(e->d_name, prefix, strlen(prefix)) == 0 ||
                          strncmp(e->d_name, other, strlen(other)) == 0);
    }
    closedir(d);
    return found;
}

enum files_state files_look(const struct files *f, char *why, size_t size)
{
    struct stat st;
    bool home = lstat(f->home, &st) == 0;
    if (!home && errno != ENOENT) {
        store_explain(why, size, "cannot look into %s: %s", f->home, strerror(errno));
        return FILES_ERROR;
    }
    if (home && !S_ISDIR(st.st_mode)) {
        store_explain(why, size, "%s is not a directory", f->home);
        return FILES_ERROR;
    }
    if (home && access(f->home, R_OK | W_OK | X_OK) != 0) {
        store_explain(why, size, "cannot use %s: %s", f->home, strerror(errno));
        return FILES_ERROR;
    }
    if (home && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        zk_log_warn("%s can be read or written by other users; its mode should be 0700", f->home);
    if (has_store(f))
        return FILES_STORE;
    struct mark mark;
    /* A good mark without a start is a store being made: the log that is there is its own. */
    bool wal = files_read_mark(f, &mark) == MARK_NONE && f->wal_parent[0] != '\0' && has_entry(f->wal, "", "");
    bool aside = has_entry(f->data_dir, "zkd.damaged-", "zkd.damaged-");
    if (!wal && !aside)
        return FILES_BLANK;
    store_explain(why, size, wal ? "its database is gone but its write-ahead log is there" : "it was put aside as damaged");
    return FILES_MISSING;
}

bool store_finds_apache(const char *parent, char *dir, size_t size)
{
    snprintf(dir, size, "%s/version-2", parent);
    return has_entry(dir, "log.", "snapshot.");
}

bool files_apache(const struct files *f, char *dir, size_t size)
{
    return store_finds_apache(f->data_dir, dir, size) ||
           (f->wal_parent[0] != '\0' && store_finds_apache(f->wal_parent, dir, size));
}

/* --- making and putting aside --- */

static bool write_file(const char *path, const char *text, char *why, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    size_t len = strlen(text);
    bool ok = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    return ok || store_explain(why, size, "cannot write %s: %s", path, strerror(error));
}

bool files_make(struct files *f, char *why, size_t size)
{
    char path[FILES_PATH_MAX];
    set_path(path, "%.*s/wal-dir", FILES_PATH_MAX - 32, f->home);
    if (!make_dir(f->home, 0700, why, size) || !make_dir(f->in, 0700, why, size) ||
        !make_dir(f->wal_parent[0] ? f->wal : f->home, 0700, why, size))
        return false;
    if (!is_there(path) && !write_file(path, f->wal, why, size))
        return false;
    if (!sync_dir(f->home, why, size) || !sync_dir(f->data_dir, why, size))
        return false;
    return f->wal_parent[0] == '\0' || sync_dir(f->wal_parent, why, size);
}

/* The first name "zkd.<kind>-<time>" that is free beside both parts of the store. */
static void choose_name(const struct files *f, const char *kind, char *name, size_t size)
{
    char path[FILES_PATH_MAX], stamp[20];
    time_t now = time(NULL);
    struct tm tm;
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
    for (int i = 1;; i++) {
        if (i == 1)
            snprintf(name, size, "zkd.%s-%s", kind, stamp);
        else
            snprintf(name, size, "zkd.%s-%s-%d", kind, stamp, i);
        set_path(path, "%.*s/%.64s", FILES_PATH_MAX - 96, f->data_dir, name);
        bool taken = is_there(path);
        if (f->wal_parent[0] != '\0') {
            set_path(path, "%.*s/%.64s", FILES_PATH_MAX - 96, f->wal_parent, name);
            taken = taken || is_there(path);
        }
        if (!taken)
            return;
    }
}

static bool move_aside(const char *from, const char *parent, const char *name, char *why, size_t size)
{
    char to[FILES_PATH_MAX];
    set_path(to, "%.*s/%.64s", FILES_PATH_MAX - 96, parent, name);
    if (rename(from, to) != 0 && errno != ENOENT)
        return store_explain(why, size, "cannot put %s aside as %s: %s", from, to, strerror(errno));
    return sync_dir(parent, why, size);
}

bool files_put_aside(struct files *f, char *ret_name, size_t name_size, char *why, size_t size)
{
    choose_name(f, "damaged", ret_name, name_size);
    if (f->mark_fd >= 0)
        close(f->mark_fd);
    f->mark_fd = -1;
    /* The database first: a crash in between leaves a write-ahead log without it, which the next opening finds. */
    if (!move_aside(f->home, f->data_dir, ret_name, why, size))
        return false;
    return f->wal_parent[0] == '\0' || move_aside(f->wal, f->wal_parent, ret_name, why, size);
}

static int count_entries(const char *dir, const char *prefix)
{
    int count = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e != NULL; e = readdir(d))
        count += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    if (d != NULL)
        closedir(d);
    return count;
}

bool files_make_evidence(const struct files *f, struct zk_slice sentence, char *ret_name, char *ret_path, char *why,
                         size_t size)
{
    char dir[FILES_PATH_MAX], text[512];
    if (count_entries(f->data_dir, "zkd.diverged-") >= FILES_EVIDENCE_MAX)
        return store_explain(why, size, "%s holds %d such copies already", f->data_dir, FILES_EVIDENCE_MAX);
    choose_name(f, "diverged", ret_name, FILES_NAME_MAX);
    set_path(dir, "%.*s/%.64s", FILES_PATH_MAX - 96, f->data_dir, ret_name);
    set_path(ret_path, "%.*s/why", FILES_PATH_MAX - 8, dir);
    snprintf(text, sizeof text, "%.*s\n", (int)zk_min_u64(sentence.len, sizeof text - 2), (const char *)sentence.ptr);
    if (!make_dir(dir, 0700, why, size) || !write_file(ret_path, text, why, size) || !sync_dir(f->data_dir, why, size))
        return false;
    set_path(ret_path, "%.*s/db", FILES_PATH_MAX - 8, dir);
    return true;
}

bool files_empty_in(const struct files *f, char *why, size_t size)
{
    DIR *d = opendir(f->in);
    if (d == NULL)
        return make_dir(f->in, 0700, why, size);
    bool ok = true;
    for (struct dirent *e = readdir(d); e != NULL && ok; e = readdir(d)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        ok = unlinkat(dirfd(d), e->d_name, 0) == 0 ||
             store_explain(why, size, "cannot remove %s/%s: %s", f->in, e->d_name, strerror(errno));
    }
    closedir(d);
    return ok;
}

/* --- the mark --- */

enum mark_found files_read_mark(const struct files *f, struct mark *ret_mark)
{
    char path[FILES_PATH_MAX];
    uint8_t bytes[MARK_FILE_BYTES];
    set_path(path, "%.*s/mark", FILES_PATH_MAX - 32, f->home);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return MARK_NONE;
    ssize_t len = pread(fd, bytes, sizeof bytes, 0);
    close(fd);
    return len < 0 ? MARK_NONE : mark_decode(zk_slice(bytes, (size_t)len), ret_mark);
}

bool files_open_mark(struct files *f, char *why, size_t size)
{
    char path[FILES_PATH_MAX];
    struct stat st;
    set_path(path, "%.*s/mark", FILES_PATH_MAX - 32, f->home);
    f->mark_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->mark_fd < 0 || fstat(f->mark_fd, &st) != 0)
        return store_explain(why, size, "cannot open %s: %s", path, strerror(errno));
    uint8_t zeros[MARK_FILE_BYTES] = {0};
    if (st.st_size < MARK_FILE_BYTES && pwrite(f->mark_fd, zeros, sizeof zeros, 0) != (ssize_t)sizeof zeros)
        return store_explain(why, size, "cannot write %s: %s", path, strerror(errno));
    if (fsync(f->mark_fd) != 0)
        return store_explain(why, size, "cannot sync %s: %s", path, strerror(errno));
    return sync_dir(f->home, why, size);
}

bool files_write_mark(const struct files *f, const struct mark *mark, bool sync, char *why, size_t size)
{
    uint8_t slot[MARK_SLOT_BYTES];
    mark_encode(mark, slot);
    off_t at = (off_t)(mark->number % 2) * MARK_SLOT_BYTES;
    ssize_t len = pwrite(f->mark_fd, slot, sizeof slot, at);
    if (len != (ssize_t)sizeof slot)
        return store_explain(why, size, "cannot write the ack mark in %s: %s", f->home,
                       len < 0 ? strerror(errno) : "short write");
    if (sync && fdatasync(f->mark_fd) != 0)
        return store_explain(why, size, "cannot sync the ack mark in %s: %s", f->home, strerror(errno));
    return true;
}

bool files_space(const struct files *f, uint64_t *ret_free, uint64_t *ret_total)
{
    struct statvfs home, wal;
    if (statvfs(f->home, &home) != 0)
        return false;
    *ret_free = (uint64_t)home.f_bavail * home.f_frsize;
    *ret_total = (uint64_t)home.f_blocks * home.f_frsize;
    if (f->wal_parent[0] != '\0' && statvfs(f->wal, &wal) == 0 &&
        (uint64_t)wal.f_bavail * wal.f_frsize < *ret_free) {
        *ret_free = (uint64_t)wal.f_bavail * wal.f_frsize;
        *ret_total = (uint64_t)wal.f_blocks * wal.f_frsize;
    }
    return true;
}
