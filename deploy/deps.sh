#!/usr/bin/env bash
# Brings what Go cannot: FFmpeg with dav1d, libjpeg-turbo and libwebp, the tokenizer library and ONNX Runtime.
#
#	deploy/deps.sh          builds what is missing, says where it lies
#	deploy/deps.sh env      the same, then prints the variables that go commands need: eval "$(deploy/deps.sh env)"
#	deploy/deps.sh where X  prints the folder of ffmpeg, stills, tokenizers or onnxruntime
#
# Nothing needs root and nothing outside the cache folder is written. Each library lies in
# $(deploy/cache.sh)/deps/<name>-<version>-<hash>, where the hash is that of the recipe (deploy/deps/<name>.sh)
# and of what its result depends on, so that all checkouts share one build and a changed recipe never meets an old one. A
# folder is built beside its place and renamed, so one that exists is whole; STAMP in it says what it was made from.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
cache=$("$here/cache.sh")/deps
names=(ffmpeg stills tokenizers onnxruntime)

say() { printf 'deps: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The module names one tokenizers version and the library must be of the same one.
tokenizers_version=$(awk '$1 == "github.com/daulet/tokenizers" { print substr($2, 2) }' "$root/go.mod")
machine=$(uname -m)
case $machine in
x86_64) onnxruntime_version=openvino-1.24.1 ;;
aarch64 | arm64) onnxruntime_version=1.30.0 ;;
*) die "there is no ONNX Runtime wheel for $machine: videoqa runs on x86-64 and arm64" ;;
esac
[[ $(uname -s) == Linux ]] || die "videoqa runs on Linux, and this is $(uname -s)"
[[ $cache != *[[:space:]]* ]] || die "the cache folder '$cache' has a space in its name, which FFmpeg's build cannot bear: set XDG_CACHE_HOME to another"

version_of() {
	case $1 in
	ffmpeg) echo 7.1 ;;
	stills) echo jpeg3.1.0-webp1.6.0 ;;
	tokenizers) echo "$tokenizers_version" ;;
	onnxruntime) echo "$onnxruntime_version" ;;
	esac
}

# folder_of NAME: static libraries built against a newer C library do not link against an older one, so the C library's
# version is part of the hash (a home folder may be shared by machines of several releases).
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null || echo unknown)
folder_of() {
	local hash
	hash=$({ cat "$here/deps/$1.sh" "$here/deps/sources.sh"; echo "$machine $libc"; } | sha256sum)
	echo "$cache/$1-$(version_of "$1")-${hash:0:12}"
}

# build NAME FOLDER runs one recipe. The recipe gets a folder to fill and one to work in; its output goes to a log, and
# what it says on descriptor 3 to the screen. The lock makes a second checkout wait for the first one's build.
build() {
	local name=$1 folder=$2 log=$cache/$1.log began=$SECONDS
	exec 9>"$cache/$name.lock"
	if ! flock -n 9; then
		say "$name: another build is at work on it, waiting"
		flock 9
		[[ ! -e $folder ]] || return 0
	fi
	rm -rf "$cache/.building-$name"
	mkdir -p "$cache/.building-$name/out" "$cache/.building-$name/work"
	say "$name: building $(version_of "$name") (log: $log)"
	if ! (cd "$cache/.building-$name/work" && TOKENIZERS_VERSION=$tokenizers_version ROOT=$root \
		bash "$here/deps/$name.sh" "$cache/.building-$name/out") 3>&2 >"$log" 2>&1 9>&-; then
		say "$name: FAILED; the end of $log:"
		tail -n 30 "$log" | sed 's/^/    /' >&2
		return 1
	fi
	mv "$cache/.building-$name/out" "$folder"
	rm -rf "$cache/.building-$name"
	say "$name: ready after $((SECONDS - began)) s"
}

# build_all builds side by side and waits for all of them, so that one failure does not waste the others' work. Each build
# is a process group of its own (set -m), so that an interrupt ends compilers too.
build_all() {
	local name pids=() failed=0
	mkdir -p "$cache"
	set -m
	trap 'for p in "${pids[@]}"; do kill -- "-$p" 2>/dev/null || true; done; exit 130' INT TERM
	for name in "$@"; do
		build "$name" "$(folder_of "$name")" &
		pids+=($!)
	done
	for name in "${pids[@]}"; do wait "$name" || failed=1; done
	trap - INT TERM
	set +m
	((failed == 0)) || die "not all libraries could be built; once that is mended, run make deps again (what is ready stays)"
}

ensure() {
	local name missing=()
	for name in "${names[@]}"; do
		[[ -e $(folder_of "$name")/STAMP ]] || missing+=("$name")
	done
	bash "$here/deps/toolchains.sh" "$root" "${missing[@]}" # Go is needed even if nothing is to be built here
	if ((${#missing[@]} > 0)); then
		say "building ${missing[*]} into $cache (once; about 10 minutes on 2 cores)"
		build_all "${missing[@]}"
	fi
}

# print_env: a semicolon ends each line, so that eval $(make env), unquoted, works as well.
print_env() {
	local ffmpeg binding
	ffmpeg=$(folder_of ffmpeg)
	binding=$(cd "$root" && go mod download github.com/yalue/onnxruntime_go && go list -m -f '{{.Dir}}' github.com/yalue/onnxruntime_go) ||
		die "go cannot bring the module github.com/yalue/onnxruntime_go"
	echo "export PKG_CONFIG_PATH='$ffmpeg/lib/pkgconfig:$(folder_of stills)/lib/pkgconfig';"
	[[ ! -x $ffmpeg/tools/pkg-config ]] || echo "export PKG_CONFIG='$ffmpeg/tools/pkg-config';"
	# The binding's module has ONNX Runtime's C header. What is set here takes the place of Go's own -O2 -g.
	echo "export CGO_CFLAGS='-O2 -g -I$binding';"
	echo "export CGO_LDFLAGS='-L$(folder_of tokenizers)/lib';"
	echo "export VIDEOQA_ONNXRUNTIME='$(folder_of onnxruntime)/lib/libonnxruntime.so';"
}

case ${1:-build} in
build)
	ensure
	for name in "${names[@]}"; do say "$name: $(folder_of "$name")"; done
	;;
env)
	ensure
	print_env
	;;
where) folder_of "${2:?which library: ${names[*]}}" ;;
*) die "usage: deps.sh [build|env|where NAME]" ;;
esac
