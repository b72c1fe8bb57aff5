/* settings.h's other half: what zoo.cfg's lines must be to each other, and reading the files. */
#include "server/settings.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define bad(...) settings_say(messages, SETTINGS_ERROR, file, __VA_ARGS__)
#define warn(...) settings_say(messages, SETTINGS_WARNING, file, __VA_ARGS__)

/* --- what holds between lines --- */

static void finish_timeouts(struct settings *s, const char *file, struct settings_messages *messages)
{
    if (s->min_session_timeout_ms == -1)
        s->min_session_timeout_ms = 2 * s->tick_ms;
    if (s->max_session_timeout_ms == -1)
        s->max_session_timeout_ms = 20 * s->tick_ms;
    if (s->min_session_timeout_ms > s->max_session_timeout_ms)
        bad(0, "minSessionTimeout (%d ms) is above maxSessionTimeout (%d ms)", s->min_session_timeout_ms,
            s->max_session_timeout_ms);
    if (s->max_session_timeout_ms == 0)
        bad(0, "maxSessionTimeout is 0: no session could live");
    if ((int64_t)s->tick_ms * s->init_limit > INT32_MAX || (int64_t)s->tick_ms * s->sync_limit > INT32_MAX)
        bad(0, "tickTime times initLimit or syncLimit is longer than %d ms", INT32_MAX);
}

static void finish_self(struct settings *s, const char *file, bool has_myid, struct settings_messages *messages)
{
    if (settings_is_standalone(s)) {
        uint64_t only = s->server_count == 1 ? s->servers[0].id : 1;
        if (!has_myid)
            s->self = only;
        if (s->server_count == 1 && s->self != only)
            bad(s->servers[0].line, "the only server line is server.%lu, but dataDir/myid says %lu",
                (unsigned long)only, (unsigned long)s->self);
        return;
    }
    if (!has_myid) /* settings_load has said so */
        return;
    const struct settings_server *own = settings_own_server(s);
    if (!own)
        bad(0, "dataDir/myid says %lu, and there is no line server.%lu", (unsigned long)s->self,
            (unsigned long)s->self);
    else if (s->says_observer != own->is_observer)
        warn(own->line, "peerType says %s and the own server line %s; the server line counts",
             s->says_observer ? "observer" : "participant", own->is_observer ? "observer" : "participant");
}

static void finish_client_port(struct settings *s, const char *file, struct settings_messages *messages)
{
    const struct settings_server *own = settings_own_server(s);
    if (own && own->client_port != 0) {
        if (s->client_port != 0 && s->client_port != own->client_port)
            bad(own->line, "server.%lu has client port %u, but clientPort is %d", (unsigned long)own->id,
                own->client_port, s->client_port);
        s->client_port = own->client_port;
        if (own->client_host[0] != '\0')
            memcpy(s->client_host, own->client_host, sizeof s->client_host);
    }
    if (s->client_port == 0 && (own || s->server_count == 0))
        bad(0, "clientPort is missing: no client could connect");
}

static void check_addresses(const struct settings *s, const char *file, struct settings_messages *messages)
{
    for (size_t i = 0; i < s->server_count; i++) {
        const struct settings_server *a = &s->servers[i];
        for (size_t k = 0; k < i; k++) {
            const struct settings_server *b = &s->servers[k];
            if (strcmp(a->host, b->host) == 0 && a->peer_port == b->peer_port)
                bad(a->line, "server.%lu and server.%lu have the same address %s:%u", (unsigned long)b->id,
                    (unsigned long)a->id, a->host, a->peer_port);
        }
    }
    const struct settings_server *own = settings_own_server(s);
    if (own && s->server_count > 1 && own->peer_port == s->client_port)
        bad(own->line, "server.%lu: port %u is clientPort too", (unsigned long)own->id, own->peer_port);
}

static void check_voters(const struct settings *s, const char *file, struct settings_messages *messages)
{
    size_t voters = 0;
    for (size_t i = 0; i < s->server_count; i++)
        voters += !s->servers[i].is_observer;
    if (s->server_count == 0) {
        if (s->says_observer)
            bad(0, "peerType=observer, and there are no server lines: nobody to observe");
        return;
    }
    if (voters == 0)
        bad(0, "every server is an observer: nobody could vote");
    else if (voters > SETTINGS_VOTERS_MAX)
        bad(0, "%zu voters; at most %d are served: make the others observers", voters, SETTINGS_VOTERS_MAX);
    else if (voters == 2)
        warn(0, "2 voters: both must be up for the ensemble to work; 3 bear the loss of one");
    else if (voters % 2 == 0)
        warn(0, "%zu voters bear the loss of no more servers than %zu would", voters, voters - 1);
}

static void finish_auth(struct settings *s, const char *file, struct settings_messages *messages)
{
    s->auth.digest_off = !s->digest_enabled;
    if (!s->enforce_auth)
        s->auth.enforced[0] = '\0';
    else if (s->auth.enforced[0] == '\0')
        bad(0, "enforce.auth.enabled: enforce.auth.schemes must say by which schemes");
    else if (s->auth.digest_off && strcmp(s->auth.enforced, ",digest,") == 0)
        bad(0, "enforce.auth.schemes: digest is switched off by DigestAuthenticationProvider.enabled, nobody could connect");
}

static void finish_modes(struct settings *s, const char *file, struct settings_messages *messages)
{
    if (s->read_only_mode && !settings_word_allowed(s, "isro")) /* clients look for a server that writes by it */
        strncat(s->words, "isro,", sizeof s->words - strlen(s->words) - 1);
    if (settings_is_standalone(s) && (s->read_only_mode || s->local_sessions))
        warn(0, "readonlymode.enabled and localSessionsEnabled mean nothing to a single server");
    if (s->local_upgrading && !s->local_sessions)
        warn(0, "localSessionsUpgradingEnabled means nothing without localSessionsEnabled");
}

void settings_finish(struct settings *s, const char *file, bool has_myid, struct settings_messages *messages)
{
    if (s->data_dir[0] == '\0')
        bad(0, "dataDir is missing");
    finish_timeouts(s, file, messages);
    finish_auth(s, file, messages);
    finish_modes(s, file, messages);
    if (s->dynamic_config_file[0] != '\0') /* that is where the server lines' numbers are from */
        file = s->dynamic_config_file;
    finish_self(s, file, has_myid, messages);
    finish_client_port(s, file, messages);
    check_addresses(s, file, messages);
    check_voters(s, file, messages);
}

/* --- the files --- */

/* The whole of `file` into `ret_text`. False: errno says why, EFBIG for one too long to be meant. */
static bool read_file(const char *file, struct zk_buf *ret_text)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat info;
    ssize_t got = -1;
    if (fd < 0)
        return false;
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
    } else {
        do {
            zk_buf_reserve(ret_text, 4096);
            got = read(fd, ret_text->ptr + ret_text->len, 4096);
            ret_text->len += got > 0 ? (size_t)got : 0;
        } while ((got > 0 && ret_text->len <= SETTINGS_FILE_BYTES_MAX) || (got < 0 && errno == EINTR));
    }
    int why = got > 0 ? EFBIG : errno;
    close(fd);
    errno = why;
    return got == 0;
}

static bool parse_file(const char *file, struct settings *s, struct settings_messages *messages)
{
    struct zk_buf text;
    zk_buf_init(&text);
    bool is_read = read_file(file, &text);
    if (is_read)
        settings_parse(s, file, zk_buf_slice(&text), messages);
    else
        bad(0, "cannot be read: %s", strerror(errno));
    zk_buf_fini(&text);
    return is_read;
}

/* False: there is none, and one is not always needed. */
static bool load_myid(const char *cfg, struct settings *s, struct settings_messages *messages)
{
    char file[SETTINGS_PATH_SIZE + 8];
    snprintf(file, sizeof file, "%s/myid", s->data_dir);
    struct zk_buf text;
    zk_buf_init(&text);
    bool is_read = read_file(file, &text);
    if (is_read)
        settings_parse_myid(s, file, zk_buf_slice(&text), messages);
    else if (!settings_is_standalone(s) || (errno != ENOENT && errno != ENOTDIR)) /* then dataDir is what is wrong */
        settings_say(messages, SETTINGS_ERROR, cfg, 0,
                     "%s cannot be read (%s): it must hold the number of this server's line, like: echo 1 > %s", file,
                     strerror(errno), file);
    zk_buf_fini(&text);
    return is_read;
}

bool settings_load(const char *file, struct settings *s, struct settings_messages *messages)
{
    settings_init(s);
    settings_messages_init(messages);
    if (!parse_file(file, s, messages))
        return false;
    if (s->dynamic_config_file[0] != '\0' && !parse_file(s->dynamic_config_file, s, messages))
        return false;
    size_t errors = messages->error_count;
    bool has_myid = s->data_dir[0] != '\0' && load_myid(file, s, messages);
    if (messages->error_count == errors) /* else self is unknown, and what follows from it would mislead */
        settings_finish(s, file, has_myid, messages);
    return messages->error_count == 0;
}
