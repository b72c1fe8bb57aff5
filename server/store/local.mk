# server/store: files of this folder; included by the top Makefile.am.
# What is pure, and shared with the simulator's disk.
noinst_LTLIBRARIES += libmark.la
libmark_la_SOURCES = server/store/mark.c server/store/mark.h
libmark_la_LIBADD = libcommon.la $(XXHASH_LIBS)
