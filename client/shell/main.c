/* zk-shell: look into a tree of znodes and change it: one command, a script on stdin, or a person. */
#include "config.h"
#include "client/shell/shell.h"
#include <editline/readline.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum { ARGS_MAX = 256, HISTORY_MAX = 1000 };

const struct shell_command shell_commands[] = {
    {"ls", "[-l] [PATH]", "list children; -l: with version, size and whether ephemeral", 0, 2, shell_ls},
    {"tree", "[-v] [-d DEPTH] [PATH]", "draw a subtree; -v: with data", 0, 4, shell_tree},
    {"get", "[-s] [-r] PATH", "print data; -s: and stat; -r: the bytes as they are", 1, 3, shell_get},
    {"set", "[-v VERSION] PATH DATA", "change data; DATA \"-\": from stdin", 2, 4, shell_set},
    {"create", "[-e] [-s] [-c] [-t MS] [-p] [-a ACL] PATH [DATA]",
     "make a node and print its name; -e: ephemeral, -s: sequential, -c: container, -t: time to live, -p: parents too", 1,
     10, shell_create},
    {"delete", "[-v VERSION] PATH", "delete a node without children", 1, 3, shell_delete},
    {"rmr", "PATH", "delete a node and all below it", 1, 1, shell_rmr},
    {"stat", "PATH", "print a node's stat", 1, 1, shell_stat},
    {"count", "[PATH]", "how many nodes are below", 0, 1, shell_count},
    {"ephemerals", "[PREFIX]", "this session's ephemeral nodes", 0, 1, shell_ephemerals},
    {"getacl", "PATH", "print who may do what", 1, 1, shell_getacl},
    {"setacl", "[-v VERSION] PATH ACL", "as in world:anyone:r,digest:joe:HASH:cdrwa", 2, 4, shell_setacl},
    {"addauth", "SCHEME CREDENTIALS", "prove an identity, as in digest joe:secret", 2, 2, shell_addauth},
    {"watch", "[-r] [-v] [-n COUNT] PATH", "print what changes until interrupted; -r: all below too; -v: with data",
     1, 5, shell_watch},
    {"lock", "[-w SECONDS] PATH COMMAND...", "run a command while holding a lock; its token is in $ZK_FENCE", 2, -1,
     shell_lock},
    {"elect", "[-d DATA] PATH [COMMAND...]", "run a command while leading; without one, say who leads", 1, -1,
     shell_elect},
    {"sync", "[PATH]", "wait until this server has seen all that others had finished", 0, 1, shell_sync},
    {"setquota", "[-n N] [-b BYTES] [-N N] [-B BYTES] PATH",
     "limit nodes and bytes at and below; -n -b: soft, -N -B: hard", 3, 9, shell_setquota},
    {"delquota", "PATH", "remove the limits", 1, 1, shell_delquota},
    {"quota", "PATH", "print the limits and what is used", 1, 1, shell_quota},
    {"config", "", "print the ensemble's server lines and their version", 0, 0, shell_config},
    {"whoami", "", "print who this session is to the servers", 0, 0, shell_whoami},
    {"session", "", "print the session's number, server and time-out", 0, 0, shell_session_info},
    {"ruok", "", "ask the servers: are you well?", 0, 0, shell_named_word},
    {"srvr", "", "ask the servers: mode, last zxid, counts", 0, 0, shell_named_word},
    {"stat4", "", "srvr and the connections (the word \"stat\")", 0, 0, shell_named_word},
    {"mntr", "", "ask the servers: metrics", 0, 0, shell_named_word},
    {"isro", "", "ask the servers: read-only?", 0, 0, shell_named_word},
    {"envi", "", "ask the servers: environment", 0, 0, shell_named_word},
    {"conf", "", "ask the servers: configuration", 0, 0, shell_named_word},
    {"cons", "", "ask the servers: connections", 0, 0, shell_named_word},
    {"word", "WORD", "ask the servers any four-letter word", 1, 1, shell_word},
    {"help", "[COMMAND]", "say this", 0, 1, shell_help},
    {"quit", "", "leave", 0, 0, shell_quit},
    {NULL, NULL, NULL, 0, 0, NULL},
};

static struct shell *shell_now; /* for completion, which has no argument for it */

/* --- helpers of the commands --- */

const struct shell_command *shell_find(const char *name)
{
    for (const struct shell_command *c = shell_commands; c->name != NULL; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

int shell_fail(const char *command, const char *subject, int code)
{
    fflush(stdout);
    fprintf(stderr, "zk-shell: %s", command);
    if (subject != NULL) {
        putc(' ', stderr);
        shell_print_text(stderr, subject);
    }
    fprintf(stderr, ": %s\n", zk_err_text(code));
    return SHELL_FAILED;
}

int shell_usage(const char *name)
{
    const struct shell_command *c = shell_find(name);
    fprintf(stderr, "zk-shell: usage: %s %s\n", c->name, c->usage);
    return SHELL_USAGE;
}

int shell_option(int argc, char **argv, const char *letters, bool first)
{
    static char with_plus[32]; /* "+": options end at the first word that is none */
    snprintf(with_plus, sizeof with_plus, "+%s", letters);
    if (first)
        optind = 0; /* a value that makes glibc begin afresh */
    opterr = 0;
    return getopt(argc, argv, with_plus);
}

bool shell_number(const char *command, const char *text, int64_t least, int64_t most, int64_t *ret_number)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || number < least || number > most) {
        fprintf(stderr, "zk-shell: %s: \"%s\" is not a number from %lld to %lld\n", command, text, (long long)least,
                (long long)most);
        return false;
    }
    *ret_number = number;
    return true;
}

void shell_keep_identity(struct shell *sh, char *identity)
{
    char **more = identity ? realloc(sh->auths, ((size_t)sh->auth_count + 1) * sizeof *more) : NULL;
    if (more == NULL) {
        perror("zk-shell: an identity is forgotten");
        free(identity);
        return;
    }
    sh->auths = more;
    sh->auths[sh->auth_count++] = identity;
}

static bool prove_identities(struct shell *sh, struct zk *zk)
{
    for (int i = 0; i < sh->auth_count; i++) {
        const char *colon = strchr(sh->auths[i], ':');
        char *scheme = strndup(sh->auths[i], (size_t)(colon - sh->auths[i]));
        int code = scheme ? zk_add_auth(zk, scheme, colon + 1, strlen(colon + 1)) : ZK_SYSTEM_ERROR;
        if (code != ZK_OK)
            shell_fail("addauth", scheme, code);
        free(scheme);
        if (code != ZK_OK)
            return false;
    }
    return true;
}

struct zk *shell_open(struct shell *sh)
{
    struct zk *zk = NULL;
    struct zk_options options = {
        .servers = sh->servers,
        .session_timeout_ms = sh->session_timeout_ms,
        .read_only = sh->read_only,
        .request_timeout_ms = sh->session_timeout_ms + sh->wait_ms, /* a script must not hang for ever */
    };
    int code = zk_open(&options, &zk);
    if (code == ZK_OK)
        code = zk_wait_connected(zk, sh->wait_ms);
    if (code == ZK_OK && prove_identities(sh, zk))
        return zk;
    if (code == ZK_BAD_ARGUMENTS)
        fprintf(stderr, "zk-shell: \"%s\" is not a list of servers like host:port,host:port/chroot\n", sh->servers);
    else if (code != ZK_OK)
        fprintf(stderr, "zk-shell: no server of %s gave a session within %u ms\n", sh->servers, sh->wait_ms);
    zk_close(zk);
    return NULL;
}

struct zk *shell_session(struct shell *sh)
{
    if (sh->zk != NULL && zk_session_state(sh->zk) >= ZK_SESSION_IS_EXPIRED) {
        fprintf(stderr, "zk-shell: the session has ended; starting another\n");
        zk_close(sh->zk);
        sh->zk = NULL;
    }
    if (sh->zk == NULL)
        sh->zk = shell_open(sh);
    return sh->zk;
}

int shell_run(struct shell *sh, int argc, char **argv)
{
    const struct shell_command *c = shell_find(argv[0]);
    if (c == NULL) {
        fprintf(stderr, "zk-shell: no command \"%s\"; \"help\" lists them\n", argv[0]);
        return SHELL_USAGE;
    }
    int args = argc - 1;
    if (args < c->args_min || (c->args_max >= 0 && args > c->args_max))
        return shell_usage(c->name);
    int status = c->run(sh, argc, argv);
    if (fflush(stdout) != 0)
        return SHELL_FAILED;
    return status;
}

/* --- lines --- */

/* Cuts a line into words in place: spaces part them, quotes keep them together, a backslash takes the next character
 * as it is (not in single quotes). The number of words, or -1 for an open quote or too many. */
static int split(char *line, char **argv)
{
    int argc = 0;
    char *in = line, *out = line;
    for (;;) {
        while (*in == ' ' || *in == '\t' || *in == '\n' || *in == '\r')
            in++;
        if (*in == '\0')
            return argc;
        if (argc == ARGS_MAX)
            return -1;
        argv[argc++] = out;
        int quote = 0;
        for (; *in != '\0' && (quote || strchr(" \t\n\r", *in) == NULL); in++) {
            if (quote ? *in == quote : *in == '"' || *in == '\'')
                quote = quote ? 0 : *in;
            else if (*in == '\\' && quote != '\'' && in[1] != '\0')
                *out++ = *++in;
            else
                *out++ = *in;
        }
        if (quote)
            return -1;
        bool end = *in == '\0';
        in += !end;
        *out++ = '\0';
        if (end)
            return argc;
    }
}

static int run_line(struct shell *sh, char *line)
{
    char *argv[ARGS_MAX + 1];
    int argc = split(line, argv);
    if (argc < 0) {
        fprintf(stderr, "zk-shell: a quote is not closed, or there are more than %d words\n", ARGS_MAX);
        return SHELL_USAGE;
    }
    if (argc == 0 || argv[0][0] == '#')
        return SHELL_OK;
    argv[argc] = NULL;
    return shell_run(sh, argc, argv);
}

/* A script stops nowhere; its status is that of the first command that failed. */
static int run_script(struct shell *sh)
{
    char *line = NULL;
    size_t size = 0;
    int status = SHELL_OK;
    while (!sh->quit && getline(&line, &size, stdin) >= 0) {
        int one = run_line(sh, line);
        status = status == SHELL_OK ? one : status;
    }
    free(line);
    return status;
}

/* --- a person --- */

static char *complete_command(const char *text, int again)
{
    static size_t at;
    at = again ? at + 1 : 0;
    for (; shell_commands[at].name != NULL; at++)
        if (strncmp(shell_commands[at].name, text, strlen(text)) == 0)
            return strdup(shell_commands[at].name);
    return NULL;
}

/* Children of the directory part, while the session is up; a person waits for nothing here. */
static char *complete_path(const char *text, int again)
{
    static struct zk_result *children;
    static size_t at;
    const char *slash = strrchr(text, '/');
    if (slash == NULL)
        return NULL;
    if (!again) {
        zk_result_free(children);
        children = NULL;
        at = 0;
        char *parent = slash == text ? strdup("/") : strndup(text, (size_t)(slash - text));
        if (parent != NULL && shell_now->zk != NULL && zk_session_state(shell_now->zk) == ZK_SESSION_IS_CONNECTED)
            zk_get_children(shell_now->zk, parent, NULL, NULL, &children);
        free(parent);
    }
    while (children != NULL && at < children->child_count) {
        const char *name = children->children[at++];
        char *path = NULL;
        if (strncmp(name, slash + 1, strlen(slash + 1)) == 0 &&
            asprintf(&path, "%.*s/%s", (int)(slash - text), text, name) >= 0)
            return path;
    }
    return NULL;
}

/* Behind a command comes a blank; behind a path, more of it. */
static char **complete(const char *text, int start, int end)
{
    rl_completion_append_character = start == 0 ? ' ' : '\0';
    return rl_completion_matches(text, start == 0 ? complete_command : complete_path);
}

static void set_prompt(struct shell *sh, char *prompt, size_t size)
{
    char server[300] = "";
    if (sh->zk != NULL)
        zk_server_name(sh->zk, server, sizeof server);
    const char *mode = server[0] && zk_session_is_read_only(sh->zk) ? " (read-only)" : "";
    snprintf(prompt, size, "zk %s%s> ", server[0] ? server : "(not connected)", mode);
}

/* Readable by its owner only: data that was set is in it. */
static void save_history(const char *path)
{
    mode_t before = umask(077);
    if (path != NULL)
        write_history(path);
    umask(before);
}

static volatile sig_atomic_t was_interrupted;

/* libedit reads on when a read was interrupted, and gives up at the second time. */
static void on_interrupt(int number)
{
    const struct itimerval soon = {.it_value = {.tv_usec = 10000}};
    was_interrupted = 1;
    setitimer(ITIMER_REAL, &soon, NULL);
}

static void on_second(int number)
{
}

/* A line to be freed; NULL: the end. Ctrl-C drops what was typed, not the session. */
static char *read_line(const char *prompt)
{
    const struct sigaction first = {.sa_handler = on_interrupt}, second = {.sa_handler = on_second};
    struct sigaction before;
    char *line;
    sigaction(SIGALRM, &second, NULL);
    sigaction(SIGINT, &first, &before);
    do {
        was_interrupted = 0;
        line = readline(prompt);
        if (was_interrupted)
            putchar('\n');
    } while (line == NULL && was_interrupted);
    sigaction(SIGINT, &before, NULL);
    return line;
}

static int run_person(struct shell *sh)
{
    char *history = NULL;
    const char *home = getenv("HOME");
    if (home != NULL && asprintf(&history, "%s/.zk-shell-history", home) < 0)
        history = NULL;
    rl_readline_name = "zk-shell";
    rl_attempted_completion_function = complete;
    using_history();
    stifle_history(HISTORY_MAX);
    if (history != NULL)
        read_history(history);
    shell_session(sh);
    while (!sh->quit) {
        char prompt[400];
        set_prompt(sh, prompt, sizeof prompt);
        char *line = read_line(prompt);
        if (line == NULL)
            break;
        /* Secrets do not go into a file. */
        if (line[strspn(line, " \t")] != '\0' && strncmp(line + strspn(line, " \t"), "addauth", 7) != 0) {
            add_history(line);
            save_history(history);
        }
        run_line(sh, line);
        free(line);
    }
    free(history);
    return SHELL_OK;
}

/* --- options --- */

static void print_usage(FILE *out)
{
    fputs("usage: zk-shell [-s HOST:PORT,...[/CHROOT]] [-a SCHEME:CREDENTIALS] [-t MS] [-w MS] [-r] [COMMAND "
          "[ARGUMENT...]]\n"
          "  -s  servers (default: $ZK_SERVERS, else 127.0.0.1:2181)\n"
          "  -a  prove an identity, as in digest:joe:secret; may be repeated; read from the environment:\n"
          "      $ZK_AUTH, which other users cannot see\n"
          "  -t  session time-out in milliseconds (10000)\n"
          "  -w  wait this long for a connection or a word's answer, in milliseconds (5000)\n"
          "  -r  a server without a quorum will do: it answers reads, by what it knows\n"
          "  -h, -V  this help; the version\n"
          "Without a command: a prompt on a terminal, else commands from stdin, one a line.\n"
          "Exit status: 0 done, 1 refused or failed, 2 wrong usage or no connection.\n"
          "Commands:\n",
          out);
}

static int parse_options(struct shell *sh, int argc, char **argv)
{
    int64_t number;
    for (int letter, first = 1; (letter = shell_option(argc, argv, "s:a:t:w:rhV", first)) != -1; first = 0) {
        switch (letter) {
        case 's':
            sh->servers = optarg;
            break;
        case 'a':
            shell_keep_identity(sh, strdup(optarg));
            break;
        case 't':
        case 'w':
            if (!shell_number("option", optarg, 1, INT32_MAX, &number))
                return SHELL_USAGE;
            *(letter == 't' ? &sh->session_timeout_ms : &sh->wait_ms) = (uint32_t)number;
            break;
        case 'r':
            sh->read_only = true;
            break;
        case 'h':
            print_usage(stdout);
            shell_help(sh, 1, NULL);
            exit(SHELL_OK);
        case 'V':
            puts("zk-shell " PACKAGE_VERSION);
            exit(SHELL_OK);
        default:
            fprintf(stderr, "zk-shell: option -%c is unknown or lacks its value; -h lists them\n", optopt);
            return SHELL_USAGE;
        }
    }
    for (int i = 0; i < sh->auth_count; i++) {
        if (strchr(sh->auths[i], ':') == NULL) {
            fprintf(stderr, "zk-shell: an identity is SCHEME:CREDENTIALS, as in digest:joe:secret\n");
            return SHELL_USAGE;
        }
    }
    return SHELL_OK;
}

int main(int argc, char **argv)
{
    const char *servers = getenv("ZK_SERVERS");
    struct shell sh = {.servers = servers ? servers : "127.0.0.1:2181", .session_timeout_ms = 10000, .wait_ms = 5000};
    const char *auth = getenv("ZK_AUTH");
    if (auth != NULL)
        shell_keep_identity(&sh, strdup(auth));
    int status = parse_options(&sh, argc, argv);
    if (status == SHELL_OK) {
        shell_now = &sh;
        sh.interactive = optind == argc && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
        if (optind < argc)
            status = shell_run(&sh, argc - optind, argv + optind);
        else
            status = sh.interactive ? run_person(&sh) : run_script(&sh);
    }
    zk_close(sh.zk);
    while (sh.auth_count > 0)
        free(sh.auths[--sh.auth_count]);
    free(sh.auths);
    return status;
}
