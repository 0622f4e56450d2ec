#!/usr/bin/env bash
# Prints those lines of a run's list, NAME and TEXT, whose text is not tokenised and counted, or was changed later.
#   OUT/stages/run.XXXXXX/cluster-plan.sh
set -euo pipefail
run=$(cd -- "$(dirname -- "$0")" && pwd)
out=${run%/stages/*}
# NFS may remember that a file was not there; what is listed, it asks for anew.
ls -- "$out/tokens" "$out/counts" > /dev/null
while IFS=$'\t' read -r name text; do
    tokens=$out/tokens/$name.tok counts=$out/counts/$name.vocab
    if [ -f "$counts" ] && [ ! "$text" -nt "$counts" ]; then
        # Without tokens, the counts are empty.
        if [ ! -s "$counts" ] && [ ! -e "$tokens" ]; then continue; fi
        if [ -s "$tokens" ] && [ -s "$counts" ] && [ ! "$text" -nt "$tokens" ] && [ ! "$tokens" -nt "$counts" ]; then continue; fi
    fi
    printf '%s\t%s\n' "$name" "$text"
done < "$run/list"
