#!/bin/sh
# The crate moldudp, a foreign MoldUDP64 client, on our feed with losses and at our re-request server.
#
# The last line is `N passed, N failed, N skipped`; the exit code is 0 unless something failed. The
# peer is built here and nowhere else: it is not of our workspace.
set -eu
cd "$(dirname "$0")/../.."

skip() {
    echo "skipped: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}

command -v python3 >/dev/null 2>&1 || skip "no python3"
target=${CARGO_TARGET_DIR:-$PWD/target}/interop
peer=.ci/interop/moldudp/Cargo.toml
cargo fetch --quiet --locked --manifest-path "$peer" 2>/dev/null || skip "moldudp cannot be fetched"
cargo build --quiet --locked --manifest-path "$peer" --target-dir "$target"
PYTHONDONTWRITEBYTECODE=1 python3 .ci/interop/moldudp.py "$target/debug/isochron-interop-moldudp"
