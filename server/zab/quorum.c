#include "server/zab/quorum.h"

struct quorum quorum_of(const struct zab_member *members, size_t count, const struct membership *m)
{
    struct quorum q = {0};
    ZK_ASSERT(count <= ZAB_MEMBERS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct member_record *r = membership_find(m, members[i].id);
        if (members[i].role != ZAB_PARTICIPANT || (r && r->vacant))
            continue;
        q.voters |= 1u << i;
        q.weight[i] = members[i].weight;
        q.total += members[i].weight;
    }
    return q;
}

bool quorum_has(const struct quorum *q, uint32_t members)
{
    uint64_t weight = 0;
    for (size_t i = 0; i < ZAB_MEMBERS_MAX; i++)
        if (members & q->voters & 1u << i)
            weight += q->weight[i];
    return 2 * weight > q->total;
}

uint64_t quorum_reached(const struct quorum *q, const uint64_t *values, uint32_t counted)
{
    uint64_t best = 0;
    for (size_t i = 0; i < ZAB_MEMBERS_MAX; i++) {
        if (!(counted & q->voters & 1u << i) || values[i] <= best)
            continue;
        uint32_t reached = 0;
        for (size_t j = 0; j < ZAB_MEMBERS_MAX; j++)
            if (counted & 1u << j && values[j] >= values[i])
                reached |= 1u << j;
        if (quorum_has(q, reached))
            best = values[i];
    }
    return best;
}
