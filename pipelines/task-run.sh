#!/usr/bin/env bash
# One run of `bench task` for pipelines/tasks.mk: gives it what the model reads, and keeps its results once they are whole.
#   pipelines/task-run.sh RESULTS.jsonl MODEL|- TABLE|- BPE|- words|alone BENCH OPTION…
# MODEL is a file of `train`, whose header says what it reads; with - the options say where the vectors come from. The words' own vectors,
# of TABLE, stand beside the others with `words`, and not with `alone`. The table of results goes to RESULTS.txt.
set -euo pipefail
if [ $# -lt 7 ] || [[ $5 != words && $5 != alone ]]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
results=$1 model=$2 table=$3 bpe=$4 words=$5 bench=$6
shift 6
fail() { echo "task-run.sh: $2" >&2; exit "$1"; }
reads=()
if [ "$model" = - ]; then
    if [ "$words" = words ] && [ "$table" != - ]; then reads=(--table "$table"); fi
else
    # bench lies in the folder of train, or both are on the PATH.
    case $bench in */*) train=${bench%/*}/train ;; *) train=train ;; esac
    header=$("$train" --print "$model")
    input=$(sed -n '1,10s/^input \([a-z]*\),.*/\1/p' <<< "$header")
    reads=(--model "$model")
    case $input in
        embeddings)
            [ "$table" != - ] || fail 64 "$model reads vectors, and there is no table: set TABLE"
            reads+=(--table "$table")
            [ "$words" = words ] || reads+=(--no-words) ;;
        characters | subwords)
            if [ "$input" = subwords ]; then
                [ "$bpe" != - ] || fail 64 "$model reads subwords, and there are no merges: set BPE"
                reads+=(--bpe "$bpe")
            fi
            if [ "$words" = words ]; then
                [ "$table" != - ] || fail 64 "$model: there is no table of words' vectors to stand beside its own: set TABLE, or WORDS=no"
                reads+=(--table "$table")
            fi ;;
        *) fail 65 "$model: does not say what it reads" ;;
    esac
fi
# A run that is stopped writes what it has.
part=$results.part
trap 'rm -f "$part" "$part.txt"' EXIT
"$bench" "$@" "${reads[@]}" --json "$part" -o "$part.txt"
grep -q '"event":"task"' "$part" || fail 75 "$results: the run was stopped before its end"
mv "$part.txt" "${results%.jsonl}.txt"
mv "$part" "$results"
