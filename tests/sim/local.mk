# tests/sim: files of this folder; included by the top Makefile.am.
noinst_LTLIBRARIES += libdisk.la
libdisk_la_SOURCES = \
	tests/sim/disk.c tests/sim/disk.h tests/sim/disk_impl.h \
	tests/sim/disk_run.c \
	tests/sim/disk_data.c tests/sim/disk_data.h
libdisk_la_LIBADD = libmark.la libgroup.la
