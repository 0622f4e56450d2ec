#!/usr/bin/env bash
# Every n-th line of text, or all others: what is held out, and what is trained on.
#   pipelines/split-lines.sh N train|held-out FILE…
# Files are plain, .gz, .lz4, .xz, .zst or .bz2; N of 0 holds nothing out. The lines come in a random order, the same each time: a
# model that is looked at in the middle of a pass must have seen of everything what one at its end has, and a text is often many
# texts one after the other.
set -euo pipefail
export LC_ALL=C
if [ $# -lt 3 ] || [[ ! $1 =~ ^[0-9]+$ ]] || [[ ! $2 =~ ^(train|held-out)$ ]]; then
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
every=$1 part=$2
shift 2
for file in "$@"; do
    # The last line of a file may lack its end.
    case $file in
        *.gz) gzip -dc -- "$file" ;;
        *.lz4) lz4 -dc -- "$file" ;;
        *.xz) xz -dc -- "$file" ;;
        *.zst) zstd -dcq -- "$file" ;;
        *.bz2) bzip2 -dc -- "$file" ;;
        *) cat -- "$file" ;;
    esac | awk 1
done | awk 'BEGIN { srand(1) } { printf "%.9f\t%s\n", rand(), $0 }' | sort -s -k 1,1 | cut -f 2- |
    awk -v every="$every" -v held="$([ "$part" = held-out ] && echo 1 || echo 0)" '
        (every > 0 && NR % every == 0) == held'
