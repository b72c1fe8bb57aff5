# What both sides need. Pure: no I/O but log.c, no threads, no globals but the log's sink.
noinst_LTLIBRARIES += libcommon.la
libcommon_la_SOURCES = \
	common/base.c common/base.h \
	common/buf.c common/buf.h \
	common/err.c common/err.def common/err.h \
	common/jute.c common/jute.h \
	common/log.c common/log.h \
	common/path.c common/path.h \
	common/proto.c common/proto.def common/proto.h \
	common/rng.c common/rng.h \
	common/unpack.c common/unpack.h \
	common/zxid.h
