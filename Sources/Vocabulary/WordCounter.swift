import Files
public import Parallel
import Shards

/// The sums of a count, before words were left out.
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
    private var words: SpillingTable
    private var result = CountedText()
    /// The merges that cut the words of all shards into units, as their headers name them; `nil` before the first shard, and
    /// empty if words are words.
    var merges: String?

    public init(_ settings: SpillSettings = SpillSettings(), pool: WorkerPool) {
        self.settings = settings
        self.pool = pool
        words = SpillingTable(order: .bytes, settings: settings, pool: pool)
    }

    /// Adds `count` occurrences of a word. Throws `ToolError` if a temporary file cannot be written, or counts add up to
    /// 2^64.
    /// - Parameter file: the word's origin, for that message.
    public func add(_ word: UnsafeRawBufferPointer, count: UInt64, file: String = "") throws {
        guard count > 0 else { return }
        let sum = result.tokens.addingReportingOverflow(count)
        guard !sum.overflow else { throw ToolError.data(file, "", "the counts of all words add up to more than 2^64") }
        result.tokens = sum.partialValue
        result.digest &+= XXH64.hash(word) &* count
        try words.add(word, count)
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
        defer { words = SpillingTable(order: .bytes, settings: settings, pool: pool) }
        guard words.isSpilled else {
            result.types = words.table.count
            try words.table.forEach(.frequency) { word, count in try count >= minimumCount && keep(word, count) }
            return result
        }
        var frequent = SpillingTable(order: .frequency, settings: settings, pool: pool)
        try words.forEach { word, count in
            result.types += 1
            if count >= minimumCount { try frequent.add(word, count) }
            return true
        }
        result.spilled = words.spilled
        words = SpillingTable(order: .bytes, settings: settings, pool: pool)
        try frequent.forEach(keep)
        result.spilled += frequent.spilled
        return result
    }
}

/// Words with counts, to be had in one order: a table, and sorted runs on disk of what it held each time it was full.
private struct SpillingTable {
    let order: WordOrder
    let settings: SpillSettings
    let pool: WorkerPool
    private(set) var table = CountTable()
    private(set) var runs: [SortedRun] = []
    /// Bytes of all runs so far.
    private(set) var spilled = 0

    var isSpilled: Bool { !runs.isEmpty }

    mutating func add(_ word: UnsafeRawBufferPointer, _ count: UInt64) throws {
        table.add(word, count)
        guard table.memory > settings.tableMemory else { return }
        try spill()
        if runs.count == settings.fanIn {
            let merged = try run { try mergeRuns(runs, order: order, $0) }
            runs = []
            append(merged)
        }
    }

    /// Calls `body` with every word in order until it returns false.
    mutating func forEach(_ body: (UnsafeRawBufferPointer, UInt64) throws -> Bool) throws {
        guard isSpilled else { return try table.forEach(order, body) }
        try spill()
        try mergeRuns(runs, order: order, body)
    }

    private mutating func spill() throws {
        append(try run { try table.forEach(order, $0) })
        table = CountTable()
    }

    private mutating func append(_ run: SortedRun) {
        runs.append(run)
        spilled += run.size
    }

    /// Writes a run of the words that `forEach` gives to its argument.
    private func run(_ forEach: ((UnsafeRawBufferPointer, UInt64) throws -> Bool) throws -> Void) throws -> SortedRun {
        try SortedRun(in: settings.directory, pool: pool) { writer in
            try forEach { word, count in
                try writer.append(word, count: count)
                return true
            }
        }
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

/// The memory that counting may take, and the place for the rest.
public struct SpillSettings: Sendable {
    /// Bytes for the whole of counting.
    public var memory: Int
    /// The folder of temporary files; `nil` is `$TMPDIR`, or /tmp.
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

    /// Settings of tests: a table of so many bytes, so few runs at once.
    package init(tableMemory: Int, fanIn: Int) {
        memory = Self.reserved + tableMemory * 3
        directory = nil
        self.fanIn = fanIn
    }

    /// Bytes of a table that is full: when it next grows it may double, and its sorting takes as much as its slots.
    var tableMemory: Int { max(1 << 10, (memory - Self.reserved) / 3) }
}
