#!/usr/bin/env bash
# `tokenize | build-vocab` and GloVe's vocab_count on the same text and one processor, by turns, and the ratio of speeds.
#   pipelines/against-vocab-count.sh TEXT VOCAB_COUNT
# TEXT is plain text (`bench text -o text.txt` makes some), VOCAB_COUNT the program of that name, built from
# https://github.com/stanfordnlp/GloVe. vocab_count cuts at white space alone; ours do English tokenisation besides.
# ROUNDS=5 says how often; a first round is not counted.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
rounds=${ROUNDS:-5}
if [ $# -ne 2 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
text=$1 vocab_count=$2
for file in "$text" "$vocab_count"; do
    [ -e "$file" ] || { echo "against-vocab-count.sh: $file: does not exist" >&2; exit 66; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ours() {
    "$bin/tokenize" --quiet --threads 1 "$text" | "$bin/build-vocab" --quiet --threads 1 -o "$work/vocab.shard"
}
theirs() { "$vocab_count" -verbose 0 -min-count 1 < "$text" > "$work/vocab.txt" 2>/dev/null; }
export -f ours theirs
export bin text vocab_count work

# Seconds that a function takes on the first processor.
timed() {
    local start end
    start=$(date +%s.%N)
    taskset -c "${PROCESSOR:-0}" bash -c "$1"
    end=$(date +%s.%N)
    awk -v start="$start" -v end="$end" 'BEGIN { print end - start }'
}

bytes=$(stat -L -c %s "$text")
printf '%-8s %15s %18s %8s\n' round 'contour MB/s' 'vocab_count MB/s' ratio
for ((round = 0; round <= rounds; round++)); do
    a=$(timed ours) b=$(timed theirs)
    [ "$round" -gt 0 ] || continue
    awk -v round="$round" -v bytes="$bytes" -v a="$a" -v b="$b" 'BEGIN {
        printf "%-8s %15.1f %18.1f %8.2f\n", round, bytes / 1e6 / a, bytes / 1e6 / b, b / a
    }' | tee -a "$work/rounds"
done
awk '{ print $4 }' "$work/rounds" | sort -n | awk '{ value[NR] = $1 } END {
    median = NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2
    printf "\nmedian ratio %.2f (%.2f to %.2f)\n", median, value[1], value[NR]
}'
