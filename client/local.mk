# The client: a pure core that the simulator runs too, its faces on libevent, recipes, and two programs on top.
noinst_LTLIBRARIES += libzkc.la
libzkc_la_SOURCES = \
	client/core.c client/core.h client/core_private.h \
	client/request.c \
	client/watch.c client/watch.h \
	client/wire.c

# libzk: only what zk.h names leaves it, whatever else is inside.
if WITH_LIBEVENT
lib_LTLIBRARIES += libzk.la
include_HEADERS += client/zk.h
libzk_la_SOURCES = \
	client/acl.c \
	client/calls.c \
	client/face.h \
	client/hostlist.c client/hostlist.h \
	client/link.c client/link.h \
	client/multi.c client/multi.h \
	client/recipes/election.c \
	client/recipes/group.c \
	client/recipes/lock.c \
	client/recipes/machine.c client/recipes/machine.h \
	client/recipes/parents.c client/recipes/parents.h \
	client/recipes/place.c client/recipes/place.h \
	client/result.c \
	client/words.c \
	client/zk.c client/zk.h
libzk_la_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
libzk_la_LIBADD = libzkc.la libcommon.la $(EVENT_LIBS) $(CRYPTO_LIBS)
libzk_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(top_srcdir)/client/libzk.map -Wl,-z,relro,-z,now
EXTRA_libzk_la_DEPENDENCIES = client/libzk.map

bin_PROGRAMS += zk-shell
zk_shell_SOURCES = \
	client/shell/follow.c \
	client/shell/main.c \
	client/shell/large.c \
	client/shell/nodes.c \
	client/shell/print.c \
	client/shell/quota.c \
	client/shell/shell.h \
	client/shell/talk.c
zk_shell_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
zk_shell_LDADD = libzk.la $(EDIT_LIBS)
zk_shell_LDFLAGS = $(AM_LDFLAGS) $(HARDEN_LD)

bin_PROGRAMS += zk-bench
zk_bench_SOURCES = \
	client/bench/bench.h \
	client/bench/failover.c \
	client/bench/histogram.c client/bench/histogram.h \
	client/bench/load.c \
	client/bench/main.c
zk_bench_LDADD = libzk.la $(EVENT_LIBS)
zk_bench_LDFLAGS = $(AM_LDFLAGS) $(HARDEN_LD)

pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = client/libzk.pc
CLEANFILES += client/libzk.pc
client/libzk.pc: client/libzk.pc.in Makefile
	$(AM_V_GEN)mkdir -p client && sed -e 's|@prefix[@]|$(prefix)|' -e 's|@exec_prefix[@]|$(exec_prefix)|' \
	  -e 's|@libdir[@]|$(libdir)|' -e 's|@includedir[@]|$(includedir)|' -e 's|@VERSION[@]|$(VERSION)|' \
	  -e 's|@EVENT_LIBS[@]|$(EVENT_LIBS)|' -e 's|@CRYPTO_LIBS[@]|$(CRYPTO_LIBS)|' \
	  $(top_srcdir)/client/libzk.pc.in > $@.tmp && mv $@.tmp $@
endif
EXTRA_DIST += client/libzk.map client/libzk.pc.in
EXTRA_DIST += client/README.md
