#include "tests/unit/store_dir.h"
#include "server/store/store.h"
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define WAIT_MS 200

void shell(const char *format, ...)
{
    char command[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    ck_assert_msg(system(command) == 0, "%s", command);
}

struct store_dir *dir_new(bool split)
{
    struct store_dir *m = zk_calloc(1, sizeof *m);
    const char *tmp = getenv("TMPDIR");
    const char *shm = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(m->root, sizeof m->root, "%.40s/zkd-store-XXXXXX", tmp ? tmp : shm);
    ck_assert_ptr_nonnull(mkdtemp(m->root));
    snprintf(m->data, sizeof m->data, "%s/data", m->root);
    snprintf(m->wal, sizeof m->wal, "%s/wal", m->root);
    m->split = split;
    return m;
}

void *dir_make(void)
{
    return dir_new(false);
}

void dir_free(void *medium)
{
    struct store_dir *m = medium;
    shell("rm -rf %s", m->root);
    free(m);
}

bool dir_try_open(struct store_dir *m, uint64_t server_id)
{
    struct store_config config = {.data_dir = m->data, .wal_dir = m->split ? m->wal : NULL, .server_id = server_id};
    m->open = store_open(&config, &m->s, m->why, sizeof m->why);
    return m->open;
}

struct storage dir_open(void *medium)
{
    struct store_dir *m = medium;
    ck_assert_msg(dir_try_open(m, 1), "%s", m->why);
    return m->s;
}

void dir_close(void *medium)
{
    struct store_dir *m = medium;
    if (m->open)
        store_close(&m->s);
    m->open = false;
}

void dir_wait(void *medium)
{
    struct store_dir *m = medium;
    struct pollfd p = {.fd = store_notify_fd(&m->s), .events = POLLIN};
    poll(&p, 1, WAIT_MS);
}
