#!/usr/bin/env bash
# Looks for text that makes a tool slow. Each pattern of hostile text is repeated to three sizes, the tool that would suffer is
# timed on each, and a table shows whether time grows with size as it should.
#
#   pipelines/slow-text.sh [LARGEST]
#
# LARGEST is the largest size in KiB (4096); the others are a quarter and a sixteenth of it. Environment: ONLY=REGEX measures only
# rows whose text "TOOL OPTIONS: PATTERN" it matches; BIN=.build/release; LIMIT=60, the seconds after which a run is stopped.
# Without python3 the row of words that collide is left out.
#
# Columns: processor seconds on one thread at each size, start-up taken off; growth, the seconds at the largest size divided by
# those at a quarter of it (linear time gives 4); and slowdown, the seconds at the largest size divided by those of ordinary
# English text of that size with the same options, measured in the same run.
#
# Ends with status 1 if a tool fails, or if a growth is over 8. Before it says so it also measures nearly four times the largest size,
# several times, and takes the fastest: only a growth that is over 8 there too counts, and is shown. Times of less than a tenth of a
# second are never judged.
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
largest=${1:-4096} only=${ONLY:-} limit=${LIMIT:-60}
if [[ ! $largest =~ ^[1-9][0-9]{3,6}$ ]] || [ "$largest" -lt 1024 ] || [ $# -gt 1 ]; then
    echo "slow-text.sh: the argument is the largest size in KiB, 1024 or more; usage: slow-text.sh [LARGEST]" >&2
    exit 64
fi
sizes=($((largest * 1024 / 16)) $((largest * 1024 / 4)) $((largest * 1024)))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# MARK: Text

# repeat BYTES BEGIN UNIT [END]: UNIT again and again between BEGIN and END, in about so many bytes. All are read by printf %b.
repeat() {
    BEGIN=$(printf '%b.' "$2") UNIT=$(printf '%b.' "$3") END=$(printf '%b.' "${4:-}") awk -v bytes="$1" '
        function value(name) { return substr(ENVIRON[name], 1, length(ENVIRON[name]) - 1) }
        BEGIN {
            unit = value("UNIT")
            printf "%s", value("BEGIN")
            for (n = int(bytes / length(unit)) + 1; n > 0; n = int(n / 2)) {
                if (n % 2) printf "%s", unit
                unit = unit unit
            }
            printf "%s", value("END")
        }'
}

# lines BYTES LENGTH BEGIN UNIT [END]: lines, each BEGIN, UNIT again and again, and END, about LENGTH bytes long.
lines() {
    repeat "$2" "$3" "$4" "${5:-}" | awk -v bytes="$1" '{
        line = $0 "\n"
        for (n = int(bytes / length(line)) + 1; n > 0; n = int(n / 2)) {
            if (n % 2) printf "%s", line
            line = line line
        }
    }'
}

# words BYTES LEAST MOST [ALPHABET]: words at random of so many letters, twenty a line: hardly one comes twice.
words() {
    local file=$work/words-$2-$3-${4:-all}
    if [ ! -e "$file" ]; then
        awk -v bytes=$((largest * 1024)) -v least="$2" -v most="$3" -v letters="${4:-abcdefghijklmnopqrstuvwxyz}" 'BEGIN {
            srand(1)
            for (count = 0; count < bytes; count += n + 1) {
                n = least + int(rand() * (most - least + 1))
                for (i = 0; i < n; i++) printf "%s", substr(letters, 1 + int(rand() * length(letters)), 1)
                printf "%s", ++number % 20 ? " " : "\n"
            }
        }' > "$file"
    fi
    head -c "$1" "$file"
}

# alike BYTES: words that differ in their last letters only.
alike() {
    awk -v bytes="$1" 'BEGIN {
        begin = "a"
        while (length(begin) < 1000) begin = begin begin
        for (count = 0; count < bytes; count += length(begin) + 8) printf "%s%07d\n", begin, ++number * 7919 % 9999991
    }'
}

# runs BYTES: words of one letter each, all of different lengths as far as there are, up to 16,000 letters.
runs() {
    awk -v bytes="$1" 'BEGIN {
        srand(1)
        for (letter = 97; letter < 123; letter++) {
            run = sprintf("%c", letter)
            while (length(run) < 16000) run = run run
            all[letter - 97] = run
        }
        for (count = 0; count < bytes; count += n + 1) {
            n = 1 + int(rand() * 16000)
            printf "%s\n", substr(all[int(rand() * 26)], 1, n)
        }
    }'
}

# ideographs BYTES: words of four ideographs of 3,000 at random: nearly all pairs of them occur, and none often.
ideographs() {
    awk -v bytes="$1" 'BEGIN {
        srand(1)
        for (count = 0; count < bytes; count += 13) {
            word = ""
            for (n = 0; n < 4; n++) {
                number = 19968 + int(rand() * 3000)
                word = word sprintf("%c%c%c", 224 + int(number / 4096), 128 + int(number / 64) % 64, 128 + number % 64)
            }
            printf "%s%s", word, ++words % 20 ? " " : "\n"
        }
        print ""
    }'
}

# colliding COUNT: words of 24 letters and signs that have one hash if it has no secret: the second eight bytes take back what the
# first eight have made of the state.
colliding() {
    python3 - "$1" <<'END'
import sys
mask, step = (1 << 64) - 1, 0xE7037ED1A0B428DB
start = 0xA0761D6478BD642F ^ 24
visible = frozenset(range(0x21, 0x7F))
found, number = 0, 0
while found < int(sys.argv[1]):
    number += 1
    digits, rest = bytearray(8), number
    for place in range(8):
        rest, digit = divmod(rest, 26)
        digits[place] = 97 + digit
    product = (start ^ int.from_bytes(digits, "little")) * step
    state = ((product >> 64) ^ product & mask).to_bytes(8, "little")
    if visible.issuperset(state):
        found += 1
        print(digits.decode() + state.decode() + "tailtail")
END
}

# MARK: Measuring

# processor_seconds COMMAND…: what it takes on the processor.
processor_seconds() {
    local TIMEFORMAT='%U %S' times
    times=$({ time timeout "$limit" "$@" > "$work/output" 2> "$work/errors" < /dev/null; } 2>&1) || {
        local status=$?
        if [ $status = 124 ]; then echo "$limit"; return; fi
        echo "fails"
        return
    }
    awk '{ printf "%.3f\n", $1 + $2 }' <<< "$times"
}

# fastest TIMES COMMAND…: the least of several measurements.
fastest() {
    local count=$1 best= one i
    shift
    for ((i = 0; i < count; i++)); do
        one=$(processor_seconds "$@")
        if [ "$one" = fails ]; then echo fails; return; fi
        if [ -z "$best" ] || awk -v a="$one" -v b="$best" 'BEGIN { exit !(a < b) }'; then best=$one; fi
        if awk -v a="$one" 'BEGIN { exit !(a > 2) }'; then break; fi
    done
    echo "$best"
}

declare -A ordinary_seconds=() startup_seconds=()
rows=0 superlinear=() slow=() failed=()

# What a row measures is set before: `make FILE BYTES` puts the input together, `command=(…)` reads it; an argument INPUT in the
# command stands for the file.
run() { local count=$1 file=$2; fastest "$count" "${command[@]/#INPUT/$file}"; }
# The input of the command, from the file of text.
prepare_text() { mv "$1" "$2"; }
prepare=prepare_text

# Times of ordinary text, once for each command.
ordinary() {
    local key="${command[*]}" file=$work/ordinary.input
    if [ -n "${ordinary_seconds[$key]:-}" ]; then return; fi
    # Enough for every tool to do its work, with a letter that is not ASCII.
    printf 'caf\303\251 %s\n' {a..z}{n,o}{b,c} > "$work/ordinary.text"
    $prepare "$work/ordinary.text" "$file"
    startup_seconds[$key]=$(run 3 "$file")
    $ordinary_text "${sizes[2]}" > "$work/ordinary.text"
    $prepare "$work/ordinary.text" "$file"
    ordinary_seconds[$key]=$(run 2 "$file")
    if [[ ${startup_seconds[$key]}${ordinary_seconds[$key]} == *fails* ]]; then
        echo "slow-text.sh: fails on ordinary text: ${command[*]}: $(tail -n 1 "$work/errors")" >&2
        exit 70
    fi
    rm -f "$file"
}
ordinary_words() { words "$1" 3 10; }
english() { head -c "$1" "$work/english" | sed '$d'; }
ordinary_text=english

# row NAME LABEL GENERATOR…: a pattern, made by GENERATOR with the size in the place of BYTES.
row() {
    local name=$1 label=$2 times=() i growth file
    shift 2
    matches "$label: $name" || return 0
    if [ "$head_is_due" ]; then table_head; head_is_due=; fi
    ordinary
    local key="${command[*]}"
    for i in 0 1 2; do
        "${@/#BYTES/${sizes[i]}}" > "$work/text"
        $prepare "$work/text" "$work/input$i"
        times[i]=$(run 1 "$work/input$i")
    done
    rows=$((rows + 1))
    if [[ " ${times[*]} " == *" fails "* ]]; then
        printf '%-41s %-41s fails: %s\n' "$name" "$label" "$(tail -n 1 "$work/errors")"
        failed+=("$label: $name")
        rm -f "$work"/input?
        return
    fi
    growth=$(growth "${startup_seconds[$key]}" "${times[1]}" "${times[2]}")
    if suspicious; then
        # Noise, or a step where a piece of text or a table becomes full, is gone at nearly four times the size (a line may have 16 MiB);
        # what grows goes on growing.
        "${@/#BYTES/$((sizes[2] / 4 * 15))}" > "$work/text"
        $prepare "$work/text" "$work/input3"
        local large larger
        for i in 1 2 3; do
            suspicious || break
            large=$(run 2 "$work/input2") larger=$(run 2 "$work/input3")
            times[2]=$(least "$large" "${times[2]}")
            if [ "$larger" = fails ]; then break; fi
            growth=$(growth "${startup_seconds[$key]}" "${times[2]}" "$larger")
        done
    fi
    rm -f "$work"/input?
    local mark= slowdown
    slowdown=$(awk -v s="${startup_seconds[$key]}" -v t="${times[2]}" -v o="${ordinary_seconds[$key]}" 'BEGIN {
        t -= s; o -= s
        if (t < 0) t = 0
        if (o < 0.005) o = 0.005
        printf "%.1f", t / o }')
    if suspicious; then
        superlinear+=("$label: $name")
        mark='  grows faster than the text'
    fi
    if is_over "$slowdown" 20; then slow+=("$label: $name"); mark+='  slow'; fi
    awk -v name="$name" -v label="$label" -v s="${startup_seconds[$key]}" -v a="${times[0]}" -v b="${times[1]}" -v c="${times[2]}" \
        -v growth="$growth" -v slowdown="$slowdown" -v mark="$mark" '
        function off(x) { return x > s ? x - s : 0 }
        BEGIN { printf "%-41s %-41s %7.3f %7.3f %7.3f %7s %9s%s\n", name, label, off(a), off(b), off(c), growth, slowdown, mark }'
}
# Whether the row in work seems to grow faster than its text.
suspicious() { is_over "$growth" 8 && is_over "${times[2]}" 0.1; }
growth() {
    awk -v s="$1" -v b="$2" -v c="$3" 'BEGIN { b -= s; c -= s; if (b < 0.005) b = 0.005; if (c < 0) c = 0; printf "%.1f", c / b }'
}
matches() { [ -z "$only" ] || [[ $1 =~ $only ]]; }
is_over() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > b) }'; }
least() { awk -v a="$1" -v b="$2" 'BEGIN { print a < b ? a : b }'; }

# text NAME OPTIONS GENERATOR…: a row of tokenize; several strings of OPTIONS are separated by commas, and each makes a row.
text() {
    local name=$1 all options
    IFS=, read -ra all <<< "$2,"
    shift 2
    for options in "${all[@]}"; do
        command=("$bin/tokenize" --quiet --threads 1 ${options//MERGES/$work/merges} INPUT)
        row "$name" "tokenize $options" "$@"
    done
}
# vocabulary NAME OPTIONS GENERATOR…: a row of build-vocab, of words between white space.
prepare_tokens() { "$bin/tokenize" --quiet --whitespace -o "$2" "$1"; }
vocabulary() {
    local name=$1 options=$2
    shift 2
    prepare=prepare_tokens
    command=("$bin/build-vocab" --quiet --threads 1 $options INPUT)
    row "$name" "build-vocab $options" "$@"
    prepare=prepare_text
}

# vectors NAME OPTIONS GENERATOR…: a row of embed-oov, of a vocabulary of words that all differ and their vectors.
prepare_vectors() {
    "$bin/tokenize" --quiet --whitespace "$1" | "$bin/build-vocab" --quiet -o "$2"
    "$bin/build-vocab" --print "$2" | awk -F'\t' '{ print $1, rand() - 0.5, rand() - 0.5, rand() - 0.5, rand() - 0.5 }' > "$2.vec"
}
vectors() {
    local name=$1 options=$2
    shift 2
    prepare=prepare_vectors ordinary_text=ordinary_words
    command=("$bin/embed-oov" --quiet --threads 1 $options --vectors INPUT.vec INPUT)
    row "$name" "embed-oov $options" "$@"
    prepare=prepare_text ordinary_text=english
}
# spelled NAME MODEL GENERATOR…: a row of embed-oov, which makes vectors of words by a model.
spelled() {
    local name=$1 model=$2
    shift 2
    matches "embed-oov --words ($model): $name" || return 0
    if [ ! -e "$work/$model" ]; then
        words 100000 3 10 > "$work/text"
        prepare_vectors "$work/text" "$work/words"
        "$bin/embed-oov" --quiet --mimick-epochs 1 --unknown "$model" --save-model "$work/$model" --vectors "$work/words.vec" -o "$work/table" "$work/words"
    fi
    command=("$bin/embed-oov" --quiet --threads 1 --model "$work/$model" --words INPUT)
    row "$name" "embed-oov --words ($model)" "$@"
}
# encoded NAME GENERATOR…: a row of encode, by a model that reads characters.
encoded() {
    local name=$1
    shift
    matches "encode (characters): $name" || return 0
    if [ ! -e "$work/characters" ]; then
        english 100000 > "$work/text"
        prepare_tokens "$work/text" "$work/tokens"
        "$bin/build-vocab" --quiet -o "$work/vocabulary" "$work/tokens"
        "$bin/train" --quiet --preset tiny --input characters --filters 1:8,3:8 --highways 1 --output softmax --steps 1 --held-out-every 0 \
            --vocab "$work/vocabulary" -o "$work/characters" "$work/tokens"
    fi
    command=("$bin/encode" --quiet --threads 1 --model "$work/characters" INPUT)
    row "$name" 'encode (characters)' "$@"
}

# MARK: What is needed beside the patterns

"$bin/bench" text --megabytes $((largest * 1024 / 1000000 + 1)) -o "$work/english"
# Merges that a word of one letter, or of two by turns, meets at every level, then some of ordinary words.
{
    awk 'BEGIN {
        print "#version: 0.2"
        one = "a"; two = "ab"
        print "a b"
        for (level = 0; level < 13; level++) { print one, one; print two, two; one = one one; two = two two }
    }'
    head -c 1000000 "$work/english" | "$bin/tokenize" --quiet --lowercase | "$bin/build-vocab" --quiet --bpe 2000 | sed 1d
} > "$work/merges"

table_head() {
    printf '%-41s %-41s %7s %7s %7s %7s %9s\n' pattern 'tool and options' \
        "$((sizes[0] / 1024)) KiB" "$((sizes[1] / 1024)) KiB" "$((sizes[2] / 1024)) KiB" growth slowdown
}
# smaller DIVISOR: a part of the sizes, for tools that take long for any text.
smaller() {
    sizes=($((largest * 1024 / 16 / $1)) $((largest * 1024 / 4 / $1)) $((largest * 1024 / $1)))
    head_is_due=1
}
head_is_due=1

# MARK: Patterns

splits=--sentences,--sentences-in-lines

# Full stops of which each may end a sentence, as long as nothing decides it.
text 'full stops, one a line' $splits repeat BYTES '' '.\n'
text 'full stops between spaces' $splits repeat BYTES '' '. '
text 'full stops without a space' $splits repeat BYTES '' .
text 'lines of 1,000 full stops' $splits lines BYTES 1000 '' .
text 'lines of 1,000 full stops between spaces' $splits lines BYTES 1000 '' '. '
text 'three full stops and a space' $splits repeat BYTES '' '... '
text 'three full stops, one line each' --sentences repeat BYTES '' '...\n'
text 'full stops and blank lines' --sentences repeat BYTES '' '.\n\n'
text 'full stops and lines with a space' --sentences repeat BYTES '' '.\n \n'
text 'full stops and many spaces' $splits repeat BYTES '' '.                                '
text 'a full stop and one run of spaces' $splits repeat BYTES 'a. ' ' '
text 'full stops and quotes' $splits repeat BYTES '' '." '
text 'full stops and quotes apart' $splits repeat BYTES '' '. " '
text 'full stops and brackets' $splits repeat BYTES '' '.) '
text 'full stops and brackets apart' $splits repeat BYTES '' '. ) '
text 'full stops and opening brackets apart' $splits repeat BYTES '' '. ( '
text 'full stops and dashes' $splits repeat BYTES '' '. - -- \342\200\224 '
text 'full stops and curly quotes' $splits repeat BYTES '' '. \342\200\234 \342\200\235 '
text 'question marks' $splits repeat BYTES '' '? ! '
text 'tables of contents' $splits lines BYTES 200 'Chapter 1 ' '. ' ' 5'
text 'tables of contents, one line' $splits repeat BYTES '' 'Chapter 1 . . . . . . . . . . . . 5 '
text 'ellipses' "$splits,--normalize nfkc" repeat BYTES '' '\342\200\246 '
text 'ellipses without a space' "$splits,--sentences --normalize nfkc" repeat BYTES '' '\342\200\246'
text 'ideographic full stops' $splits repeat BYTES '' '\343\200\202'

# Marks.
text 'quotes' ",$splits" repeat BYTES '' '"'
text 'quotes between spaces' $splits repeat BYTES '' '" '
text 'opening brackets' ",$splits" repeat BYTES '' '('
text 'opening brackets between spaces' $splits repeat BYTES '' '( '
text 'closing brackets' ,--sentences repeat BYTES '' ')'
text 'brackets in brackets' ,--sentences lines BYTES 16000 "$(printf '(%.0s' {1..7990})" ')'
text 'brackets by turns' ,--sentences repeat BYTES '' '([{<>}])'
text 'apostrophes' ,--sentences repeat BYTES '' "'"
text 'apostrophes of two kinds' ,--sentences repeat BYTES '' "'\\342\\200\\231"
text 'apostrophes and letters' '' repeat BYTES '' "'a"
text 'hyphens' '' repeat BYTES '' '-'
text 'hyphens and letters' '' repeat BYTES '' '-a'
text 'commas and full stops' ,--sentences repeat BYTES '' ',.'
text 'stars and strokes' '' repeat BYTES '' '*~^|'

# Abbreviations, contractions, numbers.
text 'titles' $splits repeat BYTES '' 'Mr. Dr. '
text 'abbreviations' $splits repeat BYTES '' 'etc. Inc. '
text 'abbreviations before numbers' $splits repeat BYTES '' 'No. pp. '
text 'initials' $splits repeat BYTES '' 'J. R. R. '
text 'initials without a space' ,--sentences repeat BYTES '' 'J.R.'
text 'sentences without a space' ,--sentences repeat BYTES '' 'so.So'
text 'contractions' '' repeat BYTES '' "don't'll've"
text 'clitics' '' repeat BYTES x "'s"
text 'numbers' '' repeat BYTES '' '1,000.50,'
text 'numbers and signs' '' repeat BYTES '' '$5%US$'

# Addresses.
text 'address without an end' '' repeat BYTES 'http://a.org/' 'a/'
text 'address with brackets' '' lines BYTES 16000 'http://a.org/' '()'
text 'address with closing brackets and marks' '' lines BYTES 16000 'http://a.org/' '!)'
text 'host without an end' '' repeat BYTES '' 'www.'
text 'schemes' '' repeat BYTES '' 'http://'
text 'mail addresses without a space' '' repeat BYTES '' 'joe@a.org'
text 'paths' '' repeat BYTES '' '/a.b'

# Lines and white space.
text 'one line of letters' ",$splits,--lowercase" repeat BYTES '' 'abcdefghij'
text 'letters, one a line' ",$splits" repeat BYTES '' 'a\n'
text 'letters between spaces' ",--max-length 1,--sentences --max-length 1" repeat BYTES '' 'a '
text 'line breaks' ",$splits" repeat BYTES a '\n'
text 'CR' ",$splits" repeat BYTES a '\r'
text 'CR LF' ",$splits" repeat BYTES a '\r\n'
text 'letters and CR' ",$splits" repeat BYTES '' 'a.\r'
text 'spaces' ,--sentences repeat BYTES a ' '
text 'control characters' ",$splits" repeat BYTES a '\001\177'
text 'zero-width spaces' ",$splits" repeat BYTES a '\342\200\213'
text 'no-break spaces and letters' ,--sentences repeat BYTES '' 'a\302\240'
text 'joiners' ,--lowercase repeat BYTES '' '\342\200\214\342\200\215'

# Unicode.
text 'marks on a letter, 100,000 a line' ',--normalize nfc,--normalize nfkc,--lowercase' lines BYTES 200000 a '\314\201'
text 'marks out of order' '--normalize nfc,--normalize nfkc,--lowercase --normalize nfc' lines BYTES 200000 a '\314\201\314\226'
text 'marks of many classes' '--normalize nfc,--normalize nfkc' lines BYTES 200000 a '\315\205\314\201\314\233\314\226\326\277\326\260'
text 'marks that become two' '--normalize nfc,--normalize nfkc' lines BYTES 200000 a '\315\204\314\226'
text 'Tibetan vowels that become two' '--normalize nfc,--normalize nfkc' lines BYTES 200000 '\340\275\200' '\340\275\263\340\275\261'
text 'marks without a letter' '--normalize nfc,--sentences --normalize nfkc' repeat BYTES '' '\314\226'
text 'Hangul jamo' '--normalize nfc,--normalize nfkc' repeat BYTES '' '\341\204\200\341\205\241\341\206\250'
text 'Hangul finals' '--normalize nfc' repeat BYTES '\341\204\200\341\205\241' '\341\206\250'
text 'letters that become 18' '--normalize nfkc,--lowercase --normalize nfkc' repeat BYTES '' '\357\267\272'
text 'letters that become 18, spaced' '--normalize nfkc' repeat BYTES '' '\357\267\272 '
text 'letters with 3 marks' '--normalize nfc,--lowercase --normalize nfkc' repeat BYTES '' '\341\276\202'
text 'lower case that is longer' '--lowercase,--lowercase --normalize nfc' repeat BYTES '' '\304\260'
text 'lower case that is longer, lines' '--lowercase' repeat BYTES '' '\310\272\n'
text 'sigmas' '--lowercase' repeat BYTES '' '\316\243'
text 'ideographs' ",$splits,--normalize nfkc" repeat BYTES '' '\344\275\240\345\245\275'
text 'compatibility ideographs' '--normalize nfc,--normalize nfkc' repeat BYTES '' '\357\244\200'
text 'emoji' ",$splits,--lowercase" repeat BYTES '' '\360\237\221\215'
text 'emoji with joiners' ",--sentences,--normalize nfkc" repeat BYTES '' '\360\237\221\251\342\200\215'
text 'flags' ',--lowercase' repeat BYTES '' '\360\237\207\251'
text 'letters of the upper planes' ',--lowercase' repeat BYTES '' '\360\220\220\200'

# Units of words.
bpe='--whitespace --bpe MERGES'
text 'one letter, one line' "$bpe,--bpe MERGES" repeat BYTES '' a
text 'two letters by turns, one line' "$bpe" repeat BYTES '' ab
text 'words of 16,000 letters' "$bpe,--lowercase --bpe MERGES" words BYTES 16000 16000
text 'words of 16,000 letters a and b' "$bpe" words BYTES 16000 16000 ab
text 'words of 64 letters' "$bpe" words BYTES 64 64
text 'words of 64 letters a and b' "$bpe" words BYTES 64 64 ab
text 'words of 60 to 70 letters' "$bpe" words BYTES 60 70 etaoinshrdlu
text 'words of 10 letters' "$bpe" words BYTES 10 10
text 'words of one letter each' "$bpe" runs BYTES
text 'signs at the end of units' "$bpe" repeat BYTES '' '@@'

# Vocabularies.
vocabulary 'words that all differ' '' words BYTES 9 10
vocabulary 'words of 16,000 letters' '' words BYTES 16000 16000
vocabulary 'words that begin alike' '' alike BYTES
if command -v python3 > /dev/null; then
    colliding 2000 | tr '\n' ' ' > "$work/colliding"
    colliding_words() { for ((count = 0; count < $1; count += 50000)); do cat "$work/colliding"; echo; done; }
    vocabulary 'words that collide without a secret' '' colliding_words BYTES
    text 'words that collide without a secret' '--whitespace,' colliding_words BYTES
fi
learn='--bpe 500'
vocabulary 'words that all differ' "$learn" words BYTES 9 10
vocabulary 'words of 16,000 letters' "$learn" words BYTES 16000 16000
vocabulary 'words of 16,000 letters a and b' "$learn" words BYTES 16000 16000 ab
vocabulary 'words of one letter each' "$learn" runs BYTES
vocabulary 'one word of one letter' "$learn" repeat BYTES '' a
vocabulary 'ideographs' "$learn" ideographs BYTES
vocabulary 'ideographs' '--bpe 5000' ideographs BYTES
vocabulary 'words of 10 letters' '--bpe 5000' words BYTES 10 10
vocabulary 'words of 16,000 letters' '--bpe 5000' words BYTES 16000 16000

# Vectors, by text and by spelling.
smaller 8
vectors 'words of 16,000 letters' '--unknown none' words BYTES 16000 16000
# Of the smallest text, twenty words are the fewest that anything is fitted to.
vectors 'words of 300 letters' '--subword-words 500' words BYTES 300 300
vectors 'words of 64 letters' '--subword-words 500' words BYTES 64 64
vectors 'words of one letter each' '--unknown none' runs BYTES
spelled 'words of 16,000 letters' subwords words BYTES 16000 16000
spelled 'words of one letter each' subwords runs BYTES
spelled 'words of 16,000 letters' cnn words BYTES 16000 16000

# Vectors of a model of characters.
smaller 32
encoded 'words of 16,000 letters' words BYTES 16000 16000
encoded 'words of one letter, one line' repeat BYTES '' 'a '
encoded 'words of one letter, one a line' repeat BYTES '' 'a\n'
encoded 'full stops, one line' repeat BYTES '' '. '
encoded 'marks on a letter' lines BYTES 16000 a '\314\201'

echo "$rows rows, ${#superlinear[@]} grow faster than their text, ${#slow[@]} are more than 20 times slower than ordinary text, ${#failed[@]} fail"
[ ${#superlinear[@]} = 0 ] && [ ${#failed[@]} = 0 ]
