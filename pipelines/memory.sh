#!/usr/bin/env bash
# The most memory that each stage but train and the table takes, on a small input and on a large one: it must stay under
# 500 MB whatever the size.
#   pipelines/memory.sh [SMALL-MB] [LARGE-MB]
# Makes synthetic text with `bench text`; needs about LARGE-MB of room in $TMPDIR for its token shard. Ends with status 1 if
# a stage takes more. LIMIT=500 is the limit, ENCODE_LINES=10000 the lines of the large text that are encoded.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
small=${1:-10} large=${2:-1000}
limit=${LIMIT:-500} lines=${ENCODE_LINES:-10000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ ! -x /usr/bin/time ]; then
    echo "memory.sh: /usr/bin/time is missing: apt install time" >&2
    exit 69
fi

# measured NAME COMMAND …: runs the command and notes its peak memory in MB.
measured() {
    local name=$1
    shift
    /usr/bin/time -f '%M' -o "$work/memory" "$@"
    awk -v name="$name" '{ printf "%s\t%.0f\n", name, $1 * 1024 / 1e6 }' "$work/memory" >> "$work/$size.tsv"
}

# Table and model are made once: their size is the user's choice.
"$bin/bench" text --megabytes "$small" | "$bin/tokenize" --quiet -o "$work/first.tok"
"$bin/build-vocab" --quiet --max-size 20000 -o "$work/table.vocab" "$work/first.tok"
"$bin/build-vocab" --print "$work/table.vocab" | awk -F'\t' '
    { printf "%s", $1; for (i = 0; i < 100; i++) printf " %.4f", 2 * rand() - 1; print "" }' > "$work/words.txt"
"$bin/embed-oov" --quiet --unknown none --vectors "$work/words.txt" -o "$work/table" "$work/table.vocab"
"$bin/train" --quiet --preset small --steps 1 --held-out-every 0 --table "$work/table" -o "$work/model" "$work/first.tok"

for size in "$small" "$large"; do
    tok=$work/text.tok
    "$bin/bench" text --megabytes "$size" | measured 'tokenize (pipe)' "$bin/tokenize" --quiet -o "$tok"
    measured 'tokenize --print' "$bin/tokenize" --print -o /dev/null "$tok"
    measured build-vocab "$bin/build-vocab" --quiet -o "$work/text.vocab" "$tok"
    measured 'build-vocab --print' "$bin/build-vocab" --print -o /dev/null "$work/text.vocab"
    measured 'build-vocab (merge)' "$bin/build-vocab" --quiet -o /dev/null "$work/text.vocab" "$work/table.vocab"
    "$bin/bench" text --megabytes "$size" | awk -v lines=$((lines * size / large + 1)) 'NR <= lines' > "$work/part.txt"
    measured encode "$bin/encode" --quiet --model "$work/model" --table "$work/table" -o /dev/null "$work/part.txt"
    rm "$tok"
done

printf '%-22s %16s %16s\n' 'peak memory, MB' "$small MB text" "$large MB text"
paste "$work/$small.tsv" "$work/$large.tsv" | awk -F'\t' -v limit="$limit" '
    { large = ($2 > limit || $4 > limit)
      printf("%-22s %16s %16s%s\n", $1, $2, $4, large ? "  over " limit : "")
      if (large) over = 1 }
    END { exit over }'
