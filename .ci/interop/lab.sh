#!/usr/bin/env bash
# The loss drill between hosts of their own: network namespaces, a bridge for each line, and faults
# that nftables and pulled cables make.
#
#   exchange ═ line A ═╦═ clean ═ loss-a ═ loss-both ═ pull-a ═ cut ═ late
#            ═ line B ═╩═ (each host has a cable of its own to each line; repair goes over B's)
#
# Every subscriber must end with code 0 and the engine's books, and the repair that its fault asks
# for must be in its report. The last line is `N passed, N failed, N skipped`, one for each host;
# the exit code is 0 unless one failed.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

hosts=(exchange clean loss-a loss-both pull-a cut late)
lines=(a:77 b:78)
. .ci/interop/hosts.sh

subscribe() {
    local host=$1 number
    number=$(number_of "$host")
    ISOCHRON_PASSWORD=lab ip netns exec "$prefix-$number" \
        "$program" subscribe --json --idle-timeout 30 \
        --group 239.77.1.3 --port 40003 --interface "10.77.0.$number" \
        --group-b 239.78.1.3 --port-b 41003 --interface-b "10.78.0.$number" \
        --rerequest 10.78.0.1:42003 --replay 10.78.0.1:42001 --snapshot 10.78.0.1:42002 \
        --user lab >"$scratch/$host.json" 2>"$scratch/$host.log" &
    pids[$host]=$!
}

# Runs components of the exchange, and waits until they are ready.
serve() {
    local name=$1
    shift
    ip netns exec "$prefix-1" "$program" serve --config "$scratch/exchange.toml" "$@" \
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

line_a="ip daddr 239.77.0.0/16" line_b="ip daddr 239.78.0.0/16"
lose "$(number_of loss-a)" 5 "$line_a"
lose "$(number_of loss-both)" 5 "$line_a" "$line_b"
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
    lose_no_more "$(number_of "$host")" >"$scratch/$host.nft"
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
