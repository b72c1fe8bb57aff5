#include "client/shell/shell.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEPTH_MAX = SHELL_DEPTH_MAX, STDIN_BYTES_MAX = 64 * 1024 * 1024 };

char *shell_join(const char *parent, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name) < 0)
        return NULL;
    return path;
}

const char **shell_sorted_children(const struct zk_result *result)
{
    const char **names = calloc(result->child_count + 1, sizeof *names);
    if (names == NULL)
        return NULL;
    for (size_t i = 0; i < result->child_count; i++)
        names[i] = result->children[i];
    shell_sort_names(names, result->child_count);
    return names;
}

/* --- tree --- */

struct tree {
    struct zk *zk;
    bool data;
    int64_t depth_max;
    char indent[DEPTH_MAX * 8];
    size_t count;
};

static int draw_children(struct tree *t, const char *path, int depth);

static void print_summary(const struct tree *t, const struct zk_result *node)
{
    if (node->stat.ephemeral_owner != 0)
        printf("  (ephemeral of 0x%llx)", (unsigned long long)node->stat.ephemeral_owner);
    if (t->data && node->data_len > 0) {
        printf("  ");
        shell_print_bytes(stdout, node->data, node->data_len < 200 ? node->data_len : 200, false);
        if (node->data_len >= 200)
            printf("...");
    }
    putchar('\n');
}

static int draw_node(struct tree *t, const char *path, const char *name, bool last, int depth)
{
    struct zk_result *node;
    int code = zk_get(t->zk, path, NULL, NULL, &node);
    if (code == ZK_NO_NODE)
        return ZK_OK;
    if (code != ZK_OK && code != ZK_NO_AUTH)
        return code;
    printf("%s%s", t->indent, last ? "└── " : "├── ");
    shell_print_text(stdout, name);
    t->count++;
    if (code == ZK_NO_AUTH) {
        printf("  (not authorised)\n");
        return ZK_OK;
    }
    print_summary(t, node);
    bool leaf = node->stat.num_children == 0;
    zk_result_free(node);
    if (leaf || depth >= t->depth_max || depth >= DEPTH_MAX)
        return ZK_OK;
    size_t indent = strlen(t->indent);
    snprintf(t->indent + indent, sizeof t->indent - indent, "%s", last ? "    " : "│   ");
    code = draw_children(t, path, depth + 1);
    t->indent[indent] = '\0';
    return code;
}

static int draw_children(struct tree *t, const char *path, int depth)
{
    struct zk_result *result;
    int code = zk_get_children(t->zk, path, NULL, NULL, &result);
    if (code != ZK_OK)
        return code == ZK_NO_NODE && depth > 1 ? ZK_OK : code;
    const char **names = shell_sorted_children(result);
    for (size_t i = 0; names != NULL && i < result->child_count && code == ZK_OK; i++) {
        char *child = shell_join(path, names[i]);
        code = child ? draw_node(t, child, names[i], i + 1 == result->child_count, depth) : ZK_SYSTEM_ERROR;
        free(child);
    }
    free(names);
    zk_result_free(result);
    return code;
}

int shell_tree(struct shell *sh, int argc, char **argv)
{
    struct tree t = {.depth_max = DEPTH_MAX};
    for (int letter, first = 1; (letter = shell_option(argc, argv, "d:v", first)) != -1; first = 0) {
        if (letter == 'v')
            t.data = true;
        else if (letter != 'd' || !shell_number("tree", optarg, 1, DEPTH_MAX, &t.depth_max))
            return shell_usage("tree");
    }
    const char *path = optind < argc ? argv[optind] : "/";
    t.zk = shell_session(sh);
    if (t.zk == NULL)
        return SHELL_USAGE;
    struct zk_result *root;
    int code = zk_get(t.zk, path, NULL, NULL, &root);
    if (code != ZK_OK)
        return shell_fail("tree", path, code);
    shell_print_text(stdout, path);
    print_summary(&t, root);
    zk_result_free(root);
    code = draw_children(&t, path, 1);
    return code == ZK_OK ? SHELL_OK : shell_fail("tree", path, code);
}

/* --- get, set, create --- */

int shell_get(struct shell *sh, int argc, char **argv)
{
    bool stat = false, raw = false;
    for (int letter, first = 1; (letter = shell_option(argc, argv, "rs", first)) != -1; first = 0) {
        if (letter == '?')
            return shell_usage("get");
        *(letter == 's' ? &stat : &raw) = true;
    }
    if (optind != argc - 1)
        return shell_usage("get");
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    struct zk_result *result;
    int code = zk_get(zk, argv[optind], NULL, NULL, &result);
    if (code != ZK_OK)
        return shell_fail("get", argv[optind], code);
    if (raw) {
        fwrite(result->data, 1, result->data_len, stdout);
    } else {
        shell_print_bytes(stdout, result->data, result->data_len, true);
        putchar('\n');
    }
    if (stat)
        shell_print_stat(stdout, &result->stat);
    zk_result_free(result);
    return SHELL_OK;
}

/* Data of a command: its argument, or with "-" all of stdin. False after a message. */
struct data {
    const char *bytes;
    size_t len;
    char *owned;
};

static bool take_data(const char *command, const char *arg, struct data *ret)
{
    *ret = (struct data){.bytes = arg, .len = arg ? strlen(arg) : 0};
    if (arg == NULL || strcmp(arg, "-") != 0)
        return true;
    size_t cap = 0, len = 0;
    for (;;) {
        if (len == cap) {
            cap = cap ? cap * 2 : 4096;
            char *more = cap <= STDIN_BYTES_MAX ? realloc(ret->owned, cap) : NULL;
            if (more == NULL) {
                fprintf(stderr, "zk-shell: %s: what stdin holds is too large\n", command);
                free(ret->owned);
                return false;
            }
            ret->owned = more;
        }
        len += fread(ret->owned + len, 1, cap - len, stdin);
        if (len < cap)
            break;
    }
    int error = ferror(stdin) ? errno : 0;
    clearerr(stdin); /* at a terminal, what comes after Ctrl-D is not this node's */
    if (error != 0) {
        fprintf(stderr, "zk-shell: %s: stdin cannot be read: %s\n", command, strerror(error));
        free(ret->owned);
        return false;
    }
    ret->bytes = ret->owned;
    ret->len = len;
    return true;
}

int shell_set(struct shell *sh, int argc, char **argv)
{
    int64_t version = ZK_ANY_VERSION;
    for (int letter, first = 1; (letter = shell_option(argc, argv, "v:", first)) != -1; first = 0)
        if (letter != 'v' || !shell_number("set", optarg, -1, INT32_MAX, &version))
            return shell_usage("set");
    if (optind != argc - 2)
        return shell_usage("set");
    struct zk *zk = shell_session(sh);
    struct data data;
    if (zk == NULL || !take_data("set", argv[optind + 1], &data))
        return SHELL_USAGE;
    int code = zk_set(zk, argv[optind], data.bytes, data.len, (int32_t)version, NULL);
    free(data.owned);
    return code == ZK_OK ? SHELL_OK : shell_fail("set", argv[optind], code);
}

/* Every ancestor of `path`, without data; those that are there are left alone. */
static int make_parents(struct zk *zk, const char *path)
{
    char *copy = strdup(path);
    int code = copy ? ZK_OK : ZK_SYSTEM_ERROR;
    for (char *slash = copy ? strchr(copy + 1, '/') : NULL; code == ZK_OK && slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        code = zk_create(zk, copy, "", 0, NULL, 0, NULL);
        if (code == ZK_NODE_EXISTS)
            code = ZK_OK;
        *slash = '/';
    }
    free(copy);
    return code;
}

int shell_create(struct shell *sh, int argc, char **argv)
{
    int flags = 0;
    bool parents = false;
    int64_t ttl_ms = 0;
    const char *acl_text = NULL;
    for (int letter, first = 1; (letter = shell_option(argc, argv, "a:cepst:", first)) != -1; first = 0) {
        if (letter == '?' || (letter == 't' && !shell_number("create", optarg, 1, INT64_MAX, &ttl_ms)))
            return shell_usage("create");
        flags |= letter == 'e' ? ZK_EPHEMERAL : letter == 's' ? ZK_SEQUENTIAL : letter == 'c' ? ZK_CONTAINER : 0;
        parents = parents || letter == 'p';
        acl_text = letter == 'a' ? optarg : acl_text;
    }
    if (optind >= argc || optind < argc - 2)
        return shell_usage("create");
    const char *path = argv[optind];
    struct zk_acl_list *acl = NULL;
    if (acl_text != NULL && zk_acl_parse(acl_text, &acl) != ZK_OK)
        return shell_fail("create", acl_text, ZK_INVALID_ACL);
    struct zk *zk = shell_session(sh);
    struct data data = {0};
    struct zk_result *result = NULL;
    int code = ZK_OK;
    if (zk == NULL || !take_data("create", optind + 1 < argc ? argv[optind + 1] : NULL, &data)) {
        zk_acl_free(acl);
        return SHELL_USAGE;
    }
    if (parents)
        code = make_parents(zk, path);
    if (code == ZK_OK && ttl_ms > 0)
        code = zk_create_ttl(zk, path, data.bytes, data.len, acl, flags, ttl_ms, &result);
    else if (code == ZK_OK)
        code = zk_create(zk, path, data.bytes, data.len, acl, flags, &result);
    if (code == ZK_OK) {
        shell_print_text(stdout, result->path);
        putchar('\n');
        zk_result_free(result);
    }
    zk_acl_free(acl);
    free(data.owned);
    return code == ZK_OK ? SHELL_OK : shell_fail("create", path, code);
}

/* --- delete --- */

int shell_delete(struct shell *sh, int argc, char **argv)
{
    int64_t version = ZK_ANY_VERSION;
    for (int letter, first = 1; (letter = shell_option(argc, argv, "v:", first)) != -1; first = 0)
        if (letter != 'v' || !shell_number("delete", optarg, -1, INT32_MAX, &version))
            return shell_usage("delete");
    if (optind != argc - 1)
        return shell_usage("delete");
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    int code = zk_delete(zk, argv[optind], (int32_t)version);
    return code == ZK_OK ? SHELL_OK : shell_fail("delete", argv[optind], code);
}

/* --- stat, ACLs, sync --- */

int shell_stat(struct shell *sh, int argc, char **argv)
{
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    struct zk_result *result;
    int code = zk_exists(zk, argv[1], NULL, NULL, &result);
    if (code != ZK_OK)
        return shell_fail("stat", argv[1], code);
    shell_print_stat(stdout, &result->stat);
    zk_result_free(result);
    return SHELL_OK;
}

int shell_count(struct shell *sh, int argc, char **argv)
{
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    const char *path = argc > 1 ? argv[1] : "/";
    struct zk_result *result;
    int code = zk_count_below(zk, path, &result);
    if (code != ZK_OK)
        return shell_fail("count", path, code);
    printf("%d\n", result->count);
    zk_result_free(result);
    return SHELL_OK;
}

int shell_ephemerals(struct shell *sh, int argc, char **argv)
{
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    const char *prefix = argc > 1 ? argv[1] : "/";
    struct zk_result *result;
    int code = zk_get_ephemerals(zk, prefix, &result);
    if (code != ZK_OK)
        return shell_fail("ephemerals", prefix, code);
    const char **paths = shell_sorted_children(result);
    for (size_t i = 0; paths != NULL && i < result->child_count; i++) {
        shell_print_text(stdout, paths[i]);
        putchar('\n');
    }
    free(paths);
    zk_result_free(result);
    return SHELL_OK;
}

int shell_getacl(struct shell *sh, int argc, char **argv)
{
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    struct zk_result *result;
    int code = zk_get_acl(zk, argv[1], &result);
    if (code != ZK_OK)
        return shell_fail("getacl", argv[1], code);
    for (size_t i = 0; i < result->acl.count; i++) {
        const struct zk_acl_entry *entry = &result->acl.entries[i];
        char perms[6];
        zk_acl_perms_format(entry->perms, perms);
        shell_print_text(stdout, entry->scheme);
        putchar(':');
        shell_print_text(stdout, entry->id);
        printf(":%s\n", perms);
    }
    zk_result_free(result);
    return SHELL_OK;
}

int shell_setacl(struct shell *sh, int argc, char **argv)
{
    int64_t version = ZK_ANY_VERSION;
    for (int letter, first = 1; (letter = shell_option(argc, argv, "v:", first)) != -1; first = 0)
        if (letter != 'v' || !shell_number("setacl", optarg, -1, INT32_MAX, &version))
            return shell_usage("setacl");
    if (optind != argc - 2)
        return shell_usage("setacl");
    struct zk_acl_list *acl;
    if (zk_acl_parse(argv[optind + 1], &acl) != ZK_OK)
        return shell_fail("setacl", argv[optind + 1], ZK_INVALID_ACL);
    struct zk *zk = shell_session(sh);
    int code = zk ? zk_set_acl(zk, argv[optind], acl, (int32_t)version, NULL) : ZK_OK;
    zk_acl_free(acl);
    if (zk == NULL)
        return SHELL_USAGE;
    return code == ZK_OK ? SHELL_OK : shell_fail("setacl", argv[optind], code);
}

int shell_sync(struct shell *sh, int argc, char **argv)
{
    struct zk *zk = shell_session(sh);
    if (zk == NULL)
        return SHELL_USAGE;
    const char *path = argc > 1 ? argv[1] : "/";
    int code = zk_sync(zk, path);
    return code == ZK_OK ? SHELL_OK : shell_fail("sync", path, code);
}
