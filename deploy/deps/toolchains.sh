#!/usr/bin/env bash
# Checks the tools that building needs before anything is built. usage: toolchains.sh ROOT NAME…
# Every lack is told at once, each with the command that mends it.
set -euo pipefail
root=$1
shift
lacks=0

lack() { # lack WHAT COMMAND
	printf 'deps: %s\n      mend it with: %s\n' "$1" "$2" >&2
	lacks=1
}

# at_least HAVE WANT compares dotted versions.
at_least() { [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$2" ]]; }

# Go 1.21 was the first that fetches the toolchain go.mod asks for; GOTOOLCHAIN=local forbids it that.
check_go() {
	local have want
	if ! command -v go >/dev/null; then
		lack "Go is missing" "unpack the archive from https://go.dev/dl into ~/go-sdk and put ~/go-sdk/go/bin on PATH"
		return
	fi
	have=$(cd / && GOTOOLCHAIN=local go version | awk '{ print substr($3, 3) }')
	want=$(awk '$1 == "go" { print $2 }' "$root/go.mod")
	if ! at_least "$have" 1.21; then
		lack "Go 1.21 or newer is needed, and $(command -v go) is $have" "unpack the archive from https://go.dev/dl into ~/go-sdk and put ~/go-sdk/go/bin on PATH first"
	elif ! at_least "$have" "$want" && [[ $(cd / && go env GOTOOLCHAIN) == local* ]]; then
		lack "go.mod asks for Go $want, this is $have, and GOTOOLCHAIN=local forbids fetching a newer one" "go env -w GOTOOLCHAIN=auto; unset GOTOOLCHAIN"
	fi
}

check_cargo() {
	local have mend="curl -sSf https://sh.rustup.rs | sh"
	! command -v rustup >/dev/null || mend="rustup update stable"
	if ! command -v cargo >/dev/null || ! have=$(cargo --version 2>/dev/null | awk '{ print $2 }') || [[ -z $have ]]; then
		lack "cargo is missing, which builds the tokenizer library" "$mend"
	elif ! at_least "$have" 1.78; then
		lack "cargo 1.78 or newer is needed, and $(command -v cargo) is $have" "$mend"
	fi
}

check_command() { # check_command COMMAND PACKAGE WHY
	command -v "$1" >/dev/null || lack "$1 is missing, $3" "sudo apt-get install $2"
}

check_compilers() {
	check_command "${CC:-cc}" build-essential "the C compiler that Go's C parts need"
	check_command "${CXX:-c++}" build-essential "the C++ compiler"
	check_command make make "which builds FFmpeg"
}

check_pip() {
	check_command python3 python3 "which fetches ONNX Runtime and meson"
	python3 -m pip --version >/dev/null 2>&1 || lack "python3 has no pip, which fetches ONNX Runtime and meson" "sudo apt-get install python3-pip"
}

check_go
check_compilers
for tool in tar:tar xz:xz-utils sha256sum:coreutils flock:util-linux; do
	check_command "${tool%:*}" "${tool#*:}" "which the builds use"
done
wanted=" $* "
[[ $wanted != *" tokenizers "* ]] || check_cargo
if [[ $wanted == *" onnxruntime "* ]] || { [[ $wanted == *" ffmpeg "* ]] && ! { command -v meson && command -v ninja; } >/dev/null; }; then
	check_pip
fi
exit "$lacks"
