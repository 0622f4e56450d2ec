#!/usr/bin/env bash
# What pipelines/one-billion.mk left in OUT beside the figures of the paper (Li et al. 2019), a row for each system.
#   pipelines/one-billion-results.sh OUT SYSTEM…
# SMALLER says in which ways the run was smaller than the paper's; BIN is the folder of the tools.
set -euo pipefail
if [ $# -lt 2 ]; then
    sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN-$here/../.build/release}
out=$1
shift
# field NAME: of the lines, or - if it is in none.
field() { sed -n "s/.*\"$1\":\([-+0-9.eE]*\).*/\1/p" | grep . || echo -; }
# perplexity SYSTEM DIRECTION: of the test text.
perplexity() { { grep "\"direction\":\"$2\"" "$out/$1.score.jsonl" || true; } | field perplexity; }

echo 'beside the paper, whose figures are in brackets'
echo
for system; do
    quality=$(grep "\"event\":\"quality\",\"system\":\"$system\"" "$out/results.jsonl" | head -n 1)
    weights=$("${bin:+$bin/}train" --print "$out/$system.safetensors" | awk -F'\t' 'NF == 3 { n += $3 } END { print n }')
    printf '%s\t' "$system" "$weights" "$(field words <<< "$quality")" "$(field seconds <<< "$quality")" \
        "$(perplexity "$system" forward)" "$(perplexity "$system" backward)" \
        "$(awk -F'\t' '$2 > 0 { printf "%.0f", $5 / $2 }' "$out/stages/encode-$system.tsv")"
    sort -u "$out/stages/$system.devices" | paste -sd, | sed 's/,/, /g'
done | awk -F'\t' '
    BEGIN {
        split("elmo-c 76 elmo-a 196 elmo-sub 92 elmo 499", list, " ")
        for (i in list) if (i % 2) weights[list[i]] = list[i + 1]
        times["elmo"] = "4.2"; times["elmo-a"] = times["elmo-sub"] = "1.6 to 2.3"; times["elmo-c"] = "1"
        days["elmo"] = "14 days, 3 GPUs"; days["elmo-c"] = "2.5 days, 4 GPUs"
        perplexity["elmo"] = "39.7"; perplexity["elmo-a"] = "35.8"
    }
    function number(x, form) { return x == "-" || x == "" ? "-" : sprintf(form, x) }
    function beside(x, published) { return published == "" ? x : x " (" published ")" }
    {
        rate = $3 != "-" && $4 > 0 ? $3 / $4 : "-"
        if ($1 == "elmo-c") reference = rate
        row[NR] = $0; speed[NR] = rate
    }
    END {
        form = "%-9s %17s %10s %9s %24s %20s %19s %10s %10s  %s\n"
        printf form, "system", "weights, M", "words, M", "words/s", "hours", "time of a word", "perplexity", "backward", "encoding", "device"
        printf form, "", "", "", "", "", "by ELMo-C'\''s", "forward", "", "words/s", ""
        for (i = 1; i <= NR; i++) {
            split(row[i], f, "\t")
            printf form, f[1], beside(number(f[2] / 1e6, "%.3g"), weights[f[1]] " M"), number(f[3] == "-" ? "-" : f[3] / 1e6, "%.4g"), \
                number(speed[i], "%.0f"), beside(number(f[4] == "-" ? "-" : f[4] / 3600, "%.3g"), days[f[1]]), \
                beside(reference > 0 && speed[i] > 0 ? sprintf("%.2f", reference / speed[i]) : "-", times[f[1]]), \
                beside(number(f[5], "%.1f"), perplexity[f[1]]), number(f[6], "%.1f"), number(f[7], "%d"), f[8]
        }
    }'
echo
echo 'Perplexity is of the first held-out file, over words.vocab (elmo-sub: by words, over its units). The speed of training leaves out'
echo 'evaluations and checkpoints; that of encoding has the start in it, and the writing of the vectors.'
if [ "${SMALLER-}" ]; then
    echo "Not the paper's recipe, so that the figures in brackets are of something larger: $SMALLER"
fi
