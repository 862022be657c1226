#!/usr/bin/env bash
# Packs the program with the libraries it loads and the licences of everything linked or loaded.
# usage: VERSION=v deploy/dist.sh, after the libraries are built (make dist does both)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
eval "$(deploy/deps.sh env)"
name=videoqa-$VERSION-linux-$(go env GOARCH)
stage=dist/$name
rm -rf "$stage" "$stage.tar.gz"
mkdir -p "$stage/licences/go"

# -trimpath and no symbols: what is handed on says nothing of the folder it was built in.
go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o "$stage/videoqa" .
cp -a "$(deploy/deps.sh where onnxruntime)/lib" "$stage/lib"
cp LICENSE "$stage/LICENSE"
for library in ffmpeg stills tokenizers onnxruntime; do
	cp -a "$(deploy/deps.sh where "$library")/licences" "$stage/licences/$library"
	cp "$(deploy/deps.sh where "$library")/STAMP" "$stage/licences/$library/STAMP"
done

# The licence of each Go module that the program is made of, and of Go itself.
cp "$(go env GOROOT)/LICENSE" "$stage/licences/go/LICENSE"
go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' . | sort -u |
	while read -r path version folder; do
		into=$stage/licences/go/${path//\//_}@$version
		mkdir -p "$into"
		find "$folder" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' -o -iname 'patents*' -o -iname 'copyright*' -o -iname 'unlicense*' \) \
			-exec install -m 644 -t "$into" {} +
		[[ -n $(ls "$into") ]] || echo "dist: $path has no licence file at its root" >&2
	done
cat >"$stage/licences/README" <<'TEXT'
The program videoqa is under the Apache License 2.0 (../LICENSE).

Linked into it: FFmpeg (LGPL 2.1 or later, unchanged sources, configured without GPL parts), dav1d, zlib (ffmpeg/),
libjpeg-turbo (BSD 3-clause and IJG; this software is based in part on the work of the Independent JPEG Group), libwebp (BSD
3-clause; both in stills/), the tokenizers library with its crates (tokenizers/), and the Go modules in go/. The STAMP files name versions and the sha256 of the
sources. The program can be linked again with another FFmpeg from its own public sources: deploy/deps/ffmpeg.sh builds the one
used here, and PKG_CONFIG_PATH names the one to link.

Loaded by it, in ../lib: ONNX Runtime (MIT; its notices are in onnxruntime/) and, on x86-64, OpenVINO and oneTBB, which come in
the same wheel and are under the Apache License 2.0, the text of ../LICENSE.
TEXT

# A program built on a newer system needs that system's C library: Debian 12 has 2.36.
libc=$(objdump -T "$stage/videoqa" "$stage"/lib/*.so* | grep -o 'GLIBC_2\.[0-9]*' | sort -Vu | tail -n 1)
tar -C dist --owner=0 --group=0 -czf "$stage.tar.gz" "$name"
rm -rf "$stage"
echo "dist: $stage.tar.gz, $(du -h "$stage.tar.gz" | cut -f1), for a C library of ${libc#GLIBC_} or newer"
