/* datadir.h: what must hold of dataDir and dataLogDir before a store is opened there: that they are ours to write, and
 * that nobody's data is passed over. */
#pragma once
#include "server/settings.h"
#include "server/store/store.h"

/* The store's directory below dataDir. */
#define DATADIR_STORE "zkd"

/* False: one sentence in `why`. Makes a directory that is missing, as Apache does; what is only unwise is a warning in
 * the log. */
ZK_MUST_CHECK bool datadir_prepare(const struct settings *settings, char *why, size_t size);
/* The same without changing anything: what would datadir_prepare say? */
ZK_MUST_CHECK bool datadir_check(const struct settings *settings, char *why, size_t size);
/* How the store is to be opened; borrows the settings. */
struct store_config datadir_store(const struct settings *settings);
/* Apache's `initialize` file in dataDir: a quorum of blank servers may found the ensemble. */
bool datadir_has_initialize(const struct settings *settings);
void datadir_drop_initialize(const struct settings *settings);
