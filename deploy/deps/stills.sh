#!/usr/bin/env bash
# libjpeg-turbo and libwebp, static, decoders only: the libraries that Pillow reads JPEG and WebP with. usage: stills.sh OUT
# (in a scratch folder)
#
# Their unchanged sources come inside two crates, which cargo fetches by name; the crates' own Rust code is not built. Debian's
# libjpeg-turbo (2.1) does not serve: Pillow's is 3, which reads lossless JPEG too.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/sources.sh"
out=$1
tools=$PWD/tools
jobs=$(nproc)
cc=${CC:-cc}
export PATH=$tools/usr/bin:$tools/bin:$PATH

if [[ $(uname -m) == x86_64 ]] && ! command -v nasm >/dev/null; then
	step "stills: unpacking nasm"
	unpack_packages "$tools" nasm
fi
if ! command -v cmake >/dev/null; then
	step "stills: fetching cmake"
	python3 -m pip install -q --no-input --target "$tools/python" cmake==4.1.2
	mkdir -p "$tools/bin"
	printf '#!/bin/sh\nexec %s/python/cmake/data/bin/cmake "$@"\n' "$tools" >"$tools/bin/cmake"
	chmod +x "$tools/bin/cmake"
fi

# crate_sources "NAME VERSION SHA256"… fetches crates for the C sources that lie in them and unpacks each to NAME-VERSION.
crate_sources() {
	local crate name version sum file
	mkdir -p crates
	printf '[package]\nname = "sources"\nversion = "0.0.0"\n[lib]\npath = "lib.rs"\n[dependencies]\n' >crates/Cargo.toml
	: >crates/lib.rs
	for crate in "$@"; do
		read -r name version sum <<<"$crate"
		echo "$name = { version = \"=$version\", default-features = false }" >>crates/Cargo.toml
	done
	(cd crates && cargo fetch)
	for crate in "$@"; do
		read -r name version sum <<<"$crate"
		file=("${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/"$name-$version.crate")
		echo "$sum  ${file[0]}" | sha256sum -c -
		tar -xzf "${file[0]}"
	done
}

step "stills: fetching the sources"
crate_sources "turbojpeg-sys 1.2.0 49b5a974bc59382d35927e3a07eef2ba9a24fe7227cefe52ec44b508e1b90f86" \
	"libwebp-sys 0.14.4 6b3a87b44e34d17161e4f17d92a463d596cb13825dcd1758ed18fd3a721e189c"
jpeg=$PWD/turbojpeg-sys-1.2.0/libjpeg-turbo webp=$PWD/libwebp-sys-0.14.4/vendor
mkdir -p "$out/lib/pkgconfig" "$out/include/webp" "$out/licences"

step "stills: compiling libjpeg-turbo"
# CC reaches cmake through the environment, where it may hold arguments and a launcher.
CC=$cc cmake -S "$jpeg" -B jpeg -DCMAKE_BUILD_TYPE=Release -DCMAKE_POSITION_INDEPENDENT_CODE=ON \
	-DCMAKE_C_FLAGS="-ffile-prefix-map=$PWD=." -DENABLE_SHARED=OFF -DWITH_TURBOJPEG=OFF -DREQUIRE_SIMD=ON
cmake --build jpeg --target jpeg-static -j "$jobs"
cp jpeg/libjpeg.a "$out/lib/"
cp "$jpeg"/src/{jpeglib,jmorecfg,jerror}.h jpeg/jconfig.h "$out/include/"
cp "$jpeg/LICENSE.md" "$out/licences/libjpeg-turbo.md"
cp "$jpeg/README.ijg" "$out/licences/libjpeg-turbo.ijg"

step "stills: compiling libwebp"
# What a file is compiled for follows from its name; libwebp asks the processor before it calls any of it.
flags=(-O2 -fPIC -DNDEBUG "-ffile-prefix-map=$PWD=." "-I$webp")
[[ $(uname -m) != x86_64 ]] || flags+=(-DWEBP_HAVE_SSE2 -DWEBP_HAVE_SSE41 -DWEBP_HAVE_AVX2)
mkdir -p webp
for file in "$webp"/src/{dec,demux,dsp,utils}/*.c; do
	name=$(basename "$file" .c) extra=
	case $name in
	*_enc | *_enc_* | enc | enc_* | cost* | ssim* | quant_levels_utils | bit_writer_utils | huffman_encode_utils) continue ;;
	*_sse41) extra=-msse4.1 ;;
	*_avx2) extra=-mavx2 ;;
	esac
	[[ $(uname -m) == x86_64 ]] || extra=
	echo "$cc ${flags[*]} $extra -c $file -o webp/$name.o"
done >webp/commands
xargs -P "$jobs" -I {} sh -c {} <webp/commands
ar rcs "$out/lib/libwebpdemux.a" webp/*.o
cp "$webp"/src/webp/{decode,demux,mux_types,types}.h "$out/include/webp/"
cp "$webp/COPYING" "$out/licences/libwebp"
cp "$webp/PATENTS" "$out/licences/libwebp.patents"

jpeg_version=$(sed -n 's/^set(VERSION \(.*\))/\1/p' "$jpeg/CMakeLists.txt")
webp_version=$(sed -n 's/^#define DEC_M[AI][JN]_VERSION //p; s/^#define DEC_REV_VERSION //p' "$webp/src/dec/vp8i_dec.h" | paste -sd .)
for library in "libjpeg $jpeg_version -ljpeg" "libwebpdemux $webp_version -lwebpdemux"; do
	read -r name version link <<<"$library"
	printf 'prefix=${pcfiledir}/../..\nName: %s\nDescription: %s\nVersion: %s\nCflags: -I${prefix}/include\nLibs: -L${prefix}/lib %s\n' \
		"$name" "$name" "$version" "$link" >"$out/lib/pkgconfig/$name.pc"
done
printf 'libjpeg-turbo %s, from crate turbojpeg-sys 1.2.0\nlibwebp %s, from crate libwebp-sys 0.14.4\n' "$jpeg_version" "$webp_version" >"$out/STAMP"
