#!/usr/bin/env bash
# Contour beside a small BERT: ELMo-C with the cosine and with the contrastive loss, and a BERT of Hugging Face's `transformers`, each
# trained from nothing on the same text for the same time on the same threads, one after the other; then their frozen vectors in the tasks
# whose texts are given, by the same task networks and seeds (pipelines/tasks.mk), beside word vectors alone.
#   pipelines/against-bert.sh TEXT OUT [NAME=VALUE…]
#   pipelines/against-bert.sh news.txt.gz bert TIME=2h NER_TRAIN=eng.train NER_DEV=eng.testa NER_TEST=eng.testb
# TEXT is plain or compressed, a sentence or paragraph a line; all are trained on the words that `tokenize` makes of it. OUT is a folder
# for everything that is made; what is there is made again only if its options or files have changed. Nothing else may run meanwhile.
#
# TIME=10m       how long each is trained (90s, 15m, 2h): steps alone, without reading and evaluations
# NER_TRAIN, NER_DEV, NER_TEST, and the same of SST, SNLI, SRL and COREF; GAP_TEST: the tasks; TASKS= says which, as in tasks.mk
# SIZE=small     of the task networks, or paper; SEEDS='1 2 3' theirs; TASK_FLAGS= their options, and
#                TASK_FLAGS_ner= those of a task; WORDS=no, as in tasks.mk
# COUNT_TOOLS=no yes: BERT trains longer, by the time that Contour's word vectors took and its own WordPiece did not
# PRESET=small   of Contour, with TRAIN_FLAGS=; BERT_FLAGS='--layers 4 --width 256' is BERT's size, with all options of
#                bert_pytorch.py train; PIECES=16000 of WordPiece; SEED=1 of all three
# DIMENSION=100  of the word vectors, fastText's of the same text, in VECTOR_EPOCHS=3 passes
# TOKENIZE_FLAGS=--lowercase, which BERT follows; HELD_OUT_EVERY=100 lines, one is kept from training; THREADS=all
# PYTHON=        a Python that has torch, numpy, lz4, transformers and tokenizers (else one is made under .build/); BIN= the tools
# Each may stand in the environment, too. Needs fasttext and time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
fail() { echo "against-bert.sh: $2" >&2; exit "$1"; }
if [ $# -lt 2 ] || [[ $1 =~ ^[A-Za-z_]+= ]] || [[ $2 =~ ^[A-Za-z_]+= ]]; then
    sed -n '2,23s/^# \{0,1\}//p' "$0" >&2
    exit 64
fi
text=$1 out=$2
shift 2
data=() flags=()
for task in NER SST SNLI SRL COREF; do data+=("${task}_TRAIN" "${task}_DEV" "${task}_TEST"); done
data+=(GAP_TEST)
for task in ner sst sst2 snli srl coref gap; do flags+=("TASK_FLAGS_$task"); done
names=" TIME TASKS SIZE SEEDS TASK_FLAGS WORDS COUNT_TOOLS PRESET TRAIN_FLAGS BERT_FLAGS PIECES SEED DIMENSION VECTOR_EPOCHS TOKENIZE_FLAGS \
HELD_OUT_EVERY THREADS PYTHON BIN ${data[*]} ${flags[*]} "
for word; do
    case $names in
        *" ${word%%=*} "*) [[ $word = *=* ]] || fail 64 "$word: must be $word=VALUE" ;;
        *) fail 64 "$word: there is no such variable; --help says which there are" ;;
    esac
    declare "${word%%=*}=${word#*=}"
done
bin=${BIN:-$here/../.build/release}
size=${SIZE:-small} seeds=${SEEDS:-1 2 3} words=${WORDS:-no} count_tools=${COUNT_TOOLS:-no} preset=${PRESET:-small} seed=${SEED:-1}
threads=${THREADS:-$(nproc)} every=${HELD_OUT_EVERY:-100} tokenize_flags=${TOKENIZE_FLAGS---lowercase}

# What is wrong is said now, not after an hour.
for number in "PIECES=${PIECES:=16000}" "DIMENSION=${DIMENSION:=100}" "VECTOR_EPOCHS=${VECTOR_EPOCHS:=3}" "SEED=$seed" "THREADS=$threads"; do
    [[ ${number#*=} =~ ^[1-9][0-9]{0,7}$ ]] || fail 64 "$number: must be from 1 to 99999999"
done
[[ $every =~ ^([2-9]|[1-9][0-9]{1,7})$ ]] || fail 64 "HELD_OUT_EVERY=$every: must be from 2 to 99999999"
[[ ${TIME:=10m} =~ ^([0-9]{1,7}(\.[0-9]+)?)([smh]?)$ ]] || fail 64 "TIME=$TIME: must be a time such as 90s, 15m or 2h"
case ${BASH_REMATCH[3]} in m) factor=60 ;; h) factor=3600 ;; *) factor=1 ;; esac
seconds=$(awk -v n="${BASH_REMATCH[1]}" -v factor=$factor 'BEGIN { print n * factor }')
awk -v seconds="$seconds" 'BEGIN { exit !(seconds >= 1) }' || fail 64 "TIME=$TIME: must be a second at least"
case $count_tools in yes | no) ;; *) fail 64 "COUNT_TOOLS=$count_tools: must be yes or no" ;; esac
[[ $out =~ ^[^[:space:]=]+$ ]] || fail 64 "$out: a folder's name with blanks or = is not taken"
# The text is read again when something changes, so it is no pipe.
if [ ! -f "$text" ] || [ ! -r "$text" ]; then fail 66 "$text: is no file that can be read"; fi
[[ $text != *[[:space:]]* ]] || fail 64 "$text: names with blanks are not taken"
given=()
for name in "${data[@]}"; do
    if [ -n "${!name:-}" ]; then
        if [ ! -f "${!name}" ] || [ ! -r "${!name}" ]; then fail 66 "$name=${!name}: is no file that can be read"; fi
        given+=("$name=${!name}")
    fi
done
for name in "${flags[@]}"; do if [ -n "${!name:-}" ]; then given+=("$name=${!name}"); fi; done
[ ${#given[@]} -gt 0 ] || fail 64 "no task has a text to learn from; try NER_TRAIN=train.txt NER_DEV=dev.txt"
for tool in tokenize build-vocab embed-oov train encode bench; do
    [ -x "$bin/$tool" ] || fail 69 "$bin/$tool is missing: make build"
done
command -v fasttext > /dev/null || fail 69 "fasttext is missing: apt install fasttext"
[ -x /usr/bin/time ] || fail 69 "/usr/bin/time is missing: apt install time"
python=$("$here/pytorch-environment.sh" transformers tokenizers)
mkdir -p "$out/runs" "$out/options" "$out/costs" 2> /dev/null || fail 73 "$out: cannot be made"
bert="$python $here/bert_pytorch.py"
tasks=(make --no-print-directory -f "$here/tasks.mk" BIN="$bin" RUN="$out" BUDGET=time OUT="$out/tasks" SIZE="$size" SEEDS="$seeds" WORDS="$words"
    AGAINST=BERT TASKS="${TASKS:-}" TASK_FLAGS="${TASK_FLAGS:-}" COMMON_FLAGS="--threads $threads"
    COMMAND_BERT="$bert encode --threads $threads $out/bert" "${given[@]}")

message=$("${tasks[@]}" -n RUN= SYSTEMS=BERT 2>&1 > /dev/null) || fail 64 "$(sed 's/.*\*\*\* //; s/\.  Stop\.$//' <<< "$message")"

# stage NAME OUTPUT [PREREQUISITE…] -- COMMAND…: makes OUTPUT unless it is there, of these files by this command. Its seconds and peak
# memory, in KiB, go to OUT/costs/NAME.
stage() {
    local name=$1 output=$2 before=()
    shift 2
    while [ "$1" != -- ]; do before+=("$1"); shift; done
    shift
    "$here/begin.sh" "$out/options/$name" "$*" true "${before[@]}" -- "$output"
    [ ! -e "$output" ] || return 0
    echo "== $name" >&2
    local status=0
    /usr/bin/time -q -f '%e %M' -o "$out/costs/$name" "$@" || status=$?
    [ $status = 0 ] || fail $status "$name failed: ${*:1:2}"
}
cost() { awk -v column="$2" '{ print $column }' "$out/costs/$1"; }

# The text, cut into training and held-out lines, and its words.
for part in train held-out; do
    stage "tokenize-$part" "$out/$part.tok" "$text" -- bash -o pipefail -c \
        "$here/split-lines.sh $every $part $text | $bin/tokenize --quiet --threads $threads $tokenize_flags -o $out/$part.tok"
    stage "print-$part" "$out/$part.txt" "$out/$part.tok" -- "$bin/tokenize" --print "$out/$part.tok" -o "$out/$part.txt"
done

# What Contour reads.
stage vocabulary "$out/vocab" "$out/train.tok" -- "$bin/build-vocab" --quiet --threads "$threads" "$out/train.tok" -o "$out/vocab"
stage word-vectors "$out/words.vec" "$out/train.txt" -- bash -c "fasttext skipgram -input $out/train.txt -output $out/words.part \
    -dim $DIMENSION -bucket 50000 -minCount 3 -epoch $VECTOR_EPOCHS -thread $threads -verbose 0 && \
    rm $out/words.part.bin && mv $out/words.part.vec $out/words.vec"
stage table "$out/table" "$out/vocab" "$out/words.vec" -- "$bin/embed-oov" --quiet --threads "$threads" --vectors "$out/words.vec" "$out/vocab" \
    -o "$out/table"
# What BERT reads.
lower=
case " $tokenize_flags " in *' --lowercase '*) lower=--lowercase ;; esac
# shellcheck disable=SC2086  # several words, here and below
{
stage wordpiece "$out/tokenizer.json" "$out/train.txt" -- $bert vocabulary --threads "$threads" --pieces "$PIECES" $lower "$out/train.txt" \
    -o "$out/tokenizer.json"
for part in train held-out; do
    stage "cut-$part" "$out/$part.pieces" "$out/$part.txt" "$out/tokenizer.json" -- $bert cut --threads "$threads" --tokenizer "$out/tokenizer.json" \
        "$out/$part.txt" -o "$out/$part.pieces"
done
}

# last NAME LOG: a field of the last line of training.
last() { { grep '"event": *"train"' "$2" || true; } | tail -n 1 | sed -n "s/.*\"$1\": *\([-+0-9.eE]*\).*/\1/p"; }

# Short trials, in which options that are wrong come out before anything has taken long. Contour's rate falls to half over the passes that
# the time is enough for, which they say, and BERT's to nothing over its time: each as it is used.
systems="ELMo-C contrastive"
loss_of() { if [ "$1" = ELMo-C ]; then echo cosine; else echo contrastive; fi; }
contour=("$bin/train" --quiet --preset "$preset" --seed "$seed" --threads "$threads" --table "$out/table" --held-out "$out/held-out.tok")
# shellcheck disable=SC2206  # several words
contour+=(${TRAIN_FLAGS:-})
reads=("$out/train.tok" "$out/held-out.tok" "$out/table")
for name in $systems; do
    stage "trial-$name" "$out/$name.trial.jsonl" "${reads[@]}" -- "${contour[@]}" --loss "$(loss_of $name)" --evaluations 1 --epochs 100000 \
        --training-time "$(awk -v seconds="$seconds" 'BEGIN { print (seconds < 200 ? seconds / 10 : 20) "s" }')" \
        --log "$out/$name.trial.jsonl" "$out/train.tok" -o "$out/trial.model"
done
# shellcheck disable=SC2206
bert_train=($bert train --quiet --threads "$threads" --seed "$seed" --tokenizer "$out/tokenizer.json" --held-out "$out/held-out.pieces"
    ${BERT_FLAGS:-} "$out/train.pieces")
stage trial-BERT "$out/trial-bert/model.safetensors" "$out/train.pieces" "$out/held-out.pieces" "$out/tokenizer.json" -- \
    "${bert_train[@]}" --steps 1 -o "$out/trial-bert"
rm -f "$out/trial.model"

# A trial beside something else says too few passes, and training would end before its time: then the run itself says how many, and more
# are added. OUT/NAME.passes keeps them, so that a run that is there is not made again.
# passes LOG MARGIN
passes() {
    awk -v epoch="$(last epoch "$1")" -v own="$(last seconds "$1")" -v seconds="$seconds" -v margin="$2" \
        'BEGIN { printf "%.3f\n", margin * epoch * seconds / own }'
}
for name in $systems; do
    log=$out/runs/$name-$seed.time.jsonl
    stage "passes-$name" "$out/$name.passes" "$out/$name.trial.jsonl" -- bash -c "echo $(passes "$out/$name.trial.jsonl" 1.03) > $out/$name.passes"
    for margin in 1.3 2 fail; do
        stage "train-$name" "$out/runs/$name-$seed.time.model" "${reads[@]}" "$out/$name.passes" -- "${contour[@]}" --loss "$(loss_of $name)" \
            --evaluations 8 --epochs "$(cat "$out/$name.passes")" --training-time "${seconds}s" --log "$log" "$out/train.tok" \
            -o "$out/runs/$name-$seed.time.model"
        if awk -v own="$(last seconds "$log")" -v seconds="$seconds" 'BEGIN { exit !(own >= 0.97 * seconds) }'; then break; fi
        [ $margin != fail ] || fail 75 "$name ended after $(last seconds "$log") of $seconds seconds, three times over: is the machine busy?"
        echo "$name was faster than its trial; once more, with more passes" >&2
        passes "$log" $margin > "$out/$name.passes"
    done
done
contour_tools=$(awk '{ n += $1 } END { print n }' "$out"/costs/{vocabulary,word-vectors,table})
bert_tools=$(awk '{ n += $1 } END { print n }' "$out"/costs/{wordpiece,cut-train})
bert_seconds=$seconds
if [ "$count_tools" = yes ]; then
    bert_seconds=$(awk -v a="$seconds" -v b="$contour_tools" -v c="$bert_tools" 'BEGIN { n = a + b - c; print (n > 1 ? n : 1) }')
fi
stage train-BERT "$out/bert/model.safetensors" "$out/train.pieces" "$out/held-out.pieces" "$out/tokenizer.json" -- \
    "${bert_train[@]}" --seconds "$bert_seconds" -o "$out/bert"

"${tasks[@]}" "$out/tasks/results.txt" > /dev/null

# parameters MODEL: of a model of train.
parameters() { "$bin/train" --print "$1" | awk -F'\t' 'NF == 3 { n += $3 } END { print n }'; }
row() { printf '%-12s %10.1f %12.0f %8.2f %12.0f %10.0f\n' "$@"; }
mega() { awk -v kilo="$1" 'BEGIN { print kilo * 1024 / 1e6 }'; }
{
    printf 'Trained on %s, %s words, by %s threads\n\n' "$text" "$(sed 's/.*"words": \([0-9]*\).*/\1/' "$out/train.pieces.json")" "$threads"
    printf '%-12s %10s %12s %8s %12s %10s\n' system 'seconds' 'words seen' passes parameters 'memory MB'
    for name in $systems; do
        log=$out/runs/$name-$seed.time.jsonl
        row $name "$(last seconds "$log")" "$(last words "$log")" "$(last epoch "$log")" \
            "$(parameters "$out/runs/$name-$seed.time.model")" "$(mega "$(cost train-$name 2)")"
    done
    log=$out/bert/log.jsonl
    row BERT "$(last seconds "$log")" "$(last words "$log")" "$(last epoch "$log")" \
        "$(sed -n 's/.*"parameters": \([0-9]*\).*/\1/p' "$log")" "$(mega "$(cost train-BERT 2)")"
    printf '\n%-34s %10s %10s\n' 'what made its input' seconds 'memory MB'
    while read -r name what; do
        printf '%-34s %10.1f %10.0f\n' "$what" "$(cost "$name" 1)" "$(mega "$(cost "$name" 2)")"
    done << 'TOOLS'
tokenize-train all: tokenize
vocabulary Contour: build-vocab
word-vectors Contour: fastText's word vectors
table Contour: embed-oov
wordpiece BERT: WordPiece
cut-train BERT: the text in pieces
TOOLS
    printf '\nIn all, Contour %.1f s and BERT %.1f s of tools before training; ' "$contour_tools" "$bert_tools"
    if [ "$count_tools" = yes ]; then echo "the difference was added to BERT's training."; else echo "they are not counted (COUNT_TOOLS=yes counts them)."; fi
    printf "Of BERT's memory, Python and its libraries take %.0f MB before there is a network.\n" \
        "$(sed -n 's/.*"memoryBefore": \([0-9]*\).*/\1/p' "$log" | awk '{ print $1 / 1e6 }')"
} > "$out/costs.txt"
echo
cat "$out/costs.txt"
echo
cat "$out/tasks/results.txt"
