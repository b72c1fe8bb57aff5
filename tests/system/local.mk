# tests/system: real processes, real disks, foreign clients.
EXTRA_DIST += tests/system/ensemble.py tests/system/foreign.py tests/system/frames.py \
	tests/system/c_client/answers.c \
	tests/system/c_client/answers.h \
	tests/system/c_client/calls.c \
	tests/system/c_client/main.c \
	tests/system/c_client/sessions.c \
	tests/system/c_client/stage.c \
	tests/system/c_client/stage.h \
	tests/system/c_client/watches.c \
	tests/system/c_client_single/main.c \
	tests/system/node_client/parts.js \
	tests/system/curator/Caches.java \
	tests/system/curator/Counters.java \
	tests/system/curator/Framework.java \
	tests/system/curator/Journal.java \
	tests/system/curator/Leaders.java \
	tests/system/curator/Locks.java \
	tests/system/curator/Nodes.java \
	tests/system/curator/Queues.java \
	tests/system/curator/Recipes.java \
	tests/system/curator/Sessions.java \
	tests/system/curator/Stage.java \
	tests/system/differ/acls.py \
	tests/system/differ/configured.py \
	tests/system/differ/extended.py \
	tests/system/differ/coverage.py \
	tests/system/differ/known.py \
	tests/system/differ/limits.py \
	tests/system/differ/malformed.py \
	tests/system/differ/multis.py \
	tests/system/differ/nodes.py \
	tests/system/differ/quotas.py \
	tests/system/differ/sessions.py \
	tests/system/differ/table.py \
	tests/system/differ/watches.py
dist_check_SCRIPTS += \
	tests/system/client_cuts \
	tests/system/client_exports.sh \
	tests/system/client_recipes \
	tests/system/client_shell \
	tests/system/client_takeover \
	tests/system/cluster \
	tests/system/compare \
	tests/system/damage \
	tests/system/demo \
	tests/system/differential \
	tests/system/differential_kazoo \
	tests/system/differential_words \
	tests/system/faults \
	tests/system/foreign_c_client \
	tests/system/foreign_clickhouse \
	tests/system/foreign_curator \
	tests/system/foreign_kazoo \
	tests/system/foreign_monitors \
	tests/system/foreign_node \
	tests/system/foreign_patroni \
	tests/system/foreign_zkcli \
	tests/system/herd \
	tests/system/install \
	tests/system/kazoo_tests \
	tests/system/kill_loop \
	tests/system/large_directory \
	tests/system/limits \
	tests/system/modes \
	tests/system/modes_on_apache \
	tests/system/net_garbage \
	tests/system/net_partition \
	tests/system/net_peers \
	tests/system/notify \
	tests/system/readme_example \
	tests/system/recover \
	tests/system/refusals \
	tests/system/shell_on_apache \
	tests/system/sizes \
	tests/system/units
if WITH_LIBEVENT
TESTS += tests/system/client_exports.sh
endif
if WITH_DAEMON
TESTS += \
	tests/system/client_cuts \
	tests/system/client_recipes \
	tests/system/client_shell \
	tests/system/client_takeover \
	tests/system/foreign_kazoo \
	tests/system/install \
	tests/system/limits \
	tests/system/modes \
	tests/system/net_garbage \
	tests/system/net_peers \
	tests/system/notify \
	tests/system/readme_example \
	tests/system/recover \
	tests/system/refusals \
	tests/system/sizes \
	tests/system/units
LONG_TESTS += \
	tests/system/differential \
	tests/system/differential_kazoo \
	tests/system/differential_words \
	tests/system/damage \
	tests/system/faults \
	tests/system/foreign_c_client \
	tests/system/foreign_clickhouse \
	tests/system/foreign_curator \
	tests/system/foreign_monitors \
	tests/system/foreign_node \
	tests/system/foreign_patroni \
	tests/system/foreign_zkcli \
	tests/system/herd \
	tests/system/kazoo_tests \
	tests/system/kill_loop \
	tests/system/large_directory \
	tests/system/modes_on_apache \
	tests/system/net_partition \
	tests/system/shell_on_apache
check_PROGRAMS += tests/system/client_recipes_run tests/system/client_worker tests/system/writer
tests_system_client_recipes_run_SOURCES = tests/system/client_recipes_run.c
tests_system_client_recipes_run_LDADD = libzk.la $(EVENT_LIBS)
tests_system_client_worker_SOURCES = tests/system/client_worker.c
tests_system_client_worker_LDADD = libzk.la
tests_system_writer_SOURCES = tests/system/writer.c
tests_system_writer_LDADD = libzk.la
endif

# Targets of their own, which a newcomer starts with.
demo cluster: all
	@top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' PYTHONDONTWRITEBYTECODE=1 \
	  $(srcdir)/tests/system/$@
