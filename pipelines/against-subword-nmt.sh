#!/usr/bin/env bash
# Byte pair encoding by Contour and by subword-nmt, by turns: merges learnt from the same counts and units cut from the same
# text, which must be the same bytes, and the ratio of times.
#   pipelines/against-subword-nmt.sh TEXT
# TEXT is plain text, cut at white space alone. MERGES=10000 and ROUNDS=3 say how many and how often; LARGEST=1000000 is the
# size of a made-up vocabulary from which 30,000 merges are learnt by Contour alone. Needs a Python that can make virtual
# environments, or SUBWORD_NMT, the program of that name.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
merges=${MERGES:-10000} rounds=${ROUNDS:-3} largest=${LARGEST:-1000000}
if [ $# -ne 1 ] || [ ! -r "$1" ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
text=$1
theirs=${SUBWORD_NMT:-}
if [ -z "$theirs" ]; then
    environment=$here/../.build/subword-nmt
    [ -x "$environment/bin/subword-nmt" ] || {
        python3 -m venv "$environment"
        "$environment/bin/pip" install --quiet subword-nmt
    }
    theirs=$environment/bin/subword-nmt
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# timed COMMAND…: its seconds.
timed() {
    local start end
    start=$(date +%s.%N)
    "$@"
    end=$(date +%s.%N)
    awk -v start="$start" -v end="$end" 'BEGIN { print end - start }'
}
"$bin/tokenize" -q --whitespace --max-length 1000000 "$text" -o "$work/text.tok"
"$bin/tokenize" -q --print "$work/text.tok" -o "$work/text"
"$bin/build-vocab" -q "$work/text.tok" -o "$work/vocab"
"$bin/build-vocab" -q --print "$work/vocab" | tr '\t' ' ' > "$work/counts"
learn_ours() { "$bin/build-vocab" -q --bpe "$merges" "$work/vocab" -o "$work/ours.codes"; }
learn_theirs() { "$theirs" learn-bpe --dict-input -s "$merges" < "$work/counts" > "$work/theirs.codes" 2>/dev/null; }
apply_ours() { "$bin/tokenize" -q --whitespace --bpe "$work/ours.codes" "$work/text" -o "$work/units.tok"; }
apply_theirs() { "$theirs" apply-bpe -c "$work/theirs.codes" < "$work/text" > "$work/theirs.units" 2>/dev/null; }

printf '%s words, %s tokens, %s merges\n\n' "$(wc -l < "$work/counts")" "$(wc -w < "$work/text")" "$merges"
printf '%-6s %-6s %12s %15s %7s  %s\n' round what 'Contour, s' 'subword-nmt, s' ratio same
for ((round = 1; round <= rounds; round++)); do
    for what in learn apply; do
        ours=$(timed "${what}_ours")
        other=$(timed "${what}_theirs")
        if [ $what = learn ]; then
            cmp -s "$work/ours.codes" "$work/theirs.codes" && same=yes || same=NO
        else
            "$bin/tokenize" -q --print "$work/units.tok" | cmp -s - "$work/theirs.units" && same=yes || same=NO
        fi
        awk -v round="$round" -v what=$what -v ours="$ours" -v theirs="$other" -v same="$same" 'BEGIN {
            printf "%-6s %-6s %12.2f %15.2f %7.1f  %s\n", round, what, ours, theirs, theirs / ours, same }'
    done
done

# Words of made-up syllables, by Zipf's law.
awk -v count="$largest" 'BEGIN {
    srand(1)
    syllables = split("ba be bi bo du da di fa fe ga go ha hi ka ke ki la le li lo ma me mi mo na ne ni no pa pe pi po ra re ri " \
        "ro sa se si so ta te ti to va ve wa wi za zo an er ing or al ion ent st", syllable, " ")
    while (n < count) {
        word = ""
        for (i = 1 + int(5 * rand()); i > 0; i--) word = word syllable[1 + int(syllables * rand())]
        if (word in seen) continue
        seen[word]
        n++
        for (i = int(20000 / n); i >= 0; i--) printf "%s ", word
        print ""
    }
}' | "$bin/tokenize" -q --whitespace | "$bin/build-vocab" -q -o "$work/large"
printf '\n30,000 merges from %s words: %.1f s\n' "$largest" "$(timed "$bin/build-vocab" -q --bpe 30000 "$work/large" -o "$work/codes")"
