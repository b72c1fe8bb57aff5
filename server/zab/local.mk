# server/zab: files of this folder; included by the top Makefile.am.
# The log's groups and packed rows: shared by zab, the replica, the store and the simulator's disk.
noinst_LTLIBRARIES += libgroup.la
libgroup_la_SOURCES = \
	server/zab/group.c server/zab/group.h \
	server/replica/storage.c server/replica/storage.h
libgroup_la_LIBADD = libcommon.la $(XXHASH_LIBS)

# Atomic broadcast. Pure.
noinst_LTLIBRARIES += libzab.la
libzab_la_SOURCES = \
	server/zab/broadcast.c \
	server/zab/check.c \
	server/zab/core.h \
	server/zab/durable.c \
	server/zab/effects.c \
	server/zab/election.c \
	server/zab/follow.c \
	server/zab/founding.c \
	server/zab/handover.c \
	server/zab/membership.c server/zab/membership.h \
	server/zab/msg.c server/zab/msg.h \
	server/zab/quorum.c server/zab/quorum.h \
	server/zab/refound.c \
	server/zab/round.c \
	server/zab/sync.c \
	server/zab/tail.c server/zab/tail.h \
	server/zab/witness.c \
	server/zab/zab.c server/zab/zab.h
EXTRA_DIST += server/zab/README.md
libzab_la_LIBADD = libgroup.la libcommon.la $(XXHASH_LIBS) $(MSGPACK_LIBS)
