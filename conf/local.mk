# conf: the annotated zoo.cfg, systemd's units, the user and the state directory.
EXTRA_DIST += conf/zoo.cfg conf/zkd.service.in conf/zkd@.service.in conf/zkd.sysusers conf/zkd.tmpfiles conf/make-user.sh
CLEANFILES += conf/zkd.service conf/zkd@.service

if WITH_DAEMON
systemdsystemunit_DATA = conf/zkd.service conf/zkd@.service
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d

conf/zkd.service conf/zkd@.service: Makefile
	$(AM_V_GEN)$(MKDIR_P) conf && \
	  sed -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' $(srcdir)/$@.in >$@
conf/zkd.service: conf/zkd.service.in
conf/zkd@.service: conf/zkd@.service.in

# A zoo.cfg that is there already is its owner's. The user and its directory are made when this is the machine that
# zkd will run on: installed by root, without DESTDIR.
install-data-hook:
	$(MKDIR_P) "$(DESTDIR)$(sysconfdir)/zkd" "$(DESTDIR)$(sysusersdir)" "$(DESTDIR)$(tmpfilesdir)"
	test -e "$(DESTDIR)$(sysconfdir)/zkd/zoo.cfg" || \
	  $(INSTALL_DATA) $(srcdir)/conf/zoo.cfg "$(DESTDIR)$(sysconfdir)/zkd/zoo.cfg"
	$(INSTALL_DATA) $(srcdir)/conf/zkd.sysusers "$(DESTDIR)$(sysusersdir)/zkd.conf"
	$(INSTALL_DATA) $(srcdir)/conf/zkd.tmpfiles "$(DESTDIR)$(tmpfilesdir)/zkd.conf"
if WITH_USER
	if test -z "$(DESTDIR)" && test "$$(id -u)" = 0; then $(SHELL) $(srcdir)/conf/make-user.sh "$(prefix)"; fi
endif

uninstall-hook:
	rm -f "$(DESTDIR)$(sysusersdir)/zkd.conf" "$(DESTDIR)$(tmpfilesdir)/zkd.conf"
	! cmp -s $(srcdir)/conf/zoo.cfg "$(DESTDIR)$(sysconfdir)/zkd/zoo.cfg" || \
	  rm -f "$(DESTDIR)$(sysconfdir)/zkd/zoo.cfg"
endif
