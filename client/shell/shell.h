/* shell.h: zk-shell's parts: a table of commands over libzk's public face, and nothing of its inside.
 *
 *   main.c     options, one command, a script, or a person
 *   nodes.c    commands on nodes         talk.c    commands on sessions and servers
 *   follow.c   commands that go on until interrupted: watch, lock, elect
 *   quota.c    quotas                    large.c   ls and rmr
 *   print.c    what ends up on the terminal
 */
#pragma once
#include "client/zk.h"
#include <stdio.h>

/* Exit statuses. A child run by lock or elect gives its own. */
enum { SHELL_OK = 0, SHELL_FAILED = 1, SHELL_USAGE = 2 };

enum { SHELL_DEPTH_MAX = 256 /* levels below a node that a command goes down */ };

struct shell {
    struct zk *zk; /* opened by shell_session when first needed */
    const char *servers;
    uint32_t session_timeout_ms;
    uint32_t wait_ms; /* for a connection */
    bool read_only;   /* a server without a quorum will do */
    char **auths;     /* "scheme:credentials" of -a and addauth, which every session proves; owned */
    int auth_count;
    bool interactive;
    bool quit;
};

struct shell_command {
    const char *name;
    const char *usage; /* its arguments */
    const char *help;
    int args_min, args_max; /* after the name, options included; -1: no limit */
    int (*run)(struct shell *sh, int argc, char **argv);
};

extern const struct shell_command shell_commands[]; /* ends with name NULL */
const struct shell_command *shell_find(const char *name);
/* Runs argv[0] with its arguments; an exit status. */
int shell_run(struct shell *sh, int argc, char **argv);

/* The session, connected; NULL after having said why not. */
struct zk *shell_session(struct shell *sh);
/* One more, the caller's to close. */
struct zk *shell_open(struct shell *sh);
/* Adopts "scheme:credentials" (NULL: there was no memory for it). */
void shell_keep_identity(struct shell *sh, char *identity);
/* "zk-shell: ls /x: no node", on stderr; `subject` may be NULL. SHELL_FAILED. */
int shell_fail(const char *command, const char *subject, int code);
int shell_usage(const char *name);
/* getopt from the start on one command's arguments. */
int shell_option(int argc, char **argv, const char *letters, bool first);
/* A decimal int32 or -1 after a message. */
bool shell_number(const char *command, const char *text, int64_t least, int64_t most, int64_t *ret_number);

/* large.c */
int shell_ls(struct shell *sh, int argc, char **argv);
int shell_rmr(struct shell *sh, int argc, char **argv);

/* nodes.c */
int shell_tree(struct shell *sh, int argc, char **argv);
int shell_get(struct shell *sh, int argc, char **argv);
int shell_set(struct shell *sh, int argc, char **argv);
int shell_create(struct shell *sh, int argc, char **argv);
int shell_delete(struct shell *sh, int argc, char **argv);
int shell_stat(struct shell *sh, int argc, char **argv);
int shell_count(struct shell *sh, int argc, char **argv);
int shell_ephemerals(struct shell *sh, int argc, char **argv);
int shell_getacl(struct shell *sh, int argc, char **argv);
int shell_setacl(struct shell *sh, int argc, char **argv);
int shell_sync(struct shell *sh, int argc, char **argv);
/* "/a" and "b" as "/a/b"; to be freed. NULL: memory. */
char *shell_join(const char *parent, const char *name);
/* The children's names, sorted: an array to be freed, of texts that are the result's. */
const char **shell_sorted_children(const struct zk_result *result);

/* quota.c */
int shell_setquota(struct shell *sh, int argc, char **argv);
int shell_delquota(struct shell *sh, int argc, char **argv);
int shell_quota(struct shell *sh, int argc, char **argv);

/* talk.c */
int shell_addauth(struct shell *sh, int argc, char **argv);
int shell_config(struct shell *sh, int argc, char **argv);
int shell_whoami(struct shell *sh, int argc, char **argv);
int shell_session_info(struct shell *sh, int argc, char **argv);
int shell_word(struct shell *sh, int argc, char **argv);
int shell_named_word(struct shell *sh, int argc, char **argv);
int shell_help(struct shell *sh, int argc, char **argv);
int shell_quit(struct shell *sh, int argc, char **argv);

/* follow.c */
int shell_watch(struct shell *sh, int argc, char **argv);
int shell_lock(struct shell *sh, int argc, char **argv);
int shell_elect(struct shell *sh, int argc, char **argv);

/* print.c: what others wrote never reaches the terminal raw: control characters and bytes that are not UTF-8 become
 * \xNN; with `lines`, line feeds and tabs pass. */
void shell_print_bytes(FILE *out, const void *bytes, size_t len, bool lines);
void shell_print_text(FILE *out, const char *text);
void shell_print_stat(FILE *out, const struct zk_node_stat *stat);
void shell_sort_names(const char **names, size_t count);
