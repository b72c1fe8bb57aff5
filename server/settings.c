#include "server/settings.h"
#include "common/log.h"
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

/* Where a value stands: what every message about it needs. */
struct place {
    const char *file;
    size_t line;
    struct settings_messages *messages;
};

/* --- messages --- */

void settings_messages_init(struct settings_messages *m)
{
    *m = (struct settings_messages){0};
}

void settings_messages_fini(struct settings_messages *m)
{
    free(m->items);
    settings_messages_init(m);
}

void settings_say(struct settings_messages *m, enum settings_severity severity, const char *file, size_t line,
                  const char *format, ...)
{
    m->error_count += severity == SETTINGS_ERROR;
    if (m->count == SETTINGS_MESSAGES_MAX) {
        m->left_out++;
        return;
    }
    if (m->count == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 8;
        m->items = zk_realloc(m->items, m->cap * sizeof *m->items);
    }
    struct settings_message *item = &m->items[m->count++];
    *item = (struct settings_message){.severity = severity, .line = line};
    snprintf(item->file, sizeof item->file, "%s", file);
    va_list args;
    va_start(args, format);
    vsnprintf(item->text, sizeof item->text, format, args);
    va_end(args);
}
#define bad(at, ...) settings_say((at)->messages, SETTINGS_ERROR, (at)->file, (at)->line, __VA_ARGS__)
#define warn(at, ...) settings_say((at)->messages, SETTINGS_WARNING, (at)->file, (at)->line, __VA_ARGS__)

void settings_message_format(const struct settings_message *m, struct zk_buf *out)
{
    zk_buf_printf(out, "%s:", m->file);
    if (m->line)
        zk_buf_printf(out, "%zu:", m->line);
    zk_buf_printf(out, " %s", m->text);
}

/* A value as it may be shown. */
struct shown {
    char text[120];
};

static struct shown show_bytes(struct zk_slice value)
{
    struct shown shown;
    zk_log_quote(value, shown.text, sizeof shown.text);
    return shown;
}

static struct shown show(const char *value)
{
    return show_bytes(zk_slice_str(value));
}

/* --- values --- */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\f';
}

/* Decimal with a sign, or hexadecimal after 0x, as Java's Integer.decode takes jute.maxbuffer. */
static bool parse_number(const char *text, int64_t *ret_number)
{
    const char *digits = text + (*text == '-' || *text == '+');
    int base = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X') ? 16 : 10;
    const char *first = digits + (base == 16 ? 2 : 0);
    if (*first == '\0' || first[strspn(first, base == 16 ? "0123456789abcdefABCDEF" : "0123456789")] != '\0')
        return false;
    errno = 0;
    int64_t number = strtoll(text, NULL, base);
    if (errno != 0)
        return false;
    *ret_number = number;
    return true;
}

static void set_number(const struct place *at, const char *key, const char *value, int32_t min, int32_t max,
                       const char *unit, int32_t *ret_field)
{
    int64_t number;
    if (!parse_number(value, &number))
        bad(at, "%s: '%s' is not a whole number", key, show(value).text);
    else if (number < min || number > max)
        bad(at, "%s: %s is out of range: %d to %d%s%s", key, value, min, max, *unit ? " " : "", unit);
    else
        *ret_field = (int32_t)number;
}

static void set_flag(const struct place *at, const char *key, const char *value, bool *ret_flag)
{
    bool is_true = strcasecmp(value, "true") == 0;
    if (!is_true && strcasecmp(value, "false") != 0) {
        bad(at, "%s: '%s' is neither true nor false", key, show(value).text);
        return;
    }
    *ret_flag = is_true;
}

static void set_path(const struct place *at, const char *key, const char *value, char *ret_field)
{
    if (*value == '\0')
        bad(at, "%s: is empty", key);
    else if (strlen(value) >= SETTINGS_PATH_SIZE)
        bad(at, "%s: is longer than %d bytes", key, SETTINGS_PATH_SIZE - 1);
    else
        memcpy(ret_field, value, strlen(value) + 1);
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
    int64_t number;
    if (!parse_number(text, &number) || number < 1 || number > 65535)
        return false;
    *ret_port = (uint16_t)number;
    return true;
}

/* A name or an address; brackets around an IPv6 address are dropped. */
static bool parse_host(const char *text, char *ret_host)
{
    size_t len = strlen(text);
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (len == 0 || len >= SETTINGS_HOST_SIZE)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f || strchr("[]/;,|", text[i]))
            return false;
    memcpy(ret_host, text, len);
    ret_host[len] = '\0';
    return true;
}

/* Addresses that mean all of them. */
static bool is_any_host(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 || strcmp(host, "*") == 0;
}

/* --- keys with a parser of their own --- */

static void set_client_port(const struct place *at, struct settings *s, const char *key, const char *value)
{
    uint16_t port;
    if (!parse_port(value, &port))
        bad(at, "%s: '%s' is not a port: 1 to 65535", key, show(value).text);
    else
        s->client_port = port;
}

static void set_client_host(const struct place *at, struct settings *s, const char *key, const char *value)
{
    char host[SETTINGS_HOST_SIZE];
    if (!parse_host(value, host))
        bad(at, "%s: '%s' is not an address", key, show(value).text);
    else
        memcpy(s->client_host, is_any_host(host) ? "" : host, sizeof host);
}

static void set_peer_type(const struct place *at, struct settings *s, const char *key, const char *value)
{
    if (strcasecmp(value, "observer") == 0)
        s->says_observer = true;
    else if (strcasecmp(value, "participant") == 0)
        s->says_observer = false;
    else
        bad(at, "%s: '%s' is neither participant nor observer", key, show(value).text);
}

static bool is_word(struct zk_slice text)
{
    static const char *const words[] = {
        "*",
#define WORD(name, answer, needs_service) #name,
#include "server/net/words.def"
    };
    for (size_t i = 0; i < ZK_COUNT_OF(words); i++)
        if (zk_slice_eq(text, zk_slice_str(words[i])))
            return true;
    return false;
}

/* Once, so that the list has room for all words that there are. */
static void add_word(char *list, struct zk_slice word)
{
    char text[8];
    snprintf(text, sizeof text, ",%.*s,", (int)word.len, (const char *)word.ptr);
    if (strstr(list, text) == NULL)
        strncat(list, text + 1, SETTINGS_WORDS_SIZE - strlen(list) - 1);
}

/* As Apache's server: srvr is allowed whatever the line says, and what is no word is passed over. */
static void set_words(const struct place *at, struct settings *s, const char *key, const char *value)
{
    snprintf(s->words, sizeof s->words, ",srvr,");
    while (*value != '\0') {
        value += strspn(value, ", \t");
        struct zk_slice word = zk_slice(value, strcspn(value, ","));
        value += word.len;
        while (word.len > 0 && is_blank(word.ptr[word.len - 1]))
            word.len--;
        if (is_word(word))
            add_word(s->words, word);
        else if (word.len > 0)
            warn(at, "%s: '%s' is not a 4-letter word: passed over", key, show_bytes(word).text);
    }
}

/* "a, b" becomes ",a,b,". */
static bool set_list(const struct place *at, const char *key, const char *value, char *ret_list, size_t size)
{
    size_t len = 1;
    ret_list[0] = ',';
    while (*value != '\0') {
        value += strspn(value, ", \t");
        size_t name = strcspn(value, ", \t");
        if (len + name + 2 > size) {
            bad(at, "%s: is longer than %zu bytes", key, size - 2);
            ret_list[0] = '\0';
            return false;
        }
        if (name != 0)
            len += (size_t)snprintf(ret_list + len, size - len, "%.*s,", (int)name, value);
        value += name;
    }
    ret_list[len] = '\0';
    if (len == 1)
        ret_list[0] = '\0';
    return true;
}

static void set_ensembles(const struct place *at, struct settings *s, const char *key, const char *value)
{
    set_list(at, key, value, s->auth.ensembles, sizeof s->auth.ensembles);
}

static void set_enforced(const struct place *at, struct settings *s, const char *key, const char *value)
{
    char *list = s->auth.enforced;
    if (!set_list(at, key, value, list, sizeof s->auth.enforced))
        return;
    for (const char *scheme = list; *scheme != '\0' && scheme[1] != '\0'; scheme = strchr(scheme + 1, ','))
        if (strncmp(scheme, ",digest,", 8) != 0 && strncmp(scheme, ",ip,", 4) != 0)
            bad(at, "%s: '%.*s' is not a scheme that is served here: digest, ip", key, (int)strcspn(scheme + 1, ","),
                show(scheme + 1).text);
}

static void set_digest_algorithm(const struct place *at, struct settings *s, const char *key, const char *value)
{
    if (strlen(value) >= sizeof s->auth.digest_algorithm || !auth_knows_algorithm(value))
        bad(at, "%s: '%s' is not an algorithm that is known here, as SHA1 or SHA-256 is", key, show(value).text);
    else
        memcpy(s->auth.digest_algorithm, value, strlen(value) + 1);
}

static void set_super_digest(const struct place *at, struct settings *s, const char *key, const char *value)
{
    if (strchr(value, ':') == NULL || strlen(value) >= sizeof s->auth.super_digest)
        bad(at, "%s: must be user:hash, of at most %zu bytes", key, sizeof s->auth.super_digest - 1);
    else
        memcpy(s->auth.super_digest, value, strlen(value) + 1);
}

static void set_skip_acl(const struct place *at, struct settings *s, const char *key, const char *value)
{
    s->auth.skip_acl = strcasecmp(value, "yes") == 0;
    if (!s->auth.skip_acl && strcasecmp(value, "no") != 0)
        bad(at, "%s: '%s' is neither yes nor no", key, show(value).text);
}

/* A part of 1. */
static void set_throttle_part(const struct place *at, struct settings *s, const char *key, const char *value)
{
    char *end;
    double part = strtod(value, &end);
    if (end == value || *end != '\0' || !(part >= 0 && part <= 1)) {
        bad(at, "%s: '%s' is not a number from 0 to 1", key, show(value).text);
        return;
    }
    uint32_t millionths = (uint32_t)(part * THROTTLE_WHOLE + 0.5);
    if (strstr(key, "increase"))
        s->throttle_parts.drop_increase = millionths;
    else if (strstr(key, "ratio"))
        s->throttle_parts.decrease_ratio = millionths;
    else
        s->throttle_parts.drop_decrease = millionths;
}

/* --- server.N --- */

/* Cuts `text` at the next colon outside brackets; returns what follows it, or NULL at the end. */
static char *cut_at_colon(char *text)
{
    bool in_brackets = false;
    for (; *text != '\0'; text++) {
        if (*text == '[')
            in_brackets = true;
        else if (*text == ']')
            in_brackets = false;
        else if (*text == ':' && !in_brackets) {
            *text = '\0';
            return text + 1;
        }
    }
    return NULL;
}

/* The part behind the semicolon: [address:]port. */
static bool parse_client_part(const struct place *at, const char *key, char *text, struct settings_server *server)
{
    char *rest = cut_at_colon(text);
    const char *port = rest ? rest : text;
    if (!parse_port(port, &server->client_port)) {
        bad(at, "%s: client port '%s' is not a port: 1 to 65535", key, show(port).text);
        return false;
    }
    if (rest && !parse_host(text, server->client_host)) {
        bad(at, "%s: client address '%s' is not an address", key, show(text).text);
        return false;
    }
    if (is_any_host(server->client_host))
        server->client_host[0] = '\0';
    return true;
}

/* host:port:port[:participant|observer] */
static bool parse_server_part(const struct place *at, const char *key, char *text, struct settings_server *server)
{
    char *peer_port = cut_at_colon(text);
    char *election_port = peer_port ? cut_at_colon(peer_port) : NULL;
    char *role = election_port ? cut_at_colon(election_port) : NULL;
    char *rest = role ? cut_at_colon(role) : NULL;
    if (!election_port || rest) {
        bad(at, "%s: must be host:port:port[:participant|observer][;[address:]port]%s", key,
            rest ? "; an IPv6 address stands in brackets" : "");
        return false;
    }
    if (!parse_host(text, server->host)) {
        bad(at, "%s: '%s' is not a host name or address", key, show(text).text);
        return false;
    }
    if (!parse_port(peer_port, &server->peer_port) || !parse_port(election_port, &server->election_port)) {
        bad(at, "%s: '%s' and '%s' must be ports: 1 to 65535", key, show(peer_port).text, show(election_port).text);
        return false;
    }
    if (role && strcasecmp(role, "observer") != 0 && strcasecmp(role, "participant") != 0) {
        bad(at, "%s: '%s' is neither participant nor observer", key, show(role).text);
        return false;
    }
    server->is_observer = role && strcasecmp(role, "observer") == 0;
    return true;
}

static void add_server(const struct place *at, struct settings *s, const char *key,
                       const struct settings_server *server)
{
    size_t place = 0;
    while (place < s->server_count && s->servers[place].id < server->id)
        place++;
    if (place < s->server_count && s->servers[place].id == server->id) {
        bad(at, "%s: line %zu has that server already", key, s->servers[place].line);
        return;
    }
    if (s->server_count == SETTINGS_SERVERS_MAX) {
        bad(at, "%s: more than %d servers", key, SETTINGS_SERVERS_MAX);
        return;
    }
    memmove(&s->servers[place + 1], &s->servers[place], (s->server_count - place) * sizeof s->servers[0]);
    s->servers[place] = *server;
    s->server_count++;
}

static void set_server(const struct place *at, struct settings *s, const char *key, const char *value)
{
    int64_t id;
    if (!parse_number(key + strlen("server."), &id) || id < 1 || id > SETTINGS_SERVER_ID_MAX) {
        bad(at, "%s: the number of a server is 1 to %d", show(key).text, SETTINGS_SERVER_ID_MAX);
        return;
    }
    struct settings_server server = {.id = (uint64_t)id, .line = at->line};
    char *text = zk_strdup(value);
    char *client = strchr(text, ';');
    if (client)
        *client++ = '\0';
    char *second = strchr(text, '|');
    if (second) {
        *second = '\0';
        warn(at, "%s: has several addresses; zkd uses the first", key);
    }
    if (parse_server_part(at, key, text, &server) && (!client || parse_client_part(at, key, client, &server)))
        add_server(at, s, key, &server);
    free(text);
}

/* --- one key --- */

static const char *const ignored[][2] = {
#define IGNORED(key, why) {#key, why},
#include "server/settings.def"
};

static const char *why_ignored(const char *key)
{
    for (size_t i = 0; i < ZK_COUNT_OF(ignored); i++) {
        size_t len = strlen(ignored[i][0]);
        bool is_prefix = ignored[i][0][len - 1] == '*';
        if (is_prefix ? strncmp(key, ignored[i][0], len - 1) == 0 : strcmp(key, ignored[i][0]) == 0)
            return ignored[i][1];
    }
    return NULL;
}

/* server.N is the only key with a variable part. */
static bool is_key(const char *key, const char *name)
{
    return strcmp(name, "server.N") == 0 ? strncmp(key, "server.", 7) == 0 : strcmp(key, name) == 0;
}

static void set_key(const struct place *at, struct settings *s, const char *key, const char *value)
{
#define NUMBER(name, field, preset, min, max, unit, what) \
    if (is_key(key, #name)) { \
        set_number(at, key, value, min, max, unit, &s->field); \
        return; \
    }
#define FLAG(name, field, preset, what) \
    if (is_key(key, #name)) { \
        set_flag(at, key, value, &s->field); \
        return; \
    }
#define PATH(name, field, what) \
    if (is_key(key, #name)) { \
        set_path(at, key, value, s->field); \
        return; \
    }
#define SPECIAL(name, setter, preset, what) \
    if (is_key(key, #name)) { \
        setter(at, s, key, value); \
        return; \
    }
#include "server/settings.def"
    const char *why = why_ignored(key);
    if (why)
        warn(at, "%s has no effect: %s", show(key).text, why);
    else
        warn(at, "%s is not a key that zkd knows; the line has no effect", show(key).text);
}

/* --- Java's properties --- */

/* The next logical line: comments and empty lines skipped, a line that ends in an odd number of backslashes joined to
 * the next without its leading blanks. False at the end of the text. */
static bool next_line(struct zk_slice *text, size_t *line, struct zk_buf *ret_line, size_t *ret_first_line)
{
    zk_buf_reset(ret_line);
    bool is_joined = false;
    while (text->len > 0) {
        size_t len = 0;
        while (len < text->len && text->ptr[len] != '\n' && text->ptr[len] != '\r')
            len++;
        struct zk_slice piece = {text->ptr, len};
        size_t end = len < text->len && text->ptr[len] == '\r' && len + 1 < text->len && text->ptr[len + 1] == '\n';
        size_t used = zk_min_u64(len + 1 + end, text->len);
        *text = zk_slice(text->ptr + used, text->len - used);
        ++*line;
        while (piece.len > 0 && is_blank(piece.ptr[0]))
            piece = zk_slice(piece.ptr + 1, piece.len - 1);
        if (!is_joined && (piece.len == 0 || piece.ptr[0] == '#' || piece.ptr[0] == '!'))
            continue;
        if (!is_joined)
            *ret_first_line = *line;
        size_t backslashes = 0;
        while (backslashes < piece.len && piece.ptr[piece.len - 1 - backslashes] == '\\')
            backslashes++;
        is_joined = backslashes % 2 == 1;
        zk_buf_append(ret_line, piece.ptr, piece.len - is_joined);
        if (!is_joined)
            return true;
    }
    return is_joined;
}

/* One character of Java's, as UTF-8. */
static void append_unicode(struct zk_buf *out, unsigned code)
{
    if (code >= 0x800)
        zk_buf_append_byte(out, (uint8_t)(0xe0 | code >> 12));
    if (code >= 0x80)
        zk_buf_append_byte(out, (uint8_t)(code >= 0x800 ? 0x80 | (code >> 6 & 0x3f) : 0xc0 | code >> 6));
    zk_buf_append_byte(out, (uint8_t)(code >= 0x80 ? 0x80 | (code & 0x3f) : code));
}

/* The character behind a backslash at `ptr`; returns how many bytes it took. */
static size_t append_escape(struct zk_buf *out, const uint8_t *ptr, size_t len)
{
    static const char names[] = "tnrf", values[] = "\t\n\r\f";
    if (ptr[0] == 'u' && len >= 5) {
        char digits[5] = {0};
        memcpy(digits, ptr + 1, 4);
        if (digits[strspn(digits, "0123456789abcdefABCDEF")] == '\0') {
            append_unicode(out, (unsigned)strtoul(digits, NULL, 16));
            return 5;
        }
    }
    const char *name = ptr[0] ? strchr(names, ptr[0]) : NULL;
    zk_buf_append_byte(out, name ? (uint8_t)values[name - names] : ptr[0]);
    return 1;
}

/* Splits at the first '=', ':' or blank that is not escaped, and undoes the escapes of both sides. */
static void split_line(struct zk_slice line, struct zk_buf *ret_key, struct zk_buf *ret_value)
{
    zk_buf_reset(ret_key);
    zk_buf_reset(ret_value);
    struct zk_buf *out = ret_key;
    for (size_t i = 0; i < line.len;) {
        uint8_t byte = line.ptr[i];
        if (out == ret_key && (byte == '=' || byte == ':' || is_blank(byte))) {
            while (i < line.len && is_blank(line.ptr[i]))
                i++;
            if (i < line.len && (line.ptr[i] == '=' || line.ptr[i] == ':'))
                i++;
            while (i < line.len && is_blank(line.ptr[i]))
                i++;
            out = ret_value;
        } else if (byte == '\\' && i + 1 < line.len) {
            i += 1 + append_escape(out, line.ptr + i + 1, line.len - i - 1);
        } else {
            zk_buf_append_byte(out, byte);
            i++;
        }
    }
    while (ret_value->len > 0 && (is_blank(ret_value->ptr[ret_value->len - 1])))
        ret_value->len--; /* Apache trims what Java leaves */
}

/* The keys of one file, to tell of one that is there twice. */
struct seen {
    char **keys;
    size_t *lines;
    size_t count;
};

static size_t *seen_line(struct seen *seen, const char *key)
{
    for (size_t i = 0; i < seen->count; i++)
        if (strcmp(seen->keys[i], key) == 0)
            return &seen->lines[i];
    if ((seen->count & (seen->count + 1)) == 0) {
        seen->keys = zk_realloc(seen->keys, (2 * seen->count + 2) * sizeof *seen->keys);
        seen->lines = zk_realloc(seen->lines, (2 * seen->count + 2) * sizeof *seen->lines);
    }
    seen->keys[seen->count] = zk_strdup(key);
    seen->lines[seen->count] = 0;
    return &seen->lines[seen->count++];
}

static void seen_fini(struct seen *seen)
{
    for (size_t i = 0; i < seen->count; i++)
        free(seen->keys[i]);
    free(seen->keys);
    free(seen->lines);
}

static void take_line(const struct place *at, struct settings *s, struct seen *seen, struct zk_buf *key,
                      struct zk_buf *value)
{
    if ((key->len && memchr(key->ptr, 0, key->len)) || (value->len && memchr(value->ptr, 0, value->len))) {
        bad(at, "holds a zero byte");
        return;
    }
    const char *name = zk_buf_text(key);
    const char *text = zk_buf_text(value);
    bool is_server = strncmp(name, "server.", 7) == 0; /* twice is an error of its own */
    size_t *line = is_server ? NULL : seen_line(seen, name);
    if (line && *line != 0)
        warn(at, "%s stood in line %zu already; the last one counts", show(name).text, *line);
    if (line)
        *line = at->line;
    set_key(at, s, name, text);
}

void settings_parse(struct settings *s, const char *file, struct zk_slice text, struct settings_messages *messages)
{
    struct zk_buf line, key, value;
    struct seen seen = {0};
    size_t number = 0;
    struct place at = {.file = file, .messages = messages};
    zk_buf_init(&line);
    zk_buf_init(&key);
    zk_buf_init(&value);
    while (next_line(&text, &number, &line, &at.line)) {
        split_line(zk_buf_slice(&line), &key, &value);
        take_line(&at, s, &seen, &key, &value);
    }
    seen_fini(&seen);
    zk_buf_fini(&line);
    zk_buf_fini(&key);
    zk_buf_fini(&value);
}

void settings_init(struct settings *s)
{
    *s = (struct settings){.words = ",srvr,", .throttle_parts = {.drop_increase = 20000, .drop_decrease = 2000}};
#define NUMBER(name, field, preset, min, max, unit, what) s->field = preset;
#define FLAG(name, field, preset, what) s->field = preset;
#include "server/settings.def"
}

void settings_parse_myid(struct settings *s, const char *file, struct zk_slice text,
                         struct settings_messages *messages)
{
    struct place at = {.file = file, .messages = messages};
    while (text.len > 0 && (is_blank(text.ptr[text.len - 1]) || text.ptr[text.len - 1] == '\n' ||
                            text.ptr[text.len - 1] == '\r'))
        text.len--;
    while (text.len > 0 && is_blank(text.ptr[0]))
        text = zk_slice(text.ptr + 1, text.len - 1);
    char shown[60];
    zk_log_quote(text, shown, sizeof shown);
    int64_t id;
    if (!parse_number(shown, &id) || id < 1 || id > SETTINGS_SERVER_ID_MAX)
        bad(&at, "'%s' is not a server's number: 1 to %d", shown, SETTINGS_SERVER_ID_MAX);
    else
        s->self = (uint64_t)id;
}

size_t settings_outstanding_limit(const struct settings *s)
{
    size_t voters = 0;
    for (size_t i = 0; i < s->server_count; i++)
        voters += !s->servers[i].is_observer;
    size_t share = (size_t)s->outstanding_limit / (voters > 2 ? voters - 1 : 1);
    return s->outstanding_limit > 0 && share == 0 ? 1 : share;
}

bool settings_is_standalone(const struct settings *s)
{
    return s->server_count <= 1;
}

const struct settings_server *settings_own_server(const struct settings *s)
{
    for (size_t i = 0; i < s->server_count; i++)
        if (s->servers[i].id == s->self)
            return &s->servers[i];
    return NULL;
}

bool settings_word_allowed(const struct settings *s, const char *word)
{
    char wanted[8];
    snprintf(wanted, sizeof wanted, ",%.4s,", word);
    return strstr(s->words, ",*,") || (strlen(word) == 4 && strstr(s->words, wanted));
}
