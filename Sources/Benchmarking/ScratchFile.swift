internal import Files
internal import Glibc
internal import Parallel
internal import Shards

/// A file between two tools. It has no name, so that nothing is left behind however the benchmark ends; other processes open it
/// through this process's descriptor.
typealias ScratchFile = TemporaryFile

extension ScratchFile {
    /// Makes a file of at least `bytes` bytes of synthetic text. Throws what creating and writing a file throws.
    convenience init(syntheticText bytes: Int) throws {
        try self.init()
        var text = SyntheticText()
        try write { try text.write(bytes: bytes, to: $0) }
    }

    /// The name that tools open to read the file from its start, valid as long as this object lives.
    var path: String { "/proc/\(getpid())/fd/\(descriptor)" }

    /// Appends what `body` writes. Throws what `body` and writing throw.
    func write(_ body: (OutputFile) throws -> Void) throws {
        let output = output()
        try body(output)
        try output.commit()
    }

    /// Returns the last line that is not empty, or `nil` if there is none. Throws what reading throws.
    func lastLine() throws -> String? {
        var last: String?
        let lines = LineReader(try source())
        while try lines.next({ if !$0.isEmpty { last = String(decoding: $0, as: UTF8.self) } }) {}
        return last
    }

    /// Reads the file as a vocabulary. Throws what `VocabularyShardReader` throws.
    func vocabulary() throws -> VocabularyShardReader {
        try VocabularyShardReader(FileSource(path: path), pool: WorkerPool(threads: 1))
    }

    /// Returns the numbers of tokens and of distinct words of a vocabulary. Throws what reading it throws.
    func counted() throws -> (tokens: Int, words: Int) {
        let reader = try vocabulary()
        var (tokens, words) = (0, 0)
        while try reader.nextBlock({ _, count in (tokens, words) = (tokens + Int(count), words + 1) }) {}
        return (tokens, words)
    }
}
