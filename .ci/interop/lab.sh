#!/usr/bin/env bash
# The loss drill between hosts of their own: network namespaces, a bridge for each line, and faults
# that nftables and pulled cables make.
#
#   exchange ═ line A ═╦═ clean ═ loss-a ═ loss-both ═ pull-a ═ cut ═ late
#            ═ line B ═╩═ (each host has a cable of its own to each line; repair goes over B's)
#
# Every subscriber must end with code 0 and the engine's books, and the repair that its fault asks
# for must be in its report. The last line is `N passed, N failed, N skipped`, one for each host;
# the exit code is 0 unless one failed. It installs ip and nft where it may; without root, one of
# them or python3, everything is one skip.
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

hosts=(exchange clean loss-a loss-both pull-a cut late)
# All names begin with it: two of these may run beside each other.
prefix=iso$(($$ % 100000))
scratch=$(mktemp -d)
declare -A pids=()

# Leaves nothing behind, however it ends. A namespace takes its ends of the cables with it.
clean_up() {
    for pid in "${pids[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    for number in "${!hosts[@]}"; do
        ip netns del "$prefix-$number" 2>/dev/null || true
    done
    ip link del "${prefix}a" 2>/dev/null || true
    ip link del "${prefix}b" 2>/dev/null || true
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Host n is 10.77.0.(n + 1) on line A and 10.78.0.(n + 1) on line B.
lay_cables() {
    ip link add "${prefix}a" type bridge mcast_snooping 0
    ip link add "${prefix}b" type bridge mcast_snooping 0
    ip link set "${prefix}a" up
    ip link set "${prefix}b" up
    for number in "${!hosts[@]}"; do
        local namespace=$prefix-$number
        ip netns add "$namespace"
        ip -n "$namespace" link set lo up
        for line in a:77 b:78; do
            local name=${line%:*} net=${line#*:}
            ip link add "$prefix$name$number" type veth peer name "line-$name" netns "$namespace"
            ip link set "$prefix$name$number" master "$prefix$name" up
            ip -n "$namespace" addr add "10.$net.0.$((number + 1))/24" dev "line-$name"
            ip -n "$namespace" link set "line-$name" up multicast on
            ip -n "$namespace" route add "239.$net.0.0/16" dev "line-$name"
        done
    done
}

# A host loses 5 of 100 datagrams of each line that is named, each by itself.
lose() {
    local number=$1
    shift
    {
        echo 'table inet lab {'
        echo '  chain losses {'
        echo '    type filter hook input priority 0; policy accept;'
        for net in "$@"; do
            echo "    ip daddr 239.$net.0.0/16 numgen random mod 100 < 5 counter drop"
        done
        echo '  }'
        echo '}'
    } | ip netns exec "$prefix-$number" nft -f -
}

# Pulls a host's cables of these lines, and puts them back some seconds later.
pull() {
    local number=$1 seconds=$2
    shift 2
    for line in "$@"; do ip link set "$prefix$line$number" down; done
    sleep "$seconds"
    for line in "$@"; do ip link set "$prefix$line$number" up; done
}

number_of() {
    for number in "${!hosts[@]}"; do
        [ "${hosts[number]}" = "$1" ] && echo "$number" && return
    done
}

subscribe() {
    local host=$1 number
    number=$(number_of "$host")
    ISOCHRON_PASSWORD=lab ip netns exec "$prefix-$number" \
        "$program" subscribe --json --idle-timeout 30 \
        --group 239.77.1.3 --port 40003 --interface "10.77.0.$((number + 1))" \
        --group-b 239.78.1.3 --port-b 41003 --interface-b "10.78.0.$((number + 1))" \
        --rerequest 10.78.0.1:42003 --replay 10.78.0.1:42001 --snapshot 10.78.0.1:42002 \
        --user lab >"$scratch/$host.json" 2>"$scratch/$host.log" &
    pids[$host]=$!
}

# Runs components of the exchange, and waits until they are ready.
serve() {
    local name=$1
    shift
    ip netns exec "$prefix-0" "$program" serve --config "$scratch/exchange.toml" "$@" \
        >"$scratch/$name.log" 2>&1 &
    pids[$name]=$!
    for _ in $(seq 300); do
        grep -q ready "$scratch/$name.log" && return
        kill -0 "${pids[$name]}" 2>/dev/null || break
        sleep 0.1
    done
    echo "$name did not become ready:"
    cat "$scratch/$name.log"
    return 1
}

cargo build --quiet --bin isochron
program=${CARGO_TARGET_DIR:-target}/debug/isochron
lay_cables || skip "no network namespaces, bridges or veth here"
cat >"$scratch/exchange.toml" <<END
[store]
directory = "store"
[market_data]
products = ["l3"]
ttl = 1
end_session_at_stop = true
[market_data.line_a]
interface = "10.77.0.1"
[market_data.line_b]
interface = "10.78.0.1"
[recovery]
replay = "10.78.0.1:42001"
snapshots = "10.78.0.1:42002"
rerequests = "10.78.0.1:42003"
rerequest_networks = ["10.78.0.0/24"]
[[recovery.users]]
name = "lab"
password = "$(printf lab | "$program" password)"
END

lose "$(number_of loss-a)" 77
lose "$(number_of loss-both)" 77 78
for host in clean loss-a loss-both pull-a cut; do subscribe "$host"; done
serve exchange --only core,market-data --flow mix --rate 2000
serve recovery --only recovery
sleep 4
pull "$(number_of pull-a)" 1 a &
pull "$(number_of cut)" 2 a b &
sleep 4
subscribe late
sleep 4
# The cables hold while the session ends: its last words are not repeated for ever.
for host in loss-a loss-both; do
    ip netns exec "$prefix-$(number_of "$host")" nft list table inet lab >"$scratch/$host.nft"
    ip netns exec "$prefix-$(number_of "$host")" nft delete table inet lab
done
sleep 1
kill -TERM "${pids[exchange]}"
wait "${pids[exchange]}" || echo "the exchange ended with code $?"
for host in "${hosts[@]:1}"; do
    code=0
    wait "${pids[$host]}" || code=$?
    echo "$code" >"$scratch/$host.code"
done
kill -TERM "${pids[recovery]}"
wait "${pids[recovery]}" || echo "recovery ended with code $?"
pids=()
for symbol in S001 S050 S100; do
    "$program" inspect "$scratch/store" --book "$symbol" --json >"$scratch/$symbol.book"
done
python3 .ci/interop/lab.py "$scratch"
