#include "client/recipes/parents.h"
#include "client/recipes/machine.h"
#include <stdlib.h>
#include <string.h>

struct parents {
    zkr_parents_fn *fn;
    void *context;
    char *end; /* where the path is cut now */
    char *stop;
    char path[];
};

static int make_next(struct zk *zk, struct parents *p);

static void finish(struct parents *p, int code)
{
    zkr_parents_fn *fn = p->fn;
    void *context = p->context;
    free(p);
    fn(code, context);
}

static void on_made(struct zk *zk, struct zk_result *result, void *context)
{
    struct parents *p = context;
    int code = result->err;
    zk_result_free(result);
    bool last = p->end == p->stop;
    if (!zkr_is_unknown(code)) {
        if (code == ZK_NODE_EXISTS || (code == ZK_NO_AUTH && !last))
            code = ZK_OK;
        if (code != ZK_OK || last) {
            finish(p, code);
            return;
        }
        *p->end = '/';
        p->end = p->end + 1 + strcspn(p->end + 1, "/");
    }
    code = make_next(zk, p);
    if (code != ZK_OK)
        finish(p, code);
}

static int make_next(struct zk *zk, struct parents *p)
{
    *p->end = '\0';
    return zk_create_async(zk, p->path, "", 0, NULL, 0, on_made, p);
}

int zkr_parents_make(struct zk *zk, const char *path, zkr_parents_fn *fn, void *context)
{
    size_t len = strlen(path);
    struct parents *p = malloc(sizeof *p + len + 1);
    if (p == NULL)
        return ZK_SYSTEM_ERROR;
    p->fn = fn;
    p->context = context;
    memcpy(p->path, path, len + 1);
    p->stop = p->path + len;
    p->end = p->path + 1 + strcspn(p->path + 1, "/");
    int code = make_next(zk, p);
    if (code != ZK_OK)
        free(p);
    return code;
}
