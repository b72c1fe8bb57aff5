/* address.h: IP addresses and masks as text, "10.0.0.0/8" or "2001:db8::/32", as the ACL scheme `ip` has them. No
 * resolver, no locale: the same answer on every replica. */
#pragma once
#include "common/buf.h"

struct address {
    uint8_t bytes[16];
    int len; /* 4 or 16; 0: not an address */
};

struct address address_read(struct zk_slice text);
/* Is it an address, with or without "/bits" within its size? */
bool address_is_sound(struct zk_slice pattern);
/* Is one of them of the pattern's family and equal to it in the masked bits? */
bool address_matches(const struct address *addresses, size_t count, struct zk_slice pattern);
