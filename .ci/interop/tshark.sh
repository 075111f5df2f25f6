#!/bin/sh
# tshark with the generated dissector: every message of the market data schema, groups and data of the
# test schemas, and a session of ours as it is sent: both lines, a re-request, a replay over TCP.
#
# The last line is `N passed, N failed, N skipped`; the exit code is 0 unless something failed. It
# installs tshark and ethtool where it may.
set -eu
cd "$(dirname "$0")/../.."

skip() {
    echo "skipped: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}

command -v python3 >/dev/null 2>&1 || skip "no python3"
if ! command -v tshark >/dev/null 2>&1 || ! command -v ethtool >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends tshark ethtool; } \
        >/dev/null 2>&1 || true
fi
command -v tshark >/dev/null 2>&1 || skip "no tshark, and none could be installed"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PYTHONDONTWRITEBYTECODE=1

cargo run --quiet --package isochron-codegen-oracle -- 50 >"$scratch/vectors.jsonl"
for schema in car groups2; do
    cargo run --quiet --package isochron-codegen -- \
        --dissector "codegen/tests/schemas/$schema.xml" "$schema" >"$scratch/$schema.lua"
done
set -- schemas/market-data.xml docs/protocols/isochron.lua isochron
python3 .ci/interop/tshark.py vectors "$1" "$scratch/vectors.jsonl" "$2" "$3" >"$scratch/1" || true
python3 .ci/interop/tshark.py groups "$scratch" >"$scratch/2" || true

# A network of its own: nobody else's datagrams, and large ones are cut before they are captured.
# Built before: the exchange is not compiled in there.
cargo build --quiet --bin isochron
alone="ip link set lo up && ethtool -K lo tx-udp-segmentation off"
if unshare --net --map-root-user sh -c "$alone" >"$scratch/why" 2>&1; then
    # shellcheck disable=SC2016
    unshare --net --map-root-user sh -c "$alone"' >/dev/null && exec "$@"' sh \
        python3 .ci/interop/tshark.py session "$@" >"$scratch/3" || true
else
    echo "skipped: no network namespace: $(tail -n 1 "$scratch/why")" >"$scratch/3"
    echo "0 passed, 0 failed, 1 skipped" >>"$scratch/3"
fi

# One line for all; a part that said nothing at its end has failed.
for part in 1 2 3; do
    tail -n 1 "$scratch/$part" | grep -Eq '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' ||
        echo "0 passed, 1 failed, 0 skipped" >>"$scratch/$part"
    sed '$d' "$scratch/$part"
done
for part in 1 2 3; do tail -n 1 "$scratch/$part"; done |
    awk '{ p += $1; f += $3; s += $5 }
         END { print p " passed, " f " failed, " s " skipped"; exit f > 0 }'
