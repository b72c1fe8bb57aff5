/* mark.h: the ack mark: what this server may have told others about its disk, kept beside the store.
 *
 * WHY HERE    RocksDB can open happily with a tail missing. So after each batch, before anybody is told, the store
 *             writes down how far it was: a store that comes back behind its mark has lost what it acknowledged and is
 *             no evidence that an entry does not exist (a stranger).
 * LAYOUT      One file of 1024 bytes, two slots of 512 written in turn (mark `number` goes to slot number % 2), so that
 *             a torn write leaves the one before. Big-endian:
 *               0 "zkdM" | 4 u8 format (1) | 5 zeros | 8 u64 number | 16 u64 incarnation | 24 u64 start count |
 *               32 u64 promised | 40 u64 last zxid | 48 u64 last hash | 56 zeros | 504 u64 XXH3-64 of the 504 bytes
 *             A later format keeps the first 8 bytes and the checksum where they are, so that it can be told apart.
 * STALE       The file is synced only where an operation asks for it; a power cut may leave an older mark, which makes
 *             the check weaker but never wrong. It must not be newer than the store: so it is lowered, and synced,
 *             before the log is shortened.
 * PURE        This file does no I/O; the store and the simulator's disk both use it.
 */
#pragma once
#include "common/buf.h"
#include "server/replica/storage.h"

#define MARK_FORMAT 1
#define MARK_SLOT_BYTES 512
#define MARK_FILE_BYTES (2 * MARK_SLOT_BYTES)

struct mark {
    uint64_t number; /* 1, 2, 3...: the higher of two good slots counts */
    uint64_t incarnation;
    uint64_t start_count; /* 0: a store that is being made and has never been opened */
    uint64_t promised;
    uint64_t last_zxid;
    uint64_t last_hash;
};

enum mark_found {
    MARK_NONE,  /* no good slot */
    MARK_GOOD,
    MARK_NEWER, /* of a format that this build does not know */
};

void mark_encode(const struct mark *mark, uint8_t slot[MARK_SLOT_BYTES]);
void mark_seal(uint8_t slot[MARK_SLOT_BYTES]); /* its checksum, after a change (tests) */
enum mark_found mark_decode(struct zk_slice file, struct mark *ret_mark);

/* Is the store, as `image` describes it, older than its mark? `at_mark` says whether the log holds an entry with the
 * mark's zxid, and hash_at_mark its hash. True with a sentence in `why`. */
bool mark_behind(const struct mark *mark, const struct storage_image *image, bool at_mark, uint64_t hash_at_mark,
                 char *why, size_t size);
