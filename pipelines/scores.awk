# The scores in a log of `train --log` as records of results (docs/report.md), a line of JSON each: of the last evaluation a
# `quality` record, and before it, if curves=1, a `curve` record of every evaluation.
#
#   awk -v system_name=NAME [-v seed=N] [-v budget=words|time] [-v direction=forward] [-v share=1] [-v curves=1] -f scores.awk LOG
#
# Logs of units count units: `share` is how many words one is.

BEGIN {
    # A model of masked words has one network, which reads both ways.
    if (direction == "") direction = "forward|bidirectional"
    if (share == "") share = 1
    copied = "seconds positions heldOutPositions top1 top10 cosineTop1 cosineTop10 perplexity candidatePerplexity " \
        "unigramTop1 unigramTop10 unigramPerplexity"
}

# A number of the object that the line is, as it is written; nothing if it has none.
function field(name, value) {
    if (!match($0, "\"" name "\": *[-+0-9.eE]+")) return ""
    value = substr($0, RSTART, RLENGTH)
    sub(/^[^:]*: */, "", value)
    return value
}

function add(name, value) { if (value != "") line = line ",\"" name "\":" value }

# begin EVENT: a record with what both kinds have in common.
function begin(event, names, count, i) {
    line = "{\"event\":\"" event "\",\"system\":\"" system_name "\""
    if (event == "quality" && budget != "") line = line ",\"budget\":\"" budget "\""
    add("seed", seed)
    add("words", sprintf("%.0f", field("words") * share))
    count = split(copied, names, " ")
    for (i = 1; i <= count; i++) add(names[i], field(names[i]))
    # The loss of a softmax is no cosine.
    if (field("constantLoss") != "") { add("loss", field("loss")); add("constantLoss", field("constantLoss")) }
}

/"event": *"held-out"/ && $0 ~ "\"direction\":\"(" direction ")\"" {
    if (curves) {
        begin("curve")
        print line "}"
    }
    begin("quality")
    add("candidates", field("candidates")); add("coverage", field("coverage"))
    add("classes", field("vocabulary")); add("unknownShare", field("unknownShare"))
    last = line "}"
}

END { if (last != "") print last }
