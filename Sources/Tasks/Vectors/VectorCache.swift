import Files
internal import Glibc
@_spi(HostMemory) public import Kernels
internal import Shards

/// The vectors of the sentences of a text in a file, which is mapped: what is read comes from the disk, and stays in the system's cache as
/// long as there is room.
public final class CachedVectors: FrozenVectors, @unchecked Sendable {
    public let form: VectorForm
    public let path: String
    private let file: SafetensorsReader
    private let start: UnsafeMutablePointer<Float>
    /// The row of each sentence, and those of all.
    private let starts: [Int]

    /// Throws `ToolError`, `dataError`, for a file that is not of this form and these sentences.
    fileprivate init(path: String, key: String, form: VectorForm, lengths: [Int]) throws {
        (self.form, self.path) = (form, path)
        starts = lengths.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
        file = try SafetensorsReader(path: path)
        guard file.metadata[Self.keyName] == key, let tensor = file.tensors.first, tensor.shape == [starts[lengths.count], form.columns],
            let floats = try file.floats(tensor)
        else { throw ToolError.data(path, "", "is not what the cache should have under this name; remove it") }
        // Nobody writes to what is mapped for reading.
        start = UnsafeMutablePointer(mutating: floats)
    }

    public func rows(of sentence: Int) -> Matrix {
        Matrix(start + starts[sentence] * form.columns, rows: starts[sentence + 1] - starts[sentence], columns: form.columns)
    }

    public var bytes: Int { file.file.bytes.count }

    fileprivate static let keyName = "contour-vectors"
}

/// A folder of vectors that were made once, of bounded size: those that were used longest ago make room for new ones.
public struct VectorCache: Sendable {
    public let folder: String
    /// Bytes of all files at most.
    public let limit: Int

    public init(folder: String, limit: Int) { (self.folder, self.limit) = (folder, limit) }

    /// $XDG_CACHE_HOME/contour/vectors, or ~/.cache/contour/vectors; `nil` if the environment names neither.
    public static var usualFolder: String? {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil } }
        return variable("XDG_CACHE_HOME").map { "\($0)/contour/vectors" } ?? variable("HOME").map { "\($0)/.cache/contour/vectors" }
    }

    /// The vectors with a key, from the cache, or made and kept there.
    /// - Parameters:
    ///   - key: what the vectors depend on, in text: the same key, the same vectors.
    ///   - lengths: words of each sentence.
    ///   - make: calls its argument with the rows of one sentence after the other, [words, form.columns].
    /// Throws `ToolError`: `usage` if they are larger than the whole cache, `cannotCreate` and `ioError` for a folder that cannot be
    /// written, and what `make` throws.
    public func vectors(
        key: String, form: VectorForm, lengths: [Int], make: (_ take: @escaping (Matrix) throws -> Void) throws -> Void
    ) throws -> CachedVectors {
        var text = key
        let name = text.withUTF8 { String(XXH64.hash(UnsafeRawBufferPointer($0)), radix: 16) }
        let path = "\(folder)/\(name).safetensors"
        if path.withFileName({ access($0, R_OK) }) == 0 {
            // Read just now. The time of the last change stays: by that readers see that a file is as it was.
            let times = [timespec(tv_sec: 0, tv_nsec: Self.now), timespec(tv_sec: 0, tv_nsec: Self.unchanged)]
            _ = path.withFileName { utimensat(AT_FDCWD, $0, times, 0) }
            return try CachedVectors(path: path, key: key, form: form, lengths: lengths)
        }
        let rows = lengths.reduce(0, +), bytes = 4 * rows * form.columns
        guard bytes <= limit else {
            throw ToolError(
                .usage,
                "the vectors of \(rows) words, \(form.columns) numbers each, take \(Self.gigabytes(bytes)), and the cache at most "
                    + "\(Self.gigabytes(limit)); --cache-size allows more")
        }
        try makeFolder()
        try makeRoom(for: bytes)
        let output = try OutputFile(path: path, binary: true)
        try Safetensors.writeHeader(
            [("vectors", "F32", [rows, form.columns], bytes)], metadata: [CachedVectors.keyName: key], to: output)
        var count = 0
        try make { matrix in
            precondition(count < lengths.count && matrix.rows == lengths[count] && matrix.columns == form.columns)
            count += 1
            try output.write(UnsafeRawBufferPointer(matrix.floats))
        }
        precondition(count == lengths.count)
        try output.commit()
        return try CachedVectors(path: path, key: key, form: form, lengths: lengths)
    }

    /// UTIME_NOW and UTIME_OMIT, which the Glibc module does not have.
    private static let now = (1 << 30) - 1, unchanged = (1 << 30) - 2

    private static func gigabytes(_ bytes: Int) -> String { "\((Double(bytes) / 1e8).rounded(.up) / 10) GB" }

    private func makeFolder() throws {
        for (place, letter) in folder.utf8.enumerated().dropFirst() where letter == UInt8(ascii: "/") {
            mkdir(String(decoding: folder.utf8.prefix(place), as: UTF8.self), 0o700)
        }
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw ToolError.system(.cannotCreate, folder, "cannot create", errno: errno)
        }
    }

    /// Removes the files that were used longest ago, until there is room.
    private func makeRoom(for bytes: Int) throws {
        guard let directory = opendir(folder) else { throw ToolError.system(.cannotCreate, folder, "cannot read", errno: errno) }
        var files: [(path: String, bytes: Int, used: Int)] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard name.hasSuffix(".safetensors") else { continue }
            var status = stat()
            let path = "\(folder)/\(name)"
            if path.withFileName({ stat($0, &status) }) == 0 { files.append((path, Int(status.st_size), status.st_atim.tv_sec)) }
        }
        closedir(directory)
        var total = files.reduce(bytes) { $0 + $1.bytes }
        for file in files.sorted(by: { ($0.used, $0.path) < ($1.used, $1.path) }) where total > limit {
            _ = file.path.withFileName { unlink($0) }
            total -= file.bytes
        }
    }
}
