#include "client/shell/shell.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Bytes of the well-formed UTF-8 character at `at`, 0 if there is none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    size_t len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || left < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* U+0080 to U+009F are control characters too: some terminals obey them. */
static bool is_c1_control(const unsigned char *at)
{
    return at[0] == 0xc2 && at[1] < 0xa0;
}

void shell_print_bytes(FILE *out, const void *bytes, size_t len, bool lines)
{
    const unsigned char *at = bytes;
    const unsigned char *end = at + len;
    while (at < end) {
        size_t width = at[0] >= 0x80 ? utf8_length(at, (size_t)(end - at)) : 0;
        if ((at[0] >= 0x20 && at[0] < 0x7f) || (lines && (at[0] == '\n' || at[0] == '\t'))) {
            putc(*at++, out);
        } else if (width > 0 && !is_c1_control(at)) {
            fwrite(at, 1, width, out);
            at += width;
        } else {
            fprintf(out, "\\x%02x", *at++);
        }
    }
}

void shell_print_text(FILE *out, const char *text)
{
    shell_print_bytes(out, text, strlen(text), false);
}

static void print_time(FILE *out, const char *label, int64_t time_ms)
{
    char text[64] = "?";
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm tm;
    if (localtime_r(&seconds, &tm) != NULL)
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    fprintf(out, "%s = %s.%03d\n", label, text, (int)(time_ms % 1000));
}

void shell_print_stat(FILE *out, const struct zk_node_stat *stat)
{
    fprintf(out, "cZxid = 0x%" PRIx64 "\n", (uint64_t)stat->czxid);
    print_time(out, "ctime", stat->ctime_ms);
    fprintf(out, "mZxid = 0x%" PRIx64 "\n", (uint64_t)stat->mzxid);
    print_time(out, "mtime", stat->mtime_ms);
    fprintf(out, "pZxid = 0x%" PRIx64 "\n", (uint64_t)stat->pzxid);
    fprintf(out, "cversion = %d\n", stat->cversion);
    fprintf(out, "dataVersion = %d\n", stat->version);
    fprintf(out, "aclVersion = %d\n", stat->aversion);
    fprintf(out, "ephemeralOwner = 0x%" PRIx64 "\n", (uint64_t)stat->ephemeral_owner);
    fprintf(out, "dataLength = %d\n", stat->data_length);
    fprintf(out, "numChildren = %d\n", stat->num_children);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void shell_sort_names(const char **names, size_t count)
{
    if (count > 1)
        qsort(names, count, sizeof *names, compare_names);
}
