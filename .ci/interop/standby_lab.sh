#!/usr/bin/env bash
# The story of the standbys between hosts of their own: real processes, and faults that nftables,
# pulled cables, signals and a small disk make.
#
#   one, the primary ═╦═ two, a standby    paused; promoted when one is cut off; killed as primary
#        outside, a   ╠═ three, a standby  loses, is deaf, is cut off, killed, emptied, loses its
#        subscriber ══╝                    power, its disk is full; promoted when two is killed
#
# Orders are sent to the primary all the while. After each fault all nodes must have what was
# committed by then, and more. In the end the logs must be one log, all that a deposed or killed
# primary had confirmed must be in it, executing it again must come to one state, and the books of
# the subscriber, who heard three primaries, must be the engine's. The last line is `N passed, N
# failed, N skipped`, one for each part of the story and each thing judged; the first part that
# does not come to its end ends it. The exit code is 0 unless one failed.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

hosts=(one two three outside)
lines=(a:77)
. .ci/interop/hosts.sh

# A part of the story begins, and so the one before it came to its end.
passed=0 part=
part() {
    if [ -n "$part" ]; then
        passed=$((passed + 1))
        echo "ok: $part"
    fi
    part=$1
}

# Where a part did not come to its end, that is said, with what the nodes said last.
finish() {
    local code=$?
    if [ -n "$part" ]; then
        echo "FAILED: $part"
        tail -n 20 "$scratch"/*.log
        echo "$passed passed, 1 failed, 0 skipped"
    fi
    clean_up
    exit "$code"
}
trap finish EXIT

configure() {
    local node=$1
    cat <<CONFIGURATION
[exchange]
node = $node
[store]
directory = "store$node"
term_bytes = 1_048_576
[snapshots]
every_commands = 10_000
[market_data]
products = ["l3"]
ttl = 1
end_session_at_stop = true
line_a.interface = "10.77.0.$node"
line_b.enabled = false
[recovery]
replay = "10.77.0.$node:42001"
snapshots = "10.77.0.$node:42002"
rerequests = "10.77.0.$node:42003"
rerequest_networks = ["10.77.0.0/24"]
[[recovery.users]]
name = "lab"
password = "$password"
[[sources]]
id = 2
ring = "orders$node.ring"
ring_bytes = 1_048_576
[replication]
channel = "aeron:udp?endpoint=239.77.9.1:40456|interface=10.77.0.$node"
key = "$(printf '5f%.0s' {1..32})"
CONFIGURATION
    for other in 1 2 3; do
        printf '[[replication.nodes]]\nnode = %s\n' "$other"
        printf 'control = "10.77.0.%s:40457"\ncatch_up = "10.77.0.%s:40458"\n' "$other" "$other"
    done
}

# Becomes a program on a host, under the boot of the machine that its file names, if it has one.
at() {
    local host=$1
    shift
    if [ -e "$scratch/boot$host" ]; then
        exec ip netns exec "$prefix-$host" sh -c \
            'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"' \
            "$scratch/boot$host" "$program" "$@"
    fi
    exec ip netns exec "$prefix-$host" "$program" "$@"
}

start() {
    local node=$1 command=$2
    at "$node" "$command" --config "$scratch/node$node.toml" >>"$scratch/node$node.log" 2>&1 &
    pids[$node]=$!
}

# A program on a host hears the log's group too, as a watcher there would.
watch() {
    ip netns exec "$prefix-$1" python3 - "10.77.0.$1" <<'PROGRAM' &
import socket, sys, time
group = socket.inet_aton("239.77.9.1") + socket.inet_aton(sys.argv[1])
watcher = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
watcher.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
time.sleep(36_000)
PROGRAM
    pids[watcher]=$!
}

# Sends orders to a node, from a process of its own, until it is killed.
trade() {
    local node=$1
    shift
    wait_for "node $node has its ring" test -e "$scratch/orders$node.ring"
    at "$node" send --ring "$scratch/orders$node.ring" --store "$scratch/store$node" \
        --rate 1000 --seed "$node" --seconds 600 "$@" >>"$scratch/trade$node.log" 2>&1 &
    pids[trade]=$!
}

follow() {
    local repair=() node
    for node in 1 2 3; do repair+=(--rerequest "10.77.0.$node:42003"); done
    ISOCHRON_PASSWORD=lab at 4 subscribe --json --idle-timeout 60 \
        --group 239.77.1.3 --port 40003 --interface 10.77.0.4 "${repair[@]}" \
        --replay 10.77.0.3:42001 --snapshot 10.77.0.3:42002 --user lab \
        >"$scratch/outside.json" 2>"$scratch/outside.log" &
    pids[outside]=$!
}

# Ends processes as a loss of power would, without a word.
kill_9() {
    for name in "$@"; do
        kill -KILL "${pids[$name]}"
        wait "${pids[$name]}" 2>/dev/null || true
        unset "pids[$name]"
    done
}

# Ends a process in order, which it must do.
stop() {
    kill -TERM "${pids[$1]}"
    wait "${pids[$1]}"
    unset "pids[$1]"
}

# Makes the first of these nodes the primary that no other is ahead of: whom a refusal names, as an
# operator would.
promote() {
    local told
    for primary in "$@"; do
        told=$(at "$primary" promote --config "$scratch/node$primary.toml") && break
        echo "node $primary: $told"
        told=
    done
    [ -n "$told" ]
    wait_for "$told" said "$primary" "this node is the primary epoch=${told##* }"
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
    return 1
}

# Positions of a node, in its control page.
position() { od -A n -t u8 -j "$2" -N 8 "$scratch/store$1/control" 2>/dev/null | tr -d ' '; }
published() { position "$1" 128; }
committed() { position "$1" 384; }

# Whether a node has committed so much; the one that is being filled has no page yet.
has() {
    local now
    now=$(committed "$1")
    [ "${now:-0}" -ge "$2" ]
}

said() { grep -q "$2" "$scratch/node$1.log"; }

# The nodes have what the writer has committed by now, and some more: a time of trading.
come_along() {
    local writer=$1 target node
    shift
    target=$(($(committed "$writer") + 65536))
    for node in "$writer" "$@"; do
        wait_for "node $node has $target" has "$node" "$target"
    done
}

# What comes from one host does not reach another.
sever() {
    nft -f - <<RULES
table bridge $prefix {
  chain forw {
    type filter hook forward priority 0; policy accept;
$(for link in "$@"; do
        echo "    iifname \"${prefix}a${link%:*}\" oifname \"${prefix}a${link#*:}\" counter drop"
    done)
  }
}
RULES
}

# All links are whole again; shows what was held back.
mend() {
    nft list table bridge "$prefix"
    nft delete table bridge "$prefix"
}

cargo build --quiet --bin isochron
program=${CARGO_TARGET_DIR:-target}/debug/isochron
password=$(printf lab | "$program" password)
lay_cables || skip "no network namespaces, bridges or veth here"
mkdir "$scratch/store3"
mount -t tmpfs -o size=160m tmpfs "$scratch/store3" || skip "no tmpfs can be mounted here"
for node in 1 2 3; do configure "$node" >"$scratch/node$node.toml"; done

part "three nodes begin with empty directories"
follow
start 2 standby
start 3 standby
start 1 serve
# What is sent to a group that its host has joined still leaves the host.
watch 1
wait_for "node 1 is the primary" said 1 "this node is the primary"
trade 1
come_along 1 2 3

part "node 3 loses 5 of 100 datagrams"
lose 3 5 "meta l4proto udp"
sleep 2
come_along 1 2 3
lose_no_more 3 >"$scratch/lost-by-one"

part "every node loses 5 of 100 datagrams"
for node in 1 2 3; do lose "$node" 5 "meta l4proto udp"; done
sleep 2
come_along 1 2 3
for node in 1 2 3; do lose_no_more "$node"; done >"$scratch/lost-by-all"

part "node 3 hears nothing of node 1, which hears it"
sever 1:3
come_along 1 2
sleep 2
mend >"$scratch/held-back"
come_along 1 2 3

part "the cable of node 3 is pulled"
pull 3 2 a
come_along 1 2 3

part "node 3 is killed and started again"
kill_9 3
come_along 1 2
start 3 standby
come_along 1 2 3

part "node 3 loses its directory and is filled from another node, snapshot first"
kill_9 3
find "$scratch/store3" -mindepth 1 -delete
come_along 1 2
start 3 standby
come_along 1 2 3
said 3 "the directory is filled begins=[1-9]"

part "node 3 loses its power, and of what was not synced each second page"
kill_9 3
python3 .ci/interop/standby_lab.py lose-power "$scratch/store3"
tr 0-9a-f 1-9a-f0 </proc/sys/kernel/random/boot_id >"$scratch/boot3"
start 3 standby
come_along 1 2 3
said 3 "no vote before it has caught up"
wait_for "node 3 may vote again" said 3 "nothing that was acknowledged is missing"

part "the disk of node 3 is full, and has space again"
dd if=/dev/zero of="$scratch/store3/filler" bs=64k 2>/dev/null || true
lags() { [ $(($(committed 1) - $(published 3))) -gt 1048576 ]; }
wait_for "node 3 takes nothing more" lags
rm "$scratch/store3/filler"
come_along 1 2 3

part "node 2 is paused for 12 s"
kill -STOP "${pids[2]}"
come_along 1 3
sleep 12
kill -CONT "${pids[2]}"
come_along 1 2 3

part "node 1 is cut off from the others and confirms nothing; one is promoted; node 1 follows"
sever 1:2 2:1 1:3 3:1
sleep 1
alone=$(committed 1)
sleep 2
[ "$(committed 1)" = "$alone" ]
cp -r "$scratch/store1" "$scratch/deposed"
kill_9 trade
promote 2 3
other=$((5 - primary))
trade "$primary" --no-setup
come_along "$primary" "$other"
mend >>"$scratch/held-back"
wait_for "node 1 follows node $primary" said 1 "follows epoch=.* node=$primary"
come_along "$primary" 1 "$other"

part "that one is killed under load; another is promoted; it follows"
killed=$primary
kill_9 "$killed" trade
cp -r "$scratch/store$killed" "$scratch/killed"
promote "$other" 1
start "$killed" standby
trade "$primary" --no-setup
come_along "$primary" 1 2 3

part "all end in order"
kill_9 trade
# What is in the ring is executed yet; then the log grows by ticks alone.
sleep 2
stop "$primary"
holds_all() { [ "$(published "$1")" = "$(published "$primary")" ]; }
for node in 1 2 3; do
    [ "$node" != "$primary" ] || continue
    wait_for "node $node holds all" holds_all "$node"
    stop "$node"
done
code=0
wait "${pids[outside]}" || code=$?
unset 'pids[outside]'
echo "$code" >"$scratch/outside.code"
part ""

for node in 1 2 3; do
    "$program" verify "$scratch/store$node" --json >"$scratch/verify$node.json" || true
done
for symbol in S001 S050 S100; do
    "$program" inspect "$scratch/store1" --book "$symbol" --json >"$scratch/$symbol.book"
done
python3 .ci/interop/standby_lab.py judge "$scratch" "$passed"
