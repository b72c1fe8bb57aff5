/* test_acl.c: proves server/state/acl.c and address.c, and what reads make of ACLs. */
#include "server/state/acl.h"
#include "server/state/address.h"
#include "tests/unit/alike.h"
#include "tests/unit/state_kit.h"
#include <malloc.h>

static bool matches(const char *address, const char *pattern)
{
    struct address read = address_read(zk_slice_str(address));
    return address_matches(&read, 1, zk_slice_str(pattern));
}

START_TEST(addresses_match_in_their_masked_bits)
{
    ck_assert(matches("10.1.2.3", "10.1.2.3"));
    ck_assert(!matches("10.1.2.3", "10.1.2.4"));
    ck_assert(matches("10.1.2.3", "10.0.0.0/8"));
    ck_assert(!matches("11.1.2.3", "10.0.0.0/8"));
    ck_assert(matches("10.1.2.130", "10.1.2.128/25"));
    ck_assert(!matches("10.1.2.127", "10.1.2.128/25"));
    ck_assert(matches("1.2.3.4", "9.9.9.9/0"));
    ck_assert(matches("2001:db8::1", "2001:db8::/32"));
    ck_assert(matches("2001:db8:0:0:0:0:0:1", "2001:0db8::0001"));
    ck_assert(!matches("2001:db9::1", "2001:db8::/32"));
    ck_assert(matches("::1", "0:0:0:0:0:0:0:1"));
    ck_assert(matches("0:0:0:0:0:0:0:1", "::1"));
    ck_assert(matches("2001:db8:0:0:0:0:0:1", "2001:db8:0:0:0:0:0:0/32"));
    ck_assert(matches("2001:db8::1", "2001:db8:0:0:0:0:0:0/32"));
    ck_assert(matches("::ffff:10.0.0.1", "::ffff:a00:1"));
    ck_assert(!matches("10.0.0.1", "::/0")); /* another family */
    ck_assert(!matches("not an address", "0.0.0.0/0"));
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
    static const char *const bad[] = {
        "",      "1.2.3", "1.2.3.4.5",         "1.2.3.256", "1.2.3.4/33", "1.2.3.4/", "a.b.c.d", "1.2.3.4/-1",
        ":::",   "1:2",   "1:2:3:4:5:6:7:8:9", "::/129",    "1::2::3",    "12345::",  "::1:",    "1:2:3:4:5:6:7:8::",
        "1..2.3"};
    for (size_t i = 0; i < ZK_COUNT_OF(bad); i++)
        ck_assert_msg(!address_is_sound(zk_slice_str(bad[i])), "%s", bad[i]);
    static const char *const good[] = {
        "1.2.3.4",         "1.2.3.4/32", "0.0.0.0/0", "::", "::/0", "1:2:3:4:5:6:7:8/128",
        "1:2:3:4:5:6:7::", "fe80::1",    "::1.2.3.4"};
    for (size_t i = 0; i < ZK_COUNT_OF(good); i++)
        ck_assert_msg(address_is_sound(zk_slice_str(good[i])), "%s", good[i]);
}
END_TEST

/* --- what a request asks for --- */

static int fixup(const char *scheme, const char *id, struct zk_slice identities)
{
    struct zk_buf in, out;
    zk_buf_init(&in);
    zk_buf_init(&out);
    kit_acl(&in, ZK_PERM_ALL, scheme, id);
    int err = acl_fixup(zk_buf_slice(&in), identities, &out);
    ck_assert(err != 0 || zk_slice_eq(zk_buf_slice(&in), zk_buf_slice(&out)));
    zk_buf_fini(&in);
    zk_buf_fini(&out);
    return err;
}

START_TEST(only_sound_ids_of_known_schemes_are_kept)
{
    struct zk_slice nobody = zk_slice("\0\0\0", 4);
    ck_assert_int_eq(fixup("world", "anyone", nobody), 0);
    ck_assert_int_eq(fixup("world", "someone", nobody), ZK_ERR_INVALID_ACL);
    ck_assert_int_eq(fixup("digest", "user:hash", nobody), 0);
    ck_assert_int_eq(fixup("digest", ":hash", nobody), 0);
    ck_assert_int_eq(fixup("digest", "user", nobody), ZK_ERR_INVALID_ACL);
    ck_assert_int_eq(fixup("digest", "user:", nobody), ZK_ERR_INVALID_ACL);
    ck_assert_int_eq(fixup("digest", "a:b:c", nobody), ZK_ERR_INVALID_ACL);
    ck_assert_int_eq(fixup("ip", "10.0.0.0/8", nobody), 0);
    ck_assert_int_eq(fixup("ip", "10.0.0.0/99", nobody), ZK_ERR_INVALID_ACL);
    ck_assert_int_eq(fixup("sasl", "someone", nobody), ZK_ERR_INVALID_ACL);
    ck_assert_int_eq(fixup(NULL, "x", nobody), ZK_ERR_INVALID_ACL);
    ck_assert_int_eq(fixup("digest", NULL, nobody), ZK_ERR_MARSHALLING_ERROR);
    ck_assert_int_eq(fixup("auth", "", nobody), ZK_ERR_INVALID_ACL);
}
END_TEST

START_TEST(auth_stands_for_the_digest_identities_but_not_for_the_address)
{
    struct zk_buf who, in, out, want;
    zk_buf_init(&who);
    zk_buf_init(&in);
    zk_buf_init(&out);
    zk_buf_init(&want);
    kit_acl(&in, ZK_PERM_READ, "auth", "ignored");
    kit_identity(&who, "ip", "10.0.0.1");
    ck_assert_int_eq(acl_fixup(zk_buf_slice(&in), zk_buf_slice(&who), &out), ZK_ERR_INVALID_ACL);
    ck_assert_uint_eq(out.len, 0);
    zk_jute_put_cstring(&who, "digest");
    zk_jute_put_cstring(&who, "u:h");
    zk_jute_set_int(&who, 0, 2);
    ck_assert_int_eq(acl_fixup(zk_buf_slice(&in), zk_buf_slice(&who), &out), 0);
    kit_acl(&want, ZK_PERM_READ, "digest", "u:h");
    ck_assert(zk_slice_eq(zk_buf_slice(&out), zk_buf_slice(&want)));
    zk_buf_fini(&who);
    zk_buf_fini(&in);
    zk_buf_fini(&out);
    zk_buf_fini(&want);
}
END_TEST

START_TEST(duplicates_are_dropped_and_too_many_entries_refused)
{
    struct zk_buf in, out;
    zk_buf_init(&in);
    zk_buf_init(&out);
    zk_acl_vector_world(&in, ZK_PERM_ALL);
    size_t one = in.len;
    zk_acl_encode(&in, &(struct zk_acl){ZK_PERM_ALL, zk_slice_str("world"), zk_slice_str("anyone")});
    zk_jute_set_int(&in, 0, 2);
    ck_assert_int_eq(acl_fixup(zk_buf_slice(&in), zk_slice("\0\0\0", 4), &out), 0);
    ck_assert_uint_eq(out.len, one);
    for (int i = 2; i <= ACL_ENTRY_COUNT_MAX; i++)
        zk_acl_encode(&in, &(struct zk_acl){i, zk_slice_str("world"), zk_slice_str("anyone")});
    zk_jute_set_int(&in, 0, ACL_ENTRY_COUNT_MAX + 1);
    ck_assert_int_eq(acl_fixup(zk_buf_slice(&in), zk_slice("\0\0\0", 4), &out), ZK_ERR_INVALID_ACL);
    zk_jute_set_int(&in, 0, -1);
    ck_assert_int_eq(acl_fixup(zk_buf_slice(&in), zk_slice("\0\0\0", 4), &out), ZK_ERR_INVALID_ACL);
    zk_buf_fini(&in);
    zk_buf_fini(&out);
}
END_TEST

START_TEST(equal_lists_are_kept_once_and_freed_with_the_last_reference)
{
    struct acls acls;
    struct zk_buf list;
    zk_buf_init(&list);
    acls_init(&acls);
    kit_acl(&list, 1, "world", "anyone");
    uint32_t a = acls_intern(&acls, zk_buf_slice(&list));
    ck_assert_uint_eq(acls_intern(&acls, zk_buf_slice(&list)), a);
    for (int32_t perms = 2; perms < 300; perms++) {
        kit_acl(&list, perms, "world", "anyone");
        ck_assert_uint_ne(acls_intern(&acls, zk_buf_slice(&list)), a);
    }
    acls_unref(&acls, a);
    kit_acl(&list, 1, "world", "anyone");
    ck_assert(zk_slice_eq(acl_bytes(acls_at(&acls, a)), zk_buf_slice(&list)));
    acls_unref(&acls, a);
    kit_acl(&list, 1, "ip", "1.2.3.4");
    ck_assert_uint_eq(acls_intern(&acls, zk_buf_slice(&list)), a); /* the id is free again */
    zk_buf_fini(&list);
    acls_fini(&acls);
}
END_TEST

/* --- through the state --- */

START_TEST(each_permission_guards_what_apache_says)
{
    struct kit k = kit_new();
    uint64_t owner = kit_open(&k);
    uint64_t other = kit_open(&k);
    kit_auth(&k, owner, "digest", "u:h");
    struct zk_buf list;
    zk_buf_init(&list);
    static const int32_t perms[] = {ZK_PERM_READ, ZK_PERM_WRITE, ZK_PERM_CREATE, ZK_PERM_DELETE, ZK_PERM_ADMIN};
    kit_create(&k, owner, "/a", "", 0);
    kit_create(&k, owner, "/a/x", "", 0);
    int32_t aversion = 0;
    for (size_t i = 0; i < ZK_COUNT_OF(perms); i++) {
        /* the world may one thing, the owner all */
        zk_buf_reset(&list);
        zk_jute_put_int(&list, 2);
        zk_acl_encode(&list, &(struct zk_acl){perms[i], zk_slice_str("world"), zk_slice_str("anyone")});
        zk_acl_encode(&list, &(struct zk_acl){ZK_PERM_ALL, zk_slice_str("auth"), zk_slice_str("")});
        ck_assert_int_eq(kit_set_acl(&k, owner, "/a", zk_buf_slice(&list), aversion++), 0);
        struct zk_buf out;
        zk_buf_init(&out);
        int want[] = {ZK_ERR_NO_AUTH, ZK_ERR_NO_AUTH, ZK_ERR_NO_AUTH, ZK_ERR_NO_AUTH, ZK_ERR_NO_AUTH};
        want[i] = 0;
        ck_assert_int_eq(state_exists(k.s, other, zk_slice_str("/a"), &out), want[0]);
        ck_assert_int_eq(state_get_data(k.s, other, zk_slice_str("/a"), &out), want[0]);
        ck_assert_int_eq(state_get_children(k.s, other, zk_slice_str("/a"), true, SIZE_MAX, &out), want[0]);
        ck_assert_int_eq(state_get_acl(k.s, other, zk_slice_str("/a"), &out),
                         perms[i] == ZK_PERM_ADMIN ? 0 : want[0]);
        ck_assert(state_may_read_at(k.s, other, zk_slice_str("/a")) == (want[0] == 0));
        ck_assert(state_may_read_at(k.s, owner, zk_slice_str("/a")));
        ck_assert_int_eq(kit_set(&k, other, "/a", "", -1), want[1]);
        ck_assert_int_eq(kit_create(&k, other, "/a/y", "", 0), want[2]);
        ck_assert_int_eq(kit_delete(&k, other, "/a/y", -1), i == 2   ? ZK_ERR_NO_AUTH
                                                            : i == 3 ? ZK_ERR_NO_NODE
                                                                     : want[3]);
        if (i == 2)
            kit_delete(&k, owner, "/a/y", -1);
        ck_assert_int_eq(kit_set_acl(&k, other, "/a", zk_buf_slice(&k.acl), 99),
                         i == 4 ? ZK_ERR_BAD_VERSION : ZK_ERR_NO_AUTH);
        zk_buf_fini(&out);
    }
    ck_assert_int_eq(kit_stat(&k, "/a").aversion, aversion);
    zk_buf_fini(&list);
    kit_free(&k);
}
END_TEST

START_TEST(set_acl_changes_aversion_and_fires_nothing)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    kit_create(&k, a, "/a", "", 0);
    struct zk_stat was = kit_stat(&k, "/a");
    ck_assert_int_eq(kit_set_acl(&k, a, "/a", zk_slice("\0\0\0", 4), 0), ZK_ERR_INVALID_ACL);
    ck_assert_int_eq(kit_set_acl(&k, a, "/none", zk_slice("\0\0\0", 4), 0), ZK_ERR_INVALID_ACL);
    ck_assert_int_eq(kit_set_acl(&k, a, "/none", zk_buf_slice(&k.acl), 0), ZK_ERR_NO_NODE);
    ck_assert_int_eq(kit_set_acl(&k, a, "/a", zk_buf_slice(&k.acl), 0), 0);
    ck_assert_uint_eq(k.fx.event_count, 0);
    was.aversion = 1;
    struct zk_stat st = kit_stat(&k, "/a");
    struct zk_buf have = {0}, want = {0}; /* as bytes: between the fields of the struct lies what happened to lie there */
    zk_stat_encode(&have, &st);
    zk_stat_encode(&want, &was);
    ck_assert(zk_slice_eq(zk_buf_slice(&have), zk_buf_slice(&want)));
    zk_buf_fini(&have);
    zk_buf_fini(&want);
    kit_free(&k);
}
END_TEST

START_TEST(without_admin_the_hashes_of_digests_are_masked)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k);
    struct zk_buf list, out, want;
    zk_buf_init(&list);
    zk_buf_init(&out);
    zk_buf_init(&want);
    zk_jute_put_int(&list, 2);
    zk_acl_encode(&list, &(struct zk_acl){ZK_PERM_ALL, zk_slice_str("digest"), zk_slice_str("user:secret")});
    zk_acl_encode(&list, &(struct zk_acl){ZK_PERM_READ, zk_slice_str("world"), zk_slice_str("anyone")});
    kit_create(&k, a, "/a", "", 0);
    kit_set_acl(&k, a, "/a", zk_buf_slice(&list), -1);
    ck_assert_int_eq(state_get_acl(k.s, a, zk_slice_str("/a"), &out), 0);
    zk_jute_put_int(&want, 2);
    zk_acl_encode(&want, &(struct zk_acl){ZK_PERM_ALL, zk_slice_str("digest"), zk_slice_str("user:x")});
    zk_acl_encode(&want, &(struct zk_acl){ZK_PERM_READ, zk_slice_str("world"), zk_slice_str("anyone")});
    out.len -= ZK_STAT_BYTES;
    ck_assert(zk_slice_eq(zk_buf_slice(&out), zk_buf_slice(&want)));
    kit_auth(&k, a, "digest", "user:secret");
    zk_buf_reset(&out);
    ck_assert_int_eq(state_get_acl(k.s, a, zk_slice_str("/a"), &out), 0);
    out.len -= ZK_STAT_BYTES;
    ck_assert(zk_slice_eq(zk_buf_slice(&out), zk_buf_slice(&list)));
    zk_buf_fini(&list);
    zk_buf_fini(&out);
    zk_buf_fini(&want);
    kit_free(&k);
}
END_TEST

START_TEST(identities_come_with_the_connection_and_go_with_it)
{
    struct kit k = kit_new();
    struct zk_buf who, list;
    zk_buf_init(&who);
    zk_buf_init(&list);
    kit_identity(&who, "ip", "10.1.2.3");
    uint64_t a = kit_open_with(&k, 0, zk_buf_slice(&who));
    kit_acl(&list, ZK_PERM_ALL, "ip", "10.0.0.0/8");
    kit_create(&k, a, "/a", "", 0);
    kit_set_acl(&k, a, "/a", zk_buf_slice(&list), -1);
    ck_assert_int_eq(kit_set(&k, a, "/a", "x", -1), 0);
    kit_attach(&k, a, KIT_PASSWORD); /* from an address that nobody told */
    ck_assert_int_eq(kit_set(&k, a, "/a", "x", -1), ZK_ERR_NO_AUTH);
    kit_auth(&k, a, "super", "");
    ck_assert_int_eq(kit_set(&k, a, "/a", "x", -1), 0);
    zk_buf_fini(&who);
    zk_buf_fini(&list);
    kit_free(&k);
}
END_TEST

/* --- what it costs --- */

enum { WIDE = 500, PROVEN = 60 };

/* One entry a user, the asker's own the last. */
static void put_wide_acl(struct zk_buf *out, int32_t perms, int first)
{
    char id[32];
    zk_buf_reset(out);
    zk_jute_put_int(out, WIDE);
    for (int i = 1; i < WIDE; i++) {
        snprintf(id, sizeof id, "user%05d:x", first + i);
        zk_acl_encode(out, &(struct zk_acl){ZK_PERM_ALL, zk_slice_str("digest"), zk_slice_str(id)});
    }
    zk_acl_encode(out, &(struct zk_acl){perms, zk_slice_str("digest"), zk_slice_str("me00:x")});
}

static uint64_t open_proven(struct kit *k)
{
    uint64_t session = kit_open(k);
    char id[32];
    for (int i = 0; i < PROVEN; i++) {
        snprintf(id, sizeof id, "me%02d:x", (i * 7) % PROVEN);
        ck_assert_int_eq(kit_auth(k, session, "digest", id), 0);
    }
    return session;
}

START_TEST(a_list_is_looked_through_once_however_often_one_asks)
{
    enum { NODES = 20, TIMES = 50 };
    struct kit k = kit_new();
    uint64_t me = open_proven(&k), other = kit_open(&k);
    struct zk_buf out;
    char path[32];
    zk_buf_init(&out);
    put_wide_acl(&k.acl, ZK_PERM_ALL, 0);
    ck_assert_int_eq(kit_create(&k, me, "/a", "", 0), 0);
    for (int i = 0; i < NODES; i++) {
        snprintf(path, sizeof path, "/a/%d", i);
        ck_assert_int_eq(kit_create(&k, me, path, "", 0), 0);
    }
    zk_buf_reset(&k.payload);
    for (int i = 0; i < NODES * TIMES; i++) {
        snprintf(path, sizeof path, "/a/%d", i % NODES);
        kit_part(&k, ZK_OP_CHECK);
        kit_put_version(&k, path, -1);
    }
    uint64_t before = state_work(k.s);
    ck_assert_int_eq(kit_send_multi(&k, me), 0);
    ck_assert_uint_eq(k.fx.event_count, 0);
    struct zk_path_limit below = {zk_slice_str("/a"), UINT32_MAX};
    for (int i = 0; i < TIMES; i++)
        ck_assert_int_eq(state_list_recursive(k.s, me, below, SIZE_MAX, &out), 0);
    ck_assert_uint_lt(state_work(k.s) - before, 2 * WIDE);
    before = state_work(k.s);
    for (int i = 0; i < TIMES; i++)
        ck_assert_int_eq(state_exists(k.s, other, zk_slice_str("/a/0"), &out), ZK_ERR_NO_AUTH);
    ck_assert_uint_lt(state_work(k.s) - before, 2 * WIDE);
    zk_buf_fini(&out);
    kit_free(&k);
}
END_TEST

START_TEST(lists_that_all_differ_cost_their_entries_and_not_those_times_the_identities)
{
    enum { NODES = 20 };
    struct kit k = kit_new();
    uint64_t me = open_proven(&k);
    char path[32];
    for (int i = 0; i < NODES; i++) {
        put_wide_acl(&k.acl, ZK_PERM_ALL, i * WIDE);
        snprintf(path, sizeof path, "/%d", i);
        ck_assert_int_eq(kit_create(&k, me, path, "", 0), 0);
    }
    zk_buf_reset(&k.payload);
    for (int i = 0; i < NODES; i++) {
        snprintf(path, sizeof path, "/%d", i);
        kit_part(&k, ZK_OP_SET_DATA);
        kit_put_set(&k, path, "mine", -1);
    }
    uint64_t before = state_work(k.s);
    ck_assert_int_eq(kit_send_multi(&k, me), 0);
    ck_assert_uint_eq(k.fx.event_count, NODES);
    ck_assert_uint_lt(state_work(k.s) - before, NODES * (WIDE + 1) + 2 * PROVEN);
    kit_free(&k);
}
END_TEST

/* What was remembered for one is not another's, nor the same one's who has proven more. */
START_TEST(what_a_list_gives_is_remembered_for_who_asked_and_what_they_had_proven)
{
    struct kit k = kit_new();
    uint64_t a = kit_open(&k), b = kit_open(&k);
    struct zk_buf out, list;
    zk_buf_init(&out);
    zk_buf_init(&list);
    kit_acl(&list, ZK_PERM_READ, "digest", "u:h");
    kit_create(&k, a, "/a", "", 0);
    ck_assert_int_eq(kit_set_acl(&k, a, "/a", zk_buf_slice(&list), -1), 0);
    ck_assert_int_eq(state_exists(k.s, a, zk_slice_str("/a"), &out), ZK_ERR_NO_AUTH);
    kit_auth(&k, a, "digest", "u:h");
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(state_exists(k.s, a, zk_slice_str("/a"), &out), 0);
        ck_assert_int_eq(kit_set(&k, a, "/a", "", -1), ZK_ERR_NO_AUTH); /* another permission */
        ck_assert_int_eq(state_exists(k.s, b, zk_slice_str("/a"), &out), ZK_ERR_NO_AUTH);
    }
    kit_attach(&k, a, KIT_PASSWORD); /* and has to prove it again */
    ck_assert_int_eq(state_exists(k.s, a, zk_slice_str("/a"), &out), ZK_ERR_NO_AUTH);
    zk_buf_fini(&list);
    zk_buf_fini(&out);
    kit_free(&k);
}
END_TEST

/* A hundred bytes of a request stand for 64 KiB: a multi of 1 MiB would be 600 MiB that nobody counted. */
START_TEST(lists_count_as_memory_and_what_auth_makes_of_them_has_a_limit)
{
    enum { PROVEN_LONG = 63, EACH = 4, COUNT = 16777216 / 60000 };
    struct kit k = kit_new();
    uint64_t me = kit_open(&k);
    char id[256], path[32];
    for (int i = 0; i < PROVEN_LONG; i++) {
        snprintf(id, sizeof id, "%0200d:hash", i);
        ck_assert_int_eq(kit_auth(&k, me, "digest", id), 0);
    }
    uint64_t before = state_size_bytes(k.s), nodes = state_node_count(k.s);
    for (int fits = 0; fits < 2; fits++) {
        zk_buf_reset(&k.payload);
        for (int n = 0; n < (fits ? COUNT / 2 : 2 * COUNT); n++) {
            zk_buf_reset(&k.acl);
            zk_jute_put_int(&k.acl, EACH);
            for (int i = 0; i < EACH; i++)
                zk_acl_encode(&k.acl, &(struct zk_acl){32 * (EACH * n + i) + ZK_PERM_ALL, zk_slice_str("auth"),
                                                       zk_slice_str("")});
            snprintf(path, sizeof path, "/%d", n);
            kit_part(&k, ZK_OP_CREATE);
            kit_put_create(&k, path, "", 0);
        }
        ck_assert_uint_lt(k.payload.len, 100000);
        ck_assert_int_eq(kit_send_multi(&k, me), 0);
        if (!fits) {
            ck_assert_uint_eq(state_node_count(k.s), nodes);
            ck_assert_uint_eq(state_size_bytes(k.s), before);
        }
    }
    ck_assert_uint_eq(state_node_count(k.s), nodes + COUNT / 2);
    ck_assert_uint_gt(state_size_bytes(k.s) - before, COUNT / 2 * 50000);
    kit_free(&k);
}
END_TEST

static size_t memory_taken(void)
{
    struct mallinfo2 m = mallinfo2(); /* says 0 where a sanitizer allocates */
    return m.uordblks + m.hblkhd;
}

/* The many znodes of one list have it once, and so has a checkpoint that runs while they change. */
START_TEST(what_a_checkpoint_keeps_of_what_changes_has_no_copies_of_its_list)
{
    enum { NODES = 200 };
    struct kit k = kit_new();
    uint64_t me = open_proven(&k);
    char path[32];
    put_wide_acl(&k.acl, ZK_PERM_ALL, 0);
    size_t list_bytes = k.acl.len;
    for (int i = 0; i < NODES; i++) {
        snprintf(path, sizeof path, "/%d", i);
        kit_create_quickly(&k, me, path, "", 0);
    }
    zk_buf_reset(&k.payload);
    for (int i = 0; i < NODES; i++) {
        snprintf(path, sizeof path, "/%d", i);
        kit_part(&k, ZK_OP_DELETE);
        kit_put_version(&k, path, -1);
    }
    state_checkpoint_begin(k.s);
    size_t before = memory_taken();
    ck_assert_int_eq(kit_send_multi(&k, me), 0);
    ck_assert_uint_lt(memory_taken(), before + NODES * list_bytes / 10);
    int whole = 0;
    for (struct state_row row; state_checkpoint_next(k.s, &row);)
        whole += row.value.len > list_bytes;
    ck_assert_int_eq(whole, NODES);
    kit_free(&k);
}
END_TEST

START_TEST(lists_of_one_hash_do_not_stand_in_one_chain)
{
    enum { ALIKE = 4096 };
    struct acls acls;
    struct zk_buf list = {0};
    char text[ALIKE_LEN + 1];
    acls_init(&acls);
    for (uint32_t i = 0; i < ALIKE; i++) {
        alike_path(text, i);
        const size_t before_id = 4 + 4 + 4 + strlen("digest") + 4;
        list.len = 0;
        zk_jute_put_int(&list, 1);
        struct zk_acl entry = {ZK_PERM_ALL, zk_slice_str("digest"), zk_slice_str(text + before_id)};
        zk_acl_encode(&list, &entry);
        uint32_t id = acls_intern(&acls, zk_buf_slice(&list));
        ck_assert_uint_eq(acls_at(&acls, id)->hash, acls_at(&acls, 1)->hash);
        ck_assert_uint_eq(id, i + 1);
    }
    ck_assert_int_lt(alike_longest_chain(&acls.index), 20);
    zk_buf_fini(&list);
    acls_fini(&acls);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("acl");
    tcase_add_test(tc, addresses_match_in_their_masked_bits);
    tcase_add_test(tc, what_is_no_address_is_refused);
    tcase_add_test(tc, only_sound_ids_of_known_schemes_are_kept);
    tcase_add_test(tc, auth_stands_for_the_digest_identities_but_not_for_the_address);
    tcase_add_test(tc, duplicates_are_dropped_and_too_many_entries_refused);
    tcase_add_test(tc, equal_lists_are_kept_once_and_freed_with_the_last_reference);
    tcase_add_test(tc, each_permission_guards_what_apache_says);
    tcase_add_test(tc, set_acl_changes_aversion_and_fires_nothing);
    tcase_add_test(tc, without_admin_the_hashes_of_digests_are_masked);
    tcase_add_test(tc, identities_come_with_the_connection_and_go_with_it);
    tcase_add_test(tc, a_list_is_looked_through_once_however_often_one_asks);
    tcase_add_test(tc, lists_that_all_differ_cost_their_entries_and_not_those_times_the_identities);
    tcase_add_test(tc, what_a_list_gives_is_remembered_for_who_asked_and_what_they_had_proven);
    tcase_add_test(tc, lists_count_as_memory_and_what_auth_makes_of_them_has_a_limit);
    tcase_add_test(tc, what_a_checkpoint_keeps_of_what_changes_has_no_copies_of_its_list);
    tcase_add_test(tc, lists_of_one_hash_do_not_stand_in_one_chain);
    return run_tests("acl", tc);
}
