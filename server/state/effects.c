#include "server/state/effects.h"

void state_effects_init(struct state_effects *fx)
{
    memset(fx, 0, sizeof *fx);
}

void state_effects_fini(struct state_effects *fx)
{
    zk_buf_fini(&fx->reply);
    zk_buf_fini(&fx->arena);
    free(fx->events);
    memset(fx, 0, sizeof *fx);
}

void effects_reset(struct state_effects *fx)
{
    struct zk_buf reply = fx->reply;
    struct zk_buf arena = fx->arena;
    struct state_watch_event *events = fx->events;
    size_t cap = fx->event_cap;
    reply.len = arena.len = 0;
    *fx = (struct state_effects){.reply = reply, .arena = arena, .events = events, .event_cap = cap};
}

void effects_event(struct state_effects *fx, int32_t type, struct zk_slice path, struct zk_slice acl)
{
    if (fx->event_count == fx->event_cap) {
        fx->event_cap = fx->event_cap ? fx->event_cap * 2 : 8;
        fx->events = zk_realloc(fx->events, fx->event_cap * sizeof *fx->events);
    }
    fx->events[fx->event_count++] = (struct state_watch_event){type, {NULL, path.len}, {NULL, acl.len}};
    zk_buf_append_slice(&fx->arena, path);
    zk_buf_append_slice(&fx->arena, acl);
}

void effects_drop_events(struct state_effects *fx)
{
    fx->event_count = 0;
    fx->arena.len = 0;
}

void effects_finish(struct state_effects *fx)
{
    const uint8_t *at = fx->arena.ptr;
    for (size_t i = 0; i < fx->event_count; i++) {
        struct state_watch_event *e = &fx->events[i];
        e->path.ptr = at;
        e->acl.ptr = at + e->path.len;
        at += e->path.len + e->acl.len;
    }
}
