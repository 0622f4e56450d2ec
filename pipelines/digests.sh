#!/usr/bin/env bash
# Trains small networks of every preset, input layer, output layer and loss, encodes a text with each, and prints a digest of
# every result: whoever changes the code without meaning to change its arithmetic compares two runs.
#
#   pipelines/digests.sh [NAME-REGEX] >now && diff before now
#
# Only networks whose name matches NAME-REGEX are made (all). Environment: BIN=.build/release; STEPS=200 of training; THREADS=2.
#
# Columns: a name, what was made (weights, scores of the held-out text, encoded vectors, table) and its SHA-256. Weights are
# digested without the file's header, so that a new field of the configuration does not show. The text and the vectors are made here, and are the same on every
# machine. The digests are not: processors with other vector units add up in another order.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release} steps=${STEPS:-200} only=${1:-} threads=${THREADS:-2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# A generator that every awk computes alike: all its numbers are below 2^53.
random='function random() { seed = (seed * 69069 + 12345) % 4294967296; return seed / 4294967296 }'
awk "$random"' BEGIN {
    seed = 1
    for (n = 0; n < 2000; n++) {
        length_ = 1 + int(8 * random()); word = ""
        for (c = 0; c < length_; c++) word = word sprintf("%c", 97 + int(26 * random() * random()))
        words[n] = word n % 10
    }
    for (line = 0; line < 4000; line++) {
        count = 1 + int(24 * random()); text = ""
        for (n = 0; n < count; n++) text = text (n ? " " : "") words[int(2000 ^ random()) - 1]
        print text
    }
}' >text
head -n 300 text >few
"$bin/tokenize" --whitespace -q text -o text.tok
"$bin/build-vocab" -q --min-count 1 text.tok -o vocab
"$bin/build-vocab" -q --bpe 300 text.tok -o codes
"$bin/tokenize" --whitespace -q --bpe codes text -o units.tok
"$bin/build-vocab" -q --min-count 1 units.tok -o units
# Vectors for four words of five; the others get theirs from their spelling.
tr ' ' '\n' <text | sort -u | awk "$random"' BEGIN { seed = 2 } NR % 5 {
    line = $1
    for (n = 0; n < 40; n++) line = line sprintf(" %.4f", random() - random())
    print line
}' >vectors

# digest NAME WHAT <FILE
digest() { printf '%s\t%s\t%s\n' "$1" "$2" "$(sha256sum | cut -d' ' -f1)"; }
wanted() { [[ $1 =~ $only ]]; }

# table NAME OPTION…
table() {
    wanted "$1" || return 0
    "$bin/embed-oov" -q --threads "$threads" --vectors vectors vocab "${@:2}" -o "$1.table"
    digest "$1" table <"$1.table"
}
table subwords --unknown subwords
table mimick --unknown mimick --mimick-words 800 --mimick-epochs 4 --mimick-hidden 12
table cnn --unknown cnn --mimick-words 800 --mimick-epochs 4
[ -e subwords.table ] || "$bin/embed-oov" -q --vectors vectors --unknown subwords vocab -o subwords.table

# network NAME OPTION…: the text is of words, or of units if the name says so.
network() {
    wanted "$1" || return 0
    local name=$1 text=text.tok vocab=vocab
    local made=("--table" subwords.table) encoding=("--table" subwords.table)
    shift
    case $name in *subword*|*elmo-sub*) text=units.tok vocab=units made=() encoding=(--bpe codes) ;; esac
    case $name in *characters*|elmo|elmo-*way) made=() encoding=() ;; esac
    case " $* " in *continuous*|*" l2 "*|*" vmf "*|*max-margin*|*cosine*) ;; *) made+=(--vocab "$vocab") ;; esac
    case $name in *characters-continuous*) made=(--table subwords.table) ;; esac
    "$bin/train" -q --threads "$threads" --steps "$steps" --batch 8 --window 12 --evaluations 1 --held-out-tokens 500 \
        --candidates 100 "${made[@]}" "$@" "$text" -o model
    header=$(od -An -tu8 -N8 model | tr -d ' ')
    tail -c +$((9 + header)) model | digest "$name" weights
    "$bin/train" --print model | grep ^held-out | digest "$name" scores
    "$bin/encode" -q --threads "$threads" --whitespace --model model "${encoding[@]}" --format npy few -o encoded.npy
    digest "$name" vectors <encoded.npy
}
small="--cell 40 --projection 24 --dropout 0.1"
characters="--filters 1:8,2:8,3:16 --highways 2"
for preset in tiny small base; do network "$preset" --preset "$preset" --loss cosine; done
for preset in medium elmo-c; do network "$preset" --preset "$preset" --cell 650 --projection 90 --loss cosine; done
network elmo --preset elmo $small $characters --negatives 200
network elmo-adagrad-way --preset elmo $small $characters --negatives 200 --recipe elmo --batch 8 --warmup 10
network elmo-a --preset elmo-a $small --cutoffs 100,500
network elmo-sub --preset elmo-sub $small
for loss in cosine l2 max-margin vmf; do
    for direction in forward backward; do network "$loss-$direction" --preset tiny $small --loss "$loss" --direction "$direction"; done
    network "$loss-both" --preset tiny $small --loss "$loss"
done
for output in softmax "sampled-softmax --negatives 200" adaptive-softmax; do
    for direction in forward both; do network "${output%% *}-$direction" --preset tiny $small --output $output --direction "$direction"; done
    network "characters-${output%% *}" --preset tiny $small --input characters $characters --output $output --accumulate 2
done
network characters-continuous --preset tiny $small --input characters $characters --loss cosine
network subwords-apart --preset tiny $small --input subwords --output subword-softmax
network subwords-tied --preset tiny $small --input subwords --output subword-softmax --tie --direction forward
network plain --preset tiny --cell 24 --projection 24 --no-layer-norm --no-residual --layers 3 --dropout 0.2 --dropout-kind non-recurrent --loss cosine
network reset --preset tiny $small --reset-state --optimizer adagrad --rate 0.1 --weight-decay 0.01 --raw-targets --loss cosine
network shared --preset tiny $small --share-layers --accumulate 3 --schedule cosine --loss cosine
network unclipped --preset tiny $small --clip 0 --layers 1 --dropout-kind non-recurrent --dropout 0.5 --loss l2

# Ways of encoding beside the usual one, with the last network that reads vectors.
wanted encoding || exit 0
"$bin/train" -q --threads "$threads" --steps 50 --batch 8 --preset tiny --table subwords.table text.tok -o model
for way in --int8 --stateful "--layers top --pool mean" "--storage float16"; do
    "$bin/encode" -q --threads "$threads" --whitespace --model model --table subwords.table $way --format npy few -o encoded.npy
    digest "encoding${way// /}" vectors <encoded.npy
done
