#include "tests/unit/shadow.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Bare system calls throughout: the process under test has its own write, rename and mkdir. */

static char record[256];

static void copy_bytes(int from, int to)
{
    char bytes[65536];
    ssize_t len;
    while ((len = read(from, bytes, sizeof bytes)) > 0)
        ZK_ASSERT(syscall(SYS_write, to, bytes, len) == len);
}

/* Into place by a rename, so that a kill between two syncs finds the older or the newer record. */
static void replace(const char *path, void (*fill)(int from, int to), int from)
{
    char temporary[320];
    snprintf(temporary, sizeof temporary, "%.250s.%ld", path, (long)syscall(SYS_gettid));
    int to = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ZK_ASSERT(to >= 0);
    fill(from, to);
    close(to);
    ZK_ASSERT(syscall(SYS_rename, temporary, path) == 0);
}

static void list_names(int from, int to)
{
    DIR *d = fdopendir(dup(from));
    ZK_ASSERT(d != NULL);
    rewinddir(d);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        struct stat st;
        char line[320];
        if (e->d_name[0] == '.' || fstatat(from, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue; /* none of ours begins with a dot */
        int len = snprintf(line, sizeof line, "%c %lu %s\n", S_ISDIR(st.st_mode) ? 'd' : 'f', (unsigned long)st.st_ino,
                           e->d_name);
        ZK_ASSERT(syscall(SYS_write, to, line, len) == len);
    }
    closedir(d);
}

void shadow_record(const char *shadow)
{
    snprintf(record, sizeof record, "%s", shadow ? shadow : "");
}

void shadow_synced(int fd)
{
    int before = errno;
    struct stat st;
    char path[300], self[64];
    if (record[0] == '\0' || fstat(fd, &st) != 0)
        return;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    snprintf(path, sizeof path, "%s/%lu", record, (unsigned long)st.st_ino);
    int from = open(self, O_RDONLY | O_CLOEXEC | (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0));
    ZK_ASSERT(from >= 0);
    replace(path, S_ISDIR(st.st_mode) ? list_names : copy_bytes, from);
    close(from);
    errno = before;
}

static void build_file(const char *shadow, unsigned long ino, const char *to)
{
    char path[300];
    snprintf(path, sizeof path, "%.250s/%lu", shadow, ino);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ZK_ASSERT(out >= 0);
    int in = open(path, O_RDONLY | O_CLOEXEC);
    if (in >= 0) {
        copy_bytes(in, out);
        close(in);
    }
    close(out);
}

static void build_dir(const char *shadow, unsigned long ino, const char *to)
{
    char path[300], name[256], below[640], kind;
    unsigned long entry;
    ZK_ASSERT(syscall(SYS_mkdir, to, 0700) == 0);
    snprintf(path, sizeof path, "%.250s/%lu", shadow, ino);
    FILE *names = fopen(path, "re");
    while (names != NULL && fscanf(names, "%c %lu %255s\n", &kind, &entry, name) == 3) {
        snprintf(below, sizeof below, "%.380s/%s", to, name);
        if (kind == 'd')
            build_dir(shadow, entry, below);
        else
            build_file(shadow, entry, below);
    }
    if (names != NULL)
        fclose(names);
}

void shadow_build(const char *shadow, const char *from, const char *to)
{
    struct stat st;
    ZK_ASSERT(stat(from, &st) == 0);
    build_dir(shadow, (unsigned long)st.st_ino, to);
}
