/* What may meet a directory or a subtree of any size: ls and rmr. A zkd lists by pages and deletes subtrees by itself; on
 * other servers, which drop the connection of who asks for that, large directories are listed whole, and subtrees are
 * deleted node by node. */
#include "client/shell/shell.h"
#include <stdlib.h>
#include <unistd.h>

enum { SMALL_DIRECTORY = 1000 /* children; larger ones are worth the question */ };

/* --- ls --- */

static void print_name(const char *name)
{
    shell_print_text(stdout, name);
    putchar('\n');
}

static void print_details(const struct zk_node_stat *stat, const char *name)
{
    printf("%c version %d, %d bytes, %d children  ", stat->ephemeral_owner != 0 ? 'e' : '-', stat->version,
           stat->data_length, stat->num_children);
    print_name(name);
}

static int look_and_print(struct zk *zk, const char *parent, const char *name)
{
    struct zk_result *result;
    char *path = shell_join(parent, name);
    if (path == NULL)
        return ZK_SYSTEM_ERROR;
    int code = zk_exists(zk, path, NULL, NULL, &result);
    free(path);
    if (code == ZK_NO_NODE) /* gone since it was listed */
        return ZK_OK;
    if (code != ZK_OK)
        return code;
    print_details(&result->stat, name);
    zk_result_free(result);
    return ZK_OK;
}

static int list_whole(struct zk *zk, const char *path, bool details)
{
    struct zk_result *result;
    int code = zk_get_children(zk, path, NULL, NULL, &result);
    if (code != ZK_OK)
        return code;
    const char **names = shell_sorted_children(result);
    for (size_t i = 0; names != NULL && i < result->child_count && code == ZK_OK; i++) {
        if (details)
            code = look_and_print(zk, path, names[i]);
        else
            print_name(names[i]);
    }
    free(names);
    zk_result_free(result);
    return code;
}

static void print_page(const struct zk_result *page, bool details)
{
    for (size_t i = 0; i < page->child_count; i++) {
        const struct zk_node_stat *stat = page->child_stats[i];
        if (details && stat != NULL) {
            print_details(stat, page->children[i]);
            continue;
        }
        if (details)
            printf("? not authorised  ");
        print_name(page->children[i]);
    }
}

static int list_pages(struct zk *zk, const char *path, bool details)
{
    struct zk_page ask = {.stats = details};
    struct zk_result *page, *last = NULL;
    int code;
    while ((code = zk_get_children_page(zk, path, &ask, &page)) == ZK_OK) {
        print_page(page, details);
        zk_result_free(last);
        last = page;
        if (!page->more)
            break;
        ask.from = page->children[page->child_count - 1];
        ask.after = true;
    }
    zk_result_free(last);
    return code;
}

static int list(struct zk *zk, const char *path, bool details)
{
    struct zk_result *node;
    int code = zk_exists(zk, path, NULL, NULL, &node);
    bool is_large = code == ZK_OK && node->stat.num_children > SMALL_DIRECTORY;
    if (code == ZK_OK)
        zk_result_free(node);
    code = is_large ? list_pages(zk, path, details) : ZK_UNIMPLEMENTED;
    return code == ZK_UNIMPLEMENTED ? list_whole(zk, path, details) : code;
}

int shell_ls(struct shell *sh, int argc, char **argv)
{
    bool details = false;
    for (int letter, first = 1; (letter = shell_option(argc, argv, "l", first)) != -1; first = 0) {
        if (letter != 'l')
            return shell_usage("ls");
        details = true;
    }
    const char *path = optind < argc ? argv[optind] : "/";
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    int code = list(zk, path, details);
    return code == ZK_OK ? SHELL_OK : shell_fail("ls", path, code);
}

/* --- rmr --- */

/* Children first. What somebody else has deleted meanwhile is no error, what somebody made meanwhile is. */
static int remove_one_by_one(struct zk *zk, const char *path, int depth)
{
    struct zk_result *result;
    int code = depth > SHELL_DEPTH_MAX ? ZK_BAD_ARGUMENTS : zk_get_children(zk, path, NULL, NULL, &result);
    if (code != ZK_OK)
        return code == ZK_NO_NODE && depth > 0 ? ZK_OK : code;
    for (size_t i = 0; i < result->child_count && code == ZK_OK; i++) {
        char *child = shell_join(path, result->children[i]);
        code = child ? remove_one_by_one(zk, child, depth + 1) : ZK_SYSTEM_ERROR;
        free(child);
    }
    zk_result_free(result);
    if (code == ZK_OK)
        code = zk_delete(zk, path, ZK_ANY_VERSION);
    return code == ZK_NO_NODE && depth > 0 ? ZK_OK : code;
}

static int remove_tree(struct zk *zk, const char *path)
{
    struct zk_result *result;
    bool has_begun = false;
    for (int32_t left = 1; left > 0; has_begun = true) {
        int code = zk_delete_tree(zk, path, 0, &result);
        if (code != ZK_OK)
            return code == ZK_NO_NODE && has_begun ? ZK_OK : code;
        left = result->count;
        zk_result_free(result);
    }
    return ZK_OK;
}

int shell_rmr(struct shell *sh, int argc, char **argv)
{
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    int code = zk_delete(zk, argv[1], ZK_ANY_VERSION);
    if (code == ZK_NOT_EMPTY)
        code = remove_tree(zk, argv[1]);
    if (code == ZK_UNIMPLEMENTED)
        code = remove_one_by_one(zk, argv[1], 0);
    return code == ZK_OK ? SHELL_OK : shell_fail("rmr", argv[1], code);
}
