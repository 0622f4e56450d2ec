#!/usr/bin/env bash
# Runs a command on two hosts, as it were: network namespaces of this machine, joined by a link of a rate that is kept in both directions.
#   pipelines/two-hosts.sh RATE COMMAND…     RATE as of tc: 1gbit, 10gbit, or max
# The command runs on host-a. There, $MPIEXEC starts one rank on each host: mpiexec of MPICH if it is installed, else Open MPI's, or what
# IMPLEMENTATION=mpich|openmpi says, and `on-host host-b COMMAND…` runs a command on the other one; `link down` and `link up` cut and
# mend the link. Ranks talk by TCP alone, since a real network's hosts share no memory.
#   pipelines/two-hosts.sh 10gbit sh -c '$MPIEXEC -n 2 .build/release/RankProbe stream 100000000 10'
# Needs root, iproute2, util-linux. The processors are shared: two ranks that compute have half of them each.
set -euo pipefail

fail() { echo "two-hosts.sh: $1" >&2; exit "$2"; }

[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 64; }
rate=$1
shift
[ "$1" != -- ] || shift
[ "$(id -u)" = 0 ] || fail "network namespaces are made by root; try: sudo $0 …" 69
for program in ip tc unshare nsenter; do
    command -v $program > /dev/null || fail "$program is missing; try: apt install iproute2 util-linux" 69
done

implementation=${IMPLEMENTATION:-}
if [ -z "$implementation" ]; then
    implementation=mpich
    command -v mpiexec.mpich > /dev/null || implementation=openmpi
fi

# Names of this run alone, so that two of them do not meet.
name=contour-$$
folder=$(mktemp -d "${TMPDIR:-/tmp}/two-hosts-XXXXXX")
children=
clean() {
    trap '' INT TERM HUP EXIT
    for host in a b; do
        # What still runs on a host ends with it.
        ip netns pids $name-$host 2> /dev/null | xargs -r kill -KILL 2> /dev/null || true
        ip netns del $name-$host 2> /dev/null || true
        umount "$folder/uts-$host" 2> /dev/null || true
        rm -rf /etc/netns/$name-$host
    done
    rmdir /etc/netns 2> /dev/null || true
    rm -rf "$folder"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

for host in a b; do
    ip netns add $name-$host
    # A name of its own, and what the names of both mean.
    touch "$folder/uts-$host"
    unshare --uts="$folder/uts-$host" hostname host-$host
    mkdir -p /etc/netns/$name-$host
    printf '127.0.0.1 localhost\n10.77.0.1 host-a\n10.77.0.2 host-b\n' > /etc/netns/$name-$host/hosts
    ip -n $name-$host link set lo up
    # A connection puts little into the queue before the link, as before a network card: what comes back would wait behind it.
    ip netns exec $name-$host sh -c 'echo 262144 > /proc/sys/net/ipv4/tcp_limit_output_bytes'
done
ip -n $name-a link add link0 type veth peer name link0 netns $name-b
for host in a b; do
    address=10.77.0.1
    [ $host = a ] || address=10.77.0.2
    ip -n $name-$host address add $address/24 dev link0
    ip -n $name-$host link set link0 up
    [ "$rate" = max ] || ip netns exec $name-$host tc qdisc add dev link0 root handle 1: tbf rate "$rate" burst 256kb limit 8mb
done
# The kernel takes a moment to see that both ends are up.
for host in a b; do
    for _ in $(seq 500); do
        ! ip -n $name-$host -br link show link0 | grep -q ' UP ' || break
        sleep 0.01
    done
done

# on-host HOST COMMAND…: what a launcher takes for ssh: it may put options before the host, and the command may be one word.
cat > "$folder/on-host" << SCRIPT
#!/bin/bash
while [ "\${1#-}" != "\$1" ]; do shift; done
host=\${1#*@}
shift
case \$host in
host-a | host-b) exec ip netns exec $name-\${host#host-} nsenter --uts="$folder/uts-\${host#host-}" /bin/sh -c "\$*" ;;
*) echo "on-host: \$host: is neither host-a nor host-b" >&2; exit 64 ;;
esac
SCRIPT
printf '#!/bin/sh\nip -n %s link set link0 "$1"\n' $name-a > "$folder/link"
case $implementation in
mpich)
    program=$(command -v mpiexec.mpich || command -v mpiexec)
    # UCX would find that both hosts are one machine.
    echo export UCX_TLS=tcp,self UCX_NET_DEVICES=link0
    echo exec "$program" -launcher rsh -launcher-exec "$folder/on-host" -hosts host-a,host-b -ppn 1 -iface link0 '"$@"' ;;
openmpi)
    program=$(command -v mpiexec.openmpi || command -v mpiexec)
    # Its mpiexec is to notice within seconds that the link is cut.
    echo exec "$program" --allow-run-as-root --oversubscribe --mca plm rsh --mca plm_rsh_agent "$folder/on-host" \
        --host host-a:8,host-b:8 --map-by node --bind-to none --mca btl tcp,self --mca pml ob1 --mca btl_tcp_if_include link0 \
        --mca oob_tcp_if_include link0 --mca oob_tcp_keepalive_time 2 --mca oob_tcp_keepalive_intvl 1 \
        --mca oob_tcp_keepalive_probes 3 '"$@"' ;;
*) fail "IMPLEMENTATION is mpich or openmpi" 64 ;;
esac > "$folder/body"
{ echo '#!/bin/sh'; cat "$folder/body"; } > "$folder/mpiexec"
chmod +x "$folder/on-host" "$folder/link" "$folder/mpiexec"

export MPIEXEC="$folder/mpiexec" PATH="$folder:$PATH"
# In the background, so that a signal to this script is taken at once.
ip netns exec $name-a nsenter --uts="$folder/uts-a" "$@" < /dev/stdin &
wait $!
