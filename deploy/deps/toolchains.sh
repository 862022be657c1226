#!/usr/bin/env bash
# Checks the tools that building needs before anything is built, or only Go if no library is. usage: toolchains.sh ROOT [NAME…]
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
	local have want arch=amd64 mend
	[[ $(uname -m) == x86_64 ]] || arch=arm64
	want=$(awk '$1 == "go" { print $2 }' "$root/go.mod")
	mend="mkdir -p ~/sdk && curl -fsSL https://go.dev/dl/go$want.linux-$arch.tar.gz | tar -xz -C ~/sdk && export PATH=~/sdk/go/bin:\$PATH"
	if ! command -v go >/dev/null; then
		lack "Go is missing" "$mend"
		return
	fi
	have=$(cd / && GOTOOLCHAIN=local go version | awk '{ print substr($3, 3) }') || have=0
	if ! at_least "$have" 1.21; then
		lack "Go 1.21 or newer is needed, and $(command -v go) is $have" "$mend"
	elif ! at_least "$have" "$want" && [[ $(cd / && go env GOTOOLCHAIN) == local* ]]; then
		lack "go.mod asks for Go $want, this is $have, and GOTOOLCHAIN=local forbids fetching a newer one" "go env -w GOTOOLCHAIN=auto; unset GOTOOLCHAIN"
	fi
}

check_cargo() {
	local have mend="curl -sSf https://sh.rustup.rs | sh"
	! command -v rustup >/dev/null || mend="rustup update stable"
	if ! command -v cargo >/dev/null || ! have=$(cargo --version 2>/dev/null | awk '{ print $2 }') || [[ -z $have ]]; then
		lack "cargo is missing, which builds the tokenizer library and fetches sources" "$mend"
	elif ! at_least "$have" 1.78; then
		lack "cargo 1.78 or newer is needed, and $(command -v cargo) is $have" "$mend"
	fi
}

check_command() { # check_command COMMAND PACKAGE WHY
	command -v "$1" >/dev/null || {
		lack "$1 is missing, $3" "sudo apt-get install $2"
		return 1
	}
}

# CC and CXX may hold arguments, or a compiler's launcher before it.
check_compilers() {
	local cc=(${CC:-cc}) cxx=(${CXX:-c++})
	check_command "${cc[0]}" build-essential "the C compiler that Go's C parts need" || true
	check_command "${cxx[0]}" build-essential "the C++ compiler" || true
	check_command make make "which builds FFmpeg" || true
}

check_pip() {
	check_command python3 python3-pip "which fetches ONNX Runtime, meson and cmake" || return 0
	python3 -m pip --version >/dev/null 2>&1 || lack "python3 has no pip, which fetches ONNX Runtime, meson and cmake" "sudo apt-get install python3-pip"
}

check_go
(($# > 0)) || exit "$lacks"
check_compilers
for tool in tar:tar xz:xz-utils sha256sum:coreutils flock:util-linux; do
	check_command "${tool%:*}" "${tool#*:}" "which the builds use" || true
done
wanted=" $* "
[[ $wanted != *" tokenizers "* && $wanted != *" stills "* ]] || check_cargo
if [[ $wanted == *" onnxruntime "* ]] || { [[ $wanted == *" ffmpeg "* ]] && ! { command -v meson && command -v ninja; } >/dev/null; } ||
	{ [[ $wanted == *" stills "* ]] && ! command -v cmake >/dev/null; }; then
	check_pip
fi
exit "$lacks"
