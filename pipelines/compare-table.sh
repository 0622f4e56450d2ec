#!/usr/bin/env bash
# The results of pipelines/compare.mk as a table for the terminal: of each system and budget the median over the seeds, and the
# range.
#   pipelines/compare-table.sh RESULTS.jsonl
set -euo pipefail
if [ $# -ne 1 ] || ! grep -q '"event":"quality"' "$1"; then
    echo "compare-table.sh: ${1:-RESULTS.jsonl}: no results of pipelines/compare.mk" >&2
    exit 65
fi
awk '
    function field(name) {
        return match($0, "\"" name "\":[-+0-9.eE]+") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) : ""
    }
    function text(name) {
        return match($0, "\"" name "\":\"[^\"]*\"") ? substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 5) : ""
    }
    function note(row, column, value) {
        if (value == "") return
        if (!(row in seen)) { seen[row] = 1; rows[++row_count] = row }
        if (!(column in known)) { known[column] = 1; columns[++column_count] = column }
        values[row, column] = values[row, column] " " value
    }
    # Median and range, times a factor.
    function spread(list, factor, decimals,    n, number, i, j, swap, middle) {
        n = split(list, number, " ")
        for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++)
            if (number[j] + 0 < number[i] + 0) { swap = number[i]; number[i] = number[j]; number[j] = swap }
        middle = n % 2 ? number[(n + 1) / 2] : (number[n / 2] + number[n / 2 + 1]) / 2
        return sprintf("%." decimals "f (%." decimals "f-%." decimals "f)", factor * middle, factor * number[1], factor * number[n])
    }
    /"event":"quality"/ {
        row = text("system") "\tsame " text("budget")
        note(row, "Mwords", field("words") / 1e6); note(row, "seconds", field("seconds"))
        note(row, "top-1", field("top1")); note(row, "top-10", field("top10"))
        note(row, "top-1, cosine", field("cosineTop1")); note(row, "top-10, cosine", field("cosineTop10"))
        note(row, "perplexity*", field("candidatePerplexity")); note(row, "perplexity", field("perplexity"))
    }
    /"event":"probe"/ {
        budget = text("budget")
        note(text("system") "\t" (budget == "" ? "-" : "same " budget), text("task") " " text("measure"), field("value"))
    }
    # Columns from `first` on, as many as a terminal has room for.
    function block(first,    r, c, column, share, cell, last) {
        last = first + 3 < column_count ? first + 3 : column_count
        printf "%-13s %-10s", "system", "budget"
        for (c = first; c <= last; c++) printf " %22s", columns[c]
        print ""
        for (r = 1; r <= row_count; r++) {
            split(rows[r], name, "\t")
            printf "%-13s %-10s", name[1], name[2]
            for (c = first; c <= last; c++) {
                column = columns[c]
                share = column ~ /^(top|.* (F1|accuracy))/
                cell = (rows[r], column) in values ? spread(values[rows[r], column], share ? 100 : 1, column == "Mwords" || share ? 2 : 1) : "-"
                printf " %22s", cell
            }
            print ""
        }
        print ""
    }
    END {
        for (first = 1; first <= column_count; first += 4) block(first)
        print "shares in percent; median over the seeds and range; * among the candidates, over the same positions"
    }' "$1"
