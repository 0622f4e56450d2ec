import Glibc
package import Kernels
package import Model

/// The unigram distribution u of the words that a network predicts. Words of the table have their counts there, the mark between
/// sentences has the number of sentences of the training text, and each word outside the table has the mean count of such words in
/// that text. A count of 0 counts as 1.
package struct UnigramDistribution {
    private let words: CorpusWords
    /// The counts of the mark and of a word outside the table, and the sum over the table's words and the mark.
    private let mark, other, total: Double

    /// - Parameter configuration: a configuration with the contrastive loss, which records numbers of the training text.
    package init(_ configuration: EncoderConfiguration, _ words: CorpusWords) {
        self.words = words
        mark = Double(max(1, configuration.sentenceCount))
        other = max(1, configuration.otherCount)
        total = mark + (words.vectors?.countOfWords ?? 0)
    }

    /// Returns the logarithm of u.
    package func log(_ word: UInt32) -> Double { Glibc.log(count(word) / total) }

    private func count(_ word: UInt32) -> Double {
        if word == words.begin || word == words.end { return mark }
        return words.vectors?.count(ofRow: word).map { Double(max(1, $0)) } ?? other
    }
}

/// Draws words with their frequencies in the training text, including the mark between sentences (Walker 1977, Vose 1991).
package struct WordSampler: Sendable {
    private let words: [UInt32]
    /// For each place, the probability that its own word is drawn, and the place of the word that is drawn otherwise.
    private var chances: [Float]
    private var others: [UInt32]

    /// - Parameters:
    ///   - counts: count of each word, by number; words with count 0 are never drawn.
    ///   - mark: the mark that ends sentences in a direction; `nil` if marks are not drawn.
    /// - sentences: number of sentences in the text, which is the count of the mark.
    package init(counts: [UInt32], mark: UInt32?, sentences: Int) {
        var words: [UInt32] = [], weights: [Double] = []
        for (word, count) in counts.enumerated() where count > 0 && mark.map(Int.init) != word {
            words.append(UInt32(word))
            weights.append(Double(count))
        }
        if let mark {
            words.append(mark)
            weights.append(Double(max(1, sentences)))
        }
        self.words = words
        let mean = weights.reduce(0, +) / Double(weights.count)
        others = Array(0..<UInt32(words.count))
        chances = Array(repeating: 1, count: words.count)
        var small: [Int] = [], large: [Int] = []
        for (place, weight) in weights.enumerated() { if weight < mean { small.append(place) } else { large.append(place) } }
        while let place = small.popLast(), let donor = large.popLast() {
            chances[place] = Float(weights[place] / mean)
            others[place] = UInt32(donor)
            weights[donor] -= mean - weights[place]
            if weights[donor] < mean { small.append(donor) } else { large.append(donor) }
        }
    }

    /// Number of distinct words that can be drawn.
    package var count: Int { words.count }

    package func draw(_ random: inout Random) -> UInt32 {
        let place = random.below(words.count)
        return words[Float(random.uniform()) < chances[place] ? place : Int(others[place])]
    }

    var bytes: Int { 12 * words.count }
}
