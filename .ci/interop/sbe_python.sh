#!/bin/sh
# Every message of both schemas, and a session of each product as it was sent and replayed, read by
# the PyPI package sbe: another decoder, in another language.
#
# The last line is `N passed, N failed, N skipped`, one for each message and session; the exit code is 0 unless
# one failed. Without Python or without a way to install the package, everything is one skip.
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-1000}

skip() {
    echo "skipped: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}

command -v python3 >/dev/null 2>&1 || skip "no python3"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Pinned: the faults that the script names are those of this version.
python3 -m pip install --quiet --disable-pip-version-check --target "$scratch/packages" sbe==0.4.3 \
    >"$scratch/pip.log" 2>&1 || skip "pip could not install sbe: $(tail -n 1 "$scratch/pip.log")"
cargo run --quiet --package isochron-codegen-oracle -- "$rounds" >"$scratch/vectors.jsonl"
export PYTHONDONTWRITEBYTECODE=1
python3 .ci/interop/session.py >"$scratch/session.jsonl"
PYTHONPATH="$scratch/packages" \
    python3 .ci/interop/sbe_python.py schemas "$scratch/vectors.jsonl" "$scratch/session.jsonl"
