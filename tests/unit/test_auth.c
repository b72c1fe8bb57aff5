/* test_auth.c: proves server/replica/auth.h, alone and through a replica: whom credentials make of a client. */
#include "tests/unit/replica_kit.h"

#define SUPER "super:D/InIHSb7yEEbrWz8b9l71RjZJU=" /* "super:test" under SHA-1 */

/* "digest alice:... super " */
static const char *identities(const char *scheme, const char *credentials, enum auth_verdict want)
{
    static char text[600];
    struct zk_buf out;
    zk_buf_init(&out);
    struct zk_slice given = credentials ? zk_slice_str(credentials) : zk_slice(NULL, 0);
    ck_assert_int_eq(auth_check(&rules, zk_slice_str(scheme), given, &out), want);
    struct zk_jute in = zk_jute(zk_buf_slice(&out));
    text[0] = '\0';
    while (zk_jute_left(&in) > 0) {
        struct zk_slice name = zk_jute_string(&in), id = zk_jute_string(&in);
        size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, "%.*s %.*s;", (int)name.len, (const char *)name.ptr, (int)id.len,
                 (const char *)id.ptr);
    }
    zk_buf_fini(&out);
    return text;
}

START_TEST(a_password_becomes_the_hash_that_acls_hold)
{
    ck_assert_str_eq(identities("digest", "super:test", AUTH_ACCEPTED), "digest " SUPER ";");
    ck_assert_str_eq(identities("digest", "a:b:c", AUTH_ACCEPTED), "digest a:cLzgnoJ6mP5qz3w+mwvPE2vDgu0=;");
    ck_assert_str_eq(identities("digest", "nocolon", AUTH_ACCEPTED), "digest nocolon:Ra+cHr2ZoHvBjtNArFGNGlVie4g=;");
    ck_assert_str_eq(identities("digest", NULL, AUTH_REFUSED), "");
    ck_assert_str_eq(identities("magic", "x", AUTH_REFUSED), "");
    ck_assert_str_eq(identities("super", "x", AUTH_REFUSED), "");
    ck_assert_str_eq(identities("skipacl", "x", AUTH_REFUSED), "");
    ck_assert_str_eq(identities("ip", "10.0.0.1", AUTH_ACCEPTED), "");
}
END_TEST

START_TEST(the_hash_is_by_the_algorithm_of_the_configuration)
{
    snprintf(rules.digest_algorithm, sizeof rules.digest_algorithm, "SHA-256");
    ck_assert(auth_knows_algorithm("SHA-256") && auth_knows_algorithm("SHA1") && auth_knows_algorithm("MD5"));
    ck_assert(!auth_knows_algorithm("ROT13"));
    ck_assert_str_eq(identities("digest", "super:test", AUTH_ACCEPTED),
                     "digest super:wjySwxg860UATFtciuZ1lpzrCHrPeov6SPu/ZD56uig=;");
    rules.digest_off = true;
    ck_assert_str_eq(identities("digest", "super:test", AUTH_REFUSED), "");
}
END_TEST

START_TEST(the_super_digest_gains_both_identities)
{
    snprintf(rules.super_digest, sizeof rules.super_digest, SUPER);
    ck_assert_str_eq(identities("digest", "super:test", AUTH_ACCEPTED), "super ;digest " SUPER ";");
    ck_assert_str_eq(identities("digest", "super:tes", AUTH_ACCEPTED), "digest super:NYTkEfP5+Z45ihH0ERJTUxAJJaA=;");
}
END_TEST

START_TEST(a_client_of_another_ensemble_goes_elsewhere)
{
    identities("ensemble", "blue", AUTH_REFUSED); /* not configured: no such scheme */
    snprintf(rules.ensembles, sizeof rules.ensembles, ",red,blue,");
    identities("ensemble", "blue", AUTH_ACCEPTED);
    identities("ensemble", "", AUTH_ACCEPTED);
    identities("ensemble", NULL, AUTH_ACCEPTED);
    identities("ensemble", "blu", AUTH_ELSEWHERE);
    identities("ensemble", "red,blue", AUTH_ELSEWHERE);
}
END_TEST

/* --- through a replica --- */

static void restart(void)
{
    stop();
    start();
}

static void send_auth(uint64_t conn, const char *scheme, const char *credentials)
{
    begin(ZK_XID_AUTH, ZK_OP_AUTH);
    zk_auth_packet_encode(&frame,
                          &(struct zk_auth_packet){0, zk_slice_str(scheme), zk_slice_str(credentials)});
    send_frame(conn);
    pass(20);
}

/* A node that only an unknown digest may read. */
static void make_secret(uint64_t conn)
{
    struct zk_buf acl;
    zk_buf_init(&acl);
    zk_jute_put_int(&acl, 1);
    zk_acl_encode(&acl, &(struct zk_acl){ZK_PERM_READ, zk_slice_str("digest"), zk_slice_str("u:h")});
    begin(1, ZK_OP_CREATE);
    zk_create_request_encode(&frame, &(struct zk_create_request){zk_slice_str("/secret"), zk_slice_str("x"),
                                                                 zk_buf_slice(&acl), 0});
    send_frame(conn);
    pass(20);
    ck_assert_int_eq(expect_reply(conn, 1), ZK_ERR_OK);
    zk_buf_fini(&acl);
}

static int32_t read_secret(uint64_t conn, int32_t xid)
{
    send_path(conn, xid, ZK_OP_GET_DATA, "/secret", false);
    pass(20);
    return expect_reply(conn, xid);
}

START_TEST(the_super_user_may_everything_and_others_not)
{
    snprintf(rules.super_digest, sizeof rules.super_digest, SUPER);
    restart();
    open_session(1);
    make_secret(1);
    ck_assert_int_eq(read_secret(1, 2), ZK_ERR_NO_AUTH);
    send_auth(1, "digest", "super:test");
    ck_assert_int_eq(expect_reply(1, ZK_XID_AUTH), ZK_ERR_OK);
    ck_assert_int_eq(read_secret(1, 3), ZK_ERR_OK);
}
END_TEST

START_TEST(where_acls_are_skipped_all_may_everything_and_nobody_is_told_an_identity_for_it)
{
    open_session(1);
    make_secret(1);
    ck_assert_int_eq(read_secret(1, 2), ZK_ERR_NO_AUTH);
    rules.skip_acl = true;
    restart();
    open_session(1);
    ck_assert_int_eq(read_secret(1, 2), ZK_ERR_OK);
    begin(3, ZK_OP_WHO_AM_I);
    send_frame(1);
    turn();
    struct zk_jute in = next_frame(1);
    ck_assert_int_eq(zk_reply_header_decode(&in).err, ZK_ERR_OK);
    ck_assert_int_eq(zk_jute_int(&in), 1);
    ck_assert(zk_slice_eq(zk_jute_string(&in), zk_slice_str("ip")));
}
END_TEST

START_TEST(who_has_not_what_is_enforced_is_told_so_and_closed_at_its_first_request)
{
    snprintf(rules.enforced, sizeof rules.enforced, ",sasl,digest,");
    restart();
    open_session(1);
    open_session(2);
    send_path(1, 1, ZK_OP_EXISTS, "/", false);
    turn();
    ck_assert_int_eq(expect_reply(1, 1), ZK_ERR_SESSION_CLOSED_REQUIRE_SASL_AUTH);
    ck_assert(lines[1].closed);
    send_auth(2, "digest", "a:b");
    ck_assert_int_eq(expect_reply(2, ZK_XID_AUTH), ZK_ERR_OK);
    send_path(2, 1, ZK_OP_EXISTS, "/", false);
    turn();
    ck_assert_int_eq(expect_reply(2, 1), ZK_ERR_OK);
}
END_TEST

START_TEST(closing_too_is_refused_to_who_has_not_authenticated_and_shows_no_zxid)
{
    snprintf(rules.enforced, sizeof rules.enforced, ",digest,");
    restart();
    open_session(1);
    send_bare(1, 1, ZK_OP_CLOSE_SESSION);
    turn();
    struct zk_jute in = next_frame(1);
    struct zk_reply_header h = zk_reply_header_decode(&in);
    ck_assert_int_eq(h.err, ZK_ERR_SESSION_CLOSED_REQUIRE_SASL_AUTH);
    ck_assert_int_eq(h.zxid, 0);
    ck_assert(lines[1].closed);
}
END_TEST

START_TEST(the_wrong_ensembles_name_closes_without_a_word)
{
    snprintf(rules.ensembles, sizeof rules.ensembles, ",red,");
    restart();
    open_session(1);
    send_auth(1, "ensemble", "red");
    ck_assert_int_eq(expect_reply(1, ZK_XID_AUTH), ZK_ERR_OK);
    send_auth(1, "ensemble", "blue");
    ck_assert(is_silent(1) && lines[1].closed);
}
END_TEST

static void setup_auth(void)
{
    rules = (struct auth_rules){0};
    setup();
}

int main(void)
{
    TCase *tc = tcase_create("auth");
    tcase_add_checked_fixture(tc, setup_auth, teardown);
    tcase_add_test(tc, a_password_becomes_the_hash_that_acls_hold);
    tcase_add_test(tc, the_hash_is_by_the_algorithm_of_the_configuration);
    tcase_add_test(tc, the_super_digest_gains_both_identities);
    tcase_add_test(tc, a_client_of_another_ensemble_goes_elsewhere);
    tcase_add_test(tc, the_super_user_may_everything_and_others_not);
    tcase_add_test(tc, where_acls_are_skipped_all_may_everything_and_nobody_is_told_an_identity_for_it);
    tcase_add_test(tc, who_has_not_what_is_enforced_is_told_so_and_closed_at_its_first_request);
    tcase_add_test(tc, closing_too_is_refused_to_who_has_not_authenticated_and_shows_no_zxid);
    tcase_add_test(tc, the_wrong_ensembles_name_closes_without_a_word);
    return run_tests("auth", tc);
}
