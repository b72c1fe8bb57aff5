/* durable.c: what waits for the disk. Each pending message names the operation that has to be durable before it may
 * leave; completions come as numbers of the storage, which counts the caller's own operations too. */
#include "server/zab/core.h"

void pending_add(struct zab *z, enum pending_kind kind, uint64_t zxid, size_t peer, uint32_t generation)
{
    if (z->pending_count == z->pending_cap) {
        z->pending_cap = z->pending_cap ? 2 * z->pending_cap : 64;
        z->pending = zk_realloc(z->pending, z->pending_cap * sizeof *z->pending);
    }
    z->pending[z->pending_count++] = (struct pending){
        .kind = kind, .op = z->op_last, .epoch = z->epoch, .zxid = zxid, .peer = peer, .generation = generation};
}

static bool is_ack(const struct pending *p)
{
    return p->kind == PENDING_ACK || p->kind == PENDING_OWN_ACK;
}

void pending_drop_acks(struct zab *z)
{
    size_t kept = 0;
    for (size_t i = 0; i < z->pending_count; i++)
        if (!is_ack(&z->pending[i]))
            z->pending[kept++] = z->pending[i];
    z->pending_count = kept;
}

void durable_handed(struct zab *z)
{
    if (z->handed_at + z->handed_count == z->handed_cap) {
        if (z->handed_at > z->handed_cap / 2) {
            memmove(z->handed, z->handed + z->handed_at, z->handed_count * sizeof *z->handed);
            z->handed_at = 0;
        } else {
            z->handed_cap = z->handed_cap ? 2 * z->handed_cap : 64;
            z->handed = zk_realloc(z->handed, z->handed_cap * sizeof *z->handed);
        }
    }
    z->handed[z->handed_at + z->handed_count++] = (struct handed){
        .op = z->op_last,
        .zxid = z->tail.last_zxid,
        .commit = z->commit_handed,
        .promised = z->promised,
        .since_ms = z->now_ms,
    };
}

void zab_submitted(struct zab *z, uint64_t seq)
{
    ZK_ASSERT(z->handed_count > 0);
    struct handed *h = &z->handed[z->handed_at + z->handed_count - 1];
    ZK_ASSERT(h->seq == 0);
    h->seq = seq;
}

/* A stranger that has just learnt that its readmission is durable may speak: what it holds is acknowledged now. */
static void stranger_no_more(struct zab *z)
{
    bool stranger = is_stranger(z);
    if (z->was_stranger && !stranger) {
        const struct member_record *r = membership_find(membership_newest(&z->members), self_id(z));
        if (r && r->since > 1) /* at a founding there is nothing to say: it never was otherwise */
            fx_news(z, "readmitted: this store may vote again");
        if (z->role == ROLE_FOLLOWING && z->sync == SYNC_STREAM)
            follow_ack(z);
        election_hurry(z);
    }
    z->was_stranger = stranger;
}

void durable_reached(struct zab *z, uint64_t seq)
{
    while (z->handed_count) {
        const struct handed *h = &z->handed[z->handed_at];
        if (h->seq == 0 || h->seq > seq)
            break;
        z->durable_op = h->op;
        z->durable_zxid = h->zxid;
        z->durable_commit = h->commit;
        z->durable_promised = h->promised;
        z->handed_at++;
        z->handed_count--;
    }
    if (z->handed_count == 0)
        z->handed_at = 0;
    stranger_no_more(z);
    durable_run(z);
}

bool disk_silent(const struct zab *z, uint64_t limit_ms)
{
    return z->handed_count && z->now_ms - z->handed[z->handed_at].since_ms > limit_ms;
}

/* Does what waited still go to the leader we follow, in the same epoch and on the same connection? */
static bool still_following(const struct zab *z, const struct pending *p)
{
    return z->role == ROLE_FOLLOWING && z->leader == p->peer && z->epoch == p->epoch && z->promised == p->epoch &&
           z->peers[p->peer].out.generation == p->generation && !z->next_incarnation;
}

/* A follower's acknowledgement; a stranger's moves the leader's window and counts for nothing. */
static void send_ack(struct zab *z, const struct pending *p)
{
    if (!still_following(z, p) && !ZK_PLANTED(110))
        return;
    ZK_ASSERT(p->zxid <= z->durable_zxid || ZK_PLANTED(1) || ZK_PLANTED(2) || ZK_PLANTED(3));
    bool counts = is_participant(z, z->self) && !is_stranger(z);
    struct zab_msg m = {.type = counts ? TELL_ACK : TELL_GOT, .epoch = p->epoch, .zxid = p->zxid};
    fx_send(z, p->peer, false, &m);
    if (counts)
        z->acked_durable = p->zxid;
}

static void send_got(struct zab *z, const struct pending *p)
{
    if (!still_following(z, p))
        return;
    struct zab_msg m = {.type = TELL_GOT, .epoch = p->epoch};
    if (p->kind == PENDING_GOT)
        m.number = p->zxid;
    else
        m.zxid = p->zxid;
    fx_send(z, p->peer, false, &m);
}

static void own_ack(struct zab *z, const struct pending *p)
{
    if (z->role != ROLE_LEADING || z->epoch != p->epoch || z->promised != p->epoch || z->next_incarnation)
        return;
    struct stream *own = &z->peers[z->self].stream;
    own->acked = p->zxid;
    own->acked_incarnation = z->incarnation;
    witness_ack(z, z->self, z->incarnation, z->epoch, p->zxid);
    leader_commit(z);
}

static void send_grant(struct zab *z, const struct pending *p)
{
    const struct channel *c = &z->peers[p->peer].in;
    if (!c->up || c->generation != p->generation || is_stranger(z) || z->next_incarnation)
        return;
    struct zab_msg m = {.type = TELL_VOTED, .epoch = p->zxid, .yes = true, .promised = p->zxid};
    fx_send(z, p->peer, true, &m);
    election_granted(z, p->zxid);
}

static void run_one(struct zab *z, const struct pending *p)
{
    switch (p->kind) {
    case PENDING_ACK:
        send_ack(z, p);
        break;
    case PENDING_GOT:
    case PENDING_GOT_GROUP:
        send_got(z, p);
        break;
    case PENDING_OWN_ACK:
        own_ack(z, p);
        break;
    case PENDING_GRANT:
        send_grant(z, p);
        break;
    case PENDING_ASK:
        election_ask(z, p->epoch);
        break;
    case PENDING_HELLO:
        say_hello_to_all(z);
        founding_step(z);
        break;
    case PENDING_RENAME:
        renamed(z);
        break;
    }
}

/* Of acknowledgements that are due together only the last is sent: it says what the others would. */
static bool covered(const struct zab *z, const struct pending *p, size_t due, const struct pending *rest)
{
    if (!is_ack(p))
        return false;
    for (size_t i = 0; i < due; i++)
        if (rest[i].kind == p->kind && rest[i].epoch == p->epoch && rest[i].peer == p->peer &&
            rest[i].generation == p->generation)
            return true;
    return false;
}

void durable_run(struct zab *z)
{
    size_t due = 0;
    while (due < z->pending_count && z->pending[due].op <= z->durable_op)
        due++;
    if (due == 0)
        return;
    /* Running one may add others behind (an epoch opened), so the due ones are taken out first. */
    struct pending *now = zk_memdup(z->pending, due * sizeof *now);
    z->pending_count -= due;
    memmove(z->pending, z->pending + due, z->pending_count * sizeof *z->pending);
    for (size_t i = 0; i < due && !z->fatal[0]; i++)
        if (!covered(z, &now[i], due - i - 1, &now[i + 1]))
            run_one(z, &now[i]);
    free(now);
    durable_run(z);
}
