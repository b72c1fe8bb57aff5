/* test_settings.c: proves server/settings.h. */
#include "common/rng.h"
#include "server/settings.h"
#include "tests/unit/run.h"
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct settings s;
static struct settings_messages messages;

static void parse(const char *text)
{
    settings_messages_fini(&messages);
    settings_init(&s);
    settings_parse(&s, "zoo.cfg", zk_slice_str(text), &messages);
}

/* The text, then what holds between its lines. */
static void finish(const char *text, const char *myid)
{
    parse(text);
    if (myid)
        settings_parse_myid(&s, "data/myid", zk_slice_str(myid), &messages);
    settings_finish(&s, "zoo.cfg", myid != NULL, &messages);
}

static const char *message(size_t index)
{
    static char text[2048];
    struct zk_buf out;
    zk_buf_init(&out);
    if (index < messages.count)
        settings_message_format(&messages.items[index], &out);
    snprintf(text, sizeof text, "%s", zk_buf_text(&out));
    zk_buf_fini(&out);
    return text;
}

static void setup(void)
{
    settings_messages_init(&messages);
}

static void teardown(void)
{
    settings_messages_fini(&messages);
}

#define THREE \
    "dataDir=/d\nclientPort=2181\nserver.1=a:2888:3888\nserver.2=b:2888:3888\nserver.3=c:2888:3888\n"

START_TEST(apaches_sample_file_is_read_without_a_word)
{
    finish("# The number of milliseconds of each tick\ntickTime=2000\n# ticks\ninitLimit=10\n\nsyncLimit=5\n"
           "dataDir=/var/lib/zookeeper\nclientPort=2181\n",
           NULL);
    ck_assert_uint_eq(messages.count, 0);
    ck_assert_int_eq(s.tick_ms, 2000);
    ck_assert_int_eq(s.init_limit, 10);
    ck_assert_int_eq(s.sync_limit, 5);
    ck_assert_str_eq(s.data_dir, "/var/lib/zookeeper");
    ck_assert_int_eq(s.client_port, 2181);
    ck_assert_int_eq(s.min_session_timeout_ms, 4000);
    ck_assert_int_eq(s.max_session_timeout_ms, 40000);
    ck_assert_int_eq(s.max_client_cnxns, 60);
    ck_assert_int_eq(s.jute_max_buffer, 0xfffff);
    ck_assert(settings_is_standalone(&s));
    ck_assert_uint_eq(s.self, 1);
}
END_TEST

/* Each of these is tickTime 4000 and initLimit 8 to java.util.Properties. */
static const char *const spellings[] = {
    "tickTime=4000\ninitLimit=8",
    "tickTime = 4000  \r\n\tinitLimit:8\r\n",
    "tickTime 4000\rinitLimit 8\r",
    "!c\n   # c\n\n  tickTime  :  4000\ninitLimit\t8",
    "tickTime=40\\\n   00\ninitLimit=\\\n8\n",
    "tick\\\n  Time=4000\ninitLimit=\\u0038\n",
    "\\u0074ick\\Time=4000\ninitLi\\mit=8",
    "tickTime=4000\n# a comment is not continued \\\ninitLimit=8",
    "tickTime=4000\ninitLimit=8\\",
};

START_TEST(javas_spellings_of_a_line_are_all_understood)
{
    parse(spellings[_i]);
    ck_assert_msg(messages.count == 0, "%s: %s", spellings[_i], message(0));
    ck_assert_int_eq(s.tick_ms, 4000);
    ck_assert_int_eq(s.init_limit, 8);
}
END_TEST

START_TEST(an_escaped_character_is_part_of_its_side)
{
    parse("dataDir=/a\\ b\\=c\\:d\\\\e\\tf\\u00e9");
    ck_assert_uint_eq(messages.count, 0);
    ck_assert_str_eq(s.data_dir, "/a b=c:d\\e\tf\xc3\xa9");
}
END_TEST

START_TEST(a_key_is_unknown_without_effect_or_twice_and_says_so_once_with_its_line)
{
    parse("tickTime=2000\nsnapCount=5\nautopurge.purgeInterval=1\nflavour=sweet\ntickTime=3000\n");
    ck_assert_uint_eq(messages.count, 4);
    ck_assert_uint_eq(messages.error_count, 0);
    ck_assert_str_eq(message(0), "zoo.cfg:2: snapCount has no effect: checkpoints follow the log's growth");
    ck_assert_str_eq(message(1), "zoo.cfg:3: autopurge.purgeInterval has no effect: the log is purged by itself");
    ck_assert_str_eq(message(2), "zoo.cfg:4: flavour is not a key that zkd knows; the line has no effect");
    ck_assert_str_eq(message(3), "zoo.cfg:5: tickTime stood in line 1 already; the last one counts");
    ck_assert_int_eq(s.tick_ms, 3000);
}
END_TEST

static const struct {
    const char *text;
    const char *error;
} bad_values[] = {
    {"tickTime=soon", "zoo.cfg:1: tickTime: 'soon' is not a whole number"},
    {"tickTime=", "zoo.cfg:1: tickTime: '' is not a whole number"},
    {"tickTime=2000ms", "zoo.cfg:1: tickTime: '2000ms' is not a whole number"},
    {"tickTime=0", "zoo.cfg:1: tickTime: 0 is out of range: 1 to 600000 ms"},
    {"tickTime=99999999999999999999", "zoo.cfg:1: tickTime: '99999999999999999999' is not a whole number"},
    {"\n\nmaxClientCnxns=-1", "zoo.cfg:3: maxClientCnxns: -1 is out of range: 0 to 1000000"},
    {"jute.maxbuffer=0x", "zoo.cfg:1: jute.maxbuffer: '0x' is not a whole number"},
    {"clientPort=65536", "zoo.cfg:1: clientPort: '65536' is not a port: 1 to 65535"},
    {"clientPort=0", "zoo.cfg:1: clientPort: '0' is not a port: 1 to 65535"},
    {"clientPortAddress=a b", "zoo.cfg:1: clientPortAddress: 'a b' is not an address"},
    {"dataDir=", "zoo.cfg:1: dataDir: is empty"},
    {"peerType=voter", "zoo.cfg:1: peerType: 'voter' is neither participant nor observer"},
    {"server.0=a:1:2", "zoo.cfg:1: server.0: the number of a server is 1 to 255"},
    {"server.256=a:1:2", "zoo.cfg:1: server.256: the number of a server is 1 to 255"},
    {"server.x=a:1:2", "zoo.cfg:1: server.x: the number of a server is 1 to 255"},
    {"server.1=a:2888", "zoo.cfg:1: server.1: must be host:port:port[:participant|observer][;[address:]port]"},
    {"server.1=a", "zoo.cfg:1: server.1: must be host:port:port[:participant|observer][;[address:]port]"},
    {"server.1=::1:2888:3888",
     "zoo.cfg:1: server.1: must be host:port:port[:participant|observer][;[address:]port]; an IPv6 address stands in "
     "brackets"},
    {"server.1=:2888:3888", "zoo.cfg:1: server.1: '' is not a host name or address"},
    {"server.1=a:b:3888", "zoo.cfg:1: server.1: 'b' and '3888' must be ports: 1 to 65535"},
    {"server.1=a:1:2:boss", "zoo.cfg:1: server.1: 'boss' is neither participant nor observer"},
    {"server.1=a:1:2;", "zoo.cfg:1: server.1: client port '' is not a port: 1 to 65535"},
    {"server.1=a:1:2;[::1]:x", "zoo.cfg:1: server.1: client port 'x' is not a port: 1 to 65535"},
    {"server.1=a:1:2\nserver.1=b:1:2", "zoo.cfg:2: server.1: line 1 has that server already"},
    {"dataDir=\x01\x1b[2J\ntickTime=\x1b[2J", "zoo.cfg:2: tickTime: '\\x1b[2J' is not a whole number"},
};

START_TEST(a_bad_value_is_an_error_with_file_line_and_reason)
{
    parse(bad_values[_i].text);
    ck_assert_uint_eq(messages.error_count, 1);
    ck_assert_str_eq(message(0), bad_values[_i].error);
}
END_TEST

START_TEST(all_errors_are_told_at_once)
{
    finish("tickTime=x\nclientPort=y\nmaxClientCnxns=z\n", NULL);
    ck_assert_uint_eq(messages.error_count, 5);
    ck_assert_str_eq(message(3), "zoo.cfg: dataDir is missing");
    ck_assert_str_eq(message(4), "zoo.cfg: clientPort is missing: no client could connect");
}
END_TEST

START_TEST(a_file_of_rubbish_fills_no_memory_with_messages)
{
    struct zk_buf text;
    zk_buf_init(&text);
    for (int i = 0; i < 3 * SETTINGS_MESSAGES_MAX; i++)
        zk_buf_printf(&text, "server.%d=x\n", i);
    parse(zk_buf_text(&text));
    ck_assert_uint_eq(messages.count, SETTINGS_MESSAGES_MAX);
    ck_assert_uint_eq(messages.error_count, 3 * SETTINGS_MESSAGES_MAX);
    ck_assert_uint_eq(messages.left_out, 2 * SETTINGS_MESSAGES_MAX);
    zk_buf_fini(&text);
}
END_TEST

START_TEST(a_zero_byte_cannot_shorten_a_value)
{
    settings_init(&s);
    settings_parse(&s, "zoo.cfg", zk_slice("dataDir=/a\0b", 12), &messages);
    ck_assert_str_eq(message(0), "zoo.cfg:1: holds a zero byte");
    ck_assert_str_eq(s.data_dir, "");
}
END_TEST

/* Bytes of a good file replaced, doubled and cut at random. */
static size_t spoil(struct zk_rng *rng, const char *good, char *text, size_t size)
{
    static const char bytes[] = "\\\n\r=: #!;|[]u0x\t,*.-9a\xff";
    size_t len = strlen(good);
    memcpy(text, good, len);
    for (uint32_t i = zk_rng_below(rng, 8); i > 0; i--) {
        size_t at = zk_rng_below(rng, (uint32_t)len);
        switch (zk_rng_below(rng, 3)) {
        case 0:
            text[at] = bytes[zk_rng_below(rng, sizeof bytes)]; /* its NUL too */
            break;
        case 1:
            if (2 * len - at < size) {
                memmove(text + len, text + at, len - at);
                len += len - at;
            }
            break;
        default:
            len = at + 1;
        }
    }
    return len;
}

START_TEST(no_bytes_harm_the_parser)
{
    static const char good[] = THREE "server.4=[::1]:2888:3888:observer;[::]:2181\n4lw.commands.whitelist=a,srvr,*\n"
                                     "jute.maxbuffer=0xff\\\n  ff\npeer.secretFile=\\u0041\\\\\nautopurge.x=1\n";
    struct zk_rng rng;
    struct zk_buf out;
    char text[8192];
    zk_rng_seed(&rng, 1, 1);
    zk_buf_init(&out);
    for (int i = 0; i < 5000; i++) {
        size_t len = spoil(&rng, good, text, sizeof text);
        uint8_t *exact = zk_memdup(text, len); /* so that a byte read too far is seen */
        settings_messages_fini(&messages);
        settings_init(&s);
        settings_parse(&s, "zoo.cfg", zk_slice(exact, len), &messages);
        settings_parse_myid(&s, "myid", zk_slice(exact, zk_rng_below(&rng, (uint32_t)len + 1)), &messages);
        settings_finish(&s, "zoo.cfg", true, &messages);
        settings_describe(&s, &out);
        zk_buf_reset(&out);
        for (size_t k = 0; k < messages.count; k++)
            settings_message_format(&messages.items[k], &out);
        ck_assert_msg(!memchr(out.ptr, '\x1b', out.len) && !memchr(out.ptr, 0xff, out.len), "raw bytes in a message");
        free(exact);
    }
    zk_buf_fini(&out);
}
END_TEST

START_TEST(server_lines_carry_role_client_address_and_ipv6)
{
    finish("dataDir=/d\n"
           "server.3=[fd00::3]:2888:3888:observer;[::1]:2183\n"
           "server.1=zk1.example.com:2888:3888;2181\n"
           "server.2=10.0.0.2:2889:3889:PARTICIPANT;0.0.0.0:2182\n"
           "server.9=h:1:2|i:3:4:observer\n"
           "server.5=h:5:6\n",
           "3\n");
    ck_assert_uint_eq(messages.error_count, 0);
    ck_assert_str_eq(message(0), "zoo.cfg:5: server.9: has several addresses; zkd uses the first");
    ck_assert_uint_eq(s.server_count, 5);
    ck_assert_uint_eq(s.servers[0].id, 1);
    ck_assert_str_eq(s.servers[0].host, "zk1.example.com");
    ck_assert_uint_eq(s.servers[0].client_port, 2181);
    ck_assert_str_eq(s.servers[1].client_host, "");
    ck_assert(!s.servers[1].is_observer);
    ck_assert_uint_eq(s.servers[1].peer_port, 2889);
    ck_assert_uint_eq(s.servers[1].election_port, 3889);
    ck_assert_str_eq(s.servers[2].host, "fd00::3");
    ck_assert(s.servers[2].is_observer);
    ck_assert_uint_eq(s.self, 3);
    ck_assert_int_eq(s.client_port, 2183); /* the own line's */
    ck_assert_str_eq(s.client_host, "::1");
}
END_TEST

static const struct {
    const char *text;
    const char *myid;
    enum settings_severity severity;
    const char *message;
} ensembles[] = {
    {THREE, "4", SETTINGS_ERROR, "zoo.cfg: dataDir/myid says 4, and there is no line server.4"},
    {THREE, "one", SETTINGS_ERROR, "data/myid: 'one' is not a server's number: 1 to 255"},
    {THREE, "", SETTINGS_ERROR, "data/myid: '' is not a server's number: 1 to 255"},
    {THREE "server.4=d:1:2", "1", SETTINGS_WARNING, "zoo.cfg: 4 voters bear the loss of no more servers than 3 would"},
    {THREE "server.4=a:2888:1:observer", "1", SETTINGS_ERROR,
     "zoo.cfg:6: server.1 and server.4 have the same address a:2888"},
    {THREE "peerType=observer", "1", SETTINGS_WARNING,
     "zoo.cfg:3: peerType says observer and the own server line participant; the server line counts"},
    {"dataDir=/d\nclientPort=1\nserver.1=a:2:3\nserver.2=b:2:3\n", "1", SETTINGS_WARNING,
     "zoo.cfg: 2 voters: both must be up for the ensemble to work; 3 bear the loss of one"},
    {"dataDir=/d\nclientPort=1\nserver.1=a:2:3:observer\nserver.2=b:2:3:observer\npeerType=observer", "1",
     SETTINGS_ERROR, "zoo.cfg: every server is an observer: nobody could vote"},
    {"dataDir=/d\nclientPort=2\nserver.1=a:2:3\nserver.2=b:2:3\nserver.3=c:2:3", "1", SETTINGS_ERROR,
     "zoo.cfg:3: server.1: port 2 is clientPort too"},
    {"dataDir=/d\nclientPort=1\nserver.2=a:2:3\n", "1", SETTINGS_ERROR,
     "zoo.cfg:3: the only server line is server.2, but dataDir/myid says 1"},
    {"dataDir=/d\nclientPort=1\nserver.1=a:2:3;4\nserver.2=b:2:3;4\nserver.3=c:2:3;4", "1", SETTINGS_ERROR,
     "zoo.cfg:3: server.1 has client port 4, but clientPort is 1"},
    {"dataDir=/d\nclientPort=1\npeerType=observer", NULL, SETTINGS_ERROR,
     "zoo.cfg: peerType=observer, and there are no server lines: nobody to observe"},
    {"dataDir=/d\nclientPort=1\nminSessionTimeout=9000\nmaxSessionTimeout=8000", NULL, SETTINGS_ERROR,
     "zoo.cfg: minSessionTimeout (9000 ms) is above maxSessionTimeout (8000 ms)"},
    {"dataDir=/d\nclientPort=1\ntickTime=600000\nsyncLimit=100000", NULL, SETTINGS_ERROR,
     "zoo.cfg: tickTime times initLimit or syncLimit is longer than 2147483647 ms"},
};

START_TEST(lines_that_do_not_fit_each_other_are_told)
{
    finish(ensembles[_i].text, ensembles[_i].myid);
    ck_assert_uint_ge(messages.count, 1);
    ck_assert_str_eq(message(0), ensembles[_i].message);
    ck_assert_int_eq(messages.items[0].severity, ensembles[_i].severity);
}
END_TEST

START_TEST(seven_voters_are_served_and_eight_are_not)
{
    char text[1024] = "dataDir=/d\nclientPort=1\n";
    for (int i = 1; i <= 7; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "server.%d=h%d:2:3\n", i, i);
    finish(text, "7");
    ck_assert_uint_eq(messages.count, 0);
    strcat(text, "server.8=h8:2:3\n");
    finish(text, "7");
    ck_assert_str_eq(message(0), "zoo.cfg: 8 voters; at most 7 are served: make the others observers");
}
END_TEST

START_TEST(srvr_is_always_answered_and_other_words_where_the_file_says_so)
{
    parse("");
    ck_assert(settings_word_allowed(&s, "srvr"));
    ck_assert(!settings_word_allowed(&s, "ruok"));
    parse("4lw.commands.whitelist=stat,\t ruok  ,mntr,,stat");
    ck_assert_str_eq(s.words, ",srvr,stat,ruok,mntr,");
    ck_assert(settings_word_allowed(&s, "mntr"));
    ck_assert(settings_word_allowed(&s, "srvr"));
    ck_assert(!settings_word_allowed(&s, "ntr,"));
    parse("4lw.commands.whitelist=");
    ck_assert_str_eq(s.words, ",srvr,");
    parse("4lw.commands.whitelist=*");
    ck_assert(settings_word_allowed(&s, "cons"));
    parse("4lw.commands.whitelist=*\n4lw.commands.whitelist=ruok");
    ck_assert(!settings_word_allowed(&s, "cons"));
    ck_assert_uint_eq(messages.error_count, 0);
}
END_TEST

START_TEST(what_is_no_word_is_passed_over_with_a_warning_and_the_others_are_answered)
{
    parse("tickTime=2000\n4lw.commands.whitelist=ruok,help,RUOK,wchs wchc,**,a,stat");
    ck_assert_uint_eq(messages.count, 5);
    ck_assert_uint_eq(messages.error_count, 0);
    ck_assert_str_eq(message(0), "zoo.cfg:2: 4lw.commands.whitelist: 'help' is not a 4-letter word: passed over");
    ck_assert_str_eq(message(2), "zoo.cfg:2: 4lw.commands.whitelist: 'wchs wchc' is not a 4-letter word: passed over");
    ck_assert_str_eq(s.words, ",srvr,ruok,stat,");
}
END_TEST

START_TEST(the_list_holds_every_word_there_is)
{
#define WORD(name, answer, needs_service) "," #name
    parse("4lw.commands.whitelist="
#include "server/net/words.def"
    );
    ck_assert_uint_eq(messages.count, 0);
#define WORD(name, answer, needs_service) ck_assert(settings_word_allowed(&s, #name));
#include "server/net/words.def"
}
END_TEST

START_TEST(maxbuffer_is_taken_as_java_takes_it)
{
    parse("jute.maxbuffer=0x9fffff");
    ck_assert_uint_eq(messages.count, 0);
    ck_assert_int_eq(s.jute_max_buffer, 0x9fffff);
}
END_TEST

START_TEST(who_may_what_is_read_as_apache_names_it)
{
    finish("dataDir=/d\nclientPort=1\nDigestAuthenticationProvider.superDigest=super:D/InIHSb7yEEbrWz8b9l71RjZJU=\n"
           "DigestAuthenticationProvider.digestAlg=SHA-256\nensembleAuthName= red , blue\nskipACL=yes\n"
           "enforce.auth.enabled=true\nenforce.auth.schemes=digest\nconnection_throttle_drop_increase=0.5\n",
           NULL);
    ck_assert_uint_eq(messages.count, 0);
    ck_assert_str_eq(s.auth.super_digest, "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
    ck_assert_str_eq(s.auth.digest_algorithm, "SHA-256");
    ck_assert_str_eq(s.auth.ensembles, ",red,blue,");
    ck_assert_str_eq(s.auth.enforced, ",digest,");
    ck_assert(s.auth.skip_acl && !s.auth.digest_off);
    ck_assert_uint_eq(s.throttle_parts.drop_increase, 500000);
    ck_assert_uint_eq(s.throttle_parts.drop_decrease, 2000);
    finish("dataDir=/d\nclientPort=1\nenforce.auth.schemes=digest\n", NULL);
    ck_assert_str_eq(s.auth.enforced, ""); /* not enabled */
}
END_TEST

START_TEST(the_modes_of_an_ensemble_are_read_and_mean_nothing_to_a_single_server)
{
    static const char ensemble[] = "dataDir=/d\nclientPort=1\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n"
                                   "localSessionsEnabled=true\nlocalSessionsUpgradingEnabled=true\n"
                                   "connection_throttle_local_session_weight=5\nreadonlymode.enabled=true\n";
    finish(ensemble, "1");
    ck_assert(s.local_sessions && s.local_upgrading && s.read_only_mode);
    ck_assert_int_eq(s.throttle_local_weight, 5);
    ck_assert(settings_word_allowed(&s, "isro") && !settings_word_allowed(&s, "ruok"));
    finish("dataDir=/d\nclientPort=1\nreadonlymode.enabled=true\n", NULL);
    ck_assert_uint_eq(messages.count, 1);
    ck_assert(strstr(messages.items[0].text, "mean nothing to a single server") != NULL);
    finish("dataDir=/d\nclientPort=1\nlocalSessionsUpgradingEnabled=true\n", NULL);
    ck_assert_uint_eq(messages.count, 1);
    ck_assert(!settings_word_allowed(&s, "isro"));
}
END_TEST

START_TEST(the_voters_but_one_share_the_limit_of_outstanding_requests)
{
    finish("dataDir=/d\nclientPort=1\n", NULL);
    ck_assert_uint_eq(settings_outstanding_limit(&s), 1000);
    finish("dataDir=/d\nclientPort=1\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2:observer\n", "1");
    ck_assert_uint_eq(settings_outstanding_limit(&s), 500);
    finish("dataDir=/d\nclientPort=1\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nglobalOutstandingLimit=1\n", "1");
    ck_assert_uint_eq(settings_outstanding_limit(&s), 1); /* 0 would be none */
    finish("dataDir=/d\nclientPort=1\nglobalOutstandingLimit=0\n", NULL);
    ck_assert_uint_eq(settings_outstanding_limit(&s), 0);
}
END_TEST

START_TEST(the_limits_on_requests_are_read_as_apache_names_them)
{
    finish("dataDir=/d\nclientPort=1\nrequest_throttle_max_requests=7\nrequest_throttle_drop_stale=false\n"
           "request_stale_latency_check=true\nthrottled_op_wait_time=9\nrequest_throttler.shutdownTimeout=11\n"
           "largeRequestThreshold=13\nlargeRequestMaxBytes=17\nnio.sessionlessCnxnTimeout=19\n",
           NULL);
    ck_assert_uint_eq(messages.count, 0);
    ck_assert_int_eq(s.throttle_max_requests, 7);
    ck_assert(!s.throttle_drop_stale && s.throttle_stale_latency);
    ck_assert_int_eq(s.throttled_op_wait_ms, 9);
    ck_assert_int_eq(s.stop_patience_ms, 11);
    ck_assert_int_eq(s.large_request_threshold, 13);
    ck_assert_int_eq(s.large_request_max_bytes, 17);
    ck_assert_int_eq(s.sessionless_ms, 19);
    finish("dataDir=/d\nclientPort=1\nrequest_throttle_stall_time=100\nnio.numWorkerThreads=3\n", NULL);
    ck_assert_uint_eq(messages.count, 2); /* each a warning with its line */
    ck_assert_uint_eq(messages.items[0].line, 3);
}
END_TEST

START_TEST(what_would_let_nobody_in_or_everybody_is_an_error)
{
    static const char *const BAD[][2] = {
        {"enforce.auth.enabled=true\n", "must say by which schemes"},
        {"enforce.auth.enabled=true\nenforce.auth.schemes=digest,sasl\n", "'sasl' is not a scheme"},
        {"enforce.auth.enabled=true\nenforce.auth.schemes=digest\nDigestAuthenticationProvider.enabled=false\n",
         "switched off"},
        {"DigestAuthenticationProvider.digestAlg=ROT13\n", "not an algorithm"},
        {"DigestAuthenticationProvider.superDigest=super\n", "must be user:hash"},
        {"skipACL=maybe\n", "neither yes nor no"},
        {"connection_throttle_decrease_ratio=1.5\n", "from 0 to 1"},
    };
    char text[300];
    snprintf(text, sizeof text, "dataDir=/d\nclientPort=1\n%s", BAD[_i][0]);
    finish(text, NULL);
    ck_assert_uint_eq(messages.error_count, 1);
    ck_assert_msg(strstr(message(0), BAD[_i][1]) != NULL, "%s", message(0));
}
END_TEST

/* As Apache's server writes them into /zookeeper/config. */
START_TEST(server_lines_are_shown_as_apache_shows_them)
{
    struct zk_buf out;
    zk_buf_init(&out);
    finish("dataDir=/d\nserver.2=b:2888:3888;2181\nserver.1=a:2888:3888;[::1]:2181\nserver.3=[::3]:1:2:observer\n", "2");
    settings_ensemble(&s, &out);
    ck_assert_str_eq(zk_buf_text(&out), "server.1=a:2888:3888:participant;[::1]:2181\n"
                                        "server.2=b:2888:3888:participant;0.0.0.0:2181\n"
                                        "server.3=[::3]:1:2:observer\n");
    zk_buf_reset(&out);
    finish("dataDir=/d\nclientPort=1\n", NULL);
    settings_ensemble(&s, &out);
    ck_assert_uint_eq(out.len, 0);
    zk_buf_fini(&out);
}
END_TEST

START_TEST(check_tells_what_would_be_done)
{
    struct zk_buf out;
    zk_buf_init(&out);
    finish(THREE "server.4=[::4]:2888:3888:observer\ntickTime=100\n4lw.commands.whitelist=srvr,ruok\n"
                 "peer.secretFile=/s\ndataLogDir=/l\n",
           "2");
    settings_describe(&s, &out);
    ck_assert_str_eq(zk_buf_text(&out),
                     "Server 2 of an ensemble: 3 voters, 1 observers; 2 voters must be up.\n"
                     "  server 1  a:2888  participant\n"
                     "  server 2  b:2888  participant  <- this one\n"
                     "  server 3  c:2888  participant\n"
                     "  server 4  [::4]:2888  observer\n"
                     "Servers prove who they are by a shared secret.\n"
                     "A follower has 1000 ms to be brought level and may be silent for 500 ms (tick 100 ms).\n"
                     "Clients connect to port 2181 at every address, at most 60 from one address.\n"
                     "Sessions time out after 200 to 2000 ms; a request is at most 1048575 bytes.\n"
                     "Nodes with a time to live are refused.\n"
                     "4-letter words answered: srvr ruok.\n"
                     "Data in /d, its write-ahead log in /l.\n");
    zk_buf_fini(&out);
}
END_TEST

/* --- the files themselves --- */

static char dir[64];

static const char *put_file(const char *name, const char *text)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static void setup_dir(void)
{
    strcpy(dir, "/tmp/test_settings.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown_dir(void)
{
    static const char *const names[] = {"zoo.cfg", "zoo.cfg.dynamic", "myid"};
    char path[128];
    for (size_t i = 0; i < ZK_COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
    settings_messages_fini(&messages);
}

START_TEST(loading_reads_myid_and_the_dynamic_file)
{
    char text[512];
    snprintf(text, sizeof text, "dataDir=%s\ndynamicConfigFile=%s/zoo.cfg.dynamic\n", dir, dir);
    put_file("zoo.cfg.dynamic", "server.1=a:1:2;3\nserver.2=b:1:2;3\nserver.3=c:1:2;3\n");
    put_file("myid", " 3 \n");
    ck_assert(settings_load(put_file("zoo.cfg", text), &s, &messages));
    ck_assert_uint_eq(s.self, 3);
    ck_assert_uint_eq(s.server_count, 3);
    ck_assert_int_eq(s.client_port, 3);
}
END_TEST

START_TEST(an_ensemble_without_myid_says_which_file_is_missing)
{
    char text[512];
    snprintf(text, sizeof text, "dataDir=%s\nclientPort=1\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n", dir);
    ck_assert(!settings_load(put_file("zoo.cfg", text), &s, &messages));
    ck_assert_uint_eq(messages.count, 1);
    ck_assert_ptr_nonnull(strstr(message(0), "/myid cannot be read (No such file or directory): it must hold"));
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_one_sentence)
{
    ck_assert(!settings_load("/nonexistent/zoo.cfg", &s, &messages));
    ck_assert_str_eq(message(0), "/nonexistent/zoo.cfg: cannot be read: No such file or directory");
    settings_messages_fini(&messages);
    ck_assert(!settings_load("/tmp", &s, &messages));
    ck_assert_str_eq(message(0), "/tmp: cannot be read: Is a directory");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings");
    TCase *pure = tcase_create("pure");
    tcase_add_checked_fixture(pure, setup, teardown);
    tcase_add_test(pure, apaches_sample_file_is_read_without_a_word);
    tcase_add_loop_test(pure, javas_spellings_of_a_line_are_all_understood, 0, ZK_COUNT_OF(spellings));
    tcase_add_test(pure, an_escaped_character_is_part_of_its_side);
    tcase_add_test(pure, a_key_is_unknown_without_effect_or_twice_and_says_so_once_with_its_line);
    tcase_add_loop_test(pure, a_bad_value_is_an_error_with_file_line_and_reason, 0, ZK_COUNT_OF(bad_values));
    tcase_add_test(pure, all_errors_are_told_at_once);
    tcase_add_test(pure, a_file_of_rubbish_fills_no_memory_with_messages);
    tcase_add_test(pure, a_zero_byte_cannot_shorten_a_value);
    tcase_add_test(pure, no_bytes_harm_the_parser);
    tcase_add_test(pure, server_lines_carry_role_client_address_and_ipv6);
    tcase_add_loop_test(pure, lines_that_do_not_fit_each_other_are_told, 0, ZK_COUNT_OF(ensembles));
    tcase_add_test(pure, seven_voters_are_served_and_eight_are_not);
    tcase_add_test(pure, srvr_is_always_answered_and_other_words_where_the_file_says_so);
    tcase_add_test(pure, what_is_no_word_is_passed_over_with_a_warning_and_the_others_are_answered);
    tcase_add_test(pure, the_list_holds_every_word_there_is);
    tcase_add_test(pure, maxbuffer_is_taken_as_java_takes_it);
    tcase_add_test(pure, who_may_what_is_read_as_apache_names_it);
    tcase_add_test(pure, the_modes_of_an_ensemble_are_read_and_mean_nothing_to_a_single_server);
    tcase_add_test(pure, the_voters_but_one_share_the_limit_of_outstanding_requests);
    tcase_add_test(pure, the_limits_on_requests_are_read_as_apache_names_them);
    tcase_add_loop_test(pure, what_would_let_nobody_in_or_everybody_is_an_error, 0, 7);
    tcase_add_test(pure, server_lines_are_shown_as_apache_shows_them);
    tcase_add_test(pure, check_tells_what_would_be_done);
    suite_add_tcase(suite, pure);
    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, setup_dir, teardown_dir);
    tcase_add_test(files, loading_reads_myid_and_the_dynamic_file);
    tcase_add_test(files, an_ensemble_without_myid_says_which_file_is_missing);
    tcase_add_test(files, a_file_that_cannot_be_read_is_one_sentence);
    suite_add_tcase(suite, files);
    return run_all(srunner_create(suite));
}
