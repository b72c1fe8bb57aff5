# man: the pages of this folder.
dist_man_MANS += man/zoo.cfg.5
if WITH_DAEMON
dist_man_MANS += man/zkd.8
else
EXTRA_DIST += man/zkd.8
endif
if WITH_LIBEVENT
dist_man_MANS += man/libzk.3 man/zk-shell.1 man/zk-bench.1
else
EXTRA_DIST += man/libzk.3 man/zk-shell.1 man/zk-bench.1
endif
