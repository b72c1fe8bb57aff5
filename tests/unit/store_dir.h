/* store_dir.h: the real store on directories of its own, as a medium (store_conformance.h) and by hand. */
#pragma once
#include "tests/unit/store_conformance.h"

/* dataDir and dataLogDir below one directory; the store makes them. */
struct store_dir {
    char root[64];
    char data[96];
    char wal[96];
    bool split; /* dataLogDir is another directory */
    bool open;
    struct storage s;
    char why[512];
};

/* Must succeed. */
ZK_PRINTF(1, 2)
void shell(const char *format, ...);

/* In memory where there is such a place: a process that is killed loses no more there than on a disk. */
struct store_dir *dir_new(bool split);
bool dir_try_open(struct store_dir *m, uint64_t server_id); /* false: `why` says it */

/* As struct store_medium has them. */
void *dir_make(void);
void dir_free(void *medium);
struct storage dir_open(void *medium);
void dir_close(void *medium); /* nothing where it is closed already */
void dir_wait(void *medium);
