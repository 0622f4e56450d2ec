#!/usr/bin/env bash
# Prints what a pipeline's stages took, and the held-out scores of its training.
#   pipelines/summary.sh OUT STAGE…
# BIN is the folder of the tools.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN-$here/../.build/release}
out=$1
shift

printf '\n%-20s %9s %12s %12s %12s\n' stage seconds 'MB in' 'MB out' 'words/s'
number=0
for stage; do
    number=$((number + 1))
    if [ -e "$out/stages/$stage.tsv" ]; then sed "s/^/$number. /" "$out/stages/$stage.tsv"; fi
done | awk -F'\t' '{
    rate = $5 == "-" || $2 == 0 ? "-" : sprintf("%.0f", $5 / $2)
    printf "%-20s %9.1f %12.2f %12.2f %12s\n", $1, $2, $3 / 1e6, $4 / 1e6, rate
    total += $2
} END { printf "%-20s %9.1f\n", "all", total }'

# The last held-out evaluation in the log, beside the unigram model and the best constant vector.
printf '\n'
for direction in forward backward bidirectional; do
    awk -v system_name="$direction direction" -v direction=$direction -f "$here/scores.awk" "$out/train.jsonl"
done | "${bin:+$bin/}bench" report --text --quiet -
