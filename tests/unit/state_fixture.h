/* state_fixture.h: for tests of server/state that each want a state of their own, and a session there. */
#pragma once
#include "tests/unit/state_kit.h"

static struct kit k;
static uint64_t a;

static void setup(void)
{
    k = kit_new();
    a = kit_open(&k);
}

static void teardown(void)
{
    kit_free(&k);
}
