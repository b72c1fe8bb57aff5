/* settings.h: zoo.cfg, the file that people already have, read the way Apache reads it.
 *
 * WHAT        Java's properties syntax (key=value, key: value, # and ! comments, continuation lines, escapes). The keys
 *             that zkd serves, with defaults and ranges, and those that it takes without effect, with the reason, are
 *             one table: settings.def. The parser, `zkd --check` and zoo.cfg(5) all follow it.
 * MESSAGES    A key without effect or unknown is a warning with its line, once; a bad value is an error with file, line
 *             and reason. All of them are collected, so that a file is mended in one go. With an error nothing starts.
 * PURE        Only settings_load touches the disk.
 */
#pragma once
#include "common/buf.h"
#include "server/replica/auth.h"
#include "server/replica/throttle.h"

#define SETTINGS_VOTERS_MAX 7
#define SETTINGS_SERVERS_MAX 32 /* observers included */
#define SETTINGS_SERVER_ID_MAX 255
#define SETTINGS_HOST_SIZE 256 /* a name or an address, with its NUL */
#define SETTINGS_PATH_SIZE 1024
#define SETTINGS_WORDS_SIZE 256
#define SETTINGS_FILE_BYTES_MAX (1u << 20)
#define SETTINGS_MESSAGES_MAX 100 /* more than these are counted, not kept */

struct settings_server {
    uint64_t id; /* server.N's N */
    char host[SETTINGS_HOST_SIZE]; /* a name or an address, IPv6 without brackets */
    uint16_t peer_port;     /* the first port: all that servers say to each other goes there */
    uint16_t election_port; /* the second: Apache's alone, zkd never opens it */
    bool is_observer;
    char client_host[SETTINGS_HOST_SIZE]; /* of ;[addr:]port; "" means every address */
    uint16_t client_port;                 /* 0: not given */
    size_t line;
};

struct settings {
    char data_dir[SETTINGS_PATH_SIZE];
    char data_log_dir[SETTINGS_PATH_SIZE]; /* "": dataDir */
    char client_host[SETTINGS_HOST_SIZE];  /* "": every address */
    int32_t client_port;
    int32_t tick_ms;
    int32_t init_limit; /* ticks */
    int32_t sync_limit; /* ticks */
    int32_t max_client_cnxns; /* from one address; 0: no limit */
    int32_t min_session_timeout_ms;
    int32_t max_session_timeout_ms;
    int32_t max_cnxns;      /* clients in all; 0: no limit */
    int32_t client_backlog; /* -1: the default */
    bool digest_enabled;
    bool enforce_auth;
    struct auth_rules auth; /* all but what the two above say */
    int32_t throttle_tokens, throttle_fill_ms, throttle_fill_count, throttle_freeze_ms; /* connection_throttle_* */
    int32_t throttle_new_weight, throttle_local_weight, throttle_renew_weight;
    bool throttle_weighted;
    struct throttle_rules throttle_parts; /* drop_increase, drop_decrease, decrease_ratio only */
    bool read_only_mode;              /* without a quorum, who asks for no more is served */
    bool local_sessions;              /* new sessions are their server's own until they write */
    bool local_upgrading;             /* and may make ephemeral nodes */
    bool enforce_quota;               /* hard quotas refuse, soft ones are told */
    bool extended_types;              /* TTL nodes */
    int32_t container_check_ms;       /* between the leader's looks for containers and TTL nodes that have ended */
    int32_t container_max_per_minute; /* that it ends */
    int32_t container_never_used_ms;  /* 0: a container that never had children stays */
    int32_t jute_max_buffer; /* largest client frame, bytes */
    int32_t outstanding_limit;       /* of the ensemble: settings_outstanding_limit says a server's share; 0: none */
    int32_t throttle_max_requests;   /* under way; 0: no limit */
    bool throttle_drop_stale, throttle_stale_latency; /* both: who waits longer than its time-out is closed */
    int32_t throttled_op_wait_ms;    /* 0: never */
    int32_t stop_patience_ms;        /* for clients' answers */
    int32_t large_request_threshold; /* bytes; -1 or 0: none is large */
    int32_t large_request_max_bytes; /* of all together */
    int32_t sessionless_ms;          /* a connection without a session lives so long */
    char words[SETTINGS_WORDS_SIZE]; /* 4-letter words allowed, ",srvr,ruok,"; ask settings_word_allowed */
    char peer_secret_file[SETTINGS_PATH_SIZE]; /* "": none, peers are known by their address */
    char dynamic_config_file[SETTINGS_PATH_SIZE]; /* "": none, the server lines are in zoo.cfg itself */
    bool says_observer;     /* peerType=observer */
    uint64_t self;          /* own id: myid, or the only server's; 1 without server lines */
    size_t server_count;    /* 0: a single server without server lines */
    struct settings_server servers[SETTINGS_SERVERS_MAX]; /* sorted by id */
};

enum settings_severity { SETTINGS_WARNING, SETTINGS_ERROR };

struct settings_message {
    enum settings_severity severity;
    size_t line; /* 0: not one line's fault */
    char file[SETTINGS_PATH_SIZE];
    char text[400]; /* cause and subject, no full stop; bytes of the file in it are escaped */
};

struct settings_messages {
    struct settings_message *items;
    size_t count;
    size_t cap;
    size_t error_count; /* those not kept included */
    size_t left_out;
};

void settings_messages_init(struct settings_messages *m);
void settings_messages_fini(struct settings_messages *m);
/* Adds one; `line` 0 means not one line's fault. */
void settings_say(struct settings_messages *m, enum settings_severity severity, const char *file, size_t line,
                  const char *format, ...) ZK_PRINTF(5, 6);
/* "zoo.cfg:12: tickTime: 'x' is not a whole number" */
void settings_message_format(const struct settings_message *m, struct zk_buf *out);

/* Every default of settings.def. */
void settings_init(struct settings *s);
/* Takes one file's text over what `s` holds; `file` names it in messages. Checks each line by itself. */
void settings_parse(struct settings *s, const char *file, struct zk_slice text, struct settings_messages *messages);
/* The text of the myid file; `file` as above. */
void settings_parse_myid(struct settings *s, const char *file, struct zk_slice text,
                         struct settings_messages *messages);
/* What holds between lines: fills in what depends on other keys (session time-outs, the client port of the own server
 * line, self) and checks the ensemble. `has_myid`: settings_parse_myid has been called. */
void settings_finish(struct settings *s, const char *file, bool has_myid, struct settings_messages *messages);

/* All of it: reads `file`, the dynamicConfigFile if it names one, and dataDir/myid. False: messages hold an error.
 * `s` and `messages` are initialised here; free the messages with settings_messages_fini. */
ZK_MUST_CHECK bool settings_load(const char *file, struct settings *s, struct settings_messages *messages);

/* A server's share of globalOutstandingLimit, as Apache's have it; 0: no limit. */
size_t settings_outstanding_limit(const struct settings *s);
/* One server without others to agree with: no server lines, or a single one. */
bool settings_is_standalone(const struct settings *s);
/* The own server line, or NULL without server lines. */
const struct settings_server *settings_own_server(const struct settings *s);
bool settings_word_allowed(const struct settings *s, const char *word);
/* The server lines as /zookeeper/config shows them, one a line; nothing for a single server. */
void settings_ensemble(const struct settings *s, struct zk_buf *out);
/* `zkd --check`: what would happen with this file, in a page. */
void settings_describe(const struct settings *s, struct zk_buf *out);
