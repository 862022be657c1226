#!/usr/bin/env bash
# Prints the folder in which everything is kept that is built or fetched for videoqa: videoqa below XDG_CACHE_HOME, or below
# ~/.cache where that is unset, empty, or a relative path, which the XDG base directory rules have everybody ignore.
set -euo pipefail
base=${XDG_CACHE_HOME:-}
[[ $base == /* ]] || base=${HOME:?neither XDG_CACHE_HOME nor HOME names an absolute path, so there is no place for a cache}/.cache
echo "$base/videoqa"
