#!/usr/bin/env bash
# `bench task ner` beside the same network in PyTorch: seconds of a pass over the training text, with the same vectors from the cache, on as
# many threads, by turns.
#   pipelines/tasks-against-pytorch.sh TRAIN.conll DEV.conll MODEL TABLE [ROUNDS]
# MODEL is any model that train made; the issue is its width, so that one of a single step will do. BIN says where the tools are,
# THREADS how many to use. PyTorch is installed from PyPI into .build/pytorch if need be.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
threads=${THREADS:-$(nproc)}
if [ $# -lt 4 ] || [ $# -gt 5 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
train=$1 dev=$2 model=$3 table=$4 rounds=${5:-3}
for file in "$train" "$dev" "$model" "$table"; do
    [ -r "$file" ] || { echo "tasks-against-pytorch.sh: $file: cannot be read" >&2; exit 66; }
done
python=$("$here/pytorch-environment.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

words=$("$bin/embed-oov" --print "$table" 2> /dev/null | awk 'NR == 1 { print $2 }')
task() {
    "$@" "$bin/bench" task ner --quiet --train "$train" --dev "$dev" --model "$model" --table "$table" --cache "$work/cache" --epochs 2 \
        --threads "$threads" --json "$work/own.jsonl" -o "$work/own.txt"
}
# Makes the vectors.
task env
# Those of the training text.
vectors=$(ls -S "$work/cache"/*.safetensors | head -1)
columns=$("$python" -c '
import json, sys
with open(sys.argv[1], "rb") as file:
    header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
print(header["vectors"]["shape"][1])' "$vectors")
layers=${LAYERS:-3} width=$(((columns - words) / layers))

# Two passes each, of which the second counts.
for round in $(seq "$rounds"); do
    task /usr/bin/time -f %M -o "$work/memory"
    own=$(grep '"event":"taskEpoch"' "$work/own.jsonl" | sed -n '$s/.*"secondsOfEpoch":\([0-9.]*\).*/\1/p')
    theirs=$("$python" "$here/tasks_pytorch.py" "$vectors" "$train" "$layers" "$width" "$words" "$threads" | tail -1)
    awk -v own="$own" -v theirs="$theirs" -v memory="$(tail -1 "$work/memory")" -v cache="$(stat -c %s "$vectors")" 'BEGIN {
        printf "bench task %.1f s a pass, PyTorch %.1f s, ratio %.2f; memory %d MB, %d of them at most of the cache\n",
            own, theirs, theirs / own, memory / 1024, cache / 1048576 }'
done
