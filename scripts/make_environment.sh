#!/usr/bin/env bash
# Make a virtual environment with a Python of at least 3.11, or say in one sentence what is missing.
#
#     scripts/make_environment.sh FOLDER [PYTHON]
set -euo pipefail

folder=$1
candidates=(${2:-python3 python3.13 python3.12 python3.11})

is_recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

works() {
    is_recent "$folder/bin/python" && "$folder/bin/python" -m pip --version >/dev/null 2>&1
}

works && exit 0 # also an environment that somebody made by hand

for python in "${candidates[@]}"; do
    if is_recent "$python"; then
        echo "Making $folder with $("$python" --version)"
        if ! "$python" -c 'import ensurepip' >/dev/null 2>&1; then
            # Debian keeps what makes environments in a package of its own.
            version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
            if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null ||
                ! (apt-get update -qq && apt-get install -y -qq "python$version-venv") >/dev/null 2>&1; then
                echo "Python's venv module is missing; on Debian: apt-get install python$version-venv" >&2
                exit 1
            fi
        fi
        "$python" -m venv --clear "$folder" # --clear: what a stopped run left is of no use
        works && exit 0
        echo "$folder: the environment that $python made has no pip; PYTHON=/path/to/python chooses another" >&2
        exit 1
    fi
done
echo "No Python of at least 3.11 among: ${candidates[*]}; install one, or name it: make demo PYTHON=/path/to/python" >&2
exit 1
