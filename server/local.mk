# server: zoo.cfg, and the daemon itself.
noinst_LTLIBRARIES += libsettings.la
libsettings_la_SOURCES = \
	server/settings.c server/settings.def server/settings.h \
	server/settings_describe.c \
	server/settings_load.c
libsettings_la_LIBADD = libcommon.la
