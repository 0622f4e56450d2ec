import Files
import Shards

/// Learns merges from words and their counts (Sennrich, Haddow and Birch 2016): again and again the most frequent pair of
/// neighbouring symbols becomes one, of equally frequent ones that which is last in the order of code points.
///
/// Gives the merges of subword-nmt, also where its pruning of rare pairs forgets a count: pairs below a threshold are put
/// aside, and looked at again when all others have fallen below it.
public struct MergeLearner {
    private var symbols = WordTable()
    /// The symbols of all words, one word after another; merging makes words shorter in their places.
    private var letters: [Int32] = []
    private var starts: [Int] = [], lengths: [Int32] = []
    private var counts: [Int] = []
    private var pairs = PairCounts()
    /// All pairs of all words, each as often as its word occurs.
    private var occurrences: UInt64 = 0
    /// So few that no count of a pair overflows, though one that was put aside may be out of date.
    private static let mostOccurrences: UInt64 = 1 << 60
    private let name: String

    /// - Parameter name: what the words come from, for messages.
    public init(of name: String = "the words") { self.name = name }

    /// Words, as far as they have letters.
    public var wordCount: Int { counts.count }

    /// Adds a word. Throws `ToolError.data` where counts become too large to be added.
    public mutating func add(_ word: UnsafeRawBufferPointer, count: UInt64) throws {
        guard !word.isEmpty else { return }
        let first = letters.count
        starts.append(first)
        counts.append(Int(clamping: count))
        forEachCharacter(of: word) { range, isLast in
            if isLast {
                let carrying = Array(word[range]) + Merges.wordEnd
                letters.append(Int32(carrying.withUnsafeBytes { symbols.insert($0) }))
            } else {
                letters.append(Int32(symbols.insert(UnsafeRawBufferPointer(rebasing: word[range]))))
            }
        }
        lengths.append(Int32(letters.count - first))
        let added = count.multipliedReportingOverflow(by: UInt64(letters.count - first - 1))
        let sum = occurrences.addingReportingOverflow(added.partialValue)
        guard !added.overflow, !sum.overflow, sum.partialValue <= Self.mostOccurrences else {
            throw ToolError.data(name, "", "the pairs of characters of its words occur more than 2^60 times")
        }
        occurrences = sum.partialValue
    }

    /// Learns at most `count` merges, of pairs that occur at least `minimumCount` times.
    /// - Parameter onMerge: called after each, with how many there are.
    public mutating func learn(_ count: Int, minimumCount: Int = 2, onMerge: (Int) -> Void = { _ in }) -> Merges {
        countPairs()
        var merges: [Merges.Pair] = []
        guard let greatest = pairs.greatest(symbols) else { return Merges([]) }
        var threshold = Double(pairs.value(greatest)) / 10
        for number in 0..<count {
            var best = pairs.greatest(symbols)
            if best.map({ number > 0 && Double(pairs.value($0)) < threshold }) ?? true {
                pairs.putAside(below: threshold)
                pairs.restore()
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

    private mutating func countPairs() {
        for word in counts.indices {
            let start = starts[word]
            for place in start..<start + Int(lengths[word]) - 1 {
                pairs.add(counts[word], to: letters[place], letters[place + 1], word: word)
            }
        }
        pairs.begin()
    }

    /// Merges a pair in all words, from the left, and counts the neighbours anew.
    private mutating func merge(_ pair: Int32, _ left: Int32, _ right: Int32) {
        let merged = Int32((bytes(left) + bytes(right)).withUnsafeBytes { symbols.insert($0) })
        let words = pairs.takeWords(pair)
        pairs.clear(pair)
        var old: [Int32] = [], new: [Int32] = []
        for word in words {
            let word = Int(word), start = starts[word]
            old.removeAll(keepingCapacity: true)
            new.removeAll(keepingCapacity: true)
            old.append(contentsOf: letters[start..<start + Int(lengths[word])])
            var place = 0
            while place < old.count {
                if old[place] == left && place + 1 < old.count && old[place + 1] == right {
                    new.append(merged)
                    place += 2
                } else {
                    new.append(old[place])
                    place += 1
                }
            }
            guard new.count < old.count else { continue }
            for (index, symbol) in new.enumerated() { letters[start + index] = symbol }
            lengths[word] = Int32(new.count)
            removeNeighbours(of: left, right, in: old, counts[word], word)
            addNeighbours(of: merged, in: new, counts[word], word)
        }
        pairs.clear(pair)
    }

    private mutating func removeNeighbours(
        of left: Int32, _ right: Int32, in old: [Int32], _ count: Int, _ word: Int
    ) {
        var place = 0
        while place < old.count - 1 {
            guard old[place] == left && old[place + 1] == right else {
                place += 1
                continue
            }
            if place > 0 { pairs.add(-count, to: old[place - 1], old[place], word: nil) }
            // In A B A B the pair B A is the second A B's to remove.
            if place < old.count - 2,
                old[place + 2] != left || place >= old.count - 3 || old[place + 3] != right {
                pairs.add(-count, to: old[place + 1], old[place + 2], word: nil)
            }
            place += 2
        }
    }

    private mutating func addNeighbours(of merged: Int32, in new: [Int32], _ count: Int, _ word: Int) {
        for place in new.indices where new[place] == merged {
            if place > 0 { pairs.add(count, to: new[place - 1], merged, word: word) }
            if place < new.count - 1 && new[place + 1] != merged {
                pairs.add(count, to: merged, new[place + 1], word: word)
            }
        }
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
