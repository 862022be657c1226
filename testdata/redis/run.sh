#!/bin/bash
# Runs a command beside a real Redis on loopback, new and empty, and ends it afterwards. The command finds its URL in
# VIDEOQA_TEST_REDIS, and in VIDEOQA_TEST_REDIS_SERVER the program, to start others with. An installed redis-server is used;
# else Debian's packages are unpacked into the cache folder, without being installed.
#   testdata/redis/run.sh go test ./answers/features/redis
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$("$here/../../deploy/cache.sh")/redis
port=${VIDEOQA_TEST_REDIS_PORT:-$("$here/../free-port.sh")}

server=$(command -v redis-server) || server=$cache/redis-server
if [[ ! -x $server ]]; then
	rm -rf "$cache.part" && mkdir -p "$cache.part"
	( # shellcheck source=../../deploy/deps/sources.sh
		. "$here/../../deploy/deps/sources.sh" && cd "$cache.part" && unpack_packages "$cache.part" \
			redis-server redis-tools libjemalloc2 liblua5.1-0 lua-cjson lua-bitop liblzf1 libatomic1) >"$cache.log" 2>&1 || {
		echo "run.sh: Redis is not installed, and its packages could not be fetched: sudo apt-get install redis-server" >&2
		tail -n 5 "$cache.log" >&2
		exit 1
	}
	cat >"$cache.part/redis-server" <<'P'
#!/bin/sh
here=$(dirname "$0")
for library in "$here"/usr/lib/*-linux-gnu; do LD_LIBRARY_PATH=$library${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}; done
export LD_LIBRARY_PATH
exec "$here/usr/bin/redis-server" "$@"
P
	chmod 755 "$cache.part/redis-server"
	rm -rf "$cache" && mv "$cache.part" "$cache"
fi

dir=$(mktemp -d)
"$server" --port "$port" --bind 127.0.0.1 --dir "$dir" --save '' --appendonly no --enable-debug-command yes >"$dir/log" 2>&1 &
redis=$!
trap 'kill "$redis" 2>/dev/null || true; wait "$redis" 2>/dev/null || true; rm -rf "$dir"' EXIT
for ((i = 0; i < 100; i++)); do
	kill -0 "$redis" 2>/dev/null || { echo "run.sh: Redis ended:" >&2; tail -n 20 "$dir/log" >&2; exit 1; }
	(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
	sleep 0.1
done
VIDEOQA_TEST_REDIS=redis://127.0.0.1:$port/0 VIDEOQA_TEST_REDIS_SERVER=$server "$@"
