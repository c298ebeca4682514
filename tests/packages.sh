# shellcheck shell=bash
# The Debian packages that quickstart and check need. Sourced by both.

# To build the plugin, and to run it against a provider on loopback.
# shellcheck disable=SC2034 # used by quickstart and check
packages_quickstart=(
	autoconf automake build-essential libtool pkg-config
	dovecot-core dovecot-dev dovecot-imapd dovecot-sqlite
	libcurl4-openssl-dev libssl-dev
	ca-certificates openssl python3
)

# To test it, besides those above.
# shellcheck disable=SC2034
packages_check=(
	curl dovecot-lmtpd dovecot-mysql dovecot-pgsql dovecot-pop3d
	mariadb-server postgresql python3-psycopg2 python3-pymysql
	clang-format cppcheck mandoc shellcheck
	debootstrap gdb iproute2 isync libc6-dbg offlineimap3 valgrind
	postfix postfix-sqlite python3-pytest sqlite3
)

package_is_installed() {
	local status
	status=$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) &&
		[ "$status" = installed ]
}

# install_packages LOG PACKAGE...: installs what is missing.
install_packages() {
	local log=$1 package missing=()
	shift
	for package; do
		package_is_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "Installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -o DPkg::Lock::Timeout=300 update >>"$log" 2>&1 &&
		apt-get -o DPkg::Lock::Timeout=300 -y \
			--no-install-recommends install "${missing[@]}" \
			</dev/null >>"$log" 2>&1
}
