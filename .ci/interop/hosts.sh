# Hosts of their own on one machine, for the labs that source this: network namespaces, a bridge for
# each line between them, and losses that nftables makes. Not a program.
#
# A lab names its `hosts` and its `lines` first. With the line a:77, host n (from 1) is 10.77.0.n on
# it and sends the groups 239.77.0.0/16 there. Where hosts cannot be made, the lab ends with one
# skip: it takes root, ip, nft and python3, of which ip and nft are installed where that may be.

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

# Nothing is left behind in the folder of the scripts either.
export PYTHONDONTWRITEBYTECODE=1

# All names begin with it: two labs may run beside each other.
prefix=iso$(($$ % 100000))
scratch=$(mktemp -d)
# The lab's processes that run, by a name.
declare -A pids=()

# Leaves nothing behind, however it ends. A namespace takes its ends of the cables with it.
clean_up() {
    for pid in "${pids[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    nft delete table bridge "$prefix" 2>/dev/null || true
    for host in "${!hosts[@]}"; do
        ip netns del "$prefix-$((host + 1))" 2>/dev/null || true
    done
    for line in "${lines[@]}"; do
        ip link del "$prefix${line%:*}" 2>/dev/null || true
    done
    umount "$scratch"/* 2>/dev/null || true
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

lay_cables() {
    for line in "${lines[@]}"; do
        ip link add "$prefix${line%:*}" type bridge mcast_snooping 0
        ip link set "$prefix${line%:*}" up
    done
    for host in "${!hosts[@]}"; do
        local number=$((host + 1)) namespace=$prefix-$((host + 1))
        ip netns add "$namespace"
        ip -n "$namespace" link set lo up
        for line in "${lines[@]}"; do
            local name=${line%:*} net=${line#*:}
            ip link add "$prefix$name$number" type veth peer name "line-$name" netns "$namespace"
            ip link set "$prefix$name$number" master "$prefix$name" up
            ip -n "$namespace" addr add "10.$net.0.$number/24" dev "line-$name"
            ip -n "$namespace" link set "line-$name" up multicast on
            ip -n "$namespace" route add "239.$net.0.0/16" dev "line-$name"
        done
    done
}

number_of() {
    for host in "${!hosts[@]}"; do
        [ "${hosts[host]}" = "$1" ] && echo $((host + 1)) && return
    done
}

# A host loses so many of 100 datagrams of each kind that is named, each kind by itself.
lose() {
    local number=$1 percent=$2
    shift 2
    {
        echo 'table inet lab {'
        echo '  chain losses {'
        echo '    type filter hook input priority 0; policy accept;'
        for kind in "$@"; do
            echo "    $kind numgen random mod 100 < $percent counter drop"
        done
        echo '  }'
        echo '}'
    } | ip netns exec "$prefix-$number" nft -f -
}

# It loses nothing more; shows what it lost.
lose_no_more() {
    ip netns exec "$prefix-$1" nft list table inet lab
    ip netns exec "$prefix-$1" nft delete table inet lab
}

# Pulls a host's cables of these lines, and puts them back some seconds later.
pull() {
    local number=$1 seconds=$2
    shift 2
    for line in "$@"; do ip link set "$prefix$line$number" down; done
    sleep "$seconds"
    for line in "$@"; do ip link set "$prefix$line$number" up; done
}
