#!/bin/bash
# Runs a command beside a real PostgreSQL on loopback, new and empty, and ends it afterwards. The command finds its address
# in VIDEOQA_TEST_POSTGRES, and in VIDEOQA_TEST_POSTGRES_CONTROL a program that takes stop, start or restart. An installed
# PostgreSQL is used; else Debian's packages are unpacked into the cache folder, without being installed.
#   testdata/postgres/run.sh go test ./answers/store/postgres
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$("$here/../../deploy/cache.sh")/postgresql
port=${VIDEOQA_TEST_POSTGRES_PORT:-$("$here/../free-port.sh")}

newest() { printf '%s\n' "$1"/usr/lib/postgresql/*/bin/postgres | grep -v '[*]' | sort -V | tail -n 1; }

postgres=$(newest '') || true
if [[ ! -x $postgres ]]; then
	postgres=$(newest "$cache") || true
	if [[ ! -x $postgres ]]; then
		version=$(apt-cache depends postgresql 2>/dev/null | awk '/Depends: postgresql-[0-9]+$/ { print $2 }')
		version=${version:-postgresql-15}
		rm -rf "$cache.part" && mkdir -p "$cache.part"
		( # shellcheck source=../../deploy/deps/sources.sh
			. "$here/../../deploy/deps/sources.sh" && cd "$cache.part" && unpack_packages "$cache.part" "$version" "${version/-/-client-}" libpq5 \
				libldap-2.5-0 libsasl2-2 libxml2 libicu72) >"$cache.log" 2>&1 || {
			echo "run.sh: PostgreSQL is not installed, and its packages could not be fetched: sudo apt-get install postgresql" >&2
			tail -n 5 "$cache.log" >&2
			exit 1
		}
		rm -rf "$cache" && mv "$cache.part" "$cache"
		postgres=$(newest "$cache")
	fi
fi

dir=$(mktemp -d)
as=()
if [[ $(id -u) == 0 ]]; then # which PostgreSQL refuses to run as, and whose cache folder others may not read
	as=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)
	if [[ $postgres == "$cache"/* ]]; then
		cp -r "$cache" "$dir/installed"
		postgres=$(newest "$dir/installed")
	fi
	chown 65534:65534 "$dir"
	chmod 755 "$dir"
fi
if [[ $postgres != /usr/* ]]; then
	library=$(echo "${postgres%/usr/lib/*}"/usr/lib/*-linux-gnu)
	export LD_LIBRARY_PATH=$library${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
bin=$(dirname "$postgres")
cat >"$dir/control" <<P
#!/bin/bash
exec env -C "$dir" ${as[*]} "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -m fast -o "-p $port -k $dir" "\$@" </dev/null >/dev/null
P
chmod 755 "$dir/control"
trap '"$dir/control" stop 2>/dev/null || true; rm -rf "$dir"' EXIT
(
	cd "$dir"
	"${as[@]}" "$bin/initdb" -D "$dir/data" -U videoqa --auth=trust --no-sync --no-instructions -E UTF8 --locale=C
	echo "fsync = off" >>"$dir/data/postgresql.conf"
	echo "listen_addresses = '127.0.0.1'" >>"$dir/data/postgresql.conf"
	"$dir/control" start
) >"$dir/setup" 2>&1 || {
	echo "run.sh: PostgreSQL did not start:" >&2
	tail -n 20 "$dir/setup" "$dir/log" >&2
	exit 1
}
VIDEOQA_TEST_POSTGRES="postgres://videoqa@127.0.0.1:$port/postgres?sslmode=disable" VIDEOQA_TEST_POSTGRES_CONTROL=$dir/control "$@"
