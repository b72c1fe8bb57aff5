# server/state: files of this folder; included by the top Makefile.am.
# The pure core: the replicated tree, sessions and their memory. No I/O, no clock, no threads, no globals.
noinst_LTLIBRARIES += libstate.la
libstate_la_SOURCES = \
	server/state/acl.c server/state/acl.h \
	server/state/address.c server/state/address.h \
	server/state/apply.c \
	server/state/asker.c server/state/asker.h \
	server/state/change.c server/state/change.h \
	server/state/check.c \
	server/state/checkpoint.c \
	server/state/children.c server/state/children.h \
	server/state/command.c server/state/command.h \
	server/state/compare.c \
	server/state/digest.c \
	server/state/dirty.c server/state/dirty.h \
	server/state/effects.c server/state/effects.h \
	server/state/index.c server/state/index.h \
	server/state/inside.h \
	server/state/list.c \
	server/state/load.c \
	server/state/mortal.c server/state/mortal.h \
	server/state/multi.c \
	server/state/order.c server/state/order.h \
	server/state/quota.c server/state/quota.h \
	server/state/read.c \
	server/state/rows.c server/state/rows.h \
	server/state/session.c server/state/session.h \
	server/state/state.c server/state/state.h \
	server/state/subtree.c \
	server/state/tree.c server/state/tree.h \
	server/state/write.c server/state/write.h
libstate_la_LIBADD = libcommon.la $(XXHASH_LIBS)
EXTRA_DIST += server/state/README.md
