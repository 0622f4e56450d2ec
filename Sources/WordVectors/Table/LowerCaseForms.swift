import Shards

/// The lower-case forms of a vocabulary's words: what the vectors would know if the text were in lower case.
struct LowerCaseForms {
    /// Those that are no words of the vocabulary, which the reader of the vectors looks out for.
    private(set) var others = WordTable()
    /// Each word that is not in lower case, with its form: a word of the vocabulary, or one of `others`.
    private var pairs: [(word: UInt32, form: UInt32, isOther: Bool)] = []

    init(of words: WordTable) {
        for id in 0..<words.count {
            guard let form = words.withWord(id, lowerCase) else { continue }
            form.withUnsafeBytes { form in
                if let known = words.find(form) {
                    pairs.append((UInt32(id), UInt32(known), false))
                } else {
                    pairs.append((UInt32(id), UInt32(others.insert(form)), true))
                }
            }
        }
    }

    /// The words that have no vector while their form has one, and their tokens.
    func gain(_ lookup: VectorLookup, counts: [UInt64]) -> TableSummary.Share {
        var gain = TableSummary.Share()
        for (word, form, isOther) in pairs where !lookup.found[Int(word)] {
            guard isOther ? lookup.noticed[Int(form)] : lookup.found[Int(form)] else { continue }
            gain.words += 1
            gain.tokens &+= counts[Int(word)]
        }
        return gain
    }
}
