# The client: a pure core that the simulator runs too, its faces on libevent, recipes, and two programs on top.
noinst_LTLIBRARIES += libzkc.la
libzkc_la_SOURCES = \
	client/core.c client/core.h client/core_private.h \
	client/request.c \
	client/watch.c client/watch.h \
	client/wire.c
