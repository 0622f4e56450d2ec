#!/usr/bin/env bash
# Whether python/contour.py makes the vectors of `encode` in PyTorch, for a small model of every kind of encoder, input layer and
# generator of vectors: a line for each with the largest deviation of each layer, the input layer's first, and the largest of all.
#   pipelines/python-parity.sh [PATTERN]
# PATTERN is a regular expression over the names of the kinds. Beside the deviations stands what 32 bits leave open; what is too much
# makes the status 1 (python_parity.py). DEVICE=cuda computes on a GPU. KEEP is an empty folder for the files, which then stay.
#
# PYTHON names a Python that has torch, numpy and lz4 (without it, one is made under .build/); BIN the folder of the tools.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release} pattern=${1:-} device=${DEVICE:-cpu}
if [ $# -gt 1 ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
for tool in bench tokenize build-vocab embed-oov train encode; do
    if [ ! -x "$bin/$tool" ]; then
        echo "python-parity.sh: $bin/$tool: is not there; make build" >&2
        exit 69
    fi
done
PYTHON=$("$here/pytorch-environment.sh")
work=${KEEP:-$(mktemp -d)}
trap '[ -n "${KEEP:-}" ] || rm -rf "$work"' EXIT

# A text to train on. The text to encode has words that the table lacks, marks, an empty line, and sentences of many lengths: some
# longer than an encoder sees at once.
"$bin/bench" text --megabytes 1 2>/dev/null | head -n 2000 > "$work/text" || true
"$bin/tokenize" --quiet --lowercase "$work/text" -o "$work/tokens"
"$bin/tokenize" --print "$work/tokens" > "$work/words"
{
    head -n 30 "$work/words"
    printf '%s\n' '' 'naïveté 😀zz unheard-of of </s> <unk> xylophonists <pad> a' 'a' "$(printf 'long%.0s' {1..20}) words"
    for count in 30 130 1100; do head -n 400 "$work/words" | tr '\n' ' ' | cut -d ' ' -f "1-$count"; done
} > "$work/sentences"

"$bin/build-vocab" --quiet --min-count 3 "$work/tokens" -o "$work/vocabulary"
"$bin/embed-oov" --quiet --random --dimension 20 "$work/vocabulary" -o "$work/random"
# Vectors for some of the words, of which those of the others are made.
"$bin/embed-oov" --print "$work/random" | awk 'NR == 1 { print int($1 * 0.7), $2; next } NR <= int(n * 0.7) + 1 || n == 0' \
    n="$("$bin/embed-oov" --print "$work/random" | awk 'NR == 1 { print $1 }')" > "$work/vectors.vec"
for unknown in subwords mimick cnn; do
    case $unknown in
        subwords) change=(--remove-directions 2 --storage float32) ;;
        mimick) change=(--centre --no-normalise --mimick-epochs 1) ;;
        cnn) change=(--mimick-loss cosine --mimick-epochs 1) ;;
    esac
    "$bin/embed-oov" --quiet --vectors "$work/vectors.vec" --unknown "$unknown" "${change[@]}" "$work/vocabulary" -o "$work/$unknown"
done
"$bin/build-vocab" --quiet --bpe 300 "$work/vocabulary" -o "$work/codes"
"$bin/tokenize" --quiet --lowercase --bpe "$work/codes" "$work/text" -o "$work/units"
"$bin/build-vocab" --quiet "$work/units" -o "$work/unit-vocabulary"

# check NAME TABLE OPTIONS…: trains a model and encodes with it; PyTorch's turn comes in one go. TABLE is none where the model reads no
# vectors.
number=0 steps=()
check() {
    local name=$1 table=$2 folder=$work/model$((number += 1)) inputs=() tokens=$work/tokens reads=() paths=$'-\t-'
    shift 2
    [[ $name =~ $pattern ]] || return 0
    mkdir "$folder"
    case $table in
        none) ;;
        units) inputs=(--vocab "$work/unit-vocabulary") reads=(--bpe "$work/codes") tokens=$work/units paths=$'-\t'$work/codes ;;
        *) inputs=(--table "$work/$table") reads=(--table "$work/$table") paths=$work/$table$'\t-' ;;
    esac
    "$bin/train" --quiet --preset tiny "${steps[@]}" --held-out-every 0 "${inputs[@]}" "$@" \
        "$tokens" -o "$folder/model"
    "$bin/encode" --quiet --whitespace --model "$folder/model" "${reads[@]}" --layers all --format npy --tokens "$folder/encoded" \
        "$work/sentences" -o "$folder/vectors.npy"
    printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$folder/model" "$paths" "$folder/vectors.npy" "$folder/encoded" >> "$work/jobs"
}

# LSTM layers that were hardly trained make much of rounding.
brief=(--steps 30 --batch 4) long=(--steps 600 --batch 8 --rate 0.003)
lstm=(--cell 96 --projection 64)
masked=(--objective masked --window 32)
transformer=(--encoder transformer --width 24 --layers 3 --window 24)
steps=("${long[@]}")
check 'lstm' random "${lstm[@]}"
check 'lstm, no projection, deep' random --cell 64 --projection 0 --layers 3 --no-layer-norm
check 'lstm, no residual' random "${lstm[@]}" --no-residual --dropout-kind non-recurrent
check 'lstm, forward' random "${lstm[@]}" --direction forward
check 'lstm, backward' random "${lstm[@]}" --direction backward --raw-targets
check 'lstm, shared layers' random "${lstm[@]}" --share-layers
check 'lstm, masked' random "${lstm[@]}" "${masked[@]}"
check 'lstm, table of n-grams' subwords "${lstm[@]}"
check 'lstm, table of mimick' mimick "${lstm[@]}"
check 'lstm, table of convolutions' cnn "${lstm[@]}"
steps=("${brief[@]}")
check 'gru' random --cell 64 --encoder gru
check 'gru, masked' random --cell 64 --encoder gru "${masked[@]}"
check 'qrnn' random --cell 64 --encoder qrnn
check 'qrnn, one word, cells, zoneout' random --cell 64 --encoder qrnn --convolution 1 --no-output-gate --zoneout 0.3
check 'qrnn, masked' random --cell 64 --encoder qrnn "${masked[@]}"
check 'sru' random --cell 64 --encoder sru --highway-bias -1
check 'sru, inner size, no highway' random --cell 64 --encoder sru --projection 8 --no-residual
check 'sru, masked' random --cell 64 --encoder sru --no-residual "${masked[@]}"
check 'transformer' random "${transformer[@]}" --heads 3
check 'transformer, gelu, learned' random "${transformer[@]}" --activation gelu --positions learned --no-layer-norm
check 'transformer, longest 200' random "${transformer[@]}" --longest 200
check 'transformer, masked' random "${transformer[@]}" --objective masked --heads 2
check 'characters, as ELMo' none --input characters "${lstm[@]}" --vocab "$work/vocabulary" --output softmax --share-layers \
    --filters 1:8,2:8,3:16 --no-layer-norm --dropout-kind non-recurrent
check 'characters, masked transformer' none --input characters --vocab "$work/vocabulary" --output softmax --filters 1:8,4:8 \
    --highways 1 "${transformer[@]}" --objective masked
steps=("${long[@]}")
check 'subwords' units --input subwords "${lstm[@]}" --output subword-softmax
steps=("${brief[@]}")
check 'subwords, shared, tied' units --input subwords "${lstm[@]}" --output subword-softmax --share-layers --tie
check 'subwords, masked transformer' units --input subwords --output subword-softmax "${transformer[@]}" --objective masked
if [ ! -e "$work/jobs" ]; then
    echo "python-parity.sh: no kind has a name like $pattern" >&2
    exit 64
fi
"$PYTHON" "$here/python_parity.py" --device "$device" < "$work/jobs"
