#!/usr/bin/env bash
# What each option of --loss contrastive does: a run with each, on the same text in the same order, beside the cosine loss and a
# full softmax, and its scores on held-out text. Prints a line for each run as it ends.
#   pipelines/contrastive-options.sh TEXT.tok HELD-OUT.tok TABLE VOCABULARY
# The first two are tokens of tokenize, the others come from embed-oov and build-vocab; scores are over the vocabulary.
# TRAIN_FLAGS='--cell 256 …' is the run, OUT=contrastive-options the folder, BIN=.build/release the tools, SEEDS="1" the seeds.
# SETS="baselines negatives batches targets" are the comparisons to make. Runs whose log is there already are not made again.
set -euo pipefail
if [ $# -ne 4 ]; then
    sed -n '2,8p' "$0" >&2
    exit 64
fi
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
out=${OUT:-contrastive-options}
flags=${TRAIN_FLAGS:---cell 256 --direction forward --schedule constant --epochs 0.86}
text=$1 held_out=$2 table=$3 vocabulary=$4
mkdir -p "$out"

# run NAME OPTIONS…: trains with each seed, and prints what the last evaluation says.
run() {
    local name=$1 seed log
    shift
    for seed in ${SEEDS:-1}; do
        log=$out/${name// /_}-$seed.jsonl
        if ! grep -q '"event":"held-out"' "$log" 2> /dev/null; then
            # shellcheck disable=SC2086 # flags are words
            "$bin/train" --quiet $flags "$@" --seed "$seed" --evaluations 1 --vocab "$vocabulary" --held-out "$held_out" \
                --log "$log" "$text" -o "$out/model"
        fi
        awk -v name="$name" -v seed="$seed" '
            function field(key) {
                return match($0, "\"" key "\":[-+0-9.eE]+") ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) : "nan"
            }
            /"event":"train"/ { speed = field("words") / field("seconds"); memory = field("memory") }
            /"event":"held-out"/ {
                line = sprintf("%-34s %4d  %6.2f %6.2f  %7.1f  %7.1f  %8.0f  %6.0f", name, seed, 100 * field("top1"),
                    100 * field("top10"), field("candidatePerplexity"), field("perplexity"), speed, memory / 1e6)
                if (field("openPositions") != "nan")
                    line = line sprintf("  %5d %6.2f %6.2f", field("openPositions"), 100 * field("openTop1"), 100 * field("openTop10"))
            }
            END { print line }' "$log"
    done
}
with_table() { local name=$1; shift; run "$name" --table "$table" "$@"; }
contrastive() { local name=$1; shift; with_table "$name" --loss contrastive "$@"; }

printf '%-34s %4s  %6s %6s  %7s  %7s  %8s  %6s  %s\n' '' seed top-1 top-10 'ppl of' ppl words/s MB 'words outside the table:'
printf '%-34s %4s  %6s %6s  %7s  %7s  %8s  %6s  %5s %6s %6s\n' '' '' % % ranked all '' '' number 'first' 'in ten'
for set in ${SETS:-baselines negatives batches targets}; do
    case $set in
        baselines)
            with_table cosine --loss cosine
            contrastive contrastive
            with_table 'full softmax' --output softmax
            ;;
        negatives)
            for count in 256 512 1024 2048 4096; do contrastive "negatives $count" --negatives $count; done
            ;;
        batches)
            for batch in 1 8 64 256; do
                for source in window unigram earlier; do
                    # The same words; a small batch makes more steps, at a rate that is smaller.
                    rate=$(awk -v batch=$batch 'BEGIN { printf "%.3g", 0.001 * sqrt(batch / 64) }')
                    contrastive "batch $batch, $source" --batch $batch --rate "$rate" --more-negatives $source \
                        ${BATCH_FLAGS:---epochs 0.2}
                done
            done
            ;;
        targets)
            for kind in frozen mapped trained; do contrastive "$kind" --targets $kind; done
            contrastive whitened --whiten-targets
            contrastive 'whitened and mapped' --whiten-targets --targets mapped
            contrastive 'whitened and trained' --whiten-targets --targets trained
            for share in 0.1 0.3; do contrastive "random share $share" --random-share $share; done
            contrastive 'learned scale' --learn-scale
            contrastive 'raw vectors' --raw-targets
            ;;
        *)
            echo "contrastive-options.sh: no set of the name $set" >&2
            exit 64
            ;;
    esac
done
