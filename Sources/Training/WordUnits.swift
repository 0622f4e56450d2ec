import Shards

/// Whole words of a text that was cut into units, with their counts.
struct WordUnits: Sendable {
    private(set) var words = WordTable()
    private(set) var counts: [UInt64] = []
    /// The classes of each word's units.
    private(set) var units: [[Int32]] = []

    /// Counts the words of a sentence of units.
    mutating func add(_ sentence: ArraySlice<UInt32>, _ corpus: CorpusWords) {
        var spelling: [UInt8] = [], classes: [Int32] = []
        for unit in sentence {
            let isLast = corpus.endsWord(unit)
            corpus.withSpelling(unit) { spelling.append(contentsOf: isLast ? $0[...] : $0[..<($0.count - 2)]) }
            classes.append(corpus.classNumber(unit))
            guard isLast else { continue }
            add(spelling, classes)
            spelling.removeAll(keepingCapacity: true)
            classes.removeAll(keepingCapacity: true)
        }
    }

    /// The bytes of a word.
    func spelling(_ word: Int) -> [UInt8] { words.withWord(word) { Array($0) } }

    private mutating func add(_ spelling: [UInt8], _ classes: [Int32]) {
        let id = spelling.withUnsafeBytes { words.insert($0) }
        if id == counts.count {
            counts.append(0)
            units.append(classes)
        }
        counts[id] += 1
    }
}
