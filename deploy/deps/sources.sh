# Functions that fetch what the recipes build from; sourced by them. What is fetched is verified: by apt's signature, or by
# a sha256 written here. They work in the current folder.

step() { echo "deps: $*" >&3; }

# own_apt DIR fills apt_options with options under which apt-get works for any user, leaves the machine's lists and
# configuration alone, and refuses what is not signed, whatever the machine allows.
own_apt() {
	mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
	apt_options=(-q -o Dir::State::lists="$1/lists" -o Dir::Cache="$1/cache" -o APT::Sandbox::User="$(id -un)"
		-o Debug::NoLocking=1 -o Acquire::Languages=none -o APT::Update::Error-Mode=any
		-o Acquire::AllowInsecureRepositories=false -o Acquire::AllowWeakRepositories=false)
}

# apt_sites prints the addresses that the machine's own configuration names, security archives last.
apt_sites() {
	apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | sort -u | awk '/security/ { last = last $0 "\n"; next } { print } END { printf "%s", last }'
}

# debian_source PACKAGE VERSION-PATTERN fetches the source of a trixie package, whose version must match, from the first of
# the machine's sites that carries it, and sets source_file, source_version and source_origin.
debian_source() {
	local package=$1 pattern=$2 site keyring='' here=$PWD found
	command -v apt-get >/dev/null || return 1
	for found in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
		[[ ! -e $found ]] || { keyring="[signed-by=$found] "; break; }
	done
	for site in $(apt_sites); do
		local apt=$here/apt-${site//[^A-Za-z0-9]/-}
		own_apt "$apt"
		apt_options+=(-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=-)
		if [[ ! -e $apt/sources.list ]]; then
			echo "deb-src $keyring$site trixie main" >"$apt/sources.list"
			apt-get "${apt_options[@]}" update || { echo "no trixie sources at $site"; rm -rf "$apt/lists"; continue; }
		fi
		source_version=$(apt-cache "${apt_options[@]}" showsrc --only-source "$package" | awk '$1 == "Version:" { print $2 }' | grep -E "$pattern" | sort -V | tail -n 1) || continue
		mkdir -p "source-$package"
		(cd "source-$package" && apt-get "${apt_options[@]}" source --download-only "$package=$source_version") || continue
		found=("source-$package/$package"_*.orig.tar.xz)
		source_file=$PWD/${found[0]}
		source_origin="Debian trixie, signature verified by apt"
		return 0
	done
	return 1
}

# download SHA256 FILE ADDRESS… tries the addresses in turn.
download() {
	local sum=$1 file=$2 address
	shift 2
	for address in "$@"; do
		if command -v curl >/dev/null; then
			curl -fsSL --retry 3 --connect-timeout 20 -o "$file" "$address" || continue
		elif command -v wget >/dev/null; then
			wget -q --tries=3 --timeout=20 -O "$file" "$address" || continue
		else
			echo "neither curl nor wget is there to fetch $address: sudo apt-get install curl"
			return 1
		fi
		echo "$sum  $file" | sha256sum -c - && return 0
		echo "$address is not the file that was expected"
	done
	return 1
}

# release_source PACKAGE VERSION SHA256 ADDRESS… is debian_source for machines without apt or without Debian's archive.
release_source() {
	local package=$1 version=$2 sum=$3
	shift 3
	download "$sum" "$package-$version.tar.xz" "$@" || return 1
	source_file=$PWD/$package-$version.tar.xz source_version=$version source_origin="release tarball"
}

# unpack_packages DIR PACKAGE… unpacks binary packages of this machine's release below DIR, without installing them. The
# machine's lists serve if they are there and not stale; else our own are fetched.
unpack_packages() {
	local dir=$1 package
	shift
	command -v apt-get >/dev/null && command -v dpkg >/dev/null || {
		echo "$* must be installed: there is no apt to fetch them with"
		return 1
	}
	mkdir -p "$dir" packages
	(cd packages && apt-get -q -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" -o Dir::Cache="$PWD" download "$@") || (
		own_apt "$PWD/apt-packages"
		apt-get "${apt_options[@]}" update || echo "some of this machine's package lists could not be fetched"
		cd packages && apt-get "${apt_options[@]}" download "$@"
	) || return 1
	for package in packages/*.deb; do dpkg -x "$package" "$dir"; done
	rm -rf packages
}
