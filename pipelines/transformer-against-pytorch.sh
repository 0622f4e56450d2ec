#!/usr/bin/env bash
# Words a second of `bench train` and of PyTorch for the same Transformer, by turns in one run, and their ratio. The network of
# PyTorch is Contour's to the last weight, and the fastest way that PyTorch has to run it is found first, by a trial
# (pytorch_transformer.py).
#   pipelines/transformer-against-pytorch.sh [--preset transformer-base] [--batch 20] [--window 128] [--dimension 300]
#                                            [--threads N]
# Other sizes:
#   PRESET=transformer-large pipelines/transformer-against-pytorch.sh
#   PRESET=gpt BATCH=5 WINDOW=512 pipelines/transformer-against-pytorch.sh
# PRESET, BATCH, WINDOW and DIMENSION are the same as the options; one direction is measured. ROUNDS=3 and SECONDS_EACH=20 say
# how often and how long each is measured, with no less than two steps. KERNELS=avx2 holds both to AVX2 where the processor has
# more. PYTHON names a Python that has torch, numpy and lz4 (without it, one is made under .build/), and a C++ compiler for
# torch.compile; FORMULATION=eager tries that way only; BIN is the folder of `bench`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-20}
case ${1:-} in -h | --help)
    sed -n '2,14s/^# \{0,1\}//p' "$0"
    exit
    ;;
esac
PYTHON=$("$here/pytorch-environment.sh")
if [ ! -x "$bin/bench" ]; then
    echo "transformer-against-pytorch.sh: $bin/bench: is not there; make build" >&2
    exit 69
fi

options=(--preset "${PRESET:-transformer-base}" --batch "${BATCH:-20}" --window "${WINDOW:-128}"
    --dimension "${DIMENSION:-300}" --directions 1 --threads "$(nproc)" "$@")
held=()
case ${KERNELS:-} in
    '' | avx512) ;;
    avx2) held=(ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2) ;;
    *)
        echo "transformer-against-pytorch.sh: KERNELS=$KERNELS: PyTorch can be held to avx2 only" >&2
        exit 64
        ;;
esac

# PyTorch stays alive between its turns, so that it compiles once; its threads fall asleep within milliseconds.
coproc TORCH {
    exec env "${held[@]}" "$PYTHON" "$here/pytorch_transformer.py" --serve --seconds "$seconds" \
        ${FORMULATION:+--formulation "$FORMULATION"} "${options[@]}"
}
torch=$TORCH_PID
# The shell forgets the descriptors when the process ends.
exec 3<&"${TORCH[0]}" 4>&"${TORCH[1]}"
trap 'kill "$torch" 2>/dev/null || true' EXIT
answer() {
    read -r answer <&3 || { echo "transformer-against-pytorch.sh: PyTorch ended; its last words are above" >&2; exit 70; }
}

# The median of the field $1 of `bench`'s result, or the number in it.
field() { sed -n 's/.*"event":"train".*"'"$1"'":\({[^}]*"median":\)\{0,1\}\([-0-9.e]*\).*/\2/p' <<<"$ours"; }

answer
version=$("$PYTHON" -c 'import torch; print(torch.__version__)')
printf '%s%s\nPyTorch %s: %s\n\n' "${options[*]}" "${KERNELS:+ --kernels $KERNELS}" "$version" "$answer"
weights=${answer#*; } weights=${weights% weights}

results=
printf '%-7s %15s %9s %15s %7s\n' round 'Contour, w/s' share 'PyTorch, w/s' ratio
for ((round = 1; round <= rounds; round++)); do
    ours=$("$bin/bench" train --quiet --seconds "$seconds" ${KERNELS:+--kernels "$KERNELS"} --json - "${options[@]}")
    if [ "$(field parameters)" != "$weights" ]; then
        echo "transformer-against-pytorch.sh: Contour's network has $(field parameters) weights, PyTorch's $weights" >&2
        exit 70
    fi
    echo run >&4; answer
    row="$(field wordsPerSecond) $(field share) $answer"
    results+="${results:+$'\n'}$row"
    awk -v round="$round" '{ printf "%-7s %15.0f %8.0f%% %15.0f %7.2f\n", round, $1, 100 * $2, $3, $1 / $3 }' <<<"$row"
done
exec 4>&-

# Median and range of a column, or of the ratio of the speeds.
summary() {
    awk -v name="$2" '{ print name == "ratio" ? $1 / $3 : $name }' <<<"$results" | sort -n | awk -v name="$1" -v form="$3" '
        { value[NR] = $1 }
        END {
            median = NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2
            printf "%-30s " form " " form " " form "\n", name, median, value[1], value[NR]
        }'
}
printf '\n%-30s %10s %10s %10s\n' '' median lowest highest
summary 'Contour, words/s' 1 %10.0f
summary 'Contour, share of the ceiling' 2 %10.2f
summary 'PyTorch, words/s' 3 %10.0f
summary 'Contour / PyTorch' ratio %10.2f
