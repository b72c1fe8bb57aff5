/* test_proto.c: proves common/proto.h against the bytes that Apache's clients and servers send. */
#include "common/err.h"
#include "common/proto.h"
#include "tests/unit/run.h"

static void expect_bytes(const struct zk_buf *have, const void *want, size_t len)
{
    ck_assert_uint_eq(have->len, len);
    ck_assert_mem_eq(have->ptr, want, len);
}

#define PASSWORD "0123456789abcdef"

START_TEST(a_connect_request_is_44_or_45_bytes)
{
    struct zk_buf buf;
    zk_buf_init(&buf);
    struct zk_connect_request r = {
        .last_zxid_seen = 0x100000002, .timeout_ms = 10000, .session_id = 0x0300000000000001};
    r.password = zk_slice(PASSWORD, 16);
    static const uint8_t want[] = "\0\0\0\0"
                                  "\0\0\0\1\0\0\0\2"
                                  "\0\0\x27\x10"
                                  "\3\0\0\0\0\0\0\1"
                                  "\0\0\0\x10" PASSWORD "\1";
    zk_connect_request_encode(&buf, &r);
    expect_bytes(&buf, want, 44);
    struct zk_jute in = zk_jute(zk_buf_slice(&buf));
    ck_assert(!zk_connect_request_decode(&in).has_read_only);
    ck_assert(!in.bad);
    zk_buf_reset(&buf);
    r.has_read_only = r.read_only = true;
    zk_connect_request_encode(&buf, &r);
    expect_bytes(&buf, want, 45);
    in = zk_jute(zk_buf_slice(&buf));
    struct zk_connect_request d = zk_connect_request_decode(&in);
    ck_assert(d.has_read_only);
    ck_assert(d.read_only);
    ck_assert_int_eq(d.last_zxid_seen, r.last_zxid_seen);
    ck_assert_int_eq(d.session_id, r.session_id);
    ck_assert_int_eq(d.timeout_ms, r.timeout_ms);
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(a_connect_response_is_36_or_37_bytes_and_4_more_with_a_memory)
{
    struct zk_buf buf;
    zk_buf_init(&buf);
    struct zk_connect_response r = {.timeout_ms = 4000, .session_id = 5, .password = zk_slice(PASSWORD, 16)};
    static const uint8_t want[] = "\0\0\0\0"
                                  "\0\0\x0f\xa0"
                                  "\0\0\0\0\0\0\0\5"
                                  "\0\0\0\x10" PASSWORD "\0";
    zk_connect_response_encode(&buf, &r);
    expect_bytes(&buf, want, 36);
    zk_buf_reset(&buf);
    r.has_read_only = true;
    zk_connect_response_encode(&buf, &r);
    expect_bytes(&buf, want, 37);
    zk_buf_reset(&buf);
    r.protocol_version = ZK_PROTOCOL_MEMORY;
    r.memory = 128;
    zk_connect_response_encode(&buf, &r);
    ck_assert_uint_eq(buf.len, 41);
    struct zk_jute in = zk_jute(zk_buf_slice(&buf));
    ck_assert_int_eq(zk_connect_response_decode(&in).memory, 128);
    ck_assert(!in.bad);
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(the_past_of_an_ended_session_follows_its_memory)
{
    struct zk_buf past, buf;
    zk_buf_init(&past);
    zk_buf_init(&buf);
    zk_jute_put_int(&past, 1);
    zk_past_write_encode(&past, &(struct zk_past_write){7, 0x100000002, -110, zk_slice_str("r")});
    static const uint8_t want[] = "\0\0\0\1\0\0\0\7\0\0\0\1\0\0\0\2\xff\xff\xff\x92\0\0\0\1r";
    expect_bytes(&past, want, sizeof want - 1);
    struct zk_connect_response r = {
        .protocol_version = ZK_PROTOCOL_MEMORY, .password = zk_slice(PASSWORD, 16), .has_read_only = true, .memory = 4};
    r.past = zk_buf_slice(&past);
    zk_connect_response_encode(&buf, &r);
    struct zk_jute in = zk_jute(zk_buf_slice(&buf));
    r = zk_connect_response_decode(&in);
    ck_assert_int_eq(r.memory, 4);
    in = zk_jute(r.past);
    ck_assert_int_eq(zk_jute_count(&in, ZK_PAST_WRITE_MIN_BYTES), 1);
    struct zk_past_write w = zk_past_write_decode(&in);
    ck_assert(!in.bad && zk_jute_left(&in) == 0);
    ck_assert_int_eq(w.xid, 7);
    ck_assert_int_eq(w.zxid, 0x100000002);
    ck_assert_int_eq(w.err, -110);
    ck_assert(zk_slice_eq(w.record, zk_slice_str("r")));
    zk_buf_fini(&past);
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(a_stat_has_its_fields_in_zookeepers_order)
{
    struct zk_buf buf;
    zk_buf_init(&buf);
    struct zk_stat st = {.czxid = 1,
                         .mzxid = 2,
                         .ctime_ms = 3,
                         .mtime_ms = 4,
                         .version = 5,
                         .cversion = 6,
                         .aversion = 7,
                         .ephemeral_owner = 8,
                         .data_length = 9,
                         .num_children = 10,
                         .pzxid = 11};
    static const uint8_t want[ZK_STAT_BYTES + 1] = "\0\0\0\0\0\0\0\1"
                                                   "\0\0\0\0\0\0\0\2"
                                                   "\0\0\0\0\0\0\0\3"
                                                   "\0\0\0\0\0\0\0\4"
                                                   "\0\0\0\5"
                                                   "\0\0\0\6"
                                                   "\0\0\0\7"
                                                   "\0\0\0\0\0\0\0\x08"
                                                   "\0\0\0\x09"
                                                   "\0\0\0\x0a"
                                                   "\0\0\0\0\0\0\0\x0b";
    zk_stat_encode(&buf, &st);
    expect_bytes(&buf, want, ZK_STAT_BYTES);
    struct zk_jute in = zk_jute(zk_buf_slice(&buf));
    struct zk_stat d = zk_stat_decode(&in);
    ck_assert_int_eq(d.czxid, 1);
    ck_assert_int_eq(d.cversion, 6);
    ck_assert_int_eq(d.ephemeral_owner, 8);
    ck_assert_int_eq(d.pzxid, 11);
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(headers_and_events_are_laid_out_as_zookeepers)
{
    struct zk_buf buf;
    zk_buf_init(&buf);
    zk_request_header_encode(&buf, (struct zk_request_header){7, ZK_OP_CLOSE_SESSION});
    expect_bytes(&buf, "\0\0\0\7\xff\xff\xff\xf5", 8);
    zk_buf_reset(&buf);
    zk_reply_header_encode(&buf, (struct zk_reply_header){ZK_XID_PING, 0x100000001, ZK_ERR_NO_NODE});
    expect_bytes(&buf, "\xff\xff\xff\xfe\0\0\0\1\0\0\0\1\xff\xff\xff\x9b", ZK_REPLY_HEADER_BYTES);
    zk_buf_reset(&buf);
    zk_watcher_event_encode(&buf, &(struct zk_watcher_event){ZK_EVENT_DELETED, 3, zk_slice_str("/a")});
    expect_bytes(&buf, "\0\0\0\2\0\0\0\3\0\0\0\2/a", 14);
    zk_buf_reset(&buf);
    zk_multi_header_encode(&buf, ZK_MULTI_END);
    expect_bytes(&buf, "\xff\xff\xff\xff\1\xff\xff\xff\xff", 9);
    zk_buf_fini(&buf);
}
END_TEST

START_TEST(requests_are_laid_out_as_zookeepers)
{
    struct zk_buf buf, acl;
    zk_buf_init(&buf);
    zk_buf_init(&acl);
    zk_acl_vector_world(&acl, ZK_PERM_ALL);
    zk_create_request_encode(
        &buf, &(struct zk_create_request){zk_slice_str("/a"), zk_slice_str("d"), zk_buf_slice(&acl), 3});
    expect_bytes(&buf, "\0\0\0\2/a\0\0\0\1d\0\0\0\1\0\0\0\x1f\0\0\0\5world\0\0\0\6anyone\0\0\0\3", 6 + 5 + 27 + 4);
    zk_buf_reset(&buf);
    zk_path_version_encode(&buf, (struct zk_path_version){zk_slice_str("/a"), -1});
    expect_bytes(&buf, "\0\0\0\2/a\xff\xff\xff\xff", 10);
    zk_buf_reset(&buf);
    zk_path_watch_encode(&buf, (struct zk_path_watch){zk_slice_str("/a"), true});
    expect_bytes(&buf, "\0\0\0\2/a\1", 7);
    zk_buf_reset(&buf);
    zk_set_data_request_encode(&buf, &(struct zk_set_data_request){zk_slice_str("/a"), zk_slice(NULL, 0), 2});
    expect_bytes(&buf, "\0\0\0\2/a\xff\xff\xff\xff\0\0\0\2", 14);
    zk_buf_reset(&buf);
    zk_auth_packet_encode(&buf, &(struct zk_auth_packet){0, zk_slice_str("digest"), zk_slice_str("u:p")});
    expect_bytes(&buf, "\0\0\0\0\0\0\0\6digest\0\0\0\3u:p", 21);
    zk_buf_fini(&buf);
    zk_buf_fini(&acl);
}
END_TEST

START_TEST(a_record_cut_anywhere_is_bad)
{
    struct zk_buf buf, acl;
    zk_buf_init(&buf);
    zk_buf_init(&acl);
    zk_acl_vector_world(&acl, ZK_PERM_ALL);
    zk_create_request_encode(
        &buf, &(struct zk_create_request){zk_slice_str("/a"), zk_slice_str("d"), zk_buf_slice(&acl), 3});
    for (size_t len = 0; len < buf.len; len++) {
        struct zk_jute in = zk_jute(zk_slice(buf.ptr, len));
        (void)zk_create_request_decode(&in);
        ck_assert_msg(in.bad, "cut at %zu", len);
    }
    struct zk_jute whole = zk_jute(zk_buf_slice(&buf));
    struct zk_create_request r = zk_create_request_decode(&whole);
    ck_assert(!whole.bad);
    ck_assert(zk_slice_eq(r.acl, zk_buf_slice(&acl)));
    ck_assert_int_eq(r.flags, 3);
    zk_buf_fini(&buf);
    zk_buf_fini(&acl);
}
END_TEST

START_TEST(an_acl_vector_may_be_null_and_never_lies_about_its_count)
{
    struct zk_jute null = zk_jute(zk_slice("\xff\xff\xff\xff", 4));
    ck_assert_uint_eq(zk_acl_vector_decode(&null).len, 4);
    ck_assert(!null.bad);
    struct zk_jute huge = zk_jute(zk_slice("\x7f\xff\xff\xff\0\0\0\x1f\0\0\0\0\0\0\0\0", 16));
    ck_assert_ptr_null(zk_acl_vector_decode(&huge).ptr);
    ck_assert(huge.bad);
}
END_TEST

START_TEST(codes_and_letters_have_names)
{
    ck_assert_str_eq(zk_err_text(-101), "no node");
    ck_assert_str_eq(zk_err_text(-4711), "unknown error");
    ck_assert_str_eq(zk_op_letters(ZK_OP_CREATE), "CREA");
    ck_assert_str_eq(zk_op_letters(4711), "NA");
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("proto");
    tcase_add_test(tc, a_connect_request_is_44_or_45_bytes);
    tcase_add_test(tc, a_connect_response_is_36_or_37_bytes_and_4_more_with_a_memory);
    tcase_add_test(tc, the_past_of_an_ended_session_follows_its_memory);
    tcase_add_test(tc, a_stat_has_its_fields_in_zookeepers_order);
    tcase_add_test(tc, headers_and_events_are_laid_out_as_zookeepers);
    tcase_add_test(tc, requests_are_laid_out_as_zookeepers);
    tcase_add_test(tc, a_record_cut_anywhere_is_bad);
    tcase_add_test(tc, an_acl_vector_may_be_null_and_never_lies_about_its_count);
    tcase_add_test(tc, codes_and_letters_have_names);
    return run_tests("proto", tc);
}
