#!/usr/bin/env bash
# Words a second of `bench train` and of PyTorch for the same encoder, by turns in one run, and their ratios. PyTorch is
# measured twice: `same` is Contour's network to the last weight, `spared` leaves out what PyTorch's own LSTM has not
# (the clipping of cells and projections, the layer norm and the dropout inside). Of each, the fastest way that PyTorch
# has to run it is found first, by a trial (pytorch_train.py).
#   pipelines/against-pytorch.sh [--cell 1024] [--projection 256] [--batch 64] [--window 20] [--dimension 300]
#                                [--directions 2] [--threads N]
# The reference size:
#   CELL=4096 PROJECTION=512 BATCH=128 pipelines/against-pytorch.sh
# CELL, PROJECTION, BATCH, WINDOW, DIMENSION and DIRECTIONS are the same as the options. ROUNDS=3 and SECONDS_EACH=20
# say how often and how long each is measured, with no less than two steps. PYTHON names a Python that has torch, numpy
# and lz4 (without it, one is made under .build/); BIN the folder of `bench`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-20}
PYTHON=$("$here/pytorch-environment.sh")
if [ ! -x "$bin/bench" ]; then
    echo "against-pytorch.sh: $bin/bench: is not there; make build" >&2
    exit 69
fi

options=(--cell "${CELL:-1024}" --projection "${PROJECTION:-256}" --batch "${BATCH:-64}" --window "${WINDOW:-20}"
    --dimension "${DIMENSION:-300}" --directions "${DIRECTIONS:-2}" --threads "$(nproc)" "$@")

# PyTorch stays alive between its turns, so that it compiles once; its threads fall asleep within milliseconds.
coproc TORCH { exec "$PYTHON" "$here/pytorch_train.py" --serve --seconds "$seconds" "${options[@]}"; }
torch=$TORCH_PID
# The shell forgets the descriptors when the process ends.
exec 3<&"${TORCH[0]}" 4>&"${TORCH[1]}"
trap 'kill "$torch" 2>/dev/null || true' EXIT
answer() {
    read -r answer <&3 || { echo "against-pytorch.sh: PyTorch ended; its last words are above" >&2; exit 70; }
}

answer; same=$answer
answer; spared=$answer
version=$("$PYTHON" -c 'import torch; print(torch.__version__)')
printf '%s\nPyTorch %s; %s; %s\n\n' "${options[*]}" "$version" "$same" "$spared"

# The field of `bench`'s result that has the name $1.
median() { sed -n 's/.*"event":"train".*"'"$1"'":{[^}]*"median":\([-0-9.e]*\).*/\1/p' <<<"$ours"; }

results=
printf '%-7s %15s %9s %13s %7s %15s %7s\n' round 'Contour, w/s' share 'same, w/s' ratio 'spared, w/s' ratio
for ((round = 1; round <= rounds; round++)); do
    ours=$("$bin/bench" train --quiet --seconds "$seconds" --json - "${options[@]}")
    echo same >&4; answer; same=$answer
    echo spared >&4; answer; spared=$answer
    row="$(median wordsPerSecond) $(median share) $same $spared"
    results+="${results:+$'\n'}$row"
    awk -v round="$round" '{
        printf "%-7s %15.0f %8.0f%% %13.0f %7.2f %15.0f %7.2f\n", round, $1, 100 * $2, $3, $1 / $3, $4, $1 / $4
    }' <<<"$row"
done
exec 4>&-

# From the columns: medians and ranges of speeds, and of the ratios of Contour to either network.
summary() {
    awk -v expression="$2" '{
        print expression == "ratio-same" ? $1 / $3 : expression == "ratio-spared" ? $1 / $4 : $expression
    }' <<<"$results" | sort -n | awk -v name="$1" -v form="$3" '{ value[NR] = $1 } END {
        median = NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2
        printf "%-30s " form " " form " " form "\n", name, median, value[1], value[NR]
    }'
}
printf '\n%-30s %10s %10s %10s\n' '' median lowest highest
summary 'Contour, words/s' 1 %10.0f
summary 'Contour, share of the ceiling' 2 %10.2f
summary 'PyTorch, same, words/s' 3 %10.0f
summary 'PyTorch, spared, words/s' 4 %10.0f
summary 'Contour / same' ratio-same %10.2f
summary 'Contour / spared' ratio-spared %10.2f
