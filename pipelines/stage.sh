#!/usr/bin/env bash
# Runs one stage of a pipeline and notes how long it took, how large its files are and how many words it handled.
#   pipelines/stage.sh NOTES.tsv NAME INPUT OUTPUT [-w COUNT-COMMAND] -- COMMAND …
# NOTES.tsv gets one line: name, seconds, bytes in, bytes out, words. COUNT-COMMAND prints the number of words; it runs
# after the stage, outside the time.
set -euo pipefail

notes=$1 name=$2 input=$3 output=$4
shift 4
count=
if [ "$1" = -w ]; then
    count=$2
    shift 2
fi
shift # --

mkdir -p "$(dirname "$notes")"
printf '\n== %s\n%s\n' "$name" "$*" >&2
start=$(date +%s.%N)
"$@"
end=$(date +%s.%N)

size() { if [ -e "$1" ]; then stat -L -c %s "$1"; else echo 0; fi; }
words=-
if [ -n "$count" ]; then words=$(bash -c "$count"); fi
awk -v name="$name" -v start="$start" -v end="$end" -v input="$(size "$input")" -v output="$(size "$output")" \
    -v words="$words" 'BEGIN { printf "%s\t%.2f\t%d\t%d\t%s\n", name, end - start, input, output, words }' > "$notes.tmp"
mv "$notes.tmp" "$notes"
