#!/usr/bin/env bash
# Install the programs that some tests run, where that is possible: as root on Debian. Elsewhere say which are
# missing; the tests that need them skip and say so.
set -euo pipefail

missing=()
for program in espeak-ng flite chromium npm; do # each is also the name of its package
    command -v "$program" >/dev/null || missing+=("$program")
done
[ ${#missing[@]} = 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing ${missing[*]}"
    if (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}") >/dev/null 2>&1
    then
        exit 0
    fi
fi
echo "Missing: ${missing[*]}; the tests that need it will skip (on Debian: apt-get install ${missing[*]})" >&2
