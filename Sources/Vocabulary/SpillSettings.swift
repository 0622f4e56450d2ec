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
