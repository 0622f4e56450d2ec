#!/usr/bin/env bash
# What each of embed-oov's table options does to training: a short run with each, on the same text in the same order, and its
# scores on held-out text. Prints a line for each; the ranks are among the most frequent words.
#   pipelines/table-options.sh [TEXT HELD-OUT VECTORS]
# TEXT and HELD-OUT are plain text or .gz, VECTORS what embed-oov takes. Without them it takes WordNet's glosses, of which
# every 50th is held out, and fits vectors to them, as pipelines/quickstart.mk does.
# TRAIN_FLAGS='--preset tiny --cell 256 …' is the run, OUT=table-options the folder, BIN=.build/release the tools.
# SEEDS="1 2" trains with each of these seeds and prints the means, and the largest distance between two seeds.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
out=${OUT:-table-options}
flags=${TRAIN_FLAGS:---preset tiny --cell 256 --projection 50 --direction forward --batch 16 --epochs 0.6}
seeds=${SEEDS:-1 2}
mkdir -p "$out"

if [ $# -eq 3 ]; then
    text=$1 held_out=$2 vectors=$3
elif [ $# -eq 0 ]; then
    make --no-print-directory -f "$here/quickstart.mk" OUT="$out" "$out/vocab.shard" "$out/held-out.txt" "$out/words.vec" >&2
    text=$out/corpus.txt held_out=$out/held-out.txt vectors=$out/words.vec
else
    sed -n '2,9p' "$0" >&2
    exit 64
fi
"$bin/tokenize" --quiet --lowercase "$text" -o "$out/text.tok"
"$bin/tokenize" --quiet --lowercase "$held_out" -o "$out/held-out.tok"
"$bin/build-vocab" --quiet --min-count 2 "$out/text.tok" -o "$out/text.vocab"

# scores NAME TRAIN-OPTIONS EMBED-OOV-OPTIONS…: makes a table, trains, and prints what the last evaluations say.
scores() {
    local name=$1 training=$2 seed
    shift 2
    "$bin/embed-oov" --quiet --vectors "$vectors" "$@" "$out/text.vocab" -o "$out/options.table"
    for seed in $seeds; do
        # shellcheck disable=SC2086 # options are words
        "$bin/train" --quiet $flags $training --seed "$seed" --evaluations 1 --table "$out/options.table" \
            --held-out "$out/held-out.tok" --log "$out/options.jsonl" "$out/text.tok" -o "$out/options.model"
        cat "$out/options.jsonl" >> "$out/all.jsonl"
        python3 - "$out/options.jsonl" <<'END'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
last = {line["direction"]: line for line in lines if line["event"] == "held-out"}
keys = "cosineTop1 cosineTop10 top1 top10 perplexity".split()
print(*(sum(line[key] for line in last.values()) / len(last) for key in keys))
END
    done | awk -v name="$name" -v size="$(stat -c %s "$out/options.table")" '
        { for (i = 1; i <= NF; i++) {
              sum[i] += $i
              if (NR == 1 || $i < least[i]) least[i] = $i
              if (NR == 1 || $i > most[i]) most[i] = $i } }
        END {
            printf("%-34s %8.1f", name, size / 1e6)
            for (i = 1; i <= 4; i++) printf("  %6.2f (%4.2f)", 100 * sum[i] / NR, 100 * (most[i] - least[i]))
            printf("  %7.1f (%4.1f)\n", sum[5] / NR, most[5] - least[5]) }'
}

printf '%-34s %8s%15s%15s%15s%15s%16s\n' '' 'table' 'cosine: top-1' 'top-10' 'prior: top-1' 'top-10' 'perplexity'
printf '%-34s %8s  %s\n' '' 'MB' '% of held-out words, mean of seeds (largest distance between seeds)'
plain=(--storage float32 --no-centre --remove-directions 0 --no-normalise)
scores 'the defaults' ''
scores 'as they are' '' "${plain[@]}"
scores 'float16' '' "${plain[@]}" --storage float16
scores 'normalised' '' "${plain[@]}" --normalise
scores 'centred' '' "${plain[@]}" --centre
scores 'centred, normalised' '' "${plain[@]}" --centre --normalise
for directions in 1 2 3; do
    scores "leading directions removed: $directions" '' "${plain[@]}" --remove-directions "$directions"
done
scores 'as they are, --raw-targets' --raw-targets "${plain[@]}"
scores 'centred, --raw-targets' --raw-targets "${plain[@]}" --centre
scores '2 directions, --raw-targets' --raw-targets "${plain[@]}" --remove-directions 2
