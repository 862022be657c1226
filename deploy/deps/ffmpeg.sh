#!/usr/bin/env bash
# FFmpeg 7.1 and dav1d, static, and of FFmpeg only what videoqa decodes. usage: ffmpeg.sh OUT (in a scratch folder)
#
# No protocol and no network code is compiled in: input comes through our own reader, so a file can name no other file.
# Only LGPL parts (no --enable-gpl). avdevice, avfilter, swresample and swscale stay because go-astiav links them.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/sources.sh"
out=$1
tools=$PWD/tools
jobs=$(nproc)
export PATH=$tools/usr/bin:$tools/bin:$PATH

# Packages that the machine lacks are unpacked here. pkg-config stays with the result, because go build asks for it too.
have_static_zlib() { echo '#include <zlib.h>
int main(void) { return zlibVersion() == 0; }' | ${CC:-cc} -x c - -o zlib-check -Wl,-Bstatic -lz -Wl,-Bdynamic; }
packages=()
[[ $(uname -m) != x86_64 ]] || command -v nasm >/dev/null || packages+=(nasm)
command -v pkg-config >/dev/null || packages+=(pkgconf-bin "libpkgconf3")
have_static_zlib || packages+=(zlib1g-dev)
if ((${#packages[@]} > 0)); then
	step "ffmpeg: unpacking ${packages[*]}"
	unpack_packages "$tools" "${packages[@]}"
fi
mkdir -p "$out/lib" "$out/include" "$out/licences"

# The static zlib goes beside FFmpeg's libraries, where the linker finds it before any shared one.
multiarch=$(${CC:-cc} -print-multiarch 2>/dev/null || true)
if [[ " ${packages[*]} " == *" zlib1g-dev "* ]]; then
	cp "$tools/usr/lib/$multiarch/libz.a" "$out/lib/"
	cp "$tools/usr/include/zlib.h" "$tools/usr/include/$multiarch/zconf.h" "$out/include/" 2>/dev/null ||
		cp "$tools"/usr/include/{zlib,zconf}.h "$out/include/"
	cp "$tools/usr/share/doc/zlib1g-dev/copyright" "$out/licences/zlib"
else
	cp "$(${CC:-cc} -print-file-name=libz.a)" "$out/lib/"
	cp /usr/share/doc/zlib1g-dev/copyright "$out/licences/zlib" 2>/dev/null ||
		echo "zlib, (C) Jean-loup Gailly and Mark Adler, under the zlib licence: https://zlib.net/zlib_license.html" >"$out/licences/zlib"
fi

if [[ " ${packages[*]} " == *" pkgconf-bin "* ]]; then
	mkdir -p "$out/tools"
	cp "$tools/usr/bin/pkgconf" "$tools/usr/lib/$multiarch"/libpkgconf.so.3* "$out/tools/"
	cat >"$out/tools/pkg-config" <<-'WRAPPER'
		#!/bin/sh
		here=$(dirname "$0")
		LD_LIBRARY_PATH=$here exec "$here/pkgconf" "$@"
	WRAPPER
	chmod +x "$out/tools/pkg-config"
	export PATH=$out/tools:$PATH
fi

if ! command -v meson >/dev/null || ! command -v ninja >/dev/null; then
	step "ffmpeg: fetching meson and ninja"
	python3 -m pip install -q --no-input --target "$tools/python" meson==1.9.1 ninja==1.13.0
	mkdir -p "$tools/bin"
	# ninja needs the path as well: it calls meson again to install.
	printf '#!/bin/sh\nPYTHONPATH=%s exec python3 -m mesonbuild.mesonmain "$@"\n' "$tools/python" >"$tools/bin/meson"
	printf '#!/bin/sh\nPYTHONPATH=%s exec %s "$@"\n' "$tools/python" "$tools/python/bin/ninja" >"$tools/bin/ninja"
	chmod +x "$tools/bin/meson" "$tools/bin/ninja"
fi

step "ffmpeg: fetching the sources"
debian_source ffmpeg '^7:7\.1\.' ||
	release_source ffmpeg 7.1.5 de668509caf9e35e3cd162473441fdb29538c6d96ed080292b3cf9e6fc5d558f \
		https://ffmpeg.org/releases/ffmpeg-7.1.5.tar.xz
ffmpeg_stamp="ffmpeg $source_version sha256:$(sha256sum "$source_file" | cut -c1-64) $source_origin"
mkdir ffmpeg && tar -xf "$source_file" -C ffmpeg --strip-components=1
debian_source dav1d '^1\.' ||
	release_source dav1d 1.5.1 401813f1f89fa8fd4295805aa5284d9aed9bc7fc1fdbe554af4292f64cbabe21 \
		https://download.videolan.org/pub/videolan/dav1d/1.5.1/dav1d-1.5.1.tar.xz
dav1d_stamp="dav1d $source_version sha256:$(sha256sum "$source_file" | cut -c1-64) $source_origin"
mkdir dav1d && tar -xf "$source_file" -C dav1d --strip-components=1

step "ffmpeg: compiling ${dav1d_stamp%% sha256*}"
meson setup dav1d/build dav1d --prefix="$out" --libdir=lib --buildtype=release --default-library=static \
	-Denable_tools=false -Denable_tests=false
ninja -j "$jobs" -C dav1d/build install
cp dav1d/COPYING "$out/licences/dav1d"

step "ffmpeg: compiling ${ffmpeg_stamp%% sha256*}"
# The last four demuxers are no containers: a program stream without a map (most .mpg files) does not say what its video is, and
# FFmpeg finds out by asking these. Which formats may be opened is for the caller's whitelist.
#
# FFmpeg compiles its configure line into the program, so the line names no folder of this machine: the prefix is one that
# DESTDIR moves, and the compiler learns of zlib through its environment.
export PKG_CONFIG_PATH=$out/lib/pkgconfig CPATH=$out/include LIBRARY_PATH=$out/lib
cd ffmpeg
./configure --prefix=/videoqa --cc="${CC:-cc}" \
	--pkg-config=pkg-config --pkg-config-flags=--static --enable-static --disable-shared --enable-pic --disable-debug \
	--disable-programs --disable-doc --disable-everything --disable-autodetect --disable-network --enable-zlib --enable-libdav1d \
	--enable-avcodec --enable-avdevice --enable-avfilter --enable-avformat --enable-swresample --enable-swscale \
	--enable-demuxer=mov,matroska,mpegts,mpegps,avi,flv,mpegvideo,m4v,h264,hevc \
	--enable-decoder=h264,hevc,vp8,vp9,libdav1d,mpeg4,mpeg2video,mpeg1video,mjpeg \
	--enable-parser=h264,hevc,vp8,vp9,av1,mpeg4video,mpegvideo,mjpeg \
	--enable-bsf=h264_mp4toannexb,hevc_mp4toannexb,av1_frame_split,vp9_superframe_split,extract_extradata \
	--enable-filter=scale,format,buffer,buffersink,transpose,hflip,vflip,null
make -j "$jobs"
make install DESTDIR="$PWD/../stage"
cp -a ../stage/videoqa/. "$out/"
cp COPYING.LGPLv2.1 LICENSE.md "$out/licences/"
cd ..

# The .pc files name the folder that they lie in, because it is renamed after this. The compilers used do these sizes of
# atomic operations themselves, so -latomic would only add a library to what the program needs.
sed -i -e "s|^prefix=.*|prefix=\${pcfiledir}/../..|" -e "s|=/videoqa|=\${prefix}|; s|$out|\${prefix}|g" -e 's/ -latomic//g' "$out"/lib/pkgconfig/*.pc
rm -rf "$out/share"
printf '%s\n%s\nzlib %s, static\n' "$ffmpeg_stamp" "$dav1d_stamp" \
	"$(sed -n 's/.*define ZLIB_VERSION "\(.*\)"/\1/p' "$out/include/zlib.h" /usr/include/zlib.h 2>/dev/null | head -n 1)" >"$out/STAMP"
