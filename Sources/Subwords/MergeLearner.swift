import Files
import Shards

/// Learns merges from words and their counts (Sennrich, Haddow and Birch 2016): again and again the most frequent pair of
/// neighbouring symbols becomes one, of equally frequent ones that which is last in the order of code points.
///
/// Gives the merges of subword-nmt, also where its pruning of rare pairs forgets a count: pairs below a threshold are put
/// aside, and looked at again when all others have fallen below it.
public struct MergeLearner {
    private var symbols = WordTable()
    private var units = WordUnits()
    private var counts: [Int] = []
    /// The places where each symbol of several characters came to be, and perhaps is no more.
    private var places: [[UInt32]] = []
    private var pairs = PairCounts()
    /// All pairs of all words, each as often as its word occurs.
    private var occurrences: UInt64 = 0
    /// So few that no count of a pair overflows, though one that was put aside may be out of date.
    private static let mostOccurrences: UInt64 = 1 << 60
    private let name: String

    private var placesSeen = 0
    /// The number of places and pairs that have been looked at, which takes the time: counted for tests.
    package var work: Int { placesSeen + pairs.comparisons }

    /// - Parameter name: the words' origin, for messages.
    public init(of name: String = "the words") { self.name = name }

    /// Words, as far as they have letters.
    public var wordCount: Int { units.wordCount }

    /// Adds a word. Throws `ToolError.data` where counts become too large to be added.
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

    /// Learns at most `count` merges, of pairs that occur at least `minimumCount` times.
    /// - Parameter onMerge: called after each merge, with the number of merges so far.
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

    /// Merges a pair in all words, from the left, and counts the neighbours anew.
    ///
    /// Looks at the places where the pair is and at no others, so that all merges together take time in proportion to the letters,
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
        // Where another pair has made the same symbol before, subword-nmt counts its neighbours in these words again.
        let old = Int(merged) < known ? self.places(of: merged, inWordsOf: found) : []
        for (place, word) in found + old { addNeighbours(of: merged, at: place, counts[word]) }
        for (place, _) in found { remember(merged, at: place) }
        pairs.clear(pair)
    }

    /// The places, in their order and each with its word, at which a pair is to be merged, of those where it has been seen.
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

    /// The places of a symbol in the words of `found`, but for those of `found` itself, which have just become that symbol.
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
        // In A B A B the pair B A is the second A B's to remove.
        if next != left || units.symbol(at: units.next(behind)) != right { pairs.add(-count, to: right, next, at: nil) }
    }

    private mutating func addNeighbours(of merged: Int32, at place: Int, _ count: Int) {
        if let before = units.previous(place) { pairs.add(count, to: units.symbol(at: before), merged, at: before) }
        let behind = units.next(place), next = units.symbol(at: behind)
        if next >= 0 && next != merged { pairs.add(count, to: merged, next, at: place) }
    }
}

/// The units of all words in one list of letters, in which neighbours join.
///
/// A unit of several letters stands at the place of its first one, and the places of the others are below zero: the first and the
/// last of them hold the number of the unit's letters, so that its neighbours on both sides are found in one step.
private struct WordUnits {
    /// Symbols; below zero what is none.
    private var letters: [Int32] = [wordBreak]
    /// The first place of each word.
    private var starts: [Int] = []

    /// Before each word and behind the last.
    private static let wordBreak: Int32 = -1

    var wordCount: Int { starts.count }
    /// Places of all words' letters and of what is between the words.
    var placeCount: Int { letters.count }

    mutating func beginWord() { starts.append(letters.count) }
    mutating func append(_ symbol: Int32) { letters.append(symbol) }
    mutating func endWord() { letters.append(Self.wordBreak) }

    /// The first place of a word; one place is between two words.
    func start(of word: Int) -> Int { starts[word] }

    /// The word in which a place is.
    func word(at place: Int) -> Int {
        var low = 0, high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= place { low = middle } else { high = middle }
        }
        return low
    }

    /// The symbol of the unit at a place; below zero if no unit begins there.
    func symbol(at place: Int) -> Int32 { letters[place] }

    /// The first place of the unit behind that at `place`, or the place behind the word.
    func next(_ place: Int) -> Int {
        let behind = letters[place + 1]
        return behind < Self.wordBreak ? place - Int(behind) : place + 1
    }

    /// The first place of the unit before that at `place`; `nil` if this is the word's first.
    func previous(_ place: Int) -> Int? {
        let before = letters[place - 1]
        if before == Self.wordBreak { return nil }
        return before < 0 ? place + Int(before) : place - 1
    }

    /// Joins the unit at a place and the one behind it.
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
        // What goes on with 10xxxxxx.
        while end < word.count && word[end] & 0xC0 == 0x80 { end += 1 }
        body(start..<end, end == word.count)
        start = end
    }
}
