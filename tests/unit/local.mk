# tests/unit: files of this folder; included by the top Makefile.am. test_NAME is made of test_NAME.c, unless said
# otherwise, and of as little of the tree as it proves something about.
EXTRA_DIST += tests/unit/client_kit.h tests/unit/replica_kit.h tests/unit/run.h \
	tests/unit/alike.h tests/unit/state_fixture.h tests/unit/state_kit.h

if WITH_CHECK
UNIT_TESTS = \
	tests/unit/test_acl \
	tests/unit/test_admission \
	tests/unit/test_auth \
	tests/unit/test_beat \
	tests/unit/test_client_core \
	tests/unit/test_client_memory \
	tests/unit/test_client_request \
	tests/unit/test_client_watch \
	tests/unit/test_command \
	tests/unit/test_disk \
	tests/unit/test_group \
	tests/unit/test_inbuf \
	tests/unit/test_jute \
	tests/unit/test_limits \
	tests/unit/test_keeper \
	tests/unit/test_link \
	tests/unit/test_locals \
	tests/unit/test_mark \
	tests/unit/test_pace \
	tests/unit/test_page_cost \
	tests/unit/test_path \
	tests/unit/test_peer_msg \
	tests/unit/test_proto \
	tests/unit/test_readonly \
	tests/unit/test_replica \
	tests/unit/test_requests \
	tests/unit/test_settings \
	tests/unit/test_state_check \
	tests/unit/test_state_list \
	tests/unit/test_state_load \
	tests/unit/test_state_local \
	tests/unit/test_state_mortal \
	tests/unit/test_state_multi \
	tests/unit/test_state_quota \
	tests/unit/test_state_random \
	tests/unit/test_state_read \
	tests/unit/test_state_session \
	tests/unit/test_state_subtree \
	tests/unit/test_state_write \
	tests/unit/test_throttle \
	tests/unit/test_tree \
	tests/unit/test_watches \
	tests/unit/test_zab \
	tests/unit/test_zab_elections \
	tests/unit/test_zab_lives \
	tests/unit/test_zab_parts \
	tests/unit/test_zab_stores
if WITH_LIBEVENT
UNIT_TESTS += \
	tests/unit/test_client_face \
	tests/unit/test_client_parts \
	tests/unit/test_daemon_config \
	tests/unit/test_net \
	tests/unit/test_peers
endif
if WITH_ROCKSDB
UNIT_TESTS += tests/unit/test_store
check_PROGRAMS += tests/unit/test_store_fail
LONG_TESTS += tests/unit/test_store_fail
endif
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)

# common
tests_unit_test_jute_LDADD = libcommon.la $(CHECK_LIBS)
tests_unit_test_path_LDADD = libcommon.la $(CHECK_LIBS)
tests_unit_test_proto_LDADD = libcommon.la $(CHECK_LIBS)

# server
tests_unit_test_daemon_config_SOURCES = tests/unit/test_daemon_config.c server/daemon_config.c
tests_unit_test_daemon_config_LDADD = libsettings.la libcommon.la $(CHECK_LIBS)
tests_unit_test_inbuf_LDADD = libinbuf.la $(CHECK_LIBS)
tests_unit_test_link_LDADD = liblink.la $(CHECK_LIBS)
tests_unit_test_net_SOURCES = tests/unit/test_net.c tests/unit/replica_idle.c
tests_unit_test_net_LDADD = libnet.la $(CHECK_LIBS)
tests_unit_test_peers_SOURCES = tests/unit/test_peers.c tests/unit/replica_idle.c
tests_unit_test_peers_LDADD = libnet.la $(CHECK_LIBS)
tests_unit_test_settings_LDADD = libsettings.la $(CHECK_LIBS)

# server/replica
REPLICA_LIBS = libreplica.la libzab.la libstate.la libdisk.la $(CHECK_LIBS)
tests_unit_test_admission_LDADD = $(REPLICA_LIBS)
tests_unit_test_auth_LDADD = $(REPLICA_LIBS)
tests_unit_test_beat_LDADD = $(REPLICA_LIBS)
tests_unit_test_limits_LDADD = $(REPLICA_LIBS)
tests_unit_test_locals_LDADD = $(REPLICA_LIBS)
tests_unit_test_pace_LDADD = $(REPLICA_LIBS)
tests_unit_test_peer_msg_LDADD = $(REPLICA_LIBS)
tests_unit_test_readonly_LDADD = $(REPLICA_LIBS)
tests_unit_test_replica_LDADD = $(REPLICA_LIBS)
tests_unit_test_keeper_LDADD = $(REPLICA_LIBS)
tests_unit_test_requests_LDADD = $(REPLICA_LIBS)
tests_unit_test_throttle_LDADD = $(REPLICA_LIBS)
tests_unit_test_watches_LDADD = libwatches.la $(CHECK_LIBS)

# server/state
STATE_LIBS = libstate.la $(CHECK_LIBS)
tests_unit_test_acl_LDADD = $(STATE_LIBS)
tests_unit_test_command_LDADD = $(STATE_LIBS)
tests_unit_test_page_cost_LDADD = $(STATE_LIBS)
tests_unit_test_state_check_LDADD = $(STATE_LIBS)
tests_unit_test_state_list_LDADD = $(STATE_LIBS)
tests_unit_test_state_load_LDADD = $(STATE_LIBS)
tests_unit_test_state_local_LDADD = $(STATE_LIBS)
tests_unit_test_state_mortal_LDADD = $(STATE_LIBS)
tests_unit_test_state_multi_LDADD = $(STATE_LIBS)
tests_unit_test_state_quota_LDADD = $(STATE_LIBS)
tests_unit_test_state_random_LDADD = $(STATE_LIBS)
tests_unit_test_state_read_LDADD = $(STATE_LIBS)
tests_unit_test_state_session_LDADD = $(STATE_LIBS)
tests_unit_test_state_subtree_LDADD = $(STATE_LIBS)
tests_unit_test_state_write_LDADD = $(STATE_LIBS)
tests_unit_test_tree_LDADD = $(STATE_LIBS)

# server/store, and the simulator's disk, which keeps the same rules
STORE_RIG = tests/unit/store_rig.c tests/unit/store_conformance.h
STORE_CONFORMANCE = tests/unit/store_conformance.c $(STORE_RIG)
tests_unit_test_disk_SOURCES = tests/unit/test_disk.c $(STORE_CONFORMANCE)
tests_unit_test_disk_LDADD = libdisk.la $(CHECK_LIBS)
tests_unit_test_mark_LDADD = libmark.la $(CHECK_LIBS)
STORE_DIR = tests/unit/store_dir.c tests/unit/store_dir.h
tests_unit_test_store_SOURCES = tests/unit/test_store.c $(STORE_CONFORMANCE) $(STORE_DIR)
tests_unit_test_store_LDADD = libstore.la $(CHECK_LIBS)
tests_unit_test_store_fail_SOURCES = tests/unit/test_store_fail.c $(STORE_RIG) $(STORE_DIR) \
	tests/unit/shadow.c tests/unit/shadow.h
tests_unit_test_store_fail_LDADD = libstore.la $(CHECK_LIBS)

# server/zab: the broadcast alone in a little world: scenarios, random lives, and a program for as many seeds as one
# likes
ZAB_WORLD = \
	tests/unit/zab_judge.c tests/unit/zab_server.c tests/unit/zab_wire.c \
	tests/unit/zab_world.c tests/unit/zab_world.h tests/unit/zab_world_impl.h
ZAB_LIFE = tests/unit/zab_life.c tests/unit/zab_life.h $(ZAB_WORLD)
ZAB_FAILOVER = tests/unit/zab_failover.c tests/unit/zab_failover.h $(ZAB_WORLD)
check_PROGRAMS += tests/unit/zab_elections tests/unit/zab_seeds
tests_unit_test_group_LDADD = libgroup.la $(CHECK_LIBS)
tests_unit_test_zab_SOURCES = tests/unit/test_zab.c tests/unit/zab_kit.h $(ZAB_WORLD)
tests_unit_test_zab_LDADD = libzab.la libdisk.la $(CHECK_LIBS)
tests_unit_test_zab_stores_SOURCES = tests/unit/test_zab_stores.c tests/unit/zab_kit.h $(ZAB_WORLD)
tests_unit_test_zab_stores_LDADD = libzab.la libdisk.la $(CHECK_LIBS)
tests_unit_test_zab_elections_SOURCES = tests/unit/test_zab_elections.c $(ZAB_FAILOVER)
tests_unit_test_zab_elections_LDADD = libzab.la libdisk.la $(CHECK_LIBS)
tests_unit_test_zab_lives_SOURCES = tests/unit/test_zab_lives.c $(ZAB_LIFE)
tests_unit_test_zab_lives_LDADD = libzab.la libdisk.la $(CHECK_LIBS)
tests_unit_test_zab_parts_LDADD = libzab.la $(CHECK_LIBS)
tests_unit_zab_elections_SOURCES = tests/unit/zab_elections.c $(ZAB_FAILOVER)
tests_unit_zab_elections_LDADD = libzab.la libdisk.la
tests_unit_zab_seeds_SOURCES = tests/unit/zab_seeds.c $(ZAB_LIFE)
tests_unit_zab_seeds_LDADD = libzab.la libdisk.la

# client
tests_unit_test_client_core_LDADD = libzkc.la libcommon.la $(CHECK_LIBS)
tests_unit_test_client_memory_LDADD = libzkc.la libcommon.la $(CHECK_LIBS)
tests_unit_test_client_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
tests_unit_test_client_request_LDADD = libzkc.la libcommon.la $(CHECK_LIBS)
tests_unit_test_client_watch_LDADD = libzkc.la libcommon.la $(CHECK_LIBS)
tests_unit_test_client_face_LDADD = libzk.la libcommon.la $(EVENT_LIBS) $(CHECK_LIBS)
tests_unit_test_client_parts_SOURCES = tests/unit/test_client_parts.c client/bench/histogram.c
tests_unit_test_client_parts_LDADD = libzk.la $(CHECK_LIBS)
tests_unit_test_client_parts_LDFLAGS = $(AM_LDFLAGS) -static
endif

# Built by hand: make tests/unit/bench_state
EXTRA_PROGRAMS += tests/unit/bench_state
tests_unit_bench_state_LDADD = libstate.la
