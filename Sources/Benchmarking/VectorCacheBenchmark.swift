internal import Files
internal import Glibc
@_spi(HostMemory) internal import Kernels
public import Tasks

/// A benchmark of the speed at which task networks read cached vectors, beside that of the disk. The file is read in the order of
/// training, which is batches of random sentences, and from beginning to end, each time after the system has dropped it from its
/// cache.
public struct VectorCacheBenchmark {
    /// The size of the file in bytes.
    public var bytes = 1 << 30
    /// The form of the vectors in the file.
    public var form = VectorForm(layers: 3, width: 1024, wordWidth: 0)
    /// The number of sentences in a batch.
    public var batch = 64
    /// The number of rounds.
    public var rounds = 3
    /// Returns true, after a round, to end the measurement.
    public var shouldStop: () -> Bool = { false }

    /// The speeds in bytes per second.
    public struct Result {
        /// The size of the file in bytes, and the numbers of its sentences and of rounds.
        public let bytes, sentences, rounds: Int
        /// The speed in the order of training, of the disk, and in the order of training from the system's cache; and the ratio of the
        /// first two in each round.
        public let training, disk, remembered, ratio: Spread
    }

    /// Makes a benchmark with the default sizes.
    public init() {}

    /// Makes the file in a new folder within `folder`, measures, and removes both. Throws `ToolError`: `cannotCreate` and `ioError` if
    /// the folder cannot be written.
    public func run(in folder: String) throws -> Result {
        let place = "\(folder)/contour-vector-cache-\(getpid())", cache = VectorCache(folder: place, limit: .max)
        var path = ""
        defer {
            unlink(path)
            rmdir(place)
        }
        // Sentences have 1 to 40 words, 20.5 on average.
        var random = Random(seed: 1, stream: "sentences of a vector cache"), lengths: [Int] = [], words = 0
        while words * form.columns * 4 < bytes {
            lengths.append(Int.random(in: 1...40, using: &random))
            words += lengths[lengths.count - 1]
        }
        let order = lengths.indices.shuffled(using: &random)
        let memory = FloatBuffer(count: 40 * batch * form.columns), numbers = FloatBuffer(count: 40 * form.columns)
        for index in 0..<numbers.count { numbers.start[index] = Float(index % 1000) }
        func open() throws -> CachedVectors {
            try cache.vectors(key: "benchmark", form: form, lengths: lengths) { take in
                for length in lengths { try take(Matrix(numbers, rows: length, columns: form.columns)) }
            }
        }
        /// Copies all vectors as a network would read them.
        func train(_ vectors: CachedVectors) {
            for first in stride(from: 0, to: order.count, by: batch) {
                var row = 0
                for sentence in order[first..<min(order.count, first + batch)] {
                    let rows = vectors.rows(of: sentence)
                    Matrix(memory, at: row * form.columns, rows: rows.rows, columns: form.columns).copy(from: rows)
                    row += rows.rows
                }
            }
        }
        func trainTwice() throws -> (first: Double, second: Double) {
            let vectors = try open()
            return (seconds { train(vectors) }, seconds { train(vectors) })
        }
        path = try open().path
        let size = Double(words * form.columns * 4)
        var speeds: [(training: Double, remembered: Double, disk: Double)] = []
        while speeds.isEmpty || speeds.count < rounds && !shouldStop() {
            // The system would not drop a mapped file from its cache.
            try Self.forget(path)
            let (training, remembered) = try trainTwice()
            try Self.forget(path)
            speeds.append((size / training, size / remembered, size / (try seconds { try Self.read(path) })))
        }
        return Result(
            bytes: Int(size), sentences: lengths.count, rounds: speeds.count, training: Spread(speeds.map(\.training)),
            disk: Spread(speeds.map(\.disk)), remembered: Spread(speeds.map(\.remembered)),
            ratio: Spread(speeds.map { $0.training / $0.disk }))
    }

    /// Makes the system drop a file from its cache, so that the next reader waits for the disk. Throws `ToolError`, `ioError`.
    private static func forget(_ path: String) throws {
        let descriptor = open(path, O_RDONLY)
        defer { close(descriptor) }
        guard descriptor >= 0, fdatasync(descriptor) == 0, posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) == 0 else {
            throw ToolError.system(.ioError, path, "cannot be read again from the disk", errno: errno)
        }
    }

    /// Reads a file from beginning to end. Throws `ToolError`, `ioError`.
    private static func read(_ path: String) throws {
        let descriptor = open(path, O_RDONLY), size = 1 << 20
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
        defer {
            close(descriptor)
            buffer.deallocate()
        }
        var count = 0
        repeat { count = Glibc.read(descriptor, buffer.baseAddress, size) } while count > 0
        guard count == 0 else { throw ToolError.system(.ioError, path, "cannot be read", errno: errno) }
    }
}
