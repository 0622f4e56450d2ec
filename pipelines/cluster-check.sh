#!/usr/bin/env bash
# Loses hosts in the middle of cluster.mk's work, and compares the tokens and the vocabulary, byte for byte, with those of one machine.
# The hosts are two network namespaces of this machine with an sshd in each: the one's link is taken down, then the other's processes
# are killed. Needs root, iproute2, openssh-server and parallel.
#
#   pipelines/cluster-check.sh [MEGABYTES]
#
# MEGABYTES=4 is the size of each of 24 texts; BIN=.build/release has the tools.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
bin=$(cd -- "${BIN:-$here/../.build/release}" && pwd) megabytes=${1:-4}
for program in ip sshd parallel; do
    PATH=$PATH:/usr/sbin command -v $program > /dev/null || { echo "cluster-check.sh: $program is missing" >&2; exit 69; }
done
[ "$(id -u)" = 0 ] || { echo "cluster-check.sh: must be run by root, who makes network namespaces" >&2; exit 77; }
PATH=$PATH:/usr/sbin:/sbin

work=$(mktemp -d)
chmod 755 "$work"
# An address of its own for each run: 198.18.0.0/15 is for tests of networks.
net=198.18.$((RANDOM % 256)) tag=contour$$
finish() {
    for host in one two; do
        stop $host
        ip netns delete $tag-$host 2> /dev/null || true
    done
    rm -rf "$work"
}
# stop HOST: kills whatever runs on it.
stop() { ip netns pids $tag-"$1" 2> /dev/null | xargs -r kill -KILL 2> /dev/null || true; }
trap finish EXIT

ssh-keygen -q -t ed25519 -N '' -f "$work/host"
ssh-keygen -q -t ed25519 -N '' -f "$work/user"
mkdir -p /run/sshd
printf '%s\n' "HostKey $work/host" "AuthorizedKeysFile $work/user.pub" 'StrictModes no' 'PermitRootLogin prohibit-password' \
    'UsePAM no' 'PidFile none' > "$work/sshd_config"
# start HOST NUMBER: the host, with an sshd that listens at NET.NUMBER.
start() {
    ip netns add $tag-"$1"
    ip link add v$$-"$2" type veth peer name eth0 netns $tag-"$1"
    ip address add $net."$2"/31 dev v$$-"$2"
    ip link set v$$-"$2" up
    ip -n $tag-"$1" address add $net.$(($2 + 1))/31 dev eth0
    ip -n $tag-"$1" link set eth0 up
    ip -n $tag-"$1" link set lo up
    ip netns exec $tag-"$1" "$(command -v sshd)" -f "$work/sshd_config"
    printf '%s\n' "Host $1" "HostName $net.$(($2 + 1))" >> "$work/hosts.ssh"
}
start one 2
start two 4
printf '%s\n' "IdentityFile $work/user" 'StrictHostKeyChecking no' "UserKnownHostsFile $work/known" 'LogLevel ERROR' > "$work/ssh_config"
cat "$work/hosts.ssh" >> "$work/ssh_config"
printf '%s\n' "1/ssh -F $work/ssh_config one" "1/ssh -F $work/ssh_config two" > "$work/hosts"

mkdir "$work/text" "$work/alone"
for i in $(seq 24); do
    awk -v seed="$i" -v lines=$((megabytes * 10000)) 'BEGIN {
        srand(seed)
        for (i = 0; i < lines; i++) {
            line = ""
            for (j = 0; j < 12; j++) line = line "word" int(exp(rand() * 12)) " "
            print line "."
        }
    }' > "$work/text/$i.txt"
    "$bin/tokenize" --quiet -o "$work/alone/$i.tok" "$work/text/$i.txt"
done
"$bin/tokenize" --quiet "$work"/text/*.txt | "$bin/build-vocab" --quiet --min-count 2 -o "$work/alone.vocab" -

cluster() {
    "$here/cluster.mk" BIN="$bin" HOSTS="$work/hosts" TEXT="$work/text/*.txt" OUT="$work/$1" VOCAB_FLAGS=--min-count=2 HOST_TIMEOUT=4
}
# lose NAME COMMAND…: a run in which COMMAND, once both hosts have done texts, takes one away.
lose() {
    local name=$1 done run before=$SECONDS
    shift
    cluster "$name" & run=$!
    until done=$(cat "$work/$name"/stages/run.*/done 2> /dev/null | cut -f 2 | sort -u | wc -l) && [ "$done" -ge 2 ]; do
        kill -0 $run 2> /dev/null || { echo "cluster-check.sh: $name: the run ended before" >&2; exit 1; }
        sleep 0.1
    done
    done=$(cat "$work/$name"/stages/run.*/done | wc -l)
    "$@"
    echo "== $name after $done of 24 texts" >&2
    wait $run
    [ "$done" -lt 23 ] || { echo "cluster-check.sh: $name: too late; give more MEGABYTES" >&2; exit 1; }
    cmp "$work/$name/vocab.shard" "$work/alone.vocab"
    for i in $(seq 24); do cmp "$work/$name"/tokens/*-"$i".txt.tok "$work/alone/$i.tok"; done
    echo "== $name: the same bytes after $((SECONDS - before)) seconds" >&2
}
lose nothing-lost true
lose link-down ip link set v$$-4 down
status=0
cluster unreachable || status=$?
[ $status = 69 ] || { echo "cluster-check.sh: a host that cannot be reached ended with status $status" >&2; exit 1; }
ip link set v$$-4 up
lose host-killed stop one
