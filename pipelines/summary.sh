#!/usr/bin/env bash
# Prints what a pipeline's stages took, and the held-out scores of its training.
#   pipelines/summary.sh OUT
set -euo pipefail
out=$1

printf '\n%-20s %9s %12s %12s %12s\n' stage seconds 'MB in' 'MB out' 'words/s'
cat "$out"/stages/*.tsv | awk -F'\t' '{
    rate = $5 == "-" || $2 == 0 ? "-" : sprintf("%.0f", $5 / $2)
    printf "%-20s %9.1f %12.2f %12.2f %12s\n", $1, $2, $3 / 1e6, $4 / 1e6, rate
    total += $2
} END { printf "%-20s %9.1f\n", "all", total }'

# The last held-out evaluation in the log: one JSON object, flattened to name and value.
field() { sed -n 's/.*"'"$2"'":\([-0-9.e]*\).*/\1/p' <<<"$1"; }
grep '"event":"held-out"' "$out/train.jsonl" | tail -n 2 | while read -r line; do
    direction=$(sed -n 's/.*"direction":"\([a-z]*\)".*/\1/p' <<<"$line")
    printf '\nHeld-out text, %s direction (%s positions, %.1f%% of them ranked among %s candidate words)\n' "$direction" \
        "$(field "$line" positions)" "$(awk "BEGIN { print 100 * $(field "$line" coverage) }")" \
        "$(field "$line" candidates)"
    awk -v loss="$(field "$line" loss)" -v constant="$(field "$line" constantLoss)" \
        -v t1="$(field "$line" top1)" -v t10="$(field "$line" top10)" -v p="$(field "$line" perplexity)" \
        -v c1="$(field "$line" cosineTop1)" -v c10="$(field "$line" cosineTop10)" \
        -v u1="$(field "$line" unigramTop1)" -v u10="$(field "$line" unigramTop10)" \
        -v up="$(field "$line" unigramPerplexity)" 'BEGIN {
        form = "%-44s %8s %8s %8s %11s\n"
        printf form, "", "loss", "top-1", "top-10", "perplexity"
        printf form, "best constant vector / unigram model", sprintf("%.3f", constant), sprintf("%.1f%%", 100 * u1),
            sprintf("%.1f%%", 100 * u10), sprintf("%.0f", up)
        printf form, "trained, by cosine", sprintf("%.3f", loss), sprintf("%.1f%%", 100 * c1), sprintf("%.1f%%", 100 * c10), ""
        printf form, "trained, by scale x cosine + log unigram", "", sprintf("%.1f%%", 100 * t1),
            sprintf("%.1f%%", 100 * t10), sprintf("%.0f", p)
    }'
done
