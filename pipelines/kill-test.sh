#!/usr/bin/env bash
# Kills a training run with SIGKILL again and again, resumes it each time, and compares the model and the losses in the log,
# byte for byte, with those of a run that was left alone. Fails if they differ.
#
#   pipelines/kill-test.sh [TABLE] TOKENS [options of train, such as --preset small --epochs 0.1]
#
# Networks that read no vectors and predict none have no table: what follows the tokens then is an option. For example:
#   pipelines/kill-test.sh corpus.units --preset elmo-sub --vocab units.vocab --epochs 0.1
# KILLS=20 kills, each up to LONGEST=3 seconds after the start or the last checkpoint; BIN=.build/release has the tools.
set -euo pipefail

usage='usage: kill-test.sh [TABLE] TOKENS [options of train]'
case ${1:-} in '' | -*) echo "$usage" >&2; exit 64 ;; esac
table=()
case ${2:--} in
    -*) ;;
    *) table=(--table "$1"); shift ;;
esac
tokens=$1
shift
bin=${BIN:-.build/release}
kills=${KILLS:-20}
longest=${LONGEST:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

alone=("$bin/train" --quiet "${table[@]}" --log "$work/alone.jsonl" -o "$work/alone.model" "$@" "$tokens")
killed=("$bin/train" --quiet "${table[@]}" --log "$work/killed.jsonl" -o "$work/killed.model"
    --checkpoints "$work/checkpoints" --checkpoint-every 1s --resume "$@" "$tokens")
newest() { find "$work/checkpoints" -name 'step-*' 2>/dev/null | sort | tail -1 || true; }
losses() { grep -o '"loss":[^,}]*' "$1"; }

echo "left alone: train $*"
"${alone[@]}"
echo "killed $kills times"
RANDOM=1
for kill in $(seq "$kills"); do
    before=$(newest)
    "${killed[@]}" &
    process=$!
    # Let it come a checkpoint further at least, or nothing would ever be done.
    while [ "$(newest)" = "$before" ] && kill -0 $process 2>/dev/null; do sleep 0.05; done
    sleep "$(awk -v r=$RANDOM -v longest="$longest" 'BEGIN { print r / 32768 * longest }')"
    kill -KILL $process 2>/dev/null || { echo "it ended before kill $kill"; break; }
    wait $process 2>/dev/null || true
    echo "kill $kill, newest checkpoint $(basename "$(newest)")"
done
"${killed[@]}"
cmp "$work/alone.model" "$work/killed.model"
cmp <(losses "$work/alone.jsonl") <(losses "$work/killed.jsonl")
echo "the same model ($(wc -c <"$work/alone.model") bytes) and the same $(losses "$work/alone.jsonl" | wc -l) losses"
