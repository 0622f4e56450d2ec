import Files
internal import Glibc
@_spi(HostMemory) public import Kernels
internal import Shards

/// The vectors of a text's sentences in a memory-mapped file. Reads come from the disk, and stay in the system's cache as long as
/// there is room.
public final class CachedVectors: FrozenVectors, @unchecked Sendable {
    /// The form of the vectors.
    public let form: VectorForm
    /// The path of the file.
    public let path: String
    private let file: SafetensorsReader
    private let start: UnsafeMutablePointer<Float>
    /// The first row of each sentence, followed by the number of all rows.
    private let starts: [Int]

    /// Maps a file. Throws `ToolError`, `dataError`, if it does not have this form and these sentences.
    fileprivate init(path: String, key: String, form: VectorForm, lengths: [Int]) throws {
        (self.form, self.path) = (form, path)
        starts = lengths.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
        file = try SafetensorsReader(path: path)
        guard file.metadata[Self.keyName] == key, let tensor = file.tensors.first, tensor.shape == [starts[lengths.count], form.columns],
            let floats = try file.floats(tensor)
        else { throw ToolError.data(path, "", "is not what the cache should have under this name; remove it") }
        // The memory is mapped for reading, and nothing writes to it.
        start = UnsafeMutablePointer(mutating: floats)
    }

    public func rows(of sentence: Int) -> Matrix {
        Matrix(start + starts[sentence] * form.columns, rows: starts[sentence + 1] - starts[sentence], columns: form.columns)
    }

    /// The size of the file in bytes.
    public var bytes: Int { file.file.bytes.count }

    fileprivate static let keyName = "contour-vectors"
}

/// A folder of vectors of bounded size. The least recently used files make room for new ones.
public struct VectorCache: Sendable {
    /// The path of the folder.
    public let folder: String
    /// The largest size of all files together in bytes.
    public let limit: Int

    /// Makes a cache; the folder need not exist yet.
    public init(folder: String, limit: Int) { (self.folder, self.limit) = (folder, limit) }

    /// The path $XDG_CACHE_HOME/contour/vectors, or ~/.cache/contour/vectors; `nil` if the environment defines neither.
    public static var usualFolder: String? {
        func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil } }
        return variable("XDG_CACHE_HOME").map { "\($0)/contour/vectors" } ?? variable("HOME").map { "\($0)/.cache/contour/vectors" }
    }

    /// Returns the vectors with a key from the cache, or makes them and keeps them there. Throws `ToolError`: `usage` if they are
    /// larger than the whole cache, `cannotCreate` and `ioError` for a folder that cannot be written, and what `make` throws.
    /// - `key`: a text of everything that the vectors depend on: equal keys mean equal vectors.
    /// - `lengths`: the number of words in each sentence.
    /// - `make`: calls its argument with the rows of one sentence after the other, [words, form.columns].
    public func vectors(
        key: String, form: VectorForm, lengths: [Int], make: (_ take: @escaping (Matrix) throws -> Void) throws -> Void
    ) throws -> CachedVectors {
        var text = key
        let name = text.withUTF8 { String(XXH64.hash(UnsafeRawBufferPointer($0)), radix: 16) }
        let path = "\(folder)/\(name).safetensors"
        if path.withFileName({ access($0, R_OK) }) == 0 {
            // The access time becomes now. The modification time stays, because readers use it to see that a file is unchanged.
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

    /// The constants UTIME_NOW and UTIME_OMIT, which the Glibc module lacks.
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

    /// Removes the least recently used files until there is room.
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
