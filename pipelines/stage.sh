#!/usr/bin/env bash
# Runs one stage of a pipeline and notes how long it took, how large its files are and how many words it handled.
#   pipelines/stage.sh FOLDER STAGES NAME INPUT OUTPUT [-w COUNT-COMMAND] [-o OPTIONS] -- COMMAND …
# STAGES are the names of all stages in their order, which number them; INPUT may be several files. FOLDER/NAME.tsv gets one line:
# name, seconds, bytes in, bytes out, words. COUNT-COMMAND prints the number of words; it runs after the stage, outside the time.
# FOLDER/NAME.options gets OPTIONS, once the output is there.
set -euo pipefail

folder=$1 stages=$2 name=$3 input=$4 output=$5
shift 5
count= options=() number=1
while [ "$1" != -- ]; do
    case $1 in
        -w) count=$2 ;;
        -o) options=("$2") ;;
    esac
    shift 2
done
shift
for stage in $stages; do
    [ "$stage" != "$name" ] || break
    number=$((number + 1))
done

# The command as one can paste it.
line=
for word; do
    case $word in '' | *[!A-Za-z0-9_./:=,@%+-]*) word=${word@Q} ;; esac
    line+=" $word"
done
mkdir -p "$folder"
printf '\n== %s. %s\n%s\n' "$number" "$name" "${line# }" >&2
start=$(date +%s.%N)
"$@"
end=$(date +%s.%N)

# size FILES: bytes of all of them.
size() { for file in $1; do stat -L -c %s -- "$file" 2> /dev/null || true; done | awk '{ n += $1 } END { printf "%d", n }'; }
words=-
if [ -n "$count" ]; then words=$(bash -c "$count"); fi
notes=$folder/$name
awk -v name="$name" -v start="$start" -v end="$end" -v input="$(size "$input")" -v output="$(size "$output")" \
    -v words="$words" 'BEGIN { printf "%s\t%.2f\t%d\t%d\t%s\n", name, end - start, input, output, words }' > "$notes.tmp"
mv "$notes.tmp" "$notes.tsv"
if [ ${#options[@]} -gt 0 ]; then
    printf %s "${options[0]}" > "$notes.tmp"
    mv "$notes.tmp" "$notes.options"
fi
