/* refound.c: one store becomes the seed of a new ensemble, offline.
 *
 * What its log holds is declared committed; nobody is left to say otherwise. Behind it a FOUNDING names another cluster,
 * so that nobody of the old one is ever believed again, and this server alone: its quorum is itself. The others come
 * with blank stores, as strangers, and take their seats one at a time (membership.h, M4).
 */
#include "server/zab/core.h"

static struct membership seed_alone(const struct zab_config *config, uint64_t zxid, uint64_t cluster_id,
                                    uint64_t incarnation)
{
    struct membership m = {.zxid = zxid, .cluster_id = cluster_id, .founding = zxid, .count = config->member_count};
    for (size_t i = 0; i < m.count; i++) {
        struct member_record *r = &m.records[i];
        bool is_seed = config->members[i].id == config->self;
        r->member = config->members[i];
        r->since = zxid;
        r->incarnation = is_seed ? incarnation : 0;
        r->vacant = !is_seed && r->member.role == ZAB_PARTICIPANT;
    }
    return m;
}

void zab_refound(const struct zab_config *config, const struct storage_image *image, uint64_t cluster_id,
                 uint64_t incarnation, struct zab_refounding *ret_refounding)
{
    ZK_ASSERT(image->last_zxid > 0 && zxid_counter(image->last_zxid) < UINT32_MAX);
    struct zab_refounding *r = ret_refounding;
    *r = (struct zab_refounding){.zxid = image->last_zxid + 1};
    struct membership m = seed_alone(config, r->zxid, cluster_id, incarnation);
    struct zk_buf body;
    zk_buf_init(&body);
    zk_buf_init(&r->group);
    membership_encode(&m, &body);
    group_begin(&r->group, image->last_hash);
    uint64_t hash = group_add(&r->group, image->last_hash, r->zxid, ENTRY_FOUNDING, zk_buf_slice(&body));
    group_end(&r->group, 1);
    zk_buf_fini(&body);
    r->ops[0] = (struct storage_op){.kind = STORAGE_RENAME};
    r->ops[0].witness = (struct storage_witness){.server = config->self, .incarnation = incarnation};
    r->ops[1] = (struct storage_op){.kind = STORAGE_APPEND,
                                    .first_zxid = r->zxid,
                                    .zxid = r->zxid,
                                    .hash = hash,
                                    .bytes = zk_buf_slice(&r->group)};
    r->ops[2] = (struct storage_op){.kind = STORAGE_COMMIT, .zxid = r->zxid};
    r->ops[3] = (struct storage_op){.kind = STORAGE_SYNC_MARK};
}

void zab_refounding_fini(struct zab_refounding *r)
{
    zk_buf_fini(&r->group);
}
