/* run.h: how the main of a unit test ends. */
#pragma once

#include <check.h>

/* Runs what the runner holds and frees it. What main returns: 0, all passed. The environment may set CK_VERBOSITY and
 * CK_FORK. */
static inline int run_all(SRunner *runner)
{
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

/* The same for one list of tests. */
static inline int run_tests(const char *name, TCase *tests)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tests);
    return run_all(srunner_create(suite));
}
