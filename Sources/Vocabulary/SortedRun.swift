import Files
import Parallel
import Shards

/// Words with counts in some order, in an unnamed temporary file. The file is a vocabulary shard, so it is compressed and checked
/// like any other.
final class SortedRun {
    private let file: TemporaryFile
    /// Size on disk in bytes.
    let size: Int

    /// Writes the words that `body` appends.
    init(in directory: String?, pool: WorkerPool, _ body: (VocabularyShardWriter) throws -> Void) throws {
        file = try TemporaryFile(in: directory)
        let output = file.output()
        let writer = try VocabularyShardWriter(output, tool: "build-vocab", options: [:], pool: pool)
        try body(writer)
        try writer.finish()
        try output.commit()
        size = output.bytesWritten
    }

    func reader(pool: WorkerPool) throws -> VocabularyShardReader {
        try VocabularyShardReader(file.source(), pool: pool)
    }
}

/// The current word of a run that is being merged.
private final class RunCursor {
    private let run: SortedRun
    private let reader: VocabularyShardReader
    private var words = WordList()
    private var counts: [UInt64] = []
    private var position = -1

    init(_ run: SortedRun, pool: WorkerPool) throws {
        self.run = run
        reader = try run.reader(pool: pool)
    }

    var count: UInt64 { counts[position] }

    func withWord<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try words.withWord(position, body)
    }

    /// Moves to the next word; returns false at the end.
    func advance() throws -> Bool {
        position += 1
        while position == counts.count {
            words.removeAll()
            counts.removeAll(keepingCapacity: true)
            position = 0
            let isBlock = try reader.nextBlock { word, count in
                words.append(word)
                counts.append(count)
            }
            if !isBlock { return false }
        }
        return true
    }
}

/// Merges runs of the same order: calls `body` with every word in this order until it returns false. If the order is by bytes, a
/// word in several runs is passed once with the sum of its counts.
func mergeRuns(
    _ runs: [SortedRun], order: WordOrder, _ body: (UnsafeRawBufferPointer, UInt64) throws -> Bool
) throws {
    // One thread, so that little is read ahead of each of many runs.
    let pool = WorkerPool(threads: 1)
    func precedes(_ left: RunCursor, _ right: RunCursor) -> Bool {
        left.withWord { leftWord in
            right.withWord { order.precedes(leftWord, left.count, $0, right.count) }
        }
    }
    var heap = Heap(try runs.map { try RunCursor($0, pool: pool) }.filter { try $0.advance() }, by: precedes)
    var current: [UInt8] = [], total: UInt64 = 0
    while let top = heap.first {
        let isSame = total > 0 && top.withWord { current.elementsEqual($0) }
        if !isSame {
            if total > 0, try !current.withUnsafeBytes({ try body($0, total) }) { return }
            current.removeAll(keepingCapacity: true)
            top.withWord { current.append(contentsOf: $0) }
            total = 0
        }
        total += top.count
        if try top.advance() { heap.replaceFirst(with: top, by: precedes) } else { heap.popFirst(by: precedes) }
    }
    if total > 0 { _ = try current.withUnsafeBytes { try body($0, total) } }
}

/// The orders of words with counts.
enum WordOrder: Sendable {
    /// By bytes, which brings counts of one word together.
    case bytes
    /// The order of a vocabulary: by descending count, and by bytes for equal counts.
    case frequency

    /// Returns the ids 0, 1, 2, … of words in this order.
    ///
    /// Sorts by the first eight bytes, and compares whole words only if those are equal.
    func sorted(count: Int, counts: [UInt64], word: (Int) -> UnsafeRawBufferPointer) -> [UInt32] {
        var keys = (0..<count).map { id in
            SortKey(count: self == .frequency ? counts[id] : 0, prefix: prefix(word(id)), id: UInt32(id))
        }
        keys.sort { left, right in
            if left.count != right.count { return left.count > right.count }
            if left.prefix != right.prefix { return left.prefix < right.prefix }
            return word(Int(left.id)).lexicographicallyPrecedes(word(Int(right.id)))
        }
        return keys.map(\.id)
    }

    /// Returns true if a word with its count comes before another; false if they are equal.
    func precedes(
        _ left: UnsafeRawBufferPointer, _ leftCount: UInt64, _ right: UnsafeRawBufferPointer, _ rightCount: UInt64
    ) -> Bool {
        if self == .frequency && leftCount != rightCount { return leftCount > rightCount }
        return left.lexicographicallyPrecedes(right)
    }
}

private struct SortKey {
    var count: UInt64
    var prefix: UInt64
    var id: UInt32
}

/// Returns the first eight bytes as a number with the same order.
private func prefix(_ word: UnsafeRawBufferPointer) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<min(8, word.count) { value |= UInt64(word[index]) << UInt64(56 - 8 * index) }
    return value
}
