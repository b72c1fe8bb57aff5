#include "common/log.h"
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static enum zk_log_sink log_sink = ZK_LOG_STDERR;
static enum zk_log_level log_level = ZK_LOG_INFO;

static const char *const level_names[] = {"ERROR", "WARN", "INFO", "DEBUG"};
static const int level_priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

void zk_log_open(enum zk_log_sink sink, enum zk_log_level level, const char *name)
{
    log_sink = sink;
    log_level = level;
    if (sink == ZK_LOG_SYSLOG)
        openlog(name, LOG_PID, LOG_DAEMON);
}

bool zk_log_enabled(enum zk_log_level level)
{
    return level <= log_level;
}

static size_t put_prefix(char *line, size_t size, enum zk_log_level level)
{
    if (log_sink == ZK_LOG_JOURNAL)
        return (size_t)snprintf(line, size, "<%d>", level_priorities[level]);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm local;
    localtime_r(&now.tv_sec, &local);
    size_t len = strftime(line, size, "%Y-%m-%d %H:%M:%S", &local);
    return len + (size_t)snprintf(line + len, size - len, ".%03ld %-5s ", now.tv_nsec / 1000000, level_names[level]);
}

void zk_log(enum zk_log_level level, const char *format, ...)
{
    if (!zk_log_enabled(level))
        return;
    va_list args;
    va_start(args, format);
    if (log_sink == ZK_LOG_SYSLOG) {
        vsyslog(level_priorities[level], format, args);
        va_end(args);
        return;
    }
    char line[2048];
    size_t len = put_prefix(line, sizeof line, level);
    int more = vsnprintf(line + len, sizeof line - len - 1, format, args);
    va_end(args);
    if (more > 0)
        len += (size_t)more < sizeof line - len - 1 ? (size_t)more : sizeof line - len - 2;
    line[len++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len); /* one write, so that lines of threads do not mix */
    (void)written;                                     /* there is nobody left to tell */
}

const char *zk_log_quote(struct zk_slice bytes, char *text, size_t size)
{
    size_t len = 0;
    ZK_ASSERT(size >= 8);
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = bytes.ptr[i];
        if (len + 8 > size) {
            memcpy(text + len, "...", 3);
            len += 3;
            break;
        }
        if (byte >= 0x20 && byte < 0x7f && byte != '\\')
            text[len++] = (char)byte;
        else
            len += (size_t)snprintf(text + len, size - len, "\\x%02x", byte);
    }
    text[len] = '\0';
    return text;
}
