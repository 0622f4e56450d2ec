#!/usr/bin/env bash
# Output layers over vocabularies of all sizes, and ELMo's characters, by `bench layers` and by PyTorch, by turns in one run:
# seconds for a window of 128 x 20 words forth and back, and the ratio.
#   pipelines/layers-against-pytorch.sh [WORDS]
# WORDS are real words, one a line, for the characters; without them those are left out. CLASSES='10000 50000 200000 800000',
# LAYERS='softmax sampled-softmax adaptive-softmax' (a softmax over 800,000 takes twenty minutes), DISTINCT=900 words of a
# window, ROUNDS=3 of RUNS=3 passes say how much; PYTHON names a Python that has torch, numpy and lz4 (without it, one is made
# under .build/); BIN the folder of the tools. KERNELS=avx2 holds Contour to older processors' kernels (`bench layers --help`).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
classes=${CLASSES:-10000 50000 200000 800000} layers=${LAYERS:-softmax sampled-softmax adaptive-softmax}
distinct=${DISTINCT:-900} rounds=${ROUNDS:-3} runs=${RUNS:-3}
if [ $# -gt 1 ] || { [ $# = 1 ] && [ ! -r "$1" ]; }; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
words=${1:-}
PYTHON=$("$here/pytorch-environment.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# median: of the numbers of standard input.
median() { tr ' ' '\n' | sort -g | awk 'NF { values[++n] = $1 } END { print values[int((n + 1) / 2)] }'; }
ours() {
    "$bin/bench" layers --quiet --layer "$1" --classes "$2" --runs "$runs" ${words:+--words "$words"} ${KERNELS:+--kernels "$KERNELS"} --json - |
        sed 's/.*"seconds":\([0-9.e-]*\).*/\1/'
}
theirs() {
    "$PYTHON" "$here/pytorch_layers.py" "$1" "$2" --runs "$runs" --threads "$(nproc)" ${words:+--words "$words"} | median
}

# compare LAYER CLASSES
compare() {
    : > "$work/ratios"
    for ((round = 1; round <= rounds; round++)); do
        echo "$(ours "$1" "$2") $(theirs "$1" "$2")" >> "$work/ratios"
    done
    awk -v layer="$1" -v classes="$2" '
        { ours[NR] = $1; theirs[NR] = $2; ratio[NR] = $2 / $1 }
        function middle(values, n, i, j, t) {
            for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++)
                if (values[j] < values[i]) { t = values[i]; values[i] = values[j]; values[j] = t }
            return values[int((n + 1) / 2)]
        }
        END {
            m = middle(ratio, NR)
            printf "%-17s %9d %10.4f %10.4f %7.2f   (%.2f to %.2f)\n", layer, classes, middle(ours, NR), middle(theirs, NR), m,
                ratio[1], ratio[NR]
        }' "$work/ratios"
}

printf '%s threads; PyTorch %s\n\n' "$(nproc)" "$("$PYTHON" -c 'import torch; print(torch.__version__)')"
printf '%-17s %9s %10s %10s %7s\n' layer classes 'Contour, s' 'PyTorch, s' ratio
for size in $classes; do
    for layer in $layers; do compare "$layer" "$size"; done
done
if [ -n "$words" ]; then compare characters "$distinct"; fi
