/* effects.c: what comes out of an event, collected until the drain and borrowed until the event after it. */
#include "server/zab/core.h"

#include <stdarg.h>
#include <stdio.h>

/* Room for one more element of an effects array; returns the array, maybe moved. */
static void *room(void *array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return array;
    *cap = *cap ? 2 * *cap : 16;
    return zk_realloc(array, *cap * size);
}

static struct packet *new_packet(struct zab *z)
{
    struct packet *p = zk_alloc(sizeof *p);
    zk_buf_init(&p->bytes);
    p->next = z->fx.packets;
    z->fx.packets = p;
    return p;
}

static void free_packets(struct zab *z)
{
    while (z->fx.packets) {
        struct packet *p = z->fx.packets;
        z->fx.packets = p->next;
        zk_buf_fini(&p->bytes);
        free(p);
    }
}

void effects_begin(struct zab *z)
{
    struct effects *fx = &z->fx;
    if (!fx->drained)
        return;
    fx->face = (struct zab_effects){0};
    free_packets(z);
    tail_sweep(&z->tail);
    tail_sweep(&z->stage);
    fx->drained = false;
}

void effects_free(struct zab *z)
{
    struct effects *fx = &z->fx;
    free_packets(z);
    free(fx->ops);
    free(fx->sends);
    free(fx->reads);
    free(fx->closes);
    free(fx->snaps);
    free(fx->entries);
    free(fx->beats);
    free(fx->confirms);
    free(fx->news);
}

struct zk_slice fx_encode(struct zab *z, const struct zab_msg *m)
{
    struct packet *p = new_packet(z);
    msg_encode(&p->bytes, m);
    return zk_buf_slice(&p->bytes);
}

struct zk_slice fx_keep(struct zab *z, struct zk_slice bytes)
{
    struct packet *p = new_packet(z);
    zk_buf_append_slice(&p->bytes, bytes);
    return zk_buf_slice(&p->bytes);
}

void fx_send_bytes(struct zab *z, size_t peer, bool inbound, struct zk_slice bytes)
{
    struct effects *fx = &z->fx;
    const struct peer *p = &z->peers[peer];
    if (!(inbound ? p->in.up : p->out.up))
        return;
    fx->sends = room(fx->sends, fx->face.send_count, &fx->send_cap, sizeof *fx->sends);
    fx->sends[fx->face.send_count++] = (struct zab_send){.peer = p->member.id, .inbound = inbound, .bytes = bytes};
}

void fx_send(struct zab *z, size_t peer, bool inbound, const struct zab_msg *m)
{
    fx_send_bytes(z, peer, inbound, fx_encode(z, m));
}

uint64_t fx_op(struct zab *z, const struct storage_op *op)
{
    struct effects *fx = &z->fx;
    fx->ops = room(fx->ops, fx->face.op_count, &fx->op_cap, sizeof *fx->ops);
    fx->ops[fx->face.op_count++] = *op;
    return ++z->op_last;
}

void fx_read(struct zab *z, enum zab_read_kind kind, uint64_t token, uint64_t after_zxid, size_t max_bytes)
{
    struct effects *fx = &z->fx;
    fx->reads = room(fx->reads, fx->face.read_count, &fx->read_cap, sizeof *fx->reads);
    fx->reads[fx->face.read_count++] =
        (struct zab_read){.kind = kind, .token = token, .after_zxid = after_zxid, .max_bytes = max_bytes};
}

/* The connection counts as down at once; the driver's own word of it later is no news. */
void fx_close(struct zab *z, size_t peer, bool inbound)
{
    struct effects *fx = &z->fx;
    struct peer *p = &z->peers[peer];
    struct channel *c = inbound ? &p->in : &p->out;
    if (!c->up)
        return;
    fx->closes = room(fx->closes, fx->face.close_count, &fx->close_cap, sizeof *fx->closes);
    fx->closes[fx->face.close_count++] = (struct zab_close){.peer = p->member.id, .inbound = inbound};
    *c = (struct channel){.generation = c->generation, .closing = true};
    if (inbound)
        stream_reset(z, peer);
}

void fx_snap(struct zab *z, const struct zab_snap *snap)
{
    struct effects *fx = &z->fx;
    fx->snaps = room(fx->snaps, fx->face.snap_count, &fx->snap_cap, sizeof *fx->snaps);
    fx->snaps[fx->face.snap_count++] = *snap;
}

void fx_entry(struct zab *z, const struct entry *e)
{
    struct effects *fx = &z->fx;
    fx->entries = room(fx->entries, fx->face.entry_count, &fx->entry_cap, sizeof *fx->entries);
    fx->entries[fx->face.entry_count++] = *e;
}

void fx_beat(struct zab *z, size_t peer, struct zk_slice bytes)
{
    struct effects *fx = &z->fx;
    fx->beats = room(fx->beats, fx->face.beat_count, &fx->beat_cap, sizeof *fx->beats);
    uint64_t id = z->peers[peer].member.id;
    fx->beats[fx->face.beat_count++] = (struct zab_beat){.peer = id, .bytes = fx_keep(z, bytes)};
}

void fx_confirmed(struct zab *z, uint64_t token, bool ok)
{
    struct effects *fx = &z->fx;
    fx->confirms = room(fx->confirms, fx->face.confirm_count, &fx->confirm_cap, sizeof *fx->confirms);
    fx->confirms[fx->face.confirm_count++] = (struct zab_confirmed){.token = token, .ok = ok};
}

void fx_news(struct zab *z, const char *format, ...)
{
    struct effects *fx = &z->fx;
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    struct zk_slice kept = fx_keep(z, zk_slice(line, strlen(line) + 1));
    fx->news = room(fx->news, fx->face.news_count, &fx->news_cap, sizeof *fx->news);
    fx->news[fx->face.news_count++] = (const char *)kept.ptr;
}

void fx_fatal(struct zab *z, const char *format, ...)
{
    if (z->fatal[0])
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(z->fatal, sizeof z->fatal, format, args);
    va_end(args);
}
