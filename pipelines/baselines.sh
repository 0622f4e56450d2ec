#!/usr/bin/env bash
# The continuous output beside the softmaxes that it is compared with: the same text, encoder and number of words, and
# perplexity and the share of next words ranked first and within the first ten, as they go.
#   pipelines/baselines.sh TEXT HELD_OUT OUT
# TEXT and HELD_OUT are plain text, OUT a directory for everything that is made; what is there is not made again. After
# `make quickstart`, for example:
#   pipelines/baselines.sh quickstart/corpus.txt quickstart/held-out.txt baselines
# PRESET=small, EPOCHS=1, VOCABULARY=20000 words, MERGES=8000, DIMENSION=100 and THREADS say how large; CUTOFFS those of the
# adaptive softmax (a tenth and two fifths of the vocabulary), NEGATIVES (2048, or a quarter of a small VOCABULARY) and FILTERS
# how the sampled softmax is made. Everything is checked before the first training. Needs Debian's fasttext and gnuplot-nox.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
preset=${PRESET:-small} epochs=${EPOCHS:-1} vocabulary=${VOCABULARY:-20000} merges=${MERGES:-8000}
dimension=${DIMENSION:-100}
if [ $# -ne 3 ]; then
    sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
fail() { echo "baselines.sh: $2" >&2; exit "$1"; }
text=$1 held_out=$2 out=$3
for number in "VOCABULARY=$vocabulary" "MERGES=$merges" "DIMENSION=$dimension"; do
    [[ ${number#*=} =~ ^[1-9][0-9]{0,7}$ ]] || fail 64 "$number: must be a number above 0"
done
for file in "$text" "$held_out"; do
    # They are read more than once.
    if [ ! -f "$file" ] || [ ! -r "$file" ]; then fail 66 "$file: is no file that can be read"; fi
done
for tool in tokenize build-vocab embed-oov train bench; do
    [ -x "$bin/$tool" ] || fail 69 "$bin/$tool is missing: make build"
done
command -v gnuplot > /dev/null || fail 69 "gnuplot is missing: apt install gnuplot-nox"
[ -e "$out/table" ] || command -v fasttext > /dev/null || fail 69 "fasttext is missing: apt install fasttext"
mkdir -p "$out" || exit 73

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

negatives=${NEGATIVES:-$((vocabulary < 8192 ? vocabulary / 4 + 1 : 2048))}
# run NAME TOKENS HELD-OUT OPTION…: trains a system, and keeps its log; or only checks that it can, with $check.
run() {
    local name=$1 tokens=$2 held=$3
    shift 3
    if [ -e "$out/$name.model" ]; then return; fi
    set -- --preset "$preset" --epochs "$epochs" --evaluations 8 --quiet ${THREADS:+--threads "$THREADS"} \
        --held-out "$held" --log "$out/$name.jsonl" "$@" "$tokens" -o "$out/$name.model"
    if [ -n "$check" ]; then
        "$bin/train" --dry-run "$@" > /dev/null
    else
        echo "$name" >&2
        "$bin/train" "$@"
    fi
}
size=$("$bin/build-vocab" --print "$out/words.vocab" | wc -l)
cutoffs=${CUTOFFS:-$((size / 10)),$((2 * size / 5))}
# ELMo's characters with fewer filters, in proportion to a small encoder.
filters=${FILTERS:-1:32,2:32,3:64,4:128,5:128}
for check in yes ''; do
    run continuous "$out/train.tok" "$out/held-out.tok" --table "$out/table" --loss cosine
    run contrastive "$out/train.tok" "$out/held-out.tok" --table "$out/table" --loss contrastive
    run softmax "$out/train.tok" "$out/held-out.tok" --table "$out/table" --output softmax --vocab "$out/words.vocab"
    run sampled-softmax "$out/train.tok" "$out/held-out.tok" --input characters --filters "$filters" --highways 1 \
        --output sampled-softmax --negatives "$negatives" --share-layers --vocab "$out/words.vocab"
    run adaptive-softmax "$out/train.tok" "$out/held-out.tok" --table "$out/table" --output adaptive-softmax \
        --cutoffs "$cutoffs" --vocab "$out/words.vocab"
    run subword-softmax "$out/train.units" "$out/held-out.units" --input subwords --output subword-softmax --share-layers \
        --tie --vocab "$out/units.vocab"
done

systems=(continuous contrastive softmax sampled-softmax adaptive-softmax subword-softmax)
for system in "${systems[@]}"; do
    awk -v system_name="$system" -f "$here/scores.awk" "$out/$system.jsonl"
done > "$out/results.jsonl"
"$bin/bench" report --text --quiet "$out/results.jsonl"
# field NAME: of a line.
field() { sed -n "s/.*\"$1\":\([^,}]*\).*/\1/p"; }
# Perplexity against words, as far as it is one of words.
for system in "${systems[@]}"; do
    grep '"event":"held-out"' "$out/$system.jsonl" | grep '"direction":"forward"' |
        while read -r line; do
            perplexity=$(field perplexity <<< "$line") top1=$(field top1 <<< "$line")
            echo "$(field words <<< "$line") ${perplexity:-NaN} ${top1:-NaN}"
        done > "$out/$system.curve"
done
# references NAME FACTOR TITLE: for gnuplot, a figure of the unigram model as dashed lines; whose it is where systems have
# different ones.
references() {
    awk -v name="$1" -v factor="$2" -v title="$3" '
        function after(key) { return match($0, key) ? substr($0, RSTART + RLENGTH) : "" }
        { value = after("\"" name "\":") + 0; system_name = after("\"system\":\""); sub(/".*/, "", system_name) }
        value > 0 {
            value = sprintf("%.4g", factor * value)
            if (!(value in owners)) values[++count] = value
            owners[value] = owners[value] (owners[value] == "" ? "" : ", ") system_name
        }
        END {
            for (i = 1; i <= count; i++)
                printf ", %s with lines lw 1 dt 2 lc rgb \"#777777\" title \"%s%s\"", values[i], title,
                    (count > 1 ? " of " owners[values[i]] : "")
        }' "$out/results.jsonl"
}
perplexities=$(references unigramPerplexity 1 'unigram model among the candidates')
shares=$(references unigramTop1 100 'unigram model')
(
    cd "$out"
    {
        echo "set terminal svg size 1240,560 font 'sans,11' background 'white' noenhanced; set output 'baselines.svg'"
        echo "set multiplot layout 1,2; set grid; set logscale y; set key below left Left reverse maxcols 1"
        echo "set xlabel 'millions of tokens trained on'; set xrange [0:*]"
        n=0
        for colour in 1f77b4 d95f02 1b9e77 7b4fa3 e7298a; do n=$((n + 1)); echo "set linetype $n lc rgb '#$colour'"; done
        echo "set ylabel 'held-out perplexity, forward'"
        echo "plot for [s in '${systems[*]}'] s . '.curve' using (\$1 / 1e6):2 with linespoints pt 7 ps 0.4 title s$perplexities"
        echo "unset logscale y; set ylabel 'next word ranked first, %'"
        echo "plot for [s in '${systems[*]}'] s . '.curve' using (\$1 / 1e6):(100 * \$3) with linespoints pt 7 ps 0.4 title s$shares"
        echo "unset multiplot"
    } | gnuplot
)
echo "the curves: $out/baselines.svg"
