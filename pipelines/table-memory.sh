#!/usr/bin/env bash
# The memory that `train` and `encode` take with a large table, of which a small text uses a few words: from a plain file
# they read the rows of these words only, from a pipe they must keep all. Times and peak memory, with a table that is made
# up, of WORDS=2000000 words with vectors of DIMENSION=300 numbers.
#   pipelines/table-memory.sh [FOLDER]
# FOLDER keeps the table (1.2 GB) for the next time; without it, it goes with the run. USED=10000 words are met;
# BIN=.build/release.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
words=${WORDS:-2000000} dimension=${DIMENSION:-300} used=${USED:-10000}
if [ ! -x /usr/bin/time ]; then
    echo "table-memory.sh: /usr/bin/time is missing: apt install time" >&2
    exit 69
fi
if [ $# -gt 0 ]; then
    folder=$1
    mkdir -p "$folder"
else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
table=$folder/table-$words-$dimension.shard

# Numbers written backwards, so that words differ at their beginnings.
text() { seq "$1" | rev | sed 's/^/word/' | awk 'ORS = NR % 20 ? " " : "\n"'; }
if [ ! -e "$table" ]; then
    echo "Making a table of $words words" >&2
    text "$words" | "$bin/tokenize" --quiet --whitespace | "$bin/build-vocab" --quiet -o "$folder/vocab.shard"
    "$bin/build-vocab" --print "$folder/vocab.shard" | awk -F'\t' -v dimension="$dimension" -v words="$words" '
        BEGIN {
            for (i = 1; i <= 64 * dimension; i++) number[i] = sprintf(" %.4f", rand() - 0.5)
            print words, dimension
        }
        {
            line = $1 " " NR % 1000 / 1000
            first = NR * 7919 % (63 * dimension)
            for (i = 2; i <= dimension; i++) line = line number[first + i]
            print line
        }' | "$bin/embed-oov" --quiet --unknown none --vectors - "$folder/vocab.shard" -o "$table"
fi
text "$used" > "$folder/text.txt"
"$bin/tokenize" --quiet --whitespace -o "$folder/text.tok" "$folder/text.txt"
cat "$table" > /dev/null # from disk to the system's cache

measured() {
    local name=$1
    shift
    /usr/bin/time -f '%M %e' -o "$folder/measure" bash -c "$*"
    awk -v name="$name" '{ printf("%-26s %10.0f %10.2f\n", name, $1 * 1024 / 1e6, $2) }' "$folder/measure"
}
echo "$words words of $dimension numbers ($(($(stat -c %s "$table") / 1000000)) MB), of which the text has $used"
printf '%-26s %10s %10s\n' '' 'peak, MB' seconds
train="$bin/train --quiet --preset tiny --steps 1 --held-out-every 0"
measured 'train, from the file' "$train --table $table -o $folder/model $folder/text.tok"
measured 'train, from a pipe' "cat $table | $train --table - -o $folder/model-pipe $folder/text.tok"
cmp "$folder/model" "$folder/model-pipe"
encode="$bin/encode --quiet --layers top --model $folder/model"
measured 'encode, from the file' "$encode --table $table -o $folder/vectors $folder/text.txt"
measured 'encode, from a pipe' "cat $table | $encode --table - -o $folder/vectors-pipe $folder/text.txt"
cmp "$folder/vectors" "$folder/vectors-pipe"
