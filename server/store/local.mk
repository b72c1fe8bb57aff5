# server/store: files of this folder; included by the top Makefile.am.
# What is pure, and shared with the simulator's disk.
noinst_LTLIBRARIES += libmark.la
libmark_la_SOURCES = server/store/mark.c server/store/mark.h
libmark_la_LIBADD = libcommon.la $(XXHASH_LIBS)

if WITH_ROCKSDB
noinst_LTLIBRARIES += libstore.la
libstore_la_SOURCES = \
	server/store/files.c server/store/files.h \
	server/store/impl.h \
	server/store/open.c \
	server/store/reader.c \
	server/store/rocks.c server/store/rocks.h \
	server/store/rows.c \
	server/store/store.c server/store/store.h \
	server/store/writer.c
libstore_la_LIBADD = libmark.la libgroup.la $(ROCKSDB_LIBS)

noinst_PROGRAMS += store-bench
store_bench_SOURCES = server/store/bench.c
store_bench_LDADD = libstore.la
endif
EXTRA_DIST += server/store/README.md
