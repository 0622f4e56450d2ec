# The lines of a training log (`train --log`, JSON Lines) as columns, for plots and tables:
#
#   train     words  seconds  loss  words/s  peak memory in bytes or -  share of the ceiling or -
#   held-out  words  seconds  loss  share of positions ranked in the first ten or -  direction  output
#             loss of the best constant vector or -  share of the unigram model in the first ten or -  positions ranked or -
#
# Seconds are those of training alone, as the words and the words/s of the log add up to: evaluations take none. The
# direction is `both` for the mean of those that were evaluated together, each figure over those that have it;
# `-v directions=1` gives each by its own name. The output is `continuous`, with cosine loss, and ranks that are those with
# prior; or `softmax`, with -log p. The last three columns are what the loss and the share must be better than, the same means,
# and what they are counted over.
# What is no complete line, such as the last one of a log that is still being written, is passed over. Status 3: no line
# of training.

BEGIN { OFS = "\t"; CONVFMT = OFMT = "%.9g" }

# A number of the object that the line is; - if it has none.
function number(name, value) {
    if (!match($0, "\"" name "\": *[-+0-9.eE]+")) return "-"
    value = substr($0, RSTART, RLENGTH)
    sub(/^[^:]*: */, "", value)
    return value + 0
}

# Evaluations are kept until the line of training that follows says when they were.
function flush_evaluations(i, next_kept, time) {
    for (i = 1; i <= kept; i++) {
        if (kept_words[i] > words && !ending) break
        time = rate > 0 ? seconds - (words - kept_words[i]) / rate : seconds
        print "held-out", kept_words[i], time, kept_loss[i] / kept_count[i],
            kept_ranked[i] ? kept_top[i] / kept_ranked[i] : "-", kept_direction[i], output,
            kept_constant[i] ? kept_constant[i] / kept_count[i] : "-",
            kept_unigram_count[i] ? kept_unigram[i] / kept_unigram_count[i] : "-", kept_positions[i] ? kept_positions[i] : "-"
    }
    next_kept = 0
    for (; i <= kept; i++) {
        next_kept++
        kept_words[next_kept] = kept_words[i]; kept_loss[next_kept] = kept_loss[i]; kept_top[next_kept] = kept_top[i]
        kept_count[next_kept] = kept_count[i]; kept_ranked[next_kept] = kept_ranked[i]
        kept_direction[next_kept] = kept_direction[i]; kept_constant[next_kept] = kept_constant[i]
        kept_unigram[next_kept] = kept_unigram[i]; kept_unigram_count[next_kept] = kept_unigram_count[i]
        kept_positions[next_kept] = kept_positions[i]
    }
    kept = next_kept
}

!/^\{.*\}[ \r]*$/ { next }

/"event": *"train"/ {
    at = number("words"); loss = number("loss"); new_rate = number("wordsPerSecond")
    if (at == "-" || loss == "-" || new_rate == "-" || new_rate <= 0) next
    rate = new_rate
    seconds += (at - words) / rate
    words = at
    lines++
    flush_evaluations()
    print "train", words, seconds, loss, rate, number("memory"), number("ceilingShare")
}

/"event": *"held-out"/ {
    at = number("words"); loss = number("loss"); top = number("top10")
    if (at == "-" || loss == "-") next
    output = /"constantLoss":/ ? "continuous" : "softmax"
    # A model of masked words has one network, whose scores stand where those of the forward direction do.
    direction = /"direction": *"backward"/ ? "backward" : "forward"
    if (directions || !kept || kept_words[kept] != at) {
        kept++
        kept_words[kept] = at; kept_loss[kept] = kept_top[kept] = kept_count[kept] = kept_ranked[kept] = 0
        kept_direction[kept] = directions ? direction : "both"
        kept_constant[kept] = kept_unigram[kept] = kept_unigram_count[kept] = kept_positions[kept] = 0
    }
    kept_loss[kept] += loss; kept_count[kept]++
    if (output == "continuous") kept_constant[kept] += number("constantLoss")
    # The backward direction of a model of units ranks no words.
    if (top == "-" || number("positions") == 0) next
    kept_top[kept] += top; kept_ranked[kept]++
    if (number("unigramTop10") != "-") { kept_unigram[kept] += number("unigramTop10"); kept_unigram_count[kept]++ }
    if (number("positions") > kept_positions[kept]) kept_positions[kept] = number("positions")
}

END {
    ending = 1
    flush_evaluations()
    if (!lines) exit 3
}
