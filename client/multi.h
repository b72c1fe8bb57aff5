/* multi.h: what the operations need of the builders of zk.h. */
#pragma once
#include "client/core.h"
#include "client/zk.h"

/* The steps as the core takes them, borrowing from `multi`; to be freed by free(). NULL: memory ran out, now or while
 * building. */
struct zkc_request *zk_multi_steps(const struct zk_multi *multi);
size_t zk_multi_count(const struct zk_multi *multi);

void zk_acl_list_encode(struct zk_buf *out, const struct zk_acl_list *acl);
