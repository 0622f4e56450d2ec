# A labelled task from WordNet: in the example sentences of its glosses, which of WordNet's classes (noun.animal, verb.motion, ...) a word
# with several belongs to. Columns: the words of a sentence, each with its class or _ where it has no label.
#   awk -f wordnet-senses.awk -v part=train|test FOLDER/{noun,verb}.exc pass=1 FOLDER/data.* pass=2 FOLDER/data.*
# Every tenth gloss with examples is of the test part, and the others of the training part.

BEGIN {
    # The names of the files in which WordNet was written, by their numbers in its data (lexnames in its manual).
    split("adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition " \
        "noun.communication noun.event noun.feeling noun.food noun.group noun.location noun.motive noun.object noun.person " \
        "noun.phenomenon noun.plant noun.possession noun.process noun.quantity noun.relation noun.shape noun.state " \
        "noun.substance noun.time verb.body verb.change verb.cognition verb.communication verb.competition verb.consumption " \
        "verb.contact verb.creation verb.emotion verb.motion verb.perception verb.possession verb.social verb.stative " \
        "verb.weather adj.ppl", class, " ")
}
# Irregular forms: went go.
FILENAME ~ /\.exc$/ { if (!($1 in base)) base[$1] = $2; next }
!/^[0-9]/ { next }
# Words with more than one class.
pass == 1 {
    for (i = 0; i < hexadecimal($4); i++) {
        word = tolower($(5 + 2 * i))
        sub(/\([a-z]+\)$/, "", word)
        if (!(word in first)) first[word] = $2
        else if (first[word] != $2) ambiguous[word] = 1
    }
    next
}
{
    bar = index($0, " | ")
    if (bar == 0) next
    delete own
    count = hexadecimal($4)
    for (i = 0; i < count; i++) {
        word = tolower($(5 + 2 * i))
        sub(/\([a-z]+\)$/, "", word)
        if (word in ambiguous) own[word] = 1
    }
    number = split(substr($0, bar + 3), piece, "\"")
    sentences = ""
    # What stands between quotes.
    for (i = 2; i <= number; i += 2) sentences = sentences labelled(piece[i], class[$2 + 1])
    if (sentences == "") next
    glosses++
    if ((glosses % 10 == 0) == (part == "test")) printf "%s", sentences
}

function hexadecimal(text) {
    text = tolower(text)
    return (index("0123456789abcdef", substr(text, 1, 1)) - 1) * 16 + index("0123456789abcdef", substr(text, 2, 1)) - 1
}

# A sentence in columns, the first word of the synset with its class; nothing if none is there.
function labelled(text, name,    token, count, i, found, result, part_of_text, number_of_pieces) {
    text = tolower(text)
    gsub(/[^a-z0-9' -]/, " & ", text)
    number_of_pieces = split(text, part_of_text, " ")
    count = 0
    for (i = 1; i <= number_of_pieces; i++) {
        if (match(part_of_text[i], /.(n't|'s|'re|'ve|'ll|'d|'m)$/)) {
            token[++count] = substr(part_of_text[i], 1, RSTART)
            token[++count] = substr(part_of_text[i], RSTART + 1)
        } else token[++count] = part_of_text[i]
    }
    found = 0
    for (i = 1; i <= count && !found; i++) if (isOwn(token[i])) found = i
    if (!found) return ""
    result = ""
    for (i = 1; i <= count; i++) result = result token[i] " " (i == found ? name : "_") "\n"
    return result "\n"
}

# Whether a token is a form of one of the synset's words.
function isOwn(token,    stem) {
    if (token in own || (token in base) && (base[token] in own)) return 1
    stem = token
    if (sub(/(s|es|ed|d|ing)$/, "", stem) && stem in own) return 1
    stem = token
    if (sub(/(es|ed|ing)$/, "", stem)) {
        if (stem in own || (stem "e") in own) return 1
        if (substr(stem, length(stem)) == substr(stem, length(stem) - 1, 1) && substr(stem, 1, length(stem) - 1) in own) return 1
    }
    stem = token
    return sub(/(ies|ied)$/, "y", stem) && stem in own
}
