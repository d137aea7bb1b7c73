#!/usr/bin/env bash
# Installs what the real lab needs from Debian's (or Ubuntu's) packages when it is
# missing, without starting any service, and prints the versions.
set -euo pipefail

needs=(
	named:bind9
	dig:bind9-dnsutils
	unbound:unbound
	knotd:knot
	nsd:nsd
	pdns_server:pdns-server
	/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql:pdns-backend-sqlite3
	sqlite3:sqlite3
	nginx:nginx-light
	mariadbd:mariadb-server
	redis-server:redis-server
	# The whole stack; what is Java comes from Maven Central (test/realstack/build.sh).
	/usr/lib/rabbitmq/bin/rabbitmq-server:rabbitmq-server
	mvn:maven
	javac:openjdk-17-jdk-headless
	pip3:python3-pip # for a Java that OpenSearch 3 accepts, where there is none
	libaio.so.1:libaio1
)
export PATH=$PATH:/usr/sbin:/sbin

# have NAME: is there such a command, file, or library?
have() {
	case $1 in
	/*) [[ -e $1 ]] ;;
	*.so.*) [[ $(ldconfig -p) == *"$1 "* ]] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

missing=()
for n in "${needs[@]}"; do
	have "${n%%:*}" || missing+=("${n##*:}")
done

if ((${#missing[@]})); then
	if ! command -v apt-get >/dev/null; then
		echo "test/lab/install.sh: missing: ${missing[*]}; there is no apt-get here, install them by hand" >&2
		exit 1
	fi
	sudo=()
	if ((EUID != 0)); then
		command -v sudo >/dev/null || {
			echo "test/lab/install.sh: missing: ${missing[*]}; run it once as root: apt-get install -y --no-install-recommends ${missing[*]}" >&2
			exit 1
		}
		sudo=(sudo)
	fi
	echo "installing: ${missing[*]}"
	# A policy-rc.d that says no (101) keeps the packages from starting their services.
	policy=/usr/sbin/policy-rc.d
	made=
	if [[ ! -e $policy ]]; then
		printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
		"${sudo[@]}" chmod 755 "$policy"
		made=1
	fi
	trap '[[ -z $made ]] || "${sudo[@]}" rm -f "$policy"' EXIT
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

named -v
unbound -V | sed -n 1p
knotd --version
nsd -v 2>&1 | sed -n 1p
{ pdns_server --version 2>&1 || true; } | grep -o 'PowerDNS Authoritative Server [^ ]*' # it exits 99 after telling
nginx -v 2>&1
mariadbd --version
redis-server --version
