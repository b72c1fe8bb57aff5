/* sim: runs seeds, tells which fail and how to see why.
 *
 *     sim -s SEED [-v] [-q]         one seed; -v tells its story as it goes, else only a failure's tail is told
 *     sim -n COUNT [-f FIRST] [-j JOBS] [-t SECONDS]   many
 *     sim -r FILE                   the seeds in this file, one a line
 *     -b BUG                        with a planted bug (configure --enable-planted-bugs)
 *     -m                            a rare state that was never reached is a failure too
 *     -k                            go on after a failure
 *     -q                            say less
 *
 * Each job is a process of its own, so that a crash or a hang of the code under test is a failing seed like any
 * other. Exit status: 0 all is well, 3 a violation, 4 a rare state never reached, 2 usage.
 */
#include "tests/sim/seed.h"
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX 64
/* A seed that takes so long has stopped making progress. */
#define HANG_S         60
#define FAILURES_SHOWN 10

struct job {
    pid_t pid;
    uint64_t next; /* the seed it is at, or will take; shared with the child */
    bool is_at_work;
    time_t since;
    char failure[WORLD_FAILURE_BYTES];
    struct tally tally; /* of the seeds it has finished */
};

struct batch {
    uint64_t first;
    uint64_t count;
    uint64_t jobs;
    uint64_t seconds; /* 0: until all are done */
    bool goes_on;
    bool is_silent; /* a failure's story is not told */
    time_t began;
    size_t failures;
    struct job *shared;
    uint64_t *list; /* of seeds; NULL: first, first + 1... */
};

static uint64_t seed_at(const struct batch *b, uint64_t index)
{
    return b->list ? b->list[index] : b->first + index;
}

static bool is_time_up(const struct batch *b)
{
    return b->seconds && (uint64_t)(time(NULL) - b->began) >= b->seconds;
}

/* The child: every jobs'th seed from where it is. */
ZK_NORETURN static void work(struct batch *b, struct job *job)
{
    world_failure = job->failure;
    for (; job->next < b->count && !is_time_up(b); job->next += b->jobs) {
        struct tally tally;
        job->since = time(NULL);
        job->is_at_work = true;
        seed_run(seed_at(b, job->next), false, false, &tally);
        tally_add(&job->tally, &tally);
        job->is_at_work = false;
    }
    fflush(stdout);
    _exit(0);
}

static void start(struct batch *b, struct job *job)
{
    job->is_at_work = false;
    job->failure[0] = '\0';
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(1);
    }
    if (pid == 0)
        work(b, job);
    job->pid = pid; /* the parent's alone to write: the memory is shared */
}

static int run_one(uint64_t seed, bool is_loud, bool is_silent)
{
    struct tally tally;
    seed_run(seed, !is_silent, is_loud, &tally);
    if (!is_silent)
        tally_print(&tally);
    return 0;
}

/* The seed again, talking, in a process of its own. */
static void show(uint64_t seed)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(HANG_S);
        dup2(STDERR_FILENO, STDOUT_FILENO);
        _exit(run_one(seed, false, false));
    }
    int status;
    if (pid > 0)
        waitpid(pid, &status, 0);
}

static const char *bug_option(void)
{
    static char text[16];
#ifdef ZK_PLANTED_BUGS
    if (zk_planted_bug)
        snprintf(text, sizeof(text), " -b %d", zk_planted_bug);
#endif
    return text;
}

static void report(struct batch *b, struct job *job, int status)
{
    uint64_t seed = seed_at(b, job->next);
    if (!job->failure[0])
        snprintf(job->failure, sizeof(job->failure),
                 WIFSIGNALED(status) ? "ended by signal %d" : "ended with status %d",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (b->failures++ == 0 && !b->is_silent)
        show(seed);
    if (b->failures <= FAILURES_SHOWN)
        fprintf(stderr, "FAILED seed %" PRIu64 ": %s\n    replay: tests/sim/sim -s %" PRIu64 " -v%s\n", seed,
                job->failure, seed, bug_option());
}

/* A job has ended: well, or at a seed that failed; then the rest is another process's. */
static bool settle(struct batch *b, struct job *job, int status)
{
    if (!job->is_at_work && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    report(b, job, status);
    job->next += b->jobs;
    if (!b->goes_on || job->next >= b->count)
        return false;
    start(b, job);
    return true;
}

static void kill_hung(struct batch *b)
{
    for (uint64_t i = 0; i < b->jobs; i++) {
        struct job *job = &b->shared[i];
        if (job->pid > 0 && job->is_at_work && time(NULL) - job->since > HANG_S) {
            snprintf(job->failure, sizeof(job->failure), "makes no progress for %d s of real time", HANG_S);
            kill(job->pid, SIGKILL);
        }
    }
}

static void stop_all(struct batch *b)
{
    for (uint64_t i = 0; i < b->jobs; i++)
        if (b->shared[i].pid > 0)
            kill(b->shared[i].pid, SIGKILL);
}

static size_t run_batch(struct batch *b, bool needs_marks)
{
    b->began = time(NULL);
    b->shared = mmap(NULL, b->jobs * sizeof(*b->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ZK_ASSERT(b->shared != MAP_FAILED);
    uint64_t running = b->jobs;
    for (uint64_t i = 0; i < b->jobs; i++) {
        b->shared[i].next = i;
        start(b, &b->shared[i]);
    }
    while (running > 0) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0) {
            kill_hung(b);
            usleep(20000);
            continue;
        }
        for (uint64_t i = 0; i < b->jobs; i++)
            if (b->shared[i].pid == pid) {
                b->shared[i].pid = 0;
                running -= !settle(b, &b->shared[i], status);
            }
        if (b->failures > 0 && !b->goes_on)
            stop_all(b);
    }
    struct tally sum = {0};
    for (uint64_t i = 0; i < b->jobs; i++)
        tally_add(&sum, &b->shared[i].tally);
    size_t never = tally_print(&sum);
    printf("%zu failed; %ld s\n", b->failures, (long)(time(NULL) - b->began));
    return b->failures ? WORLD_EXIT_VIOLATION : needs_marks && never ? 4 : 0;
}

static uint64_t *read_list(const char *name, uint64_t *ret_count)
{
    FILE *file = fopen(name, "r");
    if (!file) {
        perror(name);
        exit(2);
    }
    uint64_t *list = NULL;
    char line[1024];
    *ret_count = 0;
    while (fgets(line, sizeof(line), file)) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        if (end == line)
            continue;
        list = zk_realloc(list, (*ret_count + 1) * sizeof(*list));
        list[(*ret_count)++] = seed;
    }
    fclose(file);
    return list;
}

static int usage(void)
{
    fputs("usage: sim -s SEED [-v] [-q] | -n COUNT [-f FIRST] [-j JOBS] [-t SECONDS] | -r FILE  [-b BUG] [-m] [-k]\n",
          stderr);
    return 2;
}

static bool plant(const char *number)
{
#ifdef ZK_PLANTED_BUGS
    zk_planted_bug = (int)strtol(number, NULL, 10);
    return true;
#else
    return false;
#endif
}

int main(int argc, char **argv)
{
    struct batch b = {.first = 1, .jobs = 1};
    bool is_loud = false, is_silent = false, needs_marks = false, is_one = false;
    const char *file = NULL;
    uint64_t seed = 0;
    int c;
    while ((c = getopt(argc, argv, "s:n:f:j:t:r:b:vqmk")) != -1) {
        switch (c) {
        case 's':
            is_one = true;
            seed = strtoull(optarg, NULL, 10);
            break;
        case 'n':
            b.count = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            b.first = strtoull(optarg, NULL, 10);
            break;
        case 'j':
            b.jobs = strtoull(optarg, NULL, 10);
            break;
        case 't':
            b.seconds = strtoull(optarg, NULL, 10);
            break;
        case 'r':
            file = optarg;
            break;
        case 'v':
            is_loud = true;
            break;
        case 'q':
            is_silent = true;
            break;
        case 'm':
            needs_marks = true;
            break;
        case 'k':
            b.goes_on = true;
            break;
        case 'b':
            if (plant(optarg))
                break;
            fputs("sim: built without planted bugs (configure --enable-planted-bugs)\n", stderr);
            return 2;
        default:
            return usage();
        }
    }
    if (is_one)
        return run_one(seed, is_loud, is_silent);
    if (file)
        b.list = read_list(file, &b.count);
    if (b.seconds && !b.count)
        b.count = UINT64_MAX / 2;
    if (b.count == 0 || b.jobs == 0 || b.jobs > JOBS_MAX)
        return file && b.count == 0 ? 0 : usage();
    int status = (int)run_batch(&b, needs_marks);
    free(b.list);
    return status;
}
