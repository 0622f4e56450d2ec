#!/usr/bin/env bash
# `bench probe` beside scikit-learn's LogisticRegression on the same vectors, which encode exports, with the layers mixed by the
# weights that the probe has learned; spans are scored by seqeval.
#   pipelines/probe-against-sklearn.sh MODEL TABLE TRAIN.conll TEST.conll COLUMN
# TRAIN and TEST are in CoNLL's columns, the word first. BIN says where the tools are. Python's packages are installed from
# PyPI into .build/sklearn if need be.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
if [ $# -ne 5 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
model=$1 table=$2 train=$3 test=$4 column=$5
for file in "$model" "$table" "$train" "$test"; do
    [ -r "$file" ] || { echo "probe-against-sklearn.sh: $file: cannot be read" >&2; exit 66; }
done
environment=$here/../.build/sklearn
if [ ! -e "$environment/complete" ]; then
    echo "Making a Python environment with scikit-learn in .build/sklearn" >&2
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet scikit-learn seqeval numpy >&2
    touch "$environment/complete"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$bin/bench" probe --quiet --train "$train" --test "$test" --table "$table" --column "$column" --json "$work/probe.jsonl" "$model"
for part in train test; do
    # A sentence a line.
    awk '$1 == "-DOCSTART-" { next } NF { line = line (line == "" ? "" : " ") $1; next }
        line != "" { print line; line = "" } END { if (line != "") print line }' "${!part}" > "$work/$part.txt"
    "$bin/encode" --quiet --whitespace --model "$model" --table "$table" --format npy "$work/$part.txt" -o "$work/$part.npy"
done
"$environment/bin/python" "$here/probe_sklearn.py" "$work" "$train" "$test" "$column"
