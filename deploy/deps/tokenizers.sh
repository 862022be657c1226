#!/usr/bin/env bash
# The tokenizer library, by cargo from the Rust sources that lie in the Go module. usage: tokenizers.sh OUT (in a scratch folder)
#
# Library and Go code must come from one tag (a symbol with the version in its name holds them together), which is why the
# module's own sources are built. The module folder is read-only, so cargo's target folder is ours.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/sources.sh"
out=$1
scratch=$PWD
cd "$ROOT"
# The download's own words (a toolchain fetched on the way, say) go to the log; the folder is the one line we want.
go mod download github.com/daulet/tokenizers
module=$(go list -m -f '{{.Dir}}' github.com/daulet/tokenizers)
cd "$scratch"
# What panics in Rust names its source file; those names need not hold the builder's folders.
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo --remap-path-prefix=$module=tokenizers"
export CFLAGS="${CFLAGS:-} -ffile-prefix-map=${CARGO_HOME:-$HOME/.cargo}=cargo" CXXFLAGS="${CXXFLAGS:-} -ffile-prefix-map=${CARGO_HOME:-$HOME/.cargo}=cargo"
cargo build --release --locked --manifest-path "$module/Cargo.toml" --target-dir target

mkdir -p "$out/lib" "$out/licences"
cp target/release/libtokenizers.a "$out/lib/"
strip --strip-debug "$out/lib/libtokenizers.a"

# Every crate that is linked in brings its licence; cargo knows where they lie.
cargo metadata --locked --format-version 1 --filter-platform "$(rustc -vV | sed -n 's/^host: //p')" \
	--manifest-path "$module/Cargo.toml" >metadata.json
python3 - metadata.json "$out/licences" <<-'PYTHON'
	import json, pathlib, shutil, sys
	metadata, licences = json.load(open(sys.argv[1])), pathlib.Path(sys.argv[2])
	rows = []
	for crate in sorted(metadata["packages"], key=lambda c: c["name"]):
	    folder, name = pathlib.Path(crate["manifest_path"]).parent, f'{crate["name"]}-{crate["version"]}'
	    rows.append(f'{name}: {crate.get("license") or "see its files"}')
	    for file in folder.iterdir():
	        if file.is_file() and file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE")):
	            (licences / name).mkdir(exist_ok=True)
	            shutil.copyfile(file, licences / name / file.name)
	(licences / "crates.txt").write_text("\n".join(rows) + "\n")
PYTHON
printf 'tokenizers %s, %s\n' "$TOKENIZERS_VERSION" "$(cargo --version)" >"$out/STAMP"
