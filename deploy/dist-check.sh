#!/usr/bin/env bash
# Proves that a packed program answers on a bare system: it makes a folder with nothing but the base packages of Debian 12
# (or the release named), unpacks the archive there, and asks it a question about a shipped clip in that root.
# usage: dist-check.sh ARCHIVE [RELEASE]      needs apt-get, dpkg and unshare; root, or a kernel that lets users make namespaces
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
archive=${1:?usage: dist-check.sh ARCHIVE [RELEASE]}
release=${2:-bookworm}
source deploy/deps/sources.sh
exec 3>&2

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
repository=$PWD
bare=$scratch/bare
mkdir -p "$bare/proc" "$bare/sys" "$bare/dev" "$bare/tmp" "$bare/opt"
cd "$scratch"

# Of the smallest Debian image only what matters to a program: the C and C++ libraries (apt needs the latter) and zlib (dpkg
# needs it). They come through the machine's own apt configuration, verified by apt.
step "fetching the base packages of $release"
keyring=''
for file in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do [[ ! -e $file ]] || keyring="[signed-by=$file] "; done
for site in $(apt_sites); do
	own_apt "$scratch/apt"
	apt_options+=(-o Dir::Etc::sourcelist="$scratch/sources.list" -o Dir::Etc::sourceparts=-)
	echo "deb $keyring$site $release main" >sources.list
	! apt-get "${apt_options[@]}" update >apt.log 2>&1 || break
done
mkdir packages
(cd packages && apt-get "${apt_options[@]}" download base-files libc6 libgcc-s1 libstdc++6 zlib1g >>../apt.log 2>&1) || {
	tail -n 20 apt.log >&2
	exit 1
}
for package in packages/*.deb; do dpkg -x "$package" "$bare"; done
for link in bin sbin lib lib64; do # packages of a merged /usr expect these links
	[[ -e $bare/$link ]] || ln -s "usr/$link" "$bare/$link"
done
cd "$repository"

tar -xzf "$archive" -C "$bare/opt"
program=/opt/$(basename "$archive" .tar.gz)/videoqa
clip=${CLIP:-$(git ls-files 'demo/*.mp4' 'testdata/**/*.mp4' | head -n 1)}
cp "$clip" "$bare/tmp/clip.mp4"
if ((EUID == 0)); then namespaces=(--mount --pid --net --fork); else namespaces=(--user --map-root-user --mount --pid --net --fork); fi
inside() {
	unshare "${namespaces[@]}" bash -c 'mount -t proc proc "$1/proc" && exec env -i HOME=/tmp PATH=/usr/bin "$(command -v chroot)" "$@"' - "$bare" "$@"
}
step "on a bare $release ($(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' "$bare/usr/lib/os-release")), without network:"
inside "$program" version
inside "$program" ask --json /tmp/clip.mp4 "what is it?"
