#!/usr/bin/env bash
# Words a second of `encode` and of PyTorch for the same model and the same sentences, by turns in one run, and their ratios;
# before that, whether both give the same vectors.
#   pipelines/encode-against-pytorch.sh [TEXT]
# TEXT is a token shard, or text whose tokens stand between spaces, a sentence a line; without it the text is made up
# (`bench text`). PRESET=elmo-c, elmo, transformer-base, transformer-large or gpt, and CELL= and PROJECTION= say what the network
# is, of random weights; or MODEL= is a model with its TABLE=. SENTENCES=1000 of the text are encoded ROUNDS=3 times. Sentences
# that are longer than a Transformer reads at once are left out, and their number is printed.
#
# Contour's time is that of the whole process, which maps the model and writes all layers of all tokens to a NumPy file.
# PyTorch's is that of encoding alone, the vectors in memory: its start takes many seconds, most of them for compiling. Of the
# ways in which PyTorch can do it a trial finds the fastest first (pytorch_encode.py); FORMULATION=compiled tries that one only.
#
# PYTHON names a Python that has torch, numpy and lz4 (without it, one is made under .build/); BIN the folder of the tools.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
preset=${PRESET:-elmo-c} sentences=${SENTENCES:-1000} rounds=${ROUNDS:-3}
if [ $# -gt 1 ] || { [ $# = 1 ] && [ ! -r "$1" ]; }; then
    sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
PYTHON=$("$here/pytorch-environment.sh")
for tool in bench tokenize build-vocab embed-oov train encode; do
    if [ ! -x "$bin/$tool" ]; then
        echo "encode-against-pytorch.sh: $bin/$tool: is not there; make build" >&2
        exit 69
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
model=${MODEL:-$work/model} table=${TABLE:-}

# The first sentences that are not empty, as text and as a shard.
{
    if [ $# = 0 ]; then
        "$bin/bench" text --megabytes $((sentences / 5000 + 1)) | "$bin/tokenize" --quiet | "$bin/tokenize" --print
    elif [ "$(head -c 4 "$1" | od -An -tx1 | tr -d ' ')" = 04224d18 ]; then
        "$bin/tokenize" --print "$1"
    else
        cat "$1"
    fi
} | awk -v most="$sentences" 'NF && ++count <= most' > "$work/text"
"$bin/tokenize" --quiet --whitespace "$work/text" -o "$work/tokens"

if [ -z "${MODEL:-}" ]; then
    # Weights as they are before training: one step at no rate to speak of.
    head -n 20 "$work/text" | "$bin/tokenize" --quiet --whitespace -o "$work/some"
    "$bin/build-vocab" --quiet "$work/tokens" -o "$work/vocabulary"
    network=(--preset "$preset" ${CELL:+--cell "$CELL"} ${PROJECTION:+--projection "$PROJECTION"})
    if [ "$preset" = elmo ]; then
        network+=(--vocab "$work/vocabulary" --negatives 10)
    else
        table=$work/table
        "$bin/embed-oov" --quiet --random --dimension 300 "$work/vocabulary" -o "$table"
        network+=(--table "$table")
    fi
    "$bin/train" --quiet "${network[@]}" --steps 1 --rate 1e-30 --batch 1 --held-out-every 0 "$work/some" -o "$model"
fi

# Sentences that the model would read in pieces, which PyTorch does not do here.
longest=$(PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}" "$PYTHON" -c '
import sys, contour_shards
print(contour_shards.configuration(sys.argv[1]).get("longest") or 0)' "$model")
if [ "$longest" != 0 ]; then
    awk -v longest="$longest" 'NF < longest' "$work/text" > "$work/short"
    left=$(($(wc -l < "$work/text") - $(wc -l < "$work/short")))
    if [ "$left" != 0 ]; then
        echo "Left out: $left sentences of more than $((longest - 1)) words"
        mv "$work/short" "$work/text"
        "$bin/tokenize" --quiet --whitespace "$work/text" -o "$work/tokens"
    fi
fi

# PyTorch stays alive between its turns; its threads fall asleep within milliseconds.
coproc TORCH {
    exec "$PYTHON" "$here/pytorch_encode.py" --model "$model" ${table:+--table "$table"} --threads "$(nproc)" \
        ${FORMULATION:+--formulation "$FORMULATION"} "$work/tokens"
}
torch=$TORCH_PID
# The shell forgets the descriptors when the process ends.
exec 3<&"${TORCH[0]}" 4>&"${TORCH[1]}"
trap 'kill "$torch" 2>/dev/null || true; rm -rf "$work"' EXIT
answer() {
    read -r answer <&3 || { echo "encode-against-pytorch.sh: PyTorch ended; its last words are above" >&2; exit 70; }
}

# Sets `ours`, seconds.
encode() {
    local start
    start=$(date +%s.%N)
    "$bin/encode" --quiet --threads "$(nproc)" --whitespace --layers all --format npy --model "$model" \
        ${table:+--table "$table"} "$work/tokens" -o "$work/vectors.npy"
    ours=$(awk -v start="$start" -v end="$(date +%s.%N)" 'BEGIN { print end - start }')
}

answer; way=$answer
tokens=$(wc -w < "$work/text")
printf '%s: %s sentences, %s words; %s threads; PyTorch %s: %s\n' "${MODEL:-$preset}" "$(wc -l < "$work/text")" "$tokens" \
    "$(nproc)" "$("$PYTHON" -c 'import torch; print(torch.__version__)')" "$way"
encode
first=$ours
echo run >&4; answer
theirs=$answer
echo "check $work/vectors.npy" >&4; answer; difference=$answer
printf 'The largest difference of two numbers: %s\n\n' "$difference"
if awk -v difference="$difference" 'BEGIN { exit !(difference < 1e-4) }'; then :; else
    echo "encode-against-pytorch.sh: the vectors differ" >&2
    exit 70
fi

results=
printf '%-7s %15s %15s %7s\n' round 'Contour, w/s' 'PyTorch, w/s' ratio
for ((round = 1; round <= rounds; round++)); do
    # The vectors that were compared were the first round's.
    if [ "$round" = 1 ]; then
        ours=$first answer=$theirs
    else
        encode
        echo run >&4; answer
    fi
    row=$(awk -v tokens="$tokens" -v ours="$ours" -v theirs="$answer" 'BEGIN { print tokens / ours, tokens / theirs }')
    results+="${results:+$'\n'}$row"
    awk -v round="$round" '{ printf "%-7s %15.0f %15.0f %7.2f\n", round, $1, $2, $1 / $2 }' <<<"$row"
done
exec 4>&-

# Medians and ranges of an expression of a row's columns.
summary() {
    awk -v name="$2" '{ print name == "ratio" ? $1 / $2 : $name }' <<<"$results" | sort -n | awk -v name="$1" -v form="$3" '
        { value[NR] = $1 }
        END {
            median = NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2
            printf "%-20s " form " " form " " form "\n", name, median, value[1], value[NR]
        }'
}
printf '\n%-20s %10s %10s %10s\n' '' median lowest highest
summary 'Contour, words/s' 1 %10.0f
summary 'PyTorch, words/s' 2 %10.0f
summary 'Contour / PyTorch' ratio %10.2f
