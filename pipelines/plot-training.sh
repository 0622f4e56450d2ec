#!/usr/bin/env bash
# Draws the training curve of a log that `train --log` wrote: loss against words, training and held-out.
#   pipelines/plot-training.sh train.jsonl curve.svg
set -euo pipefail
log=$1 picture=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Two columns: words, loss.
columns() { sed -n 's/.*"loss":\([-0-9.e]*\).*"words":\([0-9]*\).*/\2 \1/p'; }
grep '"event":"train"' "$log" | columns > "$work/train"
for direction in forward backward; do
    grep '"event":"held-out"' "$log" | { grep "\"direction\":\"$direction\"" || true; } | columns > "$work/$direction"
done
constant=$(sed -n 's/.*"constantLoss":\([0-9.e-]*\).*"direction":"forward".*/\1/p' "$log" | tail -n 1)

gnuplot <<END
set terminal svg size 800,500 font 'sans,13' background 'white'
set output '$work/picture.svg'
set xlabel 'words trained on'
set ylabel 'cosine loss'
set grid
set format x '%.1s%c'
set key top right
plot '$work/train' with lines lc rgb '#9ecae1' title 'training', \
     '$work/forward' with linespoints pt 7 ps 0.5 lc rgb '#d95f02' title 'held-out, forward', \
     '$work/backward' with linespoints pt 7 ps 0.5 lc rgb '#1b9e77' title 'held-out, backward', \
     ${constant:-1} with lines dt 2 lc rgb '#555555' title 'best constant vector (held-out)'
END
mv "$work/picture.svg" "$picture"
