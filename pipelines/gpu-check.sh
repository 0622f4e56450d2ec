#!/usr/bin/env bash
# A check of an NVIDIA GPU: whether it computes and trains as the processor does, and how fast it trains and encodes.
#   pipelines/gpu-check.sh [part…]
# Parts are operations, training, speed, encoding, table (the systems of the paper beside each other) and encoders (Transformers, and
# encoders with all output layers); without any, all run, operations first, in about twelve minutes. BIN names the folder of the tools, DEVICE the GPU (cuda:0), and OUT a folder that
# keeps the results; nothing but the driver, cuBLAS and NVRTC is needed.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release} device=${DEVICE:-cuda:0}
out=${OUT:-$(mktemp -d)}
parts=${*:-operations training speed encoding table encoders}
for part in $parts; do
    case $part in
        operations | training | speed | encoding | table | encoders) ;;
        *)
            sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
            exit 64
            ;;
    esac
done
if [ ! -x "$bin/bench" ]; then
    echo "gpu-check.sh: $bin/bench is missing; make builds it, and BIN names another folder" >&2
    exit 66
fi
mkdir -p "$out" || exit 73
failed=0

# Prints a title, then runs a command and keeps what it prints.
step() {
    local name=$1
    shift
    echo "== $name"
    "$@" 2>&1 | tee "$out/$name.txt"
    local status=${PIPESTATUS[0]}
    if [ "$status" != 0 ]; then
        echo "== $name: FAILED with status $status"
        failed=1
    fi
}

# The numbers of all steps of a run: losses and norms of the gradient.
steps() { sed -n 's/.*"gradientNorm":\([^,]*\),"loss":\([^,]*\),.*/\2 \1/p' "$1"; }

operations() {
    for precision in float32 bfloat16; do
        step "operations-$precision" "$bin/bench" gpu --device "$device" --precision $precision --seconds "${SECONDS_EACH:-0.05}" \
            --rows 768 --columns 1024 --depth 512
        # Sizes that fit no block.
        step "odd-operations-$precision" "$bin/bench" gpu --device "$device" --precision $precision --seconds 0 \
            --rows 37 --columns 50 --depth 131
    done
}

# Text of made-up words, enough for some steps.
text() {
    awk -v lines="$1" 'BEGIN {
        srand(1)
        for (line = 0; line < lines; line++) {
            text = ""
            for (word = 0; word < 24; word++) text = text "w" int(exp(rand() * log(4000))) " "
            print text
        }
    }'
}

# Vectors of so many numbers for the made-up words.
vectors() {
    awk -v size="$1" 'BEGIN {
        srand(2)
        print 3000, size
        for (word = 1; word <= 3000; word++) {
            line = "w" word
            for (place = 0; place < size; place++) line = line sprintf(" %.4f", rand() - 0.5)
            print line
        }
    }'
}

training() {
    local work
    work=$(mktemp -d)
    text 4000 | "$bin/tokenize" -q -o "$work/text.tok" && text 200 | "$bin/tokenize" -q -o "$work/held.tok" &&
        "$bin/build-vocab" -q "$work/text.tok" -o "$work/vocab" &&
        vectors 48 > "$work/vec" &&
        "$bin/embed-oov" -q --vectors "$work/vec" "$work/vocab" -o "$work/table" || { failed=1; return; }
    for run in "cosine --table $work/table" "contrastive --table $work/table --loss contrastive" \
        "trained --table $work/table --loss contrastive --targets trained" "dropout --table $work/table --dropout 0.2" \
        "vmf --table $work/table --loss vmf" "max-margin --table $work/table --loss max-margin" \
        "gru --table $work/table --encoder gru" "qrnn --table $work/table --encoder qrnn --zoneout 0.1" \
        "sru --table $work/table --encoder sru" \
        "transformer --table $work/table --encoder transformer --width 48 --heads 3 --layers 2" \
        "gpt --table $work/table --encoder transformer --width 48 --layers 2 --activation gelu --positions learned" \
        "masked --table $work/table --objective masked" \
        "bert --table $work/table --objective masked --encoder transformer --width 48 --heads 2 --layers 2 --activation gelu" \
        "softmax --table $work/table --output softmax --vocab $work/vocab" \
        "sampled --table $work/table --output sampled-softmax --negatives 512 --vocab $work/vocab" \
        "adaptive --table $work/table --output adaptive-softmax --cutoffs 500,2000 --vocab $work/vocab" \
        "elmo --preset elmo --filters 1:16,2:32 --negatives 512 --vocab $work/vocab"; do
        local name=${run%% *} options=${run#* } sizes="--cell 96 --projection 48"
        case $name in gru | qrnn | sru | transformer | gpt | bert) sizes= ;; esac
        for place in cpu "$device float32" "$device bfloat16"; do
            set -- $place
            local file="$work/$name-${1%%:*}-${2:-}"
            # shellcheck disable=SC2086
            "$bin/train" --preset tiny $options $sizes --batch 32 --window 20 --steps 10 --quiet --candidates 1000 \
                --held-out "$work/held.tok" --evaluations 1 --device "$1" --precision "${2:-float32}" --log "$file.jsonl" \
                "$work/text.tok" -o "$file.model" || { echo "$name on $place: FAILED"; failed=1; }
            steps "$file.jsonl" > "$file.steps"
        done
        for precision in float32 bfloat16; do
            paste "$work/$name-cpu-.steps" "$work/$name-cuda-$precision.steps" | awk -v name="$name" -v precision=$precision '
                function far(one, other) { return one > other ? one - other : other - one }
                NF < 4 { next }
                { steps++; if (far($1, $3) > worst) worst = far($1, $3); last = $1; own = $3; size = $1 < 0 ? -$1 : $1 }
                END {
                    bound = (precision == "float32" ? 2e-4 : 0.05) * (size > 1 ? size : 1)
                    right = steps == 10 && worst <= bound
                    printf "%-12s %-9s steps %d, last loss %.6f and %.6f, furthest %.2e%s\n", name, precision, steps, last, own, worst,
                        right ? "" : "  WRONG"
                    exit !right
                }' || failed=1
        done
    done | tee "$out/training.txt"
    if grep -qE 'WRONG|FAILED' "$out/training.txt"; then failed=1; fi
    rm -rf "$work"
}

# A run of `train` at the reference size on made-up text: words a second in its second half, and the time it waited for windows then.
feed() {
    local name=$1 batch=$2 steps=$3
    shift 3
    "$bin/train" --preset elmo-c --batch "$batch" --window 20 --steps "$steps" --quiet --device "$device" --table "$work/table" "$@" \
        --log "$work/feed.jsonl" "$work/text.tok" -o "$work/feed.model" || { echo "train, $name, batch $batch: FAILED"; return; }
    sed -n 's/.*"seconds":\([^,]*\),"secondsWaited":\([^,]*\),"step":[^,]*,"words":\([^,]*\),.*/\1 \2 \3/p' "$work/feed.jsonl" |
        awk -v name="$name" -v batch="$batch" '
            { seconds[NR] = $1; waited[NR] = waited[NR - 1] + $2; words[NR] = $3 }
            END {
                half = int(NR / 2)
                time = seconds[NR] - seconds[half]
                printf "train, %s, batch %d: %d words/s, %.1f%% of the time spent waiting\n", name, batch,
                    (words[NR] - words[half]) / time, 100 * (waited[NR] - waited[half]) / time
            }'
}

speed() {
    for batch in 128 256 768; do
        step "speed-$batch" "$bin/bench" train --device "$device" --cell 4096 --projection 512 --dimension 300 --batch $batch \
            --window 20 --seconds 4
    done
    for batch in 128 768; do
        step "speed-plain-$batch" "$bin/bench" train --plain --device "$device" --cell 4096 --projection 512 --dimension 300 \
            --batch $batch --window 20 --seconds 4
        if python3 -c 'import torch' 2> /dev/null; then
            step "speed-pytorch-$batch" python3 "$here/gpu_pytorch.py" $batch 3
        fi
    done
    local work
    work=$(mktemp -d)
    text 60000 | "$bin/tokenize" -q -o "$work/text.tok" && "$bin/build-vocab" -q "$work/text.tok" -o "$work/vocab" &&
        vectors 300 > "$work/vec" && "$bin/embed-oov" -q --vectors "$work/vec" "$work/vocab" -o "$work/table" || { failed=1; return; }
    {
        for batch in 128 768; do
            for loss in cosine contrastive; do feed $loss $batch $((batch == 128 ? 240 : 80)) --loss $loss; done
        done
    } | tee "$out/feed.txt"
    if grep -q FAILED "$out/feed.txt"; then failed=1; fi
    rm -rf "$work"
    step speed-float32 "$bin/bench" train --device "$device" --precision float32 --cell 4096 --projection 512 --dimension 300 \
        --batch 256 --window 20 --seconds 3
}

# Text of made-up words in sentences of 5 to 60 words, 25 in the mean.
sentences() {
    awk -v lines="$1" 'BEGIN {
        srand(3)
        for (line = 0; line < lines; line++) {
            text = ""
            words = 5 + int(56 * rand() ^ 1.8)
            for (word = 0; word < words; word++) text = text "w" int(exp(rand() * log(4000))) " "
            print text
        }
    }'
}

# The median of words a second in the line of JSON of an event.
median() { sed -n 's/.*"event": *"'"$1"'".*"wordsPerSecond": *{[^}]*"median": *\([0-9.e+]*\).*/\1/p'; }

encoding() {
    local work own peer
    work=$(mktemp -d)
    sentences 20000 > "$work/text"
    step encoding "$bin/bench" encode --device "$device" --preset elmo-c --text "$work/text" --sentences 20000 --rounds 5 \
        --json "$out/encoding.jsonl"
    if python3 -c 'import torch' 2> /dev/null; then
        step encoding-pytorch python3 "$here/gpu_pytorch_encode.py" "$work/text" 5
        own=$(median encode < "$out/encoding.jsonl") peer=$(median peer < "$out/encoding-pytorch.txt")
        awk -v own="${own:-0}" -v peer="${peer:-0}" \
            'BEGIN { if (peer > 0) printf "encoding: %.2f times the words a second of PyTorch\n", own / peer }' |
            tee "$out/encoding-ratio.txt"
    fi
    rm -rf "$work"
}

# The paper's systems by turns in one run, with its vocabulary of 793,471 words: at its batches, and all at ELMo's. Start-up, which
# makes the vocabulary and the vectors, is in the budget, and is shared by all rows because they are one run.
table() {
    step table "$bin/bench" compare --device "$device" --budget "${TABLE_BUDGET:-150s}" --json "$out/table.jsonl" \
        'elmo --batch 128' 'elmo-a --batch 256' 'elmo-sub --batch 320' 'elmo-c --batch 768' \
        'elmo-a --batch 128' 'elmo-sub --batch 128' 'elmo-c --batch 128'
    sed -n '/"event":"ratio"/s/.*"of":"\(ELMo-C [^"]*\)".*"median":\([^},]*\).*"to":"\([^"]*\)".*/\2 \1, against \3/p' \
        "$out/table.jsonl" | while read -r ratio names; do
        awk -v ratio="$ratio" -v names="$names" \
            'BEGIN { printf "%s: %.3f of the time for a word, %.2f times as fast\n", names, ratio, 1 / ratio }'
    done | tee "$out/table-ratios.txt"
    if [ "$(wc -l < "$out/table-ratios.txt")" != 2 ] || grep -q '"event":"left-out"' "$out/table.jsonl"; then
        echo "== table: WRONG, a system is missing"
        failed=1
    fi
}

# Transformers at 2,560 and 16,384 words a step beside PyTorch, and encoders with every output layer.
encoders() {
    local preset words own peer
    for preset in transformer-base transformer-large gpt; do
        for words in 2560 16384; do
            step "encoders-$preset-$words" "$bin/bench" train --device "$device" --preset $preset --directions 1 --dimension 300 \
                --batch $((words / 128)) --window 128 --seconds 3 --json "$out/encoders-$preset-$words.jsonl"
            if python3 -c 'import torch' 2> /dev/null; then
                step "encoders-pytorch-$preset-$words" python3 "$here/gpu_pytorch_encoders.py" $preset $words 2
                own=$(median train < "$out/encoders-$preset-$words.jsonl")
                peer=$(median peer < "$out/encoders-pytorch-$preset-$words.txt" | sort -g | tail -n 1)
                awk -v own="${own:-0}" -v peer="${peer:-0}" -v name="$preset, $words words a step" \
                    'BEGIN { if (peer > 0) printf "%s: %.2f times the words a second of PyTorch\n", name, own / peer }' |
                    tee -a "$out/encoders-ratios.txt"
            fi
        done
    done
    step encoders-table "$bin/bench" encoders --device "$device" --words 16384 --budget "${ENCODERS_BUDGET:-200s}" \
        --encoder elmo --encoder base --encoder large --encoder gpt --output cosine --output contrastive --output sampled \
        --output softmax --json "$out/encoders-table.jsonl"
}

# Without a GPU nothing else is tried: bench says why.
"$bin/bench" gpu --device "$device" --seconds 0 --rows 8 --columns 8 --depth 8 > "$out/device.txt" || exit
head -n 1 "$out/device.txt"

for part in $parts; do $part; done
[ $failed = 0 ] && echo "== all as it should be" || echo "== FAILED"
exit $failed
