/* watches.c: what a client is told, once and in order, wherever it is connected meanwhile. */
#include "tests/system/c_client/answers.h"
#include "tests/system/c_client/stage.h"

static void make(struct stage_client *c, const char *path)
{
    MADE(c, zoo_create(c->handle, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
}

static void change(struct stage_client *c, const char *path)
{
    GIVES(ZOK, AGAIN(c, zoo_set(c->handle, path, "x", 1, -1)));
}

static void end(struct stage_client *c, const char *path)
{
    int rc = AGAIN(c, zoo_delete(c->handle, path, -1));
    if (rc != ZNONODE || !c->stage->storm)
        GIVES(ZOK, rc);
}

static void watch_data(struct stage_client *c, const char *path, int expected)
{
    int len = 0;
    GIVES(expected, AGAIN(c, zoo_wget(c->handle, path, stage_watcher, c, NULL, &len, NULL)));
}

static void watch_being(struct stage_client *c, const char *path, int expected)
{
    GIVES(expected, AGAIN(c, zoo_wexists(c->handle, path, stage_watcher, c, NULL)));
}

static void watch_children(struct stage_client *c, const char *path, int expected)
{
    struct String_vector names = {0};
    int rc = AGAIN(c, zoo_wget_children(c->handle, path, stage_watcher, c, &names));
    GIVES(expected, rc);
    if (rc == ZOK)
        deallocate_String_vector(&names);
}

/* All that it was told, in order: so many pairs of an event and a name below the stage's node. */
static void expect_events(struct stage_client *c, size_t count, const struct stage_event expected[])
{
    EVENTUALLY(c->event_count >= count);
    stage_sleep(50);
    CHECK(c->event_count == count);
    for (size_t i = 0; i < count; i++) {
        CHECK(c->events[i].type == expected[i].type);
        CHECK(strcmp(c->events[i].path, stage_path(c->stage, expected[i].path)) == 0);
    }
}

void watches_kinds(const struct stage *s)
{
    static const struct stage_event first[] = {{1, "later"}, {3, "n"}, {4, ""}}; /* created, changed, child */
    struct stage_client *c = stage_open(s, NULL), *writer = stage_open(s, NULL);
    make(c, stage_path(s, "n"));
    watch_being(c, stage_path(s, "later"), ZNONODE);
    watch_data(c, stage_path(s, "nothing"), ZNONODE); /* sets none */
    make(writer, stage_path(s, "later"));
    EVENTUALLY(c->event_count == 1);
    watch_data(c, stage_path(s, "n"), ZOK);
    change(writer, stage_path(s, "n"));
    EVENTUALLY(c->event_count == 2);
    change(writer, stage_path(s, "n")); /* told once */
    watch_children(c, s->root, ZOK);
    make(writer, stage_path(s, "n2"));
    EVENTUALLY(c->event_count == 3);
    make(writer, stage_path(s, "nothing"));
    stage_kill_leader(s);
    watch_data(c, stage_path(s, "n"), ZOK);
    watch_children(c, stage_path(s, "n"), ZOK);
    watch_children(c, s->root, ZOK);
    end(writer, stage_path(s, "n"));
    /* One watcher that waits for both kinds of one node is told once of its end, by Apache's client as by any server. */
    EVENTUALLY(stage_count(c, ZOO_CHILD_EVENT, s->root) == 2 && stage_count(c, ZOO_DELETED_EVENT, stage_path(s, "n")) > 0);
    CHECK(stage_count(c, ZOO_DELETED_EVENT, stage_path(s, "n")) == 1);
    CHECK(stage_count(c, ZOO_CREATED_EVENT, stage_path(s, "nothing")) == 0 && c->event_count == 5);
    for (size_t i = 0; i < 3; i++)
        CHECK(c->events[i].type == first[i].type && strcmp(c->events[i].path, stage_path(s, first[i].path)) == 0);
    stage_close(c);
    stage_close(writer);
}

/* Watches of the handle's own watcher, asked for by a flag. */
void watches_global(const struct stage *s)
{
    static const struct stage_event expected[] = {{1, "n"}, {3, "n"}, {4, "n"}};
    struct stage_client *c = stage_open(s, NULL), *writer = stage_open(s, NULL);
    struct String_vector names;
    struct Stat stat;
    int len = 0;
    GIVES(ZNONODE, zoo_exists(c->handle, stage_path(s, "n"), 1, &stat));
    make(writer, stage_path(s, "n"));
    EVENTUALLY(c->event_count == 1);
    GIVES(ZOK, zoo_get(c->handle, stage_path(s, "n"), 1, NULL, &len, &stat));
    stage_kill_leader(s);
    change(writer, stage_path(s, "n"));
    EVENTUALLY(c->event_count == 2);
    GIVES(ZOK, AGAIN(c, zoo_get_children2(c->handle, stage_path(s, "n"), 1, &names, &stat)));
    deallocate_String_vector(&names);
    make(writer, stage_path(s, "n/c"));
    expect_events(c, 3, expected);
    stage_close(c);
    stage_close(writer);
}

/* Of a node's data and children, both of which were watched, only the latter are still. */
static void expect_children_watched(struct stage_client *c, struct stage_client *writer, const char *n)
{
    change(writer, n);
    make(writer, stage_path(c->stage, "n/c"));
    EVENTUALLY(stage_count(c, ZOO_CHILD_EVENT, n) == 1);
    CHECK(stage_count(c, ZOO_CHANGED_EVENT, n) == 0);
}

/* Now nothing of it is, but "later", which does not exist. */
static void expect_nothing_watched(struct stage_client *c, struct stage_client *writer, const char *n)
{
    const char *later = stage_path(c->stage, "later");
    change(writer, n);
    make(writer, stage_path(c->stage, "n/d"));
    make(writer, later);
    EVENTUALLY(stage_count(c, ZOO_CREATED_EVENT, later) == 1);
    CHECK(stage_count(c, ZOO_CHANGED_EVENT, n) == 0 && stage_count(c, ZOO_CHILD_EVENT, n) == 1);
}

void watches_removed(const struct stage *s)
{
    struct stage_client *c = stage_open(s, NULL), *writer = stage_open(s, NULL);
    char n[256];
    snprintf(n, sizeof n, "%s", stage_path(s, "n"));
    make(c, n);
    GIVES(ZNOWATCHER, zoo_remove_watches(c->handle, n, ZWATCHTYPE_DATA, stage_watcher, c, 0));
    watch_data(c, n, ZOK);
    watch_children(c, n, ZOK);
    stage_kill_leader(s);
    stage_wait_connected(c);
    watch_being(c, stage_path(s, "later"), ZNONODE); /* which waits until the connection is back, if it broke */
    GIVES(ZOK, zoo_remove_watches(c->handle, n, ZWATCHTYPE_DATA, stage_watcher, c, 0));
    expect_children_watched(c, writer, n);
    watch_data(c, n, ZOK);
    watch_children(c, n, ZOK);
    GIVES(ZOK, zoo_remove_all_watches(c->handle, n, ZWATCHTYPE_ANY, 0));
    expect_nothing_watched(c, writer, n);
    stage_close(c);
    stage_close(writer);
}

/* Every call that sets a watch and does not wait for the answer, and the one that does wait but has no part above. */
static void watch_by_every_call(struct stage_client *c)
{
    const struct stage *s = c->stage;
    struct answer a[3] = {{0}};
    struct String_vector names;
    struct Stat stat;
    GIVES(ZOK, zoo_awexists(c->handle, stage_path(s, "later"), stage_watcher, c, answer_stat, &a[0]));
    GIVES(ZOK, zoo_awget_children(c->handle, stage_path(s, "a"), stage_watcher, c, answer_strings, &a[1]));
    GIVES(ZOK, zoo_awget_children2(c->handle, stage_path(s, "b"), stage_watcher, c, answer_strings_stat, &a[2]));
    GIVES(ZOK, zoo_wget_children2(c->handle, stage_path(s, "c"), stage_watcher, c, &names, &stat));
    CHECK(names.count == 0 && stat.numChildren == 0);
    deallocate_String_vector(&names);
    for (int i = 0; i < 3; i++)
        answer_wait(&a[i]);
    GIVES(ZNONODE, a[0].rc);
    CHECK(a[1].rc == ZOK && a[1].count == 0);
    CHECK(a[2].rc == ZOK && a[2].count == 0 && a[2].stat.numChildren == 0);
}

void watches_asynchronous(const struct stage *s)
{
    static const char *const children[] = {"a/1", "b/1", "c/1", "later"};
    struct stage_client *c = stage_open(s, NULL), *writer = stage_open(s, NULL);
    make(c, stage_path(s, "a"));
    make(c, stage_path(s, "b"));
    make(c, stage_path(s, "c"));
    watch_by_every_call(c);
    CHECK(c->event_count == 0);
    stage_move(c);
    for (size_t i = 0; i < 4; i++)
        make(writer, stage_path(s, children[i]));
    EVENTUALLY(c->event_count >= 4);
    stage_sleep(50);
    CHECK(c->event_count == 4);
    CHECK(stage_count(c, ZOO_CREATED_EVENT, stage_path(s, "later")) == 1);
    CHECK(stage_count(c, ZOO_CHILD_EVENT, stage_path(s, "a")) == 1);
    CHECK(stage_count(c, ZOO_CHILD_EVENT, stage_path(s, "b")) == 1);
    CHECK(stage_count(c, ZOO_CHILD_EVENT, stage_path(s, "c")) == 1);
    stage_close(c);
    stage_close(writer);
}

/* The completion that the header asks for is a pointer to one, and what the library calls is the pointer. */
static void_completion_t *const removed = (void_completion_t *)answer_void;

void watches_removed_asynchronously(const struct stage *s)
{
    struct stage_client *c = stage_open(s, NULL), *writer = stage_open(s, NULL);
    struct answer a[3] = {{0}};
    char n[256];
    snprintf(n, sizeof n, "%s", stage_path(s, "n"));
    make(c, n);
    GIVES(ZNOWATCHER, zoo_aremove_watches(c->handle, n, ZWATCHTYPE_DATA, stage_watcher, c, 0, removed, &a[0]));
    GIVES(ZOK, zoo_aremove_all_watches(c->handle, n, ZWATCHTYPE_ANY, 0, removed, &a[0])); /* it is the server who knows */
    answer_wait(&a[0]);
    GIVES(ZNOWATCHER, a[0].rc);
    watch_data(c, n, ZOK);
    watch_children(c, n, ZOK);
    stage_kill_leader(s);
    stage_wait_connected(c);
    watch_being(c, stage_path(s, "later"), ZNONODE); /* which waits until the connection is back, if it broke */
    GIVES(ZOK, zoo_aremove_watches(c->handle, n, ZWATCHTYPE_DATA, stage_watcher, c, 0, removed, &a[1]));
    answer_wait(&a[1]);
    GIVES(ZOK, a[1].rc);
    expect_children_watched(c, writer, n);
    watch_data(c, n, ZOK);
    watch_children(c, n, ZOK);
    GIVES(ZOK, zoo_aremove_all_watches(c->handle, n, ZWATCHTYPE_ANY, 0, removed, &a[2]));
    answer_wait(&a[2]);
    GIVES(ZOK, a[2].rc);
    expect_nothing_watched(c, writer, n);
    stage_close(c);
    stage_close(writer);
}

static watcher_fn first_watcher;
static volatile int second_told, second_told_of_sessions;

static void second_watcher(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    first_watcher(handle, type, state, path, context);
    second_told += type != ZOO_SESSION_EVENT;
    second_told_of_sessions += type == ZOO_SESSION_EVENT;
}

/* What a handle's own watcher was asked for it is told, though the handle has another by then. */
void watches_another(const struct stage *s)
{
    struct stage_client *c = stage_open(s, NULL), *writer = stage_open(s, NULL);
    GIVES(ZNONODE, zoo_exists(c->handle, stage_path(s, "first"), 1, NULL));
    first_watcher = zoo_set_watcher(c->handle, second_watcher);
    GIVES(ZNONODE, zoo_exists(c->handle, stage_path(s, "second"), 1, NULL));
    stage_move(c);
    CHECK(second_told_of_sessions > 0 || !s->storm);
    make(writer, stage_path(s, "first"));
    EVENTUALLY(c->event_count == 1);
    CHECK(second_told == 0);
    make(writer, stage_path(s, "second"));
    EVENTUALLY(second_told == 1);
    CHECK(c->event_count == 2);
    CHECK(zoo_set_watcher(c->handle, first_watcher) == second_watcher);
    stage_close(c);
    stage_close(writer);
}

/* What changes while a client has no server is told when it has one again, and what did not is still watched. */
void watches_reconnect(const struct stage *s)
{
    static const struct stage_event expected[] = {{3, "changed"}, {3, "stays"}, {4, "stays"}, {1, "later"}, {2, "gone"}};
    struct stage_client *c = stage_open(s, NULL), *writer = stage_open(s, NULL);
    struct stage_client *resumed;
    make(c, stage_path(s, "changed"));
    make(c, stage_path(s, "stays"));
    make(c, stage_path(s, "gone"));
    watch_data(c, stage_path(s, "changed"), ZOK);
    watch_data(c, stage_path(s, "stays"), ZOK);
    watch_children(c, stage_path(s, "stays"), ZOK);
    watch_being(c, stage_path(s, "later"), ZNONODE);
    watch_being(c, stage_path(s, "made"), ZNONODE);
    watch_being(c, stage_path(s, "gone"), ZOK);
    stage_move(c);
    CHECK(c->event_count == 0);
    change(writer, stage_path(s, "changed"));
    EVENTUALLY(c->event_count == 1);
    stage_move(c);
    change(writer, stage_path(s, "stays"));
    EVENTUALLY(c->event_count == 2);
    make(writer, stage_path(s, "stays/c"));
    EVENTUALLY(c->event_count == 3);
    stage_move(c);
    make(writer, stage_path(s, "later"));
    EVENTUALLY(c->event_count == 4);
    end(writer, stage_path(s, "gone"));
    expect_events(c, 5, expected);
    /* Its session's twin at another server throws it out again and again; what happens meanwhile is not lost. */
    resumed = stage_resume(s, NULL, zoo_client_id(c->handle), STAGE_SESSION_MS);
    make(writer, stage_path(s, "made"));
    EVENTUALLY(stage_count(c, ZOO_CREATED_EVENT, stage_path(s, "made")) == 1);
    stage_close(resumed);
    stage_close(c);
    stage_close(writer);
}

#define MANY 200
#define NAME_BYTES 180

/* So many long paths that they do not fit into the buffers of a connection at once. */
void watches_many(const struct stage *s)
{
    struct stage_client *c = stage_open(s, NULL), *writer = stage_open(s, NULL);
    char path[256], name[NAME_BYTES + 1];
    memset(name, 'w', sizeof name - 1);
    name[NAME_BYTES] = '\0';
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "%s/%s%d", s->root, name, i);
        make(c, path);
        watch_data(c, path, ZOK);
    }
    stage_move(c);
    stage_kill_leader(s);
    for (int i = MANY - 1; i >= 0; i--) {
        snprintf(path, sizeof path, "%s/%s%d", s->root, name, i);
        change(writer, path);
    }
    EVENTUALLY(c->event_count == MANY);
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "%s/%s%d", s->root, name, i);
        CHECK(stage_count(c, ZOO_CHANGED_EVENT, path) == 1);
    }
    stage_close(c);
    stage_close(writer);
}
