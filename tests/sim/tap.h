/* tap.h: listens in on what a replica asks of its disk, so that the simulator knows each server's log as it was
 * handed over, without looking into the core, and checks what a disk may be asked at all.
 *
 * CHECKS      Every group chains to the entry before it (I11), a TRUNC or SNAP never goes below what this server knew
 * to be committed (I12), `promised` never falls (I9). OWNERSHIP   The storage handed out by tap_open is valid until
 * tap_close. Bodies of entries stay until tap_free.
 */
#pragma once
#include "server/replica/storage.h"
#include "server/zab/group.h"
#include "tests/sim/disk.h"
#include "tests/sim/world.h"

struct tap;

struct tap *tap_new(struct world *w, uint64_t server);
void tap_free(struct tap *t);
/* Listens in on an opened disk; reads what is on it first. */
struct storage tap_open(struct tap *t, struct storage disk);
void tap_close(struct tap *t);

/* Entries handed over to the disk, after the base, ascending. */
size_t tap_count(const struct tap *t);
const struct entry *tap_entry(const struct tap *t, size_t index);
uint64_t tap_base(const struct tap *t);
uint64_t tap_last(const struct tap *t);
/* The entry of this zxid; NULL: not in the log. */
const struct entry *tap_find(const struct tap *t, uint64_t zxid);
/* The first entry after `zxid`: its index. */
size_t tap_after(const struct tap *t, uint64_t zxid);

uint64_t tap_promised(const struct tap *t);
/* Operations handed over / known to be durable. */
uint64_t tap_submitted(const struct tap *t);
uint64_t tap_durable(const struct tap *t);
/* The last zxid covered by durable operations as reported: nothing above may be acknowledged. */
uint64_t tap_durable_zxid(const struct tap *t);
bool tap_is_staging(const struct tap *t); /* a snapshot comes in */
bool tap_is_checkpointing(const struct tap *t);
bool tap_is_truncating(const struct tap *t); /* a TRUNC, or the group behind it, is not yet known to be durable */
/* The disk's verdict when it was opened. */
const struct storage_image *tap_image(const struct tap *t);
