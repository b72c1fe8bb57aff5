/* test_daemon_config.c: proves server/daemon_config.h: each key of zoo.cfg reaches what it is for. Every value below is
 * another one, so that two that are swapped, or one that is forgotten, show. */
#include "server/daemon_config.h"
#include "server/datadir.h"
#include "server/state/state.h"
#include "tests/unit/run.h"
#include <stdio.h>

static struct settings s;
static bool initialize;

bool datadir_has_initialize(const struct settings *settings)
{
    return initialize;
}

#define FIRST "dataDir=/\nclientPort=2181\n"
#define THREE "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.7=d:1:2:observer\n"

static void load(const char *text)
{
    struct settings_messages messages;
    settings_messages_init(&messages);
    settings_init(&s);
    settings_parse(&s, "zoo.cfg", zk_slice_str(text), &messages);
    settings_parse_myid(&s, "myid", zk_slice_str("2"), &messages);
    settings_finish(&s, "zoo.cfg", true, &messages);
    ck_assert_msg(messages.error_count == 0, "%s: %s", text, messages.items[0].text);
    settings_messages_fini(&messages);
}

static struct replica_config make(const char *lines)
{
    char text[2000];
    snprintf(text, sizeof text, FIRST THREE "%s", lines);
    load(text);
    return daemon_config_make(&s);
}

START_TEST(each_number_is_for_what_it_says)
{
    const struct replica_config config =
        make("tickTime=1001\ninitLimit=11\nsyncLimit=7\nminSessionTimeout=2003\nmaxSessionTimeout=90001\n"
             "jute.maxbuffer=70001\nglobalOutstandingLimit=1202\nrequest_throttle_max_requests=13\n"
             "throttled_op_wait_time=17\nrequest_throttler.shutdownTimeout=19\nlargeRequestThreshold=23\n"
             "largeRequestMaxBytes=29\nznode.container.checkIntervalMs=79\nznode.container.maxPerMinute=83\n"
             "znode.container.maxNeverUsedIntervalMs=89\n");
    ck_assert_uint_eq(config.zab.tick_ms, 1001);
    ck_assert_uint_eq(config.zab.init_limit, 11);
    ck_assert_uint_eq(config.zab.sync_limit, 7);
    ck_assert_int_eq(config.min_session_timeout_ms, 2003);
    ck_assert_int_eq(config.max_session_timeout_ms, 90001);
    ck_assert_uint_eq(config.jute_max_buffer, 70001);
    ck_assert_uint_eq(config.outstanding_limit, 601); /* its share: there are three voters */
    ck_assert_uint_eq(config.throttle_max_requests, 13);
    ck_assert_uint_eq(config.throttled_op_wait_ms, 17);
    ck_assert_uint_eq(config.stop_patience_ms, 19);
    ck_assert_uint_eq(config.large_request_threshold, 23);
    ck_assert_uint_eq(config.large_request_max_bytes, 29);
    ck_assert_uint_eq(config.container_check_ms, 79);
    ck_assert_uint_eq(config.container_max_per_minute, 83);
    ck_assert_int_eq(config.container_never_used_ms, 89);
}
END_TEST

START_TEST(each_number_of_the_throttle_is_for_what_it_says)
{
    const struct throttle_rules rules =
        make("connection_throttle_tokens=37\nconnection_throttle_fill_time=41\nconnection_throttle_fill_count=43\n"
             "connection_throttle_freeze_time=47\nconnection_throttle_drop_increase=0.053\n"
             "connection_throttle_drop_decrease=0.059\nconnection_throttle_decrease_ratio=0.61\n"
             "connection_throttle_global_session_weight=67\nconnection_throttle_renew_session_weight=71\n"
             "connection_throttle_local_session_weight=73\n")
            .throttle;
    ck_assert_uint_eq(rules.tokens, 37);
    ck_assert_uint_eq(rules.fill_ms, 41);
    ck_assert_uint_eq(rules.fill_count, 43);
    ck_assert_int_eq(rules.freeze_ms, 47);
    ck_assert_uint_eq(rules.drop_increase, 53000);
    ck_assert_uint_eq(rules.drop_decrease, 59000);
    ck_assert_uint_eq(rules.decrease_ratio, 610000);
    ck_assert_uint_eq(rules.new_weight, 67);
    ck_assert_uint_eq(rules.renew_weight, 71);
    ck_assert_uint_eq(rules.local_weight, 73);
    ck_assert(!rules.is_weighted);
}
END_TEST

static const char *const flags[] = {
    "readonlymode.enabled", "localSessionsEnabled", "localSessionsUpgradingEnabled",
    "enforceQuota",         "extendedTypesEnabled", "connection_throttle_weight_enabled",
};

static unsigned flags_of(const struct replica_config *c)
{
    const bool set[] = {c->read_only_mode, c->local_sessions, c->local_upgrading,
                        c->enforce_quota,  c->extended_types, c->throttle.is_weighted};
    unsigned bits = 0;
    for (unsigned i = 0; i < ZK_COUNT_OF(set); i++)
        bits |= (unsigned)set[i] << i;
    return bits;
}

START_TEST(each_flag_is_for_what_it_says_and_for_nothing_else)
{
    char line[100];
    struct replica_config config = make("");
    ck_assert_uint_eq(flags_of(&config), 0);
    snprintf(line, sizeof line, "%s=true\n", flags[_i]);
    config = make(line);
    ck_assert_uint_eq(flags_of(&config), 1u << _i);
}
END_TEST

START_TEST(a_single_server_has_no_sessions_of_its_own)
{
    load(FIRST "localSessionsEnabled=true\n");
    ck_assert(!daemon_config_make(&s).local_sessions);
}
END_TEST

START_TEST(who_waits_too_long_is_closed_only_if_both_keys_say_so)
{
    ck_assert(!make("").throttle_drops_stale);
    ck_assert(make("request_stale_latency_check=true\n").throttle_drops_stale);
    ck_assert(!make("request_stale_latency_check=true\nrequest_throttle_drop_stale=false\n").throttle_drops_stale);
    ck_assert(!make("request_throttle_drop_stale=true\n").throttle_drops_stale);
}
END_TEST

START_TEST(no_request_is_large_unless_there_is_a_threshold)
{
    ck_assert_uint_eq(make("").large_request_threshold, 0);
    ck_assert_uint_eq(make("largeRequestThreshold=-1\n").large_request_threshold, 0);
    ck_assert_uint_eq(make("largeRequestThreshold=0\n").large_request_threshold, 0);
}
END_TEST

START_TEST(who_may_do_what_comes_as_the_file_says_it)
{
    const struct auth_rules auth =
        make("DigestAuthenticationProvider.superDigest=super:D/InIHSb7yEEbrWz8b9l71RjZJU=\n"
             "DigestAuthenticationProvider.digestAlg=SHA-512\nensembleAuthName=red\nskipACL=yes\n"
             "enforce.auth.enabled=true\nenforce.auth.schemes=ip\nDigestAuthenticationProvider.enabled=false\n")
            .auth;
    ck_assert_str_eq(auth.super_digest, "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
    ck_assert_str_eq(auth.digest_algorithm, "SHA-512");
    ck_assert_str_eq(auth.ensembles, ",red,");
    ck_assert_str_eq(auth.enforced, ",ip,");
    ck_assert(auth.skip_acl && auth.digest_off);
    ck_assert(!make("").auth.skip_acl && !make("").auth.digest_off);
}
END_TEST

START_TEST(the_members_are_the_server_lines)
{
    initialize = true;
    const struct replica_config config = make("");
    static const struct zab_member want[] = {
        {1, ZAB_PARTICIPANT, 1}, {2, ZAB_PARTICIPANT, 1}, {3, ZAB_PARTICIPANT, 1}, {7, ZAB_OBSERVER, 1}};
    ck_assert_uint_eq(config.zab.self, 2);
    ck_assert(config.zab.initialize);
    ck_assert_uint_eq(config.zab.member_count, ZK_COUNT_OF(want));
    for (size_t i = 0; i < ZK_COUNT_OF(want); i++) {
        ck_assert_uint_eq(config.zab.members[i].id, want[i].id);
        ck_assert_int_eq(config.zab.members[i].role, want[i].role);
        ck_assert_uint_eq(config.zab.members[i].weight, want[i].weight);
    }
    initialize = false;
    load(FIRST);
    const struct replica_config alone = daemon_config_make(&s);
    ck_assert(!alone.zab.initialize);
    ck_assert_uint_eq(alone.zab.member_count, 1);
    ck_assert_uint_eq(alone.zab.members[0].id, alone.zab.self);
}
END_TEST

START_TEST(what_no_key_says_comes_from_the_machine)
{
    const struct replica_config config = make("");
    uint8_t bytes[2][16];
    config.random(config.random_arg, bytes[0], sizeof bytes[0]);
    config.random(config.random_arg, bytes[1], sizeof bytes[1]);
    ck_assert_mem_ne(bytes[0], bytes[1], sizeof bytes[0]);
    ck_assert_uint_ne(config.zab.seed, make("").zab.seed);
    ck_assert_int_eq(config.memory, STATE_MEMORY_K);
    ck_assert_uint_gt(config.memory_limit_bytes, 0);
    ck_assert_uint_gt(config.space_low_bytes, 0);
}
END_TEST

START_TEST(connections_have_the_limits_of_the_file)
{
    make("maxCnxns=101\nmaxClientCnxns=97\njute.maxbuffer=70001\nnio.sessionlessCnxnTimeout=31\n");
    const struct conns_config config = daemon_config_conns(&s, 5000);
    ck_assert_uint_eq(config.count_max, 101);
    ck_assert_uint_eq(config.per_address_max, 97);
    ck_assert_uint_eq(config.frame_bytes_max, 70001);
    ck_assert_uint_eq(config.sessionless_ms, 31);
    ck_assert_uint_eq(config.unsent_bytes_max, CONNS_UNSENT_BYTES_MAX);
}
END_TEST

START_TEST(no_limit_on_all_connections_is_what_open_files_allow_which_no_limit_exceeds)
{
    make("maxCnxns=0\nmaxClientCnxns=0\n");
    ck_assert_uint_eq(daemon_config_conns(&s, 5000).count_max, 5000);
    ck_assert_uint_eq(daemon_config_conns(&s, 5000).per_address_max, 0);
    make("maxCnxns=5001\n");
    ck_assert_uint_eq(daemon_config_conns(&s, 5000).count_max, 5000);
    make("maxCnxns=4999\n");
    ck_assert_uint_eq(daemon_config_conns(&s, 5000).count_max, 4999);
}
END_TEST

START_TEST(as_many_connections_may_wait_to_be_accepted_as_the_file_says)
{
    make("clientPortListenBacklog=103\n");
    ck_assert_int_eq(daemon_config_client_backlog(&s), 103);
    make("clientPortListenBacklog=0\n");
    ck_assert_int_eq(daemon_config_client_backlog(&s), 0);
    make("");
    ck_assert_int_eq(daemon_config_client_backlog(&s), DAEMON_LISTEN_BACKLOG);
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("daemon's configuration");
    tcase_add_test(tc, each_number_is_for_what_it_says);
    tcase_add_test(tc, each_number_of_the_throttle_is_for_what_it_says);
    tcase_add_loop_test(tc, each_flag_is_for_what_it_says_and_for_nothing_else, 0, ZK_COUNT_OF(flags));
    tcase_add_test(tc, a_single_server_has_no_sessions_of_its_own);
    tcase_add_test(tc, who_waits_too_long_is_closed_only_if_both_keys_say_so);
    tcase_add_test(tc, no_request_is_large_unless_there_is_a_threshold);
    tcase_add_test(tc, who_may_do_what_comes_as_the_file_says_it);
    tcase_add_test(tc, the_members_are_the_server_lines);
    tcase_add_test(tc, what_no_key_says_comes_from_the_machine);
    tcase_add_test(tc, connections_have_the_limits_of_the_file);
    tcase_add_test(tc, no_limit_on_all_connections_is_what_open_files_allow_which_no_limit_exceeds);
    tcase_add_test(tc, as_many_connections_may_wait_to_be_accepted_as_the_file_says);
    return run_tests("daemon_config", tc);
}
