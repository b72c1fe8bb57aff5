#include "server/state/effects.h"

void state_effects_init(struct state_effects *fx)
{
    memset(fx, 0, sizeof *fx);
}

void state_effects_fini(struct state_effects *fx)
{
    zk_buf_fini(&fx->reply);
    zk_buf_fini(&fx->arena);
    zk_buf_fini(&fx->warning);
    free(fx->events);
    memset(fx, 0, sizeof *fx);
}

void effects_reset(struct state_effects *fx)
{
    if (fx->reply.cap > STATE_EFFECTS_KEPT_BYTES)
        zk_buf_fini(&fx->reply);
    if (fx->arena.cap > STATE_EFFECTS_KEPT_BYTES)
        zk_buf_fini(&fx->arena);
    if (fx->event_cap * sizeof *fx->events > STATE_EFFECTS_KEPT_BYTES) {
        free(fx->events);
        fx->events = NULL;
        fx->event_cap = 0;
    }
    fx->reply.len = fx->arena.len = fx->warning.len = 0;
    *fx = (struct state_effects){.reply = fx->reply,
                                 .arena = fx->arena,
                                 .warning = fx->warning,
                                 .events = fx->events,
                                 .event_cap = fx->event_cap,
                                 .portion = fx->portion,
                                 .portion_arg = fx->portion_arg};
}

static size_t put_bytes(struct state_effects *fx, struct zk_slice bytes)
{
    size_t at = fx->arena.len;
    zk_buf_append_slice(&fx->arena, bytes);
    return at;
}

/* A thousand events of nodes that share a large list need it once. */
static size_t put_acl(struct state *s, struct state_effects *fx, struct acl *acl)
{
    if (acl->told != s->round) {
        acl->told = s->round;
        acl->told_at = put_bytes(fx, acl_bytes(acl));
    }
    return acl->told_at;
}

static void put_event(struct state *s, struct state_effects *fx, int32_t type, size_t path_at, size_t path_len,
                      uint32_t acl)
{
    if (fx->event_count == fx->event_cap) {
        fx->event_cap = fx->event_cap ? fx->event_cap * 2 : 8;
        fx->events = zk_realloc(fx->events, fx->event_cap * sizeof *fx->events);
    }
    struct acl *list = acls_at(&s->acls, acl);
    size_t acl_at = put_acl(s, fx, list);
    fx->events[fx->event_count++] = (struct state_watch_event){
        .type = type, .path = {NULL, path_len}, .acl = {NULL, list->len}, .path_at = path_at, .acl_at = acl_at};
}

void effects_event(struct state *s, struct state_effects *fx, int32_t type, struct zk_slice path, uint32_t acl)
{
    size_t path_at = put_bytes(fx, path);
    put_event(s, fx, type, path_at, path.len, acl);
}

void effects_parent_event(struct state *s, struct state_effects *fx, int32_t type, size_t parent_len, uint32_t acl)
{
    ZK_ASSERT(fx->event_count > 0);
    put_event(s, fx, type, fx->events[fx->event_count - 1].path_at, parent_len, acl);
}

void effects_drop_events(struct state *s, struct state_effects *fx)
{
    fx->event_count = 0;
    fx->arena.len = 0;
    s->round++;
}

void effects_finish(struct state_effects *fx)
{
    for (size_t i = 0; i < fx->event_count; i++) {
        struct state_watch_event *e = &fx->events[i];
        e->path.ptr = fx->arena.ptr + e->path_at;
        e->acl.ptr = fx->arena.ptr + e->acl_at;
    }
}

void effects_hand_out_all(struct state *s, struct state_effects *fx)
{
    if (fx->portion == NULL || fx->event_count == 0)
        return;
    effects_finish(fx);
    fx->portion(fx->portion_arg, fx);
    effects_drop_events(s, fx);
}

void effects_hand_out(struct state *s, struct state_effects *fx)
{
    if (fx->arena.len + fx->event_count * sizeof *fx->events >= STATE_EVENTS_PORTION_BYTES)
        effects_hand_out_all(s, fx);
}
