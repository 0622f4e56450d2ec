import Files
public import Parallel
import Shards

/// What was counted, before words were left out.
public struct CountedText: Sendable, Equatable {
    /// The sum of all counts.
    public var tokens: UInt64 = 0
    /// Distinct words.
    public var types = 0
    /// The sum of XXH64(word) x count modulo 2^64: the same however the text was divided and in whatever order.
    public var digest: UInt64 = 0
    /// Words and tokens kept.
    public var keptTypes = 0
    public var keptTokens: UInt64 = 0
    /// Bytes that went to temporary files, compressed.
    public var spilled = 0

    public init() {}
}

/// Counts words in bounded memory.
///
/// A hash table counts; when it is full its words go to a temporary file, sorted by bytes, and in the end all such runs
/// are merged. Sorting by frequency is done the same way if the words do not fit. The result depends on the counts
/// alone, not on memory, threads or the order of the input.
public final class WordCounter {
    private let settings: SpillSettings
    private let pool: WorkerPool
    /// Merging reads one block ahead in each of many runs, not several.
    private let mergePool = WorkerPool(threads: 1)
    private var table = CountTable()
    private var runs: [SortedRun] = []
    private var result = CountedText()
    /// The merges that cut the words of all shards into units, as their headers name them; `nil` before the first shard, and
    /// empty if words are words.
    var merges: String?

    public init(_ settings: SpillSettings = SpillSettings(), pool: WorkerPool) {
        self.settings = settings
        self.pool = pool
    }

    /// Adds `count` occurrences of a word. Throws `ToolError` if a temporary file cannot be written, or counts add up to
    /// 2^64.
    /// - Parameter file: where they are from, for that message.
    public func add(_ word: UnsafeRawBufferPointer, count: UInt64, file: String = "") throws {
        guard count > 0 else { return }
        let sum = result.tokens.addingReportingOverflow(count)
        guard !sum.overflow else { throw ToolError.data(file, "", "the counts of all words add up to more than 2^64") }
        result.tokens = sum.partialValue
        result.digest &+= XXH64.hash(word) &* count
        table.add(word, count)
        if table.memory > settings.tableMemory {
            runs.append(try spill(&table, .bytes))
            if runs.count == settings.fanIn { runs = [try merge(runs)] }
        }
    }

    /// Calls `body` with the words that occur at least `minimumCount` times, most frequent first and equal counts by
    /// bytes, at most `maximumSize` of them. The counter is empty afterwards.
    public func finish(
        minimumCount: UInt64 = 1, maximumSize: Int? = nil, _ body: (UnsafeRawBufferPointer, UInt64) throws -> Void
    ) throws -> CountedText {
        var room = maximumSize ?? Int.max
        func keep(_ word: UnsafeRawBufferPointer, _ count: UInt64) throws -> Bool {
            guard room > 0 else { return false }
            room -= 1
            result.keptTypes += 1
            result.keptTokens += count
            try body(word, count)
            return true
        }
        if runs.isEmpty {
            result.types = table.count
            try table.forEach(.frequency) { word, count in try count >= minimumCount && keep(word, count) }
            table.removeAll()
            return result
        }
        runs.append(try spill(&table, .bytes))
        var frequent = CountTable()
        var frequencyRuns: [SortedRun] = []
        try forEachMerged(runs) { word, count in
            result.types += 1
            guard count >= minimumCount else { return }
            frequent.add(word, count)
            if frequent.memory > settings.tableMemory {
                frequencyRuns.append(try spill(&frequent, .frequency))
                if frequencyRuns.count == settings.fanIn {
                    frequencyRuns = [try mergeByFrequency(frequencyRuns)]
                }
            }
        }
        runs = []
        if frequencyRuns.isEmpty {
            try frequent.forEach(.frequency, keep)
        } else {
            frequencyRuns.append(try spill(&frequent, .frequency))
            var merger = try RunMerger(frequencyRuns, order: .frequency, pool: mergePool)
            try merger.forEach(keep)
        }
        return result
    }

    private func spill(_ table: inout CountTable, _ order: WordOrder) throws -> SortedRun {
        let run = try writeRun { writer in
            try table.forEach(order) { word, count in
                try writer.append(word, count: count)
                return true
            }
        }
        table.removeAll()
        return run
    }

    private func merge(_ runs: [SortedRun]) throws -> SortedRun {
        try writeRun { writer in try forEachMerged(runs) { try writer.append($0, count: $1) } }
    }

    private func mergeByFrequency(_ runs: [SortedRun]) throws -> SortedRun {
        try writeRun { writer in
            var merger = try RunMerger(runs, order: .frequency, pool: mergePool)
            try merger.forEach {
                try writer.append($0, count: $1)
                return true
            }
        }
    }

    private func writeRun(_ body: (VocabularyShardWriter) throws -> Void) throws -> SortedRun {
        let run = try SortedRun(in: settings.directory, pool: pool, body)
        result.spilled += run.size
        return run
    }

    /// Merges runs by bytes and adds the counts of equal words.
    private func forEachMerged(_ runs: [SortedRun], _ body: (UnsafeRawBufferPointer, UInt64) throws -> Void) throws {
        var merger = try RunMerger(runs, order: .bytes, pool: mergePool)
        var current: [UInt8] = []
        var total: UInt64 = 0
        try merger.forEach { word, count in
            if total > 0 && current.count == word.count && current.elementsEqual(word) {
                total += count
            } else {
                if total > 0 { try current.withUnsafeBytes { try body($0, total) } }
                current.removeAll(keepingCapacity: true)
                current.append(contentsOf: word)
                total = count
            }
            return true
        }
        if total > 0 { try current.withUnsafeBytes { try body($0, total) } }
    }
}

/// Words with counts in memory.
private struct CountTable {
    private var words = WordTable()
    private var counts: [UInt64] = []

    var count: Int { words.count }

    var memory: Int { words.memory + counts.capacity * MemoryLayout<UInt64>.stride }

    mutating func add(_ word: UnsafeRawBufferPointer, _ count: UInt64) {
        let id = words.insert(word)
        if id == counts.count { counts.append(count) } else { counts[id] += count }
    }

    /// Gives the memory back: the next table may be another one.
    mutating func removeAll() { self = CountTable() }

    /// Calls `body` with each word in `order` until it returns false.
    func forEach(_ order: WordOrder, _ body: (UnsafeRawBufferPointer, UInt64) throws -> Bool) throws {
        try words.bytes.withUnsafeBytes { bytes in
            func word(_ id: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[words.range(of: id)]) }
            for id in order.sorted(count: count, counts: counts, word: word) {
                guard try body(word(Int(id)), counts[Int(id)]) else { return }
            }
        }
    }
}

/// How much memory counting may take, and where the rest goes.
public struct SpillSettings: Sendable {
    /// Bytes for the whole of counting.
    public var memory: Int
    /// Where temporary files are made; `nil` is `$TMPDIR`, or /tmp.
    public var directory: String?
    /// Runs merged at once: each takes an open file and about 4 MiB.
    public var fanIn: Int

    public static let defaultMemory = 400 << 20
    /// The dictionary of a token shard's part and its counts, and the blocks on their way.
    public static let reserved = 96 << 20
    public static let leastMemory = 128 << 20

    public init(memory: Int = SpillSettings.defaultMemory, directory: String? = nil) {
        self.memory = memory
        self.directory = directory
        fanIn = min(64, max(2, (memory - Self.reserved) / (4 << 20)))
    }

    /// For tests: a table of so many bytes, so few runs at once.
    package init(tableMemory: Int, fanIn: Int) {
        memory = Self.reserved + tableMemory * 3
        directory = nil
        self.fanIn = fanIn
    }

    /// Bytes of a table that is full: when it next grows it may double, and its sorting takes as much as its slots.
    var tableMemory: Int { max(1 << 10, (memory - Self.reserved) / 3) }
}
