#!/usr/bin/env bash
# The picture of the README: perplexity after the same words against the time that training took, from the table of docs/results.md.
#   pipelines/plots/quality.sh > docs/pictures/quality.svg
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
command -v gnuplot > /dev/null || { echo "quality.sh: gnuplot is missing: apt install gnuplot-nox" >&2; exit 69; }
points=$(mktemp)
trap 'rm -f "$points"' EXIT
# | system | same words | words | seconds (range) | top-1 | top-10 | perplexity (range) | …
awk -F' *[|] *' '/^\| / && $3 == "same words" && NF == 10 && $8 != "-" {
    seconds = $5; gsub(/ .*|,/, "", seconds); perplexity = $8; sub(/ .*/, "", perplexity)
    print seconds, perplexity, $2
}' "$here/../../docs/results.md" > "$points"
[ -s "$points" ] || { echo "quality.sh: docs/results.md has no table of systems trained for the same words" >&2; exit 65; }
gnuplot << PLOT
set terminal svg size 760,360 font "sans-serif,13" background "#ffffff"
set logscale xy
set xrange [200:2600]
set yrange [55:330]
set xtics ("200" 200, "300" 300, "500" 500, "1,000" 1000, "2,000" 2000)
set ytics (60, 80, 100, 150, 200, 300)
set xlabel "seconds of training on two cores"
set ylabel "perplexity among 10,000 words"
set grid lc rgb "#dddddd"
set border 3 lc rgb "#888888"
set tics nomirror textcolor rgb "#333333"
unset key
ours(name) = name eq "ELMo-C" || name eq "contrastive" || name eq "mapped" || name eq "trained"
label(name) = name eq "ELMo-C" ? "cosine (the paper's)" : name eq "trained" ? "contrastive, trained targets" : name eq "contrastive" ? "contrastive" : name
set label "Contour's losses" at graph 0.72,0.93 textcolor rgb "#1f6fb2"
set label "softmaxes" at graph 0.72,0.86 textcolor rgb "#b2521f"
plot "$points" using 1:2:(ours(strcol(3)) ? 0x1f6fb2 : 0xb2521f) with points pt 7 ps 1.1 lc rgb variable title "systems", \
     "" using (strcol(3) eq "mapped" ? NaN : \$1):2:(label(strcol(3))):(ours(strcol(3)) ? 0x1f6fb2 : 0xb2521f) with labels offset 1.2,0.1 left textcolor rgb variable title "names"
PLOT
