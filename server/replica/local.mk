# The pure core's front: what the daemon drives and the simulator runs.
# Who wants to hear of which path: a library of its own, so that its test needs nothing else of the replica.
noinst_LTLIBRARIES += libwatches.la libauth.la libreplica.la
libwatches_la_SOURCES = server/replica/watches.c server/replica/watches.h
libwatches_la_LIBADD = libcommon.la $(XXHASH_LIBS)

# Who is who: zoo.cfg's reader asks it too.
libauth_la_SOURCES = server/replica/auth.c server/replica/auth.h
libauth_la_LIBADD = libcommon.la $(CRYPTO_LIBS)

libreplica_la_SOURCES = \
	server/replica/beat.c \
	server/replica/checkpoint.c \
	server/replica/clients.c \
	server/replica/core.h \
	server/replica/deliver.c \
	server/replica/figures.c \
	server/replica/forward.c \
	server/replica/keeper.c \
	server/replica/lag.c \
	server/replica/locals.c \
	server/replica/outbox.c \
	server/replica/pace.c \
	server/replica/peer_msg.c server/replica/peer_msg.h \
	server/replica/reads.c \
	server/replica/rebuild.c \
	server/replica/reaper.c \
	server/replica/readonly.c \
	server/replica/replica.c server/replica/replica.h \
	server/replica/requests.c \
	server/replica/throttle.c server/replica/throttle.h \
	server/replica/stall.c \
	server/replica/tracker.c
libreplica_la_LIBADD = libwatches.la libauth.la libgroup.la libcommon.la $(MSGPACK_LIBS) $(CRYPTO_LIBS)
