import Files
import Shards

/// Learns merges from words and their counts (Sennrich, Haddow and Birch 2016): repeatedly, the most frequent pair of adjacent
/// symbols becomes one symbol; among equally frequent pairs, the last by code points.
///
/// The merges equal those of subword-nmt, even where its pruning of rare pairs loses counts: pairs below a threshold are set aside,
/// and examined again when all others have fallen below it.
public struct MergeLearner {
    private var symbols = WordTable()
    private var units = WordUnits()
    private var counts: [Int] = []
    /// The places where each symbol of several characters was formed, some of which may no longer hold it.
    private var places: [[UInt32]] = []
    private var pairs = PairCounts()
    /// Total occurrences of pairs, each counted as often as its word occurs.
    private var occurrences: UInt64 = 0
    /// Low enough that no count of a pair overflows, even if one that was set aside is out of date.
    private static let mostOccurrences: UInt64 = 1 << 60
    private let name: String

    private var placesSeen = 0
    /// Number of places and pairs examined, which determines the time; counted for tests.
    package var work: Int { placesSeen + pairs.comparisons }

    /// Creates a learner without words.
    /// - Parameter name: where the words come from, for messages.
    public init(of name: String = "the words") { self.name = name }

    /// Number of words that have letters.
    public var wordCount: Int { units.wordCount }

    /// Adds a word. Throws `ToolError.data` if counts become too large to be added.
    public mutating func add(_ word: UnsafeRawBufferPointer, count: UInt64) throws {
        guard !word.isEmpty else { return }
        let first = units.placeCount
        counts.append(Int(clamping: count))
        units.beginWord()
        forEachCharacter(of: word) { range, isLast in
            if isLast {
                let symbol = Int32((Array(word[range]) + Merges.wordEnd).withUnsafeBytes { symbols.insert($0) })
                remember(symbol, at: units.placeCount)
                units.append(symbol)
            } else {
                units.append(Int32(symbols.insert(UnsafeRawBufferPointer(rebasing: word[range]))))
            }
        }
        let characters = units.placeCount - first
        units.endWord()
        guard units.placeCount < Int(UInt32.max) else { throw ToolError.data(name, "", "its words have more than 2^32 characters") }
        let added = count.multipliedReportingOverflow(by: UInt64(characters - 1))
        let sum = occurrences.addingReportingOverflow(added.partialValue)
        guard !added.overflow, !sum.overflow, sum.partialValue <= Self.mostOccurrences else {
            throw ToolError.data(name, "", "the pairs of characters of its words occur more than 2^60 times")
        }
        occurrences = sum.partialValue
    }

    /// Learns at most `count` merges of pairs that occur at least `minimumCount` times.
    /// - `onMerge`: called after each merge with the number of merges so far.
    public mutating func learn(_ count: Int, minimumCount: Int = 2, onMerge: (Int) -> Void = { _ in }) -> Merges {
        countPairs()
        var merges: [Merges.Pair] = []
        guard let greatest = pairs.greatest(symbols) else { return Merges([]) }
        var threshold = Double(pairs.value(greatest)) / 10
        for number in 0..<count {
            var best = pairs.greatest(symbols)
            if best.map({ number > 0 && Double(pairs.value($0)) < threshold }) ?? true {
                pairs.putAside(below: threshold)
                pairs.restore(symbols)
                best = pairs.greatest(symbols)
                threshold = Double(best.map(pairs.value) ?? 0) * Double(number) / (Double(number) + 10_000)
                pairs.putAside(below: threshold)
            }
            guard let best, pairs.value(best) >= minimumCount else { break }
            let (left, right) = pairs.symbols(best)
            merges.append(Merges.Pair(bytes(left), bytes(right)))
            merge(best, left, right)
            if number % 100 == 0 { pairs.putAside(below: threshold) }
            onMerge(merges.count)
        }
        return Merges(merges)
    }

    private func bytes(_ symbol: Int32) -> [UInt8] { symbols.withWord(Int(symbol)) { Array($0) } }

    private mutating func remember(_ symbol: Int32, at place: Int) {
        while places.count <= Int(symbol) { places.append([]) }
        places[Int(symbol)].append(UInt32(place))
    }

    private mutating func countPairs() {
        for word in counts.indices {
            var place = units.start(of: word), next = units.next(place)
            while units.symbol(at: next) >= 0 {
                pairs.add(counts[word], to: units.symbol(at: place), units.symbol(at: next), at: place)
                (place, next) = (next, units.next(next))
            }
        }
        pairs.begin(symbols)
    }

    /// Merges a pair in all words, from the left, and updates the counts of neighbouring pairs.
    ///
    /// Only places where the pair occurs are examined, so that the time for all merges is proportional to the number of letters,
    /// however long the words are.
    private mutating func merge(_ pair: Int32, _ left: Int32, _ right: Int32) {
        let known = symbols.count
        let merged = Int32((bytes(left) + bytes(right)).withUnsafeBytes { symbols.insert($0) })
        let places = pairs.takePlaces(pair)
        placesSeen += places.count
        pairs.clear(pair)
        let found = occurrences(of: left, right, at: places)
        for (place, word) in found { removeNeighbours(of: left, right, at: place, counts[word]) }
        for (place, _) in found { units.join(place, into: merged) }
        // If another pair has formed the same symbol before, subword-nmt counts its neighbours in these words again.
        let old = Int(merged) < known ? self.places(of: merged, inWordsOf: found) : []
        for (place, word) in found + old { addNeighbours(of: merged, at: place, counts[word]) }
        for (place, _) in found { remember(merged, at: place) }
        pairs.clear(pair)
    }

    /// Returns, in order and each with its word, the places where a pair must be merged, among those where it has been seen.
    private func occurrences(of left: Int32, _ right: Int32, at places: [UInt32]) -> [(place: Int, word: Int)] {
        var found: [(place: Int, word: Int)] = [], end = 0
        for place in places.sorted().lazy.map({ Int($0) }) where place >= end && units.symbol(at: place) == left {
            let second = units.next(place)
            guard units.symbol(at: second) == right else { continue }
            found.append((place, units.word(at: place)))
            end = units.next(second)
        }
        return found
    }

    /// Returns the places of a symbol in the words of `found`, except the places in `found`, which have just become that symbol.
    private mutating func places(of symbol: Int32, inWordsOf found: [(place: Int, word: Int)]) -> [(place: Int, word: Int)] {
        guard Int(symbol) < places.count else { return [] }
        placesSeen += places[Int(symbol)].count
        var places = places[Int(symbol)].filter { units.symbol(at: Int($0)) == symbol }
        places.sort()
        self.places[Int(symbol)] = places
        var result: [(place: Int, word: Int)] = [], index = 0
        for place in places.lazy.map({ Int($0) }) where result.last?.place != place {
            let word = units.word(at: place)
            while index < found.count && found[index].word < word { index += 1 }
            guard index < found.count, found[index].word == word else { continue }
            result.append((place, word))
        }
        return result
    }

    private mutating func removeNeighbours(of left: Int32, _ right: Int32, at place: Int, _ count: Int) {
        if let before = units.previous(place) { pairs.add(-count, to: units.symbol(at: before), left, at: nil) }
        let behind = units.next(units.next(place)), next = units.symbol(at: behind)
        guard next >= 0 else { return }
        // In A B A B, the pair B A is removed by the second A B.
        if next != left || units.symbol(at: units.next(behind)) != right { pairs.add(-count, to: right, next, at: nil) }
    }

    private mutating func addNeighbours(of merged: Int32, at place: Int, _ count: Int) {
        if let before = units.previous(place) { pairs.add(count, to: units.symbol(at: before), merged, at: before) }
        let behind = units.next(place), next = units.symbol(at: behind)
        if next >= 0 && next != merged { pairs.add(count, to: merged, next, at: place) }
    }
}

/// The units of all words in one list of letters, in which neighbours can be joined.
///
/// A unit of several letters is stored at the place of its first letter. The places of its other letters are negative; the first
/// and last of them hold the number of letters, so that neighbours on both sides are found in one step.
private struct WordUnits {
    /// Symbols; negative where no unit starts.
    private var letters: [Int32] = [wordBreak]
    /// First place of each word.
    private var starts: [Int] = []

    /// Separates words, and precedes the first and follows the last.
    private static let wordBreak: Int32 = -1

    var wordCount: Int { starts.count }
    /// Number of places: all letters, and what separates words.
    var placeCount: Int { letters.count }

    mutating func beginWord() { starts.append(letters.count) }
    mutating func append(_ symbol: Int32) { letters.append(symbol) }
    mutating func endWord() { letters.append(Self.wordBreak) }

    /// Returns the first place of a word; one place separates two words.
    func start(of word: Int) -> Int { starts[word] }

    /// Returns the word that contains a place.
    func word(at place: Int) -> Int {
        var low = 0, high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= place { low = middle } else { high = middle }
        }
        return low
    }

    /// Returns the symbol of the unit at a place; negative if no unit starts there.
    func symbol(at place: Int) -> Int32 { letters[place] }

    /// Returns the first place of the next unit, or the place after the word.
    func next(_ place: Int) -> Int {
        let behind = letters[place + 1]
        return behind < Self.wordBreak ? place - Int(behind) : place + 1
    }

    /// Returns the first place of the previous unit; `nil` for the first unit of a word.
    func previous(_ place: Int) -> Int? {
        let before = letters[place - 1]
        if before == Self.wordBreak { return nil }
        return before < 0 ? place + Int(before) : place - 1
    }

    /// Joins the unit at a place with the next one.
    mutating func join(_ place: Int, into symbol: Int32) {
        let second = next(place), end = next(second), length = Int32(end - place)
        letters[place] = symbol
        letters[second] = -length
        letters[place + 1] = -length
        letters[end - 1] = -length
    }
}

/// Calls `body` with the bytes of each character of a word.
func forEachCharacter(of word: UnsafeRawBufferPointer, _ body: (_ range: Range<Int>, _ isLast: Bool) -> Void) {
    var start = 0
    while start < word.count {
        var end = start + 1
        // Continuation bytes, 10xxxxxx.
        while end < word.count && word[end] & 0xC0 == 0x80 { end += 1 }
        body(start..<end, end == word.count)
        start = end
    }
}
