#!/usr/bin/env bash
# Trains one system twice over in one run: for a number of passes over its text, and for as long as another run took.
#   pipelines/equal-cost.sh OUT REFERENCE-LOG|- EPOCHS TRAIN OPTION…
# Makes OUT.words.model and OUT.time.model with their logs OUT.words.jsonl and OUT.time.jsonl. The time is the seconds of
# training in REFERENCE-LOG; with -, the run is the reference itself, and both are the same. The model whose budget is spent
# first is written then, and the run goes on from its checkpoint to the other. OUT.checkpoints serves until both are there; a
# run that was interrupted goes on where it was.
# VECTOR_SECONDS=FILE holds the seconds that the reference's word vectors took, for a system that needs none: it makes
# OUT.vectors.model with its log, too, for which these are added to the time.
set -euo pipefail
if [ $# -lt 5 ]; then
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
out=$1 reference=$2 epochs=$3
shift 3

# last NAME LOG: a field of the last line of training.
last() { { grep '"event":"train"' "$2" || true; } | tail -n 1 | sed -n "s/.*\"$1\":\([-+0-9.eE]*\).*/\1/p"; }
run() { "$@" --quiet --checkpoints "$out.checkpoints" --resume --log "$out.jsonl" -o "$out.model"; }
# keep BUDGET: the model and log as they are now; the model, which says that both are there, last.
keep() { cp "$out.jsonl" "$out.$1.jsonl" && cp "$out.model" "$out.$1.model.tmp" && mv "$out.$1.model.tmp" "$out.$1.model"; }

echo "${out##*/}" >&2
if [ "$reference" = - ]; then
    run "$@" --epochs "$epochs"
    keep time
    keep words
else
    time=$(last seconds "$reference")
    if [ -z "$time" ]; then
        echo "equal-cost.sh: $reference: no line in it says how long training took" >&2
        exit 65
    fi
    for budget in time ${VECTOR_SECONDS:+vectors}; do
        if [ -e "$out.$budget.model" ]; then continue; fi
        if [ $budget = vectors ]; then time=$(awk -v time="$time" '{ printf "%.3f", time + $1 }' "$VECTOR_SECONDS"); fi
        if [ ! -e "$out.words.first.model" ]; then
            run "$@" --epochs "$epochs" --training-time "${time}s"
            # Which of the two was spent first?
            if awk -v spent="$(last seconds "$out.jsonl")" -v time="$time" 'BEGIN { exit !(spent < time) }'; then
                keep words.first
            fi
        fi
        if [ -e "$out.words.first.model" ]; then run "$@" --epochs 100000 --training-time "${time}s"; fi
        keep $budget
    done
    if [ -e "$out.words.first.model" ]; then
        cp "$out.words.first.jsonl" "$out.words.jsonl"
        mv "$out.words.first.model" "$out.words.model"
    else
        run "$@" --epochs "$epochs"
        keep words
    fi
fi
rm -rf "$out.checkpoints" "$out.model" "$out.jsonl" "$out.words.first.jsonl"
