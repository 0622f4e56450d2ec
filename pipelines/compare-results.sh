#!/usr/bin/env bash
# The logs and probes that pipelines/compare.mk left in OUT/runs as one file of results, a line of JSON each (docs/report.md).
#   pipelines/compare-results.sh OUT SYSTEM…
# SEEDS and PROBE_COLUMNS are the seeds and columns to take; COMMAND, TEXT and VERSION go into the results. Scores are those of
# the forward direction, or of masked words; words are whole words, also of a system that reads units of them: WHOLE is how many
# positions a pass has by words, if the first system does not say it.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
here=$(cd "$(dirname "$0")" && pwd)
out=$1
shift
cd "$out/runs"
# last NAME LOG: a field of the last line of training.
last() { grep '"event":"train"' "$2" | tail -n 1 | sed -n "s/.*\"$1\":\([-+0-9.eE]*\).*/\1/p"; }
# perEpoch LOG: positions of a pass over the text.
perEpoch() { awk -v words="$(last words "$1")" -v epoch="$(last epoch "$1")" 'BEGIN { printf "%.0f", words / epoch }'; }

COMMAND=${COMMAND:-make -f pipelines/compare.mk} "$here/machine-record.sh"
for system in "$@"; do
    for seed in $SEEDS; do
        log=$system-$seed.words.jsonl
        [ -e "$log" ] || continue
        whole=${WHOLE:-$(perEpoch "$1-$seed.words.jsonl")}
        for budget in words time vectors; do
            file=$system-$seed.$budget.jsonl
            [ -e "$file" ] || continue
            share=$(awk -v whole="$whole" -v own="$(perEpoch "$file")" 'BEGIN { printf "%.17g", whole / own }')
            awk -v system_name="$system" -v seed="$seed" -v budget="$budget" -v share="$share" \
                -v curves="$([ $budget != words ] || echo 1)" -f "$here/scores.awk" "$file"
        done
    done
done
for column in ${PROBE_COLUMNS:-}; do
    for run in word-vectors $(for system in "$@"; do for seed in $SEEDS; do echo "$system-$seed".{words,time,vectors}; done; done); do
        if [ -e "$run.probe-$column" ]; then grep '"event":"probe"' "$run.probe-$column"; fi
    done
done
