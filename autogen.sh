#!/bin/sh
# Makes configure out of configure.ac. Needs autoconf, automake, libtool and
# dovecot-dev (for dovecot.m4).
set -e
cd "$(dirname "$0")"
exec autoreconf --force --install --warnings=no-obsolete
