import Files

/// The numeric data sets of an HDF5 file, read as floats.
///
/// Links to other places and other files are not followed. Each call starts a separate process in which the library works
/// (`HDF5ReaderService`), so that however damaged a file is, the result is a value or a `ToolError`.
public final class HDF5File: Sendable {
    /// The user's name for the file.
    public let name: String
    /// All data sets, ordered by the bytes of their names, group by group.
    public let datasets: [HDF5Dataset]
    private let file: PlacedFile
    #if HDF5
    private let reader: ReaderProgram
    #endif
    private let links: Set<String>
    private let indices: [String: Int]

    /// Opens a file and lists its contents. Throws `ToolError`: `noInput` if it cannot be opened, `dataError` if it is damaged or
    /// not an HDF5 file, `unavailable` if the tools were built without the library or the program that reads such files is missing.
    /// - `reader`: path of a program that calls `HDF5ReaderService`; `nil` means this program if it does so, otherwise
    ///   `encode` in this program's folder.
    public init(path: String, reader: String? = nil) throws {
        #if HDF5
        guard let file = PlacedFile(try FileSource(path: path)) else {
            throw ToolError(.noInput, "\(path): is not a plain file, as HDF5 must be")
        }
        guard try Self.hasSignature(file) else {
            let compression = Compression(head: try file.read(at: 0, count: min(16, file.size)))
            throw ToolError.data(path, "", "is not an HDF5 file" + (compression.map { ": it \($0.advice(path))" } ?? ""))
        }
        let reader = try reader.map { ReaderProgram(path: $0, shown: $0) } ?? .find(for: path)
        let answer = try carryOut(ReadRequest(of: path, reading: file.size), on: file, by: reader)
        guard case .list(let catalogue) = answer else { throw ToolError.data(path, "", "is damaged") }
        self.file = file
        self.reader = reader
        name = path
        datasets = catalogue.datasets
        links = Set(catalogue.links)
        indices = Dictionary(catalogue.datasets.enumerated().map { ($1.path, $0) }, uniquingKeysWith: { first, _ in first })
        #else
        throw withoutLibrary(path)
        #endif
    }

    /// Returns the data set at `path`, such as `/RNN_0/B`. Throws `ToolError` with status `dataError` if there is none.
    public func dataset(_ path: String) throws -> HDF5Dataset {
        if let index = indices[path] { return datasets[index] }
        let isBehindLink =
            links.contains(path) || path.indices.contains { path[$0] == "/" && links.contains(String(path[..<$0])) }
        throw ToolError.data(
            name, "data set \(path)", isBehindLink ? "is behind a link, and links are not followed" : "is not in the file")
    }

    /// Returns all values of a data set in row-major order. Floats and integers of any width and byte order are converted to floats
    /// as by assignment in C. Throws `ToolError`, mostly `dataError`, if the data set is missing or damaged, is not numeric, or
    /// claims more values than the file can hold.
    public func values(_ path: String) throws -> [Float] {
        let dataset = try dataset(path)
        func refusal(_ cause: String) -> ToolError { .data(name, "data set \(path)", cause) }
        guard dataset.kind != .other else { throw refusal("does not hold floats or integers in this file") }
        // The maximum compression ratio of deflate is 1032 to 1.
        let stored = min(dataset.stored.bytes, file.size)
        let (held, overflow) = stored.multipliedReportingOverflow(by: dataset.stored.isCompressed ? 1032 : 1)
        guard overflow || dataset.count * dataset.elementSize <= held else {
            throw refusal("claims \(dataset.count) values, and \(stored) bytes are stored")
        }
        #if HDF5
        return try [Float](unsafeUninitializedCapacity: dataset.count) { buffer, initialized in
            guard dataset.count > 0 else { return }
            let values = UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[..<dataset.count]))
            let request = ReadRequest(dataset, of: name, reading: file.size + values.count)
            _ = try carryOut(request, on: file, by: reader, values: values)
            initialized = dataset.count
        }
        #else
        throw withoutLibrary(name)
        #endif
    }

    #if HDF5
    /// Returns true if the signature is at the start, or at a power of two from 512 on.
    private static func hasSignature(_ file: PlacedFile) throws -> Bool {
        let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
        var offset = 0
        while offset <= file.size - signature.count {
            if try file.read(at: offset, count: signature.count) == signature { return true }
            offset = max(512, 2 * offset)
        }
        return false
    }
    #endif
}

/// A data set in an HDF5 file.
public struct HDF5Dataset: Sendable, Equatable, Codable {
    /// Names of its groups and its own, each after a slash, such as `/RNN_0/B`.
    public let path: String
    /// Shape; empty for a single value.
    public let shape: [Int]
    /// Type of the values.
    public let kind: Kind
    /// Space that the data set takes in the file.
    let stored: Storage

    /// A type of values.
    public enum Kind: Sendable, Equatable, Codable {
        /// Floating-point numbers of 16, 32 or 64 bits.
        case float(bits: Int)
        /// Integers of 8 to 64 bits, signed or unsigned.
        case integer(bits: Int)
        /// Strings, compounds, and everything else that is not read here.
        case other
    }

    struct Storage: Sendable, Equatable, Codable {
        var bytes: Int
        var isCompressed: Bool
    }

    /// Number of values.
    public var count: Int { shape.reduce(1, *) }

    /// Bytes of a value; 0 for types that are not read here.
    var elementSize: Int {
        switch kind {
        case .float(let bits), .integer(let bits): bits / 8
        case .other: 0
        }
    }
}
