# tests/unit: files of this folder; included by the top Makefile.am.
if WITH_CHECK
check_PROGRAMS += tests/unit/test_group
TESTS += tests/unit/test_group
tests_unit_test_group_SOURCES = tests/unit/test_group.c
tests_unit_test_group_LDADD = libgroup.la $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_watches
TESTS += tests/unit/test_watches
tests_unit_test_watches_SOURCES = tests/unit/test_watches.c
tests_unit_test_watches_LDADD = libwatches.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_settings
TESTS += tests/unit/test_settings
tests_unit_test_settings_SOURCES = tests/unit/test_settings.c
tests_unit_test_settings_LDADD = libsettings.la $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_client_core
TESTS += tests/unit/test_client_core
tests_unit_test_client_core_SOURCES = tests/unit/test_client_core.c
tests_unit_test_client_core_LDADD = libzkc.la libcommon.la $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_client_memory
TESTS += tests/unit/test_client_memory
tests_unit_test_client_memory_SOURCES = tests/unit/test_client_memory.c
tests_unit_test_client_memory_LDADD = libzkc.la libcommon.la $(CHECK_LIBS)
tests_unit_test_client_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
if WITH_LIBEVENT
check_PROGRAMS += tests/unit/test_client_parts tests/unit/test_client_face
TESTS += tests/unit/test_client_parts tests/unit/test_client_face
tests_unit_test_client_parts_SOURCES = tests/unit/test_client_parts.c client/bench/histogram.c
tests_unit_test_client_parts_LDADD = libzk.la $(CHECK_LIBS)
tests_unit_test_client_parts_LDFLAGS = $(AM_LDFLAGS) -static
tests_unit_test_client_face_SOURCES = tests/unit/test_client_face.c
tests_unit_test_client_face_LDADD = libzk.la libcommon.la $(EVENT_LIBS) $(CHECK_LIBS)
endif

check_PROGRAMS += tests/unit/test_mark
TESTS += tests/unit/test_mark
tests_unit_test_mark_SOURCES = tests/unit/test_mark.c
tests_unit_test_mark_LDADD = libmark.la $(CHECK_LIBS)

STORE_RIG = tests/unit/store_rig.c tests/unit/store_conformance.h
STORE_CONFORMANCE = \
	tests/unit/store_conformance.c $(STORE_RIG)

check_PROGRAMS += tests/unit/test_disk
TESTS += tests/unit/test_disk
tests_unit_test_disk_SOURCES = tests/unit/test_disk.c $(STORE_CONFORMANCE)
tests_unit_test_disk_LDADD = libdisk.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_acl
TESTS += tests/unit/test_acl
tests_unit_test_acl_SOURCES = tests/unit/test_acl.c tests/unit/state_kit.h
tests_unit_test_acl_LDADD = libstate.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_state_write
TESTS += tests/unit/test_state_write
tests_unit_test_state_write_SOURCES = tests/unit/test_state_write.c tests/unit/state_kit.h
tests_unit_test_state_write_LDADD = libstate.la $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_link
TESTS += tests/unit/test_link
tests_unit_test_link_SOURCES = tests/unit/test_link.c
tests_unit_test_link_LDADD = liblink.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_inbuf
TESTS += tests/unit/test_inbuf
tests_unit_test_inbuf_SOURCES = tests/unit/test_inbuf.c
tests_unit_test_inbuf_LDADD = libinbuf.la $(CHECK_LIBS)

if WITH_LIBEVENT
check_PROGRAMS += tests/unit/test_net
TESTS += tests/unit/test_net
tests_unit_test_net_SOURCES = tests/unit/test_net.c
tests_unit_test_net_LDADD = libnet.la $(CHECK_LIBS)
check_PROGRAMS += tests/unit/test_peers
TESTS += tests/unit/test_peers
tests_unit_test_peers_SOURCES = tests/unit/test_peers.c
tests_unit_test_peers_LDADD = libnet.la $(CHECK_LIBS)
if WITH_ROCKSDB
check_PROGRAMS += tests/unit/test_store
TESTS += tests/unit/test_store
tests_unit_test_store_SOURCES = tests/unit/test_store.c $(STORE_CONFORMANCE)
tests_unit_test_store_LDADD = libstore.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_store_fail
LONG_TESTS += tests/unit/test_store_fail
tests_unit_test_store_fail_SOURCES = tests/unit/test_store_fail.c $(STORE_RIG) \
	tests/unit/shadow.c tests/unit/shadow.h
tests_unit_test_store_fail_LDADD = libstore.la $(CHECK_LIBS)
endif

check_PROGRAMS += tests/unit/test_auth tests/unit/test_throttle tests/unit/test_beat tests/unit/test_peer_msg tests/unit/test_replica tests/unit/test_requests tests/unit/test_pace
TESTS += tests/unit/test_auth tests/unit/test_throttle tests/unit/test_beat tests/unit/test_peer_msg tests/unit/test_replica tests/unit/test_requests tests/unit/test_pace
tests_unit_test_beat_SOURCES = tests/unit/test_beat.c
tests_unit_test_beat_LDADD = libreplica.la libzab.la libstate.la libdisk.la $(CHECK_LIBS)
tests_unit_test_peer_msg_SOURCES = tests/unit/test_peer_msg.c
tests_unit_test_peer_msg_LDADD = libreplica.la libzab.la libstate.la $(CHECK_LIBS)
tests_unit_test_replica_SOURCES = tests/unit/test_replica.c tests/unit/replica_kit.h
tests_unit_test_replica_LDADD = libreplica.la libzab.la libstate.la libdisk.la $(CHECK_LIBS)
tests_unit_test_auth_SOURCES = tests/unit/test_auth.c tests/unit/replica_kit.h
tests_unit_test_auth_LDADD = libreplica.la libzab.la libstate.la libdisk.la $(CHECK_LIBS)
tests_unit_test_throttle_SOURCES = tests/unit/test_throttle.c
tests_unit_test_throttle_LDADD = libreplica.la libzab.la libstate.la $(CHECK_LIBS)
tests_unit_test_requests_SOURCES = tests/unit/test_requests.c tests/unit/replica_kit.h
tests_unit_test_requests_LDADD = libreplica.la libzab.la libstate.la libdisk.la $(CHECK_LIBS)
tests_unit_test_pace_SOURCES = tests/unit/test_pace.c tests/unit/replica_kit.h
tests_unit_test_pace_LDADD = libreplica.la libzab.la libstate.la libdisk.la $(CHECK_LIBS)
endif

check_PROGRAMS += tests/unit/test_state_multi
TESTS += tests/unit/test_state_multi
tests_unit_test_state_multi_SOURCES = tests/unit/test_state_multi.c tests/unit/state_kit.h
tests_unit_test_state_multi_LDADD = libstate.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_state_session
TESTS += tests/unit/test_state_session
tests_unit_test_state_session_SOURCES = tests/unit/test_state_session.c tests/unit/state_kit.h
tests_unit_test_state_session_LDADD = libstate.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_state_random
TESTS += tests/unit/test_state_random
tests_unit_test_state_random_SOURCES = tests/unit/test_state_random.c tests/unit/state_kit.h
tests_unit_test_state_random_LDADD = libstate.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_command
TESTS += tests/unit/test_command
tests_unit_test_command_SOURCES = tests/unit/test_command.c tests/unit/state_kit.h
tests_unit_test_command_LDADD = libstate.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_state_load
TESTS += tests/unit/test_state_load
tests_unit_test_state_load_SOURCES = tests/unit/test_state_load.c tests/unit/state_kit.h
tests_unit_test_state_load_LDADD = libstate.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_state_quota
TESTS += tests/unit/test_state_quota
tests_unit_test_state_quota_SOURCES = tests/unit/test_state_quota.c tests/unit/state_kit.h
tests_unit_test_state_quota_LDADD = libstate.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_state_mortal
TESTS += tests/unit/test_state_mortal
tests_unit_test_state_mortal_SOURCES = tests/unit/test_state_mortal.c tests/unit/state_kit.h
tests_unit_test_state_mortal_LDADD = libstate.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_tree
TESTS += tests/unit/test_tree
tests_unit_test_tree_SOURCES = tests/unit/test_tree.c tests/unit/state_kit.h
tests_unit_test_tree_LDADD = libstate.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_jute
TESTS += tests/unit/test_jute
tests_unit_test_jute_SOURCES = tests/unit/test_jute.c
tests_unit_test_jute_LDADD = libcommon.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_path
TESTS += tests/unit/test_path
tests_unit_test_path_SOURCES = tests/unit/test_path.c
tests_unit_test_path_LDADD = libcommon.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_proto
TESTS += tests/unit/test_proto
tests_unit_test_proto_SOURCES = tests/unit/test_proto.c
tests_unit_test_proto_LDADD = libcommon.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_state_check
TESTS += tests/unit/test_state_check
tests_unit_test_state_check_SOURCES = tests/unit/test_state_check.c tests/unit/state_kit.h
tests_unit_test_state_check_LDADD = libstate.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_state_read
TESTS += tests/unit/test_state_read
tests_unit_test_state_read_SOURCES = tests/unit/test_state_read.c tests/unit/state_kit.h
tests_unit_test_state_read_LDADD = libstate.la $(CHECK_LIBS)
endif

# Built by hand: make tests/unit/bench_state
EXTRA_PROGRAMS += tests/unit/bench_state
tests_unit_bench_state_SOURCES = tests/unit/bench_state.c
tests_unit_bench_state_LDADD = libstate.la

# The broadcast alone in a little world: scenarios, random lives, and a program for as many seeds as one likes.
if WITH_CHECK
ZAB_WORLD = tests/unit/zab_world.c tests/unit/zab_world.h
check_PROGRAMS += tests/unit/zab_seeds
tests_unit_zab_seeds_SOURCES = tests/unit/zab_seeds.c $(ZAB_WORLD)
tests_unit_zab_seeds_LDADD = libzab.la libdisk.la

check_PROGRAMS += tests/unit/test_zab_parts
TESTS += tests/unit/test_zab_parts
tests_unit_test_zab_parts_SOURCES = tests/unit/test_zab_parts.c
tests_unit_test_zab_parts_LDADD = libzab.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_zab
TESTS += tests/unit/test_zab
tests_unit_test_zab_SOURCES = tests/unit/test_zab.c $(ZAB_WORLD)
tests_unit_test_zab_LDADD = libzab.la libdisk.la $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_zab_lives
TESTS += tests/unit/test_zab_lives
tests_unit_test_zab_lives_SOURCES = tests/unit/test_zab_lives.c $(ZAB_WORLD)
tests_unit_test_zab_lives_LDADD = libzab.la libdisk.la $(CHECK_LIBS)
endif
