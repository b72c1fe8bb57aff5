/* address.h: IP addresses and masks as text, "10.0.0.0/8" or "2001:db8::/32", as the ACL scheme `ip` has them. No
 * resolver, no locale: the same answer on every replica. */
#pragma once
#include "common/buf.h"

/* Is it an address, with or without "/bits" within its size? */
bool address_is_sound(struct zk_slice pattern);
/* Is `address` of the pattern's family and equal to it in the masked bits? */
bool address_matches(struct zk_slice address, struct zk_slice pattern);
