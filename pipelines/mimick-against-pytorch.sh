#!/usr/bin/env bash
# Fits MIMICK to the same words by `embed-oov` and by PyTorch, by turns in one run: seconds an epoch, their ratio, and how
# near both come to the true vectors of words that neither has seen.
#   pipelines/mimick-against-pytorch.sh [folder]
# The words are those of synthetic text (`bench text`), their vectors the means of random vectors of their character
# n-grams with noise (mimick_pytorch.py). WORDS=100000, DIMENSION=300, EPOCHS=6 and ROUNDS=3 say how many, how wide, how
# long and how often; PYTHON names a Python that has torch, numpy and lz4 (without it, one is made under .build/); BIN the
# folder of the tools. Files go to the folder, or to a temporary one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
words=${WORDS:-100000} dimension=${DIMENSION:-300} epochs=${EPOCHS:-6} rounds=${ROUNDS:-3}
PYTHON=$("$here/pytorch-environment.sh")
for tool in bench tokenize build-vocab embed-oov; do
    if [ ! -x "$bin/$tool" ]; then
        echo "mimick-against-pytorch.sh: $bin/$tool: is not there; make build" >&2
        exit 69
    fi
done
folder=${1:-$(mktemp -d)}
if [ $# = 0 ]; then trap 'rm -rf "$folder"' EXIT; fi
mkdir -p "$folder"
cd "$folder"

# A twentieth more words than are fitted to: their vectors stay secret until the end.
total=$((words + words / 20))
"$bin/bench" text --megabytes $((words / 500 + 20)) | "$bin/tokenize" -q --lowercase |
    "$bin/build-vocab" -q --max-size "$total" -o all.vocab
"$bin/build-vocab" --print all.vocab | cut -f 1 > words.txt
"$PYTHON" "$here/mimick_pytorch.py" make --dimension "$dimension" words.txt known.vec secret.vec

printf '%s words of %s numbers, %s epochs; %s threads; PyTorch %s\n\n' "$(sed -n '1s/ .*//p' known.vec)" "$dimension" \
    "$epochs" "$(nproc)" "$("$PYTHON" -c 'import torch; print(torch.__version__)')"
printf '%-7s %18s %18s %7s %18s %18s\n' round 'Contour, s/epoch' 'PyTorch, s/epoch' ratio 'Contour, cosine' \
    'PyTorch, cosine'
for ((round = 1; round <= rounds; round++)); do
    "$bin/embed-oov" --unknown mimick --mimick-words "$words" --mimick-epochs "$epochs" --vectors known.vec -o table \
        all.vocab 2> report.txt
    ours=$(sed -n 's/.* words in \([0-9.]*\) s (\([0-9]*\) epochs.*/\1 \2/p' report.txt | awk '{ print $1 / $2 }')
    "$bin/embed-oov" --print table > ours.vec
    cosine=$("$PYTHON" "$here/mimick_pytorch.py" score known.vec secret.vec ours.vec)
    theirs=$("$PYTHON" "$here/mimick_pytorch.py" fit --epochs "$epochs" --threads "$(nproc)" known.vec secret.vec)
    awk -v round="$round" -v ours="$ours" -v cosine="$cosine" -v theirs="$theirs" 'BEGIN {
        split(theirs, pytorch, " ")
        printf "%-7s %18.2f %18.2f %7.2f %18.4f %18.4f\n", round, ours, pytorch[1], pytorch[1] / ours, cosine, pytorch[2]
    }'
done
