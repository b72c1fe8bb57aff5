# tests/fuzz: files of this folder; included by the top Makefile.am.
