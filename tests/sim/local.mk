# tests/sim: files of this folder; included by the top Makefile.am.
