public import Files
internal import Kernels
internal import Glibc

/// English-like text of any size, one sentence per line. Words follow the law of Zipf and Mandelbrot, and frequent words are short.
/// Capitals, punctuation, contractions, possessives, hyphens, numbers and abbreviations occur about as often as in news, so that the
/// text costs a tokeniser and a counter as much time as news. The same seed gives the same text.
public struct SyntheticText {
    /// The number of distinct words before capitals and suffixes.
    private static let wordCount = 400_000
    private static let shift = 3.2
    private static let onsets = ["", "b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "st", "tr", "pl", "sh"]
    private static let vowels = ["a", "e", "i", "o", "u", "ea", "io", "ou"]
    private static let codas = ["", "", "n", "r", "s", "t", "l", "nd", "ck", "m"]
    /// The most frequent words of English.
    private static let commonest = [
        "the", "of", "to", "and", "a", "in", "that", "is", "for", "it", "was", "on", "with", "as", "he", "be", "at", "by",
        "his", "have", "from", "are", "this", "not", "but", "had", "they", "which", "or", "an", "we", "were", "their",
    ]
    private static let contractions = ["n't", "'s", "'re", "'ll", "'ve", "'d"]
    private static let abbreviations = ["Mr. ", "Dr. ", "U.S. ", "a.m. ", "Inc. ", "Sept. "]

    private var words: [UInt8] = []
    private var ends: [Int32] = []
    private var random: Random
    private var line: [UInt8] = []

    /// Makes a source of text.
    public init(seed: UInt64 = 1) {
        random = Random(seed: seed, stream: "synthetic text")
        for rank in 0..<Self.wordCount {
            words += rank < Self.commonest.count ? Array(Self.commonest[rank].utf8) : makeWord(rank)
            ends.append(Int32(words.count))
        }
    }

    /// Writes whole lines until there are at least `bytes` bytes. Throws what `output` throws.
    public mutating func write(bytes: Int, to output: OutputFile) throws {
        var written = 0
        while written < bytes {
            makeLine()
            try output.write(line)
            written += line.count
        }
    }

    /// Draws the rank of a word, from 0, with a probability that falls as (rank + 3.2)^-1.2: the thousand most frequent words are
    /// three quarters of the text, as in English.
    private mutating func drawRank() -> Int {
        // The inverse of the distribution function.
        let rarest = 1 - pow(Double(Self.wordCount) / Self.shift + 1, -0.2)
        return min(Self.wordCount - 1, Int(Self.shift * (pow(1 - rarest * random.uniform(), -5) - 1)))
    }

    /// Makes a word of syllables, with one more syllable per factor of a hundred in rarity.
    private mutating func makeWord(_ rank: Int) -> [UInt8] {
        var word = ""
        let syllables = max(1, Int(0.55 * log10(Double(rank)) + random.uniform()))
        for _ in 0..<syllables {
            word += Self.onsets[random.below(Self.onsets.count)] + Self.vowels[random.below(Self.vowels.count)]
                + Self.codas[random.below(Self.codas.count)]
        }
        return Array(word.utf8)
    }

    private mutating func makeLine() {
        line.removeAll(keepingCapacity: true)
        let length = 4 + random.below(38)
        let quoted = random.below(12) == 0
        if quoted { line.append(UInt8(ascii: "\"")) }
        for place in 0..<length {
            appendWord(capital: place == 0 || random.below(12) == 0)
            guard place < length - 1 else { break }
            if random.below(16) == 0 { line.append(UInt8(ascii: ",")) }
            line.append(UInt8(ascii: random.below(300) == 0 ? "-" : " "))
        }
        line.append(UInt8(ascii: random.below(20) == 0 ? "?" : "."))
        if quoted { line.append(UInt8(ascii: "\"")) }
        line.append(UInt8(ascii: "\n"))
    }

    private mutating func appendWord(capital: Bool) {
        switch random.below(200) {
        case 0...3: line += Array("\(random.below(2100))".utf8)
        case 4: line += Array("$\(random.below(900)),\(100 + random.below(900))".utf8)
        case 5: line += Array("\(random.below(100)).\(random.below(10))%".utf8)
        case 6, 7: line += Array(Self.abbreviations[random.below(Self.abbreviations.count)].utf8)
        default: break
        }
        let rank = drawRank()
        let start = rank == 0 ? 0 : Int(ends[rank - 1])
        let first = line.count
        line += words[start..<Int(ends[rank])]
        if capital { line[first] -= 32 }
        if random.below(50) == 0 { line += Array(Self.contractions[random.below(Self.contractions.count)].utf8) }
    }
}
