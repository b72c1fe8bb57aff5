/* shadow.h: what a disk holds after the power went: of each file its bytes as of its last sync, of each directory its
 * names as of its own last sync, and nothing else. Stricter than any file system is.
 *
 * The process under test calls shadow_synced from its fsync and fdatasync; another, after its end, builds what is left. */
#pragma once
#include "common/base.h"
#include <sys/types.h>

/* Record into the directory `shadow`, which exists; NULL: record nothing. */
void shadow_record(const char *shadow);
/* The file or directory behind fd is on the disk now. Keeps errno. */
void shadow_synced(int fd);
/* The tree below the directory `from` as it was synced, into the new directory `to`. */
void shadow_build(const char *shadow, const char *from, const char *to);
