#!/usr/bin/env bash
# Prints the vectors of 100,000 words, a third of them unknown to the model, by `embed-oov --words` and by
# `fasttext print-word-vectors`, by turns in one run: seconds, their ratio, memory, and whether every byte is the same.
#   pipelines/against-fasttext.sh [folder]
# The model is fastText's own of synthetic text (`bench text`), with its usual 2,000,000 buckets and 300 numbers, which it
# does not train, because the time depends on the numbers' count alone; MODEL=file.bin and WORDS=file take real ones.
# ROUNDS=3 says how often; BIN names the folder of the tools. Files go to the folder, or to a temporary one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
rounds=${ROUNDS:-3}
"$here/install-packages.sh" fasttext time >&2
for tool in bench tokenize build-vocab embed-oov; do
    if [ ! -x "$bin/$tool" ]; then
        echo "against-fasttext.sh: $bin/$tool: is not there; make build" >&2
        exit 69
    fi
done
model=${MODEL:+$(realpath "$MODEL")} words=${WORDS:+$(realpath "$WORDS")}
folder=${1:-$(mktemp -d)}
if [ $# = 0 ]; then trap 'rm -rf "$folder"' EXIT; fi
mkdir -p "$folder"
cd "$folder"

if [ -z "$model" ]; then
    # Two words in three are in the text that the model is made of.
    "$bin/bench" text --megabytes 220 | "$bin/tokenize" -q --lowercase | "$bin/build-vocab" -q --max-size 100000 -o all.vocab
    "$bin/build-vocab" --print all.vocab | cut -f 1 > asked.txt
    awk 'NR % 3 != 0' asked.txt > text.txt
    fasttext skipgram -input text.txt -output model -dim 300 -minCount 1 -epoch 0 > fasttext.log 2>&1
    model=$PWD/model.bin words=$PWD/asked.txt
fi

cat "$model" > /dev/null # from disk to the system's cache
printf '%s words, %s, a model of %s MB; %s threads; by turns\n\n' "$(wc -w < "$words")" "fastText $(dpkg-query -W -f '${Version}' fasttext)" \
    "$(($(stat -Lc %s "$model") >> 20))" "$(nproc)"
printf '%-6s %12s %12s %7s %14s %14s   %s\n' round 'Contour, s' 'fastText, s' ratio 'Contour, MB' 'fastText, MB' bytes
for ((round = 1; round <= rounds; round++)); do
    /usr/bin/time -o ours.time -f '%e %M' "$bin/embed-oov" -q --model "$model" --words < "$words" > ours.txt
    /usr/bin/time -o theirs.time -f '%e %M' fasttext print-word-vectors "$model" < "$words" > theirs.txt
    if cmp -s ours.txt theirs.txt; then same=equal; else same=DIFFERENT; fi
    awk -v round="$round" -v same="$same" '
        NR == FNR { ours = $1; memory = $2; next }
        { printf "%-6s %12.2f %12.2f %7.1f %14.0f %14.0f   %s\n", round, ours, $1, $1 / ours, memory / 1024, $2 / 1024, same }
    ' ours.time theirs.time
    [ "$same" = equal ]
done
