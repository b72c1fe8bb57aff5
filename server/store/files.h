/* files.h: what the store keeps beside its database: the directory itself, its lock, the ack mark, and where the
 * write-ahead log lives. Every create and rename is followed by a sync of the directory.
 *
 *   <dataDir>/zkd.lock        held while a process has the store open; stays when the store is put aside
 *   <dataDir>/zkd/mark        the ack mark (mark.h)
 *   <dataDir>/zkd/wal-dir     the path of the write-ahead log, so that a changed dataLogDir is noticed
 *   <dataDir>/zkd/db/         RocksDB
 *   <dataDir>/zkd/in/         checkpoints being written; emptied at opening
 *   <dataLogDir>/zkd/         RocksDB's write-ahead log, where dataLogDir is another directory; else zkd/db/ has it
 *   zkd.damaged-<time>[-n]    what was put aside
 *   zkd.diverged-<time>[-n]   a copy of a store whose state differed from the ensemble's: `why` says how, db/ is the store
 */
#pragma once
#include "server/store/mark.h"

#define FILES_PATH_MAX 4096
#define FILES_NAME_MAX 64
#define FILES_EVIDENCE_MAX 3 /* kept at a time: the first ones tell most, and a disk must not fill up with them */

/* Puts a sentence into `why`, cut to fit; returns false, so that a failing function can end with it. */
bool store_explain(char *why, size_t size, const char *format, ...) ZK_PRINTF(3, 4);

struct files {
    char data_dir[FILES_PATH_MAX];
    char wal_parent[FILES_PATH_MAX]; /* dataLogDir; "" where it is dataDir */
    char home[FILES_PATH_MAX];
    char db[FILES_PATH_MAX];
    char wal[FILES_PATH_MAX];
    char in[FILES_PATH_MAX];
    int lock_fd;
    int wal_lock_fd; /* -1: none */
    int mark_fd;     /* -1: not open */
};

/* Paths, directories above the store, locks. Of a store that exists the write-ahead log must be where the store left
 * it: no dataLogDir is made for it, and one without the log (a disk that is not mounted) is refused before anything is
 * written there. False: `why`; nothing is held. */
bool files_open(struct files *f, const char *data_dir, const char *wal_dir, char *why, size_t size);
void files_close(struct files *f);

enum files_state {
    FILES_BLANK,   /* nothing, or an interrupted making of a store */
    FILES_STORE,   /* something that may be a store */
    FILES_MISSING, /* nothing, but a part of a store, or one put aside, is beside it: a store was lost here */
    FILES_ERROR,   /* could not look: `why` */
};
enum files_state files_look(const struct files *f, char *why, size_t size);
/* Does Apache ZooKeeper's data lie here? The directory's path is then in `dir`. */
bool files_apache(const struct files *f, char *dir, size_t size);

/* Directories of a new store, or what a store lacks of them. */
bool files_make(struct files *f, char *why, size_t size);
/* Renames everything to zkd.damaged-<time>; ret_name is that name. */
bool files_put_aside(struct files *f, char *ret_name, size_t name_size, char *why, size_t size);
/* Makes zkd.diverged-<time> with the sentence in its file `why`; ret_name (FILES_NAME_MAX) is that name, ret_path
 * (FILES_PATH_MAX) where the copy of the database is to be made. */
bool files_make_evidence(const struct files *f, struct zk_slice sentence, char *ret_name, char *ret_path, char *why,
                         size_t size);
/* Removes what is in zkd/in/. */
bool files_empty_in(const struct files *f, char *why, size_t size);

enum mark_found files_read_mark(const struct files *f, struct mark *ret_mark);
/* Opens the mark's file, made if it is not there. */
bool files_open_mark(struct files *f, char *why, size_t size);
/* Writes one slot; `sync` waits for the disk. */
bool files_write_mark(const struct files *f, const struct mark *mark, bool sync, char *why, size_t size);

/* Free and total bytes of the fuller of the file systems; false if unknown. */
bool files_space(const struct files *f, uint64_t *ret_free, uint64_t *ret_total);
