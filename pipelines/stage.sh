#!/usr/bin/env bash
# Runs one stage of a pipeline and notes how long it took and how large its files are.
#   pipelines/stage.sh NOTES.tsv NAME INPUT OUTPUT [WORDS-FILE] -- COMMAND …
# NOTES.tsv gets one line: name, seconds, bytes in, bytes out, words a second (or -). WORDS-FILE holds the number of words.
set -euo pipefail

notes=$1 name=$2 input=$3 output=$4
shift 4
words_file=
if [ "$1" != -- ]; then
    words_file=$1
    shift
fi
shift

mkdir -p "$(dirname "$notes")"
printf '\n== %s: %s\n' "$name" "$*" >&2
start=$(date +%s.%N)
"$@"
end=$(date +%s.%N)
size() { if [ -e "$1" ]; then stat -L -c %s "$1"; else echo 0; fi; }
awk -v name="$name" -v start="$start" -v end="$end" -v input="$(size "$input")" -v output="$(size "$output")" \
    -v words="$(if [ -n "$words_file" ]; then cat "$words_file"; fi)" 'BEGIN {
        seconds = end - start
        rate = words == "" ? "-" : sprintf("%.0f", words / seconds)
        printf "%s\t%.1f\t%d\t%d\t%s\n", name, seconds, input, output, rate
    }' > "$notes.tmp"
mv "$notes.tmp" "$notes"
