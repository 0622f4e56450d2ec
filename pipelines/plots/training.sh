#!/usr/bin/env bash
# Draws any number of training runs into one picture: loss (cosine loss and -log p apart), the right word among the first ten,
# and words a second, against words and against the time of training.
#   pipelines/plots/training.sh [--directions] RUN.jsonl … -o PICTURE.(png|svg|pdf)
# A run is a log that `train --log` wrote, or is still writing. Thin lines are the training loss, lines with dots the
# held-out text: the mean of the directions, or with --directions each (forward whole, backward dashed). Dashed gray lines are
# what training must be better than: the loss of the best constant vector, and the unigram model's ranks. For example:
#   pipelines/plots/training.sh small.jsonl base.jsonl -o runs.svg
# Needs gnuplot.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

fail() { echo "training.sh: $2" >&2; exit "$1"; }
usage='usage: training.sh [--directions] RUN.jsonl … -o PICTURE.(png|svg|pdf)'

runs=() picture='' directions=0
while [ $# -gt 0 ]; do
    case $1 in
        -o) [ $# -gt 1 ] || fail 64 "$usage"; picture=$2; shift 2 ;;
        --directions) directions=1; shift ;;
        -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit ;;
        --) shift; runs+=("$@"); break ;;
        -*) fail 64 "unknown option $1; $usage" ;;
        *) runs+=("$1"); shift ;;
    esac
done
if [ ${#runs[@]} = 0 ] || [ -z "$picture" ]; then fail 64 "$usage"; fi
case $picture in
    *.png) terminal=pngcairo ;;
    *.svg) terminal=svg ;;
    *.pdf) terminal=pdfcairo ;;
    *) fail 64 "$picture: must end in .png, .svg or .pdf" ;;
esac
for run in "${runs[@]}"; do
    [ -e "$run" ] || fail 66 "$run: does not exist"
    if [ ! -r "$run" ] || [ -d "$run" ]; then fail 66 "$run: cannot be read"; fi
done
[ -d "$(dirname "$picture")" ] || fail 73 "$picture: the folder does not exist"
command -v gnuplot >/dev/null || fail 69 "gnuplot is missing: apt install gnuplot-nox"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# For run number n the files n.train, n.both, n.forward and n.backward hold the columns of metrics.awk from words on;
# n.note says in a few words how fast it was, n.output what predicts: continuous, softmax, or unknown without held-out text;
# n.references has the last losses of the best constant vector, and the last shares of the unigram model in percent.
for n in "${!runs[@]}"; do
    awk -v directions="$directions" -f "$here/metrics.awk" < "${runs[n]}" > "$work/columns" ||
        fail 65 "${runs[n]}: no training log: no line in it says how training went"
    (
        cd "$work"
        awk -F'\t' -v n="$n" '$1 == "train" { print $2, $3, $4, $5 > (n ".train"); next }
            { print $2, $3, $4, $5 == "-" ? "NaN" : 100 * $5 > (n "." $6) }' columns
        awk -F'\t' '$1 == "held-out" { output = $7 } END { print output ? output : "unknown" }' columns > "$n.output"
        awk -F'\t' '
            $1 == "held-out" { at[$6] = $2; constant[$6] = $8; unigram[$6] = $9 }
            END {
                for (direction in at) {
                    if (constant[direction] != "-") printf "constant %.4g\n", constant[direction]
                    if (unigram[direction] != "-") printf "unigram %.4g\n", 100 * unigram[direction]
                }
            }' columns | sort > "$n.references"
        awk -F'\t' '
            $1 == "held-out" && $10 != "-" && $10 > positions { positions = $10 }
            $1 == "train" {
                words = $2; seconds = $3
                if ($6 != "-") memory = $6
                if ($7 != "-") { share += $7; shares++ }
            }
            END {
                printf "%.0f words/s", words / seconds
                if (memory) printf ", %.0f MB", memory / 1e6
                if (shares) printf ", %.0f%% of the ceiling", 100 * share / shares
                if (positions) printf ", %d held-out positions%s", positions, positions < 10000 ? " (small)" : ""
            }' columns > "$n.note"
    )
done

# Quotes for gnuplot.
quoted() { printf "'%s'" "${1//\'/\'\'}"; }

# Units of both axes, by the longest run: how much, its name, and where the axis ends.
read -r word_unit words_name words_end time_unit time_name time_end < <(cat "$work"/*.train | awk '
    { if ($1 > words) words = $1; if ($2 > seconds) seconds = $2 }
    END {
        split(words < 1e4 ? "1 words" : words < 2e6 ? "1e3 thousands~of~words" : "1e6 millions~of~words", word, " ")
        split(seconds < 7200 ? "1 seconds" : "3600 hours", time, " ")
        print word[1], word[2], 1.02 * words / word[1], time[1], time[2], 1.02 * seconds / time[1] }')

colours=(1f77b4 d95f02 1b9e77 7b4fa3 e7298a a6761d 666666 66a61e)
# plots X Y TRAINING HELD-OUT [OUTPUT [REFERENCE]]: the plot of column Y against column X, which is 1 or 2. TRAINING is the width of the
# lines of training, none if it is empty; HELD-OUT says yes or no; OUTPUT keeps to the runs that have it; REFERENCE, constant or
# unigram, is what they must be better than.
plots() {
    local x="(\$$1 / $word_unit)" y=$2 training=$3 held_out=$4 output=${5:-} reference=${6:-} n part dash value title list=()
    [ "$1" = 1 ] || x="(\$$1 / $time_unit)"
    for n in "${!runs[@]}"; do
        [ -z "$output" ] || [ "$(cat "$work/$n.output")" = "$output" ] || continue
        local colour="lc rgb '#${colours[n % ${#colours[@]}]}'" again=$((n / ${#colours[@]} + 1))
        [ -z "$training" ] || list+=("'$n.train' using $x:$y with lines lw $training dt $again $colour notitle")
        for part in both forward backward; do
            if [ "$held_out" = no ] || ! has "$y" "$work/$n.$part"; then continue; fi
            dash=$again
            [ "$part" != backward ] || dash=$((again + 1))
            list+=("'$n.$part' using $x:$y with linespoints lw 1.6 dt $dash pt 7 ps 0.35 $colour notitle")
        done
    done
    [ -z "$reference" ] || while read -r value title; do
        list+=("$value with lines lw 1 dt 2 lc rgb '#777777' title '$title'")
    done < <(references "$reference" "$output")
    local IFS=,
    printf 'plot %s\n' "${list[*]}"
}

# references constant|unigram [OUTPUT]: each value that the runs have, and what it is; whose it is where there are several.
references() {
    local n name='unigram model' all
    [ "$1" = unigram ] || name='constant vector'
    all=$(for n in "${!runs[@]}"; do
        [ -z "${2:-}" ] || [ "$(cat "$work/$n.output")" = "$2" ] || continue
        sed -n "s/^$1 //p" "$work/$n.references" | while read -r value; do echo "$value ${runs[n]##*/}"; done
    done)
    [ -n "$all" ] || return 0
    if [ "$(cut -d ' ' -f 1 <<< "$all" | sort -u | wc -l)" = 1 ]; then
        echo "${all%% *} $name"
    else
        sort -u <<< "$all" | while read -r value run; do echo "$value $name of ${run//\'/}"; done
    fi
}

# has COLUMN FILE: whether the file has a number there.
has() { [ -e "$2" ] && awk -v column="$1" '$column != "NaN" { found = 1 } END { exit !found }' "$2"; }

# A panel for each kind of loss, one for the ranks if there are any, one for the speed.
outputs=() ranks=()
for output in continuous softmax unknown; do
    if grep -qx "$output" "$work"/*.output; then outputs+=("$output"); fi
done
for n in "${!runs[@]}"; do
    for part in both forward backward; do
        if has 4 "$work/$n.$part"; then ranks+=("$(cat "$work/$n.output")"); fi
    done
done
# With prior are the ranks of the continuous output alone: beside others, its runs say so themselves.
prior=''
case " ${ranks[*]:-} " in
    *continuous*softmax* | *softmax*continuous*)
        for n in "${!runs[@]}"; do
            if grep -qx continuous "$work/$n.output"; then printf ', ranked with prior' >> "$work/$n.note"; fi
        done ;;
    *continuous*) prior=' with prior' ;;
esac
rows=$((${#outputs[@]} + 1))
[ ${#ranks[@]} = 0 ] || rows=$((rows + 1))
# Sizes in points; the legend stands below, a line for each run.
panel=240 legend=$((18 * ${#runs[@]} + 24)) width=1000
height=$((panel * rows + legend))
size="$width,$height"
if [ "$terminal" = pdfcairo ]; then
    size=$(awk -v w="$width" -v h="$height" 'BEGIN { printf "%.2fin,%.2fin", w / 96, h / 96 }')
fi

# panel ROW COLUMN: the frame of a panel, from the top left.
panel() {
    awk -v row="$1" -v column="$2" -v rows="$rows" -v panel="$panel" -v height="$height" -v width="$width" 'BEGIN {
        left = (column - 1) * width / 2
        top = height - (row - 1) * panel
        printf "set lmargin at screen %.4f; set rmargin at screen %.4f\n",
            (left + 85) / width, (left + width / 2 - 20) / width
        printf "set tmargin at screen %.4f; set bmargin at screen %.4f\n",
            (top - 18) / height, (top - panel + 48) / height
    }'
}

{
    if [ "$terminal" = svg ]; then
        echo "set terminal svg size $size font 'sans,11' background 'white' noenhanced"
    else
        echo "set terminal $terminal size $size font 'sans,9' background rgb 'white' noenhanced"
    fi
    echo "set output 'picture'"
    echo "set multiplot; set grid lt 1 lw 0.5 lc rgb '#cccccc'; unset key; set format x '%g'"
    for column in 1 2; do
        if [ $column = 1 ]; then
            echo "set xlabel '${words_name//\~/ }'; set xrange [0:$words_end]"
        else
            echo "set xlabel '$time_name of training'; set xrange [0:$time_end]"
        fi
        row=0
        for output in "${outputs[@]}"; do
            row=$((row + 1))
            panel $row $column
            case $output in
                continuous) echo "set ylabel 'cosine loss'" ;;
                softmax) echo "set ylabel '-log p of a token'" ;;
                unknown) echo "set ylabel 'loss'" ;;
            esac
            echo "set key top right"
            case $output in
                continuous) plots $column 3 0.6 yes "$output" constant ;;
                *) plots $column 3 0.6 yes "$output" ;;
            esac
            echo "unset key"
        done
        if [ ${#ranks[@]} != 0 ]; then
            panel $((row + 1)) $column
            echo "set ylabel 'held-out top-10$prior, %'"
            echo "set key bottom right"
            plots $column 4 '' yes '' unigram
            echo "unset key"
        fi
        panel $rows $column
        echo "set ylabel 'words/s'; set yrange [0:*]"
        plots $column 4 0.9 no
        echo "set yrange [*:*]"
    done
    # The legend: a plot of nothing.
    echo "unset tics; unset border; unset grid; unset xlabel; unset ylabel; set xrange [0:1]; set yrange [0:1]"
    awk -v legend="$legend" -v height="$height" 'BEGIN {
        print "set lmargin at screen 0; set rmargin at screen 1; set bmargin at screen 0"
        printf "set tmargin at screen %.4f\n", legend / height }'
    echo "set key at graph 0.03, graph 0.95 left top Left reverse samplen 3"
    list=()
    for n in "${!runs[@]}"; do
        list+=("NaN with lines lw 2 dt $((n / ${#colours[@]} + 1)) lc rgb '#${colours[n % ${#colours[@]}]}' \
            title $(quoted "${runs[n]}  ($(cat "$work/$n.note"))")")
    done
    (IFS=,; echo "plot ${list[*]}")
    echo "unset multiplot"
} > "$work/script"
(cd "$work" && gnuplot script 2> messages) || fail 70 "gnuplot failed: $(tail -n 1 "$work/messages")"
mv "$work/picture" "$picture"
