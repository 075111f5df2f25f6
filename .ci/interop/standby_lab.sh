#!/usr/bin/env bash
# The story of the standbys between hosts of their own: network namespaces on one bridge, real
# processes, and faults that nftables, pulled cables and signals make.
#
#   one, the primary ═╦═ two, a standby    paused; promoted when one is killed
#                     ╚═ three, a standby  loses 2 of 100, hears nothing of one, is cut off, killed
#
# Orders are sent to the primary all the while. In the end the logs must be one log, all that the
# killed primary had confirmed must be in it, and re-executing it must come to the same state at
# each node. The last line is `N passed, N failed, N skipped`; the exit code is 0 unless one failed.
# It installs ip and nft where it may; without root, one of them or python3, everything is one skip.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

skip() {
    echo "skipped: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}

[ "$(id -u)" = 0 ] || skip "network namespaces need root"
if ! command -v ip >/dev/null 2>&1 || ! command -v nft >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends iproute2 nftables; } \
        >/dev/null 2>&1 || true
fi
for tool in ip nft python3; do
    command -v "$tool" >/dev/null 2>&1 || skip "no $tool"
done

# All names begin with it: two of these may run beside each other.
prefix=iss$(($$ % 100000))
scratch=$(mktemp -d)
declare -A pids=()

# Leaves nothing behind, however it ends. A namespace takes its ends of the cables with it.
clean_up() {
    for pid in "${pids[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    for node in 1 2 3; do
        ip netns del "$prefix-$node" 2>/dev/null || true
    done
    ip link del "${prefix}b" 2>/dev/null || true
    nft delete table bridge "$prefix" 2>/dev/null || true
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Node n is 10.77.0.n.
lay_cables() {
    ip link add "${prefix}b" type bridge mcast_snooping 0
    ip link set "${prefix}b" up
    for node in 1 2 3; do
        local namespace=$prefix-$node
        ip netns add "$namespace"
        ip -n "$namespace" link set lo up
        ip link add "${prefix}v$node" type veth peer name eth0 netns "$namespace"
        ip link set "${prefix}v$node" master "${prefix}b" up
        ip -n "$namespace" addr add "10.77.0.$node/24" dev eth0
        ip -n "$namespace" link set eth0 up multicast on
        ip -n "$namespace" route add 239.0.0.0/8 dev eth0
    done
}

configure() {
    local node=$1 key
    key=$(printf '5f%.0s' $(seq 32))
    cat <<END
[exchange]
node = $node
[store]
directory = "store$node"
term_bytes = 4_194_304
[market_data]
products = ["l3"]
line_a.interface = "10.77.0.$node"
line_b.enabled = false
[recovery]
enabled = false
[[sources]]
id = 2
ring = "orders$node.ring"
ring_bytes = 1_048_576
[replication]
channel = "aeron:udp?endpoint=239.77.9.1:40456|interface=10.77.0.$node"
key = "$key"
END
    for other in 1 2 3; do
        printf '[[replication.nodes]]\nnode = %s\n' "$other"
        printf 'control = "10.77.0.%s:40457"\ncatch_up = "10.77.0.%s:40458"\n' "$other" "$other"
    done
}

# Runs a program at a node.
at() {
    local node=$1
    shift
    ip netns exec "$prefix-$node" "$program" "$@"
}

start() {
    local node=$1 command=$2
    shift 2
    # Not `at`: the process id is to be the program's.
    ip netns exec "$prefix-$node" "$program" "$command" --config "$scratch/node$node.toml" "$@" \
        >>"$scratch/node$node.log" 2>&1 &
    pids[$node]=$!
}

# Sends orders to a node, from a process of its own, until they are many or it is killed.
trade() {
    local node=$1
    shift
    wait_for "node $node has its ring" test -e "$scratch/orders$node.ring"
    "$program" send --ring "$scratch/orders$node.ring" --store "$scratch/store$node" \
        --rate 1000 "$@" >>"$scratch/trade$node.log" 2>&1 &
    pids[trade]=$!
}

# Waits until a command succeeds.
wait_for() {
    local what=$1
    shift
    for _ in $(seq 1200); do
        "$@" && return
        sleep 0.1
    done
    echo "it did not come to this: $what"
    tail -n 20 "$scratch"/node?.log
    return 1
}

# A position in a node's control page: published 128, committed 384.
position() {
    od -A n -t u8 -j "$2" -N 8 "$scratch/store$1/control" 2>/dev/null | tr -d ' ' || echo 0
}

# Whether a node has committed so much.
has() { [ "$(position "$1" 384)" -ge "$2" ]; }

said() { grep -q "$2" "$scratch/node$1.log"; }

# Everybody has what the writer has committed by now, and some time of trading more.
catch_up() {
    local writer=$1 target
    target=$(($(position "$writer" 384) + 65536))
    for node in 1 2 3; do
        [ -z "${pids[$node]:-}" ] || wait_for "node $node has $target, $2" has "$node" "$target"
    done
    echo "all have $target: $2"
}

cargo build --quiet --bin isochron
program=${CARGO_TARGET_DIR:-target}/debug/isochron
lay_cables || skip "no network namespaces, bridges or veth here"
for node in 1 2 3; do configure "$node" >"$scratch/node$node.toml"; done

start 2 standby
start 3 standby
start 1 serve
wait_for "node 1 is the primary" said 1 "this node is the primary"
trade 1 --seconds 600
catch_up 1 "from an empty directory"

ip netns exec "$prefix-3" nft -f - <<'END'
table inet lab {
  chain losses {
    type filter hook input priority 0; policy accept;
    ip daddr 239.77.9.1 numgen random mod 100 < 2 counter drop
  }
}
END
sleep 4
catch_up 1 "node 3 loses 2 of 100"
ip netns exec "$prefix-3" nft list table inet lab >"$scratch/losses"
ip netns exec "$prefix-3" nft delete table inet lab

nft -f - <<END
table bridge $prefix {
  chain forw {
    type filter hook forward priority 0; policy accept;
    iifname "${prefix}v1" oifname "${prefix}v3" counter drop
  }
}
END
sleep 3
nft list table bridge "$prefix" >"$scratch/partition"
nft delete table bridge "$prefix"
catch_up 1 "node 3 heard nothing of node 1 for 3 s"

ip link set "${prefix}v3" down
sleep 2
ip link set "${prefix}v3" up
catch_up 1 "node 3 was cut off for 2 s"

kill -KILL "${pids[3]}"
wait "${pids[3]}" 2>/dev/null || true
sleep 2
start 3 standby
catch_up 1 "node 3 was killed"

kill -STOP "${pids[2]}"
sleep 3
kill -CONT "${pids[2]}"
catch_up 1 "node 2 was paused for 3 s"

kill -KILL "${pids[1]}" "${pids[trade]}"
wait "${pids[1]}" "${pids[trade]}" 2>/dev/null || true
unset 'pids[1]' 'pids[trade]'
cp -r "$scratch/store1" "$scratch/killed"
at 2 promote --config "$scratch/node2.toml"
wait_for "node 2 is the primary" said 2 "this node is the primary"
start 1 standby
wait_for "node 1 follows node 2" said 1 "follows epoch=.* node=2"
trade 2 --no-setup --seconds 600
catch_up 2 "node 1 was killed, node 2 promoted"
kill -KILL "${pids[trade]}"
wait "${pids[trade]}" 2>/dev/null || true
unset 'pids[trade]'
# What is in the ring is executed yet; then the log grows by ticks alone.
sleep 1
target=$(position 2 128)
for node in 1 2 3; do wait_for "node $node has $target" has "$node" "$target"; done

for node in 2 1 3; do
    code=0
    kill -TERM "${pids[$node]}"
    wait "${pids[$node]}" || code=$?
    echo "$code" >"$scratch/node$node.code"
done
pids=()
for node in 1 2 3; do
    "$program" verify "$scratch/store$node" --json >"$scratch/verify$node.json" || true
done
python3 .ci/interop/standby_lab.py "$scratch"
