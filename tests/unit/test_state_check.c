/* test_state_check.c: proves that server/state/check.c can fail: each invariant broken by hand is named. */
#include "server/state/change.h"
#include "tests/unit/state_kit.h"

struct broken {
    struct kit k;
    struct node *root, *dir, *child, *ephemeral;
    struct session *session;
};

static struct node *node_of(struct state *s, const char *path)
{
    return tree_at(&s->tree, tree_find(&s->tree, zk_slice_str(path)));
}

static struct broken sound(void)
{
    struct broken b = {.k = kit_new()};
    uint64_t a = kit_open_with(&b.k, 3, zk_slice(NULL, 0));
    static const char *const paths[] = {"/d", "/d/a", "/d/b"};
    for (int i = 0; i < 3; i++) {
        zk_buf_reset(&b.k.payload);
        kit_put_create(&b.k, paths[i], "data", i == 2 ? ZK_FLAG_EPHEMERAL : 0);
        kit_send_xid(&b.k, a, ZK_OP_CREATE, i + 1);
    }
    b.root = node_of(b.k.s, "/");
    b.dir = node_of(b.k.s, "/d");
    b.child = node_of(b.k.s, "/d/a");
    b.ephemeral = node_of(b.k.s, "/d/b");
    b.session = sessions_find(&b.k.s->sessions, a);
    return b;
}

/* Breaks `field`, expects the sentence, mends it. */
#define EXPECT(b, field, broken_value, part)                                                                         \
    do {                                                                                                             \
        __typeof__(field) was = field;                                                                               \
        field = broken_value;                                                                                        \
        const char *why = state_check((b).k.s);                                                                      \
        ck_assert_msg(why != NULL, #field " may be anything");                                                       \
        ck_assert_msg(strstr(why, part) != NULL, "%s: not about %s", why, part);                                     \
        field = was;                                                                                                 \
        kit_check(&(b).k);                                                                                           \
    } while (0)

START_TEST(each_broken_invariant_is_named)
{
    struct broken b = sound();
    struct state *s = b.k.s;
    EXPECT(b, s->totals.digest, s->totals.digest + 1, "S2");
    EXPECT(b, s->totals.node_count, s->totals.node_count + 1, "znodes");
    EXPECT(b, s->totals.ephemeral_count, 0, "ephemerals");
    EXPECT(b, s->totals.data_bytes, 0, "data");
    EXPECT(b, s->totals.size_bytes, 0, "bytes");
    EXPECT(b, s->sessions.live_count, 7, "live sessions");
    EXPECT(b, s->sessions.ended_count, 7, "ended sessions");
    EXPECT(b, s->tree.index.count, 1, "index");
    EXPECT(b, s->zxid, EPOCH_1, "S4");
    EXPECT(b, b.child->version, 9, "S2");
    EXPECT(b, b.child->body[3], 'x', "S2");
    EXPECT(b, b.child->hash, 1, "hash");
    EXPECT(b, b.child->acl, 999, "ACL");
    EXPECT(b, b.child->mzxid, 1, "S4");
    EXPECT(b, b.child->body[0], 'x', "K1");
    EXPECT(b, b.child->dirty_slot, 77, "dirty");
    EXPECT(b, b.dir->child_count, 5, "children");
    EXPECT(b, b.ephemeral->owner_index, 3, "S3");
    EXPECT(b, b.session->ephemeral_count, 0, "S3");
    EXPECT(b, b.session->ended_zxid, 5, "S3");
    EXPECT(b, b.session->number, 99, "S2");
    EXPECT(b, b.session->results[0].err, 99, "S2");
    EXPECT(b, b.session->memory, 1, "remembers");
    EXPECT(b, b.session->dirty_slot, 77, "dirty");
    EXPECT(b, s->acls.by_id[b.child->acl]->refs, 1, "references");
    EXPECT(b, s->journal.count, 1, "journal");
    kit_free(&b.k);
}
END_TEST

START_TEST(every_change_of_a_znode_can_be_taken_back)
{
    struct broken b = sound();
    struct state *s = b.k.s;
    uint64_t digest = state_digest(s);
    struct zk_buf acl;
    zk_buf_init(&acl);
    zk_acl_vector_world(&acl, ZK_PERM_READ);
    uint32_t child = tree_find(&s->tree, zk_slice_str("/d/a"));
    change_begin(s);
    change_acl(s, child, acls_intern(&s->acls, zk_buf_slice(&acl)));
    change_data(s, child, zk_slice_str("other"));
    ck_assert_uint_ne(state_digest(s), digest);
    change_rollback(s);
    kit_check(&b.k);
    ck_assert_uint_eq(state_digest(s), digest);
    ck_assert_int_eq(kit_stat(&b.k, "/d/a").aversion, 0);
    zk_buf_fini(&acl);
    kit_free(&b.k);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("check");
    tcase_add_test(tc, each_broken_invariant_is_named);
    tcase_add_test(tc, every_change_of_a_znode_can_be_taken_back);
    return run_tests("state_check", tc);
}
