#include "config.h"
#include <getopt.h>
#include <stdio.h>
#include "common/log.h"
#include "server/daemon.h"
#include "server/net/words.h"
#include "server/recover.h"

static const char help[] =
    "Usage: zkd [OPTION...] FILE\n"
    "       zkd recover [--yes] FILE\n"
    "A coordination service that speaks ZooKeeper's client protocol. FILE is a zoo.cfg.\n"
    "\n"
    "  --check            say what FILE would do, and exit\n"
    "  --daemon           go to the background once started, and log to syslog\n"
    "  --pid-file=PATH    write the process id there\n"
    "  --log-level=LEVEL  error, warn, info (default) or debug\n"
    "  --syslog           log to syslog in place of standard error\n"
    "  --yes              recover: don't ask\n"
    "  --version          print the version and exit\n"
    "  --help             print this and exit\n"
    "\n"
    "recover makes the store that is left in dataDir the seed of a new ensemble, when more stores are lost than a\n"
    "quorum bears; it says first what may be lost.\n"
    "\n"
    "Exit status: 0 stopped, 1 could not start, 2 wrong options, 3 had to give up.\n";

enum option_value { OPTION_CHECK = 256, OPTION_DAEMON, OPTION_PID_FILE, OPTION_LOG_LEVEL, OPTION_SYSLOG, OPTION_YES,
                    OPTION_VERSION, OPTION_HELP };

static const struct option long_options[] = {
    {"check", no_argument, NULL, OPTION_CHECK},
    {"daemon", no_argument, NULL, OPTION_DAEMON},
    {"pid-file", required_argument, NULL, OPTION_PID_FILE},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"syslog", no_argument, NULL, OPTION_SYSLOG},
    {"yes", no_argument, NULL, OPTION_YES},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int parse_level(const char *name)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (size_t i = 0; i < ZK_COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (int)i;
    return -1;
}

static int complain(const char *what)
{
    fprintf(stderr, "zkd: %s (zkd --help tells of the options)\n", what);
    return DAEMON_WRONG_OPTIONS;
}

int main(int argc, char **argv)
{
    struct daemon_options options = {.log_level = ZK_LOG_INFO};
    struct recover_options recovery = {0};
    bool only_check = false;
    for (int value; (value = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (value) {
        case OPTION_CHECK:
            only_check = true;
            break;
        case OPTION_DAEMON:
            options.in_background = true;
            break;
        case OPTION_PID_FILE:
            options.pid_file = optarg;
            break;
        case OPTION_LOG_LEVEL:
            options.log_level = parse_level(optarg);
            if (options.log_level < 0)
                return complain("--log-level is error, warn, info or debug");
            break;
        case OPTION_SYSLOG:
            options.to_syslog = true;
            break;
        case OPTION_YES:
            recovery.is_confirmed = true;
            break;
        case OPTION_VERSION:
            printf("zkd %s (%s)\n", PACKAGE_VERSION, words_version());
            return DAEMON_STOPPED;
        case OPTION_HELP:
            fputs(help, stdout);
            return DAEMON_STOPPED;
        default:
            return DAEMON_WRONG_OPTIONS;
        }
    }
    bool is_recovery = optind < argc && strcmp(argv[optind], "recover") == 0;
    if (argc - optind != 1 + is_recovery)
        return complain("one FILE is needed");
    if (recovery.is_confirmed && !is_recovery)
        return complain("--yes is for recover");
    if (is_recovery) {
        recovery.file = argv[optind + 1];
        return recover_run(&recovery);
    }
    options.file = argv[optind];
    return only_check ? daemon_check(options.file) : daemon_run(&options);
}
