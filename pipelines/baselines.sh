#!/usr/bin/env bash
# The continuous output beside the softmaxes that it is compared with: the same text, encoder and number of words, and
# perplexity and the share of next words ranked first and within the first ten, as they go.
#   pipelines/baselines.sh TEXT HELD_OUT OUT
# TEXT and HELD_OUT are plain text, OUT a directory for everything that is made; what is there is not made again. After
# `make quickstart`, for example:
#   pipelines/baselines.sh quickstart/corpus.txt quickstart/held-out.txt baselines
# PRESET=small, EPOCHS=1, VOCABULARY=20000 words, MERGES=8000, DIMENSION=100 and THREADS say how large. Needs Debian's
# fasttext and gnuplot-nox.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
preset=${PRESET:-small} epochs=${EPOCHS:-1} vocabulary=${VOCABULARY:-20000} merges=${MERGES:-8000}
dimension=${DIMENSION:-100}
if [ $# -ne 3 ]; then
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
text=$1 held_out=$2 out=$3
for file in "$text" "$held_out"; do
    [ -r "$file" ] || { echo "baselines.sh: $file: cannot be read" >&2; exit 66; }
done
mkdir -p "$out"

# made FILE COMMAND…: runs a command that writes FILE, unless it is there.
made() {
    local file=$1
    shift
    [ -e "$file" ] || "$@"
}
made "$out/train.tok" "$bin/tokenize" --lowercase "$text" -o "$out/train.tok"
made "$out/held-out.tok" "$bin/tokenize" --lowercase "$held_out" -o "$out/held-out.tok"
made "$out/all.vocab" "$bin/build-vocab" "$out/train.tok" -o "$out/all.vocab"
made "$out/words.vocab" "$bin/build-vocab" --max-size "$vocabulary" "$out/all.vocab" -o "$out/words.vocab"
made "$out/codes" "$bin/build-vocab" --bpe "$merges" "$out/all.vocab" -o "$out/codes"
made "$out/train.units" "$bin/tokenize" --lowercase --bpe "$out/codes" "$text" -o "$out/train.units"
made "$out/held-out.units" "$bin/tokenize" --lowercase --bpe "$out/codes" "$held_out" -o "$out/held-out.units"
made "$out/units.vocab" "$bin/build-vocab" "$out/train.units" -o "$out/units.vocab"
if [ ! -e "$out/table" ]; then
    "$bin/tokenize" --print "$out/train.tok" -o "$out/train.txt"
    fasttext skipgram -input "$out/train.txt" -output "$out/vectors" -dim "$dimension" -bucket 50000 -minCount 3 \
        -epoch 3 -thread 2 -verbose 0
    "$bin/embed-oov" --vectors "$out/vectors.vec" --quiet "$out/all.vocab" -o "$out/table"
fi

# run NAME TOKENS HELD-OUT OPTION…: trains a system, and keeps its log.
run() {
    local name=$1 tokens=$2 held=$3
    shift 3
    [ -e "$out/$name.model" ] && return
    echo "$name" >&2
    "$bin/train" --preset "$preset" --epochs "$epochs" --evaluations 8 --quiet ${THREADS:+--threads "$THREADS"} \
        --held-out "$held" --log "$out/$name.jsonl" "$@" "$tokens" -o "$out/$name.model"
}
# ELMo's characters with fewer filters, in proportion to a small encoder.
filters=${FILTERS:-1:32,2:32,3:64,4:128,5:128}
run continuous "$out/train.tok" "$out/held-out.tok" --table "$out/table"
run softmax "$out/train.tok" "$out/held-out.tok" --table "$out/table" --output softmax --vocab "$out/words.vocab"
run sampled-softmax "$out/train.tok" "$out/held-out.tok" --input characters --filters "$filters" --highways 1 \
    --output sampled-softmax --negatives 2048 --share-layers --vocab "$out/words.vocab"
run adaptive-softmax "$out/train.tok" "$out/held-out.tok" --table "$out/table" --output adaptive-softmax \
    --cutoffs 2000,8000 --vocab "$out/words.vocab"
run subword-softmax "$out/train.units" "$out/held-out.units" --input subwords --output subword-softmax --share-layers \
    --tie --vocab "$out/units.vocab"

systems=(continuous softmax sampled-softmax adaptive-softmax subword-softmax)
# What an evaluation of the forward direction says.
field() { sed -n "s/.*\"$1\":\([^,}]*\).*/\1/p"; }
printf '%-18s %9s %8s %8s %11s %9s %9s\n' system words/s top-1 top-10 perplexity unknown classes
for system in "${systems[@]}"; do
    last=$(grep '"event":"held-out"' "$out/$system.jsonl" | grep '"direction":"forward"' | tail -n 1)
    speed=$(grep '"event":"train"' "$out/$system.jsonl" | tail -n 1)
    awk -v name="$system" -v words="$(field words <<< "$speed")" -v seconds="$(field seconds <<< "$speed")" \
        -v top1="$(field top1 <<< "$last")" -v top10="$(field top10 <<< "$last")" \
        -v perplexity="$(field perplexity <<< "$last")" -v unknown="$(field unknownShare <<< "$last")" \
        -v classes="$(field vocabulary <<< "$last")" 'BEGIN {
            printf "%-18s %9.0f %7.1f%% %7.1f%% %11.1f %9s %9s\n", name, words / seconds, 100 * top1, 100 * top10,
                perplexity, unknown == "" ? "-" : sprintf("%.1f%%", 100 * unknown), classes == "" ? "-" : classes }'
done
# Perplexity against words, as far as it is one of words.
for system in "${systems[@]}"; do
    grep '"event":"held-out"' "$out/$system.jsonl" | grep '"direction":"forward"' |
        while read -r line; do
            echo "$(field words <<< "$line") $(field perplexity <<< "$line") $(field top1 <<< "$line")"
        done > "$out/$system.curve"
done
(
    cd "$out"
    {
        echo "set terminal svg size 900,420 font 'sans,11' background 'white' noenhanced; set output 'baselines.svg'"
        echo "set multiplot layout 1,2; set grid; set logscale y; set xlabel 'tokens trained on'; set key top right"
        echo "set ylabel 'held-out perplexity, forward'"
        echo "plot for [s in '${systems[*]}'] s . '.curve' using 1:2 with linespoints pt 7 ps 0.4 title s"
        echo "unset logscale y; set ylabel 'next word ranked first, %'; set key bottom right"
        echo "plot for [s in '${systems[*]}'] s . '.curve' using 1:(100 * \$3) with linespoints pt 7 ps 0.4 title s"
        echo "unset multiplot"
    } | gnuplot
)
echo "the curves: $out/baselines.svg"
