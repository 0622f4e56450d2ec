import Files
public import Parallel
import Shards

/// The totals of a count, before and after leaving words out.
public struct CountedText: Sendable, Equatable {
    /// Sum of all counts.
    public var tokens: UInt64 = 0
    /// Number of distinct words.
    public var types = 0
    /// Sum of XXH64(word) x count modulo 2^64, which does not depend on the division or order of the text.
    public var digest: UInt64 = 0
    /// Number of distinct words kept.
    public var keptTypes = 0
    /// Sum of the counts of the words kept.
    public var keptTokens: UInt64 = 0
    /// Compressed bytes written to temporary files.
    public var spilled = 0

    /// Creates the totals of no text.
    public init() {}
}

/// Counts words in limited memory.
///
/// A hash table counts. When it is full, its words are sorted by bytes and written to a temporary file; at the end all these runs
/// are merged. Sorting by frequency works in the same way if the words do not fit in memory. The result depends only on the counts,
/// not on memory, threads or the order of the input.
public final class WordCounter {
    private let settings: SpillSettings
    private let pool: WorkerPool
    private var words: SpillingTable
    private var result = CountedText()
    /// The merges that split the words of all shards into units, as their headers name them; `nil` before the first shard, and
    /// empty if words are whole.
    var merges: String?

    /// Creates a counter.
    public init(_ settings: SpillSettings = SpillSettings(), pool: WorkerPool) {
        self.settings = settings
        self.pool = pool
        words = SpillingTable(order: .bytes, settings: settings, pool: pool)
    }

    /// Adds `count` occurrences of a word. Throws `ToolError` if a temporary file cannot be written, or if the counts add up to
    /// 2^64 or more.
    /// - `file`: the input that contains the word, for that message.
    public func add(_ word: UnsafeRawBufferPointer, count: UInt64, file: String = "") throws {
        guard count > 0 else { return }
        let sum = result.tokens.addingReportingOverflow(count)
        guard !sum.overflow else { throw ToolError.data(file, "", "the counts of all words add up to more than 2^64") }
        result.tokens = sum.partialValue
        result.digest &+= XXH64.hash(word) &* count
        try words.add(word, count)
    }

    /// Calls `body` with the words that occur at least `minimumCount` times, in descending order of count and by bytes for equal
    /// counts, `maximumSize` words at most. The counter is empty afterwards.
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

/// Words with counts that can be read in one order: a table, and the sorted runs that were written to disk each time it was full.
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

    /// Writes a run of the words that `forEach` passes to its argument.
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

/// The memory that counting may use, and the folder for the rest.
public struct SpillSettings: Sendable {
    /// Total bytes for counting.
    public var memory: Int
    /// Folder of temporary files; `nil` means `$TMPDIR`, or /tmp.
    public var directory: String?
    /// Number of runs merged at once. Each needs an open file and about 4 MiB.
    public var fanIn: Int

    /// Default of `memory`, 400 MiB.
    public static let defaultMemory = 400 << 20
    /// Bytes for the dictionary of a token shard's part, its counts, and blocks in progress.
    public static let reserved = 96 << 20
    /// Minimum of `memory`, 128 MiB.
    public static let leastMemory = 128 << 20

    /// Creates settings.
    public init(memory: Int = SpillSettings.defaultMemory, directory: String? = nil) {
        self.memory = memory
        self.directory = directory
        fanIn = min(64, max(2, (memory - Self.reserved) / (4 << 20)))
    }

    /// Creates settings for tests, with a table of this many bytes and few runs at once.
    package init(tableMemory: Int, fanIn: Int) {
        memory = Self.reserved + tableMemory * 3
        directory = nil
        self.fanIn = fanIn
    }

    /// Bytes of a full table: it may double when it grows next, and sorting takes as much as its slots.
    var tableMemory: Int { max(1 << 10, (memory - Self.reserved) / 3) }
}
