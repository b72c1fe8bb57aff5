# server: zoo.cfg, and the daemon itself.
noinst_LTLIBRARIES += libsettings.la
libsettings_la_SOURCES = \
	server/settings.c server/settings.def server/settings.h \
	server/settings_describe.c \
	server/settings_load.c
libsettings_la_LIBADD = libauth.la libcommon.la

if WITH_DAEMON
sbin_PROGRAMS += zkd
zkd_SOURCES = \
	server/daemon.c server/daemon.h \
	server/daemon_config.c server/daemon_config.h \
	server/datadir.c server/datadir.h \
	server/detach.c server/detach.h \
	server/main.c \
	server/notify.c server/notify.h \
	server/recover.c server/recover.h
zkd_LDADD = libnet.la libreplica.la libzab.la libstate.la libstore.la libsettings.la libgroup.la libcommon.la \
	$(EVENT_LIBS) $(SYSTEMD_LIBS) $(ROCKSDB_LIBS) $(MSGPACK_LIBS) $(CRYPTO_LIBS) $(XXHASH_LIBS)
zkd_LDFLAGS = $(AM_LDFLAGS) $(HARDEN_LD)
endif
