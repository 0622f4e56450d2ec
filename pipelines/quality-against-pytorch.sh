#!/usr/bin/env bash
# Trains the same model by Contour and by PyTorch, on the same text in the same order, from the same weights, for the
# same number of steps, by turns; then prints a Markdown table of the held-out loss and accuracy against the seconds of
# training, and draws a picture. Only the draws of the dropout differ.
#   pipelines/quality-against-pytorch.sh TEXT OUT [--rate X] [--warmup N] [--dropout P] [--candidates N] …
# TEXT is English, a sentence a line; every 50th is held out. OUT is a folder for everything that is made. The options
# are those that `train` and pytorch_quality.py share. For example, on WordNet's glosses, as the quickstart trains on
# them:
#   make quickstart && PRESET=base STEPS=800 pipelines/quality-against-pytorch.sh quickstart/glosses.txt quality
# PRESET=small is the size of the model, BATCH=64 and WINDOW=20 are the streams and the words of each that a step takes,
# STEPS=1000 the steps of training, EVALUATIONS=10 how often it is scored meanwhile. ROUNDS=1 says how often both are
# trained, each time with another seed; the table holds the means. The words' vectors are fastText's, trained on the
# same text: DIMENSION=100 wide, in EPOCHS=3 passes. PYTHON names a Python that has torch, numpy and lz4 (without it,
# one is made under .build/); BIN the folder of the tools. Needs fasttext and gnuplot.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
rounds=${ROUNDS:-1} steps=${STEPS:-1000} preset=${PRESET:-small} dimension=${DIMENSION:-100} epochs=${EPOCHS:-3}
shape=(--batch "${BATCH:-64}" --window "${WINDOW:-20}" --threads "$(nproc)")
if [ $# -lt 2 ]; then
    sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
text=$1 out=$2
shift 2
shared=("${shape[@]}" --steps "$steps" --evaluations "${EVALUATIONS:-10}" "$@")
if [ ! -r "$text" ]; then
    echo "quality-against-pytorch.sh: $text: cannot be read" >&2
    exit 66
fi
for program in "$bin/train" fasttext gnuplot; do
    command -v "$program" >/dev/null || { echo "quality-against-pytorch.sh: $program is missing" >&2; exit 69; }
done
python=$("$here/pytorch-environment.sh")
mkdir -p "$out"

echo "Preparing text and vectors" >&2
awk 'NR % 50' "$text" | "$bin/tokenize" --quiet --lowercase -o "$out/corpus.tok"
awk 'NR % 50 == 0' "$text" | "$bin/tokenize" --quiet --lowercase -o "$out/held-out.tok"
# A vector for every word of both, so that no word needs one made.
"$bin/build-vocab" --quiet -o "$out/vocab.shard" "$out/corpus.tok" "$out/held-out.tok"
"$bin/tokenize" --print -o "$out/tokens.txt" "$out/corpus.tok" "$out/held-out.tok"
fasttext skipgram -input "$out/tokens.txt" -output "$out/words" -dim "$dimension" -bucket 50000 -minCount 1 \
    -epoch "$epochs" -thread "$(nproc)" -verbose 0
"$bin/embed-oov" --quiet --unknown none --vectors "$out/words.vec" -o "$out/table.shard" "$out/vocab.shard"

# train OPTIONS: Contour's training in this round.
train() {
    "$bin/train" --preset "$preset" --loss cosine --table "$out/table.shard" --seed "$round" "${shared[@]}" "$@" "$out/corpus.tok"
}

way='' runs=()
for ((round = 1; round <= rounds; round++)); do
    start=$out/start-$round.safetensors ours=$out/contour-$round.jsonl theirs=$out/pytorch-$round.jsonl
    # A step that moves nothing leaves the weights that training starts with.
    train --quiet --held-out-every 0 --steps 1 --rate 1e-30 -o "$start"
    if [ -z "$way" ]; then
        echo "Looking for the fastest way to run PyTorch" >&2
        # The line of layer 1's projection: its name, "cell x projection", and how many weights that makes.
        sizes=$("$bin/train" --print "$start" |
            sed -n 's/^forward\.layer1\.projection\.weight\t\([0-9]*\) x \([0-9]*\)\t.*/--cell \1 --projection \2/p')
        # shellcheck disable=SC2086  # several words
        way=$("$python" "$here/pytorch_train.py" --trial --dimension "$dimension" "${shape[@]}" $sizes)
    fi
    echo "Round $round of $rounds: Contour" >&2
    train --held-out "$out/held-out.tok" --log "$ours" -o "$out/contour-$round.safetensors"
    echo "Round $round of $rounds: PyTorch, $way" >&2
    # shellcheck disable=SC2086  # several words
    "$python" "$here/pytorch_quality.py" --table "$out/table.shard" --held-out "$out/held-out.tok" --start "$start" \
        --seed "$round" --log "$theirs" $way "${shared[@]}" "$out/corpus.tok"
    runs+=("$ours" "$theirs")
done

# From the held-out lines of all runs: who trained, words, seconds, loss, top-10.
for run in "${runs[@]}"; do
    who=${run##*/}
    awk -f "$here/plots/metrics.awk" < "$run" | awk -v who="${who%%-*}" '$1 == "held-out" { print who, $2, $3, $4, $5 }'
done | awk -v rounds="$rounds" '
    !(($1, $2) in seconds) && $1 == "contour" { order[++n] = $2 }
    { seconds[$1, $2] += $3 / rounds; loss[$1, $2] += $4 / rounds; top[$1, $2] += 100 * $5 / rounds }
    END {
        print "| words | Contour, s | loss | top-10 | PyTorch, s | loss | top-10 | PyTorch / Contour, time |"
        print "|------:|-----------:|-----:|-------:|-----------:|-----:|-------:|------------------------:|"
        for (i = 1; i <= n; i++) {
            w = order[i]
            printf "| %d | %.1f | %.4f | %.1f%% | %.1f | %.4f | %.1f%% | %.2f |\n", w,
                seconds["contour", w], loss["contour", w], top["contour", w],
                seconds["pytorch", w], loss["pytorch", w], top["pytorch", w],
                seconds["pytorch", w] / seconds["contour", w]
        }
    }'
"$here/plots/training.sh" "${runs[@]}" -o "$out/quality.svg"
echo "The picture: $out/quality.svg" >&2
