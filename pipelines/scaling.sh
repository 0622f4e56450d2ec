#!/usr/bin/env bash
# Measures what a second machine is worth to training: two ranks with a core each, on two network namespaces joined by a link of a rate
# (two-hosts.sh), beside one rank with one core, by turns; and computes from that what more machines would reach.
#   pipelines/scaling.sh OUT
# OUT gets a result for each rate (JSON Lines, and the table as text), and model.txt. About ten minutes on quiet cores; what can be set:
#   RATES='10 1'         Gbit/s
#   SYSTEMS='NETWORK|…'  as for bench compare
#   STEPS=3 ROUNDS=1     steps of a run that count, and turns
#   APART=--apart        empty: leave out the two ranks that train at once and send nothing
#   SPEED=1              of the model: how many times as fast as these cores each machine computes
#   IMPLEMENTATION       mpich or openmpi; BIN=.build/release; TMPDIR has 2 GB of inputs
# Needs root, two cores, 16 GB, and what two-hosts.sh needs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${BIN:-$here/../.build/release}" && pwd)
[ $# = 1 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 64; }
out=$1
if ! command -v taskset > /dev/null; then
    echo "scaling.sh: taskset is missing; try: apt install util-linux" >&2
    exit 69
fi
if [ "$(nproc)" -lt 2 ]; then
    echo "scaling.sh: two ranks need two cores, and there is one" >&2
    exit 69
fi
mkdir -p "$out"

IFS='|' read -r -a systems <<< "${SYSTEMS:-elmo-c --direction forward|elmo-c|elmo --vocabulary 793471}"
results=()
for rate in ${RATES:-10 1}; do
    # The ranks are started by the mpiexec of the two hosts, which only runs there.
    "$here/two-hosts.sh" "${rate}gbit" -- sh -c 'exec "$0" scaling "$@" --mpiexec "$MPIEXEC"' \
        "$bin/bench" "${systems[@]}" --ranks 1,2 ${APART---apart} --pin --threads 1 --steps "${STEPS:-3}" --rounds "${ROUNDS:-1}" \
        --gbit "$rate" --json "$out/$rate-gbit.jsonl" -o "$out/$rate-gbit.txt"
    results+=(--from "$out/$rate-gbit.jsonl")
    cat "$out/$rate-gbit.txt"
done
"$bin/bench" scaling --model "${results[@]}" --speed "${SPEED:-1}" -o "$out/model.txt"
cat "$out/model.txt"
