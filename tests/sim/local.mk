# tests/sim: files of this folder; included by the top Makefile.am.
noinst_LTLIBRARIES += libdisk.la
libdisk_la_SOURCES = \
	tests/sim/disk.c tests/sim/disk.h tests/sim/disk_impl.h \
	tests/sim/disk_run.c \
	tests/sim/disk_data.c tests/sim/disk_data.h
libdisk_la_LIBADD = libmark.la libgroup.la

# The simulator: the replica, zab, the state and the client's core, whole, on a network, disks and clocks of seeds.
noinst_LTLIBRARIES += libsim.la
libsim_la_SOURCES = \
	tests/sim/apache.c tests/sim/apache.h \
	tests/sim/check.h \
	tests/sim/check_end.c \
	tests/sim/check_session.c \
	tests/sim/check_zab.c \
	tests/sim/doors.c \
	tests/sim/host.c tests/sim/host.h \
	tests/sim/ledger.c tests/sim/ledger.h \
	tests/sim/life.c tests/sim/life.h \
	tests/sim/locals.c tests/sim/locals.h \
	tests/sim/model.c tests/sim/model.h tests/sim/model_impl.h \
	tests/sim/model_op.c tests/sim/model_quota.c tests/sim/model_session.c \
	tests/sim/nemesis.c tests/sim/nemesis.h \
	tests/sim/operator.c tests/sim/operator.h \
	tests/sim/net.c tests/sim/net.h \
	tests/sim/peers.c \
	tests/sim/person.c tests/sim/person.h \
	tests/sim/queue.c tests/sim/queue.h \
	tests/sim/seed.c tests/sim/seed.h \
	tests/sim/swarm.c tests/sim/swarm.h \
	tests/sim/tally.c tests/sim/tally.def tests/sim/tally.h \
	tests/sim/tap.c tests/sim/tap.h \
	tests/sim/wire.c tests/sim/wire.h tests/sim/wire_impl.h \
	tests/sim/wire_read.c tests/sim/wire_watch.c \
	tests/sim/work.c tests/sim/work.h \
	tests/sim/world.c tests/sim/world.h
libsim_la_LIBADD = libreplica.la libzab.la libstate.la libzkc.la liblink.la libdisk.la libcommon.la

noinst_PROGRAMS += tests/sim/sim
tests_sim_sim_SOURCES = tests/sim/main.c
tests_sim_sim_LDADD = libsim.la

EXTRA_DIST += tests/sim/README.md tests/sim/seeds.txt tests/sim/planted.txt
dist_check_SCRIPTS += tests/sim/check_fresh tests/sim/check_planted tests/sim/check_seeds
TESTS += tests/sim/check_seeds
LONG_TESTS += tests/sim/check_fresh

check-planted: tests/sim/sim
	$(AM_TESTS_ENVIRONMENT) $(SHELL) $(srcdir)/tests/sim/check_planted
