/* outbox.c: collects a turn's effects. Buffers that effects point into are lent until the next event and then go back
 * to a pool, so that an idle connection holds none and a busy one allocates none. */
#include "server/replica/core.h"
#include <stdarg.h>
#include <stdio.h>

/* Larger ones are given back to the allocator. */
#define POOLED_BUFFER_BYTES_MAX 32768
#define POOL_BUFFERS_MAX 256

static void push_buffer(struct zk_buf ***list, size_t *count, size_t *cap, struct zk_buf *buf)
{
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : 16;
        *list = zk_realloc(*list, *cap * sizeof **list);
    }
    (*list)[(*count)++] = buf;
}

static struct zk_buf *pool_take(struct replica *r)
{
    if (r->pool_count > 0)
        return r->pool[--r->pool_count];
    struct zk_buf *buf = zk_alloc(sizeof *buf);
    zk_buf_init(buf);
    return buf;
}

struct zk_buf *outbox_buffer(struct replica *r)
{
    struct zk_buf *buf = pool_take(r);
    push_buffer(&r->arenas, &r->arena_count, &r->arena_cap, buf);
    return buf;
}

struct replica_effect *outbox_effect(struct replica *r, enum replica_effect_kind kind)
{
    if (r->effect_count == r->effect_cap) {
        r->effect_cap = r->effect_cap ? r->effect_cap * 2 : 64;
        r->effects = zk_realloc(r->effects, r->effect_cap * sizeof *r->effects);
    }
    struct replica_effect *effect = &r->effects[r->effect_count++];
    memset(effect, 0, sizeof *effect);
    effect->kind = kind;
    return effect;
}

static void want_flush(struct replica *r, struct client *c)
{
    if (c->out == NULL && !c->ready_due && !c->close_due) {
        c->next_out = r->outs;
        r->outs = c;
    }
}

struct zk_buf *outbox_client(struct replica *r, struct client *c)
{
    if (c->out == NULL) {
        want_flush(r, c);
        c->out = outbox_buffer(r);
    }
    return c->out;
}

void outbox_ready(struct replica *r, struct client *c)
{
    want_flush(r, c);
    c->ready_due = true;
}

void outbox_close(struct replica *r, struct client *c)
{
    if (c->close_due)
        return;
    want_flush(r, c);
    c->close_due = true;
}

void outbox_forget(struct replica *r, struct client *c)
{
    if (c->out == NULL && !c->ready_due && !c->close_due)
        return;
    struct client **at = &r->outs;
    while (*at != NULL && *at != c)
        at = &(*at)->next_out;
    if (*at == c)
        *at = c->next_out;
}

void outbox_peer(struct replica *r, uint64_t peer, bool inbound, struct zk_slice bytes)
{
    struct replica_effect *effect = outbox_effect(r, REPLICA_PEER_SEND);
    effect->peer = peer;
    effect->inbound = inbound;
    effect->bytes = bytes;
}

void outbox_peer_close(struct replica *r, uint64_t peer, bool inbound)
{
    struct replica_effect *effect = outbox_effect(r, REPLICA_PEER_CLOSE);
    effect->peer = peer;
    effect->inbound = inbound;
}

static struct zk_slice format_line(struct replica *r, const char *format, va_list args)
{
    char line[1024];
    vsnprintf(line, sizeof line, format, args);
    struct zk_buf *buf = outbox_buffer(r);
    zk_buf_append(buf, line, strlen(line));
    return zk_slice(buf->ptr, buf->len);
}

void outbox_news(struct replica *r, int severity, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct zk_slice line = format_line(r, format, args);
    va_end(args);
    struct replica_effect *effect = outbox_effect(r, REPLICA_NEWS);
    effect->severity = severity;
    effect->bytes = line;
}

void outbox_fatal(struct replica *r, const char *format, ...)
{
    if (r->fatal != NULL)
        return;
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    r->fatal = zk_strdup(line);
    struct replica_effect *effect = outbox_effect(r, REPLICA_FATAL);
    effect->bytes = zk_slice_str(r->fatal);
}

static void collect_client(struct replica *r, struct client *c)
{
    if (c->ready_due)
        outbox_effect(r, REPLICA_CLIENT_READY)->conn = c->conn;
    if (c->out != NULL && c->out->len > 0) {
        struct replica_effect *effect = outbox_effect(r, REPLICA_CLIENT_SEND);
        effect->conn = c->conn;
        effect->bytes = zk_buf_slice(c->out);
    }
    c->out = NULL;
    c->look_bytes = 0;
    c->ready_due = false;
    if (!c->close_due)
        return;
    outbox_effect(r, REPLICA_CLIENT_CLOSE)->conn = c->conn;
    client_drop(r, c);
}

void outbox_collect_clients(struct replica *r)
{
    struct client *c = r->outs;
    r->outs = NULL;
    while (c != NULL) {
        struct client *next = c->next_out;
        c->next_out = NULL;
        collect_client(r, c);
        c = next;
    }
}

static void buffer_free(struct zk_buf *buf)
{
    zk_buf_fini(buf);
    free(buf);
}

/* Each event calls this: the first one after a flush takes back what the flush lent. */
void outbox_recycle(struct replica *r)
{
    if (!r->flushed)
        return;
    r->flushed = false;
    for (size_t i = 0; i < r->arena_count; i++) {
        struct zk_buf *buf = r->arenas[i];
        if (buf->cap > POOLED_BUFFER_BYTES_MAX || r->pool_count >= POOL_BUFFERS_MAX) {
            buffer_free(buf);
            continue;
        }
        zk_buf_reset(buf);
        push_buffer(&r->pool, &r->pool_count, &r->pool_cap, buf);
    }
    r->arena_count = 0;
    r->effect_count = 0;
}

void outbox_fini(struct replica *r)
{
    r->flushed = true;
    outbox_recycle(r);
    for (size_t i = 0; i < r->pool_count; i++)
        buffer_free(r->pool[i]);
    free(r->pool);
    free(r->arenas);
    free(r->effects);
    free(r->fatal);
}
