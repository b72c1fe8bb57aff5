# server/net: files of this folder; included by the top Makefile.am.
# A peer connection's handshake and framing: pure, so built and tested without libevent.
noinst_LTLIBRARIES += liblink.la
liblink_la_SOURCES = server/net/link.c server/net/link.h
liblink_la_LIBADD = libcommon.la $(XXHASH_LIBS) $(CRYPTO_LIBS)
EXTRA_DIST += server/net/README.md
noinst_LTLIBRARIES += libinbuf.la
libinbuf_la_SOURCES = server/net/inbuf.c server/net/inbuf.h
libinbuf_la_LIBADD = libcommon.la

if WITH_LIBEVENT
noinst_LTLIBRARIES += libnet.la
libnet_la_SOURCES = \
	server/net/conns.c server/net/conns.h \
	server/net/loop.c server/net/loop.h \
	server/net/peers.c server/net/peers.h \
	server/net/resolve.c server/net/resolve.h \
	server/net/socket.c server/net/socket.h \
	server/net/words.c server/net/words.def server/net/words.h \
	server/net/words_look.c server/net/words_look.h
libnet_la_LIBADD = libinbuf.la liblink.la libsettings.la libcommon.la $(EVENT_LIBS)
endif
