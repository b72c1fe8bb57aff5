#!/bin/sh
# make install on the machine itself, as root: the user zkd, its state directory, and systemd told of the units.
# Uses systemd's tools where they are, useradd where they are not. Does nothing twice.
set -eu
prefix=$1

if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers "$prefix/lib/sysusers.d/zkd.conf"
elif ! id zkd >/dev/null 2>&1; then
    useradd --system --user-group --no-create-home --home-dir /var/lib/zkd --shell /usr/sbin/nologin zkd
fi
if command -v systemd-tmpfiles >/dev/null; then
    systemd-tmpfiles --create "$prefix/lib/tmpfiles.d/zkd.conf"
else
    install -d -m 0700 -o zkd -g zkd /var/lib/zkd
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
ldconfig 2>/dev/null || true # libzk may be new to the loader
