#!/usr/bin/env bash
# ONNX Runtime from its published Python wheel, by name and sha256. usage: onnxruntime.sh OUT (in a scratch folder)
#
# x86-64 takes the OpenVINO build, whose one library holds the ordinary CPU provider too; OpenVINO's GPU, NPU and
# multi-device plugins stay behind. pip only downloads: nothing is installed, and the wheel's Python version means nothing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/sources.sh"
out=$1
case $(uname -m) in
x86_64)
	wheel=onnxruntime-openvino==1.24.1 platform=manylinux_2_28_x86_64
	sum=3007c803634cc69c6d52af1dea7ce729d9bb62b9a11070fd2f959119199007a8
	;;
*)
	wheel=onnxruntime==1.30.0 platform=manylinux_2_28_aarch64
	sum=bac3aee7b40acd805659fd81a2acd6096312d5b0f014c97ddfe75fb4c1644627
	;;
esac
step "onnxruntime: fetching $wheel"
python3 -m pip download -q --no-input --no-deps --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 \
	--platform "$platform" -d wheel "$wheel"
echo "$sum  $(echo wheel/*.whl)" | sha256sum -c -

mkdir -p "$out/lib" "$out/licences"
python3 - wheel/*.whl "$out" <<-'PYTHON'
	import hashlib, os, pathlib, re, shutil, sys, zipfile
	wheel, out = zipfile.ZipFile(sys.argv[1]), pathlib.Path(sys.argv[2])
	wanted = re.compile(r"onnxruntime/capi/(libonnxruntime\.so\.[0-9.]+|libonnxruntime_providers_(openvino|shared)\.so"
	                    r"|libopenvino\.so\.[0-9]+|libopenvino_onnx_frontend\.so\.[0-9]+|libopenvino_intel_cpu_plugin\.so"
	                    r"|libopenvino\.so|libopenvino_onnx_frontend\.so|libtbb\.so(\.[0-9]+)?)")
	seen = {}
	for entry in sorted(wheel.namelist(), key=lambda e: (-len(e), e)):
	    name = os.path.basename(entry)
	    if re.fullmatch(r"onnxruntime/(LICENSE|ThirdPartyNotices\.txt|Privacy\.md)", entry):
	        (out / "licences" / name).write_bytes(wheel.read(entry))
	    elif wanted.fullmatch(entry):
	        data = wheel.read(entry)
	        digest = hashlib.sha256(data).digest()
	        if digest in seen:  # the wheel holds the same library under several names
	            (out / "lib" / name).symlink_to(seen[digest])
	            continue
	        seen[digest] = name
	        (out / "lib" / name).write_bytes(data)
	        (out / "lib" / name).chmod(0o755)
	library, = (out / "lib").glob("libonnxruntime.so.*")
	for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
	    (out / "lib" / name).symlink_to(library.name)
PYTHON
printf '%s sha256:%s\n' "$wheel" "$sum" >"$out/STAMP"
