#include "config.h"
#include "server/detach.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The server's end of the pipe on which the command waits; -1: there is none. */
static int started_fd = -1;

ZK_NORETURN static void wait_for_start(int fd, pid_t child)
{
    char started = 0;
    int status = 0;
    ssize_t count;
    do
        count = read(fd, &started, 1);
    while (count < 0 && errno == EINTR);
    if (count == 1)
        _exit(EXIT_SUCCESS);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

bool detach_begin(char *why, size_t size)
{
    int ends[2];
    pid_t child = -1;
    if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
        snprintf(why, size, "cannot go to the background: %s", strerror(errno));
        return false;
    }
    if (child > 0) {
        close(ends[1]);
        wait_for_start(ends[0], child);
    }
    close(ends[0]);
    started_fd = ends[1];
    setsid();
    return true;
}

void detach_finish(void)
{
    if (started_fd < 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    if (null > STDERR_FILENO)
        close(null);
    ssize_t written = write(started_fd, "1", 1);
    (void)written; /* the command has been killed: nobody waits */
    close(started_fd);
    started_fd = -1;
}

bool detach_write_pid(const char *path, char *why, size_t size)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    bool is_written = fd >= 0 && fchmod(fd, 0644) == 0 && write(fd, text, (size_t)len) == len; /* umask is 077 */
    if (!is_written)
        snprintf(why, size, "cannot write the pid file %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return is_written;
}
