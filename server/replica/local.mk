# server/replica: files of this folder; included by the top Makefile.am.
# Who wants to hear of which path: a library of its own, so that its test needs nothing else of the replica.
noinst_LTLIBRARIES += libwatches.la
libwatches_la_SOURCES = server/replica/watches.c server/replica/watches.h
libwatches_la_LIBADD = libcommon.la $(XXHASH_LIBS)
