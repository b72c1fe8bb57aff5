#include "tests/sim/world.h"
#include "tests/sim/net.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* The story's tail that a failure shows. */
#define STORY_LINES      400
#define STORY_LINE_BYTES 240

char *world_failure;

static char story[STORY_LINES][STORY_LINE_BYTES];
static size_t story_count;

struct world *world_new(uint64_t seed, bool is_talking, bool is_loud)
{
    struct world *w = zk_calloc(1, sizeof(*w));
    w->seed = seed;
    w->is_talking = is_talking;
    w->is_loud = is_loud;
    for (size_t i = 0; i < WORLD_CHANCES; i++)
        zk_rng_seed(&w->chance[i], seed, 1 + i);
    swarm_draw(&w->swarm, seed);
    w->tally.seeds = 1;
    story_count = 0;
    w->net = net_new(w);
    return w;
}

void world_free(struct world *w)
{
    net_free(w->net);
    queue_fini(&w->queue);
    free(w);
}

void world_after(struct world *w, uint64_t after_us, queue_fn *fn, void *arg, uint64_t token)
{
    queue_put(&w->queue, w->now_us + after_us, fn, arg, token);
}

void world_run(struct world *w, uint64_t until_us)
{
    struct queue_event event;
    while (w->queue.count > 0 && w->queue.heap[0].at_us <= until_us && queue_take(&w->queue, &event)) {
        w->now_us = event.at_us;
        w->tally.events++;
        event.fn(w, event.arg, event.token);
    }
    w->now_us = until_us;
}

bool world_chance(struct world *w, enum world_chance kind, uint32_t millionths)
{
    return millionths > 0 && zk_rng_below(&w->chance[kind], 1000000) < millionths;
}

uint32_t world_below(struct world *w, enum world_chance kind, uint32_t bound)
{
    return zk_rng_below(&w->chance[kind], bound);
}

uint64_t world_between(struct world *w, enum world_chance kind, uint64_t lo, uint64_t hi)
{
    return hi <= lo ? lo : lo + zk_rng_u64(&w->chance[kind]) % (hi - lo + 1);
}

uint64_t world_about(struct world *w, enum world_chance kind, uint64_t mean)
{
    /* -ln(u) by bits, for floating point need not be the same everywhere: the leading zeros of a random word are
     * geometric with ratio 1/2; the bits below interpolate. */
    uint32_t bits = zk_rng_u32(&w->chance[kind]) | 1u << 8;
    uint32_t zeros = (uint32_t)__builtin_clz(bits);
    uint32_t fraction = (uint32_t)((uint64_t)bits << (zeros + 1) & 0xffffffff) >> 16;
    uint64_t halvings = ((uint64_t)(zeros + 1) << 16) - fraction;
    uint64_t value = mean * halvings / 94548; /* 65536 / ln 2 */
    return value > 16 * mean ? 16 * mean : value ? value : 1;
}

void world_say(struct world *w, const char *format, ...)
{
    char *line = story[story_count++ % STORY_LINES];
    int at = snprintf(line, STORY_LINE_BYTES, "[%10.6f] ", (double)w->now_us / 1e6);
    va_list args;
    va_start(args, format);
    vsnprintf(line + at, STORY_LINE_BYTES - (size_t)at, format, args);
    va_end(args);
    if (w->is_loud)
        puts(line);
}

static void print_story(void)
{
    size_t first = story_count > STORY_LINES ? story_count - STORY_LINES : 0;
    for (size_t i = first; i < story_count; i++)
        fprintf(stderr, "%s\n", story[i % STORY_LINES]);
}

void world_fail(struct world *w, const char *check, const char *format, ...)
{
    char what[WORLD_FAILURE_BYTES];
    int at = snprintf(what, sizeof(what), "%s at %.6f s: ", check, (double)w->now_us / 1e6);
    va_list args;
    va_start(args, format);
    vsnprintf(what + at, sizeof(what) - (size_t)at, format, args);
    va_end(args);
    if (world_failure)
        memcpy(world_failure, what, sizeof(what));
    if (w->is_talking && !w->is_loud)
        print_story();
    fflush(stdout);
    if (w->is_talking || !world_failure) {
        char text[512];
        fprintf(stderr, "seed %" PRIu64 ": %s\n%s\n", w->seed, what, swarm_text(&w->swarm, text, sizeof(text)));
    }
    _exit(WORLD_EXIT_VIOLATION);
}
