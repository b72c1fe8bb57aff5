#include "server/store/mark.h"
#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#define AT_FORMAT 4
#define AT_NUMBERS 8
#define AT_CHECKSUM 504

static const uint8_t MAGIC[4] = {'z', 'k', 'd', 'M'};

static void put_u64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | at[i];
    return value;
}

void mark_seal(uint8_t slot[MARK_SLOT_BYTES])
{
    put_u64(slot + AT_CHECKSUM, XXH3_64bits(slot, AT_CHECKSUM));
}

void mark_encode(const struct mark *mark, uint8_t slot[MARK_SLOT_BYTES])
{
    memset(slot, 0, MARK_SLOT_BYTES);
    memcpy(slot, MAGIC, sizeof MAGIC);
    slot[AT_FORMAT] = MARK_FORMAT;
    put_u64(slot + AT_NUMBERS, mark->number);
    put_u64(slot + AT_NUMBERS + 8, mark->incarnation);
    put_u64(slot + AT_NUMBERS + 16, mark->start_count);
    put_u64(slot + AT_NUMBERS + 24, mark->promised);
    put_u64(slot + AT_NUMBERS + 32, mark->last_zxid);
    put_u64(slot + AT_NUMBERS + 40, mark->last_hash);
    mark_seal(slot);
}

static enum mark_found decode_slot(const uint8_t *slot, struct mark *ret_mark)
{
    if (memcmp(slot, MAGIC, sizeof MAGIC) != 0 || get_u64(slot + AT_CHECKSUM) != XXH3_64bits(slot, AT_CHECKSUM))
        return MARK_NONE;
    if (slot[AT_FORMAT] != MARK_FORMAT)
        return MARK_NEWER;
    *ret_mark = (struct mark){
        .number = get_u64(slot + AT_NUMBERS),
        .incarnation = get_u64(slot + AT_NUMBERS + 8),
        .start_count = get_u64(slot + AT_NUMBERS + 16),
        .promised = get_u64(slot + AT_NUMBERS + 24),
        .last_zxid = get_u64(slot + AT_NUMBERS + 32),
        .last_hash = get_u64(slot + AT_NUMBERS + 40),
    };
    return MARK_GOOD;
}

enum mark_found mark_decode(struct zk_slice file, struct mark *ret_mark)
{
    if (file.len < MARK_FILE_BYTES)
        return MARK_NONE;
    struct mark marks[2] = {{0}, {0}};
    enum mark_found found[2];
    for (int i = 0; i < 2; i++) {
        found[i] = decode_slot(file.ptr + i * MARK_SLOT_BYTES, &marks[i]);
        if (found[i] == MARK_NEWER)
            return MARK_NEWER;
    }
    if (found[0] == MARK_NONE && found[1] == MARK_NONE)
        return MARK_NONE;
    *ret_mark = marks[0].number >= marks[1].number ? marks[0] : marks[1];
    return MARK_GOOD;
}

bool mark_behind(const struct mark *mark, const struct storage_image *image, bool at_mark, uint64_t hash_at_mark,
                 char *why, size_t size)
{
    if (mark->incarnation != image->incarnation)
        snprintf(why, size, "its ack mark belongs to another store");
    else if (mark->start_count > image->start_count)
        snprintf(why, size, "it was opened %" PRIu64 " times but remembers %" PRIu64 ": it is an older copy",
                 mark->start_count, image->start_count);
    else if (mark->promised > image->promised)
        snprintf(why, size, "it promised epoch %" PRIu64 " but remembers %" PRIu64, mark->promised, image->promised);
    else if (mark->last_zxid > image->last_zxid)
        snprintf(why, size, "it acknowledged 0x%" PRIx64 " but its log ends at 0x%" PRIx64, mark->last_zxid,
                 image->last_zxid);
    else if (mark->last_zxid > image->base_zxid && (!at_mark || hash_at_mark != mark->last_hash))
        snprintf(why, size, "it acknowledged 0x%" PRIx64 " but its log does not hold that entry", mark->last_zxid);
    else
        return false;
    return true;
}
