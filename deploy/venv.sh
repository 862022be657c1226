#!/usr/bin/env bash
# Makes a Python virtual environment in the cache folder, once for each content of its requirements file, and prints its
# folder. usage: venv.sh NAME REQUIREMENTS
set -euo pipefail
name=$1 requirements=$2
cache=$("$(dirname "${BASH_SOURCE[0]}")/cache.sh")/venv
hash=$({ cat "$requirements"; python3 --version; uname -m; } | sha256sum)
folder=$cache/$name-${hash:0:12}
if [[ ! -e $folder/READY ]]; then
	mkdir -p "$cache"
	exec 9>"$cache/$name.lock"
	flock 9
	if [[ ! -e $folder/READY ]]; then
		echo "venv: installing $(grep -cvE '^[[:space:]]*(#|$)' "$requirements") packages of $requirements into $folder" >&2
		rm -rf "$folder"
		# --without-pip and pip --python do without the package python3-venv, which Debian splits off.
		python3 -m venv --without-pip "$folder"
		if ! python3 -m pip --help | grep -q -- --python; then # before 22.3, as Ubuntu 22.04 has it: a newer one does it
			python3 -m pip install -q --no-input --target "$folder/pip" 'pip>=22.3' >&2
			export PYTHONPATH=$folder/pip
		fi
		python3 -m pip --python "$folder/bin/python" install -q --no-input -r "$requirements" >&2
		touch "$folder/READY"
	fi
fi
echo "$folder"
