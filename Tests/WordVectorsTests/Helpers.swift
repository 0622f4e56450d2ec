import Files
import Glibc
import Kernels
import Shards
import TestSupport
import Testing
import WordVectors

/// A directory that goes when the object goes.
struct Scratch {
    private let directory: TemporaryDirectory
    var path: String { directory.path }

    init() throws { directory = try TemporaryDirectory() }

    /// Writes a file and returns its path.
    func file(_ name: String, _ bytes: [UInt8]) throws -> String { try directory.write(name, bytes) }
    func file(_ name: String, _ text: String) throws -> String { try directory.write(name, text) }

    /// Runs a shell command in the directory; whether it succeeded.
    func run(_ command: String) -> Bool { system("cd '\(path)' && \(command) >/dev/null 2>&1") == 0 }
}

func readFile(_ path: String) throws -> [UInt8] { try contents(of: path) }

func table(_ words: [String]) -> WordTable {
    var table = WordTable()
    for word in words { _ = table.insert(word) }
    return table
}

extension VectorLookup {
    /// The vector of word `id`, `nil` if it has none.
    func vector(_ id: Int) -> [Float]? { found[id] ? rows.row(id).values : nil }

    var bits: [UInt32] { rows.matrix.values.map(\.bitPattern) }
}

extension VectorLookup.Counts {
    init(found: Int, inFile: Int, duplicates: Int = 0, invalidWords: Int = 0, zeroVectors: Int = 0) {
        self.init()
        (self.found, self.inFile) = (found, inFile)
        (self.duplicates, self.invalidWords, self.zeroVectors) = (duplicates, invalidWords, zeroVectors)
    }
}

extension TableSummary.Share {
    init(words: Int, tokens: UInt64) {
        self.init()
        (self.words, self.tokens) = (words, tokens)
    }
}

extension EmbeddingTable {
    /// The vector of any word, and where it comes from.
    func vector(of word: String) throws -> (VectorSource, [Float]) {
        let row = RowMatrix(count: 1, dimension: dimension)
        row.matrix.fill(.nan)
        let source = try Array(word.utf8).withUnsafeBytes { try vector(for: $0, into: row.row(0)) }
        return (source, row.row(0).values)
    }
}

extension TableRows {
    func row(_ id: Int) throws -> [Float] {
        let row = RowMatrix(count: 1, dimension: dimension)
        try read(id, into: row.row(0))
        return row.row(0).values
    }
}

func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

func littleEndian(_ values: [Float]) -> [UInt8] { values.flatMap { littleEndian($0.bitPattern) } }

/// Numbers without an order that matters (SplitMix64).
struct TestRandom {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
    mutating func unit() -> Float { Float(next() >> 40) * 0x1p-24 }
}

/// The message of the `ToolError` with status `dataError` that `body` must throw.
func dataError(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> String {
    do {
        try body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch let error as ToolError {
        #expect(error.status == .dataError, "\(error)", sourceLocation: sourceLocation)
        return error.description
    } catch {
        Issue.record("\(error)", sourceLocation: sourceLocation)
    }
    return ""
}
