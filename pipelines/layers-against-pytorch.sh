#!/usr/bin/env bash
# Output layers over vocabularies of all sizes, ELMo's characters, and recurrent layers, by `bench layers` and by PyTorch, by turns
# in one run: seconds for a window of 128 x 20 words forth and back, and the ratio; of a recurrent layer also what is no product of
# matrices, beside the loop over its steps that torch.compile makes, and the share of products in Contour's time.
#   pipelines/layers-against-pytorch.sh [WORDS]
# WORDS are real words, one a line, for the characters; without them those are left out. CLASSES='10000 50000 200000 800000',
# LAYERS='softmax sampled-softmax adaptive-softmax' (a softmax over 800,000 takes twenty minutes), RECURRENT='qrnn sru'
# (either may be empty), DISTINCT=900 words of a window, ROUNDS=3 of RUNS=3 passes and THREADS (all processors) say how much; PYTHON
# names a Python that has torch, numpy and lz4 (without it, one is made under .build/), and a C++ compiler for torch.compile; BIN the
# folder of the tools. KERNELS=avx2 holds Contour to older processors' kernels (`bench layers --help`).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
classes=${CLASSES:-10000 50000 200000 800000} layers=${LAYERS-softmax sampled-softmax adaptive-softmax}
recurrent=${RECURRENT-qrnn sru}
threads=${THREADS:-$(nproc)} distinct=${DISTINCT:-900} rounds=${ROUNDS:-3} runs=${RUNS:-3}
if [ $# -gt 1 ] || { [ $# = 1 ] && [ ! -r "$1" ]; }; then
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
words=${1:-}
PYTHON=$("$here/pytorch-environment.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# median: of the numbers of standard input.
median() { tr ' ' '\n' | sort -g | awk 'NF { values[++n] = $1 } END { print values[int((n + 1) / 2)] }'; }
measured() {
    "$bin/bench" layers --quiet --layer "$1" --classes "$2" --runs "$runs" ${words:+--words "$words"} ${KERNELS:+--kernels "$KERNELS"} --threads "$threads" --json -
}
# field NAME: of the record of standard input.
field() { sed 's/.*"'"$1"'":\([0-9.e-]*\).*/\1/'; }
ours() { measured "$1" "$2" | field seconds; }
# theirs LAYER CLASSES [OPTION...]
theirs() {
    "$PYTHON" "$here/pytorch_layers.py" "$@" --runs "$runs" --threads "$threads" ${words:+--words "$words"} | median
}

# compare LAYER CLASSES
compare() {
    : > "$work/ratios"
    for ((round = 1; round <= rounds; round++)); do
        echo "$(ours "$1" "$2") $(theirs "$1" "$2")" >> "$work/ratios"
    done
    print_ratios "$1" "$2"
}

# compare_recurrent LAYER: the whole, and what is no product.
compare_recurrent() {
    local record
    : > "$work/ratios"
    : > "$work/loops"
    : > "$work/shares"
    for ((round = 1; round <= rounds; round++)); do
        record=$(measured "$1" 2)
        echo "$(field seconds <<< "$record") $(theirs "$1" 0)" >> "$work/ratios"
        field products <<< "$record" >> "$work/shares"
        echo "$(awk -v seconds="$(field seconds <<< "$record")" -v share="$(field products <<< "$record")" \
            'BEGIN { print seconds * (1 - share) }') $(theirs "$1" 0 --recurrence)" >> "$work/loops"
    done
    print_ratios "$1" "$(median < "$work/shares" | awk '{ printf "%.1f%%", 100 * $1 }')"
    mv "$work/loops" "$work/ratios"
    print_ratios "$1, loop" ""
}

# print_ratios LAYER CLASSES: of the rounds in $work/ratios.
print_ratios() {
    awk -v layer="$1" -v classes="$2" '
        { ours[NR] = $1; theirs[NR] = $2; ratio[NR] = $2 / $1 }
        function middle(values, n, i, j, t) {
            for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++)
                if (values[j] < values[i]) { t = values[i]; values[i] = values[j]; values[j] = t }
            return values[int((n + 1) / 2)]
        }
        END {
            m = middle(ratio, NR)
            printf "%-17s %9s %10.4f %10.4f %7.2f   (%.2f to %.2f)\n", layer, classes, middle(ours, NR), middle(theirs, NR), m,
                ratio[1], ratio[NR]
        }' "$work/ratios"
}

printf '%s threads; PyTorch %s\n\n' "$threads" "$("$PYTHON" -c 'import torch; print(torch.__version__)')"
if [ -n "$layers$words" ]; then printf '%-17s %9s %10s %10s %7s\n' layer classes 'Contour, s' 'PyTorch, s' ratio; fi
for size in $classes; do
    for layer in $layers; do compare "$layer" "$size"; done
done
if [ -n "$words" ]; then compare characters "$distinct"; fi
if [ -n "$recurrent" ]; then printf '\n%-17s %9s %10s %10s %7s\n' layer products 'Contour, s' 'PyTorch, s' ratio; fi
for layer in $recurrent; do compare_recurrent "$layer"; done
