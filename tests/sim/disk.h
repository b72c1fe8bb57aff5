/* disk.h: the simulator's store: storage.h on a disk made of memory, seeded chance and a clock that is told the time.
 *
 * WHY HERE    The core that runs in production runs on this in the simulator, so it must fail as real disks do, and be
 *             judged as the real store is: it uses the same ack mark (server/store/mark.h) and passes the same suite.
 * MODEL       What was submitted waits in a queue. The disk takes all of it as one batch, works on it for a while, and
 *             then it is durable, marked and reported, as the store's thread does. A crash ends the process: of what
 *             waits, any number of whole submits from the front may have reached the disk (a batch at work: all or
 *             nothing). Contents survive in `struct disk` and are opened again.
 * MARK        A process crash keeps what was written of the ack mark; a power cut may keep only what was synced.
 * DETERMINISM All chance comes from the seed given to disk_new; nothing depends on a pointer value.
 * COST        Groups are shared by count, never copied; a batch costs what is in it, not what the log holds.
 */
#pragma once
#include "common/rng.h"
#include "server/replica/storage.h"

struct disk;

struct disk *disk_new(uint64_t seed);
void disk_free(struct disk *d);

/* Open what is there (nothing, at first); it must be closed. The storage is valid until close or crash. */
struct storage disk_open(struct disk *d, uint64_t now_ms);
/* A clean stop: everything queued is written first. Reports not yet polled are gone. */
void disk_close(struct disk *d);
enum disk_crash { DISK_PROCESS_CRASH, DISK_POWER_CUT };
void disk_crash(struct disk *d, enum disk_crash kind);
bool disk_is_open(const struct disk *d);

/* Let time pass up to now_ms: finishes what is due, starts the next. */
void disk_advance(struct disk *d, uint64_t now_ms);
/* When disk_advance has something to do next; UINT64_MAX: nothing until something is submitted. */
uint64_t disk_deadline_ms(const struct disk *d);

/* --- what kind of disk; may change at any time --- */

void disk_set_latency(struct disk *d, uint32_t min_ms, uint32_t max_ms); /* of a batch or read; 0..2 at first */
void disk_set_capacity(struct disk *d, uint64_t bytes);                  /* 0: endless */
/* The batch at work, or the next one, takes this much longer. */
void disk_stall(struct disk *d, uint32_t stall_ms);
void disk_end_stall(struct disk *d);
/* The next batch fails (STORAGE_FAILED); its data is on the disk nevertheless, or not: nobody can know. */
void disk_fail_next(struct disk *d, bool data_kept);
/* It does not: no failure is due any more. */
void disk_mend(struct disk *d);

/* --- what happens to a disk while nobody looks; it must be closed. False: there was nothing to do it to --- */

/* The last batches are gone, as if they had never been written; the mark is not. At most a few are remembered; none
 * across a TRUNC, a snapshot or a purge. */
bool disk_lose_tail(struct disk *d, uint32_t batches);
bool disk_flip_bit(struct disk *d); /* somewhere in log or tree: found when it is read, at opening at the latest */
bool disk_lose_mark(struct disk *d);
bool disk_wipe(struct disk *d); /* a new, empty disk */
/* A copy of everything, taken at any time (what is durable then), put back later: whole, or all but the mark. */
struct disk_copy;
struct disk_copy *disk_copy_new(const struct disk *d);
void disk_copy_free(struct disk_copy *copy);
void disk_restore(struct disk *d, const struct disk_copy *copy, bool mark_too);

/* --- counts --- */

struct disk_counts {
    uint64_t batches;
    uint64_t ops;
    uint64_t process_crashes;
    uint64_t power_cuts;
    uint64_t lost_submits; /* by crashes, before they were durable */
    uint64_t stale_marks;
    uint64_t stalls;
    uint64_t failed_writes;
    uint64_t full;
    uint64_t lost_tails;
    uint64_t flipped_bits;
    uint64_t lost_marks;
    uint64_t wipes;
    uint64_t restores;
    uint64_t opened_damaged;
    uint64_t staging_dropped; /* snapshots half received */
    uint64_t checkpoints_dropped;
};
const struct disk_counts *disk_counts(const struct disk *d);
uint64_t disk_used_bytes(const struct disk *d);
/* What is durable now: for invariants. */
uint64_t disk_last_zxid(const struct disk *d, uint64_t *ret_hash);
uint64_t disk_commit(const struct disk *d);
uint64_t disk_promised(const struct disk *d);
bool disk_mark_is_stale(const struct disk *d); /* the power went before it was written back */
uint64_t disk_checkpoint(const struct disk *d, uint64_t *ret_digest); /* its zxid; 0: none is in place */
