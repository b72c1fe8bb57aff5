#include "client/shell/shell.h"
#include <stdlib.h>
#include <string.h>

int shell_addauth(struct shell *sh, int argc, char **argv)
{
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    int code = zk_add_auth(zk, argv[1], argv[2], strlen(argv[2]));
    if (code != ZK_OK)
        return shell_fail("addauth", argv[1], code);
    char *identity = NULL;
    shell_keep_identity(sh, asprintf(&identity, "%s:%s", argv[1], argv[2]) >= 0 ? identity : NULL);
    return SHELL_OK;
}

int shell_config(struct shell *sh, int argc, char **argv)
{
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    struct zk_result *result;
    int code = zk_get_config(zk, NULL, NULL, &result);
    if (code != ZK_OK)
        return shell_fail("config", NULL, code);
    shell_print_bytes(stdout, result->data, result->data_len, true);
    putchar('\n');
    zk_result_free(result);
    return SHELL_OK;
}

int shell_whoami(struct shell *sh, int argc, char **argv)
{
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    struct zk_result *result;
    int code = zk_who_am_i(zk, &result);
    if (code != ZK_OK)
        return shell_fail("whoami", NULL, code);
    for (size_t i = 0; i < result->identity_count; i++) {
        shell_print_text(stdout, result->identities[i].scheme);
        putchar(':');
        shell_print_text(stdout, result->identities[i].user);
        putchar('\n');
    }
    zk_result_free(result);
    return SHELL_OK;
}

int shell_session_info(struct shell *sh, int argc, char **argv)
{
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    struct zk_session session;
    char server[300];
    zk_session_get(zk, &session);
    zk_server_name(zk, server, sizeof server);
    printf("session 0x%llx at %s, time-out %u ms, %s%s\n", (unsigned long long)session.id, server,
           zk_session_timeout_ms(zk), zk_session_has_memory(zk) ? "with a memory" : "without a memory",
           zk_session_is_read_only(zk) ? ", read-only" : "");
    return SHELL_OK;
}

/* Every server of the list is asked: with one the answer alone is printed, with more each has its name above it. */
static int ask_all(struct shell *sh, const char *word)
{
    char *list = strndup(sh->servers, strcspn(sh->servers, "/"));
    if (list == NULL)
        return SHELL_FAILED;
    bool several = strchr(list, ',') != NULL;
    int status = SHELL_OK;
    char *rest = list;
    for (char *server; (server = strsep(&rest, ",")) != NULL;) {
        char *text = NULL;
        int code = zk_four_letter_word(server, word, sh->wait_ms, &text);
        if (several)
            printf("%s:\n", server);
        if (code == ZK_OK) {
            shell_print_bytes(stdout, text, strlen(text), true);
            if (text[0] != '\0' && text[strlen(text) - 1] != '\n')
                putchar('\n');
        } else {
            fflush(stdout);
            status = shell_fail(word, server, code);
        }
        free(text);
    }
    free(list);
    return status;
}

int shell_word(struct shell *sh, int argc, char **argv)
{
    return ask_all(sh, argv[1]);
}

int shell_named_word(struct shell *sh, int argc, char **argv)
{
    return ask_all(sh, strcmp(argv[0], "stat4") == 0 ? "stat" : argv[0]);
}

int shell_help(struct shell *sh, int argc, char **argv)
{
    if (argc > 1) {
        const struct shell_command *c = shell_find(argv[1]);
        if (c == NULL) {
            fprintf(stderr, "zk-shell: help: no command \"%s\"\n", argv[1]);
            return SHELL_USAGE;
        }
        printf("%s %s\n    %s\n", c->name, c->usage, c->help);
        return SHELL_OK;
    }
    for (const struct shell_command *c = shell_commands; c->name != NULL; c++) {
        int width = printf("  %s %s", c->name, c->usage);
        printf("%*s%s\n", width < 40 ? 40 - width : 1, "", c->help);
    }
    return SHELL_OK;
}

int shell_quit(struct shell *sh, int argc, char **argv)
{
    sh->quit = true;
    return SHELL_OK;
}
