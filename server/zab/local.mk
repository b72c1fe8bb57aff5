# server/zab: files of this folder; included by the top Makefile.am.
# The log's groups and packed rows: shared by zab, the replica, the store and the simulator's disk.
noinst_LTLIBRARIES += libgroup.la
libgroup_la_SOURCES = \
	server/zab/group.c server/zab/group.h \
	server/replica/storage.c server/replica/storage.h
libgroup_la_LIBADD = libcommon.la $(XXHASH_LIBS)
