#!/usr/bin/env bash
# Every n-th line of text, or all others: what is held out, and what is trained on.
#   pipelines/split-lines.sh N train|held-out FILE…
# Files are plain, .gz or .lz4; N of 0 holds nothing out.
set -euo pipefail
every=$1 part=$2
shift 2
for file in "$@"; do
    case $file in
        *.gz) gzip -dc -- "$file" ;;
        *.lz4) lz4 -dc -- "$file" ;;
        *) cat -- "$file" ;;
    esac
done | awk -v every="$every" -v held="$([ "$part" = held-out ] && echo 1 || echo 0)" '
    (every > 0 && NR % every == 0) == held'
