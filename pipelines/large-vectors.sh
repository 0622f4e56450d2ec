#!/usr/bin/env bash
# A table for a large vocabulary from large vectors in text: seconds and memory of `embed-oov`, beside what reading the same
# file takes by itself (`dd`, from the system's cache), by turns in one run.
#   pipelines/large-vectors.sh [folder]
# The vectors are made up, VECTORS=2000000 words with DIMENSION=300 numbers each, in the form of a fastText .vec (4.6 GB);
# the vocabulary has WORDS=800000, three in four of them among the vectors. Words have the shapes of real ones: beginnings and
# ends of WordNet's, joined where they have the same letters. ROUNDS=3 says how often; BIN names the folder of the tools.
# Files go to the folder, which keeps them for the next time, or to a temporary one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${BIN:-$here/../.build/release}
vectors=${VECTORS:-2000000} dimension=${DIMENSION:-300} words=${WORDS:-800000} rounds=${ROUNDS:-3}
"$here/install-packages.sh" wordnet-base python3 time >&2
folder=${1:-$(mktemp -d)}
if [ $# = 0 ]; then trap 'rm -rf "$folder"' EXIT; fi
mkdir -p "$folder"
vec=$folder/vectors-$vectors-$dimension.vec vocabulary=$folder/vocabulary-$vectors-$words

if [ ! -e "$vocabulary" ]; then
    echo "Making $vec" >&2
    python3 - "$vec.new" "$folder/text.new" "$vectors" "$dimension" "$words" <<'END'
import collections, random, sys

vec, text, vectors, dimension, asked = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
random.seed(1)
lemmas = set()
for part in ("noun", "verb", "adj", "adv"):
    with open(f"/usr/share/wordnet/index.{part}", encoding="utf-8") as file:
        lemmas.update(line.split(" ", 1)[0] for line in file if not line.startswith(" "))
lemmas = sorted(word for lemma in lemmas for word in lemma.split("_") if len(word) > 2)
ends = collections.defaultdict(list)
for word in lemmas:
    for place in range(1, len(word) - 1):
        ends[word[place:place + 2]].append(word[place + 2:])
words = dict.fromkeys(lemmas)
while len(words) < vectors + asked // 4:
    word = random.choice(lemmas)
    place = random.randrange(1, len(word) - 1)
    words[word[:place + 2] + random.choice(ends[word[place:place + 2]])] = None
words = list(words)[:vectors + asked // 4]
random.shuffle(words)
# Any numbers take as long as others: some thousand different lines of them.
lines = [
    "".join(f" {random.gauss(0, 0.3):.4f}" for _ in range(dimension)).encode() + b"\n" for _ in range(4000)]
with open(vec, "wb") as file:
    file.write(f"{vectors} {dimension}\n".encode())
    for index in range(vectors):
        file.write(words[index].encode() + lines[index % len(lines)])
# Counts as in a text: a word's is about one part in its rank.
chosen = random.sample(words[:vectors], asked - asked // 4) + words[vectors:]
random.shuffle(chosen)
with open(text, "w", encoding="utf-8") as file:
    for rank, word in enumerate(chosen, 1):
        file.write((word + " ") * max(1, 100_000 // rank) + "\n")
END
    "$bin/tokenize" -q --whitespace "$folder/text.new" | "$bin/build-vocab" -q -o "$vocabulary.new"
    rm "$folder/text.new"
    mv "$vec.new" "$vec"
    mv "$vocabulary.new" "$vocabulary"
fi
cat "$vec" > /dev/null # from disk to the system's cache

printf '%s words of %s numbers (%s MB), a vocabulary of %s; %s threads; by turns\n\n' "$vectors" "$dimension" \
    "$(($(stat -c %s "$vec") / 1000000))" "$("$bin/build-vocab" --print "$vocabulary" | wc -l)" "$(nproc)"
printf '%-6s %8s %10s %28s %34s\n' '' '' 'dd' '--unknown none' 'n-grams fitted (the default)'
printf '%-6s %8s %10s %10s %8s %8s %14s %8s %10s\n' round '' seconds seconds ratio MB seconds ratio MB
for ((round = 1; round <= rounds; round++)); do
    /usr/bin/time -f '%e' -o "$folder/read.time" dd if="$vec" of=/dev/null bs=1M status=none
    for unknown in none auto; do
        /usr/bin/time -f '%e %M' -o "$folder/$unknown.time" "$bin/embed-oov" -q --unknown "$unknown" --vectors "$vec" \
            "$vocabulary" -o "$folder/table"
    done
    paste -d ' ' "$folder/read.time" "$folder/none.time" "$folder/auto.time" | awk -v round="$round" '{
        printf "%-6s %8s %10.2f %10.2f %8.2f %8.0f %14.2f %8.2f %10.0f\n", round, "", $1, $2, $2 / $1, $3 * 1.024e-3, $4,
            $4 / $1, $5 * 1.024e-3 }'
done
