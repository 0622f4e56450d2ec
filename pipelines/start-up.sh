#!/usr/bin/env bash
# How long `train` takes to start with a large table: reads and checks it all, makes its vectors unit vectors, and trains
# one step of a tiny encoder. The table is made up, of WORDS=2000000 words with vectors of DIMENSION=300 numbers.
#   pipelines/start-up.sh [FOLDER]
# FOLDER keeps the table (1.2 GB) for the next time; without it, it goes with the run. ROUNDS=3; BIN=.build/release.
set -euo pipefail
bin=${BIN:-.build/release}
words=${WORDS:-2000000} dimension=${DIMENSION:-300} rounds=${ROUNDS:-3}
if [ $# -gt 0 ]; then
    folder=$1
    mkdir -p "$folder"
else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
table=$folder/table-$words-$dimension.shard text=$folder/text.tok

# Numbers written backwards, so that words differ at their beginnings.
seq $((words < 100000 ? words : 100000)) | rev | sed 's/^/word/' | awk 'ORS = NR % 20 ? " " : "\n"' | "$bin/tokenize" --quiet --whitespace -o "$text"
if [ ! -e "$table" ]; then
    echo "Making a table of $words words" >&2
    seq "$words" | rev | sed 's/^/word/' | awk 'ORS = NR % 20 ? " " : "\n"' |
        "$bin/tokenize" --quiet --whitespace | "$bin/build-vocab" --quiet -o "$folder/vocab.shard"
    awk -v dimension="$dimension" 'BEGIN {
        srand(1)
        for (word = 1; word <= 2000; word++) {
            line = "word" word
            for (i = 1; i <= dimension; i++) line = line sprintf(" %.4f", rand() - 0.5)
            print line
        }
    }' > "$folder/words.vec"
    # All but a few words get their vectors from a character model, which need not be a good one.
    "$bin/embed-oov" --quiet --mimick-epochs 1 --mimick-hidden 8 --vectors "$folder/words.vec" "$folder/vocab.shard" -o "$table"
fi
echo "$(stat -c %s "$table") bytes of table"
for ((round = 1; round <= rounds; round++)); do
    cat "$table" > /dev/null # from disk to the system's cache
    start=$(date +%s.%N)
    "$bin/train" --quiet --preset tiny --steps 1 --held-out-every 0 --table "$table" -o /dev/null "$text"
    awk -v start="$start" -v end="$(date +%s.%N)" 'BEGIN { printf "start-up and a step: %.2f s\n", end - start }'
done
