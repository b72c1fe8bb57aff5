/* test_command.c: proves server/state/command.h: what is encoded is decoded, the stamp changes the time alone, and
 * nothing malformed gets through. */
#include "server/state/command.h"
#include "tests/unit/state_kit.h"

START_TEST(a_command_is_decoded_as_it_was_encoded)
{
    struct zk_buf buf;
    zk_buf_init(&buf);
    struct command c = {
        COMMAND_ATTACH, COMMAND_EXTENDED_TYPES, -1, UINT64_MAX, 0x80000001u, 3, 4, -5, 101, zk_slice_str("payload")};
    command_encode(&buf, &c);
    ck_assert_uint_eq(buf.len, COMMAND_HEADER_BYTES + 7);
    struct command d;
    ck_assert(command_decode(zk_buf_slice(&buf), &d));
    ck_assert_uint_eq(d.kind, c.kind);
    ck_assert_int_eq(d.time_ms, c.time_ms);
    ck_assert_uint_eq(d.session, c.session);
    ck_assert_uint_eq(d.generation, c.generation);
    ck_assert_uint_eq(d.number, c.number);
    ck_assert_uint_eq(d.origin, c.origin);
    ck_assert_int_eq(d.xid, c.xid);
    ck_assert_int_eq(d.op, c.op);
    ck_assert(zk_slice_eq(d.payload, c.payload));
    command_stamp(buf.ptr, buf.len, 0x1122334455667788);
    ck_assert(command_decode(zk_buf_slice(&buf), &d));
    ck_assert_int_eq(d.time_ms, 0x1122334455667788);
    ck_assert_uint_eq(d.session, c.session);
    ck_assert_uint_eq(d.kind, c.kind);
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(short_foreign_and_unknown_commands_are_refused)
{
    struct zk_buf buf;
    zk_buf_init(&buf);
    struct command c = {.kind = COMMAND_REQUEST};
    struct command d;
    command_encode(&buf, &c);
    for (size_t len = 0; len < COMMAND_HEADER_BYTES; len++)
        ck_assert(!command_decode(zk_slice(buf.ptr, len), &d));
    ck_assert(command_decode(zk_slice(buf.ptr, COMMAND_HEADER_BYTES), &d));
    buf.ptr[1] = 0;
    ck_assert(!command_decode(zk_buf_slice(&buf), &d));
    buf.ptr[1] = COMMAND_UPGRADE + 1;
    ck_assert(!command_decode(zk_buf_slice(&buf), &d));
    buf.ptr[1] = COMMAND_LEVEL;
    buf.ptr[0] = COMMAND_FORMAT + 1;
    ck_assert(!command_decode(zk_buf_slice(&buf), &d));
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(open_and_attach_keep_their_fields_and_refuse_what_is_malformed)
{
    struct zk_buf buf, who;
    zk_buf_init(&buf);
    zk_buf_init(&who);
    kit_identity(&who, "ip", "::1");
    struct command_open o = {4000, 7, {KIT_PASSWORD, ZK_PASSWORD_BYTES}, zk_buf_slice(&who), 3};
    struct command_open p;
    command_open_encode(&buf, &o);
    ck_assert(command_open_decode(zk_buf_slice(&buf), &p));
    ck_assert_int_eq(p.timeout_ms, 4000);
    ck_assert_int_eq(p.memory, 7);
    ck_assert_int_eq(p.server, 3);
    ck_assert(zk_slice_eq(p.password, o.password));
    ck_assert(zk_slice_eq(p.identities, o.identities));
    for (size_t len = 0; len < buf.len; len++)
        ck_assert(!command_open_decode(zk_slice(buf.ptr, len), &p));
    zk_buf_append_byte(&buf, 0);
    ck_assert(!command_open_decode(zk_buf_slice(&buf), &p));
    zk_buf_reset(&buf);
    struct command_attach a = {5000, {KIT_PASSWORD, ZK_PASSWORD_BYTES}, zk_buf_slice(&who), 2, true};
    struct command_attach b;
    command_attach_encode(&buf, &a);
    ck_assert(command_attach_decode(zk_buf_slice(&buf), &b));
    ck_assert_int_eq(b.timeout_ms, 5000);
    ck_assert_int_eq(b.server, 2);
    ck_assert(zk_slice_eq(b.identities, a.identities));
    ck_assert(b.keeps_memory);
    size_t before_flag = buf.len - 1; /* as older logs have it */
    ck_assert(command_attach_decode(zk_slice(buf.ptr, before_flag), &b));
    ck_assert(zk_slice_eq(b.identities, a.identities));
    ck_assert(!b.keeps_memory);
    for (size_t len = 0; len < before_flag; len++)
        ck_assert(!command_attach_decode(zk_slice(buf.ptr, len), &b));
    zk_buf_append_byte(&buf, 0);
    ck_assert(!command_attach_decode(zk_buf_slice(&buf), &b));
    zk_buf_reset(&buf);
    a.password.len = 15;
    command_attach_encode(&buf, &a);
    ck_assert(!command_attach_decode(zk_buf_slice(&buf), &b));
    zk_buf_fini(&buf);
    zk_buf_fini(&who);
}
END_TEST

START_TEST(identities_never_take_more_bytes_than_a_command_may_bring)
{
    static char user[STATE_IDENTITY_BYTES_MAX];
    memset(user, 'u', sizeof user);
    const size_t around = 4 + 4 + strlen("digest") + 4; /* the count, and the lengths of the two strings */
    for (size_t over = 0; over <= 8; over++) {
        struct zk_buf who;
        zk_buf_init(&who);
        zk_jute_put_int(&who, 0);
        struct zk_slice id = zk_slice(user, STATE_IDENTITY_BYTES_MAX - around + over);
        ck_assert_int_eq(command_identities_add(&who, zk_slice_str("digest"), id), over == 0);
        ck_assert_uint_le(who.len, STATE_IDENTITY_BYTES_MAX);
        zk_buf_fini(&who);
    }
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("command");
    tcase_add_test(tc, a_command_is_decoded_as_it_was_encoded);
    tcase_add_test(tc, short_foreign_and_unknown_commands_are_refused);
    tcase_add_test(tc, open_and_attach_keep_their_fields_and_refuse_what_is_malformed);
    tcase_add_test(tc, identities_never_take_more_bytes_than_a_command_may_bring);
    return run_tests("command", tc);
}
