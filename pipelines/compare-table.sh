#!/usr/bin/env bash
# The results of pipelines/compare.mk as a table for the terminal: of each system and budget the median over the seeds, and the
# range, beside the unigram model. `bench report --text` makes it, as it does of any results, so that table and page agree.
#   pipelines/compare-table.sh RESULTS.jsonl
# BIN is the folder of the tools.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ne 1 ] || ! grep -q '"event":"quality"' "$1"; then
    echo "compare-table.sh: ${1:-RESULTS.jsonl}: no results of pipelines/compare.mk" >&2
    exit 65
fi
bin=${BIN-$here/../.build/release}
exec "${bin:+$bin/}bench" report --text "$1"
