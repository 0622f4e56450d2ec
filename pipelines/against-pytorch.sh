#!/usr/bin/env bash
# Words a second of `bench train` and of PyTorch for the same encoder, by turns in one run, and their ratio.
#   pipelines/against-pytorch.sh [--cell 1024] [--projection 256] [--batch 64] [--window 20] [--dimension 300]
#                                [--directions 2] [--threads N]
# ROUNDS=3 and SECONDS_EACH=20 say how often and how long each is measured; PYTHON names a Python that has torch (without
# it, one with torch from PyPI is made under .build/). PyTorch takes the fastest of the formulations that
# pytorch_train.py knows; FORMULATION=fused|compiled forces one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-20}

if [ -z "${PYTHON:-}" ]; then
    environment=$here/../.build/pytorch
    if [ ! -x "$environment/bin/python" ]; then
        echo "Making a Python environment with torch in .build/pytorch" >&2
        python3 -m venv "$environment"
        "$environment/bin/pip" install --quiet torch numpy
    fi
    PYTHON=$environment/bin/python
fi

options=(--cell 1024 --projection 256 --batch 64 --window 20 --dimension 300 --directions 2 --threads "$(nproc)" "$@")

# PyTorch stays alive between its turns, so that it compiles once; its threads fall asleep within milliseconds.
coproc TORCH {
    exec "$PYTHON" "$here/pytorch_train.py" --serve --seconds "$seconds" \
        ${FORMULATION:+--formulation "$FORMULATION"} "${options[@]}"
}
# The shell forgets the descriptors when the process ends.
exec 3<&"${TORCH[0]}" 4>&"${TORCH[1]}"
if ! read -r formulation <&3; then
    echo "against-pytorch.sh: PyTorch did not start; PYTHON=$PYTHON" >&2
    exit 69
fi

printf '%s\nPyTorch %s, %s\n\n' "${options[*]}" "$("$PYTHON" -c 'import torch; print(torch.__version__)')" "$formulation"
printf '%-8s %16s %16s %8s\n' round 'contour words/s' 'pytorch words/s' ratio
ratios=()
for ((round = 1; round <= rounds; round++)); do
    ours=$("$bin/bench" train --quiet --seconds "$seconds" --json - "${options[@]}" |
        sed -n 's/.*"event":"train".*"wordsPerSecond":{[^}]*"median":\([-0-9.e]*\).*/\1/p')
    echo go >&4
    read -r theirs <&3
    ratio=$(awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "%.3f", a / b }')
    ratios+=("$ratio")
    printf '%-8s %16.0f %16.0f %8.2f\n' "$round" "$ours" "$theirs" "$ratio"
done
exec 4>&-
printf '%s\n' "${ratios[@]}" | sort -n | awk '{ value[NR] = $1 } END {
    median = NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2
    printf "\nmedian ratio %.2f (%.2f to %.2f)\n", median, value[1], value[NR]
}'
