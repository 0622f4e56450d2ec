#!/usr/bin/env bash
# Merges the counts of a run's texts: OUT/vocab.shard. If texts are not counted, says which and why, and makes nothing: status 65
# where a text is at fault, else 75, and a new run goes on.
#   OUT/stages/run.XXXXXX/cluster-merge.sh TOOL_PREFIX [options of build-vocab]
set -euo pipefail
run=$(cd -- "$(dirname -- "$0")" && pwd)
out=${run%/stages/*} tool=$1
shift
shown=20

bash "$run/cluster-plan.sh" > "$run/left"
left=$(wc -l < "$run/left")
if [ "$left" -gt 0 ]; then
    status=75 number=0
    while IFS=$'\t' read -r name text; do
        line="cluster: $text: not done"
        if [ -f "$run/failed/$name" ]; then
            status=65 line=$(cat "$run/failed/$name")
        elif [ -s "$run/errors/$name" ]; then
            line+=": $(tail -n 1 "$run/errors/$name")"
        fi
        number=$((number + 1))
        if [ $number -le $shown ]; then echo "$line" >&2; fi
    done < "$run/left"
    if [ "$left" -gt $shown ]; then echo "cluster: and $((left - shown)) more; $run/left lists all" >&2; fi
    if [ $status = 65 ]; then
        echo "cluster: texts cannot be tokenised; mend them, or take them from TEXT, and run again: what is done stays" >&2
    else
        echo "cluster: run again to go on; what is done stays ($out/stages/log is what parallel and the hosts said)" >&2
    fi
    exit $status
fi

# The record: what the vocabulary was made with and of.
cd "$out/counts"
record=$(printf '%s\n' "$@"; cat "$run/version"; awk -F '\t' '{ printf "%s.vocab%c", $1, 0 }' "$run/list" | xargs -0 stat -c '%n %s %y')
if [ -f "$out/vocab.shard" ] && printf %s "$record" | cmp -s - "$out/stages/vocab.record"; then
    echo "cluster: $out/vocab.shard is up to date" >&2
    exit
fi
awk -F '\t' '{ printf "%s.vocab%c", $1, 0 }' "$run/list" | xargs -0 cat -- | "${tool}build-vocab" "$@" -o "$run/vocab.shard" -
rm -f "$out/stages/vocab.record"
mv "$run/vocab.shard" "$out/vocab.shard"
printf %s "$record" > "$run/record"
mv "$run/record" "$out/stages/vocab.record"
case $(wc -l < "$run/list") in
    1) echo "cluster: 1 text is in $out/tokens, its words in $out/vocab.shard" >&2 ;;
    *) echo "cluster: $(wc -l < "$run/list") texts are in $out/tokens, their words in $out/vocab.shard" >&2 ;;
esac
