#!/usr/bin/env bash
# How fast python/contour.py reads shards, tables and vectors, and words a second of its encoder in PyTorch beside `encode`, by turns
# in one run: medians of the rounds.
#   pipelines/python-speed.sh [TEXT]
# TEXT is text whose tokens stand between spaces, a sentence a line; without it the text is made up (`bench text`). PRESET=small,
# CELL= and PROJECTION= say what the network is, of random weights. SENTENCES=1000 of the text are encoded ROUNDS=3 times. The time of
# `encode` is that of the whole process, which writes a NumPy file; PyTorch's that of encoding alone.
#
# PYTHON names a Python that has torch, numpy and lz4 (without it, one is made under .build/); BIN the folder of the tools.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
if [ $# -gt 1 ] || { [ $# = 1 ] && [ ! -r "$1" ]; }; then
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
for tool in bench tokenize build-vocab embed-oov train encode; do
    if [ ! -x "$bin/$tool" ]; then
        echo "python-speed.sh: $bin/$tool: is not there; make build" >&2
        exit 69
    fi
done
PYTHON=$("$here/pytorch-environment.sh")
sentences=${SENTENCES:-1000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ $# = 0 ]; then
    "$bin/bench" text --megabytes $((sentences / 5000 + 1)) | "$bin/tokenize" --quiet | "$bin/tokenize" --print
else
    cat "$1"
fi | awk -v most="$sentences" 'NF && ++count <= most' > "$work/text"
"$bin/tokenize" --quiet --whitespace "$work/text" -o "$work/tokens"
"$bin/build-vocab" --quiet "$work/tokens" -o "$work/vocabulary"
"$bin/embed-oov" --quiet --random --dimension 300 "$work/vocabulary" -o "$work/table"
# Weights as they are before training: one step at no rate to speak of.
head -n 20 "$work/text" | "$bin/tokenize" --quiet --whitespace -o "$work/some"
"$bin/train" --quiet --preset "${PRESET:-small}" ${CELL:+--cell "$CELL"} ${PROJECTION:+--projection "$PROJECTION"} \
    --table "$work/table" --steps 1 --rate 1e-30 --batch 1 --held-out-every 0 "$work/some" -o "$work/model"
encode=("$bin/encode" --quiet --threads "$(nproc)" --model "$work/model" --table "$work/table" "$work/tokens")
"${encode[@]}" -o "$work/vectors"
"${encode[@]}" --format npy -o "$work/vectors.npy"
"$PYTHON" "$here/python_speed.py" --rounds "${ROUNDS:-3}" --threads "$(nproc)" --model "$work/model" --table "$work/table" \
    --tokens "$work/tokens" --vectors "$work/vectors" --array "$work/vectors.npy" \
    --encode "$(printf '%q ' "${encode[@]}" --format npy -o "$work/encoded.npy")"
