#!/bin/sh
# The npm package soupbintcp and the PyPI package nasdaq-protocols at our replay server.
#
# The last line is `N passed, N failed, N skipped`; the exit code is 0 unless something failed. What
# cannot be installed here is skipped.
set -eu
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

command -v python3 >/dev/null 2>&1 || {
    echo "skipped: no python3"
    echo "0 passed, 0 failed, 10 skipped"
    exit 0
}
node=$scratch/node/node_modules python=$scratch/python
# Pinned: what the scripts say of them is true of these versions.
if ! command -v npm >/dev/null 2>&1; then
    echo "skipped: no npm"
    node=-
elif ! npm install --silent --no-audit --no-fund --prefix "$scratch/node" soupbintcp@1.0.2 \
    >"$scratch/npm.log" 2>&1; then
    echo "skipped: npm could not install soupbintcp: $(tail -n 1 "$scratch/npm.log")"
    node=-
fi
if ! python3 -m pip install --quiet --disable-pip-version-check --target "$python" \
    nasdaq-protocols==1.3.0 >"$scratch/pip.log" 2>&1; then
    echo "skipped: pip could not install nasdaq-protocols: $(tail -n 1 "$scratch/pip.log")"
    python=-
fi
PYTHONDONTWRITEBYTECODE=1 python3 .ci/interop/soup_peers.py "$node" "$python"
