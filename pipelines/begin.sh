#!/usr/bin/env bash
# Before work that can be interrupted and gone on with: removes what there is of it if that is of no use any more.
#   pipelines/begin.sh RECORD OPTIONS CHECK [PREREQUISITE…] -- WORK…
# RECORD holds the options that the work was begun with, and is as old as the work. WORK, files and folders, is removed if there
# is no record, if its options are not OPTIONS, or if a PREREQUISITE is newer. But first the command CHECK must succeed: options
# that are wrong cost nobody his work. Remove RECORD when the work is done.
set -euo pipefail
if [ $# -lt 5 ]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
record=$1 options=$2 check=$3
shift 3
goesOn=1
printf %s "$options" | cmp -s - "$record" || goesOn=
while [ "$1" != -- ]; do
    if [ "$1" -nt "$record" ]; then goesOn=; fi
    shift
done
shift
if [ ! "$goesOn" ]; then
    for work; do
        if [ -e "$work" ]; then
            bash -c "$check" > /dev/null
            break
        fi
    done
    rm -rf -- "$@"
    mkdir -p -- "$(dirname -- "$record")"
    printf %s "$options" > "$record.tmp"
    mv -- "$record.tmp" "$record"
fi
